//! A script that overwrites what the language offers harms itself, not the bridge.

use crate::fixture::{check, run};
use serde_json::json;

#[test]
fn c12_overwritten_intrinsics_do_not_reach_the_bridge() {
    for sabotage in [
        "JSON.stringify = () => '{\"forged\":1}'; JSON.parse = () => ({forged: 1})",
        "Array.prototype.map = Array.prototype.push = Array.prototype.slice = () => { throw 1 }",
        "Promise.prototype.then = () => { throw 1 }",
        "Promise.prototype.catch = Promise.prototype.finally = null",
        "Map.prototype.get = Map.prototype.set = Map.prototype.delete = () => { throw 1 }",
        "WeakMap.prototype.get = WeakMap.prototype.set = () => { throw 1 }",
        "String.prototype.toJSON = Number.prototype.toJSON = () => 'forged'",
        "for (const k of ['0', 'resolve', 'value', 'get', 'set', 'kind', 'stack', 'path', 'text']) \
            Object.defineProperty(Object.prototype, k, {__proto__: null, set() { throw 1 }, get() { return \
                undefined }, configurable: true})",
        "Object.defineProperty(Array.prototype, '0', {set() { throw 1 }, configurable: true})",
        "Object.prototype.then = undefined; Function.prototype.call = Function.prototype.apply = \
            Function.prototype.bind = () => { throw 1 }",
        "String.prototype.toWellFormed = String.prototype.slice = String.prototype.indexOf = () => { throw 1 }",
        "Reflect.apply = Reflect.construct = Reflect.ownKeys = Object.keys = Array.isArray = () => { throw 1 }",
        "Error.prepareStackTrace = () => { throw 1 }; Error.stackTraceLimit = 0; Error.captureStackTrace = null",
        "Object.defineProperty(Error.prototype, 'stack', {get() { throw 1 }, configurable: true})",
        "Array.prototype[Symbol.iterator] = () => { throw 1 }",
        "globalThis.Promise = globalThis.Map = globalThis.Error = globalThis.Object = globalThis.TypeError = null",
        "RegExp.prototype.exec = () => { throw 1 }",
        "delete Object.prototype.toString; delete globalThis.JSON; delete globalThis.Reflect",
    ] {
        let body = format!(
            "{sabotage}; const x = await agent('p', {{label: 'l', model: 'm'}}); phase('q'); log('line'); return \
                {{x, list: [1, {{a: 'b'}}]}}"
        );
        let run = run(&body);
        assert_eq!(run.value(), json!({"x": "done: p", "list": [1, {"a": "b"}]}), "{sabotage}");
        let sent = serde_json::to_value(&run.calls[0]).unwrap();
        assert_eq!((&sent["prompt"], sent["site"]["line"].as_u64()), (&json!("p"), Some(2)), "{sabotage}");
        assert_eq!(run.logs(), ["line"]);
    }
}

#[test]
fn c17_a_to_json_on_every_object_forges_no_call() {
    let run = run(
        "Object.prototype.toJSON = Array.prototype.toJSON = () => 'forged'; log('a'); await agent('p'); \
                   try { await agent('q', {label: 'l'}) } catch (e) { return {e} }",
    );
    assert_eq!(run.value(), json!("forged"));
    assert_eq!((run.prompts(), run.logs()), (vec!["p".to_owned()], vec!["a".to_owned()]));
}

#[test]
fn c12_a_promise_that_lies_about_itself_is_only_wrong_for_the_script() {
    check(
        "try { Promise.prototype.constructor = 5 } catch (e) { return [e.name, await agent('a')] }",
        json!(["TypeError", "done: a"]),
    );
    check(
        "try { Object.defineProperty(Promise, Symbol.species, {get() { throw 1 }}) } catch { return parallel([() \
            => agent('a')]) }",
        json!(["done: a"]),
    );
}

#[test]
fn ordinary_objects_may_have_any_member() {
    check(
        "const o = {}; o.toString = () => 't'; o.constructor = 1; o.valueOf = 2; class A { constructor() { \
            this.name = 'n' } toString() { return 'A' } } \
         const e = new Error('x'); e.name = 'Y'; e.stack = 'z'; class P extends Promise {} const p = P.resolve(3); \
         return [`${o}`, o.constructor, `${new A()}`, e.name, e.stack, p instanceof P, await p]",
        json!(["t", 1, "A", "Y", "z", true, 3]),
    );
    check(
        "globalThis.shared = 5; agent.note = 1; const log = (x) => x; return [shared, agent.note, log(2)]",
        json!([5, 1, 2]),
    );
}
