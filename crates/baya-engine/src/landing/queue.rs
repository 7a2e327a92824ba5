//! The queue itself: which pieces land, and what becomes of the others.

use super::check::{CheckRoom, CheckRunner, make_private};
use super::desk::ErrandDesk;
use super::merge::{Merged, Merger};
use super::past::{Begun, CheckOf, checks_of, decided_in, fates_of, open_landing};
use crate::git::{GitError, Locks, Repository};
use baya_core::ids::{AgentNumber, RunId};
use baya_core::landing::{Fate, LandingOptions, LandingRecord, OnConflict, Piece};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

/// The branch that a run's work lands on.
pub fn branch_of(run: &RunId) -> String {
    format!("refs/heads/baya/{run}")
}

/// Where records of landings are kept. What is written is durable before it is gone on; what is written
/// together is one commit.
pub trait LandingLog: Send + Sync {
    fn write<'a>(
        &'a mut self,
        records: Vec<LandingRecord>,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;
}

/// What a landing works with.
pub struct Landing<'a> {
    pub repository: &'a Repository,
    pub locks: &'a Locks,
    pub state: &'a Path,
    /// Where the outputs of checks stay.
    pub logs: &'a Path,
    pub run: &'a RunId,
    pub runner: &'a dyn CheckRunner,
    /// Who judges pieces and makes them go together.
    pub errands: &'a dyn ErrandDesk,
}

/// How a landing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    pub branch: String,
    /// Where the branch is now.
    pub tip: String,
    /// In the order of the pieces.
    pub fates: Vec<(AgentNumber, Fate)>,
    /// Checks that were run, not remembered ones.
    pub checks: u32,
    /// Why it ended before its last piece.
    pub stopped: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LandingError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the landing cannot be recorded: {0}")]
    Log(String),
    #[error("the branch `{branch}` was moved by somebody else while it was landed on")]
    Moved { branch: String },
}

/// A piece in the chain, and the commit that has it and all before it.
pub(super) type Link = (Piece, String);

impl Landing<'_> {
    /// Lands pieces; `past` is what earlier landings of the run have recorded.
    pub async fn land(
        &self,
        pieces: Vec<Piece>,
        options: LandingOptions,
        start: &str,
        now_s: i64,
        past: &[LandingRecord],
        log: &mut dyn LandingLog,
    ) -> Result<Landed, LandingError> {
        let branch = branch_of(self.run);
        let begun = self.begun(&branch, pieces, options, start, now_s, past, log).await?;
        make_private(self.logs)?;
        let merger = Merger::new(self.repository, self.run, begun.options.style, begun.date_s, self.logs);
        let mut work = Work {
            landing: self,
            merger,
            room: CheckRoom::new(self.repository, self.state, self.run, self.logs),
            branch,
            checked: checks_of(past),
            fates: fates_of(past, begun.number),
            decided_before: decided_in(past, begun.number),
            resolved: BTreeMap::new(),
            tip: begun.tip,
            options: begun.options,
            checks: 0,
            tip_is_good: false,
            stopped: None,
            log,
        };
        work.advance_if_behind().await?;
        work.run_queue(&begun.pieces).await?;
        let ended = LandingRecord::Ended { landing: begun.number, stopped: work.stopped.clone() };
        work.write(ended).await?;
        work.room.close().await?;
        let fates = &work.fates;
        let fates =
            begun.pieces.iter().filter_map(|piece| Some((piece.agent, fates.get(&piece.agent)?.clone())));
        let fates = fates.collect();
        Ok(Landed { branch: work.branch, tip: work.tip, fates, checks: work.checks, stopped: work.stopped })
    }

    /// The landing that was begun and not ended, if it has the same pieces; else a new one.
    #[expect(clippy::too_many_arguments, reason = "what a beginning consists of")]
    async fn begun(
        &self,
        branch: &str,
        pieces: Vec<Piece>,
        options: LandingOptions,
        start: &str,
        now_s: i64,
        past: &[LandingRecord],
        log: &mut dyn LandingLog,
    ) -> Result<Begun, LandingError> {
        let at = self.repository.commit(branch).await?;
        if let Some(open) = open_landing(past)
            && open.pieces == pieces
            && open.options == options
            && at.as_ref().is_none_or(|at| open.reached(past).contains(&at))
        {
            return Ok(open);
        }
        let tip = at.unwrap_or_else(|| start.to_owned());
        let number = past.iter().filter(|record| matches!(record, LandingRecord::Begun { .. })).count();
        let number = u32::try_from(number).unwrap_or(u32::MAX).saturating_add(1);
        let begun = Begun { number, tip, pieces, options, date_s: now_s };
        log.write(vec![begun.record(branch)]).await.map_err(LandingError::Log)?;
        Ok(begun)
    }
}

