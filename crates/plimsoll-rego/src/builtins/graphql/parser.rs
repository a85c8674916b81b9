//! GraphQL to the objects that OPA shows: gqlparser's trees as JSON, without places and without what is empty.

use super::lexer::{Lexer, Token};
use crate::budget::Exhausted;
use crate::builtins::{Context, Failure};
use crate::value::{MAX_DEPTH, Value};

type Result<T> = std::result::Result<T, Failure>;

/// Selections, lists and objects in one another: each takes up to three levels of a value.
const MAX_NESTING: u32 = MAX_DEPTH / 4;

/// An object in the making, which leaves out what is empty.
#[derive(Default)]
struct Fields(Vec<(Value, Value)>);

impl Fields {
    fn put(&mut self, name: &str, value: Value) {
        let empty = match &value {
            Value::Null => true,
            Value::Array(array) => array.items().is_empty(),
            Value::Object(object) => object.entries().is_empty(),
            _ => false,
        };
        if !empty {
            self.0.push((Value::string(name), value));
        }
    }

    fn text(&mut self, name: &str, text: impl AsRef<str>) {
        self.put(name, Value::string(text.as_ref()));
    }

    fn list(&mut self, name: &str, items: Vec<Value>) {
        // What came out empty is no item either.
        let whole = |item: &Value| !matches!(item, Value::Object(object) if object.entries().is_empty());
        self.put(name, Value::array(items.into_iter().filter(whole).collect()));
    }

    fn done(self) -> Value {
        Value::object(self.0)
    }
}

struct Parser<'a, 'c, 'w> {
    context: &'c mut Context<'w>,
    lexer: Lexer<'a>,
    token: Token,
    previous: Token,
    /// Comments before the token.
    comments: Vec<Value>,
    depth: u32,
}

pub(super) fn query(context: &mut Context<'_>, text: &str) -> Result<Value> {
    Parser::new(context, text)?.query()
}

pub(super) fn schema(context: &mut Context<'_>, text: &str) -> Result<Value> {
    Parser::new(context, text)?.schema()
}

