//! Departments at and below one's own.

use super::Departments;
use crate::{
    ApiError, AppState,
    acts::access::{
        Action,
        departments::{self, NewDepartment},
    },
    console::{
        Fields, Page, SignedIn, form,
        form::Faults,
        page::{after, new_once, render},
    },
    views::departments::DepartmentView,
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

const PLACES: &[(&str, &str)] = &[
    ("department.name_taken", "name"),
    ("department.too_deep", "parent"),
    ("text.empty", "name"),
    ("text.too_long", "name"),
];

#[derive(Template)]
#[template(path = "people/departments.html")]
struct DepartmentsPage {
    p: Page,
    departments: Departments,
    tree: Vec<Branch>,
    fields: Fields,
    faults: Faults,
    once: String,
    may_found: bool,
}

/// A department as far below the first as `depth` says.
struct Branch {
    name: String,
    depth: usize,
    created_at_ms: i64,
}

pub async fn list(State(state): State<AppState>, signed_in: SignedIn) -> Result<Response, ApiError> {
    page(&state, signed_in, Fields::default(), Faults::none()).await
}

pub async fn create(
    State(state): State<AppState>,
    signed_in: SignedIn,
    fields: Fields,
) -> Result<Response, ApiError> {
    let new = NewDepartment { name: fields.get("name").to_owned(), parent: fields.given("parent") };
    let actor = fields.once_actor(signed_in.actor(), "POST /console/departments")?;
    match departments::create(&state, &actor, new).await {
        Ok(_) => Ok(after("/console/departments", "saved").into_response()),
        Err(error) if form::belongs_to_form(&error) => {
            let faults = Faults::of(signed_in.page.lang, &error, PLACES);
            page(&state, signed_in, fields, faults).await
        }
        Err(error) => Err(error),
    }
}

async fn page(
    state: &AppState,
    signed_in: SignedIn,
    fields: Fields,
    faults: Faults,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let departments = Departments::load(&mut conn, signed_in.actor()).await?;
    let p = signed_in.page;
    let may_found = p.may(Action::FoundDepartment);
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let (tree, once) = (tree(&departments.0), new_once());
    let page = DepartmentsPage { p, departments, tree, fields, faults, once, may_found };
    Ok((status, render(&page)?).into_response())
}

/// Every department behind the one above it.
fn tree(all: &[DepartmentView]) -> Vec<Branch> {
    let known = |id: &str| all.iter().any(|department| department.id == id);
    let mut open: Vec<(&DepartmentView, usize)> = all
        .iter()
        .rev()
        .filter(|top| !top.parent.as_deref().is_some_and(known))
        .map(|top| (top, 0))
        .collect();
    let mut tree = Vec::with_capacity(all.len());
    while let Some((department, depth)) = open.pop() {
        let below = all.iter().rev().filter(|below| below.parent.as_deref() == Some(department.id.as_str()));
        open.extend(below.map(|below| (below, depth + 1)));
        tree.push(Branch { name: department.name.clone(), depth, created_at_ms: department.created_at_ms });
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_department_stands_behind_the_one_above_it() {
        let department = |id: &str, parent: Option<&str>| DepartmentView {
            id: id.to_owned(),
            parent: parent.map(str::to_owned),
            name: id.to_owned(),
            created_at_ms: 0,
        };
        // The viewer's own is the first that shows; the one above it does not.
        let all = [
            department("own", Some("unseen")),
            department("a", Some("own")),
            department("b", Some("own")),
            department("a1", Some("a")),
        ];
        let shown: Vec<(String, usize)> = tree(&all).into_iter().map(|b| (b.name, b.depth)).collect();
        let expected = [("own", 0), ("a", 1), ("a1", 2), ("b", 1)];
        assert_eq!(shown, expected.map(|(name, depth)| (name.to_owned(), depth)));
    }
}
