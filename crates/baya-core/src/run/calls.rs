//! What the script asks for, and what the run makes of it.

use super::state::{AgentState, CallFate};
use super::taint::Asked;
use super::{Effect, Life, Run, call_key, options};
use crate::agent::CacheUse;
use crate::call::{
    Call, CallKind, LogLevel, Payload, Site, Step, StepState, ThrowKind, Thrown, WorkflowTarget,
};
use crate::event::Event;
use crate::ids::{AgentNumber, CallId, FrameId};
use serde_json::{Map, Value};

/// An `agent()` call as it came over the border.
struct AgentCall {
    id: CallId,
    frame: FrameId,
    site: Option<Site>,
    prompt: String,
    options: Map<String, Value>,
    phase: Option<String>,
}

impl Run {
    pub(super) fn decide_step(&mut self, step: Step) {
        self.unanswered = self.unanswered.saturating_sub(u64::from(step.settled));
        if matches!(self.state.life, Life::Interrupted | Life::Ended(_)) {
            return;
        }
        for call in step.calls {
            if call.id.0 > self.state.calls_seen {
                self.decide_call(call);
            } else if !self.repeats(&call) {
                return self.restart_after_divergence(&call);
            }
        }
        match step.state {
            StepState::Waiting => self.end_if_stopped(),
            StepState::Done { value, notes } => self.end_with_result(value, notes),
            StepState::Threw { error } => self.end_with_error(error),
            StepState::Stuck { site } => {
                if self.unanswered == 0 && self.outgoing.is_empty() && self.redeliveries.is_empty() {
                    self.end_stuck(site);
                }
            }
        }
    }

    fn decide_call(&mut self, call: Call) {
        let Call { id, frame, site, kind } = call;
        match kind {
            CallKind::Agent { prompt, options, phase } => {
                self.decide_agent(AgentCall { id, frame, site, prompt, options, phase });
            }
            CallKind::Workflow { target, args } => self.decide_workflow(id, frame, target, args),
            CallKind::FrameEnded { ended, error } => {
                if let Some(child) = self.state.frames.get(&ended) {
                    let call = child.call;
                    self.record(Event::ChildEnded { call, end_call: id, frame: ended, error });
                }
            }
            CallKind::Phase { title } => {
                if frame == FrameId::MAIN {
                    self.record(Event::PhaseEntered { call: id, frame, title });
                }
            }
            CallKind::Log { level, text } => {
                let text = match self.frame_name(frame) {
                    Some(name) => format!("[{name}] {text}"),
                    None => text,
                };
                self.record(Event::Logged { call: Some(id), level, text, about: None });
            }
            CallKind::Step { step } => self.decide_host_step(id, frame, step, site),
            CallKind::SetTimer { delay_ms } => self.decide_timer(id, delay_ms),
            CallKind::ClearTimer { timer } => {
                if matches!(self.state.calls.get(&timer), Some(CallFate::Timer { .. })) {
                    self.record(Event::TimerCleared { call: id, timer });
                }
            }
        }
    }

    fn decide_timer(&mut self, call: CallId, delay_ms: u64) {
        if self.state.life == Life::Stopping {
            return;
        }
        let due_ms = self.now_ms.max(self.state.now_ms).saturating_add_unsigned(delay_ms);
        self.record(Event::TimerSet { call, due_ms });
        let generation = self.state.generation;
        self.effect(Effect::SetTimer { generation, call, due_ms });
    }

    fn decide_agent(&mut self, call: AgentCall) {
        if let Err(thrown) = self.try_agent(&call) {
            self.refuse(call.id, thrown);
        }
    }

    fn try_agent(&mut self, call: &AgentCall) -> Result<(), Thrown> {
        if self.state.life == Life::Stopping {
            return Err(Thrown { kind: ThrowKind::Stopped, message: "the run is being stopped".to_owned() });
        }
        let parsed = options::parse(&call.prompt, &call.options, &self.state.surroundings)?;
        for (about, text) in parsed.warnings {
            self.warn_once(about, text);
        }
        if let Some(schema) = &parsed.options.schema {
            self.schemas.of(schema).schema.as_ref().map_err(|message| Thrown {
                kind: ThrowKind::Schema,
                message: format!("unusable schema: {message}"),
            })?;
        }
        let phase = self.group_of(call.frame).or(parsed.phase).or_else(|| call.phase.clone());
        self.check_agent_limit(phase.as_deref())?;
        let key = call_key(&call.prompt, &parsed.options);
        let occurrence = self.state.occurrences.get(&key).copied().unwrap_or(0);
        let (id, frame, label) = (call.id, call.frame, parsed.label);
        if let Some(agent) = self.state.pool.get(&key).and_then(|left| left.first().copied()) {
            self.record(Event::AgentReused { agent, call: id, frame, key, occurrence, phase, label });
            self.redeliveries.insert((self.first_heard(agent), id));
            return Ok(());
        }
        if parsed.options.cache == CacheUse::Shared {
            if let Some(agent) = self.shared(&key) {
                self.record(Event::AgentShared { agent, call: id, frame });
                return Ok(());
            }
            if let Some(agent) = self.state.shared_before.get(&key).copied() {
                self.record(Event::AgentReused { agent, call: id, frame, key, occurrence, phase, label });
                self.redeliveries.insert((self.first_heard(agent), id));
                return Ok(());
            }
        }
        let offer = self.offer(&key, &parsed.options);
        if offer.is_none() {
            self.check_budget(phase.as_deref())?;
        }
        let tainted = self.judge_taint(&Asked {
            prompt: &call.prompt,
            options: &parsed.options,
            label: &label,
            site: call.site.as_ref(),
        })?;
        let agent = AgentNumber(self.state.agents.len() as u32 + 1);
        let (prompt, options, site) = (call.prompt.clone(), parsed.options, call.site.clone());
        self.record(Event::AgentQueued {
            agent,
            call: id,
            frame,
            key,
            occurrence,
            label,
            phase,
            prompt,
            options,
            tainted,
            site,
            errand: None,
        });
        if let Some(offer) = offer {
            self.borrow(agent, offer);
        }
        Ok(())
    }

