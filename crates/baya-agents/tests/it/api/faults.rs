//! Everything a provider can do wrong, and how the attempt ends.

use super::canned::{self, Finish};
use super::server::{Reply, Server};
use super::{KINDS, Ran, backend, options, provider, quick, run, run_cancelled_by, run_paid, task};
use baya_agents::agent_types::AgentTypes;
use baya_agents::api::{ApiBackend, ApiSettings, ProviderConfig, ProviderKind};
use baya_agents::purse::SharedPurse;
use baya_core::agent::{AgentOptions, Answer, AttemptEnd, Cause, CauseKind, Progress, Usage, UsageSource};
use baya_core::budget::{Caps, PurseState};
use baya_core::turn::TurnRecord;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

const OPENAI: ProviderKind = ProviderKind::OpenAi;

fn ok(kind: ProviderKind) -> Reply {
    Reply::stream(canned::text(kind, "ok"))
}

fn answered() -> AttemptEnd {
    AttemptEnd::Answered(Answer::Text("ok".to_owned()))
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = serde_json::json!({"error": {"type": code, "code": code, "message": message}});
    Reply::with(status, body.to_string()).header("content-type", "application/json")
}

fn retrying(ran: &Ran) -> Vec<u64> {
    let waits = ran.progress.iter().filter_map(|told| match told {
        Progress::Retrying { wait_ms, .. } => Some(*wait_ms),
        Progress::Asked
        | Progress::Streaming { .. }
        | Progress::Reasking { .. }
        | Progress::Using { .. }
        | Progress::Waiting { .. }
        | Progress::Changed { .. } => None,
    });
    waits.collect()
}

fn failed(ran: &Ran) -> &Cause {
    match &ran.report.end {
        AttemptEnd::Failed(cause) => cause,
        other => panic!("not failed: {other:?}"),
    }
}

fn unusable(ran: &Ran) -> &Cause {
    match &ran.report.end {
        AttemptEnd::Unusable(cause) => cause,
        other => panic!("not unusable: {other:?}"),
    }
}

async fn against(kind: ProviderKind, script: Vec<Reply>) -> (Ran, usize) {
    let server = Server::start(script).await;
    let ran = run(&backend(kind, &server), &task(options())).await;
    (ran, server.requests().len())
}

#[tokio::test]
async fn c25_what_another_try_may_cure_is_tried_again() {
    for status in [408, 409, 429, 500, 502, 503, 529] {
        let script = vec![error(status, "busy", "come back"), error(status, "busy", "come back"), ok(OPENAI)];
        let (ran, asked) = against(OPENAI, script).await;
        assert_eq!(ran.report.end, answered(), "{status}");
        assert_eq!((asked, ran.report.requests), (3, 3), "{status}");
        assert_eq!(retrying(&ran).len(), 2, "{status}");
        assert_eq!(ran.report.drafts, Vec::<String>::new());
    }
}

#[tokio::test]
async fn c25_retries_end_and_the_agent_fails_with_the_providers_words() {
    for kind in KINDS {
        let script = (0..9).map(|_| error(529, "overloaded_error", "Overloaded")).collect();
        let (ran, asked) = against(kind, script).await;
        let cause = failed(&ran);
        assert_eq!(cause.kind, CauseKind::Api, "{kind:?}");
        assert!(cause.message.contains("529") && cause.message.contains("5 times"), "{}", cause.message);
        assert_eq!(asked, 5, "{kind:?}: one try and four retries");
    }
}

#[tokio::test]
async fn the_option_retries_goes_before_the_limit() {
    for retries in [0, 1] {
        let server = Server::start((0..9).map(|_| error(500, "", "no"))).await;
        let options = AgentOptions { retries: Some(retries), ..options() };
        run(&backend(OPENAI, &server), &task(options)).await;
        assert_eq!(server.requests().len(), 1 + retries as usize);
    }
}

#[tokio::test]
async fn delays_grow_repeat_with_the_seed_and_yield_to_the_provider() {
    let waits = |seed: u64| async move {
        let server = Server::start((0..9).map(|_| error(500, "", "no"))).await;
        let settings = ApiSettings { retry_delay_ms: 4, retry_delay_max_ms: 64, ..quick() };
        let backend = ApiBackend::new(
            "api",
            vec![provider(OPENAI, &server)],
            settings,
            Arc::new(AgentTypes::built_in()),
        );
        let mut task = task(options());
        task.seed = seed;
        retrying(&run(&backend, &task).await)
    };
    let first = waits(7).await;
    assert_eq!(first, waits(7).await);
    assert_ne!(first, waits(8).await);
    assert!(first.windows(2).all(|pair| pair[0] < pair[1]), "{first:?}");
    for (header, value) in [("retry-after-ms", "17"), ("retry-after", "0.017")] {
        let (ran, _) = against(OPENAI, vec![error(429, "", "slow").header(header, value), ok(OPENAI)]).await;
        assert_eq!(retrying(&ran), [17], "{header}");
    }
    let past = "Wed, 21 Oct 2015 07:28:00 GMT";
    let (ran, _) =
        against(OPENAI, vec![error(429, "", "slow").header("retry-after", past), ok(OPENAI)]).await;
    assert_eq!(retrying(&ran), [0], "a date that has passed is no wait");
}

