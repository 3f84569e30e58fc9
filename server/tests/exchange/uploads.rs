//! Uploads that go wrong on the way, and what still comes of them.

use crate::{
    evidence::{TUS, Uploads, location, offset, photo, upload},
    ledger::open,
    office::Office,
    phone::Phone,
};
use axum::http::StatusCode;
use liuhen_server::evidence;
use liuhen_trace::{BlobHash, BlobRef, digest};
use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

const PICTURE: &[u8] = b"a picture of a cold store";

async fn announced(office: &Office, bytes: &[u8]) -> (Phone, BlobRef) {
    let task = office.issue(&["zhang"]).await;
    let mut phone = office.phone("zhang", 1).await;
    phone.synchronise().await;
    let blob = photo(&mut phone, task.visit, bytes);
    phone.exchange().await;
    (phone, blob)
}

async fn receipted(office: &Office, phone: &mut Phone, blob: BlobRef) {
    office.judged().await;
    phone.synchronise().await;
    assert_eq!(phone.held, [blob]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_phones_that_send_the_same_file_at_once_complete_it_once() {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let (mut zhang, mut li) = (office.phone("zhang", 1).await, office.phone("li", 2).await);
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 249) as u8).collect();
    let mut blobs = Vec::new();
    for phone in [&mut zhang, &mut li] {
        phone.synchronise().await;
        blobs.push(photo(phone, task.visit, &bytes));
        phone.exchange().await;
    }
    let taken = AtomicUsize::new(0);
    let send = async |phone: &Phone| {
        let uploads = Uploads { office: &office, phone };
        loop {
            let begun = uploads.create(blobs[0].hash, bytes.len()).await;
            assert_eq!(begun.status, StatusCode::CREATED, "{begun:?}");
            let at = offset(&begun) as usize;
            if at == bytes.len() {
                return;
            }
            let sent = uploads.patch(&location(&begun), at, &bytes[at..(at + 20_000).min(bytes.len())]).await;
            taken.fetch_add(usize::from(sent.status == StatusCode::NO_CONTENT), Ordering::Relaxed);
            let lost = [StatusCode::CONFLICT, StatusCode::LOCKED].contains(&sent.status);
            assert!(sent.status == StatusCode::NO_CONTENT || lost, "{sent:?}");
        }
    };
    tokio::join!(send(&zhang), send(&li));
    assert_eq!(taken.into_inner(), 5, "no piece was taken twice");
    receipted(&office, &mut zhang, blobs[0]).await;
    receipted(&office, &mut li, blobs[0]).await;
    drop((zhang, li));
    assert_eq!(
        office.deployment.close().await.path().join("uploads").read_dir().expect("a folder").count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_moved_before_the_crash_is_held_by_the_next_request() {
    for begun_again in [false, true] {
        let office = Office::open().await;
        let (mut phone, blob) = announced(&office, PICTURE).await;
        let data = office.deployment.folder.path();
        let path = {
            let uploads = Uploads { office: &office, phone: &phone };
            location(&uploads.create(blob.hash, PICTURE.len()).await)
        };
        // What the disk shows when the process ended between the move and the act.
        let held = evidence::path_of(data, blob.hash);
        fs::create_dir_all(held.parent().expect("a folder")).expect("made");
        fs::write(&held, PICTURE).expect("written");
        if begun_again {
            // The upload was dropped since, and begins at nothing.
            upload(&office, &phone, PICTURE).await;
        } else {
            let mut conn = open(data).await;
            sqlx::query("UPDATE upload SET received_bytes = size_bytes")
                .execute(&mut conn)
                .await
                .expect("set");
            let uploads = Uploads { office: &office, phone: &phone };
            assert_eq!(offset(&uploads.head(&path).await), PICTURE.len() as u64);
        }
        receipted(&office, &mut phone, blob).await;
        drop(phone);
        office.deployment.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_died_holds_an_upload_for_the_time_of_its_lease_only() {
    let office = Office::open().await;
    let (mut phone, blob) = announced(&office, PICTURE).await;
    let uploads = Uploads { office: &office, phone: &phone };
    let path = location(&uploads.create(blob.hash, PICTURE.len()).await);
    assert_eq!(offset(&uploads.patch(&path, 0, &PICTURE[..5]).await), 5);
    let mut conn = open(office.deployment.folder.path()).await;
    let lease = async |conn: &mut sqlx::SqliteConnection, until_ms: i64| {
        sqlx::query("UPDATE upload SET lease_until_ms = $1").bind(until_ms).execute(conn).await.expect("set");
    };
    lease(&mut conn, i64::MAX).await;
    let locked = uploads.patch(&path, 5, &PICTURE[5..]).await;
    assert_eq!(locked.headers["retry-after"], "5");
    assert_eq!(locked.problem(423), "upload.in_use");
    assert_eq!(offset(&uploads.head(&path).await), 5, "the acknowledged offset stands");
    // What the dead writer wrote behind the acknowledged offset does not count.
    let part = office.deployment.folder.path().join("uploads").join(path.rsplit('/').next().expect("an id"));
    fs::write(&part, [&PICTURE[..5], b"torn"].concat()).expect("written");
    lease(&mut conn, 1).await;
    assert_eq!(uploads.patch(&path, 5, &PICTURE[5..]).await.status, StatusCode::NO_CONTENT);
    receipted(&office, &mut phone, blob).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_bytes_are_gone_begins_again() {
    let office = Office::open().await;
    let (mut phone, blob) = announced(&office, PICTURE).await;
    let uploads = Uploads { office: &office, phone: &phone };
    let path = location(&uploads.create(blob.hash, PICTURE.len()).await);
    uploads.patch(&path, 0, &PICTURE[..5]).await;
    fs::remove_dir_all(office.deployment.folder.path().join("uploads")).expect("removed");
    assert_eq!(uploads.patch(&path, 5, &PICTURE[5..]).await.problem(404), "upload.unknown");
    upload(&office, &phone, PICTURE).await;
    receipted(&office, &mut phone, blob).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_uploads_go_with_their_bytes_when_another_begins() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut phone = office.phone("zhang", 1).await;
    phone.synchronise().await;
    let (old, new) = (photo(&mut phone, task.visit, PICTURE), photo(&mut phone, task.visit, b"another"));
    phone.exchange().await;
    let uploads = Uploads { office: &office, phone: &phone };
    let path = location(&uploads.create(old.hash, PICTURE.len()).await);
    uploads.patch(&path, 0, &PICTURE[..5]).await;
    let folder = office.deployment.folder.path().join("uploads");
    assert_eq!(folder.read_dir().expect("a folder").count(), 1);
    let mut conn = open(office.deployment.folder.path()).await;
    sqlx::query("UPDATE upload SET expires_at_ms = 1").execute(&mut conn).await.expect("set");
    assert_eq!(uploads.create(new.hash, 7).await.status, StatusCode::CREATED);
    assert_eq!(folder.read_dir().expect("a folder").count(), 0);
    assert_eq!(uploads.head(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_is_whole_at_once() {
    let office = Office::open().await;
    let (mut phone, blob) = announced(&office, b"").await;
    let uploads = Uploads { office: &office, phone: &phone };
    let created = uploads.create(blob.hash, 0).await;
    assert_eq!((created.status, offset(&created)), (StatusCode::CREATED, 0));
    receipted(&office, &mut phone, blob).await;
    drop(phone);
    office.deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_and_garbage_get_a_problem_and_touch_no_file() {
    let office = Office::open().await;
    let (phone, blob) = announced(&office, PICTURE).await;
    let uploads = Uploads { office: &office, phone: &phone };
    let path = location(&uploads.create(blob.hash, PICTURE.len()).await);
    for wrong in [1, PICTURE.len(), usize::MAX >> 1] {
        assert_eq!(uploads.patch(&path, wrong, b"x").await.problem(409), "upload.wrong_offset");
    }
    assert_eq!(uploads.patch(&path, usize::MAX, b"x").await.problem(400), "upload.malformed");
    let metadata = [
        "",
        "sha256",
        "sha256 ",
        "sha256 !!!!",
        "sha256 AAAA",
        "sha256\t",
        "filename eA==,,,",
        "sha256 /////w==",
    ];
    for garbage in metadata {
        let headers = [
            (TUS.0, TUS.1.to_owned()),
            ("upload-length", "1".to_owned()),
            ("upload-metadata", garbage.to_owned()),
        ];
        let answer = office.send(phone.signed("POST", "/files", &headers, Vec::new())).await;
        assert_eq!(answer.problem(400), "upload.malformed", "{garbage:?}");
    }
    for length in ["", "-1", "1e3", "99999999999999999999"] {
        let headers = [(TUS.0, TUS.1.to_owned()), ("upload-length", length.to_owned())];
        let answer = office.send(phone.signed("POST", "/files", &headers, Vec::new())).await;
        assert_eq!(answer.problem(400), "upload.malformed", "{length:?}");
    }
    let hash = BlobHash(digest::sha256(b"")).to_string();
    let ids = [
        "..",
        "%2e%2e%2fsigner%2flog.key",
        "..%2F..%2Fetc%2Fpasswd",
        "%00",
        "%FF",
        "a-1",
        &format!("{hash}-+1"),
        &format!("{hash}-01"),
        &format!("{}-1", hash.to_uppercase()),
    ];
    for id in ids {
        for method in ["HEAD", "PATCH", "POST"] {
            let headers = [
                (TUS.0, TUS.1.to_owned()),
                ("upload-offset", "0".to_owned()),
                ("content-type", "application/offset+octet-stream".to_owned()),
                ("x-http-method-override", "PATCH".to_owned()),
            ];
            let answer =
                office.send(phone.signed(method, &format!("/files/{id}"), &headers, b"x".to_vec())).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {id}: {answer:?}");
            if method != "HEAD" {
                answer.problem(404);
            }
        }
    }
    assert_eq!(office.deployment.folder.path().join("signer/log.key").metadata().expect("the key").len(), 64);
    assert_eq!(offset(&uploads.head(&path).await), 0);
}
