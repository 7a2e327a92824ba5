//! Drives a run from this terminal: what `run` and `resume` share.

use super::larger_cap;
use super::limit_flags::LimitFlags;
use crate::exit::{Exit, Strictness};
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::plan;
use crate::settings::Settings;
use crate::trust::{self, Asking, Trust};
use crate::views::json::Ended;
use crate::views::palette::Palette;
use crate::views::watch::{Watching, watch};
use crate::views::{caps, json, sanitise, show, summary};
use crate::wiring::backends::SIMULATED;
use crate::wiring::bench;
use crate::wiring::gates::Questions;
use crate::wiring::host;
use crate::wiring::outside;
use crate::wiring::pool::LocalPool;
use crate::wiring::signals;
use baya_agents::sandbox::Profile;
use baya_core::event::{RunStatus, Surroundings};
use baya_core::ids::RunId;
use baya_core::reuse::Offers;
use baya_core::view::{RunView, Sum};
use baya_engine::driver::{Begin, DriveEnd, DriveError, Setup, WorkflowSource, drive};
use baya_engine::host_steps::HostSteps;
use baya_engine::isolate_host::IsolateKind;
use baya_engine::journal::{Journal, JournalError};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct DriveFlags {
    /// The model of agents that name none: an alias, an id, or provider/model
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Who works: `simulated`, a provider, `codex`, `claude`, or a command of the settings
    #[arg(long, value_name = "NAME")]
    pub backend: Option<String>,
    /// Answers for simulated agents
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// What the tools of agents may do: `read-only`, `workspace` (change the working folder) or `full`
    #[arg(long, value_name = "PROFILE", value_parser = bench::profile)]
    pub sandbox: Option<Profile>,
    /// One JSON line per event on stdout; the last is always `run_ended`
    #[arg(long)]
    pub json: bool,
    /// Say yes to the plan, and ask nothing else: what the policy would ask is denied
    #[arg(long, short)]
    pub yes: bool,
    /// Trust this folder with what it wants to run: servers of tools, commands, hooks
    #[arg(long)]
    pub trust: bool,
    /// Take answers of earlier runs to the same questions about the same files
    #[arg(long)]
    pub reuse: bool,
    /// Exit 3 if any agent failed
    #[arg(long)]
    pub strict: bool,
}

impl DriveFlags {
    pub fn questions(&self) -> Questions {
        if self.yes { Questions::Denied } else { Questions::Put }
    }

    /// Whether anybody would look at a plan, or be asked about it.
    pub fn has_use_for_a_plan(&self) -> bool {
        !(self.yes && self.json)
    }

    /// How the plan of a run is agreed to.
    pub fn asking(&self, background: bool) -> plan::Asking {
        match self.yes {
            true => plan::Asking::Granted,
            false if self.json || background => plan::Asking::Nobody,
            false => plan::Asking::Person,
        }
    }
}

/// Everything there is to drive with.
pub struct Drive {
    pub run: RunId,
    pub journal: Box<dyn Journal>,
    pub pool: Arc<LocalPool>,
    pub workflows: Arc<dyn WorkflowSource>,
    pub steps: Arc<dyn HostSteps>,
    pub surroundings: Surroundings,
    /// A ref keeps the commit at which worktrees start.
    pub keeps_base: bool,
    /// Answers of earlier runs that this one may take.
    pub offers: Offers,
    pub begin: Begin,
    /// What happened before.
    pub view: RunView,
    pub watching: Watching,
    pub strictness: Strictness,
}

/// What came of driving.
pub struct Driven {
    pub exit: Exit,
    pub run: RunId,
    /// The run is parked at a cap, and whoever sits here gives it a larger one.
    pub larger: Option<LimitFlags>,
}

/// What the folder is trusted with, after asking if somebody is there to ask.
pub fn settle_trust(
    flags: &DriveFlags,
    folders: &Folders,
    settings: &mut Settings,
    background: bool,
) -> Result<Trust, Failure> {
    let simulated =
        flags.backend.as_ref().or(settings.backend.as_ref()).is_some_and(|name| name == SIMULATED);
    let asking = match flags.trust {
        true => Asking::Granted,
        false if simulated => Asking::Unneeded,
        false if flags.yes || flags.json || background => Asking::Nobody,
        false => Asking::Person,
    };
    if !simulated {
        outside::tell_broken(folders);
    }
    trust::settle(folders, settings, asking)
}

/// How to watch, as flags and terminal want it.
pub fn watching(json: bool) -> Watching {
    match (json, output::stderr_can_draw()) {
        (true, _) => Watching::Json,
        (false, true) => Watching::Live,
        (false, false) => Watching::Lines,
    }
}

