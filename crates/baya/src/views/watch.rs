//! Follows a run that this process drives, and shows it as it goes.

use super::frame::{self, Canvas};
use super::palette::Palette;
use super::screen::{self, Screen};
use super::{json, lines};
use crate::output;
use baya_core::agent::Progress;
use baya_core::view::RunView;
use baya_engine::driver::{ViewUpdate, now_ms};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How a run is shown while it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watching {
    /// Drawn over and over on the terminal.
    Live,
    /// Line by line on stderr.
    Lines,
    /// One JSON line per event on stdout.
    Json,
    Nothing,
}

/// A picture at most this often.
const REDRAW_EVERY: Duration = Duration::from_millis(100);
/// A picture at least this often: the clock in it goes on.
const REDRAW_IDLE: Duration = Duration::from_secs(1);

/// Shows the updates until the driver has no more; what was seen in all is returned.
pub async fn watch(
    mut view: RunView,
    mut updates: UnboundedReceiver<ViewUpdate>,
    watching: Watching,
) -> RunView {
    let mut live = (watching == Watching::Live).then(Live::new);
    let mut told = lines::Told::default();
    let mut ticks = interval(REDRAW_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut arrived = Vec::new();
    loop {
        tokio::select! {
            count = updates.recv_many(&mut arrived, 1_024) => {
                if count == 0 {
                    break;
                }
                for update in arrived.drain(..) {
                    see(&mut view, &mut told, &update, watching);
                }
                live.iter_mut().for_each(|live| live.is_stale = true);
            }
            _ = ticks.tick(), if live.is_some() => live.iter_mut().for_each(|live| live.redraw(&view)),
        }
    }
    live.iter_mut().for_each(Live::erase);
    view
}

fn see(view: &mut RunView, told: &mut lines::Told, update: &ViewUpdate, watching: Watching) {
    match update {
        ViewUpdate::Progress { agent, attempt, progress: Progress::Changed { changes } } => {
            view.note_progress(*agent, *attempt, Progress::Changed { changes: *changes });
            if watching == Watching::Json {
                output::data(&json::changed(*agent, *attempt, changes));
            }
        }
        ViewUpdate::Progress { agent, attempt, progress } => {
            let before = view.agents.get(agent).and_then(|agent| agent.progress.clone());
            view.note_progress(*agent, *attempt, progress.clone());
            match watching {
                Watching::Lines => {
                    told.of_progress(*agent, progress, view).iter().for_each(|line| output::talk(line));
                }
                Watching::Json => {
                    let line = json::waits_changed(*agent, *attempt, before.as_ref(), progress);
                    line.iter().for_each(|line| output::data(line));
                }
                Watching::Live | Watching::Nothing => {}
            }
        }
        ViewUpdate::Event(recorded) => {
            view.apply(recorded);
            match watching {
                Watching::Lines => {
                    lines::of_event(&recorded.event, view).iter().for_each(|line| output::talk(line))
                }
                Watching::Json => json::line(recorded, view).iter().for_each(|line| output::data(line)),
                Watching::Live => {
                    if frame::rings(&recorded.event) {
                        screen::ring();
                    }
                }
                Watching::Nothing => {}
            }
        }
    }
}

struct Live {
    screen: Screen,
    palette: Palette,
    drawn: Instant,
    is_stale: bool,
}

impl Live {
    fn new() -> Live {
        Live {
            screen: Screen::default(),
            palette: Palette::of_stderr(),
            drawn: Instant::now(),
            is_stale: true,
        }
    }

    fn redraw(&mut self, view: &RunView) {
        if !self.is_stale && self.drawn.elapsed() < REDRAW_IDLE {
            return;
        }
        let (columns, rows) = screen::size();
        let canvas = Canvas {
            // The last column stays free: some terminals break the line there.
            columns: columns.saturating_sub(1),
            rows: rows.saturating_sub(1),
            now_ms: now_ms(),
            palette: self.palette,
        };
        self.screen.show(&frame::draw(view, canvas), columns);
        (self.drawn, self.is_stale) = (Instant::now(), false);
    }

    fn erase(&mut self) {
        self.screen.erase(screen::size().0);
    }
}
