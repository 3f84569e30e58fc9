//! Uploads over the tus surface.

use crate::{deployment::Answer, office::Office, phone::Phone};
use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use liuhen_inspection::visit::{Edit, EvidenceSource, NewEvidence};
use liuhen_server::evidence;
use liuhen_trace::{BlobHash, BlobRef, DocumentId, digest};

pub const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

pub struct Uploads<'a> {
    pub office: &'a Office,
    pub phone: &'a Phone,
}

impl Uploads<'_> {
    pub async fn create(&self, hash: BlobHash, length: usize) -> Answer {
        let headers = [
            (TUS.0, TUS.1.to_owned()),
            ("upload-length", length.to_string()),
            ("upload-metadata", format!("sha256 {}", STANDARD.encode(hash.to_string()))),
        ];
        self.office.send(self.phone.signed("POST", "/files", &headers, Vec::new())).await
    }

    pub async fn patch(&self, location: &str, offset: usize, piece: &[u8]) -> Answer {
        let headers = [
            (TUS.0, TUS.1.to_owned()),
            ("upload-offset", offset.to_string()),
            ("content-type", "application/offset+octet-stream".to_owned()),
            ("upload-checksum", format!("sha256 {}", STANDARD.encode(digest::sha256(piece)))),
        ];
        self.office.send(self.phone.signed("PATCH", location, &headers, piece.to_vec())).await
    }

    pub async fn head(&self, location: &str) -> Answer {
        let headers = [(TUS.0, TUS.1.to_owned())];
        self.office.send(self.phone.signed("HEAD", location, &headers, Vec::new())).await
    }
}

pub fn location(answer: &Answer) -> String {
    answer.headers["location"].to_str().expect("a path").to_owned()
}

pub fn offset(answer: &Answer) -> u64 {
    answer.headers["upload-offset"].to_str().expect("text").parse().expect("a number")
}

pub fn photo(phone: &mut Phone, visit: DocumentId, bytes: &[u8]) -> BlobRef {
    let blob = BlobRef { hash: BlobHash(digest::sha256(bytes)), size_bytes: bytes.len() as u64 };
    let evidence = NewEvidence {
        blob: blob.hash,
        size_bytes: blob.size_bytes,
        media_type: "image/jpeg".into(),
        source: EvidenceSource::Camera,
        item: Some("1-1".into()),
        finding: None,
        caption: None,
        captured_at_ms: None,
    };
    phone.edit(visit, &[Edit::Evidence(evidence)]).expect("a change");
    blob
}

