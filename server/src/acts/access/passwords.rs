//! Passwords as Argon2id hashes (RFC 9106), computed off the async threads and few at a time.

use crate::ApiError;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Short ones fall to guessing; further rules make people write passwords down (NIST SP 800-63B).
const PASSWORD_CHARS_MIN: usize = 10;
/// Longer than any sentence, and cheap to hash once.
const PASSWORD_BYTES_MAX: usize = 1024;
/// Hashes under way at once: each takes a core and tens of MiB for some 50 ms.
const HASHES_MAX: usize = 4;

/// Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    gate: Arc<Semaphore>,
    params: Params,
    /// What the password of an unknown login is compared with, so that it takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    pub fn new(memory_kib: u32) -> anyhow::Result<Self> {
        let params = Params::new(memory_kib, Params::DEFAULT_T_COST, Params::DEFAULT_P_COST, None)
            .map_err(|error| anyhow::anyhow!("password cost: {error}"))?;
        let decoy = hash(&params, &crate::ledger::random::<32>())
            .map_err(|error| anyhow::anyhow!("password hash: {error}"))?;
        Ok(Self { gate: Arc::new(Semaphore::new(HASHES_MAX)), params, decoy: decoy.into() })
    }

    /// A PHC string for a new password.
    pub async fn hash(&self, password: String) -> Result<String, ApiError> {
        check(&password)?;
        let params = self.params.clone();
        let hashed = self.run(move || hash(&params, password.as_bytes())).await?;
        hashed.map_err(|error| ApiError::internal(error.to_string()))
    }

    /// Whether the password is the one hashed. Without a hash the answer is no, after the same work.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, ApiError> {
        let decoy = self.decoy.clone();
        self.run(move || {
            let expected = hash.as_deref().unwrap_or(&decoy);
            let fits = password.len() <= PASSWORD_BYTES_MAX
                && PasswordHash::new(expected).is_ok_and(|parsed| {
                    Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok()
                });
            fits && hash.is_some()
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let permit = self.gate.clone().acquire_owned().await.map_err(ApiError::internal)?;
        let worker = tokio::task::spawn_blocking(move || {
            // Held until the work ends, also when the request is given up meanwhile.
            let _permit = permit;
            work()
        });
        Ok(worker.await?)
    }
}

fn check(password: &str) -> Result<(), ApiError> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        let detail = format!("a password has at least {PASSWORD_CHARS_MIN} characters");
        return Err(ApiError::unprocessable("password.too_short", detail));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        let detail = format!("a password has at most {PASSWORD_BYTES_MAX} bytes");
        return Err(ApiError::unprocessable("password.too_long", detail));
    }
    Ok(())
}

fn hash(params: &Params, password: &[u8]) -> Result<String, argon2::password_hash::Error> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    Ok(argon2.hash_password(password)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_told_from_another_and_from_none() {
        let passwords = Passwords::new(64).expect("a valid cost");
        let hash = passwords.hash("correct horse".into()).await.expect("long enough");
        assert!(hash.starts_with("$argon2id$"));
        assert!(passwords.verify("correct horse".into(), Some(hash.clone())).await.expect("an answer"));
        assert!(!passwords.verify("correct house".into(), Some(hash)).await.expect("an answer"));
        assert!(!passwords.verify("correct horse".into(), None).await.expect("an answer"));
    }

    #[tokio::test]
    async fn a_short_password_is_refused() {
        let passwords = Passwords::new(64).expect("a valid cost");
        let error = passwords.hash("123456789".into()).await.expect_err("nine characters");
        assert_eq!(error.code(), "password.too_short");
    }
}
