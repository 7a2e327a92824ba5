//! Agents that are programs: on the search path, in which version, and how they come to a model.
//!
//! A login is a file that is there or not; nobody opens it.

use super::probe::{self, Said};
use super::{Area, Finding, Patient, State};
use crate::settings::CommandSection;
use crate::wiring::bench;
use baya_agents::api::{ProviderKind, discover, variables};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A program that is known by name.
struct Agent {
    program: &'static str,
    /// As `--backend` names it.
    backend: &'static str,
    install: &'static str,
    /// Whose keys it can work with, through the gateway.
    takes: &'static [ProviderKind],
    /// The file of its own login: a variable that names its folder, that folder below the home, the file.
    login: Option<(&'static str, &'static str, &'static str)>,
    log_in: &'static str,
}

const ANTHROPIC: &[ProviderKind] = &[ProviderKind::Anthropic];
const OPENAI: &[ProviderKind] = &[
    ProviderKind::OpenAi,
    ProviderKind::OpenAiResponses,
    ProviderKind::OpenAiCompatible,
    ProviderKind::OpenRouter,
];
const ANY: &[ProviderKind] = &ProviderKind::ALL;
const NOBODY: &[ProviderKind] = &[];

const AGENTS: [Agent; 8] = [
    Agent {
        program: "claude",
        backend: "claude",
        install: "npm install -g @anthropic-ai/claude-code",
        takes: ANTHROPIC,
        login: Some(("CLAUDE_CONFIG_DIR", ".claude", ".credentials.json")),
        log_in: "claude, then /login",
    },
    Agent {
        program: "codex",
        backend: "codex",
        install: "npm install -g @openai/codex",
        takes: OPENAI,
        login: Some(("CODEX_HOME", ".codex", "auth.json")),
        log_in: "codex login",
    },
    Agent {
        program: "opencode",
        backend: "acp:opencode",
        install: "npm install -g opencode-ai",
        takes: ANY,
        login: None,
        log_in: "",
    },
    Agent {
        program: "codex-acp",
        backend: "acp:codex-acp",
        install: "npm install -g @agentclientprotocol/codex-acp",
        takes: OPENAI,
        login: None,
        log_in: "",
    },
    Agent {
        program: "claude-agent-acp",
        backend: "acp:claude-agent-acp",
        install: "npm install -g @agentclientprotocol/claude-agent-acp",
        takes: ANTHROPIC,
        login: None,
        log_in: "",
    },
    Agent {
        program: "qwen",
        backend: "acp:qwen",
        install: "npm install -g @qwen-code/qwen-code",
        takes: OPENAI,
        login: None,
        log_in: "",
    },
    Agent {
        program: "gemini",
        backend: "acp:gemini",
        install: "npm install -g @google/gemini-cli",
        takes: NOBODY,
        login: None,
        log_in: "",
    },
    Agent {
        program: "goose",
        backend: "acp:goose",
        install: "see the project's own page",
        takes: ANY,
        login: None,
        log_in: "",
    },
];

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = join_all(AGENTS.iter().map(|agent| of_agent(agent, patient))).await;
    let commands = patient.settings.commands.iter();
    findings.extend(commands.map(|(name, section)| of_command(name, section, patient)));
    findings
}

async fn of_agent(agent: &Agent, patient: &Patient<'_>) -> Finding {
    let Some(path) = probe::find(agent.program, &patient.environment, &patient.folders.working) else {
        return Finding::new(Area::Programs, agent.program, State::Off, "not found on `PATH`")
            .hint(agent.install);
    };
    let shown = path.display();
    let environment = plain(patient);
    let version = match probe::ask(&path, &["--version"], &environment).await {
        Said::Line(line) => line,
        Said::Nothing => "it names no version".to_owned(),
        Said::Hung => {
            let seconds = probe::PATIENCE.as_secs();
            let what = format!("`--version` did not end within {seconds} s, {shown}");
            return Finding::new(Area::Programs, agent.program, State::Warn, what)
                .hint(format!("try it yourself: {} --version", agent.program));
        }
        Said::Failed(why) => {
            let what = format!("`--version` failed: {why}, {shown}");
            return Finding::new(Area::Programs, agent.program, State::Warn, what)
                .hint(format!("install it anew: {}", agent.install));
        }
    };
    let finding = Finding::new(Area::Programs, agent.program, State::Ok, format!("{version}, {shown}"))
        .note(format!("`--backend {}`", agent.backend));
    way_to_a_model(finding, agent, patient)
}

/// With a key through the gateway, which counts and hides it; with a login of its own as it is.
fn way_to_a_model(finding: Finding, agent: &Agent, patient: &Patient<'_>) -> Finding {
    let providers = discover(&patient.environment, &patient.settings.providers);
    let provider = providers.iter().find(|provider| agent.takes.contains(&provider.kind));
    let login = login_file(agent, patient).filter(|file| file.is_file());
    match (provider, login) {
        (Some(provider), _) => {
            finding.note(format!("asks `{}` through the gateway, which keeps the key", provider.name))
        }
        (None, Some(file)) => {
            finding.note(format!("its own login ({}), passed through the gateway", file.display()))
        }
        (None, None) if agent.takes.is_empty() => finding.note("its own login, which nobody looks at"),
        (None, None) => {
            let finding =
                Finding { state: State::Warn, ..finding }.note("neither a key nor a login of its own");
            let key = agent.takes.iter().find_map(|kind| variables(*kind)).map_or("", |(key, _)| key);
            let finding = finding.hint(format!("export {key}=…"));
            if agent.log_in.is_empty() { finding } else { finding.hint(agent.log_in) }
        }
    }
}

fn login_file(agent: &Agent, patient: &Patient<'_>) -> Option<PathBuf> {
    let (variable, folder, file) = agent.login?;
    let named = patient.environment.get(variable).map(PathBuf::from);
    Some(named.unwrap_or_else(|| patient.folders.home.join(folder)).join(file))
}

fn of_command(name: &str, section: &CommandSection, patient: &Patient<'_>) -> Finding {
    let program = section.argv.0.first().map_or("", String::as_str);
    match probe::find(program, &patient.environment, &patient.folders.working) {
        Some(path) => Finding::new(Area::Programs, name, State::Ok, path.display().to_string())
            .note(format!("`[commands.{name}]` of the settings")),
        None => Finding::new(Area::Programs, name, State::Warn, format!("`{program}` was not found"))
            .note(format!("`[commands.{name}]` of the settings"))
            .hint("give its whole path, or put its folder on `PATH`"),
    }
}

/// What a program sees of our environment: no key.
fn plain(patient: &Patient<'_>) -> BTreeMap<String, String> {
    let all = patient.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
    bench::plain_environment(all)
}
