//! Landings that ask agents, from the command line and from scripts: who merges, who judges, and that a
//! killed landing pays nobody twice.

use crate::harness::{send, wait, wait_for};
use crate::killed_process::events;
use crate::land::Repo;
use baya_core::errand::ErrandKind;
use baya_core::event::{Event, Outcome};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Two agents that change the same line, and one that does not.
const CLASH: [(&str, &str); 3] =
    [("one way", "echo one > a.txt"), ("other way", "echo two > a.txt"), ("new file", "echo new > new.txt")];
const BOTH: &str = "printf 'one\\ntwo\\n' > a.txt; echo kept both";
/// What every merged tree must be like.
const CHECK: &str = "! grep '<<<<' a.txt";

/// A repository whose agents do what they are told; those that merge or judge do this instead.
struct Helped {
    repo: Repo,
}

impl Helped {
    fn new(merges: &str, reviews: &str) -> Helped {
        let repo = Repo::new();
        let home = repo.baya.home();
        let program = format!(
            "prompt=$(cat)\ncase \"$prompt\" in\n\
             'Two changes'*) echo merge >> '{0}/asked'; {merges} ;;\n\
             'Judge a change'*) echo review >> '{0}/asked'; {reviews} ;;\n\
             *) printf '%s' \"$prompt\" | sh -s && echo done ;;\nesac\n",
            home.display()
        );
        std::fs::write(home.join("agent.sh"), program).expect("a program");
        let argv = json!(["sh", home.join("agent.sh")]);
        let settings = format!("backend = \"dev\"\n[commands.dev]\nargv = {argv}\noutput = \"text\"\n");
        std::fs::write(home.join(".config/baya/config.toml"), settings).expect("settings");
        Helped { repo }
    }

    /// Waits at a place until the file `hold` is gone, after it has said that it is there.
    fn waits(place: &str) -> String {
        format!("touch ../../../../../../{place}; while test -e ../../../../../../hold; do sleep 0.02; done")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.repo.baya.home().join(name)
    }

    fn asked(&self) -> Vec<String> {
        let asked = std::fs::read_to_string(self.file("asked")).unwrap_or_default();
        asked.lines().map(str::to_owned).collect()
    }

    fn at(&self, run: &str, file: &str) -> String {
        self.repo.git(&["show", &format!("baya/{run}:{file}")])
    }

    /// Agents on errands that the journal has, and how many of them answered.
    fn errands(&self, run: &str, wanted: ErrandKind) -> (usize, usize) {
        let (mut queued, mut answered) = (Vec::new(), 0);
        for recorded in events(&self.repo.baya, run) {
            match recorded.event {
                Event::AgentQueued { agent, errand: Some(errand), .. } if errand.kind == wanted => {
                    queued.push(agent);
                }
                Event::AgentFinished { agent, outcome: Outcome::Answered(_), .. }
                    if queued.contains(&agent) =>
                {
                    answered += 1;
                }
                _ => {}
            }
        }
        (queued.len(), answered)
    }

    /// A run whose script lands what its agents did; the result of `baya.land`.
    fn script(&self, options: &Value) -> PathBuf {
        let call = |(label, shell): &(&str, &str)| {
            let options = json!({"label": label, "isolation": "worktree", "work": true});
            format!("agent({}, {options})", json!(format!("{shell}\nexit 0")))
        };
        let calls: Vec<String> = CLASH.iter().map(call).collect();
        let script = self.repo.baya.home().join("edit.js");
        let text = format!(
            "export const meta = {{ name: 'edit', description: 'd' }}\n\
             const works = []\nfor (const start of [{}]) works.push(await start())\n\
             return await baya.land(works, {options})\n",
            calls.iter().map(|call| format!("() => {call}")).collect::<Vec<_>>().join(", ")
        );
        std::fs::write(&script, text).expect("a script");
        script
    }
}

