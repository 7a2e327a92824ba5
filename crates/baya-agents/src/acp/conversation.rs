//! One session with an agent: turns, what is told meanwhile, questions for permission, and the watch over
//! signs of life.
//!
//! Signs of life are lines, bytes of the standard error and bytes that pass the gateway. While a person is
//! asked nothing is expected; a tool at work may be silent for longer than a model.

use super::deeds;
use super::fault::Fault;
use super::ledger::Ledger;
use super::process::Process;
use super::told::{Question, Stop, Told, ToolStatus, ToolStep, Unanswered};
use crate::backend::{Attempt, Signal};
use crate::gateway::Grant;
use crate::program::tail;
use crate::sandbox::Profile;
use baya_core::agent::{Cause, CauseKind, Progress};
use baya_core::limits::ANSWER_BYTES_MAX;
use baya_core::turn::TurnRecord;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

/// How long an agent may take to answer its cancellation.
const CANCEL_GRACE: Duration = Duration::from_millis(400);
/// How long a tool may be silent, where the agent itself may not for as long.
const TOOL_IDLE: Duration = Duration::from_secs(900);

/// One session, used by one attempt.
pub(super) struct Conversation<'a> {
    pub process: &'a mut Process,
    pub session: String,
    pub attempt: &'a Attempt,
    pub profile: Profile,
    pub idle: Duration,
    pub ledger: &'a mut Ledger,
}

/// What the agent said in one turn: the last of its messages.
struct Heard {
    text: String,
    message: Option<String>,
    bytes: usize,
    calls: BTreeMap<String, ToolStep>,
    at_work: usize,
}

type Answering<'a> = FuturesUnordered<BoxFuture<'a, ()>>;

impl Conversation<'_> {
    /// One turn; gives the last message. Each text is a block of its own.
    pub async fn turn(&mut self, texts: &[String]) -> Result<String, Fault> {
        if let Some(cost) = self.ledger.take_cost() {
            record(TurnRecord::Spent { cost }, self.attempt).await?;
        }
        self.ledger.said(texts);
        self.attempt.tell(Progress::Asked);
        let mut heard = Heard::new();
        let ended = self.listen(texts, &mut heard).await;
        if let Some(grant) = &self.process.grant {
            self.ledger.meter(grant);
        }
        let ended = ended.map_err(|fault| self.blame(fault))?;
        self.ledger.heard(&heard.text);
        match ended {
            Stop::Done => {}
            stop => return Err(self.blame(Fault::Stopped(stop))),
        }
        match self.ledger.last_failure.take() {
            // Many agents end such a turn as if nothing had been.
            Some(cause) if is_no_answer(&heard.text, &cause, self.ledger.is_cut) => Err(Fault::Model(cause)),
            Some(_) | None => Ok(heard.text),
        }
    }

    /// What the gateway saw is nearer to the cause than what the agent makes of it.
    fn blame(&mut self, fault: Fault) -> Fault {
        match fault {
            Fault::Unanswered(Unanswered::Said(_) | Unanswered::LoginNeeded(_))
            | Fault::Stopped(Stop::Refused | Stop::TokenLimit | Stop::Unknown | Stop::Cancelled) => {
                self.ledger.last_failure.take().map_or(fault, Fault::Model)
            }
            fault => fault,
        }
    }

    async fn listen(&mut self, texts: &[String], heard: &mut Heard) -> Result<Stop, Fault> {
        let attempt = self.attempt;
        let profile = self.profile;
        let Process { wire, told, errors, grant, .. } = &mut *self.process;
        let prompt = wire.prompt(&self.session, texts);
        tokio::pin!(prompt);
        let mut answering: Answering<'_> = FuturesUnordered::new();
        let mut quiet_since = Instant::now();
        loop {
            let patience = match (answering.is_empty(), heard.at_work > 0) {
                (false, _) => Duration::from_secs(86_400),
                (true, true) => self.idle.max(TOOL_IDLE),
                (true, false) => self.idle,
            };
            tokio::select! {
                biased;
                () = attempt.cancel.cancelled() => {
                    wire.cancel(&self.session);
                    // The questions are given up with their futures.
                    answering.clear();
                    let stopped = async {
                        tokio::select! {
                            _ = &mut prompt => {}
                            () = drop_all(told) => {}
                        }
                    };
                    let obeys = timeout(CANCEL_GRACE, stopped).await.is_ok();
                    return Err(Fault::Cancelled { obeys });
                }
                Some(next) = told.recv() => {
                    quiet_since = Instant::now();
                    match heard.take(next, attempt)? {
                        Next::Question(question, call) => {
                            let (gate, folder) = (attempt.gate.as_ref(), &attempt.folder);
                            answering.push(Box::pin(deeds::answer(*question, call, gate, profile, folder)));
                        }
                        Next::Done(line) => note(line, grant.as_ref(), self.ledger, attempt).await?,
                        Next::Nothing => {}
                    }
                }
                ended = &mut prompt => {
                    let ended = ended?;
                    while let Ok(next) = told.try_recv() {
                        // A question after the end is answered by its being dropped.
                        if let Next::Done(line) = heard.take(next, attempt)? {
                            record(TurnRecord::Acted { line }, attempt).await?;
                        }
                    }
                    self.ledger.reported(ended.usage);
                    return Ok(ended.stop);
                }
                Some(()) = answering.next(), if !answering.is_empty() => quiet_since = Instant::now(),
                () = wire.output().spoke() => quiet_since = Instant::now(),
                () = errors.spoke() => quiet_since = Instant::now(),
                () = passed(grant.as_ref()) => quiet_since = Instant::now(),
                () = sleep_until(quiet_since + patience) => {
                    return Err(Fault::Stalled { after_ms: patience.as_millis() as u64 });
                }
            }
        }
    }
}

