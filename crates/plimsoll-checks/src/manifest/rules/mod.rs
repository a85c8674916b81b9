//! Manifest rules. In: objects of Kubernetes manifests. Out: what is wrong with them, with places and fixes.
//!
//! How to add a rule: write `rules/your_fault.rs` (or a file for a family of close ones) with a `pub const RULE: Rule`, then
//! add its `mod` line and its line in [`RULES`] below. Its `bad` and `good` examples are whole manifests: its documentation
//! and its first two tests.

/// A pod's manifest with these lines in its spec.
macro_rules! pod {
    ($spec:literal) => {
        concat!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n", $spec)
    };
}
/// A pod's manifest with these lines in its one container.
macro_rules! container {
    ($lines:literal) => {
        concat!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: \
             registry.example.com/web:1.2\n",
            $lines
        )
    };
}

mod bindings;
mod commands;
mod hardening;
mod host;
mod identity;
mod images;
mod ingress;
mod leftovers;
mod namespaces;
mod network;
mod pod;
mod privilege;
mod reliability;
mod resources;
pub(super) mod roles;
mod secrets;
mod volumes;

use plimsoll_model::RuleInfo;

use super::object::{Container, Object, Workload};
use super::project::Project;
use super::project::defaults::Defaults;
use super::schema::rules as schema;
use super::{project, yaml_fault};
use crate::source::{Found, Source};

/// Every manifest rule, in the order of the documentation.
pub const RULES: &[&Rule] = &[
    &host::HOST_NETWORK,
    &host::HOST_PID,
    &host::HOST_IPC,
    &host::HOST_PORT,
    &host::PROBE_HOST,
    &host::WINDOWS_HOST_PROCESS,
    &host::HOST_ALIASES,
    &host::HOST_USERS,
    &volumes::HOST_PATH,
    &volumes::SENSITIVE_HOST_PATH,
    &volumes::RUNTIME_SOCKET,
    &volumes::HOST_PROC,
    &volumes::WRITABLE_HOST_PATH,
    &volumes::VOLUME_TYPE,
    &volumes::GIT_REPO,
    &volumes::PROC_MOUNT,
    &volumes::SYSTEM_MOUNT,
    &privilege::PRIVILEGED,
    &privilege::ESCALATION,
    &privilege::CAPABILITY_ADDED,
    &privilege::SYS_ADMIN,
    &privilege::SYS_MODULE,
    &privilege::NET_RAW,
    &privilege::NOT_DROPPED,
    &privilege::ADDED_BACK,
    &identity::MAY_RUN_AS_ROOT,
    &identity::RUNS_AS_ROOT,
    &identity::LOW_USER_ID,
    &identity::LOW_GROUP_ID,
    &identity::DEFAULT_ACCOUNT,
    &identity::TOKEN_MOUNTED,
    &hardening::SECCOMP_MISSING,
    &hardening::SECCOMP_UNCONFINED,
    &hardening::APPARMOR_MISSING,
    &hardening::APPARMOR_UNCONFINED,
    &hardening::SELINUX,
    &hardening::SYSCTL,
    &hardening::WRITABLE_ROOT,
    &hardening::CONTEXT_MISSING,
    &secrets::SECRET_IN_ENV,
    &secrets::LITERAL_IN_ENV,
    &secrets::SECRET_IN_COMMAND,
    &secrets::SECRET_IN_CONFIG_MAP,
    &secrets::SECRET_IN_MANIFEST,
    &resources::CPU_REQUEST,
    &resources::CPU_LIMIT,
    &resources::MEMORY_REQUEST,
    &resources::MEMORY_LIMIT,
    &resources::EPHEMERAL_STORAGE,
    &images::UNREADABLE,
    &images::LATEST_TAG,
    &images::DIGEST_MISSING,
    &images::PULL_POLICY,
    &commands::ONE_ARGUMENT,
    &reliability::LIVENESS,
    &reliability::READINESS,
    &reliability::SINGLE_REPLICA,
    &reliability::SPREAD_MISSING,
    &reliability::CLAIM_ACCESS,
    &reliability::CLAIM_STORAGE,
    &reliability::SERVICE_NAME,
    &namespaces::DEFAULT_NAMESPACE,
    &namespaces::SYSTEM_NAMESPACE,
    &roles::WILDCARD,
    &roles::SECRETS,
    &roles::PODS,
    &roles::EXEC,
    &roles::ESCALATION,
    &roles::BINDINGS_WRITABLE,
    &roles::NODE_PROXY,
    &roles::APPROVAL,
    &roles::TOKEN,
    &roles::WEBHOOKS,
    &bindings::CLUSTER_ADMIN,
    &bindings::ANONYMOUS,
    &bindings::AUTHENTICATED,
    &bindings::MASTERS,
    &bindings::DEFAULT_ACCOUNT,
    &network::METADATA,
    &network::OPEN_POLICY,
    &network::EXPOSED,
    &network::EXTERNAL_IP,
    &network::SSH_SERVICE,
    &network::SSH_PORT,
    &ingress::NO_TLS,
    &ingress::UNCOVERED,
    &ingress::SNIPPET,
    &ingress::NO_HANDLER,
    &leftovers::POLICY_GRANT,
    &leftovers::SECCOMP_ANNOTATION,
    &leftovers::APPARMOR_ANNOTATION,
    &yaml_fault::RULE,
    &schema::UNKNOWN_FIELD,
    &schema::WRONG_TYPE,
    &schema::UNKNOWN_VALUE,
    &schema::REQUIRED_FIELD_MISSING,
    &schema::UNKNOWN_API_VERSION,
    &schema::REMOVED_API,
    &schema::DEPRECATED_API,
    &schema::DEPRECATED_FIELD,
    &schema::MANIFEST_WITHOUT_KIND,
    &project::network::NAMESPACE_WITHOUT_DEFAULT_DENY,
    &project::network::POD_WITHOUT_NETWORK_POLICY,
    &project::network::NETWORK_POLICY_WITHOUT_PODS,
    &project::services::SERVICE_WITHOUT_PODS,
    &project::services::SERVICE_PORT_UNKNOWN,
    &project::services::INGRESS_BACKEND_MISSING,
    &project::services::SELECTOR_MISMATCH,
    &project::references::SERVICE_ACCOUNT_MISSING,
    &project::references::CONFIG_MISSING,
    &project::references::CLAIM_MISSING,
    &project::references::RUNTIME_CLASS_MISSING,
    &project::references::AUTOSCALER_TARGET_MISSING,
    &project::bindings::ROLE_MISSING,
    &project::bindings::SUBJECT_MISSING,
    &project::bindings::SERVICE_ACCOUNT_WITH_STRONG_BINDING,
    &project::resilience::BUDGET_WITHOUT_PODS,
    &project::resilience::BUDGET_BLOCKS_EVICTION,
    &project::resilience::BUDGET_MISSING,
    &project::duplicates::DUPLICATE_OBJECT,
];

