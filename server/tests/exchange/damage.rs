//! The ledger check on folders that were damaged or cut: it ends, names what it found, and fails.

use crate::{
    ledger::{lived_in, open},
    office::Office,
};
use liuhen_server::{
    ledger::verify,
    store::audit::{self, AuditedRow},
};
use liuhen_trace::{
    Hash,
    merkle::{Tree, leaf_hash},
};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};
use std::fs;

async fn run(conn: &mut SqliteConnection, sql: &str) {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(conn).await.expect("a change");
}

/// Takes the last leaves away with everything that names them, as if they had never been.
async fn cut_tail(conn: &mut SqliteConnection, size: u64) {
    let bytes: Vec<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM ledger_leaf ORDER BY leaf LIMIT $1")
        .bind(size as i64)
        .fetch_all(&mut *conn)
        .await
        .expect("leaves");
    let mut tree = Tree::default();
    for bytes in &bytes {
        tree.append(leaf_hash(bytes));
    }
    for table in ["act", "feed", "entry", "segment", "ledger_leaf"] {
        run(conn, &format!("DELETE FROM {table} WHERE leaf >= {size}")).await;
    }
    run(conn, &format!("DELETE FROM ledger_node WHERE (idx + 1) << level > {size}")).await;
    let row: Vec<u8> = tree.row().iter().flat_map(|hash: &Hash| hash.0).collect();
    sqlx::query("UPDATE ledger_head SET size = $1, subtrees = $2, root = $3")
        .bind(size as i64)
        .bind(row)
        .bind(tree.root().0.to_vec())
        .execute(conn)
        .await
        .expect("a head");
}

