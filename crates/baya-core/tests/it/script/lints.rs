//! The warnings: each where it belongs, none on healthy scripts.

use super::*;
use std::collections::BTreeSet;

/// The warnings for a body, `line:column code`, lines counted from the body's first.
fn warns(body: &str, expected: &[&str]) {
    let text = format!("{};\n{body}", META.trim());
    match check_text(&text) {
        Err(found) => panic!("refused:\n{text}\n{}", render(&found, false)),
        Ok(checked) => {
            let found =
                checked.warnings.iter().map(|it| format!("{}:{} {}", it.line - 1, it.column, it.code));
            let shown = render(&checked.warnings, false);
            assert_eq!(found.collect::<Vec<_>>(), expected, "for:\n{text}\n{shown}");
        }
    }
}

#[test]
fn c10_a_typo_in_a_global_is_caught_before_a_token_is_spent() {
    shows(
        &format!("{META}const a = await agnt('x')\nreturn paralel([])"),
        "warning[unknown-name]: `agnt` is declared nowhere
 --> flow.js:2:17
  |
2 | const a = await agnt('x')
  |                 ^^^^
  |
  = hint: did you mean `agent`?

warning[unknown-name]: `paralel` is declared nowhere
 --> flow.js:3:8
  |
3 | return paralel([])
  |        ^^^^^^^
  |
  = hint: did you mean `parallel`?",
    );
    warns("const verdict = 1\nreturn verdct", &["2:8 unknown-name"]);
    warns("return typeof nothing", &[]);
    warns("const agnt = agent\nreturn await agnt('x')", &[]);
    warns("x = 1", &["1:1 unknown-name"]);
}

#[test]
fn a_missing_await_is_seen() {
    shows(
        &format!("{META}agent('clean up')\nconst r = agent('review')\nreturn r.verdict"),
        "warning[missing-await]: `agent()` gives a promise and is not awaited: nothing waits for it, and its \
             answer is lost
 --> flow.js:2:1
  |
2 | agent('clean up')
  | ^^^^^
  |
  = hint: write `await agent(…)`

warning[missing-await]: `r` is the promise of `agent()`, not its answer: it has no `.verdict`
 --> flow.js:4:8
  |
4 | return r.verdict
  |        ^
  |
  = hint: write `const r = await agent(…)`",
    );
    for body in [
        "workflow('x')",
        "return parallel([]).filter(Boolean)",
        "return `${agent('x')}`",
        "return 'a' + agent('x')",
        "if (agent('x')) log(1)",
        "return !agent('x')",
        "return agent('x') || 'none'",
        "return agent('x') ? 1 : 2",
        "return [...parallel([])]",
        "for (const x of pipeline([])) log(x)",
        "const { a } = agent('x')\nreturn a",
        "const [a, b] = parallel([])\nreturn a + b",
        "return JSON.stringify(agent('x'))",
        "return Object.keys(agent('x'))",
        "return agent('x')['a']",
        "return (agent('x')).a",
        "const f = async () => { agent('x') }\nreturn f()",
    ] {
        let found = check_text(&format!("{};\n{body}", META.trim())).expect("a warning").warnings;
        assert_eq!(found.iter().map(|it| it.code).collect::<Vec<_>>(), ["missing-await"], "{body}");
    }
    for body in [
        "const p = parallel([])\nreturn p.length",
        "const p = agent('x')\nreturn `${p}`",
        "const p = agent('x')\nif (!p) return 1",
        "const p = agent('x')\nreturn [...p]",
        "const p = agent('x')\nreturn p && p.x",
        "const p = parallel([])\nfor (const x of p) log(x)",
    ] {
        let found = check_text(&format!("{META}{body}")).expect("a warning").warnings;
        assert_eq!(found.iter().map(|it| it.code).collect::<Vec<_>>(), ["missing-await"], "{body}");
    }
    warns("[1].forEach(async x => { await agent(`${x}`) })", &["1:13 missing-await"]);
}

