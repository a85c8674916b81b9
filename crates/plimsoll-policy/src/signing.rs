//! Who may sign, and what an entry asks to be signed. In: nodes of a policy file that the table of keys has checked. Out: the
//! model's values, and the faults that take several keys to see. What it does not do: open key files, or verify anything.
//!
//! How to add a short name for a type of attestation: its line in [`PREDICATE_TYPES`].

use std::collections::BTreeMap;

use plimsoll_model::loadline::{
    AttestationRule, AttestationUse, Authority, ImageEntry, LogDemand, Notation, Place, RevocationDemand,
    SignatureRules, Signer,
};

use crate::decode::{items, text, texts};
use crate::fault::{Faults, Span, did_you_mean};
use crate::glob;
use crate::units::{self, Wrong};
use crate::yaml::Node;

/// Short names for types of attestations, as cosign has them, and the URIs that statements have for them. The library that verifies
/// has them too, for siblings do not import it; the binary, which has both, tests that they are the same.
pub const PREDICATE_TYPES: &[(&str, &str)] = &[
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("link", "https://in-toto.io/Link/v1"),
    ("openvex", "https://openvex.dev/ns"),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
];

/// Those of them that can hold VEX.
const VEX_TYPES: [&str; 3] = ["custom", "cyclonedx", "openvex"];

/// The first line of a public key as PEM.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----";
/// The longest key that a policy holds itself: one of 16,384 bits has under 3,000 characters.
const MAX_KEY: usize = 8 << 10;
/// The longest identity, issuer or type: the certificates' own bound on a URI is far below.
const MAX_URI: usize = 2048;

/// The predicate type that a word of the policy means.
pub fn predicate_type(word: &str) -> &str {
    PREDICATE_TYPES.iter().find(|(name, _)| *name == word).map_or(word, |(_, uri)| uri)
}

/// What stands before the names of keys that are in services and in tokens of hardware.
const ELSEWHERE: &[&str] = &["awskms://", "azurekms://", "gcpkms://", "hashivault://", "k8s://", "pkcs11:"];

/// Why a text that is PEM, or names a key elsewhere, is no public key. Any other is a path, which whoever opens it judges.
pub(crate) fn key_fault(text: &str) -> Option<Wrong> {
    // A verdict rests on what is in the policy and beside it, not on somebody who could answer otherwise tomorrow.
    if ELSEWHERE.iter().any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))) {
        let hint =
            "write its public half beside the policy: plimsoll cosign public-key --key KEY > release.pub".to_owned();
        return Some(("this key is elsewhere, and a policy asks nobody".into(), Some(hint)));
    }
    if !text.contains("-----BEGIN") {
        return None;
    }
    if text.contains("PRIVATE KEY-----") {
        let hint = "put the public key here, and make a new pair: this one was written into a policy".to_owned();
        return Some(("this is a private key".into(), Some(hint)));
    }
    let whole = text.trim().strip_prefix(PUBLIC_KEY).and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"));
    if text.len() > MAX_KEY || whole.is_none_or(|base64| base64.contains('-')) {
        let hint = format!("write one block from `{PUBLIC_KEY}` to its end, or the path of a file");
        return Some(("this is no public key".into(), Some(hint)));
    }
    None
}

/// Why a text is no issuer.
pub(crate) fn issuer_fault(text: &str) -> Option<Wrong> {
    if let Some(wrong) = odd(text, "an issuer") {
        return Some(wrong);
    }
    if text.contains('*') {
        return Some(("an issuer is one URL in full; nothing is wild in it".into(), None));
    }
    let url = text.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
    (!url).then(|| ("an issuer is a URL".into(), Some(format!("did you mean `https://{text}`?"))))
}

/// Why a text is no glob over identities. One that fits every identity is a fault: whoever has an account there would do.
pub(crate) fn identity_fault(pattern: &str) -> Option<Wrong> {
    if pattern.len() > glob::MAX_GLOB {
        return Some((format!("longer than {} characters", glob::MAX_GLOB), None));
    }
    if let Some(wrong) = odd(pattern, "an identity") {
        return Some(wrong);
    }
    if pattern.starts_with('^') || pattern.ends_with('$') || pattern.contains(".*") {
        let hint = "write `*` within a part and `**` across `/`; identities are matched in full, without anchors";
        return Some(("this is a regular expression, and identities are matched by globs".into(), Some(hint.into())));
    }
    if pattern.bytes().all(|b| matches!(b, b'*' | b'/' | b':' | b'@')) {
        let hint = "name what is theirs alone: `https://github.com/acme/**`";
        return Some(("this fits everybody whom the issuer vouches for".into(), Some(hint.into())));
    }
    if pattern.contains('*') && !host_is_literal(pattern) {
        let hint = "name scheme and host in full: `https://github.com/acme/**`";
        return Some(("nothing is wild in the scheme and the host of an identity".into(), Some(hint.into())));
    }
    None
}

