//! A Dockerfile as conftest gives it to policies. In: the tree. Out: `[[{Cmd, SubCmd, JSON, Flags, Value, Stage}, …]]`, comments
//! before an instruction as instructions `comment`: the form of conftest's `docker` parser, to the odd details that policies
//! may have come to rely on. What it does not do: drop the whole file where one instruction is broken.
//!
//! <https://github.com/open-policy-agent/conftest/blob/master/parser/docker/docker.go>

use serde_json::{Value, json};

use super::ast::{Dockerfile, Instruction, Text};
use super::parse::raw::{RawValues, raw_values};

/// The file as conftest's input document.
pub fn json(file: &Dockerfile<'_>) -> Value {
    let mut commands = Vec::new();
    let mut comments = file.comments.iter().peekable();
    for instruction in &file.instructions {
        let stage = instruction.stage.unwrap_or(0);
        let mut before: Vec<String> = Vec::new();
        while let Some(comment) = comments.next_if(|comment| comment.span.start < instruction.span.start) {
            match written(file, comment) {
                // An empty comment parts what belongs to the instruction from what stands before.
                text if text.is_empty() => before.clear(),
                text => before.push(text),
            }
        }
        // Those between continued lines are left out.
        while comments.next_if(|comment| comment.span.start < instruction.span.end).is_some() {}
        commands
            .extend(before.into_iter().map(|text| command("comment", "", false, Value::Null, json!([text]), stage)));
        commands.push(instruction_json(instruction, file.escape, stage));
    }
    json!([commands])
}

fn command(name: &str, sub: &str, is_json: bool, flags: Value, values: Value, stage: usize) -> Value {
    json!({ "Cmd": name, "SubCmd": sub, "JSON": is_json, "Flags": flags, "Value": values, "Stage": stage })
}

fn instruction_json(instruction: &Instruction, escape: char, stage: usize) -> Value {
    let name = instruction.keyword.text.to_lowercase();
    let flags: Vec<String> = instruction.flags.iter().map(flag).collect();
    // Null only where nothing at all follows the keyword.
    let flags = if flags.is_empty() && instruction.rest.text.is_empty() { Value::Null } else { json!(flags) };
    let RawValues { sub, json: is_json, values } =
        raw_values(&instruction.keyword.text, &instruction.rest.text, escape);
    let values = if values.is_empty() { Value::Null } else { json!(values) };
    command(&name, &sub, is_json, flags, values, stage)
}

fn flag(flag: &super::ast::Flag) -> String {
    match &flag.value {
        Some(value) => format!("--{}={}", flag.name, value.text),
        None => format!("--{}", flag.name),
    }
}

/// A comment's text as conftest has it: of an indented one, only the first character of the line is gone.
fn written(file: &Dockerfile<'_>, comment: &Text) -> String {
    let source = file.source;
    let start = source.line_span(source.line(comment.span.start)).map_or(comment.span.start, |line| line.start);
    if start == comment.span.start {
        return comment.text.clone();
    }
    let text = source.text.get(start..comment.span.end).unwrap_or_default();
    let mut chars = text.chars();
    chars.next();
    chars.as_str().trim().to_owned()
}
