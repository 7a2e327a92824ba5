//! A project's memory files (C20): `AGENTS.md` and `CLAUDE.md` of a folder and its parents up to the
//! repository root, with their `@path` imports.
//!
//! The root's come first, so that the nearest has the last word. Nothing outside the repository is
//! read: a file of a project must not be able to send the user's other files to a model. What is left
//! out is said in the notes.

use std::path::{Path, PathBuf};

const NAMES: [&str; 2] = ["AGENTS.md", "CLAUDE.md"];
/// All memory files together.
const BYTES_MAX: usize = 256 * 1024;
/// How deep imports may nest.
const IMPORT_DEPTH_MAX: u32 = 5;
/// Parents looked at when there is no repository.
const PARENTS_MAX: usize = 64;

/// The memory of one folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryFiles {
    /// Ready to stand in a system text; empty if there is nothing.
    pub text: String,
    /// What was read, in the order of the text.
    pub files: Vec<PathBuf>,
    /// What was left out and why, one sentence each.
    pub notes: Vec<String>,
}

/// The nearest folder from `folder` upwards that holds `.git`.
pub fn repository_root(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().take(PARENTS_MAX).find(|place| place.join(".git").exists()).map(Path::to_owned)
}

/// The folder and its parents, nearest first, up to the root; without a root only the folder.
pub fn from_folder_to_root<'a>(folder: &'a Path, root: Option<&Path>) -> Vec<&'a Path> {
    let Some(root) = root.filter(|root| folder.starts_with(root)) else { return vec![folder] };
    folder.ancestors().take_while(|place| place.starts_with(root)).take(PARENTS_MAX).collect()
}

/// Reads the memory files that count for an agent in `folder`.
pub fn collect(folder: &Path) -> MemoryFiles {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let root = repository_root(&folder);
    let mut reader =
        Reader { root: root.clone().unwrap_or_else(|| folder.clone()), found: MemoryFiles::default() };
    let mut places = from_folder_to_root(&folder, root.as_deref());
    places.reverse();
    for place in places {
        for name in NAMES {
            reader.read(&place.join(name), 0);
        }
    }
    reader.found
}

struct Reader {
    root: PathBuf,
    found: MemoryFiles,
}

impl Reader {
    /// Adds the imports of a file, then the file; each file once.
    fn read(&mut self, path: &Path, depth: u32) {
        let Ok(path) = path.canonicalize() else { return };
        if !path.is_file() || self.found.files.contains(&path) {
            return;
        }
        if !path.starts_with(&self.root) {
            return self.leave_out(&path, "is outside the project");
        }
        let Ok(bytes) = std::fs::read(&path) else { return self.leave_out(&path, "cannot be read") };
        let Ok(text) = String::from_utf8(bytes) else { return self.leave_out(&path, "is not UTF-8") };
        if self.found.text.len() + text.len() > BYTES_MAX {
            return self.leave_out(&path, "would make the memory files larger than 256 KiB");
        }
        self.found.files.push(path.clone());
        self.follow_imports(&path, &text, depth);
        self.append(&path, &text);
    }

    fn follow_imports(&mut self, path: &Path, text: &str, depth: u32) {
        let folder = path.parent().unwrap_or(Path::new(""));
        for import in imports(text) {
            if depth >= IMPORT_DEPTH_MAX {
                self.leave_out(Path::new(&import), "is imported too deeply");
            } else if import.starts_with('~') {
                self.leave_out(Path::new(&import), "is outside the project");
            } else {
                self.read(&folder.join(&import), depth + 1);
            }
        }
    }

    fn append(&mut self, path: &Path, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let shown = path.strip_prefix(&self.root).unwrap_or(path).display();
        let gap = if self.found.text.is_empty() { "" } else { "\n\n" };
        self.found.text.push_str(&format!("{gap}# From `{shown}`\n\n{text}"));
    }

    fn leave_out(&mut self, path: &Path, why: &str) {
        self.found.notes.push(format!("memory file `{}` {why}: left out", path.display()));
    }
}

/// The `@path` words of a Markdown text that stand outside code and name a file.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_fence = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            in_fence = !in_fence;
        } else if !in_fence {
            let outside_code = line.split('`').step_by(2);
            found.extend(outside_code.flat_map(str::split_whitespace).filter_map(import_of));
        }
    }
    found
}

fn import_of(word: &str) -> Option<String> {
    let path = word.strip_prefix('@')?.trim_end_matches([',', ';', ':', ')']);
    let path = if path.ends_with('.') { path.trim_end_matches('.') } else { path };
    let names_a_file = path.contains('/') || path.contains('.');
    (names_a_file && !path.contains('@')).then(|| path.to_owned())
}
