//! A file of cases to cases. In: YAML. Out: what is asked of a policy, and what should come out; or what is wrong with the file,
//! with its line. What it does not do: judge.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_gatekeeper::{Document, Words};
use plimsoll_yaml::{Node, Value as Yaml};
use serde_json::Value;

/// The largest file of cases, and the largest object.
pub const MAX_FILE: u64 = 8 << 20;
/// Cases of one file.
const MAX_CASES: usize = 10_000;

/// The keys of a file.
const FILE_KEYS: [&str; 5] = ["apiVersion", "kind", "policy", "images", "cases"];
/// The keys of a case.
const CASE_KEYS: [&str; 17] = [
    "name",
    "object",
    "old",
    "review",
    "image",
    "namespace",
    "user",
    "groups",
    "operation",
    "defaults",
    "at",
    "images",
    "expect",
    "rules",
    "notRules",
    "messages",
    "notMessages",
];

/// What a case expects.
pub const EXPECTED: [&str; 4] = ["allowed", "warned", "undecided", "denied"];

/// A file's cases.
pub struct Cases {
    /// As it is named there; none where it is not.
    pub policy: Option<PathBuf>,
    pub images: Vec<Image>,
    pub cases: Vec<Case>,
}

/// What is known of an image in the tests.
#[derive(Debug, Clone)]
pub struct Image {
    pub name: String,
    pub holds: Holds,
    /// None = nobody looked for signatures.
    pub signed: Option<Signed>,
}

/// Whose signatures and attestations an image has, by the names of the policy's authorities.
#[derive(Debug, Clone, Default)]
pub struct Signed {
    pub by: Vec<String>,
    /// With the type, as the policy writes it.
    pub attested: Vec<(String, Vec<String>)>,
}

#[derive(Debug, Clone)]
pub enum Holds {
    /// Nothing that any rule or advisory is about.
    Clean,
    /// What is in this archive or layout.
    Path(PathBuf),
}

/// One case.
pub struct Case {
    pub name: String,
    pub line: u32,
    pub asked: Asked,
    pub namespace: Option<String>,
    pub user: Option<String>,
    pub groups: Option<Vec<String>>,
    pub operation: Option<String>,
    /// Whether the API server's defaults are set first, and policies that change the object are asked.
    pub defaults: bool,
    pub at: Option<jiff::Timestamp>,
    pub images: Vec<Image>,
    pub expect: &'static str,
    pub rules: Vec<String>,
    pub not_rules: Vec<String>,
    pub messages: Vec<String>,
    pub not_messages: Vec<String>,
}

/// What is asked about.
pub enum Asked {
    Object { object: Value, old: Option<Value> },
    Review(Value),
    Image(String),
}

/// Where a fault is.
pub struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    folder: &'a Path,
}

type Read<T> = Result<T, String>;

/// Reads a file of cases. Files that it names are beside it.
///
/// # Errors
/// `FILE:LINE: ` and what is wrong there.
pub fn cases(name: &str, text: &str, folder: &Path) -> Read<Cases> {
    let reader = Reader { name, text, folder };
    let (documents, fault) = plimsoll_yaml::documents(text);
    if let Some(fault) = fault {
        return Err(format!("{name}:{}: {}", fault.line, fault.message));
    }
    let [root] = documents.as_slice() else {
        return Err(format!("{name}:1: a file of cases is one document, and this has {}", documents.len()));
    };
    let (policy, images, list) = match &root.value {
        Yaml::List(_) => (None, Vec::new(), root),
        Yaml::Map(_) => {
            reader.known(root, &FILE_KEYS, "a file of cases")?;
            let policy = root.get("policy").map(|node| reader.text(node, "policy")).transpose()?;
            let list = root.get("cases").ok_or_else(|| reader.at(root, "it has no `cases`"))?;
            (policy.map(|path| folder.join(path)), reader.images(root)?, list)
        }
        Yaml::Scalar { .. } => {
            return Err(reader.at(root, "a file of cases is a list of them, or a mapping with `cases`"));
        }
    };
    if !matches!(list.value, Yaml::List(_)) {
        return Err(reader.at(list, "`cases` is a list"));
    }
    if list.items().is_empty() || list.items().len() > MAX_CASES {
        return Err(reader.at(list, &format!("{} cases, and a file has 1 to {MAX_CASES}", list.items().len())));
    }
    let cases = list.items().iter().map(|node| reader.case(node)).collect::<Read<_>>()?;
    Ok(Cases { policy, images, cases })
}

