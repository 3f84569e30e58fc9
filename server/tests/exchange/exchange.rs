//! Handing in and being told.

use crate::{office::Office, phone::Phone};
use axum::{body::Body, http::Request};
use liuhen_engine::wire::{self, EXCHANGE_PATH};
use liuhen_inspection::task::Step;
use liuhen_trace::{ChainId, EntryKind, Signature};

/// A phone of 张 that has its task and checklist.
async fn ready(office: &Office, login: &str, seed: u8) -> Phone {
    let mut phone = office.phone(login, seed).await;
    phone.synchronise().await;
    phone
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_in_is_receipted_and_shows_in_the_visit() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = ready(&office, "zhang", 1).await;
    assert_eq!(phone.tasks[&task.visit].id.as_str(), task.id);
    for step in [Step::Delivered, Step::Opened, Step::Claimed] {
        phone.step(task.visit, step);
    }
    phone.answer(task.visit, "1-1", 1);
    phone.answer(task.visit, "1-2", 4);
    let effects = phone.exchange().await;
    assert_eq!(effects.receipted.len(), 1);
    assert_eq!(effects.accepted[0].next_seq, 5);
    assert!(phone.unsent.is_empty());
    office.judged().await;
    let view = office.view(task.visit).await;
    assert_eq!(view["responses"][1]["value"], 4);
    assert_eq!(view["responses"][1]["author"]["name"], "zhang 同志");
    assert_eq!(office.task(&task).await["state"], "claimed");
    phone.seal(task.visit, false);
    phone.synchronise().await;
    office.judged().await;
    assert_eq!(office.task(&task).await["state"], "done");
    assert_eq!(office.view(task.visit).await["seal"]["valid"], true);
    phone.synchronise().await;
    assert_eq!(phone.tasks[&task.visit].state.as_str(), "done");
    assert!(phone.received.is_empty(), "a phone has its own entries");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_asked_for_again_and_gives_the_same_receipt() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = ready(&office, "zhang", 1).await;
    phone.answer(task.visit, "1-2", 4);
    phone.cut();
    phone.answer(task.visit, "1-2", 5);
    phone.cut();
    let request = phone.request();
    let first = phone.ask(&request).await;
    office.judged().await;
    let leaves = office.state().ledger.latest().state.size;
    let again = phone.ask(&request).await;
    assert_eq!(first.receipts[0].first_leaf, again.receipts[0].first_leaf);
    assert_eq!(first.receipts[0].leaves, again.receipts[0].leaves);
    assert_eq!(first.receipts[0].leaves.len(), 2);
    assert_eq!(first.accepted, again.accepted);
    assert_eq!(office.state().ledger.latest().state.size, leaves, "a replay adds nothing to the log");
    let effects = phone.take_in(&request, again);
    assert_eq!(effects.receipted.len(), 2);
    assert_eq!(office.verdicts(task.visit).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_exchange_adds_no_leaf_and_answers_with_next_to_nothing() {
    let office = Office::open().await;
    office.issue(&["zhang"]).await;
    let mut phone = ready(&office, "zhang", 1).await;
    let before = office.state().ledger.latest().state;
    let answer = phone.ask(&phone.request()).await;
    assert_eq!((answer.checkpoint, answer.consistency), (None, None));
    assert_eq!((answer.items.len(), answer.more), (0, false));
    assert_eq!(office.state().ledger.latest().state, before);
    let effects = phone.exchange().await;
    assert_eq!(effects.position, phone.position.clone().expect("a position"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_and_a_fork_are_refused_and_stop_nobody_else() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = ready(&office, "zhang", 1).await;
    phone.answer(task.visit, "1-2", 1);
    phone.cut();
    phone.answer(task.visit, "1-2", 2);
    phone.cut();
    let mut request = phone.request();
    let first = request.segments.remove(0);
    let answer = phone.ask(&request).await;
    assert_eq!(answer.refused[0].code, "chain.gap");
    assert_eq!(answer.refused[0].detail, "expected entry 0");
    assert_eq!(answer.accepted[0].next_seq, 0);
    phone.synchronise().await;

    let mut clone = office.phone("zhang", 1).await;
    clone.synchronise().await;
    let body = clone.body(None);
    clone.append(EntryKind::CheckIn, body, None);
    clone.cut();
    let answer = clone.ask(&clone.request()).await;
    assert_eq!(answer.refused[0].code, "chain.fork");
    assert_eq!(answer.accepted[0].next_seq, 2);
    assert_eq!(first.header.chain(), clone.chain());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_hands_in_anothers_segments_but_cannot_change_or_claim_them() {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let mut zhang = ready(&office, "zhang", 1).await;
    let mut li = ready(&office, "li", 2).await;
    zhang.answer(task.visit, "1-2", 1);
    zhang.cut();
    let (chain, mut forged) = (zhang.chain(), zhang.unsent[0].clone());
    forged.signature = li.key.sign_now(&forged.header.message());
    li.unsent = vec![forged];
    assert_eq!(li.ask(&li.request()).await.refused[0].code, "signature.invalid");
    li.unsent.clone_from(&zhang.unsent);
    let effects = li.exchange().await;
    assert_eq!(effects.receipted[0].0, chain);
    let effects = zhang.exchange().await;
    assert_eq!(effects.receipted.len(), 1, "the owner gets the same receipt later");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_cannot_be_trusted_or_read_gets_a_problem_and_changes_nothing() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = ready(&office, "zhang", 1).await;
    phone.answer(task.visit, "1-2", 1);
    phone.cut();
    let before = office.state().ledger.latest().state;
    let packed = wire::pack(&phone.request());
    let post = |body: Vec<u8>| phone.signed("POST", EXCHANGE_PATH, &[], body);

    let unsigned = Request::post(EXCHANGE_PATH).body(Body::from(packed.clone())).expect("a request");
    assert_eq!(office.send(unsigned).await.problem(401), "device.unsigned");
    let mut tampered = post(packed.clone());
    *tampered.body_mut() = Body::from(wire::pack(&{
        let mut other = phone.request();
        other.segments.clear();
        other
    }));
    assert_eq!(office.send(tampered).await.problem(401), "device.bad_signature");
    let elsewhere = phone.signed("POST", "/sync/v1/other", &[], packed.clone());
    let (mut parts, body) = elsewhere.into_parts();
    parts.uri = EXCHANGE_PATH.parse().expect("a path");
    assert_eq!(office.send(Request::from_parts(parts, body)).await.problem(401), "device.bad_signature");
    for body in [packed[..packed.len() / 2].to_vec(), b"hello".to_vec(), Vec::new()] {
        assert_eq!(office.send(post(body)).await.problem(400), "exchange.malformed");
    }
    assert_eq!(office.send(post(vec![0; 1_000_001])).await.problem(413), "exchange.too_large");
    let stranger = Request::post(EXCHANGE_PATH)
        .header("liuhen-device", "00".repeat(16))
        .header("liuhen-signature", "AA")
        .body(Body::from(packed))
        .expect("a request");
    assert_eq!(office.send(stranger).await.problem(401), "device.unknown");
    assert_eq!(office.state().ledger.latest().state, before);

    let reason = serde_json::json!({ "reason": "丢失" });
    let path = format!("/api/v1/devices/{}/revocation", phone.device);
    office.deployment.post("zhang", &path, &reason).await;
    assert_eq!(office.send(post(wire::pack(&phone.request()))).await.problem(403), "device.revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_account_hands_in_and_fetches_nothing_until_it_is_active_again() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = ready(&office, "zhang", 1).await;
    phone.answer(task.visit, "1-2", 1);
    phone.cut();
    let path = format!("/api/v1/accounts/{}", office.deployment.account("zhang").await);
    let set = async |state: &str| {
        let change = serde_json::json!({ "state": state });
        office.deployment.send("admin", "PATCH", &path, Some(&change)).await.ok();
    };
    set("inactive").await;
    let post = || phone.signed("POST", EXCHANGE_PATH, &[], wire::pack(&phone.request()));
    assert_eq!(office.send(post()).await.problem(403), "account.inactive");
    set("active").await;
    assert_eq!(phone.ask(&phone.request()).await.receipts.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_segment_is_refused_alone() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = ready(&office, "zhang", 1).await;
    phone.answer(task.visit, "1-2", 1);
    phone.cut();
    let mut request = phone.request();
    request.segments[0].signature = Signature(vec![0; 64]);
    request.segments.push(phone.unsent[0].clone());
    let answer = phone.ask(&request).await;
    assert_eq!(answer.refused[0].code, "signature.invalid");
    assert_eq!((answer.accepted[0].next_seq, answer.receipts.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_phones_at_once_miss_nothing_and_get_nothing_twice() {
    let mut office = Office::open().await;
    let logins: Vec<String> = (0..8).map(|n| format!("inspector{n}")).collect();
    for login in &logins {
        office.deployment.hire(login, &["inspector"], None).await;
    }
    let everybody: Vec<&str> = logins.iter().map(String::as_str).collect();
    let task = office.issue(&everybody).await;
    let mut phones = Vec::new();
    for (seed, login) in (10..).zip(&logins) {
        phones.push(ready(&office, login, seed).await);
    }
    let running: Vec<_> = phones
        .into_iter()
        .map(|mut phone| {
            tokio::spawn(async move {
                for round in 0..6 {
                    phone.answer(task.visit, "1-2", i64::from(phone.key.public().bytes[0]) * 10 + round);
                    phone.exchange().await;
                }
                phone
            })
        })
        .collect();
    let mut phones = Vec::new();
    for phone in running {
        phones.push(phone.await.expect("no phone fails"));
    }
    office.judged().await;
    let chains: Vec<ChainId> = phones.iter().map(Phone::chain).collect();
    let mut heads = Vec::new();
    for phone in &mut phones {
        phone.synchronise().await;
        let own = phone.chain();
        for chain in chains.iter().filter(|chain| **chain != own) {
            for seq in 0..6 {
                assert_eq!(phone.received.get(&(*chain, seq)), Some(&1), "{own} and entry {chain}/{seq}");
            }
        }
        heads.push(phone.documents[&task.visit].heads());
    }
    heads.dedup();
    assert_eq!(heads.len(), 1, "all phones show the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_budget_brings_the_same_in_more_answers() {
    let office = Office::open().await;
    let mut tasks = Vec::new();
    for _ in 0..12 {
        tasks.push(office.issue(&["zhang", "li"]).await);
    }
    let mut zhang = ready(&office, "zhang", 1).await;
    for task in &tasks {
        for round in 0..8 {
            zhang.answer(task.visit, "1-2", round);
            zhang.edit(
                task.visit,
                &[liuhen_inspection::visit::Edit::remark("1-1", &"字".repeat(500 + round as usize))],
            );
        }
        zhang.cut();
    }
    zhang.synchronise().await;
    office.judged().await;
    let mut li = office.phone("li", 2).await;
    li.answer_bytes_max = 0;
    let answers = li.synchronise().await;
    assert!(answers.len() > 5, "{} answers", answers.len());
    assert_eq!(li.tasks.len(), 12);
    for seq in 0..zhang.next_seq() {
        assert_eq!(li.received.get(&(zhang.chain(), seq)), Some(&1), "entry {seq}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_of_another_log_begins_anew() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = ready(&office, "zhang", 1).await;
    phone.answer(task.visit, "1-2", 3);
    phone.synchronise().await;
    office.judged().await;
    let mut request = phone.request();
    for (epoch, cursor) in [(9, 0), (1, 1 << 40)] {
        let position = request.position.as_mut().expect("a position");
        (position.epoch, position.cursor) = (epoch, cursor);
        let answer = phone.ask(&request).await;
        assert_eq!(answer.position.epoch, 1);
        assert!(answer.position.cursor <= office.state().ledger.latest().state.size);
        assert_eq!(answer.items.len(), 2, "the matter, and what this device wrote itself");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_living_copies_of_one_phone_learn_what_the_other_wrote() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = ready(&office, "zhang", 1).await;
    let mut copy = ready(&office, "zhang", 1).await;
    copy.incarnation = 99;
    for round in 0..3 {
        phone.answer(task.visit, "1-2", round);
        copy.answer(task.visit, "1-2", 10 + round);
        for one in [&mut phone, &mut copy] {
            one.synchronise().await;
            office.judged().await;
        }
        phone.synchronise().await;
        assert_eq!(phone.documents[&task.visit].heads(), copy.documents[&task.visit].heads());
    }
}
