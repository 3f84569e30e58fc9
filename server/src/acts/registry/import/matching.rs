//! Which party of the register a row is about: the one with its code, else the one with its name and
//! address. Real registers hold wrong codes and double ones, so a match is one to one or none. A party of
//! the department itself goes before one of a department below it.

use super::plan::{has_lost_zeros, merged};
use crate::store::subjects::SubjectRow;
use liuhen_import::{Field, Subject, as_read, folded};
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
pub fn matches(register: &[SubjectRow], rows: &[Subject], department: &str) -> Vec<Match> {
    let parties: Vec<Party> = register.iter().map(|row| Party::of(row, department)).collect();
    let mut matcher = Matcher::new(&parties, rows);
    matcher.the_same_in_code_name_and_address();
    matcher.the_same_in_code();
    matcher.the_same_in_name_and_address();
    matcher.the_same_however_it_was_typed();
    matcher.found.into_iter().map(|found| found.unwrap_or(Match::New)).collect()
}

/// A party as the import would read it, to be compared with what it read.
struct Party<'a> {
    row: &'a SubjectRow,
    own: bool,
    code: String,
    name: String,
    address: String,
}

/// Where in the register a text stands.
type Places = BTreeMap<String, Vec<usize>>;

struct Matcher<'a> {
    parties: &'a [Party<'a>],
    rows: &'a [Subject],
    by_code: Places,
    by_name: Places,
    by_folded_name: Places,
    taken: Vec<bool>,
    found: Vec<Option<Match>>,
}

impl<'a> Party<'a> {
    fn of(row: &'a SubjectRow, department: &str) -> Self {
        Self {
            own: row.department == department,
            code: as_read(Field::Code, &row.code),
            name: as_read(Field::Name, &row.name),
            address: as_read(Field::Address, &row.address),
            row,
        }
    }

    /// A file without addresses tells parties apart by their names, unless their codes do.
    fn fits_address(&self, row: &Subject) -> bool {
        match row.address.is_empty() {
            true => self.fits_code(row),
            false => self.address == row.address,
        }
    }

    /// The same, or one side has none.
    fn fits_code(&self, row: &Subject) -> bool {
        self.code.is_empty() || self.has_code(row)
    }

    fn has_code(&self, row: &Subject) -> bool {
        row.code.is_empty() || self.code == row.code || has_lost_zeros(&self.code, &row.code)
    }

    fn is_as(&self, other: &Self) -> bool {
        (&self.code, &self.name, &self.address) == (&other.code, &other.name, &other.address)
    }

    /// The row would change nothing of it.
    fn says(&self, row: &Subject) -> bool {
        merged(self.row.clone(), row.clone()) == *self.row
    }
}

