//! Signing in, and staying signed in by refresh tokens that are good for one use.
//!
//! Using a refresh token a second time shows that two parties hold it, so the whole sign-in ends
//! (RFC 9700 §4.14.2).

use super::{Actor, accounts, tokens::ACCESS_SECONDS};
use crate::{
    ApiError, AppState,
    ledger::{Tx, clock, random},
    store::{
        self,
        accounts::AccountRow,
        credentials::LoginGuardRow,
        sessions::{FamilyRow, RefreshTokenRow},
    },
};
use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::FutureExt;
use liuhen_trace::digest;

/// Guessing beyond this many failures in a row has to wait; a person mistypes a few times.
const FAILURES_MAX: i64 = 10;
/// How long each further try has to wait after the last failure.
const LOCK_SECONDS: i64 = 60;
/// Failures older than this are forgotten.
const FAILURE_MEMORY_MS: i64 = 24 * 60 * 60 * 1000;
/// An expired token is kept this long, so that its use is told from that of an unknown one.
const EXPIRED_MEMORY_MS: i64 = 7 * 24 * 60 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

const REUSED: &str = "refresh_reused";

/// What a client gets for a password or a refresh token.
pub struct Session {
    pub account: AccountRow,
    pub access_token: String,
    pub access_seconds: i64,
    pub refresh_token: String,
}

/// Signs in. An unknown login and a wrong password take as long and say the same.
pub async fn sign_in(state: &AppState, login: &str, password: String) -> Result<Session, ApiError> {
    let Ok(login) = accounts::check_login(login) else {
        // Nobody has such a login, so there is nothing to guard; a stranger's text is not kept.
        state.passwords.verify(password, None).await?;
        return Err(wrong_credentials());
    };
    let mut conn = state.store.read().await?;
    check_guard(store::credentials::login_guard(&mut conn, &login).await?, clock::now_ms())?;
    let account = store::accounts::by_login(&mut conn, &login).await?;
    let credential = match &account {
        Some(account) => store::credentials::by_account(&mut conn, &account.id).await?,
        None => None,
    };
    drop(conn);
    let fits =
        state.passwords.verify(password, credential.map(|credential| credential.password_hash)).await?;
    let Some(account) = account.filter(|_| fits) else { return refuse(state, login).await };
    if account.state != accounts::ACTIVE {
        return Err(inactive());
    }
    start(state, account).await
}

/// Exchanges a refresh token for a new pair.
pub async fn refresh(state: &AppState, refresh_token: &str) -> Result<Session, ApiError> {
    let hash = hash_token(refresh_token);
    let lifetime_ms = lifetime_ms(state);
    let committed = state
        .ledger
        .commit(move |tx| async move { Ok(rotate(tx, &hash, lifetime_ms).await?) }.boxed())
        .await?;
    let rotated = committed.output?;
    let access_token = state.tokens.issue(&rotated.account.id, &rotated.family, clock::now_ms())?;
    Ok(Session {
        account: rotated.account,
        access_token,
        access_seconds: ACCESS_SECONDS,
        refresh_token: rotated.refresh_token,
    })
}

/// Ends the sign-in the request came with.
pub async fn sign_out(state: &AppState, family: String) -> Result<(), ApiError> {
    let ended = state.ledger.commit(move |tx| {
        async move {
            let now_ms = tx.now_ms();
            Ok(store::sessions::end_family(tx.conn(), &family, now_ms, "signed_out").await?)
        }
        .boxed()
    });
    ended.await?;
    Ok(())
}

/// Who an access token speaks for, as the register has them now: a role taken away or an account
/// deactivated counts from the next request on.
pub async fn identify(state: &AppState, access_token: &str) -> Result<(Actor, String), ApiError> {
    let claims = state.tokens.check(access_token)?;
    let mut conn = state.store.read().await?;
    let ended = || ApiError::unauthorized("session.ended", "this sign-in has ended; sign in again");
    let family = store::sessions::family(&mut conn, &claims.sid).await?.ok_or_else(ended)?;
    if family.ended_at_ms.is_some() {
        return Err(ended());
    }
    let actor = Actor::load(&mut conn, &claims.sub).await?.ok_or_else(ended)?;
    match actor.is_active() {
        true => Ok((actor, claims.sid)),
        false => Err(inactive()),
    }
}

fn check_guard(guard: Option<LoginGuardRow>, now_ms: i64) -> Result<(), ApiError> {
    let Some(guard) = guard.filter(|guard| guard.failures >= FAILURES_MAX) else { return Ok(()) };
    let wait_ms = guard.last_failed_at_ms + LOCK_SECONDS * 1000 - now_ms;
    if wait_ms <= 0 {
        return Ok(());
    }
    let detail = "too many failed sign-ins under this name; wait a minute";
    let seconds = u64::try_from(wait_ms / 1000 + 1).unwrap_or(1);
    Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "session.locked", detail).retry_after(seconds))
}

