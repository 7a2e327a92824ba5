//! Reads positions out of the stack texts that QuickJS makes.

use baya_core::call::Site;

/// The positions in `files`, innermost first.
///
/// A line of `stack` reads `    at name (file:line:column)` or `    at file:line:column`.
pub(crate) fn sites(stack: &str, files: &[String]) -> Vec<Site> {
    stack.lines().filter_map(|line| site(line, files)).collect()
}

fn site(line: &str, files: &[String]) -> Option<Site> {
    let place = line.trim_start().strip_prefix("at ")?;
    let place = place.strip_suffix(')').unwrap_or(place);
    let (rest, column) = place.rsplit_once(':')?;
    let (rest, line) = rest.rsplit_once(':')?;
    let (line, column) = (line.parse().ok()?, column.parse().ok()?);
    let named = |file: &&String| {
        rest.strip_suffix(file.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('('))
    };
    // The longest name wins: `lib/a.js` is not `a.js`.
    let file = files.iter().filter(named).max_by_key(|file| file.len())?;
    Some(Site { file: file.clone(), line, column })
}
