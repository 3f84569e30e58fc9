//! What every page begins with: who looks at it, in which language, and what just happened.

use super::words;
use crate::{
    ApiError, AppState,
    acts::access::{Action, Actor, Role, authorise, second_factor::FactorState},
    ledger::random,
};
use askama::Template;
use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts, Query},
    http::{HeaderMap, header, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;
use std::{convert::Infallible, sync::Arc};

const LANGUAGE_COOKIE: &str = "liuhen_language";
/// A year: who reads English goes on reading it.
const LANGUAGE_SECONDS: i64 = 365 * 24 * 60 * 60;

/// The bar at the bottom of a phone holds these and one more to open the rest.
const THUMB_PLACES: usize = 4;

/// The language of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lang {
    #[default]
    Zh,
    En,
}

impl Lang {
    pub fn t(self, zh: &'static str, en: &'static str) -> &'static str {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// One half of a text that stands as `中文 / English`.
    pub fn half(self, both: &str) -> &str {
        match (self, both.split_once(" / ")) {
            (Lang::Zh, Some((zh, _))) => zh,
            (Lang::En, Some((_, en))) => en,
            (_, None) => both,
        }
    }

    pub fn is_english(self) -> bool {
        self == Lang::En
    }

    /// As the cookie says; Chinese when it says nothing.
    pub fn of(headers: &HeaderMap) -> Self {
        match CookieJar::from_headers(headers).get(LANGUAGE_COOKIE).map(Cookie::value) {
            Some("en") => Lang::En,
            _ => Lang::Zh,
        }
    }
}

/// Somebody who is signed in at the console.
#[derive(Debug, Clone)]
pub struct Viewer {
    pub actor: Actor,
    /// The sign-in.
    pub family: String,
    /// The name of their department.
    pub department: String,
    /// Whether they have the second factor that their role may need.
    pub factor: FactorState,
}

impl Viewer {
    pub fn has_factor(&self) -> bool {
        self.factor == FactorState::Confirmed
    }

    /// They must set up a second factor before anything else.
    pub fn is_held_up(&self) -> bool {
        self.factor == FactorState::Missing
    }
}

/// What the base template needs.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub lang: Lang,
    pub viewer: Option<Arc<Viewer>>,
    /// Path and query as asked for, to come back to.
    pub path: String,
    /// What was just done, said once above the page.
    pub notice: Option<(&'static str, &'static str)>,
    /// How far the ledger was judged when the page was made: what the script waits to be exceeded.
    pub at: u64,
    /// Why somebody who was signed in is not any more.
    pub ended: Option<&'static str>,
}

/// A place in the navigation.
pub struct Place {
    pub path: &'static str,
    pub icon: &'static str,
    pub name: &'static str,
    pub current: bool,
}

impl Page {
    pub fn t(&self, zh: &'static str, en: &'static str) -> &'static str {
        self.lang.t(zh, en)
    }

    pub fn asset(&self, file: &str) -> String {
        super::assets::path(file)
    }

    /// Whether the viewer may do this in their own department; decides what is offered, while acts
    /// and views decide what is done.
    pub fn may(&self, action: Action) -> bool {
        let viewer = self.viewer.as_ref().filter(|viewer| !viewer.is_held_up());
        viewer.is_some_and(|v| authorise(&v.actor, action, &v.actor.account.department).is_ok())
    }

    pub fn may_dispatch(&self) -> bool {
        self.may(Action::DispatchTasks)
    }

    /// Whether there can be tasks that the viewer sees: those of their departments, or their own.
    pub fn sees_tasks(&self) -> bool {
        let visits = |viewer: &Arc<Viewer>| viewer.actor.roles.contains(Role::Inspector);
        self.may(Action::ReadCasework) || self.viewer.as_ref().is_some_and(visits)
    }

    /// Where the viewer can go, most used first.
    pub fn places(&self) -> Vec<Place> {
        let all = [
            ("/console", "home", self.t("首页", "Home"), true),
            ("/console/tasks", "tasks", self.t("任务", "Tasks"), self.sees_tasks()),
            ("/console/conflicts", "conflicts", self.t("分歧", "Conflicts"), self.may(Action::ReadCasework)),
            ("/console/subjects", "subjects", self.t("监管对象", "Subjects"), self.may(Action::ReadRegister)),
            (
                "/console/checklists",
                "checklists",
                self.t("检查清单", "Checklists"),
                self.may(Action::ReadRegister),
            ),
            ("/console/accounts", "accounts", self.t("人员账号", "People"), self.may(Action::ReadAccounts)),
            ("/console/devices", "devices", self.t("设备", "Devices"), self.may(Action::ReadDevices)),
        ];
        let open = self.viewer.as_ref().is_some_and(|viewer| !viewer.is_held_up());
        let shown = all.into_iter().filter(|(_, _, _, may)| open && *may);
        shown.map(|(path, icon, name, _)| Place { path, icon, name, current: self.is_at(path) }).collect()
    }

    /// What a thumb reaches on a phone.
    pub fn first_places(&self) -> Vec<Place> {
        self.places().into_iter().take(THUMB_PLACES).collect()
    }

    pub fn further_places(&self) -> Vec<Place> {
        self.places().into_iter().skip(THUMB_PLACES).collect()
    }

    /// This page as part of a query.
    pub fn here(&self) -> String {
        encode(&self.path)
    }

    fn is_at(&self, place: &str) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        match place {
            "/console" => path == place,
            // A visit is looked at in the course of its task.
            "/console/tasks" => path.starts_with(place) || path.starts_with("/console/visits"),
            _ => path.starts_with(place),
        }
    }
}

