//! What passes is charged request by request, where a key of ours pays.

use super::*;
use baya_core::agent::Usage;
use baya_core::money::{NanoUsd, Price, PriceRow, PriceTable, Tier};
use std::sync::Arc;

const DOLLAR: u64 = 1_000_000_000;

/// A dollar for a million tokens, two for a request that sends more than 100.
fn table() -> Arc<PriceTable> {
    let price = |nano| Price {
        input: nano,
        output: nano,
        cache_read: nano,
        cache_write: nano,
        cache_write_long: 3 * nano,
    };
    let tiers = vec![Tier { above: 100, price: price(2 * DOLLAR) }];
    let row = PriceRow { tiers, ..PriceRow::from(price(DOLLAR)) };
    Arc::new(PriceTable { rows: [("anthropic/m".to_owned(), row)].into(), ..PriceTable::default() })
}

/// Asks twice for an answer that is said to have used this.
async fn spent(admission: Admission, usage: &str) -> Usage {
    let answer = format!(r#"{{"model": "m", "content": [], "usage": {usage}}}"#);
    let reply = || Reply::with(200, &answer).header("content-type", "application/json");
    let server = server([reply(), reply()]).await;
    let gateway = gateway_to(&server.address).await;
    gateway.price_by(table());
    let grant = gateway.admit(admission);
    for _ in 0..2 {
        let got = ask(&grant, Dialect::Anthropic, &body(Dialect::Anthropic, "p", false)).await;
        assert_eq!(got.status, 200);
    }
    grant.finish().usage
}

#[tokio::test]
async fn each_request_has_the_price_of_its_own_length() {
    // Together they send more than 100; neither does.
    let usage = spent(admission(Dialect::Anthropic), r#"{"input_tokens": 60, "output_tokens": 40}"#).await;
    assert_eq!((usage.cost, usage.priced, usage.unpriced), (NanoUsd(200_000), 200, 0));
    let usage = spent(admission(Dialect::Anthropic), r#"{"input_tokens": 110, "output_tokens": 40}"#).await;
    assert_eq!((usage.cost, usage.priced, usage.unpriced), (NanoUsd(600_000), 300, 0));
}

#[tokio::test]
async fn what_is_cached_for_an_hour_has_its_own_price() {
    let usage = r#"{"input_tokens": 0, "output_tokens": 0, "cache_creation_input_tokens": 50,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30}}"#;
    let usage = spent(admission(Dialect::Anthropic), usage).await;
    assert_eq!((usage.cache_write, usage.cache_write_long), (100, 60));
    assert_eq!(usage.cost, NanoUsd(2 * (20_000 + 3 * 30_000)));
}
