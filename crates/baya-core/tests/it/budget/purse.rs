//! The purse by hand: who goes out with how much, who waits, who hears of the end.

use baya_core::agent::{Usage, UsageSource};
use baya_core::budget::{Ask, Caps, HoldId, Place, Purse, PurseState, Reply, phase_caps};
use baya_core::ids::AgentNumber;
use baya_core::money::{NanoUsd, Price};
use serde_json::json;
use std::collections::BTreeMap;

/// $1 for a million tokens sent, $5 for a million answered.
const PRICE: Price =
    Price { input: 1_000_000_000, output: 5_000_000_000, cache_read: 0, cache_write: 0, cache_write_long: 0 };

fn output_cap(cap: u64) -> Caps {
    Caps { output: Some(cap), ..Caps::default() }
}

fn open(run: Caps, at_once: u32) -> Purse {
    Purse::open(PurseState { run, at_once, ..PurseState::default() })
}

fn ask(agent: u32) -> Ask {
    Ask {
        agent: AgentNumber(agent),
        phase: None,
        label: "review".to_owned(),
        caps: Caps::default(),
        input_most: 100,
        output_wanted: None,
        output_most: Some(20_000),
        price: Some(PRICE),
    }
}

fn wants(agent: u32, output: u64) -> Ask {
    Ask { output_wanted: Some(output), ..ask(agent) }
}

fn used(input: u64, output: u64) -> Usage {
    let mut usage = Usage { input, output, source: UsageSource::Reported, ..Usage::default() };
    usage.charge(Some(&PRICE));
    usage
}

fn held(reply: Reply) -> (HoldId, u64) {
    match reply {
        Reply::Held { hold, output_max } => (hold, output_max),
        other => panic!("{other:?}"),
    }
}

fn waits(reply: Reply) -> (Place, String) {
    match reply {
        Reply::Waits { place, cap } => (place, cap),
        other => panic!("{other:?}"),
    }
}

