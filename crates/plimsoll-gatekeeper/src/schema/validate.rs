//! A value against a schema, in the API server's words. In: a value. Out: all that does not fit, each with its path.

use std::sync::Arc;

use plimsoll_rego::value::{Number, Value};

use super::{Additional, Schema};
use crate::json;

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The parts of the path, list items by their numbers.
    pub path: Vec<Arc<str>>,
    /// Path and reason, as the API server says it.
    pub message: String,
}

#[derive(Clone, Copy)]
struct At<'a> {
    path: &'a str,
    parts: &'a [Arc<str>],
}

impl At<'_> {
    fn wrong(&self, what: &str) -> Wrong {
        Wrong { path: self.parts.to_vec(), message: format!("{}: {what}", shown(self.path)) }
    }

    /// `path: Invalid value: value: path in body reason`
    fn invalid(&self, value: &str, reason: &str) -> Wrong {
        let Self { path, .. } = self;
        self.wrong(&format!("Invalid value: {value}: {path} in body {reason}"))
    }
}

impl Schema {
    /// All that does not fit, in the order of fields.
    pub fn wrong(&self, value: &Value) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        self.check(value, At { path: "", parts: &[] }, &mut wrong);
        wrong
    }

    fn below(&self, value: &Value, at: At<'_>, name: &str, text: String, wrong: &mut Vec<Wrong>) {
        let mut parts = at.parts.to_vec();
        parts.push(name.into());
        self.check(value, At { path: &text, parts: &parts }, wrong);
    }

    fn check(&self, value: &Value, at: At<'_>, wrong: &mut Vec<Wrong>) {
        self.check_type(value, at, wrong);
        if !self.allowed.is_empty() && !self.allowed.contains(value) {
            let allowed = self.allowed.iter().map(plain_or_json).collect::<Vec<_>>().join(", ");
            let value = value.to_json();
            wrong.push(at.wrong(&format!("Unsupported value: {value}: supported values: {allowed}")));
        }
        if matches!(value, Value::Null) {
            return;
        }
        self.check_combined(value, at, wrong);
        match value {
            Value::String(text) => self.check_text(text, at, wrong),
            Value::Number(number) => self.check_number(number, at, wrong),
            Value::Array(array) => {
                let size = i64::try_from(array.items().len()).unwrap_or(i64::MAX);
                if let Some(items) = &self.items {
                    for (index, item) in array.items().iter().enumerate() {
                        let name = index.to_string();
                        items.below(item, at, &name, format!("{}[{index}]", at.path), wrong);
                    }
                }
                if let Some(least) = self.min_items.filter(|least| size < *least) {
                    wrong.push(at.invalid(&size.to_string(), &format!("should have at least {least} items")));
                }
                if let Some(most) = self.max_items.filter(|most| size > *most) {
                    wrong.push(at.wrong(&format!("Too many: {size}: must have at most {most} items")));
                }
            }
            Value::Object(object) => {
                let size = i64::try_from(object.entries().len()).unwrap_or(i64::MAX);
                self.check_fields(value, size, at, wrong);
            }
            _ => {}
        }
    }

    fn check_type(&self, value: &Value, at: At<'_>, wrong: &mut Vec<Wrong>) {
        let int_or_string = self.int_or_string.then_some("integer,string");
        let wanted = int_or_string.or_else(|| self.types.first().map(|name| &**name));
        let Some(wanted) = wanted else { return };
        let have = match value {
            Value::Null if self.nullable => return,
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) => {
                let whole = number.as_i64().is_some();
                let fits = |wanted: &str| wanted == "number" || wanted == "integer" && whole;
                if wanted.split(',').any(fits) {
                    return;
                }
                "number"
            }
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::Set(_) => "set",
        };
        if !wanted.split(',').any(|wanted| wanted == have) {
            wrong.push(at.invalid(&format!("{have:?}"), &format!("must be of type {wanted}: {have:?}")));
        }
        if have == "number" && wanted == "integer" {
            let words = format!("Checked value must be of type integer (default format) in {}", at.path);
            wrong.push(Wrong { path: at.parts.to_vec(), message: format!("[]: Invalid value: \"\": {words}") });
        }
    }

    fn check_combined(&self, value: &Value, at: At<'_>, wrong: &mut Vec<Wrong>) {
        let root = match at.path {
            "" => String::new(),
            path => format!("{path:?} "),
        };
        let of = |schema: &Schema| {
            let mut wrong = Vec::new();
            schema.check(value, at, &mut wrong);
            wrong
        };
        // Each alternative is judged once: judged again for its words, alternatives in one another would take 2^depth.
        let each = |schemas: &[Schema]| schemas.iter().map(of).collect::<Vec<_>>();
        let must = |what: &str| Wrong {
            path: at.parts.to_vec(),
            message: format!("[]: Invalid value: \"\": {root}must {what}"),
        };
        let any = each(&self.any_of);
        if !any.iter().any(Vec::is_empty)
            && let Some(first) = any.into_iter().next()
        {
            wrong.push(must("validate at least one schema (anyOf)"));
            wrong.extend(first);
        }
        let one = each(&self.one_of);
        let fit = one.iter().filter(|wrong| wrong.is_empty()).count();
        if let Some(first) = one.into_iter().next()
            && fit != 1
        {
            let words = "validate one and only one schema (oneOf).";
            match fit {
                0 => {
                    wrong.push(must(&format!("{words} Found none valid")));
                    wrong.extend(first);
                }
                count => wrong.push(must(&format!("{words} Found {count} valid alternatives"))),
            }
        }
        let all = each(&self.all_of);
        if !all.iter().all(Vec::is_empty) {
            wrong.push(must("validate all the schemas (allOf)"));
            wrong.extend(all.into_iter().flatten());
        }
        if self.not.as_deref().is_some_and(|not| of(not).is_empty()) {
            wrong.push(must("not validate the schema (not)"));
        }
    }

    fn check_text(&self, text: &str, at: At<'_>, wrong: &mut Vec<Wrong>) {
        let value = || Value::string(text).to_json();
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if let Some(most) = self.max_length.filter(|most| length > *most) {
            let bytes = if most == 1 { "byte" } else { "bytes" };
            wrong.push(at.wrong(&format!("Too long: may not be more than {most} {bytes}")));
        }
        if let Some(least) = self.min_length.filter(|least| length < *least) {
            wrong.push(at.invalid(&value(), &format!("should be at least {least} chars long")));
        }
        if let Some(pattern) = &self.pattern
            && pattern.regex.as_ref().is_ok_and(|regex| !regex.is_match(text))
        {
            wrong.push(at.invalid(&value(), &format!("should match '{}'", pattern.text)));
        }
    }

    fn check_number(&self, number: &Number, at: At<'_>, wrong: &mut Vec<Wrong>) {
        if let Some(factor) = &self.multiple_of {
            let quotient = number.as_f64() / factor.as_f64();
            if quotient.is_finite() && quotient.fract() != 0.0 {
                wrong.push(at.invalid(&number.to_string(), &format!("should be a multiple of {factor}")));
            }
        }
        if let Some(most) = &self.maximum {
            let (beyond, words) = match self.exclusive_maximum {
                true => (number >= most, "less than"),
                false => (number > most, "less than or equal to"),
            };
            if beyond {
                wrong.push(at.invalid(&number.to_string(), &format!("should be {words} {most}")));
            }
        }
        if let Some(least) = &self.minimum {
            let (beyond, words) = match self.exclusive_minimum {
                true => (number <= least, "greater than"),
                false => (number < least, "greater than or equal to"),
            };
            if beyond {
                wrong.push(at.invalid(&number.to_string(), &format!("should be {words} {least}")));
            }
        }
    }

    fn check_fields(&self, value: &Value, size: i64, at: At<'_>, wrong: &mut Vec<Wrong>) {
        if let Some(least) = self.min_properties.filter(|least| size < *least) {
            wrong.push(at.invalid(&size.to_string(), &format!("should have at least {least} properties")));
        }
        if let Some(most) = self.max_properties.filter(|most| size > *most) {
            wrong.push(at.wrong(&format!("Too many: {size}: must have at most {most} items")));
        }
        let name_of = |name: &str| if at.path.is_empty() { name.to_owned() } else { format!("{}.{name}", at.path) };
        for (name, inner) in json::entries(Some(value)) {
            match (self.properties.get(name), &self.additional) {
                (Some(property), _) => property.below(inner, at, name, name_of(name), wrong),
                (None, Additional::Fits(schema)) => schema.below(inner, at, name, name_of(name), wrong),
                (None, Additional::Plain(false)) => {
                    wrong.push(
                        at.wrong(&format!("Invalid value: \"\": {} in body is a forbidden property", name_of(name))),
                    );
                }
                _ => {}
            }
        }
        for name in &self.required {
            if json::field(value, name).is_none() {
                let mut path = at.parts.to_vec();
                path.push(name.clone());
                wrong.push(Wrong { path, message: format!("{}: Required value", shown(&name_of(name))) });
            }
        }
    }
}

