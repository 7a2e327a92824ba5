//! What a request gets: the first rule that matches, else an answer made up by seed.

use super::noise::Noise;
use super::rules::{Fault, LatencyMs, Nth, Pattern, Rule, RuleTool, RuleUsage, Rules};
use super::{invalid, shaped, words};
use crate::agent::Answer;
use crate::schema::Schema;
use regex::Captures;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is known of a request when it is answered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    pub prompt: &'a str,
    pub label: Option<&'a str>,
    pub model: Option<&'a str>,
    pub phase: Option<&'a str>,
    pub schema: Option<&'a Value>,
    /// The same schema, compiled; without it one is compiled for this answer.
    pub compiled: Option<&'a Schema>,
    /// How often the run has asked the same before: who is asked again and again finds nothing more.
    pub asked_before: u32,
    /// Goes into the answer together with the rules' own seed.
    pub seed: u64,
    /// Which time this is asked, if the caller knows; else equal prompts are counted.
    pub occurrence: Option<u64>,
    /// Which answer of its conversation it asks for, from 1; absent: the first.
    pub turn: Option<u64>,
    /// The tools that may be called, but the one for structured answers.
    pub tools: &'a [String],
}

/// How often rules have matched. Belongs to one [`Rules`]; a new one starts counting anew.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    fitted: BTreeMap<usize, u64>,
    answered: BTreeMap<usize, u64>,
    prompts: BTreeMap<u64, u64>,
}

/// Which rule a request has got, before its answer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    pub rule: Option<usize>,
    /// Which of the requests that fit this rule, from 1.
    pub n: u64,
    pub occurrence: u64,
}

/// What a request gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Index of the rule; none: made up.
    pub rule: Option<usize>,
    /// JSON only if the request has a schema; then it may be text too, as a model may answer.
    pub answer: Answer,
    /// If not empty, the model calls these tools instead of answering.
    pub tools: Vec<RuleTool>,
    pub latency_ms: u64,
    pub fault: Option<Fault>,
    /// Seconds.
    pub retry_after: Option<f64>,
    pub usage: Option<RuleUsage>,
}

impl Rules {
    /// Selects a rule and makes its answer.
    pub fn decide(&self, counters: &mut Counters, request: &Request<'_>) -> Decision {
        let selection = self.select(counters, request);
        self.fulfil(selection, request)
    }

    /// The part of a decision that counts; cheap, for callers that share the counters.
    pub fn select(&self, counters: &mut Counters, request: &Request<'_>) -> Selection {
        let occurrence = request.occurrence.unwrap_or_else(|| self.count_prompt(counters, request));
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some(n) = self.matches(index, rule, counters, request, occurrence) {
                return Selection { rule: Some(index), n, occurrence };
            }
        }
        Selection { rule: None, n: 0, occurrence }
    }

    fn count_prompt(&self, counters: &mut Counters, request: &Request<'_>) -> u64 {
        let draws = |latency: &LatencyMs| latency.least < latency.most;
        let matter = draws(&self.latency_ms)
            || self
                .rules
                .iter()
                .any(|rule| rule.chance.is_some() || rule.latency_ms.as_ref().is_some_and(draws));
        if !matter {
            return 0;
        }
        let count = counters.prompts.entry(Noise::new(0, &[request.prompt]).draw()).or_insert(0);
        *count += 1;
        *count - 1
    }

    fn matches(
        &self,
        index: usize,
        rule: &Rule,
        counters: &mut Counters,
        request: &Request<'_>,
        occurrence: u64,
    ) -> Option<u64> {
        if !fits(rule, request) {
            return None;
        }
        let fitted = counters.fitted.entry(index).or_insert(0);
        *fitted += 1;
        let n = *fitted;
        let is_turn = rule.when.nth.as_ref().is_none_or(|Nth(list)| list.contains(&n))
            && rule.when.every.is_none_or(|every| n.is_multiple_of(every));
        if !is_turn {
            return None;
        }
        if let Some(chance) = rule.chance
            && self.noise(&format!("chance {index}"), request, occurrence).fraction() >= chance
        {
            return None;
        }
        let answered = counters.answered.entry(index).or_insert(0);
        if rule.times.is_some_and(|times| *answered >= times) {
            return None;
        }
        *answered += 1;
        Some(n)
    }

    fn noise(&self, what: &str, request: &Request<'_>, occurrence: u64) -> Noise {
        let seed = self.seed ^ request.seed.rotate_left(17);
        Noise::new(seed, &[what, request.prompt, &occurrence.to_string()])
    }

    /// The answer of the rule that was selected; pure.
    pub fn fulfil(&self, selection: Selection, request: &Request<'_>) -> Decision {
        let rule = selection.rule.and_then(|index| self.rules.get(index));
        let latency = rule.and_then(|rule| rule.latency_ms).unwrap_or(self.latency_ms);
        let mut noise = self.noise("latency", request, selection.occurrence);
        let fault = rule.and_then(|rule| rule.fault);
        Decision {
            rule: selection.rule,
            answer: self.answer(rule, selection.n, request, fault),
            tools: rule.map(|rule| called(rule, selection.n, request)).unwrap_or_default(),
            latency_ms: latency.least + noise.below((latency.most - latency.least) as usize + 1) as u64,
            fault,
            retry_after: rule.and_then(|rule| rule.retry_after),
            usage: rule.and_then(|rule| rule.usage),
        }
    }

    fn answer(&self, rule: Option<&Rule>, n: u64, request: &Request<'_>, fault: Option<Fault>) -> Answer {
        let said = rule.and_then(|rule| said(rule, n, request));
        let seed = self.seed ^ request.seed.rotate_left(17);
        let Some(schema) = request.schema else {
            let made_up =
                || Answer::Text(words::reply(request.prompt, &mut Noise::new(seed, &[request.prompt])));
            return as_text(said.unwrap_or_else(made_up));
        };
        let own = match request.compiled {
            Some(_) => None,
            None => Schema::compile(schema).ok(),
        };
        let compiled = request.compiled.or(own.as_ref());
        let made_up = || Answer::Json(shaped(schema, compiled, request.prompt, seed, request.asked_before));
        match (as_object(said.unwrap_or_else(made_up)), fault, compiled) {
            (Answer::Json(value), Some(Fault::Invalid), Some(compiled)) if compiled.is_valid(&value) => {
                Answer::Json(invalid::unmet(compiled, &value))
            }
            (answer, _, _) => answer,
        }
    }
}

