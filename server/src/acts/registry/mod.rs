//! Registers: inspected parties and checklists.

pub mod checklists;
pub mod import;
pub mod subjects;
