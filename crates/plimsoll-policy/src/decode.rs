//! Single values of a policy file. In: nodes that the table of keys has checked. Out: the model's values. What the check
//! refused is left out here, for its fault is said already; faults that take several keys to see are said here.

use plimsoll_model::loadline::{
    BreakGlass, BreakGlassGroups, Exemption, FixTest, FootprintRule, ImageEntry, Mode, Place, PodSecurity,
    PodSecurityLevel, PolicyKind, PolicyOver, PolicySet, RuleAction, RuntimeClassRule, TagRequirement, TagRules,
    VulnerabilityClause, VulnerabilityRules, Waiver, WhenBaselineOnly, WhenUndecided, WorkloadRules,
};

use crate::fault::{Faults, Span, did_you_mean};
use crate::read::Known;
use crate::signing;
use crate::units;
use crate::yaml::{self, Node};

/// How soft a mode is.
pub(crate) fn softness(mode: Mode) -> u8 {
    match mode {
        Mode::Enforce => 0,
        Mode::Warn => 1,
        Mode::Audit => 2,
    }
}

pub(crate) fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map_or(&[], Node::items)
}

pub(crate) fn texts(node: &Node, key: &str) -> Vec<String> {
    items(node, key).iter().filter_map(Node::text).map(str::to_owned).collect()
}

pub(crate) fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::text).map(str::to_owned)
}

fn flag(node: &Node, key: &str) -> bool {
    node.get(key).and_then(Node::boolean).unwrap_or(false)
}

pub(crate) fn name_span(node: &Node) -> Span {
    node.get("name").map_or(node.span, |name| name.span)
}

pub(crate) fn mode(word: &str) -> Option<Mode> {
    match word {
        "enforce" => Some(Mode::Enforce),
        "warn" => Some(Mode::Warn),
        "audit" => Some(Mode::Audit),
        _ => None,
    }
}

pub(crate) fn undecided(word: &str) -> Option<WhenUndecided> {
    match word {
        "deny" => Some(WhenUndecided::Deny),
        "warn" => Some(WhenUndecided::Warn),
        "allow" => Some(WhenUndecided::Allow),
        _ => None,
    }
}

pub(crate) fn baseline_only(word: &str) -> Option<WhenBaselineOnly> {
    match word {
        "undecided" => Some(WhenBaselineOnly::Undecided),
        "deny" => Some(WhenBaselineOnly::Deny),
        "warn" => Some(WhenBaselineOnly::Warn),
        "allow" => Some(WhenBaselineOnly::Allow),
        _ => None,
    }
}

fn action(word: &str) -> Option<RuleAction> {
    match word {
        "off" => Some(RuleAction::Off),
        "warn" => Some(RuleAction::Warn),
        "deny" => Some(RuleAction::Deny),
        _ => None,
    }
}

/// An entry of `images`, and whether it says `soften: true`.
pub(crate) fn image(
    node: &Node,
    place: impl Fn(&Node) -> Place,
    resolve: impl Fn(&str) -> String,
    faults: &mut Faults<'_>,
) -> (ImageEntry, bool) {
    let tags = node.get("tags");
    let refuse = text(node, "refuse");
    if refuse.is_some() {
        for key in ["tags", "signatures", "attestations", "vulnerabilities", "footprint"] {
            if let Some(other) = node.entries().iter().find(|(k, _)| k.text() == Some(key)) {
                faults.add(
                    other.0.span,
                    format!("`{key}` has no effect beside `refuse`: the image is refused in any case"),
                );
            }
        }
    }
    let entry = ImageEntry {
        name: text(node, "name").unwrap_or_default(),
        matches: texts(node, "match"),
        namespaces: texts(node, "namespaces"),
        mode: node.get("mode").and_then(Node::text).and_then(mode),
        tags: TagRules {
            require: tags.and_then(|t| t.get("require")).and_then(Node::text).and_then(|word| match word {
                "digest" => Some(TagRequirement::Digest),
                "digest-or-version" => Some(TagRequirement::DigestOrVersion),
                "any" => Some(TagRequirement::Any),
                _ => None,
            }),
            forbid: tags.map_or_else(Vec::new, |t| texts(t, "forbid")),
            pin: tags.is_some_and(|t| flag(t, "pin")),
        },
        signatures: signing::signatures(node, faults),
        attestations: signing::attestations(node, &place, resolve, faults),
        vulnerabilities: node.get("vulnerabilities").map_or_else(VulnerabilityRules::default, |v| VulnerabilityRules {
            deny: items(v, "deny").iter().map(|c| clause(c, faults)).collect(),
            warn: items(v, "warn").iter().map(|c| clause(c, faults)).collect(),
        }),
        footprint: node
            .get("footprint")
            .map_or(&[][..], Node::entries)
            .iter()
            .filter_map(|(id, value)| Some((id.text()?.to_owned(), footprint_rule(value)?)))
            .collect(),
        refuse,
        place: place(node),
    };
    (entry, flag(node, "soften"))
}

