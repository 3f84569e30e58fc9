//! Tables of inspected parties, handed in and taken away again.

use crate::deployment::{Answer, Deployment};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/imports/subjects";
const DRY: &str = "/api/v1/imports/subjects?dry_run=true";
const TABLE: &str = "\
统一社会信用代码,单位名称,经营地址,法定代表人,联系电话,行业,经度,纬度,坐标系
91350100M000100Y43,某某餐馆（北店）,人民路1号,张三,+86 591 8888,餐饮服务,119.3,26.08,GCJ-02
065464,=甲店,人民路2号,李四,13800000000,餐饮服务,,,
,乙店,人民路3号,,,食品销售,,,
";

async fn handed_in(deployment: &Deployment, path: &str, table: &str) -> Value {
    let answer = deployment.hand_in("wang", path, table.as_bytes().to_vec()).await;
    assert!(answer.status.is_success(), "{answer:?}");
    answer.body
}

fn counts(report: &Value) -> [i64; 6] {
    ["rows", "new", "changed", "unchanged", "errors", "warnings"]
        .map(|name| report["counts"][name].as_i64().expect("a number"))
}

fn codes(report: &Value) -> Vec<(Option<i64>, &str)> {
    let findings = report["findings"].as_array().expect("findings");
    findings.iter().map(|it| (it["row"].as_i64(), it["code"].as_str().expect("a code"))).collect()
}

async fn registered(deployment: &Deployment) -> usize {
    let list = deployment.get("wang", "/api/v1/subjects?limit=500").await.ok();
    list["items"].as_array().expect("items").len()
}

#[tokio::test]
async fn a_dry_run_tells_what_an_import_does_and_a_second_import_does_nothing() {
    let deployment = Deployment::staffed().await;
    let dry = handed_in(&deployment, DRY, TABLE).await;
    assert_eq!((dry["outcome"].as_str(), counts(&dry)), (Some("dry_run"), [3, 3, 0, 0, 0, 0]));
    assert_eq!(registered(&deployment).await, 0);
    assert_eq!((dry["format"].as_str(), dry["encoding"].as_str()), (Some("csv"), Some("UTF-8")));
    assert_eq!(
        dry["columns"][1],
        json!({
            "number": 2, "header": "单位名称", "field": "name", "example": "某某餐馆（北店）",
        })
    );
    let real = deployment.hand_in("wang", PATH, TABLE.as_bytes().to_vec()).await.created();
    assert_eq!((real["outcome"].as_str(), counts(&real)), (Some("imported"), [3, 3, 0, 0, 0, 0]));
    let list = deployment.get("zhang", "/api/v1/subjects").await.ok();
    assert_eq!(list["items"][0]["source_datum"], "GCJ-02");
    assert_eq!(list["items"][1]["name"], "=甲店");
    let again = handed_in(&deployment, PATH, TABLE).await;
    assert_eq!(counts(&again), [3, 0, 0, 3, 0, 0]);
    deployment.close().await;
}

#[tokio::test]
async fn what_the_file_changes_is_shown_field_by_field_and_its_empty_cells_change_nothing() {
    let deployment = Deployment::staffed().await;
    handed_in(&deployment, PATH, TABLE).await;
    let table = "统一社会信用代码,名称,地址,联系电话\n\
                 91350100M000100Y43,某某餐馆,人民路1号,\n7,乙店,人民路3号,5\n,丙店,人民路4号,\n";
    let report = handed_in(&deployment, PATH, table).await;
    assert_eq!(counts(&report), [3, 1, 2, 0, 0, 0]);
    let first = &report["changes"][0];
    assert_eq!((first["row"].as_i64(), first["kind"].as_str()), (Some(2), Some("changed")));
    assert_eq!(
        first["fields"],
        json!([{ "field": "name", "before": "某某餐馆（北店）", "after": "某某餐馆" }])
    );
    let subject = first["subject"].as_str().expect("a subject");
    let shown = deployment.get("wang", &format!("/api/v1/subjects/{subject}")).await.ok();
    assert_eq!((shown["name"].as_str(), shown["phone"].as_str()), (Some("某某餐馆"), Some("+86 591 8888")));
    let dossier = deployment.get("wang", &format!("/api/v1/subjects/{subject}/dossier")).await.ok();
    assert_eq!(dossier["versions"][1]["subject"]["name"], "某某餐馆（北店）");
    assert_eq!(report["changes"][1]["fields"][0], json!({ "field": "code", "before": "", "after": "7" }));
    deployment.close().await;
}

