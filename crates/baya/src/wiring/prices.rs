//! What models cost: the table that comes with the program, and the user's own rows over it.
//!
//! Only the user's configuration folder is looked into: a project, which is often somebody else's, can
//! neither lower a price nor name one.

use crate::failure::{Failure, in_words};
use crate::folders::Folders;
use crate::settings::{self, Settings};
use baya_agents::api::ProviderKind;
use baya_core::money::{NanoUsd, Origin, Price, PriceRow, PriceTable, Tier};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Made of a released file by `build.rs`; its form is described there.
const SHIPPED: &str = include_str!(concat!(env!("OUT_DIR"), "/prices.tsv"));
/// Where the file is from, and when it was taken.
pub const SOURCE: &str = "litellm 1.109.1";
pub const DATE: &str = "2026-11-21";
/// The user's own prices, in the configuration folder.
const FILE: &str = "prices.toml";

/// The user's row of one model, in dollars for a million tokens.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnRow {
    input: Dollars,
    output: Dollars,
    /// Absent: as `input`.
    cache_read: Option<Dollars>,
    /// Absent: as `input`.
    cache_write: Option<Dollars>,
    /// Absent: as `cache_write`.
    cache_write_1h: Option<Dollars>,
}

/// Nano-dollars; a negative price is none.
#[derive(Debug, Clone, Copy)]
struct Dollars(u64);

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Dollars, D::Error> {
        let dollars = f64::deserialize(input)?;
        let nano = NanoUsd::from_dollars(dollars).filter(|nano| nano.0 < u64::MAX / 1_000);
        let refused =
            || D::Error::custom(format!("`{dollars}` is no price: dollars for a million tokens, 0 or more"));
        nano.map(|nano| Dollars(nano.0)).ok_or_else(refused)
    }
}

impl OwnRow {
    fn row(self) -> PriceRow {
        let or = |cost: Option<Dollars>, other: u64| cost.map_or(other, |cost| cost.0);
        let cache_write = or(self.cache_write, self.input.0);
        let price = Price {
            input: self.input.0,
            output: self.output.0,
            cache_read: or(self.cache_read, self.input.0),
            cache_write,
            cache_write_long: or(self.cache_write_1h, cache_write),
        };
        PriceRow { price, tiers: Vec::new(), origin: Origin::User }
    }
}

/// The file for prices of one's own.
pub fn own_file(folders: &Folders) -> PathBuf {
    folders.config.join(FILE)
}

/// All prices that hold for this user.
pub fn load(folders: &Folders, settings: &Settings) -> Result<PriceTable, Failure> {
    let own = own_rows(&own_file(folders))?;
    let mut rows = shipped();
    rows.extend(own);
    Ok(PriceTable { rows, same_as: same_as(settings), date: DATE.to_owned() })
}

/// The table that comes with the program.
fn shipped() -> BTreeMap<String, PriceRow> {
    SHIPPED.lines().filter_map(shipped_row).collect()
}

fn shipped_row(line: &str) -> Option<(String, PriceRow)> {
    let mut parts = line.split('\t');
    let name = parts.next()?.to_owned();
    let usual = numbers(parts.next()?).and_then(|numbers| price(&numbers))?;
    let tier = |part: &str| {
        let numbers = numbers(part)?;
        let (above, rest) = numbers.split_first()?;
        Some(Tier { above: *above, price: price(rest)? })
    };
    let tiers = parts.filter_map(tier).collect();
    Some((name, PriceRow { price: usual, tiers, origin: Origin::Shipped }))
}

fn numbers(part: &str) -> Option<Vec<u64>> {
    part.split(' ').map(|number| number.parse().ok()).collect()
}

fn price(numbers: &[u64]) -> Option<Price> {
    let &[input, output, cache_read, cache_write, cache_write_long] = numbers else { return None };
    Some(Price { input, output, cache_read, cache_write, cache_write_long })
}

fn own_rows(path: &Path) -> Result<BTreeMap<String, PriceRow>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => {
            let message = format!("cannot read the prices `{}`: {}", path.display(), in_words(&error));
            return Err(Failure::usage(message));
        }
    };
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<BTreeMap<String, PriceRow>, Failure> {
    let rows: BTreeMap<String, OwnRow> =
        toml::from_str(text).map_err(|error| settings::refusal("prices", &error, text, path))?;
    let mut named = BTreeMap::new();
    for (key, row) in rows {
        let (provider, model) = key.split_once('/').ok_or_else(|| without_provider(&key, text, path))?;
        named.insert(PriceTable::name(provider, model), row.row());
    }
    Ok(named)
}

fn without_provider(key: &str, text: &str, path: &Path) -> Failure {
    let line = text.lines().position(|line| line.trim_start().starts_with('[') && line.contains(key));
    let place = line.map(|at| format!(" line {}", at + 1)).unwrap_or_default();
    Failure::usage(format!("prices `{}`{place}: `{key}` names no provider", path.display()))
        .hint(format!("write [\"PROVIDER/{key}\"], as [\"anthropic/{key}\"]"))
        .hint("[\"PROVIDER/*\"] is for all models of one provider")
}

/// Providers of the settings that have the prices of another, and programs whose models are the makers'.
fn same_as(settings: &Settings) -> BTreeMap<String, String> {
    let usual = (ProviderKind::OpenAiResponses, ProviderKind::OpenAiResponses.name().to_owned());
    let named = settings.providers.iter().map(|(name, provider)| (provider.kind, name.clone()));
    let of_kind =
        std::iter::once(usual).chain(named).filter_map(|(kind, name)| Some((name, priced_like(kind)?)));
    let of_kind = of_kind.filter(|(name, like)| name != like).map(|(name, like)| (name, like.to_owned()));
    let programs = settings.commands.keys().map(|name| (name.clone(), String::new()));
    programs.chain(of_kind).collect()
}

/// Under whose name the table has the prices of such a provider; none: under its own, if at all.
fn priced_like(kind: ProviderKind) -> Option<&'static str> {
    match kind {
        ProviderKind::Anthropic | ProviderKind::OpenAi | ProviderKind::OpenRouter | ProviderKind::Gemini => {
            Some(kind.name())
        }
        ProviderKind::OpenAiResponses => Some(ProviderKind::OpenAi.name()),
        ProviderKind::OpenAiCompatible | ProviderKind::Ollama => None,
    }
}
