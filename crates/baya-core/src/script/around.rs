//! What a node of a script stands in.

use oxc_ast::AstKind;
use oxc_semantic::{NodeId, Semantic};
use oxc_span::{GetSpan, Span};

/// What surrounds a node, brackets aside; with the span of what stands directly in it.
pub(super) fn around<'a>(semantic: &Semantic<'a>, node: NodeId) -> (NodeId, AstKind<'a>, Span) {
    let nodes = semantic.nodes();
    let mut inner = nodes.kind(node).span();
    let mut parent = nodes.parent_node(node);
    while let AstKind::ParenthesizedExpression(brackets) = parent.kind() {
        inner = brackets.span;
        parent = nodes.parent_node(parent.id());
    }
    (parent.id(), parent.kind(), inner)
}