/// Uploads a whole file in one piece.
pub async fn upload(office: &Office, phone: &Phone, bytes: &[u8]) {
    let uploads = Uploads { office, phone };
    let created = uploads.create(BlobHash(digest::sha256(bytes)), bytes.len()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    let sent = uploads.patch(&location(&created), 0, bytes).await;
    assert_eq!(sent.status, StatusCode::NO_CONTENT, "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_resumes_at_the_acknowledged_offset_and_ends_in_a_receipt() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = office.phone("zhang", 1).await;
    phone.synchronise().await;
    let bytes: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let blob = photo(&mut phone, task.visit, &bytes);
    let early = Uploads { office: &office, phone: &phone }.create(blob.hash, bytes.len()).await;
    assert_eq!(early.problem(409), "upload.not_announced");

    let effects = phone.exchange().await;
    assert_eq!(effects.blobs_wanted, [blob.hash]);
    let uploads = Uploads { office: &office, phone: &phone };
    let created = uploads.create(blob.hash, bytes.len()).await;
    assert_eq!((created.status, offset(&created)), (StatusCode::CREATED, 0));
    let path = location(&created);
    assert_eq!(offset(&uploads.patch(&path, 0, &bytes[..70_000]).await), 70_000);
    assert_eq!(uploads.patch(&path, 0, &bytes[..70_000]).await.problem(409), "upload.wrong_offset");
    let again = uploads.create(blob.hash, bytes.len()).await;
    assert_eq!((location(&again), offset(&again)), (path.clone(), 70_000), "two uploads of one file share");
    assert_eq!(offset(&uploads.head(&path).await), 70_000);
    assert_eq!(offset(&uploads.patch(&path, 70_000, &bytes[70_000..]).await), 200_000);
    let stored =
        std::fs::read(evidence::path_of(office.deployment.folder.path(), blob.hash)).expect("a file");
    assert_eq!(stored, bytes);

    let same = uploads.create(blob.hash, bytes.len()).await;
    assert_eq!(
        (same.status, offset(&same)),
        (StatusCode::CREATED, 200_000),
        "what is held is not sent again"
    );
    office.judged().await;
    phone.synchronise().await;
    assert_eq!(phone.held, [blob]);
    let effects = phone.exchange().await;
    assert!(effects.blobs_wanted.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_who_announces_a_held_file_is_told_at_once() {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let (mut zhang, mut li) = (office.phone("zhang", 1).await, office.phone("li", 2).await);
    zhang.synchronise().await;
    li.synchronise().await;
    let blob = photo(&mut zhang, task.visit, b"the same picture");
    zhang.exchange().await;
    upload(&office, &zhang, b"the same picture").await;
    photo(&mut li, task.visit, b"the same picture");
    let effects = li.exchange().await;
    assert!(effects.blobs_wanted.is_empty());
    office.judged().await;
    li.synchronise().await;
    assert_eq!(li.held, [blob]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_are_dropped_and_the_right_ones_still_get_in() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = office.phone("zhang", 1).await;
    phone.synchronise().await;
    let blob = photo(&mut phone, task.visit, b"right");
    phone.exchange().await;
    let uploads = Uploads { office: &office, phone: &phone };
    let path = location(&uploads.create(blob.hash, 5).await);
    assert_eq!(uploads.patch(&path, 0, b"wrong").await.problem(422), "upload.wrong_hash");
    assert_eq!(uploads.head(&path).await.status, StatusCode::NOT_FOUND);
    assert!(!evidence::path_of(office.deployment.folder.path(), blob.hash).exists());
    upload(&office, &phone, b"right").await;
    office.judged().await;
    phone.synchronise().await;
    assert_eq!(phone.held, [blob]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_damaged_on_the_way_is_refused() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = office.phone("zhang", 1).await;
    phone.synchronise().await;
    let blob = photo(&mut phone, task.visit, b"picture");
    phone.exchange().await;
    let uploads = Uploads { office: &office, phone: &phone };
    assert_eq!(uploads.create(blob.hash, 8).await.problem(413), "upload.too_large");
    let path = location(&uploads.create(blob.hash, 7).await);
    assert_eq!(uploads.patch(&path, 0, b"pictures").await.problem(413), "upload.too_large");
    let headers = [
        (TUS.0, TUS.1.to_owned()),
        ("upload-offset", "0".to_owned()),
        ("content-type", "application/offset+octet-stream".to_owned()),
        ("upload-checksum", format!("sha256 {}", STANDARD.encode(digest::sha256(b"other")))),
    ];
    let damaged = office.send(phone.signed("PATCH", &path, &headers, b"picture".to_vec())).await;
    assert_eq!(damaged.problem(460), "upload.checksum_mismatch");
    let overridden = [
        (TUS.0, TUS.1.to_owned()),
        ("upload-offset", "0".to_owned()),
        ("content-type", "application/offset+octet-stream".to_owned()),
        ("x-http-method-override", "PATCH".to_owned()),
    ];
    let sent = office.send(phone.signed("POST", &path, &overridden, b"picture".to_vec())).await;
    assert_eq!((sent.status, offset(&sent)), (StatusCode::NO_CONTENT, 7));
    let old = office.send(phone.signed("HEAD", &path, &[], Vec::new())).await;
    assert_eq!(old.status, StatusCode::PRECONDITION_FAILED);
}
