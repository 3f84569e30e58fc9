//! What happens around every page.

use super::{
    errors::ErrorPage,
    form::{FORM_TYPE, Faults},
    page::{Lang, Page, Viewer, accepts_html, notice_of, render, without_notice},
    session::{self, SignInPage},
    words,
};
use crate::{
    ApiError, AppState,
    acts::access::sessions::{self, Identity},
    routes::layers,
    store,
};
use axum::{
    Router,
    body::to_bytes,
    extract::{OriginalUri, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// Holds the token of a sign-in at the console over plain HTTP.
pub const COOKIE: &str = "liuhen_console";
/// The same over TLS. A browser takes a cookie of such a name from this very host alone, so that no
/// neighbour can put its own sign-in there, and never sends it without TLS.
pub const SECURE_COOKIE: &str = "__Host-liuhen_console";
/// Where who needs a second factor is led until they have one.
const SECOND_FACTOR: &str = "/console/account/second-factor";
/// The script says so of what it asks by itself.
const LIVE: HeaderName = HeaderName::from_static("x-live");
/// Some long paragraphs; a form beyond it was made by a program.
const KEPT_FORM_BYTES_MAX: usize = 128 * 1024;
/// Nothing but what this server serves; no script or style inside a page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not `no-referrer`, which would make the origin of our own forms `null`.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=(), payment=()"),
];
/// Pages tell of people and cases: no cache on the way or on the disk keeps them.
const CACHE_CONTROL: &str = "no-store";
/// A problem document is some lines.
const PROBLEM_BYTES_MAX: usize = 64 * 1024;

/// Puts around the pages, from the outside in: security headers, error pages, the time limit, the same
/// origin for what changes something.
pub fn dress(state: &AppState, pages: Router<AppState>) -> Router<AppState> {
    pages
        .layer(middleware::from_fn(same_origin))
        .layer(middleware::from_fn_with_state(state.clone(), layers::within_time))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(middleware::from_fn_with_state(state.clone(), begun))
        .layer(middleware::from_fn(secured))
}

async fn secured(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(CACHE_CONTROL));
    response
}

/// Finds out who asks, and shows what was refused in the look of the console.
async fn begun(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    mut request: Request,
    next: Next,
) -> Response {
    // Style and script are the same for everybody.
    if uri.path().starts_with("/console/static/") {
        return next.run(request).await;
    }
    let headers = request.headers();
    let path = uri.path_and_query().map(|path| without_notice(path.as_str())).unwrap_or_default();
    let lang = Lang::of(headers);
    let mut page =
        Page { lang, path, notice: notice_of(uri.query()), at: *state.judged.borrow(), ..Page::default() };
    // A page that refreshes itself is nobody's presence: it must not keep the sign-in of a desk alive
    // that was left.
    let present = !headers.contains_key(LIVE);
    let (for_people, jar) = (accepts_html(headers), CookieJar::from_headers(headers));
    let (jar, response) = match who(&state, jar, is_secure(&state, headers), &mut page).await {
        Ok(jar) => {
            request.extensions_mut().insert(page.clone());
            (jar, next.run(request).await)
        }
        Err(error) => (CookieJar::new(), error.into_response()),
    };
    let dressed =
        if for_people && is_problem(&response) { problem_page(page, response).await } else { response };
    // Who signs in or out gets their cookie there.
    if !present || dressed.headers().contains_key(header::SET_COOKIE) {
        dressed
    } else {
        (jar, dressed).into_response()
    }
}

/// Enters the viewer into the page; gives the cookies as they are to be from now on.
async fn who(state: &AppState, jar: CookieJar, secure: bool, page: &mut Page) -> Result<CookieJar, ApiError> {
    let names: &[&str] = if secure { &[SECURE_COOKIE] } else { &[SECURE_COOKIE, COOKIE] };
    let Some(cookie) = names.iter().find_map(|name| jar.get(name)) else { return Ok(jar) };
    // A gateway may say nothing of TLS, and a read has no origin that does; the name does.
    let (token, secure) = (cookie.value().to_owned(), cookie.name() == SECURE_COOKIE);
    let known = match sessions::identify_at_console(state, &token).await {
        Ok(known) => known,
        Err(error) if error.status() == StatusCode::UNAUTHORIZED => {
            page.ended = Some(words::ended(page.lang, error.code()));
            return Ok(session::forget(jar));
        }
        Err(error) => return Err(error),
    };
    let Identity { actor, family, factor } = known.identity;
    let mut conn = state.store.read().await?;
    let department = store::departments::by_id(&mut conn, &actor.account.department).await?;
    let department = department.map(|department| department.name).unwrap_or_default();
    page.viewer = Some(Arc::new(Viewer { actor, family, department, factor }));
    Ok(match known.renewed {
        Some(token) => jar.add(session::cookie(token, secure)),
        None => jar,
    })
}

