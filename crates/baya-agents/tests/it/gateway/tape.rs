//! Record and replay.

use super::*;
use crate::fake_model::fake;
use futures_util::StreamExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What was answered while it was recorded, and what is answered from the tape.
async fn both(folder: &Path, rules: Value, asked: &[(Dialect, Value)]) -> (Vec<Got>, Vec<Got>) {
    let fake = fake(rules).await;
    let mut all = Vec::new();
    for tape in [Tape::Record(folder.to_owned()), Tape::Replay(folder.to_owned())] {
        let address =
            if matches!(tape, Tape::Record(_)) { fake.url() } else { "http://127.0.0.1:9".to_owned() };
        let gateway = gateway_with(&address, tape).await;
        let mut got = Vec::new();
        for (dialect, body) in asked {
            let grant = gateway.admit(admission(*dialect));
            got.push(ask(&grant, *dialect, body).await);
            assert!(grant.finish().requests > 0);
        }
        all.push(got);
    }
    let (replayed, recorded) = (all.pop().unwrap(), all.pop().unwrap());
    (recorded, replayed)
}

#[tokio::test]
async fn what_was_recorded_is_answered_again_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let mut asked = Vec::new();
    for dialect in Dialect::ALL {
        asked.extend([true, false].map(|streamed| (dialect, body(dialect, "wörds 🧶", streamed))));
        asked.push((dialect, body(dialect, "breaks", true)));
        asked.push((dialect, body(dialect, "refused", false)));
    }
    let rules = json!({"rules": [{"when": {"prompt": "breaks"}, "text": "half of it", "fault": "cut"},
        {"when": {"prompt": "refused"}, "fault": "401"}]});
    let (recorded, replayed) = both(folder.path(), rules, &asked).await;
    assert_eq!(recorded, replayed);
    assert!(recorded.iter().any(|got| got.body.is_err()) && recorded.iter().any(|got| got.status == 401));
    assert_eq!(files(folder.path()).len(), asked.len());
}

#[tokio::test]
async fn a_client_that_leaves_at_the_last_event_has_had_a_whole_answer() {
    for (dialect, last) in [
        (Dialect::Anthropic, "data: {\"type\":\"message_stop\"}\n\n"),
        (Dialect::OpenAiChat, "data: [DONE]\n\n"),
        (Dialect::OpenAiResponses, "data: {\"type\":\"response.completed\",\"response\":{}}\n\n"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = server([Reply::stream(last).then_pause(600_000)]).await;
        let gateway = gateway_with(&server.address, Tape::Record(folder.path().to_owned())).await;
        let grant = gateway.admit(admission(dialect));
        let answer = request(&grant, dialect, &body(dialect, "p", true)).send().await.unwrap();
        let mut pieces = answer.bytes_stream();
        assert_eq!(pieces.next().await.unwrap().unwrap(), last);
        drop(pieces);
        let files = files(folder.path());
        assert_eq!(files.len(), 1, "{dialect:?}");
        assert!(!std::fs::read_to_string(&files[0]).unwrap().contains("cut"));
    }
}

#[tokio::test]
async fn equal_requests_are_answered_in_their_order_and_not_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let dialect = Dialect::OpenAiChat;
    // What names the asker makes no difference.
    let with = |user: &str| {
        let mut asked = body(dialect, "again", false);
        asked["user"] = json!(user);
        (dialect, asked)
    };
    let rules = json!({"rules": [{"text": "answer {{n}}"}]});
    let (recorded, replayed) = both(folder.path(), rules, &[with("a"), with("b"), with("c")]).await;
    assert_eq!(recorded, replayed);
    assert!(replayed[2].text().contains("answer 3"));
    let gateway = gateway_with("http://127.0.0.1:9", Tape::Replay(folder.path().to_owned())).await;
    let grant = gateway.admit(admission(dialect));
    for _ in 0..3 {
        assert_eq!(ask(&grant, dialect, &with("d").1).await.status, 200);
    }
    let got = ask(&grant, dialect, &with("d").1).await;
    assert_eq!(got.status, 400);
    assert!(got.error(dialect).contains("recorded 3 times"), "{}", got.text());
}