#[tokio::test]
async fn one_error_and_nothing_is_taken_over() {
    let deployment = Deployment::staffed().await;
    let table = "代码,名称,地址\n91350100M000100Y44,甲店,一路\n1,,二路\n1.1E+17,丙店,三路\n";
    let answer = deployment.hand_in("wang", PATH, table.as_bytes().to_vec()).await.ok();
    assert_eq!((answer["outcome"].as_str(), counts(&answer)[4..].to_vec()), (Some("has_errors"), vec![2, 1]));
    let expected = [
        (Some(2), "subject.code_check_digit"),
        (Some(3), "subject.name_missing"),
        (Some(4), "subject.digits_lost"),
    ];
    assert_eq!(codes(&answer), expected);
    assert!(answer["findings"][1]["zh"].as_str().expect("Chinese").contains("名称"));
    assert_eq!(registered(&deployment).await, 0);
    let doubled = "名称,地址\n甲店,一路\n甲店,二路\n";
    handed_in(&deployment, PATH, doubled).await;
    let unclear = deployment.hand_in("wang", PATH, "名称\n甲店\n".as_bytes().to_vec()).await.ok();
    assert_eq!(codes(&unclear), [(Some(2), "subject.ambiguous")]);
    assert_eq!(registered(&deployment).await, 2);
    deployment.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_table_is_told_by_what_it_is() {
    let deployment = Deployment::staffed().await;
    for (file, code) in [(&b"%PDF-1.7"[..], "import.format_pdf"), (b"", "import.empty")] {
        let report = deployment.hand_in("wang", PATH, file.to_vec()).await.ok();
        assert_eq!((report["outcome"].as_str(), codes(&report)), (Some("unreadable"), vec![(None, code)]));
    }
    let strange = "甲栏,乙栏\n某店,一路\n";
    let report = handed_in(&deployment, DRY, strange).await;
    assert_eq!(codes(&report), [(None, "import.no_name_column")]);
    assert_eq!(report["columns"][1]["example"], "一路", "so that somebody can choose");
    let chosen = handed_in(&deployment, &format!("{PATH}?name_column=1&address_column=2"), strange).await;
    assert_eq!((chosen["outcome"].as_str(), counts(&chosen)), (Some("imported"), [1, 1, 0, 0, 0, 0]));
    let missing = handed_in(&deployment, &format!("{PATH}?name_column=9"), strange).await;
    assert_eq!(codes(&missing), [(None, "import.bad_mapping")]);
}

#[tokio::test]
async fn only_those_who_keep_the_register_hand_files_in() {
    let deployment = Deployment::staffed().await;
    for login in ["zhang", "shen"] {
        let answer = deployment.hand_in(login, DRY, TABLE.as_bytes().to_vec()).await;
        assert_eq!(answer.problem(403), "access.denied");
    }
    let elsewhere = deployment.hand_in("wang", &format!("{PATH}?department=none"), b"x".to_vec()).await;
    assert_eq!(elsewhere.problem(403), "access.denied");
    let misspelt = deployment.hand_in("wang", &format!("{PATH}?dryrun=true"), b"x".to_vec()).await;
    assert_eq!(misspelt.problem(400), "request.wrong_query", "no import where a dry run was meant");
}

#[tokio::test]
async fn a_request_that_arrives_twice_imports_once_and_tells_the_same() {
    let deployment = Deployment::staffed().await;
    let mut reports = Vec::new();
    for _ in 0..2 {
        let request = Request::post(PATH)
            .header(header::AUTHORIZATION, format!("Bearer {}", deployment.token("wang")))
            .header("Idempotency-Key", "import-1")
            .body(Body::from(TABLE));
        let answer: Answer = deployment.raw(request.expect("a request")).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        reports.push(answer.body);
    }
    assert_eq!(reports[0], reports[1]);
    assert_eq!(counts(&reports[1])[1], 3);
    deployment.close().await;
}

#[tokio::test]
async fn an_export_comes_back_unchanged_in_both_formats() {
    let deployment = Deployment::staffed().await;
    handed_in(&deployment, PATH, TABLE).await;
    for format in ["csv", "xlsx"] {
        let file = deployment.take_away("wang", &format!("/api/v1/exports/subjects?format={format}")).await;
        let report = deployment.hand_in("wang", PATH, file.clone()).await.created();
        assert_eq!(counts(&report), [3, 0, 0, 3, 0, 0], "{format}: {report:#}");
        if format == "csv" {
            let text = String::from_utf8(file).expect("UTF-8");
            assert!(text.starts_with('\u{feff}') && text.contains(",\"'=甲店\","), "{text}");
        }
    }
    for table in ["tasks", "findings"] {
        let csv = deployment.take_away("wang", &format!("/api/v1/exports/{table}?format=csv")).await;
        assert!(String::from_utf8(csv).expect("UTF-8").contains("检查对象"));
    }
    deployment.close().await;
}

/// What a client of the API registers is not brought into the form that the import gives a text.
#[tokio::test]
async fn an_export_comes_back_unchanged_however_the_register_spells_it() {
    let deployment = Deployment::staffed().await;
    let parties = json!([
        { "name": "甲  店\u{200b}", "address": "人民路１２号", "phone": "０１０－8888" },
        { "name": "乙店", "code": "9135 0100 m000 100y 43" },
        { "name": "丙店_x0041_", "address": "=\"1\"", "category": "'=1" },
        { "name": "重复店", "address": "同一处" },
        { "name": "重复店", "address": "同一处" },
    ]);
    deployment.post("wang", "/api/v1/subjects", &parties).await.created();
    for format in ["csv", "xlsx"] {
        let file = deployment.take_away("wang", &format!("/api/v1/exports/subjects?format={format}")).await;
        let report = deployment.hand_in("wang", PATH, file).await.created();
        assert_eq!(counts(&report)[..5], [4, 0, 0, 4, 0], "{format}: {report:#}");
    }
    assert_eq!(registered(&deployment).await, 5);
    deployment.close().await;
}

#[tokio::test]
async fn a_party_of_a_department_below_is_not_registered_a_second_time() {
    let deployment = Deployment::staffed().await;
    let below = deployment.post("admin", "/api/v1/departments", &json!({ "name": "城关所" })).await.created();
    let below = below["id"].as_str().expect("an id").to_owned();
    handed_in(&deployment, &format!("{PATH}?department={below}"), TABLE).await;
    let file = deployment.take_away("wang", "/api/v1/exports/subjects?format=csv").await;
    let report = deployment.hand_in("wang", PATH, file).await.created();
    assert_eq!(counts(&report), [3, 0, 0, 3, 0, 0], "{report:#}");
    let changed = handed_in(&deployment, PATH, "名称,地址,联系电话\n乙店,人民路3号,5\n").await;
    assert_eq!(counts(&changed)[..3], [1, 0, 1]);
    let list = deployment.get("wang", "/api/v1/subjects?limit=500").await.ok();
    let items = list["items"].as_array().expect("items");
    assert!(items.len() == 3 && items.iter().all(|it| it["department"] == below.as_str()), "{list}");
    deployment.close().await;
}

#[tokio::test]
async fn a_checklist_comes_back_as_the_json_that_registers_it_and_mistakes_are_told_at_their_items() {
    let deployment = Deployment::staffed().await;
    let checklist = crate::casework::checklist(1, "食品安全");
    let first = deployment.post("wang", "/api/v1/checklists", &checklist).await.created();
    let path = format!("/api/v1/checklists/{}/file", first["hash"].as_str().expect("a hash"));
    let answer = deployment.get("zhang", &path).await;
    assert_eq!(answer.headers[header::CONTENT_DISPOSITION], "attachment; filename=\"food-safety-v1.json\"");
    assert_eq!(answer.body, checklist);
    let again = deployment.post("wang", "/api/v1/checklists", &answer.body).await.created();
    assert_eq!(again, first);
    let mut bad = crate::casework::checklist(2, "食品安全");
    bad["items"][1]["text"] = json!(" ");
    bad["items"][0]["penalty"] = json!("x");
    let refused = deployment.post("wang", "/api/v1/checklists", &bad).await;
    refused.problem(422);
    let detail = refused.text("detail");
    assert!(detail.contains("items[0] (1-1): checklist.malformed: unknown field `penalty`"), "{detail}");
    assert!(detail.contains("items[1] (1-2): checklist.empty_text: item 1-2: text"), "{detail}");
}

/// Of more rows than one act lists, every one is there or none, and the ledger knows each.
#[tokio::test]
async fn a_large_file_is_several_acts_of_one_commit() {
    let deployment = Deployment::staffed().await;
    let leaves = deployment.state.ledger.latest().state.size;
    let rows: String = (0..5_001).map(|at| format!("{at:06},第{at}店,人民路{at}号\n")).collect();
    let report = handed_in(&deployment, PATH, &format!("编码,名称,地址\n{rows}")).await;
    assert_eq!(counts(&report)[..2], [5_001, 5_001]);
    assert_eq!(report["changes_left_out"].as_i64(), Some(4_801));
    assert_eq!(deployment.state.ledger.latest().state.size, leaves + 2);
    let changed: String = (0..5_001).map(|at| format!("{at:06},第{at}店,人民路{at}号之一\n")).collect();
    let report = handed_in(&deployment, PATH, &format!("编码,名称,地址\n{changed}")).await;
    assert_eq!(counts(&report)[..3], [5_001, 0, 5_001]);
    assert_eq!(deployment.state.ledger.latest().state.size, leaves + 5);
    deployment.close().await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test's settings come from the environment")]
async fn the_citys_register_goes_in_and_comes_back_unchanged() {
    let Some(city) = std::env::var_os("LIUHEN_CITY_DATA") else {
        println!("skipped: LIUHEN_CITY_DATA does not name the city's set");
        return;
    };
    let file = std::fs::read(std::path::Path::new(&city).join("establishments.csv")).expect("the city's set");
    let deployment = Deployment::staffed().await;
    let report = deployment.hand_in("wang", PATH, file.clone()).await.created();
    assert_eq!(counts(&report)[4], 0);
    let rows = counts(&report)[0];
    assert!(rows > 2_190, "{rows}");
    let again = deployment.hand_in("wang", PATH, file).await.created();
    assert_eq!(counts(&again)[..4], [rows, 0, 0, rows]);
    for format in ["csv", "xlsx"] {
        let file = deployment.take_away("wang", &format!("/api/v1/exports/subjects?format={format}")).await;
        let report = deployment.hand_in("wang", PATH, file).await.created();
        assert_eq!(counts(&report)[..5], [rows, 0, 0, rows, 0], "{format}: {:#}", report["changes"][0]);
    }
    deployment.close().await;
}
