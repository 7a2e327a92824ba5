//! What a person sees of a run: a fold over its events, for every kind of view.
//!
//! A [`RunView`] may start at any time and from any process: it needs the events and nothing else.
//! It is total: events in an impossible order change what is shown, never panic. It decides nothing
//! and is never read by the run itself.

mod agent_view;
mod flow;
mod fold;
mod ledger;
mod rollup;
mod run_view;
mod work_view;

pub use agent_view::{AgentCounts, AgentState, AgentStory, AgentView, AttemptStory};
pub use flow::{Flow, FlowAgent, Use};
pub use ledger::{Ledger, Line, Waste};
pub use rollup::{By, CountedBy, Group, Rollup, Sum};
pub use run_view::{Denied, GroupKind, GroupView, LogLine, Question, RunState, RunView};
pub use work_view::{StepView, WorkView, pieces};
