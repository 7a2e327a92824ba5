//! Whether what came of a test is what has to come of it.

use super::file::{Answers, Ceilings, Expected, Test};
use baya_core::agent::{CauseKind, Usage};
use baya_core::cassette::{Cassette, RecordedCall};
use baya_core::money::NanoUsd;
use baya_core::run::call_key;
use baya_engine::rehearsal::{Ending, FIXTURES_FAIL, NOT_RECORDED, Played, PlayedAgent};
use serde::Serialize;
use serde_json::Value;

/// One thing that is otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "differs", rename_all = "snake_case")]
pub enum Difference {
    Status {
        expected: String,
        found: String,
        error: Option<String>,
    },
    Error {
        expected: String,
        found: Option<String>,
    },
    /// Both as text, to be compared line by line.
    Result {
        expected: Value,
        found: Value,
    },
    Calls {
        expected: Vec<String>,
        found: Vec<String>,
    },
    Steps {
        expected: Vec<String>,
        found: Vec<String>,
    },
    Failures {
        expected: u32,
        found: u32,
    },
    /// What the fixtures say cannot be this agent's answer.
    Unfit {
        label: String,
        why: String,
    },
    /// A recorded agent is asked something else.
    Prompt {
        label: String,
        expected: String,
        found: String,
    },
    /// A recorded agent is asked the same with other options.
    Options {
        label: String,
    },
    /// The cassette has no answer.
    NotRecorded {
        what: String,
    },
    /// A recorded agent is not asked for any more.
    NotAsked {
        label: String,
    },
    Ceiling {
        name: String,
        most: String,
        found: String,
    },
}

/// What a test came to.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    pub status: String,
    pub result: Option<Value>,
    pub error: Option<String>,
    pub calls: Vec<String>,
    pub steps: Vec<String>,
    pub failures: u32,
    pub usage: Usage,
}

impl Found {
    pub fn of(played: &Played) -> Found {
        let (status, result, error) = match &played.end {
            Ending::Ended(end) => {
                let status =
                    serde_json::to_value(end.status).ok().and_then(|word| word.as_str().map(str::to_owned));
                let error = end.error.as_ref().map(|error| error.message.clone());
                (status.unwrap_or_default(), end.result.clone(), error)
            }
            Ending::Endless(why) => ("endless".to_owned(), None, Some(why.clone())),
        };
        let mut usage = Usage::default();
        played.agents.iter().for_each(|agent| usage.add(&agent.usage));
        Found {
            status,
            result,
            error,
            calls: played.agents.iter().map(|agent| agent.label.clone()).collect(),
            steps: played.steps.iter().map(|step| step.step.words()).collect(),
            failures: played.agents.iter().filter(|agent| matches!(agent.outcome, Some(Err(_)))).count()
                as u32,
            usage,
        }
    }
}

/// All that is otherwise; nothing: the test holds.
pub fn judge(test: &Test, played: &Played, found: &Found) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut expected = test.file.expect.clone();
    if let Answers::Written(_) = &test.answers {
        differences.extend(unfit(played));
    }
    if let Answers::Recorded { cassette, .. } = &test.answers {
        differences.extend(compare_calls(cassette, played));
        let end = &cassette.end;
        expected.result = expected.result.or_else(|| end.result.clone());
        let status = serde_json::to_value(end.status).ok().and_then(|word| word.as_str().map(str::to_owned));
        expected.status = expected.status.or(status);
        expected.error = expected.error.or_else(|| end.error.clone());
    }
    differences.extend(compare(&expected, found));
    differences.extend(over(&test.file.ceilings, found));
    differences
}

