//! The same object twice. In: the run. Out: objects that overwrite one another. What it does not do: compare folders with one
//! another; the same object in `dev/` and in `prod/` is meant.

use std::collections::HashMap;

use plimsoll_model::{RuleInfo, Severity};

use super::{All, Project, in_space, shown_at, space, text_at};
use crate::manifest::object::Object;
use crate::manifest::rules::{Check, Rule};
use crate::source::Found;

/// Two objects of one name.
pub const DUPLICATE_OBJECT: Rule = Rule {
    info: RuleInfo {
        id: "duplicate-object",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "Two objects of the same kind, namespace and name in one file or folder",
        why: "The one that is applied last overwrites the other, and nobody sees which one that is.",
        remedy: "take one of them away, or give it another name",
        bad: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  port: \"80\"\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  \
              name: web\ndata:\n  port: \"81\"\n",
        good: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  port: \"80\"\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  \
               name: web-test\ndata:\n  port: \"81\"\n",
    },
    check: Check::Project(duplicates),
};

fn folder(path: &str) -> &str {
    path.rsplit_once(['/', '\\']).map_or("", |(folder, _)| folder)
}

/// Folder, group, kind, namespace, name.
type Key<'m> = (&'m str, &'m str, &'m str, Option<&'m str>, &'m str);

fn duplicates(project: &Project<'_>, found: All<'_>) {
    let mut first: HashMap<Key<'_>, (usize, &Object)> = HashMap::new();
    for (file, manifest) in project.manifests.iter().enumerate() {
        let folder = folder(manifest.source.path);
        for object in &manifest.objects {
            let Some((name, place)) = text_at(&object.node, &["metadata", "name"]) else { continue };
            let key = (folder, object.group(), object.kind.as_str(), space(object), name);
            let Some((other_file, other)) = first.get(&key) else {
                first.insert(key, (file, object));
                continue;
            };
            // One node in two places is an alias or a list within a list: one object.
            if std::sync::Arc::ptr_eq(&other.node, &object.node) {
                continue;
            }
            let at = project.place(*other_file, shown_at(other));
            let message = format!("{}{} is at {at} already", object.label(), in_space(space(object)));
            let mut one = Found::new(&DUPLICATE_OBJECT.info, place, message);
            if *other_file == file {
                one = one.related(shown_at(other));
            }
            found.push((file, one));
        }
    }
}