impl<'a, 'c, 'w> Parser<'a, 'c, 'w> {
    fn new(context: &'c mut Context<'w>, text: &'a str) -> Result<Parser<'a, 'c, 'w>> {
        let none = Token { kind: "<EOF>", value: String::new(), line: 1, column: 1 };
        let mut parser = Parser {
            context,
            lexer: Lexer::new(text),
            token: none.clone(),
            previous: none,
            comments: Vec::new(),
            depth: 0,
        };
        parser.advance()?;
        Ok(parser)
    }

    fn advance(&mut self) -> Result<Token> {
        self.comments.clear();
        let mut next = self.lexer.next();
        while next.kind == "Comment" {
            self.pay(&next)?;
            let comment = Value::object(vec![(Value::string("Value"), Value::string(next.value))]);
            self.comments.push(comment);
            next = self.lexer.next();
        }
        self.pay(&next)?;
        self.previous = std::mem::replace(&mut self.token, next);
        Ok(self.previous.clone())
    }

    fn pay(&mut self, token: &Token) -> Result<()> {
        self.context.meter.steps(4 + token.value.len() as u64 / 64)?;
        Ok(self.context.meter.memory(128 + token.value.len() as u64)?)
    }

    fn comments(&self) -> Value {
        let mut group = Fields::default();
        group.list("List", self.comments.clone());
        group.done()
    }

    fn error<T>(&self, token: &Token, message: &str) -> Result<T> {
        Err(Failure::builtin(format!("{message} in GraphQL string at location {}:{}", token.line, token.column)))
    }

    fn unexpected<T>(&self) -> Result<T> {
        let message = format!("Unexpected {}", self.token.shown());
        self.error(&self.token, &message)
    }

    fn is(&self, kind: &str) -> bool {
        self.token.kind == kind
    }

    fn is_word(&self, word: &str) -> bool {
        self.token.kind == "Name" && self.token.value == word
    }

    fn skip(&mut self, kind: &str) -> Result<bool> {
        let is = self.is(kind);
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    fn expect(&mut self, kind: &str) -> Result<Token> {
        if self.is(kind) {
            return self.advance();
        }
        self.error(&self.token, &format!("Expected {kind}, found {}", self.token.kind))
    }

    fn word(&mut self, word: &str) -> Result<()> {
        if self.is_word(word) {
            self.advance()?;
            return Ok(());
        }
        self.error(&self.token, &format!("Expected \"{word}\", found {}", self.token.shown()))
    }

    fn name(&mut self) -> Result<String> {
        Ok(self.expect("Name")?.value)
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_NESTING {
            return Err(Exhausted::Depth.into());
        }
        self.depth += 1;
        let out = inner(self);
        self.depth -= 1;
        out
    }

    /// One or more between two signs, where the first is there.
    fn some(&mut self, open: &str, close: &str, one: fn(&mut Self) -> Result<Value>) -> Result<(Vec<Value>, Value)> {
        if !self.skip(open)? {
            return Ok((Vec::new(), Value::Null));
        }
        let mut out = Vec::new();
        while !self.is(close) {
            out.push(one(self)?);
        }
        if out.is_empty() {
            let message = format!("expected at least one definition, found {}", self.token.kind);
            return self.error(&self.token, &message);
        }
        let comments = self.comments();
        self.advance()?;
        Ok((out, comments))
    }

    fn query(mut self) -> Result<Value> {
        let (mut operations, mut fragments) = (Vec::new(), Vec::new());
        while !self.is("<EOF>") {
            match &*self.token.value {
                "query" | "mutation" | "subscription" if self.is("Name") => operations.push(self.operation()?),
                "fragment" if self.is("Name") => fragments.push(self.fragment()?),
                _ if self.is("{") => operations.push(self.operation()?),
                _ => return self.unexpected(),
            }
        }
        let mut out = Fields::default();
        out.list("Operations", operations);
        out.list("Fragments", fragments);
        Ok(out.done())
    }

    fn operation(&mut self) -> Result<Value> {
        let mut out = Fields::default();
        out.put("Comment", self.comments());
        if self.is("{") {
            out.text("Operation", "query");
            out.text("Name", "");
            out.list("SelectionSet", self.selections()?);
            return Ok(out.done());
        }
        out.text("Operation", self.operation_kind()?);
        let name = if self.is("Name") { self.advance()?.value } else { String::new() };
        out.text("Name", name);
        out.list("VariableDefinitions", self.variables()?);
        out.list("Directives", self.directives(false)?);
        out.list("SelectionSet", self.selections()?);
        Ok(out.done())
    }

    fn operation_kind(&mut self) -> Result<String> {
        let token = self.advance()?;
        if matches!(&*token.value, "query" | "mutation" | "subscription") {
            return Ok(token.value);
        }
        self.error(&token, &format!("Unexpected {}", token.shown()))
    }

    fn variables(&mut self) -> Result<Vec<Value>> {
        Ok(self.some("(", ")", Self::variable_definition)?.0)
    }

    fn variable_definition(&mut self) -> Result<Value> {
        let mut out = Fields::default();
        out.put("Comment", self.comments());
        out.text("Variable", self.variable()?);
        self.expect(":")?;
        out.put("Type", self.type_reference()?);
        if self.skip("=")? {
            out.put("DefaultValue", self.value(true)?);
        }
        out.list("Directives", self.directives(false)?);
        out.put("Used", Value::Bool(false));
        Ok(out.done())
    }

    fn variable(&mut self) -> Result<String> {
        self.expect("$")?;
        self.name()
    }

    fn selections(&mut self) -> Result<Vec<Value>> {
        if !self.is("{") {
            return self.error(&self.token, &format!("Expected {{, found {}", self.token.kind));
        }
        self.deeper(|parser| Ok(parser.some("{", "}", Self::selection)?.0))
    }

    fn selection(&mut self) -> Result<Value> {
        let mut out = Fields::default();
        out.put("Comment", self.comments());
        if !self.is("...") {
            let alias = self.name()?;
            let name = if self.skip(":")? { self.name()? } else { alias.clone() };
            out.text("Alias", alias);
            out.text("Name", name);
            out.list("Arguments", self.arguments(false)?);
            out.list("Directives", self.directives(false)?);
            if self.is("{") {
                out.list("SelectionSet", self.selections()?);
            }
            return Ok(out.done());
        }
        self.advance()?;
        if self.is("Name") && !self.is_word("on") {
            out.text("Name", self.name()?);
            out.list("Directives", self.directives(false)?);
            return Ok(out.done());
        }
        let condition = if self.is_word("on") {
            self.advance()?;
            self.name()?
        } else {
            String::new()
        };
        out.text("TypeCondition", condition);
        out.list("Directives", self.directives(false)?);
        out.list("SelectionSet", self.selections()?);
        Ok(out.done())
    }

    fn fragment(&mut self) -> Result<Value> {
        let mut out = Fields::default();
        out.put("Comment", self.comments());
        self.word("fragment")?;
        if self.is_word("on") {
            return self.unexpected();
        }
        out.text("Name", self.name()?);
        out.list("VariableDefinition", self.variables()?);
        self.word("on")?;
        out.text("TypeCondition", self.name()?);
        out.list("Directives", self.directives(false)?);
        out.list("SelectionSet", self.selections()?);
        Ok(out.done())
    }

    fn arguments(&mut self, constant: bool) -> Result<Vec<Value>> {
        let one = if constant { Self::constant_argument } else { Self::free_argument };
        Ok(self.some("(", ")", one)?.0)
    }

    fn constant_argument(&mut self) -> Result<Value> {
        self.argument(true)
    }

    fn free_argument(&mut self) -> Result<Value> {
        self.argument(false)
    }

    /// An argument, or a field of an object: they look alike.
    fn argument(&mut self, constant: bool) -> Result<Value> {
        let mut out = Fields::default();
        out.put("Comment", self.comments());
        out.text("Name", self.name()?);
        self.expect(":")?;
        out.put("Value", self.value(constant)?);
        Ok(out.done())
    }

    fn value(&mut self, constant: bool) -> Result<Value> {
        let mut out = Fields::default();
        out.put("ExpectedTypeHasDefault", Value::Bool(false));
        let (kind, raw) = match self.token.kind {
            "[" | "{" => {
                let comments = self.comments();
                let list = self.is("[");
                let children = self.deeper(|parser| parser.children(list, constant))?;
                out.list("Children", children);
                out.put("Comment", comments);
                (if list { 8 } else { 9 }, String::new())
            }
            "$" if constant => return self.unexpected(),
            "$" => {
                out.put("Comment", self.comments());
                (0, self.variable()?)
            }
            "Int" | "Float" | "String" | "BlockString" | "Name" => {
                let kind = match (self.token.kind, &*self.token.value) {
                    ("Int", _) => 1,
                    ("Float", _) => 2,
                    ("String", _) => 3,
                    ("BlockString", _) => 4,
                    (_, "true" | "false") => 5,
                    (_, "null") => 6,
                    _ => 7,
                };
                (kind, self.advance()?.value)
            }
            _ => return self.unexpected(),
        };
        out.text("Raw", raw);
        out.put("Kind", Value::int(kind));
        Ok(out.done())
    }

    fn children(&mut self, list: bool, constant: bool) -> Result<Vec<Value>> {
        self.advance()?;
        let close = if list { "]" } else { "}" };
        let mut out = Vec::new();
        while !self.is(close) {
            if list {
                let mut child = Fields::default();
                child.text("Name", "");
                child.put("Value", self.value(constant)?);
                out.push(child.done());
            } else {
                out.push(self.argument(constant)?);
            }
        }
        self.advance()?;
        Ok(out)
    }

    fn directives(&mut self, constant: bool) -> Result<Vec<Value>> {
        let mut out = Vec::new();
        while self.skip("@")? {
            let mut directive = Fields::default();
            directive.text("Name", self.name()?);
            directive.list("Arguments", self.arguments(constant)?);
            directive.text("Location", "");
            out.push(directive.done());
        }
        Ok(out)
    }

    fn type_reference(&mut self) -> Result<Value> {
        let mut out = Fields::default();
        if self.skip("[")? {
            let inner = self.deeper(Self::type_reference)?;
            out.text("NamedType", "");
            out.put("Elem", inner);
            self.expect("]")?;
        } else {
            out.text("NamedType", self.name()?);
        }
        out.put("NonNull", Value::Bool(self.is("!")));
        self.skip("!")?;
        Ok(out.done())
    }

    fn schema(mut self) -> Result<Value> {
        let mut parts: [Vec<Value>; 5] = Default::default();
        while !self.is("<EOF>") {
            let described = matches!(self.token.kind, "String" | "BlockString");
            let before = if described { self.comments() } else { Value::Null };
            let description = if described { self.advance()?.value } else { String::new() };
            if !self.is("Name") {
                return self.unexpected();
            }
            let [schemas, schema_extensions, directives, definitions, extensions] = &mut parts;
            match &*self.token.value {
                "scalar" | "type" | "interface" | "union" | "enum" | "input" => {
                    definitions.push(self.definition(&description, before, false)?);
                }
                "schema" => schemas.push(self.schema_definition(&description, before, false)?),
                "directive" => directives.push(self.directive_definition(&description, before)?),
                "extend" => {
                    if !description.is_empty() {
                        let message = format!("Unexpected {}", self.previous.shown());
                        return self.error(&self.previous, &message);
                    }
                    let comments = self.comments();
                    self.advance()?;
                    match &*self.token.value {
                        "schema" => schema_extensions.push(self.schema_definition("", comments, true)?),
                        "scalar" | "type" | "interface" | "union" | "enum" | "input" => {
                            extensions.push(self.definition("", comments, true)?);
                        }
                        _ => return self.unexpected(),
                    }
                }
                _ => return self.unexpected(),
            }
        }
        let mut out = Fields::default();
        for (name, part) in ["Schema", "SchemaExtension", "Directives", "Definitions", "Extensions"].iter().zip(parts) {
            out.list(name, part);
        }
        out.put("Comment", self.comments());
        Ok(out.done())
    }

    /// A definition's head: where its comments and description are. An extension has no description.
    fn head(&mut self, description: &str, before: Value, extends: bool) -> Result<Fields> {
        let mut out = Fields::default();
        out.text("Description", description);
        if extends {
            out.put("AfterDescriptionComment", before);
        } else {
            out.put("BeforeDescriptionComment", before);
            out.put("AfterDescriptionComment", self.comments());
        }
        self.advance()?;
        Ok(out)
    }

    fn schema_definition(&mut self, description: &str, before: Value, extends: bool) -> Result<Value> {
        let mut out = self.head(description, before, extends)?;
        let directives = self.directives(true)?;
        let (types, end) = self.some("{", "}", Self::operation_type)?;
        if extends && directives.is_empty() && types.is_empty() {
            return self.unexpected();
        }
        out.list("Directives", directives);
        out.list("OperationTypes", types);
        out.put("EndOfDefinitionComment", end);
        Ok(out.done())
    }

    fn operation_type(&mut self) -> Result<Value> {
        let mut out = Fields::default();
        out.put("Comment", self.comments());
        out.text("Operation", self.operation_kind()?);
        self.expect(":")?;
        out.text("Type", self.name()?);
        Ok(out.done())
    }

    fn definition(&mut self, description: &str, before: Value, extends: bool) -> Result<Value> {
        let keyword = self.token.value.clone();
        let mut out = self.head(description, before, extends)?;
        out.put("BuiltIn", Value::Bool(false));
        out.text("Name", self.name()?);
        let kind = match &*keyword {
            "scalar" => "SCALAR",
            "type" => "OBJECT",
            "interface" => "INTERFACE",
            "union" => "UNION",
            "enum" => "ENUM",
            _ => "INPUT_OBJECT",
        };
        out.text("Kind", kind);
        let interfaces = if matches!(kind, "OBJECT" | "INTERFACE") { self.interfaces()? } else { Vec::new() };
        let directives = self.directives(true)?;
        let mut anything = !interfaces.is_empty() || !directives.is_empty();
        out.list("Interfaces", interfaces);
        out.list("Directives", directives);
        let (field, members): (&str, fn(&mut Self) -> Result<Value>) = match kind {
            "OBJECT" | "INTERFACE" => ("Fields", Self::field),
            "INPUT_OBJECT" => ("Fields", Self::input_value),
            "ENUM" => ("EnumValues", Self::enum_value),
            _ => ("Types", Self::field),
        };
        match kind {
            "SCALAR" => {}
            "UNION" => {
                let types = self.union_types()?;
                anything |= !types.is_empty();
                out.list(field, types);
            }
            _ => {
                let (list, end) = self.some("{", "}", members)?;
                anything |= !list.is_empty();
                out.list(field, list);
                out.put("EndOfDefinitionComment", end);
            }
        }
        if extends && !anything {
            return self.unexpected();
        }
        Ok(out.done())
    }

    fn interfaces(&mut self) -> Result<Vec<Value>> {
        let mut out = Vec::new();
        if self.token.value == "implements" {
            self.advance()?;
            self.skip("&")?;
            out.push(Value::string(self.name()?));
            while self.skip("&")? {
                out.push(Value::string(self.name()?));
            }
        }
        Ok(out)
    }

    fn union_types(&mut self) -> Result<Vec<Value>> {
        let mut out = Vec::new();
        if self.skip("=")? {
            self.skip("|")?;
            out.push(Value::string(self.name()?));
            while self.skip("|")? {
                out.push(Value::string(self.name()?));
            }
        }
        Ok(out)
    }

    fn described(&mut self) -> Result<Fields> {
        let mut out = Fields::default();
        if matches!(self.token.kind, "String" | "BlockString") {
            let comments = self.comments();
            let text = self.advance()?.value;
            if !text.is_empty() {
                out.put("BeforeDescriptionComment", comments);
            }
            out.text("Description", text);
        } else {
            out.text("Description", "");
        }
        out.put("AfterDescriptionComment", self.comments());
        Ok(out)
    }

    fn field(&mut self) -> Result<Value> {
        let mut out = self.described()?;
        out.text("Name", self.name()?);
        out.list("Arguments", self.some("(", ")", Self::input_value)?.0);
        self.expect(":")?;
        out.put("Type", self.type_reference()?);
        out.list("Directives", self.directives(true)?);
        Ok(out.done())
    }

    fn input_value(&mut self) -> Result<Value> {
        let mut out = self.described()?;
        out.text("Name", self.name()?);
        self.expect(":")?;
        out.put("Type", self.type_reference()?);
        if self.skip("=")? {
            out.put("DefaultValue", self.value(true)?);
        }
        out.list("Directives", self.directives(true)?);
        Ok(out.done())
    }

    fn enum_value(&mut self) -> Result<Value> {
        let mut out = self.described()?;
        out.text("Name", self.name()?);
        out.list("Directives", self.directives(true)?);
        Ok(out.done())
    }

    fn directive_definition(&mut self, description: &str, before: Value) -> Result<Value> {
        let mut out = self.head(description, before, false)?;
        self.expect("@")?;
        out.text("Name", self.name()?);
        out.list("Arguments", self.some("(", ")", Self::input_value)?.0);
        let repeatable = self.is_word("repeatable");
        if repeatable {
            self.advance()?;
        }
        out.put("IsRepeatable", Value::Bool(repeatable));
        self.word("on")?;
        self.skip("|")?;
        let mut locations = vec![self.location()?];
        while self.skip("|")? {
            locations.push(self.location()?);
        }
        out.list("Locations", locations);
        Ok(out.done())
    }

    fn location(&mut self) -> Result<Value> {
        let token = self.expect("Name")?;
        if super::LOCATIONS.contains(&&*token.value) {
            return Ok(Value::string(token.value));
        }
        self.error(&token, &format!("Unexpected {}", token.shown()))
    }
}
