//! The run's side of caps: what the purse is opened with, who does not start, who waits for a larger cap,
//! what a crash leaves behind (C43, C51, C52, C63).

use super::*;
use baya_core::agent::UsageSource;
use baya_core::budget::{Caps, OnBudget, PurseState};
use baya_core::call::{ScriptError, ScriptErrorKind, ThrowKind};
use baya_core::event::RunStatus;
use baya_core::money::NanoUsd;
use baya_core::op::Op;
use baya_core::run::Life;
use baya_core::turn::{TurnCost, TurnRecord};

fn capped(caps: Caps) -> Limits {
    Limits { caps: Box::new(caps), concurrency: 1, ..Limits::default() }
}

fn tokens(tokens: u64) -> Limits {
    capped(Caps { tokens: Some(tokens), ..Caps::default() })
}

fn pausing(limits: Limits) -> Limits {
    Limits { on_budget: OnBudget::Pause, ..limits }
}

/// A run whose script has phases with budgets.
fn with_phases(phases: Value, limits: Limits) -> Hand {
    let mut script = script("main");
    script.meta["phases"] = phases;
    Hand::of(script, limits)
}

fn in_phase(id: u64, prompt: &str, phase: &str) -> Call {
    agent_with(id, prompt, json!({ "phase": phase }))
}

fn out_of_budget() -> AttemptEnd {
    AttemptEnd::Failed(Cause::new(CauseKind::Budget, "the budget of $5.00 leaves no room"))
}

fn used(output: u64) -> Usage {
    Usage { output, source: UsageSource::Reported, cost: NanoUsd(output), ..Usage::default() }
}

fn answered(output: u64) -> TurnRecord {
    let cost = TurnCost { usage: used(output), requests: 1, ..TurnCost::default() };
    TurnRecord::Answered {
        model: "p/m".to_owned(),
        content: json!("…"),
        calls: Vec::new(),
        is_cut: false,
        cost,
    }
}

fn holding(output: u64) -> TurnRecord {
    TurnRecord::Holding { most: Usage { output, ..Usage::default() } }
}

impl Hand {
    fn turn(&mut self, agent: u32, turn: TurnRecord) {
        let attempt = self.tasks().iter().filter(|task| task.agent.0 == agent).map(|task| task.attempt).max();
        let attempt = attempt.expect("the agent was started");
        self.input(Input::AgentTurn { agent: AgentNumber(agent), attempt, turn });
    }

    fn purses(&self) -> Vec<&PurseState> {
        let opened = self.effects.iter().filter_map(|effect| match effect {
            Effect::OpenPurse(purse) => Some(&**purse),
            _ => None,
        });
        opened.collect()
    }

    fn cancelled(&self) -> Vec<u32> {
        let cancelled = self.effects.iter().filter_map(|effect| match effect {
            Effect::CancelAgent { agent, .. } => Some(agent.0),
            _ => None,
        });
        cancelled.collect()
    }

    fn woken_at(&mut self, now_ms: i64) {
        self.now_ms = now_ms - 10;
        self.input(Input::WakeDue);
    }

    fn waits_for(&self) -> Option<&Cause> {
        match &self.run.state().life {
            Life::Parked { cause, .. } => Some(cause),
            _ => None,
        }
    }

    fn die_of_limit(&mut self) {
        let error = ScriptError {
            kind: ScriptErrorKind::Limit,
            name: "Error".to_owned(),
            message: "budget".to_owned(),
            site: None,
            stack: Vec::new(),
        };
        self.step_to(1, Vec::new(), StepState::Threw { error });
    }
}

#[test]
fn c52_no_purse_is_opened_where_no_cap_counts_requests() {
    assert_eq!(Hand::new().purses(), Vec::<&PurseState>::new());
    let time_only = Caps { wall_ms: Some(1_000), agents: Some(3), ..Caps::default() };
    assert_eq!(Hand::with(capped(time_only), surroundings()).purses().len(), 0);
    assert_eq!(with_phases(json!([{"title": "A", "budget": 10}]), Limits::default()).purses().len(), 1);
    let total = Limits { budget_tokens: Some(9), ..Limits::default() };
    assert_eq!(Hand::with(total, surroundings()).purses()[0].total, Some(9));
}

