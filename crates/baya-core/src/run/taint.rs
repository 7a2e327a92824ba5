//! Marks: what an agent in quarantine returns is known again where the script puts it into a prompt.
//!
//! The marks are folded from `AgentFinished`, so a resumed run has the same. Only the words of agents in
//! quarantine are marked, and only agents with power are protected; who read marked text and wrote
//! something else is no source of alarms, `show --flow` tells of them.

use super::state::State;
use super::{Run, options};
use crate::agent::{AgentOptions, Answer, AttemptEnd, Cause, CauseKind};
use crate::call::{Site, ThrowKind, Thrown};
use crate::event::{Outcome, Surroundings};
use crate::ids::AgentNumber;
use crate::limits::MARKED_CHARS_MAX;
use crate::taint::{Found, TaintUse, Tainted, TextIndex, free_texts};
use std::collections::BTreeSet;

/// What an agent is about to be asked.
pub(super) struct Asked<'a> {
    pub prompt: &'a str,
    pub options: &'a AgentOptions,
    pub label: &'a str,
    pub site: Option<&'a Site>,
}

impl State {
    /// Remembers what an agent in quarantine gave.
    pub(super) fn mark_words(&mut self, number: AgentNumber, outcome: &Outcome) {
        let Some(agent) = self.agent(number).filter(|agent| agent.options.quarantine) else { return };
        let schema = agent.options.schema.clone();
        match outcome {
            Outcome::Answered(answer) => {
                for text in free_texts(answer, schema.as_ref()) {
                    self.marked.add(number, text);
                }
            }
            // Its message may quote what was read.
            Outcome::Failed(cause) => self.marked.add(number, &cause.message),
        }
    }
}

impl Run {
    /// The marked text in what an agent is asked, and what becomes of it.
    pub(super) fn judge_taint(&mut self, asked: &Asked<'_>) -> Result<Option<Tainted>, Thrown> {
        if self.state.marked.is_empty() || !has_power(asked.options, &self.state.surroundings) {
            return Ok(None);
        }
        let found = self.state.marked.find(asked.prompt);
        let schema = asked.options.schema.as_ref().map(|schema| self.state.marked.find(&schema.to_string()));
        let in_schema = schema.unwrap_or_default();
        if found.is_empty() && in_schema.is_empty() {
            return Ok(None);
        }
        let from: BTreeSet<AgentNumber> =
            found.iter().chain(&in_schema).flat_map(|find| find.owners.iter().copied()).collect();
        let who = self.words_of(&from);
        let holds = match (found.is_empty(), in_schema.is_empty()) {
            (false, _) => "the prompt",
            (true, _) => "the schema",
        };
        let mut tainted = Tainted { from: from.into_iter().collect(), spans: spans(found), mark: None };
        let fate = match self.state.surroundings.taint {
            TaintUse::Deny => {
                let message = format!(
                    "{holds} of `{}` holds text of {who}, which worked in quarantine, and `taint` is `deny`; \
                     hint: pass on enums, numbers or short words of what it returned, or give this agent no power",
                    asked.label
                );
                return Err(Thrown { kind: ThrowKind::Taint, message });
            }
            TaintUse::Fence if !tainted.spans.is_empty() => {
                tainted.mark = Some(self.mark_for(asked.prompt));
                "it is sent between marks, as data"
            }
            TaintUse::Fence | TaintUse::Warn => "it is sent as it is",
        };
        let place = asked.site.map(|site| format!(" ({}:{}:{})", site.file, site.line, site.column));
        let place = place.unwrap_or_default();
        let text = format!("taint: {holds} of `{}`{place} holds text of {who}; {fate}", asked.label);
        let about = if place.is_empty() { format!("taint {}", asked.label) } else { format!("taint{place}") };
        self.warn_once(about, text);
        Ok(Some(tainted))
    }

    /// `agent #3 `read``, `agents #3 and 4 others`
    fn words_of(&self, from: &BTreeSet<AgentNumber>) -> String {
        let Some(first) = from.first() else { return String::new() };
        let label = self.state.agent(*first).map(|agent| agent.label.as_str()).unwrap_or_default();
        match from.len() - 1 {
            0 => format!("agent {first} `{label}`"),
            1 => format!("agent {first} `{label}` and 1 other"),
            others => format!("agent {first} `{label}` and {others} others"),
        }
    }

    /// Nobody who wrote what is in the prompt could know it: it follows from the run's seed. The same for
    /// all prompts of a run, so that providers find the system text that names it in their caches; one that
    /// has leaked into a prompt is not used there.
    fn mark_for(&self, prompt: &str) -> String {
        let mark = |round: u32| {
            let mut hash = blake3::Hasher::new();
            hash.update(b"mark\0").update(&self.state.seed.to_le_bytes()).update(&round.to_le_bytes());
            hash.finalize().to_hex()[..16].to_owned()
        };
        (0..).map(mark).find(|mark| !prompt.contains(mark.as_str())).unwrap_or_default()
    }

    /// An answer of an agent in quarantine that could not be known again is none.
    pub(super) fn check_markable(&self, number: AgentNumber, end: AttemptEnd) -> AttemptEnd {
        let AttemptEnd::Answered(answer) = &end else { return end };
        let agent = self.state.agent(number).filter(|agent| agent.options.quarantine);
        let Some(agent) = agent else { return end };
        let words = words_in(answer, agent);
        if self.state.marked.len() + words <= MARKED_CHARS_MAX {
            return end;
        }
        let message = format!(
            "agents in quarantine have returned more than {MARKED_CHARS_MAX} characters of free text in this run"
        );
        let hint = "`maxLength` in their schemas keeps texts short; enums and numbers do not count";
        AttemptEnd::Failed(Cause::new(CauseKind::Limit, message).hint(hint))
    }
}

fn words_in(answer: &Answer, agent: &super::Agent) -> usize {
    let texts = free_texts(answer, agent.options.schema.as_ref());
    texts.into_iter().map(TextIndex::windows_of).sum()
}

fn spans(found: Vec<Found>) -> Vec<std::ops::Range<usize>> {
    found.into_iter().map(|find| find.span).collect()
}

/// Whether an agent could do harm with what it is told: whatever is not known to look only, has power.
fn has_power(options: &AgentOptions, around: &Surroundings) -> bool {
    let backend = options.backend.as_ref().unwrap_or(&around.backend);
    if options.quarantine {
        return false;
    }
    if around.backends_with_tools.contains(backend) {
        return true;
    }
    let looks =
        options.tools.as_ref().is_some_and(|tools| tools.iter().all(|tool| options::only_looks(tool)));
    let type_looks =
        options.agent_type.as_ref().is_some_and(|name| around.agent_types_that_look.contains(name));
    !looks && !type_looks
}
