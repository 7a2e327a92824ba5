//! The `claude` backend against a program that writes what Claude Code's documentation says it writes;
//! and against Claude Code itself, where somebody wants that and has it.

use crate::attempts::task;
use crate::standin::{Kind, Stage, environment, no_rules};
use baya_agents::program::find;
use baya_core::agent::{AgentOptions, Answer, AttemptEnd, CauseKind, Effort};
use serde_json::{Value, json};
use std::io::Write;

/// Keeps what each run of the program was given: words, one a line, input, environment.
const KEEP: &str = "n=$(ls args.* 2>/dev/null | wc -l | tr -d ' '); printf '%s\\n' \"$@\" > args.$n; cat > in.$n; \
                    env > env.$n; ";

fn schema() -> Value {
    json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]})
}

fn with_schema() -> AgentOptions {
    AgentOptions { schema: Some(schema()), ..AgentOptions::default() }
}

fn result(more: Value) -> String {
    let mut line = json!({"type": "result", "subtype": "success", "is_error": false, "session_id": "s-1",
        "usage": {"input_tokens": 1, "output_tokens": 1}});
    for (key, value) in more.as_object().into_iter().flatten() {
        line[key] = value.clone();
    }
    line.to_string().replace('\'', "’")
}

fn kept(stage: &Stage, name: &str) -> String {
    std::fs::read_to_string(stage.folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The words after this one.
fn after<'a>(words: &'a str, word: &str) -> &'a str {
    let mut lines = words.lines();
    lines.find(|line| *line == word).unwrap_or_else(|| panic!("`{word}` is not in {words}"));
    lines.next().unwrap_or_default()
}

#[tokio::test]
async fn c20_claude_is_told_its_task_and_its_limits_and_finds_no_key() {
    let stage = Stage::new(no_rules()).await;
    let script = format!("{KEEP} say \"$SESSION\"; say \"$ANSWER\"; say \"$END\"");
    let backend = stage.cli(Kind::Claude, stage.program(Kind::Claude, &script));
    let options = AgentOptions {
        model: Some("claude-opus-5-5".to_owned()),
        effort: Some(Effort::High),
        max_turns: Some(7),
        disallowed_tools: vec!["WebSearch".to_owned()],
        ..with_schema()
    };
    let (report, _) = stage.run(&backend, options).await;
    assert!(
        matches!(&report.end, AttemptEnd::Failed(cause) if cause.kind == CauseKind::SchemaUnmet),
        "{report:?}"
    );
    let words = kept(&stage, "args.0");
    assert_eq!(kept(&stage, "in.0"), "the prompt");
    assert_eq!(after(&words, "--model"), "claude-opus-5-5");
    assert_eq!(after(&words, "--effort"), "high");
    assert_eq!(after(&words, "--max-turns"), "7");
    assert_eq!(after(&words, "--json-schema"), schema().to_string());
    assert_eq!(after(&words, "--setting-sources"), "", "no settings of the user");
    for denied in ["Workflow", "Agent", "Task", "CronCreate", "EnterWorktree", "WebSearch"] {
        assert!(
            after(&words, "--disallowedTools").split(',').any(|tool| tool == denied),
            "{denied}: {words}"
        );
    }
    assert!(after(&words, "--append-system-prompt").contains("nobody answers questions"), "{words}");
    let environment = kept(&stage, "env.0");
    assert!(environment.contains("ANTHROPIC_BASE_URL=http://127.0.0.1:"), "{environment}");
    assert!(environment.contains("ANTHROPIC_API_KEY=baya-"), "a throw-away key: {environment}");
    assert!(!environment.contains("the-real-key"), "{environment}");
    assert!(kept(&stage, "args.1").contains("--resume\ns-1"), "a wrong answer goes back into the session");
}

#[tokio::test]
async fn an_agent_without_tools_is_asked_in_the_smallest_shape() {
    let stage = Stage::new(no_rules()).await;
    let script = format!("{KEEP} say \"$SESSION\"; say \"$ANSWER\"; say \"$END\"");
    // It may write nothing: what is kept goes to its config folder.
    let script = script
        .replace("args.", "$CLAUDE_CONFIG_DIR/args.")
        .replace("in.$", "$CLAUDE_CONFIG_DIR/in.$")
        .replace("env.", "$CLAUDE_CONFIG_DIR/env.");
    let backend = stage.cli(Kind::Claude, stage.program(Kind::Claude, &script));
    let options = AgentOptions { tools: Some(Vec::new()), ..AgentOptions::default() };
    let (report, _) = stage.run(&backend, options).await;
    assert_eq!(report.end, AttemptEnd::Answered(Answer::Text("done".to_owned())), "{report:?}");
    let words = kept(&stage, "../agent-1/home/args.0");
    assert!(words.lines().any(|word| word == "--bare"), "{words}");
    assert_eq!(after(&words, "--tools"), "");
    assert!(after(&words, "--system-prompt").contains("last message"), "{words}");
}

