//! One rehearsal: time, draws, host steps, what is counted.

use super::script;
use baya_core::event::ScriptRecord;
use baya_core::history::{LabelHistory, Sample};
use baya_core::money::{Price, PriceTable};
use baya_core::rehearsal::{Case, Draw, Mood};
use baya_engine::rehearsal::{
    BackendModels, Ending, Fixtures, Given, Job, Models, Played, Purpose, play, rehearse,
};
use serde_json::{Value, json};

fn job(body: &str) -> Job {
    Job::of(script(body), 40, 1)
}

fn in_mood(job: &Job, mood: Mood) -> Played {
    play(job, &Case { mood, ..Case::default() })
}

fn result(played: &Played) -> Value {
    assert!(played.end.is_completed(), "{:?}", played.end);
    played.end.run_end().and_then(|end| end.result.clone()).unwrap_or_default()
}

const LIST: &str = "const S = {type: 'object', properties: {names: {type: 'array', items: {type: 'string'}}}, \
    required: ['names']}\n";

#[test]
fn time_passes_only_where_something_is_due() {
    let body = "const from = Date.now()
        await new Promise((done) => setTimeout(done, 3600000))
        return Date.now() - from";
    assert_eq!(result(&play(&job(body), &Case::default())), json!(3_600_000));
    let four = "await parallel([1, 2, 3, 4].map((n) => () => agent(`do ${n}`)))";
    let with = |concurrency| {
        let mut job = job(four);
        job.limits.concurrency = concurrency;
        play(&job, &Case::default()).total.wall_ms
    };
    assert!(with(1) >= 3 * with(4), "{} {}", with(1), with(4));
}

#[test]
fn what_waits_for_ever_is_ended() {
    for body in [
        "while (true) { await new Promise((done) => setTimeout(done, 10)) }",
        "while (true) { try { await agent('again') } catch {} }",
    ] {
        let mut job = job(body);
        job.limits.agents_max = 5;
        assert!(matches!(play(&job, &Case::default()).end, Ending::Endless(_)), "{body}");
    }
}

#[test]
fn a_case_says_what_single_agents_and_steps_come_to() {
    let body = "const a = await agent('one'); let b = 'ok'
        try { await agent('two') } catch (error) { b = error.kind }
        const c = await baya.exec('make')
        return [a, b, c.code, c.stdout]";
    let case = Case {
        draws: [(1, Draw::Answer(json!("mine"))), (2, Draw::Error)].into(),
        steps: [(1, Draw::Answer(json!({"code": 7, "stdout": "x"})))].into(),
        ..Case::default()
    };
    assert_eq!(result(&play(&job(body), &case)), json!(["mine", "stalled", 7, "x"]));
}

#[test]
fn moods_bend_answers_and_steps() {
    let lists = format!(
        "{LIST}const a = await agent('list', {{schema: S}}); return a === null ? null : a.names.length"
    );
    let job = job(&lists);
    assert_eq!(result(&in_mood(&job, Mood::Empty)), json!(0));
    assert_eq!(result(&in_mood(&job, Mood::Single)), json!(1));
    assert!(result(&in_mood(&job, Mood::Long)).as_u64() >= Some(25));
    assert_eq!(result(&in_mood(&job, Mood::Nulls)), json!(null));
    let steps = self::job("return [(await baya.exec('make')).code, (await baya.glob('*.rs')).length]");
    assert_eq!(result(&in_mood(&steps, Mood::Plain)), json!([0, 3]));
    assert_eq!(result(&in_mood(&steps, Mood::StepsEmpty)), json!([0, 0]));
    let failing = in_mood(&steps, Mood::StepsFail);
    let error = failing.end.run_end().and_then(|end| end.error.clone());
    assert!(error.is_some_and(|error| error.message.contains("the rehearsal lets it fail")));
}

#[test]
fn forecasts_count_what_may_well_happen_and_the_worst_counts_all() {
    let body = "const a = await agent('look')
        if (a === null) await parallel(Array.from({length: 30}, (_, i) => () => agent(`again ${i}`)))
        return a";
    let report = rehearse(&job(body));
    let agents = report.total.agents;
    assert_eq!((agents.p50, agents.worst), (1, 31));
}

fn with_samples(answers: Vec<Value>) -> LabelHistory {
    let sample = Sample {
        prompt_bytes: 8,
        input: 1_000,
        output: 77,
        requests: 1,
        duration_ms: 5_000,
        ..Sample::default()
    };
    LabelHistory { agents: 10, failed: 0, samples: vec![sample], answers }
}

fn of_model() -> Models {
    let models =
        BackendModels { provider: "p".to_owned(), model: Some("m".to_owned()), ..Default::default() };
    Models { backends: [(String::new(), models)].into() }
}

fn priced() -> PriceTable {
    let price = Price { input: 1_000_000, output: 10_000_000, ..Price::default() };
    PriceTable { rows: [("p/m".to_owned(), price.into())].into(), ..PriceTable::default() }
}

#[test]
fn history_gives_lengths_durations_and_answers_and_dollars_follow() {
    let mut job = job("const a = await agent('look at', {label: 'look'}); return a");
    job.history.runs = 3;
    job.history.labels.insert("look".to_owned(), with_samples(vec![json!("as then")]));
    job.models = of_model();
    job.prices = priced();
    let played = in_mood(&job, Mood::Typical);
    assert_eq!((result(&played), played.total.tokens_out), (json!("as then"), 77));
    let total = play(&job, &Case::default()).total;
    assert_eq!((total.tokens_in, total.tokens_out, total.wall_ms), (1_000, 77, 5_000));
    assert_eq!(total.cost, 1_000 + 770);
    job.prices = PriceTable::default();
    let unpriced = in_mood(&job, Mood::Typical).unpriced;
    assert_eq!(unpriced.into_iter().collect::<Vec<_>>(), ["p/m"]);
}

