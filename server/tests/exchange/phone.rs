//! A phone that keeps everything in memory and judges every answer as a real one does.

use crate::office::send_raw;
use axum::{body::Body, http::Request as HttpRequest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use liuhen_engine::{
    document::{Admission, Author, Document},
    exchange::{Effects, Trust, judge},
    limits,
    wire::{self, Answer, EXCHANGE_PATH, PROTOCOL_VERSION, Position, Request, WaitingEntry},
};
use liuhen_inspection::{
    checklist::Checklist,
    record,
    task::{Step, Task},
    visit::{self, Edit},
};
use liuhen_server::{
    AppState,
    acts::access::{Actor, devices},
};
use liuhen_trace::{
    BlobRef, BootId, ChainId, ChangeHash, CheckpointRef, DeviceId, DocumentId, EntryKind, Grant, Hash,
    Moment, OpenEntry, SegmentHeader, SegmentView, SoftwareKey, Suite, digest,
    entry::{Body as EntryBody, salt},
    request::{DEVICE_HEADER, EnrolmentStatement, SIGNATURE_HEADER, SignedRequest},
};
use std::collections::{BTreeMap, BTreeSet};

const SECRET: [u8; 32] = [7; 32];

pub struct Phone {
    state: AppState,
    pub key: SoftwareKey,
    pub device: DeviceId,
    pub incarnation: u64,
    pub grant: Grant,
    pub trust: Trust,
    next_seq: u64,
    last: Hash,
    unsigned: Vec<OpenEntry>,
    unsigned_first: (u64, Hash),
    pub unsent: Vec<SegmentView>,
    /// Everything that was ever signed.
    signed: Vec<SegmentView>,
    pub position: Option<Position>,
    pub checkpoint: Option<CheckpointRef>,
    grants: BTreeMap<DeviceId, Grant>,
    checklists: BTreeMap<Hash, Checklist>,
    wanted: BTreeSet<Hash>,
    pub tasks: BTreeMap<DocumentId, Task>,
    pub documents: BTreeMap<DocumentId, Document>,
    epochs: BTreeMap<DocumentId, u64>,
    /// Epoch entries of others, by chain and document.
    foreign_epochs: BTreeMap<(ChainId, DocumentId), BTreeSet<u64>>,
    /// Changes of documents whose checklist has not come yet.
    early: Vec<(DocumentId, Author, Vec<u8>)>,
    /// Chain and sequence number of every foreign entry received, with how often.
    pub received: BTreeMap<(ChainId, u64), u32>,
    pub quarantined: Vec<(ChainId, u64, String)>,
    pub waiting: Vec<WaitingEntry>,
    pub left: Vec<DocumentId>,
    pub held: Vec<BlobRef>,
    pub receipted: BTreeMap<(ChainId, u64), u64>,
    pub answer_bytes_max: u32,
}

impl Phone {
    pub async fn enrol(state: &AppState, actor: &Actor, seed: u8) -> Self {
        let key = SoftwareKey::from_seed([seed; 32]);
        let origin = state.ledger.origin();
        let challenge = devices::challenge(state, actor).await.expect("a challenge");
        let statement = EnrolmentStatement { origin: &origin, challenge, key: key.public() };
        let enrolment = devices::Enrolment {
            suite: Suite::Ed25519,
            public_key: key.public().bytes,
            name: format!("phone {seed}"),
            challenge,
            signature: key.sign_now(&statement.message()),
        };
        let signed = devices::enrol(state, actor, enrolment).await.expect("a grant");
        let trust =
            Trust { note_key: state.ledger.note_key(), deployment_key: state.ledger.deployment_key() };
        let grant = signed.check(&trust.deployment_key).expect("a signed grant");
        let device = grant.device();
        Self {
            state: state.clone(),
            key,
            device,
            incarnation: u64::from(seed),
            grants: BTreeMap::from([(device, grant.clone())]),
            grant,
            trust,
            next_seq: 0,
            last: Hash::default(),
            unsigned: Vec::new(),
            unsigned_first: (0, Hash::default()),
            unsent: Vec::new(),
            signed: Vec::new(),
            position: None,
            checkpoint: None,
            checklists: BTreeMap::new(),
            wanted: BTreeSet::new(),
            tasks: BTreeMap::new(),
            documents: BTreeMap::new(),
            epochs: BTreeMap::new(),
            foreign_epochs: BTreeMap::new(),
            early: Vec::new(),
            received: BTreeMap::new(),
            quarantined: Vec::new(),
            waiting: Vec::new(),
            left: Vec::new(),
            held: Vec::new(),
            receipted: BTreeMap::new(),
            answer_bytes_max: limits::ANSWER_BYTES_MAX,
        }
    }

    pub fn chain(&self) -> ChainId {
        ChainId::derive(self.device, self.incarnation)
    }

    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    fn author(&self, document: DocumentId) -> Author {
        let epoch = self.epochs.get(&document).copied().unwrap_or_default();
        Author { chain: self.chain(), seq: self.next_seq, epoch }
    }

    pub fn body(&self, document: Option<DocumentId>) -> EntryBody {
        let at = Moment { wall_ms: 1_700_000_000_000, monotonic_ms: self.next_seq, boot: BootId([1; 8]) };
        EntryBody { document, checkpoint: self.checkpoint, ..EntryBody::at(at) }
    }

    /// Appends an entry to the chain.
    pub fn append(&mut self, kind: EntryKind, body: EntryBody, change: Option<Vec<u8>>) -> u64 {
        let seq = self.next_seq;
        let entry = OpenEntry { kind, salt: salt(&SECRET, seq), body, change };
        if self.unsigned.is_empty() {
            self.unsigned_first = (seq, self.last);
        }
        self.last = entry.header(Suite::Ed25519, self.chain(), seq, self.last).hash();
        self.unsigned.push(entry);
        self.next_seq += 1;
        seq
    }

    /// One save; `None` when nothing changed.
    pub fn edit(&mut self, document: DocumentId, edits: &[Edit]) -> Option<ChangeHash> {
        let checklist = self.checklists.values().next().expect("a checklist");
        let plan = visit::plan(checklist, edits, self.chain(), self.next_seq).expect("valid edits");
        let author = self.author(document);
        let visit = self.documents.get_mut(&document).expect("a document");
        let chunk = visit.edit(author, &plan.puts).expect("an admissible edit")?;
        let hash = liuhen_trace::entry::change_hash(&chunk);
        let body = EntryBody { change: hash, blobs: plan.blobs, ..self.body(Some(document)) };
        self.append(plan.kind, body, Some(chunk));
        hash
    }

    pub fn answer(&mut self, document: DocumentId, item: &str, value: i64) -> ChangeHash {
        let value = match item {
            "1-1" => liuhen_engine::field::Scalar::Bool(value > 0),
            _ => liuhen_engine::field::Scalar::Int(value),
        };
        self.edit(document, &[Edit::answer(item, value)]).expect("a change")
    }

    pub fn step(&mut self, document: DocumentId, step: Step) {
        let body = EntryBody { detail: Some(step.to_detail()), ..self.body(Some(document)) };
        self.append(EntryKind::Receipt, body, None);
    }

    pub fn seal(&mut self, document: DocumentId, corrupt: bool) {
        let author = self.author(document);
        let task = self.tasks[&document].clone();
        let signers = vec![record::Signer {
            role: record::SignerRole::Inspector,
            name: self.grant.person.clone(),
            account: Some(self.grant.account.as_str().into()),
            certificate_no: Some(self.grant.certificate_no.clone()),
            signature: None,
        }];
        let visit = self.documents.get_mut(&document).expect("a document");
        let mut sealing = record::seal(visit, author, &task, [9; 32], signers).expect("a seal");
        if corrupt {
            sealing.detail.record.0[0] ^= 1;
        }
        let body = EntryBody {
            change: liuhen_trace::entry::change_hash(&sealing.change),
            detail: Some(sealing.detail.to_detail()),
            ..self.body(Some(document))
        };
        self.append(EntryKind::Seal, body, Some(sealing.change));
    }

    /// Signs what was appended since the last cut as one segment.
    pub fn cut(&mut self) {
        if self.unsigned.is_empty() {
            return;
        }
        let entries = std::mem::take(&mut self.unsigned);
        let (first_seq, mut prev) = self.unsigned_first;
        let before = prev;
        let mut hashes = Vec::new();
        for (entry, seq) in entries.iter().zip(first_seq..) {
            prev = entry.header(Suite::Ed25519, self.chain(), seq, prev).hash();
            hashes.push(prev);
        }
        let header =
            SegmentHeader::over(Suite::Ed25519, self.device, self.incarnation, first_seq, before, &hashes)
                .expect("at least one entry");
        let signature = self.key.sign_now(&header.message());
        let view = SegmentView::push(header, signature, SECRET, entries);
        self.signed.push(view.clone());
        self.unsent.push(view);
    }

    pub fn request(&self) -> Request {
        Request {
            version: PROTOCOL_VERSION,
            position: self.position.clone(),
            checkpoint: self.checkpoint,
            segments: self.unsent.clone(),
            wants: self.wanted.iter().copied().collect(),
            answer_bytes_max: self.answer_bytes_max,
        }
    }

    /// A request signed by this device.
    pub fn signed(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> HttpRequest<Body> {
        let origin = self.state.ledger.origin();
        let signed = SignedRequest {
            origin: &origin,
            device: self.device,
            method,
            path,
            body_sha256: digest::sha256(&body),
        };
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign_now(&signed.message()).0);
        let mut request = HttpRequest::builder()
            .method(method)
            .uri(path)
            .header(DEVICE_HEADER, self.device.to_string())
            .header(SIGNATURE_HEADER, signature);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.body(Body::from(body)).expect("a request")
    }

    /// Sends a request and returns the answer as it came.
    pub async fn ask(&self, request: &Request) -> Answer {
        let request = self.signed("POST", EXCHANGE_PATH, &[], wire::pack(request));
        let (status, body) = send_raw(&self.state, request).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        wire::unpack(&body).expect("an answer")
    }

    /// One exchange: everything unsent is handed in, the answer judged and taken in.
    pub async fn exchange(&mut self) -> Effects {
        self.cut();
        let request = self.request();
        let answer = self.ask(&request).await;
        self.take_in(&request, answer)
    }

    /// Goes on with the same deployment on another folder.
    pub fn move_to(&mut self, state: &AppState) {
        self.state = state.clone();
    }

    /// The first exchange with a server whose log lost what this phone knows, asked from nothing.
    pub async fn follow(&mut self) -> Effects {
        self.cut();
        self.unsent.clone_from(&self.signed);
        let request = Request { checkpoint: None, position: None, ..self.request() };
        let answer = self.ask(&request).await;
        self.take_in(&request, answer)
    }

    /// Exchanges until there is no more.
    pub async fn synchronise(&mut self) -> Vec<Effects> {
        let mut all = Vec::new();
        loop {
            let effects = self.exchange().await;
            let more = effects.more || !self.wanted.is_empty();
            all.push(effects);
            assert!(all.len() < 1_000, "the exchange comes to an end");
            if !more {
                return all;
            }
        }
    }

    pub fn take_in(&mut self, request: &Request, answer: Answer) -> Effects {
        let effects =
            judge(&self.trust, self.checkpoint, request, &self.grants, answer).expect("an honest answer");
        assert_eq!(effects.rejected, [], "every part of the answer holds");
        if let Some((state, _)) = &effects.checkpoint {
            self.checkpoint = Some(*state);
        }
        for (chain, first_seq, leaf) in &effects.receipted {
            self.receipted.insert((*chain, *first_seq), *leaf);
            self.unsent.retain(|view| (view.header.chain(), view.header.first_seq) != (*chain, *first_seq));
        }
        self.grants.extend(effects.grants.iter().map(|(_, grant)| (grant.device(), grant.clone())));
        for (hash, bytes) in &effects.rows {
            self.checklists.insert(*hash, Checklist::from_bytes(bytes).expect("a checklist"));
            self.wanted.remove(hash);
        }
        self.take_matters(&effects);
        self.take_entries(&effects);
        let quarantined = effects.quarantined.iter().cloned();
        self.quarantined.extend(quarantined.map(|entry| (entry.chain, entry.seq, entry.code)));
        self.waiting.clone_from(&effects.waiting);
        self.left.extend(effects.left.clone());
        self.held.extend(effects.held.iter().map(|(_, blob)| *blob));
        self.position = Some(effects.position.clone());
        effects
    }

    fn take_matters(&mut self, effects: &Effects) {
        for (_, bytes) in &effects.matters {
            let task = Task::from_bytes(bytes).expect("a task");
            let hash = task.checklist.hash.0;
            if !self.checklists.contains_key(&hash) {
                self.wanted.insert(hash);
            }
            self.tasks.insert(task.visit, task);
        }
        for (visit, task) in &self.tasks {
            if let Some(checklist) = self.checklists.get(&task.checklist.hash.0) {
                self.documents.entry(*visit).or_insert_with(|| {
                    let skeleton = visit::skeleton(checklist, *visit);
                    Document::new(*visit, visit::shape(checklist), &skeleton).expect("a skeleton")
                });
            }
        }
    }

    /// Entries come in an order that every phone can apply, whatever it has already.
    fn take_entries(&mut self, effects: &Effects) {
        let mut changes = std::mem::take(&mut self.early);
        for (_, segment) in &effects.entries {
            for entry in &segment.entries {
                let Some(open) = &entry.open else { continue };
                *self.received.entry((segment.chain, entry.seq)).or_default() += 1;
                let Some(document) = open.body.document else { continue };
                assert!(self.tasks.contains_key(&document), "the matter comes before its entries");
                let epochs = self.foreign_epochs.entry((segment.chain, document)).or_default();
                if open.kind == EntryKind::Epoch {
                    epochs.insert(entry.seq);
                }
                let epoch = epochs.range(..entry.seq).count() as u64;
                let author = Author { chain: segment.chain, seq: entry.seq, epoch };
                changes.extend(open.change.clone().map(|chunk| (document, author, chunk)));
            }
        }
        for (document, author, chunk) in changes {
            let Some(visit) = self.documents.get_mut(&document) else {
                self.early.push((document, author, chunk));
                continue;
            };
            let admission = visit.admit(author, &chunk);
            assert!(matches!(admission, Admission::Admitted | Admission::Duplicate), "{admission:?}");
        }
    }

    /// Begins a document under a new actor, without what was refused.
    pub fn begin_epoch(&mut self, document: DocumentId) {
        let body = self.body(Some(document));
        self.append(EntryKind::Epoch, body, None);
        *self.epochs.entry(document).or_default() += 1;
        let task = &self.tasks[&document];
        let checklist = &self.checklists[&task.checklist.hash.0];
        let skeleton = visit::skeleton(checklist, document);
        let fresh = Document::new(document, visit::shape(checklist), &skeleton).expect("a skeleton");
        self.documents.insert(document, fresh);
    }
}
