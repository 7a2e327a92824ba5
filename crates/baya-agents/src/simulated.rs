//! Agents without a model: their answers come from rules, else from schema, prompt and seed.
//!
//! They fail in the same ways as real ones and with the same causes, so that a run, a view or a test
//! sees nothing new when a model takes their place. Answers are checked like everybody's. Draws depend
//! on the task alone, so that an attempt started anew after a crash ends the same way; only rules that
//! count (`nth`, `times`, `every`) begin anew with the process.

use crate::backend::{Attempt, Backend};
use crate::purse::Held;
use baya_core::agent::{
    AgentTask, Answer, AttemptEnd, AttemptReport, Cause, CauseKind, Progress, Usage, UsageSource,
};
use baya_core::budget::{Ask, Caps};
use baya_core::limits::{REQUEST_RETRIES, STRUCTURED_OUTPUT_TRIES};
use baya_core::money::Price;
use baya_core::schema::Schema;
use baya_core::simulate::{Counters, Decision, Fault, Request, Rules};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The model that simulated agents name.
pub const MODEL: &str = "simulated";
/// How long silence is borne if the task says nothing.
const STALL_MS: u64 = 180_000;
/// The first pause before another try; it doubles.
const RETRY_WAIT_MS: u64 = 10;
/// The fault `slow`: how much longer, at least how long, in how many pieces.
const SLOW_FACTOR: u64 = 20;
const SLOW_MS_MIN: u64 = 20;
const SLOW_PIECES: u64 = 10;
/// Requests of one attempt have numbers below this.
const REQUESTS_PER_ATTEMPT: u64 = 1_000;

/// The backend that asks no model.
pub struct Simulated {
    rules: Rules,
    counters: Mutex<Counters>,
}

impl Simulated {
    /// With no rules all answers are made up.
    pub fn new(rules: Rules) -> Simulated {
        Simulated { rules, counters: Mutex::new(Counters::default()) }
    }
}

impl Backend for Simulated {
    fn name(&self) -> &str {
        "simulated"
    }

    fn is_simulated(&self) -> bool {
        true
    }

    fn holds_quarantine(&self) -> bool {
        true
    }

    fn tells_data_rule(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, task: &'a AgentTask, attempt: &'a Attempt) -> BoxFuture<'a, AttemptReport> {
        async move {
            let mut report = AttemptReport::new(AttemptEnd::Cancelled);
            report.model_asked = task.options.model.clone().or_else(|| Some(MODEL.to_owned()));
            report.model_served = Some(MODEL.to_owned());
            let mut talk = Talk { backend: self, task, attempt, report: &mut report, retried: 0, reasked: 0 };
            let end = tokio::select! {
                biased;
                () = attempt.cancel.cancelled() => AttemptEnd::Cancelled,
                end = within(task.options.timeout_ms, talk.converse()) => end,
            };
            report.end = end;
            report
        }
        .boxed()
    }
}

async fn within(timeout_ms: Option<u64>, work: impl Future<Output = AttemptEnd>) -> AttemptEnd {
    let Some(timeout_ms) = timeout_ms else { return work.await };
    let timeout = || Cause::new(CauseKind::Timeout, format!("no answer within {timeout_ms} ms"));
    let ended = tokio::time::timeout(Duration::from_millis(timeout_ms), work).await;
    ended.unwrap_or_else(|_| AttemptEnd::Failed(timeout().hint("raise `timeoutMs`")))
}

/// One attempt: requests until one ends it.
struct Talk<'a> {
    backend: &'a Simulated,
    task: &'a AgentTask,
    attempt: &'a Attempt,
    report: &'a mut AttemptReport,
    retried: u32,
    reasked: u32,
}

/// What follows a request.
enum Next {
    End(AttemptEnd),
    /// Another try may cure it.
    Retry(Cause, Option<f64>),
    /// The answer was none; the reason.
    Reask(String),
}

