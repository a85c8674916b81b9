//! Whether a schema is one: types and directives by their names, extensions merged in.

use std::collections::BTreeMap;

use super::parser;
use crate::builtins::{Context, Failure};
use crate::value::Value;

type Result<T> = std::result::Result<T, Failure>;

/// What every schema has without saying so.
const PRELUDE: &str = "
scalar Int scalar Float scalar String scalar Boolean scalar ID
directive @defer(if: Boolean = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @include(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @skip(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @deprecated(reason: String = \"No longer supported\")
  on FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE
directive @specifiedBy(url: String!) on SCALAR
directive @oneOf on INPUT_OBJECT
type __Schema { description: String types: [__Type!]! queryType: __Type! mutationType: __Type subscriptionType: __Type
  directives: [__Directive!]! }
type __Type { kind: __TypeKind! name: String description: String specifiedByURL: String
  fields(includeDeprecated: Boolean = false): [__Field!] interfaces: [__Type!] possibleTypes: [__Type!]
  enumValues(includeDeprecated: Boolean = false): [__EnumValue!]
  inputFields(includeDeprecated: Boolean = false): [__InputValue!] ofType: __Type isOneOf: Boolean }
enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL }
type __Field { name: String! description: String args(includeDeprecated: Boolean = false): [__InputValue!]!
  type: __Type! isDeprecated: Boolean! deprecationReason: String }
type __InputValue { name: String! description: String type: __Type! defaultValue: String isDeprecated: Boolean!
  deprecationReason: String }
type __EnumValue { name: String! description: String isDeprecated: Boolean! deprecationReason: String }
type __Directive { name: String! description: String locations: [__DirectiveLocation!]!
  args(includeDeprecated: Boolean = false): [__InputValue!]! isRepeatable: Boolean! }
enum __DirectiveLocation { QUERY MUTATION SUBSCRIPTION FIELD FRAGMENT_DEFINITION FRAGMENT_SPREAD INLINE_FRAGMENT
  VARIABLE_DEFINITION SCHEMA SCALAR OBJECT FIELD_DEFINITION ARGUMENT_DEFINITION INTERFACE UNION ENUM ENUM_VALUE
  INPUT_OBJECT INPUT_FIELD_DEFINITION }
";

const INTROSPECTION: &str = "type X { __schema: __Schema! __type(name: String!): __Type }";

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    match value {
        Value::Object(object) => object.get_str(name).and_then(Value::as_str).unwrap_or_default(),
        _ => "",
    }
}

pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    match value {
        Value::Object(object) => match object.get_str(name) {
            Some(Value::Array(array)) => array.items(),
            _ => &[],
        },
        _ => &[],
    }
}

pub(super) fn part<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(object) => object.get_str(name),
        _ => None,
    }
}

pub(super) fn flag(value: &Value, name: &str) -> bool {
    matches!(part(value, name), Some(Value::Bool(true)))
}

/// The type within all lists. Types are as deep as values are at most.
pub(super) fn inner(reference: &Value) -> &str {
    let mut reference = reference;
    while text(reference, "NamedType").is_empty() {
        match part(reference, "Elem") {
            Some(element) => reference = element,
            None => return "",
        }
    }
    text(reference, "NamedType")
}

pub(super) fn named<'a>(items: &'a [Value], name: &str) -> Option<&'a Value> {
    items.iter().find(|item| text(item, "Name") == name)
}

/// The first name that is there twice.
pub(super) fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

pub(super) fn fault<T>(message: impl Into<String>) -> Result<T> {
    Err(Failure::builtin(message))
}

#[derive(Debug, Clone, Default)]
pub(super) struct Definition {
    pub kind: String,
    pub fields: Vec<Value>,
    pub interfaces: Vec<String>,
    pub types: Vec<String>,
    pub values: Vec<Value>,
    pub directives: Vec<Value>,
    pub built_in: bool,
}

impl Definition {
    pub(super) fn is_leaf(&self) -> bool {
        matches!(&*self.kind, "SCALAR" | "ENUM")
    }