/// Guesses sent side by side all pass the guard before the first of them is counted, so it is asked
/// again when an answer would tell something.
async fn refuse(state: &AppState, login: String) -> Result<Session, ApiError> {
    let counted = state.ledger.commit(move |tx| {
        async move {
            let now_ms = tx.now_ms();
            check_guard(store::credentials::login_guard(tx.conn(), &login).await?, now_ms)?;
            let forget_before_ms = now_ms - FAILURE_MEMORY_MS;
            Ok(store::credentials::count_failure(tx.conn(), &login, now_ms, forget_before_ms).await?)
        }
        .boxed()
    });
    counted.await?;
    Err(wrong_credentials())
}

async fn start(state: &AppState, account: AccountRow) -> Result<Session, ApiError> {
    let family = crate::acts::new_id();
    let (started, lifetime_ms) = ((account.clone(), family.clone()), lifetime_ms(state));
    let committed = state.ledger.commit(move |tx| {
        async move {
            let (account, family) = started;
            let now_ms = tx.now_ms();
            check_guard(store::credentials::login_guard(tx.conn(), &account.login).await?, now_ms)?;
            // A password changed meanwhile ended the sign-ins that were there: none may follow it.
            if store::accounts::by_id(tx.conn(), &account.id).await?.as_ref() != Some(&account) {
                return Err(super::changed_meanwhile());
            }
            store::sessions::forget_expired(tx.conn(), now_ms - EXPIRED_MEMORY_MS).await?;
            store::credentials::forget_failures(tx.conn(), &account.login).await?;
            store::sessions::start_family(tx.conn(), &family, &account.id, now_ms).await?;
            Ok(give_token(tx, &family, &account.id, lifetime_ms).await?)
        }
        .boxed()
    });
    let refresh_token = committed.await?.output;
    let access_token = state.tokens.issue(&account.id, &family, clock::now_ms())?;
    Ok(Session { account, access_token, access_seconds: ACCESS_SECONDS, refresh_token })
}

struct Rotated {
    account: AccountRow,
    family: String,
    refresh_token: String,
}

/// Takes one token out of use and gives the next. What it refuses is committed as well: that is how
/// a reused token ends its sign-in.
async fn rotate(
    tx: &mut Tx,
    hash: &[u8],
    lifetime_ms: i64,
) -> Result<Result<Rotated, ApiError>, sqlx::Error> {
    let now_ms = tx.now_ms();
    let Some(token) = store::sessions::token(tx.conn(), hash).await? else {
        return Ok(Err(unauthorized("session.refresh_unknown", "this is no refresh token of ours")));
    };
    let family = store::sessions::family(tx.conn(), &token.family).await?;
    if let Err(error) = judge(&token, family.as_ref(), now_ms) {
        if token.used_at_ms.is_some() {
            store::sessions::end_family(tx.conn(), &token.family, now_ms, REUSED).await?;
        }
        return Ok(Err(error));
    }
    let account = store::accounts::by_id(tx.conn(), &token.account).await?;
    let Some(account) = account.filter(|account| account.state == accounts::ACTIVE) else {
        return Ok(Err(inactive()));
    };
    store::sessions::mark_used(tx.conn(), hash, now_ms).await?;
    let refresh_token = give_token(tx, &token.family, &account.id, lifetime_ms).await?;
    Ok(Ok(Rotated { account, family: token.family, refresh_token }))
}

fn judge(token: &RefreshTokenRow, family: Option<&FamilyRow>, now_ms: i64) -> Result<(), ApiError> {
    let reused = family.is_some_and(|family| family.end_reason.as_deref() == Some(REUSED));
    if token.used_at_ms.is_some() || reused {
        let detail = "this refresh token was used before; the sign-in has ended, sign in again";
        return Err(unauthorized("session.refresh_reused", detail));
    }
    if family.is_none_or(|family| family.ended_at_ms.is_some()) {
        return Err(unauthorized("session.ended", "this sign-in has ended; sign in again"));
    }
    if token.expires_at_ms <= now_ms {
        return Err(unauthorized("session.refresh_expired", "the refresh token has expired; sign in again"));
    }
    Ok(())
}

async fn give_token(
    tx: &mut Tx,
    family: &str,
    account: &str,
    lifetime_ms: i64,
) -> Result<String, sqlx::Error> {
    let refresh_token = URL_SAFE_NO_PAD.encode(random::<32>());
    let row = RefreshTokenRow {
        hash: hash_token(&refresh_token),
        family: family.to_owned(),
        account: account.to_owned(),
        expires_at_ms: tx.now_ms() + lifetime_ms,
        used_at_ms: None,
    };
    store::sessions::insert_token(tx.conn(), &row).await?;
    Ok(refresh_token)
}

fn hash_token(refresh_token: &str) -> Vec<u8> {
    digest::sha256(refresh_token.as_bytes()).to_vec()
}

fn lifetime_ms(state: &AppState) -> i64 {
    i64::from(state.config.refresh_days) * DAY_MS
}

fn unauthorized(code: &'static str, detail: &str) -> ApiError {
    ApiError::unauthorized(code, detail)
}

fn wrong_credentials() -> ApiError {
    ApiError::unauthorized("session.wrong_credentials", "the login or the password is wrong")
}

fn inactive() -> ApiError {
    ApiError::unauthorized("account.inactive", "this account has been deactivated")
}
