//! Hard caps, from the command line to the bill: what the fake model's own log says was used is never
//! more than the cap, in tokens and in dollars.

use crate::fake::FakeModel;
use crate::harness::{Baya, Output};
use crate::killed_process::{Driver, wait_for_answers};
use serde_json::{Value, json};

/// Dollars for a million tokens of the model that all agents ask.
const PRICES: &str = "[\"anthropic/made-up-1\"]\ninput = 10\noutput = 50\n";

const FAN: &str = "export const meta = { name: 'fan', description: 'many at once' }
const all = await parallel(Array.from({ length: 64 }, (_, n) => () => agent(`item ${n}`, { label: `item ${n}` })))
return all.filter(Boolean).length
";

/// A few answers are ten times as long as the others.
fn heavy_tailed() -> Value {
    json!([
        {"when": {"prompt": "item \\d?7$"}, "text": "a long one ".repeat(40),
            "usage": {"input": 70, "output": 1500}},
        {"when": {"prompt": "item "}, "text": "a short one", "usage": {"input": 60, "output": 150}},
    ])
}

fn baya() -> Baya {
    let baya = Baya::new();
    let file = baya.home().join(".config/baya/prices.toml");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
    std::fs::write(file, PRICES).expect("a file");
    baya.write("fan.js", FAN);
    baya
}

fn model(rules: Value) -> FakeModel {
    FakeModel::start(&json!({"seed": 5, "latency_ms": [2, 25], "rules": rules}))
}

/// What the model billed so far: tokens, and nano-dollars by the prices above.
fn billed(model: &FakeModel) -> (u64, u64) {
    let ended = model.log().into_iter().filter(|line| line["event"] == "ended");
    let one = |line: Value| {
        (line["input"].as_u64().expect("tokens sent"), line["output"].as_u64().expect("tokens answered"))
    };
    ended.map(one).fold((0, 0), |(tokens, nano), (input, output)| {
        (tokens + input + output, nano + input * 10_000 + output * 50_000)
    })
}

fn output_of(model: &FakeModel) -> u64 {
    model.log().iter().filter_map(|line| line["output"].as_u64()).sum()
}

fn run(baya: &Baya, model: &FakeModel, line: &str) -> Output {
    model.serves(baya.line(&format!("{line} --yes --model made-up-1"))).run()
}

