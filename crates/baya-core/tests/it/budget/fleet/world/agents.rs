//! Agents at work: they ask the purse, go out, are answered, cut, refused and cancelled.

use super::super::plan::Plan;
use super::{At, Due, MODELS_MOST, Working, World};
use baya_core::agent::{AgentTask, Answer, AttemptEnd, AttemptReport, Cause, CauseKind, Usage};
use baya_core::budget::{Ask, Caps, HoldId, Reply};
use baya_core::ids::AgentNumber;
use baya_core::run::Input;
use baya_core::turn::{TurnCost, TurnRecord};
use serde_json::json;

impl<'a> World<'a> {
    pub(super) fn start(&mut self, task: &AgentTask) {
        let plan = task.prompt.trim_start_matches("plan ").parse().expect("the prompt names the plan");
        let mut working = Working {
            attempt: task.attempt,
            plan,
            place: 0,
            got: 0,
            unrecorded: Usage::default(),
            at: At::Nothing,
        };
        for turn in &task.turns {
            let TurnRecord::Answered { is_cut, content, .. } = turn else { panic!("{turn:?}") };
            match is_cut {
                true => working.got += content.as_u64().expect("the answer's length"),
                false => (working.place, working.got) = (working.place + 1, 0),
            }
        }
        self.working.insert(task.agent, working);
        self.ask(task.agent);
    }

