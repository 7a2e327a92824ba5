//! Processes that serve one agent after the other, and sessions that are gone on with.

use super::{Place, is_over, task, text};
use baya_agents::backend::Backend;
use baya_core::agent::{AgentOptions, AgentTask, AttemptEnd};
use baya_core::ids::AgentNumber;
use baya_core::turn::TurnRecord;
use serde_json::json;

fn numbered(agent: u32) -> AgentTask {
    AgentTask { agent: AgentNumber(agent), ..task() }
}

#[tokio::test]
async fn a_process_serves_one_agent_after_the_other_each_in_a_session_of_its_own() {
    let place = Place::new();
    let abilities = json!({"sessionCapabilities": {"close": {}}});
    let agent = place.agent(&json!({"abilities": abilities, "turns": [[{"text": "1"}], [{"text": "2"}]]}));
    let (first, a) = place.run(&agent, &numbered(1)).await;
    let (second, b) = place.run(&agent, &numbered(2)).await;
    assert_eq!((text(&first), text(&second)), ("1", "2"));
    assert_eq!(a.pids(), b.pids(), "and it is told of for both");
    let methods = place.methods();
    assert_eq!(
        methods,
        [
            "initialize",
            "session/new",
            "session/prompt",
            "session/close",
            "session/new",
            "session/prompt",
            "session/close"
        ]
    );
    agent.close().await;
    assert!(is_over(a.pids()[0]), "idle ones end with the run");
    let left = std::fs::read_dir(place.path("state")).expect("the state folder");
    assert_eq!(left.count(), 0, "their private folders go with them");
}

#[tokio::test]
async fn agents_at_work_at_the_same_time_have_a_process_each() {
    let place = Place::new();
    let agent = place.agent(&json!({"turns": [[{"environment": "HOME"}]]}));
    let (one, two) = (numbered(1), numbered(2));
    let (a, b) = tokio::join!(place.run(&agent, &one), place.run(&agent, &two));
    assert_ne!(text(&a.0), text(&b.0));
    assert_ne!(a.1.pids(), b.1.pids());
    agent.close().await;
}

#[tokio::test]
async fn another_folder_or_another_right_is_another_process() {
    let place = Place::new();
    let agent = place.agent(&json!({"turns": [[]]}));
    let (_, a) = place.run(&agent, &numbered(1)).await;
    let options = AgentOptions {
        disallowed_tools: ["bash", "write", "edit"].map(str::to_owned).into(),
        ..Default::default()
    };
    let (_, b) = place.run(&agent, &AgentTask { options, ..numbered(2) }).await;
    assert_ne!(a.pids(), b.pids());
    agent.close().await;
}

/// Runs until it stalls, then once more with what was recorded.
async fn again(abilities: serde_json::Value) -> (Place, Vec<String>, String) {
    let place = Place::new();
    let turns = json!([[{"text": "half"}, {"hang": 1}]]);
    let agent = place.agent(&json!({"abilities": abilities, "turns": turns}));
    let options = AgentOptions { stall_ms: Some(300), ..AgentOptions::default() };
    let first = AgentTask { options, ..task() };
    let (report, told) = place.run(&agent, &first).await;
    assert!(matches!(report.end, AttemptEnd::Failed(_)), "{report:?}");
    let TurnRecord::SessionOpened { session, .. } = told.turns()[0].clone() else {
        panic!("{:?}", told.turns())
    };
    std::fs::remove_file(place.path("scripts/log")).expect("the log");
    // Another process of ours: nothing is known but what the journal holds.
    let agent = place.agent(&json!({"abilities": abilities, "turns": [[{"text": "whole"}]]}));
    let (report, _) = place.run(&agent, &AgentTask { attempt: 2, turns: told.turns(), ..first }).await;
    assert_eq!(text(&report), "whole");
    agent.close().await;
    (place, report.notes, session)
}

#[tokio::test]
async fn a_stalled_agent_is_gone_on_with_in_its_session() {
    for (abilities, method) in [
        (json!({"loadSession": true, "sessionCapabilities": {"resume": {}}}), "session/resume"),
        (json!({"loadSession": true}), "session/load"),
    ] {
        let (place, notes, session) = again(abilities).await;
        assert_eq!(place.methods(), ["initialize", method, "session/prompt"]);
        let heard = place.heard();
        let (_, id) = session.split_once('/').expect("a folder and an id");
        assert_eq!(heard[1]["params"]["sessionId"], id);
        let blocks = heard[2]["params"]["prompt"].as_array().expect("blocks");
        assert!(blocks[0]["text"].as_str().expect("a text").contains("interrupted"));
        assert_eq!(blocks[1]["text"], "the prompt");
        assert!(notes.is_empty(), "{notes:?}");
    }
}

#[tokio::test]
async fn one_that_cannot_go_on_begins_anew_and_says_so() {
    let (place, notes, _) = again(json!({})).await;
    assert_eq!(place.methods(), ["initialize", "session/new", "session/prompt"]);
    assert_eq!(notes, ["its session could not be gone on with, it began anew: knows no `session/load`"]);
}
