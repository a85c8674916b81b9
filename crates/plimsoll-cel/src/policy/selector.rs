//! Label selectors.

use serde_json::Value as Json;

use super::fields::{Faults, Fields};
use crate::value::Value;

#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    pub fn read(json: &Json, path: &str, faults: &mut Faults) -> Selector {
        let mut requirements = Vec::new();
        let mut fields = Fields::of(json, path, faults);
        if let Some(labels) = fields.get("matchLabels") {
            for (key, value) in labels.as_object().into_iter().flatten() {
                match value.as_str() {
                    Some(value) => {
                        requirements.push(Requirement {
                            key: key.clone(),
                            operator: Operator::In,
                            values: vec![value.to_owned()],
                        });
                    }
                    None => faults.add(format!("{path}.matchLabels.{key}"), "must be a string"),
                }
            }
        }
        for (number, json) in fields.list("matchExpressions", faults).iter().enumerate() {
            let path = format!("{path}.matchExpressions[{number}]");
            let mut fields = Fields::of(json, path.clone(), faults);
            let key = fields.required("key", faults).to_owned();
            let values = fields.texts("values", faults);
            let operator = match fields.required("operator", faults) {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => {
                    faults.add(
                        format!("{path}.operator"),
                        format!("Invalid value: {other:?}: not a valid selector operator"),
                    );
                    Operator::Exists
                }
            };
            if matches!(operator, Operator::In | Operator::NotIn) && values.is_empty() {
                faults.add(
                    format!("{path}.values"),
                    "Required value: must be specified when `operator` is 'In' or 'NotIn'",
                );
            }
            fields.done(faults);
            requirements.push(Requirement { key, operator, values });
        }
        fields.done(faults);
        Selector { requirements }
    }

    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether the labels of an object (`metadata.labels`) are selected; none where they cannot be read.
    pub fn selects(&self, object: &Value) -> Option<bool> {
        let Value::Map(_) = object else { return None };
        let metadata = object.field("metadata").unwrap_or(&Value::Null);
        let labels = match metadata {
            Value::Null => &Value::Null,
            Value::Map(_) => metadata.field("labels").unwrap_or(&Value::Null),
            _ => return None,
        };
        match labels {
            Value::Null => {}
            Value::Map(map) if map.entries().iter().all(|(_, value)| value.as_str().is_some()) => {}
            _ => return None,
        }
        Some(self.requirements.iter().all(|requirement| {
            let found = labels.field(&requirement.key).and_then(Value::as_str);
            let listed = found.is_some_and(|value| requirement.values.iter().any(|wanted| wanted == value));
            match requirement.operator {
                Operator::In => listed,
                Operator::NotIn => !listed,
                Operator::Exists => found.is_some(),
                Operator::DoesNotExist => found.is_none(),
            }
        }))
    }
}