/// Rules that something is absent sets off: they say nothing of a part of an object, such as a patch of Kustomize's, whose
/// other part has it.
pub const ABSENCES: &[&str] = &[
    "apparmor-missing",
    "capabilities-not-dropped",
    "claim-not-read-write-once",
    "claim-storage-missing",
    "cpu-limit-missing",
    "cpu-request-missing",
    "default-namespace",
    "default-service-account",
    "ephemeral-storage-limit-missing",
    "ingress-host-without-tls",
    "ingress-tls-missing",
    "liveness-probe-missing",
    "low-group-id",
    "low-user-id",
    "manifest-without-kind",
    "may-run-as-root",
    "memory-limit-missing",
    "memory-request-missing",
    "net-raw-kept",
    "privilege-escalation-allowed",
    "pull-policy-not-always",
    "readiness-probe-missing",
    "required-field-missing",
    "runtime-class-handler-missing",
    "seccomp-missing",
    "security-context-missing",
    "service-account-token-mounted",
    "service-name-missing",
    "spread-missing",
    "unreadable-image-name",
    "user-namespace-missing",
    "writable-root-filesystem",
];

/// A rule: what it is, and the function from a part of a manifest to what is wrong with it.
pub struct Rule {
    pub info: RuleInfo,
    pub check: Check,
}

/// Looks at all files of a run together.
pub type ProjectCheck = fn(&Project<'_>, &mut Vec<(usize, Found)>);

/// What a rule looks at.
#[derive(Clone, Copy)]
pub enum Check {
    /// Each object, of any kind.
    Object(fn(&Object, &Context<'_>, &mut Vec<Found>)),
    /// Each object that makes pods.
    Workload(fn(&Workload<'_>, &Context<'_>, &mut Vec<Found>)),
    /// Each container of each pod.
    Container(fn(&Container<'_>, &Workload<'_>, &Context<'_>, &mut Vec<Found>)),
    /// All files of a run together: each finding is of the file at that index.
    Project(ProjectCheck),
}

/// What surrounds the part that a rule looks at.
pub struct Context<'a> {
    pub source: &'a Source<'a>,
    /// What LimitRanges and ServiceAccounts of the run fill in; none where an object is looked at by itself.
    pub defaults: Option<&'a Defaults>,
}

impl<'a> Context<'a> {
    /// Of a file by itself.
    pub fn of(source: &'a Source<'a>) -> Context<'a> {
        Context { source, defaults: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absences_are_rules_that_are_there() {
        for id in ABSENCES {
            assert!(RULES.iter().any(|rule| rule.info.id == *id), "{id}");
        }
    }
}
