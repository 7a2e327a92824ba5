//! `baya land RUN`: merges the work of a run's agents, piece by piece, into the branch `baya/RUN`.
//!
//! Every step is in the run's journal before the next one is begun: a landing that was killed goes on with
//! the same command, and neither a check nor an agent is paid twice.

use super::drive::{self, DriveFlags, of_journal};
use super::land_agents::{Help, LandPool};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::quantity;
use crate::settings::Settings;
use crate::views::palette::Palette;
use crate::views::watch::{Watching, watch};
use crate::views::{land as view, sanitise};
use crate::wiring::confines::Confines;
use crate::wiring::{backends, bench, host, signals};
use baya_agents::sandbox::Profile;
use baya_core::event::{Event, Recorded};
use baya_core::ids::RunId;
use baya_core::landing::{Fate, LandingOptions, LandingRecord, OnConflict, Piece, Style};
use baya_core::view::{RunView, pieces};
use baya_engine::driver::{DriveError, Tending, now_ms, tend};
use baya_engine::git::{Locks, Repository, Unfit};
use baya_engine::journal::{Journal, SqliteJournal};
use baya_engine::landing::{
    Desk, Into, Landed, Landing, LandingError, Merged, Merger, branch_of, bring_into,
};
use baya_engine::runs::RunStore;
use serde_json::json;
use std::path::PathBuf;
use tokio::sync::mpsc;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, its beginning, or `last`
    pub run: String,
    /// A shell line that must succeed on the merged tree before anything lands
    #[arg(long, value_name = "CMD")]
    pub check: Option<String>,
    /// How long a check may take, as `10m`
    #[arg(long, value_name = "TIME", value_parser = quantity::duration_ms)]
    pub check_timeout: Option<u64>,
    /// What becomes of the rest when a piece does not merge
    #[arg(long, value_name = "HOW", value_enum, default_value = "skip")]
    pub on_conflict: Conflict,
    /// Have an agent judge each piece before it lands, by this rubric or by what it was asked for
    #[arg(long, value_name = "RUBRIC", num_args = 0..=1, default_missing_value = "")]
    pub review: Option<String>,
    /// The model of agents that merge or review
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Who merges or reviews, as for `baya run`; otherwise who worked in the run
    #[arg(long, value_name = "NAME")]
    pub backend: Option<String>,
    /// Answers for simulated agents
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// What the tools of such agents may do: `read-only`, `workspace` or `full`
    #[arg(long, value_name = "PROFILE", value_parser = bench::profile)]
    pub sandbox: Option<Profile>,
    /// How long one agent may take, as `10m`
    #[arg(long, value_name = "TIME", value_parser = quantity::duration_ms)]
    pub agent_timeout: Option<u64>,
    /// Ask nothing: what the policy would ask is denied
    #[arg(long, short)]
    pub yes: bool,
    /// Trust the folder with what it wants to run: servers of tools, commands, hooks
    #[arg(long)]
    pub trust: bool,
    /// Pieces that are checked together
    #[arg(long, value_name = "N", value_parser = quantity::positive, default_value = "64")]
    pub batch: u32,
    /// One commit per piece (the default)
    #[arg(long, conflicts_with_all = ["merge", "rebase"])]
    pub squash: bool,
    /// A merge commit per piece
    #[arg(long, conflicts_with = "rebase")]
    pub merge: bool,
    /// Each commit of a piece again
    #[arg(long)]
    pub rebase: bool,
    /// Bring what has landed into this branch, too: forward, or by a merge
    #[arg(long, value_name = "BRANCH")]
    pub into: Option<String>,
    /// Only say what there is and what merges; nothing is changed
    #[arg(long)]
    pub dry_run: bool,
    /// Only agents of this phase
    #[arg(long, value_name = "PHASE")]
    pub phase: Option<String>,
    /// Only agents with this label
    #[arg(long, value_name = "LABEL")]
    pub label: Option<String>,
    /// JSON lines; the last is always `landing_ended`
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Conflict {
    /// It stays where it is, the others land
    Skip,
    /// Nothing more lands
    Stop,
    /// An agent is given both sides
    Agent,
}

impl Args {
    /// Who works, as `run` and `resume` are told it.
    fn drive_flags(&self) -> DriveFlags {
        DriveFlags {
            model: self.model.clone(),
            backend: self.backend.clone(),
            rules: self.rules.clone(),
            sandbox: self.sandbox,
            json: self.json,
            yes: self.yes,
            trust: self.trust,
            ..DriveFlags::default()
        }
    }
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let options = options(args);
    let folders = Folders::find()?;
    let store = RunStore::new(&folders.state);
    let run = store.find(&args.run).map_err(|error| of_journal(&error))?;
    if args.dry_run {
        return drive::runtime()?.block_on(async {
            let events =
                store.read(&run).and_then(|reader| reader.load()).map_err(|error| of_journal(&error))?;
            Field::of(args, options, run, &events, folders).await?.tell_only(args.json).await
        });
    }
    // Whoever holds the lease knows that nobody else lands, and nobody works.
    let journal = store.drive(&run).map_err(|error| of_journal(&error))?;
    let events = journal.load().map_err(|error| of_journal(&error))?;
    // Agents and checks work where those of the run did.
    let place = PathBuf::from(RunView::of(&events).folder);
    let folders = if place.is_dir() { folders.at(place) } else { folders };
    let mut settings = Settings::load(&folders)?;
    let help = match options.asks_agents() {
        true => Some(Help::new(args.drive_flags(), &folders, &mut settings)?),
        false => None,
    };
    drive::runtime()?.block_on(async {
        let field = Field::of(args, options, run, &events, folders).await?;
        field.land(args, journal, events, settings, help).await
    })
}

