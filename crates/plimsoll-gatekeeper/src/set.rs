//! Templates and constraints in force. In: documents, once; then reviews. Out: what each constraint that matches has to say, or
//! that it could not tell. A [`Set`] is shared by threads and cheap to copy; it does not change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use plimsoll_rego::budget::Budget;
use plimsoll_rego::builtins::World;
use plimsoll_rego::eval::{RunOptions, Tracer};
use plimsoll_rego::value::Value;

use crate::code::{CodeOptions, Input, NamedKind, Rego};
use crate::config::{self, Exclusions, Process, Synced};
use crate::constraint::{self, Constraint};
use crate::copies::Copies;
use crate::document::Document;
use crate::fault::{Fault, FaultKind};
use crate::inventory::Inventory;
use crate::json;
use crate::kinds;
use crate::matching::{Match, Matchable, is_namespace};
use crate::native::{Native, NativeBound};
use crate::review::Review;
use crate::template::{self, Code, Template};

/// How a set is loaded.
#[derive(Clone, Default)]
pub struct Options {
    /// Two documents of one name, actions and enforcement points that nobody knows, and documents that say they are Gatekeeper's and
    /// are none that anybody reads, are faults. Otherwise, as `gator` has it, the later document counts, such actions stay as they
    /// are, and such documents are objects like others.
    pub strict: bool,
    /// The engine of `K8sNativeValidation`; without it the blocks of that engine count for nothing.
    pub native: Option<Arc<dyn Native>>,
    pub code: CodeOptions,
}

/// Templates and constraints, ready to judge.
#[derive(Clone)]
pub struct Set {
    inner: Arc<Inner>,
    inventory: Arc<Inventory>,
    /// What policies see as `data`.
    data: Value,
}

/// A constraint, and how its template is asked about it.
#[derive(Clone)]
struct InForce {
    constraint: Arc<Constraint>,
    /// The index of its template.
    template: usize,
    /// Bound to the other engine, where the template is of that.
    bound: Option<Arc<dyn NativeBound>>,
}

struct Inner {
    templates: Vec<Template>,
    /// In the order of kind and name.
    constraints: Vec<InForce>,
    /// The parameters of each.
    parameters: Copies,
    /// Of each, the first constraint of its template that has the same parameters, written the same.
    alike: Vec<u32>,
    by_kind: HashMap<Arc<str>, Vec<u32>>,
    /// Constraints that objects of any kind may match.
    of_any_kind: Vec<u32>,
    exclusions: Exclusions,
    synced: BTreeSet<Synced>,
}

/// What one constraint says of a review.
#[derive(Debug, Clone)]
pub struct Response {
    pub constraint: Arc<Constraint>,
    /// Where the constraint's action is `scoped`: what is done here.
    pub scoped: Vec<Arc<str>>,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Violation {
        message: String,
        details: Value,
    },
    /// Whether it is violated could not be told: matching failed, the policy erred, a budget was used up.
    Undecided {
        message: String,
        /// Whether not even matching could be told.
        unmatched: bool,
    },
}

impl Outcome {
    pub fn message(&self) -> &str {
        match self {
            Outcome::Violation { message, .. } | Outcome::Undecided { message, .. } => message,
        }
    }
}

/// Looks on while a review is judged. Where somebody does, every constraint that matches is asked; otherwise one that would be told
/// what another of its template was told is not.
pub trait Watch {
    /// So many constraints of a template are about to be asked.
    fn begin(&mut self, _template: &Template, _constraints: usize) {}
    /// One of them is asked now.
    fn asks(&mut self, _template: &Template, _constraint: &Constraint) {}
    fn end(&mut self, _template: &Template) {}
    /// What `print` said.
    fn printed(&mut self, _line: &str) {}
    /// Who is told how an evaluation went.
    fn tracer(&mut self, _rego: &Rego) -> Option<&mut dyn Tracer> {
        None
    }
}

