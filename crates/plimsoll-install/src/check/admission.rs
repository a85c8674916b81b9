//! `--admission-control-config-file`: AdmissionConfiguration, and the older bare `imagePolicy:`.

use plimsoll_yaml::Node;

use crate::fault::{
    DEFAULT_ALLOW, NOT_CONFIGURED, OUT_OF_RANGE, RELATIVE_PATH, REMOVED_PLUGIN, STATIC_SHAPE, UNKNOWN_PLUGIN,
    WRONG_VERSION,
};

use super::apiserver::{PLUGINS, removed_plugin};
use super::kubeconfig::{self, is_kubeconfig};
use super::world::{Content, Source, World, text};

/// Plugins of one configuration: there are some forty in all.
const MAX_PLUGINS: usize = 100;

pub(super) fn check(world: &mut World<'_>) {
    for (source, object) in world.objects() {
        one(world, source, object);
    }
}

pub(super) fn one(world: &World<'_>, source: &Source, object: &Node) {
    if is_admission_configuration(object) {
        configuration(world, source, object);
    } else if is_bare(object) {
        image_policy(world, source, object, object);
    }
}

pub(super) fn is_admission_configuration(object: &Node) -> bool {
    text(object, &["kind"]) == Some("AdmissionConfiguration")
}

pub(super) fn is_bare(object: &Node) -> bool {
    object.get("imagePolicy").is_some() && object.get("kind").is_none()
}

/// The plugins that a configuration file sets up, with each one's settings.
pub(super) fn plugins(object: &Node) -> Vec<(&str, Option<&Node>)> {
    if is_bare(object) {
        return vec![("ImagePolicyWebhook", Some(object))];
    }
    let items = object.get("plugins").map_or(&[][..], |node| node.items());
    items
        .iter()
        .take(MAX_PLUGINS)
        .filter_map(|p| Some((text(p, &["name"])?, p.get("configuration").map(|c| &**c))))
        .collect()
}

fn configuration(world: &World<'_>, source: &Source, object: &Node) {
    const VERSIONS: &[&str] = &["apiserver.config.k8s.io/v1", "apiserver.k8s.io/v1alpha1"];
    match object.get("apiVersion").and_then(|node| Some((node, node.string()?))) {
        Some((node, version)) if !VERSIONS.contains(&version) => {
            world.at(
                &WRONG_VERSION,
                source,
                node,
                format!("{version} is no version of AdmissionConfiguration; {} is", VERSIONS[0]),
            );
        }
        None => world.at(&WRONG_VERSION, source, object, format!("there is no apiVersion; it is {}", VERSIONS[0])),
        Some(_) => {}
    }
    for plugin in object.get("plugins").map_or(&[][..], |node| node.items()).iter().take(MAX_PLUGINS) {
        let Some(name) = plugin.get("name") else { continue };
        let word = name.string().unwrap_or_default();
        if let Some(since) = removed_plugin(word) {
            world.at(&REMOVED_PLUGIN, source, name, format!("{word} was removed in Kubernetes {since}"));
        } else if !PLUGINS.contains(&word) {
            world.at(&UNKNOWN_PLUGIN, source, name, format!("{word:?} is no admission plugin"));
        }
        let inline = plugin.get("configuration").filter(|node| !node.pairs().is_empty());
        match word {
            "ImagePolicyWebhook" => match (inline, plugin.get("path")) {
                (Some(settings), _) => image_policy(world, source, settings, name),
                // The file is looked at in its own right when it is given.
                (None, Some(path)) => {
                    if let Some(file) = world.wanted(source, path, "the plugin's configuration")
                        && !world.is_given(&file)
                        && let Content::Yaml(objects) = &file.content
                        && let Some(object) = objects.first()
                    {
                        image_policy(world, &file, object, object);
                    }
                }
                (None, None) => {
                    world.at(&NOT_CONFIGURED, source, name, "the plugin has neither configuration nor path")
                }
            },
            "ValidatingAdmissionWebhook" | "MutatingAdmissionWebhook" => {
                if let Some(settings) = inline {
                    webhook_admission(world, source, settings, word);
                }
            }
            _ => {}
        }
    }
}

