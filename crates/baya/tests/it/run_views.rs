//! The pictures of a run: what stands where, at every width.

use crate::harness::Baya;
use baya::views::frame::{Canvas, draw};
use baya::views::palette::Palette;
use baya::views::{lines, summary, words};
use baya_core::agent::{Progress, Wait};
use baya_core::event::Recorded;
use baya_core::ids::AgentNumber;
use baya_core::view::RunView;
use serde_json::{Value, json};

const PLAIN: Palette = Palette { colour: false };

fn view(events: &[Value]) -> RunView {
    let read = |(index, event): (usize, &Value)| Recorded {
        seq: index as u64 + 1,
        at_ms: 1_000,
        event: serde_json::from_value(event.clone()).unwrap_or_else(|error| panic!("{error}: {event}")),
    };
    let recorded: Vec<Recorded> = events.iter().enumerate().map(read).collect();
    RunView::of(&recorded)
}

fn started(phases: &[&str]) -> Value {
    let meta = json!({"name": "review", "description": "looks", "phases": phases});
    json!({"event": "run_started", "run": "wf_12345678-9ab", "version": 1, "seed": 1, "now_ms": 0,
        "script": {"name": "review", "path": "review.js", "hash": "h", "meta": meta, "program": {"units": []},
            "sources": []},
        "limits": baya_core::limits::Limits::default(), "surroundings": {"backend": "simulated", "simulated": true}})
}

fn agent(number: u32, phase: &str, label: &str) -> Vec<Value> {
    vec![
        json!({"event": "agent_queued", "agent": number, "call": number, "frame": 0, "key": "k", "occurrence": 0,
            "label": label, "phase": phase, "prompt": "p", "options": {}}),
        json!({"event": "agent_started", "agent": number, "attempt": 1}),
    ]
}

fn finished(number: u32, outcome: Value) -> Value {
    json!({"event": "agent_finished", "agent": number, "attempt": 1, "outcome": outcome, "duration_ms": 70,
        "usage": {"input": 1200, "output": 340, "source": "simulated"}})
}

fn busy() -> RunView {
    let mut events = vec![started(&["Look", "Judge", "Write"])];
    events.push(json!({"event": "phase_entered", "call": 1, "frame": 0, "title": "Look"}));
    for number in 1..=7 {
        events.extend(agent(number, "Look", &format!("look at the file number {number} with 日本語 in it")));
    }
    events.push(finished(1, json!({"answered": {"text": "x"}})));
    events.push(finished(2, json!({"failed": {"kind": "api", "message": "500 at the provider"}})));
    events.push(json!({"event": "logged", "call": 2, "level": "info", "text": "two of seven\nare through"}));
    view(&events)
}

/// The picture at this width, in a terminal of 24 rows, 61 seconds after the start.
#[track_caller]
fn check(view: &RunView, columns: usize, expected: &str) {
    let picture = draw(view, Canvas { columns, rows: 24, now_ms: 62_000, palette: PLAIN });
    assert_eq!(picture.join("\n"), expected.trim_start_matches('\n'), "at {columns} columns");
}

#[test]
fn a_picture_at_80_columns() {
    check(
        &busy(),
        79,
        "
review · 1m 01s · 2/7 agents · 2.4k tokens in, 680 out · wf_12345678-9ab
simulated: no model is asked
  ● Look   1/7 done, 1 failed, 5 running
  · Judge
  · Write
    #3 look at the file number 3 with 日本語 in it                       1m 01s
    #4 look at the file number 4 with 日本語 in it                       1m 01s
    #5 look at the file number 5 with 日本語 in it                       1m 01s
    … 2 more running
  log: two of seven are through
ctrl-c stops and keeps everything; resume with: baya resume wf_12345678-9ab",
    );
}

