//! Everything the import has to say, in Chinese and English. Codes are stable: a retired one is never
//! used again for something else.

use crate::mapping::Field;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing of the file is taken over.
    Error,
    /// Worth a look; the file is taken over.
    Warning,
}

/// Something about a row, or about the whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// As the file counts them, from 1; `None` for the whole file.
    pub row: Option<u32>,
    pub field: Option<Field>,
    pub code: &'static str,
    pub severity: Severity,
    /// What was found there: the text of the cell, or the other row.
    pub value: String,
}

/// A code with its texts. `{}` stands for the finding's value.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    pub code: &'static str,
    pub chinese: &'static str,
    pub english: &'static str,
}

impl Finding {
    pub fn error(row: u32, field: Field, code: &'static str, value: impl Into<String>) -> Self {
        let value = shortened(value.into());
        Self { row: Some(row), field: Some(field), code, severity: Severity::Error, value }
    }

    pub fn warning(row: u32, field: Field, code: &'static str, value: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(row, field, code, value) }
    }

    /// The file cannot be taken over as a whole.
    pub fn of_file(code: &'static str, value: impl Into<String>) -> Self {
        let value = shortened(value.into());
        Self { row: None, field: None, code, severity: Severity::Error, value }
    }

    /// Something to know about the whole file.
    pub fn note(code: &'static str, value: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::of_file(code, value) }
    }

    pub fn chinese(&self) -> String {
        message(self.code).map_or_else(|| self.code.to_owned(), |it| it.chinese.replace("{}", &self.value))
    }

    pub fn english(&self) -> String {
        message(self.code).map_or_else(|| self.code.to_owned(), |it| it.english.replace("{}", &self.value))
    }
}

/// A report shows enough of a cell to find it.
const VALUE_CHARS_MAX: usize = 80;

fn shortened(value: String) -> String {
    match value.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value,
    }
}

/// The texts of a code.
pub fn message(code: &str) -> Option<&'static Message> {
    MESSAGES.binary_search_by(|known| known.code.cmp(code)).ok().map(|at| &MESSAGES[at])
}

const fn text(code: &'static str, chinese: &'static str, english: &'static str) -> Message {
    Message { code, chinese, english }
}

