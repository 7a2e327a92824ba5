//! workflow(): children in frames of their own.

use crate::fixture::{Run, drive, program, silent, start};
use baya_core::call::{
    Call, CallKind, Child, Payload, Program, ScriptLimits, Start, StepState, ThrowKind, Thrown, Unit,
    WorkflowTarget,
};
use baya_core::ids::{CallId, FrameId};
use serde_json::{Value, json};

fn child(frame: u32, body: &str, args: Option<Value>) -> Payload {
    Payload::Child(Box::new(Child {
        frame: FrameId(frame),
        name: "inner".to_owned(),
        program: program(body),
        meta: json!({"name": "inner"}),
        args,
    }))
}

/// Every `workflow()` call runs `body`; agents echo.
fn with_child(parent: &str, body: &'static str) -> Run {
    drive(start(parent), &host(body))
}

fn host(body: &'static str) -> impl Fn(&Call) -> Option<Payload> {
    move |call| match &call.kind {
        CallKind::Workflow { args, .. } => Some(child(call.id.0 as u32, body, args.clone())),
        _ => crate::fixture::echo(call),
    }
}

fn ended(run: &Run) -> Vec<(u32, Option<String>)> {
    let end = |call: &Call| match &call.kind {
        CallKind::FrameEnded { ended, error } => Some((ended.0, error.clone())),
        _ => None,
    };
    run.calls.iter().filter_map(end).collect()
}

