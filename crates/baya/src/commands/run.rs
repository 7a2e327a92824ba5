//! `baya run FILE|NAME [ARGS…]`

use super::drive::{self, Drive, DriveFlags, Driven, of_journal};
use super::limit_flags::LimitFlags;
use super::{detach, resume, run_help};
use crate::exit::{Exit, Strictness};
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::plan::{self, Plan};
use crate::quantity;
use crate::script_args::{self, Given};
use crate::settings::Settings;
use crate::views::watch::Watching;
use crate::wiring::confines::Confines;
use crate::wiring::host::{self, Bounds};
use crate::wiring::rehearsals::Cast;
use crate::wiring::reuse;
use crate::wiring::scripts::{self, Workflows};
use crate::wiring::{backends, caps, gates, pool::LocalPool, randomness};
use baya_agents::admission::Admission;
use baya_agents::sandbox::Profile;
use baya_core::event::Surroundings;
use baya_core::ids::RunId;
use baya_core::limits::Limits;
use baya_core::script::{Checked, Options};
use baya_core::view::RunView;
use baya_engine::driver::{Begin, WorkflowSource};
use baya_engine::runs::RunStore;
use serde_json::Value;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A script's file, or the name of a saved workflow
    #[arg(value_name = "FILE|NAME")]
    pub target: Option<String>,
    /// Words that, joined, are the workflow's `args`
    #[arg(value_name = "ARGS")]
    pub words: Vec<String>,
    /// One member of `args`; `@FILE` as VALUE takes the file's text
    #[arg(long = "arg", value_name = "KEY=VALUE")]
    pub pairs: Vec<String>,
    /// `args` as JSON; `-` reads it from stdin
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub args: Option<String>,
    #[command(flatten)]
    pub drive: DriveFlags,
    /// Worktrees of agents start with what is not committed yet, too; nothing of yours is changed
    #[arg(long)]
    pub snapshot_dirty: bool,
    /// Print what the run would take, and stop
    #[arg(long)]
    pub plan: bool,
    /// Run in the background: print the run's id and return
    #[arg(long)]
    pub detach: bool,
    /// The seed of the run's randomness
    #[arg(long, value_name = "N", value_parser = quantity::count)]
    pub seed: Option<u64>,
    /// The script is TypeScript, whatever its file's name
    #[arg(long)]
    pub ts: bool,
    /// Print help; after a workflow, what it is for and which `args` it takes
    #[arg(short, long)]
    pub help: bool,
    /// We are the background process of a `--detach`.
    #[arg(long, hide = true)]
    pub detached: bool,
    #[command(flatten)]
    pub limits: LimitFlags,
}

pub fn execute(args: Args) -> Result<Exit, Failure> {
    let Some(target) = args.target.clone() else { return without_target(&args) };
    if args.detach && !args.help && !args.plan {
        return detach::spawn(&args);
    }
    if args.detached {
        detach::leave_session();
    }
    let folders = Folders::find()?;
    let workflows = Workflows::new(&folders, Options { typescript: args.ts, portable: false })?;
    let checked = workflows.load_to_run(&target)?;
    if args.help {
        return run_help::tell(&target, &checked);
    }
    tell_warnings(&checked);
    let mut settings = Settings::load(&folders)?;
    let given = Given { words: &args.words, pairs: &args.pairs, value: args.args.as_deref() };
    let schema = checked.script.meta.get("args").cloned();
    let script_args = given.read(schema.as_ref())?;
    script_args::check(script_args.as_ref(), schema.as_ref(), &target)?;
    let trust = drive::settle_trust(&args.drive, &folders, &mut settings, args.detached)?;
    let choice = backends::Choice { trust, ..backends::Choice::of_flags(&args.drive, &settings) };
    let runtime = drive::runtime()?;
    if args.plan {
        let limits = args.limits.over(settings.limits());
        let ahead =
            Ahead { args: &args, checked: &checked, script_args: script_args.as_ref(), limits: &limits };
        return runtime.block_on(ahead.tell(choice, workflows, &folders, &settings));
    }
    let driven =
        runtime.block_on(begin(&args, choice, checked, script_args, workflows, &folders, &settings))?;
    drop(runtime);
    resume::while_larger(driven, &args.drive)
}

fn without_target(args: &Args) -> Result<Exit, Failure> {
    if args.help {
        return run_help::tell_command();
    }
    Err(Failure::usage("no workflow is named")
        .hint("baya run FILE, or baya run NAME; `baya list` lists the names"))
}

