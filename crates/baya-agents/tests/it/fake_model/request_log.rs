//! The request log tells what was asked and how it ended.

use super::wires::read;
use super::{Form, WIRES, Wire, ask, client, fake, get, request};
use baya_agents::fake_model::{Ended, FakeModel, Handle, listen, serve};
use baya_core::simulate::Rules;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Waits until the counts are as wanted.
async fn until(fake: &Handle, what: &str, holds: impl Fn(&Handle) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds(fake) {
        assert!(Instant::now() < deadline, "{what}: {:?}", fake.log.stats());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn each_request_has_a_line_when_received_and_a_line_when_ended() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("requests.jsonl");
    let rules =
        Rules::from_value(json!({"rules": [{"when": {"prompt": "^bad"}, "fault": "429"}]})).expect("rules");
    let fake =
        serve(FakeModel { rules, log: Some(file.clone()) }, listen(0).expect("port")).await.expect("served");
    let long = "long ".repeat(100);
    ask(&fake, Wire::Chat, true, Form::Tool, &long).await.text();
    ask(&fake, Wire::Gemini, false, Form::Plain, "bad").await.text();
    until(&fake, "both ended", |fake| fake.log.lines().len() == 4).await;
    let lines = fake.log.entries();
    let first = &lines[0];
    assert_eq!((&first["event"], &first["n"]), (&json!("received"), &json!(1)));
    assert_eq!((&first["wire"], &first["path"]), (&json!("openai-chat"), &json!("/v1/chat/completions")));
    assert_eq!(
        (&first["model"], &first["stream"], &first["schema"]),
        (&json!("m"), &json!(true), &json!(true))
    );
    assert_eq!(first["prompt"], json!(long[..200]));
    assert_eq!(first["hash"], json!(blake3::hash(long.as_bytes()).to_hex().as_str()));
    assert!(first["ms"].as_u64().is_some_and(|ms| ms > 1_700_000_000_000));
    let ended = &lines[1];
    assert_eq!(
        (&ended["event"], &ended["n"], &ended["ended"]),
        (&json!("ended"), &json!(1), &json!("complete"))
    );
    assert_eq!((&ended["status"], &ended["rule"]), (&json!(200), &Value::Null));
    assert!(ended["output"].as_u64().is_some_and(|tokens| tokens > 0));
    assert_eq!((&lines[3]["status"], &lines[3]["rule"]), (&json!(429), &json!(0)));
    let on_disk = std::fs::read_to_string(&file).expect("log file");
    assert_eq!(on_disk.lines().collect::<Vec<_>>(), fake.log.lines());
    assert_eq!(get(&fake, "/__log").await.text(), on_disk);
    let stats = get(&fake, "/__stats").await.json();
    assert_eq!((&stats["requests"], &stats["by_status"]), (&json!(2), &json!({"200": 1, "429": 1})));
}

#[tokio::test]
async fn a_cut_and_a_client_that_went_away_are_told_apart() {
    let fake = fake(json!({"rules": [{"when": {"prompt": "cut"}, "fault": "cut"}, {"fault": "hang"}]})).await;
    for (asked, wire) in WIRES.into_iter().enumerate() {
        assert!(ask(&fake, wire, true, Form::Plain, "cut").await.body.is_err());
        until(&fake, "cut", |fake| fake.log.stats().ended.get(&Ended::Cut) == Some(&(asked as u64 + 1)))
            .await;
    }
    let body = request(Wire::Anthropic, true, Form::Plain, "wait").to_string();
    let asked = tokio::spawn(client().post(format!("{}/v1/messages", fake.url())).body(body).send());
    until(&fake, "received", |fake| fake.log.stats().open == 1).await;
    asked.abort();
    until(&fake, "gone", |fake| fake.log.stats().ended.get(&Ended::ClientGone) == Some(&1)).await;
    assert_eq!(fake.log.stats().open, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_at_once_are_all_answered_and_counted() {
    const AT_ONCE: u64 = 400;
    let fake = fake(json!({"latency_ms": 40})).await;
    let client = client();
    let asked: Vec<_> = (0..AT_ONCE)
        .map(|i| {
            let body = request(Wire::Anthropic, true, Form::Plain, &format!("prompt {i}")).to_string();
            tokio::spawn(client.post(format!("{}/v1/messages", fake.url())).body(body).send())
        })
        .collect();
    for (i, answer) in asked.into_iter().enumerate() {
        let text = answer.await.expect("task").expect("answer").text().await.expect("whole");
        assert!(read(Wire::Anthropic, true, &text).text.contains(&format!("prompt {i}\"")), "{text}");
    }
    until(&fake, "ended", |fake| fake.log.stats().open == 0).await;
    let stats = fake.log.stats();
    assert_eq!((stats.requests, stats.ended.get(&Ended::Complete)), (AT_ONCE, Some(&AT_ONCE)));
    assert!(stats.open_max > 8, "they did not run at once: {}", stats.open_max);
}
