//! `baya prices`: what models cost here, and whose word that is.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::settings::Settings;
use crate::views::{sanitise, words};
use crate::wiring::prices;
use baya_agents::api::ProviderKind;
use baya_agents::models::{ModelRow, ModelTable, ProviderModels, default_row};
use baya_core::money::{Origin, Price, PriceRow, PriceTable, Tier};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Rows that one word may bring.
const SHOWN_MAX: usize = 20;
/// Whose rows are shown first.
const MAKERS: [&str; 3] = ["anthropic/", "openai/", "gemini/"];
const NANO: u64 = 1_000_000_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A model as `provider/model`, an id, or a part of one; none: your own prices and the usual models
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// One JSON line per price
    #[arg(long)]
    pub json: bool,
}

/// What was looked for, and the names of its rows; none: unpriced.
struct Found {
    wanted: String,
    rows: Vec<String>,
    /// Rows that are not shown.
    more: usize,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let folders = Folders::find()?;
    let settings = Settings::load(&folders)?;
    let table = prices::load(&folders, &settings)?;
    let found: Vec<Found> = match args.models.is_empty() {
        true => vec![usual(&table)],
        false => args.models.iter().map(|model| look_up(&table, model)).collect(),
    };
    match args.json {
        true => json_lines(&table, &found).iter().for_each(|line| output::data(&line.to_string())),
        false => lines(&table, &found).iter().for_each(|line| output::data(&sanitise::line(line))),
    }
    if args.models.is_empty() && !args.json {
        let known = table.rows.len();
        output::talk(&format!("prices of {known} models are known; `baya prices WORD` shows those with it"));
    }
    for missing in found.iter().filter(|found| found.rows.is_empty()) {
        let file = prices::own_file(&folders);
        let name = if missing.wanted.contains('/') { String::new() } else { "PROVIDER/".to_owned() };
        output::talk(&sanitise::line(&format!(
            "hint: to give `{}` a price, put [\"{name}{}\"] with `input = …` and `output = …`, in dollars for a \
             million tokens, into {}",
            missing.wanted,
            missing.wanted,
            file.display()
        )));
    }
    Ok(Exit::Done)
}

/// What an alias means at the usual providers; nothing, if the word is none.
fn of_alias(table: &PriceTable, word: &str) -> Vec<String> {
    let rows = ProviderKind::ALL.into_iter().filter_map(|kind| {
        let models = ProviderModels { name: kind.name().to_owned(), kind, row: default_row(kind) };
        let chosen =
            ModelTable { providers: vec![models], ..ModelTable::default() }.choose(Some(word)).ok()?;
        let meant = Some(chosen.model).filter(|model| model != word)?;
        table.row(kind.name(), &meant).map(|(name, _)| name.to_owned())
    });
    let mut seen = BTreeSet::new();
    rows.filter(|name| seen.insert(name.clone())).collect()
}

/// The user's own rows, and what the aliases mean at the usual providers.
fn usual(table: &PriceTable) -> Found {
    let own = table.rows.iter().filter(|(_, row)| row.origin == Origin::User).map(|(name, _)| name.clone());
    let aliases = ProviderKind::ALL.into_iter().flat_map(|kind| {
        let ModelRow { small, medium, large, best } = default_row(kind);
        let models = [small, medium, large, best].into_iter().flatten();
        models.filter_map(move |model| table.row(kind.name(), &model).map(|(name, _)| name.to_owned()))
    });
    let mut seen = BTreeSet::new();
    let rows = own.chain(aliases).filter(|name| seen.insert(name.clone())).collect();
    Found { wanted: String::new(), rows, more: 0 }
}