/// How a review is judged.
#[derive(Debug, Clone, Default)]
pub struct ReviewOptions<'a> {
    /// The enforcement point; without it, all of them.
    pub point: Option<&'a str>,
    /// Of each constraint's evaluation; its deadline is one for all.
    pub budget: Budget,
    /// What else is in the cluster is not known: a policy that looks at `data.inventory` and finds nothing wrong could not tell.
    pub alone: bool,
    /// What else is in the cluster is known of kinds that are synced or that the inventory has objects of: a policy that names
    /// another kind below `data.inventory` and finds nothing wrong could not tell.
    pub only_synced: bool,
    /// Why what else is in the cluster is not known now: no policy that looks at `data.inventory` could tell anything.
    pub unknown: Option<&'a str>,
    /// What a policy could not see is told: an error of a builtin, which Gatekeeper takes for "undefined", where it finds nothing
    /// wrong; and, where it looks at the object's Namespace and nobody shows it, whatever it finds.
    pub cautious: bool,
    /// What policies see of the time.
    pub world: World,
}

impl Set {
    /// Loads templates, constraints and the Config among documents; what else is there is not looked at.
    ///
    /// # Errors
    /// All faults: of templates, then of constraints, each in the order of the documents.
    pub fn load(documents: &[Document], options: &Options) -> Result<Set, Vec<Fault>> {
        let mut faults: Vec<Fault> = match options.strict {
            true => documents.iter().filter_map(kinds::unread).collect(),
            false => Vec::new(),
        };
        let mut templates: Vec<Template> = Vec::new();
        let mut by_name: HashMap<String, usize> = HashMap::new();
        for document in documents.iter().filter(|document| template::is_template(document)) {
            match Template::read(document, options.code, options.native.as_deref()) {
                Err(fault) => faults.push(fault),
                Ok(template) => match by_name.get(&*template.name) {
                    None => {
                        by_name.insert(template.name.to_string(), templates.len());
                        templates.push(template);
                    }
                    Some(_) if options.strict => faults.push(twice(document)),
                    Some(at) => {
                        if let Some(place) = templates.get_mut(*at) {
                            *place = template;
                        }
                    }
                },
            }
        }
        let mut constraints: BTreeMap<(Arc<str>, Arc<str>), InForce> = BTreeMap::new();
        for document in documents.iter().filter(|document| constraint::is_constraint(document)) {
            if let Err(fault) = constraint::check_names(document) {
                faults.push(fault);
                continue;
            }
            let at = by_name.get(&document.kind().to_lowercase()).copied();
            let Some((at, template)) = at.and_then(|at| Some((at, templates.get(at)?))) else {
                faults.push(constraint::missing_template(document));
                continue;
            };
            match Constraint::read(document, template, options.strict) {
                Err(fault) => faults.push(fault),
                Ok(constraint) => {
                    let key = (constraint.kind.clone(), constraint.name.clone());
                    if options.strict && constraints.contains_key(&key) {
                        faults.push(twice(document));
                        continue;
                    }
                    let bound = match &template.code {
                        Code::Rego(_) => None,
                        Code::Native(policy) => match policy.bind(&constraint.value) {
                            Ok(bound) => Some(bound),
                            Err(why) => {
                                let fault = Fault::new(FaultKind::Constraint, why).of(document.subject());
                                faults.push(document.place::<&str>(&[]).map_or(fault.clone(), |place| fault.at(place)));
                                continue;
                            }
                        },
                    };
                    constraints.insert(key, InForce { constraint: Arc::new(constraint), template: at, bound });
                }
            }
        }
        if options.strict {
            let is_template_kind = |document: &&Document| {
                let at = by_name.get(&document.kind().to_lowercase());
                at.and_then(|at| templates.get(*at)).is_some_and(|template| *template.kind == *document.kind())
            };
            let others = documents.iter().filter(|document| !kinds::is_gatekeepers(document.group()));
            faults.extend(others.filter(is_template_kind).map(kinds::stray_constraint));
        }
        let mut exclusions = Exclusions::default();
        documents.iter().filter(|document| config::is_config(document)).for_each(|document| exclusions.add(document));
        if !faults.is_empty() {
            return Err(faults);
        }
        let constraints = constraints.into_values().collect();
        let synced = documents.iter().flat_map(config::synced).collect();
        let inner = Arc::new(Inner::new(templates, constraints, exclusions, synced));
        let empty = Value::object(Vec::new());
        Ok(Set { inner, inventory: Arc::new(Inventory::default()), data: empty })
    }

    /// The same policies with another inventory.
    pub fn with_inventory(&self, inventory: Inventory) -> Set {
        let document = inventory.document();
        Set { inventory: Arc::new(inventory), ..self.clone() }.with_document(document)
    }

