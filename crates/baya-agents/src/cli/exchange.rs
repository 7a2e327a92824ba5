//! One run of a program for one message, from its start to the end of all it started.

use super::lines::{Flood, Lines};
use super::seat::Seat;
use super::speaker::{Span, Speaker, Told, Words};
use super::watch::{Life, Lost, Patience, lost};
use crate::backend::{Attempt, Signal};
use crate::gateway::Grant;
use crate::program::{Launch, NotStarted, Running, start};
use baya_core::agent::{Progress, Usage};
use baya_core::turn::TurnRecord;
use serde_json::Value;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::oneshot;

const READ_BYTES: usize = 64 * 1024;
/// How long a program may take to end by itself once it has said its last word, or its output may stay
/// open once it has ended.
const AFTER_END: Duration = Duration::from_millis(1_000);

/// What is run, and what surrounds it.
pub(super) struct Exchange<'a> {
    pub speaker: &'a dyn Speaker,
    /// The program and the words that always go with it.
    pub program: &'a [String],
    pub seat: &'a Seat,
    pub attempt: &'a Attempt,
    pub grant: &'a Grant,
    pub patience: Patience,
    pub words: Words,
}

/// What was heard, however the run ended.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub session: Option<String>,
    pub model: Option<String>,
    /// The last message of the agent.
    pub message: Option<String>,
    pub structured: Option<Value>,
    pub used: Option<(Usage, Span)>,
    /// What the gateway counted and the journal has already.
    pub settled: Usage,
    pub notes: Vec<String>,
    pub failed: Option<String>,
    /// What it last tried again for.
    pub trouble: Option<String>,
    pub limited: Option<String>,
    /// The program itself gave up on the schema.
    pub is_unmet: bool,
    /// It wrote without an end, and would again.
    pub is_flooded: bool,
    pub is_finished: bool,
    /// The end of what it wrote that was no JSON, and of its standard error.
    pub said: String,
    pub status: Option<ExitStatus>,
}

/// Why a run was given up, or never began.
#[derive(Debug)]
pub(super) enum Stopped {
    Cancelled,
    Lost(Lost),
    NotStarted(NotStarted),
    Flood(String),
    /// Something of it withstands KILL.
    Withstands(u32),
    /// Its files could not be written.
    Unprepared(std::io::Error),
}

