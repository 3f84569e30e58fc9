//! What the deployment in memory tells a phone: its feed, receipts and proofs.

use super::{Item, SALT, State};
use liuhen_engine::wire::{
    Accepted, Answer, FeedItem, PROTOCOL_VERSION, Position, RefusedSegment, Request, Row,
};
use liuhen_trace::{
    CheckedSegment, CheckpointRef, DeviceId, Hash, HeldReceipt, SegmentReceipt, SegmentView, digest::sha256,
};

impl State {
    pub fn answer(
        &self,
        request: &Request,
        device: DeviceId,
        account: &str,
        refused: Vec<RefusedSegment>,
    ) -> Answer {
        let now = self.checkpoint();
        let from = request.position.as_ref().map_or(0, |position| position.cursor);
        let provable = |held: &CheckpointRef| held.size <= now.size && self.shared(*held) == held.size;
        let provable = request.checkpoint.filter(provable);
        let consistency = provable.map(|held| self.proof(held.size, held.size));
        let mine = self.feed.iter().filter(|(whose, _, _)| whose == account);
        let news = mine.clone().filter(|(_, leaf, item)| *leaf >= from && !self.is_own(device, item));
        let owed = mine.filter(|(_, leaf, item)| is_owed(request, *leaf, item));
        let wanted = |bytes: &[u8]| request.wants.contains(&Hash(sha256(bytes))) && !self.withhold_rows;
        let rows = Some(self.checklist.to_bytes()).filter(|bytes| wanted(bytes));
        let accepted = request.segments.iter().map(|view| view.header.chain()).map(|chain| {
            let of_chain = self.segments.iter().filter(|logged| logged.segment.chain == chain);
            let next_seq = of_chain.map(|logged| logged.segment.header.next_seq()).max().unwrap_or(0);
            Accepted { chain, next_seq }
        });
        Answer {
            version: PROTOCOL_VERSION,
            accepted: accepted.collect(),
            refused,
            waiting: Vec::new(),
            receipts: request.segments.iter().filter_map(|view| self.receipt(view)).collect(),
            checkpoint: (request.checkpoint != Some(now)).then(|| self.log_key.sign(now)),
            consistency,
            grants: self.grants.clone(),
            items: news.chain(owed).map(|(_, leaf, item)| self.item(*leaf, item)).collect(),
            position: Position { epoch: now.epoch, cursor: now.size, backfills: Vec::new() },
            more: false,
            blobs_wanted: Vec::new(),
            rows: rows.into_iter().map(|bytes| Row { bytes }).collect(),
            server_time_ms: 0,
            epochs: self.openings(),
        }
    }

    /// What a device with a single chain has written itself it is not told.
    fn is_own(&self, device: DeviceId, item: &Item) -> bool {
        let Item::Entries { segment, .. } = item else { return false };
        let of_device = self.segments.iter().map(|logged| &logged.segment);
        let mut others = of_device.filter(|segment| segment.header.device == device);
        let own = &self.segments[*segment].segment;
        own.header.device == device && others.all(|other| other.chain == own.chain)
    }

    fn item(&self, leaf: u64, item: &Item) -> FeedItem {
        match item.clone() {
            Item::Matter(visit) => FeedItem::Matter { leaf, bytes: self.tasks[&visit].to_bytes() },
            Item::Left(document) => FeedItem::Left { leaf, document },
            Item::Quarantined { chain, seq, code } => FeedItem::Quarantined { leaf, chain, seq, code },
            Item::Entries { segment, document } => {
                let CheckedSegment { header, signature, entries, .. } =
                    self.segments[segment].segment.clone();
                let entries = entries.into_iter().map(|entry| match entry.open {
                    Some(open) if open.body.document == Some(document) => Ok(open),
                    Some(_) | None => Err(entry.hash),
                });
                FeedItem::Entries { leaf, view: SegmentView::new(header, signature, entries.collect()) }
            }
            Item::Held { leaf, header, body } => {
                let proof = self.proof(leaf, leaf + 1);
                FeedItem::Held(HeldReceipt { leaf, header, salt: SALT, body, proof })
            }
        }
    }

    fn receipt(&self, view: &SegmentView) -> Option<SegmentReceipt> {
        let logged = self.segments.iter().find(|logged| logged.segment.header == view.header)?;
        let leaves = vec![logged.segment.leaf().hash()];
        Some(SegmentReceipt {
            first_leaf: logged.leaf,
            leaves,
            proof: self.proof(logged.leaf, logged.leaf + 1),
        })
    }
}

/// Whether a backfill of the request asks for it.
fn is_owed(request: &Request, leaf: u64, item: &Item) -> bool {
    let Item::Entries { document, .. } = item else { return false };
    let mut backfills = request.position.iter().flat_map(|position| &position.backfills);
    backfills.any(|asked| asked.document == *document && (asked.from..asked.as_of).contains(&leaf))
}