impl Drive {
    /// Drives to the end and tells it.
    pub async fn go(self) -> Result<Driven, Failure> {
        let (views, updates) = mpsc::unbounded_channel();
        let (ops, ops_in) = mpsc::unbounded_channel();
        let watching = self.watching;
        let folder = PathBuf::from(&self.surroundings.folder);
        let base = self.surroundings.base.clone().filter(|_| self.keeps_base);
        let watcher = tokio::spawn(watch(self.view, updates, watching));
        let signals = tokio::spawn(signals::listen(ops, self.pool.clone(), self.run.clone()));
        let setup = Setup {
            journal: self.journal,
            runner: self.pool.clone(),
            workflows: self.workflows,
            steps: self.steps,
            isolate: isolate()?,
            surroundings: self.surroundings,
            offers: self.offers,
            views,
            ops: ops_in,
        };
        let driven = drive(setup, self.begin).await;
        self.pool.settle().await;
        let view = watcher.await.map_err(|error| Failure::outside("the view failed", error))?;
        match driven {
            Ok(end) => {
                if let Some(base) = base.filter(|_| view.is_over()) {
                    host::let_base_go(&folder, &self.run, &base).await;
                }
                let exit = tell_end(&view, &end, watching, self.strictness);
                // Whoever does not read what is told can still end us.
                signals.abort();
                let is_watched = matches!(watching, Watching::Live | Watching::Lines);
                let larger = match is_watched {
                    true => larger_cap::ask(&view, end.parked.as_ref()).await,
                    false => None,
                };
                Ok(Driven { exit, run: self.run, larger })
            }
            Err(error) => {
                let exit = tell_lost(&self.run, &error, watching);
                Ok(Driven { exit, run: self.run, larger: None })
            }
        }
    }
}

/// Our own program evaluates scripts.
fn isolate() -> Result<IsolateKind, Failure> {
    let program =
        std::env::current_exe().map_err(|error| Failure::outside("cannot find our own program", error))?;
    Ok(IsolateKind::Child { program, args: vec![crate::ISOLATE_WORD.to_owned()] })
}

fn tell_end(view: &RunView, end: &DriveEnd, watching: Watching, strictness: Strictness) -> Exit {
    summary::draw(view, Palette::of_stderr()).iter().for_each(|line| output::talk(line));
    match watching {
        Watching::Json => output::data(&json::ended(&ended(view, end))),
        Watching::Live | Watching::Lines => tell_result(end),
        Watching::Nothing => {}
    }
    Exit::of_run(end.status, &end.failures, end.parked.as_ref(), strictness)
}

/// A string as it is, anything else as JSON, `undefined` as nothing.
fn tell_result(end: &DriveEnd) {
    let Some(result) = &end.result else { return };
    let text = show::value_text(result);
    let text = if output::stdout_is_terminal() { sanitise::block(&text) } else { text };
    let line_end = if text.ends_with('\n') { "" } else { "\n" };
    output::data_raw(&format!("{text}{line_end}"));
}

fn ended(view: &RunView, end: &DriveEnd) -> Ended {
    let error = match (&end.error, &end.parked) {
        (Some(error), _) => json!(error),
        (None, parked) => json!(parked),
    };
    Ended {
        run: json!(view.run),
        status: json!(end.status),
        result: json!(end.result),
        error,
        failures: json!(end.failures),
        denied: json!(view.denied),
        usage: used(view),
        budget: caps::value(view),
    }
}

/// The tokens of the run's whole life, with dollars as such.
fn used(view: &RunView) -> Value {
    let sum = Sum::of(&view.ledger);
    let mut value = json!(view.usage);
    value["usd"] = json!(view.usage.cost.to_dollars());
    value["agents_unpriced"] = json!(sum.agents_unpriced);
    value["waste"] = json!(sum.waste);
    value["saved"] = json!(sum.saved);
    value["saved"]["usd"] = json!(sum.saved.cost.to_dollars());
    value
}

/// The journal failed under a running run: nothing new starts, and what is in it stays.
fn tell_lost(run: &RunId, error: &DriveError, watching: Watching) -> Exit {
    let DriveError::Journal(error) = error;
    let next = match matches!(error, JournalError::LeaseLost { .. }) {
        true => format!("look: baya show {run}"),
        false => format!("resume: baya resume {run}"),
    };
    let failure = of_journal(error).hint(next);
    crate::tell(&failure);
    if watching == Watching::Json {
        let end = Ended {
            run: json!(run),
            status: json!(RunStatus::Interrupted),
            error: failure.to_json(),
            ..Ended::default()
        };
        output::data(&json::ended(&end));
    }
    Exit::Interrupted
}

/// A journal's error for the person.
pub fn of_journal(error: &JournalError) -> Failure {
    Failure::usage(error.to_string()).hint_if_some(error.hint())
}

/// The runtime of everything that waits.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::outside("cannot start the runtime", error))
}
