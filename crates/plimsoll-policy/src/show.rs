//! A policy back to YAML. In: the checked value. Out: one document that reads back to the same value, included files
//! joined and paths worked out; what flags add stands in a comment. What it does not do: keep the writer's comments or order of keys.

use std::fmt::Write;

use plimsoll_model::LoadLine;
use plimsoll_model::loadline::{
    AttestationRule, AttestationUse, Authority, BreakGlass, BreakGlassGroups, Exemption, FixTest, ImageEntry,
    LogDemand, Mode, PodSecurity, PodSecurityLevel, PolicyOver, RevocationDemand, RuleAction, SignatureRules, Signer,
    TagRequirement, VulnerabilityClause, Waiver, WhenBaselineOnly, WhenUndecided, WorkloadRules,
};

use crate::decode::softness;
use crate::keys::{API_VERSION, KIND};
use crate::units::{duration_text, severity_text, size_text};

/// The effective policy as YAML: what `policy show` prints.
pub fn effective(policy: &LoadLine) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, policy);
    out
}

fn write(out: &mut String, policy: &LoadLine) -> std::fmt::Result {
    if !policy.only_registries.is_empty() {
        writeln!(out, "# --registry-whitelist: only images from {}", list(&policy.only_registries))?;
    }
    writeln!(out, "apiVersion: {API_VERSION}\nkind: {KIND}\nmetadata: {{name: {}}}", quote(&policy.name))?;
    writeln!(out, "mode: {}\nundecided: {}", mode(policy.mode), undecided(policy.undecided))?;
    writeln!(out, "data:")?;
    if let Some(age) = policy.data.max_age_seconds {
        writeln!(out, "  maxAge: {}", duration_text(age))?;
    }
    writeln!(out, "  baselineOnly: {}", baseline_only(policy.data.baseline_only))?;
    for (key, paths) in [("advisories", &policy.data.advisories), ("vex", &policy.data.vex)] {
        if !paths.is_empty() {
            writeln!(out, "  {key}: {}", list(paths))?;
        }
    }
    if !policy.keys.is_empty() {
        writeln!(out, "keys:")?;
    }
    for one in &policy.keys {
        authority(out, one)?;
    }
    writeln!(out, "images:{}", if policy.images.is_empty() { " []" } else { "" })?;
    for entry in &policy.images {
        image(out, entry, policy.mode)?;
    }
    if !policy.exempt.is_empty() {
        writeln!(out, "exempt:")?;
    }
    for exemption in &policy.exempt {
        exempt(out, exemption)?;
    }
    if !policy.waivers.is_empty() {
        writeln!(out, "waivers:")?;
    }
    for one in &policy.waivers {
        waiver(out, one)?;
    }
    if !policy.policies.is_empty() {
        writeln!(out, "policies:")?;
    }
    for set in &policy.policies {
        let over = if set.over == PolicyOver::Images { ", over: images" } else { "" };
        let mut mode = set.mode.map_or_else(String::new, |mode| format!(", mode: {}", self::mode(mode)));
        if set.mode.is_some_and(|mode| softness(mode) > softness(policy.mode)) {
            mode.push_str(", soften: true");
        }
        writeln!(out, "  - {{{}: {}{over}{mode}}}", set.kind.word(), quote(&set.path))?;
    }
    if let Some(one) = &policy.workloads {
        workloads(out, one)?;
    }
    if let Some(one) = &policy.break_glass {
        break_glass(out, one)?;
    }
    Ok(())
}

fn image(out: &mut String, entry: &ImageEntry, policy_mode: Mode) -> std::fmt::Result {
    writeln!(out, "  - name: {}\n    match: {}", quote(&entry.name), list(&entry.matches))?;
    if !entry.namespaces.is_empty() {
        writeln!(out, "    namespaces: {}", list(&entry.namespaces))?;
    }
    if let Some(own) = entry.mode {
        writeln!(out, "    mode: {}", mode(own))?;
        if softness(own) > softness(policy_mode) {
            writeln!(out, "    soften: true")?;
        }
    }
    let tags = &entry.tags;
    let mut parts = Vec::new();
    if let Some(require) = tags.require {
        parts.push(format!("require: {}", requirement(require)));
    }
    if !tags.forbid.is_empty() {
        parts.push(format!("forbid: {}", list(&tags.forbid)));
    }
    if tags.pin {
        parts.push("pin: true".to_owned());
    }
    if !parts.is_empty() {
        writeln!(out, "    tags: {{{}}}", parts.join(", "))?;
    }
    signatures(out, &entry.signatures)?;
    if !entry.attestations.is_empty() {
        writeln!(out, "    attestations:")?;
    }
    for rule in &entry.attestations {
        writeln!(out, "      - {{{}}}", attestation(rule))?;
    }
    let rules = &entry.vulnerabilities;
    if !rules.deny.is_empty() || !rules.warn.is_empty() {
        writeln!(out, "    vulnerabilities:")?;
    }
    for (word, clauses) in [("deny", &rules.deny), ("warn", &rules.warn)] {
        if !clauses.is_empty() {
            writeln!(out, "      {word}:")?;
        }
        for one in clauses {
            writeln!(out, "        - {{{}}}", clause(one))?;
        }
    }
    if !entry.footprint.is_empty() {
        writeln!(out, "    footprint:")?;
    }
    for (id, rule) in &entry.footprint {
        let word = action(rule.action);
        match rule.threshold {
            Some(threshold) => {
                let warn = rule.warn_from.map_or_else(String::new, |from| format!("warn: {}, ", size_text(from)));
                writeln!(out, "      {}: {{{warn}{word}: {}}}", quote(id), size_text(threshold))?;
            }
            None => writeln!(out, "      {}: {word}", quote(id))?,
        }
    }
    if let Some(words) = &entry.refuse {
        writeln!(out, "    refuse: {}", quote(words))?;
    }
    Ok(())
}

