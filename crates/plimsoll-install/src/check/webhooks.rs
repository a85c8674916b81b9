//! ValidatingWebhookConfiguration and MutatingWebhookConfiguration of a gate for images.

use base64::Engine as _;
use plimsoll_yaml::Node;

use crate::certificates::{Read, read_pem};
use crate::fault::{
    AUTHORITY_MISSING, CA_BROKEN, CA_PLACEHOLDER, EPHEMERAL_MISSING, FAILURE_POLICY_IGNORE, FAILURE_POLICY_MISSING,
    HOOK_NAME, KEY_MISMATCH, KUBE_SYSTEM, OWN_NAMESPACE, REVIEW_VERSIONS, SERVER_INSECURE, SIDE_EFFECTS, TIMEOUT_LONG,
    TOO_BROAD, UNTRUSTED, UPDATE_MISSING, WITHOUT_SAN, WRONG_HOST, WRONG_VERSION,
};

use super::kubeconfig::{host_and_port, service_port};
use super::pem::{dates, signed_by_any, speaks_for};
use super::world::{Source, Spot, World, text};

/// Webhooks, rules and words of one configuration.
const MAX_ITEMS: usize = 200;
/// Longer than this and a gate that hangs holds up clients that give up first.
const MAX_TIMEOUT: u64 = 10;

pub(super) fn check(world: &mut World<'_>) {
    for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
        for (source, object) in world.objects_of(kind) {
            if let Some(version) = object.get("apiVersion")
                && version.string() != Some("admissionregistration.k8s.io/v1")
            {
                let words = format!(
                    "{} is no version of it that Kubernetes has since 1.22",
                    version.string().unwrap_or("nothing")
                );
                world.at(&WRONG_VERSION, source, version, words);
            }
            for hook in list(object.get("webhooks").map(|n| &**n)) {
                if hook.pairs().len() > 1 && list(hook.get("rules").map(|n| &**n)).iter().any(|rule| names_images(rule))
                {
                    webhook(world, source, hook);
                }
            }
        }
    }
    for (source, secret) in world.objects_of("Secret") {
        if text(secret, &["type"]) == Some("kubernetes.io/tls") {
            self::secret(world, source, secret);
        }
    }
}

fn list(node: Option<&Node>) -> &[std::sync::Arc<Node>] {
    let items = node.map_or(&[][..], |node| node.items());
    &items[..items.len().min(MAX_ITEMS)]
}

fn words(node: Option<&std::sync::Arc<Node>>) -> Vec<&str> {
    // The core group is an empty word.
    list(node.map(|n| &**n)).iter().filter_map(|item| item.text()).collect()
}

/// Whether a rule is about what carries images: others are not a gate's.
fn names_images(rule: &Node) -> bool {
    let carriers = [
        "pods",
        "*",
        "*/*",
        "pods/*",
        "pods/ephemeralcontainers",
        "deployments",
        "replicasets",
        "statefulsets",
        "daemonsets",
        "jobs",
        "cronjobs",
        "replicationcontrollers",
        "podtemplates",
    ];
    words(rule.get("resources")).iter().any(|resource| carriers.contains(resource))
}

fn webhook(world: &World<'_>, source: &Source, hook: &Node) {
    if let Some(name) = hook.get("name")
        && name.string().is_none_or(|name| name.split('.').filter(|part| !part.is_empty()).count() < 3)
    {
        world.at(&HOOK_NAME, source, name, "the name has fewer than three parts");
    }
    rules(world, source, hook);
    match hook.get("failurePolicy") {
        None => world.at(&FAILURE_POLICY_MISSING, source, hook, "there is no failurePolicy"),
        Some(node) if node.string() != Some("Fail") => {
            world.at(
                &FAILURE_POLICY_IGNORE,
                source,
                node,
                format!("failurePolicy is {}", node.string().unwrap_or("empty")),
            );
        }
        Some(_) => {}
    }
    if let Some(node) = hook.get("timeoutSeconds")
        && node.string().is_none_or(|word| word.parse::<u64>().is_ok_and(|seconds| seconds > MAX_TIMEOUT))
    {
        world.at(&TIMEOUT_LONG, source, node, format!("timeoutSeconds is {}", node.string().unwrap_or("empty")));
    }
    if !words(hook.get("admissionReviewVersions")).iter().any(|version| matches!(*version, "v1" | "v1beta1")) {
        let node = hook.get("admissionReviewVersions").map_or(hook, |node| node);
        world.at(&REVIEW_VERSIONS, source, node, "admissionReviewVersions names neither v1 nor v1beta1");
    }
    match hook.get("sideEffects") {
        Some(node) if matches!(node.string(), Some("None" | "NoneOnDryRun")) => {}
        Some(node) => world.at(&SIDE_EFFECTS, source, node, "sideEffects is neither None nor NoneOnDryRun"),
        None => world.at(&SIDE_EFFECTS, source, hook, "there is no sideEffects"),
    }
    client(world, source, hook);
}

