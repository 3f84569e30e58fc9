//! A deployment in memory: one log, one feed for each account, admission as in the engine. It can be
//! told to lose answers, to lie, and to refuse.

mod answers;
mod restore;

use super::server_uploads::Uploads;
use crate::transport::{HttpRequest, HttpResponse, Method, Transport, TransportError};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use liuhen_engine::{
    document::{Admission, Author, Document, Pending},
    exchange::{ChainHead, Placement, check_segment, place},
    wire::{Answer, CONTENT_TYPE, EXCHANGE_PATH, RefusedSegment, Request, pack, unpack},
};
use liuhen_inspection::{
    checklist::Checklist,
    task::{Assignee, ChecklistRef, Subject, Task, TaskState},
    visit::{shape, skeleton},
};
use liuhen_trace::{
    ActHeader, BlobRef, Canonical, ChainId, CheckedSegment, CheckpointKey, CheckpointRef, DeviceId,
    DocumentId, EntryKind, Grant, Hash, Leaf, PublicKey, SegmentView, Signature, SignedGrant, SoftwareKey,
    Suite,
    act::ActBody,
    digest::sha256,
    merkle::{Node, RangeProof, Tree},
    request::{DEVICE_HEADER, EnrolmentStatement, SIGNATURE_HEADER, SignedRequest},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

pub const ORIGIN: &str = "test.example";
pub const URL: &str = "http://test.example";
/// Whoever has a second factor, and what their authenticator shows.
pub const GUARDED: &str = "guarded";
pub const CODE: &str = "123456";

pub struct FakeServer(Mutex<State>);

/// What happens to the requests to come, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The request does not arrive.
    Unreachable,
    /// The request is carried out; the answer is cut off.
    AnswerLost,
}

pub type Tamper = Box<dyn FnMut(&mut Answer) + Send>;

pub struct State {
    log_key: CheckpointKey,
    deployment_key: SoftwareKey,
    pub checklist: Checklist,
    /// Register rows are not handed out while this is set.
    pub withhold_rows: bool,
    log_epoch: u64,
    opened: Vec<restore::Opened>,
    tree: Tree,
    nodes: BTreeMap<Node, Hash>,
    devices: BTreeMap<DeviceId, (PublicKey, String)>,
    grants: Vec<SignedGrant>,
    pub segments: Vec<Logged>,
    documents: BTreeMap<DocumentId, Document>,
    tasks: BTreeMap<DocumentId, Task>,
    feed: Vec<(String, u64, Item)>,
    waiting: Vec<(usize, usize)>,
    pub faults: VecDeque<Fault>,
    pub tamper: Option<Tamper>,
    /// Changes that come next are quarantined with this code.
    pub quarantine_with: Option<&'static str>,
    /// Segments of this chain are refused with this code.
    pub refuse: Option<(ChainId, &'static str)>,
    pub uploads: Uploads,
    pub requests: Vec<String>,
}

#[derive(Clone)]
pub struct Logged {
    pub leaf: u64,
    pub segment: CheckedSegment,
}

#[derive(Debug, Clone)]
enum Item {
    Matter(DocumentId),
    Left(DocumentId),
    Entries { segment: usize, document: DocumentId },
    Quarantined { chain: ChainId, seq: u64, code: String },
    Held { leaf: u64, header: ActHeader, body: Vec<u8> },
}

const SALT: [u8; 16] = [7; 16];

impl FakeServer {
    pub fn new() -> Arc<Self> {
        let items: Vec<Value> = ["1", "2", "3"]
            .iter()
            .map(|code| json!({ "code": code, "text": "查验营业执照 Licence", "response": { "type": "text" } }))
            .collect();
        let form = json!({ "code": "food", "version": 1, "title": "餐饮 Catering", "items": items });
        let checklist = Checklist::from_json(form.to_string().as_bytes()).expect("a checklist");
        Arc::new(Self(Mutex::new(State {
            log_key: CheckpointKey { origin: ORIGIN.into(), key: SoftwareKey::from_seed([1; 32]) },
            deployment_key: SoftwareKey::from_seed([2; 32]),
            checklist,
            withhold_rows: false,
            log_epoch: 1,
            opened: Vec::new(),
            tree: Tree::default(),
            nodes: BTreeMap::new(),
            devices: BTreeMap::new(),
            grants: Vec::new(),
            segments: Vec::new(),
            documents: BTreeMap::new(),
            tasks: BTreeMap::new(),
            feed: Vec::new(),
            waiting: Vec::new(),
            faults: VecDeque::new(),
            tamper: None,
            quarantine_with: None,
            refuse: None,
            uploads: Uploads::default(),
            requests: Vec::new(),
        })))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panicked inside")
    }

