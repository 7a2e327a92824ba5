//! Grants and gateways come and go.

use super::*;
use baya_core::agent::CauseKind;
use futures_util::StreamExt;

/// A stream that has begun and does not go on.
async fn begun(
    grant: &Grant,
) -> impl futures_util::Stream<Item = reqwest::Result<axum::body::Bytes>> + use<> {
    let request = request(grant, Dialect::Anthropic, &body(Dialect::Anthropic, "p", true));
    let mut pieces = request.send().await.expect("an answer").bytes_stream();
    pieces.next().await.expect("a piece").expect("bytes");
    pieces
}

fn endless() -> Reply {
    let begin = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":40}}}\n\n";
    Reply::stream(begin).then_pause(600_000)
}

#[tokio::test]
async fn whoever_finishes_an_agent_gets_all_it_cost_at_once() {
    let server = server([endless()]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let mut pieces = begun(&grant).await;
    assert_eq!(grant.take_meter().usage.total(), 0, "it is still under way");
    assert_eq!(grant.finish().usage.input, 40);
    assert!(pieces.next().await.is_some_and(|piece| piece.is_err()), "the stream is broken off");
    let got = ask(&grant, Dialect::Anthropic, &body(Dialect::Anthropic, "p", true)).await;
    assert_eq!(got.status, 401);
    assert!(got.error(Dialect::Anthropic).contains("`agent 1` is over"));
}

#[tokio::test]
async fn a_token_goes_over_to_another_agent_with_nothing_of_the_former_one() {
    let server = server([endless(), small_answer(Dialect::Anthropic)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let (url, key) = (grant.base_url(Dialect::Anthropic), grant.key().to_owned());
    let mut former = begun(&grant).await;
    grant.rebind(Admission { name: "agent 2".to_owned(), ..admission(Dialect::Anthropic) });
    assert_eq!((grant.base_url(Dialect::Anthropic), grant.key()), (url, key.as_str()));
    assert!(former.next().await.is_some_and(|piece| piece.is_err()));
    assert_eq!(ask(&grant, Dialect::Anthropic, &body(Dialect::Anthropic, "p", false)).await.status, 200);
    assert_eq!(grant.finish().usage.total(), 7, "only its own");
}

#[tokio::test]
async fn a_dropped_grant_ends_what_is_under_way() {
    let server = server([endless()]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let mut pieces = begun(&grant).await;
    drop(grant);
    assert!(pieces.next().await.is_some_and(|piece| piece.is_err()));
}

#[tokio::test]
async fn a_gateway_that_is_gone_says_so() {
    let server = server([endless()]).await;
    let gateway = gateway_to(&server.address).await;
    assert!(gateway.is_alive() && gateway.check().is_ok());
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let mut pieces = begun(&grant).await;
    gateway.stop().await;
    assert!(!gateway.is_alive());
    let cause = gateway.check().expect_err("a cause");
    assert_eq!(cause.kind, CauseKind::ProviderDown);
    assert!(cause.message.contains(&gateway.port().to_string()), "{}", cause.message);
    assert!(pieces.next().await.is_some_and(|piece| piece.is_err()));
    let url = format!("{}/v1/messages", grant.base_url(Dialect::Anthropic));
    assert!(client().post(url).body("{}").send().await.is_err(), "the port is closed");
}

#[tokio::test]
async fn tokens_are_not_alike() {
    let gateway = gateway_to("http://127.0.0.1:9").await;
    let grants: Vec<Grant> = (0..50).map(|_| gateway.admit(Admission::default())).collect();
    let keys: std::collections::BTreeSet<&str> = grants.iter().map(Grant::key).collect();
    assert_eq!(keys.len(), 50);
    assert!(keys.iter().all(|key| key.len() == "baya-".len() + 32));
}
