//! `baya rehearse FILE`: what a script would do and cost, and what is wrong with it, for nothing.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::quantity;
use crate::script_args::{self, Given};
use crate::settings::Settings;
use crate::trust;
use crate::views::rehearsal::{self as view, Shown};
use crate::views::{sanitise, story};
use crate::wiring::backends::Choice;
use crate::wiring::rehearsals::{self, Asked, Cast};
use crate::wiring::scripts::Workflows;
use baya_core::rehearsal::{Case, Report, Weight};
use baya_core::script::{Checked, Options};
use baya_engine::rehearsal::{Enough, Job, Purpose, RehearsalError, Rehearsals};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Quicker than this, nothing is said of waiting.
const QUIET: Duration = Duration::from_secs(1);
/// Rehearsals of which no more can be asked for.
const RUNS_MAX: u32 = 100_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A script's file, or the name of a saved workflow
    #[arg(value_name = "FILE|NAME")]
    pub target: String,
    /// Words that, joined, are the workflow's `args`; without any, they are made up
    #[arg(value_name = "ARGS")]
    pub words: Vec<String>,
    /// One member of `args`; `@FILE` as VALUE takes the file's text
    #[arg(long = "arg", value_name = "KEY=VALUE")]
    pub pairs: Vec<String>,
    /// `args` as JSON; `-` reads it from stdin
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub args: Option<String>,
    /// How many rehearsals
    #[arg(long, value_name = "N", default_value = "200", value_parser = quantity::positive)]
    pub runs: u32,
    /// What all draws follow from: the same seed gives the same report
    #[arg(long, value_name = "N", default_value = "1", value_parser = quantity::count)]
    pub seed: u64,
    /// Play this one rehearsal and tell its story
    #[arg(long, value_name = "JSON|@FILE")]
    pub case: Option<String>,
    /// Answers to draw from; without it `FILE.fixtures.json` or `flow.fixtures.json` beside the script
    #[arg(long, value_name = "FILE")]
    pub fixtures: Option<PathBuf>,
    /// The model of agents that name none, for the price
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Who would work, for the price: a provider, `codex`, `claude`, or a command of the settings
    #[arg(long, value_name = "NAME")]
    pub backend: Option<String>,
    /// Agents at work at the same time
    #[arg(long, value_name = "N", value_parser = quantity::positive)]
    pub concurrency: Option<u32>,
    /// Agents in the run's whole life
    #[arg(long, value_name = "N", value_parser = quantity::positive)]
    pub max_agents: Option<u32>,
    /// Output tokens the run may use, as `500k`
    #[arg(long, value_name = "TOKENS", value_parser = quantity::count)]
    pub budget: Option<u64>,
    /// Exit 1 on warnings, too
    #[arg(long)]
    pub strict: bool,
    /// One JSON line: the report, or the story of `--case`
    #[arg(long)]
    pub json: bool,
    /// The script is TypeScript, whatever its file's name
    #[arg(long)]
    pub ts: bool,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    if args.runs > RUNS_MAX {
        return Err(Failure::usage(format!("`--runs {}` is above {RUNS_MAX}", args.runs)));
    }
    let case = args.case.as_deref().map(read_case).transpose()?;
    let folders = Folders::find()?;
    let workflows = Workflows::new(&folders, Options { typescript: args.ts, portable: false })?;
    let checked = workflows.load_to_run(&args.target)?;
    let mut settings = Settings::load(&folders)?;
    trust::settle(&folders, &mut settings, trust::Asking::Unneeded)?;
    super::drive::runtime()?.block_on(rehearse(args, case, &checked, workflows, &folders, &settings))
}

fn read_case(text: &str) -> Result<Case, Failure> {
    let text = match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failure::unreadable(std::path::Path::new(path), &error))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("`--case` is no case: {error}"))
            .hint("a finding of `baya rehearse` prints its own, as --case '{\"draws\":{\"1\":\"null\"}}'")
    })
}