#[test]
fn a_picture_at_40_columns() {
    check(
        &busy(),
        39,
        "
review · 1m 01s · 2/7 agents
2.4k tokens in, 680 out
wf_12345678-9ab
simulated: no model is asked
  ● Look   1/7 done, 1 failed, 5 runni…
  · Judge
  · Write
    #3 look at the file number…  1m 01s
    #4 look at the file number…  1m 01s
    #5 look at the file number…  1m 01s
    … 2 more running
  log: two of seven are through
ctrl-c stops and keeps everything;
then: baya resume wf_12345678-9ab",
    );
}

/// Seven agents at work, who wait for this, from number 3 on.
fn waiting(waits: &[Wait]) -> RunView {
    let mut view = busy();
    for (number, wait) in (3..).zip(waits) {
        view.note_progress(AgentNumber(number), 1, Progress::Waiting { wait: wait.clone() });
    }
    view
}

#[test]
fn a_picture_says_what_each_agent_waits_for() {
    let full = || Wait::Provider { provider: "anthropic".to_owned(), at_once: 20 };
    let pause = Wait::Pause { provider: "anthropic".to_owned(), until_ms: 61_000 };
    let prefix = Wait::Prefix { first: AgentNumber(2) };
    check(
        &waiting(&[full(), pause, prefix, full(), full()]),
        114,
        "
review · 1m 01s · 2/7 agents · 2.4k tokens in, 680 out · wf_12345678-9ab
simulated: no model is asked
  ● Look   1/7 done, 1 failed, 5 running
  · Judge
  · Write
    #3 look at the file number 3 with 日本語 in it (waits: anthropic takes 20 at once)                      1m 01s
    #4 look at the file number 4 with 日本語 in it (waits until 00:01:01 UTC: anthropic takes no more for…  1m 01s
    #5 look at the file number 5 with 日本語 in it (waits for the cache that #2 fills)                      1m 01s
    … 2 more running, 2 of them wait: anthropic takes 20 at once
  log: two of seven are through
ctrl-c stops and keeps everything; resume with: baya resume wf_12345678-9ab",
    );
}

#[test]
fn a_parked_run_says_until_when() {
    let cause = json!({"kind": "credit", "message": "the weekly limit", "retry_at_ms": 3_600_000});
    let picture = |wakes_at_ms: i64, now_ms: i64| {
        let parked = json!({"event": "run_parked", "cause": cause, "wakes_at_ms": wakes_at_ms});
        let view = view(&[started(&[]), parked]);
        draw(&view, Canvas { columns: 120, rows: 24, now_ms, palette: PLAIN }).remove(0)
    };
    assert!(picture(3_600_000, 1_000).contains("parked until 01:00:00 UTC, wakes by itself"));
    assert!(picture(90_000_000, 1_000).contains("parked until 1970-01-02 01:00:00 UTC, wakes by itself"));
    let parked = json!({"event": "run_parked", "cause": cause, "wakes_at_ms": 3_600_000});
    let lines = lines::of_event(&serde_json::from_value(parked.clone()).unwrap(), &view(&[started(&[])]));
    assert_eq!(
        lines,
        [
            "parked: no credit: the weekly limit",
            "it goes on by itself at 1970-01-01 01:00:00 UTC; or ctrl-c, and `baya resume` later"
        ]
    );
    let summary = summary::draw(&view(&[started(&[]), parked]), PLAIN).join("\n");
    assert!(summary.contains("wakes:  by itself at 1970-01-01 01:00:00 UTC"), "{summary}");
}

#[test]
fn what_holds_for_many_agents_is_told_once() {
    let (view, mut told) = (busy(), lines::Told::default());
    let mut lines = Vec::new();
    let until_ms = i64::MAX / 2;
    for number in 3..8 {
        for wait in [
            Wait::Provider { provider: "p".to_owned(), at_once: number },
            Wait::Pause { provider: "p".to_owned(), until_ms: until_ms + i64::from(number) },
            Wait::Prefix { first: AgentNumber(1) },
            Wait::Pause { provider: "over".to_owned(), until_ms: 0 },
        ] {
            lines.extend(told.of_progress(AgentNumber(number), &Progress::Waiting { wait }, &view));
        }
    }
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[2], "agents wait for the cache that #1 fills");
    assert_eq!(lines[0], "agents wait for each other: p takes 3 at once, so far");
    assert!(lines[1].starts_with("agents: waits until "), "{lines:?}");
}