#[test]
fn c53_a_childs_result_is_the_callers() {
    let run = with_child(
        "phase('mine'); const r = await workflow('inner', {n: 2}); return {r, phase: (await agent('after'))}",
        "phase('theirs'); log('hi'); const a = await agent(`child ${args.n}`); return {a, name: meta.name, d: \
            new Date(0), u: undefined}",
    );
    assert_eq!(
        run.value(),
        json!({"r": {"a": "done: child 2", "name": "inner", "d": "1970-01-01T00:00:00.000Z"}, "phase": "done: after"})
    );
    let seen: Vec<_> = run.calls.iter().map(|call| (call.id.0, call.frame.0, call.kind.clone())).collect();
    assert_eq!(
        seen[1].2,
        CallKind::Workflow { target: WorkflowTarget::Name("inner".to_owned()), args: Some(json!({"n": 2})) }
    );
    assert_eq!((seen[2].1, &seen[2].2), (2, &CallKind::Phase { title: "theirs".to_owned() }));
    assert_eq!(seen[3].1, 2);
    assert!(matches!(&seen[4].2, CallKind::Agent { phase: Some(phase), .. } if phase == "theirs"));
    assert_eq!(seen[5].2, CallKind::FrameEnded { ended: FrameId(2), error: None });
    assert!(matches!(&seen[6], (7, 0, CallKind::Agent { phase: Some(phase), .. }) if phase == "mine"));
    assert_eq!(seen.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
}

#[test]
fn c53_a_child_that_throws_rejects_the_call() {
    let parent = "try { await workflow('x') } catch (e) { return [e instanceof Error, e.name, e.message] }";
    for (body, name, message) in [
        ("throw new TypeError('bad')", "TypeError", "bad"),
        ("await agent('a'); throw {code: 7}", "object", "{\"code\":7}"),
        ("return ]", "SyntaxError", ""),
        ("const f = () => f() + 1; f()", "StackLimit", "the script calls too deep"),
    ] {
        let run = with_child(parent, body);
        let value = run.value();
        assert_eq!((&value[0], &value[1]), (&json!(true), &json!(name)), "{body}");
        assert!(value[2].as_str().is_some_and(|text| text.contains(message)), "{value}");
        assert_eq!(ended(&run).len(), 1);
        assert!(ended(&run)[0].1.is_some());
    }
}

#[test]
fn c53_a_child_that_returns_nothing_gives_undefined() {
    let run = with_child("return typeof await workflow('x')", "");
    assert_eq!(run.value(), json!("undefined"));
    let run = with_child("return await workflow('x')", "return {n: 1n}");
    assert_eq!(run.value(), json!({"n": "1"}));
    assert!(run.logs()[0].contains("BigInt"));
}

#[test]
fn c53_children_run_side_by_side_in_their_own_realms() {
    let run = with_child(
        "globalThis.shared = 1; Array.prototype.mark = 1; return parallel([1, 2].map((n) => () => workflow('x', n)))",
        "const a = await agent(`c${args}`); const r = [a, typeof shared, [].mark === undefined, Math.random()]; \
            globalThis.shared = 2; return r",
    );
    let value = run.value();
    assert_eq!(value[0][0], "done: c1");
    assert_eq!(
        value[1].as_array().map(|r| r[..3].to_vec()),
        Some(vec![json!("done: c2"), json!("undefined"), json!(true)])
    );
    assert_ne!(value[0][3], value[1][3], "each frame has a seed of its own");
}

#[test]
fn c53_the_depth_is_limited() {
    let run = with_child(
        "return workflow('x')",
        "try { await workflow('y') } catch (e) { return [e.kind, e.message] }",
    );
    assert_eq!(run.value()[0], "workflow");
    assert!(run.value()[1].as_str().is_some_and(|text| text.contains("--max-depth")), "{}", run.value());
    let limits = ScriptLimits { depth_max: 2, ..ScriptLimits::default() };
    let body = "return workflow('x')";
    let nested = drive(Start { limits, ..start(body) }, &|call| match &call.kind {
        CallKind::Workflow { .. } if call.frame == FrameId::MAIN => {
            Some(child(7, "return [await workflow('y')]", None))
        }
        CallKind::Workflow { .. } => Some(child(8, "return await agent('deep')", None)),
        _ => crate::fixture::echo(call),
    });
    assert_eq!(nested.value(), json!(["done: deep"]));
    assert_eq!(ended(&nested), [(8, None), (7, None)]);
}

#[test]
fn c53_the_target_is_a_name_or_a_path() {
    let run =
        drive(start("workflow({scriptPath: './a.js'}); workflow('n', undefined); await agent('x')"), &silent);
    let paths: Vec<_> = run.calls[..2].iter().map(|call| call.kind.clone()).collect();
    assert_eq!(
        paths,
        [
            CallKind::Workflow { target: WorkflowTarget::Path("./a.js".to_owned()), args: None },
            CallKind::Workflow { target: WorkflowTarget::Name("n".to_owned()), args: None }
        ]
    );
    for bad in ["5", "null", "undefined", "{}", "'n', {x: 1n}"] {
        let run =
            drive(start(&format!("try {{ await workflow({bad}) }} catch (e) {{ return e.name }}")), &silent);
        assert_eq!(run.value(), json!("TypeError"), "{bad}");
        assert!(run.calls.is_empty());
    }
}

#[test]
fn c53_what_the_engine_throws_rejects_the_call() {
    let thrown =
        Thrown { kind: ThrowKind::Workflow, message: "unknown workflow `x`; there are: a, b".to_owned() };
    let run = drive(start("try { await workflow('x') } catch (e) { return [e.kind, e.message] }"), &|call| {
        matches!(call.kind, CallKind::Workflow { .. }).then(|| Payload::Throw(thrown.clone()))
    });
    assert_eq!(run.value(), json!(["workflow", "unknown workflow `x`; there are: a, b"]));
}

#[test]
fn c43_a_limit_in_a_child_is_a_limit_for_the_caller() {
    let thrown = Thrown { kind: ThrowKind::Budget, message: "nothing left".to_owned() };
    let body = "return parallel([1, 2].map((n) => () => workflow('x')))";
    let run = drive(start(body), &|call| match &call.kind {
        CallKind::Workflow { .. } => Some(child(call.id.0 as u32, "await agent('a')", None)),
        CallKind::Agent { .. } => Some(Payload::Throw(thrown.clone())),
        _ => None,
    });
    assert_eq!(run.value(), json!([null, null]));
    assert_eq!(run.logs(), ["parallel: 2 of 2 did not run: nothing left"]);
}

#[test]
fn c16_a_child_that_waits_for_nothing_rejects_the_call() {
    let run = with_child(
        "agent('other'); try { await workflow('x') } catch (e) { return e.message }",
        "await new Promise(() => {})",
    );
    assert_eq!(run.value(), json!("the workflow `inner` waits for something that can never come"));
    let run = with_child("await workflow('x')", "for (;;) await agent('a'.repeat(1e9))");
    assert!(matches!(run.state, StepState::Threw { .. }));
}

#[test]
fn c53_a_child_may_leave_calls_behind() {
    let mut run =
        drive(
            start("const r = await workflow('x'); await agent('end'); return r"),
            &|call| match &call.kind {
                CallKind::Workflow { .. } => {
                    Some(child(1, "agent('left').then(() => log('heard')); return 1", None))
                }
                _ => None,
            },
        );
    assert_eq!(run.state, StepState::Waiting);
    assert_eq!(ended(&run), [(1, None)]);
    run.deliver(CallId(2), Payload::Value(json!(1)), &silent);
    assert_eq!(run.logs(), ["heard"]);
    run.deliver(CallId(4), Payload::Value(json!(1)), &silent);
    assert_eq!(run.value(), json!(1));
}

#[test]
fn c09_units_see_what_they_import() {
    let unit = |file: &str, text: &str, imports: &[usize]| Unit {
        file: file.to_owned(),
        text: text.to_owned(),
        imports: imports.to_vec(),
        shift: 0,
    };
    let program = Program {
        units: vec![
            unit("lib/a.js", "(()=>{\"use strict\"; const twice = (x) => x * 2; return {twice}; })", &[]),
            unit(
                "b.js",
                "((a)=>{\"use strict\"; return {four: (x) => a.twice(a.twice(x)), fail() {\n  throw new \
                    Error('in b') }}; })",
                &[0],
            ),
            unit(
                "script.js",
                "(async(meta, a, b)=>{\"use strict\"; if (meta.name !== 'test') b.fail(); return [a.twice(1), \
                    b.four(1)] })",
                &[0, 1],
            ),
        ],
    };
    let run = drive(Start { program: program.clone(), ..start("") }, &silent);
    assert_eq!(run.value(), json!([2, 4]));
    let error = drive(Start { program, meta: json!({"name": "other"}), ..start("") }, &silent).error();
    assert_eq!(
        error.stack.iter().map(|site| (site.file.as_str(), site.line)).collect::<Vec<_>>(),
        [("b.js", 2), ("script.js", 1)]
    );
}
