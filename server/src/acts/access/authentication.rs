//! What is typed to sign in, checked: login, password and, where there is a second factor, the code.

use super::{accounts, guard, one_time};
use crate::{
    ApiError, AppState,
    ledger::clock,
    store::{self, accounts::AccountRow, second_factors::SecondFactorRow},
};
use liuhen_trace::digest;
use serde::Deserialize;
use utoipa::ToSchema;

/// What somebody types to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    pub login: String,
    pub password: String,
    /// From the authenticator, where the account has one.
    #[serde(default)]
    pub code: Option<String>,
}

/// Somebody whose password is right, and whose code is, where there is a second factor.
pub(super) struct Authentic {
    pub account: AccountRow,
    pub factor: Option<SecondFactorRow>,
    /// The time step of the code, which is still to be taken.
    pub step: Option<i64>,
}

/// Checks what was typed. An unknown login and a wrong password take as long and say the same.
///
/// Who has a second factor is asked for the code before anything is said of the password, and a wrong
/// code and a wrong password say the same: nobody learns here that a password is right who cannot
/// sign in with it.
pub(super) async fn authenticate(state: &AppState, given: Credentials) -> Result<Authentic, ApiError> {
    let Ok(login) = accounts::check_login(given.login.trim()) else {
        // Nobody has such a login, so there is nothing to guard; a stranger's text is not kept.
        state.passwords.verify(given.password, None).await?;
        return Err(wrong_credentials());
    };
    guard::admit(state, &login).await?;
    let mut conn = state.store.read().await?;
    let account = store::accounts::by_login(&mut conn, &login).await?;
    let (credential, factor) = match &account {
        Some(account) => (
            store::credentials::by_account(&mut conn, &account.id).await?,
            store::second_factors::by_account(&mut conn, &account.id).await?,
        ),
        None => (None, None),
    };
    drop(conn);
    let code = given.code.filter(|code| !code.trim().is_empty());
    let asks = factor.is_some() || account.is_none() && pretends_a_factor(state, &login);
    if asks && code.is_none() {
        return Err(ApiError::unauthorized(
            "session.code_required",
            "the code of the second factor is missing",
        ));
    }
    let step = factor
        .as_ref()
        .zip(code)
        .and_then(|(factor, code)| one_time::step_of(&factor.secret, &code, clock::now_ms()));
    let password_hash = credential.map(|credential| credential.password_hash);
    let fits = state.passwords.verify(given.password, password_hash).await?;
    let Some(account) = account.filter(|_| fits && (factor.is_none() || step.is_some())) else {
        let refusal = if asks { wrong_code() } else { wrong_credentials() };
        return Err(guard::refuse(state, &login, refusal).await);
    };
    match account.state == accounts::ACTIVE {
        true => Ok(Authentic { account, factor, step }),
        false => Err(inactive()),
    }
}

/// Half of the logins that nobody has are asked for a code, always the same ones: otherwise the
/// question would tell which logins there are.
fn pretends_a_factor(state: &AppState, login: &str) -> bool {
    let secret = state.ledger.session_secret();
    digest::tagged("liuhen/decoy/1", &[&secret, login.as_bytes()]).as_bytes()[0] & 1 == 1
}

fn wrong_credentials() -> ApiError {
    ApiError::unauthorized("session.wrong_credentials", "the login or the password is wrong")
}

pub(super) fn wrong_code() -> ApiError {
    ApiError::unauthorized("session.wrong_code", "the login, the password or the code is wrong")
}

pub(super) fn inactive() -> ApiError {
    ApiError::unauthorized("account.inactive", "this account has been deactivated")
}
