//! Stable names as the words people use for them, with the tone a badge has.

use super::Lang;
use crate::views::tasks::Attention;
use crate::{
    ApiError,
    acts::access::{Role, Roles},
};
use liuhen_inspection::task::TaskState;

/// The colour of a badge; its text always says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Info,
    Good,
    Warn,
    Bad,
}

impl Tone {
    /// The badge's class.
    pub fn class(self) -> &'static str {
        match self {
            Tone::Plain => "plain",
            Tone::Info => "info",
            Tone::Good => "good",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
        }
    }
}

/// A word with its tone, for `ui::badge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge {
    pub tone: &'static str,
    pub text: &'static str,
}

pub fn task_state(lang: Lang, state: TaskState) -> Badge {
    let (tone, zh, en) = match state {
        TaskState::Issued => (Tone::Plain, "已下达", "Issued"),
        TaskState::Delivered => (Tone::Info, "已送达", "Delivered"),
        TaskState::Opened => (Tone::Info, "已查看", "Opened"),
        TaskState::Claimed => (Tone::Info, "检查中", "In progress"),
        TaskState::Done => (Tone::Good, "已签章", "Sealed"),
        TaskState::Recalled => (Tone::Plain, "已撤回", "Recalled"),
    };
    Badge { tone: tone.class(), text: lang.t(zh, en) }
}

/// In the order in which they press.
pub const ATTENTIONS: [Attention; 5] = [
    Attention::OpenConflicts,
    Attention::Returned,
    Attention::Overdue,
    Attention::EvidenceMissing,
    Attention::Unreviewed,
];

pub fn attention(lang: Lang, attention: Attention) -> &'static str {
    match attention {
        Attention::OpenConflicts => lang.t("分歧待处理", "Conflicts to decide"),
        Attention::Returned => lang.t("已退回补正", "Returned"),
        Attention::Overdue => lang.t("已逾期", "Overdue"),
        Attention::EvidenceMissing => lang.t("证据未到齐", "Evidence to come"),
        Attention::Unreviewed => lang.t("待审核", "To be reviewed"),
    }
}

/// As addresses and the API have it.
pub fn attention_name(attention: Attention) -> &'static str {
    match attention {
        Attention::OpenConflicts => "open_conflicts",
        Attention::Returned => "returned",
        Attention::Overdue => "overdue",
        Attention::EvidenceMissing => "evidence_missing",
        Attention::Unreviewed => "unreviewed",
    }
}

pub fn role(lang: Lang, role: Role) -> &'static str {
    match role {
        Role::Inspector => lang.t("检查人员", "Inspector"),
        Role::Supervisor => lang.t("督察人员", "Supervisor"),
        Role::DepartmentAdministrator => lang.t("部门管理员", "Administrator"),
        Role::Auditor => lang.t("审计人员", "Auditor"),
    }
}

pub fn roles(lang: Lang, roles: &Roles) -> Vec<&'static str> {
    let known = roles.names().into_iter().filter_map(|name| name.parse().ok());
    known.map(|known| role(lang, known)).collect()
}

/// What just happened, by the name a redirect carries.
pub fn done(name: &str) -> Option<(&'static str, &'static str)> {
    let words = match name {
        "issued" => ("任务已下达。", "The task was issued."),
        "reassigned" => ("任务已改派。", "The task was re-assigned."),
        "recalled" => ("任务已撤回。", "The task was recalled."),
        "password" => {
            ("密码已修改，其他登录已退出。", "The password was changed; other sign-ins have ended.")
        }
        "second_factor" => ("动态口令已启用。", "The second factor is in use."),
        "signed_out" => ("您已安全退出。", "You are signed out."),
        "account_created" => ("账号已创建。", "The account was created."),
        "activated" => ("账号已重新启用。", "The account is active again."),
        "deactivated" => ("账号已停用，其登录已退出。", "The account is inactive; its sign-ins have ended."),
        "password_reset" => ("密码已重置，其登录已退出。", "The password was set; its sign-ins have ended."),
        "factor_reset" => ("动态口令已重置。", "The second factor was reset."),
        "device_revoked" => ("设备已吊销。", "The device was revoked."),
        "resolved" => ("分歧已裁定，裁定已写入账本。", "Decided; the decision is in the ledger."),
        "reviewed" => ("审核意见已提交。", "The review was submitted."),
        "saved" => ("已保存。", "Saved."),
        _ => return None,
    };
    Some(words)
}

/// Why a sign-in is over, by the code of the refusal.
pub fn ended(lang: Lang, code: &str) -> &'static str {
    match code {
        "session.access_expired" => {
            lang.t("您有一段时间没有操作，请重新登录。", "You were away for a while: sign in again.")
        }
        "session.expired" => {
            lang.t("登录已满 12 小时，请重新登录。", "Twelve hours have passed: sign in again.")
        }
        "account.inactive" => lang.t("该账号已停用，请联系本部门管理员。", "This account was deactivated."),
        _ => lang.t("登录已结束，请重新登录。", "Your sign-in has ended: sign in again."),
    }
}

/// Why something was refused, in a sentence for people.
pub fn refusal(lang: Lang, error: &ApiError) -> String {
    lang.half(&error.title()).to_owned()
}
