//! Follows `args`, and what is taken out of them, through a script.

use super::Use;
use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, BinaryOperator, BindingPattern, CallExpression, Expression, ForStatementLeft, FormalParameters,
    LogicalOperator, UnaryOperator,
};
use oxc_semantic::{NodeId, Semantic, SymbolId};
use oxc_span::{GetSpan, Span};
use std::collections::BTreeSet;

/// Members, variables and parameters between `args` and a use.
const STEPS_MAX: u32 = 24;

const OF_LISTS: [&str; 17] = [
    "map",
    "forEach",
    "filter",
    "flatMap",
    "some",
    "every",
    "find",
    "findIndex",
    "entries",
    "reduce",
    "sort",
    "flat",
    "join",
    "push",
    "reverse",
    "keys",
    "values",
];
/// Those whose first parameter is an element.
const WITH_ELEMENTS: [&str; 8] =
    ["map", "forEach", "filter", "flatMap", "some", "every", "find", "findIndex"];
const OF_TEXTS: [&str; 14] = [
    "trim",
    "split",
    "toLowerCase",
    "toUpperCase",
    "startsWith",
    "endsWith",
    "replace",
    "replaceAll",
    "match",
    "padStart",
    "padEnd",
    "charAt",
    "substring",
    "trimEnd",
];
const OF_BOTH: [&str; 6] = ["length", "slice", "includes", "indexOf", "concat", "at"];

/// Notes every use of the global `args`; false if there is none.
pub(super) fn walk(semantic: &Semantic<'_>, used: &mut Use) -> bool {
    let scoping = semantic.scoping();
    let Some(references) = scoping.root_unresolved_references().get("args") else { return false };
    let mut walk = Walk { semantic, symbols: BTreeSet::new() };
    for reference in references.iter() {
        walk.follow(scoping.get_reference(*reference).node_id(), used, STEPS_MAX);
    }
    true
}

struct Walk<'s, 'a> {
    semantic: &'s Semantic<'a>,
    /// Variables that are followed already.
    symbols: BTreeSet<SymbolId>,
}

