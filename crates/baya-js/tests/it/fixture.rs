//! Scripts by hand, and a host that answers their calls.

use baya_core::call::{
    Call, CallKind, Delivery, Payload, Program, ScriptError, ScriptLimits, Start, Step, StepState, Unit,
};
use baya_core::ids::CallId;
use baya_js::Isolate;
use serde_json::{Value, json};

/// 2026-01-02T03:04:05.678Z
pub const NOW_MS: i64 = 1_767_323_045_678;

/// `body` as a linked script of one file; its first line is the file's second.
pub fn program(body: &str) -> Program {
    let text = format!("(async(meta)=>{{\"use strict\";\n{body}\n}})");
    Program { units: vec![Unit { file: "script.js".to_owned(), text, imports: Vec::new(), shift: 0 }] }
}

pub fn start(body: &str) -> Start {
    Start {
        program: program(body),
        meta: json!({"name": "test", "description": "a test", "phases": [{"title": "One"}]}),
        args: None,
        seed: 7,
        now_ms: NOW_MS,
        budget_total: None,
        tokens_spent: 0,
        limits: ScriptLimits::default(),
    }
}

/// A run driven to its end (or to where nobody answers).
pub struct Run {
    pub isolate: Isolate,
    pub calls: Vec<Call>,
    pub state: StepState,
}

/// What a host does with a call: answer it now, or leave it.
pub type Answer<'a> = &'a dyn Fn(&Call) -> Option<Payload>;

pub fn drive(start: Start, answer: Answer) -> Run {
    let (isolate, step) = Isolate::start(start);
    let mut run = Run { isolate, calls: Vec::new(), state: StepState::Waiting };
    run.follow(step, answer);
    run
}

impl Run {
    fn follow(&mut self, mut step: Step, answer: Answer) {
        loop {
            let due: Vec<Delivery> =
                step.calls.iter().filter_map(|call| Some(delivery(call.id, answer(call)?))).collect();
            self.calls.extend(step.calls);
            self.state = step.state;
            if due.is_empty() {
                return;
            }
            step = self.isolate.deliver(due);
        }
    }

    /// Settles one call and drives on.
    pub fn deliver(&mut self, to: CallId, payload: Payload, answer: Answer) {
        let step = self.isolate.deliver(vec![delivery(to, payload)]);
        self.follow(step, answer);
    }

    pub fn value(&self) -> Value {
        match &self.state {
            StepState::Done { value, .. } => value.clone().unwrap_or_else(|| json!("undefined")),
            other => panic!("not done: {other:?}"),
        }
    }

    pub fn notes(&self) -> Vec<String> {
        match &self.state {
            StepState::Done { notes, .. } => notes.clone(),
            other => panic!("not done: {other:?}"),
        }
    }

    pub fn error(&self) -> ScriptError {
        match &self.state {
            StepState::Threw { error } => error.clone(),
            other => panic!("did not throw: {other:?}"),
        }
    }

    pub fn logs(&self) -> Vec<String> {
        let text = |call: &Call| match &call.kind {
            CallKind::Log { text, .. } => Some(text.clone()),
            _ => None,
        };
        self.calls.iter().filter_map(text).collect()
    }

    pub fn prompts(&self) -> Vec<String> {
        let text = |call: &Call| match &call.kind {
            CallKind::Agent { prompt, .. } => Some(prompt.clone()),
            _ => None,
        };
        self.calls.iter().filter_map(text).collect()
    }
}

pub fn delivery(to: CallId, payload: Payload) -> Delivery {
    Delivery { to, payload, now_ms: NOW_MS, tokens_spent: 0 }
}

/// Agents answer `done: PROMPT`, timers fire; `workflow()` is left alone.
pub fn echo(call: &Call) -> Option<Payload> {
    match &call.kind {
        CallKind::Agent { prompt, .. } => Some(Payload::Value(json!(format!("done: {prompt}")))),
        CallKind::SetTimer { .. } => Some(Payload::Fired),
        CallKind::Workflow { .. }
        | CallKind::FrameEnded { .. }
        | CallKind::Phase { .. }
        | CallKind::Log { .. }
        | CallKind::Step { .. }
        | CallKind::ClearTimer { .. } => None,
    }
}

pub fn silent(_: &Call) -> Option<Payload> {
    None
}

pub fn run(body: &str) -> Run {
    drive(start(body), &echo)
}

/// The script returns `expected`.
pub fn check(body: &str, expected: Value) {
    let run = run(body);
    match &run.state {
        StepState::Done { value, .. } => {
            assert_eq!(value.clone().unwrap_or_else(|| json!("undefined")), expected, "script:\n{body}")
        }
        other => panic!("{other:?}\nscript:\n{body}"),
    }
}
