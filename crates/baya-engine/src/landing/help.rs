//! What agents do for a landing: they judge pieces before they land, and make one go with what has landed.
//! What they leave is looked at before it is taken.

use super::desk::GONE;
use super::merge::{Clash, Merged};
use super::queue::{Landing, LandingError, Link, Work};
use crate::git::{Call, GitError};
use baya_core::errand::{Errand, ErrandAsk, ErrandEnd, Sides};
use baya_core::ids::AgentNumber;
use baya_core::landing::{Fate, Piece};
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::oneshot;

/// How lines begin that git marks a conflict with.
const MARKS: [&[u8]; 4] = [b"<<<<<<< ", b"||||||| ", b"=======", b">>>>>>> "];

impl Work<'_> {
    /// All pieces are judged at once; those that hold go on.
    pub(super) async fn reviewed(
        &mut self,
        pieces: VecDeque<Piece>,
    ) -> Result<VecDeque<Piece>, LandingError> {
        if self.options.review.is_none() {
            return Ok(pieces);
        }
        let mut asked = Vec::new();
        for piece in pieces {
            // A landing that goes on does not ask again for what it has decided.
            let known = self.decided_before.get(&piece.agent).cloned();
            let known = known.filter(|fate| matches!(fate, Fate::Rejected { .. } | Fate::Skipped { .. }));
            let waits = match known {
                Some(fate) => Review::Decided(fate),
                None => Review::Asked(self.ask_reviewer(&piece).await?),
            };
            asked.push((piece, waits));
        }
        let mut held = VecDeque::new();
        for (piece, waits) in asked {
            let fate = match waits {
                Review::Decided(fate) => Some(fate),
                Review::Asked(waits) => verdict(waits.await.map_err(|_| LandingError::Log(GONE.to_owned()))?),
            };
            match fate {
                Some(fate) => self.decide(&piece, fate).await?,
                None => held.push_back(piece),
            }
        }
        Ok(held)
    }

    async fn ask_reviewer(&self, piece: &Piece) -> Result<oneshot::Receiver<ErrandEnd>, LandingError> {
        let words = ["diff-tree", "-p", "--no-ext-diff", "--no-textconv", &piece.base, &piece.head];
        let patch = String::from_utf8_lossy(&self.call(words).output().await?.stdout).into_owned();
        Ok(self.ask(piece, ErrandAsk::Review { patch }))
    }

    fn ask(&self, piece: &Piece, ask: ErrandAsk) -> oneshot::Receiver<ErrandEnd> {
        let errand = Errand { piece: piece.clone(), ask, options: self.options.clone() };
        self.landing.errands.ask(errand)
    }

    /// Has an agent make a piece go with the tip; what it made, or `None` if that decided the piece's fate.
    pub(super) async fn resolve(&mut self, piece: &Piece) -> Result<Option<Link>, LandingError> {
        let tip = self.tip.clone();
        let clash = match self.merger.merge(&tip, piece).await? {
            Merged::Clean(commit) => return Ok(Some((piece.clone(), commit))),
            Merged::Nothing => {
                let why = "everything in it is there already".to_owned();
                self.decide(piece, Fate::Skipped { why }).await?;
                return Ok(None);
            }
            Merged::Conflict(clash) => clash,
        };
        if let Some(known @ Fate::Conflict { why: Some(_), .. }) =
            self.decided_before.get(&piece.agent).cloned()
        {
            self.decide(piece, known).await?;
            return Ok(None);
        }
        match self.made_of(piece, &tip, &clash).await? {
            Ok((commit, by)) => {
                self.resolved.insert(piece.agent, (by, clash.files));
                Ok(Some((piece.clone(), commit)))
            }
            Err(why) => {
                self.decide(piece, Fate::Conflict { files: clash.files, why: Some(why) }).await?;
                Ok(None)
            }
        }
    }

    /// The commit an agent made of both sides, and which agent; or why it cannot be taken.
    async fn made_of(
        &mut self,
        piece: &Piece,
        tip: &str,
        clash: &Clash,
    ) -> Result<Result<(String, AgentNumber), String>, LandingError> {
        let marked = self.merger.clashed(tip, piece, clash).await?;
        let landed = self.fates.iter().filter(|(_, fate)| matches!(fate, Fate::Landed { .. }));
        let sides = Sides {
            tip: tip.to_owned(),
            marked: marked.clone(),
            files: clash.files.clone(),
            said: clash.said.clone(),
            landed: landed.map(|(agent, _)| *agent).collect(),
        };
        let end = self.ask(piece, ErrandAsk::Resolve(Box::new(sides))).await;
        let (by, head) = match end.map_err(|_| LandingError::Log(GONE.to_owned()))? {
            ErrandEnd::Answered { agent, head: Some(head), answer: _ } if head != marked => (agent, head),
            ErrandEnd::Answered { agent, .. } => {
                return Ok(Err(format!("{agent}, who was to merge it, changed nothing")));
            }
            ErrandEnd::Failed { agent: Some(agent), why } => {
                return Ok(Err(format!("{agent}, who was to merge it, failed: {why}")));
            }
            ErrandEnd::Failed { agent: None, why } => {
                return Ok(Err(format!("nobody could merge it: {why}")));
            }
        };
        if let Some(why) = self.landing.left_open(tip, &piece.head, &head, &clash.files).await? {
            return Ok(Err(format!("{by}, who was to merge it, {why}")));
        }
        match self.merger.resolved(tip, piece, &head, by).await? {
            Merged::Clean(commit) => Ok(Ok((commit, by))),
            Merged::Nothing | Merged::Conflict(_) => {
                Ok(Err(format!("{by}, who was to merge it, left nothing of it")))
            }
        }
    }

    fn call<const N: usize>(&self, words: [&str; N]) -> Call {
        self.landing.repository.git.call(&self.landing.repository.root, words)
    }
}