impl Talk<'_> {
    async fn converse(&mut self) -> AttemptEnd {
        let schema = match self.task.options.schema.as_ref().map(Schema::compile).transpose() {
            Ok(schema) => schema,
            Err(why) => return failed(CauseKind::SchemaUnmet, format!("the schema is not usable: {why}")),
        };
        loop {
            match self.ask(schema.as_ref()).await {
                Next::End(end) => return end,
                Next::Retry(cause, after) => {
                    if self.retried >= self.task.options.retries.unwrap_or(REQUEST_RETRIES) {
                        return AttemptEnd::Failed(cause);
                    }
                    self.wait_to_retry(cause.message, after).await;
                }
                Next::Reask(why) => {
                    self.reasked += 1;
                    if self.reasked >= STRUCTURED_OUTPUT_TRIES {
                        let tries = self.reasked;
                        return failed(
                            CauseKind::SchemaUnmet,
                            format!("no answer met the schema in {tries} tries: {why}"),
                        );
                    }
                    self.attempt.tell(Progress::Reasking { why, tries: self.reasked });
                }
            }
        }
    }

    async fn wait_to_retry(&mut self, why: String, after_s: Option<f64>) {
        let own_ms = RETRY_WAIT_MS << self.retried.min(10);
        let wait_ms = after_s.map_or(own_ms, |seconds| (seconds * 1_000.0) as u64);
        self.retried += 1;
        self.attempt.tell(Progress::Retrying { why, wait_ms });
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }

    async fn ask(&mut self, schema: Option<&Schema>) -> Next {
        let decision = self.decide(schema);
        let used = usage(self.task, &decision);
        let mut held = match self.hold(&used, used.output).await {
            Ok(held) => held,
            Err(end) => return Next::End(end),
        };
        self.report.requests += 1;
        self.attempt.tell(Progress::Asked);
        if let Err(stalled) = self.pass_time(&decision).await {
            return Next::End(stalled);
        }
        if let Some(next) = self.fault(&decision) {
            return next;
        }
        let mut rest = used.output;
        // What a cap cuts off is asked for again, with all that is sent, as of a model.
        loop {
            let output = held.output_max.map_or(rest, |most| most.min(rest));
            rest -= output;
            let part = Usage { output, ..used };
            held.settle(&part);
            self.report.usage.add(&part);
            if rest == 0 {
                return self.check(decision.answer, schema);
            }
            self.report.requests += 1;
            held = match self.hold(&used, rest).await {
                Ok(held) => held,
                Err(end) => return Next::End(end),
            };
        }
    }

    /// Room for a request that uses this much; it costs nothing.
    async fn hold(&self, used: &Usage, output: u64) -> Result<Held, AttemptEnd> {
        let free = Price { input: 0, output: 0, cache_read: 0, cache_write: 0, cache_write_long: 0 };
        let ask = Ask {
            agent: self.task.agent,
            phase: self.task.phase.clone(),
            label: self.task.label.clone(),
            caps: Caps::default(),
            input_most: used.total() - used.output,
            output_wanted: self.task.options.max_tokens,
            output_most: Some(output),
            price: Some(free),
        };
        let tell = |wait| self.attempt.tell(Progress::Waiting { wait });
        self.attempt.purse.hold(ask, &tell).await.map_err(AttemptEnd::Failed)
    }

    fn decide(&self, schema: Option<&Schema>) -> Decision {
        let task = self.task;
        let asked_before = u64::from(self.report.requests).min(REQUESTS_PER_ATTEMPT - 1);
        // Rules are written for the prompts of a script.
        let prompt = task.script_prompt();
        let request = Request {
            prompt: &prompt,
            label: Some(&task.label),
            model: Some(task.options.model.as_deref().unwrap_or(MODEL)),
            phase: task.phase.as_deref(),
            schema: task.options.schema.as_ref(),
            compiled: schema,
            asked_before: task.asked_before,
            seed: task.seed,
            occurrence: Some(u64::from(task.attempt) * REQUESTS_PER_ATTEMPT + asked_before),
            turn: None,
            tools: &[],
        };
        let selection = {
            let mut counters = self.backend.counters.lock().unwrap_or_else(PoisonError::into_inner);
            self.backend.rules.select(&mut counters, &request)
        };
        self.backend.rules.fulfil(selection, &request)
    }

    /// The latency of the answer, or a silence that is too long.
    async fn pass_time(&self, decision: &Decision) -> Result<(), AttemptEnd> {
        let stall_ms = [self.task.options.stall_ms, self.task.options.idle_ms].into_iter().flatten().min();
        let stall_ms = stall_ms.unwrap_or(STALL_MS);
        let silence_ms = match decision.fault {
            Some(Fault::Hang) => u64::MAX,
            Some(Fault::Slow) => return self.trickle(decision, stall_ms).await,
            Some(_) | None => decision.latency_ms,
        };
        silence(silence_ms, stall_ms).await
    }

    async fn trickle(&self, decision: &Decision, stall_ms: u64) -> Result<(), AttemptEnd> {
        let total_ms = decision.latency_ms.saturating_mul(SLOW_FACTOR).max(SLOW_MS_MIN);
        let bytes = text_of(&decision.answer).len() as u64;
        for piece in 1..=SLOW_PIECES {
            silence(total_ms / SLOW_PIECES, stall_ms).await?;
            self.attempt.tell(Progress::Streaming { output_bytes: bytes * piece / SLOW_PIECES });
        }
        Ok(())
    }

    fn fault(&self, decision: &Decision) -> Option<Next> {
        let place = decision.rule.map_or_else(String::new, |index| format!(" (`rules[{index}]`)"));
        let tried = self.report.requests;
        let said = |what: &str| format!("simulated {what}{place}");
        let retry = |kind, what: &str| {
            let message = format!("{}, {tried} requests", said(what));
            Some(Next::Retry(Cause::new(kind, message), decision.retry_after))
        };
        let fail = |kind, what: &str| Some(Next::End(failed(kind, said(what))));
        let park = |kind, what: &str| {
            let hint = "take the rule out and resume the run";
            Some(Next::End(AttemptEnd::Unusable(Cause::new(kind, said(what)).hint(hint))))
        };
        match decision.fault? {
            Fault::Null => fail(CauseKind::Api, "provider error"),
            Fault::Refuse => fail(CauseKind::Refused, "refusal"),
            Fault::TooMany => retry(CauseKind::Api, "status 429"),
            Fault::ServerError => retry(CauseKind::Api, "status 500"),
            Fault::Overloaded => retry(CauseKind::Api, "status 529"),
            Fault::Cut => retry(CauseKind::Network, "answer that broke off"),
            Fault::Html => fail(CauseKind::Api, "page of HTML in place of an answer"),
            Fault::Length => fail(CauseKind::Limit, "answer that the model's limit cut off"),
            Fault::Context => fail(CauseKind::Limit, "prompt longer than the model's context"),
            Fault::KeyRefused => park(CauseKind::Key, "refused key"),
            Fault::NoCredit => park(CauseKind::Credit, "lack of credit"),
            Fault::UnknownModel => park(CauseKind::UnknownModel, "unknown model"),
            Fault::Hang | Fault::Invalid | Fault::Slow | Fault::NoUsage => None,
        }
    }

    /// The answer as it goes to the script, or why it does not.
    fn check(&mut self, answer: Answer, schema: Option<&Schema>) -> Next {
        let why = match (schema, &answer) {
            (None, _) => return Next::End(AttemptEnd::Answered(answer)),
            (Some(_), Answer::Text(_)) => "it is text, not an object".to_owned(),
            (Some(schema), Answer::Json(value)) => match schema.validate(value) {
                Ok(()) => return Next::End(AttemptEnd::Answered(answer)),
                Err(why) => why,
            },
        };
        self.report.drafts.push(text_of(&answer));
        Next::Reask(why)
    }
}

