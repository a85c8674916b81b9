//! What containers run: names that cannot be read, names that change their meaning, and when the image is pulled.

use std::sync::Arc;

use plimsoll_model::{ImageReference, RuleInfo, Severity, TextEdit};
use plimsoll_yaml::Node;

use super::pod::{called, container_place, edit_container, safe, set_in_container, short};
use super::{Check, Context, Rule};
use crate::manifest::edit::{self, Value};
use crate::manifest::object::{Container, Workload, entry};
use crate::source::{Found, Source, Span, remove};

pub const UNREADABLE: Rule = Rule {
    info: RuleInfo {
        id: "unreadable-image-name",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "A container's image has no name that can be read",
        why: "The kubelet says InvalidImageName and the container never starts; nobody can tell what would run either.",
        remedy: "write `registry/repository:tag` or `registry/repository@sha256:…`",
        bad: pod!("  containers:\n  - name: web\n    image: docker-pullable://registry.example.com/web:1.2\n"),
        good: pod!("  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
    },
    check: Check::Container(unreadable),
};

pub const LATEST_TAG: Rule = Rule {
    info: RuleInfo {
        id: "latest-tag",
        severity: Severity::Medium,
        aliases: &["Container Image Tag", "tagNotSpecified", "CKV_K8S_14", "KSV-0013", "DKL-DI-0006"],
        opt_in: false,
        title: "A container's image has the tag latest, or none",
        why: "What runs changes when somebody pushes: two pods of one Deployment may differ, and a rollback brings nothing back.",
        remedy: "name a version, best with its digest",
        bad: pod!("  containers:\n  - name: web\n    image: registry.example.com/web:latest\n"),
        good: pod!("  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
    },
    check: Check::Container(latest_tag),
};

pub const DIGEST_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "digest-missing",
        severity: Severity::Low,
        aliases: &["CKV_K8S_43"],
        opt_in: true,
        title: "A container's image is not pinned by its digest",
        why: "A tag may be moved: what was checked and what runs are the same for sure only under one digest.",
        remedy: "add `@sha256:…` behind the tag",
        bad: pod!("  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
        good: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2@sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b\n"
        ),
    },
    check: Check::Container(digest_missing),
};

pub const PULL_POLICY: Rule = Rule {
    info: RuleInfo {
        id: "pull-policy-not-always",
        severity: Severity::Low,
        aliases: &["Container Image Pull Policy", "pullPolicyNotAlways", "CKV_K8S_15"],
        opt_in: true,
        title: "An image on the node is used without asking the registry",
        why: "Any pod of the node may use an image that another one's credentials pulled, and a moved tag goes unnoticed.",
        remedy: "set `imagePullPolicy: Always`; layers that are there are not pulled again",
        bad: container!("    imagePullPolicy: IfNotPresent\n"),
        good: container!("    imagePullPolicy: Always\n"),
    },
    check: Check::Container(pull_policy),
};

/// The image as it is written, where it is a text at all.
fn named<'o>(container: &Container<'o>) -> Option<&'o str> {
    container.at(&["image"]).and_then(|image| image.string())
}

/// The name, where it can be read.
fn reference(container: &Container<'_>) -> Option<ImageReference> {
    named(container)?.parse().ok()
}

/// `${IMAGE}`, `$(IMAGE)`, `{{ image }}`: another program fills it in.
fn is_placeholder(text: &str) -> bool {
    ["${", "$(", "{{", "<%"].iter().any(|mark| text.contains(mark))
}