fn rules(world: &World<'_>, source: &Source, hook: &Node) {
    let rules = list(hook.get("rules").map(|n| &**n));
    let (mut pods, mut ephemeral) = (None, false);
    for rule in rules {
        let operations = words(rule.get("operations"));
        let all = operations.contains(&"*");
        let Some(resources) = rule.get("resources") else { continue };
        for resource in list(Some(resources)) {
            match resource.string() {
                Some("*" | "*/*") => {
                    let groups = words(rule.get("apiGroups"));
                    if groups.contains(&"*") || groups.contains(&"") || groups.contains(&"coordination.k8s.io") {
                        let words = "the rule matches every resource of its groups, leases or nodes among them";
                        world.at(&TOO_BROAD, source, resource, words);
                    }
                    pods = pods.or(Some(resource));
                    ephemeral |= resource.string() == Some("*/*") && (all || operations.contains(&"UPDATE"));
                }
                Some("pods") => {
                    pods = pods.or(Some(resource));
                    if !all && !operations.contains(&"UPDATE") {
                        let node = rule.get("operations").unwrap_or(resource);
                        world.at(&UPDATE_MISSING, source, node, "updates of pods are not asked about");
                    }
                }
                Some("pods/ephemeralcontainers" | "pods/*" | "*/ephemeralcontainers") => {
                    ephemeral |= all || operations.contains(&"UPDATE");
                }
                _ => {}
            }
        }
    }
    if let (Some(node), false) = (pods, ephemeral) {
        world.at(&EPHEMERAL_MISSING, source, node, "pods/ephemeralcontainers is not among the resources");
    }
    // A webhook that matches only templates cannot keep pods from starting.
    if pods.is_none() {
        return;
    }
    let own = hook.get("clientConfig").and_then(|c| c.get("service")).and_then(|s| text(s, &["namespace"]));
    let selector = hook.get("namespaceSelector");
    let node = selector.map_or(hook, |node| node);
    if let Some(own) = own
        && selects(selector.map(|n| &**n), own)
    {
        world.at(&OWN_NAMESPACE, source, node, format!("pods of {own}, where the gate itself runs, wait for the gate"));
    }
    if own != Some("kube-system") && selects(selector.map(|n| &**n), "kube-system") {
        world.at(&KUBE_SYSTEM, source, node, "pods of kube-system wait for the gate");
    }
}

/// Whether a selector takes a namespace of which only the name is known. What asks for other labels is taken to match:
/// nobody promises that the namespace has or lacks them; a label that must not be there is taken to be there, for that is
/// how namespaces are left out by hand.
fn selects(selector: Option<&Node>, namespace: &str) -> bool {
    let Some(selector) = selector else { return true };
    let name_label = |key: &str| matches!(key, "kubernetes.io/metadata.name" | "name");
    if let Some(labels) = selector.get("matchLabels") {
        for (key, value) in labels.pairs().iter().take(MAX_ITEMS) {
            // Namespaces that must carry a label are those that somebody chose.
            if !key.text().is_some_and(name_label) || value.string() != Some(namespace) {
                return false;
            }
        }
    }
    list(selector.get("matchExpressions").map(|n| &**n)).iter().all(|expression| {
        let by_name = text(expression, &["key"]).is_some_and(name_label);
        let values = words(expression.get("values"));
        match text(expression, &["operator"]) {
            Some("NotIn") if by_name => !values.contains(&namespace),
            Some("In") if by_name => values.contains(&namespace),
            Some("NotIn" | "DoesNotExist" | "In" | "Exists") => false,
            _ => true,
        }
    })
}

