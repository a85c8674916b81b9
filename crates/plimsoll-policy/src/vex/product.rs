//! Whether a VEX statement speaks of a package in a subject. In: the statement's products and parts, the subject. Out:
//! which packages it covers. A package URL without a version means every version, and one with qualifiers means only
//! packages that have them; an image is known by full name or digest.

use std::collections::HashMap;

use plimsoll_model::purl::{PackageUrl, package_url};
use plimsoll_model::{Assessment, Digest, Ecosystem, ImageReference, Package, VexStatement};

/// The subject's side of the comparison: each package's URL, and its source's where that has another name.
pub(crate) struct Products<'a> {
    assessment: &'a Assessment,
    urls: Vec<Vec<PackageUrl>>,
    /// Packages by type and name, for documents speak of thousands.
    by_name: HashMap<(String, String), Vec<usize>>,
}

impl<'a> Products<'a> {
    pub fn new(assessment: &'a Assessment) -> Products<'a> {
        let distro = assessment.inventory.distro.as_ref();
        let urls = assessment.inventory.packages.iter().map(|package| {
            let mut urls = vec![package_url(package, distro)];
            urls.extend(package.given_purl.as_deref().and_then(PackageUrl::parse));
            if let Some(source) = &package.source {
                let named = Package { name: source.name.clone(), version: source.version.clone(), ..package.clone() };
                let mut url = package_url(&named, distro);
                // A source is of no one architecture.
                url.qualifiers.retain(|(key, _)| key != "arch");
                urls.push(url);
            }
            urls
        });
        let urls: Vec<Vec<PackageUrl>> = urls.collect();
        let mut by_name: HashMap<(String, String), Vec<usize>> = HashMap::new();
        for (i, url) in urls.iter().enumerate().flat_map(|(i, urls)| urls.iter().map(move |url| (i, url))) {
            by_name.entry((url.kind.clone(), folded(url, &url.name))).or_default().push(i);
        }
        Products { assessment, urls, by_name }
    }

    /// True when one of the statement's products is the subject, or is in it.
    pub fn concern(&self, statement: &VexStatement) -> bool {
        statement.products.is_empty()
            || statement
                .products
                .iter()
                .any(|p| self.is_subject(p) || (0..self.urls.len()).any(|i| self.is_package(p, i)))
    }

    /// True when the statement speaks of this package of the subject.
    pub fn covers(&self, statement: &VexStatement, package: usize) -> bool {
        let parts = &statement.subcomponents;
        let part = |i: usize| parts.iter().any(|p| self.is_package(p, i));
        if statement.products.is_empty() || statement.products.iter().any(|p| self.is_subject(p)) {
            return parts.is_empty() || part(package);
        }
        if parts.is_empty() {
            return statement.products.iter().any(|p| self.is_package(p, package));
        }
        part(package) && statement.products.iter().any(|p| self.has_package(p))
    }

    /// True when the statement speaks of the subject as a whole.
    pub fn covers_all(&self, statement: &VexStatement) -> bool {
        statement.subcomponents.is_empty()
            && (statement.products.is_empty() || statement.products.iter().any(|p| self.is_subject(p)))
    }

    fn has_package(&self, product: &str) -> bool {
        let Some(wanted) = PackageUrl::parse(product) else { return false };
        let named = self.by_name.get(&(wanted.kind.clone(), folded(&wanted, &wanted.name)));
        named.into_iter().flatten().filter_map(|i| self.urls.get(*i)).flatten().any(|url| fits(&wanted, url))
    }

    fn is_package(&self, product: &str, package: usize) -> bool {
        let Some(wanted) = PackageUrl::parse(product) else { return false };
        let urls = self.urls.get(package).map_or(&[][..], Vec::as_slice);
        urls.iter().any(|url| fits(&wanted, url))
    }

    fn is_subject(&self, product: &str) -> bool {
        match PackageUrl::parse(product) {
            Some(url) if url.kind == "oci" => self.is_oci(&url),
            Some(url) if url.kind == "docker" => self.is_docker(&url),
            Some(_) => false,
            None => self.is_named(product),
        }
    }

    /// `name`, `name:tag`, `name@digest`, or a bare digest.
    fn is_named(&self, text: &str) -> bool {
        if let Ok(digest) = text.parse::<Digest>() {
            return self.has_digest(&digest);
        }
        let (Ok(wanted), Some(own)) = (text.parse::<ImageReference>(), self.reference()) else { return false };
        wanted.name() == own.name()
            && wanted.digest().is_none_or(|d| self.has_digest(d))
            && (wanted.tag_was_implied() || wanted.digest().is_some() || wanted.tag() == own.tag())
    }

    /// `pkg:oci/name@digest?repository_url=…&tag=…` (package-url, type `oci`). A bare name says too little.
    fn is_oci(&self, url: &PackageUrl) -> bool {
        let repository = url.qualifier("repository_url");
        let digest = url.version.as_deref();
        if repository.is_none() && digest.is_none() {
            return false;
        }
        let named = match (repository, self.reference()) {
            (None, _) => true,
            (Some(_), None) => false,
            // With and without the name at its end: both are in use.
            (Some(repository), Some(own)) => [repository.to_owned(), format!("{repository}/{}", url.name)]
                .iter()
                .any(|text| text.parse::<ImageReference>().is_ok_and(|r| r.name() == own.name())),
        };
        named
            && digest.is_none_or(|d| d.parse::<Digest>().is_ok_and(|d| self.has_digest(&d)))
            && self.has_qualifiers(url)
    }

    /// `pkg:docker/namespace/name@tag` (package-url, type `docker`).
    fn is_docker(&self, url: &PackageUrl) -> bool {
        let Some(own) = self.reference() else { return false };
        let registry = url.qualifier("repository_url").map_or_else(String::new, |r| format!("{r}/"));
        let namespace = if url.namespace.is_empty() { String::new() } else { format!("{}/", url.namespace) };
        let named = format!("{registry}{namespace}{}", url.name)
            .parse::<ImageReference>()
            .is_ok_and(|wanted| wanted.name() == own.name());
        let version = url.version.as_deref().is_none_or(|version| match version.parse::<Digest>() {
            Ok(digest) => self.has_digest(&digest),
            Err(_) => own.tag() == Some(version),
        });
        named && version && self.has_qualifiers(url)
    }

    fn has_qualifiers(&self, url: &PackageUrl) -> bool {
        let architecture = self
            .assessment
            .inventory
            .config
            .as_ref()
            .and_then(|c| c.platform.as_ref())
            .map(|p| p.architecture.as_str());
        url.qualifier("tag").is_none_or(|tag| self.reference().and_then(ImageReference::tag) == Some(tag))
            && url.qualifier("arch").is_none_or(|arch| architecture == Some(arch))
    }

    fn reference(&self) -> Option<&ImageReference> {
        self.assessment.subject.reference.as_ref()
    }

    fn has_digest(&self, digest: &Digest) -> bool {
        let subject = &self.assessment.subject;
        // What the reference asks for is only what runs when nothing else was found.
        let own = [subject.digest.as_ref(), subject.index_digest.as_ref()];
        let written = self.reference().and_then(ImageReference::digest).filter(|_| subject.digest.is_none());
        own.into_iter().flatten().chain(written).any(|d| d == digest)
    }
}

/// True for a product that any image of that last name would be, whoever made it.
pub(super) fn is_vague(product: &str) -> bool {
    PackageUrl::parse(product)
        .is_some_and(|url| url.kind == "oci" && url.version.is_none() && url.qualifier("repository_url").is_none())
}

/// True when `own` is one of the packages that `wanted` means.
fn fits(wanted: &PackageUrl, own: &PackageUrl) -> bool {
    wanted.kind == own.kind
        && folded(wanted, &wanted.namespace) == folded(own, &own.namespace)
        && folded(wanted, &wanted.name) == folded(own, &own.name)
        && wanted.version.as_deref().is_none_or(|version| {
            // Go's `v` is often left out.
            let bare =
                |v: &str| if wanted.kind == "golang" { v.trim_start_matches('v').to_owned() } else { v.to_owned() };
            let with_epoch = own.qualifier("epoch").zip(own.version.as_deref()).map(|(e, v)| format!("{e}:{v}"));
            own.version.as_deref().map(bare) == Some(bare(version)) || with_epoch.as_deref() == Some(version)
        })
        && wanted.qualifiers.iter().all(|(key, value)| {
            // A jar's `type` is no part of its identity here; jars are what is found.
            (wanted.kind == "maven" && key == "type")
                || own.qualifier(key).is_some_and(|have| {
                    // `debian-12` means its point releases too.
                    have == value
                        || (key == "distro" && have.strip_prefix(value.as_str()).is_some_and(|r| r.starts_with('.')))
                })
        })
}

/// Names as their ecosystem compares them.
fn folded(url: &PackageUrl, text: &str) -> String {
    match Ecosystem::from_purl_type(&url.kind) {
        Some(Ecosystem::Pypi) => text.to_lowercase().replace(['_', '.'], "-"),
        Some(Ecosystem::Go | Ecosystem::Composer) => text.to_lowercase(),
        _ => text.to_owned(),
    }
}
