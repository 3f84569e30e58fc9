//! Evidence as people look at it: whole, in ranges, and as small pictures.

use crate::{
    deployment::Answer,
    evidence::{photo, upload},
    office::{Issued, Office},
};
use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request},
};
use image::{DynamicImage, ImageFormat, ImageReader, Rgb, RgbImage};
use liuhen_server::{evidence, routes};
use liuhen_trace::BlobHash;
use serde_json::{Value, json};
use std::io::Cursor;
use tower::ServiceExt as _;

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(RgbImage::from_pixel(width, height, Rgb([20, 120, 90])))
        .write_to(&mut bytes, ImageFormat::Jpeg)
        .expect("an image");
    bytes.into_inner()
}

struct Album {
    office: Office,
    task: Issued,
    hashes: Vec<BlobHash>,
}

impl Album {
    /// A visit with these files, and one that never arrives.
    async fn of(files: &[&[u8]]) -> Self {
        let office = Office::open().await;
        let task = office.issue(&["zhang"]).await;
        let mut zhang = office.phone("zhang", 1).await;
        zhang.synchronise().await;
        let mut hashes = Vec::new();
        for file in files {
            hashes.push(photo(&mut zhang, task.visit, file).hash);
        }
        photo(&mut zhang, task.visit, b"never sent");
        zhang.exchange().await;
        for file in files {
            upload(&office, &zhang, file).await;
        }
        office.judged().await;
        Self { office, task, hashes }
    }

    /// Status, headers and bytes.
    async fn get(&self, login: &str, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Vec<u8>) {
        let token = self.office.deployment.token(login);
        let mut request = Request::get(path).header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let router = routes::router(self.office.state().clone());
        let response =
            router.oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 8 << 20).await.expect("a whole answer");
        (parts.status.as_u16(), parts.headers, bytes.to_vec())
    }

    async fn picture(&self, at: usize, size: &str) -> Answer {
        let path = format!("/api/v1/evidence/{}/{size}", self.hashes[at]);
        self.office.deployment.get("wang", &path).await
    }
}

