//! The `claude` backend: Claude Code without its terminal, one run of `claude -p` per message.
//!
//! It runs inside of our sandbox with a config folder of its own, so that no settings, hooks, plugins or
//! servers of the user reach an agent. Its own fleets (workflows, agents, tasks, schedules) are denied:
//! they would work behind the run's budget. An agent without tools is asked in the smallest shape, which
//! sends a fiftieth of the text.

mod listen;

use crate::agent_types::AgentTypes;
use crate::cli::{
    About, CliAgent, CliSettings, OpenSeat, Saying, Shape, Speaker, Told, Uplink, Words, write_private,
};
use crate::gateway::Dialect;
use crate::models::effort_name;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// As `--backend` names it.
pub const NAME: &str = "claude";
/// The file of its own login, below its config folder.
pub const LOGIN_FILE: &str = ".credentials.json";

/// Words of a command line may not be longer; longer texts are files.
const WORD_BYTES_MAX: usize = 100_000;

/// Tools of its own that start other agents, wait for people, or move the work elsewhere.
const DENIED: [&str; 14] = [
    "Workflow",
    "Agent",
    "Task",
    "TaskCreate",
    "TaskStop",
    "CronCreate",
    "CronDelete",
    "CronList",
    "EnterWorktree",
    "ExitWorktree",
    "AskUserQuestion",
    "EnterPlanMode",
    "ExitPlanMode",
    "SendMessage",
];

/// Its tools that write files; its commands are held by the sandbox.
const CHANGING: [&str; 3] = ["Write", "Edit", "NotebookEdit"];

/// Our names of tools and its own.
const TOOLS: [(&str, &str); 8] = [
    ("read", "Read"),
    ("write", "Write"),
    ("edit", "Edit"),
    ("glob", "Glob"),
    ("grep", "Grep"),
    ("bash", "Bash"),
    ("todo", "TodoWrite"),
    ("web_fetch", "WebFetch"),
];

/// What every run is told by its environment.
const VARIABLES: [(&str, &str); 6] = [
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("DISABLE_TELEMETRY", "1"),
    ("DISABLE_ERROR_REPORTING", "1"),
    ("DISABLE_AUTOUPDATER", "1"),
    // Root may work without its questions where something else is the sandbox: we are.
    ("IS_SANDBOX", "1"),
    ("TERM", "dumb"),
];

const ABOUT: About = About {
    name: NAME,
    dialect: Dialect::Anthropic,
    install: "npm install -g @anthropic-ai/claude-code",
    login: "give `ANTHROPIC_API_KEY`, or log in once with `claude` and `/login`, then resume the run",
    login_file: LOGIN_FILE,
    oldest: (2, 1, 0),
};

/// The backend.
pub fn claude(settings: CliSettings, types: Arc<AgentTypes>, open: OpenSeat, uplink: Uplink) -> CliAgent {
    CliAgent::new(Box::new(Claude), settings, types, open, uplink)
}

struct Claude;

impl Speaker for Claude {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn words(&self, saying: &Saying<'_>) -> std::io::Result<Words> {
        let mut words =
            Words { input: saying.text.to_owned(), environment: environment(saying), ..Words::default() };
        let mut say = |word: &str, value: Option<&str>| {
            words.arguments.push(word.to_owned());
            words.arguments.extend(value.map(str::to_owned));
        };
        say("-p", None);
        say("--output-format", Some("stream-json"));
        say("--verbose", None);
        say("--strict-mcp-config", None);
        say("--setting-sources", Some(""));
        if let Some(model) = saying.model {
            say("--model", Some(model));
        }
        if let Some(effort) = saying.effort {
            say("--effort", Some(effort_name(effort)));
        }
        if let Some(turns) = saying.turns_max {
            say("--max-turns", Some(&turns.to_string()));
        }
        if let Some(session) = saying.session {
            say("--resume", Some(session));
        }
        if let Shape::Native(schema) = saying.shape {
            say("--json-schema", Some(&schema.to_string()));
        }
        match saying.tools {
            Some([]) => {
                // Bare, it takes no login but a key.
                saying.key.iter().for_each(|_| say("--bare", None));
                say("--tools", Some(""));
            }
            Some(tools) => say("--tools", Some(&listed(tools))),
            None => {}
        }
        // Our sandbox is what holds; nobody is there to be asked.
        say("--permission-mode", Some("bypassPermissions"));
        let changing = CHANGING.iter().filter(|_| saying.only_reads);
        let denied = DENIED.iter().chain(changing).map(|name| (*name).to_owned());
        let denied = denied.chain(saying.denied.iter().flat_map(|name| own_names(name)));
        say("--disallowedTools", Some(&denied.collect::<Vec<_>>().join(",")));
        let system = if saying.tools.is_some_and(<[String]>::is_empty) {
            "--system-prompt"
        } else {
            "--append-system-prompt"
        };
        if saying.system.len() <= WORD_BYTES_MAX {
            say(system, Some(saying.system));
        } else {
            let file = saying.seat.home.join("system.md");
            write_private(&file, saying.system.as_bytes())?;
            say(&format!("{system}-file"), Some(&file.display().to_string()));
            words.files.push(file);
        }
        Ok(words)
    }

    fn hear(&self, line: &Value) -> Vec<Told> {
        listen::hear(line)
    }

    fn is_lost_session(&self, said: &str) -> bool {
        said.to_lowercase().contains("no conversation found")
    }
}

fn environment(saying: &Saying<'_>) -> BTreeMap<String, String> {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut environment: BTreeMap<String, String> = VARIABLES.map(own).into();
    let home = saying.seat.home.display().to_string();
    environment.extend([own(("CLAUDE_CONFIG_DIR", &home)), own(("ANTHROPIC_BASE_URL", saying.base_url))]);
    environment.extend(saying.key.map(|key| own(("ANTHROPIC_API_KEY", key))));
    environment
}

fn listed(tools: &[String]) -> String {
    tools.iter().flat_map(|name| own_names(name)).collect::<Vec<_>>().join(",")
}

/// Its own name of a tool; a name that is none of ours is meant as it stands.
fn own_names(name: &str) -> Vec<String> {
    let known =
        TOOLS.iter().filter(|(ours, _)| ours.eq_ignore_ascii_case(name)).map(|(_, own)| (*own).to_owned());
    let known: Vec<String> = known.collect();
    if known.is_empty() { vec![name.to_owned()] } else { known }
}
