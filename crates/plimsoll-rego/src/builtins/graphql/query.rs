//! Whether a query fits a schema: the rules of GraphQL's specification for documents that are executed.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::{Definition, Schema, compatible, fault, flag, inner, list, named, part, text, twice};
use crate::budget::Exhausted;
use crate::builtins::{Context, Failure};
use crate::value::Value;

type Result<T> = std::result::Result<T, Failure>;

/// Selections and fragments in one another: each takes room on the stack.
const MAX_NESTING: usize = 300;

/// gqlparser's numbers of kinds of values.
const VARIABLE: i64 = 0;
const NULL: i64 = 6;
const LIST: i64 = 8;
const OBJECT: i64 = 9;

pub(super) fn check(context: &mut Context<'_>, schema: &Schema, document: &Value) -> Result<()> {
    let (operations, fragments) = (list(document, "Operations"), list(document, "Fragments"));
    let names = || operations.iter().map(|operation| text(operation, "Name"));
    if operations.len() > 1 && names().any(str::is_empty) {
        return fault("This anonymous operation must be the only defined operation.");
    }
    if let Some(name) = twice(names().filter(|name| !name.is_empty())) {
        return fault(format!("There can be only one operation named \"{name}\"."));
    }
    if let Some(name) = twice(fragments.iter().map(|fragment| text(fragment, "Name"))) {
        return fault(format!("There can be only one fragment named \"{name}\"."));
    }
    let by_name = fragments.iter().map(|fragment| (text(fragment, "Name"), fragment)).collect();
    let mut judge = Judge { context, schema, fragments: by_name, used: BTreeSet::new() };
    judge.no_cycles(fragments)?;
    for fragment in fragments {
        let condition = text(fragment, "TypeCondition");
        judge.condition(condition)?;
        judge.directives(list(fragment, "Directives"), "FRAGMENT_DEFINITION", None)?;
        judge.selections(list(fragment, "SelectionSet"), condition, None, 0)?;
    }
    for operation in operations {
        judge.operation(operation)?;
    }
    match fragments.iter().find(|fragment| !judge.used.contains(text(fragment, "Name"))) {
        Some(fragment) => fault(format!("Fragment \"{}\" is never used.", text(fragment, "Name"))),
        None => Ok(()),
    }
}

/// Variables of an operation, and which of them it uses.
struct Variables<'a> {
    definitions: BTreeMap<&'a str, &'a Value>,
    used: BTreeSet<&'a str>,
}

struct Judge<'a, 'c, 'w> {
    context: &'c mut Context<'w>,
    schema: &'a Schema,
    fragments: BTreeMap<&'a str, &'a Value>,
    used: BTreeSet<&'a str>,
}

fn kind(value: &Value) -> i64 {
    match part(value, "Kind") {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(-1),
        _ => -1,
    }
}

fn is_spread(selection: &Value) -> bool {
    part(selection, "Alias").is_none() && !text(selection, "Name").is_empty()
}

fn is_inline(selection: &Value) -> bool {
    part(selection, "Alias").is_none() && text(selection, "Name").is_empty()
}

impl<'a> Judge<'a, '_, '_> {
    /// Fragments that spread themselves, by way of others too: taken away from the ends, none is left.
    fn no_cycles(&mut self, fragments: &'a [Value]) -> Result<()> {
        let mut left: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for fragment in fragments {
            let mut spreads = Vec::new();
            self.spreads(list(fragment, "SelectionSet"), &mut spreads, 0)?;
            left.insert(text(fragment, "Name"), spreads);
        }
        loop {
            self.context.meter.steps(left.values().map(|spreads| spreads.len() as u64 + 1).sum())?;
            let free: Vec<&str> = left
                .iter()
                .filter(|(_, spreads)| !spreads.iter().any(|spread| left.contains_key(spread)))
                .map(|(name, _)| *name)
                .collect();
            if free.is_empty() {
                break;
            }
            for name in free {
                left.remove(name);
            }
        }
        match left.keys().next() {
            Some(name) => fault(format!("Cannot spread fragment \"{name}\" within itself.")),
            None => Ok(()),
        }
    }

