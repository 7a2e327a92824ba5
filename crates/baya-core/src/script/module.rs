//! What a file takes from others and gives to others (C02, C06, C09), and the edits that turn a module
//! into the body of a function.

use super::diagnostic::{Findings, Range};
use super::edit::Edit;
use super::parse::{ImportRequest, Role, range};
use oxc_ast::ast::{
    BindingPattern, Declaration, ExportDefaultDeclaration, ExportDefaultDeclarationKind, ExportSpecifier,
    Expression, Function, ImportDeclaration, ImportDeclarationSpecifier, ImportOrExportKind,
    ModuleExportName, ObjectExpression, Program, Statement, StringLiteral, VariableDeclaration, WithClause,
};
use oxc_span::{GetSpan, Span};

/// One statement that loads a file.
#[derive(Debug, Clone)]
pub(super) struct Import {
    pub specifier: String,
    /// Of the specifier.
    pub span: Range,
    pub bindings: Vec<Binding>,
}

impl Import {
    pub fn request(&self) -> ImportRequest {
        ImportRequest { specifier: self.specifier.clone(), span: self.span.clone() }
    }
}

/// What is taken from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Taken {
    Name(String),
    Namespace,
}

/// A name that an import brings into the file.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    pub taken: Taken,
    pub local: String,
    pub span: Range,
}

/// A name that a library gives.
#[derive(Debug, Clone)]
pub(super) struct Export {
    pub name: String,
    pub span: Range,
    pub from: ExportFrom,
}

#[derive(Debug, Clone)]
pub(super) enum ExportFrom {
    /// A name of the file itself.
    Local(String),
    /// The default export that has no name.
    Default,
    /// Of the import with this index.
    Import(usize, Taken),
}

/// `export * from`: all names of the import with this index.
#[derive(Debug, Clone)]
pub(super) struct Star {
    pub import: usize,
}

#[derive(Default)]
pub(super) struct Module {
    pub imports: Vec<Import>,
    pub exports: Vec<Export>,
    pub stars: Vec<Star>,
    pub edits: Vec<Edit>,
    /// Where the first statement that is no import begins, or the end.
    pub lead: usize,
}

/// The place of the name of an anonymous default export; the prefix is not known yet.
pub(super) const DEFAULT_NAME: &str = "\u{0}d";

pub(super) fn read(program: &Program<'_>, role: Role, findings: &mut Findings<'_>) -> Module {
    let lead = program.body.iter().find(|statement| !matches!(statement, Statement::ImportDeclaration(_)));
    let lead = lead.map_or(program.span.end, |statement| statement.span().start) as usize;
    let lead = program.directives.first().map_or(lead, |directive| lead.min(directive.span.start as usize));
    let mut module = Module { lead, ..Module::default() };
    if let Some(hashbang) = &program.hashbang {
        module.edits.push(Edit::blank(range(hashbang.span)));
    }
    // Without `meta`, the first statement is what is said to be wrong.
    let statements = || program.body.iter();
    let meta = statements()
        .position(|statement| exported(statement).is_some_and(declares_meta))
        .or_else(|| statements().position(|statement| !matches!(statement, Statement::ImportDeclaration(_))));
    for (index, statement) in program.body.iter().enumerate() {
        if let Statement::ImportDeclaration(import) = statement {
            module.import(import, findings);
        } else if role == Role::Library {
            module.export(statement, findings);
        } else if statement.is_module_declaration() && Some(index) != meta && !is_type_only(statement) {
            let span = statement.span();
            let keyword = range(Span::new(span.start, span.start + 6));
            let hint = "drop `export`; a script gives its result with `return`, and shares code through imported files";
            findings.error(
                "second-export",
                keyword,
                "a script exports `meta` and nothing else",
                Some(hint.to_owned()),
            );
        }
    }
    module
}

