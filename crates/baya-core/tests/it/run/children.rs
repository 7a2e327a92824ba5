//! `workflow()` children (C53).

use super::*;
use baya_core::call::{LogLevel, ThrowKind, WorkflowTarget};

fn workflow(id: u64, frame: u32, name: &str) -> Call {
    let kind = CallKind::Workflow { target: WorkflowTarget::Name(name.to_owned()), args: Some(json!("[1]")) };
    Call { id: CallId(id), frame: FrameId(frame), site: None, kind }
}

fn in_frame(frame: u32, call: Call) -> Call {
    Call { frame: FrameId(frame), ..call }
}

fn loaded(hand: &mut Hand, call: u64, name: &str) {
    let loaded = Ok(Box::new(script(name)));
    hand.input(Input::WorkflowLoaded { generation: 0, call: CallId(call), loaded });
}

#[test]
fn c53_a_childs_agents_stand_in_one_group_the_second_time_with_a_number() {
    let mut hand = Hand::new();
    hand.step(0, vec![workflow(1, 0, "kid"), workflow(2, 0, "kid")]);
    loaded(&mut hand, 1, "kid");
    loaded(&mut hand, 2, "kid");
    let own = json!({"label": "a", "phase": "own"});
    let calls =
        vec![in_frame(1, agent_with(3, "a", own)), in_frame(2, agent_with(4, "b", json!({"label": "b"})))];
    hand.step(2, calls);
    assert_eq!(hand.queued(), [("a", Some("▸ kid")), ("b", Some("▸ kid #2"))]);
}

#[test]
fn c53_a_child_gets_its_args_and_its_log_lines_carry_its_name() {
    let mut hand = Hand::new();
    hand.step(0, vec![workflow(1, 0, "kid")]);
    loaded(&mut hand, 1, "kid");
    match hand.told_to(1) {
        Some(Payload::Child(child)) => {
            assert_eq!((child.name.as_str(), &child.args), ("kid", &Some(json!([1]))))
        }
        other => panic!("told {other:?}"),
    }
    let log = CallKind::Log { level: LogLevel::Info, text: "hello".to_owned() };
    let phase = CallKind::Phase { title: "own".to_owned() };
    let call = |id, kind| Call { id: CallId(id), frame: FrameId(1), site: None, kind };
    hand.step(1, vec![call(2, log), call(3, phase)]);
    assert_eq!(hand.logs(), ["[kid] hello"]);
    assert!(!hand.journal.iter().any(|recorded| matches!(recorded.event, Event::PhaseEntered { .. })));
}

#[test]
fn c53_unknown_workflows_and_too_much_depth_throw() {
    let mut hand = Hand::new();
    hand.step(0, vec![workflow(1, 0, "none"), workflow(2, 0, "kid")]);
    let loading = Err("there is no workflow `none`; there are: kid".to_owned());
    hand.input(Input::WorkflowLoaded { generation: 0, call: CallId(1), loaded: loading });
    assert_eq!(hand.thrown_to(1).message, "there is no workflow `none`; there are: kid");
    loaded(&mut hand, 2, "kid");
    hand.step(2, vec![workflow(3, 2, "kid")]);
    assert_eq!(hand.thrown_to(3).kind, ThrowKind::Workflow);
    assert!(hand.thrown_to(3).message.contains("--max-depth"));
}

#[test]
fn c53_a_child_shares_the_agent_limit() {
    let mut hand = Hand::with(Limits { agents_max: 1, ..Limits::default() }, surroundings());
    hand.step(0, vec![agent(1, "a"), workflow(2, 0, "kid")]);
    loaded(&mut hand, 2, "kid");
    hand.step(1, vec![in_frame(1, agent(3, "b"))]);
    assert_eq!(hand.thrown_to(3).kind, ThrowKind::AgentLimit);
}

#[test]
fn c53_a_child_is_loaded_again_if_the_process_died_before_it_was() {
    let mut hand = Hand::new();
    hand.step(0, vec![workflow(1, 0, "kid")]);
    let resumed = Hand::resumed(&hand.journal, Resumption::default());
    assert!(resumed.effects.iter().any(|effect| matches!(effect, Effect::LoadWorkflow { .. })));

    loaded(&mut hand, 1, "kid");
    let resumed = Hand::resumed(&hand.journal, Resumption::default());
    assert!(!resumed.effects.iter().any(|effect| matches!(effect, Effect::LoadWorkflow { .. })));
    assert!(matches!(resumed.told_to(1), Some(Payload::Child(_))));
}