fn answers(output: &Output) -> u64 {
    output.stdout.trim().parse().unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn c52_sixty_four_agents_at_once_bill_no_more_than_the_cap_in_tokens() {
    let (baya, model) = (baya(), model(heavy_tailed()));
    let output = run(&baya, &model, "run fan.js --concurrency 64 --budget-tokens 15k");
    let (tokens, _) = billed(&model);
    assert!(tokens <= 15_000, "{tokens} tokens were billed");
    // 64 take 23 500 tokens or so; a cap does not starve what fits.
    assert!(answers(&output) >= 24, "{output:?}");
    assert!(output.stderr.contains("of 15.0k tokens"), "{output:?}");
    assert!(output.stderr.contains("the budget of 15000 tokens has no room"), "{output:?}");
}

#[test]
fn c52_sixty_four_agents_at_once_bill_no_more_than_the_cap_in_dollars() {
    let (baya, model) = (baya(), model(heavy_tailed()));
    let output = run(&baya, &model, "run fan.js --concurrency 64 --budget-usd 0.70");
    let (_, nano) = billed(&model);
    assert!(nano <= 700_000_000, "{nano} nano-dollars were billed");
    assert!(answers(&output) >= 24, "{output:?}");
    assert!(output.stderr.contains("of $0.70"), "{output:?}");
}

#[test]
fn c52_retries_and_broken_answers_count_and_bill_no_more_than_the_cap() {
    let faults = json!([
        {"when": {"prompt": "item \\d*3$"}, "chance": 0.5, "fault": "cut", "usage": {"input": 60, "output": 150}},
        {"when": {"prompt": "item \\d*5$"}, "chance": 0.5, "fault": "529"},
        {"when": {"prompt": "item \\d*6$"}, "chance": 0.5, "fault": "500"},
        {"when": {"prompt": "item \\d*9$"}, "text": "a short one", "fault": "no_usage",
            "usage": {"input": 60, "output": 150}},
    ]);
    let rules: Vec<Value> = [faults, heavy_tailed()]
        .iter()
        .flat_map(|rules| rules.as_array().cloned().unwrap_or_default())
        .collect();
    let (baya, model) = (baya(), model(json!(rules)));
    let output = run(&baya, &model, "run fan.js --concurrency 64 --budget-tokens 40k --budget-usd 2");
    let (tokens, nano) = billed(&model);
    assert!(tokens <= 40_000 && nano <= 2_000_000_000, "{tokens} tokens, {nano} nano-dollars: {output:?}");
    assert!(answers(&output) >= 5, "{output:?}");
}

#[test]
fn c52_a_killed_run_bills_no_more_than_its_cap_in_both_lives() {
    let (baya, model) = (baya(), model(heavy_tailed()));
    // Of what is out when the process dies, all that was held counts: so little is held here.
    baya.write("fan.js", &FAN.replace("{ label: ", "{ maxTokens: 2000, label: "));
    let line = "run fan.js --budget-tokens 24k --concurrency 3 --yes --model made-up-1";
    let call = model.serves(baya.line(line));
    let driver = Driver::start(&call);
    let run_id = wait_for_answers(&baya, 6);
    driver.kill();
    let output = run(&baya, &model, &format!("resume {run_id}"));
    let (tokens, _) = billed(&model);
    assert!(tokens <= 24_000, "{tokens} tokens were billed: {output:?}");
    assert!(answers(&output) >= 20, "{output:?}");
}

#[test]
fn c51_a_paused_run_goes_on_with_a_larger_cap_and_buys_nothing_twice() {
    let rules = json!([{"text": "a".repeat(150), "usage": {"input": 60, "output": 150}}]);
    let (baya, model) = (baya(), model(rules));
    let paused = run(&baya, &model, "run fan.js --concurrency 64 --budget-tokens 9k --on-budget pause");
    paused
        .exits(5)
        .says("parked: budget reached")
        .says("resume: baya resume wf_")
        .says("--budget-tokens TOKENS");
    let (tokens, _) = billed(&model);
    assert!(tokens <= 9_000, "{tokens} tokens were billed");
    let refused = run(&baya, &model, "resume last");
    refused.exits(2).says("nothing was started").says("`--budget-tokens` raises it");
    let below = run(&baya, &model, "resume last --budget-tokens 1k");
    below.exits(2).says("the budget of 1000 tokens is used up");
    assert_eq!(billed(&model).0, tokens, "nothing was started");
    let output = run(&baya, &model, "resume last --budget-tokens 50k");
    assert_eq!((output.code, answers(&output)), (Some(0), 64), "{output:?}");
    // One that was cut at the cap was asked for its rest only.
    assert_eq!(output_of(&model), 64 * 150, "something was bought twice");
}

const LONG: &str = "export const meta = { name: 'long', description: 'one long answer among short ones' }
const schema = { type: 'object', properties: { why: { type: 'string' } }, required: ['why'] }
return await parallel([
  ...Array.from({ length: 7 }, (_, n) => () => agent(`short ${n}`)),
  () => agent('tell it all'),
  () => agent('judge it all', { schema }),
])
";

#[test]
fn c52_a_cut_answer_is_gone_on_with_and_comes_out_as_if_it_had_not_been_cut() {
    let long = (0..600).map(|n| format!("sentence {n} — ü; ")).collect::<String>();
    let rules = json!([
        {"when": {"prompt": "^tell"}, "text": long, "usage": {"input": 80, "output": 9000}},
        {"when": {"prompt": "^judge"}, "json": {"why": long}, "usage": {"input": 90, "output": 9000}},
        {"when": {"prompt": "^short"}, "text": "short", "usage": {"input": 60, "output": 20}},
    ]);
    let (baya, model) = (baya(), model(rules));
    baya.write("long.js", LONG);
    let uncut = run(&baya, &model, "run long.js");
    let asked = model.prompts().len();
    let cut = run(&baya, &model, "run long.js --budget-tokens 36k --concurrency 8");
    assert!(model.prompts().len() > 2 * asked, "nothing was cut");
    assert!(uncut.stdout.contains("sentence 599"), "{uncut:?}");
    assert_eq!((cut.code, cut.stdout), (Some(0), uncut.stdout));
    let (tokens, _) = billed(&model);
    assert!(tokens <= 36_000 + 9 * 10_000, "{tokens}");
}

#[test]
fn c52_an_answer_that_was_cut_at_the_cap_is_only_finished_after_a_resume() {
    let rules = json!([{"text": "0123456789".repeat(10), "usage": {"input": 10, "output": 100}}]);
    let (baya, model) = (baya(), model(rules));
    let script = "const all = []\nfor (let n = 0; n < 4; n++) all.push(await agent(`step ${n}`))\n\
        return [all.every(text => text === '0123456789'.repeat(10)), budget.spent()]";
    baya.write("x.js", &format!("export const meta = {{ name: 'x', description: 'd' }}\n{script}\n"));
    run(&baya, &model, "run x.js --budget 250 --on-budget pause").exits(5).says("--budget TOKENS");
    let resumed = run(&baya, &model, "resume last --budget 1k").exits(0);
    assert_eq!(resumed.stdout.parse::<Value>().ok(), Some(json!([true, 400])));
    assert_eq!(output_of(&model), 400, "nothing was bought twice");
}

#[test]
fn c52_a_cap_that_cannot_be_kept_is_refused_before_the_start() {
    let model = model(heavy_tailed());
    let baya = Baya::new();
    baya.write("fan.js", FAN);
    let file = baya.home().join(".config/baya/config.toml");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
    std::fs::write(file, "[commands.cat]\nargv = [\"cat\"]\n").expect("a file");
    let unpriced = run(&baya, &model, "run fan.js --budget-usd 5");
    unpriced.exits(2).says("nobody knows the price of `made-up-1`").says("baya prices");
    let unmetered = run(&baya, &model, "run fan.js --backend cat --budget-tokens 100k");
    unmetered.exits(2).says("agents of `cat` cannot be held to a cap").says("--max-agents");
    assert_eq!(model.log(), Vec::<Value>::new());
}

#[test]
fn c51_a_cap_below_one_request_asks_nobody_and_says_so() {
    let (baya, model) = (baya(), model(heavy_tailed()));
    let output = run(&baya, &model, "run fan.js --concurrency 64 --budget-tokens 50");
    let output = output.exits(4).says("the budget of 50 tokens is less than one request may take");
    output.says("`--budget-tokens` raises it").says(" --budget-tokens TOKENS\n");
    let dollars = run(&baya, &model, "run fan.js --budget-usd 0.0001").exits(4);
    dollars.says("`--budget-usd` raises it").says(" --budget-usd DOLLARS\n");
    assert_eq!(model.log(), Vec::<Value>::new());
}

/// What failed for want of room is no more of what the run came to.
#[test]
fn c52_a_resume_with_room_counts_only_what_it_asked_for() {
    let (baya, model) = (baya(), model(heavy_tailed()));
    let few = FAN.replace("64", "3").replace("'fan'", "'few'");
    baya.write("fan.js", &few);
    run(&baya, &model, "run fan.js --budget-tokens 50").exits(4).says(" --budget-tokens TOKENS\n");
    let resumed = run(&baya, &model, "resume last --budget-tokens 50k").exits(0);
    assert!(!resumed.stderr.contains("less than one request"), "{resumed:?}");
    resumed.says("resumed, generation 2").says("3 agents in ");
}

#[test]
fn a_project_only_narrows_the_caps_of_its_user() {
    let (baya, model) = (baya(), model(heavy_tailed()));
    let file = baya.home().join(".config/baya/config.toml");
    std::fs::write(file, "[budget]\ntokens = \"12k\"\nusd = 3\non = \"stop\"\n").expect("a file");
    baya.write("baya.toml", "[budget]\ntokens = \"1M\"\nusd = 0.25\n");
    let output = run(&baya, &model, "run fan.js --json");
    let ended: Value =
        output.stdout.lines().last().and_then(|line| serde_json::from_str(line).ok()).expect("JSON");
    let caps = ended["budget"].as_array().expect("caps").clone();
    let of = |flag: &str| caps.iter().find(|cap| cap["flag"] == flag).map(|cap| cap["cap"].clone());
    assert_eq!((of("--budget-tokens"), of("--budget-usd")), (Some(json!(12_000)), Some(json!(0.25))));
    let (tokens, nano) = billed(&model);
    assert!(tokens <= 12_000 && nano <= 250_000_000, "{tokens} tokens, {nano} nano-dollars");
    let spent = ended["budget"][1]["spent"].as_u64().expect("tokens");
    assert_eq!(spent, tokens, "{ended}");
}
