//! What the server's refusals are called for people. Those of the domain are in
//! [`liuhen_inspection::codes`], and a code that is in neither goes by its status. What there is to say of a
//! file that was handed in has texts of its own, with a place for what was found: [`liuhen_import::message`].

use std::borrow::Cow;

/// Ascending by code: code, Chinese, English.
const TITLES: &[(&str, &str, &str)] = &[
    ("access.changed_meanwhile", "您的账号刚刚被更改，请重试", "Your account was just changed: try again"),
    ("access.denied", "您没有此项权限", "You are not permitted to do this"),
    ("account.bad_login", "账号格式不正确", "Malformed login"),
    ("account.certificate_missing", "检查人员必须填写执法证号", "An inspector needs a certificate number"),
    (
        "account.changed_meanwhile",
        "该账号刚被他人更改，请重新查看",
        "Somebody changed this account: look again",
    ),
    ("account.inactive", "该账号已停用", "This account was deactivated"),
    ("account.login_taken", "该账号已被使用", "This login is taken"),
    ("account.no_role", "请至少选择一个角色", "Choose at least one role"),
    ("account.own_change", "不能更改自己的账号", "Nobody changes their own account"),
    ("account.unknown", "没有该账号", "No such account"),
    ("checklist.unknown", "没有该检查清单", "No such checklist"),
    ("checklist.version_taken", "该版本已登记且内容不同", "This version is registered with other content"),
    ("conflict.changed", "又有新的不同意见，请重新查看", "The values that disagree have changed; look again"),
    ("conflict.decided", "已有他人作出决定", "Somebody has decided this already"),
    ("conflict.reason_missing", "请说明理由", "Say why"),
    ("conflict.unknown", "此处没有分歧", "Nobody disagrees here"),
    ("department.name_taken", "部门名称已存在", "There is a department of this name"),
    ("department.too_deep", "部门层级过深", "Too many levels of departments"),
    ("department.unknown", "没有该部门", "No such department"),
    (
        "device.challenge_unknown",
        "绑定已过期，请重新登录绑定",
        "The enrolment took too long: sign in on the device again",
    ),
    ("device.desk", "办公端密钥不得用于联网提交", "A desk's key is not heard over the network"),
    ("device.malformed", "设备数据格式不正确", "Malformed data of a device"),
    ("device.other_account", "该设备密钥已绑定其他账号", "This key is enrolled for another account"),
    ("device.revoked", "该设备已注销", "This device was revoked"),
    (
        "device.unknown",
        "服务器不认识该设备，请重新登录绑定",
        "The server does not know this device; sign in on it again",
    ),
    ("evidence.damaged", "证据文件与登记的哈希不符", "The stored file is not the one announced"),
    ("evidence.no_picture", "该文件不是图片", "The file is no picture"),
    ("evidence.picture_damaged", "图片已损坏", "The picture cannot be decoded"),
    ("evidence.picture_too_large", "图片过大，无法预览", "The picture is too large for a preview"),
    ("evidence.unknown", "没有该证据", "No such evidence"),
    ("evidence.wrong_range", "请求的范围超出文件", "The range lies behind the file's end"),
    ("export.too_many_rows", "数据过多，请缩小范围后再导出", "Too many rows: narrow it"),
    ("idempotency.bad_key", "表单标识不正确，请刷新页面", "The form's key is malformed: reload the page"),
    ("idempotency.key_reused", "这份表单已经提交过", "This form was sent before"),
    ("import.busy", "正在处理另一份导入，请稍后再试", "Another import is under way: try again soon"),
    ("import.register_too_large", "监管对象库过大，无法一次导入", "The register is too large for an import"),
    ("password.too_long", "密码过长", "The password is too long"),
    ("password.too_short", "密码过短", "The password is too short"),
    ("password.wrong", "当前密码不正确", "The present password is wrong"),
    ("request.address_too_long", "地址过长", "The address is too long"),
    ("request.content_encoding", "请勿压缩提交的内容", "Send the content unpacked"),
    ("request.headers_too_large", "请求头过大", "The headers are too long"),
    ("request.other_origin", "该表单不是从本控制台提交的", "This form was not sent from this console"),
    ("request.timeout", "处理超时，请重试", "It took too long: try again"),
    ("request.too_large", "提交的内容过大", "Too much was sent"),
    ("request.unknown_cursor", "列表已变化，请从头查看", "The list changed: read it from the start"),
    ("request.unknown_path", "没有这个页面", "There is no such page"),
    ("request.wrong_query", "查询条件不正确", "The query is not understood"),
    ("review.not_sealed", "尚未签章，不能审核", "Not sealed yet, so not to be reviewed"),
    ("second_factor.already_confirmed", "动态口令已启用", "The second factor is in use already"),
    ("second_factor.not_begun", "设置已过期，请重新扫描二维码", "This took too long: scan the new code"),
    ("second_factor.unknown", "该账号没有启用动态口令", "The account has no second factor"),
    (
        "second_factor.wrong_code",
        "动态口令不正确，请输入最新的 6 位数字",
        "Wrong code: enter the newest six digits",
    ),
    ("session.access_expired", "登录已过期，请刷新登录", "The access token has expired: refresh it"),
    ("session.busy", "登录人数过多，请稍后再试", "Too many are signing in: try again soon"),
    ("session.code_required", "请输入动态口令", "Enter your one-time code"),
    ("session.locked", "失败次数过多，请一分钟后再试", "Too many failures: try again in a minute"),
    (
        "session.refresh_reused",
        "该登录凭据被重复使用，登录已结束",
        "This token was used twice: the sign-in has ended",
    ),
    ("session.second_factor_missing", "请先启用动态口令", "Set up your second factor first"),
    ("session.wrong_code", "账号、密码或动态口令不正确", "The login, the password or the code is wrong"),
    ("session.wrong_credentials", "账号或密码不正确", "The login or the password is wrong"),
    ("storage.unavailable", "存储暂不可用，没有内容被更改", "The storage is busy; nothing was changed"),
    ("subject.bad_place", "坐标不正确", "The place is not right"),
    ("subject.unknown", "没有该监管对象", "No such inspected party"),
    ("subject.wrong_count", "监管对象数量超出范围", "Too few or too many inspected parties at a time"),
    ("task.assignee_inactive", "所选检查人员的账号已停用", "An inspector chosen is deactivated"),
    ("task.assignee_not_inspector", "所选人员不是检查人员", "Somebody chosen is no inspector"),
    ("task.duplicate_assignee", "同一检查人员选了两次", "An inspector is chosen twice"),
    ("task.no_assignee", "请选择检查人员", "Choose inspectors"),
    ("task.too_many_assignees", "检查人员人数过多", "Too many inspectors"),
    ("task.unknown", "没有该任务", "No such task"),
    ("task.unknown_assignee", "没有所选的检查人员", "No such inspector"),
    ("task.unknown_checklist", "没有所选的检查清单", "No such checklist"),
    ("task.unknown_subject", "没有所选的监管对象", "No such inspected party"),
    ("task.wrong_count", "任务数量超出范围", "Too few or too many tasks at a time"),
    ("text.control_character", "不能包含换行或控制字符", "It must be one line"),
    ("text.empty", "此项不能为空", "This must not be empty"),
    ("text.too_long", "内容过长", "Too long"),
    ("visit.busy", "检查内容正在更新，请稍后再试", "The visit is being changed; try again"),
    ("visit.damaged", "该检查的存储数据已损坏", "What is stored of this visit is damaged"),
    ("visit.unknown", "没有该检查", "No such visit"),
];

/// `中文 / English`.
pub fn of(code: &str) -> Option<Cow<'static, str>> {
    let at = TITLES.binary_search_by(|(known, ..)| known.cmp(&code)).ok()?;
    let (_, chinese, english) = TITLES[at];
    Some(Cow::Owned(format!("{chinese} / {english}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use liuhen_inspection::codes;

    #[test]
    fn every_title_is_found_by_its_code_and_is_the_only_one() {
        for (code, chinese, _) in TITLES {
            let title = of(code).unwrap_or_else(|| panic!("{code} is out of order"));
            assert!(title.starts_with(chinese), "{code}");
            assert!(codes::titles(code).is_none(), "{code} has a title in the domain, which goes first");
        }
        assert_eq!(of("no.such_code"), None);
    }
}
