//! Who may sign and what must be signed: documents in, values or faults out; facts in, reasons out.

use std::collections::BTreeMap;

use plimsoll_model::loadline::{AttestationUse, LogDemand, Place, Signer};
use plimsoll_model::*;
use plimsoll_policy::{
    Context, Request, Standing, holds_until, judge, looked_into, parse, remarks, ruled_by, standing,
};

use crate::cases::*;
use crate::reading::{faults, world};

const HEAD: &str = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: p}\n";
const KEYS: &str = "keys:\n  release: {publicKey: keys/release.pub}\n  builder: {issuer: https://issuer.example, identity: \"https://github.com/acme/*\"}\n  audit: {publicKey: keys/audit.pub}\n";

/// A policy of these authorities and one entry for every image.
fn asking(entry: &str) -> LoadLine {
    policy(&format!("{KEYS}images:\n  - {{name: all, match: [\"**\"], {entry}}}\n"))
}

#[test]
fn authorities_and_demands_read_as_written() {
    let text = include_str!("../fixtures/loadline.yaml");
    let policy = parse("team/loadline.yaml", text.as_bytes(), &KNOWN).unwrap_or_else(|e| panic!("{e}"));
    let [release, builder] = policy.keys.as_slice() else { panic!("{:?}", policy.keys) };
    assert_eq!(release.signer, Signer::KeyFile("team/keys/release.pub".into()));
    assert_eq!((release.log, release.log_demand()), (None, LogDemand::Unneeded));
    assert_eq!(builder.log_demand(), LogDemand::Required, "a certificate without a log has no time");
    assert_eq!(builder.place, Place { file: "team/loadline.yaml".into(), line: 10 });
    let shop = &policy.images[0];
    assert_eq!(
        (shop.signatures.all.as_slice(), shop.signatures.any.as_slice()),
        (&["release".into()][..], &["builder".into()][..])
    );
    assert_eq!(shop.signatures.annotations["env"], "prod");
    let [provenance, vex] = shop.attestations.as_slice() else { panic!("{:?}", shop.attestations) };
    assert_eq!(provenance.predicate_type, "https://slsa.dev/provenance/v1");
    assert_eq!(provenance.max_age_seconds, Some(90 * 86_400));
    assert_eq!(provenance.rego.as_deref(), Some("team/policies/provenance.rego"));
    assert_eq!((vex.purpose, vex.predicate_type.as_str()), (AttestationUse::Vex, "https://openvex.dev/ns"));
    assert_eq!(shop.authorities().into_iter().collect::<Vec<_>>(), ["builder", "release"]);
}

#[test]
fn faults_of_authorities_are_named_with_a_way_out() {
    let keys = |one: &str| format!("{HEAD}keys: {{{one}}}\nimages: [{{name: a, match: [\"**\"]}}]\n");
    let pem = |kind: &str| format!("a: {{publicKey: \"-----BEGIN {kind}-----\\nAAAA\\n-----END {kind}-----\\n\"}}");
    for (text, words) in [
        (keys("a: {}"), "write `publicKey`, or `issuer` and `identity`, or `notation`"),
        (keys("a: {notation: {roots: [a.pem]}}"), "identities"),
        (keys("a: {notation: {roots: [a.pem], identities: [acme]}}"), "x509.subject"),
        (keys("a: {notation: {roots: [], identities: [\"*\"]}}"), "empty list"),
        (keys("a: {log: required, notation: {roots: [a.pem], identities: [\"*\"]}}"), "`log` stands beside it"),
        (keys("a: {notation: {roots: [a.pem], identities: [\"*\"], revocation: skip}}"), "revocation"),
        (
            format!(
                "{HEAD}keys: {{a: {{notation: {{roots: [a.pem], identities: ['*']}}}}}}\nimages: [{{name: a, match: ['**'], attestations: [{{type: spdx, by: [a]}}]}}]\n"
            ),
            "`a` signs as Notation does, which attests nothing",
        ),
        (keys("a: keys/a.pub"), "an authority of `keys` is a group of keys"),
        (keys("a b: {publicKey: a}"), "' ' has no place in a name"),
        (keys("a: {publickey: a}"), "did you mean `publicKey`?"),
        (keys("a: {publicKey: https://example.com/a.pub}"), "only files are read"),
        (keys("a: {publicKey: \"hashivault://a\"}"), "a policy asks nobody"),
        (keys("a: {publicKey: \"pkcs11:token=a;object=b\"}"), "plimsoll cosign public-key"),
        (keys("a: {publicKey: \"PKCS11:token=a;object=b\"}"), "a policy asks nobody"),
        (keys("a: {publicKey: \"HashiVault://a\"}"), "a policy asks nobody"),
        (keys("a: {publicKey: a, issuer: https://b, identity: c}"), "by a key or by an identity, not both"),
        (keys("a: {issuer: https://b}"), "everybody whom the issuer vouches for could sign"),
        (keys("a: {identity: b}"), "add `issuer`"),
        (keys("a: {issuer: github.com, identity: b}"), "did you mean `https://github.com`?"),
        (keys("a: {issuer: \"https://*.example\", identity: b}"), "nothing is wild in it"),
        (keys("a: {issuer: https://b, identity: \"**\"}"), "fits everybody whom the issuer vouches for"),
        (keys("a: {issuer: https://b, identity: \"*@*\"}"), "fits everybody whom the issuer vouches for"),
        (keys("a: {issuer: https://b, identity: \"^https://github.com/acme/.*$\"}"), "matched by globs"),
        (keys("a: {issuer: https://b, identity: \"a b\"}"), "stands in no such text"),
        (keys("a: {publicKey: a, log: no}"), "is not one of `required`, `unneeded`"),
        (keys(&pem("PRIVATE KEY")), "this is a private key"),
        (keys(&pem("ENCRYPTED SIGSTORE PRIVATE KEY")), "this is a private key"),
        (keys(&pem("CERTIFICATE")), "this is no public key"),
        (
            keys("a: {publicKey: a.pub}, b: {publicKey: ./a.pub}"),
            "authority `b` is the same as `a`: one signature would count for two",
        ),
        (format!("{HEAD}keys: [a]\n"), "`keys` is a group of names"),
    ] {
        let found = faults(&text);
        assert!(found.contains(words), "{words}:\n{found}");
    }
}

