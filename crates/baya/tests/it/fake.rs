//! A `baya fake-model` of the test's own, and what it was asked.

use crate::harness::{Baya, Call};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Child;

/// A fake model that answers until it is dropped.
pub struct FakeModel {
    home: Baya,
    process: Child,
    url: String,
}

impl FakeModel {
    /// Starts one with these rules.
    pub fn start(rules: &Value) -> FakeModel {
        let home = Baya::new();
        home.write("rules.json", &rules.to_string());
        let mut process = home.line("fake-model --rules rules.json --log requests.jsonl").spawn();
        let mut line = String::new();
        let stdout = process.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a first line");
        let address = line.trim_end().strip_prefix("export ANTHROPIC_BASE_URL=");
        let url = address.and_then(|rest| rest.strip_suffix(" ANTHROPIC_API_KEY=fake"));
        let url = url.unwrap_or_else(|| panic!("{line:?}")).to_owned();
        FakeModel { home, process, url }
    }

    /// A call whose agents ask this model.
    pub fn serves<'a>(&self, call: Call<'a>) -> Call<'a> {
        call.env("ANTHROPIC_BASE_URL", &self.url).env("ANTHROPIC_API_KEY", "fake")
    }

    /// The same over OpenAI's wire.
    pub fn serves_openai<'a>(&self, call: Call<'a>) -> Call<'a> {
        call.env("OPENAI_BASE_URL", &format!("{}/v1", self.url)).env("OPENAI_API_KEY", "fake")
    }

    /// How often each prompt was asked for so far. Prompts are shorter than what the log shows of them.
    pub fn asked(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for prompt in self.prompts() {
            *counts.entry(prompt).or_default() += 1;
        }
        counts
    }

    /// All prompts so far, in the order they came.
    pub fn prompts(&self) -> Vec<String> {
        let prompt = |line: &Value| line["prompt"].as_str().expect("a prompt").to_owned();
        self.received().iter().map(prompt).collect()
    }

    /// The log's lines of all requests so far.
    pub fn received(&self) -> Vec<Value> {
        self.log().into_iter().filter(|line| line["event"] == "received").collect()
    }

    /// Without a version at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The request log so far.
    pub fn log(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        // The last line may still be under way.
        let whole = log.rfind('\n').map_or("", |end| &log[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    fn log_file(&self) -> PathBuf {
        self.home.work().join("requests.jsonl")
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
