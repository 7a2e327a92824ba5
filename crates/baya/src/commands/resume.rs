//! `baya resume RUN`: goes on with a run. What is finished is never asked for again.

use super::drive::{self, Drive, DriveFlags, Driven, of_journal};
use super::limit_flags::LimitFlags;
use super::run::tell_warnings;
use crate::exit::{Exit, Strictness};
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::plan;
use crate::script_args::{self, Given};
use crate::settings::Settings;
use crate::trust::Trust;
use crate::wiring::backends::{self, Choice};
use crate::wiring::caps;
use crate::wiring::confines::Confines;
use crate::wiring::host::Bounds;
use crate::wiring::pool::LocalPool;
use crate::wiring::rehearsals::Cast;
use crate::wiring::scripts::Workflows;
use crate::wiring::{bench, gates, host, outside, reuse};
use baya_agents::admission::Admission;
use baya_agents::mcp::end_left;
use baya_agents::sandbox::Profile;
use baya_core::event::{Event, Recorded, ScriptRecord, Surroundings};
use baya_core::ids::{AgentNumber, RunId};
use baya_core::limits::Limits;
use baya_core::run::{Resumption, Run};
use baya_core::script::Options;
use baya_core::view::{AgentState, RunView};
use baya_engine::driver::{Begin, WorkflowSource};
use baya_engine::journal::{Journal, RENEW_EVERY_MS};
use baya_engine::runs::RunStore;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const RENEW_EVERY: Duration = Duration::from_millis(RENEW_EVERY_MS);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, its beginning, or `last`
    pub run: String,
    /// Go on with this edited script: only calls whose inputs changed are asked again
    #[arg(long, value_name = "FILE")]
    pub script: Option<String>,
    /// Ask the failed agents again
    #[arg(long)]
    pub retry_failed: bool,
    /// Other `args`, as JSON
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub args: Option<String>,
    /// The edited script is TypeScript, whatever its file's name
    #[arg(long)]
    pub ts: bool,
    #[command(flatten)]
    pub drive: DriveFlags,
    #[command(flatten)]
    pub limits: LimitFlags,
}

pub fn execute(args: Args) -> Result<Exit, Failure> {
    let folders = Folders::find()?;
    let mut settings = Settings::load(&folders)?;
    let trust = drive::settle_trust(&args.drive, &folders, &mut settings, false)?;
    let driven = drive::runtime()?.block_on(go_on(&args, trust, &folders, &settings))?;
    while_larger(driven, &args.drive)
}

/// A run that is parked at a cap goes on as long as whoever sits here gives it a larger one.
pub fn while_larger(driven: Driven, flags: &DriveFlags) -> Result<Exit, Failure> {
    let Some(limits) = driven.larger else { return Ok(driven.exit) };
    execute(Args {
        run: driven.run.to_string(),
        script: None,
        retry_failed: false,
        args: None,
        ts: false,
        drive: flags.clone(),
        limits,
    })
}

