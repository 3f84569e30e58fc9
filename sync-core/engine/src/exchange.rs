//! Both sides of the exchange as pure functions: messages and state in, placements, requests and
//! effects out. Who calls them does the IO.

mod answer;
mod epoch;
mod request;
mod segment;

pub use answer::{Effects, Quarantine, Trust, judge};
pub use epoch::{EpochChange, unlinked_epoch};
pub use request::{Outbox, PlanLimits, Unsent, plan};
pub use segment::{ChainHead, Placement, check_segment, place};
