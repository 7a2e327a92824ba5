//! Scripts through the real front end: what it emits is what the isolate evaluates.

use crate::fixture::{Run, drive, echo, start};
use baya_core::call::Start;
use baya_core::script::{Options, SourceFile, check};
use serde_json::json;

const META: &str = "export const meta = {name: 'm', description: 'd', list: [1]}";

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile { name: name.to_owned(), text: text.to_owned() }
}

fn run(entry: SourceFile, libraries: &[(&str, &str)]) -> Run {
    let mut load = |_: &str, specifier: &str| {
        let found = libraries.iter().find(|(name, _)| *name == specifier);
        found.map(|(name, text)| file(name, text)).ok_or_else(|| "no such file".to_owned())
    };
    let checked = check(entry, &Options::default(), &mut load).unwrap();
    drive(Start { program: checked.script.program, meta: checked.script.meta, ..start("") }, &echo)
}

#[test]
fn c05_a_checked_script_runs() {
    let text = format!("{META}\nphase('One')\nconst x = await agent('a')\nreturn {{x, meta}}\n");
    let done = run(file("s.js", &text), &[]).value();
    assert_eq!(done, json!({"x": "done: a", "meta": {"name": "m", "description": "d", "list": [1]}}));
}

/// `@` stands before each `agent`; the call's position must be the one after it.
#[test]
fn c08_positions_are_those_of_the_users_file() {
    for marked in [
        format!("{META}\nreturn await @agent('a')"),
        format!(
            "{META}\nconst x = 1, o = {{ y: 2 }}\nreturn @agent(`look at ${{x}}`,\n  {{label: o.y + String(x)}})"
        ),
        format!("{META}\nconst x = 1; return parallel([1].map((n) => () => @agent(`agent(${{n}}) ${{x}}`)))"),
        format!("{META}; return await @agent('a')"),
        format!("\u{feff}{META}\r\nconst s = 'é😀'; const f = () => @agent(s)\r\n\r\n  await f()"),
        format!("// é😀\n{META}; /* é */ const t = `\n`; await @agent(t)"),
        "export const meta = {\n  name: 'm',\n  description: 'é' }; /*😀*/ await @agent('a')".to_owned(),
        format!("import {{ f }} from './lib.js'\n{META}\nawait f(() => @agent('x'))"),
    ] {
        let run =
            run(file("s.js", &marked.replace('@', "")), &[("./lib.js", "export const f = (g) => g()\n")]);
        let site = run.calls[0].site.clone().unwrap();
        let before = marked.strip_prefix('\u{feff}').unwrap_or(&marked).split('@').next().unwrap();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
        assert_eq!((site.line as usize, site.column as usize), (line, column), "{marked}");
        assert_eq!(site.file, "s.js");
    }
}

#[test]
fn c09_imports_run_once_and_keep_their_positions() {
    let lib = "export let n = 0\nexport function next() { n += 1; return n }\nexport const fail = () => {\n  throw \
         new Error('no') }\n";
    let text = format!(
        "import {{ next, n, fail }} from './lib.js'\n{META}\nconst seen = [next(), next(), typeof n]\ntry \
         {{ fail() }} catch (e) {{ log(seen); throw e }}"
    );
    let run = run(file("s.js", &text), &[("./lib.js", lib)]);
    assert_eq!(run.logs()[0], "[1,2,\"number\"]");
    let stack: Vec<_> = run.error().stack.iter().map(|site| (site.file.clone(), site.line)).collect();
    assert_eq!(stack, [("./lib.js".to_owned(), 4), ("s.js".to_owned(), 4)]);
}
