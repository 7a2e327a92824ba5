//! How many agents a script can start, as its text says.

use baya_core::call::{Program, Unit, WorkflowTarget};
use baya_core::script::{ArgsKnown, Bounds, bounds};
use serde_json::{Value, json};

fn program(body: &str) -> Program {
    let text = format!("(async function(meta){{\"use strict\";\n{body}\n}})");
    Program { units: vec![Unit { file: "a.js".to_owned(), text, shift: 0, imports: Vec::new() }] }
}

fn bounds_of(body: &str) -> Bounds {
    bounds(&program(body), ArgsKnown::Nothing)
}

#[track_caller]
fn check(body: &str, expected: Option<u64>) {
    assert_eq!(bounds_of(body).own(), expected, "{body}");
}

#[track_caller]
fn with_args(body: &str, args: Value, expected: Option<u64>) {
    assert_eq!(bounds(&program(body), ArgsKnown::These(&args)).own(), expected, "{body} {args}");
}

#[test]
fn calls_side_by_side_add_up() {
    check("return 1", Some(0));
    check("await agent('a'); if (x) await agent('b'); else await agent('c')", Some(3));
    check("const ask = (p) => agent(p)\nawait ask('a'); await ask('b')", Some(2));
    check("async function ask(p) { return agent(p) }\nfor (const p of ['a', 'b']) await ask(p)", Some(2));
    check("function never() { return agent('a') }", Some(0));
    // A name of the script's own.
    check("const agent = (x) => x\nfor (;;) agent('a')", Some(0));
}

#[test]
fn lists_of_known_length_multiply() {
    let fan = |list: &str| format!("await parallel({list}.map((it) => () => agent(it)))");
    check(&fan("['a', 'b', 'c']"), Some(3));
    check(&format!("const all = ['a', 'b']\n{}", fan("[...all, 'c', ...all]")), Some(5));
    check(&fan("Array.from({length: 7}, (_, at) => at)"), Some(7));
    check(&fan("new Array(4).fill('x')"), Some(4));
    check(&fan("[...Array(6).keys()]"), Some(6));
    check(&fan("(await x()).slice(0, 20).filter(Boolean)"), Some(20));
    check(&fan("['a', 'b', 'c'].slice(1, 3)"), Some(2));
    check(&fan("[...new Set(['a', 'b'])]"), Some(2));
    check(&fan("Object.keys({a: 1, b: 2})"), Some(2));
    check(&fan("['a', 'b'].flatMap((a) => ['x', 'y', 'z'].map((b) => a + b))"), Some(6));
    check(&fan("['a', 'b'].map((a) => [a, a]).flat()"), Some(4));
    check(
        &format!("const most = 3\n{}", fan("(await x()).items.slice(0, Math.min(x.n, most + 1)).reverse()")),
        None,
    );
    check(&format!("const most = 3\n{}", fan("(await x()).slice(0, most * 2)")), Some(6));
    check(&fan("((await x()) ?? ['a'])"), None);
    check(&fan("(x ? ['a'] : ['b', 'c'])"), Some(2));
    check(&fan("(await x()).files"), None);
    check(&fan("(await x()).slice(0, -1)"), None);
}

#[test]
fn functions_are_followed_to_where_they_are_called() {
    check("await parallel([() => agent('a'), async () => { await agent('b'); return agent('c') }])", Some(3));
    check("const all = ['a', 'b', 'c'].map((it) => () => agent(it))\nawait parallel(all)", Some(3));
    check(
        "const thunks = []\nfor (const it of ['a', 'b']) thunks.push(() => agent(it))\nawait parallel(thunks)",
        Some(2),
    );
    check("const of = (it) => () => agent(it)\nawait parallel(['a', 'b'].map(of))", Some(2));
    check(
        "await pipeline(['a', 'b'], (it) => agent(it), async (it) => { await agent(it); await agent(it) })",
        Some(6),
    );
    check("async function stage(it) { return agent(it) }\nawait pipeline(['a', 'b'], stage, stage)", Some(4));
    check("await Promise.all(['a', 'b'].map(async (it) => agent(it)))", Some(2));
    check("await Promise.all(['a', 'b'].map(agent))", Some(2));
    check("const twice = async (f) => { await f(); await f() }\nawait twice(() => agent('a'))", Some(2));
    check(
        "const retry = async (f, n) => { for (let i = 0; i < n; i++) await f() }\nawait retry(() => agent('a'), 3)",
        Some(3),
    );
    check("agent('a').then(() => agent('b')).catch(() => agent('c'))", Some(3));
    check("setTimeout(() => agent('a'), 5)", Some(1));
    // Where they cannot be followed.
    check("const tools = {ask: () => agent('a')}\nawait tools.ask()", None);
    check("const ask = agent\nawait ask('a')", Some(1));
    check("const all = [agent]\nawait all[0]('a')", None);
    check("strange(() => agent('a'))", None);
    check("class Team { ask() { return agent('a') } }\nawait new Team().ask()", None);
    check("const thunks = [() => agent('a')]\nthunks.filter((it) => it())\nawait parallel(thunks)", None);
}

