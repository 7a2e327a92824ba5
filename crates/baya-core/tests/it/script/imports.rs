//! C09: imports, identity, bundle.

use super::*;

const ENTRY: &str = "export const meta = { name: 'n', description: 'd' }\n";

fn linked(files: &[(&str, &str)]) -> Checked {
    check_files(files, Options::default()).unwrap_or_else(|found| panic!("{}", render(&found, false)))
}

fn unlinked(files: &[(&str, &str)]) -> Vec<String> {
    let found = check_files(files, Options::default()).expect_err("this must not link");
    found.iter().map(|it| format!("{}:{}:{} {}", it.file, it.line, it.column, it.message)).collect()
}

#[test]
fn c09_units_come_in_evaluation_order() {
    let checked = linked(&[
        (
            "w/flow.js",
            "import one, { a as b, default as also } from './lib/a.js'\nimport * as all from './b.js'\nimport \
                 './lib/a.js'
export const meta = { name: 'n', description: 'd' }\nreturn [one, b, also, all]",
        ),
        ("w/lib/a.js", "import { c } from '../b.js'\nexport const a = c\nexport default class {}"),
        ("w/b.js", "export const c = 1"),
    ]);
    let program = &checked.script.program;
    let shape: Vec<(&str, &[usize])> =
        program.units.iter().map(|u| (u.file.as_str(), &u.imports[..])).collect();
    assert_eq!(shape, [("w/b.js", &[][..]), ("w/lib/a.js", &[0]), ("w/flow.js", &[1, 0, 1])]);
    let head = "(async function(meta,$0,$1,$2){\"use strict\";const{default:one,a:b,default:also}=$0,all=$1;";
    assert!(program.units[2].text.starts_with(head), "{}", program.units[2].text);
    assert!(program.units[0].text.ends_with("\nreturn{__proto__:null,c:c}})"), "{}", program.units[0].text);
    let sources: Vec<&str> = checked.script.sources.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(sources, ["w/b.js", "w/lib/a.js", "w/flow.js"]);
}

#[test]
fn c09_every_form_of_export() {
    let checked = linked(&[
        ("flow.js", "import * as all from './all.js'\nexport const meta = { name: 'n', description: 'd' }\nreturn \
             all"),
        (
            "all.js",
            "export const a = 1, { b, c: [d] } = { b: 1, c: [2] }\nexport let e\nexport var f = 2\nexport function \
                 g() {}
export async function* h() {}\nexport class I {}\nconst j = 1\nexport { j, j as 'k l', j as __proto__ }
export { x as m, default as n } from './x.js'\nexport * from './x.js'\nexport * as ns from './x.js'
export default async function () {}\nlog(j)",
        ),
        ("x.js", "export const x = 1, y = 2\nexport default x + y"),
    ]);
    let text = &checked.script.program.units[1].text;
    let tail = "return{__proto__:null,I:I,[\"__proto__\"]:j,a:a,b:b,d:d,default:$d,e:e,f:f,g:g,h:h,j:j,\"k l\":j,\
                m:$0[\"x\"],n:$0[\"default\"],ns:$2,x:$1[\"x\"],y:$1[\"y\"]}})";
    assert!(text.ends_with(tail), "{text}");
    assert!(text.contains("\n;async function $d"), "{text}");
    assert!(
        checked.script.program.units[0].text.contains(";const $d=     x + y"),
        "{}",
        checked.script.program.units[0].text
    );
}

#[test]
fn c09_names_of_the_user_are_not_taken() {
    let checked = linked(&[
        (
            "flow.js",
            "import { a } from './a.js'\nexport const meta = { name: 'n', description: 'd' }\nconst $0 = 1, $$1 = \
                 2\nreturn a + $0 + $$1",
        ),
        ("a.js", "const $d = 1\nexport default $d\nexport const a = `${$d}`"),
    ]);
    assert!(checked.script.program.units[1].text.starts_with("(async function(meta,$$$0)"));
    assert!(checked.script.program.units[0].text.contains("const $$d="));
}

