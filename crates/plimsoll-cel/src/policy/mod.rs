//! Admission policies and their bindings, asked as the API server's plugins ask them, without a cluster.
//!
//! ```
//! use plimsoll_cel::policy::{Binding, Options, Params, Policy, Review, Verdict};
//! use serde_json::json;
//!
//! let policy = Policy::from_json(&json!({
//!     "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "few"},
//!     "spec": {
//!         "matchConstraints": {"resourceRules": [
//!             {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}]},
//!         "validations": [{"expression": "object.spec.replicas <= 5"}],
//!     },
//! })).expect("a policy");
//! let binding = Binding::from_json(&json!({
//!     "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "all"},
//!     "spec": {"policyName": "few", "validationActions": ["Deny"]},
//! })).expect("a binding");
//! let review = Review::from_request(&json!({
//!     "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
//!     "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
//!     "name": "web", "namespace": "shop", "operation": "CREATE", "object": {"spec": {"replicas": 6}},
//! })).expect("a request");
//! let judged = policy.judge(&[binding], &review, &Params::default(), Options::default());
//! let Verdict::Denied { message, code, .. } = &judged[0].verdict else { panic!("denied") };
//! assert_eq!(message, "ValidatingAdmissionPolicy 'few' with binding 'all' denied request: failed expression: object.spec.replicas <= 5");
//! assert_eq!(*code, 422);
//! ```
//!
//! A policy is refused at load for whatever the API server refuses it for when it is created, and for fields that are not known.
//! Undecided, neither allowed nor denied, is what depends on something that only the cluster knows: the authorizer's answers, the
//! namespace ([`Review::with_namespace`] tells it), parameters ([`Params`]; [`Elsewhere`] asks who knows more), other versions of a resource under
//! `matchPolicy: Equivalent`.
//!
//! MutatingAdmissionPolicies change the object before it is judged: see [`mutate`].

mod environment;
mod fields;
mod judge;
mod matching;
mod mutation;
mod params;
mod review;
mod selector;
mod spec;
mod world;

pub use environment::admission_environment;
pub use fields::{Fault, PolicyError};
pub use judge::{Judgement, Options, Verdict, refusal};
pub use mutation::{Mutated, MutatingBinding, MutatingPolicy, Outcome, mutate};
pub use params::{Elsewhere, Named, Params};
pub use review::{Review, ReviewError};
pub use spec::{Action, Binding, Policy};
