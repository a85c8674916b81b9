//! A policy, a binding and a request → what the API server would do, in its words.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde_json::json;

use super::matching::Matched;
use super::params::{Found, Params};
use super::review::Review;
use super::spec::{Action, Binding, OnFailure, Policy};
use super::world::Scene;
use crate::budget::{Budget, COST_PER_EXPRESSION, Failure, Meter, Spent};
use crate::node::Program;
use crate::value::Value;

/// The API server's bounds of what all expressions of one binding may cost, and of all match conditions.
pub(super) const COST: u64 = 10_000_000;
const COST_OF_CONDITIONS: u64 = 2_500_000;
/// Bytes of a message that an expression makes, and of an annotation.
const MAX_MESSAGE: usize = 5 * 1024;
const MAX_ANNOTATION: usize = 10 * 1024;

pub(super) const OUT_OF_BUDGET: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

/// How a policy under a binding ends for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Policy or binding are not about it.
    NotMatched,
    Allowed,
    Denied {
        /// As the API server words it, from `ValidatingAdmissionPolicy 'x' with binding …` on.
        message: String,
        /// `Invalid`, `Forbidden`, `Unauthorized` or `RequestEntityTooLarge`, and its HTTP status.
        reason: String,
        code: u16,
        /// An error denied it, not a validation's answer.
        erred: bool,
    },
    /// Something is not known here on which the answer depends.
    Undecided {
        why: String,
    },
}

/// What one policy under one binding says of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub policy: String,
    pub binding: String,
    pub verdict: Verdict,
    /// Lines for the `Warning` headers.
    pub warnings: Vec<String>,
    /// Of the audit event, key and value; the key without the policy's name in front where it is the server's own.
    pub annotations: Vec<(String, String)>,
    /// What could not be told beside the verdict: about warnings and annotations, or behind a denial.
    pub unknown: Vec<String>,
}

/// What stands beside policies and request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Our own bounds ([`Budget::work`], [`Budget::memory`]); costs are the API server's.
    pub work: Option<u64>,
    pub memory: Option<u64>,
    pub cancel: Option<&'a AtomicBool>,
    /// When all that is not decided then is undecided.
    pub deadline: Option<Instant>,
}

impl<'a> Options<'a> {
    /// Of one expression, or of what is made of its value.
    pub(super) fn budget(&self) -> Budget<'a> {
        let defaults = Budget::default();
        Budget {
            cost: COST_PER_EXPRESSION,
            work: self.work.unwrap_or(defaults.work),
            memory: self.memory.unwrap_or(defaults.memory),
            cancel: self.cancel,
            deadline: self.deadline,
        }
    }
}

/// One validation or annotation, or the whole, that did not end well.
pub(super) enum Decision {
    Denies { message: String, reason: String, erred: bool },
    Unknown(String),
    Admits,
}

pub(super) enum Answer {
    Value(Value),
    Error(String),
    Unknown(String),
    /// The costs of all are used up: nothing after it is evaluated.
    Exhausted,
}

impl Policy {
    /// Under each of its bindings; bindings of other policies are passed over.
    pub fn judge(
        &self,
        bindings: &[Binding],
        review: &Review,
        params: &Params,
        options: Options<'_>,
    ) -> Vec<Judgement> {
        let bound = bindings.iter().filter(|binding| binding.policy == self.name);
        bound.map(|binding| self.judge_binding(binding, review, params, options)).collect()
    }

    fn judge_binding(&self, binding: &Binding, review: &Review, params: &Params, options: Options<'_>) -> Judgement {
        let mut judged = Judging::new(self, binding, review, options);
        let matched = judged.run(params);
        judged.judgement(matched)
    }
}

/// Whether a policy under a binding is about a request, and with which parameters.
pub(super) enum Asked {
    No,
    /// Once with each.
    With(Vec<Option<Value>>),
    /// That is not known, or an error: the decision is made.
    Decided,
}

pub(super) struct Judging<'a> {
    policy: &'a Policy,
    binding: &'a Binding,
    review: &'a Review,
    options: Options<'a>,
    /// With the number of their validation.
    pub decisions: Vec<(usize, Decision)>,
    annotations: Vec<(String, String)>,
    cost: u64,
}

impl<'a> Judging<'a> {
    pub fn new(policy: &'a Policy, binding: &'a Binding, review: &'a Review, options: Options<'a>) -> Self {
        Judging { policy, binding, review, options, decisions: Vec::new(), annotations: Vec::new(), cost: 0 }
    }

    fn run(&mut self, params: &Params) -> bool {
        match self.asked(params) {
            Asked::No => false,
            Asked::Decided => true,
            Asked::With(all) => {
                let mut any = all.is_empty();
                for one in all {
                    any |= self.evaluate(one.as_ref());
                }
                any
            }
        }
    }

