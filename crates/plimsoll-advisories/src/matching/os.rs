//! Packages of the distribution against its advisories. In: the inventory's packages and the distribution's lists. Out:
//! groups of installed packages with what is to be looked up and compared for them.

use std::collections::BTreeMap;

use plimsoll_model::{Distro, Package};

use super::families::{Of, Rule};
use super::ruling::{Ruling, Scheme, ruling};
use super::shelf::Said;
use crate::record::{Advisory, Applies};

/// Installed packages that get the same answer.
#[derive(Debug)]
pub struct Group<'p> {
    /// The name that lists are keyed by, without a module.
    pub lookup: &'p str,
    /// The version that is compared.
    pub version: &'p str,
    /// The package's name in findings: its source's.
    pub shown: &'p str,
    pub arch: Option<&'p str>,
    /// `name:stream`.
    pub module: Option<String>,
    pub packages: Vec<usize>,
}

/// Groups in the order of names. Kernel headers and keys are left out: they carry none of the code that advisories are
/// about.
pub fn groups<'p>(packages: impl Iterator<Item = (usize, &'p Package)>, rule: &Rule) -> Vec<Group<'p>> {
    type Key<'p> = (&'p str, &'p str, &'p str, Option<&'p str>, Option<String>);
    let mut groups: BTreeMap<Key<'p>, Vec<usize>> = BTreeMap::new();
    for (index, package) in packages {
        if package.name == "gpg-pubkey" || is_kernel_text(package) {
            continue;
        }
        let lookup = if rule.name == Of::Source { package.source_name() } else { &package.name };
        let version = if rule.version == Of::Source { package.source_version() } else { &package.version };
        // dpkg's and apk's lists know no architectures: all of a source's packages are one group.
        let arch = if rule.name == Of::Binary { package.arch.as_deref() } else { None };
        let module = if rule.modular { module_of(package) } else { None };
        groups.entry((lookup, version, package.source_name(), arch, module)).or_default().push(index);
    }
    groups
        .into_iter()
        .map(|((lookup, version, shown, arch, module), packages)| Group {
            lookup,
            version,
            shown,
            arch,
            module,
            packages,
        })
        .collect()
}

/// The first two parts of the modularity label.
fn module_of(package: &Package) -> Option<String> {
    let mut parts = package.module.as_deref()?.split(':');
    Some(format!("{}:{}", parts.next()?, parts.next()?))
}

/// Headers and documentation built from a kernel's source: no kernel code. (`linux-libc-dev` is in most build images, and
/// would bring some thousand CVEs of a kernel that is not there.)
fn is_kernel_text(package: &Package) -> bool {
    let source = package.source_name();
    let kernel = source == "kernel" || source == "linux" || source.starts_with("linux-");
    let text = ["linux-libc-dev", "linux-headers", "linux-doc", "linux-source", "linux-kbuild", "linux-compiler"];
    let rpm = ["kernel-headers", "kernel-doc", "kernel-abi-stablelists", "kernel-abi-whitelists", "kernel-srpm-macros"];
    (kernel && text.iter().any(|name| package.name.starts_with(name))) || rpm.contains(&package.name.as_str())
}

/// The names to look up: a modular package's list, and the plain one.
pub fn lookups(group: &Group<'_>) -> Vec<String> {
    let modular = group.module.as_ref().map(|module| format!("{module}::{}", group.lookup));
    modular.into_iter().chain(std::iter::once(group.lookup.to_owned())).collect()
}

/// Rules on one record found under `lookup`; `None` when it is about other builds.
pub fn rule_on(said: &Said, lookup: &str, group: &Group<'_>, rule: &Rule, cpes: &[Vec<u32>]) -> Option<Ruling> {
    let advisory = &said.advisory;
    let scheme = Scheme::of(rule.ecosystem);
    if let Some(arch) = group.arch
        && !advisory.arches.is_empty()
        && !matches!(arch, "noarch" | "all")
        && !advisory.arches.iter().any(|known| known == arch)
    {
        return None;
    }
    if rule.content_sets && !advisory.cpes.is_empty() {
        let ours = cpes.get(said.database).map(Vec::as_slice).unwrap_or_default();
        if !advisory.cpes.iter().any(|cpe| ours.binary_search(cpe).is_ok()) {
            return None;
        }
    }
    let fixed = match &advisory.applies {
        Applies::Below { fixed: Some(fixed) } => fixed.as_str(),
        _ => "",
    };
    if rule.flavours && !fixed.is_empty() && flavour(fixed) != flavour(group.version) {
        return None;
    }
    if rule.modular {
        return modular(advisory, fixed, lookup, group, scheme);
    }
    Some(ruling(advisory, group.version, scheme))
}

/// Modular builds and plain builds of a package have unrelated fixes.
fn modular(advisory: &Advisory, fixed: &str, lookup: &str, group: &Group<'_>, scheme: Scheme) -> Option<Ruling> {
    let modular_build = |version: &str| version.contains(".module+") || version.contains(".module_");
    let named = advisory.module.as_deref();
    match &group.module {
        Some(module) if lookup != group.lookup || named.is_some() => {
            // The record names its module, by its key or in a field.
            (named.is_none_or(|named| named == module)).then(|| ruling(advisory, group.version, scheme))
        }
        Some(_) if modular_build(fixed) => unnamed_stream(ruling(advisory, group.version, scheme)),
        Some(_) => None,
        None if named.is_some() => None,
        None if modular_build(group.version) != modular_build(fixed) && !fixed.is_empty() => None,
        None if modular_build(group.version) => unnamed_stream(ruling(advisory, group.version, scheme)),
        None => Some(ruling(advisory, group.version, scheme)),
    }
}

fn unnamed_stream(ruling: Ruling) -> Option<Ruling> {
    Some(match ruling {
        Ruling::Affected { fixes } => {
            Ruling::Undecided { reason: format!("the fix {} may be of another module stream", fixes.join(", ")) }
        }
        other => other,
    })
}

/// Oracle's builds: plain, FIPS, Ksplice.
fn flavour(version: &str) -> u8 {
    if version.ends_with("_fips") {
        1
    } else if version.contains(".ksplice") {
        2
    } else {
        0
    }
}

/// `debian 12.5` for people, with the release that the lists go by.
pub fn what(distro: &Distro, releases: &[String]) -> String {
    match releases.iter().find(|release| !release.is_empty()) {
        Some(release) => format!("{} {release}", distro.family),
        None => distro.family.to_string(),
    }
}
