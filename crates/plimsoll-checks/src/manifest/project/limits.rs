//! Defaults of namespaces. In: the run. Out: which requests and limits a LimitRange fills in, so that rules on resources can be
//! silent where it does. What it does not do: judge the amounts.

use std::collections::{HashMap, HashSet};

use crate::manifest::object::Manifest;

/// What a container says of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Amount {
    Request,
    Limit,
}

/// What the LimitRanges of a run fill in, by namespace.
#[derive(Debug, Clone, Default)]
pub struct LimitRanges {
    filled: HashMap<Option<String>, HashMap<String, HashSet<Amount>>>,
    /// Of all namespaces together.
    anywhere: HashMap<String, HashSet<Amount>>,
}

/// Reads every LimitRange of a run.
pub fn limit_ranges(manifests: &[Manifest<'_>]) -> LimitRanges {
    let mut ranges = LimitRanges::default();
    let objects = manifests.iter().flat_map(|manifest| &manifest.objects);
    for object in objects.filter(|object| object.kind == "LimitRange" && object.group().is_empty()) {
        let filled = ranges.filled.entry(object.namespace.clone()).or_default();
        let limits = object.at(&["spec", "limits"]).map(|limits| limits.items()).unwrap_or_default();
        for limit in limits.iter().filter(|limit| limit.get("type").and_then(|kind| kind.text()) == Some("Container")) {
            // A maximum is the default limit where there is none, a limit the default request, and so is a minimum.
            for (field, amounts) in [
                ("default", &[Amount::Limit, Amount::Request][..]),
                ("max", &[Amount::Limit, Amount::Request]),
                ("defaultRequest", &[Amount::Request]),
                ("min", &[Amount::Request]),
            ] {
                for (resource, _) in limit.get(field).map(|field| field.pairs()).unwrap_or_default() {
                    let Some(resource) = resource.text() else { continue };
                    filled.entry(resource.to_owned()).or_default().extend(amounts);
                    ranges.anywhere.entry(resource.to_owned()).or_default().extend(amounts);
                }
            }
        }
    }
    ranges
}

impl LimitRanges {
    /// Whether a container of the namespace that does not say the amount of a resource (`cpu`, `memory`) gets one.
    pub fn fill_in(&self, namespace: Option<&str>, amount: Amount, resource: &str) -> bool {
        let says =
            |filled: &HashMap<String, HashSet<Amount>>| filled.get(resource).is_some_and(|set| set.contains(&amount));
        // Where one of both says no namespace, it may be any.
        match namespace {
            None => says(&self.anywhere),
            Some(name) => [Some(name.to_owned()), None].iter().filter_map(|space| self.filled.get(space)).any(says),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::object::read;
    use crate::source::Source;

    #[test]
    fn limit_ranges_fill_in_what_they_say_and_what_follows() {
        let text = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: a, namespace: shop}\nspec:\n  limits:\n\
                    \x20 - {type: Container, default: {memory: 1Gi}, defaultRequest: {cpu: 1}}\n\
                    \x20 - {type: Pod, default: {ephemeral-storage: 1Gi}}\n";
        let source = Source::new("m.yaml", text);
        let ranges = limit_ranges(&[read(&source)]);
        for (namespace, amount, resource, filled) in [
            (Some("shop"), Amount::Limit, "memory", true),
            (Some("shop"), Amount::Request, "memory", true),
            (Some("shop"), Amount::Request, "cpu", true),
            (Some("shop"), Amount::Limit, "cpu", false),
            (Some("shop"), Amount::Limit, "ephemeral-storage", false),
            (Some("other"), Amount::Limit, "memory", false),
            (None, Amount::Limit, "memory", true),
        ] {
            assert_eq!(ranges.fill_in(namespace, amount, resource), filled, "{namespace:?} {amount:?} {resource}");
        }
        assert!(!limit_ranges(&[]).fill_in(None, Amount::Limit, "memory"));
    }
}
