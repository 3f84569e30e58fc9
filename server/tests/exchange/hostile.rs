//! Requests that were made to hurt: each gets a problem document, and nothing is logged.

use crate::{office::Office, phone::Phone};
use liuhen_engine::wire::{self, EXCHANGE_PATH};
use liuhen_trace::Canonical as _;
use serde_json::json;

async fn with_something_to_hand_in(office: &Office) -> Phone {
    let task = office.issue(&["zhang"]).await;
    let mut phone = office.phone("zhang", 1).await;
    phone.synchronise().await;
    phone.answer(task.visit, "1-2", 4);
    phone.cut();
    phone
}

fn packed(plain: &[u8]) -> Vec<u8> {
    zstd::encode_all(plain, 3).expect("compressed into memory")
}

async fn refused(office: &Office, phone: &Phone, body: Vec<u8>, what: &str) {
    let answer = office.send(phone.signed("POST", EXCHANGE_PATH, &[], body)).await;
    let code = answer.problem(400);
    assert!(["exchange.malformed", "exchange.too_large"].contains(&code.as_str()), "{what}: {code}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_cut_at_any_byte_is_refused_and_logs_nothing() {
    let office = Office::open().await;
    let phone = with_something_to_hand_in(&office).await;
    let before = office.state().ledger.latest().state;
    let plain = phone.request().to_canonical();
    for end in 0..plain.len() {
        refused(&office, &phone, packed(&plain[..end]), &format!("{end} bytes")).await;
    }
    let whole = packed(&plain);
    for end in 0..whole.len() {
        refused(&office, &phone, whole[..end].to_vec(), &format!("{end} compressed bytes")).await;
    }
    assert_eq!(office.state().ledger.latest().state, before);
    let answer = phone.ask(&phone.request()).await;
    assert_eq!(answer.receipts.len(), 1, "the whole request is a good one");
}

#[tokio::test(flavor = "multi_thread")]
async fn nesting_counts_and_bombs_are_refused_without_the_memory_they_claim() {
    let office = Office::open().await;
    let phone = with_something_to_hand_in(&office).await;
    let before = office.state().ledger.latest().state;
    let nested = [0x81_u8].repeat(1 << 20);
    let claimed = |head: &[u8]| [&[0x86, 0x01, 0xf6, 0xf6], head, &[0xff; 64]].concat();
    let bodies = [
        ("nested arrays", packed(&nested)),
        ("nested maps", packed(&[0xa1_u8, 0x00].repeat(1 << 19))),
        ("nested tags", packed(&[0xc1_u8].repeat(1 << 20))),
        ("2^64 - 1 segments", packed(&claimed(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))),
        ("2^32 segments", packed(&claimed(&[0x9b, 0, 0, 0, 1, 0, 0, 0, 0]))),
        ("an endless array", packed(&claimed(&[0x9f]))),
        ("2^63 bytes", packed(&[0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
        (
            "a gigabyte of zeros",
            zstd::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 1).expect("a bomb"),
        ),
        ("five megabytes", packed(&vec![0; 5 << 20])),
        ("two frames", [packed(&phone.request().to_canonical()), packed(b"more")].concat()),
    ];
    for (what, body) in bodies {
        refused(&office, &phone, body, what).await;
    }
    assert_eq!(office.state().ledger.latest().state, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_one_server_is_not_heard_by_another() {
    let (office, other) = (Office::open().await, Office::open().await);
    let phone = with_something_to_hand_in(&office).await;
    let twin = with_something_to_hand_in(&other).await;
    assert_eq!(phone.device, twin.device, "the same key is enrolled at both");
    let before = other.state().ledger.latest().state;
    let replayed = phone.signed("POST", EXCHANGE_PATH, &[], wire::pack(&phone.request()));
    assert_eq!(other.send(replayed).await.problem(401), "device.bad_signature");
    assert_eq!(other.state().ledger.latest().state, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_stays_one_that_may_be_sent_back() {
    use liuhen_engine::{limits, wire::Backfill};
    let office = Office::open().await;
    let phone = with_something_to_hand_in(&office).await;
    let task = office.issue(&["zhang"]).await;
    // More at once than one small answer can work off.
    let account = office.deployment.account("zhang").await;
    let one = json!({ "subject": office.subject, "checklist": office.checklist, "assignees": [account] });
    office.deployment.post("wang", "/api/v1/tasks", &json!(vec![one; 400])).await.created();
    let mut request = phone.request();
    request.segments.clear();
    request.answer_bytes_max = 0;
    let position = request.position.as_mut().expect("a position");
    let owed = Backfill { document: task.visit, as_of: position.cursor, from: 0 };
    position.backfills = vec![owed; limits::BACKFILLS_MAX];
    let mut exchanges = 0;
    loop {
        let answer = phone.ask(&request).await;
        assert!(answer.position.backfills.len() <= limits::BACKFILLS_MAX, "after {exchanges} exchanges");
        request.position = Some(answer.position);
        exchanges += 1;
        if !answer.more {
            break;
        }
        assert!(exchanges < 1_000, "it comes to an end");
    }
    let cursor = request.position.expect("a position").cursor;
    assert_eq!(cursor, office.state().ledger.latest().state.size, "and everything was told");
}