#[test]
fn loops_with_a_count_multiply() {
    let around = |head: &str| format!("{head} {{ await agent('a') }}");
    check(&around("for (let i = 0; i < 5; i++)"), Some(5));
    check(&around("for (let i = 1; i <= 5; i += 2)"), Some(3));
    check(&around("for (let i = 9; i > 0; i -= 3)"), Some(3));
    check(&around("for (let i = 0; 4 > i && !done; i++)"), Some(4));
    check(&around("const n = 2, m = n * 3\nfor (let i = 0; i < m; i++)"), Some(6));
    check(&around("for (let i = 0; i < ['a', 'b'].length; i++)"), Some(2));
    check(&around("for (const key in {a: 1, b: 2})"), Some(2));
    check("for (let i = 0; i < 3; i++) for (const it of ['a', 'b']) await agent(it)", Some(6));
    check("let round = 0\nwhile (!dry && round < 4) { round += 1; await agent('a') }", Some(4));
    check("for (let i = 0; (await agent('a')) && i < 3; i++);", Some(4));
    check(&around("for (;;)"), None);
    check(&around("while (!done)"), None);
    check(&around("do"), None);
    check(&around("for (let i = 0; i < n; i++)"), None);
    check("for (let i = 0; i < 5; i++) { await agent('a'); if (x) i = 0 }", None);
    check("let round = 0\nwhile (round < 4) { if (x) continue; round += 1; await agent('a') }", None);
    check("let round = 0\nwhile (round < 4) { if (x) round += 1; await agent('a') }", None);
    check("let round = 0\nwhile (round < 4) { round += 1; await agent('a'); if (x) round = 0 }", None);
    check("async function again() { await agent('a'); await again() }\nawait again()", None);
}

/// A list that grows is as long as it gets.
#[test]
fn what_changes_is_not_known() {
    let fan = "await parallel(list.map((it) => () => agent(it)))";
    check(&format!("const list = ['a']\n{fan}"), Some(1));
    for change in [
        "list.push('b')",
        "list.unshift('b')",
        "list[list.length] = 'b'",
        "list.length = 5",
        "list['push']('b')",
        "list.splice(0, 0, 'b')",
        "const other = list; other.push('b')",
        "const grow = (it) => it.push('b'); grow(list)",
        "const box = {list}; box.list.push('b')",
        "list.forEach((it, at, all) => all.push(it))",
        "list.reverse().push('b')",
        "Array.prototype.push.call(list, 'b')",
        "const add = list.push; add.call(list, 'b')",
        "for (const it of [list]) it.push('b')",
        "[list[1], list[2]] = ['b', 'c']",
        "Object.assign(list, ['b', 'c', 'd'])",
        "const [first] = [list]; first.push('b')",
    ] {
        check(&format!("const list = ['a']\n{change}\n{fan}"), None);
    }
    // Other lists may grow.
    check(&format!("const list = ['a'], out = []\nout.push('b')\n{fan}"), Some(1));
    check(
        &format!("const list = ['a']\nconst add = (all) => all.push('b')\nadd([])\n{fan}\nreturn {{list}}"),
        Some(1),
    );
    check("const limits = {rounds: 2}\nfor (let i = 0; i < limits.rounds; i++) await agent('a')", Some(2));
    check(
        "const limits = {rounds: 2}\nlimits.rounds = x\nfor (let i = 0; i < limits.rounds; i++) await agent('a')",
        None,
    );
    check(
        "let list = ['a']\nlist = list.concat('b')\nawait parallel(list.map((it) => () => agent(it)))",
        None,
    );
    check("var n = 2\nfor (let i = 0; i < n; i++) await agent('a')", None);
}

#[test]
fn functions_know_what_they_are_given() {
    let chunks = "const chunks = (list, size) => Array.from({length: Math.ceil(list.length / size)}, (_, at) => \
        list.slice(at * size, (at + 1) * size))";
    check(
        &format!("{chunks}\nawait parallel(chunks(['a', 'b', 'c'], 2).map((it) => () => agent(it)))"),
        Some(2),
    );
    check(
        "const clamp = (n, least, most) => Math.min(Math.max(n, least), most)\n\
            for (let i = 0; i < clamp(x, 1, 6); i++) await agent('a')",
        Some(6),
    );
    check(
        "async function rounds(n = 3) { for (let i = 0; i < n; i++) await agent('a') }\nawait rounds()\n\
            await rounds(5)",
        Some(10),
    );
    check(
        "async function rounds(n = 3) { for (let i = 0; i < (n ?? 9); i++) await agent('a') }\nawait rounds(null)",
        Some(9),
    );
}

