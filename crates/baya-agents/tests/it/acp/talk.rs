//! What an agent is told and asked, and what becomes of what it says.

use super::{Gate, Place, task, text};
use baya_agents::backend::{Backend, Deed, Permission};
use baya_agents::sandbox::Profile;
use baya_core::agent::{AgentOptions, AgentTask, AttemptEnd, CauseKind, Progress, UsageSource, Wait};
use baya_core::turn::TurnRecord;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn c20_the_prompt_goes_out_in_a_block_of_its_own() {
    let place = Place::new();
    let agent = place.agent(&json!({"turns": [[{"text": "done"}]]}));
    let (report, told) = place.run(&agent, &task()).await;
    assert_eq!(text(&report), "done");
    let heard = place.heard();
    assert_eq!(place.methods(), ["initialize", "session/new", "session/prompt"]);
    let abilities = &heard[0]["params"]["clientCapabilities"];
    assert_eq!(abilities["fs"]["readTextFile"], false, "we offer no files");
    assert_eq!(abilities["terminal"], false);
    assert_eq!(heard[1]["params"]["cwd"], json!(place.path("work")));
    let blocks = heard[2]["params"]["prompt"].as_array().expect("blocks");
    assert_eq!(blocks[1]["text"], "the prompt");
    assert!(blocks[0]["text"].as_str().expect("a text").contains("nobody answers questions"));
    assert_eq!(
        told.progress()[0],
        Progress::Waiting { wait: Wait::Start { program: "acp:stand-in".to_owned() } }
    );
    assert!(told.progress().contains(&Progress::Asked));
    assert_eq!(report.usage.source, UsageSource::Estimated);
}

#[tokio::test]
async fn c22_the_last_message_is_the_answer_untrimmed() {
    let tool = |status: &str| json!({"tool": {"id": "1", "title": "look", "kind": "read", "status": status}});
    let rows = [
        (json!([]), ""),
        (json!([{"text": "a"}, {"text": " b\n"}]), "a b\n"),
        (json!([{"text": "I will look"}, tool("pending"), tool("completed"), {"text": "found"}]), "found"),
        (
            json!([{"text": "a warning"}, {"text": "the ", "message": "m"}, {"text": "end", "message": "m"}]),
            "the end",
        ),
        (
            json!([{"line": "npm warn noise"}, {"text": "x"}, {"line": "{\"level\":\"info\"}"}, {"line": ""}]),
            "x",
        ),
    ];
    for (turn, expected) in rows {
        let place = Place::new();
        let (report, _) = place.run(&place.agent(&json!({"turns": [turn]})), &task()).await;
        assert_eq!(text(&report), expected);
    }
}

#[tokio::test]
async fn c20_what_an_agent_is_told_of_its_worktree_is_a_block_of_its_own() {
    let place = Place::new();
    let task = AgentTask { place: Some("You work in a worktree.".to_owned()), ..task() };
    let agent = place.agent(&json!({"turns": [[{"text": "ok"}]]}));
    place.run(&agent, &task).await;
    let heard = place.heard();
    let prompts = heard.iter().filter(|line| line["method"] == "session/prompt");
    let blocks: Vec<&Value> =
        prompts.flat_map(|line| line["params"]["prompt"].as_array().expect("blocks")).collect();
    assert_eq!(
        (&blocks[0]["text"], &blocks[2]["text"]),
        (&json!("You work in a worktree."), &json!("the prompt"))
    );
}

#[tokio::test]
async fn what_an_agent_does_is_told_and_recorded() {
    let place = Place::new();
    let step = |status: &str| json!({"tool": {"id": "1", "title": "cargo test", "kind": "execute", "status": status}});
    let failed =
        json!({"tool": {"id": "2", "title": "edit a.rs\nwith more", "kind": "edit", "status": "failed"}});
    let turn = json!([step("pending"), step("in_progress"), step("completed"), failed, {"text": "ok"}]);
    let (report, told) = place.run(&place.agent(&json!({"turns": [turn]})), &task()).await;
    assert_eq!(text(&report), "ok");
    let turns = told.turns();
    let TurnRecord::SessionOpened { backend, session } = &turns[0] else { panic!("{turns:?}") };
    assert_eq!(backend, "acp:stand-in");
    assert!(session.starts_with("acp-stand-in-1-1/s"), "{session}");
    let acted = |line: &str| TurnRecord::Acted { line: line.to_owned() };
    assert_eq!(turns[1..], [acted("cargo test: done"), acted("edit a.rs: failed")]);
    assert!(told.progress().contains(&Progress::Using { tool: "cargo test".to_owned() }));
}