#[test]
fn globs_over_identities_name_their_host() {
    let policy = |glob: &str| {
        let keys = format!("keys: {{a: {{issuer: https://b, identity: \"{glob}\"}}}}");
        format!("{HEAD}{keys}\nimages: [{{name: a, match: [\"**\"], signatures: {{all: [a]}}}}]\n")
    };
    for glob in [
        "https://**",
        "https://*/acme/**",
        "https://*.example/a",
        "https://github.com**",
        "https://github.com*/acme/x",
        "https:///acme/*",
        "**://github.com/acme/x",
        "http*://github.com/acme/x",
        "**/acme/x@refs/heads/main",
        "**@refs/heads/main",
        "*/github.com/acme",
    ] {
        let found = faults(&policy(glob));
        assert!(found.contains("nothing is wild in the scheme and the host"), "{glob}: {found}");
    }
    for glob in ["https://github.com/acme/**", "spiffe://example.org/ns/*", "*@example.com", "https://b.example/a@**"] {
        let read = parse("policy.yaml", policy(glob).as_bytes(), &KNOWN);
        assert!(read.is_ok(), "{glob}: {:?}", read.err());
    }
}

#[test]
fn faults_of_demands_are_named_with_a_way_out() {
    let one = |entry: &str| format!("{HEAD}{KEYS}images:\n  - {{name: a, match: [\"**\"], {entry}}}\n");
    for (entry, words) in [
        ("signatures: {}", "name authorities under `all` or `any`"),
        ("signatures: {all: []}", "empty list"),
        ("signatures: {any: []}", "empty list"),
        ("signatures: {annotations: {a: b}}", "`signatures` asks for nobody's"),
        ("signatures: {all: [relaese]}", "did you mean `release`?"),
        ("signatures: {any: [somebody]}", "known here: release, builder, audit"),
        ("signatures: {any: [release, builder], minimum: 3}", "`any` names 2: no image could pass"),
        ("signatures: {any: [release], minimum: 0}", "at least one is counted"),
        ("signatures: {any: [release], minimum: two}", "no number of them"),
        ("signatures: {all: [release], minimum: 1}", "counts those under `any`, and there is none"),
        ("signatures: {any: [release, release], minimum: 2}", "names `release` twice"),
        ("signatures: {all: [release], any: [release]}", "would count for both"),
        ("signatures: {all: [release], annotations: {}}", "empty group"),
        ("signatures: {all: [release], annotations: [env]}", "`annotations` is a group of words"),
        ("signatures: {all: [release], annotations: {env: [a]}}", "has words by words"),
        ("attestations: [{type: vuln}]", "has no `by`"),
        ("attestations: [{by: [release]}]", "has no `type`"),
        ("attestations: [{type: vuln, by: []}]", "empty list"),
        ("attestations: [{type: vulns, by: [release]}]", "did you mean `vuln`?"),
        ("attestations: [{type: sbom-of-ours, by: [release]}]", "write the URI of the predicate's type"),
        ("attestations: [{type: vuln, by: [relaese]}]", "did you mean `release`?"),
        ("attestations: [{type: slsaprovenance1, by: [release], use: vex}]", "holds no VEX"),
        ("attestations: [{type: vuln, by: [release], maxAge: 3 months}]", "no duration"),
        ("refuse: no, signatures: {all: [release]}", "no effect beside `refuse`"),
        ("refuse: no, attestations: [{type: vuln, by: [release]}]", "no effect beside `refuse`"),
    ] {
        let found = faults(&one(entry));
        assert!(found.contains(words), "{entry}: {words}:\n{found}");
    }
}

#[test]
fn authorities_of_included_files_are_known_and_names_are_unique() {
    let own = "metadata: {name: a}\ninclude: [base/base.yaml]\nimages: [{name: x, match: [\"**\"], signatures: {all: [release]}}]\n";
    let base = "keys: {release: {publicKey: release.pub}}\n";
    let files = [("a.yaml", own), ("base/base.yaml", base)];
    let policy = world(&files, "a.yaml").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(policy.keys[0].signer, Signer::KeyFile("base/release.pub".into()));
    // Whoever writes one file must not change whom another one means.
    let twice = format!("{own}keys: {{release: {{publicKey: mine.pub}}}}\n");
    let error = world(&[("a.yaml", &twice), ("base/base.yaml", base)], "a.yaml").unwrap_err().to_string();
    assert!(error.contains("a second authority is called `release`; the first is a.yaml:6"), "{error}");
}

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

/// The index that names lead to, and its manifest for this platform.
fn index() -> Digest {
    digest('a')
}

fn manifest() -> Digest {
    digest('b')
}

fn signed(authority: &str, digest: Digest) -> Verified {
    Verified {
        kind: SignedKind::Signature,
        authority: authority.into(),
        digest,
        signer: format!("the key of {authority}"),
        annotations: BTreeMap::new(),
        signed_at: None,
        not_before: None,
        not_after: None,
        predicate_type: None,
        made_at: None,
        rego: BTreeMap::new(),
        vex: Vec::new(),
        vex_problems: Vec::new(),
    }
}

