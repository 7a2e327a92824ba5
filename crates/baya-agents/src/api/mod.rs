//! The `api` backend: agents that are model requests (contract C20–C23, C25, C28, C30–C33).
//!
//! The binary hands over providers and settings; nothing here reads the environment. An agent is one
//! conversation with one model: system text, the prompt verbatim in a text block of its own, and for
//! a schema the ladder of [`structured`]. Given a [`Workbench`], agents have tools and go through the
//! turns of [`work`].

mod bound;
mod classify;
mod discover;
pub(crate) mod extract;
mod going_on;
mod job;
pub(crate) mod judge;
mod ledger;
mod outside;
pub(crate) mod provider;
mod reach;
mod retry;
mod structured;
mod system_text;
mod talk;
mod tape;
mod toolbox;
pub(crate) mod wire;
mod work;

pub use discover::{
    ProviderSettings, SelectError, check_address, discover, find_providers, key_variable, ollama_models,
    select, variables,
};
pub(crate) use going_on::GO_ON;
pub use outside::Outside;
pub use provider::{ProviderConfig, ProviderKind, Secret};
pub use reach::{Reached, reach};
pub use toolbox::{Rights, rights, rights_with, wanted};
pub(crate) use wire::STRUCTURED_OUTPUT;

use crate::agent_types::{AgentType, AgentTypes};
use crate::backend::{Attempt, Backend, Payee};
use crate::governor::{Governor, GovernorSettings, Lane, LaneId};
use crate::memory_files;
use crate::models::{ModelTable, ProviderModels, clamp_effort, clamp_tokens, default_row, known_beginnings};
use crate::sandbox::Profile;
use crate::tools::ToolRoom;
use baya_core::agent::{
    AgentOptions, AgentTask, AttemptEnd, AttemptReport, Cause, CauseKind, Effort, Progress,
};
use baya_core::ids::RunId;
use baya_core::limits::{ANSWER_BYTES_MAX, WAIT_IN_PLACE_MS};
use bound::Beginnings;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use job::Job;
use ledger::Ledger;
use retry::Asker;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;
use tape::Tape;
use toolbox::{Place, Toolbox};
use wire::Wire;
use work::Stopped;

/// What can be set about the backend.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ApiSettings {
    /// What an alias means, whatever the provider; may say `provider/model`.
    pub aliases: BTreeMap<String, String>,
    /// For agents that name no model; absent: `sonnet`.
    pub default_model: Option<String>,
    /// Whether agents see the project's memory files.
    pub memory_files: bool,
    pub connect_timeout_ms: u64,
    /// No byte for so long: stalled. `stallMs` and `idleMs` of a call go before it.
    pub stall_ms: u64,
    /// Before the first retry; doubles from then on.
    pub retry_delay_ms: u64,
    pub retry_delay_max_ms: u64,
    /// A longer answer fails the agent.
    pub answer_bytes_max: u64,
    /// A pause the provider asks for is waited for in place up to here; a longer one parks the run.
    pub wait_in_place_ms: u64,
    /// Tokens a model's context holds; absent: what is known of the model.
    pub context_tokens: Option<u64>,
}

impl Default for ApiSettings {
    fn default() -> ApiSettings {
        ApiSettings {
            aliases: BTreeMap::new(),
            default_model: None,
            memory_files: true,
            connect_timeout_ms: 10_000,
            stall_ms: 120_000,
            retry_delay_ms: 500,
            retry_delay_max_ms: 30_000,
            answer_bytes_max: ANSWER_BYTES_MAX as u64,
            wait_in_place_ms: WAIT_IN_PLACE_MS,
            context_tokens: None,
        }
    }
}

