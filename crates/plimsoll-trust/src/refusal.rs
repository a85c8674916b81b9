//! Why a signature is not believed: a reason code that never changes its meaning, and words for people.

use std::fmt;

/// Declares the codes once: the variants, their words for machines, and the list of all.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        /// What is wrong with a signature, key or trust root, as a code for machines. Codes are added, never given another meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }

        impl Reason {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code, in kebab case.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }
        }
    };
}

// How to add a reason: one line here, in the group it belongs to. A code that was shipped keeps its meaning forever.
reasons! {
    /// Bytes that are not what they should be: PEM, DER, base64, JSON, or a field missing or of another type.
    Malformed = "malformed";
    /// More or larger than the named bounds.
    TooLarge = "too-large";
    /// A version, algorithm or kind that is known to be none of those supported.
    Unsupported = "unsupported";

    /// The demand names neither a key nor an identity, or both.
    DemandIncomplete = "demand-incomplete";
    /// A public key is demanded or used, and what was signed names another, or a certificate, or the other way round.
    KeyMismatch = "key-mismatch";
    /// The signature is not that of the key over these bytes.
    SignatureInvalid = "signature-invalid";
    /// What was signed is not the artifact at hand.
    ArtifactMismatch = "artifact-mismatch";
    /// The scheme signs whole bytes, and only a digest is at hand: it cannot be told.
    ArtifactNeeded = "artifact-needed";

    /// An envelope that holds no signature, or more than one.
    EnvelopeSignatures = "envelope-signatures";
    /// An envelope whose payload is of another type than an in-toto statement.
    PayloadType = "payload-type";
    /// A payload that is no in-toto statement.
    StatementMalformed = "statement-malformed";
    /// A statement of another predicate type than was demanded.
    PredicateType = "predicate-type";
    /// An attestation where a signature is demanded.
    NotASignature = "not-a-signature";

    /// No certificate of a trusted authority issued the signer's.
    ChainUntrusted = "chain-untrusted";
    /// The bundle brings a root of its own.
    RootInChain = "root-in-chain";
    /// The signer's certificate is not valid at a time of signing.
    CertificateNotValid = "certificate-not-valid";
    /// One of its issuers is not valid at a time of signing.
    IssuerNotValid = "issuer-not-valid";
    /// The trusted root does not hold that authority for that time.
    AuthorityNotValid = "authority-not-valid";
    /// The signer's certificate is not for signing code.
    NotCodeSigning = "not-code-signing";
    /// One of its issuers is not for signing certificates of code signers.
    IssuerPurpose = "issuer-purpose";
    /// The certificate of an authority where a signer's is expected.
    CertificateIsAuthority = "certificate-is-authority";
    /// A critical extension that is not understood.
    CriticalExtension = "critical-extension";

    /// No proof that the certificate was logged.
    SctMissing = "sct-missing";
    /// That proof is by a log that is not trusted, or not at that time.
    SctUntrusted = "sct-untrusted";
    /// That proof is not the log's over this certificate and issuer.
    SctInvalid = "sct-invalid";

    /// The identity is not one of those demanded.
    IdentityMismatch = "identity-mismatch";
    /// The certificate names no identity, or several.
    IdentityAmbiguous = "identity-ambiguous";
    /// The issuer of the identity is not the one demanded.
    IssuerMismatch = "issuer-mismatch";
    /// The certificate names no issuer of the identity.
    IssuerMissing = "issuer-missing";
    /// The certificate's two names of that issuer disagree.
    IssuerDisagrees = "issuer-disagrees";
    /// A claim of the workflow is missing or another.
    ClaimMismatch = "claim-mismatch";

    /// No entry of a transparency log.
    LogEntryMissing = "log-entry-missing";
    /// The entry is of a log that is not trusted.
    LogUnknown = "log-unknown";
    /// The trusted root does not hold that log's key for that time.
    LogNotValid = "log-not-valid";
    /// The entry is of another artifact.
    LogEntryArtifact = "log-entry-other-artifact";
    /// The entry is of another signature.
    LogEntrySignature = "log-entry-other-signature";
    /// The entry is of another key or certificate.
    LogEntryKey = "log-entry-other-key";
    /// The entry has no signed promise, and none of its kind can do without.
    PromiseMissing = "promise-missing";
    /// The signed promise is not the log's over this entry.
    PromiseInvalid = "promise-invalid";
    /// No proof of inclusion.
    InclusionMissing = "inclusion-missing";
    /// The proof does not lead from this entry to its root.
    InclusionInvalid = "inclusion-invalid";
    /// The checkpoint has no text that can be read.
    CheckpointMalformed = "checkpoint-malformed";
    /// The checkpoint is of another log.
    CheckpointOrigin = "checkpoint-origin";
    /// The checkpoint's root or size is not the proof's.
    CheckpointMismatch = "checkpoint-mismatch";
    /// No signature of the log is on the checkpoint.
    CheckpointUnsigned = "checkpoint-unsigned";
    /// The log's signature on the checkpoint is wrong.
    CheckpointInvalid = "checkpoint-invalid";

    /// No time that anybody trusted vouches for.
    TimeMissing = "time-missing";
    /// A time of a log that its signed promise does not cover.
    TimeNotAuthenticated = "time-not-authenticated";
    /// A timestamp of something else than this signature.
    TimestampOther = "timestamp-other-signature";
    /// A timestamp by an authority that is not trusted.
    TimestampUntrusted = "timestamp-untrusted";
    /// A timestamp outside the time for which its authority is trusted, or its certificates are valid.
    TimestampNotValid = "timestamp-not-valid";
    /// A timestamp by a certificate that is not for timestamps alone.
    TimestampPurpose = "timestamp-purpose";
    /// A timestamp whose signature is wrong.
    TimestampInvalid = "timestamp-invalid";
    /// A timestamp that brings a certificate which claims to be the signer's and is not.
    TimestampForged = "timestamp-forged-certificate";

    /// A trusted root that does not say from when one of its keys is to be trusted.
    TrustWindowMissing = "trust-window-missing";

    /// Metadata of a repository of what is trusted whose time is over.
    MetadataExpired = "metadata-expired";
    /// Fewer keys of its role signed it than have to.
    MetadataUnsigned = "metadata-unsigned";
    /// It is older than what was seen before.
    MetadataRollback = "metadata-rollback";
    /// It is of another kind, version, length or digest than is said of it.
    MetadataMismatch = "metadata-mismatch";
    /// It is not there, or nothing is said of it.
    MetadataMissing = "metadata-missing";
    /// A key of a root that is named by another digest than its own.
    KeyIdMismatch = "key-id-mismatch";
    /// The repository publishes no such file.
    TargetMissing = "target-missing";
    /// A file is not of the length and digest that are signed.
    TargetMismatch = "target-mismatch";

    /// A private key under another password, or one that was changed.
    WrongPassword = "wrong-password";
    /// A private key whose encryption derives its key by a function that is not taken.
    KeyDerivation = "key-derivation";
    /// A private key that asks for other costs of that function than are taken.
    KeyDerivationCost = "key-derivation-cost";
    /// A private key under a cipher that is not taken.
    KeyCipher = "key-cipher";
    /// A private key whose nonce has another size than its cipher's.
    KeyNonce = "key-nonce";
    /// A key too short to be believed.
    WeakKey = "weak-key";
    /// Whoever keeps a private key elsewhere does not sign with it.
    SignerFailed = "signer-failed";
    /// An identity token that is for another program, or answers another question.
    TokenOther = "token-other-question";
    /// The system gives no random bytes.
    NoRandomness = "no-randomness";
    /// An annotation that is demanded is missing or another.
    AnnotationMismatch = "annotation-mismatch";

    /// A chain of certificates that does not lead, one issuing the one before, from the signer's to one that issued itself.
    ChainBroken = "chain-broken";
    /// The signer's own "best by" time is past.
    SignatureExpired = "signature-expired";
    /// A certificate names a place that says whether it was revoked, and none is asked: it cannot be told.
    RevocationUnknown = "revocation-unknown";
    /// Only a plugin of the signer's choice could verify the signature: it cannot be told.
    PluginNeeded = "plugin-needed";
    /// No statement of the trust policy is about that repository.
    TrustPolicyMissing = "trust-policy-missing";
    /// A store that the trust policy names is not there or holds something else than anchors: it cannot be told.
    TrustStoreUnusable = "trust-store-unusable";
}

