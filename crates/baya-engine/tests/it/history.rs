//! What earlier runs of a script say of its agents: gathered from their journals, once each.

use crate::journal::{run_id, wait};
use baya_core::agent::{AgentOptions, Answer, AttemptEnd, Cause, CauseKind, Usage};
use baya_core::call::Program;
use baya_core::event::{Event, Failures, Outcome, Recorded, RunStatus, ScriptRecord, Surroundings};
use baya_core::history::{ANSWERS_MAX, History, SAMPLES_MAX};
use baya_core::ids::{AgentNumber, CallId, FrameId};
use baya_core::limits::Limits;
use baya_core::turn::{TurnCost, TurnRecord};
use baya_engine::history::{Bounds, Wanted, gather};
use baya_engine::journal::{Durability, Journal};
use baya_engine::runs::RunStore;
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// One run of `/project/tidy.js`, unless something else is said.
struct Past {
    number: u64,
    name: &'static str,
    folder: &'static str,
    hash: &'static str,
    simulated: bool,
    ends: bool,
    agents: Vec<Event>,
}

impl Past {
    fn new(number: u64, agents: Vec<Event>) -> Past {
        let (name, folder, hash) = ("tidy", "/project", "h1");
        Past { number, name, folder, hash, simulated: false, ends: true, agents }
    }

    fn started(&self) -> Event {
        let script = ScriptRecord {
            name: self.name.to_owned(),
            path: "tidy.js".to_owned(),
            hash: self.hash.to_owned(),
            meta: json!({"name": self.name}),
            program: Program { units: Vec::new() },
            sources: Vec::new(),
        };
        let folder = self.folder.to_owned();
        let surroundings = Surroundings { folder, simulated: self.simulated, ..Surroundings::default() };
        Event::RunStarted {
            run: run_id(self.number),
            version: 1,
            script,
            args: None,
            seed: 1,
            now_ms: 1,
            limits: Limits::default(),
            surroundings,
        }
    }

    fn write(&self, state: &TempDir) {
        let store = RunStore::new(state.path());
        let ended = Event::RunEnded {
            status: RunStatus::Completed,
            result: None,
            error: None,
            failures: Failures::default(),
        };
        let events = std::iter::once(self.started()).chain(self.agents.clone());
        let events: Vec<Recorded> = events
            .chain(self.ends.then_some(ended))
            .zip(1..)
            .map(|(event, seq)| Recorded { seq, at_ms: 1, event })
            .collect();
        let journal = store.create(&run_id(self.number)).unwrap();
        wait(journal.append(events, Durability::Now)).unwrap();
        drop(journal);
        let path = self.journal(state);
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + self.number);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    fn journal(&self, state: &TempDir) -> PathBuf {
        RunStore::new(state.path()).run_folder(&run_id(self.number)).join("journal.db")
    }
}

fn queued(number: u32, label: &str, options: AgentOptions) -> Event {
    Event::AgentQueued {
        agent: AgentNumber(number),
        call: CallId(u64::from(number)),
        frame: FrameId::MAIN,
        key: number.to_string(),
        occurrence: 0,
        label: label.to_owned(),
        phase: None,
        prompt: "what is it?".to_owned(),
        options,
        tainted: None,
        site: None,
        errand: None,
    }
}

fn tokens(input: u64, output: u64) -> Usage {
    Usage { input, output, ..Usage::default() }
}

fn finished(number: u32, outcome: Outcome, output: u64) -> Event {
    Event::AgentFinished {
        agent: AgentNumber(number),
        attempt: 1,
        outcome,
        usage: tokens(10, output),
        model_asked: Some("sonnet".to_owned()),
        model_served: Some("large-1".to_owned()),
        requests: 1,
        rung: None,
        drafts: Vec::new(),
        notes: Vec::new(),
        duration_ms: 2_000,
        borrowed: None,
        work: None,
    }
}

fn answered(number: u32, label: &str, output: u64) -> Vec<Event> {
    let answer = Outcome::Answered(Answer::Text(format!("answer {number}")));
    vec![queued(number, label, AgentOptions::default()), finished(number, answer, output)]
}

