//! The scripts that the project shows to people: all of them run, and no lint complains about one.
#![allow(clippy::disallowed_methods, reason = "tests read the scripts of the project")]

use super::*;
use std::path::{Path, PathBuf};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn scripts(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(project().join(folder)).unwrap_or_else(|why| panic!("{folder}: {why}"));
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut scripts: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "js")).collect();
    scripts.sort();
    scripts
}

fn read(path: &Path) -> SourceFile {
    let text = std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    SourceFile { name: path.display().to_string(), text }
}

#[test]
fn no_public_script_gets_a_warning() {
    let mut complaints = String::new();
    let all: Vec<PathBuf> =
        ["examples", "scenarios", "scenarios/parts"].into_iter().flat_map(scripts).collect();
    assert!(all.len() > 10, "the folders hold scripts");
    for path in all {
        let mut load =
            |importer: &str, specifier: &str| Ok(read(&Path::new(importer).with_file_name(specifier)));
        let found = match check(read(&path), &Options::default(), &mut load) {
            Ok(checked) => checked.warnings,
            Err(found) => found,
        };
        complaints.push_str(&render(&found, false));
    }
    assert_eq!(complaints, "");
}
