//! Host steps and works as a script sees them (C10, C72).

use crate::fixture::{drive, start};
use baya_core::call::{Call, CallKind, Payload};
use baya_core::step::{HostStep, Retry, Select};
use serde_json::{Value, json};

/// Steps answer with themselves, agents with a result and a work.
fn host(call: &Call) -> Option<Payload> {
    match &call.kind {
        CallKind::Step { step } => Some(Payload::Value(json!(step))),
        CallKind::Agent { prompt, options, .. } => {
            let work = json!({"agent": call.id.0, "branch": "b", "files": []});
            let value = match prompt.as_str() {
                "null" => Value::Null,
                "object" => json!({"x": 1}),
                text => json!(text),
            };
            let wanted = options.get("work") == Some(&json!(true));
            let value = if wanted { json!({"result": value, "work": work}) } else { value };
            Some(Payload::Worked { value, work })
        }
        CallKind::SetTimer { .. } => Some(Payload::Fired),
        CallKind::Workflow { .. }
        | CallKind::FrameEnded { .. }
        | CallKind::Phase { .. }
        | CallKind::Log { .. }
        | CallKind::ClearTimer { .. } => None,
    }
}

fn check(body: &str, expected: Value) {
    assert_eq!(drive(start(body), &host).value(), expected, "{body}");
}

fn check_step(body: &str, expected: HostStep) {
    check(&format!("return await {body}"), json!(expected));
}

#[test]
fn c10_host_steps_reach_the_host_as_they_were_written() {
    let exec = |command: &str, cwd: Option<&str>, timeout_ms, retry, key: Option<&str>| HostStep::Exec {
        command: command.to_owned(),
        cwd: cwd.map(str::to_owned),
        timeout_ms,
        retry,
        key: key.map(str::to_owned),
    };
    check_step("baya.exec('ls')", exec("ls", None, None, Retry::Ask, None));
    let all = "baya.exec('x', {cwd: 'src', timeoutMs: 5, retry: 'safe', key: 'once'})";
    check_step(all, exec("x", Some("src"), Some(5), Retry::Safe, Some("once")));
    check_step("baya.readFile('a')", HostStep::ReadFile { path: "a".to_owned() });
    let written = HostStep::WriteFile { path: "a".to_owned(), text: "b".to_owned() };
    check_step("baya.writeFile('a', 'b')", written);
    check_step("baya.glob('**/*.rs')", HostStep::Glob { pattern: "**/*.rs".to_owned() });
    check_step("baya.git.changedFiles()", HostStep::ChangedFiles { base: None });
    let since = HostStep::ChangedFiles { base: Some("main".to_owned()) };
    check_step("baya.git.changedFiles({base: 'main'})", since);
}

const WHICH: &str =
    "baya.land(works, options): give a list of works, or {phase: 'its title'}, or {label: 'its label'}";

#[test]
fn c10_an_option_that_a_host_step_does_not_know_is_refused() {
    let exec = "baya.exec(command, options): there is no option `timeout`; \
                there are: `cwd`, `timeoutMs`, `retry`, `key`; hint: did you mean `timeoutMs`?";
    let land = "baya.land(works, options): there is no option `checks`; there are: `check`, `checkTimeoutMs`, \
                `onConflict`, `batch`, `style`, `review`, `model`, `agentTimeoutMs`; \
                hint: did you mean `check`?";
    let base = "baya.git.changedFiles(options): there is no option `xyz`; there are: `base`";
    let works = "baya.land(works): there is no option `lable`; there are: `phase`, `label`; \
                 hint: did you mean `label`?";
    for (body, said) in [
        ("baya.land({phase: 'Fix', lable: 'a'})", works),
        ("baya.exec('x', {timeout: 5})", exec),
        ("baya.land([], {checks: 'make'})", land),
        ("baya.git.changedFiles({xyz: 'main'})", base),
    ] {
        check(
            &format!("try {{ await {body} }} catch (e) {{ return [e.name, e.message] }}"),
            json!(["TypeError", said]),
        );
    }
    let absent = "baya.exec('ls', {cwd: undefined, stdin: undefined})";
    let command = "ls".to_owned();
    let plain = HostStep::Exec { command, cwd: None, timeout_ms: None, retry: Retry::Ask, key: None };
    check_step(absent, plain);
}

