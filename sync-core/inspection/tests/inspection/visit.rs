use crate::replica::{Phone, VISIT, checklist, text, writers};
use liuhen_engine::{field::Scalar, limits::TEXT_BYTES_MAX, shape::Path};
use liuhen_inspection::{
    checklist::Checklist,
    visit::{
        self, Edit, EvidenceSource, Flag, NewEvidence, NewFinding, NewNote, VisitField, VisitView, plan,
    },
};
use liuhen_trace::{BlobHash, BlobRef, ChainId, EntryKind};

const CHAIN: ChainId = ChainId([5; 16]);

fn code(edit: Edit) -> &'static str {
    plan(&checklist(), &[edit], CHAIN, 1).expect_err("a refusal").code
}

fn photo() -> NewEvidence {
    NewEvidence {
        blob: BlobHash([9; 32]),
        size_bytes: 1_234,
        media_type: "image/jpeg".into(),
        source: EvidenceSource::Camera,
        item: Some("1".into()),
        finding: None,
        caption: Some("许可证公示栏".into()),
        captured_at_ms: Some(1_763_712_345_000),
    }
}

fn finding() -> NewFinding {
    NewFinding {
        item: Some("1".into()),
        code: Some("C-17".into()),
        place: Some("前厅".into()),
        text: "许可证未公示".into(),
        days_to_correct: Some(5),
        ..NewFinding::default()
    }
}

fn view(phone: &Phone) -> VisitView {
    VisitView::of(&checklist(), &phone.document, &writers(), &[])
}

#[test]
fn what_a_person_may_not_type_is_refused_with_its_code() {
    assert_eq!(code(Edit::answer("99", text("x"))), "visit.unknown_item");
    assert_eq!(code(Edit::remark("99", "x")), "visit.unknown_item");
    assert_eq!(code(Edit::answer("1", text("也许"))), "visit.wrong_value");
    assert_eq!(code(Edit::answer("2.1", text("4"))), "visit.wrong_value");
    assert_eq!(code(Edit::remark("1", &"x".repeat(TEXT_BYTES_MAX + 1))), "visit.text_too_long");
    assert_eq!(code(Edit::finding("00", "colour", text("x"))), "visit.unknown_field");
    assert_eq!(code(Edit::finding("00", "due_on", text("soon"))), "visit.wrong_value");
    assert_eq!(
        code(Edit::Set { path: Path::field("seal", "seed"), value: text("0") }),
        "visit.unknown_field"
    );
    assert_eq!(
        code(Edit::Set { path: Path::field("about", "visit"), value: text("0") }),
        "visit.unknown_field"
    );
    assert_eq!(code(Edit::Note(NewNote { item: Some("99".into()), text: "x".into() })), "visit.unknown_item");
    assert_eq!(code(Edit::Evidence(NewEvidence { size_bytes: u64::MAX, ..photo() })), "visit.blob_too_large");
    let burst = vec![Edit::Note(NewNote::default()); 33];
    assert_eq!(plan(&checklist(), &burst, CHAIN, 1).map_err(|r| r.code), Err("visit.too_many_new"));
    for path in ["", "responses", "responses/", "/1", "a/b/c/d"] {
        assert_eq!(visit::parse_path(path).map_err(|r| r.code), Err("visit.malformed_path"), "{path:?}");
    }
}

#[test]
fn a_plan_names_the_kind_of_entry_its_files_and_what_it_makes() {
    let edits = [Edit::Finding(finding()), Edit::Evidence(photo()), Edit::answer("1", text("不符合"))];
    let planned = plan(&checklist(), &edits, CHAIN, 1).expect("allowed");
    assert_eq!(planned.kind, EntryKind::Capture);
    assert_eq!(planned.blobs, [BlobRef { hash: BlobHash([9; 32]), size_bytes: 1_234 }]);
    assert_eq!(planned.made.len(), 2);
    let kind = |edit: Edit| plan(&checklist(), &[edit], CHAIN, 1).map(|planned| planned.kind);
    assert_eq!(kind(Edit::Note(NewNote { item: None, text: "x".into() })), Ok(EntryKind::Note));
    assert_eq!(kind(Edit::Finding(finding())), Ok(EntryKind::Edit));
    let path = Path::field("responses", "2.1");
    assert_eq!(kind(Edit::Resolve { path, value: Scalar::Int(1) }), Ok(EntryKind::Resolution));
}

