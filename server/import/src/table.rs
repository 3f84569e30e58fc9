//! A file as a table: the header row, found below titles and notes, and the rows under it.

use crate::{csv_text, encoding, limits, mapping, messages::Finding, normalise, sniff::Format, workbook};

/// A cell as people see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// One line, blanks joined; empty for an empty cell.
    pub text: String,
    /// A number too long for a spreadsheet: its last digits are not those that were typed.
    pub inexact: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// As the file counts them, from 1.
    pub number: u32,
    /// Up to the last one that is filled.
    pub cells: Vec<Cell>,
}

/// The filled rows of one sheet.
#[derive(Debug, Default)]
pub struct Grid {
    pub rows: Vec<Row>,
}

/// Where a grid's header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The place of its first row among the rows.
    pub at: usize,
    pub rows: usize,
    /// How many fields it names.
    pub named: usize,
}

/// What was read, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    pub format: Option<&'static str>,
    pub encoding: Option<&'static str>,
    pub sheet: Option<String>,
    pub other_sheets: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    pub source: Source,
    /// The number of the header's row, of two the lower one.
    pub header_row: u32,
    /// As many as the widest row has cells; empty where a column has none.
    pub headers: Vec<String>,
    /// Below the header; empty ones are left out.
    pub rows: Vec<Row>,
}

/// Reads a file that somebody handed in, whatever it is called.
pub fn read(bytes: &[u8]) -> Result<Table, Finding> {
    match Format::sniff(bytes)? {
        Format::Xlsx => {
            let (source, grid) = workbook::read(bytes)?;
            Table::of(source, grid)
        }
        Format::Csv => {
            let (text, encoding) = encoding::decode(bytes)?;
            let format = Some(Format::Csv.name());
            let source = Source { format, encoding: Some(encoding), ..Source::default() };
            Table::of(source, csv_text::read(&text)?)
        }
    }
}

impl Cell {
    pub fn text(text: &str) -> Self {
        // The limit is on what is kept; the line is not longer than the text it is made of.
        Self { text: normalise::line(text), inexact: false }
    }
}

impl Row {
    /// The text of a column, empty where the row is shorter.
    pub fn text(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |cell| &cell.text)
    }
}

impl Grid {
    /// Adds a row unless it is empty.
    pub fn push(&mut self, number: u32, mut cells: Vec<Cell>) -> Result<(), Finding> {
        let filled = cells.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |last| last + 1);
        cells.truncate(filled);
        if cells.is_empty() {
            return Ok(());
        }
        if cells.iter().any(|cell| cell.text.len() > limits::CELL_BYTES_MAX) {
            return Err(cell_too_long(number));
        }
        if self.rows.len() >= limits::ROWS_MAX + limits::HEADER_SEARCH_ROWS_MAX {
            return Err(too_many_rows());
        }
        self.rows.push(Row { number, cells });
        Ok(())
    }

    /// Where the header is: in the row that names most fields, or in two that name more together.
    pub fn header(&self) -> Header {
        let searched = &self.rows[..self.rows.len().min(limits::HEADER_SEARCH_ROWS_MAX)];
        let singles = (0..searched.len()).map(|at| self.header_of(at, 1));
        let pairs = (1..searched.len()).map(|at| self.header_of(at - 1, 2));
        let best = singles.chain(pairs).rev().max_by_key(|header| header.named);
        match best {
            Some(best) if best.named > 0 => best,
            // Nothing is recognised: below a title, which fills one cell, the header fills several.
            _ => {
                let filled = |row: &Row| row.cells.iter().filter(|cell| !cell.text.is_empty()).count() > 1;
                Header { at: searched.iter().position(filled).unwrap_or(0), rows: 1, named: 0 }
            }
        }
    }

    fn header_of(&self, at: usize, rows: usize) -> Header {
        let texts = self.header_texts(at, rows);
        Header { at, rows, named: mapping::recognised(texts.into_iter()) }
    }

    /// Of two rows the lower one goes first: where cells are merged downwards, it is empty.
    fn header_texts(&self, at: usize, rows: usize) -> Vec<&str> {
        let rows = self.rows.get(at..at + rows).unwrap_or_default();
        let width = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
        let text = |column| rows.iter().rev().map(|row| row.text(column)).find(|text| !text.is_empty());
        (0..width).map(|column| text(column).unwrap_or("")).collect()
    }
}

impl Table {
    pub fn of(source: Source, grid: Grid) -> Result<Self, Finding> {
        let header = grid.header();
        let mut headers: Vec<String> =
            grid.header_texts(header.at, header.rows).into_iter().map(str::to_owned).collect();
        let mut rows = grid.rows.into_iter().skip(header.at + header.rows - 1);
        let Some(Row { number: header_row, .. }) = rows.next() else {
            return Err(Finding::of_file("import.empty", ""));
        };
        let rows: Vec<Row> = rows.collect();
        if rows.is_empty() {
            return Err(Finding::of_file("import.no_rows", ""));
        }
        if rows.len() > limits::ROWS_MAX {
            return Err(too_many_rows());
        }
        let width = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
        headers.resize(width.max(headers.len()), String::new());
        Ok(Self { source, header_row, headers, rows })
    }

    /// The first filled cell of a column, so that somebody can see what is in it.
    pub fn example(&self, column: usize) -> &str {
        self.rows.iter().map(|row| row.text(column)).find(|text| !text.is_empty()).unwrap_or("")
    }
}

pub fn cell_too_long(row: u32) -> Finding {
    Finding::of_file("import.cell_too_long", format!("第 {row} 行 / row {row}"))
}

fn too_many_rows() -> Finding {
    Finding::of_file("import.too_many_rows", limits::ROWS_MAX.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_found_below_titles_and_notes() {
        let text = "某县餐饮服务单位登记表,,,\n填报单位：某局,,日期：2026-11-01,\n序号,单位名称,地址,备注\n1,甲,一路,\n";
        let table = read(text.as_bytes()).expect("a table");
        assert_eq!(table.header_row, 3);
        assert_eq!(table.headers, ["序号", "单位名称", "地址", "备注"]);
        assert_eq!((table.rows[0].number, table.rows[0].text(1), table.rows[0].text(3)), (4, "甲", ""));
        assert_eq!(table.example(2), "一路");
    }

    #[test]
    fn of_unknown_headers_the_first_row_with_several_cells_is_taken() {
        let table = read("登记表\n甲栏,乙栏\n1,2\n".as_bytes()).expect("a table");
        assert_eq!((table.header_row, table.headers.len()), (2, 2));
    }

    #[test]
    fn a_header_alone_and_blanks_alone_are_refused() {
        assert_eq!(read("名称,地址\n,\n".as_bytes()).expect_err("refused").code, "import.no_rows");
        assert_eq!(read(" \n,,\n".as_bytes()).expect_err("refused").code, "import.empty");
    }
}
