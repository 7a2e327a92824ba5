//! Further rehearsals for those who try something out, in bounds.

use super::super::played::{Played, PlayedAgent};
use super::{Scene, Seen, look};
use baya_core::history::label_kind;
use baya_core::rehearsal::{Case, Mood};
use std::cell::{Cell, OnceCell};

/// Agents in all further rehearsals together; a rehearsal counts as some by itself.
const AGENTS_MAX: u64 = 20_000;
const AGENTS_PER_PLAY: u64 = 25;

pub(super) struct Plays<'a> {
    pub(super) scene: Scene<'a>,
    play: &'a dyn Fn(&Case) -> Played,
    left: Cell<u64>,
    plain: OnceCell<Option<Played>>,
}

impl<'a> Plays<'a> {
    pub(super) fn new(scene: Scene<'a>, play: &'a dyn Fn(&Case) -> Played) -> Plays<'a> {
        Plays { scene, play, left: Cell::new(AGENTS_MAX), plain: OnceCell::new() }
    }

    /// None: enough was played.
    pub(super) fn play(&self, case: &Case) -> Option<Played> {
        if self.left.get() == 0 {
            return None;
        }
        let played = (self.play)(case);
        let cost = AGENTS_PER_PLAY + played.agents.len() as u64;
        self.left.set(self.left.get().saturating_sub(cost));
        Some(played)
    }

    /// What a case shows.
    pub(super) fn seen(&self, case: &Case) -> Option<(Played, Seen)> {
        let played = self.play(case)?;
        let seen = look(self.scene, &played);
        Some((played, seen))
    }

    /// The case that others differ from in one thing.
    pub(super) fn plain_case(&self) -> Case {
        self.scene.job.case(0, &[])
    }

    pub(super) fn plain(&self) -> Option<&Played> {
        self.plain.get_or_init(|| self.play(&self.plain_case())).as_ref()
    }

    /// Kinds of labels in the plain rehearsal, each with its first agent.
    pub(super) fn kinds(&self) -> Vec<(String, &PlayedAgent)> {
        let mut kinds: Vec<(String, &PlayedAgent)> = Vec::new();
        for agent in self.plain().map(|plain| plain.agents.as_slice()).unwrap_or_default() {
            let kind = label_kind(&agent.label);
            if !kinds.iter().any(|(known, _)| *known == kind) {
                kinds.push((kind, agent));
            }
        }
        kinds
    }

    /// The plain case in another mood.
    pub(super) fn in_mood(&self, mood: Mood) -> Case {
        Case { mood, ..self.plain_case() }
    }
}
