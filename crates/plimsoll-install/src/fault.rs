//! Faults of an installation, said so that an administrator can mend them: where, what, why it matters, and the way out.
//! The slice [`KINDS`] is the whole list; a new kind is a constant here, its line in the slice, and the check that finds it.

use std::fmt;

use plimsoll_model::text::deceives;

/// Whether the gate does not work, or not safely; or works and could be better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// A kind of fault. Its id is for ever.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub id: &'static str,
    pub severity: Severity,
    pub why: &'static str,
    pub fix: &'static str,
}

macro_rules! kinds {
    ($($name:ident $id:literal $severity:ident $why:literal => $fix:literal;)*) => {
        $(pub(crate) static $name: Kind = Kind { id: $id, severity: Severity::$severity, why: $why, fix: $fix };)*
        /// Every kind of fault, by subject.
        pub static KINDS: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    YAML_BROKEN "yaml-broken" Error "no part of a broken document is used" => "mend the YAML at this place";
    DUPLICATE_KEY "duplicate-key" Error "readers differ on which of the two counts, and the API server refuses the file" => "remove one, or indent it below what it belongs to";
    LOST_INDENTATION "lost-indentation" Error "without its indentation a key belongs to nothing, and the object is refused or empty" => "indent what belongs to a key by two spaces more than the key";
    STRAY_BACKTICK "stray-backtick" Error "the backtick is a part of the value: the API server looks for a file of that name and does not start" => "remove the backtick";
    RELATIVE_PATH "relative-path" Error "the path is looked for in the API server's working folder" => "write the whole path, from /";
    FILE_MISSING "file-missing" Error "the API server does not start, or cannot reach the gate, without it" => "put the file there, or mend the path";

    CONTEXT_MISSING "context-missing" Error "without a context the API server says \"no configuration has been provided\" and does not start" => "add `contexts:` with one that names the cluster and the user, and `current-context:`";
    CURRENT_CONTEXT_MISSING "current-context-missing" Error "without it no cluster is chosen: \"no configuration has been provided\"" => "add `current-context:` with the name of a context";
    CURRENT_CONTEXT_UNKNOWN "current-context-unknown" Error "the API server does not start: the context does not exist" => "name one of the contexts";
    CONTEXT_DANGLING "context-dangling" Error "the context leads to nothing" => "name a cluster and a user that the file defines";
    SERVER_INSECURE "server-insecure" Error "whoever stands between the two answers in the gate's name" => "use https:// and a `certificate-authority`";
    AUTHORITY_MISSING "authority-missing" Warning "the gate's certificate is then checked against the node's public authorities, which have not signed it" => "name the authority that signed the server's certificate";
    CLIENT_CERTIFICATE_MISSING "client-certificate-missing" Warning "a server that asks for a client certificate refuses the API server, and with defaultAllow: false every pod" => "name `client-certificate` and `client-key`";
    CLUSTER_NAME "cluster-dns-name" Error "the API server resolves names with the node's DNS, which knows no Service" => "run the gate on the node and use https://127.0.0.1:1323/image_policy, or use webhooks with a Service reference";
    WRONG_PORT "wrong-port" Error "nothing listens there: every call fails" => "use the Service's port (443), or the server's own (1323) on its own address";

    PEM_BROKEN "pem-broken" Error "a file that cannot be read is as good as none" => "write it again, from -----BEGIN to -----END";
    WITHOUT_SAN "certificate-without-san" Error "Go clients, and so the API server, refuse certificates whose name stands in CN alone" => "make it with subjectAltName: `openssl req -x509 -addext subjectAltName=DNS:NAME,IP:ADDRESS …`, or `plimsoll install`";
    WRONG_HOST "certificate-wrong-host" Error "the API server refuses a certificate that does not speak for the name that it called" => "make a certificate with this name among its SANs: `plimsoll install --san NAME --force`";
    EXPIRED "certificate-expired" Error "every connection fails" => "`plimsoll install --rotate DIR`";
    EXPIRES_SOON "certificate-expires-soon" Warning "when it ends every connection fails" => "`plimsoll install --rotate DIR`";
    NOT_YET "certificate-not-yet-valid" Error "every connection fails until then" => "set the clock of the machine that made it, and make it again";
    UNTRUSTED "certificate-untrusted" Error "the other side refuses the connection: this authority did not sign that certificate" => "name the authority that signed it, or sign it with this one";
    KEY_MISMATCH "key-mismatch" Error "the two do not belong together; nothing can be started with them" => "put the key of this certificate there";
    KEY_OPEN "key-open" Warning "everybody on the machine can read this private key" => "chmod 600 (and give it to the user who needs it)";
    CLIENT_USAGE "client-usage" Error "the certificate is not made for clients (no clientAuth): the gate refuses it" => "make one with extendedKeyUsage clientAuth";

    WRONG_VERSION "wrong-version" Error "the API server does not know this version" => "write the version that it knows";
    DEFAULT_ALLOW "default-allow" Error "whatever the gate would refuse is admitted while it is away, which an attacker can arrange" => "defaultAllow: false";
    OUT_OF_RANGE "ttl-out-of-range" Error "the API server does not start" => "allowTTL and denyTTL: whole seconds, 1 to 1800; retryBackoff: whole milliseconds, 1 to 300000; 0 = default, -1 = off";
    NOT_CONFIGURED "kubeconfig-not-named" Error "the plugin does not know whom to ask, and the API server does not start" => "add `kubeConfigFile:` with the whole path of a kubeconfig";

    REMOVED_FLAG "removed-flag" Error "the API server does not start with a flag that it does not know" => "remove the flag";
    REMOVED_PLUGIN "removed-plugin" Error "the API server does not start with a plugin that it does not know" => "remove it from the list";
    UNKNOWN_PLUGIN "unknown-plugin" Error "the API server does not start with a plugin that it does not know" => "mend the name (letters' case counts)";
    PLUGIN_NOT_ENABLED "plugin-not-enabled" Error "its configuration is read and nothing is asked: every image is admitted" => "add it to --enable-admission-plugins";
    CONFIG_FLAG_MISSING "config-flag-missing" Error "the plugin has no configuration, and the API server does not start" => "add --admission-control-config-file=/etc/kubernetes/plimsoll/admission.yaml";
    FEATURE_GATE_MISSING "feature-gate-missing" Warning "Kubernetes 1.36 does not start with staticManifestsDir unless the gate is on (from 1.37 on it is)" => "add --feature-gates=ManifestBasedAdmissionControlConfig=true";
    MOUNT_MISSING "mount-missing" Error "the API server's container does not see the file, and does not start" => "add a volumeMount and a hostPath volume for its folder";
    VOLUME_MISSING "volume-missing" Error "the kubelet refuses a pod whose mount names no volume" => "add the volume, or mend the name";

    FAILURE_POLICY_MISSING "failure-policy-missing" Warning "what happens when the gate is away should not be left to a default (Ignore in v1beta1, Fail in v1)" => "failurePolicy: Fail";
    FAILURE_POLICY_IGNORE "failure-policy-ignore" Error "whatever the gate would refuse is admitted while it is away, which an attacker can arrange" => "failurePolicy: Fail, with the gate's own namespace left out";
    EPHEMERAL_MISSING "ephemeral-containers-missing" Error "a rule on `pods` does not match `pods/ephemeralcontainers`: `kubectl debug --image` goes past the gate" => "add pods/ephemeralcontainers to the resources, with UPDATE";
    UPDATE_MISSING "update-missing" Error "images can be changed after a pod was made" => "operations: [CREATE, UPDATE]";
    OWN_NAMESPACE "own-namespace-matched" Error "when the gate is down its new pods wait for the gate: it never starts again" => "leave its namespace out: namespaceSelector on kubernetes.io/metadata.name, NotIn";
    KUBE_SYSTEM "kube-system-matched" Warning "when the gate is away, neither DNS nor the network comes up, without which the gate is not reached" => "leave kube-system out too, or know docs/locked-out.md by heart";
    TOO_BROAD "rules-too-broad" Error "leases and nodes wait for the gate too: when it is away the control plane and the nodes go down with it" => "name the resources that carry images";
    TIMEOUT_LONG "timeout-too-long" Warning "a hanging gate holds every request that long, over what most clients wait" => "timeoutSeconds: 8";
    CA_PLACEHOLDER "ca-bundle-placeholder" Error "the API server refuses the object" => "put the base64 of the authority's PEM there: `base64 -w0 ca.crt`";
    CA_BROKEN "ca-bundle-broken" Error "the API server refuses the object, or trusts nobody" => "put the base64 of the authority's PEM there: `base64 -w0 ca.crt`";
    REVIEW_VERSIONS "review-versions-missing" Error "the API server refuses the object" => "admissionReviewVersions: [v1, v1beta1]";
    SIDE_EFFECTS "side-effects-missing" Error "the API server refuses the object, or every dry run" => "sideEffects: None";
    HOOK_NAME "webhook-name" Error "the API server refuses the object" => "a name of at least three parts with dots, as images.gate.example.com";
    STATIC_SHAPE "static-shape" Error "the API server does not start with it" => "webhooks by file: a name that ends in .static.k8s.io, and clientConfig.url instead of a Service";
}

/// A fault and its place. Lines and columns count from 1; line 0: the file as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: &'static Kind,
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub width: u32,
    /// What is wrong, a lower-case fragment.
    pub message: String,
    pub line_text: String,
}

