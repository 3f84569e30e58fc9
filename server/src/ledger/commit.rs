//! The committer: one task that owns the writing connection.
//!
//! Proposals that arrive while a commit is under way are committed together: an fsync costs
//! milliseconds, so a commit for each request would cap the server at a few hundred a second. Each
//! proposal runs in a savepoint, so one that fails takes nothing of the others with it. Leaves are
//! numbered as they are inserted, the head row advances in the same transaction, and only after
//! the commit is the checkpoint signed and anybody answered.

mod epoch;

pub use epoch::{next_epoch, open_epoch, proof_of};

use super::{Epochs, Signer, about, clock, epochs::FIRST_EPOCH, proof, random, signer::Keys};
use crate::{
    error::ApiError,
    store::{self, Connection, transaction},
};
use anyhow::Context;
use axum::http::StatusCode;
use futures::{FutureExt, future::BoxFuture};
use liuhen_trace::{
    ActHeader, BlobRef, Canonical, CheckpointRef, Hash, Leaf, NoteKey, PublicKey, SegmentHeader, SignedGrant,
    SoftwareKey,
    act::{ActBody, RowCommitment},
    grant::Grant,
    merkle::{Node, RangeProof, Tree, cover},
};
use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{mpsc, oneshot, watch};

/// Proposals in one transaction: bounds how long the first waits for the last.
const GROUP_MAX: usize = 64;
/// Proposals waiting; beyond it callers wait, which is the server's back-pressure.
const QUEUE_MAX: usize = 1024;

/// What everybody may know of the log right now.
#[derive(Debug, Clone)]
pub struct Latest {
    pub state: CheckpointRef,
    /// The signed note over `state`.
    pub note: Arc<str>,
}

/// A handle on the committer. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    queue: mpsc::Sender<Work>,
    latest: watch::Receiver<Latest>,
    epochs: Arc<Epochs>,
    keys: Arc<Keys>,
}

/// What a commit gave.
#[derive(Debug, Clone)]
pub struct Committed<T> {
    pub output: T,
    /// The log after the commit; the note is signed over it.
    pub state: CheckpointRef,
    pub note: Arc<str>,
}

/// An act to be logged with the rows it wrote.
#[derive(Debug, Clone)]
pub struct NewAct {
    /// Stable dotted name.
    pub kind: &'static str,
    /// The acting account; `None` when the server acts by itself.
    pub actor: Option<String>,
    pub detail: serde_json::Value,
    /// Every row of a committed table that this act wrote.
    pub rows: Vec<RowCommitment>,
    pub blobs: Vec<BlobRef>,
}

/// The open transaction, as a proposal sees it.
pub struct Tx {
    conn: Connection,
    epoch: u64,
    tree: Tree,
    /// Subtrees completed in this transaction.
    completed: BTreeMap<Node, Hash>,
    now_ms: i64,
}

type Proposal = Box<dyn for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<Done, ApiError>> + Send>;

struct Work {
    proposal: Proposal,
    failed: oneshot::Sender<ApiError>,
}

/// A proposal that ran; called after the commit.
type Done = Box<dyn FnOnce(Latest) + Send>;

impl Ledger {
    /// Takes the writer, checks the head row against the signer, and starts the committer. The
    /// handle returned second gives the writer back once every [`Ledger`] is dropped.
    pub async fn start(
        mut conn: Connection,
        mut signer: Signer,
    ) -> anyhow::Result<(Self, tokio::task::JoinHandle<Connection>)> {
        about::catch_up(&mut conn).await?;
        let (epoch, tree) = recorded(&mut conn).await?;
        let state = CheckpointRef { epoch, size: tree.size(), root: tree.root() };
        let note = sign_at_start(&mut conn, &mut signer, state).await?;
        let latest = Latest { state, note: note.into() };
        let (publish, subscription) = watch::channel(latest);
        let (queue, work) = mpsc::channel(QUEUE_MAX);
        let (epochs, keys) = (Arc::new(Epochs::read(&mut conn).await?), signer.keys());
        let signed = tree.clone();
        let tx = Tx { conn, epoch, tree, completed: BTreeMap::new(), now_ms: clock::now_ms() };
        let committer = Committer { tx, work, publish, signer: Arc::new(Mutex::new(signer)), signed };
        Ok((Self { queue, latest: subscription, epochs, keys }, tokio::spawn(committer.run())))
    }

