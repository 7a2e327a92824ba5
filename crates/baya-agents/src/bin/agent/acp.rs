//! An agent of the Agent Client Protocol that does what its script says, step by step, and nothing else.
//!
//! The script is a JSON file: `start` holds steps before anything is read, `turns` the steps of each prompt,
//! the last turn for all that follow. What it hears is appended to `log`, one line each.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

struct Agent {
    script: Value,
    session: Value,
    servers: Value,
    prompts: usize,
    questions: u64,
    /// Heard while something else was waited for.
    waiting: VecDeque<Value>,
}

pub fn main(script: &Path) -> ExitCode {
    let text = std::fs::read_to_string(script).expect("the script is there");
    let script: Value = serde_json::from_str(&text).expect("the script is JSON");
    let mut agent = Agent {
        script,
        session: Value::Null,
        servers: Value::Null,
        prompts: 0,
        questions: 100,
        waiting: VecDeque::new(),
    };
    let start = agent.script["start"].clone();
    start.as_array().into_iter().flatten().for_each(|step| drop(agent.step(step)));
    while let Some(message) = agent.hear() {
        agent.answer(&message);
    }
    ExitCode::SUCCESS
}

impl Agent {
    fn hear(&mut self) -> Option<Value> {
        if let Some(message) = self.waiting.pop_front() {
            return Some(message);
        }
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).ok()? == 0 {
            return None;
        }
        let message: Value = serde_json::from_str(&line).expect("JSON");
        self.log(&message);
        Some(message)
    }

    fn log(&self, message: &Value) {
        let Some(path) = self.script["log"].as_str() else { return };
        // A read-only agent has no log.
        let file = OpenOptions::new().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{message}"));
    }

    fn say(&self, message: &Value) {
        let mut out = std::io::stdout().lock();
        // Whoever listened may be gone.
        let _ = writeln!(out, "{message}").and_then(|()| out.flush());
    }

    fn reply(&self, to: &Value, result: Value) {
        self.say(&json!({"jsonrpc": "2.0", "id": to["id"], "result": result}));
    }

    fn fail(&self, to: &Value, code: i64, message: &str) {
        let error = json!({"code": code, "message": message});
        self.say(&json!({"jsonrpc": "2.0", "id": to["id"], "error": error}));
    }

    fn answer(&mut self, message: &Value) {
        let params = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "initialize" => {
                let version = self.script.get("version").cloned().unwrap_or(json!(1));
                let abilities = self.script.get("abilities").cloned().unwrap_or(json!({}));
                self.reply(message, json!({"protocolVersion": version, "agentCapabilities": abilities}));
            }
            "session/new" if self.script["login"] == true => {
                self.fail(message, -32000, "Authentication required")
            }
            "session/new" | "session/resume" | "session/load" => {
                self.session =
                    params.get("sessionId").cloned().unwrap_or(json!(format!("s{}", std::process::id())));
                self.servers = params["mcpServers"].clone();
                let options = self.script.get("options").cloned().unwrap_or(json!([]));
                if message["method"] == "session/load" {
                    self.text("what was said before", None);
                }
                self.reply(message, json!({"sessionId": self.session, "configOptions": options}));
            }
            "session/set_config_option" => self.reply(message, json!({"configOptions": []})),
            "session/close" => self.reply(message, json!({})),
            "session/prompt" => self.turn(message),
            "session/cancel" => {}
            _ if message.get("id").is_some() && message.get("method").is_some() => {
                self.fail(message, -32601, "Method not found");
            }
            _ => {}
        }
    }

    fn turn(&mut self, prompt: &Value) {
        let turns = self.script["turns"].as_array().cloned().unwrap_or_default();
        let steps = turns.get(self.prompts).or(turns.last()).cloned().unwrap_or(json!([]));
        self.prompts += 1;
        let mut end = json!({"stopReason": "end_turn"});
        for step in steps.as_array().into_iter().flatten() {
            if let Some(error) = step.get("error") {
                return self.fail(
                    prompt,
                    error[0].as_i64().unwrap_or(-32603),
                    error[1].as_str().unwrap_or_default(),
                );
            }
            if let Some(other) = self.step(step) {
                end = other;
            }
        }
        self.reply(prompt, end);
    }

    /// Does it; gives the turn's end, if it is about that.
    fn step(&mut self, step: &Value) -> Option<Value> {
        let (word, what) = step.as_object().and_then(|step| step.iter().next()).expect("a step");
        match word.as_str() {
            "text" => self.text(what.as_str().unwrap_or_default(), step["message"].as_str()),
            "tool" => self.update(json!({"sessionUpdate": "tool_call", "toolCallId": what["id"],
                "title": what["title"], "kind": what["kind"], "status": what["status"],
                "rawInput": what["input"]})),
            "ask" => return self.ask(what),
            "answer" => self.call_answer(what),
            "model" => self.model(what.as_str().unwrap_or_default()),
            "write" => drop(std::fs::write(
                what[0].as_str().unwrap_or_default(),
                what[1].as_str().unwrap_or_default(),
            )),
            "environment" => {
                let value = std::env::var(what.as_str().unwrap_or_default()).unwrap_or_default();
                self.text(&value, None);
            }
            "line" => self.raw(format!("{}\n", what.as_str().unwrap_or_default()).as_bytes()),
            "complain" => eprintln!("{}", what.as_str().unwrap_or_default()),
            "die" => std::process::exit(what.as_i64().unwrap_or(1) as i32),
            "end" => return Some(what.clone()),
            "hang" => return self.hang(),
            "deaf" => loop {
                std::thread::sleep(Duration::from_secs(3600));
            },
            "flood" => loop {
                self.raw(what.as_str().unwrap_or_default().repeat(4096).as_bytes());
            },
            "trickle" => loop {
                self.text(".", None);
                std::thread::sleep(Duration::from_millis(20));
            },
            // As the kernel does with whoever reads a terminal that is not its own.
            "terminal" => {
                let pid = std::process::id().to_string();
                Command::new("kill").args(["-TTIN", &pid]).status().expect("kill");
            }
            "daemon" => self.daemon(what.as_str().unwrap_or_default()),
            other => panic!("no step `{other}`"),
        }
        None
    }

    fn raw(&self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
            std::process::exit(0);
        }
    }

    fn update(&self, update: Value) {
        self.say(&json!({"jsonrpc": "2.0", "method": "session/update",
            "params": {"sessionId": self.session, "update": update}}));
    }

    fn text(&self, text: &str, message: Option<&str>) {
        self.update(json!({"sessionUpdate": "agent_message_chunk", "messageId": message,
            "content": {"type": "text", "text": text}}));
    }

    /// Until the turn is cancelled.
    fn hang(&mut self) -> Option<Value> {
        loop {
            match self.hear() {
                None => std::process::exit(0),
                Some(message) if message["method"] == "session/cancel" => {
                    return Some(json!({"stopReason": "cancelled"}));
                }
                Some(message) => self.waiting.push_back(message),
            }
        }
    }

    /// Asks for permission and says which option was taken.
    fn ask(&mut self, call: &Value) -> Option<Value> {
        self.questions += 1;
        let id = self.questions;
        // The rejecting one first: a place says nothing.
        let options = json!([
            {"optionId": "no", "name": "yes", "kind": "reject_once"},
            {"optionId": "ever", "name": "a", "kind": "allow_always"},
            {"optionId": "once", "name": "b", "kind": "allow_once"},
        ]);
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": "session/request_permission",
            "params": {"sessionId": self.session, "toolCall": call, "options": options}}));
        loop {
            let message = self.hear().unwrap_or_else(|| std::process::exit(0));
            if message["id"] == id && message.get("method").is_none() {
                let outcome = &message["result"]["outcome"];
                self.text(outcome["optionId"].as_str().unwrap_or("none"), None);
                return None;
            }
            if message["method"] == "session/cancel" {
                return Some(json!({"stopReason": "cancelled"}));
            }
            self.waiting.push_back(message);
        }
    }

    /// Calls our tool, as agents do: by the server that the session names.
    fn call_answer(&self, input: &Value) {
        let server = &self.servers[0];
        let words = server["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut child = Command::new(server["command"].as_str().expect("a server"))
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut stdin = child.stdin.take().expect("stdin");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "stand-in", "version": "1"}});
        let call = json!({"name": "StructuredOutput", "arguments": input});
        for message in [
            json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}),
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
            json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}),
        ] {
            writeln!(stdin, "{message}").expect("the server listens");
            if message.get("id").is_some() {
                let answer = lines.next().expect("an answer").expect("a line");
                self.log(&serde_json::from_str(&answer).expect("JSON"));
            }
        }
        drop(stdin);
        child.wait().expect("the server ends");
    }

    /// One request to the model, by the address and the key of the environment.
    fn model(&self, prompt: &str) {
        let value = |name: &str| std::env::var(name).expect("it is set");
        let (url, key) = (value("MODEL_URL"), value("MODEL_KEY"));
        let rest = url.strip_prefix("http://").expect("plain HTTP");
        let (host, path) = rest.split_once('/').expect("a path");
        let body =
            json!({"model": value("MODEL"), "messages": [{"role": "user", "content": prompt}]}).to_string();
        let mut stream = TcpStream::connect(host).expect("the gateway listens");
        write!(
            stream,
            "POST /{path}/chat/completions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        self.log(&json!({"model": answer.lines().next()}));
    }

    /// Leaves a process that outlives this one if nobody ends it, and says its pid to a file.
    fn daemon(&self, pid_file: &str) {
        let script = format!(
            "setsid sh -c 'echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 600' &"
        );
        let child =
            Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        child.and_then(|mut child| child.wait()).expect("a shell");
        while !Path::new(pid_file).exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
