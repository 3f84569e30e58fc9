//! Passwords as Argon2id hashes (RFC 9106), computed on two threads of their own.
//!
//! Each hash takes 19 MiB. Given back, glibc's allocator keeps them for the thread, and aligned as they
//! are does not even find them again: on the runtime's blocking threads thirty sign-ins left 550 MiB
//! behind. So each thread has its memory once and uses it again.

use crate::{ApiError, ledger::random};
use anyhow::Context;
use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};
use tokio::sync::oneshot;

/// Short ones fall to guessing; further rules make people write passwords down (NIST SP 800-63B).
const PASSWORD_CHARS_MIN: usize = 10;
/// Longer than any sentence, and cheap to hash once.
const PASSWORD_CHARS_MAX: usize = 256;
const PASSWORD_BYTES_MAX: usize = 4 * PASSWORD_CHARS_MAX;
/// Threads that hash: they sign some thirty people in a second and leave cores to everybody else.
const HASHERS: usize = 2;
/// Passwords waiting: several seconds of work, about as long as people wait for a sign-in.
const QUEUE_MAX: usize = 128;
/// How long the full queue takes to have room again.
const BUSY_RETRY_SECONDS: u64 = 10;

/// Cheap to clone. The threads end with the last clone.
#[derive(Clone)]
pub struct Passwords {
    queue: SyncSender<Job>,
    params: Params,
    /// What the password of an unknown login is compared with, so that it takes as long.
    decoy: Arc<str>,
}

type Memory = Vec<Block>;
type Job = Box<dyn FnOnce(&mut Memory) + Send>;

impl Passwords {
    pub fn new(memory_kib: u32) -> anyhow::Result<Self> {
        let params = Params::new(memory_kib, Params::DEFAULT_T_COST, Params::DEFAULT_P_COST, None)
            .map_err(|error| anyhow::anyhow!("password cost: {error}"))?;
        let decoy = phc(&params, &random::<16>(), Output::new(&random::<32>())?)?;
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..HASHERS {
            let jobs = jobs.clone();
            let hasher = thread::Builder::new().name("passwords".to_owned());
            hasher.spawn(move || work_off(&jobs)).context("starting a thread for passwords")?;
        }
        Ok(Self { queue, params, decoy: decoy.to_string().into() })
    }

    /// A PHC string for a new password.
    pub async fn hash(&self, password: String) -> Result<String, ApiError> {
        check(&password)?;
        let params = self.params.clone();
        let hashed = self.run(move |memory| hash(&params, password.as_bytes(), memory)).await?;
        hashed.map_err(|error| ApiError::internal(error.to_string()))
    }

    /// Whether the password is the one hashed. Without a hash the answer is no, after the same work.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, ApiError> {
        let decoy = self.decoy.clone();
        self.run(move |memory| {
            let expected = hash.as_deref().unwrap_or(&decoy);
            let fits = password.len() <= PASSWORD_BYTES_MAX
                && PasswordHash::new(expected)
                    .is_ok_and(|parsed| matches(&parsed, password.as_bytes(), memory));
            fits && hash.is_some()
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (answer, answered) = oneshot::channel();
        let job = move |memory: &mut Memory| {
            // Whoever gave up needs no answer any more.
            if !answer.is_closed() {
                let _ = answer.send(work(memory));
            }
        };
        self.queue.try_send(Box::new(job)).map_err(|_| busy())?;
        answered.await.map_err(ApiError::internal)
    }
}

fn busy() -> ApiError {
    let detail = "too many people are signing in at once; try again in a moment";
    ApiError::unavailable("session.busy", detail).retry_after(BUSY_RETRY_SECONDS)
}

fn work_off(jobs: &Mutex<Receiver<Job>>) {
    let mut memory = Memory::new();
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // Its caller sees that no answer came; the thread has others to serve.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
    }
}

fn check(password: &str) -> Result<(), ApiError> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        let detail = format!("a password has at least {PASSWORD_CHARS_MIN} characters");
        return Err(ApiError::unprocessable("password.too_short", detail));
    }
    if password.chars().nth(PASSWORD_CHARS_MAX).is_some() {
        let detail = format!("a password has at most {PASSWORD_CHARS_MAX} characters");
        return Err(ApiError::unprocessable("password.too_long", detail));
    }
    Ok(())
}