    /// Runs `proposal` in a transaction and answers once it is durable. A proposal revalidates what
    /// its plan was based on: others may have been committed since.
    pub async fn commit<T, F>(&self, proposal: F) -> Result<Committed<T>, ApiError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, ApiError>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let (failed, failure) = oneshot::channel();
        let proposal: Proposal = Box::new(move |tx| {
            async move {
                let output = proposal(tx).await?;
                let done: Done = Box::new(move |latest: Latest| {
                    let committed = Committed { output, state: latest.state, note: latest.note };
                    // The caller may have gone; what is committed stays.
                    let _ = answer.send(committed);
                });
                Ok(done)
            }
            .boxed()
        });
        let stopping = |_| ApiError::unavailable("server.stopping", "the server is shutting down");
        self.queue.send(Work { proposal, failed }).await.map_err(|_| stopping(()))?;
        match answered.await {
            Ok(committed) => Ok(committed),
            Err(_) => Err(failure.await.unwrap_or_else(|_| stopping(()))),
        }
    }

    /// The newest signed state.
    pub fn latest(&self) -> Latest {
        self.latest.borrow().clone()
    }

    /// Wakes after each commit that added leaves.
    pub fn subscribe(&self) -> watch::Receiver<Latest> {
        self.latest.clone()
    }

    /// Waits until the committer has ended although handles on it are left.
    pub async fn ended(&self) {
        self.queue.closed().await;
    }

    /// Restores happen to a folder that nobody serves, so these do not change.
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    pub fn origin(&self) -> String {
        self.keys.origin().to_owned()
    }

    pub fn note_key(&self) -> NoteKey {
        self.keys.note_key()
    }

    pub fn deployment_key(&self) -> PublicKey {
        self.keys.deployment().public()
    }

    pub fn session_secret(&self) -> [u8; 32] {
        *self.keys.session_secret()
    }

    /// See [`Keys::desk`].
    pub fn desk_key(&self, account: &str, number: u64) -> SoftwareKey {
        self.keys.desk(account, number)
    }

    pub fn sign_grant(&self, grant: Grant) -> SignedGrant {
        grant.sign(self.keys.deployment())
    }
}

/// Epoch and tree of the log as its head row has them; of an empty database, those of a log that begins.
pub async fn recorded(conn: &mut Connection) -> anyhow::Result<(u64, Tree)> {
    let Some(head) = store::ledger::head(conn).await? else { return Ok((FIRST_EPOCH, Tree::default())) };
    let tree = head.tree().context("ledger.head_damaged: size, subtrees, root")?;
    Ok((head.epoch as u64, tree))
}

/// The signer may be behind by what was committed right before a crash. It must never be ahead:
/// then the database was rolled back, and going on would sign a second history.
async fn sign_at_start(
    conn: &mut Connection,
    signer: &mut Signer,
    state: CheckpointRef,
) -> anyhow::Result<String> {
    let consistency = match signer.last() {
        Some((last, _)) if last.size <= state.size => proof::range(conn, last.size, last.size, state.size)
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?,
        _ => RangeProof::default(),
    };
    signer.sign(state, &consistency)
}

impl Tx {
    /// For the functions of [`crate::store`].
    pub fn conn(&mut self) -> &mut Connection {
        &mut self.conn
    }

    /// The server's wall clock at the beginning of this transaction.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// The index the next leaf gets.
    pub fn next_leaf(&self) -> u64 {
        self.tree.size()
    }