#[test]
fn c52_a_purse_is_opened_with_what_the_whole_run_spent() {
    let phases = json!([{"title": "A", "budget": {"tokens": 1000}}]);
    let mut hand = with_phases(phases, Limits { concurrency: 8, ..tokens(5_000) });
    let calls =
        vec![in_phase(1, "a", "A"), agent_with(2, "b", json!({"label": "b 1"})), in_phase(3, "c", "A")];
    hand.step(0, calls);
    hand.report(1, AttemptEnd::Answered(Answer::Text("x".to_owned())), 7);
    hand.turn(2, answered(30));
    hand.turn(3, answered(100));

    let resumed = Hand::resumed(&hand.journal, Resumption::default());
    let purse = resumed.purses()[0];
    assert_eq!((purse.run.tokens, purse.run_spent.output, purse.at_once), (Some(5_000), 137, 8));
    assert_eq!(purse.phases["A"].1.output, 107);
    assert_eq!(purse.outputs, [("b *".to_owned(), vec![30]), ("c".to_owned(), vec![100])].into());
    let agents: Vec<(u32, u64)> = purse.agents_spent.iter().map(|(n, usage)| (n.0, usage.output)).collect();
    assert_eq!(agents, [(2, 30), (3, 100)]);
}

#[test]
fn c52_whose_account_is_used_up_does_not_start_and_the_cap_is_named() {
    let check = |caps: Caps, usage: Usage, message: &str| {
        let mut hand = Hand::with(capped(caps), surroundings());
        hand.step(0, vec![agent(1, "a"), agent(2, "b")]);
        let end = AttemptEnd::Answered(Answer::Text("x".to_owned()));
        let report = AttemptReport { usage, ..AttemptReport::new(end) };
        hand.input(Input::AgentEnded { agent: AgentNumber(1), attempt: 1, report });
        assert_eq!(hand.thrown_to(2), &Thrown { kind: ThrowKind::Budget, message: message.to_owned() });
        hand.step(1, vec![agent(3, "c")]);
        assert_eq!(hand.thrown_to(3).message, message);
        assert_eq!(hand.prompts(), ["a"]);
    };
    let usage = Usage { input: 10, cache_read: 20, cache_write: 5, ..used(40) };
    let cap = |cap: u64| Some(cap);
    check(
        Caps { tokens: cap(75), ..Caps::default() },
        usage,
        "the budget of 75 tokens is used up (75 tokens spent); `--budget-tokens` raises it",
    );
    check(
        Caps { input: cap(15), ..Caps::default() },
        usage,
        "the budget of 15 input tokens is used up (15 input tokens spent); `--budget-input` raises it",
    );
    check(
        Caps { output: cap(39), ..Caps::default() },
        usage,
        "the budget of 39 output tokens is used up (40 output tokens spent); `--budget-output` raises it",
    );
    check(
        Caps { cache: cap(25), ..Caps::default() },
        usage,
        "the budget of 25 cache tokens is used up (25 cache tokens spent); `--budget-cache` raises it",
    );
    check(
        Caps { cost: Some(NanoUsd(2_000_000_000)), ..Caps::default() },
        Usage { cost: NanoUsd(2_500_000_000), ..usage },
        "the budget of $2.00 is used up ($2.50 spent); `--budget-usd` raises it",
    );
}

#[test]
fn c52_the_budget_of_a_phase_ends_that_phase_alone() {
    let mut hand = with_phases(json!([{"title": "A", "budget": 5}]), Limits::default());
    hand.step(0, vec![in_phase(1, "a", "A")]);
    hand.report(1, AttemptEnd::Answered(Answer::Text("x".to_owned())), 6);
    hand.step(1, vec![in_phase(2, "b", "A"), in_phase(3, "c", "B")]);
    assert_eq!(hand.prompts(), ["a", "c"]);
    assert_eq!(
        hand.thrown_to(2).message,
        "the budget of 5 output tokens of phase `A` is used up (6 output tokens spent); \
         `meta.phases[].budget` of the script raises it"
    );
}

