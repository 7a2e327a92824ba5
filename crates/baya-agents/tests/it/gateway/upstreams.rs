//! Providers that refuse, have no room, or are not there.

use super::*;
use baya_agents::backend::Signal;
use baya_agents::gateway::Payer;
use baya_agents::purse::SharedPurse;
use baya_core::agent::{CauseKind, Progress, Wait};
use baya_core::ids::AgentNumber;
use std::sync::Mutex;

fn refused(status: u16, message: &str) -> Reply {
    let body = json!({"error": {"message": message, "type": "e", "code": null}}).to_string();
    Reply::with(status, body).header("content-type", "application/json")
}

#[tokio::test]
async fn no_room_is_waited_for_here_and_the_agent_hears_nothing_of_it() {
    for status in [429, 503, 529] {
        let dialect = Dialect::OpenAiChat;
        let busy = refused(status, "busy").header("retry-after-ms", "5");
        let server = server([busy.clone(), busy, small_answer(dialect)]).await;
        let gateway = gateway_to(&server.address).await;
        let waits = Arc::new(Mutex::new(Vec::new()));
        let told = waits.clone();
        let signals = Arc::new(move |signal| match signal {
            Signal::Progress(progress) => told.lock().unwrap().push(progress),
            _ => panic!("no cap speaks of it"),
        });
        let payer = Payer { purse: SharedPurse::default(), phase: None, label: "item".to_owned(), signals };
        let (agent, payer) = (Some(AgentNumber(7)), Some(payer));
        let grant = gateway.admit(Admission { agent, payer, ..admission(dialect) });
        assert_eq!(ask(&grant, dialect, &body(dialect, "p", false)).await.status, 200);
        let meter = grant.finish();
        assert_eq!((meter.requests, meter.usage.total(), meter.last_failure), (3, 7, None));
        let waits = waits.lock().unwrap().clone();
        let is_pause = |told: &Progress| match told {
            Progress::Waiting { wait: Wait::Pause { provider, .. } } => provider == "openai",
            _ => false,
        };
        assert!(waits.iter().any(is_pause), "{status}: {waits:?}");
        assert_eq!(waits.last(), Some(&Progress::Asked), "it waits for nothing any more");
    }
}

#[tokio::test]
async fn no_room_to_the_end_is_told_once_and_for_all() {
    let dialect = Dialect::OpenAiChat;
    let busy = refused(429, "too many").header("retry-after-ms", "1");
    let server = server((0..5).map(|_| busy.clone())).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(dialect));
    let answer = request(&grant, dialect, &body(dialect, "p", false)).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-should-retry"]),
        (429, &"false".parse().unwrap())
    );
    assert_eq!(answer.text().await.unwrap().matches("too many").count(), 1);
    assert_eq!(server.requests().len(), 5);
    let meter = grant.finish();
    assert_eq!((meter.requests, meter.usage.total()), (5, 0));
    assert!(meter.last_failure.expect("a failure").message.contains("too many"));
}