    pub fn asked(&mut self, params: &Params) -> Asked {
        if self.review.is_passed_over() {
            return Asked::No;
        }
        let constraints = [Some(&self.policy.constraints), self.binding.constraints.as_ref()];
        for constraints in constraints.into_iter().flatten() {
            match constraints.matches(self.review) {
                Matched::Yes => {}
                Matched::No => return Asked::No,
                Matched::Unknown(why) => self.decisions.push((0, Decision::Unknown(why))),
            }
        }
        // Whether it is meant is not known, so neither is what it says.
        if !self.decisions.is_empty() {
            return Asked::Decided;
        }
        match params.find(self.policy.param_kind.as_ref(), self.binding.param.as_ref(), self.review) {
            Found::Nothing => Asked::With(vec![None]),
            Found::These(all) => Asked::With(all.into_iter().map(Some).collect()),
            Found::Error(message) => {
                self.erred(0, &format!("failed to configure binding: {message}"));
                Asked::Decided
            }
            Found::Unknown(why) => {
                self.decisions.push((0, Decision::Unknown(why)));
                Asked::Decided
            }
        }
    }

    /// An error of the policy's own: its failure policy says what that means.
    pub fn erred(&mut self, number: usize, message: &str) {
        let decision = match self.policy.on_failure {
            OnFailure::Ignore => Decision::Admits,
            OnFailure::Fail => Decision::Denies { message: message.to_owned(), reason: String::new(), erred: true },
        };
        self.decisions.push((number, decision));
    }

    /// Costs are counted from where [`Judging::afresh`] was called.
    pub fn ask(&mut self, scene: &Scene<'_>, program: &Program, of_all: u64) -> Answer {
        let mut meter = Meter::new(self.options.budget());
        let value = program.run_within(scene, &mut meter);
        self.cost = self.cost.saturating_add(scene.take_cost()).saturating_add(meter.cost());
        if self.cost > of_all {
            return Answer::Exhausted;
        }
        match value {
            Ok(value) => Answer::Value(value),
            Err(failure) => match *failure {
                Failure::Error(_) | Failure::Spent(Spent::Cost) => {
                    Answer::Error(format!("expression '{}' resulted in error: {failure}", program.text()))
                }
                Failure::Undecided(_) | Failure::Spent(_) => {
                    Answer::Unknown(format!("expression '{}': {failure}", program.text()))
                }
            },
        }
    }

    pub fn afresh(&mut self) {
        self.cost = 0;
    }

    /// With one parameter, or none. Whether the match conditions hold.
    fn evaluate(&mut self, params: Option<&Value>) -> bool {
        self.afresh();
        match self.conditions(params) {
            Some(true) => {}
            Some(false) => return false,
            None => return true,
        }
        self.afresh();
        self.validations(params);
        self.afresh();
        self.annotate(params);
        true
    }

    /// None where they could not be told, of which the decision is made already.
    pub fn conditions(&mut self, params: Option<&Value>) -> Option<bool> {
        let policy = self.policy;
        let scene = Scene::new(policy, self.review, params, false);
        let (mut errors, mut unknown) = (Vec::new(), None);
        for condition in &policy.conditions {
            match self.ask(&scene, &condition.program, COST_OF_CONDITIONS) {
                Answer::Value(Value::Bool(true)) => {}
                Answer::Value(_) => return Some(false),
                Answer::Error(message) => errors.push(message),
                Answer::Unknown(why) => unknown = unknown.or(Some(why)),
                Answer::Exhausted => {
                    errors = vec![OUT_OF_BUDGET.to_owned()];
                    break;
                }
            }
        }
        if let Some(why) = unknown {
            self.decisions.push((0, Decision::Unknown(why)));
            return None;
        }
        errors.dedup();
        let message = match errors.as_slice() {
            [] => return Some(true),
            [one] => one.clone(),
            more => format!("[{}]", more.join(", ")),
        };
        if self.policy.on_failure == OnFailure::Ignore {
            return Some(false);
        }
        self.erred(0, &message);
        None
    }

    fn validations(&mut self, params: Option<&Value>) {
        let policy = self.policy;
        let scene = Scene::new(policy, self.review, params, true);
        let mut answers = Vec::with_capacity(policy.validations.len());
        for validation in &policy.validations {
            let answer = self.ask(&scene, &validation.program, COST);
            if matches!(answer, Answer::Exhausted) {
                self.erred(0, OUT_OF_BUDGET);
                return;
            }
            answers.push(answer);
        }
        let scene = Scene::new(policy, self.review, params, true);
        for (number, (validation, answer)) in policy.validations.iter().zip(answers).enumerate() {
            match answer {
                Answer::Value(Value::Bool(true)) => self.decisions.push((number, Decision::Admits)),
                Answer::Error(message) => self.erred(number, &message),
                Answer::Unknown(why) => self.decisions.push((number, Decision::Unknown(why))),
                Answer::Value(_) | Answer::Exhausted => {
                    let made = validation.message_expression.as_ref().map(|program| self.ask(&scene, program, COST));
                    if matches!(made, Some(Answer::Exhausted)) {
                        self.erred(number, &format!("failed messageExpression: {OUT_OF_BUDGET}"));
                        continue;
                    }
                    let made = made.and_then(|answer| match answer {
                        Answer::Value(Value::String(text)) => message(&text),
                        _ => None,
                    });
                    let message = made
                        .or_else(|| Some(validation.message.clone()).filter(|message| !message.is_empty()))
                        .unwrap_or_else(|| format!("failed expression: {}", validation.program.text().trim()));
                    let reason = validation.reason.clone().unwrap_or_else(|| "Invalid".to_owned());
                    self.decisions.push((number, Decision::Denies { message, reason, erred: false }));
                }
            }
        }
    }

