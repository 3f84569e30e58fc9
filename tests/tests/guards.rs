//! The house rules, held by tests. Each rule is shown to fail on a made-up bad source before it is
//! trusted with the real ones.

use liuhen_tests::{
    guards::{
        rules::{self, File},
        tree,
    },
    harness::workspace,
};
use std::path::PathBuf;

/// Every crate by folder; what is built here is built of these.
const CRATES: &[&str] = &[
    "sync-core/trace",
    "sync-core/engine",
    "sync-core/inspection",
    "sync-core/device",
    "server",
    "server/import",
    "mobile-ffi",
    "tests",
    "xtask",
];
/// Handed everything they use: no clock, no randomness, no file, no socket.
const PURE: &[&str] = &["sync-core/trace", "sync-core/engine", "sync-core/inspection", "server/import"];
/// The scaffolding of the foreign-function interface is unsafe by nature.
const MAY_BE_UNSAFE: &[&str] = &["mobile-ffi"];
/// The replay's own tampering has to write into the server's tables behind its back, and the demo has
/// SQLite check its own file.
const SQL_BY_DESIGN: &[&str] = &["tests/src/replay/sabotage.rs", "tests/src/demo/kept.rs"];

fn sources(krate: &str) -> Vec<File> {
    let folder = workspace().join(krate).join("src");
    let files = rules::files_below(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    assert!(!files.is_empty(), "no sources below {}", folder.display());
    files
}

fn breaches_in(crates: &[&str], rule: impl Fn(&File) -> Vec<String>) -> Vec<String> {
    crates.iter().flat_map(|krate| sources(krate)).flat_map(|file| rule(&file)).collect()
}

/// Sources of integration tests, which stand beside `src`.
fn integration_tests() -> Vec<File> {
    let folders = CRATES.iter().map(|krate| workspace().join(krate).join("tests")).filter(|it| it.is_dir());
    folders.flat_map(|folder| rules::files_below(&folder).expect("test sources")).collect()
}

fn none(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn every_crate_of_the_workspace_is_guarded() {
    let manifest = std::fs::read_to_string(workspace().join("Cargo.toml")).expect("the workspace manifest");
    assert!(
        manifest.contains(
            r#"members = ["sync-core/*", "server", "server/import", "mobile-ffi", "tests", "xtask"]"#
        )
    );
    let mut cores: Vec<_> = std::fs::read_dir(workspace().join("sync-core"))
        .expect("sync-core")
        .map(|entry| format!("sync-core/{}", entry.expect("an entry").file_name().to_string_lossy()))
        .collect();
    cores.retain(|core| !CRATES.contains(&core.as_str()));
    assert!(cores.is_empty(), "not guarded: {cores:?}");
}

#[test]
fn functions_and_files_stay_short() {
    let long_function =
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(rules::FUNCTION_LINES_MAX - 1));
    assert_eq!(rules::too_long(&File::from_text("bad.rs", &long_function)).len(), 1);
    let long_file = "// x\n".repeat(rules::FILE_LINES_MAX + 1);
    assert_eq!(rules::too_long(&File::from_text("bad.rs", &long_file)).len(), 1);
    none(breaches_in(CRATES, rules::too_long));
    none(integration_tests().iter().flat_map(rules::too_long).collect());
}

#[test]
fn sql_stands_in_stores_only() {
    for sql in ["SELECT 1", "insert: INSERT", "DELETE FROM visit", "UPDATE a SET b = 1", "PRAGMA wal"] {
        let bad = format!("fn f() {{ query({sql:?}) }}");
        let found = rules::sql_outside_store(&File::from_text("server/src/acts/bad.rs", &bad));
        assert_eq!(found.len(), usize::from(!sql.starts_with("insert")), "{sql}");
        for good in
            ["server/src/store/good.rs", "server/src/ledger/tests.rs", "device/src/client/tests/good.rs"]
        {
            assert!(rules::sql_outside_store(&File::from_text(good, &bad)).is_empty(), "{good}");
        }
        let found = rules::sql_outside_store(&File::from_text("tests/src/replay/bad.rs", &bad));
        assert_eq!(found.len(), usize::from(!sql.starts_with("insert")), "{sql}");
    }
    let excused = |file: &File| SQL_BY_DESIGN.iter().any(|path| file.path.ends_with(path));
    none(breaches_in(CRATES, |file| if excused(file) { Vec::new() } else { rules::sql_outside_store(file) }));
}

#[test]
fn pure_crates_read_no_clock_draw_nothing_and_touch_nothing() {
    let bad =
        "fn f() -> u64 { std::time::SystemTime::now(); getrandom::fill(&mut []); std::fs::read(\"x\") }";
    assert_eq!(rules::ambient(&File::from_text("bad.rs", bad)).len(), 3);
    let tested = "#[cfg(test)]\nmod tests {\n    fn f() { std::fs::read(\"x\") }\n}\n// std::fs\n";
    assert!(rules::ambient(&File::from_text("good.rs", tested)).is_empty());
    none(breaches_in(PURE, rules::ambient));
}

#[test]
fn unsafe_code_is_forbidden_where_no_foreign_interface_needs_it() {
    let commented = File::from_text("lib.rs", "// #![forbid(unsafe_code)]\n");
    assert_eq!(rules::unsafe_not_forbidden(&commented).len(), 1);
    let crates = CRATES.iter().filter(|krate| !MAY_BE_UNSAFE.contains(krate));
    let roots = crates.flat_map(|krate| crate_roots(krate));
    none(roots.flat_map(|root| rules::unsafe_not_forbidden(&root)).collect());
}

/// `lib.rs`, `main.rs` and the programs below `bin`.
fn crate_roots(krate: &str) -> Vec<File> {
    let src: PathBuf = workspace().join(krate).join("src");
    let mut files = sources(krate);
    files.retain(|file| {
        file.path == src.join("lib.rs")
            || file.path == src.join("main.rs")
            || file.path.parent() == Some(&src.join("bin"))
    });
    assert!(!files.is_empty(), "{krate} has no root");
    files
}

#[test]
fn nothing_is_left_undone() {
    let bad = File::from_text("bad.rs", "fn f() { todo!() }\nfn g() { dbg!(1); }\n");
    assert_eq!(rules::left_undone(&bad).len(), 2);
    none(breaches_in(CRATES, rules::left_undone));
    none(integration_tests().iter().flat_map(rules::left_undone).collect());
}

fn tree_lacks(package: &str, forbidden: &[&str]) {
    let packages = tree::packages_of(&workspace(), package).expect("the dependency tree");
    assert!(packages.contains(package), "{package} is not in its own tree: the listing was not understood");
    let found = tree::forbidden(&packages, forbidden);
    assert!(found.is_empty(), "{package} pulls in {found:?}");
}

#[test]
fn trace_has_no_automerge_and_no_io_in_its_tree() {
    tree_lacks(
        "liuhen-trace",
        &["automerge", "liuhen-engine", "liuhen-inspection", "rand", "fastrand", "uuid"],
    );
    tree_lacks("liuhen-trace", tree::IO_PACKAGES);
}

#[test]
fn engine_knows_no_inspection() {
    tree_lacks("liuhen-engine", &["liuhen-inspection", "liuhen-device", "liuhen-server"]);
}

#[test]
fn crates_below_device_do_no_io() {
    for package in ["liuhen-trace", "liuhen-engine", "liuhen-inspection"] {
        tree_lacks(package, tree::IO_PACKAGES);
        tree_lacks(package, &["sqlx-*", "libsqlite3-sys", "rustls", "getrandom-*"]);
    }
}

#[test]
fn import_does_no_io_and_stands_on_nothing_of_ours() {
    tree_lacks("liuhen-import", tree::IO_PACKAGES);
    let ours = CRATES.iter().filter(|krate| krate.starts_with("sync-core/"));
    let ours: Vec<_> = ours.map(|krate| krate.replace("sync-core/", "liuhen-")).collect();
    let ours: Vec<_> = ours.iter().map(String::as_str).chain(["liuhen-server", "liuhen-mobile"]).collect();
    tree_lacks("liuhen-import", &ours);
}

#[test]
fn the_phone_has_no_async_runtime_and_the_server_no_phone() {
    tree_lacks("liuhen-mobile", &["tokio", "async-std", "smol", "axum", "sqlx*", "liuhen-server"]);
    tree_lacks("liuhen-server", &["liuhen-device", "liuhen-mobile", "rusqlite", "openssl*", "native-tls"]);
}

#[test]
fn the_server_brings_no_client_that_could_fetch_an_address() {
    tree_lacks(
        "liuhen-server",
        &["reqwest", "ureq", "isahc", "curl", "hyper-rustls", "webpki-roots", "hickory*"],
    );
    let sources = sources("server");
    let connects: Vec<_> = sources.iter().flat_map(rules::outbound).collect();
    none(connects);
    let bad = File::from_text("bad.rs", "async fn f() { TcpStream::connect(address).await; }\n");
    assert_eq!(rules::outbound(&bad).len(), 1);
}

#[test]
fn a_guard_on_a_tree_can_fail() {
    let packages = tree::packages_of(&workspace(), "liuhen-tests").expect("the dependency tree");
    assert!(!tree::forbidden(&packages, &["liuhen-mobile"]).is_empty());
}
