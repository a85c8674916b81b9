//! Packages against advisories. In: an inventory, opened databases, the time of judgement. Out: matches, whether the data
//! could speak of what is there, and what could not be told. What it does not do: hide, waive or judge.
//!
//! How to add a distribution: `families.rs`. How to add a version order: `crate::versions`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_model::{
    Coverage, CoverageState, Distro, Ecosystem, Family, Fix, FixDateSource, Inventory, Match, MatchState, Package,
    Problem, ProblemKind, Relationship, Vulnerability,
};

mod families;
mod life;
mod merge;
mod os;
mod outsiders;
mod ranges;
mod ruling;
mod severity;
mod shelf;

pub use life::maintained_until;

use crate::record::{AdvisorySource, Space};
use crate::versions::go;
use families::Rule;
use merge::{Answer, Voice, faults};
use ruling::{Ruling, Scheme, ruling, undecided};
use shelf::{Databases, Shelf};

/// What the advisories say of an inventory.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matched {
    /// Sorted by name, version, id.
    pub matches: Vec<Match>,
    /// Sorted by what it speaks of.
    pub coverage: Vec<Coverage>,
    /// What the databases could not read of themselves is among them.
    pub problems: Vec<Problem>,
}

/// Matches every package with every database. `at` decides whether a distribution is still maintained.
pub fn match_packages(inventory: &Inventory, sources: &[&dyn AdvisorySource], at: Timestamp) -> Matched {
    let mut databases = Databases::new(sources);
    let mut out = Matched::default();
    let today = at.to_zoned(TimeZone::UTC).date();
    if databases.is_empty() && !inventory.packages.is_empty() {
        let problem = Problem::undecided(ProblemKind::NoData, "match packages: no advisory database is open");
        out.problems.push(problem.with_hint("fetch one: plimsoll db update"));
    }
    let world = os_packages(inventory, today, &mut databases, &mut out);
    language_packages(inventory, world, &mut databases, &mut out);

    out.problems.extend(databases.problems());
    out.matches = joined(out.matches);
    out.coverage.sort_by(|a, b| a.what.cmp(&b.what));
    out
}

/// The distribution whose word counts for what its packages install.
struct Authority<'i> {
    distro: &'i Distro,
    shelf: Shelf,
    /// By name of an installed package: the name that its lists are keyed by.
    owners: HashMap<&'i str, &'i str>,
    /// Ids of faults that the distribution's own matches tell already, by that name.
    told: HashMap<String, BTreeSet<String>>,
}

fn os_packages<'i>(
    inventory: &'i Inventory,
    today: Date,
    databases: &mut Databases<'_>,
    out: &mut Matched,
) -> Option<Authority<'i>> {
    let installed = || inventory.packages.iter().enumerate().filter(|(_, package)| package.ecosystem.is_os());
    let total = installed().count();
    let Some(distro) = &inventory.distro else {
        if total > 0 {
            let reason = "the image does not say which distribution it is";
            let message = format!("match {} of an unknown distribution: {reason}", counted(total));
            let hint = "keep /etc/os-release in the image";
            out.problems.push(Problem::undecided(ProblemKind::UnknownDistro, message).with_hint(hint));
            out.coverage.push(no_data("unknown distribution", total, reason.to_owned()));
        }
        return None;
    };
    if total == 0 {
        // Removing the package database hides packages; it does not remove them.
        let message = format!("match packages of {distro}: none is listed");
        let hint = "keep the package database in the image, or remove /etc/os-release if nothing of it is there";
        out.problems.push(Problem::undecided(ProblemKind::NoData, message).with_hint(hint));
        out.coverage.push(no_data(&distro.to_string(), 0, "no package database was found".to_owned()));
        return None;
    }
    let Some(rule) = families::rule_of(distro) else {
        let reason = format!("no maintained data: nobody keeps advisories for {distro} that can be matched");
        out.problems.push(Problem::undecided(ProblemKind::NoData, format!("match {}: {reason}", counted(total))));
        out.coverage.push(no_data(&distro.to_string(), total, reason));
        return None;
    };
    let releases = (rule.releases)(distro);
    let space = |release: &String| Space::Os { family: Family::from(rule.lists), release: release.clone() };
    let spaces: Vec<Space> = releases.iter().map(space).collect();
    let mut shelf = Shelf::new(os::what(distro, &releases), &spaces, databases);

    let ours = |package: &Package| package.ecosystem == rule.ecosystem && !outsiders::is_outsider(package);
    let groups = os::groups(installed().filter(|(_, package)| ours(package)), rule);
    let cpes = cpes_of(distro, rule, &shelf, databases);
    let mut told: HashMap<String, BTreeSet<String>> = HashMap::new();
    for group in &groups {
        for lookup in os::lookups(group) {
            let records = shelf.records(&lookup, databases);
            let voices = records.iter().filter_map(|said| {
                let ruling = os::rule_on(said, &lookup, group, rule, &cpes.by_database)?;
                (ruling != Ruling::Past).then(|| Voice::all(said, ruling))
            });
            for fault in faults(voices.flatten().collect()) {
                let Some(answer) = fault.answer(group.version, Scheme::of(rule.ecosystem), true) else { continue };
                told.entry(group.lookup.to_owned()).or_default().extend(ids_of(&answer).map(str::to_owned));
                out.matches.push(matched(answer, group.shown, group.version, &group.packages, databases));
            }
        }
    }

    let why_not = why_not(distro, today, &shelf).or(cpes.why_not);
    let maintained = why_not.is_none();
    let mine = installed().filter(|(_, package)| ours(package)).count();
    let reason = why_not.map(|(kind, reason)| {
        out.problems.push(Problem::undecided(kind, format!("match {} of {distro}: {reason}", counted(mine))));
        reason
    });
    let coverage = shelf.coverage(mine, reason, databases);
    if maintained && !databases.is_empty() {
        no_list_problem(&coverage, out);
    }
    out.coverage.push(coverage);
    outside_packages(distro, installed().filter(|(_, package)| !ours(package)).map(|(_, p)| p).collect(), out);

    let owners = installed().filter(|(_, package)| ours(package));
    let owners = owners.map(|(_, package)| {
        let key = if rule.name == families::Of::Source { package.source_name() } else { package.name.as_str() };
        (package.name.as_str(), key)
    });
    let owners: HashMap<&str, &str> = owners.collect();
    (maintained && shelf.has_full_data(databases)).then_some(Authority { distro, shelf, owners, told })
}