impl<'a> Walk<'_, 'a> {
    /// What becomes of the value of this node.
    fn follow(&mut self, node: NodeId, used: &mut Use, steps: u32) {
        if steps == 0 {
            return;
        }
        let nodes = self.semantic.nodes();
        let span = nodes.kind(node).span();
        let parent = nodes.parent_node(node);
        let on = |walk: &mut Self, used: &mut Use| walk.follow(parent.id(), used, steps - 1);
        match parent.kind() {
            AstKind::ParenthesizedExpression(_)
            | AstKind::ChainExpression(_)
            | AstKind::AwaitExpression(_)
            | AstKind::SequenceExpression(_) => on(self, used),
            AstKind::ObjectProperty(_) => {}
            AstKind::SpreadElement(_) => {
                if matches!(nodes.parent_kind(parent.id()), AstKind::ArrayExpression(_)) {
                    used.element.get_or_insert_default();
                }
            }
            AstKind::StaticMemberExpression(member) if member.object.span() == span => {
                self.member(member.property.name.as_str(), parent.id(), used, steps);
            }
            AstKind::ComputedMemberExpression(member) if member.object.span() == span => {
                match member.expression.get_inner_expression() {
                    Expression::StringLiteral(name) => {
                        let inner = used.members.entry(name.value.to_string()).or_default();
                        self.follow(parent.id(), inner, steps - 1);
                    }
                    _ => on(self, used.element.get_or_insert_default()),
                }
            }
            AstKind::LogicalExpression(either) if either.left.span() == span => {
                if either.operator != LogicalOperator::And {
                    note_default(used, &either.right);
                }
                on(self, used);
            }
            AstKind::LogicalExpression(either) if either.operator != LogicalOperator::And => on(self, used),
            AstKind::ConditionalExpression(branch) if branch.test.span() != span => on(self, used),
            AstKind::ConditionalExpression(_) | AstKind::IfStatement(_) => used.truth = true,
            AstKind::UnaryExpression(unary) if unary.operator == UnaryOperator::LogicalNot => {
                used.truth = true
            }
            AstKind::TemplateLiteral(_) => used.text = true,
            AstKind::BinaryExpression(binary) => {
                let other = if binary.left.span() == span { &binary.right } else { &binary.left };
                note_binary(used, binary.operator, other);
            }
            AstKind::VariableDeclarator(declarator) => self.bind(&declarator.id, used, steps),
            AstKind::ForOfStatement(each) if each.right.span() == span => {
                let element = used.element.get_or_insert_default();
                if let ForStatementLeft::VariableDeclaration(declared) = &each.left
                    && let Some(declarator) = declared.declarations.first()
                {
                    self.bind(&declarator.id, element, steps);
                }
            }
            AstKind::CallExpression(call) => self.argument(call, parent.id(), span, used, steps),
            _ => {}
        }
    }

    fn member(&mut self, name: &str, node: NodeId, used: &mut Use, steps: u32) {
        let nodes = self.semantic.nodes();
        let call = match nodes.parent_kind(node) {
            AstKind::CallExpression(call) if call.callee.span() == nodes.kind(node).span() => Some(call),
            _ => None,
        };
        match call {
            Some(call) if OF_LISTS.contains(&name) => {
                let element = used.element.get_or_insert_default();
                if WITH_ELEMENTS.contains(&name) {
                    self.callback(call.arguments.first(), element, steps);
                }
                // What is left of the list is a list of the same.
                if matches!(name, "filter" | "sort" | "reverse") {
                    self.follow(nodes.parent_node(node).id(), used, steps - 1);
                }
            }
            Some(_) if OF_TEXTS.contains(&name) => used.text = true,
            Some(_) if matches!(name, "toFixed") => used.number = true,
            Some(_) if name == "slice" => {
                used.sized = true;
                self.follow(nodes.parent_node(node).id(), used, steps - 1);
            }
            _ if OF_BOTH.contains(&name) => used.sized = true,
            _ => {
                let member = used.members.entry(name.to_owned()).or_default();
                self.follow(node, member, steps - 1);
            }
        }
    }

    /// The first parameter of a function is an element.
    fn callback(&mut self, argument: Option<&'a Argument<'a>>, element: &mut Use, steps: u32) {
        let Some(function) = argument.and_then(Argument::as_expression) else { return };
        let parameters: &FormalParameters<'_> = match function.get_inner_expression() {
            Expression::ArrowFunctionExpression(arrow) => &arrow.params,
            Expression::FunctionExpression(function) => &function.params,
            _ => return,
        };
        if let Some(first) = parameters.items.first() {
            self.bind(&first.pattern, element, steps);
        }
    }

    fn argument(
        &mut self,
        call: &'a CallExpression<'a>,
        node: NodeId,
        span: Span,
        used: &mut Use,
        steps: u32,
    ) {
        let place = call.arguments.iter().position(|argument| argument.span() == span);
        let Some(place) = place else { return };
        let object_method = match call.callee.get_inner_expression() {
            Expression::StaticMemberExpression(member) => match member.object.get_inner_expression() {
                Expression::Identifier(object) => (object.name.as_str(), member.property.name.as_str()),
                _ => return,
            },
            Expression::Identifier(name) => ("", name.name.as_str()),
            _ => return,
        };
        match object_method {
            ("", "parallel" | "pipeline") if place == 0 => {
                let element = used.element.get_or_insert_default();
                self.callback(call.arguments.get(1), element, steps);
            }
            ("JSON", "parse") => self.follow(node, used, steps - 1),
            ("Array", "isArray") => used.sized = true,
            ("Array", "from") | ("", "Set") => {
                used.element.get_or_insert_default();
            }
            ("Math", _) | ("", "Number" | "parseInt") => used.number = true,
            ("", "String" | "agent" | "log") => used.text = true,
            ("", _) => self.parameter(call, place, used, steps),
            _ => {}
        }
    }

    /// A function of the script itself.
    fn parameter(&mut self, call: &'a CallExpression<'a>, place: usize, used: &mut Use, steps: u32) {
        let Expression::Identifier(name) = call.callee.get_inner_expression() else { return };
        let scoping = self.semantic.scoping();
        let reference = name.reference_id.get().map(|id| scoping.get_reference(id));
        let Some(symbol) = reference.and_then(|reference| reference.symbol_id()) else { return };
        let parameters: &FormalParameters<'_> =
            match self.semantic.nodes().kind(scoping.symbol_declaration(symbol)) {
                AstKind::Function(function) => &function.params,
                AstKind::VariableDeclarator(declarator) => match &declarator.init {
                    Some(Expression::ArrowFunctionExpression(arrow)) => &arrow.params,
                    Some(Expression::FunctionExpression(function)) => &function.params,
                    _ => return,
                },
                _ => return,
            };
        if let Some(parameter) = parameters.items.get(place) {
            if let Some(default) = &parameter.initializer {
                note_default(used, default);
            }
            self.bind(&parameter.pattern, used, steps);
        }
    }

    fn bind(&mut self, pattern: &BindingPattern<'_>, used: &mut Use, steps: u32) {
        if steps == 0 {
            return;
        }
        match pattern {
            BindingPattern::BindingIdentifier(name) => {
                let Some(symbol) = name.symbol_id.get() else { return };
                if !self.symbols.insert(symbol) {
                    return;
                }
                let scoping = self.semantic.scoping();
                let references = scoping.get_resolved_references(symbol).filter(|it| it.is_read());
                let nodes: Vec<NodeId> = references.map(|reference| reference.node_id()).collect();
                for node in nodes {
                    self.follow(node, used, steps - 1);
                }
            }
            BindingPattern::ObjectPattern(object) => {
                for property in &object.properties {
                    if let Some(name) = property.key.static_name() {
                        let member = used.members.entry(name.into_owned()).or_default();
                        self.bind(&property.value, member, steps - 1);
                    }
                }
            }
            BindingPattern::ArrayPattern(list) => {
                let element = used.element.get_or_insert_default();
                for pattern in list.elements.iter().flatten() {
                    self.bind(pattern, element, steps - 1);
                }
            }
            BindingPattern::AssignmentPattern(assigned) => {
                note_default(used, &assigned.right);
                self.bind(&assigned.left, used, steps);
            }
        }
    }
}

