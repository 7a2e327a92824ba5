//! A linked program as a rehearsal runs it: the same script, and beside it notes of which places it
//! reached, which fields it looked for in vain, what it compared texts with.
//!
//! Only for rehearsals: what is put into the text moves columns, and answers are proxies. Lines stay, and
//! [`Watched::take`] puts every position back to where it is in the user's file. What is noted leaves the
//! isolate as log lines of its own, which `take` takes out again; nobody else ever sees them.

mod insert;
mod moved;
mod points;
mod stack;

use crate::call::{Call, CallKind, Program, ScriptError, Site, Step, StepState, Unit};
use crate::ids::FrameId;
use moved::Moved;
use serde_json::Value;
use std::collections::BTreeMap;

/// The file name of the units that are ours; no position is ever in one.
pub const OWN_UNIT: &str = "baya:rehearsal";
const MARK: &str = "\u{1}rehearsal:";
const EYE: &str = include_str!("eye.js");
/// Units put before those of the program.
const OWN_UNITS: usize = 1 + SHADOWED.len();
/// Globals that a watched script meets in other clothes, in the order of their units.
const SHADOWED: [&str; 4] = ["agent", "baya", "parallel", "pipeline"];

/// A program that tells what it does.
pub struct Watched {
    pub program: Program,
    /// The scripts it calls, in their order.
    pub children: Vec<Program>,
    /// The places that are noted, in the order of their numbers.
    pub points: Vec<Point>,
    /// What stands in the program as text: literals and the fixed parts of templates.
    pub texts: Vec<String>,
    units: Vec<Moved>,
}

/// A place in the text that is noted when the script gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    pub site: Site,
    /// The last line of what begins here.
    pub line_end: u32,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Statement,
    /// One side of a `?:`, or what an arrow function gives.
    Branch,
    /// What something is divided by.
    Divisor,
    /// A text that is compared with these, or looked up among them.
    Compared {
        with: Vec<String>,
        lookup: bool,
    },
    /// Its rounds are counted; it is known from here to its last line.
    Loop,
    /// A call of the function it stands in; nothing is noted. The function's lines.
    Recursion {
        from: u32,
        to: u32,
    },
}

/// What one evaluation let see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// A statement or branch ran, by the number of its point.
    Reached(usize),
    /// A loop went round very often, by the number of its point.
    Spun(usize),
    /// Something was divided by 0.
    DividedByZero(usize),
    /// A text was compared at this point.
    Compared(usize, String),
    /// A field was read of an answer whose schema has none of that name.
    Missing { field: String, label: String, fields: Vec<String>, of_list: bool, site: Option<Site> },
    /// A host step ended; its number, of all scripts of the run.
    StepEnded { step: u64, what: String, site: Option<Site> },
    /// How it ended was looked at.
    StepLookedAt(u64),
    /// An error of the script's that `parallel` or `pipeline` turned into null.
    BranchThrew { of: String, name: String, message: String, site: Option<Site> },
    /// Results with null in them were joined into a text.
    JoinedNull { site: Option<Site> },
}

/// The program with its notes; none if a text of it cannot be read, which a checked one can.
pub fn watch(program: &Program) -> Option<Watched> {
    watch_with(program, &[])
}

/// The same, with the scripts that it calls: the notes of all of them are in one order.
pub fn watch_with(program: &Program, children: &[&Program]) -> Option<Watched> {
    super::depth::with_stack(|| {
        let mut watching = Watching::default();
        let program = watching.program(program)?;
        let children = children.iter().map(|child| watching.program(child)).collect::<Option<_>>()?;
        let Watching { points, texts, done, .. } = watching;
        let units = done.into_iter().map(|done| done.moved).collect();
        Some(Watched { program, children, points, texts, units })
    })
}

#[derive(Default)]
struct Watching {
    points: Vec<Point>,
    texts: Vec<String>,
    /// By the unit's file and text: a library of two scripts is the same in both.
    known: BTreeMap<(String, String), usize>,
    done: Vec<Done>,
}

/// A unit with its notes.
struct Done {
    text: String,
    /// Our units that it takes.
    imports: Vec<usize>,
    moved: Moved,
}

impl Watching {
    fn program(&mut self, program: &Program) -> Option<Program> {
        let mut units = own_units();
        for unit in &program.units {
            let place = self.unit(unit)?;
            let done = &self.done[place];
            let imports = unit.imports.iter().map(|import| import + OWN_UNITS);
            let imports = imports.chain(done.imports.iter().copied()).collect();
            units.push(Unit { file: unit.file.clone(), text: done.text.clone(), shift: unit.shift, imports });
        }
        Some(Program { units })
    }

    fn unit(&mut self, unit: &Unit) -> Option<usize> {
        let key = (unit.file.clone(), unit.text.clone());
        if let Some(known) = self.known.get(&key) {
            return Some(*known);
        }
        let found = points::find(unit, self.points.len())?;
        let (text, insertions) = insert::insert(&unit.text, found.insertions);
        let moved = Moved::new(unit, &text, insertions);
        self.done.push(Done { text, imports: found.imports, moved });
        self.points.extend(found.points);
        self.texts.extend(found.texts);
        self.known.insert(key, self.done.len() - 1);
        Some(self.done.len() - 1)
    }
}

