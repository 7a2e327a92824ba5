//! Lanes against made-up providers, in made-up time.

use baya_agents::api::{ProviderConfig, ProviderKind, Secret};
use baya_agents::governor::{
    Ask, Governor, GovernorSettings, Lane, LaneId, Pass, Prefix, Refusal, Remembered, RememberedLimit,
    cache_minimum,
};
use baya_core::agent::{Cause, CauseKind, Wait};
use baya_core::ids::AgentNumber;
use futures_util::future::{FutureExt, join_all};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const MS: Duration = Duration::from_millis(1);

fn lane(settings: GovernorSettings) -> Arc<Lane> {
    Governor::new(settings).lane(id())
}

fn id() -> LaneId {
    LaneId::of_key("fake", "http://127.0.0.1:1", "key")
}

fn at_once(first: u32) -> GovernorSettings {
    GovernorSettings { at_once_first: first, ..GovernorSettings::default() }
}

fn of(agent: u32) -> Ask {
    Ask { agent: Some(AgentNumber(agent)), prefix: None }
}

async fn enter(lane: &Lane, agent: u32) -> Pass {
    lane.enter(of(agent), &|_| ()).await
}

/// Whether it gets in without any time passing.
fn gets_in(lane: &Lane, ask: Ask) -> Option<Pass> {
    lane.enter(ask, &|_| ()).now_or_never()
}

/// Takes so many requests at once; refuses all others within two milliseconds.
struct Provider {
    allows: u32,
    latency: Duration,
    retry_after: Option<Duration>,
    at_work: AtomicU32,
    refused: Mutex<Vec<Instant>>,
    served: Mutex<Vec<Instant>>,
}

impl Provider {
    fn new(allows: u32) -> Provider {
        Provider {
            allows,
            latency: 200 * MS,
            retry_after: None,
            at_work: AtomicU32::new(0),
            refused: Mutex::default(),
            served: Mutex::default(),
        }
    }

    /// One agent's request until it is served.
    async fn serve(&self, lane: &Lane, agent: u32) {
        loop {
            let pass = enter(lane, agent).await;
            if self.at_work.load(Ordering::Relaxed) >= self.allows {
                sleep(2 * MS).await;
                self.refused.lock().unwrap().push(Instant::now());
                pass.limited(self.retry_after);
                continue;
            }
            self.at_work.fetch_add(1, Ordering::Relaxed);
            sleep(10 * MS).await;
            pass.first_byte();
            sleep(self.latency - 10 * MS).await;
            self.at_work.fetch_sub(1, Ordering::Relaxed);
            self.served.lock().unwrap().push(Instant::now());
            pass.succeeded();
            return;
        }
    }

    /// So many calls, so many of them wanted at once.
    async fn serve_all(&self, lane: &Lane, calls: u32, wanted: u32) {
        let next = AtomicU32::new(1);
        let agent = || async {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number > calls {
                    return;
                }
                self.serve(lane, number).await;
            }
        };
        join_all((0..wanted).map(|_| agent())).await;
    }
}

