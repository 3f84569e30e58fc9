//! Each piece of bad input gets a problem document with a stable code, or a clear line, and leaves
//! the ledger as it was.

use crate::{
    device::{EXCHANGE, HandmadeDevice},
    world::{World, path},
};
use liuhen_engine::wire::{self, PROTOCOL_VERSION, Request};
use liuhen_mobile::records::{EvidenceContent, NewEvidence, Value};
use liuhen_tests::harness::supervisor::{Api, Reply, text};
use liuhen_tests::{
    harness::server::{ADMIN_LOGIN, ADMIN_PASSWORD},
    replay::generate::{self, Size},
};
use serde_json::{Value as Json, json};
use std::{
    fs,
    process::{Command, Output},
};

fn post(api: &Api, path: &str, body: &Json) -> Reply {
    api.try_post(path, body).expect("an answer")
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{reply}");
}

#[test]
fn a_wrong_password_and_an_unknown_login_get_the_same_answer() {
    let world = World::new();
    let api = Api::new(&world.server().url());
    let sign_in = |login: &str, password: &str| {
        post(&api, "/api/v1/sessions", &json!({ "login": login, "password": password }))
    };
    let wrong = sign_in(ADMIN_LOGIN, "not the password");
    refused(&wrong, 401, "session.wrong_credentials");
    // About half of those who are not there are asked for a code, as those are who have a second factor.
    let unknown: Vec<Reply> =
        (0..32).map(|number| sign_in(&format!("nobody{number}"), ADMIN_PASSWORD)).collect();
    let (asked, alike): (Vec<_>, Vec<_>) =
        unknown.iter().partition(|reply| reply.code() == "session.code_required");
    assert!(!asked.is_empty() && !alike.is_empty(), "{} of 32 are asked", asked.len());
    for reply in alike {
        refused(reply, 401, "session.wrong_credentials");
        assert_eq!(reply.json()["detail"], wrong.json()["detail"]);
    }
    assert!(world.server().admin().is_ok());
}

#[test]
fn a_refresh_token_used_twice_ends_the_whole_sign_in() {
    let world = World::new();
    let api = Api::new(&world.server().url());
    let credentials = json!({ "login": ADMIN_LOGIN, "password": ADMIN_PASSWORD });
    let session = post(&api, "/api/v1/sessions", &credentials).json();
    let refresh = |token: &str| post(&api, "/api/v1/sessions/refresh", &json!({ "refresh_token": token }));
    let stolen = text(&session, "refresh_token").unwrap();
    let next = refresh(stolen);
    assert!(next.status < 300, "{next}");
    let again = refresh(stolen);
    assert_eq!(again.status, 401, "{again}");
    assert!(!again.code().is_empty());
    let after = refresh(text(&next.json(), "refresh_token").unwrap());
    assert_eq!(after.status, 401, "the thief's or the owner's, both are out: {after}");
    let made_up = refresh("made up");
    assert_eq!(made_up.status, 401, "{made_up}");
}

#[test]
fn truncated_and_foreign_exchange_bodies_are_refused_and_leave_nothing() {
    let world = World::new();
    let inspector = &world.office.inspectors[0];
    let signed_in = Api::signed_in(&world.server().url(), &inspector.login, &inspector.password).unwrap();
    let device = HandmadeDevice::enrolled(&signed_in);
    let api = Api::new(&world.server().url());
    let leaves = world.leaves();
    let request = Request {
        version: PROTOCOL_VERSION,
        position: None,
        checkpoint: None,
        segments: Vec::new(),
        wants: Vec::new(),
        answer_bytes_max: 100_000,
    };
    let whole = wire::pack(&request);
    let send = |body: &[u8]| device.send(&api, "POST", EXCHANGE, &[], body);
    assert_eq!(send(&whole).status, 200, "{}", send(&whole));
    for cut in 0..whole.len() {
        refused(&send(&whole[..cut]), 400, "exchange.malformed");
    }
    refused(&send(b"{\"version\": 1}"), 400, "exchange.malformed");
    refused(&send(&[&whole[..], &whole].concat()), 400, "exchange.malformed");
    refused(&send(&wire::pack(&Request { version: 999, ..request })), 400, "exchange.unknown_version");
    // The server may hang up before such a body was sent whole, and then the answer is lost.
    if let Ok(reply) = device.try_send(&api, "POST", EXCHANGE, &[], &vec![0; 1_500_000]) {
        refused(&reply, 413, "exchange.too_large");
    }
    assert_eq!(world.leaves(), leaves);
}

#[test]
fn a_device_without_a_grant_and_one_of_another_deployment_are_not_heard() {
    let world = World::new();
    let inspector = &world.office.inspectors[0];
    let signed_in = Api::signed_in(&world.server().url(), &inspector.login, &inspector.password).unwrap();
    let mut enrolled = HandmadeDevice::enrolled(&signed_in);
    let api = Api::new(&world.server().url());
    let stranger = HandmadeDevice::unknown(&enrolled.origin);
    refused(&stranger.send(&api, "POST", EXCHANGE, &[], b""), 401, "device.unknown");
    refused(&api.send("POST", EXCHANGE, &[], b"").unwrap(), 401, "device.unsigned");
    enrolled.origin = "another.example".to_owned();
    refused(&enrolled.send(&api, "POST", EXCHANGE, &[], b""), 401, "device.bad_signature");
}