    pub(super) fn is_composite(&self) -> bool {
        matches!(&*self.kind, "OBJECT" | "INTERFACE" | "UNION")
    }

    pub(super) fn is_input(&self) -> bool {
        matches!(&*self.kind, "SCALAR" | "ENUM" | "INPUT_OBJECT")
    }

    fn extend(&mut self, extension: &Value) {
        let texts = |name: &str| list(extension, name).iter().filter_map(Value::as_str).map(str::to_owned);
        self.interfaces.extend(texts("Interfaces"));
        self.types.extend(texts("Types"));
        self.fields.extend(list(extension, "Fields").iter().cloned());
        self.values.extend(list(extension, "EnumValues").iter().cloned());
        self.directives.extend(list(extension, "Directives").iter().cloned());
    }
}

#[derive(Debug, Default)]
pub(super) struct Schema {
    pub types: BTreeMap<String, Definition>,
    pub directives: BTreeMap<String, Value>,
    /// `query`, `mutation`, `subscription`.
    pub roots: BTreeMap<String, String>,
    /// Objects that a type may be.
    pub possible: BTreeMap<String, Vec<String>>,
}

impl Schema {
    pub(super) fn of(context: &mut Context<'_>, document: &Value) -> Result<Schema> {
        let prelude = parser::schema(context, PRELUDE)?;
        let mut schema = Schema::default();
        for (document, built_in) in [(&prelude, true), (document, false)] {
            for definition in list(document, "Definitions") {
                context.meter.steps(8)?;
                context.meter.memory(512)?;
                let name = text(definition, "Name").to_owned();
                let mut made =
                    Definition { kind: text(definition, "Kind").to_owned(), built_in, ..Definition::default() };
                made.extend(definition);
                if schema.types.insert(name.clone(), made).is_some() {
                    return fault(format!("Cannot redeclare type {name}."));
                }
            }
            for directive in list(document, "Directives") {
                let name = text(directive, "Name").to_owned();
                let known = matches!(&*name, "defer" | "include" | "skip" | "deprecated" | "specifiedBy" | "oneOf");
                if schema.directives.insert(name.clone(), directive.clone()).is_some() && !known {
                    return fault(format!("Cannot redeclare directive {name}."));
                }
            }
        }
        for extension in list(document, "Extensions") {
            let (name, kind) = (text(extension, "Name"), text(extension, "Kind"));
            let base = schema
                .types
                .entry(name.to_owned())
                .or_insert_with(|| Definition { kind: kind.to_owned(), ..Definition::default() });
            if base.kind != kind {
                return fault(format!(
                    "Cannot extend type {name} because the base type is a {}, not {kind}.",
                    base.kind
                ));
            }
            base.extend(extension);
        }
        schema.find_possible();
        schema.find_roots(document)?;
        for (name, definition) in &schema.types {
            schema.check_definition(context, name, definition)?;
        }
        schema.check_circles(context)?;
        for (name, directive) in &schema.directives {
            reserved(name)?;
            schema.check_arguments(context, list(directive, "Arguments"), Some(name))?;
        }
        if list(document, "Schema").is_empty() {
            for (root, name) in [("query", "Query"), ("mutation", "Mutation"), ("subscription", "Subscription")] {
                if schema.types.contains_key(name) {
                    schema.roots.entry(root.to_owned()).or_insert_with(|| name.to_owned());
                }
            }
        }
        for (root, name) in &schema.roots {
            if schema.types.get(name).is_some_and(|definition| definition.kind != "OBJECT") {
                return fault(format!("{root} root type must be Object type, it cannot be {name}."));
            }
        }
        let introspection = parser::schema(context, INTROSPECTION)?;
        if let Some(query) = schema.roots.get("query").and_then(|name| schema.types.get_mut(name)) {
            let extra = list(&introspection, "Definitions").iter().flat_map(|definition| list(definition, "Fields"));
            query.fields.extend(extra.cloned());
        }
        Ok(schema)
    }

