//! Every held file is there, with the bytes its name says.

use super::Findings;
use crate::{
    evidence::files,
    store::{self, Connection},
};
use liuhen_trace::BlobHash;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Rows read at once.
const BLOBS_MAX: i64 = 1_000;
/// Files without a row that are named; a crash between the move and the act leaves at most a few.
const STRAYS_TOLD_MAX: usize = 20;

pub async fn check(conn: &mut Connection, data: &Path, findings: &mut Findings) -> anyhow::Result<()> {
    let mut held = BTreeSet::new();
    let mut after = Vec::new();
    loop {
        let Some(page) = findings.read(None, "blob", store::audit::blobs(conn, &after, BLOBS_MAX).await)
        else {
            break;
        };
        for row in &page {
            let leaf = u64::try_from(row.leaf).ok();
            let Some(hash) = BlobHash::from_slice(&row.hash) else {
                findings.add(leaf, "blob", "a hash of another length");
                continue;
            };
            findings.report.blobs += 1;
            held.insert(hash);
            let (path, place) = (files::blob_path(data, hash), format!("file {hash}"));
            let measured = tokio::task::spawn_blocking(move || files::measure(&path)).await?;
            match findings.read(leaf, &place, measured) {
                Some((found, _)) if found != hash => findings.add(leaf, place, "the bytes have another hash"),
                Some((_, size)) if i64::try_from(size) != Ok(row.size_bytes) => {
                    findings.add(leaf, place, "the file has another size");
                }
                _ => {}
            }
        }
        let (full, last) = (page.len() as i64 == BLOBS_MAX, page.last().map(|row| row.hash.clone()));
        match findings.behind("blob", full, &after, last) {
            Some(last) => after = last,
            None => break,
        }
    }
    let strays = strays(&files::blobs_folder(data), &held);
    findings
        .report
        .warnings
        .extend(strays.into_iter().map(|path| format!("{} is in no row", path.display())));
    Ok(())
}

/// Files in the evidence folder that no row names.
fn strays(folder: &Path, held: &BTreeSet<BlobHash>) -> Vec<PathBuf> {
    let (mut strays, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let known = name.parse().is_ok_and(|hash: BlobHash| held.contains(&hash));
            if path.is_dir() {
                folders.push(path);
            } else if !known && strays.len() < STRAYS_TOLD_MAX {
                strays.push(path);
            }
        }
    }
    strays.sort();
    strays
}
