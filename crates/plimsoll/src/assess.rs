//! Gathers what is known of one subject. In: a session and a target. Out: an `Assessment` without a verdict, and one with
//! it from [`judged`]. This is where the siblings meet: sources → inventory → advisories → checks → policy.

use std::borrow::Cow;
use std::path::Path;

use anyhow::Context as _;
use plimsoll_checks::secrets::{in_variable, redact};
use plimsoll_inventory::{Inspector, Options, TreeKind};
use plimsoll_model::{Assessment, ImageReference, Inventory, Location, Problem, ProblemKind, Subject, SubjectKind};
use plimsoll_sources::ResolvedImage;

use crate::cli::{Origin, ReachArgs};
use crate::progress::Meter;
use crate::session::Session;
use crate::signatures::Wanted;

/// An assessment and the names that only some formats show.
pub struct Gathered {
    pub assessment: Assessment,
    pub repo_tags: Vec<String>,
    pub repo_digests: Vec<String>,
}

/// An image by name. `judge_as` replaces the name that the policy judges.
pub fn image(
    session: &Session,
    name: &str,
    judge_as: Option<&str>,
    from: Origin,
    reach: &ReachArgs,
) -> anyhow::Result<Gathered> {
    let meter = Meter::new(session.quiet, name);
    let mut resolved = crate::reach::open(name, from, reach, &session.cache_dir, &meter)?;
    if let Some(name) = judge_as {
        resolved.reference = Some(reference(name)?);
    }
    Ok(resolved_image(session, resolved, name, &meter))
}

/// Adds what is signed of an image that was fetched by name, where its entry asks for that. What is in an engine may never have been
/// in a registry under that name.
pub fn signed(
    session: &Session,
    name: &str,
    from: Origin,
    reach: &ReachArgs,
    assessment: &mut Assessment,
) -> anyhow::Result<()> {
    let subject = &assessment.subject;
    if from != Origin::Registry || reach.offline || subject.digest.is_none() {
        return Ok(());
    }
    let namespace = session.namespace.as_deref().or(subject.namespace.as_deref());
    let Some(wanted) = Wanted::of(session, subject.reference.as_ref(), namespace, session.at) else { return Ok(()) };
    let meter = Meter::new(session.quiet, name);
    let sources = crate::reach::sources(reach, &session.cache_dir, &meter)?;
    let facts = wanted.facts(&sources, &reference(name)?, subject);
    meter.finish();
    assessment.signatures = Some(facts);
    Ok(())
}

/// An image in an archive or layout. `judge_as` replaces the name found there.
pub fn input(session: &Session, path: &str, judge_as: Option<&str>, reach: &ReachArgs) -> anyhow::Result<Gathered> {
    let meter = Meter::new(session.quiet, path);
    let mut resolved = crate::reach::open_input(path, reach, &session.cache_dir)?;
    if let Some(name) = judge_as {
        resolved.reference = Some(reference(name)?);
    }
    Ok(resolved_image(session, resolved, path, &meter))
}

/// What was read of a subject, before databases and rules were asked: good for as long as its bytes are the same.
#[derive(Debug, Clone)]
pub struct Looked {
    pub subject: Subject,
    /// With its secrets: not for reports.
    pub inventory: Inventory,
    /// Of the source; the inventory has its own.
    pub problems: Vec<Problem>,
}

/// An image that a source resolved, catalogued and matched.
pub fn resolved_image(session: &Session, resolved: ResolvedImage, name: &str, meter: &Meter) -> Gathered {
    let (repo_tags, repo_digests) = (resolved.repo_tags.clone(), resolved.repo_digests.clone());
    let Looked { subject, inventory, problems } = look(session, resolved, name, meter);
    Gathered { assessment: assembled(session, subject, inventory, problems), repo_tags, repo_digests }
}

/// An image that a source resolved, catalogued.
pub fn look(session: &Session, resolved: ResolvedImage, name: &str, meter: &Meter) -> Looked {
    let ResolvedImage { reference, digest, index_digest, image_id, config, layers, problems, .. } = resolved;
    let inventory =
        with_options(session, meter, |options| plimsoll_inventory::catalogue_image(Some(config), layers, options));
    let subject = Subject {
        kind: SubjectKind::Image,
        name: name.to_owned(),
        reference,
        digest,
        index_digest,
        image_id,
        named_at: Vec::new(),
        namespace: session.namespace.clone(),
    };
    Looked { subject, inventory, problems }
}

/// A project folder, by its lockfiles.
pub fn project(session: &Session, dir: &Path) -> anyhow::Result<Gathered> {
    tree(session, dir, TreeKind::Project, SubjectKind::Filesystem, None)
}

/// An unpacked root file system.
pub fn rootfs(session: &Session, dir: &Path) -> anyhow::Result<Gathered> {
    tree(session, dir, TreeKind::Rootfs, SubjectKind::Rootfs, None)
}

/// A folder judged under a name.
pub fn folder(session: &Session, dir: &Path, kind: SubjectKind, judge_as: Option<&str>) -> anyhow::Result<Gathered> {
    let tree_kind = if kind == SubjectKind::Rootfs { TreeKind::Rootfs } else { TreeKind::Project };
    tree(session, dir, tree_kind, kind, judge_as)
}

