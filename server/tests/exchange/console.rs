//! The console's pages about a visit, over what phones handed in.

use crate::{
    deployment::{Answer, PASSWORD},
    evidence::{photo, upload},
    office::Office,
    phone::Phone,
};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use liuhen_engine::{
    document::{Author, Document, Put},
    field::Scalar,
    shape::Path,
};
use liuhen_server::acts::access::sessions::{self, Credentials};
use liuhen_trace::{
    EntryKind,
    entry::{Body as EntryBody, change_hash},
};

/// A browser of somebody who is signed in.
struct Desk<'a> {
    office: &'a Office,
    cookie: String,
}

impl<'a> Desk<'a> {
    async fn of(office: &'a Office, login: &str) -> Self {
        let given = Credentials { login: login.into(), password: PASSWORD.into(), code: None };
        let session = sessions::sign_in_at_console(office.state(), given).await.expect("a sign-in");
        Self { office, cookie: format!("liuhen_console={}", session.token) }
    }

    async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header(header::COOKIE, &self.cookie);
        self.office.send(request.body(Body::empty()).expect("a request")).await
    }

    /// The page's text.
    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body.as_str().expect("a page").to_owned()
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let request = Request::post(path)
            .header(header::COOKIE, &self.cookie)
            .header(header::HOST, "console.example")
            .header(header::ORIGIN, "http://console.example")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.office.send(request.body(Body::from(pairs.join("&"))).expect("a request")).await
    }
}

