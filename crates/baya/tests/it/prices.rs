//! What models cost here, and that what agents use is charged by it.

use crate::fake::FakeModel;
use crate::harness::{Baya, Output};
use serde_json::{Value, json};

const DOCS: &str = include_str!("../../../../docs/money.md");
const FILE: &str = ".config/baya/prices.toml";

/// A home with prices of its own.
fn with_prices(text: &str) -> Baya {
    let baya = Baya::new();
    let file = baya.home().join(FILE);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
    std::fs::write(file, text).expect("a file");
    baya
}

#[test]
fn a_price_is_shown_with_its_source_and_date_and_dearer_tiers() {
    let baya = Baya::new();
    let shown = baya.line("prices claude-opus-5-5 anthropic/claude-haiku-5-5").run().exits(0).stdout;
    let expected = "
MODEL                             IN       OUT      READ     WRITE  WRITE 1H  $ PER MILLION TOKENS
anthropic/claude-opus-5-5       4.00     20.00      0.20      5.00      8.00  litellm 1.109.1 of 2026-11-21
anthropic/claude-haiku-5-5      0.10      0.50      0.01     0.125      0.20  litellm 1.109.1 of 2026-11-21
  above 100.0k sent             0.50      2.50      0.05     0.625      1.00
";
    assert_eq!(shown, expected.trim_start_matches('\n'));
    assert!(DOCS.contains(expected.trim()), "docs/money.md shows something else");
    let line = &baya.line("prices claude-opus-5-5-20261101 --json").run().exits(0).json_lines()[0];
    assert_eq!(line["model"], "anthropic/claude-opus-5-5");
    assert_eq!(line["dollars_per_million"]["output"], 20.0);
    assert_eq!((&line["origin"], &line["date"]), (&json!("shipped"), &json!("2026-11-21")));
}

#[test]
fn every_alias_of_the_usual_providers_has_a_price() {
    let shown = Baya::new().line("prices --json").run().exits(0).json_lines();
    let models: Vec<&str> = shown.iter().filter_map(|line| line["model"].as_str()).collect();
    for model in [
        "anthropic/claude-haiku-5-5",
        "anthropic/claude-fable-5-1",
        "openai/gpt-5.6-luna",
        "gemini/gemini-pro-latest",
        "anthropic/claude-sonnet-5",
    ] {
        assert!(models.contains(&model), "{model} is not in {models:?}");
    }
    Baya::new().line("prices").run().exits(0).says("models are known");
    let shown = Baya::new().line("prices haiku --json").run().exits(0).json_lines();
    let models: Vec<&str> = shown.iter().filter_map(|line| line["model"].as_str()).collect();
    let meant = ["anthropic/claude-haiku-5-5", "openai/gpt-5.6-luna", "anthropic/claude-haiku-4-5"];
    assert!(meant.iter().all(|model| models.contains(model)), "{models:?}");
    let shown = Baya::new().line("prices sonnet-5 --json").run().exits(0).json_lines();
    assert!(shown[0]["model"].as_str().is_some_and(|name| name.starts_with("anthropic/")), "{shown:?}");
}

#[test]
fn an_unknown_model_is_unpriced_and_told_how_to_be_priced() {
    let baya = Baya::new();
    let shown = baya.line("prices no-such-model").run().exits(0).says(
        "hint: to give `no-such-model` a price, put [\"PROVIDER/no-such-model\"] with `input = …` and `output = …`",
    );
    assert!(shown.stdout.ends_with("no-such-model  unpriced\n"), "{}", shown.stdout);
    let line = &baya.line("prices ollama/qwen3 --json").run().exits(0).json_lines()[0];
    assert_eq!(line, &json!({"type": "unpriced", "model": "ollama/qwen3"}));
}

#[test]
fn rows_of_ones_own_go_before_those_that_are_shipped() {
    let baya = with_prices(
        "[\"anthropic/claude-opus-5-5\"]\ninput = 3\noutput = 15.5\n\n[\"ollama/*\"]\ninput = 0\noutput = 0\n",
    );
    let shown = baya.line("prices claude-opus-5-5 ollama/qwen3:8b").run().exits(0).stdout;
    let rows: Vec<Vec<&str>> = shown.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        rows[0],
        ["anthropic/claude-opus-5-5", "3.00", "15.50", "3.00", "3.00", "3.00", "your", "own"]
    );
    assert_eq!(rows[1], ["ollama/*", "0.00", "0.00", "0.00", "0.00", "0.00", "your", "own"]);
}

