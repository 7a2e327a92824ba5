//! Which tests there are: every `*.test.json` below a folder that git does not ignore.

use super::file::TEST_ENDING;
use crate::failure::Failure;
use ignore::WalkBuilder;
use std::path::{Path, PathBuf};

/// How deep folders are looked into.
const DEPTH_MAX: usize = 32;

/// The tests meant by these paths, in the order of their names; no path means the working folder.
pub fn find(paths: &[PathBuf], working: &Path) -> Result<Vec<PathBuf>, Failure> {
    let paths = if paths.is_empty() { vec![working.to_owned()] } else { paths.to_vec() };
    let mut found = Vec::new();
    for path in &paths {
        if path.is_dir() {
            found.extend(below(path));
        } else if is_test(path) && path.is_file() {
            found.push(path.clone());
        } else if path.is_file() {
            return Err(Failure::usage(format!(
                "`{}` is no test: tests end in `{TEST_ENDING}`",
                path.display()
            )));
        } else {
            return Err(Failure::usage(format!("`{}`: there is no such file or folder", path.display())));
        }
    }
    // As a person in that folder would name them.
    let here = |path: PathBuf| path.strip_prefix(working).map(Path::to_owned).unwrap_or(path);
    let mut found: Vec<PathBuf> = found.into_iter().map(here).collect();
    found.sort();
    found.dedup();
    match found.is_empty() {
        false => Ok(found),
        true => {
            Err(Failure::usage(format!("no test below `{}`: tests end in `{TEST_ENDING}`", shown(&paths)))
                .hint("baya test --record RUN   makes a test out of a run")
                .hint("docs/testing.md tells how to write one by hand"))
        }
    }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    // Workflows are saved in folders whose names begin with a dot.
    let walk = WalkBuilder::new(folder).hidden(false).require_git(false).max_depth(Some(DEPTH_MAX)).build();
    let files = walk.filter_map(Result::ok).map(ignore::DirEntry::into_path);
    files.filter(|path| is_test(path) && !path.components().any(|part| part.as_os_str() == ".git")).collect()
}

fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(TEST_ENDING))
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join("`, `")
}
