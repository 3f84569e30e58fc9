//! `liuhen verify-ledger` on a kept folder whose bytes somebody changed.

use crate::world::{World, path};
use fastrand::Rng;
use liuhen_inspection::visit::EvidenceSource;
use liuhen_mobile::records::{EvidenceContent, NewEvidence};
use liuhen_tests::harness::{server, server_program};
use rusqlite::{Connection, params};
use serde_json::Value as Json;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A column of bytes that the ledger commits to, and how the row's leaf is found.
struct Column {
    table: &'static str,
    column: &'static str,
    leaf: &'static str,
}

const COLUMNS: &[Column] = &[
    Column { table: "ledger_leaf", column: "bytes", leaf: "leaf" },
    Column { table: "ledger_leaf", column: "hash", leaf: "leaf" },
    Column { table: "act", column: "body", leaf: "leaf" },
    Column { table: "act", column: "salt", leaf: "leaf" },
    Column { table: "segment", column: "header", leaf: "leaf" },
    Column { table: "segment", column: "signature", leaf: "leaf" },
    Column { table: "entry", column: "hash", leaf: "leaf" },
    Column { table: "entry", column: "body", leaf: "leaf" },
    Column { table: "entry", column: "salt", leaf: "leaf" },
    Column { table: "entry", column: "change", leaf: "leaf" },
];

/// A world with some work in it, stopped; its folder verifies.
fn kept() -> World {
    let mut world = World::new();
    world.note("a note");
    world.answer(3);
    let photo = world.folder.path().join("photo.jpg");
    fs::write(&photo, [7; 5000]).expect("a photo");
    let evidence = NewEvidence {
        content: EvidenceContent::File { path: path(&photo) },
        media_type: "image/jpeg".to_owned(),
        source: EvidenceSource::Camera,
        item: None,
        finding: None,
        caption: None,
        captured_at_ms: None,
        place: None,
    };
    world.phone.attach(world.visit(), evidence, None).expect("a save");
    world.hand_in();
    world.server.take().expect("the server runs").stop().expect("it stops");
    let (verified, report) = verify(&world.data());
    assert!(verified && report["leaves"].as_u64() > Some(5), "{report}");
    world
}

fn verify(data: &Path) -> (bool, Json) {
    let program = server_program().expect("built");
    let output = server::run(&program, data, &["verify-ledger", "--json"]).expect("verify-ledger");
    let report: Json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert_eq!(output.status.success(), report["verified"] == true, "{}", server::shown(&output));
    (output.status.success(), report)
}

/// Flips a bit of one byte in the row, runs the check, and puts the byte back.
fn flip(database: &Connection, data: &Path, column: &Column, rowid: i64, random: &mut Rng) {
    let Column { table, column, leaf } = column;
    let read = format!("SELECT {column}, {leaf} FROM {table} WHERE rowid = ?1");
    let (bytes, leaf): (Vec<u8>, i64) =
        database.query_row(&read, [rowid], |row| Ok((row.get(0)?, row.get(1)?))).expect("the row");
    let write = format!("UPDATE {table} SET {column} = ?2 WHERE rowid = ?1");
    let mut changed = bytes.clone();
    let at = random.usize(0..changed.len());
    changed[at] ^= 1 << random.u8(0..8);
    database.execute(&write, params![rowid, changed]).expect("a write");
    let (verified, report) = verify(data);
    assert!(!verified, "{table}.{column} of row {rowid}, byte {at}: not noticed");
    let misfits = report["misfits"].as_array().expect("misfits");
    let named = misfits.iter().any(|misfit| misfit["leaf"].as_i64() == Some(leaf));
    assert!(named, "{table}.{column} of leaf {leaf}: the place is not named: {report}");
    database.execute(&write, params![rowid, bytes]).expect("a write");
}

fn rows(database: &Connection, column: &Column) -> Vec<i64> {
    let Column { table, column, .. } = column;
    let list = format!("SELECT rowid FROM {table} WHERE {column} IS NOT NULL AND length({column}) > 0");
    let mut statement = database.prepare(&list).expect("the table");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("rows")
}

fn database(world: &World) -> Connection {
    Connection::open(world.data().join("liuhen.sqlite")).expect("the database")
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

#[test]
fn a_flipped_byte_of_any_leaf_entry_or_change_is_found_and_its_leaf_named() {
    let world = kept();
    let (database, mut random) = (database(&world), Rng::with_seed(1));
    for column in COLUMNS {
        let rows = rows(&database, column);
        assert!(!rows.is_empty(), "{}.{} has no row to change", column.table, column.column);
        for rowid in rows {
            flip(&database, &world.data(), column, rowid, &mut random);
        }
    }
    assert!(verify(&world.data()).0, "everything was put back");
}

#[test]
fn a_flipped_byte_of_a_file_and_a_missing_file_are_found_and_named() {
    let world = kept();
    let mut files = Vec::new();
    files_below(&world.data().join("blobs"), &mut files);
    let [file] = &files[..] else { panic!("one file was attached: {files:?}") };
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    let bytes = fs::read(file).expect("the file");
    let names_it = |report: &Json| report["misfits"].to_string().contains(&name);
    for at in [0, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(file, changed).expect("a write");
        let (verified, report) = verify(&world.data());
        assert!(!verified && names_it(&report), "byte {at}: {report}");
    }
    fs::remove_file(file).expect("a removal");
    let (verified, report) = verify(&world.data());
    assert!(!verified && names_it(&report), "{report}");
}

#[test]
fn a_row_of_a_register_changed_or_removed_is_found_and_named() {
    let world = kept();
    let database = database(&world);
    let changes = [
        ("UPDATE account SET name = name || '!' WHERE login = 'inspector-0'", "account"),
        ("UPDATE task SET state = 'issued'", "task"),
        ("UPDATE blob SET size_bytes = size_bytes + 1", "blob"),
        ("UPDATE subject SET address = 'elsewhere'", "subject"),
        ("DELETE FROM task_assignee", "task_assignee"),
    ];
    for (change, table) in changes {
        database.execute_batch(change).expect("a change");
        let (verified, report) = verify(&world.data());
        assert!(!verified, "{change}: not noticed");
        let named = report["misfits"].as_array().expect("misfits").iter();
        let named = named.filter_map(|misfit| misfit["place"].as_str()).any(|place| place.contains(table));
        assert!(named, "{change}: {report}");
    }
}
