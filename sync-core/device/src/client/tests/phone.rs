//! A phone of a test: a folder, a seeded outside world, and short words for what tests do.

use super::server::{FakeServer, URL, Wire};
use crate::{
    Budget, Client, Parts, Result,
    clock::{Clock, Entropy},
    probe::{Killed, Probe, Step, Unwatched},
    records::{Event, EvidenceContent, NewEnrolment, NewEvidence, SyncReport},
};
use liuhen_engine::field::Scalar;
use liuhen_inspection::visit::{Edit, EvidenceSource, VisitView};
use liuhen_trace::{BootId, DocumentId, Moment, digest::tagged};
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tempfile::TempDir;

pub struct Phone {
    pub client: Client,
    pub folder: TempDir,
}

struct TickingClock(AtomicU64);

impl Clock for TickingClock {
    fn now(&self) -> Moment {
        let tick = self.0.fetch_add(1, Ordering::Relaxed);
        Moment { wall_ms: 1_700_000_000_000 + tick as i64, monotonic_ms: tick, boot: BootId([1; 8]) }
    }
}

struct Seeded {
    seed: String,
    drawn: AtomicU64,
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        for chunk in bytes.chunks_mut(32) {
            let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
            let hash = tagged(&self.seed, &[&drawn.to_be_bytes()]);
            chunk.copy_from_slice(&hash.0[..chunk.len()]);
        }
        Ok(())
    }
}

/// Notes the steps it sees and kills the phone at one of them.
#[derive(Default, Clone)]
pub struct Watch {
    pub steps: Arc<Mutex<Vec<Step>>>,
    pub kill_at: Arc<Mutex<Option<Step>>>,
}

impl Probe for Watch {
    fn reached(&self, step: Step) -> Result<(), Killed> {
        self.steps.lock().expect("not poisoned").push(step);
        if *self.kill_at.lock().expect("not poisoned") == Some(step) { Err(Killed) } else { Ok(()) }
    }
}

pub fn parts(server: &Arc<FakeServer>, seed: &str, probe: Box<dyn Probe>) -> Parts {
    Parts {
        clock: Box::new(TickingClock(AtomicU64::new(0))),
        entropy: Box::new(Seeded { seed: seed.to_owned(), drawn: AtomicU64::new(0) }),
        transport: Box::new(Wire(Arc::clone(server))),
        signer: None,
        probe,
    }
}

pub fn open(server: &Arc<FakeServer>, folder: &Path, seed: &str) -> Client {
    Client::open_with(folder, parts(server, seed, Box::new(Unwatched))).expect("opened")
}

/// What somebody types to enrol.
pub fn enrolment<'a>(login: &'a str, password: &'a str) -> NewEnrolment<'a> {
    NewEnrolment { server: URL, login, password, code: None, device_name: "phone" }
}

/// An enrolled phone that has synchronised once.
pub fn phone(server: &Arc<FakeServer>, account: &str) -> Phone {
    watched(server, account, Box::new(Unwatched))
}

pub fn watched(server: &Arc<FakeServer>, account: &str, probe: Box<dyn Probe>) -> Phone {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::open_with(folder.path(), parts(server, account, probe)).expect("opened");
    client.enrol(enrolment(account, "right")).expect("enrolled");
    let phone = Phone { client, folder };
    phone.sync();
    phone
}

impl Phone {
    pub fn sync(&self) -> SyncReport {
        self.client.synchronise(Budget::default()).expect("synchronised")
    }

    pub fn answer(&self, visit: DocumentId, item: &str, text: &str) {
        let saved = self.client.save(visit, &[answer(item, text)], None).expect("saved");
        assert!(saved.entry.is_some(), "nothing was written");
    }

    pub fn view(&self, visit: DocumentId) -> VisitView {
        self.client.visit(visit).expect("a visit").view
    }

    /// What is shown as the answer of an item.
    pub fn shown(&self, visit: DocumentId, item: &str) -> Option<String> {
        let view = self.view(visit);
        let response = view.responses.iter().find(|response| response.item == item)?;
        response.shown.value.as_text().map(str::to_owned)
    }

    pub fn events(&self, kind: &str) -> Vec<Event> {
        let events = self.client.events(0, 1000).expect("events");
        events.into_iter().filter(|event| event.kind == kind).collect()
    }

    /// Closes the client and opens its folder again, as after a restart.
    pub fn reopen(self, server: &Arc<FakeServer>, seed: &str) -> Phone {
        let Phone { client, folder } = self;
        drop(client);
        Phone { client: open(server, folder.path(), seed), folder }
    }
}

pub fn answer(item: &str, text: &str) -> Edit {
    Edit::answer(item, Scalar::Text(text.to_owned()))
}

pub fn photo(bytes: Vec<u8>) -> NewEvidence {
    NewEvidence {
        content: EvidenceContent::Bytes(bytes),
        media_type: "image/jpeg".into(),
        source: EvidenceSource::Camera,
        item: Some("1".into()),
        finding: None,
        caption: None,
        captured_at_ms: None,
        place: None,
    }
}
