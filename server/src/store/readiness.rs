//! The row that shows that writing works.

use super::Connection;

pub async fn note(conn: &mut Connection, now_ms: i64) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO readiness (id, checked_at_ms) VALUES (1, $1)
        ON CONFLICT (id) DO UPDATE SET checked_at_ms = excluded.checked_at_ms";
    sqlx::query(SQL).bind(now_ms).execute(conn).await?;
    Ok(())
}