    fn find_possible(&mut self) {
        let mut possible: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, definition) in &self.types {
            match &*definition.kind {
                "UNION" => possible.entry(name.clone()).or_default().extend(definition.types.iter().cloned()),
                "OBJECT" | "INPUT_OBJECT" => {
                    possible.entry(name.clone()).or_default().push(name.clone());
                    for interface in &definition.interfaces {
                        possible.entry(interface.clone()).or_default().push(name.clone());
                    }
                }
                "INTERFACE" => {
                    for interface in &definition.interfaces {
                        possible.entry(interface.clone()).or_default().push(name.clone());
                    }
                }
                _ => {}
            }
        }
        self.possible = possible;
    }

    fn find_roots(&mut self, document: &Value) -> Result<()> {
        let schemas = list(document, "Schema");
        if schemas.len() > 1 {
            return fault("Cannot have multiple schema entry points, consider schema extensions instead.");
        }
        for part in schemas.iter().chain(list(document, "SchemaExtension")) {
            for entry in list(part, "OperationTypes") {
                let (operation, name) = (text(entry, "Operation"), text(entry, "Type"));
                if self.roots.contains_key(operation) {
                    return fault(format!("There can be only one {operation} type in schema."));
                }
                if !self.types.contains_key(name) {
                    return fault(format!("Schema root {operation} refers to a type {name} that does not exist."));
                }
                self.roots.insert(operation.to_owned(), name.to_owned());
            }
            self.check_directives(list(part, "Directives"), "SCHEMA", None, true)?;
        }
        Ok(())
    }

    fn check_type(&self, reference: Option<&Value>) -> Result<&Definition> {
        let name = reference.map(inner).unwrap_or_default();
        match self.types.get(name) {
            Some(definition) => Ok(definition),
            None => fault(format!("Undefined type {name}.")),
        }
    }

    fn check_definition(&self, context: &mut Context<'_>, name: &str, definition: &Definition) -> Result<()> {
        let size = definition.fields.len() + definition.types.len() + definition.values.len();
        context.meter.steps(size as u64 * 16 + 8)?;
        for field in &definition.fields {
            reserved(text(field, "Name"))?;
            let of = self.check_type(part(field, "Type"))?;
            let fits = if definition.kind == "INPUT_OBJECT" { of.is_input() } else { of.kind != "INPUT_OBJECT" };
            if !fits {
                return fault(format!("{} {name}: field must be of another kind.", definition.kind));
            }
            self.check_arguments(context, list(field, "Arguments"), None)?;
            let place = if definition.kind == "INPUT_OBJECT" { "INPUT_FIELD_DEFINITION" } else { "FIELD_DEFINITION" };
            self.check_directives(list(field, "Directives"), place, None, true)?;
        }
        for member in &definition.types {
            match self.types.get(member) {
                None => return fault(format!("Undefined type \"{member}\".")),
                Some(of) if of.kind != "OBJECT" => {
                    return fault(format!("{} type \"{member}\" must be OBJECT.", definition.kind));
                }
                Some(_) => {}
            }
        }
        if let Some(again) = twice(definition.interfaces.iter().map(String::as_str)) {
            return fault(format!("Type {name} can only implement {again} once."));
        }
        for interface in &definition.interfaces {
            self.check_implements(context, name, definition, interface)?;
        }
        let empty = match &*definition.kind {
            "OBJECT" | "INTERFACE" | "INPUT_OBJECT" => definition.fields.is_empty(),
            "ENUM" => definition.values.is_empty(),
            "UNION" => definition.types.is_empty(),
            _ => false,
        };
        if empty {
            return fault(format!("{} {name}: must define one or more members.", definition.kind));
        }
        for value in &definition.values {
            let value_name = text(value, "Name");
            reserved(value_name)?;
            if matches!(value_name, "true" | "false" | "null") {
                return fault(format!("ENUM {name}: non-enum value {value_name}."));
            }
            self.check_directives(list(value, "Directives"), "ENUM_VALUE", None, true)?;
        }
        if let Some(again) = twice(definition.fields.iter().map(|field| text(field, "Name"))) {
            return fault(format!("Field {name}.{again} can only be defined once."));
        }
        if let Some(again) = twice(definition.values.iter().map(|value| text(value, "Name"))) {
            return fault(format!("Enum value {name}.{again} can only be defined once."));
        }
        if let Some(again) = twice(definition.types.iter().map(String::as_str)) {
            return fault(format!("Union type {name} can only include type {again} once."));
        }
        if !definition.built_in {
            reserved(name)?;
        }
        self.check_directives(&definition.directives, &definition.kind, None, false)
    }

    fn check_arguments(&self, context: &mut Context<'_>, arguments: &[Value], within: Option<&str>) -> Result<()> {
        context.meter.steps(arguments.len() as u64 * 8)?;
        if let Some(again) = twice(arguments.iter().map(|argument| text(argument, "Name"))) {
            return fault(format!("Argument {again} can only be defined once."));
        }
        for argument in arguments {
            let name = text(argument, "Name");
            reserved(name)?;
            if !self.check_type(part(argument, "Type"))?.is_input() {
                return fault(format!("cannot use argument {name} because it is not of a valid input type"));
            }
            self.check_directives(list(argument, "Directives"), "ARGUMENT_DEFINITION", within, true)?;
        }
        Ok(())
    }

    fn check_directives(&self, directives: &[Value], place: &str, within: Option<&str>, once: bool) -> Result<()> {
        let mut seen = std::collections::BTreeSet::new();
        for directive in directives {
            let name = text(directive, "Name");
            reserved(name)?;
            if within == Some(name) {
                return fault(format!("Directive {name} cannot refer to itself."));
            }
            let Some(definition) = self.directives.get(name) else {
                return fault(format!("Undefined directive {name}."));
            };
            if once && !seen.insert(name) && !flag(definition, "IsRepeatable") {
                return fault(format!("The directive {name} can only be used once at this location."));
            }
            if !list(definition, "Locations").iter().any(|location| location.as_str() == Some(place)) {
                return fault(format!("Directive {name} is not applicable on {place}."));
            }
            let (given, wanted) = (list(directive, "Arguments"), list(definition, "Arguments"));
            if let Some(unknown) = given.iter().find(|argument| named(wanted, text(argument, "Name")).is_none()) {
                return fault(format!("Undefined argument {} for directive {name}.", text(unknown, "Name")));
            }
            if let Some(again) = twice(given.iter().map(|argument| text(argument, "Name"))) {
                return fault(format!("There can be only one argument named {again}."));
            }
            for argument in wanted {
                let demanded = part(argument, "Type").is_some_and(|of| flag(of, "NonNull"))
                    && part(argument, "DefaultValue").is_none();
                let value = named(given, text(argument, "Name")).and_then(|given| part(given, "Value"));
                let missing = value.is_none_or(|value| part(value, "Kind") == Some(&Value::int(6)));
                if demanded && missing {
                    return fault(format!("Argument {} for directive {name} cannot be null.", text(argument, "Name")));
                }
            }
        }
        Ok(())
    }

    fn check_implements(
        &self,
        context: &mut Context<'_>,
        name: &str,
        definition: &Definition,
        interface: &str,
    ) -> Result<()> {
        let Some(wanted) = self.types.get(interface) else { return fault(format!("Undefined type \"{interface}\".")) };
        if wanted.kind != "INTERFACE" {
            return fault(format!("\"{interface}\" is a non interface type {}.", wanted.kind));
        }
        if interface == name {
            return fault(format!("Type {name} cannot implement itself because it would create a circular reference."));
        }
        context.meter.steps((wanted.fields.len() * definition.fields.len()) as u64)?;
        for field in &wanted.fields {
            let field_name = text(field, "Name");
            let Some(have) = named(&definition.fields, field_name) else {
                return fault(format!("For {name} to implement {interface} it must have a field called {field_name}."));
            };
            if !self.narrower(part(field, "Type"), part(have, "Type")) {
                return fault(format!(
                    "For {name} to implement {interface} the field {field_name} must have its type."
                ));
            }
            let (wanted_arguments, arguments) = (list(field, "Arguments"), list(have, "Arguments"));
            for argument in wanted_arguments {
                let found = named(arguments, text(argument, "Name"));
                if found.is_none_or(|found| !compatible(part(argument, "Type"), part(found, "Type"))) {
                    return fault(format!(
                        "For {name} to implement {interface} the field {field_name} must have the same arguments."
                    ));
                }
            }
            for argument in arguments {
                let demanded = part(argument, "Type").is_some_and(|of| flag(of, "NonNull"))
                    && part(argument, "DefaultValue").is_none();
                if demanded && named(wanted_arguments, text(argument, "Name")).is_none() {
                    return fault(format!(
                        "For {name} to implement {interface} any additional arguments on {field_name} must be optional."
                    ));
                }
            }
        }
        for above in &wanted.interfaces {
            if !definition.interfaces.contains(above) {
                return fault(format!("Type {name} must implement {above} because it is implemented by {interface}."));
            }
        }
        Ok(())
    }

    /// Whether a field of this type may stand for one of that.
    fn narrower(&self, wanted: Option<&Value>, have: Option<&Value>) -> bool {
        let (mut wanted, mut have) = (wanted, have);
        while let (Some(a), Some(b)) = (wanted, have) {
            if flag(a, "NonNull") && !flag(b, "NonNull") {
                return false;
            }
            let (a_name, b_name) = (text(a, "NamedType"), text(b, "NamedType"));
            if !a_name.is_empty() {
                return a_name == b_name
                    || self.possible.get(a_name).is_some_and(|names| names.iter().any(|name| name == b_name));
            }
            (wanted, have) = (part(a, "Elem"), part(b, "Elem"));
        }
        false
    }

    /// Input objects that can never end, each field of which must be there.
    fn check_circles(&self, context: &mut Context<'_>) -> Result<()> {
        // What is left when all that needs nothing left is taken away, again and again.
        let mut left: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, definition) in self.types.iter().filter(|(_, definition)| definition.kind == "INPUT_OBJECT") {
            let needs = definition.fields.iter().filter_map(|field| part(field, "Type"));
            let needs = needs.filter(|of| flag(of, "NonNull")).map(|of| text(of, "NamedType"));
            left.insert(name, needs.filter(|name| !name.is_empty()).collect());
        }
        loop {
            context.meter.steps(left.values().map(|needs| needs.len() as u64 + 1).sum())?;
            let free: Vec<&str> = left
                .iter()
                .filter(|(_, needs)| !needs.iter().any(|need| left.contains_key(need)))
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
            None => Ok(()),
            Some(name) => fault(format!(
                "Cannot reference Input Object \"{name}\" within itself through a series of non-null fields."
            )),
        }
    }
}

/// Whether two types are the same but for what may be null.
pub(super) fn compatible(wanted: Option<&Value>, have: Option<&Value>) -> bool {
    let (mut wanted, mut have) = (wanted, have);
    while let (Some(a), Some(b)) = (wanted, have) {
        if text(a, "NamedType") != text(b, "NamedType") || flag(b, "NonNull") && !flag(a, "NonNull") {
            return false;
        }
        if !text(a, "NamedType").is_empty() {
            return true;
        }
        (wanted, have) = (part(a, "Elem"), part(b, "Elem"));
    }
    false
}

fn reserved(name: &str) -> Result<()> {
    // The prelude's own names are not judged by this rule where they are types; its fields have none.
    if name.starts_with("__") {
        return fault(format!(
            "Name \"{name}\" must not begin with \"__\", which is reserved by GraphQL introspection."
        ));
    }
    Ok(())
}