/// Why the lists do not answer for the release, although there may be some.
fn why_not(distro: &Distro, today: Date, shelf: &Shelf) -> Option<(ProblemKind, String)> {
    if families::is_moving(distro) {
        let reason =
            format!("no maintained data: {distro} changes every day and nobody keeps complete advisories for it");
        return Some((ProblemKind::NoData, reason));
    }
    // Where no database has the list of Ubuntu's extended maintenance, the plain release's end counts.
    let bare = Distro { advisory_release: None, ..distro.clone() };
    let plain = distro.family == Family::Ubuntu
        && distro.advisory_release.as_ref().is_some_and(|release| !shelf.has_release(release));
    let until = maintained_until(if plain { &bare } else { distro });
    if let Some(until) = until.filter(|until| *until < today) {
        let reason = format!("no maintained data: {} reached its end of life on {until}", shelf.what);
        return Some((ProblemKind::EndOfLife, reason));
    }
    None
}

/// Red Hat's products that the image is made of, by database.
struct Cpes {
    by_database: Vec<Vec<u32>>,
    why_not: Option<(ProblemKind, String)>,
}

fn cpes_of(distro: &Distro, rule: &Rule, shelf: &Shelf, databases: &mut Databases<'_>) -> Cpes {
    if !rule.content_sets || !shelf.has_data() {
        return Cpes { by_database: Vec::new(), why_not: None };
    }
    // CentOS and plain Red Hat images name no content sets: those of the release's base and application streams count.
    let default = families::default_content_sets(distro);
    let sets = if distro.content_sets.is_empty() { &default } else { &distro.content_sets };
    let mut by_database = databases.red_hat_cpes(sets);
    if by_database.iter().all(Vec::is_empty) && sets != &default {
        by_database = databases.red_hat_cpes(&default);
    }
    let known = by_database.iter().any(|cpes| !cpes.is_empty());
    let why_not = (!known && shelf.has_full_data(databases)).then(|| {
        let reason = format!("no database knows the content sets of {distro} ({})", sets.join(", "));
        (ProblemKind::NoData, reason)
    });
    Cpes { by_database, why_not }
}

