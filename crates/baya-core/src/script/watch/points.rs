//! The places of a text that are noted, and what is put in there.

use super::insert::Insertion;
use super::moved::{Lines, site};
use super::{Point, SHADOWED, What};
use crate::call::Unit;
use oxc_allocator::Allocator;
use oxc_ast::AstKind;
use oxc_ast::ast::{
    BinaryExpression, BinaryOperator, CallExpression, ComputedMemberExpression, Expression,
    ObjectPropertyKind, Statement, SwitchStatement, TemplateLiteral,
};
use oxc_parser::Parser;
use oxc_semantic::{NodeId, Semantic, SemanticBuilder};
use oxc_span::{GetSpan, SourceType, Span};

/// What one unit gets.
pub(super) struct Found {
    pub points: Vec<Point>,
    pub insertions: Vec<Insertion>,
    /// Our units that it takes, in the order of the names it gets for them.
    pub imports: Vec<usize>,
    /// Literals and fixed parts of templates.
    pub texts: Vec<String>,
}

/// Finds the points of a unit, numbered from `first` on.
pub(super) fn find(unit: &Unit, first: usize) -> Option<Found> {
    let allocator = Allocator::default();
    let tree = Parser::new(&allocator, &unit.text, SourceType::script()).parse();
    if tree.panicked || tree.diagnostics.has_errors() {
        return None;
    }
    let built = SemanticBuilder::new().with_build_nodes(true).build(&tree.program);
    let lines = Lines::of(&unit.text);
    let found = Found { points: Vec::new(), insertions: Vec::new(), imports: Vec::new(), texts: Vec::new() };
    let mut finder = Finder {
        unit,
        lines,
        semantic: &built.semantic,
        eye: free_name(&unit.text),
        first,
        found,
        lap: None,
    };
    finder.head()?;
    for node in built.semantic.nodes().iter() {
        finder.node(node.id(), node.kind());
    }
    Some(finder.found)
}

/// A name for the eye that the text does not have.
fn free_name(text: &str) -> String {
    let mut name = "$w".to_owned();
    while text.contains(&name) {
        name.insert(0, '$');
    }
    name
}

struct Finder<'u, 's, 'a> {
    unit: &'u Unit,
    lines: Lines,
    semantic: &'s Semantic<'a>,
    eye: String,
    first: usize,
    found: Found,
    /// Of a loop around a single statement: where that begins, and what goes in front of it.
    lap: Option<(usize, String)>,
}

impl<'a> Finder<'_, '_, 'a> {
    /// The eye, and what it puts in the place of globals where the script has no such names of its own.
    fn head(&mut self) -> Option<()> {
        let open = self.unit.text.find("function(")? + "function(".len();
        let close = open + self.unit.text[open..].find(')')?;
        let own = |name: &str| self.semantic.scoping().symbol_names().any(|known| known == name);
        let mut names = vec![self.eye.clone()];
        self.found.imports.push(0);
        for (place, name) in SHADOWED.into_iter().enumerate().filter(|(_, name)| !own(name)) {
            names.push(name.to_owned());
            self.found.imports.push(place + 1);
        }
        let comma = if close > open { "," } else { "" };
        self.put(close, format!("{comma}{}", names.join(",")), false, 0);
        Some(())
    }

    fn node(&mut self, id: NodeId, kind: AstKind<'a>) {
        match kind {
            AstKind::ConditionalExpression(it) => {
                self.branch(it.consequent.span());
                self.branch(it.alternate.span());
            }
            AstKind::ArrowFunctionExpression(it) => {
                if let Some(body) = it.body.as_expression() {
                    self.branch(body.span());
                }
            }
            AstKind::BinaryExpression(it) => self.binary(it),
            AstKind::SwitchStatement(it) => self.switch(it),
            AstKind::ComputedMemberExpression(it) => self.lookup(id, it),
            AstKind::CallExpression(it) => self.recursion(it),
            AstKind::StringLiteral(it) => self.found.texts.push(it.value.to_string()),
            AstKind::TemplateElement(it) => self.found.texts.push(it.value.raw.to_string()),
            _ if is_statement(&kind) => self.statement(id, kind.span(), is_loop(&kind)),
            _ => {}
        }
    }

