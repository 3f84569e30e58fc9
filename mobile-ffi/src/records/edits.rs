//! What a person does in a visit.

use super::value::{Value, parse_id};
use crate::MobileError;
use liuhen_device as device;
use liuhen_inspection::{
    Date,
    record::{self, SignerRole},
    visit::{self, Edit, EvidenceSource},
};
use liuhen_trace as trace;
use std::path::PathBuf;

#[uniffi::remote(Enum)]
pub enum EvidenceSource {
    Camera,
    Album,
    Recorder,
}

#[uniffi::remote(Enum)]
pub enum SignerRole {
    Inspector,
    Party,
    Recorder,
    Witness,
}

/// Where the device was, in WGS-84, as the platform said.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct Place {
    pub latitude: f64,
    pub longitude: f64,
    pub accuracy_m: f64,
    /// The platform says that another program supplied the position.
    pub mock: bool,
}

/// A note, on an item or on the visit.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct NewNote {
    pub text: String,
    #[uniffi(default = None)]
    pub item: Option<String>,
}

/// Something that is not in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct NewFinding {
    pub text: String,
    #[uniffi(default = None)]
    pub item: Option<String>,
    /// The code of the rule that is broken.
    #[uniffi(default = None)]
    pub code: Option<String>,
    #[uniffi(default = None)]
    pub place: Option<String>,
    #[uniffi(default = None)]
    pub days_to_correct: Option<i64>,
    #[uniffi(default = None)]
    pub due_on: Option<String>,
    #[uniffi(default = None)]
    pub corrected: Option<bool>,
    #[uniffi(default = None)]
    pub corrected_on: Option<String>,
    #[uniffi(default = None)]
    pub correction: Option<String>,
}

/// What changes in a finding. What is absent stays; `Null` retracts.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct FindingChange {
    #[uniffi(default = None)]
    pub item: Option<Value>,
    #[uniffi(default = None)]
    pub code: Option<Value>,
    #[uniffi(default = None)]
    pub place: Option<Value>,
    #[uniffi(default = None)]
    pub text: Option<Value>,
    #[uniffi(default = None)]
    pub days_to_correct: Option<Value>,
    #[uniffi(default = None)]
    pub due_on: Option<Value>,
    #[uniffi(default = None)]
    pub corrected: Option<Value>,
    #[uniffi(default = None)]
    pub corrected_on: Option<Value>,
    #[uniffi(default = None)]
    pub correction: Option<Value>,
}

/// The bytes of a piece of evidence. They are copied as they are.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum EvidenceContent {
    File { path: String },
    Bytes { bytes: Vec<u8> },
}

/// A file to be kept with the visit.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct NewEvidence {
    pub content: EvidenceContent,
    /// Such as `image/jpeg`.
    pub media_type: String,
    pub source: EvidenceSource,
    #[uniffi(default = None)]
    pub item: Option<String>,
    /// The id of a finding that it shows.
    #[uniffi(default = None)]
    pub finding: Option<String>,
    #[uniffi(default = None)]
    pub caption: Option<String>,
    /// When it was taken, as its source says.
    #[uniffi(default = None)]
    pub captured_at_ms: Option<i64>,
    #[uniffi(default = None)]
    pub place: Option<Place>,
}

/// Somebody who signs on the screen.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Signer {
    pub role: SignerRole,
    /// Real name.
    pub name: String,
    /// Absent for people without an account.
    #[uniffi(default = None)]
    pub account: Option<String>,
    #[uniffi(default = None)]
    pub certificate_no: Option<String>,
    /// Hash of the picture of the signature, attached before.
    #[uniffi(default = None)]
    pub signature: Option<String>,
}

/// The inspected party does not sign.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewRefusal {
    /// The record that was shown.
    pub record_hash: String,
    pub party: String,
    pub reason: String,
    pub witnesses: Vec<String>,
}

/// What a save did.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Saved {
    /// The entry that was written; absent when everything had these values already.
    pub entry: Option<String>,
    /// Ids of the notes and findings made.
    pub made: Vec<String>,
}

/// A file that is durable on this phone and announced by an entry.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Attached {
    pub entry: String,
    /// Its id in the visit.
    pub id: String,
    /// SHA-256 of its bytes.
    pub blob: String,
    pub size_bytes: u64,
}

/// A visit that was sealed.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Sealed {
    pub entry: String,
    /// What was signed.
    pub record_hash: String,
}

impl Place {
    /// Degrees as the ledger keeps them. A position that is none on Earth is refused.
    pub fn parse(self) -> Result<trace::Place, MobileError> {
        const E7: f64 = 1e7;
        const MM: f64 = 1e3;
        let on_earth = self.latitude.abs() <= 90.0 && self.longitude.abs() <= 180.0;
        if !on_earth || self.accuracy_m.is_nan() || self.accuracy_m < 0.0 {
            let (code, detail) = ("place.out_of_range".to_owned(), format!("{self:?}"));
            return Err(MobileError::Refused { code, detail });
        }
        Ok(trace::Place {
            latitude_e7: (self.latitude * E7).round() as i32,
            longitude_e7: (self.longitude * E7).round() as i32,
            // Saturates: an accuracy of thousands of kilometres says the same as a greater one.
            accuracy_mm: (self.accuracy_m * MM).round() as u32,
            mock: self.mock,
        })
    }
}

impl From<NewNote> for Edit {
    fn from(note: NewNote) -> Self {
        Edit::Note(visit::NewNote { item: note.item, text: note.text })
    }
}