async fn go_on(args: &Args, trust: Trust, folders: &Folders, settings: &Settings) -> Result<Driven, Failure> {
    let store = RunStore::new(&folders.state);
    let run = store.find(&args.run).map_err(|error| of_journal(&error))?;
    let workflows = Workflows::new(folders, Options { typescript: args.ts, portable: false })?;
    let script = args.script.as_deref().map(|path| edited(&workflows, path)).transpose()?;
    // Taken before anything else is looked at: whoever holds the lease knows that nobody else writes.
    let journal = store.drive(&run).map_err(|error| of_journal(&error))?;
    let events = journal.load().map_err(|error| of_journal(&error))?;
    let view = RunView::of(&events);
    if view.run.is_none() {
        return Err(never_began(&run));
    }
    let script_args = new_args(args, script.as_deref(), &events)?;
    tell_folder(&view, folders);
    end_servers(&folders.state, &run).await;
    host::end_left(&folders.state, &run).await;
    let choice = Choice { trust, ..choice(&args.drive, settings, &view) };
    let confines = Confines::new(folders, settings, &backends::environment()).await?;
    let backends = backends::build(choice, folders, settings, &confines).await?;
    let strict = args.drive.strict || settings.strict;
    let limits = new_limits(args, &view.limits);
    check_caps(args, script.as_deref(), limits.clone(), &events)?;
    let meta = script.as_deref().or(last_script(&events)).map(|script| &script.meta);
    caps::check(&backends, limits.as_ref().unwrap_or(&view.limits), meta.unwrap_or(&Value::Null))?;
    let rest = Rest { args, view: &view, events: &events, script: script.as_deref() };
    let workflows: Arc<dyn WorkflowSource> = Arc::new(workflows);
    let cast = Cast::of(&backends, folders);
    let settled = rest.settle(script_args.as_ref(), &cast, workflows.clone(), folders, settings);
    keeping(&journal, settled).await?;
    let run_id = run.clone();
    let watching = drive::watching(args.drive.json);
    let gates = gates::build(settings, folders, watching, args.drive.questions());
    // Worktrees start where they did, whatever is checked out by now.
    let base = match view.base.clone() {
        Some(base) => Some(base),
        None => host::base(folders).await,
    };
    let bounds = Bounds { profile: backends.profile(), confines, gates: gates.clone() };
    let workspace = host::workspace(&run_id, folders, base.clone());
    workspace.clear_left(|agent| is_over(&view, agent)).await;
    let surroundings = Surroundings { base, ..backends.surroundings(folders) };
    let (surroundings, offers) = reuse::offered(args.drive.reuse, surroundings, folders, &run).await?;
    let drive = Drive {
        run,
        journal: Box::new(journal),
        steps: Arc::new(host::build(&run_id, bounds, folders, &events)),
        surroundings,
        keeps_base: true,
        offers,
        pool: Arc::new(
            LocalPool::new(backends, folders.working.clone())
                .with_workspace(Arc::new(workspace))
                .with_gates(gates)
                .with_admission(Admission::new(settings.agent_memory())),
        ),
        workflows,
        begin: Begin::Resume {
            past: Some(events),
            script,
            args: script_args,
            retry_failed: args.retry_failed,
            limits,
        },
        view,
        watching,
        strictness: if strict { Strictness::Strict } else { Strictness::Lenient },
    };
    drive.go().await
}

/// Gives signs of life for the run while a person thinks.
async fn keeping<T>(journal: &dyn Journal, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            // One that was taken away is told by the first append.
            () = tokio::time::sleep(RENEW_EVERY) => drop(journal.renew_lease()),
        }
    }
}

/// What is about to go on.
struct Rest<'a> {
    args: &'a Args,
    view: &'a RunView,
    events: &'a [Recorded],
    /// An edited one.
    script: Option<&'a ScriptRecord>,
}

impl Rest<'_> {
    /// Asks if what is left is more than runs without a word.
    async fn settle(
        &self,
        script_args: Option<&Value>,
        cast: &Cast,
        workflows: Arc<dyn WorkflowSource>,
        folders: &Folders,
        settings: &Settings,
    ) -> Result<(), Failure> {
        let Rest { args, view, events, script } = self;
        let nothing_is_left =
            view.is_over() && script.is_none() && script_args.is_none() && !args.retry_failed;
        let Some(script) = script.or_else(|| last_script(events)) else { return Ok(()) };
        if nothing_is_left || !args.drive.has_use_for_a_plan() || !plan::is_needed(script, &cast.surroundings)
        {
            return Ok(());
        }
        let script_args = script_args.or_else(|| last_args(events));
        let limits = &args.limits.over(view.limits.clone());
        // What was agreed to of host steps and rights was asked before the run began.
        let profile = Profile::default();
        let subject = plan::Subject { script, steps: &[], args: script_args, limits, profile };
        let done = view.agents.values().filter(|agent| agent.state == AgentState::Answered);
        let extent = plan::Extent::Rest { agents: done.count() as u64, cost: view.usage.cost };
        let around = plan::Around {
            folders,
            thresholds: settings.plan,
            script,
            target: &args.run,
            asking: args.drive.asking(false),
            extent,
            background: false,
        };
        plan::settle(&plan::forecast(&subject, cast, workflows, folders).await?, &around).await
    }
}

/// Its end is in the journal, and with it what it left.
pub(super) fn is_over(view: &RunView, agent: AgentNumber) -> bool {
    let state = view.agents.get(&agent).map(|agent| agent.state);
    matches!(state, Some(AgentState::Answered | AgentState::Failed))
}

