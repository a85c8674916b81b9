//! `policy test`: cases beside a policy, as tests of it. In: files of cases. Out: which passed, as test runners say it. Cases are
//! decided by the very functions that the gate decides by; what an image holds is in a file that the case names, and is
//! unknown where it names none.

mod read;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use plimsoll_admission::{Given, Review, Road};
use plimsoll_model::{Assessment, ImageReference, Inventory, Problem, ProblemKind, Subject, SubjectKind};
use plimsoll_policy::Standing;
use plimsoll_report::{POLICY_TEST_FORMATS, PolicyTests, RenderOptions, TestCase, TestFile};
use serde_json::{Value, json};

use crate::cli::{Global, ReachArgs};
use crate::exit::Exit;
use crate::policies::desk;
use crate::replay::{State, state};
use crate::serve::decision;
use crate::serve::judged::{Judged, judge};
use crate::serve::loaded::Loaded;
use crate::serve::recorder;
use crate::session::{DataChoice, Session, SessionOptions, now};
use crate::{assess, commands};
use read::{Asked, Case, Holds, Image};

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
    for path in files_of(&args.files)? {
        files.push(file(global, args, &path)?);
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
fn file(global: &Global, args: &TestArgs, path: &Path) -> anyhow::Result<TestFile> {
    let bytes = assess::read_bounded(path, read::MAX_FILE)?;
    let name = path.strip_prefix("./").unwrap_or(path).display().to_string();
    let text = String::from_utf8(bytes).map_err(|_| anyhow!("read {name}: it is no UTF-8"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cases = read::cases(&name, &text, folder).map_err(|why| anyhow!("read {why}"))?;
    let policy = args.policy.clone().or(cases.policy).unwrap_or_else(|| folder.join("loadline.yaml"));
    let session = Session::open(&SessionOptions {
        policy: Some(policy),
        databases: if args.db.is_empty() { DataChoice::Machine } else { DataChoice::These(args.db.clone()) },
        cache_dir: global.cache_dir.clone(),
        quiet: true,
        ..SessionOptions::default()
    })?;
    let loaded = Loaded::new(session, 1)?;
    let mut known = Known::default();
    let mut done = Vec::new();
    for case in &cases.cases {
        if args.run.as_ref().is_some_and(|part| !case.name.contains(part.as_str())) {
            continue;
        }
        let of_case = || format!("run {name}:{} ({:?})", case.line, case.name);
        let body = body(case, args.no_defaults).with_context(of_case)?;
        let given = given(&loaded, case, &cases.images, &body, &mut known).with_context(of_case)?;
        done.push(verdict(case, &given));
    }
    Ok(TestFile { file: name, policy: loaded.session.policy_info(), cases: done })
}

/// The review that an API server would send.
fn body(case: &Case, no_defaults: bool) -> anyhow::Result<String> {
    let review = match &case.asked {
        Asked::Review(review) => {
            let mut review = review.clone();
            override_review(case, &mut review);
            review
        }
        Asked::Image(image) => {
            let spec = json!({"containers": [{"image": image}], "namespace": case.namespace});
            json!({"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview", "spec": spec})
        }
        Asked::Object { object, old } => {
            let ready = |object: &Value| {
                let mut object = object.clone();
                if case.defaults && !no_defaults {
                    // Of kinds that it does not know the object stays as it is.
                    plimsoll_defaults::apply(&mut object);
                }
                object
            };
            admission(case, ready(object), old.as_ref().map(ready))
        }
    };
    Ok(review.to_string())
}

fn override_review(case: &Case, review: &mut Value) {
    let Some(request) = review.get_mut("request").and_then(Value::as_object_mut) else { return };
    // The desk knows of an object whether it is in a namespace.
    if let (Some(namespace), Asked::Review(_)) = (&case.namespace, &case.asked) {
        request.insert("namespace".into(), json!(namespace));
    }
    if case.user.is_some() || !case.groups.is_empty() {
        request.insert("userInfo".into(), json!({"username": case.user, "groups": case.groups}));
    }
}

/// The review that the desk makes of an object, asked by somebody and about what the case says.
fn admission(case: &Case, object: Value, old: Option<Value>) -> Value {
    let operation = case.operation.as_deref().unwrap_or(if old.is_some() { "UPDATE" } else { "CREATE" });
    let mut review = desk::of_creation(object, case.namespace.as_deref());
    let Some(request) = review.get_mut("request").and_then(Value::as_object_mut) else { return review };
    // What goes away is the old object.
    let old = match operation {
        "DELETE" => {
            let object = request.insert("object".into(), Value::Null);
            old.or(object)
        }
        _ => old,
    };
    if operation != "CREATE" {
        let kind = match operation {
            "UPDATE" => "UpdateOptions",
            "DELETE" => "DeleteOptions",
            _ => "PodExecOptions",
        };
        request.insert("options".into(), json!({"apiVersion": "meta.k8s.io/v1", "kind": kind}));
    }
    request.insert("uid".into(), "00000000-0000-0000-0000-000000000000".into());
    request.insert("operation".into(), operation.into());
    request.insert("oldObject".into(), old.unwrap_or_default());
    override_review(case, &mut review);
    review
}

/// Images that were looked into, by their path and name.
type Known = HashMap<(PathBuf, String), Arc<Assessment>>;

/// What the policy says.
fn given(loaded: &Loaded, case: &Case, images: &[Image], body: &str, known: &mut Known) -> anyhow::Result<Given> {
    let at = case.at.unwrap_or_else(now);
    let review = plimsoll_admission::read(Road::Any, body.as_bytes()).map_err(|error| anyhow!("{}", error.why))?;
    let annotations = plimsoll_policy::relevant_annotations(&loaded.session.policy, &review.annotations);
    let request = decision::request(&review, &annotations);
    let namespace = review.namespace.as_deref();
    let mut judged = Vec::with_capacity(review.images.len() + 1);
    for named in &review.images {
        let image = named.image.as_str();
        let without = |reference: Option<ImageReference>, problem: Problem| {
            decision::without_looking(loaded, (image, reference), namespace, &request, problem, at)
        };
        let reference: ImageReference = match image.parse() {
            Ok(reference) => reference,
            Err(error) => {
                judged.push(Arc::new(without(None, Problem::unreadable_name(image, &error))));
                continue;
            }
        };
        let standing = decision::standing(loaded, namespace, &request, &reference, at);
        let glass = standing == Standing::BreakGlass;
        if !glass && !matches!(standing, Standing::Judged { .. }) {
            judged.push(Arc::new(without(Some(reference), decision::by_name())));
            continue;
        }
        let holds = case.images.iter().chain(images).find(|known| known.name == image).map(|known| &known.holds);
        let verdict = match holds {
            Some(holds) => {
                let assessment = held(loaded, image, &reference, holds, known)?;
                looked(loaded, &review, &assessment, glass.then_some(&request), at)
            }
            None if glass => without(Some(reference), decision::by_name()),
            None => {
                let what = format!("look into {image}: `images` does not say what is in it");
                without(Some(reference), Problem::undecided(ProblemKind::Unreachable, what))
            }
        };
        judged.push(Arc::new(verdict));
    }
    if decision::asks_of_object(loaded, &review) {
        judged.push(Arc::new(decision::object(loaded, &review, body.as_bytes(), at)));
    }
    let answer = decision::answer(loaded, &review, &judged, 0);
    let names: Vec<String> = review.images.iter().map(|image| image.image.clone()).collect();
    Ok(recorder::given(&names, &answer, &judged))
}

fn looked(
    loaded: &Loaded,
    review: &Review,
    assessment: &Assessment,
    request: Option<&plimsoll_policy::Request<'_>>,
    at: jiff::Timestamp,
) -> Judged {
    let mut session = loaded.session.clone();
    session.at = at;
    session.namespace.clone_from(&review.namespace);
    let mut assessment = assessment.clone();
    assessment.subject.namespace.clone_from(&session.namespace);
    let digest = assessment.subject.index_digest.clone().or_else(|| assessment.subject.digest.clone());
    judge(&session, &assessment, request, digest, None)
}

/// What is in an image, found out once.
fn held(
    loaded: &Loaded,
    image: &str,
    reference: &ImageReference,
    holds: &Holds,
    known: &mut Known,
) -> anyhow::Result<Arc<Assessment>> {
    let path = match holds {
        Holds::Clean => return Ok(Arc::new(clean(image, reference))),
        Holds::Path(path) => path,
    };
    let key = (path.clone(), image.to_owned());
    if let Some(found) = known.get(&key) {
        return Ok(Arc::clone(found));
    }
    let gathered = assess::input(&loaded.session, &path.display().to_string(), Some(image), &ReachArgs::default())?;
    let mut assessment = gathered.assessment;
    image.clone_into(&mut assessment.subject.name);
    let assessment = Arc::new(assessment);
    known.insert(key, Arc::clone(&assessment));
    Ok(assessment)
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
