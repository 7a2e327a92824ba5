//! Rule files: what is read, which rule answers, what is refused.

use baya_core::agent::Answer;
use baya_core::schema::Schema;
use baya_core::simulate::{Counters, Decision, Fault, Request, Rules};
use serde_json::{Value, json};

fn rules(value: Value) -> Rules {
    Rules::from_value(value).unwrap_or_else(|error| panic!("{error}"))
}

fn ask(prompt: &str) -> Request<'_> {
    Request { prompt, ..Request::default() }
}

/// What each prompt gets, in order, from one set of counters.
fn check(file: Value, expected: &[(&str, &str)]) {
    let rules = rules(file);
    let mut counters = Counters::default();
    for (place, (prompt, wanted)) in expected.iter().enumerate() {
        let found = told(&rules.decide(&mut counters, &ask(prompt)));
        assert!(found.starts_with(wanted), "request {place} `{prompt}`: `{found}`, not `{wanted}`");
    }
}

fn told(decision: &Decision) -> String {
    match (&decision.fault, &decision.answer) {
        (Some(fault), _) => format!("{fault:?}"),
        (None, Answer::Text(text)) => text.clone(),
        (None, Answer::Json(value)) => value.to_string(),
    }
}

fn check_refused(file: &str, words: &[&str]) {
    let message = Rules::parse(file).expect_err(file).to_string();
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

#[test]
fn the_first_rule_that_matches_answers_and_else_the_answer_is_made_up() {
    let file = json!({"rules": [
        {"when": {"prompt": "^capital of (\\w+) and (?<other>\\w+)"},
            "text": "{{2}}, {{1}}, {{other}} #{{n}}: {{prompt}} {{x}} {{9}} {{"},
        {"when": {"prompt": "capital"}, "text": "second"},
        {"when": {"prompt": "echo"}, "echo": true},
        {"when": {"prompt": "list"}, "json": {"k": ["{{prompt}}", 1]}},
    ]});
    check(
        file,
        &[
            ("capital of a and b", "b, a, b #1: capital of a and b {{x}} {{9}} {{"),
            ("capital of c and d", "d, c, d #2: "),
            ("the capital", "second"),
            ("echo {{1}} me", "echo {{1}} me"),
            ("list", "{\"k\":[\"list\",1]}"),
            ("none of these", "Simulated answer to \"none of these\""),
        ],
    );
}

#[test]
fn rules_count_the_requests_that_fit_them() {
    check(
        json!({"rules": [{"when": {"prompt": "a", "nth": [1, 3]}, "text": "hit"}]}),
        &[("b", "Sim"), ("a", "hit"), ("a", "Sim"), ("b", "Sim"), ("a", "hit"), ("a", "Sim")],
    );
    check(
        json!({"rules": [{"when": {"nth": 2}, "fault": "529"}]}),
        &[("a", "Sim"), ("b", "Overloaded"), ("c", "Sim")],
    );
    check(
        json!({"rules": [{"when": {"every": 2}, "text": "even"}, {"text": "odd"}]}),
        &[("a", "odd"), ("a", "even"), ("a", "odd"), ("a", "even")],
    );
    check(
        json!({"rules": [{"times": 2, "fault": "429"}, {"text": "fine"}]}),
        &[("a", "TooMany"), ("b", "TooMany"), ("c", "fine"), ("a", "fine")],
    );
}

#[test]
fn conditions_look_at_label_model_phase_and_schema() {
    let rules = rules(json!({"rules": [
        {"when": {"label": "^judge", "model": "opus", "phase": "Vote"}, "text": "all three"},
        {"when": {"schema": true}, "json": {"ok": true}},
        {"when": {"schema": false}, "text": "plain"},
    ]}));
    let mut counters = Counters::default();
    let full = Request {
        prompt: "p",
        label: Some("judge 1"),
        model: Some("opus"),
        phase: Some("Vote"),
        ..Request::default()
    };
    assert_eq!(told(&rules.decide(&mut counters, &full)), "all three");
    assert_eq!(told(&rules.decide(&mut counters, &Request { label: None, ..full })), "plain");
    let schema = json!({"type": "object"});
    let structured = Request { schema: Some(&schema), ..ask("p") };
    assert_eq!(rules.decide(&mut counters, &structured).answer, Answer::Json(json!({"ok": true})));
}

#[test]
fn text_for_a_schema_is_an_object_if_it_is_one_and_prose_else() {
    let schema = json!({"type": "object"});
    let mut counters = Counters::default();
    let mut decide = |file: Value| {
        rules(file).decide(&mut counters, &Request { schema: Some(&schema), ..ask("p") }).answer
    };
    assert_eq!(decide(json!({"rules": [{"text": "{\"a\": 1}"}]})), Answer::Json(json!({"a": 1})));
    assert_eq!(decide(json!({"rules": [{"text": "no"}]})), Answer::Text("no".to_owned()));
}

#[test]
fn c33_the_fault_invalid_gives_what_the_schema_refuses() {
    for schema in [
        json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}),
        json!({"type": "object", "properties": {"a": {}}, "required": ["a"]}),
        json!({"type": "object"}),
        json!({"type": "object", "additionalProperties": false}),
    ] {
        let compiled = Schema::compile(&schema).expect("usable");
        for file in [
            json!({"rules": [{"fault": "invalid"}]}),
            json!({"rules": [{"fault": "invalid", "json": {"a": 1}}]}),
        ] {
            let decision =
                rules(file).decide(&mut Counters::default(), &Request { schema: Some(&schema), ..ask("p") });
            let Answer::Json(value) = decision.answer else { panic!("{decision:?}") };
            assert!(!compiled.is_valid(&value), "{schema} allows {value}");
        }
    }
}

