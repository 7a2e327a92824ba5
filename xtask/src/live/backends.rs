//! Which backends work here, and whether asking them costs somebody something. `baya doctor` says it.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What one takes: the agents of both examples, all findings doubted and all fixes tried twice.
const AGENTS: &str = "up to 50 agents each";

/// One that works here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// As `--backend` names it.
    pub name: String,
    /// An address, or a login of its own.
    pub asks: String,
    /// What the doctor found, its version first.
    pub found: String,
}

impl Backend {
    fn of(line: &Value) -> Option<Backend> {
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        let name = text("backend").filter(|_| line["state"] == "ok")?;
        let asks = text("asks").unwrap_or_else(|| "a program of the settings".to_owned());
        Some(Backend { name, asks, found: text("what").unwrap_or_default() })
    }

    /// It asks nobody but this machine.
    pub fn is_here(&self) -> bool {
        let host = self.asks.strip_prefix("http://").unwrap_or_default();
        let host = host.split('/').next().unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        matches!(name, "localhost" | "[::1]") || is_loopback(name)
    }
}

fn is_loopback(name: &str) -> bool {
    name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// All that work here, looked for in a folder without settings of a project.
pub fn usable(baya: &Path, folder: &Path) -> Result<Vec<Backend>, String> {
    let output = Command::new(baya).args(["doctor", "--json"]).current_dir(folder).output();
    let output = output.map_err(|error| format!("`{}` did not start: {error}", baya.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if lines.last().is_none_or(|line| line["type"] != "doctor") {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`baya doctor --json` ended with {}\n{}", output.status, said.trim_end()));
    }
    Ok(lines.iter().filter_map(Backend::of).collect())
}

/// Those that are asked for.
pub fn chosen(all: Vec<Backend>, only: &[String]) -> Result<Vec<Backend>, String> {
    let names: Vec<String> = all.iter().map(|backend| format!("`{}`", backend.name)).collect();
    if names.is_empty() {
        return Err("no backend works here\nhint: `baya doctor` says what is missing".to_owned());
    }
    if let Some(unknown) = only.iter().find(|name| !all.iter().any(|backend| backend.name == **name)) {
        let there = names.join(", ");
        return Err(format!("the backend `{unknown}` does not work here\nhint: those that do: {there}"));
    }
    let is_chosen = |backend: &Backend| only.is_empty() || only.contains(&backend.name);
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// Refuses what would cost somebody something, until they say so.
pub fn allow(backends: &[Backend], yes: bool) -> Result<(), String> {
    let real: Vec<&Backend> = backends.iter().filter(|backend| !backend.is_here()).collect();
    if real.is_empty() || yes {
        return Ok(());
    }
    let list = real.iter().map(|backend| format!("  {}: {}\n", backend.name, backend.asks));
    let list: String = list.collect();
    Err(format!(
        "real models would be asked, {AGENTS}, and that costs tokens:\n{list}\
         hint: `cargo xtask live --yes` asks them all, `--only NAME` one of them"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_free() {
        let asks = |asks: &str| Backend { name: "x".into(), asks: asks.into(), found: String::new() };
        for here in
            ["http://127.0.0.1:8000/v1", "http://localhost:11434", "http://[::1]:80", "http://127.0.0.1"]
        {
            assert!(asks(here).is_here(), "{here}");
        }
        for there in [
            "https://api.example.com",
            "its own login",
            "http://127.0.0.1.example.com:80/v1",
            "http://localhost.example.com",
            "http://10.0.0.1:8000",
            "",
        ] {
            assert!(!asks(there).is_here(), "{there}");
        }
    }
}