fn attested(authority: &str, kind: &str) -> Verified {
    Verified { kind: SignedKind::Attestation, predicate_type: Some(kind.into()), ..signed(authority, index()) }
}

fn refused(code: &str, message: &str) -> Refused {
    Refused {
        kind: SignedKind::Signature,
        digest: index(),
        authority: None,
        predicate_type: None,
        code: code.into(),
        message: message.into(),
    }
}

/// An image of an index, with what was found of it under that policy.
fn found(policy: &LoadLine, verified: Vec<Verified>, refused: Vec<Refused>) -> Assessment {
    let mut assessment = image("registry.example.com/shop/web:1.0");
    assessment.subject.digest = Some(manifest());
    assessment.subject.index_digest = Some(index());
    assessment.signatures =
        Some(SignatureFacts { policy: policy.digest.clone(), verified, refused, ..SignatureFacts::default() });
    assessment
}

/// The outcome, and the words of its reasons of signatures and attestations.
fn said(policy: &LoadLine, assessment: &Assessment) -> (Outcome, String) {
    let verdict = judge(assessment, policy, &Context::at(at("2026-11-29")));
    let codes = [ReasonCode::Signature, ReasonCode::Attestation];
    let words = verdict.reasons.iter().filter(|one| codes.contains(&one.code)).map(|one| one.message.as_str());
    (verdict.outcome, words.collect::<Vec<_>>().join("\n"))
}

fn outcome(policy: &LoadLine, verified: Vec<Verified>) -> Outcome {
    said(policy, &found(policy, verified, Vec::new())).0
}

#[test]
fn all_any_and_minimum_count_authorities() {
    let index = index();
    let by = |names: &[&str]| names.iter().map(|name| signed(name, digest('a'))).collect::<Vec<_>>();
    for (rules, names, expected) in [
        ("all: [release, builder]", &["release", "builder"][..], Outcome::Allowed),
        ("all: [release, builder]", &["release"], Outcome::Denied),
        ("any: [release, builder]", &["builder"], Outcome::Allowed),
        ("any: [release, builder]", &["audit"], Outcome::Denied),
        ("any: [release, builder]", &[], Outcome::Denied),
        ("any: [release, builder, audit], minimum: 2", &["audit", "release"], Outcome::Allowed),
        ("any: [release, builder, audit], minimum: 2", &["audit", "audit"], Outcome::Denied),
        ("all: [release], any: [builder]", &["release", "builder"], Outcome::Allowed),
        ("all: [release], any: [builder]", &["builder"], Outcome::Denied),
        ("all: [release], any: [builder]", &["release"], Outcome::Denied),
    ] {
        let policy = asking(&format!("signatures: {{{rules}}}"));
        assert_eq!(outcome(&policy, by(names)), expected, "{rules} {names:?}");
    }
    let policy = asking("signatures: {all: [release]}");
    let (_, words) = said(&policy, &found(&policy, by(&["release"]), Vec::new()));
    assert_eq!(
        words,
        format!(
            "signed by `release`: {index}, to which its tag led: what runs is that where the digest is named or pinned"
        )
    );
}

/// An identity may fit what two authorities ask for.
#[test]
fn one_signer_counts_for_one_authority_alone() {
    let by = |pairs: &[(&str, &str)]| -> Vec<Verified> {
        let one =
            |(name, signer): &(&str, &str)| Verified { signer: (*signer).to_owned(), ..signed(name, digest('a')) };
        pairs.iter().map(one).collect()
    };
    let (both, three) = ("all: [release, builder]", "any: [release, builder, audit], minimum: 2");
    for (rules, pairs, expected) in [
        (both, &[("release", "x"), ("builder", "x")][..], Outcome::Denied),
        (both, &[("release", "x"), ("builder", "x"), ("release", "x"), ("builder", "x")], Outcome::Denied),
        (both, &[("release", "x"), ("builder", "x"), ("builder", "y")], Outcome::Allowed),
        // Whoever comes first has to give way.
        (both, &[("release", "x"), ("release", "y"), ("builder", "x")], Outcome::Allowed),
        ("all: [release], any: [builder]", &[("release", "x"), ("builder", "x")], Outcome::Denied),
        (
            "all: [release], any: [builder, audit]",
            &[("release", "x"), ("builder", "x"), ("audit", "y")],
            Outcome::Allowed,
        ),
        ("any: [release, builder]", &[("release", "x"), ("builder", "x")], Outcome::Allowed),
        (three, &[("release", "x"), ("builder", "x"), ("audit", "x")], Outcome::Denied),
        (three, &[("release", "x"), ("builder", "x"), ("audit", "y")], Outcome::Allowed),
        // The same two as two authorities each are two, and not three.
        (
            "any: [release, builder, audit], minimum: 3",
            &[("release", "x"), ("release", "y"), ("builder", "x"), ("builder", "y"), ("audit", "x"), ("audit", "y")],
            Outcome::Denied,
        ),
        (
            "all: [release, builder, audit]",
            &[("release", "x"), ("release", "y"), ("builder", "x"), ("builder", "z"), ("audit", "x")],
            Outcome::Allowed,
        ),
    ] {
        let policy = asking(&format!("signatures: {{{rules}}}"));
        assert_eq!(outcome(&policy, by(pairs)), expected, "{rules} {pairs:?}");
    }
    let policy = asking("signatures: {all: [release, builder]}");
    let (_, words) = said(&policy, &found(&policy, by(&[("release", "x"), ("builder", "x")]), Vec::new()));
    assert!(words.contains("x signed it as `builder`, and counts for another authority already"), "{words}");
    // Part of what is there could not be read: the second may be there.
    let mut unread = found(&policy, by(&[("release", "x"), ("builder", "x")]), Vec::new());
    unread.signatures.as_mut().unwrap().problems =
        vec![Problem::undecided(ProblemKind::Unreachable, "read the referrers: 503").into()];
    assert_eq!(said(&policy, &unread).0, Outcome::Undecided);
}