    fn spreads(&mut self, selections: &'a [Value], out: &mut Vec<&'a str>, depth: usize) -> Result<()> {
        if depth > MAX_NESTING {
            return Err(Exhausted::Depth.into());
        }
        for selection in selections {
            self.context.meter.steps(1)?;
            if is_spread(selection) {
                out.push(text(selection, "Name"));
            }
            self.spreads(list(selection, "SelectionSet"), out, depth + 1)?;
        }
        Ok(())
    }

    fn condition(&self, name: &str) -> Result<&'a Definition> {
        match self.schema.types.get(name) {
            None => fault(format!("Unknown type \"{name}\".")),
            Some(definition) if !definition.is_composite() => {
                fault(format!("Fragment cannot condition on non composite type \"{name}\"."))
            }
            Some(definition) => Ok(definition),
        }
    }

    fn operation(&mut self, operation: &'a Value) -> Result<()> {
        let (operation_kind, name) = (text(operation, "Operation"), text(operation, "Name"));
        let Some(root) = self.schema.roots.get(operation_kind) else {
            return fault(format!("Schema does not support operation type \"{operation_kind}\""));
        };
        let definitions = list(operation, "VariableDefinitions");
        if let Some(again) = twice(definitions.iter().map(|definition| text(definition, "Variable"))) {
            return fault(format!("There can be only one variable named \"${again}\"."));
        }
        for definition in definitions {
            let of = part(definition, "Type");
            let type_name = of.map(inner).unwrap_or_default();
            match self.schema.types.get(type_name) {
                None => return fault(format!("Unknown type \"{type_name}\".")),
                Some(definition) if !definition.is_input() => {
                    return fault(format!("Variable cannot be non-input type \"{type_name}\"."));
                }
                Some(_) => {}
            }
            if let (Some(of), Some(default)) = (of, part(definition, "DefaultValue")) {
                self.value(default, of, None, false, 0)?;
            }
            self.directives(list(definition, "Directives"), "VARIABLE_DEFINITION", None)?;
        }
        let mut variables = Variables {
            definitions: definitions.iter().map(|definition| (text(definition, "Variable"), definition)).collect(),
            used: BTreeSet::new(),
        };
        self.directives(list(operation, "Directives"), &operation_kind.to_uppercase(), Some(&mut variables))?;
        let selections = list(operation, "SelectionSet");
        if operation_kind == "subscription" && selections.len() > 1 {
            return fault(format!("Subscription \"{name}\" must select only one top level field."));
        }
        self.selections(selections, root, Some(&mut variables), 0)?;
        match variables.definitions.keys().find(|variable| !variables.used.contains(*variable)) {
            Some(variable) => fault(format!("Variable \"${variable}\" is never used in operation \"{name}\".")),
            None => Ok(()),
        }
    }

    /// Judges selections on a type, spreading fragments where variables are known.
    fn selections(
        &mut self,
        selections: &'a [Value],
        on: &'a str,
        mut variables: Option<&mut Variables<'a>>,
        depth: usize,
    ) -> Result<()> {
        if depth > MAX_NESTING {
            return Err(Exhausted::Depth.into());
        }
        for selection in selections {
            self.context.meter.steps(4)?;
            let directives = list(selection, "Directives");
            if is_spread(selection) {
                let name = text(selection, "Name");
                let Some(fragment) = self.fragments.get(name).copied() else {
                    return fault(format!("Unknown fragment \"{name}\"."));
                };
                self.used.insert(name);
                self.directives(directives, "FRAGMENT_SPREAD", variables.as_deref_mut())?;
                let condition = text(fragment, "TypeCondition");
                self.may_be(on, condition)?;
                if variables.is_some() {
                    let inside = list(fragment, "SelectionSet");
                    self.selections(inside, condition, variables.as_deref_mut(), depth + 1)?;
                }
            } else if is_inline(selection) {
                self.directives(directives, "INLINE_FRAGMENT", variables.as_deref_mut())?;
                let condition = text(selection, "TypeCondition");
                let inner = if condition.is_empty() { on } else { condition };
                if !condition.is_empty() {
                    self.condition(condition)?;
                    self.may_be(on, condition)?;
                }
                self.selections(list(selection, "SelectionSet"), inner, variables.as_deref_mut(), depth + 1)?;
            } else {
                self.field(selection, on, variables.as_deref_mut(), depth)?;
            }
        }
        self.no_conflicts(selections, depth)
    }

    fn may_be(&mut self, on: &str, condition: &str) -> Result<()> {
        let none = Vec::new();
        let of = |name: &str| self.schema.possible.get(name).unwrap_or(&none);
        let (a, b) = (of(on), of(condition));
        self.context.meter.steps((a.len() * b.len()) as u64 / 8 + 1)?;
        if !self.schema.types.contains_key(on) || a.iter().any(|name| b.contains(name)) {
            return Ok(());
        }
        fault(format!(
            "Fragment cannot be spread here as objects of type \"{on}\" can never be of type \"{condition}\"."
        ))
    }

    fn field(
        &mut self,
        field: &'a Value,
        on: &'a str,
        mut variables: Option<&mut Variables<'a>>,
        depth: usize,
    ) -> Result<()> {
        let name = text(field, "Name");
        let Some(parent) = self.schema.types.get(on) else { return Ok(()) };
        self.directives(list(field, "Directives"), "FIELD", variables.as_deref_mut())?;
        if name == "__typename" {
            return Ok(());
        }
        self.context.meter.steps(parent.fields.len() as u64 / 4 + 1)?;
        let Some(definition) = named(&parent.fields, name) else {
            return fault(format!("Cannot query field \"{name}\" on type \"{on}\"."));
        };
        let what = format!("Field \"{name}\"");
        self.arguments(list(field, "Arguments"), list(definition, "Arguments"), &what, variables.as_deref_mut())?;
        let of = part(definition, "Type").map(inner).unwrap_or_default();
        let selections = list(field, "SelectionSet");
        let leaf = self.schema.types.get(of).is_some_and(Definition::is_leaf);
        if leaf && !selections.is_empty() {
            return fault(format!("{what} must not have a selection since type \"{of}\" has no subfields."));
        }
        if !leaf && selections.is_empty() {
            return fault(format!("{what} of type \"{of}\" must have a selection of subfields."));
        }
        self.selections(selections, of, variables, depth + 1)
    }

    fn arguments(
        &mut self,
        given: &'a [Value],
        wanted: &'a [Value],
        what: &str,
        mut variables: Option<&mut Variables<'a>>,
    ) -> Result<()> {
        self.context.meter.steps((given.len() * wanted.len()) as u64 + given.len() as u64)?;
        if let Some(again) = twice(given.iter().map(|argument| text(argument, "Name"))) {
            return fault(format!("There can be only one argument named \"{again}\"."));
        }
        for argument in given {
            let name = text(argument, "Name");
            let Some(definition) = named(wanted, name) else {
                return fault(format!("Unknown argument \"{name}\" on {what}."));
            };
            if let (Some(value), Some(of)) = (part(argument, "Value"), part(definition, "Type")) {
                let default = part(definition, "DefaultValue").is_some();
                self.value(value, of, variables.as_deref_mut(), default, 0)?;
            }
        }
        for definition in wanted {
            let demanded = part(definition, "Type").is_some_and(|of| flag(of, "NonNull"))
                && part(definition, "DefaultValue").is_none();
            let name = text(definition, "Name");
            if demanded && named(given, name).is_none() {
                return fault(format!("{what} argument \"{name}\" is required, but it was not provided."));
            }
        }
        Ok(())
    }

    fn directives(
        &mut self,
        directives: &'a [Value],
        place: &str,
        mut variables: Option<&mut Variables<'a>>,
    ) -> Result<()> {
        let mut seen = BTreeSet::new();
        for directive in directives {
            let name = text(directive, "Name");
            let Some(definition) = self.schema.directives.get(name) else {
                return fault(format!("Unknown directive \"@{name}\"."));
            };
            if !list(definition, "Locations").iter().any(|location| location.as_str() == Some(place)) {
                return fault(format!("Directive \"@{name}\" may not be used on {place}."));
            }
            if !seen.insert(name) && !flag(definition, "IsRepeatable") {
                return fault(format!("The directive \"@{name}\" can only be used once at this location."));
            }
            let what = format!("directive \"@{name}\"");
            let (given, wanted) = (list(directive, "Arguments"), list(definition, "Arguments"));
            self.arguments(given, wanted, &what, variables.as_deref_mut())?;
        }
        Ok(())
    }

    /// Whether a value is of a type; `default` says that null gives way to a default there.
    fn value(
        &mut self,
        value: &'a Value,
        of: &'a Value,
        mut variables: Option<&mut Variables<'a>>,
        default: bool,
        depth: usize,
    ) -> Result<()> {
        self.context.meter.steps(2)?;
        if depth > MAX_NESTING {
            return Err(Exhausted::Depth.into());
        }
        let raw = text(value, "Raw");
        let wrong = || fault(format!("Expected value of type \"{}\", found {raw}.", inner(of)));
        match kind(value) {
            VARIABLE => {
                let Some(variables) = variables else { return Ok(()) };
                let Some(definition) = variables.definitions.get(raw).copied() else {
                    return fault(format!("Variable \"${raw}\" is not defined."));
                };
                variables.used.insert(raw);
                let Some(have) = part(definition, "Type") else { return Ok(()) };
                let has_default =
                    part(definition, "DefaultValue").is_some_and(|default| kind(default) != NULL) || default;
                if fits(have, of, has_default) {
                    return Ok(());
                }
                return fault(format!("Variable \"${raw}\" of its type used in position expecting another type."));
            }
            NULL => {
                return if flag(of, "NonNull") { wrong() } else { Ok(()) };
            }
            _ => {}
        }
        let named_type = text(of, "NamedType");
        if named_type.is_empty() {
            let Some(element) = part(of, "Elem") else { return wrong() };
            if kind(value) != LIST {
                // One value stands for a list of it.
                return self.value(value, element, variables, false, depth + 1);
            }
            for child in list(value, "Children") {
                if let Some(child) = part(child, "Value") {
                    self.value(child, element, variables.as_deref_mut(), false, depth + 1)?;
                }
            }
            return Ok(());
        }
        let Some(definition) = self.schema.types.get(named_type) else { return Ok(()) };
        let value_kind = kind(value);
        match &*definition.kind {
            "SCALAR" => {
                let fits = match named_type {
                    "Int" => value_kind == 1,
                    "Float" => matches!(value_kind, 1 | 2),
                    "String" => matches!(value_kind, 3 | 4),
                    "Boolean" => value_kind == 5,
                    "ID" => matches!(value_kind, 1 | 3 | 4),
                    _ => return self.free(value, variables, depth),
                };
                if fits { Ok(()) } else { wrong() }
            }
            "ENUM" if value_kind == 7 && named(&definition.values, raw).is_some() => Ok(()),
            "INPUT_OBJECT" if value_kind == OBJECT => {
                let children = list(value, "Children");
                self.context.meter.steps((children.len() * definition.fields.len()) as u64)?;
                if let Some(again) = twice(children.iter().map(|child| text(child, "Name"))) {
                    return fault(format!("There can be only one input field named \"{again}\"."));
                }
                for field in &definition.fields {
                    let demanded = part(field, "Type").is_some_and(|of| flag(of, "NonNull"))
                        && part(field, "DefaultValue").is_none();
                    if demanded && named(children, text(field, "Name")).is_none() {
                        let name = text(field, "Name");
                        return fault(format!("Field \"{named_type}.{name}\" is required, but it was not provided."));
                    }
                }
                for child in children {
                    let name = text(child, "Name");
                    let Some(field) = named(&definition.fields, name) else {
                        return fault(format!("Field \"{name}\" is not defined by type \"{named_type}\"."));
                    };
                    if let (Some(value), Some(of)) = (part(child, "Value"), part(field, "Type")) {
                        let default = part(field, "DefaultValue").is_some();
                        self.value(value, of, variables.as_deref_mut(), default, depth + 1)?;
                    }
                }
                Ok(())
            }
            _ => wrong(),
        }
    }

    /// A value of a scalar that the schema made up: anything, but its variables count.
    fn free(&mut self, value: &'a Value, variables: Option<&mut Variables<'a>>, depth: usize) -> Result<()> {
        let Some(variables) = variables else { return Ok(()) };
        if depth > MAX_NESTING {
            return Err(Exhausted::Depth.into());
        }
        for child in list(value, "Children").iter().filter_map(|child| part(child, "Value")) {
            self.context.meter.steps(1)?;
            if kind(child) == VARIABLE {
                let raw = text(child, "Raw");
                if !variables.definitions.contains_key(raw) {
                    return fault(format!("Variable \"${raw}\" is not defined."));
                }
                variables.used.insert(raw);
            }
            self.free(child, Some(variables), depth + 1)?;
        }
        Ok(())
    }

    /// Fields of one name in one selection ask for the same.
    fn no_conflicts(&mut self, selections: &'a [Value], depth: usize) -> Result<()> {
        let mut fields: BTreeMap<&str, &Value> = BTreeMap::new();
        let mut again = Vec::new();
        for field in selections.iter().filter(|selection| part(selection, "Alias").is_some()) {
            self.context.meter.steps(2)?;
            let alias = text(field, "Alias");
            let Some(first) = fields.insert(alias, field) else { continue };
            if text(first, "Name") != text(field, "Name") {
                return fault(format!("Fields \"{alias}\" conflict because they are different fields."));
            }
            if arguments_of(first) != arguments_of(field) {
                return fault(format!("Fields \"{alias}\" conflict because they have differing arguments."));
            }
            again.push((first, field));
        }
        for (first, second) in again {
            if depth > MAX_NESTING {
                return Err(Exhausted::Depth.into());
            }
            let both: Vec<&Value> = list(first, "SelectionSet").iter().chain(list(second, "SelectionSet")).collect();
            self.context.meter.steps(both.len() as u64)?;
            let mut names: BTreeMap<&str, &Value> = BTreeMap::new();
            for field in both.into_iter().filter(|selection| part(selection, "Alias").is_some()) {
                if let Some(have) = names.insert(text(field, "Alias"), field)
                    && (text(have, "Name") != text(field, "Name") || arguments_of(have) != arguments_of(field))
                {
                    return fault(format!("Fields \"{}\" conflict.", text(field, "Alias")));
                }
            }
        }
        Ok(())
    }
}

/// Arguments by their names, without comments.
fn arguments_of(field: &Value) -> BTreeMap<&str, Option<&Value>> {
    list(field, "Arguments").iter().map(|argument| (text(argument, "Name"), part(argument, "Value"))).collect()
}

/// Whether a variable of a type may stand where another is wanted.
fn fits(have: &Value, wanted: &Value, has_default: bool) -> bool {
    if flag(wanted, "NonNull") && !flag(have, "NonNull") && has_default {
        // A default takes the place of null: but for that the types must go together.
        return match (part(wanted, "Elem"), part(have, "Elem")) {
            (Some(wanted), Some(have)) => compatible(Some(have), Some(wanted)),
            _ => text(wanted, "NamedType") == text(have, "NamedType"),
        };
    }
    compatible(Some(have), Some(wanted))
}
