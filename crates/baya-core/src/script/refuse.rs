//! Syntax that is fine JavaScript and never runs here (C06, C09): loading code while running, and
//! waiting inside a library.

use super::diagnostic::Findings;
use super::parse::{Role, range};
use oxc_ast::ast::{
    AccessorProperty, ArrowFunctionExpression, AwaitExpression, Decorator, ForOfStatement, Function,
    ImportExpression, ImportMeta, Program, VariableDeclaration,
};
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::ScopeFlags;

pub(super) fn refuse(program: &Program<'_>, role: Role, findings: &mut Findings<'_>) {
    Refuse { role, findings, functions: 0 }.visit_program(program);
}

struct Refuse<'f, 't> {
    role: Role,
    findings: &'f mut Findings<'t>,
    /// Functions around the place.
    functions: usize,
}

impl Refuse<'_, '_> {
    fn waits(&mut self, span: oxc_span::Span) {
        if self.role == Role::Library && self.functions == 0 {
            let hint = "export an async function and await it in the script";
            let message =
                "an imported file cannot `await` outside its functions: it is evaluated before the run waits";
            self.findings.error("library-await", range(span), message, Some(hint.to_owned()));
        }
    }
}

impl Refuse<'_, '_> {
    fn not_yet(&mut self, span: oxc_span::Span, what: &str, hint: &str) {
        let message = format!("{what} are not part of JavaScript yet");
        self.findings.error("syntax", range(span), message, Some(hint.to_owned()));
    }
}

impl<'a> Visit<'a> for Refuse<'_, '_> {
    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        self.functions += 1;
        walk::walk_function(self, it, flags);
        self.functions -= 1;
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        self.functions += 1;
        walk::walk_arrow_function_expression(self, it);
        self.functions -= 1;
    }

    fn visit_await_expression(&mut self, it: &AwaitExpression<'a>) {
        self.waits(it.span);
        walk::walk_await_expression(self, it);
    }

    fn visit_for_of_statement(&mut self, it: &ForOfStatement<'a>) {
        if it.r#await {
            self.waits(it.span);
        }
        walk::walk_for_of_statement(self, it);
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        let hint = "write `import { name } from './file.js'` at the top of the file";
        let message = "`import()` loads code while the script runs, which no run could repeat";
        self.findings.error("dynamic-import", range(it.span), message, Some(hint.to_owned()));
        walk::walk_import_expression(self, it);
    }

    fn visit_import_meta(&mut self, it: &ImportMeta) {
        let message = "`import.meta` is not there: a script does not know where it is stored";
        self.findings.error("import-meta", range(it.span), message, Some("give paths as `args`".to_owned()));
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.not_yet(it.span, "decorators", "call the function on the class or method yourself");
    }

    fn visit_accessor_property(&mut self, it: &AccessorProperty<'a>) {
        self.not_yet(it.span, "`accessor` fields", "write a getter and a setter");
    }

    fn visit_variable_declaration(&mut self, it: &VariableDeclaration<'a>) {
        if it.kind.is_using() {
            self.not_yet(it.span, "`using` declarations", "write `const`, and clean up in `finally`");
        }
        walk::walk_variable_declaration(self, it);
    }
}
