//! Objects that make others: what a Deployment's Pods would be. In: ExpansionTemplates and mutators. Out: of an object, the
//! object as mutators leave it, and those that it would make, in all steps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use plimsoll_rego::value::Value;

use crate::document::Document;
use crate::fault::{Fault, FaultKind};
use crate::inventory::Inventory;
use crate::json;
use crate::matching::{Source, is_namespace};
use crate::mutation::{ApplyTo, Mutators};

pub const GROUP: &str = "expansion.gatekeeper.sh";
/// Steps from an object to what is made of it.
const MAX_STEPS: usize = 30;
/// Objects made of one: templates that each make two would double them at each step.
const MAX_MADE: usize = 1000;

/// ExpansionTemplates and mutators in force.
#[derive(Debug, Clone, Default)]
pub struct Expander {
    templates: BTreeMap<Arc<str>, Expansion>,
    mutators: Mutators,
    namespaces: Inventory,
}

#[derive(Debug, Clone)]
struct Expansion {
    name: Arc<str>,
    applies: Vec<ApplyTo>,
    source: Vec<String>,
    group: Arc<str>,
    version: Arc<str>,
    kind: Arc<str>,
    action: Arc<str>,
}

/// An object that another one makes.
#[derive(Debug, Clone)]
pub struct Made {
    pub object: Value,
    /// The ExpansionTemplate.
    pub template: Arc<str>,
    /// What stands for the constraints' own action; empty where theirs counts.
    pub action: Arc<str>,
}

pub fn is_expansion(document: &Document) -> bool {
    document.group() == GROUP && document.kind() == "ExpansionTemplate"
}

impl Expander {
    /// Reads ExpansionTemplates, mutators and Namespaces among documents.
    ///
    /// # Errors
    /// The first that Gatekeeper refuses, with gator's words before its own.
    pub fn load(documents: &[Document]) -> Result<Expander, Fault> {
        let front = |words: String, fault: Fault| Fault { message: format!("{words}: {}", fault.message), ..fault };
        let mutators = Mutators::load(documents).map_err(|fault| front("error parsing resources".into(), fault))?;
        let mut expander = Expander { mutators, ..Expander::default() };
        for document in documents {
            if is_expansion(document) {
                let template = Expansion::read(document)
                    .and_then(|template| expander.check_cycle(document, &template).map(|()| template))
                    .map_err(|fault| front(format!("error upserting template {}", document.name()), fault))?;
                expander.templates.insert(template.name.clone(), template);
            }
            if is_namespace(document.value()) && document.namespace().is_empty() {
                expander.namespaces.add(document)?;
            }
        }
        match expander.mutators.conflict() {
            Some(fault) => Err(front("error upserting mutator".into(), fault)),
            None => Ok(expander),
        }
    }

    /// A template that leads, over others, back to what it is for.
    fn check_cycle(&self, document: &Document, new: &Expansion) -> Result<(), Fault> {
        let others = || self.templates.values().filter(|other| other.name != new.name);
        let mut open: Vec<&Expansion> = vec![new];
        let mut seen: Vec<&str> = Vec::new();
        while let Some(next) = open.pop() {
            let gvk = (&*next.group, &*next.version, &*next.kind);
            if new.applies.iter().any(|applies| applies.matches(gvk)) {
                let hint = "an object would make others without end: take one of the templates out";
                return Err(wrong(document, "template forms expansion cycle", &["spec", "generatedGVK"]).hint(hint));
            }
            for other in others() {
                if other.applies.iter().any(|applies| applies.matches(gvk)) && !seen.contains(&&*other.name) {
                    seen.push(&other.name);
                    open.push(other);
                }
            }
        }
        Ok(())
    }

    pub fn mutators(&self) -> &Mutators {
        &self.mutators
    }

