//! What a repository's configuration could make git execute, and what it makes of files.
//!
//! What was there when the run began is the user's own doing (a clean filter of theirs, LFS, line ends).
//! What came later may be an agent's: programs are switched off for every call of ours, and what decides
//! which bytes are kept is as it was.

use crate::git::{Call, GitError, Repository};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Settings that decide which files of a worktree are kept and as what, and what git takes without them.
const OF_FILES: [(&str, Unset); 8] = [
    ("core.filemode", Unset::Value("true")),
    ("core.symlinks", Unset::Value("true")),
    ("core.ignorecase", Unset::Value("false")),
    ("core.autocrlf", Unset::Value("false")),
    ("core.eol", Unset::Value("native")),
    ("core.sparsecheckout", Unset::Value("false")),
    ("core.excludesfile", Unset::OfHome("ignore")),
    ("core.attributesfile", Unset::OfHome("attributes")),
];

#[derive(Debug, Clone, Copy)]
enum Unset {
    Value(&'static str),
    /// A file in the folder of git's settings of the person.
    OfHome(&'static str),
}

/// The settings that decide over files, as they are: what is not here is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Core(BTreeMap<String, String>);

/// Names of settings that name programs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Executables(BTreeSet<String>);

/// What holds for calls with this git folder.
pub async fn read(repository: &Repository, git_dir: &Path) -> Result<(Executables, Core), GitError> {
    let call = repository.git.call(&repository.root, ["config", "--list", "-z"]);
    let output = call.git_dir(git_dir).work_tree(&repository.root).output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (mut programs, mut core) = (Executables::default(), Core::default());
    for (name, value) in text.split('\0').map(|entry| entry.split_once('\n').unwrap_or((entry, "true"))) {
        if names_a_program(name) {
            programs.0.insert(name.to_owned());
        }
        if OF_FILES.iter().any(|(known, _)| *known == name) {
            // The last one counts.
            core.0.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok((programs, core))
}

impl Executables {
    /// The settings that were not there before; they are to be switched off.
    pub fn added_in(&self, now: &Executables) -> Vec<(String, String)> {
        let off = |name: &String| {
            let value = if name.ends_with(".required") { "false" } else { "" };
            (name.clone(), value.to_owned())
        };
        now.0.difference(&self.0).map(off).collect()
    }
}

impl Core {
    /// What is to be set so that all is as it was.
    pub fn changed_in(&self, now: &Core, repository: &Repository) -> Vec<(String, String)> {
        let changed = OF_FILES.iter().filter(|(name, _)| self.0.get(*name) != now.0.get(*name));
        let before = |(name, default): &(&str, Unset)| {
            let value = self.0.get(*name).cloned();
            let value = value.unwrap_or_else(|| match default {
                Unset::Value(value) => (*value).to_owned(),
                Unset::OfHome(file) => repository.git.settings_of_home(file),
            });
            ((*name).to_owned(), value)
        };
        changed.map(before).collect()
    }
}

/// The call with these settings.
pub(super) fn with(settings: &[(String, String)], call: Call) -> Call {
    settings.iter().fold(call, |call, (name, value)| call.setting(name, value))
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