impl Reader<'_> {
    fn at(&self, node: &Node, what: &str) -> String {
        format!("{}:{}: {what}", self.name, node.line)
    }

    fn known(&self, node: &Node, keys: &[&str], of: &str) -> Read<()> {
        for (key, _) in node.pairs() {
            let word = key.text().unwrap_or_default();
            if !keys.contains(&word) {
                return Err(self.at(key, &format!("`{word}` is no key of {of}; known are {}", keys.join(", "))));
            }
        }
        Ok(())
    }

    fn text(&self, node: &Node, key: &str) -> Read<String> {
        node.string().map(str::to_owned).ok_or_else(|| self.at(node, &format!("`{key}` is a text")))
    }

    fn texts(&self, case: &Node, key: &str) -> Read<Vec<String>> {
        let Some(node) = case.get(key) else { return Ok(Vec::new()) };
        match node.value {
            Yaml::List(_) => node.items().iter().map(|item| self.text(item, key)).collect(),
            _ => Ok(vec![self.text(node, key)?]),
        }
    }

    fn images(&self, node: &Node) -> Read<Vec<Image>> {
        let Some(images) = node.get("images") else { return Ok(Vec::new()) };
        if !matches!(images.value, Yaml::Map(_)) {
            return Err(
                self.at(images, "`images` is a mapping: an image's name to `clean`, to an archive or layout, or to `{holds, signed, attested}`")
            );
        }
        let image = |(key, value): &(Arc<Node>, Arc<Node>)| {
            let name = self.text(key, "images")?;
            let (holds, signed) = match &value.value {
                Yaml::Map(_) => {
                    self.known(value, &["holds", "signed", "attested"], "an image")?;
                    let holds = value
                        .get("holds")
                        .ok_or_else(|| self.at(value, "an image has `holds`: `clean`, an archive or a layout"))?;
                    let attested = value.get("attested").map(|all| self.attested(all)).transpose()?.unwrap_or_default();
                    (self.text(holds, "holds")?, Some(Signed { by: self.texts(value, "signed")?, attested }))
                }
                _ => (self.text(value, "images")?, None),
            };
            let holds = match holds.as_str() {
                "clean" => Holds::Clean,
                path => Holds::Path(self.folder.join(path)),
            };
            Ok(Image { name, holds, signed })
        };
        images.pairs().iter().map(image).collect()
    }

    /// Types of attestations, each with whose they are.
    fn attested(&self, node: &Node) -> Read<Vec<(String, Vec<String>)>> {
        if !matches!(node.value, Yaml::Map(_)) {
            return Err(
                self.at(node, "`attested` is a mapping: a type of attestations to the authorities that made one")
            );
        }
        let of = |(kind, _): &(Arc<Node>, Arc<Node>)| {
            let kind = self.text(kind, "attested")?;
            Ok((kind.clone(), self.texts(node, &kind)?))
        };
        node.pairs().iter().map(of).collect()
    }

    fn case(&self, node: &Arc<Node>) -> Read<Case> {
        if !matches!(node.value, Yaml::Map(_)) {
            return Err(self.at(node, "a case is a mapping"));
        }
        self.known(node, &CASE_KEYS, "a case")?;
        let text = |key: &str| node.get(key).map(|value| self.text(value, key)).transpose();
        let name = text("name")?.ok_or_else(|| self.at(node, "a case has a `name`"))?;
        let expect = node.get("expect").ok_or_else(|| self.at(node, "a case has an `expect`"))?;
        let word = self.text(expect, "expect")?;
        let expect = EXPECTED
            .iter()
            .find(|known| **known == word)
            .copied()
            .ok_or_else(|| self.at(expect, &format!("`expect: {word}` is none of {}", EXPECTED.join(", "))))?;
        let operation = text("operation")?;
        if let Some(word) = &operation
            && !["CREATE", "UPDATE", "DELETE", "CONNECT"].contains(&word.as_str())
        {
            return Err(self.at(node, &format!("`operation: {word}` is none of CREATE, UPDATE, DELETE, CONNECT")));
        }
        if let (Some(old), Some(word @ ("CREATE" | "CONNECT"))) = (node.get("old"), operation.as_deref()) {
            return Err(self.at(old, &format!("`old` belongs to an UPDATE or a DELETE, and this is a {word}")));
        }
        let at = match node.get("at") {
            None => None,
            Some(value) => {
                let text = self.text(value, "at")?;
                Some(crate::cli::parse_time(&text).map_err(|why| self.at(value, &format!("`at`: {why}")))?)
            }
        };
        let defaults = match node.get("defaults").map(|value| (value, value.text())) {
            None => true,
            Some((_, Some("true"))) => true,
            Some((_, Some("false"))) => false,
            Some((value, _)) => return Err(self.at(value, "`defaults` is `true` or `false`")),
        };
        Ok(Case {
            asked: self.asked(node)?,
            name,
            line: node.line,
            namespace: text("namespace")?,
            user: text("user")?,
            groups: node.get("groups").map(|_| self.texts(node, "groups")).transpose()?,
            operation,
            defaults,
            at,
            images: self.images(node)?,
            expect,
            rules: self.texts(node, "rules")?,
            not_rules: self.texts(node, "notRules")?,
            messages: self.texts(node, "messages")?,
            not_messages: self.texts(node, "notMessages")?,
        })
    }

    fn asked(&self, case: &Arc<Node>) -> Read<Asked> {
        let given = ["object", "review", "image"].map(|key| case.get(key));
        let asked = match given {
            [Some(object), None, None] => {
                let old = case.get("old").map(|old| self.document(old)).transpose()?;
                Asked::Object { object: self.document(object)?, old }
            }
            [None, Some(review), None] => Asked::Review(self.document(review)?),
            [None, None, Some(image)] => Asked::Image(self.text(image, "image")?),
            _ => return Err(self.at(case, "a case has one of `object`, `review` and `image`")),
        };
        if matches!(asked, Asked::Object { .. }) {
            return Ok(asked);
        }
        for key in ["old", "defaults", "operation"] {
            if let Some(node) = case.get(key) {
                return Err(self.at(node, &format!("`{key}` belongs to an `object`")));
            }
        }
        Ok(asked)
    }

    /// A document that stands here, or the one in a file.
    fn document(&self, node: &Node) -> Read<Value> {
        match &node.value {
            Yaml::Map(_) => {
                // Its text at its own place: the object reads as it would in a file of its own.
                let column = (node.column as usize).saturating_sub(1);
                let own = self.text.get(node.start..node.end).unwrap_or_default();
                let lines = "\n".repeat((node.line as usize).saturating_sub(1));
                one(self.name, &format!("{lines}{}{own}\n", " ".repeat(column)))
            }
            Yaml::Scalar { .. } => {
                let path = self.folder.join(self.text(node, "object")?);
                let name = path.display().to_string();
                let bytes = crate::assess::read_bounded(&path, MAX_FILE)
                    .map_err(|error| self.at(node, &crate::message::chain(&error)))?;
                let text = String::from_utf8(bytes).map_err(|_| self.at(node, &format!("{name} is no UTF-8")))?;
                one(&name, &text).map_err(|why| self.at(node, &why))
            }
            Yaml::List(_) => Err(self.at(node, "an object is a mapping, or the name of a file with one")),
        }
    }
}

/// The one document of a text, as the API server reads YAML.
fn one(name: &str, text: &str) -> Read<Value> {
    let documents = Document::read(name, text, Words::Kubernetes).map_err(|fault| {
        let line = fault.place.as_ref().map_or(1, |place| place.line);
        format!("{name}:{line}: {}", fault.message)
    })?;
    let [document] = documents.as_slice() else {
        return Err(format!("{name}: it has {} documents, and a case is about one", documents.len()));
    };
    serde_json::from_str(&document.value().to_json()).map_err(|error| format!("{name}: {error}"))
}