#[test]
fn an_unknown_item_and_an_oversized_file_are_refused_where_they_are_typed() {
    let world = World::new();
    let unsent = || world.phone.status().unwrap().unsent_entries;
    let before = unsent();
    let answer = world.phone.answer(world.visit(), "no-such-item".to_owned(), Value::Int { value: 1 }, None);
    assert_eq!(answer.unwrap_err().code(), "visit.unknown_item");
    let wrong =
        world.phone.answer(world.visit(), generate::ITEM.to_owned(), Value::Bool { value: true }, None);
    assert_eq!(wrong.unwrap_err().code(), "visit.wrong_value");
    let huge = world.folder.path().join("huge.mp4");
    fs::File::create(&huge).unwrap().set_len(liuhen_trace::limits::BLOB_BYTES_MAX + 1).unwrap();
    let evidence = NewEvidence {
        content: EvidenceContent::File { path: path(&huge) },
        media_type: "video/mp4".to_owned(),
        source: liuhen_inspection::visit::EvidenceSource::Recorder,
        item: None,
        finding: None,
        caption: None,
        captured_at_ms: None,
        place: None,
    };
    let attached = world.phone.attach(world.visit(), evidence, None);
    assert_eq!(attached.unwrap_err().code(), "evidence.too_large");
    assert_eq!(unsent(), before);
}

#[test]
fn an_upload_that_no_entry_announced_is_refused() {
    let world = World::new();
    let inspector = &world.office.inspectors[0];
    let signed_in = Api::signed_in(&world.server().url(), &inspector.login, &inspector.password).unwrap();
    let device = HandmadeDevice::enrolled(&signed_in);
    let api = Api::new(&world.server().url());
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let metadata = format!("sha256 {}", STANDARD.encode("ab".repeat(32)));
    let headers =
        [("tus-resumable", "1.0.0"), ("upload-length", "1000000"), ("upload-metadata", metadata.as_str())];
    let reply = device.send(&api, "POST", "/files", &headers, b"");
    assert!((400..500).contains(&reply.status) && reply.code().starts_with("upload."), "{reply}");
}

#[test]
fn rules_of_the_registers_are_told_with_the_place_and_nothing_is_half_done() {
    let world = World::new();
    let admin = world.admin();
    let leaves = world.leaves();
    let subjects = json!([{ "name": "one" }, { "name": "" }]);
    let reply = post(&admin, "/api/v1/subjects", &subjects);
    assert_eq!(reply.status, 422, "{reply}");
    assert!(reply.json()["detail"].as_str().unwrap_or("").contains("subjects[1]"), "{reply}");
    let misspelt = post(&admin, "/api/v1/subjects", &json!({ "nmae": "one" }));
    assert!((400..500).contains(&misspelt.status) && !misspelt.code().is_empty(), "{misspelt}");
    let unknown = admin.send("GET", "/api/v1/nothing", &[], &[]).unwrap();
    refused(&unknown, 404, "request.unknown_path");
    assert_eq!(world.leaves(), leaves);
}

fn replay(set: &std::path::Path, data: &std::path::Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_liuhen-replay"));
    command.arg("run").arg(set).arg("--data").arg(data).args(more).output().expect("the replay")
}

#[test]
fn a_broken_set_is_told_with_file_line_and_column_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set");
    let data = folder.path().join("data");
    generate::write(&set, Size::default(), 1).unwrap();
    let violations = fs::read(set.join("violations.csv")).unwrap();
    let breakages: [(&str, Vec<u8>, &str); 3] = [
        (
            "a column is missing",
            replaced(&violations, b"sub_problem", b"sub_trouble"),
            "line 1, column sub_problem",
        ),
        ("not UTF-8", [&violations[..], b"40000,1/1/2018,\xff\n"].concat(), "line "),
        ("a ragged row", [&violations[..], b"40000,1/1/2018\n"].concat(), "2 fields where the header has 18"),
    ];
    for (what, bytes, said) in breakages {
        fs::write(set.join("violations.csv"), bytes).unwrap();
        let output = replay(&set, &data, &[]);
        let lines = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{what}: {lines}");
        assert!(lines.contains("violations.csv") && lines.contains(said), "{what}: {lines}");
        assert!(!data.exists(), "{what}: something was started");
    }
}

#[test]
fn options_that_cannot_be_met_are_told_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (set, data) = (folder.path().join("set"), folder.path().join("data"));
    generate::write(&set, Size::default(), 1).unwrap();
    let wrong: [&[&str]; 5] = [
        &["--pair", "10", "--phones", "1"],
        &["--from", "2030-01-01"],
        &["--from", "yesterday"],
        &["--photos", "no/such/folder"],
        &["--cut", "101"],
    ];
    for options in wrong {
        let output = replay(&set, &data, options);
        assert_eq!(output.status.code(), Some(2), "{options:?}");
        assert!(!data.exists() && !output.stderr.is_empty(), "{options:?}");
    }
}

fn replaced(text: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = text.windows(old.len()).position(|window| window == old).expect("the column");
    [&text[..at], new, &text[at + old.len()..]].concat()
}
