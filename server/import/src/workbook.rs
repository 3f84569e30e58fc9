//! Workbooks (.xlsx). Cells are read one at a time: a sheet that was formatted down to its last row
//! must not become a table of that size.

use crate::{
    export::unguarded,
    limits,
    messages::Finding,
    package,
    sniff::Format,
    table::{self, Cell, Grid, Source},
};
use calamine::{DataRef, ExcelDateTime, Reader as _, SheetType, SheetVisible, Style, Xlsx};
use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Integers above it are not exact: a spreadsheet keeps 15 digits.
const EXACT_MAX: f64 = 1e15;
/// A sheet whose header names this many fields is the one meant.
const FIELDS_SURE: usize = 2;

type Workbook<'a> = Xlsx<Cursor<&'a [u8]>>;

/// The first sheet whose header surely names fields, else the one that names most.
pub fn read(bytes: &[u8]) -> Result<(Source, Grid), Finding> {
    package::check(bytes)?;
    // The parser has panicked on malformed files before; what it holds is dropped with it.
    match catch_unwind(AssertUnwindSafe(|| sheets(bytes))) {
        Ok(read) => read,
        Err(_) => Err(damaged()),
    }
}

fn sheets(bytes: &[u8]) -> Result<(Source, Grid), Finding> {
    let mut workbook: Workbook = Xlsx::new(Cursor::new(bytes)).map_err(|_| damaged())?;
    let shown = |sheet: &&calamine::Sheet| {
        sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible
    };
    let names: Vec<String> =
        workbook.sheets_metadata().iter().filter(shown).map(|sheet| sheet.name.clone()).collect();
    let mut best: Option<(usize, usize, Grid)> = None;
    let (mut filled, mut budget) = (Vec::new(), limits::CELL_TEXTS_BYTES_MAX);
    for (at, name) in names.iter().enumerate().take(limits::SHEETS_MAX) {
        let grid = sheet(&mut workbook, name, &mut budget)?;
        if grid.rows.is_empty() {
            continue;
        }
        filled.push(at);
        let fields = grid.header().named;
        if best.as_ref().is_none_or(|(_, most, _)| fields > *most) {
            best = Some((at, fields, grid));
        }
        if fields >= FIELDS_SURE {
            break;
        }
    }
    let Some((at, _, grid)) = best else { return Err(Finding::of_file("import.empty", "")) };
    calculated(&mut workbook, &names[at])?;
    let searched = filled.last().copied().unwrap_or(0);
    let other = |other: &usize| *other != at && (*other > searched || filled.contains(other));
    let source = Source {
        format: Some(Format::Xlsx.name()),
        encoding: None,
        sheet: Some(names[at].clone()),
        other_sheets: (0..names.len()).filter(other).map(|other| names[other].clone()).collect(),
    };
    Ok((source, grid))
}

/// `budget` is what the texts of cells may still take. A text that many cells share is stored once and
/// counts for each.
fn sheet(workbook: &mut Workbook, name: &str, budget: &mut usize) -> Result<Grid, Finding> {
    let mut cells = workbook.worksheet_cells_reader(name).map_err(|_| damaged())?;
    let (mut grid, mut row, mut number) = (Grid::default(), Vec::new(), 0);
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(|_| damaged())? {
        let (at, column) = cell.get_position();
        if at != number {
            // Rows out of order would be merged by a spreadsheet; no program writes them so.
            if at < number {
                return Err(damaged());
            }
            grid.push(number + 1, std::mem::take(&mut row))?;
            number = at;
        }
        let length = stored_bytes(cell.get_value());
        let left = budget.checked_sub(length);
        *budget = left.ok_or_else(|| Finding::of_file("import.inflates_too_far", ""))?;
        if length > limits::STORED_CELL_BYTES_MAX {
            return Err(table::cell_too_long(number + 1));
        }
        let shown = show(cell.get_value(), cells.styles().get(style));
        if shown.text.is_empty() {
            continue;
        }
        let column = column as usize;
        if column >= limits::COLUMNS_MAX {
            return Err(Finding::of_file("import.too_many_columns", limits::COLUMNS_MAX.to_string()));
        }
        if row.len() <= column {
            row.resize(column + 1, Cell::default());
        }
        row[column] = shown;
    }
    grid.push(number + 1, row)?;
    Ok(grid)
}

fn stored_bytes(value: &DataRef) -> usize {
    match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.len(),
        DataRef::SharedString(text) => text.len(),
        DataRef::Empty
        | DataRef::Int(_)
        | DataRef::Float(_)
        | DataRef::Bool(_)
        | DataRef::DateTime(_)
        | DataRef::Error(_) => 0,
    }
}

