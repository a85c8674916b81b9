//! The policies that a LoadLine's `policies` names: Rego, Gatekeeper's, CEL. In: their files; the AdmissionReview of an object,
//! the API server's own or one made at the desk, or the assessment of an image. Out: one [`Ruling`] for everything that they say.
//! They are read and compiled once; what cannot be loaded is an error, never an empty set. What it does not do: judge, which the
//! LoadLine's crate does.

mod cel;
pub mod desk;
mod files;
mod gatekeeper;
mod inventory;
mod rego;
pub mod surroundings;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use plimsoll_gatekeeper::{Document, json};
use plimsoll_model::loadline::{LoadLine, Mode, PolicyKind, PolicyOver, PolicySet};
use plimsoll_model::{Assessment, Effect, Objection, Ruling, SubjectKind};
use plimsoll_rego::budget::Budget;
use plimsoll_rego::builtins::World;
use plimsoll_rego::value::Value;
use sha2::{Digest as _, Sha256};

use surroundings::{Followers, Needs, Surroundings};

/// What all policies together may take for one object.
const TIME: Duration = Duration::from_secs(2);
/// Bytes of values that one rule may make.
const MEMORY: u64 = 256 << 20;
/// Rulings that are kept of one set; the rest are counted.
const MAX_RULINGS: usize = 100;
/// Letters of one message.
const MAX_MESSAGE: usize = 4096;

/// The operation of what goes away.
const DELETION: &str = "DELETE";

/// The sets, ready to be asked from many threads.
#[derive(Default)]
pub struct Policies {
    sets: Vec<Opened>,
    /// Everything that was read, and the folders that were looked through.
    pub files: Vec<PathBuf>,
    /// Of all that was read.
    pub digest: Option<String>,
    /// What they see of the cluster, where that is asked for.
    around: Option<Arc<Surroundings>>,
}

struct Opened {
    /// `policies[0]`
    name: String,
    over: PolicyOver,
    mode: Option<Mode>,
    /// It changes objects: only where the mode lets it refuse them, too.
    enforces: bool,
    engine: Engine,
}

enum Engine {
    Rego(rego::Modules),
    Gatekeeper(Box<gatekeeper::Gatekeeper>),
    Cel(Box<cel::Admission>),
}

/// An AdmissionReview as the engines read it.
pub struct Question {
    document: Value,
    /// For CEL; none where nobody asks in it.
    json: Option<serde_json::Value>,
    /// The time to answer at.
    at: Timestamp,
    /// At the desk, where no server has changed the object yet, and what the server sets by default in a changed one.
    unchanged: Option<fn(&mut serde_json::Value)>,
}

/// A review's object before and after the mutators.
pub struct Mutated {
    pub before: serde_json::Value,
    pub after: serde_json::Value,
    /// The review of the object as it is after.
    pub body: Vec<u8>,
}

/// What a policy says, before the set's mode.
struct Said {
    effect: Effect,
    message: String,
    /// Of the set: `data.kubernetes.admission.deny`, `K8sRequiredLabels/all-must-have-owner`.
    policy: String,
}

impl Policies {
    /// Opens the sets of a policy.
    ///
    /// # Errors
    /// A file that cannot be read, a policy that is refused, a set in which nothing is that could be asked.
    pub fn open(policy: &LoadLine) -> anyhow::Result<Policies> {
        let mut policies = Policies::default();
        let mut hash = Sha256::new();
        for (number, set) in policy.policies.iter().enumerate() {
            let name = format!("policies[{number}]");
            let place = if set.place.file.is_empty() {
                String::new()
            } else {
                format!(" ({}:{})", set.place.file, set.place.line)
            };
            let opened = opened(set, policy.mode, name.clone(), &mut policies.files, &mut hash);
            let what = || format!("use the policies of `{}: {}`{place}", set.kind.word(), set.path);
            policies.sets.push(opened.with_context(what)?);
        }
        if !policies.sets.is_empty() {
            policies.digest = Some(format!("sha256:{:x}", hash.finalize()));
        }
        Ok(policies)
    }

