//! The phone's side: an answer of a later epoch of the log, which a restored server gives.
//!
//! What a phone may keep of what it was proven is what the newest checkpoint of its own covers that the
//! new log is proven to continue. Behind that the server may have forgotten anything.
//!
//! ```text
//! held ≤ where the epoch begins ─→ consistency from it, as in one epoch     nothing is lost
//! held beyond it ─→ asked again from an older checkpoint ─→ consistency     lost: from that one on
//!                └→ no older one is kept: asked again from nothing          lost: everything
//! ```

use super::answer::Trust;
use crate::wire::Answer;
use liuhen_trace::{CheckpointRef, EpochOpening, Refusal};

/// The log went on in a later epoch, as far as it concerns one phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochChange {
    /// The newest checkpoint held, of an earlier epoch.
    pub before: CheckpointRef,
    /// The first epoch behind it.
    pub opening: EpochOpening,
    /// Receipts and news of leaves from here on rest on nothing any more. `None` when the new log
    /// holds everything this phone was ever shown.
    pub lost_from: Option<u64>,
}

/// Where an answer to a request that told the checkpoint `held` leads to another epoch: the opening
/// behind which nothing is proven from that checkpoint, and from which a phone has to ask again with
/// an older one. `None` when the answer can be judged as it is.
pub fn unlinked_epoch(
    trust: &Trust,
    held: Option<CheckpointRef>,
    answer: &Answer,
) -> Result<Option<EpochOpening>, Refusal> {
    let (Some(held), Some(note)) = (held, &answer.checkpoint) else { return Ok(None) };
    let new = trust.note_key.check(note)?.state;
    if new.epoch <= held.epoch {
        return Ok(None);
    }
    let opening = first_opening(held, new, answer)?;
    Ok((!covers(&opening, held)).then_some(opening))
}

/// Whether a log with this opening can continue a checkpoint of an earlier epoch.
fn covers(opening: &EpochOpening, checkpoint: CheckpointRef) -> bool {
    checkpoint.epoch <= opening.after.epoch && checkpoint.size <= opening.after.size
}

/// Judges the checkpoint of a later epoch: `held` is the newest one of this phone, `told` the one it
/// asked with, which is older only where the log cannot continue the newest.
pub(super) fn judge_epoch(
    held: CheckpointRef,
    told: Option<CheckpointRef>,
    new: CheckpointRef,
    answer: &Answer,
) -> Result<EpochChange, Refusal> {
    let inconsistent = |detail: &str| Err(Refusal::new("ledger.inconsistent", detail));
    let opening = first_opening(held, new, answer)?;
    if covers(&opening, held) != (told == Some(held)) {
        return inconsistent("the epoch begins elsewhere than it did");
    }
    if let Some(told) = told {
        let Some(proof) = &answer.consistency else { return inconsistent("no proof that the log only grew") };
        let proven = proof.verify_consistency(told.size, told.root, new.size, new.root);
        if let Err(refusal) = proven {
            return inconsistent(&refusal.to_string());
        }
    }
    let lost_from = (told != Some(held)).then(|| told.map_or(0, |told| told.size));
    Ok(EpochChange { before: held, opening, lost_from })
}

/// The opening of the first epoch behind the one held, once all of them are proven and lead from one
/// to the next up to the new checkpoint's.
fn first_opening(held: CheckpointRef, new: CheckpointRef, answer: &Answer) -> Result<EpochOpening, Refusal> {
    let broken = |detail: String| Refusal::new("ledger.other_epoch", detail);
    let mut openings = Vec::new();
    for proof in &answer.epochs {
        let opening = proof.verify(&new)?;
        if opening.epoch > held.epoch {
            openings.push(opening);
        }
    }
    let chained =
        |two: &[EpochOpening]| two[1].after.epoch == two[0].epoch && two[1].after.size > two[0].after.size;
    let (Some(first), Some(last)) = (openings.first(), openings.last()) else {
        return Err(broken(format!("epoch {} after {}: not opened", new.epoch, held.epoch)));
    };
    if first.after.epoch > held.epoch || last.epoch != new.epoch || !openings.windows(2).all(chained) {
        return Err(broken(format!("epoch {} after {}: a gap between them", new.epoch, held.epoch)));
    }
    Ok(first.clone())
}
