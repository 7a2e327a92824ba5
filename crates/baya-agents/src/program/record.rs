//! Telling the journal of a process.

use crate::backend::{Attempt, Signal};
use baya_core::agent::AgentProcess;
use tokio::sync::oneshot;

/// Nobody records anything any more: the run is over for this process of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Tells of the process and waits until that is durable.
pub async fn record(process: &AgentProcess, attempt: &Attempt) -> Result<(), Gone> {
    let (recorded, heard) = oneshot::channel();
    (attempt.signals)(Signal::ProcessStarted { process: process.clone(), recorded });
    heard.await.map_err(|_| Gone)
}
