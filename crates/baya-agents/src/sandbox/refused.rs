//! How the applier ends when it does not become the command.

use std::io::Error;

/// The policy cannot be enforced here, or is none.
pub const EXIT_REFUSED: i32 = 122;
/// As shells say it: the command cannot be run, or is not there.
pub const EXIT_NOT_RUNNABLE: i32 = 126;
pub const EXIT_NOT_FOUND: i32 = 127;

/// Why a command was not started.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("the policy cannot be read: {0}")]
    Policy(String),
    #[error("the resource limits cannot be set: {0}")]
    Limits(#[source] Error),
    #[error("the powers of root cannot be given up: {0}")]
    Powers(#[source] Error),
    #[error("this system has no sandbox that Baya can use: {0}")]
    Unsupported(String),
    #[error("landlock refuses the policy: {0}")]
    Files(String),
    #[error("whoever started it is gone")]
    Unwanted,
    #[error("the kernel refuses the seccomp filter: {0}")]
    Calls(String),
}
