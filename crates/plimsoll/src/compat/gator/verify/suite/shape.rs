//! The fields of a suite, as Go reads JSON into gator's structs. In: a document. Out: the suite, or the first field of a wrong
//! type, in Go's words and with its path. As there, names count in whatever case, null is nothing, and what has another name is
//! passed over.

use std::path::PathBuf;

use plimsoll_gatekeeper::json;
use plimsoll_rego::value::Value;

use super::{Assertion, Case, Suite, Test, Violations};

/// A value of a wrong type.
#[derive(Debug)]
pub struct Wrong {
    pub message: String,
    /// Where it stands in the document, list items by their numbers.
    pub path: Vec<String>,
}

impl Wrong {
    fn below(mut self, part: impl ToString) -> Wrong {
        self.path.insert(0, part.to_string());
        self
    }
}

type Read<T> = Result<T, Wrong>;

/// A struct of gator's: its name, and the names of the fields that lead to it.
#[derive(Clone, Copy)]
struct Struct {
    name: &'static str,
    path: &'static str,
}

const SUITE: Struct = Struct { name: "Suite", path: "" };
const TEST: Struct = Struct { name: "Test", path: "tests." };
const CASE: Struct = Struct { name: "Case", path: "tests.cases." };
const ASSERTION: Struct = Struct { name: "Assertion", path: "tests.cases.assertions." };

/// A field, by its name in lower case.
struct Field<'n> {
    of: Struct,
    name: &'n str,
}

impl Field<'_> {
    fn wrong(&self, value: &Value, wanted: &str) -> Wrong {
        let have = match value {
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(number) if wanted == "int32" => format!("number {number}"),
            other => other.type_name().to_owned(),
        };
        let Field { of: Struct { name: of, path }, name } = self;
        let message = format!("json: cannot unmarshal {have} into Go struct field {of}.{path}{name} of type {wanted}");
        Wrong { message, path: Vec::new() }
    }

    fn text(&self, value: &Value) -> Read<String> {
        value.as_str().map(str::to_owned).ok_or_else(|| self.wrong(value, "string"))
    }

    fn flag(&self, value: &Value) -> Read<bool> {
        match value {
            Value::Bool(flag) => Ok(*flag),
            other => Err(self.wrong(other, "bool")),
        }
    }

    /// Each item of a list.
    fn list<T>(&self, value: &Value, wanted: &str, one: impl Fn(&Value) -> Read<T>) -> Read<Vec<T>> {
        let Value::Array(array) = value else { return Err(self.wrong(value, wanted)) };
        let items = array.items().iter().enumerate();
        items.map(|(at, item)| one(item).map_err(|wrong| wrong.below(at))).collect()
    }

    /// Calls with the fields of a struct that is an item of this field; null has none.
    fn each(&self, value: &Value, wanted: Struct, see: impl FnMut(&Field<'_>, &Value) -> Read<()>) -> Read<()> {
        match value {
            Value::Null => Ok(()),
            Value::Object(_) => fields(value, wanted, see),
            other => Err(self.wrong(other, &format!("verify.{}", wanted.name))),
        }
    }
}