fn edited(workflows: &Workflows, path: &str) -> Result<Box<ScriptRecord>, Failure> {
    let checked = workflows.load_to_run(path)?;
    tell_warnings(&checked);
    Ok(Box::new(checked.script))
}

/// `None`: the run keeps its `args`.
fn new_args(
    args: &Args,
    script: Option<&ScriptRecord>,
    events: &[Recorded],
) -> Result<Option<Value>, Failure> {
    let schema = match script {
        Some(script) => script.meta.get("args").cloned(),
        None => last_script(events).and_then(|script| script.meta.get("args").cloned()),
    };
    let given = Given { value: args.args.as_deref(), ..Given::default() }.read(schema.as_ref())?;
    if given.is_some() {
        script_args::check(given.as_ref(), schema.as_ref(), &args.run)?;
    }
    Ok(given)
}

/// Between its folder and its first event, which has the script: a moment of a few milliseconds.
fn never_began(run: &RunId) -> Failure {
    Failure::usage(format!("the run `{run}` was killed before it began: it has no script and asked nothing"))
        .hint("start it again with `baya run`")
}

fn last_args(events: &[Recorded]) -> Option<&Value> {
    events.iter().rev().find_map(|recorded| match &recorded.event {
        Event::RunStarted { args, .. } | Event::RunResumed { args, .. } => args.as_ref(),
        _ => None,
    })
}

fn last_script(events: &[Recorded]) -> Option<&ScriptRecord> {
    events.iter().rev().find_map(|recorded| match &recorded.event {
        Event::RunStarted { script, .. } | Event::RunResumed { script: Some(script), .. } => Some(script),
        _ => None,
    })
}

/// Flags go over what the run had, and that goes over the settings: a resume never changes by itself who
/// works.
pub(super) fn choice(flags: &DriveFlags, settings: &Settings, view: &RunView) -> Choice {
    let had = Choice {
        backend: Some(view.backend.clone()).filter(|name| !name.is_empty()),
        model: view.model.clone(),
        rules: view.rules.as_ref().map(PathBuf::from),
        sandbox: view.sandbox.as_deref().and_then(bench::profile_in_force),
        ..Choice::default()
    };
    let set = Choice::of_flags(flags, settings);
    Choice {
        backend: flags.backend.clone().or(had.backend).or(set.backend),
        model: flags.model.clone().or(had.model).or(set.model),
        rules: flags.rules.clone().or(had.rules).or(set.rules),
        sandbox: flags.sandbox.or(had.sandbox).or(set.sandbox),
        // How careful to be is the user's to say anew each time.
        taint: set.taint,
        best_effort: set.best_effort,
        ..Choice::default()
    }
}

fn new_limits(args: &Args, had: &Limits) -> Option<Limits> {
    let limits = args.limits.over(had.clone());
    (limits != *had).then_some(limits)
}

/// A cap below what is spent, or none that is larger where the run waits for one, lets nothing go on.
fn check_caps(
    args: &Args,
    script: Option<&ScriptRecord>,
    limits: Option<Limits>,
    events: &[baya_core::event::Recorded],
) -> Result<(), Failure> {
    let resumption = Resumption {
        script: script.cloned(),
        retry_failed: args.retry_failed,
        limits,
        ..Resumption::default()
    };
    Run::load(events).check_caps(&resumption).map_err(|used_up| {
        Failure::usage(format!("nothing was started: {}", used_up.message)).hint(used_up.hint)
    })
}

/// Servers that an earlier process of ours left at work.
async fn end_servers(state: &Path, run: &RunId) {
    let notes = outside::notes(state, run);
    // A task that breaks has ended nothing, as if there had been nothing to read.
    let _ = tokio::task::spawn_blocking(move || end_left(&notes)).await;
}

fn tell_folder(view: &RunView, folders: &Folders) {
    let here = folders.working.display().to_string();
    if !view.folder.is_empty() && view.folder != here {
        output::talk(&crate::views::sanitise::line(&format!(
            "note: the run began in `{}`; its agents work in `{here}` now",
            view.folder
        )));
    }
}
