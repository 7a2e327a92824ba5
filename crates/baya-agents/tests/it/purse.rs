//! The shared purse: who waits, who is called, and what becomes of room that nobody settles.

use baya_agents::purse::{Held, SharedPurse};
use baya_core::agent::{Cause, CauseKind, Usage, UsageSource, Wait};
use baya_core::budget::{Ask, Caps, Currency, PurseState};
use baya_core::ids::AgentNumber;
use baya_core::money::{NanoUsd, Price, PriceTable};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex};

const PRICE: Price =
    Price { input: 1_000_000_000, output: 1_000_000_000, cache_read: 0, cache_write: 0, cache_write_long: 0 };

fn ask(agent: u32, input_most: u64, output: u64) -> Ask {
    Ask {
        agent: AgentNumber(agent),
        phase: None,
        label: format!("agent {agent}"),
        caps: Caps::default(),
        input_most,
        output_wanted: Some(output),
        output_most: None,
        price: Some(PRICE),
    }
}

fn opened(run: Caps) -> SharedPurse {
    let purse = SharedPurse::new(PriceTable::default());
    purse.open(PurseState { run, at_once: 8, ..PurseState::default() });
    purse
}

fn tokens(cap: u64) -> SharedPurse {
    opened(Caps { tokens: Some(cap), ..Caps::default() })
}

fn used(input: u64, output: u64) -> Usage {
    Usage { input, output, source: UsageSource::Reported, ..Usage::default() }
}

type Hold<'a> = BoxFuture<'a, Result<Held, Cause>>;

/// A request that waits, as its owner polls it.
fn waiting(purse: &SharedPurse, ask: Ask) -> (Hold<'_>, Arc<Mutex<Vec<Wait>>>) {
    let waits = Arc::new(Mutex::new(Vec::new()));
    let heard = waits.clone();
    let hold = async move { purse.hold(ask, &move |wait| heard.lock().expect("waits").push(wait)).await };
    (hold.boxed(), waits)
}

async fn held(purse: &SharedPurse, ask: Ask) -> Held {
    purse.hold(ask, &|_| {}).await.expect("there is room")
}

fn is_pending(hold: &mut Hold<'_>) -> bool {
    hold.as_mut().now_or_never().is_none()
}

#[tokio::test]
async fn a_run_without_caps_is_never_held_up() {
    for purse in [SharedPurse::default(), opened(Caps::default())] {
        let held = held(&purse, ask(1, 1_000_000, 1_000_000)).await;
        assert_eq!((held.output_max, held.most()), (None, None));
        assert_eq!(purse.open_and_waiting(), (0, 0));
    }
}

#[tokio::test]
async fn c52_who_does_not_fit_for_others_waits_and_is_called_in_order() {
    let purse = tokens(1_000);
    let first = held(&purse, ask(1, 500, 400)).await;
    let (mut second, waits) = waiting(&purse, ask(2, 300, 300));
    let (mut third, _) = waiting(&purse, ask(3, 10, 20));
    assert!(is_pending(&mut second) && is_pending(&mut third), "nobody overtakes");
    assert_eq!(*waits.lock().expect("waits"), [Wait::Budget { cap: "the budget of 1000 tokens".to_owned() }]);
    first.settle(&used(200, 100));
    let second = second.await.expect("room");
    assert_eq!(second.output_max, Some(300));
    assert!(is_pending(&mut third), "who begins takes room for more than one request");
    second.settle(&used(100, 100));
    let third = third.await.expect("room");
    assert_eq!(third.output_max, Some(20));
    assert_eq!(purse.open_and_waiting(), (1, 0));
}

#[tokio::test]
async fn c52_who_never_fits_hears_which_cap_and_what_raises_it() {
    let purse = tokens(1_000);
    let first = held(&purse, ask(1, 500, 100)).await;
    let (mut second, _) = waiting(&purse, ask(2, 700, 100));
    assert!(is_pending(&mut second));
    first.settle(&used(400, 100));
    let cause = second.await.err().expect("no room");
    assert_eq!(cause.kind, CauseKind::Budget);
    assert_eq!(
        cause.message,
        "the budget of 1000 tokens has no room for another request: 500 tokens spent, it sends up to 700 tokens"
    );
    assert_eq!(cause.hint.as_deref(), Some("`--budget-tokens` raises it"));
}

#[tokio::test]
async fn a_cap_below_one_request_says_so() {
    let cause = tokens(100).hold(ask(1, 700, 100), &|_| {}).await.err().expect("no room");
    assert_eq!(
        cause.message,
        "the budget of 100 tokens is less than one request may take: it sends up to 700 tokens"
    );
}

