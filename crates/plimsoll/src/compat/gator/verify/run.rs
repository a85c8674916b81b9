//! Running suites. In: a suite. Out: how each of its cases went. A test's template and constraint are loaded once for all of
//! its cases.

use std::path::Path;
use std::time::Instant;

use plimsoll_gatekeeper::{
    Document, Expander, Fault, FaultKind, Inventory, Options, Review, ReviewOptions, Set, Source, Words, constraint,
    expansion, json, template,
};
use plimsoll_rego::value::Value;

use super::super::output::Found;
use super::super::test::{Looker, POINT};
use super::super::{below, read, regex};
use super::suite::{Assertion, Case, Suite, Test, Violations};
use super::{CaseExtra, CaseRan, Filter, Ran, SuiteRan, TestRan};
use crate::rego::load;

pub fn suite(suite: &Suite, filter: &Filter, options: &Options, trace: bool) -> SuiteRan {
    let began = Instant::now();
    if suite.skip {
        return Ran::skipped(&suite.name);
    }
    let tests = suite.tests.iter().map(|one| match one.skip || !filter.test(one) {
        true => Ran::skipped(&one.name),
        false => test(&suite.folder, one, filter, options, trace),
    });
    let inner = tests.collect();
    Ran { name: suite.name.clone(), took: began.elapsed(), skipped: false, error: None, inner }
}

fn test(folder: &Path, test: &Test, filter: &Filter, options: &Options, trace: bool) -> TestRan {
    let began = Instant::now();
    let (mut error, mut inner) = (None, Vec::new());
    match (load_set(folder, test, options), test.invalid) {
        (Ok(set), false) => match expander(folder, test) {
            Err(why) => error = Some(why),
            Ok(expander) => {
                let cases = test.cases.iter().map(|case| match case.skip || !filter.case(&test.name, &case.name) {
                    true => Ran::skipped(&case.name),
                    false => run_case(folder, &set, expander.as_ref(), case, trace),
                });
                inner = cases.collect();
            }
        },
        (Err(refused), false) => error = Some(refused.words),
        (Err(refused), true) if refused.schema => {}
        (outcome, true) => {
            let had = outcome.err().map_or("%!w(<nil>)".into(), |refused| refused.words);
            let front = "constraint should have failed schema validation";
            error = Some(format!("{front}: got error {had} but want schema validation failed"));
        }
    }
    Ran { name: test.name.clone(), took: began.elapsed(), skipped: false, error, inner }
}

/// Why a test cannot run.
struct Refused {
    words: String,
    /// The constraint does not fit the template's schema.
    schema: bool,
}

impl Refused {
    fn new(words: impl Into<String>) -> Refused {
        Refused { words: words.into(), schema: false }
    }
}

fn load_set(folder: &Path, test: &Test, options: &Options) -> Result<Set, Refused> {
    if test.template.is_empty() {
        return Err(Refused::new("invalid Suite: missing template"));
    }
    let path = folder.join(&test.template);
    let shown = path.display().to_string();
    let text = |what: &str, path: &Path| {
        load::bytes(path).map_err(|fault| {
            Refused::new(format!("reading {what} from {:?}: {}", path.display().to_string(), fault.text()))
        })
    };
    let content = text("ConstraintTemplate", &path)?;
    let unreadable = |what: &str, front: &str, shown: &str, unread: read::Unread| {
        let below = unread.fault.as_deref().map(below).unwrap_or_default();
        Refused::new(format!("{front}: parsing {what} YAML from {shown:?}: {}{below}", unread.words))
    };
    let mut documents = read::text_documents(&shown, &content, Words::Core)
        .map_err(|unread| unreadable("ConstraintTemplate", "adding template", &shown, unread))?;
    documents.truncate(1);
    if !documents.first().is_some_and(template::is_template) {
        return Err(Refused::new(format!("path {shown:?}: not a ConstraintTemplate")));
    }
    // The template first: its faults have words of their own.
    Set::load(&documents, options).map_err(|faults| refused(&faults, "adding template: ", &shown))?;
    if test.constraint.is_empty() {
        return Err(Refused::new("invalid Suite: missing constraint"));
    }
    let path = folder.join(&test.constraint);
    let shown = path.display().to_string();
    let content = text("Constraint", &path)?;
    let mut read = read::text_documents(&shown, &content, Words::Core)
        .map_err(|unread| unreadable("Constraint", "adding constraint", &shown, unread))?;
    read.truncate(1);
    if !read.first().is_some_and(constraint::is_constraint) {
        return Err(Refused::new("not a Constraint"));
    }
    documents.append(&mut read);
    Set::load(&documents, options).map_err(|faults| refused(&faults, "", &shown))
}