fn authority(out: &mut String, one: &Authority) -> std::fmt::Result {
    let mut parts = match &one.signer {
        Signer::KeyFile(path) => vec![format!("publicKey: {}", quote(path))],
        Signer::Key(pem) => vec![format!("publicKey: {}", quote(pem))],
        Signer::Certificate { issuer, identity } => {
            vec![format!("issuer: {}", quote(issuer)), format!("identity: {}", quote(identity))]
        }
        Signer::Notation(known) => {
            let mut inside =
                vec![format!("roots: {}", list(&known.roots)), format!("identities: {}", list(&known.identities))];
            if !known.timestamps.is_empty() {
                inside.push(format!("timestamps: {}", list(&known.timestamps)));
            }
            match known.revocation {
                Some(RevocationDemand::Required) => inside.push("revocation: required".to_owned()),
                Some(RevocationDemand::Unneeded) => inside.push("revocation: unneeded".to_owned()),
                None => {}
            }
            vec![format!("notation: {{{}}}", inside.join(", "))]
        }
    };
    if let Some(path) = &one.trusted_root {
        parts.push(format!("trustedRoot: {}", quote(path)));
    }
    match one.log {
        Some(LogDemand::Required) => parts.push("log: required".to_owned()),
        Some(LogDemand::Unneeded) => parts.push("log: unneeded".to_owned()),
        None => {}
    }
    writeln!(out, "  {}: {{{}}}", quote(&one.name), parts.join(", "))
}

fn signatures(out: &mut String, rules: &SignatureRules) -> std::fmt::Result {
    let mut parts = Vec::new();
    for (key, names) in [("all", &rules.all), ("any", &rules.any)] {
        if !names.is_empty() {
            parts.push(format!("{key}: {}", list(names)));
        }
    }
    if let Some(least) = rules.minimum {
        parts.push(format!("minimum: {least}"));
    }
    if !rules.annotations.is_empty() {
        let pairs = rules.annotations.iter().map(|(key, value)| format!("{}: {}", quote(key), quote(value)));
        parts.push(format!("annotations: {{{}}}", pairs.collect::<Vec<_>>().join(", ")));
    }
    if parts.is_empty() { Ok(()) } else { writeln!(out, "    signatures: {{{}}}", parts.join(", ")) }
}

fn attestation(rule: &AttestationRule) -> String {
    let mut parts = vec![format!("type: {}", quote(&rule.kind)), format!("by: {}", list(&rule.by))];
    if let Some(age) = rule.max_age_seconds {
        parts.push(format!("maxAge: {}", duration_text(age)));
    }
    if let Some(path) = &rule.rego {
        parts.push(format!("rego: {}", quote(path)));
    }
    if rule.purpose == AttestationUse::Vex {
        parts.push("use: vex".to_owned());
    }
    parts.join(", ")
}

fn clause(clause: &VulnerabilityClause) -> String {
    let mut parts = Vec::new();
    if let Some(test) = clause.severity {
        parts.push(format!("severity: {}", quote(&severity_text(test))));
    }
    match clause.fix {
        Some(FixTest::Available) => parts.push("fix: available".to_owned()),
        Some(FixTest::None) => parts.push("fix: none".to_owned()),
        None => {}
    }
    if let Some(grace) = clause.grace_seconds {
        parts.push(format!("grace: {}", duration_text(grace)));
    }
    if let Some(wanted) = clause.known_exploited {
        parts.push(format!("knownExploited: {wanted}"));
    }
    if let Some(least) = clause.epss {
        parts.push(format!("epss: \">={least}\""));
    }
    if !clause.ids.is_empty() {
        parts.push(format!("ids: {}", list(&clause.ids)));
    }
    parts.join(", ")
}