#[test]
fn everything_typed_is_shown_with_its_author() {
    let mut phone = Phone::new(0);
    phone
        .save(&[
            Edit::answer("2.2", Scalar::Bool(true)),
            Edit::answer("1", text("不符合")),
            Edit::remark("1", "未公示"),
            Edit::field(VisitField::IdentificationShown, Scalar::Bool(true)),
        ])
        .expect("a change");
    phone.save(&[Edit::Finding(finding()), Edit::Evidence(photo())]).expect("a change");
    phone.save(&[Edit::Note(NewNote { item: None, text: "厨房整洁".into() })]).expect("a change");
    let shown = view(&phone);
    let items: Vec<&str> = shown.responses.iter().map(|response| response.item.as_str()).collect();
    assert_eq!(items, ["1", "2.2"], "in the checklist's order");
    assert_eq!(shown.responses[0].shown.value.as_text(), Some("不符合"));
    assert_eq!(shown.responses[0].shown.author.as_ref().map(|a| a.name.as_str()), Some("王晓芳"));
    assert_eq!(shown.remarks[0].shown.value.as_text(), Some("未公示"));
    assert_eq!(shown.fields[0].shown.value.as_bool(), Some(true));
    assert_eq!(shown.findings[0].days_to_correct.as_int(), Some(5));
    assert!(shown.findings[0].due_on.is_null());
    assert_eq!(shown.evidence[0].blob.as_text(), Some("09".repeat(32).as_str()));
    assert_eq!(shown.notes[0].text.as_text(), Some("厨房整洁"));
    assert_eq!((shown.visit, shown.checklist), (VISIT, checklist().hash()));
    assert!(shown.seal.is_none() && shown.conflicts.is_empty() && shown.supplements.is_empty());
}

#[test]
fn a_finding_keeps_its_maker_and_names_who_changed_it() {
    let (mut wang, mut li) = (Phone::new(0), Phone::new(2));
    let made = wang.save(&[Edit::Finding(finding())]).expect("a change");
    li.receive(&[made]);
    let id = view(&li).findings[0].id.clone();
    li.save(&[
        Edit::finding(&id, "corrected", Scalar::Bool(true)),
        Edit::finding(&id, "corrected_on", text("2026-11-25")),
        Edit::finding(&id, "text", text("许可证未在醒目位置公示")),
    ])
    .expect("a change");
    let shown = view(&li);
    let origin = &shown.findings[0].origin;
    assert_eq!(origin.author.as_ref().map(|person| person.name.as_str()), Some("王晓芳"));
    assert_eq!(origin.changed_by.iter().map(|person| person.name.as_str()).collect::<Vec<_>>(), ["李建国"]);
    assert_eq!(shown.findings[0].corrected.as_bool(), Some(true));
    assert_eq!(shown.conflicts.len(), 1, "the text was another person's");
}

#[test]
fn a_value_that_does_not_belong_there_is_shown_and_flagged() {
    let mut phone = Phone::new(0);
    phone.save(&[Edit::Finding(finding())]).expect("a change");
    let id = view(&phone).findings[0].id.clone();
    phone.put(Path::field("responses", "1"), Scalar::Int(3));
    phone.put(Path::item("findings", &id, "days_to_correct"), text("很快"));
    let shown = view(&phone);
    assert_eq!(shown.responses[0].shown.value.as_int(), Some(3));
    assert_eq!(shown.responses[0].shown.flag, Some(Flag::WrongType));
    assert_eq!(shown.findings[0].days_to_correct.as_text(), Some("很快"));
    assert_eq!(shown.findings[0].origin.flags.get("days_to_correct"), Some(&Flag::WrongType));
}

#[test]
fn a_retraction_is_shown_as_null_with_its_author() {
    let mut phone = Phone::new(0);
    phone.save(&[Edit::answer("2.1", Scalar::Int(4))]).expect("a change");
    phone.save(&[Edit::answer("2.1", Scalar::Null)]).expect("a change");
    let shown = view(&phone);
    assert!(shown.responses[0].shown.value.is_null());
    assert!(shown.responses[0].shown.author.is_some());
}

#[test]
fn the_skeleton_depends_on_checklist_and_visit_alone() {
    let list = checklist();
    assert_eq!(visit::skeleton(&list, VISIT), visit::skeleton(&list, VISIT));
    let mut newer: Checklist = list.clone();
    newer.version += 1;
    assert_ne!(visit::skeleton(&newer, VISIT), visit::skeleton(&list, VISIT));
    let other = liuhen_trace::DocumentId([1; 16]);
    assert_ne!(visit::skeleton(&list, other), visit::skeleton(&list, VISIT));
}