fn compare(expected: &Expected, found: &Found) -> Vec<Difference> {
    let mut differences = Vec::new();
    let wanted = expected.status.clone().unwrap_or_else(|| "completed".to_owned());
    if wanted != found.status {
        let (found, error) = (found.status.clone(), found.error.clone());
        differences.push(Difference::Status { expected: wanted, found, error });
    }
    if let Some(part) = &expected.error
        && !found.error.as_ref().is_some_and(|message| message.contains(part))
    {
        differences.push(Difference::Error { expected: part.clone(), found: found.error.clone() });
    }
    if let Some(result) = &expected.result
        && found.result.as_ref().unwrap_or(&Value::Null) != result
    {
        let (expected, found) = (result.clone(), found.result.clone().unwrap_or_default());
        differences.push(Difference::Result { expected, found });
    }
    if let Some(calls) = expected.calls.as_ref().filter(|calls| **calls != found.calls) {
        differences.push(Difference::Calls { expected: calls.clone(), found: found.calls.clone() });
    }
    if let Some(steps) = expected.steps.as_ref().filter(|steps| **steps != found.steps) {
        differences.push(Difference::Steps { expected: steps.clone(), found: found.steps.clone() });
    }
    if let Some(failures) = expected.failures.filter(|failures| *failures != found.failures) {
        differences.push(Difference::Failures { expected: failures, found: found.failures });
    }
    differences
}

/// Answers of the fixtures that their schemas refuse; those that fail because a rule says so are meant.
fn unfit(played: &Played) -> impl Iterator<Item = Difference> {
    played.agents.iter().filter_map(|agent| match &agent.outcome {
        Some(Err(cause)) if cause.kind == CauseKind::SchemaUnmet && cause.message != FIXTURES_FAIL => {
            Some(Difference::Unfit { label: agent.label.clone(), why: cause.message.clone() })
        }
        Some(Ok(_) | Err(_)) | None => None,
    })
}

/// Agents with the recorded ones: by what they are asked, else by their labels.
fn compare_calls(cassette: &Cassette, played: &Played) -> Vec<Difference> {
    let mut left: Vec<&RecordedCall> = cassette.calls.iter().collect();
    let mut take = |fits: &dyn Fn(&RecordedCall) -> bool| {
        let at = left.iter().position(|call| fits(call))?;
        Some(left.remove(at))
    };
    let mut others: Vec<&PlayedAgent> = Vec::new();
    for agent in &played.agents {
        let key = call_key(&agent.prompt, &agent.options);
        if take(&|call| call.key == key).is_none() {
            others.push(agent);
        }
    }
    let mut differences = Vec::new();
    for agent in others {
        let label = agent.label.clone();
        differences.push(match take(&|call| call.label == agent.label && call.phase == agent.phase) {
            Some(call) if call.prompt == agent.prompt => Difference::Options { label },
            Some(call) => {
                Difference::Prompt { label, expected: call.prompt.clone(), found: agent.prompt.clone() }
            }
            None => Difference::NotRecorded { what: format!("agent `{label}`") },
        });
    }
    differences.extend(left.iter().map(|call| Difference::NotAsked { label: call.label.clone() }));
    let steps = played.steps.iter().filter(|step| {
        matches!(&step.outcome, Some(baya_core::step::StepOutcome::Failed(why)) if why.contains(NOT_RECORDED))
    });
    differences.extend(steps.map(|step| Difference::NotRecorded { what: step.step.words() }));
    differences
}

fn over(ceilings: &Ceilings, found: &Found) -> Vec<Difference> {
    let Ceilings { agents, tokens, output, usd } = ceilings;
    let counts = [
        ("agents", *agents, found.calls.len() as u64),
        ("tokens", *tokens, found.usage.total()),
        ("output", *output, found.usage.output),
    ];
    let mut differences: Vec<Difference> = counts
        .iter()
        .filter_map(|(name, most, found)| {
            let most = most.filter(|most| found > most)?;
            let (name, most, found) = ((*name).to_owned(), most.to_string(), found.to_string());
            Some(Difference::Ceiling { name, most, found })
        })
        .collect();
    if let Some(most) = usd.and_then(NanoUsd::from_dollars) {
        let unpriced = found.usage.unpriced > 0;
        if found.usage.cost > most || unpriced {
            let spent = match unpriced {
                true => format!("{} and {} tokens without a price", found.usage.cost, found.usage.unpriced),
                false => found.usage.cost.to_string(),
            };
            let (name, most) = ("usd".to_owned(), most.to_string());
            differences.push(Difference::Ceiling { name, most, found: spent });
        }
    }
    differences
}
