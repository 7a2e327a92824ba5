//! Agents with tools, against the fake model: turns, tools, what goes to the journal, what is asked twice.

use super::{KINDS, quick};
use baya_agents::agent_types::AgentTypes;
use baya_agents::api::{ApiBackend, ApiSettings, ProviderConfig, ProviderKind, Workbench};
use baya_agents::backend::{Attempt, Backend, OpenGate, Signal};
use baya_agents::fake_model::{FakeModel, Handle, listen, serve};
use baya_agents::purse::SharedPurse;
use baya_agents::sandbox::{Profile, Sandbox};
use baya_agents::tools::ToolRoom;
use baya_core::agent::{AgentOptions, AgentTask, Answer, AttemptEnd, AttemptReport, CauseKind, Progress};
use baya_core::simulate::Rules;
use baya_core::turn::TurnRecord;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A folder with a file in it, a fake model with these rules, and a backend of this kind.
struct Shop {
    folder: TempDir,
    fake: Handle,
    backend: ApiBackend,
}

struct Ran {
    report: AttemptReport,
    turns: Vec<TurnRecord>,
    progress: Vec<Progress>,
}

fn bench(temporary: &Path) -> Arc<Workbench> {
    let temporary = temporary.to_owned();
    let open = Arc::new(move |task: &AgentTask, attempt: &Attempt, profile: Profile| {
        let own = temporary.join("room");
        std::fs::create_dir_all(&own).map_err(|error| error.to_string())?;
        let mut sandbox = Sandbox::new(profile, &attempt.folder, &own);
        sandbox.environment.insert("PATH".to_owned(), "/usr/bin:/bin".to_owned());
        // The policy is one argument, the command follows it.
        sandbox.applier = ["/bin/sh", "-c", "shift; exec \"$@\"", "sh"].map(str::to_owned).to_vec();
        // Tests share a process and a run's id, but no folder.
        let mark = format!("{}/{}", own.display(), task.agent.0);
        Ok(ToolRoom::new(sandbox, own.join("kept"), mark, attempt.cancel.child_token()))
    });
    Arc::new(Workbench { profile: Profile::Workspace, open })
}

impl Shop {
    async fn of(kind: ProviderKind, rules: Value) -> Shop {
        Shop::with(kind, rules, quick()).await
    }

    async fn with(kind: ProviderKind, rules: Value, settings: ApiSettings) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        std::fs::write(folder.path().join("work/note.txt"), "the word is heron\n").unwrap();
        let rules = Rules::parse(&json!({ "rules": rules }).to_string()).unwrap();
        let fake = serve(FakeModel { rules, log: None }, listen(0).unwrap()).await.unwrap();
        let version = match kind {
            ProviderKind::Anthropic | ProviderKind::Ollama | ProviderKind::Gemini => "",
            _ => "/v1",
        };
        let base_url = format!("{}{version}", fake.url());
        let config = ProviderConfig { base_url, ..ProviderConfig::new(kind) };
        let backend = ApiBackend::new("api", vec![config], settings, Arc::new(AgentTypes::built_in()));
        let backend = backend.with_tools(bench(folder.path()));
        Shop { folder, fake, backend }
    }

    async fn run(&self, options: AgentOptions, turns: Vec<TurnRecord>) -> Ran {
        self.run_until(options, turns, usize::MAX).await
    }

    /// The driver dies when it has written so many turns: no more is ever answered.
    async fn run_until(&self, options: AgentOptions, turns: Vec<TurnRecord>, written_max: usize) -> Ran {
        let options = AgentOptions { model: Some("test-model".to_owned()), ..options };
        let task = AgentTask { turns, ..super::task(options) };
        let told = Arc::new(Mutex::new((Vec::new(), Vec::new())));
        let hears = told.clone();
        let signals = Arc::new(move |signal| match signal {
            Signal::Progress(progress) => hears.lock().unwrap().1.push(progress),
            Signal::Turn { turn, recorded } => {
                let mut heard = hears.lock().unwrap();
                if heard.0.len() < written_max {
                    heard.0.push(turn);
                    let _ = recorded.send(());
                }
            }
            Signal::ProcessStarted { .. } | Signal::ApprovalAsked { .. } => {}
        });
        let (cancel, folder) = (CancellationToken::new(), self.folder.path().join("work"));
        let report = self
            .backend
            .run(
                &task,
                &Attempt { cancel, folder, signals, gate: Arc::new(OpenGate), purse: SharedPurse::default() },
            )
            .await;
        let (turns, progress) = told.lock().unwrap().clone();
        Ran { report, turns, progress }
    }

    fn requests(&self) -> u64 {
        self.fake.log.stats().requests
    }

    fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("work").join(name)).ok()
    }
}

fn plain() -> AgentOptions {
    AgentOptions::default()
}

