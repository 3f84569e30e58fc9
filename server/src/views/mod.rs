//! What people may read: authorise → query → typed view.
//!
//! A view is a struct that the API sends as JSON and the console shows as a page; neither holds a rule of
//! its own. Reading functions take a connection (or the state, where files are read), the actor, and what
//! they ask for.

pub mod accounts;
pub mod calendar;
pub mod changes;
pub mod checklists;
pub mod departments;
pub mod devices;
pub mod evidence;
pub mod exports;
pub mod imports;
pub mod inspectors;
pub mod ledger;
pub mod moment;
pub mod paging;
pub mod subjects;
pub mod tasks;
pub mod trace;
pub mod visits;
mod words;
