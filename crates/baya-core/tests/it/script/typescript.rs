//! C07: types are removed in place, or refused with a reason.

use super::*;

/// What is left of a body, without the blanks at line ends.
fn strips(body: &str, expected: &str) {
    let text = format!("{META}{body}");
    let checked = check_files(&[("flow.ts", &text)], Options::default());
    let checked = checked.unwrap_or_else(|found| panic!("{body}\n{}", render(&found, false)));
    let unit = &checked.script.program.units[0].text;
    let lines: Vec<&str> = unit.split('\n').collect();
    let left: Vec<String> = lines[1..lines.len() - 1].iter().map(|line| line.trim_end().to_owned()).collect();
    let wanted: Vec<String> = expected.split('\n').map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(left, wanted, "for:\n{body}");
}

#[test]
fn c07_types_are_blanked_where_they_stand() {
    for (typed, plain) in [
        ("let a: number = 1", "let a         = 1"),
        ("let a!: number", "let a ;"),
        ("const f = (a: string, b?: number): void => {}", "const f = (a        , b         )       => {}"),
        (
            "function f<T>(this: T, a?: T, ...b: T[]): T | null { return null }",
            "function f   (         a    , ...b     )           { return null }",
        ),
        ("const a = args as string", "const a = args;"),
        ("const a = args satisfies string", "const a = args;"),
        ("const a = args as unknown as { b: string }[]", "const a = args           ;"),
        ("const a = args!.b!.c!", "const a = args .b .c;"),
        ("const m = new Map<string, number[]>()", "const m = new Map                  ()"),
        ("const f = log<string>", "const f = log;"),
        ("const r = agent<{ a: 1 }>('x')", "const r = agent          ('x')"),
        ("type A = { a: string }", ";"),
        ("interface A extends B<string> { a(): void }", ";"),
        ("declare const x: number", ";"),
        ("declare function f(): void", ";"),
        ("declare module 'x' { }", ";"),
        ("declare global { interface A {} }", ";"),
        ("declare enum E { A }", ";"),
        (
            "function f(a: string): void\nfunction f(a: any) { return a }",
            ";\nfunction f(a     ) { return a }",
        ),
        ("try {} catch (e: unknown) {}", "try {} catch (e         ) {}"),
        ("for (const x of args as string[]) log(x)", "for (const x of args            ) log(x)"),
        ("const { a, b }: { a: 1, b: 2 } = args", "const { a, b }                 = args"),
        ("const f = async <T,>(x: T) => x", "const f = async     (x   ) => x"),
        (
            "const g = function <T extends object>(x: T) { return x }",
            "const g = function                   (x   ) { return x }",
        ),
        ("const f = (x): x is string => true", "const f = (x)              => true"),
        ("const a = (args as any).b = 1", "const a = (args       ).b = 1"),
        ("const f = (a = 1 as number) => a", "const f = (a = 1          ) => a"),
        (
            "const s = tag<string>`x`; function tag<T>(x: T) { return x }",
            "const s = tag        `x`; function tag   (x   ) { return x }",
        ),
    ] {
        strips(typed, plain);
    }
}

#[test]
fn c07_classes_keep_their_code() {
    strips(
        "abstract class A<T> extends Object<T> implements B, C<T> {
  private readonly a: string = 'a'
  static b?: number
  public static c = 1
  declare d: string
  abstract e(): void
  [key: string]: unknown
  f!: number
  constructor(x: string)
  constructor(x: any) { super() }
  protected async g?<U>(u: U): Promise<U> { return u }
  get h(): string { return '' }
  private ['i'] = 1
  override toString(): string { return '' }
}",
        "         class A    extends Object                       {
  ;                a         = 'a'
  static b ;
  ;      static c = 1
  ;
  ;
  ;
  f ;
  ;
  constructor(x     ) { super() }
  ;         async g    (u   )             { return u }
  get h()         { return '' }
  ;       ['i'] = 1
  ;        toString()         { return '' }
}",
    );
}

#[test]
fn c07_statements_stay_apart() {
    // Without a semicolon in the place of the type these would become one call.
    strips("const a = args as string\n(log)('x')", "const a = args;\n(log)('x')");
    strips("const a = args!\n;[1].map(log)", "const a = args\n;[1].map(log)");
    strips("log(1)\ntype A = string\n(log)('x')", "log(1)\n;\n(log)('x')");
    strips("let a: string\n(log)('x')", "let a;\n(log)('x')");
}

