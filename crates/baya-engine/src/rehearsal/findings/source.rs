//! The text of the script around a site.

use super::Scene;
use baya_core::call::Site;

/// The line a site is on, in the script or in one it calls.
pub(super) fn line<'a>(scene: Scene<'a>, site: &Site) -> &'a str {
    let children = scene.children.iter().flat_map(|child| &child.sources);
    let source = scene.job.script.sources.iter().chain(children).find(|(name, _)| *name == site.file);
    let text = source.map(|(_, text)| text.as_str()).unwrap_or_default();
    text.lines().nth((site.line as usize).saturating_sub(1)).unwrap_or_default()
}

/// All of the script's files.
pub(super) fn texts<'a>(scene: Scene<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    scene.job.script.sources.iter().map(|(name, text)| (name.as_str(), text.as_str()))
}

/// The first place where the script says this, with its file and line.
pub(super) fn first(scene: Scene<'_>, words: &str) -> Option<Site> {
    texts(scene).find_map(|(file, text)| {
        let (at, line) = text
            .lines()
            .enumerate()
            .find(|(_, line)| !line.trim_start().starts_with("//") && line.contains(words))?;
        let column = line.find(words).map_or(0, |byte| line[..byte].chars().count());
        Some(Site { file: file.to_owned(), line: at as u32 + 1, column: column as u32 + 1 })
    })
}

pub(super) fn mentions(scene: Scene<'_>, words: &str) -> bool {
    first(scene, words).is_some()
}

/// A word with no letter, digit or underscore beside it.
pub(super) fn bare_words<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = (&'t str, &'t str)> {
    let inner = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.match_indices(word)
        .map(move |(at, _)| (&text[..at], &text[at + word.len()..]))
        .filter(move |(before, after)| !before.ends_with(inner) && !after.starts_with(inner))
}