#[tokio::test]
async fn the_traps_of_its_result_line_are_known() {
    type Ends = Result<&'static str, (CauseKind, &'static str)>;
    let rows: [(Value, Ends); 7] = [
        (json!({"result": " done\n"}), Ok(" done\n")),
        (json!({"result": ""}), Ok("")),
        (
            json!({"is_error": true, "result": "API Error: 529 overloaded"}),
            Err((CauseKind::Api, "529 overloaded")),
        ),
        (
            json!({"is_error": true, "result": "Invalid API key · Please run /login"}),
            Err((CauseKind::Key, "/login")),
        ),
        (
            json!({"is_error": true, "result": "Credit balance is too low"}),
            Err((CauseKind::Credit, "too low")),
        ),
        (json!({"subtype": "error_max_turns", "is_error": true}), Err((CauseKind::Limit, "turns were used"))),
        (
            json!({"subtype": "error_during_execution", "is_error": true}),
            Err((CauseKind::Api, "error_during_execution")),
        ),
    ];
    for (line, expected) in rows {
        let stage = Stage::new(no_rules()).await;
        let script = format!("say \"$SESSION\"; say '{}'; exit 1", result(line.clone()));
        let (report, _) = stage
            .run(&stage.cli(Kind::Claude, stage.program(Kind::Claude, &script)), AgentOptions::default())
            .await;
        match (&report.end, expected) {
            (AttemptEnd::Answered(Answer::Text(text)), Ok(expected)) => assert_eq!(text, expected),
            (AttemptEnd::Failed(cause) | AttemptEnd::Unusable(cause), Err((kind, words))) => {
                assert_eq!(cause.kind, kind, "{line} {cause:?}");
                assert!(cause.message.contains(words), "{line} {cause:?}");
            }
            _ => panic!("{line}: {report:?}"),
        }
    }
    let stage = Stage::new(no_rules()).await;
    let denial = json!({"tool_name": "Bash", "tool_use_id": "t", "tool_input": {}});
    let line = result(json!({"result": "done", "permission_denials": [denial]}));
    let script = format!("say \"$SESSION\"; say '{line}'");
    let (report, _) = stage
        .run(&stage.cli(Kind::Claude, stage.program(Kind::Claude, &script)), AgentOptions::default())
        .await;
    assert_eq!(report.notes, ["`claude` was denied its tool `Bash`"]);
}

#[tokio::test]
async fn c32_its_own_structured_output_is_checked_and_its_failure_is_repaired() {
    let right = result(json!({"result": "prose", "structured_output": {"n": 3}}));
    let wrong = result(json!({"result": "prose", "structured_output": {"n": 0}}));
    let gave_up = result(
        json!({"subtype": "error_max_structured_output_retries", "is_error": true, "result": "n is 4"}),
    );
    let repaired = result(json!({"result": "", "structured_output": {"n": 4}}));
    let script = |first: &str, then: &str| {
        let resumed = "grep -qe --resume args.$n";
        format!("{KEEP} say \"$SESSION\"; if {resumed}; then say '{then}'; else say '{first}'; fi")
    };
    for (script, n, rung, drafts) in [
        (script(&right, ""), 3, "native", 0),
        (script(&wrong, &right), 3, "native", 1),
        (script(&gave_up, &repaired), 4, "native", 1),
    ] {
        let stage = Stage::new(no_rules()).await;
        let backend = stage.cli(Kind::Claude, stage.program(Kind::Claude, &script));
        let (report, _) = stage.run(&backend, with_schema()).await;
        assert_eq!(report.end, AttemptEnd::Answered(Answer::Json(json!({"n": n}))), "{report:?}");
        assert_eq!((report.rung.as_deref(), report.drafts.len()), (Some(rung), drafts), "{report:?}");
    }
}

/// Claude Code itself, if somebody asks for it: it is proprietary and nobody's test needs it.
fn real() -> Option<Vec<String>> {
    let wanted = std::env::var("BAYA_TEST_CLAUDE").is_ok_and(|value| value == "1");
    let found = find("claude", &environment()["PATH"]).filter(|_| wanted);
    if found.is_none() {
        let line = "opt-in claude: BAYA_TEST_CLAUDE=1 runs it where `claude` is installed\n";
        eprint!("{line}");
        if let Some(path) = std::env::var_os("BAYA_SKIP_FILE") {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
            file.expect("skips").write_all(line.as_bytes()).expect("skips");
        }
    }
    Some(vec![found?.display().to_string()])
}

#[tokio::test]
async fn claude_itself_works_through_the_gateway_inside_of_the_sandbox() {
    let Some(argv) = real() else { return };
    let write =
        json!({"name": "Bash", "input": {"command": "echo made > made.txt; echo out > ../outside.txt"}});
    let rules = json!({"rules": [
        {"when": {"prompt": "write a file", "turn": 1}, "tool": write},
        {"when": {"schema": true}, "json": {"n": 3}},
        {"text": "said"}
    ]});
    let stage = Stage::new(rules).await;
    let backend = stage.cli(Kind::Claude, argv);
    let (report, told) = stage.run_task(&backend, &task("write a file", AgentOptions::default())).await;
    assert_eq!(report.end, AttemptEnd::Answered(Answer::Text("said".to_owned())), "{report:?}");
    assert_eq!(std::fs::read_to_string(stage.folder().join("made.txt")).expect("a file"), "made\n");
    assert!(!stage.folder().join("../outside.txt").exists(), "it wrote outside of its folder");
    #[cfg(target_os = "linux")]
    assert_eq!(told.left(), Vec::<String>::new());
    let (report, _) = stage.run(&backend, with_schema()).await;
    assert_eq!(report.end, AttemptEnd::Answered(Answer::Json(json!({"n": 3}))), "{report:?}");
}
