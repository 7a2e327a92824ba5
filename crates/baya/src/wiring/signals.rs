//! Signals: once is graceful and keeps everything, twice kills now.

use super::pool::LocalPool;
use crate::exit::Exit;
use crate::output;
use baya_core::ids::RunId;
use baya_core::op::Op;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

/// How long the end of agents' processes is waited for when we are killed.
const KILL_GRACE: Duration = Duration::from_secs(1);

/// Waits for signals until the run is over.
pub async fn listen(ops: UnboundedSender<Op>, pool: Arc<LocalPool>, run: RunId) {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else { return };
    let mut asked = false;
    loop {
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            _ = hangup.recv() => "SIGHUP",
        };
        if asked {
            kill_now(&pool, &run).await;
        }
        asked = true;
        // A driver that is over already has nothing left to interrupt.
        let _ = ops.send(Op::Interrupt { by: name.to_owned() });
    }
}

async fn kill_now(pool: &LocalPool, run: &RunId) -> ! {
    pool.abort();
    let _ = tokio::time::timeout(KILL_GRACE, pool.settle()).await;
    let line = format!("killed; resume: baya resume {run}");
    // Where nobody reads stderr, it is not waited for.
    let told = tokio::task::spawn_blocking(move || output::talk(&line));
    let _ = tokio::time::timeout(KILL_GRACE, told).await;
    std::process::exit(Exit::Interrupted.code().into());
}
