//! `baya cost`, and dollars wherever a run is shown.

use crate::fake::FakeModel;
use crate::harness::Baya;
use serde_json::{Value, json};

const DOCS: &str = include_str!("../../../../docs/money.md");

/// Two phases; what each agent uses stands in the rules by its prompt.
const SCRIPT: &str = "export const meta = { name: 'money', description: 'd', phases: ['Look', 'Judge'] }
phase('Look')
const seen = await parallel([
  () => agent('cheap', { label: 'look a.rs', model: 'claude-opus-5-5' }),
  () => agent('cheap too', { label: 'look b.rs, \"quoted\"', model: 'claude-opus-5-5' }),
  () => agent('strange', { label: '=sum it', model: 'claude-of-tomorrow' }),
])
phase('Judge')
return await agent('judge', { label: 'judge', model: 'claude-sonnet-5-5' })
";

fn rules() -> Value {
    let used =
        |prompt: &str, usage: Value| json!({"when": {"prompt": prompt}, "text": "yes", "usage": usage});
    json!({"rules": [
        used("^cheap", json!({"input": 1000, "output": 100, "cache_read": 3000})),
        used("^strange", json!({"input": 10, "output": 5})),
        used("^judge", json!({"input": 500, "output": 50})),
    ]})
}

/// A home with one run of [`SCRIPT`].
fn with_run() -> Baya {
    let (baya, fake) = (Baya::new(), FakeModel::start(&rules()));
    baya.write("money.js", SCRIPT);
    fake.serves(baya.line("run money.js")).run().exits(0);
    baya
}

#[test]
fn the_cost_of_a_run_stands_by_phase_with_what_is_worth_knowing() {
    let shown = with_run().line("cost last").run().exits(0).stdout;
    let expected = "
PHASE  AGENTS  REQUESTS    IN  OUT  CACHED                COST
Judge       1         1   500   50      0%             $0.0015
Look        3         3  8.0k  205     74%  $0.0132 + unpriced
total       4         4  8.5k  255     70%  $0.0147 + unpriced
counted:  8.7k by the provider
unpriced: 15 tokens of 1 agent; `--by model` shows whose, `baya prices MODEL` how to price them
";
    assert_eq!(shown, expected.trim_start_matches('\n'));
    assert!(DOCS.contains(expected.trim()), "docs/money.md shows something else");
}

#[test]
fn every_way_to_add_up_comes_to_the_same() {
    let baya = with_run();
    let check = |by: &str, names: &[&str]| {
        let lines = baya.args(["cost", "last", "--json", "--by", by]).run().exits(0).json_lines();
        let (total, groups) = lines.split_last().expect("a total");
        let name = |line: &Value| line["name"].as_str().expect("a name").to_owned();
        let shown: Vec<String> = groups.iter().map(name).collect();
        let fits = shown.iter().zip(names).all(|(shown, name)| shown.ends_with(name));
        assert!(shown.len() == names.len() && fits, "{by}: {shown:?}");
        for field in ["cost", "output", "priced", "unpriced"] {
            let count = |line: &Value| line["usage"][field].as_u64().unwrap_or(0);
            assert_eq!(groups.iter().map(count).sum::<u64>(), count(total), "{by}: {field}");
        }
        assert_eq!((&total["type"], &total["runs"]), (&json!("cost_total"), &json!(1)));
        assert_eq!(total["usage"]["cost"], 14_700_000);
        assert_eq!(total["usd"], 0.0147);
    };
    let agents = ["#1 look a.rs", "#2 look b.rs, \"quoted\"", "#3 =sum it", "#4 judge"];
    check("agent", &agents);
    check("attempt", &agents.map(|name| format!("{name}, attempt 1")).each_ref().map(String::as_str));
    check("phase", &["Judge", "Look"]);
    check("label", &["=sum it", "judge", "look *"]);
    check("model", &["claude-of-tomorrow", "claude-opus-5-5", "claude-sonnet-5-5"]);
    check("run", &["money"]);
    check("child", &[""]);
    assert_eq!(baya.line("cost --by day --json").run().exits(0).json_lines().len(), 2);
}

#[test]
fn comma_separated_values_are_quoted_and_no_formula() {
    let csv = with_run().line("cost last --by agent --csv").run().exits(0).stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("agent,agents,attempts,requests,input,output,cache_read,"), "{csv}");
    assert!(lines[2].contains("#2 look b.rs, \"\"quoted\"\"\",1,1,1,1000,100,3000,0,0,0.0066,0,"), "{csv}");
    assert!(lines[3].ends_with(",claude-of-tomorrow,claude-of-tomorrow"), "{csv}");
    let labels = with_run().line("cost last --by label --csv").run().exits(0).stdout;
    assert!(labels.lines().nth(1).is_some_and(|line| line.starts_with("'=sum it,")), "{labels}");
}

#[test]
fn all_runs_are_added_up_the_newest_first_since_a_time() {
    let (baya, fake) = (Baya::new(), FakeModel::start(&rules()));
    baya.line("cost").run().exits(0).prints("").says("nothing was used yet");
    for name in ["first", "second"] {
        let text = format!(
            "export const meta = {{ name: '{name}', description: 'd' }}\nreturn await agent('judge')\n"
        );
        baya.write("x.js", &text);
        fake.serves(baya.line("run x.js --model claude-sonnet-5-5")).run().exits(0);
    }
    let shown = baya.line("cost").run().exits(0).stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].contains(" second ") && lines[2].contains(" first "), "{shown}");
    assert!(lines[3].starts_with("total ") && lines[3].ends_with("$0.0030"), "{shown}");
    assert_eq!(baya.line("cost --since 1h").run().exits(0).stdout, shown);
    assert_eq!(baya.line("cost --since 2026-01-01").run().exits(0).stdout, shown);
    for (nonsense, said) in [
        ("yesterday", "`yesterday` is not a time; write it as 7d, 12h or 2026-11-01"),
        ("2026-02-30", "`2026-02-30` is not a time"),
        ("7", "`7` is not a time"),
        ("9999-01-01", "`--since` lies in the future"),
    ] {
        baya.args(["cost", "--since", nonsense]).run().exits(2).says(said);
    }
    baya.line("cost last --by week").run().exits(2).says("week");
    baya.line("cost nobody").run().exits(2).says("nobody");
}

