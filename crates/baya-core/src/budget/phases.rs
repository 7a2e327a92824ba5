//! The caps of phases, as `meta.phases[].budget` says them.

use super::Caps;
use crate::money::NanoUsd;
use serde_json::Value;
use std::collections::BTreeMap;

/// The caps of each phase of a script that has some, by title. A budget is a number of output tokens, or
/// `{tokens, output, input, cache, usd, agents, wallMs}`.
///
/// # Errors
/// What is no budget, and where it stands.
pub fn phase_caps(meta: &Value) -> Result<BTreeMap<String, Caps>, String> {
    let phases = meta.get("phases").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut caps = BTreeMap::new();
    for (place, phase) in phases.iter().enumerate() {
        let (Some(title), Some(budget)) = (phase.get("title").and_then(Value::as_str), phase.get("budget"))
        else {
            continue;
        };
        let read = caps_of(budget).map_err(|why| format!("`meta.phases.{place}.budget`{why}"))?;
        caps.insert(title.to_owned(), read);
    }
    Ok(caps)
}

/// One budget; the error goes on after its name.
pub(crate) fn caps_of(budget: &Value) -> Result<Caps, String> {
    let members = match budget {
        Value::Number(_) => return Ok(Caps { output: Some(whole("", budget)?), ..Caps::default() }),
        Value::Object(members) => members,
        _ => return Err(": a number of output tokens, or an object of caps".to_owned()),
    };
    let mut caps = Caps::default();
    for (name, value) in members {
        match name.as_str() {
            "tokens" => caps.tokens = Some(whole(name, value)?),
            "input" => caps.input = Some(whole(name, value)?),
            "output" => caps.output = Some(whole(name, value)?),
            "cache" => caps.cache = Some(whole(name, value)?),
            "agents" => caps.agents = Some(u32::try_from(whole(name, value)?).unwrap_or(u32::MAX)),
            "wallMs" => caps.wall_ms = Some(whole(name, value)?),
            "usd" => caps.cost = Some(dollars(value)?),
            _ => {
                return Err(format!(
                    ": there is no cap `{name}`; there are `tokens`, `output`, `input`, `cache`, `usd`, \
                     `agents` and `wallMs`"
                ));
            }
        }
    }
    Ok(caps)
}

fn whole(name: &str, value: &Value) -> Result<u64, String> {
    let place = if name.is_empty() { String::new() } else { format!(".{name}") };
    let number = value.as_f64().filter(|number| *number >= 1.0 && number.fract() == 0.0);
    number.map(|number| number as u64).ok_or_else(|| format!("{place}: `{value}` is no whole number from 1"))
}

fn dollars(value: &Value) -> Result<NanoUsd, String> {
    let read = value.as_f64().and_then(NanoUsd::from_dollars).filter(|cost| *cost > NanoUsd::default());
    read.ok_or_else(|| format!(".usd: `{value}` is no amount of dollars above 0"))
}
