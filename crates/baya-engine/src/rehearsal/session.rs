//! The rehearsals of one job: who plays which, and what becomes of it.

use super::args;
use super::bound;
use super::draw::{self, Drawing, Payees};
use super::evaluate::{Evaluator, Unwatched};
use super::findings::{self, Scene, Seen};
use super::forecast::{self, Kept};
use super::job::{Job, Purpose};
use super::played::Played;
use super::reads::Reads;
use super::world::{self, Watching};
use baya_core::call::{Program, ScriptErrorKind, ThrowKind};
use baya_core::event::ScriptRecord;
use baya_core::history::label_kind;
use baya_core::rehearsal::{Case, Report};
use baya_core::schema::Schemas;
use baya_core::script::{Watched, called, watch, watch_with};
use baya_core::simulate::Rules;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

/// Rehearsals of a script that goes on until its agents are used up.
const ENDLESS_RUNS: u32 = 10;
/// Threads that play.
pub const WORKERS: usize = 2;
/// Rehearsals that may break a limit of the script before no further one begins.
const BROKEN_MAX: u32 = 2;
/// The number of a rehearsal that is none of the job's own.
pub const AGAIN: u32 = u32::MAX;
/// Scripts that a script calls, of which is noted how far they get.
const CHILDREN_MAX: usize = 32;
/// The stack of a thread that evaluates scripts.
const STACK_BYTES: usize = 24 * 1024 * 1024;

/// A job made ready for many rehearsals in one thread.
pub struct Stage<'j> {
    job: &'j Job,
    rules: Rules,
    schemas: RefCell<Schemas>,
    payees: Payees,
    /// What arguments look like, if they have to be made up.
    args_schema: Option<Value>,
    /// The program with its notes, if findings are looked for.
    watched: Option<Watched>,
    /// Scripts that its text says it calls, in the order of the notes.
    children: Vec<ScriptRecord>,
}

impl<'j> Stage<'j> {
    pub fn new(job: &'j Job, reads: &dyn Reads) -> Stage<'j> {
        let (watched, children) = match job.purpose {
            Purpose::Everything => watched(job, reads),
            Purpose::Forecast => (None, Vec::new()),
        };
        let rules = job.fixtures.rules().unwrap_or_default();
        Stage {
            job,
            rules,
            schemas: RefCell::default(),
            payees: Payees::default(),
            args_schema: args::schema(&job.script),
            watched,
            children,
        }
    }

    fn scene(&self) -> Scene<'_> {
        Scene { job: self.job, watched: self.watched.as_ref(), children: &self.children }
    }

    fn known<'a>(&'a self, reads: &'a dyn Reads) -> draw::Known<'a> {
        draw::Known {
            rules: &self.rules,
            schemas: &self.schemas,
            payees: &self.payees,
            args_schema: self.args_schema.as_ref(),
            reads,
        }
    }

    pub fn play(&self, case: &Case, evaluator: &dyn Evaluator, reads: &dyn Reads) -> Played {
        let drawing = Drawing::new(self.job, case, self.known(reads));
        let watching = self.watched.as_ref().map(|watched| Watching { watched, children: &self.children });
        world::play(self.job, case, watching, drawing, evaluator, reads)
    }
}

/// The script and those it calls, with their notes; the same ones in the same order in every thread.
fn watched(job: &Job, reads: &dyn Reads) -> (Option<Watched>, Vec<ScriptRecord>) {
    let mut children: Vec<ScriptRecord> = Vec::new();
    let mut open: Vec<(ScriptRecord, u32)> = vec![(job.script.clone(), job.limits.script.depth_max)];
    while let Some((script, depth_left)) = open.pop() {
        if depth_left == 0 {
            continue;
        }
        for target in called(&script.program) {
            let Ok(child) = reads.workflow(&target, &script.path) else { continue };
            if children.len() < CHILDREN_MAX && !children.iter().any(|known| known.hash == child.hash) {
                open.push((child.clone(), depth_left - 1));
                children.push(child);
            }
        }
    }
    let programs: Vec<&Program> = children.iter().map(|child| &child.program).collect();
    match watch_with(&job.script.program, &programs) {
        Some(watched) => (Some(watched), children),
        None => (watch(&job.script.program), Vec::new()),
    }
}