/// The eye, and what it puts in the place of globals, each as a unit: what is imported is a plain name.
fn own_units() -> Vec<Unit> {
    let member = |name: &str| (format!("(function(e){{return e.{name}}})"), vec![0]);
    let eye = std::iter::once((EYE.trim_end().to_owned(), Vec::new()));
    let unit = |(text, imports)| Unit { file: OWN_UNIT.to_owned(), text, shift: 0, imports };
    eye.chain(SHADOWED.into_iter().map(member)).map(unit).collect()
}

impl Watched {
    /// Takes what was noted out of a step, and puts its positions back.
    pub fn take(&self, step: &mut Step) -> Vec<Sight> {
        let mut sights = Vec::new();
        step.calls.retain(|call| match noted(call) {
            Some(text) => {
                sights.extend(self.sight(text, call.frame));
                false
            }
            None => true,
        });
        for call in &mut step.calls {
            self.put_back(&mut call.site);
            if let CallKind::Log { text, .. } = &mut call.kind {
                self.put_back_in(text);
            }
        }
        match &mut step.state {
            StepState::Threw { error } => self.put_back_error(error),
            StepState::Stuck { site } => self.put_back(site),
            StepState::Waiting | StepState::Done { .. } => {}
        }
        sights
    }

    /// A position in a text that is watched, as it is in the user's file.
    pub fn site(&self, site: &Site) -> Site {
        let unit = self.units.iter().find(|unit| unit.file == site.file);
        unit.map_or_else(|| site.clone(), |unit| unit.original(site))
    }

    fn put_back(&self, site: &mut Option<Site>) {
        if let Some(site) = site {
            *site = self.site(site);
        }
    }

    fn put_back_error(&self, error: &mut ScriptError) {
        self.put_back(&mut error.site);
        for site in &mut error.stack {
            *site = self.site(site);
        }
    }

    /// The warning of C21 tells its position in words.
    fn put_back_in(&self, text: &mut String) {
        const HEAD: &str = "the prompt of agent() at ";
        let Some(rest) = text.strip_prefix(HEAD) else { return };
        let Some((place, tail)) = rest.split_once(" contains ") else { return };
        let Some(site) = stack::site(place) else { return };
        let site = self.site(&site);
        *text = format!("{HEAD}{}:{}:{} contains {tail}", site.file, site.line, site.column);
    }

    fn sight(&self, text: &str, frame: FrameId) -> Option<Sight> {
        let parts: Vec<Value> = serde_json::from_str(text).ok()?;
        let text = |at: usize| parts.get(at).and_then(Value::as_str).map(str::to_owned);
        let number = |at: usize| parts.get(at).and_then(Value::as_u64);
        let point = || number(1).map(|point| point as usize).filter(|point| *point < self.points.len());
        // Each script counts its own.
        let step = || number(1).map(|step| u64::from(frame.0) << 32 | step);
        Some(match text(0)?.as_str() {
            "h" => Sight::Reached(point()?),
            "l" => Sight::Spun(point()?),
            "z" => Sight::DividedByZero(point()?),
            "v" => Sight::Compared(point()?, text(2)?),
            "m" => {
                let fields = parts.get(3).and_then(Value::as_array);
                Sight::Missing {
                    field: text(1)?,
                    label: text(2)?,
                    of_list: fields.is_none(),
                    fields: fields
                        .into_iter()
                        .flatten()
                        .filter_map(|it| it.as_str().map(str::to_owned))
                        .collect(),
                    site: self.innermost(&text(4)?),
                }
            }
            "s" => Sight::StepEnded { step: step()?, what: text(2)?, site: self.innermost(&text(3)?) },
            "r" => Sight::StepLookedAt(step()?),
            "e" => {
                let site = self.innermost(&text(4)?);
                Sight::BranchThrew { of: text(1)?, name: text(2)?, message: text(3)?, site }
            }
            "j" => Sight::JoinedNull { site: self.innermost(&text(1)?) },
            _ => return None,
        })
    }

    /// The innermost position of the user's in a stack.
    fn innermost(&self, stack: &str) -> Option<Site> {
        stack.lines().find_map(|line| {
            let place = stack::place(line)?;
            self.units.iter().find(|unit| unit.is_named_in(place.file)).map(|unit| unit.in_stack(&place))
        })
    }
}

fn noted(call: &Call) -> Option<&str> {
    match &call.kind {
        CallKind::Log { text, .. } => text.strip_prefix(MARK),
        CallKind::Agent { .. }
        | CallKind::Workflow { .. }
        | CallKind::FrameEnded { .. }
        | CallKind::Phase { .. }
        | CallKind::Step { .. }
        | CallKind::SetTimer { .. }
        | CallKind::ClearTimer { .. } => None,
    }
}
