//! Inspected parties.

use super::{CommittedRow, Connection, containing};
use minicbor::{Decode, Encode};

/// Degrees × 10⁷ are kept: a centimetre.
const E7: f64 = 1e7;

/// Degrees as a row has them.
pub fn e7(degrees: f64) -> i64 {
    (degrees * E7).round() as i64
}

/// And as people read them.
pub fn degrees(e7: i64) -> f64 {
    e7 as f64 / E7
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, sqlx::FromRow)]
pub struct SubjectRow {
    #[n(0)]
    pub id: String,
    #[n(1)]
    pub department: String,
    /// Organisation code or licence number, as the register has it.
    #[n(2)]
    pub code: String,
    #[n(3)]
    pub name: String,
    #[n(4)]
    pub address: String,
    #[n(5)]
    pub category: String,
    #[n(6)]
    pub legal_representative: String,
    #[n(7)]
    pub phone: String,
    /// WGS-84, degrees × 10⁷.
    #[n(8)]
    pub latitude_e7: Option<i64>,
    #[n(9)]
    pub longitude_e7: Option<i64>,
    /// What the coordinates were given in.
    #[n(10)]
    pub source_datum: Option<String>,
    #[n(11)]
    pub registered_at_ms: i64,
}

impl CommittedRow for SubjectRow {
    const TABLE: &'static str = "subject";

    fn key(&self) -> String {
        self.id.clone()
    }
}

/// A version of a subject that was replaced by a later one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, sqlx::FromRow)]
pub struct SubjectVersionRow {
    #[n(0)]
    #[sqlx(flatten)]
    pub subject: SubjectRow,
    /// From 1.
    #[n(1)]
    pub version: i64,
    #[n(2)]
    pub replaced_at_ms: i64,
    #[n(3)]
    pub replaced_by: String,
}

impl CommittedRow for SubjectVersionRow {
    const TABLE: &'static str = "subject_version";

    fn key(&self) -> String {
        format!("{}/{}", self.subject.id, self.version)
    }
}

pub async fn insert(conn: &mut Connection, row: &SubjectRow) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO subject
            (id, department, code, name, address, category, legal_representative, phone,
             latitude_e7, longitude_e7, source_datum, registered_at_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    sqlx::query(SQL)
        .bind(&row.id)
        .bind(&row.department)
        .bind(&row.code)
        .bind(&row.name)
        .bind(&row.address)
        .bind(&row.category)
        .bind(&row.legal_representative)
        .bind(&row.phone)
        .bind(row.latitude_e7)
        .bind(row.longitude_e7)
        .bind(&row.source_datum)
        .bind(row.registered_at_ms)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn by_id(conn: &mut Connection, id: &str) -> Result<Option<SubjectRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM subject WHERE id = $1").bind(id).fetch_optional(conn).await
}

/// Writes the attributes of a subject that is there.
pub async fn update(conn: &mut Connection, row: &SubjectRow) -> Result<(), sqlx::Error> {
    const SQL: &str = "UPDATE subject SET code = $2, name = $3, address = $4, category = $5,
            legal_representative = $6, phone = $7, latitude_e7 = $8, longitude_e7 = $9, source_datum = $10
        WHERE id = $1";
    sqlx::query(SQL)
        .bind(&row.id)
        .bind(&row.code)
        .bind(&row.name)
        .bind(&row.address)
        .bind(&row.category)
        .bind(&row.legal_representative)
        .bind(&row.phone)
        .bind(row.latitude_e7)
        .bind(row.longitude_e7)
        .bind(&row.source_datum)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn insert_version(conn: &mut Connection, row: &SubjectVersionRow) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO subject_version
            (id, version, department, code, name, address, category, legal_representative, phone,
             latitude_e7, longitude_e7, source_datum, registered_at_ms, replaced_at_ms, replaced_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    sqlx::query(SQL)
        .bind(&row.subject.id)
        .bind(row.version)
        .bind(&row.subject.department)
        .bind(&row.subject.code)
        .bind(&row.subject.name)
        .bind(&row.subject.address)
        .bind(&row.subject.category)
        .bind(&row.subject.legal_representative)
        .bind(&row.subject.phone)
        .bind(row.subject.latitude_e7)
        .bind(row.subject.longitude_e7)
        .bind(&row.subject.source_datum)
        .bind(row.subject.registered_at_ms)
        .bind(row.replaced_at_ms)
        .bind(&row.replaced_by)
        .execute(conn)
        .await?;
    Ok(())
}

/// What the subject was before, oldest first.
pub async fn versions(conn: &mut Connection, id: &str) -> Result<Vec<SubjectVersionRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM subject_version WHERE id = $1 ORDER BY version")
        .bind(id)
        .fetch_all(conn)
        .await
}

/// The number of the version that stands in `subject` now.
pub async fn present_version(conn: &mut Connection, id: &str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT COUNT(*) + 1 FROM subject_version WHERE id = $1")
        .bind(id)
        .fetch_one(conn)
        .await
}

/// The whole register of one department and those below it: its own first, then in the order of ids.
pub async fn below_department(
    conn: &mut Connection,
    department: &str,
    limit: i64,
) -> Result<Vec<SubjectRow>, sqlx::Error> {
    const SQL: &str = "SELECT * FROM subject
        WHERE department IN (SELECT id FROM department_scope WHERE above = $1)
        ORDER BY CASE WHEN department = $1 THEN 0 ELSE 1 END, id LIMIT $2";
    sqlx::query_as(SQL).bind(department).bind(limit).fetch_all(conn).await
}

/// What a list of subjects is narrowed to; `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct SubjectFilter {
    /// In the code, the name or the address; capital and small letters of ASCII are the same.
    pub text: Option<String>,
    /// The department, or one below it.
    pub below: Option<String>,
}

/// In the order of ids, behind `after`.
pub async fn page_filtered(
    conn: &mut Connection,
    filter: &SubjectFilter,
    after: &str,
    limit: i64,
) -> Result<Vec<SubjectRow>, sqlx::Error> {
    const SQL: &str = "SELECT * FROM subject
        WHERE id > $1
          AND ($2 IS NULL OR department IN (SELECT id FROM department_scope WHERE above = $2))
          AND ($3 IS NULL OR LOWER(name) LIKE $3 ESCAPE '!' OR LOWER(code) LIKE $3 ESCAPE '!'
               OR LOWER(address) LIKE $3 ESCAPE '!')
        ORDER BY id LIMIT $4";
    sqlx::query_as(SQL)
        .bind(after)
        .bind(&filter.below)
        .bind(filter.text.as_deref().map(containing))
        .bind(limit)
        .fetch_all(conn)
        .await
}
