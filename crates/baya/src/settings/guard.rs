//! What settings say of keeping agents: questions, hooks, heavy commands, memory.

use super::file::{Argv, Duration, Positive};
use super::{Settings, place_program};
use crate::folders::Folders;
use baya_agents::admission::{MemorySettings, SlotSettings};
use baya_agents::policy::{CommandPattern, Hook, Moment, ToolPattern};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a process of an agent needs, whatever its kind.
const ANY_AGENT: &str = "agent";
const HOOK_TIMEOUT_MS: u64 = 30_000;

/// `approvals`: whether a person is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Approvals {
    Wait,
    Deny,
}

/// `[[hooks.…]]`
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HooksSection {
    pub before_agent: Vec<HookSection>,
    pub after_agent: Vec<HookSection>,
    pub before_tool: Vec<HookSection>,
}

/// One program.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookSection {
    pub argv: Argv,
    /// Before these tools; absent: before all.
    #[serde(default)]
    pub tools: Vec<ToolPattern>,
    pub timeout: Option<Duration>,
}

/// `[heavy]`
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeavySection {
    /// Instead of the usual ones.
    pub commands: Option<Vec<CommandPattern>>,
    pub slots: Option<Positive>,
}

impl HooksSection {
    /// The hooks of a file; programs named by a path are meant from there.
    pub fn hooks(&self, folders: &Folders, base: &Path) -> Vec<Hook> {
        let lists = [
            (Moment::BeforeAgent, &self.before_agent),
            (Moment::AfterAgent, &self.after_agent),
            (Moment::BeforeTool, &self.before_tool),
        ];
        let all =
            lists.into_iter().flat_map(|(moment, list)| list.iter().map(move |section| (moment, section)));
        let hook = |(moment, section): (Moment, &HookSection)| {
            let mut argv = section.argv.0.clone();
            place_program(&mut argv, folders, base);
            let timeout_ms = section.timeout.map_or(HOOK_TIMEOUT_MS, |time| time.0);
            let timeout = std::time::Duration::from_millis(timeout_ms);
            Hook { moment, argv, tools: section.tools.clone(), timeout }
        };
        all.map(hook).collect()
    }
}

impl HeavySection {
    /// What this one does not say, the other does.
    pub fn or(self, other: HeavySection) -> HeavySection {
        HeavySection { commands: self.commands.or(other.commands), slots: self.slots.or(other.slots) }
    }
}

impl Settings {
    /// The slots of heavy commands, shared by all processes of the user.
    pub fn slots(&self, folders: &Folders) -> SlotSettings {
        let usual = SlotSettings { folder: Some(folders.state.join("slots")), ..SlotSettings::default() };
        SlotSettings {
            heavy: self.heavy.commands.clone().unwrap_or(usual.heavy),
            count: self.heavy.slots.map_or(usual.count, |slots| slots.0 as usize),
            folder: usual.folder,
        }
    }

    /// What processes of agents need.
    pub fn agent_memory(&self) -> MemorySettings {
        let mut by_kind: BTreeMap<String, u64> = self.memory.clone();
        let needed_bytes = by_kind.remove(ANY_AGENT).unwrap_or(MemorySettings::default().needed_bytes);
        MemorySettings { needed_bytes, by_kind }
    }
}