#[test]
fn what_nobody_looked_for_or_looked_at_in_full_is_undecided() {
    let policy = asking("signatures: {all: [release]}");
    let mut assessment = found(&policy, vec![signed("builder", index())], Vec::new());
    assessment.signatures.as_mut().unwrap().problems =
        vec![Problem::undecided(ProblemKind::Unreachable, "read the referrers: 503").into()];
    let (outcome, words) = said(&policy, &assessment);
    assert_eq!(outcome, Outcome::Undecided);
    assert!(words.contains("read the referrers: 503; of what could be read, it is signed by `builder`"), "{words}");
    // What was found is enough, whatever else there may be.
    assessment.signatures.as_mut().unwrap().verified.push(signed("release", index()));
    assert_eq!(said(&policy, &assessment).0, Outcome::Allowed);
    // Nobody looked.
    assessment.signatures = None;
    assert!(looked_into(&assessment));
    assert_eq!(said(&policy, &assessment).0, Outcome::Undecided);
    // Another policy's `release` is somebody else.
    let mut other = found(&policy, vec![signed("release", index())], Vec::new());
    other.signatures.as_mut().unwrap().policy = "sha256:00".into();
    let (outcome, words) = said(&policy, &other);
    assert!(outcome == Outcome::Undecided && words.contains("under another policy"), "{words}");
    // No digest is known by which it could be signed.
    let mut local = found(&policy, vec![signed("release", index())], Vec::new());
    (local.subject.digest, local.subject.index_digest) = (None, None);
    assert_eq!(said(&policy, &local).0, Outcome::Undecided);
    // A folder is no image: nothing of it is signed.
    assert_eq!(judge(&folder(), &policy, &Context::at(at("2026-11-29"))).outcome, Outcome::Allowed);
}

/// Something of these authorities that could not be told; of anybody where none is named.
fn doubt(authorities: &[&str]) -> Doubt {
    let problem = Problem::undecided(ProblemKind::NotExamined, "verify the signature: revocation-unknown");
    Doubt { problem, authorities: authorities.iter().map(|name| (*name).to_owned()).collect() }
}

fn doubted(policy: &LoadLine, verified: Vec<Verified>, doubts: &[&[&str]]) -> Assessment {
    let mut assessment = found(policy, verified, Vec::new());
    assessment.signatures.as_mut().unwrap().problems = doubts.iter().map(|names| doubt(names)).collect();
    assessment
}

/// Whoever may push must not turn one authority's plain no into "could not tell" by what concerns another.
#[test]
fn a_doubt_counts_for_whom_it_concerns() {
    let by = |names: &[&str]| names.iter().map(|name| signed(name, index())).collect::<Vec<_>>();
    let three = "any: [release, builder, audit], minimum: 2";
    let (no, open, yes) = (Outcome::Denied, Outcome::Undecided, Outcome::Allowed);
    type Names<'a> = &'a [&'a str];
    let cases: [(&str, Names<'_>, &[Names<'_>], Outcome); 15] = [
        ("all: [release]", &[], &[&["audit"]], no),
        ("all: [release]", &[], &[&["release"]], open),
        ("all: [release]", &[], &[&["audit"], &["release"]], open),
        ("all: [release]", &[], &[&[]], open),
        ("all: [release]", &["release"], &[&[]], yes),
        // One who did not sign is enough for a no.
        ("all: [release, audit]", &[], &[&["audit"]], no),
        ("all: [release, audit]", &["release"], &[&["audit"]], open),
        ("any: [release, builder]", &[], &[&["builder"]], open),
        ("any: [release, builder]", &[], &[&["audit"]], no),
        ("any: [release, builder]", &["release"], &[&["builder"]], yes),
        // One doubt makes one signature at most.
        (three, &[], &[&["audit"]], no),
        (three, &[], &[&["audit"], &["audit"]], no),
        (three, &[], &[&["audit"], &["builder"]], open),
        (three, &["release"], &[&["audit"]], open),
        ("all: [release], any: [audit]", &["audit"], &[&["audit"]], no),
    ];
    for (rules, names, doubts, expected) in cases {
        let policy = asking(&format!("signatures: {{{rules}}}"));
        let (outcome, words) = said(&policy, &doubted(&policy, by(names), doubts));
        assert_eq!(outcome, expected, "{rules} {names:?} {doubts:?}: {words}");
    }
    // What one signer did as two is one's: another by either may be in doubt.
    let both = asking("signatures: {all: [release, builder]}");
    let one = |name: &str| Verified { signer: "x".into(), ..signed(name, index()) };
    for (concerned, expected) in [("builder", open), ("release", open), ("audit", no)] {
        let assessment = doubted(&both, vec![one("release"), one("builder")], &[&[concerned]]);
        assert_eq!(said(&both, &assessment).0, expected, "{concerned}");
    }
    // No word about what is undecided softens the no.
    let lenient = policy(&format!(
        "undecided: warn\n{KEYS}images: [{{name: a, match: [\"**\"], signatures: {{all: [release, audit]}}}}]\n"
    ));
    let verdict = judge(&doubted(&lenient, Vec::new(), &[&["audit"]]), &lenient, &Context::at(at("2026-11-29")));
    assert_eq!((verdict.outcome, verdict.effective), (Outcome::Denied, Outcome::Denied));
}