fn reached(reply: Reply) -> String {
    match reply {
        Reply::Reached { cap, hint } => format!("{cap} ({hint})"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn c52_requests_at_work_together_do_not_overshoot_together() {
    let mut purse = open(output_cap(1_000), 8);
    let (first, _) = held(purse.ask(&wants(1, 600)));
    let (place, cap) = waits(purse.ask(&wants(2, 600)));
    assert_eq!(cap, "the budget of 1000 output tokens");
    assert_eq!(purse.serve(), []);
    purse.settle(first, &used(100, 300));
    let served = purse.serve();
    assert_eq!(served.len(), 1);
    assert_eq!(served[0].0, place);
    let (second, output_max) = held(served[0].1.clone());
    assert_eq!(output_max, 600);
    purse.settle(second, &used(100, 600));
    assert_eq!(held(purse.ask(&wants(3, 600))).1, 100, "the rest");
    assert_eq!(purse.held(), 1);
}

#[test]
fn c52_who_will_never_fit_hears_so_at_once_and_in_words() {
    let dollars = |cents: u64| Caps { cost: Some(NanoUsd(cents * 10_000_000)), ..Caps::default() };
    let check = |caps: Caps, ask: Ask, expected: &str| {
        assert_eq!(reached(open(caps, 8).ask(&ask)), expected);
    };
    check(output_cap(15), ask(1), "the budget of 15 output tokens (`--budget-output` raises it)");
    check(
        Caps { tokens: Some(110), ..Caps::default() },
        ask(1),
        "the budget of 110 tokens (`--budget-tokens` raises it)",
    );
    check(
        Caps { input: Some(99), ..Caps::default() },
        ask(1),
        "the budget of 99 input tokens (`--budget-input` raises it)",
    );
    check(
        Caps { cache: Some(99), ..Caps::default() },
        ask(1),
        "the budget of 99 cache tokens (`--budget-cache` raises it)",
    );
    check(
        dollars(500),
        Ask { input_most: 5_000_000, ..ask(1) },
        "the budget of $5.00 (`--budget-usd` raises it)",
    );
    check(
        dollars(500),
        Ask { price: None, ..ask(1) },
        "the budget of $5.00: its model has no known price (`baya prices` says how to give it one)",
    );
    let own = Ask { caps: output_cap(10), ..ask(7) };
    check(
        Caps::default(),
        own,
        "the budget of 10 output tokens of agent #7 (the options of its call raise it)",
    );
    let phases = BTreeMap::from([("Review".to_owned(), (output_cap(10), Usage::default()))]);
    let mut purse = Purse::open(PurseState { phases, ..PurseState::default() });
    let in_phase = Ask { phase: Some("Review".to_owned()), ..ask(1) };
    let expected =
        "the budget of 10 output tokens of phase `Review` (`meta.phases[].budget` of the script raises it)";
    assert_eq!(reached(purse.ask(&in_phase)), expected);
    let mut total = Purse::open(PurseState { total: Some(15), ..PurseState::default() });
    assert_eq!(reached(total.ask(&ask(1))), "the budget of 15 output tokens (`--budget` raises it)");
    held(purse.ask(&ask(2)));
}

#[test]
fn c52_dollars_and_tokens_of_all_classes_bound_the_output() {
    let cents_5 = Caps { cost: Some(NanoUsd(50_000_000)), ..Caps::default() };
    // $0.05 less $0.001 for what is sent, at $5 a million.
    assert_eq!(held(open(cents_5, 1).ask(&Ask { input_most: 1_000, ..ask(1) })).1, 9_800);
    let tokens = Caps { tokens: Some(700), ..Caps::default() };
    assert_eq!(held(open(tokens, 1).ask(&ask(1))).1, 600);
    let no_cap_on_output = Caps { input: Some(700), ..Caps::default() };
    assert_eq!(held(open(no_cap_on_output, 1).ask(&ask(1))).1, 20_000);
    let unknown = Ask { output_most: None, ..ask(1) };
    assert_eq!(held(open(Caps::default(), 1).ask(&unknown)).1, u64::MAX);
}

#[test]
fn c52_nobody_is_cut_to_a_stub_by_what_others_hold() {
    let mut purse = open(output_cap(5_000), 1);
    let (first, _) = held(purse.ask(&wants(1, 4_500)));
    let (_, cap) = waits(purse.ask(&ask(2)));
    assert_eq!(cap, "the budget of 5000 output tokens");
    purse.settle(first, &used(0, 4_400));
    assert_eq!(held(purse.serve()[0].1.clone()).1, 600, "with nothing held there is no more");
}

#[test]
fn c52_who_waits_first_is_served_first() {
    let mut purse = open(output_cap(2_000), 8);
    let (first, _) = held(purse.ask(&wants(1, 1_500)));
    let (big, _) = waits(purse.ask(&wants(2, 1_400)));
    let (small, _) = waits(purse.ask(&wants(3, 50)));
    assert_eq!(purse.serve(), [], "the small one would fit, but the big one was first");
    purse.settle(first, &used(0, 100));
    let served: Vec<Place> = purse.serve().into_iter().map(|(place, _)| place).collect();
    assert_eq!(served, [big, small]);
}

#[test]
fn c52_of_agents_that_do_the_same_the_smallest_begins_first() {
    let mut purse = open(output_cap(35_000), 8);
    let sends = |agent, input_most| Ask { input_most, ..wants(agent, 4_000) };
    let (first, _) = held(purse.ask(&sends(1, 100)));
    let (large, _) = waits(purse.ask(&sends(2, 900)));
    let (other, _) = waits(purse.ask(&Ask { label: "judge".to_owned(), ..sends(3, 10) }));
    let (small, _) = waits(purse.ask(&sends(4, 50)));
    let next = |hold, purse: &mut Purse| {
        purse.settle(hold, &used(50, 100));
        let served = purse.serve();
        assert_eq!(served.len(), 1);
        (served[0].0, held(served[0].1.clone()).0)
    };
    let (place, hold) = next(first, &mut purse);
    assert_eq!(place, small, "it takes the turn of the first one like it");
    let (place, hold) = next(hold, &mut purse);
    assert_eq!(place, other, "the large one has the turn of the small one");
    let (again, _) = held(purse.ask(&sends(4, 2_000)));
    purse.release(again);
    assert_eq!(next(hold, &mut purse).0, large);
}

#[test]
fn c52_who_is_cut_keeps_its_turn_until_its_answer_is_out_of_proportion() {
    let outputs = BTreeMap::from([("review".to_owned(), vec![300; 100])]);
    let run = output_cap(10_000);
    let mut purse = Purse::open(PurseState { run, outputs, at_once: 100, ..PurseState::default() });
    held(purse.ask(&wants(9, 4_000)));
    let (first, limit) = held(purse.ask(&ask(1)));
    assert_eq!(limit, 2_400);
    waits(purse.ask(&wants(2, 5_000)));
    purse.settle(first, &used(100, 2_400));
    let (second, limit) = held(purse.ask(&ask(1)));
    assert_eq!(limit, 600, "it goes on before the one that waits");
    purse.settle(second, &used(100, 600));
    waits(purse.ask(&ask(1)));
}

#[test]
fn c52_who_waits_in_one_phase_holds_up_no_other() {
    let phases = BTreeMap::from([("A".to_owned(), (output_cap(1_000), Usage::default()))]);
    let run = output_cap(10_000);
    let mut purse = Purse::open(PurseState { run, phases, at_once: 8, ..PurseState::default() });
    let in_a = |agent| Ask { phase: Some("A".to_owned()), ..wants(agent, 800) };
    held(purse.ask(&in_a(1)));
    let (_, cap) = waits(purse.ask(&in_a(2)));
    assert_eq!(cap, "the budget of 1000 output tokens of phase `A`");
    held(purse.ask(&wants(3, 800)));
}

#[test]
fn c52_who_leaves_the_line_makes_way() {
    let mut purse = open(output_cap(1_000), 8);
    held(purse.ask(&wants(1, 500)));
    let (big, _) = waits(purse.ask(&wants(2, 800)));
    let (small, _) = waits(purse.ask(&wants(3, 50)));
    purse.leave(big);
    assert_eq!(purse.serve()[0].0, small);
    assert_eq!(purse.waiting(), 0);
}

#[test]
fn c52_more_used_than_held_is_spent_and_stops_the_rest() {
    let mut purse = open(Caps { tokens: Some(1_000), ..Caps::default() }, 8);
    let (first, _) = held(purse.ask(&wants(1, 100)));
    waits(purse.ask(&wants(2, 800)));
    purse.settle(first, &used(1_200, 100));
    assert_eq!(
        reached(purse.serve()[0].1.clone()),
        "the budget of 1000 tokens (`--budget-tokens` raises it)"
    );
    assert_eq!((purse.readings()[0].spent, purse.held()), (1_300, 0));
}

#[test]
fn c52_what_is_held_for_an_answer_follows_answers_of_its_kind() {
    let check = |outputs: Vec<u64>, expected| {
        let outputs = BTreeMap::from([("review *".to_owned(), outputs)]);
        let state = PurseState { run: output_cap(10_000), outputs, at_once: 100, ..PurseState::default() };
        let asked = Ask { label: "review src/a.rs".to_owned(), ..ask(1) };
        assert_eq!(held(Purse::open(state).ask(&asked)).1, expected);
    };
    check(vec![], 4_096);
    check(vec![10; 7], 4_096);
    check(vec![10; 8], 256);
    check((1..=100).map(|i| i * 10).collect(), 950);
}

#[test]
fn c52_a_cut_answer_counts_as_twice_as_long() {
    let mut purse = open(output_cap(1_000_000), 1_000);
    for _ in 0..8 {
        let (hold, output_max) = held(purse.ask(&ask(1)));
        purse.settle(hold, &used(0, output_max));
    }
    let (hold, output_max) = held(purse.ask(&ask(1)));
    assert!(output_max > 8_192, "{output_max}");
    purse.release(hold);
    assert_eq!(purse.held(), 0);
}

#[test]
fn c52_more_is_held_where_there_is_plenty() {
    let mut purse = open(output_cap(800_000), 8);
    let mut output = |agent| held(purse.ask(&Ask { output_most: Some(64_000), ..ask(agent) })).1;
    assert_eq!(output(1), 64_000, "all that its model can answer");
    let others: Vec<u64> = (2..=8).map(&mut output).collect();
    assert!(others.iter().all(|output| *output >= 8 * 4_096), "{others:?}");
}

#[test]
fn c52_who_begins_beside_others_leaves_room_to_go_on() {
    let mut purse = open(output_cap(10_000), 8);
    let (first, _) = held(purse.ask(&wants(1, 1_000)));
    held(purse.ask(&wants(2, 1_000)));
    assert_eq!(purse.readings()[0].held, 9_000);
    let (third, _) = waits(purse.ask(&wants(3, 1_000)));
    purse.settle(first, &used(0, 500));
    assert_eq!(purse.serve(), [], "it has not begun");
    held(purse.ask(&wants(1, 700)));
    assert_eq!(purse.readings()[0].held, 8_000 + 2 * 700, "who has begun needs less, and goes first");
    purse.leave(third);
}

#[test]
fn c52_budgets_of_phases_are_read_from_meta() {
    let meta = json!({"phases": [
        {"title": "A", "budget": 5000},
        {"title": "B"},
        {"title": "C", "budget": {"usd": 0.5, "agents": 3, "wallMs": 1000, "tokens": 7}}
    ]});
    let expected = BTreeMap::from([
        ("A".to_owned(), output_cap(5_000)),
        (
            "C".to_owned(),
            Caps {
                cost: Some(NanoUsd(500_000_000)),
                agents: Some(3),
                wall_ms: Some(1_000),
                tokens: Some(7),
                ..Caps::default()
            },
        ),
    ]);
    assert_eq!(phase_caps(&meta), Ok(expected));
    let check = |budget: serde_json::Value, message: &str| {
        let meta = json!({"phases": [{"title": "A", "budget": budget}]});
        assert_eq!(phase_caps(&meta).unwrap_err(), message);
    };
    check(json!("much"), "`meta.phases.0.budget`: a number of output tokens, or an object of caps");
    check(json!(0.5), "`meta.phases.0.budget`: `0.5` is no whole number from 1");
    check(json!({"tokens": -1}), "`meta.phases.0.budget`.tokens: `-1` is no whole number from 1");
    check(json!({"usd": 0}), "`meta.phases.0.budget`.usd: `0` is no amount of dollars above 0");
    check(
        json!({"dollars": 1}),
        "`meta.phases.0.budget`: there is no cap `dollars`; there are `tokens`, `output`, `input`, `cache`, \
         `usd`, `agents` and `wallMs`",
    );
}
