//! Servers as `.mcp.json`, settings and agent types describe them: `command`, `args` and `env` of a
//! program, or the `url` and `headers` of an address.
//!
//! What is described is not yet what is started: `${NAME}` and `${NAME:-default}` take their values from
//! the variables that the caller allows, and from nothing else. Unknown keys pass.

use crate::memory_files::from_folder_to_root;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name of a project's file.
pub const PROJECT_FILE: &str = ".mcp.json";
/// A larger file is broken.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// One server as it is described.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerConfig {
    /// A program that speaks over its standard input and output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// `stdio`, `http`, or what says the same; absent: by what else is there.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Milliseconds that its start, and each call, may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
}

/// A server and where it is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    pub name: String,
    pub config: ServerConfig,
    pub file: PathBuf,
}

/// A server, or a file of servers, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub file: PathBuf,
    /// A sentence without its subject, the file.
    pub reason: String,
}

/// The servers of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub servers: Vec<Declared>,
    pub broken: Vec<Broken>,
}

/// How a server is reached, with nothing left to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    Program { argv: Vec<String>, environment: BTreeMap<String, String> },
    Http { url: String, headers: BTreeMap<String, String> },
}

/// Reads the files of a folder and its parents up to the root; of equal names the nearest stays.
pub fn find(folder: &Path, root: Option<&Path>) -> Found {
    let mut found = Found::default();
    for place in from_folder_to_root(folder, root) {
        let file = place.join(PROJECT_FILE);
        if file.symlink_metadata().is_ok() {
            found.read(&file);
        }
    }
    found
}

impl Found {
    fn read(&mut self, file: &Path) {
        let servers = match read_servers(file) {
            Ok(servers) => servers,
            Err(reason) => return self.broken.push(Broken { file: file.to_owned(), reason }),
        };
        for (name, value) in servers {
            match serde_json::from_value::<ServerConfig>(value).map_err(|error| error.to_string()) {
                Ok(_) if self.servers.iter().any(|known| known.name == name) => {}
                Ok(config) => self.servers.push(Declared { name, config, file: file.to_owned() }),
                Err(error) => {
                    let reason = format!("describes no usable server `{name}`: {error}");
                    self.broken.push(Broken { file: file.to_owned(), reason });
                }
            }
        }
    }
}

fn read_servers(file: &Path) -> Result<Map<String, Value>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    if std::fs::metadata(file).map_err(cannot)?.len() > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(file).map_err(cannot)?;
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| format!("is no JSON: {error}"))?;
    match value {
        Value::Object(mut members) => match members.remove("mcpServers") {
            Some(Value::Object(servers)) => Ok(servers),
            Some(_) => Err("has `mcpServers` that are no object".to_owned()),
            None => Ok(Map::new()),
        },
        _ => Err("is no object with `mcpServers`".to_owned()),
    }
}

impl ServerConfig {
    /// What stands here with its variables filled in from those that are allowed.
    pub fn door(&self, allowed: &BTreeMap<String, String>) -> Result<Door, String> {
        let fill = |text: &String| expand(text, allowed);
        let all = |texts: &BTreeMap<String, String>| -> Result<BTreeMap<String, String>, String> {
            texts.iter().map(|(name, text)| Ok((name.clone(), fill(text)?))).collect()
        };
        match (self.is_http()?, &self.command, &self.url) {
            (false, Some(command), _) => {
                let words = std::iter::once(command).chain(&self.args).map(fill);
                let argv = words.collect::<Result<Vec<_>, _>>()?;
                let named = argv.first().is_some_and(|program| !program.is_empty());
                let environment = all(&self.env)?;
                named
                    .then_some(Door::Program { argv, environment })
                    .ok_or_else(|| "its `command` is empty".into())
            }
            (true, _, Some(url)) => Ok(Door::Http { url: fill(url)?, headers: all(&self.headers)? }),
            (false, None, _) => Err("it names no `command`".to_owned()),
            (true, _, None) => Err("it names no `url`".to_owned()),
        }
    }

    fn is_http(&self) -> Result<bool, String> {
        match self.kind.as_deref() {
            None => Ok(self.command.is_none() && self.url.is_some()),
            Some("stdio") => Ok(false),
            Some("http" | "streamable-http" | "streamableHttp") => Ok(true),
            Some("sse") => {
                Err("its `type` is `sse`, which is out of use: most such servers speak `http` too".into())
            }
            Some(other) => Err(format!("its `type` is `{other}`; there is `stdio` and `http`")),
        }
    }

    /// What would be started or asked, in a line for people; variables are not filled in.
    pub fn line(&self) -> String {
        match (&self.command, &self.url) {
            (Some(command), _) => {
                let words = std::iter::once(command).chain(&self.args).map(|word| quoted(word));
                let set = self.env.keys().map(|name| format!("{name}=… "));
                set.chain([words.collect::<Vec<_>>().join(" ")]).collect()
            }
            (None, Some(url)) => url.clone(),
            (None, None) => "nothing".to_owned(),
        }
    }
}

fn quoted(word: &str) -> String {
    match word.is_empty() || word.contains(|c: char| c.is_whitespace() || c.is_control()) {
        true => format!("{word:?}"),
        false => word.to_owned(),
    }
}

/// Fills in `${NAME}` and `${NAME:-default}`; a `$` without a brace stays as it is.
fn expand(text: &str, allowed: &BTreeMap<String, String>) -> Result<String, String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, behind) =
            after.split_once('}').ok_or_else(|| format!("in `{text}` a `${{` is never closed"))?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let value =
            allowed.get(name).map(String::as_str).filter(|value| !value.is_empty() || default.is_none());
        let value = value.or(default).ok_or_else(|| {
            format!("it needs the variable `{name}`, which is not set or not passed on (`mcp_env` in your settings)")
        })?;
        filled.push_str(before);
        filled.push_str(value);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}