/// What a lane reaches with a provider: throughput in hundredths of the ideal, refused requests in
/// hundredths of all after a fifth of the calls.
async fn reached(allows: u32, calls: u32, wanted: u32) -> (u32, u32) {
    let (lane, provider) = (lane(GovernorSettings::default()), Provider::new(allows));
    let began = Instant::now();
    provider.serve_all(&lane, calls, wanted).await;
    let took = began.elapsed();
    let ideal = provider.latency * calls.div_ceil(allows.min(wanted));
    let served = provider.served.lock().unwrap();
    let warm = served[calls as usize / 5];
    let refused = provider.refused.lock().unwrap().iter().filter(|at| **at > warm).count() as u32;
    let later = calls * 4 / 5;
    (ideal.as_millis() as u32 * 100 / took.as_millis() as u32, refused * 100 / (later + refused))
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_takes_is_found_and_kept_to() {
    // What it allows, calls, wanted at once; least throughput, most refused.
    let cases = [
        (20, 1_280, 64, 95, 1),
        (64, 1_280, 64, 80, 0),
        (16, 640, 16, 100, 0),
        (4, 400, 64, 95, 3),
        (1, 200, 64, 90, 6),
        (200, 4_000, 300, 55, 0),
    ];
    for (allows, calls, wanted, throughput, refused) in cases {
        let (reached, refusals) = reached(allows, calls, wanted).await;
        assert!(reached >= throughput, "{allows} of {wanted}: {reached} % of the ideal");
        assert!(refusals <= refused, "{allows} of {wanted}: {refusals} % refused");
    }
}

/// Takes all that is free.
fn fill(lane: &Lane) -> Vec<Pass> {
    std::iter::from_fn(|| gets_in(lane, Ask::default())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_limit_grows_by_rounds_and_is_cut_once_per_round_trip() {
    let lane = lane(at_once(10));
    let mut sizes = Vec::new();
    for _ in 0..4 {
        let round = fill(&lane);
        sizes.push(round.len());
        round.into_iter().for_each(Pass::succeeded);
    }
    assert_eq!(sizes, [10, 16, 22, 29], "up to eight a round");
    let (refused, served): (Vec<_>, Vec<_>) = fill(&lane).into_iter().enumerate().partition(|(n, _)| *n < 4);
    assert_eq!(refused.len() + served.len(), 36);
    for (_, pass) in refused {
        pass.limited(None);
    }
    assert!(gets_in(&lane, Ask::default()).is_none(), "what is at work is all that it takes");
    served.into_iter().for_each(|(_, pass)| pass.succeeded());
    let round = fill(&lane);
    assert_eq!(round.len(), 32, "four refusals of one round are one cut to nine tenths");
    round.into_iter().for_each(Pass::succeeded);
    assert_eq!(fill(&lane).len(), 32, "and back to what was good");
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_not_full_proves_nothing() {
    let lane = lane(at_once(10));
    for _ in 0..100 {
        enter(&lane, 1).await.succeeded();
    }
    assert_eq!(fill(&lane).len(), 10);
}

#[tokio::test(start_paused = true)]
async fn just_below_what_was_refused_it_stays_for_a_while() {
    let lane = lane(at_once(4));
    let mut round = fill(&lane);
    round.remove(0).limited(None);
    round.into_iter().for_each(Pass::succeeded);
    let mut sizes = Vec::new();
    for _ in 0..22 {
        let round = fill(&lane);
        sizes.push(round.len());
        round.into_iter().for_each(Pass::succeeded);
    }
    assert_eq!(sizes[..16], [3; 16], "{sizes:?}");
    assert!(sizes.ends_with(&[4, 4, 5]) || sizes.ends_with(&[4, 5, 6]), "then one more is tried: {sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served_and_who_was_refused_goes_before_those_behind() {
    let lane = lane(GovernorSettings { at_once_max: 1, ..at_once(1) });
    let first = enter(&lane, 1).await;
    let order = Mutex::new(Vec::new());
    let agent = |number: u32| {
        let (lane, order) = (&lane, &order);
        async move {
            let pass = enter(lane, number).await;
            if number == 2 {
                pass.limited(None);
                enter(lane, number).await.succeeded();
            } else {
                pass.succeeded();
            }
            order.lock().unwrap().push(number);
        }
    };
    let free = async {
        sleep(MS).await;
        first.succeeded();
    };
    tokio::join!(free, agent(2), agent(3), agent(4), agent(5));
    assert_eq!(order.into_inner().unwrap(), [2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_asked_for_closes_the_lane_for_everybody() {
    let lane = lane(at_once(8));
    let began = Instant::now();
    enter(&lane, 1).await.limited(Some(7_000 * MS));
    let told = Mutex::new(Vec::new());
    let tell = |wait| told.lock().unwrap().push(wait);
    join_all((1..4).map(|number| lane.enter(of(number), &tell).map(Pass::succeeded))).await;
    assert!((7_000..7_010).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let told = told.into_inner().unwrap();
    assert!(matches!(&told[0], Wait::Pause { provider, .. } if provider == "fake"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn refusals_without_a_word_are_waited_out_longer_and_longer() {
    let lane = lane(at_once(8));
    let began = Instant::now();
    let mut times = Vec::new();
    for _ in 0..5 {
        let pass = enter(&lane, 1).await;
        times.push(began.elapsed().as_millis());
        assert_eq!(pass.refused(None), Refusal::Unexplained);
    }
    assert_eq!(times, [0, 500, 1_500, 3_500, 7_500]);
    enter(&lane, 1).await.succeeded();
    enter(&lane, 1).await.limited(None);
    let since = Instant::now();
    enter(&lane, 1).await.succeeded();
    assert_eq!(since.elapsed().as_millis(), 500, "a success ends the doubling");
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_while_others_are_served_has_not_failed() {
    let lane = lane(at_once(2));
    let served = enter(&lane, 1).await;
    assert_eq!(enter(&lane, 2).await.refused(None), Refusal::Unexplained);
    served.succeeded();
    let served = enter(&lane, 2).await;
    assert_eq!(served.refused(None), Refusal::Crowded);
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_gives_its_place_back() {
    let lane = lane(at_once(1));
    let first = enter(&lane, 1).await;
    let mut waiting = Box::pin(enter(&lane, 2));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(waiting);
    let mut let_in_unseen = Box::pin(enter(&lane, 3));
    assert!(futures_util::poll!(&mut let_in_unseen).is_pending());
    drop(first);
    drop(let_in_unseen);
    assert!(gets_in(&lane, of(4)).is_some());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_however_requests_end() {
    let seed = std::env::var("BAYA_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    eprintln!("BAYA_TEST_SEED={seed}");
    let random = Mutex::new(Draws(seed));
    let draw = |below: u64| random.lock().unwrap().next(below);
    let lane = lane(GovernorSettings { at_once_max: 12, ..at_once(4) });
    let at_work = AtomicU32::new(0);
    let agent = |number: u32| {
        let (lane, at_work, draw) = (&lane, &at_work, &draw);
        async move {
            for _ in 0..50 {
                let patience = Duration::from_millis(draw(300));
                let Ok(pass) = tokio::time::timeout(patience, enter(lane, number)).await else { continue };
                let now = at_work.fetch_add(1, Ordering::Relaxed);
                assert!(now < 12, "never more than the limit");
                sleep(Duration::from_millis(draw(20))).await;
                at_work.fetch_sub(1, Ordering::Relaxed);
                match draw(6) {
                    0 => pass.limited(None),
                    1 => pass.limited(Some(Duration::from_millis(draw(40)))),
                    2 => pass.failed(),
                    3 => drop(pass),
                    _ => pass.succeeded(),
                }
            }
        }
    };
    join_all((1..40).map(agent)).await;
    sleep(60_000 * MS).await;
    let pass = tokio::time::timeout(60_000 * MS, enter(&lane, 99)).await;
    assert!(pass.is_ok(), "the lane is open to all after all is over");
}

/// Draws that repeat.
struct Draws(u64);

impl Draws {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_good_limit_is_where_the_next_process_begins() {
    let governor = Governor::new(at_once(16));
    let provider = Provider::new(20);
    provider.serve_all(&governor.lane(id()), 300, 64).await;
    let remembered = governor.remembered();
    let only = remembered.lanes.values().next().copied();
    assert_eq!(only, Some(RememberedLimit { at_once: 20, refused_more: true }));
    let text = serde_json::to_string(&remembered).unwrap();
    assert!(!text.contains("127.0.0.1"), "neither address nor key: {text}");
    let next = Governor::new(at_once(16));
    next.remember(serde_json::from_str(&text).unwrap());
    assert_eq!(fill(&next.lane(id())).len(), 20);
    assert_eq!(next.remembered(), remembered, "what was not found out anew is kept");
    let other = LaneId::of_key("fake", "http://127.0.0.1:1", "other");
    assert_eq!(fill(&next.lane(other)).len(), 16, "another key has its own limit");
}

#[test]
fn a_lane_names_no_key() {
    let key = Some(Secret::new("sk-very-secret"));
    let config = ProviderConfig { key, ..ProviderConfig::new(ProviderKind::Anthropic) };
    let id = LaneId::of(&config);
    assert_eq!(id, LaneId::of_key("anthropic", "https://api.anthropic.com/", "sk-very-secret"));
    assert!(!format!("{id:?}").contains("secret"));
}

#[test]
fn nothing_remembered_is_out_of_bounds() {
    let lanes = [("fake x".to_owned(), RememberedLimit { at_once: 0, refused_more: true })];
    let remembered = Remembered { lanes: lanes.into_iter().collect() };
    let governor = Governor::new(at_once(4));
    governor.remember(remembered);
    let lane = governor.lane(LaneId { provider: "fake".to_owned(), key: "x".to_owned() });
    assert_eq!(fill(&lane).len(), 1);
}

fn prefix(text: &str) -> Option<Prefix> {
    Prefix::of("gpt-x", std::iter::once(text.repeat(5_000).as_str()))
}

fn with_prefix(agent: u32, text: &str) -> Ask {
    Ask { prefix: prefix(text), ..of(agent) }
}

#[tokio::test(start_paused = true)]
async fn one_of_several_with_the_same_beginning_goes_ahead() {
    let lane = lane(at_once(8));
    let first = gets_in(&lane, with_prefix(1, "a")).expect("nobody is before it");
    assert!(gets_in(&lane, with_prefix(3, "b")).is_some(), "another beginning");
    let told = Mutex::new(Vec::new());
    let began = Instant::now();
    let tell = |wait| told.lock().unwrap().push(wait);
    let others = (4..7).map(|agent| {
        let entered = lane.enter(with_prefix(agent, "a"), &tell);
        entered.map(|pass| (began.elapsed().as_millis(), pass))
    });
    let answer = async {
        sleep(1_200 * MS).await;
        first.first_byte();
        sleep(5_000 * MS).await;
        first.succeeded();
    };
    let (others, ()) = tokio::join!(join_all(others), answer);
    assert!(others.iter().all(|(at, _)| *at == 1_200), "when its answer begins, not when it ends");
    assert_eq!(told.into_inner().unwrap(), vec![Wait::Prefix { first: AgentNumber(1) }; 3]);
    sleep(200_000 * MS).await;
    let next = gets_in(&lane, with_prefix(8, "a")).expect("the cache is warm");
    assert!(gets_in(&lane, with_prefix(9, "a")).is_some());
    sleep(300_000 * MS).await;
    drop(next);
    let _first = gets_in(&lane, with_prefix(10, "a")).expect("the first after the cache was forgotten");
    assert!(gets_in(&lane, with_prefix(11, "a")).is_none());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_a_cache_and_a_failure_passes_the_turn_on() {
    let lane = lane(at_once(8));
    let _slow = gets_in(&lane, with_prefix(1, "a"));
    let began = Instant::now();
    let pass = lane.enter(with_prefix(2, "a"), &|_| ()).await;
    assert_eq!(began.elapsed().as_millis(), 5_000);
    assert!(gets_in(&lane, with_prefix(3, "a")).is_none(), "the second goes ahead now");
    pass.failed();
    let _third = gets_in(&lane, with_prefix(4, "a")).expect("the turn is passed on");
    assert!(gets_in(&lane, with_prefix(5, "a")).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_place_is_not_held_by_who_waits_for_a_cache() {
    let lane = lane(at_once(2));
    let _first = gets_in(&lane, with_prefix(1, "a"));
    let mut held = Box::pin(lane.enter(with_prefix(2, "a"), &|_| ()));
    assert!(futures_util::poll!(&mut held).is_pending());
    assert!(gets_in(&lane, of(3)).is_some());
}

#[tokio::test(start_paused = true)]
async fn stagger_can_be_switched_off() {
    let lane = lane(GovernorSettings { stagger: false, ..at_once(8) });
    let first = gets_in(&lane, with_prefix(1, "a"));
    assert!(first.is_some() && gets_in(&lane, with_prefix(2, "a")).is_some());
}

#[test]
fn only_what_a_provider_keeps_is_waited_for() {
    let cases = [
        ("gpt-5.2", 1_024),
        ("claude-sonnet-4-5-20250929", 1_024),
        ("claude-sonnet-4-6", 2_048),
        ("anthropic/claude-haiku-4.5", 4_096),
        ("claude-3-5-haiku-latest", 2_048),
        ("claude-opus-4-1", 1_024),
        ("claude-opus-4-6", 4_096),
        ("gemini-2.5-flash", 1_024),
        ("gemini-3-pro", 4_096),
    ];
    for (model, tokens) in cases {
        assert_eq!(cache_minimum(model), tokens, "{model}");
        let text = |bytes: u64| "x".repeat(bytes as usize - model.len());
        assert!(Prefix::of(model, std::iter::once(&*text(tokens * 4))).is_some(), "{model}");
        assert!(Prefix::of(model, std::iter::once(&*text(tokens * 4 - 1))).is_none(), "{model}");
    }
    let parts = |parts: [&'static str; 2]| Prefix::of("m", parts.into_iter().chain([LONG])).map(|p| p.hash);
    assert_ne!(parts(["ab", "c"]), parts(["a", "bc"]), "parts do not run into each other");
}

const LONG: &str = include_str!("governor.rs");

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_used_up_is_told_to_all_at_once() {
    let lane = lane(at_once(1));
    let pass = enter(&lane, 1).await;
    let mut cause = Cause::new(CauseKind::Credit, "weekly limit");
    cause.retry_at_ms = Some(i64::MAX);
    let tell = async {
        sleep(MS).await;
        pass.used_up(cause.clone());
    };
    let (told, ()) = tokio::join!(join_all([lane.used_up(), lane.used_up()]), tell);
    assert_eq!(told, [cause.clone(), cause.clone()]);
    cause.retry_at_ms = Some(0);
    enter(&lane, 2).await.used_up(cause);
    assert!(lane.used_up().now_or_never().is_none(), "the time of reset has passed");
}
