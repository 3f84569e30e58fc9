//! What a file is by its first bytes. What a phone says of it is a claim, and so is this: it only
//! decides how a file is shown.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// As much as every signature that is known here needs.
const HEAD_BYTES: u64 = 8 * 1024;
/// Of a file whose bytes say nothing.
pub const UNKNOWN: &str = "application/octet-stream";
/// What browsers show without running anything in it, and how names of such files end.
const SHOWN: [(&str, &str); 12] = [
    ("image/jpeg", ".jpg"),
    ("image/png", ".png"),
    ("image/webp", ".webp"),
    ("image/gif", ".gif"),
    ("audio/mpeg", ".mp3"),
    ("audio/m4a", ".m4a"),
    ("audio/ogg", ".ogg"),
    ("audio/x-wav", ".wav"),
    ("audio/aac", ".aac"),
    ("audio/amr", ".amr"),
    ("video/mp4", ".mp4"),
    ("video/webm", ".webm"),
];

/// The media type of a file. Blocks.
pub fn sniff(path: &Path) -> io::Result<&'static str> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(infer::get(&head).map_or(UNKNOWN, |kind| kind.mime_type()))
}

/// Whether a browser may show it in place instead of saving it.
pub fn is_shown(media_type: &str) -> bool {
    SHOWN.iter().any(|(known, _)| *known == media_type)
}

/// How the name of a saved file ends, so that it opens; nothing for what might run when it is opened.
pub fn ending(media_type: &str) -> &'static str {
    SHOWN.iter().find(|(known, _)| *known == media_type).map_or("", |(_, ending)| ending)
}

/// Whether a picture can be drawn of it.
pub fn is_drawn(media_type: &str) -> bool {
    matches!(media_type, "image/jpeg" | "image/png" | "image/webp")
}
