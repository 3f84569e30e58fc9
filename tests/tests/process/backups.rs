//! `liuhen backup`, `restore` and `serve` as an operator types them.

use crate::world::{World, path};
use liuhen_tests::harness::{
    server::{self, Launch, Server},
    server_program,
};
use std::{fs, path::Path, process::Command};

fn liuhen(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(server_program().expect("built")).args(arguments).output().expect("liuhen");
    (output.status.success(), server::shown(&output))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_served_folder_is_backed_up_restored_and_served_again_at_the_same_address() {
    let mut world = World::new();
    world.note("before");
    world.hand_in();
    let (folder, data) = (world.folder.path().to_owned(), world.data());
    let (backup, restored) = (path(&folder.join("backup")), path(&folder.join("restored")));
    let (done, shown) = liuhen(&["backup", "--data", &path(&data), "--to", &backup]);
    assert!(done && shown.contains("备份含密钥"), "{shown}");
    world.note("after");
    world.answer(7);
    world.hand_in();
    assert!(liuhen(&["verify-backup", &backup]).0);

    let mut lost = world.server.take().expect("the server runs");
    let port = lost.address.port();
    lost.kill().expect("killed");
    let (done, shown) = liuhen(&["restore", &backup, "--data", &restored]);
    assert!(done && shown.contains("epoch 2"), "{shown}");
    world.server =
        Some(Server::launch(Path::new(&restored), Launch { port, ..Launch::default() }).expect("served"));
    assert_eq!(world.notes_shown(), ["before"], "the backup is older");
    world.hand_in();
    assert_eq!(world.notes_shown(), ["after", "before"]);
    let events = world.phone.events(0, 1_000).expect("events");
    assert!(events.iter().any(|event| event.kind == "ledger.epoch_opened"), "the app is told");
    world.server.take().expect("the server runs").stop().expect("it stops");
    let (verified, shown) = liuhen(&["verify-ledger", "--data", &restored]);
    assert!(verified, "{shown}");

    let mark = folder.join("restored/backup.json");
    fs::write(&mark, "{}").expect("written");
    let (served, shown) = liuhen(&["serve", "--address", "127.0.0.1:0", "--data", &restored]);
    assert!(!served && shown.contains("restore.unfinished"), "{shown}");
}

#[test]
fn a_backup_that_finds_no_room_leaves_nothing_behind_and_the_server_goes_on() {
    let world = World::new();
    let (program, data) = (path(&server_program().expect("built")), path(&world.data()));
    let backups = world.folder.path().join("backups");
    let to = path(&backups.join("today"));
    // No file may become larger than 100 KiB, which is what a full disk looks like to a program.
    let limited = format!("trap '' XFSZ; ulimit -f 200; exec {program} backup --data {data} --to {to}");
    let output = Command::new("sh").args(["-c", &limited]).output().expect("a shell");
    assert!(!output.status.success(), "{}", server::shown(&output));
    assert!(server::shown(&output).contains("backup."), "{}", server::shown(&output));
    assert_eq!(names(&backups), Vec::<String>::new());
    world.note("the server goes on");
    world.hand_in();
    assert!(liuhen(&["backup", "--data", &data, "--to", &to]).0, "with room there is a backup");
    assert_eq!(names(&backups), ["today"]);
}
