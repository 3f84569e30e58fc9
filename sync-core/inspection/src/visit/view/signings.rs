//! Which seal counts, and what came outside of it.

use crate::{
    as_text,
    conflict::{Person, Writers},
    record::{self, SealDetail, Signer, Signing, SigningAct},
    visit::shape::SEAL,
};
use liuhen_engine::{
    document::Document,
    field::{ActorId, Fields},
    shape::Path,
};
use liuhen_trace::{ChangeHash, Hash};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A seal as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SealView {
    #[serde(with = "as_text::list")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub heads: Vec<ChangeHash>,
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub record_hash: Hash,
    pub signers: Vec<Signer>,
    /// Whose device signed the entry.
    pub by: Person,
    /// The record made from the heads is the one that was signed.
    pub valid: bool,
    /// The code of the refusal, when it is not.
    pub problem: Option<String>,
}

/// The inspected party did not sign.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusalView {
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub record_hash: Hash,
    pub party: String,
    pub reason: String,
    pub witnesses: Vec<String>,
    pub by: Person,
}

/// A change outside the sealed state: it is shown beside the record and never changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Supplement {
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub change: ChangeHash,
    pub author: Option<Person>,
    pub paths: Vec<String>,
}

pub(super) struct Signed {
    pub seal: Option<SealView>,
    pub further: Vec<SealView>,
    pub refusals: Vec<RefusalView>,
    pub supplements: Vec<Supplement>,
}

impl Signed {
    pub fn judge(document: &Document, fields: &Fields, writers: &Writers, signings: &[Signing]) -> Self {
        let mut seals = Vec::new();
        let mut refusals = BTreeSet::new();
        for signing in signings {
            let by = Person::from(&signing.by);
            match &signing.act {
                SigningAct::Seal(detail) => seals.push(seal(document, detail, by)),
                SigningAct::Refusal(detail) => {
                    refusals.insert(RefusalView {
                        record_hash: detail.record,
                        party: detail.party.clone(),
                        reason: detail.reason.clone(),
                        witnesses: detail.witnesses.clone(),
                        by,
                    });
                }
            }
        }
        // A state that is part of another has fewer changes, so an earlier seal is never displaced
        // by a later one. Between concurrent ones the hash decides, the same everywhere.
        seals.sort_by_cached_key(|seal| {
            (!seal.valid, past(document, &seal.heads).len(), seal.record_hash, seal.by.clone())
        });
        let first_valid = seals.first().is_some_and(|seal| seal.valid);
        let further = seals.split_off(usize::from(first_valid));
        let seal = seals.pop();
        let supplements =
            seal.as_ref().map_or_else(Vec::new, |seal| supplements(document, fields, writers, seal));
        Self { seal, further, refusals: refusals.into_iter().collect(), supplements }
    }
}

fn seal(document: &Document, detail: &SealDetail, by: Person) -> SealView {
    let problem = record::check(document, detail).err().map(|refusal| refusal.code.to_owned());
    SealView {
        heads: detail.heads.clone(),
        record_hash: detail.record,
        signers: detail.signers.clone(),
        by,
        valid: problem.is_none(),
        problem,
    }
}

fn supplements(document: &Document, fields: &Fields, writers: &Writers, seal: &SealView) -> Vec<Supplement> {
    let sealed = past(document, &seal.heads);
    let mut later: BTreeMap<ChangeHash, (ActorId, Vec<String>)> = BTreeMap::new();
    for (path, change, actor) in writes(fields) {
        if !sealed.contains(&change) && path.root != SEAL {
            let (_, paths) = later.entry(change).or_insert_with(|| (actor, Vec::new()));
            paths.push(path.to_string());
        }
    }
    let supplements = later.into_iter().map(|(change, (actor, mut paths))| {
        paths.sort();
        paths.dedup();
        Supplement { change, author: writers.get(&actor).map(Person::from), paths }
    });
    supplements.collect()
}

/// Every value that was ever written.
fn writes(fields: &Fields) -> impl Iterator<Item = (&Path, ChangeHash, ActorId)> {
    fields.iter().flat_map(|(path, history)| {
        let replaced = history.replaced.iter().map(|(written, _)| written);
        history.current.iter().chain(replaced).map(move |written| (path, written.change, written.actor))
    })
}

/// The changes a state consists of; those the document lacks are not counted.
fn past(document: &Document, heads: &[ChangeHash]) -> BTreeSet<ChangeHash> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<ChangeHash> = heads.to_vec();
    while let Some(change) = open.pop() {
        let Some(deps) = document.deps(change) else { continue };
        if seen.insert(change) {
            open.extend(deps);
        }
    }
    seen
}
