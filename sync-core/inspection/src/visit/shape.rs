//! The visit document's fixed maps, the keys in them and what belongs under each.
//!
//! The engine admits any scalar under a known key; what does not belong there is flagged when the
//! visit is shown, and refused only where a person types it.

use crate::{Date, Refusal, checklist::Checklist};
use liuhen_engine::{
    field::Scalar,
    shape::{Path, Root, Shape},
};
use liuhen_trace::BlobHash;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

pub const ABOUT: &str = "about";
pub const RESPONSES: &str = "responses";
pub const REMARKS: &str = "remarks";
pub const VISIT: &str = "visit";
pub const FINDINGS: &str = "findings";
pub const NOTES: &str = "notes";
pub const EVIDENCE: &str = "evidence";
/// Written by the change of a seal alone; see [`crate::record`].
pub const SEAL: &str = "seal";

/// Keys a seal writes.
pub const SEAL_KEYS: [&str; 5] = ["seed", "task", "subject", "subject_name", "subject_address"];

/// What belongs under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Int,
    Bool,
    /// Yes or no, or in a person's words.
    BoolOrText,
    Date,
    Blob,
    Source,
}

/// A value that is shown although it does not belong where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    WrongType,
    NotAnOption,
    NotADate,
    /// Not the SHA-256 of a file in hex.
    NotABlob,
}

impl Kind {
    /// What is wrong with a value, if anything. A retraction always fits.
    pub fn flag(self, value: &Scalar) -> Option<Flag> {
        match (self, value) {
            (_, Scalar::Null)
            | (Kind::Text, Scalar::Text(_))
            | (Kind::Int, Scalar::Int(_))
            | (Kind::Bool, Scalar::Bool(_))
            | (Kind::BoolOrText, Scalar::Bool(_) | Scalar::Text(_)) => None,
            (Kind::Date, Scalar::Text(text)) => text.parse::<Date>().is_err().then_some(Flag::NotADate),
            (Kind::Blob, Scalar::Text(text)) => text.parse::<BlobHash>().is_err().then_some(Flag::NotABlob),
            (Kind::Source, Scalar::Text(text)) => {
                text.parse::<EvidenceSource>().is_err().then_some(Flag::NotAnOption)
            }
            (Kind::Text | Kind::Date | Kind::Blob | Kind::Source, Scalar::Bool(_) | Scalar::Int(_))
            | (Kind::Int, Scalar::Bool(_) | Scalar::Text(_))
            | (Kind::Bool, Scalar::Int(_) | Scalar::Text(_))
            | (Kind::BoolOrText, Scalar::Int(_)) => Some(Flag::WrongType),
        }
    }
}

/// Keys of a finding (问题).
pub const FINDING_KEYS: [(&str, Kind); 9] = [
    ("item", Kind::Text),
    ("code", Kind::Text),
    ("place", Kind::Text),
    ("text", Kind::Text),
    ("days_to_correct", Kind::Int),
    ("due_on", Kind::Date),
    ("corrected", Kind::BoolOrText),
    ("corrected_on", Kind::Date),
    ("correction", Kind::Text),
];

/// Keys of a note.
pub const NOTE_KEYS: [(&str, Kind); 2] = [("item", Kind::Text), ("text", Kind::Text)];

/// Keys of a piece of evidence (证据).
pub const EVIDENCE_KEYS: [(&str, Kind); 8] = [
    ("blob", Kind::Blob),
    ("size_bytes", Kind::Int),
    ("media_type", Kind::Text),
    ("source", Kind::Source),
    ("item", Kind::Text),
    ("finding", Kind::Text),
    ("caption", Kind::Text),
    ("captured_at_ms", Kind::Int),
];

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $code:literal, { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The word in the document and in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Refusal;
            fn from_str(text: &str) -> Result<Self, Refusal> {
                let found = Self::ALL.iter().find(|known| known.as_str() == text);
                found.copied().ok_or_else(|| Refusal::new($code, format!("{text:?}")))
            }
        }
    };
}

