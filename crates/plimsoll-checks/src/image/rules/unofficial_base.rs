//! The base, as the image's own label names it, is some account's image at a public registry.

use plimsoll_model::{Finding, ImageReference, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding};

/// The label in which builders name the base (OCI image specification, annotations).
const BASE_NAME: &str = "org.opencontainers.image.base.name";

/// Public registries where anyone may open an account. Any other registry has an owner who lets people in: to trust it
/// or not is the policy's business.
const OPEN_REGISTRIES: &[&str] = &["docker.io", "quay.io", "ghcr.io", "public.ecr.aws"];

/// Name prefixes at open registries that are kept by a distribution, a language or the registry itself.
const KEPT: &[&str] = &[
    "docker.io/library/",
    "docker.io/chainguard/",
    "docker.io/redhat/",
    "docker.io/rockylinux/",
    "docker.io/opensuse/",
    "docker.io/nginxinc/",
    "docker.io/amazon/",
    "docker.io/grafana/",
    "ghcr.io/wolfi-dev/",
    "public.ecr.aws/docker/library/",
    "public.ecr.aws/amazonlinux/",
    "public.ecr.aws/lambda/",
    "public.ecr.aws/ubuntu/",
    "public.ecr.aws/debian/",
    "quay.io/centos/",
    "quay.io/fedora/",
    "quay.io/almalinuxorg/",
    "quay.io/rockylinux/",
];

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "unofficial-base",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "The base is a private account's image at a public registry",
        why: "Whoever owns the account decides what everybody built on it runs, and owes nobody an update.",
        remedy: "build on a distribution's or language's official image, or keep a base of your own in your registry",
        bad: "FROM docker.io/somebody/python:3.13\nCOPY shop /app",
        good: "FROM docker.io/library/python:3.13\nCOPY shop /app",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let base = facts.config().and_then(|config| config.labels.get(BASE_NAME)).map(String::as_str);
    match base {
        Some(base) if is_unofficial(base) => {
            vec![finding(&RULE.info, format!("the base {base} is an account's own image at a public registry"))]
        }
        _ => Vec::new(),
    }
}

fn is_unofficial(base: &str) -> bool {
    let Ok(reference) = base.trim().parse::<ImageReference>() else { return false };
    let name = reference.name();
    OPEN_REGISTRIES.contains(&reference.registry()) && !KEPT.iter().any(|kept| name.starts_with(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_told_apart() {
        for kept in
            ["debian:13", "docker.io/library/nginx", "gcr.io/distroless/static", "registry.corp.example/base:1", ""]
        {
            assert!(!is_unofficial(kept), "{kept}");
        }
        for other in ["bob/nginx", "docker.io/librarybob/nginx", "ghcr.io/bob/base:1", "quay.io/bob/x@sha256:0"] {
            assert_eq!(is_unofficial(other), !other.contains('@'), "{other}");
        }
    }
}
