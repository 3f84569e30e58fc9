//! The console's pages about a visit, over what phones handed in.

use crate::{
    deployment::{Answer, PASSWORD},
    evidence::{photo, upload},
    ledger::open,
    office::{Issued, Office},
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
use liuhen_inspection::visit::{Edit, NewFinding, NewNote};
use liuhen_server::{
    acts::access::sessions::{self, Credentials},
    evidence::path_of,
};
use liuhen_trace::{
    DocumentId, EntryKind,
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

/// Appends a change to a phone's chain that was made under a colleague's name.
fn write_as(phone: &mut Phone, colleague: &Phone, visit: DocumentId, put: Put) {
    let mut forged: Document = phone.documents[&visit].clone();
    let author = Author { chain: colleague.chain(), seq: phone.next_seq(), epoch: 0 };
    let chunk = forged.edit(author, &[put]).expect("an edit").expect("a change");
    let body = EntryBody { change: change_hash(&chunk), ..phone.body(Some(visit)) };
    phone.append(EntryKind::Edit, body, Some(chunk));
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
    assert!(page.contains("退回补正") && page.contains("请补充温度记录") && !page.contains(&reviews));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_quarantined_is_told_on_the_visit_and_can_be_listed_alone() {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let (mut zhang, li) = pair(&office).await;
    zhang.answer(task.visit, "1-1", 1);
    let put = Put { path: Path::field("responses", "1-2"), value: Scalar::Int(1) };
    write_as(&mut zhang, &li, task.visit, put);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_tampered_with_turns_its_line_of_the_trace_red() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut zhang = office.phone("zhang", 1).await;
    zhang.synchronise().await;
    zhang.answer(task.visit, "1-1", 1);
    zhang.synchronise().await;
    office.judged().await;
    let wang = Desk::of(&office, "wang").await;
    let path = format!("/console/visits/{}/trace", task.visit);
    let untouched = wang.page(&path).await;
    assert!(untouched.contains("本页全部核验通过") && !untouched.contains("broken"), "{untouched}");
    let mut conn = open(office.deployment.folder.path()).await;
    let change = "UPDATE entry SET body = body || x'00' WHERE document IS NOT NULL AND change IS NOT NULL";
    sqlx::query(change).execute(&mut conn).await.expect("changed");
    // The visit itself cannot be read either: its trace is where one looks then.
    sqlx::query("UPDATE visit SET saved = x'00'").execute(&mut conn).await.expect("changed");
    let page = wang.page(&path).await;
    assert_eq!(page.matches("<li class=\"broken\">").count(), 1, "{page}");
    assert!(page.contains("核验未通过：") && !page.contains("本页全部核验通过"), "{page}");
    assert!(page.contains("服务器已核验"), "the other lines stand");
    for path in ["/console".to_owned(), "/console/tasks".to_owned(), format!("/console/tasks/{}", task.id)] {
        assert!(wang.page(&path).await.contains("某餐馆"), "the task is there as before on {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_tells_what_each_entry_wrote_even_one_that_does_not_count() {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let (mut zhang, li) = pair(&office).await;
    let note = NewNote { item: Some("1-2".into()), text: "冰柜门封条老化".into() };
    zhang.edit(task.visit, &[Edit::Note(note)]).expect("a change");
    let finding =
        NewFinding {
            text: "后门挡鼠板缺失".into(), days_to_correct: Some(3), ..NewFinding::default()
        };
    zhang.edit(task.visit, &[Edit::Finding(finding)]).expect("a change");
    zhang.answer(task.visit, "1-2", 8);
    zhang.answer(task.visit, "1-2", 5);
    photo(&mut zhang, task.visit, b"picture");
    let put = Put { path: Path::field("remarks", "1-1"), value: Scalar::Text("冒名填写".into()) };
    write_as(&mut zhang, &li, task.visit, put);
    zhang.exchange().await;
    office.judged().await;
    let wang = Desk::of(&office, "wang").await;
    let path = format!("/console/visits/{}", task.visit);
    let trace = wang.page(&format!("{path}/trace")).await;
    for text in
        ["冰柜门封条老化", "登记问题", "后门挡鼠板缺失", "整改天数", "现场拍摄", "冒名填写", "1-2 冷藏温度"]
    {
        assert!(trace.contains(text), "{text} in {trace}");
    }
    for value in ["</span> 8<", "</span> 5<"] {
        assert!(trace.contains(value), "a value that its author replaced is told too: {value} in {trace}");
    }
    let page = wang.page(&path).await;
    assert!(page.contains("冒名填写"), "what does not count is told for what it is: {page}");
    let lines = office.deployment.get("wang", &format!("/api/v1/visits/{}/trace", task.visit)).await.ok();
    let lines = lines["items"].as_array().expect("a list").clone();
    let writes = |kind: &str| {
        let line = lines.iter().find(|line| line["kind"] == kind).expect("such a line");
        line["entry"]["writes"].as_array().expect("a list").clone()
    };
    let noted: Vec<_> = writes("note").into_iter().map(|write| write["value"].clone()).collect();
    assert_eq!(noted, ["1-2", "冰柜门封条老化"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disagreement_about_a_finding_says_which_and_is_decided_where_it_is_shown() {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let (mut zhang, mut li) = pair(&office).await;
    let finding = NewFinding { text: "后门挡鼠板缺失".into(), ..NewFinding::default() };
    zhang.edit(task.visit, &[Edit::Finding(finding)]).expect("a change");
    zhang.synchronise().await;
    li.synchronise().await;
    let id = office.view(task.visit).await["findings"][0]["id"].as_str().expect("an id").to_owned();
    for (phone, place) in [(&mut zhang, "后门"), (&mut li, "库房门")] {
        phone.edit(task.visit, &[Edit::finding(&id, "place", Scalar::Text(place.into()))]).expect("a change");
        phone.exchange().await;
    }
    office.judged().await;
    let wang = Desk::of(&office, "wang").await;
    let path = format!("/console/visits/{}", task.visit);
    let page = wang.page("/console/conflicts").await;
    for text in ["问题 · 部位", "后门挡鼠板缺失", "库房门", "手机自称 2023-11-15"] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let (seen, disputed) = (hidden(&page, "seen"), hidden(&page, "path"));
    let decide = [("once", "1"), ("path", disputed.as_str()), ("seen", &seen), ("value", "\"库房门\"")];
    let decide = [&decide[..], &[("back", "/console/conflicts")]].concat();
    let resolutions = format!("{path}/resolutions");
    assert_eq!(wang.post(&resolutions, &decide).await.status, StatusCode::SEE_OTHER);
    assert_eq!(office.view(task.visit).await["findings"][0]["place"], "库房门");
    // Somebody else decided while this page was open.
    let late =
        [&decide[1..3], &[("once", "2"), ("value", "\"后门\""), ("back", "/console/conflicts")]].concat();
    let late = wang.post(&resolutions, &late).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "{late:?}");
    let shown = late.body.as_str().expect("a page");
    assert!(shown.contains("data-page=\"/console/conflicts\""), "it is read again where it can be: {shown}");
    let reloaded = wang.get(&resolutions).await;
    assert_eq!(reloaded.headers[header::LOCATION], path, "whoever reloads is led to the visit");
}

#[tokio::test(flavor = "multi_thread")]
async fn items_go_by_the_code_that_the_authority_gave_them() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut zhang = office.phone("zhang", 1).await;
    zhang.synchronise().await;
    let finding = NewFinding {
        text: "温度超标".into(),
        item: Some("1-2".into()),
        code: Some("1-2".into()),
        ..NewFinding::default()
    };
    zhang.edit(task.visit, &[Edit::Finding(finding)]).expect("a change");
    zhang.synchronise().await;
    office.judged().await;
    let page = Desk::of(&office, "wang").await.page(&format!("/console/visits/{}", task.visit)).await;
    assert!(page.contains("<span class=\"line-no\">1-2</span>") && page.contains("1-2 冷藏温度"), "{page}");
    assert!(!page.contains("<span class=\"hash\">1-2</span>"), "the code stands beside the finding once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_for_a_review_is_among_what_is_read_again() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut zhang = office.phone("zhang", 1).await;
    zhang.synchronise().await;
    let wang = Desk::of(&office, "wang").await;
    let path = format!("/console/visits/{}", task.visit);
    let region = "<div data-live id=\"visit-review\">";
    assert!(wang.page(&path).await.contains(region));
    zhang.answer(task.visit, "1-1", 1);
    zhang.seal(task.visit, false);
    zhang.synchronise().await;
    office.judged().await;
    let sealed = wang.page(&path).await;
    let (_, rest) = sealed.split_once(region).expect("the region");
    assert!(rest.contains("提交审核意见"), "{rest}");
    let neither = [("once", "1"), ("outcome", ""), ("opinion", "缺少照片")];
    let neither = wang.post(&format!("{path}/reviews"), &neither).await;
    assert_eq!(neither.status, StatusCode::BAD_REQUEST, "nothing is returned that nobody returned");
    let long = "长".repeat(5_000);
    let long = [("once", "2"), ("outcome", "returned"), ("opinion", long.as_str())];
    let long = wang.post(&format!("{path}/reviews"), &long).await;
    let shown = long.body.as_str().expect("a page");
    assert!(shown.contains("id=\"opinion-fault\"") && shown.contains(&format!("data-page=\"{path}\"")));
}

/// Every list shows both tasks, and says which of them is damaged.
async fn assert_lists_mark(office: &Office, wang: &Desk<'_>, well: &Issued, damaged: &Issued) {
    let listed = office.deployment.get("wang", "/api/v1/tasks").await.ok();
    let flags = [well, damaged].map(|task| {
        let items = listed["items"].as_array().expect("a list");
        let item = items.iter().find(|item| item["id"] == task.id.as_str()).expect("the task");
        item["progress"]["damaged"].as_bool().expect("a flag")
    });
    assert_eq!(flags, [false, true]);
    for path in ["/console".to_owned(), "/console/tasks".into(), format!("/console/tasks/{}", damaged.id)] {
        assert!(wang.page(&path).await.contains("数据损坏</span>"), "on {path}");
    }
    let conflicts = office.deployment.get("wang", "/api/v1/conflicts").await.ok();
    assert_eq!(conflicts["items"].as_array().expect("a list").len(), 1);
    assert_eq!(conflicts["damaged"][0], damaged.visit.to_string());
    assert!(wang.page("/console/conflicts").await.contains("数据损坏：某餐馆"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_damaged_visit_keeps_nobody_from_the_others() {
    let office = Office::open().await;
    let (well, damaged) = (office.issue(&["zhang", "li"]).await, office.issue(&["zhang", "li"]).await);
    let (mut zhang, mut li) = pair(&office).await;
    for visit in [well.visit, damaged.visit] {
        let finding = NewFinding { text: "后门挡鼠板缺失".into(), ..NewFinding::default() };
        zhang.edit(visit, &[Edit::Finding(finding)]).expect("a change");
        zhang.answer(visit, "1-2", 4);
        li.answer(visit, "1-2", 9);
    }
    zhang.exchange().await;
    li.exchange().await;
    office.judged().await;
    let wang = Desk::of(&office, "wang").await;
    let mut conn = open(office.deployment.folder.path()).await;
    let path = format!("/console/visits/{}", damaged.visit);
    let whole: String = sqlx::query_scalar("SELECT view FROM visit WHERE document = $1")
        .bind(damaged.visit.to_string())
        .fetch_one(&mut conn)
        .await
        .expect("a view");
    // Cut off, of another shape, no text any more, readable but for what was found.
    let findings = whole.replacen("\"findings\":[{", "\"findings\":[{\"text\":[],", 1);
    assert_ne!(findings, whole);
    for view in [&b"{\"visit\":"[..], b"{}", b"\xe5\x90", findings.as_bytes()] {
        sqlx::query("UPDATE visit SET view = CAST($1 AS TEXT) WHERE document = $2")
            .bind(view)
            .bind(damaged.visit.to_string())
            .execute(&mut conn)
            .await
            .expect("damaged");
        let shown = office.deployment.get("wang", &format!("/api/v1/visits/{}", damaged.visit)).await;
        assert_eq!((shown.status.as_u16(), &shown.body["code"]), (500, &"visit.damaged".into()));
        let page = wang.get(&path).await;
        let text = page.body.as_str().expect("a page");
        assert!(
            page.status == StatusCode::INTERNAL_SERVER_ERROR && text.contains("存储数据已损坏"),
            "{text}"
        );
        let trace = wang.page(&format!("{path}/trace")).await;
        assert!(trace.contains("数据损坏") && trace.contains("本页全部核验通过"), "{trace}");
        assert!(wang.page(&format!("/console/visits/{}", well.visit)).await.contains("后门挡鼠板缺失"));
        let dossier = wang.page(&format!("/console/subjects/{}", office.subject)).await;
        assert!(dossier.contains("数据损坏") && dossier.contains("后门挡鼠板缺失"), "{dossier}");
        let export =
            office.deployment.get("wang", "/api/v1/exports/findings?format=csv").await.body.to_string();
        assert!(export.contains("数据损坏") && export.contains("后门挡鼠板缺失"), "{export}");
        if view == findings.as_bytes() {
            continue; // The lists count findings and read none.
        }
        assert_lists_mark(&office, &wang, &well, &damaged).await;
    }
    // The next entry that counts makes the view anew.
    zhang.answer(damaged.visit, "1-1", 1);
    zhang.exchange().await;
    office.judged().await;
    assert!(wang.page(&path).await.contains("后门挡鼠板缺失"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_that_is_gone_or_another_is_told_where_it_is_looked_at() {
    let office = Office::open().await;
    let task = office.issue(&["zhang"]).await;
    let mut zhang = office.phone("zhang", 1).await;
    zhang.synchronise().await;
    let file = b"a recording".to_vec();
    let hash = photo(&mut zhang, task.visit, &file).hash;
    zhang.exchange().await;
    upload(&office, &zhang, &file).await;
    office.judged().await;
    let wang = Desk::of(&office, "wang").await;
    let path = format!("/console/visits/{}/evidence/{hash}", task.visit);
    assert!(wang.page(&path).await.contains("原件已入库</span>"));
    let stored = path_of(office.deployment.folder.path(), hash);
    std::fs::write(&stored, b"a recordinG").expect("damaged");
    let damaged = wang.page(&path).await;
    std::fs::remove_file(&stored).expect("gone");
    for page in [damaged, wang.page(&path).await] {
        assert!(page.contains("原件缺失或已损坏</span>") && !page.contains("下载原件"), "{page}");
    }
    let visit = wang.page(&format!("/console/visits/{}", task.visit)).await;
    assert!(visit.contains("原件缺失或已损坏</b>"), "{visit}");
    let listed = office.deployment.get("wang", &format!("/api/v1/visits/{}/evidence", task.visit)).await.ok();
    assert_eq!(listed["items"][0]["damaged"], true);
}
