use crate::routes::described;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn document() -> Value {
    described().1
}

/// Every operation as `POST /api/v1/tasks`.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let mut found = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("a path's operations") {
            found.push((format!("{} {path}", method.to_uppercase()), operation));
        }
    }
    found
}

/// Walks every schema below `value`, with its place.
fn schemas<'a>(place: &str, value: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(key, value)| (format!("{place}/{key}"), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(at, value)| (format!("{place}/{at}"), value)).collect()
        }
        _ => Vec::new(),
    };
    for (place, value) in children {
        let (parent, key) = place.rsplit_once('/').unwrap_or_default();
        let holds_schemas = ["/properties", "/oneOf", "/allOf", "/anyOf", "/components/schemas"];
        if ["schema", "items", "additionalProperties", "contains", "if", "then", "else"].contains(&key)
            || holds_schemas.iter().any(|holder| parent.ends_with(holder))
        {
            found.push((place.clone(), value));
        }
        schemas(&place, value, found);
    }
}

/// Why a schema says too little.
fn untyped(schema: &Value) -> Option<&'static str> {
    let has = |key: &str| !schema[key].is_null();
    if schema == &Value::Bool(false) || has("$ref") || has("oneOf") || has("allOf") {
        return None;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return Some("no type"),
    };
    let is_map = schema["additionalProperties"].is_object();
    let closed = schema["additionalProperties"] == Value::Bool(false);
    if types.contains(&"object") && !has("properties") && !is_map && !closed {
        return Some("an object without properties");
    }
    if types.contains(&"array") && !has("items") {
        return Some("an array of anything");
    }
    let is_narrow = schema["format"] == "int32" && schema["maximum"].as_u64() > Some(i32::MAX as u64);
    is_narrow.then_some("a number that is larger than its format")
}

#[test]
fn a_schema_that_says_nothing_is_found() {
    for open in [
        json!({}),
        json!(true),
        json!({ "description": "anything" }),
        json!({ "enum": ["a"] }),
        json!({ "type": "object" }),
        json!({ "type": ["object", "null"] }),
        json!({ "type": "object", "additionalProperties": true }),
        json!({ "type": "array" }),
        json!({ "properties": { "a": { "type": "string" } } }),
    ] {
        assert!(untyped(&open).is_some(), "{open}");
    }
}

#[test]
fn no_schema_leaves_open_what_it_describes() {
    let document = document();
    let mut found = Vec::new();
    schemas("", &document, &mut found);
    assert!(found.len() > 100, "the walk found {} schemas", found.len());
    let open: Vec<String> =
        found.iter().filter_map(|(place, schema)| Some(format!("{place}: {}", untyped(schema)?))).collect();
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn every_operation_says_what_it_is_for_and_has_a_name_of_its_own() {
    let document = document();
    let mut names = BTreeSet::new();
    for (place, operation) in operations(&document) {
        let text = |key: &str| operation[key].as_str().unwrap_or_default().to_owned();
        assert!(text("summary").ends_with('.'), "{place} says nothing of itself");
        assert!(text("operationId").contains('_'), "{place}: {}", text("operationId"));
        assert!(names.insert(text("operationId")), "{place}: {} is another's name", text("operationId"));
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let described = parameter["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(described, "{place}: what is {}?", parameter["name"]);
        }
        for (status, answer) in operation["responses"].as_object().expect("answers") {
            assert!(
                answer["description"].as_str().is_some_and(|text| !text.is_empty()),
                "{place}: {status}?"
            );
        }
    }
}

#[test]
fn every_refusal_is_a_problem_document() {
    let document = document();
    for (place, operation) in operations(&document) {
        let answers = operation["responses"].as_object().expect("answers");
        for must in ["500", "503"] {
            assert!(answers.contains_key(must), "{place} never fails?");
        }
        assert_eq!(
            answers.contains_key("401"),
            operation["security"].is_null() || place.contains("/sessions"),
            "{place}"
        );
        for (status, answer) in answers.iter().filter(|(status, _)| status.as_str() >= "400") {
            let schema = &answer["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{place}: {status}");
        }
        let succeeds = answers.keys().any(|status| status.starts_with('2'));
        assert!(succeeds, "{place} cannot succeed");
    }
}

/// What stands at a place of a body is described there.
fn described_at<'a>(document: &'a Value, schema: &'a Value, place: &str) -> Option<&'a Value> {
    let schema = resolved(document, schema);
    let (part, rest) = match place.trim_start_matches('/').split_once('/') {
        Some((part, rest)) => (part, rest),
        None if place.is_empty() => return Some(schema),
        None => (place.trim_start_matches('/'), ""),
    };
    let direct = match part.parse::<usize>() {
        Ok(_) => schema.get("items"),
        Err(_) => schema["properties"].get(part),
    };
    let parts = || schema["allOf"].as_array().into_iter().flatten();
    match direct {
        Some(found) => described_at(document, found, rest),
        None => parts().find_map(|one| described_at(document, one, place)),
    }
}

#[test]
fn every_link_leads_from_what_an_answer_holds_to_an_operation_that_takes_it() {
    let document = document();
    let operations: BTreeMap<&str, (String, &Value)> = operations(&document)
        .into_iter()
        .map(|(place, operation)| (operation["operationId"].as_str().expect("a name"), (place, operation)))
        .collect();
    for (from, status, pointer, name, targets) in super::links::LINKS {
        let (_, operation) = operations[from];
        let body = &operation["responses"][*status]["content"]["application/json"]["schema"];
        let found = described_at(&document, body, pointer);
        assert!(found.is_some(), "{from} {status} has no {pointer}");
        for target in *targets {
            let (place, _) = &operations[target];
            assert!(place.contains(&format!("{{{name}}}")), "{target} takes no {name}: {place}");
        }
    }
}

#[test]
fn bodies_take_no_field_that_is_not_described() {
    let document = document();
    for (place, operation) in operations(&document) {
        let Some(content) = operation["requestBody"]["content"].as_object() else { continue };
        for (media_type, content) in
            content.iter().filter(|(media_type, _)| *media_type == "application/json")
        {
            let mut bodies = vec![resolved(&document, &content["schema"])];
            while let Some(body) = bodies.pop() {
                match body["oneOf"].as_array() {
                    Some(alternatives) => {
                        bodies.extend(alternatives.iter().map(|one| resolved(&document, one)));
                    }
                    None if body["type"] == "array" => bodies.push(resolved(&document, &body["items"])),
                    None => assert_eq!(body["additionalProperties"], false, "{place}, {media_type}: {body}"),
                }
            }
        }
    }
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            document.pointer(reference.trim_start_matches('#')).expect("a schema that is there")
        }
        None => schema,
    }
}