#[test]
fn promises_that_are_waited_for_later_are_fine() {
    for body in [
        "const a = agent('a')\nconst b = agent('b')\nreturn [await a, await b]",
        "return Promise.all([agent('a'), agent('b')])",
        "return Promise.race([agent('a'), agent('b')])",
        "const all = []\nfor (const x of [1, 2]) all.push(agent(`${x}`))\nreturn Promise.all(all)",
        "const all = [1, 2].map(x => agent(`${x}`))\nreturn Promise.all(all)",
        "return agent('x')",
        "return agent('x').then(x => x.trim()).catch(() => null)",
        "const p = agent('x')\nconst q = p.then(x => x)\nreturn q",
        "const f = () => agent('x')\nreturn f()",
        "void agent('x')",
        "const p = agent('x')\nconst r = await p\nreturn r.trim()",
        "let p = agent('x')\np = await p\nreturn p.trim()",
        "const p = new Map()\np.set(1, agent('x'))\nreturn p.get(1)",
        "const p = args.fast ? null : agent('x')\nif (p) return await p",
        "return (await agent('x')) || 'none'",
        "const r = await agent('x')\nif (!r) return null\nreturn r.verdict",
        "for await (const x of [agent('x')]) log(x)",
        "const agent = x => ({ a: x })\nagent(1)\nreturn agent(2).a",
        "const cache = {}\ncache.a ??= agent('x')\nreturn cache.a",
        "return { a: agent('x') }.a",
        "const o = { agent() { return 1 } }\no.agent()",
    ] {
        warns(body, &[]);
    }
}

#[test]
fn a_thunk_called_instead_of_passed_is_seen() {
    shows(
        &format!(
            "{META}const items = [1, 2]\nreturn await parallel(items.map(i => agent(`look at ${{i}}`)))"
        ),
        "warning[called-thunk]: `parallel` takes functions, and `agent()` is called here already
 --> flow.js:3:38
  |
3 | return await parallel(items.map(i => agent(`look at ${i}`)))
  |                                      ^^^^^
  |
  = hint: write `item => () => agent(…)`: a function that makes a function",
    );
    warns(
        "return await parallel([agent('a'), () => agent('b'), await agent('c')])",
        &["1:24 called-thunk", "1:60 called-thunk"],
    );
    warns("return await parallel(agent('a'), agent('b'))", &["1:23 called-thunk"]);
    warns("return await parallel([1].map(async i => { return await agent('x') }))", &["1:57 called-thunk"]);
    warns(
        "return await parallel([1].map(async i => { const x = await agent('x'); return { x } }))",
        &["1:31 called-thunk"],
    );
    warns("return await parallel([...[1].map(i => agent('x'))])", &["1:40 called-thunk"]);
    warns("const t = [1].map(i => agent('x'))\nreturn await parallel(t)", &["1:24 called-thunk"]);
    warns("const a = agent('x')\nreturn await parallel([a])", &["2:24 called-thunk"]);
    warns("return await parallel([1].map(i => workflow('w')).filter(Boolean))", &["1:36 called-thunk"]);
    warns("return await pipeline([1], agent('a'), (x) => agent('b'))", &["1:28 called-thunk"]);
    for body in [
        "return await parallel([() => agent('a'), async () => (await agent('b'))])",
        "return await parallel([1].map(i => () => agent(`${i}`)))",
        "return await parallel([1].map(i => async () => { const a = await agent('a'); return a }))",
        "return await parallel([1].map(i => { return () => agent('a') }))",
        "return await parallel([1].map(function (i) { return () => agent('a') }))",
        "const thunks = [1].map(i => () => agent('a'))\nthunks.push(() => agent('b'))\nreturn await parallel(thunks)",
        "const one = i => () => agent(`${i}`)\nreturn await parallel([1].map(one))\n",
        "return await parallel([1].flatMap(i => [() => agent('a'), () => agent('b')]))",
        "return await pipeline([1], (x) => agent('a'), async (p, x, i) => agent('b'))",
        "const make = () => () => agent('x')\nreturn await parallel([make(), make()])",
        "return await Promise.all([1].map(i => agent('x')))",
        "return await parallel([() => parallel([() => agent('a')])])",
        "return await pipeline([agent('a'), agent('b')], x => x)",
    ] {
        warns(body, &[]);
    }
}

#[test]
fn json_parse_of_an_answer_is_seen() {
    shows(
        &format!("{META}const text = await agent('list the files as JSON')\nreturn JSON.parse(text)"),
        "warning[parse-result]: an agent's text is parsed as JSON: one word around it and the script fails
 --> flow.js:3:8
  |
3 | return JSON.parse(text)
  |        ^^^^^^^^^^
  |
  = hint: give `agent()` a `schema`: its answer is then a checked object",
    );
    warns("return JSON.parse(await agent('x'))", &["1:8 parse-result"]);
    warns("const t = await agent('x')\nreturn JSON.parse(t.trim().replace('a', ''))", &["2:8 parse-result"]);
    warns("const t = await agent('x')\nreturn JSON.parse(t || '{}')", &["2:8 parse-result"]);
    warns("return JSON.parse(args)", &[]);
    warns("const r = await agent('x', { schema: { type: 'object' } })\nreturn JSON.parse(r.payload)", &[]);
    warns("const r = await workflow('x')\nreturn JSON.parse(r)", &[]);
    warns("const a = JSON.parse(a)", &[]);
    warns("const a = a || ''\nreturn JSON.parse(a)", &[]);
}