/// The span of the statement and its object, if the file begins with `export const meta = {…}`.
pub(super) fn meta_statement<'p, 'a>(
    program: &'p Program<'a>,
    findings: &mut Findings<'_>,
) -> Option<(Span, &'p ObjectExpression<'a>)> {
    const HINT: &str = "begin the script with `export const meta = { name: '…', description: '…' }`";
    let hint = || Some(HINT.to_owned());
    if let Some(directive) = program.directives.first() {
        let message =
            "a script begins with `export const meta = {…}`, not with a directive; it is strict anyway";
        findings.error("meta-first", range(directive.span), message, hint());
        return None;
    }
    let mut statements = program.body.iter();
    let first = statements.find(|s| !matches!(s, Statement::ImportDeclaration(_)) && !is_type_only(s));
    let Some(first) = first else {
        findings.error("meta-first", 0..0, "the script has no `export const meta = {…}`", hint());
        return None;
    };
    let declaration = match first {
        Statement::VariableDeclaration(variables) if declares_meta(variables) => {
            let span = Span::new(variables.span.start, variables.span.start + 5);
            findings.error(
                "meta-first",
                range(span),
                "`meta` is not exported",
                Some("write `export` before it".into()),
            );
            return None;
        }
        first => exported(first).filter(|variables| declares_meta(variables)),
    };
    let Some(variables) = declaration else {
        let message = "the first statement of a script is `export const meta = {…}`";
        findings.error("meta-first", range(first.span()), message, hint());
        return None;
    };
    meta_object(variables, findings).map(|object| (first.span(), object))
}

fn meta_object<'p, 'a>(
    variables: &'p VariableDeclaration<'a>,
    findings: &mut Findings<'_>,
) -> Option<&'p ObjectExpression<'a>> {
    if !variables.kind.is_const() {
        let span = Span::new(variables.span.start, variables.span.start + 3);
        findings.error(
            "meta-first",
            range(span),
            "`meta` is a `const`",
            Some("write `export const meta`".into()),
        );
        return None;
    }
    if let Some(second) = variables.declarations.get(1) {
        let message = "the statement that declares `meta` declares nothing else";
        findings.error(
            "meta-first",
            range(second.span),
            message,
            Some("give it a statement of its own".into()),
        );
        return None;
    }
    match variables.declarations[0].init.as_ref().map(Expression::get_inner_expression) {
        Some(Expression::ObjectExpression(object)) => Some(object),
        other => {
            let span = other.map_or(variables.span, |expression| expression.span());
            let hint = match other {
                Some(Expression::CallExpression(call))
                    if matches!(call.callee, Expression::ObjectExpression(_)) =>
                {
                    "write `;` behind the object: the next line begins with `(` and calls it"
                }
                _ => "write the object itself: `export const meta = { name: '…', description: '…' }`",
            };
            findings.error(
                "meta-literal",
                range(span),
                "`meta` is not an object literal",
                Some(hint.to_owned()),
            );
            None
        }
    }
}

/// The variables that a statement declares and exports.
fn exported<'p, 'a>(statement: &'p Statement<'a>) -> Option<&'p VariableDeclaration<'a>> {
    match statement {
        Statement::ExportDeclaration(export) => match &export.declaration {
            Declaration::VariableDeclaration(variables) => Some(variables),
            _ => None,
        },
        _ => None,
    }
}

fn declares_meta(variables: &VariableDeclaration<'_>) -> bool {
    variables.declarations.first().is_some_and(
        |declarator| matches!(&declarator.id, BindingPattern::BindingIdentifier(name) if name.name == "meta"),
    )
}

/// Statements that leave nothing behind once types are gone.
fn is_type_only(statement: &Statement<'_>) -> bool {
    match statement {
        Statement::TSTypeAliasDeclaration(_) | Statement::TSInterfaceDeclaration(_) => true,
        Statement::ExportDeclaration(export) => is_type_declaration(&export.declaration),
        Statement::ExportNamedDeclaration(export) => export.export_kind == ImportOrExportKind::Type,
        Statement::ExportFromDeclaration(export) => export.export_kind == ImportOrExportKind::Type,
        Statement::ExportAllDeclaration(export) => export.export_kind == ImportOrExportKind::Type,
        Statement::ExportDefaultDeclaration(export) => {
            matches!(export.declaration, ExportDefaultDeclarationKind::TSInterfaceDeclaration(_))
        }
        _ => false,
    }
}