pub(super) struct Work<'a> {
    pub(super) landing: &'a Landing<'a>,
    pub(super) merger: Merger<'a>,
    room: CheckRoom<'a>,
    branch: String,
    pub(super) options: LandingOptions,
    /// The last commit whose pieces have landed.
    pub(super) tip: String,
    /// The tip has passed the check, or needs none.
    tip_is_good: bool,
    checked: BTreeMap<String, CheckOf>,
    pub(super) fates: BTreeMap<AgentNumber, Fate>,
    /// By this landing, before it was killed.
    pub(super) decided_before: BTreeMap<AgentNumber, Fate>,
    /// Which agent made a piece go with the tip, and where they did not.
    pub(super) resolved: BTreeMap<AgentNumber, (AgentNumber, Vec<String>)>,
    checks: u32,
    stopped: Option<String>,
    log: &'a mut dyn LandingLog,
}

impl Work<'_> {
    /// The branch exists from the first landing on, where it begins.
    async fn advance_if_behind(&mut self) -> Result<(), LandingError> {
        if self.landing.repository.commit(&self.branch).await?.is_none() {
            self.landing.repository.set_ref(&self.branch, &self.tip).await?;
        }
        Ok(())
    }

    async fn run_queue(&mut self, pieces: &[Piece]) -> Result<(), LandingError> {
        let mut queue: VecDeque<Piece> = VecDeque::new();
        for piece in pieces {
            match self.fates.get(&piece.agent) {
                Some(Fate::Landed { commit, .. }) if self.contains(commit).await? => {}
                Some(_) | None => queue.push_back(piece.clone()),
            }
        }
        let mut queue = self.reviewed(queue).await?;
        // Conflicts that an agent is to resolve, each on top of all that landed before.
        let mut clashing = VecDeque::new();
        let mut is_ready = self.options.check.is_none();
        while !queue.is_empty() && self.stopped.is_none() {
            let batch = match is_ready {
                true => self.chain(&mut queue, &mut clashing).await?,
                false => self.chain_beside_checkout(&mut queue, &mut clashing).await?,
            };
            is_ready = true;
            if batch.is_empty() {
                continue;
            }
            for piece in self.settle(batch).await?.into_iter().rev() {
                queue.push_front(piece);
            }
        }
        while self.stopped.is_none()
            && let Some(piece) = clashing.pop_front()
        {
            if let Some(link) = self.resolve(&piece).await? {
                queue.extend(self.settle(vec![link]).await?);
            }
        }
        queue.extend(clashing);
        let why = self.stopped.clone().unwrap_or_default();
        let skipped = queue.into_iter().map(|piece| (piece.agent, Fate::Skipped { why: why.clone() }));
        self.decide_all(skipped.collect()).await
    }

    /// Whether what has landed is still on the branch.
    async fn contains(&self, commit: &str) -> Result<bool, LandingError> {
        let repository = self.landing.repository;
        let words = ["merge-base", "--is-ancestor", commit, &self.tip];
        let output = repository.git.call(&repository.root, words).answers(1).answers(128).output().await?;
        Ok(output.status == 0)
    }

    /// The first chain is merged while the folder of its check is being filled.
    async fn chain_beside_checkout(
        &mut self,
        queue: &mut VecDeque<Piece>,
        clashing: &mut VecDeque<Piece>,
    ) -> Result<Vec<Link>, LandingError> {
        let (room, tip) = (self.room.clone(), self.tip.clone());
        let (ready, chain) = tokio::join!(room.prepare(&tip), self.chain(queue, clashing));
        ready?;
        chain
    }

    /// The next pieces, one on top of the other. One that does not go with those before it waits for its
    /// turn right after them; one that does not go with what has landed is a conflict.
    async fn chain(
        &mut self,
        queue: &mut VecDeque<Piece>,
        clashing: &mut VecDeque<Piece>,
    ) -> Result<Vec<Link>, LandingError> {
        let (mut chain, mut later) = (Vec::<Link>::new(), Vec::new());
        while chain.len() < self.chain_length_max() {
            let Some(piece) = queue.pop_front() else { break };
            let on = chain.last().map_or(&self.tip, |(_, commit)| commit).clone();
            match self.merger.merge(&on, &piece).await? {
                Merged::Clean(commit) => chain.push((piece, commit)),
                Merged::Nothing if chain.is_empty() => {
                    let why = "everything in it is there already".to_owned();
                    self.decide(&piece, Fate::Skipped { why }).await?;
                }
                Merged::Nothing => later.push(piece),
                Merged::Conflict(_) if chain.is_empty() && self.options.on_conflict == OnConflict::Agent => {
                    clashing.push_back(piece);
                }
                Merged::Conflict(clash) if chain.is_empty() => {
                    let files = clash.files;
                    self.decide(&piece, Fate::Conflict { files: files.clone(), why: None }).await?;
                    if self.options.on_conflict == OnConflict::Stop {
                        self.stopped =
                            Some(format!("{} is in conflict in {}", piece.agent, files.join(", ")));
                        break;
                    }
                }
                // It has to be known what becomes of it before anything after it is landed.
                Merged::Conflict(_) if self.options.on_conflict == OnConflict::Stop => {
                    later.push(piece);
                    break;
                }
                Merged::Conflict(_) => later.push(piece),
            }
        }
        for piece in later.into_iter().rev() {
            queue.push_front(piece);
        }
        Ok(chain)
    }

    /// A tip that no check has passed is one more that may be the culprit: it takes a piece's place, so that
    /// the checks that name one of 64 name it, too.
    fn chain_length_max(&self) -> usize {
        let places = self.options.batch as usize;
        let checks_tip = self.options.check.is_some() && !self.tip_is_good;
        places.saturating_sub(usize::from(checks_tip)).max(1)
    }

    /// Lands what passes; gives back what has to be merged anew.
    async fn settle(&mut self, chain: Vec<Link>) -> Result<Vec<Piece>, LandingError> {
        let end = chain.len();
        if self.passes(&chain[end - 1].1.clone()).await? {
            self.advance(&chain).await?;
            return Ok(Vec::new());
        }
        let (mut good, mut bad) = (0, end);
        while bad - good > 1 {
            let middle = (good + bad) / 2;
            if self.passes(&chain[middle - 1].1.clone()).await? {
                good = middle;
            } else {
                bad = middle;
            }
        }
        if good == 0 && !self.tip_is_good && !self.passes(&self.tip.clone()).await? {
            self.stopped = Some("the check fails before anything is landed".to_owned());
            return Ok(chain.into_iter().map(|(piece, _)| piece).collect());
        }
        self.tip_is_good = true;
        self.advance(&chain[..good]).await?;
        let (culprit, commit) = &chain[bad - 1];
        let known = self.checked.get(commit);
        let (said, log) = known.map(|known| (known.said.clone(), known.log.clone())).unwrap_or_default();
        let fate = match self.resolved.remove(&culprit.agent) {
            None => Fate::CheckFailed { said, log },
            Some((by, files)) => {
                let failed = Fate::CheckFailed { said, log }.words();
                Fate::Conflict { files, why: Some(format!("what {by} made of it: {failed}")) }
            }
        };
        self.decide(culprit, fate).await?;
        Ok(chain.into_iter().skip(bad).map(|(piece, _)| piece).collect())
    }

    async fn passes(&mut self, commit: &str) -> Result<bool, LandingError> {
        let Some(line) = self.options.check.clone() else { return Ok(true) };
        if let Some(known) = self.checked.get(commit).filter(|known| known.line.as_ref() == Some(&line)) {
            return Ok(known.passed);
        }
        let limit = Duration::from_millis(self.options.check_timeout_ms);
        let checked = self.room.check(self.landing.runner, &line, commit, limit).await?;
        self.checks += 1;
        let log = Some(checked.log.display().to_string());
        let (passed, said) = (checked.passed, checked.said);
        let record = LandingRecord::Checked {
            commit: commit.to_owned(),
            passed,
            said: said.clone(),
            log: log.clone(),
            duration_ms: checked.duration_ms,
        };
        self.write(record).await?;
        self.checked.insert(commit.to_owned(), CheckOf { line: Some(line), passed, said, log });
        Ok(passed)
    }

    /// Moves the branch over a chain that is good; says so first, so that a crash repeats it.
    async fn advance(&mut self, chain: &[Link]) -> Result<(), LandingError> {
        let Some((_, to)) = chain.last().cloned() else { return Ok(()) };
        self.write(LandingRecord::Advanced { to: to.clone() }).await?;
        self.move_branch(&to).await?;
        self.tip = to;
        self.tip_is_good = true;
        let landed = chain.iter().map(|(piece, commit)| {
            let resolved_by = self.resolved.get(&piece.agent).map(|(by, _)| *by);
            (piece.agent, Fate::Landed { commit: commit.clone(), resolved_by })
        });
        let landed = landed.collect();
        self.decide_all(landed).await
    }

    async fn move_branch(&self, to: &str) -> Result<(), LandingError> {
        let repository = self.landing.repository;
        let _turn = self.landing.locks.take(&repository.common).await?;
        let at = repository.commit(&self.branch).await?;
        // A landing that was killed had come further than it goes through again.
        if let Some(at) = at.as_deref().filter(|at| *at != self.tip) {
            let words = ["merge-base", "--is-ancestor", to, at];
            let call = repository.git.call(&repository.root, words).answers(1);
            if call.output().await?.status == 0 {
                return Ok(());
            }
            return Err(LandingError::Moved { branch: self.branch.clone() });
        }
        // Of none: it must not be there.
        let expected = at.unwrap_or_default();
        let words = ["update-ref", "--no-deref", &self.branch, to, &expected];
        let moved = repository.git.call(&repository.root, words).done().await;
        moved.map_err(|error| match error {
            GitError::Failed { .. } => LandingError::Moved { branch: self.branch.clone() },
            other => LandingError::Git(other),
        })
    }

    pub(super) async fn decide(&mut self, piece: &Piece, fate: Fate) -> Result<(), LandingError> {
        self.decide_all(vec![(piece.agent, fate)]).await
    }

    async fn decide_all(&mut self, fates: Vec<(AgentNumber, Fate)>) -> Result<(), LandingError> {
        self.fates.extend(fates.iter().cloned());
        let decided = fates.into_iter().map(|(agent, fate)| LandingRecord::Decided { agent, fate });
        let decided: Vec<LandingRecord> = decided.collect();
        if decided.is_empty() {
            return Ok(());
        }
        self.log.write(decided).await.map_err(LandingError::Log)
    }

    async fn write(&mut self, record: LandingRecord) -> Result<(), LandingError> {
        self.log.write(vec![record]).await.map_err(LandingError::Log)
    }
}
