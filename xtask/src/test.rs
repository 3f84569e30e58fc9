//! `cargo xtask test`: everything that shows that the product works, stage by stage.

use crate::{browser, prerequisites, replay, replay::Built, shell, stages::Stages};
use anyhow::{Context, Result, ensure};
use clap::{Args, builder::FalseyValueParser};
use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

/// Names a city's published set, for us and for the tests that read it.
const CITY: &str = "LIUHEN_CITY_DATA";

#[derive(Args)]
pub struct Options {
    /// Install what is missing without asking
    #[arg(long, env = "CI", value_parser = FalseyValueParser::new())]
    yes: bool,
    /// Also requests made up from the API's description from eight more seeds, and the long replays of the
    /// city's set: all of it, with cuts and kills, half a year with photos, and with sabotage
    #[arg(long)]
    full: bool,
    /// A city's published set, to be replayed too
    #[arg(long, env = CITY, value_name = "DIR")]
    city: Option<OsString>,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    let mut stages = Stages::default();
    let result = all(&mut stages, options);
    stages.report();
    let city = result?;
    match city {
        Some(folder) => eprintln!("\nEverything passed, the city's set in {} among it.", folder.display()),
        None => eprintln!(
            "\nEverything passed. The city's set was not there, so the replay ran on a made-up set only; \
             {CITY} names its folder."
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn all(stages: &mut Stages, options: &Options) -> Result<Option<PathBuf>> {
    let city = city_set(options)?;
    stages.run("prerequisites", || {
        prerequisites::provide(options.yes)?;
        prerequisites::schemathesis(&replay::target_folder()?)?;
        browser::fetch()
    })?;
    let built = stages.run("build", || {
        shell::run(shell::cargo().args(["build", "--workspace", "--lib", "--bins"]))?;
        Built::of("debug")
    })?;
    stages.run("unit and process tests", || {
        let mut command = shell::cargo();
        command.args(["test", "--workspace"]).env("LIUHEN_SERVER", built.server());
        if let Some(city) = &city {
            command.env(CITY, city);
        }
        shell::run(&mut command)
    })?;
    stages.run("Python binding", || python_story(&built))?;
    stages.run("console in a browser", || browser::walk(&built))?;
    stages.run("API against its description", || contract(&built, options.full))?;
    stages.run("replay of a made-up set", || {
        let folder = replay::target_folder()?.join("test-set");
        replay::generate(&built, &folder)?;
        replayed(&built, &folder, SHORT)
    })?;
    if let Some(city) = &city {
        stages.run("replay of the city's last days", || replayed(&built, city, CITY_SLICE))?;
    }
    if let Some(city) = city.as_ref().filter(|_| options.full) {
        long_replays(stages, city)?;
    }
    Ok(city)
}

/// Requests made up for each operation in each role. With many more on one server, wrong
/// passwords among them lock the very login they are made with; so the long run has a new server for each seed.
const EXAMPLES: &str = "8";
const SEEDS_FULL: u64 = 9;

/// Every role tries every operation as it is described, and as it is not.
fn contract(built: &Built, full: bool) -> Result<()> {
    let schemathesis = prerequisites::schemathesis(&replay::target_folder()?)?;
    let run = |arguments: &[&str]| {
        let mut command = built.replay();
        let command = command.args(["contract", "--examples", EXAMPLES]).args(arguments);
        shell::run(command.arg("--schemathesis").arg(&schemathesis))
    };
    for seed in 1..=if full { SEEDS_FULL } else { 1 } {
        run(&["--seed", &seed.to_string()])?;
    }
    // Our own configuration could hide something.
    run(&["--plain"])
}

const SHORT: &[&str] =
    &["--phones", "3", "--pair", "40", "--cut", "20", "--kill", "20", "--photos", "generated:1"];
const CITY_SLICE: &[&str] =
    &["--phones", "4", "--pair", "30", "--cut", "10", "--kill", "10", "--from", "2018-06-27"];

fn long_replays(stages: &mut Stages, city: &Path) -> Result<()> {
    let built = stages.run("release build", || replay::build(&["--release"], "release"))?;
    stages.run("replay of half a year with cuts, kills and photos", || {
        let arguments = ["--phones", "19", "--pair", "20", "--cut", "10", "--kill", "5"];
        let rest = ["--photos", "generated:1", "--from", "2018-01-01"];
        let report = reported(&built, city, &[&arguments[..], &rest].concat(), true)?;
        let idle: Vec<_> =
            ["conflicts", "cuts", "kills"].into_iter().filter(|key| report[*key] == 0).collect();
        ensure!(idle.is_empty(), "nothing was tried of {idle:?}: {report}");
        Ok(())
    })?;
    stages.run("replay of the whole set", || {
        replayed(&built, city, &["--phones", "19", "--pair", "20", "--cut", "10", "--kill", "5"])
    })?;
    stages.run("sabotage of five rows is reported as five", || sabotage(&built, city))
}

fn replayed(built: &Built, folder: &Path, arguments: &[&str]) -> Result<()> {
    shell::run(built.replay().arg("run").arg(folder).args(arguments))
}

/// As [`replayed`], with the report; `clean` says how it has to end.
fn reported(built: &Built, folder: &Path, arguments: &[&str], clean: bool) -> Result<serde_json::Value> {
    let mut command = built.replay();
    let output =
        command.arg("run").arg(folder).arg("--json").args(arguments).stderr(Stdio::inherit()).output()?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).context("the replay's report")?;
    ensure!(output.status.success() == clean, "the replay ended with {}: {report}", output.status);
    Ok(report)
}

/// The replay has to fail, and to count what was altered.
fn sabotage(built: &Built, city: &Path) -> Result<()> {
    let arguments = ["--phones", "4", "--from", "2018-06-27", "--sabotage", "5"];
    let report = reported(built, city, &arguments, false)?;
    let counted = ["missing", "duplicated", "differing"].iter().filter_map(|key| report[*key].as_u64());
    let counted: u64 = counted.sum();
    ensure!(counted == 5, "five rows were altered and {counted} reported");
    Ok(())
}

/// Generates the binding from the unstripped debug library and lets Python play a phone.
fn python_story(built: &Built) -> Result<()> {
    let target = replay::target_folder()?;
    let folder = target.join("python");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let cdylib = ["rustc", "--package", "liuhen-mobile", "--lib", "--crate-type", "cdylib"];
    shell::run(shell::cargo().args(cdylib))?;
    let name = format!("{DLL_PREFIX}liuhen_mobile{DLL_SUFFIX}");
    let library = target.join("debug").join(&name);
    let bindgen = target.join("debug").join(format!("uniffi-bindgen{EXE_SUFFIX}"));
    let options = ["--language", "python", "--no-format", "--out-dir"];
    shell::run(
        shell::program(bindgen).args(["generate", "--library"]).arg(&library).args(options).arg(&folder),
    )?;
    let copied = folder.join(&name);
    fs::copy(&library, &copied).with_context(|| copied.display().to_string())?;
    let story = shell::workspace().join("mobile-ffi/python/test_story.py");
    shell::run(
        built
            .replay()
            .args(["with-server", "--", "python3"])
            .arg(story)
            .env("PYTHONPATH", &folder)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}

/// Tables of a city's set.
const CITY_TABLES: [&str; 4] =
    ["establishments.csv", "inspections.csv", "violation_codes.csv", "violations.csv"];

/// The city's set, if one was named; the long replays are of nothing else. Its whole path, because
/// cargo runs each crate's tests in that crate's folder.
fn city_set(options: &Options) -> Result<Option<PathBuf>> {
    // A variable that is set to nothing names nothing.
    let Some(folder) = options.city.as_ref().filter(|city| !city.is_empty()) else {
        ensure!(!options.full, "--full needs the city's set: --city DIR or {CITY}");
        return Ok(None);
    };
    let folder = Path::new(folder);
    for table in CITY_TABLES {
        ensure!(
            folder.join(table).is_file(),
            "{} is no city's set: it has no {table} (--city or {CITY})",
            folder.display()
        );
    }
    Ok(Some(folder.canonicalize().with_context(|| folder.display().to_string())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(city: &str) -> Options {
        Options { yes: false, full: false, city: Some(city.into()) }
    }

    #[test]
    fn a_city_named_by_nothing_is_none_and_a_folder_without_its_tables_is_refused() {
        assert!(city_set(&named("")).unwrap().is_none());
        let error = city_set(&named(env!("CARGO_MANIFEST_DIR"))).unwrap_err();
        assert!(error.to_string().contains("has no establishments.csv"), "{error}");
        assert!(city_set(&Options { full: true, ..named("") }).is_err());
    }
}