/// Whether a glob fits URIs of one host alone, or none: before a host that is settled, whatever follows may stand in a stranger's
/// path. A glob without `/` and `**` fits mail addresses and the like.
fn host_is_literal(glob: &str) -> bool {
    match glob.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split('/').next().unwrap_or_default();
            !host.is_empty() && !scheme.contains('*') && !host.contains('*')
        }
        None => !glob.contains('/') && !glob.contains("**"),
    }
}

/// Why a text is no type of attestation.
pub(crate) fn type_fault(text: &str) -> Option<Wrong> {
    let names = || PREDICATE_TYPES.iter().map(|(name, _)| *name);
    if names().any(|name| name == text) {
        return None;
    }
    if text.contains("://") {
        return odd(text, "a type");
    }
    let hint = did_you_mean(text, names()).unwrap_or_else(|| {
        format!("write the URI of the predicate's type, or one of {}", names().collect::<Vec<_>>().join(", "))
    });
    Some((format!("no type of attestation is called {text:?}"), Some(hint)))
}

fn odd(text: &str, what: &str) -> Option<Wrong> {
    if text.is_empty() {
        return Some((format!("{what} is not empty"), None));
    }
    if text.len() > MAX_URI {
        return Some((format!("longer than {MAX_URI} characters"), None));
    }
    let odd = text.chars().find(|c| c.is_control() || c.is_whitespace());
    odd.map(|odd| (format!("{odd:?} stands in no such text"), None))
}

/// The authorities of a file, each with the place of its name.
pub(crate) fn authorities(
    root: &Node,
    place: impl Fn(&Node) -> Place,
    resolve: impl Fn(&str) -> String,
    faults: &mut Faults<'_>,
) -> Vec<(Authority, Span)> {
    let named = root.get("keys").map_or(&[][..], Node::entries);
    let of = |(key, node): &(Node, Node)| {
        let name = key.text()?.to_owned();
        let signer = signer(&name, node, key.span, &resolve, faults)?;
        let log = match text(node, "log").as_deref() {
            Some("required") => Some(LogDemand::Required),
            Some("unneeded") => Some(LogDemand::Unneeded),
            _ => None,
        };
        let trusted_root = text(node, "trustedRoot").map(|path| resolve(&path));
        Some((Authority { name, signer, trusted_root, log, place: place(key) }, key.span))
    };
    named.iter().filter_map(of).collect()
}

fn signer(
    name: &str,
    node: &Node,
    span: Span,
    resolve: &impl Fn(&str) -> String,
    faults: &mut Faults<'_>,
) -> Option<Signer> {
    let (key, issuer, identity) = (text(node, "publicKey"), text(node, "issuer"), text(node, "identity"));
    if let Some(inside) = node.get("notation") {
        let others = ["publicKey", "issuer", "identity", "trustedRoot", "log"];
        if let Some(other) = others.into_iter().find(|other| node.get(other).is_some()) {
            let hint = "what is trusted of Notation's signatures stands under `notation`; give each a name of its own";
            faults.suggest(
                span,
                format!("authority `{name}` is known by `notation`, and `{other}` stands beside it"),
                hint,
            );
            return None;
        }
        let paths = |key: &str| texts(inside, key).iter().map(|path| resolve(path)).collect();
        let revocation = match text(inside, "revocation").as_deref() {
            Some("required") => Some(RevocationDemand::Required),
            Some("unneeded") => Some(RevocationDemand::Unneeded),
            _ => None,
        };
        let identities = texts(inside, "identities");
        if let Some(odd) = identities.iter().find(|one| *one != "*" && !one.starts_with("x509.subject:")) {
            let hint = "write `x509.subject: C=US, ST=WA, O=acme`, or `*` alone for whomever the roots vouch for";
            faults.suggest(span, format!("authority `{name}`: {odd:?} is no identity of Notation's"), hint);
        }
        return Some(Signer::Notation(Notation {
            roots: paths("roots"),
            identities,
            timestamps: paths("timestamps"),
            revocation,
        }));
    }
    match (key, issuer, identity) {
        (Some(key), None, None) if key.contains("-----BEGIN") => Some(Signer::Key(key.trim().to_owned() + "\n")),
        (Some(path), None, None) => Some(Signer::KeyFile(resolve(&path))),
        (None, Some(issuer), Some(identity)) => Some(Signer::Certificate { issuer, identity }),
        (Some(_), _, _) => {
            let hint = "give each a name of its own, and name both under `any` or `all`";
            faults.suggest(span, format!("authority `{name}` is known by a key or by an identity, not both"), hint);
            None
        }
        (None, Some(_), None) => {
            let hint = "add `identity`: without it everybody whom the issuer vouches for could sign";
            faults.suggest(span, format!("authority `{name}` has an `issuer` and no `identity`"), hint);
            None
        }
        (None, None, Some(_)) => {
            let hint = "add `issuer`: another one may vouch for the same identity to somebody else";
            faults.suggest(span, format!("authority `{name}` has an `identity` and no `issuer`"), hint);
            None
        }
        (None, None, None) => {
            let hint = "write `publicKey`, or `issuer` and `identity`, or `notation`";
            faults.suggest(span, format!("authority `{name}` says not who that is"), hint);
            None
        }
    }
}

