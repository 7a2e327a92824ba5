//! Plays a test.

use super::file::{Answers, Test};
use super::judge::{Difference, Found, judge};
use crate::failure::Failure;
use crate::folders::Folders;
use crate::script_args;
use crate::wiring::rehearsals::{Asked, Cast};
use crate::wiring::scripts::Workflows;
use baya_core::event::ScriptRecord;
use baya_core::limits::Limits;
use baya_core::rehearsal::{Case, Mood};
use baya_core::script::Options;
use baya_engine::rehearsal::{Fixtures, Job, Played, Purpose, RehearsalError};
use std::sync::Arc;
use tokio::sync::watch;

/// A test that was played.
pub struct Outcome {
    pub found: Found,
    pub differences: Vec<Difference>,
    pub played: Box<Played>,
}

/// Where tests are played; nothing of the user's settings reaches them.
pub struct Ground<'a> {
    pub folders: &'a Folders,
}

impl Ground<'_> {
    /// One test; a failure is one of the test's files or of the script's text.
    pub async fn play(&self, test: &Test) -> Result<Outcome, Failure> {
        let workflows = Workflows::new(self.folders, Options::default())?;
        let checked = workflows.load_to_run(&test.script)?;
        let cast = Cast::nobody(test.file.model.clone(), self.folders)?;
        let job = self.job(test, &cast, &checked.script)?;
        let seed = match &test.answers {
            Answers::Recorded { cassette, .. } => cassette.seed,
            Answers::Written(_) => job.seed,
        };
        let case = Case { seed, mood: Mood::Plain, ..Case::default() };
        let rehearsals = cast.rehearsals(Arc::new(workflows), self.folders)?;
        let (_stop, enough) = watch::channel(false);
        let played = rehearsals.play(&job, &case, enough).await.map_err(|error| of_play(test, &error))?;
        let found = Found::of(&played);
        let differences = judge(test, &played, &found);
        Ok(Outcome { found, differences, played: Box::new(played) })
    }

    fn job(&self, test: &Test, cast: &Cast, script: &ScriptRecord) -> Result<Job, Failure> {
        let schema = script.meta.get("args");
        let (fixtures, given) = match &test.answers {
            Answers::Recorded { .. } => (Fixtures::default(), None),
            Answers::Written(fixtures) => {
                let given = test.file.args.clone().or_else(|| fixtures.args.clone().map(|given| given.0));
                script_args::check(given.as_ref(), schema, &test.script)?;
                ((**fixtures).clone(), given)
            }
        };
        let purpose = Purpose::Forecast;
        let asked = Asked { args: given, purpose, runs: 1, seed: 1, limits: Limits::default(), fixtures };
        let mut job = cast.job(script, asked, self.folders);
        // What happened on this machine before has no say in what a test comes to.
        job.history = Default::default();
        if let Answers::Recorded { cassette, .. } = &test.answers {
            let folder = job.surroundings.folder.clone();
            job.surroundings = baya_core::event::Surroundings { folder, ..cassette.surroundings.clone() };
            job.cassette = Some(cassette.clone());
        }
        Ok(job)
    }
}

fn of_play(test: &Test, error: &RehearsalError) -> Failure {
    Failure::outside(format!("`{}` cannot be played", test.path.display()), error)
}
