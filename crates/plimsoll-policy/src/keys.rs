//! Every key of a LoadLine in one table: the reader checks documents against it, and the JSON Schema is made from it, so
//! they cannot drift apart.
//!
//! How to add a key: one `Key` in its group here, and the line in `read.rs` that takes its value.

/// What may stand at a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Any words.
    Text,
    /// Letters, digits, `.`, `-` and `_`: stands in messages and clause paths.
    Name,
    /// One of these words, each with its meaning.
    Word(&'static [(&'static str, &'static str)]),
    Flag,
    Duration,
    Date,
    Severity,
    Score,
    /// A path, relative to the file that names it.
    Path,
    ImageGlob,
    /// A glob over namespaces or users.
    WordGlob,
    /// A glob over the keys of annotations.
    AnnotationGlob,
    /// A tag, or a glob over tags.
    Tag,
    List(&'static Shape),
    /// The word `any`, or a list of these.
    AnyOr(&'static Shape),
    Group(&'static Group),
    /// Rule ids with an action, or an action with a threshold.
    Footprint,
    /// Ids of manifest and Dockerfile rules with an action.
    Rules,
    /// `latest`, or a version of Kubernetes.
    Version,
    /// A group for each name that the writer gives.
    Named(&'static Group),
    /// Words by words of the writer's own.
    Words,
    /// A whole number, 1 or more.
    Count,
    /// A path, or a public key as PEM.
    PublicKey,
    /// A URL in full.
    Issuer,
    /// A glob over the identities of certificates.
    Identity,
    /// A short name, or a URI.
    AttestationType,
}

/// A key, what it takes and what it is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub name: &'static str,
    pub shape: Shape,
    pub required: bool,
    pub doc: &'static str,
}

/// Keys that stand together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    /// For messages: an unknown key of … .
    pub name: &'static str,
    pub keys: &'static [Key],
}

const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, required: false, doc }
}

const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, required: true, doc }
}

pub(crate) const API_VERSION: &str = "plimsoll.dev/v1alpha1";
pub(crate) const KIND: &str = "LoadLine";

const MODES: Shape = Shape::Word(&[
    ("enforce", "what is denied does not run"),
    ("warn", "what is denied runs, with a warning"),
    ("audit", "what is denied runs and is only recorded"),
]);
const TEXT: Shape = Shape::Text;
const PATHS: Shape = Shape::List(&Shape::Path);
const IMAGE_GLOBS: Shape = Shape::List(&Shape::ImageGlob);
const WORD_GLOBS: Shape = Shape::List(&Shape::WordGlob);
const CLAUSES: Shape = Shape::List(&Shape::Group(&CLAUSE));

/// The whole document.
pub(crate) const DOCUMENT: Group = Group {
    name: "a LoadLine",
    keys: &[
        required("apiVersion", Shape::Word(&[(API_VERSION, "")]), "Version of this document's form."),
        required("kind", Shape::Word(&[(KIND, "")]), "Says that this is a policy."),
        key("metadata", Shape::Group(&METADATA), "How the policy is called."),
        key("mode", MODES, "What a denial does; `enforce` when left out."),
        key(
            "undecided",
            Shape::Word(&[
                ("deny", "what could not be told does not run"),
                ("warn", "it runs, with a warning"),
                ("allow", "it runs"),
            ]),
            "What \"could not tell\" means; `deny` when left out. A denial is always stronger.",
        ),
        key("data", Shape::Group(&DATA), "Which advisories are used, and when they are too old or too few."),
        key("include", PATHS, "More LoadLine files, joined to this one: their entries come after this file's."),
        key(
            "images",
            Shape::List(&Shape::Group(&IMAGE)),
            "Top to bottom: the first entry that matches rules the image; none matches = denied.",
        ),
        key("exempt", Shape::List(&Shape::Group(&EXEMPT)), "What is not judged at all. Every use is reported."),
        key("waivers", Shape::List(&Shape::Group(&WAIVER)), "Faults that somebody accepts for a while."),
        key(
            "breakGlass",
            Shape::Group(&BREAK_GLASS),
            "The way past the policy in an emergency; none when left out. Every use is reported.",
        ),
        key("keys", Shape::Named(&AUTHORITY), "Who may sign, by the names that entries of `images` use."),
        key("workloads", Shape::Group(&WORKLOADS), "What manifests are held to; not judged when left out."),
        key(
            "policies",
            Shape::List(&Shape::Group(&POLICY_SET)),
            "Policies that the cluster already has, unedited: each says of an object what it says there.",
        ),
    ],
};