fn footprint_rule(node: &Node) -> Option<FootprintRule> {
    let measure = |word: &str| node.get(word).and_then(|m| units::size(m.text()?).ok());
    match (node.text(), measure("deny"), measure("warn")) {
        (Some(word), _, _) => Some(FootprintRule { action: action(word)?, threshold: None, warn_from: None }),
        (None, Some(deny), warn_from) => {
            Some(FootprintRule { action: RuleAction::Deny, threshold: Some(deny), warn_from })
        }
        (None, None, Some(warn)) => {
            Some(FootprintRule { action: RuleAction::Warn, threshold: Some(warn), warn_from: None })
        }
        (None, None, None) => None,
    }
}

fn clause(node: &Node, faults: &mut Faults<'_>) -> VulnerabilityClause {
    let value = |key: &str| node.get(key).and_then(Node::text);
    let clause = VulnerabilityClause {
        severity: value("severity").and_then(|t| units::severity_test(t).ok()),
        fix: value("fix").and_then(|t| match t {
            "available" => Some(FixTest::Available),
            "none" => Some(FixTest::None),
            _ => None,
        }),
        grace_seconds: value("grace").and_then(|t| units::duration(t).ok()),
        known_exploited: node.get("knownExploited").and_then(Node::boolean),
        epss: value("epss").and_then(|t| units::score(t).ok()),
        ids: texts(node, "ids"),
    };
    if clause.grace_seconds.is_some() && clause.fix != Some(FixTest::Available) && node.get("grace").is_some() {
        let span = node.get("grace").map_or(node.span, |g| g.span);
        faults.suggest(
            span,
            "`grace` counts from the day that a fix came out, so the clause must ask for one",
            "add `fix: available`",
        );
    }
    if matches!(node.value, yaml::Value::Map(ref keys) if keys.is_empty()) {
        faults.suggest(
            node.span,
            "a clause without a test would hold for every vulnerability",
            "say so with `severity: \">=unknown\"`",
        );
    }
    clause
}

pub(crate) fn exemption(node: &Node, place: Place, faults: &mut Faults<'_>) -> Exemption {
    let exemption = Exemption {
        namespaces: texts(node, "namespaces"),
        images: texts(node, "images"),
        users: texts(node, "users"),
        reason: text(node, "reason").unwrap_or_default(),
        ticket: text(node, "ticket"),
        until: node.get("until").and_then(Node::text).and_then(|t| units::date(t).ok()),
        place,
    };
    if ["namespaces", "images", "users"].iter().all(|key| node.get(key).is_none()) {
        faults.suggest(
            node.span,
            "this would exempt everything",
            "name `namespaces`, `images` or `users`; all that are named must fit",
        );
    }
    exemption
}

pub(crate) fn break_glass(node: &Node, place: Place) -> BreakGlass {
    BreakGlass {
        annotation: text(node, "annotation").unwrap_or_default(),
        value: text(node, "value").unwrap_or_default(),
        namespaces: texts(node, "namespaces"),
        groups: match text(node, "groups") {
            Some(_) => BreakGlassGroups::Any,
            None => BreakGlassGroups::Named(texts(node, "groups")),
        },
        place,
    }
}

