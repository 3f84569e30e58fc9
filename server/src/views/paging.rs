//! Lists are read page by page: `?limit=` and the `next` of the page before as `?cursor=`.

use crate::ApiError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A page of a screen.
pub const LIMIT_DEFAULT: i64 = 100;
/// Keeps an answer near a megabyte.
pub const LIMIT_MAX: i64 = 500;

/// Of an account, a task …
const ID_CHARS: usize = 32;
/// Of a checklist or a device.
const HASH_CHARS: usize = 64;

/// How much of a list is wanted, from where.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    pub cursor: Option<String>,
    pub limit: Option<i64>,
}

/// One page. `next` is absent from the last; a page may hold fewer items than asked for and still
/// have a next one.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// The error for a cursor that names no place in the list it is given to.
pub fn unknown_cursor() -> ApiError {
    ApiError::not_found("request.unknown_cursor", "the cursor is none of this list")
}

/// What was cut off or made up is refused: behind it nothing might follow, which would look like the end of
/// the list.
pub fn place(id: &str) -> Result<&str, ApiError> {
    let is_hex = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_place = is_hex && [ID_CHARS, HASH_CHARS].contains(&id.len());
    is_place.then_some(id).ok_or_else(unknown_cursor)
}

impl Paging {
    /// The id behind which the page begins, in a list that is ordered by ids or hashes.
    pub fn after(&self) -> Result<&str, ApiError> {
        match self.cursor.as_deref() {
            Some(cursor) => place(cursor),
            None => Ok(""),
        }
    }

    pub fn limit(&self) -> Result<i64, ApiError> {
        match self.limit.unwrap_or(LIMIT_DEFAULT) {
            limit @ 1..=LIMIT_MAX => Ok(limit),
            limit => {
                Err(ApiError::bad_request("request.wrong_query", format!("limit {limit}: 1 to {LIMIT_MAX}")))
            }
        }
    }

    /// Rows to read: one more than wanted shows whether there is a next page.
    pub fn fetch(&self) -> Result<i64, ApiError> {
        Ok(self.limit()? + 1)
    }

    /// Cuts what was fetched to a page; `cursor` tells a row's place in the list.
    pub fn cut<R>(
        &self,
        mut rows: Vec<R>,
        cursor: impl Fn(&R) -> String,
    ) -> Result<(Vec<R>, Option<String>), ApiError> {
        let limit = usize::try_from(self.limit()?).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(cursor);
        Ok((rows, next))
    }

    /// A page of rows that are shown by a function.
    pub fn list<R, T>(
        &self,
        rows: Vec<R>,
        cursor: impl Fn(&R) -> String,
        show: impl Fn(R) -> T,
    ) -> Result<List<T>, ApiError> {
        let (rows, next) = self.cut(rows, cursor)?;
        Ok(List { items: rows.into_iter().map(show).collect(), next })
    }
}
