//! Subjects, their import, and checklists, by their forms.

use super::{Browser, html, location, page};
use crate::{
    casework::Office,
    deployment::{Answer, Deployment},
};
use axum::http::StatusCode;

const TABLE: &str =
    "名称,统一社会信用代码,地址\n示例餐馆,91310000MA1K000017,人民路 1 号\n示例药房,,人民路 2 号\n";

#[tokio::test]
async fn a_subject_is_registered_found_and_changed_and_its_dossier_tells_what_it_was() {
    let deployment = Deployment::staffed().await;
    let mut wang = Browser::signed_in(&deployment, "wang").await;
    let new = [("once", "1"), ("name", "老码头牛肉面"), ("address", "人民路 9 号"), ("latitude", "31.2")];
    let half = wang.post("/console/subjects/new", &new).await;
    assert_eq!(half.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html(&half).contains("经度和纬度须同时填写") && html(&half).contains("老码头牛肉面"));
    let whole = [&new[1..], &[("once", "2"), ("longitude", "121.5")]].concat();
    let created = wang.post("/console/subjects/new", &whole).await;
    let path = location(&created).split('?').next().expect("a path").to_owned();
    let found = wang.get("/console/subjects?q=%E7%A0%81%E5%A4%B4").await;
    assert!(page(&found).contains(&path));
    let none = wang.get("/console/subjects?q=%E6%B2%A1%E6%9C%89").await;
    assert!(page(&none).contains("没有找到"));
    let moved = [&whole[..], &[("address", "河滨路 1 号")]].concat();
    let moved: Vec<_> = moved.into_iter().filter(|field| *field != ("address", "人民路 9 号")).collect();
    let moved: Vec<_> =
        moved.into_iter().map(|(name, value)| (name, if name == "once" { "3" } else { value })).collect();
    let changed = wang.post(&format!("{path}/edit"), &moved).await;
    let dossier = wang.get(location(&changed)).await;
    for text in ["河滨路 1 号", "人民路 9 号", "31.20000, 121.50000", "没有检查记录"] {
        assert!(page(&dossier).contains(text), "{text}");
    }
    let mut zhang = Browser::signed_in(&deployment, "zhang").await;
    assert!(!page(&zhang.get(&path).await).contains(&format!("{path}/edit")));
    assert_eq!(zhang.get(&format!("{path}/edit")).await.status, StatusCode::FORBIDDEN);
    deployment.close().await;
}

/// Sends a form with a file.
async fn upload(browser: &mut Browser<'_>, path: &str, fields: &[(&str, &str)], file: &str) -> Answer {
    let mut body = String::new();
    for (name, value) in fields {
        body += &format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    if !file.is_empty() {
        let named = "Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"";
        body += &format!("--b\r\n{named}\r\nContent-Type: text/csv\r\n\r\n{file}\r\n");
    }
    body += "--b--\r\n";
    browser.post_as(path, "multipart/form-data; boundary=b", body).await
}

#[tokio::test]
async fn a_table_is_looked_at_first_and_taken_over_when_it_is_confirmed() {
    let deployment = Deployment::staffed().await;
    let mut wang = Browser::signed_in(&deployment, "wang").await;
    let import = "/console/subjects/import";
    let looked = upload(&mut wang, import, &[("step", "check")], TABLE).await;
    let shown = page(&looked);
    assert!(shown.contains("核对结果：可以导入") && shown.contains("示例药房"), "{shown}");
    assert_eq!(deployment.get("wang", "/api/v1/subjects").await.ok()["items"], serde_json::json!([]));
    let value = |name: &str| super::hidden(shown, name).to_owned();
    let (digest, kept) = (value("digest"), value("kept"));
    let confirm = [("step", "confirm"), ("once", "1"), ("digest", &digest), ("kept", &kept)];

    let other = upload(&mut wang, import, &confirm, "名称\n另一个\n").await;
    assert!(page(&other).contains("这不是刚才核对的文件"), "{}", html(&other));
    assert_eq!(deployment.get("wang", "/api/v1/subjects").await.ok()["items"], serde_json::json!([]));

    let done = upload(&mut wang, import, &confirm, "").await;
    assert!(page(&done).contains("已导入"), "{}", html(&done));
    let items = deployment.get("wang", "/api/v1/subjects").await.ok()["items"].clone();
    assert_eq!(items.as_array().expect("a list").len(), 2);
    let csv = wang.get("/console/subjects/export?format=csv").await;
    assert!(csv.body.as_str().is_some_and(|table| table.contains("示例餐馆")), "{csv:?}");
    deployment.close().await;
}

/// The reader of such a body takes a time that grows with the square of their number.
#[tokio::test]
async fn a_form_of_very_many_parts_is_refused_at_once() {
    let deployment = Deployment::staffed().await;
    let mut wang = Browser::signed_in(&deployment, "wang").await;
    let fields = vec![("a", ""); 200_000];
    let refused = upload(&mut wang, "/console/subjects/import", &fields, TABLE).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
}

#[tokio::test]
async fn the_name_of_a_file_is_shown_without_its_folders() {
    let deployment = Deployment::staffed().await;
    let mut wang = Browser::signed_in(&deployment, "wang").await;
    let name = format!(r"C:\Users\../{}.csv", "长".repeat(1_000));
    let part = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
    let body = format!("--b\r\n{part}\r\n\r\n{TABLE}\r\n--b--\r\n");
    let shown = wang.post_as("/console/subjects/import", "multipart/form-data; boundary=b", body).await;
    assert_eq!(super::hidden(page(&shown), "file_name"), "长".repeat(255));
}

#[tokio::test]
async fn a_file_that_is_no_table_and_none_at_all_say_what_to_do() {
    let deployment = Deployment::staffed().await;
    let mut wang = Browser::signed_in(&deployment, "wang").await;
    let none = upload(&mut wang, "/console/subjects/import", &[("step", "check")], "").await;
    assert!(html(&none).contains("请选择文件"));
    let junk = upload(&mut wang, "/console/subjects/import", &[("step", "check")], "\u{0}\u{1}\u{2}").await;
    assert!(html(&junk).contains("逐行问题"), "{}", html(&junk));
    let mut zhang = Browser::signed_in(&deployment, "zhang").await;
    assert_eq!(zhang.get("/console/subjects/import").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_checklist_with_mistakes_is_told_all_of_them_at_their_items() {
    let office = Office::open().await;
    let mut wang = Browser::signed_in(&office.deployment, "wang").await;
    let broken = r#"{ "code": "fire", "version": 1, "title": "消防", "items": [
        { "code": "1", "text": " ", "response": { "type": "bool" } },
        { "code": "2", "text": "通道", "response": { "type": "choice", "options": [] } } ] }"#;
    let form = "/console/checklists/new";
    let refused = upload(&mut wang, form, &[("text", broken), ("once", "1")], "").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in ["检查内容 1 · 1", "内容不能为空", "检查内容 2 · 2", "选择题缺少选项", "&#34;fire&#34;"]
    {
        assert!(html(&refused).contains(text), "{text} in {}", html(&refused));
    }
    let good = broken.replace("\" \"", "\"标志\"").replace("[]", "[\"符合\", \"不符合\"]");
    let taken = upload(&mut wang, form, &[("once", "2")], &good).await;
    let shown = wang.get(location(&taken)).await;
    for text in ["消防", "通道", "不符合"] {
        assert!(page(&shown).contains(text), "{text}");
    }
    let list = wang.get("/console/checklists").await;
    assert!(page(&list).contains("消防"));
    office.deployment.close().await;
}
