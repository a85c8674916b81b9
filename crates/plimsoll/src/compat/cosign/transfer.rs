//! `copy`, `save`, `load` and `clean`. In: an image. Out: it and what is attached to it elsewhere, in a folder, or out of one; or what is
//! attached is gone. Bytes are moved as they are; none of them is believed, and none changed.

use std::path::Path;

use clap::Args;
use plimsoll_model::{Digest, ImageReference, Platform};
use plimsoll_sources::Sources;
use plimsoll_sources::attached::{Kind, LayoutWriter, tag};
use plimsoll_sources::local::layout::LayoutFolder;
use plimsoll_sources::oci::manifest::{Descriptor, Index};
use plimsoll_trust::image_bundle;

use super::flags::Registry;
use super::{Failure, fetch, say};
use crate::compat::truth;

/// The annotation by which Cosign's layouts say what each entry of their index is.
const KIND: &str = "kind";
const IMAGE: &str = "dev.cosignproject.cosign/image";
const IMAGE_INDEX: &str = "dev.cosignproject.cosign/imageIndex";
const SIGNATURES: &str = "dev.cosignproject.cosign/sigs";
const ATTESTATIONS: &str = "dev.cosignproject.cosign/atts";

#[derive(Debug, Args)]
pub struct Copy {
    /// The image
    #[arg(value_name = "SOURCE")]
    pub from: String,
    /// Where it goes
    #[arg(value_name = "DESTINATION")]
    pub to: String,
    /// Only these: sig, att, sbom (repeatable)
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Only signatures: --only=sig
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub sig_only: bool,
    /// Overwrite what is at the destination
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub force: bool,
    /// Of an index the image of this platform alone
    #[arg(long, value_name = "OS/ARCH", value_parser = |text: &str| Platform::parse(text).ok_or("write it as os/arch"))]
    pub platform: Option<Platform>,
    #[command(flatten)]
    pub registry: Registry,
}

#[derive(Debug, Args)]
pub struct Save {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// The folder of the layout
    #[arg(long, value_name = "FOLDER")]
    pub dir: String,
    #[command(flatten)]
    pub registry: Registry,
}

#[derive(Debug, Args)]
pub struct Load {
    /// What it is called in the registry
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// The folder of the layout
    #[arg(long, value_name = "FOLDER")]
    pub dir: String,
    #[command(flatten)]
    pub registry: Registry,
}

#[derive(Debug, Args)]
pub struct Clean {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// What is removed: signature, attestation, sbom, referrer or all
    #[arg(long, value_name = "KIND", default_value = "all", value_parser = ["signature", "attestation", "sbom", "referrer", "all"])]
    pub r#type: String,
    /// No question
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub force: bool,
    #[command(flatten)]
    pub registry: Registry,
}

pub fn copy(asked: &Copy) -> Result<(), Failure> {
    let only = kinds(asked)?;
    if std::env::var_os("COSIGN_REPOSITORY").is_some_and(|name| !name.is_empty()) {
        return Err(
            "copy takes along what lies beside an image, and COSIGN_REPOSITORY names another place: unset it".into()
        );
    }
    let (from, to) = (fetch::reference(&asked.from)?, fetch::reference(&asked.to)?);
    let sources = fetch::sources(&asked.registry, &[asked.from.clone(), asked.to.clone()])?;
    let digests = sources.entities(&from, asked.platform.as_ref()).map_err(fetch::missing)?;
    let [root, ..] = digests.as_slice() else { return Ok(()) };
    if let Some(wanted) = to.digest().filter(|wanted| only.is_empty() && *wanted != root) {
        return Err(format!("{to} cannot be {root}: its name is {wanted}").into());
    }
    for digest in &digests {
        for kind in Kind::ALL.into_iter().filter(|kind| only.is_empty() || only.contains(kind)) {
            let (from, to) = (tagged(&from, digest, kind)?, tagged(&to, digest, kind)?);
            if sources.copy(&from, &to, asked.force)?.is_some() {
                say(&format!("Copying {from} to {to}..."));
            }
        }
    }
    if !only.is_empty() {
        return Ok(());
    }
    say(&format!("Copying {} to {to}...", fetch::by_digest(&from, root)));
    sources.copy(&from.with_digest(root.clone()), &to, asked.force)?;
    for digest in &digests {
        let count = sources.copy_referrers(&from, &to, digest)?;
        if count > 0 {
            say(&format!("Copying {count} referrers of {digest}..."));
        }
    }
    Ok(())
}

/// Those that `--only` names; none where it names none.
fn kinds(asked: &Copy) -> Result<Vec<Kind>, Failure> {
    let mut only = if asked.sig_only { vec![Kind::Signatures] } else { vec![] };
    for name in asked.only.iter().filter(|name| !name.is_empty()) {
        let kind = Kind::ALL.into_iter().find(|kind| kind.suffix() == name);
        only.push(kind.ok_or_else(|| format!("invalid value for --only: {name}: sig, att and sbom are spoken"))?);
    }
    Ok(only)
}

/// The tag in a repository that derives from a digest.
fn tagged(reference: &ImageReference, digest: &Digest, kind: Kind) -> Result<ImageReference, Failure> {
    fetch::reference(&format!("{}:{}", reference.name(), tag(digest, kind)))
}

