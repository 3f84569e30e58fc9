//! Bytes that must never change: they are hashed, signed or read by other programs.
//!
//! `LIUHEN_WRITE_GOLDEN=1 cargo test -p liuhen-inspection golden` writes them anew, which is only
//! right before the first release or for a field that is added.

use crate::{
    record::{by, filled_in, seal},
    replica::{Phone, VISIT, checklist, task, text, writers},
};
use liuhen_inspection::{
    record::{self, Signing, SigningAct},
    visit::{Edit, EvidenceSource, NewEvidence, NewFinding, VisitView, skeleton},
};
use liuhen_trace::{BlobHash, Canonical, entry::change_hash};
use std::{fs, path::PathBuf};

#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a test's switch, read nowhere else")]
fn golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("LIUHEN_WRITE_GOLDEN").is_some() {
        fs::write(&path, actual).expect("the golden file");
    }
    let kept = fs::read_to_string(&path).expect("the golden file");
    assert_eq!(actual.trim_end(), kept.trim_end(), "{name}");
}

fn hex(bytes: &[u8]) -> String {
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('\n');
    text
}

#[test]
fn golden_checklist() {
    golden("checklist.cbor.hex", &hex(&checklist().to_bytes()));
    golden("checklist.sha256", &format!("{}\n", checklist().hash()));
}

#[test]
fn golden_task() {
    golden("task.cbor.hex", &hex(&task().to_bytes()));
}

#[test]
fn golden_skeleton() {
    let chunk = skeleton(&checklist(), VISIT);
    golden("skeleton.hex", &hex(&chunk));
    golden("skeleton.sha256", &format!("{}\n", change_hash(&chunk).expect("a change chunk")));
}

#[test]
fn golden_sealed_record() {
    let mut phone = filled_in();
    let (_, detail) = seal(&mut phone, 7);
    let record = record::check(&phone.document, &detail).expect("a seal that fits");
    golden("record.cbor.hex", &hex(&record.to_canonical()));
    golden("record.hash", &format!("{}\n", record.hash()));
    golden("seal.cbor.hex", &hex(&detail.to_detail()));
}

/// The body of `GET /api/v1/visits/{id}`.
#[test]
fn golden_view() {
    let (mut wang, mut li) = (filled_in(), Phone::new(2));
    let finding = NewFinding {
        item: Some("1".into()),
        text: "许可证未公示".into(),
        days_to_correct: Some(5),
        ..NewFinding::default()
    };
    wang.save(&[Edit::Finding(finding)]).expect("a change");
    let evidence = NewEvidence {
        blob: BlobHash([9; 32]),
        size_bytes: 1_234,
        media_type: "image/jpeg".into(),
        source: EvidenceSource::Camera,
        item: Some("1".into()),
        finding: None,
        caption: None,
        captured_at_ms: Some(1_763_712_345_000),
    };
    let concurrent = li.save(&[Edit::answer("1", text("符合")), Edit::Evidence(evidence)]).expect("a change");
    let (_, detail) = seal(&mut wang, 7);
    wang.receive(&[concurrent]);
    let signings = [Signing { by: by(0), act: SigningAct::Seal(detail) }];
    let view = VisitView::of(&checklist(), &wang.document, &writers(), &signings);
    let json = serde_json::to_string_pretty(&view).expect("JSON");
    golden("view.json", &format!("{json}\n"));
    let read: VisitView = serde_json::from_str(&json).expect("what was written");
    assert_eq!(read, view);
}