/// What threads that play share.
pub struct Session<'j> {
    job: &'j Job,
    next: AtomicU32,
    stopped: AtomicBool,
    /// Rehearsals that broke a limit of the script.
    broken: AtomicU32,
    done: Mutex<BTreeMap<u32, Entry>>,
    /// Kinds of labels, from the first rehearsal.
    kinds: OnceLock<Vec<String>>,
    /// How many there will be, from the first rehearsal.
    runs: OnceLock<u32>,
}

impl<'j> Session<'j> {
    pub fn new(job: &'j Job) -> Session<'j> {
        Session {
            job,
            next: AtomicU32::new(0),
            stopped: AtomicBool::new(false),
            broken: AtomicU32::new(0),
            done: Mutex::default(),
            kinds: OnceLock::new(),
            runs: OnceLock::new(),
        }
    }

    pub fn job(&self) -> &'j Job {
        self.job
    }

    /// No further rehearsal begins.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// The first rehearsal: what the others look for follows from it.
    pub fn begin(
        &self,
        stage: &Stage<'_>,
        evaluator: &dyn Evaluator,
        reads: &dyn Reads,
        told: &dyn Fn(u32, &Case),
    ) {
        let case = self.job.case(0, &[]);
        told(0, &case);
        let played = stage.play(&case, evaluator, reads);
        let mut kinds: Vec<String> = Vec::new();
        for agent in &played.agents {
            let kind = label_kind(&agent.label);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        self.keep(stage, 0, &played);
        // What the plain one breaks, they all would, and each would take as long.
        if broke_a_limit(&played) {
            self.stop();
        }
        let _ = self.kinds.set(kinds);
        let runs = if asked_for_all(&played) { self.job.runs.min(ENDLESS_RUNS) } else { self.job.runs };
        let _ = self.runs.set(runs);
        self.next.store(1, Ordering::Release);
    }

    /// Plays until nothing is left to play; `told` hears of each case before it is played.
    pub fn work(
        &self,
        stage: &Stage<'_>,
        evaluator: &dyn Evaluator,
        reads: &dyn Reads,
        told: &dyn Fn(u32, &Case),
    ) {
        let kinds = self.kinds.get().map(Vec::as_slice).unwrap_or_default();
        let runs = self.runs.get().copied().unwrap_or(self.job.runs);
        while !self.stopped.load(Ordering::Acquire) {
            let index = self.next.fetch_add(1, Ordering::AcqRel);
            if index >= runs {
                return;
            }
            if self.job.skipped.contains(&index) {
                continue;
            }
            let case = self.job.case(index, kinds);
            told(index, &case);
            self.keep(stage, index, &stage.play(&case, evaluator, reads));
        }
    }

    fn keep(&self, stage: &Stage<'_>, index: u32, played: &Played) {
        if broke_a_limit(played) && self.broken.fetch_add(1, Ordering::AcqRel) + 1 >= BROKEN_MAX {
            self.stop();
        }
        let entry = Entry {
            case: played.case.clone(),
            kept: Kept::of(played),
            seen: findings::look(stage.scene(), played),
            broke_a_limit: broke_a_limit(played),
        };
        self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(index, entry);
    }

    /// Adds up what was played: the rehearsals from the first up to the first that is missing, and no
    /// further than to the last that may break a limit. What looks odd is played again, smaller.
    pub fn report(
        &self,
        stage: &Stage<'_>,
        evaluator: &dyn Evaluator,
        reads: &dyn Reads,
        told: &dyn Fn(u32, &Case),
    ) -> Report {
        let done = std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut kept, mut seen, mut broken) = (Vec::new(), Vec::new(), 0);
        let mut expected = (0..self.job.runs.max(1)).filter(|index| !self.job.skipped.contains(index));
        for (index, entry) in done {
            if expected.next() != Some(index) || broken >= BROKEN_MAX {
                break;
            }
            broken += u32::from(entry.broke_a_limit);
            kept.push(entry.kept);
            seen.push((entry.case, entry.seen));
        }
        let again = |case: &Case| {
            told(AGAIN, case);
            stage.play(case, evaluator, reads)
        };
        let mut report = report(stage, &kept, seen, &again);
        bound::bound(self.job, reads, &mut report);
        report
    }
}

