//! Gatekeeper's templates and constraints, asked as its webhook asks them.

use std::sync::Arc;

use anyhow::{anyhow, bail};
use plimsoll_gatekeeper::config::Process;
use plimsoll_gatekeeper::{
    Document, Native, Options, Outcome, Response, Review, ReviewOptions, Set, Source, Words, json,
};
use plimsoll_model::Effect;
use plimsoll_rego::budget::Budget;

use super::files::File;
use super::{Question, Said};
use crate::native::Cel;

/// Where scoped actions are done.
const POINT: &str = "validation.gatekeeper.sh";

pub fn set(files: &[File]) -> anyhow::Result<Set> {
    let mut documents = Vec::new();
    for File { name, content } in files {
        let text = std::str::from_utf8(content).map_err(|_| anyhow!("{name}: no UTF-8"))?;
        documents.extend(Document::read(name, text, Words::Kubernetes).map_err(|fault| anyhow!("{fault}"))?);
    }
    let native: Arc<dyn Native> = Arc::new(Cel { failure_policy: "Fail".to_owned() });
    let options = Options { strict: true, native: Some(native), ..Options::default() };
    let set = Set::load(&documents, &options).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow!("{}", faults.join("\n"))
    })?;
    if set.constraints().len() == 0 {
        bail!("there is no constraint: the templates would ask nothing");
    }
    Ok(set)
}

pub(super) fn ask(set: &Set, asked: &Question, budget: &Budget) -> Vec<Said> {
    let undecided = |message: String| vec![Said { effect: Effect::Undecided, message, policy: String::new() }];
    let Some(request) = json::field(&asked.document, "request") else {
        return undecided("the review has no request".into());
    };
    let review = match Review::of_request(request, Source::Original) {
        Ok(review) => review,
        Err(why) => return undecided(why),
    };
    // The Config's own word for namespaces that Gatekeeper's webhook leaves alone.
    if set.excludes(Process::Webhook, review.namespace_name()) {
        return Vec::new();
    }
    let options = ReviewOptions { point: Some(POINT), budget: budget.clone() };
    let responses = set.review_with(&review, &options, None);
    responses
        .iter()
        .filter_map(|response| {
            Some(Said {
                effect: effect(response)?,
                message: response.outcome.message().to_owned(),
                policy: format!("{}/{}", response.constraint.kind, response.constraint.name),
            })
        })
        .collect()
}

/// What a constraint's action makes of what it says; nothing where it does nothing here.
fn effect(response: &Response) -> Option<Effect> {
    let of = |action: &Arc<str>| match &**action {
        "deny" => Some(Effect::Deny),
        "warn" => Some(Effect::Warn),
        "dryrun" => Some(Effect::Info),
        _ => None,
    };
    let action = match &*response.constraint.action {
        "scoped" => response.scoped.iter().filter_map(of).max(),
        _ => of(&response.constraint.action),
    }?;
    match response.outcome {
        Outcome::Undecided { .. } if action == Effect::Deny => Some(Effect::Undecided),
        _ => Some(action),
    }
}
