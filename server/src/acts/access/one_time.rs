//! One-time passwords by the clock (RFC 6238) as authenticator apps make them: HMAC-SHA-1 over steps
//! of 30 seconds, six digits.

use crate::{ApiError, ledger::random};
use totp_rs::{Algorithm, Builder, Totp};

/// As long as an output of the HMAC (RFC 4226 §4, R6).
const SECRET_BYTES: usize = 20;
const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;
/// Clocks differ and people type slowly: the step before and the one after count too (RFC 6238 §5.2).
const STEPS_OFF_MAX: u16 = 1;
/// What the authenticator shows above the login.
const ISSUER: &str = "Liuhen";

pub fn new_secret() -> Vec<u8> {
    random::<SECRET_BYTES>().to_vec()
}

/// The time step a code belongs to, when it is one of this secret's and of now.
pub fn step_of(secret: &[u8], code: &str, now_ms: i64) -> Option<i64> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let now_seconds = u64::try_from(now_ms).ok()? / 1000;
    let step = build(secret, "").build_noncompliant().check(&digits, now_seconds)?;
    i64::try_from(step).ok()
}

/// Base32, for typing.
pub fn shown(secret: &[u8]) -> String {
    build(secret, "").build_noncompliant().secret().to_base32()
}

/// What a QR code for an authenticator says.
pub fn uri(secret: &[u8], login: &str) -> Result<String, ApiError> {
    let built: Result<Totp, _> = build(secret, login).build();
    built.and_then(|totp| totp.to_url()).map_err(|error| ApiError::internal(error.to_string()))
}

fn build(secret: &[u8], login: &str) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_step_duration(STEP_SECONDS)
        .with_skew(STEPS_OFF_MAX)
        .with_secret(secret.to_vec())
        .with_issuer(Some(ISSUER))
        .with_account_name(login)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, cut to six digits.
    #[test]
    fn the_vectors_of_the_standard_fit() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(step_of(secret, code, seconds * 1000), Some(seconds / 30));
        }
    }

    #[test]
    fn a_code_counts_a_step_early_and_late_and_no_more() {
        let secret = b"12345678901234567890";
        let at = |steps: i64| step_of(secret, " 081 804 ", (1_111_111_109 + 30 * steps) * 1000);
        assert_eq!([at(-1), at(0), at(1)], [Some(37_037_036); 3]);
        assert_eq!([at(-2), at(2)], [None, None]);
        assert_eq!(step_of(secret, "81804", 1_111_111_109_000), None);
        assert_eq!(step_of(secret, "", 1_111_111_109_000), None);
    }

    #[test]
    fn an_authenticator_is_told_issuer_login_and_secret() {
        let secret = b"12345678901234567890";
        let uri = uri(secret, "王.fang@local").expect("a login");
        assert!(uri.starts_with("otpauth://totp/Liuhen:"), "{uri}");
        assert!(uri.contains(&format!("secret={}", shown(secret))), "{uri}");
        assert!(uri.contains("issuer=Liuhen"), "{uri}");
    }
}
