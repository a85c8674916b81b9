//! What the flags of a verification demand, as `plimsoll-trust` has it. In: flags. Out: who has to have signed, and what is trusted.

use plimsoll_trust::{
    Authority, CLAIMS, Certificate, Demand, Identity, Pattern, Signer, Subject, TrustMaterial, Window,
};

use super::flags::{Demand as Flags, given};
use super::{Failure, installation, key, roots, say};

/// Bytes of a trusted root. Sigstore's own has some ten kilobytes.
const MAX_ROOT: u64 = 4 << 20;

/// What is trusted: what a file says, or what `initialize` fetched last, or Sigstore's public authorities and logs as they are built
/// in. Nothing is fetched. The demand is the final one: what files beside a signature demand is in it.
pub fn trust(flags: &Flags, demand: &Demand) -> Result<TrustMaterial, Failure> {
    let key_alone = matches!(demand.signer, Signer::Key(_)) && !demand.log && !demand.timestamp;
    let mut trust = root(given(&flags.trusted_root), key_alone)?;
    if let Some(authorities) = authorities(flags)? {
        trust.authorities = authorities;
    }
    if let Some(path) = given(&flags.timestamp_certificate_chain) {
        let chain = chain(path, installation::Holder::Authority)?;
        trust.timestamp_authorities = vec![chain];
    }
    Ok(trust)
}

/// The authorities of signers' certificates that PEM files name. They take the place of all others.
fn authorities(flags: &Flags) -> Result<Option<Vec<Authority>>, Failure> {
    if let Some(path) = given(&flags.certificate_chain) {
        return Ok(Some(vec![chain(path, installation::Holder::Signers)?]));
    }
    let Some(path) = given(&flags.ca_roots) else { return Ok(None) };
    let between = given(&flags.ca_intermediates).map(installation::certificates).transpose()?.unwrap_or_default();
    let each = |root: Certificate| Authority {
        valid_for: from_its_start(&root),
        chain: between.iter().cloned().chain([root]).collect(),
    };
    Ok(Some(installation::certificates(path)?.into_iter().map(each).collect()))
}

fn chain(path: &str, of: installation::Holder) -> Result<Authority, Failure> {
    let chain = installation::chain(path, of)?;
    let root = chain.last().ok_or_else(|| format!("{path} holds no certificate"))?;
    Ok(Authority { valid_for: from_its_start(root), chain })
}

/// Certificates say themselves how long they last.
fn from_its_start(certificate: &Certificate) -> Window {
    Window { start: certificate.validity().0, end: None }
}

/// The same of this file. What a key vouches for alone needs nobody who is trusted: that what was fetched is over hinders nothing then.
pub fn root(path: Option<&str>, key_alone: bool) -> Result<TrustMaterial, Failure> {
    match path {
        None if !key_alone => roots::trusted(),
        path => named(path),
    }
}

/// What a file says, or what is built in, whatever was fetched.
pub fn named(path: Option<&str>) -> Result<TrustMaterial, Failure> {
    let Some(path) = path else { return Ok(TrustMaterial::production()?) };
    let text = super::read(path, MAX_ROOT)?;
    TrustMaterial::from_json(&text).map_err(|refusal| format!("read {path}: {refusal}").into())
}

/// What is demanded of a signature. Without a key, an identity is.
pub fn of(flags: &Flags, subject: Subject) -> Result<Demand, Failure> {
    let signer = match &flags.key {
        Some(named) => {
            let identities = [
                ("--certificate-identity", &flags.certificate_identity),
                ("--certificate-identity-regexp", &flags.certificate_identity_regexp),
            ];
            if let Some((flag, _)) = identities.iter().find(|(_, given)| given.is_some()) {
                return Err(format!("{flag} and --key demand two signers of one signature").into());
            }
            // Cosign takes these beside a key, and so does this; but nothing holds a key to them.
            for (flag, _) in of_certificates(flags) {
                say(&format!("WARNING: {flag} demands nothing of a key: it is for certificates, and --key is given"));
            }
            Signer::Key(key::demanded(named)?)
        }
        None => Signer::Keyless(vec![identity(flags)?]),
    };
    if flags.insecure_ignore_tlog {
        say(
            "WARNING: Skipping tlog verification is an insecure practice that lacks transparency and auditability verification for the signature.",
        );
    }
    let log = !flags.insecure_ignore_tlog && !flags.private_infrastructure;
    // Whoever names the authority of timestamps demands one, as in Cosign.
    let timestamp = flags.use_signed_timestamps || given(&flags.timestamp_certificate_chain).is_some();
    Ok(Demand { signer, subject, log, sct: !flags.insecure_ignore_sct, timestamp })
}

fn identity(flags: &Flags) -> Result<Identity, Failure> {
    let name = pattern("identity", flags.certificate_identity.as_ref(), flags.certificate_identity_regexp.as_ref())?;
    let issuer =
        pattern("oidc-issuer", flags.certificate_oidc_issuer.as_ref(), flags.certificate_oidc_issuer_regexp.as_ref())?;
    let missing = |what: &str| {
        format!("--certificate-{what} or --certificate-{what}-regexp is required for verification in keyless mode")
    };
    let (name, issuer) = match (name, issuer) {
        (Some(name), Some(issuer)) => (name, issuer),
        (None, Some(_)) => return Err(missing("identity").into()),
        (Some(_), None) => return Err(missing("oidc-issuer").into()),
        (None, None) => {
            return Err(
                format!("{}, and {}; or name a key with --key", missing("identity"), missing("oidc-issuer")).into()
            );
        }
    };
    let mut identity = Identity::new(name, issuer);
    for (flag, wanted) in claims(flags) {
        let claim = CLAIMS.iter().find(|claim| flag.strip_prefix("--certificate-") == Some(claim.name));
        let claim = claim.ok_or_else(|| format!("{flag} names no claim of a certificate that is known"))?;
        identity.claims.push((*claim, wanted.to_owned()));
    }
    Ok(identity)
}

