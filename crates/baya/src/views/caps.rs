//! How far a run is into its caps.

use super::words;
use baya_core::budget::Currency;
use baya_core::limits::Limits;
use baya_core::money::NanoUsd;
use baya_core::view::RunView;
use serde_json::{Value, json};

/// The caps that count what requests use, by their flags: dollars first, then from the widest.
fn caps(limits: &Limits) -> Vec<(&'static str, Currency, u64)> {
    let order = [Currency::Cost, Currency::Tokens, Currency::Output, Currency::Input, Currency::Cache];
    let of_caps = |currency: Currency| Some((currency.flag(), currency, limits.caps.of(currency)?));
    let total = limits.budget_tokens.map(|total| ("--budget", Currency::Output, total));
    let mut caps: Vec<_> = order.into_iter().filter_map(of_caps).collect();
    caps.extend(total);
    caps
}

/// `spent $0.42 of $5.00 · 120.0k of 1.0M tokens`; none without caps.
pub fn spent(view: &RunView) -> Option<String> {
    let part = |(_, currency, cap): (&str, Currency, u64)| amounts(currency, view.usage.of(currency), cap);
    let parts: Vec<String> = caps(&view.limits).into_iter().map(part).collect();
    (!parts.is_empty()).then(|| format!("spent {}", parts.join(" · ")))
}

fn amounts(currency: Currency, spent: u64, cap: u64) -> String {
    let tokens = |what: &str| format!("{} of {} {what}", words::count(spent), words::count(cap));
    match currency {
        Currency::Cost => format!("{} of {}", NanoUsd(spent), NanoUsd(cap)),
        Currency::Tokens => tokens("tokens"),
        Currency::Input => tokens("input tokens"),
        Currency::Output => tokens("output tokens"),
        Currency::Cache => tokens("cache tokens"),
    }
}

/// The same for programs: dollars as dollars, all else as tokens.
pub fn value(view: &RunView) -> Value {
    let number = |currency: Currency, amount: u64| match currency {
        Currency::Cost => json!(NanoUsd(amount).to_dollars()),
        Currency::Tokens | Currency::Input | Currency::Output | Currency::Cache => json!(amount),
    };
    let cap = |(flag, currency, cap): (&str, Currency, u64)| {
        let spent = number(currency, view.usage.of(currency));
        json!({"flag": flag, "cap": number(currency, cap), "spent": spent})
    };
    caps(&view.limits).into_iter().map(cap).collect()
}

/// The flag that a message names for a larger cap, and what stands behind it.
pub fn flag_in(text: &str) -> Option<(&str, &'static str)> {
    let flag = text.split('`').find(|word| word.starts_with("--"))?;
    let what = match flag {
        "--budget-usd" => "DOLLARS",
        "--max-time" => "TIME",
        "--max-agents" => "N",
        flag if flag.starts_with("--budget") => "TOKENS",
        _ => return None,
    };
    Some((flag, what))
}
