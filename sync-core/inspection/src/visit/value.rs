//! Values of fields in JSON: `null`, `true`, `7`, `"text"`.

use liuhen_engine::field::Scalar;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

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

/// JSON has one kind of number: `2.0` is as good as `2`.
fn whole(number: f64) -> Option<i64> {
    let bound = -(i64::MIN as f64);
    (number.fract() == 0.0 && (-bound..bound).contains(&number)).then_some(number as i64)
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
                .minimum(Some(i64::MIN))
                .maximum(Some(i64::MAX))
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
            Float(f64),
            Text(String),
        }
        let scalar = match Option::<Plain>::deserialize(deserializer)? {
            None => Scalar::Null,
            Some(Plain::Bool(yes)) => Scalar::Bool(yes),
            Some(Plain::Int(number)) => Scalar::Int(number),
            Some(Plain::Float(number)) => Scalar::Int(
                whole(number)
                    .ok_or_else(|| D::Error::custom(format!("{number} is no whole number of 64 bits")))?,
            ),
            Some(Plain::Text(text)) => Scalar::Text(text),
        };
        Ok(Self(scalar))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_point_and_no_other_may() {
        let read = |json: &str| serde_json::from_str::<Value>(json).ok().and_then(|value| value.as_int());
        assert_eq!(read("2.0"), Some(2));
        assert_eq!(read("-3e2"), Some(-300));
        assert_eq!(read("9223372036854775807"), Some(i64::MAX));
        for other in ["2.5", "9223372036854775808", "18446744073709551615", "1e300"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