fn hash(params: &Params, password: &[u8], memory: &mut Memory) -> anyhow::Result<String> {
    let salt = random::<16>();
    let output = compute(params, password, &salt, memory)?;
    Ok(phc(params, &salt, output)?.to_string())
}

/// Compared in constant time. Whatever is no hash of ours fits no password.
fn matches(expected: &PasswordHash, password: &[u8], memory: &mut Memory) -> bool {
    let ours = expected.algorithm == Algorithm::Argon2id.ident();
    let (Some(salt), Some(output), Ok(params), true) =
        (&expected.salt, &expected.hash, Params::try_from(expected), ours)
    else {
        return false;
    };
    compute(&params, password, salt, memory).is_ok_and(|computed| computed == *output)
}

fn compute(params: &Params, password: &[u8], salt: &[u8], memory: &mut Memory) -> anyhow::Result<Output> {
    memory.resize(params.block_count(), Block::new());
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()).hash_password_into_with_memory(
        password,
        salt,
        &mut output,
        &mut memory[..],
    )?;
    Ok(Output::new(&output)?)
}

/// As a PHC string has it.
fn phc(params: &Params, salt: &[u8], output: Output) -> anyhow::Result<PasswordHash> {
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(output),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

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
    async fn a_hash_made_elsewhere_or_at_another_cost_still_fits() {
        let passwords = Passwords::new(64).expect("a valid cost");
        let params = Params::new(96, 3, 1, None).expect("a valid cost");
        let elsewhere = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = elsewhere.hash_password(b"correct horse").expect("a hash").to_string();
        assert!(passwords.verify("correct horse".into(), Some(hash.clone())).await.expect("an answer"));
        assert!(!passwords.verify("correct house".into(), Some(hash.clone())).await.expect("an answer"));
        let other = hash.replace("argon2id", "argon2i");
        assert!(!passwords.verify("correct horse".into(), Some(other)).await.expect("an answer"));
        let ours = passwords.hash("correct horse".into()).await.expect("long enough");
        let parsed = PasswordHash::new(&ours).expect("a PHC string");
        assert!(Argon2::default().verify_password(b"correct horse", &parsed).is_ok());
    }

    #[tokio::test]
    async fn a_short_password_is_refused() {
        let passwords = Passwords::new(64).expect("a valid cost");
        let error = passwords.hash("123456789".into()).await.expect_err("nine characters");
        assert_eq!(error.code(), "password.too_short");
    }

    #[tokio::test]
    async fn a_flood_of_sign_ins_is_hashed_by_few_threads_and_the_rest_is_turned_away() {
        let passwords = Passwords::new(64).expect("a valid cost");
        let work = || {
            passwords.run(|_| {
                (0..200_000u64).fold(0, |sum, n| std::hint::black_box(sum ^ n));
                thread::current().id()
            })
        };
        let answers = futures::future::join_all((0..QUEUE_MAX + 3 * HASHERS).map(|_| work())).await;
        let (threads, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        let threads: Vec<_> = threads.into_iter().flatten().collect();
        let mut distinct: Vec<thread::ThreadId> = Vec::new();
        threads.iter().for_each(|id| {
            if !distinct.contains(id) {
                distinct.push(*id)
            }
        });
        assert!((1..=HASHERS).contains(&distinct.len()), "{} threads", distinct.len());
        assert!(threads.len() >= QUEUE_MAX);
        assert!(
            refused
                .iter()
                .flat_map(|answer| answer.as_ref().err())
                .all(|error| error.code() == "session.busy")
        );
    }

    #[tokio::test]
    async fn a_hash_that_panics_costs_no_thread() {
        let passwords = Passwords::new(64).expect("a valid cost");
        for _ in 0..2 * HASHERS {
            assert!(passwords.run(|_| panic!("on purpose")).await.map(|(): ()| ()).is_err());
        }
        assert_eq!(passwords.run(|_| 7).await.expect("an answer"), 7);
    }
}
