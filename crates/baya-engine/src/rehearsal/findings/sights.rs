//! What the watched text told: fields that are not there, zero as a divisor, texts that never match,
//! steps whose end nobody looks at, places nothing reaches.

use super::super::played::Played;
use super::errors::new;
use super::plays::Plays;
use super::{Scene, source};
use baya_core::call::Site;
use baya_core::rehearsal::{Finding, Mood, Weight};
use baya_core::script::{Point, Sight, What};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Places without a visit that are told one by one.
const UNREACHED_MAX: usize = 8;

/// What of one rehearsal is needed when all are added up.
#[derive(Debug, Clone, Default)]
pub(super) struct Short {
    reached: BTreeSet<usize>,
    compared: BTreeSet<(usize, String)>,
    /// Lists of texts that answers choose from.
    enums: BTreeSet<Vec<String>>,
    /// Host steps that ended: what, where, and whether it was looked at.
    steps: Vec<(String, Option<Site>, bool)>,
    completed: bool,
}

impl Short {
    pub(super) fn of(played: &Played) -> Short {
        let mut short = Short { completed: played.end.is_completed(), ..Short::default() };
        let mut steps: BTreeMap<u64, (String, Option<Site>, bool)> = BTreeMap::new();
        for sight in &played.sights {
            match sight {
                Sight::Reached(point) => drop(short.reached.insert(*point)),
                Sight::Compared(point, text) => drop(short.compared.insert((*point, text.clone()))),
                Sight::StepEnded { step, what, site } => {
                    steps.entry(*step).or_insert_with(|| (what.clone(), site.clone(), false));
                }
                Sight::StepLookedAt(step) => {
                    if let Some(step) = steps.get_mut(step) {
                        step.2 = true;
                    }
                }
                Sight::Spun(_)
                | Sight::DividedByZero(_)
                | Sight::Missing { .. }
                | Sight::BranchThrew { .. }
                | Sight::JoinedNull { .. } => {}
            }
        }
        short.steps = steps.into_values().collect();
        let mut schemas: Vec<&Value> = Vec::new();
        for schema in played.agents.iter().filter_map(|agent| agent.options.schema.as_ref()) {
            if !schemas.contains(&schema) {
                schemas.push(schema);
                enums(schema, &mut short.enums);
            }
            if schemas.len() >= 20 {
                break;
            }
        }
        short
    }
}

