//! What a folder held when it was left: the SHA-256 of every file below it, to be compared when it is
//! opened again. While people work in the console, only the parts they cannot change are listed, under
//! another name: a list counts from the moment its name appears, however the demo ends.

use anyhow::{Context, Result, ensure};
use liuhen_trace::digest::Sha256Stream;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

/// Both lists, and what a list is called until it is whole.
pub const NAMES: [&str; 3] = [EVERYTHING, UNTOUCHED, PARTIAL];
const EVERYTHING: &str = "manifest.sha256";
const UNTOUCHED: &str = "untouched.sha256";
const PARTIAL: &str = "manifest.partial";
/// Nothing of these changes while people work in the console. A folder's name ends with `/`.
const STILL: [&str; 7] = [
    "demo.json",
    "phones/",
    "pictures/",
    "server/signer/deployment.key",
    "server/signer/log.key",
    "server/signer/origin",
    "server/signer/session.key",
];
const READ_BYTES: usize = 256 * 1024;

/// What of a folder is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Everything,
    /// What people who work in the console cannot change.
    Untouched,
}

impl Part {
    /// Of its list.
    fn name(self) -> &'static str {
        match self {
            Self::Everything => EVERYTHING,
            Self::Untouched => UNTOUCHED,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Everything => Self::Untouched,
            Self::Untouched => Self::Everything,
        }
    }

    fn holds(self, name: &str) -> bool {
        let is_still = |still: &str| name == still || (still.ends_with('/') && name.starts_with(still));
        !NAMES.contains(&name) && (self == Self::Everything || STILL.iter().any(|still| is_still(still)))
    }
}

/// Writes the list beside the files, in the format of `sha256sum`, in place of the one before.
pub fn write(folder: &Path, part: Part) -> Result<()> {
    let (partial, path) = (folder.join(PARTIAL), folder.join(part.name()));
    fs::write(&partial, list(folder, part)?).with_context(|| partial.display().to_string())?;
    fs::rename(&partial, &path).with_context(|| path.display().to_string())?;
    let before = folder.join(part.other().name());
    if before.exists() {
        fs::remove_file(&before).with_context(|| before.display().to_string())?;
    }
    Ok(())
}

/// The lists that are there. Where a demo was killed between two, both are, and both hold.
pub fn parts(folder: &Path) -> Vec<Part> {
    let parts = [Part::Everything, Part::Untouched];
    parts.into_iter().filter(|part| folder.join(part.name()).is_file()).collect()
}

/// The names of files that are not as they were listed, in words. Nothing when all are.
pub fn differences(folder: &Path, part: Part) -> Result<Vec<String>> {
    let (of, path) = (part.name(), folder.join(part.name()));
    let kept = fs::read(&path).with_context(|| path.display().to_string())?;
    let found = list(folder, part)?;
    if kept == found.as_bytes() {
        return Ok(Vec::new());
    }
    let kept = String::from_utf8_lossy(&kept).into_owned();
    let (kept, found) = (by_name(&kept), by_name(&found));
    let mut wrong = Vec::new();
    for (name, digest) in &kept {
        match found.get(name) {
            None => wrong.push(format!("{name} is gone, which {of} lists")),
            Some(other) if other != digest => wrong.push(format!("{name} has other bytes than {of} lists")),
            Some(_) => {}
        }
    }
    let new = found.keys().filter(|name| !kept.contains_key(*name));
    wrong.extend(new.map(|name| format!("{name} is new, which {of} does not list")));
    if wrong.is_empty() {
        wrong.push(format!("{of} itself was altered"));
    }
    Ok(wrong)
}

fn by_name(list: &str) -> BTreeMap<&str, &str> {
    list.lines().filter_map(|line| line.split_once("  ")).map(|(digest, name)| (name, digest)).collect()
}

fn list(folder: &Path, part: Part) -> Result<String> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut list = String::new();
    for path in files {
        let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
        if part.holds(&name) {
            list.push_str(&format!("{}  {name}\n", sha256(&path)?));
        }
    }
    Ok(list)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let listing = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in listing {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_socket() {
            // It stores nothing.
            continue;
        }
        ensure!(kind.is_dir() || kind.is_file(), "{} is no file", entry.path().display());
        if kind.is_dir() { collect(&entry.path(), files)? } else { files.push(entry.path()) }
    }
    Ok(())
}

/// In hex.
fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let (mut stream, mut piece) = (Sha256Stream::default(), vec![0; READ_BYTES]);
    loop {
        let read = file.read(&mut piece).with_context(|| path.display().to_string())?;
        if read == 0 {
            return Ok(liuhen_trace::Hash(stream.finish()).to_string());
        }
        stream.update(&piece[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_named_and_an_untouched_folder_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("inside")).unwrap();
        for name in ["a", "inside/b", "gone"] {
            fs::write(at(name), name).unwrap();
        }
        write(folder.path(), Part::Everything).unwrap();
        assert!(differences(folder.path(), Part::Everything).unwrap().is_empty());
        fs::write(at("inside/b"), "B").unwrap();
        fs::remove_file(at("gone")).unwrap();
        fs::write(at("new"), "").unwrap();
        let wrong = differences(folder.path(), Part::Everything).unwrap();
        assert_eq!(
            wrong,
            [
                "gone is gone, which manifest.sha256 lists",
                "inside/b has other bytes than manifest.sha256 lists",
                "new is new, which manifest.sha256 does not list"
            ]
        );
    }

    #[test]
    fn what_people_may_change_is_left_out_of_a_part() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["phones", "server"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("file"), "1").unwrap();
        }
        write(folder.path(), Part::Untouched).unwrap();
        fs::write(folder.path().join("server/file"), "2").unwrap();
        assert!(differences(folder.path(), Part::Untouched).unwrap().is_empty());
        fs::write(folder.path().join("phones/file"), "2").unwrap();
        assert_eq!(
            differences(folder.path(), Part::Untouched).unwrap(),
            ["phones/file has other bytes than untouched.sha256 lists"]
        );
    }

    #[test]
    fn one_list_takes_the_place_of_the_other() {
        let folder = tempfile::tempdir().unwrap();
        for part in [Part::Everything, Part::Untouched, Part::Everything] {
            write(folder.path(), part).unwrap();
            assert_eq!(parts(folder.path()), [part]);
            assert!(differences(folder.path(), part).unwrap().is_empty());
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_in_the_list_itself_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "a").unwrap();
        write(folder.path(), Part::Everything).unwrap();
        let path = folder.path().join(EVERYTHING);
        let kept = fs::read(&path).unwrap();
        for at in 0..kept.len() {
            let mut damaged = kept.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert!(!differences(folder.path(), Part::Everything).unwrap().is_empty(), "byte {at}");
        }
    }
}