#[test]
fn a_doubt_about_attestations_counts_for_whom_it_concerns() {
    let demanded = asking("attestations: [{type: spdx, by: [release, builder]}]");
    let believed = asking("attestations: [{type: openvex, by: [release], use: vex}]");
    for (policy, concerned, expected) in [
        (&demanded, &["audit"][..], Outcome::Denied),
        (&demanded, &["builder"], Outcome::Undecided),
        (&demanded, &[], Outcome::Undecided),
        (&believed, &["audit"], Outcome::Allowed),
        (&believed, &["release"], Outcome::Undecided),
        (&believed, &[], Outcome::Undecided),
    ] {
        let (outcome, words) = said(policy, &doubted(policy, Vec::new(), &[concerned]));
        assert_eq!(outcome, expected, "{concerned:?}: {words}");
    }
}

/// What counts for nobody, whoever put it there, stands in the words of a no and makes none of it a doubt.
#[test]
fn what_is_there_and_is_not_read_is_told_and_no_doubt() {
    let near = "it is not that of the key";
    for (entry, kind) in [
        ("signatures: {all: [release]}", SignedKind::Signature),
        ("attestations: [{type: spdx, by: [release]}]", SignedKind::Attestation),
    ] {
        let policy = asking(entry);
        let theirs = Refused { kind, authority: Some("release".into()), ..refused("signature-invalid", near) };
        let theirs = Refused { predicate_type: Some("https://spdx.dev/Document".into()), ..theirs };
        let unread = [
            refused("unsupported", "a signature in COSE, which is not read"),
            refused("too-large", "an envelope of more than 4194304 bytes"),
            refused("malformed", "could not read the referrers: there are more than 1000"),
        ];
        let (outcome, words) = said(&policy, &found(&policy, Vec::new(), [&unread[..], &[theirs]].concat()));
        assert_eq!(outcome, Outcome::Denied, "{words}");
        let note = "counts for nobody: a signature in COSE, which is not read (unsupported) and 2 more";
        assert!(words.contains(near) && words.ends_with(note), "{words}");
        let (_, alone) = said(&policy, &found(&policy, Vec::new(), unread[..1].to_vec()));
        assert_eq!(alone.matches("COSE").count(), 1, "{alone}");
    }
}

#[test]
fn undecided_is_what_the_policy_says_of_a_registry_that_is_down() {
    for (word, expected) in [("deny", Outcome::Undecided), ("warn", Outcome::Allowed), ("allow", Outcome::Allowed)] {
        let policy = policy(&format!(
            "undecided: {word}\n{KEYS}images: [{{name: a, match: [\"**\"], signatures: {{all: [release]}}}}]\n"
        ));
        let mut assessment = found(&policy, Vec::new(), Vec::new());
        assessment.signatures.as_mut().unwrap().problems =
            vec![Problem::undecided(ProblemKind::Unreachable, "reach the registry").into()];
        let verdict = judge(&assessment, &policy, &Context::at(at("2026-11-29")));
        assert_eq!((verdict.outcome, verdict.effective), (Outcome::Undecided, expected), "{word}");
        // Looked at in full and not signed is a denial, which no such word softens.
        assessment.signatures.as_mut().unwrap().problems.clear();
        let verdict = judge(&assessment, &policy, &Context::at(at("2026-11-29")));
        assert_eq!(verdict.effective, Outcome::Denied, "{word}");
    }
}

/// An index that is signed and a manifest that is not, and the reverse.
#[test]
fn case_18_what_was_signed_must_be_what_the_name_leads_to() {
    let policy = asking("signatures: {all: [release]}");
    // The tag leads to the index: its signature counts, and its manifest's alone does not.
    assert_eq!(outcome(&policy, vec![signed("release", index())]), Outcome::Allowed);
    let (outcome, words) = said(&policy, &found(&policy, vec![signed("release", manifest())], Vec::new()));
    assert_eq!(outcome, Outcome::Denied);
    assert!(words.contains("signed the manifest sha256:bbbb"), "{words}");
    assert!(words.contains("sign the index, or name the manifest's digest"), "{words}");
    // The name is the manifest's digest: an index above it says nothing, however it is signed.
    let mut named = found(&policy, vec![signed("release", index())], Vec::new());
    named.subject.reference = Some(format!("registry.example.com/shop/web:1.0@{}", manifest()).parse().unwrap());
    named.subject.index_digest = None;
    assert_eq!(said(&policy, &named).0, Outcome::Denied);
    named.signatures.as_mut().unwrap().verified = vec![signed("release", manifest())];
    assert_eq!(said(&policy, &named).0, Outcome::Allowed);
    // A manifest of an index that was looked into is known to be that index's: the name still decides.
    named.subject.index_digest = Some(index());
    assert_eq!(said(&policy, &named).0, Outcome::Allowed);
    named.signatures.as_mut().unwrap().verified = vec![signed("release", index())];
    let (outcome, words) = said(&policy, &named);
    assert!(outcome == Outcome::Denied && words.contains("and the name leads to sha256:bbbb"), "{words}");
}

/// Whoever names another digest than was looked into, by `--judge-as`, does not get the one judged by the other's signatures.
#[test]
fn signatures_of_what_was_not_looked_into_tell_nothing() {
    let demands = ["signatures: {all: [release]}", "attestations: [{type: spdx, by: [release]}]"];
    for policy in demands.map(asking) {
        let signatures = |digest: Digest| {
            let attested = Verified { digest: digest.clone(), ..attested("release", "https://spdx.dev/Document") };
            vec![signed("release", digest), attested]
        };
        for (by, of) in [(digest('c'), digest('c')), (digest('c'), index()), (digest('c'), manifest())] {
            let mut other = found(&policy, signatures(of), Vec::new());
            other.subject.reference = Some(format!("registry.example.com/shop/web:1.0@{by}").parse().unwrap());
            let (outcome, words) = said(&policy, &other);
            assert_eq!(outcome, Outcome::Undecided, "{words}");
            assert!(words.contains(&format!("its name says {by}, and what was looked into is {}", index())), "{words}");
        }
    }
}

