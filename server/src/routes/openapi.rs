//! The API's description (OpenAPI 3.1). A handler says what it does, what it takes and what it gives;
//! what follows from its shape is said here once for all of them.

mod links;
mod wire;

use crate::{
    acts::{access::once::KEY_CHARS_MAX, registry::subjects::SUBJECTS_MAX, tasks::issue::TASKS_MAX, text},
    error::Problem,
    views::paging::{LIMIT_DEFAULT, LIMIT_MAX},
};
use liuhen_inspection::limits;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Liuhen",
        description = "留痕 · Field inspection: registers, tasks, visits, evidence, and the ledger behind them.\n\n\
            What is refused is told by a problem document (RFC 9457) with a stable dotted `code`. Lists are \
            read page by page: the `next` of one answer is the `cursor` of the next request."
    ),
    components(schemas(Problem))
)]
struct Description;

/// What can be named in a path, with what it is.
const IN_PATHS: &[(&str, &str)] = &[
    ("account", "An account's id"),
    ("checklist", "A checklist's hash: SHA-256 in hex"),
    ("device", "A device's id"),
    ("evidence", "SHA-256 of the file in hex"),
    ("subject", "An inspected party's id"),
    ("task", "A task's id"),
    ("visit", "A visit's id"),
];

/// What every list is asked with.
const CURSOR: &str = "The `next` of the page before";
const LIMIT: &str = "How many items there may be on the page";

/// The frame that the handlers' own descriptions are put into.
pub fn frame() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// The whole document: what the handlers say, and what every operation of the same shape has in common.
pub fn complete(api: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(api).expect("a description of strings and numbers is JSON");
    document["components"]["securitySchemes"] = json!({
        "access_token": { "type": "http", "scheme": "bearer", "description": "From `POST /api/v1/sessions`" },
    });
    document["security"] = json!([{ "access_token": [] }]);
    let schemas = &mut document["components"]["schemas"];
    name_what_lists_hold(schemas);
    for (name, place, addition) in further_limits() {
        if let Some(schema) = schemas[name].pointer_mut(place) {
            add(schema, addition);
        }
    }
    for (name, rule) in rules_between_fields() {
        add(&mut schemas[name], rule);
    }
    for (path, operations) in members(&mut document["paths"]) {
        for (method, operation) in members(operations) {
            complete_operation(path, method, operation);
        }
    }
    links::describe(&mut document);
    wire::correct(&mut document);
    document
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flat_map(Map::iter_mut)
}

fn complete_operation(path: &str, method: &str, operation: &mut Value) {
    let resource = path.trim_start_matches("/api/v1/").split('/').next().unwrap_or_default();
    operation["tags"] = json!([resource]);
    let named = names_in(path);
    for name in &named {
        describe_name(operation, name);
    }
    if is_act(method, operation) {
        describe_key(operation);
    }
    let is_paged = describe_paging(operation);
    for status in answers_of_shape(method, operation, is_paged || !named.is_empty()) {
        let answer = &mut operation["responses"][status];
        if answer.is_null() {
            *answer = json!({});
        }
    }
    for (status, answer) in members(&mut operation["responses"]) {
        complete_answer(status, answer);
    }
}

/// The `{names}` of a path.
fn names_in(path: &str) -> Vec<&str> {
    path.split(['{', '}']).skip(1).step_by(2).collect()
}

fn describe_name(operation: &mut Value, name: &str) {
    let parameters = parameters(operation);
    if parameters.iter().any(|parameter| parameter["name"] == name) {
        return;
    }
    let description = IN_PATHS.iter().find(|(known, _)| *known == name).map(|(_, description)| description);
    parameters.push(json!({
        "name": name, "in": "path", "required": true, "description": description,
        "schema": { "type": "string", "minLength": 1 },
    }));
}

/// Somebody does something: it is carried out in one commit, and once where it has a key.
fn is_act(method: &str, operation: &Value) -> bool {
    method != "get" && operation["security"].is_null()
}

