//! Constraints. In: a document and its template. Out: a [`Constraint`]: whom it is for, its parameters with the schema's
//! defaults, what is done where it is violated; or why Gatekeeper refuses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_rego::value::Value;

use crate::document::Document;
use crate::fault::{Fault, FaultKind};
use crate::json;
use crate::matching::{Match, Selector};
use crate::template::Template;

pub const GROUP: &str = "constraints.gatekeeper.sh";
const REFUSED: &str = "invalid Constraint";
/// Enforcement actions that Gatekeeper knows.
pub const ACTIONS: [&str; 4] = ["deny", "dryrun", "warn", "scoped"];
/// Enforcement points that Gatekeeper knows.
pub const POINTS: [&str; 4] = ["validation.gatekeeper.sh", "audit.gatekeeper.sh", "gator.gatekeeper.sh", "vap.k8s.io"];

/// A constraint that is in force.
#[derive(Debug, Clone)]
pub struct Constraint {
    pub kind: Arc<str>,
    pub name: Arc<str>,
    /// The document with defaults, without status.
    pub value: Value,
    pub parameters: Value,
    pub matches: Option<Match>,
    /// `spec.enforcementAction`, `deny` where it is not said.
    pub action: Arc<str>,
    /// Of `scoped`: the actions at each enforcement point; `*` is every one.
    pub scoped: BTreeMap<Arc<str>, Vec<Arc<str>>>,
}

pub fn is_constraint(document: &Document) -> bool {
    document.group() == GROUP
}

fn fault<T: AsRef<str>>(document: &Document, kind: FaultKind, message: impl Into<String>, path: &[T]) -> Fault {
    let fault = Fault::new(kind, message).of(document.subject());
    match document.place(path) {
        Some(place) => fault.at(place),
        None => fault,
    }
}

/// What must hold before a constraint's template is looked for.
pub fn check_names(document: &Document) -> Result<(), Fault> {
    let refused = |message: String, path: &[&str], hint: &str| {
        Err(fault(document, FaultKind::Constraint, format!("{REFUSED}: {message}"), path).hint(hint))
    };
    if document.name().is_empty() {
        return refused("missing metadata.name".into(), &["metadata"], "give it a name");
    }
    if document.kind().is_empty() {
        return refused("missing kind".into(), &[], "its kind is the one that its template names");
    }
    Ok(())
}

/// There is no template of a constraint's kind.
pub fn missing_template(document: &Document) -> Fault {
    let message = format!("missing ConstraintTemplate: template {:?} not found", document.kind().to_lowercase());
    let hint = format!("add the ConstraintTemplate of the kind {}, or take the constraint out", document.kind());
    fault(document, FaultKind::MissingTemplate, message, &["kind"]).hint(hint)
}

impl Constraint {
    /// Reads a constraint of a template.
    ///
    /// # Errors
    /// The first thing that Gatekeeper would refuse it for.
    pub fn read(document: &Document, template: &Template, strict: bool) -> Result<Constraint, Fault> {
        let value = document.value();
        check_selectors(document)?;
        check_identity(document, template)?;
        check_schema(document, template)?;
        let value = json::with_field(&template.schema.with_defaults(value), "status", None);
        let action = json::at(&value, &["spec", "enforcementAction"]).and_then(Value::as_str).unwrap_or("deny");
        let action_path = ["spec", "enforcementAction"];
        if strict && !ACTIONS.contains(&action) {
            let message = format!(
                "unrecognized enforcementAction: {action:?} is not within the supported list {}",
                json::go_list(&["deny", "dryrun", "warn", "scoped"])
            );
            let hint = "write deny, warn, dryrun or scoped";
            return Err(fault(document, FaultKind::Constraint, message, &action_path).hint(hint));
        }
        let scoped = match action {
            "scoped" => scoped(document, &value, strict)?,
            _ => BTreeMap::new(),
        };
        let matches = json::at(&value, &["spec", "match"]).filter(|value| !matches!(value, Value::Null));
        let matches = matches.map(Match::read).transpose().map_err(|why| {
            let message = format!("{REFUSED}: unable to create matcher: {why}");
            fault(document, FaultKind::Constraint, message, &["spec", "match"])
        })?;
        let parameters = json::at(&value, &["spec", "parameters"]).filter(|value| !matches!(value, Value::Null));
        Ok(Constraint {
            kind: document.kind().into(),
            name: document.name().into(),
            parameters: parameters.cloned().unwrap_or_else(|| Value::object(Vec::new())),
            matches,
            action: action.into(),
            scoped,
            value,
        })
    }

    /// The actions at an enforcement point, or at any: `None` where it is not enforced there.
    pub fn actions(&self, point: Option<&str>) -> Option<Vec<Arc<str>>> {
        if &*self.action != "scoped" {
            return Some(Vec::new());
        }
        let mut actions: Vec<Arc<str>> = Vec::new();
        for (at, list) in &self.scoped {
            if point.is_none() || &**at == "*" || Some(&**at) == point {
                actions.extend(list.iter().filter(|action| !actions.contains(action)).cloned().collect::<Vec<_>>());
            }
        }
        (!actions.is_empty()).then_some(actions)
    }
}

