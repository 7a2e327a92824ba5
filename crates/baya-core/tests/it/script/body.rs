//! C05, C06: the body, and what is refused in it.

use super::*;

#[test]
fn c05_await_and_return_stand_at_the_top() {
    let checked =
        healthy(&format!("{META}const a = await agent('hi')\nfor await (const x of []) log(x)\nreturn a"));
    let unit = &checked.script.program.units[0].text;
    let lines: Vec<&str> = unit.lines().collect();
    assert!(lines[0].starts_with("(async function(meta){\"use strict\";"), "{unit}");
    assert_eq!(
        lines[1..],
        ["const a = await agent('hi')", "for await (const x of []) log(x)", "return a", "})"]
    );
}

#[test]
fn c05_the_body_is_strict() {
    refused(&format!("{META}with ({{}}) {{}}"), &["2:1+4 syntax"]);
    assert!(check_text(&format!("{META}return 010")).is_err());
    assert!(check_text(&format!("{META}delete args")).is_err());
}

#[test]
fn c05_the_body_is_a_function_not_a_module() {
    // Twice the same function is fine in a function, an error in a module.
    healthy(&format!("{META}function f() {{}}\nfunction f() {{}}\nreturn f(meta.name)"));
}

#[test]
fn c06_syntax_errors_have_a_place_a_line_and_a_caret() {
    shows(
        &format!("{META}const a = 1\nreturn {{ a b }}\n"),
        "error[syntax]: expected `,` or `}` but found `Identifier`
 --> flow.js:3:12
  |
3 | return { a b }
  |            ^
  |
  = hint: something may be missing right before this place",
    );
    shows(
        &format!("{META}return [\n"),
        "error[syntax]: expected `]` but found `EOF`
 --> flow.js:2:8
  |
2 | return [
  |        ^
  |
  = hint: something that was opened is not closed before the end of the file",
    );
    for text in [
        "return 'open",
        "return `open",
        "return /open",
        "return (",
        "}",
        "return 1 +",
        "let let = 1",
        "\u{0}",
        "const a",
        "@",
    ] {
        let found = check_text(&format!("{META}{text}")).expect_err(text);
        assert_eq!((found[0].code, found[0].line), ("syntax", 2), "{text}");
    }
}

#[test]
fn c06_a_name_declared_twice_is_shown_at_the_second_place() {
    refused(&format!("{META}const x = 1\nconst x = 2"), &["3:7+1 syntax"]);
    refused(&format!("{META}const meta = 1"), &["2:7+4 syntax"]);
}

#[test]
fn c06_a_second_export_is_refused() {
    for text in [
        "export const a = 1",
        "export default 1",
        "export { a }",
        "export * from './a.js'",
        "export function f() {}",
    ] {
        refused(&format!("{META}const a1 = 1\n{text}"), &["3:1+6 second-export"]);
    }
}

#[test]
fn c06_loading_and_making_code_is_refused_where_it_is_visible() {
    for (text, place) in [
        ("await import('./a.js')", "2:7+16 dynamic-import"),
        ("return import.meta.url", "2:8+11 import-meta"),
        ("eval('1')", "2:1+4 code-from-text"),
        ("const e = eval", "2:11+4 code-from-text"),
        ("new Function('a', 'return a')", "2:5+8 code-from-text"),
        ("Function('return 1')()", "2:1+8 code-from-text"),
        ("(() => 1).constructor('return 1')", "2:1+33 code-from-text"),
        ("globalThis.eval('1')", "2:1+20 code-from-text"),
        ("new globalThis.Function('1')", "2:1+28 code-from-text"),
        ("setTimeout('log(1)', 1)", "2:12+8 code-from-text"),
    ] {
        refused(&format!("{};\n{text}", META.trim()), &[place]);
    }
    healthy(&format!(
        "{META}const f = () => 1\nreturn [f instanceof Function, typeof eval, f.constructor === Function]"
    ));
}

#[test]
fn c06_syntax_that_no_engine_has_yet_is_refused() {
    for text in ["@d class A {}", "class A { accessor a = 1 }", "using a = null", "await using a = null"] {
        let found = check_text(&format!("{META}const d = () => {{}}\n{text}")).expect_err(text);
        assert_eq!((found[0].code, found[0].line), ("syntax", 3), "{text}");
    }
}

#[test]
fn findings_are_json_too() {
    let found = check_text(&format!("{META}return fetch('x')")).expect_err("no network");
    let expected = serde_json::json!([{ "severity": "error", "code": "absent-global",
        "message": "`fetch` is not there: a script reaches no network", "file": "flow.js", "line": 2, "column": 8,
        "length": 5, "source": "return fetch('x')",
        "hint": "ask an agent for it: `await agent('Read https://… and …')`, or give the data as `args`" }]);
    assert_eq!(serde_json::to_value(&found).expect("plain data"), expected);
}
