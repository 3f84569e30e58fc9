//! Texts with a row on each line: the delimiter is the one that makes a table of it.

use crate::{
    export::unguarded,
    limits, mapping,
    messages::Finding,
    table::{Cell, Grid},
};
use std::{borrow::Cow, collections::BTreeMap, io::Read};

const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];
/// Rows that the delimiter is guessed from.
const GUESS_ROWS_MAX: usize = 60;
/// A table of 20,000 rows that were told apart by one delimiter has this many bytes in 60 of them.
const GUESS_BYTES_MAX: usize = 64 * 1024;

/// Comes behind the text. Where it is no row of its own, a quotation was still open.
const END: &[u8] = b"\n.";

pub fn read(text: &str) -> Result<Grid, Finding> {
    // Old programs end lines with a carriage return alone, which ends a row and is counted as no line.
    let text = match text.contains('\r') {
        true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
        false => Cow::Borrowed(text),
    };
    let (declared, text, skipped) = declaration(&text);
    let delimiter = declared.unwrap_or_else(|| guess(text));
    let (mut grid, mut inner_breaks, mut ended) = (Grid::default(), 0, false);
    let mut opened = skipped;
    for record in reader(text.as_bytes().chain(END), delimiter).into_records() {
        let record = record.map_err(|_| Finding::of_file("import.damaged", ""))?;
        let begins = record.position().map_or(0, |it| it.byte() as usize);
        if text.get(begins..).is_none_or(|rest| rest.bytes().all(|byte| byte == b'\n')) {
            ended = true;
            break;
        }
        let row = line(text, &record).saturating_sub(inner_breaks);
        let row = u32::try_from(row).unwrap_or(u32::MAX).saturating_add(skipped);
        opened = row;
        // A cell with line breaks is one row of the table and several lines of the file.
        inner_breaks += record.iter().map(|cell| cell.matches('\n').count() as u64).sum::<u64>();
        if record.len() > limits::COLUMNS_MAX
            && record.iter().skip(limits::COLUMNS_MAX).any(|it| !it.is_empty())
        {
            return Err(Finding::of_file("import.too_many_columns", limits::COLUMNS_MAX.to_string()));
        }
        let cells = record.iter().take(limits::COLUMNS_MAX).map(|text| Cell::text(typed(text)));
        grid.push(row, cells.collect())?;
    }
    match ended {
        true => Ok(grid),
        false => Err(Finding::of_file("import.quote_open", opened.to_string())),
    }
}

/// What was typed into the cell: without the guard of an export, or without `="…"`, by which people keep
/// a spreadsheet from taking a code for a number.
fn typed(text: &str) -> &str {
    let kept = text.strip_prefix("=\"").and_then(|text| text.strip_suffix('"'));
    match kept {
        Some(kept) if !kept.contains('"') => kept,
        _ => unguarded(text),
    }
}

/// The reader passes over empty lines after it has noted where a record begins.
fn line(text: &str, record: &csv::StringRecord) -> u64 {
    let Some(position) = record.position() else { return 1 };
    let rest = text.as_bytes().get(position.byte() as usize..).unwrap_or_default();
    let passed = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + passed.filter(|byte| **byte == b'\n').count() as u64
}

fn reader<R: Read>(text: R, delimiter: u8) -> csv::Reader<R> {
    csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text)
}

/// `sep=;` on the first line is an agreement with spreadsheets, not a row.
fn declaration(text: &str) -> (Option<u8>, &str, u32) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    match first.trim_end().strip_prefix("sep=").map(str::as_bytes) {
        Some([delimiter]) if DELIMITERS.contains(delimiter) => (Some(*delimiter), rest, 1),
        _ => (None, text, 0),
    }
}

