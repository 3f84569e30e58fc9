//! What is known of a document's changes: who depends on whom, and which value stands where.
//!
//! The causal past of a change is told by a vector clock, because an actor's changes form a line:
//! for each actor, how many of its changes are in it. Every question admission asks is then about
//! a clock and never about what happens to be merged, one excepted: whether a sequence number is taken,
//! which only a forked chain can bring up.

use super::decode::OpId;
use crate::{
    field::{ActorId, Scalar},
    shape::Path,
};
use liuhen_trace::ChangeHash;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// For each actor, by its number, how many of its changes are covered. Missing means none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Clock(Vec<u64>);

impl Clock {
    pub fn count(&self, actor: usize) -> u64 {
        self.0.get(actor).copied().unwrap_or(0)
    }

    fn raise(&mut self, actor: usize, count: u64) {
        if self.0.len() <= actor {
            self.0.resize(actor + 1, 0);
        }
        self.0[actor] = self.0[actor].max(count);
    }

    fn join(&mut self, other: &Clock) {
        for (actor, count) in other.0.iter().enumerate() {
            self.raise(actor, *count);
        }
    }
}

/// One admitted change.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub hash: ChangeHash,
    pub deps: Vec<ChangeHash>,
    pub actor: ActorId,
    actor_number: usize,
    seq: u64,
    pub start_op: u64,
    pub max_op: u64,
    /// Its causal past and itself.
    clock: Clock,
    /// Bytes of this actor's changes up to this one.
    actor_bytes: usize,
    pub chunk: Arc<[u8]>,
}

/// A map of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Container {
    pub root: String,
    /// The fresh id of an item; `None` for a root.
    pub item: Option<String>,
}

/// One value that was written somewhere.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub id: OpId,
    pub value: Scalar,
    pub node: usize,
    /// The changes that replaced it.
    pub replaced_by: Vec<usize>,
}

/// A change that may be inserted, with its operations resolved to paths.
#[derive(Debug)]
pub(super) struct Fit {
    pub hash: ChangeHash,
    pub deps: Vec<ChangeHash>,
    pub actor: ActorId,
    pub seq: u64,
    pub start_op: u64,
    pub max_op: u64,
    pub containers: Vec<(OpId, Container)>,
    pub puts: Vec<(Path, OpId, Scalar)>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    nodes: Vec<Arc<Node>>,
    by_hash: BTreeMap<ChangeHash, usize>,
    actor_numbers: BTreeMap<ActorId, usize>,
    /// By actor number: positions of its changes, by seq - 1.
    changes_of: Vec<Vec<usize>>,
    containers: BTreeMap<OpId, (Container, usize)>,
    roots: BTreeMap<String, OpId>,
    items: BTreeMap<String, BTreeMap<String, OpId>>,
    cells: BTreeMap<Path, Vec<Cell>>,
    heads: BTreeSet<ChangeHash>,
}

impl Index {
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub fn heads(&self) -> Vec<ChangeHash> {
        self.heads.iter().copied().collect()
    }

    /// The heads there will be once a change is in.
    pub fn heads_with(&self, fit: &Fit) -> Vec<ChangeHash> {
        let mut heads = self.heads.clone();
        heads.retain(|head| !fit.deps.contains(head));
        heads.insert(fit.hash);
        heads.into_iter().collect()
    }

    pub fn position(&self, hash: ChangeHash) -> Option<usize> {
        self.by_hash.get(&hash).copied()
    }

    pub fn node(&self, at: usize) -> &Node {
        &self.nodes[at]
    }

    /// Those of `hashes` that are not here.
    pub fn missing(&self, hashes: &[ChangeHash]) -> Vec<ChangeHash> {
        hashes.iter().filter(|hash| !self.by_hash.contains_key(hash)).copied().collect()
    }

    fn known<'a>(&'a self, hashes: &'a [ChangeHash]) -> impl Iterator<Item = &'a Node> {
        hashes.iter().filter_map(|hash| self.position(*hash)).map(|at| self.node(at))
    }

    /// The causal past of changes, themselves included; unknown ones add nothing.
    pub fn clock_of(&self, heads: &[ChangeHash]) -> Clock {
        let mut clock = Clock::default();
        self.known(heads).for_each(|node| clock.join(&node.clock));
        clock
    }

    /// Greatest operation counter in the causal past of changes.
    pub fn max_op_of(&self, heads: &[ChangeHash]) -> u64 {
        self.known(heads).map(|node| node.max_op).max().unwrap_or(0)
    }

    pub fn covers(&self, clock: &Clock, at: usize) -> bool {
        let node = self.node(at);
        clock.count(node.actor_number) >= node.seq
    }

    /// How many changes of an actor are covered.
    pub fn covered_seq(&self, clock: &Clock, actor: ActorId) -> u64 {
        self.actor_numbers.get(&actor).map_or(0, |number| clock.count(*number))
    }

    /// The newest change of an actor.
    pub fn last_of(&self, actor: ActorId) -> Option<ChangeHash> {
        let changes = self.actor_numbers.get(&actor).map(|number| &self.changes_of[*number])?;
        changes.last().map(|at| self.node(*at).hash)
    }

