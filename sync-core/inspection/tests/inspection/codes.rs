//! Codes are stable, so every code in the sources is in the table, and every code in the table is in the
//! sources, the server's included.

use liuhen_inspection::codes::{CODES, titles};
use std::{collections::BTreeSet, fs, path::Path};

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("the sources") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.file_name().is_some_and(|name| name != "codes.rs") {
            text.push_str(&fs::read_to_string(path).expect("a source file"));
        }
    }
}

/// Every `"word.word"` with the first word of a known family.
fn codes_in(text: &str) -> BTreeSet<&str> {
    let families: BTreeSet<&str> = CODES.iter().filter_map(|known| known.code.split('.').next()).collect();
    let dotted = |quoted: &&str| {
        quoted.split_once('.').is_some_and(|(family, rest)| {
            families.contains(family) && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
    };
    text.split('"').filter(dotted).collect()
}

#[test]
fn every_refusal_has_titles_and_every_title_a_refusal() {
    let mut text = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
    let used = codes_in(&text);
    let known: BTreeSet<&str> = CODES.iter().map(|known| known.code).collect();
    let untitled: Vec<_> = used.difference(&known).collect();
    assert!(untitled.is_empty(), "without a title: {untitled:?}");
    let mut of_others = String::new();
    for above in ["../device/src", "../../server/src"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(above), &mut of_others);
    }
    let of_others = codes_in(&of_others);
    let unused: Vec<_> =
        known.iter().filter(|code| !used.contains(*code) && !of_others.contains(*code)).collect();
    assert!(unused.is_empty(), "in no source: {unused:?}");
    assert!(CODES.is_sorted_by(|a, b| a.code < b.code));
    assert_eq!(titles("task.already_done").map(|known| known.english), Some("The task is done"));
    assert_eq!(titles("task.nonsense"), None);
}
