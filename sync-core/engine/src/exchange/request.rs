//! The phone's side: what is sent next.

use crate::{
    limits,
    wire::{PROTOCOL_VERSION, Position, Request},
};
use liuhen_trace::{CheckpointRef, Hash, SegmentView};

/// What a phone has to hand in and to ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbox {
    pub position: Option<Position>,
    /// The newest checkpoint this phone has verified.
    pub checkpoint: Option<CheckpointRef>,
    /// Segments without a receipt, in chain order.
    pub unsent: Vec<Unsent>,
    /// Register rows the phone has heard of and lacks.
    pub wants: Vec<Hash>,
}

/// A segment without a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    pub view: SegmentView,
    /// Size of the view's canonical form.
    pub size_bytes: usize,
}

/// How much one request may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanLimits {
    pub request_bytes_max: usize,
    pub answer_bytes_max: u32,
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self { request_bytes_max: limits::REQUEST_BYTES_MAX, answer_bytes_max: limits::ANSWER_BYTES_MAX }
    }
}

/// The next request: as many segments as fit, from the front, so that a chain is never sent with a
/// hole. The first segment goes whatever its size: nothing may block what stands behind it.
pub fn plan(outbox: Outbox, plan_limits: PlanLimits) -> Request {
    let mut bytes = 0usize;
    let mut segments = Vec::new();
    for unsent in outbox.unsent.into_iter().take(limits::REQUEST_SEGMENTS_MAX) {
        bytes = bytes.saturating_add(unsent.size_bytes);
        if bytes > plan_limits.request_bytes_max && !segments.is_empty() {
            break;
        }
        segments.push(unsent.view);
    }
    let mut wants = outbox.wants;
    wants.truncate(limits::REQUEST_WANTS_MAX);
    Request {
        version: PROTOCOL_VERSION,
        position: outbox.position,
        checkpoint: outbox.checkpoint,
        segments,
        wants,
        answer_bytes_max: plan_limits.answer_bytes_max,
    }
}
