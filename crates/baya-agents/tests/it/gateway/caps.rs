//! A cap on an agent's tokens is a wall.

use super::*;
use baya_core::agent::CauseKind;

fn capped(dialect: Dialect, tokens_max: u64) -> Admission {
    Admission { tokens_max: Some(tokens_max), ..admission(dialect) }
}

#[tokio::test]
async fn a_request_after_the_cap_is_spent_is_refused_for_good() {
    for dialect in Dialect::ALL {
        let server = server([small_answer(dialect), small_answer(dialect), small_answer(dialect)]).await;
        let gateway = gateway_to(&server.address).await;
        // Each answer costs 7.
        let grant = gateway.admit(capped(dialect, 16 + 7));
        let asked = body(dialect, "p", false);
        assert_eq!(ask(&grant, dialect, &asked).await.status, 200);
        assert_eq!(ask(&grant, dialect, &asked).await.status, 200);
        assert_eq!(grant.room(), Some(9));
        let answer = request(&grant, dialect, &asked).send().await.unwrap();
        // What clients never try again.
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.headers()["x-should-retry"], "false");
        let got = Got { status: 400, body: answer.text().await.map_err(drop) };
        assert!(got.error(dialect).contains("has spent the 23 tokens it may spend"), "{:?}", got.body);
        let meter = grant.take_meter();
        assert_eq!(meter.last_failure.expect("a failure").kind, CauseKind::Limit);
        assert_eq!((meter.usage.total(), meter.requests), (14, 2));
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_cap_holds_when_the_meter_was_taken_and_starts_anew_for_another_agent() {
    let dialect = Dialect::OpenAiChat;
    let server = server([small_answer(dialect), small_answer(dialect)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(capped(dialect, 20));
    let asked = body(dialect, "p", false);
    assert_eq!(ask(&grant, dialect, &asked).await.status, 200);
    assert_eq!(grant.take_meter().usage.total(), 7);
    assert_eq!(ask(&grant, dialect, &asked).await.status, 400);
    grant.rebind(capped(dialect, 20));
    assert_eq!(ask(&grant, dialect, &asked).await.status, 200);
    assert_eq!(grant.finish().usage.total(), 7);
}

#[tokio::test]
async fn a_request_may_not_ask_for_more_than_there_is_room_for() {
    let cases = [
        (Dialect::Anthropic, json!({"max_tokens": 32_000}), json!({"max_tokens": 5_000})),
        (Dialect::Anthropic, json!({"max_tokens": 100}), json!({"max_tokens": 100})),
        (
            Dialect::Anthropic,
            json!({"max_tokens": 32_000, "thinking": {"type": "enabled", "budget_tokens": 31_999}}),
            json!({"max_tokens": 5_000, "thinking": {"type": "enabled", "budget_tokens": 2_500}}),
        ),
        (Dialect::OpenAiChat, json!({}), json!({"max_completion_tokens": 5_000})),
        (Dialect::OpenAiChat, json!({"max_tokens": 9_000}), json!({"max_tokens": 5_000})),
        (Dialect::OpenAiChat, json!({"max_completion_tokens": 9}), json!({"max_completion_tokens": 9})),
        (Dialect::OpenAiResponses, json!({}), json!({"max_output_tokens": 5_000})),
        (
            Dialect::OpenAiResponses,
            json!({"max_output_tokens": 1e9 as u64}),
            json!({"max_output_tokens": 5_000}),
        ),
    ];
    for (dialect, limits, expected) in cases {
        let server = server([small_answer(dialect)]).await;
        let gateway = gateway_to(&server.address).await;
        let grant = gateway.admit(capped(dialect, 5_000));
        let mut asked = body(dialect, "p", false);
        let members = asked.as_object_mut().unwrap();
        members.shift_remove("max_tokens");
        let mut wanted = members.clone();
        members.extend(limits.as_object().unwrap().clone());
        wanted.extend(expected.as_object().unwrap().clone());
        assert_eq!(ask(&grant, dialect, &asked).await.status, 200);
        assert_eq!(server.requests().remove(0).body, Value::Object(wanted), "{limits}");
    }
}

#[tokio::test]
async fn c29_the_longest_answer_of_an_agent_is_asked_for_in_each_request() {
    for (dialect, name) in [
        (Dialect::Anthropic, "max_tokens"),
        (Dialect::OpenAiChat, "max_completion_tokens"),
        (Dialect::OpenAiResponses, "max_output_tokens"),
    ] {
        let server = server([small_answer(dialect), small_answer(dialect)]).await;
        let gateway = gateway_to(&server.address).await;
        // What is left of a cap may be less; here it is after the first answer.
        let admitted = Admission { answer_tokens_max: Some(60), tokens_max: Some(65), ..admission(dialect) };
        let grant = gateway.admit(admitted);
        for _ in 0..2 {
            assert_eq!(ask(&grant, dialect, &body(dialect, "p", false)).await.status, 200);
        }
        let asked: Vec<Value> =
            server.requests().into_iter().map(|request| request.body[name].clone()).collect();
        assert_eq!(asked, [json!(60), json!(58)], "{dialect:?}");
    }
}

#[tokio::test]
async fn thinking_that_has_no_room_left_is_off() {
    let dialect = Dialect::Anthropic;
    let server = server([small_answer(dialect)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(capped(dialect, 500));
    let mut asked = body(dialect, "p", false);
    asked["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    assert_eq!(ask(&grant, dialect, &asked).await.status, 200);
    let sent = server.requests().remove(0).body;
    assert_eq!((&sent["max_tokens"], &sent["thinking"]), (&json!(500), &json!({"type": "disabled"})));
}

#[tokio::test]
async fn two_requests_at_once_may_overshoot_by_one_answer_and_no_third_begins() {
    let dialect = Dialect::OpenAiChat;
    let server = server([small_answer(dialect), small_answer(dialect), small_answer(dialect)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(capped(dialect, 16));
    let asked = body(dialect, "p", false);
    let (first, second) = (request(&grant, dialect, &asked), request(&grant, dialect, &asked));
    let begun = tokio::join!(first.send(), second.send());
    let mut statuses = [begun.0.unwrap(), begun.1.unwrap()].map(|answer| answer.status().as_u16());
    statuses.sort_unstable();
    // Whether the second one began in time is up to the machine.
    assert!(matches!(statuses, [200, 200 | 400]), "{statuses:?}");
    until("it is spent", || grant.room() < Some(16)).await;
    assert_eq!(ask(&grant, dialect, &asked).await.status, 400);
}
