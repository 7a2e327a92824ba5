//! Programs that stand in for agents: shell scripts that write the lines that the real ones write, and
//! misbehave where a test wants it. And the place where program agents work in tests.

use crate::attempts::{Told, attempt, task};
use baya_agents::agent_types::AgentTypes;
use baya_agents::api::{ProviderConfig, ProviderKind, Secret};
use baya_agents::backend::{Attempt, Backend};
use baya_agents::claude::claude;
use baya_agents::cli::{CliAgent, CliSettings, OpenGateway, OpenSeat, Seat, Uplink};
use baya_agents::codex::codex;
use baya_agents::command::{Command, CommandConfig};
use baya_agents::fake_model::{FakeModel, Handle, listen, serve};
use baya_agents::gateway::{Gateway, GatewayConfig, Tape};
use baya_agents::governor::{Governor, GovernorSettings};
use baya_agents::models::{ModelRow, ModelTable, ProviderModels};
use baya_agents::program::folders_of;
use baya_agents::sandbox::{Profile, Sandbox};
use baya_core::agent::{AgentOptions, AgentTask, AttemptReport};
use baya_core::simulate::Rules;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The programs that the fault table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Codex,
    Claude,
    Command,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Codex, Kind::Claude, Kind::Command];

    /// Shell variables with what the program writes: its version, that its session is open, that a tool
    /// works, its answer, and all of a good ending.
    fn lines(self) -> [(&'static str, String); 5] {
        let [version, session, tool, answer, end] = match self {
            Kind::Codex => codex_lines().map(|line| line.to_string()),
            Kind::Claude => claude_lines().map(|line| line.to_string()),
            Kind::Command => ["", "", "", "done", ""].map(str::to_owned),
        };
        let version = version.trim_matches('"').to_owned();
        [("VERSION", version), ("SESSION", session), ("TOOL", tool), ("ANSWER", answer), ("END", end)]
    }
}