    /// The kinds of the cluster that they look at.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::new();
        for set in self.over(PolicyOver::Objects) {
            match &set.engine {
                Engine::Rego(_) => {}
                Engine::Gatekeeper(gatekeeper) => gatekeeper.needs(&mut needs),
                Engine::Cel(admission) => admission.needs(&mut needs),
            }
        }
        surroundings::fold(needs)
    }

    /// From now on the objects of those kinds count that are followed.
    pub fn look_around(&mut self, followers: &Followers) {
        let around = Arc::new(followers.around(&self.needs()));
        for set in &mut self.sets {
            match &mut set.engine {
                Engine::Rego(_) => {}
                Engine::Gatekeeper(gatekeeper) => gatekeeper.look_around(Arc::clone(&around)),
                Engine::Cel(admission) => admission.look_around(Arc::clone(&around)),
            }
        }
        self.around = Some(around);
    }

    /// Whether namespaces are followed for them, be it as objects that they look at, and the cluster has told of none of that name.
    pub fn lack_namespace(&self, name: &str) -> bool {
        self.around.as_ref().is_some_and(|around| matches!(around.namespace(name), Ok(None)))
    }

    /// What they see of the cluster.
    pub fn around(&self) -> Option<&Surroundings> {
        self.around.as_deref()
    }

    /// Takes in what changed in the cluster. Takes its time with many objects: not for the threads that answer.
    pub fn compose(&self) {
        let began = Instant::now();
        self.looking().for_each(gatekeeper::Gatekeeper::compose);
        if let Some(around) = &self.around {
            around.took(began.elapsed());
        }
    }

    /// Whether what is known of the cluster was taken in once.
    pub fn caught_up(&self) -> bool {
        self.looking().all(gatekeeper::Gatekeeper::caught_up)
    }

    fn looking(&self) -> impl Iterator<Item = &gatekeeper::Gatekeeper> {
        self.sets.iter().filter_map(|set| match &set.engine {
            Engine::Gatekeeper(gatekeeper) => Some(&**gatekeeper),
            _ => None,
        })
    }

    /// Whether something is asked of objects.
    pub fn ask_of_objects(&self) -> bool {
        self.over(PolicyOver::Objects).next().is_some()
    }

    /// Whether a policy over objects names deletions, so that a webhook should ask about them.
    pub fn speak_of_deletions(&self) -> bool {
        self.over(PolicyOver::Objects).any(|set| match &set.engine {
            Engine::Rego(modules) => modules.speaks_of_deletions(),
            Engine::Gatekeeper(gatekeeper) => gatekeeper.speaks_of_deletions(),
            Engine::Cel(admission) => admission.speaks_of_deletions(),
        })
    }

    /// Whether something is asked of what is in images.
    pub fn ask_of_images(&self) -> bool {
        self.over(PolicyOver::Images).next().is_some()
    }

    fn over(&self, over: PolicyOver) -> impl Iterator<Item = &Opened> {
        self.sets.iter().filter(move |set| set.over == over)
    }

    /// What the policies say of what is in an image, a folder or an SBOM. Of one that nobody could look into they are not asked:
    /// that it could not be told is said elsewhere.
    pub fn of_image(&self, assessment: &Assessment, at: Timestamp) -> Vec<Ruling> {
        let of_object = matches!(assessment.subject.kind, SubjectKind::Manifest | SubjectKind::Dockerfile);
        if of_object || !self.ask_of_images() || !plimsoll_policy::looked_into(assessment) {
            return Vec::new();
        }
        let document = serde_json::to_vec(&ImageAssessment {
            api_version: "plimsoll.dev/v1alpha1",
            kind: "ImageAssessment",
            assessment,
        });
        let question = document
            .map_err(|error| error.to_string())
            .and_then(|document| self.read(PolicyOver::Images, &document, at));
        match question {
            Ok(question) => self.asked(PolicyOver::Images, &question, None),
            Err(why) => self.unread(PolicyOver::Images, &why),
        }
    }

    /// Whether there are mutators.
    pub fn mutate(&self) -> bool {
        self.mutators().next().is_some()
    }

    fn mutators(&self) -> impl Iterator<Item = &gatekeeper::Gatekeeper> {
        self.sets.iter().filter_map(|set| match &set.engine {
            Engine::Gatekeeper(gatekeeper) if set.enforces && gatekeeper.mutates() => Some(&**gatekeeper),
            _ => None,
        })
    }

    /// The object of a review as the mutators leave it; nothing where they leave it as it is.
    ///
    /// # Errors
    /// It cannot be told what they would make of it.
    pub fn mutated(&self, body: &[u8], until: Option<Instant>) -> Result<Option<Mutated>, String> {
        let unread = |error: String| format!("the review cannot be read: {error}");
        let document = Value::from_json(body).map_err(|error| unread(error.to_string()))?;
        let Some((before, after)) = self.object_by_mutators(&document, until)? else { return Ok(None) };
        let mut review: serde_json::Value = serde_json::from_slice(body).map_err(|error| unread(error.to_string()))?;
        if let Some(place) = review.pointer_mut("/request/object") {
            *place = after.clone();
        }
        Ok(Some(Mutated { before, after, body: review.to_string().into_bytes() }))
    }

    /// The same question about what mutators make of its object, at the desk, where no server has asked them.
    fn left_by_mutators(&self, asked: &Question, until: Option<Instant>) -> Result<Option<Question>, String> {
        let Some((_, mut after)) = self.object_by_mutators(&asked.document, until)? else { return Ok(None) };
        // What is added gets its defaults too, as the API server does it after every webhook.
        if let Some(settle) = asked.unchanged {
            settle(&mut after);
        }
        asked.with_object(after).map(Some)
    }

    /// A review's object before and after the mutators; nothing where that is the same.
    fn object_by_mutators(
        &self,
        review: &Value,
        until: Option<Instant>,
    ) -> Result<Option<(serde_json::Value, serde_json::Value)>, String> {
        let request = json::field(review, "request").ok_or("the review has no request")?;
        let Some(object @ Value::Object(_)) = json::field(request, "object") else { return Ok(None) };
        let mut after = object.clone();
        for gatekeeper in self.mutators() {
            after = gatekeeper.mutated(request, &after, until)?;
        }
        let plain = |value: &Value| serde_json::from_str(&value.to_json()).map_err(|error| error.to_string());
        Ok(if after == *object { None } else { Some((plain(object)?, plain(&after)?)) })
    }

    /// What could be told of an object that nobody could read: nothing.
    pub fn object_unread(&self, why: &str) -> Vec<Ruling> {
        self.unread(PolicyOver::Objects, why)
    }

    fn unread(&self, over: PolicyOver, why: &str) -> Vec<Ruling> {
        let said = |set: &Opened| {
            let message = format!("could not ask the policies: {why}");
            set.ruling(Said { effect: Effect::Undecided, message, policy: String::new() })
        };
        self.over(over).map(said).collect()
    }

    /// The bytes of an AdmissionReview, as these engines read them.
    ///
    /// # Errors
    /// They are none that each of them can read.
    pub fn question(&self, review: &[u8], at: Timestamp) -> Result<Question, String> {
        self.read(PolicyOver::Objects, review, at)
    }

    fn read(&self, over: PolicyOver, bytes: &[u8], at: Timestamp) -> Result<Question, String> {
        let document = Value::from_json(bytes).map_err(|error| error.to_string())?;
        let wants_json = self.over(over).any(|set| matches!(set.engine, Engine::Cel(_)));
        let json = wants_json.then(|| serde_json::from_slice(bytes)).transpose().map_err(|error| error.to_string())?;
        Ok(Question { document, json, at, unchanged: None })
    }

    /// What the policies say of an object, until the time is over that they have, or the caller's.
    pub fn rulings(&self, asked: &Question, until: Option<Instant>) -> Vec<Ruling> {
        self.asked(PolicyOver::Objects, asked, until)
    }

    fn asked(&self, over: PolicyOver, asked: &Question, until: Option<Instant>) -> Vec<Ruling> {
        let own = Instant::now().checked_add(TIME);
        let deadline = until.into_iter().chain(own).min();
        let budget = Budget { deadline, memory: MEMORY, ..Budget::default() };
        let mut rulings = Vec::new();
        // As at the server all changes come before all else, and all sets see them.
        let mut changed: Option<Question> = None;
        for set in self.over(over) {
            let Engine::Cel(admission) = &set.engine else { continue };
            match admission.changed(changed.as_ref().unwrap_or(asked), budget.deadline) {
                Ok(None) => {}
                Ok(other) => changed = other,
                // What all sets would be asked about is not known: no set's mode makes that less.
                Err(said) if said.effect == Effect::Undecided => {
                    rulings.push(doubt(format!("{}: {}", set.clause(&said.policy), said.message)));
                }
                Err(said) => rulings.push(set.ruling(*said)),
            }
        }
        if asked.unchanged.is_some() && over == PolicyOver::Objects {
            match self.left_by_mutators(changed.as_ref().unwrap_or(asked), budget.deadline) {
                Ok(None) => {}
                Ok(other) => changed = other,
                Err(message) => rulings.push(doubt(message)),
            }
        }
        let asked = changed.as_ref().unwrap_or(asked);
        for set in self.over(over) {
            let mut said = match &set.engine {
                Engine::Rego(modules) => modules.ask(asked, &budget),
                Engine::Gatekeeper(gatekeeper) => gatekeeper.ask(asked, &budget),
                Engine::Cel(admission) => admission.ask(asked, budget.deadline),
            };
            // The strongest first: of too many the weak are left out.
            said.sort_by_key(|one| std::cmp::Reverse(one.effect));
            let more = said.len().saturating_sub(MAX_RULINGS);
            let strongest = said.get(MAX_RULINGS).map(|one| one.effect);
            said.truncate(MAX_RULINGS);
            rulings.extend(said.into_iter().map(|one| set.ruling(one)));
            if let Some(effect) = strongest {
                let message = format!("{more} more that these policies say are left out");
                rulings.push(set.ruling(Said { effect, message, policy: String::new() }));
            }
        }
        rulings
    }
}