fn text(ran: &Ran) -> &str {
    match &ran.report.end {
        AttemptEnd::Answered(Answer::Text(text)) => text,
        other => panic!("{other:?}\n{:?}", ran.turns),
    }
}

/// What the model was told of each call.
fn results(ran: &Ran) -> Vec<&str> {
    let results = ran.turns.iter().filter_map(|turn| match turn {
        TurnRecord::ToolEnded { text, .. } => Some(text.as_str()),
        _ => None,
    });
    results.collect()
}

fn tool(name: &str, input: Value) -> Value {
    json!({"name": name, "input": input})
}

#[tokio::test]
async fn tools_are_called_and_their_results_go_back_over_every_wire() {
    for kind in KINDS {
        let shop = Shop::of(
            kind,
            json!([
                {"when": {"turn": 1}, "tool": tool("read", json!({"path": "note.txt"}))},
                {"when": {"turn": 2}, "tool": tool("write", json!({"path": "new.txt", "content": "written"}))},
                {"when": {"turn": 3}, "tool": tool("bash", json!({"command": "cat new.txt"}))},
                {"when": {"turn": 4}, "text": "done"},
            ]),
        )
        .await;
        let ran = shop.run(plain(), Vec::new()).await;
        assert_eq!(text(&ran), "done", "{kind:?}");
        let results = results(&ran);
        assert_eq!(results.len(), 3, "{kind:?}: {:?}", ran.turns);
        assert!(results[0].contains("heron") && results[2].contains("written"), "{kind:?}: {results:?}");
        assert_eq!(shop.file("new.txt").as_deref(), Some("written"), "{kind:?}");
        assert_eq!(shop.requests(), 4, "{kind:?}");
        let using = |name: &str| ran.progress.contains(&Progress::Using { tool: name.to_owned() });
        assert!(using("read") && using("write") && using("bash"), "{kind:?}");
    }
}

#[tokio::test]
async fn several_calls_of_one_answer_have_their_results_in_its_order() {
    for kind in KINDS {
        let calls = [
            tool("read", json!({"path": "note.txt"})),
            tool("write", json!({"path": "a.txt", "content": "first"})),
            tool("read", json!({"path": "a.txt"})),
            tool("write", json!({"path": "b.txt", "content": "second"})),
            tool("nothing", json!({})),
            tool("read", json!({"path": 7})),
        ];
        let shop = Shop::of(kind, json!([{"when": {"turn": 1}, "tool": calls}, {"text": "ok"}])).await;
        let ran = shop.run(plain(), Vec::new()).await;
        assert_eq!(text(&ran), "ok", "{kind:?}");
        let steps: Vec<(u32, bool)> = ran
            .turns
            .iter()
            .filter_map(|turn| match turn {
                TurnRecord::ToolStarted { call } => Some((*call, true)),
                TurnRecord::ToolEnded { call, .. } => Some((*call, false)),
                _ => None,
            })
            .collect();
        // What only reads needs no start; a change waits for the reads before it.
        assert_eq!(steps, [(0, false), (1, true), (1, false), (2, false), (3, true), (3, false)], "{kind:?}");
        assert!(results(&ran)[2].contains("first"), "{kind:?}: {:?}", results(&ran));
    }
}

#[tokio::test]
async fn c61_an_attempt_goes_on_where_a_dead_driver_left_it() {
    for kind in KINDS {
        let rules = json!([
            {"when": {"turn": 1}, "tool": tool("read", json!({"path": "note.txt"}))},
            {"when": {"turn": [2, 3, 4]}, "tool": tool("bash", json!({"command": "echo x >> count.txt"}))},
            {"when": {"turn": 5}, "text": "five"},
        ]);
        let shop = Shop::of(kind, rules.clone()).await;
        let whole = shop.run(plain(), Vec::new()).await;
        assert_eq!((text(&whole), shop.requests()), ("five", 5), "{kind:?}");
        assert_eq!(shop.file("count.txt").as_deref(), Some("x\nx\nx\n"));
        // After each turn that was written, the rest is asked for and nothing before it.
        for written in 0..=whole.turns.len() {
            let shop = Shop::of(kind, rules.clone()).await;
            let dead = shop.run_until(plain(), Vec::new(), written).await;
            let before = shop.requests();
            let answers =
                dead.turns.iter().filter(|turn| matches!(turn, TurnRecord::Answered { .. })).count();
            let ran = shop.run(plain(), dead.turns.clone()).await;
            assert_eq!(text(&ran), "five", "{kind:?} {written}");
            let bought = shop.requests() - before;
            let whole_run = written == whole.turns.len();
            assert_eq!(bought, if whole_run { 1 } else { 5 - answers as u64 }, "{kind:?} {written}");
            let count = shop.file("count.txt").unwrap_or_default().len() / 2;
            let unknown = results(&ran).iter().filter(|text| text.contains("it may have run")).count();
            let begun = matches!(dead.turns.last(), Some(TurnRecord::ToolStarted { .. }));
            assert_eq!((count, unknown), (3, usize::from(begun)), "{kind:?} {written}: none is done twice");
        }
    }
}

