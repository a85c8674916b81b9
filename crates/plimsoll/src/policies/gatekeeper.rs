//! Gatekeeper's templates and constraints, asked as its webhook asks them, of an object and of what it would make; and its
//! mutators.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use anyhow::{anyhow, bail};
use plimsoll_gatekeeper::config::Process;
use plimsoll_gatekeeper::expansion::is_expansion;
use plimsoll_gatekeeper::mutation::is_mutator;
use plimsoll_gatekeeper::{
    Document, Expander, Inventory, Made, Native, Options, Outcome, Response, Review, ReviewOptions, Set, Source, Words,
    json, kinds,
};
use plimsoll_model::Effect;
use plimsoll_rego::budget::Budget;
use plimsoll_rego::value::Value;

use plimsoll_sources::cluster::Wanted;

use super::cel;
use super::files::File;
use super::inventory::Composed;
use super::surroundings::{Needs, Surroundings, namespaces};
use super::{DELETION, Question, Said, place};
use crate::native::Cel;

/// Where scoped actions are done.
const POINT: &str = "validation.gatekeeper.sh";

/// Templates, constraints, mutators and what objects make, as the webhooks of Gatekeeper have them.
pub struct Gatekeeper {
    set: Set,
    expander: Expander,
    beside: Option<Beside>,
}

/// What else there is in the cluster.
struct Beside {
    around: Arc<Surroundings>,
    /// Whether the labels of namespaces are followed for it: what nobody asks for is no doubt.
    namespaces: bool,
    /// With when it was last looked at what that would be made of. Held for as long as it takes to copy a pointer.
    composed: RwLock<(Arc<Composed>, Instant)>,
}

impl Beside {
    fn composed(&self) -> (Arc<Composed>, Instant) {
        self.composed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Gatekeeper {
    /// # Errors
    /// What cannot be read or is refused, and files in which there is nothing to ask and nothing to change.
    pub fn of(files: &[File]) -> anyhow::Result<Gatekeeper> {
        let mut documents = Vec::new();
        for File { name, content } in files {
            let text = std::str::from_utf8(content).map_err(|_| anyhow!("{name}: no UTF-8"))?;
            documents.extend(Document::read(name, text, Words::Kubernetes).map_err(|fault| anyhow!("{fault}"))?);
        }
        let native: Arc<dyn Native> = Arc::new(Cel { failure_policy: "Fail".to_owned() });
        let options = Options { strict: true, native: Some(native), ..Options::default() };
        let documents: Vec<Document> = documents.into_iter().flat_map(Document::opened).collect();
        let set = Set::load(&documents, &options).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            anyhow!("{}", faults.join("\n"))
        })?;
        strict(&documents)?;
        if let Some(other) =
            documents.iter().find(|document| document.group() == cel::GROUP && cel::is_policy(document))
        {
            bail!(
                "{}{} is the API server's own, and nobody would ask it here\n  hint: name the file in an entry `cel:`",
                place(other, &["kind"]),
                other.subject()
            );
        }
        let expander = Expander::load(&documents).map_err(|fault| anyhow!("{fault}"))?;
        if set.constraints().len() == 0 && expander.mutators().is_empty() {
            bail!("there is no constraint: the templates would ask nothing");
        }
        // What is no policy is what else there is in the cluster.
        let mut inventory = Inventory::default();
        for document in documents.iter().filter(|document| !kinds::is_gatekeepers(document.group())) {
            inventory.add(document).map_err(|fault| anyhow!("{fault}"))?;
        }
        Ok(Gatekeeper { set: set.with_inventory(inventory), expander, beside: None })
    }

    /// The kinds of the cluster that the policies look at, as far as they are followed for them.
    pub fn needs(&self, needs: &mut Needs) {
        let mut need = |wanted| needs.entry(wanted).or_default().rego = true;
        if self.looks_at_namespaces() {
            need(namespaces());
        }
        if self.set.looks_at_inventory() {
            for kind in self.set.synced() {
                need(Wanted { api_version: kind.api_version.clone(), kind: kind.kind.clone(), namespace: None });
            }
        }
    }

    /// Whether a constraint or a mutator may ask for the labels of a namespace.
    fn looks_at_namespaces(&self) -> bool {
        self.set.looks_at_namespaces() || self.mutates()
    }

    /// From now on what is followed counts, too.
    pub fn look_around(&mut self, around: Arc<Surroundings>) {
        let composed = match self.set.looks_at_inventory() {
            true => Composed::of_nothing(&self.set),
            false => Composed::of_nothing(&self.set).unasked(),
        };
        let namespaces = self.looks_at_namespaces();
        self.beside = Some(Beside { around, namespaces, composed: RwLock::new((Arc::new(composed), Instant::now())) });
    }

