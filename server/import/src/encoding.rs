//! The encoding of a text: a byte order mark, else UTF-8 where it fits, else GB18030 where it is likely.
//! A file that was put together from two encodings is told, not read as one of them.

use crate::messages::Finding;
use encoding_rs::{Encoding, GB18030, UTF_8};

/// Of the double-byte characters of a Chinese text, all but rare names are the common ones of GB 2312.
/// Big5, Shift_JIS and Latin texts that happen to decode fall far below.
const COMMON_SHARE_MIN: f64 = 0.7;

/// Behind so many characters of three bytes a text was meant as UTF-8: in other encodings one of them is
/// a rare accident.
const UTF_8_SURE_CHARS: usize = 3;

/// The text, and the name of its encoding.
pub fn decode(bytes: &[u8]) -> Result<(String, &'static str), Finding> {
    let unknown = || Finding::of_file("import.unknown_encoding", "");
    let (text, encoding) = match Encoding::for_bom(bytes) {
        Some((encoding, mark_bytes)) => {
            let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark_bytes..]);
            (text.ok_or_else(unknown)?.into_owned(), encoding.name())
        }
        None => unmarked(bytes)?,
    };
    // UTF-16 without its mark, UTF-32, or no text.
    if text.contains('\0') { Err(unknown()) } else { Ok((text, encoding)) }
}

fn unmarked(bytes: &[u8]) -> Result<(String, &'static str), Finding> {
    let unknown = || Finding::of_file("import.unknown_encoding", "");
    match std::str::from_utf8(bytes) {
        Ok(text) => return Ok((text.to_owned(), UTF_8.name())),
        Err(error) => broken_off(&bytes[..error.valid_up_to()])?,
    }
    if !is_likely_chinese(bytes) {
        return Err(unknown());
    }
    let text = GB18030.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(unknown)?;
    Ok((text.into_owned(), GB18030.name()))
}

/// An error where the beginning can only be UTF-8: the rest is of another encoding, or was cut off.
fn broken_off(beginning: &[u8]) -> Result<(), Finding> {
    let beginning = String::from_utf8_lossy(beginning);
    if beginning.chars().filter(|symbol| symbol.len_utf8() > 2).nth(UTF_8_SURE_CHARS - 1).is_none() {
        return Ok(());
    }
    let line = beginning.matches('\n').count() + 1;
    Err(Finding::of_file("import.mixed_encoding", line.to_string()))
}

/// For a look at the first lines, whatever they are.
pub fn decode_loosely(bytes: &[u8]) -> String {
    let encoding = Encoding::for_bom(bytes).map_or(UTF_8, |(encoding, _)| encoding);
    encoding.decode(bytes).0.into_owned()
}

/// GB 2312 has signs and digits in rows A1 to A3 and the common characters in rows B0 to D7, columns A1
/// to FE. What else is in it, Greek, frames and rarer characters, is where other encodings end up.
fn is_likely_chinese(bytes: &[u8]) -> bool {
    let (mut pairs, mut common, mut at) = (0_u32, 0_u32, 0);
    while at + 1 < bytes.len() {
        let (lead, trail) = (bytes[at], bytes[at + 1]);
        at += match (lead, trail) {
            (0x00..=0x80, _) => 1,
            (_, 0x30..=0x39) => 4,
            _ => {
                pairs += 1;
                let in_row = matches!(lead, 0xA1..=0xA3 | 0xB0..=0xD7);
                common += u32::from(in_row && (0xA1..=0xFE).contains(&trail));
                2
            }
        };
    }
    f64::from(common) >= f64::from(pairs) * COMMON_SHARE_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "企业名称,地址\n某某餐馆（北店）,人民路１２号\n";

    #[test]
    fn chinese_texts_are_read_in_the_encodings_they_come_in() {
        let utf16 = |big: bool| -> Vec<u8> {
            let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
            format!("\u{feff}{TEXT}").encode_utf16().flat_map(unit).collect()
        };
        let cases: [(Vec<u8>, &str); 5] = [
            (TEXT.as_bytes().to_vec(), "UTF-8"),
            (format!("\u{feff}{TEXT}").into_bytes(), "UTF-8"),
            (utf16(false), "UTF-16LE"),
            (utf16(true), "UTF-16BE"),
            (GB18030.encode(TEXT).0.into_owned(), "gb18030"),
        ];
        for (bytes, name) in cases {
            assert_eq!(decode(&bytes).expect("a text"), (TEXT.to_owned(), name));
        }
    }

    #[test]
    fn a_rare_name_and_four_byte_characters_are_still_gb18030() {
        let text = "名称\n㛃䶮餐饮管理有限公司,朱镕基路\n";
        assert_eq!(decode(&GB18030.encode(text).0).expect("a text").0, text);
    }

    #[test]
    fn another_encoding_is_refused_and_not_guessed() {
        let big5 = |text: &str| encoding_rs::BIG5.encode(text).0.into_owned();
        let latin = |text: &str| encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
        let headless: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [
            big5("名稱,地址\n臺北餐館,中華路一段\n"),
            big5("name,address\n永和豆漿,民生東路\n"),
            latin("name,address\nCafé Zoë,Rue de l'Été\n"),
            latin("name,address\nGaréé,xéé\n"),
            headless,
            b"\xff\xff\xff\xff".to_vec(),
            b"name\0".to_vec(),
        ] {
            assert_eq!(decode(&bytes).expect_err("refused").code, "import.unknown_encoding");
        }
    }

    /// Its mark begins like that of UTF-16; every second character would be a NUL.
    #[test]
    fn utf_32_is_not_read_as_utf_16() {
        let utf32: Vec<u8> =
            format!("\u{feff}{TEXT}").chars().flat_map(|it| u32::from(it).to_le_bytes()).collect();
        assert_eq!(decode(&utf32).expect_err("refused").code, "import.unknown_encoding");
    }

    #[test]
    fn a_file_of_two_encodings_is_told_with_the_line_where_the_second_begins() {
        let mut mixed = TEXT.as_bytes().to_vec();
        mixed.extend(GB18030.encode("乙店,二路\n").0.iter());
        let refused = decode(&mixed).expect_err("refused");
        assert_eq!((refused.code, refused.value.as_str()), ("import.mixed_encoding", "3"));
        let cut = &TEXT.as_bytes()[..TEXT.len() - 2];
        assert_eq!(decode(cut).expect_err("refused").code, "import.mixed_encoding");
    }
}