    fn statement(&mut self, id: NodeId, span: Span, is_loop: bool) {
        let lap = self.lap.take_if(|(at, _)| *at == span.start as usize).map(|(_, lap)| lap + ";");
        if is_loop {
            let point = self.point(span, What::Loop);
            self.laps(id, point);
        }
        let (in_list, is_body) = match self.semantic.nodes().parent_kind(id) {
            AstKind::FunctionBody(_) | AstKind::BlockStatement(_) | AstKind::StaticBlock(_) => (true, false),
            AstKind::SwitchCase(_) => (true, false),
            AstKind::IfStatement(it) => {
                let other = it.alternate.as_ref().is_some_and(|other| other.span() == span);
                (false, other || it.consequent.span() == span)
            }
            AstKind::ForStatement(it) => (false, it.body.span() == span),
            AstKind::ForInStatement(it) => (false, it.body.span() == span),
            AstKind::ForOfStatement(it) => (false, it.body.span() == span),
            AstKind::WhileStatement(it) => (false, it.body.span() == span),
            AstKind::DoWhileStatement(it) => (false, it.body.span() == span),
            _ => (false, false),
        };
        if !in_list && !is_body {
            return;
        }
        let point = self.point(span, What::Statement);
        // One more than an expression that begins at the same place can have.
        let length = 2 * span.size() as usize + 1;
        let eye = &self.eye;
        let open = if is_body { "{" } else { "" };
        let lap = lap.unwrap_or_default();
        let text = format!("{open}{lap}{eye}[{point}]||{eye}.h({point});");
        self.put(span.start as usize, text, false, length);
        if is_body {
            self.put(span.end as usize, "}".to_owned(), true, length);
        }
    }

    /// Each round of a loop is counted, so that one that never ends is known.
    fn laps(&mut self, id: NodeId, point: usize) {
        let body = match self.semantic.nodes().kind(id) {
            AstKind::ForStatement(it) => &it.body,
            AstKind::ForInStatement(it) => &it.body,
            AstKind::ForOfStatement(it) => &it.body,
            AstKind::WhileStatement(it) => &it.body,
            AstKind::DoWhileStatement(it) => &it.body,
            _ => return,
        };
        let start = body.span().start as usize;
        let lap = format!("{}.n({point})", self.eye);
        match body {
            Statement::BlockStatement(_) => self.put(start + 1, format!("{lap};"), false, usize::MAX),
            Statement::EmptyStatement(_) => self.put(start, lap, false, 0),
            // In front of the one statement, which gets a block of its own.
            _ => self.lap = Some((start, lap)),
        }
    }

    fn branch(&mut self, span: Span) {
        let point = self.point(span, What::Branch);
        let eye = self.eye.clone();
        self.around(span, format!("({eye}[{point}]||{eye}.h({point}),"), ")".to_owned());
    }

