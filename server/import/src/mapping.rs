//! Which column is which: suggested from the header, overruled by the person.

mod synonyms;

use crate::{messages::Finding, normalise, table::Table};
use std::collections::{BTreeMap, BTreeSet};
use synonyms::SYNONYMS;

/// What a column may hold of a party.
///
/// Its name in JSON is [`Field::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Code,
    Name,
    Address,
    LegalRepresentative,
    Phone,
    Category,
    Longitude,
    Latitude,
    Datum,
}

/// What a person decided: the number of a column, from 1, or 0 for a field that is to be left out.
pub type Overrides = BTreeMap<Field, u32>;

/// The column of each field, from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping(BTreeMap<Field, usize>);

impl Field {
    pub const ALL: [Self; 9] = [
        Self::Code,
        Self::Name,
        Self::Address,
        Self::LegalRepresentative,
        Self::Phone,
        Self::Category,
        Self::Longitude,
        Self::Latitude,
        Self::Datum,
    ];

    /// As programs call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Name => "name",
            Self::Address => "address",
            Self::LegalRepresentative => "legal_representative",
            Self::Phone => "phone",
            Self::Category => "category",
            Self::Longitude => "longitude",
            Self::Latitude => "latitude",
            Self::Datum => "datum",
        }
    }

    /// As exports head the column. In Chinese, then in English.
    pub fn titles(self) -> (&'static str, &'static str) {
        match self {
            Self::Code => ("统一社会信用代码", "Code"),
            Self::Name => ("名称", "Name"),
            Self::Address => ("地址", "Address"),
            Self::LegalRepresentative => ("法定代表人", "Legal representative"),
            Self::Phone => ("联系电话", "Phone"),
            Self::Category => ("类别", "Category"),
            Self::Longitude => ("经度", "Longitude"),
            Self::Latitude => ("纬度", "Latitude"),
            Self::Datum => ("坐标系", "Datum"),
        }
    }
}

/// Headers of a field, the surest first.
fn synonyms(field: Field) -> impl Iterator<Item = &'static str> {
    let of_field = SYNONYMS.iter().filter(move |(known, _)| *known == field);
    of_field.flat_map(|(_, synonyms)| synonyms.split_whitespace())
}

/// A longer cell is no header.
const HEADER_BYTES_MAX: usize = 128;

/// How surely a header names a field: the place among its synonyms.
fn rank(field: Field, header: &str) -> Option<usize> {
    let header = plain(header);
    synonyms(field).position(|synonym| synonym == header)
}

/// How many fields the headers name: what a header row is known by.
pub fn recognised<'a>(headers: impl Iterator<Item = &'a str>) -> usize {
    let headers: BTreeSet<String> =
        headers.filter(|header| header.len() <= HEADER_BYTES_MAX).map(plain).collect();
    let named = |field: &Field| synonyms(*field).any(|synonym| headers.contains(synonym));
    Field::ALL.iter().filter(|field| named(field)).count()
}

/// As synonyms are written: without marks of obligation and remarks in brackets, `_` for a blank.
fn plain(header: &str) -> String {
    let half = normalise::half_width(&normalise::line(header)).to_lowercase();
    let spelt = half.replace(['_', '-'], " ");
    let kept = match spelt.find('(') {
        Some(at) if at > 0 && !spelt.starts_with("住所(") && !spelt.starts_with("法定代表人(") => {
            &spelt[..at]
        }
        _ => &spelt,
    };
    let is_ascii = kept.is_ascii();
    kept.trim_matches(|it: char| it.is_whitespace() || "*:.、#".contains(it))
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(if is_ascii { "_" } else { "" })
}

impl Mapping {
    /// The surest column of each field; the one further left of two that are equally sure.
    pub fn suggest(headers: &[String]) -> Self {
        let mut claims: Vec<(usize, Field, usize)> = Vec::new();
        for field in Field::ALL {
            for (column, header) in headers.iter().enumerate() {
                claims.extend(rank(field, header).map(|rank| (rank, field, column)));
            }
        }
        claims.sort_unstable_by_key(|(rank, field, column)| (*rank, *column, *field));
        let mut columns = BTreeMap::new();
        for (_, field, column) in claims {
            if !columns.contains_key(&field) && !columns.values().any(|taken| *taken == column) {
                columns.insert(field, column);
            }
        }
        Self(columns)
    }

