//! kube-apiserver's own command line: in a static pod's manifest, a systemd unit or a list of flags.

use std::sync::Arc;

use plimsoll_yaml::Node;

use crate::fault::{
    CONFIG_FLAG_MISSING, FEATURE_GATE_MISSING, FILE_MISSING, MOUNT_MISSING, PLUGIN_NOT_ENABLED, RELATIVE_PATH,
    REMOVED_FLAG, REMOVED_PLUGIN, UNKNOWN_PLUGIN, VOLUME_MISSING,
};

use super::admission::{self, is_admission_configuration, is_bare, plugins};
use super::world::{Content, Source, Spot, World, text};

/// The plugins of Kubernetes 1.36, and those of the versions before it that are not removed.
pub(super) const PLUGINS: &[&str] = &[
    "AlwaysAdmit",
    "AlwaysDeny",
    "AlwaysPullImages",
    "CertificateApproval",
    "CertificateSigning",
    "CertificateSubjectRestriction",
    "ClusterTrustBundleAttest",
    "DefaultIngressClass",
    "DefaultStorageClass",
    "DefaultTolerationSeconds",
    "DenyServiceExternalIPs",
    "EventRateLimit",
    "ExtendedResourceToleration",
    "ImagePolicyWebhook",
    "JobValidation",
    "LimitPodHardAntiAffinityTopology",
    "LimitRanger",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionWebhook",
    "NamespaceAutoProvision",
    "NamespaceExists",
    "NamespaceLifecycle",
    "NodeDeclaredFeatureValidator",
    "NodeRestriction",
    "OwnerReferencesPermissionEnforcement",
    "PersistentVolumeClaimResize",
    "PodGroupProtection",
    "PodGroupWorkloadExists",
    "PodNodeSelector",
    "PodResizeValidator",
    "PodSecurity",
    "PodTolerationRestriction",
    "PodTopologyLabels",
    "Priority",
    "ResourceQuota",
    "RuntimeClass",
    "ServiceAccount",
    "StorageObjectInUseProtection",
    "TaintNodesByCondition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionWebhook",
];

/// Plugins that were, with the version that no longer has them.
const REMOVED_PLUGINS: &[(&str, &str)] = &[
    ("PodSecurityPolicy", "1.25"),
    ("SecurityContextDeny", "1.30"),
    ("PersistentVolumeLabel", "1.31"),
    ("DenyEscalatingExec", "1.21"),
    ("DenyExecOnPrivileged", "1.21"),
    ("PodPreset", "1.20"),
];

pub(super) fn removed_plugin(name: &str) -> Option<&'static str> {
    REMOVED_PLUGINS.iter().find(|(removed, _)| *removed == name).map(|(_, since)| *since)
}

/// Flags that were, with the version that no longer has them.
const REMOVED_FLAGS: &[(&str, &str)] = &[
    ("insecure-port", "1.24"),
    ("insecure-bind-address", "1.24"),
    ("port", "1.24"),
    ("address", "1.24"),
    ("basic-auth-file", "1.19"),
    ("kubelet-https", "1.22"),
];

/// Flags and mounts of one container: kubeadm writes some forty.
const MAX_ITEMS: usize = 1000;

struct Flag {
    name: String,
    value: String,
    spot: Spot,
}

pub(super) fn check(world: &mut World<'_>) {
    for (source, object) in world.objects() {
        if text(object, &["kind"]) == Some("Pod") {
            pod(world, source, object);
        }
    }
    for source in &world.sources {
        if matches!(source.content, Content::Flags) && !source.text.contains("plimsoll serve") {
            let flags = flags_of_text(&source.text);
            if !flags.is_empty() {
                command_line(world, source, &flags, None);
            }
        }
    }
}

fn pod(world: &World<'_>, source: &Source, pod: &Arc<Node>) {
    let containers = pod.get("spec").and_then(|spec| spec.get("containers")).map_or(&[][..], |node| node.items());
    for container in containers.iter().take(MAX_ITEMS) {
        let words = || {
            let lists = ["command", "args"].iter().filter_map(|key| container.get(key));
            lists.flat_map(|list| list.items()).take(MAX_ITEMS)
        };
        let named = text(container, &["name"]) == Some("kube-apiserver");
        let called = words().any(|word| word.text().is_some_and(|w| w.rsplit('/').next() == Some("kube-apiserver")));
        if !named && !called {
            continue;
        }
        let mut flags = Vec::new();
        let mut list: Vec<&Arc<Node>> = words().collect();
        list.reverse();
        while let Some(word) = list.pop() {
            let Some(rest) = word.text().and_then(|w| w.strip_prefix("--")) else { continue };
            let (name, value) = match rest.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => {
                    let next = list.last().and_then(|n| n.text()).filter(|next| !next.starts_with("--"));
                    (rest, next.unwrap_or_default().to_owned())
                }
            };
            flags.push(Flag { name: name.to_owned(), value, spot: Spot::of(word) });
        }
        command_line(world, source, &flags, Some(&Mounts::of(world, source, pod, container)));
    }
}