/// The comments in `routes/mod.rs` are what a reader sees of the API on one screen.
#[test]
fn the_screen_shows_every_route_as_it_is() {
    let mut shown = BTreeSet::new();
    for line in include_str!("../mod.rs").lines().filter(|line| line.contains("routes!(")) {
        let (_, comment) =
            line.split_once(" // ").unwrap_or_else(|| panic!("no method and path behind {line}"));
        let (methods, path) = comment.rsplit_once(' ').expect("methods and path");
        shown.extend(methods.split(' ').map(|method| format!("{method} /api/v1{path}")));
    }
    let document = document();
    let described: BTreeSet<String> = operations(&document).into_iter().map(|(place, _)| place).collect();
    assert_eq!(shown, described);
}

/// Of two types with one name, one would be described as the other.
#[test]
fn every_type_that_is_described_has_a_name_of_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the server lies in the workspace");
    let mut names = BTreeMap::new();
    for folder in ["server/src", "sync-core/inspection/src"] {
        for file in sources(&root.join(folder)) {
            let text = fs::read_to_string(&file).expect("a source file");
            for name in described_types(&text) {
                if let Some(other) = names.insert(name.clone(), file.clone()) {
                    panic!("{name} is in {} and in {}", other.display(), file.display());
                }
            }
        }
    }
    assert!(names.len() > 50, "{names:?}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(sources(&path)),
            false => found.extend(path.extension().is_some_and(|end| end == "rs").then_some(path)),
        }
    }
    found
}

/// The names under which the types of a file are described.
fn described_types(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut is_described, mut given) = (false, None);
    for line in text.lines().map(str::trim) {
        is_described |= line.starts_with("#[") && line.contains("derive(") && line.contains("ToSchema");
        if let Some((_, rest)) = line.strip_prefix("#[schema(").and_then(|rest| rest.split_once("as = ")) {
            given = rest.split([')', ',']).next().map(str::to_owned);
        }
        let declared =
            ["pub struct ", "pub enum ", "struct ", "enum "].iter().find_map(|word| line.strip_prefix(word));
        if let Some(declared) = declared {
            let name = declared.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned();
            // A macro's types have their names where it is called.
            let is_named = is_described && !name.is_empty();
            names.extend(is_named.then(|| given.clone().unwrap_or(name)));
            (is_described, given) = (false, None);
        }
    }
    names
}