/// What could not be read, and why: no clean bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    pub file: String,
    pub why: String,
}

/// The widest part of a line that an excerpt shows.
const EXCERPT_WIDTH: usize = 100;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { kind, file, line, column, .. } = self;
        write!(f, "{}: {} [{}]\n  --> {}", kind.severity, plain(&self.message), kind.id, plain(file))?;
        if *line > 0 {
            let at = (column.max(&1) - 1) as usize;
            let from = if at < EXCERPT_WIDTH * 3 / 4 { 0 } else { at - EXCERPT_WIDTH / 2 };
            let text: String = self.line_text.chars().skip(from).take(EXCERPT_WIDTH).collect();
            let text = plain(text.trim_end());
            let room = text.chars().count().saturating_sub(at - from).max(1);
            let carets = "^".repeat((self.width.max(1) as usize).min(room));
            let margin = " ".repeat(line.to_string().len());
            write!(f, ":{line}:{column}\n{margin} |\n{line} | {text}\n{margin} | {}{carets}", " ".repeat(at - from))?;
        }
        write!(f, "\n  why: {}\n  fix: {}", kind.why, kind.fix)
    }
}

/// Words of foreign files stand in messages; some characters among them would move the reader's cursor or hide words. Each
/// becomes one blank, so that the carets stay below their place.
fn plain(text: &str) -> String {
    text.replace(deceives, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_speakable() {
        let mut ids: Vec<&str> = KINDS.iter().map(|kind| kind.id).collect();
        assert!(ids.iter().all(|id| id.bytes().all(|c| c.is_ascii_lowercase() || c == b'-')));
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}