/// Modules of Rego that are asked about statements of attestations.
pub struct Statements(rego::Modules);

impl Statements {
    /// Opens those at a path; adds to what was looked at and to the hash of all.
    ///
    /// # Errors
    /// As [`Policies::open`].
    pub fn open(path: &str, seen: &mut Vec<PathBuf>, hash: &mut Sha256) -> anyhow::Result<Statements> {
        let found = files::found(path, &["rego", "json", "yaml", "yml"])?;
        seen.extend(found.looked_at.iter().cloned());
        for file in &found.files {
            let name = file.name.strip_prefix(path).unwrap_or(&file.name);
            hash.update(name.as_bytes());
            hash.update((file.content.len() as u64).to_le_bytes());
            hash.update(&file.content);
        }
        Ok(Statements(rego::Modules::of(&found.files)?))
    }

    /// What they say of a statement, as JSON, by `until` at the latest.
    pub fn ask(&self, statement: &[u8], at: Timestamp, until: Instant) -> Vec<Objection> {
        let document = match Value::from_json(statement) {
            Ok(document) => document,
            Err(error) => {
                let message = cut(format!("the statement cannot be read: {error}"));
                return vec![Objection { effect: Effect::Undecided, message }];
            }
        };
        let deadline = Instant::now().checked_add(TIME).map_or(until, |own| own.min(until));
        let budget = Budget { deadline: Some(deadline), memory: MEMORY, ..Budget::default() };
        let mut said = self.0.ask(&Question { document, json: None, at, unchanged: None }, &budget);
        // The strongest first: of too many the weak are left out.
        said.sort_by_key(|one| std::cmp::Reverse(one.effect));
        said.truncate(MAX_RULINGS);
        said.into_iter().map(|one| Objection { effect: one.effect, message: cut(one.message) }).collect()
    }
}