#[test]
fn c07_brackets_move_where_a_line_feed_would_break_the_arrow() {
    strips("const f = (a): {\n  b: 1\n} => a", "const f = (a\n\n) => a");
    strips("const f = async <\n  T\n>(a: T) => a", "const f = async (\n\n  a   ) => a");
}

#[test]
fn c07_type_imports_and_exports_are_gone() {
    let files = [
        (
            "flow.ts",
            "import type { A } from './none.js'\nimport { type B, c } from './c.ts'\nimport { type D } from \
                 './none.js'
export type E = string\nexport interface F {}\nexport const meta: A = { name: 'n', description: 'd' as const } \
     satisfies A\nexport type { B }\nreturn c as B",
        ),
        ("c.ts", "export type B = string\nexport interface G {}\nexport const c: B = ''\nexport { type B as H \
             }\nexport type * from './none.js'\nexport default interface X {}"),
    ];
    let checked =
        check_files(&files, Options::default()).unwrap_or_else(|found| panic!("{}", render(&found, false)));
    assert_eq!(checked.script.sources.len(), 2);
    assert!(
        checked.script.program.units[0].text.ends_with("return{__proto__:null,c:c}})"),
        "{}",
        checked.script.program.units[0].text
    );
}

#[test]
fn c07_what_is_more_than_a_type_is_refused() {
    for (text, place) in [
        ("enum A { B }", "2:1+12"),
        ("const enum A { B }", "2:1+18"),
        ("namespace A { export const b = 1 }", "2:1+34"),
        ("class A { constructor(private a: string) {} }", "2:23+17"),
        ("class A { constructor(readonly a: string) {} }", "2:23+18"),
        ("import a = require('a')", "2:1+23"),
        ("export = 1", "2:1+10"),
        ("const a = <string>args", "2:11+8"),
    ] {
        let found =
            check_files(&[("flow.ts", &format!("{META}{text}"))], Options::default()).expect_err(text);
        let own: Vec<&Diagnostic> = found.iter().filter(|it| it.code == "typescript").collect();
        assert_eq!(format!("{}:{}+{}", own[0].line, own[0].column, own[0].length), place, "{text}");
        assert!(own[0].hint.is_some(), "{text}");
    }
    let text = format!("{META}enum Color {{ red }}");
    let found = check_files(&[("flow.ts", &text)], Options::default()).expect_err("an enum");
    assert_eq!(
        render(&found, false).lines().map(str::trim_end).collect::<Vec<_>>().join("\n"),
        "error[typescript]: an `enum` is more than a type: it would have to be rewritten, and types are only removed
 --> flow.ts:2:1
  |
2 | enum Color { red }
  | ^^^^^^^^^^^^^^^^^^
  |
  = hint: write `const Color = { red: 'red' } as const`"
    );
}

#[test]
fn c07_in_javascript_it_is_an_error_that_names_the_way_out() {
    shows(
        &format!("{META}const topic: string = args"),
        "error[typescript]: types are TypeScript, and this file is JavaScript
 --> flow.js:2:12
  |
2 | const topic: string = args
  |            ^^^^^^^^
  |
  = hint: name the file `.ts`, or give `--ts`: then types are removed",
    );
    for text in [
        "const a = args as string",
        "type A = string",
        "enum A { B }",
        "interface A {}",
        "const f = <T>(x: T) => x",
        "class A { private a = 1 }",
    ] {
        let found = check_text(&format!("{META}{text}")).expect_err(text);
        assert_eq!((found.len(), found[0].code, found[0].line), (1, "typescript", 2), "{text}");
    }
    // `--ts` makes every file TypeScript; `.mts` is it by name.
    let text = format!("{META}const topic: string = args");
    assert!(check_files(&[("flow.js", &text)], Options { typescript: true, portable: false }).is_ok());
    assert!(check_files(&[("flow.mts", &text)], Options::default()).is_ok());
}

#[test]
fn c07_places_in_typescript_are_those_of_the_file() {
    let text = format!("{META}type 漢 = {{\n  a: string\n}}\nconst x: 漢 = agnt as 漢");
    let found = check_files(&[("flow.ts", &text)], Options::default()).expect("only a warning").warnings;
    assert_eq!(places(&found), ["5:14+4 unknown-name"]);
}
