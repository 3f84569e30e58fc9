//! Uploading evidence over tus 1.0: create, ask for the acknowledged offset, send from there.

use super::{
    link::{is_transient, problem},
    synchronise::Session,
};
use crate::{
    Error, Result,
    store::blobs::{self, BlobRow, BlobState},
    transport::{HttpResponse, Method},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use liuhen_engine::driver::{Event, Failure, Upload};
use liuhen_trace::{BlobHash, Refusal};
use std::io;

const UPLOADS_PATH: &str = "/files";
const TUS_VERSION: &str = "1.0.0";
/// The server's word for a piece of which only a part arrived.
const CUT_CODE: &str = "upload.cut";
const CHUNK_TYPE: &str = "application/offset+octet-stream";

impl Session<'_> {
    /// Finds out up to where the server holds the file; begins the upload when there is none.
    pub(super) fn locate(&mut self, upload: Upload) -> Result<Event> {
        let located = self.located(upload);
        self.outcome(upload.blob, located)
    }

    /// Sends one piece from the acknowledged offset.
    pub(super) fn send(&mut self, blob: BlobHash, offset: u64, bytes_max: u64) -> Result<Event> {
        let sent = self.sent(blob, offset, bytes_max);
        self.outcome(blob, sent)
    }

    /// A file that fails keeps its reason and waits; the next one is taken.
    fn outcome(&mut self, blob: BlobHash, result: Result<u64>) -> Result<Event> {
        match result {
            Ok(offset) => {
                self.answered();
                Ok(Event::Acknowledged { blob, offset })
            }
            Err(error) => {
                let subject = Some(format!("evidence {blob}"));
                let reported = match &error {
                    // The file itself is at fault; nothing else is.
                    Error::Refused(refusal) => Error::Untrusted(refusal.clone()),
                    other => other.clone(),
                };
                let mut failure = self.survive(&reported, subject)?;
                if passes(&error) {
                    failure = Failure::Transient;
                }
                let (code, detail) = (error.code().to_owned(), error.to_string());
                self.client.write_during(Some(self.run), |desk| {
                    blobs::set_failure(&desk.tx, blob, &code, &detail)
                })?;
                Ok(Event::UploadFailed { blob, failure })
            }
        }
    }

    fn located(&mut self, upload: Upload) -> Result<u64> {
        let row = self.row(upload.blob)?;
        match self.client.shared.blobs.size(upload.blob).map_err(|error| unreadable(&error))? {
            Some(size) if size == row.blob.size_bytes => {}
            Some(size) => return Err(damaged(format!("{size} bytes instead of {}", row.blob.size_bytes))),
            None => return Err(Error::refused("evidence.missing", "the file is gone from the folder")),
        }
        if let Some(path) = &row.upload {
            let answer = self.link.send(Method::Head, path, tus_headers(), Vec::new())?;
            match answer.status {
                200..=299 => {
                    let offset = offset_of(&answer, &row)?;
                    return self.acknowledged(BlobRow { offset, ..row });
                }
                // Expired, or the server was restored: begin anew.
                404 | 410 => {}
                _ => return Err(problem(&answer)),
            }
        }
        self.created(row)
    }

    fn created(&mut self, row: BlobRow) -> Result<u64> {
        let mut headers = tus_headers();
        headers.push(("upload-length", row.blob.size_bytes.to_string()));
        headers.push(("upload-metadata", format!("sha256 {}", STANDARD.encode(row.blob.hash.to_string()))));
        let path = self.link.server.path(UPLOADS_PATH);
        let answer = self.link.send(Method::Post, &path, headers, Vec::new())?;
        if !answer.is_success() {
            return Err(problem(&answer));
        }
        let offset = if answer.header("upload-offset").is_some() { offset_of(&answer, &row)? } else { 0 };
        let upload = answer.header("location").and_then(|location| self.link.server.path_of(location));
        if upload.is_none() && offset < row.blob.size_bytes {
            return Err(Error::Untrusted(Refusal::new("upload.no_location", "no place to send the file to")));
        }
        self.acknowledged(BlobRow { upload, offset, ..row })
    }

    fn sent(&mut self, blob: BlobHash, offset: u64, bytes_max: u64) -> Result<u64> {
        let row = self.row(blob)?;
        let Some(path) = row.upload.clone() else {
            return Err(Error::Untrusted(Refusal::new("upload.no_location", "no place to send the file to")));
        };
        let wanted = bytes_max.min(row.blob.size_bytes.saturating_sub(offset));
        let piece =
            self.client.shared.blobs.read(blob, offset, usize::try_from(wanted).unwrap_or(usize::MAX));
        let piece = piece.map_err(|error| unreadable(&error))?;
        if piece.len() as u64 != wanted {
            return Err(damaged(format!("ends after {} bytes", offset + piece.len() as u64)));
        }
        let end = offset + wanted;
        self.report.upload_bytes_sent += wanted;
        self.report.upload_bytes_resent += row.attempted.min(end).saturating_sub(offset);
        let row = BlobRow { attempted: row.attempted.max(end), ..row };
        self.store(&row)?;
        let mut headers = tus_headers();
        headers.push(("upload-offset", offset.to_string()));
        headers.push(("content-type", CHUNK_TYPE.to_owned()));
        let answer = self.link.send(Method::Patch, &path, headers, piece)?;
        match answer.status {
            200..=299 => {
                let offset = offset_of(&answer, &row)?;
                self.acknowledged(BlobRow { offset, ..row })
            }
            status => {
                let problem = problem(&answer);
                if matches!(status, 404 | 410) || !passes(&problem) {
                    // Whatever is wrong with this upload, the next try does not continue it.
                    self.store(&BlobRow { upload: None, offset: 0, ..row })?;
                }
                Err(problem)
            }
        }
    }

    /// The server's word on how far the upload came is stored; at the end only its proof is missing.
    fn acknowledged(&mut self, row: BlobRow) -> Result<u64> {
        let complete = row.offset == row.blob.size_bytes;
        let state = if complete { BlobState::Uploaded } else { BlobState::Announced };
        self.store(&BlobRow { state, ..row.clone() })?;
        Ok(row.offset)
    }

    fn row(&self, blob: BlobHash) -> Result<BlobRow> {
        let row = self.client.read(|db, _| blobs::find(db, blob))?;
        row.ok_or_else(|| Error::refused("evidence.missing", "no row knows the file"))
    }

    fn store(&self, row: &BlobRow) -> Result<()> {
        self.client.write_during(Some(self.run), |desk| blobs::set_progress(&desk.tx, row))
    }
}

/// Whether the upload may go on at once after its place was asked for again.
fn passes(error: &Error) -> bool {
    match error {
        Error::Server { status: 404 | 409 | 410, .. } => true,
        Error::Server { code, .. } if code == CUT_CODE => true,
        error => is_transient(error),
    }
}

fn tus_headers() -> Vec<(&'static str, String)> {
    vec![("tus-resumable", TUS_VERSION.to_owned())]
}

fn offset_of(answer: &HttpResponse, row: &BlobRow) -> Result<u64> {
    let offset = answer.header("upload-offset").and_then(|offset| offset.parse().ok());
    match offset {
        Some(offset) if offset <= row.blob.size_bytes => Ok(offset),
        _ => Err(Error::Untrusted(Refusal::new("upload.wrong_offset", "no offset within the file"))),
    }
}

/// One file the disk does not give back must not keep back the others.
fn unreadable(error: &io::Error) -> Error {
    Error::refused("evidence.unreadable", error.to_string())
}

fn damaged(detail: String) -> Error {
    Error::refused("evidence.damaged", detail)
}