/// What is kept of a rehearsal.
struct Entry {
    case: Case,
    kept: Kept,
    seen: Seen,
    broke_a_limit: bool,
}

/// A script that does so even when all goes well has no end, and more rehearsals say no more.
fn asked_for_all(played: &Played) -> bool {
    played.refusals.iter().any(|refusal| refusal.thrown.kind == ThrowKind::AgentLimit)
}

/// What such a script used is never given back.
fn broke_a_limit(played: &Played) -> bool {
    let error = played.end.run_end().and_then(|end| end.error.as_ref());
    error.is_some_and(|error| matches!(error.kind, ScriptErrorKind::CpuLimit | ScriptErrorKind::MemoryLimit))
}

fn report(
    stage: &Stage<'_>,
    kept: &[Kept],
    seen: Vec<(Case, Seen)>,
    play: &dyn Fn(&Case) -> Played,
) -> Report {
    let job = stage.job;
    let mut host_steps = BTreeMap::new();
    let mut unpriced = BTreeSet::new();
    for one in kept {
        unpriced.extend(one.unpriced.iter().cloned());
        for (name, words) in &one.host_steps {
            host_steps.entry(name.clone()).or_insert_with(|| words.clone());
        }
    }
    Report {
        runs: kept.len() as u32,
        seed: job.seed,
        history_runs: job.history.runs,
        total: forecast::total(kept, job.history.runs),
        phases: titles(job, kept)
            .into_iter()
            .map(|title| (title.clone(), forecast::of_phase(kept, job.history.runs, &title)))
            .collect(),
        findings: findings::sum_up(stage.scene(), seen, play),
        host_steps: host_steps.into_iter().collect(),
        unpriced: unpriced.into_iter().collect(),
    }
}

/// Phases that had agents: in the order of `meta.phases`, then as they were entered.
fn titles(job: &Job, kept: &[Kept]) -> Vec<String> {
    let declared = job.script.meta.get("phases").and_then(Value::as_array);
    let title = |phase: &Value| phase.get("title").unwrap_or(phase).as_str().map(str::to_owned);
    let mut titles: Vec<String> = declared.into_iter().flatten().filter_map(title).collect();
    for phase in kept.iter().flat_map(|one| &one.phases) {
        if !titles.contains(phase) {
            titles.push(phase.clone());
        }
    }
    titles.retain(|title| kept.iter().any(|one| one.by_phase.contains_key(title)));
    titles
}

pub(super) fn rehearse(job: &Job) -> Report {
    let session = Session::new(job);
    let mut report = None;
    let told = |_: u32, _: &Case| {};
    thread::scope(|scope| {
        let begin = || session.begin(&Stage::new(job, job), &Unwatched, job, &told);
        on_thread(scope, begin).map(|begun| begun.join().ok());
        let work = || session.work(&Stage::new(job, job), &Unwatched, job, &told);
        let workers: Vec<_> = (0..WORKERS).filter_map(|_| on_thread(scope, work)).collect();
        workers.into_iter().for_each(|worker| drop(worker.join()));
        let sum_up = || session.report(&Stage::new(job, job), &Unwatched, job, &told);
        report = on_thread(scope, sum_up).and_then(|thread| thread.join().ok());
    });
    report.unwrap_or_default()
}

fn on_thread<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Option<thread::ScopedJoinHandle<'scope, T>> {
    thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work).ok()
}