#[tokio::test]
async fn a_limit_that_lasts_is_not_waited_for() {
    let dialect = Dialect::Anthropic;
    let server = server([refused(429, "your limit resets later").header("retry-after", "7200")]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(dialect));
    assert_eq!(ask(&grant, dialect, &body(dialect, "p", false)).await.status, 429);
    let failure = grant.finish().last_failure.expect("a failure");
    assert_eq!(failure.kind, CauseKind::Credit);
    assert!(failure.retry_at_ms.is_some(), "so that the run can wake up by itself");
    assert_eq!(server.requests().len(), 1);
    // Nor does another agent have to find it out.
    let other = gateway.admit(admission(dialect));
    let got = ask(&other, dialect, &body(dialect, "p", false)).await;
    assert_eq!(got.status, 400, "no client tries that again");
    assert!(got.error(dialect).contains("limit"), "{got:?}");
    let told = other.finish();
    assert_eq!((told.requests, told.last_failure), (0, Some(failure)));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn how_long_a_pause_is_waited_for_is_the_governors_to_say() {
    let dialect = Dialect::OpenAiChat;
    let server = server([refused(429, "slow down").header("retry-after", "3")]).await;
    let wait_in_place = Duration::from_secs(2);
    let governor = Governor::new(GovernorSettings { wait_in_place, ..GovernorSettings::default() });
    let config = GatewayConfig { providers: providers(&server.address), governor, tape: Tape::None };
    let gateway = Gateway::start(config).await.expect("a gateway");
    let grant = gateway.admit(admission(dialect));
    assert_eq!(ask(&grant, dialect, &body(dialect, "p", false)).await.status, 429);
    assert!(grant.finish().last_failure.expect("a failure").retry_at_ms.is_some());
}

/// Refuses `one` eight times, each time after it has served another `two`.
async fn crowded() -> String {
    let (news, _) = tokio::sync::watch::channel((0_u32, 0_u32));
    let handler = move |body: String| {
        let news = news.clone();
        async move {
            let mut heard = news.subscribe();
            if body.contains("two") {
                let refused = heard.borrow().0;
                news.send_modify(|(_, came)| *came += 1);
                // Held until the other one is refused, or in.
                let _ = heard.wait_for(|(now, _)| *now > refused).await;
                return (axum::http::StatusCode::OK, SERVED);
            }
            let _ = heard.wait_for(|(refused, came)| came > refused).await;
            news.send_modify(|(refused, _)| *refused += 1);
            match news.borrow().0 {
                ..=8 => (axum::http::StatusCode::TOO_MANY_REQUESTS, r#"{"error": {"message": "busy"}}"#),
                _ => (axum::http::StatusCode::OK, SERVED),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = axum::Router::new().fallback(handler);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

const SERVED: &str = r#"{"model": "m", "choices": [{"message": {"content": "x"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4}}"#;

#[tokio::test]
async fn a_provider_that_serves_others_meanwhile_is_asked_for_as_long_as_it_takes() {
    let dialect = Dialect::OpenAiChat;
    let gateway = gateway_to(&crowded().await).await;
    let agent = |number| Admission { agent: Some(AgentNumber(number)), ..admission(dialect) };
    let (one, two) = (gateway.admit(agent(1)), gateway.admit(agent(2)));
    let (first, second) = (body(dialect, "one", false), body(dialect, "two", false));
    let others = async {
        loop {
            ask(&two, dialect, &second).await;
        }
    };
    let got = tokio::select! {
        got = ask(&one, dialect, &first) => got,
        () = others => unreachable!("it goes on"),
        () = tokio::time::sleep(Duration::from_secs(30)) => panic!("never"),
    };
    assert_eq!(got.status, 200, "{got:?}");
    assert_eq!(one.finish().requests, 9);
}

#[tokio::test]
async fn other_refusals_pass_as_they_are() {
    let dialect = Dialect::OpenAiResponses;
    for (status, kind) in
        [(400, CauseKind::Api), (401, CauseKind::Key), (402, CauseKind::Credit), (500, CauseKind::Api)]
    {
        let server = server([refused(status, "because")]).await;
        let gateway = gateway_to(&server.address).await;
        let grant = gateway.admit(admission(dialect));
        let got = ask(&grant, dialect, &body(dialect, "p", true)).await;
        assert_eq!((got.status, got.error(dialect)), (status, "because".to_owned()));
        let meter = grant.finish();
        assert_eq!((meter.requests, meter.usage.total()), (1, 0));
        assert_eq!(meter.last_failure.expect("a failure").kind, kind);
    }
}

#[tokio::test]
async fn a_failure_is_forgotten_when_the_next_request_succeeds() {
    let dialect = Dialect::OpenAiChat;
    let server = server([refused(500, "once"), small_answer(dialect)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(dialect));
    assert_eq!(ask(&grant, dialect, &body(dialect, "p", false)).await.status, 500);
    assert_eq!(ask(&grant, dialect, &body(dialect, "p", false)).await.status, 200);
    assert_eq!(grant.finish().last_failure, None);
}

#[tokio::test]
async fn nobody_at_the_address_is_a_clear_error_on_every_wire() {
    let address = Server::address_of_nobody().await;
    let gateway = gateway_to(&address).await;
    for dialect in Dialect::ALL {
        let grant = gateway.admit(admission(dialect));
        let got = ask(&grant, dialect, &body(dialect, "p", true)).await;
        assert_eq!(got.status, 502);
        let message = got.error(dialect);
        assert!(message.contains(&address) && message.contains(provider_of(dialect)), "{message}");
        let meter = grant.finish();
        assert_eq!(meter.last_failure.expect("a failure").kind, CauseKind::ProviderDown);
        assert_eq!(meter.usage.total(), 0);
    }
}

#[tokio::test]
async fn a_provider_that_does_not_speak_the_wire_is_not_asked() {
    let server = server([]).await;
    let gateway = gateway_to(&server.address).await;
    for (dialect, provider, says) in [
        (Dialect::OpenAiChat, "anthropic", "`anthropic` does not speak OpenAI chat completions"),
        (Dialect::Anthropic, "openai", "`openai` does not speak Anthropic Messages"),
        (Dialect::Anthropic, "nobody", "no provider is called `nobody`"),
    ] {
        let grant = gateway.admit(Admission { provider: Some(provider.to_owned()), ..Admission::default() });
        let got = ask(&grant, dialect, &body(dialect, "p", false)).await;
        assert_eq!(got.status, 400);
        assert!(got.error(dialect).contains(says), "{:?}", got.body);
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_request_that_cannot_be_read_goes_nowhere() {
    let server = server([]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::OpenAiChat));
    let url = format!("{}/chat/completions", grant.base_url(Dialect::OpenAiChat));
    assert_eq!(send(client().post(&url).body("not JSON")).await.status, 400);
    assert_eq!(send(client().post(&url).body("[]")).await.status, 400);
    assert_eq!(send(client().post(&url).header("content-encoding", "zstd").body("()")).await.status, 415);
    assert_eq!(server.requests().len(), 0);
}
