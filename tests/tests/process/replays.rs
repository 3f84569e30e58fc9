//! The replay itself: it is clean when it should be, and it counts exactly what was altered.

use liuhen_tests::{
    harness::server_program,
    replay::generate::{self, Size},
};
use serde_json::Value as Json;
use std::process::Command;

fn replay(options: &[&str]) -> (bool, Json) {
    let folder = tempfile::tempdir().expect("a folder");
    generate::write(folder.path(), Size { inspections: 16, ..Size::default() }, 3).expect("a set");
    let output = Command::new(env!("CARGO_BIN_EXE_liuhen-replay"))
        .args(["run", "--json", "--phones", "3"])
        .arg(folder.path())
        .args(options)
        .env("LIUHEN_SERVER", server_program().expect("built"))
        .output()
        .expect("the replay");
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), report)
}

#[test]
fn everything_typed_is_there_once_although_lines_are_cut_and_phones_are_killed() {
    let (clean, report) =
        replay(&["--pair", "50", "--cut", "30", "--kill", "40", "--photos", "generated:1", "--seed", "5"]);
    assert!(clean, "{report}");
    for counted in ["conflicts", "cuts", "kills", "evidence", "findings"] {
        assert!(report[counted].as_u64() > Some(0), "{counted}: {report}");
    }
    assert_eq!(report["conflicts"], report["conflicts_listed"], "{report}");
}

#[test]
fn altered_rows_are_reported_each_once() {
    let (clean, report) = replay(&["--pair", "20", "--sabotage", "4"]);
    assert!(!clean);
    let found = ["missing", "duplicated", "differing"].map(|key| report[key].as_u64().expect("a count"));
    assert_eq!(found.iter().sum::<u64>(), 4, "{report}");
    assert_eq!(report["ledger_verified"], false, "{report}");
}