fn enums(schema: &Value, all: &mut BTreeSet<Vec<String>>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Array(list)) = members.get("enum") {
                let texts = list.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect::<Vec<_>>();
                if texts.len() > 1 {
                    all.insert(texts);
                }
            }
            members.values().for_each(|member| enums(member, all));
        }
        Value::Array(list) => list.iter().for_each(|member| enums(member, all)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Fields of answers that their schemas do not have.
pub(super) fn fields(played: &Played) -> Vec<Finding> {
    let found = played.sights.iter().filter_map(|sight| {
        let Sight::Missing { field, label, fields, of_list, site } = sight else { return None };
        let of = if label.is_empty() { "an agent".to_owned() } else { format!("`{label}`") };
        let (message, hint) = match of_list {
            true => (
                format!("a list in the answer of {of} has no `{field}`"),
                "a list has `length`, and elements".to_owned(),
            ),
            false => (
                format!("the answer of {of} has no `{field}`: its schema does not list it"),
                format!("its fields are `{}`", fields.join("`, `")),
            ),
        };
        Some(new("unknown-field", Weight::Error, message, Some(hint), site.clone()))
    });
    found.collect()
}

pub(super) fn divisions(scene: Scene<'_>, played: &Played) -> Vec<Finding> {
    let points = scene.watched.map(|watched| watched.points.as_slice()).unwrap_or_default();
    let found = played.sights.iter().filter_map(|sight| match sight {
        Sight::DividedByZero(point) => {
            let site = points.get(*point).map(|point| point.site.clone());
            let message =
                "this divides by 0: the number becomes NaN or Infinity, and null in a result".to_owned();
            let hint = "ask whether there is anything to count first".to_owned();
            Some(new("division-by-zero", Weight::Warning, message, Some(hint), site))
        }
        _ => None,
    });
    found.collect()
}

/// What `parallel` and `pipeline` gave, failed agents as null, joined into a text that tells nothing of them.
pub(super) fn joined(played: &Played) -> Vec<Finding> {
    let sites = played.sights.iter().filter_map(|sight| match sight {
        Sight::JoinedNull { site } => Some(site.clone()),
        _ => None,
    });
    let found = sites.map(|site| {
        let message =
            "an agent that failed is left out of this text without a word: `join` makes nothing of null";
        let hint = "take what is not null with `.filter((it) => it !== null)`, and say how many are missing";
        new("joined-null", Weight::Warning, message.to_owned(), Some(hint.to_owned()), site)
    });
    found.collect()
}

/// Texts that are compared with what no answer ever is.
pub(super) fn compared(scene: Scene<'_>, all: &[Short]) -> Vec<Finding> {
    let Some(watched) = scene.watched else { return Vec::new() };
    let enums: BTreeSet<&Vec<String>> = all.iter().flat_map(|short| &short.enums).collect();
    let mut values: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for (point, text) in all.iter().flat_map(|short| &short.compared) {
        values.entry(*point).or_default().insert(text);
    }
    let mut found = Vec::new();
    for (index, values) in values {
        let Some(Point { site, what: What::Compared { with, lookup }, .. }) = watched.points.get(index)
        else {
            continue;
        };
        let of = enums.iter().find(|members| values.iter().all(|value| members.iter().any(|it| it == value)));
        let Some(members) = of else { continue };
        let list = members.join("`, `");
        let (message, hint) = if *lookup {
            let Some(missing) = values.iter().find(|value| !with.iter().any(|key| key == *value)) else {
                continue;
            };
            let message = format!("there is nothing for `{missing}`, which is one of the answers");
            (message, format!("answers are one of `{list}`; the table has `{}`", with.join("`, `")))
        } else {
            let Some(never) = with.iter().find(|text| !members.contains(text)) else { continue };
            (format!("no answer is ever `{never}`"), format!("answers are one of `{list}`"))
        };
        found.push(new("unmatched-value", Weight::Warning, message, Some(hint), Some(site.clone())));
    }
    found
}

/// What a script with host steps does when they fail, and when they find nothing.
pub(super) fn of_steps(plays: &Plays<'_>) -> Vec<Short> {
    if plays.plain().is_none_or(|plain| plain.steps.is_empty()) {
        return Vec::new();
    }
    let moods = [Mood::StepsFail, Mood::StepsEmpty];
    moods.into_iter().filter_map(|mood| Some(Short::of(&plays.play(&plays.in_mood(mood))?))).collect()
}

/// Host steps of which nobody ever looks how they ended.
pub(super) fn unlooked(all: &[Short]) -> Vec<Finding> {
    /// What it is, where, how often it was seen, and whether anybody ever looked.
    type Place<'a> = (&'a str, &'a Site, u32, bool);
    let mut places: BTreeMap<(String, u32, u32), Place<'_>> = BTreeMap::new();
    for (what, site, looked) in all.iter().filter(|short| short.completed).flat_map(|short| &short.steps) {
        let Some(site) = site else { continue };
        let place = (site.file.clone(), site.line, site.column);
        let entry = places.entry(place).or_insert((what, site, 0, false));
        entry.2 += 1;
        entry.3 |= looked;
    }
    let never = places.into_values().filter(|(_, _, _, looked)| !looked);
    let found = never.map(|(what, site, seen, _)| {
        let (message, hint) = match what {
            "baya.land" => (
                "what became of the landing is not looked at: pieces may conflict or fail the check",
                "look at `landed` and `pieces` of what `baya.land` gives, or return it",
            ),
            _ => (
                "the command may fail, and the script goes on: its `code` is not looked at",
                "write `if (ran.code !== 0) throw new Error(ran.stderr)`",
            ),
        };
        let finding = new(
            "unchecked-step",
            Weight::Warning,
            message.to_owned(),
            Some(hint.to_owned()),
            Some(site.clone()),
        );
        Finding { seen, ..finding }
    });
    found.collect()
}

/// Statements no rehearsal reached, outermost ones first.
pub(super) fn unreached(scene: Scene<'_>, all: &[Short], broken: &BTreeSet<u32>) -> Vec<Finding> {
    let Some(watched) = scene.watched else { return Vec::new() };
    let reached: BTreeSet<usize> = all.iter().flat_map(|short| short.reached.iter().copied()).collect();
    // A script that is never called has its one place where it would be.
    let begun: BTreeSet<&str> =
        reached.iter().filter_map(|index| Some(watched.points.get(*index)?.site.file.as_str())).collect();
    let is_own = |file: &str| scene.job.script.sources.iter().any(|(name, _)| name == file);
    let statement = |point: &Point| {
        matches!(point.what, What::Statement | What::Branch)
            && (is_own(&point.site.file) || begun.contains(point.site.file.as_str()))
    };
    let mut found: Vec<(u32, Finding)> = Vec::new();
    for (index, point) in watched.points.iter().enumerate() {
        // What arguments lead to is for those who give them.
        let by_args = source::line(scene, &point.site).contains("args");
        if !statement(point) || reached.contains(&index) || reached.is_empty() || by_args {
            continue;
        }
        let line = point.site.line;
        let follows = found.last().is_some_and(|(end, last)| {
            last.site.as_ref().is_some_and(|site| site.file == point.site.file && site.line <= line)
                && line <= end + 1
        });
        if follows {
            if let Some((end, _)) = found.last_mut() {
                *end = point.line_end.max(*end);
            }
            continue;
        }
        let message = format!("no rehearsal came here, of {}", all.len());
        found.push((point.line_end, new("unreached", Weight::Note, message, None, Some(point.site.clone()))));
    }
    let told = found.into_iter().map(|(_, finding)| Finding { seen: 0, ..finding });
    // Behind an error nothing is reached.
    let first_broken = broken.first().copied().unwrap_or(u32::MAX);
    told.filter(|it| {
        it.site.as_ref().is_some_and(|site| site.line < first_broken) || all.iter().any(|it| it.completed)
    })
    .take(UNREACHED_MAX)
    .collect()
}
