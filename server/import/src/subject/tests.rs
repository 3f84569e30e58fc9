use super::*;
use crate::table::read;

fn parsed(text: &str) -> Subjects {
    parsed_as(text, None)
}

fn parsed_as(text: &str, datum: Option<Datum>) -> Subjects {
    let table = read(text.as_bytes()).expect("a table");
    let mapping = Mapping::suggest(&table.headers);
    subjects(&table, &mapping, datum)
}

fn told(read: &Subjects) -> Vec<(Option<u32>, &'static str, Severity)> {
    read.findings.iter().map(|it| (it.row, it.code, it.severity)).collect()
}

const ERROR: Severity = Severity::Error;
const WARNING: Severity = Severity::Warning;

#[test]
fn a_row_becomes_a_party_with_its_texts_in_order() {
    let read = parsed(
        "统一社会信用代码,企业名称,住所,法定代表人,联系电话,行业\n\
         9135 0100 m000 100y 43,某某餐馆（北店）,人民路１２号,张三,０１０－8888,餐饮服务\n",
    );
    assert_eq!(told(&read), []);
    let expected = Subject {
        row: 2,
        code: "91350100M000100Y43".into(),
        name: "某某餐馆（北店）".into(),
        address: "人民路12号".into(),
        legal_representative: "张三".into(),
        phone: "010-8888".into(),
        category: "餐饮服务".into(),
        place: None,
    };
    assert_eq!(read.subjects, [expected]);
}

#[test]
fn a_wrong_check_digit_is_a_warning_and_a_missing_name_an_error() {
    let read = parsed("代码,名称\n91350100M000100Y44,甲\n065464,乙\n91350100M000100Y43,\n");
    let expected = [(Some(2), "subject.code_check_digit", WARNING), (Some(4), "subject.name_missing", ERROR)];
    assert_eq!(told(&read), expected);
    assert_eq!(read.subjects[1].code, "065464", "leading zeros stay");
    assert!(read.has_errors());
}

#[test]
fn rounded_digits_failed_formulas_and_long_texts_are_errors() {
    let long = "长".repeat(257);
    let read = parsed(&format!("代码,名称,电话\n9.1110E+17,甲,1.38E+10\nA1E+5,#N/A,\n1,{long},######\n"));
    let expected = [
        (Some(2), "subject.digits_lost", ERROR),
        (Some(2), "subject.digits_lost", ERROR),
        (Some(3), "import.cell_error", ERROR),
        (Some(3), "subject.name_missing", ERROR),
        (Some(4), "subject.text_too_long", ERROR),
        (Some(4), "subject.name_missing", ERROR),
        (Some(4), "import.cell_error", ERROR),
    ];
    assert_eq!(told(&read), expected);
}

#[test]
fn the_same_row_again_is_left_out_and_a_contradiction_is_an_error() {
    let read =
        parsed("代码,名称,地址,电话\n1,甲,一路,5\n1,甲,一路,5\n1,甲,一路,6\n1,乙,二路,5\n,丙,,\n,丙,,\n");
    let expected = [
        (Some(3), "subject.duplicate_row", WARNING),
        (Some(4), "subject.same_place_twice", ERROR),
        (Some(5), "subject.same_code", WARNING),
        (Some(7), "subject.duplicate_row", WARNING),
    ];
    assert_eq!(told(&read), expected);
    assert_eq!(read.subjects.iter().map(|it| it.row).collect::<Vec<_>>(), [2, 5, 6]);
    assert_eq!(read.findings[0].value, "2");
}

#[test]
fn places_are_converted_and_their_datum_is_kept() {
    let read = parsed("名称,经度,纬度,坐标系\n甲,116.410244499,39.91640428,GCJ02\n乙,116.404,39.915,\n");
    assert_eq!(told(&read), []);
    let (place, datum) = read.subjects[0].place.expect("a place");
    assert_eq!(datum, Datum::Gcj02);
    assert!((place.latitude - 39.915).abs() < 1e-5 && (place.longitude - 116.404).abs() < 1e-5, "{place:?}");
    assert_eq!(read.subjects[1].place.expect("a place").1, Datum::Wgs84);
    let chosen = parsed_as("名称,经度,纬度\n甲,116.404,39.915\n", Some(Datum::Bd09));
    assert_eq!(told(&chosen), []);
    assert_eq!(chosen.subjects[0].place.expect("a place").1, Datum::Bd09);
}

#[test]
fn places_that_make_no_sense_are_told() {
    let read = parsed(
        "名称,经度,纬度\n甲,39.9,116.4\n乙,,39.9\n丙,0,0\n丁,200,95\n戊,东经,39.9\n己,116°30′,北纬39.9°\n",
    );
    let expected = [
        (None, "subject.datum_missing", WARNING),
        (Some(2), "subject.place_swapped", WARNING),
        (Some(3), "subject.place_incomplete", WARNING),
        (Some(4), "subject.place_zero", WARNING),
        (Some(5), "subject.place_out_of_range", ERROR),
        (Some(6), "subject.place_malformed", ERROR),
    ];
    assert_eq!(told(&read), expected);
    let place = |at: usize| read.subjects[at].place.map(|(place, _)| (place.latitude, place.longitude));
    assert_eq!(place(0), Some((39.9, 116.4)));
    assert_eq!(place(5), Some((39.9, 116.5)));
}
