//! Reads positions out of the stack texts that QuickJS makes.
//!
//! QuickJS counts columns in bytes of UTF-8; people and editors count characters. The lines that are not
//! plain ASCII are kept to turn the one into the other.

use baya_core::call::{Program, Site};
use std::collections::BTreeMap;

/// The files of one program, as far as positions need them.
pub(crate) struct Sources {
    files: Vec<Source>,
}

struct Source {
    name: String,
    /// The lines with more bytes than characters, by number from 1.
    wide_lines: BTreeMap<u32, String>,
}

impl Sources {
    pub(crate) fn of(program: &Program) -> Sources {
        let source = |unit: &baya_core::call::Unit| {
            let wide = unit.text.split('\n').zip(1..).filter(|(line, _)| !line.is_ascii());
            let wide_lines = wide.map(|(line, number)| (number, line.to_owned())).collect();
            Source { name: unit.file.clone(), wide_lines }
        };
        Sources { files: program.units.iter().map(source).collect() }
    }

    /// The innermost position in `stack` that is in these files.
    pub(crate) fn first(&self, stack: &str) -> Option<Site> {
        stack.lines().find_map(|line| self.site(line))
    }

    /// All positions in these files, innermost first.
    pub(crate) fn all(&self, stack: &str) -> Vec<Site> {
        stack.lines().filter_map(|line| self.site(line)).collect()
    }

    /// A line reads `    at name (file:line:column)` or `    at file:line:column`.
    fn site(&self, line: &str) -> Option<Site> {
        let place = line.trim_start().strip_prefix("at ")?;
        let place = place.strip_suffix(')').unwrap_or(place);
        let (rest, column) = place.rsplit_once(':')?;
        let (rest, line) = rest.rsplit_once(':')?;
        let (line, column) = (line.parse().ok()?, column.parse().ok()?);
        let named = |source: &&Source| {
            let before = rest.strip_suffix(source.name.as_str());
            before.is_some_and(|before| before.is_empty() || before.ends_with('('))
        };
        // The longest name wins: `f (a.js` is a file too.
        let source = self.files.iter().filter(named).max_by_key(|source| source.name.len())?;
        Some(Site { file: source.name.clone(), line, column: source.characters(line, column) })
    }
}

impl Source {
    fn characters(&self, line: u32, column: u32) -> u32 {
        // QuickJS counts from 0 in the first line and from 1 in all others.
        let column = if line == 1 { column + 1 } else { column };
        let Some(text) = self.wide_lines.get(&line) else { return column };
        let bytes_before = column.saturating_sub(1) as usize;
        1 + text.char_indices().take_while(|(at, _)| *at < bytes_before).count() as u32
    }
}
