//! What a repository's configuration could make git execute.
//!
//! What was there when the run began is the user's own doing (a clean filter of theirs, LFS). What came
//! later may be an agent's: it is switched off for every call of ours.

use crate::git::{Call, GitError, Repository};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// Names of settings that name programs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Executables(BTreeSet<String>);

impl Executables {
    /// Those that hold for calls with this git folder.
    pub async fn read(repository: &Repository, git_dir: &Path) -> Result<Executables, GitError> {
        let call = repository.git.call(&repository.root, ["config", "--list", "--name-only", "-z"]);
        let output = call.git_dir(git_dir).work_tree(&repository.root).output().await?;
        let names = output.stdout.split(|byte| *byte == 0);
        let names = names.map(|name| String::from_utf8_lossy(name).into_owned());
        Ok(Executables(names.filter(|name| names_a_program(name)).collect()))
    }

    /// The settings that were not there before; they are to be switched off.
    pub fn added_in(&self, now: &Executables) -> Vec<String> {
        now.0.difference(&self.0).cloned().collect()
    }
}

/// The call without these settings.
pub(super) fn without(names: &[String], call: Call) -> Call {
    names.iter().fold(call, |call, name| {
        let value = if name.ends_with(".required") { "false" } else { "" };
        call.setting(name, value)
    })
}

fn names_a_program(name: &str) -> bool {
    let Some((section, rest)) = name.split_once('.') else { return false };
    let last = rest.rsplit('.').next().unwrap_or_default();
    match section {
        "filter" => matches!(last, "clean" | "smudge" | "process" | "required"),
        "diff" => matches!(last, "command" | "textconv" | "external"),
        "merge" => last == "driver",
        _ => false,
    }
}
