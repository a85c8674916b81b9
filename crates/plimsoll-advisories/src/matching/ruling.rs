//! One advisory against one version. In: a record and the version that its rules compare. Out: affected (with the fixes),
//! past it, never affected, or could not tell. What it does not do: look up or merge.

use std::cmp::Ordering;

use plimsoll_model::Ecosystem;

use super::ranges;
use crate::record::{Advisory, Applies, Status};
use crate::versions::expression::{ExpressionError, satisfies, upper_bounds};
use crate::versions::{Order, VersionError, order_of};

/// What a record says of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// Fixes in the source's order and writing; empty when there is none.
    Affected { fixes: Vec<String> },
    /// The version is outside what the record is about.
    Past,
    /// The source says that this package never was affected: that overrules other sources.
    Never,
    /// Could not tell: the words say why.
    Undecided { reason: String },
}

/// How versions of a world are read.
#[derive(Debug, Clone, Copy)]
pub struct Scheme {
    pub ecosystem: Ecosystem,
    pub order: &'static Order,
}

impl Scheme {
    pub fn of(ecosystem: Ecosystem) -> Scheme {
        Scheme { ecosystem, order: order_of(ecosystem) }
    }
}

/// Rules on `version`. A fix of `0` means that no version is affected (Debian, Alpine, Wolfi).
pub fn ruling(advisory: &Advisory, version: &str, scheme: Scheme) -> Ruling {
    if advisory.status == Status::NotAffected {
        return Ruling::Never;
    }
    let ruling = match &advisory.applies {
        Applies::Below { fixed } => match fixed.as_deref().map(str::trim) {
            None | Some("") => Ruling::Affected { fixes: Vec::new() },
            Some("0") => Ruling::Never,
            Some(fixed) => below(version, fixed, scheme.order),
        },
        Applies::Osv { ranges, versions } => ranges::ruling(ranges, versions, version, scheme),
        Applies::Expressions { vulnerable, patched, unaffected } => {
            expressions(vulnerable, patched, unaffected, version, scheme.ecosystem)
        }
    };
    match (ruling, advisory.status) {
        (Ruling::Affected { .. }, Status::Undetermined) => Ruling::Undecided {
            reason: format!("{} has not determined whether this version is affected", advisory.source.name),
        },
        (ruling, _) => ruling,
    }
}

fn below(version: &str, fixed: &str, order: &Order) -> Ruling {
    match order.compare(version, fixed) {
        Ok(Ordering::Less) => Ruling::Affected { fixes: vec![fixed.to_owned()] },
        Ok(_) => Ruling::Past,
        Err(error) => undecided(&error),
    }
}

/// The rules of Trivy's database: within what is vulnerable, and not within what is patched or unaffected. An empty
/// expression says that every version is affected.
fn expressions(
    vulnerable: &[String],
    patched: &[String],
    unaffected: &[String],
    version: &str,
    ecosystem: Ecosystem,
) -> Ruling {
    let affected = || Ruling::Affected { fixes: fixes_of(vulnerable, patched) };
    if vulnerable.iter().chain(patched).any(String::is_empty) {
        return affected();
    }
    if vulnerable.is_empty() && patched.is_empty() && unaffected.is_empty() {
        return Ruling::Past;
    }
    let any = |list: &[String]| -> Result<bool, ExpressionError> {
        list.iter().try_fold(false, |within, expression| Ok(within | satisfies(ecosystem, version, expression)?))
    };
    if !vulnerable.is_empty() {
        match any(vulnerable) {
            Ok(true) => {}
            Ok(false) => return Ruling::Past,
            Err(error) => return cannot(&error),
        }
    }
    match any(patched).and_then(|safe| Ok(safe | any(unaffected)?)) {
        Ok(true) => Ruling::Past,
        Ok(false) => affected(),
        Err(error) => cannot(&error),
    }
}

/// The patched versions, each once; where there are none, the upper bounds of what is vulnerable.
fn fixes_of(vulnerable: &[String], patched: &[String]) -> Vec<String> {
    let mut fixes: Vec<String> = Vec::new();
    for version in patched.iter().filter(|version| !version.is_empty()) {
        if !fixes.contains(version) {
            fixes.push(version.clone());
        }
    }
    if fixes.is_empty() { upper_bounds(vulnerable) } else { fixes }
}

pub fn undecided(error: &VersionError) -> Ruling {
    Ruling::Undecided { reason: format!("could not {error}") }
}

fn cannot(error: &ExpressionError) -> Ruling {
    Ruling::Undecided { reason: format!("could not {error}") }
}
