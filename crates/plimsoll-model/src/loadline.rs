//! The policy document, `LoadLine`, after it was read and checked. In: the policy crate's parser. Out: values that
//! cannot be wrong. What it does not do: parse YAML, match names or judge.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::severity::Severity;

/// What a verdict does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Enforce,
    /// Denials are shown as warnings.
    Warn,
    /// Denials are only recorded.
    Audit,
}

/// What "could not tell" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenUndecided {
    #[default]
    Deny,
    Warn,
    Allow,
}

/// What the lack of a full database means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenBaselineOnly {
    #[default]
    Undecided,
    Deny,
    Warn,
    Allow,
}

/// Where advisories come from and how old they may be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataRules {
    /// Seconds since the data was gathered; none = any age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u64>,
    pub baseline_only: WhenBaselineOnly,
    /// OSV folders or compiled databases to use beside (or instead of) the machine's own, absolute or relative to the
    /// working directory once read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advisories: Vec<String>,
    /// VEX documents that the policy's author trusts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vex: Vec<String>,
}

/// What kind of tag an entry asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagRequirement {
    Digest,
    /// A digest, or a tag that starts with a version number.
    DigestOrVersion,
    /// Any tag that was written out.
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TagRules {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require: Option<TagRequirement>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbid: Vec<String>,
    /// The webhook writes tag@digest into pods.
    #[serde(default)]
    pub pin: bool,
}

/// Which severities a clause means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeverityTest {
    AtLeast(Severity),
    Exactly(Severity),
}

impl SeverityTest {
    pub fn holds(self, severity: Severity) -> bool {
        match self {
            SeverityTest::AtLeast(least) => severity >= least,
            SeverityTest::Exactly(one) => severity == one,
        }
    }
}

/// Whether a fix must exist for a clause to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FixTest {
    Available,
    None,
}

/// One clause over vulnerabilities: every test that is given must hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VulnerabilityClause {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<SeverityTest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<FixTest>,
    /// Seconds since the fix existed before the clause bites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_exploited: Option<bool>,
    /// At least this EPSS score, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<f64>,
    /// Any of these ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VulnerabilityRules {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<VulnerabilityClause>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warn: Vec<VulnerabilityClause>,
}

/// What to do about a footprint rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleAction {
    Off,
    Warn,
    Deny,
}

/// One footprint rule's setting: an action, and the measure from which on it holds (bytes for sizes).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FootprintRule {
    pub action: RuleAction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u64>,
    /// Below the threshold of a denial: the measure from which on it is a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_from: Option<u64>,
}

/// Whether a signature must stand in a transparency log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogDemand {
    /// It must, in a log of the trusted root.
    Required,
    /// It need not; what is there is held to be true all the same.
    Unneeded,
}

/// How an authority is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Signer {
    /// By a public key in a PEM file.
    KeyFile(String),
    /// By a public key that the policy holds, as PEM.
    Key(String),
    /// By a short-lived certificate.
    Certificate {
        /// Who vouched for the identity: the URL in full.
        issuer: String,
        /// A glob over the whole identity: `*` stays within a path part, `**` crosses.
        identity: String,
    },
    /// By a certificate of the Notary Project, as Notation signs.
    Notation(Notation),
}

/// Whose certificates of the Notary Project are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notation {
    /// Files with the certificates of authorities, or with one that issued itself.
    pub roots: Vec<String>,
    /// `x509.subject: C=…, ST=…, O=…`, or `*` for whomever the roots vouch for.
    pub identities: Vec<String>,
    /// Files with the roots of authorities of time stamps; where there are any, a stamp is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timestamps: Vec<String>,
    /// None = required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<RevocationDemand>,
}

/// What it means that a certificate names a place that says whether it was revoked, which nobody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RevocationDemand {
    /// Whether it is good cannot be told.
    Required,
    /// Nothing.
    Unneeded,
}

/// Somebody whose signatures are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authority {
    pub name: String,
    pub signer: Signer,
    /// The file with the certificate authorities, logs and time stamping authorities that count; none = Sigstore's public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_root: Option<String>,
    /// None = certificates must stand in a log, and keys need not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogDemand>,
    #[serde(default)]
    pub place: Place,
}

impl Authority {
    /// Whether its signatures must stand in a transparency log.
    pub fn log_demand(&self) -> LogDemand {
        self.log.unwrap_or(match self.signer {
            Signer::KeyFile(_) | Signer::Key(_) | Signer::Notation(_) => LogDemand::Unneeded,
            Signer::Certificate { .. } => LogDemand::Required,
        })
    }
}

/// Whose signatures an entry asks for. The names are those of authorities.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SignatureRules {
    /// Each of them must have signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<String>,
    /// At least `minimum` of them must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<String>,
    /// None = one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<u32>,
    /// What must be signed along with the digest for a signature to count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl SignatureRules {
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.any.is_empty()
    }
}

/// What an attestation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttestationUse {
    /// There must be one.
    #[default]
    Demand,
    /// There need not be one: what it says of vulnerabilities is believed.
    Vex,
}

/// One kind of attestation that an entry asks for or believes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationRule {
    /// As the policy writes it: `slsaprovenance1`, or a URI.
    #[serde(rename = "type")]
    pub kind: String,
    /// The URI that it means.
    pub predicate_type: String,
    /// Any of these authorities may have made it.
    pub by: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u64>,
    /// A policy in Rego that may say nothing against it: a file, a folder, or a pattern of names in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rego: Option<String>,
    #[serde(default, rename = "use")]
    pub purpose: AttestationUse,
    #[serde(default)]
    pub place: Place,
}

