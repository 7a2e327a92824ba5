//! JSON Schema as Baya uses it: compiled once, checked by us whatever a backend claims (C30–C33).
//! Nothing is fetched: a `$ref` outside the schema is an error.

use serde_json::Value;

/// A usable schema: its root is an object and it compiles.
#[derive(Debug, Clone)]
pub struct Schema {
    validator: std::sync::Arc<jsonschema::Validator>,
}

impl Schema {
    /// The preflight of C31; the error says what is wrong with the schema.
    pub fn compile(schema: &Value) -> Result<Schema, String> {
        let root = schema.as_object().ok_or("a schema is a JSON object")?;
        if root.get("type").and_then(Value::as_str) != Some("object") {
            return Err("the root of a schema says `type: 'object'`".to_owned());
        }
        let validator = jsonschema::validator_for(schema).map_err(|error| error.to_string())?;
        Ok(Schema { validator: std::sync::Arc::new(validator) })
    }

    /// The first thing wrong with the value, with its place.
    pub fn validate(&self, value: &Value) -> Result<(), String> {
        self.validator.validate(value).map_err(|error| format!("{error} at `{}`", error.instance_path()))
    }
}