/// Over TLS: the server's own, or as the browser says of its form or a gateway of its connection.
pub fn is_secure(state: &AppState, headers: &HeaderMap) -> bool {
    let says =
        |name: &str, begin: &[u8]| headers.get(name).is_some_and(|value| value.as_bytes().starts_with(begin));
    state.config.tls.is_some() || says("x-forwarded-proto", b"https") || says("origin", b"https://")
}

/// Lets nobody through who is not signed in; a form they were sending waits in the sign-in page.
pub async fn signed_in(page: Page, request: Request, next: Next) -> Response {
    let Some(viewer) = &page.viewer else {
        return match sends_form(&request) {
            true => keep_form(page, request).await.unwrap_or_else(IntoResponse::into_response),
            false => Redirect::to(&format!("/console/sign-in?next={}", page.here())).into_response(),
        };
    };
    let path = page.path.split('?').next().unwrap_or_default();
    if viewer.is_held_up() && ![SECOND_FACTOR, "/console/sign-out"].contains(&path) {
        return Redirect::to(SECOND_FACTOR).into_response();
    }
    next.run(request).await
}

fn sends_form(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    request.method() == Method::POST
        && kind.is_some_and(|kind| kind.as_bytes().starts_with(FORM_TYPE.as_bytes()))
}

/// The sign-in page with what was entered. Secrets are not kept: they are asked for again.
async fn keep_form(page: Page, request: Request) -> Result<Response, ApiError> {
    let body = to_bytes(request.into_body(), KEPT_FORM_BYTES_MAX).await.unwrap_or_default();
    let kept = match std::str::from_utf8(&body) {
        Ok(body) => {
            let is_secret =
                |pair: &&str| pair.split('=').next().is_some_and(|name| name.contains("password"));
            body.split('&').filter(|pair| !is_secret(pair)).collect::<Vec<_>>().join("&")
        }
        Err(_) => String::new(),
    };
    let shown = render(&SignInPage {
        login: String::new(),
        next: "/console".to_owned(),
        resume: (page.path.clone(), kept),
        faults: Faults::none(),
        ended: page.ended.or(Some(words::ended(page.lang, "session.missing"))),
        p: page,
    });
    Ok((StatusCode::UNAUTHORIZED, shown?).into_response())
}

/// A form of another site would carry our cookie only where a browser knows no `SameSite`; this holds
/// there too.
async fn same_origin(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || is_same_origin(request.headers()) {
        return next.run(request).await;
    }
    ApiError::forbidden("request.other_origin", "this form was not sent from this console").into_response()
}

fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // An origin without TLS names the same host as ours; the browser knows them apart.
    if matches!(text("sec-fetch-site"), Some("cross-site" | "same-site")) {
        return false;
    }
    match text("origin") {
        Some(origin) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && [text("x-forwarded-host"), text("host")].contains(&host)
        }
        None => text("sec-fetch-site") == Some("same-origin"),
    }
}

fn is_problem(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"))
}

#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    instance: String,
}

async fn problem_page(page: Page, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let read = to_bytes(body, PROBLEM_BYTES_MAX).await.unwrap_or_default();
    let problem: Problem = serde_json::from_slice(&read).unwrap_or_default();
    let shown = render(&ErrorPage {
        status: parts.status.as_u16(),
        title: page.lang.half(&problem.title).to_owned(),
        detail: problem.detail,
        code: problem.code,
        request: problem.instance,
        p: page,
    });
    let mut response = shown.unwrap_or_else(IntoResponse::into_response);
    *response.status_mut() = parts.status;
    if let Some(after) = parts.headers.get(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, after.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_forms_of_this_console_are_taken() {
        let host = ("host", "console.example:8080");
        assert!(is_same_origin(&headers(&[host, ("origin", "http://console.example:8080")])));
        let behind_gateway =
            [("host", "10.0.0.1"), ("x-forwarded-host", "a.example"), ("origin", "https://a.example")];
        assert!(is_same_origin(&headers(&behind_gateway)));
        assert!(is_same_origin(&headers(&[host, ("sec-fetch-site", "same-origin")])));
        for other in [
            ("origin", "http://console.example"),
            ("origin", "null"),
            ("origin", "http://evil.example"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(!is_same_origin(&headers(&[host, other])), "{other:?}");
        }
        let both = [host, ("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")];
        assert!(!is_same_origin(&headers(&both)));
        let without_tls = [host, ("origin", "http://console.example:8080"), ("sec-fetch-site", "cross-site")];
        assert!(!is_same_origin(&headers(&without_tls)));
        assert!(!is_same_origin(&headers(&[host])));
    }
}
