//! An image that is signed without keys, as registries keep that. In: its digest. Out, in a folder: bundle.json, a signature as a bundle;
//! signature.json and attestation.json, the classic form of both: the layer's bytes in base64 and its annotations; trusted_root.json,
//! by which all of them are true, and other_root.json, by which none is.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::world::{Made, SIGN, Setup, annotation, b64, make, pem, unb64};

const REFERENCE: &str = "world.example/image";

/// Writes all of them.
pub fn write(digest: &str, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let payload = json!({
        "critical": {"identity": {"docker-reference": REFERENCE}, "image": {"docker-manifest-digest": format!("sha256:{digest}")},
            "type": "cosign container image signature"},
        "optional": null,
    });
    let bundle = make(&Setup::statement_of(digest, SIGN));
    let signature = make(&Setup { artifact: payload.to_string().into_bytes(), ..Setup::default() });
    let attestation = make(&Setup {
        stamp: true,
        stamped_envelope: true,
        ..Setup::statement_of(digest, "https://slsa.dev/provenance/v1")
    });
    let envelope = attestation.bundle["dsseEnvelope"].to_string();
    let by = unb64(&signature.bundle["messageSignature"]["signature"]);
    let files = [
        ("bundle.json", bundle.bundle.clone()),
        ("signature.json", layer(&signature, &signature.artifact, &b64(&by))),
        ("attestation.json", layer(&attestation, envelope.as_bytes(), "")),
        ("trusted_root.json", together(&[&bundle, &signature, &attestation])),
        ("other_root.json", make(&Setup::default()).trusted_root),
    ];
    for (name, value) in files {
        fs::write(folder.join(name), value.to_string()).unwrap();
    }
}

/// A layer of the classic form.
fn layer(made: &Made, bytes: &[u8], signature: &str) -> Value {
    let material = &made.bundle["verificationMaterial"];
    let mut annotations = json!({
        "dev.cosignproject.cosign/signature": signature,
        "dev.sigstore.cosign/certificate": pem("CERTIFICATE", &made.certificate),
        "dev.sigstore.cosign/bundle": annotation(&material["tlogEntries"][0]).to_string(),
    });
    let stamp = &material["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"];
    if stamp.is_string() {
        let stamp = json!({"SignedRFC3161Timestamp": stamp});
        annotations["dev.sigstore.cosign/rfc3161timestamp"] = stamp.to_string().into();
    }
    json!({"bytes": b64(bytes), "annotations": annotations})
}

/// One trusted root of several worlds.
fn together(all: &[&Made]) -> Value {
    let mut root = all[0].trusted_root.clone();
    for other in &all[1..] {
        for list in ["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"] {
            let more = other.trusted_root[list].as_array().unwrap().clone();
            root[list].as_array_mut().unwrap().extend(more);
        }
    }
    root
}