#[test]
fn no_line_is_wider_and_no_picture_higher_than_the_terminal() {
    let mut events =
        vec![started(&["A very long title of a phase that goes on and on", "B", "C", "D", "E", "F"])];
    for number in 1..=300 {
        events.extend(agent(number, &format!("phase {}", number % 40), &"wide 日本語 ".repeat(20)));
    }
    let view = view(&events);
    for columns in [20, 33, 40, 79, 200] {
        for rows in [1, 3, 8, 24, 60] {
            for colour in [false, true] {
                let picture =
                    draw(&view, Canvas { columns, rows, now_ms: 5_000, palette: Palette { colour } });
                assert!(picture.len() <= rows, "{} lines in {rows} rows", picture.len());
                for line in picture {
                    let plain = line.replace("\u{1b}[0m", "");
                    let plain = ["1", "2", "31", "32", "33"]
                        .iter()
                        .fold(plain, |text, code| text.replace(&format!("\u{1b}[{code}m"), ""));
                    assert!(words::width(&plain) <= columns, "{columns} columns: {line:?}");
                }
            }
        }
    }
}

#[test]
fn the_first_line_of_a_summary_says_how_it_ended_and_why() {
    let end = |status: &str| {
        json!({"event": "run_ended", "status": status, "result": 1,
        "failures": {"agents": 2, "failed": 1, "causes": [["provider error", 1]], "phases_lost": ["Judge"]}})
    };
    let parked = json!({"event": "run_parked", "cause": {"kind": "key", "message": "the key was refused (401)",
        "hint": "export ANTHROPIC_API_KEY=…"}});
    let interrupted = json!({"event": "run_interrupted", "by": "SIGINT"});
    let table = [
        (
            end("completed"),
            "completed with failures: 1 of 2 agents gave nothing (1 × provider error); every agent failed in: Judge",
            "retry:  baya resume wf_12345678-9ab --retry-failed",
        ),
        (end("stopped"), "stopped", "retry:  baya resume wf_12345678-9ab --retry-failed"),
        (parked, "parked: key refused: the key was refused (401)", "resume: baya resume wf_12345678-9ab"),
        (interrupted, "interrupted by SIGINT; everything is kept", "resume: baya resume wf_12345678-9ab"),
    ];
    for (event, first, last) in table {
        let lines = summary::draw(&view(&[started(&[]), event]), PLAIN);
        assert_eq!(
            (lines.first().map(String::as_str), lines.last().map(String::as_str)),
            (Some(first), Some(last))
        );
    }
}

const FAILS: &str = "export const meta = { name: 'f', description: 'd' }
phase('Ask')
await agent('fail', { label: 'one' })
return await agent('fine', { label: 'two' })
";
const RULES: &str = r#"{"rules": [{"when": {"prompt": "fail"}, "fault": "refuse"}]}"#;

#[test]
fn show_gives_every_null_its_cause() {
    let baya = Baya::new();
    baya.write("f.js", FAILS).write("rules.json", RULES);
    baya.line("run f.js --backend simulated --rules rules.json").run().exits(0);
    let shown = baya.line("show last").run().exits(0).stdout;
    for words in [
        "completed with failures: 1 of 2",
        "#1 one: null: refused by the model",
        "#2 two: done",
        "Ask: 1/2 done, 1 failed",
        "simulated: no model was asked",
    ] {
        assert!(shown.contains(words), "{words:?} is not in:\n{shown}");
    }
    let one = baya.line("show last 1").run().exits(0).stdout;
    for words in
        ["prompt:\n  fail", "phase:   Ask", "called:  f.js:3:", "no answer (null): refused by the model"]
    {
        assert!(one.contains(words), "{words:?} is not in:\n{one}");
    }
    let two = baya.line("show last #2 --json").run().exits(0);
    assert!(two.json_lines()[0]["answer"]["text"].is_string());
    baya.line("show last 3").run().exits(2).says("no agent #3");
    baya.line("show last x").run().exits(2).says("not the number of an agent");
    let events = baya.line("show last --events --json").run().exits(0).json_lines();
    assert_eq!(
        (&events[0]["type"], &events[0]["script"]["sources"][0][0]),
        (&json!("run_started"), &json!("f.js"))
    );
}

