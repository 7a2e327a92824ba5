//! The arguments of a rehearsal: what the user gave, else what is written beside the script, else what
//! `meta.args` describes, else what its text reads.

use super::job::{Given, Job, Purpose};
use baya_core::event::ScriptRecord;
use baya_core::rehearsal::Case;
use baya_core::schema::Schema;
use baya_core::script::args_schema;
use baya_core::simulate::{self, Noise};
use serde_json::{Map, Value, json};

pub(super) fn drawn(job: &Job, case: &Case, schema: Option<&Value>) -> Option<Value> {
    if let Some(cassette) = &job.cassette {
        return cassette.args.clone();
    }
    let given = |given: &Option<Given>| given.as_ref().map(|Given(value)| value.clone());
    // A plan is of the run as it would begin: what is not given is not there.
    if job.purpose == Purpose::Forecast {
        return given(&job.args);
    }
    given(&job.args)
        .or_else(|| case.args.clone())
        .or_else(|| given(&job.fixtures.args))
        .or_else(|| described(schema?, case))
}

/// What the arguments of a script look like: as `meta.args` says, else as its text reads them.
pub(super) fn schema(script: &ScriptRecord) -> Option<Value> {
    let told = script.meta.get("args").cloned();
    told.or_else(|| script.program.units.last().and_then(args_schema))
}

/// A value that the schema of the arguments allows: its own examples and defaults first.
fn described(schema: &Value, case: &Case) -> Option<Value> {
    let examples = schema.get("examples").and_then(Value::as_array);
    if let Some(example) = examples.and_then(|all| all.first()).or(schema.get("default")) {
        return Some(example.clone());
    }
    let seed = Noise::new(case.seed, &["args"]).draw();
    // A simulated answer is an object; a value of another type is drawn as its only member.
    let wrapped = json!({"type": "object", "properties": {"args": schema}, "required": ["args"]});
    let compiled = Schema::compile(&wrapped).ok();
    let mut value = simulate::answer_shaped(&wrapped, compiled.as_ref(), "", seed);
    let mut value = value.get_mut("args").map(Value::take)?;
    if let (Value::Object(members), Some(Value::Object(known))) = (&mut value, schema.get("properties")) {
        if case.mood.is_realistic() {
            leave_out(members, schema);
        }
        prefer_own(members, known);
    }
    Some(value)
}

/// What need not be given usually is not, and the script does without.
fn leave_out(members: &mut Map<String, Value>, schema: &Value) {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.into_iter().flatten().any(|it| it.as_str() == Some(name));
    members.retain(|name, _| is_required(name));
}

fn prefer_own(members: &mut Map<String, Value>, known: &Map<String, Value>) {
    for (name, about) in known {
        let examples = about.get("examples").and_then(Value::as_array);
        let own = about.get("default").or_else(|| examples.and_then(|all| all.first()));
        if let (Some(own), Some(member)) = (own, members.get_mut(name)) {
            *member = own.clone();
        }
    }
}
