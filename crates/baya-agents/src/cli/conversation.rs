//! What is said to a program until its agent has a result.
//!
//! The prompt first, or, in a session that an earlier attempt opened, that it shall go on. A program that
//! falls silent or dies is told to go on in its session, a counted number of times. An answer that does
//! not meet the schema goes back with the validator's message; after that one cheap message without tools
//! turns what was written into a result. Every session and all that was spent is in the journal before
//! the next message.

use super::agent::{Allowed, CliAgent};
use super::ending::{is_about_schema, may_go_on, stopped, without_result};
use super::exchange::{Exchange, Heard, Stopped, write};
use super::seat::Seat;
use super::speaker::{Saying, Shape, Span};
use super::system_text::{GO_ON, NO_RESULT, REPAIR, again, json_form, system};
use super::watch::Patience;
use crate::api::extract;
use crate::backend::Attempt;
use crate::gateway::Grant;
use crate::sandbox::Profile;
use baya_core::agent::{
    AgentTask, Answer, AttemptEnd, AttemptReport, Cause, CauseKind, Effort, Progress, Usage, UsageSource,
};
use baya_core::limits::{PROGRAM_GOES_ON_MAX, STRUCTURED_OUTPUT_TRIES};
use baya_core::schema::Schema;
use baya_core::turn::{TurnCost, TurnRecord};
use serde_json::Value;

/// Bytes of a draft that the repair message shows.
const REPAIR_BYTES_MAX: usize = 200 * 1024;
/// A longer schema is asked for in words: it may have to fit into a word of a command line.
const NATIVE_SCHEMA_BYTES_MAX: usize = 100_000;

/// All that an agent's messages have in common.
pub(super) struct Conversation<'a> {
    pub agent: &'a CliAgent,
    pub task: &'a AgentTask,
    pub attempt: &'a Attempt,
    pub seat: &'a Seat,
    pub grant: Grant,
    pub allowed: &'a Allowed,
    pub model: Option<String>,
    /// For the repair.
    pub small: Option<String>,
    pub effort: Option<Effort>,
    pub body: Option<&'a str>,
    pub memory: String,
    pub turns_max: Option<u32>,
    pub shape: Option<(&'a Value, Schema)>,
    pub patience: Patience,
}

/// How far it came. It lives outside of the conversation, so that nothing is lost with it.
pub(super) struct Way {
    pub report: AttemptReport,
    session: Option<String>,
    /// What the program has said that its session used.
    told: Usage,
    is_native: bool,
    tried: u32,
    went_on: u32,
}

/// What a run of the program was worth.
enum Read {
    Found(Answer, Option<&'static str>),
    Wrong { error: String, draft: String },
    Nothing(AttemptEnd),
}

impl Way {
    pub fn new(task: &AgentTask) -> Way {
        let opened = task.turns.iter().rev().find_map(|turn| match turn {
            TurnRecord::SessionOpened { backend, session } => Some((backend, session)),
            _ => None,
        });
        let mut told = Usage::default();
        task.turns.iter().for_each(|turn| told.add(&turn.usage()));
        Way {
            report: AttemptReport::new(AttemptEnd::Cancelled),
            session: opened.map(|(_, session)| session.clone()),
            told,
            is_native: true,
            tried: 0,
            went_on: 0,
        }
    }

    pub fn notes(&mut self, notes: &[String]) {
        for note in notes.iter().filter(|note| !self.report.notes.contains(note)).cloned().collect::<Vec<_>>()
        {
            self.report.notes.push(note);
        }
    }

