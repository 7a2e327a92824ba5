//! A driver that a test ends at will, and what its run has finished by then.

use crate::harness::{Baya, Call, runs, send, wait, wait_for};
use baya_core::event::{Event, Outcome, Recorded};
use baya_core::ids::{AgentNumber, RunId};
use baya_engine::runs::RunStore;
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::process::{Child, ExitStatus, Stdio};

/// A `baya run` or `baya resume`, killed when dropped. It writes less than a pipe holds.
pub struct Driver {
    process: Child,
}

impl Driver {
    pub fn start(call: &Call<'_>) -> Driver {
        let mut command = call.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Driver { process: command.spawn().expect("the program starts") }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn send(&self, signal: Signal) {
        send(&self.process, signal);
    }

    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("a child").is_some()
    }

    /// Waits for its own end: the exit code, and what it said.
    pub fn end(mut self) -> (Option<i32>, String) {
        let code = wait(&mut self.process).code();
        let mut said = String::new();
        let stderr = self.process.stderr.as_mut().expect("a pipe");
        stderr.read_to_string(&mut said).expect("UTF-8");
        (code, said)
    }

    /// SIGKILL, unless it has ended by itself; its status.
    pub fn kill(mut self) -> ExitStatus {
        self.process.kill().expect("a child");
        wait(&mut self.process)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Whoever waited for it already has its status.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The journal of a run, as another process reads it.
pub fn events(baya: &Baya, run: &str) -> Vec<Recorded> {
    let store = RunStore::new(&baya.home().join(".local/state/baya"));
    let reader = store.read(&RunId::parse(run).expect("an id")).expect("a journal");
    let prefix = reader.prefix();
    assert!(prefix.damage.is_none(), "{run}: {:?}", prefix.damage);
    prefix.events
}

/// The prompts of agents that have answered.
pub fn answered(events: &[Recorded]) -> BTreeSet<String> {
    let mut prompts: BTreeMap<AgentNumber, &str> = BTreeMap::new();
    let mut answered = BTreeSet::new();
    for recorded in events {
        match &recorded.event {
            Event::AgentQueued { agent, prompt, .. } => drop(prompts.insert(*agent, prompt)),
            Event::AgentFinished { agent, outcome: Outcome::Answered(_), .. } => {
                answered.extend(prompts.get(agent).map(|prompt| (*prompt).to_owned()));
            }
            _ => {}
        }
    }
    answered
}

/// Waits until the home has its run, and that so many agents have answered; the run's id.
pub fn wait_for_answers(baya: &Baya, count: usize) -> String {
    wait_for(&format!("{count} answers"), || {
        runs(&baya.home()).pop().is_some_and(|run| answered(&events(baya, &run)).len() >= count)
    });
    runs(&baya.home()).pop().expect("a run")
}
