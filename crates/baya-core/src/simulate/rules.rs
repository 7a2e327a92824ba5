//! The rule file: which request gets which answer, after how long, with which fault.
//!
//! Read from JSON (or from TOML turned into a JSON value). A key nobody knows is an error that names
//! it; the format is in `docs/rules.md`.

use regex::Regex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A rule file, read and checked.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Goes into every answer that is made up.
    pub seed: u64,
    pub latency_ms: LatencyMs,
    pub rules: Vec<Rule>,
    /// If not empty, the fake model refuses every other key.
    pub keys: Vec<String>,
    /// If not empty, the fake model knows no other model.
    pub models: Vec<String>,
    /// Beyond it the fake model answers 429.
    pub capacity: Option<Capacity>,
}

/// How many requests the fake model takes at once.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "CapacityForm")]
pub struct Capacity {
    pub at_once: usize,
    /// Seconds, told to those that are too many.
    pub retry_after: Option<f64>,
}

/// A number, or an object that says more.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number from 1, or `{\"at_once\": 20, \"retry_after\": 1}`")]
enum CapacityForm {
    Number(usize),
    Full(CapacityFull),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CapacityFull {
    at_once: usize,
    #[serde(default)]
    retry_after: Option<f64>,
}

impl TryFrom<CapacityForm> for Capacity {
    type Error = String;
    fn try_from(form: CapacityForm) -> Result<Capacity, String> {
        let (at_once, retry_after) = match form {
            CapacityForm::Number(at_once) => (at_once, None),
            CapacityForm::Full(CapacityFull { at_once, retry_after }) => (at_once, retry_after),
        };
        let in_bounds = (1..=CAPACITY_MAX).contains(&at_once) && retry_after.is_none_or(|after| after >= 0.0);
        let wrong = || format!("a capacity is from 1 to {CAPACITY_MAX}, its `retry_after` not below 0");
        in_bounds.then_some(Capacity { at_once, retry_after }).ok_or_else(wrong)
    }
}

const CAPACITY_MAX: usize = 1_000_000;

/// What is wrong with a rule file, with the place.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{place}: {message}")]
pub struct RulesError {
    pub place: String,
    pub message: String,
}

/// One rule: when it matches, what is answered.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    pub when: When,
    /// How often it answers at most.
    pub times: Option<u64>,
    /// How likely it answers, from 0 to 1.
    pub chance: Option<f64>,
    pub text: Option<String>,
    #[serde(deserialize_with = "present")]
    pub json: Option<Value>,
    /// The model calls these tools; only for requests that offer some.
    #[serde(deserialize_with = "one_or_more")]
    pub tool: Vec<RuleTool>,
    /// The prompt comes back.
    pub echo: bool,
    /// The answer is made up from the schema or the prompt; also if nothing else is said.
    pub shape: bool,
    pub latency_ms: Option<LatencyMs>,
    pub fault: Option<Fault>,
    /// Seconds, told with the faults `429`, `500` and `529`.
    pub retry_after: Option<f64>,
    pub usage: Option<RuleUsage>,
}

/// All that is said has to hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    pub prompt: Option<Pattern>,
    pub label: Option<Pattern>,
    pub model: Option<Pattern>,
    pub phase: Option<Pattern>,
    /// Whether a structured answer is asked for.
    pub schema: Option<bool>,
    /// Which of the requests that fit, from 1.
    pub nth: Option<Nth>,
    /// Each so-manieth of the requests that fit.
    pub every: Option<u64>,
    /// Which answer of its conversation it asks for, from 1.
    pub turn: Option<Nth>,
    /// A tool that may be called.
    pub offers: Option<String>,
}

/// A call of a tool, as a rule says it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleTool {
    pub name: String,
    #[serde(default)]
    pub input: Value,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleUsage {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
}

/// What goes wrong with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Fault {
    /// The agent fails on an error of the provider that no retry cures.
    #[serde(rename = "null")]
    Null,
    /// The model refuses.
    #[serde(rename = "refuse")]
    Refuse,
    #[serde(rename = "429")]
    TooMany,
    #[serde(rename = "500")]
    ServerError,
    #[serde(rename = "529")]
    Overloaded,
    #[serde(rename = "401")]
    KeyRefused,
    #[serde(rename = "402")]
    NoCredit,
    #[serde(rename = "404")]
    UnknownModel,
    /// The connection breaks in the middle of the answer.
    #[serde(rename = "cut")]
    Cut,
    /// Status 200 with a page of HTML.
    #[serde(rename = "html")]
    Html,
    /// Nothing comes, ever.
    #[serde(rename = "hang")]
    Hang,
    /// The structured answer does not meet its schema.
    #[serde(rename = "invalid")]
    Invalid,
    /// The answer comes in small pieces, with a pause before each.
    #[serde(rename = "slow")]
    Slow,
    /// The answer says nothing about tokens.
    #[serde(rename = "no_usage")]
    NoUsage,
    /// The model's own limit cuts the answer off.
    #[serde(rename = "length")]
    Length,
    /// The request is longer than the model's context.
    #[serde(rename = "context")]
    Context,
}