#[tokio::test]
async fn a_cap_in_dollars_lets_no_model_without_a_price_through() {
    let purse = opened(Caps { cost: NanoUsd::from_dollars(5.0), ..Caps::default() });
    let cause = purse.hold(Ask { price: None, ..ask(1, 10, 10) }, &|_| {}).await.err().expect("refused");
    assert_eq!(cause.message, "the budget of $5.00 cannot be kept: its model has no known price");
}

#[tokio::test]
async fn room_that_nobody_settles_goes_back_unless_its_request_went_out() {
    let purse = tokens(1_000);
    drop(held(&purse, ask(1, 500, 400)).await);
    assert_eq!(spent(&purse), 0, "never went out");
    let mut refused = held(&purse, ask(1, 500, 400)).await;
    refused.goes_out();
    refused.came_back();
    drop(refused);
    assert_eq!(spent(&purse), 0, "the provider did not take it");
    let mut lost = held(&purse, ask(1, 500, 400)).await;
    lost.goes_out();
    drop(lost);
    assert_eq!(spent(&purse), 900, "it may have been billed in full");
    assert_eq!(purse.open_and_waiting(), (0, 0));
}

#[tokio::test]
async fn c52_what_may_have_been_billed_counts_in_every_currency() {
    let some = Some(1_000_000);
    let cost = NanoUsd::from_dollars(5.0);
    let all = Caps { tokens: some, input: some, output: some, cache: some, cost, ..Caps::default() };
    let dear_input = Price { cache_write: 0, ..PRICE };
    let dear_writes = Price { cache_write: 2_000_000_000, cache_write_long: 3_000_000_000, ..PRICE };
    for (price, sent_cost) in [(PRICE, 500), (dear_input, 500), (dear_writes, 1_500)] {
        let purse = opened(all.clone());
        let mut lost = held(&purse, Ask { price: Some(price), ..ask(1, 500, 400) }).await;
        lost.goes_out();
        let most = lost.most().expect("it is counted");
        drop(lost);
        let currencies = Currency::ALL.map(|currency| most.of(currency));
        let cost = (sent_cost + 400) * 1_000;
        assert_eq!(currencies, [900, 500, 400, 500, cost], "tokens, input, output, cache, dollars");
        let spent: Vec<u64> = purse.readings().iter().map(|reading| reading.spent).collect();
        assert_eq!(spent, currencies);
    }
    let unpriced = opened(Caps { tokens: some, ..Caps::default() });
    let held = held(&unpriced, Ask { price: None, ..ask(1, 500, 400) }).await;
    assert_eq!(held.most().expect("it is counted").unpriced, 900);
}

#[tokio::test]
async fn what_a_shorter_answer_can_have_cost_is_charged_for_that_much() {
    let purse = opened(Caps { cost: NanoUsd::from_dollars(5.0), ..Caps::default() });
    let held = held(&purse, ask(1, 500, 400)).await;
    let most = held.most_of(100).expect("it is counted");
    assert_eq!((most.output, most.cost, most.priced), (100, NanoUsd(600_000), 600));
    assert_eq!(held.most_of(1_000), held.most(), "never more than was held");
}

#[tokio::test]
async fn who_gives_up_leaves_the_line_and_takes_no_room_along() {
    let purse = tokens(1_000);
    let first = held(&purse, ask(1, 500, 400)).await;
    let (mut second, _) = waiting(&purse, ask(2, 500, 400));
    let (mut third, _) = waiting(&purse, ask(3, 10, 20));
    assert!(is_pending(&mut second) && is_pending(&mut third));
    let (mut fourth, _) = waiting(&purse, ask(4, 500, 400));
    assert!(is_pending(&mut fourth));
    drop(second);
    first.settle(&used(1, 1));
    // Called, and gone before it heard of it.
    drop(third);
    assert!(fourth.await.is_ok(), "the next one is called");
    assert_eq!(purse.open_and_waiting(), (0, 0));
}

#[tokio::test]
async fn what_an_earlier_purse_held_means_nothing_to_the_next() {
    let purse = tokens(1_000);
    let first = held(&purse, ask(1, 500, 400)).await;
    purse.open(PurseState {
        run: Caps { tokens: Some(5_000), ..Caps::default() },
        at_once: 1,
        ..PurseState::default()
    });
    let second = held(&purse, ask(2, 500, 400)).await;
    first.settle(&used(500, 400));
    assert_eq!((spent(&purse), purse.open_and_waiting()), (0, (1, 0)));
    drop(second);
}

fn spent(purse: &SharedPurse) -> u64 {
    purse.readings().iter().map(|reading| reading.spent).sum()
}