/// Gatekeeper's own path begins at a name that is empty, which Kubernetes shows so.
fn shown(path: &str) -> String {
    match path {
        "" => "[]".into(),
        path => format!("[].{path}"),
    }
}

fn plain_or_json(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => format!("{:?}", other.to_json()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_in_one_another_are_each_judged_once() {
        let mut schema = Schema { types: vec!["string".into()], ..Schema::default() };
        for depth in 0..55 {
            let inner = vec![schema];
            schema = match depth % 3 {
                0 => Schema { any_of: inner, ..Schema::default() },
                1 => Schema { one_of: inner, ..Schema::default() },
                _ => Schema { all_of: inner, ..Schema::default() },
            };
        }
        assert!(schema.wrong(&Value::string("a")).is_empty());
        let wrong = schema.wrong(&Value::int(1));
        assert_eq!(wrong.len(), 56);
        assert!(wrong.iter().any(|wrong| wrong.message.contains("must be of type string")), "{wrong:?}");
    }

    #[test]
    fn patterns_are_gos() {
        let schema = |pattern: &str| {
            let value = Value::from_json(format!("{{\"pattern\": {pattern:?}}}").as_bytes()).unwrap();
            Schema::read(&value).unwrap()
        };
        for (pattern, text, fits) in [(r"^\d$", "7", true), (r"^\d$", "٧", false), (r"^\Qa.\E{,2}$", "a.{,2}", true)] {
            assert_eq!(schema(pattern).wrong(&Value::string(text)).is_empty(), fits, "{pattern} {text}");
        }
        let wrong = schema("(?=a)").pattern.unwrap().regex.unwrap_err();
        assert_eq!(wrong, "error parsing regexp: invalid or unsupported Perl syntax: `(?=`");
    }
}
