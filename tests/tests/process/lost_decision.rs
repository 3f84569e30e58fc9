//! A decision from the console that phones had received and a restored server has forgotten.

use crate::world::{World, path};
use liuhen_mobile::Client;
use liuhen_tests::{
    harness::{
        app,
        server::{self, Launch, Server},
        server_program,
        supervisor::Api,
    },
    replay::{generate::ITEM, office::Office},
};
use serde_json::{Value, json};
use std::{path::Path, process::Command, sync::Arc};

fn liuhen(arguments: &[&str]) {
    let output = Command::new(server_program().expect("built")).args(arguments).output().expect("liuhen");
    assert!(output.status.success(), "{}", server::shown(&output));
}

/// Decides the open disagreement in favour of a number, as the supervisor does who sees it.
fn decide(world: &World, number: i64) -> Value {
    let (supervisor, visit) = visit(world);
    let conflicts = visit["conflicts"].as_array().expect("conflicts");
    let open = conflicts.iter().find(|conflict| conflict["state"] == "open").expect("an open one");
    let seen: Vec<&Value> =
        open["values"].as_array().expect("values").iter().map(|value| &value["change"]).collect();
    let decision = json!({ "path": open["path"], "value": number, "seen": seen });
    let decided = supervisor.post(&format!("/api/v1/visits/{}/resolutions", world.visit()), &decision);
    decided.expect("a decision")
}

fn visit(world: &World) -> (Api, Value) {
    let supervisor = Office::sign_in(&world.server().url()).expect("the supervisor signs in");
    let visit = supervisor.get(&format!("/api/v1/visits/{}", world.visit())).expect("the visit");
    (supervisor, visit)
}

fn restore(world: &mut World, backup: &str) {
    let restored = path(&world.folder.path().join("restored"));
    let mut lost = world.server.take().expect("the server runs");
    let port = lost.address.port();
    lost.kill().expect("killed");
    liuhen(&["restore", backup, "--data", &restored]);
    let how = Launch { port, ..Launch::default() };
    world.server = Some(Server::launch(Path::new(&restored), how).expect("served"));
}

/// Two phones of the inspector that disagree about a number, and a backup from then.
fn quarrel(world: &World) -> (Arc<Client>, String) {
    let inspector = &world.office.inspectors[0];
    let place = world.folder.path().join("other");
    let other = app::enrolled(&place, &world.server().url(), &inspector.login, &inspector.password);
    let other = other.expect("an enrolment");
    world.answer(4);
    let nine = liuhen_mobile::records::Value::Int { value: 9 };
    other.answer(world.visit(), ITEM.to_owned(), nine, None).expect("a save");
    hand_in(&[&world.phone, &other]);
    let backup = path(&world.folder.path().join("backup"));
    liuhen(&["backup", "--data", &path(&world.data()), "--to", &backup]);
    (other, backup)
}

/// Until each has what the others wrote.
fn hand_in(phones: &[&Client]) {
    for _ in 0..3 {
        for phone in phones {
            app::hand_in(phone).expect("everything is handed in");
        }
    }
}

fn assert_nothing_waits(world: &World, phones: &[&Client]) {
    for phone in phones {
        let status = phone.status().expect("a status");
        assert_eq!((status.waiting, status.unsent_entries), (0, 0), "{status:?}");
    }
    server::verify_ledger(&world.server().data).expect("it verifies");
}

#[test]
fn work_built_on_a_decision_that_a_restore_lost_counts_all_the_same() {
    let mut world = World::new();
    let (other, backup) = quarrel(&world);
    let first = decide(&world, 9);
    hand_in(&[&world.phone, &other]);
    world.note("built on the decision");
    hand_in(&[&world.phone, &other]);

    restore(&mut world, &backup);
    let note = liuhen_mobile::records::NewNote { text: "of a colleague".to_owned(), item: None };
    other.add_note(world.visit(), note, None).expect("a save");
    world.note("after the restore");
    hand_in(&[&world.phone, &other]);
    assert_eq!(world.notes_shown(), ["after the restore", "built on the decision", "of a colleague"]);
    let told = world.phone.events(0, 1_000).expect("events");
    assert!(told.iter().any(|event| event.kind == "decision.lost"), "the app is told");

    let second = decide(&world, 9);
    assert_ne!(first["chain"], second["chain"], "the desk goes on in another chain");
    assert_eq!(second["seq"], 0);
    world.note("and on");
    hand_in(&[&world.phone, &other]);
    assert_eq!(world.notes_shown().len(), 4);
    let (_, shown) = visit(&world);
    assert!(shown["conflicts"].as_array().expect("conflicts").iter().all(|one| one["state"] == "resolved"));
    for phone in [&world.phone, &other] {
        let conflicts = phone.visit(world.visit()).expect("the visit").conflicts;
        assert!(conflicts.iter().all(|conflict| conflict.chosen.is_some()), "{conflicts:?}");
    }
    assert_nothing_waits(&world, &[&world.phone, &other]);
}

#[test]
fn two_decisions_lost_one_behind_the_other_hold_up_nothing_either() {
    let mut world = World::new();
    let (other, backup) = quarrel(&world);
    decide(&world, 9);
    hand_in(&[&world.phone, &other]);
    world.answer(5);
    let six = liuhen_mobile::records::Value::Int { value: 6 };
    other.answer(world.visit(), ITEM.to_owned(), six, None).expect("a save");
    hand_in(&[&world.phone, &other]);
    decide(&world, 6);
    hand_in(&[&world.phone, &other]);
    world.note("built on both");

    restore(&mut world, &backup);
    hand_in(&[&world.phone, &other]);
    assert_eq!(world.notes_shown(), ["built on both"]);
    assert_nothing_waits(&world, &[&world.phone, &other]);
}
