//! Both sides of the exchange as pure functions: messages and state in, placements, requests and
//! effects out. Who calls them does the IO.

mod answer;
mod request;
mod segment;

pub use answer::{Effects, Trust, judge};
pub use request::{Outbox, PlanLimits, Unsent, plan};
pub use segment::{ChainHead, Placement, check_segment, place};