#[test]
fn c52_agents_are_capped_in_the_run_and_in_a_phase() {
    let mut hand = with_phases(json!([{"title": "A", "budget": {"agents": 1}}]), Limits::default());
    hand.step(0, vec![in_phase(1, "a", "A"), in_phase(2, "b", "A"), in_phase(3, "c", "B")]);
    assert_eq!(hand.prompts(), ["a", "c"]);
    assert_eq!(hand.thrown_to(2).kind, ThrowKind::AgentLimit);
    assert_eq!(
        hand.thrown_to(2).message,
        "phase `A` may use 1 agents and has asked for all of them; `meta.phases[].budget` of the script raises it"
    );
    let mut hand = Hand::with(capped(Caps { agents: Some(1), ..Caps::default() }), surroundings());
    hand.step(0, vec![agent(1, "a"), agent(2, "b")]);
    assert_eq!(hand.thrown_to(2).kind, ThrowKind::AgentLimit);
}

#[test]
fn c43_a_cap_reached_on_the_way_throws_and_leaves_the_counting_to_one_line() {
    let mut hand = Hand::with(Limits { concurrency: 2, ..tokens(1_000) }, surroundings());
    hand.step(0, vec![agent(1, "a"), agent(2, "b")]);
    hand.report(1, out_of_budget(), 3);
    hand.report(2, out_of_budget(), 3);
    assert_eq!(hand.thrown_to(1).kind, ThrowKind::Budget);
    assert_eq!(hand.logs(), Vec::<&str>::new());
    assert_eq!(hand.run.failures().causes, [("budget reached".to_owned(), 2)]);
    hand.die_of_limit();
    assert_eq!(hand.run.end().expect("it ended").status, RunStatus::Budget);
}

#[test]
fn c52_a_run_that_pauses_keeps_its_turns_and_goes_on_with_a_larger_cap() {
    let mut hand = Hand::with(pausing(tokens(1_000)), surroundings());
    hand.step(0, vec![agent(1, "a"), agent(2, "b")]);
    hand.turn(1, answered(600));
    hand.report(1, out_of_budget(), 0);
    assert_eq!(hand.waits_for().map(|cause| cause.kind), Some(CauseKind::Budget));
    assert!(hand.run.is_over());
    assert_eq!(hand.told(), Vec::<&Delivery>::new(), "nobody hears of it");

    let larger = Resumption { limits: Some(pausing(tokens(2_000))), ..Resumption::default() };
    let mut resumed = Hand::resumed(&hand.journal, larger);
    assert_eq!(resumed.run.state().generation, 0, "the script starts nothing anew");
    let purse = resumed.purses()[0];
    assert_eq!((purse.run.tokens, purse.run_spent.output), (Some(2_000), 600));
    let task = resumed.tasks()[0];
    assert_eq!((task.prompt.as_str(), task.attempt, task.turns.len()), ("a", 2, 1));
    resumed.answer(1, "x");
    assert_eq!(resumed.told_to(1), Some(&Payload::Value(json!("x"))));
}

#[test]
fn c52_a_run_that_pauses_parks_before_an_agent_that_cannot_be_paid() {
    let mut hand = Hand::with(pausing(tokens(5)), surroundings());
    hand.step(0, vec![agent(1, "a"), agent(2, "b")]);
    hand.answer(1, "costs 5");
    assert_eq!(hand.prompts(), ["a"]);
    let cause = hand.waits_for().expect("it is parked");
    assert_eq!(cause.message, "the budget of 5 tokens is used up (5 tokens spent)");
    assert_eq!(cause.hint.as_deref(), Some("`--budget-tokens` raises it"));
    let larger = Resumption { limits: Some(pausing(tokens(50))), ..Resumption::default() };
    assert_eq!(Hand::resumed(&hand.journal, larger).prompts(), ["b"]);
}