/// Any page's handler may take it; [`super::layers`] puts it there.
impl<S: Sync> FromRequestParts<S> for Page {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Page>().cloned().unwrap_or_default())
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Page {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Page>().cloned())
    }
}

/// The page with somebody signed in; a handler that takes it is reached by nobody else.
pub struct SignedIn {
    pub page: Page,
    pub viewer: Arc<Viewer>,
}

impl SignedIn {
    /// For a form that is refused where nothing can be read: what the page links back to is the page the
    /// form stands on.
    pub fn shown_at(mut self, path: impl Into<String>) -> Self {
        self.page.path = path.into();
        self
    }

    pub fn actor(&self) -> &Actor {
        &self.viewer.actor
    }
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Ok(page) = <Page as FromRequestParts<AppState>>::from_request_parts(parts, state).await;
        let missing = || ApiError::unauthorized("session.missing", "sign in first");
        let viewer = page.viewer.clone().ok_or_else(missing)?;
        Ok(Self { page, viewer })
    }
}

/// A key for a form that is shown anew.
pub fn new_once() -> String {
    hex::encode(random::<16>())
}

/// The answer a template makes.
pub fn render(template: &impl Template) -> Result<Response, ApiError> {
    let html = template.render().map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(Html(html).into_response())
}

/// To `path` after something was done; `done` names it in [`words::done`].
pub fn after(path: &str, done: &str) -> Redirect {
    let joint = if path.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{path}{joint}done={done}"))
}

/// A path with its query, without what was just done: that is said once.
pub fn without_notice(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("done=")).collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

/// What the query says was just done.
pub fn notice_of(query: Option<&str>) -> Option<(&'static str, &'static str)> {
    let done = query?.split('&').find_map(|pair| pair.strip_prefix("done="))?;
    words::done(done)
}

#[derive(Deserialize)]
pub struct LanguageChoice {
    to: Option<String>,
    next: Option<String>,
}

/// Remembers the language and goes back.
pub async fn choose_language(jar: CookieJar, Query(choice): Query<LanguageChoice>) -> Response {
    let language = if choice.to.as_deref() == Some("en") { "en" } else { "zh" };
    let cookie = Cookie::build((LANGUAGE_COOKIE, language))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(time::Duration::seconds(LANGUAGE_SECONDS));
    (jar.add(cookie), Redirect::to(&safe_path(choice.next.as_deref()))).into_response()
}

/// A path of the console to go on to. An address elsewhere would make the sign-in page a door for
/// whoever sent the link.
pub fn safe_path(next: Option<&str>) -> String {
    let own = |path: &&str| {
        let rest = path.strip_prefix("/console");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    next.filter(own).unwrap_or("/console").to_owned()
}

/// A text as part of a query.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// `Accept-Language` is not asked: an office computer says what its maker set.
pub fn accepts_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_none_or(|accept| accept.contains("text/html") || accept.contains("*/*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_leads_nowhere_but_into_the_console() {
        for path in ["/console", "/console/tasks?state=done&q=%E6%9F%90", "/console?x"] {
            assert_eq!(safe_path(Some(path)), path);
        }
        for path in ["//evil.example", "https://evil.example", "/consoles", "/console\\x", "/console/\nx", ""]
        {
            assert_eq!(safe_path(Some(path)), "/console", "{path:?}");
        }
    }

    #[test]
    fn what_was_just_done_is_no_part_of_where_one_is() {
        assert_eq!(without_notice("/console/tasks?done=issued"), "/console/tasks");
        assert_eq!(without_notice("/console/tasks?q=x&done=issued&state="), "/console/tasks?q=x&state=");
        assert_eq!(without_notice("/console"), "/console");
    }

    #[test]
    fn a_text_in_both_languages_shows_the_half_that_is_asked_for() {
        assert_eq!(Lang::Zh.half("找不到 / Not found"), "找不到");
        assert_eq!(Lang::En.half("找不到 / Not found"), "Not found");
    }
}