fn options(args: &Args) -> LandingOptions {
    let on_conflict = match args.on_conflict {
        Conflict::Skip => OnConflict::Skip,
        Conflict::Stop => OnConflict::Stop,
        Conflict::Agent => OnConflict::Agent,
    };
    let style = match (args.merge, args.rebase) {
        (true, _) => Style::Merge,
        (_, true) => Style::Rebase,
        (false, false) => Style::Squash,
    };
    let default = LandingOptions::default();
    LandingOptions {
        check: args.check.clone(),
        check_timeout_ms: args.check_timeout.unwrap_or(default.check_timeout_ms),
        batch: args.batch,
        style,
        on_conflict,
        review: args.review.clone(),
        model: None,
        agent_timeout_ms: args.agent_timeout.unwrap_or(default.agent_timeout_ms),
    }
}

/// What is landed, and where.
struct Field {
    run: RunId,
    view: RunView,
    pieces: Vec<Piece>,
    options: LandingOptions,
    folders: Folders,
    repository: Repository,
}

impl Field {
    async fn of(
        args: &Args,
        options: LandingOptions,
        run: RunId,
        events: &[Recorded],
        folders: Folders,
    ) -> Result<Field, Failure> {
        let view = RunView::of(events);
        if view.run.is_none() {
            return Err(Failure::usage(format!("the run `{run}` was killed before it began")));
        }
        let is_wanted = |agent: &baya_core::view::AgentView| {
            args.phase.as_ref().is_none_or(|phase| agent.phase.as_ref() == Some(phase))
                && args.label.as_ref().is_none_or(|label| agent.label == *label)
        };
        if !view.present_agents().any(is_wanted) {
            return Err(Failure::usage("no agent of the run is in this phase or has this label")
                .hint(format!("baya show {run}   lists phases and labels")));
        }
        // The repository is that of the run, wherever we are called from.
        let folder = PathBuf::from(&view.folder);
        let repository = Repository::find(&host::git(), &folder).await.map_err(|unfit| of_unfit(&unfit))?;
        if let Some(branch) = &args.into {
            let there = repository.commit(&format!("refs/heads/{branch}")).await;
            if there.map_err(|error| Failure::usage(error.to_string()))?.is_none() {
                return Err(Failure::usage(format!("there is no branch `{branch}`"))
                    .hint("git branch --list shows the branches"));
            }
        }
        let pieces = pieces(events, is_wanted);
        Ok(Field { run, view, pieces, options, folders, repository })
    }

    /// Where the branch begins if it is not there yet.
    async fn start(&self) -> Result<String, Failure> {
        match self.pieces.first() {
            Some(piece) => Ok(piece.base.clone()),
            None => self.repository.head().await.map_err(|unfit| of_unfit(&unfit)),
        }
    }

    async fn land(
        mut self,
        args: &Args,
        journal: SqliteJournal,
        events: Vec<Recorded>,
        settings: Settings,
        help: Option<Help>,
    ) -> Result<Exit, Failure> {
        if self.pieces.is_empty() {
            return Ok(self.tell_nothing(args.json));
        }
        let start = self.start().await?;
        host::end_left(&self.folders.state, &self.run).await;
        let confines = Confines::new(&self.folders, &settings, &backends::environment()).await?;
        let pool = match help {
            Some(help) => help.pool(&self.folders, &settings, &self.view, &confines).await?,
            None => LandPool::of_nobody(&self.folders),
        };
        let profile = self.view.sandbox.as_deref().and_then(bench::profile_in_force).unwrap_or_default();
        let runner = host::Walled::new(profile, confines, &self.folders.state, &self.run);
        let past: Vec<LandingRecord> = events.iter().filter_map(landing_of).cloned().collect();
        let (views, updates) = mpsc::unbounded_channel();
        let (ops, ops_in) = mpsc::unbounded_channel();
        let watching = if args.json { Watching::Json } else { Watching::Lines };
        let watcher = tokio::spawn(watch(self.view.clone(), updates, watching));
        let listener = tokio::spawn(signals::listen(ops, pool.runner.clone(), self.run.clone()));
        let tending = Tending {
            journal: Box::new(journal),
            past: events,
            runner: pool.runner.clone(),
            surroundings: pool.surroundings,
            views,
            ops: ops_in,
        };
        let locks = Locks::new(&self.folders.state);
        let tended = tend(tending, |desk| self.land_at(desk, &runner, &locks, &start, &past)).await;
        pool.runner.settle().await;
        listener.abort();
        self.view = watcher.await.map_err(|error| Failure::outside("the view failed", error))?;
        let landed = match tended {
            Ok(Some(landed)) => landed.map_err(|error| self.of_landing(&error))?,
            Ok(None) => return Ok(self.tell_interrupted()),
            Err(DriveError::Journal(error)) => return Err(of_journal(&error)),
        };
        let brought = match &args.into {
            Some(branch) => self.bring(branch, &landed, &locks).await,
            None => Ok(None),
        };
        self.tell_end(&landed, brought.as_ref().ok().and_then(Option::as_ref), args);
        brought?;
        Ok(if view::is_whole(&landed) { Exit::Done } else { Exit::AgentsFailed })
    }

