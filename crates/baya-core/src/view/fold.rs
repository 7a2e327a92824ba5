//! How each event changes a [`RunView`].

use super::agent_view::{AgentState, AgentView};
use super::run_view::{GroupKind, GroupView, LogLine, Question, RunState, RunView};
use super::work_view::WorkView;
use crate::agent::{AttemptEnd, Cause, Progress, Usage, UsageSource, Wait};
use crate::approval::Answerer;
use crate::call::LogLevel;
use crate::event::{Event, Outcome, Recorded, ScriptRecord, Surroundings};
use crate::ids::{AgentNumber, FrameId};
use crate::limits::LOG_LINES_IN_VIEW;
use crate::turn::TurnRecord;
use serde_json::Value;
use std::collections::VecDeque;

impl RunView {
    pub fn apply(&mut self, recorded: &Recorded) {
        self.events += 1;
        self.ledger.apply(recorded);
        self.at_work.tick(recorded);
        self.last_ms = recorded.at_ms;
        match &recorded.event {
            Event::RunStarted { .. }
            | Event::RunResumed { .. }
            | Event::DriverStarted { .. }
            | Event::LimitsChanged { .. }
            | Event::RunParked { .. }
            | Event::RunPaused { .. }
            | Event::RunContinued { .. }
            | Event::StopRequested { .. }
            | Event::RunInterrupted { .. }
            | Event::RunEnded { .. } => self.apply_to_run(recorded),
            Event::PhaseEntered { .. }
            | Event::Logged { .. }
            | Event::TimerSet { .. }
            | Event::TimerCleared { .. }
            | Event::ChildRequested { .. }
            | Event::ChildStarted { .. }
            | Event::ChildEnded { .. }
            | Event::CallRefused { .. }
            | Event::Delivered { .. } => self.apply_to_script(recorded),
            Event::AgentQueued { .. }
            | Event::AgentReused { .. }
            | Event::AgentShared { .. }
            | Event::AgentStarted { .. }
            | Event::AgentProcessStarted { .. }
            | Event::AgentTurn { .. }
            | Event::AgentSkipRequested { .. }
            | Event::AttemptEnded { .. }
            | Event::AgentFinished { .. } => self.apply_to_agent(recorded),
            Event::ApprovalAsked { .. } | Event::ApprovalAnswered { .. } => self.apply_to_question(recorded),
            Event::StepStarted { .. }
            | Event::StepReused { .. }
            | Event::StepEnded { .. }
            | Event::Landing { .. } => self.apply_to_step(recorded),
        }
    }

