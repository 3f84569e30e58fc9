//! What a file is, by its content: names lie, mostly by accident.

use crate::{encoding, limits, messages::Finding};
use std::io::Cursor;

/// A file that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Xlsx,
    Csv,
}

const COMPOUND_FILE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
/// First bytes of pictures.
const PICTURES: &[&[u8]] = &[b"\x89PNG", b"\xFF\xD8\xFF", b"GIF8", b"II*\0", b"MM\0*"];
/// First bytes of archives and programs that are no table whatever is in them.
const OTHERS: &[&[u8]] = &[b"Rar!", b"7z\xBC\xAF", b"\x1F\x8B", b"MZ", b"\x7FELF", b"{\\rtf"];
/// A PDF may begin with some bytes of its own.
const PDF_SEARCH_BYTES_MAX: usize = 1024;
/// Markup tells what it is in its first lines.
const MARKUP_SEARCH_BYTES_MAX: usize = 4096;

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
        }
    }

    /// Or what it is instead, and what to do.
    pub fn sniff(bytes: &[u8]) -> Result<Self, Finding> {
        let refuse = |code| Err(Finding::of_file(code, ""));
        if bytes.is_empty() {
            return refuse("import.empty");
        }
        if bytes.len() > limits::BYTES_MAX {
            return Err(Finding::of_file("import.too_large", format!("{} MiB", limits::BYTES_MAX >> 20)));
        }
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            return archive(bytes);
        }
        if bytes.starts_with(COMPOUND_FILE) {
            return refuse(compound_file(bytes));
        }
        if contains(head(bytes, PDF_SEARCH_BYTES_MAX), b"%PDF-") {
            return refuse("import.format_pdf");
        }
        if is_picture(bytes) {
            return refuse("import.format_picture");
        }
        if OTHERS.iter().any(|magic| bytes.starts_with(magic)) {
            return refuse("import.format_unknown");
        }
        match markup(bytes) {
            Some(code) => refuse(code),
            None => Ok(Self::Csv),
        }
    }
}

fn is_picture(bytes: &[u8]) -> bool {
    let bitmap = bytes.starts_with(b"BM") && bytes.get(6..10) == Some(&[0; 4]);
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let heic = bytes.get(4..8) == Some(b"ftyp");
    bitmap || webp || heic || PICTURES.iter().any(|magic| bytes.starts_with(magic))
}

/// Office documents are ZIP archives that differ in their parts.
fn archive(bytes: &[u8]) -> Result<Format, Finding> {
    let refuse = |code| Err(Finding::of_file(code, ""));
    let Ok(archive) = zip::ZipArchive::new(Cursor::new(bytes)) else { return refuse("import.damaged") };
    let has = |end: &str| archive.file_names().flatten().any(|name| name.to_ascii_lowercase().ends_with(end));
    if has("workbook.xml") {
        Ok(Format::Xlsx)
    } else if has("workbook.bin") {
        refuse("import.format_xlsb")
    } else if contains(head(bytes, PDF_SEARCH_BYTES_MAX), b"opendocument.spreadsheet") {
        refuse("import.format_ods")
    } else {
        refuse("import.format_unknown")
    }
}

/// Compound files hold encrypted workbooks and those of Excel 97-2003, which the names of their
/// streams tell. They are not read: the parser at hand takes as much memory as a file claims to need.
fn compound_file(bytes: &[u8]) -> &'static str {
    let has = |name: &str| {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        contains(bytes, &name)
    };
    if has("EncryptedPackage") {
        "import.encrypted"
    } else if has("Workbook") || has("Book\0") {
        "import.format_xls"
    } else {
        "import.format_unknown"
    }
}