#[tokio::test]
async fn c51_what_turns_carry_the_report_does_not_say_again() {
    let rules = json!([
        {"when": {"turn": 1}, "tool": tool("read", json!({"path": "note.txt"})), "usage": {"input": 10, "output": 7}},
        {"text": "ok", "usage": {"input": 20, "output": 5}},
    ]);
    let shop = Shop::of(ProviderKind::Anthropic, rules).await;
    let ran = shop.run(plain(), Vec::new()).await;
    let carried: u64 = ran.turns.iter().map(|turn| turn.usage().output).sum();
    assert_eq!((carried, ran.report.usage.output, ran.report.requests), (7, 5, 1));
    let again = shop.run(plain(), ran.turns).await;
    assert_eq!((again.turns.len(), again.report.usage.output), (0, 5), "nothing old is counted anew");
}

#[tokio::test]
async fn c32_an_agent_with_a_schema_has_tools_until_it_gives_its_result() {
    let schema = json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}});
    let options = AgentOptions { schema: Some(schema), ..plain() };
    let read = json!({"when": {"turn": 1}, "tool": tool("read", json!({"path": "note.txt"}))});
    let wrong = json!({"when": {"turn": 2}, "tool": tool("StructuredOutput", json!({"n": "no"}))});
    for kind in KINDS {
        // At once; after a wrong one; after prose.
        for (rules, requests) in [
            (json!([read, {"json": {"n": 3}}]), 2),
            (json!([read, wrong, {"json": {"n": 3}}]), 3),
            (json!([read, {"when": {"turn": 2}, "text": "It is three."}, {"json": {"n": 3}}]), 3),
        ] {
            let shop = Shop::of(kind, rules.clone()).await;
            let ran = shop.run(options.clone(), Vec::new()).await;
            let expected = AttemptEnd::Answered(Answer::Json(json!({"n": 3})));
            assert_eq!(ran.report.end, expected, "{kind:?} {rules}");
            assert_eq!(shop.requests(), requests, "{kind:?} {rules}");
            let again = shop.run(options.clone(), ran.turns).await;
            assert_eq!(again.report.end, expected, "{kind:?} {rules}");
            assert_eq!(shop.requests(), requests + 1, "{kind:?} {rules}: only the last is asked again");
        }
    }
}

#[tokio::test]
async fn c29_max_turns_ends_with_one_last_word() {
    for kind in KINDS {
        let again = json!({"tool": tool("read", json!({"path": "note.txt"}))});
        let options = AgentOptions { max_turns: Some(2), ..plain() };
        let shop = Shop::of(kind, json!([again, {"text": "so far"}])).await;
        let ran = shop.run(options.clone(), Vec::new()).await;
        if kind == ProviderKind::Ollama {
            // This wire has no word for "no tool": the fake model may call on.
            continue;
        }
        assert_eq!((text(&ran), shop.requests()), ("so far", 3), "{kind:?}");
        let shop = Shop::of(kind, json!([again, {"text": ""}])).await;
        let ran = shop.run(options, Vec::new()).await;
        let AttemptEnd::Failed(cause) = &ran.report.end else { panic!("{kind:?}: {:?}", ran.report.end) };
        assert_eq!(cause.kind, CauseKind::Limit, "{kind:?}");
        assert!(cause.message.contains("2 turns") && cause.hint.is_some(), "{kind:?}: {cause:?}");
    }
}

