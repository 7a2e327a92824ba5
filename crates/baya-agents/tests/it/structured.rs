//! One table over all backends that give structured output (C32, C33): a right answer at once, a wrong one
//! and prose that are asked again, and none at all. A backend is a row.

use crate::acp::Place;
use crate::api::canned;
use crate::api::server::{Reply, Server};
use crate::attempts;
use crate::standin::{Kind, Stage, no_rules};
use baya_agents::api::ProviderKind;
use baya_agents::command::{Command, CommandConfig};
use baya_core::agent::{AgentOptions, AgentTask, Answer, AttemptEnd, AttemptReport, CauseKind};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What an agent gives when it is asked, each time it is asked; the last for all further times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    Right,
    Wrong,
    Prose,
}
use Gives::{Prose, Right, Wrong};

impl Gives {
    /// As JSON; prose is none.
    pub fn json(self) -> Option<Value> {
        match self {
            Right => Some(json!({"n": 3})),
            Wrong => Some(json!({"n": "three"})),
            Prose => None,
        }
    }

    /// As text.
    pub fn text(self) -> String {
        self.json().map_or_else(|| "it is three".to_owned(), |value| value.to_string())
    }
}

/// A backend in the table.
pub struct Row {
    pub name: String,
    /// How a right answer comes.
    pub rung: &'static str,
    /// What it reports when its agent gives this.
    pub run: Box<dyn Fn(&'static [Gives]) -> BoxFuture<'static, AttemptReport>>,
}

fn rows() -> Vec<Row> {
    let api = ProviderKind::ALL.into_iter().map(api_row);
    let programs = [cli_row(Kind::Codex), cli_row(Kind::Claude), command_row()];
    api.chain(programs).chain([acp_row("tool"), acp_row("text")]).collect()
}

pub fn asked() -> AgentTask {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let model = Some("test-model".to_owned());
    attempts::task("how many", AgentOptions { schema: Some(schema), model, ..AgentOptions::default() })
}

fn api_row(kind: ProviderKind) -> Row {
    let is_native = kind == ProviderKind::Ollama;
    let reply = move |gives: &Gives| match gives.json() {
        Some(value) if !is_native => Reply::stream(canned::tool(kind, &value.to_string())),
        Some(_) | None => Reply::stream(canned::text(kind, &gives.text())),
    };
    let run = move |gives: &'static [Gives]| {
        let last = gives.last().copied();
        // Five tries and the last pass.
        let replies: Vec<Reply> = gives.iter().chain(last.iter().cycle()).take(6).map(reply).collect();
        async move {
            let server = Server::start(replies).await;
            attempts::run(&crate::api::backend(kind, &server), &asked()).await.0
        }
        .boxed()
    };
    Row {
        name: format!("api on {}", kind.name()),
        rung: if is_native { "native" } else { "tool" },
        run: Box::new(run),
    }
}

/// `codex` and `claude`, each run of which writes the next answer, the last one again and again.
fn cli_row(kind: Kind) -> Row {
    let script = "n=$(ls -d asked* 2>/dev/null | wc -l | tr -d ' '); mkdir asked$n; say \"$SESSION\"; \
                  [ -e $n ] && cat $n || cat $(ls [0-9]* | tail -1)";
    let run = move |gives: &'static [Gives]| {
        async move {
            let stage = Stage::new(no_rules()).await;
            for (at, gives) in gives.iter().enumerate() {
                std::fs::write(stage.folder().join(at.to_string()), ending(kind, *gives)).expect("a file");
            }
            let mut task = asked();
            // What the names of its models mean is another test's.
            task.options.model = None;
            stage.run_task(&stage.cli(kind, stage.program(kind, script)), &task).await.0
        }
        .boxed()
    };
    Row { name: format!("{kind:?}").to_lowercase(), rung: "native", run: Box::new(run) }
}

/// The last lines of a run of `codex` or `claude` that was asked for its own structured output.
fn ending(kind: Kind, gives: Gives) -> String {
    if kind == Kind::Claude {
        let mut line = json!({"type": "result", "subtype": "success", "is_error": false, "session_id": "s-1",
            "result": gives.text()});
        gives.json().into_iter().for_each(|value| line["structured_output"] = value);
        return format!("{line}\n");
    }
    let message = json!({"type": "agent_message", "text": gives.text()});
    format!("{}\n{}\n", json!({"type": "item.completed", "item": message}), json!({"type": "turn.completed"}))
}