/// The claims of a workflow that are demanded, by their flags. An empty one demands nothing, as in Cosign.
fn claims(flags: &Flags) -> impl Iterator<Item = (&'static str, &str)> {
    let all = [
        ("--certificate-github-workflow-name", &flags.certificate_github_workflow_name),
        ("--certificate-github-workflow-ref", &flags.certificate_github_workflow_ref),
        ("--certificate-github-workflow-repository", &flags.certificate_github_workflow_repository),
        ("--certificate-github-workflow-sha", &flags.certificate_github_workflow_sha),
        ("--certificate-github-workflow-trigger", &flags.certificate_github_workflow_trigger),
    ];
    all.into_iter().filter_map(|(flag, wanted)| Some((flag, given(wanted)?)))
}

/// What is demanded of a certificate beside its holder's name, by the flags.
fn of_certificates(flags: &Flags) -> impl Iterator<Item = (&'static str, &str)> {
    let issuers = [
        ("--certificate-oidc-issuer", &flags.certificate_oidc_issuer),
        ("--certificate-oidc-issuer-regexp", &flags.certificate_oidc_issuer_regexp),
    ];
    let issuers = issuers.into_iter().filter_map(|(flag, wanted)| Some((flag, given(wanted)?)));
    let authorities = [
        ("--ca-roots", &flags.ca_roots),
        ("--ca-intermediates", &flags.ca_intermediates),
        ("--certificate-chain", &flags.certificate_chain),
    ];
    let authorities = authorities.into_iter().filter_map(|(flag, path)| Some((flag, given(path)?)));
    issuers.chain(claims(flags)).chain(authorities)
}

/// A name, or a regular expression, which is content with a part of the name: so Cosign has it, and it is said.
fn pattern(what: &str, exact: Option<&String>, regexp: Option<&String>) -> Result<Option<Pattern>, Failure> {
    match (exact.filter(|text| !text.is_empty()), regexp.filter(|text| !text.is_empty())) {
        (None, None) => Ok(None),
        (Some(exact), None) => Ok(Some(Pattern::exact(exact))),
        (None, Some(regexp)) => {
            if !is_anchored(regexp) {
                say(&format!(
                    "WARNING: --certificate-{what}-regexp {regexp:?} is content with a part of the name: write ^(?:…)$ for all of it"
                ));
            }
            Ok(Some(Pattern::regexp_anywhere(regexp)?))
        }
        (Some(_), Some(_)) => {
            Err(format!("--certificate-{what} and --certificate-{what}-regexp are given both").into())
        }
    }
}

/// Whether a regular expression surely fits whole names alone: `^…$`, and no `|` that takes one of the two away. What is not
/// understood here is not sure.
fn is_anchored(regexp: &str) -> bool {
    let Some(mut rest) = regexp.strip_prefix('^') else { return false };
    // A repetition makes the anchor optional; a quotation may hold what closes it.
    if rest.starts_with(['*', '?', '+', '{']) || rest.contains("\\Q") {
        return false;
    }
    let mut open = 0_usize;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = match first {
            '$' if after.is_empty() => return open == 0,
            '|' if open == 0 => return false,
            '\\' => after.chars().next().map_or("", |escaped| &after[escaped.len_utf8()..]),
            '[' => match after_class(after) {
                Some(after) => after,
                None => return false,
            },
            '(' => {
                open += 1;
                after
            }
            ')' if open == 0 => return false,
            ')' => {
                open -= 1;
                after
            }
            _ => after,
        };
    }
    false
}

/// What follows a class of characters, whose `[` is read already.
fn after_class(class: &str) -> Option<&str> {
    let mut rest = class.strip_prefix('^').unwrap_or(class);
    // One that stands first is a member.
    rest = rest.strip_prefix(']').unwrap_or(rest);
    loop {
        let first = rest.chars().next()?;
        let after = &rest[first.len_utf8()..];
        rest = match first {
            ']' => return Some(after),
            '\\' => &after[after.chars().next()?.len_utf8()..],
            '[' if after.starts_with(':') => after.split_once(":]").map_or(after, |(_, rest)| rest),
            _ => after,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_that_fit_whole_names_are_told_from_others() {
        for whole in [
            "^a$",
            "^$",
            "^(?:a|b)$",
            "^(a|b)$",
            "^https://github\\.com/(acme|evil)/.*@refs/(heads|tags)/.*$",
            "^[|]$",
            "^[]|(]$",
            "^[^]|]a\\|b$",
            "^[[:alpha:]|(]$",
            "^é$",
        ] {
            assert!(is_anchored(whole), "{whole}");
        }
        for part in [
            "",
            "^",
            "$",
            "a",
            "^a",
            "a$",
            "^a|b$",
            "^(a)|(b)$",
            "^(?:a|b)$|c$",
            "^a\\$",
            "^a[$",
            "^a[$]",
            "^(a$",
            "^a)|(b$",
            "^*a$",
            "^?a$",
            "^{0}a$",
            "^[]]a|b$",
            "^[[:alpha:](]a|b$",
            "^\\[a|b]$",
            "^\\Qa|b\\E$",
            "^\\Qa$",
            "^\\\\|b$",
        ] {
            assert!(!is_anchored(part), "{part}");
        }
    }
}
