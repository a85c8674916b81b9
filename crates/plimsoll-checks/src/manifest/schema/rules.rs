//! Rules on what the API server would refuse or drop. In: objects. Out: the schema's faults as findings. What it does not do:
//! know the schema; that is `validate`.

use std::cell::RefCell;
use std::sync::Arc;

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::api;
use super::walk::rename;
use super::{SchemaFault, SchemaFaultKind, table, validate};
use crate::manifest::object::{Manifest, Object, entry, key, span};
use crate::manifest::rules::{Check, Rule};
use crate::source::{Found, replace};

/// A field that is none of its kind.
pub const UNKNOWN_FIELD: Rule = Rule {
    info: RuleInfo {
        id: "unknown-field",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "A field that the kind does not have",
        why: "The API server drops a field that it does not know, or refuses the object where validation is strict. Dropped, \
              the setting has no effect, and nobody is told: names are case-sensitive, so `Name` is not `name`.",
        remedy: "write the field as the API calls it and where it belongs; the API server drops it silently or refuses it",
        bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n  \
              imagePullSecrets:\n  - Name: regcred\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n  \
               imagePullSecrets:\n  - name: regcred\n",
    },
    check: Check::Object(|object, _, found| tell(object, &UNKNOWN_FIELD.info, SchemaFaultKind::UnknownField, found)),
};

/// A value of the wrong type.
pub const WRONG_TYPE: Rule = Rule {
    info: RuleInfo {
        id: "wrong-type",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "A value of another type than its field has",
        why: "The API server refuses the whole object. Quotes make a text of a number or a boolean; without them `8080`, `yes` \
              and `1.10` are no texts.",
        remedy: "write the value in the type that the field has",
        bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n    \
              env:\n    - name: PORT\n      value: 8080\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n    \
               env:\n    - name: PORT\n      value: \"8080\"\n",
    },
    check: Check::Object(|object, _, found| tell(object, &WRONG_TYPE.info, SchemaFaultKind::WrongType, found)),
};

/// A value that its field does not take.
pub const UNKNOWN_VALUE: Rule = Rule {
    info: RuleInfo {
        id: "unknown-value",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "A value that its field does not allow",
        why: "The API server refuses the object: enumerations are case-sensitive, quantities have their own suffixes (`Mi`, not \
              `MB`), and the data of a Secret is base64.",
        remedy: "write one of the values that the field allows",
        bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n    \
              imagePullPolicy: always\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n    \
               imagePullPolicy: Always\n",
    },
    check: Check::Object(|object, _, found| tell(object, &UNKNOWN_VALUE.info, SchemaFaultKind::InvalidValue, found)),
};

/// A field that must be there.
pub const REQUIRED_FIELD_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "required-field-missing",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "A field that the kind must have is missing",
        why: "The API server refuses the object. Most often the field is there, one level too high or too low.",
        remedy: "add the field, or indent it below the mapping that must have it",
        bad: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    metadata:\n      labels:\n        \
              app: web\n    spec:\n      containers:\n      - name: web\n        image: nginx:1.29\n",
        good: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector:\n    matchLabels:\n      app: web\n  \
               template:\n    metadata:\n      labels:\n        app: web\n    spec:\n      containers:\n      - name: web\n        \
               image: nginx:1.29\n",
    },
    check: Check::Object(|object, context, found| {
        if !is_patch(object, context.source.path) && !is_cut(object, context.source.text) {
            tell(object, &REQUIRED_FIELD_MISSING.info, SchemaFaultKind::MissingField, found);
            tell(object, &REQUIRED_FIELD_MISSING.info, SchemaFaultKind::NameMissing, found);
        }
    }),
};

/// A version or kind that nobody serves.
pub const UNKNOWN_API_VERSION: Rule = Rule {
    info: RuleInfo {
        id: "unknown-api-version",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "An apiVersion or kind that no Kubernetes serves",
        why: "The API server has no such kind under this version, so nothing is created. Kinds of custom resources, whose group \
              has a dot and is not Kubernetes' own, are left alone.",
        remedy: "write the apiVersion and the kind as `kubectl api-resources` lists them",
        bad: "apiVersion: vl\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n",
    },
    check: Check::Object(|object, _, found| {
        tell(object, &UNKNOWN_API_VERSION.info, SchemaFaultKind::UnknownApi, found);
    }),
};

/// A version that went.
pub const REMOVED_API: Rule = Rule {
    info: RuleInfo {
        id: "removed-api",
        severity: Severity::High,
        aliases: &["no-extensions-v1beta"],
        opt_in: false,
        title: "An apiVersion that Kubernetes no longer serves",
        why: "A cluster of the version that removed it, or a newer one, refuses the object; an upgrade stops at it.",
        remedy: "write the apiVersion that serves the kind now, and its fields as they are there",
        bad: "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata:\n  name: report\nspec:\n  schedule: \"0 3 * * *\"\n  \
              jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n          containers:\n          \
              - name: report\n            image: acme/report:2\n",
        good: "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: report\nspec:\n  schedule: \"0 3 * * *\"\n  \
               jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n          containers:\n          \
               - name: report\n            image: acme/report:2\n",
    },
    check: Check::Object(|object, _, found| old_api(object, &REMOVED_API.info, true, found)),
};

