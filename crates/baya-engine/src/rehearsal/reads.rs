//! What a rehearsal may read: workflows that the script calls, and what host steps that only look would
//! see, and who would be paid. Reading does no harm, and a script that works on each file there is goes the
//! way it really goes.

use super::job::{Job, Payee};
use baya_core::agent::AgentOptions;
use baya_core::call::WorkflowTarget;
use baya_core::event::ScriptRecord;
use baya_core::step::{HostStep, StepOutcome};

/// Where a rehearsal reads.
pub trait Reads {
    /// The workflow that a script names; `importer` is the path of the script.
    fn workflow(&self, target: &WorkflowTarget, importer: &str) -> Result<ScriptRecord, String>;
    /// What a step gives that only looks; none: it is made up.
    fn step(&self, step: &HostStep) -> Option<StepOutcome>;
    /// Who is paid for an agent with these options; none: nobody.
    fn payee(&self, options: &AgentOptions) -> Option<Payee>;
}

/// What a job knows by itself.
impl Reads for Job {
    fn workflow(&self, target: &WorkflowTarget, importer: &str) -> Result<ScriptRecord, String> {
        let found = self.known.workflows.iter().find(|(known, from, _)| known == target && from == importer);
        match (found, target) {
            (Some((_, _, loaded)), _) => loaded.clone(),
            (None, WorkflowTarget::Name(name)) => Err(format!("there is no workflow `{name}`")),
            (None, WorkflowTarget::Path(path)) => Err(format!("there is no file `{path}`")),
        }
    }

    fn step(&self, step: &HostStep) -> Option<StepOutcome> {
        self.known.steps.iter().find(|(known, _)| known == step).map(|(_, outcome)| outcome.clone())
    }

    fn payee(&self, options: &AgentOptions) -> Option<Payee> {
        self.models.payee(options)
    }
}
