//! Every source file is reached by `mod` from a root of its crate, and says what it is for.

use super::Offenders;
use super::rust::mask;
use super::tree::{File, Tree};
use std::collections::BTreeSet;

/// Sources under `src/` and `tests/` that no `mod` names.
pub fn dead(tree: &Tree) -> Offenders {
    let mut alive = BTreeSet::new();
    for root in tree.rust_sources().filter(|file| is_root(&file.path)) {
        visit(tree, root, true, &mut alive);
    }
    let dead = tree.rust_sources().filter(|file| !alive.contains(file.path.as_str()));
    dead.map(|file| format!("{}: no `mod` names it", file.path)).collect()
}

/// Sources whose first line is no `//!`.
pub fn headless(tree: &Tree) -> Offenders {
    let headless = tree.rust_sources().filter(|file| !file.text.trim_start().starts_with("//!"));
    headless.map(|file| format!("{}: does not open with `//!`", file.path)).collect()
}

/// Where cargo begins: libraries, binaries, and test binaries.
fn is_root(path: &str) -> bool {
    let mut parts: Vec<&str> = path.split('/').rev().collect();
    parts.truncate(3);
    matches!(
        parts.as_slice(),
        ["lib.rs" | "main.rs", "src", ..] | ["main.rs", _, "bin" | "tests"] | [_, "bin" | "tests", ..]
    )
}

fn visit<'t>(tree: &'t Tree, file: &'t File, root: bool, alive: &mut BTreeSet<&'t str>) {
    if !alive.insert(&file.path) {
        return;
    }
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let stem = name.trim_end_matches(".rs");
    let own = if root || stem == "mod" { folder.to_owned() } else { format!("{folder}/{stem}") };
    for module in declared(&file.text) {
        let inside = if module.within.is_empty() { own.clone() } else { format!("{own}/{}", module.within) };
        let places = match &module.path {
            Some(path) => [join(folder, path), String::new()],
            None => [format!("{inside}/{}.rs", module.name), format!("{inside}/{}/mod.rs", module.name)],
        };
        for found in places.iter().filter_map(|place| tree.get(place)) {
            visit(tree, found, false, alive);
        }
    }
}

/// Resolves `..` in a `#[path = …]`.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// A `mod name;`, the inline modules around it, and its `#[path = …]`.
#[derive(Debug, PartialEq, Eq)]
struct Declared {
    name: String,
    within: String,
    path: Option<String>,
}

/// The `mod name;` of a source, those inside `mod outer { … }` too.
fn declared(source: &str) -> Vec<Declared> {
    let mut found = Vec::new();
    // For each open brace the name of the inline module it belongs to, if any.
    let mut open: Vec<Option<&str>> = Vec::new();
    let masked = mask(source);
    let words = tokens(&masked);
    for (at, (word, _)) in words.iter().enumerate() {
        let word_at = |at: Option<usize>| at.and_then(|at| words.get(at)).map_or("", |(word, _)| *word);
        let named = word_at(at.checked_sub(2)) == "mod";
        match *word {
            "{" => open.push(named.then(|| word_at(at.checked_sub(1)))),
            "}" => drop(open.pop()),
            ";" if named => found.push(Declared {
                name: word_at(at.checked_sub(1)).trim_start_matches("r#").to_owned(),
                within: open.iter().flatten().copied().collect::<Vec<_>>().join("/"),
                path: path_attribute(source, &masked, words[at - 2].1),
            }),
            _ => {}
        }
    }
    found
}

/// Words and single signs of masked code, each with its place in characters.
fn tokens(masked: &str) -> Vec<(&str, usize)> {
    let mut out = Vec::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '#';
    let mut rest = masked;
    while let Some(c) = rest.chars().next() {
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len()).max(c.len_utf8());
        if !c.is_whitespace() {
            out.push((&rest[..length], masked.len() - rest.len()));
        }
        rest = &rest[length..];
    }
    out
}

/// The value of a `#[path = "…"]` between the item before and the `mod` at this byte of the masked code.
fn path_attribute(source: &str, masked: &str, at: usize) -> Option<String> {
    // The masked code has the same characters, not the same bytes.
    let at = masked[..at].chars().count();
    let before: String = source.chars().take(at).collect();
    let item = before.rfind([';', '{', '}']).map_or(before.as_str(), |end| &before[end..]);
    let (_, rest) = item.split_once("#[path")?;
    rest.split('"').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File { path: path.to_string(), text: text.to_string() };
        Tree { files: files.iter().map(file).collect() }
    }

    #[test]
    fn a_file_that_no_mod_names_is_dead() {
        let tree = tree(&[
            (
                "crates/a/src/lib.rs",
                "//! A.\nmod b;\npub mod c;\n// mod ghost;\nmod i { mod j; }\n#[path = \"odd.rs\"]\nmod k;\n",
            ),
            ("crates/a/src/b.rs", "mod d;\n"),
            ("crates/a/src/b/d.rs", ""),
            ("crates/a/src/c/mod.rs", "mod e;"),
            ("crates/a/src/c/e.rs", ""),
            ("crates/a/src/i/j.rs", ""),
            ("crates/a/src/odd.rs", ""),
            ("crates/a/src/ghost.rs", ""),
            ("crates/a/src/d.rs", ""),
            ("crates/a/tests/it/main.rs", "mod f;"),
            ("crates/a/tests/it/f.rs", ""),
            ("crates/a/tests/it/g.rs", ""),
        ]);
        let expected = ["crates/a/src/ghost.rs", "crates/a/src/d.rs", "crates/a/tests/it/g.rs"];
        assert_eq!(dead(&tree), expected.map(|path| format!("{path}: no `mod` names it")));
    }

    #[test]
    fn a_module_says_what_it_is_for() {
        let tree =
            tree(&[("a/src/b.rs", "//! B.\n"), ("a/src/c.rs", "use x;\n"), ("a/build.rs", "fn main() {}")]);
        assert_eq!(headless(&tree), ["a/src/c.rs: does not open with `//!`"]);
    }

    #[test]
    fn only_the_crates_own_roots_are_roots() {
        assert!(is_root("crates/a/src/main.rs") && is_root("xtask/src/bin/tool.rs"));
        assert!(is_root("crates/a/tests/it/main.rs") && is_root("crates/a/tests/one.rs"));
        assert!(!is_root("crates/a/src/b/main.rs") && !is_root("crates/a/tests/it/b.rs"));
    }
}
