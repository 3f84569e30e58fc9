//! Everything about a visit in the order of the ledger, each line verified by the server, and how
//! somebody else checks the same without trusting it.

use super::{
    sheet::{self, Titles},
    visit::{Head, Opened},
    words,
};
use crate::{
    ApiError, AppState,
    acts::access::Actor,
    console::{Lang, Page, SignedIn, page::render, show, words::Badge},
    routes::extract::{Path, Query},
    views::{
        self,
        trace::{CheckpointView, EntryView, TraceLine, TraceQuery},
    },
};
use askama::Template;
use axum::{extract::State, response::Response};
use liuhen_inspection::checklist::Checklist;
use serde::Deserialize;

/// Lines on a page.
const LINES: i64 = 100;
/// Entries that do not count are told on the visit's page up to this many; the trace has all.
const SET_ASIDE_MAX: i64 = 20;

#[derive(Template)]
#[template(path = "casework/trace.html")]
struct TracePage {
    p: Page,
    head: Head,
    lines: Vec<Line>,
    failed: usize,
    /// What the lines were verified against.
    checkpoint: CheckpointView,
    verifier_key: String,
    only_aside: bool,
    first: String,
    next: Option<String>,
}

/// An entry or an act in words.
struct Line {
    leaf: i64,
    seq: Option<i64>,
    act: bool,
    kind: String,
    who: String,
    certificate_no: String,
    device: String,
    desk: bool,
    when: String,
    /// Between which states of the log it lies.
    bounds: String,
    claimed: Option<String>,
    place: Option<String>,
    mock: bool,
    details: Vec<(String, String)>,
    files: Vec<String>,
    verdict: Option<Badge>,
    why: String,
    passed: bool,
    checks: Vec<Check>,
}

struct Check {
    title: &'static str,
    passed: bool,
    detail: String,
}

/// An entry that does not count, or not yet.
pub struct SetAside {
    pub kind: String,
    pub who: String,
    pub verdict: Badge,
    pub why: String,
    pub when: String,
    /// What it would have written.
    pub said: Vec<(String, String)>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    cursor: Option<String>,
    only: Option<String>,
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(visit): Path,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let (p, actor) = (signed_in.page, &signed_in.viewer.actor);
    let mut conn = state.store.read().await?;
    let opened = Opened::load_for_trace(&mut conn, actor, &visit).await?;
    drop(conn);
    let head = opened.head(p.lang, actor);
    let only_aside = wanted.only.as_deref() == Some("aside");
    let query = TraceQuery { cursor: wanted.cursor.clone(), limit: Some(LINES), not_admitted: only_aside };
    let read = views::trace::page(&state, actor, &visit, query).await?;
    let here = format!("/console/visits/{}/trace", head.visit);
    let only = if only_aside { "only=aside&" } else { "" };
    let titles = sheet::titles(&opened.view);
    let items = read.items.into_iter();
    let lines: Vec<Line> = items.map(|read| line(p.lang, read, &opened.checklist, &titles)).collect();
    let page = TracePage {
        failed: lines.iter().filter(|line| !line.passed).count(),
        lines,
        verifier_key: views::ledger::checkpoint(&state).verifier_key,
        checkpoint: read.checkpoint,
        only_aside,
        first: if wanted.cursor.is_some() { here.clone() } else { String::new() },
        next: read.next.map(|cursor| format!("{here}?{only}cursor={cursor}")),
        head,
        p,
    };
    render(&page)
}

/// For the visit's own page: the first entries that do not count.
pub async fn set_aside(
    state: &AppState,
    actor: &Actor,
    lang: Lang,
    opened: &Opened,
) -> Result<Vec<SetAside>, ApiError> {
    let visit = opened.view.visit.to_string();
    let query = TraceQuery { cursor: None, limit: Some(SET_ASIDE_MAX), not_admitted: true };
    let read = views::trace::page(state, actor, &visit, query).await?;
    let titles = sheet::titles(&opened.view);
    let lines = read.items.into_iter().map(|read| line(lang, read, &opened.checklist, &titles));
    let set_aside = lines.filter_map(|line| {
        Some(SetAside {
            verdict: line.verdict?,
            kind: line.kind,
            who: line.who,
            why: line.why,
            when: line.when,
            said: line.details,
        })
    });
    Ok(set_aside.collect())
}

