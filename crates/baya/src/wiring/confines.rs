//! The sandbox that everything of an agent runs in, made from folders and settings in one place.

use super::bench;
use super::outside::no_way_out;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::settings::Settings;
use baya_agents::egress::{Egress, Pass, Proxy};
use baya_agents::sandbox::{Profile, Sandbox};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub struct Confines {
    folders: Folders,
    applier: Vec<String>,
    environment: BTreeMap<String, String>,
    best_effort: bool,
    proxy: Option<Arc<Proxy>>,
}

impl Confines {
    /// With a way out if hosts are listed.
    pub async fn new(
        folders: &Folders,
        settings: &Settings,
        env: &BTreeMap<String, String>,
    ) -> Result<Arc<Confines>, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::outside("cannot find our own program", error))?;
        let proxy = match settings.hosts.is_empty() {
            true => None,
            false => {
                let proxy = Proxy::start(Egress::new(settings.hosts.clone())).await;
                Some(proxy.map_err(|error| no_way_out(&error))?)
            }
        };
        Ok(Arc::new(Confines {
            folders: folders.clone(),
            applier: vec![program.display().to_string(), crate::SANDBOX_WORD.to_owned()],
            environment: bench::plain_environment(env.clone().into_iter()),
            best_effort: settings.best_effort,
            proxy,
        }))
    }

    /// The policy for work in this folder; commands reach no network.
    pub fn sandbox(&self, profile: Profile, folder: &Path, temporary: &Path) -> Sandbox {
        let Folders { home, state, config, data, .. } = &self.folders;
        let mut sandbox = Sandbox::new(profile, folder, temporary).with_home(home);
        sandbox.hidden.extend([state.clone(), config.clone(), data.clone()]);
        sandbox.environment.clone_from(&self.environment);
        sandbox.applier.clone_from(&self.applier);
        sandbox.best_effort = self.best_effort;
        sandbox
    }

    /// Lets commands under this policy out to the listed hosts, if there are any, as long as the pass lives.
    pub fn let_out(&self, sandbox: &mut Sandbox) -> Result<Option<Arc<Pass>>, String> {
        let Some(proxy) = &self.proxy else { return Ok(None) };
        let pass = proxy.pass().map_err(|error| format!("no pass to listed hosts: {error}"))?;
        sandbox.proxy = Some(proxy.port());
        sandbox.environment.extend(pass.environment());
        Ok(Some(pass))
    }
}
