//! How much of a file is read, and why no more.

/// A register of 20,000 parties is 2 to 4 MB; gateways and memory are spared anything larger.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;
/// A county has some 20,000 parties; more come in several files, so that one report can be read.
pub const ROWS_MAX: usize = 20_000;
/// Registers have 10 to 60 columns; a sheet that was formatted to its right edge has 16,384.
pub const COLUMNS_MAX: usize = 200;
/// Beyond any attribute of a party. In CSV, mostly a quotation mark that was never closed.
pub const CELL_BYTES_MAX: usize = 8 * 1024;
/// What a spreadsheet itself lets a cell hold: 32,767 characters.
pub const STORED_CELL_BYTES_MAX: usize = 128 * 1024;
/// All texts of a workbook's cells: as much as its parts may inflate to, where no two cells share one.
pub const CELL_TEXTS_BYTES_MAX: usize = INFLATED_BYTES_MAX;
/// What the register takes as one line.
pub const FIELD_CHARS_MAX: usize = 256;
/// Title, subtitle, unit, date and notes above the header take a dozen rows at most.
pub const HEADER_SEARCH_ROWS_MAX: usize = 30;
/// A workbook keeps a sheet a year or a town; the register is one of the first.
pub const SHEETS_MAX: usize = 16;

/// All parts of a workbook inflated: the largest allowed sheet is half of it. A bomb inflates a
/// thousandfold.
pub const INFLATED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Parts of a workbook; pictures and drawings included, real ones have some hundred.
pub const PARTS_MAX: usize = 2_000;
/// Excel itself allows 64,000 cell formats; the parser keeps some hundred bytes of each.
pub const FORMATS_MAX: usize = 2 * 65_536;
/// A name or a code in the styles; the parser copies it for each format that uses it.
pub const STYLE_TEXT_BYTES_MAX: usize = 1_024;
/// Distinct texts of a workbook: a cell of every row and column is told apart below this.
pub const SHARED_TEXTS_MAX: u64 = 4_000_000;
