//! C01: what a file of text may be.

use super::*;
use baya_core::limits::{SCRIPT_BRACKETS_MAX, SCRIPT_BYTES_MAX, SCRIPT_CHAIN_MAX};

fn entry(checked: &Checked) -> &str {
    &checked.script.program.units.last().expect("a program has units").text
}

#[test]
fn c01_a_mark_and_crlf_are_fine() {
    let checked = healthy("\u{feff}export const meta = { name: 'n', description: 'd' }\r\nreturn 1\r\n");
    assert!(!entry(&checked).contains('\u{feff}'));
    assert_eq!(entry(&checked).split("\r\n").nth(1), Some("return 1"));
    refused("\u{feff}export const meta = { name: 'n', description: x }\r\n", &["1:47+1 meta-literal"]);
    refused(&format!("{}\r\n  return (1,;\r\n", META.trim()), &["2:13+1 syntax"]);
}

#[test]
fn c01_an_outer_markdown_fence_is_no_part_of_the_script() {
    for (open, close) in
        [("```js\n", "\n```"), ("\n\n````javascript\n", "\n````\n\n"), ("```\r\n", "\r\n```\r\n")]
    {
        let checked = healthy(&format!("{open}{META}return `a`{close}"));
        assert!(!entry(&checked).contains("``"));
        assert_eq!(checked.meta.name, "n");
    }
    // Lines are those of the file with its fence.
    refused(&format!("\n```js\n{META}return 1 1\n```\n"), &["4:9+0 syntax"]);
    // A fence that does not close is JavaScript, and wrong as that.
    assert!(check_text(&format!("```js\n{META}return 1")).is_err());
}

#[test]
fn c01_at_most_512_kib() {
    let fill = |bytes: usize| format!("{META}//{}", "x".repeat(bytes - META.len() - 2));
    healthy(&fill(SCRIPT_BYTES_MAX));
    shows(
        &fill(SCRIPT_BYTES_MAX + 1),
        "error[too-large]: the script has 524289 bytes, more than the 524288 a script may have
         --> flow.js:1:1
          = hint: move data out of the script: give it as `args`, or split code into imported files"
            .replace("\n         ", "\n")
            .as_str(),
    );
    assert!(SourceFile::from_bytes("a.js", vec![b' '; SCRIPT_BYTES_MAX + 1]).is_err());
}

#[test]
fn c01_only_utf8() {
    let file = SourceFile::from_bytes("a.js", "é = 1".as_bytes().to_vec()).expect("this is UTF-8");
    assert_eq!(file.text, "é = 1");
    let bytes = [META.as_bytes(), "// Ünï €".as_bytes(), b"x\xe4 = 1"].concat();
    let broken = SourceFile::from_bytes("a.js", bytes).expect_err("0xe4 begins a character");
    assert_eq!(places(&broken), ["2:10+1 not-utf8"]);
}

/// What makes a syntax tree deep when it is repeated.
const RUNS: [&str; 57] = [
    "[",
    "(",
    "{",
    "`${",
    "x=>",
    "!",
    "-",
    "- ",
    "typeof ",
    "new ",
    "a.",
    "a+",
    "a?b:",
    "a=",
    "a\n.b",
    "()",
    "[0]",
    "if(a)",
    "for(;;)",
    "while(1)",
    "do ",
    "a:",
    "if(a);else ",
    "if(a)\n",
    "a\n=",
    "async ()=>",
    "function f(){",
    "class A{a=",
    "a`",
    "a``",
    "f(",
    "...[",
    "a,[",
    ";[",
    "({a:",
    "await ",
    "void 0,",
    "a**",
    "a??",
    "a&&",
    "a in ",
    "'x'+",
    "1+",
    "/a/.b",
    "x++/",
    "label:\n",
    "else ",
    "switch(a){case ",
    "try{",
    "import('",
    "yield ",
    "(a,",
    "a\n?b\n:",
    "if(a)var b\nelse ",
    "a<",
    "{}\n+",
    "b\nc+",
];

#[test]
fn c01_nesting_is_refused_before_it_can_end_the_process() {
    let half = SCRIPT_BYTES_MAX - 200;
    for run in RUNS {
        let text = format!("{META}{}", run.repeat(half / run.len()));
        let _ = check_text(&text);
        let _ = check_files(&[("a.ts", &text)], Options::default());
        // Just below the limits, whatever this run counts for.
        for count in [90, 190, 480, 700, 950, 1_450, 2_900] {
            let below = format!("{META}const x = {}", run.repeat(count));
            let _ = check_files(&[("a.ts", &below)], Options::default());
        }
    }
    let nested = |depth: usize| format!("{META}return {}{}", "[".repeat(depth), "]".repeat(depth));
    healthy(&nested(SCRIPT_BRACKETS_MAX - 10));
    refused(&nested(SCRIPT_BRACKETS_MAX + 1), &["2:208+1 too-deep"]);
    let chain = |length: usize| format!("{META}const a = 1\nreturn a{}", "+a".repeat(length));
    healthy(&chain(SCRIPT_CHAIN_MAX - 100));
    assert_eq!(check_text(&chain(SCRIPT_CHAIN_MAX + 1)).expect_err("too long")[0].code, "too-deep");
}

#[test]
fn c01_long_plain_scripts_are_not_taken_for_deep_ones() {
    let lines = [
        "log('a' + 'b')\n",
        "x.a = x.b ? 1 : 2\n",
        "if (x.a) { x.b = 1 } else { x.c = 2 }\n",
        "const y1 = await agent(`a ${x.a} b`)\n",
        "x.f = (a) => a.b.c\n",
        "x['a'] = [1, 2, { a: 1 }]\n",
        "x.r = /[(\"']/.test('a')\n",
    ];
    for line in lines {
        let body: String = (0..4_000).map(|n| line.replace("y1", &format!("y{n}"))).collect();
        healthy(&format!("{META}const x = {{}}\n{body}"));
    }
}