/// An older image under the same tag is still validly signed; only what the policy asks besides can tell.
#[test]
fn case_19_an_older_signed_image_passes_unless_a_digest_or_an_age_is_asked_for() {
    let old = |policy: &LoadLine| {
        let mut one = attested("release", "https://slsa.dev/provenance/v1");
        one.made_at = Some(at("2025-01-01"));
        found(policy, vec![signed("release", index()), one], Vec::new())
    };
    let plain = asking("signatures: {all: [release]}");
    assert_eq!(said(&plain, &old(&plain)).0, Outcome::Allowed);
    let pinned = asking("signatures: {all: [release]}, tags: {require: digest}");
    assert_eq!(said(&pinned, &old(&pinned)).0, Outcome::Denied);
    let young =
        asking("signatures: {all: [release]}, attestations: [{type: slsaprovenance1, by: [release], maxAge: 90d}]");
    assert_eq!(said(&young, &old(&young)).0, Outcome::Denied);
}

/// An attestation by the same authority is no signature.
#[test]
fn case_5_an_attestation_is_no_signature_and_a_signature_no_attestation() {
    let policy = asking("signatures: {all: [release]}");
    let assessment = found(&policy, vec![attested("release", "https://spdx.dev/Document")], Vec::new());
    let (outcome, words) = said(&policy, &assessment);
    assert_eq!(outcome, Outcome::Denied);
    assert!(
        words.contains("an attestation of type https://spdx.dev/Document by `release` is there, and no signature"),
        "{words}"
    );
    let policy = asking("attestations: [{type: spdx, by: [release]}]");
    let (outcome, words) = said(&policy, &found(&policy, vec![signed("release", index())], Vec::new()));
    assert_eq!(outcome, Outcome::Denied);
    assert!(words.contains("a signature by `release` is there, and no attestation"), "{words}");
}

/// An attestation of another type.
#[test]
fn case_3_attestations_are_of_the_very_type_by_the_very_authority() {
    let policy = asking("attestations: [{type: slsaprovenance1, by: [builder, release]}]");
    let provenance = "https://slsa.dev/provenance/v1";
    assert_eq!(outcome(&policy, vec![attested("release", provenance)]), Outcome::Allowed);
    for (one, words) in [
        (
            attested("release", "https://slsa.dev/provenance/v0.2"),
            "`release` attests to another type, https://slsa.dev/provenance/v0.2",
        ),
        (attested("release", "https://slsa.dev/provenance/v1/"), "another type"),
        (attested("audit", provenance), "there is one by `audit`"),
        (Verified { digest: manifest(), ..attested("release", provenance) }, "sign the index"),
    ] {
        let (outcome, all) = said(&policy, &found(&policy, vec![one], Vec::new()));
        assert!(outcome == Outcome::Denied && all.contains(words), "{words}: {all}");
    }
}

#[test]
fn the_nearest_refusal_is_told() {
    let policy = asking("signatures: {all: [builder]}");
    let identity =
        "its certificate's identity is https://github.com/acme-evil/x, which `https://github.com/acme/*` does not fit";
    let mut theirs = refused("identity", identity);
    theirs.authority = Some("builder".into());
    let (outcome, words) =
        said(&policy, &found(&policy, Vec::new(), vec![refused("malformed", "it is no JSON"), theirs]));
    assert_eq!(outcome, Outcome::Denied);
    assert!(words.contains(&format!("held against `builder`: {identity} (identity); ")), "{words}");
    // Words of whoever made it: one line, within a bound.
    let long = format!("a\n\u{1b}[2J{}", "x".repeat(5000));
    let (_, words) = said(&policy, &found(&policy, Vec::new(), vec![refused("malformed", &long)]));
    assert!(!words.contains(char::is_control) && words.len() < 1000, "{words}");
    let nothing = said(&policy, &found(&policy, Vec::new(), Vec::new())).1;
    assert!(nothing.ends_with(&format!("there is no signature of {}", index())), "{nothing}");
}

#[test]
fn annotations_that_are_asked_for_must_be_signed_along() {
    let policy = asking("signatures: {all: [release], annotations: {env: prod}}");
    let with = |pairs: &[(&str, &str)]| {
        let annotations = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        found(&policy, vec![Verified { annotations, ..signed("release", index()) }], Vec::new())
    };
    assert_eq!(said(&policy, &with(&[("env", "prod"), ("more", "x")])).0, Outcome::Allowed);
    let (outcome, words) = said(&policy, &with(&[("env", "dev")]));
    assert!(outcome == Outcome::Denied && words.contains("`env` is `dev` there"), "{words}");
    let (outcome, words) = said(&policy, &with(&[("ENV", "prod")]));
    assert!(outcome == Outcome::Denied && words.contains("`env` is not there"), "{words}");
}

