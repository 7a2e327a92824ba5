//! TypeScript to JavaScript by blanking what is only type, in place (C07). What would need other code
//! in its stead is refused.

use super::diagnostic::Range;
use super::edit::Edit;
use super::parse::range;
use oxc_ast::ast::{
    ArrowFunctionExpression, Class, ClassElement, Declaration, ExportDefaultDeclarationKind, FormalParameter,
    MethodDefinition, Program, PropertyDefinition, Statement, TSAsExpression, TSImportEqualsDeclaration,
    TSNonNullExpression, TSSatisfiesExpression, TSThisParameter, TSTypeAnnotation, TSTypeAssertion,
    TSTypeParameterDeclaration, TSTypeParameterInstantiation, VariableDeclarator,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};
use std::collections::BTreeSet;

/// What a text has of TypeScript.
pub(super) struct Types {
    /// Remove what is only type.
    pub edits: Vec<Edit>,
    pub refused: Vec<Refused>,
}

/// Something that is more than a type.
pub(super) struct Refused {
    pub span: Range,
    pub message: String,
    pub hint: &'static str,
}

impl Types {
    /// Where the first of it stands.
    pub fn first(&self) -> Option<Range> {
        let spans =
            self.edits.iter().map(|edit| &edit.span).chain(self.refused.iter().map(|refused| &refused.span));
        spans.min_by_key(|span| span.start).cloned()
    }
}

pub(super) fn find(program: &Program<'_>, text: &str) -> Types {
    let types = Types { edits: Vec::new(), refused: Vec::new() };
    let mut strip = Strip { text, types, open_ends: BTreeSet::new() };
    strip.visit_program(program);
    strip.types
}

struct Strip<'t> {
    text: &'t str,
    types: Types,
    /// Ends of statements without a semicolon: what is blanked there leaves one.
    open_ends: BTreeSet<u32>,
}

const MODIFIERS: [&str; 7] =
    ["public", "private", "protected", "readonly", "override", "abstract", "declare"];

impl Strip<'_> {
    fn blank(&mut self, from: u32, to: u32) {
        self.types.edits.push(Edit::blank(range(Span::new(from, to))));
    }

    /// Blanks a whole statement or class member.
    fn drop(&mut self, span: Span) {
        self.types.edits.push(Edit::start(range(span), ";"));
    }

    /// Blanks what follows an expression, which may be the last thing of its statement.
    fn tail(&mut self, from: u32, to: u32) {
        let put = if self.open_ends.contains(&to) { ";" } else { "" };
        self.types.edits.push(Edit::start(range(Span::new(from, to)), put));
    }

    fn refuse(&mut self, span: Span, what: &str, hint: &'static str) {
        let message =
            format!("{what} is more than a type: it would have to be rewritten, and types are only removed");
        self.types.refused.push(Refused { span: range(span), message, hint });
    }

    /// Blanks the first such character between two places, comments aside.
    fn blank_mark(&mut self, mark: char, from: u32, to: u32) {
        if let Some(at) = find_code(self.text, from as usize..to as usize, mark) {
            self.types.edits.push(Edit::blank(at..at + mark.len_utf8()));
        }
    }

    /// Blanks the TypeScript words before a class member's key; the first leaves a semicolon, so that the
    /// member before stays closed.
    fn modifiers(&mut self, from: u32, key: u32) {
        let mut first = true;
        for (at, word) in words(self.text, from as usize..key as usize) {
            if MODIFIERS.contains(&word) {
                let put = if first { ";" } else { "" };
                self.types.edits.push(Edit::start(at..at + word.len(), put));
            }
            first = false;
        }
    }

    fn declaration(&mut self, declaration: &Declaration<'_>, whole: Span) -> bool {
        let gone = match declaration {
            Declaration::TSTypeAliasDeclaration(_) | Declaration::TSInterfaceDeclaration(_) => true,
            Declaration::FunctionDeclaration(function) if function.body.is_none() => true,
            Declaration::TSGlobalDeclaration(_) => true,
            other => other.declare(),
        };
        if gone {
            self.drop(whole);
            return true;
        }
        match declaration {
            Declaration::TSEnumDeclaration(it) => {
                self.refuse(it.span, "an `enum`", "write `const Color = { red: 'red' } as const`");
            }
            Declaration::TSNamespaceDeclaration(it) => {
                self.refuse(it.span, "a `namespace`", "write an object, or a file of its own");
            }
            Declaration::TSExternalModuleDeclaration(it) => {
                self.refuse(
                    it.span,
                    "a `module` declaration",
                    "write `declare module`, or a file of its own",
                );
            }
            _ => return false,
        }
        true
    }
}