pub fn save(asked: &Save) -> Result<(), Failure> {
    let sources = fetch::sources(&asked.registry, std::slice::from_ref(&asked.image))?;
    let image = fetch::image(&sources, &asked.image)?;
    let (digest, store) = (&image.holding.digest, fetch::store(&image.reference)?);
    let mut layout = LayoutWriter::new(Path::new(&asked.dir))?;
    let is_index = plimsoll_sources::oci::media::is_index(&image.holding.media_type);
    let kind = if is_index { IMAGE_INDEX } else { IMAGE };
    sources.save(&image.reference.with_digest(digest.clone()), &mut layout, &[(KIND, kind)])?;
    for (of, kind) in [(Kind::Signatures, SIGNATURES), (Kind::Attestations, ATTESTATIONS)] {
        sources.save(&tagged(&store, digest, of)?, &mut layout, &[(KIND, kind)])?;
    }
    sources.save_referrers(&store, digest, &mut layout)?;
    Ok(layout.finish()?)
}

pub fn load(asked: &Load) -> Result<(), Failure> {
    let to = fetch::reference(&asked.image)?;
    let layout = LayoutFolder::new(Path::new(&asked.dir))?;
    let index = layout.index()?;
    let root = root(&index, &asked.dir)?;
    let sources = fetch::sources(&asked.registry, std::slice::from_ref(&asked.image))?;
    let digest = sources.load(&layout, root, &to)?;
    let store = fetch::store(&to)?;
    for kind in [Kind::Signatures, Kind::Attestations] {
        for entry in beside(&index, kind) {
            sources.load(&layout, entry, &tagged(&store, &digest, kind)?)?;
        }
    }
    sources.load_referrers(&layout, &store, &digest)?;
    Ok(())
}

/// The entries of a layout's index of these kinds.
fn entries<'i>(index: &'i Index, kinds: &[&str]) -> Vec<&'i Descriptor> {
    let is_one = |name: &String| kinds.contains(&name.as_str());
    index.manifests.iter().filter(|entry| entry.annotations.get(KIND).is_some_and(is_one)).collect()
}

/// The one image of a layout that `save` wrote.
pub fn root<'i>(index: &'i Index, folder: &str) -> Result<&'i Descriptor, Failure> {
    match entries(index, &[IMAGE, IMAGE_INDEX]).as_slice() {
        [one] => Ok(*one),
        [] => Err(format!("{folder} holds no image that cosign save put there").into()),
        several => Err(format!("{folder} holds {} images, where one is expected", several.len()).into()),
    }
}

/// What lies beside it there.
pub fn beside(index: &Index, kind: Kind) -> Vec<&Descriptor> {
    match kind {
        Kind::Signatures => entries(index, &[SIGNATURES]),
        Kind::Attestations => entries(index, &[ATTESTATIONS]),
        // It is not saved.
        Kind::Sbom => vec![],
    }
}

pub fn clean(asked: &Clean) -> Result<(), Failure> {
    let what = match asked.r#type.as_str() {
        "signature" => "signatures",
        "attestation" => "attestations",
        "sbom" => "SBOMs",
        "referrer" => "referrer attestations and/or signatures",
        _ => "signatures, SBOMs and attestations",
    };
    if !asked.force {
        say(&format!("WARNING: this will remove all {what} from the image"));
        if !super::agreed()? {
            return Err("user declined the prompt".into());
        }
    }
    let sources = fetch::sources(&asked.registry, std::slice::from_ref(&asked.image))?;
    let reference = fetch::reference(&asked.image)?;
    let digest = match reference.digest() {
        Some(digest) => digest.clone(),
        None => fetch::image(&sources, &asked.image)?.holding.digest,
    };
    let store = fetch::store(&reference)?;
    let mut failed = vec![];
    for (kind, name) in [(Kind::Signatures, "signature"), (Kind::Attestations, "attestation"), (Kind::Sbom, "sbom")] {
        if asked.r#type != "all" && asked.r#type != name {
            continue;
        }
        let tag = tagged(&store, &digest, kind)?;
        match sources.remove(&tag) {
            Ok(true) => say(&format!("Removed {tag} from {}", asked.image)),
            Ok(false) => {}
            Err(error) => failed.push(Failure::from(error).why),
        }
    }
    if matches!(asked.r#type.as_str(), "all" | "referrer") {
        let bundles = bundles(&sources, &store, &digest, &mut failed)?;
        match sources.remove_referrers(&store, &digest, &bundles) {
            Ok(()) => bundles
                .iter()
                .for_each(|one| say(&format!("Removed {} from {}", fetch::by_digest(&store, one), asked.image))),
            Err(error) => failed.push(Failure::from(error).why),
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        whys => Err(format!("not all could be removed: {}", whys.join("\n")).into()),
    }
}

/// The manifests that refer to an image with a bundle: others are not Cosign's to remove.
fn bundles(
    sources: &Sources,
    store: &ImageReference,
    digest: &Digest,
    failed: &mut Vec<String>,
) -> Result<Vec<Digest>, Failure> {
    let mut found = vec![];
    for referrer in sources.referrers(store, digest)?.found {
        match referrer {
            Ok(one) if one.layers.iter().any(|layer| image_bundle::is_bundle(&layer.media_type)) => {
                found.push(one.digest);
            }
            Ok(_) => {}
            Err(error) => failed.push(Failure::from(error).why),
        }
    }
    Ok(found)
}
