//! What is known of a change before automerge sees its bytes.
//!
//! Automerge trusts lengths and counts: 74 bytes can claim four thousand million operations and keep
//! it busy for minutes, and a deflated chunk of 261 kB takes a gigabyte. So the bytes are walked
//! once, in time linear in their length and without allocating by any claimed size, and refused
//! unless they are an uncompressed change chunk that only puts scalars and makes maps.
//!
//! ```text
//! 85 6f 4a 83 ‖ checksum (4) ‖ 01 ‖ length            chunk header; the rest is `length` bytes
//! n ‖ n × dependency (32)                             strictly ascending
//! 16 ‖ actor ‖ seq ‖ start_op ‖ time = 0 ‖ message length = 0
//! n ‖ n × (16 ‖ other actor)
//! n ‖ n × (column ‖ length)                           strictly ascending
//! the columns' bytes                                  nothing behind them
//! ```
//! All numbers are LEB128 in their shortest form.

mod columns;
mod reader;

use crate::{field::ActorId, limits};
use columns::Counts;
use liuhen_trace::{ChangeHash, Refusal, digest, limits::CHANGE_BYTES_MAX};
use reader::Reader;

/// What a chunk says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    pub hash: ChangeHash,
    pub actor: ActorId,
    /// 1 for an actor's first change.
    pub seq: u64,
    /// Counter of the first operation.
    pub start_op: u64,
    pub ops: u64,
    pub predecessors: u64,
    pub bytes: usize,
    /// Strictly ascending.
    pub deps: Vec<ChangeHash>,
}

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHANGE_CHUNK: u8 = 1;
const DEFLATED_CHANGE_CHUNK: u8 = 2;

/// Walks one chunk. Passing says that automerge can decode the bytes cheaply; it does not say that
/// the change fits any document.
pub fn scan(chunk: &[u8]) -> Result<Scanned, Refusal> {
    if chunk.len() > CHANGE_BYTES_MAX {
        return Err(Refusal::new("change.too_large", chunk.len().to_string()));
    }
    let (hash, mut body) = open(chunk)?;
    let deps = dependencies(&mut body)?;
    let actor = actor(&mut body)?;
    let seq = body.unsigned()?;
    let start_op = body.unsigned()?;
    if start_op == 0 || start_op > limits::START_OP_MAX {
        return Err(Refusal::new("change.start_op_out_of_range", start_op.to_string()));
    }
    // Every change before this one had an operation, so a greater number cannot be true.
    if seq == 0 || seq > start_op {
        return Err(Refusal::new("change.seq_out_of_range", seq.to_string()));
    }
    if body.signed()? != 0 {
        return Err(Refusal::new("change.has_time", "the time must be 0"));
    }
    if body.unsigned()? != 0 {
        return Err(Refusal::new("change.has_message", "there must be no message"));
    }
    let actors = other_actors(&mut body)?.saturating_add(1);
    let Counts { ops, predecessors } = columns::walk(&mut body, actors)?;
    if !body.is_empty() {
        return Err(Refusal::new("change.has_extra_bytes", format!("{} bytes", body.remaining())));
    }
    Ok(Scanned { hash, actor, seq, start_op, ops, predecessors, bytes: chunk.len(), deps })
}

/// Cuts a run of change chunks into chunks, by the lengths they tell. `None` where one does not fit.
pub(crate) fn split(mut chunks: &[u8]) -> Option<Vec<&[u8]>> {
    /// Magic, checksum and type.
    const HEAD_BYTES: usize = 9;
    let mut found = Vec::new();
    while !chunks.is_empty() {
        let mut reader = Reader::new(chunks);
        reader.take(HEAD_BYTES).ok()?;
        let length = usize::try_from(reader.unsigned().ok()?).ok()?;
        reader.take(length).ok()?;
        let (chunk, rest) = chunks.split_at(chunks.len() - reader.remaining());
        found.push(chunk);
        chunks = rest;
    }
    Some(found)
}

fn open(chunk: &[u8]) -> Result<(ChangeHash, Reader<'_>), Refusal> {
    let mut reader = Reader::new(chunk);
    if reader.take(4)? != MAGIC {
        return Err(Refusal::new("change.malformed", "no automerge chunk"));
    }
    let checksum = reader.take(4)?;
    match reader.byte()? {
        CHANGE_CHUNK => {}
        DEFLATED_CHANGE_CHUNK => return Err(Refusal::new("change.deflated", "the chunk is compressed")),
        other => return Err(Refusal::new("change.malformed", format!("chunk type {other}"))),
    }
    let length = reader.unsigned()?;
    if length != reader.remaining() as u64 {
        return Err(Refusal::new("change.malformed", "the length is not that of the bytes"));
    }
    let hash = digest::sha256(&chunk[MAGIC.len() + checksum.len()..]);
    if hash[..4] != *checksum {
        return Err(Refusal::new("change.wrong_checksum", "the bytes are damaged"));
    }
    Ok((ChangeHash(hash), reader))
}

fn dependencies(body: &mut Reader) -> Result<Vec<ChangeHash>, Refusal> {
    let count = body.unsigned()?;
    if count > limits::CHANGE_DEPS_MAX {
        return Err(Refusal::new("change.too_many_deps", count.to_string()));
    }
    let mut deps = Vec::new();
    for _ in 0..count {
        let hash = ChangeHash::from_slice(body.take(ChangeHash::LEN)?);
        let hash = hash.ok_or_else(|| Refusal::new("change.malformed", "dependency"))?;
        if deps.last().is_some_and(|last| *last >= hash) {
            return Err(Refusal::new("change.deps_unordered", "dependencies must ascend"));
        }
        deps.push(hash);
    }
    Ok(deps)
}

fn actor(body: &mut Reader) -> Result<ActorId, Refusal> {
    let length = body.unsigned()?;
    let bytes = body.take(usize::try_from(length).unwrap_or(usize::MAX))?;
    let id = bytes.try_into().map(ActorId);
    id.map_err(|_| Refusal::new("change.actor_length", format!("{length} bytes instead of 16")))
}

/// Reads the actors other than the author; returns how many.
fn other_actors(body: &mut Reader) -> Result<u64, Refusal> {
    let count = body.unsigned()?;
    if count >= limits::CHANGE_ACTORS_MAX {
        return Err(Refusal::new("change.too_many_actors", count.to_string()));
    }
    for _ in 0..count {
        actor(body)?;
    }
    Ok(count)
}
