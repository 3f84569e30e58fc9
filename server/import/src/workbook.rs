//! Workbooks (.xlsx). Cells are read one at a time: a sheet that was formatted down to its last row
//! must not become a table of that size.

use crate::{
    export::unguarded,
    limits,
    messages::Finding,
    package,
    sniff::Format,
    table::{Cell, Grid, Source},
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
    let mut filled = Vec::new();
    for (at, name) in names.iter().enumerate().take(limits::SHEETS_MAX) {
        let grid = sheet(&mut workbook, name)?;
        if grid.rows.is_empty() {
            continue;
        }
        filled.push(at);
        let (_, fields) = grid.header();
        if best.as_ref().is_none_or(|(_, most, _)| fields > *most) {
            best = Some((at, fields, grid));
        }
        if fields >= FIELDS_SURE {
            break;
        }
    }
    let Some((at, _, grid)) = best else { return Err(Finding::of_file("import.empty", "")) };
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

fn sheet(workbook: &mut Workbook, name: &str) -> Result<Grid, Finding> {
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