#[tokio::test]
async fn x_should_retry_goes_before_our_own_judgement() {
    let no = error(500, "", "no").header("x-should-retry", "false");
    let (ran, asked) = against(OPENAI, vec![no, ok(OPENAI)]).await;
    assert_eq!((failed(&ran).kind, asked), (CauseKind::Api, 1));
    let yes = error(400, "", "try again").header("x-should-retry", "true");
    let (ran, asked) = against(OPENAI, vec![yes, ok(OPENAI)]).await;
    assert_eq!((ran.report.end, asked), (answered(), 2));
}

#[tokio::test]
async fn what_would_hit_every_agent_parks_the_run_at_the_first_request() {
    let cases = [
        (401, "authentication_error", "invalid x-api-key", CauseKind::Key),
        (403, "permission_error", "not allowed", CauseKind::Key),
        (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", CauseKind::Key),
        (402, "billing", "payment required", CauseKind::Credit),
        (400, "invalid_request_error", "Your credit balance is too low", CauseKind::Credit),
        (429, "insufficient_quota", "You exceeded your current quota", CauseKind::Credit),
        (404, "not_found_error", "model: test-model", CauseKind::UnknownModel),
        (404, "model_not_found", "The model `x` does not exist", CauseKind::UnknownModel),
        (400, "invalid", "test-model is not a valid model ID", CauseKind::UnknownModel),
        (404, "", "page not found", CauseKind::ProviderDown),
        (404, "unknown_url", "this model API has no /v2/messages", CauseKind::ProviderDown),
    ];
    for kind in KINDS {
        for (status, code, message, expected) in cases {
            let (ran, asked) = against(kind, vec![error(status, code, message), ok(kind)]).await;
            let cause = unusable(&ran);
            assert_eq!(cause.kind, expected, "{kind:?} {status} {code}");
            assert_eq!(asked, 1, "{kind:?} {status}: asked once");
            assert!(cause.message.contains(kind.name()) && cause.hint.is_some(), "{}", cause.message);
            assert!(!format!("{:?}", ran.report).contains("key-of-the-test"), "no key in a report");
        }
    }
}

#[tokio::test]
async fn a_limit_that_resets_late_parks_the_run_and_says_when() {
    let at = SystemTime::now() + Duration::from_secs(3600);
    let now_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    for value in ["3600".to_owned(), httpdate::fmt_http_date(at)] {
        let late = error(429, "rate_limit_error", "weekly limit").header("retry-after", &value);
        let (ran, asked) = against(ProviderKind::Anthropic, vec![late, ok(OPENAI)]).await;
        let cause = unusable(&ran);
        assert_eq!((cause.kind, asked), (CauseKind::Credit, 1));
        let wait_ms = cause.retry_at_ms.expect("says when") - now_ms;
        assert!((3_590_000..3_660_000).contains(&wait_ms), "{value}: {wait_ms}");
    }
}

#[tokio::test]
async fn c25_final_refusals_are_not_tried_again() {
    let cases = [
        (400, "invalid_request_error", "messages: bad", CauseKind::Api),
        (413, "request_too_large", "too big", CauseKind::Limit),
        (400, "context_length_exceeded", "maximum context length is 8192 tokens", CauseKind::Limit),
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000", CauseKind::Limit),
        (403, "moderation", "input was flagged", CauseKind::Refused),
        (301, "", "moved", CauseKind::Api),
    ];
    for (status, code, message, expected) in cases {
        let (ran, asked) = against(OPENAI, vec![error(status, code, message), ok(OPENAI)]).await;
        assert_eq!((failed(&ran).kind, asked), (expected, 1), "{status} {code}");
        assert_eq!(ran.report.usage.source, UsageSource::None, "{status}: nothing was bought");
    }
}

#[tokio::test]
async fn c25_a_stream_that_breaks_off_is_a_new_request_and_leaves_a_draft() {
    for kind in KINDS {
        let begun = canned::text_ending(kind, "half an answer", Finish::Nothing);
        for broken in [Reply::stream(begun.clone()).then_cut(), Reply::stream(begun)] {
            let (ran, asked) = against(kind, vec![broken, ok(kind)]).await;
            assert_eq!(ran.report.end, answered(), "{kind:?}: never glued to what came before");
            assert_eq!((asked, ran.report.requests), (2, 2), "{kind:?}");
            assert_eq!(ran.report.drafts, ["half an answer"], "{kind:?}");
            assert!(ran.report.usage.output > 7, "{kind:?}: what broke off is counted too");
        }
    }
}

#[tokio::test]
async fn c25_streams_that_only_break_off_end_as_a_network_failure() {
    let begun = canned::text_ending(OPENAI, "half", Finish::Nothing);
    let script = (0..9).map(|_| Reply::stream(begun.clone()).then_cut()).collect();
    let (ran, asked) = against(OPENAI, script).await;
    assert_eq!((failed(&ran).kind, asked), (CauseKind::Network, 5));
    assert_eq!(ran.report.drafts.len(), 5);
}

#[tokio::test]
async fn an_error_inside_a_stream_means_what_its_words_say() {
    let cases = [
        ("overloaded_error", "busy", None),
        ("server_error", "oops", None),
        ("insufficient_quota", "no credit", Some(CauseKind::Credit)),
        ("invalid_request_error", "prompt is too long", Some(CauseKind::Limit)),
    ];
    for kind in KINDS {
        for (code, message, ends_as) in cases {
            let inside = Reply::stream(canned::error_inside(kind, code, message));
            let (ran, asked) = against(kind, vec![inside, ok(kind)]).await;
            match (ends_as, &ran.report.end) {
                (None, end) => assert_eq!((end, asked), (&answered(), 2), "{kind:?} {code}"),
                (Some(expected), AttemptEnd::Failed(cause) | AttemptEnd::Unusable(cause)) => {
                    assert_eq!((cause.kind, asked), (expected, 1), "{kind:?} {code}: {cause:?}");
                }
                (Some(_), end) => panic!("{kind:?} {code}: {end:?}"),
            }
            assert!(ran.report.drafts[0].starts_with("half"), "{kind:?} {code}: {:?}", ran.report.drafts);
        }
    }
}

#[tokio::test]
async fn a_page_instead_of_an_api_is_shown() {
    let page =
        || Reply::with(200, "<!doctype html>\n<title>Sign in</title>").header("content-type", "text/html");
    for kind in KINDS {
        let server = Server::start([page(), page()]).await;
        let ran = run(&backend(kind, &server), &task(options())).await;
        let cause = failed(&ran);
        assert_eq!(cause.kind, CauseKind::Api, "{kind:?}");
        let says = cause.message.contains("text/html") && cause.message.contains("<title>Sign in</title>");
        assert!(says, "{kind:?}: {}", cause.message);
        let second = &server.requests()[1];
        assert!(!second.head.contains("key-of-the-test"), "{kind:?}: whoever that is gets no key");
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there_parks_the_run() {
    for address in [Server::address_of_nobody().await, "http://no-such-host.invalid".to_owned()] {
        let config =
            ProviderConfig { base_url: address.clone(), ..ProviderConfig::new(ProviderKind::Anthropic) };
        let backend = ApiBackend::new("api", vec![config], quick(), Arc::new(AgentTypes::built_in()));
        let ran = run(&backend, &task(options())).await;
        let cause = unusable(&ran);
        assert_eq!(cause.kind, CauseKind::ProviderDown, "{address}: {cause:?}");
        assert!(cause.message.contains(&address), "{}", cause.message);
        assert_eq!(ran.report.requests, 5);
    }
}

#[tokio::test]
async fn a_silent_provider_stalls_the_attempt() {
    for kind in KINDS {
        let begun = canned::text_ending(kind, "and then", Finish::Nothing);
        for quiet in [Reply::stream(begun).then_pause(60_000), Reply::stream("").then_pause(60_000)] {
            for options in [
                AgentOptions { stall_ms: Some(40), ..options() },
                AgentOptions { stall_ms: Some(60_000), idle_ms: Some(40), ..options() },
            ] {
                let server = Server::start([quiet.clone()]).await;
                let ran = run(&backend(kind, &server), &task(options)).await;
                assert_eq!(failed(&ran).kind, CauseKind::Stalled, "{kind:?}");
                assert_eq!(server.requests().len(), 1, "{kind:?}: the run decides about another attempt");
            }
        }
    }
}

#[tokio::test]
async fn slow_bytes_are_signs_of_life() {
    let reply = ok(OPENAI).slowly(60, 10);
    let server = Server::start([reply]).await;
    let options = AgentOptions { stall_ms: Some(2_000), ..options() };
    let ran = run(&backend(OPENAI, &server), &task(options)).await;
    assert_eq!(ran.report.end, answered());
}

#[tokio::test]
async fn timeout_ms_bounds_the_whole_attempt() {
    let begun = canned::text_ending(OPENAI, "slowly begun", Finish::Nothing);
    let server = Server::start([Reply::stream(begun).then_pause(60_000)]).await;
    let options = AgentOptions { timeout_ms: Some(800), ..options() };
    let ran = run(&backend(OPENAI, &server), &task(options)).await;
    assert_eq!(failed(&ran).kind, CauseKind::Timeout);
    assert_eq!(ran.report.drafts, ["slowly begun"]);
    assert_eq!(ran.report.usage.source, UsageSource::Estimated);
}

#[tokio::test]
async fn a_cancel_ends_requests_and_waits_and_keeps_what_is_known() {
    let begun = canned::text_ending(OPENAI, "begun", Finish::Nothing);
    let long_wait = error(429, "", "slow").header("retry-after", "250");
    for reply in [Reply::stream(begun).then_pause(60_000), Reply::stream("").then_pause(60_000), long_wait] {
        let server = Server::start([reply]).await;
        let cancel = CancellationToken::new();
        let backend = backend(OPENAI, &server);
        let task = task(options());
        let work = run_cancelled_by(&backend, &task, cancel.clone());
        let stop = async {
            while server.requests().is_empty() {
                tokio::task::yield_now().await;
            }
            cancel.cancel();
        };
        let (ran, ()) = tokio::join!(work, stop);
        assert_eq!(ran.report.end, AttemptEnd::Cancelled);
        assert_eq!(ran.report.requests, 1);
    }
}

#[tokio::test]
async fn a_proxy_in_the_environment_never_stands_before_loopback() {
    // The client reads the variables when it is built, in this process; so this asks a child.
    if std::env::var_os("BAYA_TEST_PROXIED").is_none() {
        let server = Server::start([ok(OPENAI)]).await;
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "api::faults::a_proxy_in_the_environment_never_stands_before_loopback"]);
        for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            child.env(variable, "http://127.0.0.1:9");
        }
        let status = child.env("BAYA_TEST_PROXIED", &server.address).output().await.unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
        assert_eq!(server.requests().len(), 1);
        return;
    }
    let address = std::env::var("BAYA_TEST_PROXIED").unwrap();
    let config = ProviderConfig { base_url: format!("{address}/v1"), ..ProviderConfig::new(OPENAI) };
    let backend = ApiBackend::new("api", vec![config], quick(), Arc::new(AgentTypes::built_in()));
    assert_eq!(run(&backend, &task(options())).await.report.end, answered());
}

