//! Access tokens: JWTs signed with the deployment's session key (HS256), good for minutes.

use crate::ApiError;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Long enough that a console is not for ever refreshing; every request checks the account anyway.
pub const ACCESS_SECONDS: i64 = 15 * 60;
/// Keeps a token for this API from being used where another service shares the key.
const AUDIENCE: &str = "liuhen-api";

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The account.
    pub sub: String,
    /// The sign-in, which may have ended.
    pub sid: String,
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
}

/// Makes and reads tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Keys>);

struct Keys {
    issuer: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Tokens {
    pub fn new(issuer: String, secret: &[u8; 32]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.leeway = 0;
        let (encoding, decoding) = (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret));
        Self(Arc::new(Keys { issuer, encoding, decoding, validation }))
    }

    pub fn issue(&self, account: &str, family: &str, now_ms: i64) -> Result<String, ApiError> {
        let now = now_ms / 1000;
        let claims = Claims {
            sub: account.to_owned(),
            sid: family.to_owned(),
            iss: self.0.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            iat: now,
            exp: now + ACCESS_SECONDS,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.0.encoding)
            .map_err(ApiError::internal)
    }

    /// The claims of a token of ours that has not expired.
    pub fn check(&self, token: &str) -> Result<Claims, ApiError> {
        match jsonwebtoken::decode::<Claims>(token, &self.0.decoding, &self.0.validation) {
            Ok(token) => Ok(token.claims),
            Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => {
                Err(ApiError::unauthorized("session.access_expired", "the access token has expired"))
            }
            Err(_) => {
                Err(ApiError::unauthorized("session.access_invalid", "this is no access token of ours"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::clock;

    fn code(result: Result<Claims, ApiError>) -> &'static str {
        result.expect_err("a refusal").code()
    }

    #[test]
    fn a_token_is_good_until_it_expires_and_only_here() {
        let tokens = Tokens::new("here".into(), &[1; 32]);
        let now_ms = clock::now_ms();
        let token = tokens.issue("account", "family", now_ms).expect("a token");
        let claims = tokens.check(&token).expect("our own");
        assert_eq!((claims.sub.as_str(), claims.sid.as_str()), ("account", "family"));
        let old = tokens.issue("account", "family", now_ms - ACCESS_SECONDS * 1000 - 1000).expect("a token");
        assert_eq!(code(tokens.check(&old)), "session.access_expired");
        let stranger =
            Tokens::new("here".into(), &[2; 32]).issue("account", "family", now_ms).expect("a token");
        assert_eq!(code(tokens.check(&stranger)), "session.access_invalid");
        let elsewhere =
            Tokens::new("there".into(), &[1; 32]).issue("account", "family", now_ms).expect("a token");
        assert_eq!(code(tokens.check(&elsewhere)), "session.access_invalid");
    }

    #[test]
    fn a_token_under_another_algorithm_is_refused() {
        let tokens = Tokens::new("here".into(), &[1; 32]);
        let token = tokens.issue("account", "family", clock::now_ms()).expect("a token");
        let claims = tokens.check(&token).expect("our own");
        let other = Header::new(Algorithm::HS512);
        let forged =
            jsonwebtoken::encode(&other, &claims, &EncodingKey::from_secret(&[1; 32])).expect("a token");
        assert_eq!(code(tokens.check(&forged)), "session.access_invalid");
    }
}
