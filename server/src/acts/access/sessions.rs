//! Signing in, and staying signed in: a program by refresh tokens that are good for one use, a browser
//! by a cookie that is renewed while it is used.
//!
//! Using a refresh token a second time shows that two parties hold it, so the whole sign-in ends
//! (RFC 9700 §4.14.2).

pub use super::authentication::Credentials;
use super::{
    Actor, Roles, accounts,
    authentication::{Authentic, authenticate, inactive, wrong_code},
    guard,
    second_factor::{self, FactorState},
    tokens::{Audience, Claims},
};
use crate::{
    ApiError, AppState,
    ledger::{Tx, clock, random},
    store::{
        self,
        accounts::AccountRow,
        sessions::{FamilyRow, RefreshTokenRow},
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::FutureExt;
use liuhen_trace::digest;

/// A working day with some overtime: at the console somebody signs in once a day.
pub const CONSOLE_HOURS_MAX: i64 = 12;
const CONSOLE_MS_MAX: i64 = CONSOLE_HOURS_MAX * 60 * 60 * 1000;
/// A cookie older than this is renewed by the request it comes with, not each at every picture.
const CONSOLE_RENEWAL_SECONDS: i64 = 5 * 60;
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
    pub factor: FactorState,
}

/// What a browser gets for a password.
pub struct ConsoleSession {
    pub account: AccountRow,
    pub family: String,
    /// For the cookie.
    pub token: String,
    pub factor: FactorState,
}

/// Who a request speaks for.
pub struct Identity {
    pub actor: Actor,
    /// The sign-in.
    pub family: String,
    pub factor: FactorState,
}

/// Who a browser's request speaks for.
pub struct ConsoleIdentity {
    pub identity: Identity,
    /// To be put in the cookie's place.
    pub renewed: Option<String>,
}

impl Identity {
    /// Refuses those who have to set up a second factor first.
    pub fn complete(self) -> Result<Self, ApiError> {
        match self.factor {
            FactorState::Confirmed | FactorState::NotRequired => Ok(self),
            FactorState::Missing => {
                let detail = "set up a second factor first: your roles require one";
                Err(ApiError::forbidden("session.second_factor_missing", detail))
            }
        }
    }
}

/// Signs a program in.
pub async fn sign_in(state: &AppState, given: Credentials) -> Result<Session, ApiError> {
    let authentic = authenticate(state, given).await?;
    let (family, refresh_token) = open(state, &authentic, Some(lifetime_ms(state))).await?;
    let account = authentic.account;
    Ok(Session {
        access_token: state.tokens.issue(Audience::Api, &account.id, &family, clock::now_ms())?,
        access_seconds: Audience::Api.seconds(),
        refresh_token,
        factor: factor_of(state, &account).await?,
        account,
    })
}

/// Signs a browser in.
pub async fn sign_in_at_console(state: &AppState, given: Credentials) -> Result<ConsoleSession, ApiError> {
    let authentic = authenticate(state, given).await?;
    let (family, _) = open(state, &authentic, None).await?;
    let account = authentic.account;
    Ok(ConsoleSession {
        token: state.tokens.issue(Audience::Console, &account.id, &family, clock::now_ms())?,
        factor: factor_of(state, &account).await?,
        family,
        account,
    })
}

/// Exchanges a refresh token for a new pair.
pub async fn refresh(state: &AppState, refresh_token: &str) -> Result<Session, ApiError> {
    let hash = hash_token(refresh_token);
    let mut conn = state.store.read().await?;
    // What strangers make up does not come before the writer.
    store::sessions::token(&mut conn, &hash).await?.ok_or_else(unknown_token)?;
    drop(conn);
    let lifetime_ms = lifetime_ms(state);
    let committed = state
        .ledger
        .commit(move |tx| async move { Ok(rotate(tx, &hash, lifetime_ms).await?) }.boxed())
        .await?;
    let rotated = committed.output?;
    let account = rotated.account;
    Ok(Session {
        access_token: state.tokens.issue(Audience::Api, &account.id, &rotated.family, clock::now_ms())?,
        access_seconds: Audience::Api.seconds(),
        refresh_token: rotated.refresh_token,
        factor: factor_of(state, &account).await?,
        account,
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
pub async fn identify(state: &AppState, access_token: &str) -> Result<Identity, ApiError> {
    let claims = state.tokens.check(Audience::Api, access_token)?;
    Ok(look_up(state, &claims).await?.0)
}

/// Who a cookie speaks for.
pub async fn identify_at_console(state: &AppState, cookie: &str) -> Result<ConsoleIdentity, ApiError> {
    let claims = state.tokens.check(Audience::Console, cookie)?;
    let (identity, family) = look_up(state, &claims).await?;
    let now_ms = clock::now_ms();
    if now_ms - family.started_at_ms > CONSOLE_MS_MAX {
        let detail = format!("a sign-in at the console lasts {CONSOLE_HOURS_MAX} hours; sign in again");
        return Err(ApiError::unauthorized("session.expired", detail));
    }
    let renewed = match now_ms / 1000 - claims.iat > CONSOLE_RENEWAL_SECONDS {
        true => Some(state.tokens.issue(Audience::Console, &claims.sub, &claims.sid, now_ms)?),
        false => None,
    };
    Ok(ConsoleIdentity { identity, renewed })
}

async fn look_up(state: &AppState, claims: &Claims) -> Result<(Identity, FamilyRow), ApiError> {
    let mut conn = state.store.read().await?;
    let ended = || ApiError::unauthorized("session.ended", "this sign-in has ended; sign in again");
    let family = store::sessions::family(&mut conn, &claims.sid).await?.ok_or_else(ended)?;
    if family.ended_at_ms.is_some() {
        return Err(ended());
    }
    let actor = Actor::load(&mut conn, &claims.sub).await?.ok_or_else(ended)?;
    if !actor.is_active() {
        return Err(inactive());
    }
    let rule = state.config.second_factor;
    let factor = second_factor::state_of(&mut conn, rule, actor.id(), &actor.roles).await?;
    Ok((Identity { actor, family: family.id.clone(), factor }, family))
}

async fn factor_of(state: &AppState, account: &AccountRow) -> Result<FactorState, ApiError> {
    let mut conn = state.store.read().await?;
    let roles = Roles::parse(&account.roles);
    second_factor::state_of(&mut conn, state.config.second_factor, &account.id, &roles).await
}

/// Begins the sign-in. Gives its name and a first refresh token, which is empty without a lifetime.
async fn open(
    state: &AppState,
    authentic: &Authentic,
    lifetime_ms: Option<i64>,
) -> Result<(String, String), ApiError> {
    let family = crate::acts::new_id();
    let (account, factor, step) = (authentic.account.clone(), authentic.factor.clone(), authentic.step);
    let started = family.clone();
    let committed = state.ledger.commit(move |tx| {
        async move {
            guard::admit_in(tx, &account.login).await?;
            // A password changed meanwhile ended the sign-ins that were there: none may follow it.
            if store::accounts::by_id(tx.conn(), &account.id).await?.as_ref() != Some(&account)
                || store::second_factors::by_account(tx.conn(), &account.id).await? != factor
            {
                return Err(super::changed_meanwhile());
            }
            if let Some(step) = step
                && !store::second_factors::take_step(tx.conn(), &account.id, step).await?
            {
                guard::count(tx, &account.login).await?;
                return Ok(None);
            }
            start(tx, &account, &started, lifetime_ms).await.map(Some)
        }
        .boxed()
    });
    let refresh_token = committed.await?.output.ok_or_else(wrong_code)?;
    Ok((family, refresh_token))
}

async fn start(
    tx: &mut Tx,
    account: &AccountRow,
    family: &str,
    lifetime_ms: Option<i64>,
) -> Result<String, ApiError> {
    let now_ms = tx.now_ms();
    store::sessions::forget_expired(tx.conn(), now_ms - EXPIRED_MEMORY_MS).await?;
    store::credentials::forget_failures(tx.conn(), &account.login).await?;
    store::sessions::start_family(tx.conn(), family, &account.id, now_ms).await?;
    match lifetime_ms {
        Some(lifetime_ms) => Ok(give_token(tx, family, &account.id, lifetime_ms).await?),
        None => Ok(String::new()),
    }
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
        return Ok(Err(unknown_token()));
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

fn unknown_token() -> ApiError {
    unauthorized("session.refresh_unknown", "this is no refresh token of ours")
}

fn unauthorized(code: &'static str, detail: &str) -> ApiError {
    ApiError::unauthorized(code, detail)
}
