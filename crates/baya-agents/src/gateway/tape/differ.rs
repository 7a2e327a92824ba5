//! Where two requests differ, in words.

use serde_json::Value;

/// Characters of a value on each side of where it begins to differ.
const SHOWN: usize = 40;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Differences {
    pub count: usize,
    /// The place of the first one, and what stands there.
    pub first: String,
}

impl Differences {
    pub fn places(&self) -> String {
        match self.count {
            1 => "1 place".to_owned(),
            count => format!("{count} places, the first"),
        }
    }
}

pub(super) fn differences(recorded: &Value, asked: &Value) -> Differences {
    let mut found = Differences { count: 0, first: String::new() };
    compare(recorded, asked, "", &mut found);
    found
}

fn compare(recorded: &Value, asked: &Value, place: &str, found: &mut Differences) {
    match (recorded, asked) {
        (Value::Object(recorded), Value::Object(asked)) => {
            let added = asked.keys().filter(|key| !recorded.contains_key(*key));
            for key in recorded.keys().chain(added) {
                compare_members(recorded.get(key), asked.get(key), &format!("{place}/{key}"), found);
            }
        }
        (Value::Array(recorded), Value::Array(asked)) => {
            for at in 0..recorded.len().max(asked.len()) {
                compare_members(recorded.get(at), asked.get(at), &format!("{place}/{at}"), found);
            }
        }
        (recorded, asked) if recorded != asked => note(Some(recorded), Some(asked), place, found),
        (_, _) => {}
    }
}

fn compare_members(recorded: Option<&Value>, asked: Option<&Value>, place: &str, found: &mut Differences) {
    match (recorded, asked) {
        (Some(recorded), Some(asked)) => compare(recorded, asked, place, found),
        (recorded, asked) => note(recorded, asked, place, found),
    }
}

fn note(recorded: Option<&Value>, asked: Option<&Value>, place: &str, found: &mut Differences) {
    found.count += 1;
    if found.count == 1 {
        let [recorded, asked] = [recorded, asked].map(|value| value.map(Value::to_string));
        let from = match (&recorded, &asked) {
            (Some(recorded), Some(asked)) => {
                let same = recorded.chars().zip(asked.chars()).take_while(|(a, b)| a == b).count();
                same.saturating_sub(SHOWN)
            }
            (_, _) => 0,
        };
        let shown = |value: Option<String>| value.map_or("nothing".to_owned(), |text| cut(&text, from));
        let place = if place.is_empty() { "/" } else { place };
        found.first = format!("at `{place}` recorded is {}, asked was {}", shown(recorded), shown(asked));
    }
}

fn cut(text: &str, from: usize) -> String {
    let part: String = text.chars().skip(from).take(2 * SHOWN).collect();
    let head = if from > 0 { "…" } else { "" };
    let tail = if text.chars().count() > from + 2 * SHOWN { "…" } else { "" };
    format!("`{head}{part}{tail}`")
}
