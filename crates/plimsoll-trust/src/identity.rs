//! Who may sign. In: patterns for the name and its issuer, and claims; a certificate. Out: yes, or a refusal. What it does not do: it
//! does not know whether the certificate is to be believed; that is judged before.
//!
//! Texts and globs match a name in full, so that one for `github.com/acme` is none for `github.com/acme-evil`.

use regex::{Regex, RegexBuilder};

use crate::certificate::{Certificate, Name};
use crate::refusal::{Reason, Refusal, malformed};

/// What a compiled pattern may take in memory: policies write lines, not programs.
const MOST_PROGRAM: usize = 1 << 20;

/// A pattern for a text.
#[derive(Clone, Debug)]
pub struct Pattern {
    written: String,
    compiled: Option<Regex>,
    /// It is for URIs alone.
    of_uris: bool,
}

impl Pattern {
    /// This text and no other.
    pub fn exact(text: &str) -> Self {
        Self { written: text.to_owned(), compiled: None, of_uris: false }
    }

    /// A glob over the whole text: `*` is anything but `/`, `**` anything, and all else is itself. One with `://` fits no name that
    /// is not a URI.
    ///
    /// # Errors
    /// `too-large`.
    pub fn glob(glob: &str) -> Result<Self, Refusal> {
        if !glob.contains('*') {
            return Ok(Self { of_uris: glob.contains("://"), ..Self::exact(glob) });
        }
        let parts: Vec<_> = glob
            .split("**")
            .map(|part| {
                let pieces: Vec<_> = part.split('*').map(regex::escape).collect();
                pieces.join("[^/]*")
            })
            .collect();
        let expression = format!("^(?s:{})$", parts.join(".*"));
        let built = RegexBuilder::new(&expression).size_limit(MOST_PROGRAM).build();
        let compiled =
            built.map_err(|_| Refusal::new(Reason::TooLarge, format!("the pattern {glob:?} is too large")))?;
        Ok(Self { written: glob.to_owned(), compiled: Some(compiled), of_uris: glob.contains("://") })
    }

    /// A regular expression that is content with a part of the text, as other programs have it: never for a policy of ours.
    ///
    /// # Errors
    /// `malformed`, also for what is too large.
    pub fn regexp_anywhere(expression: &str) -> Result<Self, Refusal> {
        let compiled = plimsoll_re2::compiled(expression, MOST_PROGRAM).map_err(malformed)?;
        Ok(Self { written: expression.to_owned(), compiled: Some(compiled), of_uris: false })
    }

    /// Whether it matches.
    pub fn matches(&self, text: &str) -> bool {
        match &self.compiled {
            None => self.written == text,
            Some(compiled) => compiled.is_match(text),
        }
    }

    /// Whether it matches the name of a certificate's holder.
    pub fn fits(&self, name: &Name) -> bool {
        (!self.of_uris || matches!(name, Name::Uri(_))) && self.matches(name.text())
    }

    /// As it was written.
    pub fn written(&self) -> &str {
        &self.written
    }
}

/// A claim of the workflow that a certificate names: its words on command lines, and the numbers of its extensions, new and old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// As commands call it.
    pub name: &'static str,
    /// The number of the extension.
    pub number: u8,
}

/// The claims that can be demanded. The first five are GitHub's, as Fulcio first wrote them.
pub const CLAIMS: &[Claim] = &[
    Claim { name: "github-workflow-trigger", number: 2 },
    Claim { name: "github-workflow-sha", number: 3 },
    Claim { name: "github-workflow-name", number: 4 },
    Claim { name: "github-workflow-repository", number: 5 },
    Claim { name: "github-workflow-ref", number: 6 },
    Claim { name: "build-signer-uri", number: 9 },
    Claim { name: "build-signer-digest", number: 10 },
    Claim { name: "runner-environment", number: 11 },
    Claim { name: "source-repository-uri", number: 12 },
    Claim { name: "source-repository-digest", number: 13 },
    Claim { name: "source-repository-ref", number: 14 },
    Claim { name: "source-repository-identifier", number: 15 },
    Claim { name: "source-repository-owner-uri", number: 16 },
    Claim { name: "source-repository-owner-identifier", number: 17 },
    Claim { name: "build-config-uri", number: 18 },
    Claim { name: "build-config-digest", number: 19 },
    Claim { name: "build-trigger", number: 20 },
    Claim { name: "run-invocation-uri", number: 21 },
    Claim { name: "source-repository-visibility", number: 22 },
    Claim { name: "deployment-environment", number: 23 },
    Claim { name: "token-subject", number: 24 },
];