fn is_type_declaration(declaration: &Declaration<'_>) -> bool {
    let overload =
        matches!(declaration, Declaration::FunctionDeclaration(function) if function.body.is_none());
    overload
        || declaration.declare()
        || matches!(
            declaration,
            Declaration::TSTypeAliasDeclaration(_) | Declaration::TSInterfaceDeclaration(_)
        )
}

impl Module {
    fn drop_statement(&mut self, span: Span) {
        self.edits.push(Edit::start(range(span), ";"));
    }

    fn import(&mut self, import: &ImportDeclaration<'_>, findings: &mut Findings<'_>) {
        self.drop_statement(import.span);
        if import.import_kind == ImportOrExportKind::Type {
            return;
        }
        if import.phase.is_some() {
            let message = "`import defer` and `import source` are not there";
            findings.error(
                "import-form",
                range(import.span),
                message,
                Some("write a plain `import`".to_owned()),
            );
        }
        let specifiers = import.specifiers.as_ref();
        let bindings: Vec<Binding> = specifiers.into_iter().flatten().filter_map(binding).collect();
        let only_types = specifiers.is_some_and(|all| !all.is_empty()) && bindings.is_empty();
        if !only_types {
            self.load(&import.source, import.with_clause.as_deref(), bindings, findings);
        }
    }

    /// Notes that a file is needed; its index among the imports.
    fn load(
        &mut self,
        source: &StringLiteral<'_>,
        with: Option<&WithClause<'_>>,
        bindings: Vec<Binding>,
        findings: &mut Findings<'_>,
    ) -> usize {
        if let Some(with) = with {
            let message =
                "imports with attributes are not there: only JavaScript and TypeScript files are imported";
            findings.error("import-form", range(with.span), message, Some("give data as `args`".to_owned()));
        }
        refuse_specifier(source, findings);
        self.imports.push(Import { specifier: source.value.to_string(), span: range(source.span), bindings });
        self.imports.len() - 1
    }

    fn export(&mut self, statement: &Statement<'_>, findings: &mut Findings<'_>) {
        if is_type_only(statement) {
            return;
        }
        match statement {
            Statement::ExportDeclaration(export) => {
                let keyword = Span::new(export.span.start, export.declaration.span().start);
                self.edits.push(Edit::start(range(keyword), ";"));
                self.declared(&export.declaration);
            }
            Statement::ExportNamedDeclaration(export) => {
                self.drop_statement(export.span);
                for specifier in
                    export.specifiers.iter().filter(|s| s.export_kind == ImportOrExportKind::Value)
                {
                    let from = ExportFrom::Local(specifier.local.name().to_string());
                    self.exports.push(named_export(specifier, from));
                }
            }
            Statement::ExportFromDeclaration(export) => {
                self.drop_statement(export.span);
                let import = self.load(&export.source, export.with_clause.as_deref(), Vec::new(), findings);
                for specifier in
                    export.specifiers.iter().filter(|s| s.export_kind == ImportOrExportKind::Value)
                {
                    let taken = Taken::Name(specifier.local.name().to_string());
                    self.exports.push(named_export(specifier, ExportFrom::Import(import, taken)));
                }
            }
            Statement::ExportAllDeclaration(export) => {
                self.drop_statement(export.span);
                let import = self.load(&export.source, export.with_clause.as_deref(), Vec::new(), findings);
                match &export.exported {
                    None => self.stars.push(Star { import }),
                    Some(name) => self.exports.push(Export {
                        name: name.name().to_string(),
                        span: range(name.span()),
                        from: ExportFrom::Import(import, Taken::Namespace),
                    }),
                }
            }
            Statement::ExportDefaultDeclaration(export) => self.export_default(export),
            _ => {}
        }
    }