fn fields(value: &Value, of: Struct, mut see: impl FnMut(&Field<'_>, &Value) -> Read<()>) -> Read<()> {
    for (name, value) in json::entries(Some(value)).filter(|(_, value)| !matches!(value, Value::Null)) {
        see(&Field { of, name: &name.to_lowercase() }, value).map_err(|wrong| wrong.below(name))?;
    }
    Ok(())
}

/// The suite of a document.
pub fn suite(value: &Value, name: &str, folder: PathBuf) -> Read<Suite> {
    let mut suite = Suite { name: name.to_owned(), folder, ..Suite::default() };
    fields(value, SUITE, |field, value| {
        match field.name {
            "tests" => suite.tests = field.list(value, "[]verify.Test", |item| test(field, item))?,
            "skip" => suite.skip = field.flag(value)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(suite)
}

fn test(of: &Field<'_>, value: &Value) -> Read<Test> {
    let mut test = Test::default();
    of.each(value, TEST, |field, value| {
        match field.name {
            "name" => test.name = field.text(value)?,
            "template" => test.template = field.text(value)?,
            "constraint" => test.constraint = field.text(value)?,
            "expansion" => test.expansion = field.text(value)?,
            "cases" => test.cases = field.list(value, "[]*verify.Case", |item| case(field, item))?,
            "invalid" => test.invalid = field.flag(value)?,
            "skip" => test.skip = field.flag(value)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(test)
}

fn case(of: &Field<'_>, value: &Value) -> Read<Case> {
    if matches!(value, Value::Null) {
        // The real one ends with a panic.
        return Err(Wrong { message: "a case is null".into(), path: Vec::new() });
    }
    let mut case = Case::default();
    of.each(value, CASE, |field, value| {
        match field.name {
            "name" => case.name = field.text(value)?,
            "object" => case.object = field.text(value)?,
            "inventory" => {
                case.inventory = field.list(value, "[]string", |item| match item {
                    Value::Null => Ok(String::new()),
                    item => field.text(item),
                })?;
            }
            "assertions" => {
                case.assertions = field.list(value, "[]verify.Assertion", |item| assertion(field, item))?;
            }
            "skip" => case.skip = field.flag(value)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(case)
}

fn assertion(of: &Field<'_>, value: &Value) -> Read<Assertion> {
    let mut assertion = Assertion { violations: Violations::Word("yes".into()), message: None };
    of.each(value, ASSERTION, |field, value| {
        match field.name {
            "violations" => {
                assertion.violations = match value {
                    Value::String(word) => Violations::Word(word.to_string()),
                    other => {
                        let count = if let Value::Number(number) = other { number.as_i64() } else { None };
                        let count = count.filter(|count| i32::try_from(*count).is_ok());
                        Violations::Count(count.ok_or_else(|| field.wrong(other, "int32"))?)
                    }
                };
            }
            "message" => assertion.message = Some(field.text(value)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(assertion)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Read<Suite> {
        suite(&Value::from_json(json.as_bytes()).unwrap(), "s", PathBuf::new())
    }

    #[test]
    fn wrong_types_are_said_in_gos_words_with_their_place() {
        let case = |field: &str| format!(r#"{{"tests": [{{"cases": [{{}}, {{{field}}}]}}]}}"#);
        for (json, field, path) in [
            (r#"{"tests": "a"}"#.into(), "string into Go struct field Suite.tests of type []verify.Test", "tests"),
            (r#"{"tests": {"a": 1}}"#.into(), "object into Go struct field Suite.tests of type []verify.Test", "tests"),
            (r#"{"tests": ["a"]}"#.into(), "string into Go struct field Suite.tests of type verify.Test", "tests 0"),
            (r#"{"skip": "yes"}"#.into(), "string into Go struct field Suite.skip of type bool", "skip"),
            (
                r#"{"tests": [{"name": 1}]}"#.into(),
                "number into Go struct field Test.tests.name of type string",
                "tests 0 name",
            ),
            (
                r#"{"tests": [{"invalid": 1}]}"#.into(),
                "number into Go struct field Test.tests.invalid of type bool",
                "tests 0 invalid",
            ),
            (
                r#"{"tests": [{"cases": {}}]}"#.into(),
                "object into Go struct field Test.tests.cases of type []*verify.Case",
                "tests 0 cases",
            ),
            (
                r#"{"tests": [{"cases": [1]}]}"#.into(),
                "number into Go struct field Test.tests.cases of type verify.Case",
                "tests 0 cases 0",
            ),
            (
                case(r#""skip": "no""#),
                "string into Go struct field Case.tests.cases.skip of type bool",
                "tests 0 cases 1 skip",
            ),
            (
                case(r#""inventory": "a""#),
                "string into Go struct field Case.tests.cases.inventory of type []string",
                "tests 0 cases 1 inventory",
            ),
            (
                case(r#""inventory": ["a", 1]"#),
                "number into Go struct field Case.tests.cases.inventory of type string",
                "tests 0 cases 1 inventory 1",
            ),
            (
                case(r#""assertions": {}"#),
                "object into Go struct field Case.tests.cases.assertions of type []verify.Assertion",
                "tests 0 cases 1 assertions",
            ),
            (
                case(r#""assertions": ["a"]"#),
                "string into Go struct field Case.tests.cases.assertions of type verify.Assertion",
                "tests 0 cases 1 assertions 0",
            ),
            (
                case(r#""assertions": [{"message": 1}]"#),
                "number into Go struct field Assertion.tests.cases.assertions.message of type string",
                "tests 0 cases 1 assertions 0 message",
            ),
            (
                case(r#""assertions": [{"violations": true}]"#),
                "bool into Go struct field Assertion.tests.cases.assertions.violations of type int32",
                "tests 0 cases 1 assertions 0 violations",
            ),
            (
                case(r#""assertions": [{"violations": 1.5}]"#),
                "number 1.5 into Go struct field Assertion.tests.cases.assertions.violations of type int32",
                "tests 0 cases 1 assertions 0 violations",
            ),
            (
                case(r#""assertions": [{"violations": 99999999999}]"#),
                "number 99999999999 into Go struct field Assertion.tests.cases.assertions.violations of type int32",
                "tests 0 cases 1 assertions 0 violations",
            ),
        ] {
            let wrong = read(&json).err().unwrap();
            assert_eq!(wrong.message, format!("json: cannot unmarshal {field}"));
            assert_eq!(wrong.path.join(" "), path, "{json}");
        }
        assert!(read(r#"{"tests": [{"cases": [null]}]}"#).is_err());
    }

    #[test]
    fn names_count_in_any_case_and_null_is_nothing() {
        let suite = read(r#"{"Tests": [null, {"CASES": [{"Assertions": [{"violations": null}, {"Violations": 2}]}], "skip": null}], "x": 1}"#).unwrap();
        let [_, test] = suite.tests.as_slice() else { panic!("two tests") };
        let yes = Assertion { violations: Violations::Word("yes".into()), message: None };
        let two = Assertion { violations: Violations::Count(2), message: None };
        assert_eq!(test.cases[0].assertions, [yes, two]);
    }
}