/// What an entry of `images` says under `signatures`.
pub(crate) fn signatures(entry: &Node, faults: &mut Faults<'_>) -> SignatureRules {
    let Some(node) = entry.get("signatures") else { return SignatureRules::default() };
    let rules = SignatureRules {
        all: texts(node, "all"),
        any: texts(node, "any"),
        minimum: text(node, "minimum").and_then(|t| units::count(&t).ok()),
        annotations: annotations(node),
    };
    let lists = ["all", "any"].map(|key| node.get(key));
    if lists.iter().all(Option::is_none) && matches!(node.value, crate::yaml::Value::Map(_)) {
        faults.suggest(node.span, "`signatures` asks for nobody's", "name authorities under `all` or `any`");
    }
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, one) in ["all", "any"]
        .iter()
        .zip(lists)
        .flat_map(|(key, list)| list.map_or(&[][..], Node::items).iter().map(move |one| (*key, one)))
    {
        let Some(name) = one.text() else { continue };
        // One that is under `all` signs in any case, and would count for `any` too.
        match seen.insert(name, key) {
            Some(first) if first == key => {
                faults.add(one.span, format!("`{key}` names `{name}` twice; it counts once"))
            }
            Some(_) => {
                faults.add(one.span, format!("`{name}` is under `all` and under `any`: it would count for both"))
            }
            None => {}
        }
    }
    if let Some(minimum) = node.get("minimum") {
        match (rules.minimum, rules.any.len()) {
            (_, 0) => {
                faults.suggest(minimum.span, "`minimum` counts those under `any`, and there is none", "name them")
            }
            (Some(least), count) if least as usize > count => {
                let message = format!("`minimum` is {least}, and `any` names {count}: no image could pass");
                faults.suggest(minimum.span, message, format!("write at most {count}"));
            }
            _ => {}
        }
    }
    rules
}

fn annotations(node: &Node) -> BTreeMap<String, String> {
    let pairs = node.get("annotations").map_or(&[][..], Node::entries);
    pairs.iter().filter_map(|(key, value)| Some((key.text()?.to_owned(), value.text()?.to_owned()))).collect()
}

/// What an entry of `images` says under `attestations`.
pub(crate) fn attestations(
    entry: &Node,
    place: impl Fn(&Node) -> Place,
    resolve: impl Fn(&str) -> String,
    faults: &mut Faults<'_>,
) -> Vec<AttestationRule> {
    let rule = |node: &Node| {
        let kind = text(node, "type").unwrap_or_default();
        let purpose = match text(node, "use").as_deref() {
            Some("vex") => AttestationUse::Vex,
            _ => AttestationUse::Demand,
        };
        let named = PREDICATE_TYPES.iter().any(|(name, _)| *name == kind);
        if purpose == AttestationUse::Vex && named && !VEX_TYPES.contains(&kind.as_str()) {
            let span = node.get("use").map_or(node.span, |one| one.span);
            let hint = format!("VEX stands in {}", VEX_TYPES.join(", "));
            faults.suggest(span, format!("an attestation of type `{kind}` holds no VEX"), hint);
        }
        AttestationRule {
            predicate_type: predicate_type(&kind).to_owned(),
            kind,
            by: texts(node, "by"),
            max_age_seconds: text(node, "maxAge").and_then(|t| units::duration(&t).ok()),
            rego: text(node, "rego").map(|path| resolve(&path)),
            purpose,
            place: place(node),
        }
    };
    items(entry, "attestations").iter().map(rule).collect()
}

/// Every name of an authority that a file's entries mention, with its place.
pub(crate) fn mentions(root: &Node) -> Vec<(String, Span)> {
    let mut all = Vec::new();
    for entry in items(root, "images") {
        let signatures = entry.get("signatures");
        let lists = ["all", "any"].into_iter().flat_map(|key| signatures.map_or(&[][..], |node| items(node, key)));
        let by = items(entry, "attestations").iter().flat_map(|rule| items(rule, "by"));
        all.extend(lists.chain(by).filter_map(|node| Some((node.text()?.to_owned(), node.span))));
    }
    all
}

/// Why a name is that of no authority: the fault's message and the way out.
pub(crate) fn unknown<'a>(name: &str, authorities: impl Iterator<Item = &'a Authority> + Clone) -> Wrong {
    let names = || authorities.clone().map(|one| one.name.as_str());
    let hint = did_you_mean(name, names()).unwrap_or_else(|| match names().collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "name it under `keys`".to_owned(),
        known => format!("known here: {known}"),
    });
    (format!("no authority is called `{name}`"), Some(hint))
}

/// Two authorities that are one: whoever is asked for two signatures would get by with one.
pub(crate) fn same<'a>(authority: &Authority, others: impl IntoIterator<Item = &'a Authority>) -> Option<&'a str> {
    let same = |other: &&Authority| other.name != authority.name && other.signer == authority.signer;
    others.into_iter().find(same).map(|other| other.name.as_str())
}

/// Whether an entry names an authority.
pub(crate) fn names(entry: &ImageEntry, authority: &str) -> bool {
    entry.authorities().contains(authority)
}