fn tree(
    session: &Session,
    dir: &Path,
    tree_kind: TreeKind,
    kind: SubjectKind,
    judge_as: Option<&str>,
) -> anyhow::Result<Gathered> {
    let name = dir.display().to_string();
    let meter = Meter::new(session.quiet, &name);
    let folder = plimsoll_sources::folder(dir)?;
    let inventory =
        with_options(session, &meter, |options| plimsoll_inventory::catalogue_tree(&folder, tree_kind, options));
    let subject = Subject {
        kind,
        name,
        reference: judge_as.map(reference).transpose()?,
        digest: None,
        index_digest: None,
        image_id: None,
        named_at: Vec::new(),
        namespace: session.namespace.clone(),
    };
    Ok(Gathered {
        assessment: assembled(session, subject, inventory, Vec::new()),
        repo_tags: Vec::new(),
        repo_digests: Vec::new(),
    })
}

/// The packages that an SBOM lists.
pub fn sbom(session: &Session, path: &Path) -> anyhow::Result<(Gathered, plimsoll_inventory::SbomKind)> {
    let name = path.display().to_string();
    let bytes = read_bounded(path, MAX_DOCUMENT)?;
    let read = plimsoll_inventory::read_sbom(&bytes, &name)?;
    let subject = Subject {
        kind: SubjectKind::Sbom,
        name,
        reference: None,
        digest: None,
        index_digest: None,
        image_id: read.image_id.clone(),
        named_at: Vec::new(),
        namespace: session.namespace.clone(),
    };
    let mut problems = Vec::new();
    if read.inventory.packages.is_empty() {
        let message = format!("tell what {} is made of: it lists no package", subject.name);
        problems
            .push(Problem::undecided(ProblemKind::BadInput, message).with_hint("make the SBOM again, from the image"));
    }
    let assessment = assembled(session, subject, read.inventory, problems);
    Ok((Gathered { assessment, repo_tags: read.repo_tags, repo_digests: read.repo_digests }, read.kind))
}

/// A subject that could not be reached: nothing is known of it, and that is what its assessment says.
pub fn unreachable(session: &Session, name: &str, reference: Option<ImageReference>, problem: Problem) -> Assessment {
    let subject = Subject {
        kind: SubjectKind::Image,
        name: name.to_owned(),
        reference,
        digest: None,
        index_digest: None,
        image_id: None,
        named_at: Vec::new(),
        namespace: session.namespace.clone(),
    };
    Assessment {
        subject,
        inventory: Inventory::default(),
        matches: Vec::new(),
        findings: Vec::new(),
        coverage: Vec::new(),
        workload: None,
        signatures: None,
        rulings: Vec::new(),
        problems: vec![problem],
        verdict: None,
    }
}

/// An SBOM that could not be read.
pub fn unread_sbom(session: &Session, name: &str, error: &anyhow::Error) -> Assessment {
    let problem = Problem::undecided(ProblemKind::BadInput, crate::message::chain(error)).at(Location::path(name));
    let mut assessment = unreachable(session, name, None, problem);
    assessment.subject.kind = SubjectKind::Sbom;
    assessment
}

