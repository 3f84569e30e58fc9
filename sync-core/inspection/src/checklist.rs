//! Checklists (检查实施清单): what is checked, how, and on which legal basis.
//!
//! People hand them in as JSON. A checklist is named by the SHA-256 of its canonical bytes, and a
//! visit stays on the one it began with.

mod problems;

pub use problems::{Problem, problems};

use crate::{ChecklistHash, Date, Refusal, limits, visit::Flag};
use liuhen_engine::field::Scalar;
use liuhen_trace::{Canonical, Hash, digest};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::collections::BTreeSet;

/// One version of a checklist. [`Checklist::check`] says whether it holds the rules; the readers
/// below return checked ones only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Checklist {
    /// `[A-Za-z0-9._-]{1,64}`; the same for all versions.
    #[n(0)]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$"))]
    pub code: String,
    /// From 1, higher for newer.
    #[n(1)]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 4294967295_u32))]
    #[serde(deserialize_with = "whole")]
    pub version: u32,
    #[n(2)]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 256))]
    pub title: String,
    #[n(3)]
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 1000))]
    pub items: Vec<Item>,
}

/// One item (检查内容).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Item {
    /// `[A-Za-z0-9._-]{1,64}`, unique in its checklist.
    #[n(0)]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$"))]
    pub code: String,
    #[n(1)]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 8192))]
    pub text: String,
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 8192))]
    pub how_to_check: Option<String>,
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 8192))]
    pub legal_basis: Option<String>,
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 8192))]
    pub penalty_basis: Option<String>,
    #[n(5)]
    pub response: ResponseType,
    /// Sentences to pick from instead of typing (常用语).
    #[n(6)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usual_phrases: Vec<String>,
}

/// What an item is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case", try_from = "Written", deny_unknown_fields)]
pub enum ResponseType {
    /// One of the options, as its text.
    #[n(0)]
    Choice {
        #[n(0)]
        options: Vec<String>,
    },
    #[n(1)]
    Int,
    #[n(2)]
    Text,
    #[n(3)]
    Bool,
    /// Text as [`Date`] writes it.
    #[n(4)]
    Date,
}

/// [`ResponseType`] as people write it: of a type without options, options that are given are a mistake
/// and not passed over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "type")]
    kind: Kind,
    options: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Choice,
    Int,
    Text,
    Bool,
    Date,
}

impl TryFrom<Written> for ResponseType {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match (written.kind, written.options) {
            (Kind::Choice, Some(options)) => Ok(Self::Choice { options }),
            (Kind::Choice, None) => Err("missing field `options`"),
            (Kind::Int | Kind::Text | Kind::Bool | Kind::Date, Some(_)) => {
                Err("unknown field `options`: only a choice has them")
            }
            (Kind::Int, None) => Ok(Self::Int),
            (Kind::Text, None) => Ok(Self::Text),
            (Kind::Bool, None) => Ok(Self::Bool),
            (Kind::Date, None) => Ok(Self::Date),
        }
    }
}

impl ResponseType {
    /// What is wrong with an answer, if anything. A retraction always fits.
    pub fn flag(&self, value: &Scalar) -> Option<Flag> {
        match (self, value) {
            (_, Scalar::Null)
            | (ResponseType::Int, Scalar::Int(_))
            | (ResponseType::Text, Scalar::Text(_))
            | (ResponseType::Bool, Scalar::Bool(_)) => None,
            (ResponseType::Choice { options }, Scalar::Text(text)) => {
                (!options.contains(text)).then_some(Flag::NotAnOption)
            }
            (ResponseType::Date, Scalar::Text(text)) => {
                text.parse::<Date>().is_err().then_some(Flag::NotADate)
            }
            (ResponseType::Choice { .. } | ResponseType::Date, Scalar::Bool(_) | Scalar::Int(_))
            | (ResponseType::Int, Scalar::Bool(_) | Scalar::Text(_))
            | (ResponseType::Text, Scalar::Bool(_) | Scalar::Int(_))
            | (ResponseType::Bool, Scalar::Int(_) | Scalar::Text(_)) => Some(Flag::WrongType),
        }
    }
}

impl Checklist {
    /// Reads what a person handed in. Unknown fields are refused: a misspelt one would be lost.
    pub fn from_json(json: &[u8]) -> Result<Self, Refusal> {
        let checklist: Self = serde_json::from_slice(unmarked(json))
            .map_err(|error| Refusal::new("checklist.malformed", error.to_string()))?;
        checklist.check()?;
        checklist.check_typed()?;
        Ok(checklist)
    }

    /// What else is asked of a checklist that a person hands in. One that is registered stays readable
    /// whatever is asked of newer ones.
    fn check_typed(&self) -> Result<(), Refusal> {
        check_typed_code(&self.code)?;
        check_typed_line("title", &self.title)?;
        self.items.iter().try_for_each(Item::check_typed)
    }

