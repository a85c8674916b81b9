//! `gator expand`. In: objects, ExpansionTemplates and mutators. Out: the objects that they would make.

use plimsoll_gatekeeper::{Expander, json};
use plimsoll_rego::value::{JsonStyle, Value, YamlLayout};

use super::{below, flags, print, read};
use crate::exit::Exit;

pub fn run(asked: &flags::Expand) -> Result<Exit, String> {
    let documents =
        read::sources(&asked.filename, &asked.image).map_err(|unread| format!("reading: {}", unread.all()))?;
    if documents.is_empty() {
        return Err("no input data identified".into());
    }
    let failed = |why: String| format!("error expanding resources: {why}");
    let expander = Expander::load(&documents).map_err(|fault| failed(format!("{}{}", fault.message, below(&fault))))?;
    let mut made: Vec<Value> = Vec::new();
    for document in &documents {
        let (_, expanded) = expander.expand(document.value()).map_err(failed)?;
        made.extend(expanded.into_iter().map(|one| one.object));
    }
    made.sort_by_key(|object| std::cmp::Reverse(key(object)));
    let written: Vec<String> = match asked.format.as_str() {
        "" | "yaml" => made.iter().map(|object| object.to_yaml(YamlLayout { indent: 2, flush_lists: true })).collect(),
        "json" => made.iter().map(pretty).collect(),
        other => return Err(format!("unrecognized value for format flag: {other}")),
    };
    let output = written.join("---\n");
    match &asked.outputfile {
        None => print(&format!("{output}\n")),
        Some(path) => {
            print(&format!("Writing output to file: {}\n", path.display()))?;
            std::fs::write(path, output)
                .map_err(|error| format!("error creating file at path {}: {error}", path.display()))?;
            Ok(Exit::Allowed)
        }
    }
}

fn key(object: &Value) -> String {
    let text = |path: &[&str]| json::text(object, path);
    format!("{}{}{}", text(&["metadata", "name"]), text(&["apiVersion"]), text(&["kind"]))
}

fn pretty(object: &Value) -> String {
    let mut out = String::new();
    object.write_json(&mut out, &JsonStyle { escape_html: true, indent: Some(("", "    ")) });
    out
}