/// The path of a kubeconfig: whole, there, and a kubeconfig. One that was not given is looked at from here.
fn kubeconfig(world: &World<'_>, source: &Source, node: &Node) {
    let word = node.string().unwrap_or_default();
    if !word.starts_with('/') && !word.is_empty() {
        world.at(&RELATIVE_PATH, source, node, format!("kubeConfigFile is {word:?}, which is no whole path"));
    }
    let Some(file) = world.wanted(source, node, "kubeConfigFile") else { return };
    if file.text.is_empty() && !world.is_given(&file) {
        return; // could not be read, which was said
    }
    let object = match &file.content {
        Content::Yaml(objects) => objects.iter().find(|object| is_kubeconfig(object)),
        _ => None,
    };
    match object {
        None => world.at(&NOT_CONFIGURED, source, node, format!("{} is no kubeconfig", file.name)),
        Some(object) if !world.is_given(&file) => kubeconfig::one(world, &file, object),
        Some(_) => {}
    }
}

fn image_policy(world: &World<'_>, source: &Source, settings: &Node, place: &Node) {
    let Some(policy) = settings.get("imagePolicy") else {
        world.at(&NOT_CONFIGURED, source, place, "the settings have no imagePolicy");
        return;
    };
    match policy.get("kubeConfigFile") {
        Some(node) if node.string().is_some() => kubeconfig(world, source, node),
        _ => world.at(&NOT_CONFIGURED, source, policy, "imagePolicy has no kubeConfigFile"),
    }
    for (key, least, most, unit) in [
        ("allowTTL", 1, 1800, "seconds"),
        ("denyTTL", 1, 1800, "seconds"),
        ("retryBackoff", 1, 300_000, "milliseconds"),
    ] {
        let Some(node) = policy.get(key) else { continue };
        match node.string().map(str::parse::<i64>) {
            Some(Ok(number)) if number == 0 || number == -1 || (least..=most).contains(&number) => {}
            Some(Ok(number)) => {
                world.at(
                    &OUT_OF_RANGE,
                    source,
                    node,
                    format!("{key} is {number}; it goes from {least} to {most} {unit}"),
                );
            }
            Some(Err(_)) => {
                world.at(&OUT_OF_RANGE, source, node, format!("{key} is a whole number of {unit}, without a unit"));
            }
            None => {}
        }
    }
    if let Some(node) = policy.get("defaultAllow")
        && node.string().is_some_and(|word| word.eq_ignore_ascii_case("true"))
    {
        world.at(&DEFAULT_ALLOW, source, node, "defaultAllow: true admits every image while the gate does not answer");
    }
}

fn webhook_admission(world: &World<'_>, source: &Source, settings: &Node, plugin: &str) {
    if let Some(node) = settings.get("kubeConfigFile").filter(|node| node.string().is_some()) {
        kubeconfig(world, source, node);
    }
    let Some(dir) = settings.get("staticManifestsDir").filter(|node| node.string().is_some()) else { return };
    let word = dir.string().unwrap_or_default();
    if !word.starts_with('/') {
        world.at(&RELATIVE_PATH, source, dir, format!("staticManifestsDir is {word:?}, which is no whole path"));
    }
    let kind = if plugin.starts_with("Validating") {
        "ValidatingWebhookConfiguration"
    } else {
        "MutatingWebhookConfiguration"
    };
    // The folder's files, as far as they are given: one that ends alike, nearest to the file that names it.
    let last = word.rsplit('/').next().unwrap_or_default();
    let near = source.name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut given = false;
    for (file, object) in world.objects() {
        let folder = file.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        if folder.rsplit('/').next() == Some(last) && !last.is_empty() && folder.starts_with(near) {
            given = true;
            match object.get("kind").and_then(|k| Some((k, k.string()?))) {
                Some((node, other)) if other != kind => {
                    world.at(&STATIC_SHAPE, file, node, format!("{plugin} reads {kind} only"));
                }
                _ => static_hooks(world, file, object),
            }
        }
    }
    if !given {
        let _ = world.wanted(source, dir, "staticManifestsDir");
    }
}

fn static_hooks(world: &World<'_>, source: &Source, object: &Node) {
    if let Some(name) = object.get("metadata").and_then(|m| m.get("name"))
        && !name.string().unwrap_or_default().ends_with(".static.k8s.io")
    {
        world.at(&STATIC_SHAPE, source, name, "the name does not end in .static.k8s.io");
    }
    for hook in object.get("webhooks").map_or(&[][..], |node| node.items()).iter().take(MAX_PLUGINS) {
        if let Some(service) = hook.get("clientConfig").and_then(|c| c.get("service")) {
            world.at(&STATIC_SHAPE, source, service, "a webhook by file may not name a Service");
        }
    }
}
