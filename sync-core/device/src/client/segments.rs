//! Signing: committed entries are cut into segments, and a segment, once its row is committed, is
//! never cut again.

use super::{Client, Run, desk::Desk};
use crate::{
    Error, Result,
    store::{
        Connection, chains,
        chains::ChainRow,
        entries::{self, EntryRow},
        events::NewEvent,
        segments::{self, SegmentRow},
    },
};
use liuhen_engine::{exchange::Unsent, limits::REQUEST_BYTES_MAX};
use liuhen_trace::{Canonical, Hash, SegmentHeader, SegmentView, limits::SEGMENT_ENTRIES_MAX};

/// What an entry weighs in a segment beside body and change: kind, lengths, and its share of the rest.
const ENTRY_OVERHEAD_BYTES: usize = 64;

impl Client {
    /// Signs what is committed. The save it follows is complete without it, so a key that does not
    /// sign now is only told as an event; the next synchronisation tries again.
    pub(super) fn sign_soon(&self) {
        if let Err(error) = self.sign(None) {
            let detail = error.to_string();
            let event = NewEvent { kind: "device.no_signature", detail, ..NewEvent::default() };
            // A store that cannot take the event either says so at the next save.
            let _ = self.write(|desk| desk.event(event));
        }
    }

    /// Signs every own entry that is not in a segment yet.
    pub(super) fn sign(&self, run: Option<Run>) -> Result<()> {
        if !self.read(|db, _| entries::any_uncut(db))? {
            return Ok(());
        }
        self.write_during(run, |desk| {
            for chain in chains::all(&desk.tx)? {
                while desk.cut(&chain)? {}
            }
            Ok(())
        })
    }
}

impl Desk<'_> {
    /// Cuts and signs the next segment of a chain; false when all its entries are in one. No byte of
    /// it leaves before this transaction is committed.
    pub(super) fn cut(&self, chain: &ChainRow) -> Result<bool> {
        let end = segments::end_of(&self.tx, chain.chain)?;
        let run = entries::run(&self.tx, chain.chain, end.next_seq, SEGMENT_ENTRIES_MAX as u64)?;
        let hashes = fitting(&run);
        let identity = self.identity()?;
        let (suite, device) = (identity.suite()?, identity.device);
        let header = SegmentHeader::over(suite, device, chain.incarnation, end.next_seq, end.last, &hashes);
        let Some(header) = header else { return Ok(false) };
        let signature = self.shared.sign(device, &header.message())?;
        segments::insert(&self.tx, &SegmentRow { chain: chain.chain, header, signature })?;
        Ok(true)
    }
}

/// The entries that go into one segment: as many as one request can carry, and at least one.
fn fitting(run: &[EntryRow]) -> Vec<Hash> {
    let mut bytes = 0;
    run.iter()
        .take_while(|row| {
            let open = &row.open;
            let first = bytes == 0;
            bytes += open.body.to_canonical().len()
                + open.change.as_ref().map_or(0, Vec::len)
                + ENTRY_OVERHEAD_BYTES;
            first || bytes <= REQUEST_BYTES_MAX
        })
        .map(|row| row.hash)
        .collect()
}

/// What has to be handed in: views of segments without a receipt, as many as one request may carry
/// and one more, so that the planner decides.
pub fn outbox(db: &Connection, bytes_max: usize, count_max: usize) -> Result<Vec<Unsent>> {
    let mut unsent = Vec::new();
    let mut bytes = 0;
    for row in segments::unsent(db, count_max)? {
        let view = view(db, row)?;
        let size_bytes = view.to_canonical().len();
        bytes += size_bytes;
        unsent.push(Unsent { view, size_bytes });
        if bytes > bytes_max {
            break;
        }
    }
    Ok(unsent)
}

fn view(db: &Connection, row: SegmentRow) -> Result<SegmentView> {
    let chain = chains::find(db, row.chain)?.ok_or_else(|| Error::corrupt("a segment without its chain"))?;
    let run = entries::run(db, row.chain, row.header.first_seq, row.header.count)?;
    let whole = run.len() as u64 == row.header.count
        && run
            .last()
            .is_some_and(|last| last.hash == row.header.last && last.seq + 1 == row.header.next_seq());
    if !whole {
        return Err(Error::corrupt(format!("segment {}/{} lacks entries", row.chain, row.header.first_seq)));
    }
    let open = run.into_iter().map(|row| row.open).collect();
    Ok(SegmentView::push(row.header, row.signature, chain.secret, open))
}
