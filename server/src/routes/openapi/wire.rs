//! How values look on the wire, where the types of the program would be misread.

use serde_json::{Value, json};

/// Walks the whole document.
pub fn correct(value: &mut Value) {
    if is_bytes(value) {
        *value = json!({ "type": "string", "format": "binary" });
    }
    widen(value);
    name_type(value);
    match value {
        Value::Object(members) => members.values_mut().for_each(correct),
        Value::Array(items) => items.iter_mut().for_each(correct),
        _ => {}
    }
}

/// `Vec<u8>` is a file here, and not a list of numbers.
fn is_bytes(schema: &Value) -> bool {
    schema["type"] == "array" && schema["items"]["format"] == "int32" && schema["items"]["minimum"] == 0
}

/// An unsigned number of 32 bits does not fit what `int32` is read as.
fn widen(schema: &mut Value) {
    let reaches_beyond =
        schema["maximum"].as_u64().is_none_or(|maximum| maximum > u64::from(i32::MAX.unsigned_abs()));
    if schema["format"] == "int32" && schema["minimum"].as_i64() >= Some(0) && reaches_beyond {
        schema["format"] = "int64".into();
        schema["maximum"] = u32::MAX.into();
    }
}

/// Choices of words are words.
fn name_type(schema: &mut Value) {
    let is_words = schema["enum"].as_array().is_some_and(|words| words.iter().all(Value::is_string));
    if is_words && schema["type"].is_null() {
        schema["type"] = "string".into();
    }
}
