//! What runs cost: as a table, as lines of JSON, as comma-separated values.

use super::{sanitise, words};
use baya_core::agent::Usage;
use baya_core::money::NanoUsd;
use baya_core::view::{By, Group, Rollup, Sum};
use serde_json::{Value, json};

/// The most columns of a name in the table.
const NAME_COLUMNS_MAX: usize = 60;

/// For people: a line for each group, one for all, and what is worth knowing of it.
pub fn table(rollup: &Rollup, by: By) -> Vec<String> {
    if rollup.runs() == 0 {
        return Vec::new();
    }
    let total = rollup.total();
    let has_dollars = total.usage.priced > 0 || total.usage.unpriced > 0;
    let row = |name: &str, sum: &Sum| -> Vec<String> {
        let mut cells = vec![
            words::fit(&sanitise::line(name), NAME_COLUMNS_MAX),
            sum.agents.to_string(),
            sum.requests.to_string(),
            words::count(sum.usage.sent()),
            words::count(sum.usage.output),
            sum.cache_share().map_or("-".to_owned(), |percent| format!("{percent}%")),
        ];
        cells.extend(has_dollars.then(|| dollars(&sum.usage)));
        cells
    };
    let head = [by.name(), "agents", "requests", "in", "out", "cached"].map(str::to_uppercase);
    let cost = has_dollars.then(|| "COST".to_owned());
    let mut rows = vec![head.into_iter().chain(cost).collect::<Vec<_>>()];
    rows.extend(rollup.groups().map(|group| row(shown(group, by), &group.sum)));
    rows.push(row("total", total));
    let mut lines = aligned(&rows);
    lines.extend(remarks(total));
    lines
}

/// The first column to the left, all others to the right.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |at: usize| rows.iter().map(|row| words::width(&row[at])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let cell = |(at, text): (usize, &String)| {
        let fill = " ".repeat(widths[at] - words::width(text));
        if at == 0 { format!("{text}{fill}") } else { format!("{fill}{text}") }
    };
    let line = |row: &Vec<String>| row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ");
    rows.iter().map(|row| line(row).trim_end().to_owned()).collect()
}

fn remarks(sum: &Sum) -> Vec<String> {
    let mut lines = Vec::new();
    if sum.waste.tokens > 0 {
        let all = sum.usage.total().max(1);
        let share = sum.waste.tokens * 100 / all;
        let cost = some_dollars(sum.waste.cost);
        let tokens = words::count(sum.waste.tokens);
        lines.push(format!("waste:    {tokens} tokens{cost} led to no answer ({share}% of all)"));
    }
    if sum.taken > 0 && sum.saved.total() > 0 {
        let results = words::plural(sum.taken.into(), "result", "results");
        lines.push(format!("saved:    {results} not bought again: {}", words::tokens(&sum.saved)));
    }
    let counted = [
        (sum.counted_by.provider, "by the provider"),
        (sum.counted_by.gateway, "by the gateway"),
        (sum.counted_by.estimated, "estimated"),
        (sum.counted_by.simulated, "simulated"),
    ];
    let counted: Vec<String> = counted
        .iter()
        .filter(|(tokens, _)| *tokens > 0)
        .map(|(tokens, who)| format!("{} {who}", words::count(*tokens)))
        .collect();
    if !counted.is_empty() {
        lines.push(format!("counted:  {}", counted.join(", ")));
    }
    if sum.usage.unpriced > 0 {
        let agents = words::plural(sum.agents_unpriced.into(), "agent", "agents");
        let tokens = words::count(sum.usage.unpriced);
        lines.push(format!(
            "unpriced: {tokens} tokens of {agents}; `--by model` shows whose, `baya prices MODEL` how to price them"
        ));
    }
    lines
}

/// `$0.42`, `unpriced`, or both; nothing is said of what is made up.
pub fn dollars(usage: &Usage) -> String {
    match (usage.priced > 0, usage.unpriced > 0) {
        (true, false) => usage.cost.to_string(),
        (true, true) => format!("{} + unpriced", usage.cost),
        (false, true) => "unpriced".to_owned(),
        (false, false) => "-".to_owned(),
    }
}

fn some_dollars(cost: NanoUsd) -> String {
    match cost {
        NanoUsd(0) => String::new(),
        cost => format!(", {cost}"),
    }
}

fn shown(group: &Group, by: By) -> &str {
    match (group.name.as_str(), by) {
        ("", By::Phase) => "(no phase)",
        ("", By::Child) => "(the run itself)",
        ("", By::Model) => "(no model)",
        ("", By::Label) => "(no label)",
        (name, _) => name,
    }
}

/// One line for each group, the last for all.
pub fn json(rollup: &Rollup, by: By) -> Vec<String> {
    let line = |kind: &str, name: Option<&str>, sum: &Sum| {
        let mut value = json!({"type": kind});
        if let Some(name) = name {
            (value["by"], value["name"]) = (json!(by.name()), json!(name));
        }
        if let (Value::Object(line), Value::Object(sum)) = (&mut value, json!(sum)) {
            line.extend(sum);
        }
        value["usd"] = json!(sum.usage.cost.to_dollars());
        value["cache_share"] = json!(sum.cache_share());
        value
    };
    let groups = rollup.groups().map(|group| line("cost", Some(&group.name), &group.sum));
    let mut total = line("cost_total", None, rollup.total());
    total["runs"] = json!(rollup.runs());
    groups.chain([total]).map(|line| sanitise::json(&line.to_string())).collect()
}

/// A header and a line for each group; no line for all: it would be counted twice.
pub fn csv(rollup: &Rollup, by: By) -> Vec<String> {
    const HEAD: &str = "agents,attempts,requests,input,output,cache_read,cache_write,reasoning,usd,unpriced_tokens,\
        waste_tokens,waste_usd,saved_tokens,saved_usd,results_taken_over,by_provider,by_gateway,estimated,simulated,\
        model_asked,model_served";
    let row = |group: &Group| {
        let Sum { usage, waste, saved, counted_by, .. } = &group.sum;
        let numbers = [
            u64::from(group.sum.agents).to_string(),
            group.sum.attempts.to_string(),
            group.sum.requests.to_string(),
            usage.input.to_string(),
            usage.output.to_string(),
            usage.cache_read.to_string(),
            usage.cache_write.to_string(),
            usage.reasoning.to_string(),
            exact(usage.cost),
            usage.unpriced.to_string(),
            waste.tokens.to_string(),
            exact(waste.cost),
            saved.total().to_string(),
            exact(saved.cost),
            group.sum.taken.to_string(),
            counted_by.provider.to_string(),
            counted_by.gateway.to_string(),
            counted_by.estimated.to_string(),
            counted_by.simulated.to_string(),
        ];
        let models = [&group.sum.model_asked, &group.sum.model_served];
        let models = models.map(|model| cell(model.as_deref().unwrap_or_default()));
        let name = cell(&group.name);
        std::iter::once(name).chain(numbers).chain(models).collect::<Vec<_>>().join(",")
    };
    std::iter::once(format!("{},{HEAD}", by.name())).chain(rollup.groups().map(row)).collect()
}

/// A text as one cell (RFC 4180); what a spreadsheet would take for a formula becomes text.
fn cell(text: &str) -> String {
    let text = sanitise::line(text);
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// Dollars with all their digits.
fn exact(cost: NanoUsd) -> String {
    const NANO: u64 = 1_000_000_000;
    let text = format!("{}.{:09}", cost.0 / NANO, cost.0 % NANO);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
