//! Attempts on this machine: whatever a backend does, there is a report.

use baya::wiring::backends::Backends;
use baya::wiring::pool::LocalPool;
use baya_agents::backend::{Attempt, Backend};
use baya_core::agent::{AgentOptions, AgentTask, Answer, AttemptEnd, AttemptReport, CauseKind};
use baya_core::ids::{AgentNumber, RunId};
use baya_engine::runner::{AgentRunner, Report};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What the backend of a test does with an attempt.
#[derive(Clone, Copy)]
enum Manner {
    Answers,
    PanicsAtOnce,
    PanicsLater,
    /// Ends when it is cancelled.
    WaitsForCancel,
    /// Answers when it is cancelled.
    AnswersLate,
}

struct Odd(Manner);

impl Backend for Odd {
    fn name(&self) -> &str {
        "odd"
    }

    fn run<'a>(&'a self, _task: &'a AgentTask, attempt: &'a Attempt) -> BoxFuture<'a, AttemptReport> {
        let answer = || AttemptReport::new(AttemptEnd::Answered(Answer::Text("done".to_owned())));
        if let Manner::PanicsAtOnce = self.0 {
            panic!("before it begins");
        }
        async move {
            match self.0 {
                Manner::Answers => answer(),
                Manner::PanicsAtOnce | Manner::PanicsLater => {
                    tokio::task::yield_now().await;
                    panic!("in the middle")
                }
                Manner::WaitsForCancel => {
                    attempt.cancel.cancelled().await;
                    AttemptReport::new(AttemptEnd::Cancelled)
                }
                Manner::AnswersLate => {
                    attempt.cancel.cancelled().await;
                    answer()
                }
            }
        }
        .boxed()
    }
}

fn task(options: AgentOptions) -> AgentTask {
    AgentTask {
        run: RunId::from_random(1),
        agent: AgentNumber(1),
        attempt: 1,
        label: "x".to_owned(),
        phase: None,
        prompt: "x".to_owned(),
        asked_before: 0,
        seed: 1,
        options,
        turns: Vec::new(),
    }
}

/// Starts one attempt, does something to the pool, and takes the report.
async fn end_of(manner: Manner, options: AgentOptions, then: impl FnOnce(&LocalPool)) -> AttemptEnd {
    let pool = LocalPool::new(Backends::only(Arc::new(Odd(manner))), std::env::temp_dir());
    let (told, mut reports) = mpsc::unbounded_channel();
    let reports_to = Arc::new(move |report| drop(told.send(report)));
    pool.start(task(options), reports_to);
    then(&pool);
    match reports.recv().await {
        Some(Report::Ended { report, .. }) => report.end,
        Some(
            Report::Progress { .. }
            | Report::ProcessStarted { .. }
            | Report::ApprovalAsked { .. }
            | Report::Turn { .. },
        )
        | None => {
            panic!("no end was reported")
        }
    }
}

#[tokio::test]
async fn a_panicking_backend_is_a_failed_agent() {
    for (manner, text) in [(Manner::PanicsAtOnce, "before it begins"), (Manner::PanicsLater, "in the middle")]
    {
        let end = end_of(manner, AgentOptions::default(), |_| {}).await;
        let AttemptEnd::Failed(cause) = end else { panic!("{end:?}") };
        assert_eq!(cause.kind, CauseKind::Panic);
        assert!(
            cause.message.contains("`odd` panicked") && cause.message.contains(text),
            "{}",
            cause.message
        );
    }
}

#[tokio::test]
async fn a_time_limit_ends_an_attempt_and_keeps_an_answer_that_was_there() {
    let limited = || AgentOptions { timeout_ms: Some(1), ..AgentOptions::default() };
    let AttemptEnd::Failed(cause) = end_of(Manner::WaitsForCancel, limited(), |_| {}).await else { panic!() };
    assert_eq!(cause.kind, CauseKind::Timeout);
    let late = end_of(Manner::AnswersLate, limited(), |_| {}).await;
    assert!(matches!(late, AttemptEnd::Answered(_)), "{late:?}");
}

#[tokio::test]
async fn a_cancelled_attempt_says_so() {
    let cancel = |pool: &LocalPool| pool.cancel(AgentNumber(1), 1);
    assert_eq!(end_of(Manner::WaitsForCancel, AgentOptions::default(), cancel).await, AttemptEnd::Cancelled);
    let other = |pool: &LocalPool| pool.cancel(AgentNumber(1), 2);
    let end = end_of(Manner::Answers, AgentOptions::default(), other).await;
    assert!(matches!(end, AttemptEnd::Answered(_)), "{end:?}");
}

#[tokio::test]
async fn a_backend_that_is_gone_fails_the_agent() {
    let options = AgentOptions { backend: Some("gone".to_owned()), ..AgentOptions::default() };
    let AttemptEnd::Failed(cause) = end_of(Manner::Answers, options, |_| {}).await else { panic!() };
    assert!(cause.message.contains("no backend `gone`"), "{}", cause.message);
}
