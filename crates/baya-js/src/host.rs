//! The host side of the bridge: what the prelude may ask for, and the calls it made so far.
//!
//! The functions are given to the prelude alone, as an object that no script ever sees. They take and
//! return strings, numbers and booleans; a value of the script never gets here but as JSON text.

use crate::site::Sources;
use crate::{collation, meter::Meter, web};
use baya_core::call::{Call, CallKind, LogLevel, Site, WorkflowTarget};
use baya_core::ids::{CallId, FrameId};
use baya_core::step::HostStep;
use rquickjs::{Ctx, Exception, Function, Object, Result};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What all frames share.
pub(crate) struct Host {
    pub(crate) calls: Vec<Call>,
    pub(crate) now_ms: i64,
    pub(crate) tokens_spent: u64,
    next_call: u64,
    /// Calls that wait for a delivery, and whose they are.
    waiting: BTreeMap<CallId, FrameId>,
    waiting_by_frame: BTreeMap<FrameId, usize>,
}

pub(crate) type SharedHost = Rc<RefCell<Host>>;

/// What the globals of one frame show.
pub(crate) struct FrameFacts {
    pub(crate) frame: FrameId,
    pub(crate) sources: Rc<Sources>,
    pub(crate) args: Option<Value>,
    pub(crate) seed: u64,
    pub(crate) budget_total: Option<u64>,
    /// How many frames are above this one.
    pub(crate) depth: u32,
}

impl Host {
    pub(crate) fn new(now_ms: i64, tokens_spent: u64) -> Host {
        Host {
            calls: Vec::new(),
            now_ms,
            tokens_spent,
            next_call: 1,
            waiting: BTreeMap::new(),
            waiting_by_frame: BTreeMap::new(),
        }
    }

    /// Notes a call that nobody waits for.
    pub(crate) fn tell(&mut self, frame: FrameId, site: Option<Site>, kind: CallKind) -> CallId {
        let id = CallId(self.next_call);
        self.next_call += 1;
        self.calls.push(Call { id, frame, site, kind });
        id
    }

    /// Notes a call that the script waits for.
    fn ask(&mut self, frame: FrameId, site: Option<Site>, kind: CallKind) -> CallId {
        let id = self.tell(frame, site, kind);
        self.waiting.insert(id, frame);
        *self.waiting_by_frame.entry(frame).or_default() += 1;
        id
    }

    /// The frame that waits for `call`.
    pub(crate) fn frame_of(&self, call: CallId) -> Option<FrameId> {
        self.waiting.get(&call).copied()
    }

    /// The call is settled or given up.
    pub(crate) fn forget(&mut self, call: CallId) -> Option<FrameId> {
        let frame = self.waiting.remove(&call)?;
        if let Some(count) = self.waiting_by_frame.get_mut(&frame) {
            *count -= 1;
        }
        Some(frame)
    }

    pub(crate) fn waits(&self, frame: FrameId) -> bool {
        self.waiting_by_frame.get(&frame).is_some_and(|count| *count > 0)
    }

    pub(crate) fn log(&mut self, frame: FrameId, level: LogLevel, text: String) {
        self.tell(frame, None, CallKind::Log { level, text });
    }
}

/// The object the prelude is given.
pub(crate) fn object<'js>(
    ctx: &Ctx<'js>,
    host: &SharedHost,
    facts: &FrameFacts,
    meter: &Meter,
) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    constants(&object, facts, meter)?;
    calls(ctx, &object, host, facts)?;
    readings(ctx, &object, host)?;
    collation::install(ctx, &object)?;
    web::install(ctx, &object)?;
    Ok(object)
}

fn constants<'js>(object: &Object<'js>, facts: &FrameFacts, meter: &Meter) -> Result<()> {
    let limits = meter.limits();
    let mut seed = facts.seed ^ u64::from(facts.frame.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for name in ["seed0", "seed1", "seed2"] {
        object.set(name, splitmix(&mut seed) as u32 as f64)?;
    }
    object.set("args", facts.args.as_ref().map(|args| given_args(args).to_string()))?;
    match facts.budget_total {
        Some(total) => object.set("total", total as f64)?,
        None => object.set("total", rquickjs::Null)?,
    }
    object.set("listMax", limits.list_max as f64)?;
    object.set("depthMax", limits.depth_max as f64)?;
    object.set("nests", facts.depth < limits.depth_max)
}

/// One step of splitmix64 (Steele, Lea, Flood 2014).
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A string that is the JSON of an object or array arrives parsed (C50).
fn given_args(args: &Value) -> Value {
    if let Value::String(text) = args
        && let Ok(parsed @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text)
    {
        return parsed;
    }
    args.clone()
}

fn calls<'js>(ctx: &Ctx<'js>, object: &Object<'js>, host: &SharedHost, facts: &FrameFacts) -> Result<()> {
    agents(ctx, object, host, facts)?;
    workflows(ctx, object, host, facts)?;
    steps(ctx, object, host, facts)?;
    notices(ctx, object, host, facts)?;
    timers(ctx, object, host, facts)
}

