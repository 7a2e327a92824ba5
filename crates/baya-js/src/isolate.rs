//! The isolate in the calling thread: a runtime, its frames, and the order in which things happen.
//!
//! One delivery is settled and all jobs are drained before the next is looked at, so that batches do not
//! show. Invariants: after the first state other than waiting nothing runs any more; ids of calls count
//! up over all frames; same start and same deliveries give the same steps.

use crate::frame::{self, Caller, Failure, Frame, Progress, Settlement};
use crate::host::{FrameFacts, Host, SharedHost};
use crate::meter::{Deadline, Meter};
use crate::site::Sources;
use crate::thread::SCRIPT_STACK_MAX;
use baya_core::call::{
    CallKind, Child, Delivery, LogLevel, Payload, Program, ScriptError, ScriptErrorKind, Start, Step,
    StepState, ThrowKind,
};
use baya_core::ids::{CallId, FrameId};
use rquickjs::Runtime;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Bytes of garbage before QuickJS looks for cycles.
const GC_THRESHOLD: usize = 8 * 1024 * 1024;
/// Less memory than this holds no realm.
const MEMORY_MIN: u64 = 8 * 1024 * 1024;
/// Less stack than this runs no prelude.
const STACK_MIN: usize = 128 * 1024;
/// Jobs between two looks at the CPU clock.
const JOBS_PER_LOOK: u32 = 256;

/// Evaluates one script in the calling thread.
pub struct Isolate {
    // Before the runtime, whose values they hold.
    frames: BTreeMap<FrameId, Frame>,
    runtime: Option<Runtime>,
    host: SharedHost,
    meter: Meter,
    seed: u64,
    budget_total: Option<u64>,
    end: Option<StepState>,
}

impl Isolate {
    /// Evaluates the script up to its first wait.
    pub fn start(start: Start) -> (Isolate, Step) {
        Isolate::start_watched(start, None)
    }

    pub(crate) fn start_watched(start: Start, deadline: Option<Deadline>) -> (Isolate, Step) {
        let meter = Meter::new(start.limits.clone(), deadline);
        let mut isolate = Isolate {
            frames: BTreeMap::new(),
            runtime: runtime(&meter).ok(),
            host: Rc::new(RefCell::new(Host::new(start.now_ms, start.tokens_spent))),
            meter,
            seed: start.seed,
            budget_total: start.budget_total,
            end: None,
        };
        isolate.meter.begin();
        let entered = isolate.open(FrameId::MAIN, None, &start.program, &start.meta, start.args);
        match entered {
            Ok(()) => isolate.drain(),
            Err(error) => isolate.fail(error),
        }
        let step = isolate.step(0);
        (isolate, step)
    }

    /// Settles the deliveries one after the other.
    pub fn deliver(&mut self, batch: Vec<Delivery>) -> Step {
        let settled = batch.len() as u32;
        for delivery in batch {
            if self.end.is_some() {
                break;
            }
            self.meter.begin();
            self.settle(delivery);
        }
        self.step(settled)
    }

    fn step(&mut self, settled: u32) -> Step {
        let calls = std::mem::take(&mut self.host.borrow_mut().calls);
        Step { settled, calls, state: self.end.clone().unwrap_or(StepState::Waiting) }
    }

    fn fail(&mut self, failure: impl Into<Failure>) {
        let error = self.meter.broken().unwrap_or_else(|| *failure.into().error);
        self.end = Some(StepState::Threw { error });
    }

    fn settle(&mut self, delivery: Delivery) {
        {
            let mut host = self.host.borrow_mut();
            host.now_ms = host.now_ms.max(delivery.now_ms);
            host.tokens_spent = delivery.tokens_spent;
        }
        let how = match delivery.payload {
            Payload::Value(value) => Settlement::Value(Some(value.to_string())),
            Payload::Worked { value, work } => {
                Settlement::Worked { value: value.to_string(), work: work.to_string() }
            }
            Payload::Throw(thrown) => {
                Settlement::Throw { kind: kind_name(thrown.kind), message: thrown.message }
            }
            Payload::Fired => Settlement::Fired,
            Payload::Child(child) => {
                self.open_child(delivery.to, *child);
                return self.drain();
            }
        };
        self.answer(delivery.to, how);
        self.drain();
    }

