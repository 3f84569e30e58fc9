//! Roles, of which an account may have several.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{collections::BTreeSet, fmt, str::FromStr};
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Makes visits, with a phone.
    Inspector,
    /// Dispatches tasks and reviews visits.
    Supervisor,
    /// Keeps accounts, devices and registers.
    DepartmentAdministrator,
    /// Reads everything, writes nothing.
    Auditor,
}

const ALL: [Role; 4] = [Role::Inspector, Role::Supervisor, Role::DepartmentAdministrator, Role::Auditor];

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Inspector => "inspector",
            Role::Supervisor => "supervisor",
            Role::DepartmentAdministrator => "department_administrator",
            Role::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| format!("no such role: {text}"))
    }
}

/// The roles of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(min_items = 1)]
pub struct Roles(BTreeSet<Role>);

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let named = Vec::<Role>::deserialize(deserializer)?;
        let roles: BTreeSet<Role> = named.iter().copied().collect();
        match roles.len() == named.len() {
            true => Ok(Self(roles)),
            false => Err(D::Error::custom("a role is named twice")),
        }
    }
}

impl Roles {
    /// Reads a column; what is no role any more is passed over.
    pub fn parse(text: &str) -> Self {
        Self(text.split(',').filter_map(|role| role.parse().ok()).collect())
    }

    pub fn contains(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    pub fn iter(&self) -> impl Iterator<Item = Role> {
        self.0.iter().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them reads or changes what others did. An inspector's own work is signed by a
    /// device, which is a factor of its own.
    pub fn need_second_factor(&self) -> bool {
        self.0.iter().any(|role| match role {
            Role::Inspector => false,
            Role::Supervisor | Role::DepartmentAdministrator | Role::Auditor => true,
        })
    }

    /// Stable names, sorted, as a grant lists them.
    pub fn names(&self) -> Vec<String> {
        let names: BTreeSet<String> = self.0.iter().map(Role::to_string).collect();
        names.into_iter().collect()
    }
}

impl<const N: usize> From<[Role; N]> for Roles {
    fn from(roles: [Role; N]) -> Self {
        Self(roles.into())
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().collect())
    }
}

/// As a column holds them.
impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(","))
    }
}
