//! Requests of programs are paid from the purse of their run: what a provider bills stays below the caps.

use super::*;
use baya_agents::backend::Signal;
use baya_agents::fake_model::{FakeModel, listen, serve};
use baya_agents::gateway::Payer;
use baya_agents::purse::SharedPurse;
use baya_core::agent::CauseKind;
use baya_core::budget::{Caps, Currency, PurseState};
use baya_core::ids::AgentNumber;
use baya_core::money::{NanoUsd, Price, PriceRow, PriceTable, Tier};
use baya_core::simulate::Rules;
use baya_core::turn::TurnRecord;
use futures_util::future::join_all;
use std::sync::Mutex;

const PRICE: Price = Price {
    input: 10_000_000_000,
    output: 50_000_000_000,
    cache_read: 0,
    cache_write: 0,
    cache_write_long: 0,
};

type Journal = Arc<Mutex<Vec<TurnRecord>>>;

fn purse(run: Caps) -> SharedPurse {
    let rows = ["anthropic/*", "openai/*"].map(|name| (name.to_owned(), PRICE.into()));
    let purse = SharedPurse::new(PriceTable { rows: rows.into(), ..PriceTable::default() });
    purse.open(PurseState { run, at_once: 24, ..PurseState::default() });
    purse
}

/// Agent `number`, whose journal is durable at once.
fn admitted(dialect: Dialect, number: u32, purse: &SharedPurse) -> (Admission, Journal) {
    let journal = Journal::default();
    let written = journal.clone();
    let signals = Arc::new(move |signal| {
        if let Signal::Turn { turn, recorded } = signal {
            written.lock().expect("the journal").push(turn);
            let _ = recorded.send(());
        }
    });
    let payer = Payer { purse: purse.clone(), phase: None, label: "item 1".to_owned(), signals };
    let agent = Some(AgentNumber(number));
    (Admission { agent, payer: Some(payer), ..admission(dialect) }, journal)
}

async fn model(rules: &str) -> baya_agents::fake_model::Handle {
    let model = FakeModel { rules: Rules::parse(rules).expect("rules"), log: None };
    serve(model, listen(0).expect("a port")).await.expect("a model")
}

#[tokio::test]
async fn c52_programs_at_work_together_are_billed_no_more_than_the_caps() {
    let rules = r#"{"latency_ms": [1, 9], "rules": [
        {"when": {"prompt": "[37]$"}, "text": "a long one", "usage": {"input": 70, "output": 1500}},
        {"when": {"prompt": "5$"}, "chance": 0.5, "fault": "cut", "usage": {"input": 60, "output": 100}},
        {"text": "a short one", "usage": {"input": 60, "output": 100}}]}"#;
    for dialect in Dialect::ALL {
        let model = model(rules).await;
        let gateway = gateway_to(&model.url()).await;
        let (tokens, cost) = (9_000, NanoUsd::from_dollars(0.40).expect("dollars"));
        let purse = purse(Caps { tokens: Some(tokens), cost: Some(cost), ..Caps::default() });
        let agents = (0..48).map(|number| {
            let grant = gateway.admit(admitted(dialect, number, &purse).0);
            async move {
                let answer = request(&grant, dialect, &body(dialect, &format!("item {number}"), true)).send();
                let answer = answer.await.expect("an answer");
                let status = answer.status().as_u16();
                // A broken stream is an error here.
                let text = answer.text().await.unwrap_or_default();
                (status, text, grant.finish())
            }
        });
        let ended = join_all(agents).await;
        let stats = model.log.stats();
        let billed = stats.input_tokens + stats.output_tokens;
        let nano = stats.input_tokens * 10_000 + stats.output_tokens * 50_000;
        assert!(billed <= tokens && nano <= cost.0, "{dialect:?}: {billed} tokens, {nano} nano-dollars");
        let fine = ended.iter().filter(|(status, ..)| *status == 200).count();
        assert!(fine >= 15, "{dialect:?}: only {fine} passed");
        let refused: Vec<_> = ended.iter().filter(|(status, ..)| *status == 400).collect();
        assert!(!refused.is_empty(), "{dialect:?}");
        for (_, text, meter) in refused {
            assert!(text.contains("has no room for another request"), "{text}");
            assert_eq!(meter.last_failure.as_ref().map(|cause| cause.kind), Some(CauseKind::Budget));
        }
        assert_eq!(purse.open_and_waiting(), (0, 0));
    }
}

