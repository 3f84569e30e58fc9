//! Files of evidence and their pictures as answers, for the API and for the console alike. The caller
//! has authorised the reader.

use super::{
    files, media,
    picture::{PictureSize, SOURCE_BYTES_MAX},
};
use crate::{ApiError, AppState, store::blobs::BlobRow};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::{Stream, stream};
use liuhen_trace::BlobHash;
use std::{
    io::{self, SeekFrom},
    path::Path,
};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _, Take},
};

/// Read from the file at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// What the bytes look like, beside a content type that makes no browser run them.
pub static MEDIA_TYPE_HEADER: HeaderName = HeaderName::from_static("liuhen-media-type");
/// A file under its hash never changes; only who may read it does.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, max-age=3600");
/// Even a file that is shown in place runs nothing.
const SHOWN_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; media-src 'self'; sandbox");

/// What the reader's program is to do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Save it.
    Attachment,
    /// Show it, where it is a picture, sound or film that browsers show by themselves.
    Inline,
}

/// The file as it came from the phone, whole or the range that is asked for.
pub async fn original(
    state: &AppState,
    (hash, row): (BlobHash, BlobRow),
    headers: &HeaderMap,
    disposition: Disposition,
) -> Result<Response, ApiError> {
    let tag = format!("\"{hash}\"");
    if is_known(headers, &tag) {
        return Ok(not_modified(&tag));
    }
    let size = u64::try_from(row.size_bytes).map_err(ApiError::internal)?;
    let path = files::blob_path(&state.config.data, hash);
    let looked_at = path.clone();
    let looked = tokio::task::spawn_blocking(move || look(&looked_at, size));
    let media_type = looked.await?.map_err(|error| damaged(hash, &error))?;
    let range = match wanted_range(headers, &tag, size) {
        Ok(range) => range,
        Err(Unsatisfiable) => return Ok(unsatisfiable(size)),
    };
    let (from, to) = range.unwrap_or((0, size));
    let mut file = File::open(path).await?;
    file.seek(SeekFrom::Start(from)).await?;
    let mut response = Body::from_stream(chunks(file.take(to - from))).into_response();
    let inline = disposition == Disposition::Inline && media::is_shown(media_type);
    let fields = response.headers_mut();
    if range.is_some() {
        fields.insert(header::CONTENT_RANGE, value(format!("bytes {from}-{}/{size}", to - 1))?);
    }
    if inline {
        fields.insert(header::CONTENT_SECURITY_POLICY, SHOWN_POLICY);
    }
    let shown = if inline { "inline" } else { "attachment" };
    fields.insert(header::CONTENT_TYPE, value(if inline { media_type } else { media::UNKNOWN }.to_owned())?);
    fields.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
    fields.insert(
        header::CONTENT_DISPOSITION,
        value(format!("{shown}; filename=\"{hash}{}\"", media::ending(media_type)))?,
    );
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    fields.insert(MEDIA_TYPE_HEADER.clone(), HeaderValue::from_static(media_type));
    keep(fields, &tag);
    *response.status_mut() = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    Ok(response)
}

/// Whether the file is the one that was held: by its hash, or of a long one by its length, for which nobody
/// waits.
pub async fn is_whole(state: &AppState, (hash, row): (BlobHash, BlobRow)) -> Result<bool, ApiError> {
    let path = files::blob_path(&state.config.data, hash);
    let size = u64::try_from(row.size_bytes).map_err(ApiError::internal)?;
    let looked = tokio::task::spawn_blocking(move || match size <= SOURCE_BYTES_MAX {
        true => files::measure(&path).is_ok_and(|measured| measured == (hash, size)),
        false => look(&path, size).is_ok(),
    });
    Ok(looked.await?)
}

/// What the file looks like, where it is as long as the one that was held.
pub fn look(path: &Path, size: u64) -> io::Result<&'static str> {
    let found = std::fs::metadata(path)?.len();
    if found != size {
        let error = format!("{found} bytes instead of {size}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    media::sniff(path)
}

/// The file is gone or is another one: for an operator to restore, and never sent in part.
pub(super) fn damaged(hash: BlobHash, error: &io::Error) -> ApiError {
    tracing::error!(%hash, %error, "the file is not the one that was held");
    let detail = "the stored file is missing or not the one that was announced";
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "evidence.damaged", detail)
}

