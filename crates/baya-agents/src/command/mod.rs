//! Any program as an agent: the prompt, or a JSON object, goes to its standard input; its standard
//! output is the answer.
//!
//! The program has an environment of its own and is started and ended as [`crate::program`] says: only
//! once its process is recorded, and when an attempt is over, nothing that it started lives on.

mod output;
mod process;

use crate::backend::{Attempt, Backend, Payee};
use baya_core::agent::{
    AgentOptions, AgentTask, Answer, AttemptEnd, AttemptReport, Cause, CauseKind, Progress,
};
use baya_core::limits::STRUCTURED_OUTPUT_TRIES;
use baya_core::schema::Schema;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use output::Read;
use process::{Limits, Program, Stopped};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use tokio::time::Instant;

/// Variables a program gets if its settings name none.
pub const ENVIRONMENT: [&str; 5] = ["PATH", "HOME", "LANG", "TERM", "TMPDIR"];

/// A program as the settings describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandConfig {
    /// As `--backend` names it.
    pub name: String,
    /// The program and its arguments; never a shell line.
    pub argv: Vec<String>,
    pub input: InputForm,
    pub output: OutputForm,
    /// Names of variables that are passed on.
    pub pass: Vec<String>,
    /// Variables with values of their own.
    pub set: BTreeMap<String, String>,
    /// The longest a run of the program may take.
    pub timeout_ms: Option<u64>,
}

impl CommandConfig {
    /// With everything but name and program as usual.
    pub fn new(name: impl Into<String>, argv: Vec<String>) -> CommandConfig {
        CommandConfig {
            name: name.into(),
            argv,
            input: InputForm::default(),
            output: OutputForm::default(),
            pass: ENVIRONMENT.map(str::to_owned).to_vec(),
            set: BTreeMap::new(),
            timeout_ms: None,
        }
    }
}

/// What a program reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InputForm {
    /// The prompt; what there is to know of a worktree and, with a schema, what is asked for stands below it.
    #[default]
    Prompt,
    /// `{prompt, place, schema, label, model, phase, agent, attempt, run}`, and `error` if its last answer did
    /// not meet the schema.
    Json,
}

/// What a program writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutputForm {
    /// The answer; one line break at its end is not part of it.
    Text,
    /// `{result, usage: {input, output}, model, error}`.
    Json,
    /// The one or the other, as it looks.
    #[default]
    Auto,
}

/// The backend that runs a program.
pub struct Command {
    config: CommandConfig,
    program: Program,
}

impl Command {
    /// `environment` is that of this process, from which the allowed variables are taken.
    pub fn new(config: CommandConfig, environment: &BTreeMap<String, String>) -> Command {
        let passed = environment.iter().filter(|(name, _)| config.pass.contains(name));
        let own = passed.chain(&config.set).map(|(name, value)| (name.clone(), value.clone()));
        let program = Program { argv: config.argv.clone(), environment: own.collect() };
        Command { config, program }
    }

    /// The limits of a run that starts now; `timeoutMs` is for the whole attempt.
    fn limits(&self, task: &AgentTask, since: Instant) -> Limits {
        let options = &task.options;
        let left = options.timeout_ms.map(|ms| Duration::from_millis(ms).saturating_sub(since.elapsed()));
        let own = self.config.timeout_ms.map(Duration::from_millis);
        let stall_ms = [options.stall_ms, options.idle_ms].into_iter().flatten().min();
        Limits { stall: stall_ms.map(Duration::from_millis), timeout: left.into_iter().chain(own).min() }
    }

    async fn answer(&self, task: &AgentTask, attempt: &Attempt, report: &mut AttemptReport) -> AttemptEnd {
        let schema = match task.options.schema.as_ref().map(Schema::compile).transpose() {
            Ok(schema) => schema,
            Err(why) => return failed(CauseKind::SchemaUnmet, format!("the schema is not usable: {why}")),
        };
        let since = Instant::now();
        let mut wrong: Option<String> = None;
        for tries in 1..=STRUCTURED_OUTPUT_TRIES {
            let input = self.input(task, wrong.as_deref());
            report.requests += 1;
            let finished = match process::run(&self.program, &input, attempt, self.limits(task, since)).await
            {
                Ok(finished) => finished,
                Err(stopped) => return self.stopped(stopped, task, since),
            };
            let read = match output::read(finished, self.config.output, schema.as_ref()) {
                Ok(read) => read,
                Err(why) => return failed(CauseKind::Program, format!("`{}` {why}", self.config.name)),
            };
            match note(read, &input, report) {
                Ok(answer) => return AttemptEnd::Answered(answer),
                Err(why) => {
                    attempt.tell(Progress::Reasking { why: why.clone(), tries });
                    wrong = Some(why);
                }
            }
        }
        let why = wrong.unwrap_or_default();
        let message = format!("no answer met the schema in {STRUCTURED_OUTPUT_TRIES} tries: {why}");
        failed(CauseKind::SchemaUnmet, message)
    }