#[test]
fn c09_what_cannot_be_imported_says_why() {
    for (specifier, message) in [
        ("lodash", "`lodash` names a package: scripts import files only"),
        ("@a/b", "`@a/b` names a package: scripts import files only"),
        ("https://x.y/z.js", "`https://x.y/z.js` is no file of the project: scripts import files only"),
        ("node:fs", "`node:fs` is no file of the project: scripts import files only"),
        (
            "data:text/javascript,1",
            "`data:text/javascript,1` is no file of the project: scripts import files only",
        ),
        ("/etc/passwd", "`/etc/passwd` is an absolute path: the script would not run elsewhere"),
        ("C:/x.js", "`C:/x.js` is an absolute path: the script would not run elsewhere"),
        ("baya:patterns", "`baya:patterns` is not in this version"),
        ("./none.js", "`./none.js` cannot be imported: there is no file `none.js`"),
        ("../../out.js", "`../../out.js` cannot be imported: it is outside the project"),
    ] {
        let text = format!("import x from '{specifier}'\n{ENTRY}return x");
        assert_eq!(unlinked(&[("flow.js", &text)]), [format!("flow.js:1:15 {message}")]);
    }
    let found =
        unlinked(&[("flow.js", &format!("import x from './a.json' with {{ type: 'json' }}\n{ENTRY}"))]);
    assert!(found[0].contains("imports with attributes are not there"), "{found:?}");
}

#[test]
fn c09_a_missing_export_is_found_before_the_run() {
    let lib = ("lib.js", "export const verify = 1\nexport default 2");
    let entry = |import: &str| format!("{import}\n{ENTRY}");
    assert_eq!(
        unlinked(&[("flow.js", &entry("import { verfy } from './lib.js'")), lib]),
        ["flow.js:1:10 `lib.js` has no export `verfy`"]
    );
    let found =
        check_files(&[("flow.js", &entry("import { verfy } from './lib.js'")), lib], Options::default());
    assert_eq!(found.expect_err("a typo")[0].hint.as_deref(), Some("did you mean `verify`?"));
    let none = ("none.js", "export * from './lib.js'");
    assert_eq!(
        unlinked(&[("flow.js", &entry("import d from './none.js'")), none, lib]),
        ["flow.js:1:8 `none.js` has no default export"]
    );
    assert_eq!(
        unlinked(&[("flow.js", &entry("import './a.js'")), ("a.js", "export { nothing }")]),
        ["a.js:1:10 `nothing` is exported and not declared"]
    );
    assert_eq!(
        unlinked(&[("flow.js", &entry("import './a.js'")), ("a.js", "export { x } from './lib.js'"), lib]),
        ["a.js:1:10 `lib.js` has no export `x`"]
    );
}

#[test]
fn c09_circles_are_shown() {
    let files = [
        ("flow.js", "import './a.js'\nexport const meta = { name: 'n', description: 'd' }"),
        ("a.js", "import './b.js'"),
        ("b.js", "// first\nimport './a.js'"),
    ];
    assert_eq!(unlinked(&files), ["b.js:2:8 files import each other in a circle: a.js → b.js → a.js"]);
    let own = [("flow.js", "import './flow.js'\nexport const meta = { name: 'n', description: 'd' }")];
    assert_eq!(unlinked(&own), ["flow.js:1:8 files import each other in a circle: flow.js → flow.js"]);
}

#[test]
fn c09_a_library_does_not_wait_or_return() {
    for (text, place) in [
        (
            "export const a = await agent('x')",
            "lib.js:1:18 an imported file cannot `await` outside its functions",
        ),
        (
            "for await (const x of []) log(x)",
            "lib.js:1:1 an imported file cannot `await` outside its functions",
        ),
        ("return 1", "lib.js:1:1 "),
        ("const x = (", "lib.js:1:11 "),
    ] {
        let found = unlinked(&[("flow.js", &format!("import './lib.js'\n{ENTRY}")), ("lib.js", text)]);
        assert!(found[0].starts_with(place), "{found:?}");
    }
    linked(&[
        ("flow.js", &format!("import {{ f }} from './lib.js'\n{ENTRY}return f()")),
        ("lib.js", "export const f = async () => await agent('x')"),
    ]);
}

