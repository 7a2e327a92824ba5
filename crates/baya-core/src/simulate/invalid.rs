//! Answers that do not meet a schema, for the fault `invalid`.

use crate::schema::Schema;
use serde_json::{Map, Value, json};

/// A value near `valid` that the schema refuses: an object if possible, since some wires carry nothing
/// else.
pub fn unmet(schema: &Schema, valid: &Value) -> Value {
    let object = valid.as_object().cloned().unwrap_or_default();
    let spoiled = object.keys().map(|key| with(&object, key, json!({"simulated": "wrong"})));
    let dropped = object.keys().map(|key| without(&object, key));
    let candidates = spoiled.chain(dropped).chain([json!({"simulated": "wrong"}), json!({})]);
    candidates
        .into_iter()
        .find(|value| !schema.is_valid(value))
        .unwrap_or_else(|| json!("simulated: not an object"))
}

fn with(object: &Map<String, Value>, key: &str, value: Value) -> Value {
    let mut object = object.clone();
    object.insert(key.to_owned(), value);
    Value::Object(object)
}

fn without(object: &Map<String, Value>, key: &str) -> Value {
    let mut object = object.clone();
    object.shift_remove(key);
    Value::Object(object)
}