fn line(lang: Lang, read: TraceLine, checklist: &Checklist, titles: &Titles) -> Line {
    let entry = read.entry.as_ref();
    let kind = match entry.and_then(|entry| entry.step) {
        Some(step) => words::step(lang, step).to_owned(),
        None if entry.is_some_and(writes_finding) => lang.t("登记问题", "Finding").to_owned(),
        None if read.seq.is_some() => words::entry_kind(lang, &read.kind).to_owned(),
        None => words::act_kind(lang, &read.kind).to_owned(),
    };
    let who = read.who.as_ref();
    let checks = read.verification.checks.iter().map(|check| Check {
        title: {
            let (zh, en) = check.what.titles();
            lang.t(zh, en)
        },
        passed: check.passed,
        detail: check.detail.clone().unwrap_or_default(),
    });
    Line {
        leaf: read.leaf,
        seq: read.seq,
        act: read.seq.is_none(),
        who: who.map_or_else(|| lang.t("服务器", "The server").to_owned(), |who| who.name.clone()),
        certificate_no: who.map(|who| who.certificate_no.clone()).unwrap_or_default(),
        device: who.and_then(|who| who.device.clone()).unwrap_or_default(),
        desk: who.is_some_and(|who| who.desk),
        when: show::interval(read.when.after_ms, Some(read.when.before_ms)),
        bounds: bounds(lang, &read),
        claimed: entry.map(|entry| show::time_exact(entry.wall_ms)),
        place: entry.and_then(|entry| entry.place.as_ref()).map(|place| {
            format!(
                "{:.5}, {:.5} ±{} m",
                f64::from(place.latitude_e7) / 1e7,
                f64::from(place.longitude_e7) / 1e7,
                place.accuracy_mm / 1000
            )
        }),
        mock: entry.and_then(|entry| entry.place.as_ref()).is_some_and(|place| place.mock),
        details: match entry {
            Some(entry) => sheet::said(lang, checklist, titles, &entry.writes),
            None => details(lang, &read),
        },
        files: entry
            .map(|entry| entry.blobs.iter().map(|blob| blob.hash.clone()).collect())
            .unwrap_or_default(),
        verdict: entry.map(|entry| verdict(lang, entry.verdict)),
        why: entry
            .and_then(|entry| entry.code.as_deref())
            .map(|code| words::problem(lang, code))
            .unwrap_or_default(),
        passed: read.verification.passed,
        checks: checks.collect(),
        kind,
    }
}

/// An edit of the list of findings, whose kind is that of any edit.
fn writes_finding(entry: &EntryView) -> bool {
    entry.kind == "edit" && entry.writes.iter().any(|write| write.path.starts_with("findings/"))
}

fn bounds(lang: Lang, read: &TraceLine) -> String {
    match read.when.after_size {
        Some(size) => format!(
            "{} {size} {} {} {}",
            lang.t("在第", "after checkpoint"),
            lang.t("叶检查点之后，第", "and before leaf"),
            read.when.before_leaf,
            lang.t("叶之前", "")
        ),
        // Its leaf stands at its side.
        None if read.seq.is_none() => String::new(),
        None => format!("{} {} {}", lang.t("第", "before leaf"), read.when.before_leaf, lang.t("叶之前", "")),
    }
}

fn verdict(lang: Lang, verdict: &'static str) -> Badge {
    let tone = match verdict {
        "admitted" => "good",
        "quarantined" => "bad",
        "held" | "waiting" => "warn",
        _ => "plain",
    };
    Badge { tone, text: words::verdict(lang, verdict) }
}

/// What an act says beyond its kind, for people: ids without a person behind them are left out.
fn details(lang: Lang, read: &TraceLine) -> Vec<(String, String)> {
    let Some(act) = &read.act else { return Vec::new() };
    let mut told: Vec<(String, String)> = Vec::new();
    for line in &act.lines {
        let last = line.name.rsplit('.').next().unwrap_or_default();
        let Some(name) = words::act_part(lang, last) else { continue };
        let text = match (last, &line.person) {
            (_, Some(person)) => person.clone(),
            ("state", None) => words::task_state(lang, &line.text),
            ("outcome", None) => words::outcome(lang, &line.text).to_owned(),
            ("code", None) => words::problem(lang, &line.text),
            ("size_bytes", None) => line.text.parse().map(show::size).unwrap_or_default(),
            (_, None) => line.text.clone(),
        };
        match told.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) if known.contains(&text) => {}
            Some((_, known)) => *known = format!("{known}、{text}"),
            None => told.push((name.to_owned(), text)),
        }
    }
    told
}
