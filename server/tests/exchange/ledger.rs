//! The ledger check finds any byte that was changed behind the server's back.

use crate::{
    evidence::{photo, upload},
    office::Office,
};
use liuhen_inspection::task::Step;
use liuhen_server::{evidence, ledger::verify};
use liuhen_trace::EntryKind;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};
use std::path::Path;
use totp_rs::{Builder, Secret};

/// Every table whose rows a leaf commits to, but `log_epoch`: that has rows after a restore only.
const TABLES: [&str; 22] = [
    "ledger_leaf",
    "ledger_node",
    "ledger_head",
    "act",
    "act_about",
    "segment",
    "entry",
    "visit",
    "announcement",
    "department",
    "account",
    "credential",
    "second_factor",
    "device",
    "subject",
    "subject_version",
    "checklist",
    "task",
    "task_assignee",
    "review",
    "blob",
    "feed",
];

/// A folder in which everything happened that the tables can tell of.
pub async fn lived_in() -> (tempfile::TempDir, liuhen_trace::BlobHash) {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let other = office.issue(&["li"]).await;
    let (mut zhang, mut li) = (office.phone("zhang", 1).await, office.phone("li", 2).await);
    zhang.synchronise().await;
    li.synchronise().await;
    for step in [Step::Delivered, Step::Opened, Step::Claimed] {
        zhang.step(task.visit, step);
    }
    zhang.answer(task.visit, "1-2", 4);
    let blob = photo(&mut zhang, task.visit, b"picture");
    photo(&mut zhang, task.visit, b"never sent");
    zhang.exchange().await;
    upload(&office, &zhang, b"picture").await;
    li.answer(task.visit, "1-2", 9);
    let missing = li.documents[&task.visit].clone();
    li.exchange().await;
    office.judged().await;
    zhang.synchronise().await;
    zhang.seal(task.visit, false);
    let body = zhang.body(Some(other.visit));
    zhang.append(EntryKind::CheckIn, body, None);
    let body = zhang.body(None);
    zhang.append(EntryKind::CheckIn, body, None);
    zhang.synchronise().await;
    office.judged().await;
    drop(missing);
    let review = json!({ "outcome": "accepted" });
    let path = format!("/api/v1/visits/{}/reviews", task.visit);
    office.deployment.post("wang", &path, &review).await.created();
    office.reassign(&other, &["zhang"]).await;
    set_up_second_factor(&office).await;
    let (path, moved) = (format!("/api/v1/subjects/{}", office.subject), json!({ "address": "人民路 2 号" }));
    office.deployment.send("wang", "PATCH", &path, Some(&moved)).await.ok();
    zhang.synchronise().await;
    let hash = blob.hash;
    drop((zhang, li));
    (office.deployment.close().await, hash)
}

async fn set_up_second_factor(office: &Office) {
    let begun = office.deployment.post("wang", "/api/v1/second-factor", &json!({})).await.created();
    let secret = Secret::try_from_base32(begun["secret"].as_str().expect("a secret")).expect("base32");
    let code = Builder::new().with_secret(secret).build_noncompliant().generate_current().to_string();
    let (path, body) = ("/api/v1/second-factor/confirmation", json!({ "code": code }));
    assert_eq!(office.deployment.post("wang", path, &body).await.status.as_u16(), 204);
}

pub async fn open(data: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(data.join("liuhen.sqlite")).foreign_keys(false);
    let mut conn = SqliteConnection::connect_with(&options).await.expect("the database");
    sqlx::query("PRAGMA ignore_check_constraints = ON").execute(&mut conn).await.expect("a setting");
    conn
}

