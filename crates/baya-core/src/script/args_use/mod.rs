//! What a script takes `args` for, from how its text reads them: the arguments of a rehearsal that was
//! given none. A guess, and a schema: `args.files.map(…)` is an object with a list `files`.

mod walk;

use crate::call::Unit;
use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_semantic::SemanticBuilder;
use oxc_span::SourceType;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How a value is used.
#[derive(Debug, Clone, Default)]
struct Use {
    members: BTreeMap<String, Use>,
    /// It is a list, and its elements are used so.
    element: Option<Box<Use>>,
    text: bool,
    number: bool,
    truth: bool,
    /// Its length is asked for, or a part of it: a list or a text.
    sized: bool,
    /// The script does without it.
    spare: bool,
    /// Texts it is compared with.
    known: Vec<String>,
}

/// The schema of `args` as the text of a linked script uses them; none: it does not look at them.
pub fn args_schema(entry: &Unit) -> Option<Value> {
    super::depth::with_stack(|| {
        let allocator = Allocator::default();
        let tree = Parser::new(&allocator, &entry.text, SourceType::script()).parse();
        if tree.panicked {
            return None;
        }
        let built = SemanticBuilder::new().with_build_nodes(true).build(&tree.program);
        let mut used = Use::default();
        let seen = walk::walk(&built.semantic, &mut used);
        seen.then(|| used.schema()).flatten()
    })
}

impl Use {
    /// None: nothing says what it is.
    fn schema(&self) -> Option<Value> {
        if !self.members.is_empty() {
            return Some(self.object());
        }
        if let Some(element) = &self.element {
            let items = element.schema().unwrap_or_else(|| json!({"type": "string"}));
            return Some(json!({"type": "array", "items": items, "minItems": 1}));
        }
        if !self.known.is_empty() {
            return Some(json!({"enum": self.known}));
        }
        if self.text {
            return Some(json!({"type": "string", "minLength": 1}));
        }
        if self.number {
            return Some(json!({"type": "integer", "minimum": 1, "maximum": 5}));
        }
        if self.sized {
            return Some(json!({"type": "array", "items": {"type": "string"}, "minItems": 1}));
        }
        self.truth.then(|| json!({"type": "boolean"}))
    }

    fn object(&self) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, member) in &self.members {
            let schema = member.schema().unwrap_or_else(|| json!({"type": "string", "minLength": 1}));
            properties.insert(name.clone(), schema);
            if !member.spare {
                required.push(Value::String(name.clone()));
            }
        }
        json!({"type": "object", "properties": properties, "required": required})
    }
}
