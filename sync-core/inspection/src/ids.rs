//! Names of things in this crate's records. In JSON and CBOR they are text.

use liuhen_trace::{Hash, ids::IdError};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize, Encode, Decode)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// A person's account, as the server's register names it: 32 hex digits.
    AccountId
);
text_id!(
    /// An inspected party (监管对象).
    SubjectId
);
text_id!(
    /// A task (任务). Its visit has an id of its own.
    TaskId
);

/// SHA-256 over a checklist's canonical bytes: names one version of it for ever.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[0-9a-f]{64}$"))]
#[serde(transparent)]
#[cbor(transparent)]
pub struct ChecklistHash(
    #[serde(with = "crate::as_text")]
    #[n(0)]
    pub Hash,
);

impl fmt::Display for ChecklistHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ChecklistHash {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self)
    }
}