    fn input(&self, task: &AgentTask, wrong: Option<&str>) -> String {
        match self.config.input {
            InputForm::Prompt => prompt(task, wrong),
            InputForm::Json => {
                let mut input = json!({
                    "prompt": task.prompt, "schema": task.options.schema, "label": task.label,
                    "model": task.options.model, "phase": task.phase, "agent": task.agent,
                    "attempt": task.attempt, "run": task.run,
                });
                if let Some(place) = &task.place {
                    input["place"] = json!(place);
                }
                if let Some(wrong) = wrong {
                    input["error"] = json!(wrong);
                }
                input.to_string()
            }
        }
    }

    fn stopped(&self, stopped: Stopped, task: &AgentTask, since: Instant) -> AttemptEnd {
        let name = &self.config.name;
        let options = &task.options;
        match stopped {
            Stopped::Cancelled => AttemptEnd::Cancelled,
            Stopped::TimedOut => {
                let of_task = options.timeout_ms.filter(|ms| since.elapsed() >= Duration::from_millis(*ms));
                let after_ms = of_task.or(self.config.timeout_ms).unwrap_or_default();
                let hint = match of_task {
                    Some(_) => "raise `timeoutMs`",
                    None => "raise `timeout` in the settings of the command",
                };
                let said = format!("`{name}` gave no answer within {after_ms} ms");
                AttemptEnd::Failed(Cause::new(CauseKind::Timeout, said).hint(hint))
            }
            Stopped::Silent => {
                let after_ms =
                    [options.stall_ms, options.idle_ms].into_iter().flatten().min().unwrap_or_default();
                let said = format!("`{name}` wrote nothing for {after_ms} ms");
                AttemptEnd::Failed(Cause::new(CauseKind::Stalled, said).hint("raise `stallMs`"))
            }
            Stopped::NotStarted(why) => {
                let said = format!("`{name}` cannot be started: {why}");
                let hint = "check `argv` in the settings of the command, then resume the run";
                AttemptEnd::Unusable(Cause::new(CauseKind::ProviderDown, said).hint(hint))
            }
            Stopped::Killed { kills, status } => match kills.cause(name, status) {
                Some(cause) => AttemptEnd::Failed(cause),
                None => {
                    let signal = status.signal().unwrap_or_default();
                    failed(CauseKind::Program, format!("`{name}` was ended by signal {signal}"))
                }
            },
            Stopped::Broken(why) => failed(CauseKind::Program, format!("`{name}` {why}")),
        }
    }
}

impl Backend for Command {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn is_metered(&self, _options: &AgentOptions) -> bool {
        false
    }

    fn payee(&self, options: &AgentOptions) -> Payee {
        Payee { provider: self.name().to_owned(), model: options.model.clone() }
    }

    fn process_kind(&self) -> Option<&str> {
        Some(self.name())
    }

    fn run<'a>(&'a self, task: &'a AgentTask, attempt: &'a Attempt) -> BoxFuture<'a, AttemptReport> {
        async move {
            let mut report = AttemptReport::new(AttemptEnd::Cancelled);
            report.model_asked = task.options.model.clone();
            report.end = self.answer(task, attempt, &mut report).await;
            report
        }
        .boxed()
    }
}

fn failed(kind: CauseKind, message: String) -> AttemptEnd {
    AttemptEnd::Failed(Cause::new(kind, message))
}

/// Takes what one run of the program gave into the report; an error is what the schema says of it.
fn note(read: Read, input: &str, report: &mut AttemptReport) -> Result<Answer, String> {
    let mut used = read.usage(input);
    if read.answer.is_err() {
        used.reject();
    }
    report.usage.add(&used);
    report.model_served = read.model.clone().or(report.model_served.take());
    match read.answer {
        Ok(answer) => Ok(answer),
        Err(unmet) => {
            report.drafts.push(unmet.draft);
            Err(unmet.why)
        }
    }
}

fn prompt(task: &AgentTask, wrong: Option<&str>) -> String {
    let mut text = task.prompt.clone();
    if let Some(place) = &task.place {
        text.push_str(&format!("\n\n{place}"));
    }
    let Some(schema) = &task.options.schema else { return text };
    text.push_str(&asked_for(schema));
    if let Some(wrong) = wrong {
        text.push_str(&format!("\nThe last answer did not meet it: {wrong}\n"));
    }
    text
}

fn asked_for(schema: &Value) -> String {
    format!("\n\nAnswer with one JSON object, and nothing else, that meets this JSON Schema:\n{schema}\n")
}
