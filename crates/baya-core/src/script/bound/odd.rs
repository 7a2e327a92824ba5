//! Scripts in which a name may mean something else than it says: they have no bound.

use oxc_ast::AstKind;
use oxc_ast::ast::Expression;
use oxc_semantic::Semantic;

/// With these, lists may have other methods, calls other arguments, loops other steps.
const ODD_NAMES: [&str; 14] = [
    "arguments",
    "prototype",
    "__proto__",
    "defineProperty",
    "defineProperties",
    "setPrototypeOf",
    "Proxy",
    "Reflect",
    "globalThis",
    "iterator",
    "asyncIterator",
    "species",
    "isConcatSpreadable",
    "toPrimitive",
];
/// Methods that mean what they mean of lists.
const METHODS: [&str; 32] = [
    "map",
    "filter",
    "slice",
    "flat",
    "flatMap",
    "forEach",
    "some",
    "every",
    "find",
    "findIndex",
    "findLast",
    "findLastIndex",
    "reduce",
    "reduceRight",
    "sort",
    "toSorted",
    "reverse",
    "toReversed",
    "concat",
    "keys",
    "values",
    "entries",
    "fill",
    "with",
    "then",
    "catch",
    "finally",
    "push",
    "unshift",
    "splice",
    "add",
    "set",
];

pub(super) fn is_odd(semantic: &Semantic<'_>) -> bool {
    let writes_globals = semantic
        .scoping()
        .root_unresolved_references()
        .values()
        .flatten()
        .any(|reference| semantic.scoping().get_reference(*reference).is_write());
    writes_globals || semantic.nodes().iter().any(|node| is_odd_kind(node.kind()))
}

fn is_odd_kind(kind: AstKind<'_>) -> bool {
    match kind {
        AstKind::IdentifierReference(it) => ODD_NAMES.contains(&it.name.as_str()),
        AstKind::IdentifierName(it) => ODD_NAMES.contains(&it.name.as_str()),
        AstKind::StringLiteral(it) => ODD_NAMES.contains(&it.value.as_str()) && it.value != "iterator",
        AstKind::Class(it) => it.heritage.is_some(),
        AstKind::MethodDefinition(it) => it.key.static_name().is_none_or(|name| METHODS.contains(&&*name)),
        AstKind::PropertyDefinition(it) => it.key.static_name().is_none_or(|name| METHODS.contains(&&*name)),
        AstKind::ObjectProperty(it) => {
            let is_method = it.key.static_name().is_some_and(|name| METHODS.contains(&&*name));
            is_method && !is_data(&it.value)
        }
        _ => false,
    }
}

/// What cannot be called.
fn is_data(value: &Expression<'_>) -> bool {
    matches!(
        value.get_inner_expression(),
        Expression::ObjectExpression(_)
            | Expression::ArrayExpression(_)
            | Expression::StringLiteral(_)
            | Expression::TemplateLiteral(_)
            | Expression::NumericLiteral(_)
            | Expression::BooleanLiteral(_)
            | Expression::NullLiteral(_)
            | Expression::BinaryExpression(_)
            | Expression::UnaryExpression(_)
    )
}