/// A program that writes formulas without calculating them leaves cells that look filled to people and
/// are empty in the file.
fn calculated(workbook: &mut Workbook, name: &str) -> Result<(), Finding> {
    let mut cells = workbook.worksheet_cells_reader(name).map_err(|_| damaged())?;
    while let Ok(Some(cell)) = cells.next_cell_with_formula_metadata() {
        if cell.formula.is_some() && matches!(cell.value, DataRef::Empty) {
            let (row, column) = cell.pos;
            let place = rust_xlsxwriter::utility::row_col_to_cell(row, column as u16);
            return Err(Finding::of_file("import.formula_without_value", place));
        }
    }
    Ok(())
}

/// A cell as its digits and letters, not as the number it happens to be stored as.
fn show(value: &DataRef, style: Option<&Style>) -> Cell {
    match value {
        DataRef::Empty => Cell::default(),
        DataRef::String(text) => Cell::text(unguarded(text)),
        DataRef::SharedString(text) => Cell::text(unguarded(text)),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::text(text),
        DataRef::Int(number) => Cell::text(&padded(number.to_string(), style)),
        DataRef::Float(number) => {
            let inexact = number.abs() >= EXACT_MAX;
            Cell { inexact, ..Cell::text(&padded(digits(*number), style)) }
        }
        DataRef::Bool(true) => Cell::text("TRUE"),
        DataRef::Bool(false) => Cell::text("FALSE"),
        DataRef::DateTime(moment) => Cell::text(&date(moment)),
        DataRef::Error(error) => Cell::text(&error.to_string()),
    }
}

/// Without exponent, without `.0`, to the 15 digits that a spreadsheet shows.
fn digits(number: f64) -> String {
    if number.fract() == 0.0 {
        return format!("{number:.0}");
    }
    let rounded = format!("{number:.14e}").parse().unwrap_or(number);
    format!("{rounded}")
}

/// A code with leading zeros is often a number with the format `000000`.
fn padded(digits: String, style: Option<&Style>) -> String {
    let format = style.and_then(|style| style.number_format.as_ref()).map(|format| &format.format_code);
    match format {
        Some(format) if format.len() > 1 && format.len() <= 32 && format.bytes().all(|it| it == b'0') => {
            format!("{digits:0>width$}", width = format.len())
        }
        _ => digits,
    }
}

