//! Tables for people to take away: CSV in UTF-8 with a byte order mark, which spreadsheets need to see
//! that it is UTF-8, and XLSX with every cell a text.
//!
//! A spreadsheet runs what begins like a formula. In CSV an apostrophe stands before it; the import
//! takes exactly that apostrophe away again, so that an export comes back as it was.

use crate::normalise;
use rust_xlsxwriter::{Format, Workbook, XlsxError};

/// What spreadsheets run, full-width forms included, which some of them turn into plain ones.
const RUN: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// What no XML may hold, so that no spreadsheet would open it. Control characters are written escaped.
const NO_XML: [char; 2] = ['\u{fffe}', '\u{ffff}'];
/// A spreadsheet's own limit is 32,767, counted in UTF-16.
const CELL_CHARS_MAX: usize = 32_767 / 2;
const GUARD: char = '\'';
const BYTE_ORDER_MARK: &str = "\u{feff}";
/// As wide as a name; the reader can drag.
const COLUMN_WIDTH: f64 = 24.0;

/// A whole table.
pub fn csv<'a, R>(headers: &[&str], rows: impl Iterator<Item = R>) -> Vec<u8>
where
    R: IntoIterator<Item = &'a str>,
{
    let mut writer = csv::WriterBuilder::new()
        // Spreadsheets that take semicolons for commas, too, would begin a cell within one.
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .flexible(true)
        .from_writer(BYTE_ORDER_MARK.as_bytes().to_vec());
    // Writing into memory does not fail.
    let _ = writer.write_record(headers);
    for row in rows {
        let _ = writer.write_record(row.into_iter().map(guarded));
    }
    writer.into_inner().unwrap_or_default()
}

/// A whole table as a workbook of one sheet.
pub fn xlsx<'a, R>(
    sheet_name: &str,
    headers: &[&str],
    rows: impl Iterator<Item = R>,
) -> Result<Vec<u8>, XlsxError>
where
    R: IntoIterator<Item = &'a str>,
{
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_name(sheet_name)?.set_freeze_panes(1, 0)?;
    let title = Format::new().set_bold();
    // Text for typing, too: digits that are entered below stay as they are typed.
    let text = Format::new().set_num_format("@");
    for (column, header) in (0..).zip(headers) {
        sheet.set_column_width(column, COLUMN_WIDTH)?.set_column_format(column, &text)?;
        sheet.write_string_with_format(0, column, *header, &title)?;
    }
    for (at, row) in (1..).zip(rows) {
        for (column, cell) in (0..).zip(row) {
            if !cell.is_empty() {
                sheet.write_string_with_format(at, column, kept(cell), &text)?;
            }
        }
    }
    workbook.save_to_buffer()
}

/// Takes a guard away, for the import.
pub(crate) fn unguarded(text: &str) -> &str {
    match is_guarded(text) {
        true => &text[GUARD.len_utf8()..],
        false => text,
    }
}

/// Whether this text begins with a guard.
fn is_guarded(text: &str) -> bool {
    text.starts_with(GUARD) && runs(text)
}

fn guarded(text: &str) -> String {
    if runs(text) && !is_number(text) { format!("{GUARD}{text}") } else { text.to_owned() }
}

/// Guards, blanks, breaks and invisible marks before it keep no spreadsheet from running it.
fn runs(text: &str) -> bool {
    let passed = |it: char| it == GUARD || normalise::is_blank(it) || normalise::is_invisible(it);
    text.trim_start_matches(passed).starts_with(RUN)
}

/// A text cell is never run. One that looks guarded gets a guard for the import to take away. What does
/// not fit a cell is cut off: the visit has it whole.
fn kept(text: &str) -> String {
    let guard = if is_guarded(text) { "'" } else { "" };
    let shown = text.chars().filter(|it| !NO_XML.contains(it));
    guard.chars().chain(shown).take(CELL_CHARS_MAX).collect()
}

/// A negative coordinate is a number and nothing to run.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    digits(whole) && digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::read;

    const CELLS: [&str; 13] = [
        "=HYPERLINK(\"http://a\")",
        "+86 10 8888",
        "-1+1",
        "@SUM(A1)",
        "＝1+1",
        "'=1",
        "''@x",
        "'tis",
        "=\"065464\"",
        "甲_x0041_店",
        "'=\"1\"",
        "-83.048647",
        "某某, \"北店\"",
    ];

    #[test]
    fn nothing_that_a_spreadsheet_would_run_leaves_in_csv() {
        let bytes = csv(&["名称"], CELLS.iter().map(|cell| [*cell]));
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert!(text.starts_with(BYTE_ORDER_MARK) && text.ends_with("\r\n"));
        for line in text.trim_start_matches(BYTE_ORDER_MARK).lines().skip(1) {
            let cell = line.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).expect("in quotes");
            assert!(!cell.starts_with(RUN) || is_number(cell), "{cell}");
        }
    }

    #[test]
    fn what_stands_before_a_formula_does_not_hide_it() {
        for hidden in ["\t=1", "\r=1", "\n=1", " =1", "\u{feff}=1", "\u{200b}@x", "' =1", "\u{3000}＝1"] {
            assert_eq!(guarded(hidden), format!("'{hidden}"));
            assert_eq!(unguarded(&guarded(hidden)), hidden);
        }
    }

    /// A finding's text comes from a phone and may be anything.
    #[test]
    fn what_a_cell_cannot_hold_does_not_spoil_the_workbook() {
        let long = "长".repeat(40_000);
        let rows = [["a\u{ffff}b\u{0}c\n", long.as_str()]];
        let bytes = xlsx("表", &["名称", "地址"], rows.into_iter()).expect("a workbook");
        assert_eq!(crate::table::read(&bytes).expect_err("a long cell").code, "import.cell_too_long");
    }

    #[test]
    fn every_text_comes_back_as_it_was_from_both_formats() {
        let rows = || CELLS.iter().map(|cell| ["甲", cell]);
        let workbook = xlsx("登记表", &["名称", "地址"], rows()).expect("a workbook");
        for bytes in [csv(&["名称", "地址"], rows()), workbook] {
            let table = read(&bytes).expect("a table");
            let back: Vec<&str> = table.rows.iter().map(|row| row.text(1)).collect();
            assert_eq!(back, CELLS);
        }
    }

    #[test]
    fn the_guard_is_put_on_and_taken_off_exactly() {
        for cell in CELLS {
            assert_eq!(unguarded(&guarded(cell)), cell);
            assert_eq!(unguarded(&kept(cell)), cell);
        }
    }
}
