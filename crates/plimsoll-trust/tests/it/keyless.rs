//! Every case of the offline world, by the artifact's bytes and by its digest.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_trust::{
    Artifact, Bundle, Certificate, Demand, Entry, Hash, Identity, Parts, Pattern, Reason, Refusal, SignedContent,
    Signer, Subject, TimeSource, TrustMaterial, Verified, blob, classic, simple_signing, verify_bundle, verify_parts,
};
use serde_json::json;

use crate::cases::{self, Peer};
use crate::world::{ARTIFACT, IDENTITY, ISSUER, Log, Made, SIGNED, Sct, Setup, annotation, make, pem, sha256, unb64};

#[test]
fn each_case_is_judged_with_its_own_code() {
    let cases = cases::all();
    let mut wrong = Vec::new();
    for case in &cases {
        for by_digest in [false, true] {
            let outcome = case.judge(by_digest);
            let code = outcome.as_ref().map(|_| ()).map_err(|refusal| refusal.reason);
            if code != case.expected {
                wrong.push(format!("{} (by digest: {by_digest}): {outcome:?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() >= 100, "{}", cases.len());
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.iter().filter(|case| case.peer == Peer::Agrees).count() >= 60);
}

#[test]
fn every_attack_of_bundles_has_a_case() {
    let cases = cases::all();
    for number in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24] {
        let prefix = format!("{number}-");
        assert!(cases.iter().any(|case| case.name.starts_with(&prefix) && case.expected.is_err()), "{number}");
    }
}

#[test]
fn what_verified_tells_who_signed_and_who_vouches_for_the_time() {
    let case = cases::all().into_iter().find(|case| case.name == "v1-with-timestamp").unwrap();
    let verified = case.judge(false).unwrap();
    let (_, name, issuer) = verified.identity.unwrap();
    assert_eq!((name.text(), issuer.as_str()), (IDENTITY, ISSUER));
    let times: Vec<_> = verified.times.iter().map(|(source, time)| (*source, time.as_second())).collect();
    assert_eq!(times, [(TimeSource::TimestampAuthority, SIGNED), (TimeSource::Log, SIGNED)]);
    assert_eq!(verified.log_indexes, [4_000_000_001]);
}

#[test]
fn bundles_are_written_as_they_are_read() {
    for version in ["0.1", "0.2", "0.3"] {
        for setup in [
            Setup::default(),
            Setup::v2(),
            Setup::statement("https://spdx.dev/Document"),
            Setup { managed: true, ..Setup::v2() },
        ] {
            let made = make(&Setup { version, ..setup });
            let read = Bundle::from_json(made.bundle.to_string().as_bytes()).unwrap();
            assert_eq!(read.to_json(), made.bundle);
        }
    }
}

#[test]
fn more_than_the_bounds_is_refused() {
    let mut made = make(&Setup::v2());
    let proofs = &mut made.bundle["verificationMaterial"];
    let token = proofs["timestampVerificationData"]["rfc3161Timestamps"][0].clone();
    proofs["timestampVerificationData"]["rfc3161Timestamps"] = vec![token; 33].into();
    assert_eq!(Bundle::from_json(made.bundle.to_string().as_bytes()).unwrap_err().reason, Reason::TooLarge);
    let mut made = make(&Setup::default());
    let entry = made.bundle["verificationMaterial"]["tlogEntries"][0].clone();
    made.bundle["verificationMaterial"]["tlogEntries"] = vec![entry; 33].into();
    assert_eq!(Bundle::from_json(made.bundle.to_string().as_bytes()).unwrap_err().reason, Reason::TooLarge);
}

fn demand() -> Demand {
    let identity = Identity::new(Pattern::exact(IDENTITY), Pattern::exact(ISSUER));
    Demand::new(Signer::Keyless(vec![identity]), Subject::Any)
}

fn judge(made: &Made, demand: &Demand, now: i64) -> Result<Verified, Refusal> {
    let bundle = Bundle::from_json(made.bundle.to_string().as_bytes())?;
    let trust = TrustMaterial::from_json(made.trusted_root.to_string().as_bytes())?;
    verify_bundle(&bundle, &Artifact::Bytes(ARTIFACT), &trust, demand, jiff::Timestamp::from_second(now).unwrap())
}

#[test]
fn who_asks_for_no_log_goes_by_a_timestamp_or_by_today() {
    let without = Demand { log: false, ..demand() };
    let unlogged = make(&Setup { log: Log::Missing, ..Setup::default() });
    assert_eq!(judge(&unlogged, &without, SIGNED).unwrap().times[0].0, TimeSource::Now);
    let later = judge(&unlogged, &without, SIGNED + 3600).unwrap_err();
    assert_eq!(later.reason, Reason::CertificateNotValid);
    // A timestamp holds the certificate to its own time, whatever today is.
    let stamped = make(&Setup { log: Log::Missing, stamp: true, ..Setup::default() });
    let verified = judge(&stamped, &without, SIGNED + 3600).unwrap();
    assert_eq!((verified.times[0].0, verified.log_indexes.len()), (TimeSource::TimestampAuthority, 0));
    // An entry that nobody asked for vouches for nothing, not even the time: its promise was not looked at.
    let mut lying = make(&Setup::default());
    lying.bundle["verificationMaterial"]["tlogEntries"][0]["inclusionPromise"]["signedEntryTimestamp"] = json!("AAAA");
    assert_eq!(judge(&lying, &without, SIGNED + 3600).unwrap_err().reason, Reason::CertificateNotValid);
}

#[test]
fn a_timestamp_may_be_demanded_and_a_proof_of_logging_not() {
    let stamped = Demand { timestamp: true, ..demand() };
    assert_eq!(judge(&make(&Setup::default()), &stamped, SIGNED).unwrap_err().reason, Reason::TimeMissing);
    assert!(judge(&make(&Setup { stamp: true, ..Setup::default() }), &stamped, SIGNED).is_ok());
    let unproven = make(&Setup { sct: Sct::Missing, ..Setup::default() });
    assert!(judge(&unproven, &Demand { sct: false, ..demand() }, SIGNED).is_ok());
    assert_eq!(judge(&unproven, &demand(), SIGNED).unwrap_err().reason, Reason::SctMissing);
}

#[test]
fn a_proof_of_logging_beside_the_certificate_counts_where_none_is_in_it() {
    let held = |made: &Made, sct: Option<&str>| {
        let trust = TrustMaterial::from_json(made.trusted_root.to_string().as_bytes()).unwrap();
        let beside = blob::Beside {
            certificate: Some(Certificate::from_der(&made.certificate).unwrap()),
            sct: sct.map(|sct| sct.as_bytes().to_vec()),
            timestamp: None,
        };
        let signature = unb64(&made.bundle["messageSignature"]["signature"]);
        let now = jiff::Timestamp::from_second(SIGNED).unwrap();
        let demand = Demand { log: false, ..demand() };
        blob::verify(ARTIFACT, &signature, &beside, &trust, &demand, now).map(drop).map_err(|refusal| refusal.reason)
    };
    let [made, other] =
        std::array::from_fn(|_| make(&Setup { sct: Sct::Beside, log: Log::Missing, ..Setup::default() }));
    let (good, foreign) = (made.sct.as_deref().unwrap(), other.sct.as_deref());
    assert_eq!((held(&made, Some(good)), held(&made, None)), (Ok(()), Err(Reason::SctMissing)));
    assert_eq!(held(&made, foreign), Err(Reason::SctUntrusted));
    let large = " ".repeat(1 << 17);
    assert_eq!(held(&made, Some(&large)), Err(Reason::TooLarge));
    // Every change of what is signed, and of the signature, makes it another's.
    let at = good.find("\"timestamp\":").unwrap() + "\"timestamp\":".len();
    let mut later = good.to_owned();
    later.replace_range(at..=at, if good.as_bytes()[at] == b'1' { "2" } else { "1" });
    assert_eq!(held(&made, Some(&later)), Err(Reason::SctInvalid));
    // One in the certificate is what counts, whatever lies beside it.
    let within = make(&Setup { log: Log::Missing, ..Setup::default() });
    assert_eq!(held(&within, foreign), Ok(()));
    let wrong = make(&Setup { sct: Sct::BadSignature, log: Log::Missing, ..Setup::default() });
    assert_eq!(held(&wrong, Some(good)), Err(Reason::SctInvalid));
}

#[test]
fn signatures_that_are_kept_in_parts_are_judged_alike() {
    let made = make(&Setup::default());
    let trust = TrustMaterial::from_json(made.trusted_root.to_string().as_bytes()).unwrap();
    let certificate = Certificate::from_der(&made.certificate).unwrap();
    let entry = &made.bundle["verificationMaterial"]["tlogEntries"][0];
    let judge = |entry: Entry, signature: &[u8]| {
        let entries = [entry];
        let parts = Parts {
            certificate: Some(&certificate),
            sct: None,
            content: SignedContent::Message(signature),
            entries: &entries,
            proven: false,
            timestamps: &[],
            stamped: None,
        };
        let now = jiff::Timestamp::from_second(SIGNED).unwrap();
        verify_parts(&parts, &Artifact::Bytes(ARTIFACT), &trust, &demand(), now)
            .map(|_| ())
            .map_err(|refusal| refusal.reason)
    };
    let signature = unb64(&made.bundle["messageSignature"]["signature"]);
    let good = Entry::from_annotation(annotation(entry).to_string().as_bytes()).unwrap();
    assert_eq!(judge(good.clone(), &signature), Ok(()));
    let mut later = annotation(entry);
    later["Payload"]["integratedTime"] = json!(SIGNED + 1);
    assert_eq!(
        judge(Entry::from_annotation(later.to_string().as_bytes()).unwrap(), &signature),
        Err(Reason::PromiseInvalid)
    );
    assert_eq!(judge(Entry { promise: None, ..good }, &signature), Err(Reason::PromiseMissing));
    // A genuine entry of a log that is somebody else's.
    let other = make(&Setup { logged_signature: true, ..Setup::default() });
    let foreign = Entry::from_annotation(
        annotation(&other.bundle["verificationMaterial"]["tlogEntries"][0]).to_string().as_bytes(),
    );
    assert_eq!(judge(foreign.unwrap(), &signature), Err(Reason::LogUnknown));
    // An entry that calls itself one of a log without promises is not believed for that: anybody can write one.
    let forged = make(&Setup { stamp: true, ..Setup::v2() });
    let mut claimed = forged.bundle["verificationMaterial"]["tlogEntries"][0].clone();
    claimed["logId"] = made.bundle["verificationMaterial"]["tlogEntries"][0]["logId"].clone();
    claimed["inclusionPromise"] = json!({"signedEntryTimestamp": "AAAA"});
    claimed["integratedTime"] = json!(SIGNED.to_string());
    let read = Entry::from_annotation(annotation(&claimed).to_string().as_bytes()).unwrap();
    assert_eq!(read.kind.1, "0.0.2");
    assert_eq!(judge(read, &signature), Err(Reason::InclusionMissing));
    for bad in ["", "{}", "null", r#"{"SignedEntryTimestamp":"","Payload":null}"#] {
        assert_eq!(Entry::from_annotation(bad.as_bytes()).unwrap_err().reason, Reason::Malformed, "{bad}");
    }
    let mut text = annotation(entry);
    text["Payload"]["body"] = json!({"kind": "hashedrekord"});
    assert_eq!(Entry::from_annotation(text.to_string().as_bytes()).unwrap_err().reason, Reason::Malformed);
}

#[test]
fn attestations_of_the_classic_form_are_stamped_over_their_envelope() {
    let held = |setup: Setup, now: i64| {
        let made = make(&setup);
        let material = &made.bundle["verificationMaterial"];
        let token = &material["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"];
        let mut annotations = BTreeMap::from([
            (simple_signing::CERTIFICATE.to_owned(), pem("CERTIFICATE", &made.certificate)),
            (simple_signing::TIMESTAMP.to_owned(), json!({"SignedRFC3161Timestamp": token}).to_string()),
        ]);
        let logged = setup.log == Log::V1;
        if logged {
            let entry = annotation(&material["tlogEntries"][0]).to_string();
            annotations.insert(simple_signing::BUNDLE.to_owned(), entry);
        }
        let bytes = made.bundle["dsseEnvelope"].to_string();
        let trust = TrustMaterial::from_json(made.trusted_root.to_string().as_bytes()).unwrap();
        let read = classic::Attestation::read(bytes.as_bytes(), &annotations).unwrap();
        let artifact = Artifact::Digest(Hash::Sha256, sha256(ARTIFACT));
        let demand = Demand { log: logged, ..demand() };
        let now = jiff::Timestamp::from_second(now).unwrap();
        let verified = read.verify(&artifact, &trust, &demand, now);
        verified.map(|one| one.times.into_iter().map(|(source, _)| source).collect()).map_err(|refusal| refusal.reason)
    };
    let spdx = || Setup { stamp: true, ..Setup::statement("https://spdx.dev/Document") };
    let whole = || Setup { stamped_envelope: true, ..spdx() };
    assert_eq!(held(whole(), SIGNED), Ok(vec![TimeSource::TimestampAuthority, TimeSource::Log]));
    // Without a log the timestamp alone shows that the certificate was good then.
    let unlogged = Setup { log: Log::Missing, ..whole() };
    assert_eq!(held(unlogged, SIGNED + 3600), Ok(vec![TimeSource::TimestampAuthority]));
    assert_eq!(held(spdx(), SIGNED), Err(Reason::TimestampOther));
}
