//! Choosing who is given a task: one leads, at least one goes along.

use crate::{
    console::{
        Lang,
        form::{Faults, Fields},
    },
    views::inspectors::InspectorView,
};

pub const LEAD: &str = "lead";
pub const OTHERS: &str = "others";

/// An inspector with what the form says of them.
pub struct Candidate {
    pub inspector: InspectorView,
    pub leads: bool,
    pub goes_along: bool,
}

pub fn candidates(inspectors: Vec<InspectorView>, fields: &Fields) -> Vec<Candidate> {
    let candidate = |inspector: InspectorView| Candidate {
        leads: fields.get(LEAD) == inspector.account,
        goes_along: fields.has(OTHERS, &inspector.account),
        inspector,
    };
    inspectors.into_iter().map(candidate).collect()
}

/// The list of accounts, the one who leads first. Two inspectors at least make a visit (Administrative
/// Punishment Law of the PRC, 2021, article 42).
pub fn chosen(lang: Lang, fields: &Fields, faults: &mut Faults) -> Vec<String> {
    let Some(lead) = fields.given(LEAD) else {
        faults.at(LEAD, lang.t("请选择主办检查人员", "Choose who leads"));
        return Vec::new();
    };
    let others = fields.all(OTHERS).into_iter().filter(|account| *account != lead);
    let chosen: Vec<String> = std::iter::once(lead.clone()).chain(others).collect();
    if chosen.len() < 2 {
        faults
            .at(OTHERS, lang.t("现场检查至少两人，请再选一名检查人员", "A visit takes two: choose one more"));
    }
    chosen
}

/// Which field a refusal of the act is about.
pub const PLACES: [(&str, &str); 6] = [
    ("task.no_assignee", LEAD),
    ("task.duplicate_assignee", OTHERS),
    ("task.too_many_assignees", OTHERS),
    ("task.unknown_assignee", OTHERS),
    ("task.assignee_inactive", OTHERS),
    ("task.assignee_not_inspector", OTHERS),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn who_leads_comes_first_and_once_and_nobody_goes_alone() {
        let mut faults = Faults::none();
        let sent = fields(&[(OTHERS, "li"), (LEAD, "zhang"), (OTHERS, "zhang")]);
        assert_eq!(chosen(Lang::Zh, &sent, &mut faults), ["zhang", "li"]);
        assert!(faults.is_empty());
        chosen(Lang::Zh, &fields(&[(LEAD, "zhang"), (OTHERS, "zhang")]), &mut faults);
        assert!(!faults.beside(OTHERS).is_empty());
        chosen(Lang::Zh, &fields(&[(OTHERS, "li")]), &mut faults);
        assert!(!faults.beside(LEAD).is_empty());
    }
}
