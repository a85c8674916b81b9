//! What a policy's expressions see: the request, and the policy's own variables, each evaluated once and only where it is used.

use std::cell::{Cell, RefCell};

use super::environment::{AUTHORIZER, NAMESPACE, OBJECT, OLD_OBJECT, PARAMS, REQUEST, RESOURCE_AUTHORIZER};
use super::review::{Namespace, Review};
use super::spec::Policy;
use crate::budget::{COST_PER_EXPRESSION, Failure, Meter, Out, error};
use crate::eval::World;
use crate::library;
use crate::value::Value;

pub(super) struct Scene<'a> {
    pub policy: &'a Policy,
    pub review: &'a Review,
    pub params: Option<&'a Value>,
    /// Match conditions are asked without the namespace.
    pub with_namespace: bool,
    known: RefCell<Vec<Option<Out>>>,
    /// What variables cost since somebody looked: the API server counts it beside the expression's own cost.
    cost: Cell<u64>,
}

impl<'a> Scene<'a> {
    pub fn new(policy: &'a Policy, review: &'a Review, params: Option<&'a Value>, with_namespace: bool) -> Scene<'a> {
        let known = RefCell::new(vec![None; policy.variables.len()]);
        Scene { policy, review, params, with_namespace, known, cost: Cell::new(0) }
    }

    pub fn take_cost(&self) -> u64 {
        self.cost.replace(0)
    }

    fn evaluated(&self, number: usize, meter: &mut Meter<'_>) -> Out {
        if let Some(Some(known)) = self.known.borrow().get(number) {
            return known.clone();
        }
        let Some(variable) = self.policy.variables.get(number) else { return error("no such variable") };
        let mut own = meter.nested(COST_PER_EXPRESSION);
        let made = variable.program.run_within(self, &mut own);
        self.cost.set(self.cost.get().saturating_add(own.cost()));
        meter.absorb(own);
        let made = made.map_err(|failure| match *failure {
            Failure::Error(_) | Failure::Spent(crate::budget::Spent::Cost) => Box::new(Failure::Error(format!(
                "composited variable {:?} fails to evaluate: {failure}",
                variable.name
            ))),
            _ => failure,
        });
        if let Some(slot) = self.known.borrow_mut().get_mut(number) {
            *slot = Some(made.clone());
        }
        made
    }
}

impl World for Scene<'_> {
    fn variable(&self, number: usize) -> Option<Value> {
        Some(match number {
            OBJECT => self.review.object.clone(),
            OLD_OBJECT => self.review.old_object.clone(),
            PARAMS => self.params.cloned().unwrap_or(Value::Null),
            REQUEST => self.review.request.clone(),
            NAMESPACE => match &self.review.namespace {
                Namespace::Known(namespace) if self.with_namespace => namespace.clone(),
                Namespace::Unknown if self.with_namespace => return None,
                _ => Value::Null,
            },
            AUTHORIZER => library::authorizer_of_request(None),
            RESOURCE_AUTHORIZER => library::authorizer_of_request(Some(&format!(
                "{} {:?} in namespace {:?}",
                self.review.resource.resource, self.review.name, self.review.namespace_name
            ))),
            _ => return None,
        })
    }

    fn unknown(&self, number: usize) -> Option<String> {
        (number == NAMESPACE).then(|| format!("namespace {:?} is not known", self.review.namespace_name))
    }

    fn field(&self, _: usize, field: &str, meter: &mut Meter<'_>) -> Result<Value, Box<Failure>> {
        match self.policy.variables.iter().position(|variable| variable.name == field) {
            Some(number) => self.evaluated(number, meter),
            None => error(format!("no such key: {field}")),
        }
    }
}
