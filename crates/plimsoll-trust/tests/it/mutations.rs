//! Every field of a good bundle, made wrong in many ways: it is refused, or what it says is still true, and nothing panics.

use base64::Engine as _;
use plimsoll_trust::{
    Artifact, Bundle, Content, Demand, Identity, Material, Pattern, PublicKey, Signer, Subject, TrustMaterial, Version,
    verify_bundle,
};
use serde_json::{Value, json};

use crate::world::{ARTIFACT, IDENTITY, ISSUER, Made, SIGNED, Setup, b64, make};

pub fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), all)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, value)| places(value, &format!("{at}/{i}"), all)),
        _ => {}
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(text).ok().filter(|bytes| bytes.len() > 4)
}

/// Values to put where `value` was.
pub fn wrong(value: &Value) -> Vec<Value> {
    let mut all = vec![
        json!(null),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(true),
        json!(""),
        json!("x"),
        json!("AAAA"),
        json!([]),
        json!({}),
        json!([null]),
    ];
    if let Some(text) = value.as_str() {
        all.extend([json!(format!("{text} ")), json!(text.to_uppercase()), json!(&text[..text.len() / 2])]);
        if let Some(bytes) = decoded(text) {
            // Spread over all of it: header, middle, end.
            let step = (bytes.len() / 24).max(1);
            for at in (0..bytes.len()).step_by(step) {
                for bit in [0x01, 0x80] {
                    let mut flipped = bytes.clone();
                    flipped[at] ^= bit;
                    all.push(json!(b64(&flipped)));
                }
            }
            all.extend([
                json!(b64(&bytes[1..])),
                json!(b64(&bytes[..bytes.len() - 1])),
                json!(b64(&[&bytes[..], b"\0"].concat())),
            ]);
            all.push(json!(b64(&[&bytes[..], &bytes[..]].concat())));
        }
        if let Ok(number) = text.parse::<i64>() {
            all.extend([
                json!((number + 1).to_string()),
                json!((number - 1).to_string()),
                json!(number),
                json!(format!("0{number}")),
            ]);
        }
    }
    if let Some(items) = value.as_array() {
        all.push(items.iter().chain(items).cloned().collect());
    }
    all.retain(|other| other != value);
    all
}

fn judge(made: &Made, bundle: &Value, trusted_root: &Value) -> bool {
    let judged = || {
        let trust = TrustMaterial::from_json(trusted_root.to_string().as_bytes())?;
        let bundle = Bundle::from_json(bundle.to_string().as_bytes())?;
        let signer = match &made.key {
            Some(key) => Signer::Key(PublicKey::from_pem(key.as_bytes())?),
            None => Signer::Keyless(vec![Identity::new(Pattern::exact(IDENTITY), Pattern::exact(ISSUER))]),
        };
        let now = jiff::Timestamp::from_second(SIGNED).unwrap();
        verify_bundle(&bundle, &Artifact::Bytes(ARTIFACT), &trust, &Demand::new(signer, Subject::Any), now)
    };
    judged().is_ok()
}

/// What a bundle says, without what nothing rests on: its form, hints, what repeats the artifact, an entry or timestamp that stands there
/// twice, and where another proves the time, one of the two.
fn meaning(bundle: &Value) -> Bundle {
    let mut bundle = Bundle::from_json(bundle.to_string().as_bytes()).unwrap();
    bundle.version = Version::V0_3;
    match &mut bundle.content {
        Content::Message { digest, .. } => *digest = None,
        Content::Envelope(envelope) => envelope.key_hint.clear(),
    }
    bundle.material = match bundle.material {
        Material::PublicKey(_) => Material::PublicKey(String::new()),
        Material::Chain(chain) => Material::Certificate(chain[0].clone()),
        certificate => certificate,
    };
    for entry in &mut bundle.entries {
        // A promise covers both; without it neither counts.
        (entry.promise, entry.integrated, entry.index, entry.proof) = (None, None, 0, None);
    }
    bundle.entries.dedup();
    bundle.timestamps.clear();
    bundle
}

#[test]
fn whatever_is_changed_is_refused_or_still_true() {
    let setups = [
        ("v1", Setup::default()),
        ("v1-dsse", Setup::statement("https://spdx.dev/Document")),
        ("v2", Setup::v2()),
        ("0.1", Setup { version: "0.1", stamp: true, ..Setup::default() }),
        ("key", Setup { managed: true, ..Setup::v2() }),
    ];
    let mut tried = 0;
    for (name, setup) in setups {
        let made = make(&setup);
        assert!(judge(&made, &made.bundle, &made.trusted_root), "{name}");
        let mut all = Vec::new();
        places(&made.bundle, "", &mut all);
        for place in &all {
            let original = made.bundle.pointer(place).unwrap();
            for value in wrong(original) {
                let mut bundle = made.bundle.clone();
                *bundle.pointer_mut(place).unwrap() = value.clone();
                tried += 1;
                if judge(&made, &bundle, &made.trusted_root) {
                    let same = meaning(&bundle) == meaning(&made.bundle);
                    assert!(same, "{name}: {place} was {original}, is {value}, and was accepted");
                }
            }
        }
    }
    assert!(tried > 2000, "{tried}");
}

#[test]
fn a_trusted_root_that_is_changed_makes_nothing_panic() {
    let made = make(&Setup::v2());
    let mut all = Vec::new();
    places(&made.trusted_root, "", &mut all);
    for place in &all {
        for value in wrong(made.trusted_root.pointer(place).unwrap()) {
            let mut root = made.trusted_root.clone();
            *root.pointer_mut(place).unwrap() = value;
            let _ = judge(&made, &made.bundle, &root);
        }
    }
}