#[test]
fn age_counts_from_the_oldest_word_and_is_never_assumed() {
    let policy = asking("attestations: [{type: vuln, by: [release], maxAge: 90d}]");
    let (old, young, ahead) = (Some(at("2026-06-01")), Some(at("2026-11-01")), Some(at("2026-12-01")));
    // When a log or a stamp saw it, when its certificate begins, what the predicate says.
    for (signed_at, not_before, made_at, expected, words) in [
        (None, None, young, Outcome::Allowed, "holds"),
        (young, None, young, Outcome::Allowed, "holds"),
        (young, young, None, Outcome::Allowed, "holds"),
        (None, young, None, Outcome::Allowed, "holds"),
        (young, young, young, Outcome::Allowed, "holds"),
        (None, None, None, Outcome::Denied, "nothing shows when"),
        // Anybody can have what a key once signed logged or stamped today.
        (young, None, None, Outcome::Denied, "a time stamp shows only that it was there by then"),
        (young, None, old, Outcome::Denied, "is of 2026-06-01, and `maxAge` is 90 days: make a new one"),
        (young, old, None, Outcome::Denied, "is of 2026-06-01"),
        (young, old, young, Outcome::Denied, "is of 2026-06-01"),
        (young, young, old, Outcome::Denied, "is of 2026-06-01"),
        (old, None, None, Outcome::Denied, "nothing shows when"),
        (old, None, young, Outcome::Denied, "is of 2026-06-01"),
        (None, None, ahead, Outcome::Denied, "made on 2026-12-01, which is not yet"),
        (young, young, ahead, Outcome::Denied, "which is not yet"),
    ] {
        let kind = "https://cosign.sigstore.dev/attestation/vuln/v1";
        let one = Verified { signed_at, not_before, made_at, ..attested("release", kind) };
        let (outcome, all) = said(&policy, &found(&policy, vec![one], Vec::new()));
        assert!(outcome == expected && all.contains(words), "{signed_at:?} {not_before:?} {made_at:?}: {all}");
    }
}

#[test]
fn what_is_signed_holds_until_the_first_of_it_no_longer_counts() {
    let kind = "https://cosign.sigstore.dev/attestation/vuln/v1";
    let aging = asking("attestations: [{type: vuln, by: [release], maxAge: 90d}]");
    let ageless = asking("attestations: [{type: vuln, by: [release]}], signatures: {any: [builder]}");
    let now = at("2026-11-29");
    let made = |day: &str| Verified { made_at: Some(at(day)), ..attested("release", kind) };
    let certified = |end: jiff::Timestamp| Verified { not_after: Some(end), ..signed("builder", index()) };
    for (policy, verified, expected) in [
        (&aging, vec![made("2026-11-01")], Some("2027-01-30T12:00:01Z")),
        (&ageless, vec![made("2026-11-01")], None),
        (&aging, vec![made("2026-11-01"), made("2026-10-01")], Some("2026-12-30T12:00:01Z")),
        // What counts no longer does not end anything.
        (&aging, vec![made("2026-11-01"), made("2026-01-01")], Some("2027-01-30T12:00:01Z")),
        (
            &aging,
            vec![Verified { signed_at: Some(at("2026-10-01")), ..made("2026-11-01") }],
            Some("2026-12-30T12:00:01Z"),
        ),
        (&aging, vec![Verified { authority: "builder".into(), ..made("2026-11-01") }], None),
        (&ageless, vec![certified(at("2026-12-01"))], Some("2026-12-01T12:00:01Z")),
        (&aging, vec![made("2026-11-01"), certified(at("2026-12-01"))], Some("2026-12-01T12:00:01Z")),
        (&ageless, vec![certified(at("2026-11-01")), signed("builder", index())], None),
    ] {
        let assessment = found(policy, verified, Vec::new());
        let until = holds_until(assessment.signatures.as_ref().unwrap(), &policy.images[0], now);
        assert_eq!(until, expected.map(|text| text.parse().unwrap()), "{:?}", assessment.signatures);
        // At that moment the same is judged anew, and no second before.
        let Some(until) = until.filter(|_| policy.images[0].signatures.is_empty()) else { continue };
        let judged = |at| judge(&assessment, policy, &Context::at(at)).outcome;
        assert_eq!(judged(until - jiff::SignedDuration::from_secs(1)), Outcome::Allowed);
    }
    let one = found(&aging, vec![made("2026-11-01")], Vec::new());
    assert_eq!(judge(&one, &aging, &Context::at("2027-01-30T12:00:01Z".parse().unwrap())).outcome, Outcome::Denied);
}

#[test]
fn rego_may_object_warn_and_be_in_doubt() {
    let policy = asking("attestations: [{type: vuln, by: [release], rego: a.rego}]");
    let kind = "https://cosign.sigstore.dev/attestation/vuln/v1";
    let asked = |said: Option<Vec<Effect>>| {
        let objections = |effects: Vec<Effect>| {
            effects
                .into_iter()
                .map(|effect| Objection { effect, message: format!("{effect:?} of a builder") })
                .collect()
        };
        let rego = said.map(|said| ("a.rego".to_owned(), objections(said))).into_iter().collect();
        Verified { rego, ..attested("release", kind) }
    };
    for (one, expected, words) in [
        (asked(Some(vec![])), Outcome::Allowed, "holds"),
        (asked(Some(vec![Effect::Warn])), Outcome::Allowed, "Warn of a builder"),
        (asked(Some(vec![Effect::Deny])), Outcome::Denied, "a.rego says of the one by `release`: Deny of a builder"),
        (asked(Some(vec![Effect::Undecided, Effect::Deny])), Outcome::Denied, "Deny of a builder"),
        (asked(Some(vec![Effect::Undecided])), Outcome::Undecided, "could not tell"),
        (asked(None), Outcome::Undecided, "a.rego was not asked"),
    ] {
        let (outcome, all) = said(&policy, &found(&policy, vec![one], Vec::new()));
        assert!(outcome == expected && all.contains(words), "{words}: {all}");
    }
    // One that holds is enough.
    let both = vec![asked(Some(vec![Effect::Deny])), asked(Some(vec![]))];
    assert_eq!(outcome(&policy, both), Outcome::Allowed);
}