#[test]
fn c52_a_resume_with_too_small_a_cap_is_refused_before_it_starts() {
    let mut hand = Hand::with(pausing(tokens(1_000)), surroundings());
    hand.step(0, vec![agent(1, "a")]);
    hand.turn(1, answered(600));
    let check = |hand: &Hand, limits: Option<Limits>, expected: Option<&str>| {
        let resumption = Resumption { limits, ..Resumption::default() };
        let refused = hand.run.check_caps(&resumption).err();
        let said = refused.map(|used_up| format!("{}; {}", used_up.message, used_up.hint));
        assert_eq!(said.as_deref(), expected);
    };
    check(&hand, None, None);
    let below = "the budget of 500 tokens is used up (600 tokens spent); `--budget-tokens` raises it";
    check(&hand, Some(tokens(500)), Some(below));
    hand.report(1, out_of_budget(), 0);
    let waits = "the budget of $5.00 leaves no room; a larger cap lets it go on";
    check(&hand, None, Some(waits));
    check(&hand, Some(pausing(tokens(1_000))), Some(waits));
    check(&hand, Some(pausing(tokens(600))), Some(&below.replace("500", "600")));
    check(&hand, Some(pausing(tokens(2_000))), None);
}

#[test]
fn c63_what_failed_for_want_of_budget_is_asked_again_and_keeps_its_turns() {
    let mut hand = Hand::with(tokens(1_000), surroundings());
    hand.step(0, vec![agent(1, "a")]);
    hand.turn(1, answered(600));
    hand.report(1, out_of_budget(), 0);
    hand.die_of_limit();
    let larger = Resumption { limits: Some(tokens(2_000)), ..Resumption::default() };
    let mut resumed = Hand::resumed(&hand.journal, larger);
    resumed.step(0, vec![agent(1, "a"), agent(2, "a")]);
    let task = resumed.tasks()[0];
    assert_eq!((task.agent.0, task.turns.clone()), (2, vec![answered(600)]));
    resumed.answer(2, "x");
    assert_eq!(resumed.tasks()[1].turns, [], "only one of them came so far");
    assert_eq!(resumed.run.state().usage.output, 605);
}

#[test]
fn c52_what_was_out_when_the_driver_died_counts_as_spent() {
    let mut hand = Hand::with(Limits { concurrency: 3, ..tokens(1_000) }, surroundings());
    hand.step(0, vec![agent(1, "a"), agent(2, "b"), agent(3, "c")]);
    hand.turn(1, holding(100));
    hand.turn(2, holding(100));
    hand.turn(2, answered(30));
    hand.turn(3, holding(100));
    hand.turn(3, holding(70));
    assert_eq!(hand.run.state().usage.output, 30);

    let resumed = Hand::resumed(&hand.journal, Resumption::default());
    let state = resumed.run.state();
    assert_eq!((state.usage.output, state.usage.source), (200, UsageSource::Estimated));
    assert_eq!(state.spent.may_be_billed.output, 170);
    assert_eq!(resumed.purses()[0].run_spent.output, 200);
    assert_eq!(resumed.tasks()[0].turns, [], "a hold is no turn");
    let again = Hand::resumed(&resumed.journal, Resumption::default());
    assert_eq!(again.run.state().usage.output, 200, "only once");
    let mut view = baya_core::view::RunView::default();
    again.journal.iter().for_each(|recorded| view.apply(recorded));
    assert_eq!((view.usage, view.may_be_billed), (state.usage, state.spent.may_be_billed));
}

#[test]
fn c52_what_is_out_when_the_run_ends_counts_as_spent() {
    let mut hand = Hand::with(Limits { concurrency: 3, ..tokens(1_000) }, surroundings());
    hand.step(0, vec![agent(1, "a")]);
    hand.turn(1, holding(100));
    hand.step_to(0, Vec::new(), StepState::Done { value: None, notes: Vec::new() });
    hand.report(1, AttemptEnd::Cancelled, 40);
    assert_eq!(hand.run.state().usage.output, 100, "what is said after the end is not written down");
}

