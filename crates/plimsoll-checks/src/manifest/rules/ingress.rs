//! Ingresses without TLS or with more power than they look, and RuntimeClasses that run nothing.

use std::sync::Arc;

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::pod::{first_key, short};
use super::{Check, Context, Rule};
use crate::manifest::object::{Object, entry, key, span};
use crate::source::{Found, Span};

/// An Ingress with these lines in its spec, before its rules.
macro_rules! ingress {
    ($annotations:literal, $spec:literal) => {
        concat!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\n",
            $annotations,
            "spec:\n",
            $spec,
            "  rules:\n  - host: shop.example.com\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        \
             backend: {service: {name: web, port: {number: 80}}}\n"
        )
    };
}

pub const NO_TLS: Rule = Rule {
    info: RuleInfo {
        id: "ingress-tls-missing",
        severity: Severity::Medium,
        aliases: &["tlsSettingsMissing"],
        opt_in: false,
        title: "An Ingress has no TLS",
        why: "Passwords and sessions cross the network as they are, and anybody on the way may change what comes back.",
        remedy: "add `tls` with the hosts and the Secret of their certificate",
        bad: ingress!("", ""),
        good: ingress!("", "  tls:\n  - hosts: [shop.example.com]\n    secretName: shop-tls\n"),
    },
    check: Check::Object(no_tls),
};

pub const UNCOVERED: Rule = Rule {
    info: RuleInfo {
        id: "ingress-host-without-tls",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "An Ingress has TLS, but not for this host",
        why: "The controller answers for it without TLS, or with a certificate that is not its own.",
        remedy: "add the host to `tls`",
        bad: ingress!("", "  tls:\n  - hosts: [www.example.com]\n    secretName: www-tls\n"),
        good: ingress!("", "  tls:\n  - hosts: [\"*.example.com\"]\n    secretName: wildcard-tls\n"),
    },
    check: Check::Object(uncovered),
};

pub const SNIPPET: Rule = Rule {
    info: RuleInfo {
        id: "nginx-snippet",
        severity: Severity::High,
        aliases: &["CKV_K8S_152", "CKV_K8S_153", "CKV_K8S_154"],
        opt_in: false,
        title: "An Ingress puts its own lines into the controller's nginx",
        why: "The controller's process runs them: who may write an Ingress reads its token and every Secret that it may read \
              (CVE-2021-25742).",
        remedy: "use the annotation that is made for the purpose, and turn snippets off (`allow-snippet-annotations: false`)",
        bad: ingress!(
            "  annotations:\n    nginx.ingress.kubernetes.io/server-snippet: |\n      location /x { return 200; }\n",
            "  tls:\n  - hosts: [shop.example.com]\n    secretName: shop-tls\n"
        ),
        good: ingress!(
            "  annotations:\n    nginx.ingress.kubernetes.io/rewrite-target: /\n",
            "  tls:\n  - hosts: [shop.example.com]\n    secretName: shop-tls\n"
        ),
    },
    check: Check::Object(snippet),
};

pub const NO_HANDLER: Rule = Rule {
    info: RuleInfo {
        id: "runtime-class-handler-missing",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A RuntimeClass names no handler",
        why: "The sandbox that pods ask for by this class is not there: they do not start, and the API server refuses the class.",
        remedy: "set `handler` to the name that the nodes' container runtime knows, such as `runsc` or `kata`",
        bad: "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: gvisor\nhandler: \"\"\n",
        good: "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: gvisor\nhandler: runsc\n",
    },
    check: Check::Object(no_handler),
};

/// Annotations by which controllers get their certificates elsewhere.
const CERTIFICATES: [&str; 6] = [
    "alb.ingress.kubernetes.io/certificate-arn",
    "ingress.gcp.kubernetes.io/pre-shared-cert",
    "networking.gke.io/managed-certificates",
    "appgw.ingress.kubernetes.io/appgw-ssl-certificate",
    "kubernetes.azure.com/tls-cert-keyvault-uri",
    "traefik.ingress.kubernetes.io/router.tls",
];

