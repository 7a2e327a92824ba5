//! What a plan says, what it is asked about, and what a yes covers: the rules, without a program.

use baya::plan::{Agreed, Consent, Plan, Reason, line, phases as phases_of, reason};
use baya::settings::{Settings, Thresholds};
use baya_core::budget::Caps;
use baya_core::limits::Limits;
use baya_core::money::NanoUsd;
use baya_core::rehearsal::{Finding, Forecast, Report, Spread, Weight};
use std::os::unix::fs::PermissionsExt;

const CENT: u64 = 10_000_000;

fn spread(p50: u64, p90: u64) -> Spread {
    Spread { p10: p50 / 2, p50, p90, worst: p90 * 2, bound: None }
}

/// Agents, cents and seconds, p50 and p90 each.
fn plan(agents: (u64, u64), cents: (u64, u64), seconds: (u64, u64)) -> Plan {
    let total = Forecast {
        agents: spread(agents.0, agents.1),
        cost: spread(cents.0 * CENT, cents.1 * CENT),
        wall_ms: spread(seconds.0 * 1_000, seconds.1 * 1_000),
        ..Forecast::default()
    };
    Plan { report: Some(Report { runs: 32, total, ..Report::default() }), ..Plan::default() }
}

fn with(mut plan: Plan, change: impl FnOnce(&mut Report)) -> Plan {
    change(plan.report.as_mut().unwrap());
    plan
}

fn failing(seen: u32) -> Plan {
    let finding = Finding {
        kind: "script-error".to_owned(),
        weight: Weight::Error,
        message: "TypeError: no".to_owned(),
        hint: None,
        site: None,
        case: None,
        seen,
    };
    with(plan((1, 1), (1, 1), (1, 1)), |report| report.findings.push(finding))
}

/// Reasons that keep it from running where nobody can be asked.
fn stopping(plan: &Plan) -> usize {
    plan.reasons(&Thresholds::default(), None).iter().filter(|reason| reason.stops()).count()
}

#[test]
fn a_plan_is_one_line() {
    let usual = || plan((12, 30), (40, 120), (100, 240));
    let cases = [
        (
            with(usual(), |report| report.history_runs = 3),
            "plan: 12–30 agents · $0.40–1.20 · about 2–4 min (from 3 earlier runs)",
        ),
        (
            with(usual(), |report| report.history_runs = 1),
            "plan: 12–30 agents · $0.40–1.20 · about 2–4 min (from 1 earlier run)",
        ),
        (
            plan((1, 1), (0, 0), (0, 0)),
            "plan: 1 agent · $0 · about 1 s (first run: a guess, lengths are made up)",
        ),
        (
            plan((3, 3), (120, 120), (9_000, 9_000)),
            "plan: 3 agents · $1.20 · about 3 h (first run: a guess, lengths are made up)",
        ),
        (
            with(plan((2, 4), (0, 0), (30, 40)), |report| report.unpriced = vec!["acme/large".to_owned()]),
            "plan: 2–4 agents · unpriced: `acme/large` · about 30–40 s (first run: a guess, lengths are made up)",
        ),
        (
            with(plan((2, 4), (1, 2), (30, 40)), |report| report.unpriced = vec!["acme/large".to_owned()]),
            "plan: 2–4 agents · $0.0100–0.0200, and more unpriced: `acme/large` · about 30–40 s (first run: a \
             guess, lengths are made up)",
        ),
        (
            with(usual(), |report| report.total.agents.bound = Some(34)),
            "plan: 12–30 agents, at most 34 · $0.40–1.20 · about 2–4 min (first run: lengths are made up)",
        ),
        (
            with(plan((3, 3), (0, 0), (1, 1)), |report| report.total.agents.bound = Some(3)),
            "plan: 3 agents · $0 · about 1 s (first run: lengths are made up)",
        ),
        (plan((0, 0), (0, 0), (0, 0)), "plan: no agents, so nothing to pay"),
        (
            Plan { is_free: true, ..plan((2, 4), (0, 0), (30, 40)) },
            "plan: 2–4 agents · nothing to pay · about 30–40 s (first run: a guess, lengths are made up)",
        ),
        (
            Plan { trouble: Some("it took too long".to_owned()), ..Plan::default() },
            "plan: not known, for the rehearsal could not be made: it took too long",
        ),
    ];
    for (plan, expected) in cases {
        assert_eq!(line(&plan), expected);
    }
}