/// One entry of `images`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageEntry {
    pub name: String,
    /// Globs over the full name: `*` stays within a path part, `**` crosses parts.
    #[serde(rename = "match")]
    pub matches: Vec<String>,
    /// Namespace globs; empty = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Softer mode for this entry; only with `soften`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    #[serde(default)]
    pub tags: TagRules,
    #[serde(default, skip_serializing_if = "SignatureRules::is_empty")]
    pub signatures: SignatureRules,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attestations: Vec<AttestationRule>,
    #[serde(default)]
    pub vulnerabilities: VulnerabilityRules,
    /// By rule id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub footprint: BTreeMap<String, FootprintRule>,
    /// Refused outright, with the words that the user reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse: Option<String>,
    /// Where the entry stands: file and line.
    #[serde(default)]
    pub place: Place,
}

impl ImageEntry {
    /// Whether its images' signatures or attestations are looked for.
    pub fn asks_for_signatures(&self) -> bool {
        !self.signatures.is_empty() || !self.attestations.is_empty()
    }

    /// The authorities that it names, each once.
    pub fn authorities(&self) -> BTreeSet<&str> {
        let SignatureRules { all, any, .. } = &self.signatures;
        let by = self.attestations.iter().flat_map(|rule| &rule.by);
        all.iter().chain(any).chain(by).map(String::as_str).collect()
    }
}

/// A place in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Place {
    pub file: String,
    pub line: u32,
}

/// Not judged at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exemption {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The last day on which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    #[serde(default)]
    pub place: Place,
}

/// One vulnerability (or rule) that the author accepts for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// Any id of the fault, or a footprint rule's id.
    pub id: String,
    /// Image globs; empty = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Package name, source or binary; none = any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The last day on which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    #[serde(default)]
    pub place: Place,
}

/// Who may break the glass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BreakGlassGroups {
    /// Everybody who may create the object, named or not.
    Any,
    /// Members of groups that one of these globs fits.
    Named(Vec<String>),
}

/// The way past the policy in an emergency: an annotation on the object that is admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BreakGlass {
    /// Glob over the annotation's key; `*` stays within a part.
    pub annotation: String,
    /// Glob over the annotation's value.
    pub value: String,
    /// Globs over namespaces.
    pub namespaces: Vec<String>,
    pub groups: BreakGlassGroups,
    #[serde(default)]
    pub place: Place,
}

/// A level of the Pod Security Standards. The order is that of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PodSecurityLevel {
    Privileged,
    Baseline,
    Restricted,
}

/// Which Pod Security Standards pods must keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodSecurity {
    pub level: PodSecurityLevel,
    /// The minor version of Kubernetes 1 whose standards count; none = the latest known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor: Option<u32>,
}

/// Which runtime class pods must name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeClassRule {
    /// Image globs: pods with any such image.
    #[serde(rename = "for")]
    pub images: Vec<String>,
    /// Names of entries of `images`: what one of them rules needs none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<String>,
    pub require: String,
}

/// What manifests are held to. A rule that it does not name weighs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRules {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security: Option<PodSecurity>,
    /// By rule id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, RuleAction>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runtime_class: Vec<RuntimeClassRule>,
    #[serde(default)]
    pub place: Place,
}

/// Who wrote the policies of a set, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicyKind {
    /// Modules of Rego with rules `deny`, `violation` and `warn` over an AdmissionReview.
    Rego,
    /// Templates and constraints.
    Gatekeeper,
    /// Admission policies (CEL), their bindings and parameters.
    Cel,
}

/// What the policies of a set are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicyOver {
    /// Every object, by the AdmissionReview that the API server sends of it.
    #[default]
    Objects,
    /// Every image that was looked into, by its assessment.
    Images,
}

/// Policies of others, from files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicySet {
    pub kind: PolicyKind,
    /// A file, a folder, or a pattern of names in one.
    pub path: String,
    #[serde(default, skip_serializing_if = "PolicyOver::is_default")]
    pub over: PolicyOver,
    /// Softer or stricter than the policy's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    #[serde(default)]
    pub place: Place,
}

impl PolicyOver {
    fn is_default(&self) -> bool {
        *self == PolicyOver::default()
    }
}

impl PolicyKind {
    /// The key that it has in a LoadLine.
    pub fn word(self) -> &'static str {
        match self {
            PolicyKind::Rego => "rego",
            PolicyKind::Gatekeeper => "gatekeeper",
            PolicyKind::Cel => "cel",
        }
    }
}

/// The whole policy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadLine {
    pub name: String,
    pub mode: Mode,
    pub undecided: WhenUndecided,
    pub data: DataRules,
    /// Who may sign, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Authority>,
    /// Top to bottom: the first entry that matches rules the image.
    pub images: Vec<ImageEntry>,
    /// None = manifests are not judged, only the images that they name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workloads: Option<WorkloadRules>,
    /// What the cluster already has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicySet>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt: Vec<Exemption>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// None = there is no way past the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
    /// The only registries that images may come from, as references write them; empty = any. Set by a flag, not by YAML.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_registries: Vec<String>,
    /// The files that it was read from, the first one first; empty for the embedded default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// `sha256:` of the files' bytes, in order.
    #[serde(default)]
    pub digest: String,
}
