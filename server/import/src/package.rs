//! Whether a workbook may be given to the parser, which keeps what a file claims to hold: every part
//! is inflated once into nothing and counted, and the claims that make the parser take memory ahead
//! are read first.

use crate::{limits, messages::Finding};
use std::io::{Cursor, Read};

/// Read at a time; a claim that lies across two pieces is seen whole by keeping the end of the last.
const PIECE_BYTES: usize = 64 * 1024;

/// What a part may hold besides its share of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Styles,
    SharedTexts,
    Other,
}

/// The parts as the parser finds them: by the end of their path, whatever its case.
fn part(path: &str) -> Part {
    let path = path.to_ascii_lowercase();
    match path {
        _ if path.ends_with("styles.xml") => Part::Styles,
        _ if path.ends_with("sharedstrings.xml") => Part::SharedTexts,
        _ => Part::Other,
    }
}

pub fn check(bytes: &[u8]) -> Result<(), Finding> {
    let damaged = || Finding::of_file("import.damaged", "");
    let too_far = || Finding::of_file("import.inflates_too_far", "");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged())?;
    if archive.len() > limits::PARTS_MAX {
        return Err(too_far());
    }
    let mut left = limits::INFLATED_BYTES_MAX;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(|_| damaged())?;
        let part = part(&String::from_utf8_lossy(file.name_raw()));
        let mut scan = Scan::default();
        let mut piece = vec![0; PIECE_BYTES];
        // A checksum that does not fit is no reason to refuse what the parser may never read.
        while let Ok(read @ 1..) = file.read(&mut piece) {
            left = left.checked_sub(read).ok_or_else(too_far)?;
            if !scan.allows(part, &piece[..read]) {
                return Err(too_far());
            }
        }
    }
    Ok(())
}

/// Counts over the pieces of one part.
#[derive(Default)]
struct Scan {
    formats: usize,
    text_bytes: usize,
    /// The end of the piece before.
    tail: Vec<u8>,
}

/// Longer than any claim that is looked for.
const TAIL_BYTES: usize = 64;
const FORMAT: &[u8] = b"<xf";
const CLAIM: &[u8] = b"uniqueCount";

impl Scan {
    fn allows(&mut self, part: Part, piece: &[u8]) -> bool {
        match part {
            Part::Other => true,
            Part::Styles => self.allows_styles(piece),
            Part::SharedTexts => self.allows_claims(piece),
        }
    }

    /// Prefixed names (`x:xf`) are not counted; the length of the part alone bounds them.
    fn allows_styles(&mut self, piece: &[u8]) -> bool {
        for byte in piece {
            self.text_bytes = if matches!(byte, b'<' | b'"' | b'\'') { 0 } else { self.text_bytes + 1 };
            if self.text_bytes > limits::STYLE_TEXT_BYTES_MAX || *byte == 0 {
                return false;
            }
        }
        let joined = self.join(piece);
        let old_end = joined.len() - piece.len();
        let ends_here = |at: &usize| at + FORMAT.len() > old_end;
        self.formats += places(&joined, FORMAT).filter(ends_here).count();
        self.formats <= limits::FORMATS_MAX
    }

    /// A number of texts that the parser would make room for at once.
    fn allows_claims(&mut self, piece: &[u8]) -> bool {
        // In UTF-16 the claim could not be read here, and would be by the parser.
        if piece.contains(&0) {
            return false;
        }
        let joined = self.join(piece);
        places(&joined, CLAIM).all(|at| {
            let after = &joined[at + CLAIM.len()..];
            let number = after.iter().skip_while(|byte| !byte.is_ascii_digit() && **byte != b'>');
            let digits: Vec<u8> = number.take_while(|byte| byte.is_ascii_digit()).copied().collect();
            let number = String::from_utf8_lossy(&digits);
            number.is_empty() || number.parse().is_ok_and(|count: u64| count <= limits::SHARED_TEXTS_MAX)
        })
    }

    fn join(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut joined = std::mem::take(&mut self.tail);
        joined.extend_from_slice(piece);
        self.tail = joined[joined.len().saturating_sub(TAIL_BYTES)..].to_vec();
        joined
    }
}

fn places<'a>(bytes: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(wanted.len()).enumerate().filter(move |(_, it)| *it == wanted).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    fn archive(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (path, content) in parts {
            writer.start_file(*path, SimpleFileOptions::default()).expect("a part");
            writer.write_all(content).expect("its content");
        }
        writer.finish().expect("an archive").into_inner()
    }

    fn refused(path: &str, content: Vec<u8>) -> bool {
        let checked = check(&archive(&[("xl/workbook.xml", b"<workbook/>".to_vec()), (path, content)]));
        checked.is_err_and(|finding| finding.code == "import.inflates_too_far")
    }

    #[test]
    fn a_bomb_is_refused_before_the_parser_sees_it() {
        let bomb = archive(&[("xl/worksheets/sheet1.xml", vec![b' '; limits::INFLATED_BYTES_MAX + 1])]);
        assert!(bomb.len() < limits::BYTES_MAX / 100);
        assert_eq!(check(&bomb).expect_err("refused").code, "import.inflates_too_far");
    }

    /// The parser reserves what the attribute says: a number of this size ended the process.
    #[test]
    fn a_claim_of_a_million_million_texts_is_refused() {
        let claim = |count: &str| format!("<sst {} uniqueCount = '{count}'/>", " ".repeat(PIECE_BYTES - 10));
        assert!(refused("xl/SharedStrings.xml", claim("999999999999").into_bytes()));
        assert!(refused("xl/sharedStrings.xml", claim("99999999999999999999999").into_bytes()));
        assert!(!refused("xl/sharedStrings.xml", claim("20000").into_bytes()));
        let utf16 = "<sst uniqueCount='9'/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(refused("xl/sharedStrings.xml", utf16));
    }

    #[test]
    fn styles_that_the_parser_would_copy_without_end_are_refused() {
        assert!(refused("xl/styles.xml", format!("<font name=\"{}\"/>", "a".repeat(2_000)).into_bytes()));
        assert!(refused("xl/styles.xml", "<xf/>".repeat(limits::FORMATS_MAX + 1).into_bytes()));
        assert!(!refused("xl/styles.xml", "<xf/>".repeat(60_000).into_bytes()));
    }

    #[test]
    fn too_many_parts_are_refused() {
        let names: Vec<String> = (0..=limits::PARTS_MAX).map(|at| format!("xl/{at}.xml")).collect();
        let parts: Vec<_> = names.iter().map(|name| (name.as_str(), Vec::new())).collect();
        assert_eq!(check(&archive(&parts)).expect_err("refused").code, "import.inflates_too_far");
    }
}