/// Installs the TLS provider that every HTTPS client here needs; more than once is fine.
pub fn install_crypto() {
    static INSTALLED: Once = Once::new();
    // An error says that another part of the process has installed one: as good.
    INSTALLED.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

/// What agents need to have tools.
pub struct Workbench {
    /// The most that any agent may do.
    pub profile: Profile,
    /// Makes the room that an agent works in, or says why there is none.
    pub open: OpenRoom,
}

/// A room for this attempt at this agent, under this profile.
pub type OpenRoom = Arc<dyn Fn(&AgentTask, &Attempt, Profile) -> Result<ToolRoom, String> + Send + Sync>;

/// Agents as conversations with model APIs.
pub struct ApiBackend {
    name: String,
    wires: Vec<Wire>,
    /// Of the wire with the same number.
    lanes: Vec<Arc<Lane>>,
    table: ModelTable,
    types: Arc<AgentTypes>,
    settings: ApiSettings,
    bench: Option<Arc<Workbench>>,
    outside: Outside,
    memory: Mutex<Option<Remembered>>,
    beginnings: Beginnings,
}

/// The memory files as one run read them last.
struct Remembered {
    run: RunId,
    folder: PathBuf,
    memory: Arc<Memory>,
}

#[derive(Default)]
struct Memory {
    text: String,
    notes: Vec<String>,
}

impl ApiBackend {
    /// `providers` is not empty; its first is the default one.
    pub fn new(
        name: impl Into<String>,
        providers: Vec<ProviderConfig>,
        settings: ApiSettings,
        types: Arc<AgentTypes>,
    ) -> ApiBackend {
        install_crypto();
        let known = providers.iter().map(|provider| ProviderModels {
            name: provider.name.clone(),
            kind: provider.kind,
            row: provider.models.clone().or(default_row(provider.kind)),
        });
        let table = ModelTable {
            providers: known.collect(),
            aliases: settings.aliases.clone(),
            default_model: settings.default_model.clone(),
        };
        let pause = Duration::from_millis(settings.retry_delay_ms);
        let pause_max = Duration::from_millis(settings.retry_delay_max_ms);
        let governor = Governor::new(GovernorSettings { pause, pause_max, ..GovernorSettings::default() });
        let lanes = providers.iter().map(|provider| governor.lane(LaneId::of(provider))).collect();
        let wires: Vec<Wire> = providers.into_iter().map(|provider| Wire::new(provider, &settings)).collect();
        let (name, memory) = (name.into(), Mutex::new(None));
        ApiBackend {
            name,
            wires,
            lanes,
            table,
            types,
            settings,
            bench: None,
            outside: Outside::default(),
            memory,
            beginnings: Beginnings::default(),
        }
    }

    /// Its requests go through the lanes of all others in this process.
    #[must_use]
    pub fn governed_by(self, governor: &Governor) -> ApiBackend {
        let lanes = self.wires.iter().map(|wire| governor.lane(LaneId::of(&wire.config))).collect();
        ApiBackend { lanes, ..self }
    }

    /// Gives its agents tools.
    #[must_use]
    pub fn with_tools(self, bench: Arc<Workbench>) -> ApiBackend {
        ApiBackend { bench: Some(bench), ..self }
    }

    /// Gives those of its agents that have tools also these.
    #[must_use]
    pub fn with_outside(self, outside: Outside) -> ApiBackend {
        ApiBackend { outside, ..self }
    }

    async fn attempt(&self, task: &AgentTask, attempt: &Attempt) -> AttemptReport {
        let mut ledger = Ledger { tape: Tape::of(&task.turns), ..Ledger::default() };
        let end = tokio::select! {
            biased;
            () = attempt.cancel.cancelled() => AttemptEnd::Cancelled,
            end = within(task.options.timeout_ms, self.work(task, attempt, &mut ledger)) => end,
        };
        if let Some(place) = ledger.place.take() {
            place.leave(&end).await;
        }
        ledger.into_report(&task.prompt, end)
    }

    async fn work(&self, task: &AgentTask, attempt: &Attempt, ledger: &mut Ledger) -> AttemptEnd {
        let options = &task.options;
        let agent_type = match self.agent_type(options.agent_type.as_deref()) {
            Ok(agent_type) => agent_type,
            Err(end) => return end,
        };
        let asked_model = options.model.as_deref().or(agent_type.and_then(|known| known.model.as_deref()));
        let chosen = match self.table.choose(asked_model) {
            Ok(chosen) => chosen,
            Err(reason) => {
                let cause = Cause::new(CauseKind::UnknownModel, reason.to_string()).hint(reason.hint());
                return AttemptEnd::Unusable(cause);
            }
        };
        ledger.model_asked = Some(chosen.model.clone());
        unknown_note(self.wires[chosen.provider].config.kind, &chosen.model)
            .into_iter()
            .for_each(|note| ledger.note(note));
        let effort = options.effort.or(agent_type.and_then(|known| known.effort));
        let effort = effort.and_then(|asked| known_effort(&chosen.model, asked, ledger));
        let max_tokens = options.max_tokens.map(|asked| {
            let (most, note) = clamp_tokens(&chosen.model, asked);
            note.into_iter().for_each(|note| ledger.note(note));
            most
        });
        let memory = match options.quarantine {
            true => Arc::default(),
            false => self.memory(&task.run, &attempt.folder),
        };
        memory.notes.iter().for_each(|note| ledger.note(note.as_str()));
        let (wire, lane) = (&self.wires[chosen.provider], &*self.lanes[chosen.provider]);
        let (settings, beginnings) = (&self.settings, &self.beginnings);
        let asker = Asker { wire, lane, task, attempt, settings, beginnings };
        let parts = [memory.text.clone(), task.rules().unwrap_or_default()];
        let background = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
        let job = Job {
            asker,
            model: &chosen.model,
            small: self.table.small(chosen.provider),
            agent_type,
            memory: &background,
            effort,
            max_tokens,
            idle: Duration::from_millis(self.idle_ms(task)),
        };
        match self.toolbox(agent_type, task, attempt, ledger).await {
            Err(end) => end,
            Ok(None) => job.without_tools(ledger).await,
            Ok(Some(mut tools)) => match job.with_tools(&mut tools, &self.settings, ledger).await {
                Ok(end) | Err(Stopped::End(end)) => end,
                Err(Stopped::NoTools(said)) => {
                    ledger.note(format!("this model takes no tools, the agent worked without: {said}"));
                    job.without_tools(ledger).await
                }
            },
        }
    }

    /// The tools of an agent; none without a workbench, or if nothing is left of them.
    async fn toolbox(
        &self,
        agent_type: Option<&AgentType>,
        task: &AgentTask,
        attempt: &Attempt,
        ledger: &mut Ledger,
    ) -> Result<Option<Toolbox>, AttemptEnd> {
        let Some(bench) = &self.bench else { return Ok(None) };
        let unusable = |why: String| AttemptEnd::Failed(Cause::new(CauseKind::Program, why));
        let waiting = |wait| attempt.tell(Progress::Waiting { wait });
        let rights = self.outside.rights(agent_type, &task.options, bench.profile, &task.run, &waiting);
        let rights = rights.await.map_err(unusable)?;
        rights.notes.into_iter().for_each(|note| ledger.note(note));
        if rights.tools.is_empty() {
            return Ok(None);
        }
        let mut room = (bench.open)(task, attempt, rights.profile).map_err(|why| {
            let cause = Cause::new(CauseKind::Program, format!("no agent can work here: {why}"));
            AttemptEnd::Unusable(cause.hint("`tools: []` in a call does without"))
        })?;
        room.gate = attempt.gate.clone();
        let place = Place { room: room.clone(), ran_commands: !task.turns.is_empty() };
        if place.ran_commands {
            // What an earlier process of ours left at work.
            room.end().await;
        }
        ledger.place = Some(place);
        Ok(Some(Toolbox::new(rights.tools, room)))
    }

    fn agent_type(&self, name: Option<&str>) -> Result<Option<&AgentType>, AttemptEnd> {
        let Some(name) = name else { return Ok(None) };
        self.types.get(name).map(Some).ok_or_else(|| {
            let known = self.types.names().join("`, `");
            let cause = Cause::new(CauseKind::Api, format!("no agent type is called `{name}`"));
            AttemptEnd::Failed(cause.hint(format!("there are `{known}`")))
        })
    }

    fn idle_ms(&self, task: &AgentTask) -> u64 {
        let asked = [task.options.stall_ms, task.options.idle_ms];
        asked.into_iter().flatten().min().unwrap_or(self.settings.stall_ms).max(1)
    }

    /// Read once for all agents of a run that work in the same folder.
    fn memory(&self, run: &RunId, folder: &Path) -> Arc<Memory> {
        if !self.settings.memory_files {
            return Arc::default();
        }
        let mut remembered = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered.as_ref().filter(|known| known.run == *run && known.folder == folder) {
            return known.memory.clone();
        }
        let found = memory_files::collect(folder);
        let memory = Arc::new(Memory { text: found.text, notes: found.notes });
        *remembered =
            Some(Remembered { run: run.clone(), folder: folder.to_owned(), memory: memory.clone() });
        memory
    }
}

impl Backend for ApiBackend {
    fn name(&self) -> &str {
        &self.name
    }

    fn holds_quarantine(&self) -> bool {
        true
    }

    fn tells_data_rule(&self) -> bool {
        true
    }

    fn payee(&self, options: &AgentOptions) -> Payee {
        let agent_type = options.agent_type.as_deref().and_then(|name| self.types.get(name));
        let asked = options.model.as_deref().or(agent_type.and_then(|known| known.model.as_deref()));
        // What cannot be chosen is asked of nobody.
        self.table.choose(asked).map_or_else(
            |_| Payee::default(),
            |chosen| Payee {
                provider: self.wires[chosen.provider].config.name.clone(),
                model: Some(chosen.model),
            },
        )
    }

    fn run<'a>(&'a self, task: &'a AgentTask, attempt: &'a Attempt) -> BoxFuture<'a, AttemptReport> {
        self.attempt(task, attempt).boxed()
    }
}

async fn within(limit_ms: Option<u64>, work: impl Future<Output = AttemptEnd>) -> AttemptEnd {
    let Some(limit_ms) = limit_ms else { return work.await };
    let limit = Duration::from_millis(limit_ms);
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let cause = Cause::new(CauseKind::Timeout, format!("the agent took longer than {limit_ms} ms"));
        AttemptEnd::Failed(cause.hint("`timeoutMs` allows more time"))
    })
}

/// A model that is in no table is asked for all the same.
fn unknown_note(kind: ProviderKind, model: &str) -> Option<String> {
    let known = known_beginnings(kind);
    let is_known = known.is_empty() || known.iter().any(|start| model.to_lowercase().starts_with(start));
    (!is_known)
        .then(|| format!("model `{model}` is none that is known of this provider; its limits are unknown"))
}

fn known_effort(model: &str, asked: Effort, ledger: &mut Ledger) -> Option<Effort> {
    let (effort, note) = clamp_effort(model, asked);
    note.into_iter().for_each(|note| ledger.note(note));
    effort
}