/// Reads a file of at most `most` bytes: documents come from people, and a device or a mistake must not fill memory.
pub fn read_bounded(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    use std::io::Read;
    let file = crate::input::open(path).with_context(|| format!("read {}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("read {}", path.display()))?;
    if bytes.len() as u64 > most {
        anyhow::bail!("read {}: it is larger than the {} MiB that are allowed", path.display(), most >> 20);
    }
    Ok(bytes)
}

/// The largest SBOM or VEX document.
pub const MAX_DOCUMENT: u64 = 256 << 20;

/// The problem of an image that could not be had.
pub fn unreachable_problem(name: &str, error: &anyhow::Error) -> Problem {
    let problem =
        Problem::undecided(ProblemKind::Unreachable, format!("reach {name}: {}", crate::message::chain(error)))
            .at(Location::default());
    match crate::message::hint(error) {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}

/// What the policy is told of this run.
pub fn context(session: &Session) -> plimsoll_policy::Context<'_> {
    plimsoll_policy::Context {
        at: session.at,
        namespace: session.namespace.as_deref(),
        request: None,
        databases: &session.database_infos,
        vex: &session.vex,
    }
}

/// The assessment with what rules over images say of it. Of an object they were asked before, and that stays.
pub fn with_rulings(session: &Session, mut assessment: Assessment) -> Assessment {
    let rulings = session.policies.of_image(&assessment, session.at);
    if !rulings.is_empty() {
        assessment.rulings = rulings;
    }
    assessment
}

/// The assessment with its verdict.
pub fn judged(session: &Session, assessment: Assessment) -> Assessment {
    let mut assessment = with_rulings(session, assessment);
    assessment.verdict = Some(plimsoll_policy::judge(&assessment, &session.policy, &context(session)));
    assessment
}

/// Reads an image name, with the fault in its words.
pub fn reference(name: &str) -> anyhow::Result<ImageReference> {
    name.parse().with_context(|| format!("read the image name {name:?}"))
}

/// Whether a path is one that was asked for: whole, by its last part, or by the end after that part's last dot.
pub fn is_named(files: &[String], path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let end = name.rfind('.').map_or("", |at| &name[at..]);
    files.iter().any(|file| file == path || file == name || (file.starts_with('.') && file == end))
}

fn with_options(session: &Session, meter: &Meter, catalogue: impl FnOnce(&Options<'_>) -> Inventory) -> Inventory {
    let secrets = plimsoll_checks::secrets::inspector();
    let wants = |path: &str, size: u64| secrets.wants(path, size);
    let inspect = |path: &str, bytes: &[u8]| secrets.inspect(path, bytes);
    let accounts = Inspector {
        wants: &plimsoll_checks::image::accounts::wants,
        inspect: &plimsoll_checks::image::accounts::inspect,
    };
    let inspectors = [accounts, Inspector { wants: &wants, inspect: &inspect }];
    let named = |path: &str| is_named(&session.named_files, path);
    let progress = |progress: plimsoll_inventory::Progress| meter.unpacked(progress.done, progress.total);
    let options = Options {
        executables: session.executables,
        inspectors: if session.secrets { &inspectors } else { &inspectors[..1] },
        named: (!session.named_files.is_empty()).then_some(&named),
        progress: Some(&progress),
        ..Options::default()
    };
    let inventory = catalogue(&options);
    meter.finish();
    inventory
}

/// What databases and rules say of what was read.
pub fn assembled(
    session: &Session,
    subject: Subject,
    mut inventory: Inventory,
    mut problems: Vec<Problem>,
) -> Assessment {
    let sources: Vec<&dyn plimsoll_advisories::AdvisorySource> =
        session.databases.iter().map(|database| database.as_ref()).collect();
    let matched = plimsoll_advisories::match_packages(&inventory, &sources, session.at);
    problems.extend(session.problems.iter().cloned());
    problems.extend(inventory.problems.iter().cloned());
    problems.extend(matched.problems);
    let mut findings = if matches!(subject.kind, SubjectKind::Image | SubjectKind::Rootfs) {
        let facts = plimsoll_checks::image::Facts {
            inventory: &inventory,
            subject: &subject,
            problems: &problems,
            at: Some(session.at),
            known_variables: &[],
        };
        plimsoll_checks::image::findings_of(&facts, &|rule| session.looks_for(rule))
    } else {
        Vec::new()
    };
    mask_secrets(&mut inventory);
    findings.sort_by(|a, b| (b.severity, &a.rule, &a.message).cmp(&(a.severity, &b.rule, &b.message)));
    Assessment {
        subject,
        inventory,
        matches: matched.matches,
        findings,
        coverage: matched.coverage,
        workload: None,
        signatures: None,
        rulings: Vec::new(),
        problems,
        verdict: None,
    }
}

/// Masks what looks like a secret in the build instructions and settings, once the rules have seen them: a report is
/// kept, uploaded and shown to more people than the image is. Its digests stay those of the image as it is.
fn mask_secrets(inventory: &mut Inventory) {
    let mask = |text: &mut String| {
        if let Cow::Owned(masked) = redact(text) {
            *text = masked;
        }
    };
    inventory.layers.iter_mut().filter_map(|layer| layer.created_by.as_mut()).for_each(mask);
    let Some(config) = &mut inventory.config else { return };
    config.history.iter_mut().filter_map(|step| step.created_by.as_mut()).for_each(mask);
    config.entrypoint.iter_mut().chain(&mut config.cmd).chain(config.labels.values_mut()).for_each(mask);
    for variable in &mut config.env {
        if let Some((name, value)) = variable.split_once('=')
            && let Some(secret) = in_variable(name, value)
        {
            let masked =
                if secret.value.is_empty() { "…".to_owned() } else { value.replace(&secret.value, &secret.masked()) };
            *variable = format!("{name}={masked}");
        }
        mask(variable);
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{HistoryEntry, ImageConfig};

    use super::*;

    #[test]
    fn no_secret_of_the_configuration_is_left_whole() {
        // Made of parts, so that no scanner takes this file for a leak.
        let token = ["ghp_", "x7Kq9mW2vR4tY8", "nB3cF6hJ1lP5sD0gZAbCdE"].concat();
        let instruction = format!("RUN curl -H 'Authorization: token {token}' https://example.com");
        let step = HistoryEntry { created_by: Some(instruction.clone()), ..HistoryEntry::default() };
        let config = ImageConfig {
            env: vec![format!("GITHUB_TOKEN={token}"), "PATH=/usr/bin".into()],
            history: vec![step],
            ..ImageConfig::default()
        };
        let mut inventory = Inventory { config: Some(config), ..Inventory::default() };
        mask_secrets(&mut inventory);
        let config = inventory.config.unwrap();
        assert!(!format!("{config:?}").contains(&token), "{config:?}");
        assert_eq!(config.env[1], "PATH=/usr/bin");
        assert!(config.env[0].starts_with("GITHUB_TOKEN="));
    }
}