    /// Issues a task to accounts; returns its visit.
    pub fn issue(&self, number: u8, accounts: &[&str]) -> DocumentId {
        let mut state = self.state();
        let visit = DocumentId([number; 16]);
        let checklist = state.checklist.clone();
        let task = Task {
            id: format!("{number:032}").into(),
            visit,
            subject: Subject { name: "老王饭店".into(), ..Subject::default() },
            checklist: ChecklistRef {
                hash: checklist.hash(),
                code: checklist.code.clone(),
                title: checklist.title.clone(),
                version: 1,
            },
            instructions: String::new(),
            due_on: None,
            state: TaskState::Issued,
            assignees: accounts.iter().map(|account| assignee(account)).collect(),
            issued_at_ms: 0,
            review: None,
        };
        let first = skeleton(&checklist, visit);
        let document = Document::new(visit, shape(&checklist), &first).expect("a document");
        state.documents.insert(visit, document);
        state.tasks.insert(visit, task);
        let leaf = state.act("task.issued", Vec::new()).0;
        for account in accounts {
            state.feed.push(((*account).to_owned(), leaf, Item::Matter(visit)));
        }
        visit
    }

    /// Gives a task that was issued before to an account.
    pub fn assign(&self, visit: DocumentId, account: &str) {
        let mut state = self.state();
        let leaf = state.act("task.reassigned", Vec::new()).0;
        state.tasks.get_mut(&visit).expect("a task").assignees.push(assignee(account));
        state.feed.push((account.to_owned(), leaf, Item::Matter(visit)));
    }

    /// Takes a task away from an account.
    pub fn withdraw(&self, visit: DocumentId, account: &str) {
        let mut state = self.state();
        let leaf = state.act("task.reassigned", Vec::new()).0;
        let task = state.tasks.get_mut(&visit).expect("a task");
        task.assignees.retain(|assignee| assignee.account.as_str() != account);
        state.feed.push((account.to_owned(), leaf, Item::Left(visit)));
    }
}

fn assignee(account: &str) -> Assignee {
    Assignee {
        account: account.into(),
        name: format!("person {account}"),
        certificate_no: "A-1".into(),
        department: "d".into(),
    }
}

pub struct Wire(pub Arc<FakeServer>);

impl Transport for Wire {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut state = self.0.state();
        state.requests.push(format!("{} {}", request.method.as_str(), request.url.trim_start_matches(URL)));
        match state.faults.pop_front().unwrap_or(Fault::None) {
            Fault::Unreachable => Err(TransportError::Unreachable("down".into())),
            Fault::AnswerLost => {
                state.handle(request);
                Err(TransportError::Cut("answer lost".into()))
            }
            Fault::None => Ok(state.handle(request)),
        }
    }
}

pub fn answer(status: u16, body: Vec<u8>) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body }
}

pub fn problem(status: u16, code: &str) -> HttpResponse {
    answer(status, json!({ "code": code, "detail": "as told" }).to_string().into_bytes())
}

fn base64_canonical(value: &impl Canonical) -> String {
    STANDARD.encode(value.to_canonical())
}

impl State {
    fn handle(&mut self, request: HttpRequest) -> HttpResponse {
        let path = request.url.strip_prefix(URL).expect("this deployment").to_owned();
        match (request.method, path.as_str()) {
            (Method::Post, "/api/v1/sessions") => {
                let form: Value = serde_json::from_slice(&request.body).expect("json");
                if form["password"] != "right" {
                    return problem(401, "session.wrong_credentials");
                }
                if form["login"] == GUARDED && form["code"] != CODE {
                    let missing = form["code"].is_null();
                    return problem(
                        401,
                        if missing { "session.code_required" } else { "session.wrong_code" },
                    );
                }
                answer(201, json!({ "access_token": form["login"] }).to_string().into_bytes())
            }
            (Method::Delete, "/api/v1/sessions/current") => answer(204, Vec::new()),
            (Method::Post, "/api/v1/devices/challenge") => {
                let challenge = URL_SAFE_NO_PAD.encode([5; 32]);
                answer(201, json!({ "challenge": challenge, "origin": ORIGIN }).to_string().into_bytes())
            }
            (Method::Post, "/api/v1/devices") => self.enrol(&request),
            (method, path) => match self.signed_by(&request, path) {
                None => problem(401, "device.unknown"),
                Some(device) if path == EXCHANGE_PATH => self.exchange(device, &request.body),
                Some(_) => {
                    let answer = self.uploads.handle(method, path, &request);
                    for blob in std::mem::take(&mut self.uploads.completed) {
                        self.hold(blob);
                    }
                    answer
                }
            },
        }
    }

