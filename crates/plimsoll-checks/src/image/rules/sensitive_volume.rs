//! Volumes over folders of the kernel or of the system.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding, named_few};

/// Folders of the system, as a whole.
const FOLDERS: &[&str] = &["/", "/bin", "/boot", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/root"];
/// What the kernel shows, and all below it.
const KERNEL: &[&str] = &["/proc", "/sys", "/dev"];
/// The engine's own sockets.
const SOCKETS: &[&str] = &["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"];

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "sensitive-volume",
        severity: Severity::High,
        aliases: &["DKL-DI-0002"],
        opt_in: false,
        title: "A volume is declared over a folder of the system",
        why: "A volume there hides what the image has below it, and asks whoever runs the image to mount the host's own \
              folder or the engine's socket: with that the container has the host.",
        remedy: "declare volumes for the application's own data only: `VOLUME /var/lib/app`",
        bad: "FROM debian:13\nVOLUME /proc",
        good: "FROM debian:13\nVOLUME /var/lib/web",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let volumes = facts.config().into_iter().flat_map(|config| &config.volumes);
    let sensitive: Vec<String> = volumes.filter(|volume| is_sensitive(volume)).cloned().collect();
    let plural = if sensitive.len() == 1 { "volume is" } else { "volumes are" };
    let message = format!("{} {plural} over the system: {}", sensitive.len(), named_few(&sensitive));
    if sensitive.is_empty() { Vec::new() } else { vec![finding(&RULE.info, message)] }
}

fn is_sensitive(volume: &str) -> bool {
    let parts: Vec<&str> = volume.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let path = format!("/{}", parts.join("/"));
    // Shared memory of the container's own.
    if path == "/dev/shm" {
        return false;
    }
    let below = |folder: &&str| path.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    FOLDERS.contains(&path.as_str()) || SOCKETS.contains(&path.as_str()) || KERNEL.iter().any(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_told_apart() {
        for volume in ["/proc", "/sys/fs/cgroup", "/dev/", "//etc", "/", "/var/run/docker.sock"] {
            assert!(is_sensitive(volume), "{volume}");
        }
        for volume in ["/data/proc", "/process", "/dev/shm", "/etc/app", "/root/.cache", "/system", "/var/lib/dev"] {
            assert!(!is_sensitive(volume), "{volume}");
        }
    }
}