enum Review {
    Asked(oneshot::Receiver<ErrandEnd>),
    Decided(Fate),
}

/// What a review makes of a piece; `None`: it may land.
fn verdict(end: ErrandEnd) -> Option<Fate> {
    match end {
        ErrandEnd::Answered { agent, answer, .. } => {
            let reason = answer["reason"].as_str().unwrap_or_default().trim().to_owned();
            (answer["holds"] != true).then_some(Fate::Rejected { by: agent, why: reason })
        }
        ErrandEnd::Failed { agent: Some(agent), why } => {
            Some(Fate::Skipped { why: format!("its reviewer {agent} gave no verdict: {why}") })
        }
        ErrandEnd::Failed { agent: None, why } => {
            Some(Fate::Skipped { why: format!("nobody could review it: {why}") })
        }
    }
}

impl Landing<'_> {
    /// What an agent left open of a conflict in these files, if anything.
    async fn left_open(
        &self,
        ours: &str,
        theirs: &str,
        made: &str,
        files: &[String],
    ) -> Result<Option<String>, GitError> {
        if let Some(file) = self.with_marks_of(ours, theirs, made).await? {
            return Ok(Some(format!("left conflict marks in {file}")));
        }
        for file in files {
            let (our, their) = (self.blob(ours, file).await?, self.blob(theirs, file).await?);
            match (self.blob(made, file).await?, our, their) {
                (None, Some(_), Some(_)) => {
                    return Ok(Some(format!("removed {file}, which both sides have")));
                }
                (None, ..) => {}
                (Some(made), our, their) => {
                    let sides = [our.unwrap_or_default(), their.unwrap_or_default()];
                    if has_more_marks(&made, &sides) {
                        return Ok(Some(format!("left conflict marks in {file}")));
                    }
                }
            }
        }
        Ok(None)
    }

    /// A file with a mark of this very merge, wherever it was moved to.
    async fn with_marks_of(&self, ours: &str, theirs: &str, made: &str) -> Result<Option<String>, GitError> {
        let (begin, end) = (format!("<<<<<<< {ours}"), format!(">>>>>>> {theirs}"));
        let words = ["grep", "-l", "-z", "-a", "-F", "-e", &begin, "-e", &end, made];
        let output = self.repository.git.call(&self.repository.root, words).answers(1).output().await?;
        let first = output.stdout.split(|byte| *byte == 0).next().filter(|name| !name.is_empty());
        Ok(first.map(|name| {
            let name = String::from_utf8_lossy(name);
            name.split_once(':').map_or(name.as_ref(), |(_, name)| name).to_owned()
        }))
    }

    /// A file of a commit; `None`: it has none of this name.
    async fn blob(&self, commit: &str, file: &str) -> Result<Option<Vec<u8>>, GitError> {
        let words = ["cat-file", "blob", &format!("{commit}:{file}")];
        let output = self.repository.git.call(&self.repository.root, words).answers(128).output().await?;
        Ok((output.status == 0).then_some(output.stdout))
    }
}

/// Whether a text has more lines of any kind of mark than its sides together: text may be about git.
fn has_more_marks(made: &[u8], sides: &[Vec<u8>]) -> bool {
    let made = marks(made);
    let sides = sides.iter().map(|side| marks(side)).fold(BTreeMap::new(), |mut all, side| {
        side.into_iter().for_each(|(mark, count)| *all.entry(mark).or_insert(0) += count);
        all
    });
    made.iter().any(|(mark, count)| *count > sides.get(mark).copied().unwrap_or(0))
}

fn marks(text: &[u8]) -> BTreeMap<&'static [u8], usize> {
    let mut counts = BTreeMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_mark = |mark: &&&[u8]| match mark.last() {
            Some(b' ') => line.starts_with(mark),
            Some(_) | None => line == **mark,
        };
        if let Some(mark) = MARKS.iter().find(is_mark) {
            *counts.entry(*mark).or_insert(0) += 1;
        }
    }
    counts
}
