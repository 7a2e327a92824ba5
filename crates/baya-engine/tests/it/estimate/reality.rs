//! Models as they might be: each kind of agent has habits, each run has luck, and no rehearsal is told of
//! either. A world is drawn anew for each trial.

use baya_core::agent::{AgentTask, Answer, AttemptEnd, AttemptReport, Cause, CauseKind, Usage, UsageSource};
use baya_core::history::label_kind;
use baya_core::money::{ModelSaid, PriceTable};
use serde_json::{Map, Value, json};

/// SplitMix64, seeded by words: none of the draws of a rehearsal.
pub struct Luck(u64);

impl Luck {
    pub fn new(words: &[&str]) -> Luck {
        let hash = blake3::hash(words.join("\u{1f}").as_bytes());
        Luck(u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap()))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.fraction()
    }

    /// Box and Muller.
    fn bell(&mut self) -> f64 {
        let (one, other) = (self.fraction().max(1e-12), self.fraction());
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    }

    /// Around 1.
    fn factor(&mut self, spread: f64) -> f64 {
        (self.bell() * spread).exp()
    }

    /// Knuth.
    fn poisson(&mut self, mean: f64) -> u64 {
        let (limit, mut product, mut count) = ((-mean).exp(), self.fraction(), 0);
        while product > limit {
            product *= self.fraction();
            count += 1;
        }
        count
    }
}

/// How agents of one kind are.
struct Habits {
    output: f64,
    spread: f64,
    /// Now and then one talks at great length.
    tail: f64,
    overhead: f64,
    turns: f64,
    cached: f64,
    fails: f64,
}

/// One run in one world.
pub struct Reality {
    pub world: String,
    pub run: String,
    pub prices: PriceTable,
}

impl Reality {
    fn habits(&self, kind: &str) -> Habits {
        let mut luck = Luck::new(&["habits", &self.world, kind]);
        Habits {
            output: 350.0 * luck.factor(0.8),
            spread: luck.between(0.2, 0.7),
            tail: luck.between(0.0, 0.04),
            overhead: luck.between(800.0, 9_000.0),
            turns: luck.between(0.0, 4.0),
            cached: luck.between(0.0, 0.7),
            fails: luck.between(0.0, 0.05),
        }
    }

    /// What the run as a whole is like: a long-winded day, a terse one.
    fn day(&self) -> f64 {
        let spread = Luck::new(&["days", &self.world]).between(0.0, 0.2);
        Luck::new(&["day", &self.world, &self.run]).factor(spread)
    }

    pub fn report(&self, task: &AgentTask) -> AttemptReport {
        let kind = label_kind(&task.label);
        let habits = self.habits(&kind);
        let (number, attempt) = (task.agent.0.to_string(), task.attempt.to_string());
        let mut luck = Luck::new(&["agent", &self.world, &self.run, &number, &attempt]);
        let long = if luck.fraction() < habits.tail { luck.between(2.0, 6.0) } else { 1.0 };
        let output = habits.output * self.day() * luck.factor(habits.spread) * long;
        let turns = 1 + luck.poisson(habits.turns).min(12);
        let prompt = task.prompt.len() as f64 / 4.0;
        let sent = (0..turns).map(|turn| habits.overhead + prompt + turn as f64 * 700.0).sum::<f64>();
        let mut usage = Usage {
            input: (sent * (1.0 - habits.cached)) as u64,
            output: (output + (turns - 1) as f64 * 90.0) as u64,
            cache_read: (sent * habits.cached) as u64,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        let said = ModelSaid { asked: Some("large"), served: Some("large") };
        self.prices.charge("made-up", said, &mut usage);
        let end = match luck.fraction() < habits.fails {
            true => AttemptEnd::Failed(Cause::new(CauseKind::Api, "the provider is down")),
            false => AttemptEnd::Answered(self.answer(task, &kind, &mut luck)),
        };
        let mut report = AttemptReport::new(end);
        report.usage = usage;
        report.requests = turns as u32;
        report.model_served = Some("large".to_owned());
        report
    }

    fn answer(&self, task: &AgentTask, kind: &str, luck: &mut Luck) -> Answer {
        match &task.options.schema {
            Some(schema) => Answer::Json(self.value(schema, kind, luck)),
            None => Answer::Text(words(luck, 60.0)),
        }
    }

    /// In the shape of a schema, as agents of this kind like to answer: how many, how often yes.
    fn value(&self, schema: &Value, place: &str, luck: &mut Luck) -> Value {
        let mut habit = Luck::new(&["taste", &self.world, place]);
        if let Some(choices) = schema["enum"].as_array() {
            let favourite = habit.between(0.0, choices.len() as f64) as usize;
            let at = match luck.fraction() < 0.5 {
                true => favourite,
                false => luck.between(0.0, choices.len() as f64) as usize,
            };
            return choices[at.min(choices.len() - 1)].clone();
        }
        match schema["type"].as_str() {
            Some("object") => {
                let members = schema["properties"].as_object().into_iter().flatten();
                let member = |(name, schema): (&String, &Value)| {
                    (name.clone(), self.value(schema, &format!("{place}.{name}"), luck))
                };
                Value::Object(members.map(member).collect::<Map<_, _>>())
            }
            Some("array") => {
                let least = schema["minItems"].as_u64().unwrap_or(0);
                let most = schema["maxItems"].as_u64().unwrap_or(12);
                // There is so much to find, and each of it is found or missed.
                let there = habit.between(2.0, 8.0) as u64;
                let seen = habit.between(0.6, 0.95);
                let count = (0..there).filter(|_| luck.fraction() < seen).count() as u64;
                let count = count.clamp(least, most.max(least));
                (0..count).map(|_| self.value(&schema["items"], place, luck)).collect()
            }
            Some("boolean") => json!(luck.fraction() < habit.between(0.5, 0.9)),
            Some("integer" | "number") => {
                let least = schema["minimum"].as_f64().unwrap_or(1.0);
                json!(luck.between(least, schema["maximum"].as_f64().unwrap_or(400.0)) as i64)
            }
            _ => Value::String(words(luck, 12.0)),
        }
    }
}

fn words(luck: &mut Luck, count: f64) -> String {
    let count = (count * luck.factor(0.5)).clamp(8.0, 30.0) as usize;
    let word = |_| format!("{:05x}", luck.next() & 0xf_ffff);
    (0..count).map(word).collect::<Vec<_>>().join(" ")
}
