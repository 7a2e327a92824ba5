//! One script in evaluation: a realm of its own with the prelude's globals, and the promise of its end.

use crate::host::{self, FrameFacts, SharedHost};
use crate::meter::{self, Meter};
use crate::site::Sources;
use baya_core::call::{Program, ScriptError, ScriptErrorKind, Unit};
use baya_core::ids::{CallId, FrameId};
use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::function::Args;
use rquickjs::{
    Context, Ctx, Exception, FromJs, Function, Object, Persistent, Promise, Result, Runtime, Value as JsValue,
};
use serde::Deserialize;
use serde_json::Value;
use std::rc::Rc;
use std::result::Result as StdResult;

/// All of ECMAScript but what tells real time or garbage collection.
type Intrinsics = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
    intrinsic::DOMException,
);

const PRIMORDIALS: (&str, &str) = ("baya:primordials", include_str!("prelude/primordials.js"));
const DATA: (&str, &str) = ("baya:data", include_str!("prelude/data.js"));
const OPTIONS: (&str, &str) = ("baya:options", include_str!("prelude/options.js"));
const BRIDGE: (&str, &str) = ("baya:bridge", include_str!("prelude/bridge.js"));
/// What changes the realm before the globals come, in this order.
const REALM: [(&str, &str); 4] = [
    ("baya:realm", include_str!("prelude/realm.js")),
    ("baya:clock", include_str!("prelude/clock.js")),
    ("baya:locale", include_str!("prelude/locale.js")),
    ("baya:web", include_str!("prelude/web.js")),
];

/// The fields that hold values of QuickJS stand before `context`, which keeps the runtime alive: they
/// must go first, or the process aborts.
pub(crate) struct Frame {
    /// What the prelude gave back: `settle`, `finish`, `describe`, `meta`. No script reaches it.
    api: Persistent<Object<'static>>,
    main: Option<Persistent<Promise<'static>>>,
    context: Context,
    sources: Rc<Sources>,
    meter: Meter,
    /// The `workflow()` call that this frame answers; the run's own script has none.
    pub(crate) caller: Option<Caller>,
    pub(crate) depth: u32,
    /// Whether its end is still to come.
    open: bool,
}

#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) frame: FrameId,
    pub(crate) call: CallId,
    /// `meta.name` of the child.
    pub(crate) name: String,
}

/// How the prelude is told of a delivery.
pub(crate) enum Settlement {
    /// JSON text; none is `undefined`.
    Value(Option<String>),
    /// Both are JSON text.
    Worked {
        value: String,
        work: String,
    },
    Throw {
        kind: String,
        message: String,
    },
    Fired,
    ChildFailed {
        name: String,
        message: String,
        kind: Option<String>,
    },
}

/// Where a frame's evaluation stands.
pub(crate) enum Progress {
    Pending,
    Returned { value: Option<Value>, notes: Vec<String> },
    Threw(Failure),
}

/// How a frame failed.
pub(crate) struct Failure {
    pub(crate) error: Box<ScriptError>,
    /// `error.kind` as scripts see it, if the engine threw it.
    pub(crate) kind: Option<String>,
}

impl From<ScriptError> for Failure {
    fn from(error: ScriptError) -> Failure {
        Failure { error: Box::new(error), kind: None }
    }
}

#[derive(Deserialize)]
struct Finished {
    value: Value,
    present: bool,
    notes: Vec<String>,
}

#[derive(Deserialize)]
struct Described {
    name: String,
    message: String,
    stack: String,
    /// Of an error that the engine threw.
    kind: Option<String>,
    limit: bool,
}

impl Frame {
    /// A realm with the globals in place and nothing evaluated yet.
    pub(crate) fn new(
        runtime: &Runtime,
        host: &SharedHost,
        meter: &Meter,
        facts: &FrameFacts,
        caller: Option<Caller>,
    ) -> Result<Frame> {
        let context = Context::custom::<Intrinsics>(runtime)?;
        let api = context.with(|ctx| {
            let api = prelude(&ctx, host, facts, meter)?;
            Ok::<_, rquickjs::Error>(Persistent::save(&ctx, api))
        })?;
        let (sources, meter) = (facts.sources.clone(), meter.clone());
        Ok(Frame { api, main: None, context, sources, meter, caller, depth: facts.depth, open: true })
    }