#[test]
fn phases_stand_below_it_a_line_each() {
    let part = |agents, cents| plan(agents, cents, (1, 1)).report.expect("a report").total;
    let of = |parts: &[(&str, Forecast)]| {
        let phases = parts.iter().map(|(title, part)| ((*title).to_owned(), part.clone()));
        phases_of(&with(plan((5, 9), (3, 9), (1, 1)), |report| report.phases = phases.collect()))
    };
    let (look, sum_up) = (("Look", part((3, 8), (40, 120))), ("Sum up", part((1, 1), (0, 0))));
    let nobody = ("Rest", part((0, 0), (0, 0)));
    assert_eq!(of(&[look.clone(), sum_up, nobody]), ["  Look: 3–8 agents · $0.40–1.20", "  Sum up: 1 agent"]);
    assert_eq!(of(&[look]), [""; 0], "one phase is the whole");
}

#[test]
fn what_is_asked_about_and_what_stops_where_nobody_can_be_asked() {
    let small = || plan((3, 5), (10, 20), (60, 60));
    let steps = ["baya.exec".to_owned()].into();
    let cases: [(&str, Plan, &[&str], usize); 9] = [
        ("small and new", small(), &["it has not run here"], 0),
        ("many agents", plan((20, 26), (1, 1), (1, 1)), &["it has not", "26 agents, and above 25"], 1),
        ("dear", plan((1, 1), (100, 201), (1, 1)), &["it has not", "cost $2.01, and above $2.00"], 1),
        (
            "host steps",
            Plan { steps, ..small() },
            &["it has not", "itself, without an agent: `baya.exec`"],
            0,
        ),
        ("full access", Plan { full_access: true, ..small() }, &["it has not", "the sandbox is `full`"], 0),
        ("fails at times", failing(15), &["it has not", "does not hold in 15 of 32"], 0),
        (
            "fails as a rule",
            failing(16),
            &["it has not", "does not hold in 16 of 32 rehearsals: TypeError: no"],
            1,
        ),
        ("without agents", plan((0, 0), (0, 0), (0, 0)), &[], 0),
        ("free", Plan { is_free: true, ..plan((90, 90), (0, 0), (1, 1)) }, &[], 0),
    ];
    for (what, plan, expected, stops) in cases {
        let thresholds = Thresholds::default();
        let found: Vec<String> = plan.reasons(&thresholds, None).iter().map(reason).collect();
        assert_eq!(found.len(), expected.len(), "{what}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{what}: {found}");
        }
        assert_eq!(stopping(&plan), stops, "{what}");
        let agreed = Consent::default().and(&plan, 1);
        assert_eq!(plan.reasons(&thresholds, Some(&agreed)), [], "{what}, agreed to");
    }
}

#[test]
fn a_yes_covers_what_was_shown_and_no_more() {
    let shown = plan((20, 40), (100, 300), (1, 1));
    let agreed = Consent::default().and(&shown, 1);
    let asked = |plan: &Plan| plan.reasons(&Thresholds::default(), Some(&agreed));
    assert_eq!(asked(&plan((39, 40), (299, 300), (1, 1))), []);
    let [Reason::Agents { expected: 41, .. }] = asked(&plan((20, 41), (1, 1), (1, 1)))[..] else { panic!() };
    let [Reason::Cost { expected, .. }] = asked(&plan((1, 1), (100, 301), (1, 1)))[..] else { panic!() };
    assert_eq!(expected, NanoUsd(301 * CENT));
    let steps = Plan { steps: ["baya.exec".to_owned()].into(), ..shown.clone() };
    assert_eq!(asked(&steps), [Reason::Steps(vec!["baya.exec".to_owned()])]);
    assert_eq!(asked(&Plan { full_access: true, ..shown.clone() }), [Reason::FullAccess]);
    let more = agreed.clone().and(&plan((1, 1), (1, 1), (1, 1)), 2);
    assert_eq!((more.agents, more.cost), (40, NanoUsd(300 * CENT)), "a smaller plan takes nothing back");
}