    pub fn into_report(self, end: AttemptEnd) -> AttemptReport {
        AttemptReport { end, ..self.report }
    }
}

impl Conversation<'_> {
    pub async fn run(&self, way: &mut Way) -> AttemptEnd {
        let name = self.agent.speaker.about().name;
        way.session = way.session.take().filter(|_| opened_by(self.task, name));
        way.is_native = self.shape.as_ref().is_some_and(|(schema, _)| {
            let text = schema.to_string();
            text.len() <= NATIVE_SCHEMA_BYTES_MAX && !self.agent.is_unfit(&text)
        });
        let mut message = if way.session.is_some() { GO_ON.to_owned() } else { self.task.prompt.clone() };
        loop {
            let (heard, ended) = self.say(&message, way).await;
            let failure = self.count(&heard, way);
            let read = match ended {
                Ok(()) => self.read(&heard, failure, way),
                Err(why) => Read::Nothing(stopped(
                    &why,
                    &heard,
                    self.agent.speaker.about(),
                    &self.agent.settings.argv,
                )),
            };
            let next = match read {
                Read::Found(answer, rung) => {
                    way.report.rung = rung.map(str::to_owned);
                    return AttemptEnd::Answered(answer);
                }
                Read::Wrong { error, draft } => {
                    way.tried += 1;
                    way.report.drafts.push(draft);
                    way.report.usage.reject();
                    self.attempt.tell(Progress::Reasking { why: error.clone(), tries: way.tried });
                    if way.tried >= STRUCTURED_OUTPUT_TRIES {
                        return self.repair(&error, way).await;
                    }
                    Some(again(&error))
                }
                Read::Nothing(end) => match self.another(&heard, &end, way) {
                    Some(message) => Some(message),
                    None => {
                        way.report.drafts.extend(heard.message.filter(|draft| !draft.is_empty()));
                        return end;
                    }
                },
            };
            message = next.unwrap_or_else(|| self.task.prompt.clone());
            if self.settle(way).await.is_err() {
                return AttemptEnd::Cancelled;
            }
        }
    }

    /// What is said next to a program that gave nothing; none if nothing helps.
    fn another(&self, heard: &Heard, end: &AttemptEnd, way: &mut Way) -> Option<String> {
        let words = [heard.failed.as_deref().unwrap_or_default(), &heard.said].join(" ");
        let name = self.agent.speaker.about().name;
        if way.session.is_some() && self.agent.speaker.is_lost_session(&words) {
            way.notes(&[format!("the session of `{name}` is gone, the agent began anew")]);
            (way.session, way.told) = (None, Usage::default());
            return Some(self.task.prompt.clone());
        }
        if let Some((schema, _)) =
            self.shape.as_ref().filter(|_| way.is_native && is_refusal_of_form(&words, end))
        {
            self.agent.remember_unfit(&schema.to_string());
            way.notes(&[format!(
                "the provider refused the schema as such, it was asked for in words: {}",
                tail(&words)
            )]);
            (way.is_native, way.session, way.told) = (false, None, Usage::default());
            return Some(self.task.prompt.clone());
        }
        if heard.is_flooded || !may_go_on(end) || way.went_on >= PROGRAM_GOES_ON_MAX {
            return None;
        }
        way.went_on += 1;
        let why = match end {
            AttemptEnd::Failed(cause) => cause.message.clone(),
            AttemptEnd::Answered(_) | AttemptEnd::Unusable(_) | AttemptEnd::Cancelled => String::new(),
        };
        self.attempt.tell(Progress::Retrying { why: why.clone(), wait_ms: 0 });
        way.notes(&[match way.session {
            Some(_) => format!("continued in its session: {why}"),
            None => format!("started again: {why}"),
        }]);
        Some(match (&way.session, heard.is_finished) {
            (None, _) => self.task.prompt.clone(),
            (Some(_), true) => NO_RESULT.to_owned(),
            (Some(_), false) => GO_ON.to_owned(),
        })
    }

    async fn say(&self, message: &str, way: &mut Way) -> (Heard, Result<(), Stopped>) {
        let form = self.shape.as_ref().map(|(schema, _)| *schema).filter(|_| !way.is_native);
        let only_reads = self.allowed.profile == Profile::ReadOnly;
        let system = system(self.body, only_reads, form, self.task.place.as_deref(), &self.memory);
        let shape = match &self.shape {
            Some((schema, _)) if way.is_native => Shape::Native(schema),
            Some(_) | None => Shape::Text,
        };
        let session = way.session.clone();
        let saying = Saying {
            session: session.as_deref(),
            model: self.model.as_deref(),
            effort: self.effort,
            turns_max: self.turns_max,
            tools: self.allowed.tools.as_deref(),
            ..self.plain(message, &system, shape)
        };
        let (heard, ended) = self.exchange(&saying).await;
        if let Some(session) = &heard.session {
            way.session = Some(session.clone());
        }
        (heard, ended)
    }

