//! The notation of a function's signature → its types.

use crate::types::Type;

pub(super) struct Signature {
    pub name: String,
    pub member: bool,
    pub args: Vec<Type>,
    pub result: Type,
    pub params: usize,
}

const COMPARABLE: [&str; 8] = ["int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"];
/// In the order in which operators are looked at, of which the first decides what an unknown type is.
const ORDERED: [&str; 8] = ["bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration"];

/// One for each type that a placeholder stands for.
pub(super) fn read(text: &str) -> Vec<Signature> {
    let marks: [(&str, &[&str]); 2] = [("@C", &COMPARABLE), ("@O", &ORDERED)];
    let Some((mark, each)) = marks.into_iter().find(|(mark, _)| text.contains(mark)) else { return vec![one(text)] };
    each.iter().map(|name| one(&text.replace(mark, name))).collect()
}

fn one(text: &str) -> Signature {
    let mut params: Vec<char> = Vec::new();
    let (head, result) = text.split_once(" -> ").unwrap_or((text, "dyn"));
    let open = open_of_arguments(head);
    let (name, args) = (head.get(..open).unwrap_or(""), head.get(open + 1..head.len().saturating_sub(1)).unwrap_or(""));
    // A target ends in a bracket or is a name of a type: `sets.contains` is neither.
    let (target, name) = match name.rsplit_once('.') {
        Some((target, name))
            if !matches!(
                target,
                "sets" | "lists" | "strings" | "optional" | "format" | "math" | "base64" | "jsonpatch" | "ip_"
            ) =>
        {
            (Some(target), name)
        }
        _ => (None, name),
    };
    // `ip` and `format` are both types and namespaces: an underscore tells the rarer use.
    let name = name.replace("ip_.", "ip.");
    let target = target.map(|target| target.trim_end_matches('_'));
    let mut types: Vec<Type> = target.map(|target| type_of(target, &mut params)).into_iter().collect();
    types.extend(parts(args).into_iter().map(|part| type_of(part, &mut params)));
    let result = type_of(result, &mut params);
    Signature { name, member: target.is_some(), args: types, result, params: params.len() }
}

/// Where the last bracketed part opens.
fn open_of_arguments(head: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in head.char_indices().rev() {
        match letter {
            ')' => depth += 1,
            '(' => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    head.len()
}

/// Of a list parted by commas outside of brackets.
fn parts(text: &str) -> Vec<&str> {
    let (mut all, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                all.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    all.extend(text.get(start..));
    all.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn type_of(text: &str, params: &mut Vec<char>) -> Type {
    if let Some((name, inner)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let mut inner = parts(inner).into_iter().map(|part| type_of(part, params)).collect::<Vec<_>>().into_iter();
        let mut next = || inner.next().unwrap_or(Type::Dyn);
        return match name {
            "list" => Type::list(next()),
            "map" => Type::map(next(), next()),
            "optional" => Type::optional(next()),
            _ => Type::Type(Some(next().into())),
        };
    }
    match text {
        "dyn" => Type::Dyn,
        "null" => Type::Null,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "timestamp" => Type::Timestamp,
        "duration" => Type::Duration,
        _ => match super::opaque::named(text) {
            Some(name) => Type::Opaque(name),
            None => {
                let letter = text.chars().next().unwrap_or('A');
                let at = params.iter().position(|other| *other == letter).unwrap_or_else(|| {
                    params.push(letter);
                    params.len() - 1
                });
                Type::Param(at)
            }
        },
    }
}
