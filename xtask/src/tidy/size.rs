//! How long files, functions and lines may be (rule 11 of the house).

use super::Offenders;
use super::rust::{self, mask};
use super::tree::{File, Tree};

const FILE_LINES_MAX: usize = 500;
const NAMED_FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 120;

/// Files that may have up to 800 lines, each with its reason in its head.
const NAMED_FILES: [&str; 0] = [];

/// What counts as code.
const CODE: [&str; 4] = [".rs", ".js", ".ts", ".sh"];
/// What is written for people, wrapped like code.
const TEXT: [&str; 1] = [".md"];

pub fn files(tree: &Tree) -> Offenders {
    let code = tree.files.iter().filter(|file| file.has_ending(&CODE));
    code.filter_map(|file| {
        let lines = file.text.lines().count();
        let most =
            if NAMED_FILES.contains(&file.path.as_str()) { NAMED_FILE_LINES_MAX } else { FILE_LINES_MAX };
        (lines > most).then(|| format!("{}: {lines} lines, at most {most}", file.path))
    })
    .collect()
}

fn functions_of(file: &File) -> Offenders {
    let long =
        rust::functions(&mask(&file.text)).into_iter().filter(|function| function.lines > FUNCTION_LINES_MAX);
    long.map(|function| {
        let (line, name, lines) = (function.line, function.name, function.lines);
        format!("{}:{line}: `{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}", file.path)
    })
    .collect()
}

pub fn functions(tree: &Tree) -> Offenders {
    tree.files.iter().filter(|file| file.has_ending(&[".rs"])).flat_map(functions_of).collect()
}

/// Tables and addresses cannot be wrapped.
fn may_be_long(file: &File, line: &str) -> bool {
    line.contains("://") || (file.has_ending(&[".md"]) && line.trim_start().starts_with('|'))
}

pub fn columns(tree: &Tree) -> Offenders {
    let wrapped = tree.files.iter().filter(|file| file.has_ending(&CODE) || file.has_ending(&TEXT));
    wrapped.flat_map(long_lines).collect()
}

fn long_lines(file: &File) -> Offenders {
    let lines = file.text.lines().enumerate().filter(|(_, line)| !may_be_long(file, line));
    let long = lines.map(|(at, line)| (at + 1, line.chars().count())).filter(|(_, wide)| *wide > COLUMNS_MAX);
    long.map(|(line, wide)| format!("{}:{line}: {wide} columns, at most {COLUMNS_MAX}", file.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(path: &str, text: String) -> Tree {
        Tree { files: vec![File { path: path.to_owned(), text }] }
    }

    #[test]
    fn long_files_functions_and_lines_are_found() {
        assert!(files(&tree("a/src/b.rs", "x\n".repeat(500))).is_empty());
        assert_eq!(files(&tree("a/src/b.rs", "x\n".repeat(501))), ["a/src/b.rs: 501 lines, at most 500"]);
        let body = "    1;\n".repeat(69);
        let found = functions(&tree("b.rs", format!("fn a() {{\n{body}}}\n")));
        assert_eq!(found, ["b.rs:1: `a` has 71 lines, at most 70"]);
        assert!(columns(&tree("b.rs", "é".repeat(120))).is_empty());
        assert_eq!(columns(&tree("b.rs", "é".repeat(121))), ["b.rs:1: 121 columns, at most 120"]);
        assert!(columns(&tree("b.md", format!("| {} |", "x".repeat(200)))).is_empty());
    }
}