/// The one that shows most headers that are known, then the one with which most cells stand in rows of
/// the same length.
fn guess(text: &str) -> u8 {
    let mut end = text.len().min(GUESS_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let table = |delimiter: &u8| {
        let (mut lengths, mut named) = (BTreeMap::<usize, usize>::new(), 0);
        for record in
            reader(&text.as_bytes()[..end], *delimiter).into_records().take(GUESS_ROWS_MAX).flatten()
        {
            *lengths.entry(record.len()).or_default() += 1;
            named = named.max(mapping::recognised(record.iter()));
        }
        (named, lengths.into_iter().map(|(length, rows)| (length - 1) * rows).max().unwrap_or(0))
    };
    let best = DELIMITERS.into_iter().rev().max_by_key(table);
    best.unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(u32, Vec<String>)> {
        let grid = read(text).expect("a grid");
        let texts = |cells: Vec<Cell>| cells.into_iter().map(|cell| cell.text).collect();
        grid.rows.into_iter().map(|row| (row.number, texts(row.cells))).collect()
    }

    fn row(number: u32, cells: &[&str]) -> (u32, Vec<String>) {
        (number, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn commas_tabs_and_semicolons_are_told_apart() {
        let expected = [row(1, &["名称", "地址, 门牌"]), row(2, &["甲", "一路, 1"])];
        assert_eq!(texts("名称\t地址, 门牌\n甲\t一路, 1\n"), expected);
        assert_eq!(texts("名称;地址, 门牌\r\n甲;一路, 1\r\n"), expected);
        assert_eq!(texts("名称,\"地址, 门牌\"\n甲,\"一路, 1\"\n"), expected);
        assert_eq!(texts("sep=;\n名称\n甲\n"), [row(2, &["名称"]), row(3, &["甲"])]);
    }

    #[test]
    fn rows_are_numbered_as_a_spreadsheet_shows_them() {
        assert_eq!(texts("名称\r甲\r"), [row(1, &["名称"]), row(2, &["甲"])]);
        assert_eq!(texts("\r\n名称\r\n\r\n甲\r\n"), [row(2, &["名称"]), row(4, &["甲"])]);
        assert_eq!(texts("名称\r甲\n乙\r\n丙").last(), Some(&row(4, &["丙"])), "of every kind");
        let text = "名称,地址\n\n\"甲\n(北)\",一路\n,\n乙,二路";
        let expected = [row(1, &["名称", "地址"]), row(3, &["甲 (北)", "一路"]), row(5, &["乙", "二路"])];
        assert_eq!(texts(text), expected);
    }

    #[test]
    fn a_code_that_was_kept_from_becoming_a_number_is_the_code() {
        assert_eq!(texts("代码,名称\n\"=\"\"065464\"\"\",甲\n")[1], row(2, &["065464", "甲"]));
        assert_eq!(
            texts("='\n=\"a\"\"b\"\n'=\"a\"\n"),
            [row(1, &["='"]), row(2, &["=\"a\"\"b\""]), row(3, &["=\"a\""])]
        );
    }

    /// All rows behind it would be in one cell, and a shorter file would look whole.
    #[test]
    fn a_quotation_mark_that_never_closes_is_told_with_its_row() {
        let refused = read("名称,地址\n甲,一路\n乙,\"二路\n丙,三路\n").expect_err("refused");
        assert_eq!((refused.code, refused.value.as_str()), ("import.quote_open", "3"));
        assert_eq!(texts("名称\n\"甲\""), [row(1, &["名称"]), row(2, &["甲"])]);
        assert_eq!(texts("名称\n5\" 店"), [row(1, &["名称"]), row(2, &["5\" 店"])]);
        let text = format!("名称,地址\n甲,\"一路\n{}", "乙,二路\n".repeat(2_000));
        assert_eq!(read(&text).expect_err("refused").code, "import.cell_too_long");
    }

    #[test]
    fn too_many_rows_and_columns_are_refused() {
        let rows = "甲\n".repeat(limits::ROWS_MAX + limits::HEADER_SEARCH_ROWS_MAX + 1);
        assert_eq!(read(&rows).expect_err("refused").code, "import.too_many_rows");
        let wide = "甲,".repeat(limits::COLUMNS_MAX + 1) + "乙";
        assert_eq!(read(&wide).expect_err("refused").code, "import.too_many_columns");
        let formatted = "甲,乙".to_owned() + &",".repeat(16_000) + "\n";
        assert_eq!(texts(&formatted), [row(1, &["甲", "乙"])]);
    }
}