#[test]
fn a_fan_out_as_wide_as_an_answer_is_seen() {
    let plan = "const schema = { type: 'object', properties: { items: { type: 'array' } } }\n\
                const plan = await agent('plan', { schema })\n";
    shows(
        &format!("{META}{plan}return await parallel(plan.items.map(i => () => agent(i)))"),
        "warning[uncapped-fan-out]: `parallel` starts one agent for each element of a model's answer, however many \
             there are
 --> flow.js:4:23
  |
4 | return await parallel(plan.items.map(i => () => agent(i)))
  |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = hint: cut the list: `.slice(0, 20)`, or say `maxItems` in the schema; log what was left out",
    );
    for body in [
        "return await pipeline(plan.items, i => agent(i))",
        "return await pipeline(plan?.items ?? [], i => agent(i))",
        "const { items } = plan\nreturn await pipeline(items, i => agent(i))",
        "const items = plan.items.filter(Boolean)\nlog(`${items.length} items`)\nif (items.length === 0) return \
             []\nreturn await parallel(items.map(i => () => agent(i)))",
        "return await parallel(plan.items.sort().map((i) => () => agent(i)))",
        "return await parallel(Object.keys(plan.items).map((i) => () => agent(i)))",
        "return await parallel([() => agent('first'), ...plan.items.map(i => () => agent(i))])",
    ] {
        let found = check_text(&format!("{META}{plan}{body}")).expect("a warning").warnings;
        assert_eq!(found.iter().map(|it| it.code).collect::<Vec<_>>(), ["uncapped-fan-out"], "{body}");
    }
    for body in [
        "return await parallel(plan.items.slice(0, 10).map(i => () => agent(i)))",
        "const items = plan.items.slice(0, args.max)\nreturn await pipeline(items, i => agent(i))",
        "if (plan.items.length > 20) throw new Error('too many')\nreturn await parallel(plan.items.map(i => () => \
             agent(i)))",
        "const { items } = plan\nif (20 < items.length) items.length = 20\nreturn await pipeline(items, i => \
             agent(i))",
        "const n = Math.min(plan.items.length, 5)\nreturn await parallel(plan.items.map(i => () => agent(`${i} \
             ${n}`)))",
        "return await parallel(chunk(plan.items).map(i => () => agent(i)))\nfunction chunk(x) { return [x] }",
        "const lenses = ['a', 'b']\nreturn await parallel(lenses.map(l => () => agent(`${l} ${plan.items}`)))",
        "return await parallel(args.items.map(i => () => agent(i)))",
        "const done = await parallel(['a'].map(i => () => agent(i)))\nreturn await parallel(done.map(d => () => \
             agent(d)))",
    ] {
        warns(&format!("{plan}{body}"), &[]);
    }
    warns(
        "const plan = await agent('plan', { schema: { type: 'object', properties: { items: { type: 'array', \
             maxItems: 5 } } } })
return await parallel(plan.items.map(i => () => agent(i)))",
        &[],
    );
    warns(
        "const plan = await agent('plan', { schema: args.schema })\nreturn await pipeline(plan.items, i => agent(i))",
        &[],
    );
}

#[test]
fn an_answer_used_without_a_look_at_it_is_seen() {
    shows(
        &format!("{META}return (await agent('x')).trim()"),
        "warning[null-result]: `agent()` gives null when its agent fails or is skipped, and null has no `.trim`
 --> flow.js:2:27
  |
2 | return (await agent('x')).trim()
  |                           ^^^^
  |
  = hint: write `const answer = await agent('…')`, and look at it before you use it"
            .replace("agent('…')", "agent(…)")
            .as_str(),
    );
    warns("return (await agent('x', { label: 'y' })).items[0]", &["1:43 null-result"]);
    warns("return (await agent('x'))[0]", &["1:26 null-result"]);
    warns("return (await agent('x'))?.trim()", &[]);
    warns("return (await agent('x', { onFailure: 'throw' })).items", &[]);
    warns("return (await agent('x', args.options)).items", &[]);
    warns("return (await parallel([])).length", &[]);
    warns("const r = await agent('x')\nreturn r?.a", &[]);
}

