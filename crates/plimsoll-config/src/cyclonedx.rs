//! CycloneDX in XML. In: text. Out: what CycloneDX has for it in JSON, as conftest 0.71 gives it to policies: elements by the
//! tables of `shapes.txt`, those that no version of the schema has left out, `bomFormat` and `specVersion` without a meaning.
//! What it does not do: read CycloneDX in JSON, which is JSON.
//!
//! The parts of the schema that are rarely met are refused by name, not left out: declarations, definitions, data sets and
//! energy of models, IKEv2, states of certificates, patents. So is an element that stands twice where it may stand once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::xml::decoded;
use crate::xml::tree::{Element, document};
use crate::{Fault, Map, Value, go};

/// A line for each kind of element: its name, then its fields.
///
/// A field is a path (`@` an attribute, `#` the text, `a>b` elements `b` in `a`), the name in JSON behind `=` where it is
/// another than the path's first, what it holds behind `:` (text where nothing is said), `*` where there may be several, `!`
/// where JSON has it in any case.
const SHAPES: &str = include_str!("cyclonedx/shapes.txt");

/// The shape of a document.
const DOCUMENT: &str = "BOM";

struct Field {
    /// Attributes and texts have a mark in front.
    path: &'static str,
    json: &'static str,
    holds: &'static str,
    several: bool,
    always: bool,
}

type Shapes = BTreeMap<&'static str, Vec<Field>>;

static TABLE: LazyLock<Shapes> = LazyLock::new(|| SHAPES.lines().filter_map(shape).collect());

fn shape(line: &'static str) -> Option<(&'static str, Vec<Field>)> {
    let mut words = line.split(' ');
    let name = words.next().filter(|name| !name.is_empty())?;
    Some((name, words.map(field).collect()))
}

fn field(word: &'static str) -> Field {
    let (word, always) = word.strip_suffix('!').map_or((word, false), |word| (word, true));
    let (word, several) = word.strip_suffix('*').map_or((word, false), |word| (word, true));
    let (word, holds) = word.split_once(':').unwrap_or((word, ""));
    let (path, json) = word.split_once('=').unwrap_or((word, word));
    let json = json.trim_start_matches(['@', '#']).split('>').next().unwrap_or_default();
    Field { path, json, holds, several, always }
}