fn check_selectors(document: &Document) -> Result<(), Fault> {
    for name in ["labelSelector", "namespaceSelector"] {
        let path = ["spec", "match", name];
        match json::at(document.value(), &path) {
            None => {}
            Some(selector @ Value::Object(_)) => {
                if let Err(why) = Selector::read(selector) {
                    let hint = "operators are In, NotIn (with values), Exists and DoesNotExist (without)";
                    let message = format!("{REFUSED}: {why}");
                    return Err(fault(document, FaultKind::Constraint, message, &path).hint(hint));
                }
            }
            Some(other) => {
                let message = format!(
                    "{REFUSED}: .spec.match.{name} accessor error: {} is of the type {}, expected map[string]interface {{}}",
                    other.to_json(),
                    other.type_name()
                );
                let hint = "a selector has matchLabels and matchExpressions";
                return Err(fault(document, FaultKind::Constraint, message, &path).hint(hint));
            }
        }
    }
    Ok(())
}

fn check_identity(document: &Document, template: &Template) -> Result<(), Fault> {
    let (name, kind) = (document.name(), document.kind());
    let refused = |message: String, path: &[&str], hint: String| {
        Err(fault(document, FaultKind::Constraint, format!("{REFUSED}: {message}"), path).hint(hint))
    };
    if let Some(why) = not_a_subdomain(name) {
        let hint = "names have lower-case letters, digits, `-` and `.`".into();
        return refused(format!("invalid name: {why:?}"), &["metadata", "name"], hint);
    }
    if kind != &*template.kind {
        // Gatekeeper says the name and the kind in each other's place.
        let message = format!("wrong kind {name:?} for constraint {kind:?}; want {:?}", template.kind);
        return refused(message, &["kind"], format!("write `kind: {}`", template.kind));
    }
    let version = document.version();
    if !matches!(version, "v1beta1" | "v1alpha1") {
        let message = format!(
            "unsupported version {version:?} for Constraint {name:?}; supported versions: map[v1alpha1:true v1beta1:true]"
        );
        return refused(message, &["apiVersion"], format!("write `apiVersion: {GROUP}/v1beta1`"));
    }
    Ok(())
}

fn check_schema(document: &Document, template: &Template) -> Result<(), Fault> {
    let wrong = template.schema.wrong(document.value());
    if let Some(first) = wrong.first() {
        let lines: Vec<String> = wrong.iter().map(|wrong| wrong.message.clone()).collect();
        let message = format!("schema validation failed: {}", crate::aggregate(&lines));
        let path = &first.path;
        let inside = path.get(1).is_some_and(|part| &**part == "parameters");
        let hint = match inside {
            true => format!("the parameters are as the template {} describes them", template.name),
            false => "every constraint has these fields alike".into(),
        };
        return Err(fault(document, FaultKind::Schema, message, path).hint(hint));
    }
    let unknown = template.schema.unknown_fields(document.value());
    let Some(first) = unknown.first() else { return Ok(()) };
    let path: Vec<&str> = first.split(['.', '[', ']']).filter(|part| !part.is_empty()).collect();
    let hint = match first.strip_prefix("spec.parameters") {
        Some("") => format!("the template {} takes no parameters", template.name),
        Some(_) => {
            format!("the template {} does not know this parameter: mend its name, or take it out", template.name)
        }
        None => "mend its name, or take it out".into(),
    };
    let message = format!("{REFUSED}: unknown fields: {}", json::go_list(&unknown));
    Err(fault(document, FaultKind::Constraint, message, &path).hint(hint))
}

/// Why a text is no subdomain of RFC 1123, in the API server's words.
fn not_a_subdomain(name: &str) -> Option<&'static str> {
    let label = |label: &str| {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = label.as_bytes();
        bytes.first().is_some_and(|byte| good(*byte))
            && bytes.last().is_some_and(|byte| good(*byte))
            && bytes.iter().all(|byte| good(*byte) || *byte == b'-')
    };
    if name.len() > 253 {
        return Some("must be no more than 253 characters");
    }
    (!name.split('.').all(label)).then_some(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    )
}

fn scoped(document: &Document, value: &Value, strict: bool) -> Result<BTreeMap<Arc<str>, Vec<Arc<str>>>, Fault> {
    let path = ["spec", "scopedEnforcementActions"];
    let Some(list @ Value::Array(_)) = json::at(value, &path) else {
        let message = "missing required field: spec.scopedEnforcementActions must be defined";
        let hint = "with `enforcementAction: scoped`, list actions and their enforcementPoints";
        return Err(fault(document, FaultKind::Constraint, message, &["spec", "enforcementAction"]).hint(hint));
    };
    let mut actions: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    for (at, scoped) in json::items(Some(list)).iter().enumerate() {
        let place =
            [path.as_slice(), &[&at.to_string()]].concat().iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
        let action = json::text(scoped, &["action"]);
        if strict && !matches!(action, "deny" | "dryrun" | "warn") {
            let message = format!(
                "unrecognized enforcementAction: {} is not within the supported list [deny dryrun warn]",
                json::go_list(&[action])
            );
            return Err(fault(document, FaultKind::Constraint, message, &place).hint("write deny, warn or dryrun"));
        }
        for point in json::items(json::field(scoped, "enforcementPoints")) {
            let name = json::text(point, &["name"]);
            if strict && name != "*" && !POINTS.contains(&name) {
                let message = format!(
                    "unrecognized enforcement points: constraint will not be enforced for enforcement points {}, supported enforcement points are {}",
                    json::go_list(&[name]),
                    json::go_list(&POINTS)
                );
                return Err(fault(document, FaultKind::Constraint, message, &place).hint("or `*` for all of them"));
            }
            let list = actions.entry(name.into()).or_default();
            if !list.iter().any(|have| &**have == action) {
                list.push(action.into());
            }
        }
    }
    Ok(actions)
}
