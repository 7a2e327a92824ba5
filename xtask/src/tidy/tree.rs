//! The workspace's own files, as text. What git would not carry (build output, hidden tool folders)
//! is left out.

use std::path::Path;

/// Folders that hold nothing of ours (`.git` is a file in a worktree).
const SKIPPED: [&str; 3] = ["target", ".git", "node_modules"];

/// One text file.
pub struct File {
    /// From the workspace's folder, with `/`.
    pub path: String,
    pub text: String,
}

impl File {
    pub fn has_ending(&self, endings: &[&str]) -> bool {
        endings.iter().any(|ending| self.path.ends_with(ending))
    }

    /// Rust under `src/` or `tests/`.
    pub fn is_rust_source(&self) -> bool {
        self.has_ending(&[".rs"]) && (self.path.contains("src/") || self.path.contains("tests/"))
    }
}

/// All files, ordered by path.
pub struct Tree {
    pub files: Vec<File>,
}

impl Tree {
    pub fn read(root: &Path) -> Result<Tree, String> {
        let mut files = Vec::new();
        collect(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Tree { files })
    }

    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    pub fn rust_sources(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust_source())
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<(), String> {
    let unreadable = |error: std::io::Error| format!("`{}` cannot be read: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(unreadable)?;
        let path = format!("{prefix}{name}");
        if SKIPPED.contains(&name.as_str()) {
            continue;
        } else if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() {
            // What is not UTF-8 is no text.
            files.extend(std::fs::read_to_string(entry.path()).ok().map(|text| File { path, text }));
        }
    }
    Ok(())
}