impl<'a> Matcher<'a> {
    fn new(parties: &'a [Party<'a>], rows: &'a [Subject]) -> Self {
        let (mut by_code, mut by_name, mut by_folded_name) = (Places::new(), Places::new(), Places::new());
        for (at, party) in parties.iter().enumerate() {
            by_name.entry(party.name.clone()).or_default().push(at);
            by_folded_name.entry(folded(&party.name)).or_default().push(at);
            if !party.code.is_empty() {
                by_code.entry(party.code.clone()).or_default().push(at);
            }
        }
        let (taken, found) = (vec![false; parties.len()], vec![None; rows.len()]);
        Self { parties, rows, by_code, by_name, by_folded_name, taken, found }
    }

    /// What nobody could doubt goes first, and is then no candidate for other rows.
    fn the_same_in_code_name_and_address(&mut self) {
        for (at, row) in self.rows.iter().enumerate() {
            let same = |party: &Party| party.has_code(row) && party.fits_address(row);
            let named = self.by_name.get(row.name.as_str()).into_iter().flatten();
            let candidates = named.filter(|place| same(&self.parties[**place])).copied().collect();
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
            let fitting = named.filter(|place| self.parties[**place].fits_address(row));
            let candidates = self.free(fitting);
            self.settle(at, candidates);
        }
    }

    /// Two lists write brackets and blanks of one name in two ways.
    fn the_same_however_it_was_typed(&mut self) {
        for at in self.open() {
            let row = &self.rows[at];
            let address = folded(&row.address);
            let fits = |party: &Party| match address.is_empty() {
                true => party.fits_code(row),
                false => party.fits_code(row) && folded(&party.address) == address,
            };
            let named = self.by_folded_name.get(&folded(&row.name)).into_iter().flatten();
            let candidates = self.free(named.filter(|place| fits(&self.parties[**place])));
            self.settle(at, candidates);
        }
    }

    fn open(&self) -> Vec<usize> {
        (0..self.rows.len()).filter(|at| self.found[*at].is_none()).collect()
    }

    fn free<'b>(&self, places: impl Iterator<Item = &'b usize>) -> Vec<usize> {
        places.filter(|place| !self.taken[**place]).copied().collect()
    }

    fn settle(&mut self, at: usize, mut candidates: Vec<usize>) {
        if candidates.iter().any(|place| self.parties[*place].own) {
            candidates.retain(|place| self.parties[*place].own);
        }
        // Of doubles it does not matter which one stays as it is.
        let doubles = candidates.windows(2).all(|pair| self.parties[pair[0]].is_as(&self.parties[pair[1]]));
        let stays = |place: &&usize| !self.taken[**place] && self.parties[**place].says(&self.rows[at]);
        let unchanged = candidates.iter().find(stays).filter(|_| doubles);
        let one = match (&candidates[..], unchanged) {
            ([], _) => return,
            ([one], _) | (_, Some(one)) if !self.taken[*one] => *one,
            _ => {
                self.found[at] = Some(Match::Ambiguous(candidates));
                return;
            }
        };
        self.taken[one] = true;
        self.found[at] = Some(Match::Known(one));
    }
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

    fn matches(register: &[SubjectRow], rows: &[Subject]) -> Vec<Match> {
        super::matches(register, rows, "d")
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
        let numbered = Subject { phone: "5".into(), ..row("", "甲", "一路") };
        assert_eq!(matches(&doubled, &[numbered]), [Ambiguous(vec![0, 1])]);
    }

    #[test]
    fn without_addresses_the_name_decides_where_it_stands_once() {
        let register = [party("", "甲", "一路"), party("", "乙", "二路"), party("", "乙", "三路")];
        let rows = [row("", "甲", ""), row("", "乙", "")];
        assert_eq!(matches(&register, &rows), [Known(0), Ambiguous(vec![1, 2])]);
    }

    /// A list with codes and names only must not give a shop's code to another one of that name.
    #[test]
    fn without_an_address_another_code_is_another_party() {
        let register = [party("1", "沙县小吃", "一路"), party("", "甲", "")];
        assert_eq!(matches(&register, &[row("7", "沙县小吃", ""), row("8", "甲", "")]), [New, Known(1)]);
    }

    #[test]
    fn brackets_blanks_and_widths_make_no_second_party() {
        let register = [party("", "某某餐馆（北店）", "人民路12号  3室"), party("", "Ａ超市", "")];
        let rows = [row("", "某某餐馆 (北店)", "人民路12号3室"), row("", "a超市", "")];
        assert_eq!(matches(&register, &rows), [Known(0), Known(1)]);
        let both = [party("", "甲(北)", "一路"), party("", "甲（北）", "一路")];
        assert_eq!(
            matches(&both, &[row("", "甲（北）", "一路")]),
            [Known(1)],
            "what is written so goes first"
        );
    }

    #[test]
    fn of_doubles_one_that_says_the_same_already_is_taken() {
        let other = SubjectRow { phone: "5".into(), ..party("", "甲", "一路") };
        let register = [other, party("", "甲", "一路")];
        assert_eq!(matches(&register, &[row("", "甲", "一路")]), [Known(0)]);
        let phone = Subject { phone: "6".into(), ..row("", "甲", "一路") };
        assert_eq!(matches(&register, &[phone]), [Ambiguous(vec![0, 1])]);
    }

    #[test]
    fn a_party_of_a_department_below_is_found_behind_ones_own() {
        let below = |code: &str| SubjectRow { department: "below".into(), ..party(code, "甲", "一路") };
        assert_eq!(matches(&[below("1")], &[row("1", "甲", "一路")]), [Known(0)]);
        let both = [party("1", "甲", "一路"), below("1")];
        assert_eq!(matches(&both, &[row("1", "甲甲", "一路")]), [Known(0)]);
    }
}
