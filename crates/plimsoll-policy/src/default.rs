//! The policy that is in force where no other is named: the YAML beside this file, read by the same reader as any other.

use plimsoll_model::LoadLine;

use crate::read::{Known, parse};

/// The embedded document, comments and all.
pub const DEFAULT_POLICY: &str = include_str!("default.yaml");

/// The footprint rules that the embedded document names; the binary's tests prove that they exist.
pub const DEFAULT_POLICY_RULES: &[&str] = &[
    "latest-tag",
    "runs-as-root",
    "secret-in-env",
    "secret-in-history",
    "secret-in-image",
    "unmaintained-base",
    "user-missing",
];

/// The rules for manifests and Dockerfiles that it names; likewise.
pub const DEFAULT_POLICY_WORKLOAD_RULES: &[&str] = &[
    "anonymous-binding",
    "host-network",
    "host-pid",
    "literal-secret-in-env",
    "privileged-container",
    "runtime-socket-mounted",
    "secret-in-dockerfile",
    "sensitive-host-path",
    "sys-admin-capability",
];

/// The embedded policy. Its `files` are empty, and its places name the file `default policy`.
pub fn default_policy() -> LoadLine {
    let known = Known { footprint_rules: DEFAULT_POLICY_RULES, workload_rules: DEFAULT_POLICY_WORKLOAD_RULES };
    let mut policy = parse("default policy", DEFAULT_POLICY.as_bytes(), &known)
        .expect("the embedded policy is part of the program, and a test reads it");
    policy.files.clear();
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_policy_is_sound() {
        let policy = default_policy();
        assert_eq!(policy.name, "default");
        assert_eq!(policy.images.len(), 1);
        assert!(policy.files.is_empty());
        let named: Vec<&str> = policy.images[0].footprint.keys().map(String::as_str).collect();
        assert_eq!(named, DEFAULT_POLICY_RULES);
        let workloads = policy.workloads.unwrap();
        let named: Vec<&str> = workloads.rules.keys().map(String::as_str).collect();
        assert_eq!(named, DEFAULT_POLICY_WORKLOAD_RULES);
    }
}