words!(
    /// Fields of the visit itself, as the record of inspection (现场检查笔录) asks for them.
    VisitField, "visit.unknown_field", {
        /// RFC 3339 text, as a person states it.
        StartedAt = "started_at",
        /// RFC 3339 text, as a person states it.
        EndedAt = "ended_at",
        /// Who was present for the inspected party.
        Attendant = "attendant",
        /// Identification was shown (出示证件).
        IdentificationShown = "identification_shown",
        /// Whether recusal (回避) was asked for.
        RecusalAsked = "recusal_asked",
        RecusalAnswer = "recusal_answer",
        RecordText = "record_text",
        PartyOpinion = "party_opinion",
    }
);

words!(
    /// Where a file comes from.
    EvidenceSource, "visit.unknown_source", {
        /// Taken in the app.
        Camera = "camera",
        /// Picked from the phone's pictures.
        Album = "album",
        /// A file of a body-worn recorder (执法记录仪).
        Recorder = "recorder",
    }
);

impl VisitField {
    pub fn kind(self) -> Kind {
        match self {
            VisitField::IdentificationShown | VisitField::RecusalAsked => Kind::BoolOrText,
            VisitField::StartedAt
            | VisitField::EndedAt
            | VisitField::Attendant
            | VisitField::RecusalAnswer
            | VisitField::RecordText
            | VisitField::PartyOpinion => Kind::Text,
        }
    }
}

/// The shape of every visit on this checklist.
pub fn shape(checklist: &Checklist) -> Shape {
    let codes = || checklist.items.iter().map(|item| item.code.clone()).collect();
    let keys = |keys: &[(&str, Kind)]| keys.iter().map(|(key, _)| (*key).to_owned()).collect();
    let fields = VisitField::ALL.iter().map(ToString::to_string).collect();
    let roots = [
        (ABOUT, Root::Constants),
        (RESPONSES, Root::Fields(codes())),
        (REMARKS, Root::Fields(codes())),
        (VISIT, Root::Fields(fields)),
        (FINDINGS, Root::Items(keys(&FINDING_KEYS))),
        (NOTES, Root::Items(keys(&NOTE_KEYS))),
        (EVIDENCE, Root::Items(keys(&EVIDENCE_KEYS))),
        (SEAL, Root::Fields(SEAL_KEYS.map(str::to_owned).into())),
    ];
    Shape { roots: BTreeMap::from(roots.map(|(name, root)| (name.to_owned(), root))) }
}

/// What is wrong with a value at a path, if anything. Paths outside the shape are never admitted,
/// so they have nothing to fit.
pub fn flag(checklist: &Checklist, path: &Path, value: &Scalar) -> Option<Flag> {
    let keyed = |keys: &[(&str, Kind)]| {
        keys.iter().find(|(key, _)| *key == path.key).and_then(|(_, kind)| kind.flag(value))
    };
    match path.root.as_str() {
        RESPONSES => checklist.item(&path.key)?.response.flag(value),
        REMARKS => Kind::Text.flag(value),
        VISIT => path.key.parse::<VisitField>().ok()?.kind().flag(value),
        FINDINGS => keyed(&FINDING_KEYS),
        NOTES => keyed(&NOTE_KEYS),
        EVIDENCE => keyed(&EVIDENCE_KEYS),
        _ => None,
    }
}

/// Reads `responses/7` or `findings/9f…/place`, as conflicts name their fields.
pub fn parse_path(text: &str) -> Result<Path, Refusal> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts[..] {
        [root, key] if !root.is_empty() && !key.is_empty() => Ok(Path::field(root, key)),
        [root, item, key] if ![root, item, key].contains(&"") => Ok(Path::item(root, item, key)),
        _ => Err(Refusal::new("visit.malformed_path", format!("{text:?}"))),
    }
}
