//! Nothing that somebody hands in ends the process, takes long, or is taken for what it is not.

use liuhen_import::{Field, Mapping, Overrides, Table, csv, message, read, subjects, xlsx};
use proptest::prelude::*;

/// Everything the server does with a file, short of the register.
fn take_in(bytes: &[u8]) -> Option<Table> {
    match read(bytes) {
        Ok(table) => {
            let mapping = Mapping::decide(&table, &Overrides::from([(Field::Name, 1)]));
            subjects(&table, &mapping.expect("the first column"), None);
            Some(table)
        }
        Err(finding) => {
            assert!(message(finding.code).is_some(), "{}", finding.code);
            None
        }
    }
}

fn workbook() -> Vec<u8> {
    let rows = [["甲", "一路", "13800000000"], ["乙", "二路", ""]];
    xlsx("登记表", &["名称", "地址", "电话"], rows.into_iter()).expect("a workbook")
}

/// The parts of a workbook one by one, so that a change reaches the parser behind the checksums.
fn with_part_changed(change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    use std::io::{Cursor, Read, Write};
    let mut archive = zip::ZipArchive::new(Cursor::new(workbook())).expect("an archive");
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).expect("a part");
        let name = part.name().expect("a name").into_owned();
        let mut content = Vec::new();
        part.read_to_end(&mut content).expect("its content");
        writer.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).expect("a part");
        writer.write_all(&change(&name, content)).expect("its content");
    }
    writer.finish().expect("an archive").into_inner()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        take_in(&bytes);
    }

    #[test]
    fn bytes_behind_every_known_beginning_never_panic(
        magic in prop::sample::select(vec![
            &b"PK\x03\x04"[..], b"PK\x05\x06", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", b"%PDF-", b"\xFF\xFE", b"\xFE\xFF",
            b"\xEF\xBB\xBF", b"<?xml", b"sep=;\n", b"\xFF\xD8\xFF",
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
    ) {
        take_in(&[magic, &bytes].concat());
    }

    #[test]
    fn a_workbook_with_flipped_bytes_never_panics(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = workbook();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        take_in(&bytes);
    }

    #[test]
    fn a_part_with_flipped_bytes_never_panics(
        wanted in 0_usize..12,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let seen = std::cell::Cell::new(0);
        let bytes = with_part_changed(|_, mut content| {
            let at = seen.replace(seen.get() + 1);
            if at == wanted && !content.is_empty() {
                for (place, byte) in &flips {
                    let place = place.index(content.len());
                    content[place] = *byte;
                }
                if let Some(cut) = cut {
                    content.truncate(cut.index(content.len()));
                }
            }
            content
        });
        take_in(&bytes);
    }

    #[test]
    fn whatever_is_exported_comes_back_as_the_same_lines(
        cells in prop::collection::vec("[=+@'\\-\\t ,;\"a-c0-9甲乙（）＝　]{0,12}", 1..6),
    ) {
        let rows = || cells.iter().map(|cell| ["甲", cell.as_str(), "末"]);
        let headers = ["名称", "地址", "类别"];
        for bytes in [csv(&headers, rows()), xlsx("表", &headers, rows()).expect("a workbook")] {
            let table = take_in(&bytes).expect("a table");
            for (row, cell) in table.rows.iter().zip(&cells) {
                let line = cell.split_whitespace().collect::<Vec<_>>().join(" ");
                // The register holds lines without blanks around them, and those come back exactly.
                if *cell == line {
                    prop_assert_eq!(row.text(1), line);
                }
            }
        }
    }
}

/// A hundred thousand parts of nothing, a sheet of rows that say they are elsewhere, and a text that
/// never ends a quotation take no longer than a file of their size.
#[test]
fn claims_of_a_sheet_take_no_time() {
    for (from, to) in [
        ("<dimension ref=\"A1:C3\"/>", "<dimension ref=\"A1:XFD1048576\"/>"),
        ("r=\"2\"", "r=\"4294967295\""),
        ("r=\"A2\"", "r=\"A99999999999999\""),
        ("r=\"A2\"", "r=\"ZZZZZZZZZ2\""),
        ("<v>3</v>", "<v>18446744073709551615</v>"),
        ("count=\"1\"", "count=\"4294967295\""),
    ] {
        let bytes = with_part_changed(|_, content| match String::from_utf8(content) {
            Ok(text) => text.replace(from, to).into_bytes(),
            Err(binary) => binary.into_bytes(),
        });
        take_in(&bytes);
    }
}

/// A city's real register, read as it is published: every row, no code or place lost.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test's settings come from the environment")]
fn the_citys_register_is_read_whole() {
    let Some(city) = std::env::var_os("LIUHEN_CITY_DATA") else {
        println!("skipped: LIUHEN_CITY_DATA does not name the city's set");
        return;
    };
    let bytes =
        std::fs::read(std::path::Path::new(&city).join("establishments.csv")).expect("the city's set");
    let table = read(&bytes).expect("a table");
    assert_eq!((table.header_row, table.rows.len()), (1, 2_209));
    let mapping = Mapping::suggest(&table.headers);
    let read = subjects(&table, &mapping, None);
    let errors: Vec<_> =
        read.findings.iter().filter(|it| it.severity == liuhen_import::Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let first = &read.subjects[0];
    assert_eq!((first.name.as_str(), first.code.as_str()), ("1509 Populace LLC", "226550"));
    assert_eq!(read.subjects[1].code, "065464", "the leading zero of a licence stays");
    let placed = read.subjects.iter().filter(|it| it.place.is_some()).count();
    assert!(placed > 2_000, "{placed} places");
    let converted = encoding_of(&bytes);
    assert_eq!(liuhen_import::read(&converted).expect("a table").rows, table.rows, "UTF-16 reads the same");
}

fn encoding_of(utf8: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(utf8.to_vec()).expect("UTF-8");
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}
