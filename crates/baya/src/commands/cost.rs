//! `baya cost`: what runs cost, and what of it.
//!
//! Journals are read in pieces, one run after the other, and forgotten: what is kept is one sum for each
//! line that is shown.

use super::drive::of_journal;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::quantity::{self, Since};
use crate::views::{cost, sanitise};
use baya_core::ids::RunId;
use baya_core::view::{By, Ledger, Rollup};
use baya_engine::driver::now_ms;
use baya_engine::journal::{JournalError, Reader, RunState};
use baya_engine::runs::{RunStore, RunSummary};

/// Events read at once.
const EVENTS_AT_ONCE: u64 = 1_000;
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, its beginning, or `last`; none: all runs
    pub run: Option<String>,
    /// What to add up by; of one run its phases, else runs
    #[arg(long, value_enum)]
    pub by: Option<ByWord>,
    /// Only what was used since: `7d`, `12h`, or a date such as `2026-11-01`
    #[arg(long, value_name = "TIME", value_parser = quantity::since)]
    pub since: Option<Since>,
    /// One JSON line per group, and one for all
    #[arg(long)]
    pub json: bool,
    /// As comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// As typed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum ByWord {
    Attempt,
    Agent,
    Phase,
    Label,
    Model,
    Run,
    Day,
    Child,
}

impl ByWord {
    fn by(self) -> By {
        match self {
            ByWord::Attempt => By::Attempt,
            ByWord::Agent => By::Agent,
            ByWord::Phase => By::Phase,
            ByWord::Label => By::Label,
            ByWord::Model => By::Model,
            ByWord::Run => By::Run,
            ByWord::Day => By::Day,
            ByWord::Child => By::Child,
        }
    }
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let store = RunStore::new(&Folders::find()?.state);
    let since_ms = args.since.map(since_ms).transpose()?.unwrap_or(i64::MIN);
    let by = args.by.map_or(if args.run.is_some() { By::Phase } else { By::Run }, ByWord::by);
    let mut rollup = Rollup::new(by);
    let mut damaged = None;
    match &args.run {
        Some(wanted) => {
            let run = store.find(wanted).map_err(|error| of_journal(&error))?;
            let reader = store.read(&run).map_err(|error| of_journal(&error))?;
            damaged = add(&reader, since_ms, &mut rollup).err();
        }
        None => add_all(&store, since_ms, &mut rollup)?,
    }
    let lines = match (args.json, args.csv) {
        (true, _) => cost::json(&rollup, by),
        (_, true) => cost::csv(&rollup, by),
        (false, false) => cost::table(&rollup, by),
    };
    lines.iter().for_each(|line| output::data(line));
    if rollup.runs() == 0 {
        output::talk(match args.since {
            Some(_) => "nothing was used since then",
            None => "nothing was used yet",
        });
    }
    match damaged {
        Some(damage) => Err(Failure { exit: Exit::ScriptFailed, ..of_journal(&damage) }),
        None => Ok(Exit::Done),
    }
}

fn since_ms(since: Since) -> Result<i64, Failure> {
    let now_ms = now_ms();
    let since_ms = match since {
        Since::Ago(ms) => now_ms.saturating_sub_unsigned(ms),
        Since::Day(day) => day * DAY_MS,
    };
    if since_ms > now_ms {
        return Err(Failure::usage("`--since` lies in the future").hint("days are those of UTC"));
    }
    Ok(since_ms)
}

/// All runs, the newest first.
fn add_all(store: &RunStore, since_ms: i64, rollup: &mut Rollup) -> Result<(), Failure> {
    let list = store.list().map_err(|error| of_journal(&error))?;
    let skip = |id: &RunId, error: &JournalError| {
        output::talk(&sanitise::line(&format!("{id} is left out or incomplete: {error}")));
    };
    for run in list.runs.iter().filter(|run| is_worth_reading(run, since_ms)) {
        let added = store.read(&run.id).and_then(|reader| add(&reader, since_ms, rollup));
        added.err().iter().for_each(|error| skip(&run.id, error));
    }
    list.unreadable.iter().for_each(|(id, error)| skip(id, error));
    Ok(())
}

/// An ended run has used nothing after its end.
fn is_worth_reading(run: &RunSummary, since_ms: i64) -> bool {
    let is_over = matches!(run.summary.state, RunState::Ended(_));
    !is_over || run.summary.ended_ms.is_none_or(|ended_ms| ended_ms >= since_ms)
}

/// Adds what can be read of a journal; an error says what is missing.
fn add(reader: &Reader, since_ms: i64, rollup: &mut Rollup) -> Result<(), JournalError> {
    let mut ledger = Ledger::since(since_ms);
    let mut seq = 0;
    let damage = loop {
        match reader.since(seq, EVENTS_AT_ONCE) {
            Ok(events) => {
                events.iter().for_each(|recorded| ledger.apply(recorded));
                seq += events.len() as u64;
                if (events.len() as u64) < EVENTS_AT_ONCE {
                    break None;
                }
            }
            Err(error) => {
                let before = reader.prefix().events;
                before.iter().skip_while(|recorded| recorded.seq <= seq).for_each(|it| ledger.apply(it));
                break Some(error);
            }
        }
    };
    if ledger.lines().next().is_some() {
        rollup.add(&ledger);
    }
    damage.map_or(Ok(()), Err)
}
