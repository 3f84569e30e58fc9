//! Values and ids.

use crate::MobileError;
use liuhen_engine::field::Scalar;
use liuhen_inspection::visit;
use std::str::FromStr;

/// A value of a field. `Null` is one that was never given, or was retracted.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Value {
    Null,
    Bool { value: bool },
    Int { value: i64 },
    Text { value: String },
}

impl From<Value> for Scalar {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Scalar::Null,
            Value::Bool { value } => Scalar::Bool(value),
            Value::Int { value } => Scalar::Int(value),
            Value::Text { value } => Scalar::Text(value),
        }
    }
}

impl From<visit::Value> for Value {
    fn from(value: visit::Value) -> Self {
        match value.0 {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool { value },
            Scalar::Int(value) => Value::Int { value },
            Scalar::Text(value) => Value::Text { value },
        }
    }
}

/// The words of a field that should hold text. A value of another type is shown as people would
/// write it, and flagged beside it.
pub fn words(value: visit::Value) -> Option<String> {
    match value.0 {
        Scalar::Null => None,
        Scalar::Bool(value) => Some(value.to_string()),
        Scalar::Int(value) => Some(value.to_string()),
        Scalar::Text(value) => Some(value),
    }
}

/// Reads an id or a hash that the app passes back.
pub fn parse_id<T: FromStr>(text: &str) -> Result<T, MobileError> {
    text.parse()
        .map_err(|_| MobileError::Refused { code: "id.malformed".into(), detail: format!("{text:?}") })
}