/// What the script takes if nothing is given; an empty list or text is nothing to go on with.
fn note_default(used: &mut Use, default: &Expression<'_>) {
    match default.get_inner_expression() {
        Expression::NumericLiteral(_) => (used.number, used.spare) = (true, true),
        Expression::BooleanLiteral(_) => (used.truth, used.spare) = (true, true),
        Expression::StringLiteral(text) => {
            used.text = true;
            used.spare |= !text.value.is_empty();
        }
        Expression::TemplateLiteral(_) => (used.text, used.spare) = (true, true),
        Expression::ArrayExpression(list) => {
            used.element.get_or_insert_default();
            used.spare |= !list.elements.is_empty();
        }
        Expression::ObjectExpression(object) => used.spare |= !object.properties.is_empty(),
        Expression::Identifier(name) => used.spare |= name.name != "undefined",
        Expression::NullLiteral(_) => {}
        _ => used.spare = true,
    }
}

fn note_binary(used: &mut Use, operator: BinaryOperator, other: &Expression<'_>) {
    let other = other.get_inner_expression();
    match operator {
        BinaryOperator::Addition => match other {
            Expression::NumericLiteral(_) => used.number = true,
            _ => used.text = true,
        },
        BinaryOperator::LessThan
        | BinaryOperator::LessEqualThan
        | BinaryOperator::GreaterThan
        | BinaryOperator::GreaterEqualThan
        | BinaryOperator::Subtraction
        | BinaryOperator::Multiplication
        | BinaryOperator::Division
        | BinaryOperator::Remainder
        | BinaryOperator::Exponential => used.number = true,
        BinaryOperator::Equality
        | BinaryOperator::StrictEquality
        | BinaryOperator::Inequality
        | BinaryOperator::StrictInequality => match other {
            Expression::StringLiteral(text) if !text.value.is_empty() => {
                used.known.push(text.value.to_string())
            }
            Expression::NumericLiteral(_) => used.number = true,
            _ => {}
        },
        BinaryOperator::In
        | BinaryOperator::Instanceof
        | BinaryOperator::ShiftLeft
        | BinaryOperator::ShiftRight
        | BinaryOperator::ShiftRightZeroFill
        | BinaryOperator::BitwiseOR
        | BinaryOperator::BitwiseXOR
        | BinaryOperator::BitwiseAnd => {}
    }
}