impl Opened {
    fn ruling(&self, said: Said) -> Ruling {
        let Said { effect, message, policy } = said;
        let message = cut(message);
        let stands = matches!(effect, Effect::Deny | Effect::Undecided);
        let (effect, would) = match self.mode {
            Some(Mode::Warn) if stands => (Effect::Warn, would(effect)),
            Some(Mode::Audit) => (Effect::Info, would(effect)),
            _ => (effect, ""),
        };
        Ruling { effect, message: format!("{would}{message}"), clause: self.clause(&policy) }
    }

    fn clause(&self, policy: &str) -> String {
        if policy.is_empty() { self.name.clone() } else { format!("{}: {policy}", self.name) }
    }
}

/// What is wrong with the files of a set, in as many lines as its languages take: places, excerpts, hints.
#[derive(Debug)]
pub struct Faults(String);

impl Faults {
    /// As they stand, safe for a terminal.
    pub fn lines(&self) -> String {
        crate::compat::safe_lines(self.0.trim_end())
    }

    /// On one line; what only points at what stood above it is left out.
    pub fn one_line(&self) -> String {
        let pointing = |line: &str| line.contains('^') && !line.contains(char::is_alphanumeric);
        let lines = self.0.lines().map(str::trim).filter(|line| !line.is_empty() && !pointing(line));
        lines.map(plimsoll_report::safe).collect::<Vec<_>>().join("; ")
    }
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Faults {}

/// `FILE:LINE:COLUMN: ` of what stands at a path of a document, as far as that is known.
fn place<T: AsRef<str>>(document: &Document, path: &[T]) -> String {
    document.place(path).map_or_else(String::new, |place| format!("{place}: "))
}

/// A doubt that belongs to all sets.
pub fn doubt(message: String) -> Ruling {
    Ruling { effect: Effect::Undecided, message: cut(message), clause: "policies".to_owned() }
}

fn cut(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
    message
}

/// What a set whose mode is softer says before its words.
fn would(effect: Effect) -> &'static str {
    match effect {
        Effect::Deny => "would be denied: ",
        Effect::Undecided => "could not tell: ",
        Effect::Warn | Effect::Info => "",
    }
}

