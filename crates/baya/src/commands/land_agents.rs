//! The agents of a landing that a person asks for: made as those of `baya resume`, for the run's own folder.

use super::drive::{self, DriveFlags};
use super::resume::{choice, is_over};
use crate::failure::Failure;
use crate::folders::Folders;
use crate::settings::Settings;
use crate::trust::Trust;
use crate::wiring::backends::{self, Backends, Choice};
use crate::wiring::confines::Confines;
use crate::wiring::pool::LocalPool;
use crate::wiring::{gates, host};
use baya_agents::admission::Admission;
use baya_agents::simulated::Simulated;
use baya_core::event::Surroundings;
use baya_core::simulate::Rules;
use baya_core::view::RunView;
use std::sync::Arc;

/// Agents may be asked, and what the folder is trusted with.
pub struct Help {
    flags: DriveFlags,
    trust: Trust,
}

/// Who may work for a landing.
pub struct LandPool {
    pub runner: Arc<LocalPool>,
    /// `None`: nobody.
    pub surroundings: Option<Surroundings>,
}

impl Help {
    /// Settles trust, which may ask.
    pub fn new(flags: DriveFlags, folders: &Folders, settings: &mut Settings) -> Result<Help, Failure> {
        let trust = drive::settle_trust(&flags, folders, settings, false)?;
        Ok(Help { flags, trust })
    }

    pub async fn pool(
        self,
        folders: &Folders,
        settings: &Settings,
        view: &RunView,
        confines: &Arc<Confines>,
    ) -> Result<LandPool, Failure> {
        let choice = Choice { trust: self.trust, ..choice(&self.flags, settings, view) };
        let backends = backends::build(choice, folders, settings, confines).await?;
        let watching = drive::watching(self.flags.json);
        let gates = gates::build(settings, folders, watching, self.flags.questions());
        let Some(run) = &view.run else { return Ok(LandPool::of_nobody(folders)) };
        let base = view.base.clone();
        let workspace = host::workspace(run, folders, base.clone());
        // What a landing that was killed left of agents that had answered.
        workspace.clear_left(|agent| is_over(view, agent)).await;
        let surroundings = Surroundings { base, ..backends.surroundings(folders) };
        let pool = LocalPool::new(backends, folders.working.clone())
            .with_workspace(Arc::new(workspace))
            .with_gates(gates)
            .with_admission(Admission::new(settings.agent_memory()));
        Ok(LandPool { runner: Arc::new(pool), surroundings: Some(surroundings) })
    }
}

impl LandPool {
    /// For a landing that asks no agent.
    pub fn of_nobody(folders: &Folders) -> LandPool {
        let backends = Backends::only(Arc::new(Simulated::new(Rules::default())));
        let runner = Arc::new(LocalPool::new(backends, folders.working.clone()));
        LandPool { runner, surroundings: None }
    }
}
