//! What `.mcp.json` may say.

use baya_agents::mcp::config::{Door, ServerConfig, find};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The door of one server, or why there is none, as one line.
fn door(config: Value) -> String {
    let allowed = BTreeMap::from([("ROOT", "/srv"), ("EMPTY", "")])
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let config: ServerConfig = serde_json::from_value(config).unwrap();
    match config.door(&allowed) {
        Ok(Door::Program { argv, environment }) => format!("{argv:?} {environment:?}"),
        Ok(Door::Http { url, headers }) => format!("{url} {headers:?}"),
        Err(why) => why,
    }
}

#[test]
fn a_server_is_a_program_or_an_address() {
    for (config, told) in [
        (json!({"command": "npx", "args": ["-y", "x"], "unknown": 1}), r#"["npx", "-y", "x"] {}"#),
        (json!({"command": "${ROOT}/bin", "env": {"A": "${NO:-b}"}}), r#"["/srv/bin"] {"A": "b"}"#),
        (json!({"command": "x", "args": ["$ROOT $$ ${EMPTY:-d}${EMPTY}"]}), r#"["x", "$ROOT $$ d"] {}"#),
        (json!({"type": "stdio", "command": "x", "url": "http://y"}), r#"["x"] {}"#),
        (json!({"url": "http://h/${ROOT}"}), "http://h//srv {}"),
        (
            json!({"type": "http", "url": "http://h", "headers": {"K": "${ROOT}"}}),
            r#"http://h {"K": "/srv"}"#,
        ),
        (json!({"command": ""}), "its `command` is empty"),
        (json!({"type": "http", "command": "x"}), "it names no `url`"),
        (json!({"type": "stdio"}), "it names no `command`"),
        (json!({}), "it names no `command`"),
        (json!({"type": "ws", "url": "x"}), "its `type` is `ws`; there is `stdio` and `http`"),
        (json!({"command": "${ROOT"}), "in `${ROOT` a `${` is never closed"),
    ] {
        assert_eq!(door(config.clone()), told, "{config}");
    }
    let secret = door(json!({"command": "x", "env": {"K": "${ANTHROPIC_API_KEY}"}}));
    assert!(secret.contains("`ANTHROPIC_API_KEY`, which is not set or not passed on"), "{secret}");
    assert!(door(json!({"type": "sse", "url": "x"})).contains("out of use"));
}

#[test]
fn of_equal_names_the_nearest_stays_and_what_is_broken_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (root, near) = (folder.path(), folder.path().join("a/b"));
    std::fs::create_dir_all(&near).unwrap();
    std::fs::write(
        near.join(".mcp.json"),
        r#"{"mcpServers": {"one": {"command": "near"}, "odd": {"args": 1}}}"#,
    )
    .unwrap();
    std::fs::write(root.join("a/.mcp.json"), "{").unwrap();
    std::fs::write(
        root.join(".mcp.json"),
        r#"{"mcpServers": {"one": {"command": "far"},
            "two": {"command": "my tool", "args": [""], "env": {"T": "1"}}}}"#,
    )
    .unwrap();
    let found = find(&near, Some(root));
    let lines: Vec<String> =
        found.servers.iter().map(|server| format!("{}: {}", server.name, server.config.line())).collect();
    assert_eq!(lines, ["one: near", r#"two: T=… "my tool" """#]);
    let broken: Vec<&str> = found.broken.iter().map(|broken| broken.reason.as_str()).collect();
    assert!(broken[0].starts_with("describes no usable server `odd`:"), "{broken:?}");
    assert!(broken[1].starts_with("is no JSON:") && broken.len() == 2, "{broken:?}");
    assert!(find(&root.join("a"), None).servers.is_empty());
}