    /// The same with another document as `data.inventory`; the namespaces that matching knows stay.
    pub fn with_document(&self, document: Value) -> Set {
        let empty = matches!(&document, Value::Object(object) if object.entries().is_empty());
        let data = if empty { document } else { json::object([("inventory", document)]) };
        Set { inner: self.inner.clone(), inventory: self.inventory.clone(), data }
    }

    /// What it was given to know of other objects.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// The kinds that its Config and SyncSets ask to have in the inventory.
    pub fn synced(&self) -> impl Iterator<Item = &Synced> {
        self.inner.synced.iter()
    }

    /// Whether a policy in force looks at `data.inventory`.
    pub fn looks_at_inventory(&self) -> bool {
        self.in_force().any(|(_, template)| matches!(&template.code, Code::Rego(rego) if rego.referential))
    }

    /// Whether something in force looks, or may look, at the Namespace that an object is in.
    pub fn looks_at_namespaces(&self) -> bool {
        self.in_force().any(|(constraint, template)| {
            let by_code = match &template.code {
                Code::Rego(rego) => rego.reads_namespace,
                Code::Native(_) => true,
            };
            by_code || constraint.matches.as_ref().is_some_and(Match::selects_namespaces)
        })
    }

    fn in_force(&self) -> impl Iterator<Item = (&Constraint, &Template)> {
        let template = |one: &InForce| self.inner.templates.get(one.template);
        self.inner.constraints.iter().filter_map(move |one| Some((&*one.constraint, template(one)?)))
    }

    /// Whether other objects are known.
    pub fn has_inventory(&self) -> bool {
        matches!(&self.data, Value::Object(object) if !object.entries().is_empty())
    }

    pub fn templates(&self) -> &[Template] {
        &self.inner.templates
    }

    pub fn constraints(&self) -> impl ExactSizeIterator<Item = &Arc<Constraint>> {
        self.inner.constraints.iter().map(|in_force| &in_force.constraint)
    }

    /// A constraint's document with the defaults of its template's schema.
    pub fn defaults(&self, document: &Document) -> Option<Value> {
        let template = self.inner.templates.iter().find(|template| *template.kind == *document.kind())?;
        Some(template.schema.with_defaults(document.value()))
    }

    /// Whether the Config has a process leave a namespace alone.
    pub fn excludes(&self, process: Process, namespace: &str) -> bool {
        self.inner.exclusions.excludes(process, namespace)
    }

    /// What the constraints that match have to say, in the order of their kinds and names, then of details and messages.
    pub fn review(&self, review: &Review) -> Vec<Response> {
        self.review_with(review, &ReviewOptions::default(), None)
    }

    /// As [`Set::review`], at one enforcement point, within a budget, and watched.
    pub fn review_with(
        &self,
        review: &Review,
        options: &ReviewOptions<'_>,
        mut watch: Option<&mut dyn Watch>,
    ) -> Vec<Response> {
        let inner = &*self.inner;
        let targets = self.targets(review);
        let at_webhook = options.point == Some(constraint::POINTS[0]);
        let mut responses = Vec::new();
        let mut matched: Vec<(usize, &InForce, Vec<Arc<str>>)> = Vec::new();
        for at in inner.candidates(review).into_iter().map(|at| at as usize) {
            let Some(in_force) = inner.constraints.get(at) else { continue };
            let Some(template) = inner.templates.get(in_force.template) else { continue };
            let constraint = &in_force.constraint;
            if at_webhook && !template.wants(review.operation()) {
                continue;
            }
            let Some(scoped) = constraint.actions(options.point) else { continue };
            match matches(constraint, &targets) {
                Ok(false) => {}
                Ok(true) => matched.push((at, in_force, scoped)),
                Err(why) => responses.push(Response {
                    constraint: constraint.clone(),
                    scoped,
                    outcome: Outcome::Undecided {
                        message: format!("unable to match constraints: {why}"),
                        unmatched: true,
                    },
                }),
            }
        }
        let run = RunOptions { budget: options.budget.clone(), world: options.world.clone(), ..RunOptions::default() };
        let (mut input, parameters) = (Input::of(review.request()), inner.parameters.own());
        for group in matched.chunk_by(|a, b| a.1.template == b.1.template) {
            let template = group.first().and_then(|(_, one, _)| inner.templates.get(one.template));
            let Some(template) = template else { continue };
            if let Some(watch) = watch.as_deref_mut() {
                watch.begin(template, group.len());
            }
            // What a constraint was told counts for others, too, where their parameters say nothing else.
            let mut told: Option<(Vec<Outcome>, Option<u32>)> = None;
            let (others, watched) = (group.len() > 1, watch.is_some());
            for (at, in_force, scoped) in group {
                let alike = inner.alike.get(*at).copied();
                let parameters = parameters.get(*at).unwrap_or(&in_force.constraint.parameters);
                let asked = (*in_force, parameters);
                if let Some(watch) = watch.as_deref_mut() {
                    watch.asks(template, &in_force.constraint);
                }
                let outcomes = match &told {
                    Some((told, by)) if by.is_none() || *by == alike => told.clone(),
                    _ => {
                        let (outcomes, counts) =
                            self.ask(template, asked, (&mut input, review), (options, &run), &mut watch);
                        told = match counts {
                            _ if !others || watched => None,
                            CountsFor::Itself => None,
                            CountsFor::EqualParameters => alike.map(|alike| (outcomes.clone(), Some(alike))),
                            CountsFor::All => Some((outcomes.clone(), None)),
                        };
                        outcomes
                    }
                };
                responses.extend(outcomes.into_iter().map(|outcome| Response {
                    constraint: in_force.constraint.clone(),
                    scoped: scoped.clone(),
                    outcome,
                }));
            }
            if let Some(watch) = watch.as_deref_mut() {
                watch.end(template);
            }
        }
        responses
            .sort_by(|a, b| (&a.constraint.kind, &a.constraint.name).cmp(&(&b.constraint.kind, &b.constraint.name)));
        responses
    }

