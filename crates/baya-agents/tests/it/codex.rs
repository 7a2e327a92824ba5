//! The `codex` backend: how it goes on in a session and asks for structured answers, with a program that
//! stands in for it; and all of it with codex itself, where it is installed.

use crate::attempts::{attempt, task};
use crate::standin::{Kind, Stage, environment, no_rules};
use baya_agents::backend::Backend;
use baya_agents::program::find;
use baya_core::agent::{AgentOptions, Answer, AttemptEnd, AttemptReport, CauseKind, Effort, UsageSource};
use baya_core::turn::TurnRecord;
use serde_json::{Value, json};
use std::io::Write;
use tokio_util::sync::CancellationToken;

fn with_schema() -> AgentOptions {
    let schema =
        json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]});
    AgentOptions { schema: Some(schema), ..AgentOptions::default() }
}

fn text(report: &AttemptReport) -> &str {
    match &report.end {
        AttemptEnd::Answered(Answer::Text(text)) => text,
        end => panic!("{end:?} {report:?}"),
    }
}

/// Keeps what each run of the program was given: words, input, config.
const KEEP: &str = "n=$(ls args.* 2>/dev/null | wc -l | tr -d ' '); echo \"$*\" > args.$n; cat > in.$n; \
                    cp \"$CODEX_HOME/config.toml\" config.$n; ";

