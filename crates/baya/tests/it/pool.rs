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
        mark: None,
        place: None,
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
    let Some(Report::Ended { report, .. }) = reports.recv().await else { panic!("no end was reported") };
    report.end
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

/// Answers with where it works and what it was asked.
struct Tells;

impl Backend for Tells {
    fn name(&self) -> &str {
        "tells"
    }

    fn run<'a>(&'a self, task: &'a AgentTask, attempt: &'a Attempt) -> BoxFuture<'a, AttemptReport> {
        let text = format!("{}\n{}", attempt.folder.display(), task.prompt);
        async { AttemptReport::new(AttemptEnd::Answered(Answer::Text(text))) }.boxed()
    }
}

async fn told_in(folder: &std::path::Path, task: AgentTask) -> AttemptEnd {
    let pool = LocalPool::new(Backends::only(Arc::new(Tells)), folder.to_owned());
    let (told, mut reports) = mpsc::unbounded_channel();
    pool.start(task, Arc::new(move |report| drop(told.send(report))));
    let Some(Report::Ended { report, .. }) = reports.recv().await else { panic!("no end was reported") };
    report.end
}

#[tokio::test]
async fn c29_an_agent_works_in_the_folder_it_names_and_never_outside() {
    let top = tempfile::tempdir().expect("a folder");
    let real = top.path().canonicalize().expect("a path");
    let root = real.join("work");
    std::fs::create_dir_all(root.join("docs/deep")).expect("folders");
    std::fs::write(root.join("file"), "").expect("a file");
    std::os::unix::fs::symlink("..", root.join("up")).expect("a link");
    std::os::unix::fs::symlink("docs", root.join("papers")).expect("a link");
    for (cwd, expected) in [
        (None, Ok("work")),
        (Some("docs/deep"), Ok("work/docs/deep")),
        (Some("papers"), Ok("work/docs")),
        (Some("up"), Err("leads out of the working folder")),
        (Some("file"), Err("is no folder")),
        (Some("gone"), Err("is not there")),
    ] {
        let options = AgentOptions { cwd: cwd.map(str::to_owned), ..AgentOptions::default() };
        match (told_in(&root, task(options)).await, expected) {
            (AttemptEnd::Answered(Answer::Text(text)), Ok(folder)) => {
                assert_eq!(text, format!("{}\nx", real.join(folder).display()));
            }
            (AttemptEnd::Failed(cause), Err(why)) => {
                assert!(cause.message.ends_with(why), "{}", cause.message)
            }
            (end, expected) => panic!("{cwd:?}: {end:?}, not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_backend_without_system_text_gets_the_rule_about_data_before_the_prompt() {
    let fenced = AgentTask {
        prompt: "Fix <data-07>it</data-07>".to_owned(),
        mark: Some("07".to_owned()),
        ..task(AgentOptions::default())
    };
    let folder = std::env::temp_dir();
    let AttemptEnd::Answered(Answer::Text(text)) = told_in(&folder, fenced).await else { panic!() };
    let prompt = text.split_once('\n').expect("a prompt").1;
    assert!(prompt.starts_with("What stands between `<data-07>` and `</data-07>`"), "{prompt}");
    assert!(prompt.ends_with("\n\nFix <data-07>it</data-07>"), "{prompt}");
}