#[test]
fn simulated_runs_have_tokens_and_no_dollars() {
    let baya = Baya::new();
    baya.write("money.js", SCRIPT);
    let run = baya.line("run money.js --backend simulated --json").run().exits(0);
    assert!(!run.stderr.contains('$') && !run.stderr.contains("unpriced"), "{}", run.stderr);
    assert_eq!(
        (&run.run_ended()["usage"]["usd"], &run.run_ended()["usage"]["unpriced"]),
        (&json!(0.0), &Value::Null)
    );
    let shown = baya.line("cost last").run().exits(0).stdout;
    assert!(!shown.contains('$') && !shown.contains("COST") && shown.contains(" simulated\n"), "{shown}");
    assert!(!baya.line("runs").run().exits(0).stdout.contains("COST"));
}

#[test]
fn dollars_stand_in_every_view() {
    let (baya, fake) = (Baya::new(), FakeModel::start(&rules()));
    baya.write("money.js", SCRIPT);
    let run = fake.serves(baya.line("run money.js --json")).run().exits(0);
    assert!(run.stderr.contains("8.5k tokens in, 255 out, $0.0147, 1 agent unpriced\n"), "{}", run.stderr);
    let used = &run.run_ended()["usage"];
    assert_eq!((&used["usd"], &used["source"]), (&json!(0.0147), &json!("reported")), "{used}");
    assert_eq!((&used["unpriced"], &used["agents_unpriced"]), (&json!(15), &json!(1)), "{used}");
    let shown = baya.line("show last").run().exits(0).stdout;
    for words in ["$0.0147, 1 agent unpriced", "#1 look a.rs: done in", ", $0.0066\n", ", unpriced\n"] {
        assert!(shown.contains(words), "{words:?} is not in:\n{shown}");
    }
    baya.line("show last 1").run().exits(0).prints_line("4.0k tokens in, 100 out, $0.0066 (reported)");
    baya.line("show last 3").run().exits(0).prints_line("10 tokens in, 5 out, unpriced (reported)");
    let runs = baya.line("runs").run().exits(0).stdout;
    assert!(runs.contains("  $0.0147 + unpriced  money"), "{runs}");
}

#[test]
fn tokens_that_nobody_counted_are_estimated_marked_and_charged() {
    let (baya, fake) =
        (Baya::new(), FakeModel::start(&json!({"rules": [{"fault": "no_usage", "text": "yes"}]})));
    baya.write("x.js", "export const meta = { name: 'x', description: 'd' }\nreturn await agent('one')\n");
    let run = fake.serves(baya.line("run x.js --model claude-opus-5-5")).run().exits(0);
    assert!(
        run.stderr.contains("(partly estimated)") && run.stderr.contains(", <$0.0001 "),
        "{}",
        run.stderr
    );
    baya.line("cost last").run().exits(0).prints_line(" estimated\n");
}

#[test]
fn what_a_resumed_run_takes_over_is_saved() {
    let (baya, fake) = (Baya::new(), FakeModel::start(&rules()));
    baya.write("money.js", SCRIPT);
    fake.serves(baya.line("run money.js")).run().exits(0);
    baya.write("edited.js", &SCRIPT.replace("'judge', {", "'judge again', {"));
    let again = fake.serves(baya.line("resume last --script edited.js")).run().exits(0);
    let told = ", 9.0k tokens in, 305 out, $0.0162, 1 agent unpriced, 3 reused (saved 8.0k tokens in, 205 out, \
        $0.0132)";
    assert!(again.stderr.contains(told), "{}", again.stderr);
    assert!(DOCS.contains(told), "docs/money.md shows something else");
    let shown = baya.line("cost last").run().exits(0).stdout;
    assert!(
        shown.contains("saved:    3 results not bought again: 8.0k tokens in, 205 out, $0.0132"),
        "{shown}"
    );
    assert!(shown.contains("$0.0162 + unpriced"), "{shown}");
}

#[test]
fn an_answer_that_does_not_meet_its_schema_is_waste() {
    let usage = json!({"input": 100, "output": 10});
    let invalid = json!({"when": {"nth": 1}, "fault": "invalid", "usage": usage});
    let (baya, fake) = (Baya::new(), FakeModel::start(&json!({"rules": [invalid, {"usage": usage}]})));
    let schema = "{ type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }";
    let script = format!(
        "export const meta = {{ name: 'x', description: 'd' }}\nreturn await agent('one', {{ schema: {schema} }})\n"
    );
    baya.write("x.js", &script);
    fake.serves(baya.line("run x.js --model claude-opus-5-5")).run().exits(0);
    let lines = baya.line("cost last --json").run().exits(0).json_lines();
    let total = lines.last().expect("a total");
    // Two requests of 100 in and 10 out; the first was for nothing.
    assert_eq!(total["waste"], json!({"tokens": 110, "cost": 600_000}), "{total}");
    assert_eq!((&total["usage"]["cost"], &total["requests"]), (&json!(1_200_000), &json!(2)));
    baya.line("cost last")
        .run()
        .exits(0)
        .prints_line("waste:    110 tokens, $0.0006 led to no answer (50% of all)");
}