    /// What one constraint's evaluation says, and for which other constraints of the template it would say the same.
    fn ask(
        &self,
        template: &Template,
        (in_force, parameters): (&InForce, &Value),
        (input, review): (&mut Input, &Review),
        (options, run): (&ReviewOptions<'_>, &RunOptions),
        watch: &mut Option<&mut dyn Watch>,
    ) -> (Vec<Outcome>, CountsFor) {
        let undecided = |message| (vec![Outcome::Undecided { message, unmatched: false }], CountsFor::Itself);
        // Small policies end before they look at the clock, and there may be many of them.
        if options.budget.deadline.is_some_and(|end| Instant::now() >= end) {
            return undecided("there was no time to ask it".into());
        }
        match &template.code {
            Code::Native(_) => match in_force.bound.as_ref().map(|bound| bound.review(review, options.budget.deadline))
            {
                None => undecided("the constraint is not bound to its engine".into()),
                Some(Err(message)) => undecided(message),
                Some(Ok(messages)) => {
                    let violation = |message| Outcome::Violation { message, details: Value::Null };
                    (messages.into_iter().map(violation).collect(), CountsFor::Itself)
                }
            },
            Code::Rego(rego) => {
                if options.cautious
                    && rego.reads_namespace
                    && let Some(name) = review.wanted_namespace().filter(|_| review.shown_namespace().is_none())
                {
                    return undecided(format!(
                        "the policy looks at the object's Namespace (input.review.namespaceObject), and {name:?} is not known here"
                    ));
                }
                if let Some(why) = options.unknown.filter(|_| rego.referential) {
                    return undecided(format!("the policy looks at other objects (data.inventory): {why}"));
                }
                let tracer = watch.as_deref_mut().and_then(|watch| watch.tracer(rego));
                match rego.ask(input, parameters, &self.data, run, tracer) {
                    Err(message) => undecided(message),
                    Ok(found) => {
                        if let Some(watch) = watch.as_deref_mut() {
                            found.printed.iter().for_each(|line| watch.printed(line));
                        }
                        if options.alone && rego.referential && found.violations.is_empty() {
                            return undecided(
                                "the policy looks at other objects (data.inventory), which are not known here".into(),
                            );
                        }
                        if options.only_synced
                            && found.violations.is_empty()
                            && let Some(kind) = rego.looks_at.iter().find(|kind| !self.knows(kind))
                        {
                            return undecided(format!(
                                "the policy looks at objects of kind {} (data.inventory), which are not known here: neither the Config nor a SyncSet names them",
                                kind.kind
                            ));
                        }
                        if let (true, true, Some(error)) = (options.cautious, found.violations.is_empty(), found.erred)
                        {
                            return undecided(error);
                        }
                        let violation = |(message, details)| Outcome::Violation { message, details };
                        let counts = if found.by_parameters { CountsFor::EqualParameters } else { CountsFor::All };
                        (found.violations.into_iter().map(violation).collect(), counts)
                    }
                }
            }
        }
    }

    /// Whether objects of a kind are synced, or in the inventory that it was given.
    fn knows(&self, named: &NamedKind) -> bool {
        let is = |version: &str, kind: &str| {
            *kind == *named.kind && named.api_version.as_ref().is_none_or(|named| **named == *version)
        };
        self.inner.synced.iter().any(|synced| is(&synced.api_version, &synced.kind)) || self.inventory.has(is)
    }

    /// What of a review is matched: its object and the one that it was.
    fn targets<'r>(&'r self, review: &'r Review) -> Vec<Matchable<'r>> {
        let namespace = review.namespace().or_else(|| {
            let name = review.namespace_name();
            if name.is_empty() { None } else { self.inventory.namespace(name) }
        });
        let objects = [review.object(), review.old_object()].into_iter().flatten();
        objects.map(|object| Matchable::new(object, namespace, review.source())).collect()
    }

    /// The Namespace that the inventory has of a name.
    pub fn namespace(&self, name: &str) -> Option<&Value> {
        self.inventory.namespace(name).filter(|object| is_namespace(object))
    }
}

/// Of each constraint, the first one of its template with the same parameters: equal numbers may be written otherwise, and
/// policies can see that.
fn alike(constraints: &[InForce]) -> Vec<u32> {
    let mut first: HashMap<(usize, String), u32> = HashMap::new();
    let numbered = constraints.iter().zip(0..);
    let of = |(one, number): (&InForce, u32)| {
        *first.entry((one.template, one.constraint.parameters.to_json())).or_insert(number)
    };
    numbered.map(of).collect()
}

/// For which constraints of a template an evaluation counts.
enum CountsFor {
    Itself,
    EqualParameters,
    All,
}

/// Whether a constraint is for one of the objects of a review.
fn matches(constraint: &Constraint, targets: &[Matchable<'_>]) -> Result<bool, String> {
    let Some(matches) = &constraint.matches else { return Ok(true) };
    if targets.is_empty() {
        return Err("invalid request object: neither object nor old object are defined".into());
    }
    for target in targets {
        match matches.matches(target) {
            Ok(false) => {}
            Ok(true) => return Ok(true),
            Err(why) => {
                let name = target.name();
                return Err(format!(
                    "error matching the requested object: {name} :failed to run Match criteria: {why}"
                ));
            }
        }
    }
    Ok(false)
}

impl Inner {
    fn new(
        templates: Vec<Template>,
        constraints: Vec<InForce>,
        exclusions: Exclusions,
        synced: BTreeSet<Synced>,
    ) -> Inner {
        let mut by_kind: HashMap<Arc<str>, Vec<u32>> = HashMap::new();
        let mut of_any_kind = Vec::new();
        for (at, in_force) in constraints.iter().enumerate() {
            let constraint = &in_force.constraint;
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            match constraint.matches.as_ref().and_then(|matches| matches.index()) {
                None => of_any_kind.push(at),
                Some(kinds) => {
                    for kind in kinds {
                        let list = by_kind.entry(kind.clone()).or_default();
                        if list.last() != Some(&at) {
                            list.push(at);
                        }
                    }
                }
            }
        }
        let parameters = Copies::of(|| constraints.iter().map(|one| &one.constraint.parameters));
        let alike = alike(&constraints);
        Inner { templates, constraints, parameters, alike, by_kind, of_any_kind, exclusions, synced }
    }

    /// The constraints that may match, in their order.
    fn candidates(&self, review: &Review) -> Vec<u32> {
        let object = review.object().map(|object| json::text(object, &["kind"]));
        let old = review.old_object().map(|object| json::text(object, &["kind"]));
        if object.is_none() && old.is_none() {
            return (0..self.constraints.len()).filter_map(|at| u32::try_from(at).ok()).collect();
        }
        let mut found = self.of_any_kind.clone();
        for kind in [object, old.filter(|old| Some(*old) != object)].into_iter().flatten() {
            found.extend(self.by_kind.get(kind).into_iter().flatten());
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn twice(document: &Document) -> Fault {
    let message = format!("{} is there already", document.subject());
    let fault = Fault::new(FaultKind::Duplicate, message).hint("keep one of the two, or give one another name");
    match document.place(&["metadata", "name"]) {
        Some(place) => fault.at(place),
        None => fault,
    }
}
