//! What makes pods.

use serde_json::{Map, Value};

use crate::{Object, count, each, empty, inside, is_unset, or, or_text, pod, text, within};

const ROLLING: &str = "RollingUpdate";

/// The labels of an object's pods, where it has some.
fn labels_of_template(object: &Object) -> Option<Map<String, Value>> {
    let labels = object.get("spec")?.get("template")?.get("metadata")?.get("labels")?;
    labels.as_object().cloned()
}

fn has_no_labels(object: &Object) -> bool {
    object.get("metadata").and_then(Value::as_object).is_none_or(|metadata| count(metadata, "labels") == 0)
}

pub fn replication_controller(object: &mut Object) {
    if let Some(labels) = labels_of_template(object) {
        within(object, "spec", |spec| {
            if count(spec, "selector") == 0 {
                spec.insert("selector".to_owned(), labels.clone().into());
            }
        });
        if has_no_labels(object) {
            within(object, "metadata", |metadata| {
                metadata.insert("labels".to_owned(), labels.into());
            });
        }
    }
    within(object, "spec", |spec| {
        or(spec, "replicas", 1);
        if !is_unset(spec, "template") {
            pod::template(spec, "template");
        }
    });
    status(object, &["replicas"]);
}

/// A status whose numbers are written even where they are zero.
pub fn status(object: &mut Object, zeros: &[&str]) {
    within(object, "status", |status| zeros.iter().for_each(|key| or(status, key, 0)));
}

pub fn deployment(object: &mut Object) {
    within(object, "spec", |spec| {
        or(spec, "replicas", 1);
        within(spec, "strategy", |strategy| {
            or_text(strategy, "type", ROLLING);
            if text(strategy, "type") == ROLLING {
                within(strategy, "rollingUpdate", |rolling| {
                    or(rolling, "maxUnavailable", "25%");
                    or(rolling, "maxSurge", "25%");
                });
            }
        });
        or(spec, "revisionHistoryLimit", 10);
        or(spec, "progressDeadlineSeconds", 600);
        pod::template(spec, "template");
    });
    empty(object, "status");
}

pub fn daemon_set(object: &mut Object) {
    within(object, "spec", |spec| {
        within(spec, "updateStrategy", |strategy| {
            or_text(strategy, "type", ROLLING);
            if text(strategy, "type") == ROLLING {
                within(strategy, "rollingUpdate", |rolling| {
                    or(rolling, "maxUnavailable", 1);
                    or(rolling, "maxSurge", 0);
                });
            }
        });
        or(spec, "revisionHistoryLimit", 10);
        pod::template(spec, "template");
    });
    let zeros = ["currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady"];
    status(object, &zeros);
}

pub fn stateful_set(object: &mut Object) {
    within(object, "spec", |spec| {
        or_text(spec, "podManagementPolicy", "OrderedReady");
        within(spec, "updateStrategy", |strategy| {
            if text(strategy, "type").is_empty() {
                strategy.insert("type".to_owned(), ROLLING.into());
                empty(strategy, "rollingUpdate");
            }
            if text(strategy, "type") == ROLLING {
                inside(strategy, "rollingUpdate", |rolling| or(rolling, "partition", 0));
            }
        });
        within(spec, "persistentVolumeClaimRetentionPolicy", |policy| {
            or_text(policy, "whenDeleted", "Retain");
            or_text(policy, "whenScaled", "Retain");
        });
        or(spec, "replicas", 1);
        or(spec, "revisionHistoryLimit", 10);
        or(spec, "serviceName", "");
        pod::template(spec, "template");
        each(spec, "volumeClaimTemplates", |claim| {
            or_text(claim, "apiVersion", "v1");
            or_text(claim, "kind", "PersistentVolumeClaim");
            crate::others::claim(claim);
        });
    });
    status(object, &["replicas", "availableReplicas"]);
}

pub fn replica_set(object: &mut Object) {
    within(object, "spec", |spec| {
        or(spec, "replicas", 1);
        // All of it may be left out here.
        pod::template(spec, "template");
    });
    status(object, &["replicas"]);
}

pub fn job(object: &mut Object) {
    if let Some(labels) = labels_of_template(object)
        && has_no_labels(object)
    {
        within(object, "metadata", |metadata| {
            metadata.insert("labels".to_owned(), labels.into());
        });
    }
    within(object, "spec", job_spec);
    empty(object, "status");
}

fn job_spec(spec: &mut Object) {
    if is_unset(spec, "parallelism") {
        or(spec, "completions", 1);
    }
    or(spec, "parallelism", 1);
    let per_index = !is_unset(spec, "backoffLimitPerIndex");
    or(spec, "backoffLimit", if per_index { i32::MAX } else { 6 });
    or(spec, "completionMode", "NonIndexed");
    or(spec, "suspend", false);
    let failed_only = !is_unset(spec, "podFailurePolicy");
    or(spec, "podReplacementPolicy", if failed_only { "Failed" } else { "TerminatingOrFailed" });
    or(spec, "manualSelector", false);
    inside(spec, "podFailurePolicy", |policy| {
        each(policy, "rules", |rule| {
            each(rule, "onPodConditions", |condition| or_text(condition, "status", "True"));
        });
    });
    pod::template(spec, "template");
}

pub fn cron_job(object: &mut Object) {
    within(object, "spec", |spec| {
        or_text(spec, "concurrencyPolicy", "Allow");
        or(spec, "suspend", false);
        or(spec, "successfulJobsHistoryLimit", 3);
        or(spec, "failedJobsHistoryLimit", 1);
        // The template is no job yet: its pods' defaults are set, its own are not.
        within(spec, "jobTemplate", |template| {
            empty(template, "metadata");
            within(template, "spec", |spec| pod::template(spec, "template"));
        });
    });
    empty(object, "status");
}
