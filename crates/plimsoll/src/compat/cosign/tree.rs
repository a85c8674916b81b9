//! `triangulate` and `tree`. In: an image. Out: where its signatures lie, and what is attached to it. Nothing of it is believed.

use plimsoll_sources::attached::{Kind, tag};

use super::flags::{Tree, Triangulate};
use super::{Failure, fetch, print, say};

pub fn triangulate(asked: &Triangulate) -> Result<(), Failure> {
    let kind = match asked.r#type.as_str() {
        "signature" => Some(Kind::Signatures),
        "attestation" => Some(Kind::Attestations),
        "sbom" => Some(Kind::Sbom),
        "digest" => None,
        other => return Err(format!("unknown attachment type {other}").into()),
    };
    let (reference, digest) = fetch::digest(&asked.image, &asked.registry)?;
    let line = match kind {
        Some(kind) => format!("{}:{}", fetch::repository(&fetch::store(&reference)?), tag(&digest, kind)),
        None => fetch::by_digest(&reference, &digest),
    };
    print(format!("{line}\n"))
}

pub fn run(asked: &Tree) -> Result<(), Failure> {
    let sources = fetch::sources(&asked.registry, std::slice::from_ref(&asked.image))?;
    let image = fetch::image(&sources, &asked.image)?;
    let (store, digest) = (fetch::store(&image.reference)?, &image.holding.digest);
    print(format!("📦 Supply Chain Security Related artifacts for an image: {}\n", asked.image))?;
    let mut lines = vec![];
    for (kind, what) in
        [(Kind::Attestations, "💾 Attestations"), (Kind::Signatures, "🔐 Signatures"), (Kind::Sbom, "📦 SBOMs")]
    {
        let Some(attached) = sources.attached(&store, digest, kind)? else { continue };
        lines.push(format!("└── {what} for an image tag: {}:{}", fetch::repository(&store), tag(digest, kind)));
        let count = attached.found.layers.len();
        for (at, layer) in attached.found.layers.iter().enumerate() {
            let branch = if at + 1 == count { "└──" } else { "├──" };
            lines.push(format!("   {branch} 🍒 {}", layer.digest));
        }
    }
    for referrer in sources.referrers(&store, digest)?.found {
        match referrer {
            Ok(referrer) => {
                let what = referrer.predicate_type.or(referrer.artifact_type).unwrap_or_default();
                lines.push(format!(
                    "└── 🔗 {what} artifacts via OCI referrer: {}",
                    fetch::by_digest(&store, &referrer.digest)
                ));
                let count = referrer.layers.len();
                for (at, layer) in referrer.layers.iter().enumerate() {
                    let branch = if at + 1 == count { "└──" } else { "├──" };
                    lines.push(format!("   {branch} 🍒 {}", layer.digest));
                }
            }
            Err(error) => say(&format!("WARNING: a referrer is passed over: {}", Failure::from(error).why)),
        }
    }
    if lines.is_empty() {
        let name = &asked.image;
        return print(format!(
            "No Supply Chain Security Related Artifacts found for image {name},\n start creating one with simply running$ cosign sign <img>"
        ));
    }
    let safe: Vec<String> = lines.iter().map(|line| crate::compat::safe_lines(line)).collect();
    print(format!("{}\n", safe.join("\n")))
}
