//! Which party of the register a row is about: the one with its code, else the one with its name and
//! address. Real registers hold wrong codes and double ones, so a match is one to one or none.

use crate::store::subjects::SubjectRow;
use liuhen_import::Subject;
use std::collections::BTreeMap;

/// The places of parties in the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    New,
    Known(usize),
    /// Several fit, or one fits several rows: a person has to say which.
    Ambiguous(Vec<usize>),
}

/// One for each row, in their order. No party is matched twice.
pub fn matches(register: &[SubjectRow], rows: &[Subject]) -> Vec<Match> {
    let mut matcher = Matcher::new(register, rows);
    matcher.the_same_in_code_name_and_address();
    matcher.the_same_in_code();
    matcher.the_same_in_name_and_address();
    matcher.found.into_iter().map(|found| found.unwrap_or(Match::New)).collect()
}

/// Where in the register a text stands.
type Places<'a> = BTreeMap<&'a str, Vec<usize>>;

struct Matcher<'a> {
    register: &'a [SubjectRow],
    rows: &'a [Subject],
    by_code: Places<'a>,
    by_name: Places<'a>,
    taken: Vec<bool>,
    found: Vec<Option<Match>>,
}

impl<'a> Matcher<'a> {
    fn new(register: &'a [SubjectRow], rows: &'a [Subject]) -> Self {
        let (mut by_code, mut by_name) = (Places::new(), Places::new());
        for (at, party) in register.iter().enumerate() {
            by_name.entry(&party.name).or_default().push(at);
            if !party.code.is_empty() {
                by_code.entry(&party.code).or_default().push(at);
            }
        }
        let (taken, found) = (vec![false; register.len()], vec![None; rows.len()]);
        Self { register, rows, by_code, by_name, taken, found }
    }

    /// What nobody could doubt goes first, and is then no candidate for other rows.
    fn the_same_in_code_name_and_address(&mut self) {
        for (at, row) in self.rows.iter().enumerate() {
            let same = |place: &usize| {
                let party = &self.register[*place];
                (row.code.is_empty() || party.code == row.code) && fits_address(party, row)
            };
            let named = self.by_name.get(row.name.as_str()).into_iter().flatten();
            let candidates = named.filter(|place| same(place)).copied().collect();
            self.settle(at, candidates);
        }
    }

    fn the_same_in_code(&mut self) {
        let mut rows_of: BTreeMap<&str, usize> = BTreeMap::new();
        for at in self.open() {
            *rows_of.entry(self.rows[at].code.as_str()).or_default() += 1;
        }
        for at in self.open() {
            let code = self.rows[at].code.as_str();
            let candidates = self.free(self.by_code.get(code).into_iter().flatten());
            match rows_of.get(code) {
                Some(1) => self.settle(at, candidates),
                _ if candidates.is_empty() => {}
                _ => self.found[at] = Some(Match::Ambiguous(candidates)),
            }
        }
    }

    /// A code that was wrong or missing in the register is put right by the file.
    fn the_same_in_name_and_address(&mut self) {
        for at in self.open() {
            let row = &self.rows[at];
            let named = self.by_name.get(row.name.as_str()).into_iter().flatten();
            let fitting = named.filter(|place| fits_address(&self.register[**place], row));
            let candidates = self.free(fitting);
            self.settle(at, candidates);
        }
    }

    fn open(&self) -> Vec<usize> {
        (0..self.rows.len()).filter(|at| self.found[*at].is_none()).collect()
    }

    fn free<'b>(&self, places: impl Iterator<Item = &'b usize>) -> Vec<usize> {
        places.filter(|place| !self.taken[**place]).copied().collect()
    }

    fn settle(&mut self, at: usize, candidates: Vec<usize>) {
        match candidates[..] {
            [] => {}
            [one] if !self.taken[one] => {
                self.taken[one] = true;
                self.found[at] = Some(Match::Known(one));
            }
            _ => self.found[at] = Some(Match::Ambiguous(candidates)),
        }
    }
}

/// A file without addresses tells parties apart by their names.
fn fits_address(party: &SubjectRow, row: &Subject) -> bool {
    row.address.is_empty() || party.address == row.address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(code: &str, name: &str, address: &str) -> SubjectRow {
        SubjectRow {
            id: format!("{code}{name}{address}"),
            department: "d".into(),
            code: code.into(),
            name: name.into(),
            address: address.into(),
            ..SubjectRow::default()
        }
    }

    fn row(code: &str, name: &str, address: &str) -> Subject {
        Subject { code: code.into(), name: name.into(), address: address.into(), ..Subject::default() }
    }

    use Match::{Ambiguous, Known, New};

    #[test]
    fn the_code_says_who_it_is_whatever_name_and_address_say() {
        let register = [party("1", "甲", "一路"), party("2", "乙", "二路")];
        let rows = [row("2", "乙餐馆", "三路"), row("3", "丙", "一路"), row("", "甲", "一路")];
        assert_eq!(matches(&register, &rows), [Known(1), New, Known(0)]);
    }

    #[test]
    fn a_missing_or_wrong_code_is_found_by_name_and_address() {
        let register = [party("", "甲", "一路"), party("9", "乙", "二路")];
        let rows = [row("1", "甲", "一路"), row("2", "乙", "二路"), row("", "乙", "九路")];
        assert_eq!(matches(&register, &rows), [Known(0), Known(1), New]);
    }

    #[test]
    fn two_premises_under_one_code_are_found_again_and_never_guessed() {
        let register = [party("1", "北店", "一路"), party("1", "南店", "二路")];
        let again = [row("1", "南店", "二路"), row("1", "北店", "一路")];
        assert_eq!(matches(&register, &again), [Known(1), Known(0)]);
        let moved = [row("1", "北店", "九路"), row("1", "南店", "二路")];
        assert_eq!(matches(&register, &moved), [Known(0), Known(1)]);
        let third = [row("1", "北店", "一路"), row("1", "南店", "二路"), row("1", "东店", "三路")];
        assert_eq!(matches(&register, &third), [Known(0), Known(1), New]);
        let unclear = [row("1", "东店", "三路")];
        assert_eq!(matches(&register, &unclear), [Ambiguous(vec![0, 1])]);
    }

    #[test]
    fn one_party_never_becomes_two() {
        let register = [party("1", "甲", "一路")];
        let rows = [row("1", "甲甲", "二路"), row("1", "甲乙", "三路")];
        assert_eq!(matches(&register, &rows), [Ambiguous(vec![0]), Ambiguous(vec![0])]);
        let doubled = [party("", "甲", "一路"), party("", "甲", "一路")];
        assert_eq!(matches(&doubled, &[row("", "甲", "一路")]), [Ambiguous(vec![0, 1])]);
    }

    #[test]
    fn without_addresses_the_name_decides_where_it_stands_once() {
        let register = [party("", "甲", "一路"), party("", "乙", "二路"), party("", "乙", "三路")];
        let rows = [row("", "甲", ""), row("", "乙", "")];
        assert_eq!(matches(&register, &rows), [Known(0), Ambiguous(vec![1, 2])]);
    }
}
