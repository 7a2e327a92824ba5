//! Reads positions out of the stack texts that QuickJS makes.
//!
//! QuickJS counts columns in bytes of UTF-8 and from 0 in a file's first line; people and editors count
//! characters from 1.

use crate::callsite::{self, CallSpan};
use baya_core::call::{Program, Site, Unit};
use baya_core::script::OWN_UNIT;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

/// The files of one program.
pub(crate) struct Sources {
    files: Vec<Source>,
}

struct Source {
    name: String,
    text: String,
    /// Characters of ours before the user's own on line 1.
    shift: u32,
    line_starts: Vec<usize>,
    calls: OnceCell<Vec<CallSpan>>,
    /// Calls in a loop come from the same place again and again.
    known: RefCell<BTreeMap<(usize, &'static str), Site>>,
}

/// A byte of one of the files.
type Place<'s> = (&'s Source, usize);

impl Sources {
    pub(crate) fn of(program: &Program) -> Sources {
        let own = |unit: &&Unit| unit.file != OWN_UNIT;
        Sources { files: program.units.iter().filter(own).map(Source::of).collect() }
    }

    /// Where the call of our function `name` stands that made this stack.
    pub(crate) fn call(&self, stack: &str, name: &'static str) -> Option<Site> {
        let (source, at) = stack.lines().find_map(|line| self.place(line))?;
        if let Some(site) = source.known.borrow().get(&(at, name)) {
            return Some(site.clone());
        }
        let site = source.site(source.call_around(at, name));
        source.known.borrow_mut().insert((at, name), site.clone());
        Some(site)
    }

    /// All positions in these files, innermost first.
    pub(crate) fn all(&self, stack: &str) -> Vec<Site> {
        stack.lines().filter_map(|line| self.place(line)).map(|(source, at)| source.site(at)).collect()
    }

    /// A line reads `    at name (file:line:column)` or `    at file:line:column`.
    fn place(&self, line: &str) -> Option<Place<'_>> {
        let place = line.trim_start().strip_prefix("at ")?;
        let place = place.strip_suffix(')').unwrap_or(place);
        let (rest, column) = place.rsplit_once(':')?;
        let (rest, line) = rest.rsplit_once(':')?;
        let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
        let named = |source: &&Source| {
            let before = rest.strip_suffix(source.name.as_str());
            before.is_some_and(|before| before.is_empty() || before.ends_with('('))
        };
        // The longest name wins: `f (a.js` is a file too.
        let source = self.files.iter().filter(named).max_by_key(|source| source.name.len())?;
        let bytes_before = if line == 1 { column } else { column.saturating_sub(1) };
        let start = source.line_starts.get(line.checked_sub(1)?)?;
        Some((source, start + bytes_before))
    }
}

impl Source {
    fn of(unit: &Unit) -> Source {
        let after_breaks = unit.text.match_indices('\n').map(|(at, _)| at + 1);
        Source {
            name: unit.file.clone(),
            text: unit.text.clone(),
            shift: unit.shift,
            line_starts: std::iter::once(0).chain(after_breaks).collect(),
            calls: OnceCell::new(),
            known: RefCell::default(),
        }
    }

    /// The start of the innermost call of `name` around `at`; `at` itself if there is none.
    fn call_around(&self, at: usize, name: &str) -> usize {
        let calls = self.calls.get_or_init(|| callsite::spans(&self.text));
        let around = calls.iter().find(|call| call.name == name && (call.start..call.end).contains(&at));
        around.map_or(at, |call| call.start)
    }

    fn site(&self, at: usize) -> Site {
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_starts[line - 1];
        let characters = self.text[start..].char_indices().take_while(|(i, _)| start + i < at).count() as u32;
        let shift = if line == 1 { self.shift } else { 0 };
        let column = (1 + characters).saturating_sub(shift).max(1);
        Site { file: self.name.clone(), line: line as u32, column }
    }
}