    /// Evaluates the program and enters its last unit.
    pub(crate) fn enter(&mut self, program: &Program, meta: &Value) -> StdResult<(), Failure> {
        let main = self.context.with(|ctx| {
            let main = self.evaluate(&ctx, program, meta);
            main.map(|main| Persistent::save(&ctx, main)).map_err(|error| self.failure(&ctx, error))
        })?;
        self.main = Some(main);
        Ok(())
    }

    fn evaluate<'js>(&self, ctx: &Ctx<'js>, program: &Program, meta: &Value) -> Result<Promise<'js>> {
        let mut namespaces: Vec<JsValue<'js>> = Vec::new();
        for (index, unit) in program.units.iter().enumerate() {
            let function = compile(ctx, unit)?;
            let is_entry = index + 1 == program.units.len();
            let mut args = Args::new_unsized(ctx.clone());
            if is_entry {
                let meta_of: Function = self.api(ctx)?.get("meta")?;
                args.push_arg(meta_of.call::<_, JsValue>((meta.to_string(),))?)?;
            }
            for import in &unit.imports {
                args.push_arg(namespaces.get(*import).cloned())?;
            }
            if is_entry {
                return function.call_arg(args);
            }
            namespaces.push(function.call_arg(args)?);
        }
        Err(Exception::throw_type(ctx, "the program has no units"))
    }

    pub(crate) fn settle(&self, id: CallId, how: Settlement) -> StdResult<(), Failure> {
        self.context.with(|ctx| {
            let (how, a, b, c) = match how {
                Settlement::Value(text) => ("value", text, None, None),
                Settlement::Throw { kind, message } => ("throw", Some(kind), Some(message), None),
                Settlement::Worked { value, work } => ("value", Some(value), Some(work), None),
                Settlement::Fired => ("fired", None, None, None),
                Settlement::ChildFailed { name, message, kind } => ("child", Some(name), Some(message), kind),
            };
            let settle = self.api(&ctx).and_then(|api| api.get::<_, Function>("settle"));
            let told = settle.and_then(|settle| settle.call::<_, ()>((id.0 as f64, how, a, b, c)));
            told.map_err(|error| self.failure(&ctx, error))
        })
    }

    /// Where the script stands; what it returned or threw as plain data.
    pub(crate) fn progress(&self) -> Progress {
        let Some(main) = &self.main else { return Progress::Pending };
        self.context.with(|ctx| {
            let outcome = main.clone().restore(&ctx).map(|main| main.result::<JsValue>());
            match outcome {
                Ok(None) => Progress::Pending,
                Ok(Some(Ok(value))) => self.returned(&ctx, value),
                Ok(Some(Err(error))) | Err(error) => Progress::Threw(self.failure(&ctx, error)),
            }
        })
    }

    fn returned<'js>(&self, ctx: &Ctx<'js>, value: JsValue<'js>) -> Progress {
        let text = self
            .api(ctx)
            .and_then(|api| api.get::<_, Function>("finish"))
            .and_then(|finish| finish.call::<_, String>((value,)));
        match text.map(|text| serde_json::from_str::<Finished>(&text)) {
            Ok(Ok(done)) => {
                Progress::Returned { value: done.present.then_some(done.value), notes: done.notes }
            }
            Ok(Err(error)) => Progress::Threw(internal(&format!("the result is no JSON: {error}")).into()),
            Err(error) => Progress::Threw(self.failure(ctx, error)),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// The frame has ended; gives back who is to be told, once.
    pub(crate) fn close(&mut self) -> Option<Caller> {
        std::mem::take(&mut self.open).then(|| self.caller.clone()).flatten()
    }

    pub(crate) fn is_in(&self, context: &Context) -> bool {
        self.context.as_raw() == context.as_raw()
    }

    /// What this realm threw.
    pub(crate) fn failure(&self, ctx: &Ctx<'_>, error: rquickjs::Error) -> Failure {
        if !error.is_exception() {
            return internal(&error.to_string()).into();
        }
        let thrown = ctx.catch();
        if let Some(error) = self.meter.broken() {
            return error.into();
        }
        match self.describe(ctx, thrown) {
            None => meter::stack_limit(self.meter.limits()).into(),
            Some(seen) => self.failure_seen(seen),
        }
    }

    fn failure_seen(&self, seen: Described) -> Failure {
        let limits = self.meter.limits();
        let mut error = match (seen.name.as_str(), seen.message.as_str()) {
            ("RangeError", "Maximum call stack size exceeded") => meter::stack_limit(limits),
            ("InternalError", message) if message.starts_with("out of memory") => meter::memory_limit(limits),
            _ => ScriptError {
                kind: if seen.limit { ScriptErrorKind::Limit } else { ScriptErrorKind::Thrown },
                name: seen.name,
                message: seen.message,
                site: None,
                stack: Vec::new(),
            },
        };
        error.stack = self.sources.all(&seen.stack);
        error.site = match seen.kind.as_deref() {
            // What the engine threw stands where the call is, not where its last argument is.
            Some("workflow") => self.sources.call(&seen.stack, "workflow"),
            Some(_) => self.sources.call(&seen.stack, "agent"),
            None => error.stack.first().cloned(),
        };
        Failure { error: Box::new(error), kind: seen.kind }
    }

    fn describe<'js>(&self, ctx: &Ctx<'js>, thrown: JsValue<'js>) -> Option<Described> {
        let describe: Function = self.api(ctx).and_then(|api| api.get("describe")).ok()?;
        match describe.call::<_, String>((thrown,)) {
            Ok(text) => serde_json::from_str(&text).ok(),
            Err(_) => {
                ctx.catch();
                None
            }
        }
    }

    fn api<'js>(&self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        self.api.clone().restore(ctx)
    }
}