fn is_ingress(object: &Object) -> bool {
    object.kind == "Ingress" && matches!(object.group(), "networking.k8s.io" | "extensions")
}

fn annotations(object: &Object) -> Vec<(&Arc<Node>, &Arc<Node>)> {
    object.at(&["metadata", "annotations"]).map(|annotations| annotations.all_pairs()).unwrap_or_default()
}

fn tls(object: &Object) -> &[Arc<Node>] {
    object.at(&["spec", "tls"]).map(|tls| tls.items()).unwrap_or_default()
}

fn no_tls(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    if !is_ingress(object) || !tls(object).is_empty() {
        return;
    }
    let elsewhere = annotations(object).iter().any(|(name, value)| {
        let name = name.text().unwrap_or_default();
        let https =
            name == "alb.ingress.kubernetes.io/listen-ports" && value.text().is_some_and(|v| v.contains("HTTPS"));
        https || (CERTIFICATES.contains(&name) && !matches!(value.text(), None | Some("" | "false")))
    });
    if elsewhere {
        return;
    }
    let spec = key(&object.node, "spec");
    let own = object.at(&["spec"]).and_then(|spec| key(spec, "tls"));
    let place = own.or(spec).map_or_else(|| first_key(&object.node), |key| span(key));
    out.push(Found::new(&NO_TLS.info, place, format!("{} has no TLS", short(&object.label()))));
}

fn uncovered(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let entries = tls(object);
    // An entry without hosts is for every host of the Ingress.
    if !is_ingress(object) || entries.is_empty() || entries.iter().any(|entry| hosts(entry).next().is_none()) {
        return;
    }
    let covered: std::collections::HashSet<String> =
        entries.iter().flat_map(hosts).map(str::to_ascii_lowercase).collect();
    for rule in object.at(&["spec", "rules"]).map(|rules| rules.items()).unwrap_or_default() {
        let Some(host) = rule.get("host").and_then(|host| host.string()) else { continue };
        let lower = host.to_ascii_lowercase();
        // A wildcard stands for one label.
        let wildcard = lower.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        if !covered.contains(&lower) && !wildcard.is_some_and(|wildcard| covered.contains(&wildcard)) {
            let message = format!("{} has no TLS for the host {}", short(&object.label()), short(host));
            out.push(Found::new(&UNCOVERED.info, entry(rule, "host"), message));
        }
    }
}

fn hosts(entry: &Arc<Node>) -> impl Iterator<Item = &str> {
    entry.get("hosts").map(|hosts| hosts.items()).unwrap_or_default().iter().filter_map(|host| host.string())
}

fn snippet(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    if !is_ingress(object) {
        return;
    }
    for (name, value) in annotations(object) {
        let Some(text) = name.text() else { continue };
        let (domain, word) = text.split_once('/').unwrap_or_default();
        let nginx = domain == "nginx.org" || domain.ends_with("nginx.ingress.kubernetes.io");
        if nginx && (word.ends_with("-snippet") || word.ends_with("-snippets")) && !value.is_null() {
            let message =
                format!("{} puts lines into the controller's nginx by `{}`", short(&object.label()), short(text));
            // The lines themselves may be many: the key says which.
            let place: Span = span(name);
            out.push(Found::new(&SNIPPET.info, place, message));
        }
    }
}

fn no_handler(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let current = object.group() == "node.k8s.io" && object.api_version != "node.k8s.io/v1alpha1";
    if object.kind != "RuntimeClass" || !current {
        return;
    }
    // A key that is not there at all is a required field that is missing.
    if object.node.get("handler").is_some_and(|handler| handler.string().is_none()) {
        let message = format!("{} names no handler", short(&object.label()));
        out.push(Found::new(&NO_HANDLER.info, entry(&object.node, "handler"), message));
    }
}