/// A label that a model's words made is of no kind that an earlier run had.
#[test]
fn an_agent_of_an_unseen_kind_is_like_those_whose_label_begins_so() {
    let mut job = job("return agent('mend it', {label: 'fix the sum of nothing'})");
    job.history.runs = 3;
    job.history.labels.insert("fix *".to_owned(), with_samples(vec![json!("as then")]));
    job.history.labels.insert("look".to_owned(), with_samples(vec![json!("another")]));
    let played = play(&job, &Case::default());
    assert_eq!((result(&played), played.total.tokens_out), (json!("as then"), 77));
    assert_eq!(played.total.tokens_guessed, 0);
    let known = |label: &str| job.history.of_label(label).and_then(|known| known.answers.first().cloned());
    assert_eq!(known("look again"), Some(json!("another")));
    assert_eq!(known("prefix the sum"), None);
    job.history.labels.clear();
    let total = play(&job, &Case::default()).total;
    assert_eq!(total.tokens_guessed, total.tokens_in + total.tokens_out);
}

#[test]
fn one_failure_among_three_agents_is_no_third_of_all() {
    let body = "const all = await parallel(Array.from({length: 600}, (_, i) => () => agent(`look ${i}`)))
        return all.filter((one) => one === null).length";
    let nulls = |agents: u32, failed: u32| {
        let mut job = job(body);
        let known = LabelHistory { agents, failed, ..with_samples(vec![json!("as then")]) };
        job.history.labels.insert("look *".to_owned(), known);
        result(&in_mood(&job, Mood::Typical)).as_u64().unwrap()
    };
    assert!((10..60).contains(&nulls(3, 1)), "about one of nineteen");
    assert!((150..250).contains(&nulls(300, 100)), "about one of three");
}

#[test]
fn a_forecast_without_history_says_less_than_one_with_it() {
    let mut job = job("return agent('look at', {label: 'look'})");
    job.prices = priced();
    job.models = of_model();
    let ratio = |job: &Job| {
        let cost = rehearse(job).total.cost;
        assert!(cost.p10 < cost.p50 && cost.p50 < cost.p90 && cost.p90 <= cost.worst, "{cost:?}");
        cost.p90 as f64 / cost.p10 as f64
    };
    let guess = ratio(&job);
    job.history.runs = 3;
    job.history.labels.insert("look".to_owned(), with_samples(vec![json!("as then")]));
    let known = ratio(&job);
    assert!(guess > 6.0 && known > 2.0 && known < 4.0, "{guess} {known}");
}

#[test]
fn fixtures_answer_for_agents_and_steps() {
    let text = r#"{"rules": [{"when": {"label": "^look"}, "text": "written down"}],
        "steps": [{"step": "baya.exec", "about": "^git", "json": {"stdout": "a.rs\n"}},
                  {"step": "baya.readFile", "fails": "it is gone"}],
        "args": {"topic": "nests"}}"#;
    let body = "const a = await agent('x', {label: 'look'}); const s = await baya.exec('git ls-files')
        let f = null
        try { await baya.readFile('a.txt') } catch (error) { f = error.message }
        return [a, s.code, s.stdout, f, args.topic]";
    let mut job = job(body);
    job.fixtures = Fixtures::parse(text).unwrap();
    assert_eq!(
        result(&play(&job, &Case::default())),
        json!(["written down", 0, "a.rs\n", "it is gone", "nests"])
    );
    job.args = Some(Given(json!({"topic": "given"})));
    assert_eq!(result(&play(&job, &Case::default()))[4], json!("given"));
    for (wrong, word) in [
        ("[]", "an object"),
        (r#"{"rulez": []}"#, "rulez"),
        (r#"{"steps": [{"step": "baya.exec"}]}"#, "either `json` or `fails`"),
        (r#"{"steps": [{"about": "(", "json": 1}]}"#, "regular expression"),
    ] {
        let error = Fixtures::parse(wrong).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

fn with_meta(args: &Value, body: &str) -> ScriptRecord {
    let mut script = script(body);
    script.meta["args"] = args.clone();
    script
}

#[test]
fn arguments_that_are_not_given_are_made_up() {
    let described = json!({"type": "object", "required": ["files"], "properties": {
        "files": {"type": "array", "minItems": 2, "items": {"type": "string"}}, "mode": {"enum": ["fast"]}}});
    let script = with_meta(&described, "return [args.files.length >= 2, args.mode ?? 'none']");
    assert_eq!(result(&play(&Job::of(script, 1, 1), &Case::default())), json!([true, "none"]));
    let read = "const {files, depth = 3} = args
        return [files.map((file) => file.path.trim()).length > 0, depth]";
    assert_eq!(result(&play(&job(read), &Case::default())), json!([true, 3]));
    assert_eq!(result(&play(&job("return typeof args"), &Case::default())), json!("undefined"));
    let case = Case { args: Some(json!("other")), ..Case::default() };
    assert_eq!(result(&play(&job("return args"), &case)), json!("other"));
}

#[test]
fn forecasts_alone_look_for_no_trouble() {
    let mut job = job("const a = await agent('look'); return a.length");
    job.purpose = Purpose::Forecast;
    job.runs = 30;
    let report = rehearse(&job);
    assert_eq!((report.runs, report.total.agents.worst), (30, 1));
}
