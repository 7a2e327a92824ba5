//! Makes the price table that the binary carries out of the released file beside it: one line for each
//! model that is paid by the token.
//!
//! A line is `provider/model`, then nano-dollars for a million tokens of input, output, cache read, cache
//! write and cache write for an hour; the same again, with the tokens sent from which it holds in front,
//! for each dearer tier. Where the file does not say what a cache costs, it costs what input does. Left
//! out: what has no price for input or output, what says that it is free (a plan pays, or nobody has
//! looked), and what also costs by the request.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

const FILE: &str = "prices/litellm/model_prices_and_context_window_backup.json";
/// What the makers' short names leave out.
const MODES: [&str; 3] = ["chat", "responses", "completion"];
/// Dollars a token in nano-dollars a million.
const NANO_PER_MILLION: f64 = 1e15;

type Row = Map<String, Value>;
/// Input, output, cache read, cache write, cache write for an hour.
type Price = [u64; 5];

fn main() {
    println!("cargo:rerun-if-changed={FILE}");
    println!("cargo:rerun-if-changed=build.rs");
    let text = std::fs::read_to_string(FILE).unwrap_or_else(|error| panic!("`{FILE}`: {error}"));
    let file: BTreeMap<String, Value> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("`{FILE}`: {error}"));
    let mut rows: BTreeMap<String, Vec<(u64, Price)>> = BTreeMap::new();
    for (key, value) in &file {
        let Some(row) = value.as_object().filter(|row| is_paid_by_token(row)) else { continue };
        let prices = tiers(row);
        if prices.first().is_some_and(|(_, price)| price[0] + price[1] > 0) {
            // Two entries of one model: the dearer one.
            let known = rows.entry(name(key, row)).or_default();
            *known = prices.max(std::mem::take(known));
        }
    }
    let lines: Vec<String> = rows.iter().map(|(name, prices)| line(name, prices)).collect();
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("prices.tsv");
    std::fs::write(&out, lines.join("\n")).unwrap_or_else(|error| panic!("`{}`: {error}", out.display()));
}

fn is_paid_by_token(row: &Row) -> bool {
    let mode = row.get("mode").and_then(Value::as_str);
    mode.is_some_and(|mode| MODES.contains(&mode)) && cost(row, "input_cost_per_request").unwrap_or(0) == 0
}

/// Lower case, `provider/model`.
fn name(key: &str, row: &Row) -> String {
    let provider = row.get("litellm_provider").and_then(Value::as_str).unwrap_or_default();
    let key = key.to_ascii_lowercase();
    let (provider, model) = key.split_once('/').unwrap_or((provider, &key));
    format!("{}/{model}", provider.to_ascii_lowercase().replace('_', "-"))
}

/// The usual price, then the dearer ones by the tokens sent from which they hold.
fn tiers(row: &Row) -> Vec<(u64, Price)> {
    if let Some(list) = row.get("tiered_pricing").and_then(Value::as_array) {
        let tier = |tier: &Value| {
            let tier = tier.as_object()?;
            let from = tier.get("range")?.get(0)?.as_f64()? as u64;
            Some((from, price(tier, "", None)?))
        };
        return list.iter().map(tier).collect::<Option<Vec<_>>>().unwrap_or_default();
    }
    let Some(usual) = price(row, "", None) else { return Vec::new() };
    let thresholds: BTreeSet<u64> = row.keys().filter_map(|key| threshold(key)).collect();
    let above =
        |from: u64| Some((from, price(row, &format!("_above_{}k_tokens", from / 1_000), Some(usual))?));
    std::iter::once((0, usual)).chain(thresholds.into_iter().filter_map(above)).collect()
}

/// The 200 000 of `input_cost_per_token_above_200k_tokens`.
fn threshold(key: &str) -> Option<u64> {
    let rest = key.strip_prefix("input_cost_per_token_above_")?;
    Some(rest.strip_suffix("k_tokens")?.parse::<u64>().ok()? * 1_000)
}

fn price(row: &Row, suffix: &str, usual: Option<Price>) -> Option<Price> {
    let cost = |key: &str| cost(row, &format!("{key}{suffix}"));
    let or_usual = |at: usize, cost: Option<u64>| cost.or(usual.map(|usual| usual[at]));
    let input = or_usual(0, cost("input_cost_per_token"))?;
    let output = or_usual(1, cost("output_cost_per_token"))?;
    let thought = cost("output_cost_per_reasoning_token").unwrap_or(0);
    let read = or_usual(2, cost("cache_read_input_token_cost")).unwrap_or(input);
    let write = or_usual(3, cost("cache_creation_input_token_cost")).unwrap_or(input);
    let long =
        ["_above_1hr", "_above_12hr"].map(|time| cost(&format!("cache_creation_input_token_cost{time}")));
    let long = or_usual(4, long.into_iter().flatten().max()).unwrap_or(write);
    Some([input, output.max(thought), read, write, long.max(write)])
}

fn cost(row: &Row, key: &str) -> Option<u64> {
    let dollars = row.get(key)?.as_f64()?;
    Some((dollars * NANO_PER_MILLION).round() as u64)
}

fn line(name: &str, prices: &[(u64, Price)]) -> String {
    let numbers = |price: &Price| price.map(|cost| cost.to_string()).join(" ");
    let tiers = prices.iter().map(|(from, price)| match from {
        0 => numbers(price),
        from => format!("{from} {}", numbers(price)),
    });
    std::iter::once(name.to_owned()).chain(tiers).collect::<Vec<_>>().join("\t")
}
