//! What phones hand in and fetch: `POST /sync/v1/exchange` and what follows from it.
//!
//! ```text
//! request ─ caller ─ intake ──→ ledger (segment leaves, entries pending) ─→ receipts ─┐
//!                                        │ wakes                                      ├─ answer
//!                                        ▼                                            │
//!                     admission ─ case ─ judgement ──→ verdicts, visit, feed ─────────┘
//! ```
//!
//! - [`endpoint`]: the route. [`caller`]: who signed it. [`room`]: bodies until then.
//! - [`intake`]: checks, places and logs segments; nothing here waits for a verdict.
//! - [`judgement`]: **whether an entry is admitted**; [`access`]: whether its author had the document.
//! - [`admission`]: the job that judges; [`case`]: what it reads for that; [`advance`]: the steps of
//!   tasks that come of it.
//! - [`answer`], [`feed`], [`views`], [`proofs`]: what goes back.

pub mod access;
pub mod admission;
mod advance;
mod answer;
pub mod caller;
pub mod case;
mod endpoint;
mod feed;
pub mod intake;
pub mod judgement;
mod proofs;
pub mod room;
mod views;

pub use endpoint::router;