#[test]
fn caps_and_what_is_done_make_a_plan_smaller() {
    let dear = || plan((20, 60), (100, 900), (1, 1));
    let caps = Caps { agents: Some(25), cost: NanoUsd::from_dollars(2.0), ..Caps::default() };
    let limits = Limits { caps: Box::new(caps), ..Limits::default() };
    assert_eq!(stopping(&dear().within(&limits)), 0);
    assert_eq!(stopping(&dear().within(&Limits::default())), 2);
    assert_eq!(dear().within(&Limits { agents_max: 25, ..Limits::default() }).agents(), 25);
    let left = dear().after(50, NanoUsd(850 * CENT));
    assert_eq!((left.agents(), left.cost()), (10, NanoUsd(50 * CENT)));
    assert_eq!(dear().after(500, NanoUsd(u64::MAX)).agents(), 0);
}

#[test]
fn consent_is_kept_by_script_and_folder_for_the_user_alone_and_has_an_end() {
    let state = tempfile::tempdir().unwrap();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let consent = |at_ms: i64| Consent { agents: 7, at_ms, ..Consent::default() };
    let remember = |hash: &str, at_ms: i64| {
        Agreed::remember(state.path(), here.path(), hash, consent(at_ms)).unwrap();
    };
    remember("one", 5);
    let known = |hash: &str| Agreed::load(state.path(), here.path()).to(hash).cloned();
    assert_eq!(known("one"), Some(consent(5)));
    assert_eq!(known("two"), None);
    assert_eq!(Agreed::load(state.path(), there.path()).to("one"), None);
    let folder = state.path().join("consent");
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    for number in 0..205 {
        remember(&format!("script {number}"), 10 + number);
    }
    assert_eq!(known("one"), None, "the oldest go");
    assert!(known("script 5").is_some() && known("script 204").is_some() && known("script 4").is_none());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing unfinished stays");
    std::fs::write(&file, "{").unwrap();
    assert_eq!(known("script 204"), None, "what cannot be read agrees to nothing");
}

#[test]
fn a_project_may_lower_the_thresholds_and_not_raise_them() {
    use baya::folders::Folders;
    let cases = [
        ("", "", (25, 2.0)),
        ("[plan]\nask_agents = 100\nask_usd = 9.5", "", (100, 9.5)),
        ("", "[plan]\nask_agents = 100\nask_usd = 9.5", (25, 2.0)),
        ("", "[plan]\nask_agents = 5\nask_usd = \"$0.25\"", (5, 0.25)),
        ("[plan]\nask_agents = 100", "[plan]\nask_agents = 50", (50, 2.0)),
        ("[plan]\nask_usd = 0", "[plan]\nask_usd = 1", (25, 0.0)),
    ];
    for (user, project, (agents, dollars)) in cases {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for (folder, file, text) in [("config", "config.toml", user), ("work", "baya.toml", project)] {
            std::fs::create_dir(at(folder)).unwrap();
            std::fs::write(at(folder).join(file), text).unwrap();
        }
        let folders = Folders {
            working: at("work"),
            repository: None,
            home: at("home"),
            config: at("config"),
            state: at("state"),
            data: at("data"),
        };
        let plan = Settings::load(&folders).unwrap().plan;
        assert_eq!((plan.agents, plan.cost.to_dollars()), (agents, dollars), "{user:?} {project:?}");
    }
}
