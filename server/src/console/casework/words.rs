//! What pages call the things of a visit: stable names go in, words for people come out.

use crate::console::{Lang, show, words as common};
use liuhen_engine::{field::Scalar, shape::Path};
use liuhen_inspection::{
    checklist::{Checklist, ResponseType},
    codes,
    conflict::ConflictState,
    record::SignerRole,
    visit::{Flag, Value, VisitField, shape},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A value as people read it; what was retracted says so.
pub fn value(l: Lang, value: &Value) -> String {
    match &value.0 {
        Scalar::Null => l.t("（已撤回）", "(retracted)").to_owned(),
        Scalar::Bool(true) => l.t("是", "Yes").to_owned(),
        Scalar::Bool(false) => l.t("否", "No").to_owned(),
        Scalar::Int(number) => number.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}

/// A value, and nothing where nobody wrote one.
pub fn value_or_blank(l: Lang, of: &Value) -> String {
    if of.is_null() { String::new() } else { value(l, of) }
}

/// A time as a person stated it (RFC 3339), as a clock on the wall says it; anything else as it is.
pub fn stated_time(text: &str) -> String {
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(at) => show::time(at.unix_timestamp() * 1000),
        Err(_) => text.to_owned(),
    }
}

pub fn flag(l: Lang, flag: Flag) -> &'static str {
    match flag {
        Flag::WrongType => l.t("类型不符", "Wrong type"),
        Flag::NotAnOption => l.t("不在选项之内", "Not one of the options"),
        Flag::NotADate => l.t("不是日期", "Not a date"),
        Flag::NotABlob => l.t("不是文件标识", "Not a file's hash"),
    }
}

pub fn visit_field(l: Lang, field: VisitField) -> &'static str {
    match field {
        VisitField::StartedAt => l.t("检查开始时间", "Began at"),
        VisitField::EndedAt => l.t("检查结束时间", "Ended at"),
        VisitField::Attendant => l.t("现场陪同人员", "Present for the inspected party"),
        VisitField::IdentificationShown => l.t("出示执法证件", "Identification shown"),
        VisitField::RecusalAsked => l.t("告知申请回避权利", "Recusal asked"),
        VisitField::RecusalAnswer => l.t("回避申请答复", "Answer on recusal"),
        VisitField::RecordText => l.t("现场检查情况", "Text of the record"),
        VisitField::PartyOpinion => l.t("被检查人意见", "Opinion of the inspected party"),
    }
}

pub fn response_type(l: Lang, response: &ResponseType) -> &'static str {
    match response {
        ResponseType::Choice { .. } => l.t("单选", "Choice"),
        ResponseType::Int => l.t("数字", "Number"),
        ResponseType::Text => l.t("文字", "Text"),
        ResponseType::Bool => l.t("是／否", "Yes or no"),
        ResponseType::Date => l.t("日期", "Date"),
    }
}

pub fn conflict_state(l: Lang, state: ConflictState) -> &'static str {
    match state {
        ConflictState::Open => l.t("待处理", "Open"),
        ConflictState::Resolved => l.t("已处理", "Decided"),
        ConflictState::Overwritten => l.t("知情覆盖", "Overwritten knowingly"),
    }
}

/// The field that a path such as `responses/7` or `findings/9f…/place` means, in words.
pub fn field(l: Lang, checklist: &Checklist, path: &str) -> String {
    let Ok(path) = shape::parse_path(path) else { return path.to_owned() };
    let item = |code: &str| match checklist.items.iter().find(|item| item.code == code) {
        Some(item) => format!("{code} {}", item.text),
        None => code.to_owned(),
    };
    match path.root.as_str() {
        shape::RESPONSES => item(&path.key),
        shape::REMARKS => format!("{} · {}", item(&path.key), l.t("备注", "Remark")),
        shape::VISIT => match path.key.parse() {
            Ok(field) => visit_field(l, field).to_owned(),
            Err(_) => path.key,
        },
        root @ (shape::FINDINGS | shape::NOTES | shape::EVIDENCE) => {
            format!("{} · {}", thing(l, root), part(l, &path.key))
        }
        _ => path.to_string(),
    }
}

/// A value that was put into a field, in words.
pub fn written(l: Lang, path: &Path, of: &Value) -> String {
    match (path.root.as_str(), path.key.as_str(), &of.0) {
        (shape::EVIDENCE, "size_bytes", Scalar::Int(bytes)) => show::size(*bytes),
        (shape::EVIDENCE, "captured_at_ms", Scalar::Int(at_ms)) => show::time_exact(*at_ms),
        (shape::EVIDENCE, "source", Scalar::Text(name)) => source(l, name).to_owned(),
        (shape::VISIT, "started_at" | "ended_at", Scalar::Text(text)) => stated_time(text),
        _ => value(l, of),
    }
}

/// What stands under a root of items.
pub fn thing(l: Lang, root: &str) -> &'static str {
    match root {
        shape::FINDINGS => l.t("问题", "Finding"),
        shape::NOTES => l.t("备注", "Note"),
        _ => l.t("证据", "Evidence"),
    }
}

