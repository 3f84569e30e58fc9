//! Extractors whose refusals are problem documents.

use crate::{
    ApiError, AppState,
    acts::{
        access::{
            Actor,
            once::Once,
            sessions::{self, Identity},
        },
        registry::subjects::SUBJECTS_MAX,
        tasks::issue::TASKS_MAX,
    },
};
use axum::{
    extract::{FromRequest, FromRequestParts, Request, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor, value},
};
use std::{fmt, marker::PhantomData, sync::Arc};
use utoipa::ToSchema;

/// Who the request's access token speaks for, with their second factor where one is required.
pub struct SignedIn {
    pub actor: Actor,
    /// The sign-in the token belongs to.
    pub family: String,
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let WithoutFactor(identity) = WithoutFactor::from_request_parts(parts, state).await?;
        let Identity { actor, family, .. } = identity.complete()?;
        Ok(Self { actor, family })
    }
}

/// Who the request's access token speaks for, a second factor that is missing notwithstanding: for
/// the few calls that lead to one.
pub struct WithoutFactor(pub Identity);

impl FromRequestParts<AppState> for WithoutFactor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let missing = || ApiError::unauthorized("session.missing", "sign in and send the access token");
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = header.and_then(|value| value.split_once(' ')).ok_or_else(missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(missing());
        }
        let mut identity = sessions::identify(state, token.trim()).await?;
        identity.actor.once = parts.extensions.get::<Arc<Once>>().cloned();
        Ok(Self(identity))
    }
}

/// A body of JSON: an object.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        read(request, state).await.map(|Object(value)| Self(value))
    }
}

/// A body of JSON: an array of objects, or one of them without the array.
pub struct Many<T>(pub Vec<T>);

impl<T: DeserializeOwned> FromRequest<AppState> for Many<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        read(request, state).await.map(|OneOrMany(values)| Self(values))
    }
}

async fn read<T: DeserializeOwned>(request: Request, state: &AppState) -> Result<T, ApiError> {
    unencoded(request.headers())?;
    match axum::Json::from_request(request, state).await {
        Ok(axum::Json(value)) => Ok(value),
        Err(rejection) => Err(refused(&rejection)),
    }
}

/// What an act reads as JSON by itself.
pub struct JsonText(pub bytes::Bytes);

impl FromRequest<AppState> for JsonText {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let given = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = given.and_then(|given| given.split(';').next()).unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let detail = "Expected request with `Content-Type: application/json`";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.content_type", detail));
        }
        Bytes::from_request(request, state).await.map(|Bytes(text)| Self(text))
    }
}

/// Nothing is unpacked: what is small on the way could be anything here.
fn unencoded(headers: &HeaderMap) -> Result<(), ApiError> {
    let packed = headers.get(header::CONTENT_ENCODING).filter(|coding| *coding != "identity");
    packed.map_or(Ok(()), |_| {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Err(ApiError::new(
            status,
            "request.content_encoding",
            "send the body as it is, without Content-Encoding",
        ))
    })
}

fn refused(rejection: &JsonRejection) -> ApiError {
    let (status, detail) = (rejection.status(), rejection.body_text());
    let code = match rejection {
        JsonRejection::JsonDataError(_) => "request.wrong_shape",
        JsonRejection::JsonSyntaxError(_) => "request.malformed_json",
        JsonRejection::MissingJsonContentType(_) => "request.content_type",
        JsonRejection::BytesRejection(_) => return unread(status, detail),
        _ => "request.refused",
    };
    ApiError::new(status, code, detail)
}

/// A body that could not be read whole.
pub fn unread(status: StatusCode, detail: String) -> ApiError {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(status, "request.too_large", detail),
        _ => ApiError::bad_request("request.cut_off", detail),
    }
}

/// A body taken as it is.
pub struct Bytes(pub bytes::Bytes);

impl FromRequest<AppState> for Bytes {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        unencoded(request.headers())?;
        let read = bytes::Bytes::from_request(request, state).await;
        read.map(Self).map_err(|rejection| unread(rejection.status(), rejection.body_text()))
    }
}

/// The query string.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::bad_request("request.wrong_query", rejection.body_text())),
        }
    }
}

/// The one id in the path.
pub struct Path(pub String);

impl FromRequestParts<AppState> for Path {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(id)) => Ok(Self(id)),
            Err(rejection) => Err(ApiError::not_found("request.unknown_path", rejection.body_text())),
        }
    }
}

/// A thing that is an object on the wire. Without it serde takes an array for one too, its fields by their
/// places, which no description tells.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(value::MapAccessDeserializer::new(map)).map(Object)
    }
}

/// One more than any act takes at once. What comes behind is read and not kept: a body has room for two
/// hundred times as many small objects, which in memory are twenty times its size.
const MANY_MAX: usize = if SUBJECTS_MAX > TASKS_MAX { SUBJECTS_MAX + 1 } else { TASKS_MAX + 1 };

/// An array of things, or one of them without the array. Of too many, as many as show it.
struct OneOrMany<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

/// How [`OneOrMany`] is described; how many there may be is added to it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = OneOrMany)]
pub enum OneOrManySchema<T> {
    One(T),
    Many(Vec<T>),
}

/// By hand, because an untagged enum would say of every mistake that no variant matched.
struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(value::MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut many = Vec::new();
        while many.len() < MANY_MAX {
            match seq.next_element()? {
                Some(Object(one)) => many.push(one),
                None => return Ok(OneOrMany(many)),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(OneOrMany(many))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_million_things_no_more_are_kept_than_show_that_they_are_too_many() {
        let body = format!("[{}{{}}]", "{},".repeat(1_000_000));
        let many: OneOrMany<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_str(&body).expect("an array");
        assert_eq!(many.0.len(), MANY_MAX);
        let cut_off = &body[..body.len() - 1];
        assert!(serde_json::from_str::<OneOrMany<serde_json::Value>>(cut_off).is_err());
    }
}
