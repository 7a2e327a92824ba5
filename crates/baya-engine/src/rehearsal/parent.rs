//! The parent of the process that rehearses: starts it, answers what it asks, and says which case cost it
//! its life.

use super::job::{Job, Payee};
use super::played::Played;
use super::protocol::{Answer, Order, Question, Word};
use super::session::AGAIN;
use crate::driver::WorkflowSource;
use crate::git::Git;
use crate::host_steps;
use baya_core::agent::AgentOptions;
use baya_core::call::{ScriptError, ScriptErrorKind};
use baya_core::rehearsal::{Case, Finding, Report, Weight};
use baya_js::watchdog::{ChildEnd, EXIT_NO_SANDBOX, GUARD_GRACE, explain};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

/// How often a job begins anew after a case that ended the process.
const LOSSES_MAX: usize = 2;
/// Wall time per CPU time: the machine may be busy with other things.
const WALL_PER_CPU: u32 = 20;

/// Who is paid for an agent with these options; none: nobody.
pub type PayeeOf = Arc<dyn Fn(&AgentOptions) -> Option<Payee> + Send + Sync>;

/// Where rehearsals take place, and what they may read of the world.
#[derive(Clone)]
pub struct Rehearsals {
    /// This program with these arguments runs [`super::child_main`].
    pub program: PathBuf,
    pub args: Vec<String>,
    pub workflows: Arc<dyn WorkflowSource>,
    /// The folder whose files are listed for steps that look for files.
    pub folder: PathBuf,
    pub git: Git,
    /// Who is paid for an agent with these options.
    pub payee: PayeeOf,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    #[error("the process that rehearses, `{program}`, cannot be started: {source}")]
    Start { program: String, source: std::io::Error },
    #[error("the process that rehearses ended before its time: {0}")]
    Lost(String),
    #[error("the process that rehearses said what cannot be read: {0}")]
    Garbled(String),
}

/// Says when to end: no further rehearsal begins, and what there is is reported.
pub type Enough = watch::Receiver<bool>;

/// How one process ended.
enum Told {
    Report(Box<Report>),
    Played(Box<Played>),
    /// With what it was playing when it died.
    Lost {
        error: ScriptError,
        playing: Vec<(u32, Case)>,
    },
}

impl Rehearsals {
    /// All rehearsals of a job.
    pub async fn rehearse(&self, job: &Job, enough: Enough) -> Result<Report, RehearsalError> {
        let mut job = Job { replay: None, ..job.clone() };
        let mut lost: Vec<Finding> = Vec::new();
        loop {
            match self.converse(&job, enough.clone()).await? {
                Told::Report(report) => return Ok(with_lost(*report, lost)),
                Told::Played(_) => return Err(RehearsalError::Garbled("a single rehearsal".to_owned())),
                Told::Lost { error, playing } => {
                    let (index, case) = self.culprit(&job, playing, &enough).await?;
                    lost.push(finding(error, case));
                    job.skipped.insert(index);
                    // The first rehearsal is what all others follow from; one played again is none of the job's.
                    if lost.len() >= LOSSES_MAX || matches!(index, 0 | AGAIN) || *enough.borrow() {
                        let empty = Report { seed: job.seed, ..Report::default() };
                        return Ok(with_lost(empty, lost));
                    }
                }
            }
        }
    }

    /// One rehearsal, in full; an error of the script is part of it.
    pub async fn play(&self, job: &Job, case: &Case, enough: Enough) -> Result<Played, RehearsalError> {
        let job = Job { replay: Some(case.clone()), ..job.clone() };
        match self.converse(&job, enough).await? {
            Told::Played(played) => Ok(*played),
            Told::Report(_) => Err(RehearsalError::Garbled("a report".to_owned())),
            Told::Lost { error, .. } => Err(RehearsalError::Lost(error.message)),
        }
    }

    /// Which of the cases that were being played ends the process: each is tried alone.
    async fn culprit(
        &self,
        job: &Job,
        mut playing: Vec<(u32, Case)>,
        enough: &Enough,
    ) -> Result<(u32, Case), RehearsalError> {
        playing.sort_by_key(|(index, _)| *index);
        let Some(last) = playing.pop() else {
            return Err(RehearsalError::Lost("before it played anything".to_owned()));
        };
        for (index, case) in playing {
            let alone = Job { replay: Some(case.clone()), ..job.clone() };
            if let Told::Lost { .. } = self.converse(&alone, enough.clone()).await? {
                return Ok((index, case));
            }
        }
        Ok(last)
    }

