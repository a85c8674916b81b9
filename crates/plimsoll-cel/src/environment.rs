//! What an expression may name: variables and their types, types with fields, and which libraries there are.

use std::collections::HashMap;
use std::sync::Arc;

use crate::check;
use crate::library::Known;
use crate::macros::Macros;
use crate::node::Program;
use crate::parse;
use crate::source::Refused;
use crate::types::Type;

/// A name that the caller gives a value.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub name: Arc<str>,
    pub of: Type,
    /// Its fields are asked for one by one: see [`crate::eval::World::field`].
    pub lazy: bool,
}

/// Where expressions are compiled. Kubernetes 1.36's unless said otherwise.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: Vec<Variable>,
    objects: HashMap<Arc<str>, HashMap<Arc<str>, Type>>,
    more: bool,
    patch: bool,
}

impl Environment {
    /// The libraries of Kubernetes 1.36, and no variables.
    pub fn new() -> Self {
        Environment::default()
    }

    /// Also `cel.bind`, `math.*` and `base64.*`, which cel-go has and the API server refuses.
    #[must_use]
    pub fn with_more(mut self) -> Self {
        self.more = true;
        self
    }

    /// Also what mutating policies have: `jsonpatch.escapeKey`, `Object{…}` and `JSONPatch{…}`.
    #[must_use]
    pub fn with_patches(mut self) -> Self {
        self.patch = true;
        self
    }

    /// Declares a variable. Its number, for [`crate::eval::World::variable`], is how many there were before it.
    #[must_use]
    pub fn variable(mut self, name: &str, of: Type) -> Self {
        self.variables.push(Variable { name: name.into(), of, lazy: false });
        self
    }

    /// Declares a variable whose fields are asked for one by one; `of` is the name of a type with fields.
    #[must_use]
    pub fn lazy(mut self, name: &str, of: &str) -> Self {
        self.variables.push(Variable { name: name.into(), of: Type::Object(of.into()), lazy: true });
        self
    }

    /// Adds a field to a type with fields, making the type where there is none.
    pub fn field(&mut self, of: &str, name: &str, field: Type) {
        self.objects.entry(of.into()).or_default().insert(name.into(), field);
    }

    /// Declares a type without fields.
    pub fn object(&mut self, of: &str) {
        self.objects.entry(of.into()).or_default();
    }

    /// The program of an expression, or why there is none.
    pub fn compile(&self, text: &str) -> Result<Program, Refused> {
        let tree = parse::parse(text, Macros { more: self.more })?;
        check::program(self, text, &tree)
    }

    pub(crate) fn names(&self) -> Arc<[Arc<str>]> {
        self.variables.iter().map(|variable| variable.name.clone()).collect()
    }

    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Variable)> {
        self.variables.iter().enumerate().find(|(_, variable)| &*variable.name == name)
    }

    pub(crate) fn find_lazy(&self, number: usize) -> bool {
        self.variables.get(number).is_some_and(|variable| variable.lazy)
    }

    pub(crate) fn field_of(&self, object: &str, field: &str) -> Option<Type> {
        if !self.is_written_out(object) {
            return self.objects.get(object)?.get(field).cloned();
        }
        match (object, field) {
            ("JSONPatch", "op" | "path" | "from") => Some(Type::String),
            ("JSONPatch", "value") => Some(Type::Dyn),
            ("JSONPatch", _) => None,
            _ => Some(Type::Dyn),
        }
    }

    /// Whether structs of a type may be written out: `Object{}`, `Object.spec{}`, `JSONPatch{}`.
    pub(crate) fn is_written_out(&self, object: &str) -> bool {
        self.patch && (object == "JSONPatch" || object == "Object" || object.starts_with("Object."))
    }

    pub(crate) fn knows(&self, known: Known) -> bool {
        match known {
            Known::Kubernetes => true,
            Known::More => self.more,
            Known::Patch => self.patch,
        }
    }
}