/// Changes one value of a column, in a row where it is set if there is one. Returns how to undo it,
/// or `None` when the table is empty.
async fn flip(conn: &mut SqliteConnection, table: &str, column: &str) -> Option<(i64, String)> {
    let pick = format!("SELECT rowid FROM {table} ORDER BY {column} IS NULL, rowid DESC LIMIT 1");
    let rowid: i64 =
        sqlx::query_scalar(AssertSqlSafe(pick)).fetch_optional(&mut *conn).await.expect("a pick")?;
    let keep =
        format!("CREATE TEMP TABLE kept AS SELECT {column} AS value FROM {table} WHERE rowid = {rowid}");
    sqlx::query(AssertSqlSafe(keep)).execute(&mut *conn).await.expect("a copy");
    // A bit of the last byte of text or bytes, the lowest bit of a number.
    let flipped = format!(
        "UPDATE {table} SET {column} = CASE typeof({column})
             WHEN 'null' THEN 1
             WHEN 'integer' THEN {column} + 1
             WHEN 'text' THEN substr({column}, 1, length({column}) - 1)
                 || CASE substr({column}, -1) WHEN '0' THEN '1' ELSE '0' END
             ELSE CAST(substr({column}, 1, length({column}) - 1)
                 || CASE hex(substr({column}, -1)) WHEN '00' THEN x'01' ELSE x'00' END AS BLOB)
         END WHERE rowid = {rowid}"
    );
    sqlx::query(AssertSqlSafe(flipped)).execute(&mut *conn).await.expect("a change");
    Some((rowid, format!("UPDATE {table} SET {column} = (SELECT value FROM kept) WHERE rowid = {{}}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_folder_is_verified_and_any_changed_column_is_named() {
    let (folder, _) = lived_in().await;
    let report = verify::check(folder.path()).await.expect("a check");
    assert!(report.verified, "{report}");
    assert!(report.leaves > 15 && report.entries >= 9 && report.blobs == 1, "{report}");
    assert!(report.warnings.is_empty(), "{report}");

    let mut conn = open(folder.path()).await;
    let mut columns = 0;
    for table in TABLES {
        let listed = format!("SELECT name FROM pragma_table_info('{table}')");
        let names = sqlx::query(AssertSqlSafe(listed)).fetch_all(&mut conn).await.expect("columns");
        for name in names {
            let column: String = name.get(0);
            let Some((rowid, undo)) = flip(&mut conn, table, &column).await else {
                panic!("{table} is empty")
            };
            let report = verify::check(folder.path()).await.expect("a check");
            assert!(!report.verified, "{table}.{column} was changed unseen");
            let named = report.misfits.iter().any(|misfit| names_place(table, &misfit.place));
            assert!(named, "{table}.{column}: {report}");
            let undo = undo.replace("{}", &rowid.to_string());
            sqlx::query(AssertSqlSafe(undo)).execute(&mut conn).await.expect("undone");
            sqlx::query("DROP TABLE kept").execute(&mut conn).await.expect("dropped");
            columns += 1;
        }
    }
    assert!(columns > 90, "{columns} columns");
    let report = verify::check(folder.path()).await.expect("a check");
    assert!(report.verified, "everything was put back: {report}");
}

/// Where a changed row of a table may show: a key that changed shows where the row was looked for.
fn names_place(table: &str, place: &str) -> bool {
    let places: &[&str] = match table {
        "ledger_leaf" => &["ledger_leaf", "signer"],
        "segment" | "entry" => &["segment", "entry"],
        "blob" => &["blob", "file"],
        _ => &[table],
    };
    places.iter().any(|known| place.starts_with(known))
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_added_or_removed_are_named() {
    let (folder, _) = lived_in().await;
    let mut conn = open(folder.path()).await;
    for table in TABLES {
        for change in ["removed", "added"] {
            sqlx::query("BEGIN").execute(&mut conn).await.expect("begun");
            let changed = match change {
                "removed" => format!("DELETE FROM {table} WHERE rowid = (SELECT MAX(rowid) FROM {table})"),
                _ => added(&mut conn, table).await,
            };
            sqlx::query(AssertSqlSafe(format!("CREATE TEMP TABLE before AS SELECT * FROM {table}")))
                .execute(&mut conn)
                .await
                .expect("kept");
            sqlx::query(AssertSqlSafe(changed)).execute(&mut conn).await.expect("changed");
            sqlx::query("COMMIT").execute(&mut conn).await.expect("committed");
            let report = verify::check(folder.path()).await.expect("a check");
            assert!(!report.verified, "a row was {change} in {table} unseen");
            sqlx::query(AssertSqlSafe(format!("DELETE FROM {table}")))
                .execute(&mut conn)
                .await
                .expect("emptied");
            sqlx::query(AssertSqlSafe(format!("INSERT INTO {table} SELECT * FROM before")))
                .execute(&mut conn)
                .await
                .expect("put back");
            sqlx::query("DROP TABLE before").execute(&mut conn).await.expect("dropped");
        }
    }
    let report = verify::check(folder.path()).await.expect("a check");
    assert!(report.verified, "everything was put back: {report}");
}

/// A copy of the last row under another key.
async fn added(conn: &mut SqliteConnection, table: &str) -> String {
    let listed = format!("SELECT name, pk, type FROM pragma_table_info('{table}') ORDER BY cid");
    let columns = sqlx::query(AssertSqlSafe(listed)).fetch_all(conn).await.expect("columns");
    let mut first_key = true;
    let mut values = Vec::new();
    for column in columns {
        let (name, key, kind): (String, i64, String) = (column.get(0), column.get(1), column.get(2));
        let unique = matches!(
            (table, name.as_str()),
            (_, "login" | "name") | ("task", "visit") | ("checklist", "code")
        ) || (table == "segment" && name == "first_seq");
        values.push(if (key > 0 && first_key) || unique {
            first_key &= key == 0;
            match kind.as_str() {
                "BIGINT" => format!("{name} + 1000"),
                "BLOB" => format!("CAST({name} || x'01' AS BLOB)"),
                _ => format!("{name} || '0'"),
            }
        } else {
            name
        });
    }
    let check = if table == "ledger_head" {
        "UPDATE ledger_head SET size = size + 1".to_owned()
    } else {
        String::new()
    };
    if !check.is_empty() {
        return check;
    }
    let values = values.join(", ");
    format!("INSERT INTO {table} SELECT {values} FROM {table} WHERE rowid = (SELECT MAX(rowid) FROM {table})")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_or_missing_file_and_a_changed_checkpoint_are_named() {
    let (folder, hash) = lived_in().await;
    let path = evidence::path_of(folder.path(), hash);
    std::fs::write(&path, b"Picture").expect("written");
    let report = verify::check(folder.path()).await.expect("a check");
    assert!(!report.verified);
    assert_eq!(report.misfits[0].place, format!("file {hash}"));
    assert!(report.misfits[0].leaf.is_some());
    std::fs::remove_file(&path).expect("removed");
    assert!(!verify::check(folder.path()).await.expect("a check").verified);
    std::fs::write(&path, b"picture").expect("written");
    let stray = path.with_file_name("stray");
    std::fs::write(&stray, b"x").expect("written");
    let report = verify::check(folder.path()).await.expect("a check");
    assert!(report.verified && report.warnings.len() == 1, "{report}");

    let note = folder.path().join("signer/checkpoint");
    let signed = std::fs::read_to_string(&note).expect("a note");
    std::fs::write(&note, signed.replacen("\n", "\n1", 1)).expect("written");
    let report = verify::check(folder.path()).await.expect("a check");
    assert_eq!(report.misfits[0].place, "signer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_of_a_change_flipped_in_the_database_file_is_named() {
    let (folder, _) = lived_in().await;
    let mut conn = open(folder.path()).await;
    let change: Vec<u8> = sqlx::query_scalar("SELECT change FROM entry WHERE change IS NOT NULL LIMIT 1")
        .fetch_one(&mut conn)
        .await
        .expect("a change");
    conn.close().await.expect("closed");
    let path = folder.path().join("liuhen.sqlite");
    let whole = std::fs::read(&path).expect("the file");
    let at = whole.windows(change.len()).position(|window| window == change).expect("the change in the file");
    for offset in [0, 5, change.len() / 2, change.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at + offset] ^= 0x40;
        std::fs::write(&path, damaged).expect("written");
        let report = verify::check(folder.path()).await.expect("a check");
        assert!(report.misfits.iter().any(|misfit| misfit.leaf.is_some()), "byte {offset}: {report}");
    }
}
