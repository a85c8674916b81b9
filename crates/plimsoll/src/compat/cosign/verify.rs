//! `verify`. In: images and what is demanded of their signatures. Out: those signatures that fulfil it, on standard output; or why
//! none does.

use std::collections::BTreeMap;

use plimsoll_model::{Digest, ImageReference};
use plimsoll_sources::SourceError;
use plimsoll_sources::attached::Kind;
use plimsoll_trust::classic::{Claims, Signature};
use plimsoll_trust::{
    Demand, Reason, Refusal, SIGNATURE, Signer, SimpleSigning, Subject, TrustMaterial, Verified, image_bundle,
    simple_signing,
};
use serde_json::{Value, json};

use super::fetch::{Beside, Image};
use super::flags::Verify;
use super::sign::annotations;
use super::{Failure, NO_MATCH, NO_SIGNATURE, demand, fetch, print, say};

/// What is demanded of every image.
struct Wanted {
    trust: TrustMaterial,
    demand: Demand,
    annotations: BTreeMap<String, String>,
    check_claims: bool,
    /// Bundles alone, the classic form alone, or both.
    bundles: Option<bool>,
    now: jiff::Timestamp,
}

/// What was found of one image.
pub struct Found<T> {
    /// Those that fulfil the demand; of signatures what they say, each as one JSON object.
    pub verified: Vec<T>,
    /// Why others do not.
    pub refused: Vec<String>,
    /// What is there and beyond what is read, which proves nothing and may speak against the rest.
    pub beyond: Vec<String>,
    /// Why of others it could not be told.
    pub unread: Vec<String>,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Found { verified: vec![], refused: vec![], beyond: vec![], unread: vec![] }
    }
}

impl<T> Found<T> {
    /// What one that could be had turned out to be.
    pub fn held(&mut self, outcome: Result<T, Refusal>) {
        match outcome {
            Ok(one) => self.verified.push(one),
            Err(refusal) => self.refused(&refusal),
        }
    }

    /// One of those that are there could not be had. What was read and is none is refused.
    pub fn failed(&mut self, error: SourceError) {
        match error {
            SourceError::Malformed { .. } | SourceError::Json { .. } => self.refused.push(Failure::from(error).why),
            error => self.unlisted(error),
        }
    }

    /// What is there could not be listed, or one of it not be had.
    pub fn unlisted(&mut self, error: SourceError) {
        let list = if error.is_of_content() { &mut self.beyond } else { &mut self.unread };
        list.push(Failure::from(error).why);
    }

    /// A signature that is none here, or a true one of which it cannot be told whether it counts.
    fn refused(&mut self, refusal: &Refusal) {
        let list = match refusal.reason {
            reason if reason.is_doubt() => &mut self.unread,
            reason if reason.is_untold() => &mut self.beyond,
            _ => &mut self.refused,
        };
        list.push(refusal.to_string());
    }

    /// Why none that is there counts. What is beyond what is read is told, and is no doubt: anybody may have put it there.
    pub fn none(&self) -> Vec<&str> {
        self.beyond.iter().chain(&self.refused).map(String::as_str).collect()
    }

    /// Signatures that fulfil the demand; without one, that none does only where all could be read.
    fn outcome(self) -> Result<Vec<T>, Failure> {
        match (self.verified.as_slice(), self.unread.as_slice(), self.none().as_slice()) {
            ([_, ..], ..) => Ok(self.verified),
            ([], [], []) => Err(Failure { status: NO_SIGNATURE, why: "no signatures found".into() }),
            ([], [], whys) => {
                Err(Failure { status: NO_MATCH, why: format!("no matching signatures: {}", whys.join("\n")) })
            }
            ([], unread, whys) => {
                let all: Vec<&str> = unread.iter().map(String::as_str).chain(whys.iter().copied()).collect();
                Err(format!("could not tell whether a signature matches: {}", all.join("\n")).into())
            }
        }
    }
}

pub fn run(asked: &Verify) -> Result<(), Failure> {
    let text = match asked.output.as_str() {
        "json" | "" => false,
        "text" => true,
        other => return Err(format!("--output {other}: json and text are spoken").into()),
    };
    let annotations = annotations(&asked.annotations)?;
    let demand = demand::of(&asked.demand, Subject::Signature)?;
    let wanted = Wanted {
        annotations,
        trust: demand::trust(&asked.demand, &demand)?,
        demand,
        check_claims: asked.check_claims,
        bundles: asked.demand.new_bundle_format,
        now: jiff::Timestamp::now(),
    };
    let images = fetch::Found::of(&asked.registry, &asked.images, asked.local_image)?;
    for name in &asked.images {
        let (image, place) = images.image(name)?;
        let verified = signatures(place.as_ref(), &image, &wanted)?;
        tell(name, &wanted.demand, wanted.check_claims, !wanted.annotations.is_empty());
        match text {
            true => verified.iter().try_for_each(|one| print(format!("{one}\n")))?,
            false => print(format!("\n[{}]\n", verified.join(",")))?,
        }
    }
    Ok(())
}

/// The image's signatures that fulfil a demand, at least one.
fn signatures(sources: &dyn Beside, image: &Image, wanted: &Wanted) -> Result<Vec<String>, Failure> {
    let store = fetch::store(&image.reference)?;
    let mut found = Found::default();
    if wanted.bundles != Some(false) {
        bundles(sources, &store, image, wanted, &mut found)?;
    }
    if wanted.bundles != Some(true) {
        layers(sources, &store, image, wanted, &mut found);
    }
    found.outcome()
}