    /// Hands a settlement to the frame that waits for it; nobody waits for a cleared timer.
    fn answer(&mut self, call: CallId, how: Settlement) {
        let frame = self.host.borrow_mut().forget(call);
        let told = frame.and_then(|frame| self.frames.get(&frame)).map(|frame| frame.settle(call, how));
        if let Some(Err(error)) = told {
            self.fail(error);
        }
    }

    fn open_child(&mut self, call: CallId, child: Child) {
        let Some(parent) = self.host.borrow().frame_of(call) else { return };
        let caller = Caller { frame: parent, call, name: child.name };
        let opened = self.open(child.frame, Some(caller), &child.program, &child.meta, child.args);
        match opened {
            Ok(()) => {}
            Err(error) if self.frames.contains_key(&child.frame) => self.end_child(child.frame, Err(error)),
            Err(error) => self.fail(error),
        }
    }

    fn open(
        &mut self,
        id: FrameId,
        caller: Option<Caller>,
        program: &Program,
        meta: &Value,
        args: Option<Value>,
    ) -> Result<(), Failure> {
        let parent = caller.as_ref().and_then(|caller| self.frames.get(&caller.frame));
        let facts = FrameFacts {
            frame: id,
            sources: Rc::new(Sources::of(program)),
            args,
            seed: self.seed,
            budget_total: self.budget_total,
            depth: parent.map_or(0, |parent| parent.depth + 1),
        };
        let Some(runtime) = &self.runtime else { return Err(frame::internal("no runtime").into()) };
        let frame = Frame::new(runtime, &self.host, &self.meter, &facts, caller)
            .map_err(|error| frame::internal(&format!("no realm: {error}")))?;
        self.frames.insert(id, frame);
        match self.frames.get_mut(&id) {
            Some(frame) => frame.enter(program, meta),
            None => Ok(()),
        }
    }

    /// Runs all jobs, then looks which frames ended; an ended child makes new jobs for its caller.
    fn drain(&mut self) {
        while self.end.is_none() {
            self.run_jobs();
            if let Some(error) = self.meter.broken() {
                return self.fail(error);
            }
            if !self.end_a_child() {
                return self.look_at_main();
            }
        }
    }

    fn run_jobs(&mut self) {
        let Some(runtime) = self.runtime.clone() else { return };
        let mut jobs = 0u32;
        loop {
            match runtime.execute_pending_job() {
                Ok(false) => return,
                Ok(true) => {}
                Err(failed) => self.report_job(&failed.0),
            }
            jobs = jobs.wrapping_add(1);
            if self.meter.is_broken() || (jobs.is_multiple_of(JOBS_PER_LOOK) && self.meter.is_over()) {
                return;
            }
        }
    }

    /// An exception that left a job, as from `queueMicrotask`: a line of the log.
    fn report_job(&mut self, context: &rquickjs::Context) {
        if self.meter.is_broken() {
            return;
        }
        let found = self.frames.iter().find(|(_, frame)| frame.is_in(context));
        let Some((id, frame)) = found else { return };
        let error = context.with(|ctx| frame.failure(&ctx, rquickjs::Error::Exception).error);
        let text = format!("a callback failed: {}: {}", error.name, error.message);
        self.host.borrow_mut().log(*id, LogLevel::Error, text);
    }

    /// Ends the first child that has ended or can never end; false if there is none.
    fn end_a_child(&mut self) -> bool {
        for (id, frame) in self.frames.iter() {
            let Some(caller) = &frame.caller else { continue };
            if !frame.is_open() {
                continue;
            }
            let outcome = match frame.progress() {
                Progress::Pending if self.host.borrow().waits(*id) => continue,
                Progress::Pending => Err(stuck_child(&caller.name)),
                Progress::Returned { value, notes } => Ok((value, notes)),
                Progress::Threw(error) => Err(error),
            };
            let id = *id;
            self.end_child(id, outcome);
            return true;
        }
        false
    }

