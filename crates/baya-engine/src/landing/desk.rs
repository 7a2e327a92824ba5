//! Where a landing hands in what it records and what it asks: the run that it is a part of.

use super::queue::LandingLog;
use baya_core::errand::{Errand, ErrandEnd};
use baya_core::landing::LandingRecord;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Asks agents for what a landing cannot decide itself. A sender that is dropped means that the run takes
/// nothing any more.
pub trait ErrandDesk: Send + Sync {
    fn ask(&self, errand: Errand) -> oneshot::Receiver<ErrandEnd>;
}

/// Nobody can be asked.
pub struct NoErrands;

impl ErrandDesk for NoErrands {
    fn ask(&self, _errand: Errand) -> oneshot::Receiver<ErrandEnd> {
        let (told, heard) = oneshot::channel();
        let why = "no agent can be asked here".to_owned();
        let _ = told.send(ErrandEnd::Failed { agent: None, why });
        heard
    }
}

/// The inbox of a run, as a landing sees it.
#[derive(Clone)]
pub struct Desk {
    /// Hands a record to the journal; answered once it is durable.
    pub records: Arc<dyn Fn(LandingRecord, oneshot::Sender<()>) + Send + Sync>,
    /// Has the run start an agent; answered when it is over.
    pub errands: Arc<dyn Fn(Errand, oneshot::Sender<ErrandEnd>) + Send + Sync>,
}

impl ErrandDesk for Desk {
    fn ask(&self, errand: Errand) -> oneshot::Receiver<ErrandEnd> {
        let (told, heard) = oneshot::channel();
        (self.errands)(errand, told);
        heard
    }
}

impl LandingLog for Desk {
    fn write<'a>(
        &'a mut self,
        records: Vec<LandingRecord>,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> {
        // All at once, so that they become one commit.
        let hand_in = |record| {
            let (recorded, heard) = oneshot::channel();
            (self.records)(record, recorded);
            heard
        };
        let heard: Vec<oneshot::Receiver<()>> = records.into_iter().map(hand_in).collect();
        Box::pin(async move {
            for heard in heard {
                heard.await.map_err(|_| GONE.to_owned())?;
            }
            Ok(())
        })
    }
}

/// The run was let go of while the landing was at work.
pub(super) const GONE: &str = "the run takes nothing any more";