    pub async fn append_segment(&mut self, header: &SegmentHeader) -> Result<u64, ApiError> {
        self.append(&Leaf::Segment(header.clone())).await
    }

    /// Logs an act; its rows are written by the caller in the same transaction.
    pub async fn act(&mut self, act: NewAct) -> Result<u64, ApiError> {
        let NewAct { kind, actor, detail, rows, blobs } = act;
        self.log_act(kind, &ActBody { actor, detail: detail.to_string(), rows, blobs, epoch: None }).await
    }

    async fn log_act(&mut self, kind: &str, body: &ActBody) -> Result<u64, ApiError> {
        let abouts = about::about(&body.detail, &body.rows);
        let (salt, body) = (random::<16>(), body.to_canonical());
        let leaf = self.append(&Leaf::Act(ActHeader::commit(kind, self.now_ms, &salt, &body))).await?;
        store::ledger::insert_act(&mut self.conn, leaf, &salt, &body).await?;
        for about in abouts {
            store::ledger::insert_about(&mut self.conn, &about, leaf as i64).await?;
        }
        Ok(leaf)
    }

    async fn append(&mut self, leaf: &Leaf) -> Result<u64, ApiError> {
        let index = self.tree.size();
        let bytes = leaf.to_bytes();
        for (node, hash) in self.tree.append(leaf.hash()) {
            match node.level {
                0 => store::ledger::insert_leaf(&mut self.conn, index, hash, &bytes).await?,
                _ => store::ledger::insert_node(&mut self.conn, node, hash).await?,
            }
            self.completed.insert(node, hash);
        }
        Ok(index)
    }

    /// Runs one proposal in a savepoint. `Err(None)` says that the whole transaction is lost.
    async fn attempt(&mut self, proposal: Proposal) -> Result<Done, Option<ApiError>> {
        let before = self.tree.clone();
        transaction::mark(&mut self.conn).await.map_err(lost)?;
        let outcome = AssertUnwindSafe(proposal(self)).catch_unwind().await;
        let error = match outcome {
            Ok(Ok(done)) => {
                transaction::keep(&mut self.conn).await.map_err(lost)?;
                return Ok(done);
            }
            Ok(Err(error)) => error,
            Err(_) => ApiError::internal("a proposal panicked"),
        };
        self.rewind(before);
        transaction::undo(&mut self.conn).await.map_err(lost)?;
        Err(Some(error))
    }

    fn rewind(&mut self, tree: Tree) {
        self.completed.retain(|node, _| (node.index + 1) << node.level <= tree.size());
        self.tree = tree;
    }
}

fn lost(error: sqlx::Error) -> Option<ApiError> {
    tracing::error!(%error, "the transaction is lost");
    None
}

fn told(error: &anyhow::Error, failure: fn() -> ApiError) -> fn() -> ApiError {
    tracing::error!(error = format!("{error:#}"), code = failure().code(), "a group commit failed");
    failure
}

fn not_stored() -> ApiError {
    ApiError::unavailable("storage.unavailable", "nothing was stored; try again")
}

fn still_unsigned() -> ApiError {
    ApiError::unavailable("ledger.unsigned", "nothing was stored: no checkpoint can be signed")
}

/// Without an invitation to try again, unlike the others.
fn stored_unsigned() -> ApiError {
    let detail = "it is stored, but no checkpoint over it could be signed yet";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "ledger.stored_unsigned", detail)
}

struct Committer {
    tx: Tx,
    work: mpsc::Receiver<Work>,
    publish: watch::Sender<Latest>,
    /// Shared only with the blocking thread that signs and waits for the disk.
    signer: Arc<Mutex<Signer>>,
    /// The tree that was signed last.
    signed: Tree,
}

impl Committer {
    async fn run(mut self) -> Connection {
        let mut group = Vec::with_capacity(GROUP_MAX);
        while self.work.recv_many(&mut group, GROUP_MAX).await > 0 {
            self.commit_group(&mut group).await;
        }
        self.tx.conn
    }

