//! Signing in and out at the console.

use super::{
    form::{Faults, Fields},
    layers::{COOKIE, SECURE_COOKIE, is_secure},
    page::{Page, SignedIn, after, render, safe_path},
};
use crate::{
    ApiError, AppState,
    acts::access::sessions::{self, CONSOLE_HOURS_MAX, Credentials},
};
use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;

/// A form that came when nobody was signed in any more, kept in the sign-in page.
pub const RESUME_PATH: &str = "resume_path";
pub const RESUME_BODY: &str = "resume_body";

#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    pub p: Page,
    pub login: String,
    pub next: String,
    /// Path and body of a form to go on with; empty when there is none.
    pub resume: (String, String),
    pub faults: Faults,
    /// Why somebody who was signed in is not any more.
    pub ended: Option<&'static str>,
}

/// What was being sent when the sign-in had ended, to be sent once more.
#[derive(Template)]
#[template(path = "resume.html")]
struct ResumePage {
    p: Page,
    action: String,
    fields: Fields,
}

#[derive(Deserialize)]
pub struct Next {
    next: Option<String>,
}

pub async fn page(page: Page, Query(query): Query<Next>) -> Result<Response, ApiError> {
    let next = safe_path(query.next.as_deref());
    if page.viewer.is_some() {
        return Ok(Redirect::to(&next).into_response());
    }
    let ended = page.ended;
    let blank = (String::new(), String::new());
    render(&SignInPage { p: page, login: String::new(), next, resume: blank, faults: Faults::none(), ended })
}

pub async fn sign_in(
    State(state): State<AppState>,
    page: Page,
    jar: CookieJar,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    let credentials = Credentials {
        login: fields.get("login").to_owned(),
        password: fields.get("password").to_owned(),
        code: fields.given("code"),
    };
    match sessions::sign_in_at_console(&state, credentials).await {
        Ok(session) => {
            let jar = jar.add(cookie(session.token, is_secure(&state, &headers)));
            let onward = onward(page, &fields).await?;
            Ok((jar, onward).into_response())
        }
        Err(error) if belongs_here(&error) => {
            let status = error.status();
            let places = [("session.code_required", "code"), ("session.wrong_code", "code")];
            let shown = render(&SignInPage {
                login: fields.get("login").to_owned(),
                next: safe_path(Some(fields.get("next"))),
                resume: (fields.get(RESUME_PATH).to_owned(), fields.get(RESUME_BODY).to_owned()),
                faults: Faults::of(page.lang, &error, &places),
                ended: None,
                p: page,
            });
            Ok((status, shown?).into_response())
        }
        Err(error) => Err(error),
    }
}

fn belongs_here(error: &ApiError) -> bool {
    matches!(error.status(), StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS)
}

/// To the page asked for, or to the form that was being sent.
async fn onward(page: Page, fields: &Fields) -> Result<Response, ApiError> {
    let (path, body) = (fields.get(RESUME_PATH), fields.get(RESUME_BODY));
    if path.is_empty() {
        return Ok(Redirect::to(&safe_path(Some(fields.get("next")))).into_response());
    }
    let sent = Fields::parse(body.to_owned()).await?;
    render(&ResumePage { p: page, action: safe_path(Some(path)), fields: sent })
}

pub async fn sign_out(
    State(state): State<AppState>,
    signed_in: SignedIn,
    jar: CookieJar,
) -> Result<Response, ApiError> {
    sessions::sign_out(&state, signed_in.viewer.family.clone()).await?;
    Ok((forget(jar), after("/console/sign-in", "signed_out")).into_response())
}

/// Readable by no script, sent by no other site.
pub fn cookie(token: String, secure: bool) -> Cookie<'static> {
    Cookie::build((if secure { SECURE_COOKIE } else { COOKIE }, token))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(secure)
        .max_age(time::Duration::hours(CONSOLE_HOURS_MAX))
        .build()
}

/// Removes it, whatever its name: a browser heeds that only under the attributes the name asks for.
pub fn forget(jar: CookieJar) -> CookieJar {
    let plain = Cookie::build(COOKIE).path("/");
    jar.remove(plain).remove(Cookie::build(SECURE_COOKIE).path("/").secure(true))
}