fn describe_key(operation: &mut Value) {
    let schema = json!({ "type": "string", "pattern": format!("^[!-~]{{1,{KEY_CHARS_MAX}}}$") });
    let description = "A request with the same key and content is carried out once within a day";
    let key = json!({
        "name": "Idempotency-Key", "in": "header", "required": false, "description": description, "schema": schema,
    });
    parameters(operation).push(key);
}

/// Whether the operation gives a list page by page.
fn describe_paging(operation: &mut Value) -> bool {
    let mut is_paged = false;
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        match parameter["name"].as_str() {
            Some("cursor") => {
                parameter["description"] = CURSOR.into();
                is_paged = true;
            }
            Some("limit") => {
                parameter["description"] = LIMIT.into();
                parameter["schema"] = json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT });
            }
            _ => {}
        }
    }
    is_paged
}

fn parameters(operation: &mut Value) -> &mut Vec<Value> {
    if operation["parameters"].is_null() {
        operation["parameters"] = json!([]);
    }
    operation["parameters"].as_array_mut().expect("parameters are a list")
}

/// What any operation of this shape may answer beside what it says itself.
fn answers_of_shape(method: &str, operation: &Value, names_things: bool) -> Vec<&'static str> {
    let parameters = operation["parameters"].as_array();
    let has_query = parameters.is_some_and(|all| all.iter().any(|parameter| parameter["in"] == "query"));
    let mut statuses = vec!["414", "431", "500", "503"];
    // An operation that names its own security is open to everybody.
    if operation["security"].is_null() {
        statuses.extend(["401", "403"]);
    }
    if names_things {
        statuses.push("404");
    }
    if has_query {
        statuses.push("400");
    }
    // A key that is none, or was used for something else; an account that lost its rights meanwhile.
    if is_act(method, operation) {
        statuses.extend(["400", "409", "422"]);
    }
    if !operation["requestBody"].is_null() {
        statuses.extend(["400", "413", "415", "422"]);
    }
    statuses
}

fn complete_answer(status: &str, answer: &mut Value) {
    if answer["description"].as_str().is_none_or(str::is_empty) {
        answer["description"] = meaning(status).into();
    }
    if status < "400" {
        return;
    }
    if answer["content"].is_null() {
        let problem = json!({ "$ref": "#/components/schemas/Problem" });
        answer["content"] = json!({ "application/problem+json": { "schema": problem } });
    }
    match status {
        "401" => {
            answer["headers"]["WWW-Authenticate"] =
                json!({ "description": "How to sign in", "required": true, "schema": { "type": "string" } });
        }
        "429" | "503" => {
            let description = "Seconds after which another try makes sense";
            let seconds = json!({ "type": "integer", "minimum": 0 });
            answer["headers"]["Retry-After"] =
                json!({ "description": description, "required": true, "schema": seconds });
        }
        _ => {}
    }
}

fn meaning(status: &str) -> &'static str {
    match status {
        "200" => "As asked",
        "201" => "Done; this is what is there now",
        "204" => "Done",
        "400" => "The request cannot be read",
        "401" => "Nobody is signed in, or not any more",
        "403" => "The actor's roles or department do not allow this, or a second factor is missing",
        "404" => "It, or something the request names, is not there",
        "409" => "The present state does not allow this",
        "413" => "The body is too large",
        "414" => "The address is too long",
        "415" => "The body is not of the content type expected, or it is packed",
        "422" => "The request can be read and breaks a rule",
        "429" => "Too many tries",
        "431" => "The headers are too long",
        "500" => "A fault of the server; nothing was changed",
        "503" => "Not now: busy, out of space or out of time; nothing was changed",
        _ => "",
    }
}