async fn begin(
    args: &Args,
    choice: backends::Choice,
    checked: Checked,
    script_args: Option<Value>,
    workflows: Workflows,
    folders: &Folders,
    settings: &Settings,
) -> Result<Driven, Failure> {
    let confines = Confines::new(folders, settings, &backends::environment()).await?;
    let backends = backends::build(choice, folders, settings, &confines).await?;
    let limits = args.limits.over(settings.limits());
    caps::check(&backends, &limits, &checked.script.meta)?;
    let workflows: Arc<dyn WorkflowSource> = Arc::new(workflows);
    let ahead = Ahead { args, checked: &checked, script_args: script_args.as_ref(), limits: &limits };
    let cast = Cast::of(&backends, folders);
    if args.drive.has_use_for_a_plan() && plan::is_needed(&checked.script, &cast.surroundings) {
        let profile = backends.profile();
        let forecast = ahead.forecast(&cast, profile, workflows.clone(), folders).await?;
        plan::settle(&forecast, &ahead.around(folders, settings)).await?;
    }
    let run = RunId::from_random(randomness::bits());
    let around = backends.surroundings(folders);
    let base = base(args, &checked, &around, folders, &run).await?;
    let keeps_base = isolates(&checked, &around);
    let journal = RunStore::new(&folders.state).create(&run).map_err(|error| of_journal(&error))?;
    if args.detached {
        detach::tell_parent(&run);
    }
    let seed = args.seed.unwrap_or_else(randomness::bits);
    let strict = args.drive.strict || settings.strict;
    let watching = if args.detached { Watching::Nothing } else { drive::watching(args.drive.json) };
    let gates = gates::build(settings, folders, watching, args.drive.questions());
    let bounds = Bounds { profile: backends.profile(), confines, gates: gates.clone() };
    let surroundings = Surroundings { base: base.clone(), ..around };
    let (surroundings, offers) = reuse::offered(args.drive.reuse, surroundings, folders, &run).await?;
    let drive = Drive {
        run: run.clone(),
        journal: Box::new(journal),
        steps: Arc::new(host::build(&run, bounds, folders, &[])),
        surroundings,
        keeps_base,
        offers,
        pool: Arc::new(
            LocalPool::new(backends, folders.working.clone())
                .with_workspace(Arc::new(host::workspace(&run, folders, base)))
                .with_gates(gates)
                .with_admission(Admission::new(settings.agent_memory())),
        ),
        workflows,
        begin: Begin::Fresh { run, script: Box::new(checked.script), args: script_args, seed, limits },
        view: RunView::default(),
        watching,
        strictness: if strict { Strictness::Strict } else { Strictness::Lenient },
    };
    drive.go().await
}

/// What is about to run.
struct Ahead<'a> {
    args: &'a Args,
    checked: &'a Checked,
    script_args: Option<&'a Value>,
    limits: &'a Limits,
}

impl Ahead<'_> {
    async fn forecast(
        &self,
        cast: &Cast,
        profile: Profile,
        workflows: Arc<dyn WorkflowSource>,
        folders: &Folders,
    ) -> Result<Plan, Failure> {
        let Ahead { checked, script_args, limits, .. } = self;
        let (script, steps) = (&checked.script, checked.steps.as_slice());
        let subject = plan::Subject { script, steps, args: *script_args, limits, profile };
        plan::forecast(&subject, cast, workflows, folders).await
    }

    fn around<'a>(&'a self, folders: &'a Folders, settings: &Settings) -> plan::Around<'a> {
        let Ahead { args, checked, .. } = self;
        plan::Around {
            folders,
            thresholds: settings.plan,
            script: &checked.script,
            target: args.target.as_deref().unwrap_or_default(),
            asking: args.drive.asking(args.detached),
            extent: plan::Extent::Whole,
            background: args.detached,
        }
    }

    /// The plan alone, where nobody can work yet, too.
    async fn tell(
        &self,
        choice: backends::Choice,
        workflows: Workflows,
        folders: &Folders,
        settings: &Settings,
    ) -> Result<Exit, Failure> {
        let profile = choice.sandbox.unwrap_or_default();
        let cast = Cast::find(choice, folders, settings).await?;
        if let Some(provider) = cast.assumed {
            output::talk(&format!(
                "note: no backend is usable here yet; the prices are those of `{provider}`"
            ));
        }
        let forecast = self.forecast(&cast, profile, Arc::new(workflows), folders).await?;
        plan::print(&forecast, &self.around(folders, settings), self.args.drive.json);
        Ok(Exit::Done)
    }
}

/// Where worktrees start: at the commit that is checked out, or with all that is not committed yet.
async fn base(
    args: &Args,
    checked: &Checked,
    around: &Surroundings,
    folders: &Folders,
    run: &RunId,
) -> Result<Option<String>, Failure> {
    let (base, told) = match args.snapshot_dirty {
        true => host::snapshot(folders, run).await?,
        false => {
            let isolates = isolates(checked, around);
            (host::base(folders).await, if isolates { host::dirty_note(folders).await } else { Vec::new() })
        }
    };
    if let Some(base) = base.as_ref().filter(|_| isolates(checked, around)) {
        host::keep_base(folders, run, base).await?;
    }
    let told = told.into_iter().chain(real_steps(checked, around));
    told.for_each(|line| output::talk(&crate::views::sanitise::line(&format!("note: {line}"))));
    Ok(base)
}

/// Only agents are simulated: what the script has this machine do is not.
fn real_steps(checked: &Checked, around: &Surroundings) -> Option<String> {
    let named = |step: &&str| checked.script.sources.iter().any(|(_, text)| text.contains(*step));
    let steps: Vec<&str> = REAL_STEPS.iter().copied().filter(named).collect();
    let is_said = around.simulated && !steps.is_empty();
    is_said.then(|| format!("agents are simulated, the script's own steps are not: {}", steps.join(", ")))
}

/// Host steps that change something.
const REAL_STEPS: [&str; 3] = ["baya.exec", "baya.writeFile", "baya.land"];

/// An agent of this script may ask for a worktree: by the option, or by a type that has one.
fn isolates(checked: &Checked, around: &Surroundings) -> bool {
    if around.simulated {
        return false;
    }
    let words = around.agent_types_isolated.iter().map(String::as_str).chain(["worktree"]);
    let mut words = words.map(|word| [format!("'{word}'"), format!("\"{word}\""), format!("`{word}`")]);
    words.any(|quoted| {
        let has = |text: &String| quoted.iter().any(|word| text.contains(word));
        checked.script.sources.iter().any(|(_, text)| has(text))
    })
}

/// Findings that do not keep the script from running.
pub fn tell_warnings(checked: &Checked) {
    if !checked.warnings.is_empty() {
        output::talk(&scripts::rendered(&checked.warnings));
    }
}
