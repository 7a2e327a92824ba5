//! One file on its own: parsed as a module, refused or taken apart into what linking needs. Nothing of
//! the syntax tree leaves this file; what leaves is owned.

use super::depth;
use super::diagnostic::{Diagnostic, Findings, Range};
use super::edit::Edit;
use super::meta::{self, Meta};
use super::module::{self, Export, Import, Star};
use super::source::{self, SourceFile};
use super::{Options, refuse, typescript};
use oxc_allocator::Allocator;
use oxc_ast::ast::Program;
use oxc_parser::{ParseOptions, Parser, ParserReturn};
use oxc_span::{SourceType, Span};

/// What a file is to the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Holds `meta`; its body is the run.
    Entry,
    /// Is imported.
    Library,
}

/// A file that has passed every check that needs no other file.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub(super) file: SourceFile,
    /// What was parsed: the user's lines and columns, without mark and fence.
    pub(super) text: String,
    pub(super) fenced: bool,
    pub(super) typescript: bool,
    pub(super) role: Role,
    pub(super) meta: Option<Meta>,
    /// Up to here there is no code that stays: comments, imports, in the entry `meta` too.
    pub(super) lead: usize,
    /// Where `export const meta = …` stands; empty in a library.
    pub(super) meta_span: Range,
    pub(super) imports: Vec<Import>,
    pub(super) requests: Vec<ImportRequest>,
    pub(super) exports: Vec<Export>,
    pub(super) stars: Vec<Star>,
    pub(super) edits: Vec<Edit>,
    /// Begins the names we write into the text; occurs nowhere in it.
    pub(super) prefix: String,
}

/// A file that another one asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRequest {
    pub specifier: String,
    /// Of the specifier, in bytes of the parsed text.
    pub span: std::ops::Range<usize>,
}

impl Parsed {
    /// The imports in the order of the text; type-only ones are not among them.
    pub fn imports(&self) -> &[ImportRequest] {
        &self.requests
    }

    /// What the script says about itself; only an entry does.
    pub fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    pub(super) fn findings(&self) -> Findings<'_> {
        Findings::new(&self.file.name, &self.text, &self.text, 0)
    }
}

pub(super) fn range(span: Span) -> Range {
    span.start as usize..span.end as usize
}

/// Whether a file is TypeScript by its name.
pub(super) fn is_typescript(name: &str, options: &Options) -> bool {
    options.typescript || name.ends_with(".ts") || name.ends_with(".mts")
}

pub(super) fn parse_file(file: SourceFile, role: Role, options: &Options) -> Result<Parsed, Vec<Diagnostic>> {
    let prepared = source::prepare(&file)?;
    let mut findings = Findings::new(&file.name, &prepared.text, &prepared.text, 0);
    if let Some((at, what)) = depth::too_deep(&prepared.text) {
        let hint = "take the expression apart into several statements";
        findings.error("too-deep", at..at + 1, what, Some(hint.to_owned()));
        return Err(findings.found);
    }
    let typescript = is_typescript(&file.name, options);
    let allocator = Allocator::default();
    let parsed = parse_text(&allocator, &prepared.text, source_type(typescript), role);
    syntax_errors(&parsed, role, typescript, &mut findings);
    if findings.has_errors() || parsed.panicked {
        return Err(findings.found);
    }
    let taken = take_apart(&parsed.program, role, typescript, &mut findings);
    let found = findings.found;
    if !found.is_empty() {
        return Err(found);
    }
    let Taken { module, meta, lead, meta_span, edits } = taken;
    Ok(Parsed {
        prefix: free_prefix(&prepared.text),
        fenced: prepared.fenced,
        text: prepared.text,
        file,
        typescript,
        role,
        meta,
        lead,
        meta_span,
        requests: module.imports.iter().map(Import::request).collect(),
        imports: module.imports,
        exports: module.exports,
        stars: module.stars,
        edits,
    })
}

struct Taken {
    module: module::Module,
    meta: Option<Meta>,
    lead: usize,
    meta_span: Range,
    edits: Vec<Edit>,
}

