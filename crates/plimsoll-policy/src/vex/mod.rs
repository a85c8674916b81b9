//! VEX documents. In: JSON bytes. Out: statements in one shape, and problems for what could not be used. What it does
//! not do: verify who wrote them; a policy names the documents that it trusts.
//!
//! How to add a format: a file with a `read` function, and its line in [`FORMATS`].

mod csaf;
mod cyclonedx;
mod openvex;
pub(crate) mod product;

use plimsoll_model::{Location, Problem, ProblemKind, VexStatement, VexStatus};
use serde_json::Value;

/// The largest document: the largest published CSAF files have some 50 MB.
const MAX_BYTES: usize = 128 << 20;
/// Products over all statements of a document; groups of products can multiply a small file.
const MAX_PRODUCTS: usize = 2_000_000;

struct Format {
    name: &'static str,
    is: fn(&Value) -> bool,
    read: fn(&Value, &mut Out<'_>),
}

const FORMATS: &[Format] = &[
    Format { name: "OpenVEX", is: openvex::is, read: openvex::read },
    Format { name: "CSAF 2.0", is: csaf::is, read: csaf::read },
    Format { name: "CycloneDX", is: cyclonedx::is, read: cyclonedx::read },
];

/// Reads one VEX document; `name` is shown where a statement hides something. Whatever cannot be used hides nothing, so
/// its problems are notes.
pub fn read_vex(name: &str, bytes: &[u8]) -> (Vec<VexStatement>, Vec<Problem>) {
    let mut out = Out { document: name, statements: Vec::new(), problems: Vec::new(), products: 0 };
    if bytes.len() > MAX_BYTES {
        out.problem("read the VEX document: it is larger than 128 MiB");
        return (out.statements, out.problems);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice::<Value>(bytes) {
        Err(error) => out.problem(format!("read the VEX document: {error}")),
        Ok(value) => match FORMATS.iter().find(|format| (format.is)(&value)) {
            Some(format) => (format.read)(&value, &mut out),
            None => {
                let known: Vec<&str> = FORMATS.iter().map(|f| f.name).collect();
                out.problem(format!("read the VEX document: it is none of {}", known.join(", ")));
            }
        },
    }
    (out.statements, out.problems)
}

/// What a reader gathers.
struct Out<'a> {
    document: &'a str,
    statements: Vec<VexStatement>,
    problems: Vec<Problem>,
    products: usize,
}

/// Problems of one document that are worth a reader's time; the rest are alike.
const MAX_PROBLEMS: usize = 20;

impl Out<'_> {
    fn problem(&mut self, message: impl Into<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            let hint = "what it would have hidden is counted";
            self.problems
                .push(Problem::note(ProblemKind::BadInput, message).with_hint(hint).at(Location::path(self.document)));
        }
    }

    /// Takes a statement, or says why it cannot be used.
    fn statement(
        &mut self,
        ids: &[String],
        mut products: Vec<String>,
        subcomponents: Vec<String>,
        status: VexStatus,
        justification: String,
    ) {
        let named = ids.first().map_or("a statement", String::as_str);
        let all = products.len();
        if let Some(vague) = products.iter().find(|p| product::is_vague(p)) {
            let message = format!(
                "use the statement on {named} for {vague}: any image of that name would be meant; add its repository_url or digest"
            );
            self.problem(message);
            products.retain(|p| !product::is_vague(p));
        }
        if products.is_empty() && all > 0 {
            return;
        }
        if ids.is_empty() {
            self.problem("use a statement without a vulnerability's id");
        } else if products.is_empty() {
            let message = format!("use the statement on {named}: it names no product by package URL or image name");
            self.problem(message);
        } else if self.products + products.len() + subcomponents.len() > MAX_PRODUCTS {
            self.problem(format!("read all statements: there are more than {MAX_PRODUCTS} products"));
        } else {
            self.products += products.len() + subcomponents.len();
            self.statements.push(VexStatement {
                ids: ids.to_vec(),
                products,
                subcomponents,
                status,
                justification,
                document: self.document.to_owned(),
            });
        }
    }
}

/// The text at a key.
fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty())
}

/// The items of a list at a key.
fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The parts that are there, joined.
fn joined<'v>(parts: impl IntoIterator<Item = Option<&'v str>>) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
}
