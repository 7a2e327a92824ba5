//! The landing queue: merges the work of agents without a checkout, checks the merged tree in a worktree
//! of its own, and only then advances a branch of ours (contract C72, design of the queue below).
//!
//! A batch of pieces becomes a chain of commits on the branch's tip, and the chain's end is checked. If
//! that fails, prefixes of the chain are checked until the one piece is found with which it begins to
//! fail: what comes before it lands, it does not, and what comes after it is merged anew without it. So
//! one culprit among 64 is named by 7 checks.
//!
//! What the queue cannot decide itself it has agents of the run do: one judges a piece before it lands,
//! another makes a piece go with what has landed. Conflicts wait until all other pieces have landed.
//!
//! Every step can be repeated: merges come out the same, checks are remembered by commit, the branch is
//! moved only from where it was expected to be. A landing that was killed goes on where it was.

mod check;
mod desk;
mod help;
mod into;
mod merge;
mod past;
mod queue;

pub use check::{CheckEnd, CheckRunner, ShellCheck};
pub use desk::{Desk, ErrandDesk, NoErrands};
pub use into::{Into, IntoError, bring_into};
pub use merge::{Clash, Merged, Merger};
pub use queue::{Landed, Landing, LandingError, LandingLog, branch_of};
