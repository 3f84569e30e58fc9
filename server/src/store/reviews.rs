//! Reviews of visits.

use super::{CommittedRow, Connection};
use minicbor::{Decode, Encode};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, sqlx::FromRow)]
pub struct ReviewRow {
    #[n(0)]
    pub id: String,
    #[n(1)]
    pub task: String,
    /// The visit document, hex.
    #[n(2)]
    pub visit: String,
    #[n(3)]
    pub reviewer: String,
    /// `accepted` or `returned`.
    #[n(4)]
    pub outcome: String,
    #[n(5)]
    pub opinion: String,
    #[n(6)]
    pub reviewed_at_ms: i64,
}

impl CommittedRow for ReviewRow {
    const TABLE: &'static str = "review";

    fn key(&self) -> String {
        self.id.clone()
    }
}

pub async fn insert(conn: &mut Connection, row: &ReviewRow) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO review (id, task, visit, reviewer, outcome, opinion, reviewed_at_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    sqlx::query(SQL)
        .bind(&row.id)
        .bind(&row.task)
        .bind(&row.visit)
        .bind(&row.reviewer)
        .bind(&row.outcome)
        .bind(&row.opinion)
        .bind(row.reviewed_at_ms)
        .execute(conn)
        .await?;
    Ok(())
}

/// All reviews of a visit, oldest first.
pub async fn of_visit(conn: &mut Connection, visit: &str) -> Result<Vec<ReviewRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM review WHERE visit = $1 ORDER BY id").bind(visit).fetch_all(conn).await
}