pub fn read(bytes: &[u8]) -> Result<Value, Fault> {
    let Cow::Borrowed(text) = decoded(bytes)? else {
        return Err(Fault::in_line(1, "an encoding other than UTF-8: write it as UTF-8"));
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.trim_start().starts_with('<') {
        return Err(Fault::new("neither JSON nor XML"));
    }
    let root = document(text)?;
    let reader = Reader { text };
    if root.name != "bom" {
        return Err(reader.fault(&root, format!("expected element type <bom> but have <{}>", root.name)));
    }
    let mut map = reader.shaped(&root, DOCUMENT)?;
    // Conftest reads the document a second time, and then does not look for its version.
    map.insert("bomFormat".into(), Value::text(""));
    map.insert("specVersion".into(), Value::text("SpecVersion(0)"));
    Ok(Value::Map(map))
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn fault(&self, element: &Element<'_>, message: impl Into<String>) -> Fault {
        Fault::at(self.text, element.at, message)
    }

    /// An element by its shape. Elements are no deeper than a document may be.
    fn shaped(&self, element: &Element<'_>, name: &str) -> Result<Map, Fault> {
        let fields = TABLE.get(name).ok_or_else(|| self.fault(element, format!("nothing is known of {name}")))?;
        let mut map = Map::new();
        for field in fields {
            if let Some(value) = self.field(element, field)? {
                map.insert(field.json.to_owned(), value);
            }
        }
        Ok(map)
    }

    fn field(&self, element: &Element<'_>, field: &Field) -> Result<Option<Value>, Fault> {
        let missing = || match (field.always, field.holds) {
            (false, _) => Ok(None),
            (true, "") => Ok(Some(Value::text(""))),
            (true, "int") => Ok(Some(Value::Float(0.0))),
            (true, shape) => {
                let (attributes, children) = (Vec::new(), Vec::new());
                let nothing = Element { name: "", at: element.at, attributes, text: String::new(), children };
                self.shaped(&nothing, shape).map(|map| Some(Value::Map(map)))
            }
        };
        let told = |text: &str| match (text.is_empty(), field.always, field.holds) {
            (true, false, "") => Ok(None),
            _ => self.scalar(element, field.holds, text).map(Some),
        };
        if field.path.starts_with('#') {
            return told(&element.text);
        }
        if let Some(name) = field.path.strip_prefix('@') {
            return match self.attribute(element, name)? {
                Some(text) => told(text),
                None => missing(),
            };
        }
        let found = self.along(element, field)?;
        if field.several {
            let values: Vec<Value> =
                found.iter().map(|element| self.value(element, field.holds)).collect::<Result<_, _>>()?;
            return Ok(Some(Value::List(values)).filter(|_| !found.is_empty()));
        }
        match found.as_slice() {
            [] => missing(),
            [one] if matches!(field.holds, "" | "ref") => {
                let value = self.value(one, field.holds)?;
                Ok(Some(value).filter(|value| field.always || *value != Value::text("")))
            }
            [one] => self.value(one, field.holds).map(Some),
            [_, second, ..] => Err(self.fault(second, format!("<{}> stands twice", second.name))),
        }
    }

    /// The elements at a field's path, in order.
    fn along<'e, 'a>(&self, element: &'e Element<'a>, field: &Field) -> Result<Vec<&'e Element<'a>>, Fault> {
        let mut found = vec![element];
        for name in field.path.split('>') {
            found = found.iter().flat_map(|element| named(element, name)).collect();
        }
        match (field.holds, found.first()) {
            ("%refused", Some(first)) => Err(self.fault(
                first,
                format!(
                    "<{}> of CycloneDX is not spoken here in XML: make JSON of the document first (cyclonedx convert)",
                    first.name
                ),
            )),
            _ => Ok(found),
        }
    }

    fn attribute<'e>(&self, element: &'e Element<'_>, name: &str) -> Result<Option<&'e str>, Fault> {
        let mut values = element.attributes.iter().filter(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(self.fault(element, format!("the attribute {name} stands twice"))),
            (value, None) => Ok(value),
        }
    }

    fn value(&self, element: &Element<'_>, holds: &str) -> Result<Value, Fault> {
        match holds {
            "" | "int" | "float" | "single" | "bool" => self.scalar(element, holds, &element.text),
            "ref" => Ok(Value::text(self.attribute(element, "ref")?.unwrap_or_default())),
            "%copyright" => Ok(Value::map([("text", Value::text(element.text.clone()))])),
            "%dataflow" => self.dataflow(element),
            "%dependency" => self.dependency(element),
            "%environment" => self.environment(element),
            "%evidence" => self.evidence(element),
            "%licenses" => self.licenses(element).map(Value::List),
            "%tools" => self.tools(element),
            shape => self.shaped(element, shape).map(Value::Map),
        }
    }

    /// Texts of Go's `encoding/xml`: a number or truth that is empty is none at all.
    fn scalar(&self, element: &Element<'_>, holds: &str, text: &str) -> Result<Value, Fault> {
        let trimmed = text.trim();
        let value = match holds {
            "" => return Ok(Value::text(text)),
            "bool" if text.is_empty() => Some(Value::Bool(false)),
            "bool" => go::boolean(trimmed).map(Value::Bool),
            _ if text.is_empty() => Some(Value::Float(0.0)),
            #[expect(clippy::cast_precision_loss, reason = "conftest's numbers are floats")]
            "int" => trimmed.parse::<i64>().ok().map(|number| Value::Float(number as f64)),
            // 32 bits, written as short as they may be, read into 64.
            "single" => {
                let single = trimmed.parse::<f32>().ok().filter(|number| number.is_finite());
                single.and_then(|number| number.to_string().parse().ok()).map(Value::Float)
            }
            _ => go::float(trimmed).filter(|number| number.is_finite()).map(Value::Float),
        };
        value.ok_or_else(|| self.fault(element, format!("{text:?} of <{}> cannot be read", element.name)))
    }

    fn unknown(&self, element: &Element<'_>) -> Fault {
        self.fault(element, format!("unknown element: {}", element.name))
    }

    /// The children of that name; none may have another one.
    fn only<'e, 'a>(&self, element: &'e Element<'a>, name: &str) -> Result<Vec<&'e Element<'a>>, Fault> {
        match element.children.iter().find(|child| child.name != name) {
            Some(other) => Err(self.unknown(other)),
            None => Ok(element.children.iter().collect()),
        }
    }

    fn licenses(&self, element: &Element<'_>) -> Result<Vec<Value>, Fault> {
        let mut licenses = Vec::new();
        for child in &element.children {
            let mut map = Map::new();
            let mut put = |name: &str, text: &str| {
                if !text.is_empty() {
                    map.insert(name.to_owned(), Value::text(text));
                }
            };
            match child.name {
                "license" => {
                    let license = self.shaped(child, "License")?;
                    if license.contains_key("id") == license.contains_key("name") {
                        return Err(self.fault(child, "license must have either id or name"));
                    }
                    licenses.push(Value::map([("license", Value::Map(license))]));
                    continue;
                }
                "expression" => put("expression", &child.text),
                "expression-detailed" => put("expression", self.attribute(child, "expression")?.unwrap_or_default()),
                _ => return Err(self.unknown(child)),
            }
            for name in ["acknowledgement", "bom-ref"] {
                put(name, self.attribute(child, name)?.unwrap_or_default());
            }
            if child.name == "expression-detailed" {
                let details: Vec<Value> = named(child, "details")
                    .map(|detail| self.shaped(detail, "ExpressionDetail").map(Value::Map))
                    .collect::<Result<_, _>>()?;
                if !details.is_empty() {
                    map.insert("expressionDetails".into(), Value::List(details));
                }
            }
            licenses.push(Value::Map(map));
        }
        Ok(licenses)
    }

    /// A list of tools, as it was before version 1.5, or components and services.
    fn tools(&self, element: &Element<'_>) -> Result<Value, Fault> {
        let mut tools = Vec::new();
        let mut lists = Map::new();
        for child in &element.children {
            let (inner, shape) = match child.name {
                "tool" => {
                    tools.push(Value::Map(self.shaped(child, "Tool")?));
                    continue;
                }
                "components" => ("component", "Component"),
                "services" => ("service", "Service"),
                _ => return Err(self.unknown(child)),
            };
            let values: Vec<Value> = named(child, inner)
                .map(|element| self.shaped(element, shape).map(Value::Map))
                .collect::<Result<_, _>>()?;
            if !values.is_empty() && lists.insert(child.name.to_owned(), Value::List(values)).is_some() {
                return Err(self.fault(child, format!("<{}> stands twice", child.name)));
            }
        }
        match (tools.is_empty(), lists.is_empty()) {
            (false, true) => Ok(Value::List(tools)),
            (true, false) => Ok(Value::Map(lists)),
            (true, true) => Err(self.fault(element, "no tools are listed")),
            (false, false) => {
                Err(self.fault(element, "either a list of tools, or components and services, but not both"))
            }
        }
    }

    fn evidence(&self, element: &Element<'_>) -> Result<Value, Fault> {
        let mut map = Map::new();
        let mut identities = Vec::new();
        for child in &element.children {
            let value = match child.name {
                "identity" => {
                    identities.push(Value::Map(self.shaped(child, "EvidenceIdentity")?));
                    continue;
                }
                "occurrences" => {
                    let all = named(child, "occurrence").map(|one| self.value(one, "EvidenceOccurrence"));
                    Value::List(all.collect::<Result<_, _>>()?)
                }
                "callstack" => Value::Map(self.shaped(child, "Callstack")?),
                "licenses" => Value::List(self.licenses(child)?),
                "copyright" => Value::List(
                    named(child, "text").map(|one| self.value(one, "%copyright")).collect::<Result<_, _>>()?,
                ),
                _ => return Err(self.unknown(child)),
            };
            let empty = match &value {
                Value::List(items) => items.is_empty(),
                Value::Map(map) => map.is_empty(),
                _ => false,
            };
            if !empty && map.insert(child.name.to_owned(), value).is_some() {
                return Err(self.fault(child, format!("<{}> stands twice", child.name)));
            }
        }
        if !identities.is_empty() {
            map.insert("identity".into(), Value::List(identities));
        }
        Ok(Value::Map(map))
    }

    fn environment(&self, element: &Element<'_>) -> Result<Value, Fault> {
        let one = |child: &Element<'_>| match child.name {
            "value" if child.text.is_empty() => Ok(Value::Map(Map::new())),
            "value" => Ok(Value::text(child.text.clone())),
            "environmentVar" => {
                let map = self.shaped(child, "Property")?;
                // Conftest takes one without name and value for none.
                let empty = map.values().all(|value| *value == Value::text(""));
                Ok(Value::Map(if empty { Map::new() } else { map }))
            }
            _ => Err(self.unknown(child)),
        };
        Ok(Value::List(element.children.iter().map(one).collect::<Result<_, _>>()?))
    }

    fn dependency(&self, element: &Element<'_>) -> Result<Value, Fault> {
        let reference = |element: &Element<'_>| self.value(element, "ref");
        let mut map = Map::from([("ref".to_owned(), reference(element)?)]);
        for (name, json) in [("dependency", "dependsOn"), ("provides", "provides")] {
            let all: Vec<Value> = named(element, name).map(reference).collect::<Result<_, _>>()?;
            if !all.is_empty() {
                map.insert(json.to_owned(), Value::List(all));
            }
        }
        Ok(Value::Map(map))
    }

    fn dataflow(&self, element: &Element<'_>) -> Result<Value, Fault> {
        let mut map = Map::from(["flow", "classification"].map(|name| (name.to_owned(), Value::text(""))));
        for name in ["name", "description"] {
            if let Some(text) = self.attribute(element, name)?.filter(|text| !text.is_empty()) {
                map.insert(name.to_owned(), Value::text(text));
            }
        }
        let mut seen = Vec::new();
        for child in &element.children {
            if seen.contains(&child.name) {
                return Err(self.fault(child, format!("<{}> stands twice", child.name)));
            }
            seen.push(child.name);
            match child.name {
                "classification" => {
                    let flow = self.attribute(child, "flow")?.unwrap_or_default();
                    map.insert("flow".into(), Value::text(flow));
                    map.insert("classification".into(), Value::text(child.text.clone()));
                }
                "governance" => {
                    map.insert("governance".into(), Value::Map(self.shaped(child, "DataGovernance")?));
                }
                "source" | "destination" => {
                    let urls: Vec<Value> =
                        self.only(child, "url")?.iter().map(|url| Value::text(url.text.clone())).collect();
                    if !urls.is_empty() {
                        map.insert(child.name.to_owned(), Value::List(urls));
                    }
                }
                _ => return Err(self.unknown(child)),
            }
        }
        Ok(Value::Map(map))
    }
}

