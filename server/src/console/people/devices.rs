//! Devices that were enrolled, and revoking one.

use crate::{
    ApiError, AppState,
    acts::access::{Action, authorise, devices},
    console::{
        Fields, Listing, Page, SignedIn, form,
        form::Faults,
        page::{after, new_once, render},
    },
    routes::extract::{Path, Query},
    store::Connection,
    views::{self, devices::DeviceView, paging::Paging},
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use std::collections::BTreeMap;

#[derive(Template)]
#[template(path = "people/devices.html")]
struct DevicesPage {
    p: Page,
    rows: Vec<Row>,
    faults: Faults,
    once: String,
    first: &'static str,
    next: Option<String>,
}

struct Row {
    view: DeviceView,
    holder: String,
    may_revoke: bool,
}

pub async fn list(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Query(listing): Query<Listing>,
) -> Result<Response, ApiError> {
    page(&state, signed_in, listing.paging(), Faults::none()).await
}

pub async fn revoke(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
    fields: Fields,
) -> Result<Response, ApiError> {
    let actor = fields.once_actor(signed_in.actor(), &format!("POST /console/devices/{id}"))?;
    match devices::revoke(&state, &actor, &id, fields.get("reason")).await {
        Ok(_) => Ok(after("/console/devices", "device_revoked").into_response()),
        Err(error) if form::belongs_to_form(&error) => {
            let faults = Faults::of(signed_in.page.lang, &error, &[]);
            page(&state, signed_in.shown_at("/console/devices"), Paging::default(), faults).await
        }
        Err(error) => Err(error),
    }
}

async fn page(
    state: &AppState,
    signed_in: SignedIn,
    paging: Paging,
    faults: Faults,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let list = views::devices::list(&mut conn, signed_in.actor(), &paging).await?;
    let rows = rows(&mut conn, &signed_in, list.items).await?;
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = DevicesPage {
        p: signed_in.page,
        rows,
        faults,
        once: new_once(),
        first: if paging.cursor.is_some() { "/console/devices" } else { "" },
        next: list.next.map(|cursor| format!("/console/devices?cursor={cursor}")),
    };
    Ok((status, render(&page)?).into_response())
}

/// Every device with the name of its holder, as far as the viewer may read accounts.
async fn rows(
    conn: &mut Connection,
    signed_in: &SignedIn,
    devices: Vec<DeviceView>,
) -> Result<Vec<Row>, ApiError> {
    let actor = signed_in.actor();
    let mut holders: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut rows = Vec::with_capacity(devices.len());
    for view in devices {
        if !holders.contains_key(&view.account) {
            let holder = match views::accounts::show(conn, actor, &view.account).await {
                Ok(holder) => (holder.name, holder.department),
                Err(error) if error.status().is_client_error() => (view.account.clone(), String::new()),
                Err(error) => return Err(error),
            };
            holders.insert(view.account.clone(), holder);
        }
        let (holder, department) = holders.get(&view.account).cloned().unwrap_or_default();
        let may_revoke = view.revoked_at_ms.is_none()
            && (view.account == actor.id() || authorise(actor, Action::ManageDevices, &department).is_ok());
        rows.push(Row { view, holder, may_revoke });
    }
    Ok(rows)
}