    fn annotate(&mut self, params: Option<&Value>) {
        let policy = self.policy;
        let scene = Scene::new(policy, self.review, params, true);
        for annotation in &policy.annotations {
            match self.ask(&scene, &annotation.program, COST) {
                Answer::Value(Value::String(text)) => {
                    let text = text.trim();
                    if !text.is_empty() {
                        let mut end = text.len().min(MAX_ANNOTATION);
                        while !text.is_char_boundary(end) {
                            end -= 1;
                        }
                        let entry = (annotation.name.clone(), text.get(..end).unwrap_or("").to_owned());
                        if !self.annotations.contains(&entry) {
                            self.annotations.push(entry);
                        }
                    }
                }
                Answer::Value(_) => {}
                // Denies whatever the binding's actions are.
                Answer::Error(message) => self.erred(usize::MAX, &message),
                Answer::Exhausted => {
                    self.erred(0, OUT_OF_BUDGET);
                    return;
                }
                Answer::Unknown(why) => self.decisions.push((usize::MAX, Decision::Unknown(why))),
            }
        }
    }

    fn judgement(self, matched: bool) -> Judgement {
        let (policy, binding) = (&self.policy.name, &self.binding.name);
        let mut judgement = Judgement {
            policy: policy.clone(),
            binding: binding.clone(),
            verdict: if matched { Verdict::Allowed } else { Verdict::NotMatched },
            warnings: Vec::new(),
            annotations: Vec::new(),
            unknown: Vec::new(),
        };
        let denies = self.binding.actions.contains(&Action::Deny);
        let mut undecided = None;
        for (number, decision) in self.decisions {
            let of_annotation = number == usize::MAX;
            match decision {
                Decision::Admits => {}
                Decision::Unknown(why) => {
                    if (denies || of_annotation) && undecided.is_none() {
                        undecided = Some(why.clone());
                    }
                    judgement.unknown.push(why);
                }
                Decision::Denies { message, reason, erred } => {
                    if (denies || of_annotation) && !matches!(judgement.verdict, Verdict::Denied { .. }) {
                        let reason = if reason.is_empty() { "Invalid".to_owned() } else { reason };
                        judgement.verdict = Verdict::Denied {
                            message: format!(
                                "ValidatingAdmissionPolicy '{policy}' with binding '{binding}' denied request: {message}"
                            ),
                            code: code(&reason),
                            reason,
                            erred,
                        };
                    }
                    if of_annotation {
                        continue;
                    }
                    if self.binding.actions.contains(&Action::Audit) {
                        let failure = json!([{
                            "message": message,
                            "policy": self.binding.policy,
                            "binding": binding,
                            "expressionIndex": number,
                            "validationActions": self.binding.actions.iter().map(|action| action.word()).collect::<Vec<_>>(),
                        }]);
                        let key = "validation.policy.admission.k8s.io/validation_failure";
                        judgement.annotations.push((key.to_owned(), failure.to_string()));
                    }
                    if self.binding.actions.contains(&Action::Warn) {
                        let about = format!(
                            "Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{binding}'"
                        );
                        judgement.warnings.push(format!("{about}: {message}"));
                    }
                }
            }
        }
        if let (Some(why), Verdict::Allowed) = (undecided, &judgement.verdict) {
            judgement.verdict = Verdict::Undecided { why };
        }
        let mut keys: Vec<(String, Vec<String>)> = Vec::new();
        for (key, value) in self.annotations {
            match keys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, values)) => values.push(value),
                None => keys.push((key, vec![value])),
            }
        }
        judgement
            .annotations
            .extend(keys.into_iter().map(|(key, values)| (format!("{policy}/{key}"), values.join(", "))));
        judgement
    }
}

/// A message that an expression made; none where it says nothing, too much, or more than one line.
fn message(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= MAX_MESSAGE && !text.contains('\n')).then(|| text.to_owned())
}

fn code(reason: &str) -> u16 {
    match reason {
        "Forbidden" => 403,
        "Unauthorized" => 401,
        "RequestEntityTooLarge" => 413,
        _ => 422,
    }
}

/// The first denial, as the whole of the API server's message, with its reason and code.
pub fn refusal(review: &Review, judgements: &[Judgement]) -> Option<(String, String, u16)> {
    judgements.iter().find_map(|judgement| match &judgement.verdict {
        Verdict::Denied { message, reason, code, .. } => {
            Some((format!("{}: {message}", review.forbidden()), reason.clone(), *code))
        }
        _ => None,
    })
}