#[test]
fn c72_a_conflict_is_merged_by_an_agent_of_the_run() {
    let helped = Helped::new(BOTH, "false");
    let run = helped.repo.run(&CLASH);
    let words = ["--on-conflict", "agent", "--check", CHECK];
    let output = helped.repo.land(&words).exits(0).prints_line("3 of 3 pieces landed");
    output.prints_line("landed, merged by #4").says("#4 merge: other way: asked for");
    assert_eq!(
        (helped.at(&run, "a.txt"), helped.at(&run, "new.txt")),
        ("one\ntwo".to_owned(), "new".to_owned())
    );
    assert_eq!(helped.errands(&run, ErrandKind::Resolve), (1, 1));
    let show = helped.repo.baya.args(["show", &run, "4"]).run().exits(0);
    show.prints_line("Two changes to this repository do not merge").prints_line("kept both");
    helped.repo.baya.args(["show", &run]).run().exits(0).prints_line("merge: other way");
    helped.repo.baya.args(["work", &run]).run().exits(0).prints_line("landed, merged by #4");
    let refs = helped.repo.refs();
    helped.repo.land(&words).exits(0).prints_line("3 of 3 pieces landed");
    assert_eq!((helped.asked().len(), helped.repo.refs()), (1, refs), "landing twice asks nobody");
    assert_eq!(helped.repo.git(&["worktree", "list"]).lines().count(), 1, "no worktree is left");
    assert_eq!(helped.repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn c72_a_script_lands_what_an_agent_merged() {
    let helped = Helped::new(BOTH, "false");
    let script = helped.script(&json!({"onConflict": "agent", "check": CHECK}));
    let output = helped.repo.baya.args(["run".to_owned(), script.display().to_string()]).run().exits(0);
    let landed: Value = serde_json::from_str(&output.stdout).expect("a result");
    let pieces = landed["pieces"].as_array().expect("pieces");
    let fates: Vec<&Value> = pieces.iter().map(|piece| &piece["fate"]).collect();
    assert_eq!(fates, ["landed"; 3]);
    assert_eq!((&pieces[1]["resolvedBy"], &pieces[0]["resolvedBy"]), (&json!(4), &Value::Null));
    let run = helped.repo.last();
    assert_eq!(helped.at(&run, "a.txt"), "one\ntwo");
    helped.repo.baya.args(["resume", &run]).run().exits(0);
    assert_eq!(helped.asked().len(), 1, "a resume takes the landing as it was");
}

#[test]
fn c72_what_no_agent_could_merge_is_a_conflict_with_the_reason() {
    for (merges, flags, reason) in [
        ("echo I cannot; true", &[][..], "#4, who was to merge it, changed nothing"),
        (BOTH, &["--backend", "simulated"], "#4, who was to merge it, changed nothing"),
        ("rm a.txt; echo gone", &[], "#4, who was to merge it, removed a.txt, which both sides have"),
        ("exit 7", &[], "#4, who was to merge it, failed"),
        ("sleep 600", &["--agent-timeout", "1s"], "no answer within"),
    ] {
        let helped = Helped::new(merges, "false");
        let run = helped.repo.run(&CLASH);
        let words = ["--on-conflict", "agent"].into_iter().chain(flags.iter().copied());
        let output = helped.repo.land(&words.collect::<Vec<_>>()).exits(3);
        output.prints_line("2 of 3 pieces landed").prints_line(reason);
        assert_eq!(helped.at(&run, "a.txt"), "one", "{reason}");
        helped.repo.baya.args(["work", &run]).run().exits(0).prints_line("conflict in a.txt");
    }
}

/// Ends a landing while the agent merges, or while what it made is checked; then the same again.
fn check_ended(waits_in_check: bool, signal: Signal) {
    let (merges, check) = match waits_in_check {
        false => (format!("{}; {BOTH}", Helped::waits("begun")), CHECK.to_owned()),
        true => {
            (BOTH.to_owned(), format!("if grep -q two a.txt; then {}; fi; {CHECK}", Helped::waits("hold")))
        }
    };
    let helped = Helped::new(&merges, "false");
    let run = helped.repo.run(&CLASH);
    std::fs::write(helped.file("hold"), "").expect("a file");
    let words = ["land", "last", "--on-conflict", "agent", "--check", &check];
    let mut child = helped.repo.baya.args(words).spawn();
    match waits_in_check {
        false => wait_for("the merge", || helped.file("begun").exists() && !helped.asked().is_empty()),
        true => wait_for("the answer", || helped.errands(&run, ErrandKind::Resolve).1 == 1),
    }
    send(&child, signal);
    let status = wait(&mut child);
    assert_eq!(status.code(), (signal == Signal::INT).then_some(130));
    std::fs::remove_file(helped.file("hold")).expect("removed");
    helped.repo.baya.args(words).run().exits(0).prints_line("3 of 3 pieces landed");
    assert_eq!(helped.errands(&run, ErrandKind::Resolve), (1, 1), "one agent, and it answered once");
    assert_eq!(
        helped.asked().len(),
        if waits_in_check { 1 } else { 2 },
        "a finished one is not started again"
    );
    assert_eq!(helped.at(&run, "a.txt"), "one\ntwo");
    assert_eq!(helped.repo.git(&["worktree", "list"]).lines().count(), 1);
}

#[test]
fn c72_a_landing_killed_while_an_agent_merges_goes_on() {
    check_ended(false, Signal::KILL);
}

#[test]
fn c72_a_landing_killed_after_an_agent_merged_does_not_buy_it_again() {
    check_ended(true, Signal::KILL);
}

#[test]
fn c72_a_landing_interrupted_while_an_agent_merges_goes_on() {
    check_ended(false, Signal::INT);
}

#[test]
fn c72_a_script_killed_while_an_agent_merges_goes_on() {
    let helped = Helped::new(&format!("{}; {BOTH}", Helped::waits("begun")), "false");
    let script = helped.script(&json!({"onConflict": "agent"}));
    std::fs::write(helped.file("hold"), "").expect("a file");
    let mut child = helped.repo.baya.args(["run".to_owned(), script.display().to_string()]).spawn();
    wait_for("the merge", || helped.file("begun").exists() && !helped.asked().is_empty());
    send(&child, Signal::KILL);
    wait(&mut child);
    std::fs::remove_file(helped.file("hold")).expect("removed");
    let run = helped.repo.last();
    let output = helped.repo.baya.args(["resume", &run]).run().exits(0);
    let landed: Value = serde_json::from_str(&output.stdout).expect("a result");
    assert_eq!(landed["landed"], 3);
    assert_eq!(helped.errands(&run, ErrandKind::Resolve), (1, 1));
    assert_eq!(helped.at(&run, "a.txt"), "one\ntwo");
}

const JUDGE: &str = "case \"$prompt\" in\n\
    *'#1 '*) echo '{\"holds\": true, \"reason\": \"as asked\"}' ;;\n\
    *'#2 '*) echo '{\"holds\": false, \"reason\": \"it says two\"}' ;;\n\
    *) exit 9 ;;\nesac";

#[test]
fn c72_what_a_reviewer_rejects_stays_where_it_is() {
    let helped = Helped::new(BOTH, JUDGE);
    let run = helped.repo.run(&CLASH);
    let words = ["--review", "a.txt says one", "--on-conflict", "agent"];
    let output = helped.repo.land(&words).exits(3).prints_line("1 of 3 pieces landed");
    output.prints_line("rejected by #5: it says two").prints_line("skipped: its reviewer #6 gave no verdict");
    assert_eq!(helped.at(&run, "a.txt"), "one");
    assert!(helped.repo.refs().contains(&format!("refs/baya/{run}/2")), "{}", helped.repo.refs());
    let show = helped.repo.baya.args(["show", &run, "5"]).run().exits(0);
    show.prints_line("a.txt says one").prints_line("+two");
    let asked = helped.asked().len();
    helped.repo.land(&words).exits(3).prints_line("rejected by #5");
    assert_eq!(helped.asked().len() - asked, 1, "only the one that gave no verdict is asked again");
    helped.repo.land(&["--on-conflict", "skip"]).exits(3).prints_line("2 of 3 pieces landed");
}

#[test]
fn c72_a_script_has_its_landing_reviewed() {
    let helped = Helped::new(BOTH, JUDGE);
    let script = helped.script(&json!({"review": true}));
    let output = helped.repo.baya.args(["run".to_owned(), script.display().to_string()]).run();
    let landed: Value = serde_json::from_str(&output.stdout).expect("a result");
    let fates: Vec<&Value> =
        landed["pieces"].as_array().expect("pieces").iter().map(|piece| &piece["fate"]).collect();
    assert_eq!(fates, ["landed", "rejected", "skipped"]);
    assert_eq!((&landed["pieces"][1]["why"], &landed["pieces"][1]["by"]), (&json!("it says two"), &json!(5)));
}