/// Flags of a unit or a list: `--name=value` or `--name value`, whatever else stands around them.
fn flags_of_text(text: &str) -> Vec<Flag> {
    let mut flags: Vec<Flag> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let mut open = false;
        for word in line.split_whitespace().filter(|word| *word != "\\") {
            let column = word.as_ptr() as usize - line.as_ptr() as usize;
            let column = line.get(..column).map_or(0, |before| before.chars().count());
            let word = word.trim_matches(['"', '\'']);
            if let Some(rest) = word.strip_prefix("--") {
                let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
                let int = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                let spot = Spot { line: int(number + 1), column: int(column + 1), width: int(word.chars().count()) };
                open = !rest.contains('=');
                flags.push(Flag { name: name.to_owned(), value: value.trim_matches(['"', '\'']).to_owned(), spot });
            } else if open {
                if let Some(last) = flags.last_mut() {
                    last.value = word.to_owned();
                }
                open = false;
            }
        }
        if flags.len() > MAX_ITEMS {
            break;
        }
    }
    flags
}

/// What the container sees of the node.
struct Mounts<'n> {
    /// Path in the container, path on the node where it is a hostPath.
    list: Vec<(&'n str, Option<&'n str>)>,
}

impl<'n> Mounts<'n> {
    fn of(world: &World<'_>, source: &Source, pod: &'n Node, container: &'n Node) -> Mounts<'n> {
        let volumes = pod.get("spec").and_then(|spec| spec.get("volumes")).map_or(&[][..], |node| node.items());
        let mut list = Vec::new();
        for mount in container.get("volumeMounts").map_or(&[][..], |node| node.items()).iter().take(MAX_ITEMS) {
            let (Some(path), Some(name)) = (text(mount, &["mountPath"]), mount.get("name")) else { continue };
            let volume = volumes.iter().take(MAX_ITEMS).find(|v| text(v, &["name"]) == name.string());
            if volume.is_none() {
                let words = format!("no volume has the name {:?}", name.string().unwrap_or_default());
                world.at(&VOLUME_MISSING, source, name, words);
            }
            list.push((path.trim_end_matches('/'), volume.and_then(|v| text(v, &["hostPath", "path"]))));
        }
        Mounts { list }
    }

    /// The path on the node; none when the container does not see it.
    fn on_node(&self, path: &str) -> Option<String> {
        let inside = |mount: &str| path == mount || path.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'));
        let (mount, host) = self.list.iter().filter(|(mount, _)| inside(mount)).max_by_key(|(mount, _)| mount.len())?;
        let rest = &path[mount.len()..];
        Some(host.map_or_else(|| path.to_owned(), |host| format!("{}{rest}", host.trim_end_matches('/'))))
    }
}

fn command_line(world: &World<'_>, source: &Source, flags: &[Flag], mounts: Option<&Mounts<'_>>) {
    for flag in flags {
        if let Some((_, since)) = REMOVED_FLAGS.iter().find(|(name, _)| *name == flag.name) {
            world.fault(&REMOVED_FLAG, source, flag.spot, format!("--{} was removed in Kubernetes {since}", flag.name));
        }
        if matches!(flag.name.as_str(), "enable-admission-plugins" | "disable-admission-plugins" | "admission-control")
        {
            for plugin in flag.value.split(',').map(str::trim).filter(|plugin| !plugin.is_empty()) {
                if let Some(since) = removed_plugin(plugin) {
                    world.fault(
                        &REMOVED_PLUGIN,
                        source,
                        flag.spot,
                        format!("{plugin} was removed in Kubernetes {since}"),
                    );
                } else if !PLUGINS.contains(&plugin) {
                    world.fault(&UNKNOWN_PLUGIN, source, flag.spot, format!("{plugin:?} is no admission plugin"));
                }
            }
        }
    }
    let listed = |flag: &str, plugin: &str| {
        let mut all = flags.iter().filter(|f| f.name == flag);
        all.any(|f| f.value.split(',').any(|word| word.trim() == plugin))
    };
    let enabling =
        flags.iter().find(|f| f.name == "enable-admission-plugins" && f.value.contains("ImagePolicyWebhook"));
    let Some(config) = flags.iter().rfind(|flag| flag.name == "admission-control-config-file") else {
        if let Some(flag) = enabling {
            let words = "ImagePolicyWebhook is enabled, and --admission-control-config-file is not there";
            world.fault(&CONFIG_FLAG_MISSING, source, flag.spot, words);
        }
        return;
    };
    if !config.value.starts_with('/') {
        let words = format!("{:?} is no whole path", config.value);
        world.fault(&RELATIVE_PATH, source, config.spot, words);
    }
    let Some(path) = seen(world, source, config.spot, mounts, &config.value) else { return };
    let Ok(file) = world.named(source, &path) else {
        let words = format!("{path} is neither among the given files nor on this machine");
        world.fault(&FILE_MISSING, source, config.spot, words);
        return;
    };
    let Content::Yaml(objects) = &file.content else { return };
    for object in objects.iter().filter(|object| is_admission_configuration(object) || is_bare(object)) {
        if !world.is_given(&file) {
            admission::one(world, &file, object);
        }
        for (plugin, settings) in plugins(object) {
            let by_default = plugin != "ImagePolicyWebhook";
            let on = listed("enable-admission-plugins", plugin) || by_default;
            if matches!(plugin, "ImagePolicyWebhook" | "ValidatingAdmissionWebhook" | "MutatingAdmissionWebhook")
                && (!on || listed("disable-admission-plugins", plugin))
            {
                let words = format!("{plugin} is set up in {} and not enabled", file.name);
                world.fault(&PLUGIN_NOT_ENABLED, source, config.spot, words);
            }
            let Some(settings) = settings else { continue };
            let gate =
                |f: &&Flag| f.name == "feature-gates" && f.value.contains("ManifestBasedAdmissionControlConfig=true");
            if text(settings, &["staticManifestsDir"]).is_some() && !flags.iter().any(|f| gate(&f)) {
                world.fault(
                    &FEATURE_GATE_MISSING,
                    source,
                    config.spot,
                    "staticManifestsDir is used, and its feature gate is not on",
                );
            }
            let kubeconfig =
                text(settings, &["imagePolicy", "kubeConfigFile"]).or_else(|| text(settings, &["kubeConfigFile"]));
            let paths = kubeconfig.into_iter().chain(text(settings, &["staticManifestsDir"]));
            for path in paths {
                let Some(on_node) = seen(world, source, config.spot, mounts, path) else { continue };
                // A kubeconfig's own files must be seen too.
                if let (Some(_), Ok(kubeconfig)) = (mounts, world.named(source, &on_node))
                    && let Content::Yaml(objects) = &kubeconfig.content
                {
                    for path in objects.iter().flat_map(|object| files_of_kubeconfig(object)) {
                        let _ = seen(world, source, config.spot, mounts, path);
                    }
                }
            }
        }
    }
}

/// The path on the node of a path that the API server opens, or the fault that it cannot see it.
fn seen(world: &World<'_>, source: &Source, spot: Spot, mounts: Option<&Mounts<'_>>, path: &str) -> Option<String> {
    let Some(mounts) = mounts else { return Some(path.to_owned()) };
    if !path.starts_with('/') {
        return Some(path.to_owned());
    }
    let on_node = mounts.on_node(path);
    if on_node.is_none() {
        world.fault(&MOUNT_MISSING, source, spot, format!("no volumeMount of the container shows {path}"));
    }
    on_node
}

fn files_of_kubeconfig(object: &Node) -> Vec<&str> {
    let mut paths = Vec::new();
    for (list, entry, keys) in [
        ("clusters", "cluster", &["certificate-authority"][..]),
        ("users", "user", &["client-certificate", "client-key"][..]),
    ] {
        for item in object.get(list).map_or(&[][..], |node| node.items()).iter().take(MAX_ITEMS) {
            paths.extend(keys.iter().filter_map(|key| text(item, &[entry, key])).filter(|path| path.starts_with('/')));
        }
    }
    paths
}