    /// A message with nothing around it: no session, no tools, the small model.
    fn plain<'b>(&'b self, text: &'b str, system: &'b str, shape: Shape<'b>) -> Saying<'b> {
        Saying {
            seat: self.seat,
            session: None,
            text,
            system,
            model: self.small.as_deref().or(self.model.as_deref()),
            effort: None,
            shape,
            base_url: "",
            key: None,
            tools: Some(&[]),
            denied: &self.allowed.denied,
            only_reads: self.allowed.profile == Profile::ReadOnly,
            turns_max: None,
        }
    }

    async fn exchange(&self, saying: &Saying<'_>) -> (Heard, Result<(), Stopped>) {
        let speaker = &*self.agent.speaker;
        let base_url = self.grant.base_url(speaker.about().dialect);
        let key = self.agent.uplink.provider.is_some().then(|| self.grant.key());
        let mut heard = Heard::default();
        let login = self.agent.uplink.lend_login(self.seat, speaker.about());
        let words = login.and_then(|()| speaker.words(&Saying { base_url: &base_url, key, ..*saying }));
        let words = match words {
            Ok(words) => words,
            Err(error) => return (heard, Err(Stopped::Unprepared(error))),
        };
        let exchange = Exchange {
            speaker,
            program: &self.agent.settings.argv,
            seat: self.seat,
            attempt: self.attempt,
            grant: &self.grant,
            patience: self.patience,
            words,
        };
        let ended = exchange.run(&mut heard).await;
        self.agent.uplink.take_login_back(self.seat, speaker.about());
        (heard, ended)
    }

    fn read(&self, heard: &Heard, failure: Option<Cause>, way: &Way) -> Read {
        let is_over = heard.failed.is_none() && heard.limited.is_none();
        let text = heard.message.clone().filter(|_| is_over);
        let Some((_, schema)) = &self.shape else {
            return match text {
                Some(text) if heard.is_finished => Read::Found(Answer::Text(text), None),
                Some(_) | None => Read::Nothing(without_result(heard, failure, self.agent.speaker.about())),
            };
        };
        if heard.is_unmet {
            let error = "the program gave up on the schema".to_owned();
            return Read::Wrong { error, draft: text.unwrap_or_default() };
        }
        if heard.structured.is_none() && (text.is_none() || !heard.is_finished) {
            return Read::Nothing(without_result(heard, failure, self.agent.speaker.about()));
        }
        judge(heard.structured.clone(), text.as_deref().unwrap_or_default(), schema, way.is_native)
    }

    /// One message to a small model over what the agent wrote.
    async fn repair(&self, error: &str, way: &mut Way) -> AttemptEnd {
        let unmet =
            || {
                let cause = Cause::new(CauseKind::SchemaUnmet, format!("no answer met the schema: {error}"));
                AttemptEnd::Failed(cause.hint(
                    "`baya show` has all that the agent wrote; a looser schema or a larger model may help",
                ))
            };
        let (Some((schema, known)), Some(draft)) = (&self.shape, way.report.drafts.last().cloned()) else {
            return unmet();
        };
        let _ = self.settle(way).await;
        let text = format!("What is wrong: {error}\n\nThe text:\n\n{}", end_of(&draft));
        let system = format!("{REPAIR}\n\n{}", json_form(schema));
        let shape = if way.is_native { Shape::Native(schema) } else { Shape::Text };
        let (heard, ended) = self.exchange(&self.plain(&text, &system, shape)).await;
        self.count(&heard, way);
        if matches!(ended, Err(Stopped::Cancelled)) {
            return AttemptEnd::Cancelled;
        }
        match judge(
            heard.structured.clone(),
            heard.message.as_deref().unwrap_or_default(),
            known,
            way.is_native,
        ) {
            Read::Found(answer, _) => {
                way.report.rung = Some("repair".to_owned());
                AttemptEnd::Answered(answer)
            }
            Read::Wrong { draft, .. } => {
                way.report.drafts.extend(Some(draft).filter(|draft| !draft.is_empty()));
                unmet()
            }
            Read::Nothing(_) => unmet(),
        }
    }

