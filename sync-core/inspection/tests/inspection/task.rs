use crate::replica::task;
use liuhen_inspection::task::{Step, Task, TaskEvent as E, TaskState as S, transition};
use liuhen_trace::Canonical;
use minicbor::Encode;

#[test]
fn every_state_and_event_go_where_the_table_says() {
    let done = Err("task.already_done");
    let recalled = Err("task.already_recalled");
    let events = [E::Delivered, E::Opened, E::Claimed, E::Sealed, E::Reassigned, E::Recalled];
    #[rustfmt::skip]
    let table = [
        // from          delivered         opened          claimed         sealed          reassigned          recalled
        (S::Issued,    [Ok(S::Delivered), Ok(S::Opened),   Ok(S::Claimed),  Ok(S::Done),     Ok(S::Issued),      Ok(S::Recalled)]),
        (S::Delivered, [Ok(S::Delivered), Ok(S::Opened),   Ok(S::Claimed),  Ok(S::Done),     Ok(S::Delivered),   Ok(S::Recalled)]),
        (S::Opened,    [Ok(S::Opened),    Ok(S::Opened),   Ok(S::Claimed),  Ok(S::Done),     Ok(S::Opened),      Ok(S::Recalled)]),
        (S::Claimed,   [Ok(S::Claimed),   Ok(S::Claimed),  Ok(S::Claimed),  Ok(S::Done),     Ok(S::Claimed),     Ok(S::Recalled)]),
        (S::Done,      [Ok(S::Done),      Ok(S::Done),     Ok(S::Done),     Ok(S::Done),     done,               done]),
        (S::Recalled,  [Ok(S::Recalled),  Ok(S::Recalled), Ok(S::Recalled), Ok(S::Recalled), recalled,           recalled]),
    ];
    for (state, expected) in table {
        for (event, expected) in events.into_iter().zip(expected) {
            assert_eq!(transition(state, event).map_err(|r| r.code), expected, "{state} {event:?}");
        }
    }
}

#[test]
fn the_order_in_which_steps_arrive_does_not_matter() {
    let orders = [
        [E::Delivered, E::Opened, E::Claimed],
        [E::Claimed, E::Opened, E::Delivered],
        [E::Opened, E::Claimed, E::Delivered],
        [E::Opened, E::Delivered, E::Claimed],
    ];
    for order in orders {
        let end = order.into_iter().try_fold(S::Issued, transition);
        assert_eq!(end, Ok(S::Claimed), "{order:?}");
    }
}

#[test]
fn a_task_stands_where_the_furthest_active_assignee_does() {
    assert_eq!(S::furthest([S::Issued, S::Claimed, S::Opened]), S::Claimed);
    assert_eq!(S::furthest([S::Delivered, S::Recalled]), S::Delivered);
    assert_eq!(S::furthest([]), S::Issued);
}

#[test]
fn words_and_steps_read_back() {
    for state in S::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
        assert_eq!(serde_json::to_value(state).expect("JSON"), state.as_str());
    }
    for step in [Step::Delivered, Step::Opened, Step::Claimed] {
        assert_eq!(Step::from_detail(&step.to_detail()), Ok(step));
    }
    assert_eq!(Step::from_detail(&[9]).map_err(|r| r.code), Err("task.unknown_step"));
    assert_eq!(Step::from_detail(&[]).map_err(|r| r.code), Err("task.unknown_step"));
}

#[test]
fn a_task_reads_back_and_garbage_is_refused() {
    let bytes = task().to_bytes();
    assert_eq!(Task::from_bytes(&bytes), Ok(task()));
    assert_eq!(Task::from_bytes(&bytes[..bytes.len() - 1]).map_err(|r| r.code), Err("task.malformed"));
    assert!(task().is_assigned(&"li".into()));
    assert!(!task().is_assigned(&"zhao".into()));
}

/// What a newer server may send: everything of today and a field more.
#[derive(Encode)]
#[cbor(map)]
struct NewerTask {
    #[n(99)]
    priority: u8,
}

#[test]
fn a_phone_that_was_away_for_a_year_reads_a_newer_task() {
    // Both are maps of fewer than 24 pairs, so the count is in the first byte.
    let mut bytes = task().to_bytes();
    let added = NewerTask { priority: 3 }.to_newer_bytes();
    bytes[0] += 1;
    bytes.extend(&added[1..]);
    assert_eq!(Task::from_bytes(&bytes), Ok(task()));
    assert_ne!(task().to_canonical(), bytes);
}

impl NewerTask {
    fn to_newer_bytes(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("writing to a Vec cannot fail")
    }
}