/// The expansions of a test, if it names any.
fn expander(folder: &Path, test: &Test) -> Result<Option<Expander>, String> {
    if test.expansion.is_empty() {
        return Ok(None);
    }
    let path = folder.join(&test.expansion);
    let shown = path.display().to_string();
    let content =
        load::bytes(&path).map_err(|fault| format!("reading ExpansionTemplate from {shown:?}: {}", fault.text()))?;
    let documents = read::text_documents(&shown, &content, Words::Core)
        .map_err(|unread| format!("reading {shown:?}: invalid yaml: {}", unread.all()))?;
    if documents.is_empty() || !documents.iter().all(expansion::is_expansion) {
        return Err(format!("not an Expansion Template: {shown:?}"));
    }
    Expander::load(&documents).map(Some).map_err(|fault| format!("{}{}", fault.message, below(&fault)))
}

fn refused(faults: &[Fault], front: &str, shown: &str) -> Refused {
    let Some(fault) = faults.first() else { return Refused::new(front) };
    let words = match fault.message.strip_prefix("adding template: ") {
        Some(rest) => format!("path {shown:?}: adding template: {rest}"),
        None => format!("{front}{}", fault.message),
    };
    Refused { words: format!("{}{}", words.trim_end(), below(fault)), schema: fault.kind == FaultKind::Schema }
}

fn run_case(folder: &Path, set: &Set, expander: Option<&Expander>, case: &Case, trace: bool) -> CaseRan {
    let began = Instant::now();
    let mut looker = Looker { print: true, ..Looker::default() };
    let done = check(folder, set, expander, case, &mut looker);
    let printed = if looker.printed.is_empty() { String::new() } else { looker.shown() };
    let extra = CaseExtra { printed, trace: trace.then(String::new) };
    Ran { name: case.name.clone(), took: began.elapsed(), skipped: false, error: done.err(), inner: vec![extra] }
}

fn check(
    folder: &Path,
    set: &Set,
    expander: Option<&Expander>,
    case: &Case,
    looker: &mut Looker,
) -> Result<(), String> {
    if case.object.is_empty() {
        return Err("invalid Case: must define object".into());
    }
    if case.assertions.is_empty() {
        return Err("invalid Case: assertions must be non-empty".into());
    }
    let path = folder.join(&case.object);
    let objects = objects(&path)?;
    let [object] = objects.as_slice() else {
        return Err(format!(
            "object file must contain exactly one object: {:?} defines {} objects",
            path.display().to_string(),
            objects.len()
        ));
    };
    let mut inventory = Inventory::default();
    for name in &case.inventory {
        for object in objects_of(folder, name)? {
            inventory.add(&object).map_err(|fault| {
                let gvk = json::gvk_text(object.value());
                let (namespace, name) = (object.namespace(), object.name());
                format!(
                    "unable to add object to data.inventory: {gvk} {namespace}/{name}: {}",
                    fault.message.trim_end()
                )
            })?;
        }
    }
    let set = set.with_inventory(inventory);
    let review = review(object)?;
    let options = ReviewOptions { point: Some(POINT), world: crate::rego::world(), ..ReviewOptions::default() };
    let responses = set.review_with(&review, &options, Some(looker));
    let found = |response| Found::new(response, Value::Null, None);
    let mut all: Vec<Found> = responses.into_iter().map(found).collect();
    if let (Some(expander), false) = (expander, is_review(object)) {
        let (_, made) =
            expander.expand(object.value()).map_err(|why| format!("expanding resource {}: {why}", object.name()))?;
        for one in made {
            let review = Review::of_object(&one.object, Source::Generated);
            for response in set.review_with(&review, &options, Some(looker)) {
                all.push(found(response).implied_by(&one.template, &one.action));
            }
        }
    }
    all.sort_by(|a, b| (&a.action, &a.message).cmp(&(&b.action, &b.message)));
    let messages: Vec<&str> = all.iter().map(|one| one.message.as_str()).collect();
    case.assertions.iter().try_for_each(|assertion| holds(assertion, &messages))
}

fn objects_of(folder: &Path, name: &str) -> Result<Vec<Document>, String> {
    objects(&folder.join(name))
}