/// A fault of the engine, not of the script.
pub(crate) fn internal(message: &str) -> ScriptError {
    ScriptError {
        kind: ScriptErrorKind::IsolateLost,
        name: "InternalError".to_owned(),
        message: message.to_owned(),
        site: None,
        stack: Vec::new(),
    }
}

fn prelude<'js>(ctx: &Ctx<'js>, host: &SharedHost, facts: &FrameFacts, meter: &Meter) -> Result<Object<'js>> {
    let host = host::object(ctx, host, facts, meter)?;
    let primordials: Object = evaluate(ctx, PRIMORDIALS.0, PRIMORDIALS.1)?;
    let data: Function = evaluate(ctx, DATA.0, DATA.1)?;
    let data: Object = data.call((primordials.clone(),))?;
    for (file, text) in REALM {
        let part: Function = evaluate(ctx, file, text)?;
        part.call::<_, ()>((primordials.clone(), host.clone()))?;
    }
    let options: Function = evaluate(ctx, OPTIONS.0, OPTIONS.1)?;
    let options: Function = options.call((primordials.clone(),))?;
    let bridge: Function = evaluate(ctx, BRIDGE.0, BRIDGE.1)?;
    bridge.call((primordials, host, data, options))
}

fn compile<'js>(ctx: &Ctx<'js>, unit: &Unit) -> Result<Function<'js>> {
    if unit.text.contains('\0') {
        return Err(Exception::throw_syntax(ctx, &format!("`{}` contains a NUL character", unit.file)));
    }
    evaluate(ctx, &unit.file.replace('\0', ""), &unit.text)
}

fn evaluate<'js, V: FromJs<'js>>(ctx: &Ctx<'js>, file: &str, text: &str) -> Result<V> {
    let mut options = EvalOptions::default();
    options.strict = true;
    options.filename = Some(file.to_owned());
    ctx.eval_with_options(text, options)
}