#[tokio::test]
async fn a_key_or_password_that_is_said_back_never_enters_a_report() {
    let server = Server::start([error(401, "invalid_api_key", "wrong key: key-of-the-test")]).await;
    let mut config = provider(OPENAI, &server);
    config.base_url = config.base_url.replace("http://", "http://user:hush-hush@");
    let backend = ApiBackend::new("api", vec![config.clone()], quick(), Arc::new(AgentTypes::built_in()));
    let ran = run(&backend, &task(options())).await;
    assert_eq!(unusable(&ran).kind, CauseKind::Key);
    assert!(unusable(&ran).message.contains("wrong key: …"), "{:?}", unusable(&ran));
    config.base_url =
        format!("{}/v1", Server::address_of_nobody().await).replace("http://", "http://user:hush-hush@");
    let backend = ApiBackend::new("api", vec![config], quick(), Arc::new(AgentTypes::built_in()));
    let down = run(&backend, &task(options())).await;
    assert_eq!(unusable(&down).kind, CauseKind::ProviderDown);
    for ran in [ran, down] {
        let everything = format!("{:?} {:?}", ran.report, ran.progress);
        assert!(!everything.contains("key-of-the-test") && !everything.contains("hush"), "{everything}");
    }
}

/// Should we die while we wait for another try, nothing is billed that the provider did not take.
#[tokio::test]
async fn c52_what_came_back_is_held_no_more() {
    for status in [429, 503] {
        let server = Server::start(vec![error(status, "", "slow"), ok(OPENAI)]).await;
        let purse = SharedPurse::default();
        let run = Caps { tokens: Some(100_000), ..Caps::default() };
        purse.open(PurseState { run, at_once: 1, ..PurseState::default() });
        let (backend, task) = (backend(OPENAI, &server), task(options()));
        let ran = run_paid(&backend, &task, CancellationToken::new(), purse.clone()).await;
        assert_eq!(ran.report.end, answered(), "{status}");
        let [
            TurnRecord::Holding { most },
            TurnRecord::Holding { most: none },
            TurnRecord::Holding { most: again },
        ] = ran.turns.as_slice()
        else {
            panic!("{status}: {:?}", ran.turns)
        };
        assert_eq!((*none, most), (Usage::default(), again), "{status}");
        assert!(most.total() > 4_096, "{most:?}");
        assert_eq!(purse.open_and_waiting(), (0, 0));
    }
}
