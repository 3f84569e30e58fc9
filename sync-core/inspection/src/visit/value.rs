//! Values of fields in JSON: `null`, `true`, `7`, `"text"`.

use liuhen_engine::field::Scalar;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A field's value; absent and retracted are both `null`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value(pub Scalar);

/// [`Value`] in types with a schema: utoipa takes whatever is called `Value` for any JSON.
pub type FieldValue = Value;

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

#[cfg(feature = "openapi")]
mod schema {
    use utoipa::openapi::{
        ObjectBuilder, RefOr, Schema,
        schema::{SchemaType, Type},
    };

    impl utoipa::PartialSchema for super::Value {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::Null, Type::Boolean, Type::Integer, Type::String]))
                .description(Some("A field's value; `null` when nobody wrote one or it was retracted"))
                .build()
                .into()
        }
    }

    impl utoipa::ToSchema for super::Value {
        fn name() -> std::borrow::Cow<'static, str> {
            "FieldValue".into()
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
