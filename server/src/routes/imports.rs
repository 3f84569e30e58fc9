//! Tables that are handed in, and tables to take away.

use super::extract::{Bytes, Query, SignedIn};
use crate::{
    ApiError, AppState,
    acts::registry::import::{self, ImportOptions},
    views::{
        exports::{self, Export, ExportQuery},
        imports::{ImportReport, Outcome},
    },
};
use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use liuhen_import::{Datum, Field, limits::COLUMNS_MAX};
use serde::Deserialize;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// How a file is to be read. The columns are numbers from 1, as the report gives them, or 0 for a field
/// that is to be left out; where one is absent, the header decides.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Only tell what would be done.
    #[serde(default)]
    pub dry_run: Option<bool>,
    /// The department whose register it is; one's own when absent.
    pub department: Option<String>,
    /// What coordinates are given in where the file does not say so.
    #[param(inline, value_type = Option<DatumName>)]
    pub datum: Option<Datum>,
    /// The column of 统一社会信用代码, from 1; 0 for none.
    #[param(maximum = 200)]
    pub code_column: Option<u32>,
    /// The column of 名称, from 1; 0 for none.
    #[param(maximum = 200)]
    pub name_column: Option<u32>,
    /// The column of 地址, from 1; 0 for none.
    #[param(maximum = 200)]
    pub address_column: Option<u32>,
    /// The column of 法定代表人, from 1; 0 for none.
    #[param(maximum = 200)]
    pub legal_representative_column: Option<u32>,
    /// The column of 联系电话, from 1; 0 for none.
    #[param(maximum = 200)]
    pub phone_column: Option<u32>,
    /// The column of 类别, from 1; 0 for none.
    #[param(maximum = 200)]
    pub category_column: Option<u32>,
    /// The column of 经度, from 1; 0 for none.
    #[param(maximum = 200)]
    pub longitude_column: Option<u32>,
    /// The column of 纬度, from 1; 0 for none.
    #[param(maximum = 200)]
    pub latitude_column: Option<u32>,
    /// The column of 坐标系, from 1; 0 for none.
    #[param(maximum = 200)]
    pub datum_column: Option<u32>,
}

/// How a [`Datum`] is described.
pub struct DatumName;

impl PartialSchema for DatumName {
    fn schema() -> RefOr<Schema> {
        let names = Datum::ALL.map(Datum::name);
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
    }
}

impl ToSchema for DatumName {}

impl From<ImportQuery> for ImportOptions {
    fn from(query: ImportQuery) -> Self {
        let columns = [
            (Field::Code, query.code_column),
            (Field::Name, query.name_column),
            (Field::Address, query.address_column),
            (Field::LegalRepresentative, query.legal_representative_column),
            (Field::Phone, query.phone_column),
            (Field::Category, query.category_column),
            (Field::Longitude, query.longitude_column),
            (Field::Latitude, query.latitude_column),
            (Field::Datum, query.datum_column),
        ];
        let chosen = columns.into_iter().filter_map(|(field, column)| Some((field, column?)));
        Self {
            dry_run: query.dry_run.unwrap_or(false),
            department: query.department,
            columns: chosen.collect(),
            datum: query.datum,
        }
    }
}

/// Takes over a table of inspected parties, whole or not at all: the body is the file, XLSX or CSV.
/// 201 when it was taken over. 200 when nothing was written: of a dry run, and where the report tells
/// an error in the file or that it cannot be read.
#[utoipa::path(
    post,
    path = "/imports/subjects",
    operation_id = "import_subjects",
    params(ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file as it is"),
    responses(
        (status = 200, description = "Nothing was written", body = ImportReport),
        (status = 201, description = "All of it was taken over", body = ImportReport),
    )
)]
pub async fn subjects(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(query): Query<ImportQuery>,
    Bytes(file): Bytes,
) -> Result<(StatusCode, axum::Json<ImportReport>), ApiError> {
    let options = ImportOptions::from(query);
    if options.columns.values().any(|column| *column as usize > COLUMNS_MAX) {
        let detail = format!("columns are numbers up to {COLUMNS_MAX}");
        return Err(ApiError::bad_request("request.wrong_query", detail));
    }
    let report = import::subjects(&state, &actor, file, options).await?;
    let status = match report.outcome {
        Outcome::Imported => StatusCode::CREATED,
        Outcome::DryRun | Outcome::HasErrors | Outcome::Unreadable => StatusCode::OK,
    };
    Ok((status, axum::Json(report)))
}

/// The register as a table that an import takes back unchanged.
#[utoipa::path(
    get,
    path = "/exports/subjects",
    operation_id = "export_subjects",
    params(ExportQuery),
    responses(
        (status = 200, content(
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            (String = "text/csv"),
        )),
        (status = 409, description = "Too many rows for one file"),
    )
)]
pub async fn export_subjects(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(query): Query<ExportQuery>,
) -> Result<Export, ApiError> {
    exports::subjects(&state, &actor, query).await
}

/// Tasks with how far they are, as a table.
#[utoipa::path(
    get,
    path = "/exports/tasks",
    operation_id = "export_tasks",
    params(ExportQuery),
    responses(
        (status = 200, content(
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            (String = "text/csv"),
        )),
        (status = 409, description = "Too many rows for one file"),
    )
)]
pub async fn export_tasks(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(query): Query<ExportQuery>,
) -> Result<Export, ApiError> {
    exports::tasks(&state, &actor, query).await
}

/// What was found, as a table.
#[utoipa::path(
    get,
    path = "/exports/findings",
    operation_id = "export_findings",
    params(ExportQuery),
    responses(
        (status = 200, content(
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            (String = "text/csv"),
        )),
        (status = 409, description = "Too many rows for one file"),
    )
)]
pub async fn export_findings(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(query): Query<ExportQuery>,
) -> Result<Export, ApiError> {
    exports::findings(&state, &actor, query).await
}

impl IntoResponse for Export {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"{}\"", self.file_name);
        let disposition = HeaderValue::from_str(&disposition).expect("a name of ASCII letters");
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.media_type)),
            (header::CONTENT_DISPOSITION, disposition),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        (headers, self.bytes).into_response()
    }
}