impl Exchange<'_> {
    /// Runs the program; `heard` has all that was heard, also if it was given up.
    pub async fn run(&self, heard: &mut Heard) -> Result<(), Stopped> {
        let argv: Vec<String> = self.program.iter().chain(&self.words.arguments).cloned().collect();
        let mut environment = self.seat.environment.clone();
        environment.extend(self.words.environment.clone());
        let folder = &self.attempt.folder;
        let launch =
            Launch { argv: &argv, environment: &environment, folder, sandbox: Some(&self.seat.sandbox) };
        let mut running = start(&launch, self.attempt).await.map_err(|error| match error {
            NotStarted::Unrecorded => Stopped::Cancelled,
            error => Stopped::NotStarted(error),
        })?;
        self.attempt.tell(Progress::Asked);
        let mut lines = Lines::default();
        let end = self.follow(&mut running, &mut lines, heard).await;
        let pid = running.process().pid;
        let ended = running.end().await;
        heard.status = ended.status;
        heard.said = [lines.noise(), ended.said]
            .into_iter()
            .filter(|said| !said.is_empty())
            .collect::<Vec<_>>()
            .join(" | ");
        for file in &self.words.files {
            // Nobody reads it again.
            let _ = std::fs::remove_file(file);
        }
        heard.is_flooded = matches!(end, Err(Stopped::Flood(_)));
        if !ended.over {
            return Err(Stopped::Withstands(pid));
        }
        end
    }

    async fn follow(
        &self,
        running: &mut Running,
        lines: &mut Lines,
        heard: &mut Heard,
    ) -> Result<(), Stopped> {
        let (stdin, stdout) = (running.take_stdin(), running.take_stdout());
        let (errors, pid) = (running.errors(), running.process().pid);
        let life = Life::default();
        let feeding = give(stdin, &self.words.input);
        let reading = self.listen(stdout, lines, heard, &life);
        tokio::pin!(feeding, reading);
        let lost = lost(&life, &errors, self.grant, pid, self.patience);
        tokio::pin!(lost);
        let mut is_fed = false;
        loop {
            tokio::select! {
                biased;
                () = self.attempt.cancel.cancelled() => return Err(Stopped::Cancelled),
                end = &mut reading => {
                    end?;
                    // Its own end; it may have something to write down.
                    let _ = tokio::time::timeout(AFTER_END, running.exited()).await;
                    return Ok(());
                }
                () = &mut feeding, if !is_fed => is_fed = true,
                _ = running.exited() => {
                    // Something it started may hold the output open for as long as it likes.
                    return tokio::time::timeout(AFTER_END, &mut reading).await.unwrap_or(Ok(()));
                }
                lost = &mut lost => return Err(Stopped::Lost(lost)),
            }
        }
    }

    /// Reads until the program says that nothing more comes, or its output ends.
    async fn listen(
        &self,
        stdout: Option<ChildStdout>,
        lines: &mut Lines,
        heard: &mut Heard,
        life: &Life,
    ) -> Result<(), Stopped> {
        let Some(mut stdout) = stdout else { return Ok(()) };
        let flood = |Flood(what)| Stopped::Flood(what);
        let mut buffer = vec![0; READ_BYTES];
        let mut bytes = 0;
        while !heard.is_finished {
            match stdout.read(&mut buffer).await {
                Ok(count @ 1..) => {
                    bytes += count as u64;
                    lines.take(&buffer[..count]).map_err(flood)?;
                }
                Ok(0) | Err(_) => {
                    lines.end().map_err(flood)?;
                    return self.hear_all(lines, heard, life).await;
                }
            }
            self.attempt.tell(Progress::Streaming { output_bytes: bytes });
            self.hear_all(lines, heard, life).await?;
        }
        Ok(())
    }

    async fn hear_all(&self, lines: &mut Lines, heard: &mut Heard, life: &Life) -> Result<(), Stopped> {
        while let Some(line) = lines.next() {
            for told in self.speaker.hear(&line) {
                self.note(told, heard, life).await?;
            }
        }
        Ok(())
    }

    async fn note(&self, told: Told, heard: &mut Heard, life: &Life) -> Result<(), Stopped> {
        if !matches!(told, Told::Trouble(_)) {
            life.beat();
        }
        match told {
            Told::Trouble(why) => heard.trouble = Some(why),
            Told::Session(session) if heard.session.as_deref() != Some(session.as_str()) => {
                heard.session = Some(session.clone());
                let backend = self.speaker.about().name.to_owned();
                self.write(TurnRecord::SessionOpened { backend, session }).await?;
            }
            Told::Session(_) | Told::Alive => {}
            Told::Model(model) => heard.model = Some(model),
            Told::Using(tool) => {
                life.tool_started();
                self.attempt.tell(Progress::Using { tool });
            }
            Told::Acted(line) => {
                life.tool_ended();
                self.write(TurnRecord::Acted { line }).await?;
                self.settle(heard).await?;
            }
            Told::Doing(line) => {
                self.write(TurnRecord::Acted { line }).await?;
                self.settle(heard).await?;
            }
            Told::Done => life.tool_ended(),
            Told::Unmet => heard.is_unmet = true,
            Told::Message(text) => heard.message = Some(text),
            Told::Structured(value) => heard.structured = Some(value),
            Told::Used(usage, span) => heard.used = Some((usage, span)),
            Told::Note(note) if heard.notes.contains(&note) => {}
            Told::Note(note) => heard.notes.push(note),
            Told::Failed(why) => heard.failed = Some(why),
            Told::Limited(which) => heard.limited = Some(which),
            Told::Finished => heard.is_finished = true,
        }
        Ok(())
    }

    /// What was spent so far is on disk before the agent goes on.
    async fn settle(&self, heard: &mut Heard) -> Result<(), Stopped> {
        let Some((meter, written)) = self.grant.write_spent(&*self.attempt.signals) else { return Ok(()) };
        heard.settled.add(&meter.usage);
        written.durable().await.map_err(|_| Stopped::Cancelled)
    }

    async fn write(&self, turn: TurnRecord) -> Result<(), Stopped> {
        write(self.attempt, turn).await
    }
}

/// Hands a step to the journal and waits until it is durable.
pub(super) async fn write(attempt: &Attempt, turn: TurnRecord) -> Result<(), Stopped> {
    let (recorded, heard) = oneshot::channel();
    (attempt.signals)(Signal::Turn { turn, recorded });
    heard.await.map_err(|_| Stopped::Cancelled)
}

async fn give(stdin: Option<ChildStdin>, input: &str) {
    if let Some(mut stdin) = stdin {
        // A program need not read its input.
        let _ = stdin.write_all(input.as_bytes()).await;
        let _ = stdin.shutdown().await;
    }
}
