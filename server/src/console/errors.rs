//! What went wrong, as a page.

use super::page::Page;
use askama::Template;

/// A problem document as a page shows it.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    pub p: Page,
    pub status: u16,
    pub title: String,
    pub detail: String,
    pub code: String,
    /// The request's id, for whoever looks into the logs.
    pub request: String,
}

impl ErrorPage {
    fn hint(&self) -> &'static str {
        match self.status {
            _ if self.code == "visit.damaged" => self.p.t(
                "其他检查不受影响。请系统管理员运行 liuhen verify-ledger 查明原因；该检查的留痕仍可从任务页打开。",
                "Other visits are not affected. Have the operator run liuhen verify-ledger; its trace can still be opened from the task.",
            ),
            401 => self.p.t("请登录后重试。", "Sign in and try again."),
            403 => self.p.t(
                "如工作需要，请联系本部门管理员调整权限。",
                "If your work needs it, ask your department's administrator.",
            ),
            404 => self.p.t(
                "地址可能有误，或内容不在您的权限范围内。",
                "The address may be wrong, or this is outside your scope.",
            ),
            409 => self
                .p
                .t("情况可能刚刚变化，请刷新后再试。", "Things may just have changed: reload and try again."),
            413 => self.p.t("请减少内容后再试。", "Send less at a time."),
            429 => self.p.t("请稍等一分钟再试。", "Wait a minute and try again."),
            503 => {
                self.p.t("没有任何内容被更改，请稍后再试。", "Nothing was changed; try again in a moment.")
            }
            500.. => self.p.t(
                "没有任何内容被更改。请将下方编号告知系统管理员。",
                "Nothing was changed. Give the number below to the operator.",
            ),
            _ => self.p.t("请返回上一页检查后再试。", "Go back, check, and try again."),
        }
    }
}
