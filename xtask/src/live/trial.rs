//! One example on one backend, in a fresh folder, and whether it did what it is for.

use super::backends::Backend;
use crate::shell::root;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Output tokens of a run: far more than it needs, far less than what a loop would burn.
const BUDGET: &str = "500k";

/// An example and what must have come of it.
pub struct Trial {
    pub name: &'static str,
    lay_out: fn(&Path) -> Result<(), String>,
    check: fn(&Path, &Value) -> Result<(), String>,
}

pub const TRIALS: [Trial; 2] = [
    Trial { name: "fix-tests", lay_out: lay_out_shop, check: check_shop },
    Trial { name: "review", lay_out: |_| Ok(()), check: check_review },
];

/// What came of a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub backend: String,
    pub trial: &'static str,
    /// Why it is not good.
    pub failure: Option<String>,
    pub run: Option<String>,
    pub agents: usize,
    pub tokens: Tokens,
    pub time: Duration,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
    pub estimated: bool,
}

impl Trial {
    pub fn run(&self, baya: &Path, backend: &Backend, model: Option<&str>, folder: &Path) -> Outcome {
        let mut outcome = Outcome {
            backend: backend.name.clone(),
            trial: self.name,
            failure: None,
            run: None,
            agents: 0,
            tokens: Tokens::default(),
            time: Duration::ZERO,
        };
        let work = folder.join(format!("{}-{}", self.name, backend.name.replace([':', '/'], "-")));
        if let Err(why) = self.try_in(&work, baya, model, &mut outcome) {
            outcome.failure = Some(why);
        }
        outcome
    }

    fn try_in(
        &self,
        work: &Path,
        baya: &Path,
        model: Option<&str>,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        std::fs::create_dir_all(work).map_err(|error| format!("`{}`: {error}", work.display()))?;
        (self.lay_out)(work)?;
        let since = Instant::now();
        let mut command = Command::new(baya);
        command.arg("run").arg(examples().join(format!("{}.js", self.name))).current_dir(work);
        command.args(["--backend", &outcome.backend, "--budget", BUDGET, "--json", "--yes"]);
        command.args(model.iter().flat_map(|model| ["--model", model]));
        let ended = last_line(&mut command)?;
        outcome.time = since.elapsed();
        outcome.run = ended["run"].as_str().map(str::to_owned);
        if let Some(run) = &outcome.run {
            let view = last_line(Command::new(baya).args(["show", run, "--json"]).current_dir(work))?;
            outcome.agents = view["agents"].as_object().map_or(0, serde_json::Map::len);
            outcome.tokens = Tokens::of(&view["usage"]);
        }
        check_end(&ended)?;
        (self.check)(work, &ended["result"])
    }
}

impl Tokens {
    fn of(usage: &Value) -> Tokens {
        let of = |name: &str| usage[name].as_u64().unwrap_or_default();
        let input = of("input") + of("cache_read") + of("cache_write");
        Tokens { input, output: of("output"), estimated: usage["source"] == "estimated" }
    }
}

fn examples() -> PathBuf {
    root().join("examples")
}

/// The last line of JSON, whatever the exit status is.
fn last_line(command: &mut Command) -> Result<Value, String> {
    let output = command.output().map_err(|error| format!("`baya` did not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
    last.ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = said.lines().last().unwrap_or_default().to_owned();
        format!("`baya` ended with {}: {said}", output.status)
    })
}

fn check_end(ended: &Value) -> Result<(), String> {
    if ended["status"] != "completed" {
        let why = ended["error"]["message"].as_str().unwrap_or("no message");
        return Err(format!("the run ended as {}: {why}", ended["status"]));
    }
    match ended["failures"]["failed"].as_u64() {
        None | Some(0) => Ok(()),
        Some(failed) => Err(format!("{failed} agents gave nothing: {}", ended["failures"]["causes"])),
    }
}

/// A copy of the folder with the failing tests, in a repository of its own.
fn lay_out_shop(work: &Path) -> Result<(), String> {
    for name in shop_files()? {
        let copied = std::fs::copy(examples().join("fix-tests").join(&name), work.join(&name));
        copied.map_err(|error| format!("`{name}` cannot be copied: {error}"))?;
    }
    let own = ["-c", "user.name=live", "-c", "user.email=live@localhost", "-c", "commit.gpgsign=false"];
    for words in [&["init", "-q"][..], &["add", "-A"], &["commit", "-q", "--no-verify", "-m", "shop"]] {
        let status = Command::new("git").args(own).args(words).current_dir(work).status();
        if !status.is_ok_and(|status| status.success()) {
            return Err(format!("`git {}` failed", words.join(" ")));
        }
    }
    if tests_pass(work)? {
        Err("the example's tests pass before anybody fixed them".to_owned())
    } else {
        Ok(())
    }
}

fn shop_files() -> Result<Vec<String>, String> {
    let folder = examples().join("fix-tests");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    let files = entries.flatten().filter(|entry| entry.path().is_file());
    Ok(files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

/// Asked of the tests themselves, not of the agents.
fn tests_pass(work: &Path) -> Result<bool, String> {
    let output = Command::new("python3").args(["-B", "-m", "unittest"]).current_dir(work).output();
    output.map(|output| output.status.success()).map_err(|error| format!("`python3` did not start: {error}"))
}

fn check_shop(work: &Path, result: &Value) -> Result<(), String> {
    let original = examples().join("fix-tests");
    let is_changed =
        |name: &String| std::fs::read(work.join(name)).ok() != std::fs::read(original.join(name)).ok();
    let changed: Vec<String> = shop_files()?.into_iter().filter(is_changed).collect();
    if let Some(test) = changed.iter().find(|name| name.starts_with("test_")) {
        return Err(format!("a test was changed: `{test}`"));
    }
    if changed.is_empty() {
        return Err("no file was changed".to_owned());
    }
    if !tests_pass(work)? {
        return Err(format!("tests still fail; changed: {}", changed.join(", ")));
    }
    match result["open"].as_array() {
        Some(open) if open.is_empty() => Ok(()),
        _ => Err(format!("all tests pass, but the result says otherwise: {}", result["summary"])),
    }
}

fn check_review(_: &Path, result: &Value) -> Result<(), String> {
    let lists = ["confirmed", "contested", "unverified"];
    if let Some(name) = lists.into_iter().find(|name| !result[*name].is_array()) {
        return Err(format!("the result has no list `{name}`"));
    }
    let is_finding = |finding: &Value| finding["line"].is_u64() && finding["title"].is_string();
    if !lists.iter().filter_map(|name| result[*name].as_array()).flatten().all(is_finding) {
        return Err("a finding has no line or no title".to_owned());
    }
    match (result["report"].as_str(), result["counts"]["looks"].as_u64(), result["counts"]["silent"].as_u64())
    {
        (None | Some(""), _, _) => Err("the result has no report".to_owned()),
        (Some(_), Some(1..), Some(0)) => Ok(()),
        (Some(_), _, _) => Err(format!("not every reader answered: {}", result["counts"])),
    }
}
