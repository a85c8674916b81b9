//! Runs the suites of gatekeeper-library as `gator verify` does, templates unedited: `gatekeeper DIR [FILTER]`.
//!
//! Says of each case that fails what was asserted and what came out, then the counts. A template without Rego is counted and
//! said; it is no failure, for CEL is no part of this crate.

#[allow(dead_code, reason = "each program uses its part")]
#[path = "../../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use support::ask::Ask;
use support::public::{self, Template, strings, template};
use support::{ours, yaml};

/// What a constraint's `match` says of an object; only what the library uses of it is known.
fn matches(constraint: &Value, request: &Value) -> Result<bool, String> {
    let Some(fields) = constraint["spec"]["match"].as_object() else { return Ok(true) };
    let namespace = request["namespace"].as_str().unwrap_or("");
    for (field, value) in fields {
        let applies = match field.as_str() {
            "kinds" => {
                let one = |list: &Value, have: &Value| {
                    list.is_null() || strings(list).any(|want| want == "*" || Some(want) == have.as_str())
                };
                value.as_array().into_iter().flatten().any(|kinds| {
                    one(&kinds["apiGroups"], &request["kind"]["group"])
                        && one(&kinds["kinds"], &request["kind"]["kind"])
                })
            }
            // An object of no namespace cannot be told apart, and counts as matched.
            "namespaces" => namespace.is_empty() || strings(value).any(|want| want == namespace),
            "excludedNamespaces" => namespace.is_empty() || strings(value).all(|not| not != namespace),
            other => return Err(format!("match.{other} is not known here")),
        };
        if !applies {
            return Ok(false);
        }
    }
    Ok(true)
}

fn group_and_version(object: &Value) -> (String, String) {
    let version = object["apiVersion"].as_str().unwrap_or("");
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    (group.into(), version.into())
}

/// The request that the gate would be sent for an object; one that is in a review already stays as it is.
fn request(object: &Value) -> Value {
    let kind_of = |object: &Value| {
        let (group, version) = group_and_version(object);
        json!({"group": group, "version": version, "kind": object["kind"]})
    };
    if object["kind"] == "AdmissionReview" {
        let mut request = object["request"].clone();
        let subject = if request["object"].is_null() { &request["oldObject"] } else { &request["object"] };
        let (kind, namespace) = (kind_of(subject), subject["metadata"]["namespace"].clone());
        if request["kind"].is_null() {
            request["kind"] = kind;
        }
        if request["namespace"].is_null() && !namespace.is_null() {
            request["namespace"] = namespace;
        }
        return request;
    }
    let mut request = json!({
        "uid": "", "operation": "", "userInfo": {}, "oldObject": null, "options": null,
        "resource": {"group": "", "version": "", "resource": ""},
        "kind": kind_of(object), "object": object,
    });
    for field in ["name", "namespace"] {
        if let Some(value) = object["metadata"][field].as_str().filter(|value| !value.is_empty()) {
            request[field] = value.into();
        }
    }
    request
}

fn inventory(files: &[PathBuf]) -> Result<Value, String> {
    let mut data = json!({"cluster": {}, "namespace": {}});
    for file in files {
        for object in yaml::all(file)? {
            let metadata = &object["metadata"];
            let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
            let of = match metadata["namespace"].as_str() {
                Some(namespace) => &mut data["namespace"][namespace],
                None => &mut data["cluster"],
            };
            of[text(&object["apiVersion"])][text(&object["kind"])][text(&metadata["name"])] = object.clone();
        }
    }
    Ok(data)
}

/// None where the assertion holds.
fn broken(assertion: &Value, messages: &[String]) -> Option<String> {
    let pattern = assertion["message"].as_str();
    let regex = match pattern.map(regex::Regex::new).transpose() {
        Ok(regex) => regex,
        Err(error) => return Some(error.to_string()),
    };
    let count = messages.iter().filter(|text| regex.as_ref().is_none_or(|regex| regex.is_match(text))).count();
    let holds = match &assertion["violations"] {
        Value::Number(number) => number.as_u64() == u64::try_from(count).ok(),
        Value::Bool(false) => count == 0,
        _ => count > 0,
    };
    (!holds).then(|| format!("asserted {assertion}, had {count} of {messages:?}"))
}

