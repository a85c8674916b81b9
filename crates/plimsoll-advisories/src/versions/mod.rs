//! Which of two versions is the later. In: two texts as feeds and package databases write them. Out: their order, or an
//! error that says why one of them has no place in it; never "equal" for what could not be read.
//!
//! How to add an order: one file with `pub fn compare`, its line in [`ORDERS`], its ecosystems in [`order_of`], and a
//! peer in `scripts/peers/versions.sh` that proves it.

use std::cmp::Ordering;

use plimsoll_model::Ecosystem;

pub mod apk;
pub mod composer;
pub mod dpkg;
pub mod expression;
pub mod gem;
pub mod go;
pub mod maven;
pub(crate) mod number;
pub mod pep440;
pub mod rpm;
pub mod semver;

/// Longest version that is read, in bytes. The longest in public feeds is under 200; the limit also bounds how deep
/// Maven's nested versions go.
pub const MAX_VERSION: usize = 512;

/// Why a version has no place in an order. The words finish "could not …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("place version {version:?} in the order of {order}: {what}")]
pub struct VersionError {
    /// The order's id.
    pub order: &'static str,
    pub version: String,
    pub what: &'static str,
}

impl VersionError {
    pub(crate) fn new(order: &'static str, version: &str, what: &'static str) -> VersionError {
        // What is shown of a hostile text is bounded.
        VersionError { order, version: version.chars().take(120).collect(), what }
    }
}

/// The order that one ecosystem gives its versions.
#[derive(Debug)]
pub struct Order {
    pub id: &'static str,
    /// Where the order is written down.
    pub link: &'static str,
    /// # Errors
    /// When one of the two has no place in the order.
    pub compare: fn(&str, &str) -> Result<Ordering, VersionError>,
}

impl Order {
    /// True when `version` has a place in this order.
    ///
    /// # Errors
    /// Says why it has none.
    pub fn check(&self, version: &str) -> Result<(), VersionError> {
        (self.compare)(version, version).map(|_| ())
    }

    /// # Errors
    /// When one of the two has no place in the order.
    pub fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        (self.compare)(a, b)
    }
}

/// All orders.
pub const ORDERS: &[Order] = &[
    Order { id: "apk", link: "https://wiki.alpinelinux.org/wiki/APKBUILD_Reference#pkgver", compare: apk::compare },
    Order {
        id: "composer",
        link: "https://getcomposer.org/doc/articles/versions.md#stabilities",
        compare: composer::compare,
    },
    Order {
        id: "dpkg",
        link: "https://www.debian.org/doc/debian-policy/ch-controlfields.html#version",
        compare: dpkg::compare,
    },
    Order { id: "gem", link: "https://docs.ruby-lang.org/en/3.3/Gem/Version.html", compare: gem::compare },
    Order {
        id: "maven",
        link: "https://maven.apache.org/pom.html#version-order-specification",
        compare: maven::compare,
    },
    Order {
        id: "nuget",
        link: "https://learn.microsoft.com/en-us/nuget/concepts/package-versioning",
        compare: semver::compare_nuget,
    },
    Order {
        id: "pep440",
        link: "https://packaging.python.org/en/latest/specifications/version-specifiers/",
        compare: pep440::compare,
    },
    Order {
        id: "rpm",
        link: "https://rpm-software-management.github.io/rpm/manual/dependencies.html#versioning",
        compare: rpm::compare,
    },
    Order { id: "semver", link: "https://semver.org/#spec-item-11", compare: semver::compare },
];

/// The order called `id`.
pub fn order(id: &str) -> Option<&'static Order> {
    ORDERS.iter().find(|order| order.id == id)
}

/// The order of an ecosystem's versions.
pub fn order_of(ecosystem: Ecosystem) -> &'static Order {
    let id = match ecosystem {
        Ecosystem::Apk => "apk",
        Ecosystem::Dpkg => "dpkg",
        Ecosystem::Rpm => "rpm",
        Ecosystem::Composer => "composer",
        Ecosystem::Gem | Ecosystem::Cocoapods => "gem",
        Ecosystem::Maven => "maven",
        Ecosystem::Pypi | Ecosystem::Conda => "pep440",
        Ecosystem::Nuget => "nuget",
        Ecosystem::Cargo
        | Ecosystem::Conan
        | Ecosystem::Go
        | Ecosystem::Hex
        | Ecosystem::Julia
        | Ecosystem::Npm
        | Ecosystem::Pub
        | Ecosystem::Swift
        | Ecosystem::Bitnami
        | Ecosystem::Kubernetes
        | Ecosystem::Generic => "semver",
    };
    order(id).expect("every id above stands in ORDERS, which a test checks")
}

/// Sorts versions from the earliest to the latest; those that cannot be placed go last, as they were.
pub fn ascending(ecosystem: Ecosystem, versions: &[String]) -> Vec<String> {
    let order = order_of(ecosystem);
    let (mut placed, lost): (Vec<String>, Vec<String>) = versions.iter().cloned().partition(|v| order.check(v).is_ok());
    placed.sort_by(|a, b| order.compare(a, b).unwrap_or(Ordering::Equal));
    placed.extend(lost);
    placed
}

/// What every order refuses: nothing at all, too much, or blanks and control characters inside.
pub(crate) fn admit<'a>(order: &'static str, version: &'a str) -> Result<&'a str, VersionError> {
    let text = version.trim();
    if text.is_empty() {
        return Err(VersionError::new(order, version, "it is empty"));
    }
    if text.len() > MAX_VERSION {
        return Err(VersionError::new(order, version, "it is longer than 512 bytes"));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(VersionError::new(order, version, "it has blanks or control characters inside"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ecosystem_has_an_order() {
        for ecosystem in Ecosystem::ALL {
            assert!(order_of(ecosystem).check("1.2.3").is_ok(), "{ecosystem:?}");
        }
    }

    #[test]
    fn ids_are_sorted_and_unlike() {
        assert!(ORDERS.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn nothing_and_too_much_have_no_place() {
        for order in ORDERS {
            for bad in ["", "  ", "1 2", "1\u{0}", &"1".repeat(MAX_VERSION + 1)] {
                assert!(order.check(bad).is_err(), "{} {bad:?}", order.id);
            }
        }
    }

    #[test]
    fn ascending_puts_the_unreadable_last() {
        let versions = ["2.0.0", "latest", "1.10.0", "1.9.0"].map(String::from);
        assert_eq!(ascending(Ecosystem::Npm, &versions), ["1.9.0", "1.10.0", "2.0.0", "latest"]);
    }
}
