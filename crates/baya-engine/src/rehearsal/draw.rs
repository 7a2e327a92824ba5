//! What agents of a rehearsal come to. Everything follows from the case: its seed, its mood, and what it
//! says of single agents by their number in call order.

use super::job::{Job, Payee};
use super::reads::Reads;
use super::recorded::Recording;
use super::{args, cost, steps};
use baya_core::agent::{AgentOptions, AgentTask, Answer, AttemptEnd, AttemptReport, Cause, CauseKind};
use baya_core::history::{LabelHistory, label_kind};
use baya_core::rehearsal::{Case, Draw, Mood};
use baya_core::schema::{Compiled, Schema, Schemas};
use baya_core::simulate::{self, Counters, Fault, Noise, Request, Rules, vary};
use baya_core::step::{StepOrder, StepOutcome};
use baya_core::work::{FileWork, Work};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What is taken for known of any agents: half a failure among so many.
const FAILURES_BEFORE: f64 = 0.5;
const AGENTS_BEFORE: f64 = 25.0;
/// How much longer an agent takes that is slow.
const SLOWNESS: u32 = 20;
/// The silence after which an agent without a sign of life is given up.
const STALL_MS: u64 = 180_000;

/// What an attempt comes to, and when.
pub(super) struct Fate {
    pub(super) report: AttemptReport,
    pub(super) duration_ms: i64,
    /// What it takes is made up: no agent like it was ever seen at work.
    pub(super) is_guess: bool,
}

/// Draws for one rehearsal.
pub(super) struct Drawing<'a> {
    pub(super) job: &'a Job,
    pub(super) case: &'a Case,
    known: Known<'a>,
    counters: Counters,
    /// How many agents of a kind there were.
    kinds: BTreeMap<String, usize>,
    /// A recorded run gives its answers instead.
    recording: Option<Recording>,
}

fn prompt_tokens(task: &AgentTask, schema: Option<&Compiled>) -> u64 {
    (task.prompt.len() as u64 + schema.map_or(0, |schema| schema.bytes)).div_ceil(cost::TOKEN_BYTES)
}

/// Why an agent fails of which a rule says so.
pub const FIXTURES_FAIL: &str = "the fixtures let it fail";

/// Who is paid, by what a call says of it.
#[derive(Default)]
pub(super) struct Payees(RefCell<BTreeMap<Named, Option<Payee>>>);

/// Backend, model and agent type of a call.
type Named = [Option<String>; 3];

impl Payees {
    fn of(&self, options: &AgentOptions, reads: &dyn Reads) -> Option<Payee> {
        let named = [options.backend.clone(), options.model.clone(), options.agent_type.clone()];
        self.0.borrow_mut().entry(named).or_insert_with(|| reads.payee(options)).clone()
    }
}

/// What a thread that plays keeps from one rehearsal to the next.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) rules: &'a Rules,
    pub(super) schemas: &'a RefCell<Schemas>,
    pub(super) payees: &'a Payees,
    pub(super) args_schema: Option<&'a Value>,
    pub(super) reads: &'a dyn Reads,
}

/// An agent, and what is known of its like.
#[derive(Clone, Copy)]
struct Asked<'a> {
    task: &'a AgentTask,
    compiled: Option<&'a Schema>,
    history: Option<&'a LabelHistory>,
    /// Which of its kind, from 0.
    place: usize,
}

/// The way an agent goes.
enum Way {
    Answers(Mood),
    Says(Value),
    Null,
    Throws,
    Slow(u32),
}

