//! `docs/protocol.md` names every code this crate and `trace` can give, and quotes what is true.

use std::{collections::BTreeSet, fs, path::Path};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The sources of a crate, tests inside them left out.
fn sources(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read(&path);
            found.push_str(text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default());
        }
    }
}

/// Quoted words of the form `family.some_words`.
fn codes(text: &str) -> BTreeSet<&str> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let is_code = |quoted: &&str| quoted.split_once('.').is_some_and(|(a, b)| is_word(a) && is_word(b));
    text.split('"').filter(is_code).collect()
}

#[test]
fn the_page_names_every_code() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = read(&here.join("../../docs/protocol.md"));
    let mut text = String::new();
    sources(&here.join("src"), &mut text);
    sources(&here.join("../trace/src"), &mut text);
    let found = codes(&text);
    assert!(found.len() > 60, "only {} codes were found", found.len());
    // Given by the verifier of a proof file, not by the protocol.
    let elsewhere = ["leaf.unknown_kind"];
    let missing: Vec<_> = found
        .into_iter()
        .filter(|code| !elsewhere.contains(code) && !page.contains(&format!("`{code}`")))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn the_page_quotes_the_kept_vectors() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = read(&here.join("../../docs/protocol.md")).replace([' ', '\n'], "");
    let message = read(&here.join("../trace/tests/golden/request_message.hex"));
    assert!(page.contains(message.trim()));
    let position = read(&here.join("tests/golden/position_first.hex"));
    assert!(page.contains(&format!("`position_first`:`{}`", position.trim())));
    let request = read(&here.join("tests/golden/request.hex"));
    assert!(request.starts_with("860183010181") && page.contains("`860183010181"));
}