fn date(moment: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    match (hour, minute, second) {
        (0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
    }
}

fn damaged() -> Finding {
    Finding::of_file("import.damaged", "")
}

#[cfg(test)]
mod tests {
    use crate::table::{Table, read as read_table};
    use rust_xlsxwriter::{ExcelDateTime as Moment, Format, Workbook, XlsxError};

    fn written(fill: impl Fn(&mut Workbook) -> Result<(), XlsxError>) -> Vec<u8> {
        let mut workbook = Workbook::new();
        fill(&mut workbook).expect("cells");
        workbook.save_to_buffer().expect("a workbook")
    }

    fn texts(table: &Table, at: usize) -> Vec<&str> {
        table.rows[at].cells.iter().map(|cell| cell.text.as_str()).collect()
    }

    #[test]
    fn numbers_keep_their_digits_zeros_and_dates() {
        let bytes = written(|workbook| {
            let sheet = workbook.add_worksheet();
            for (column, title) in ["名称", "编码", "电话", "许可证号", "经度", "日期"].iter().enumerate()
            {
                sheet.write_string(0, column as u16, *title)?;
            }
            sheet.write_string(1, 0, "甲")?;
            sheet.write_number(1, 1, 13_800_000_000.0)?;
            sheet.write_number_with_format(1, 2, 571_123.0, &Format::new().set_num_format("0000000"))?;
            sheet.write_number(1, 3, 911_101_080_000_000_017.0)?;
            sheet.write_number(1, 4, 116.391_234_5)?;
            let day = Moment::from_ymd(2026, 11, 5)?;
            sheet.write_datetime_with_format(1, 5, day, &Format::new().set_num_format("yyyy/m/d"))?;
            Ok(())
        });
        let table = read_table(&bytes).expect("a table");
        let row = texts(&table, 0);
        assert_eq!(row[..3], ["甲", "13800000000", "0571123"]);
        assert!(table.rows[0].cells[3].inexact && row[3].len() == 18);
        assert_eq!(row[4..], ["116.3912345", "2026-11-05"]);
    }

    #[test]
    fn the_sheet_with_the_register_is_read_below_its_merged_title() {
        let bytes = written(|workbook| {
            workbook.add_worksheet().set_name("说明")?.write_string(0, 0, "请填写第二页")?;
            let sheet = workbook.add_worksheet().set_name("登记表")?;
            sheet.merge_range(0, 0, 1, 3, "某县餐饮服务单位登记表", &Format::new())?;
            sheet.write_string(2, 1, "单位名称")?.write_string(2, 2, "地址")?;
            sheet.write_string(3, 1, "甲")?.write_string(3, 2, "一路")?;
            sheet.write_blank(20, 180, &Format::new().set_bold())?;
            sheet.write_string(5, 1, "乙")?;
            workbook.add_worksheet().set_name("作废")?.write_string(0, 0, "名称")?;
            Ok(())
        });
        let table = read_table(&bytes).expect("a table");
        assert_eq!(table.source.sheet.as_deref(), Some("登记表"));
        assert_eq!(table.source.other_sheets, ["说明", "作废"]);
        assert_eq!((table.header_row, table.headers.len()), (3, 3));
        assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [4, 6]);
    }

    #[test]
    fn a_header_of_two_rows_with_merged_cells_is_read_as_one() {
        let bytes = written(|workbook| {
            let (sheet, plain) = (workbook.add_worksheet(), Format::new());
            sheet.merge_range(0, 0, 0, 4, "某县登记表", &plain)?;
            for (column, title) in (0..).zip(["序号", "单位名称", "统一社会信用代码"]) {
                sheet.merge_range(1, column, 2, column, title, &plain)?;
            }
            sheet.merge_range(1, 3, 1, 4, "坐标", &plain)?;
            sheet.write_string(2, 3, "经度")?.write_string(2, 4, "纬度")?;
            sheet.write_number(3, 0, 1)?.write_string(3, 1, "甲")?.write_number(3, 3, 116.4)?;
            Ok(())
        });
        let table = read_table(&bytes).expect("a table");
        assert_eq!(table.headers, ["序号", "单位名称", "统一社会信用代码", "经度", "纬度"]);
        assert_eq!((table.header_row, table.rows[0].number, table.rows.len()), (3, 4, 1));
    }

    #[test]
    fn a_formula_that_was_never_calculated_is_no_empty_cell() {
        let bytes = |value: &str| {
            written(|workbook| {
                let sheet = workbook.add_worksheet();
                sheet.write_string(0, 0, "名称")?.write_string(0, 1, "代码")?.write_string(1, 0, "甲")?;
                sheet.write_formula(1, 1, rust_xlsxwriter::Formula::new("=A1&1").set_result(value))?;
                Ok(())
            })
        };
        assert_eq!(texts(&read_table(&bytes("AB1")).expect("a table"), 0), ["甲", "AB1"]);
        let empty = parts_changed(&bytes("AB1"), |part| part.replace("<v>AB1</v>", "<v></v>"));
        assert_eq!(texts(&read_table(&empty).expect("a table"), 0), ["甲"], "calculated as empty");
        let without =
            parts_changed(&bytes("AB1"), |part| part.replace("<v>AB1</v>", "").replace(" t=\"str\"", ""));
        let refused = read_table(&without).expect_err("refused");
        assert_eq!((refused.code, refused.value.as_str()), ("import.formula_without_value", "B2"));
    }

    /// Some kilobytes that would be sixteen gigabytes of cells, or hours of joining blanks.
    #[test]
    fn a_text_that_many_cells_share_counts_for_each() {
        let shared = |text: &str, cells: usize| {
            let one = written(|workbook| {
                workbook.add_worksheet().write_string(0, 0, "名称")?;
                Ok(())
            });
            let row = |at: usize| format!("<row r=\"{at}\">{}</row>", "<c t=\"s\"><v>0</v></c>".repeat(100));
            let rows: String = (2..2 + cells / 100).map(row).collect();
            parts_changed(&one, |part| {
                part.replace("<t>名称</t>", &format!("<t xml:space=\"preserve\">{text}</t>"))
                    .replace("</sheetData>", &(rows.clone() + "</sheetData>"))
            })
        };
        let code = |bytes: Vec<u8>| read_table(&bytes).expect_err("refused").code;
        assert_eq!(code(shared(&"x".repeat(8_000), 20_000)), "import.inflates_too_far");
        assert_eq!(code(shared(&" ".repeat(100_000), 20_000)), "import.inflates_too_far");
        assert_eq!(code(shared(&" ".repeat(1_000_000), 100)), "import.cell_too_long");
    }

    fn parts_changed(bytes: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
        use std::io::{Cursor, Read, Write};
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for index in 0..archive.len() {
            let mut part = archive.by_index(index).expect("a part");
            let (name, mut content) = (part.name().expect("a name").into_owned(), String::new());
            part.read_to_string(&mut content).expect("its content");
            writer.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).expect("a part");
            writer.write_all(change(&content).as_bytes()).expect("its content");
        }
        writer.finish().expect("an archive").into_inner()
    }

    /// A table over all of it would take half a terabyte.
    #[test]
    fn a_cell_in_the_last_corner_costs_nothing() {
        let bytes = written(|workbook| {
            let sheet = workbook.add_worksheet();
            sheet.write_string(0, 0, "名称")?.write_string(1_048_575, 0, "甲")?;
            Ok(())
        });
        assert_eq!(read_table(&bytes).expect("a table").rows[0].number, 1_048_576);
        let wide = written(|workbook| {
            workbook.add_worksheet().write_string(0, 0, "名称")?.write_string(1, 16_383, "甲")?;
            Ok(())
        });
        assert_eq!(read_table(&wide).expect_err("refused").code, "import.too_many_columns");
    }
}