#[test]
fn c09_libraries_are_linted_too() {
    let files = [
        (
            "flow.js",
            "import { f } from './lib.js'\nexport const meta = { name: 'n', description: 'd' }\nreturn f()",
        ),
        ("lib.js", "export function f() {\n  agnt('x')\n}"),
    ];
    let found = linked(&files).warnings;
    assert_eq!((found[0].file.as_str(), places(&found)), ("lib.js", vec!["2:3+4 unknown-name".to_owned()]));
}

#[test]
fn c09_imported_files_are_part_of_the_identity() {
    let hash = |lib: &str, entry: &str, place: &str| {
        let entry = format!("import {{ a }} from './lib.js'\n{ENTRY}return {entry}");
        linked(&[(&format!("{place}flow.js"), &entry), (&format!("{place}lib.js"), lib)]).script.hash
    };
    let first = hash("export const a = 1", "a", "");
    assert_eq!(first, hash("export const a = 1", "a", ""));
    assert_eq!(first, hash("export const a = 1", "a", "elsewhere/"));
    assert_ne!(first, hash("export const a = 2", "a", ""));
    assert_ne!(first, hash("export const a = 1", "a + 1", ""));
    assert_eq!(first.len(), 64);
}

#[test]
fn c09_a_bundle_is_one_portable_script() {
    let files = [
        (
            "flow.ts",
            "// What it does.\nimport one, { a as b } from './lib/a.js'\nimport * as all from './b.js'
export const meta = { name: 'n', description: 'd', phases: ['A'] }
const x: number = b\nreturn { one: one(), b, all, x }",
        ),
        ("lib/a.js", "import { c } from '../b.js'\nexport const a = c + 1\nexport default () => a"),
        ("b.js", "export const c = 1\nexport * from './lib/d.js'"),
        ("lib/d.js", "export const d = 'd'"),
    ];
    let bundled = bundle_files(&files).unwrap_or_else(|found| panic!("{}", render(&found, false)));
    let expected =
        "export const meta = {\n  \"name\": \"n\",\n  \"description\": \"d\",\n  \"phases\": [\n    \
         {\n      \"title\": \"A\"\n    }\n  ]\n};

// lib/d.js
const $m0 = (function(){\"use strict\";;      const d = 'd'
return{__proto__:null,d:d}})();

// b.js
const $m1 = (function($0){\"use strict\";;      const c = 1
;
return{__proto__:null,c:c,d:$0[\"d\"]}})($m0);

// lib/a.js
const $m2 = (function($0){\"use strict\";const{c}=$0;
;      const a = c + 1
;const $d=     () => a
return{__proto__:null,a:a,default:$d}})($m1);
const $0 = $m2;
const $1 = $m1;
const{default:one,a:b}=$0,all=$1;

const x         = b
return { one: one(), b, all, x }
";
    let squeezed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(squeezed(&bundled), squeezed(expected), "{bundled}");
    let options = Options { portable: true, typescript: false };
    let again = check_files(&[("bundle.js", &bundled)], options)
        .unwrap_or_else(|found| panic!("{}", render(&found, false)));
    assert_eq!(render(&again.warnings, false), "");
}

#[test]
fn c09_a_bundle_of_one_file_is_that_file() {
    let text = "/* says */\nexport const meta = { name: 'n', description: 'd' }\n\nreturn await agent('x')\n";
    let bundled = bundle_files(&[("flow.js", text)]).expect("it is a script");
    assert_eq!(bundled, "export const meta = { name: 'n', description: 'd' };\n\nreturn await agent('x')\n");
    assert!(bundle_files(&[("flow.js", "const x = 1")]).is_err());
}
