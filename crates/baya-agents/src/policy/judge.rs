//! From an action to what becomes of it: deny goes before ask, ask before allow, and where no rule
//! speaks the default of the kind, or of the file, does.

use super::command::Commands;
use super::file::{PolicyFile, Ruling, Section};
use super::paths::{PathPattern, Place, readings};
use super::pattern::Rule;
use crate::backend::{Action, Deed};
use std::path::{Path, PathBuf};

/// The policies of the files that count here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    layers: Vec<(PathBuf, PolicyFile)>,
}

/// What becomes of an action, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub ruling: Ruling,
    /// The rule that decided; empty where nothing is said.
    pub why: String,
    /// For a question: what a lasting answer to it stands for.
    pub covers: Vec<String>,
    /// A rule speaks of it, not only a default.
    pub is_of_rule: bool,
}

impl Policy {
    /// One layer per file, by the file's name.
    pub fn new(layers: Vec<(PathBuf, PolicyFile)>) -> Policy {
        Policy { layers: layers.into_iter().filter(|(_, file)| !file.is_open()).collect() }
    }

    /// Everything is allowed.
    pub fn is_open(&self) -> bool {
        self.layers.is_empty()
    }

    /// Whether a search may look into this file: no rule denies it or asks for it.
    pub fn sees(&self, path: &Path, place: Place<'_>) -> bool {
        let speaks = |(_, file): &(PathBuf, PolicyFile)| {
            [&file.paths, &file.reads]
                .iter()
                .any(|section| !section.deny.is_empty() || !section.ask.is_empty())
        };
        if !self.layers.iter().any(speaks) {
            return true;
        }
        let action = Action { tool: "read".to_owned(), what: Deed::Read(path.to_owned()) };
        let judgement = self.judge(&action, place);
        judgement.ruling == Ruling::Allow || !judgement.is_of_rule
    }

    pub fn judge(&self, action: &Action, place: Place<'_>) -> Judgement {
        let mut all = Judgement::of(Ruling::Allow, String::new(), None);
        for (path, file) in &self.layers {
            all = all.and(Layer { path, file, action, place }.judge());
        }
        all
    }
}

impl Judgement {
    fn of(ruling: Ruling, why: String, covers: Option<String>) -> Judgement {
        Judgement { ruling, why, covers: covers.into_iter().collect(), is_of_rule: false }
    }

    /// The stricter of the two; a question is about all that is asked.
    fn and(mut self, other: Judgement) -> Judgement {
        match (self.ruling, other.ruling) {
            (Ruling::Ask, Ruling::Ask) => {
                let new = other.covers.into_iter().filter(|covered| !self.covers.contains(covered));
                let new: Vec<String> = new.collect();
                self.covers.extend(new);
                self.is_of_rule |= other.is_of_rule;
                self
            }
            (mine, theirs) if theirs > mine || self.why.is_empty() && theirs == mine => other,
            _ => self,
        }
    }
}

/// One file, looking at one action.
struct Layer<'a> {
    path: &'a Path,
    file: &'a PolicyFile,
    action: &'a Action,
    place: Place<'a>,
}