async fn rehearse(
    args: &Args,
    case: Option<Case>,
    checked: &Checked,
    workflows: Workflows,
    folders: &Folders,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let given = Given { words: &args.words, pairs: &args.pairs, value: args.args.as_deref() };
    let schema = checked.script.meta.get("args");
    let script_args = given.read(schema)?;
    if script_args.is_some() {
        script_args::check(script_args.as_ref(), schema, &args.target)?;
    }
    let (fixtures, fixtures_file) = rehearsals::fixtures(&checked.script, args.fixtures.as_deref(), folders)?;
    let choice = Choice {
        backend: args.backend.clone().or_else(|| settings.backend.clone()),
        model: args.model.clone().or_else(|| settings.model.clone()),
        sandbox: settings.sandbox,
        taint: settings.taint.unwrap_or_default(),
        ..Choice::default()
    };
    let cast = Cast::find(choice, folders, settings).await?;
    let mut limits = settings.limits();
    limits.concurrency = args.concurrency.unwrap_or(limits.concurrency);
    limits.agents_max = args.max_agents.unwrap_or(limits.agents_max);
    limits.budget_tokens = args.budget.or(limits.budget_tokens);
    let (runs, seed) = (args.runs, args.seed);
    let purpose = Purpose::Everything;
    let asked = Asked { args: script_args, purpose, runs, seed, limits, fixtures };
    let job = cast.job(&checked.script, asked, folders);
    let rehearsals = cast.rehearsals(Arc::new(workflows), folders)?;
    if let Some(case) = case {
        return tell_story(args, &job, &case, &rehearsals).await;
    }
    let started = Instant::now();
    let (report, interrupted) = all(&job, &rehearsals, args).await?;
    if interrupted && report.runs == 0 {
        return Err(Failure::new(Exit::Interrupted, "interrupted before the first rehearsal was over"));
    }
    let shown = Shown {
        target: &args.target,
        report: &report,
        script: &checked.script,
        asked: args.runs,
        interrupted,
        fixtures: fixtures_file.as_deref(),
        assumed: cast.assumed,
        concurrency: job.limits.concurrency,
        took: started.elapsed(),
    };
    match args.json {
        true => output::data(&sanitise::json(&view::json(&shown).to_string())),
        false => output::data(&view::text(&shown)),
    }
    Ok(if interrupted { Exit::Interrupted } else { verdict(&report, args.strict) })
}

fn verdict(report: &Report, strict: bool) -> Exit {
    let fails = |weight: Weight| match weight {
        Weight::Error => true,
        Weight::Warning => strict,
        Weight::Note => false,
    };
    match report.findings.iter().any(|finding| fails(finding.weight)) {
        true => Exit::ScriptFailed,
        false => Exit::Done,
    }
}

/// All rehearsals; whether a Ctrl-C cut them short.
async fn all(job: &Job, rehearsals: &Rehearsals, args: &Args) -> Result<(Report, bool), Failure> {
    let (stop, enough) = watch::channel(false);
    let told = tokio::spawn(tell_wait(args.target.clone(), args.runs, args.json));
    // Listened for before anything begins.
    let interrupt = signal(SignalKind::interrupt());
    let mut interrupt = interrupt.map_err(|error| Failure::outside("cannot listen for Ctrl-C", error))?;
    let interrupts = tokio::spawn(async move {
        while interrupt.recv().await.is_some() {
            if std::io::stderr().is_terminal() {
                // Below what the terminal shows of the key.
                output::talk("");
            }
            // The second one does not wait for what is being played.
            if stop.send_replace(true) {
                std::process::exit(Exit::Interrupted.code().into());
            }
        }
        // Without signals nobody stops it.
        std::future::pending::<()>().await;
    });
    let seen = enough.clone();
    let report = rehearsals.rehearse(job, enough).await;
    let interrupted = *seen.borrow();
    told.abort();
    interrupts.abort();
    Ok((report.map_err(|error| of_rehearsal(&error))?, interrupted))
}

async fn tell_wait(target: String, runs: u32, json: bool) {
    tokio::time::sleep(QUIET).await;
    if !json {
        let line = format!("rehearsing `{target}` {runs} times; Ctrl-C shows what there is so far");
        output::talk(&sanitise::line(&line));
    }
}

async fn tell_story(args: &Args, job: &Job, case: &Case, rehearsals: &Rehearsals) -> Result<Exit, Failure> {
    let (_stop, enough): (_, Enough) = watch::channel(false);
    let played = rehearsals.play(job, case, enough).await.map_err(|error| of_rehearsal(&error))?;
    match args.json {
        true => output::data(&sanitise::json(&story::json(&args.target, &played).to_string())),
        false => output::data(&story::text(&played)),
    }
    Ok(if played.end.is_completed() { Exit::Done } else { Exit::ScriptFailed })
}

/// Why there are no rehearsals, for the person.
pub fn of_rehearsal(error: &RehearsalError) -> Failure {
    let text = error.to_string();
    let mut parts = text.splitn(2, "\nhint: ");
    let failure = Failure::new(Exit::ScriptFailed, parts.next().unwrap_or_default());
    failure.hint_if_some(parts.next().map(str::to_owned))
}
