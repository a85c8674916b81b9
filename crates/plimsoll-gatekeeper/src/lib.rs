//! Gatekeeper's policies, unedited: ConstraintTemplates, Constraints, the Config, ExpansionTemplates and mutators, read and
//! checked as Gatekeeper does, evaluated under budgets.
//!
//! ```
//! use plimsoll_gatekeeper::{Document, Options, Review, Set, Source, Words};
//!
//! let policies = r#"
//! apiVersion: templates.gatekeeper.sh/v1
//! kind: ConstraintTemplate
//! metadata: {name: needslabel}
//! spec:
//!   crd: {spec: {names: {kind: NeedsLabel}, validation: {openAPIV3Schema: {type: object, properties: {label: {type: string}}}}}}
//!   targets:
//!   - target: admission.k8s.gatekeeper.sh
//!     rego: |
//!       package needslabel
//!       violation[{"msg": msg}] {
//!         not input.review.object.metadata.labels[input.parameters.label]
//!         msg := sprintf("the label %v is missing", [input.parameters.label])
//!       }
//! ---
//! apiVersion: constraints.gatekeeper.sh/v1beta1
//! kind: NeedsLabel
//! metadata: {name: pods-have-owners}
//! spec:
//!   match: {kinds: [{apiGroups: [""], kinds: [Pod]}]}
//!   parameters: {label: owner}
//! "#;
//! let documents = Document::read("policies.yaml", policies, Words::Kubernetes).expect("the text is YAML");
//! let set = Set::load(&documents, &Options::default()).expect("the policies are right");
//!
//! let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}}";
//! let pod = &Document::read("pod.yaml", pod, Words::Kubernetes).expect("the text is YAML")[0];
//! let responses = set.review(&Review::of_object(pod.value(), Source::Original));
//! assert_eq!(responses[0].outcome.message(), "the label owner is missing");
//! assert_eq!(&*responses[0].constraint.action, "deny");
//! ```
//!
//! # Three outcomes
//!
//! A constraint that matches says nothing, or is violated, or could not tell ([`Outcome::Undecided`]): its namespace is not known,
//! its policy erred or used up its budget. Gatekeeper calls the last a violation; here it has a name of its own, so that
//! whoever asks decides what it means.
//!
//! # Meant to differ from Gatekeeper
//!
//! | what | why |
//! |---|---|
//! | a key that stands twice in a mapping is refused | readers differ on which of the two counts |
//! | an evaluation ends within a budget of steps, memory and time | a policy of a stranger ends |
//! | `http.send` and `external_data` are not asked | nothing leaves the machine that nobody allowed |
//! | a policy that errs is undecided, for its own constraint alone | Gatekeeper makes violations of all constraints of its kind |
//!
//! The crate reads no file, clock or network.

use std::collections::HashSet;

mod code;
pub mod config;
pub mod constraint;
mod copies;
mod document;
pub mod expansion;
mod fault;
mod inventory;
pub mod json;
pub mod kinds;
pub mod matching;
pub mod mutation;
mod native;
mod review;
pub mod schema;
mod set;
pub mod template;
mod walk;

pub use code::{CodeOptions, Found, NamedKind, Rego};
pub use constraint::Constraint;
pub use document::{Document, Words, value_of};
pub use expansion::{Expander, Made};
pub use fault::{Fault, FaultKind, Place};
pub use inventory::{Inventory, Several};
pub use matching::Source;
pub use mutation::Mutators;
pub use native::{Native, NativeBound, NativeFault, NativePolicy};
pub use review::Review;
pub use set::{Options, Outcome, Response, ReviewOptions, Set, Watch};
pub use template::Template;

/// Several errors as Kubernetes lists them: one as it is, more in brackets, each once.
pub(crate) fn aggregate(messages: &[String]) -> String {
    let mut seen = HashSet::new();
    let once: Vec<&str> = messages.iter().map(String::as_str).filter(|message| seen.insert(*message)).collect();
    match once.as_slice() {
        [one] => (*one).to_owned(),
        many => format!("[{}]", many.join(", ")),
    }
}
