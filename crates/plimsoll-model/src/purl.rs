//! Package URLs. In: a package and the distribution it lives in. Out: the text that the package-url specification asks
//! for, and back. What it does not do: fetch or compare.

use crate::distro::{Distro, Family};
use crate::package::{Ecosystem, Package};

/// The parts of a package URL, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageUrl {
    pub kind: String,
    /// Everything between type and name, decoded, with `/` between its parts; empty when there is none.
    pub namespace: String,
    pub name: String,
    pub version: Option<String>,
    /// Sorted as read; keys are lower case.
    pub qualifiers: Vec<(String, String)>,
    pub subpath: Option<String>,
}

impl PackageUrl {
    /// The value of a qualifier.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// Reads `pkg:type/namespace/name@version?qualifiers#subpath` (package-url specification, "how to parse").
    /// `None` when scheme, type or name are missing, or the type is no word. A qualifier whose key is no word is left out.
    pub fn parse(text: &str) -> Option<PackageUrl> {
        let rest = text.strip_prefix("pkg:")?.trim_start_matches('/');
        let (rest, subpath) = match rest.rsplit_once('#') {
            Some((rest, subpath)) => (rest, Some(decode(subpath.trim_matches('/')))),
            None => (rest, None),
        };
        let (rest, qualifiers) = match rest.rsplit_once('?') {
            Some((rest, text)) => (rest, text),
            None => (rest, ""),
        };
        let qualifiers = qualifiers
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .filter(|(key, value)| is_word(key) && !value.is_empty())
            .map(|(key, value)| (key.to_ascii_lowercase(), decode(value)))
            .collect();
        let (kind, path) = rest.split_once('/')?;
        let path = path.trim_matches('/');
        // The version follows the last '@' of the last path part; an npm scope's '@' may stand unencoded at a part's start.
        let last = path.rfind('/').map_or(0, |at| at + 1);
        let (path, version) = match path[last..].rfind('@') {
            Some(at) if at > 0 => (&path[..last + at], Some(decode(&path[last + at + 1..]))),
            _ => (path, None),
        };
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        if !is_word(kind) || name.is_empty() {
            return None;
        }
        Some(PackageUrl {
            kind: kind.to_ascii_lowercase(),
            namespace: namespace.split('/').map(decode).collect::<Vec<_>>().join("/"),
            name: decode(name),
            version: version.filter(|v| !v.is_empty()),
            qualifiers,
            subpath,
        })
    }
}

impl std::fmt::Display for PackageUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pkg:{}/", self.kind)?;
        for part in self.namespace.split('/').filter(|p| !p.is_empty()) {
            write!(f, "{}/", encode(part))?;
        }
        f.write_str(&encode(&self.name))?;
        if let Some(version) = &self.version {
            write!(f, "@{}", encode(version))?;
        }
        for (i, (key, value)) in self.qualifiers.iter().enumerate() {
            write!(f, "{}{key}={}", if i == 0 { '?' } else { '&' }, encode(value))?;
        }
        if let Some(subpath) = &self.subpath {
            let parts: Vec<String> = subpath.split('/').filter(|part| !part.is_empty()).map(encode).collect();
            if !parts.is_empty() {
                write!(f, "#{}", parts.join("/"))?;
            }
        }
        Ok(())
    }
}