/// A version that goes.
pub const DEPRECATED_API: Rule = Rule {
    info: RuleInfo {
        id: "deprecated-api",
        severity: Severity::Low,
        aliases: &["Stable version"],
        opt_in: false,
        title: "An apiVersion that Kubernetes is about to remove",
        why: "It is still served, with a warning. Once it is removed, the next upgrade of the cluster stops at it.",
        remedy: "write the apiVersion that replaces it",
        bad: "apiVersion: storage.k8s.io/v1beta1\nkind: VolumeAttributesClass\nmetadata:\n  name: gold\ndriverName: disk.example.com\nparameters:\n  iops: \"500\"\n",
        good: "apiVersion: storage.k8s.io/v1\nkind: VolumeAttributesClass\nmetadata:\n  name: gold\ndriverName: disk.example.com\nparameters:\n  iops: \"500\"\n",
    },
    check: Check::Object(|object, _, found| old_api(object, &DEPRECATED_API.info, false, found)),
};

/// A field that goes.
pub const DEPRECATED_FIELD: Rule = Rule {
    info: RuleInfo {
        id: "deprecated-field",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "A field that Kubernetes has deprecated",
        why: "It is another name for a newer field, or nothing reads it any more: several kinds of volumes are no longer there.",
        remedy: "use what replaces it: `serviceAccountName` for `serviceAccount`, a CSI volume for an in-tree one",
        bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  serviceAccount: web\n  containers:\n  - name: web\n    \
              image: nginx:1.29\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  serviceAccountName: web\n  containers:\n  - name: web\n    \
               image: nginx:1.29\n",
    },
    check: Check::Object(|object, _, found| deprecated_fields(object, found)),
};

/// A document that does not say what it is.
pub const MANIFEST_WITHOUT_KIND: Rule = Rule {
    info: RuleInfo {
        id: "manifest-without-kind",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "A document that looks like a manifest and does not say what it is",
        why: "Without `apiVersion` and `kind`, in these letters, kubectl refuses the document, and no other rule can look at it.",
        remedy: "begin the document with `apiVersion` and `kind`",
        bad: "apiVersion: v1\nKind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n",
    },
    check: Check::Project(|project, found| {
        for (at, manifest) in project.manifests.iter().enumerate() {
            found.extend(without_kind(manifest).into_iter().map(|one| (at, one)));
        }
    }),
};

/// An object's tree and its faults.
type Walked = (Arc<Node>, Arc<Vec<SchemaFault>>);

thread_local! {
    /// The object that was looked at last, and its faults: five rules ask for the same ones, one after the other. The node is
    /// held, so that no other can have its address.
    static LAST: RefCell<Option<Walked>> = const { RefCell::new(None) };
}

fn faults(object: &Object) -> Arc<Vec<SchemaFault>> {
    let known = LAST.with_borrow(|last| {
        last.as_ref().filter(|(node, _)| Arc::ptr_eq(node, &object.node)).map(|(_, faults)| Arc::clone(faults))
    });
    known.unwrap_or_else(|| {
        let faults = Arc::new(validate(object));
        LAST.set(Some((Arc::clone(&object.node), Arc::clone(&faults))));
        faults
    })
}

fn tell(object: &Object, info: &'static RuleInfo, kind: SchemaFaultKind, found: &mut Vec<Found>) {
    found.extend(faults(object).iter().filter(|fault| fault.kind == kind).map(|fault| as_found(fault.clone(), info)));
}

fn as_found(fault: SchemaFault, info: &'static RuleInfo) -> Found {
    let one = Found::new(info, fault.span, fault.message);
    match fault.fix {
        Some(fix) if fix.safe => one.fix(fix.title, fix.edits),
        Some(fix) => one.unsafe_fix(fix.title, fix.edits),
        None => one,
    }
}

/// A piece that somebody merges into a whole object: what it lacks is there.
fn is_patch(object: &Object, path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let containers = object.workload().into_iter().flat_map(|workload| workload.containers().collect::<Vec<_>>());
    path.contains("patch")
        || path.contains("overlay")
        || object.at(&["$patch"]).is_some()
        || containers.into_iter().any(|container| container.at(&["image"]).is_none())
}

/// Three dots for what somebody left out end the document: what is missing may stand behind them.
fn is_cut(object: &Object, text: &str) -> bool {
    // A value that is not there ends with its key, before or behind the colon.
    let rest = text.get(object.node.end..).unwrap_or_default();
    let rest = rest.trim_start_matches(|c: char| c == ':' || c.is_whitespace());
    rest.strip_prefix("...").map(str::trim_start).is_some_and(|more| !more.is_empty() && !more.starts_with("---"))
}

