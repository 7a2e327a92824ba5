//! How much an agent changed, from its commits alone.

use super::WorktreeError;
use super::record::Record;
use crate::git::Repository;
use baya_core::work::{FileWork, WORK_FILES_MAX, WORK_PATCH_BYTES_MAX, Work};

/// Files that are no text and larger than this together get no patch.
const BINARY_BYTES_MAX: u64 = 4 * WORK_PATCH_BYTES_MAX as u64;
/// Compares contents; no program of anybody's renders them.
pub(super) const DIFF: [&str; 5] = ["diff", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color"];

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
    let lines = || counts.stdout.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    // Packing what is large for a patch takes long, even if not much comes of it.
    let no_texts: Vec<&[u8]> = lines().filter_map(|line| line.strip_prefix(b"-\t-\t")).collect();
    let patch = match bytes_of(repository, &work, &no_texts).await? {
        bytes if bytes > BINARY_BYTES_MAX => None,
        _ => Some(compare(&["--binary", "--full-index"]).await?.stdout),
    };
    let patch = patch.filter(|patch| patch.len() <= WORK_PATCH_BYTES_MAX);
    for line in lines() {
        count(&mut work, &String::from_utf8_lossy(line));
    }
    work.patch = patch.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(work)
}

/// What files measure, before and after together.
async fn bytes_of(repository: &Repository, work: &Work, paths: &[&[u8]]) -> Result<u64, WorktreeError> {
    if paths.is_empty() {
        return Ok(0);
    }
    let sides = [&work.base, &work.head].map(|commit| format!("{commit}:").into_bytes());
    let asked = sides.iter().flat_map(|side| paths.iter().map(move |path| [side, *path, b"\0"].concat()));
    let call = repository.git.call(&repository.root, ["cat-file", "-z", "--batch-check=%(objectsize)"]);
    let said = call.input(asked.collect::<Vec<_>>().concat()).text().await?;
    // Where a file is not there on one side, git says so in words.
    Ok(said.lines().filter_map(|line| line.parse::<u64>().ok()).sum())
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
