//! What goes wrong with git, in the words of the person whose repository it is.

use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    #[error("git cannot be started: {why}")]
    NotStarted { why: String },
    #[error("`git {what}` gave no answer within {seconds} s")]
    TimedOut { what: String, seconds: u64 },
    #[error("`git {what}` failed: {said}")]
    Failed { what: String, status: i32, said: String },
    #[error("another process has held the lock of `{}` for {seconds} s", .repository.display())]
    Busy { repository: PathBuf, seconds: u64 },
    #[error("cannot {what} `{}`: {why}", .path.display())]
    Io { what: &'static str, path: PathBuf, why: String },
    #[error("git said something that cannot be read: {said}")]
    Unreadable { said: String },
}

impl GitError {
    pub fn io(what: &'static str, path: &std::path::Path, error: &std::io::Error) -> GitError {
        GitError::Io { what, path: path.to_owned(), why: error.to_string() }
    }

    /// Another git process was at the same file; a moment later it may work.
    pub fn is_contention(&self) -> bool {
        let GitError::Failed { said, .. } = self else { return false };
        // A `git gc` of somebody else's removes folders of objects that are empty at the moment.
        let lost_folder = "unable to create temporary file: No such file or directory";
        [
            "File exists",
            "Another git process",
            "cannot lock ref",
            "could not lock",
            "unable to lock",
            lost_folder,
        ]
        .iter()
        .any(|words| said.contains(words))
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            GitError::NotStarted { .. } => Some("install git 2.38 or newer"),
            GitError::TimedOut { .. } => Some("is the disk slow, or does a filter of the repository hang?"),
            GitError::Busy { .. } => Some("`baya runs` shows who is at work"),
            GitError::Failed { said, .. } if said.contains("No space left") => {
                Some("make room on the disk; nothing is lost")
            }
            GitError::Failed { .. } | GitError::Io { .. } | GitError::Unreadable { .. } => None,
        }
    }
}
