//! Values of fields in JSON: `null`, `true`, `7`, `"text"`.

use liuhen_engine::field::Scalar;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A field's value; absent and retracted are both `null`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value(pub Scalar);

impl Value {
    pub fn null() -> Self {
        Self(Scalar::Null)
    }

    pub fn is_null(&self) -> bool {
        self.0 == Scalar::Null
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Scalar::Text(text) => Some(text),
            Scalar::Null | Scalar::Bool(_) | Scalar::Int(_) => None,
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self.0 {
            Scalar::Int(number) => Some(number),
            Scalar::Null | Scalar::Bool(_) | Scalar::Text(_) => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.0 {
            Scalar::Bool(yes) => Some(yes),
            Scalar::Null | Scalar::Int(_) | Scalar::Text(_) => None,
        }
    }
}

impl From<Scalar> for Value {
    fn from(scalar: Scalar) -> Self {
        Self(scalar)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Scalar::Null => serializer.serialize_unit(),
            Scalar::Bool(yes) => serializer.serialize_bool(*yes),
            Scalar::Int(number) => serializer.serialize_i64(*number),
            Scalar::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Plain {
            Bool(bool),
            Int(i64),
            Text(String),
        }
        let scalar = match Option::<Plain>::deserialize(deserializer)? {
            None => Scalar::Null,
            Some(Plain::Bool(yes)) => Scalar::Bool(yes),
            Some(Plain::Int(number)) => Scalar::Int(number),
            Some(Plain::Text(text)) => Scalar::Text(text),
        };
        Ok(Self(scalar))
    }
}
