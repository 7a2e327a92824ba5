//! Which shell commands an agent may run (C23, `bashCommandClamp`; also patterns as `Bash(git:*)`).
//!
//! Patterns speak of simple commands. A line is taken apart ([`line`]) and each of its commands is
//! judged alone; what cannot be taken apart for certain is refused as soon as there is a list of what
//! is allowed. Denials are a help against mistakes, no wall: the sandbox is the wall.

pub(crate) mod line;

use line::Line;
use serde_json::Value;

/// What is allowed (all, if nothing is named) less what is denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clamp {
    allow: Vec<Pattern>,
    /// As agent types name them; where both lists are given a command has to be in both.
    and_allow: Vec<Pattern>,
    deny: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// This command with these arguments and no others.
    Exact(String),
    /// Begins with these words.
    Words(String),
    /// `*` stands for anything.
    Wild(String),
}

impl Clamp {
    /// The option as scripts give it: a pattern, a list of allowed ones, or `{allow: […], deny: […]}`.
    pub fn parse(option: &Value) -> Result<Clamp, String> {
        let unusable = || {
            let hint = "hint: give a list of allowed commands, or `{allow: […], deny: […]}`";
            format!("`bashCommandClamp` is not usable: `{option}`\n{hint}")
        };
        let list = |value: &Value| -> Result<Vec<Pattern>, String> {
            let texts = match value {
                Value::String(text) => vec![Some(text.as_str())],
                Value::Array(items) => items.iter().map(Value::as_str).collect(),
                _ => return Err(unusable()),
            };
            texts.into_iter().map(|text| text.and_then(Pattern::of_words).ok_or_else(unusable)).collect()
        };
        match option {
            Value::Object(fields) => {
                if fields.is_empty() || fields.keys().any(|key| key != "allow" && key != "deny") {
                    return Err(unusable());
                }
                let part = |key| fields.get(key).map_or(Ok(Vec::new()), list);
                let clamp = Clamp { allow: part("allow")?, and_allow: Vec::new(), deny: part("deny")? };
                // An empty list of what is allowed allows nothing; it must not come to mean everything.
                match fields.get("allow") {
                    Some(_) if clamp.allow.is_empty() => Err(unusable()),
                    _ => Ok(clamp),
                }
            }
            _ => match list(option)? {
                allow if allow.is_empty() => Err(unusable()),
                allow => Ok(Clamp { allow, ..Clamp::default() }),
            },
        }
    }

    /// Narrows by one more pattern, as it stands between the parentheses of `Bash(…)`.
    pub(super) fn also_allow(&mut self, pattern: &str) {
        self.and_allow.extend(Pattern::of_rule(pattern));
    }

    pub(super) fn also_deny(&mut self, pattern: &str) {
        self.deny.extend(Pattern::of_rule(pattern));
    }

    pub fn is_open(&self) -> bool {
        self.allow.is_empty() && self.and_allow.is_empty() && self.deny.is_empty()
    }

    /// Whether this shell text may run; if not, a sentence that says why.
    pub fn judge(&self, text: &str) -> Result<(), String> {
        if self.is_open() {
            return Ok(());
        }
        let line = Line::of(text);
        for command in &line.commands {
            if self.deny.iter().any(|pattern| command.plain_forms().iter().any(|form| pattern.matches(form)))
            {
                return Err(format!("`{}` is not allowed here{}", command.text, self.hint()));
            }
        }
        for allow in [&self.allow, &self.and_allow].into_iter().filter(|allow| !allow.is_empty()) {
            if let Some(odd) = line.odd {
                return Err(format!("{odd} cannot be judged where commands are restricted{}", self.hint()));
            }
            let unmet =
                line.commands.iter().find(|command| !command.is_cd() && !is_met(allow, &command.text));
            if let Some(command) = unmet {
                return Err(format!("`{}` is not allowed here{}", command.text, self.hint()));
            }
        }
        Ok(())
    }

    fn hint(&self) -> String {
        let say = |what: &str, patterns: &[Pattern]| match patterns {
            [] => String::new(),
            some => {
                let texts: Vec<_> = some.iter().map(|pattern| format!("`{}`", pattern.text())).collect();
                format!("\nhint: {what} {}", texts.join(", "))
            }
        };
        let allowed = say("allowed are only", &self.allow) + &say("allowed are only", &self.and_allow);
        allowed + &say("denied are", &self.deny)
    }
}

fn is_met(allow: &[Pattern], command: &str) -> bool {
    allow.iter().any(|pattern| pattern.matches(command))
}

impl Pattern {
    /// Plain text means: begins with these words.
    pub fn of_words(text: &str) -> Option<Pattern> {
        match Pattern::of_rule(text)? {
            Pattern::Exact(text) => Some(Pattern::Words(text)),
            other => Some(other),
        }
    }

    /// Plain text means exactly this; `git:*` and `git *` mean that it begins so.
    fn of_rule(text: &str) -> Option<Pattern> {
        let text = text.trim();
        let text = text.strip_prefix("Bash(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(text).trim();
        if text.is_empty() {
            return None;
        }
        let words = text.strip_suffix(":*").or_else(|| text.strip_suffix(" *")).map(str::trim);
        Some(match words {
            Some(words) if !words.contains('*') && !words.is_empty() => Pattern::Words(folded(words)),
            _ if text.contains('*') => Pattern::Wild(folded(text)),
            _ => Pattern::Exact(folded(text)),
        })
    }

    pub fn matches(&self, command: &str) -> bool {
        match self {
            Pattern::Exact(text) => command == text,
            Pattern::Words(words) => command
                .strip_prefix(words.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')),
            Pattern::Wild(wild) => matches_wild(wild, command),
        }
    }

    fn text(&self) -> String {
        match self {
            Pattern::Exact(text) | Pattern::Wild(text) => text.clone(),
            Pattern::Words(text) => format!("{text}:*"),
        }
    }
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn matches_wild(wild: &str, text: &str) -> bool {
    let parts: Vec<&str> = wild.split('*').collect();
    let (Some((first, rest)), Some(last)) = (parts.split_first(), parts.last()) else { return false };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    for part in &rest[..rest.len().saturating_sub(1)] {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}