fn look_up(table: &PriceTable, wanted: &str) -> Found {
    let found = |rows, more| Found { wanted: wanted.to_owned(), rows, more };
    let at_provider = wanted.split_once('/').and_then(|(provider, model)| table.row(provider, model));
    if let Some((name, _)) = at_provider.or_else(|| table.row("", wanted)) {
        return found(vec![name.to_owned()], 0);
    }
    let meant = if wanted.contains('/') { Vec::new() } else { of_alias(table, wanted) };
    if !meant.is_empty() {
        return found(meant, 0);
    }
    let part = wanted.to_lowercase();
    let mut rows: Vec<String> = table.rows.keys().filter(|name| name.contains(&part)).cloned().collect();
    let is_resold = |name: &String| !MAKERS.iter().any(|maker| name.starts_with(maker));
    rows.sort_by_key(|name| (is_resold(name), name.len(), name.clone()));
    let more = rows.len().saturating_sub(SHOWN_MAX);
    rows.truncate(SHOWN_MAX);
    found(rows, more)
}

fn lines(table: &PriceTable, found: &[Found]) -> Vec<String> {
    let names = found.iter().flat_map(|found| &found.rows).map(String::as_str);
    let wanted = found.iter().map(|found| found.wanted.as_str());
    let name_width = names.chain(wanted).map(words::width).max().unwrap_or(0).max(5);
    let cells = |cells: [String; 5]| cells.map(|cell| format!("{cell:>8}")).join("  ");
    let head = ["IN", "OUT", "READ", "WRITE", "WRITE 1H"].map(str::to_owned);
    let mut lines = vec![format!("{:<name_width$}  {}  $ PER MILLION TOKENS", "MODEL", cells(head))];
    for found in found {
        for (name, row) in found.rows.iter().filter_map(|name| Some((name, table.rows.get(name)?))) {
            let costs = cells(of_price(&row.price).map(dollars));
            lines.push(format!("{name:<name_width$}  {costs}  {}", origin(row, table)));
            for tier in &row.tiers {
                let above = format!("  above {} sent", words::count(tier.above));
                lines.push(format!("{above:<name_width$}  {}", cells(of_price(&tier.price).map(dollars))));
            }
        }
        if found.more > 0 {
            lines.push(format!("… {} more with `{}`", found.more, found.wanted));
        }
        if found.rows.is_empty() && !found.wanted.is_empty() {
            lines.push(format!("{:<name_width$}  unpriced", found.wanted));
        }
    }
    lines
}

fn json_lines(table: &PriceTable, found: &[Found]) -> Vec<Value> {
    let costs = |price: &Price| {
        let [input, output, cache_read, cache_write, cache_write_1h] =
            of_price(price).map(|nano| nano as f64 / NANO as f64);
        json!({"input": input, "output": output, "cache_read": cache_read, "cache_write": cache_write,
            "cache_write_1h": cache_write_1h})
    };
    let priced = |name: &String| {
        let row = table.rows.get(name)?;
        let mut line = json!({"type": "price", "model": name, "dollars_per_million": costs(&row.price),
            "origin": row.origin});
        if row.origin == Origin::Shipped {
            (line["source"], line["date"]) = (json!(prices::SOURCE), json!(table.date));
        }
        let tier = |tier: &Tier| json!({"above": tier.above, "dollars_per_million": costs(&tier.price)});
        if !row.tiers.is_empty() {
            line["tiers"] = row.tiers.iter().map(tier).collect();
        }
        Some(line)
    };
    let unpriced = |found: &Found| {
        let is_missing = found.rows.is_empty() && !found.wanted.is_empty();
        is_missing.then(|| json!({"type": "unpriced", "model": found.wanted}))
    };
    found.iter().flat_map(|found| found.rows.iter().filter_map(priced).chain(unpriced(found))).collect()
}

fn of_price(price: &Price) -> [u64; 5] {
    [price.input, price.output, price.cache_read, price.cache_write, price.cache_write_long]
}

/// With two digits after the point, or as many as there are.
fn dollars(nano: u64) -> String {
    let all = format!("{}.{:09}", nano / NANO, nano % NANO);
    let short = all.trim_end_matches('0');
    let digits = short.len() - short.find('.').unwrap_or(0) - 1;
    if digits >= 2 { short.to_owned() } else { format!("{short}{}", "0".repeat(2 - digits)) }
}

fn origin(row: &PriceRow, table: &PriceTable) -> String {
    match row.origin {
        Origin::Shipped => format!("{} of {}", prices::SOURCE, table.date),
        Origin::User => "your own".to_owned(),
    }
}