    async fn commit_group(&mut self, group: &mut Vec<Work>) {
        self.tx.now_ms = clock::now_ms();
        let (mut done, mut waiting) = (Vec::new(), Vec::new());
        match self.store_and_sign(group, &mut done, &mut waiting).await {
            Ok(latest) => done.into_iter().for_each(|done: Done| done(latest.clone())),
            Err(failure) => {
                let untouched = group.drain(..).map(|work| work.failed);
                for failed in waiting.into_iter().chain(untouched) {
                    // The caller may have gone.
                    let _ = failed.send(failure());
                }
            }
        }
    }

    /// What was stored and could not be signed is signed before anything more is stored: each of
    /// those who are told so sends their request once more at most.
    async fn store_and_sign(
        &mut self,
        group: &mut Vec<Work>,
        done: &mut Vec<Done>,
        waiting: &mut Vec<oneshot::Sender<ApiError>>,
    ) -> Result<Latest, fn() -> ApiError> {
        self.sign().await.map_err(|error| told(&error, still_unsigned))?;
        self.run_group(group, done, waiting).await.map_err(|error| told(&error.into(), not_stored))?;
        self.sign().await.map_err(|error| told(&error, stored_unsigned))
    }

    async fn run_group(
        &mut self,
        group: &mut Vec<Work>,
        done: &mut Vec<Done>,
        waiting: &mut Vec<oneshot::Sender<ApiError>>,
    ) -> Result<(), sqlx::Error> {
        let before = self.tx.tree.clone();
        let outcome = self.transact(group, done, waiting).await;
        if outcome.is_err() {
            self.tx.rewind(before);
            // Already rolled back where SQLite did so by itself.
            let _ = transaction::rollback(&mut self.tx.conn).await;
            done.clear();
        }
        outcome
    }

    async fn transact(
        &mut self,
        group: &mut Vec<Work>,
        done: &mut Vec<Done>,
        waiting: &mut Vec<oneshot::Sender<ApiError>>,
    ) -> Result<(), sqlx::Error> {
        let size = self.tx.tree.size();
        transaction::begin(&mut self.tx.conn).await?;
        for work in group.drain(..) {
            match self.tx.attempt(work.proposal).await {
                Ok(ran) => {
                    done.push(ran);
                    waiting.push(work.failed);
                }
                Err(Some(error)) => {
                    let _ = work.failed.send(error);
                }
                Err(None) => {
                    waiting.push(work.failed);
                    return Err(sqlx::Error::WorkerCrashed);
                }
            }
        }
        if self.tx.tree.size() != size {
            store::ledger::save_head(&mut self.tx.conn, self.tx.epoch, &self.tx.tree).await?;
        }
        transaction::commit(&mut self.tx.conn).await?;
        Ok(())
    }

    /// Signs what was committed and tells everybody. Nothing to do for a group without leaves.
    async fn sign(&mut self) -> anyhow::Result<Latest> {
        let tree = &self.tx.tree;
        if tree.size() == self.signed.size() {
            return Ok(self.publish.borrow().clone());
        }
        let state = CheckpointRef { epoch: self.tx.epoch, size: tree.size(), root: tree.root() };
        let consistency = self.consistency();
        let signer = self.signer.clone();
        let sign = move || signer.lock().unwrap_or_else(PoisonError::into_inner).sign(state, &consistency);
        let note = tokio::task::spawn_blocking(sign).await??;
        let latest = Latest { state, note: note.into() };
        self.publish.send_replace(latest.clone());
        self.signed = self.tx.tree.clone();
        self.tx.completed.clear();
        Ok(latest)
    }

    /// From the tree signed last to this one: its row, and the subtrees completed since.
    fn consistency(&self) -> RangeProof {
        let right = cover(self.signed.size(), self.tx.tree.size());
        RangeProof {
            left: self.signed.row(),
            right: right.iter().filter_map(|node| self.tx.completed.get(node).copied()).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