impl Layer<'_> {
    fn judge(&self) -> Judgement {
        let file = self.file;
        let of_tool = self.first("tools", &file.tools, |rule| rule.matches(&self.action.tool), "");
        match &self.action.what {
            Deed::Command(text) => self.commands(text, of_tool),
            Deed::Read(path) => self.files(path, &[("paths", &file.paths), ("reads", &file.reads)], of_tool),
            Deed::Write(path) => {
                self.files(path, &[("paths", &file.paths), ("writes", &file.writes)], of_tool)
            }
            Deed::Host(host) => {
                let found = self.first("hosts", &file.hosts, |rule| rule.matches(host), host);
                self.decided([of_tool, found], ("hosts", file.hosts.default), host)
            }
            Deed::Other(text) => self.decided([of_tool, None], ("tools", file.tools.default), text),
        }
    }

    /// Each command alone; the strictest of them counts.
    fn commands(&self, text: &str, of_tool: Option<Judgement>) -> Judgement {
        let section = &self.file.commands;
        let commands = Commands::of(text);
        let mut judgements = Vec::new();
        for command in commands.outer.iter() {
            let forms = command.plain_forms();
            let strict =
                self.first_of("commands", section, &[Ruling::Deny, Ruling::Ask], &command.text, |rule| {
                    forms.iter().any(|form| rule.matches(form))
                });
            let allows = || {
                let allows = self.first_of("commands", section, &[Ruling::Allow], &command.text, |rule| {
                    rule.matches(&command.text)
                });
                allows.filter(|_| !commands.is_odd)
            };
            match strict.or_else(allows) {
                None if command.is_cd() && !commands.is_odd => {}
                found => judgements.push(self.decided(
                    [of_tool.clone(), found],
                    ("commands", section.default),
                    &command.text,
                )),
            }
        }
        for command in &commands.inner {
            let forms = command.plain_forms();
            let strict = [Ruling::Deny, Ruling::Ask];
            judgements.extend(self.first_of("commands", section, &strict, &command.text, |rule| {
                forms.iter().any(|form| rule.matches(form))
            }));
        }
        let whole = || self.decided([of_tool.clone(), None], ("commands", section.default), text);
        judgements.into_iter().reduce(Judgement::and).unwrap_or_else(whole)
    }

    fn files(
        &self,
        path: &Path,
        sections: &[(&str, &Section<PathPattern>); 2],
        of_tool: Option<Judgement>,
    ) -> Judgement {
        let default = sections.iter().rev().find_map(|(name, section)| Some((*name, section.default?)));
        let (name, default) = default.map_or(("paths", None), |(name, default)| (name, Some(default)));
        let judged = readings(path, self.place).into_iter().map(|reading| {
            let text = reading.display().to_string();
            let found = sections.iter().filter_map(|(name, section)| {
                self.first(name, section, |rule| rule.matches(&reading, self.place), &text)
            });
            let found = found.reduce(stricter);
            self.decided([of_tool.clone(), found], (name, default), &text)
        });
        judged.reduce(Judgement::and).unwrap_or_else(|| Judgement::of(Ruling::Allow, String::new(), None))
    }

    /// The strictest rule of a section that speaks of the action.
    fn first<P: Rule>(
        &self,
        name: &str,
        section: &Section<P>,
        speaks: impl Fn(&P) -> bool,
        what: &str,
    ) -> Option<Judgement> {
        self.first_of(name, section, &[Ruling::Deny, Ruling::Ask, Ruling::Allow], what, speaks)
    }

    fn first_of<P: Rule>(
        &self,
        name: &str,
        section: &Section<P>,
        rulings: &[Ruling],
        what: &str,
        speaks: impl Fn(&P) -> bool,
    ) -> Option<Judgement> {
        let lists = section.lists().into_iter().filter(|(ruling, _)| rulings.contains(ruling));
        lists.into_iter().find_map(|(ruling, list)| {
            let rule = list.iter().find(|rule| speaks(rule))?;
            let (text, list) = (rule.text(), ruling.name());
            let why = format!("rule `{text}` in `{list}` of `[policy.{name}]`, {}", self.path.display());
            let covers = match rule.is_all() {
                true => self.exactly(what),
                false => format!("{name} rule {text}"),
            };
            let judgement = Judgement::of(ruling, why, (ruling == Ruling::Ask).then_some(covers));
            Some(Judgement { is_of_rule: true, ..judgement })
        })
    }

    /// What rules say; where none speaks, the default.
    fn decided(
        &self,
        found: [Option<Judgement>; 2],
        (name, of_section): (&str, Option<Ruling>),
        what: &str,
    ) -> Judgement {
        if let Some(found) = found.into_iter().flatten().reduce(stricter) {
            return found;
        }
        let ruling = of_section.or(self.file.default).unwrap_or_default();
        let section = of_section.map_or("[policy]".to_owned(), |_| format!("[policy.{name}]"));
        let why = match ruling {
            Ruling::Allow => String::new(),
            Ruling::Ask | Ruling::Deny => {
                format!("`default = \"{}\"` of `{section}`, {}", ruling.name(), self.path.display())
            }
        };
        Judgement::of(ruling, why, (ruling == Ruling::Ask).then(|| self.exactly(what)))
    }

    /// This and nothing else.
    fn exactly(&self, what: &str) -> String {
        let what = if what.is_empty() { self.action.in_words() } else { what.to_owned() };
        format!("just {} {what}", self.action.tool)
    }
}

fn stricter(one: Judgement, other: Judgement) -> Judgement {
    one.and(other)
}
