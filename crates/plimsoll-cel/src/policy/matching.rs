//! Which requests a policy or a binding is about: rules, exclusions, selectors.

use serde_json::Value as Json;

use super::fields::{Faults, Fields};
use super::review::{Namespace, Review};
use super::selector::Selector;
use crate::value::Value;

#[derive(Debug, Clone, Default)]
pub(super) struct Constraints {
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    namespaces: Selector,
    objects: Selector,
    /// `matchPolicy: Exact`; otherwise other versions of a resource count too.
    exact: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    names: Vec<String>,
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
    scope: Scope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    Cluster,
    Namespaced,
}

/// Whether a request is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matched {
    Yes,
    No,
    Unknown(String),
}

const OPERATIONS: [&str; 5] = ["*", "CREATE", "UPDATE", "DELETE", "CONNECT"];

impl Constraints {
    /// A policy must have rules; a binding need not.
    pub fn read(json: &Json, path: &str, rules_needed: bool, faults: &mut Faults) -> Constraints {
        let mut fields = Fields::of(json, path, faults);
        let rules = rules_of(&mut fields, "resourceRules", faults);
        let excluded = rules_of(&mut fields, "excludeResourceRules", faults);
        let selector = |fields: &mut Fields<'_>, name, faults: &mut Faults| {
            let path = fields.path(name);
            fields.get(name).map_or_else(Selector::default, |json| Selector::read(json, &path, faults))
        };
        let namespaces = selector(&mut fields, "namespaceSelector", faults);
        let objects = selector(&mut fields, "objectSelector", faults);
        let exact = match fields.text("matchPolicy", faults) {
            None | Some("Equivalent") => false,
            Some("Exact") => true,
            Some(other) => {
                faults.add(
                    fields.path("matchPolicy"),
                    format!("Unsupported value: {other:?}: supported values: \"Equivalent\", \"Exact\""),
                );
                false
            }
        };
        if rules_needed && rules.is_empty() {
            faults.add(fields.path("resourceRules"), "Required value");
        }
        fields.done(faults);
        Constraints { rules, excluded, namespaces, objects, exact }
    }

    pub fn wants(&self, operation: &str) -> bool {
        self.rules.iter().any(|rule| listed(&rule.operations, operation))
    }

    pub fn selects_namespaces(&self) -> bool {
        !self.namespaces.is_empty()
    }

    pub fn matches(&self, review: &Review) -> Matched {
        let namespaces = self.namespaces(review);
        if namespaces == Matched::No {
            return Matched::No;
        }
        let objects = self.objects(review);
        if objects == Matched::No {
            return Matched::No;
        }
        let excluded = any(&self.excluded, review, self.exact);
        if excluded == Matched::Yes {
            return Matched::No;
        }
        let included = if self.rules.is_empty() { Matched::Yes } else { any(&self.rules, review, self.exact) };
        if included == Matched::No {
            return Matched::No;
        }
        let unknown =
            [included, excluded, namespaces, objects].into_iter().find(|one| matches!(one, Matched::Unknown(_)));
        unknown.unwrap_or(Matched::Yes)
    }

    /// Either object will do; one that an operation must have and that nobody told could be the one.
    fn objects(&self, review: &Review) -> Matched {
        if self.objects.is_empty() {
            return Matched::Yes;
        }
        let mut unknown = None;
        let sides =
            [(&review.object, "object", ["CREATE", "UPDATE"]), (&review.old_object, "oldObject", ["UPDATE", "DELETE"])];
        for (object, name, needed) in sides {
            match (object, self.objects.selects(object)) {
                (Value::Null, _) if !needed.contains(&&*review.operation) => {}
                (_, Some(true)) => return Matched::Yes,
                (_, Some(false)) => {}
                (_, None) => unknown = Some(Matched::Unknown(format!("the labels of the {name} cannot be read"))),
            }
        }
        unknown.unwrap_or(Matched::No)
    }

    fn namespaces(&self, review: &Review) -> Matched {
        let itself = review.resource.resource == "namespaces";
        if self.namespaces.is_empty() || (review.namespace_name.is_empty() && !itself) {
            return Matched::Yes;
        }
        let says = |object: &Value| match self.namespaces.selects(object) {
            Some(true) => Matched::Yes,
            Some(false) => Matched::No,
            None => Matched::Unknown("the labels of the namespace cannot be read".to_owned()),
        };
        if itself && review.subresource.is_empty() && matches!(&*review.operation, "CREATE" | "UPDATE") {
            return says(&review.object);
        }
        match &review.namespace {
            Namespace::Known(object) => says(object),
            _ if itself => says(&review.old_object),
            _ => Matched::Unknown(format!("the labels of namespace {:?} are not known", review.namespace_name)),
        }
    }
}