/// A small JPEG of the file. Codes when there is none: [`super::picture::NoPicture`].
pub async fn picture(
    state: &AppState,
    (hash, row): (BlobHash, BlobRow),
    headers: &HeaderMap,
    size: PictureSize,
) -> Result<Response, ApiError> {
    let tag = format!("\"{hash}-{}\"", size.edge_pixels_max());
    if is_known(headers, &tag) {
        return Ok(not_modified(&tag));
    }
    let size_bytes = u64::try_from(row.size_bytes).map_err(ApiError::internal)?;
    let jpeg = state.pictures.get(hash, size_bytes, size).await?;
    let mut response = Body::from(jpeg).into_response();
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    keep(fields, &tag);
    Ok(response)
}

fn keep(fields: &mut HeaderMap, tag: &str) {
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        fields.insert(header::ETAG, tag);
    }
}

fn value(text: String) -> Result<HeaderValue, ApiError> {
    HeaderValue::try_from(text).map_err(ApiError::internal)
}

fn not_modified(tag: &str) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    keep(response.headers_mut(), tag);
    response
}

fn unsatisfiable(size: u64) -> Response {
    let detail = format!("the file has {size} bytes");
    let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "evidence.wrong_range", detail);
    let mut response = error.into_response();
    if let Ok(range) = HeaderValue::try_from(format!("bytes */{size}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

/// Whether the reader has it already (RFC 9110 §13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let given = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given
        .split(',')
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == "*" || known == tag)
}

/// The range asked for begins behind the end of the file.
#[derive(Debug, PartialEq, Eq)]
struct Unsatisfiable;

/// The one range of bytes that is asked for, as from and to (RFC 9110 §14). Of several, of another unit,
/// or of another file's tag the whole file is the answer.
fn wanted_range(headers: &HeaderMap, tag: &str, size: u64) -> Result<Option<(u64, u64)>, Unsatisfiable> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if text(header::IF_RANGE).is_some_and(|known| known != tag) {
        return Ok(None);
    }
    let Some((first, last)) = text(header::RANGE)
        .and_then(|range| range.split_once('='))
        .filter(|(unit, range)| unit.eq_ignore_ascii_case("bytes") && !range.contains(','))
        .and_then(|(_, range)| range.trim().split_once('-'))
    else {
        return Ok(None);
    };
    match (position(first), position(last)) {
        (Some(from), _) if from >= size => Err(Unsatisfiable),
        (Some(from), Some(last)) if last < from => Ok(None),
        (Some(from), Some(last)) => Ok(Some((from, last.saturating_add(1).min(size)))),
        (Some(from), None) if last.is_empty() => Ok(Some((from, size))),
        (None, Some(0)) if first.is_empty() => Err(Unsatisfiable),
        (None, Some(_)) if first.is_empty() && size == 0 => Err(Unsatisfiable),
        (None, Some(count)) if first.is_empty() => Ok(Some((size.saturating_sub(count), size))),
        _ => Ok(None),
    }
}

/// Digits and nothing else. A number beyond every file is as good as the largest.
fn position(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

fn chunks(file: Take<File>) -> impl Stream<Item = io::Result<bytes::Bytes>> {
    stream::try_unfold(file, |mut file| async move {
        let mut chunk = bytes::BytesMut::with_capacity(CHUNK_BYTES);
        let read = file.read_buf(&mut chunk).await?;
        Ok((read > 0).then(|| (chunk.freeze(), file)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &str) -> Result<Option<(u64, u64)>, Unsatisfiable> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_str(range).expect("plain"));
        wanted_range(&headers, "\"t\"", 10)
    }

    #[test]
    fn ranges_are_those_of_the_standard() {
        assert_eq!(asked("bytes=0-3"), Ok(Some((0, 4))));
        assert_eq!(asked("bytes=4-"), Ok(Some((4, 10))));
        assert_eq!(asked("bytes=-3"), Ok(Some((7, 10))));
        assert_eq!(asked("bytes=-99"), Ok(Some((0, 10))));
        assert_eq!(asked("bytes=5-18446744073709551615"), Ok(Some((5, 10))));
        assert_eq!(asked("bytes=5-99999999999999999999999"), Ok(Some((5, 10))));
        assert_eq!(asked("bytes=-99999999999999999999999"), Ok(Some((0, 10))));
        assert_eq!(asked("Bytes=0-3"), Ok(Some((0, 4))), "units are written either way");
        for beyond in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(asked(beyond), Err(Unsatisfiable), "{beyond}");
        }
        for ignored in
            ["bytes=0-1,3-4", "lines=0-1", "bytes=5-3", "bytes=x-y", "bytes=-", "bytes", "bytes=+1-3"]
        {
            assert_eq!(asked(ignored), Ok(None), "{ignored}");
        }
    }
}
