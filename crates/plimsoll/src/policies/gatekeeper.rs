//! Gatekeeper's templates and constraints, asked as its webhook asks them.

use std::sync::Arc;

use anyhow::{anyhow, bail};
use plimsoll_gatekeeper::config::Process;
use plimsoll_gatekeeper::{
    Document, Inventory, Native, Options, Outcome, Response, Review, ReviewOptions, Set, Source, Words, json,
};
use plimsoll_model::Effect;
use plimsoll_rego::budget::Budget;
use plimsoll_rego::value::Value;

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
    let documents = opened(documents);
    let set = Set::load(&documents, &options).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow!("{}", faults.join("\n"))
    })?;
    if set.constraints().len() == 0 {
        bail!("there is no constraint: the templates would ask nothing");
    }
    // What is no policy is what else there is in the cluster.
    let mut inventory = Inventory::default();
    for document in documents.iter().filter(|document| !is_policy(document)) {
        inventory.add(document).map_err(|fault| anyhow!("{fault}"))?;
    }
    Ok(set.with_inventory(inventory))
}

/// The items of lists, as `kubectl get -o yaml` writes them, as documents of their own.
pub(super) fn opened(documents: Vec<Document>) -> Vec<Document> {
    let mut all = Vec::new();
    for document in documents {
        match json::field(document.value(), "items") {
            Some(Value::Array(items)) if document.kind().ends_with("List") => {
                all.extend(items.items().iter().cloned().map(Document::of));
            }
            _ => all.push(document),
        }
    }
    all
}

fn is_policy(document: &Document) -> bool {
    document.group().ends_with(".gatekeeper.sh") || document.group() == "gatekeeper.sh"
}

pub(super) fn ask(set: &Set, question: &Question, budget: &Budget) -> Vec<Said> {
    let undecided = |message: String| vec![Said { effect: Effect::Undecided, message, policy: String::new() }];
    let Some(request) = json::field(&question.document, "request") else {
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
    let options = ReviewOptions {
        point: Some(POINT),
        budget: budget.clone(),
        alone: !set.has_inventory(),
        cautious: true,
        world: question.world(),
    };
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
