//! Where agents with tools work: in the working folder itself, under a sandbox, with an environment
//! that names no secret. What commands leave in their temporary folder goes with the agent; outputs
//! that were too long for the model stay below the state folder.

use crate::failure::Failure;
use crate::folders::Folders;
use baya_agents::admission::Slots;
use baya_agents::api::{OpenRoom, Workbench};
use baya_agents::backend::Attempt;
use baya_agents::sandbox::{Profile, Sandbox};
use baya_agents::tools::ToolRoom;
use baya_core::agent::AgentTask;
use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

/// Variables that ordinary work needs and that hold no secret.
const VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "GOFLAGS",
    "JAVA_HOME",
    "NVM_DIR",
    "VIRTUAL_ENV",
    "PYENV_ROOT",
    "RBENV_ROOT",
    "DEVELOPER_DIR",
    "SDKROOT",
    "NIX_PATH",
    "CI",
];

/// As the user's own settings, and no flag, name a sandbox that may have holes.
pub const BEST_EFFORT: &str = "best-effort";

/// As `--sandbox` and the settings name profiles.
pub fn profile(name: &str) -> Result<Profile, String> {
    match name {
        "read-only" => Ok(Profile::ReadOnly),
        "workspace" => Ok(Profile::Workspace),
        "full" => Ok(Profile::Full),
        other => Err(format!("`{other}` is no sandbox; there is `read-only`, `workspace` and `full`")),
    }
}

/// The reverse of [`profile`].
pub fn profile_name(profile: Profile) -> &'static str {
    match profile {
        Profile::ReadOnly => "read-only",
        Profile::Workspace => "workspace",
        Profile::Full => "full",
    }
}

/// What commands of agents see of an environment.
pub fn plain_environment(all: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    all.filter(|(name, _)| VARIABLES.contains(&name.as_str()) || name.starts_with("LC_")).collect()
}

/// The workbench of a run's agents.
pub fn build(
    profile: Profile,
    folders: &Folders,
    env: &BTreeMap<String, String>,
    slots: Arc<Slots>,
) -> Result<Arc<Workbench>, Failure> {
    let program =
        std::env::current_exe().map_err(|error| Failure::outside("cannot find our own program", error))?;
    let applier = vec![program.display().to_string(), crate::SANDBOX_WORD.to_owned()];
    let environment = plain_environment(env.iter().map(|(name, value)| (name.clone(), value.clone())));
    let folders = folders.clone();
    let open: OpenRoom = Arc::new(move |task: &AgentTask, attempt: &Attempt, profile: Profile| {
        let own = folders.state.join("agents").join(task.run.as_str()).join(task.agent.0.to_string());
        let (temporary, kept) = (own.join("tmp"), own.join("kept"));
        private_folder(&temporary)?;
        private_folder(&kept)?;
        let mut sandbox = Sandbox::new(profile, &attempt.folder, &temporary).with_home(&folders.home);
        if task.options.quarantine {
            sandbox = sandbox.quarantined();
        }
        sandbox.hidden.extend([folders.state.clone(), folders.config.clone(), folders.data.clone()]);
        sandbox.readable.push(kept.clone());
        sandbox.environment.clone_from(&environment);
        sandbox.applier.clone_from(&applier);
        let mark = format!("{}/{}", task.run, task.agent.0);
        let mut room = ToolRoom::new(sandbox, kept, mark, attempt.cancel.child_token());
        room.slots = Some(slots.clone());
        Ok(room)
    });
    Ok(Arc::new(Workbench { profile, open }))
}

fn private_folder(folder: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| format!("cannot make the folder `{}`: {error}", folder.display()))
}
