//! The git command line, the only way this house touches a repository.
//!
//! Every call is an argument vector with an environment of its own: no `GIT_*` of the user's shell, no
//! prompts, no hooks, no signing, nothing that runs in the background afterwards. What an agent may have
//! put into a work tree or a configuration is never executed: see [`Git::call`] for what is switched off.

mod error;
mod lock;
mod program;
mod repository;
mod session;

pub use error::GitError;
pub use lock::{Locked, Locks};
pub use program::{Call, Git, Output};
pub use repository::{Repository, Unfit};
pub use session::Session;