/// Packages that somebody else built: the distribution's advisories do not speak of them.
fn outside_packages(distro: &Distro, outside: Vec<&Package>, out: &mut Matched) {
    if outside.is_empty() {
        return;
    }
    let mut names: Vec<&str> = outside.iter().map(|package| package.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let shown = if names.len() > 5 { format!("{}, …", names[..5].join(", ")) } else { names.join(", ") };
    let reason = format!("built outside {}, whose advisories do not speak of them: {shown}", distro.family);
    let message = format!("match {} from outside {}: no advisories ({shown})", counted(outside.len()), distro.family);
    out.problems.push(Problem::undecided(ProblemKind::NoData, message));
    out.coverage.push(no_data(&format!("{} (third-party packages)", distro.family), outside.len(), reason));
}

fn language_packages(
    inventory: &Inventory,
    mut authority: Option<Authority<'_>>,
    databases: &mut Databases<'_>,
    out: &mut Matched,
) {
    // What gets the same answer: one version of one package, by whom it was installed, guessed or not.
    type Key<'p> = (Ecosystem, &'p str, &'p str, Option<&'p str>, bool);
    let mut groups: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
    let mut counts: BTreeMap<Ecosystem, usize> = BTreeMap::new();
    for (index, package) in inventory.packages.iter().enumerate().filter(|(_, p)| !p.ecosystem.is_os()) {
        // The project itself has no version until it is released; nobody's advisories are about that.
        let own = matches!(package.relationship, Relationship::Root | Relationship::Workspace);
        if own && package.version.is_empty() {
            continue;
        }
        *counts.entry(package.ecosystem).or_default() += usize::from(!own);
        let owner = package.owned_by.as_deref();
        let key = (package.ecosystem, package.name.as_str(), package.version.as_str(), owner, package.guessed);
        groups.entry(key).or_default().push(index);
    }
    let mut shelves: BTreeMap<Ecosystem, Shelf> = BTreeMap::new();
    for ((ecosystem, name, version, owner, guessed), packages) in groups {
        let shelf = shelves
            .entry(ecosystem)
            .or_insert_with(|| Shelf::new(name_of(ecosystem).to_owned(), &[Space::Language(ecosystem)], databases));
        let records = shelf.records(name, databases);
        if records.is_empty() {
            continue;
        }
        let scheme = Scheme::of(ecosystem);
        let release =
            if ecosystem == Ecosystem::Go && name == "stdlib" { Some(go::release_to_semver(version)) } else { None };
        let voices = records.iter().flat_map(|said| {
            let ruling = match &release {
                Some(Ok(release)) => ruling(&said.advisory, release, scheme),
                // Whatever the version, some advisories are about all of them.
                Some(Err(error)) => match ruling(&said.advisory, "", scheme) {
                    Ruling::Undecided { .. } => undecided(error),
                    certain => certain,
                },
                None => ruling(&said.advisory, version, scheme),
            };
            if ruling == Ruling::Past { Vec::new() } else { Voice::all(said, ruling) }
        });
        let compared = release.as_ref().and_then(|r| r.as_deref().ok()).unwrap_or(version);
        for fault in faults(voices.collect()) {
            let Some(mut answer) = fault.answer(compared, scheme, false) else { continue };
            if guessed && answer.state == MatchState::Affected {
                let reason = "its name or version is guessed from the file's name".to_owned();
                answer.state = MatchState::Undecided { reason };
            }
            if let (Some(owner), Some(authority)) = (owner, &mut authority)
                && !matches!(answer.state, MatchState::NotAffected { .. })
            {
                match authority.word(owner, &answer, databases) {
                    Word::None => {}
                    Word::Told => continue,
                    Word::NotAffected(reason) => answer.state = MatchState::NotAffected { reason },
                }
            }
            out.matches.push(matched(answer, name, version, &packages, databases));
        }
    }
    for (ecosystem, count) in counts {
        let Some(shelf) = shelves.get(&ecosystem) else { continue };
        if count > 0 {
            let coverage = shelf.coverage(count, None, databases);
            if !databases.is_empty() {
                no_list_problem(&coverage, out);
            }
            out.coverage.push(coverage);
        }
    }
}

/// What the distribution says of a fault in a language package that one of its own packages installed.
enum Word {
    /// It keeps no record against that package: the language's advisories count.
    None,
    /// Its own match tells the fault already.
    Told,
    NotAffected(String),
}

impl Authority<'_> {
    fn word(&mut self, owner: &str, answer: &Answer<'_>, databases: &mut Databases<'_>) -> Word {
        let Some(key) = self.owners.get(owner) else { return Word::None };
        if ids_of(answer).any(|id| self.told.get(*key).is_some_and(|told| told.contains(id))) {
            return Word::Told;
        }
        let records = self.shelf.records(key, databases);
        if records.is_empty() {
            return Word::None;
        }
        let about = records.iter().find(|said| {
            let advisory = &said.advisory;
            let mut known = std::iter::once(&advisory.id).chain(&advisory.aliases).chain(&advisory.vendor_ids);
            known.any(|known| ids_of(answer).any(|id| id == known))
        });
        let what = &self.shelf.what;
        Word::NotAffected(match about {
            Some(_) => format!("{what} fixed it in its package {owner}, which installed this"),
            None => format!(
                "it came with the package {owner} of {what}, whose advisories cover that package and do not list this \
                 ({})",
                self.distro
            ),
        })
    }
}

