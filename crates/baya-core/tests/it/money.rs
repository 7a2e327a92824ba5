//! Prices, and what tokens cost by them.

use baya_core::agent::{Usage, UsageSource};
use baya_core::money::{ModelSaid, NanoUsd, Price, PriceRow, PriceTable, Tier};

const DOLLAR: u64 = 1_000_000_000;

fn price(dollars: u64) -> Price {
    let nano = dollars * DOLLAR;
    Price {
        input: nano,
        output: 5 * nano,
        cache_read: nano / 10,
        cache_write: nano * 5 / 4,
        cache_write_long: 2 * nano,
    }
}

fn table(rows: &[(&str, u64)]) -> PriceTable {
    let rows = rows.iter().map(|(name, dollars)| ((*name).to_owned(), PriceRow::from(price(*dollars))));
    let same_as = [("work".to_owned(), "anthropic".to_owned())].into();
    PriceTable { rows: rows.collect(), same_as, date: "2026-01-01".to_owned() }
}

fn reported(input: u64, output: u64) -> Usage {
    Usage { input, output, source: UsageSource::Reported, ..Usage::default() }
}

#[test]
fn a_row_is_found_by_provider_and_plain_id() {
    let table = table(&[
        ("anthropic/claude-opus-5-5", 4),
        ("openai/gpt-5.6-luna", 1),
        ("gemini/gemini-pro-latest", 2),
        ("ollama/*", 0),
        ("fireworks-ai/accounts/x/models/m", 7),
    ]);
    let check = |provider: &str, model: &str, expected: Option<&str>| {
        let found = table.row(provider, model).map(|(name, _)| name);
        assert_eq!(found, expected, "{provider} {model}");
    };
    check("anthropic", "claude-opus-5-5", Some("anthropic/claude-opus-5-5"));
    check("Anthropic", "Claude-Opus-5.5", Some("anthropic/claude-opus-5-5"));
    check("anthropic", "claude-opus-5-5-20261101", Some("anthropic/claude-opus-5-5"));
    check("anthropic", "claude-opus-5-5@20261101", Some("anthropic/claude-opus-5-5"));
    check("work", "claude-opus-5-5", Some("anthropic/claude-opus-5-5"));
    check("openai", "gpt-5.6-luna-2026-05-01", Some("openai/gpt-5.6-luna"));
    check("gemini", "models/gemini-pro-latest", Some("gemini/gemini-pro-latest"));
    check("openrouter", "anthropic/claude-opus-5.5", Some("anthropic/claude-opus-5-5"));
    check("", "gpt-5.6-luna", Some("openai/gpt-5.6-luna"));
    check("fireworks_ai", "accounts/x/models/m", Some("fireworks-ai/accounts/x/models/m"));
    check("ollama", "qwen3:8b", Some("ollama/*"));
    // The price of a maker says nothing of what another asks for the same model.
    check("groq", "gpt-5.6-luna", None);
    check("anthropic", "claude-opus-9", None);
    check("openai", "gpt-5.6-luna-mini", None);
    check("", "qwen3:8b", None);
}

#[test]
fn what_served_goes_before_what_was_asked() {
    let table = table(&[("anthropic/claude-opus-5-5", 4), ("anthropic/claude-haiku-5-5", 1)]);
    let check = |asked: &str, served: Option<&str>, expected: Option<u64>| {
        let said = ModelSaid { asked: Some(asked), served };
        let found = table.row_for("anthropic", said).map(|(_, row)| row.price.input / DOLLAR);
        assert_eq!(found, expected, "{asked} {served:?}");
    };
    check("claude-opus-5-5", None, Some(4));
    check("claude-opus-5-5", Some("claude-haiku-5-5"), Some(1));
    check("claude-opus-5-5", Some("claude-opus-5-5-preview-eap"), Some(4));
    check("claude-opus-5-5", Some("something-else"), None);
}

#[test]
fn c52_an_unknown_model_is_unpriced_and_never_free() {
    let mut usage = reported(100, 10);
    table(&[]).charge("anthropic", ModelSaid::default(), &mut usage);
    assert_eq!((usage.cost, usage.priced, usage.unpriced), (NanoUsd(0), 0, 110));
}

#[test]
fn each_class_has_its_price_and_a_charge_is_made_once() {
    let table = table(&[("anthropic/m", 4)]);
    let said = ModelSaid { asked: Some("m"), served: None };
    let mut usage = Usage {
        input: 1_000_000,
        output: 1_000_000,
        cache_read: 1_000_000,
        cache_write: 2_000_000,
        cache_write_long: 1_000_000,
        ..reported(0, 0)
    };
    table.charge("anthropic", said, &mut usage);
    let expected = 4_000_000_000 + 20_000_000_000 + 400_000_000 + 5_000_000_000 + 8_000_000_000;
    assert_eq!(usage.cost, NanoUsd(expected));
    let charged = usage;
    table.charge("anthropic", said, &mut usage);
    table.charge("nobody", said, &mut usage);
    assert_eq!(usage, charged);
}

#[test]
fn simulated_tokens_have_no_price() {
    let mut usage = Usage { source: UsageSource::Simulated, ..reported(5, 5) };
    usage.charge(Some(&price(4)));
    assert_eq!((usage.cost, usage.priced, usage.unpriced), (NanoUsd(0), 0, 0));
}

#[test]
fn a_request_that_sends_much_is_dearer_and_the_dearest_price_is_told_where_nobody_knows() {
    let row = PriceRow {
        tiers: vec![Tier { above: 100_000, price: price(5) }, Tier { above: 200_000, price: price(9) }],
        ..PriceRow::from(price(1))
    };
    let table = PriceTable { rows: [("anthropic/m".to_owned(), row)].into(), ..PriceTable::default() };
    let at = |sent| table.price_at("anthropic", "m", sent).map(|price| price.input / DOLLAR);
    assert_eq!([at(0), at(100_000), at(100_001), at(200_001)], [Some(1), Some(1), Some(5), Some(9)]);
    assert_eq!(table.price("anthropic", "m"), Some(price(9)));
    let up_to = |sent| table.price_up_to("anthropic", "m", sent).map(|price| price.input / DOLLAR);
    assert_eq!([up_to(100_000), up_to(100_001), up_to(200_001)], [Some(1), Some(5), Some(9)]);
}

#[test]
fn sums_of_priced_and_unpriced_tokens_keep_both() {
    let mut sum = reported(1_000_000, 0);
    sum.charge(Some(&price(3)));
    let mut other = reported(7, 1);
    other.charge(None);
    sum.add(&other);
    assert_eq!((sum.cost, sum.priced, sum.unpriced), (NanoUsd(3 * DOLLAR), 1_000_000, 8));
    assert!(!sum.is_uncharged());
    let text = serde_json::to_string(&sum).expect("json");
    assert_eq!(serde_json::from_str::<Usage>(&text).expect("json"), sum);
}