fn exempt(out: &mut String, one: &Exemption) -> std::fmt::Result {
    let mut parts = Vec::new();
    for (key, globs) in [("namespaces", &one.namespaces), ("images", &one.images), ("users", &one.users)] {
        if !globs.is_empty() {
            parts.push(format!("{key}: {}", list(globs)));
        }
    }
    ending(&mut parts, &one.reason, one.ticket.as_deref(), one.until);
    writeln!(out, "  - {{{}}}", parts.join(", "))
}

fn waiver(out: &mut String, one: &Waiver) -> std::fmt::Result {
    let mut parts = vec![format!("id: {}", quote(&one.id))];
    if !one.images.is_empty() {
        parts.push(format!("images: {}", list(&one.images)));
    }
    if let Some(package) = &one.package {
        parts.push(format!("package: {}", quote(package)));
    }
    ending(&mut parts, &one.reason, one.ticket.as_deref(), one.until);
    writeln!(out, "  - {{{}}}", parts.join(", "))
}

fn break_glass(out: &mut String, one: &BreakGlass) -> std::fmt::Result {
    let groups = match &one.groups {
        BreakGlassGroups::Any => "any".to_owned(),
        BreakGlassGroups::Named(globs) => list(globs),
    };
    writeln!(out, "breakGlass:\n  annotation: {}\n  value: {}", quote(&one.annotation), quote(&one.value))?;
    writeln!(out, "  namespaces: {}\n  groups: {groups}", list(&one.namespaces))
}

fn workloads(out: &mut String, one: &WorkloadRules) -> std::fmt::Result {
    writeln!(out, "workloads:")?;
    if let Some(PodSecurity { level, minor }) = &one.pod_security {
        let level = match level {
            PodSecurityLevel::Privileged => "privileged",
            PodSecurityLevel::Baseline => "baseline",
            PodSecurityLevel::Restricted => "restricted",
        };
        let version = minor.map_or_else(|| "latest".to_owned(), |minor| format!("v1.{minor}"));
        writeln!(out, "  podSecurity: {{level: {level}, version: {version}}}")?;
    }
    if !one.rules.is_empty() {
        writeln!(out, "  rules:")?;
    }
    for (id, rule) in &one.rules {
        writeln!(out, "    {}: {}", quote(id), action(*rule))?;
    }
    if !one.runtime_class.is_empty() {
        writeln!(out, "  runtimeClass:")?;
    }
    for rule in &one.runtime_class {
        let unless = if rule.unless.is_empty() { String::new() } else { format!("unless: {}, ", list(&rule.unless)) };
        writeln!(out, "    - {{for: {}, {unless}require: {}}}", list(&rule.images), quote(&rule.require))?;
    }
    Ok(())
}

fn ending(parts: &mut Vec<String>, reason: &str, ticket: Option<&str>, until: Option<jiff::civil::Date>) {
    parts.push(format!("reason: {}", quote(reason)));
    if let Some(ticket) = ticket {
        parts.push(format!("ticket: {}", quote(ticket)));
    }
    if let Some(until) = until {
        parts.push(format!("until: {until}"));
    }
}

fn list(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|w| quote(w)).collect::<Vec<_>>().join(", "))
}

/// A word as it is where YAML reads it back as that word, else in double quotes.
fn quote(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ' '))
        && !text.ends_with(' ')
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    if plain {
        return text.to_owned();
    }
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // Line separators and the byte order mark are line breaks or nothing to some readers.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Warn => "warn",
        Mode::Audit => "audit",
    }
}

fn undecided(word: WhenUndecided) -> &'static str {
    match word {
        WhenUndecided::Deny => "deny",
        WhenUndecided::Warn => "warn",
        WhenUndecided::Allow => "allow",
    }
}

fn baseline_only(word: WhenBaselineOnly) -> &'static str {
    match word {
        WhenBaselineOnly::Undecided => "undecided",
        WhenBaselineOnly::Deny => "deny",
        WhenBaselineOnly::Warn => "warn",
        WhenBaselineOnly::Allow => "allow",
    }
}

fn requirement(word: TagRequirement) -> &'static str {
    match word {
        TagRequirement::Digest => "digest",
        TagRequirement::DigestOrVersion => "digest-or-version",
        TagRequirement::Any => "any",
    }
}

fn action(word: RuleAction) -> &'static str {
    match word {
        RuleAction::Off => "off",
        RuleAction::Warn => "warn",
        RuleAction::Deny => "deny",
    }
}