fn size_of(jpeg: &[u8]) -> (u32, u32) {
    ImageReader::with_format(Cursor::new(jpeg), ImageFormat::Jpeg).into_dimensions().expect("a JPEG")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_served_whole_in_ranges_and_not_again() {
    let file = jpeg(64, 48);
    let album = Album::of(&[&file]).await;
    let path = format!("/api/v1/evidence/{}", album.hashes[0]);
    let (status, headers, bytes) = album.get("wang", &path, &[]).await;
    assert_eq!((status, &bytes), (200, &file));
    assert_eq!(headers["content-type"], "application/octet-stream");
    assert_eq!(headers["liuhen-media-type"], "image/jpeg");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(headers["content-disposition"].to_str().expect("text").starts_with("attachment"));
    let tag = headers["etag"].to_str().expect("text").to_owned();
    let (status, headers, bytes) = album.get("wang", &path, &[("range", "bytes=2-9")]).await;
    assert_eq!((status, &bytes[..]), (206, &file[2..10]));
    assert_eq!(headers["content-range"], format!("bytes 2-9/{}", file.len()));
    let (status, _, bytes) = album.get("wang", &path, &[("range", "bytes=2-9"), ("if-range", "\"x\"")]).await;
    assert_eq!((status, bytes.len()), (200, file.len()), "of another file the range is none");
    let (status, headers, _) = album.get("wang", &path, &[("range", "bytes=999999-")]).await;
    assert_eq!(
        (status, &headers["content-range"]),
        (416, &format!("bytes */{}", file.len()).parse().expect("text"))
    );
    let (status, _, bytes) = album.get("wang", &path, &[("if-none-match", &tag)]).await;
    assert_eq!((status, bytes.len()), (304, 0));
    for size in ["", "/thumbnail", "/preview"] {
        let path = format!("{path}{size}");
        assert_eq!(album.get("admin", &path, &[]).await.0, 403, "{path}");
        assert_eq!(album.get("", &path, &[]).await.0, 401, "{path}");
    }
    album.office.deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_drawn_once_and_kept_in_a_folder_that_may_go() {
    let album = Album::of(&[&jpeg(2400, 1200)]).await;
    let path = |size: &str| format!("/api/v1/evidence/{}/{size}", album.hashes[0]);
    for (size, expected) in [("thumbnail", (320, 160)), ("preview", (1600, 800))] {
        let (status, headers, first) = album.get("zhang", &path(size), &[]).await;
        assert_eq!((status, size_of(&first)), (200, expected), "whoever holds the visit sees it");
        assert_eq!(
            (&headers["content-type"], &headers["x-content-type-options"]),
            (&"image/jpeg".parse().expect("text"), &"nosniff".parse().expect("text"))
        );
        let tag = headers["etag"].to_str().expect("text").to_owned();
        assert_eq!(album.get("wang", &path(size), &[("if-none-match", &tag)]).await.0, 304);
        assert_eq!(album.get("wang", &path(size), &[]).await.2, first);
    }
    let derived = album.office.deployment.folder.path().join("derived");
    assert!(derived.is_dir());
    std::fs::remove_dir_all(&derived).expect("removed");
    assert_eq!(album.get("wang", &path("thumbnail"), &[]).await.0, 200, "drawn anew");
    let original = evidence::path_of(album.office.deployment.folder.path(), album.hashes[0]);
    let bytes = std::fs::read(&original).expect("the file");
    std::fs::remove_dir_all(&derived).expect("removed");
    std::fs::write(&original, jpeg(100, 100)).expect("swapped");
    let swapped = album.picture(0, "thumbnail").await;
    assert_eq!(swapped.problem(500), "evidence.damaged", "no picture of another file");
    std::fs::write(&original, bytes).expect("put back");
    album.office.deployment.close().await;
}

/// A part of a file under the name of the whole would be taken for the evidence.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_cut_or_is_gone_is_told_and_not_sent_in_part() {
    let file = jpeg(64, 48);
    let album = Album::of(&[&file]).await;
    let original = evidence::path_of(album.office.deployment.folder.path(), album.hashes[0]);
    let path = format!("/api/v1/evidence/{}", album.hashes[0]);
    std::fs::write(&original, &file[..file.len() / 2]).expect("cut");
    assert_eq!(album.office.deployment.get("wang", &path).await.problem(500), "evidence.damaged");
    std::fs::remove_file(&original).expect("gone");
    for size in ["", "/thumbnail"] {
        let gone = album.office.deployment.get("wang", &format!("{path}{size}")).await;
        assert_eq!(gone.problem(500), "evidence.damaged", "{size}");
    }
    std::fs::write(&original, &file).expect("put back");
    let (_, headers, _) = album.get("wang", &path, &[]).await;
    let named = format!("attachment; filename=\"{}.jpg\"", album.hashes[0]);
    assert_eq!(headers["content-disposition"], named.as_str());
    album.office.deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_bombs_have_no_picture_and_a_stable_code() {
    let mut cut = jpeg(600, 400);
    cut.truncate(200);
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x61\xa8\0\0\x61\xa8\x08\x02\0\0\0".to_vec();
    bomb.extend([0x47, 0xb2, 0x3c, 0x4a]);
    bomb.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    let album = Album::of(&[b"%PDF-1.7 not a picture", &cut, &bomb]).await;
    for size in ["thumbnail", "preview"] {
        assert_eq!(album.picture(0, size).await.problem(404), "evidence.no_picture");
        for at in [1, 2] {
            let code = album.picture(at, size).await.problem(404);
            assert!(code.starts_with("evidence.picture_"), "{at}: {code}");
            assert_eq!(album.picture(at, size).await.problem(404), code, "remembered");
        }
    }
    let unknown = format!("/api/v1/evidence/{}/thumbnail", "0".repeat(64));
    assert_eq!(album.office.deployment.get("wang", &unknown).await.problem(404), "evidence.unknown");
    album.office.deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_lists_who_announced_which_file_when_and_what_has_not_arrived() {
    let album = Album::of(&[&jpeg(8, 8), b"%PDF-1.7 a document"]).await;
    let path = format!("/api/v1/visits/{}/evidence", album.task.visit);
    let all = album.office.deployment.get("wang", &path).await.ok();
    let items = all["items"].as_array().expect("a list");
    let shown =
        |item: &Value| (item["media_type"].clone(), item["picture"].clone(), item["held_at_ms"].is_i64());
    let told: Vec<_> = items.iter().map(shown).collect();
    let expected = [
        (json!("image/jpeg"), json!(true), true),
        (json!("application/pdf"), json!(false), true),
        (Value::Null, json!(false), false),
    ];
    assert_eq!(told, expected);
    let missing = album.office.deployment.get("wang", &format!("{path}?missing=true")).await.ok();
    let missing = missing["items"].as_array().expect("a list");
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0]["name"], "zhang 同志");
    let when = &missing[0]["when"];
    assert!(when["after_ms"].is_i64() && when["before_ms"].is_i64(), "{when}");
    let first = album.office.deployment.get("wang", &format!("{path}?limit=2")).await.ok();
    let rest = format!("{path}?limit=2&cursor={}", first["next"].as_str().expect("a cursor"));
    assert_eq!(album.office.deployment.get("wang", &rest).await.ok()["items"][0], items[2]);
    assert_eq!(album.office.deployment.get("admin", &path).await.problem(403), "access.denied");
    album.office.deployment.close().await;
}