/// What the types cannot say of themselves: `(schema, pointer into it, what is added there)`.
fn further_limits() -> Vec<(&'static str, &'static str, Value)> {
    let set = || json!({ "uniqueItems": true });
    let many = |max: usize| json!({ "minItems": 1, "maxItems": max });
    let strict = || json!({ "additionalProperties": false });
    let line = || json!({ "pattern": text::LINE });
    let paragraphs = || json!({ "pattern": text::PLAIN_PARAGRAPHS });
    let code = || json!({ "pattern": "^[A-Za-z0-9._-]*[A-Za-z0-9][A-Za-z0-9._-]*$" });
    let lines = |min: usize, max: usize| {
        let chars_max = limits::LINE_CHARS_MAX;
        let line = json!({ "type": "string", "minLength": 1, "maxLength": chars_max, "pattern": text::LINE });
        json!({ "items": line, "uniqueItems": true, "minItems": min, "maxItems": max })
    };
    vec![
        ("OneOrMany_NewSubject", "/oneOf/1", many(SUBJECTS_MAX)),
        ("OneOrMany_NewTask", "/oneOf/1", many(TASKS_MAX)),
        ("NewTask", "/properties/assignees", set()),
        ("Reassignment", "/properties/assignees", set()),
        ("Checklist", "/properties/code", code()),
        ("Checklist", "/properties/title", line()),
        ("Item", "/properties/code", code()),
        ("Item", "/properties/text", paragraphs()),
        ("Item", "/properties/how_to_check", paragraphs()),
        ("Item", "/properties/legal_basis", paragraphs()),
        ("Item", "/properties/penalty_basis", paragraphs()),
        ("Item", "/properties/usual_phrases", lines(0, limits::PHRASES_MAX)),
        ("ResponseType", "/oneOf/0", strict()),
        ("ResponseType", "/oneOf/1", strict()),
        ("ResponseType", "/oneOf/2", strict()),
        ("ResponseType", "/oneOf/3", strict()),
        ("ResponseType", "/oneOf/4", strict()),
        ("PlaceChange", "/oneOf/1", strict()),
        ("ResponseType", "/oneOf/0/properties/options", lines(1, limits::OPTIONS_MAX)),
    ]
}

/// The parameter of a generic type is described in its place; here it is called by its name instead.
fn name_what_lists_hold(schemas: &mut Value) {
    let names: BTreeSet<String> = members(schemas).map(|(name, _)| name.clone()).collect();
    for (name, schema) in members(schemas) {
        let Some((generic, of)) = name.split_once('_').filter(|(_, of)| names.contains(*of)) else {
            continue;
        };
        let named = json!({ "$ref": format!("#/components/schemas/{of}") });
        match generic {
            "List" => schema["properties"]["items"]["items"] = named,
            "OneOrMany" => {
                let many = json!({ "type": "array", "items": named });
                *schema = json!({ "description": "One, or several", "oneOf": [named, many] });
            }
            _ => {}
        }
    }
}

fn add(schema: &mut Value, addition: Value) {
    let (Some(schema), Value::Object(addition)) = (schema.as_object_mut(), addition) else { return };
    schema.extend(addition);
}

/// Rules about several fields of one body. As conditions, which programs that make clients pass over: of
/// alternatives they would make a type each, with the fields named here and no other.
fn rules_between_fields() -> [(&'static str, Value); 3] {
    let number = || json!({ "type": "number" });
    let named = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let with = |fields: Value, required: Value| json!({ "type": "object", "properties": fields, "required": required });
    let inspects = json!({ "type": "array", "items": named("Role"), "contains": { "enum": ["inspector"] } });
    let returned = json!({ "enum": ["returned"] });
    [
        (
            "NewAccount",
            json!({
                "if": with(json!({ "roles": inspects }), json!(["roles"])),
                "then": with(json!({ "certificate_no": named("Line") }), json!(["certificate_no"])),
            }),
        ),
        (
            "NewSubject",
            json!({
                "if": with(json!({ "latitude": number() }), json!(["latitude"])),
                "then": with(json!({ "longitude": number() }), json!(["longitude"])),
                "else": with(json!({ "longitude": { "type": "null" } }), json!([])),
            }),
        ),
        (
            "NewReview",
            json!({
                "if": with(json!({ "outcome": returned }), json!(["outcome"])),
                "then": with(json!({ "opinion": named("Paragraphs") }), json!(["opinion"])),
            }),
        ),
    ]
}

#[cfg(test)]
mod tests;