/// What types and keys are made of: `deb`, `vcs_url`, `x.y-z`.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+'))
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| bytes.get(i + 1..i + 3)).flatten();
        match hex.and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn encode(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        // Unreserved by RFC 3986, and ':' which the specification leaves as it is.
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':') {
            out.push(byte as char);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The package URL of a package; the distribution fills namespace and `distro` of operating-system packages.
pub fn package_url(package: &Package, distro: Option<&Distro>) -> PackageUrl {
    let mut url = PackageUrl { kind: package.ecosystem.purl_type().to_owned(), ..PackageUrl::default() };
    let mut version = package.version.clone();
    let mut qualifiers: Vec<(String, String)> = Vec::new();
    match package.ecosystem {
        Ecosystem::Apk | Ecosystem::Dpkg | Ecosystem::Rpm => {
            url.namespace = distro.map_or_else(String::new, |d| namespace(&d.family).to_owned());
            url.name.clone_from(&package.name);
            if let Some(arch) = &package.arch {
                qualifiers.push(("arch".into(), arch.clone()));
            }
            if let Some(distro) = distro {
                let name = if distro.version.is_empty() {
                    namespace(&distro.family).to_owned()
                } else if package.ecosystem == Ecosystem::Apk {
                    distro.version.clone()
                } else {
                    format!("{}-{}", namespace(&distro.family), distro.version)
                };
                qualifiers.push(("distro".into(), name));
            }
            if package.ecosystem != Ecosystem::Apk
                && let Some((epoch, rest)) = package.version.split_once(':')
                && epoch.bytes().all(|b| b.is_ascii_digit())
            {
                qualifiers.push(("epoch".into(), epoch.to_owned()));
                version = rest.to_owned();
            }
            if let Some(module) = &package.module {
                qualifiers.push(("modularitylabel".into(), module.clone()));
            }
        }
        Ecosystem::Maven => match package.name.split_once(':') {
            Some((group, artifact)) => {
                url.namespace = group.to_owned();
                url.name = artifact.to_owned();
            }
            None => url.name.clone_from(&package.name),
        },
        Ecosystem::Pypi => url.name = package.name.to_ascii_lowercase().replace('_', "-"),
        Ecosystem::Go => split_path(&mut url, &package.name.to_ascii_lowercase()),
        _ => split_path(&mut url, &package.name),
    }
    qualifiers.sort();
    url.qualifiers = qualifiers;
    url.version = (!version.is_empty()).then_some(version);
    url
}

fn split_path(url: &mut PackageUrl, name: &str) {
    let (namespace, name) = name.rsplit_once('/').unwrap_or(("", name));
    url.namespace = namespace.to_owned();
    url.name = name.to_owned();
}

fn namespace(family: &Family) -> &str {
    match family {
        Family::SuseEnterprise | Family::SuseMicro => "suse",
        Family::OpenSuseLeap | Family::OpenSuseTumbleweed => "opensuse",
        other => other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_round_trip() {
        for text in [
            "pkg:deb/debian/bash@5.0-4?arch=amd64&distro=debian-10.2",
            "pkg:npm/%40babel/core@7.0.0",
            "pkg:golang/github.com/acme/shop@v1.2.3#cmd/shop",
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
            "pkg:cargo/memchr@1.0.2",
        ] {
            assert_eq!(PackageUrl::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(PackageUrl::parse("pkg:npm/@babel/core").unwrap().namespace, "@babel");
        assert!(PackageUrl::parse("npm/core").is_none());
        assert!(PackageUrl::parse("pkg:npm/").is_none());
    }

    /// Found by the fuzzer: such URLs were read, and what they were written as was not.
    #[test]
    fn odd_types_are_refused_and_odd_keys_left_out() {
        assert!(PackageUrl::parse("pkg:o%3Aab?r!epos/cii/x@5>%3A]b?r=1").is_none());
        assert!(PackageUrl::parse("pkg:/x").is_none());
        let url = PackageUrl::parse("pkg:npm/x?a#b=1&c=2#%2Fd//e/").unwrap();
        assert_eq!(url.to_string(), "pkg:npm/x?c=2#d/e");
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "[a#?&=@/%2Fb:. ]{0,30}") {
            if let Some(url) = PackageUrl::parse(&format!("pkg:{text}")) {
                let shown = url.to_string();
                let again = PackageUrl::parse(&shown).map(|url| url.to_string());
                proptest::prop_assert_eq!(again, Some(shown));
            }
        }
    }

    #[test]
    fn epoch_moves_to_a_qualifier() {
        let mut package = Package::new(Ecosystem::Rpm, "rpm", "bind", "32:9.8.2-0.68.rc1.el6");
        package.arch = Some("x86_64".into());
        let distro = Distro {
            family: Family::CentOs,
            version: "6.10".into(),
            pretty_name: None,
            advisory_release: None,
            content_sets: Vec::new(),
        };
        assert_eq!(
            package_url(&package, Some(&distro)).to_string(),
            "pkg:rpm/centos/bind@9.8.2-0.68.rc1.el6?arch=x86_64&distro=centos-6.10&epoch=32"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "pkg:\\PC{0,60}") {
            if let Some(url) = PackageUrl::parse(&text) {
                let _ = url.to_string();
            }
        }
    }
}