    fn enrol(&mut self, request: &HttpRequest) -> HttpResponse {
        let form: Value = serde_json::from_slice(&request.body).expect("json");
        let text = |key: &str| form[key].as_str().expect(key).to_owned();
        let bytes = |key: &str| URL_SAFE_NO_PAD.decode(text(key)).expect(key);
        assert_eq!(text("suite"), "ed25519");
        let key = PublicKey::parse(Suite::Ed25519, &bytes("public_key")).expect("a key");
        let challenge = bytes("challenge").try_into().expect("32 bytes");
        let statement = EnrolmentStatement { origin: ORIGIN, challenge, key: key.clone() };
        key.verify(&statement.message(), &Signature(bytes("signature"))).expect("signed by the key");
        let bearer = request.headers.iter().find(|(name, _)| *name == "authorization").expect("a token");
        let account = bearer.1.trim_start_matches("Bearer ").to_owned();
        let log_key = self.log_key.public().key;
        let grant = Grant {
            suite: Suite::Ed25519,
            origin: ORIGIN.into(),
            account: account.clone(),
            person: format!("person {account}"),
            certificate_no: "A-1".into(),
            department: "d".into(),
            roles: vec!["inspector".into()],
            device_key: key.clone(),
            offline_hours: 72,
            log_key: log_key.clone(),
            issued_at_ms: 0,
        }
        .sign(&self.deployment_key);
        self.devices.insert(DeviceId::derive(&key), (key, account));
        self.grants.push(grant.clone());
        let form = json!({
            "grant": base64_canonical(&grant), "origin": ORIGIN, "log_key": base64_canonical(&log_key),
            "deployment_key": base64_canonical(&self.deployment_key.public()),
        });
        answer(201, form.to_string().into_bytes())
    }

    fn signed_by(&self, request: &HttpRequest, path: &str) -> Option<DeviceId> {
        let header = |name: &str| {
            request.headers.iter().find(|(have, _)| *have == name).map(|(_, value)| value.clone())
        };
        let device: DeviceId = header(DEVICE_HEADER)?.parse().ok()?;
        let (key, _) = self.devices.get(&device)?;
        let statement = SignedRequest {
            origin: ORIGIN,
            device,
            method: request.method.as_str(),
            path,
            body_sha256: sha256(&request.body),
        };
        let signature = Signature(URL_SAFE_NO_PAD.decode(header(SIGNATURE_HEADER)?).ok()?);
        key.verify(&statement.message(), &signature).ok().map(|()| device)
    }

    pub fn task_bytes(&self, visit: DocumentId) -> Vec<u8> {
        self.tasks[&visit].to_bytes()
    }

    fn exchange(&mut self, device: DeviceId, body: &[u8]) -> HttpResponse {
        let request: Request = unpack(body).expect("a request");
        let (key, account) = self.devices[&device].clone();
        let mut refused = Vec::new();
        for view in &request.segments {
            if let Err(code) = self.take_in(view, &key) {
                let (chain, first_seq) = (view.header.chain(), view.header.first_seq);
                refused.push(RefusedSegment { chain, first_seq, code: code.into(), detail: String::new() });
            }
        }
        let mut answer = self.answer(&request, device, &account, refused);
        if let Some(tamper) = &mut self.tamper {
            tamper(&mut answer);
        }
        let headers = vec![("content-type".to_owned(), CONTENT_TYPE.to_owned())];
        HttpResponse { status: 200, headers, body: pack(&answer) }
    }

