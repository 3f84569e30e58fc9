//! Limits of this crate's records, each with its reason.

/// Items of one checklist. The longest published ones have some 300.
pub const CHECKLIST_ITEMS_MAX: usize = 1_000;
/// A checklist's canonical bytes: it travels whole to a phone in one answer of at most 1 MB.
pub const CHECKLIST_BYTES_MAX: usize = 512 * 1024;
/// A code of a checklist or an item: it is a key in every visit document.
pub const CODE_BYTES_MAX: usize = 64;
/// A title, a name, an option: a line on a screen.
pub const LINE_CHARS_MAX: usize = 256;
/// What to check, how, and on which legal basis: quoted from the law, the longest published ones have 4,600.
pub const PARAGRAPH_CHARS_MAX: usize = 8192;
/// A signer's name: it must fit in one entry's body with those of the others.
pub const NAME_BYTES_MAX: usize = 512;
/// Options of one choice: more do not fit a phone's screen.
pub const OPTIONS_MAX: usize = 64;
/// Usual phrases offered for one item.
pub const PHRASES_MAX: usize = 64;
/// Assignees of one task, those who left included. A joint visit of several departments has ten.
pub const ASSIGNEES_MAX: usize = 64;
/// A task's canonical bytes: some KiB, and with the longest names of the most assignees not more than this.
pub const TASK_BYTES_MAX: usize = 256 * 1024;
/// People who sign one record: they must fit in one entry's body with the heads.
pub const SIGNERS_MAX: usize = 16;
/// Kept free in every visit document, so that one that is full can still be sealed: a seal takes under
/// 1 KiB, and people may have to seal again.
pub const SIGNING_ROOM_BYTES: usize = 8 * 1024;
/// Heads a seal names: one for each phone that fills in the visit, as many as a change may depend on.
pub const SEAL_HEADS_MAX: usize = 64;
/// Why a party does not sign, in its words: it must fit in one entry's body.
pub const REASON_BYTES_MAX: usize = 4 * 1024;