/// Web pages and XML that carry the name of a spreadsheet.
fn markup(bytes: &[u8]) -> Option<&'static str> {
    let head = encoding::decode_loosely(head(bytes, MARKUP_SEARCH_BYTES_MAX)).to_lowercase();
    let head = head.trim_start();
    let begins = |tags: &[&str]| tags.iter().any(|tag| head.starts_with(tag));
    if begins(&["<html", "<!doctype html", "<table", "<meta", "<head", "<style", "mime-version:"]) {
        return Some("import.format_html");
    }
    let markup = head.strip_prefix('<').is_some_and(|it| it.starts_with(|it: char| it.is_ascii_alphabetic()));
    if markup && (head.contains("<table") || head.contains("</")) {
        return Some("import.format_html");
    }
    if begins(&["<?xml", "<workbook", "<!--"]) {
        let says = |text| head.contains(text);
        return Some(match head {
            _ if says("schemas-microsoft-com:office:spreadsheet") || says("progid=\"excel.sheet\"") => {
                "import.format_spreadsheet_ml"
            }
            _ if says("<html") || says("<table") => "import.format_html",
            _ => "import.format_unknown",
        });
    }
    None
}

fn head(bytes: &[u8], length_max: usize) -> &[u8] {
    &bytes[..bytes.len().min(length_max)]
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use zip::write::SimpleFileOptions;

    fn refused(bytes: &[u8]) -> &'static str {
        Format::sniff(bytes).expect_err("refused").code
    }

    fn compound(stream: &str) -> Vec<u8> {
        let name = stream.encode_utf16().flat_map(u16::to_le_bytes);
        COMPOUND_FILE.iter().copied().chain([0; 500]).chain(name).chain([0; 100]).collect()
    }

    #[test]
    fn what_is_no_table_is_told_by_what_it_is() {
        assert_eq!(refused(b""), "import.empty");
        assert_eq!(refused(b"\n%PDF-1.7 ..."), "import.format_pdf");
        assert_eq!(refused(b"\xFF\xD8\xFF\xE0JFIF"), "import.format_picture");
        assert_eq!(refused(b"\x00\x00\x00\x18ftypheic"), "import.format_picture");
        assert_eq!(refused(b"PK\x03\x04 cut off"), "import.damaged");
        assert_eq!(refused(b"Rar!\x1A\x07"), "import.format_unknown");
        assert_eq!(refused(&compound("EncryptedPackage")), "import.encrypted");
        assert_eq!(refused(&compound("Workbook")), "import.format_xls");
        assert_eq!(refused(&compound("WordDocument")), "import.format_unknown");
        assert_eq!(refused(&vec![b'a'; limits::BYTES_MAX + 1]), "import.too_large");
    }

    #[test]
    fn archives_are_told_by_their_parts() {
        let archive = |path: &str, content: &[u8]| {
            let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
            writer.start_file(path, stored).expect("a part");
            writer.write_all(content).expect("its content");
            writer.finish().expect("an archive").into_inner()
        };
        assert_eq!(Format::sniff(&archive("xl/workbook.xml", b"")), Ok(Format::Xlsx));
        assert_eq!(refused(&archive("xl/workbook.bin", b"")), "import.format_xlsb");
        let open_document = archive("mimetype", b"application/vnd.oasis.opendocument.spreadsheet");
        assert_eq!(refused(&open_document), "import.format_ods");
        assert_eq!(refused(&archive("word/document.xml", b"")), "import.format_unknown");
    }

    #[test]
    fn markup_named_as_a_workbook_is_told() {
        let spreadsheet_ml =
            "<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?>\n<Workbook/>";
        assert_eq!(refused(spreadsheet_ml.as_bytes()), "import.format_spreadsheet_ml");
        assert_eq!(refused("\u{feff}\r\n<html xmlns:o=\"urn\">".as_bytes()), "import.format_html");
        assert_eq!(refused(b"<table border=1><tr><td>"), "import.format_html");
        let utf16: Vec<u8> = "\u{feff}<HTML>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(refused(&utf16), "import.format_html");
    }

    #[test]
    fn plain_text_is_a_table_whatever_it_says() {
        assert_eq!(Format::sniff("名称,地址\n甲,乙\n".as_bytes()), Ok(Format::Csv));
        assert_eq!(Format::sniff(b"BM Markt,1\n"), Ok(Format::Csv));
    }
}