fn client(world: &World<'_>, source: &Source, hook: &Node) {
    let Some(config) = hook.get("clientConfig") else { return };
    let authorities = bundle(world, source, config);
    if let Some(url) = config.get("url") {
        let word = url.string().unwrap_or_default();
        match host_and_port(word) {
            Some((host, _)) => {
                if let Some(authorities) = &authorities {
                    speaks_for(world, source, Spot::of(url), authorities, host);
                }
            }
            None => world.at(&SERVER_INSECURE, source, url, format!("{word:?} is no https address")),
        }
    }
    let Some(service) = config.get("service") else { return };
    let (Some(name), Some(namespace)) = (text(service, &["name"]), text(service, &["namespace"])) else { return };
    let port = text(service, &["port"]).map_or(Ok(443), str::parse::<u16>);
    let place = service.get("port").unwrap_or(service);
    if let Ok(port) = port {
        service_port(world, source, place, name, Some(namespace), port);
    }
    let Some(authorities) = authorities else { return };
    let host = format!("{name}.{namespace}.svc");
    let secrets: Vec<Vec<Read>> = world
        .objects_of("Secret")
        .into_iter()
        .filter(|(_, secret)| {
            text(secret, &["type"]) == Some("kubernetes.io/tls")
                && text(secret, &["metadata", "namespace"]).is_none_or(|there| there == namespace)
        })
        .map(|(_, secret)| data(secret, "tls.crt"))
        .filter(|chain| !chain.is_empty())
        .collect();
    if secrets.is_empty() {
        return;
    }
    let trusted: Vec<&Read> =
        secrets.iter().map(|chain| &chain[0]).filter(|leaf| signed_by_any(leaf, &authorities)).collect();
    let spot = config.get("caBundle").map_or(Spot::of(config), |node| Spot::of(node));
    if trusted.is_empty() {
        world.fault(
            &UNTRUSTED,
            source,
            spot,
            format!("caBundle vouches for no certificate of a Secret in {namespace}"),
        );
    } else if !trusted.iter().any(|leaf| leaf.speaks_for(&host)) {
        world.fault(
            &WRONG_HOST,
            source,
            spot,
            format!("the certificate that caBundle vouches for does not speak for {host}"),
        );
    }
}

/// The authorities of `caBundle`.
fn bundle(world: &World<'_>, source: &Source, config: &Node) -> Option<Vec<Read>> {
    let Some(node) = config.get("caBundle") else {
        world.at(&AUTHORITY_MISSING, source, config, "there is no caBundle");
        return None;
    };
    let word = node.string().unwrap_or_default();
    if word.contains(['<', '>', '$', '{']) || word.is_empty() || word.to_ascii_uppercase().contains("CA_BUNDLE") {
        let shown: String = word.chars().take(60).collect();
        world.at(&CA_PLACEHOLDER, source, node, format!("caBundle is still {shown:?}"));
        return None;
    }
    let compact: String = word.chars().filter(|c| !c.is_whitespace()).collect();
    let certificates =
        base64::engine::general_purpose::STANDARD.decode(compact).map(|bytes| read_pem(&bytes).certificates);
    match certificates {
        Ok(certificates) if !certificates.is_empty() => {
            // One of several may have ended: that is how authorities are renewed.
            if let Some(last) = certificates.iter().max_by_key(|c| c.not_after) {
                dates(world, source, Spot::of(node), last);
            }
            Some(certificates)
        }
        _ => {
            world.at(&CA_BROKEN, source, node, "caBundle is no base64 of a PEM certificate");
            None
        }
    }
}

fn data(secret: &Node, key: &str) -> Vec<Read> {
    pem_of(secret, key).map(|pem| pem.certificates).unwrap_or_default()
}

fn pem_of(secret: &Node, key: &str) -> Option<crate::certificates::PemFile> {
    if let Some(word) = text(secret, &["stringData", key]) {
        return Some(read_pem(word.as_bytes()));
    }
    let word: String = text(secret, &["data", key])?.chars().filter(|c| !c.is_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(word).ok().map(|bytes| read_pem(&bytes))
}

fn secret(world: &World<'_>, source: &Source, secret: &Node) {
    let Some(node) = secret.get("data").and_then(|data| data.get("tls.crt")) else { return };
    let (Some(certificates), Some(keys)) = (pem_of(secret, "tls.crt"), pem_of(secret, "tls.key")) else {
        // Charts and examples leave them to be filled in; the API server refuses what is no base64.
        world.at(&CA_BROKEN, source, node, "tls.crt and tls.key are not both base64");
        return;
    };
    if let Some(leaf) = certificates.certificates.first() {
        dates(world, source, Spot::of(node), leaf);
        if !leaf.has_san() {
            world.at(&WITHOUT_SAN, source, node, format!("{} has no subjectAltName", leaf.subject));
        }
        if let Some((_, Some(key))) = keys.keys.first()
            && leaf.public_key != *key
        {
            world.at(&KEY_MISMATCH, source, node, "tls.key is not the key of tls.crt");
        }
        let authorities = data(secret, "ca.crt");
        if !authorities.is_empty() && !signed_by_any(leaf, &authorities) {
            world.at(&UNTRUSTED, source, node, "ca.crt did not sign tls.crt");
        }
    } else {
        world.at(&CA_BROKEN, source, node, "there is no certificate in tls.crt");
    }
}
