//! Checklists: the list, one version with its items, and registering a new version.

use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, authorise},
        registry::checklists,
    },
    console::{
        Fields, Lang, Listing, Page, SignedIn,
        casework::words,
        form,
        form::Faults,
        page::{after, new_once, render},
        upload::Upload,
    },
    routes::extract::{Path, Query},
    views::{self, checklists::ChecklistView},
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use liuhen_inspection::checklist::{self, Item, ResponseType};

#[derive(Template)]
#[template(path = "register/checklists.html")]
struct ChecklistsPage {
    p: Page,
    rows: Vec<ChecklistView>,
    first: &'static str,
    next: Option<String>,
    may_register: bool,
}

#[derive(Template)]
#[template(path = "register/checklist.html")]
struct ChecklistPage {
    p: Page,
    view: ChecklistView,
    items: Vec<ItemRow>,
    may_dispatch: bool,
}

struct ItemRow {
    number: usize,
    item: Item,
    response: &'static str,
    options: Vec<String>,
}

#[derive(Template)]
#[template(path = "register/checklist_new.html")]
struct NewPage {
    p: Page,
    text: String,
    problems: Vec<Problem>,
    faults: Faults,
    once: String,
}

/// A mistake in words.
struct Problem {
    place: String,
    title: String,
    detail: String,
}

pub async fn list(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Query(listing): Query<Listing>,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let mut list = views::checklists::list(&mut conn, &listing.paging()).await?;
    // Within a page: by name, the newest version first.
    list.items.sort_by(|a, b| (&a.code, b.version).cmp(&(&b.code, a.version)));
    let p = signed_in.page;
    render(&ChecklistsPage {
        may_register: p.may(Action::ManageRegister),
        rows: list.items,
        first: if listing.cursor.is_some() { "/console/checklists" } else { "" },
        next: list.next.map(|cursor| format!("/console/checklists?cursor={cursor}")),
        p,
    })
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(hash): Path,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let mut view = views::checklists::show(&mut conn, &hash).await?;
    let p = signed_in.page;
    let items = view.checklist.take().map(|checklist| checklist.items).unwrap_or_default();
    let items = items.into_iter().enumerate().map(|(at, item)| item_row(p.lang, at, item));
    render(&ChecklistPage { may_dispatch: p.may_dispatch(), items: items.collect(), view, p })
}

/// The version as JSON, to begin the next one with.
pub async fn download(
    State(state): State<AppState>,
    _: SignedIn,
    Path(hash): Path,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    views::checklists::file(&mut conn, &hash).await.map(IntoResponse::into_response)
}

pub async fn new(signed_in: SignedIn) -> Result<Response, ApiError> {
    authorise(signed_in.actor(), Action::ManageRegister, &signed_in.actor().account.department)?;
    new_page(signed_in.page, String::new(), Vec::new(), Faults::none())
}

/// A file, or the text of the form where none was chosen.
pub async fn register(
    State(state): State<AppState>,
    signed_in: SignedIn,
    upload: Upload,
) -> Result<Response, ApiError> {
    let lang = signed_in.page.lang;
    let json = match upload.file.is_empty() {
        true => upload.fields.get("text").as_bytes().to_vec(),
        false => upload.file.to_vec(),
    };
    let asked = Fields::from([
        (form::ONCE, upload.fields.get(form::ONCE).to_owned()),
        ("json", String::from_utf8_lossy(&json).into_owned()),
    ]);
    let actor = asked.once_actor(signed_in.actor(), "POST /console/checklists")?;
    let error = match checklists::register(&state, &actor, &json).await {
        Ok(row) => {
            return Ok(after(&format!("/console/checklists/{}", row.hash), "saved").into_response());
        }
        Err(error) if form::belongs_to_form(&error) => error,
        Err(error) => return Err(error),
    };
    let problems = checklist::problems(&json).into_iter().map(|known| problem(lang, known)).collect();
    let text = String::from_utf8_lossy(&json).into_owned();
    new_page(signed_in.page, text, problems, Faults::of(lang, &error, &[]))
}

fn new_page(p: Page, text: String, problems: Vec<Problem>, faults: Faults) -> Result<Response, ApiError> {
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, render(&NewPage { p, text, problems, faults, once: new_once() })?).into_response())
}

fn item_row(lang: Lang, at: usize, item: Item) -> ItemRow {
    let options = match &item.response {
        ResponseType::Choice { options } => options.clone(),
        ResponseType::Int | ResponseType::Text | ResponseType::Bool | ResponseType::Date => Vec::new(),
    };
    ItemRow { number: at + 1, response: words::response_type(lang, &item.response), options, item }
}

fn problem(lang: Lang, known: checklist::Problem) -> Problem {
    let place = match (known.item, known.item_code) {
        (Some(at), Some(code)) => format!("{} {} · {code}", lang.t("检查内容", "Item"), at + 1),
        (Some(at), None) => format!("{} {}", lang.t("检查内容", "Item"), at + 1),
        (None, _) => lang.t("清单", "Checklist").to_owned(),
    };
    Problem { place, title: words::problem(lang, known.code), detail: known.detail }
}
