//! How soon a phone learns something, and what it costs when there is nothing.

use crate::{ledger::open, office::Office};
use liuhen_engine::wire::{self, EXCHANGE_PATH};
use liuhen_inspection::checklist::Checklist;
use liuhen_server::exchange::admission::SETTLE_TIME_MAX;
use liuhen_trace::{Canonical as _, EntryKind, digest};
use serde_json::json;
use tokio::time::Instant;

const IDLE_BYTES_MAX: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn who_hands_in_learns_the_verdict_and_what_was_issued_just_before_in_the_same_answer() {
    let office = Office::open().await;
    let (theirs, own) = (office.issue(&["li"]).await, office.issue(&["zhang"]).await);
    let mut phone = office.phone("zhang", 1).await;
    phone.synchronise().await;
    let body = phone.body(Some(theirs.visit));
    phone.append(EntryKind::CheckIn, body, None);
    phone.answer(own.visit, "1-2", 4);
    let issued = office.issue(&["zhang"]).await;
    let began = Instant::now();
    let effects = phone.exchange().await;
    // A machine too busy to judge in time may answer without.
    if began.elapsed() < SETTLE_TIME_MAX {
        assert_eq!(effects.quarantined.len(), 1, "its own verdict");
        assert!(phone.tasks.contains_key(&issued.visit), "the task issued before");
        assert_eq!(effects.position.cursor, office.state().ledger.latest().state.size);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_exchange_is_one_small_request_and_writes_nothing() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = office.phone("zhang", 1).await;
    phone.synchronise().await;
    phone.answer(task.visit, "1-2", 4);
    phone.synchronise().await;
    office.judged().await;
    phone.synchronise().await;
    let mut conn = open(office.deployment.folder.path()).await;
    let mut version = async || -> i64 {
        sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut conn).await.expect("a version")
    };
    let before = (version().await, office.state().ledger.latest().state);
    let request = wire::pack(&phone.request());
    let answer = phone.ask(&phone.request()).await;
    let bytes = request.len() + wire::pack(&answer).len();
    assert!(bytes <= IDLE_BYTES_MAX, "{bytes} bytes in bodies");
    let headers = phone
        .signed("POST", EXCHANGE_PATH, &[], request)
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum::<usize>();
    assert!(bytes + headers <= IDLE_BYTES_MAX, "{} bytes with what signs it", bytes + headers);
    assert!(!answer.more && answer.items.is_empty());
    // One that waited would take that long each time; a busy machine does not.
    let mut waited = true;
    for _ in 0..20 {
        let began = Instant::now();
        phone.ask(&phone.request()).await;
        waited &= began.elapsed() >= SETTLE_TIME_MAX;
    }
    assert!(!waited, "nothing is waited for");
    assert_eq!((version().await, office.state().ledger.latest().state), before, "nothing was committed");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_checklists_come_in_answers_that_can_be_read() {
    let office = Office::open().await;
    let mut phone = office.phone("zhang", 1).await;
    let mut wanted = Vec::new();
    for version in 1..=5_u32 {
        // Text that hardly compresses.
        let noise = |item: u32| -> String {
            (0..60_u32)
                .map(|n| hex::encode(digest::sha256([version, item, n].map(u32::to_be_bytes).as_flattened())))
                .collect()
        };
        let items: Vec<_> = (0..110)
            .map(|item| json!({ "code": format!("c{item}"), "text": noise(item), "response": { "type": "bool" } }))
            .collect();
        let checklist = json!({ "code": "long", "version": version, "title": "长清单", "items": items });
        let made = office.deployment.post("wang", "/api/v1/checklists", &checklist).await.created();
        let json = serde_json::to_vec(&checklist).expect("JSON");
        let hash = Checklist::from_json(&json).expect("a checklist").hash();
        assert_eq!(made["hash"], hash.to_string());
        wanted.push(hash.0);
    }
    phone.synchronise().await;
    let mut request = phone.request();
    request.wants = wanted;
    let mut exchanges = 0;
    while !request.wants.is_empty() {
        let answer = phone.ask(&request).await;
        assert!(!answer.rows.is_empty());
        let got: Vec<_> =
            answer.rows.iter().map(|row| liuhen_trace::Hash(digest::sha256(&row.bytes))).collect();
        request.wants.retain(|want| !got.contains(want));
        assert_eq!(answer.more, !request.wants.is_empty());
        exchanges += 1;
    }
    assert!(exchanges > 1, "{} bytes each", request.to_canonical().len());
}