enum Next {
    Nothing,
    Question(Box<Question>, ToolStep),
    /// A tool call is over; a line for people.
    Done(String),
}

impl Heard {
    fn new() -> Heard {
        Heard { text: String::new(), message: None, bytes: 0, calls: BTreeMap::new(), at_work: 0 }
    }

    fn take(&mut self, told: Told, attempt: &Attempt) -> Result<Next, Fault> {
        match told {
            Told::Text { message, text } => self.add(message, &text, attempt),
            Told::Thought { bytes } => {
                self.bytes += bytes;
                self.tell_of_bytes(attempt)
            }
            Told::Tool(step) => Ok(self.step(step, attempt)),
            Told::Asked(question) => {
                let call = self.known(&question.call);
                Ok(Next::Question(Box::new(question), call))
            }
            Told::Other => Ok(Next::Nothing),
        }
    }

    fn add(&mut self, message: Option<String>, text: &str, attempt: &Attempt) -> Result<Next, Fault> {
        if message != self.message {
            self.text.clear();
            self.message = message;
        }
        self.text.push_str(text);
        self.bytes += text.len();
        self.tell_of_bytes(attempt)
    }

    fn tell_of_bytes(&self, attempt: &Attempt) -> Result<Next, Fault> {
        if self.bytes > ANSWER_BYTES_MAX {
            return Err(Fault::TooMuch { bytes_max: ANSWER_BYTES_MAX });
        }
        attempt.tell(Progress::Streaming { output_bytes: self.bytes as u64 });
        Ok(Next::Nothing)
    }

    /// What was said before a tool call is no answer.
    fn step(&mut self, step: ToolStep, attempt: &Attempt) -> Next {
        let is_new = !self.calls.contains_key(&step.id);
        let was_over = self.calls.get(&step.id).is_some_and(is_over);
        let call = self.known(&step);
        let (line, over) = (line(&call), is_over(&call));
        let tool = call.name.clone().or(call.title.clone()).unwrap_or_else(|| "a tool".to_owned());
        self.calls.insert(step.id, call);
        self.at_work = self.calls.values().filter(|call| !is_over(call)).count();
        if is_new {
            self.text.clear();
            attempt.tell(Progress::Using { tool: one_line(&tool) });
        }
        if over && !was_over { Next::Done(line) } else { Next::Nothing }
    }

    /// All that is known of a call, with this step.
    fn known(&self, step: &ToolStep) -> ToolStep {
        let before = self.calls.get(&step.id).cloned().unwrap_or_default();
        ToolStep {
            id: step.id.clone(),
            title: step.title.clone().or(before.title),
            name: step.name.clone().or(before.name),
            kind: step.kind.or(before.kind),
            status: step.status.or(before.status),
            paths: if step.paths.is_empty() { before.paths } else { step.paths.clone() },
            input: step.input.clone().or(before.input),
        }
    }
}

fn is_over(call: &ToolStep) -> bool {
    matches!(call.status, Some(ToolStatus::Completed | ToolStatus::Failed))
}

/// A tool call in a line for people.
fn line(call: &ToolStep) -> String {
    let title = call.title.as_deref().or(call.name.as_deref()).unwrap_or("a tool");
    let status = match call.status {
        Some(ToolStatus::Completed) => "done",
        Some(ToolStatus::Failed) => "failed",
        Some(ToolStatus::Begun) | None => "begun",
    };
    format!("{}: {status}", one_line(title))
}

fn one_line(text: &str) -> String {
    tail(text.lines().next().unwrap_or_default().as_bytes())
}

/// Some agents end such a turn with the refusal as their answer, or with half of one.
fn is_no_answer(text: &str, cause: &Cause, is_cut: bool) -> bool {
    let tells_of = cause.kind == CauseKind::Budget && text.contains(&cause.message);
    text.is_empty() || is_cut || tells_of
}

/// A tool call is over: what was spent up to it, and the call.
async fn note(
    line: String,
    grant: Option<&Grant>,
    ledger: &mut Ledger,
    attempt: &Attempt,
) -> Result<(), Fault> {
    if let Some(cost) = ledger.take_cost() {
        record(TurnRecord::Spent { cost }, attempt).await?;
    }
    if let Some((meter, written)) = grant.and_then(|grant| grant.write_spent(&*attempt.signals)) {
        ledger.recorded(&meter);
        written.durable().await.map_err(|_| Fault::Cancelled { obeys: false })?;
    }
    record(TurnRecord::Acted { line }, attempt).await
}

/// Puts a step into the journal before anything else is heard.
pub(super) async fn record(turn: TurnRecord, attempt: &Attempt) -> Result<(), Fault> {
    let (recorded, heard) = oneshot::channel();
    (attempt.signals)(Signal::Turn { turn, recorded });
    tokio::select! {
        // Nobody keeps the journal any more: the run is over for this process.
        kept = heard => kept.map_err(|_| Fault::Cancelled { obeys: false }),
        () = attempt.cancel.cancelled() => Err(Fault::Cancelled { obeys: false }),
    }
}

/// Questions among them are given up.
async fn drop_all(told: &mut UnboundedReceiver<Told>) {
    while told.recv().await.is_some() {}
}

async fn passed(grant: Option<&Grant>) {
    match grant {
        Some(grant) => grant.active().await,
        None => std::future::pending().await,
    }
}
