//! The process that rehearses, which the engine starts as `baya __rehearse`: closed off like the isolate's,
//! with two threads that play.

use super::job::{Job, Payee};
use super::protocol::{Answer, Order, Question, Word};
use super::reads::Reads;
use super::session::{Session, Stage, WORKERS};
use baya_core::agent::AgentOptions;
use baya_core::call::WorkflowTarget;
use baya_core::event::ScriptRecord;
use baya_core::rehearsal::Case;
use baya_core::step::{HostStep, StepOutcome};
use baya_js::child::{Guard, exit_now, seal};
use baya_js::watchdog::{EXIT_FAULT, EXIT_NO_SANDBOX, EXIT_PROTOCOL};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Barrier, Mutex, OnceLock, PoisonError};

/// What all threads of this process share.
#[derive(Default)]
struct Shared {
    session: OnceLock<Session<'static>>,
    outside: Outside,
}

/// What the hidden subcommand runs. Call it first in `main`, while the process has one thread.
pub fn main() -> ! {
    let shared = Arc::new(Shared::default());
    let ready = Arc::new(Barrier::new(WORKERS + 1));
    let begun = Arc::new(Barrier::new(WORKERS));
    let done = Arc::new(Barrier::new(WORKERS));
    let threads = (0..WORKERS).map(|worker| {
        let (shared, ready, begun, done) = (shared.clone(), ready.clone(), begun.clone(), done.clone());
        let work = move |guard: Guard| {
            ready.wait();
            let played = catch_unwind(AssertUnwindSafe(|| serve(worker, &shared, &guard, &begun, &done)));
            if played.is_err() {
                exit_now(EXIT_FAULT);
            }
        };
        Box::new(work) as Box<dyn FnOnce(Guard) + Send>
    });
    if let Err(error) = seal(threads.collect()) {
        complain(&error, EXIT_NO_SANDBOX);
    }
    listen(&shared, &ready)
}

fn complain(error: &str, status: i32) -> ! {
    eprintln!("baya rehearsal: {error}");
    exit_now(status)
}

/// Reads what the parent says until it has no more to say.
fn listen(shared: &Shared, ready: &Barrier) -> ! {
    for line in std::io::stdin().lock().split(b'\n') {
        let order = line.ok().and_then(|line| serde_json::from_slice(&line).ok());
        match order {
            Some(Order::Job(job)) => {
                // For as long as the process lives.
                let job: &'static Job = Box::leak(job);
                if shared.session.set(Session::new(job)).is_err() {
                    complain("a second job", EXIT_PROTOCOL);
                }
                ready.wait();
            }
            Some(Order::Answer { question, answer }) => shared.outside.hear(question, answer),
            None => complain("not a message that fits here", EXIT_PROTOCOL),
        }
    }
    match shared.session.get() {
        Some(session) => {
            session.stop();
            shared.outside.close();
        }
        None => exit_now(0),
    }
    // The threads that play end the process.
    loop {
        std::thread::park();
    }
}

fn serve(worker: usize, shared: &Shared, guard: &Guard, begun: &Barrier, done: &Barrier) {
    let Some(session) = shared.session.get() else { return };
    let job = session.job();
    let asking = Asking { outside: &shared.outside, job };
    let stage = Stage::new(job, &asking);
    if let Some(case) = &job.replay {
        if worker == 0 {
            say(&Word::Begins { worker, index: 0, case: case.clone() });
            say(&Word::Played(Box::new(stage.play(case, guard, &asking))));
            exit_now(0);
        }
        return;
    }
    let told = |index: u32, case: &Case| say(&Word::Begins { worker, index, case: case.clone() });
    if worker == 0 {
        session.begin(&stage, guard, &asking, &told);
    }
    begun.wait();
    session.work(&stage, guard, &asking, &told);
    done.wait();
    if worker == 0 {
        say(&Word::Report(Box::new(session.report(&stage, guard, &asking, &told))));
        exit_now(0);
    }
}

fn say(word: &Word) {
    let mut line = serde_json::to_vec(word).unwrap_or_default();
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    if out.write_all(&line).and_then(|()| out.flush()).is_err() {
        // Nobody listens any more.
        exit_now(EXIT_FAULT);
    }
}

/// What was asked of the parent, and who waits for it.
#[derive(Default)]
struct Outside {
    known: Mutex<Questions>,
}

#[derive(Default)]
struct Questions {
    asked: u64,
    answered: BTreeMap<String, Answer>,
    waiting: BTreeMap<u64, Sender<Answer>>,
    /// The parent answers no more.
    closed: bool,
}

impl Outside {
    fn hear(&self, question: u64, answer: Answer) {
        let waiting = self.lock().waiting.remove(&question);
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer);
        }
    }

    fn close(&self) {
        let mut known = self.lock();
        known.closed = true;
        known.waiting.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Questions> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same question is asked once.
    fn ask(&self, about: Question) -> Option<Answer> {
        let key = serde_json::to_string(&about).unwrap_or_default();
        let (sender, answered) = mpsc::channel();
        let question = {
            let mut known = self.lock();
            if let Some(answer) = known.answered.get(&key) {
                return Some(answer.clone());
            }
            if known.closed {
                return None;
            }
            known.asked += 1;
            let question = known.asked;
            known.waiting.insert(question, sender);
            question
        };
        say(&Word::Asks { question, about });
        let answer = answered.recv().ok()?;
        self.lock().answered.insert(key, answer.clone());
        Some(answer)
    }
}

struct Asking<'a> {
    outside: &'a Outside,
    job: &'a Job,
}

impl Reads for Asking<'_> {
    fn workflow(&self, target: &WorkflowTarget, importer: &str) -> Result<ScriptRecord, String> {
        let about = Question::Workflow { target: target.clone(), importer: importer.to_owned() };
        match self.outside.ask(about) {
            Some(Answer::Workflow(loaded)) => loaded.map(|script| *script),
            Some(Answer::Step(_) | Answer::Payee(_)) | None => self.job.workflow(target, importer),
        }
    }

    fn step(&self, step: &HostStep) -> Option<StepOutcome> {
        match step {
            HostStep::Glob { .. } | HostStep::ChangedFiles { .. } => {}
            HostStep::ReadFile { .. }
            | HostStep::Exec { .. }
            | HostStep::WriteFile { .. }
            | HostStep::Land { .. } => return None,
        }
        match self.outside.ask(Question::Step(step.clone())) {
            Some(Answer::Step(outcome)) => outcome,
            Some(Answer::Workflow(_) | Answer::Payee(_)) | None => None,
        }
    }

    fn payee(&self, options: &AgentOptions) -> Option<Payee> {
        if !self.job.models.backends.is_empty() {
            return self.job.payee(options);
        }
        // Nothing else of the options matters.
        let named = AgentOptions {
            backend: options.backend.clone(),
            model: options.model.clone(),
            agent_type: options.agent_type.clone(),
            ..AgentOptions::default()
        };
        match self.outside.ask(Question::Payee(Box::new(named))) {
            Some(Answer::Payee(payee)) => payee,
            Some(Answer::Workflow(_) | Answer::Step(_)) | None => None,
        }
    }
}