fn command_row() -> Row {
    let run = |gives: &'static [Gives]| {
        async move {
            let folder = tempfile::tempdir().expect("a folder");
            let files: Vec<String> = gives.iter().map(|gives| gives.text()).collect();
            for (at, text) in files.iter().enumerate() {
                std::fs::write(folder.path().join(format!("{at}")), text).expect("a file");
            }
            // Each run takes the next file, the last one again and again.
            let script = "cd \"$0\"; n=$(ls -d asked* 2>/dev/null | wc -l); mkdir asked$n; \
                          [ -e $n ] && cat $n || cat $(ls [0-9]* | tail -1)";
            let place = folder.path().display().to_string();
            let argv = ["sh", "-c", script, &place].map(str::to_owned).to_vec();
            let path = std::env::var("PATH").expect("PATH");
            let environment = BTreeMap::from([("PATH".to_owned(), path)]);
            let command = Command::new(CommandConfig::new("prog", argv), &environment);
            attempts::run(&command, &asked()).await.0
        }
        .boxed()
    };
    Row { name: "command".to_owned(), rung: "text", run: Box::new(run) }
}

/// An agent of the Agent Client Protocol that uses our tool, or never does.
fn acp_row(rung: &'static str) -> Row {
    let turn = move |gives: &Gives| match gives.json() {
        Some(value) if rung == "tool" => json!([{"answer": value}, {"text": "done"}]),
        Some(_) => json!([{"text": format!("Here it is:\n```json\n{}\n```", gives.text())}]),
        None => json!([{"text": gives.text()}]),
    };
    let run = move |gives: &'static [Gives]| {
        async move {
            let place = Place::new();
            let mut task = asked();
            // The stand-in lets no model be chosen.
            task.options.model = None;
            let turns: Vec<Value> = gives.iter().map(turn).collect();
            place.run(&place.agent(&json!({"turns": turns})), &task).await.0
        }
        .boxed()
    };
    Row { name: format!("acp by {rung}"), rung, run: Box::new(run) }
}

fn kind_of(report: &AttemptReport) -> CauseKind {
    match &report.end {
        AttemptEnd::Failed(cause) => cause.kind,
        _ => panic!("{report:?}"),
    }
}

#[tokio::test]
async fn c32_a_right_answer_is_taken_however_late_it_comes() {
    const CASES: [(&[Gives], usize); 4] =
        [(&[Right], 0), (&[Wrong, Right], 1), (&[Prose, Right], 1), (&[Wrong, Prose, Wrong, Right], 3)];
    for row in rows() {
        for (gives, drafts) in CASES {
            let report = (row.run)(gives).await;
            let what = format!("{} that gives {gives:?}: {report:?}", row.name);
            assert_eq!(report.end, AttemptEnd::Answered(Answer::Json(json!({"n": 3}))), "{what}");
            let rung = report.rung.as_deref();
            // A program's output has no rung: it is the only way there is.
            assert_eq!(rung, (row.name != "command").then_some(row.rung), "{what}");
            assert!(report.drafts.len() >= drafts, "nothing it wrote is lost: {what}");
        }
    }
}

#[tokio::test]
async fn c33_an_answer_that_is_never_right_fails_with_what_is_wrong() {
    for row in rows() {
        let wrong = (row.run)(&[Wrong]).await;
        let what = format!("{}: {wrong:?}", row.name);
        assert_eq!(kind_of(&wrong), CauseKind::SchemaUnmet, "{what}");
        assert!(format!("{:?}", wrong.end).contains("/n"), "{what}");
        assert!(wrong.drafts.len() >= 5, "{what}");
        let prose = (row.run)(&[Prose]).await;
        assert_eq!(kind_of(&prose), CauseKind::SchemaUnmet, "{}: {prose:?}", row.name);
    }
}

#[tokio::test]
async fn c32_the_last_pass_makes_an_answer_of_what_was_written() {
    // A program has no such pass, and in it an agent has no tool of ours.
    for row in rows().into_iter().filter(|row| !["command", "acp by tool"].contains(&row.name.as_str())) {
        let report = (row.run)(&[Prose, Prose, Prose, Prose, Prose, Right]).await;
        assert_eq!(report.rung.as_deref(), Some("repair"), "{}: {report:?}", row.name);
        assert_eq!(report.end, AttemptEnd::Answered(Answer::Json(json!({"n": 3}))));
    }
}