#[tokio::test]
async fn names_that_a_client_makes_up_anew_make_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let dialect = Dialect::OpenAiResponses;
    let asked = |name: &str| {
        json!({"client_metadata": {"session": name}, "prompt_cache_key": name, "stream": false, "model": "m",
            "input": [{"id": name, "role": "user", "content": "the same"}]})
    };
    both(folder.path(), json!({}), &[(dialect, asked("a"))]).await;
    let gateway = gateway_with("http://127.0.0.1:9", Tape::Replay(folder.path().to_owned())).await;
    let grant = gateway.admit(admission(dialect));
    let mut turned = asked("b");
    // The order of members, too.
    let first = turned.as_object_mut().unwrap().shift_remove("stream").unwrap();
    turned["stream"] = first;
    assert_eq!(ask(&grant, dialect, &turned).await.status, 200);
}

#[tokio::test]
async fn an_unknown_request_names_the_nearest_one_and_the_difference() {
    let folder = tempfile::tempdir().unwrap();
    let dialect = Dialect::Anthropic;
    let asked =
        [(dialect, body(dialect, "count to ten", false)), (dialect, body(dialect, "something else", true))];
    both(folder.path(), json!({}), &asked).await;
    let gateway = gateway_with("http://127.0.0.1:9", Tape::Replay(folder.path().to_owned())).await;
    let grant = gateway.admit(admission(dialect));
    let got = ask(&grant, dialect, &body(dialect, "count to two", false)).await;
    assert_eq!(got.status, 400);
    let error = got.error(dialect);
    assert!(error.contains("differs in 1 place: at `/messages/0/content` recorded is"), "{error}");
    assert!(error.contains("ten") && error.contains("two") && error.contains(".json"), "{error}");
    let (dialect, other) = (Dialect::OpenAiChat, gateway.admit(admission(Dialect::OpenAiChat)));
    let error = ask(&other, dialect, &body(dialect, "p", false)).await.error(dialect);
    assert!(error.contains("nothing is recorded for `POST /v1/chat/completions`"), "{error}");
}

#[tokio::test]
async fn files_are_for_their_owner_and_hold_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("made/for/it");
    let said = json!({"content": [{"type": "text", "text": format!("your key is {REAL_KEY}")}]}).to_string();
    let server = server([Reply::with(200, said).header("content-type", "application/json")]).await;
    let gateway = gateway_with(&server.address, Tape::Record(folder.clone())).await;
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let prompt = format!("my address is {} and a key is {REAL_KEY}", grant.base_url(Dialect::Anthropic));
    ask(&grant, Dialect::Anthropic, &body(Dialect::Anthropic, &prompt, false)).await;
    let files = files(&folder);
    assert_eq!(files.len(), 1);
    let text = std::fs::read_to_string(&files[0]).unwrap();
    assert!(!text.contains(REAL_KEY) && !text.contains(grant.key()), "{text}");
    assert!(text.contains("your key is …") && text.lines().count() > 10, "people can read it: {text}");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&files[0]), mode(&folder)), (0o600, 0o700));
}

#[tokio::test]
async fn a_key_that_comes_in_two_pieces_is_hidden_too() {
    let folder = tempfile::tempdir().unwrap();
    let events = format!("data: {{\"echo\":\"{REAL_KEY}\"}}\n\ndata: [DONE]\n\n");
    let server = server([Reply::stream(events).slowly(20, 20)]).await;
    let gateway = gateway_with(&server.address, Tape::Record(folder.path().to_owned())).await;
    let grant = gateway.admit(admission(Dialect::OpenAiChat));
    assert_eq!(ask(&grant, Dialect::OpenAiChat, &body(Dialect::OpenAiChat, "p", true)).await.status, 200);
    let text = std::fs::read_to_string(&files(folder.path())[0]).unwrap();
    assert!(text.contains("…") && !text.contains("sk-real"), "{text}");
}

#[tokio::test]
async fn a_folder_that_is_no_recording_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let providers = providers("http://127.0.0.1:9");
        let governor = Governor::new(GovernorSettings::default());
        let tape = Tape::Replay(folder.path().to_owned());
        Gateway::start(GatewayConfig { providers, governor, tape }).await.err().expect("refused").to_string()
    };
    assert!(start().await.contains("holds no recording"));
    std::fs::write(folder.path().join("x.json"), "{}").unwrap();
    assert!(start().await.contains("x.json` is no recording"));
}