impl Question {
    /// The same question, of an object that no server has changed yet; with what it sets by default in a changed one.
    #[must_use]
    fn of_the_desk(mut self, settle: fn(&mut serde_json::Value)) -> Question {
        self.unchanged = Some(settle);
        self
    }

    /// The same question about another object.
    fn with_object(&self, object: serde_json::Value) -> Result<Question, String> {
        let mut json = match &self.json {
            Some(json) => json.clone(),
            None => serde_json::from_str(&self.document.to_json()).map_err(|error| error.to_string())?,
        };
        if let Some(request) = json.get_mut("request") {
            request["object"] = object;
        }
        let document = Value::from_json(json.to_string().as_bytes()).map_err(|error| error.to_string())?;
        let json = self.json.is_some().then_some(json);
        Ok(Question { document, json, at: self.at, unchanged: self.unchanged })
    }

    /// Whether the object says its `apiVersion` and `kind`.
    pub fn names_kind(&self) -> bool {
        let object = json::at(&self.document, &["request", "object"]);
        ["apiVersion", "kind"].iter().all(|name| {
            object
                .and_then(|object| json::field(object, name))
                .is_some_and(|value| value.as_str().is_some_and(|text| !text.is_empty()))
        })
    }

    /// What Rego sees of the time.
    fn world(&self) -> World {
        World { now_nanoseconds: self.at.as_nanosecond(), ..crate::rego::world() }
    }
}

