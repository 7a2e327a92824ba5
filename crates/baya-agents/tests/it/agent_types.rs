//! Agent types and memory files, from folders on disk.

use baya_agents::agent_types::{AgentTypes, Origin, find};
use baya_agents::memory_files;
use baya_core::agent::Effort;
use std::path::{Path, PathBuf};

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn repository() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join(".git")).unwrap();
    root
}

fn named(name: &str) -> String {
    format!("---\nname: {name}\ndescription: d\n---\nbody of {name}\n")
}

fn types_in(root: &Path, folder: &str) -> AgentTypes {
    find(&root.join(folder), Some(root), &[], &[])
}

#[test]
fn c27_every_field_of_the_front_matter_is_read() {
    let root = repository();
    let text = "---\nname: Deep Reviewer\ndescription: 'reads: closely'\ntools: Read, Bash(git log:*, x), Grep\n\
                disallowedTools: [Write, Edit]\nmodel: opus\neffort: High\npermissionMode: plan\nmaxTurns: 7\n\
                mcpServers:\n  - github\nisolation: worktree\ncolor: red\n---\n\nYou review.\n\nTwice.\n";
    write(root.path(), ".claude/agents/review.md", text);
    let types = types_in(root.path(), ".");
    let found = types.get("Deep Reviewer").expect("found by its name, with the space");
    assert!(types.get("deep reviewer").is_none(), "case matters");
    assert_eq!(found.description, "reads: closely");
    assert_eq!(found.tools.as_deref().unwrap(), ["Read", "Bash(git log:*, x)", "Grep"]);
    assert_eq!(found.disallowed_tools, ["Write", "Edit"]);
    assert_eq!(found.model.as_deref(), Some("opus"));
    assert_eq!(found.effort, Some(Effort::High));
    assert_eq!(found.permission_mode.as_deref(), Some("plan"));
    assert_eq!(found.max_turns, Some(7));
    assert_eq!(found.mcp_servers, Some(serde_json::json!(["github"])));
    assert_eq!(found.isolation.as_deref(), Some("worktree"));
    assert_eq!(found.body, "You review.\n\nTwice.");
    assert_eq!(found.origin, Origin::File(root.path().join("./.claude/agents/review.md")));
}

#[test]
fn c27_the_nearest_folder_wins_up_to_the_root() {
    let root = repository();
    let above = root.path().join("repo");
    std::fs::create_dir_all(above.join(".git")).unwrap();
    let body = |text: &str| format!("---\nname: same\ndescription: d\n---\n{text}");
    write(root.path(), ".claude/agents/out.md", &named("outside"));
    write(&above, ".claude/agents/a.md", &body("root"));
    write(&above, "a/.claude/agents/a.md", &body("near claude"));
    write(&above, "a/.baya/agents/deep/er/a.md", &body("near baya"));
    write(&above, ".claude/agents/b.md", &named("only at the root"));
    let user = root.path().join("user");
    write(&user, "a.md", &body("user"));
    write(&user, "u.md", &named("users"));
    let plugin = root.path().join("plugin");
    write(&plugin, "p.md", &named("helper"));
    std::fs::create_dir_all(above.join("a/b")).unwrap();
    let types = find(&above.join("a/b"), Some(&above), &[user], &[("kit".to_owned(), plugin)]);
    assert_eq!(types.get("same").unwrap().body, "near baya");
    let names = ["Explore", "Plan", "general-purpose", "kit:helper", "only at the root", "same", "users"];
    assert_eq!(types.names(), names);
}

