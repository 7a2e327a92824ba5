//! A watched program does what the plain one does, with the same positions, and tells what it saw.

use crate::fixture::{NOW_MS, Run, delivery, drive, echo, start};
use baya_core::call::{Call, CallKind, Payload, Start, StepState};
use baya_core::script::{Options, Sight, SourceFile, Watched, What, check, watch};
use baya_js::Isolate;
use serde_json::{Value, json};

const META: &str = "export const meta = {name: 'm', description: 'd'}";

fn started(text: &str) -> Start {
    let entry = SourceFile { name: "s.js".to_owned(), text: text.to_owned() };
    let lib = |_: &str, _: &str| {
        let text = "export const twice = (x) => x === 'one' ? 2 : x / 0\n".to_owned();
        Ok(SourceFile { name: "lib.js".to_owned(), text })
    };
    let checked = check(entry, &Options::default(), &mut lib.clone()).unwrap();
    Start { program: checked.script.program, meta: checked.script.meta, now_ms: NOW_MS, ..start("") }
}

struct Seen {
    calls: Vec<Call>,
    state: StepState,
    sights: Vec<Sight>,
    watched: Watched,
}

/// Drives a watched program to where nobody answers.
fn seen(text: &str, answer: &dyn Fn(&Call) -> Option<Payload>) -> Seen {
    let start = started(text);
    let watched = watch(&start.program).unwrap();
    let (mut isolate, mut step) = Isolate::start(Start { program: watched.program.clone(), ..start });
    let (mut calls, mut sights) = (Vec::new(), Vec::new());
    loop {
        sights.extend(watched.take(&mut step));
        let due: Vec<_> =
            step.calls.iter().filter_map(|call| Some(delivery(call.id, answer(call)?))).collect();
        calls.extend(step.calls);
        if due.is_empty() {
            return Seen { calls, state: step.state, sights, watched };
        }
        step = isolate.deliver(due);
    }
}

/// Calls without their numbers, which count notes, too.
fn plain(calls: &[Call]) -> Vec<Value> {
    let without_id = |call: &Call| {
        let mut value = serde_json::to_value(call).unwrap();
        value.as_object_mut().unwrap().remove("id");
        value
    };
    calls.iter().map(without_id).collect()
}

fn same(text: &str, answer: &dyn Fn(&Call) -> Option<Payload>) -> Vec<Sight> {
    let Run { calls, state, .. } = drive(started(text), answer);
    let seen = seen(text, answer);
    assert_eq!(plain(&seen.calls), plain(&calls), "{text}");
    assert_eq!(seen.state, state, "{text}");
    seen.sights
}

/// What the places read as that were reached, divided by 0 or compared.
fn places(text: &str) -> Vec<String> {
    let seen = seen(text, &echo);
    let place = |point: usize| {
        let site = &seen.watched.points[point].site;
        format!("{}:{}", site.line, site.column)
    };
    let words = |sight: &Sight| match sight {
        Sight::Reached(point) | Sight::Spun(point) => place(*point),
        Sight::DividedByZero(point) => format!("{} /0", place(*point)),
        Sight::Compared(point, text) => format!("{} {text}", place(*point)),
        Sight::Missing { field, site, .. } => {
            let site = site.as_ref().unwrap();
            format!("{}:{} no {field}", site.line, site.column)
        }
        Sight::BranchThrew { of, message, site, .. } => {
            format!("{of} {message} at {}", site.as_ref().unwrap().line)
        }
        Sight::JoinedNull { site } => format!("{} joined", site.as_ref().unwrap().line),
        Sight::StepEnded { .. } | Sight::StepLookedAt(_) => String::new(),
    };
    seen.sights.iter().map(words).collect()
}

#[test]
fn a_watched_script_does_the_same_at_the_same_places() {
    for body in [
        "return await agent('a')",
        "const x = 1, o = { y: 2 }\nreturn agent(`look at ${x === 'é' ? 1 : undefined}`,\n  {label: o.y + String(x)})",
        "outer: for (const a of [1, 2]) {\n  for (;;) { if (a / 2 > 0) continue outer; else break outer }\n}\nreturn 1",
        "let n = 0\ndo n++\nwhile (n < 3)\nif (n) log('x')\nelse log('y')\nfor (const k in {a: 1}) log(k)\nreturn n",
        "const f = async (x) => ({ x, y: await agent('é' + x) }); return parallel([1, 2].map((n) => () => f(n)))",
        "switch (await agent('x')) {\n  case 'a': log('a'); break\n  default: log('b')\n}\nthrow 'é'",
        "const t = { a: 1, b: 2 }\nconst q = t[await agent('x')] ?? t?.['a']\nreturn q.z.y",
        "let agent2 = agent\nlog(agent2 === 'x')\nreturn agent2('x')",
        "class A { static n = 1; m() { return this.n ? 1 : 2 } }\nreturn [new A().m(), [...'ab'].map((c) => c)]",
        "await new Promise(() => {})",
        "const r = await parallel([() => null, () => agent('a')])\nreturn [r.join(), `${r}`, [null, 1] + '']",
        "const answer = await agent('q', { schema: { type: 'object', properties: { a: {} } } })\nreturn answer",
        "const p = agent('q', { work: true, isolation: 'worktree' })\nconst w = await baya.work(p)\nreturn { w }",
        "function* g() { yield 1 }\nconst [a, b = a / 2] = [...g()]\nreturn { a, b }",
        "try { null.x } catch (e) { return e.message } finally { log('end') }",
        "const r = async () => { for await (const x of [agent('a')]) log(x) }\nawait r()\nreturn typeof agent",
    ] {
        same(&format!("{META}\n{body}"), &echo);
        same(&format!("{META}; {body}"), &echo);
        same(&format!("import {{ twice }} from './lib.js'\n{META}\nlog(twice('one'))\n{body}"), &echo);
    }
}