#[test]
fn c10_wrong_host_steps_reject_with_what_is_wrong() {
    for (body, said) in [
        ("baya.exec()", "baya.exec(command, options): `command` must be a string, not undefined"),
        ("baya.exec('x', {timeoutMs: 'soon'})", "baya.exec: invalid type: string \"soon\", expected u64"),
        ("baya.exec('x', {retry: 'maybe'})", "baya.exec: unknown variant `maybe`, expected `ask` or `safe`"),
        ("baya.writeFile('x', {})", "baya.writeFile(path, text): `text` must be a string, not an object"),
        ("baya.land({})", WHICH),
        ("baya.land({phase: 'Fix', label: 'fix a'})", WHICH),
        ("baya.land({agent: 1, branch: 'b'})", WHICH),
        ("baya.land()", WHICH),
        ("baya.land({phase: 5})", "baya.land(works, options): `phase` must be a string, not a number"),
        ("baya.land([], {review: 5})", "baya.land(works, options): `review` must be a string, not a number"),
    ] {
        check(
            &format!("try {{ await {body} }} catch (e) {{ return [e.name, e.message] }}"),
            json!(["TypeError", said]),
        );
    }
}

#[test]
fn c72_a_work_is_found_by_its_promise_and_by_its_object() {
    check("const p = agent('text'); return (await baya.work(p)).branch", json!("b"));
    check("const r = await agent('object'); return (await baya.work(r)).branch", json!("b"));
    check("const p = agent('null'); return [await p, (await baya.work(p)).branch]", json!([null, "b"]));
    let both = "const {result, work} = await agent('text', {work: true}); return [result, work.branch]";
    check(both, json!(["text", "b"]));
    let text = "try { await baya.work(await agent('text')) } \
                catch (e) { return [e.name, /work: true/.test(e.message)] }";
    check(text, json!(["TypeError", true]));
}

#[test]
fn c72_works_are_landed_by_agent_phase_or_label() {
    let select = |body: &str| match serde_json::from_value(drive(start(body), &host).value()) {
        Ok(HostStep::Land { select, options }) => (select, options),
        other => panic!("{other:?}"),
    };
    let agents =
        |numbers: &[u32]| Select::Agents(numbers.iter().map(|n| baya_core::ids::AgentNumber(*n)).collect());
    let (found, _) = select("return baya.land([await agent('a', {work: true}), null])");
    assert_eq!(found, agents(&[1]));
    let (found, _) = select("return baya.land([await baya.work(agent('a')), await agent('object')])");
    assert_eq!(found, agents(&[1, 2]));
    let (found, options) =
        select("return baya.land({phase: 'Fix'}, {check: 'make', onConflict: 'stop', batch: 8})");
    assert_eq!(found, Select::Phase("Fix".to_owned()));
    assert_eq!((options.check.as_deref(), options.batch), (Some("make"), 8));
    let review =
        |given: &str| select(&format!("return baya.land({{phase: 'Fix'}}, {{review: {given}}})")).1.review;
    assert_eq!(review("true").as_deref(), Some(""));
    assert_eq!(review("'no new warnings'").as_deref(), Some("no new warnings"));
    assert_eq!((review("false"), review("undefined")), (None, None));
    let how = "{onConflict: 'agent', model: 'opus', agentTimeoutMs: 5000}";
    let (_, options) = select(&format!("return baya.land({{phase: 'Fix'}}, {how})"));
    assert_eq!((options.model.as_deref(), options.agent_timeout_ms), (Some("opus"), 5_000));
    assert_eq!(options.on_conflict, baya_core::landing::OnConflict::Agent);
}
