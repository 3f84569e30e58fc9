//! One CSV file, read so that an error names file, line and column.

use std::{fmt, fs, path::Path};

/// Where a set is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenCsv {
    pub file: String,
    /// From 1; the header is line 1. Absent when the file cannot be read at all.
    pub line: Option<u64>,
    pub column: Option<String>,
    pub what: String,
}

impl fmt::Display for BrokenCsv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for BrokenCsv {}

/// A file with the columns that were asked for, in that order.
pub struct Table {
    file: String,
    columns: &'static [&'static str],
    rows: Vec<Row>,
}

pub struct Row {
    line: u64,
    values: Vec<String>,
}

/// A row with what is needed to speak about it.
#[derive(Clone, Copy)]
pub struct RowRef<'a> {
    table: &'a Table,
    row: &'a Row,
}

impl Table {
    pub fn read(folder: &Path, name: &str, columns: &'static [&'static str]) -> Result<Self, BrokenCsv> {
        let file = folder.join(name).display().to_string();
        let broken = |what: String| BrokenCsv { file: file.clone(), line: None, column: None, what };
        let bytes = fs::read(&file).map_err(|error| broken(error.to_string()))?;
        Self::parse(file.clone(), &bytes, columns)
    }

    pub fn parse(file: String, bytes: &[u8], columns: &'static [&'static str]) -> Result<Self, BrokenCsv> {
        let mut reader = csv::Reader::from_reader(bytes);
        let header = reader.byte_headers().map_err(|error| broken_row(&file, None, &error))?.clone();
        let header: Vec<String> =
            header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        let places = columns
            .iter()
            .map(|column| {
                header.iter().position(|name| name == column).ok_or_else(|| BrokenCsv {
                    file: file.clone(),
                    line: Some(1),
                    column: Some((*column).to_owned()),
                    what: format!("the column is missing; there are: {}", header.join(", ")),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| broken_row(&file, Some(&header), &error))?;
            let line = record.position().map_or(0, csv::Position::line);
            let values = places.iter().map(|&at| record[at].trim().to_owned()).collect();
            rows.push(Row { line, values });
        }
        Ok(Self { file, columns, rows })
    }

    pub fn rows(&self) -> impl Iterator<Item = RowRef<'_>> {
        self.rows.iter().map(|row| RowRef { table: self, row })
    }
}

impl<'a> RowRef<'a> {
    pub fn line(&self) -> u64 {
        self.row.line
    }

    pub fn file(&self) -> &'a str {
        &self.table.file
    }

    /// Asking for a column that was not named when the table was read is a mistake in this program.
    pub fn text(&self, column: &str) -> &'a str {
        let at = self.table.columns.iter().position(|name| *name == column);
        &self.row.values[at.expect("only columns named at reading are asked for")]
    }

    /// Empty means absent.
    pub fn optional<T>(
        &self,
        column: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, BrokenCsv> {
        if self.text(column).is_empty() { Ok(None) } else { self.required(column, parse).map(Some) }
    }

    pub fn required<T>(&self, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, BrokenCsv> {
        let text = self.text(column);
        parse(text).ok_or_else(|| self.broken(column, format!("{text:?} cannot be read")))
    }

    pub fn broken(&self, column: &str, what: String) -> BrokenCsv {
        BrokenCsv {
            file: self.table.file.clone(),
            line: Some(self.row.line),
            column: Some(column.to_owned()),
            what,
        }
    }
}

fn broken_row(file: &str, header: Option<&[String]>, error: &csv::Error) -> BrokenCsv {
    let (line, column, what) = match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => (
            pos.as_ref().map(csv::Position::line),
            None,
            format!("{len} fields where the header has {expected_len}"),
        ),
        csv::ErrorKind::Utf8 { pos, err } => (
            pos.as_ref().map(csv::Position::line),
            header.and_then(|header| header.get(err.field()).cloned()),
            "not UTF-8; save the file as UTF-8 and try again".to_owned(),
        ),
        _ => (error.position().map(csv::Position::line), None, error.to_string()),
    };
    BrokenCsv { file: file.to_owned(), line, column, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<Table, BrokenCsv> {
        Table::parse("x.csv".into(), text, &["b", "a"])
    }

    #[test]
    fn columns_are_found_by_name_and_quoted_fields_read_whole() {
        let table = parse("\u{feff}a,extra,b\n1,,\"two, \"\"2\"\"\nlines\"\n3,x,4\n".as_bytes()).unwrap();
        let rows: Vec<_> = table.rows().collect();
        assert_eq!((rows[0].text("a"), rows[0].text("b")), ("1", "two, \"2\"\nlines"));
        assert_eq!((rows[0].line(), rows[1].line()), (2, 4));
    }

    #[test]
    fn a_broken_file_names_line_and_column() {
        let said = |text: &[u8]| parse(text).map(|_| ()).unwrap_err().to_string();
        assert_eq!(said(b"a,c\n1,2\n"), "x.csv, line 1, column b: the column is missing; there are: a, c");
        assert_eq!(said(b"a,b\n1,2\n1,2,3\n"), "x.csv, line 3: 3 fields where the header has 2");
        let latin = said(b"a,b\n1,2\n1,\xe9\n");
        assert_eq!(latin, "x.csv, line 3, column b: not UTF-8; save the file as UTF-8 and try again");
    }

    #[test]
    fn a_value_that_cannot_be_read_names_its_place() {
        let table = parse(b"a,b\n1,x\n").unwrap();
        let row = table.rows().next().unwrap();
        let error = row.required("b", |text| text.parse::<u8>().ok()).unwrap_err();
        assert_eq!(error.to_string(), "x.csv, line 2, column b: \"x\" cannot be read");
        assert_eq!(row.optional("a", |text| text.parse::<u8>().ok()), Ok(Some(1)));
    }
}