impl<'a> Visit<'a> for Strip<'_> {
    fn visit_statement(&mut self, it: &Statement<'a>) {
        let span = it.span();
        if !self.text[range(span)].ends_with([';', '}']) {
            self.open_ends.insert(span.end);
        }
        let gone = match it {
            Statement::ExportDeclaration(export) => self.declaration(&export.declaration, span),
            Statement::ExportDefaultDeclaration(export) => {
                let overload = matches!(&export.declaration,
                    ExportDefaultDeclarationKind::FunctionDeclaration(function) if function.body.is_none());
                let interface =
                    matches!(export.declaration, ExportDefaultDeclarationKind::TSInterfaceDeclaration(_));
                if overload || interface {
                    self.drop(span);
                }
                overload || interface
            }
            Statement::ExportNamedDeclaration(export) if export.export_kind.is_type() => {
                self.drop(span);
                true
            }
            Statement::ExportFromDeclaration(export) if export.export_kind.is_type() => {
                self.drop(span);
                true
            }
            Statement::ExportAllDeclaration(export) if export.export_kind.is_type() => {
                self.drop(span);
                true
            }
            Statement::TSExportAssignment(_) => {
                self.refuse(span, "`export =`", "write `export default`");
                true
            }
            Statement::TSNamespaceExportDeclaration(_) => {
                self.drop(span);
                true
            }
            other => other.as_declaration().is_some_and(|declaration| self.declaration(declaration, span)),
        };
        if !gone {
            walk::walk_statement(self, it);
        }
    }

    fn visit_ts_import_equals_declaration(&mut self, it: &TSImportEqualsDeclaration<'a>) {
        self.refuse(it.span, "`import … =`", "write `import { name } from './file.js'`");
    }

    fn visit_ts_type_annotation(&mut self, it: &TSTypeAnnotation<'a>) {
        // The span begins at the type or at its colon.
        let start = it.span.start as usize;
        let colon = if self.text[start..].starts_with(':') {
            start
        } else {
            self.text[..start].rfind(':').unwrap_or(start)
        };
        self.tail(colon as u32, it.span.end);
    }

    fn visit_ts_type_parameter_declaration(&mut self, it: &TSTypeParameterDeclaration<'a>) {
        self.blank(it.span.start, it.span.end);
    }

    fn visit_ts_type_parameter_instantiation(&mut self, it: &TSTypeParameterInstantiation<'a>) {
        self.tail(it.span.start, it.span.end);
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        self.visit_expression(&it.expression);
        self.tail(it.expression.span().end, it.span.end);
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.visit_expression(&it.expression);
        self.tail(it.expression.span().end, it.span.end);
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.visit_expression(&it.expression);
        self.tail(it.span.end - 1, it.span.end);
    }

    fn visit_ts_type_assertion(&mut self, it: &TSTypeAssertion<'a>) {
        let hint = "write the type behind the value: `value as Type`";
        let span = Span::new(it.span.start, it.expression.span().start);
        let message = "`<Type>value` cannot be removed safely".to_owned();
        self.types.refused.push(Refused { span: range(span), message, hint });
    }

    fn visit_ts_this_parameter(&mut self, it: &TSThisParameter<'a>) {
        let rest = &self.text[it.span.end as usize..];
        let comma = rest.len() - rest.trim_start().len();
        let end = if rest[comma..].starts_with(',') { it.span.end + comma as u32 + 1 } else { it.span.end };
        self.blank(it.span.start, end);
    }

    fn visit_formal_parameter(&mut self, it: &FormalParameter<'a>) {
        if it.accessibility.is_some() || it.readonly || it.r#override {
            self.refuse(it.span, "a parameter property", "declare the field and set it in the constructor");
            return;
        }
        if it.optional {
            let end = it.type_annotation.as_ref().map_or(it.span.end, |typed| typed.span.start);
            self.blank_mark('?', it.pattern.span().end, end.max(it.pattern.span().end) + 1);
        }
        walk::walk_formal_parameter(self, it);
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        if it.definite {
            self.blank_mark('!', it.id.span().end, it.span.end);
        }
        walk::walk_variable_declarator(self, it);
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        let lines = |span: Span| self.text[range(span)].contains(['\n', '\r']);
        // An arrow may not stand on a new line, nor the parameters of an `async` one: the bracket moves.
        if let Some(typed) = it.return_type.as_ref().filter(|typed| lines(typed.span)) {
            let close =
                self.text[..typed.span.start as usize].rfind(')').unwrap_or(typed.span.start as usize);
            self.types.edits.push(Edit::end(close..typed.span.end as usize, ")"));
        }
        if let Some(types) = it.type_parameters.as_ref().filter(|types| lines(types.span)) {
            let open = it.params.span.start;
            self.types.edits.push(Edit::start(range(Span::new(types.span.start, open + 1)), "("));
        }
        walk::walk_arrow_function_expression(self, it);
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        if it.r#abstract {
            let head = it.span.start..it.body.span.start;
            if let Some((at, word)) =
                words(self.text, range(Span::new(head.start, head.end))).find(|w| w.1 == "abstract")
            {
                self.types.edits.push(Edit::blank(at..at + word.len()));
            }
        }
        if let Some(first) = it.implements.first() {
            let head = it.span.start as usize..first.span.start as usize;
            let at = self.text[head.clone()].rfind("implements").map_or(head.end, |at| head.start + at);
            self.blank(at as u32, it.body.span.start);
        }
        walk::walk_class(self, it);
    }

    fn visit_class_element(&mut self, it: &ClassElement<'a>) {
        let gone = match it {
            ClassElement::TSIndexSignature(_) => true,
            ClassElement::MethodDefinition(method) => method.value.body.is_none(),
            ClassElement::PropertyDefinition(field) => {
                field.declare || is_abstract(&self.text[range(field.span)])
            }
            ClassElement::AccessorProperty(_) | ClassElement::StaticBlock(_) => false,
        };
        if gone {
            self.drop(it.span());
        } else {
            walk::walk_class_element(self, it);
        }
    }

    fn visit_method_definition(&mut self, it: &MethodDefinition<'a>) {
        self.modifiers(it.span.start, it.key.span().start);
        if it.optional {
            self.blank_mark('?', it.key.span().end, it.value.span.end);
        }
        walk::walk_method_definition(self, it);
    }

    fn visit_property_definition(&mut self, it: &PropertyDefinition<'a>) {
        if !self.text[range(it.span)].ends_with(';') {
            self.open_ends.insert(it.span.end);
        }
        self.modifiers(it.span.start, it.key.span().start);
        let end = it.value.as_ref().map_or(it.span.end, |value| value.span().start);
        if it.optional {
            self.blank_mark('?', it.key.span().end, end);
        }
        if it.definite {
            self.blank_mark('!', it.key.span().end, end);
        }
        walk::walk_property_definition(self, it);
    }
}