/// Who may sign.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The name.
    pub name: Pattern,
    /// Who vouches for the name.
    pub issuer: Pattern,
    /// Claims, each to be exactly this.
    pub claims: Vec<(Claim, String)>,
}

impl Identity {
    /// Someone by name and issuer.
    pub const fn new(name: Pattern, issuer: Pattern) -> Self {
        Self { name, issuer, claims: Vec::new() }
    }

    /// Whether the certificate is this one's.
    ///
    /// # Errors
    /// `identity-ambiguous`, `identity-mismatch`, `issuer-missing`, `issuer-disagrees`, `issuer-mismatch`, `claim-mismatch`.
    pub(crate) fn check(&self, certificate: &Certificate) -> Result<(), Refusal> {
        let name: Name = certificate.name()?;
        if !self.name.fits(&name) {
            let why = format!("the signer is {:?}, and {:?} is demanded", name.text(), self.name.written());
            return Err(Refusal::new(Reason::IdentityMismatch, why));
        }
        let issuer = certificate.issuer_of_identity()?;
        if !self.issuer.matches(&issuer) {
            let why = format!("the signer is vouched for by {issuer:?}, and {:?} is demanded", self.issuer.written());
            return Err(Refusal::new(Reason::IssuerMismatch, why));
        }
        for (claim, wanted) in &self.claims {
            let found = certificate.claim(claim.number)?;
            if found.as_ref() != Some(wanted) {
                let found = found.map_or("nothing".to_owned(), |f| format!("{f:?}"));
                let why = format!("the certificate says {found} of {}, and {wanted:?} is demanded", claim.name);
                return Err(Refusal::new(Reason::ClaimMismatch, why));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_in_full_and_one_star_stays_within_a_part() {
        let glob = Pattern::glob("https://github.com/acme/*/.github/workflows/release.yml@refs/tags/*").unwrap();
        assert!(glob.matches("https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1"));
        for other in [
            "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1/x",
            "https://github.com/acme/shop/x/.github/workflows/release.yml@refs/tags/v1",
            "https://github.com/acme-evil/shop/.github/workflows/release.yml@refs/tags/v1",
            "https://github.com/acme/shop/.github/workflows/releaseXyml@refs/tags/v1",
            "https://evil.com/?https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1",
        ] {
            assert!(!glob.matches(other), "{other}");
        }
        let any = Pattern::glob("https://github.com/acme/**@refs/heads/main").unwrap();
        assert!(
            any.matches("https://github.com/acme/a/b@refs/heads/main")
                && !any.matches("https://github.com/acme-evil/b@refs/heads/main")
        );
        assert!(Pattern::glob("a.c").unwrap().matches("a.c") && !Pattern::glob("a.c").unwrap().matches("abc"));
        assert!(Pattern::glob("*(|x").unwrap().matches("y(|x"));
    }

    #[test]
    fn globs_of_uris_fit_no_mail_address_that_reads_like_one() {
        let name = "https://github.com/acme/x".to_owned();
        for glob in ["https://github.com/acme/*", "https://github.com/acme/x"] {
            let glob = Pattern::glob(glob).unwrap();
            assert!(glob.fits(&Name::Uri(name.clone())));
            for other in [Name::Email, Name::Dns, Name::Other] {
                assert!(!glob.fits(&other(name.clone())), "{glob:?}");
            }
        }
        let mail = Name::Email("a@example.com".to_owned());
        assert!(Pattern::glob("*@example.com").unwrap().fits(&mail));
        assert!(Pattern::glob("a@example.com").unwrap().fits(&mail));
        // Who names one name in full, as Cosign's users do, is content with any kind.
        assert!(Pattern::exact(&name).fits(&Name::Email(name.clone())));
    }

    #[test]
    fn regular_expressions_are_content_with_a_part() {
        let pattern = Pattern::regexp_anywhere("https://github.com/acme").unwrap();
        for name in
            ["https://github.com/acme", "https://github.com/acme-evil", "https://evil.com/?https://github.com/acme"]
        {
            assert!(pattern.matches(name), "{name}");
        }
        assert!(!pattern.matches("https://github.com/acm"));
        assert!(!Pattern::regexp_anywhere("^(?:a|b)$").unwrap().matches("ax"));
        for bad in ["(", "a{1001}{1001}"] {
            assert!(Pattern::regexp_anywhere(bad).is_err(), "{bad}");
        }
    }
}
