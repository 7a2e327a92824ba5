//! Reading what `--json` prints: one event per line, the last one `run_ended`.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The lines so far; a last line without its end is left out.
pub struct Lines(Vec<Value>);

impl Lines {
    pub fn parse(text: &str) -> Lines {
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        Lines(whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    fn of<'l>(&'l self, kind: &'l str) -> impl Iterator<Item = &'l Value> {
        self.0.iter().filter(move |line| line["type"] == kind)
    }

    pub fn run(&self) -> Option<String> {
        self.0.iter().find_map(|line| line["run"].as_str()).map(str::to_owned)
    }

    /// `status` of the last line.
    pub fn status(&self) -> Option<&str> {
        self.of("run_ended").last()?["status"].as_str()
    }

    pub fn finished(&self) -> usize {
        self.of("agent_finished").count()
    }

    /// Prompts of the agents that have answered.
    pub fn answered_prompts(&self) -> BTreeSet<String> {
        let prompt = |line: &Value| Some((line["agent"].as_u64()?, line["prompt"].as_str()?.to_owned()));
        let prompts: BTreeMap<u64, String> = self.of("agent_queued").filter_map(prompt).collect();
        let answered = self.of("agent_finished").filter(|line| line["outcome"].get("answered").is_some());
        answered.filter_map(|line| prompts.get(&line["agent"].as_u64()?).cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_agents_are_known_by_their_prompts() {
        let text = r#"{"type":"run_started","run":"wf_1"}
{"type":"agent_queued","agent":1,"prompt":"a"}
{"type":"agent_queued","agent":2,"prompt":"b"}
{"type":"agent_finished","agent":2,"outcome":{"answered":{"text":"x"}}}
{"type":"agent_finished","agent":1,"outcome":{"failed":{}}}
{"type":"run_ended","run":"wf_1","status":"completed"}
{"type":"half"#;
        let lines = Lines::parse(text);
        assert_eq!(lines.run().as_deref(), Some("wf_1"));
        assert_eq!(lines.status(), Some("completed"));
        assert_eq!(lines.finished(), 2);
        assert_eq!(lines.answered_prompts().into_iter().collect::<Vec<_>>(), ["b"]);
    }
}