#[derive(Default)]
struct Counts {
    templates: usize,
    without_rego: usize,
    right: usize,
    wrong: usize,
}

fn case(template: &Template, constraint: &Value, folder: &Path, case: &Value) -> Result<Option<String>, String> {
    let path = |value: &Value| folder.join(value.as_str().unwrap_or(""));
    let request = request(&yaml::one(&path(&case["object"]))?);
    let files: Vec<PathBuf> = case["inventory"].as_array().into_iter().flatten().map(path).collect();
    let data = json!({"inventory": inventory(&files)?});
    let mut messages = Vec::new();
    if matches(constraint, &request)? {
        let parameters = constraint["spec"].get("parameters").cloned().unwrap_or_else(|| json!({}));
        let ask = Ask {
            modules: template.modules.clone(),
            query: Some(template.query.clone()),
            input: Some(json!({"review": request, "parameters": parameters}).to_string()),
            data: Some(data.to_string()),
            v0: template.v0,
            ..Ask::default()
        };
        let solutions = match ours::run(&ask) {
            Ok(solutions) => solutions,
            Err(problems) => return Ok(Some(format!("{problems:?}"))),
        };
        for value in solutions.iter().flat_map(|solution| &solution.expressions) {
            let plimsoll_rego::value::Value::Set(set) = value else { return Ok(Some(format!("no set: {value}"))) };
            for violation in set.members() {
                let message = violation.get(&plimsoll_rego::value::Value::string("msg"));
                messages.push(message.and_then(|text| text.as_str()).unwrap_or("(no msg)").to_owned());
            }
        }
    }
    Ok(case["assertions"].as_array().into_iter().flatten().find_map(|assertion| broken(assertion, &messages)))
}

fn suite(file: &Path, filter: &str, counts: &mut Counts) -> Result<(), String> {
    let document = yaml::one(file)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut templates: BTreeMap<PathBuf, Option<Template>> = BTreeMap::new();
    for test in document["tests"].as_array().into_iter().flatten() {
        let path = |value: &Value| folder.join(value.as_str().unwrap_or(""));
        let path_of_template = path(&test["template"]);
        if !templates.contains_key(&path_of_template) {
            let read = template(&path_of_template)?;
            counts.templates += 1;
            if read.is_none() {
                counts.without_rego += 1;
                println!("no Rego: {}", path_of_template.display());
            }
            templates.insert(path_of_template.clone(), read);
        }
        let Some(Some(template)) = templates.get(&path_of_template) else { continue };
        let constraint = yaml::one(&path(&test["constraint"]))?;
        for each in test["cases"].as_array().into_iter().flatten() {
            let name = format!("{}: {} / {}", folder.display(), test["name"], each["name"]);
            if !name.contains(filter) {
                continue;
            }
            match case(template, &constraint, folder, each) {
                Ok(None) => counts.right += 1,
                Ok(Some(why)) | Err(why) => {
                    counts.wrong += 1;
                    println!("WRONG {name}\n  {why}");
                }
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first() else {
        println!("usage: gatekeeper DIR [FILTER]");
        return ExitCode::from(64);
    };
    let filter = arguments.get(1).map_or("", String::as_str);
    let mut counts = Counts::default();
    let run = public::files(Path::new(folder), "/suite.yaml")
        .and_then(|files| files.iter().try_for_each(|file| suite(file, filter, &mut counts)));
    if let Err(error) = run {
        println!("{error}");
        return ExitCode::from(2);
    }
    let Counts { templates, without_rego, right, wrong } = counts;
    println!(
        "say: {templates} templates, {without_rego} of them without Rego; {right} of {} cases right",
        right + wrong
    );
    if wrong == 0 && right > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
