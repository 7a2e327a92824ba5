//! Where agents with tools work: in the working folder itself, under a sandbox, with an environment
//! that names no secret. What commands leave in their temporary folder goes with the agent; outputs
//! that were too long for the model stay below the state folder.

use super::confines::Confines;
use crate::folders::Folders;
use baya_agents::admission::Slots;
use baya_agents::api::{OpenRoom, Workbench};
use baya_agents::backend::Attempt;
use baya_agents::sandbox::Profile;
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

/// As views name what is in force.
pub fn in_force(profile: Profile, best_effort: bool) -> String {
    match (profile, best_effort) {
        (Profile::Full, _) | (_, false) => profile_name(profile).to_owned(),
        (_, true) => format!("{}, {BEST_EFFORT}", profile_name(profile)),
    }
}

/// The profile of what a view says; whether there is best effort is for the settings of the day.
pub fn profile_in_force(shown: &str) -> Option<Profile> {
    profile(shown.split(',').next().unwrap_or_default()).ok()
}

/// What commands of agents see of an environment.
pub fn plain_environment(all: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    all.filter(|(name, _)| VARIABLES.contains(&name.as_str()) || name.starts_with("LC_")).collect()
}

/// The workbench of a run's agents.
pub fn build(
    profile: Profile,
    folders: &Folders,
    confines: &Arc<Confines>,
    slots: Arc<Slots>,
) -> Arc<Workbench> {
    // Its folders are made at the first tool call: their path has to be the real one before.
    let state = folders.state.canonicalize().unwrap_or_else(|_| folders.state.clone());
    let confines = confines.clone();
    let open: OpenRoom = Arc::new(move |task: &AgentTask, attempt: &Attempt, profile: Profile| {
        let own = state.join("agents").join(task.run.as_str()).join(task.agent.0.to_string());
        let (temporary, kept) = (own.join("tmp"), own.join("kept"));
        let mut sandbox = confines.sandbox(profile, &attempt.folder, &temporary);
        if task.options.quarantine {
            sandbox = sandbox.quarantined();
        }
        sandbox.readable.push(kept.clone());
        let pass = match task.options.quarantine {
            true => None,
            false => confines.let_out(&mut sandbox)?,
        };
        let mark = format!("{}/{}", task.run, task.agent.0);
        let mut room = ToolRoom::new(sandbox, kept, mark, attempt.cancel.child_token());
        room.slots = Some(slots.clone());
        room.pass = pass;
        Ok(room)
    });
    Arc::new(Workbench { profile, open })
}

/// A folder for nobody but us.
pub fn private_folder(folder: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| format!("cannot make the folder `{}`: {error}", folder.display()))
}
