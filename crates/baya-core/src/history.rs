//! What earlier runs say of agents with such a label: how long their answers were, how long they took,
//! how often they failed, what they answered. Gathered from journals; read by rehearsals and by caps.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Samples kept of each kind of label, the newest.
pub const SAMPLES_MAX: usize = 200;
/// Answers kept of each kind of label.
pub const ANSWERS_MAX: usize = 20;

/// By script name, then by [`label_kind`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// Runs it was gathered from.
    pub runs: u32,
    pub labels: BTreeMap<String, LabelHistory>,
}

/// One kind of label.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelHistory {
    pub agents: u32,
    pub failed: u32,
    pub samples: Vec<Sample>,
    /// What they answered, for shapes and lengths.
    pub answers: Vec<Value>,
}

/// What one agent took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    pub prompt_bytes: u64,
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub requests: u32,
    pub duration_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl History {
    /// What is known of agents with this label: of its kind, else of the kind that begins most like it. A label
    /// that names what a model found, in words without a mark of a name, is of no kind that was seen before.
    pub fn of_label(&self, label: &str) -> Option<&LabelHistory> {
        let kind = label_kind(label);
        if let Some(known) = self.labels.get(&kind) {
            return Some(known);
        }
        let alike = |other: &str| other.split(' ').zip(kind.split(' ')).take_while(|(a, b)| a == b).count();
        let begins_so = self.labels.iter().filter(|(other, _)| alike(other) > 0);
        begins_so.max_by_key(|(other, known)| (alike(other), known.agents)).map(|(_, known)| known)
    }
}

/// What labels of agents that do the same have in common: `review src/a.rs` and `review src/b.rs`, `fix #12`
/// and `fix #7` are one kind. Its first words up to the first that holds a digit, a dot or a slash.
pub fn label_kind(label: &str) -> String {
    let is_name = |word: &str| word.chars().any(|c| c.is_ascii_digit() || matches!(c, '.' | '/' | '#' | '_'));
    let mut words = Vec::new();
    for word in label.split([' ', ':', '\t', '\n']).filter(|word| !word.is_empty()) {
        if is_name(word) {
            words.push("*");
            break;
        }
        words.push(word);
    }
    words.join(" ")
}
