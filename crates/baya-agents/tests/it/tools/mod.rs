//! The tools of agents: what a model asks for, and the text it gets.

mod bash;
mod edit;
mod files;
mod restrict;
mod search;
mod web_fetch;

use baya_agents::sandbox::{Profile, Sandbox};
use baya_agents::tools::{Filter, ToolOutput, ToolRoom, set};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// An agent's folder with what surrounds it.
struct Place {
    top: TempDir,
    room: ToolRoom,
}

impl Place {
    fn new() -> Place {
        Place::with(Profile::Workspace)
    }

    fn with(profile: Profile) -> Place {
        let top = tempfile::tempdir().unwrap();
        let real = top.path().canonicalize().unwrap();
        for folder in ["work", "temporary", "outside", "secret"] {
            std::fs::create_dir(real.join(folder)).unwrap();
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let sandbox = Sandbox {
            profile,
            folder: real.join("work"),
            temporary: real.join("temporary"),
            hidden: vec![real.join("secret"), real.join("work/hidden")],
            environment: BTreeMap::from([("PATH".to_owned(), path), ("LC_ALL".to_owned(), "C".to_owned())]),
            // Applies nothing: which policy commands run under is not what is tested here.
            applier: ["/bin/sh", "-c", "shift; exec \"$@\"", "sh"].map(str::to_owned).to_vec(),
            ..Sandbox::default()
        };
        let mark = real.display().to_string();
        let room = ToolRoom::new(sandbox, real.join("kept"), mark, CancellationToken::new());
        Place { top, room }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.room.folder.join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.top.path().canonicalize().unwrap().join(name)
    }

    async fn call(&self, tool: &str, input: Value) -> ToolOutput {
        let tools = set(&Filter::default()).tools;
        let tool = tools.iter().find(|known| known.name() == tool).unwrap();
        tool.call(input, &self.room).await
    }

    /// One call: the whole text of its answer; errors begin with `! `. `…` in what is expected stands for
    /// anything.
    async fn check(&self, tool: &str, input: Value, expected: &str) {
        let output = self.call(tool, input.clone()).await;
        let mark = if output.is_error { "! " } else { "" };
        let text = format!("{mark}{}", output.text).replace(&self.outside("").display().to_string(), "TOP/");
        assert!(is_like(&text, expected), "{tool} {input}\n--- got\n{text}\n--- expected\n{expected}");
    }
}

fn is_like(text: &str, expected: &str) -> bool {
    let (first, rest) = expected.split_once('…').unwrap_or((expected, ""));
    let Some(mut left) = text.trim_end().strip_prefix(first) else { return false };
    if !expected.contains('…') {
        return left.is_empty();
    }
    let parts: Vec<&str> = rest.split('…').collect();
    let (last, between) = parts.split_last().unwrap();
    for part in between {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

fn link(target: impl AsRef<Path>, at: impl AsRef<Path>) {
    std::os::unix::fs::symlink(target, at).unwrap();
}
