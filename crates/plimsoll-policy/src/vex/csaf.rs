//! CSAF 2.0 with VEX statements (<https://docs.oasis-open.org/csaf/csaf/v2.0/csaf-v2.0.html>, profile 5). Products are
//! known by their package URL; a product that only has a name or a CPE cannot be found in an image and is left out.

use std::collections::{BTreeMap, HashMap};

use plimsoll_model::VexStatus;
use serde_json::Value;

use super::{Out, joined, list, text};

pub(super) fn is(value: &Value) -> bool {
    value.get("document").is_some_and(|d| text(d, "csaf_version").is_some() || text(d, "category").is_some())
        && (value.get("vulnerabilities").is_some() || value.get("product_tree").is_some())
}

/// A product: what it is, or which component of what.
#[derive(Clone)]
enum Product {
    Whole(String),
    Part { of: String, part: String },
}

const STATUSES: [(&str, VexStatus); 4] = [
    // `recommended`, `first_fixed` and the like say nothing that these do not.
    ("fixed", VexStatus::Fixed),
    ("known_not_affected", VexStatus::NotAffected),
    ("under_investigation", VexStatus::UnderInvestigation),
    // Last: within a document the last word counts.
    ("known_affected", VexStatus::Affected),
];

pub(super) fn read(value: &Value, out: &mut Out<'_>) {
    let tree = value.get("product_tree").unwrap_or(&Value::Null);
    let mut purls: HashMap<&str, &str> = HashMap::new();
    for name in list(tree, "full_product_names") {
        take(name, &mut purls);
    }
    // A list instead of recursion; the JSON reader bounds the depth, this bounds the stack.
    let mut branches: Vec<&Value> = list(tree, "branches").iter().collect();
    while let Some(branch) = branches.pop() {
        if let Some(product) = branch.get("product") {
            take(product, &mut purls);
        }
        branches.extend(list(branch, "branches"));
    }
    let mut products: HashMap<&str, Product> =
        purls.iter().map(|(id, purl)| (*id, Product::Whole((*purl).to_owned()))).collect();
    for relation in list(tree, "relationships") {
        let Some(id) = relation.get("full_product_name").and_then(|n| text(n, "product_id")) else { continue };
        let purl = |key: &str| text(relation, key).and_then(|id| purls.get(id)).map(|p| (*p).to_owned());
        if let (Some(part), Some(of)) = (purl("product_reference"), purl("relates_to_product_reference")) {
            products.insert(id, Product::Part { of, part });
        }
    }
    let groups: HashMap<&str, Vec<&str>> = list(tree, "product_groups")
        .iter()
        .filter_map(|g| Some((text(g, "group_id")?, texts(g, "product_ids"))))
        .collect();
    for vulnerability in list(value, "vulnerabilities") {
        read_vulnerability(vulnerability, &products, &groups, out);
    }
}

fn take<'v>(product: &'v Value, purls: &mut HashMap<&'v str, &'v str>) {
    let purl = product.get("product_identification_helper").and_then(|h| text(h, "purl"));
    if let (Some(id), Some(purl)) = (text(product, "product_id"), purl) {
        purls.insert(id, purl);
    }
}

fn read_vulnerability(
    vulnerability: &Value,
    products: &HashMap<&str, Product>,
    groups: &HashMap<&str, Vec<&str>>,
    out: &mut Out<'_>,
) {
    let other = list(vulnerability, "ids").iter().filter_map(|id| text(id, "text"));
    let ids: Vec<String> = text(vulnerability, "cve").into_iter().chain(other).map(str::to_owned).collect();
    let Some(lists) = vulnerability.get("product_status") else { return };
    let flags = Reasons::new(list(vulnerability, "flags").iter(), "label", groups);
    let impacts = list(vulnerability, "threats").iter().filter(|t| text(t, "category") == Some("impact"));
    let impacts = Reasons::new(impacts, "details", groups);
    for (key, status) in STATUSES {
        let named = texts(lists, key);
        let known: Vec<(&str, &Product)> = named.iter().filter_map(|id| Some((*id, products.get(id)?))).collect();
        if known.len() < named.len() {
            out.problem(format!(
                "use the word on {} for {} of {} products: they have no package URL",
                ids.first().map_or("a vulnerability", String::as_str),
                named.len() - known.len(),
                named.len()
            ));
        }
        // Products with the same reason share a statement.
        let mut whole: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, product) in known {
            let why = joined([flags.of(id), impacts.of(id)]);
            match product {
                Product::Part { of, part } => out.statement(&ids, vec![of.clone()], vec![part.clone()], status, why),
                Product::Whole(purl) => whole.entry(why).or_default().push(purl.clone()),
            }
        }
        for (why, purls) in whole {
            out.statement(&ids, purls, Vec::new(), status, why);
        }
    }
}

/// Flags or impact statements by product, read once per vulnerability: large documents name thousands of products.
struct Reasons<'v> {
    by_product: HashMap<&'v str, &'v str>,
    /// The one that names no product, and so is for all.
    for_all: Option<&'v str>,
}

impl<'v> Reasons<'v> {
    fn new(items: impl Iterator<Item = &'v Value>, key: &str, groups: &HashMap<&str, Vec<&'v str>>) -> Reasons<'v> {
        let mut reasons = Reasons { by_product: HashMap::new(), for_all: None };
        for item in items {
            let Some(words) = text(item, key) else { continue };
            let (ids, group_ids) = (texts(item, "product_ids"), texts(item, "group_ids"));
            if ids.is_empty() && group_ids.is_empty() {
                reasons.for_all = reasons.for_all.or(Some(words));
            }
            let grouped = group_ids.iter().filter_map(|g| groups.get(g)).flatten();
            for id in ids.iter().chain(grouped) {
                reasons.by_product.entry(id).or_insert(words);
            }
        }
        reasons
    }

    fn of(&self, product: &str) -> Option<&'v str> {
        self.by_product.get(product).copied().or(self.for_all)
    }
}

fn texts<'v>(value: &'v Value, key: &str) -> Vec<&'v str> {
    list(value, key).iter().filter_map(Value::as_str).collect()
}