    /// The suggestion with what a person decided. A column serves one field: the person's.
    pub fn decide(table: &Table, overrides: &Overrides) -> Result<Self, Finding> {
        let mut columns = Self::suggest(&table.headers).0;
        let mut taken = BTreeMap::new();
        for (field, number) in overrides {
            columns.remove(field);
            let Some(column) = (*number as usize).checked_sub(1) else { continue };
            if column >= table.headers.len() {
                return Err(Finding::of_file("import.bad_mapping", format!("{number}")));
            }
            if let Some(other) = taken.insert(column, *field) {
                let (one, two) = (field.titles().0, Field::titles(other).0);
                return Err(Finding::of_file("import.bad_mapping", format!("{number}: {two}, {one}")));
            }
        }
        columns.retain(|_, column| !taken.contains_key(column));
        columns.extend(taken.into_iter().map(|(column, field)| (field, column)));
        match columns.contains_key(&Field::Name) {
            true => Ok(Self(columns)),
            false => Err(Finding::of_file("import.no_name_column", "")),
        }
    }

    pub fn column(&self, field: Field) -> Option<usize> {
        self.0.get(&field).copied()
    }

    pub fn field(&self, column: usize) -> Option<Field> {
        self.0.iter().find(|(_, taken)| **taken == column).map(|(field, _)| *field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn each_header_of_exports_names_its_field() {
        for field in Field::ALL {
            let (chinese, english) = field.titles();
            assert!(rank(field, chinese).is_some() && rank(field, english).is_some(), "{field:?}");
        }
        assert_eq!(recognised(headers(&["名称", "地址", "序号"]).iter().map(String::as_str)), 2);
    }

    #[test]
    fn a_synonym_names_one_field_only() {
        for field in Field::ALL {
            for synonym in synonyms(field) {
                let fields = Field::ALL.into_iter().filter(|other| rank(*other, synonym).is_some());
                assert_eq!(fields.count(), 1, "{synonym}");
            }
        }
    }

    #[test]
    fn marks_remarks_and_widths_do_not_hide_a_header() {
        let names = headers(&[
            "序 号",
            "*单位名称（全称）",
            "统一社会信用代码\n(必填)",
            "经　度",
            "License_Number：",
        ]);
        let mapping = Mapping::suggest(&names);
        assert_eq!(mapping.column(Field::Name), Some(1));
        assert_eq!(mapping.column(Field::Code), Some(2));
        assert_eq!(mapping.column(Field::Longitude), Some(3));
        assert_eq!(mapping.field(4), None, "the credit code is surer than the licence");
    }

    #[test]
    fn of_a_trade_and_a_risk_the_trade_is_the_category() {
        let mapping = Mapping::suggest(&headers(&["风险等级", "行业", "名称"]));
        assert_eq!(mapping.column(Field::Category), Some(1));
    }

    fn table(names: &[&str]) -> Table {
        Table { headers: headers(names), ..Table::default() }
    }

    #[test]
    fn a_person_overrules_the_suggestion_and_a_column_serves_one_field() {
        let table = table(&["名称", "简称", "地址"]);
        let decided = Mapping::decide(&table, &Overrides::from([(Field::Name, 2), (Field::Address, 0)]));
        let decided = decided.expect("a mapping");
        assert_eq!((decided.column(Field::Name), decided.column(Field::Address)), (Some(1), None));
        let taken = Mapping::decide(&table, &Overrides::from([(Field::Name, 3)])).expect("a mapping");
        assert_eq!((taken.field(2), taken.field(0)), (Some(Field::Name), None));
        for bad in [vec![(Field::Name, 4)], vec![(Field::Name, 1), (Field::Code, 1)]] {
            let refused = Mapping::decide(&table, &bad.into_iter().collect()).expect_err("refused");
            assert_eq!(refused.code, "import.bad_mapping");
        }
        let nameless = Mapping::decide(&table, &Overrides::from([(Field::Name, 0)])).expect_err("refused");
        assert_eq!(nameless.code, "import.no_name_column");
    }
}
