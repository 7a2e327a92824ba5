//! Answers without a model: from a schema, a prompt and a seed, or from rules a person wrote.
//!
//! Used by the simulated backend and by the fake model. Everything here is a pure function: the same
//! prompt, schema and seed give the same answer, on every machine. Rules that count (`nth`, `times`,
//! `every`) count in a [`Counters`] value that the caller keeps; a new one starts counting anew.

mod decide;
mod flatten;
mod invalid;
mod noise;
mod number;
mod pattern;
mod rules;
mod shape;
mod vary;
mod words;

pub use decide::{Counters, Decision, Request, Selection};
pub use invalid::unmet;
pub use noise::Noise;
pub use rules::{Fault, LatencyMs, Nth, Pattern, Rule, RuleTool, RuleUsage, Rules, RulesError, When};
pub use vary::vary;

use crate::agent::Answer;
use crate::schema::Schema;
use serde_json::Value;

/// Shapes that are tried before an answer that may not validate is given.
const SHAPES_TRIED: u64 = 24;

/// An answer as a model might give it: an object that meets the schema, or a sentence or two that
/// say they are simulated.
pub fn answer(schema: Option<&Value>, prompt: &str, seed: u64) -> Answer {
    match schema {
        Some(schema) => {
            Answer::Json(answer_shaped(schema, Schema::compile(schema).ok().as_ref(), prompt, seed))
        }
        None => Answer::Text(words::reply(prompt, &mut Noise::new(seed, &[prompt]))),
    }
}

/// As [`answer`], for a schema that is compiled already. Valid wherever the schema can be met.
pub fn answer_shaped(schema: &Value, compiled: Option<&Schema>, prompt: &str, seed: u64) -> Value {
    shaped(schema, compiled, prompt, seed, 0)
}

fn shaped(schema: &Value, compiled: Option<&Schema>, prompt: &str, seed: u64, asked_before: u32) -> Value {
    let mut first = None;
    for shape in 0..SHAPES_TRIED {
        let mut noise = Noise::new(seed.wrapping_add(shape), &["shape", prompt]);
        let value = shape::shape(schema, prompt, &mut noise, shape, asked_before);
        if compiled.is_none_or(|compiled| compiled.is_valid(&value)) {
            return value;
        }
        first.get_or_insert(value);
    }
    first.unwrap_or_default()
}
