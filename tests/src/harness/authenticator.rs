//! The codes of a second factor (RFC 6238), as an app on somebody's phone shows them.

use anyhow::{Context, Result, anyhow};
use std::{
    sync::Mutex,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use totp_rs::{Builder, Secret, Totp};

/// Seconds a code stands.
const STEP_SECONDS: u64 = 30;

/// One account's secret. The server takes a code once, so none is given twice.
pub struct Authenticator {
    secret: String,
    totp: Totp,
    given: Mutex<u64>,
}

impl Authenticator {
    /// From the secret as the server says it, in base32.
    pub fn new(secret: &str) -> Result<Self> {
        let parsed = Secret::try_from_base32(secret).map_err(|error| anyhow!("{secret:?}: {error:?}"))?;
        let totp = Builder::new().with_secret(parsed).build().map_err(|error| anyhow!("{error}"))?;
        Ok(Self { secret: secret.to_owned(), totp, given: Mutex::new(0) })
    }

    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What the app shows now, and for how many seconds more.
    pub fn shown(&self) -> Result<(String, u64)> {
        let now = unix_seconds()?;
        Ok((self.totp.generate(now).to_string(), STEP_SECONDS - now % STEP_SECONDS))
    }

    /// The code before the one shown, which a server takes from somebody who types slowly. The one
    /// shown stays good for whoever looks at the app next.
    pub fn late_code(&self) -> Result<String> {
        /// Longer than a request takes: what is a step late now must not be two late when it arrives.
        const MARGIN_SECONDS: u64 = 3;
        let mut now = unix_seconds()?;
        while STEP_SECONDS - now % STEP_SECONDS < MARGIN_SECONDS {
            thread::sleep(Duration::from_secs(1));
            now = unix_seconds()?;
        }
        let mut given = self.given.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *given = now / STEP_SECONDS - 1;
        Ok(self.totp.generate(*given * STEP_SECONDS).to_string())
    }

    /// A code nobody has used. Somebody who needs two in a row takes the next one a little early,
    /// which a server allows for clocks that differ; for a third one they have to wait.
    pub fn fresh_code(&self) -> Result<String> {
        let mut given = self.given.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        loop {
            let step = unix_seconds()? / STEP_SECONDS;
            let next = step.max(*given + 1);
            if next <= step + 1 {
                *given = next;
                return Ok(self.totp.generate(next * STEP_SECONDS).to_string());
            }
            thread::sleep(Duration::from_secs(1));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a code is made from the time of day")]
fn unix_seconds() -> Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("a clock before 1970")?;
    Ok(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the secret "12345678901234567890" at 59 s gives 94287082; six digits
    /// are the last six.
    #[test]
    fn the_codes_are_those_of_the_standard() {
        let authenticator = Authenticator::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        assert_eq!(authenticator.totp.generate(59).to_string(), "287082");
    }

    #[test]
    fn no_code_is_given_twice() {
        let authenticator = Authenticator::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        let (first, second) = (authenticator.fresh_code().unwrap(), authenticator.fresh_code().unwrap());
        assert_ne!(first, second);
    }
}