    fn apply_to_run(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::RunStarted { run, script, limits, surroundings, .. } => {
                self.run = Some(run.clone());
                self.started_ms = Some(recorded.at_ms);
                self.limits = limits.clone();
                self.set_surroundings(surroundings);
                self.begin_generation(1, Some(script));
            }
            Event::RunResumed { script, .. } => {
                self.bill_holdings();
                // A run counts from 0, people from 1.
                self.begin_generation(self.generation + 1, script.as_ref())
            }
            Event::DriverStarted { pid, surroundings, .. } => {
                self.pid = Some(*pid);
                self.set_surroundings(surroundings);
                self.bill_holdings();
                self.lose_work();
                self.go_on();
            }
            Event::LimitsChanged { limits } => self.limits = limits.clone(),
            Event::RunParked { cause, wakes_at_ms } => {
                let (cause, wakes_at_ms) = (cause.clone(), *wakes_at_ms);
                self.rest(RunState::Parked { cause, wakes_at_ms }, recorded.at_ms)
            }
            Event::RunPaused { by } => self.state = RunState::Paused { by: by.clone() },
            Event::RunContinued { .. } => self.go_on(),
            Event::StopRequested { by } => {
                self.state = RunState::Stopping { by: by.clone() };
                self.questions.clear();
            }
            Event::RunInterrupted { by } => {
                self.rest(RunState::Interrupted { by: by.clone() }, recorded.at_ms)
            }
            Event::RunEnded { status, result, error, failures } => {
                self.bill_holdings();
                self.rest(RunState::Ended { status: *status }, recorded.at_ms);
                self.result.clone_from(result);
                self.error.clone_from(error);
                self.failures_at_end = Some(failures.clone());
            }
            _ => {}
        }
    }

    fn apply_to_script(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::PhaseEntered { frame, title, .. } if *frame == FrameId::MAIN => {
                self.group(Some(title), GroupKind::Phase).entered = true;
                self.phase = Some(title.clone());
            }
            Event::Logged { call, level, text, .. } => {
                self.add_log_line(recorded.at_ms, *level, call.is_none(), text);
            }
            Event::ChildStarted { frame, group, .. } => {
                let shown = self.group(Some(group), GroupKind::Child);
                (shown.kind, shown.entered, shown.ended) = (GroupKind::Child, true, false);
                self.child_groups.insert(*frame, group.clone());
            }
            Event::ChildEnded { frame, error, .. } => {
                if let Some(title) = self.child_groups.get(frame).cloned() {
                    let shown = self.group(Some(&title), GroupKind::Child);
                    shown.ended = true;
                    shown.error.clone_from(error);
                }
            }
            _ => {}
        }
    }

    fn apply_to_agent(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::AgentQueued { agent, label, phase, options, tainted, errand, .. } => {
                let shown = self.agent(*agent);
                shown.errand = *errand;
                shown.quarantine = options.quarantine;
                shown.tainted_by = tainted.as_ref().map(|tainted| tainted.from.clone()).unwrap_or_default();
                shown.label.clone_from(label);
                shown.phase.clone_from(phase);
                shown.state = AgentState::Queued;
                self.claim(*agent);
            }
            Event::AgentReused { agent, label, phase, .. } => {
                let shown = self.agent(*agent);
                shown.label.clone_from(label);
                shown.phase.clone_from(phase);
                shown.reused = true;
                self.claim(*agent);
            }
            Event::AgentShared { agent, .. } => self.agent(*agent).shared_by += 1,
            Event::AgentStarted { agent, attempt } => {
                let shown = self.agent(*agent);
                shown.state = AgentState::Running;
                shown.attempts = *attempt;
                shown.started_ms = Some(recorded.at_ms);
                shown.progress = None;
            }
            Event::AgentTurn { agent, turn, .. } => {
                self.usage.add(&turn.usage());
                let shown = self.agent(*agent);
                shown.usage.add(&turn.usage());
                match turn {
                    TurnRecord::Holding { most } => {
                        shown.holding = Some(*most).filter(|most| most.total() > 0)
                    }
                    turn if turn.cost().is_some() => shown.holding = None,
                    _ => {}
                }
            }
            Event::AttemptEnded { agent, end, usage, .. } => self.end_attempt(*agent, end, usage),
            Event::AgentFinished { agent, .. } => self.finish(*agent, &recorded.event),
            _ => {}
        }
    }

    fn apply_to_question(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::ApprovalAsked { agent, id, request, .. } => {
                let (agent, request) = (*agent, request.clone());
                let wait = Wait::Approval { id: id.to_string(), question: request.action.clone() };
                self.agent(agent).progress = Some(Progress::Waiting { wait });
                self.questions.insert(*id, Question { agent, asked_ms: recorded.at_ms, request });
            }
            Event::ApprovalAnswered { id, by, .. } => {
                match by {
                    Answerer::Nobody => self.denied.unattended += 1,
                    Answerer::TimeLimit => self.denied.too_late += 1,
                    Answerer::Person(_) | Answerer::End => {}
                }
                if let Some(question) = self.questions.remove(id) {
                    self.agent(question.agent).progress = None;
                }
            }
            _ => {}
        }
    }

    fn begin_generation(&mut self, generation: u32, script: Option<&ScriptRecord>) {
        self.generation = generation;
        self.go_on();
        self.phase = None;
        self.child_groups.clear();
        match script {
            Some(script) => {
                self.name.clone_from(&script.name);
                self.path.clone_from(&script.path);
                self.description = text_of(&script.meta, "description").unwrap_or_default();
                self.groups = groups_of_meta(&script.meta);
            }
            None => {
                self.groups.retain(|group| group.kind == GroupKind::Phase && group.title.is_some());
                self.groups.iter_mut().for_each(|group| group.entered = false);
            }
        }
    }

    fn set_surroundings(&mut self, surroundings: &Surroundings) {
        self.folder.clone_from(&surroundings.folder);
        self.backend.clone_from(&surroundings.backend);
        self.simulated = surroundings.simulated;
        self.model.clone_from(&surroundings.model);
        self.rules.clone_from(&surroundings.rules);
        self.sandbox.clone_from(&surroundings.sandbox);
        self.base.clone_from(&surroundings.base);
    }

    /// The run moves again: what an earlier end said holds no more.
    fn go_on(&mut self) {
        self.state = RunState::Running;
        self.ended_ms = None;
        self.result = None;
        self.error = None;
        self.failures_at_end = None;
    }

    fn rest(&mut self, state: RunState, at_ms: i64) {
        self.state = state;
        self.ended_ms = Some(at_ms);
        self.lose_work();
    }

    /// Whoever was at work is no more; the run may ask again.
    fn lose_work(&mut self) {
        self.questions.clear();
        for agent in self.agents.values_mut().filter(|agent| agent.state == AgentState::Running) {
            agent.state = AgentState::Queued;
            agent.progress = None;
        }
    }

    /// As the run itself counts them; see [`TurnRecord::Holding`].
    fn bill_holdings(&mut self) {
        for agent in self.agents.values_mut() {
            let Some(most) = agent.holding.take() else { continue };
            let most = Usage { source: UsageSource::Estimated, ..most };
            agent.usage.add(&most);
            self.usage.add(&most);
            self.may_be_billed.add(&most);
        }
    }

    fn claim(&mut self, number: AgentNumber) {
        let generation = self.generation;
        let agent = self.agent(number);
        agent.generation = generation;
        let phase = agent.phase.clone();
        self.group(phase.as_deref(), GroupKind::Phase).entered = true;
    }

    fn end_attempt(&mut self, number: AgentNumber, end: &AttemptEnd, usage: &Usage) {
        self.usage.add(usage);
        self.questions.retain(|_, question| question.agent != number);
        let agent = self.agent(number);
        agent.usage.add(usage);
        agent.holding = None;
        agent.state = AgentState::Queued;
        agent.progress = None;
        match end {
            AttemptEnd::Failed(cause) | AttemptEnd::Unusable(cause) => agent.cause = Some(cause.clone()),
            AttemptEnd::Answered(_) | AttemptEnd::Cancelled => {}
        }
    }

    fn finish(&mut self, number: AgentNumber, event: &Event) {
        let Event::AgentFinished {
            attempt,
            outcome,
            usage,
            model_asked,
            model_served,
            duration_ms,
            work,
            borrowed,
            ..
        } = event
        else {
            return;
        };
        self.usage.add(usage);
        self.questions.retain(|_, question| question.agent != number);
        let agent = self.agent(number);
        agent.usage.add(usage);
        agent.holding = None;
        agent.attempts = *attempt;
        (agent.state, agent.cause) = shown_outcome(outcome);
        agent.model_asked.clone_from(model_asked);
        agent.model_served.clone_from(model_served);
        agent.duration_ms = Some(*duration_ms);
        agent.work = work.as_deref().map(WorkView::of);
        agent.borrowed.clone_from(borrowed);
        agent.progress = None;
        agent.changes = None;
    }

    fn agent(&mut self, number: AgentNumber) -> &mut AgentView {
        self.agents.entry(number).or_insert_with(|| AgentView::new(number))
    }

    fn group(&mut self, title: Option<&str>, kind: GroupKind) -> &mut GroupView {
        let at = match self.groups.iter().position(|group| group.title.as_deref() == title) {
            Some(at) => at,
            None => {
                self.groups.push(GroupView::new(title.map(str::to_owned), None, kind));
                self.groups.len() - 1
            }
        };
        &mut self.groups[at]
    }

    fn add_log_line(&mut self, at_ms: i64, level: LogLevel, ours: bool, text: &str) {
        self.log_lines += 1;
        push_capped(&mut self.log, LogLine { at_ms, level, ours, text: text.to_owned() });
        if ours && level == LogLevel::Warn {
            push_capped(&mut self.warnings, text.to_owned());
        }
    }
}

