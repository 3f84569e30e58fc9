//! What a form sent: kept as it came, so that a form that is refused shows it again.

use crate::{ApiError, AppState, acts::access::Actor, console::Lang, views::paging::Paging};
use axum::{
    Form,
    body::Body,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The hidden field that tells a form sent twice from one filled in twice.
pub const ONCE: &str = "once";

/// What forms without files are sent as.
pub const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// Fields in the order sent; a name may come more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// What a body of type `application/x-www-form-urlencoded` says.
    pub async fn parse(body: String) -> Result<Self, ApiError> {
        let request = Request::post("/").header(header::CONTENT_TYPE, FORM_TYPE).body(Body::from(body));
        Self::read(request.map_err(ApiError::internal)?).await
    }

    async fn read(request: Request) -> Result<Self, ApiError> {
        match Form::<Vec<(String, String)>>::from_request(request, &()).await {
            Ok(Form(fields)) => Ok(Self(fields)),
            Err(rejection) => {
                Err(ApiError::new(rejection.status(), "request.wrong_form", rejection.body_text()))
            }
        }
    }

    /// The first value under the name; empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The value without blanks around it, unless nothing is left.
    pub fn given(&self, name: &str) -> Option<String> {
        let value = self.get(name).trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// All values under the name that say something.
    pub fn all(&self, name: &str) -> Vec<String> {
        let named = self.0.iter().filter(|(key, value)| key == name && !value.trim().is_empty());
        named.map(|(_, value)| value.trim().to_owned()).collect()
    }

    pub fn has(&self, name: &str, value: &str) -> bool {
        self.0.iter().any(|(key, known)| key == name && known == value)
    }

    /// The actor, who does this once however often the form comes.
    pub fn once_actor(&self, actor: &Actor, form: &str) -> Result<Actor, ApiError> {
        let mut sent = form.as_bytes().to_vec();
        for (name, value) in &self.0 {
            for part in [name, value] {
                sent.extend_from_slice(&(part.len() as u64).to_be_bytes());
                sent.extend_from_slice(part.as_bytes());
            }
        }
        actor.once(self.get(ONCE), &[&sent])
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|(key, _)| key != name);
        self.0.push((name.to_owned(), value.into()));
    }
}

impl<const N: usize> From<[(&str, String); N]> for Fields {
    fn from(fields: [(&str, String); N]) -> Self {
        Self(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

impl FromRequest<AppState> for Fields {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, ApiError> {
        Self::read(request).await
    }
}

/// What the address of a list says. Anything else in it is passed over: a redirect adds what was done.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Listing {
    pub q: Option<String>,
    pub cursor: Option<String>,
}

impl Listing {
    pub fn paging(&self) -> Paging {
        Paging { cursor: self.cursor.clone(), limit: None }
    }
}

/// What is about what somebody entered, and not about who they are or how the server is.
pub fn belongs_to_form(error: &ApiError) -> bool {
    /// What a form names and somebody may have taken away meanwhile.
    const NAMED: [&str; 4] =
        ["department.unknown", "task.unknown_assignee", "task.unknown_checklist", "task.unknown_subject"];
    let entered = [StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY, StatusCode::BAD_REQUEST];
    entered.contains(&error.status()) || NAMED.contains(&error.code())
}

/// Why a form was not accepted: a sentence for the whole, or beside the field it is about.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    whole: Option<String>,
    fields: BTreeMap<&'static str, String>,
}

impl Faults {
    pub fn none() -> Self {
        Self::default()
    }

    /// Something is wrong with the form as a whole.
    pub fn all(text: impl Into<String>) -> Self {
        Self { whole: Some(text.into()), fields: BTreeMap::new() }
    }

    /// Something is wrong with a field.
    pub fn at(&mut self, field: &'static str, text: impl Into<String>) {
        self.fields.entry(field).or_insert_with(|| text.into());
    }

    /// What an act refused; `places` says which codes are about which field.
    pub fn of(lang: Lang, error: &ApiError, places: &[(&str, &'static str)]) -> Self {
        let text = super::words::refusal(lang, error);
        let place = places.iter().find(|(code, _)| *code == error.code());
        let mut faults = Self::none();
        match place {
            Some((_, field)) => faults.at(field, text),
            None => faults.whole = Some(text),
        }
        faults
    }

    pub fn is_empty(&self) -> bool {
        self.whole.is_none() && self.fields.is_empty()
    }

    /// The sentence for the whole form; empty when there is none.
    pub fn whole(&self) -> &str {
        self.whole.as_deref().unwrap_or_default()
    }

    /// The sentence beside a field; empty when there is none.
    pub fn beside(&self, field: &str) -> &str {
        self.fields.get(field).map(String::as_str).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_comes_twice_keeps_both_values_and_blanks_say_nothing() {
        let sent = [("a", "1"), ("a", " 2 "), ("a", "  "), ("b", "")];
        let fields = Fields(sent.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec());
        assert_eq!(fields.all("a"), ["1", "2"]);
        assert_eq!((fields.get("a"), fields.given("b"), fields.get("c")), ("1", None, ""));
    }
}
