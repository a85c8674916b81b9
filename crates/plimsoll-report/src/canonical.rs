//! A report in its one order. In: a report as it was gathered, in whatever order threads finished. Out: the same facts in
//! a fixed order with every index mapped, so that all formats give the same bytes. Orders that carry meaning stay: layers,
//! reasons, fixed versions, references.

use std::cmp::Reverse;

use plimsoll_model::{Assessment, Inventory, Report};

/// The report with everything whose order carries no meaning sorted.
pub fn canonical(report: &Report) -> Report {
    let mut report = report.clone();
    report.databases.sort_by(|a, b| (&a.name, &a.digest).cmp(&(&b.name, &b.digest)));
    report.problems.sort_by_cached_key(|p| (p.location.clone(), p.kind, p.message.clone()));
    for assessment in &mut report.assessments {
        sort(assessment);
    }
    report.assessments.sort_by_cached_key(|a| {
        let s = &a.subject;
        let platform = a.inventory.config.as_ref().and_then(|c| c.platform.clone());
        (s.name.clone(), s.namespace.clone(), s.digest.clone(), platform)
    });
    report
}

fn sort(assessment: &mut Assessment) {
    let packages = sort_inventory(&mut assessment.inventory);
    for m in &mut assessment.matches {
        remap(&mut m.packages, &packages);
        m.aliases.sort();
        m.vendor_ids.sort();
    }
    let matches = sort_and_map(&mut assessment.matches, |m| {
        (m.id.clone(), m.name.clone(), m.version.clone(), m.packages.clone())
    });
    let findings = sort_and_map(&mut assessment.findings, |f| (f.rule.clone(), f.locations.clone(), f.message.clone()));
    let problems = sort_and_map(&mut assessment.problems, |p| (p.location.clone(), p.kind, p.message.clone()));
    assessment.coverage.sort_by(|a, b| a.what.cmp(&b.what));
    for coverage in &mut assessment.coverage {
        coverage.sources.sort();
    }
    assessment.subject.named_at.sort();
    if let Some(verdict) = &mut assessment.verdict {
        for reason in &mut verdict.reasons {
            remap(&mut reason.matches, &matches);
            remap(&mut reason.findings, &findings);
            remap(&mut reason.problems, &problems);
        }
        // Strongest first is promised; the sort is stable, so that the judge's order within an effect stays.
        verdict.reasons.sort_by_key(|r| Reverse(r.effect));
        for hidden in &mut verdict.hidden {
            hidden.r#match = hidden.r#match.and_then(|i| matches.get(i).copied());
            hidden.finding = hidden.finding.and_then(|i| findings.get(i).copied());
        }
        verdict
            .hidden
            .sort_by(|a, b| (a.by, a.r#match, a.finding, &a.reason).cmp(&(b.by, b.r#match, b.finding, &b.reason)));
        verdict.unused.sort();
    }
}

/// The inventory in its one order: of a bill, which has nothing that points into it.
pub fn canonical_inventory(inventory: &Inventory) -> Inventory {
    let mut inventory = inventory.clone();
    sort_inventory(&mut inventory);
    inventory
}

/// Gives, for each old index of a package, the new one.
fn sort_inventory(inventory: &mut Inventory) -> Vec<usize> {
    let packages = sort_and_map(&mut inventory.packages, |p| {
        (p.ecosystem, p.location.clone(), p.name.clone(), p.version.clone(), p.arch.clone(), p.reader.clone())
    });
    inventory.executables.sort_by(|a, b| a.location.cmp(&b.location));
    inventory.files.sort_by(|a, b| (a.kind, &a.location).cmp(&(b.kind, &b.location)));
    inventory.wasted.sort_by(|a, b| (&a.location, a.hidden_by_layer).cmp(&(&b.location, b.hidden_by_layer)));
    inventory.seen_not_read.sort_by(|a, b| (&a.location, &a.what).cmp(&(&b.location, &b.what)));
    inventory
        .content_findings
        .sort_by(|a, b| (&a.rule, &a.locations, &a.message).cmp(&(&b.rule, &b.locations, &b.message)));
    inventory.problems.sort_by_cached_key(|p| (p.location.clone(), p.kind, p.message.clone()));
    packages
}

/// Sorts and gives, for each old index, the new one.
fn sort_and_map<T, K: Ord>(items: &mut Vec<T>, key: impl Fn(&T) -> K) -> Vec<usize> {
    let mut keyed: Vec<(K, usize, T)> = items.drain(..).enumerate().map(|(i, item)| (key(&item), i, item)).collect();
    keyed.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let mut map = vec![0; keyed.len()];
    for (new, (_, old, item)) in keyed.into_iter().enumerate() {
        map[old] = new;
        items.push(item);
    }
    map
}

/// Indexes that point nowhere are dropped: a format must not fall over a judge's slip.
fn remap(indexes: &mut Vec<usize>, map: &[usize]) {
    *indexes = indexes.iter().filter_map(|i| map.get(*i).copied()).collect();
    indexes.sort_unstable();
    indexes.dedup();
}
