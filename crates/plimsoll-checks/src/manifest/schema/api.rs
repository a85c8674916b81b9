//! What an `apiVersion` and a `kind` stand for. In: the two words. Out: a built-in type, one that went, one that never was, or
//! somebody else's. What it does not do: look at fields.

use super::near::nearest;
use super::table::{self, Lifecycle};

/// Kinds under built-in versions that no API server stores: they are read from files, or were served by OpenShift alone.
const ELSEWHERE: &[(&str, &str)] = &[
    ("v1", "List"),
    ("v1", "Config"),
    ("v1", "EncryptionConfig"),
    ("v1", "Policy"),
    ("v1", "Template"),
    ("v1", "Route"),
    ("v1", "DeploymentConfig"),
    ("v1", "BuildConfig"),
    ("v1", "ImageStream"),
    ("v1", "SecurityContextConstraints"),
    ("v1", "Project"),
    ("apiextensions.k8s.io/v1", "ConversionReview"),
    ("apiextensions.k8s.io/v1beta1", "ConversionReview"),
];
/// Kinds whose older version has the fields of its replacement, but for what was added or became required.
const SAME_FIELDS: &[(&str, &[&str])] = &[
    ("extensions/v1beta1", &["Deployment", "DaemonSet", "ReplicaSet", "NetworkPolicy"]),
    ("apps/v1beta1", &["Deployment", "StatefulSet"]),
    ("apps/v1beta2", &["Deployment", "DaemonSet", "ReplicaSet", "StatefulSet"]),
    ("autoscaling/v2beta2", &["HorizontalPodAutoscaler"]),
    ("batch/v1beta1", &["CronJob"]),
    ("coordination.k8s.io/v1beta1", &["Lease"]),
    ("networking.k8s.io/v1beta1", &["IngressClass"]),
    ("node.k8s.io/v1beta1", &["RuntimeClass"]),
    ("policy/v1beta1", &["PodDisruptionBudget"]),
    ("rbac.authorization.k8s.io/v1alpha1", &["ClusterRole", "Role"]),
    ("rbac.authorization.k8s.io/v1beta1", &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]),
    ("scheduling.k8s.io/v1alpha1", &["PriorityClass"]),
    ("scheduling.k8s.io/v1beta1", &["PriorityClass"]),
    ("storage.k8s.io/v1beta1", &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "CSIStorageCapacity"]),
];
/// Of these some fields that are not set mean something else in the replacement.
const OTHER_DEFAULTS: &[&str] = &[
    "extensions/v1beta1",
    "apps/v1beta1",
    "policy/v1beta1",
    "admissionregistration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "certificates.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
];

/// What an `apiVersion` with a `kind` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Api {
    /// Served by the newest Kubernetes: the number of its type.
    Known(usize),
    /// Served once.
    Gone(Lifecycle),
    /// Never served.
    Unknown(Unknown),
    /// Of an API that is not built in: a custom resource, or a file that some program reads.
    Foreign,
}

/// What is wrong with an API that nobody serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    pub message: String,
    pub api_version: Option<&'static str>,
    pub kind: Option<&'static str>,
}

/// What an object's two words stand for.
pub fn look(api_version: &str, kind: &str) -> Api {
    if let Some(number) = table::kind(api_version, kind) {
        return Api::Known(number);
    }
    if let Some(life) = table::lifecycle(api_version, kind) {
        return Api::Gone(life);
    }
    // Options are the query of a request.
    if ELSEWHERE.contains(&(api_version, kind)) || kind.ends_with("Options") {
        return Api::Foreign;
    }
    let group = group(api_version);
    let versions = || table::kinds().filter(move |(_, known)| *known == kind).map(|(version, _)| version);
    let built_in = |wanted: &str| table::kinds().any(|(version, _)| self::group(version) == wanted);
    // The group of a custom resource has a dot in it; one that is nearly a built-in one, with a kind of that one, is a slip.
    let slip = || nearest(group, versions().map(self::group)).is_some();
    if group.contains('.') && !built_in(group) && !slip() {
        return Api::Foreign;
    }
    let meant = nearest(api_version, versions()).or_else(|| {
        let stable = |version: &&str| !version.contains("alpha") && !version.contains("beta");
        versions().find(|version| self::group(version) == group).or_else(|| versions().find(stable))
    });
    if let Some(meant) = meant {
        let message = format!("`{api_version}` has no kind `{kind}`; did you mean `{meant}`");
        return Api::Unknown(Unknown { message, api_version: Some(meant), kind: None });
    }
    let here = table::kinds().filter(|(version, _)| *version == api_version).map(|(_, known)| known);
    let known_version = here.clone().next().is_some();
    let all = table::kinds().map(|(_, known)| known);
    let meant = if known_version { nearest(kind, here) } else { nearest(kind, all) };
    let message = match meant {
        Some(meant) => format!("no built-in kind is called `{kind}`; did you mean `{meant}`"),
        None if known_version => format!("`{api_version}` has no kind `{kind}`"),
        None => format!("Kubernetes 1.{} has no `{api_version}`", table::newest()),
    };
    Api::Unknown(Unknown { message, api_version: None, kind: meant })
}

