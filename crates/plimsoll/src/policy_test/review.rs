//! A case to the review that an API server would send of it. In: a case. Out: an AdmissionReview or ImageReview, asked by whom and
//! for where the case says; or what the case says against itself. What it does not do: judge.

use std::fmt::Display;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use super::read::{Asked, Case};
use crate::policies::desk;

/// The review of a case; of an object that is not raw, with the API server's defaults.
///
/// # Errors
/// What the case says against what it is about.
pub fn of(case: &Case, raw: bool) -> anyhow::Result<Value> {
    match &case.asked {
        Asked::Review(review) => completed(case, review.clone()),
        Asked::Image(image) => completed(case, of_image(image)),
        Asked::Object { object, old } => {
            let ready = |object: &Value| {
                let mut object = object.clone();
                if !raw {
                    desk::as_the_server_has_it(&mut object, case.namespace.as_deref());
                }
                object
            };
            of_object(case, ready(object), old.as_ref().map(ready))
        }
    }
}

fn of_image(image: &str) -> Value {
    let spec = json!({"containers": [{"image": image}]});
    json!({"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview", "spec": spec})
}

/// The review that the desk makes of an object, about what the case says.
fn of_object(case: &Case, object: Value, old: Option<Value>) -> anyhow::Result<Value> {
    let operation = case.operation.as_deref().unwrap_or(if old.is_some() { "UPDATE" } else { "CREATE" });
    if let Some(old) = &old {
        same(case, &object, old)?;
    }
    let mut review = desk::of_creation(object, case.namespace.as_deref());
    let request = mapping(&mut review, "request")?;
    // What goes away is the old object.
    let old = match operation {
        "DELETE" => {
            let object = request.insert("object".into(), Value::Null);
            old.or(object)
        }
        _ => old,
    };
    if operation != "CREATE" {
        let kind = match operation {
            "UPDATE" => "UpdateOptions",
            "DELETE" => "DeleteOptions",
            _ => "PodExecOptions",
        };
        request.insert("options".into(), json!({"apiVersion": "meta.k8s.io/v1", "kind": kind}));
    }
    request.insert("uid".into(), "00000000-0000-0000-0000-000000000000".into());
    request.insert("operation".into(), operation.into());
    request.insert("oldObject".into(), old.unwrap_or_default());
    completed(case, review)
}

/// The old object is the object as it was: another one is a fault.
fn same(case: &Case, object: &Value, old: &Value) -> anyhow::Result<()> {
    let text = |of: &Value, path: &str| {
        of.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    for (what, path) in [("kind", "/kind"), ("name", "/metadata/name"), ("namespace", "/metadata/namespace")] {
        let own = |of: &Value| match (text(of, path), what) {
            // As the review has it.
            (None, "namespace") => Some(case.namespace.clone().unwrap_or_else(|| "default".to_owned())),
            (own, _) => own,
        };
        let (before, after) = (own(old), own(object));
        if before != after {
            let [before, after] = [before, after].map(Option::unwrap_or_default);
            bail!("`old` is another object: its {what} is {before:?}, and the object's is {after:?}");
        }
    }
    Ok(())
}

/// The review with what the case says of who asks, and where, and it does not.
fn completed(case: &Case, mut review: Value) -> anyhow::Result<Value> {
    if review.get("kind").and_then(Value::as_str) == Some("ImageReview") {
        if case.user.is_some() || case.groups.is_some() {
            bail!("`user` and `groups` were given, and an ImageReview names nobody who asks");
        }
        if let Some(namespace) = &case.namespace {
            text(mapping(&mut review, "spec")?, "namespace", "namespace", namespace)?;
        }
        return Ok(review);
    }
    if case.namespace.is_none() && case.user.is_none() && case.groups.is_none() {
        return Ok(review);
    }
    let request = mapping(&mut review, "request")?;
    if let Some(namespace) = &case.namespace {
        let kind = request.get("kind").and_then(|kind| kind.get("kind")).and_then(Value::as_str).unwrap_or_default();
        if desk::is_of_the_cluster(kind) {
            bail!("`namespace: {namespace}` was given, and a {kind} is in none");
        }
        for key in ["object", "oldObject"] {
            let metadata = request.get(key).and_then(|object| object.get("metadata"));
            let own = metadata.and_then(|metadata| metadata.get("namespace")).and_then(Value::as_str);
            if let Some(own) = own.filter(|own| !own.is_empty() && own != namespace) {
                return contradiction("namespace", namespace, own);
            }
        }
        text(request, "namespace", "namespace", namespace)?;
    }
    if case.user.is_none() && case.groups.is_none() {
        return Ok(review);
    }
    let who = request.entry("userInfo").or_insert(Value::Null);
    if who.is_null() {
        *who = json!({});
    }
    let who = who.as_object_mut().context("`userInfo` is no mapping")?;
    if let Some(user) = &case.user {
        text(who, "username", "user", user)?;
    }
    if let Some(groups) = &case.groups {
        let given = json!(groups);
        let sorted = |value: &Value| {
            let mut texts: Vec<String> = value.as_array().into_iter().flatten().map(Value::to_string).collect();
            texts.sort();
            texts
        };
        match who.get("groups").filter(|own| !own.is_null()) {
            Some(own) if sorted(own) != sorted(&given) => return contradiction("groups", &given, own),
            _ => drop(who.insert("groups".into(), given)),
        }
    }
    Ok(review)
}

fn mapping<'a>(review: &'a mut Value, key: &str) -> anyhow::Result<&'a mut Map<String, Value>> {
    review.get_mut(key).and_then(Value::as_object_mut).with_context(|| format!("the review has no `{key}`"))
}

/// Sets a text that is not there; one that is there must be the same.
fn text(of: &mut Map<String, Value>, field: &str, key: &str, given: &str) -> anyhow::Result<()> {
    match of.get(field) {
        None | Some(Value::Null) => {}
        Some(Value::String(own)) if own.is_empty() || own == given => {}
        Some(own) => return contradiction(key, given, own),
    }
    of.insert(field.into(), given.into());
    Ok(())
}

fn contradiction<T>(key: &str, given: impl Display, own: impl Display) -> anyhow::Result<T> {
    bail!("`{key}: {given}` contradicts what the case is about, which says {own}")
}