#[test]
fn it_tells_what_was_reached_and_compared() {
    let text =
        format!("{META}\nconst x = await agent('a')\nif (x === 'b') log('no')\nreturn x === 'c' ? 1 : 2 / 0");
    assert_eq!(
        places(&text),
        ["2:1", "3:1", "3:5 done: a", "4:1", "4:8 done: a", "4:24", "4:28 /0"],
        "the `log` of line 3 and the 1 of line 4 were not"
    );
    let seen = seen(&text, &echo);
    let statements = seen.watched.points.iter().filter(|point| point.what == What::Statement);
    assert_eq!(statements.count(), 4);
}

#[test]
fn it_tells_results_with_null_that_are_joined() {
    let joined = |rest: &str| {
        let text = format!("{META}\nconst r = await parallel([() => null, () => agent('a')])\n{rest}");
        places(&text).into_iter().filter(|place| place.ends_with("joined")).collect::<Vec<_>>()
    };
    assert_eq!(joined("log('x')\nlog(r.join('-'))"), ["4 joined"]);
    assert_eq!(joined("log(`all: ${r}`)"), ["3 joined"]);
    assert_eq!(joined("log(r.filter(Boolean).join())\nlog([null, 1].join())"), Vec::<String>::new());
}

#[test]
fn it_tells_fields_that_the_schema_does_not_have() {
    let schema = "{ type: 'object', properties: { issues: { type: 'array', items: { $ref: '#/$defs/i' } } }, \
                  $defs: { i: { type: 'object', properties: { file: { type: 'string' }, why: {} } } } }";
    let text = format!(
        "{META}\nconst S = {schema}\nconst r = await agent('q', {{ schema: S, label: 'look' }})\n\
         log(r.isues?.length, r.issues.map((i) => i.file), r.why, r.issues.lenght)\n\
         const [{{ line, file, why }}] = r.issues\n\
         log(JSON.stringify(r), r.issues.indexOf(r.issues[0]), r.issues[7])\n\
         return {{ ...r, file, same: r.issues[0] === r.issues[0], list: Array.isArray(r.issues) }}"
    );
    let answer = |call: &Call| match &call.kind {
        CallKind::Agent { .. } => Some(Payload::Value(json!({"issues": [{"file": "a.js"}]}))),
        _ => None,
    };
    let sights = same(&text, &answer);
    let missing: Vec<String> = sights
        .iter()
        .filter_map(|sight| match sight {
            Sight::Missing { field, label, fields, of_list, site } => {
                Some(format!("{}: {field} of {label} {fields:?} {of_list}", site.as_ref().unwrap().line))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        missing,
        [
            "4: isues of look [\"issues\"] false",
            "4: why of look [\"issues\"] false",
            "4: lenght of look [] true",
            "5: line of look [\"file\", \"why\"] false",
        ]
    );
}

#[test]
fn it_tells_what_branches_throw() {
    let text = format!(
        "{META}\nconst fail = (x) =>\n  x.y.z\nawait parallel([() => agent('a'), async () => fail({{}})])\n\
         return pipeline([1], (x) => x + 1, (x) => {{ throw new Error('no ' + x) }})"
    );
    assert_eq!(
        places(&text).into_iter().filter(|place| place.starts_with('p')).collect::<Vec<_>>(),
        ["parallel cannot read property 'z' of undefined at 3", "pipeline no 2 at 5"]
    );
    same(&text, &echo);
}

#[test]
fn it_tells_host_steps_nobody_looks_at() {
    let text = format!(
        "{META}\nconst a = await baya.exec('a')\nlog(a.stdout)\nconst b = await baya.exec('b')\n\
         if (b.code) log('failed')\nconst c = await baya.exec('c')\nreturn c"
    );
    let answer = |call: &Call| match &call.kind {
        CallKind::Step { .. } => Some(Payload::Value(json!({"code": 1, "stdout": "", "stderr": ""}))),
        _ => None,
    };
    let sights = same(&text, &answer);
    let ended: Vec<(u64, u32)> = sights
        .iter()
        .filter_map(|sight| match sight {
            Sight::StepEnded { step, site, .. } => Some((*step, site.as_ref().unwrap().line)),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [(1, 2), (2, 4), (3, 6)]);
    let looked = sights.iter().filter(|sight| matches!(sight, Sight::StepLookedAt(_)));
    assert_eq!(looked.collect::<Vec<_>>(), [&Sight::StepLookedAt(2), &Sight::StepLookedAt(3)]);
}