fn named<'e, 'a>(element: &'e Element<'a>, name: &str) -> impl Iterator<Item = &'e Element<'a>> {
    element.children.iter().filter(move |child| child.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_shape_holds_is_known() {
        let own = ["", "ref", "int", "float", "single", "bool", "%refused"];
        let special = ["%copyright", "%dataflow", "%dependency", "%environment", "%evidence", "%licenses", "%tools"];
        assert_eq!(TABLE.len(), SHAPES.lines().count());
        for (name, fields) in TABLE.iter() {
            for Field { path, json, holds, always, several } in fields {
                assert!(
                    own.contains(holds) || special.contains(holds) || TABLE.contains_key(holds),
                    "{name} {path}: {holds}"
                );
                assert!(!(json.is_empty() || *always && *several), "{name} {path}");
            }
        }
    }

    #[test]
    fn a_document_has_the_form_of_json() {
        let text = r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.5" version="2"><components>
            <component type="library" bom-ref="a"><name>a</name><licenses><license><id>MIT</id></license></licenses></component>
            </components></bom>"#;
        let Value::Map(bom) = read(text.as_bytes()).unwrap() else { unreachable!("it is a map") };
        assert_eq!(bom["version"], Value::Float(2.0));
        let license = Value::map([("license", Value::map([("id", Value::text("MIT"))]))]);
        let component = Value::map([
            ("bom-ref", Value::text("a")),
            ("licenses", Value::List(vec![license])),
            ("name", Value::text("a")),
            ("type", Value::text("library")),
        ]);
        assert_eq!(bom["components"], Value::List(vec![component]));
    }

    #[test]
    fn what_is_not_spoken_is_refused_with_its_place_and_a_way_out() {
        for (inside, words) in [
            ("<definitions/>", "cyclonedx convert"),
            ("<metadata/>\n<metadata/>", "stands twice"),
            ("<metadata><tools/></metadata>", "no tools"),
            ("<metadata><licenses><license/></licenses></metadata>", "id or name"),
            ("<vulnerabilities><vulnerability><ratings><rating><score>x</score>", "not closed"),
            (
                "<vulnerabilities><vulnerability><cwes><cwe>x</cwe></cwes></vulnerability></vulnerabilities>",
                "cannot be read",
            ),
            ("&xxe;", "entity"),
        ] {
            let end = if words == "not closed" { "" } else { "</bom>" };
            let fault = read(format!("<bom>\n{inside}{end}").as_bytes()).unwrap_err();
            assert!(fault.line >= 2 && fault.message.contains(words), "{inside}: {fault:?}");
        }
        assert!(read(b"nothing").unwrap_err().message.contains("neither"));
        assert!(read(b"<sbom/>").unwrap_err().message.contains("<bom>"));
    }
}