#[test]
fn c27_broken_files_are_listed_and_never_used() {
    let cases = [
        ("no front matter", "just text", "no front matter"),
        ("never closed", "---\nname: x\n", "never closed"),
        ("no name", "---\ndescription: d\n---\nb", "has no `name`"),
        ("no description", "---\nname: x\n---\nb", "has no `description`"),
        ("yaml", "---\nname: x\ndescription: d\ntools: [Read\n---\nb", "no YAML"),
        ("effort", "---\nname: x\ndescription: d\neffort: huge\n---\nb", "`effort`"),
        ("turns", "---\nname: x\ndescription: d\nmaxTurns: many\n---\nb", "`maxTurns`"),
        ("tools", "---\nname: x\ndescription: d\ntools: {a: b}\n---\nb", "`tools`"),
        ("a list", "---\n- a\n---\nb", "key: value"),
    ];
    for (what, text, reason) in cases {
        let root = repository();
        write(root.path(), ".baya/agents/x.md", text);
        write(root.path(), ".claude/agents/y.md", &named("y"));
        let types = types_in(root.path(), ".");
        assert!(types.get("x").is_none(), "{what}");
        assert!(types.get("y").is_some(), "{what}: the others stand");
        let broken = &types.broken()[0];
        assert!(broken.path.ends_with(".baya/agents/x.md"), "{what}");
        assert!(broken.reason.contains(reason), "{what}: {}", broken.reason);
    }
}

#[test]
fn c27_a_description_with_a_colon_is_no_reason_to_refuse() {
    let root = repository();
    write(
        root.path(),
        ".claude/agents/x.md",
        "\u{feff}---\r\nname: x\r\ndescription: use it: always\r\n---\r\nb\r\n",
    );
    let types = types_in(root.path(), ".");
    assert_eq!(types.get("x").unwrap().description, "use it: always");
}

#[test]
fn c27_built_in_types_have_a_text_of_their_own() {
    let types = AgentTypes::built_in();
    assert_eq!(types.names(), ["Explore", "Plan", "general-purpose"]);
    for agent_type in types.iter() {
        assert!(agent_type.body.len() > 80 && agent_type.body.len() < 1024, "{}", agent_type.name);
        assert_eq!(agent_type.origin, Origin::BuiltIn);
    }
    assert!(types.get("Explore").unwrap().disallowed_tools.contains(&"Write".to_owned()));
}

#[test]
fn c20_memory_files_come_from_the_root_down_with_their_imports() {
    let root = repository();
    write(
        root.path(),
        "AGENTS.md",
        "root rules, see @docs/style.md and `@docs/not.md`\n```\n@docs/not.md\n```",
    );
    write(root.path(), "docs/style.md", "style, and @../AGENTS.md again");
    write(root.path(), "docs/not.md", "never");
    write(root.path(), "a/CLAUDE.md", "near rules @missing.md, mail me@example.com");
    write(root.path(), "a/AGENTS.md", "");
    let found = memory_files::collect(&root.path().join("a"));
    let expected =
        "# From `docs/style.md`\n\nstyle, and @../AGENTS.md again\n\n# From `AGENTS.md`\n\nroot rules";
    assert!(found.text.starts_with(expected), "{}", found.text);
    assert!(found.text.ends_with("# From `a/CLAUDE.md`\n\nnear rules @missing.md, mail me@example.com"));
    assert!(!found.text.contains("never"));
    assert_eq!(found.notes, Vec::<String>::new());
}

#[test]
fn c20_memory_files_never_reach_outside_the_project() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "secret.txt", "hush");
    let root = repository();
    let path = outside.path().join("secret.txt");
    write(root.path(), "CLAUDE.md", &format!("@{} @~/notes.md", path.display()));
    std::os::unix::fs::symlink(&path, root.path().join("AGENTS.md")).unwrap();
    let found = memory_files::collect(root.path());
    assert!(!found.text.contains("hush"), "{}", found.text);
    assert_eq!(found.notes.len(), 3, "{:?}", found.notes);
    assert!(found.notes.iter().all(|note| note.contains("outside the project")));
}

#[test]
fn c20_memory_without_a_repository_is_the_folder_alone() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "AGENTS.md", "above");
    write(root.path(), "a/AGENTS.md", "here");
    let folder: PathBuf = root.path().join("a");
    if memory_files::repository_root(&folder).is_none() {
        assert_eq!(memory_files::collect(&folder).text, "# From `AGENTS.md`\n\nhere");
    }
}

#[test]
fn c20_memory_files_have_a_limit_that_is_told() {
    let root = repository();
    write(root.path(), "AGENTS.md", &"x".repeat(300 * 1024));
    let found = memory_files::collect(root.path());
    assert_eq!(found.text, "");
    assert!(found.notes[0].contains("256 KiB"), "{:?}", found.notes);
}
