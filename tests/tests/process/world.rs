//! A server with one inspector, one task and one phone.

use liuhen_mobile::{
    Client,
    records::{NewNote, Value},
};
use liuhen_tests::{
    harness::{app, proxy::FaultProxy, server::Server, supervisor::Api},
    replay::{
        generate::{self, ITEM, Size},
        office::{Issued, Office},
        photo::Photos,
        plan::{Choices, Plan},
    },
};
use std::{path::Path, sync::Arc};
use tempfile::TempDir;

pub struct World {
    pub folder: TempDir,
    /// `None` after it was stopped.
    pub server: Option<Server>,
    pub proxy: FaultProxy,
    pub office: Office,
    pub issued: Issued,
    pub phone: Arc<Client>,
}

impl World {
    /// Everything up to the task being on the phone.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::create(&folder.path().join("server")).expect("a server");
        let proxy = FaultProxy::start(server.address, 0, 1).expect("a proxy");
        let plan = one_visit(&folder.path().join("set"));
        let admin = server.admin().expect("the administrator signs in");
        let office = Office::open(&server.url(), &admin, &plan).expect("registers");
        let issued = office.issue(&plan.days[0].visits).expect("a task").remove(0);
        let inspector = &office.inspectors[0];
        let place = folder.path().join("phone");
        let phone = app::enrolled(&place, &proxy.url(), &inspector.login, &inspector.password);
        let phone = phone.expect("an enrolment");
        Self { folder, server: Some(server), proxy, office, issued, phone }
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("server")
    }

    /// Signed in as the administrator.
    pub fn admin(&self) -> Api {
        self.server().admin().expect("the administrator signs in")
    }

    pub fn visit(&self) -> String {
        self.issued.visit.clone()
    }

    pub fn answer(&self, number: i64) {
        let value = Value::Int { value: number };
        self.phone.answer(self.visit(), ITEM.to_owned(), value, None).expect("a save");
    }

    pub fn note(&self, text: &str) {
        let note = NewNote { text: text.to_owned(), item: None };
        self.phone.add_note(self.visit(), note, None).expect("a save");
    }

    /// Synchronises until nothing is left and the server has judged what it took in.
    pub fn hand_in(&self) {
        app::hand_in(&self.phone).expect("everything is handed in");
    }

    /// Leaves in the ledger.
    pub fn leaves(&self) -> u64 {
        let checkpoint = self.admin().get("/api/v1/ledger/checkpoint").expect("a checkpoint");
        checkpoint["size"].as_u64().expect("a size")
    }

    /// The notes as the supervisor sees them, sorted.
    pub fn notes_shown(&self) -> Vec<String> {
        let supervisor = Office::sign_in(&self.server().url()).expect("the supervisor signs in");
        let view = supervisor.get(&format!("/api/v1/visits/{}", self.visit())).expect("the visit");
        let notes = view["notes"].as_array().expect("notes").iter();
        let mut texts: Vec<_> = notes.map(|note| note["text"].as_str().expect("a text").to_owned()).collect();
        texts.sort();
        texts
    }
}

fn one_visit(folder: &Path) -> Plan {
    let size = Size { establishments: 1, inspections: 1, inspectors: 1, days: 1 };
    let choices = Choices { phones: 1, pair_percent: 0, photos: Photos::None, seed: 1 };
    generate::planned(folder, size, &choices).expect("a set")
}

pub fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
