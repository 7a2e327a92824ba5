//! From a position in a watched text back to the user's.

use super::insert::Inserted;
use super::stack::Place;
use crate::call::{Site, Unit};

/// One unit before and after.
pub(super) struct Moved {
    pub file: String,
    /// Of the unit's own, on line 1.
    shift: u32,
    original: Lines,
    watched: Lines,
    inserted: Vec<Inserted>,
}

/// A text and where its lines begin.
pub(super) struct Lines {
    text: String,
    starts: Vec<usize>,
}

impl Lines {
    pub fn of(text: &str) -> Lines {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines { text: text.to_owned(), starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// Line, 1-based, and characters before it on the line.
    pub fn place(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[line - 1];
        (line, self.text[start..].char_indices().take_while(|(i, _)| start + i < at).count())
    }

    /// The byte behind so many characters of a line.
    fn at_chars(&self, line: usize, chars: usize) -> Option<usize> {
        let start = *self.starts.get(line.checked_sub(1)?)?;
        let rest = &self.text[start..];
        Some(start + rest.char_indices().nth(chars).map_or(rest.len(), |(at, _)| at))
    }

    /// The byte behind so many bytes of a line.
    fn at_bytes(&self, line: usize, bytes: usize) -> Option<usize> {
        Some((self.starts.get(line.checked_sub(1)?)? + bytes).min(self.text.len()))
    }
}

impl Moved {
    pub fn new(unit: &Unit, watched: &str, inserted: Vec<Inserted>) -> Moved {
        Moved {
            file: unit.file.clone(),
            shift: unit.shift,
            original: Lines::of(&unit.text),
            watched: Lines::of(watched),
            inserted,
        }
    }

    /// A stack names the file at the end of what stands before the position.
    pub fn is_named_in(&self, before: &str) -> bool {
        before.strip_suffix(self.file.as_str()).is_some_and(|head| head.is_empty() || head.ends_with('('))
    }

    pub fn original(&self, site: &Site) -> Site {
        let shift = if site.line == 1 { self.shift } else { 0 };
        let chars = (site.column.max(1) - 1 + shift) as usize;
        let at = self.watched.at_chars(site.line as usize, chars);
        at.map_or_else(|| site.clone(), |at| self.site(at))
    }

    /// QuickJS counts bytes, from 1, and from 0 on line 1.
    pub fn in_stack(&self, place: &Place<'_>) -> Site {
        let bytes = if place.line == 1 { place.column } else { place.column.saturating_sub(1) };
        let at = self.watched.at_bytes(place.line, bytes).unwrap_or(0);
        self.site(at)
    }

    fn site(&self, at: usize) -> Site {
        let before: usize =
            self.inserted.iter().take_while(|it| it.at < at).map(|it| (at - it.at).min(it.length)).sum();
        site(&self.original, &self.file, self.shift, at - before)
    }
}

/// The position of a byte of a unit, in the user's file.
pub(super) fn site(lines: &Lines, file: &str, shift: u32, at: usize) -> Site {
    let (line, chars) = lines.place(at);
    let shift = if line == 1 { shift } else { 0 };
    let column = (1 + chars as u32).saturating_sub(shift).max(1);
    Site { file: file.to_owned(), line: line as u32, column }
}
