//! The `codex` backend: OpenAI's agent for the command line, one run of `codex exec --json` per message.
//!
//! It runs inside of our sandbox, so its own is off; its config folder is private to the agent and holds
//! a config of ours and its sessions. Models are behind the gateway: as a provider of its config with a
//! throw-away key, or with the login of whoever uses it, which passes through.

mod config;
mod listen;

use crate::agent_types::AgentTypes;
use crate::cli::{
    About, CliAgent, CliSettings, OpenSeat, Saying, Shape, Speaker, Told, Uplink, Words, write_private,
};
use crate::gateway::Dialect;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// As `--backend` names it.
pub const NAME: &str = "codex";
/// The file of its own login, below its config folder.
pub const LOGIN_FILE: &str = "auth.json";

/// The variable in which it finds the throw-away key.
const KEY_VARIABLE: &str = "BAYA_GATEWAY_KEY";

const ABOUT: About = About {
    name: NAME,
    dialect: Dialect::OpenAiResponses,
    install: "npm install -g @openai/codex",
    login: "give `OPENAI_API_KEY`, or log in once with `codex login`, then resume the run",
    login_file: LOGIN_FILE,
    oldest: (0, 160, 0),
};

/// The backend.
pub fn codex(settings: CliSettings, types: Arc<AgentTypes>, open: OpenSeat, uplink: Uplink) -> CliAgent {
    CliAgent::new(Box::new(Codex), settings, types, open, uplink)
}

struct Codex;

impl Speaker for Codex {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn words(&self, saying: &Saying<'_>) -> std::io::Result<Words> {
        let home = &saying.seat.home;
        write_private(&home.join("config.toml"), config::text(saying).as_bytes())?;
        let mut words = vec!["exec".to_owned()];
        if let Some(session) = saying.session {
            words.extend(["resume".to_owned(), session.to_owned()]);
        }
        let always = ["--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"];
        words.extend(always.map(str::to_owned));
        let mut files = Vec::new();
        if let Shape::Native(schema) = saying.shape {
            let file = home.join("schema.json");
            write_private(&file, schema.to_string().as_bytes())?;
            words.extend(["--output-schema".to_owned(), file.display().to_string()]);
            files.push(file);
        }
        words.push("-".to_owned());
        let mut environment = BTreeMap::from([
            ("CODEX_HOME".to_owned(), home.display().to_string()),
            ("TERM".to_owned(), "dumb".to_owned()),
        ]);
        environment.extend(saying.key.map(|key| (KEY_VARIABLE.to_owned(), key.to_owned())));
        Ok(Words { arguments: words, environment, input: saying.text.to_owned(), files })
    }

    fn hear(&self, line: &Value) -> Vec<Told> {
        listen::hear(line)
    }

    fn is_lost_session(&self, said: &str) -> bool {
        let said = said.to_lowercase();
        said.contains("no rollout found") || said.contains("thread/resume failed")
    }
}
