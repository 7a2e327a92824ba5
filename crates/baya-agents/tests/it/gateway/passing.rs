//! Bytes pass as they come, in both directions, whatever they are.

use super::*;
use crate::fake_model::fake;
use baya_core::agent::{CauseKind, UsageSource};
use futures_util::StreamExt;

#[tokio::test]
async fn the_bytes_are_the_providers_own() {
    let fake = fake(json!({"seed": 3})).await;
    let gateway = gateway_to(&fake.url()).await;
    for dialect in Dialect::ALL {
        for streamed in [true, false] {
            let grant = gateway.admit(admission(dialect));
            let mut asked = body(dialect, "the same", streamed);
            if dialect == Dialect::OpenAiChat && streamed {
                asked["stream_options"] = json!({"include_usage": true});
            }
            let direct = format!("{}/v1{}", fake.url(), path(dialect).trim_start_matches("/v1"));
            let direct = send(client().post(direct).body(asked.to_string())).await;
            let passed = ask(&grant, dialect, &asked).await;
            // Only the number of the request differs.
            let plain = |got: &Got| got.text().chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
            assert_eq!((direct.status, plain(&direct)), (passed.status, plain(&passed)));
        }
    }
    // As the client wrote it, to the byte.
    let server = server([small_answer(Dialect::Anthropic)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let url = format!("{}/v1/messages", grant.base_url(Dialect::Anthropic));
    let odd = "{ \"model\":\"m\",\n\t\"n\": 1.0,   \"b\": 12345678901234567890123 }";
    assert_eq!(send(client().post(url).body(odd)).await.status, 200);
    assert!(server.requests().remove(0).head.contains(&format!("content-length: {}", odd.len())));
}

#[tokio::test]
async fn a_stream_arrives_while_it_is_made() {
    let event = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5}}}\n\n";
    // It goes on only long after the test has seen the first piece.
    let server = server([Reply::stream(event).then_pause(600_000)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let request = request(&grant, Dialect::Anthropic, &body(Dialect::Anthropic, "p", true));
    let mut pieces = request.send().await.expect("an answer").bytes_stream();
    assert_eq!(pieces.next().await.expect("a piece").expect("bytes"), event);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_request_and_pays_for_what_passed() {
    let begin = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":50}}}\n\n\
        data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"sixteen letters.\"}}\n\n";
    let server = server([Reply::stream(begin).then_pause(600_000)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let request = request(&grant, Dialect::Anthropic, &body(Dialect::Anthropic, "p", true));
    let mut pieces = request.send().await.expect("an answer").bytes_stream();
    pieces.next().await.expect("a piece").expect("bytes");
    drop(pieces);
    let meter = meter_of(&grant).await;
    assert_eq!((meter.usage.input, meter.usage.output), (50, 4));
    assert_eq!(meter.usage.source, UsageSource::Estimated);
}

#[tokio::test]
async fn the_provider_hears_that_the_client_has_gone() {
    let fake =
        fake(json!({"rules": [{"text": "a text that takes its time", "fault": "slow", "latency_ms": 200}]}))
            .await;
    let gateway = gateway_to(&fake.url()).await;
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let request = request(&grant, Dialect::Anthropic, &body(Dialect::Anthropic, "p", true));
    let mut pieces = request.send().await.expect("an answer").bytes_stream();
    pieces.next().await.expect("a piece").expect("bytes");
    drop(pieces);
    until("the fake model sees its client go", || {
        fake.log.entries().iter().any(|line| line["ended"] == "client_gone")
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_hangs_up_breaks_the_answer_and_is_named() {
    let fake = fake(json!({"rules": [{"text": "a text that will break off", "fault": "cut"}]})).await;
    let gateway = gateway_to(&fake.url()).await;
    for dialect in Dialect::ALL {
        for streamed in [true, false] {
            let grant = gateway.admit(admission(dialect));
            let got = ask(&grant, dialect, &body(dialect, "p", streamed)).await;
            assert_eq!((got.status, got.body), (200, Err(())), "{dialect:?} {streamed}");
            let meter = grant.finish();
            assert_eq!(meter.usage.source, UsageSource::Estimated);
            let failure = meter.last_failure.expect("a failure");
            assert_eq!(failure.kind, CauseKind::Network);
            assert!(failure.message.contains(provider_of(dialect)), "{}", failure.message);
        }
    }
}

#[tokio::test]
async fn garbage_passes_and_costs_nothing() {
    let fake = fake(json!({"rules": [{"fault": "html"}]})).await;
    let gateway = gateway_to(&fake.url()).await;
    for dialect in Dialect::ALL {
        let grant = gateway.admit(admission(dialect));
        let got = ask(&grant, dialect, &body(dialect, "p", true)).await;
        assert!(got.text().contains("<html>"));
        let meter = grant.finish();
        assert_eq!(meter.usage.total(), 0);
        assert!(meter.last_failure.expect("a failure").message.contains("is no model API"));
    }
    let binary: String = (0..4_000_u32).map(|at| char::from_u32(at % 256).unwrap()).collect();
    let server = server([Reply::stream(format!("data: {binary}\n\ndata: {{\"type\": 7}}\n\n"))]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let got = ask(&grant, Dialect::Anthropic, &body(Dialect::Anthropic, "p", true)).await;
    assert!(got.text().contains(&binary));
}

#[tokio::test]
async fn an_error_inside_a_stream_is_told_to_both() {
    let said = "event: error\n\
        data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Busy\"}}\n\n";
    let server = server([Reply::stream(said)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let got = ask(&grant, Dialect::Anthropic, &body(Dialect::Anthropic, "p", true)).await;
    assert_eq!(got.text(), said);
    let meter = grant.finish();
    assert_eq!(meter.usage.total(), 0, "no word of a model came");
    assert!(meter.last_failure.expect("a failure").message.contains("Busy"));
}

#[tokio::test]
async fn a_slow_trickle_is_life_and_is_counted() {
    let events = "data: {\"choices\":[{\"delta\":{\"content\":\"hé\"}}]}\n\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
    let server = server([Reply::stream(events).slowly(1, 1)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = Arc::new(gateway.admit(admission(Dialect::OpenAiChat)));
    let (watched, beats) = (grant.clone(), Arc::new(std::sync::atomic::AtomicU32::new(0)));
    let seen = beats.clone();
    let watch = tokio::spawn(async move {
        loop {
            watched.active().await;
            seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    let got = ask(&grant, Dialect::OpenAiChat, &body(Dialect::OpenAiChat, "p", true)).await;
    watch.abort();
    assert_eq!(got.text().matches("data:").count(), 2, "the usage is ours: {}", got.text());
    assert!(got.text().contains("hé"));
    assert!(beats.load(std::sync::atomic::Ordering::SeqCst) > 20, "bytes are signs of life");
    assert_eq!(grant.finish().usage.total(), 10);
}

#[tokio::test]
async fn an_answer_that_is_packed_all_the_same_passes_and_is_estimated() {
    let packed = Reply::with(200, "packed").header("content-type", "application/json");
    let server = server([packed.header("content-encoding", "x-odd")]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let got = ask(&grant, Dialect::Anthropic, &body(Dialect::Anthropic, "p", false)).await;
    assert_eq!(got.text(), "packed");
    assert_eq!(grant.finish().usage.source, UsageSource::Estimated);
}