async fn silence(silence_ms: u64, stall_ms: u64) -> Result<(), AttemptEnd> {
    tokio::time::sleep(Duration::from_millis(silence_ms.min(stall_ms))).await;
    if silence_ms <= stall_ms {
        return Ok(());
    }
    let cause = Cause::new(CauseKind::Stalled, format!("no sign of life for {stall_ms} ms"));
    Err(AttemptEnd::Failed(cause.hint("raise `stallMs`")))
}

fn failed(kind: CauseKind, message: String) -> AttemptEnd {
    AttemptEnd::Failed(Cause::new(kind, message))
}

fn text_of(answer: &Answer) -> String {
    match answer {
        Answer::Text(text) => text.clone(),
        Answer::Json(value) => value.to_string(),
    }
}

fn usage(task: &AgentTask, decision: &Decision) -> Usage {
    let estimate = Usage::estimate(&task.prompt, &text_of(&decision.answer));
    match decision.usage {
        _ if decision.fault == Some(Fault::NoUsage) => estimate,
        None => Usage { source: UsageSource::Simulated, ..estimate },
        Some(rule) => Usage {
            input: rule.input,
            output: rule.output,
            cache_read: rule.cache_read,
            cache_write: rule.cache_write,
            reasoning: 0,
            source: UsageSource::Simulated,
            ..Usage::default()
        },
    }
}