    /// The agent that works on the same question for another call, or will.
    fn shared(&self, key: &str) -> Option<AgentNumber> {
        let number = *self.state.sharing.get(key)?;
        let is_open = match self.state.agent(number)?.state {
            AgentState::Queued | AgentState::Running { .. } => true,
            AgentState::Finished(_) | AgentState::Dropped => false,
        };
        (is_open && !self.waiting_for(number).is_empty()).then_some(number)
    }

    pub(super) fn warn_once(&mut self, about: String, text: String) {
        if !self.state.warned.contains(&about) {
            self.record(Event::Logged { call: None, level: LogLevel::Warn, text, about: Some(about) });
        }
    }

    fn decide_workflow(&mut self, call: CallId, frame: FrameId, target: WorkflowTarget, args: Option<Value>) {
        let depth = self.depth(frame) + 1;
        let most = self.state.limits.script.depth_max;
        let thrown = |kind, message| Thrown { kind, message };
        if self.state.life == Life::Stopping {
            return self.refuse(call, thrown(ThrowKind::Stopped, "the run is being stopped".to_owned()));
        }
        if depth > most {
            let message = format!("workflow() may nest {most} deep; `--max-depth` raises it");
            return self.refuse(call, thrown(ThrowKind::Workflow, message));
        }
        let child = FrameId(self.state.frame_last + 1);
        let args = args.map(super::resume::parsed_args);
        self.record(Event::ChildRequested {
            call,
            frame: child,
            parent: frame,
            target: target.clone(),
            args,
        });
        self.load_workflow(call, frame, target);
    }

    pub(super) fn load_workflow(&mut self, call: CallId, caller: FrameId, target: WorkflowTarget) {
        let importer = match self.state.frames.get(&caller).and_then(|frame| frame.started.as_ref()) {
            Some(child) => child.script.path.clone(),
            None => self.state.script.as_ref().map(|script| script.path.clone()).unwrap_or_default(),
        };
        let generation = self.state.generation;
        self.effect(Effect::LoadWorkflow { generation, call, target, importer });
    }

    fn depth(&self, frame: FrameId) -> u32 {
        let mut depth = 0;
        let mut at = frame;
        while let Some(child) = self.state.frames.get(&at) {
            depth += 1;
            at = child.parent;
        }
        depth
    }

    fn frame_name(&self, frame: FrameId) -> Option<&str> {
        let child = self.state.frames.get(&frame)?.started.as_ref()?;
        Some(&child.script.name)
    }

    /// A child's agents stand in one group, whatever they say (C53).
    fn group_of(&self, frame: FrameId) -> Option<String> {
        Some(self.state.frames.get(&frame)?.started.as_ref()?.group.clone())
    }

    fn first_heard(&self, agent: AgentNumber) -> u64 {
        self.state.agent(agent).and_then(|agent| agent.heard).map_or(u64::MAX, |heard| heard.seq)
    }

    /// Whether a call made again by a replay asks what the journal says it asked.
    fn repeats(&self, call: &Call) -> bool {
        let (prompt, options) = match &call.kind {
            CallKind::Agent { prompt, options, .. } => (prompt, options),
            CallKind::Step { step } => return self.repeats_step(call.id, step),
            CallKind::Workflow { .. }
            | CallKind::FrameEnded { .. }
            | CallKind::Phase { .. }
            | CallKind::Log { .. }
            | CallKind::SetTimer { .. }
            | CallKind::ClearTimer { .. } => return true,
        };
        let Some(agent) = self.state.agent_of_call.get(&call.id).and_then(|number| self.state.agent(*number))
        else {
            return self.state.refusals.contains_key(&call.id);
        };
        match options::parse(prompt, options, &self.state.surroundings) {
            Ok(parsed) => call_key(prompt, &parsed.options) == agent.key,
            Err(_) => false,
        }
    }

    pub(super) fn child_payload(&self, call: CallId) -> Payload {
        let child = self.state.frames.iter().find(|(_, frame)| frame.call == call);
        let started = child.and_then(|(id, frame)| Some((*id, frame.started.as_ref()?)));
        match started {
            Some((frame, child)) => Payload::Child(Box::new(crate::call::Child {
                frame,
                name: child.script.name.clone(),
                program: child.script.program.clone(),
                meta: child.script.meta.clone(),
                args: child.args.clone(),
            })),
            None => Payload::Throw(Thrown {
                kind: ThrowKind::Workflow,
                message: "the journal does not say which workflow was started".to_owned(),
            }),
        }
    }
}
