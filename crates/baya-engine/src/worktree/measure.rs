//! How much an agent changed, from its commits alone.

use super::WorktreeError;
use super::record::Record;
use crate::git::Repository;
use baya_core::work::{FileWork, WORK_FILES_MAX, WORK_PATCH_BYTES_MAX, Work};

/// Compares contents; no program of anybody's renders them.
const DIFF: [&str; 5] = ["diff", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color"];

/// The work between a worktree's base and this commit.
pub(super) async fn work(
    repository: &Repository,
    record: &Record,
    head: String,
) -> Result<Work, WorktreeError> {
    let mut work = Work {
        base: record.base.clone(),
        branch: record.branch.clone(),
        kept_as: (head != record.base).then(|| record.kept_as()),
        head,
        files_changed: 0,
        lines_added: 0,
        lines_removed: 0,
        files: Vec::new(),
        patch: None,
    };
    if work.is_empty() {
        return Ok(work);
    }
    let compare = |words: &[&str]| {
        let call = repository.git.call(&repository.root, DIFF);
        call.also(words).also([&work.base, &work.head]).output()
    };
    let counts = compare(&["--numstat", "-z"]).await?;
    let patch = compare(&["--binary", "--full-index"]).await?;
    for line in counts.stdout.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        count(&mut work, &String::from_utf8_lossy(line));
    }
    let short = patch.stdout.len() <= WORK_PATCH_BYTES_MAX;
    work.patch = short.then_some(patch.stdout).and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(work)
}

/// `added TAB removed TAB path`, with `-` for what is no text.
fn count(work: &mut Work, line: &str) {
    let mut parts = line.splitn(3, '\t');
    let mut number = || parts.next().and_then(|text| text.parse::<u64>().ok());
    let (added, removed) = (number(), number());
    let path = parts.next().unwrap_or_default().to_owned();
    work.files_changed += 1;
    work.lines_added += added.unwrap_or(0);
    work.lines_removed += removed.unwrap_or(0);
    if work.files.len() < WORK_FILES_MAX {
        work.files.push(FileWork { path, added, removed });
    }
}