fn take_apart(program: &Program<'_>, role: Role, typescript: bool, findings: &mut Findings<'_>) -> Taken {
    refuse::refuse(program, role, findings);
    let types = typescript::find(program, findings.spans_in);
    if !typescript && let Some(first) = types.first() {
        // The parser lets some types pass in JavaScript, as `private` in a class.
        refuse_types(first, findings);
    } else {
        for refused in types.refused {
            findings.error("typescript", refused.span, refused.message, Some(refused.hint.to_owned()));
        }
    }
    let mut edits = types.edits;
    let mut module = module::read(program, role, findings);
    edits.append(&mut module.edits);
    let (mut meta, mut meta_span) = (None, 0..0);
    let mut lead = module.lead;
    if role == Role::Entry
        && let Some((span, object)) = module::meta_statement(program, findings)
    {
        meta_span = range(span);
        lead = meta_span.end;
        meta = meta::read(object, findings);
    }
    Taken { module, meta, lead, meta_span, edits }
}

fn source_type(typescript: bool) -> SourceType {
    if typescript { SourceType::ts() } else { SourceType::mjs() }
}

fn parse_text<'a>(
    allocator: &'a Allocator,
    text: &'a str,
    source_type: SourceType,
    role: Role,
) -> ParserReturn<'a> {
    let options =
        ParseOptions { allow_return_outside_function: role == Role::Entry, ..ParseOptions::default() };
    Parser::new(allocator, text, source_type.with_module(true)).with_options(options).parse()
}

/// Turns the parser's findings into ours. In JavaScript that would be right TypeScript, says so.
fn syntax_errors(parsed: &ParserReturn<'_>, role: Role, typescript: bool, findings: &mut Findings<'_>) {
    let errors: Vec<_> = parsed.diagnostics.errors().collect();
    if errors.is_empty() {
        return;
    }
    let spans: Vec<Range> = errors
        .iter()
        .map(|error| {
            let label =
                error.labels.first().map_or(0..0, |label| label.offset()..label.offset() + label.len());
            label.start as usize..label.end as usize
        })
        .collect();
    if !typescript && let Some(begins) = types_begin(findings.spans_in, role) {
        refuse_types(begins.unwrap_or_else(|| spans[0].clone()), findings);
        return;
    }
    let end = findings.spans_in.trim_end().len();
    for (error, span) in errors.iter().zip(spans) {
        let at_end = span.start >= end && end > 0;
        let help = error.help.as_deref().map(lower_first);
        let hint = help.unwrap_or_else(|| if at_end { UNCLOSED } else { LOOK_BEFORE }.to_owned());
        // The end of the file has no source line to show: the last character has.
        let last = findings.spans_in[..end].char_indices().last().map_or(0, |(at, _)| at);
        let span = if at_end { last..end } else { span };
        findings.error("syntax", span, lower_first(&error.message), Some(hint));
    }
}

const UNCLOSED: &str = "something that was opened is not closed before the end of the file";
const LOOK_BEFORE: &str = "something may be missing right before this place";

fn refuse_types(span: Range, findings: &mut Findings<'_>) {
    let hint = "name the file `.ts`, or give `--ts`: then types are removed";
    let message = "types are TypeScript, and this file is JavaScript";
    findings.error("typescript", span, message, Some(hint.to_owned()));
}

/// Whether a text that is wrong as JavaScript is right as TypeScript, and where its types begin.
fn types_begin(text: &str, role: Role) -> Option<Option<Range>> {
    let allocator = Allocator::default();
    let again = parse_text(&allocator, text, SourceType::ts(), role);
    if again.panicked || again.diagnostics.has_errors() {
        return None;
    }
    Some(typescript::find(&again.program, text).first())
}

/// Messages begin in lower case unless they begin with a name.
pub(super) fn lower_first(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// A run of `$` that no name in the text begins with in the way ours do.
pub(super) fn free_prefix(text: &str) -> String {
    let mut prefix = "$".to_owned();
    let ours = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit() || c == 'd' || c == 'm');
    while text.match_indices(&prefix).any(|(at, found)| ours(&text[at + found.len()..])) && prefix.len() < 64
    {
        prefix.push('$');
    }
    prefix
}
