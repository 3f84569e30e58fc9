//! Byte vectors that are kept: a change of any of them is a change of the protocol.

use std::{env, fs, path::Path};

/// Compares with `tests/golden/NAME.hex`. With `LIUHEN_WRITE_GOLDEN` set it writes the file instead.
#[track_caller]
pub fn assert_golden(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.hex"));
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: String =
        hex.as_bytes().chunks(64).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect();
    if is_writing() {
        fs::write(&path, &lines).expect("the folder is writable");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, lines, "{name} changed: older phones and kept ledgers have the other bytes");
}

/// Whether vectors are written anew.
#[expect(clippy::disallowed_methods, reason = "a test's switch, not configuration")]
pub fn is_writing() -> bool {
    env::var_os("LIUHEN_WRITE_GOLDEN").is_some()
}

/// The bytes of a kept vector.
pub fn golden(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.hex"));
    let hex = fs::read_to_string(path).expect("a kept vector").replace('\n', "");
    let byte = |pair: &[u8]| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).expect("hex");
    hex.as_bytes().chunks(2).map(byte).collect()
}
