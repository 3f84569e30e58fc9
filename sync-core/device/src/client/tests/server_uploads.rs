//! The uploads of the server in memory: tus creation, offsets, and refusals on demand.

use super::server::{answer, problem};
use crate::transport::{HttpRequest, HttpResponse, Method};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use liuhen_trace::{BlobHash, BlobRef, digest::sha256};
use std::collections::BTreeMap;

#[derive(Default, Clone)]
pub struct Uploads {
    /// Bytes so far, by the file's hash.
    pub bytes: BTreeMap<BlobHash, (u64, Vec<u8>)>,
    /// Complete ones the ledger has not heard of yet.
    pub completed: Vec<BlobRef>,
    /// Files that are refused with a code.
    pub refused: BTreeMap<BlobHash, &'static str>,
    pub patches: Vec<(u64, usize)>,
}

impl Uploads {
    pub fn handle(&mut self, method: Method, path: &str, request: &HttpRequest) -> HttpResponse {
        let header = |name: &str| {
            request.headers.iter().find(|(have, _)| *have == name).map(|(_, value)| value.as_str())
        };
        assert_eq!(header("tus-resumable"), Some("1.0.0"));
        if (method, path) == (Method::Post, "/files") {
            let size: u64 = header("upload-length").and_then(|size| size.parse().ok()).expect("a length");
            let metadata = header("upload-metadata").and_then(|text| text.strip_prefix("sha256 "));
            let hash = STANDARD.decode(metadata.expect("a hash")).expect("base64");
            return self.create(String::from_utf8(hash).expect("hex").parse().expect("a hash"), size);
        }
        let hash: BlobHash = path.strip_prefix("/files/").and_then(|id| id.parse().ok()).expect("an upload");
        let Some((size, bytes)) = self.bytes.get_mut(&hash) else { return problem(404, "upload.unknown") };
        if method == Method::Patch {
            let offset: u64 =
                header("upload-offset").and_then(|offset| offset.parse().ok()).expect("an offset");
            if offset != bytes.len() as u64 {
                return problem(409, "upload.wrong_offset");
            }
            self.patches.push((offset, request.body.len()));
            bytes.extend(&request.body);
            if bytes.len() as u64 == *size {
                assert_eq!(sha256(bytes), hash.0, "the bytes are those announced");
                self.completed.push(BlobRef { hash, size_bytes: *size });
            }
        }
        at(200, bytes.len() as u64)
    }

    fn create(&mut self, hash: BlobHash, size: u64) -> HttpResponse {
        if let Some(code) = self.refused.get(&hash) {
            return problem(422, code);
        }
        let (_, bytes) = self.bytes.entry(hash).or_insert((size, Vec::new()));
        let mut created = at(201, bytes.len() as u64);
        created.headers.push(("location".to_owned(), format!("/files/{hash}")));
        created
    }
}

fn at(status: u16, offset: u64) -> HttpResponse {
    let mut answer = answer(status, Vec::new());
    answer.headers.push(("upload-offset".to_owned(), offset.to_string()));
    answer
}
