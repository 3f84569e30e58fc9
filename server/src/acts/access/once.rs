//! Requests that are carried out once, however often they arrive: a client that does not know what
//! became of its request sends it again under the same key.
//!
//! [`super::commit_as`] keeps what an act gave in the act's own transaction, and gives it out again for
//! a repeat, so every act has this without doing anything for it. What was refused is not kept: it may
//! be tried again. After the IETF's draft of the header `Idempotency-Key`.

use super::Actor;
use crate::{
    ApiError, AppState,
    ledger::{Tx, clock},
    store::{self, idempotency::IdempotencyRow},
};
use liuhen_trace::{
    Canonical,
    digest::{self, Sha256Stream},
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

/// A UUID with some prefix.
pub const KEY_CHARS_MAX: usize = 64;
/// A client that has not learnt by then what became of its request has to look.
const MEMORY_MS: i64 = 24 * 60 * 60 * 1000;

/// A request with its key. What it says is hashed as it is read.
pub struct Once {
    key: String,
    request: Mutex<Sha256Stream>,
    /// Commits of this request so far: each is remembered by its number.
    commits: AtomicI64,
}

impl Once {
    /// `request` says what the key stands for, as far as it was read.
    pub fn new(key: &str, request: &[&[u8]]) -> Result<Self, ApiError> {
        let visible = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || key.len() > KEY_CHARS_MAX {
            let detail = format!("an idempotency key is 1 to {KEY_CHARS_MAX} visible ASCII characters");
            return Err(ApiError::bad_request("idempotency.bad_key", detail));
        }
        let once = Self {
            key: key.to_owned(),
            request: Mutex::new(Sha256Stream::default()),
            commits: AtomicI64::new(0),
        };
        for part in request {
            once.read((part.len() as u64).to_be_bytes().as_slice());
            once.read(part);
        }
        Ok(once)
    }

    /// Takes in a piece of the request's body.
    pub fn read(&self, piece: &[u8]) {
        self.request.lock().unwrap_or_else(PoisonError::into_inner).update(piece);
    }

    /// For the request's next commit, whose body has been read by now.
    pub(super) fn next(&self, account: &str, secret: &[u8; 32]) -> Claim {
        self.claim(account, self.commits.fetch_add(1, Ordering::Relaxed), secret)
    }

    /// `secret` goes into what is kept of the request: it may hold a password, and from a plain hash
    /// of it whoever reads the database could find that out by guessing.
    fn claim(&self, account: &str, ordinal: i64, secret: &[u8; 32]) -> Claim {
        let request = self.request.lock().unwrap_or_else(PoisonError::into_inner).clone().finish();
        let request = digest::tagged("liuhen/once/1", &[secret, &request]).as_bytes().to_vec();
        Claim { account: account.to_owned(), key: self.key.clone(), ordinal, request }
    }
}

/// Whether the actor's request came before and was carried out: asked where a repeat no longer finds
/// what the first one found, and would be refused before its commit.
pub(super) async fn was_carried_out(state: &AppState, actor: &Actor) -> Result<bool, ApiError> {
    let Some(once) = &actor.once else { return Ok(false) };
    let claim = once.claim(actor.id(), 0, &state.ledger.session_secret());
    let mut conn = state.store.read().await?;
    let row = store::idempotency::by_key(&mut conn, &claim.account, &claim.key, claim.ordinal).await?;
    let forget_before_ms = clock::now_ms() - MEMORY_MS;
    Ok(row.is_some_and(|row| row.request == claim.request && row.created_at_ms >= forget_before_ms))
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Actor {
    /// Carries out what is asked for once under this key. `request` is all that the request says.
    pub fn once(&self, key: &str, request: &[&[u8]]) -> Result<Self, ApiError> {
        Ok(Self { once: Some(Arc::new(Once::new(key, request)?)), ..self.clone() })
    }
}

/// One commit of a request.
pub(super) struct Claim {
    account: String,
    key: String,
    ordinal: i64,
    request: Vec<u8>,
}

impl Claim {
    /// What the commit gave when the request came before.
    pub(super) async fn given<T: Canonical>(&self, tx: &mut Tx) -> Result<Option<T>, ApiError> {
        let forget_before_ms = tx.now_ms() - MEMORY_MS;
        store::idempotency::forget_before(tx.conn(), forget_before_ms).await?;
        let row = store::idempotency::by_key(tx.conn(), &self.account, &self.key, self.ordinal).await?;
        let Some(row) = row else { return Ok(None) };
        if row.request != self.request {
            let detail = "another request was carried out under this idempotency key";
            return Err(ApiError::conflict("idempotency.key_reused", detail));
        }
        T::from_canonical(&row.output).map(Some).map_err(|refusal| ApiError::internal(refusal.to_string()))
    }

    /// Keeps what it gave, as canonical CBOR.
    pub(super) async fn keep(self, tx: &mut Tx, output: Vec<u8>) -> Result<(), ApiError> {
        let row = IdempotencyRow {
            account: self.account,
            key: self.key,
            ordinal: self.ordinal,
            request: self.request,
            output,
            created_at_ms: tx.now_ms(),
        };
        Ok(store::idempotency::insert(tx.conn(), &row).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_and_short() {
        for key in ["", "a b", "键", "a\n", &"k".repeat(KEY_CHARS_MAX + 1)] {
            assert_eq!(Once::new(key, &[]).expect_err(key).code(), "idempotency.bad_key");
        }
        assert!(Once::new(&"k".repeat(KEY_CHARS_MAX), &[]).is_ok());
    }

    #[test]
    fn requests_differ_by_every_part_and_by_where_the_parts_end() {
        let hash = |parts: &[&[u8]], body: &[u8]| {
            let once = Once::new("key", parts).expect("a key");
            once.read(body);
            once.next("account", &[0; 32]).request
        };
        let same = hash(&[b"POST", b"/tasks"], b"{}");
        assert_eq!(same, hash(&[b"POST", b"/tasks"], b"{}"));
        for other in [
            hash(&[b"POST", b"/tasks"], b"{ }"),
            hash(&[b"POST", b"/task"], b"s{}"),
            hash(&[b"PO", b"ST/tasks"], b"{}"),
        ] {
            assert_ne!(same, other);
        }
    }

    #[test]
    fn what_is_kept_of_a_request_with_a_password_is_of_no_use_without_the_servers_secret() {
        let request: [&[u8]; 2] = [b"POST", b"/accounts"];
        let kept = |secret: [u8; 32]| Once::new("key", &request).expect("a key").next("a", &secret).request;
        assert_eq!(kept([1; 32]), kept([1; 32]));
        assert_ne!(kept([1; 32]), kept([2; 32]));
    }
}