    pub(super) fn plan(&self, working: &Working) -> &'a Plan {
        &self.fleet.plans[working.plan]
    }

    fn ask(&mut self, agent: AgentNumber) {
        let working = &self.working[&agent];
        let plan = self.plan(working);
        let input = plan.input(working.place, working.got);
        let ask = Ask {
            agent,
            phase: self.phase_of(plan),
            label: plan.label.clone(),
            caps: Caps::default(),
            input_most: input + input / 4 + 16,
            output_wanted: plan.output_wanted,
            output_most: plan.output_most,
            price: Some(plan.price),
        };
        let reply = self.purse.ask(&ask);
        self.hear(agent, reply);
    }

    pub(super) fn phase_of(&self, plan: &Plan) -> Option<String> {
        if plan.in_child { Some("▸ child".to_owned()) } else { plan.phase.map(str::to_owned) }
    }

    fn hear(&mut self, agent: AgentNumber, reply: Reply) {
        let working = self.working.get_mut(&agent).expect("it is at work");
        match reply {
            Reply::Waits { place, .. } => {
                working.at = At::Line(place);
                self.tally.waits += 1;
            }
            Reply::Reached { cap, .. } => {
                self.tally.reached += 1;
                self.end(agent, AttemptEnd::Failed(Cause::new(CauseKind::Budget, cap)));
            }
            Reply::Held { hold, output_max } => self.go_out(agent, hold, output_max),
        }
    }

    /// What the request may be billed is durable before it goes out.
    fn go_out(&mut self, agent: AgentNumber, hold: HoldId, output_max: u64) {
        let working = &self.working[&agent];
        let plan = self.plan(working);
        let input = plan.input(working.place, working.got);
        let input_most = input + input / 4 + 16;
        let output = (plan.outputs[working.place] - working.got).min(output_max);
        let mut most = plan.most(input_most, output_max.min(MODELS_MOST));
        most.add(&working.unrecorded);
        let attempt = working.attempt;
        self.inputs.push(Input::AgentTurn { agent, attempt, turn: TurnRecord::Holding { most } });
        let wait_ms = 300 + self.dice.below(2_000) as i64 + output as i64;
        self.after(wait_ms, Due::Answer(agent, hold));
        let working = self.working.get_mut(&agent).expect("it is at work");
        working.at = At::Out { hold, input, input_most, output_max };
    }

    /// The provider counts.
    pub(super) fn charge(&mut self, plan: &Plan, usage: &Usage) {
        self.bill.add(usage);
        if let Some(title) = self.phase_of(plan) {
            self.phase_bills.entry(title).or_default().add(usage);
        }
    }

    pub(super) fn answered(&mut self, agent: AgentNumber, due: HoldId) {
        let Some(working) = self.working.get(&agent) else { return };
        let At::Out { hold, input, output_max, .. } = working.at else { return };
        if hold != due {
            return;
        }
        let plan = self.plan(working);
        let rest = plan.outputs[working.place] - working.got;
        let output = rest.min(output_max);
        let chance = if self.fleet.is_faulty { self.dice.below(20) } else { u64::MAX };
        let usage = match chance {
            // The provider was too busy; nothing was billed.
            0 => {
                self.tally.retries += 1;
                self.purse.release(hold);
                return self.ask_again(agent);
            }
            // It broke off.
            1 => plan.usage(input, output / 2, &mut self.dice),
            _ => plan.usage(input, output, &mut self.dice),
        };
        self.charge(plan, &usage);
        self.purse.settle(hold, &usage);
        if chance == 1 {
            self.tally.retries += 1;
            self.working.get_mut(&agent).expect("it is at work").unrecorded.add(&usage);
            return self.ask_again(agent);
        }
        self.take(agent, plan, usage, rest > output, chance);
        self.serve();
    }

    /// What was held for the last try is held no more.
    fn ask_again(&mut self, agent: AgentNumber) {
        let working = self.working.get_mut(&agent).expect("it is at work");
        working.at = At::Nothing;
        let (attempt, most) = (working.attempt, working.unrecorded);
        self.inputs.push(Input::AgentTurn { agent, attempt, turn: TurnRecord::Holding { most } });
        self.serve();
        self.ask(agent);
    }

    /// One answer is there, whole or cut.
    fn take(&mut self, agent: AgentNumber, plan: &Plan, usage: Usage, is_cut: bool, chance: u64) {
        let working = self.working.get_mut(&agent).expect("it is at work");
        working.at = At::Nothing;
        let is_last = working.place + 1 == plan.outputs.len() && !is_cut;
        if is_last || chance == 2 {
            working.unrecorded.add(&usage);
            let end = match is_last {
                true => AttemptEnd::Answered(Answer::Text("done".to_owned())),
                false => AttemptEnd::Failed(Cause::new(CauseKind::Program, "it fell over")),
            };
            return self.end(agent, end);
        }
        let mut cost = TurnCost { usage: std::mem::take(&mut working.unrecorded), ..TurnCost::default() };
        cost.usage.add(&usage);
        cost.requests = 1;
        match is_cut {
            // Only what this answer brought: a retry before it is billed and gives nothing.
            true => working.got += usage.output,
            false => (working.place, working.got) = (working.place + 1, 0),
        }
        self.tally.cut += u64::from(is_cut);
        let (model, content, calls) = (String::new(), json!(usage.output), Vec::new());
        let attempt = working.attempt;
        let turn = TurnRecord::Answered { model, content, calls, is_cut, cost };
        self.inputs.push(Input::AgentTurn { agent, attempt, turn });
        self.ask(agent);
    }

    fn end(&mut self, agent: AgentNumber, end: AttemptEnd) {
        let Some(working) = self.working.remove(&agent) else { return };
        let report = AttemptReport { usage: working.unrecorded, requests: 1, ..AttemptReport::new(end) };
        self.inputs.push(Input::AgentEnded { agent, attempt: working.attempt, report });
    }

    /// A request that is out may be billed in full, and counts as if it were.
    pub(super) fn cancel(&mut self, agent: AgentNumber, attempt: u32) {
        let Some(working) = self.working.get_mut(&agent).filter(|working| working.attempt == attempt) else {
            return;
        };
        match std::mem::replace(&mut working.at, At::Nothing) {
            At::Nothing => {}
            At::Line(place) => self.purse.leave(place),
            At::Out { hold, input, input_most, output_max } => {
                let plan = &self.fleet.plans[working.plan];
                let most = plan.most(input_most, output_max.min(MODELS_MOST));
                working.unrecorded.add(&most);
                let output = (plan.outputs[working.place] - working.got).min(output_max);
                let billed = plan.usage(input, self.dice.below(output + 1), &mut self.dice);
                self.charge(plan, &billed);
                self.purse.settle(hold, &most);
            }
        }
        self.tally.cancels += 1;
        self.end(agent, AttemptEnd::Cancelled);
        self.serve();
    }

    fn serve(&mut self) {
        for (place, reply) in self.purse.serve() {
            let agent = self.working.iter().find_map(|(agent, working)| {
                matches!(working.at, At::Line(its) if its == place).then_some(*agent)
            });
            self.hear(agent.expect("who is served stood in line"), reply);
        }
    }
}
