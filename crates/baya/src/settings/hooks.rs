//! Hooks as settings name them: programs of the user, outside of every sandbox, and so never of a project
//! that somebody else may have written.

use super::file::{HookSection, HooksSection};
use super::place_program;
use crate::failure::Failure;
use crate::folders::Folders;
use baya_agents::policy::{Hook, Moment};
use std::path::Path;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

impl HooksSection {
    fn lists(&self) -> [(Moment, &[HookSection]); 3] {
        [
            (Moment::BeforeAgent, &self.before_agent),
            (Moment::AfterAgent, &self.after_agent),
            (Moment::BeforeTool, &self.before_tool),
        ]
    }
}

/// The hooks of a file; programs named by a path are meant from there.
pub fn of(section: HooksSection, folders: &Folders, base: &Path) -> Vec<Hook> {
    let hook = |(moment, section): (Moment, &HookSection)| {
        let mut argv = section.argv.0.clone();
        place_program(&mut argv, folders, base);
        let timeout = section.timeout.map_or(TIMEOUT, |time| Duration::from_millis(time.0));
        Hook { moment, argv, tools: section.tools.clone(), timeout }
    };
    let all = section.lists();
    all.into_iter()
        .flat_map(|(moment, list)| list.iter().map(move |section| (moment, section)))
        .map(hook)
        .collect()
}

/// A project may not name programs that run as the user.
pub fn keep_at_home(section: &HooksSection, path: &Path, folders: &Folders) -> Result<(), Failure> {
    let Some((moment, _)) = section.lists().into_iter().find(|(_, list)| !list.is_empty()) else {
        return Ok(());
    };
    let message = format!(
        "settings `{}`: `[[hooks.{}]]` would run a program that a project chose, outside of the sandbox",
        path.display(),
        moment.name()
    );
    let own = folders.config.join("config.toml");
    Err(Failure::usage(message).hint(format!("put the section into your own settings: {}", own.display())))
}
