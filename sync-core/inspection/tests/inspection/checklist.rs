use crate::replica::{checklist, text};
use liuhen_engine::field::Scalar;
use liuhen_inspection::{
    checklist::{Checklist, ResponseType},
    limits,
    visit::Flag,
};

fn refused(change: impl FnOnce(&mut Checklist)) -> &'static str {
    let mut changed = checklist();
    change(&mut changed);
    changed.check().expect_err("a rule is broken").code
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_code() {
    assert_eq!(refused(|list| list.code = "a/b".into()), "checklist.bad_code");
    assert_eq!(refused(|list| list.items[1].code = String::new()), "checklist.bad_code");
    assert_eq!(refused(|list| list.items[1].code = "x".repeat(65)), "checklist.bad_code");
    assert_eq!(refused(|list| list.items[1].code = "第一".into()), "checklist.bad_code");
    assert_eq!(refused(|list| list.items[1].code = "1".into()), "checklist.duplicate_code");
    assert_eq!(refused(|list| list.version = 0), "checklist.bad_version");
    assert_eq!(refused(|list| list.title = "  ".into()), "checklist.empty_text");
    assert_eq!(
        refused(|list| list.items[0].text = "字".repeat(limits::PARAGRAPH_CHARS_MAX + 1)),
        "checklist.too_long"
    );
    assert_eq!(refused(|list| list.items.clear()), "checklist.wrong_count");
    let choice = |options: &[&str]| ResponseType::Choice {
        options: options.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(refused(|list| list.items[0].response = choice(&[])), "checklist.no_options");
    assert_eq!(refused(|list| list.items[0].response = choice(&["是", "是"])), "checklist.duplicate_option");
}

#[test]
fn a_legal_basis_as_long_as_those_of_published_checklists_fits() {
    let mut list = checklist();
    // The longest that a city published has 4,521 characters.
    list.items[0].legal_basis = Some("x".repeat(4_600));
    assert_eq!(list.check(), Ok(()));
}

#[test]
fn a_version_is_a_whole_number_however_json_writes_it() {
    let read = |version: &str| {
        let json = r#"{"code":"a","version":V,"title":"t","items":[{"code":"1","text":"t","response":{"type":"bool"}}]}"#;
        Checklist::from_json(json.replace('V', version).as_bytes())
    };
    assert_eq!(read("2.0").expect("a whole number").hash(), read("2").expect("a number").hash());
    for version in ["2.5", "-1", "4294967296", "\"2\"", "1e300"] {
        assert_eq!(read(version).expect_err(version).code, "checklist.malformed");
    }
}

#[test]
fn a_thousand_items_are_allowed_and_one_more_is_not() {
    let mut list = checklist();
    let item = list.items[4].clone();
    let numbered = |n: usize| {
        let mut item = item.clone();
        item.code = format!("n{n}");
        item
    };
    list.items = (0..limits::CHECKLIST_ITEMS_MAX).map(numbered).collect();
    assert_eq!(list.check(), Ok(()));
    list.items.push(numbered(limits::CHECKLIST_ITEMS_MAX));
    assert_eq!(list.check().map_err(|refusal| refusal.code), Err("checklist.wrong_count"));
}

#[test]
fn the_refusal_of_an_item_names_the_item() {
    let mut list = checklist();
    list.items[2].text = String::new();
    let refusal = list.check().expect_err("an empty text");
    assert!(refusal.detail.contains("2.2"), "{refusal}");
}

#[test]
fn a_misspelt_field_is_refused_and_not_lost() {
    let json = r#"{"code":"a","version":1,"title":"t","items":[{"code":"1","text":"x","how_to_chek":"y","response":{"type":"int"}}]}"#;
    let refusal = Checklist::from_json(json.as_bytes()).expect_err("a misspelt field");
    assert_eq!(refusal.code, "checklist.malformed");
    assert!(refusal.detail.contains("how_to_chek"), "{refusal}");
}

#[test]
fn json_and_canonical_bytes_read_back() {
    let list = checklist();
    let json = serde_json::to_vec(&list).expect("JSON");
    assert_eq!(Checklist::from_json(&json), Ok(list.clone()));
    let bytes = list.to_bytes();
    assert_eq!(Checklist::from_bytes(&bytes), Ok(list));
    assert_eq!(
        Checklist::from_bytes(&[&bytes[..], &[0]].concat()).map_err(|r| r.code),
        Err("checklist.malformed")
    );
    assert_eq!(Checklist::from_bytes(&bytes[1..]).map_err(|r| r.code), Err("checklist.malformed"));
}

#[test]
fn answers_of_another_type_are_flagged_and_retractions_are_not() {
    let list = checklist();
    let flag = |item: &str, value: Scalar| list.item(item).expect("an item").response.flag(&value);
    for item in &list.items {
        assert_eq!(flag(&item.code, Scalar::Null), None);
    }
    assert_eq!(flag("1", text("符合")), None);
    assert_eq!(flag("1", text("大概")), Some(Flag::NotAnOption));
    assert_eq!(flag("1", Scalar::Int(1)), Some(Flag::WrongType));
    assert_eq!(flag("2.1", Scalar::Int(-18)), None);
    assert_eq!(flag("2.1", text("4")), Some(Flag::WrongType));
    assert_eq!(flag("2.2", Scalar::Bool(true)), None);
    assert_eq!(flag("3", text("2026-02-28")), None);
    assert_eq!(flag("3", text("2026-02-30")), Some(Flag::NotADate));
}