fn agents<'js>(ctx: &Ctx<'js>, object: &Object<'js>, host: &SharedHost, facts: &FrameFacts) -> Result<()> {
    let (host, frame, sources) = (host.clone(), facts.frame, facts.sources.clone());
    let agent = move |ctx: Ctx<'js>,
                      prompt: String,
                      options: Option<String>,
                      phase: Option<String>,
                      stack: String| {
        let options = match options.map(|text| serde_json::from_str(&text)).transpose() {
            Ok(options) => options.unwrap_or_default(),
            Err(error) => return Err(Exception::throw_type(&ctx, &format!("`options`: {error}"))),
        };
        let site = sources.call(&stack, "agent");
        let warning = prompt_warning(&prompt, site.as_ref());
        let mut host = host.borrow_mut();
        let id = host.ask(frame, site, CallKind::Agent { prompt, options, phase });
        if let Some(text) = warning {
            host.log(frame, LogLevel::Warn, text);
        }
        Ok(id.0 as f64)
    };
    object.set("agent", Function::new(ctx.clone(), agent)?)
}

/// C21: a prompt that shows a hole in the script that built it.
fn prompt_warning(prompt: &str, site: Option<&Site>) -> Option<String> {
    let found = ["undefined", "[object Object]", "NaN"].into_iter().find(|word| has_bare(prompt, word));
    let found = found.or((prompt == "[object]").then_some("[object]"))?;
    let place = site.map(|s| format!(" at {}:{}:{}", s.file, s.line, s.column)).unwrap_or_default();
    Some(format!("the prompt of agent(){place} contains `{found}`; hint: a value in it may be missing"))
}

/// Whether `word` stands in `text` with no letter, digit or underscore beside it.
fn has_bare(text: &str, word: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(inner) && !text[at + word.len()..].starts_with(inner))
}

fn workflows<'js>(ctx: &Ctx<'js>, object: &Object<'js>, host: &SharedHost, facts: &FrameFacts) -> Result<()> {
    let (host, frame, sources) = (host.clone(), facts.frame, facts.sources.clone());
    let workflow =
        move |ctx: Ctx<'js>, by_path: bool, target: String, args: Option<String>, stack: String| {
            let args = match args.map(|text| serde_json::from_str(&text)).transpose() {
                Ok(args) => args,
                Err(error) => return Err(Exception::throw_type(&ctx, &format!("`args`: {error}"))),
            };
            let target = if by_path { WorkflowTarget::Path(target) } else { WorkflowTarget::Name(target) };
            let site = sources.call(&stack, "workflow");
            let id = host.borrow_mut().ask(frame, site, CallKind::Workflow { target, args });
            rquickjs::Result::Ok(id.0 as f64)
        };
    object.set("workflow", Function::new(ctx.clone(), workflow)?)
}

/// A host step, written as JSON by the prelude.
fn steps<'js>(ctx: &Ctx<'js>, object: &Object<'js>, host: &SharedHost, facts: &FrameFacts) -> Result<()> {
    let (host, frame, sources) = (host.clone(), facts.frame, facts.sources.clone());
    let step = move |ctx: Ctx<'js>, name: String, text: String, stack: String| {
        let step = serde_json::from_str::<HostStep>(&text).map_err(|error| {
            let error = error.to_string();
            let said = error.split(" at line ").next().unwrap_or_default();
            Exception::throw_type(&ctx, &format!("{name}: {said}"))
        })?;
        let site = sources.call(&stack, "baya");
        let id = host.borrow_mut().ask(frame, site, CallKind::Step { step });
        rquickjs::Result::Ok(id.0 as f64)
    };
    object.set("step", Function::new(ctx.clone(), step)?)
}

fn notices<'js>(ctx: &Ctx<'js>, object: &Object<'js>, host: &SharedHost, facts: &FrameFacts) -> Result<()> {
    let frame = facts.frame;
    let shared = host.clone();
    let phase = move |title: String| {
        shared.borrow_mut().tell(frame, None, CallKind::Phase { title });
    };
    object.set("phase", Function::new(ctx.clone(), phase)?)?;
    let shared = host.clone();
    let log = move |level: u32, text: String| {
        let level = match level {
            0 => LogLevel::Debug,
            1 => LogLevel::Info,
            2 => LogLevel::Warn,
            _ => LogLevel::Error,
        };
        shared.borrow_mut().log(frame, level, text);
    };
    object.set("log", Function::new(ctx.clone(), log)?)
}

fn timers<'js>(ctx: &Ctx<'js>, object: &Object<'js>, host: &SharedHost, facts: &FrameFacts) -> Result<()> {
    let (shared, frame, sources) = (host.clone(), facts.frame, facts.sources.clone());
    let timer = move |delay_ms: f64, stack: String| {
        let site = sources.call(&stack, "setTimeout");
        let id = shared.borrow_mut().ask(frame, site, CallKind::SetTimer { delay_ms: delay_ms as u64 });
        id.0 as f64
    };
    object.set("timer", Function::new(ctx.clone(), timer)?)?;
    let shared = host.clone();
    let clear = move |id: f64| {
        let timer = CallId(id as u64);
        let mut host = shared.borrow_mut();
        if host.forget(timer).is_some() {
            host.tell(frame, None, CallKind::ClearTimer { timer });
        }
    };
    object.set("clear", Function::new(ctx.clone(), clear)?)
}

fn readings<'js>(ctx: &Ctx<'js>, object: &Object<'js>, host: &SharedHost) -> Result<()> {
    let shared = host.clone();
    object.set("now", Function::new(ctx.clone(), move || shared.borrow().now_ms as f64)?)?;
    let shared = host.clone();
    object.set("spent", Function::new(ctx.clone(), move || shared.borrow().tokens_spent as f64)?)
}
