use crate::replica::{Phone, Sent, checklist, task, text, writers};
use liuhen_engine::field::Scalar;
use liuhen_inspection::{
    conflict::Writer,
    record::{self, RefusalDetail, SealDetail, Signer, SignerRole, Signing, SigningAct},
    visit::{Edit, VisitField, VisitView},
};
use liuhen_trace::{ChangeHash, EntryKind, Hash};

pub fn inspector() -> Signer {
    Signer {
        role: SignerRole::Inspector,
        name: "王晓芳".into(),
        account: Some("wang".into()),
        certificate_no: Some("A-001".into()),
        signature: None,
    }
}

fn party() -> Signer {
    Signer {
        role: SignerRole::Party,
        name: "张伟".into(),
        account: None,
        certificate_no: None,
        signature: None,
    }
}

pub fn filled_in() -> Phone {
    let mut phone = Phone::new(0);
    phone
        .save(&[
            Edit::answer("1", text("不符合")),
            Edit::answer("2.1", Scalar::Int(4)),
            Edit::remark("1", "许可证未公示"),
            Edit::field(VisitField::Attendant, text("张伟")),
        ])
        .expect("a change");
    phone
}

/// Seals on this phone; the change comes back as others receive it.
pub fn seal(phone: &mut Phone, seed: u8) -> (Sent, SealDetail) {
    let author = phone.author();
    let signers = vec![inspector(), party()];
    let sealing = record::seal(&mut phone.document, author, &task(), [seed; 32], signers).expect("a seal");
    (Sent { author, chunk: sealing.change }, sealing.detail)
}

pub fn by(person: u8) -> Writer {
    writers().into_values().find(|writer| writer.chain.0[0] == person).expect("a person of the story")
}

fn view(phone: &Phone, signings: &[Signing]) -> VisitView {
    VisitView::of(&checklist(), &phone.document, &writers(), signings)
}

fn signing(person: u8, detail: &SealDetail) -> Signing {
    Signing { by: by(person), act: SigningAct::Seal(detail.clone()) }
}

#[test]
fn a_seal_fits_the_document_it_was_made_of_and_covers_fields_party_and_task() {
    let mut phone = filled_in();
    let (_, detail) = seal(&mut phone, 7);
    let record = record::check(&phone.document, &detail).expect("a seal that fits");
    assert_eq!(record.hash(), detail.record);
    let paths: Vec<&str> = record.fields.iter().map(|field| field.path.as_str()).collect();
    for covered in ["responses/1", "remarks/1", "visit/attendant", "seal/subject_name", "seal/task"] {
        assert!(paths.contains(&covered), "{covered} in {paths:?}");
    }
    assert!(!paths.contains(&"seal/seed"), "the seed would open every field");
    assert!(paths.is_sorted());
}

#[test]
fn a_withheld_field_leaves_the_hash_and_the_other_fields_checkable() {
    let mut phone = filled_in();
    let (_, detail) = seal(&mut phone, 7);
    let (record, mut openings) = record::build(&phone.document, &detail.heads).expect("a record");
    openings.retain(|opening| opening.path != "visit/attendant");
    assert_eq!(record.hash(), detail.record);
    assert!(openings.iter().all(|opening| record.check_opening(opening).is_ok()));
    assert!(record.fields.iter().any(|field| field.path == "visit/attendant"), "the reader sees the gap");

    let mut forged = openings[0].clone();
    forged.values = vec![text("改")];
    assert_eq!(record.check_opening(&forged).map_err(|r| r.code), Err("record.wrong_opening"));
    forged.path = "visit/nothing".into();
    assert_eq!(record.check_opening(&forged).map_err(|r| r.code), Err("record.unknown_field"));
    let mut swapped = openings[1].clone();
    swapped.path = openings[0].path.clone();
    assert_eq!(record.check_opening(&swapped).map_err(|r| r.code), Err("record.wrong_opening"));
}

#[test]
fn the_entry_that_is_opened_to_check_a_seal_does_not_hold_the_seed() {
    let mut phone = filled_in();
    let (_, detail) = seal(&mut phone, 7);
    let shown = detail.to_detail();
    assert!(!shown.windows(32).any(|bytes| bytes == [7; 32]));
    assert!(!shown.windows(64).any(|bytes| bytes == Hash([7; 32]).to_string().as_bytes()));
    let (record, _) = record::build(&phone.document, &detail.heads).expect("a record");
    let mut twin = filled_in();
    let (_, other) = seal(&mut twin, 8);
    let (with_other_seed, _) = record::build(&twin.document, &other.heads).expect("a record");
    let digests = |record: &record::SealedRecord| record.fields.iter().map(|f| f.digest).collect::<Vec<_>>();
    assert!(digests(&record).iter().zip(digests(&with_other_seed)).all(|(a, b)| *a != b));
}

#[test]
fn another_record_hash_or_other_heads_are_detected() {
    let mut phone = filled_in();
    let (_, detail) = seal(&mut phone, 7);
    let code = |detail: &SealDetail| record::check(&phone.document, detail).expect_err("no fit").code;
    let forged = SealDetail { record: Hash([1; 32]), ..detail.clone() };
    assert_eq!(code(&forged), "seal.other_record");
    let unknown = SealDetail { heads: vec![ChangeHash([1; 32])], ..detail.clone() };
    assert_eq!(code(&unknown), "seal.unknown_heads");
    let before = phone.document.deps(detail.heads[0]).expect("the seal's own change");
    assert_eq!(code(&SealDetail { heads: before, ..detail.clone() }), "seal.no_seed");
    assert_eq!(code(&SealDetail { heads: vec![], ..detail.clone() }), "seal.malformed");
    assert_eq!(code(&SealDetail { signers: vec![party()], ..detail.clone() }), "seal.no_inspector");

    let shown = view(&phone, &[signing(0, &forged)]);
    assert_eq!(shown.seal, None);
    assert_eq!(shown.further_seals[0].problem.as_deref(), Some("seal.other_record"));
    assert!(!shown.further_seals[0].valid);
}

