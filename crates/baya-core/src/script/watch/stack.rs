//! Lines of the stack texts that QuickJS makes: `    at name (file:line:column)`, `    at file:line:column`.

use crate::call::Site;

/// A line of a stack.
pub(super) struct Place<'s> {
    /// Ends with the file's name; the name of a function may stand before it.
    pub file: &'s str,
    pub line: usize,
    pub column: usize,
}

pub(super) fn place(line: &str) -> Option<Place<'_>> {
    let place = line.trim_start().strip_prefix("at ")?;
    split(place.strip_suffix(')').unwrap_or(place))
}

/// `file:line:column`.
pub(super) fn site(text: &str) -> Option<Site> {
    let place = split(text)?;
    Some(Site { file: place.file.to_owned(), line: place.line as u32, column: place.column as u32 })
}

fn split(text: &str) -> Option<Place<'_>> {
    let (rest, column) = text.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    Some(Place { file, line: line.parse().ok()?, column: column.parse().ok()? })
}
