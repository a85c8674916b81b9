//! Nodes as OPA's JSON.

/// One line, as messages show it.
pub fn annotations(annotations: &super::Annotations) -> String {
    format!("{{\"scope\":{}}}", super::text::quote(&annotations.scope))
}