#[test]
fn latency_and_chance_are_drawn_from_seed_prompt_and_occurrence() {
    let file = rules(json!({"seed": 3, "latency_ms": [5, 20], "rules": [{"chance": 0.3, "fault": "500"}]}));
    let draw = |seed: u64| {
        let mut counters = Counters::default();
        let prompts: Vec<String> = (0..400).map(|i| format!("prompt {}", i / 2)).collect();
        let asked = prompts.iter().map(|prompt| Request { seed, ..ask(prompt) });
        asked.map(|request| file.decide(&mut counters, &request)).collect::<Vec<_>>()
    };
    let one = draw(1);
    assert_eq!(one, draw(1));
    assert_ne!(one, draw(2));
    assert!(one.iter().all(|decision| (5..=20).contains(&decision.latency_ms)));
    let faults = one.iter().filter(|decision| decision.fault == Some(Fault::ServerError)).count();
    assert!((60..180).contains(&faults), "{faults} of 400 at a chance of 0.3");
    assert!(one.chunks(2).any(|pair| pair[0].fault != pair[1].fault), "the second time is another draw");
}

#[test]
fn a_caller_that_counts_itself_gets_the_same_whatever_came_before() {
    let file = rules(json!({"latency_ms": [0, 1000], "rules": [{"chance": 0.5, "text": "hit"}]}));
    let request = Request { occurrence: Some(2), ..ask("p") };
    let mut used = Counters::default();
    for _ in 0..7 {
        file.decide(&mut used, &ask("p"));
    }
    assert_eq!(file.decide(&mut used, &request), file.decide(&mut Counters::default(), &request));
}

#[test]
fn every_fault_and_member_of_a_rule_is_read() {
    let names = [
        "null", "refuse", "429", "500", "529", "401", "402", "404", "cut", "html", "hang", "invalid", "slow",
        "no_usage", "length", "context",
    ];
    let list: Vec<Value> = names.iter().map(|fault| json!({"fault": fault, "times": 1})).collect();
    let file = rules(json!({"rules": list}));
    let mut counters = Counters::default();
    let seen: std::collections::BTreeSet<String> =
        names.iter().map(|_| told(&file.decide(&mut counters, &ask("p")))).collect();
    assert_eq!(seen.len(), names.len());
    let capacity =
        |value: Value| rules(json!({"capacity": value})).capacity.map(|c| (c.at_once, c.retry_after));
    assert_eq!(capacity(json!(20)), Some((20, None)));
    assert_eq!(capacity(json!({"at_once": 2, "retry_after": 0.5})), Some((2, Some(0.5))));
    let file = rules(json!({"keys": ["k"], "models": ["m"], "rules": [
        {"text": "t", "retry_after": 0.5, "latency_ms": 9, "usage": {"input": 3, "output": 4, "cache_read": 5}}]}));
    let decision = file.decide(&mut Counters::default(), &ask("p"));
    assert_eq!((decision.retry_after, decision.latency_ms), (Some(0.5), 9));
    assert_eq!(decision.usage.map(|usage| (usage.input, usage.output, usage.cache_read)), Some((3, 4, 5)));
    assert_eq!((file.keys, file.models), (vec!["k".to_owned()], vec!["m".to_owned()]));
    assert_eq!(
        told(&rules(json!({"rules": [{"json": null}]})).decide(&mut Counters::default(), &ask("p"))),
        "null"
    );
}

#[test]
fn what_is_wrong_in_a_rule_file_is_named_with_its_place() {
    check_refused("{", &["the rule file", "line 1"]);
    check_refused("[]", &["object"]);
    check_refused("{\"rulez\": []}", &["unknown key `rulez`"]);
    check_refused("{\"rules\": {}}", &["`rules`"]);
    check_refused("{\"seed\": -1}", &["`seed`"]);
    check_refused("{\"capacity\": 0}", &["`capacity`", "from 1"]);
    check_refused("{\"capacity\": {\"at\": 1}}", &["`capacity`", "at_once"]);
    check_refused("{\"latency_ms\": [9, 3]}", &["latency_ms", "[9,3]"]);
    check_refused("{\"rules\": [{}, {\"txt\": 1}]}", &["`rules[1]`", "`txt`"]);
    check_refused("{\"rules\": [{\"when\": {\"promt\": \"x\"}}]}", &["`rules[0]`", "`promt`"]);
    check_refused(
        "{\"rules\": [{\"when\": {\"prompt\": \"(\"}}]}",
        &["`rules[0]`", "`(`", "regular expression"],
    );
    check_refused("{\"rules\": [{\"when\": {\"nth\": 0}}]}", &["`nth`"]);
    check_refused("{\"rules\": [{\"when\": {\"every\": 0}}]}", &["`every`"]);
    check_refused("{\"rules\": [{\"fault\": \"418\"}]}", &["418", "429"]);
    check_refused("{\"rules\": [{\"chance\": 2}]}", &["`chance`"]);
    check_refused("{\"rules\": [{\"retry_after\": -1}]}", &["`retry_after`"]);
    check_refused("{\"rules\": [{\"text\": \"a\", \"echo\": true}]}", &["both `text` and `echo`"]);
}