    /// Takes what a run of the program used into the report. The gateway's count goes before the
    /// program's own. Gives why the last request came to nothing, if the gateway knows.
    fn count(&self, heard: &Heard, way: &mut Way) -> Option<Cause> {
        way.notes(&heard.notes);
        let meter = self.grant.take_meter();
        let mut metered = heard.settled;
        metered.add(&meter.usage);
        let reported = heard.used.map(|(usage, span)| match span {
            Span::Message => usage,
            Span::Session => {
                let news = less(&usage, &way.told);
                way.told = usage;
                news
            }
        });
        let report = &mut way.report;
        report.requests += meter.requests;
        match reported {
            Some(reported) if metered.total() == 0 => report.usage.add(&reported),
            Some(_) | None => report.usage.add(&meter.usage),
        }
        if let Some(reported) = reported.filter(|told| metered.total() > 0 && differ(told, &metered)) {
            let name = self.agent.speaker.about().name;
            let (told, counted) = (reported.total(), metered.total());
            way.notes(&[format!("`{name}` tells of {told} tokens where the gateway counted {counted}")]);
        }
        let served = meter.model_served.or_else(|| heard.model.clone());
        way.report.model_served = served.or(way.report.model_served.take());
        meter.last_failure
    }

    /// What was spent is on disk before the next message.
    async fn settle(&self, way: &mut Way) -> Result<(), Stopped> {
        let (usage, requests) =
            (std::mem::take(&mut way.report.usage), std::mem::take(&mut way.report.requests));
        if usage.total() == 0 && requests == 0 {
            return Ok(());
        }
        let cost = TurnCost { usage, model_served: way.report.model_served.clone(), requests };
        write(self.attempt, TurnRecord::Spent { cost }).await
    }
}

/// Whether the last session of the agent is one of this backend's.
fn opened_by(task: &AgentTask, name: &str) -> bool {
    task.turns.iter().rev().find_map(|turn| match turn {
        TurnRecord::SessionOpened { backend, .. } => Some(backend == name),
        _ => None,
    }) == Some(true)
}

fn is_refusal_of_form(words: &str, end: &AttemptEnd) -> bool {
    match end {
        AttemptEnd::Failed(cause) => {
            cause.kind == CauseKind::Api && (is_about_schema(words) || is_about_schema(&cause.message))
        }
        AttemptEnd::Answered(_) | AttemptEnd::Unusable(_) | AttemptEnd::Cancelled => false,
    }
}

fn judge(structured: Option<Value>, text: &str, schema: &Schema, is_native: bool) -> Read {
    let mut error = None;
    let whole = structured.into_iter().map(|value| (value, "native"));
    let rung = if is_native { "native" } else { "text" };
    let found = extract::objects(text).into_iter().map(|object| (Value::Object(object), rung));
    for (value, rung) in whole.chain(found) {
        match schema.validate(&value) {
            Ok(()) => return Read::Found(Answer::Json(value), Some(rung)),
            Err(wrong) => drop(error.get_or_insert(wrong)),
        }
    }
    let error = error.unwrap_or_else(|| "it holds no JSON object".to_owned());
    Read::Wrong { error, draft: text.to_owned() }
}

fn less(all: &Usage, known: &Usage) -> Usage {
    Usage {
        input: all.input.saturating_sub(known.input),
        output: all.output.saturating_sub(known.output),
        cache_read: all.cache_read.saturating_sub(known.cache_read),
        cache_write: all.cache_write.saturating_sub(known.cache_write),
        cache_write_long: all.cache_write_long.saturating_sub(known.cache_write_long),
        reasoning: all.reasoning.saturating_sub(known.reasoning),
        source: UsageSource::Reported,
        ..Usage::default()
    }
}

/// By more than a twentieth.
fn differ(told: &Usage, counted: &Usage) -> bool {
    told.total().abs_diff(counted.total()) * 20 > counted.total()
}

fn tail(words: &str) -> String {
    crate::program::tail(words.as_bytes())
}

/// The end of a text, as much as the repair message shows.
fn end_of(text: &str) -> &str {
    let from = text.len().saturating_sub(REPAIR_BYTES_MAX);
    let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    &text[from..]
}
