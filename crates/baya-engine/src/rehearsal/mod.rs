//! Rehearsals: the real script in the real isolate under the real run core, with agents that are made up,
//! many times over. Nothing is asked, nothing is done, nothing is spent.
//!
//! ```text
//! Job ──▶ Case 0, 1, 2 … ──▶ play ──▶ Played ──▶ Kept, Seen ──▶ Report
//! ```
//! Invariants: the same job gives the same report, on any number of threads; a case says all there is to
//! say of a rehearsal; forecasts count only what may well happen, findings and the worst count all.

mod args;
mod bound;
mod child;
pub mod cost;
mod draw;
mod evaluate;
pub mod findings;
mod forecast;
mod ground;
mod job;
mod parent;
mod plan;
mod played;
mod protocol;
mod reads;
mod record;
mod recorded;
mod session;
mod steps;
mod world;

pub use bound::bound;
pub use child::main as child_main;
pub use draw::FIXTURES_FAIL;
pub use evaluate::{Evaluator, Unwatched};
pub use forecast::Kept;
pub use job::{
    BackendModels, CPU_MS, Fixtures, FixturesError, Given, Job, Known, Models, Payee, Purpose, StepFixture,
};
pub use parent::{Enough, PayeeOf, RehearsalError, Rehearsals};
pub use played::{Ending, Played, PlayedAgent, PlayedLine, PlayedRefusal, PlayedStep, Totals};
pub use reads::Reads;
pub use recorded::NOT_RECORDED;
pub use session::{Session, Stage};
pub use world::STARTED_MS;

use baya_core::rehearsal::{Case, Report};

/// One rehearsal, in the calling thread.
pub fn play(job: &Job, case: &Case) -> Played {
    Stage::new(job, job).play(case, &Unwatched, job)
}

/// All rehearsals of a job, in threads of this process: for scripts one trusts, and for tests.
pub fn rehearse(job: &Job) -> Report {
    session::rehearse(job)
}
