//! How many agents a script can start, as its text says: each call of `agent` times the rounds of the loops
//! and the elements of the lists around it.
//!
//! ```text
//! agent(…) ──▶ times: loops and functions around it ──▶ flow: who calls those ──▶ Places ──▶ Bounds
//!                └──▶ evaluate, calls, names: how long lists are    growth: and whether they stay so
//! ```
//! Invariant: no run of the script asks for more agents than its bound, whatever agents answer. What is not
//! sure has no bound: a list from an answer that nothing cuts, a loop that only answers end, a recursion, a
//! function that goes where it cannot be followed. Not for telling how many agents are usual.

mod calls;
mod evaluate;
mod flow;
mod growth;
mod loops;
mod names;
mod odd;
mod phases;
mod places;
mod reader;
mod sites;
mod times;
mod value;

use crate::call::{Program, WorkflowTarget};
use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_semantic::{Semantic, SemanticBuilder};
use oxc_span::SourceType;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use value::Value;

/// The most agents of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    own: Count,
    by_phase: BTreeMap<String, Count>,
    /// Of agents whose phase is not told by the text.
    anywhere: Count,
    /// Scripts it calls; none: the text does not tell which, or how often.
    children: Option<Vec<Child>>,
}

/// A script that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    pub target: WorkflowTarget,
    /// How often, at most.
    pub times: u64,
}

/// What is known of the arguments before the script runs.
#[derive(Debug, Clone, Copy)]
pub enum ArgsKnown<'v> {
    /// Others may be given.
    Nothing,
    Absent,
    These(&'v Json),
}

/// At most so many; none: nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count(Option<u64>);

impl Default for Count {
    fn default() -> Count {
        Count(Some(0))
    }
}

impl Count {
    fn add(&mut self, more: Option<u64>) {
        self.0 = self.0.zip(more).map(|(all, more)| all.saturating_add(more));
    }
}

impl Bounds {
    /// Of the script itself, without those it calls.
    pub fn own(&self) -> Option<u64> {
        self.own.0
    }

    /// In the phase with this title; `""` is none at all.
    pub fn of_phase(&self, title: &str) -> Option<u64> {
        // The groups of children are no phases of the script's.
        if title.starts_with('▸') {
            return None;
        }
        let mut count = self.by_phase.get(title).copied().unwrap_or_default();
        count.add(self.anywhere.0);
        count.0
    }

    pub fn children(&self) -> Option<&[Child]> {
        self.children.as_deref()
    }

    fn none() -> Bounds {
        Bounds { own: Count(None), anywhere: Count(None), ..Bounds::default() }
    }
}

/// The bounds of a program that was checked before.
pub fn bounds(program: &Program, args: ArgsKnown<'_>) -> Bounds {
    super::depth::with_stack(|| {
        let Some((entry, libraries)) = program.units.split_last() else { return Bounds::none() };
        let is_plain = libraries.iter().all(|unit| read(&unit.text, is_plain).unwrap_or(false));
        if !is_plain {
            return Bounds::none();
        }
        let bounds = read(&entry.text, |semantic| {
            if odd::is_odd(semantic) {
                return None;
            }
            Some(sites::bounds(semantic, known(args), !libraries.is_empty()))
        });
        bounds.flatten().unwrap_or_else(Bounds::none)
    })
}

/// The scripts that a program calls, as far as its text names them.
pub fn called(program: &Program) -> Vec<WorkflowTarget> {
    super::depth::with_stack(|| {
        let of_units = program.units.iter().filter_map(|unit| read(&unit.text, sites::targets)).flatten();
        let mut all: Vec<WorkflowTarget> = Vec::new();
        for target in of_units {
            if !all.contains(&target) {
                all.push(target);
            }
        }
        all
    })
}

/// What arrives of the arguments (C50); a text may be the JSON of anything.
fn known(args: ArgsKnown<'_>) -> Value {
    match args {
        ArgsKnown::Nothing => Value::Any,
        ArgsKnown::Absent => Value::Nothing,
        ArgsKnown::These(Json::String(text)) if text.trim_start().starts_with(['{', '[']) => Value::Any,
        ArgsKnown::These(value) => Value::of_json(value),
    }
}

/// A library that starts nothing, and in which names mean what they say.
fn is_plain(semantic: &Semantic<'_>) -> bool {
    let globals = semantic.scoping().root_unresolved_references();
    let starts = ["agent", "parallel", "pipeline", "workflow", "phase", "baya"];
    !odd::is_odd(semantic) && !starts.into_iter().any(|name| globals.contains_key(name))
}

fn read<T>(text: &str, look: impl FnOnce(&Semantic<'_>) -> T) -> Option<T> {
    let allocator = Allocator::default();
    let tree = Parser::new(&allocator, text, SourceType::script()).parse();
    if tree.panicked || tree.diagnostics.has_errors() {
        return None;
    }
    let built = SemanticBuilder::new().with_build_nodes(true).build(&tree.program);
    Some(look(&built.semantic))
}
