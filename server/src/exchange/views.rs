//! Segment views as one reader may have them.

use super::{case::damaged, judgement::Verdict};
use crate::{
    error::ApiError,
    store::{
        self, Connection,
        exchange::{EntryRow, SegmentRow},
    },
};
use liuhen_trace::{DocumentId, Hash, SegmentHeader, SegmentView, Signature};
use std::collections::BTreeSet;

/// A logged segment without its entries.
pub struct Segment {
    row: SegmentRow,
    pub header: SegmentHeader,
}

impl Segment {
    pub async fn read(conn: &mut Connection, leaf: u64) -> Result<Self, ApiError> {
        let row = store::exchange::segment_at(conn, leaf).await?.ok_or_else(|| damaged("segment"))?;
        let header = row.parse_header()?;
        Ok(Self { row, header })
    }

    /// A view with those entries open that were admitted for `documents` at `admitted_leaf`. `None`
    /// when that opens nothing.
    pub async fn admitted(
        &self,
        conn: &mut Connection,
        admitted_leaf: u64,
        documents: &BTreeSet<DocumentId>,
    ) -> Result<Option<SegmentView>, ApiError> {
        let documents: BTreeSet<String> = documents.iter().map(DocumentId::to_string).collect();
        let readable = |row: &EntryRow| {
            row.verdict == Verdict::Admitted as i64
                && row.admitted_leaf == Some(admitted_leaf as i64)
                && row.document.as_ref().is_some_and(|document| documents.contains(document))
        };
        let mut entries = Vec::new();
        for row in store::exchange::entries_of(conn, &self.row).await? {
            entries.push(if readable(&row) {
                Ok(row.open()?)
            } else {
                Err(Hash::from_slice(&row.hash).ok_or_else(|| damaged("entry.hash"))?)
            });
        }
        if entries.iter().all(Result::is_err) {
            return Ok(None);
        }
        Ok(Some(SegmentView::new(self.header.clone(), Signature(self.row.signature.clone()), entries)))
    }
}
