//! `policy test`: cases beside a policy, as tests of it. In: files of cases. Out: which passed, as test runners say it. Cases are
//! decided by the very functions that the gate decides by; what an image holds is in a file that the case names, and is
//! unknown where it names none.

mod read;
mod review;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use jiff::Timestamp;
use plimsoll_admission::{Given, Road};
use plimsoll_model::{
    Algorithm, Assessment, Digest, ImageReference, Inventory, Problem, ProblemKind, SignatureFacts, SignedKind,
    Subject, SubjectKind, Verified,
};
use plimsoll_report::{POLICY_TEST_FORMATS, PolicyTests, RenderOptions, TestCase, TestFile};

use crate::cli::{Global, ReachArgs};
use crate::exit::Exit;
use crate::replay::{State, state};
use crate::serve::decision::{self, Wanted};
use crate::serve::loaded::Loaded;
use crate::session::{DataChoice, Session, SessionOptions, now};
use crate::{assess, commands};
use read::{Asked, Case, Holds, Image, Signed};
use sha2::{Digest as _, Sha256};

/// Folders below the one that is looked through.
const MAX_DEPTH: usize = 16;
/// Version of the JSON: it rises when a field changes its meaning.
const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Args)]
pub struct TestArgs {
    /// Files of cases, or folders with `loadline-test.yaml` and `*_test.yaml`; else this folder
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The policy, whatever the files name
    #[arg(short, long, env = "PLIMSOLL_POLICY", value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Vulnerability database: trivy.db, a compiled index or a folder of OSV records (repeatable)
    #[arg(long, value_name = "PATH", env = "PLIMSOLL_DB", value_delimiter = ':')]
    pub db: Vec<PathBuf>,
    /// Do not set the API server's defaults, whatever the cases say
    #[arg(long)]
    pub no_defaults: bool,
    /// Only cases with this in their name
    #[arg(long, value_name = "TEXT")]
    pub run: Option<String>,
    /// How it is shown: table, json or junit
    #[arg(short, long, default_value = "table", value_parser = formats())]
    pub format: String,
    /// Write it to this file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The reasons of cases that passed, too
    #[arg(short, long)]
    pub verbose: bool,
    /// Columns of the table
    #[arg(long, value_name = "COLUMNS")]
    pub width: Option<usize>,
}

fn formats() -> clap::builder::PossibleValuesParser {
    POLICY_TEST_FORMATS
        .iter()
        .map(|format| clap::builder::PossibleValue::new(format.name).help(format.about))
        .collect::<Vec<_>>()
        .into()
}

pub fn run(global: &Global, args: &TestArgs) -> anyhow::Result<Exit> {
    let mut files = Vec::new();
    let mut policies = Policies::new(global, args);
    for path in files_of(&args.files)? {
        files.push(file(&mut policies, args, &path)?);
    }
    let tests = PolicyTests { schema_version: SCHEMA_VERSION, tool: commands::tool(), files };
    let (cases, failed) = tests.counts();
    if cases == 0 {
        bail!("run tests: no case has that in its name");
    }
    show(global, args, &tests)?;
    Ok(if failed == 0 { Exit::Allowed } else { Exit::Denied })
}

fn files_of(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let here = [PathBuf::from(".")];
    let mut files = Vec::new();
    for path in if named.is_empty() { &here } else { named } {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let walk =
            ignore::WalkBuilder::new(path).max_depth(Some(MAX_DEPTH)).sort_by_file_name(std::ffi::OsStr::cmp).build();
        for entry in walk {
            let entry = entry.with_context(|| format!("look through {}", path.display()))?;
            let name = entry.file_name().to_str().unwrap_or_default();
            let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).unwrap_or_default();
            if (stem == "loadline-test" || stem.ends_with("_test")) && entry.path().is_file() {
                files.push(entry.into_path());
            }
        }
    }
    if files.is_empty() {
        bail!("find tests: there is no loadline-test.yaml and no *_test.yaml here");
    }
    Ok(files)
}

