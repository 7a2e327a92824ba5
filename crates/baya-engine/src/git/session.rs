//! A git process that stays and answers many questions: starting one costs more than most answers.

use super::GitError;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};

/// A field that has not ended after so many bytes is none.
const FIELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One git at work; it ends when this is dropped.
#[derive(Debug)]
pub struct Session {
    /// Killed when dropped.
    _child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    what: String,
    patience: Duration,
}

impl Session {
    pub(super) fn new(mut child: Child, what: String, patience: Duration) -> Result<Session, GitError> {
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(GitError::NotStarted { why: "it has no input or no output".to_owned() });
        };
        Ok(Session { _child: child, questions, answers: BufReader::new(answers), what, patience })
    }

    /// Puts one line to it.
    pub async fn ask(&mut self, line: &str) -> Result<(), GitError> {
        let bytes = format!("{line}\n");
        let asked = self.questions.write_all(bytes.as_bytes()).await;
        asked.map_err(|error| self.over(&error.to_string()))
    }

    /// What it says up to this byte, without it.
    pub async fn field(&mut self, end: u8) -> Result<Vec<u8>, GitError> {
        let mut field = Vec::new();
        let read = tokio::time::timeout(self.patience, self.answers.read_until(end, &mut field)).await;
        let timed_out = || GitError::TimedOut { what: self.what.clone(), seconds: self.patience.as_secs() };
        let read = read.map_err(|_| timed_out())?;
        read.map_err(|error| self.over(&error.to_string()))?;
        match field.pop() {
            Some(last) if last == end && field.len() < FIELD_BYTES_MAX => Ok(field),
            Some(_) | None => Err(self.over("it ended")),
        }
    }

    /// The same as text.
    pub async fn text(&mut self, end: u8) -> Result<String, GitError> {
        Ok(String::from_utf8_lossy(&self.field(end).await?).into_owned())
    }

    fn over(&self, why: &str) -> GitError {
        GitError::Failed { what: self.what.clone(), status: -1, said: why.to_owned() }
    }
}
