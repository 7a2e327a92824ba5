//! `baya fake-model` as a child: its address, and the log of what it was asked.

use super::world::Room;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running fake model; it ends when dropped.
pub struct FakeModel {
    child: Child,
    url: String,
    log: PathBuf,
}

/// One request it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Milliseconds since the Unix epoch.
    pub at_ms: f64,
    pub prompt: String,
    /// Of its body.
    pub bytes: f64,
}

impl FakeModel {
    /// Starts it with these rules and waits for its address.
    pub fn start(room: &Room<'_>, rules: &Value) -> Result<FakeModel, String> {
        let rules = room.write("rules.json", &rules.to_string())?;
        let log = room.folder.join("requests.jsonl");
        let (rules, log_name) = (rules.to_string_lossy().into_owned(), log.to_string_lossy().into_owned());
        let mut command = room.baya(&["fake-model", "--rules", &rules, "--log", &log_name]);
        command.stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("the fake model did not start: {error}"))?;
        let mut first = String::new();
        if let Some(stdout) = child.stdout.take() {
            let _ = BufReader::new(stdout).read_line(&mut first);
        }
        let url = address_in(&first).map(str::to_owned);
        match url {
            Some(url) => Ok(FakeModel { child, url: url.trim_end_matches('/').to_owned(), log }),
            None => {
                let _ = child.kill();
                Err(format!("the fake model told no address: `{}`", first.trim()))
            }
        }
    }

    /// Points a command at it, as the Anthropic API.
    pub fn serve(&self, command: &mut Command) {
        command.env("ANTHROPIC_API_KEY", "bench").env("ANTHROPIC_BASE_URL", &self.url);
    }

    /// The statuses of all answers so far, in their order.
    pub fn statuses(&self) -> Vec<u64> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["event"] == "ended").filter_map(|line| line["status"].as_u64()).collect()
    }

    /// All requests so far that were answered or are under way, in their order.
    pub fn requests(&self) -> Vec<Request> {
        read_log(&self.log)
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_log(path: &Path) -> Vec<Request> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(request).collect()
}

/// The log has a line for a request received and one for its end.
fn request(line: &str) -> Option<Request> {
    let value: Value = serde_json::from_str(line).ok()?;
    let received = value["event"] == "received";
    received.then_some(Request {
        at_ms: value["ms"].as_f64()?,
        prompt: value["prompt"].as_str()?.to_owned(),
        bytes: value["bytes"].as_f64()?,
    })
}

/// The address in a line as `export ANTHROPIC_BASE_URL=http://127.0.0.1:8080 …`.
fn address_in(line: &str) -> Option<&str> {
    let address = &line[line.find("http://")?..];
    address.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_when_it_is_received() {
        let asked = request(r#"{"event": "received", "n": 1, "ms": 12, "prompt": "task 1.", "bytes": 9}"#);
        assert_eq!(asked, Some(Request { at_ms: 12.0, prompt: "task 1.".to_owned(), bytes: 9.0 }));
        assert_eq!(request(r#"{"event": "ended", "n": 1, "ms": 13, "status": 200}"#), None);
    }
}
