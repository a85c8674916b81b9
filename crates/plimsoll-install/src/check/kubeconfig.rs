//! Kubeconfigs by which the API server reaches the gate, or takes its client certificates from.

use base64::Engine as _;
use plimsoll_yaml::Node;

use crate::certificates::{PemFile, read_pem};
use crate::fault::{
    AUTHORITY_MISSING, CA_BROKEN, CLIENT_CERTIFICATE_MISSING, CLUSTER_NAME, CONTEXT_DANGLING, CONTEXT_MISSING,
    CURRENT_CONTEXT_MISSING, CURRENT_CONTEXT_UNKNOWN, RELATIVE_PATH, SERVER_INSECURE, WRONG_PORT,
};

use super::pem;
use super::world::{Content, Source, Spot, World, text};

/// Entries of one list of a kubeconfig. A person's own has dozens.
const MAX_ENTRIES: usize = 200;

pub(super) fn check(world: &mut World<'_>) {
    for (source, object) in world.objects() {
        if is_kubeconfig(object) {
            one(world, source, object);
        }
    }
}

/// By kind, else by the keys that only a kubeconfig has (the notes leave the kind out).
pub(super) fn is_kubeconfig(object: &Node) -> bool {
    match text(object, &["kind"]) {
        Some(kind) => kind == "Config" && text(object, &["apiVersion"]).is_none_or(|version| version == "v1"),
        None => object.get("clusters").is_some() && object.get("users").is_some(),
    }
}

pub(super) fn one(world: &World<'_>, source: &Source, config: &Node) {
    let names = |list: &str| -> Vec<&str> {
        let items = config.get(list).map_or(&[][..], |node| node.items());
        items.iter().take(MAX_ENTRIES).filter_map(|item| text(item, &["name"])).collect()
    };
    let (clusters, users, contexts) = (names("clusters"), names("users"), names("contexts"));
    // WebhookAdmissionConfiguration reads nothing but users, whose names are hosts: there are no clusters in it.
    let only_users = clusters.is_empty() && !users.is_empty();
    if !only_users {
        let place = config.get("contexts").or_else(|| config.pairs().first().map(|(key, _)| key));
        let spot = place.map_or(Spot::WHOLE, |node| Spot::of(node));
        if contexts.is_empty() {
            world.fault(&CONTEXT_MISSING, source, spot, "the kubeconfig has no contexts");
        }
        match config.get("current-context").and_then(|node| Some((node, node.string()?))) {
            None if contexts.is_empty() => {}
            None => world.fault(&CURRENT_CONTEXT_MISSING, source, spot, "the kubeconfig has no current-context"),
            Some((node, name)) if !contexts.contains(&name) => {
                let words = format!("current-context names {name:?}; the contexts are {contexts:?}");
                world.at(&CURRENT_CONTEXT_UNKNOWN, source, node, words);
            }
            Some(_) => {}
        }
        for item in config.get("contexts").map_or(&[][..], |node| node.items()).iter().take(MAX_ENTRIES) {
            let Some(context) = item.get("context") else { continue };
            for (key, known) in [("cluster", &clusters), ("user", &users)] {
                if let Some(node) = context.get(key)
                    && let Some(name) = node.string()
                    && !known.contains(&name)
                {
                    world.at(
                        &CONTEXT_DANGLING,
                        source,
                        node,
                        format!("no {key} here has the name {name:?}; there are {known:?}"),
                    );
                }
            }
        }
    }
    for item in config.get("clusters").map_or(&[][..], |node| node.items()).iter().take(MAX_ENTRIES) {
        if let Some(cluster) = item.get("cluster") {
            self::cluster(world, source, cluster);
        }
    }
    let gate = asks_a_gate(config);
    for item in config.get("users").map_or(&[][..], |node| node.items()).iter().take(MAX_ENTRIES) {
        match item.get("user") {
            Some(user) if !user.pairs().is_empty() => self::user(world, source, user),
            _ if gate => world.at(&CLIENT_CERTIFICATE_MISSING, source, item, "the user has no client certificate"),
            _ => {}
        }
    }
}

/// A kubeconfig whose server has a path is one of a webhook; that of an API server has none.
fn asks_a_gate(config: &Node) -> bool {
    let items = config.get("clusters").map_or(&[][..], |node| node.items());
    items.iter().take(MAX_ENTRIES).any(|item| {
        let server = text(item, &["cluster", "server"]).and_then(|server| server.split_once("://"));
        server.is_some_and(|(_, rest)| rest.split_once('/').is_some_and(|(_, path)| !path.is_empty()))
    })
}

/// A certificate or key that stands in a file or in the kubeconfig itself, with the place that faults are said at.
fn material(world: &World<'_>, source: &Source, node: &Node, key: &str) -> Option<(PemFile, Spot)> {
    if let Some(data) = node.get(&format!("{key}-data")) {
        let bytes = base64::engine::general_purpose::STANDARD.decode(data.string().unwrap_or_default().trim());
        let pem = bytes.map(|bytes| read_pem(&bytes)).unwrap_or_default();
        if pem.certificates.is_empty() && pem.keys.is_empty() {
            world.at(&CA_BROKEN, source, data, format!("{key}-data is no base64 of PEM"));
            return None;
        }
        return Some((pem, Spot::of(data)));
    }
    let path = node.get(key)?;
    let words = path.string()?;
    if !words.starts_with('/') {
        // Client-go itself takes it as beside the kubeconfig; a copy elsewhere breaks it.
        world.at(&RELATIVE_PATH, source, path, format!("{key} is {words:?}, which is no whole path"));
    }
    let file = world.wanted(source, path, key)?;
    match &file.content {
        Content::Pem(pem) if !pem.certificates.is_empty() || !pem.keys.is_empty() => {
            Some((read_pem(file.text.as_bytes()), Spot::of(path)))
        }
        _ if file.text.is_empty() => None, // could not be read, which was said
        _ => {
            world.at(
                &crate::fault::PEM_BROKEN,
                source,
                path,
                format!("there is neither certificate nor key in {}", file.name),
            );
            None
        }
    }
}

