//! Packages out of package URLs. In: a package URL. Out: ecosystem, name and version as our readers would have written
//! them, and the distribution that it names. Format: <https://github.com/package-url/purl-spec>.

use plimsoll_model::purl::PackageUrl;
use plimsoll_model::{Distro, Ecosystem, Family, Package, SourcePackage};

/// The package that a URL names; none for types that we do not know.
pub fn package(url: &PackageUrl, reader: &str) -> Option<Package> {
    let ecosystem = Ecosystem::from_purl_type(&url.kind)?;
    let qualifier = |key| url.qualifier(key).filter(|value| !value.is_empty()).map(str::to_owned);
    let joined = |by: &str| {
        if url.namespace.is_empty() { url.name.clone() } else { format!("{}{by}{}", url.namespace, url.name) }
    };
    let name = match ecosystem {
        Ecosystem::Apk | Ecosystem::Dpkg | Ecosystem::Rpm | Ecosystem::Bitnami => url.name.clone(),
        Ecosystem::Maven => joined(":"),
        // A pod's subspec stands behind the fragment.
        Ecosystem::Cocoapods => match &url.subpath {
            Some(subspec) => format!("{}/{subspec}", url.name),
            None => url.name.clone(),
        },
        _ => joined("/"),
    };
    let mut version = url.version.clone().unwrap_or_default();
    if let Some(epoch) = url.qualifier("epoch")
        && matches!(ecosystem, Ecosystem::Dpkg | Ecosystem::Rpm)
        && epoch != "0"
        && !version.contains(':')
    {
        version = format!("{epoch}:{version}");
    }
    let mut package = Package::new(ecosystem, reader, name, version);
    package.arch = qualifier("arch");
    if ecosystem == Ecosystem::Rpm {
        package.module = qualifier("modularitylabel").or_else(|| qualifier("rpmmod"));
    }
    if ecosystem.is_os() {
        package.source = url.qualifier("upstream").and_then(|upstream| source(upstream, &package));
    }
    Some(package)
}

/// Syft's `upstream`: `name`, `name@version`, or for rpm the source package's file name `name-version-release.src.rpm`.
fn source(upstream: &str, package: &Package) -> Option<SourcePackage> {
    if let Some(stem) = upstream.strip_suffix(".src.rpm") {
        let (rest, release) = stem.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        return Some(SourcePackage { name: name.to_owned(), version: format!("{version}-{release}") });
    }
    let (name, version) = upstream.split_once('@').unwrap_or((upstream, &package.version));
    (!name.is_empty()).then(|| SourcePackage { name: name.to_owned(), version: version.to_owned() })
}

/// The distribution that an operating-system package's URL names: `distro=debian-12`, Alpine's also `distro=3.18.2`.
pub fn distro(url: &PackageUrl) -> Option<Distro> {
    let ecosystem = Ecosystem::from_purl_type(&url.kind).filter(|e| e.is_os())?;
    let named = url.qualifier("distro").unwrap_or_default();
    let (family, version) = match named.rsplit_once('-') {
        Some((family, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => (family, version),
        _ if named.starts_with(|c: char| c.is_ascii_digit()) => (url.namespace.as_str(), named),
        _ if ecosystem == Ecosystem::Apk && named.is_empty() => return None,
        _ => (if named.is_empty() { url.namespace.as_str() } else { named }, ""),
    };
    (!family.is_empty()).then(|| known_distro(family, version))
}

/// A distribution by the name that a document gives it: ours, Trivy's, or `ID` of os-release.
pub fn known_distro(name: &str, version: &str) -> Distro {
    let lower = name.to_ascii_lowercase();
    let family = match lower.as_str() {
        "rhel" | "red hat enterprise linux" => "redhat",
        "ol" | "oracle linux" | "oraclelinux" => "oracle",
        "almalinux" => "alma",
        "rockylinux" => "rocky",
        "amzn" | "amazonlinux" | "amazon linux" => "amazon",
        "mariner" => "cbl-mariner",
        "azure linux" => "azurelinux",
        "sles" | "sled" | "suse" | "suse linux enterprise" => "suse linux enterprise server",
        "sl-micro" | "sle-micro" | "suse linux enterprise micro" => "slem",
        "opensuse.leap" | "opensuse" => "opensuse-leap",
        "opensuse.tumbleweed" => "opensuse-tumbleweed",
        "archlinux" => "arch",
        other => other,
    };
    Distro {
        family: Family::from(family),
        version: version.to_owned(),
        pretty_name: None,
        advisory_release: None,
        content_sets: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> String {
        package(&PackageUrl::parse(text).unwrap(), "x").map_or_else(|| "-".into(), |p| p.id())
    }

    #[test]
    fn names_and_versions_are_those_of_our_readers() {
        for (url, expected) in [
            ("pkg:rpm/centos/openssl-libs@1.0.2k-16.el7?arch=x86_64&epoch=1", "openssl-libs@1:1.0.2k-16.el7"),
            ("pkg:maven/org.ow2.asm/asm@9.5", "org.ow2.asm:asm@9.5"),
            ("pkg:npm/%40babel/core@7.0.0", "@babel/core@7.0.0"),
            ("pkg:golang/github.com/acme/shop@v1.2.3", "github.com/acme/shop@v1.2.3"),
            ("pkg:k8s/k8s.io%2Fkubelet@1.27.0", "k8s.io/kubelet@1.27.0"),
            ("pkg:cocoapods/A@1#B", "A/B@1"),
            ("pkg:composer/a/b@1", "a/b@1"),
            ("pkg:oci/x@sha256:00", "-"),
        ] {
            assert_eq!(id(url), expected);
        }
    }

    #[test]
    fn sources_are_taken_from_upstream() {
        let source = |text: &str| package(&PackageUrl::parse(text).unwrap(), "x").unwrap().source.unwrap();
        assert_eq!(source("pkg:deb/debian/libssl3@3.0.1-1?upstream=openssl").version, "3.0.1-1");
        assert_eq!(source("pkg:deb/debian/a@1%2Bb4?upstream=s%401").version, "1");
        let rpm = source("pkg:rpm/rhel/openssl-libs@3-1?upstream=openssl-3.0.7-2.el9.src.rpm");
        assert_eq!((rpm.name.as_str(), rpm.version.as_str()), ("openssl", "3.0.7-2.el9"));
    }

    #[test]
    fn distributions_are_told_from_urls() {
        let distro = |text: &str| distro(&PackageUrl::parse(text).unwrap()).map(|d| d.to_string());
        assert_eq!(distro("pkg:deb/debian/bash@5?distro=debian-12").as_deref(), Some("debian 12"));
        assert_eq!(distro("pkg:apk/alpine/musl@1?distro=3.18.2").as_deref(), Some("alpine 3.18.2"));
        assert_eq!(distro("pkg:rpm/rhel/bash@5?distro=rhel-8.4").as_deref(), Some("redhat 8.4"));
        assert_eq!(distro("pkg:rpm/opensuse/bash@5?distro=opensuse-leap-15.1").as_deref(), Some("opensuse-leap 15.1"));
        assert_eq!(distro("pkg:npm/x@1"), None);
    }
}