/// The replacement of a version that went, where its fields are the same, but for what was added or became required.
pub fn same_fields(api_version: &str, kind: &str, life: &Lifecycle) -> Option<&'static str> {
    let same = SAME_FIELDS.iter().any(|(version, kinds)| *version == api_version && kinds.contains(&kind));
    life.replacement.filter(|_| same)
}

/// What is not set means the same in the replacement.
pub fn same_defaults(api_version: &str) -> bool {
    !OTHER_DEFAULTS.contains(&api_version)
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_lists_is_in_the_table() {
        for (version, kinds) in SAME_FIELDS {
            for kind in *kinds {
                let life = table::lifecycle(version, kind).unwrap();
                assert!(same_fields(version, kind, &life).is_some(), "{version} {kind}");
            }
        }
        for version in OTHER_DEFAULTS {
            assert!(table::lifecycles().any(|(known, _)| known == *version), "{version}");
        }
        for (version, kind) in ELSEWHERE {
            assert_eq!(table::kind(version, kind), None, "{kind}");
        }
    }

    #[test]
    fn what_is_not_built_in_is_left_alone() {
        for (version, kind) in [
            ("cert-manager.io/v1", "Certificate"),
            ("templates.gatekeeper.sh/v1", "ConstraintTemplate"),
            ("gateway.networking.k8s.io/v1", "Gateway"),
            ("gateway.networking.k8s.io/v1beta1", "ReferenceGrant"),
            ("snapshot.storage.k8s.io/v1", "VolumeSnapshot"),
            ("autoscaling.k8s.io/v1", "VerticalPodAutoscaler"),
            ("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"),
            ("apiserver.config.k8s.io/v1", "AdmissionConfiguration"),
            ("audit.k8s.io/v1", "Policy"),
            ("admission.k8s.io/v1", "AdmissionReview"),
            ("serving.knative.dev/v1", "Service"),
            ("networking.istio.io/v1", "NetworkPolicy"),
            ("v1", "Config"),
            ("v1", "List"),
        ] {
            assert_eq!(look(version, kind), Api::Foreign, "{version} {kind}");
        }
    }

    #[test]
    fn slips_are_told_from_what_went() {
        let unknown = |version: &str, kind: &str| match look(version, kind) {
            Api::Unknown(unknown) => unknown,
            other => panic!("{version} {kind}: {other:?}"),
        };
        for (version, kind, meant) in [
            ("vl", "Pod", "v1"),
            ("V1", "Service", "v1"),
            ("v1", "Deployment", "apps/v1"),
            ("apps/v2", "Deployment", "apps/v1"),
            ("app/v1", "Deployment", "apps/v1"),
            ("apps/v1", "CronJob", "batch/v1"),
            ("rbac.authorisation.k8s.io/v1", "ClusterRole", "rbac.authorization.k8s.io/v1"),
            ("networking.k8s.io/v2", "Ingress", "networking.k8s.io/v1"),
        ] {
            assert_eq!(unknown(version, kind).api_version, Some(meant), "{version} {kind}");
        }
        assert_eq!(unknown("apps/v1", "deployment").kind, Some("Deployment"));
        assert_eq!(unknown("v1", "Pods").kind, Some("Pod"));
        assert!(unknown("apps/v1", "Rocket").message.contains("no kind `Rocket`"));
        assert!(unknown("nonsense", "Rocket").message.contains("has no `nonsense`"));
        assert!(matches!(look("extensions/v1beta1", "Ingress"), Api::Gone(life) if life.removed == Some(22)));
        assert!(matches!(look("policy/v1beta1", "PodSecurityPolicy"), Api::Gone(life) if life.replacement.is_none()));
        assert!(matches!(look("storage.k8s.io/v1beta1", "VolumeAttributesClass"), Api::Known(_)));
    }
}