    /// Takes in what changed in the cluster.
    pub fn compose(&self) {
        let Some(beside) = &self.beside else { return };
        let looked = Instant::now();
        let (before, _) = beside.composed();
        let next = before.next(&beside.around).map_or(before, Arc::new);
        let mut composed = beside.composed.write().unwrap_or_else(PoisonError::into_inner);
        // Of two at once the one counts that looked last.
        if looked >= composed.1 {
            *composed = (next, looked);
        }
    }

    /// Whether what is known of the cluster was taken in once.
    pub fn caught_up(&self) -> bool {
        self.beside.as_ref().is_none_or(|beside| beside.composed().0.caught_up(&beside.around))
    }

    /// The Namespace of a name: that of the files, or the cluster's; or why it is not known.
    fn namespace(&self, name: &str) -> Result<Option<Value>, String> {
        match (self.set.namespace(name), &self.beside) {
            (Some(own), _) => Ok(Some(own.clone())),
            (None, Some(beside)) if !name.is_empty() && beside.namespaces => {
                Ok(beside.around.namespace(name)?.and_then(|object| object.rego.clone()))
            }
            _ => Ok(None),
        }
    }

    /// Whether a template that is in use names deletions.
    pub fn speaks_of_deletions(&self) -> bool {
        let used = |kind: &Arc<str>| self.set.constraints().any(|constraint| constraint.kind == *kind);
        self.set.templates().iter().any(|template| template.names(DELETION) && used(&template.kind))
    }

    /// Whether objects are changed.
    pub fn mutates(&self) -> bool {
        !self.expander.mutators().is_empty()
    }

