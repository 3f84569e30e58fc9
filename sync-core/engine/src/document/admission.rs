//! The rules a change is held to, and the order in which a batch is decided.

use super::{
    Admission, Author, Document, Pending,
    decode::{Action, Decoded, Op, OpId},
    index::{Clock, Container, Fit, Index},
};
use crate::{
    limits,
    scan::Scanned,
    shape::{self, Path, Root, Shape},
};
use automerge::Change;
use liuhen_trace::{ChangeHash, Refusal};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Decides on a batch: all that fit go to automerge together; only if that fails, one by one.
pub(super) fn admit_all(document: &mut Document, pending: &[Pending]) -> Vec<Admission> {
    let mut answers: Vec<Option<Admission>> = vec![None; pending.len()];
    let candidates = prepare(document, pending, &mut answers);
    let before = document.index.clone();
    let together = decide(document, pending, &candidates, &answers, Application::Together);
    let applied = apply_together(document, &candidates, &together);
    let decided = if applied.is_ok() {
        together
    } else {
        document.index = before;
        decide(document, pending, &candidates, &answers, Application::Singly)
    };
    let answer = |(early, decided): (Option<Admission>, Option<Admission>)| {
        early.or(decided).expect("every change that was not answered early was decided")
    };
    answers.into_iter().zip(decided).map(answer).collect()
}

/// Answers what can be answered from bytes and author alone; returns the rest.
fn prepare(
    document: &Document,
    pending: &[Pending],
    answers: &mut [Option<Admission>],
) -> BTreeMap<usize, Decoded> {
    let mut candidates = BTreeMap::new();
    for (at, Pending { author, chunk }) in pending.iter().enumerate() {
        match by_itself(document, author, chunk) {
            Ok(candidate) => {
                candidates.insert(at, candidate);
            }
            Err(refusal) => answers[at] = Some(Admission::Refused(refusal)),
        }
    }
    candidates
}

fn by_itself(document: &Document, author: &Author, chunk: &[u8]) -> Result<Decoded, Refusal> {
    let decoded = Decoded::from_chunk(chunk)?;
    if decoded.scanned.actor != author.actor(document.id) {
        return Err(Refusal::new("change.other_actor", "not the actor of this chain, document and epoch"));
    }
    Ok(decoded)
}

/// When automerge sees the changes of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Application {
    /// After all were decided.
    Together,
    /// Each before the next is decided.
    Singly,
}

/// Decides on the candidates, dependencies first, and takes those that fit into the index.
fn decide(
    document: &mut Document,
    pending: &[Pending],
    candidates: &BTreeMap<usize, Decoded>,
    answers: &[Option<Admission>],
    application: Application,
) -> Vec<Option<Admission>> {
    let mut decided = vec![None; answers.len()];
    let mut waiting_for: BTreeMap<ChangeHash, Vec<usize>> = BTreeMap::new();
    let mut queue: VecDeque<usize> = candidates.keys().copied().collect();
    while let Some(at) = queue.pop_front() {
        let candidate = &candidates[&at];
        let admission = decide_one(document, &pending[at], candidate, application);
        match &admission {
            Admission::Waiting(missing) => {
                if let Some(hash) = missing.first() {
                    waiting_for.entry(*hash).or_default().push(at);
                }
            }
            Admission::Admitted => {
                queue.extend(waiting_for.remove(&candidate.scanned.hash).into_iter().flatten());
            }
            Admission::Duplicate | Admission::Refused(_) => {}
        }
        decided[at] = Some(admission);
    }
    decided
}

fn decide_one(
    document: &mut Document,
    pending: &Pending,
    candidate: &Decoded,
    application: Application,
) -> Admission {
    if document.contains(candidate.scanned.hash) {
        return Admission::Duplicate;
    }
    let missing = document.index.missing(&candidate.scanned.deps);
    if !missing.is_empty() {
        return Admission::Waiting(missing);
    }
    let rules = Rules { shape: &document.shape, index: &document.index, author: Some(pending.author) };
    let fit = match rules.fit(&candidate.scanned, candidate.ops.clone()) {
        Ok(fit) => fit,
        Err(refusal) => return Admission::Refused(refusal),
    };
    if application == Application::Singly {
        let heads = document.index.heads_with(&fit);
        if let Err(refusal) = document.automaton.apply(vec![candidate.change.clone()], &heads) {
            return Admission::Refused(refusal);
        }
    }
    document.index.insert(fit, pending.chunk);
    Admission::Admitted
}