    /// The Namespace that an object is in, as gator has it: one without a name for what is in none.
    pub fn namespace_of(&self, object: &Value) -> Option<Value> {
        let named = |name: &str| json::object([("metadata", json::object([("name", Value::string(name))]))]);
        match json::text(object, &["metadata", "namespace"]) {
            "" => Some(named("")),
            name => self.namespaces.namespace(name).cloned().or_else(|| (name == "default").then(|| named("default"))),
        }
    }

    /// The object as mutators leave it, and all that it makes.
    ///
    /// # Errors
    /// It cannot be told, in Gatekeeper's words.
    pub fn expand(&self, object: &Value) -> Result<(Value, Vec<Made>), String> {
        let name = json::text(object, &["metadata", "name"]);
        let namespace = self.namespace_of(object);
        let base = self
            .mutators
            .mutate(object, namespace.as_ref(), Source::Original, "")
            .map_err(|why| format!("error mutating base resource {name}: {why}"))?;
        let made = self.made_of(&base, namespace.as_ref(), None)?;
        Ok((base, made))
    }

    /// All that an object makes in its namespace, as it is: mutators are for what is made.
    ///
    /// # Errors
    /// It cannot be told, in Gatekeeper's words, or not by then.
    pub fn made_of(
        &self,
        object: &Value,
        namespace: Option<&Value>,
        until: Option<Instant>,
    ) -> Result<Vec<Made>, String> {
        let mut made = Vec::new();
        let name = json::text(object, &["metadata", "name"]);
        let made_all = self.expand_from(object, (namespace, until), 0, &mut made);
        made_all.map_err(|why| format!("error expanding resource {name}: {why}"))?;
        Ok(made)
    }

    fn expand_from(
        &self,
        base: &Value,
        (namespace, until): (Option<&Value>, Option<Instant>),
        steps: usize,
        made: &mut Vec<Made>,
    ) -> Result<(), String> {
        if steps >= MAX_STEPS {
            return Err(format!("maximum recursion depth of {MAX_STEPS} reached"));
        }
        let (group, version) = json::group_and_version(base);
        let kind = json::text(base, &["kind"]);
        if group.is_empty() && version.is_empty() && kind.is_empty() {
            let name = json::text(base, &["metadata", "name"]);
            return Err(format!("cannot expand resource {name} with empty GVK"));
        }
        let mut here = Vec::new();
        for template in self.templates.values() {
            if !template.applies.iter().any(|applies| applies.matches((group, version, kind))) {
                continue;
            }
            let object = template.make(base, namespace)?;
            let object =
                self.mutators.mutate_until(&object, namespace, (Source::Generated, ""), until).map_err(|why| {
                    let name = json::text(&object, &["metadata", "name"]);
                    format!("failed to mutate resultant resource {name}: {why}")
                })?;
            here.push(Made { object, template: template.name.clone(), action: template.action.clone() });
        }
        if made.len() + here.len() > MAX_MADE {
            return Err(format!("more than {MAX_MADE} resources are made of one"));
        }
        for one in &here {
            self.expand_from(&one.object, (namespace, until), steps + 1, made)?;
        }
        made.append(&mut here);
        Ok(())
    }
}

fn wrong(document: &Document, message: impl Into<String>, path: &[&str]) -> Fault {
    let fault = Fault::new(FaultKind::Expansion, message).of(document.subject());
    match document.place(path) {
        Some(place) => fault.at(place),
        None => fault,
    }
}