    fn end_child(&mut self, id: FrameId, outcome: Result<(Option<Value>, Vec<String>), Failure>) {
        if let Some(error) = self.meter.broken() {
            return self.fail(error);
        }
        let Some(caller) = self.frames.get_mut(&id).and_then(Frame::close) else { return };
        let (how, error) = match outcome {
            Ok((value, notes)) => {
                let mut host = self.host.borrow_mut();
                notes.into_iter().for_each(|note| host.log(id, LogLevel::Warn, note));
                (Settlement::Value(value.map(|value| value.to_string())), None)
            }
            Err(failure) => {
                let ScriptError { name, message, .. } = *failure.error;
                (
                    Settlement::ChildFailed { name, message: message.clone(), kind: failure.kind },
                    Some(message),
                )
            }
        };
        self.host.borrow_mut().tell(id, None, CallKind::FrameEnded { ended: id, error });
        self.answer(caller.call, how);
    }

    fn look_at_main(&mut self) {
        let Some(main) = self.frames.get(&FrameId::MAIN) else { return };
        let state = match main.progress() {
            Progress::Pending if self.host.borrow().waits(FrameId::MAIN) => return self.drop_closed(),
            Progress::Pending => StepState::Stuck { site: None },
            Progress::Returned { value, notes } => StepState::Done { value, notes },
            Progress::Threw(error) => return self.fail(error),
        };
        match self.meter.broken() {
            Some(error) => self.fail(error),
            None => self.end = Some(state),
        }
    }

    /// Frees the realms of ended children that nothing can wake any more.
    fn drop_closed(&mut self) {
        let host = self.host.borrow();
        self.frames.retain(|id, frame| frame.caller.is_none() || frame.is_open() || host.waits(*id));
    }
}

impl Drop for Isolate {
    fn drop(&mut self) {
        // After an interrupt or a refused allocation QuickJS may hold values that nobody owns, and
        // freeing the runtime then aborts the process. Such an isolate is leaked.
        // Its contexts keep the runtime.
        if self.meter.is_broken() {
            std::mem::forget(std::mem::take(&mut self.frames));
        }
    }
}

/// C16 for a child: nothing can ever wake it.
fn stuck_child(name: &str) -> Failure {
    let message = format!("the workflow `{name}` waits for something that can never come");
    let kind = ScriptErrorKind::Thrown;
    ScriptError { kind, name: "Error".to_owned(), message, site: None, stack: Vec::new() }.into()
}

/// The name scripts see as `error.kind`.
fn kind_name(kind: ThrowKind) -> String {
    match serde_json::to_value(kind) {
        Ok(Value::String(name)) => name,
        _ => "unknown".to_owned(),
    }
}

fn runtime(meter: &Meter) -> rquickjs::Result<Runtime> {
    let memory = usize::try_from(meter.limits().memory_bytes.max(MEMORY_MIN)).unwrap_or(usize::MAX);
    let runtime = limited_runtime(memory, meter)?;
    let stack = usize::try_from(meter.limits().stack_bytes).unwrap_or(usize::MAX);
    runtime.set_max_stack_size(stack.clamp(STACK_MIN, SCRIPT_STACK_MAX));
    runtime.set_gc_threshold(GC_THRESHOLD);
    let interrupt = meter.clone();
    runtime.set_interrupt_handler(Some(Box::new(move || interrupt.is_over())));
    Ok(runtime)
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn limited_runtime(memory: usize, meter: &Meter) -> rquickjs::Result<Runtime> {
    Runtime::new_with_alloc(crate::alloc::LimitedHeap::new(memory, meter.memory_refused.clone()))
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn limited_runtime(memory: usize, _: &Meter) -> rquickjs::Result<Runtime> {
    let runtime = Runtime::new()?;
    runtime.set_memory_limit(memory);
    Ok(runtime)
}
