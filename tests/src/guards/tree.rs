//! Which packages a crate pulls in, as cargo resolves them.

use anyhow::{Context, Result, ensure};
use std::{collections::BTreeSet, path::Path, process::Command};

/// Packages that do input or output, or bring a runtime for it.
pub const IO_PACKAGES: &[&str] = &[
    "async-std",
    "axum",
    "hyper",
    "mio",
    "reqwest",
    "rusqlite",
    "smol",
    "socket2",
    "sqlx",
    "tempfile",
    "tokio",
    "tower",
    "ureq",
];

/// The names of all packages in the normal dependency tree of `package`, itself included.
pub fn packages_of(workspace: &Path, package: &str) -> Result<BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace)
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package"])
        .arg(package)
        .output()
        .context("cargo tree did not start")?;
    ensure!(
        output.status.success(),
        "cargo tree --package {package}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(names(&String::from_utf8_lossy(&output.stdout)))
}

/// The first word of each line.
fn names(listing: &str) -> BTreeSet<String> {
    listing.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Those of `forbidden` that are there. A trailing `*` stands for any ending.
pub fn forbidden(packages: &BTreeSet<String>, forbidden: &[&str]) -> Vec<String> {
    let hit = |package: &&String| {
        forbidden.iter().any(|name| match name.strip_suffix('*') {
            Some(prefix) => package.starts_with(prefix),
            None => package == name,
        })
    };
    packages.iter().filter(hit).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_package_in_a_listing_is_found() {
        let packages = names("liuhen-trace v0.1.0 (/x)\nsha2 v0.11.0\ntokio v1.54.0 (*)\nsqlx-core v0.9.0\n");
        assert_eq!(forbidden(&packages, &["tokio", "sqlx*", "ureq"]), ["sqlx-core", "tokio"]);
        assert!(forbidden(&packages, &["automerge"]).is_empty());
    }
}