/// Ascending by code.
const MESSAGES: &[Message] = &[
    text("import.bad_mapping", "列的对应关系不正确：{}", "The columns are assigned wrongly: {}"),
    text(
        "import.cell_error",
        "单元格是公式错误值“{}”，请改正后再导入",
        "The cell shows the error {}; mend it and import again",
    ),
    text(
        "import.cell_too_long",
        "{}：单元格内容过长，可能是引号没有成对",
        "{}: a cell is too long; a quotation mark may not be closed",
    ),
    text(
        "import.damaged",
        "文件已损坏或不完整，请用 Excel 或 WPS 打开，另存为 .xlsx 后再导入",
        "The file is damaged or cut off; open it, save it as .xlsx and import that",
    ),
    text("import.empty", "文件中没有内容", "There is nothing in the file"),
    text(
        "import.encrypted",
        "文件设有打开密码，请取消密码保护后再导入",
        "The file is encrypted; remove its password and import it again",
    ),
    text(
        "import.format_html",
        "这是网页格式的表格（扩展名可能是 .xls），请打开后另存为 .xlsx 再导入",
        "This is an HTML page, whatever its name says; open it, save it as .xlsx and import that",
    ),
    text(
        "import.format_ods",
        "暂不支持 .ods，请另存为 .xlsx 后再导入",
        "OpenDocument tables are not read; save it as .xlsx and import that",
    ),
    text(
        "import.format_pdf",
        "这是 PDF 文件，请提供表格原件（.xlsx 或 .csv）",
        "This is a PDF; hand in the table it was made from (.xlsx or .csv)",
    ),
    text(
        "import.format_picture",
        "这是图片，请提供表格原件（.xlsx 或 .csv）",
        "This is a picture; hand in the table itself (.xlsx or .csv)",
    ),
    text(
        "import.format_spreadsheet_ml",
        "这是 XML 表格（Excel 2003），扩展名与内容不符，请打开后另存为 .xlsx 再导入",
        "This is an XML Spreadsheet 2003, whatever its name says; open it, save it as .xlsx and import that",
    ),
    text(
        "import.format_unknown",
        "无法识别的文件，请提供 .xlsx 或 .csv",
        "This file is not a table; hand in .xlsx or .csv",
    ),
    text(
        "import.format_xls",
        "暂不支持 Excel 97-2003 格式（.xls、.et），请另存为 .xlsx 后再导入",
        "Excel 97-2003 workbooks are not read; save it as .xlsx and import that",
    ),
    text(
        "import.format_xlsb",
        "暂不支持 .xlsb，请另存为 .xlsx 后再导入",
        "Binary workbooks are not read; save it as .xlsx and import that",
    ),
    text(
        "import.formula_without_value",
        "单元格 {} 的公式没有计算结果，请用 Excel 或 WPS 打开文件，保存后再导入",
        "The formula in cell {} was never calculated; open the file in a spreadsheet, save it and import that",
    ),
    text(
        "import.inflates_too_far",
        "文件解压后过大，请只保留需要导入的工作表，另存后再导入",
        "The file inflates too far; keep only the sheet to import, save it and import that",
    ),
    text(
        "import.mixed_encoding",
        "第 {} 行起文字编码与前面不同，或文件被截断，请另存为 UTF-8 编码的 CSV 或 .xlsx 后再导入",
        "From line {} on the text is in another encoding, or was cut off; save it as CSV in UTF-8 or as .xlsx",
    ),
    text("import.no_name_column", "没有找到“名称”列，请指定", "No column for the name was found; choose one"),
    text("import.no_rows", "表头下面没有数据", "There are no rows below the header"),
    text(
        "import.other_sheets",
        "只导入一个工作表，其余未导入：{}",
        "Only one sheet is imported; left out: {}",
    ),
    text(
        "import.quote_open",
        "第 {} 行有一个引号没有成对，其后的内容都在同一个单元格里",
        "A quotation mark in row {} is not closed; all that follows is in one cell",
    ),
    text(
        "import.too_large",
        "文件超过 {}，请分成几个文件导入",
        "The file is larger than {}; import it in parts",
    ),
    text(
        "import.too_many_columns",
        "超过 {} 列，请删除多余的列",
        "More than {} columns; remove those that are not needed",
    ),
    text(
        "import.too_many_rows",
        "超过 {} 行，请分成几个文件导入",
        "More than {} rows; import them in several files",
    ),
    text(
        "import.unknown_encoding",
        "无法识别文字编码，请另存为 UTF-8 编码的 CSV 或 .xlsx 后再导入",
        "The encoding of the text is not recognised; save it as CSV in UTF-8 or as .xlsx",
    ),
    text(
        "subject.ambiguous",
        "登记册中有多个对象与本行相符：{}",
        "Several parties of the register fit this row: {}",
    ),
    text(
        "subject.code_check_digit",
        "统一社会信用代码“{}”的校验码不正确，请核对",
        "The check digit of the credit code {} is wrong; compare it with the licence",
    ),
    text(
        "subject.datum_missing",
        "没有注明坐标系，按 WGS-84 处理；国内地图的坐标多为 GCJ-02 或 BD-09",
        "No datum is given; coordinates are taken as WGS-84, though those of Chinese maps are mostly not",
    ),
    text(
        "subject.datum_unknown",
        "坐标系“{}”无法识别，请填写 WGS-84、GCJ-02、BD-09 或 CGCS2000",
        "Unknown datum {}: WGS-84, GCJ-02, BD-09 or CGCS2000",
    ),
    text(
        "subject.digits_lost",
        "“{}”是数值格式，末尾数字已丢失；请把该列设为文本格式，重新填写",
        "{} was stored as a number and has lost digits; format the column as text and enter it again",
    ),
    text("subject.duplicate_row", "与第 {} 行完全相同，已略过", "The same as row {}; left out"),
    text("subject.name_missing", "名称不能为空", "The name is missing"),
    text(
        "subject.place_incomplete",
        "经度和纬度须同时填写，本行坐标未采用",
        "Latitude and longitude come together; the coordinates of this row are not used",
    ),
    text("subject.place_malformed", "“{}”不是坐标", "{} is no coordinate"),
    text("subject.place_out_of_range", "坐标“{}”超出范围", "The coordinates {} are out of range"),
    text(
        "subject.place_swapped",
        "经度和纬度疑似填反，已对调：{}",
        "Latitude and longitude seem to be swapped and were put right: {}",
    ),
    text("subject.place_zero", "坐标为 0, 0，视为未填写", "The coordinates are 0, 0, taken as not given"),
    text(
        "subject.same_code",
        "代码与第 {} 行相同而名称或地址不同，按两个对象处理",
        "The code is that of row {} while name or address differ; taken as two parties",
    ),
    text(
        "subject.same_place_twice",
        "与第 {} 行的代码、名称、地址相同，其他内容不同",
        "Code, name and address are those of row {}, other fields differ",
    ),
    text(
        "subject.seems_total",
        "“{}”像是合计行，不是监管对象；如果是，请从文件中删除本行",
        "{} looks like a row of totals and not like a party; if it is, remove the row",
    ),
    text("subject.text_too_long", "内容过长（上限 256 个字）：{}", "Too long (at most 256 characters): {}"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_once_in_order_and_speaks_both_languages() {
        assert!(MESSAGES.windows(2).all(|pair| pair[0].code < pair[1].code));
        for message in MESSAGES {
            assert!(!message.chinese.is_ascii() && message.english.is_ascii(), "{}", message.code);
            assert_eq!(message.chinese.contains("{}"), message.english.contains("{}"), "{}", message.code);
        }
    }

    #[test]
    fn a_long_cell_is_shortened_and_the_value_stands_in_the_text() {
        let finding = Finding::error(3, Field::Name, "subject.text_too_long", "长".repeat(200));
        assert_eq!(finding.value.chars().count(), VALUE_CHARS_MAX + 1);
        assert!(finding.chinese().ends_with('…'));
    }
}
