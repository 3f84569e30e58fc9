//! One's own account: password, second factor, language.

use super::{
    form::{Faults, Fields, belongs_to_form},
    page::{Page, SignedIn, Viewer, after, new_once, render},
    words,
};
use crate::{
    ApiError, AppState,
    acts::access::{
        own_password::{self, PasswordChange},
        second_factor::{self, FactorState},
    },
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use qrcode::{EcLevel, QrCode, render::svg};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    p: Page,
    viewer: Arc<Viewer>,
    roles: Vec<&'static str>,
    faults: Faults,
    once: String,
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactorPage {
    p: Page,
    /// Absent when it is in use already.
    setup: Option<Setup>,
    required: bool,
    faults: Faults,
}

/// What an authenticator needs.
struct Setup {
    /// In groups of four, for typing.
    secret: String,
    /// The same as a picture: a `data:` address.
    picture: String,
}

pub async fn show(signed_in: SignedIn) -> Result<Response, ApiError> {
    own_page(signed_in, Faults::none())
}

fn own_page(signed_in: SignedIn, faults: Faults) -> Result<Response, ApiError> {
    let SignedIn { page, viewer } = signed_in;
    let roles = words::roles(page.lang, &viewer.actor.roles);
    render(&AccountPage { p: page, viewer, roles, faults, once: new_once() })
}

pub async fn change_password(
    State(state): State<AppState>,
    signed_in: SignedIn,
    fields: Fields,
) -> Result<Response, ApiError> {
    let lang = signed_in.page.lang;
    let (new, again) = (fields.get("new_password"), fields.get("new_password_again"));
    if new != again {
        let mut faults = Faults::none();
        faults.at("new_password_again", lang.t("两次输入的新密码不一致", "The two new passwords differ"));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, own_page(signed_in, faults)?).into_response());
    }
    let change = PasswordChange { current: fields.get("current_password").to_owned(), new: new.to_owned() };
    let actor = fields.once_actor(signed_in.actor(), "POST /console/account/password")?;
    let family = signed_in.viewer.family.clone();
    match own_password::change(&state, &actor, &family, change).await {
        Ok(()) => Ok(after("/console/account", "password").into_response()),
        Err(error) if belongs_to_form(&error) || error.code() == "password.wrong" => {
            let places = [
                ("password.wrong", "current_password"),
                ("password.too_short", "new_password"),
                ("password.too_long", "new_password"),
            ];
            let faults = Faults::of(lang, &error, &places);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, own_page(signed_in, faults)?).into_response())
        }
        Err(error) => Err(error),
    }
}

pub async fn second_factor(State(state): State<AppState>, signed_in: SignedIn) -> Result<Response, ApiError> {
    second_factor_page(&state, signed_in, Faults::none()).await
}

async fn second_factor_page(
    state: &AppState,
    signed_in: SignedIn,
    faults: Faults,
) -> Result<Response, ApiError> {
    let SignedIn { page, viewer } = signed_in;
    let setup = match viewer.factor {
        FactorState::Confirmed => None,
        FactorState::Missing | FactorState::NotRequired => {
            let new = second_factor::begin(state, &viewer.actor, &viewer.family).await?;
            Some(Setup { secret: grouped(&new.secret), picture: picture(&new.uri)? })
        }
    };
    let required = viewer.factor == FactorState::Missing;
    render(&SecondFactorPage { p: page, setup, required, faults })
}

pub async fn confirm_second_factor(
    State(state): State<AppState>,
    signed_in: SignedIn,
    fields: Fields,
) -> Result<Response, ApiError> {
    let (actor, family) = (signed_in.actor().clone(), signed_in.viewer.family.clone());
    let code: String = fields.get("code").split_whitespace().collect();
    match second_factor::confirm(&state, &actor, &family, &code).await {
        // Whoever was held up by it goes on to their work.
        Ok(()) if signed_in.viewer.is_held_up() => Ok(after("/console", "second_factor").into_response()),
        Ok(()) => Ok(after("/console/account", "second_factor").into_response()),
        Err(error) if belongs_to_form(&error) => {
            let places = [("second_factor.wrong_code", "code")];
            let faults = Faults::of(signed_in.page.lang, &error, &places);
            let shown = second_factor_page(&state, signed_in, faults).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
        Err(error) => Err(error),
    }
}

fn grouped(secret: &str) -> String {
    let symbols: Vec<char> = secret.chars().collect();
    symbols.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

fn picture(uri: &str) -> Result<String, ApiError> {
    let code = QrCode::with_error_correction_level(uri, EcLevel::M).map_err(ApiError::internal)?;
    let image = code.render::<svg::Color>().min_dimensions(200, 200).build();
    Ok(format!("data:image/svg+xml;base64,{}", STANDARD.encode(image)))
}