impl Stage {
    fn kept(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

#[tokio::test]
async fn c20_codex_gets_the_prompt_verbatim_and_all_else_as_instructions() {
    let stage = Stage::new(no_rules()).await;
    std::fs::write(stage.folder().join("AGENTS.md"), "house rule 7").expect("file");
    let options = AgentOptions {
        agent_type: Some("Explore".to_owned()),
        effort: Some(Effort::Max),
        model: Some("opus".to_owned()),
        ..AgentOptions::default()
    };
    let script = "env > env; say \"$SESSION\"; say \"$ANSWER\"; say \"$END\"";
    let backend = stage.cli(Kind::Codex, stage.program(Kind::Codex, script));
    let (report, _) = stage.run(&backend, options).await;
    assert_eq!(report.model_asked.as_deref(), Some("gpt-5"), "{report:?}");
    let home = stage.folder().parent().expect("root").join("agent-1/home");
    let config = std::fs::read_to_string(home.join("config.toml")).expect("config");
    for words in [
        "model = \"gpt-5\"",
        "model_reasoning_effort = \"high\"",
        "house rule 7",
        "You find things out",
        "nobody answers questions",
        "project_doc_max_bytes = 0",
        "[agents]\nenabled = false",
        "web_search = \"disabled\"",
    ] {
        assert!(config.contains(words), "`{words}` is not in {config}");
    }
    assert!(
        !config.contains("the-real-key") && config.contains("base_url = \"http://127.0.0.1:"),
        "{config}"
    );
    assert!(!stage.folder().join("env").exists(), "an agent that only reads wrote");
}

#[tokio::test]
async fn an_agent_that_lost_its_program_goes_on_in_its_session() {
    let stage = Stage::new(no_rules()).await;
    let dies = "case \"$*\" in *resume*) say \"$SESSION\"; say \"$ANSWER\"; say \"$END\";; \
                *) say \"$SESSION\"; say \"$TOOL\"; kill -KILL $$;; esac";
    let hangs = dies.replace("kill -KILL $$", "exec sleep 600");
    let hung = AgentOptions { idle_ms: Some(400), ..AgentOptions::default() };
    for (script, options, why) in [
        (dies.to_owned(), AgentOptions::default(), "signal 9"),
        (hangs.replace("say \"$TOOL\"; ", ""), hung, "fell silent"),
    ] {
        let _ = std::fs::remove_dir_all(stage.folder());
        std::fs::create_dir(stage.folder()).expect("folder");
        let backend = stage.cli(Kind::Codex, stage.program(Kind::Codex, &format!("{KEEP}{script}")));
        let (report, told) = stage.run(&backend, options).await;
        assert_eq!(text(&report), "done");
        assert!(
            report.notes.iter().any(|note| note.contains("continued in its session") && note.contains(why)),
            "{report:?}"
        );
        assert!(stage.kept("args.1").contains("exec resume s-1 --json"), "{}", stage.kept("args.1"));
        assert_eq!(stage.kept("in.0"), "the prompt");
        assert!(stage.kept("in.1").contains("You were interrupted"), "{}", stage.kept("in.1"));
        let opened = TurnRecord::SessionOpened { backend: "codex".to_owned(), session: "s-1".to_owned() };
        assert!(told.turns().contains(&opened), "{:?}", told.turns());
    }
}

#[tokio::test]
async fn c61_a_later_attempt_goes_on_in_the_recorded_session_and_pays_what_is_new() {
    let stage = Stage::new(no_rules()).await;
    let script = format!("{KEEP} say \"$SESSION\"; say \"$ANSWER\"; say \"$END\"");
    let backend = stage.cli(Kind::Codex, stage.program(Kind::Codex, &script));
    let opened =
        |backend: &str| TurnRecord::SessionOpened { backend: backend.to_owned(), session: "s-1".to_owned() };
    let mut task = task("the prompt", AgentOptions::default());
    task.turns = vec![opened("codex"), spent(4, 2)];
    let (report, _) = stage.run_task(&backend, &task).await;
    assert_eq!(text(&report), "done");
    assert!(stage.kept("args.0").contains("resume s-1"), "{}", stage.kept("args.0"));
    assert_eq!((report.usage.input, report.usage.output), (2, 1), "its session tells of all that it used");
    task.turns = vec![opened("claude")];
    stage.run_task(&backend, &task).await;
    assert!(!stage.kept("args.1").contains("resume"), "another backend's session: {}", stage.kept("args.1"));
    assert_eq!(stage.kept("in.1"), "the prompt");
}

fn spent(input: u64, output: u64) -> TurnRecord {
    let usage = json!({"input": input, "output": output, "source": "reported"});
    let cost = json!({"step": "spent", "usage": usage, "requests": 1});
    serde_json::from_value(cost).expect("a record")
}

#[tokio::test]
async fn a_session_that_is_gone_is_begun_anew() {
    let stage = Stage::new(no_rules()).await;
    let script = format!(
        "{KEEP} case \"$*\" in *resume*) echo 'Error: no rollout found for thread id' >&2; exit 1;; \
         esac; \
         say \"$SESSION\"; say \"$ANSWER\"; say \"$END\""
    );
    let backend = stage.cli(Kind::Codex, stage.program(Kind::Codex, &script));
    let mut task = task("the prompt", AgentOptions::default());
    task.turns = vec![TurnRecord::SessionOpened { backend: "codex".to_owned(), session: "gone".to_owned() }];
    let (report, _) = stage.run_task(&backend, &task).await;
    assert_eq!(text(&report), "done");
    assert_eq!(stage.kept("in.1"), "the prompt");
    assert!(report.notes.iter().any(|note| note.contains("is gone, the agent began anew")), "{report:?}");
}

fn said(text: &str) -> String {
    json!({"type": "item.completed", "item": {"type": "agent_message", "text": text}}).to_string()
}

#[tokio::test]
async fn c32_a_wrong_answer_goes_back_into_the_session_with_what_is_wrong() {
    let stage = Stage::new(no_rules()).await;
    let (wrong, right) = (said("{\"n\": 0}"), said("so: {\"n\": 3}"));
    let script = format!(
        "{KEEP} say \"$SESSION\"; case \"$*\" in *resume*) say '{right}';; *) say '{wrong}';; esac; say \"$END\""
    );
    let backend = stage.cli(Kind::Codex, stage.program(Kind::Codex, &script));
    let (report, _) = stage.run(&backend, with_schema()).await;
    assert_eq!(report.end, AttemptEnd::Answered(Answer::Json(json!({"n": 3}))), "{report:?}");
    assert_eq!((report.rung.as_deref(), report.drafts.len()), (Some("native"), 1));
    assert!(stage.kept("args.0").contains("--output-schema"), "{}", stage.kept("args.0"));
    assert!(
        stage.kept("in.1").contains("`/n`") && stage.kept("args.1").contains("resume s-1"),
        "{}",
        stage.kept("in.1")
    );
}

#[tokio::test]
async fn c32_a_refused_schema_is_asked_for_in_words_and_remembered() {
    let stage = Stage::new(no_rules()).await;
    let refusal =
        json!({"type": "turn.failed", "error": {"message": "Invalid schema for response_format: 'n'"}});
    let right = said("```json\n{\"n\": 3}\n```").replace('\'', "");
    let script = format!(
        "{KEEP} say \"$SESSION\"; case \"$*\" in *--output-schema*) cat refusal; exit 1;; esac; \
         say '{right}'; say \"$END\""
    );
    std::fs::write(stage.folder().join("refusal"), refusal.to_string()).expect("file");
    let backend = stage.cli(Kind::Codex, stage.program(Kind::Codex, &script));
    for runs in [2, 3] {
        let (report, _) = stage.run(&backend, with_schema()).await;
        assert_eq!(report.end, AttemptEnd::Answered(Answer::Json(json!({"n": 3}))), "{report:?}");
        assert_eq!(report.rung.as_deref(), Some("text"));
        assert!(
            stage.kept(&format!("config.{}", runs - 1)).contains("meets this JSON"),
            "it is told in the instructions"
        );
        assert!(
            !stage.folder().join(format!("args.{runs}")).exists(),
            "asked once in vain, not for every agent"
        );
    }
}

#[tokio::test]
async fn c32_what_never_meets_its_schema_is_repaired_or_thrown() {
    let stage = Stage::new(no_rules()).await;
    let (wrong, right) = (said("three, or so"), said("{\"n\": 3}"));
    let repairs = format!(
        "{KEEP} say \"$SESSION\"; if grep -q 'What is wrong' in.$n; then say '{right}'; else say '{wrong}'; fi; \
         say \"$END\""
    );
    let (report, _) =
        stage.run(&stage.cli(Kind::Codex, stage.program(Kind::Codex, &repairs)), with_schema()).await;
    assert_eq!(report.end, AttemptEnd::Answered(Answer::Json(json!({"n": 3}))), "{report:?}");
    assert_eq!((report.rung.as_deref(), report.drafts.len()), (Some("repair"), 5));
    assert!(stage.kept("config.5").contains("shell_tool = false"), "the repair has no tools");

    let never = format!("say \"$SESSION\"; say '{wrong}'; say \"$END\"");
    let (report, _) =
        stage.run(&stage.cli(Kind::Codex, stage.program(Kind::Codex, &never)), with_schema()).await;
    let AttemptEnd::Failed(cause) = &report.end else { panic!("{report:?}") };
    assert_eq!((cause.kind, report.drafts.len()), (CauseKind::SchemaUnmet, 6), "nothing it wrote is lost");
}

#[tokio::test]
async fn what_codex_cannot_be_held_to_is_refused_before_it_starts() {
    let stage = Stage::new(no_rules()).await;
    let backend = stage.cli(Kind::Codex, stage.program(Kind::Codex, "exit 1"));
    let options =
        AgentOptions { tools: Some(vec!["Bash(git status)".to_owned()]), ..AgentOptions::default() };
    let (report, told) = stage.run(&backend, options).await;
    let AttemptEnd::Failed(cause) = &report.end else { panic!("{report:?}") };
    assert!(cause.message.contains("cannot be held to some shell commands"), "{cause:?}");
    assert!(told.processes.lock().expect("lock").is_empty());
}

/// Codex itself, as the chores install it for tests, or as it is installed here.
fn real() -> Option<Vec<String>> {
    let chores = std::env::var("BAYA_TEST_AGENTS").unwrap_or_default();
    let path = environment()["PATH"].clone();
    let found = find(&format!("{chores}/codex"), "").or_else(|| find("codex", &path));
    if found.is_none() {
        let line = "missing codex: it is not installed; `cargo xtask agents` installs it for tests\n";
        eprint!("{line}");
        if let Some(path) = std::env::var_os("BAYA_SKIP_FILE") {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
            file.expect("skips").write_all(line.as_bytes()).expect("skips");
        }
    }
    Some(vec![found?.display().to_string()])
}

fn rules() -> Value {
    let command = "echo made by codex > made.txt; echo out > ../outside.txt";
    let write = json!({"name": "exec_command", "input": {"cmd": command}});
    let usage = json!({"input": 120, "output": 5, "cache_read": 100});
    json!({"rules": [
        {"when": {"prompt": "write a file", "turn": 1}, "tool": write, "usage": {"input": 100, "output": 10}},
        {"when": {"prompt": "write a file"}, "text": "written", "usage": usage},
        {"when": {"prompt": "bad key"}, "fault": "401"},
        {"when": {"prompt": "no such model"}, "fault": "404"},
        {"when": {"prompt": "hang"}, "fault": "hang"},
        {"when": {"schema": true}, "json": {"n": 3}},
        {"text": "said"}
    ]})
}

#[tokio::test]
async fn codex_itself_works_through_the_gateway_inside_of_the_sandbox() {
    let Some(argv) = real() else { return };
    let stage = Stage::new(rules()).await;
    let backend = stage.cli(Kind::Codex, argv);
    let (attempt, told) = attempt(stage.folder(), CancellationToken::new());
    let report = backend.run(&task("write a file", AgentOptions::default()), &attempt).await;
    assert_eq!(text(&report), "written");
    let made = std::fs::read_to_string(stage.folder().join("made.txt")).expect("a file");
    assert_eq!(made, "made by codex\n");
    assert!(!stage.folder().join("../outside.txt").exists(), "it wrote outside of its folder");
    let acted = |turn: &TurnRecord| matches!(turn, TurnRecord::Acted { line } if line.contains("made.txt"));
    assert!(told.turns().iter().any(acted), "{:?}", told.turns());
    let mut usage = report.usage;
    told.turns().iter().for_each(|turn| usage.add(&turn.usage()));
    assert_eq!(
        (usage.input, usage.output, usage.cache_read),
        (220, 15, 100),
        "as the gateway counted: {report:?}"
    );
    assert_eq!(usage.source, UsageSource::Gateway);
    assert_eq!(stage.model.log.stats().requests, 2);
    #[cfg(target_os = "linux")]
    assert_eq!(told.left(), Vec::<String>::new());

    let (report, _) = stage.run(&backend, with_schema()).await;
    assert_eq!(report.end, AttemptEnd::Answered(Answer::Json(json!({"n": 3}))), "{report:?}");
    assert_eq!(report.rung.as_deref(), Some("native"));
    assert!(report.notes.is_empty(), "{:?}", report.notes);
}

#[tokio::test]
async fn codex_itself_goes_on_in_its_session_and_tells_what_is_refused() {
    let Some(argv) = real() else { return };
    let stage = Stage::new(rules()).await;
    let backend = stage.cli(Kind::Codex, argv);
    let mut first = task("write a file", AgentOptions::default());
    let (report, told) = stage.run_task(&backend, &first).await;
    assert_eq!(text(&report), "written");
    first.turns = told.turns();
    let (report, told) = stage.run_task(&backend, &first).await;
    assert_eq!(text(&report), "said", "it was told to go on, in the same session: {report:?}");
    let sessions = |turns: &[TurnRecord]| -> Vec<TurnRecord> {
        turns.iter().filter(|turn| matches!(turn, TurnRecord::SessionOpened { .. })).cloned().collect()
    };
    assert_eq!(sessions(&told.turns()), sessions(&first.turns));

    for (prompt, kind) in [("bad key", CauseKind::Key), ("no such model", CauseKind::UnknownModel)] {
        let (report, _) = stage.run_task(&backend, &task(prompt, AgentOptions::default())).await;
        let AttemptEnd::Unusable(cause) = &report.end else { panic!("{report:?}") };
        assert_eq!(cause.kind, kind, "{cause:?}");
    }
    let (attempt, told) = attempt(stage.folder(), CancellationToken::new());
    let hung = task("hang", AgentOptions::default());
    let cancelling = async {
        while stage.model.log.stats().requests < 6 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        attempt.cancel.cancel();
    };
    let (report, ()) = tokio::join!(backend.run(&hung, &attempt), cancelling);
    assert_eq!(report.end, AttemptEnd::Cancelled);
    #[cfg(target_os = "linux")]
    assert_eq!(told.left(), Vec::<String>::new());
}