/// All cases of one file.
fn file(policies: &mut Policies, args: &TestArgs, path: &Path) -> anyhow::Result<TestFile> {
    let bytes = assess::read_bounded(path, read::MAX_FILE)?;
    let name = path.strip_prefix("./").unwrap_or(path).display().to_string();
    let text = String::from_utf8(bytes).map_err(|_| anyhow!("read {name}: it is no UTF-8"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cases = read::cases(&name, &text, folder).map_err(|why| anyhow!("read {why}"))?;
    let policy = args.policy.clone().or(cases.policy).unwrap_or_else(|| folder.join("loadline.yaml"));
    let opened = policies.of(&policy)?;
    let mut done = Vec::new();
    for case in &cases.cases {
        if args.run.as_ref().is_some_and(|part| !case.name.contains(part.as_str())) {
            continue;
        }
        let of_case = || format!("run {name}:{} ({:?})", case.line, case.name);
        let raw = args.no_defaults || !case.defaults;
        let body = review::of(case, raw).with_context(of_case)?.to_string();
        let given = given(opened, case, &cases.images, &body, raw).with_context(of_case)?;
        done.push(verdict(case, &given));
    }
    Ok(TestFile { file: name, policy: opened.loaded.session.policy_info(), cases: done })
}

/// A policy, with its databases, and what was found in images under it.
struct Opened {
    loaded: Loaded,
    known: Known,
}

/// The policies of a run, each opened once for all of its files.
struct Policies {
    options: SessionOptions,
    opened: HashMap<PathBuf, Opened>,
}

impl Policies {
    fn new(global: &Global, args: &TestArgs) -> Policies {
        let options = SessionOptions {
            databases: if args.db.is_empty() { DataChoice::Machine } else { DataChoice::These(args.db.clone()) },
            cache_dir: global.cache_dir.clone(),
            quiet: true,
            ..SessionOptions::default()
        };
        Policies { options, opened: HashMap::new() }
    }

    /// The policy in this file, however the path to its folder is written.
    fn of(&mut self, path: &Path) -> anyhow::Result<&mut Opened> {
        // What it names is beside the path, also where that is a link to a file elsewhere.
        let place = match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => Path::new(".").join(folder).canonicalize().map(|folder| folder.join(name)),
            _ => path.canonicalize(),
        };
        // One that leads nowhere is told by whoever opens it.
        let place = place.unwrap_or_else(|_| path.to_owned());
        Ok(match self.opened.entry(place) {
            Entry::Occupied(opened) => opened.into_mut(),
            Entry::Vacant(place) => {
                let options = SessionOptions { policy: Some(path.to_owned()), ..self.options.clone() };
                let loaded = Loaded::new(Session::open(&options)?, 1)?;
                place.insert(Opened { loaded, known: Known::default() })
            }
        })
    }
}

/// Images that were looked into, by their path and name.
type Known = HashMap<(PathBuf, String), Arc<Assessment>>;

/// What the policy says; of an object that is not raw, as the server and the policies that change it would leave it.
fn given(opened: &mut Opened, case: &Case, images: &[Image], body: &str, raw: bool) -> anyhow::Result<Given> {
    let Opened { loaded, known } = opened;
    let at = case.at.unwrap_or_else(now);
    let review = plimsoll_admission::read(Road::Any, body.as_bytes()).map_err(|error| anyhow!("{}", error.why))?;
    let mut look = |wanted: &Wanted<'_>| {
        let image = wanted.image;
        let told = case.images.iter().chain(images).find(|known| known.name == image);
        Ok::<_, anyhow::Error>(Arc::new(match told {
            Some(told) => {
                let mut assessment = held(loaded, wanted, &told.holds, known)?;
                if let Some(signed) = &told.signed {
                    signed_by(loaded, signed, &wanted.reference, at, Arc::make_mut(&mut assessment))?;
                }
                let subject = &assessment.subject;
                let digest = subject.index_digest.clone().or_else(|| subject.digest.clone());
                wanted.looked(&assessment, digest)
            }
            None => {
                let what = format!("look into {image}: `images` does not say what is in it");
                wanted.unknown(Problem::undecided(ProblemKind::Unreachable, what))
            }
        }))
    };
    let object = || match case.asked {
        Asked::Object { .. } if !raw => decision::object_of_the_desk(loaded, &review, body.as_bytes(), at),
        _ => decision::object(loaded, &review, body.as_bytes(), at),
    };
    decision::given(loaded, &review, at, &mut look, &object)
}

/// What is in an image, found out once.
fn held(loaded: &Loaded, wanted: &Wanted<'_>, holds: &Holds, known: &mut Known) -> anyhow::Result<Arc<Assessment>> {
    let image = wanted.image;
    let path = match holds {
        Holds::Clean => return Ok(Arc::new(clean(image, &wanted.reference))),
        Holds::Path(path) => path,
    };
    let key = (path.clone(), image.to_owned());
    if let Some(found) = known.get(&key) {
        return Ok(Arc::clone(found));
    }
    let gathered = assess::input(&loaded.session, &path.display().to_string(), Some(image), &ReachArgs::default())?;
    let assessment = Arc::new(gathered.assessment);
    known.insert(key, Arc::clone(&assessment));
    Ok(assessment)
}