/// A deployment in which the last act wrote a row of its own and nothing more.
async fn with_a_last_subject() -> tempfile::TempDir {
    let office = Office::open().await;
    let subject = serde_json::json!({ "name": "新店", "address": "人民路 2 号" });
    office.deployment.post("wang", "/api/v1/subjects", &subject).await.created();
    office.deployment.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_cut_without_a_trace_is_named_by_the_signer_or_by_its_absence() {
    let folder = with_a_last_subject().await;
    let mut conn = open(folder.path()).await;
    let size: i64 =
        sqlx::query_scalar("SELECT size FROM ledger_head").fetch_one(&mut conn).await.expect("a head");
    cut_tail(&mut conn, size as u64 - 1).await;
    run(&mut conn, "DELETE FROM subject WHERE id = (SELECT MAX(id) FROM subject)").await;
    let report = verify::check(folder.path()).await.expect("a check");
    assert_eq!(report.misfits.len(), 1, "nothing else tells of it: {report}");
    assert_eq!(report.misfits[0].what, "a checkpoint over more leaves was signed");

    fs::remove_file(folder.path().join("signer/checkpoint")).expect("removed");
    let report = verify::check(folder.path()).await.expect("a check");
    assert!(!report.verified, "whoever cuts the tail can remove the checkpoint as well");
    assert_eq!(report.misfits[0].place, "signer checkpoint");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_that_is_missing_foreign_or_damaged_is_named() {
    let (folder, _) = lived_in().await;
    let (other, _) = lived_in().await;
    let (signer, aside) = (folder.path().join("signer"), folder.path().join("aside"));
    fs::rename(&signer, &aside).expect("moved");
    let report = verify::check(folder.path()).await.expect("a check");
    assert!(report.misfits.iter().any(|misfit| misfit.place == "signer"), "{report}");
    assert!(!signer.exists(), "the check makes no keys");
    fs::rename(other.path().join("signer"), &signer).expect("moved");
    let report = verify::check(folder.path()).await.expect("a check");
    assert!(report.misfits.iter().any(|misfit| misfit.place == "signer checkpoint"), "{report}");
    assert!(report.misfits.iter().any(|misfit| misfit.place.starts_with("device")), "{report}");
    fs::remove_dir_all(&signer).expect("removed");
    fs::rename(&aside, &signer).expect("put back");
    for file in ["log.key", "deployment.key"] {
        let whole = fs::read(signer.join(file)).expect("a key");
        fs::write(signer.join(file), b"no key").expect("written");
        let report = verify::check(folder.path()).await.expect("a check");
        assert!(report.misfits.iter().any(|misfit| misfit.place == "signer"), "{file}: {report}");
        fs::write(signer.join(file), whole).expect("written");
    }
    assert!(verify::check(folder.path()).await.expect("a check").verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_page_of_the_database_is_damaged_the_check_ends_and_fails() {
    let (folder, _) = lived_in().await;
    let path = folder.path().join("liuhen.sqlite");
    let whole = fs::read(&path).expect("the file");
    let size = usize::from(u16::from_be_bytes([whole[16], whole[17]]));
    let pages = whole.len() / size;
    assert!(pages > 40, "{pages} pages");
    for page in 0..pages {
        let mut damaged = whole.clone();
        // A stretch of noise over the page's header and the first of its cells.
        for (at, byte) in damaged[page * size..page * size + 64].iter_mut().enumerate() {
            *byte ^= 0xa5 ^ at as u8;
        }
        fs::write(&path, &damaged).expect("written");
        let report = verify::check(folder.path()).await.expect("a report, whatever is damaged");
        assert!(!report.verified, "page {page}");
        assert!(!report.misfits.is_empty(), "page {page}");
    }
    fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    assert!(!verify::check(folder.path()).await.expect("a report").verified, "a database cut in half");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rows_that_changed_places_are_named() {
    let (folder, _) = lived_in().await;
    let mut conn = open(folder.path()).await;
    let swaps = [
        ("ledger_leaf", "bytes"),
        ("ledger_leaf", "hash"),
        ("act", "body"),
        ("segment", "signature"),
        ("entry", "body"),
        ("entry", "salt"),
        ("feed", "reference"),
        ("account", "name"),
    ];
    for (table, column) in swaps {
        let pick = format!("SELECT rowid FROM {table} GROUP BY {column} ORDER BY rowid LIMIT 2");
        let rows = sqlx::query(AssertSqlSafe(pick)).fetch_all(&mut conn).await.expect("two rows");
        assert_eq!(rows.len(), 2, "{table}.{column} has two values");
        let [a, b]: [i64; 2] = [rows[0].get(0), rows[1].get(0)];
        run(
            &mut conn,
            &format!("CREATE TEMP TABLE kept AS SELECT rowid AS at, {column} AS value FROM {table} WHERE rowid IN ({a}, {b})"),
        )
        .await;
        let put = |from: String| {
            format!(
                "UPDATE {table} SET {column} = (SELECT value FROM kept WHERE at = {from})
                 WHERE rowid IN ({a}, {b})"
            )
        };
        run(&mut conn, &put(format!("{a} + {b} - {table}.rowid"))).await;
        let report = verify::check(folder.path()).await.expect("a check");
        assert!(!report.verified, "{table}.{column} of rows {a} and {b} changed places unseen");
        run(&mut conn, &put(format!("{table}.rowid"))).await;
        run(&mut conn, "DROP TABLE kept").await;
    }
    let report = verify::check(folder.path()).await.expect("a check");
    assert!(report.verified, "everything was put back: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_that_claims_any_number_of_entries_is_only_named() {
    let (folder, _) = lived_in().await;
    let mut conn = open(folder.path()).await;
    let leaves: Vec<(i64, Vec<u8>)> = sqlx::query_as("SELECT leaf, bytes FROM ledger_leaf ORDER BY leaf")
        .fetch_all(&mut conn)
        .await
        .expect("leaves");
    for (leaf, bytes) in leaves {
        let Ok(liuhen_trace::Leaf::Segment(mut header)) = liuhen_trace::Leaf::from_bytes(&bytes) else {
            continue;
        };
        header.count = u64::MAX;
        sqlx::query("UPDATE ledger_leaf SET bytes = $1 WHERE leaf = $2")
            .bind(liuhen_trace::Leaf::Segment(header).to_bytes())
            .bind(leaf)
            .execute(&mut conn)
            .await
            .expect("a change");
    }
    let report = verify::check(folder.path()).await.expect("a check");
    assert!(
        report.misfits.iter().all(|misfit| misfit.place != "database"),
        "the check went through: {report}"
    );
    assert!(!report.verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_looked_up_by_an_index_so_that_many_take_no_longer_each() {
    use liuhen_server::store::{
        accounts::AccountRow, blobs::BlobRow, checklists::ChecklistRow, credentials::CredentialRow,
        departments::DepartmentRow, devices::DeviceRow, reviews::ReviewRow, subjects::SubjectRow,
        task_assignees::TaskAssigneeRow, tasks::TaskRow,
    };
    async fn plan<T: AuditedRow>(conn: &mut SqliteConnection) -> String {
        let explain = format!("EXPLAIN QUERY PLAN {}", T::ONE);
        let row = sqlx::query(AssertSqlSafe(explain)).fetch_one(conn).await.expect("a plan");
        row.get("detail")
    }
    let (folder, hash) = lived_in().await;
    let mut conn = open(folder.path()).await;
    let plans = [
        plan::<DepartmentRow>(&mut conn).await,
        plan::<AccountRow>(&mut conn).await,
        plan::<CredentialRow>(&mut conn).await,
        plan::<DeviceRow>(&mut conn).await,
        plan::<SubjectRow>(&mut conn).await,
        plan::<ChecklistRow>(&mut conn).await,
        plan::<TaskRow>(&mut conn).await,
        plan::<TaskAssigneeRow>(&mut conn).await,
        plan::<ReviewRow>(&mut conn).await,
        plan::<BlobRow>(&mut conn).await,
    ];
    assert!(plans.iter().all(|plan| plan.starts_with("SEARCH")), "{plans:#?}");
    let found = audit::committed::<BlobRow>(&mut conn, &hash.to_string()).await.expect("a read");
    assert!(found.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_as_json_keeps_its_shape() {
    let (folder, _) = lived_in().await;
    let mut conn = open(folder.path()).await;
    run(&mut conn, "UPDATE subject SET name = 'x'").await;
    let report = verify::check(folder.path()).await.expect("a check");
    let json = serde_json::to_value(&report).expect("JSON");
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    let mut of_report = keys(&json);
    of_report.sort();
    assert_eq!(
        of_report,
        ["blobs", "entries", "leaves", "misfits", "misfits_unlisted", "verified", "warnings"]
    );
    let mut of_misfit = keys(&json["misfits"][0]);
    of_misfit.sort();
    assert_eq!(of_misfit, ["leaf", "place", "what"]);
    assert_eq!(json["verified"], false);
    conn.close().await.expect("closed");
}
