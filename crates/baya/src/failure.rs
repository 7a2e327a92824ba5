//! Why a command did not do what it was asked, for the person who asked.

use crate::exit::Exit;
use serde_json::{Value, json};
use std::fmt::Display;
use std::path::Path;

/// What failed, where and why; then what can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    pub hints: Vec<String>,
    /// Printed before the message as it is: source lines with carets.
    pub excerpt: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), hints: Vec::new(), excerpt: None }
    }

    /// Wrong usage, or refused before anything ran.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// Something outside did not work.
    pub fn outside(what: impl Display, error: impl Display) -> Failure {
        Failure::new(Exit::ScriptFailed, format!("{what}: {error}"))
    }

    /// A file that was named by the user cannot be read.
    pub fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
        Failure::usage(format!("cannot read `{}`: {}", path.display(), in_words(error)))
    }

    /// What a later version will have.
    pub fn not_yet(what: impl Display) -> Failure {
        Failure::usage(format!("{what} is not in this version"))
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }

    #[must_use]
    pub fn hint_if_some(mut self, hint: Option<String>) -> Failure {
        self.hints.extend(hint);
        self
    }

    #[must_use]
    pub fn excerpt(mut self, excerpt: impl Into<String>) -> Failure {
        self.excerpt = Some(excerpt.into());
        self
    }

    /// The `error` of a `run_ended` line.
    pub fn to_json(&self) -> Value {
        let mut error = json!({"kind": "refused", "message": self.message});
        if !self.hints.is_empty() {
            error["hints"] = json!(self.hints);
        }
        if let Some(excerpt) = &self.excerpt {
            error["excerpt"] = json!(excerpt);
        }
        error
    }
}

/// An IO error without the number of the operating system.
pub fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        std::io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
        std::io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}