fn objects(path: &Path) -> Result<Vec<Document>, String> {
    let shown = path.display().to_string();
    let content = load::bytes(path).map_err(|fault| fault.text())?;
    let documents = read::text_documents(&shown, &content, Words::Core).map_err(|unread| {
        let below = unread.fault.as_deref().map(below).unwrap_or_default();
        format!("reading {shown:?}: invalid yaml: {}{below}", unread.words)
    })?;
    match documents.is_empty() {
        true => Err(format!("missing objects: path {shown:?} defines no YAML objects")),
        false => Ok(documents),
    }
}

/// Fields of a review and of its request: others are refused, as gator refuses them.
const REVIEW: [&str; 5] = ["apiVersion", "kind", "metadata", "request", "response"];
const REQUEST: [&str; 15] = [
    "uid",
    "kind",
    "resource",
    "subResource",
    "requestKind",
    "requestResource",
    "requestSubResource",
    "name",
    "namespace",
    "operation",
    "userInfo",
    "object",
    "oldObject",
    "dryRun",
    "options",
];

fn is_review(document: &Document) -> bool {
    document.kind() == "AdmissionReview" && document.group() == "admission.k8s.io"
}

fn review(document: &Document) -> Result<Review, String> {
    let value = document.value();
    if !is_review(document) {
        return Ok(Review::of_object(value, Source::Original));
    }
    let request = json::field(value, "request").filter(|request| matches!(request, Value::Object(_)));
    let unknown = |value: Option<&Value>, known: &[&str], front: &str| -> Vec<String> {
        let names = json::entries(value).map(|(name, _)| name);
        names.filter(|name| !known.contains(name)).map(|name| format!("unknown field \"{front}{name}\"")).collect()
    };
    let mut wrong = unknown(Some(value), &REVIEW, "");
    wrong.extend(unknown(request, &REQUEST, "request."));
    if !wrong.is_empty() {
        let front = "not a valid AdmissionReview object: unable to convert to an AdmissionReview object, error:";
        return Err(format!("{front} strict decoding error: {}", wrong.join(", ")));
    }
    let Some(request) = request else {
        return Err("missing an AdmissionRequest object: request did not actually pass in an AdmissionRequest".into());
    };
    for name in ["object", "oldObject"] {
        if let Some(object @ Value::Object(_)) = json::field(request, name)
            && json::text(object, &["kind"]).is_empty()
        {
            let front = "object or oldObject cannot be unmarshalled";
            return Err(format!("{front}: Object 'Kind' is missing in '{}'", object.to_json()));
        }
    }
    Review::of_request(request, Source::Original).map_err(|why| match why.starts_with("AdmissionRequest") {
        true => format!("no object or oldObject found to review: {why}"),
        false => format!("{}: target.HandleReview failed for target {:?}: {why}", template::TARGET, template::TARGET),
    })
}

fn holds(assertion: &Assertion, messages: &[&str]) -> Result<(), String> {
    let regex = assertion.message.as_deref().map(regex).transpose();
    // Without a violation gator does not look at the expression.
    let regex = match regex {
        Ok(regex) => regex,
        Err(_) if messages.is_empty() => None,
        Err(error) => {
            return Err(format!("message contains invalid regular expression: {error}"));
        }
    };
    let count = messages.iter().filter(|text| regex.as_ref().is_none_or(|regex| regex.is_match(text))).count();
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let like = assertion.message.as_ref().map(|text| format!(" containing {text:?}")).unwrap_or_default();
    let wrong = "invalid yaml: assertion.violation, if set, must be a nonnegative integer, \"yes\", or \"no\"";
    let broken = match &assertion.violations {
        Violations::Count(wanted) if *wanted < 0 => wrong.to_owned(),
        Violations::Count(wanted) if *wanted == count => return Ok(()),
        Violations::Count(wanted) => format!("got {count} violations{like} but want exactly {wanted}"),
        Violations::Word(word) => match (word.as_str(), count) {
            ("yes", 1..) | ("no", 0) => return Ok(()),
            ("yes", _) => format!("got {count} violations{like} but want at least 1"),
            ("no", _) => format!("got {count} violations{like} but want none"),
            _ => wrong.to_owned(),
        },
    };
    let broken = match broken == wrong {
        true => broken,
        false => format!("unexpected number of violations: {broken}"),
    };
    Err(format!("{broken}: got messages [{}]", messages.join(" ")))
}
