//! The isolate in a thread of this process, for embedding and tests.
//!
//! It holds the same limits as the child process but for two: a script that natively blocks cannot be
//! ended, and a fault in QuickJS is a fault of this process.

use crate::{Isolate, Message};
use baya_core::call::Step;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// The most stack a script can be given; QuickJS takes more than this for no limit at all.
pub(crate) const SCRIPT_STACK_MAX: usize = 16 * 1024 * 1024;
/// The stack of a thread that evaluates scripts: the script's and room for the host's own functions.
pub(crate) const THREAD_STACK: usize = SCRIPT_STACK_MAX + 8 * 1024 * 1024;

/// A running isolate; dropping it ends the thread.
pub struct InThread {
    messages: Sender<Message>,
}

/// The isolate's thread has ended.
#[derive(Debug, thiserror::Error)]
#[error("the isolate is gone")]
pub struct IsolateGone;

impl InThread {
    /// Gives the isolate a message; its step goes to the function given to [`in_thread`].
    pub fn send(&self, message: Message) -> Result<(), IsolateGone> {
        self.messages.send(message).map_err(|_| IsolateGone)
    }
}

/// Starts a thread that answers each message by one call of `on_step`, in order.
pub fn in_thread(on_step: impl FnMut(Step) + Send + 'static) -> io::Result<InThread> {
    let (messages, inbox) = mpsc::channel();
    thread::Builder::new()
        .name("baya-isolate".to_owned())
        .stack_size(THREAD_STACK)
        .spawn(move || serve(inbox, on_step))?;
    Ok(InThread { messages })
}

fn serve(inbox: Receiver<Message>, mut on_step: impl FnMut(Step)) {
    let mut isolate = None;
    for message in inbox {
        let step = match (message, &mut isolate) {
            (Message::Start(start), _) => {
                let (started, step) = Isolate::start(*start);
                isolate = Some(started);
                step
            }
            (Message::Deliver(batch), Some(isolate)) => isolate.deliver(batch),
            (Message::Deliver(_), None) => return,
        };
        on_step(step);
    }
}