fn apply_together(
    document: &mut Document,
    candidates: &BTreeMap<usize, Decoded>,
    decided: &[Option<Admission>],
) -> Result<(), Refusal> {
    let admitted = candidates.iter().filter(|(at, _)| decided[**at] == Some(Admission::Admitted));
    let changes: Vec<Change> = admitted.map(|(_, candidate)| candidate.change.clone()).collect();
    if changes.is_empty() {
        return Ok(());
    }
    document.automaton.apply(changes, &document.index.heads())
}

/// What a change is held to: a shape, and what lies in its causal past.
pub(super) struct Rules<'a> {
    pub shape: &'a Shape,
    pub index: &'a Index,
    /// `None` when a saved document is read: its changes were admitted with their authors known.
    pub author: Option<Author>,
}

impl Rules<'_> {
    /// Checks a change whose dependencies are here.
    pub fn fit(&self, scanned: &Scanned, ops: Vec<Op>) -> Result<Fit, Refusal> {
        if scanned.deps.is_empty() {
            return Err(Refusal::new("change.no_dependencies", "only the skeleton depends on nothing"));
        }
        let past = self.index.clock_of(&scanned.deps);
        self.check_position(scanned, &past)?;
        let mut fit = Fit {
            hash: scanned.hash,
            deps: scanned.deps.clone(),
            actor: scanned.actor,
            seq: scanned.seq,
            start_op: scanned.start_op,
            max_op: scanned.start_op.saturating_add(scanned.ops).saturating_sub(1),
            containers: Vec::new(),
            puts: Vec::new(),
        };
        let mut made = BTreeMap::new();
        let mut written = BTreeSet::new();
        for op in ops {
            match self.resolve(&op, &past, &made)? {
                Place::Item(container) => {
                    self.check_item(&op, &container, &made)?;
                    made.insert(op.id, container);
                }
                Place::Field(path) => {
                    if !written.insert(path.clone()) {
                        return Err(Refusal::new("change.field_twice", path.to_string()));
                    }
                    let Action::Put(value) = op.action else { return Err(not_allowed(&path)) };
                    self.check_predecessors(&op.predecessors, &self.index.visible(&path, &past), &path)?;
                    fit.puts.push((path, op.id, value));
                }
            }
        }
        fit.containers = made.into_iter().collect();
        Ok(fit)
    }

    /// Sequence number, operation counter and size, as they follow from the dependencies.
    fn check_position(&self, scanned: &Scanned, past: &Clock) -> Result<(), Refusal> {
        let expected_seq = self.index.covered_seq(past, scanned.actor).saturating_add(1);
        if scanned.seq != expected_seq {
            return Err(Refusal::new("change.wrong_seq", format!("{}, not {expected_seq}", scanned.seq)));
        }
        if self.index.has_seq(scanned.actor, scanned.seq) {
            return Err(Refusal::new("change.seq_taken", scanned.seq.to_string()));
        }
        let expected_op = self.index.max_op_of(&scanned.deps).saturating_add(1);
        if scanned.start_op != expected_op {
            return Err(Refusal::new(
                "change.wrong_start_op",
                format!("{}, not {expected_op}", scanned.start_op),
            ));
        }
        let bytes = self.index.covered_bytes(past).saturating_add(scanned.bytes);
        if bytes > limits::DOCUMENT_BYTES_MAX {
            return Err(Refusal::new("change.document_full", format!("{bytes} bytes with its past")));
        }
        Ok(())
    }

    /// Where an operation goes.
    fn resolve(&self, op: &Op, past: &Clock, made: &BTreeMap<OpId, Container>) -> Result<Place, Refusal> {
        let Some(object) = op.object else {
            let code = match self.shape.roots.contains_key(&op.key) {
                true => "change.container_overwritten",
                false => "change.path_not_allowed",
            };
            return Err(Refusal::new(code, op.key.clone()));
        };
        let container = made.get(&object).or_else(|| self.index.container(object, past));
        let unknown = || Refusal::new("change.unknown_object", "a map that is not in its causal past");
        let Container { root, item } = container.ok_or_else(unknown)?;
        let path = Path { root: root.clone(), item: item.clone(), key: op.key.clone() };
        match (self.shape.roots.get(root), item, &op.action) {
            (Some(Root::Constants), _, _) => Err(Refusal::new("change.constant", path.to_string())),
            (Some(Root::Items(_)), None, Action::MakeMap) => {
                Ok(Place::Item(Container { root: path.root, item: Some(path.key) }))
            }
            (Some(Root::Items(_)), None, Action::Put(_)) if self.index.item(root, &op.key).is_some() => {
                Err(Refusal::new("change.container_overwritten", path.to_string()))
            }
            (_, _, Action::Put(_)) if self.shape.allows(&path) => Ok(Place::Field(path)),
            (_, _, Action::Put(_) | Action::MakeMap) => Err(not_allowed(&path)),
        }
    }

    /// A new map stands under an id only this entry can make, and replaces nothing.
    fn check_item(
        &self,
        op: &Op,
        container: &Container,
        made: &BTreeMap<OpId, Container>,
    ) -> Result<(), Refusal> {
        let path = Path::field(&container.root, &op.key);
        if self.index.item(&container.root, &op.key).is_some()
            || made.values().any(|other| other == container)
        {
            return Err(Refusal::new("change.container_overwritten", path.to_string()));
        }
        if self.author.is_some_and(|author| !shape::is_fresh_id(&op.key, author.chain, author.seq)) {
            return Err(Refusal::new("change.foreign_item", path.to_string()));
        }
        self.check_predecessors(&op.predecessors, &[], &path)
    }

    /// A put replaces exactly what its writer saw. Naming less leaves a stale value beside it;
    /// naming more hides a colleague's value that nobody had seen.
    fn check_predecessors(&self, named: &[OpId], visible: &[OpId], path: &Path) -> Result<(), Refusal> {
        if named == visible {
            return Ok(());
        }
        let detail = format!("{path}: {} named, {} visible", named.len(), visible.len());
        Err(Refusal::new("change.wrong_predecessors", detail))
    }
}

