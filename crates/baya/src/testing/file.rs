//! `NAME.test.json`: one test of a workflow.

use crate::failure::{Failure, in_words};
use baya_core::cassette::{CASSETTE_FORMAT, Cassette};
use baya_engine::rehearsal::Fixtures;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// How the name of a test's file ends.
pub const TEST_ENDING: &str = ".test.json";
pub const CASSETTE_ENDING: &str = ".cassette.json";

/// As it is written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TestFile {
    /// From the test's folder, or the name of a saved workflow; absent: the script with the test's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Value>,
    /// The model of agents that name none, for ceilings in dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// A recorded run, from the test's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cassette: Option<String>,
    /// What agents and host steps give: an object, or the path of a file with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixtures: Option<Value>,
    #[serde(skip_serializing_if = "Expected::is_empty")]
    pub expect: Expected,
    #[serde(skip_serializing_if = "Ceilings::is_empty")]
    pub ceilings: Ceilings,
}

/// What has to come of it; what is absent is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expected {
    /// `completed` unless it says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub result: Option<Value>,
    /// Part of the error's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The labels of all agents, in the order they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<String>>,
    /// Host steps in words, in the order they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<String>>,
    /// Agents that gave nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
}

/// What it may take at most.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ceilings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<u64>,
    /// Tokens of all classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Output tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
}

impl Expected {
    fn is_empty(&self) -> bool {
        *self == Expected::default()
    }
}

impl Ceilings {
    fn is_empty(&self) -> bool {
        *self == Ceilings::default()
    }
}

/// `null` is a value, absent is none.
fn present<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(input).map(Some)
}

/// A test, with all it names read.
pub struct Test {
    pub path: PathBuf,
    pub file: TestFile,
    /// As `baya run` takes it.
    pub script: String,
    pub answers: Answers,
}

/// Where answers come from.
pub enum Answers {
    Recorded { path: PathBuf, cassette: Box<Cassette> },
    Written(Box<Fixtures>),
}

impl Test {
    /// Reads a test and what it names.
    pub fn read(path: &Path) -> Result<Test, Failure> {
        let text = read(path)?;
        let file: TestFile = serde_json::from_str(&text).map_err(|error| broken(path, &error))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let answers = match (&file.cassette, &file.fixtures) {
            (Some(_), Some(_)) => {
                return Err(wrong(
                    path,
                    "it names a `cassette` and `fixtures`: answers come from one of them",
                ));
            }
            (Some(cassette), None) => {
                let path = folder.join(cassette);
                let cassette = Box::new(read_cassette(&path)?);
                Answers::Recorded { path, cassette }
            }
            (None, fixtures) => Answers::Written(Box::new(read_fixtures(path, folder, fixtures.as_ref())?)),
        };
        let script = script_of(path, folder, &file)?;
        Ok(Test { path: path.to_owned(), file, script, answers })
    }

    /// The file's name without its ending.
    pub fn name(&self) -> String {
        stem(&self.path)
    }
}

/// The file's name without `.test.json`.
pub fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.strip_suffix(TEST_ENDING).map_or(name.clone(), str::to_owned)
}

fn script_of(path: &Path, folder: &Path, file: &TestFile) -> Result<String, Failure> {
    let here = |name: &str| folder.join(name).display().to_string();
    if let Some(script) = &file.script {
        let is_file = script.contains('/') || Path::new(script).extension().is_some();
        return Ok(if is_file { here(script) } else { script.clone() });
    }
    let stem = stem(path);
    let beside = ["js", "mjs", "ts", "mts"].map(|ending| format!("{stem}.{ending}"));
    let found = beside.iter().find(|name| folder.join(name).is_file());
    found.map(|name| here(name)).ok_or_else(|| {
        wrong(path, &format!("there is no `{stem}.js` beside it, and it names no `script`"))
            .hint("\"script\": \"../workflows/name.js\", or the name of a saved workflow")
    })
}

pub fn read_cassette(path: &Path) -> Result<Cassette, Failure> {
    let text = read(path)?;
    let format =
        serde_json::from_str::<Map<String, Value>>(&text).ok().and_then(|it| it.get("format")?.as_u64());
    if let Some(newer) = format.filter(|format| *format > u64::from(CASSETTE_FORMAT)) {
        return Err(wrong(path, &format!("its format {newer} is newer than this version of baya knows"))
            .hint("update baya, or record the cassette anew"));
    }
    serde_json::from_str(&text).map_err(|error| broken(path, &error))
}

fn read_fixtures(path: &Path, folder: &Path, given: Option<&Value>) -> Result<Fixtures, Failure> {
    let (path, text) = match given {
        None => return Ok(Fixtures::default()),
        Some(Value::String(name)) => (folder.join(name), read(&folder.join(name))?),
        Some(inline) => (path.to_owned(), inline.to_string()),
    };
    Fixtures::parse(&text).map_err(|error| wrong(&path, &format!("fixtures: {error}")))
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read `{}`: {}", path.display(), in_words(&error))))
}

fn wrong(path: &Path, why: &str) -> Failure {
    Failure::usage(format!("`{}`: {why}", path.display()))
}

fn broken(path: &Path, error: &serde_json::Error) -> Failure {
    let place = format!("{}:{}:{}", path.display(), error.line(), error.column());
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default().to_owned();
    Failure::usage(format!("`{place}`: {words}")).hint("docs/testing.md describes the file")
}