impl TryFrom<NewFinding> for Edit {
    type Error = MobileError;
    fn try_from(finding: NewFinding) -> Result<Self, MobileError> {
        Ok(Edit::Finding(visit::NewFinding {
            item: finding.item,
            code: finding.code,
            place: finding.place,
            text: finding.text,
            days_to_correct: finding.days_to_correct,
            due_on: day(finding.due_on)?,
            corrected: finding.corrected,
            corrected_on: day(finding.corrected_on)?,
            correction: finding.correction,
        }))
    }
}

fn day(text: Option<String>) -> Result<Option<Date>, MobileError> {
    Ok(text.map(|text| text.parse::<Date>()).transpose()?)
}

impl FindingChange {
    /// One edit for each field that changes.
    pub fn edits(self, id: &str) -> Vec<Edit> {
        let values = [
            ("item", self.item),
            ("code", self.code),
            ("place", self.place),
            ("text", self.text),
            ("days_to_correct", self.days_to_correct),
            ("due_on", self.due_on),
            ("corrected", self.corrected),
            ("corrected_on", self.corrected_on),
            ("correction", self.correction),
        ];
        values.into_iter().filter_map(|(key, value)| Some(Edit::finding(id, key, value?.into()))).collect()
    }
}

impl TryFrom<NewEvidence> for device::NewEvidence {
    type Error = MobileError;
    fn try_from(evidence: NewEvidence) -> Result<Self, MobileError> {
        Ok(Self {
            content: evidence.content.into(),
            media_type: evidence.media_type,
            source: evidence.source,
            item: evidence.item,
            finding: evidence.finding,
            caption: evidence.caption,
            captured_at_ms: evidence.captured_at_ms,
            place: evidence.place.map(Place::parse).transpose()?,
        })
    }
}

impl From<EvidenceContent> for device::EvidenceContent {
    fn from(content: EvidenceContent) -> Self {
        match content {
            EvidenceContent::File { path } => device::EvidenceContent::File(PathBuf::from(path)),
            EvidenceContent::Bytes { bytes } => device::EvidenceContent::Bytes(bytes),
        }
    }
}

impl TryFrom<Signer> for record::Signer {
    type Error = MobileError;
    fn try_from(signer: Signer) -> Result<Self, MobileError> {
        let Signer { role, name, account, certificate_no, signature } = signer;
        let signature = signature.as_deref().map(parse_id).transpose()?;
        Ok(Self { role, name, account: account.map(Into::into), certificate_no, signature })
    }
}

impl From<record::Signer> for Signer {
    fn from(signer: record::Signer) -> Self {
        let record::Signer { role, name, account, certificate_no, signature } = signer;
        let (account, signature) = (account.map(|account| account.0), signature.map(|hash| hash.to_string()));
        Self { role, name, account, certificate_no, signature }
    }
}

impl TryFrom<NewRefusal> for record::RefusalDetail {
    type Error = MobileError;
    fn try_from(refusal: NewRefusal) -> Result<Self, MobileError> {
        let NewRefusal { record_hash, party, reason, witnesses } = refusal;
        Ok(Self { record: parse_id(&record_hash)?, party, reason, witnesses })
    }
}

impl From<device::Saved> for Saved {
    fn from(saved: device::Saved) -> Self {
        Self { entry: saved.entry.map(|entry| entry.to_string()), made: saved.made }
    }
}

impl From<device::Attached> for Attached {
    fn from(attached: device::Attached) -> Self {
        let device::Attached { entry, id, blob } = attached;
        Self { entry: entry.to_string(), id, blob: blob.hash.to_string(), size_bytes: blob.size_bytes }
    }
}

impl From<device::Sealed> for Sealed {
    fn from(sealed: device::Sealed) -> Self {
        Self { entry: sealed.entry.to_string(), record_hash: sealed.record.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use liuhen_engine::field::Scalar;

    fn place(latitude: f64, longitude: f64, accuracy_m: f64) -> Place {
        Place { latitude, longitude, accuracy_m, mock: false }
    }

    #[test]
    fn a_place_is_kept_to_a_centimetre_and_none_off_the_earth() {
        let parsed = place(-33.856_784_4, 151.215_296_7, 12.345).parse().expect("Sydney");
        assert_eq!(
            (parsed.latitude_e7, parsed.longitude_e7, parsed.accuracy_mm),
            (-338_567_844, 1_512_152_967, 12_345)
        );
        let wide = place(0.0, 0.0, 1e12).parse().expect("a place that says little");
        assert_eq!(wide.accuracy_mm, u32::MAX);
        for (latitude, longitude, accuracy_m) in [
            (90.1, 0.0, 1.0),
            (0.0, -180.1, 1.0),
            (f64::NAN, 0.0, 1.0),
            (0.0, 0.0, -1.0),
            (0.0, 0.0, f64::NAN),
        ] {
            let error = place(latitude, longitude, accuracy_m).parse().expect_err("no place on Earth");
            assert_eq!(error.code(), "place.out_of_range");
        }
    }

    #[test]
    fn a_change_of_a_finding_writes_only_what_it_names() {
        let change =
            FindingChange { corrected: Some(Value::Bool { value: true }), ..FindingChange::default() };
        assert_eq!(change.edits("f1"), [Edit::finding("f1", "corrected", Scalar::Bool(true))]);
        let retraction = FindingChange { place: Some(Value::Null), ..FindingChange::default() };
        assert_eq!(retraction.edits("f1").len(), 1);
        assert_eq!(FindingChange::default().edits("f1"), []);
    }
}