    /// A request's object, as it is by now, as the mutators leave it.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub fn mutated(&self, request: &Value, object: &Value, until: Option<Instant>) -> Result<Value, String> {
        let name = json::text(request, &["namespace"]);
        if self.set.excludes(Process::MutationWebhook, name) {
            return Ok(object.clone());
        }
        let operation = json::text(request, &["operation"]);
        let by = (Source::Original, operation);
        let (namespace, missing) = match self.namespace(name) {
            Ok(namespace) => (namespace, None),
            Err(why) => (None, Some(why)),
        };
        let mutated = self.expander.mutators().mutate_until(object, namespace.as_ref(), by, until);
        mutated.map_err(|error| match missing {
            // The cause before what came of it: long words are cut.
            Some(why) => format!("{why}: {error}"),
            None => error,
        })
    }

    /// What the constraints say of a review's object, and of what it would make.
    pub fn ask(&self, question: &Question, budget: &Budget) -> Vec<Said> {
        let undecided = |message: String| Said { effect: Effect::Undecided, message, policy: String::new() };
        let Some(request) = json::field(&question.document, "request") else {
            return vec![undecided("the review has no request".into())];
        };
        let review = match Review::of_request(request, Source::Original) {
            Ok(review) => review,
            Err(why) => return vec![undecided(why)],
        };
        // As Gatekeeper's webhook shows it; what the files do not hold is not known.
        let (namespace, missing) = match review.wanted_namespace().map(|name| self.namespace(name)) {
            Some(Ok(namespace)) => (namespace, None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        let within = |review: Review| match &namespace {
            Some(namespace) => review.showing_namespace(namespace.clone()).in_namespace(namespace.clone()),
            None => review,
        };
        let review = within(review);
        // The Config's own word for namespaces that Gatekeeper's webhook leaves alone.
        if self.set.excludes(Process::Webhook, review.namespace_name()) {
            return Vec::new();
        }
        let composed = self.beside.as_ref().map(|beside| (beside.composed(), &beside.around));
        let unknown = composed.as_ref().and_then(|((composed, at), around)| composed.unknown(around, at.elapsed()));
        let set = composed.as_ref().map_or(&self.set, |((composed, _), _)| &composed.set);
        // Objects of files are the whole inventory where nobody asks the cluster, and no more than a part of it where somebody does.
        let (alone, only_synced) = match &composed {
            None => (!self.set.has_inventory(), false),
            Some(((composed, _), _)) => (!composed.follows(), composed.follows()),
        };
        let options = ReviewOptions {
            point: Some(POINT),
            budget: budget.clone(),
            alone,
            only_synced,
            unknown: unknown.as_deref(),
            cautious: true,
            world: question.world(),
        };
        let said = |review: &Review, made: Option<&Made>| -> Vec<Said> {
            let responses = set.review_with(review, &options, None);
            responses.iter().filter_map(|response| said(response, made, missing.as_deref())).collect()
        };
        let mut all = said(&review, None);
        if matches!(review.operation(), "CREATE" | "UPDATE")
            && let Some(object) = review.object()
        {
            // What is made is in the namespace of what makes it, though only the request may name that.
            let name = review.wanted_namespace().filter(|_| json::text(object, &["metadata", "namespace"]).is_empty());
            let object = match name {
                Some(name) => &json::with(object, &["metadata", "namespace"], Some(Value::string(name))),
                None => object,
            };
            match self.expander.made_of(object, namespace.as_ref(), budget.deadline) {
                Ok(made) => {
                    for one in &made {
                        if budget.deadline.is_some_and(|end| Instant::now() >= end) {
                            all.push(undecided("there was no time to judge all that the object would make".into()));
                            break;
                        }
                        let review = Review::of_object(&one.object, Source::Generated);
                        all.extend(said(&within(review), Some(one)));
                    }
                }
                Err(why) => all.push(undecided(format!("what the object would make cannot be told: {why}"))),
            }
        }
        all
    }
}

/// Refuses what Gatekeeper's own set would take without a word: of two mutators or expansions of one name only one counts, and an
/// action that nobody knows would do nothing.
fn strict(documents: &[Document]) -> anyhow::Result<()> {
    let mut seen = BTreeSet::new();
    for document in documents {
        let expands = is_expansion(document);
        if !expands && !is_mutator(document) {
            continue;
        }
        let place = |path: &[&str]| place(document, path);
        if !seen.insert((document.kind().to_owned(), document.name().to_owned())) {
            bail!("{}{} is there twice: only one would count", place(&["metadata", "name"]), document.subject());
        }
        let action = json::text(document.value(), &["spec", "enforcementAction"]);
        if expands && !matches!(action, "" | "deny" | "warn" | "dryrun") {
            let place = place(&["spec", "enforcementAction"]);
            bail!("{place}{}: the action {action:?} is none of deny, warn and dryrun", document.subject());
        }
    }
    Ok(())
}

/// What a response is here, of an object or of one that it would make; nothing where the constraint's action is for others.
fn said(response: &Response, made: Option<&Made>, missing: Option<&str>) -> Option<Said> {
    let own = made.map(|made| &made.action).filter(|action| !action.is_empty());
    let message = match (&response.outcome, missing) {
        (Outcome::Undecided { message, .. }, Some(why)) => format!("{message} ({why})"),
        (outcome, _) => outcome.message().to_owned(),
    };
    Some(Said {
        effect: effect(response, own.unwrap_or(&response.constraint.action))?,
        message: match made {
            Some(made) => format!("[Implied by {}] {message}", made.template),
            None => message,
        },
        policy: format!("{}/{}", response.constraint.kind, response.constraint.name),
    })
}

/// What a constraint's action makes of what it says; nothing where it does nothing here.
fn effect(response: &Response, action: &Arc<str>) -> Option<Effect> {
    let of = |action: &Arc<str>| match &**action {
        "deny" => Some(Effect::Deny),
        "warn" => Some(Effect::Warn),
        "dryrun" => Some(Effect::Info),
        _ => None,
    };
    let action = match &**action {
        "scoped" => response.scoped.iter().filter_map(of).max(),
        _ => of(action),
    }?;
    match response.outcome {
        Outcome::Undecided { .. } if action == Effect::Deny => Some(Effect::Undecided),
        _ => Some(action),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::super::Policies;
    use super::*;

    /// A template and its constraint; the code is a target's, two levels deep.
    fn policy(kind: &str, code: &str, selector: &str) -> String {
        let name = kind.to_lowercase();
        format!(
            "apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {{name: {name}}}
spec:
  crd: {{spec: {{names: {{kind: {kind}}}}}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
{code}---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: {kind}
metadata: {{name: c}}
spec: {{match: {{{selector}}}}}
---
"
        )
    }

    fn loaded(text: &str) -> anyhow::Result<Gatekeeper> {
        Gatekeeper::of(&[File { name: "a.yaml".into(), content: text.as_bytes().to_vec() }])
    }

    fn said(set: &Gatekeeper, kind: &str, namespace: &str) -> Vec<(String, Effect, String)> {
        let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "web", "namespace": namespace}});
        let review = super::super::desk::of_creation(object, Some(namespace));
        let asked = Policies::default().question(review.to_string().as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
        let said = set.ask(&asked, &Budget::default());
        said.into_iter().map(|one| (one.policy, one.effect, one.message)).collect()
    }

    const REGO: &str = "    rego: |
      package a
      violation[{\"msg\": \"no team\"}] { not input.review.namespaceObject.metadata.labels.team }
";
    const ALIASED: &str = "    rego: |
      package a
      violation[{\"msg\": \"no team\"}] { not object.get(input.review, [\"namespaceObject\", \"metadata\", \"labels\", \"team\"], false) }
";
    const CEL: &str = "    code:
    - engine: K8sNativeValidation
      source: {validations: [{expression: '\"team\" in namespaceObject.metadata.labels', message: no team}]}
";
    const ALWAYS: &str = "    rego: |
      package a
      violation[{\"msg\": \"selected\"}] { true }
";

    #[test]
    fn namespaces_of_the_files_are_shown_and_others_are_not_guessed() {
        let namespace = |name: &str, labels: &str| {
            format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n---\n")
        };
        let selector = "namespaceSelector: {matchLabels: {env: prod}}";
        let policies = [
            policy("Aliased", ALIASED, ""),
            policy("Native", CEL, ""),
            policy("Plain", REGO, ""),
            policy("Selected", ALWAYS, selector),
        ];
        let files = policies.concat() + &namespace("shop", "team: a, env: prod") + &namespace("bare", "env: test");
        let set = loaded(&files).unwrap();
        let of = |namespace: &str, effect: Effect| -> Vec<String> {
            let said = said(&set, "Pod", namespace).into_iter();
            said.filter(|one| one.1 == effect).map(|(policy, _, message)| format!("{policy}: {message}")).collect()
        };
        assert_eq!(of("shop", Effect::Deny), ["Selected/c: selected"]);
        assert_eq!(of("shop", Effect::Undecided), [""; 0]);
        assert_eq!(of("bare", Effect::Deny), ["Aliased/c: no team", "Native/c: no team", "Plain/c: no team"]);
        assert_eq!(of("bare", Effect::Undecided), [""; 0]);
        // Nobody knows this one: neither its labels, nor that it has none.
        assert_eq!(of("else", Effect::Deny), [""; 0]);
        let undecided = of("else", Effect::Undecided);
        assert_eq!(undecided.len(), 4, "{undecided:?}");
        assert!(
            undecided[0].contains("\"else\" is not known here") && undecided[3].contains("missing Namespace"),
            "{undecided:?}"
        );
        // A Namespace is in none: the policies see that there is nothing.
        assert!(said(&set, "Namespace", "").iter().all(|one| one.1 != Effect::Undecided));
    }

    #[test]
    fn mutators_and_expansions_that_would_not_count_are_refused_with_their_place() {
        let mutator = "apiVersion: mutations.gatekeeper.sh/v1\nkind: AssignMetadata\nmetadata: {name: a}\n\
                       spec: {location: metadata.labels.a, parameters: {assign: {value: b}}}\n---\n";
        assert!(loaded(mutator).is_ok());
        let told = loaded(&mutator.repeat(2)).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.starts_with("a.yaml:8:") && told.contains("AssignMetadata a is there twice"), "{told}");
        let expansion = |action: &str| {
            format!(
                "{mutator}apiVersion: expansion.gatekeeper.sh/v1beta1\nkind: ExpansionTemplate\nmetadata: {{name: pods}}\n\
                 spec:\n  applyTo: [{{groups: [apps], versions: [v1], kinds: [Deployment]}}]\n  templateSource: spec.template\n\
                 \u{20} generatedGVK: {{group: \"\", version: v1, kind: Pod}}\n  enforcementAction: {action}\n"
            )
        };
        for action in ["deny", "warn", "dryrun", "\"\""] {
            assert!(loaded(&expansion(action)).is_ok(), "{action}");
        }
        let told = loaded(&expansion("Deny")).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.contains("none of deny, warn and dryrun") && told.starts_with("a.yaml:13:"), "{told}");
    }

    #[test]
    fn documents_that_are_nearly_policies_are_refused_with_their_place() {
        let good = policy("Plain", REGO, "");
        assert!(loaded(&good).is_ok());
        for (from, to, words) in [
            ("kind: ConstraintTemplate", "kind: ConstraintTemplates", "a.yaml:2:1: ConstraintTemplates plain: "),
            ("constraints.gatekeeper.sh", "constraint.gatekeeper.sh", "a.yaml:12:1: Plain c: "),
            ("constraints.gatekeeper.sh", "constraints.gatekeper.sh", "a.yaml:12:1: Plain c: "),
            ("constraints.gatekeeper.sh/v1beta1", "constraints.gatekeeper.sh/v1", "a.yaml:12:1: Plain c: "),
            ("templates.gatekeeper.sh/v1", "templates.gatekeeper.sh/v2", "a.yaml:1:1: ConstraintTemplate plain: "),
        ] {
            let told = loaded(&good.replace(from, to)).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(told.contains(words), "{to}: {told}");
        }
    }
}
