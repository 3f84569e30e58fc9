//! Inspected parties.

use super::{CommittedRow, Connection};
use minicbor::{Decode, Encode};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, sqlx::FromRow)]
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

/// In the order of ids, behind `after`; of the department `below` and those below it, of all when absent.
pub async fn page_below(
    conn: &mut Connection,
    below: Option<&str>,
    after: &str,
    limit: i64,
) -> Result<Vec<SubjectRow>, sqlx::Error> {
    const SQL: &str = "SELECT * FROM subject
        WHERE id > $1
          AND ($2 IS NULL OR department IN (SELECT id FROM department_scope WHERE above = $2))
        ORDER BY id LIMIT $3";
    sqlx::query_as(SQL).bind(after).bind(below).bind(limit).fetch_all(conn).await
}
