//! SIGKILL at random moments, for real: each script is run, killed, resumed, killed again until it is
//! done. Its result is that of a run nobody killed, and no agent that had answered is asked again.
//!
//! The moments come from a seed that each test prints: `BAYA_KILL_SEED=7 cargo test -p baya killed`.

use crate::fake::FakeModel;
use crate::harness::{Baya, runs, wait_for};
use crate::killed_process::{Driver, answered, events};
use baya_core::event::{Event, Recorded};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

/// Kills of each test; five tests make 110.
const KILLS: u32 = 22;
const SEED: u64 = 1;

const FAN_OUT: &str = "
const notes = await parallel(Array.from({ length: 20 }, (_, n) => () => agent(`note ${n}`)))
log(`${notes.length} notes`)
return [notes, await agent(`sum up ${notes.join().length} characters`)]";

const PIPELINE: &str = "
const stage = name => (before, item) => agent(`${name} ${item} after ${before}`)
return await pipeline([0, 1, 2, 3, 4, 5, 6, 7], stage('a'), stage('b'), stage('c'), stage('d'))";

const LOOP: &str = "
let text = 'nothing'
for (let round = 0; round < 14; round++) {
  phase(`Round ${round % 3}`)
  text = await agent(`round ${round} after ${text.length} at ${Math.random()}`)
  await new Promise(resolve => setTimeout(resolve, 5))
}
return text";

const CHILDREN: &str = "
const parts = []
for (const name of ['bread', 'salt']) {
  parts.push(await workflow({ scriptPath: 'child.js' }, { name }))
}
const rest = await parallel(['oil', 'tea'].map(name => () => workflow({ scriptPath: 'child.js' }, { name })))
return [parts, rest, await agent('the end')]";

const CHILD: &str = "
const points = await parallel([1, 2, 3].map(n => () => agent(`point ${n} on ${args.name}`)))
return await agent(`join ${points.length} on ${args.name}`)";

const STRUCTURED: &str = "
const properties = { score: { type: 'integer', minimum: 0, maximum: 9 }, why: { type: 'string' } }
const schema = { type: 'object', properties, required: ['score', 'why'] }
const judge = n => agent(`judge ${n}`, { schema, label: `judge ${n}` })
const first = await parallel(Array.from({ length: 12 }, (_, n) => () => judge(n)))
const best = first.indexOf(first.reduce((a, b) => (b.score > a.score ? b : a)))
return [first, best, await judge(`the winner ${best} once more`)]";

/// Numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }
}

/// One run of a script from its beginning to its end, by as many processes as it takes.
struct Play {
    baya: Baya,
    model: FakeModel,
    /// How often each prompt had been sent when its answer was first seen in a journal.
    sent: BTreeMap<String, usize>,
    kills: u32,
}

impl Play {
    fn new(script: &str) -> Play {
        let rules = json!({"latency_ms": [5, 40], "rules": [
            {"when": {"prompt": "^[ab] 0 "}, "latency_ms": 150, "echo": true},
            {"when": {"schema": false}, "echo": true},
        ]});
        let baya = Baya::new();
        for (path, body) in [("x.js", script), ("child.js", CHILD)] {
            baya.write(path, &format!("export const meta = {{ name: 'x', description: 'd' }}{body}\n"));
        }
        Play { baya, model: FakeModel::start(&rules), sent: BTreeMap::new(), kills: 0 }
    }

    /// What the run has written, if it has written anything.
    fn journal(&self) -> Option<(String, Vec<Recorded>)> {
        let written = |run: String| {
            let events = events(&self.baya, &run);
            (!events.is_empty()).then_some((run, events))
        };
        runs(&self.baya.home()).into_iter().find_map(written)
    }

    fn result(&self) -> Option<Value> {
        let (_, events) = self.journal()?;
        events.iter().find_map(|recorded| match &recorded.event {
            Event::RunEnded { result, .. } => Some(result.clone().unwrap_or(Value::Null)),
            _ => None,
        })
    }