    async fn land_at(
        &self,
        desk: Desk,
        runner: &host::Walled,
        locks: &Locks,
        start: &str,
        past: &[LandingRecord],
    ) -> Result<Landed, LandingError> {
        let landing = Landing {
            repository: &self.repository,
            locks,
            state: &self.folders.state,
            logs: &host::logs(&self.folders, &self.run),
            run: &self.run,
            runner,
            errands: &desk,
        };
        let (pieces, options) = (self.pieces.clone(), self.options.clone());
        landing.land(pieces, options, start, now_ms() / 1_000, past, &mut desk.clone()).await
    }

    /// Into a branch of the user's; `None`: nothing was to be brought.
    async fn bring(&self, branch: &str, landed: &Landed, locks: &Locks) -> Result<Option<Into>, Failure> {
        if landed.stopped.is_some() || !view::has_landed(landed) {
            return Ok(None);
        }
        let into = bring_into(&self.repository, locks, branch, &landed.tip).await;
        into.map(Some)
            .map_err(|error| Failure::usage(error.to_string()).hint_if_some(error.hint(&landed.branch)))
    }

    fn tell_nothing(&self, as_json: bool) -> Exit {
        match as_json {
            true => output::data(&view::nothing(&self.run).to_string()),
            false => output::talk(&format!(
                "nothing to land: no agent of {} that answered changed anything in a worktree",
                self.run
            )),
        }
        Exit::Done
    }

    fn tell_interrupted(&self) -> Exit {
        output::talk("interrupted; what has landed stays, and the same command goes on");
        Exit::Interrupted
    }

    fn tell_end(&self, landed: &Landed, brought: Option<&Into>, args: &Args) {
        let end = view::End { run: &self.run, view: &self.view, landed, brought, into: args.into.as_deref() };
        if args.json {
            return output::data(&sanitise::json(&end.to_json().to_string()));
        }
        end.lines(Palette::of_stdout()).iter().for_each(|line| output::data(line));
    }

    fn of_landing(&self, error: &LandingError) -> Failure {
        let failure = Failure::new(Exit::ScriptFailed, error.to_string());
        match error {
            LandingError::Git(error) => failure.hint_if_some(error.hint().map(str::to_owned)),
            LandingError::Log(_) => failure,
            LandingError::Moved { .. } => failure.hint("the same command lands on where it is now"),
        }
    }

    /// Merges without keeping anything but unreachable objects: what would land if every check passed.
    async fn tell_only(self, as_json: bool) -> Result<Exit, Failure> {
        let branch = branch_of(&self.run);
        let failed =
            |error: baya_engine::git::GitError| Failure::outside("cannot look at the repository", error);
        let mut tip = match self.repository.commit(&branch).await.map_err(failed)? {
            Some(tip) => tip,
            None => self.start().await?,
        };
        let (style, date_s) = (self.options.style, now_ms() / 1_000);
        let own = self.folders.state.join("runs").join(self.run.as_str());
        let mut merger = Merger::new(&self.repository, &self.run, style, date_s, &own);
        for piece in &self.pieces {
            let known = self.view.fates.get(&piece.agent);
            let words = match (known, merger.merge(&tip, piece).await.map_err(failed)?) {
                (Some(Fate::Landed { .. }), Merged::Nothing) => "landed already".to_owned(),
                (_, Merged::Nothing) => "everything in it is there already".to_owned(),
                (_, Merged::Conflict(clash)) => format!("conflict in {}", clash.files.join(", ")),
                (_, Merged::Clean(commit)) => {
                    tip = commit;
                    "merges".to_owned()
                }
            };
            let work = self.view.agents.get(&piece.agent).and_then(|agent| agent.work.as_ref());
            match as_json {
                true => {
                    let line = json!({"type": "piece", "agent": piece.agent, "label": piece.label,
                        "base": piece.base, "head": piece.head, "work": work, "words": words});
                    output::data(&sanitise::json(&line.to_string()));
                }
                false => output::data(&view::line(piece.agent, &piece.label, work, &words)),
            }
        }
        if self.pieces.is_empty() {
            return Ok(self.tell_nothing(as_json));
        }
        Ok(Exit::Done)
    }
}

fn landing_of(recorded: &Recorded) -> Option<&LandingRecord> {
    match &recorded.event {
        Event::Landing { record } => Some(record),
        _ => None,
    }
}

fn of_unfit(unfit: &Unfit) -> Failure {
    Failure::usage(unfit.to_string()).hint_if_some(unfit.hint())
}