/// The signatures and attestations that a file of cases tells of, of the digest that the name leads to. They were made at the time of
/// the case, and Rego has nothing against them.
fn signed_by(
    loaded: &Loaded,
    signed: &Signed,
    reference: &ImageReference,
    at: Timestamp,
    assessment: &mut Assessment,
) -> anyhow::Result<()> {
    let policy = &loaded.session.policy;
    let subject = &mut assessment.subject;
    let named = reference.digest().or(subject.index_digest.as_ref()).or(subject.digest.as_ref()).cloned();
    let made = || Digest::from_bytes(Algorithm::Sha256, &Sha256::digest(reference.to_string()));
    let digest = named.or_else(made).context("find the image's digest")?;
    subject.digest.get_or_insert_with(|| digest.clone());
    let rules = policy.images.iter().flat_map(|entry| &entry.attestations);
    let rego: BTreeMap<_, _> = rules.filter_map(|rule| Some((rule.rego.clone()?, Vec::new()))).collect();
    let mut verified = Vec::new();
    let signatures = signed.by.iter().map(|by| (by, SignedKind::Signature, None));
    let attestations = signed.attested.iter().flat_map(|(kind, all)| {
        let of = plimsoll_policy::predicate_type(kind);
        all.iter().map(move |by| (by, SignedKind::Attestation, Some(of.to_owned())))
    });
    for (by, kind, predicate_type) in signatures.chain(attestations) {
        if !policy.keys.iter().any(|authority| authority.name == *by) {
            bail!("no authority of the policy is called `{by}`");
        }
        verified.push(Verified {
            kind,
            authority: by.clone(),
            digest: digest.clone(),
            // Each authority has signers of its own.
            signer: format!("`{by}` in the file of cases"),
            annotations: BTreeMap::new(),
            signed_at: Some(at),
            not_before: None,
            not_after: None,
            predicate_type,
            made_at: Some(at),
            rego: rego.clone(),
            vex: Vec::new(),
            vex_problems: Vec::new(),
        });
    }
    assessment.signatures =
        Some(SignatureFacts { policy: policy.digest.clone(), verified, ..SignatureFacts::default() });
    Ok(())
}

/// An image in which nothing was found.
fn clean(image: &str, reference: &ImageReference) -> Assessment {
    let subject = Subject {
        kind: SubjectKind::Image,
        name: image.to_owned(),
        reference: Some(reference.clone()),
        digest: reference.digest().cloned(),
        index_digest: None,
        image_id: None,
        named_at: Vec::new(),
        namespace: None,
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
        problems: Vec::new(),
        verdict: None,
    }
}

/// Whether it is as the case expects.
fn verdict(case: &Case, given: &Given) -> TestCase {
    let got = match state(given) {
        State::Allowed => "allowed",
        State::Warned => "warned",
        State::Undecided => "undecided",
        State::Denied => "denied",
    };
    let mut failures = Vec::new();
    if got != case.expect {
        failures.push(format!("expected {}, got {got}", case.expect));
    }
    let reasons: Vec<_> = given.decided.iter().flat_map(|one| one.reasons.iter().map(move |why| (one, why))).collect();
    // A rule by its clause, or by the clause's last part: `runs-as-root`, `all-must-have-owner`.
    let names = |clause: &str, wanted: &str| {
        clause == wanted || clause.strip_suffix(wanted).is_some_and(|before| before.ends_with(['.', ' ', '/']))
    };
    let has_rule =
        |rule: &String| reasons.iter().any(|(_, why)| names(why.clause.as_deref().unwrap_or_default(), rule));
    let says = |text: &String| {
        let warned = given.warnings.iter().any(|warning| warning.contains(text.as_str()));
        warned
            || given.message.contains(text.as_str())
            || reasons.iter().any(|(_, why)| why.message.contains(text.as_str()))
    };
    let missing = |rule: &&String| !has_rule(rule);
    failures.extend(case.rules.iter().filter(missing).map(|rule| format!("no reason is of the rule {rule}")));
    failures.extend(
        case.not_rules.iter().filter(|rule| has_rule(rule)).map(|rule| format!("a reason is of the rule {rule}")),
    );
    failures.extend(case.messages.iter().filter(|text| !says(text)).map(|text| format!("nothing says {text:?}")));
    failures.extend(case.not_messages.iter().filter(|text| says(text)).map(|text| format!("something says {text:?}")));
    let reasons = reasons.iter().map(|(one, why)| {
        let of = one.image.as_ref().map(|image| format!("{image}: ")).unwrap_or_default();
        let clause = why.clause.as_ref().map(|clause| format!("{clause}: ")).unwrap_or_default();
        format!("{clause}{of}{}", why.message)
    });
    TestCase {
        name: case.name.clone(),
        line: case.line,
        expected: case.expect.to_owned(),
        got: got.to_owned(),
        failures,
        reasons: reasons.collect(),
    }
}

fn show(global: &Global, args: &TestArgs, tests: &PolicyTests) -> anyhow::Result<()> {
    use std::io::IsTerminal as _;
    let format = POLICY_TEST_FORMATS.iter().find(|format| format.name == args.format).context("find the format")?;
    let to_terminal = args.output.is_none() && std::io::stdout().is_terminal();
    let options = RenderOptions {
        colour: commands::coloured(global, to_terminal),
        width: commands::columns(args.width, to_terminal),
        verbose: args.verbose,
        ..RenderOptions::default()
    };
    commands::write_out(args.output.as_deref(), &(format.render)(tests, &options)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_opened_once_however_its_path_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loadline.yaml");
        let text = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: a}\nimages: [{name: a, match: ['**']}]\n";
        std::fs::write(&path, text).unwrap();
        let options = SessionOptions { databases: DataChoice::Only(Vec::new()), quiet: true, ..Default::default() };
        let mut policies = Policies { options, opened: HashMap::new() };
        policies.of(&path).unwrap().loaded.generation = 7;
        assert_eq!(policies.of(&folder.path().join("./loadline.yaml")).unwrap().loaded.generation, 7);
        assert!(policies.of(&folder.path().join("gone.yaml")).is_err());
    }
}
