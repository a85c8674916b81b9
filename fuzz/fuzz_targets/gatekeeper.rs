//! Documents → a set → a review: loaded, or refused with words; judged within a small budget, twice with the same answer. The
//! parts of the input, parted by `\0`: policies (YAML), an object (YAML), what else is in the cluster (YAML).
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::{parts, text};
use plimsoll_gatekeeper::{Document, Expander, Inventory, Options, Outcome, Review, ReviewOptions, Set, Source, Words};
use plimsoll_rego::budget::Budget;

/// Small enough for hundreds of runs a second.
fn options() -> ReviewOptions<'static> {
    let budget = Budget { steps: 100_000, memory: 16 << 20, depth: 200, ..Budget::default() };
    ReviewOptions { budget, alone: true, cautious: true, ..ReviewOptions::default() }
}

fn read(name: &str, bytes: &[u8], words: Words) -> Vec<Document> {
    match Document::read(name, text(bytes), words) {
        Ok(documents) => documents,
        Err(fault) => {
            assert!(!fault.message.is_empty() && fault.place.is_some(), "refused with words and a place");
            Vec::new()
        }
    }
}

fuzz_target!(|all: &[u8]| {
    let [policies, objects, others] = parts::<3>(all);
    let policies = read("policies.yaml", policies, Words::Kubernetes);
    let objects = read("objects.yaml", objects, Words::Core);
    let mut inventory = Inventory::default();
    for document in read("others.yaml", others, Words::Kubernetes) {
        let _ = inventory.add(&document);
    }
    if let Ok(expander) = Expander::load(&policies) {
        for object in &objects {
            if let Ok((base, made)) = expander.expand(object.value()) {
                let again = expander.expand(object.value()).expect("again");
                assert_eq!((&base, made.len()), (&again.0, again.1.len()), "the same twice");
            }
        }
    }
    for strict in [true, false] {
        let set = match Set::load(&policies, &Options { strict, ..Options::default() }) {
            Ok(set) => set.with_inventory(inventory.clone()),
            Err(faults) => {
                assert!(!faults.is_empty() && faults.iter().all(|fault| !fault.message.is_empty()));
                continue;
            }
        };
        for object in &objects {
            let request = Review::of_request(object.value(), Source::Original).ok();
            for review in [Some(Review::of_object(object.value(), Source::Original)), request].into_iter().flatten() {
                let said = |set: &Set| -> Vec<(String, Outcome)> {
                    let responses = set.review_with(&review, &options(), None);
                    responses.into_iter().map(|one| (one.constraint.name.to_string(), one.outcome)).collect()
                };
                assert_eq!(said(&set), said(&set), "the same answer twice");
            }
        }
    }
});
