//! What becomes of entries.

use crate::{office::Office, phone::Phone};
use liuhen_engine::{document::Document, field::Scalar};
use liuhen_inspection::visit::Edit;
use liuhen_trace::{EntryKind, entry::Body, entry::change_hash};

const ADMITTED: i64 = 1;
const WAITING: i64 = 2;
const QUARANTINED: i64 = 3;
const HELD: i64 = 4;

async fn pair(office: &Office) -> (Phone, Phone) {
    let (mut zhang, mut li) = (office.phone("zhang", 1).await, office.phone("li", 2).await);
    zhang.synchronise().await;
    li.synchronise().await;
    (zhang, li)
}

fn codes(verdicts: &[(i64, Option<String>)]) -> Vec<(i64, &str)> {
    verdicts.iter().map(|(verdict, code)| (*verdict, code.as_deref().unwrap_or(""))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_that_disagrees_offline_is_one_conflict_with_both_values() {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let (mut zhang, mut li) = pair(&office).await;
    zhang.answer(task.visit, "1-2", 4);
    li.answer(task.visit, "1-2", 9);
    zhang.exchange().await;
    li.exchange().await;
    office.judged().await;
    let conflicts = office.view(task.visit).await["conflicts"].clone();
    assert_eq!(conflicts[0]["state"], "open");
    assert_eq!(conflicts[0]["values"].as_array().expect("values").len(), 2);
    let listed = office.deployment.get("wang", "/api/v1/conflicts").await.ok();
    assert_eq!(listed["items"].as_array().expect("a list").len(), 1);
    zhang.synchronise().await;
    let resolve =
        Edit::Resolve { path: liuhen_engine::shape::Path::field("responses", "1-2"), value: Scalar::Int(9) };
    zhang.edit(task.visit, &[resolve]);
    zhang.synchronise().await;
    office.judged().await;
    assert_eq!(office.view(task.visit).await["conflicts"][0]["state"], "resolved");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_waits_for_a_change_that_a_colleague_has_and_counts_when_it_comes() {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let (mut zhang, mut li) = pair(&office).await;
    let first = zhang.answer(task.visit, "1-2", 4);
    // Li gets it from phone to phone, and builds on it.
    let chunk = zhang.documents[&task.visit].change(first).expect("a change");
    let author = liuhen_engine::document::Author { chain: zhang.chain(), seq: 0, epoch: 0 };
    li.documents.get_mut(&task.visit).expect("a document").admit(author, &chunk);
    li.answer(task.visit, "1-2", 5);
    li.exchange().await;
    office.judged().await;
    assert_eq!(codes(&office.verdicts(task.visit).await), [(WAITING, "")]);
    li.exchange().await;
    assert_eq!(li.waiting[0].wants, [first]);
    zhang.synchronise().await;
    office.judged().await;
    assert_eq!(codes(&office.verdicts(task.visit).await), [(ADMITTED, ""), (ADMITTED, "")]);
    li.synchronise().await;
    zhang.synchronise().await;
    assert!(li.waiting.is_empty());
    assert_eq!(zhang.received.get(&(li.chain(), 0)), Some(&1));
    assert_eq!(li.received.get(&(zhang.chain(), 0)), Some(&1));
    assert_eq!(zhang.documents[&task.visit].heads(), li.documents[&task.visit].heads());
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantine_takes_what_builds_on_it_and_the_author_goes_on_in_a_new_epoch() {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let (mut zhang, mut li) = pair(&office).await;
    // A change under a colleague's name.
    let mut forged: Document = zhang.documents[&task.visit].clone();
    let author = liuhen_engine::document::Author { chain: li.chain(), seq: zhang.next_seq(), epoch: 0 };
    let puts = [liuhen_engine::document::Put {
        path: liuhen_engine::shape::Path::field("responses", "1-2"),
        value: Scalar::Int(1),
    }];
    let chunk = forged.edit(author, &puts).expect("an edit").expect("a change");
    let body = Body { change: change_hash(&chunk), ..zhang.body(Some(task.visit)) };
    zhang.append(EntryKind::Edit, body, Some(chunk));
    zhang.documents.insert(task.visit, forged);
    zhang.answer(task.visit, "1-2", 2);
    zhang.exchange().await;
    office.judged().await;
    let verdicts = office.verdicts(task.visit).await;
    assert_eq!(verdicts[0].0, QUARANTINED);
    assert_eq!(codes(&verdicts)[1], (QUARANTINED, "change.builds_on_quarantined"));
    zhang.synchronise().await;
    let told: Vec<u64> = zhang.quarantined.iter().map(|(_, seq, _)| *seq).collect();
    assert_eq!(told, [0, 1]);

    zhang.begin_epoch(task.visit);
    zhang.answer(task.visit, "1-2", 2);
    zhang.synchronise().await;
    li.answer(task.visit, "1-1", 1);
    li.synchronise().await;
    office.judged().await;
    let verdicts = office.verdicts(task.visit).await;
    assert_eq!(codes(&verdicts[2..]), [(ADMITTED, ""), (ADMITTED, ""), (ADMITTED, "")]);
    assert_eq!(office.view(task.visit).await["responses"][1]["value"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_over_another_record_is_quarantined_and_leaves_the_task_open() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut zhang = office.phone("zhang", 1).await;
    zhang.synchronise().await;
    zhang.answer(task.visit, "1-2", 4);
    zhang.seal(task.visit, true);
    zhang.exchange().await;
    office.judged().await;
    assert_eq!(codes(&office.verdicts(task.visit).await), [(ADMITTED, ""), (QUARANTINED, "seal.mismatch")]);
    assert_eq!(office.task(&task).await["state"], "issued");
    assert_eq!(office.view(task.visit).await["seal"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reassigned_visit_goes_whole_to_the_new_and_late_work_of_the_old_is_judged_by_what_they_knew() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let (mut zhang, mut li) = pair(&office).await;
    zhang.answer(task.visit, "1-2", 1);
    zhang.synchronise().await;
    office.judged().await;

    zhang.answer(task.visit, "1-2", 2);
    office.reassign(&task, &["li"]).await;
    zhang.exchange().await;
    office.judged().await;
    assert_eq!(codes(&office.verdicts(task.visit).await)[1], (HELD, "access.concurrent"));
    zhang.synchronise().await;
    assert_eq!(zhang.left, [task.visit]);

    let body = zhang.body(Some(task.visit));
    zhang.append(EntryKind::CheckIn, body, None);
    zhang.synchronise().await;
    office.judged().await;
    assert_eq!(codes(&office.verdicts(task.visit).await)[2], (QUARANTINED, "access.left"));
    zhang.synchronise().await;
    assert_eq!(zhang.quarantined, [(zhang.chain(), 2, "access.left".to_owned())]);

    li.synchronise().await;
    assert_eq!(li.tasks[&task.visit].id.as_str(), task.id);
    let got: Vec<u64> = li.received.keys().map(|(_, seq)| *seq).collect();
    assert_eq!(got, [0], "what counts, and nothing else");
    li.answer(task.visit, "1-2", 7);
    li.synchronise().await;
    office.judged().await;
    assert_eq!(office.view(task.visit).await["responses"][0]["value"], 7);
    zhang.synchronise().await;
    assert!(zhang.received.is_empty(), "who left is told nothing more");

    office.reassign(&task, &["li", "zhang"]).await;
    zhang.synchronise().await;
    assert!(zhang.received.contains_key(&(li.chain(), 0)), "who comes back gets what they missed");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_in_a_visit_that_was_never_theirs() {
    let office = Office::open().await;
    let theirs = office.issue(&["li"]).await;
    office.issue(&["zhang"]).await;
    let mut zhang = office.phone("zhang", 1).await;
    zhang.synchronise().await;
    for document in [theirs.visit, liuhen_trace::DocumentId([9; 16])] {
        let body = zhang.body(Some(document));
        zhang.append(EntryKind::CheckIn, body, None);
    }
    zhang.synchronise().await;
    office.judged().await;
    assert_eq!(codes(&office.verdicts(theirs.visit).await), [(QUARANTINED, "access.never_assigned")]);
    let nowhere = office.verdicts(liuhen_trace::DocumentId([9; 16])).await;
    assert_eq!(codes(&nowhere), [(QUARANTINED, "document.unknown")]);
}
