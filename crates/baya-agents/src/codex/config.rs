//! The config that one run of codex finds in its folder. It says all that matters here, so that nothing
//! of the user's own config, and no default of a version, reaches an agent.

use super::{KEY_VARIABLE, NAME};
use crate::cli::Saying;
use baya_core::agent::Effort;

/// What would start other agents, cost time or reach other places.
const OFF: [&str; 9] = [
    "apps",
    "plugins",
    "goals",
    "hooks",
    "image_generation",
    "browser_use",
    "computer_use",
    "multi_agent_v2",
    "skill_mcp_dependency_install",
];
/// What is left of it without any tool.
const TOOLS: [&str; 3] = ["shell_tool", "unified_exec", "view_image"];

pub(super) fn text(saying: &Saying<'_>) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &str| text.push_str(&format!("{key} = {value}\n"));
    if let Some(model) = saying.model {
        line("model", &quoted(model));
    }
    if let Some(effort) = saying.effort {
        line("model_reasoning_effort", &quoted(effort_name(effort)));
    }
    line("model_provider", &quoted("baya"));
    line("developer_instructions", &quoted(saying.system));
    line("approval_policy", &quoted("never"));
    line("sandbox_mode", &quoted("danger-full-access"));
    line("web_search", &quoted("disabled"));
    // The project's memory files are in the instructions already.
    line("project_doc_max_bytes", "0");
    line("check_for_update_on_startup", "false");
    line("cli_auth_credentials_store", &quoted("file"));
    let shell = "{ inherit = \"all\", ignore_default_excludes = true, exclude = [\"";
    line("shell_environment_policy", &format!("{shell}{KEY_VARIABLE}\"] }}"));
    text.push_str(
        "\n[agents]\nenabled = false\n\n[analytics]\nenabled = false\n\n[history]\npersistence = \"none\"\n",
    );
    text.push_str(&provider(saying));
    text.push_str("\n[features]\n");
    let none = saying.tools.is_some_and(<[String]>::is_empty);
    let off = OFF.iter().chain(TOOLS.iter().filter(|_| none));
    off.for_each(|feature| text.push_str(&format!("{feature} = false\n")));
    text
}

fn provider(saying: &Saying<'_>) -> String {
    let opens = match saying.key {
        Some(_) => format!("env_key = {}", quoted(KEY_VARIABLE)),
        None => "requires_openai_auth = true".to_owned(),
    };
    // The gateway waits for its turn and tells what is final: few tries are enough here.
    format!(
        "\n[model_providers.baya]\nname = \"{NAME} through baya\"\nbase_url = {}\nwire_api = \"responses\"\n{opens}\n\
         request_max_retries = 3\nstream_max_retries = 3\n",
        quoted(saying.base_url)
    )
}

/// A string as TOML writes it: that of JSON, but for one character.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

/// As codex names them.
fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh | Effort::Max => "xhigh",
    }
}
