//! People of one's departments, the departments, and the devices people use.

mod accounts;
mod departments;
mod devices;

use crate::{
    ApiError, AppState,
    acts::access::Actor,
    console::page_above,
    store::Connection,
    views::{self, departments::DepartmentView, paging::Paging},
};
use axum::{Router, routing::get};

/// A select with more options than this is no help; the list of departments has all of them.
const DEPARTMENTS_MAX: i64 = 500;

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/accounts", get(accounts::list).post(accounts::create))
        .route("/accounts/new", get(accounts::new))
        .route("/accounts/{account}", get(accounts::show).post(accounts::change))
        .route("/accounts/{account}/state", get(page_above).post(accounts::change_state))
        .route("/accounts/{account}/password", get(page_above).post(accounts::reset_password))
        .route("/accounts/{account}/second-factor", get(page_above).post(accounts::reset_second_factor))
        .route("/departments", get(departments::list).post(departments::create))
        .route("/devices", get(devices::list))
        .route("/devices/{device}", get(page_above))
        .route("/devices/{device}/revocation", get(page_above).post(devices::revoke))
}

/// Departments in a select, and what their ids mean.
pub struct Departments(pub Vec<DepartmentView>);

impl Departments {
    pub async fn load(conn: &mut Connection, actor: &Actor) -> Result<Self, ApiError> {
        let paging = Paging { cursor: None, limit: Some(DEPARTMENTS_MAX) };
        Ok(Self(views::departments::list(conn, actor, &paging).await?.items))
    }

    /// The name, or the id of one that the viewer does not see.
    pub fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.iter().find(|department| department.id == id).map_or(id, |department| &department.name)
    }
}