    /// Starts or resumes the run.
    fn go_on(&self) -> Driver {
        let line = match self.journal() {
            None => "run x.js --seed 5 --yes".to_owned(),
            Some((run, _)) => format!("resume {run}"),
        };
        Driver::start(&self.model.serves(self.baya.line(&line)))
    }

    /// Lets one process work until a random moment, then kills it and looks at what it has left.
    fn kill_once(&mut self, random: &mut Random) {
        let before = self.model.prompts().len();
        let mut driver = self.go_on();
        // One in five may die before it has sent anything.
        let requests = if random.below(5) == 0 { 0 } else { 1 + random.below(6) as usize };
        let moment = Duration::from_micros(random.below(if requests == 0 { 60_000 } else { 30_000 }));
        wait_for("requests", || driver.has_ended() || self.model.prompts().len() >= before + requests);
        std::thread::sleep(moment);
        self.kills += u32::from(driver.kill().signal() == Some(9));
        let asked = self.model.asked();
        for prompt in self.journal().map(|(_, events)| answered(&events)).unwrap_or_default() {
            let sent = asked[&prompt];
            let known = *self.sent.entry(prompt.clone()).or_insert(sent);
            assert_eq!(sent, known, "`{prompt}` was answered and is asked again");
        }
    }

    /// The end: nothing that a kill had left finished was asked again.
    fn check_requests(&self) {
        let asked = self.model.asked();
        for (prompt, sent) in &self.sent {
            assert_eq!(&asked[prompt], sent, "`{prompt}` was answered and is asked again");
        }
        let kills = self.kills as usize;
        let most = asked.iter().find(|(_, times)| **times > 1 + kills);
        assert_eq!(most, None, "more requests than processes");
    }
}

/// Kills runs of a script until there were enough kills.
fn check(script: &str) {
    let seed = std::env::var("BAYA_KILL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    println!("seed {seed}");
    let mut random = Random(seed);
    let whole = Play::new(script);
    whole.go_on().end();
    let expected = whole.result().expect("a run that nobody kills has a result");
    assert!(whole.model.asked().values().all(|times| *times == 1), "each prompt is asked once");
    let (mut kills, mut plays) = (0, 0);
    while kills < KILLS {
        let mut play = Play::new(script);
        while play.result().is_none() {
            play.kill_once(&mut random);
        }
        assert_eq!(play.result().as_ref(), Some(&expected), "play {plays}");
        play.check_requests();
        assert_eq!(play.model.asked().len(), whole.model.asked().len());
        kills += play.kills;
        plays += 1;
    }
    println!("{kills} kills in {plays} runs");
}

#[test]
fn c61_a_fan_out_survives_any_kill() {
    check(FAN_OUT);
}

#[test]
fn c61_a_pipeline_survives_any_kill() {
    check(PIPELINE);
}

#[test]
fn c61_a_loop_survives_any_kill() {
    check(LOOP);
}

#[test]
fn c61_child_workflows_survive_any_kill() {
    check(CHILDREN);
}

#[test]
fn c61_structured_answers_survive_any_kill() {
    check(STRUCTURED);
}

#[test]
fn c64_a_run_that_died_before_its_first_event_is_told_as_such() {
    let baya = Baya::new();
    let run = baya_core::ids::RunId::from_random(7);
    let store = baya_engine::runs::RunStore::new(&baya.home().join(".local/state/baya"));
    drop(store.create(&run).expect("a run"));
    let id = run.as_str();
    baya.line("runs").run().exits(0).prints_line(id).prints_line("killed before it began");
    baya.line("show last").run().exits(0).prints(&format!("{id}: its process was killed before it began\n"));
    baya.line("show last --events").run().exits(0).prints("");
    let words = format!("the run `{id}` was killed before it began");
    for _ in 0..2 {
        baya.line("resume last --backend simulated").run().exits(2).says(&words).says("baya run");
    }
}
