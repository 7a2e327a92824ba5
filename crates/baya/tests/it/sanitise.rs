//! Nothing that an agent says makes a terminal do anything.

use crate::harness::Baya;
use baya::views::sanitise;

#[test]
fn control_bidi_and_hidden_characters_become_visible() {
    let table = [
        ("plain ünï 日本 🎉", "plain ünï 日本 🎉", "plain ünï 日本 🎉"),
        ("a\u{1b}[31mred\u{1b}[0m", "a␛[31mred␛[0m", "a␛[31mred␛[0m"),
        ("\u{1b}]0;title\u{7}", "␛]0;title␇", "␛]0;title␇"),
        ("one\ntwo\tthree", "one two three", "one\ntwo\tthree"),
        ("dos\r\nlines", "dos lines", "dos\nlines"),
        ("over\rwrite", "over␍write", "over␍write"),
        ("back\u{8}space\u{0}\u{7f}", "back␈space␀␡", "back␈space␀␡"),
        ("c1 \u{9b}31m \u{90}q \u{85}", "c1 \\u{9b}31m \\u{90}q \\u{85}", "c1 \\u{9b}31m \\u{90}q \\u{85}"),
        ("\u{202e}cod.exe\u{202c}", "\\u{202e}cod.exe\\u{202c}", "\\u{202e}cod.exe\\u{202c}"),
        ("\u{2066}iso\u{2069}\u{200f}", "\\u{2066}iso\\u{2069}\\u{200f}", "\\u{2066}iso\\u{2069}\\u{200f}"),
        (
            "zero\u{200b}\u{200d}\u{feff}",
            "zero\\u{200b}\\u{200d}\\u{feff}",
            "zero\\u{200b}\\u{200d}\\u{feff}",
        ),
        ("tag\u{e0041}", "tag\\u{e0041}", "tag\\u{e0041}"),
        ("para\u{2028}graph\u{2029}", "para graph ", "para graph "),
    ];
    for (raw, line, block) in table {
        assert_eq!(sanitise::line(raw), line, "as a line: {raw:?}");
        assert_eq!(sanitise::block(raw), block, "as a block: {raw:?}");
    }
    for c in ('\u{0}'..='\u{9f}')
        .chain('\u{2028}'..='\u{202e}')
        .chain('\u{2060}'..='\u{206f}')
        .chain('\u{e0000}'..='\u{e007f}')
    {
        let shown = sanitise::line(&c.to_string());
        let is_bad = |shown: char| shown.is_control() || (!c.is_ascii() && shown == c);
        assert!(!shown.chars().any(is_bad), "{c:?} gives {shown:?}");
    }
}

#[test]
fn json_keeps_its_meaning_and_loses_its_teeth() {
    for text in ["\u{9b}31m", "\u{202e}x", "\u{e0041}tag", "plain", "ünï 日本 🎉", "\u{1b}[2J\n"] {
        let json = serde_json::Value::String(text.to_owned()).to_string();
        let safe = sanitise::json(&json);
        assert!(!safe.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{safe:?}");
        assert_eq!(serde_json::from_str::<String>(&safe).expect("still JSON"), text);
    }
}

const NASTY: &str = r#"export const meta = { name: 'nasty', description: 'says bad things \u001b[31m' }
log('log \u001b[2J \u202e \u0007')
phase('ph\u001b[1mase')
await agent('prompt \u001b]0;x\u0007', { label: 'label\n\u001b[H\u009b2J' })
throw new Error('error \u001b[31m\u202e')
"#;

#[track_caller]
fn harmless(text: &str, stream: &str) {
    let bad = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(bad, None, "{stream}: {text:?}");
}

#[test]
fn labels_logs_and_errors_reach_the_person_harmless() {
    let baya = Baya::new();
    baya.write("nasty.js", NASTY);
    let output = baya.line("run nasty.js --backend simulated").run().exits(1).says("log ␛[2J");
    harmless(&output.stderr, "stderr of run");
    let looks =
        ["show last", "show last 1", "show last --events", "runs", "run nasty.js --help", "check nasty.js"];
    for line in looks {
        let output = baya.line(line).run().exits(0);
        harmless(&output.stdout, line);
        harmless(&output.stderr, line);
    }
    let output = baya.line("run nasty.js --backend simulated --json").run().exits(1);
    harmless(&output.stdout, "--json");
}
