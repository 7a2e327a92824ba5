//! C08: every position is the user's.

use super::*;
use proptest::prelude::*;

#[test]
fn c08_columns_count_characters() {
    for (line, place) in [
        ("agnt('x')", "2:1+4 unknown-name"),
        ("\tagnt('x')", "2:2+4 unknown-name"),
        ("/* é漢 */ agnt('x')", "2:10+4 unknown-name"),
        ("/* 𝒳🧵 */ agnt('x')", "2:10+4 unknown-name"),
        ("log('e\u{301}'); agnt('x')", "2:12+4 unknown-name"),
        ("const 漢字 = 1; return 漢宇", "2:22+2 unknown-name"),
        ("log('\u{2028}'); agnt()", "2:11+4 unknown-name"),
    ] {
        let checked = check_text(&format!("{META}{line}")).expect("only a warning");
        assert_eq!(places(&checked.warnings), [place], "{line}");
        let crlf = format!("{META}{line}\n").replace('\n', "\r\n");
        assert_eq!(places(&check_text(&crlf).expect("only a warning").warnings), [place], "{line} with CRLF");
    }
}

#[test]
fn c08_a_caret_stands_under_its_character() {
    shows(
        &format!("{META}\tconst 漢 = '𝒳'; agnt()"),
        "warning[unknown-name]: `agnt` is declared nowhere
 --> flow.js:2:17
  |
2 |     const 漢 = '𝒳'; agnt()
  |                     ^^^^
  |
  = hint: did you mean `agent`?",
    );
}

#[test]
fn c08_a_long_line_is_cut_around_the_place() {
    let text = format!("{META}log('{}'); agnt(); log('{}')", "é".repeat(5_000), "x".repeat(5_000));
    let found = &check_text(&text).expect("only a warning").warnings[0];
    assert_eq!((found.line, found.column, found.length), (2, 5_010, 4));
    assert!(found.source.len() < 1_000);
    let from = (found.column - 1 - found.source_start) as usize;
    assert_eq!(found.source.chars().skip(from).take(4).collect::<String>(), "agnt");
    assert!(rendered(&text).contains("flow.js:2:5010"));
}

#[test]
fn c08_a_place_at_the_end_is_inside_the_file() {
    for text in [
        "",
        "x",
        "export",
        "export const meta = {",
        "export const meta = { name: 'n', description: 'd' }\nif (",
        "\u{feff}",
        "```\n```",
    ] {
        for found in check_text(text).expect_err("broken") {
            let lines: Vec<&str> = text.split('\n').collect();
            assert!(found.line >= 1 && found.line as usize <= lines.len(), "{text:?}: {found:?}");
            assert!(
                found.column as usize <= lines[found.line as usize - 1].chars().count() + 1,
                "{text:?}: {found:?}"
            );
        }
    }
}

#[test]
fn c08_controls_in_a_script_do_not_reach_the_terminal() {
    let shown = rendered(&format!("{META}agnt('\u{1b}[31m\u{202e}'); const a\u{200d} = ; "));
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown:?}");
}

/// Every `KEEP` of the user's text stands in the unit where it stood: same line, same column.
fn stays_in_place(files: &[(&str, &str)]) {
    let checked = check_files(files, Options::default()).unwrap_or_else(|e| panic!("{}", render(&e, false)));
    for (unit, (_, source)) in checked.script.program.units.iter().zip(&checked.script.sources) {
        let places = |text: &str, shift: u32| -> Vec<(usize, usize)> {
            let lines = text.split('\n').enumerate();
            let found = lines.flat_map(|(number, line)| {
                let shift = if number == 0 { shift as usize } else { 0 };
                line.match_indices("KEEP").map(move |(at, _)| (number, line[..at].chars().count() - shift))
            });
            found.collect()
        };
        let tail = unit.text.rfind('\n').unwrap_or(0);
        let (kept, wanted) = (places(&unit.text[..tail], unit.shift), places(source, 0));
        assert!(!wanted.is_empty());
        assert_eq!(kept, wanted, "{}\n{}", unit.file, unit.text);
    }
}

#[test]
fn c08_code_stays_where_it_is() {
    stays_in_place(&[(
        "flow.js",
        "export const meta = { name: 'n', description: 'd' }; const KEEP = 1; return KEEP",
    )]);
    stays_in_place(&[(
        "flow.js",
        "export const meta={name:'漢',description:'𝒳'};const KEEP='漢';return KEEP\r\n//KEEP",
    )]);
    stays_in_place(&[
        (
            "flow.js",
            "// A\nimport { A } from './a.js'\nexport const meta = {\n  name: 'n',\n  description: 'd',\n}; const \
                 KEEP = A
import B, { C as D } from './b.js'; const KEEP2 = B + D\nimport * as E from './a.js'\nreturn [KEEP, KEEP2, E] // \
     KEEP",
        ),
        ("a.js", "export const A = 'KEEP', KEEP = A\nexport { A as B }; const KEEP3 = 1\nexport default KEEP3"),
        ("b.js", "import { A } from './a.js'; const KEEP = A; export default function () { return KEEP }\nexport \
             class C { KEEP = 1 }"),
    ]);
}

#[test]
fn c08_the_first_line_is_moved_only_where_there_is_no_room() {
    let shift = |files: &[(&str, &str)]| -> Vec<u32> {
        let checked =
            check_files(files, Options::default()).unwrap_or_else(|e| panic!("{}", render(&e, false)));
        checked.script.program.units.iter().map(|unit| unit.shift).collect()
    };
    assert_eq!(shift(&[("f.js", "export const meta={name:'a',description:'b'};return 1")]), [0]);
    let import = "import{a}from'./a.js';";
    let on_one_line = format!("{import}{import}export const meta={{name:'a',description:'b'}};return a");
    let on_one_line = on_one_line.replacen("{a}", "{a as b}", 1);
    assert_eq!(
        shift(&[("f.js", &on_one_line), ("a.js", "// room for the head of a function\nexport const a = 1")]),
        [0, 0]
    );
    let entry = "import { a } from './a.js'\nexport const meta = { name: 'a', description: 'b' }\nreturn a";
    let moved = shift(&[("f.js", entry), ("a.js", "export const a = 1")]);
    assert!(moved[0] > 0 && moved[1] == 0, "{moved:?}");
    // And a finding on that line is still at the user's column.
    let files = [("f.js", entry), ("a.js", "export const a = agnt")];
    let found = check_files(&files, Options::default()).expect("only a warning").warnings;
    assert_eq!((found[0].file.as_str(), places(&found)), ("a.js", vec!["1:18+4 unknown-name".to_owned()]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A finding behind any text is where the text ends.
    #[test]
    fn c08_a_place_behind_any_comment_is_exact(comment in "[a-z \
         \t漢𝒳é🧵\u{301}]{0,40}", lines in 0usize..4, crlf: bool) {
        let end = if crlf { "\r\n" } else { "\n" };
        let filler: String = (0..lines).map(|_| format!("// {comment}{end}")).collect();
        let text = format!("{}{end}{filler}/*{comment}*/agnt()", META.trim());
        let found = check_text(&text).expect("only a warning").warnings;
        let column = comment.chars().count() + 5;
        prop_assert_eq!(places(&found), vec![format!("{}:{}+4 unknown-name", lines + 2, column)]);
    }
}