fn hidden(page: &str, name: &str) -> String {
    let begin = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no field {name} in {page}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

async fn pair(office: &Office) -> (Phone, Phone) {
    let (mut zhang, mut li) = (office.phone("zhang", 1).await, office.phone("li", 2).await);
    zhang.synchronise().await;
    li.synchronise().await;
    (zhang, li)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disagreement_is_decided_with_one_tap_and_stays_decided() {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let (mut zhang, mut li) = pair(&office).await;
    zhang.answer(task.visit, "1-2", 4);
    li.answer(task.visit, "1-2", 9);
    zhang.exchange().await;
    li.exchange().await;
    office.judged().await;
    let path = format!("/console/visits/{}", task.visit);
    let resolutions = format!("{path}/resolutions");

    for login in ["shen", "zhang"] {
        let page = Desk::of(&office, login).await.page(&path).await;
        assert!(page.contains("有分歧") && !page.contains(&resolutions), "{login} looks and decides nothing");
    }
    let wang = Desk::of(&office, "wang").await;
    let page = wang.page("/console/conflicts").await;
    for text in ["冷藏温度", "zhang 同志", "li 同志", "采用此值"] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let (seen, disputed) = (hidden(&page, "seen"), hidden(&page, "path"));
    let decide = [("once", "1"), ("path", &disputed), ("seen", &seen), ("value", "9")];
    let decide = [&decide[..], &[("back", "/console/conflicts")]].concat();
    let shen = Desk::of(&office, "shen").await.post(&resolutions, &decide).await;
    assert_eq!(shen.status, StatusCode::FORBIDDEN);
    let decided = wang.post(&resolutions, &decide).await;
    assert_eq!(decided.status, StatusCode::SEE_OTHER, "{decided:?}");
    assert!(wang.page("/console/conflicts").await.contains("没有待处理的分歧"));
    let listed = wang.page("/console/conflicts?state=resolved").await;
    assert!(listed.contains("wang 同志"), "who decided: {listed}");

    let other = [&decide[1..3], &[("once", "2"), ("value", "4"), ("back", path.as_str())]].concat();
    let late = wang.post(&resolutions, &other).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "{late:?}");
    let trace = wang.page(&format!("{path}/trace")).await;
    for text in ["本页全部核验通过", "分歧裁定", "办公端签署", "手机自称"] {
        assert!(trace.contains(text), "{text} in {trace}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_has_not_come_is_told_and_shown_once_it_is_here() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut zhang = office.phone("zhang", 1).await;
    zhang.synchronise().await;
    let blob = photo(&mut zhang, task.visit, b"no picture at all");
    zhang.synchronise().await;
    office.judged().await;
    let wang = Desk::of(&office, "wang").await;
    let path = format!("/console/visits/{}", task.visit);
    let file = format!("{path}/evidence/{}", blob.hash);
    assert!(wang.page(&path).await.contains("等待上传"));
    assert!(wang.page(&file).await.contains("等待上传"));
    upload(&office, &zhang, b"no picture at all").await;
    assert!(!wang.page(&path).await.contains("等待上传"));
    let shown = wang.page(&file).await;
    for text in ["原件已入库", "下载原件", "现场拍摄", "zhang 同志"] {
        assert!(shown.contains(text), "{text} in {shown}");
    }
    let original = wang.get(&format!("/console/evidence/{}/original", blob.hash)).await;
    assert_eq!(original.body, "no picture at all");
    let led = wang.get(&format!("/console/evidence/{}", blob.hash)).await;
    assert_eq!(led.headers[header::LOCATION], file);
    let admin = Desk::of(&office, "admin").await.get(&file).await;
    assert_eq!(admin.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_record_is_returned_with_an_opinion_and_what_follows_is_set_apart() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut zhang = office.phone("zhang", 1).await;
    zhang.synchronise().await;
    zhang.answer(task.visit, "1-1", 1);
    let wang = Desk::of(&office, "wang").await;
    let path = format!("/console/visits/{}", task.visit);
    assert!(!wang.page(&path).await.contains("提交审核意见"), "nothing is sealed");
    zhang.seal(task.visit, false);
    zhang.answer(task.visit, "1-2", 7);
    zhang.synchronise().await;
    office.judged().await;
    let page = wang.page(&path).await;
    for text in ["笔录已签章", "签章之后的补充", "提交审核意见"] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let reviews = format!("{path}/reviews");
    let silent = wang.post(&reviews, &[("once", "1"), ("outcome", "returned"), ("opinion", " ")]).await;
    assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);
    let returned = [("once", "2"), ("outcome", "returned"), ("opinion", "请补充温度记录")];
    assert_eq!(wang.post(&reviews, &returned).await.status, StatusCode::SEE_OTHER);
    let page = Desk::of(&office, "zhang").await.page(&path).await;
    assert!(page.contains("退回补充") && page.contains("请补充温度记录") && !page.contains(&reviews));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_quarantined_is_told_on_the_visit_and_can_be_listed_alone() {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let (mut zhang, li) = pair(&office).await;
    zhang.answer(task.visit, "1-1", 1);
    // A change under a colleague's name.
    let mut forged: Document = zhang.documents[&task.visit].clone();
    let author = Author { chain: li.chain(), seq: zhang.next_seq(), epoch: 0 };
    let put = Put { path: Path::field("responses", "1-2"), value: Scalar::Int(1) };
    let chunk = forged.edit(author, &[put]).expect("an edit").expect("a change");
    let body = EntryBody { change: change_hash(&chunk), ..zhang.body(Some(task.visit)) };
    zhang.append(EntryKind::Edit, body, Some(chunk));
    zhang.exchange().await;
    office.judged().await;
    let wang = Desk::of(&office, "wang").await;
    let path = format!("/console/visits/{}", task.visit);
    let (page, aside) = (wang.page(&path).await, wang.page(&format!("{path}/trace?only=aside")).await);
    assert!(page.contains("未采纳的条目") && page.contains("已隔离"), "{page}");
    assert_eq!(aside.matches("已隔离</span>").count(), 1, "{aside}");
    assert!(!aside.contains("已采纳</span>"), "what counts is not among them: {aside}");
    let all = wang.page(&format!("{path}/trace")).await;
    assert!(all.contains("已采纳</span>") && all.contains("本页全部核验通过"), "a bad entry is a logged one");
}