    fn declared(&mut self, declaration: &Declaration<'_>) {
        let mut add = |name: &str, span: Span| {
            let from = ExportFrom::Local(name.to_owned());
            self.exports.push(Export { name: name.to_owned(), span: range(span), from });
        };
        match declaration {
            Declaration::VariableDeclaration(variables) => {
                for declarator in &variables.declarations {
                    for name in declarator.id.get_binding_identifiers() {
                        add(&name.name, name.span);
                    }
                }
            }
            other => {
                if let Some(name) = other.id() {
                    add(&name.name, name.span);
                }
            }
        }
    }

    fn export_default(&mut self, export: &ExportDefaultDeclaration<'_>) {
        let start = export.span.start;
        let to = |end: u32| range(Span::new(start, end));
        let (edit, name) = match &export.declaration {
            ExportDefaultDeclarationKind::FunctionDeclaration(function) => match &function.id {
                Some(name) => (Edit::start(to(function.span.start), ";"), Some(name.name.to_string())),
                None => (Edit::start(to(head_end(function)), function_head(function)), None),
            },
            ExportDefaultDeclarationKind::ClassDeclaration(class) => match &class.id {
                Some(name) => (Edit::start(to(class.span.start), ";"), Some(name.name.to_string())),
                None => (Edit::start(to(class.span.start + 5), format!(";class {DEFAULT_NAME}")), None),
            },
            other => (Edit::start(to(other.span().start), format!(";const {DEFAULT_NAME}=")), None),
        };
        self.edits.push(edit);
        let from = name.map_or(ExportFrom::Default, ExportFrom::Local);
        self.exports.push(Export { name: "default".to_owned(), span: range(export.span), from });
    }
}

fn function_head(function: &Function<'_>) -> String {
    let wait = if function.r#async { "async " } else { "" };
    let star = if function.generator { "*" } else { "" };
    format!(";{wait}function {star}{DEFAULT_NAME}")
}

/// Where the parameters, or type parameters, of a function without a name begin.
fn head_end(function: &Function<'_>) -> u32 {
    function.type_parameters.as_ref().map_or(function.params.span.start, |types| types.span.start)
}

fn named_export(specifier: &ExportSpecifier<'_>, from: ExportFrom) -> Export {
    Export { name: specifier.exported.name().to_string(), span: range(specifier.span), from }
}

fn binding(specifier: &ImportDeclarationSpecifier<'_>) -> Option<Binding> {
    let (taken, local) = match specifier {
        ImportDeclarationSpecifier::ImportSpecifier(named) => {
            if named.import_kind == ImportOrExportKind::Type {
                return None;
            }
            (Taken::Name(export_name(&named.imported)), &named.local)
        }
        ImportDeclarationSpecifier::ImportDefaultSpecifier(default) => {
            (Taken::Name("default".to_owned()), &default.local)
        }
        ImportDeclarationSpecifier::ImportNamespaceSpecifier(all) => (Taken::Namespace, &all.local),
    };
    Some(Binding { taken, local: local.name.to_string(), span: range(specifier.span()) })
}

fn export_name(name: &ModuleExportName<'_>) -> String {
    name.name().to_string()
}

/// Only files beside the script can be imported.
fn refuse_specifier(source: &StringLiteral<'_>, findings: &mut Findings<'_>) {
    let specifier = source.value.as_str();
    let relative = specifier.starts_with("./") || specifier.starts_with("../");
    let (message, hint) = if specifier.starts_with("baya:") {
        (
            format!("`{specifier}` is not in this version"),
            "copy the code you need into a file beside the script",
        )
    } else if specifier.contains("://") || specifier.starts_with("data:") || specifier.starts_with("node:") {
        (
            format!("`{specifier}` is no file of the project: scripts import files only"),
            "copy the code into a file beside the script and import that",
        )
    } else if specifier.starts_with('/') || specifier.starts_with('\\') || specifier.get(1..2) == Some(":") {
        (
            format!("`{specifier}` is an absolute path: the script would not run elsewhere"),
            "write the path from this file on, as `./lib.js`",
        )
    } else if !relative {
        (
            format!("`{specifier}` names a package: scripts import files only"),
            "write the path from this file on, as `./lib.js`; packages are not there",
        )
    } else {
        return;
    };
    findings.error("import-specifier", range(source.span), message, Some(hint.to_owned()));
}