/// An image with one fault, for which somebody attests that it is not affected.
fn with_vex(policy: &LoadLine, attestation: Verified) -> Assessment {
    let facts = found(policy, vec![attestation], Vec::new());
    Assessment { subject: facts.subject, signatures: facts.signatures, ..debian(vec![fault("CVE-2026-0001")]) }
}

#[test]
fn only_a_verified_vex_of_a_named_authority_lowers_a_finding() {
    let policy = asking(
        "attestations: [{type: openvex, by: [release], use: vex}], vulnerabilities: {deny: [{severity: \">=unknown\"}]}",
    );
    let clear = VexStatement {
        ids: vec!["CVE-2026-0001".into()],
        products: vec!["registry.example.com/shop/web".into()],
        subcomponents: Vec::new(),
        status: VexStatus::NotAffected,
        justification: "not reachable".into(),
        document: "the VEX attestation of `release`".into(),
    };
    let openvex = "https://openvex.dev/ns";
    let with = |one: Verified| Verified { vex: vec![clear.clone()], ..one };
    let denied = |assessment: &Assessment| judge(assessment, &policy, &Context::at(at("2026-11-29"))).outcome;
    let counts = with_vex(&policy, with(attested("release", openvex)));
    let verdict = judge(&counts, &policy, &Context::at(at("2026-11-29")));
    assert!(verdict.hidden.iter().any(|one| one.by == HiddenBy::Vex), "{verdict:?}");
    for other in [
        with(attested("builder", openvex)),
        with(attested("release", "https://openvex.dev/ns/v0.2.0")),
        with(Verified { digest: manifest(), ..attested("release", openvex) }),
        with(Verified { kind: SignedKind::Signature, ..attested("release", openvex) }),
    ] {
        let assessment = with_vex(&policy, other);
        let verdict = judge(&assessment, &policy, &Context::at(at("2026-11-29")));
        assert!(verdict.outcome == Outcome::Denied && verdict.hidden.is_empty(), "{verdict:?}");
    }
    // What of it could not be used is told, with how much of it there is.
    let problem = |number: usize| Problem::note(ProblemKind::BadInput, format!("use statement {number}"));
    let unused = |vex: &[VexStatement], problems: usize| {
        let vex_problems = (1..=problems).map(problem).collect();
        let one = Verified { vex: vex.to_vec(), vex_problems, ..attested("release", openvex) };
        said(&policy, &with_vex(&policy, one)).1
    };
    for (all, words) in [
        (
            unused(std::slice::from_ref(&clear), 3),
            "not all of the attestation of type `openvex` by `release` can be used: could not use statement 1 and 2 more",
        ),
        (unused(&[], 1), "says nothing that is VEX: could not use statement 1"),
    ] {
        assert!(all.contains(words), "{all}");
    }
    // What is not read may say that it is affected after all.
    let mut partial = counts.clone();
    partial.signatures.as_mut().unwrap().partial = true;
    let verdict = judge(&partial, &policy, &Context::at(at("2026-11-29")));
    assert!(verdict.outcome == Outcome::Denied && verdict.hidden.is_empty(), "{verdict:?}");
    assert!(said(&policy, &partial).1.contains("no attestation of type `openvex` is believed"), "{verdict:?}");
    // Under another policy's authorities it is nobody's word.
    let mut foreign = counts.clone();
    foreign.signatures.as_mut().unwrap().policy = "sha256:00".into();
    assert_eq!(denied(&foreign), Outcome::Denied);
    // It need not be there; whether it is must be known.
    let mut none = image("registry.example.com/shop/web:1.0");
    none.subject = counts.subject.clone();
    none.signatures = Some(SignatureFacts { policy: policy.digest.clone(), ..SignatureFacts::default() });
    assert_eq!(denied(&none), Outcome::Allowed);
    none.signatures = None;
    assert_eq!(denied(&none), Outcome::Undecided);
}

#[test]
fn doors_stay_doors_and_what_asks_for_signatures_is_pinned() {
    let policy = policy(&format!(
        "{KEYS}images: [{{name: a, match: [\"**\"], signatures: {{all: [release]}}}}]\nexempt: [{{images: [\"docker.io/**\"], reason: x}}]\n\
         breakGlass: {{annotation: a/b, value: c, namespaces: [\"*\"], groups: any}}\n"
    ));
    let mut exempt = image("docker.io/library/nginx:1");
    exempt.subject.digest = Some(manifest());
    assert_eq!(judge(&exempt, &policy, &Context::at(at("2026-11-29"))).outcome, Outcome::Allowed);
    let unsigned = found(&policy, Vec::new(), Vec::new());
    let annotations = BTreeMap::from([("a/b".to_owned(), "c".to_owned())]);
    let request = Request { user: None, groups: &[], annotations: &annotations };
    let context = Context { namespace: Some("shop"), request: Some(&request), ..Context::at(at("2026-11-29")) };
    let verdict = judge(&unsigned, &policy, &context);
    assert_eq!((verdict.outcome, verdict.effective), (Outcome::Denied, Outcome::Allowed));

    let context = Context::at(at("2026-11-29"));
    let reference = unsigned.subject.reference.as_ref();
    assert_eq!(standing(reference, &policy, &context), Standing::Judged { pin: true });
    assert_eq!(ruled_by(reference, &policy, &context).unwrap().name, "a");
    assert!(ruled_by(exempt.subject.reference.as_ref(), &policy, &context).is_none());
}

#[test]
fn an_authority_that_nobody_names_is_worth_a_remark() {
    let policy = asking("attestations: [{type: vuln, by: [release]}]");
    let all = remarks(&policy, at("2026-11-29")).join("\n");
    assert!(all.contains("no entry names the authority `builder` (policy.yaml:6)"), "{all}");
    assert!(!all.contains("`release`") && !all.contains("asks for nothing"), "{all}");
}