fn user(world: &World<'_>, source: &Source, user: &Node) {
    let certificate = material(world, source, user, "client-certificate");
    let key = material(world, source, user, "client-key");
    if let Some((certificate, spot)) = &certificate {
        pem::client(world, source, *spot, certificate);
        if let Some((key, spot)) = &key {
            pem::pair(world, source, *spot, "client-certificate", certificate, key);
        }
        for one in certificate.certificates.iter().take(1) {
            pem::dates(world, source, *spot, one);
        }
    }
}

/// Host and port of an https address.
pub(super) fn host_and_port(url: &str) -> Option<(&str, u16)> {
    let rest = url.strip_prefix("https://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = rest.strip_prefix(':').map_or(Some(443), |port| port.parse().ok())?;
        return Some((host, port));
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((authority, 443)),
    }
}

/// The Service and namespace that a host names, by the shapes that cluster DNS answers: `name.namespace.svc[.zone]`, or
/// `name[.namespace]` where nothing else could be meant.
fn service<'h>(world: &World<'_>, host: &'h str) -> Option<(&'h str, Option<&'h str>)> {
    if host == "localhost" || host.parse::<std::net::IpAddr>().is_ok() || host.is_empty() {
        return None;
    }
    let parts: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    let given =
        |name: &str| world.objects_of("Service").iter().any(|(_, s)| text(s, &["metadata", "name"]) == Some(name));
    match parts.as_slice() {
        [name] => Some((name, None)),
        [name, namespace] if given(name) || matches!(*namespace, "default" | "kube-system" | "plimsoll-system") => {
            Some((name, Some(namespace)))
        }
        [name, namespace, "svc", ..] => Some((name, Some(namespace))),
        _ => None,
    }
}

fn cluster(world: &World<'_>, source: &Source, cluster: &Node) {
    let authorities = material(world, source, cluster, "certificate-authority");
    let insecure = cluster.get("insecure-skip-tls-verify");
    if let Some(node) = insecure.filter(|node| node.string() == Some("true")) {
        world.at(&SERVER_INSECURE, source, node, "the server's certificate is not checked");
    }
    let Some(node) = cluster.get("server") else { return };
    let Some(url) = node.string() else { return };
    if !url.starts_with("https://") {
        world.at(&SERVER_INSECURE, source, node, format!("{url} is no https address"));
        return;
    }
    if cluster.get("certificate-authority").is_none()
        && cluster.get("certificate-authority-data").is_none()
        && insecure.is_none()
    {
        world.at(&AUTHORITY_MISSING, source, node, "no certificate-authority is named");
    }
    let Some((host, port)) = host_and_port(url) else {
        world.at(&WRONG_PORT, source, node, format!("{url} has no host and port that can be read"));
        return;
    };
    if let Some((name, namespace)) = service(world, host) {
        world.at(&CLUSTER_NAME, source, node, format!("{host} is a name of the cluster's own DNS"));
        service_port(world, source, node, name, namespace, port);
    } else if port == 443 && (host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())) {
        world.at(&WRONG_PORT, source, node, "the server listens on 1323 unless it is told otherwise, not on 443");
    }
    if let Some((authorities, spot)) = authorities {
        // One of several may have ended: that is how authorities are renewed.
        if let Some(last) = authorities.certificates.iter().max_by_key(|c| c.not_after) {
            pem::dates(world, source, spot, last);
        }
        pem::speaks_for(world, source, Spot::of(node), &authorities.certificates, host);
    }
}

/// Whether the Service listens on this port; one that is not given is taken to be on 443.
pub(super) fn service_port(
    world: &World<'_>,
    source: &Source,
    node: &Node,
    name: &str,
    namespace: Option<&str>,
    port: u16,
) {
    let services = world.objects_of("Service");
    let own = services.iter().find(|(_, service)| {
        let there = text(service, &["metadata", "namespace"]);
        text(service, &["metadata", "name"]) == Some(name)
            && (there.is_none() || namespace.is_none() || there == namespace)
    });
    match own {
        Some((file, service)) => {
            let ports = service.get("spec").and_then(|spec| spec.get("ports")).map_or(&[][..], |ports| ports.items());
            let ports: Vec<&str> = ports.iter().take(MAX_ENTRIES).filter_map(|p| text(p, &["port"])).collect();
            if !ports.is_empty() && !ports.contains(&port.to_string().as_str()) {
                let words =
                    format!("the Service {name} listens on {}, not on {port} ({})", ports.join(", "), file.name);
                world.at(&WRONG_PORT, source, node, words);
            }
        }
        None if port == 1323 => {
            world.at(
                &WRONG_PORT,
                source,
                node,
                format!("1323 is the server's port; its Service {name} listens on 443"),
            );
        }
        None => {}
    }
}
