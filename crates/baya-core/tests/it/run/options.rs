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
fn isolation_is_told_to_give_no_worktree_in_this_version() {
    let mut hand = Hand::with(Limits::default(), Surroundings { in_git_repository: true, ..surroundings() });
    hand.step(0, vec![agent_with(1, "a", json!({"isolation": "worktree"}))]);
    assert_eq!(hand.prompts(), ["a"]);
    assert!(hand.logs()[0].contains("without a worktree"), "{:?}", hand.logs());
    hand.step(0, vec![agent_with(2, "b", json!({"isolation": "worktree", "backend": "mine"}))]);
    assert_eq!(hand.thrown_to(2).kind, ThrowKind::Isolation);
}

#[test]
fn c29_what_later_versions_bring_is_refused_at_the_call() {
    for (name, value) in [("quarantine", json!(true)), ("cwd", json!("/")), ("cache", json!("shared"))] {
        let thrown = thrown(json!({name: value}));
        assert_eq!(thrown.kind, ThrowKind::Option, "{name}");
        assert!(thrown.message.contains("is not in this version"), "{}", thrown.message);
    }
    assert!(thrown(json!({"backend": "other"})).message.contains("there are: simulated, mine"));
    assert!(thrown(json!({"timeoutMs": "soon"})).message.contains("`timeoutMs`"));
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