#[test]
fn runs_are_listed_newest_first() {
    let baya = Baya::new();
    baya.write("f.js", FAILS).write("rules.json", RULES);
    baya.line("runs").run().exits(0).prints("").says("no runs yet");
    baya.line("run f.js --backend simulated").run().exits(0);
    baya.line("run f.js --backend simulated --rules rules.json").run().exits(0);
    let listed = baya.line("runs").run().exits(0).stdout;
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("RUN") && lines.len() == 3, "{listed}");
    assert!(lines[2].ends_with("f (simulated)"), "{listed}");
    assert!(lines[1].contains("1 failed") && !lines[2].contains("failed"), "{listed}");
    let json = baya.line("runs --json -n 1").run().exits(0);
    assert_eq!((json.json_lines().len(), &json.json_lines()[0]["failed"]), (1, &json!(1)));
}

#[test]
fn without_a_terminal_nothing_is_coloured_or_drawn() {
    let baya = Baya::new();
    baya.write("f.js", FAILS);
    let output = baya.line("run f.js --backend simulated").run().exits(0);
    assert!(!output.stderr.contains('\u{1b}'), "{:?}", output.stderr);
    for words in ["phase: Ask", "#1 one: done in", "#2 two: done in", "completed"] {
        assert!(output.stderr.lines().any(|line| line.starts_with(words)), "{words:?}: {}", output.stderr);
    }
    let forced = baya.line("run f.js --backend simulated").env("CLICOLOR_FORCE", "1").run().exits(0);
    assert!(forced.stderr.contains("\u{1b}[32mcompleted"), "{:?}", forced.stderr);
    let both = baya.line("run f.js --backend simulated").env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    assert!(!both.run().exits(0).stderr.contains('\u{1b}'));
}

#[test]
fn a_long_wait_is_told_line_by_line_a_short_one_is_not() {
    let told = |progress: Progress| lines::of_progress(AgentNumber(3), &progress, &busy());
    let waits = |wait_ms| Progress::Retrying { why: "status 529\u{1b}[31m".to_owned(), wait_ms };
    let line = told(waits(2_000)).expect("a line");
    assert!(
        line.starts_with("#3 look at the file number 3") && line.contains("tries again in 2.0s"),
        "{line}"
    );
    assert!(!line.contains('\u{1b}'), "{line:?}");
    assert_eq!(told(waits(200)), None);
    assert_eq!(told(Progress::Asked), None);
}

#[test]
fn a_question_stands_in_the_picture_with_the_command_that_answers_it() {
    let asked = |patience: Value| {
        let request = json!({"tool": "bash", "action": "git push", "why": "a rule", "patience": patience});
        let mut events = vec![started(&[])];
        events.extend(agent(1, "Find", "look"));
        events
            .push(json!({"event": "approval_asked", "agent": 1, "attempt": 1, "id": 4, "request": request}));
        view(&events)
    };
    let picture =
        draw(&asked(json!("forever")), Canvas { columns: 80, rows: 24, now_ms: 5_000, palette: PLAIN });
    let text = picture.join("\n");
    assert!(text.contains("  ? #1 asks: git push\n    answer: baya answer wf_"), "{text}");
    assert!(text.contains(" q4 allow|deny|always") && text.contains("waits for your answer q4"), "{text}");
}