fn rules_of(fields: &mut Fields<'_>, name: &'static str, faults: &mut Faults) -> Vec<Rule> {
    let path = fields.path(name);
    let items = fields.list(name, faults);
    items.iter().enumerate().map(|(number, json)| rule(json, &format!("{path}[{number}]"), faults)).collect()
}

fn rule(json: &Json, path: &str, faults: &mut Faults) -> Rule {
    let mut fields = Fields::of(json, path, faults);
    let mut needed = |name: &'static str, faults: &mut Faults| {
        let texts = fields.texts(name, faults);
        if texts.is_empty() {
            faults.add(fields.path(name), "Required value");
        }
        texts
    };
    let operations = needed("operations", faults);
    let groups = needed("apiGroups", faults);
    let versions = needed("apiVersions", faults);
    let resources = needed("resources", faults);
    for operation in &operations {
        if !OPERATIONS.contains(&operation.as_str()) {
            faults.add(format!("{path}.operations"), format!("Unsupported value: {operation:?}"));
        }
    }
    let names = fields.texts("resourceNames", faults);
    let scope = match fields.text("scope", faults) {
        None | Some("*") => Scope::All,
        Some("Cluster") => Scope::Cluster,
        Some("Namespaced") => Scope::Namespaced,
        Some(other) => {
            faults.add(format!("{path}.scope"), format!("Unsupported value: {other:?}"));
            Scope::All
        }
    };
    fields.done(faults);
    Rule { names, operations, groups, versions, resources, scope }
}

fn listed(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == "*" || one == wanted)
}

impl Rule {
    /// All but the version, which is told apart.
    fn matches_but_version(&self, review: &Review) -> bool {
        let itself = review.resource.resource == "namespaces";
        let namespaced = !review.namespace_name.is_empty() && !itself;
        let scope = match self.scope {
            Scope::All => true,
            Scope::Namespaced => namespaced,
            Scope::Cluster => !namespaced,
        };
        let resource = self.resources.iter().any(|one| {
            let (resource, subresource) = one.split_once('/').unwrap_or((one, ""));
            (resource == "*" || resource == review.resource.resource)
                && (subresource == "*" || subresource == review.subresource)
        });
        let named = self.names.is_empty() || self.names.contains(&review.name);
        scope
            && resource
            && named
            && listed(&self.operations, &review.operation)
            && listed(&self.groups, &review.resource.group)
    }
}

fn any(rules: &[Rule], review: &Review, exact: bool) -> Matched {
    let mut other_version = None;
    for rule in rules.iter().filter(|rule| rule.matches_but_version(review)) {
        if listed(&rule.versions, &review.resource.version) {
            return Matched::Yes;
        }
        other_version = other_version.or(rule.versions.first());
    }
    match other_version {
        // Whether the cluster serves it in that version too, and how it looks there, only the cluster knows.
        Some(version) if !exact => Matched::Unknown(format!(
            "whether {} are also served as {version}, which the rule is about, is not known",
            review.resource.resource
        )),
        _ => Matched::No,
    }
}
