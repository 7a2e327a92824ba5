//! Where a program agent sits: its policy, its own config folder, and its way to models.

use super::speaker::About;
use crate::backend::Attempt;
use crate::gateway::{Admission, Gateway, Grant, Payer};
use crate::sandbox::{Profile, Sandbox};
use baya_core::agent::AgentTask;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place for one agent; the same for every attempt at it.
pub struct Seat {
    /// What the program and all that it starts may touch.
    pub sandbox: Sandbox,
    /// The program's own config folder, which keeps its sessions.
    pub home: PathBuf,
    /// What the program gets of our environment.
    pub environment: BTreeMap<String, String>,
}

impl Seat {
    /// An agent that has its result needs no temporary files any more. Its session stays: the result is
    /// not in the journal yet.
    pub(super) async fn clear(&self) {
        // Files that cannot be removed harm nobody.
        let _ = tokio::fs::remove_dir_all(&self.sandbox.temporary).await;
    }
}

/// A seat for this attempt at this agent, under this profile; or why there is none.
pub type OpenSeat = Arc<dyn Fn(&AgentTask, &Attempt, Profile) -> Result<Seat, String> + Send + Sync>;

/// The one gateway of the process, started for the first who asks; or why there is none.
pub type OpenGateway = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<Gateway>, String>> + Send + Sync>;

/// How programs reach models.
#[derive(Clone)]
pub struct Uplink {
    pub gateway: OpenGateway,
    /// Whose key the gateway puts in; `None`: the program's own login passes through.
    pub provider: Option<String>,
    /// The file of that login.
    pub login: Option<PathBuf>,
}

impl Uplink {
    /// Puts the program's own login, as it is now, into its config folder; without one, nothing.
    pub(super) fn lend_login(&self, seat: &Seat, about: &About) -> std::io::Result<()> {
        let Some(login) = self.login.as_ref().filter(|_| self.provider.is_none()) else { return Ok(()) };
        let text = std::fs::read(login)?;
        write_private(&seat.home.join(about.login_file), &text)
    }

    /// The copy of the login goes with the run of the program that needed it.
    pub(super) fn take_login_back(&self, seat: &Seat, about: &About) {
        if self.login.is_some() {
            let _ = std::fs::remove_file(seat.home.join(about.login_file));
        }
    }

    pub(super) fn admit(
        &self,
        gateway: &Gateway,
        task: &AgentTask,
        attempt: &Attempt,
        model: Option<&str>,
    ) -> Grant {
        gateway.admit(Admission {
            name: task.label.clone(),
            provider: self.provider.clone(),
            model: model.map(str::to_owned),
            tokens_max: None,
            answer_tokens_max: task.options.max_tokens,
            agent: Some(task.agent),
            payer: Some(Payer::of(task, attempt)),
        })
    }
}

/// Writes a file that nobody else reads.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // Made anew: an agent that went before could have put a link there.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}