impl<'a> Drawing<'a> {
    pub(super) fn new(job: &'a Job, case: &'a Case, known: Known<'a>) -> Drawing<'a> {
        let recording = job.cassette.as_deref().map(Recording::of);
        let (counters, kinds) = (Counters::default(), BTreeMap::new());
        Drawing { job, case, known, counters, kinds, recording }
    }

    pub(super) fn args(&self) -> Option<Value> {
        args::drawn(self.job, self.case, self.known.args_schema)
    }

    pub(super) fn step(&mut self, order: &StepOrder, known: Option<StepOutcome>) -> (StepOutcome, i64) {
        match &mut self.recording {
            Some(recording) => recording.step(order),
            None => steps::drawn(self.job, self.case, order, known),
        }
    }

    pub(super) fn agent(&mut self, task: &AgentTask) -> Fate {
        if let Some(recording) = &mut self.recording {
            return recording.agent(task);
        }
        let kind = label_kind(&task.label);
        let place = self.kinds.entry(kind.clone()).or_insert(0);
        *place += 1;
        let place = *place - 1;
        let history = self.job.history.of_label(&task.label);
        let number = task.agent.0;
        let mut noise = Noise::new(self.case.seed, &["agent", &number.to_string()]);
        let way = self.way(number, &kind, history, &mut noise);
        let slow = match way {
            Way::Slow(times) => times,
            Way::Answers(_) | Way::Says(_) | Way::Null | Way::Throws => 1,
        };
        let schema = task.options.schema.as_ref();
        let schema = schema.map(|schema| self.known.schemas.borrow_mut().of(schema).clone());
        let compiled = schema.as_ref().and_then(|schema| schema.schema.as_ref().ok());
        let asked = Asked { task, compiled, history, place };
        let (end, said) = self.end(&asked, way, &mut noise);
        let payee = self.known.payees.of(&task.options, self.known.reads);
        let prompt_tokens = prompt_tokens(task, schema.as_ref());
        let agent = cost::Agent { case: self.case, task, history, place, prompt_tokens };
        let mut spent = agent.spends(&end, payee.as_ref(), &mut noise);
        let is_guess = said.usage.is_none() && history.is_none_or(|history| history.samples.is_empty());
        if let Some(usage) = said.usage {
            spent.usage.input = usage.input;
            spent.usage.output = usage.output;
            spent.usage.cache_read = usage.cache_read;
            spent.usage.cache_write = usage.cache_write;
        }
        if said.latency_ms > 0 {
            spent.duration_ms = said.latency_ms;
        }
        cost::charge(&self.job.prices, payee.as_ref(), &mut spent.usage);
        let mut duration_ms = spent.duration_ms.saturating_mul(u64::from(slow));
        let mut report = AttemptReport::new(end);
        if let Some(limit) = task.options.timeout_ms
            && duration_ms > limit
        {
            duration_ms = limit;
            if slow > 1 {
                let cause = Cause::new(CauseKind::Timeout, format!("`timeoutMs` of {limit} passed"));
                report.end = AttemptEnd::Failed(cause);
            }
        }
        report.usage = spent.usage;
        report.model_asked =
            payee.and_then(|payee| payee.model.map(|model| format!("{}/{model}", payee.provider)));
        report.requests = spent.requests;
        if task.options.worktree {
            report.work = Some(Box::new(self.work(task, &report.end)));
        }
        Fate { report, duration_ms: i64::try_from(duration_ms).unwrap_or(i64::MAX / 4), is_guess }
    }

    fn way(&self, number: u32, kind: &str, history: Option<&LabelHistory>, noise: &mut Noise) -> Way {
        if let Some(draw) = self.case.draws.get(&number) {
            return match draw {
                Draw::Plain => Way::Answers(Mood::Plain),
                Draw::Answer(value) => Way::Says(value.clone()),
                Draw::Null => Way::Null,
                Draw::Error => Way::Throws,
                Draw::Slow(times) => Way::Slow(*times),
            };
        }
        match &self.case.mood {
            Mood::Nulls => Way::Null,
            Mood::Errors => Way::Throws,
            Mood::KindNull(meant) if meant == kind => Way::Null,
            Mood::KindError(meant) if meant == kind => Way::Throws,
            Mood::KindNull(_) | Mood::KindError(_) => Way::Answers(Mood::Plain),
            Mood::Typical => match noise.fraction() < failure_rate(history) {
                true => Way::Null,
                false => Way::Answers(Mood::Typical),
            },
            Mood::Slow => match noise.below(3) {
                0 => Way::Slow(SLOWNESS),
                _ => Way::Answers(Mood::Typical),
            },
            Mood::Mixed => mixed(noise),
            Mood::Plain | Mood::StepsFail | Mood::StepsEmpty => Way::Answers(Mood::Plain),
            mood @ (Mood::Empty
            | Mood::Single
            | Mood::Long
            | Mood::Blank
            | Mood::Wordy
            | Mood::Injection
            | Mood::Extremes
            | Mood::Duplicates
            | Mood::Contradictory
            | Mood::Noes
            | Mood::Yeses) => Way::Answers(mood.clone()),
        }
    }

    fn end(&mut self, asked: &Asked<'_>, way: Way, noise: &mut Noise) -> (AttemptEnd, Said) {
        let Asked { task, compiled, history, place } = *asked;
        let mood = match way {
            Way::Null => return (failed(), Said::default()),
            Way::Throws => return (thrown(task), Said::default()),
            Way::Says(value) => return (AttemptEnd::Answered(as_asked(task, value)), Said::default()),
            Way::Slow(_) => Mood::Typical,
            Way::Answers(mood) => mood,
        };
        let schema = task.options.schema.as_ref();
        let twin = mood == Mood::Duplicates;
        let seed = match twin {
            true => Noise::new(self.case.seed, &["twin"]).draw(),
            false => noise.draw(),
        };
        let request = Request {
            prompt: if twin { "" } else { &task.prompt },
            label: Some(&task.label),
            model: task.options.model.as_deref(),
            phase: task.phase.as_deref(),
            schema,
            compiled,
            asked_before: task.asked_before,
            seed,
            occurrence: Some(u64::from(task.attempt - 1)),
            ..Request::default()
        };
        let decision = self.known.rules.decide(&mut self.counters, &request);
        let said = Said { usage: decision.usage, latency_ms: decision.latency_ms };
        if let Some(end) = decision.fault.and_then(|fault| end_of_fault(fault, task)) {
            return (end, said);
        }
        let answer = match (decision.rule, history) {
            (None, Some(history)) => remembered(history, self.case, task, compiled, place),
            (Some(_), _) | (None, None) => None,
        };
        let is_own = decision.rule.is_none() && answer.is_none();
        let answer = answer.unwrap_or_else(|| decision.answer.to_value());
        let answer = match (schema, is_own) {
            (None, true) => cost::text_of_usual_length(answer, &mood, noise),
            (Some(_), true) | (Some(_), false) | (None, false) => answer,
        };
        // What is remembered or written down has its size already.
        let mood = if mood == Mood::Typical && !is_own { Mood::Plain } else { mood };
        let answer = vary(schema, compiled, answer, &mood, noise);
        (AttemptEnd::Answered(as_asked(task, answer)), said)
    }

    /// Changes in a worktree; an agent that failed left none.
    fn work(&self, task: &AgentTask, end: &AttemptEnd) -> Work {
        let changed = matches!(end, AttemptEnd::Answered(_)) && self.case.mood != Mood::Empty;
        let (base, number) = ("0".repeat(40), task.agent.0);
        let path = format!("src/rehearsed_{number}.rs");
        Work {
            head: if changed { format!("{number:040x}") } else { base.clone() },
            base,
            branch: format!("baya-work/{}/{number}", task.run),
            kept_as: None,
            files_changed: u64::from(changed),
            lines_added: if changed { 3 } else { 0 },
            lines_removed: u64::from(changed),
            patch: Some(if changed {
                format!("--- a/{path}\n+++ b/{path}\n@@ -1 +1,3 @@\n")
            } else {
                String::new()
            }),
            files: match changed {
                true => vec![FileWork { path, added: Some(3), removed: Some(1) }],
                false => Vec::new(),
            },
        }
    }
}

/// What a fixture says of an answer besides the answer.
#[derive(Default)]
struct Said {
    usage: Option<simulate::RuleUsage>,
    latency_ms: u64,
}

/// One failure among three agents does not mean that every third one fails: what earlier runs counted is
/// added to what is known of any agents (the mean of a beta distribution).
fn failure_rate(history: Option<&LabelHistory>) -> f64 {
    let (failed, agents) = history.map_or((0, 0), |history| (history.failed, history.agents));
    (f64::from(failed) + FAILURES_BEFORE) / (f64::from(agents) + AGENTS_BEFORE)
}

/// Mostly what may well happen, and some of each trouble.
fn mixed(noise: &mut Noise) -> Way {
    match noise.below(100) {
        0..50 => Way::Answers(Mood::Typical),
        50..62 => Way::Null,
        62..66 => Way::Throws,
        66..72 => Way::Answers(Mood::Empty),
        72..76 => Way::Answers(Mood::Single),
        76..79 => Way::Answers(Mood::Long),
        79..82 => Way::Answers(Mood::Blank),
        82..85 => Way::Answers(Mood::Injection),
        85..88 => Way::Answers(Mood::Extremes),
        88..91 => Way::Answers(Mood::Duplicates),
        91..96 => Way::Answers(Mood::Contradictory),
        96..98 => Way::Answers(Mood::Wordy),
        _ => Way::Slow(SLOWNESS),
    }
}

fn failed() -> AttemptEnd {
    AttemptEnd::Failed(Cause::new(CauseKind::Api, "the rehearsal lets it fail"))
}

/// The failures that throw: of a schema nobody meets, or of silence.
fn thrown(task: &AgentTask) -> AttemptEnd {
    AttemptEnd::Failed(match task.options.schema {
        Some(_) => Cause::new(CauseKind::SchemaUnmet, "the rehearsal lets no answer meet the schema"),
        None => Cause::new(CauseKind::Stalled, format!("no sign of life for {} s", STALL_MS / 1_000)),
    })
}

fn end_of_fault(fault: Fault, task: &AgentTask) -> Option<AttemptEnd> {
    let failed = |kind: CauseKind| Some(AttemptEnd::Failed(Cause::new(kind, FIXTURES_FAIL)));
    match fault {
        Fault::Null | Fault::TooMany | Fault::ServerError | Fault::Overloaded | Fault::Html => {
            failed(CauseKind::Api)
        }
        // A run that parks is none of a rehearsal's.
        Fault::KeyRefused | Fault::NoCredit | Fault::UnknownModel => failed(CauseKind::Api),
        Fault::Refuse => failed(CauseKind::Refused),
        Fault::Cut => failed(CauseKind::Network),
        Fault::Hang => failed(CauseKind::Stalled),
        Fault::Invalid if task.options.schema.is_some() => failed(CauseKind::SchemaUnmet),
        Fault::Length | Fault::Context => failed(CauseKind::Limit),
        Fault::Invalid | Fault::Slow | Fault::NoUsage => None,
    }
}

/// Answers of earlier runs, dealt out like cards: agents that work side by side do not get the same one.
fn remembered(
    history: &LabelHistory,
    case: &Case,
    task: &AgentTask,
    compiled: Option<&Schema>,
    place: usize,
) -> Option<Value> {
    let count = history.answers.len();
    if count == 0 {
        return None;
    }
    let order = cost::dealt(case, &label_kind(&task.label), "answers", count);
    let answer = history.answers.get(*order.get(place % count)?)?;
    let fits = match compiled {
        Some(compiled) => compiled.is_valid(answer),
        None => answer.is_string(),
    };
    fits.then(|| answer.clone())
}

fn as_asked(task: &AgentTask, value: Value) -> Answer {
    match (&task.options.schema, value) {
        (Some(_), value) => Answer::Json(value),
        (None, Value::String(text)) => Answer::Text(text),
        (None, value) => Answer::Text(value.to_string()),
    }
}