#[test]
fn arguments_at_hand_are_known() {
    let fan = "await parallel(args.files.map((it) => () => agent(it)))";
    with_args(fan, json!({"files": ["a", "b"]}), Some(2));
    with_args(fan, json!("[1, 2, 3]"), None);
    check(fan, None);
    let many = "const {rounds = 3} = args ?? {}\nfor (let i = 0; i < rounds; i++) await agent('a')";
    with_args(many, json!({"rounds": 7}), Some(7));
    with_args(many, json!({}), Some(3));
    assert_eq!(bounds(&program(many), ArgsKnown::Absent).own(), Some(3));
    check(many, None);
    let either = "const given = typeof args === 'string' ? [args] : args.texts\n\
        await parallel(given.map((it) => () => agent(it)))";
    with_args(either, json!("look"), Some(1));
    with_args(either, json!({"texts": [1, 2, 3, 4]}), Some(4));
    with_args(&format!("args.files.push('x')\n{fan}"), json!({"files": ["a"]}), None);
}

#[track_caller]
fn phases(body: &str, expected: &[(&str, Option<u64>)]) {
    let bounds = bounds_of(body);
    for (title, most) in expected {
        assert_eq!(bounds.of_phase(title), *most, "`{title}` of {body}");
    }
}

#[test]
fn phases_have_bounds_of_their_own() {
    let two =
        "phase('A')\nawait parallel(['a', 'b'].map((it) => () => agent(it)))\nphase('B')\nawait agent('c')";
    phases(two, &[("", Some(0)), ("A", Some(2)), ("B", Some(1)), ("C", Some(0))]);
    let named = "const T = 'A'\nawait agent('a', {phase: T})\nawait agent('b', {phase: 'B', label: x})\n\
        await agent('c', {...more})";
    phases(named, &[("A", Some(2)), ("B", Some(2)), ("", Some(1))]);
    // One that has no bound takes none from the others.
    let open = "phase('A')\nawait agent('a')\nwhile (x) await agent('b', {phase: 'B'})";
    phases(open, &[("A", Some(1)), ("B", None)]);
    // Nobody waits: it may be later.
    let late = "phase('A')\nconst all = parallel(['a', 'b'].map((it) => async () => { await agent(it); return \
        agent(it) }))\nphase('B')\nawait all";
    phases(late, &[("A", Some(4)), ("B", Some(4)), ("", Some(0))]);
    let raced = "phase('A')\nawait Promise.race([agent('a'), agent('b')])\nphase('B')\nawait agent('c')";
    phases(raced, &[("A", Some(2)), ("B", Some(3))]);
    let helper = "const ask = async (p) => { await agent(p) }\nphase('A')\nawait ask('a')\nphase('B')\n\
        await ask('b')\nask('c')\nphase('C')";
    phases(helper, &[("A", Some(1)), ("B", Some(2)), ("C", Some(1))]);
    let perhaps = "phase('A')\nif (x) { phase('B'); await agent('b') }\nawait agent('c')";
    phases(perhaps, &[("A", Some(1)), ("B", Some(2)), ("", Some(0))]);
    let rounds = "for (let i = 0; i < 2; i++) { phase(`Round ${i}`); await agent('a') }";
    phases(rounds, &[("Round 0", Some(2)), ("", Some(2))]);
}

#[test]
fn scripts_that_are_called_are_told() {
    let body =
        "for (const it of ['a', 'b']) await workflow({scriptPath: 'part.js'}, {it})\nawait workflow('other')";
    let bounds = bounds_of(body);
    let told: Vec<(WorkflowTarget, u64)> =
        bounds.children().unwrap().iter().map(|it| (it.target.clone(), it.times)).collect();
    let path = WorkflowTarget::Path("part.js".to_owned());
    assert_eq!(told, [(path, 2), (WorkflowTarget::Name("other".to_owned()), 1)]);
    assert_eq!(bounds.of_phase("▸ part"), None);
    assert_eq!(bounds_of("await workflow(x)").children(), None);
}

#[test]
fn landing_with_agents_has_no_bound() {
    check("await agent('a')\nawait baya.land(works, {check: 'make'})", Some(1));
    check("await agent('a')\nawait baya.land(works, {onConflict: 'agent'})", None);
    check("await agent('a')\nawait baya.land(works, options)", None);
    check("const host = baya\nawait agent('a')", None);
}
