//! Photos: from a folder, or made up. A made-up one is bytes that no compression shrinks between a
//! JPEG's header and trailer, the same for the same visit and seed. Sound and signatures are files of a
//! folder, too.

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use liuhen_trace::{BlobHash, digest};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

/// A phone's photo after the app scaled it down is about this large.
const GENERATED_BYTES: std::ops::Range<usize> = 150_000..250_000;

/// One photo a person takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Photo {
    Generated { seed: u64 },
    File(PathBuf),
}

/// A file that a person attaches, with what they say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exhibit {
    pub photo: Photo,
    #[serde(default)]
    pub item: Option<String>,
    /// The text of the finding it shows.
    #[serde(default)]
    pub finding: Option<String>,
    #[serde(default)]
    pub caption: Option<String>,
}

impl From<Photo> for Exhibit {
    fn from(photo: Photo) -> Self {
        Self { photo, item: None, finding: None, caption: None }
    }
}

/// Which photos the visits get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Photos {
    None,
    Generated {
        per_visit: usize,
    },
    /// One a visit, in rotation.
    Files(Vec<PathBuf>),
}

impl Photos {
    pub fn generated(per_visit: usize) -> Self {
        Self::Generated { per_visit }
    }

    /// The photos of the visit with this number in the set.
    pub fn for_visit(&self, number: usize, seed: u64) -> Vec<Photo> {
        match self {
            Photos::None => Vec::new(),
            Photos::Files(files) => vec![Photo::File(files[number % files.len()].clone())],
            Photos::Generated { per_visit } => (0..*per_visit)
                .map(|n| Photo::Generated { seed: seed ^ ((number as u64) << 20) ^ ((n as u64) << 56) })
                .collect(),
        }
    }
}

/// `generated:N`, or a folder with at least one file.
impl FromStr for Photos {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        if let Some(count) = text.strip_prefix("generated:") {
            let per_visit = count.parse().with_context(|| format!("{count:?} is no number of photos"))?;
            return Ok(Self::Generated { per_visit });
        }
        let listing = fs::read_dir(text).with_context(|| format!("photos folder {text}"))?;
        let mut files = Vec::new();
        for entry in listing {
            let path = entry?.path();
            if path.is_file() {
                files.push(path);
            }
        }
        files.sort();
        ensure!(!files.is_empty(), "photos folder {text} holds no file");
        Ok(Self::Files(files))
    }
}

impl Photo {
    pub fn bytes(&self) -> Result<Vec<u8>> {
        match self {
            Photo::Generated { seed } => Ok(jpeg_like(*seed)),
            Photo::File(path) => fs::read(path).with_context(|| path.display().to_string()),
        }
    }

    pub fn media_type(&self) -> &'static str {
        let extension = match self {
            Photo::Generated { .. } => "jpg",
            Photo::File(path) => path.extension().and_then(|extension| extension.to_str()).unwrap_or(""),
        };
        match extension.to_ascii_lowercase().as_str() {
            "jpg" | "jpeg" => "image/jpeg",
            "png" => "image/png",
            "webp" => "image/webp",
            "mp4" => "video/mp4",
            "wav" => "audio/wav",
            _ => "application/octet-stream",
        }
    }

    /// Where the phone finds the photo. A made-up one is written below `folder` first.
    pub fn place(&self, folder: &Path) -> Result<PathBuf> {
        match self {
            Photo::File(path) => Ok(path.clone()),
            Photo::Generated { seed } => {
                let path = folder.join(format!("{seed:016x}.jpg"));
                fs::write(&path, jpeg_like(*seed)).with_context(|| path.display().to_string())?;
                Ok(path)
            }
        }
    }

    /// Size and SHA-256.
    pub fn fingerprint(&self) -> Result<(u64, BlobHash)> {
        let bytes = self.bytes()?;
        Ok((bytes.len() as u64, BlobHash(digest::sha256(&bytes))))
    }
}

fn jpeg_like(seed: u64) -> Vec<u8> {
    const HEADER: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00";
    const TRAILER: &[u8] = b"\xff\xd9";
    let mut random = Rng::with_seed(seed);
    let mut bytes = vec![0; random.usize(GENERATED_BYTES)];
    random.fill(&mut bytes);
    bytes[..HEADER.len()].copy_from_slice(HEADER);
    let end = bytes.len() - TRAILER.len();
    bytes[end..].copy_from_slice(TRAILER);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_visit_has_photos_of_its_own_and_the_same_ones_each_time() {
        let photos: Photos = "generated:2".parse().unwrap();
        let all: Vec<_> = (0..50).flat_map(|visit| photos.for_visit(visit, 9)).collect();
        let hashes: BTreeSet<_> = all.iter().map(|photo| photo.fingerprint().unwrap().1).collect();
        assert_eq!(hashes.len(), 100);
        let again = photos.for_visit(3, 9);
        assert_eq!(again[0].bytes().unwrap(), all[6].bytes().unwrap());
        assert!(all[0].bytes().unwrap().starts_with(b"\xff\xd8\xff"));
    }

    #[test]
    fn photos_of_a_folder_go_round() {
        let folder = tempfile::tempdir().unwrap();
        assert!(folder.path().to_str().unwrap().parse::<Photos>().is_err());
        for name in ["b.png", "a.jpg"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let photos: Photos = folder.path().to_str().unwrap().parse().unwrap();
        let types: Vec<_> = (0..3).map(|visit| photos.for_visit(visit, 0)[0].media_type()).collect();
        assert_eq!(types, ["image/jpeg", "image/png", "image/jpeg"]);
    }
}
