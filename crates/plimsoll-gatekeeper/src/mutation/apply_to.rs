//! What a mutator or an expansion is for. In: `spec.applyTo`. Out: whether it is for a kind and an operation, and all that it names,
//! within a bound.

use std::sync::Arc;

use plimsoll_rego::value::Value;

use super::mutator::Refused;
use crate::json;

/// Kinds that a mutator's `applyTo` names, each group with each version and each kind: three short lists make a product that no
/// memory holds.
const MAX_KINDS: usize = 10_000;
/// Operations of the mutating webhook.
const OPERATIONS: [&str; 2] = ["CREATE", "UPDATE"];

/// Group, version and kind.
pub type Gvk = (Arc<str>, Arc<str>, Arc<str>);

/// One entry of `applyTo`.
#[derive(Debug, Clone, Default)]
pub struct ApplyTo {
    groups: Vec<Arc<str>>,
    versions: Vec<Arc<str>>,
    kinds: Vec<Arc<str>>,
    operations: Vec<Arc<str>>,
}

impl ApplyTo {
    pub fn read(value: Option<&Value>) -> Vec<ApplyTo> {
        let list = |value: &Value, name: &str| -> Vec<Arc<str>> {
            json::texts(json::field(value, name)).into_iter().map(Arc::from).collect()
        };
        let read = |value: &Value| ApplyTo {
            groups: list(value, "groups"),
            versions: list(value, "versions"),
            kinds: list(value, "kinds"),
            operations: list(value, "operations"),
        };
        json::items(value).iter().map(read).collect()
    }

    pub fn matches(&self, (group, version, kind): (&str, &str, &str)) -> bool {
        let has = |list: &[Arc<str>], name: &str| list.iter().any(|have| **have == *name);
        has(&self.groups, group) && has(&self.versions, version) && has(&self.kinds, kind)
    }

    /// How many kinds it names.
    fn size(&self) -> usize {
        let lengths = [&self.versions, &self.kinds].map(Vec::len);
        lengths.iter().fold(self.groups.len(), |product, length| product.saturating_mul(*length))
    }

    fn complete(&self) -> bool {
        !self.groups.is_empty() && !self.versions.is_empty() && !self.kinds.is_empty()
    }

    fn all_operations(&self) -> bool {
        self.operations.is_empty() || self.operations.iter().any(|operation| &**operation == "*")
    }

    /// Without an operation only what is for all of them.
    pub fn wants(&self, operation: &str) -> bool {
        let listed = |operation: &str| self.operations.iter().any(|have| **have == *operation);
        match operation {
            "" => self.all_operations() || OPERATIONS.iter().all(|operation| listed(operation)),
            operation => OPERATIONS.contains(&operation) && (self.all_operations() || listed(operation)),
        }
    }

    /// All kinds and operations that it names.
    pub fn bindings(&self) -> Vec<(Gvk, &'static str)> {
        let mut all = Vec::new();
        for group in &self.groups {
            for version in &self.versions {
                for kind in &self.kinds {
                    for operation in OPERATIONS {
                        if self.all_operations() || self.operations.iter().any(|have| &**have == operation) {
                            all.push(((group.clone(), version.clone(), kind.clone()), operation));
                        }
                    }
                }
            }
        }
        all
    }
}

/// What Gatekeeper asks of a mutator's `applyTo`.
pub fn check_applies(applies: &[ApplyTo], kind: &str, name: &str) -> Result<(), Refused> {
    let refused = |message: String| Err((message, vec!["spec", "applyTo"]));
    if !applies.iter().all(ApplyTo::complete) {
        return refused(format!(
            "invalid applyTo for {kind} mutator {name}, all of group, version and kind must be specified"
        ));
    }
    if applies.iter().fold(0, |sum: usize, entry| sum.saturating_add(entry.size())) > MAX_KINDS {
        return refused(format!(
            "invalid applyTo for {kind} mutator {name}: its groups, versions and kinds name more than {MAX_KINDS} kinds together"
        ));
    }
    let mut wrong = Vec::new();
    for (at, entry) in applies.iter().enumerate() {
        for (index, operation) in entry.operations.iter().enumerate() {
            if entry.operations.iter().take(index).any(|before| before == operation) {
                wrong.push(format!("duplicate operation {operation:?} in applyTo[{at}].operations"));
            }
            if !matches!(&**operation, "CREATE" | "UPDATE" | "*") {
                wrong.push(format!(
                    "invalid operation {operation:?} in applyTo[{at}].operations: must be one of CREATE, UPDATE, *"
                ));
            }
        }
        if entry.operations.len() > 1 && entry.all_operations() {
            wrong
                .push(format!("wildcard \"*\" in applyTo[{at}].operations must not be combined with other operations"));
        }
    }
    if !wrong.is_empty() {
        return refused(format!("invalid applyTo for {kind} mutator {name}: {}", wrong.join("; ")));
    }
    if applies.is_empty() { refused(format!("applyTo required for {kind} mutator {name}")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use crate::document::{Document, Words};
    use crate::mutation::Mutator;

    #[test]
    fn kinds_that_are_a_product_beyond_measure_are_refused() {
        let named = |count: usize| (0..count).map(|at| format!("n{at}")).collect::<Vec<_>>().join(", ");
        let read = |groups, versions, kinds| {
            let (groups, versions, kinds) = (named(groups), named(versions), named(kinds));
            let text = format!(
                "apiVersion: mutations.gatekeeper.sh/v1\nkind: Assign\nmetadata: {{name: a}}\nspec:\n  applyTo: [{{groups: [{groups}], versions: [{versions}], kinds: [{kinds}]}}]\n  location: spec.a\n  parameters: {{assign: {{value: 1}}}}\n"
            );
            Mutator::read(&Document::read("a.yaml", &text, Words::Kubernetes).unwrap()[0])
        };
        assert_eq!(read(10, 10, 100).unwrap().bindings().len(), 20_000);
        let refused = read(30_000, 30_000, 30_000).unwrap_err().to_string();
        assert!(refused.starts_with("a.yaml:5:3: Assign a: invalid applyTo for Assign mutator a: "), "{refused}");
        assert!(refused.contains("more than 10000 kinds together"), "{refused}");
        assert!(read(1, 1, 10_001).is_err());
    }
}