fn old_api(object: &Object, info: &'static RuleInfo, removed: bool, found: &mut Vec<Found>) {
    let (version, kind) = (object.api_version.as_str(), object.kind.as_str());
    let Some(life) = table::lifecycle(version, kind) else { return };
    let newest = table::newest();
    let gone = life.removed.is_some_and(|gone| gone <= newest);
    if gone != removed || life.deprecated.is_none_or(|deprecated| deprecated > newest) {
        return;
    }
    let when = match (gone, life.removed, life.deprecated) {
        (true, Some(gone), _) => format!("went with Kubernetes 1.{gone}"),
        (_, Some(gone), Some(deprecated)) => {
            format!("is deprecated since Kubernetes 1.{deprecated} and goes with 1.{gone}")
        }
        (_, _, deprecated) => format!("is deprecated since Kubernetes 1.{}", deprecated.unwrap_or_default()),
    };
    let at = object.at(&["apiVersion"]).map_or_else(|| entry(&object.node, "apiVersion"), |value| span(value));
    let mut one = Found::new(info, at, format!("`{version}` of {kind} {when}"));
    match life.replacement {
        Some(replacement) => {
            one = one.remedy(format!("write `apiVersion: {replacement}`, with the fields that {kind} has there"));
            let edit = object.at(&["apiVersion"]).and_then(|value| rename(value, version, replacement));
            if let Some(edit) = edit
                && let Some(safe) = moves(object, replacement)
            {
                let (title, edits) = (format!("write `{replacement}`"), vec![edit]);
                one = if safe { one.fix(title, edits) } else { one.unsafe_fix(title, edits) };
            }
        }
        None => one = one.remedy(gone_remedy(kind)),
    }
    found.push(one);
}

/// Whether the object is a whole one under another version as it stands, and if so, whether it means the same there.
fn moves(object: &Object, replacement: &str) -> Option<bool> {
    let there = Object { api_version: replacement.to_owned(), ..object.clone() };
    let faults = validate(&there);
    let whole = faults.iter().all(|fault| fault.kind == SchemaFaultKind::Deprecated);
    // A budget with an empty selector selected nothing once and selects all now.
    whole.then(|| api::same_defaults(&object.api_version))
}

fn gone_remedy(kind: &str) -> &'static str {
    match kind {
        "PodSecurityPolicy" | "PodSecurityPolicyList" => {
            "use Pod Security admission (labels `pod-security.kubernetes.io/enforce` on the namespace) or a policy engine"
        }
        "PodPreset" | "PodPresetList" | "InitializerConfiguration" | "InitializerConfigurationList" => {
            "use a mutating admission webhook or policy"
        }
        "AuditSink" | "AuditSinkList" => "configure the audit webhook by the API server's flags",
        _ => "remove the object; nothing replaces it under the same name",
    }
}

fn deprecated_fields(object: &Object, found: &mut Vec<Found>) {
    for fault in faults(object).iter() {
        if fault.kind != SchemaFaultKind::Deprecated {
            continue;
        }
        let alias = fault.path.ends_with(".serviceAccount");
        let at = fault.span;
        let mut one = as_found(fault.clone(), &DEPRECATED_FIELD.info);
        if alias && let Some(workload) = object.workload() {
            one = one.remedy("write `serviceAccountName`");
            let own = key(workload.spec, "serviceAccount").filter(|key| span(key) == at);
            let plain = own.is_some_and(|key| key.end - key.start == "serviceAccount".len());
            if plain && workload.at(&["serviceAccountName"]).is_none() {
                one = one.fix("write `serviceAccountName`", vec![replace(at, "serviceAccountName")]);
            }
        }
        found.push(one);
    }
}

fn without_kind(manifest: &Manifest<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for other in &manifest.others {
        let keys = || other.pairs().iter().map(|(key, _)| key).filter(|key| key.text().is_some());
        let named = |name: &str| keys().find(|key| key.text().is_some_and(|text| text.eq_ignore_ascii_case(name)));
        let (version, kind) = (named("apiVersion"), named("kind"));
        let body = ["metadata", "spec", "data", "rules"].iter().any(|name| other.get(name).is_some());
        let (shown, missing) = match (version, kind) {
            (Some(version), Some(kind)) => match (version.text(), kind.text()) {
                // Both are there and empty, or no texts.
                (Some("apiVersion"), Some("kind")) => {
                    let filled = |name: &str| other.get(name).is_some_and(|value| value.string().is_some());
                    if filled("apiVersion") { (kind, "kind") } else { (version, "apiVersion") }
                }
                (Some("apiVersion"), _) => (kind, "kind"),
                _ => (version, "apiVersion"),
            },
            (Some(version), None) if body => (version, "kind"),
            (None, Some(kind)) if body => (kind, "apiVersion"),
            _ => continue,
        };
        let cased = shown.text().is_some_and(|text| text != missing && text.eq_ignore_ascii_case(missing));
        let message = match shown.text() {
            Some(text) if cased => format!("`{text}` is no field of any object; did you mean `{missing}`"),
            _ => format!("the document has no `{missing}`"),
        };
        let mut one = Found::new(&MANIFEST_WITHOUT_KIND.info, span(shown), message);
        if cased && shown.end - shown.start == missing.len() && other.get(missing).is_none() {
            one = one.fix(format!("write `{missing}`"), vec![replace(span(shown), missing)]);
        }
        found.push(one);
    }
    found
}