impl GroupView {
    fn new(title: Option<String>, detail: Option<String>, kind: GroupKind) -> GroupView {
        GroupView { title, detail, kind, entered: false, ended: false, error: None }
    }
}

fn shown_outcome(outcome: &Outcome) -> (AgentState, Option<Cause>) {
    match outcome {
        Outcome::Answered(_) => (AgentState::Answered, None),
        Outcome::Failed(cause) => (AgentState::Failed, Some(cause.clone())),
    }
}

fn push_capped<T>(lines: &mut VecDeque<T>, line: T) {
    if lines.len() == LOG_LINES_IN_VIEW {
        lines.pop_front();
    }
    lines.push_back(line);
}

/// The phases of `meta`, each a title or an object with one (C04); the same title is the same phase.
fn groups_of_meta(meta: &Value) -> Vec<GroupView> {
    let mut groups: Vec<GroupView> = Vec::new();
    for phase in meta.get("phases").and_then(Value::as_array).into_iter().flatten() {
        let title = phase.as_str().map(str::to_owned).or_else(|| text_of(phase, "title"));
        if let Some(title) = title
            && !groups.iter().any(|group| group.title.as_ref() == Some(&title))
        {
            groups.push(GroupView::new(Some(title), text_of(phase, "detail"), GroupKind::Phase));
        }
    }
    groups
}

fn text_of(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}
