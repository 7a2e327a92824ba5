//! Rules for files, written like lines of a `.gitignore`: `*.pem` in every folder, `src/gen/**` from the
//! agent's folder, `/etc/**` and `~/.ssh` as they stand. What a rule says of a folder holds for all in it.

use super::pattern::Rule;
use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;
use std::path::{Component, Path, PathBuf};

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct PathPattern {
    text: String,
    from: From,
    glob: GlobMatcher,
}

/// What a pattern is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// Each name on the way to the file.
    Name,
    /// The path from the agent's folder on.
    Folder,
    Home,
    Root,
}

/// Where paths of an agent start.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub folder: &'a Path,
    pub home: &'a Path,
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &PathPattern) -> bool {
        self.text == other.text
    }
}

impl TryFrom<String> for PathPattern {
    type Error = String;
    fn try_from(text: String) -> Result<PathPattern, String> {
        if text.starts_with('!') {
            return Err(format!(
                "`{text}`: a rule for paths takes nothing back; put what is fine into `allow`"
            ));
        }
        let body = text.strip_suffix('/').unwrap_or(&text);
        let body = body.strip_prefix("./").unwrap_or(body);
        let (from, body) = match (body.strip_prefix("~/"), body.starts_with('/'), body.contains('/')) {
            (Some(rest), _, _) => (From::Home, rest),
            (None, true, _) => (From::Root, body),
            (None, false, true) => (From::Folder, body),
            (None, false, false) => (From::Name, body),
        };
        if body.is_empty() || body.split('/').any(|part| part == "..") {
            return Err(format!("`{text}` is no pattern for paths"));
        }
        let glob = GlobBuilder::new(body).literal_separator(true).build();
        let glob = glob.map_err(|error| format!("`{text}` is no pattern for paths: {}", error.kind()))?;
        Ok(PathPattern { from, glob: glob.compile_matcher(), text })
    }
}

impl Rule for PathPattern {
    fn text(&self) -> &str {
        &self.text
    }
}

impl PathPattern {
    /// `path` is absolute and without `..`.
    pub(super) fn matches(&self, path: &Path, place: Place<'_>) -> bool {
        let hits = |path: &Path| {
            path.ancestors().any(|above| !above.as_os_str().is_empty() && self.glob.is_match(above))
        };
        let below = |base: &Path| path.strip_prefix(base).is_ok_and(hits);
        match self.from {
            // Names above the agent's folder are not the agent's business.
            From::Name => {
                let inside = path.strip_prefix(place.folder).unwrap_or(path);
                inside.components().any(|part| self.glob.is_match(part.as_os_str()))
            }
            From::Folder => below(place.folder),
            From::Home => below(place.home),
            From::Root => hits(path),
        }
    }
}

/// A path as its text says, and as its links lead; both have to pass.
pub(super) fn readings(path: &Path, place: Place<'_>) -> Vec<PathBuf> {
    let named = plain(&place.folder.join(path));
    let mut readings = vec![named];
    if let Ok(real) = crate::sandbox::real(&place.folder.join(path))
        && !readings.contains(&real)
    {
        readings.push(real);
    }
    readings
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => plain.push(part),
        }
    }
    plain
}