enum Place {
    Field(Path),
    Item(Container),
}

fn not_allowed(path: &Path) -> Refusal {
    Refusal::new("change.path_not_allowed", path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{Put, skeleton},
        field::Scalar,
    };
    use liuhen_trace::{ChainId, DocumentId};

    fn author(chain: u8, seq: u64) -> Author {
        Author { chain: ChainId([chain; 16]), seq, epoch: 0 }
    }

    fn document() -> Document {
        let keys = BTreeSet::from(["1".to_owned(), "2".to_owned()]);
        let shape = Shape { roots: BTreeMap::from([("responses".to_owned(), Root::Fields(keys))]) };
        let chunk = skeleton(&shape, &BTreeMap::new());
        Document::new(DocumentId([7; 16]), shape, &chunk).expect("an honest skeleton")
    }

    fn put(value: i64) -> Put {
        Put { path: Path::field("responses", "1"), value: Scalar::Int(value) }
    }

    #[test]
    fn a_change_that_panics_automerge_costs_nobody_else_anything() {
        let (mut one, mut two) = (document(), document());
        let write = |document: &mut Document, author: Author, value: i64| {
            document.edit(author, &[put(value)]).expect("allowed").expect("a change")
        };
        let chunks = [
            (author(1, 0), write(&mut one, author(1, 0), 1)),
            (author(2, 0), write(&mut two, author(2, 0), 2)),
            (author(1, 1), write(&mut one, author(1, 1), 3)),
            (author(2, 1), write(&mut two, author(2, 1), 4)),
        ];
        let mut attacked = document();
        let poison = crate::scan::scan(&chunks[0].1).expect("honest").hash;
        attacked.automaton.panics_at = Some(poison);
        let pending: Vec<Pending> =
            chunks.iter().map(|(author, chunk)| Pending { author: *author, chunk }).collect();
        let admissions = attacked.admit_all(&pending);
        assert!(
            matches!(&admissions[0], Admission::Refused(refusal) if refusal.code == "change.not_applicable")
        );
        assert_eq!(admissions[1], Admission::Admitted);
        assert_eq!(admissions[2], Admission::Waiting(vec![poison]));
        assert_eq!(admissions[3], Admission::Admitted);
        assert_eq!(attacked.heads(), two.heads());
        assert_eq!(attacked.save(), two.save());
        assert_eq!(attacked.edit(author(3, 0), &[put(4)]), Ok(None), "the document still reads and writes");
        assert!(attacked.edit(author(3, 0), &[put(5)]).is_ok_and(|chunk| chunk.is_some()));
    }
}