fn unreadable(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    let rule = &UNREADABLE.info;
    let Some(value) = container.at(&["image"]).filter(|value| !value.is_null()) else {
        let message = format!("{} names no image", called(container));
        let found = Found::new(rule, container_place(container, &["image"]), message);
        // A Deployment without a selector is a patch of one, mostly: the image stands elsewhere.
        let patch = workload.object.group() == "apps" && workload.object.at(&["spec", "selector"]).is_none();
        out.push(if patch { found.severity(Severity::Low) } else { found });
        return;
    };
    let place = entry(container.node, "image");
    let Some(text) = value.text() else {
        out.push(Found::new(rule, place, format!("the image of {} is no text", called(container))));
        return;
    };
    let Err(error) = text.parse::<ImageReference>() else { return };
    if is_placeholder(text) {
        let message = format!("the image of {} is to be filled in: `{}`", called(container), short(text));
        out.push(Found::new(rule, place, message).severity(Severity::Low));
        return;
    }
    let message = format!("the image `{}` cannot be read: {}", short(text), short(&error.to_string()));
    let mut found = Found::new(rule, place, message);
    if text.contains("://") {
        found = found.remedy("drop the prefix: the kubelet says InvalidImageName");
    }
    let who = (container, workload);
    out.push(match repaired(text) {
        Some(Repair::Prefix(prefix)) => {
            let title = format!("drop `{}`", short(prefix));
            edit_container(found, who, safe(&title), |node| drop_prefix(context.source, node, prefix))
        }
        Some(Repair::Inner(inner)) => {
            let mend = safe("take the quotes and blanks out of the name");
            set_in_container(found, who, context.source, mend, &["image"], Value::Text(inner))
        }
        None => found,
    });
}

enum Repair<'t> {
    /// `docker-pullable://` goes.
    Prefix(&'t str),
    /// What stands within quotes or blanks is a name.
    Inner(&'t str),
}

fn repaired(text: &str) -> Option<Repair<'_>> {
    let good = |name: &str| name.parse::<ImageReference>().is_ok();
    if let Some(at) = text.find("://") {
        let (prefix, name) = text.split_at(at + 3);
        return good(name).then_some(Repair::Prefix(prefix));
    }
    let inner = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`'));
    (inner != text && good(inner)).then_some(Repair::Inner(inner))
}

fn drop_prefix(source: &Source<'_>, container: &Arc<Node>, prefix: &str) -> Option<Vec<TextEdit>> {
    let (key, value) = edit::own(container, "image")?;
    if !edit::unshared(value) || value.start < key.end {
        return None;
    }
    let written = source.slice(Span::new(value.start, value.end));
    let quote = written.len() - written.trim_start_matches(['"', '\'']).len();
    let start = value.start + quote;
    written[quote..].starts_with(prefix).then(|| vec![remove(Span::new(start, start + prefix.len()))])
}

fn latest_tag(container: &Container<'_>, _: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    let Some(reference) = reference(container) else { return };
    if reference.digest().is_some() || reference.tag() != Some("latest") {
        return;
    }
    let name = short(named(container).unwrap_or_default());
    let message = match reference.tag_was_implied() {
        true => format!("the image `{name}` names no tag, which means latest"),
        false => format!("the image `{name}` has the tag latest"),
    };
    out.push(Found::new(&LATEST_TAG.info, entry(container.node, "image"), message));
}

fn digest_missing(container: &Container<'_>, _: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    if reference(container).is_some_and(|reference| reference.digest().is_none()) {
        let message = format!("the image `{}` has no digest", short(named(container).unwrap_or_default()));
        out.push(Found::new(&DIGEST_MISSING.info, entry(container.node, "image"), message));
    }
}

fn pull_policy(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    const FIELD: &str = "imagePullPolicy";
    let value = container.at(&[FIELD]).filter(|value| !value.is_null());
    // Left out, it is `Always` for latest alone.
    let implied = || reference(container).is_some_and(|name| name.digest().is_none() && name.tag() == Some("latest"));
    let always = match value {
        Some(value) => value.text() == Some("Always"),
        None => implied(),
    };
    if always {
        return;
    }
    let place = value.map_or_else(|| container_place(container, &[FIELD]), |_| entry(container.node, FIELD));
    let found = Found::new(
        &PULL_POLICY.info,
        place,
        format!("{} may start from an image that is not asked for", called(container)),
    );
    let mend = safe("set `imagePullPolicy: Always`");
    let value = Value::Text("Always");
    out.push(set_in_container(found, (container, workload), context.source, mend, &[FIELD], value));
}
