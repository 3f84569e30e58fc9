//! Who somebody is and what they may do.
//!
//! - [`authorise`]: the one place that decides. [`commit_as`]: that it still holds when it is written.
//! - [`once`]: that a request sent twice is carried out once.
//! - [`authentication`], [`sessions`], [`tokens`]: signing in and staying signed in; [`passwords`],
//!   [`own_password`], [`second_factor`], [`one_time`]: by what; [`guard`]: how often.
//! - [`recovery`]: what only the holder of the data folder does.
//! - [`departments`], [`accounts`], [`devices`]: the acts on them.

pub mod accounts;
pub mod authentication;
pub mod departments;
pub mod devices;
pub mod guard;
pub mod once;
pub mod one_time;
pub mod own_password;
pub mod passwords;
pub mod recovery;
pub mod role;
pub mod second_factor;
pub mod sessions;
pub mod tokens;

pub use passwords::Passwords;
pub use role::{Role, Roles};
pub use tokens::Tokens;

use crate::{
    ApiError, AppState,
    ledger::{Committed, Tx},
    store::{self, Connection, accounts::AccountRow},
};
use futures::{FutureExt, future::BoxFuture};
use liuhen_trace::Canonical;
use std::{collections::BTreeSet, sync::Arc};

/// A person with an account, as the register has them at this moment.
#[derive(Debug, Clone)]
pub struct Actor {
    pub account: AccountRow,
    pub roles: Roles,
    /// Their department and all below it.
    pub scope: BTreeSet<String>,
    /// Their department has none above it.
    pub top: bool,
    /// The key under which the present request is carried out once.
    pub once: Option<Arc<once::Once>>,
}

/// What somebody wants to do in a department.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Found a department below.
    FoundDepartment,
    ManageAccounts,
    /// Give or take the role that reads everything.
    AppointAuditors,
    ReadAccounts,
    /// Enrol a device of one's own.
    EnrolDevice,
    /// Revoke somebody's device.
    ManageDevices,
    /// See those of others.
    ReadDevices,
    /// Write subjects and checklists.
    ManageRegister,
    ReadRegister,
    /// Issue, re-assign, recall.
    DispatchTasks,
    /// See tasks and visits that one does not hold oneself.
    ReadCasework,
    ReviewVisits,
    /// Decide, at the console, what people disagree about.
    ResolveConflicts,
}

/// Whether `actor` may do `action` in `department`. Nobody acts outside the departments at or below
/// their own; auditors read in all of them.
pub fn authorise(actor: &Actor, action: Action, department: &str) -> Result<(), ApiError> {
    let has = |role| actor.roles.contains(role);
    let (administers, supervises, inspects) =
        (has(Role::DepartmentAdministrator), has(Role::Supervisor), has(Role::Inspector));
    let in_scope = actor.scope.contains(department);
    let audits = has(Role::Auditor);
    let may = match action {
        Action::FoundDepartment | Action::ManageAccounts | Action::ManageDevices => in_scope && administers,
        Action::AppointAuditors => in_scope && administers && actor.top,
        Action::ReadAccounts => audits || in_scope && (administers || supervises),
        Action::ReadDevices => audits || in_scope && administers,
        Action::EnrolDevice => in_scope && inspects,
        Action::ManageRegister => in_scope && (administers || supervises),
        Action::ReadRegister => audits || in_scope,
        Action::DispatchTasks | Action::ReviewVisits | Action::ResolveConflicts => in_scope && supervises,
        Action::ReadCasework => audits || in_scope && supervises,
    };
    match may {
        true => Ok(()),
        false => Err(ApiError::forbidden("access.denied", "your roles or your department do not allow this")),
    }
}

/// Commits an act of `actor`'s unless their account changed after it was authorised: requests wait
/// for each other, and none may overtake the loss of a role or of the account. A request that came
/// before under the same key gets what it got then (see [`once`]).
pub async fn commit_as<T, F>(state: &AppState, actor: &Actor, act: F) -> Result<Committed<T>, ApiError>
where
    T: Canonical + Send + 'static,
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, ApiError>> + Send + 'static,
{
    let authorised = actor.account.clone();
    let claim = actor.once.as_ref().map(|once| once.next(actor.id(), &state.ledger.session_secret()));
    let committed = state.ledger.commit(move |tx| {
        async move {
            // First, because an act on one's own account changes the account: its repeat was
            // authorised under the one of before.
            if let Some(claim) = &claim
                && let Some(output) = claim.given(tx).await?
            {
                return Ok(output);
            }
            let present = store::accounts::by_id(tx.conn(), &authorised.id).await?;
            if present.as_ref() != Some(&authorised) {
                return Err(changed_meanwhile());
            }
            let output = act(tx).await?;
            if let Some(claim) = claim {
                claim.keep(tx, output.to_canonical()).await?;
            }
            Ok(output)
        }
        .boxed()
    });
    committed.await
}

