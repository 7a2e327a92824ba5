//! Who used whose words: edges from agents to agents, found in prompts by what they say.
//!
//! Computed when somebody asks, out of the journal alone. Words belong to the agent that wrote them first;
//! what an agent repeats of its own prompt is not its own, unless it works in quarantine: then all it gives
//! is marked. An agent is *reached* by marked words if it was given some, or words of one that was reached.

use crate::agent::Answer;
use crate::event::{Event, Outcome, Recorded};
use crate::ids::AgentNumber;
use crate::limits::FLOW_CHARS_MAX;
use crate::taint::{TextIndex, free_texts};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The roads of words through a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Flow {
    /// All agents, in the order of their numbers.
    pub agents: Vec<FlowAgent>,
    /// Whose words the run's result holds.
    pub result: Vec<Use>,
    /// There were more words than are compared.
    pub is_cut: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlowAgent {
    pub agent: AgentNumber,
    pub label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    pub quarantine: bool,
    /// Marked words were sent to it between marks.
    pub fenced: bool,
    /// By marked words, its own not counted.
    pub reached: bool,
    /// Whose words its prompt holds.
    pub uses: Vec<Use>,
}

/// An edge: from the writer of words to who was given them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Use {
    pub from: AgentNumber,
    /// So many characters.
    pub characters: usize,
    /// The writer works in quarantine.
    pub marked: bool,
}

impl Flow {
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> Flow {
        let mut tracer = Tracer::default();
        for recorded in events {
            tracer.take(&recorded.event);
        }
        tracer.flow
    }

    /// Somebody used its words.
    pub fn is_used(&self, agent: AgentNumber) -> bool {
        let uses = self.agents.iter().flat_map(|other| &other.uses).chain(&self.result);
        uses.into_iter().any(|it| it.from == agent)
    }
}

#[derive(Default)]
struct Tracer<'a> {
    flow: Flow,
    words: TextIndex,
    asked: BTreeMap<AgentNumber, Question<'a>>,
    quarantined: BTreeSet<AgentNumber>,
    reached: BTreeSet<AgentNumber>,
}

struct Question<'a> {
    prompt: &'a str,
    schema: Option<&'a Value>,
}

impl<'a> Tracer<'a> {
    fn take(&mut self, event: &'a Event) {
        match event {
            Event::AgentQueued { agent, label, phase, prompt, options, tainted, .. } => {
                let uses = self.uses(prompt);
                let reached = uses.iter().any(|it| it.marked || self.reached.contains(&it.from));
                self.reached.extend(reached.then_some(*agent));
                self.quarantined.extend(options.quarantine.then_some(*agent));
                self.asked.insert(*agent, Question { prompt, schema: options.schema.as_ref() });
                self.flow.agents.push(FlowAgent {
                    agent: *agent,
                    label: label.clone(),
                    phase: phase.clone(),
                    quarantine: options.quarantine,
                    fenced: tainted.as_ref().is_some_and(|tainted| tainted.mark.is_some()),
                    reached,
                    uses,
                });
            }
            Event::AgentFinished { agent, outcome, .. } => match outcome {
                Outcome::Answered(answer) => self.learn(*agent, answer),
                Outcome::Failed(cause) => {
                    if self.quarantined.contains(agent) {
                        self.words.add(*agent, &cause.message);
                    }
                }
            },
            Event::RunEnded { result, .. } => {
                self.flow.result = match result {
                    Some(Value::String(text)) => self.uses(text),
                    Some(value) => self.uses(&value.to_string()),
                    None => Vec::new(),
                };
            }
            _ => {}
        }
    }

    fn uses(&self, text: &str) -> Vec<Use> {
        let shares = self.words.shares(text).into_iter();
        let uses = shares.map(|(from, characters)| Use {
            from,
            characters,
            marked: self.quarantined.contains(&from),
        });
        uses.collect()
    }

    fn learn(&mut self, agent: AgentNumber, answer: &Answer) {
        let Some(question) = self.asked.get(&agent) else { return };
        let texts = free_texts(answer, question.schema);
        let windows: usize = texts.iter().map(|text| TextIndex::windows_of(text)).sum();
        if self.words.len() + windows > FLOW_CHARS_MAX {
            self.flow.is_cut = true;
            return;
        }
        let mut own = TextIndex::default();
        texts.into_iter().for_each(|text| own.add(agent, text));
        if !self.quarantined.contains(&agent) {
            own.forget(question.prompt);
        }
        self.words.take(own);
    }
}
