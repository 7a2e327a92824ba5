//! Whatever the input, the front end answers: it never panics and never overflows its stack.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

const HEALTHY: &str = include_str!("healthy.ts");

fn answers(text: &str) {
    for name in ["flow.js", "flow.ts"] {
        let options = Options { portable: true, typescript: false };
        let files = [(name, text), ("lib.js", "export const a = 1\nexport default a")];
        match check_files(&files, options) {
            Ok(checked) => drop(render(&checked.warnings, true)),
            Err(found) => drop(render(&found, true)),
        }
        let _ = bundle_files(&files);
    }
}

#[test]
fn the_healthy_text_of_the_mutations_is_healthy() {
    let files = [("flow.ts", HEALTHY), ("lib.js", "export const a = 1\nexport default a")];
    let checked =
        check_files(&files, Options::default()).unwrap_or_else(|found| panic!("{}", render(&found, false)));
    assert_eq!(render(&checked.warnings, false), "");
}

#[test]
fn many_findings_end_in_time() {
    let names: String = (0..20_000).map(|n| format!("n{n}x;")).collect();
    let declared: String = (0..5_000).map(|n| format!("const m{n}y = 1\n")).collect();
    let found = check_text(&format!("{META}{declared}{names}")).expect("only warnings").warnings;
    assert_eq!(found.len(), 100);
    let loops = "while (true) { agent('x') }\n".repeat(10_000);
    assert_eq!(check_text(&format!("{META}{loops}")).expect("only warnings").warnings.len(), 100);
}

const PIECES: [&str; 40] = [
    "export ",
    "const ",
    "meta",
    " = ",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "`",
    "${",
    "'",
    "\"",
    "/",
    "*/",
    "/*",
    "//",
    "\n",
    "\r\n",
    "=>",
    "async ",
    "await ",
    "agent(",
    "parallel([",
    "import ",
    " from './lib.js'\n",
    "default ",
    "class A ",
    ": string",
    " as any",
    "<T>",
    "?",
    "!",
    ";",
    "\u{feff}",
    "漢",
    "𝒳",
    "\u{0}",
    "\\u{110000}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..400)) {
        answers(&String::from_utf8_lossy(&bytes));
        drop(SourceFile::from_bytes("flow.js", bytes));
    }

    #[test]
    fn any_text_behind_meta_is_answered(body in any::<String>()) {
        answers(&format!("{META}{body}"));
    }

    #[test]
    fn any_pieces_are_answered(pieces in vec(proptest::sample::select(&PIECES[..]), 0..60)) {
        let text = pieces.concat();
        answers(&text);
        answers(&format!("{META}{text}"));
    }

    #[test]
    fn mutations_of_a_healthy_script_are_answered(
        cuts in vec((any::<prop::sample::Index>(), 0usize..30, 0usize..40), 1..4),
    ) {
        let mut text: Vec<char> = HEALTHY.chars().collect();
        for (at, gone, piece) in cuts {
            let at = at.index(text.len());
            let end = (at + gone).min(text.len());
            let put: Vec<char> = if gone % 2 == 0 { PIECES[piece].chars().collect() } else { Vec::new() };
            text.splice(at..end, put);
        }
        answers(&text.into_iter().collect::<String>());
    }
}
