//! The isolate in a process of its own, which the engine starts as `baya __isolate`.
//!
//! It closes itself off, then answers each line on stdin by one line on stdout (see [`crate::Message`])
//! until stdin ends. stdout carries nothing else; complaints go to stderr.

use crate::meter::{self, Deadline};
use crate::thread::THREAD_STACK;
use crate::watchdog::{EXIT_FAULT, EXIT_NO_SANDBOX, EXIT_PROTOCOL, GRACE, GUARD_GRACE, Watch};
use crate::{Isolate, Message, harden, os};
use baya_core::call::{Delivery, Start, Step};
use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::sync::mpsc::{self, Receiver};
use std::thread;

/// What the hidden subcommand runs. Call it first in `main`, while the process has one thread.
pub fn main() -> ! {
    if let Err(error) = harden::prepare() {
        complain(&error, EXIT_NO_SANDBOX);
    }
    let (go, gate) = mpsc::channel();
    let deadline = meter::deadline();
    let evaluator = Watch::start(deadline.clone(), GRACE).and_then(|watch| {
        thread::Builder::new()
            .name("baya-isolate".to_owned())
            .stack_size(THREAD_STACK)
            .spawn(move || evaluate(&gate, &watch, &deadline))
    });
    let evaluator = match evaluator {
        Ok(evaluator) => evaluator,
        Err(error) => complain(&error, EXIT_FAULT),
    };
    if let Err(error) = harden::close_off() {
        complain(&error, EXIT_NO_SANDBOX);
    }
    let _ = go.send(());
    os::exit_now(evaluator.join().unwrap_or(EXIT_FAULT))
}

/// Watches what a thread evaluates: a stretch that QuickJS cannot end ends the process.
pub struct Guard {
    watch: Watch,
    deadline: Deadline,
    cpu_ms: Cell<u64>,
}

impl Guard {
    /// Starts the thread that watches; no thread can be started once the process is closed off.
    pub fn new() -> std::io::Result<Guard> {
        let deadline = meter::deadline();
        let watch = Watch::start(deadline.clone(), GUARD_GRACE)?;
        Ok(Guard { watch, deadline, cpu_ms: Cell::new(0) })
    }

    /// Evaluates a script up to its first wait, in the calling thread.
    pub fn start(&self, start: Start) -> (Isolate, Step) {
        self.cpu_ms.set(start.limits.cpu_ms);
        self.watch.begin(start.limits.cpu_ms);
        let started = Isolate::start_watched(start, Some(self.deadline.clone()));
        self.watch.end();
        started
    }

    /// Settles deliveries in an isolate that it started last.
    pub fn deliver(&self, isolate: &mut Isolate, batch: Vec<Delivery>) -> Step {
        self.watch.begin(self.cpu_ms.get());
        let step = isolate.deliver(batch);
        self.watch.end();
        step
    }
}

/// Closes this process off as the isolate's, with these threads in it, which begin after that; gives back
/// to the caller, who may not start any more. Each thread has the stack that a script needs.
pub fn seal(threads: Vec<Box<dyn FnOnce(Guard) + Send>>) -> Result<(), String> {
    harden::prepare().map_err(|error| error.to_string())?;
    let mut gates = Vec::new();
    for work in threads {
        let (gate, opened) = mpsc::channel::<()>();
        let guarded = move |guard: Guard| {
            if opened.recv().is_ok() {
                work(guard);
            }
        };
        let guard = Guard::new().map_err(|error| error.to_string())?;
        thread::Builder::new()
            .name("baya-isolate".to_owned())
            .stack_size(THREAD_STACK)
            .spawn(move || guarded(guard))
            .map_err(|error| error.to_string())?;
        gates.push(gate);
    }
    harden::close_off().map_err(|error| error.to_string())?;
    for gate in gates {
        let _ = gate.send(());
    }
    Ok(())
}

/// Ends the process at once: no exit handlers, no buffers.
pub fn exit_now(status: i32) -> ! {
    os::exit_now(status)
}

/// What a process that is closed off as the isolate's can still do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub what: &'static str,
    pub succeeded: bool,
}

/// Closes this process off for good and tries what must not work; for `baya doctor` and tests.
pub fn probe() -> Result<Vec<Attempt>, String> {
    use std::net::{TcpListener, UdpSocket};
    let own_file = std::env::current_exe().map_err(|error| error.to_string())?;
    harden::prepare().and_then(|()| harden::close_off()).map_err(|error| error.to_string())?;
    let attempt = |what, succeeded| Attempt { what, succeeded };
    let pair_of_sockets = || {
        #[cfg(unix)]
        return std::os::unix::net::UnixStream::pair().is_ok();
        #[cfg(not(unix))]
        return false;
    };
    Ok(vec![
        attempt("open a pair of sockets", pair_of_sockets()),
        attempt("read a file", std::fs::File::open(&own_file).is_ok()),
        attempt("create a file", std::fs::File::create(std::env::temp_dir().join("baya-probe")).is_ok()),
        attempt("list a folder", std::fs::read_dir("/").is_ok()),
        attempt("see whether a file exists", own_file.exists()),
        attempt("listen on a port", TcpListener::bind("127.0.0.1:0").is_ok()),
        attempt("open a datagram socket", UdpSocket::bind("127.0.0.1:0").is_ok()),
        attempt("start a program", std::process::Command::new(&own_file).spawn().is_ok()),
        attempt("start a thread", thread::Builder::new().spawn(|| ()).is_ok()),
        attempt("change the folder", std::env::set_current_dir("/").is_ok()),
    ])
}

fn complain(error: &dyn std::error::Error, status: i32) -> ! {
    eprintln!("baya isolate: {error}");
    os::exit_now(status)
}

/// Waits until the process is closed off, then serves until stdin ends; the exit status.
fn evaluate(gate: &Receiver<()>, watch: &Watch, deadline: &Deadline) -> i32 {
    if gate.recv().is_err() {
        return EXIT_NO_SANDBOX;
    }
    let mut lines = BufReader::with_capacity(64 * 1024, std::io::stdin().lock());
    let mut isolate = Evaluator { watch, deadline, started: None };
    let mut line = Vec::new();
    loop {
        line.clear();
        match lines.read_until(b'\n', &mut line) {
            Ok(0) => return 0,
            Ok(_) => {}
            Err(_) => return EXIT_FAULT,
        }
        let Some(step) = serde_json::from_slice(&line).ok().and_then(|message| isolate.answer(message))
        else {
            eprintln!("baya isolate: not a message that fits here");
            return EXIT_PROTOCOL;
        };
        if write_step(&step).is_err() {
            return EXIT_FAULT;
        }
    }
}

struct Evaluator<'a> {
    watch: &'a Watch,
    deadline: &'a Deadline,
    started: Option<(Isolate, u64)>,
}

impl Evaluator<'_> {
    /// None if the message does not fit: a second start, or a delivery before the start.
    fn answer(&mut self, message: Message) -> Option<Step> {
        let step = match (message, &mut self.started) {
            (Message::Start(start), None) => {
                let cpu_ms = start.limits.cpu_ms;
                self.watch.begin(cpu_ms);
                let (isolate, step) = Isolate::start_watched(*start, Some(self.deadline.clone()));
                self.started = Some((isolate, cpu_ms));
                step
            }
            (Message::Deliver(batch), Some((isolate, cpu_ms))) => {
                self.watch.begin(*cpu_ms);
                isolate.deliver(batch)
            }
            (Message::Start(_), Some(_)) | (Message::Deliver(_), None) => return None,
        };
        self.watch.end();
        Some(step)
    }
}

fn write_step(step: &Step) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(step)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}