fn changed_meanwhile() -> ApiError {
    ApiError::conflict(
        "access.changed_meanwhile",
        "your account was changed while this was under way; try again",
    )
}

impl Actor {
    /// The account as it stands now. `None` when there is none.
    pub async fn load(conn: &mut Connection, account: &str) -> Result<Option<Self>, ApiError> {
        let Some(account) = store::accounts::by_id(conn, account).await? else { return Ok(None) };
        let department = store::departments::by_id(conn, &account.department).await?;
        Ok(Some(Self {
            roles: Roles::parse(&account.roles),
            scope: store::departments::at_or_below(conn, &account.department).await?,
            top: department.is_some_and(|department| department.parent.is_none()),
            once: None,
            account,
        }))
    }

    pub fn id(&self) -> &str {
        &self.account.id
    }

    pub fn is_active(&self) -> bool {
        self.account.state == accounts::ACTIVE
    }

    /// The department whose subtree lists are narrowed to; `None` for those who read everything.
    pub fn reads_below(&self) -> Option<&str> {
        match self.roles.contains(Role::Auditor) {
            true => None,
            false => Some(&self.account.department),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [Action; 13] = [
        Action::FoundDepartment,
        Action::ManageAccounts,
        Action::AppointAuditors,
        Action::ReadAccounts,
        Action::EnrolDevice,
        Action::ManageDevices,
        Action::ReadDevices,
        Action::ManageRegister,
        Action::ReadRegister,
        Action::DispatchTasks,
        Action::ReadCasework,
        Action::ReviewVisits,
        Action::ResolveConflicts,
    ];

    fn actor(role: Role) -> Actor {
        let text = |text: &str| text.to_owned();
        Actor {
            account: AccountRow {
                id: text("a"),
                login: text("a"),
                name: text("张伟"),
                certificate_no: text("1"),
                department: text("mine"),
                roles: String::new(),
                state: text("active"),
                created_at_ms: 0,
                changed_at_ms: 0,
            },
            roles: Roles::from([role]),
            scope: BTreeSet::from([text("mine"), text("below")]),
            top: false,
            once: None,
        }
    }

    fn allowed(role: Role, department: &str) -> Vec<Action> {
        let actor = actor(role);
        ACTIONS.into_iter().filter(|action| authorise(&actor, *action, department).is_ok()).collect()
    }

    #[test]
    fn each_role_may_do_its_own_work_and_no_other() {
        use Action::*;
        assert_eq!(allowed(Role::Inspector, "mine"), [EnrolDevice, ReadRegister]);
        assert_eq!(
            allowed(Role::Supervisor, "below"),
            [
                ReadAccounts,
                ManageRegister,
                ReadRegister,
                DispatchTasks,
                ReadCasework,
                ReviewVisits,
                ResolveConflicts
            ]
        );
        assert_eq!(
            allowed(Role::DepartmentAdministrator, "below"),
            [
                FoundDepartment,
                ManageAccounts,
                ReadAccounts,
                ManageDevices,
                ReadDevices,
                ManageRegister,
                ReadRegister
            ]
        );
        let reads = [ReadAccounts, ReadDevices, ReadRegister, ReadCasework];
        assert_eq!(allowed(Role::Auditor, "mine"), reads);
    }

    #[test]
    fn nobody_acts_in_another_department_and_auditors_read_there() {
        for role in [Role::Inspector, Role::Supervisor, Role::DepartmentAdministrator] {
            assert_eq!(allowed(role, "elsewhere"), []);
        }
        use Action::*;
        assert_eq!(
            allowed(Role::Auditor, "elsewhere"),
            [ReadAccounts, ReadDevices, ReadRegister, ReadCasework]
        );
    }
}