#[tokio::test]
async fn permission_is_answered_by_kind() {
    let bash = json!({"toolCallId": "1", "title": "ls", "kind": "execute", "rawInput": {"command": "ls -l"}});
    let edit = json!({"toolCallId": "1", "title": "a", "kind": "edit", "rawInput": {"filePath": "src/a.rs"}});
    let fetch =
        json!({"toolCallId": "1", "title": "a", "kind": "fetch", "rawInput": {"url": "https://a.b/c"}});
    let shy =
        json!({"toolCallId": "1", "title": "helper", "kind": "other", "rawInput": {"command": ["rm", "x"]}});
    let own = json!({"toolCallId": "1", "title": "mcp__baya__StructuredOutput", "rawInput": {"n": 1}});
    let fake = json!({"toolCallId": "1", "title": "StructuredOutput", "rawInput": {"command": "rm x"}});
    let codex = json!({"toolCallId": "1", "title": "mcp.baya.StructuredOutput", "kind": "execute",
        "rawInput": {"server": "baya", "tool": "StructuredOutput", "arguments": {"n": 1}}});
    let near = json!({"toolCallId": "1", "title": "other_StructuredOutput"});
    let command = |line: &str| Some(Deed::Command(line.to_owned()));
    let file = |place: &Place| Some(Deed::Write(place.path("work/src/a.rs")));
    let denied = || Permission::Denied("no".to_owned());
    for (call, says, profile, expected, deed) in [
        (&bash, Permission::Allowed, Profile::Workspace, "once", command("ls -l")),
        (&bash, denied(), Profile::Workspace, "no", command("ls -l")),
        (&bash, Permission::Allowed, Profile::ReadOnly, "once", command("ls -l")),
        (&edit, Permission::Allowed, Profile::Workspace, "once", Some(Deed::Write(PathBuf::new()))),
        (&edit, Permission::Allowed, Profile::ReadOnly, "no", None),
        (&fetch, denied(), Profile::Workspace, "no", Some(Deed::Host("a.b".to_owned()))),
        (&shy, denied(), Profile::Workspace, "no", command("rm x")),
        (&own, denied(), Profile::ReadOnly, "once", None),
        (&codex, denied(), Profile::Workspace, "once", None),
        (&fake, denied(), Profile::Workspace, "no", command("rm x")),
        (&near, denied(), Profile::Workspace, "no", Some(Deed::Other("other_StructuredOutput".to_owned()))),
    ] {
        let place = Place::new();
        let mut config = place.config(&json!({"turns": [[{"ask": call}]]}));
        config.profile = profile;
        let gate = Arc::new(Gate { says, asked: Mutex::default() });
        let (attempt, _) = place.attempt_with(gate.clone());
        let agent = baya_agents::acp::AcpBackend::new(config);
        let report = agent.run(&task(), &attempt).await;
        // A read-only agent cannot write its log, but it can say what it was told.
        assert_eq!(text(&report), expected, "{call}");
        let asked: Vec<Deed> =
            gate.asked.lock().expect("lock").iter().map(|action| action.what.clone()).collect();
        let deed = deed
            .map(|deed| if deed == Deed::Write(PathBuf::new()) { file(&place).expect("it") } else { deed });
        assert_eq!(asked, Vec::from_iter(deed), "{call}");
    }
}

#[tokio::test]
async fn the_agent_works_in_the_sandbox_with_a_home_of_its_own() {
    let place = Place::new();
    let (inside, outside) = (place.path("work/in"), place.path("home/out"));
    let turn = json!([{"write": [inside, "x"]}, {"write": [outside, "x"]}, {"environment": "HOME"}]);
    let (report, _) = place.run(&place.agent(&json!({"turns": [turn]})), &task()).await;
    assert!(inside.exists() && !outside.exists());
    let home = place.path("state").join(task().run.as_str()).join("acp-stand-in-1-1/home");
    assert_eq!(text(&report), home.display().to_string());
}

#[tokio::test]
async fn c28_a_model_is_set_by_its_option_or_refused_with_what_there_is() {
    let option = json!({"id": "m", "name": "Model", "category": "model", "type": "select", "currentValue": "x/small",
        "options": [{"value": "x/small", "name": "S"}, {"value": "x/large", "name": "L"}]});
    let ask = |model: &str| AgentOptions { model: Some(model.to_owned()), ..AgentOptions::default() };
    for (model, set) in [("small", false), ("x/large", true), ("large", true)] {
        let place = Place::new();
        let agent = place.agent(&json!({"options": [option], "turns": [[]]}));
        let (report, _) = place.run(&agent, &crate::attempts::task("p", ask(model))).await;
        assert_eq!(text(&report), "");
        let sets: Vec<_> = place
            .heard()
            .into_iter()
            .filter(|heard| heard["method"] == "session/set_config_option")
            .collect();
        assert_eq!(sets.len(), usize::from(set), "{model}");
        assert!(
            sets.iter().all(|set| set["params"]["configId"] == "m" && set["params"]["value"] == "x/large")
        );
    }
    let place = Place::new();
    let agent = place.agent(&json!({"options": [option], "turns": [[]]}));
    let (report, _) = place.run(&agent, &crate::attempts::task("p", ask("huge"))).await;
    let AttemptEnd::Unusable(cause) = report.end else { panic!("{report:?}") };
    assert_eq!(cause.kind, CauseKind::UnknownModel);
    assert_eq!(cause.hint.as_deref(), Some("it knows `x/small`, `x/large`"));
}