/// A key of a finding, a note or a piece of evidence.
pub fn part(l: Lang, key: &str) -> &str {
    match key {
        "item" => l.t("检查内容", "Item"),
        "code" => l.t("编码", "Code"),
        "place" => l.t("部位", "Place"),
        "text" => l.t("内容", "Text"),
        "days_to_correct" => l.t("整改天数", "Days to correct"),
        "due_on" => l.t("整改期限", "Due"),
        "corrected" => l.t("是否整改", "Corrected"),
        "corrected_on" => l.t("整改日期", "Corrected on"),
        "correction" => l.t("整改情况", "Correction"),
        "blob" => l.t("文件", "File"),
        "size_bytes" => l.t("大小", "Size"),
        "media_type" => l.t("类型", "Type"),
        "source" => l.t("来源", "Source"),
        "finding" => l.t("发现的问题", "Finding"),
        "caption" => l.t("说明", "Caption"),
        "captured_at_ms" => l.t("拍摄时间", "Captured at"),
        other => other,
    }
}

/// Where a file comes from, as its announcement says.
pub fn source(l: Lang, source: &str) -> &str {
    match source {
        "camera" => l.t("现场拍摄", "Camera"),
        "album" => l.t("相册选取", "Album"),
        "recorder" => l.t("执法记录仪", "Body-worn recorder"),
        other => other,
    }
}

/// What a file is, by its media type.
pub fn file_kind(l: Lang, media_type: &str) -> &'static str {
    match media_type.split('/').next() {
        Some("image") => l.t("图片", "Picture"),
        Some("audio") => l.t("录音", "Sound recording"),
        Some("video") => l.t("录像", "Film"),
        _ => l.t("文件", "File"),
    }
}

/// An entry's kind by its stable name.
pub fn entry_kind(l: Lang, kind: &str) -> &str {
    match kind {
        "edit" => l.t("填写", "Edit"),
        "capture" => l.t("取证", "Evidence captured"),
        "receipt" => l.t("任务回执", "Step of the task"),
        "gate" => l.t("检查前核对", "Checks before the visit"),
        "check_in" => l.t("到场签到", "Arrival"),
        "seal" => l.t("签章确认", "Seal"),
        "refusal" => l.t("拒签登记", "Refusal to sign"),
        "resolution" => l.t("分歧裁定", "Resolution"),
        "note" => l.t("备注", "Note"),
        "epoch" => l.t("换号续写", "Writes on after a quarantine"),
        other => other,
    }
}

/// A step of a task that an entry is the receipt for.
pub fn step(l: Lang, step: &str) -> &str {
    match step {
        "delivered" => l.t("任务送达", "Task delivered"),
        "opened" => l.t("任务查看", "Task opened"),
        "claimed" => l.t("任务领取", "Task claimed"),
        other => other,
    }
}

/// A verdict by its stable name.
pub fn verdict(l: Lang, verdict: &str) -> &str {
    match verdict {
        "pending" => l.t("判定中", "Being judged"),
        "admitted" => l.t("已采纳", "Admitted"),
        "waiting" => l.t("等待前序内容", "Waiting for what it builds on"),
        "quarantined" => l.t("已隔离", "Quarantined"),
        "held" => l.t("暂缓采纳", "Held"),
        other => other,
    }
}

/// An act of the server by its stable name.
pub fn act_kind(l: Lang, kind: &str) -> &str {
    match kind {
        "task.issued" => l.t("下达任务", "Task issued"),
        "task.reassigned" => l.t("改派任务", "Task re-assigned"),
        "task.recalled" => l.t("撤回任务", "Task recalled"),
        "task.advanced" => l.t("任务状态更新", "Task moved on"),
        "visit.reviewed" => l.t("审核", "Review"),
        "evidence.held" => l.t("证据原件入库", "Evidence held"),
        "entry.quarantined" => l.t("隔离条目", "Entry quarantined"),
        "entry.held" => l.t("暂缓条目", "Entry held"),
        "conflict.resolved" => l.t("裁定分歧", "Disagreement decided"),
        "unreadable" => l.t("无法读取", "Cannot be read"),
        other => other,
    }
}

pub fn signer_role(l: Lang, role: SignerRole) -> &'static str {
    match role {
        SignerRole::Inspector => l.t("检查人员", "Inspector"),
        SignerRole::Party => l.t("被检查人", "Inspected party"),
        SignerRole::Recorder => l.t("记录人员", "Recorder"),
        SignerRole::Witness => l.t("见证人", "Witness"),
    }
}

/// What a stable code of a refusal means; the code itself where nobody gave it words.
pub fn problem(l: Lang, code: &str) -> String {
    codes::titles(code).map_or_else(|| code.to_owned(), |known| l.t(known.chinese, known.english).to_owned())
}

/// A part of an act that is for people; the others are ids and numbers.
pub fn act_part(l: Lang, name: &str) -> Option<&'static str> {
    let word = match name {
        "assignees" => l.t("检查人员", "Inspectors"),
        "joined" => l.t("加入", "Joined"),
        "left" => l.t("移出", "Left"),
        "account" => l.t("人员", "Person"),
        "reason" => l.t("原因", "Reason"),
        "state" => l.t("状态", "State"),
        "outcome" => l.t("结论", "Outcome"),
        "opinion" => l.t("意见", "Opinion"),
        "code" => l.t("原因", "Why"),
        "size_bytes" => l.t("大小", "Size"),
        _ => return None,
    };
    Some(word)
}

/// A task's state by its stable name.
pub fn task_state(l: Lang, state: &str) -> String {
    state.parse().map_or_else(|_| state.to_owned(), |state| common::task_state(l, state).text.to_owned())
}

/// The outcome of a review by its stable name.
pub fn outcome(l: Lang, outcome: &str) -> &'static str {
    match outcome {
        "accepted" => l.t("通过", "Accepted"),
        _ => l.t("退回补正", "Returned"),
    }
}