impl Reason {
    /// Whether it says that nothing can be told: what there is is beyond what is read or supported here, or too little of it is at
    /// hand. All else is a no.
    pub const fn is_untold(self) -> bool {
        self.is_doubt() || matches!(self, Self::TooLarge | Self::Unsupported | Self::ArtifactNeeded)
    }

    /// Whether it says so of a signature that a trusted signer made, or of what is trusted: no stranger can bring it about. The rest of
    /// [`Self::is_untold`] a stranger can, with bytes that are beyond what is read; among what anybody may have put beside an image such
    /// bytes prove nothing, and leave no doubt.
    pub const fn is_doubt(self) -> bool {
        matches!(self, Self::MetadataExpired | Self::RevocationUnknown | Self::PluginNeeded | Self::TrustStoreUnusable)
    }
}

/// A refusal: the code, and what was seen where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// The code.
    pub reason: Reason,
    /// One sentence without a full stop, lower case, naming the place; it holds no secret.
    pub message: String,
}

impl Refusal {
    /// A refusal of these words.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// Bytes that are not what they should be.
pub(crate) fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::new(Reason::Malformed, message)
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.reason.code(), self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_and_each_is_used_once() {
        let codes: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(codes.iter().all(|c| c.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')), "{codes:?}");
    }
}
