//! The seam between the driver and the place where agents run: this machine's pool, later workers.

use baya_core::agent::{AgentProcess, AgentTask, AttemptReport, Progress};
use baya_core::approval::{ApprovalRequest, Told};
use baya_core::budget::PurseState;
use baya_core::ids::AgentNumber;
use baya_core::turn::TurnRecord;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Starts attempts and ends them. Never blocks; all it has to say goes to `reports`.
pub trait AgentRunner: Send + Sync {
    fn start(&self, task: AgentTask, reports: Reports);

    /// The attempt shall end soon; its report may still be an answer.
    fn cancel(&self, agent: AgentNumber, attempt: u32);

    /// The agent is over, and that is durable: its workspace may go.
    fn clear(&self, agent: AgentNumber);

    /// From here on requests are held to these caps; what was held before is void.
    fn open_purse(&self, purse: PurseState);

    /// Ends processes that an earlier driver left at work. Returns when they are gone.
    fn end_survivors(&self, processes: &[AgentProcess]);
}

/// Where an attempt reports to.
pub type Reports = Arc<dyn Fn(Report) + Send + Sync>;

pub enum Report {
    Progress {
        agent: AgentNumber,
        attempt: u32,
        progress: Progress,
    },
    ProcessStarted {
        agent: AgentNumber,
        attempt: u32,
        process: AgentProcess,
        recorded: oneshot::Sender<()>,
    },
    Turn {
        agent: AgentNumber,
        attempt: u32,
        turn: TurnRecord,
        recorded: oneshot::Sender<()>,
    },
    /// The attempt waits for a person's word; `told` hears it once it is durable.
    ApprovalAsked {
        agent: AgentNumber,
        attempt: u32,
        request: ApprovalRequest,
        told: oneshot::Sender<Told>,
    },
    Ended {
        agent: AgentNumber,
        attempt: u32,
        report: Box<AttemptReport>,
    },
}
