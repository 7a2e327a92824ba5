//! What the body sees: agents, phases, logs, args.

use crate::fixture::{check, run};
use serde_json::json;

#[test]
fn c05_await_and_return_work_at_the_top() {
    check("return await agent('a')", json!("done: a"));
    check("const x = [await agent('a'), await agent('b')]; return x.length", json!(2));
    check("", json!("undefined"));
    check("return (function () { return this === undefined })()", json!(true));
}

#[test]
fn c10_the_globals_are_there() {
    check(
        "return [agent, parallel, pipeline, phase, log, workflow, setTimeout, clearTimeout].map(f => typeof f).join() \
         + typeof console.error + typeof baya + typeof budget + typeof args",
        json!(
            "function,function,function,function,function,function,function,functionfunctionobjectobjectundefined"
        ),
    );
}
