//! What a source file may not contain. Each rule gives one line of text per breach.

use super::source::Source;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A function longer than this has a second step in it.
pub const FUNCTION_LINES_MAX: usize = 70;
/// A file longer than this has a second subject in it.
pub const FILE_LINES_MAX: usize = 600;

/// What reads a clock, draws randomness or touches the world, as it stands in code.
const AMBIENT: &[&str] = &[
    "SystemTime",
    "Instant::now",
    "now_utc",
    "now_local",
    "now_v7",
    "new_v4",
    "getrandom",
    "fastrand",
    "thread_rng",
    "OsRng",
    "std::env",
    "std::fs",
    "std::io::stdin",
    "std::net",
    "std::process",
    "std::thread",
    "println!",
    "eprintln!",
];

/// A file with its path, read once and given to every rule.
pub struct File {
    pub path: PathBuf,
    pub lines: usize,
    pub source: Source,
}

impl File {
    pub fn from_text(path: impl Into<PathBuf>, text: &str) -> Self {
        Self { path: path.into(), lines: text.lines().count(), source: Source::read(text) }
    }

    /// A module of unit tests: below `src`, in a folder `tests` or in `tests.rs`. Tests may do what
    /// the crate may not: tamper with a table, read a file.
    fn is_test(&self) -> bool {
        let parts: Vec<_> = self.path.iter().collect();
        let behind_src = parts.iter().rposition(|part| *part == "src").map_or(0, |at| at + 1);
        parts[behind_src..].iter().any(|part| *part == "tests" || *part == "tests.rs")
    }

    /// The crate's own code.
    fn untested(&self) -> Source {
        if self.is_test() { Source::default() } else { self.source.clone().without_tests() }
    }

    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

/// All `.rs` files below `folder`, in path order.
pub fn files_below(folder: &Path) -> io::Result<Vec<File>> {
    let mut found = Vec::new();
    collect(folder, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            found.push(File::from_text(path, &text));
        }
    }
    Ok(())
}

pub fn too_long(file: &File) -> Vec<String> {
    let mut breaches = Vec::new();
    if file.lines > FILE_LINES_MAX {
        breaches.push(format!("{}: {} lines, {FILE_LINES_MAX} allowed", file.path.display(), file.lines));
    }
    for function in file.source.functions() {
        if function.lines > FUNCTION_LINES_MAX {
            let at = file.at(function.line);
            breaches.push(format!(
                "{at}: `{}` has {} lines, {FUNCTION_LINES_MAX} allowed",
                function.name, function.lines
            ));
        }
    }
    breaches
}

/// SQL text outside a `store` folder. Tests are let off.
pub fn sql_outside_store(file: &File) -> Vec<String> {
    if file.path.components().any(|part| part.as_os_str() == "store") {
        return Vec::new();
    }
    let breach = |(line, text): &(usize, String)| {
        is_sql(text).then(|| format!("{}: SQL outside store: {:?}", file.at(*line), excerpt(text)))
    };
    file.untested().strings.iter().filter_map(breach).collect()
}

/// SQL is written in capitals here, so a message like "select a file" is none.
fn is_sql(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let (first, second) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let both = |a: &str, seconds: &[&str]| first == a && seconds.contains(&second);
    (first == "SELECT" && !second.is_empty())
        || both("INSERT", &["INTO", "OR"])
        || (first == "UPDATE" && text.contains(" SET "))
        || both("DELETE", &["FROM"])
        || both("CREATE", &["TABLE", "INDEX", "UNIQUE", "TRIGGER", "VIEW"])
        || both("ALTER", &["TABLE"])
        || both("DROP", &["TABLE", "INDEX"])
        || both("BEGIN", &["IMMEDIATE", "EXCLUSIVE", "DEFERRED"])
        || (matches!(first, "PRAGMA" | "SAVEPOINT") && !second.is_empty())
        || (first == "WITH" && text.contains("SELECT "))
}

/// Clocks, randomness and IO in a crate that must be handed all of them. Tests are let off.
pub fn ambient(file: &File) -> Vec<String> {
    let source = file.untested();
    let breaches = |name: &&str| {
        let lines = source.lines_with(name).into_iter();
        lines.map(|line| format!("{}: `{name}` in a pure crate", file.at(line))).collect::<Vec<_>>()
    };
    AMBIENT.iter().flat_map(breaches).collect()
}

/// Connections that the server would open to somebody. Tests are let off.
pub fn outbound(file: &File) -> Vec<String> {
    let source = file.untested();
    let breaches = |name: &&str| {
        let lines = source.lines_with(name).into_iter();
        lines.map(|line| format!("{}: `{name}` opens a connection", file.at(line))).collect::<Vec<_>>()
    };
    ["TcpStream::connect", "UdpSocket", "TcpSocket", "lookup_host"].iter().flat_map(breaches).collect()
}

/// A crate root that does not rule out unsafe code.
pub fn unsafe_not_forbidden(root: &File) -> Vec<String> {
    if root.source.code.contains("#![forbid(unsafe_code)]") {
        return Vec::new();
    }
    vec![format!("{}: `#![forbid(unsafe_code)]` is missing", root.path.display())]
}

/// A macro that leaves work undone, outside tests and inside them.
pub fn left_undone(file: &File) -> Vec<String> {
    let breaches = |name: &&str| {
        let lines = file.source.lines_with(name).into_iter();
        lines.map(|line| format!("{}: `{name}`", file.at(line))).collect::<Vec<_>>()
    };
    ["todo!", "unimplemented!", "dbg!"].iter().flat_map(breaches).collect()
}

fn excerpt(text: &str) -> String {
    text.split_whitespace().take(4).collect::<Vec<_>>().join(" ")
}