/// What Rego sees of an image: what reports in JSON say of it, under a name of its own.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageAssessment<'a> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    assessment: &'a Assessment,
}

fn opened(
    set: &PolicySet,
    mode: Mode,
    name: String,
    seen: &mut Vec<PathBuf>,
    hash: &mut Sha256,
) -> anyhow::Result<Opened> {
    let extensions: &[&str] = match set.kind {
        PolicyKind::Rego => &["rego", "json", "yaml", "yml"],
        PolicyKind::Gatekeeper | PolicyKind::Cel => &["yaml", "yml", "json"],
    };
    let found = files::found(&set.path, extensions)?;
    seen.extend(found.looked_at.iter().cloned());
    for file in &found.files {
        // A set is the same wherever it lies.
        let name = file.name.strip_prefix(set.path.as_str()).unwrap_or(&file.name);
        hash.update(name.rsplit('/').next().filter(|_| set.path.contains('*')).unwrap_or(name).as_bytes());
        hash.update((file.content.len() as u64).to_le_bytes());
        hash.update(&file.content);
    }
    let engine = match set.kind {
        PolicyKind::Rego => rego::Modules::of(&found.files).map(Engine::Rego),
        PolicyKind::Gatekeeper => gatekeeper::Gatekeeper::of(&found.files).map(|one| Engine::Gatekeeper(Box::new(one))),
        PolicyKind::Cel => cel::Admission::of(&found.files).map(|one| Engine::Cel(Box::new(one))),
    };
    let engine = engine.map_err(|error| Faults(format!("{error:#}")))?;
    let enforces = set.mode.unwrap_or(mode) == Mode::Enforce;
    Ok(Opened { name, over: set.over, mode: set.mode, enforces, engine })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_is_read_for_cel_only_where_cel_is_asked() {
        let file = |name: &str, text: &str| files::File { name: name.into(), content: text.into() };
        let opened = |engine| Policies {
            sets: vec![Opened {
                name: "policies[0]".into(),
                over: PolicyOver::Objects,
                mode: None,
                enforces: true,
                engine,
            }],
            ..Policies::default()
        };
        let rego = [file("a.rego", "package a\ndeny contains `x` if input.request.object.x")];
        let rego = opened(Engine::Rego(rego::Modules::of(&rego).unwrap()));
        let policy = |kind: &str, spec: &str| {
            format!(
                "apiVersion: admissionregistration.k8s.io/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n---\n"
            )
        };
        let rules = "{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*']}";
        let spec = format!("{{matchConstraints: {{resourceRules: [{rules}]}}, validations: [{{expression: 'true'}}]}}");
        let binding = "{policyName: a, validationActions: [Deny]}";
        let text = policy("ValidatingAdmissionPolicy", &spec) + &policy("ValidatingAdmissionPolicyBinding", binding);
        let cel = opened(Engine::Cel(Box::new(cel::Admission::of(&[file("a.yaml", &text)]).unwrap())));
        // One reader of JSON takes this, the other does not.
        let deep = |depth: usize| {
            let nested = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"request": {{"object": {{"x": {nested}}}}}}}"#)
        };
        let question = |policies: &Policies, depth| policies.question(deep(depth).as_bytes(), Timestamp::UNIX_EPOCH);
        assert!(question(&rego, 2).unwrap().json.is_none() && question(&cel, 2).unwrap().json.is_some());
        assert_eq!(rego.rulings(&question(&rego, 200).unwrap(), None).len(), 1);
        assert!(question(&cel, 200).is_err());
    }
}