#[test]
fn the_file_that_the_documents_show_is_one() {
    let (_, rest) = DOCS.split_once("```toml\n[\"anthropic").expect("a block");
    let (block, _) = rest.split_once("```").expect("its end");
    let baya = with_prices(&format!("[\"anthropic{block}"));
    let shown = baya.line("prices claude-opus-5-5 ollama/qwen3").run().exits(0);
    shown.prints_line("3.00     15.50      0.30      3.75      6.00  your own").prints_line("ollama/*");
}

#[test]
fn a_file_of_prices_with_a_mistake_is_refused_with_its_line() {
    let check = |text: &str, said: &[&str]| {
        let told = with_prices(text).line("prices").run().exits(2);
        said.iter().for_each(|words| assert!(told.stderr.contains(words), "{words:?}: {}", told.stderr));
    };
    check(
        "[\"a/b\"]\ninput = 1\noutputs = 2\n",
        &["prices.toml` line 3", "`outputs`", "did you mean `output`?"],
    );
    check("[\"a/b\"]\ninput = -1\noutput = 2\n", &["prices.toml` line 2", "`-1` is no price"]);
    check("[\"a/b\"]\ninput = 1\n", &["prices.toml` line 1", "missing field `output`"]);
    check("[opus]\ninput = 1\noutput = 2\n", &["line 1: `opus` names no provider", "[\"PROVIDER/opus\"]"]);
    check("[\"a/b\"\n", &["prices.toml` line 1"]);
}

#[test]
fn a_project_sets_no_price() {
    let baya = Baya::new();
    baya.write("baya.toml", "[prices.\"anthropic/claude-opus-5-5\"]\ninput = 0\noutput = 0\n");
    baya.line("prices").run().exits(2).says("unknown field `prices`");
    let baya = Baya::new();
    baya.write("prices.toml", "[\"anthropic/claude-opus-5-5\"]\ninput = 0\noutput = 0\n");
    baya.line("prices claude-opus-5-5").run().exits(0).prints_line("4.00     20.00");
}

const ASKS: &str = "export const meta = { name: 'asks', description: 'd' }
return await agent('one')
";
const RULES: &str = r#"{"rules": [{"usage": {"input": 1000, "output": 200, "cache_read": 10000}}]}"#;

/// The usage of the only agent of a run that asks this model.
fn charged(baya: &Baya, model: &str) -> Value {
    let fake = FakeModel::start(&serde_json::from_str(RULES).expect("rules"));
    baya.write("asks.js", ASKS);
    fake.serves(baya.args(["run", "asks.js", "--yes", "--model", model])).run().exits(0);
    usage_of(&baya.line("show last --events --json").run().exits(0))
}

fn usage_of(events: &Output) -> Value {
    let finished = events.json_lines().into_iter().find(|line| line["type"] == "agent_finished");
    finished.expect("an agent")["usage"].clone()
}

#[test]
fn what_an_agent_uses_is_charged_before_it_is_in_the_journal() {
    // 1 000 × $4 + 200 × $20 + 10 000 × $0.20, for a million.
    let usage = charged(&Baya::new(), "claude-opus-5-5");
    assert_eq!((&usage["cost"], &usage["priced"]), (&json!(10_000_000), &json!(11_200)), "{usage}");
    assert_eq!(usage.get("unpriced"), None, "{usage}");
}

#[test]
fn c52_tokens_of_an_unknown_model_are_unpriced_in_the_journal() {
    let usage = charged(&Baya::new(), "claude-opus-77");
    assert_eq!((usage.get("cost"), &usage["unpriced"]), (None, &json!(11_200)), "{usage}");
}

#[test]
fn a_price_of_ones_own_charges() {
    let baya = with_prices("[\"anthropic/claude-opus-77\"]\ninput = 1000\noutput = 0\ncache_read = 0\n");
    let usage = charged(&baya, "claude-opus-77");
    assert_eq!(usage["cost"], json!(1_000_000_000), "{usage}");
}
