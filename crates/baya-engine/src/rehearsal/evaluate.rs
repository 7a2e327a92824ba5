//! How a rehearsal evaluates script: in its own thread, watched or not.

use baya_core::call::{Delivery, Start, Step};
use baya_js::Isolate;
use baya_js::child::Guard;

/// Runs stretches of script.
pub trait Evaluator {
    fn start(&self, start: Start) -> (Isolate, Step);
    fn deliver(&self, isolate: &mut Isolate, delivery: Delivery) -> Step;
}

/// Nobody watches: a script that blocks natively blocks the thread.
pub struct Unwatched;

impl Evaluator for Unwatched {
    fn start(&self, start: Start) -> (Isolate, Step) {
        Isolate::start(start)
    }

    fn deliver(&self, isolate: &mut Isolate, delivery: Delivery) -> Step {
        isolate.deliver(vec![delivery])
    }
}

/// A stretch that cannot be ended ends the process.
impl Evaluator for Guard {
    fn start(&self, start: Start) -> (Isolate, Step) {
        Guard::start(self, start)
    }

    fn deliver(&self, isolate: &mut Isolate, delivery: Delivery) -> Step {
        Guard::deliver(self, isolate, vec![delivery])
    }
}