const METADATA: Group =
    Group { name: "metadata", keys: &[required("name", Shape::Name, "The policy's name, shown in every report.")] };

const DATA: Group = Group {
    name: "data",
    keys: &[
        key("maxAge", Shape::Duration, "Advisories older than this are a reason for \"could not tell\": `48h`, `14d`."),
        key(
            "baselineOnly",
            Shape::Word(&[
                ("undecided", "the verdict is \"could not tell\""),
                ("deny", "the image is denied"),
                ("warn", "a warning"),
                ("allow", "nothing but a remark"),
            ]),
            "What it means that only the small list inside the program was there; `undecided` when left out.",
        ),
        key("advisories", PATHS, "Folders of OSV records, or databases made by `plimsoll db build`, to use."),
        key("vex", PATHS, "VEX documents (OpenVEX, CSAF, CycloneDX) that this policy trusts."),
    ],
};

const IMAGE: Group = Group {
    name: "an entry of `images`",
    keys: &[
        required("name", Shape::Name, "The entry's name, shown where it rules."),
        required("match", IMAGE_GLOBS, "Image names in full, without tag: `*` stays within a part, `**` crosses `/`."),
        key("namespaces", WORD_GLOBS, "Only for these namespaces; all when left out."),
        key("mode", MODES, "A mode for this entry; a softer one needs `soften: true`."),
        key("soften", Shape::Flag, "Says that the entry's mode is meant to be softer than the policy's."),
        key("tags", Shape::Group(&TAGS), "What the reference must look like."),
        key("signatures", Shape::Group(&SIGNATURES), "Whose signatures are asked for."),
        key(
            "attestations",
            Shape::List(&Shape::Group(&ATTESTATION)),
            "Which attestations are asked for, and whose VEX is believed.",
        ),
        key("vulnerabilities", Shape::Group(&VULNERABILITIES), "Which vulnerabilities deny or warn."),
        key(
            "footprint",
            Shape::Footprint,
            "Image rules by id: `off`, `warn`, `deny`, or actions from a measure on: `{warn: 300MB, deny: 500MB}`.",
        ),
        key("refuse", TEXT, "Refuses the image; these are the words that the user reads."),
    ],
};

const TAGS: Group = Group {
    name: "tags",
    keys: &[
        key(
            "require",
            Shape::Word(&[
                ("digest", "a digest is written out"),
                ("digest-or-version", "a digest, or a tag that starts with a number (or v and a number)"),
                ("any", "a tag or digest is written out"),
            ]),
            "What must be written in the reference.",
        ),
        key("forbid", Shape::List(&Shape::Tag), "Tags that are refused; `latest` is also meant by a missing tag."),
        key("pin", Shape::Flag, "Admission writes tag@digest into pods, so that what was judged is what runs."),
    ],
};

const AUTHORITY: Group = Group {
    name: "an authority of `keys`",
    keys: &[
        key("publicKey", Shape::PublicKey, "Known by a key: the path of its PEM file, or the PEM itself."),
        key("issuer", Shape::Issuer, "Known by a certificate: the URL of who vouched for the identity, in full."),
        key(
            "identity",
            Shape::Identity,
            "Known by a certificate: its identity, matched in full: `*` stays within a part, `**` crosses `/`.",
        ),
        key(
            "notation",
            Shape::Group(&NOTATION),
            "Known by a certificate of the Notary Project, as Notation signs: its authorities and its name.",
        ),
        key(
            "trustedRoot",
            Shape::Path,
            "A trusted_root.json: whose certificates, logs and time stamps count; Sigstore's public ones when left out.",
        ),
        key(
            "log",
            Shape::Word(&[
                ("required", "the signature must stand in a transparency log"),
                (
                    "unneeded",
                    "it need not, which gives up that every use of the key or identity can be seen by its owner",
                ),
            ]),
            "Whether a transparency log is asked for; when left out `unneeded` for keys and `required` for certificates.",
        ),
    ],
};

