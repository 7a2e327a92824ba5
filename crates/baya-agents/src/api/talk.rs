//! A conversation that grows, and how it is made shorter when the model's context fills: first old
//! results of tools are cut out, then notes of the model's own take the place of what was said.

use super::tape::Shortened;
use super::wire::{Message, Partial, Replay, ToolAnswer};
use baya_core::agent::{Usage, UsageSource};

/// Results that stay when older ones are cut out.
pub(super) const RESULTS_KEPT: usize = 3;
/// How full a context may be before something is done, in hundredths.
const FULL_PERCENT: u64 = 80;
/// Shorter results are not worth cutting out.
const FOLDED_BYTES_MIN: usize = 200;
/// Bytes a token, about.
const TOKEN_BYTES: u64 = 4;

/// What asks the model for its notes.
pub(super) const NOTES: &str = "Your context is nearly full. Write down all that you need to go on without what was \
said so far: the task, what you found out (with files and lines), what you changed, what is left to do. Only the \
notes, no tool.";

const GO_ON: &str =
    "Your context was full: your notes stand for all that was said before. Go on with the task.";

pub(super) struct Talk {
    pub messages: Vec<Message>,
    /// Tokens of the context as the provider last counted them, and an estimate of what came since.
    tokens: u64,
}

impl Talk {
    pub fn new(prompt: &str, system_bytes: usize) -> Talk {
        let bytes = (prompt.len() + system_bytes) as u64;
        Talk { messages: vec![Message::User(prompt.to_owned())], tokens: bytes / TOKEN_BYTES }
    }

    pub fn push(&mut self, message: Message) {
        if let Message::ToolAnswers(answers) = &message {
            let bytes: usize = answers.iter().map(|answer| answer.text.len()).sum();
            self.tokens += bytes as u64 / TOKEN_BYTES;
        }
        self.messages.push(message);
    }

    /// The model answered, and its provider may have counted all that was said so far.
    pub fn counted(&mut self, usage: Option<&Usage>, answer: &Partial) {
        match usage.filter(|usage| usage.source == UsageSource::Reported) {
            Some(usage) => self.tokens = usage.total(),
            None => self.tokens += answer.written().len() as u64 / TOKEN_BYTES,
        }
    }

    pub fn is_full(&self, window: Option<u64>) -> bool {
        window.is_some_and(|window| self.tokens > window / 100 * FULL_PERCENT)
    }

    pub fn apply(&mut self, shortened: Shortened) {
        match shortened {
            Shortened::Folded { kept } => {
                self.fold(kept);
            }
            Shortened::Summarised { notes } => self.summarise(notes),
        }
    }

    /// Whether cutting out all results but the last so many would help.
    pub fn can_fold(&self, kept: usize) -> bool {
        let answers: Vec<&ToolAnswer> = self.messages.iter().flat_map(answers_of).collect();
        let old = answers.len().saturating_sub(kept);
        answers[..old].iter().any(|answer| is_worth_folding(answer))
    }

    pub fn fold(&mut self, kept: usize) {
        let mut answers: Vec<&mut ToolAnswer> = self.messages.iter_mut().flat_map(answers_of_mut).collect();
        let old = answers.len().saturating_sub(kept);
        let mut saved = 0;
        for answer in answers[..old].iter_mut().filter(|answer| is_worth_folding(answer)) {
            let bytes = answer.text.len();
            answer.text = format!("[{FOLDED} {bytes} bytes; call the tool again if you need them]");
            saved += (bytes - answer.text.len()) as u64;
        }
        self.tokens = self.tokens.saturating_sub(saved / TOKEN_BYTES);
    }

    /// Whether there is anything to put notes in the place of.
    pub fn can_summarise(&self) -> bool {
        self.messages.len() > 3
    }

    pub fn summarise(&mut self, notes: String) {
        self.messages.truncate(1);
        let prompt = self.messages.iter().map(|message| match message {
            Message::User(text) => text.len(),
            Message::Model(_) | Message::ToolAnswers(_) => 0,
        });
        self.tokens = (prompt.sum::<usize>() + notes.len()) as u64 / TOKEN_BYTES;
        self.messages.push(Message::Model(Replay::of_text(notes)));
        self.messages.push(Message::User(GO_ON.to_owned()));
    }
}

const FOLDED: &str = "cut out:";

fn is_worth_folding(answer: &ToolAnswer) -> bool {
    answer.text.len() >= FOLDED_BYTES_MIN
}

fn answers_of(message: &Message) -> &[ToolAnswer] {
    match message {
        Message::ToolAnswers(answers) => answers,
        Message::User(_) | Message::Model(_) => &[],
    }
}

fn answers_of_mut(message: &mut Message) -> &mut [ToolAnswer] {
    match message {
        Message::ToolAnswers(answers) => answers,
        Message::User(_) | Message::Model(_) => &mut [],
    }
}
