//! The CallKey: a hash of what an agent is asked (C62). Two calls with equal keys ask the same thing;
//! label, phase, time-outs and the place in the file are no part of it.

use crate::agent::AgentOptions;
use serde_json::Value;

/// The key of a call, 32 hex digits.
pub fn call_key(prompt: &str, options: &AgentOptions) -> String {
    let mut hash = blake3::Hasher::new();
    part(&mut hash, "prompt", prompt.as_bytes());
    if let Some(schema) = &options.schema {
        hash.update(b"\0schema\0");
        write_sorted(&mut hash, schema);
    }
    let texts = [
        ("model", options.model.as_deref()),
        ("agentType", options.agent_type.as_deref()),
        ("backend", options.backend.as_deref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            part(&mut hash, name, text.as_bytes());
        }
    }
    if let Some(effort) = options.effort {
        part(&mut hash, "effort", &[effort as u8]);
    }
    if options.quarantine {
        part(&mut hash, "quarantine", b"true");
    }
    if let Some(cwd) = &options.cwd {
        part(&mut hash, "cwd", cwd.as_bytes());
    }
    if options.worktree {
        part(&mut hash, "isolation", b"worktree");
    }
    if let Some(base) = &options.base {
        part(&mut hash, "base", base.as_bytes());
    }
    for tool in options.tools.iter().flatten() {
        part(&mut hash, "tool", tool.as_bytes());
    }
    if options.tools.as_ref().is_some_and(Vec::is_empty) {
        part(&mut hash, "tools", b"none");
    }
    for tool in &options.disallowed_tools {
        part(&mut hash, "disallowed", tool.as_bytes());
    }
    if let Some(clamp) = &options.bash_command_clamp {
        hash.update(b"\0clamp\0");
        write_sorted(&mut hash, clamp);
    }
    for (name, number) in [("turns", options.max_turns.map(u64::from)), ("tokens", options.max_tokens)] {
        if let Some(number) = number {
            part(&mut hash, name, &number.to_le_bytes());
        }
    }
    hash.finalize().to_hex()[..32].to_owned()
}

fn part(hash: &mut blake3::Hasher, name: &str, bytes: &[u8]) {
    hash.update(b"\0").update(name.as_bytes()).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
}

/// The value with the members of every object in the order of their names.
fn write_sorted(hash: &mut blake3::Hasher, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            hash.update(b"{");
            for (name, member) in sorted {
                part(hash, "member", name.as_bytes());
                write_sorted(hash, member);
            }
            hash.update(b"}");
        }
        Value::Array(items) => {
            hash.update(b"[");
            for item in items {
                write_sorted(hash, item);
                hash.update(b",");
            }
            hash.update(b"]");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            part(hash, "value", value.to_string().as_bytes());
        }
    }
}
