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

#[test]
fn a_backup_taken_while_phones_hand_in_restores_and_they_hand_in_what_it_lacks() {
    let options = ["--restore", "--pair", "50", "--photos", "generated:1", "--seed", "7"];
    let (clean, report) = replay(&options);
    assert!(clean, "{report}");
    assert!(report["leaves_lost"].as_u64() > Some(0), "{report}");
    assert_eq!(report["conflicts"], report["conflicts_listed"], "{report}");
    for counted in ["conflicts", "evidence", "findings"] {
        assert!(report[counted].as_u64() > Some(0), "{counted}: {report}");
    }
}

#[test]
fn a_restore_in_a_replay_with_cut_lines_and_killed_phones_loses_nothing_either() {
    let options = [
        "--restore",
        "--pair",
        "50",
        "--cut",
        "20",
        "--kill",
        "30",
        "--photos",
        "generated:1",
        "--seed",
        "9",
    ];
    let (clean, report) = replay(&options);
    assert!(clean && report["leaves_lost"].as_u64() > Some(0), "{report}");
}
