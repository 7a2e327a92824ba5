//! `baya answer RUN [ID allow|deny|always]`: what a person says to an agent that asks.

use super::drive::of_journal;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::near;
use crate::output;
use crate::views::sanitise;
use baya_core::approval::Verdict;
use baya_core::ids::{ApprovalId, RunId};
use baya_core::op::Op;
use baya_core::view::RunView;
use baya_engine::runs::{OpLeft, RunStore};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, its beginning, or `last`
    pub run: String,
    /// Which question; without it, those that wait are listed
    #[arg(value_name = "ID", requires = "answer")]
    pub id: Option<String>,
    /// `always` allows what the question covers to every agent of the run
    #[arg(value_name = "ANSWER", value_enum)]
    pub answer: Option<Said>,
    /// One JSON line per question
    #[arg(long, conflicts_with = "id")]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Said {
    Allow,
    Deny,
    Always,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let store = RunStore::new(&Folders::find()?.state);
    let run = store.find(&args.run).map_err(|error| of_journal(&error))?;
    let reader = store.read(&run).map_err(|error| of_journal(&error))?;
    let view = RunView::of(&reader.prefix().events);
    let driven = store.summary(&run).map_err(|error| of_journal(&error))?.driver.is_some();
    match (&args.id, args.answer) {
        (Some(id), Some(said)) => answer(&store, &run, &view, driven, id, said),
        _ => {
            list(&view, driven, args.json);
            Ok(Exit::Done)
        }
    }
}

fn answer(
    store: &RunStore,
    run: &RunId,
    view: &RunView,
    driven: bool,
    wanted: &str,
    said: Said,
) -> Result<Exit, Failure> {
    let number = wanted.trim_start_matches(['q', '#']).parse();
    let id = number.map(ApprovalId).map_err(|_| {
        Failure::usage(format!("`{wanted}` is no question; questions are called `q1`, `q2`"))
            .hint(format!("baya answer {run}   lists those that wait"))
    })?;
    if !driven {
        return Err(nobody_asks(run));
    }
    let Some(question) = view.questions.get(&id) else { return Err(not_open(run, view, id)) };
    let verdict = match said {
        Said::Allow => Verdict::Allow,
        Said::Deny => Verdict::Deny,
        Said::Always => Verdict::Always,
    };
    let op = Op::Answer { id, answer: verdict, by: "baya answer".to_owned() };
    match store.leave_op(run, &op).map_err(|error| of_journal(&error))? {
        OpLeft::NobodyDrives => Err(nobody_asks(run)),
        OpLeft::ToDriver => {
            let action = sanitise::line(&question.request.action);
            output::talk(&format!("{id}: {} to {}: {action}", verdict.name(), question.agent));
            Ok(Exit::Done)
        }
    }
}

fn nobody_asks(run: &RunId) -> Failure {
    Failure::usage(format!("{run} is not running: nobody waits for an answer"))
        .hint(format!("baya resume {run}   goes on with it; what has no answer is asked again"))
}

fn not_open(run: &RunId, view: &RunView, id: ApprovalId) -> Failure {
    let open: Vec<String> = view.questions.keys().map(ToString::to_string).collect();
    let failure =
        Failure::usage(format!("no question `{id}` waits in {run}: it was answered, or never asked"));
    match open.is_empty() {
        true => failure.hint("no question waits there now"),
        false => failure.hint(format!("there waits {}", near::listed(open.iter().map(String::as_str), 20))),
    }
}

fn list(view: &RunView, driven: bool, as_json: bool) {
    let questions = view.questions.iter().filter(|_| driven);
    let mut count = 0;
    for (id, question) in questions {
        count += 1;
        let request = &question.request;
        if as_json {
            let value = json!({"type": "question", "id": id.to_string(), "agent": question.agent,
                "asked_ms": question.asked_ms, "request": request, "answer_with": view.answer_command(*id)});
            output::data(&sanitise::json(&value.to_string()));
            continue;
        }
        let label = view.agents.get(&question.agent).map_or("", |agent| agent.label.as_str());
        let line =
            format!("{id}  {} {label} asks for `{}`: {}", question.agent, request.tool, request.action);
        output::data(&sanitise::line(&line));
        output::data(&sanitise::line(&format!("    because of {}", request.why)));
        if !request.covers.is_empty() {
            output::data(&sanitise::line(&format!("    always: {}", request.covers.join("; "))));
        }
        output::data(&format!("    {}", view.answer_command(*id)));
    }
    if count == 0 && !as_json {
        output::talk("no question waits");
    }
}
