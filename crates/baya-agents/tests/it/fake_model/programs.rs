//! Agents that are programs: they have the tool for structured answers from a server of ours, under a
//! longer name, and go on after it was called.

use super::wires::read;
use super::{Wire, fake, path, post};
use serde_json::{Value, json};

const PROMPT: &str = "the question";

fn schema() -> Value {
    json!({"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}})
}

/// A request that offers the tool as programs do on this wire, and the tool's name as the wire says it.
fn first(wire: Wire) -> (Value, &'static str) {
    let user = json!([{"role": "user", "content": PROMPT}]);
    match wire {
        Wire::Chat => {
            let tool = json!({"name": "baya_StructuredOutput", "parameters": schema()});
            let tools = json!([{"type": "function", "function": tool}]);
            (json!({"model": "m", "messages": user, "tools": tools}), "baya_StructuredOutput")
        }
        Wire::Responses => {
            let tool = json!({"type": "function", "name": "StructuredOutput", "parameters": schema()});
            let tools = json!([{"type": "namespace", "name": "mcp__baya", "tools": [tool]}]);
            (json!({"model": "m", "input": user, "tools": tools}), "StructuredOutput")
        }
        Wire::Anthropic | Wire::Gemini | Wire::Ollama => {
            let tools = json!([{"name": "mcp__baya__StructuredOutput", "input_schema": schema()}]);
            let body = json!({"model": "m", "max_tokens": 9, "messages": user, "tools": tools});
            (body, "mcp__baya__StructuredOutput")
        }
    }
}

/// The same conversation after the call was made and answered.
fn after_the_call(wire: Wire, mut body: Value) -> Value {
    let (said, list) = match wire {
        Wire::Chat => {
            let function = json!({"name": "baya_StructuredOutput", "arguments": "{\"ok\":true}"});
            let calls = json!([{"id": "c", "type": "function", "function": function}]);
            let call = json!({"role": "assistant", "content": null, "tool_calls": calls});
            ([call, json!({"role": "tool", "tool_call_id": "c", "content": "taken"})], "messages")
        }
        Wire::Responses => {
            let call = json!({"type": "function_call", "call_id": "c", "namespace": "mcp__baya",
                "name": "StructuredOutput", "arguments": "{\"ok\":true}"});
            ([call, json!({"type": "function_call_output", "call_id": "c", "output": "taken"})], "input")
        }
        Wire::Anthropic | Wire::Gemini | Wire::Ollama => {
            let call = json!({"type": "tool_use", "id": "c", "name": "mcp__baya__StructuredOutput",
                "input": {"ok": true}});
            let answer = json!({"type": "tool_result", "tool_use_id": "c", "content": "taken"});
            let [call, answer] = [("assistant", call), ("user", answer)]
                .map(|(role, block)| json!({"role": role, "content": [block]}));
            ([call, answer], "messages")
        }
    };
    body[list].as_array_mut().expect("a list").extend(said);
    body
}

#[tokio::test]
async fn c32_a_program_calls_the_tool_once_and_ends_in_text() {
    let server = fake(json!({"rules": [
        {"when": {"turn": 1}, "json": {"ok": true}},
        {"when": {"turn": 2}, "text": "over"},
    ]}))
    .await;
    for wire in [Wire::Chat, Wire::Responses, Wire::Anthropic] {
        let (body, name) = first(wire);
        let got = post(&server, &path(wire, false, "m"), &body, &[]).await;
        let said = read(wire, false, got.text());
        assert_eq!(said.call, Some((name.to_owned(), json!({"ok": true}))), "{wire:?}");
        if wire == Wire::Responses {
            assert_eq!(got.json()["output"][0]["namespace"], "mcp__baya");
        }
        let got = post(&server, &path(wire, false, "m"), &after_the_call(wire, body), &[]).await;
        let said = read(wire, false, got.text());
        assert_eq!((said.call, said.text.as_str()), (None, "over"), "{wire:?}");
    }
}

#[tokio::test]
async fn a_rule_may_ask_for_a_tool_that_is_offered() {
    let server = fake(json!({"rules": [
        {"when": {"offers": "exec_command"}, "tool": {"name": "exec_command", "input": {"cmd": "ls"}}},
        {"when": {"offers": "bash"}, "tool": {"name": "bash", "input": {"command": "ls"}}},
        {"text": "no tools"},
    ]}))
    .await;
    for (offered, expected) in
        [(Some("bash"), Some("bash")), (Some("exec_command"), Some("exec_command")), (None, None)]
    {
        let tool =
            |name| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}});
        let tools: Vec<Value> = offered.into_iter().map(tool).collect();
        let body = json!({"model": "m", "messages": [{"role": "user", "content": PROMPT}], "tools": tools});
        let got = post(&server, &path(Wire::Chat, false, "m"), &body, &[]).await;
        let call = read(Wire::Chat, false, got.text()).call.map(|(name, _)| name);
        assert_eq!(call.as_deref(), expected);
    }
}