fn codex_lines() -> [Value; 5] {
    let item = |kind: &str, item: Value| json!({"type": kind, "item": item});
    let usage = json!({"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 3});
    [
        json!("codex-cli 0.169.0"),
        json!({"type": "thread.started", "thread_id": "s-1"}),
        item("item.started", json!({"type": "command_execution", "command": "make"})),
        item("item.completed", json!({"type": "agent_message", "text": "done"})),
        json!({"type": "turn.completed", "usage": usage}),
    ]
}

fn claude_lines() -> [Value; 5] {
    let says =
        |block: Value| json!({"type": "assistant", "session_id": "s-1", "message": {"content": [block]}});
    let usage = json!({"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 3});
    [
        json!("2.1.329 (Claude Code)"),
        json!({"type": "system", "subtype": "init", "session_id": "s-1", "model": "claude-sonnet-5-5"}),
        says(json!({"type": "tool_use", "name": "Bash", "input": {"command": "make"}})),
        says(json!({"type": "text", "text": "done"})),
        json!({"type": "result", "subtype": "success", "is_error": false, "result": "done",
               "session_id": "s-1", "usage": usage}),
    ]
}

/// Where program agents work.
pub struct Stage {
    root: TempDir,
    pub gateway: Arc<Gateway>,
    /// Whoever answers behind the gateway.
    pub model: Handle,
}

impl Stage {
    pub async fn new(rules: Value) -> Stage {
        let rules = Rules::parse(&rules.to_string()).expect("rules");
        let model = serve(FakeModel { rules, log: None }, listen(0).expect("port")).await.expect("model");
        let provider = |kind, path: &str| {
            let key = Some(Secret::new("the-real-key"));
            ProviderConfig { base_url: format!("{}{path}", model.url()), key, ..ProviderConfig::new(kind) }
        };
        let providers =
            vec![provider(ProviderKind::OpenAiResponses, "/v1"), provider(ProviderKind::Anthropic, "")];
        let governor = Governor::new(GovernorSettings::default());
        let gateway =
            Gateway::start(GatewayConfig { providers, governor, tape: Tape::None }).await.expect("gateway");
        let root = tempfile::Builder::new().prefix("stage").tempdir().expect("folder");
        std::fs::create_dir(root.path().join("work")).expect("folder");
        Stage { root, gateway, model }
    }

    pub fn folder(&self) -> PathBuf {
        self.root.path().canonicalize().expect("path").join("work")
    }

    /// A program that says its version, and else does what the script says.
    pub fn program(&self, kind: Kind, script: &str) -> Vec<String> {
        let path = self.root.path().join("program");
        let lines = kind.lines().map(|(name, line)| format!("{name}='{line}'\n")).concat();
        let version = "case \"$*\" in *--version*) echo \"$VERSION\"; exit 0;; esac\n";
        // `say` writes a line, and nothing for a program that has none of the kind.
        let say = "say() { [ -z \"$1\" ] || printf '%s\\n' \"$1\"; }\n";
        let text = format!(
            "#!/bin/sh\n{lines}{say}{script_version}{version}{script}\n",
            script_version = setting(script)
        );
        std::fs::write(&path, text).expect("program");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("program");
        vec![path.display().to_string()]
    }

    /// The backend whose program this is.
    pub fn backend(&self, kind: Kind, argv: Vec<String>) -> Box<dyn Backend> {
        match kind {
            Kind::Codex | Kind::Claude => Box::new(self.cli(kind, argv)),
            Kind::Command => Box::new(Command::new(CommandConfig::new("prog", argv), &environment())),
        }
    }

    pub fn cli(&self, kind: Kind, argv: Vec<String>) -> CliAgent {
        self.cli_with(kind, argv, |_| {})
    }

    pub fn cli_with(&self, kind: Kind, argv: Vec<String>, set: impl FnOnce(&mut CliSettings)) -> CliAgent {
        let (name, kind_of_provider) = match kind {
            Kind::Claude => ("anthropic", ProviderKind::Anthropic),
            Kind::Codex | Kind::Command => ("openai-responses", ProviderKind::OpenAiResponses),
        };
        let row = ModelRow::all("gpt-5");
        let models = ModelTable {
            providers: vec![ProviderModels { name: name.to_owned(), kind: kind_of_provider, row }],
            ..ModelTable::default()
        };
        let open = self.seats(folders_of(Path::new(&argv[0])));
        let (own, ready) = (self.gateway.clone(), std::future::ready::<Result<Arc<Gateway>, String>>);
        let gateway: OpenGateway = Arc::new(move || Box::pin(ready(Ok(own.clone()))));
        let uplink = Uplink { gateway, provider: Some(name.to_owned()), login: None };
        let mut settings = CliSettings::new(argv, models);
        set(&mut settings);
        let types = Arc::new(AgentTypes::built_in());
        match kind {
            Kind::Claude => claude(settings, types, open, uplink),
            Kind::Codex | Kind::Command => codex(settings, types, open, uplink),
        }
    }

    /// As the binary makes them: a policy for the folder, a config folder for each agent.
    fn seats(&self, program: Vec<PathBuf>) -> OpenSeat {
        let root = self.root.path().canonicalize().expect("path");
        Arc::new(move |task: &AgentTask, attempt: &Attempt, profile: Profile| {
            let own = root.join(format!("agent-{}", task.agent.0));
            let (temporary, home) = (own.join("tmp"), own.join("home"));
            for folder in [&temporary, &home] {
                std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
            }
            let mut sandbox = Sandbox::new(profile, &attempt.folder, &temporary);
            sandbox.let_read(&program);
            sandbox.applier = vec![env!("CARGO_BIN_EXE_sandbox").to_owned(), "__sandbox".to_owned()];
            Ok(Seat { sandbox, home, environment: environment() })
        })
    }

    pub async fn run(&self, backend: &dyn Backend, options: AgentOptions) -> (AttemptReport, Arc<Told>) {
        self.run_task(backend, &task("the prompt", options)).await
    }

    pub async fn run_task(&self, backend: &dyn Backend, task: &AgentTask) -> (AttemptReport, Arc<Told>) {
        let (attempt, told) = attempt(self.folder(), CancellationToken::new());
        (backend.run(task, &attempt).await, told)
    }
}

/// A script's own version of the program, if its first line sets one.
fn setting(script: &str) -> String {
    let first = script.lines().next().unwrap_or_default();
    if first.starts_with("VERSION=") { format!("{first}\n") } else { String::new() }
}

pub fn environment() -> BTreeMap<String, String> {
    let path = std::env::var("PATH").expect("PATH");
    [("PATH", path.as_str()), ("HOME", "/nowhere")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

pub fn no_rules() -> Value {
    json!({"rules": []})
}