#[test]
fn agents_in_a_loop_without_an_end_are_seen() {
    shows(
        &format!("{META}while (true) {{\n  const r = await agent('more?')\n  if (r === 'done') break\n}}"),
        "warning[endless-loop]: `while (true)` starts agents, and only their answers can end it
 --> flow.js:2:8
  |
2 | while (true) {
  |        ^^^^
  |
  = hint: give it a limit: `for (let round = 0; round < 5; round++)`, or stop when `budget.remaining()` is low",
    );
    warns("for (;;) { if (await agent('x')) break }", &["1:1 endless-loop"]);
    warns("do { await agent('x') } while (true)", &["1:32 endless-loop"]);
    for body in [
        "while (true) { if (budget.remaining() < 1000) break; await agent('x') }",
        "let n = 0\nwhile (true) { if (n++ >= 5) break; await agent('x') }",
        "let n = 0\nfor (;;) { if (++n === 5) break; await agent('x') }",
        "for (let n = 0; n < 5; n++) await agent('x')",
        "while (true) { break }",
        "let more = true\nwhile (more) { more = await agent('x') }",
    ] {
        warns(body, &[]);
    }
}

#[test]
fn c24_options_that_agent_does_not_know_are_seen() {
    shows(
        &format!("{META}return agent('x', {{ lable: 'a', effort: 'maximum' }})"),
        "warning[unknown-option]: `agent()` has no option `lable`
 --> flow.js:2:21
  |
2 | return agent('x', { lable: 'a', effort: 'maximum' })
  |                     ^^^^^
  |
  = hint: did you mean `label`?

warning[unknown-option]: `effort` cannot be `maximum`
 --> flow.js:2:41
  |
2 | return agent('x', { lable: 'a', effort: 'maximum' })
  |                                         ^^^^^^^^^
  |
  = hint: write `low`, `medium`, `high`, `xhigh`, `max`",
    );
    warns("const o = { modell: 'opus' }\nreturn agent('x', o)", &["1:13 unknown-option"]);
    warns("return agent('x', { isolation: 'container' })", &["1:32 unknown-option"]);
    warns(
        "return agent('x', { label: 'l', phase: 'p', schema: { type: 'object' }, model: 'opus', effort: 'max', \
             agentType: 'Plan',
          isolation: 'worktree', stallMs: 1, disallowedTools: [], bashCommandClamp: 1, backend: 'b', timeoutMs: 1, \
               idleMs: 1,
          retries: 1, maxTurns: 1, maxTokens: 1, cache: 'never', onFailure: 'throw', ...args.more, [args.key]: 1 })",
        &[],
    );
    warns("return parallel([], { lable: 1 })", &[]);
}

#[test]
fn c29_options_of_ours_are_known() {
    let all = "{ tools: [], cwd: 'docs', quarantine: false, maxTokens: 9, cache: 'shared' }";
    warns(&format!("return agent('x', {all})"), &[]);
}

#[test]
fn a_quarantine_without_a_schema_is_seen() {
    warns("return agent('x', { quarantine: true })", &["1:21 quarantine-without-schema"]);
    warns(
        "const o = { label: 'a', quarantine: true }\nreturn agent('x', o)",
        &["1:25 quarantine-without-schema"],
    );
    warns("const schema = { type: 'object' }\nreturn agent('x', { quarantine: true, schema })", &[]);
    warns(
        "const base = { schema: { type: 'object' } }\nreturn agent('x', { quarantine: true, ...base })",
        &[],
    );
    warns("return agent('x', { quarantine: args.strict === true })", &[]);
}

#[test]
fn a_promise_of_an_own_function_is_no_answer() {
    let ask = "const ask = async (x) => (await agent(x)) !== null\n";
    let warned = |body: &str, expected: &[&str]| warns(&format!("{ask}{body}"), expected);
    warned("const ok = ask('x')\nif (ok) log('y')", &["3:5 missing-await"]);
    warned("const ok = ask('x')\nlet y = 1\nif (y && ok) log('y')", &["4:10 missing-await"]);
    warned("return `${ask('x')}`", &["2:11 missing-await"]);
    warned("const ok = await ask('x')\nif (ok) log('y')", &[]);
    // Started now, awaited later; or dropped, which may be meant.
    warned("const p = ask('x')\nlog('y')\nreturn await p", &[]);
    warned("ask('x')\nreturn parallel([() => ask('y')])", &[]);
    warns("const ask = async (x) => x\nif (ask('x')) log('y')", &[]);
}

