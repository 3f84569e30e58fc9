//! The first change of every visit document. Server and phones make it each for themselves and get
//! the same bytes, so a visit can begin anywhere.

use super::shape::{ABOUT, shape};
use crate::{checklist::Checklist, limits};
use liuhen_engine::{document, field::Scalar};
use liuhen_trace::DocumentId;
use std::collections::BTreeMap;

/// The skeleton's change chunk: a function of the checklist's hash and the visit's id alone.
pub fn skeleton(checklist: &Checklist, visit: DocumentId) -> Vec<u8> {
    debug_assert!(checklist.items.len() <= limits::CHECKLIST_ITEMS_MAX);
    let about = BTreeMap::from([
        ("visit".to_owned(), Scalar::Text(visit.to_string())),
        ("checklist".to_owned(), Scalar::Text(checklist.hash().to_string())),
    ]);
    document::skeleton(&shape(checklist), &BTreeMap::from([(ABOUT.to_owned(), about)]))
}