fn failed(number: u32, label: &str, kind: CauseKind) -> Vec<Event> {
    let outcome = Outcome::Failed(Cause::new(kind, "no"));
    vec![queued(number, label, AgentOptions::default()), finished(number, outcome, 1)]
}

fn state(pasts: &[Past]) -> TempDir {
    let state = tempfile::tempdir().unwrap();
    pasts.iter().for_each(|past| past.write(&state));
    state
}

fn wanted() -> Wanted {
    Wanted { name: "tidy".to_owned(), file: PathBuf::from("/project/tidy.js"), hash: "h1".to_owned() }
}

fn known(state: &TempDir) -> History {
    gather(state.path(), &wanted(), Bounds::default())
}

fn outputs(history: &History, kind: &str) -> Vec<u64> {
    let label = history.labels.get(kind);
    label.iter().flat_map(|label| &label.samples).map(|sample| sample.output).collect()
}

#[test]
fn all_that_an_agent_took_is_one_sample_of_its_kind_of_label() {
    let cost = TurnCost { usage: tokens(100, 20), model_served: None, requests: 2 };
    let content = json!("let me see");
    let turn =
        TurnRecord::Answered { model: "p/m".to_owned(), content, calls: Vec::new(), is_cut: false, cost };
    let agent = AgentNumber(1);
    let lost = AttemptEnd::Failed(Cause::new(CauseKind::Network, "lost"));
    let mut agents = vec![
        queued(1, "review src/a.rs", AgentOptions::default()),
        Event::AgentTurn { agent, attempt: 1, turn },
        Event::AttemptEnded {
            agent,
            attempt: 1,
            end: lost,
            usage: tokens(5, 3),
            model_asked: None,
            model_served: None,
            requests: 0,
            drafts: Vec::new(),
        },
        finished(1, Outcome::Answered(Answer::Json(json!({"ok": true}))), 400),
    ];
    agents.extend(answered(2, "review src/b.rs", 50));
    agents.extend(failed(3, "review src/c.rs", CauseKind::SchemaUnmet));
    agents.extend(failed(4, "review src/d.rs", CauseKind::Skipped));
    agents.extend(answered(5, "sum up", 7));
    let history = known(&state(&[Past::new(1, agents)]));
    assert_eq!((history.runs, history.labels.len()), (1, 2));
    let review = &history.labels["review *"];
    assert_eq!((review.agents, review.failed), (3, 1), "a person who skips says nothing of the model");
    let sample = &review.samples[0];
    assert_eq!((sample.input, sample.output, sample.requests), (115, 423, 3));
    assert_eq!((sample.prompt_bytes, sample.duration_ms), (11, 2_000));
    assert_eq!(sample.model.as_deref(), Some("large-1"));
    assert_eq!(review.answers, [json!({"ok": true}), json!("answer 2")]);
    assert_eq!(outputs(&history, "sum up"), [7]);
}

#[test]
fn only_runs_of_this_script_that_asked_a_model_and_are_over_count() {
    let agents = || answered(1, "sum up", 7);
    let past = || Past::new(1, agents());
    let cases = [
        ("as it is", past(), 1),
        ("edited since", Past { hash: "h2", ..past() }, 1),
        ("the same text elsewhere", Past { folder: "/clone", ..past() }, 1),
        ("another script of the same name", Past { folder: "/other", hash: "h3", ..past() }, 0),
        ("another name", Past { name: "other", ..past() }, 0),
        ("simulated", Past { simulated: true, ..past() }, 0),
        ("not over", Past { ends: false, ..past() }, 0),
        ("without agents", Past { agents: Vec::new(), ..past() }, 0),
    ];
    for (what, past, runs) in cases {
        let state = state(&[past]);
        for time in ["first", "second"] {
            assert_eq!(known(&state).runs, runs, "{what}, the {time} time");
        }
    }
    let nowhere = tempfile::tempdir().unwrap();
    assert_eq!(known(&nowhere), History::default());
    assert!(!nowhere.path().join("runs").exists(), "looking makes nothing");
}