    async fn converse(&self, job: &Job, enough: Enough) -> Result<Told, RehearsalError> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
        // A Ctrl-C in a terminal goes to the whole process group; what it means is for us to decide.
        command.stderr(Stdio::null()).process_group(0).kill_on_drop(true);
        let started = command.spawn();
        let mut child = started.map_err(|source| RehearsalError::Start {
            program: self.program.display().to_string(),
            source,
        })?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(RehearsalError::Lost("it has no pipes".to_owned()));
        };
        let told = self.exchange(job, stdin, stdout, enough).await;
        match told {
            Exchange::Done(told) => Ok(told),
            Exchange::Garbled(why) => Err(RehearsalError::Garbled(why)),
            Exchange::Gone(playing) => end_of(&mut child, job, playing).await,
            Exchange::Silent(playing) => {
                let _ = child.kill().await;
                Ok(Told::Lost { error: explain(ChildEnd::TimedOut, &job.script_limits()), playing })
            }
        }
    }

    async fn exchange(
        &self,
        job: &Job,
        stdin: ChildStdin,
        stdout: ChildStdout,
        mut enough: Enough,
    ) -> Exchange {
        let mut stdin = Some(stdin);
        let mut lines = BufReader::with_capacity(64 * 1024, stdout);
        let mut line = Vec::new();
        let mut playing: BTreeMap<usize, (u32, Case)> = BTreeMap::new();
        let patience = (Duration::from_millis(super::CPU_MS) + GUARD_GRACE) * WALL_PER_CPU;
        if send(&mut stdin, &Order::Job(Box::new(job.clone()))).await.is_err() {
            return Exchange::Gone(Vec::new());
        }
        loop {
            let read = tokio::select! {
                read = tokio::time::timeout(patience, lines.read_until(b'\n', &mut line)) => read,
                () = told_enough(&mut enough), if stdin.is_some() => {
                    stdin = None;
                    continue;
                }
            };
            match read {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return Exchange::Gone(playing.into_values().collect()),
                Err(_) => return Exchange::Silent(playing.into_values().collect()),
            }
            match serde_json::from_slice(&line) {
                Ok(Word::Begins { worker, index, case }) => drop(playing.insert(worker, (index, case))),
                Ok(Word::Asks { question, about }) => {
                    let answer = self.answer(about).await;
                    let _ = send(&mut stdin, &Order::Answer { question, answer }).await;
                }
                Ok(Word::Report(report)) => return Exchange::Done(Told::Report(report)),
                Ok(Word::Played(played)) => return Exchange::Done(Told::Played(played)),
                Err(error) => return Exchange::Garbled(error.to_string()),
            }
            line.clear();
        }
    }

    /// Reads for the child, which cannot; nothing is done.
    async fn answer(&self, about: Question) -> Answer {
        match about {
            Question::Workflow { target, importer } => {
                let workflows = self.workflows.clone();
                let loaded = tokio::task::spawn_blocking(move || workflows.load(&target, &importer)).await;
                let loaded = loaded.unwrap_or_else(|error| Err(format!("loading broke off: {error}")));
                Answer::Workflow(loaded.map(Box::new))
            }
            Question::Step(step) => Answer::Step(host_steps::look(&self.git, &self.folder, &step).await),
            Question::Payee(options) => Answer::Payee((self.payee)(&options)),
        }
    }
}

enum Exchange {
    Done(Told),
    Garbled(String),
    /// It closed its side.
    Gone(Vec<(u32, Case)>),
    Silent(Vec<(u32, Case)>),
}

async fn told_enough(enough: &mut Enough) {
    if enough.wait_for(|enough| *enough).await.is_err() {
        // Nobody can say it any more.
        std::future::pending::<()>().await;
    }
}

async fn send(stdin: &mut Option<ChildStdin>, order: &Order) -> std::io::Result<()> {
    let Some(stdin) = stdin else { return Ok(()) };
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    stdin.write_all(&line).await?;
    stdin.flush().await
}

async fn end_of(child: &mut Child, job: &Job, playing: Vec<(u32, Case)>) -> Result<Told, RehearsalError> {
    let status = tokio::time::timeout(Duration::from_secs(5), child.wait()).await;
    let end = match status {
        Ok(Ok(status)) => ChildEnd::from(status),
        Ok(Err(error)) => return Err(RehearsalError::Lost(error.to_string())),
        Err(_) => ChildEnd::TimedOut,
    };
    let error = explain(end, &job.script_limits());
    match end {
        ChildEnd::Exited(EXIT_NO_SANDBOX) => Err(RehearsalError::Lost(error.message)),
        ChildEnd::Exited(_) | ChildEnd::Signalled(_) | ChildEnd::TimedOut if playing.is_empty() => {
            Err(RehearsalError::Lost(error.message))
        }
        ChildEnd::Exited(_) | ChildEnd::Signalled(_) | ChildEnd::TimedOut => {
            Ok(Told::Lost { error, playing })
        }
    }
}

/// A case that ended the process that evaluates is an error of the script.
fn finding(error: ScriptError, case: Case) -> Finding {
    let kind = match error.kind {
        ScriptErrorKind::CpuLimit => "endless-loop",
        ScriptErrorKind::Thrown
        | ScriptErrorKind::MemoryLimit
        | ScriptErrorKind::StackLimit
        | ScriptErrorKind::IsolateLost
        | ScriptErrorKind::Limit
        | ScriptErrorKind::Stuck => "script-error",
    };
    let mut lines = error.message.splitn(2, "\nhint: ");
    Finding {
        kind: kind.to_owned(),
        weight: Weight::Error,
        message: lines.next().unwrap_or_default().to_owned(),
        hint: lines.next().map(str::to_owned),
        site: error.site,
        case: Some(case),
        seen: 1,
    }
}

fn with_lost(mut report: Report, lost: Vec<Finding>) -> Report {
    report.runs += lost.len() as u32;
    report.findings.splice(0..0, lost);
    report
}