    fn take_in(&mut self, view: &SegmentView, key: &PublicKey) -> Result<(), &'static str> {
        let segment = check_segment(view, key).map_err(|refusal| refusal.code)?;
        if let Some((chain, code)) = self.refuse
            && chain == segment.chain
        {
            return Err(code);
        }
        let of_chain = || self.segments.iter().filter(|logged| logged.segment.chain == segment.chain);
        let head = of_chain().next_back().map(|logged| {
            let header = &logged.segment.header;
            ChainHead { next_seq: header.next_seq(), last: header.last }
        });
        let known = |seq| {
            of_chain()
                .flat_map(|logged| &logged.segment.entries)
                .find(|entry| entry.seq == seq)
                .map(|e| e.hash)
        };
        match place(head.as_ref(), known, &segment) {
            Placement::Duplicate if of_chain().any(|logged| logged.segment.header == segment.header) => {
                Ok(())
            }
            Placement::Duplicate => Err("chain.recut"),
            Placement::Gap { .. } => Err("chain.gap"),
            Placement::Fork => Err("chain.fork"),
            Placement::New => {
                let leaf = self.append(&segment.leaf());
                self.segments.push(Logged { leaf, segment });
                let at = self.segments.len() - 1;
                self.waiting.extend((0..self.segments[at].segment.entries.len()).map(|entry| (at, entry)));
                self.admit(at);
                Ok(())
            }
        }
    }

    fn admit(&mut self, newest: usize) {
        let mut served = std::collections::BTreeSet::new();
        for (at, index) in std::mem::take(&mut self.waiting) {
            let (segment, entry) = (&self.segments[at].segment, &self.segments[at].segment.entries[index]);
            let (chain, seq) = (segment.chain, entry.seq);
            let open = entry.open.clone().expect("pushed open");
            let Some(document) = open.body.document else { continue };
            let epoch = self.epoch(chain, document, seq);
            let admission = match (&open.change, self.quarantine_with) {
                (Some(_), Some(code)) => Admission::Refused(liuhen_trace::Refusal::new(code, "as told")),
                (Some(chunk), None) => {
                    let author = Author { chain, seq, epoch };
                    let visit = self.documents.get_mut(&document).expect("a task named it");
                    visit.admit_all(&[Pending { author, chunk }]).remove(0)
                }
                (None, _) => Admission::Admitted,
            };
            match admission {
                Admission::Admitted | Admission::Duplicate => {
                    served.insert((at, document));
                }
                Admission::Waiting(_) => self.waiting.push((at, index)),
                Admission::Refused(refusal) => {
                    let leaf = self.act("entry.quarantined", Vec::new()).0;
                    let account = self.devices[&self.segments[at].segment.header.device].1.clone();
                    let code = refusal.code.to_owned();
                    self.feed.push((account, leaf, Item::Quarantined { chain, seq, code }));
                }
            }
        }
        let leaf = self.segments[newest].leaf;
        for (segment, document) in served {
            for assignee in self.tasks[&document].assignees.clone() {
                self.feed.push((assignee.account.0, leaf, Item::Entries { segment, document }));
            }
        }
    }

    fn epoch(&self, chain: ChainId, document: DocumentId, before: u64) -> u64 {
        let entries = self.segments.iter().filter(|logged| logged.segment.chain == chain);
        let begun = entries.flat_map(|logged| &logged.segment.entries).filter(|entry| {
            entry.seq < before
                && entry
                    .open
                    .as_ref()
                    .is_some_and(|open| open.kind == EntryKind::Epoch && open.body.document == Some(document))
        });
        begun.count() as u64
    }

    pub fn checkpoint(&self) -> CheckpointRef {
        CheckpointRef { epoch: self.log_epoch, size: self.tree.size(), root: self.tree.root() }
    }

    /// A note over any state, as a lying server could sign it.
    pub fn sign(&self, state: CheckpointRef) -> String {
        self.log_key.sign(state)
    }

    fn proof(&self, from: u64, to: u64) -> RangeProof {
        let look_up = |node: Node| self.nodes.get(&node).copied().ok_or(());
        RangeProof::build(from, to, self.tree.size(), look_up).expect("all nodes are kept")
    }

    fn append(&mut self, leaf: &Leaf) -> u64 {
        let at = self.tree.size();
        self.nodes.extend(self.tree.append(leaf.hash()));
        at
    }

    fn act(&mut self, kind: &str, blobs: Vec<BlobRef>) -> (u64, ActHeader, Vec<u8>) {
        let body = ActBody { blobs, ..ActBody::default() }.to_canonical();
        let header = ActHeader::commit(kind, 0, &SALT, &body);
        (self.append(&Leaf::Act(header.clone())), header, body)
    }

    fn hold(&mut self, blob: BlobRef) {
        let (leaf, header, body) = self.act("evidence.held", vec![blob]);
        let accounts: Vec<String> = self.devices.values().map(|(_, account)| account.clone()).collect();
        for account in accounts {
            let item = Item::Held { leaf, header: header.clone(), body: body.clone() };
            self.feed.push((account, leaf, item));
        }
    }
}
