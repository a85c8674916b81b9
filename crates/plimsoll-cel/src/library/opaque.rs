//! Values of types that libraries bring: seen from outside, they have a type, an equality and a text.

use std::fmt;

use super::authorizer::Authorizer;
use super::formats::Format;
use super::net::{Cidr, Ip};
use super::quantity::Quantity;
use super::semver::Semver;
use super::url::Url;
use crate::types::Type;

#[derive(Debug)]
pub enum Opaque {
    Quantity(Quantity),
    Url(Url),
    Ip(Ip),
    Cidr(Cidr),
    Semver(Semver),
    Format(&'static Format),
    Authorizer(Authorizer),
}

/// Short name in signatures, name in types, name at run time.
const NAMES: [(&str, &str); 11] = [
    ("quantity", "kubernetes.Quantity"),
    ("url", "kubernetes.URL"),
    ("ip", "net.IP"),
    ("cidr", "net.CIDR"),
    ("semver", "kubernetes.Semver"),
    ("format", "kubernetes.NamedFormat"),
    ("authorizer", "kubernetes.authorization.Authorizer"),
    ("pathcheck", "kubernetes.authorization.PathCheck"),
    ("groupcheck", "kubernetes.authorization.GroupCheck"),
    ("resourcecheck", "kubernetes.authorization.ResourceCheck"),
    ("decision", "kubernetes.authorization.Decision"),
];

pub(super) fn named(short: &str) -> Option<&'static str> {
    NAMES.iter().find(|(name, _)| *name == short).map(|(_, name)| *name)
}

/// Types that expressions may name.
pub(crate) fn named_at_run_time(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|(_, other)| *other == name).map(|(_, name)| *name)
}

pub(super) fn kind_of_name(name: &str) -> u32 {
    match NAMES.iter().position(|(_, other)| *other == name) {
        Some(at) => 1 << (16 + at),
        None => 0,
    }
}

impl Opaque {
    pub fn type_name(&self) -> &'static str {
        match self {
            Opaque::Quantity(_) => "kubernetes.Quantity",
            Opaque::Url(_) => "kubernetes.URL",
            Opaque::Ip(_) => "net.IP",
            Opaque::Cidr(_) => "net.CIDR",
            Opaque::Semver(_) => "kubernetes.Semver",
            Opaque::Format(_) => "kubernetes.NamedFormat",
            Opaque::Authorizer(authorizer) => authorizer.type_name(),
        }
    }

    pub fn type_value(&self) -> Type {
        Type::Opaque(self.type_name())
    }

    pub(super) fn kind(&self) -> u32 {
        kind_of_name(self.type_name())
    }

    pub(super) fn size(&self) -> u64 {
        match self {
            Opaque::Ip(ip) => ip.size(),
            Opaque::Cidr(cidr) => cidr.size(),
            _ => 1,
        }
    }

    /// Bytes of the text that it is.
    pub fn text_len(&self) -> usize {
        match self {
            Opaque::Url(url) => url.text_len(),
            Opaque::Semver(version) => version.text_len(),
            _ => 0,
        }
    }

    /// None where they cannot be held against one another.
    pub fn same(&self, other: &Opaque) -> Option<bool> {
        Some(match (self, other) {
            (Opaque::Quantity(_), Opaque::Quantity(b)) if b.is_made() => return None,
            (Opaque::Quantity(a), Opaque::Quantity(b)) => a == b,
            (Opaque::Url(a), Opaque::Url(b)) => a == b,
            (Opaque::Ip(a), Opaque::Ip(b)) => a == b,
            (Opaque::Cidr(a), Opaque::Cidr(b)) => a == b,
            (Opaque::Semver(a), Opaque::Semver(b)) => a == b,
            (Opaque::Format(a), Opaque::Format(b)) => a.name == b.name,
            (Opaque::Authorizer(a), Opaque::Authorizer(b)) => a == b,
            _ => return None,
        })
    }
}

impl fmt::Display for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Opaque::Quantity(quantity) => quantity.to_string(),
            Opaque::Url(url) => url.to_string(),
            Opaque::Ip(ip) => ip.to_string(),
            Opaque::Cidr(cidr) => cidr.to_string(),
            Opaque::Semver(version) => version.to_string(),
            Opaque::Format(_) | Opaque::Authorizer(_) => return write!(f, "{}(…)", self.type_name()),
        };
        write!(f, "{}({})", self.type_name(), crate::value::quoted(&text))
    }
}