#[test]
fn an_agent_of_the_simulated_backend_says_nothing_beside_real_ones() {
    let simulated = AgentOptions { backend: Some("simulated".to_owned()), ..AgentOptions::default() };
    let real = AgentOptions { backend: Some("other".to_owned()), ..AgentOptions::default() };
    let answer = || Outcome::Answered(Answer::Text("a".to_owned()));
    let agents = |options| vec![queued(1, "sum up", options), finished(1, answer(), 3)];
    assert_eq!(known(&state(&[Past::new(1, agents(simulated))])).runs, 0);
    let beside = Past { simulated: true, ..Past::new(1, agents(real)) };
    assert_eq!(known(&state(&[beside])).runs, 1);
}

#[test]
fn a_damaged_journal_is_left_out_and_the_others_count() {
    let pasts = [1, 2, 3].map(|number| Past::new(number, answered(1, "sum up", number)));
    let state = state(&pasts);
    let path = pasts[1].journal(&state);
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(8).position(|part| part == b"answer 1").expect("it is in the file");
    let mut damaged = bytes;
    damaged[at] ^= 1;
    std::fs::write(&path, damaged).unwrap();
    std::fs::write(pasts[0].journal(&state).with_file_name("history.json"), "{").unwrap();
    for _ in 0..2 {
        assert_eq!(outputs(&known(&state), "sum up"), [3, 1]);
    }
}

#[test]
fn the_newest_come_first_and_there_is_an_end_to_them() {
    let pasts: Vec<Past> = (1..=5).map(|n| Past::new(n, answered(1, "sum up", n))).collect();
    let state = state(&pasts);
    let within = |bounds| outputs(&gather(state.path(), &wanted(), bounds), "sum up");
    let bytes = pasts[0].journal(&state).metadata().unwrap().len();
    assert_eq!(within(Bounds { bytes: bytes * 5 / 2, ..Bounds::default() }), [5, 4], "bytes");
    assert_eq!(within(Bounds { bytes: 0, ..Bounds::default() }), [5, 4], "what was read is kept");
    assert_eq!(within(Bounds { runs: 3, ..Bounds::default() }), [5, 4, 3], "runs that count");
    assert_eq!(within(Bounds { looked_at: 1, ..Bounds::default() }), [5], "runs looked at");
    assert_eq!(within(Bounds::default()), [5, 4, 3, 2, 1]);
}

#[test]
fn a_huge_history_stays_within_its_limits() {
    let many = |number: u64| {
        let agents = (1..=300).flat_map(|n| answered(n, "sum up", number * 1_000 + u64::from(n)));
        let kinds = (301..=600).flat_map(|n| answered(n, &format!("kind{}", letters(n)), 1));
        Past::new(number, agents.chain(kinds).collect())
    };
    let history = known(&state(&[many(1), many(2)]));
    assert_eq!((history.runs, history.labels.len()), (2, 200));
    let label = &history.labels["sum up"];
    assert_eq!((label.agents, label.samples.len(), label.answers.len()), (600, SAMPLES_MAX, ANSWERS_MAX));
    assert!(label.samples.iter().all(|sample| sample.output > 2_000), "the newest");
}

/// A word without a digit for each number.
fn letters(number: u32) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

#[test]
fn a_run_that_was_taken_up_again_is_read_again() {
    let past = Past::new(1, answered(1, "sum up", 7));
    let state = state(std::slice::from_ref(&past));
    assert_eq!(outputs(&known(&state), "sum up"), [7]);
    let store = RunStore::new(state.path());
    let journal = store.drive(&run_id(1)).unwrap();
    let events = journal.load().unwrap();
    let mut more = vec![Event::RunResumed { generation: 2, script: None, args: None }];
    more.extend(answered(2, "sum up", 8));
    let ended = events.last().unwrap().event.clone();
    let append = |events: Vec<Event>, first: u64| {
        let events =
            (first..).zip(events).map(|(seq, event)| Recorded { seq, at_ms: 1, event }).collect::<Vec<_>>();
        wait(journal.append(events, Durability::Now)).unwrap();
    };
    append(more, events.len() as u64 + 1);
    assert_eq!(known(&state).runs, 0, "it is at work");
    append(vec![ended], events.len() as u64 + 4);
    drop(journal);
    assert_eq!(outputs(&known(&state), "sum up"), [7, 8]);
}