pub(crate) fn workloads(node: &Node, place: Place) -> WorkloadRules {
    let level = |word: &str| match word {
        "privileged" => Some(PodSecurityLevel::Privileged),
        "baseline" => Some(PodSecurityLevel::Baseline),
        "restricted" => Some(PodSecurityLevel::Restricted),
        _ => None,
    };
    WorkloadRules {
        pod_security: node.get("podSecurity").and_then(|group| {
            let level = level(group.get("level")?.text()?)?;
            let minor = group.get("version").and_then(Node::text).and_then(|text| units::minor(text).ok()).flatten();
            Some(PodSecurity { level, minor })
        }),
        rules: node
            .get("rules")
            .map_or(&[][..], Node::entries)
            .iter()
            .filter_map(|(id, value)| Some((id.text()?.to_owned(), action(value.text()?)?)))
            .collect(),
        runtime_class: items(node, "runtimeClass")
            .iter()
            .map(|rule| RuntimeClassRule {
                images: texts(rule, "for"),
                unless: texts(rule, "unless"),
                require: text(rule, "require").unwrap_or_default(),
            })
            .collect(),
        place,
    }
}

/// An entry of `policies`, and whether it says `soften: true`. Its path is the file's own, resolved by `resolve`.
pub(crate) fn policy_set(
    node: &Node,
    place: Place,
    resolve: impl Fn(&str) -> String,
    faults: &mut Faults<'_>,
) -> Option<(PolicySet, bool)> {
    const KINDS: [PolicyKind; 3] = [PolicyKind::Rego, PolicyKind::Gatekeeper, PolicyKind::Cel];
    let mut named = KINDS.into_iter().filter_map(|kind| Some((kind, text(node, kind.word())?)));
    let first = named.next();
    if first.is_none() || named.next().is_some() {
        let hint = Some("write one entry for each: `- {rego: policies}`".to_owned());
        faults.push(node.span, "an entry of `policies` names one of `rego`, `gatekeeper` and `cel`".into(), hint);
        return None;
    }
    let (kind, path) = first?;
    let over = match text(node, "over").as_deref() {
        Some("images") => PolicyOver::Images,
        _ => PolicyOver::Objects,
    };
    if over == PolicyOver::Images && kind != PolicyKind::Rego {
        let span = node.get("over").map_or(node.span, |over| over.span);
        let hint = Some("write the rule in Rego: `- {rego: images/, over: images}`".to_owned());
        faults.push(span, format!("`{}` is asked about objects alone", kind.word()), hint);
        return None;
    }
    let mode = node.get("mode").and_then(Node::text).and_then(mode);
    Some((PolicySet { kind, path: resolve(&path), over, mode, place }, flag(node, "soften")))
}

pub(crate) fn waiver(node: &Node, place: Place, known: &Known<'_>, faults: &mut Faults<'_>) -> Waiver {
    let id = text(node, "id").unwrap_or_default();
    // Ids of advisories have digits or capitals (GitHub's in small letters may not); what has neither is a rule.
    let is_rule = !id.is_empty() && !id.starts_with("ghsa-") && id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let rules = || known.footprint_rules.iter().chain(known.workload_rules).copied();
    if is_rule && !rules().any(|rule| rule == id) {
        let span = node.get("id").map_or(node.span, |id| id.span);
        let hint = did_you_mean(&id, rules());
        faults.push(span, format!("no rule is called `{id}`, and no advisory's id looks like it"), hint);
    }
    Waiver {
        id,
        images: texts(node, "images"),
        package: text(node, "package"),
        reason: text(node, "reason").unwrap_or_default(),
        ticket: text(node, "ticket"),
        until: node.get("until").and_then(Node::text).and_then(|t| units::date(t).ok()),
        place,
    }
}
