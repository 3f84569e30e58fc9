//! `liuhen backup`, `restore` and `serve` as an operator types them.

use crate::world::{World, path};
use liuhen_tests::harness::{
    server::{self, Launch, Server},
    server_program,
};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::Command,
};

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
    assert_eq!(world.phone.lost_checkpoints().expect("notes").len(), 1, "with what shows the loss");
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
    // A file as large as it likes among the keys: of those, too, the backup takes whatever there is.
    let large = world.data().join("signer/large");
    fs::write(&large, vec![7; 9 << 20]).expect("written");
    // No file may become larger than so many blocks, which is what a full disk looks like to a program:
    // 100 KiB hold no database, 4 MiB hold it but not the large file.
    for (blocks, code) in [(200, "backup.database"), (8_192, "backup.disk_full")] {
        let limited =
            format!("trap '' XFSZ; ulimit -f {blocks}; exec {program} backup --data {data} --to {to}");
        let output = Command::new("sh").args(["-c", &limited]).output().expect("a shell");
        assert!(!output.status.success(), "{}", server::shown(&output));
        assert!(server::shown(&output).contains(code), "{}", server::shown(&output));
        assert_eq!(names(&backups), Vec::<String>::new());
    }
    world.note("the server goes on");
    world.hand_in();
    fs::remove_file(&large).expect("removed");
    assert!(liuhen(&["backup", "--data", &data, "--to", &to]).0, "with room there is a backup");
    assert_eq!(names(&backups), ["today"]);
}

/// As somebody who may read and nothing else; root may do anything, so it becomes somebody else.
fn as_a_reader(arguments: &[&str]) -> (bool, String) {
    let program = path(&server_program().expect("built"));
    let as_nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let mut command = match is_root {
        true => Command::new("setpriv"),
        false => Command::new("env"),
    };
    command.args(if is_root { &as_nobody[..] } else { &[] }).arg(program).args(arguments);
    let output = command.output().expect("it runs");
    (output.status.success(), server::shown(&output))
}

fn permit(folder: &Path, mode: u32, file_mode: u32) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            permit(&path, mode, file_mode);
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(file_mode)).expect("permitted");
        }
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).expect("permitted");
}

#[test]
fn a_backup_and_a_check_need_to_read_the_folder_and_no_more_served_or_not() {
    let mut world = World::new();
    world.note("before");
    world.hand_in();
    let folder = world.folder.path().to_owned();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("permitted");
    let backups = folder.join("backups");
    fs::create_dir(&backups).expect("a folder");
    fs::set_permissions(&backups, fs::Permissions::from_mode(0o777)).expect("permitted");
    let data = path(&world.data());
    for state in ["served", "stopped"] {
        if state == "stopped" {
            world.server.take().expect("the server runs").stop().expect("it stops");
        }
        permit(&world.data(), 0o555, 0o444);
        let to = path(&backups.join(state));
        let (done, shown) = as_a_reader(&["backup", "--data", &data, "--to", &to]);
        assert!(done, "{state}: {shown}");
        let (verified, shown) = as_a_reader(&["verify-ledger", "--data", &data]);
        assert!(verified, "{state}: {shown}");
        permit(&world.data(), 0o755, 0o644);
        assert!(liuhen(&["verify-backup", &to]).0);
    }
}

#[test]
fn a_log_that_cannot_be_written_costs_no_order() {
    let mut world = World::new();
    let (program, data) = (path(&server_program().expect("built")), path(&world.data()));
    world.server.take().expect("the server runs").stop().expect("it stops");
    // Every write to it fails as on a full disk.
    let to = path(&world.folder.path().join("backup"));
    let shell = format!("exec {program} backup --data {data} --to {to} 2>/dev/full");
    let output = Command::new("sh").args(["-c", &shell]).env("RUST_LOG", "trace").output().expect("a shell");
    assert!(output.status.success(), "{}", server::shown(&output));
}
