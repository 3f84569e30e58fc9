//! Every refusal this crate gives, with its title for people, and what becomes of entries when a server
//! was restored: an entry's code is looked up here. Codes are stable: a retired one is never used again for
//! something else.

/// A stable code with its titles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub code: &'static str,
    pub chinese: &'static str,
    pub english: &'static str,
}

const fn code(code: &'static str, chinese: &'static str, english: &'static str) -> Code {
    Code { code, chinese, english }
}

/// Ascending by code.
pub const CODES: &[Code] = &[
    code(
        "access.not_restored",
        "服务器恢复后未找到该任务的分配，请重新分配",
        "The restored server does not have this assignment; assign it again",
    ),
    code(
        "change.decision_lost",
        "服务器恢复后没有其所依据的裁定，已重新提交",
        "The restored server does not have the decision it was built on; it was offered again",
    ),
    code("checklist.bad_code", "编码格式不正确", "Malformed code"),
    code("checklist.bad_version", "版本号不正确", "Wrong version number"),
    code("checklist.control_character", "含有换行或其他控制字符", "Line break or other control character"),
    code("checklist.duplicate_code", "检查内容编码重复", "Item code used twice"),
    code("checklist.duplicate_option", "选项或常用语重复", "Option or phrase given twice"),
    code("checklist.empty_text", "内容不能为空", "Empty text"),
    code("checklist.malformed", "清单无法读取", "The checklist cannot be read"),
    code("checklist.no_options", "选择题缺少选项", "A choice without options"),
    code("checklist.too_large", "清单过大", "The checklist is too large"),
    code("checklist.too_long", "内容过长", "Too long"),
    code("checklist.wrong_count", "数量超出范围", "Too few or too many"),
    code("date.malformed", "日期格式不正确", "Not a date"),
    code(
        "document.not_restored",
        "服务器恢复后没有该任务，请重新下达",
        "The restored server does not have this task; issue it again",
    ),
    code("record.unknown_field", "笔录中没有该字段", "The record has no such field"),
    code("record.wrong_opening", "字段内容与笔录不符", "The field is not the one that was sealed"),
    code("refusal.malformed", "拒签说明无法读取", "The refusal to sign cannot be read"),
    code("seal.bad_name", "姓名或证号不正确", "Wrong name or certificate number"),
    code("seal.malformed", "签章确认无法读取", "The seal cannot be read"),
    code("seal.no_inspector", "缺少检查人员签名", "No inspector signs"),
    code("seal.no_seed", "该状态未经签章", "Nothing was sealed at this state"),
    code("seal.other_record", "签章与检查内容不符", "The seal is over another record"),
    code("seal.seed_reused", "签章随机数重复", "The seed was used before"),
    code("seal.too_many_signers", "签名人数过多", "Too many signers"),
    code("seal.unknown_heads", "签章所指的内容尚未收到", "The sealed state is not here yet"),
    code("task.already_done", "任务已完成", "The task is done"),
    code("task.already_recalled", "任务已撤回", "The task was recalled"),
    code("task.malformed", "任务无法读取", "The task cannot be read"),
    code("task.unknown_state", "任务状态未知", "Unknown state of a task"),
    code("task.unknown_step", "任务步骤未知", "Unknown step of a task"),
    code("visit.blob_too_large", "文件过大", "The file is too large"),
    code("visit.malformed_path", "字段路径不正确", "Malformed path"),
    code("visit.text_too_long", "文字过长", "The text is too long"),
    code("visit.too_many_new", "一次新增过多", "Too many new entries in one save"),
    code("visit.unknown_field", "没有该字段", "No such field"),
    code("visit.unknown_item", "清单中没有该检查内容", "No such item on the checklist"),
    code("visit.unknown_source", "证据来源未知", "Unknown source of evidence"),
    code("visit.wrong_value", "内容类型不符", "The value does not belong here"),
];

/// The titles of a code.
pub fn titles(code: &str) -> Option<&'static Code> {
    CODES.binary_search_by(|known| known.code.cmp(code)).ok().map(|at| &CODES[at])
}