/// Names of the tools in the first request.
async fn offered(options: AgentOptions) -> Vec<String> {
    let shop = Shop::of(ProviderKind::Anthropic, json!([{"tool": tool("unheard-of", json!({}))}])).await;
    let options = AgentOptions { max_turns: Some(1), ..options };
    // The answer to a call of an unknown tool says which there are.
    let ran = shop.run_until(options, Vec::new(), usize::MAX).await;
    let _ = ran;
    shop.fake.log.entries()[0]["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn c27_rights_only_shrink() {
    let all = ["read", "write", "edit", "glob", "grep", "bash", "todo"];
    let reads = ["read", "glob", "grep", "todo"];
    let of_type = |name: &str| AgentOptions { agent_type: Some(name.to_owned()), ..plain() };
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let cases = [
        (plain(), all.to_vec()),
        (of_type("general-purpose"), all.to_vec()),
        (of_type("Explore"), reads.to_vec()),
        (AgentOptions { tools: Some(list(&["Write", "Read"])), ..of_type("Plan") }, vec!["read"]),
        (AgentOptions { tools: Some(list(&["Read", "Bash"])), ..plain() }, vec!["read", "bash"]),
        (AgentOptions { tools: Some(Vec::new()), ..plain() }, vec![]),
        (AgentOptions { disallowed_tools: list(&["Bash", "Write", "MultiEdit"]), ..plain() }, reads.to_vec()),
        (AgentOptions { worktree: true, ..plain() }, all.to_vec()),
    ];
    for (options, expected) in cases {
        assert_eq!(offered(options.clone()).await, expected, "{options:?}");
    }
}

#[tokio::test]
async fn c23_a_command_outside_of_the_clamp_does_not_run() {
    let rules = json!([
        {"when": {"turn": 1}, "tool": tool("bash", json!({"command": "touch made.txt"}))}, {"text": "ok"}]);
    let shop = Shop::of(ProviderKind::Anthropic, rules).await;
    let options = AgentOptions { bash_command_clamp: Some(json!(["git"])), ..plain() };
    let ran = shop.run(options, Vec::new()).await;
    assert!(results(&ran)[0].contains("not allowed"), "{:?}", ran.turns);
    assert_eq!((text(&ran), shop.file("made.txt")), ("ok", None));
    let options = AgentOptions { bash_command_clamp: Some(json!(7)), ..plain() };
    let ran = shop.run(options, Vec::new()).await;
    assert!(matches!(ran.report.end, AttemptEnd::Failed(_)), "a clamp that cannot be read clamps all");
}

#[tokio::test]
async fn the_first_request_of_a_trivial_agent_is_at_most_four_kilobytes() {
    for kind in KINDS {
        let shop = Shop::of(kind, json!([{"text": "ok"}])).await;
        shop.run(plain(), Vec::new()).await;
        let bytes = shop.fake.log.entries()[0]["bytes"].as_u64().unwrap();
        assert!(bytes <= 4_096, "{kind:?}: {bytes}");
    }
}

#[tokio::test]
async fn a_context_that_fills_is_folded_then_put_into_notes_and_both_are_written_down() {
    let big = "x".repeat(3_000);
    let settings = ApiSettings { context_tokens: Some(6_000), ..quick() };
    let rules = json!([
        {"when": {"prompt": "nearly full"}, "text": "the notes: a heron", "usage": {"input": 10, "output": 10}},
        {"when": {"prompt": "Go on with the task"}, "text": "done", "usage": {"input": 10, "output": 10}},
        {"when": {"turn": [1, 2, 3, 4]}, "tool": tool("read", json!({"path": "big.txt"})),
         "usage": {"input": 2_000, "output": 10}},
        {"when": {"turn": [5, 6, 7]}, "tool": tool("todo", json!({"items": []})),
         "usage": {"input": 5_900, "output": 10}},
    ]);
    let shop = Shop::with(ProviderKind::Anthropic, rules.clone(), settings.clone()).await;
    std::fs::write(shop.folder.path().join("work/big.txt"), &big).unwrap();
    let ran = shop.run(plain(), Vec::new()).await;
    assert_eq!(text(&ran), "done", "{:?}", ran.turns);
    let folded = ran.turns.iter().position(|turn| matches!(turn, TurnRecord::Folded { kept: 3 }));
    let notes = ran
        .turns
        .iter()
        .position(|turn| matches!(turn, TurnRecord::Summarised { notes, .. } if notes.contains("heron")));
    assert!(folded.is_some() && folded < notes, "{:?}", ran.turns);
    let before = shop.requests();
    let again = shop.run(plain(), ran.turns).await;
    assert_eq!((text(&again), shop.requests() - before), ("done", 1));
}

#[tokio::test]
async fn a_provider_that_says_the_context_is_full_is_asked_again_with_less() {
    for kind in KINDS {
        let rules = json!([
            {"when": {"turn": [1, 2, 3, 4, 5]}, "tool": tool("read", json!({"path": "big.txt"}))},
            {"when": {"turn": 6}, "times": 1, "fault": "context"},
            {"when": {"turn": 6}, "text": "done"},
        ]);
        let shop = Shop::of(kind, rules).await;
        std::fs::write(shop.folder.path().join("work/big.txt"), "y".repeat(3_000)).unwrap();
        let ran = shop.run(plain(), Vec::new()).await;
        assert_eq!(text(&ran), "done", "{kind:?}");
        assert!(ran.turns.contains(&TurnRecord::Folded { kept: 3 }), "{kind:?}");
        let bytes: Vec<u64> =
            shop.fake.log.entries().iter().filter_map(|entry| entry["bytes"].as_u64()).collect();
        assert!(bytes[6] + 3_000 < bytes[5], "{kind:?}: {bytes:?}");
    }
}