const NOTATION: Group = Group {
    name: "`notation`",
    keys: &[
        required("roots", PATHS, "Files with certificates, PEM or DER: of authorities, or one that issued itself."),
        required(
            "identities",
            Shape::List(&Shape::Text),
            "The signer's name has all of one of these: `x509.subject: C=US, ST=WA, O=acme`; `*` alone for any.",
        ),
        key(
            "timestamps",
            PATHS,
            "Files with roots of time stamping authorities: a time stamp by one of them is asked for, and outlasts the certificate.",
        ),
        key(
            "revocation",
            Shape::Word(&[
                (
                    "required",
                    "whether a certificate that names such a place is good cannot be told, for nobody asks there",
                ),
                ("unneeded", "it is not looked at, which gives up that a stolen key can be called back"),
            ]),
            "Whether certificates must not name a place that says whether they were revoked; `required` when left out.",
        ),
    ],
};

const SIGNATURES: Group = Group {
    name: "signatures",
    keys: &[
        key("all", Shape::List(&Shape::Name), "Each of these authorities must have signed."),
        key(
            "any",
            Shape::List(&Shape::Name),
            "One of these authorities must have signed, or as many as `minimum` says.",
        ),
        key("minimum", Shape::Count, "How many of those under `any`; 1 when left out."),
        key("annotations", Shape::Words, "What must be signed along with the digest for a signature to count."),
    ],
};

const ATTESTATION: Group = Group {
    name: "an entry of `attestations`",
    keys: &[
        required("type", Shape::AttestationType, "The predicate's type: a short name of cosign's, or a URI."),
        required("by", Shape::List(&Shape::Name), "Any of these authorities must have made it."),
        key("maxAge", Shape::Duration, "It was made at most so long ago: `90d`."),
        key(
            "rego",
            Shape::Path,
            "A file, a folder or a pattern of modules that may say nothing against the statement.",
        ),
        key(
            "use",
            Shape::Word(&[
                ("demand", "the image is denied without one; the default"),
                ("vex", "there need not be one; what it says of vulnerabilities is believed"),
            ]),
            "What it is for.",
        ),
    ],
};

const WORKLOADS: Group = Group {
    name: "`workloads`",
    keys: &[
        key("podSecurity", Shape::Group(&POD_SECURITY), "The Pod Security Standards that pods must keep."),
        key("rules", Shape::Rules, "Rules by id: `off`, `warn` or `deny`. What is not named weighs nothing."),
        key("runtimeClass", Shape::List(&Shape::Group(&RUNTIME_CLASS)), "Which runtime class pods must name."),
    ],
};

const POLICY_SET: Group = Group {
    name: "an entry of `policies`",
    keys: &[
        key(
            "rego",
            Shape::Path,
            "A folder, a file or a pattern (`policies/*.rego`) of modules with `deny`, `violation` and `warn`.",
        ),
        key("gatekeeper", Shape::Path, "Templates, constraints and the Config of Gatekeeper."),
        key("cel", Shape::Path, "Admission policies (CEL), their bindings and parameters."),
        key(
            "over",
            Shape::Word(&[
                ("objects", "every object, by the AdmissionReview that the API server sends; the default"),
                ("images", "every image that was looked into, by its assessment; in Rego alone"),
            ]),
            "What the policies are asked about.",
        ),
        key("mode", MODES, "A mode for these policies; a softer one needs `soften: true`."),
        key("soften", Shape::Flag, "Says that the mode is meant to be softer than the policy's."),
    ],
};

const POD_SECURITY: Group = Group {
    name: "`podSecurity`",
    keys: &[
        required(
            "level",
            Shape::Word(&[
                ("privileged", "asks for nothing"),
                ("baseline", "no way to take over the node"),
                ("restricted", "today's good practice"),
            ]),
            "How strict.",
        ),
        key("version", Shape::Version, "Whose standards: `latest` (also when left out), or a version such as `v1.31`."),
    ],
};

const RUNTIME_CLASS: Group = Group {
    name: "an entry of `runtimeClass`",
    keys: &[
        required("for", IMAGE_GLOBS, "Pods with any such image."),
        key("unless", Shape::List(&Shape::Name), "Names of entries of `images`: what one of them rules needs none."),
        required("require", Shape::Name, "What `runtimeClassName` must be."),
    ],
};

const VULNERABILITIES: Group = Group {
    name: "vulnerabilities",
    keys: &[
        key("deny", CLAUSES, "Deny when any of these clauses holds."),
        key("warn", CLAUSES, "Warn when any of these clauses holds."),
    ],
};