/// A delay, or the bounds of one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct LatencyMs {
    pub least: u64,
    pub most: u64,
}

impl TryFrom<Value> for LatencyMs {
    type Error = String;
    fn try_from(value: Value) -> Result<LatencyMs, String> {
        let bounds = |least: Option<u64>, most: Option<u64>| match (least, most) {
            (Some(least), Some(most)) if least <= most => Some(LatencyMs { least, most }),
            _ => None,
        };
        let read = match &value {
            Value::Array(both) if both.len() == 2 => bounds(both[0].as_u64(), both[1].as_u64()),
            single => bounds(single.as_u64(), single.as_u64()),
        };
        read.ok_or_else(|| format!("`latency_ms` is a number or `[least, most]`, not `{value}`"))
    }
}

/// Numbers from 1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Nth(pub Vec<u64>);

impl TryFrom<Value> for Nth {
    type Error = String;
    fn try_from(value: Value) -> Result<Nth, String> {
        let list = match &value {
            Value::Array(list) => list.clone(),
            single => vec![single.clone()],
        };
        let numbers: Option<Vec<u64>> = list.iter().map(|n| n.as_u64().filter(|n| *n > 0)).collect();
        numbers.map(Nth).ok_or_else(|| format!("`nth` is a number from 1 or a list of such, not `{value}`"))
    }
}

/// A regular expression, found anywhere in the text.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(pub Regex);

impl TryFrom<String> for Pattern {
    type Error = String;
    fn try_from(text: String) -> Result<Pattern, String> {
        match Regex::new(&text) {
            Ok(regex) => Ok(Pattern(regex)),
            Err(error) => {
                Err(format!("`{text}` is no regular expression: {}", last_line(&error.to_string())))
            }
        }
    }
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ")
}

fn one_or_more<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Vec<RuleTool>, D::Error> {
    let list = match Value::deserialize(input)? {
        Value::Array(list) => list,
        single => vec![single],
    };
    let tools = list.into_iter().map(serde_json::from_value).collect::<Result<_, _>>();
    tools.map_err(serde::de::Error::custom)
}

fn present<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(input).map(Some)
}

impl Rules {
    /// Reads a rule file in JSON.
    pub fn parse(text: &str) -> Result<Rules, RulesError> {
        let value = serde_json::from_str(text).map_err(|error| wrong("the rule file", error))?;
        Rules::from_value(value)
    }

    /// Reads rules that are JSON, or TOML turned into it.
    pub fn from_value(value: Value) -> Result<Rules, RulesError> {
        let Value::Object(mut members) = value else {
            return Err(wrong("the rule file", "it holds an object with `rules`"));
        };
        let rules = match member::<Option<Vec<Value>>>(&mut members, "rules")? {
            Some(list) => list.into_iter().enumerate().map(|(i, rule)| read_rule(i, rule)).collect(),
            None => Ok(Vec::new()),
        }?;
        let read = Rules {
            seed: member(&mut members, "seed")?,
            latency_ms: member(&mut members, "latency_ms")?,
            keys: member(&mut members, "keys")?,
            models: member(&mut members, "models")?,
            capacity: member(&mut members, "capacity")?,
            rules,
        };
        match members.keys().next() {
            Some(key) => Err(wrong(
                "the rule file",
                format!(
                    "unknown key `{key}`, expected one of `seed`, `latency_ms`, `keys`, `models`, `capacity`, \
                     `rules`"
                ),
            )),
            None => Ok(read),
        }
    }
}

fn wrong(place: impl Into<String>, message: impl ToString) -> RulesError {
    RulesError { place: place.into(), message: message.to_string() }
}

fn member<T: DeserializeOwned + Default>(
    members: &mut Map<String, Value>,
    key: &str,
) -> Result<T, RulesError> {
    match members.shift_remove(key) {
        Some(value) => serde_json::from_value(value).map_err(|error| wrong(format!("`{key}`"), error)),
        None => Ok(T::default()),
    }
}

fn read_rule(index: usize, rule: Value) -> Result<Rule, RulesError> {
    let place = format!("`rules[{index}]`");
    let rule: Rule = serde_json::from_value(rule).map_err(|error| wrong(place.clone(), error))?;
    let said = [
        ("text", rule.text.is_some()),
        ("json", rule.json.is_some()),
        ("tool", !rule.tool.is_empty()),
        ("echo", rule.echo),
        ("shape", rule.shape),
    ];
    let said: Vec<&str> = said.into_iter().filter(|(_, said)| *said).map(|(name, _)| name).collect();
    if let [one, other, ..] = said.as_slice() {
        return Err(wrong(place, format!("it says both `{one}` and `{other}`; a rule has one answer")));
    }
    if rule.chance.is_some_and(|chance| !(0.0..=1.0).contains(&chance)) {
        return Err(wrong(place, "`chance` is a number from 0 to 1"));
    }
    if rule.when.every == Some(0) {
        return Err(wrong(place, "`every` is a number from 1"));
    }
    if rule.retry_after.is_some_and(|seconds| seconds < 0.0) {
        return Err(wrong(place, "`retry_after` is a number of seconds, not below 0"));
    }
    Ok(rule)
}