    fn binary(&mut self, it: &'a BinaryExpression<'a>) {
        match it.operator {
            BinaryOperator::Division => {
                let point = self.point(it.right.span(), What::Divisor);
                self.called(it.right.span(), "z", point);
            }
            BinaryOperator::Equality
            | BinaryOperator::Inequality
            | BinaryOperator::StrictEquality
            | BinaryOperator::StrictInequality => match (literal(&it.left), literal(&it.right)) {
                (None, Some(text)) if is_value(&it.left) => self.compared(it.left.span(), vec![text], false),
                (Some(text), None) if is_value(&it.right) => {
                    self.compared(it.right.span(), vec![text], false)
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn switch(&mut self, it: &'a SwitchStatement<'a>) {
        let cases = it.cases.iter().filter_map(|case| case.test.as_ref());
        let texts: Option<Vec<String>> = cases.map(literal).collect();
        if let Some(texts) = texts.filter(|texts| !texts.is_empty()) {
            self.compared(it.discriminant.span(), texts, false);
        }
    }

    /// `sum + {high: 3, low: 1}[x]`, also through a constant: in a place where a missing row does harm.
    fn lookup(&mut self, id: NodeId, it: &'a ComputedMemberExpression<'a>) {
        let is_needed = match self.semantic.nodes().parent_kind(id) {
            AstKind::BinaryExpression(it) => it.operator.is_arithmetic(),
            AstKind::AssignmentExpression(it) => it.operator.is_arithmetic(),
            AstKind::StaticMemberExpression(it) => !it.optional,
            AstKind::CallExpression(call) => !call.optional && call.callee.span() == it.span,
            AstKind::TemplateLiteral(_) | AstKind::UnaryExpression(_) => true,
            _ => false,
        };
        if !is_needed || literal(&it.expression).is_some() || !is_value(&it.expression) {
            return;
        }
        if let Some(keys) = self.table(&it.object) {
            self.compared(it.expression.span(), keys, true);
        }
    }

    fn table(&self, object: &'a Expression<'a>) -> Option<Vec<String>> {
        let literal = match object.get_inner_expression() {
            Expression::ObjectExpression(literal) => literal,
            Expression::Identifier(name) => {
                let scoping = self.semantic.scoping();
                let symbol = scoping.get_reference(name.reference_id.get()?).symbol_id()?;
                let declared = self.semantic.nodes().kind(scoping.symbol_declaration(symbol));
                let AstKind::VariableDeclarator(declarator) = declared else { return None };
                if scoping.symbol_is_mutated(symbol) || !declarator.id.is_binding_identifier() {
                    return None;
                }
                match declarator.init.as_ref()?.get_inner_expression() {
                    Expression::ObjectExpression(literal) => literal,
                    _ => return None,
                }
            }
            _ => return None,
        };
        // One key alone is a plain object that grows; so is an empty one.
        let keys = literal.properties.iter().map(|property| match property {
            ObjectPropertyKind::ObjectProperty(it) if !it.computed => {
                it.key.static_name().map(|key| key.to_string())
            }
            _ => None,
        });
        let keys: Option<Vec<String>> = keys.collect();
        keys.filter(|keys| keys.len() > 1)
    }

    /// A function that calls itself by its name.
    fn recursion(&mut self, call: &'a CallExpression<'a>) {
        let Expression::Identifier(name) = call.callee.get_inner_expression() else { return };
        let scoping = self.semantic.scoping();
        let symbol = name.reference_id.get().and_then(|id| scoping.get_reference(id).symbol_id());
        let Some(symbol) = symbol else { return };
        let declared = self.semantic.nodes().kind(scoping.symbol_declaration(symbol));
        let span = declared.span();
        let is_function = matches!(declared, AstKind::Function(_) | AstKind::VariableDeclarator(_));
        if is_function && span.start < call.span.start && call.span.end <= span.end {
            let from = self.lines.place(span.start as usize).0 as u32;
            let to = self.lines.place(span.end as usize).0 as u32;
            self.point(call.span, What::Recursion { from, to });
        }
    }

    fn compared(&mut self, span: Span, with: Vec<String>, lookup: bool) {
        let point = self.point(span, What::Compared { with, lookup });
        self.called(span, "v", point);
    }

    fn called(&mut self, span: Span, name: &str, point: usize) {
        let open = format!("{}.{name}(", self.eye);
        self.around(span, open, format!(",{point})"));
    }

    fn around(&mut self, span: Span, open: String, close: String) {
        let length = 2 * span.size() as usize;
        self.put(span.start as usize, open, false, length);
        self.put(span.end as usize, close, true, length);
    }

    fn put(&mut self, at: usize, text: String, closes: bool, length: usize) {
        self.found.insertions.push(Insertion { at, text, closes, length });
    }

    fn point(&mut self, span: Span, what: What) -> usize {
        let at = |at: u32| site(&self.lines, &self.unit.file, self.unit.shift, at as usize);
        let (site, line_end) = (at(span.start), at(span.end.max(span.start + 1) - 1).line);
        self.found.points.push(Point { site, line_end, what });
        self.first + self.found.points.len() - 1
    }
}

/// Not a declaration, which is there before anything runs.
fn is_statement(kind: &AstKind<'_>) -> bool {
    matches!(
        kind,
        AstKind::ExpressionStatement(_)
            | AstKind::VariableDeclaration(_)
            | AstKind::IfStatement(_)
            | AstKind::ForStatement(_)
            | AstKind::ForInStatement(_)
            | AstKind::ForOfStatement(_)
            | AstKind::WhileStatement(_)
            | AstKind::DoWhileStatement(_)
            | AstKind::SwitchStatement(_)
            | AstKind::TryStatement(_)
            | AstKind::ReturnStatement(_)
            | AstKind::ThrowStatement(_)
            | AstKind::BreakStatement(_)
            | AstKind::ContinueStatement(_)
    )
}

fn is_loop(kind: &AstKind<'_>) -> bool {
    matches!(
        kind,
        AstKind::ForStatement(_)
            | AstKind::ForInStatement(_)
            | AstKind::ForOfStatement(_)
            | AstKind::WhileStatement(_)
            | AstKind::DoWhileStatement(_)
    )
}

/// Something that may hold an answer's text; `typeof x` never does.
fn is_value(expression: &Expression<'_>) -> bool {
    matches!(
        expression.get_inner_expression(),
        Expression::Identifier(_)
            | Expression::StaticMemberExpression(_)
            | Expression::ComputedMemberExpression(_)
            | Expression::ChainExpression(_)
            | Expression::CallExpression(_)
            | Expression::AwaitExpression(_)
            | Expression::LogicalExpression(_)
    )
}

fn literal(expression: &Expression<'_>) -> Option<String> {
    let single = |it: &TemplateLiteral<'_>| it.single_quasi().map(|text| text.to_string());
    match expression.get_inner_expression() {
        Expression::StringLiteral(text) => Some(text.value.to_string()),
        Expression::TemplateLiteral(text) => single(text),
        _ => None,
    }
}