    /// Whether there is a change of this actor with this sequence number.
    pub fn has_seq(&self, actor: ActorId, seq: u64) -> bool {
        let last = self.actor_numbers.get(&actor).map_or(0, |number| self.changes_of[*number].len());
        seq <= last as u64
    }

    /// Bytes of all covered changes.
    pub fn covered_bytes(&self, clock: &Clock) -> usize {
        let last_covered = |(number, changes): (usize, &Vec<usize>)| {
            let count = usize::try_from(clock.count(number)).unwrap_or(usize::MAX);
            changes.get(count.checked_sub(1)?).copied()
        };
        let last = self.changes_of.iter().enumerate().filter_map(last_covered);
        last.map(|at| self.node(at).actor_bytes).fold(0, usize::saturating_add)
    }

    /// A map, if the change that made it is covered.
    pub fn container(&self, id: OpId, clock: &Clock) -> Option<&Container> {
        let (container, at) = self.containers.get(&id)?;
        self.covers(clock, *at).then_some(container)
    }

    /// A map, whichever change made it.
    pub fn known_container(&self, id: OpId) -> Option<&Container> {
        self.containers.get(&id).map(|(container, _)| container)
    }

    pub fn root(&self, root: &str) -> Option<OpId> {
        self.roots.get(root).copied()
    }

    pub fn item(&self, root: &str, item: &str) -> Option<OpId> {
        self.items.get(root)?.get(item).copied()
    }

    pub fn items(&self, root: &str) -> Vec<String> {
        self.items.get(root).map(|items| items.keys().cloned().collect()).unwrap_or_default()
    }

    pub fn cells(&self) -> impl Iterator<Item = (&Path, &Vec<Cell>)> {
        self.cells.iter()
    }

    /// The operations whose values show at `path`, sorted.
    pub fn visible(&self, path: &Path, clock: &Clock) -> Vec<OpId> {
        let cells = self.cells.get(path).map(Vec::as_slice).unwrap_or_default();
        let shows = |cell: &&Cell| {
            self.covers(clock, cell.node) && !cell.replaced_by.iter().any(|at| self.covers(clock, *at))
        };
        let mut ids: Vec<OpId> = cells.iter().filter(shows).map(|cell| cell.id).collect();
        ids.sort_unstable();
        ids
    }

    /// The values that show at `path` now.
    pub fn showing(&self, path: &Path) -> Vec<&Scalar> {
        let cells = self.cells.get(path).map(Vec::as_slice).unwrap_or_default();
        cells.iter().filter(|cell| cell.replaced_by.is_empty()).map(|cell| &cell.value).collect()
    }

    /// Takes a change in. Its dependencies are here and its place in its actor's line is free.
    pub fn insert(&mut self, fit: Fit, chunk: &[u8]) {
        let at = self.nodes.len();
        let node = self.node_of(&fit, chunk);
        for dep in &fit.deps {
            self.heads.remove(dep);
        }
        self.heads.insert(fit.hash);
        self.by_hash.insert(fit.hash, at);
        self.changes_of[node.actor_number].push(at);
        self.place(fit, &self.clock_of(&node.deps), at);
        self.nodes.push(Arc::new(node));
    }

    fn node_of(&mut self, fit: &Fit, chunk: &[u8]) -> Node {
        let next_number = self.actor_numbers.len();
        let actor_number = *self.actor_numbers.entry(fit.actor).or_insert(next_number);
        if actor_number == self.changes_of.len() {
            self.changes_of.push(Vec::new());
        }
        let mut clock = self.clock_of(&fit.deps);
        clock.raise(actor_number, fit.seq);
        let before = self.changes_of[actor_number].last().map_or(0, |at| self.node(*at).actor_bytes);
        Node {
            hash: fit.hash,
            deps: fit.deps.clone(),
            actor: fit.actor,
            actor_number,
            seq: fit.seq,
            start_op: fit.start_op,
            max_op: fit.max_op,
            clock,
            actor_bytes: before.saturating_add(chunk.len()),
            chunk: chunk.into(),
        }
    }

    fn place(&mut self, fit: Fit, past: &Clock, at: usize) {
        for (id, container) in fit.containers {
            match &container.item {
                None => self.roots.insert(container.root.clone(), id),
                Some(item) => self.items.entry(container.root.clone()).or_default().insert(item.clone(), id),
            };
            self.containers.insert(id, (container, at));
        }
        for (path, id, value) in fit.puts {
            let replaced = self.visible(&path, past);
            let cells = self.cells.entry(path).or_default();
            for cell in cells.iter_mut().filter(|cell| replaced.contains(&cell.id)) {
                cell.replaced_by.push(at);
            }
            cells.push(Cell { id, value, node: at, replaced_by: Vec::new() });
        }
    }

    /// All chunks, every one behind those it depends on, in an order that depends only on which
    /// changes there are: a change's counter is greater than any in its causal past.
    pub fn chunks_in_causal_order(&self) -> Vec<&[u8]> {
        let mut nodes: Vec<&Node> = self.nodes.iter().map(Arc::as_ref).collect();
        nodes.sort_unstable_by_key(|node| (node.start_op, node.actor));
        nodes.into_iter().map(|node| &*node.chunk).collect()
    }
}
