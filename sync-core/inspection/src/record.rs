//! The sealed record: what people sign.
//!
//! A record lists every field of the visit as it stood at the heads that all signers name, each as
//! a salted digest. Its hash is what an entry of kind seal carries, so the record can be shown with
//! any field withheld: the reader still sees that there is one, and the hash still fits.
//!
//! The salts derive from a seed, and the seed is written into the document by the change of the
//! seal's own entry. It must not stand in the entry's body: whoever checks a seal opens the body,
//! and a seed found there would let them guess the fields that were withheld from them.
//!
//! ```text
//! seal entry ── body ── detail {record, heads, signers}      opened for every reader
//!            └─ change ── seal/seed, seal/task, seal/subject…  withheld with the other changes
//! ```

mod detail;

pub use detail::{RefusalDetail, SealDetail, Signer, SignerRole, Signing, SigningAct};

use crate::{Refusal, task::Task, visit::shape::SEAL};
use liuhen_engine::{
    document::{Author, Document, Put},
    field::{Fields, Scalar},
    shape::Path,
};
use liuhen_trace::{Canonical, ChangeHash, DocumentId, Hash, Suite, digest::tagged};
use minicbor::{Decode, Encode};

/// What is hashed: which visit, at which heads, with which fields.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SealedRecord {
    #[n(0)]
    pub suite: Suite,
    #[n(1)]
    pub visit: DocumentId,
    #[n(2)]
    pub heads: Vec<ChangeHash>,
    /// Ascending by path.
    #[n(3)]
    pub fields: Vec<SealedField>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SealedField {
    #[n(0)]
    pub path: String,
    #[n(1)]
    pub digest: Hash,
}

/// What one digest stands for. Withholding a field is leaving out its opening.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Opening {
    #[n(0)]
    pub path: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub salt: [u8; 16],
    /// More than one where people disagreed and nobody had decided; ascending.
    #[n(2)]
    pub values: Vec<Scalar>,
}

/// What a seal needs in its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealing {
    /// The change that the entry carries.
    pub change: Vec<u8>,
    pub detail: SealDetail,
}

/// Seals the visit as it stands: puts seed and task into the document and hashes the record.
///
/// `author` is the place of the seal's own entry. `seed` must be 32 random bytes, fresh for this
/// seal. On a refusal the document may hold the seal's change already: drop it.
pub fn seal(
    document: &mut Document,
    author: Author,
    task: &Task,
    seed: [u8; 32],
    signers: Vec<Signer>,
) -> Result<Sealing, Refusal> {
    detail::check_signers(&signers)?;
    let text = |text: &str| Scalar::Text(text.to_owned());
    let puts = [
        ("seed", Scalar::Text(Hash(seed).to_string())),
        ("task", text(task.id.as_str())),
        ("subject", text(task.subject.id.as_str())),
        ("subject_name", text(&task.subject.name)),
        ("subject_address", text(&task.subject.address)),
    ];
    let puts = puts.map(|(key, value)| Put { path: Path::field(SEAL, key), value });
    let change = document
        .edit(author, &puts)?
        .ok_or_else(|| Refusal::new("seal.seed_reused", "the seed is that of the seal before"))?;
    let heads = document.heads();
    let (record, _) = build(document, &heads)?;
    let detail = SealDetail { record: record.hash(), heads, signers };
    detail.check_form()?;
    Ok(Sealing { change, detail })
}

/// The record of a visit at some heads, with the opening of every field.
pub fn build(document: &Document, heads: &[ChangeHash]) -> Result<(SealedRecord, Vec<Opening>), Refusal> {
    if let Some(unknown) = heads.iter().find(|head| !document.contains(**head)) {
        return Err(Refusal::new("seal.unknown_heads", unknown.to_string()));
    }
    let fields = document.fields_at(heads)?;
    let seed = seed(&fields)?;
    let mut openings: Vec<Opening> = fields
        .iter()
        .filter(|(path, history)| **path != seed_path() && !history.current.is_empty())
        .map(|(path, history)| {
            let mut values: Vec<Scalar> =
                history.current.iter().map(|written| written.value.clone()).collect();
            values.sort();
            values.dedup();
            let path = path.to_string();
            Opening { salt: salt(&seed, &path), path, values }
        })
        .collect();
    openings.sort_by(|a, b| a.path.cmp(&b.path));
    let fields =
        openings.iter().map(|opening| SealedField { path: opening.path.clone(), digest: opening.digest() });
    let record = SealedRecord {
        suite: Suite::Ed25519,
        visit: document.id(),
        heads: heads.to_vec(),
        fields: fields.collect(),
    };
    Ok((record, openings))
}

/// Whether a seal fits the document: it has the heads, and the record made from them is the one
/// that was signed. A pure function of both, so every replica says the same.
pub fn check(document: &Document, detail: &SealDetail) -> Result<SealedRecord, Refusal> {
    detail.check_form()?;
    let (record, _) = build(document, &detail.heads)?;
    if record.hash() != detail.record {
        return Err(Refusal::new("seal.other_record", "the fields at these heads give another record"));
    }
    Ok(record)
}

fn seed_path() -> Path {
    Path::field(SEAL, "seed")
}

/// Over all values that show: two people may have sealed concurrently below these heads.
fn seed(fields: &Fields) -> Result<Hash, Refusal> {
    let shown = fields.get(&seed_path()).map(|history| &history.current);
    let mut values: Vec<&Scalar> = shown.into_iter().flatten().map(|written| &written.value).collect();
    if values.is_empty() {
        return Err(Refusal::new("seal.no_seed", "nobody sealed at or before these heads"));
    }
    values.sort();
    let bytes = minicbor::to_vec(&values).expect("writing to a Vec cannot fail");
    Ok(tagged("liuhen/record-seed/1", &[&bytes]))
}

fn salt(seed: &Hash, path: &str) -> [u8; 16] {
    let hash = tagged("liuhen/record-salt/1", &[seed.as_bytes(), path.as_bytes()]);
    hash.0[..16].try_into().expect("16 of 32 bytes")
}

impl Opening {
    fn digest(&self) -> Hash {
        tagged("liuhen/record-field/1", &[&self.to_canonical()])
    }
}

impl SealedRecord {
    /// What is signed.
    pub fn hash(&self) -> Hash {
        tagged("liuhen/record/1", &[&self.to_canonical()])
    }

    /// Whether an opening is what this record's digest stands for.
    pub fn check_opening(&self, opening: &Opening) -> Result<(), Refusal> {
        let at = self.fields.binary_search_by(|field| field.path.as_str().cmp(&opening.path));
        let field = at.ok().and_then(|at| self.fields.get(at));
        let field = field.ok_or_else(|| Refusal::new("record.unknown_field", opening.path.clone()))?;
        match field.digest == opening.digest() {
            true => Ok(()),
            false => Err(Refusal::new("record.wrong_opening", opening.path.clone())),
        }
    }
}