#[test]
fn a_later_edit_is_a_supplement_and_never_changes_the_sealed_record() {
    let (mut wang, mut li) = (filled_in(), Phone::new(2));
    let concurrent = li.save(&[Edit::answer("2.2", Scalar::Bool(false))]).expect("a change");
    let (_, detail) = seal(&mut wang, 7);
    let before = record::check(&wang.document, &detail);
    wang.receive(&[concurrent]);
    wang.save(&[Edit::remark("1", "补充")]).expect("a change");
    assert_eq!(record::check(&wang.document, &detail), before);
    let shown = view(&wang, &[signing(0, &detail)]);
    let seal = shown.seal.expect("a valid seal");
    assert!(seal.valid);
    assert_eq!(seal.record_hash, detail.record);
    let mut paths: Vec<&str> =
        shown.supplements.iter().flat_map(|s| s.paths.iter().map(String::as_str)).collect();
    paths.sort();
    assert_eq!(paths, ["remarks/1", "responses/2.2"]);
}

#[test]
fn of_two_seals_the_one_over_the_earlier_state_counts_in_whatever_order_they_come() {
    let mut phone = filled_in();
    let (_, first) = seal(&mut phone, 7);
    phone.save(&[Edit::remark("1", "补充")]).expect("a change");
    let (_, second) = seal(&mut phone, 8);
    let forged = SealDetail { record: Hash([1; 32]), ..first.clone() };
    let signings = [signing(0, &forged), signing(0, &second), signing(0, &first)];
    let mut reversed = signings.clone();
    reversed.reverse();
    let shown = view(&phone, &signings);
    assert_eq!(shown, view(&phone, &reversed));
    assert_eq!(shown.seal.map(|seal| seal.record_hash), Some(first.record));
    let further: Vec<(Hash, bool)> = shown.further_seals.iter().map(|s| (s.record_hash, s.valid)).collect();
    assert_eq!(further, [(second.record, true), (forged.record, false)]);
    let paths: Vec<_> = shown.supplements.iter().flat_map(|s| s.paths.clone()).collect();
    assert_eq!(paths, ["remarks/1"], "a seal is no supplement");
    assert_eq!(shown.conflicts, [], "two seals are no disagreement");
}

#[test]
fn an_open_disagreement_is_sealed_with_both_values_the_same_on_every_phone() {
    let (mut wang, mut li) = (Phone::new(0), Phone::new(2));
    let a = wang.save(&[Edit::answer("2.1", Scalar::Int(4))]).expect("a change");
    let b = li.save(&[Edit::answer("2.1", Scalar::Int(9))]).expect("a change");
    wang.receive(std::slice::from_ref(&b));
    li.receive(std::slice::from_ref(&a));
    let (sealed, detail) = seal(&mut wang, 7);
    li.receive(&[sealed]);
    assert_eq!(record::check(&wang.document, &detail), record::check(&li.document, &detail));
    let (_, openings) = record::build(&li.document, &detail.heads).expect("a record");
    let opening = openings.iter().find(|opening| opening.path == "responses/2.1").expect("the field");
    assert_eq!(opening.values, [Scalar::Int(4), Scalar::Int(9)]);
}

#[test]
fn details_read_back_by_kind_and_garbage_is_refused() {
    let mut phone = filled_in();
    let (_, detail) = seal(&mut phone, 7);
    let read = Signing::read(EntryKind::Seal, &detail.to_detail(), by(0));
    assert_eq!(read, Ok(Some(signing(0, &detail))));
    assert_eq!(Signing::read(EntryKind::Edit, &[], by(0)), Ok(None));
    assert_eq!(Signing::read(EntryKind::Seal, &[1], by(0)).map_err(|r| r.code), Err("seal.malformed"));
    assert_eq!(Signing::read(EntryKind::Refusal, &[1], by(0)).map_err(|r| r.code), Err("refusal.malformed"));
}

#[test]
fn a_refusal_to_sign_is_shown_beside_the_seal() {
    let mut phone = filled_in();
    let (_, detail) = seal(&mut phone, 7);
    let refusal = RefusalDetail {
        record: detail.record,
        party: "张伟".into(),
        reason: "对问题认定有异议".into(),
        witnesses: vec!["社区工作人员刘洋".into()],
    };
    let bytes = refusal.to_detail().expect("within the limits");
    let read = Signing::read(EntryKind::Refusal, &bytes, by(0)).expect("readable").expect("a refusal");
    let shown = view(&phone, &[signing(0, &detail), read]);
    assert_eq!(shown.refusals.len(), 1);
    assert_eq!(shown.refusals[0].reason, "对问题认定有异议");
    let wordy = RefusalDetail { reason: "字".repeat(2_000), ..refusal };
    assert_eq!(wordy.to_detail().map_err(|r| r.code), Err("refusal.malformed"));
}