fn ids_of<'a>(answer: &'a Answer<'_>) -> impl Iterator<Item = &'a str> {
    std::iter::once(&answer.id).chain(&answer.aliases).map(String::as_str)
}

/// The match with everything that is known of its vulnerability.
fn matched(answer: Answer<'_>, name: &str, version: &str, packages: &[usize], databases: &mut Databases<'_>) -> Match {
    let mut vulnerability = details(&answer, databases);
    let (severity, severity_source) = severity::choose(&answer.id, answer.chief, &mut vulnerability);
    let mut fix = answer.fix;
    if let Fix::Available { since, since_source, .. } = &mut fix
        && since.is_none()
        && let Some(published) = vulnerability.published
    {
        *since = Some(published.to_zoned(TimeZone::UTC).date());
        *since_source = Some(FixDateSource::Published);
    }
    let ids = || std::iter::once(&answer.id).chain(&answer.aliases).map(String::as_str);
    Match {
        known_exploited: databases.known_exploited(ids()),
        epss: databases.epss(ids()),
        id: answer.id.clone(),
        aliases: answer.aliases.clone(),
        vendor_ids: answer.vendor_ids,
        name: name.to_owned(),
        version: version.to_owned(),
        packages: packages.to_vec(),
        state: answer.state,
        fix,
        upgrade_to: answer.upgrade_to,
        severity,
        severity_source,
        data_source: Some(answer.chief.source.clone()).filter(|source| !source.id.is_empty()),
        vulnerability,
        unimportant: answer.unimportant,
    }
}

/// What is said of the shown id; what is missing there is filled from the other ids.
fn details(answer: &Answer<'_>, databases: &mut Databases<'_>) -> Vulnerability {
    let mut found = databases.vulnerability(&answer.id).unwrap_or_default();
    for alias in &answer.aliases {
        if !found.title.is_empty() && !found.vendor_severity.is_empty() && found.published.is_some() {
            break;
        }
        let Some(more) = databases.vulnerability(alias) else { continue };
        shelf::fill(&mut found, more);
    }
    found
}

/// One match for each fault of a package in one version, with every package that it is in; sorted.
fn joined(matches: Vec<Match>) -> Vec<Match> {
    let mut all: Vec<Match> = Vec::with_capacity(matches.len());
    let mut seen: HashMap<(String, String, String), Vec<usize>> = HashMap::new();
    for one in matches {
        let places = seen.entry((one.id.clone(), one.name.clone(), one.version.clone())).or_default();
        let same =
            |other: &Match| other.state == one.state && other.fix == one.fix && other.data_source == one.data_source;
        if let Some(at) = places.iter().copied().find(|at| same(&all[*at])) {
            let known: HashSet<usize> = all[at].packages.iter().copied().collect();
            all[at].packages.extend(one.packages.into_iter().filter(|index| !known.contains(index)));
            all[at].packages.sort_unstable();
            continue;
        }
        places.push(all.len());
        all.push(one);
    }
    all.sort_by(|a, b| (&a.name, &a.version, &a.id, &a.packages).cmp(&(&b.name, &b.version, &b.id, &b.packages)));
    all
}

fn no_data(what: &str, packages: usize, reason: String) -> Coverage {
    Coverage { what: what.to_owned(), packages, state: CoverageState::NoData { reason }, sources: Vec::new() }
}

fn no_list_problem(coverage: &Coverage, out: &mut Matched) {
    if let CoverageState::NoData { reason } = &coverage.state {
        let message = format!("match {} of {}: {reason}", counted(coverage.packages), coverage.what);
        out.problems.push(Problem::undecided(ProblemKind::NoData, message).with_hint("fetch data: plimsoll db update"));
    }
}

fn counted(packages: usize) -> String {
    if packages == 1 { "1 package".to_owned() } else { format!("{packages} packages") }
}

/// The ecosystem's name for people, as reports write it.
fn name_of(ecosystem: Ecosystem) -> &'static str {
    match ecosystem {
        Ecosystem::Go => "go",
        Ecosystem::Kubernetes => "kubernetes",
        other => other.purl_type(),
    }
}
