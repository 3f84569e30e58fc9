//! What a new deployment still lacks before its first task: on the home page of whoever can supply it, until
//! nothing is missing.

use super::Page;
use crate::{
    ApiError,
    acts::access::{Action, Actor, Role},
    store::Connection,
    views::{self, accounts::AccountView, paging::Paging, subjects::SubjectQuery},
};

/// A deployment with more accounts than this is past its beginning.
const ACCOUNTS_MAX: i64 = 100;

/// A visit takes two.
const INSPECTORS_MIN: usize = 2;

/// Something that is to be there before a task can be dispatched.
pub struct Step {
    pub done: bool,
    pub name: &'static str,
    pub why: &'static str,
    pub href: &'static str,
}

/// Empty once all of it is there, and for everybody but the administrators at the top.
pub async fn steps(conn: &mut Connection, p: &Page, actor: &Actor) -> Result<Vec<Step>, ApiError> {
    if !actor.top || !p.may(Action::ManageAccounts) {
        return Ok(Vec::new());
    }
    let some = |limit| Paging { cursor: None, limit: Some(limit) };
    let accounts = views::accounts::list(conn, actor, &some(ACCOUNTS_MAX)).await?;
    if accounts.next.is_some() {
        return Ok(Vec::new());
    }
    let is = |role| move |known: &AccountView| known.state == "active" && known.roles.contains(role);
    let one = SubjectQuery { limit: Some(1), ..SubjectQuery::default() };
    let steps = vec![
        Step {
            done: accounts.items.iter().any(is(Role::Supervisor)),
            name: p.t("新建督察人员账号", "Create a supervisor's account"),
            why: p.t("由其下达任务、处理分歧、审核笔录", "Dispatches tasks, decides conflicts, reviews"),
            href: "/console/accounts/new",
        },
        Step {
            done: accounts.items.iter().filter(|known| is(Role::Inspector)(known)).count() >= INSPECTORS_MIN,
            name: p.t("新建检查人员账号", "Create the inspectors' accounts"),
            why: p.t(
                "用手机现场检查，至少两人，须填执法证号",
                "Inspect with their phones, two at least; with certificate numbers",
            ),
            href: "/console/accounts/new",
        },
        Step {
            done: !views::subjects::list(conn, actor, one).await?.items.is_empty(),
            name: p.t("登记或导入监管对象", "Register or import the inspected parties"),
            why: p.t("逐个登记，或上传 XLSX、CSV 表格", "One by one, or from an XLSX or CSV table"),
            href: "/console/subjects",
        },
        Step {
            done: !views::checklists::list(conn, &some(1)).await?.items.is_empty(),
            name: p.t("登记检查清单", "Register a checklist"),
            why: p.t("页面上有格式示例", "The page shows the format"),
            href: "/console/checklists/new",
        },
    ];
    Ok(if steps.iter().all(|step| step.done) { Vec::new() } else { steps })
}