impl Expansion {
    fn read(document: &Document) -> Result<Expansion, Fault> {
        let value = document.value();
        let name = document.name();
        let wrong = |message: String, path: &[&str]| Err(wrong(document, message, path));
        let text = |path: &[&str]| -> Arc<str> { json::text(value, path).into() };
        if name.is_empty() {
            return wrong("ExpansionTemplate has empty name field".into(), &["metadata"]);
        }
        if name.len() >= 64 {
            return wrong("ExpansionTemplate name must be less than 64 characters".into(), &["metadata", "name"]);
        }
        let source = text(&["spec", "templateSource"]);
        if source.is_empty() {
            return wrong(format!("ExpansionTemplate {name} has empty source field"), &["spec"]);
        }
        let made = |field: &str| text(&["spec", "generatedGVK", field]);
        let (group, version, kind) = (made("group"), made("version"), made("kind"));
        if group.is_empty() && version.is_empty() && kind.is_empty() {
            return wrong(format!("ExpansionTemplate {name} has empty generatedGVK field"), &["spec"]);
        }
        let applies = ApplyTo::read(json::at(value, &["spec", "applyTo"]));
        if applies.is_empty() {
            return wrong(format!("ExpansionTemplate {name} must specify ApplyTo"), &["spec"]);
        }
        if applies.iter().any(|applies| applies.matches((&group, &version, &kind))) {
            let gvk = format!("{group}/{version}, Kind={kind}");
            let message = format!("ExpansionTemplate {name} generates GVK {gvk}, but also applies to that same GVK");
            return wrong(message, &["spec", "generatedGVK"]);
        }
        let source = source.split('.').map(str::to_owned).collect();
        let action = text(&["spec", "enforcementAction"]);
        Ok(Expansion { name: name.into(), applies, source, group, version, kind, action })
    }

    fn make(&self, base: &Value, namespace: Option<&Value>) -> Result<Value, String> {
        let path: Vec<&str> = self.source.iter().map(String::as_str).collect();
        let name = json::text(base, &["metadata", "name"]);
        let object = match json::at(base, &path) {
            Some(object @ Value::Object(_)) => object,
            None => {
                return Err(format!("could not find source field {:?} in resource {name}", self.source.join(".")));
            }
            Some(other) => {
                return Err(format!(
                    "could not extract source field from unstructured: .{} accessor error: {} is of the type {}, expected map[string]interface {{}}",
                    self.source.join("."),
                    other.to_json(),
                    other.type_name()
                ));
            }
        };
        let version = match &*self.group {
            "" => self.version.to_string(),
            group => format!("{group}/{}", self.version),
        };
        let mut object = json::with_field(object, "apiVersion", Some(Value::string(version)));
        object = json::with_field(&object, "kind", Some(Value::string(&*self.kind)));
        let space = match namespace {
            Some(namespace) => json::text(namespace, &["metadata", "name"]),
            None => json::text(base, &["metadata", "namespace"]),
        };
        if !space.is_empty() {
            object = json::with(&object, &["metadata", "namespace"], Some(Value::string(space)));
        } else if json::at(&object, &["metadata", "namespace"]).is_some() {
            object = json::with(&object, &["metadata", "namespace"], None);
        }
        let made = if self.kind.is_empty() { name.to_owned() } else { format!("{name}-{}", self.kind) };
        object = json::with(&object, &["metadata", "name"], Some(Value::string(made.to_lowercase())));
        Ok(owned(object, base))
    }
}

/// With the object that made it among its owners.
fn owned(object: Value, base: &Value) -> Value {
    let text = |path: &[&str]| json::text(base, path);
    let (version, kind, name) = (text(&["apiVersion"]), text(&["kind"]), text(&["metadata", "name"]));
    if version.is_empty() || kind.is_empty() || name.is_empty() {
        return object;
    }
    let path = ["metadata", "ownerReferences"];
    let mut owners = json::items(json::at(&object, &path)).to_vec();
    let same = |owner: &Value| {
        json::text(owner, &["apiVersion"]) == version
            && json::text(owner, &["kind"]) == kind
            && json::text(owner, &["name"]) == name
    };
    if owners.iter().any(same) {
        return object;
    }
    owners.push(json::object([
        ("apiVersion", Value::string(version)),
        ("kind", Value::string(kind)),
        ("name", Value::string(name)),
        ("uid", Value::string("")),
    ]));
    json::with(&object, &path, Some(Value::array(owners)))
}
