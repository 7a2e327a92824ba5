//! Numbers within bounds.

use super::noise::Noise;
use serde_json::{Map, Number, Value};

/// How far from a single bound a number is looked for.
const SPAN: f64 = 100.0;

/// A number that meets `minimum`, `maximum`, their exclusive forms and `multipleOf`.
pub(super) fn number(flat: &Map<String, Value>, whole: Whole, noise: &mut Noise) -> Value {
    let bounds = Bounds::of(flat, whole);
    let step = step(flat, whole);
    let value = match step {
        Some(step) => multiple(bounds, step, noise),
        None => between(bounds, noise),
    };
    as_json(value)
}

/// Whether a number has to be an integer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    Integer,
    Any,
}

#[derive(Clone, Copy)]
struct Bounds {
    low: f64,
    high: f64,
}

impl Bounds {
    fn of(flat: &Map<String, Value>, whole: Whole) -> Bounds {
        let get = |key: &str| flat.get(key).and_then(Value::as_f64);
        let inner = |bound: f64, toward: f64| match whole {
            Whole::Integer => toward + if toward > 0.0 { bound.floor() } else { bound.ceil() },
            Whole::Any => bound + toward * (bound.abs() * 1e-9).max(0.001),
        };
        let low = [get("minimum"), get("exclusiveMinimum").map(|bound| inner(bound, 1.0))];
        let high = [get("maximum"), get("exclusiveMaximum").map(|bound| inner(bound, -1.0))];
        let low = low.into_iter().flatten().reduce(f64::max);
        let high = high.into_iter().flatten().reduce(f64::min);
        match (low, high) {
            (Some(low), Some(high)) if low > high => {
                Bounds { low: (low + high) / 2.0, high: (low + high) / 2.0 }
            }
            (Some(low), Some(high)) => Bounds { low, high },
            (Some(low), None) => Bounds { low, high: low + SPAN },
            (None, Some(high)) if high < 0.0 => Bounds { low: high - SPAN, high },
            (None, Some(high)) => Bounds { low: 0.0, high: high.min(SPAN) },
            (None, None) => Bounds { low: 0.0, high: SPAN },
        }
    }
}

fn step(flat: &Map<String, Value>, whole: Whole) -> Option<f64> {
    let given = flat.get("multipleOf").and_then(Value::as_f64).filter(|step| *step > 0.0);
    match (whole, given) {
        (Whole::Any, given) => given,
        (Whole::Integer, None) => Some(1.0),
        (Whole::Integer, Some(step)) => (1..=1_000)
            .map(|times| step * f64::from(times))
            .find(|product| product.fract() == 0.0)
            .or(Some(1.0)),
    }
}

fn multiple(bounds: Bounds, step: f64, noise: &mut Noise) -> f64 {
    let first = (bounds.low / step).ceil();
    let last = (bounds.high / step).floor().max(first);
    let times = noise.within(first as i64, last.min(first + 1_000.0) as i64);
    let value = times as f64 * step;
    // 3 × 0.1 is 0.30000000000000004: as short as it can be said.
    format!("{value:.9}").parse().unwrap_or(value)
}

fn between(bounds: Bounds, noise: &mut Noise) -> f64 {
    let value = bounds.low + noise.fraction() * (bounds.high - bounds.low);
    let rounded = (value * 100.0).round() / 100.0;
    if rounded >= bounds.low && rounded <= bounds.high { rounded } else { value }
}

fn as_json(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::from(0), Value::Number)
}
