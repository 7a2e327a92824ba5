//! The `api` backend against a scripted server on loopback: what goes out, what comes back, what ends how.

pub mod canned;
mod choice;
mod conformance;
mod fake_model;
mod faults;
mod quarantine;
pub mod server;
mod structured;
mod work;

use baya_agents::agent_types::AgentTypes;
use baya_agents::api::{ApiBackend, ApiSettings, ProviderConfig, ProviderKind, Secret};
use baya_agents::backend::{Attempt, Backend, OpenGate, Signal};
use baya_agents::purse::SharedPurse;
use baya_core::agent::{AgentOptions, AgentTask, AttemptReport, Progress};
use baya_core::ids::{AgentNumber, RunId};
use baya_core::turn::TurnRecord;
use server::Server;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// Every kind there is, each on its own wire.
const KINDS: [ProviderKind; 7] = ProviderKind::ALL;

fn provider(kind: ProviderKind, server: &Server) -> ProviderConfig {
    let version = match kind {
        ProviderKind::Anthropic | ProviderKind::Ollama | ProviderKind::Gemini => "",
        ProviderKind::OpenAi
        | ProviderKind::OpenAiResponses
        | ProviderKind::OpenAiCompatible
        | ProviderKind::OpenRouter => "/v1",
    };
    let base_url = format!("{}{version}", server.address);
    ProviderConfig { base_url, key: Some(Secret::new("key-of-the-test")), ..ProviderConfig::new(kind) }
}

/// Delays of no length worth waiting for.
fn quick() -> ApiSettings {
    ApiSettings { retry_delay_ms: 1, retry_delay_max_ms: 4, memory_files: false, ..ApiSettings::default() }
}

pub fn backend(kind: ProviderKind, server: &Server) -> ApiBackend {
    ApiBackend::new("api", vec![provider(kind, server)], quick(), Arc::new(AgentTypes::built_in()))
}

pub fn task(options: AgentOptions) -> AgentTask {
    AgentTask {
        run: RunId::from_random(1),
        agent: AgentNumber(1),
        attempt: 1,
        label: "a".to_owned(),
        phase: None,
        prompt: "  the prompt,\n\nverbatim \u{1F9F6} ".to_owned(),
        mark: None,
        place: None,
        asked_before: 0,
        seed: 7,
        options,
        turns: Vec::new(),
    }
}

/// Options that name a model outright.
fn options() -> AgentOptions {
    AgentOptions { model: Some("test-model".to_owned()), ..AgentOptions::default() }
}

struct Ran {
    report: AttemptReport,
    progress: Vec<Progress>,
    turns: Vec<TurnRecord>,
}

async fn run(backend: &ApiBackend, task: &AgentTask) -> Ran {
    run_cancelled_by(backend, task, CancellationToken::new()).await
}

async fn run_cancelled_by(backend: &ApiBackend, task: &AgentTask, cancel: CancellationToken) -> Ran {
    run_paid(backend, task, cancel, SharedPurse::default()).await
}

async fn run_paid(
    backend: &ApiBackend,
    task: &AgentTask,
    cancel: CancellationToken,
    purse: SharedPurse,
) -> Ran {
    let told = Arc::new(Mutex::new(Vec::new()));
    let turns = Arc::new(Mutex::new(Vec::new()));
    let signals = {
        let (told, turns) = (told.clone(), turns.clone());
        Arc::new(move |signal| match signal {
            Signal::Progress(progress) => told.lock().unwrap().push(progress),
            Signal::Turn { turn, recorded } => {
                turns.lock().unwrap().push(turn);
                let _ = recorded.send(());
            }
            Signal::ProcessStarted { .. } | Signal::ApprovalAsked { .. } => {}
        })
    };
    let folder = std::env::temp_dir();
    let mut report =
        backend.run(task, &Attempt { cancel, folder, signals, gate: Arc::new(OpenGate), purse }).await;
    let (progress, turns) = (told.lock().unwrap().clone(), turns.lock().unwrap().clone());
    // What turns carry, the report does not say again.
    for cost in turns.iter().filter_map(TurnRecord::cost) {
        report.usage.add(&cost.usage);
        report.requests += cost.requests;
    }
    Ran { report, progress, turns }
}

/// What is worth telling besides that nobody knows the tests' model.
pub fn notes(report: &baya_core::agent::AttemptReport) -> Vec<&str> {
    let notes = report.notes.iter().map(String::as_str);
    notes.filter(|note| !note.contains("is none that is known of this provider")).collect()
}
