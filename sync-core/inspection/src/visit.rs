//! The visit (检查) as people see it, over the document that the phones fill in.
//!
//! - [`shape`]: the document's fixed maps, their keys and what belongs in them.
//! - [`skeleton`](mod@skeleton): the first change, a pure function of checklist and visit.
//! - [`edits`]: what a person does, as puts.
//! - [`view`]: the whole visit with authors, conflicts and seal, for phones and for the API.

pub mod edits;
pub mod shape;
pub mod skeleton;
pub mod value;
pub mod view;

pub use edits::{Edit, EditPlan, NewEvidence, NewFinding, NewNote, plan};
pub use shape::{EvidenceSource, Flag, VisitField, parse_path, shape};
pub use skeleton::skeleton;
pub use value::{FieldValue, Value};
pub use view::VisitView;