const CLAUSE: Group = Group {
    name: "a vulnerability clause",
    keys: &[
        key("severity", Shape::Severity, "`critical` for that one, `\">=high\"` for it and above."),
        key(
            "fix",
            Shape::Word(&[("available", "only with a fix"), ("none", "only without a fix")]),
            "Whether there must be a fix.",
        ),
        key("grace", Shape::Duration, "Holds only this long after the fix came out; needs `fix: available`."),
        key("knownExploited", Shape::Flag, "In CISA's catalogue of known exploited vulnerabilities, or not."),
        key("epss", Shape::Score, "At least this EPSS score: `\">=0.5\"`."),
        key("ids", Shape::List(&TEXT), "Any of these ids or aliases."),
    ],
};

const EXEMPT: Group = Group {
    name: "an entry of `exempt`",
    keys: &[
        key("namespaces", WORD_GLOBS, "In these namespaces."),
        key("images", IMAGE_GLOBS, "These images."),
        key("users", WORD_GLOBS, "When these users ask; known at admission only."),
        required("reason", TEXT, "Why."),
        key("ticket", TEXT, "Where it was agreed."),
        key("until", Shape::Date, "The last day on which it holds."),
    ],
};

const WAIVER: Group = Group {
    name: "an entry of `waivers`",
    keys: &[
        required("id", TEXT, "Any id of the vulnerability, or the id of a footprint rule."),
        key("images", IMAGE_GLOBS, "Only in these images; all when left out."),
        key("package", TEXT, "Only in this package, by source or binary name."),
        required("reason", TEXT, "Why."),
        key("ticket", TEXT, "Where it was agreed."),
        key("until", Shape::Date, "The last day on which it holds."),
    ],
};

const BREAK_GLASS: Group = Group {
    name: "`breakGlass`",
    keys: &[
        required(
            "annotation",
            Shape::AnnotationGlob,
            "The annotation's key: `*` stays within a part, `\"*.image-policy.k8s.io/ticket-*\"`.",
        ),
        required("value", Shape::WordGlob, "The annotation's value: `break-glass`."),
        required("namespaces", WORD_GLOBS, "In these namespaces; `\"*\"` for every one."),
        required(
            "groups",
            Shape::AnyOr(&Shape::WordGlob),
            "Who may: members of these groups, or `any`. An ImageReview names nobody: there it holds only with `any`.",
        ),
    ],
};

/// The words for a footprint rule.
pub(crate) const ACTIONS: [&str; 3] = ["off", "warn", "deny"];

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = include_str!("../../../docs/loadline.md");

    fn keys(group: &Group, out: &mut Vec<&'static str>) {
        for key in group.keys {
            out.push(key.name);
            match key.shape {
                Shape::Group(inner) | Shape::Named(inner) => keys(inner, out),
                Shape::List(Shape::Group(inner)) => keys(inner, out),
                _ => {}
            }
        }
    }

    #[test]
    fn guide_speaks_of_every_key() {
        let mut all = Vec::new();
        keys(&DOCUMENT, &mut all);
        for key in all {
            let told = [format!("`{key}`"), format!("{key}:"), format!("`{key}:")];
            assert!(told.iter().any(|word| GUIDE.contains(word)), "docs/loadline.md says nothing of `{key}`");
        }
    }

    #[test]
    fn examples_of_the_guide_are_read() {
        let known = crate::Known {
            footprint_rules: &["image-too-large", "runs-as-root", "secret-in-image", "shell-present"],
            workload_rules: &["secret-in-env", "cpu-limit-missing", "privileged"],
        };
        let mut examples = 0;
        for block in GUIDE.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let mut text = block.replace("include: [../company/base.yaml]\n", "");
            if !text.contains("apiVersion:") {
                text = format!("apiVersion: {API_VERSION}\nkind: {KIND}\nmetadata: {{name: x}}\n{text}");
            }
            if !text.contains("images:\n") {
                text += "images: [{name: x, match: [\"**\"]}]\n";
            }
            if let Err(error) = crate::parse("docs/loadline.md", text.as_bytes(), &known) {
                panic!("{error}");
            }
            examples += 1;
        }
        assert!(examples >= 8, "{examples} examples");
    }
}
