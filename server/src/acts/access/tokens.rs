//! Tokens: JWTs signed with the deployment's session key (HS256). One kind is for the API and good for
//! minutes; the other lies in a browser's cookie and is renewed while it is used.

use crate::ApiError;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Long enough that a program is not for ever refreshing; every request checks the account anyway.
const ACCESS_SECONDS: i64 = 15 * 60;
/// A desk left alone for an hour is another person's.
const CONSOLE_SECONDS: i64 = 60 * 60;

/// What a token is for; one for the console opens nothing in the API, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    Api,
    Console,
}

impl Audience {
    fn name(self) -> &'static str {
        match self {
            Audience::Api => "liuhen-api",
            Audience::Console => "liuhen-console",
        }
    }

    /// How long a token is good for.
    pub fn seconds(self) -> i64 {
        match self {
            Audience::Api => ACCESS_SECONDS,
            Audience::Console => CONSOLE_SECONDS,
        }
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The account.
    pub sub: String,
    /// The sign-in, which may have ended.
    pub sid: String,
    iss: String,
    aud: String,
    /// Seconds since 1970.
    pub iat: i64,
    exp: i64,
}

/// Makes and reads tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Keys>);

struct Keys {
    issuer: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Tokens {
    pub fn new(issuer: String, secret: &[u8; 32]) -> Self {
        let (encoding, decoding) = (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret));
        Self(Arc::new(Keys { issuer, encoding, decoding }))
    }

    pub fn issue(
        &self,
        audience: Audience,
        account: &str,
        family: &str,
        now_ms: i64,
    ) -> Result<String, ApiError> {
        let now = now_ms / 1000;
        let claims = Claims {
            sub: account.to_owned(),
            sid: family.to_owned(),
            iss: self.0.issuer.clone(),
            aud: audience.name().to_owned(),
            iat: now,
            exp: now + audience.seconds(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.0.encoding)
            .map_err(ApiError::internal)
    }

    /// The claims of a token of ours that has not expired.
    pub fn check(&self, audience: Audience, token: &str) -> Result<Claims, ApiError> {
        match jsonwebtoken::decode::<Claims>(token, &self.0.decoding, &self.validation(audience)) {
            Ok(token) => Ok(token.claims),
            Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => {
                Err(ApiError::unauthorized("session.access_expired", "the access token has expired"))
            }
            Err(_) => {
                Err(ApiError::unauthorized("session.access_invalid", "this is no access token of ours"))
            }
        }
    }

    fn validation(&self, audience: Audience) -> Validation {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[audience.name()]);
        validation.set_issuer(&[&self.0.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.leeway = 0;
        validation
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
        let token = tokens.issue(Audience::Api, "account", "family", now_ms).expect("a token");
        let claims = tokens.check(Audience::Api, &token).expect("our own");
        assert_eq!((claims.sub.as_str(), claims.sid.as_str()), ("account", "family"));
        let old = now_ms - ACCESS_SECONDS * 1000 - 1000;
        let old = tokens.issue(Audience::Api, "account", "family", old).expect("a token");
        assert_eq!(code(tokens.check(Audience::Api, &old)), "session.access_expired");
        for (issuer, key) in [("here", [2; 32]), ("there", [1; 32])] {
            let other = Tokens::new(issuer.into(), &key);
            let token = other.issue(Audience::Api, "account", "family", now_ms).expect("a token");
            assert_eq!(code(tokens.check(Audience::Api, &token)), "session.access_invalid");
        }
    }

    #[test]
    fn a_token_of_the_console_opens_nothing_in_the_api_nor_the_other_way_round() {
        let tokens = Tokens::new("here".into(), &[1; 32]);
        let pairs = [(Audience::Api, Audience::Console), (Audience::Console, Audience::Api)];
        for (made_for, used_for) in pairs {
            let token = tokens.issue(made_for, "account", "family", clock::now_ms()).expect("a token");
            assert_eq!(code(tokens.check(used_for, &token)), "session.access_invalid");
            assert!(tokens.check(made_for, &token).is_ok());
        }
    }

    #[test]
    fn a_token_under_another_algorithm_is_refused() {
        let tokens = Tokens::new("here".into(), &[1; 32]);
        let token = tokens.issue(Audience::Api, "account", "family", clock::now_ms()).expect("a token");
        let claims = tokens.check(Audience::Api, &token).expect("our own");
        let other = Header::new(Algorithm::HS512);
        let forged =
            jsonwebtoken::encode(&other, &claims, &EncodingKey::from_secret(&[1; 32])).expect("a token");
        assert_eq!(code(tokens.check(Audience::Api, &forged)), "session.access_invalid");
    }
}