fn is_abstract(member: &str) -> bool {
    words(member, 0..member.len())
        .take_while(|(_, word)| MODIFIERS.contains(word) || *word == "static")
        .any(|w| w.1 == "abstract")
}

/// The words of a stretch of code, without comments.
fn words(text: &str, span: Range) -> impl Iterator<Item = (usize, &str)> {
    let mut at = span.start;
    std::iter::from_fn(move || {
        loop {
            let rest = &text[at..span.end];
            let first = rest.chars().next()?;
            if let Some(skip) = comment(rest) {
                at += skip;
            } else if first.is_alphanumeric() || first == '_' || first == '$' {
                let len =
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
                let found = (at, &rest[..len]);
                at += len;
                return Some(found);
            } else {
                at += first.len_utf8();
            }
        }
    })
}

/// The first such character of a stretch of code, outside comments.
fn find_code(text: &str, span: Range, mark: char) -> Option<usize> {
    let mut at = span.start;
    let end = span.end.min(text.len());
    while at < end {
        let rest = &text[at..end];
        let first = rest.chars().next()?;
        match comment(rest) {
            Some(skip) => at += skip,
            None if first == mark => return Some(at),
            None => at += first.len_utf8(),
        }
    }
    None
}

/// The length of the comment a text begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let body = text.strip_prefix("/*")?;
    Some(body.find("*/").map_or(text.len(), |end| end + 4))
}
