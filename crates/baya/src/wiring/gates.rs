//! What keeps agents, as settings and the way of watching say.

use crate::folders::Folders;
use crate::settings::{Approvals, Settings};
use crate::views::watch::Watching;
use baya_agents::policy::{Gates, Hooks, Policy};
use baya_core::approval::Patience;
use std::sync::Arc;

/// Whether questions may be put at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Questions {
    Put,
    /// `--yes`.
    Denied,
}

/// The gates of a run.
pub fn build(settings: &Settings, folders: &Folders, watching: Watching, questions: Questions) -> Arc<Gates> {
    let environment = super::backends::environment();
    Arc::new(Gates {
        policy: Policy::new(settings.policies.clone()),
        hooks: Hooks { list: settings.hooks.clone(), environment },
        patience: patience(settings, watching, questions),
        home: folders.home.clone(),
    })
}

/// Where nobody looks, a question would wait for ever: unless the settings say that somebody will come,
/// it is a denial.
fn patience(settings: &Settings, watching: Watching, questions: Questions) -> Patience {
    let waits = match (questions, settings.approvals, watching) {
        (Questions::Denied, _, _) | (_, Some(Approvals::Deny), _) => false,
        (_, Some(Approvals::Wait), _) | (_, None, Watching::Live) => true,
        (_, None, Watching::Lines | Watching::Json | Watching::Nothing) => false,
    };
    match (waits, settings.approval_timeout_ms) {
        (false, _) => Patience::Nobody,
        (true, Some(ms)) => Patience::For { ms },
        (true, None) => Patience::Forever,
    }
}