#[tokio::test]
async fn what_a_request_can_use_is_in_the_journal_before_it_goes_out_and_until_it_is_settled() {
    let dialect = Dialect::Anthropic;
    let model = model(r#"{"rules": [{"text": "x", "usage": {"input": 60, "output": 100}}]}"#).await;
    let gateway = gateway_to(&model.url()).await;
    let purse = purse(Caps { tokens: Some(50_000), ..Caps::default() });
    let (admission, journal) = admitted(dialect, 1, &purse);
    let signals = admission.payer.as_ref().expect("a payer").signals.clone();
    let grant = gateway.admit(admission);
    for _ in 0..2 {
        assert_eq!(ask(&grant, dialect, &body(dialect, "item", false)).await.status, 200);
        let (meter, written) = grant.write_spent(&*signals).expect("something was spent");
        written.durable().await.expect("durable");
        assert_eq!((meter.usage.sent(), meter.usage.output), (60, 100));
    }
    let journal = journal.lock().expect("the journal");
    let [
        TurnRecord::Holding { most: first },
        TurnRecord::Spent { .. },
        TurnRecord::Holding { most: second },
        TurnRecord::Spent { .. },
    ] = journal.as_slice()
    else {
        panic!("{journal:?}")
    };
    // The second request is bounded by what was counted of the first.
    assert!(first.sent() > 1_024 + 60 && second.sent() < first.sent() + 60, "{journal:?}");
    assert_eq!((first.output, second.output), (1_000, 1_000));
}

/// $10 for a million tokens sent, $30 if it is kept for an hour, tenfold above 100 000.
fn tiered() -> PriceTable {
    let hour = Price { cache_write_long: 30_000_000_000, ..PRICE };
    let dear = Price { input: 100_000_000_000, ..hour };
    let row = PriceRow { tiers: vec![Tier { above: 100_000, price: dear }], ..PriceRow::from(hour) };
    PriceTable { rows: [("anthropic/m".to_owned(), row)].into(), ..PriceTable::default() }
}

#[tokio::test]
async fn c52_room_is_held_at_the_dearest_price_that_the_request_can_have() {
    let dialect = Dialect::Anthropic;
    let model = model(r#"{"rules": [{"text": "x", "usage": {"input": 60, "output": 100}}]}"#).await;
    let gateway = gateway_to(&model.url()).await;
    let hour = json!({"type": "ephemeral", "ttl": "1h"});
    let check = async |prompt: &str, cache_control: Value, expected: u64| {
        let purse = SharedPurse::new(tiered());
        let run = Caps { cost: NanoUsd::from_dollars(50.0), ..Caps::default() };
        purse.open(PurseState { run, at_once: 1, ..PurseState::default() });
        let (admission, journal) = admitted(dialect, 1, &purse);
        let mut body = body(dialect, prompt, false);
        body["messages"][0]["content"] =
            json!([{"type": "text", "text": prompt, "cache_control": cache_control}]);
        assert_eq!(ask(&gateway.admit(admission), dialect, &body).await.status, 200);
        let journal = journal.lock().expect("the journal");
        let Some(TurnRecord::Holding { most }) = journal.first() else { panic!("{journal:?}") };
        let sent_cost = most.cost.0 - most.output * 50_000;
        assert_eq!(sent_cost / most.sent(), expected, "nano-dollars for a token sent");
        assert_eq!(most.of(Currency::Cache), most.sent());
    };
    let shortly = json!({"type": "ephemeral"});
    check(r#"what is "1h"?"#, shortly.clone(), 10_000).await;
    check("short", hour, 30_000).await;
    check(&"long ".repeat(25_000), shortly, 100_000).await;
}

#[tokio::test]
async fn c52_who_waited_is_measured_by_what_was_counted_meanwhile() {
    let rules = r#"{"latency_ms": 100, "rules": [{"text": "x", "usage": {"input": 4000, "output": 100}}]}"#;
    let (dialect, model) = (Dialect::OpenAiResponses, model(rules).await);
    let gateway = gateway_to(&model.url()).await;
    // Two fit as they are counted, and not two by their bytes.
    let purse = purse(Caps { tokens: Some(12_000), ..Caps::default() });
    let agents = (0..2).map(|number| {
        let grant = gateway.admit(admitted(dialect, number, &purse).0);
        let prompt = format!("{} item {number}", "word ".repeat(1_600));
        async move { ask(&grant, dialect, &body(dialect, &prompt, false)).await.status }
    });
    assert_eq!(join_all(agents).await, [200, 200]);
    assert_eq!(model.log.stats().input_tokens, 8_000);
}
