//! Options of `agent()` at the gate (C23, C24, C26, C27, C29, C31).

use super::*;
use baya_core::call::ThrowKind;

fn thrown(options: Value) -> Thrown {
    let mut hand = Hand::new();
    hand.step(0, vec![agent_with(1, "a", options)]);
    assert!(hand.tasks().is_empty(), "a refused call starts nothing");
    hand.thrown_to(1).clone()
}

#[test]
fn c23_the_default_label_is_the_head_of_the_prompt_folded() {
    let long = format!("  Look\n\tat   {}", "x".repeat(100));
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, &long), agent_with(2, "p", json!({"label": "mine", "phase": "Check"}))]);
    let folded = format!("Look at {}", "x".repeat(47));
    assert_eq!(hand.queued(), [(folded.as_str(), None), ("mine", Some("Check"))]);
}

#[test]
fn c24_unknown_options_and_values_are_told_once_and_ignored() {
    let mut hand = Hand::new();
    let odd = json!({"lable": 1, "effort": "huge", "isolation": "container"});
    hand.step(0, vec![agent_with(1, "a", odd.clone()), agent_with(2, "b", odd)]);
    let mut logs = hand.logs();
    logs.sort_unstable();
    assert_eq!(
        logs,
        [
            "agent() does not know `effort: \"huge\"`; it is ignored; known: low, medium, high, xhigh or max",
            "agent() does not know `isolation: \"container\"`; it is ignored; known: 'worktree'",
            "agent() has no option `lable`; it is ignored",
        ]
    );
    assert_eq!(hand.prompts(), ["a", "b"]);
}

#[test]
fn c26_an_unknown_agent_type_throws_and_lists_what_there_is() {
    let thrown = thrown(json!({"agentType": "Explorer"}));
    assert_eq!(thrown.kind, ThrowKind::AgentType);
    assert_eq!(
        thrown.message,
        "there is no agent type `Explorer`; there are: Explore, general-purpose; \
         hint: `.baya/agents` and `.claude/agents` hold others, a Markdown file each"
    );
}

#[test]
fn c27_names_of_agent_types_are_case_sensitive() {
    assert_eq!(thrown(json!({"agentType": "explore"})).kind, ThrowKind::AgentType);
}

#[test]
fn c26_isolation_outside_a_repository_throws() {
    let thrown = thrown(json!({"isolation": "worktree"}));
    assert_eq!(thrown.kind, ThrowKind::Isolation);
    assert!(thrown.message.contains("`/p` is in none"), "{}", thrown.message);
}

#[test]
fn c70_isolation_is_asked_for_by_the_call_or_by_the_type() {
    let around = Surroundings {
        in_git_repository: true,
        agent_types_isolated: vec!["Explore".to_owned()],
        ..surroundings()
    };
    let mut hand = Hand::with(Limits::default(), around);
    let of_type = json!({"agentType": "Explore", "work": true, "base": "main"});
    let calls = [json!({"isolation": "worktree"}), json!({}), of_type];
    hand.step(0, calls.into_iter().zip(1..).map(|(options, id)| agent_with(id, "a", options)).collect());
    let isolated: Vec<bool> = hand.tasks().iter().map(|task| task.options.worktree).collect();
    assert_eq!(isolated, [true, false, true]);
}

#[test]
fn c72_work_and_base_go_with_a_worktree() {
    for options in [json!({"work": true}), json!({"base": "main"})] {
        let thrown = thrown(options);
        assert_eq!(thrown.kind, ThrowKind::Option);
        assert!(thrown.message.contains("goes with `isolation: 'worktree'`"), "{}", thrown.message);
    }
}

#[test]
fn c29_a_folder_is_below_the_working_folder_and_part_of_what_is_asked() {
    let mut hand = Hand::new();
    let given = ["docs", "docs/../docs/./", "/p/docs", "", ".", "/p"];
    let calls = given.iter().zip(1..).map(|(cwd, id)| agent_with(id, "a", json!({"cwd": cwd})));
    hand.step(0, calls.collect());
    let folders: Vec<_> = hand.tasks().iter().map(|task| task.options.cwd.clone()).collect();
    let docs = Some("docs".to_owned());
    assert_eq!(folders, [docs.clone(), docs.clone(), docs, None, None, None]);
    let last = hand.journal.iter().rev().find_map(|recorded| match &recorded.event {
        Event::AgentQueued { occurrence, .. } => Some(*occurrence),
        _ => None,
    });
    assert_eq!(last, Some(2), "two questions, each asked three times");
    for outside in ["..", "../p", "docs/../..", "/", "/etc", "/pp", "/p/../q"] {
        let thrown = thrown(json!({"cwd": outside}));
        assert_eq!(thrown.kind, ThrowKind::Option, "{outside}");
        assert!(thrown.message.contains("outside of the working folder `/p`"), "{}", thrown.message);
    }
}

#[test]
fn c28_an_unknown_model_is_warned_of_once_and_asked_for() {
    let known = vec!["opus".to_owned(), "claude-".to_owned()];
    let around = Surroundings {
        backend: "mine".to_owned(),
        models_known: known,
        model: Some("clawed-2".to_owned()),
        ..surroundings()
    };
    let mut hand = Hand::with(Limits::default(), around);
    let models = ["opus", "claude-opus-9", "mine/claude-x", "other/x", "claud-opus-5", "claud-opus-5"];
    let calls = models.iter().zip(1..).map(|(model, id)| agent_with(id, "a", json!({"model": model})));
    hand.step(0, calls.collect());
    assert_eq!(hand.tasks().len(), models.len());
    hand.step(0, vec![agent(9, "a")]);
    let expected = ["claud-opus-5", "clawed-2"].map(|model| {
        format!(
            "model `{model}` is none that is known of `mine`: it is asked for as it is, its limits are unknown"
        )
    });
    assert_eq!(hand.logs(), expected);
}

#[test]
fn c31_an_unusable_schema_throws_before_any_token() {
    for schema in
        [json!("x"), json!({"type": "array"}), json!({"type": "object", "properties": 1}), json!(null)]
    {
        assert_eq!(thrown(json!({"schema": schema})).kind, ThrowKind::Schema, "{schema}");
    }
}

#[test]
fn c29_tools_narrow_what_an_agent_has_and_are_part_of_what_is_asked() {
    let mut hand = Hand::new();
    let options = [json!({}), json!({"tools": []}), json!({"tools": ["read"]})];
    hand.step(0, options.into_iter().zip(1..).map(|(options, id)| agent_with(id, "a", options)).collect());
    let tools: Vec<_> = hand.tasks().iter().map(|task| task.options.tools.clone()).collect();
    assert_eq!(tools, [None, Some(vec![]), Some(vec!["read".to_owned()])]);
    let keys = hand.journal.iter().filter_map(|recorded| match &recorded.event {
        Event::AgentQueued { key, .. } => Some(key.clone()),
        _ => None,
    });
    assert_eq!(keys.collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert_eq!(thrown(json!({"tools": ["read"], "backend": "mine"})).kind, ThrowKind::Option);
}

#[test]
fn c29_values_that_options_cannot_have_are_refused_at_the_call() {
    assert_eq!(thrown(json!({"cache": "always"})).kind, ThrowKind::Option);
    assert!(thrown(json!({"backend": "other"})).message.contains("there are: simulated, mine"));
    assert!(thrown(json!({"timeoutMs": "soon"})).message.contains("`timeoutMs`"));
}