#[test]
fn c52_the_time_of_a_run_ends_its_agents() {
    let caps = Caps { wall_ms: Some(60_000), ..Caps::default() };
    let mut hand = Hand::with(Limits { concurrency: 2, ..capped(caps) }, surroundings());
    assert!(hand.effects.contains(&Effect::Wake { at_ms: 61_000 }));
    hand.step(0, vec![agent(1, "a"), agent(2, "b"), agent(3, "c")]);
    hand.woken_at(60_999);
    assert_eq!(hand.cancelled(), Vec::<u32>::new());
    hand.woken_at(61_000);
    assert_eq!(hand.cancelled(), [1, 2]);
    let message = "the time of 1 min is used up; `--max-time` raises it";
    assert_eq!(hand.thrown_to(3), &Thrown { kind: ThrowKind::Budget, message: message.to_owned() });
    hand.report(1, AttemptEnd::Cancelled, 1);
    assert_eq!(hand.thrown_to(1).message, format!("agent #1 `a`: {message}"));
    hand.answer(2, "just in time");
    assert_eq!(hand.told_to(2), Some(&Payload::Value(json!("just in time"))));
}

#[test]
fn c52_the_time_of_a_phase_begins_with_its_first_agent() {
    let mut hand = with_phases(json!([{"title": "A", "budget": {"wallMs": 1000}}]), Limits::default());
    hand.now_ms = 50_000 - 10;
    hand.step(0, vec![in_phase(1, "a", "A"), agent(2, "b")]);
    assert!(hand.effects.contains(&Effect::Wake { at_ms: 51_000 }));
    hand.woken_at(51_000);
    assert_eq!(hand.cancelled(), [1]);
    hand.report(1, AttemptEnd::Cancelled, 0);
    let message = "the time of 1 s of phase `A` is used up; `meta.phases[].budget` of the script raises it";
    assert_eq!(hand.thrown_to(1).message, format!("agent #1 `a`: {message}"));
}

#[test]
fn c52_time_at_rest_does_not_count() {
    let caps = Caps { wall_ms: Some(60_000), ..Caps::default() };
    let mut hand = Hand::with(pausing(capped(caps.clone())), surroundings());
    hand.step(0, vec![agent(1, "a")]);
    hand.now_ms = 31_000 - 10;
    hand.input(Input::Op(Op::Pause { by: "me".to_owned() }));
    hand.now_ms = 500_000 - 10;
    hand.input(Input::Op(Op::Continue { by: "me".to_owned() }));
    assert!(hand.effects.contains(&Effect::Wake { at_ms: 530_000 }));
    // Dead here; resumed at 9 000 000.
    hand.now_ms = 510_000 - 10;
    hand.turn(1, answered(1));
    let mut run = Run::load(&hand.journal);
    let resumption = Resumption { surroundings: surroundings(), fence: 2, pid: 2, ..Resumption::default() };
    let batch = run.resume(resumption, 9_000_000);
    assert!(batch.effects.contains(&Effect::Wake { at_ms: 9_020_000 }));
    let mut hand = Hand { run, journal: hand.journal, effects: Vec::new(), now_ms: 9_000_000 };
    hand.take(batch);
    hand.woken_at(9_020_000);
    hand.report(1, AttemptEnd::Cancelled, 0);
    assert_eq!(hand.waits_for().map(|cause| cause.kind), Some(CauseKind::Budget));
    let more = pausing(capped(Caps { wall_ms: Some(90_000), ..caps }));
    let resumed = Hand::resumed(&hand.journal, Resumption { limits: Some(more), ..Resumption::default() });
    assert_eq!(resumed.tasks()[0].turns.len(), 1, "it goes on where it was");
}

#[test]
fn c53_children_are_paid_from_the_same_purse() {
    let mut hand = Hand::with(tokens(5), surroundings());
    let target = baya_core::call::WorkflowTarget::Name("child".to_owned());
    let kind = CallKind::Workflow { target, args: None };
    hand.step(0, vec![Call { id: CallId(1), frame: FrameId::MAIN, site: None, kind }]);
    let generation = hand.run.state().generation;
    let loaded = Ok(Box::new(script("child")));
    hand.input(Input::WorkflowLoaded { generation, call: CallId(1), loaded });
    hand.step(1, vec![Call { frame: FrameId(1), ..agent(2, "in the child") }]);
    hand.answer(1, "costs 5");
    hand.step(1, vec![agent(3, "after it")]);
    assert_eq!(hand.thrown_to(3).kind, ThrowKind::Budget);
    assert_eq!(hand.run.state().spent.phases["▸ child"].output, 5);
}
