//! The tool by which agents that are programs give a structured answer, over its own pipes.

use baya_agents::mcp::answer::AnswerTool;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The server's program, as tests run it.
pub fn program() -> Vec<String> {
    vec![env!("CARGO_BIN_EXE_agent").to_owned(), "answer".to_owned()]
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
}

/// A client that says what it is told to.
struct Client {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    id: u64,
}

impl Client {
    fn start(argv: &[String]) -> Client {
        let mut child = Command::new(&argv[0])
            .args(&argv[1..])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stdin = child.stdin.take().expect("stdin");
        let stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let mut client = Client { child, stdin, stdout, id: 0 };
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"}});
        client.ask("initialize", hello);
        client.say(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    fn say(&mut self, message: Value) {
        writeln!(self.stdin, "{message}").expect("the server listens");
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.id += 1;
        self.say(json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}));
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("an answer");
        let answer: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(answer["id"], self.id, "{answer}");
        answer
    }

    fn call(&mut self, input: Value) -> (bool, String) {
        let answer = self.ask("tools/call", json!({"name": "StructuredOutput", "arguments": input}));
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str().expect("a text").to_owned();
        (result["isError"].as_bool().unwrap_or_default(), text)
    }

    fn leave(mut self) {
        drop(self.stdin);
        assert!(self.child.wait().expect("its end").success());
    }
}

#[test]
fn c32_the_tools_input_schema_is_the_users_own() {
    let folder = tempfile::tempdir().expect("folder");
    let schema = json!({"type": "object", "$defs": {"n": {"type": "integer"}},
        "properties": {"z": {"$ref": "#/$defs/n"}, "a": {"type": "string", "format": "date"}}});
    let tool = AnswerTool::new(&program(), &schema, folder.path()).expect("a tool");
    let mut client = Client::start(&tool.argv());
    let listed = client.ask("tools/list", json!({}));
    let tools = listed["result"]["tools"].as_array().expect("tools");
    assert_eq!(tools.len(), 1);
    assert_eq!(tools[0]["name"], "StructuredOutput");
    assert_eq!(tools[0]["inputSchema"].to_string(), schema.to_string(), "to the letter, order too");
    let other = client.ask("tools/call", json!({"name": "other", "arguments": {}}));
    assert!(other["error"]["message"].as_str().expect("an error").contains("no tool `other`"), "{other}");
    client.leave();
}

#[test]
fn c32_a_wrong_answer_goes_back_and_a_right_one_is_taken() {
    let folder = tempfile::tempdir().expect("folder");
    let tool = AnswerTool::new(&program(), &schema(), folder.path()).expect("a tool");
    let mut client = Client::start(&tool.argv());
    assert_eq!((tool.taken(), tool.refused()), (None, Vec::new()));
    let (is_error, told) = client.call(json!({"n": "three"}));
    assert!(is_error && told.contains("`/n`") && told.contains("again"), "{told}");
    assert!(!client.call(json!({"n": 3})).0);
    client.leave();
    assert_eq!(tool.taken(), Some(json!({"n": 3})));
    assert_eq!(tool.refused(), [r#"{"n":"three"}"#]);
    assert!(tool.last_wrong().expect("why").contains("`/n`"));
    let next = AnswerTool::new(&program(), &schema(), folder.path()).expect("a tool");
    assert_eq!((next.taken(), next.refused()), (None, Vec::new()), "the next agent's is another answer");
}

#[test]
fn c32_after_five_wrong_answers_no_try_is_left() {
    let folder = tempfile::tempdir().expect("folder");
    let tool = AnswerTool::new(&program(), &schema(), folder.path()).expect("a tool");
    // A server that is started again goes on counting.
    let mut first = Client::start(&tool.argv());
    for _ in 0..3 {
        assert!(first.call(json!({})).1.contains("again"));
    }
    first.leave();
    let mut second = Client::start(&tool.argv());
    assert!(second.call(json!({})).1.contains("again"));
    for _ in 0..3 {
        assert!(second.call(json!({})).1.contains("No try is left"));
    }
    second.leave();
    assert_eq!((tool.taken(), tool.refused().len()), (None, 5));
}