#[test]
fn a_catch_that_hides_errors_is_seen() {
    let around = |catch: &str| format!("try {{\n  await agent('x')\n}} {catch}");
    let hides = |catch: &str| warns(&around(catch), &["3:3 swallowed-error"]);
    hides("catch {}");
    hides("catch (error) { }");
    hides("catch { /* fine */ }");
    let tells = |catch: &str| warns(&around(catch), &[]);
    tells("catch { log('failed') }");
    tells("catch (error) { throw error }");
    tells("catch (error) { return error.message }");
    tells("catch { return { failed: true } }");
    tells("finally { log('x') }");
    warns("let failed = 0\ntry { await agent('x') } catch { failed += 1 }\nreturn failed", &[]);
    warns("try { JSON.parse('x') } catch {}", &[]);
}

#[test]
fn an_index_into_another_list_after_a_filter_is_seen() {
    let list = "const files = ['a', 'b']\nconst notes = await parallel(files.map((f) => () => agent(f)))\n";
    let warned = |body: &str, expected: &[&str]| warns(&format!("{list}{body}"), expected);
    warned("return notes.filter(Boolean).map((n, at) => files[at] + n)", &["3:45 index-after-filter"]);
    warned(
        "const good = notes.filter((n) => n !== null)\nreturn good.map((n, at) => ({ n, of: files[at] }))",
        &["4:38 index-after-filter"],
    );
    warned(
        "const good = notes.filter(Boolean)\nreturn good.map((n, at) => [n, good[at + 1], good[at]])",
        &[],
    );
    warned("return notes.map((n, at) => [files[at], n]).filter(([, n]) => n)", &[]);
    warned("return notes.filter(Boolean).map((n, at) => `${at}: ${n}`)", &[]);
    warned("return files.filter((f) => f).map((f, at) => notes[at])", &[]);
}

#[test]
fn an_index_that_branches_share_is_seen() {
    let text = |body: &str| {
        format!(
            "const list = ['a', 'b', 'c']\nconst out = []\nlet next = 0\nconst work = async () => {{\n{body}\n}}\n\
             await parallel([work, work])\nreturn out"
        )
    };
    let warned = |body: &str, expected: &[&str]| warns(&text(body), expected);
    warned("out.push(await agent(list[next]))\nnext++", &["5:22 shared-index"]);
    warned("out[next] = await agent('x')\nnext += 1", &["5:1 shared-index"]);
    warned("const at = next++\nout[at] = await agent(list[at])", &[]);
    warned("out.push(await agent(list[next++]))", &[]);
    warned("const item = list[next]\nnext++\nout.push(await agent(item))", &[]);
    warned("let own = 0\nout.push(await agent(list[own]))\nown++", &[]);
}

#[test]
fn a_healthy_script_gets_no_warning() {
    healthy(include_str!("healthy.js"));
}

#[test]
fn every_warning_has_its_page() {
    let page = include_str!("../../../../../docs/lints.md");
    let sections: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let codes = [
        "called-thunk",
        "endless-loop",
        "index-after-filter",
        "missing-await",
        "null-result",
        "parse-result",
        "portable",
        "quarantine-without-schema",
        "shared-index",
        "swallowed-error",
        "uncapped-fan-out",
        "unknown-name",
        "unknown-option",
    ];
    assert_eq!(sections, BTreeSet::from(codes));
    // The wrong script of a section gets its warning, the right one none of that code.
    for section in page.split("\n## ").skip(1) {
        let code = section.lines().next().expect("a section has a title");
        let scripts: Vec<&str> =
            section.split("```js\n").skip(1).filter_map(|it| it.split("```").next()).collect();
        assert_eq!(scripts.len(), 2, "`{code}` has a wrong and a right script");
        for (script, expected) in scripts.into_iter().zip([true, false]) {
            let options = Options { portable: code == "portable", typescript: false };
            let checked = check_files(&[("flow.js", &format!("{META}{script}"))], options);
            let warnings =
                checked.unwrap_or_else(|found| panic!("{code}: {}", render(&found, false))).warnings;
            let shown = render(&warnings, false);
            assert_eq!(warnings.iter().any(|it| it.code == code), expected, "{code}:\n{script}\n{shown}");
            assert!(expected || warnings.is_empty(), "{code}:\n{script}\n{shown}");
        }
    }
}
