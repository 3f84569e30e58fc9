//! Documents to attack, and chunks that automerge would never write.
#![allow(dead_code, reason = "each test binary uses a part")]

use automerge::{Change, ExpandedChange};
use liuhen_engine::{
    document::{Admission, Author, Document, Put, skeleton},
    field::Scalar,
    shape::{Path, Root, Shape, fresh_id},
};
use liuhen_trace::{ChainId, DocumentId, digest};
use std::collections::BTreeMap;

pub const DOCUMENT: DocumentId = DocumentId([7; 16]);

pub fn shape() -> Shape {
    let keys = |keys: &[&str]| keys.iter().map(|key| key.to_string()).collect();
    let numbers: Vec<String> = (1..=20).map(|number| number.to_string()).collect();
    Shape {
        roots: BTreeMap::from([
            ("about".to_owned(), Root::Constants),
            ("notes".to_owned(), Root::Items(keys(&["item", "text"]))),
            ("responses".to_owned(), Root::Fields(numbers.into_iter().collect())),
            ("visit".to_owned(), Root::Fields(keys(&["attendant", "record_text"]))),
        ]),
    }
}

pub fn skeleton_chunk() -> Vec<u8> {
    let visit = BTreeMap::from([("visit".to_owned(), Scalar::Text(DOCUMENT.to_string()))]);
    skeleton(&shape(), &BTreeMap::from([("about".to_owned(), visit)]))
}

pub fn document() -> Document {
    Document::new(DOCUMENT, shape(), &skeleton_chunk()).expect("an honest skeleton")
}

/// The author of entry `seq` of chain `number`.
pub fn author(number: u8, seq: u64) -> Author {
    Author { chain: ChainId([number; 16]), seq, epoch: 0 }
}

pub fn actor_of(author: Author) -> automerge::ActorId {
    automerge::ActorId::from(author.actor(DOCUMENT).0)
}

pub fn response(key: &str, value: &str) -> Put {
    Put { path: Path::field("responses", key), value: Scalar::Text(value.to_owned()) }
}

pub fn note(author: Author, n: u64, text: &str) -> Put {
    let item = fresh_id(author.chain, author.seq, n);
    Put { path: Path::item("notes", &item, "text"), value: Scalar::Text(text.to_owned()) }
}

pub fn edit(document: &mut Document, author: Author, puts: &[Put]) -> Vec<u8> {
    document.edit(author, puts).expect("an honest edit").expect("something changes")
}

/// What the author would write to this document, without writing it.
pub fn honest(document: &Document, author: Author, puts: &[Put]) -> Vec<u8> {
    edit(&mut document.clone(), author, puts)
}

pub fn code(admission: &Admission) -> &'static str {
    match admission {
        Admission::Admitted => "admitted",
        Admission::Duplicate => "duplicate",
        Admission::Waiting(_) => "waiting",
        Admission::Refused(refusal) => refusal.code,
    }
}

/// The change is refused with this code, alone and within a batch, leaves no trace, and does not keep
/// its honest twin out.
#[track_caller]
pub fn assert_refused(document: &Document, author: Author, poison: &[u8], twin: &[u8], expected: &str) {
    let mut attacked = document.clone();
    assert_eq!(code(&attacked.admit(author, poison)), expected);
    assert_eq!(attacked.heads(), document.heads());
    assert_eq!(attacked.save(), document.save());
    assert_eq!(attacked.fields(), document.fields());
    assert_eq!(attacked.admit(author, twin), Admission::Admitted, "the honest twin");
    let mut reference = document.clone();
    assert_eq!(reference.admit(author, twin), Admission::Admitted);
    assert_eq!(attacked.save(), reference.save());

    let mut batched = document.clone();
    let pending = [poison, twin].map(|chunk| liuhen_engine::document::Pending { author, chunk });
    let admissions = batched.admit_all(&pending);
    assert_eq!(admissions.iter().map(code).collect::<Vec<_>>(), [expected, "admitted"]);
    assert_eq!(batched.save(), reference.save());
}

/// The chunk of an honest change after `alter`, encoded by automerge itself.
pub fn altered(chunk: &[u8], alter: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
    let mut change = Change::try_from(chunk).expect("an honest change").decode();
    alter(&mut change);
    Change::from(change).raw_bytes().to_vec()
}

/// A change chunk, part by part, as automerge's storage format has them.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    pub deps: Vec<[u8; 32]>,
    pub actor: Vec<u8>,
    pub seq: u64,
    pub start_op: u64,
    pub time: i64,
    pub message: Vec<u8>,
    pub other_actors: Vec<Vec<u8>>,
    pub columns: Vec<(u64, Vec<u8>)>,
    pub extra: Vec<u8>,
}

impl Parts {
    /// One put of `true` on key `1` of the map with this counter, made by other actor 1.
    pub fn put(actor: [u8; 16], map_actor: [u8; 16], map_counter: u64, dep: [u8; 32], start_op: u64) -> Self {
        Self {
            deps: vec![dep],
            actor: actor.to_vec(),
            seq: 1,
            start_op,
            other_actors: vec![map_actor.to_vec()],
            columns: vec![
                (0x01, literal(&[unsigned(1)])),
                (0x02, literal(&[unsigned(map_counter)])),
                (0x15, literal(&[text("1")])),
                (0x34, unsigned(1)),
                (0x42, literal(&[unsigned(1)])),
                (0x56, literal(&[unsigned(2)])),
                (0x70, literal(&[unsigned(0)])),
            ],
            ..Self::default()
        }
    }

    pub fn with_column(mut self, column: u64, bytes: Vec<u8>) -> Self {
        self.columns.retain(|(other, _)| *other != column);
        self.columns.push((column, bytes));
        self.columns.sort();
        self
    }

    pub fn body(&self) -> Vec<u8> {
        let mut out = unsigned(self.deps.len() as u64);
        self.deps.iter().for_each(|dep| out.extend(dep));
        out.extend(prefixed(&self.actor));
        out.extend([unsigned(self.seq), unsigned(self.start_op), signed(self.time)].concat());
        out.extend(prefixed(&self.message));
        out.extend(unsigned(self.other_actors.len() as u64));
        self.other_actors.iter().for_each(|actor| out.extend(prefixed(actor)));
        out.extend(unsigned(self.columns.len() as u64));
        for (column, bytes) in &self.columns {
            out.extend([unsigned(*column), unsigned(bytes.len() as u64)].concat());
        }
        self.columns.iter().for_each(|(_, bytes)| out.extend(bytes));
        out.extend(&self.extra);
        out
    }

    pub fn chunk(&self) -> Vec<u8> {
        chunk(1, &self.body())
    }
}

/// Header and checksum around a body.
pub fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let hashed = [&[kind], &unsigned(body.len() as u64)[..], body].concat();
    let checksum = digest::sha256(&hashed);
    [&[0x85, 0x6f, 0x4a, 0x83], &checksum[..4], &hashed].concat()
}

pub fn unsigned(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}

pub fn signed(mut value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}

pub fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [&unsigned(bytes.len() as u64)[..], bytes].concat()
}

pub fn text(text: &str) -> Vec<u8> {
    prefixed(text.as_bytes())
}

/// Values told one by one.
pub fn literal(values: &[Vec<u8>]) -> Vec<u8> {
    [signed(-(values.len() as i64)), values.concat()].concat()
}

/// One value many times.
pub fn run(count: i64, value: Vec<u8>) -> Vec<u8> {
    [signed(count), value].concat()
}