/// Text that is a JSON object, where one was asked for, is that object.
fn as_object(answer: Answer) -> Answer {
    match answer {
        Answer::Text(text) => match serde_json::from_str(&text) {
            Ok(value @ Value::Object(_)) => Answer::Json(value),
            Ok(_) | Err(_) => Answer::Text(text),
        },
        Answer::Json(_) => answer,
    }
}

fn as_text(answer: Answer) -> Answer {
    match answer {
        Answer::Json(Value::String(text)) | Answer::Text(text) => Answer::Text(text),
        Answer::Json(value) => Answer::Text(value.to_string()),
    }
}

fn fits(rule: &Rule, request: &Request<'_>) -> bool {
    let when = &rule.when;
    let found = |pattern: &Option<Pattern>, text: Option<&str>| {
        pattern.as_ref().is_none_or(|Pattern(regex)| text.is_some_and(|text| regex.is_match(text)))
    };
    let turn = request.turn.unwrap_or(1);
    (rule.tool.is_empty() || !request.tools.is_empty())
        && when.offers.as_ref().is_none_or(|name| request.tools.contains(name))
        && when.turn.as_ref().is_none_or(|Nth(list)| list.contains(&turn))
        && when.schema.is_none_or(|wanted| wanted == request.schema.is_some())
        && found(&when.label, request.label)
        && found(&when.model, request.model)
        && found(&when.phase, request.phase)
        && found(&when.prompt, Some(request.prompt))
}

fn captures<'t>(rule: &Rule, request: &Request<'t>) -> Option<Captures<'t>> {
    rule.when.prompt.as_ref().and_then(|Pattern(regex)| regex.captures(request.prompt))
}

/// The calls of tools a rule spells out, with their places filled in.
fn called(rule: &Rule, n: u64, request: &Request<'_>) -> Vec<RuleTool> {
    let captures = captures(rule, request);
    let fill = |tool: &RuleTool| RuleTool {
        name: tool.name.clone(),
        input: filled_json(&tool.input, captures.as_ref(), n, request.prompt),
    };
    rule.tool.iter().map(fill).collect()
}

/// The answer a rule spells out, with its places filled in.
fn said(rule: &Rule, n: u64, request: &Request<'_>) -> Option<Answer> {
    let captures = || captures(rule, request);
    match (&rule.text, &rule.json, rule.echo) {
        (Some(text), _, _) => Some(Answer::Text(filled(text, captures().as_ref(), n, request.prompt))),
        (None, Some(json), _) => {
            Some(Answer::Json(filled_json(json, captures().as_ref(), n, request.prompt)))
        }
        (None, None, true) => Some(Answer::Text(request.prompt.to_owned())),
        (None, None, false) => None,
    }
}

fn filled_json(value: &Value, captures: Option<&Captures<'_>>, n: u64, prompt: &str) -> Value {
    match value {
        Value::String(text) => Value::String(filled(text, captures, n, prompt)),
        Value::Array(list) => list.iter().map(|value| filled_json(value, captures, n, prompt)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), filled_json(value, captures, n, prompt)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// `{{1}}`, `{{name}}`, `{{prompt}}` and `{{n}}` are replaced; what is inserted is not read again.
fn filled(text: &str, captures: Option<&Captures<'_>>, n: u64, prompt: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once("}}") else {
            out.push_str("{{");
            rest = after;
            continue;
        };
        match place(name.trim(), captures, n, prompt) {
            Some(value) => {
                out.push_str(&value);
                rest = tail;
            }
            None => {
                out.push_str("{{");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn place(name: &str, captures: Option<&Captures<'_>>, n: u64, prompt: &str) -> Option<String> {
    match name {
        "prompt" => return Some(prompt.to_owned()),
        "n" => return Some(n.to_string()),
        _ => {}
    }
    let captures = captures?;
    let group = match name.parse::<usize>() {
        Ok(index) if index < captures.len() => captures.get(index),
        Ok(_) => return None,
        Err(_) => return captures.name(name).map(|found| found.as_str().to_owned()),
    };
    Some(group.map_or_else(String::new, |found| found.as_str().to_owned()))
}