    /// Reads [`Checklist::to_bytes`] and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > limits::CHECKLIST_BYTES_MAX {
            return Err(too_large());
        }
        let checklist = Self::from_canonical(bytes)
            .map_err(|refusal| Refusal::new("checklist.malformed", refusal.to_string()))?;
        checklist.check()?;
        Ok(checklist)
    }

    /// The bytes that are hashed, kept and sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_canonical()
    }

    pub fn hash(&self) -> ChecklistHash {
        ChecklistHash(Hash(digest::sha256(&self.to_bytes())))
    }

    pub fn item(&self, code: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.code == code)
    }

    /// Whether every rule holds. The first that does not is told, with the item it is about.
    pub fn check(&self) -> Result<(), Refusal> {
        check_code(&self.code)?;
        check_line("title", &self.title)?;
        if self.version == 0 {
            return Err(Refusal::new("checklist.bad_version", "versions begin at 1"));
        }
        if self.items.is_empty() || self.items.len() > limits::CHECKLIST_ITEMS_MAX {
            let detail =
                format!("{} items; 1 to {} are allowed", self.items.len(), limits::CHECKLIST_ITEMS_MAX);
            return Err(Refusal::new("checklist.wrong_count", detail));
        }
        let mut codes = BTreeSet::new();
        for item in &self.items {
            item.check()?;
            if !codes.insert(&item.code) {
                return Err(Refusal::new("checklist.duplicate_code", item.code.clone()));
            }
        }
        if self.to_bytes().len() > limits::CHECKLIST_BYTES_MAX {
            return Err(too_large());
        }
        Ok(())
    }
}

impl Item {
    fn check(&self) -> Result<(), Refusal> {
        check_code(&self.code)?;
        self.check_texts()
            .map_err(|refusal| Refusal::new(refusal.code, format!("item {}: {}", self.code, refusal.detail)))
    }

    fn check_typed(&self) -> Result<(), Refusal> {
        check_typed_code(&self.code)?;
        let paragraphs = [
            ("text", Some(&self.text)),
            ("how_to_check", self.how_to_check.as_ref()),
            ("legal_basis", self.legal_basis.as_ref()),
            ("penalty_basis", self.penalty_basis.as_ref()),
        ];
        let strange = |symbol: char| symbol.is_control() && !matches!(symbol, '\n' | '\r' | '\t');
        for (name, text) in paragraphs {
            if text.is_some_and(|text| text.contains(strange)) {
                return Err(control_character(name));
            }
        }
        let options: &[String] = match &self.response {
            ResponseType::Choice { options } => options,
            ResponseType::Int | ResponseType::Text | ResponseType::Bool | ResponseType::Date => &[],
        };
        options.iter().try_for_each(|line| check_typed_line("options", line))?;
        self.usual_phrases.iter().try_for_each(|line| check_typed_line("usual_phrases", line))
    }

    fn check_texts(&self) -> Result<(), Refusal> {
        check_text("text", &self.text, limits::PARAGRAPH_CHARS_MAX)?;
        let paragraphs = [
            ("how_to_check", &self.how_to_check),
            ("legal_basis", &self.legal_basis),
            ("penalty_basis", &self.penalty_basis),
        ];
        for (name, paragraph) in paragraphs {
            if let Some(text) = paragraph {
                check_text(name, text, limits::PARAGRAPH_CHARS_MAX)?;
            }
        }
        check_lines("usual_phrases", &self.usual_phrases, limits::PHRASES_MAX)?;
        if let ResponseType::Choice { options } = &self.response {
            check_lines("options", options, limits::OPTIONS_MAX)?;
            if options.is_empty() {
                return Err(Refusal::new("checklist.no_options", "a choice needs options"));
            }
        }
        Ok(())
    }
}

/// JSON has one kind of number: `2.0` is as good as `2`.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let float =
        number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(float));
    float.map(|float| float as u32).ok_or_else(|| D::Error::custom("a version is a whole number from 1"))
}

/// Item codes stand in paths, URLs and file names: `[A-Za-z0-9._-]{1,64}`.
fn check_code(code: &str) -> Result<(), Refusal> {
    let fits = (1..=limits::CODE_BYTES_MAX).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    match fits {
        true => Ok(()),
        false => Err(Refusal::new("checklist.bad_code", format!("{code:?}: [A-Za-z0-9._-], 1 to 64"))),
    }
}

/// `.` and `..` mean folders to whatever makes a path of them.
fn check_typed_code(code: &str) -> Result<(), Refusal> {
    match code.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        true => Ok(()),
        false => Err(Refusal::new("checklist.bad_code", format!("{code:?}: a letter or a digit"))),
    }
}

fn check_typed_line(name: &str, line: &str) -> Result<(), Refusal> {
    if line.contains(char::is_control) { Err(control_character(name)) } else { Ok(()) }
}

fn control_character(name: &str) -> Refusal {
    Refusal::new("checklist.control_character", name)
}

/// Some editors begin a text with a byte order mark.
fn unmarked(json: &[u8]) -> &[u8] {
    json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json)
}

fn check_lines(name: &str, lines: &[String], count_max: usize) -> Result<(), Refusal> {
    if lines.len() > count_max {
        return Err(Refusal::new("checklist.wrong_count", format!("{name}: at most {count_max}")));
    }
    let mut seen = BTreeSet::new();
    for line in lines {
        check_line(name, line)?;
        if !seen.insert(line) {
            return Err(Refusal::new("checklist.duplicate_option", format!("{name}: {line:?}")));
        }
    }
    Ok(())
}

fn check_line(name: &str, line: &str) -> Result<(), Refusal> {
    check_text(name, line, limits::LINE_CHARS_MAX)
}

fn check_text(name: &str, text: &str, chars_max: usize) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new("checklist.empty_text", name));
    }
    if text.chars().nth(chars_max).is_some() {
        return Err(Refusal::new("checklist.too_long", format!("{name}: at most {chars_max} characters")));
    }
    Ok(())
}

fn too_large() -> Refusal {
    let detail = format!("the checklist: at most {} bytes", limits::CHECKLIST_BYTES_MAX);
    Refusal::new("checklist.too_large", detail)
}
