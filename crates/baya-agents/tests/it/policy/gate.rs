//! The gatekeeper of an attempt: what it lets pass, what it asks, and how it hears the answer.

use super::rules::layer;
use baya_agents::backend::{Action, Deed, Gatekeeper, Permission, Signal};
use baya_agents::policy::{Gates, Guarded, Policy};
use baya_core::agent::AgentOptions;
use baya_core::approval::{Answerer, ApprovalRequest, Patience, Told, Verdict};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// What the questions were, and who answers them.
struct Door {
    gate: Arc<dyn Gatekeeper>,
    asked: Arc<Mutex<Vec<ApprovalRequest>>>,
    cancel: CancellationToken,
}

enum Person {
    Says(Verdict, Answerer),
    Silent,
    Gone,
}

fn door(file: Value, person: Person, change: impl FnOnce(&mut Guarded)) -> Door {
    let gates = Gates {
        policy: Policy::new(vec![layer("p.toml", file)]),
        patience: Patience::Forever,
        home: PathBuf::from("/home/ann"),
        ..Gates::default()
    };
    let asked: Arc<Mutex<Vec<ApprovalRequest>>> = Arc::default();
    let (heard, kept) = (asked.clone(), Mutex::new(Vec::new()));
    let signals = Arc::new(move |signal| {
        let Signal::ApprovalAsked { request, told } = signal else { return };
        heard.lock().expect("lock").push(request);
        match &person {
            Person::Says(answer, by) => drop(told.send(Told { answer: *answer, by: by.clone() })),
            Person::Silent => kept.lock().expect("lock").push(told),
            Person::Gone => drop(told),
        }
    });
    let cancel = CancellationToken::new();
    let folder = PathBuf::from("/src");
    let mut guarded =
        Guarded { folder, cancel: cancel.clone(), signals, is_read_only: false, asks_nobody: false };
    change(&mut guarded);
    let gate = Arc::new(gates).gate(&crate::api::task(AgentOptions::default()), guarded);
    Door { gate, asked, cancel }
}

fn push() -> Action {
    Action { tool: "bash".to_owned(), what: Deed::Command("git push".to_owned()) }
}

fn asks() -> Value {
    json!({"commands": {"ask": ["git push"], "deny": ["rm"]}})
}

fn why(permission: Permission) -> String {
    match permission {
        Permission::Allowed => "allowed".to_owned(),
        Permission::Denied(why) => why,
    }
}

#[tokio::test]
async fn an_answer_is_heard_as_it_was_said() {
    let person = || Answerer::Person("ann".to_owned());
    for (answer, by, heard) in [
        (Verdict::Allow, person(), "allowed"),
        (Verdict::Always, person(), "allowed"),
        (Verdict::Deny, person(), "a person was asked and denied it"),
        (Verdict::Deny, Answerer::Nobody, "nobody is there to answer"),
        (Verdict::Deny, Answerer::TimeLimit, "nobody answered in time"),
    ] {
        let door = door(asks(), Person::Says(answer, by), |_| {});
        let said = why(door.gate.may(&push()).await);
        assert!(said.contains(heard), "{said}");
        let asked = door.asked.lock().expect("lock");
        assert_eq!((asked[0].action.as_str(), asked[0].patience), ("git push", Patience::Forever));
        assert!(
            asked[0].why.contains("rule `git push` in `ask` of `[policy.commands]`, p.toml"),
            "{}",
            asked[0].why
        );
    }
}

#[tokio::test]
async fn what_is_allowed_or_denied_is_not_asked() {
    let door = door(asks(), Person::Gone, |_| {});
    let action = |text: &str| Action { what: Deed::Command(text.to_owned()), ..push() };
    assert_eq!(door.gate.may(&action("git status")).await, Permission::Allowed);
    assert!(why(door.gate.may(&action("rm x")).await).contains("rule `rm`"));
    assert!(door.asked.lock().expect("lock").is_empty());
    assert_eq!(why(door.gate.may(&push()).await), "the run is over");
}

#[tokio::test]
async fn a_cancelled_attempt_waits_for_nobody() {
    let door = door(asks(), Person::Silent, |_| {});
    let (action, cancel) = (push(), door.cancel.clone());
    let (said, ()) = tokio::join!(door.gate.may(&action), async { cancel.cancel() });
    assert_eq!(why(said), "the agent was stopped");
}

#[tokio::test]
async fn permission_modes_narrow() {
    let write = Action { tool: "write".to_owned(), what: Deed::Write("/src/a".into()) };
    let plan = door(asks(), Person::Gone, |guarded| guarded.is_read_only = true);
    assert!(why(plan.gate.may(&write).await).contains("only reads"));
    let never = door(asks(), Person::Silent, |guarded| {
        guarded.asks_nobody = true;
        guarded.cancel.cancel();
    });
    let _ = never.gate.may(&push()).await;
    let says = Person::Says(Verdict::Deny, Answerer::Nobody);
    let never = door(asks(), says, |guarded| guarded.asks_nobody = true);
    let _ = never.gate.may(&push()).await;
    assert_eq!(never.asked.lock().expect("lock")[0].patience, Patience::Nobody);
}
