//! OpenVEX 0.0.1 and 0.2.0 (<https://github.com/openvex/spec>). Later statements on the same thing replace earlier ones;
//! they come out in the order of their times, and the last word of a document counts.

use jiff::Timestamp;
use plimsoll_model::VexStatus;
use serde_json::Value;

use super::{Out, joined, list, text};

pub(super) fn is(value: &Value) -> bool {
    text(value, "@context").is_some_and(|context| context.contains("openvex"))
}

pub(super) fn read(value: &Value, out: &mut Out<'_>) {
    let time = |v: &Value| text(v, "timestamp").and_then(|t| t.parse::<Timestamp>().ok());
    let document = time(value);
    let mut statements: Vec<&Value> = list(value, "statements").iter().collect();
    statements.sort_by_key(|s| time(s).or(document));
    for statement in statements {
        read_statement(statement, out);
    }
}

fn read_statement(statement: &Value, out: &mut Out<'_>) {
    let vulnerability = statement.get("vulnerability").unwrap_or(&Value::Null);
    let mut ids: Vec<String> = Vec::new();
    let named = [vulnerability.as_str(), text(vulnerability, "name"), text(vulnerability, "@id")];
    let aliases = list(vulnerability, "aliases").iter().map(Value::as_str);
    for id in named.into_iter().chain(aliases).flatten() {
        // An `@id` is often the address of a page about the fault; its last part is the id.
        let id = id.trim_end_matches('/').rsplit('/').next().unwrap_or(id).trim();
        if !id.is_empty() && !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    let status = match text(statement, "status") {
        Some("not_affected") => VexStatus::NotAffected,
        Some("affected") => VexStatus::Affected,
        Some("fixed") => VexStatus::Fixed,
        Some("under_investigation") => VexStatus::UnderInvestigation,
        other => {
            let named = ids.first().cloned().unwrap_or_default();
            out.problem(format!("use the statement on {named}: its status is {:?}", other.unwrap_or("missing")));
            return;
        }
    };
    let why = joined([text(statement, "justification"), text(statement, "impact_statement")]);
    let shared: Vec<String> = list(statement, "subcomponents").iter().filter_map(component).collect();
    let mut alone = Vec::new();
    let products = list(statement, "products");
    for product in products {
        let Some(name) = component(product) else { continue };
        let mut parts: Vec<String> = list(product, "subcomponents").iter().filter_map(component).collect();
        let unread = parts.len() < list(product, "subcomponents").len();
        parts.extend(shared.iter().cloned());
        if parts.is_empty() && unread {
            // Without its parts the statement would speak of the whole product.
            out.problem(format!("use a statement on {}: its subcomponents have no package URL", ids.join(", ")));
        } else if parts.is_empty() {
            alone.push(name);
        } else {
            out.statement(&ids, vec![name], parts, status, why.clone());
        }
    }
    if !alone.is_empty() || products.is_empty() {
        out.statement(&ids, alone, Vec::new(), status, why);
    }
}

/// What names a component: its package URL, else its id.
fn component(value: &Value) -> Option<String> {
    let purl = value.get("identifiers").and_then(|i| text(i, "purl"));
    purl.or_else(|| text(value, "@id")).or_else(|| value.as_str()).map(str::to_owned)
}
