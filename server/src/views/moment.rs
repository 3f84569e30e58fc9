//! When something happened, as far as the ledger shows.
//!
//! A segment has no time of its own in the log; acts have: the server's clock when their commit began. A
//! checkpoint was signed after every act that it includes, and a leaf was added before the act that
//! follows it. So the time of an entry lies between the last act that its device's checkpoint includes and
//! the first act behind its leaf. Nothing else in the database is a witness, and nothing else is asked.

use crate::{
    ApiError,
    ledger::clock,
    store::{self, Connection},
};
use liuhen_trace::Leaf;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An interval, in leaves of the log and in milliseconds of the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct When {
    /// The device had seen a checkpoint over this many leaves. Absent where it had seen none, and for
    /// acts of the server.
    pub after_size: Option<u64>,
    /// Not earlier than the last act in that checkpoint.
    pub after_ms: Option<i64>,
    /// It was logged at this leaf.
    pub before_leaf: i64,
    /// Not later than the first act behind it, or than now where none has followed. Of an act: its time.
    pub before_ms: i64,
    /// Whether an act has followed, so that `before_ms` stands in the log and stays as it is.
    pub closed: bool,
}

/// Times of acts, each read once.
#[derive(Default)]
pub struct Moments {
    below: BTreeMap<u64, Option<i64>>,
    from: BTreeMap<u64, Option<i64>>,
}

impl Moments {
    /// For an entry at a leaf, whose device had seen so many leaves.
    pub async fn entry(
        &mut self,
        conn: &mut Connection,
        leaf: i64,
        seen: Option<u64>,
    ) -> Result<When, ApiError> {
        let after_ms = match seen {
            Some(size) => self.below(conn, size).await?,
            None => None,
        };
        let before = self.from(conn, leaf as u64).await?;
        Ok(When {
            after_size: seen,
            after_ms,
            before_leaf: leaf,
            before_ms: before.unwrap_or_else(clock::now_ms),
            closed: before.is_some(),
        })
    }

    /// For an act, which says itself when it was.
    pub fn act(leaf: i64, at_ms: Option<i64>) -> When {
        let before_ms = at_ms.unwrap_or_else(clock::now_ms);
        When { after_size: None, after_ms: at_ms, before_leaf: leaf, before_ms, closed: at_ms.is_some() }
    }

    async fn below(&mut self, conn: &mut Connection, size: u64) -> Result<Option<i64>, ApiError> {
        if let Some(known) = self.below.get(&size) {
            return Ok(*known);
        }
        let leaf = store::ledger::act_below(conn, size).await?;
        let at_ms = time_of(conn, leaf).await?;
        self.below.insert(size, at_ms);
        Ok(at_ms)
    }

    async fn from(&mut self, conn: &mut Connection, leaf: u64) -> Result<Option<i64>, ApiError> {
        if let Some(known) = self.from.get(&leaf) {
            return Ok(*known);
        }
        let behind = store::ledger::act_from(conn, leaf).await?;
        let at_ms = time_of(conn, behind).await?;
        self.from.insert(leaf, at_ms);
        Ok(at_ms)
    }
}

async fn time_of(conn: &mut Connection, leaf: Option<u64>) -> Result<Option<i64>, ApiError> {
    let Some(leaf) = leaf else { return Ok(None) };
    let row = store::ledger::leaf(conn, leaf).await?;
    Ok(row.and_then(|row| match Leaf::from_bytes(&row.bytes) {
        Ok(Leaf::Act(header)) => Some(header.at_ms),
        Ok(Leaf::Segment(_)) | Err(_) => None,
    }))
}