/// Signatures that are bundles.
fn bundles(
    sources: &dyn Beside,
    store: &ImageReference,
    image: &Image,
    wanted: &Wanted,
    found: &mut Found<String>,
) -> Result<(), Failure> {
    let digest = fetch::sha256(&image.holding.digest)?;
    let Wanted { trust, demand, annotations, now, .. } = wanted;
    each_bundle(sources, store, &image.holding.digest, found, |bytes| {
        let (annotations, verified) = image_bundle::verify(bytes, &digest, trust, demand, annotations, *now)?;
        let optional: BTreeMap<String, Value> = annotations.into_iter().chain(signer(&verified)).collect();
        let (named, digest) = (Value::from(image.named.as_str()), &image.holding.digest);
        let said = format!(
            r#"{{"critical":{{"identity":{{"docker-reference":{named}}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"{SIGNATURE}"}},"optional":{}}}"#,
            json!(optional)
        );
        Ok(simple_signing::escaped(&said))
    });
    Ok(())
}

/// Holds each bundle that refers to the manifest or index of this digest.
pub fn each_bundle<T>(
    sources: &dyn Beside,
    store: &ImageReference,
    digest: &Digest,
    found: &mut Found<T>,
    hold: impl Fn(&[u8]) -> Result<T, Refusal>,
) {
    let mut attached = match sources.referrers(store, digest) {
        Ok(attached) => attached,
        Err(error) => return found.unlisted(error),
    };
    for referrer in std::mem::take(&mut attached.found) {
        let referrer = match referrer {
            Ok(referrer) => referrer,
            Err(error) => {
                found.failed(error);
                continue;
            }
        };
        for layer in referrer.layers.iter().filter(|layer| image_bundle::is_bundle(&layer.media_type)) {
            match attached.bytes(layer) {
                Ok(bytes) => found.held(hold(&bytes)),
                Err(error) => found.failed(error),
            }
        }
    }
}

/// Signatures of the classic form.
fn layers(sources: &dyn Beside, store: &ImageReference, image: &Image, wanted: &Wanted, found: &mut Found<String>) {
    let attached = match sources.attached(store, &image.holding.digest, Kind::Signatures) {
        Ok(Some(attached)) => attached,
        Ok(None) => return,
        Err(error) => return found.unlisted(error),
    };
    let claims = Claims {
        digest: wanted.check_claims.then(|| image.holding.digest.to_string()),
        annotations: wanted.annotations.clone(),
    };
    // What is signed here is the payload, which the claims hold to the image.
    let demand = Demand { subject: Subject::Any, ..wanted.demand.clone() };
    for layer in &attached.found.layers {
        let (kind, size) = (&layer.media_type, layer.size);
        let why = format!("the layer {} is no signature: it is {kind:?} of {size} bytes", layer.digest);
        if layer.media_type != simple_signing::MEDIA_TYPE {
            found.refused(&Refusal::new(Reason::PayloadType, why));
            continue;
        }
        if layer.size > simple_signing::MAX_PAYLOAD as u64 {
            found.refused(&Refusal::new(Reason::TooLarge, why));
            continue;
        }
        let payload = match attached.bytes(layer) {
            Ok(payload) => payload,
            Err(error) => {
                found.failed(error);
                continue;
            }
        };
        let signature = Signature::read(&payload, &layer.annotations);
        match signature.and_then(|one| one.verify(&wanted.trust, &demand, &claims, wanted.now)) {
            Ok((signed, verified)) => found.verified.push(said(&signed, &verified)),
            Err(refusal) => found.refused(&refusal),
        }
    }
}

/// A payload as Go's tools read and write it again, with the signer's name beside its annotations.
fn said(signed: &SimpleSigning, verified: &Verified) -> String {
    let annotations = signed.annotations().map(|(key, value)| (key.to_owned(), value.clone()));
    let optional = annotations.chain(signer(verified)).collect();
    let signed = SimpleSigning::new(signed.reference(), signed.digest(), optional);
    String::from_utf8(signed.render()).unwrap_or_default()
}

/// Who signed, where that is said by a certificate.
fn signer(verified: &Verified) -> Vec<(String, Value)> {
    let Some((_, name, issuer)) = &verified.identity else { return vec![] };
    vec![("Issuer".into(), issuer.as_str().into()), ("Subject".into(), name.text().into())]
}

/// Says what was looked at.
pub fn tell(name: &str, demand: &Demand, check_claims: bool, annotations: bool) {
    let mut lines = vec![
        format!("\nVerification for {name} --"),
        "The following checks were performed on each of these signatures:".into(),
    ];
    if annotations && check_claims {
        lines.push("  - The specified annotations were verified.".into());
    }
    if check_claims {
        lines.push("  - The cosign claims were validated".into());
    }
    if demand.log {
        lines.push("  - Existence of the claims in the transparency log was verified offline".into());
    }
    lines.push(match demand.signer {
        Signer::Key(_) => "  - The signatures were verified against the specified public key".into(),
        Signer::Keyless(_) => {
            "  - The code-signing certificate was verified using trusted certificate authority certificates".into()
        }
    });
    say(&lines.join("\n"));
}
