//! Schemas that annotations name for documents. In: annotations with their scopes. Out: what holds for one rule, in the order
//! in which later ones win: subpackages from the outermost, package, document, rule.

use std::collections::{BTreeMap, HashMap};

use super::Program;
use super::terms::{constant, json_key};
use crate::ast::{AnnotationTarget, Ref, SchemaAnnotation, Term};
use crate::compile::keys;
use crate::types::Type;
use crate::value::Value;

type Path = Vec<Option<Value>>;
type Named = (Ref, SchemaAnnotation);

/// Schema annotations by what they hold for.
#[derive(Default)]
pub(super) struct Schemas {
    /// Of subpackages and documents: both by path.
    by_path: BTreeMap<Path, Vec<Named>>,
    by_package: BTreeMap<Path, Vec<Named>>,
    /// By module and index of the rule.
    by_rule: HashMap<(u32, u32), Vec<Named>>,
}

pub(super) fn of(program: &Program<'_>) -> Schemas {
    let mut schemas = Schemas::default();
    let paths: HashMap<(u32, u32), Path> = program
        .rules
        .iter()
        .filter(|info| info.else_depth == 0)
        .map(|info| ((info.module, info.index), info.path.get(..info.ground).unwrap_or_default().to_vec()))
        .collect();
    for (module_at, module) in program.modules.iter().enumerate() {
        for annotations in &module.annotations {
            let named = || annotations.schemas.iter().cloned();
            let rule = match annotations.target {
                AnnotationTarget::Rule(index) => {
                    Some((u32::try_from(module_at).unwrap_or(u32::MAX), u32::try_from(index).unwrap_or(u32::MAX)))
                }
                _ => None,
            };
            let of_package = annotations.target == AnnotationTarget::Package;
            match (&*annotations.scope, rule) {
                ("rule", Some(rule)) => schemas.by_rule.entry(rule).or_default().extend(named()),
                ("document", Some(rule)) => {
                    if let Some(path) = paths.get(&rule) {
                        schemas.by_path.entry(path.clone()).or_insert_with(|| named().collect());
                    }
                }
                ("package", _) if of_package => {
                    schemas.by_package.entry(keys(&module.package.path)).or_insert_with(|| named().collect());
                }
                ("subpackages", _) if of_package => {
                    schemas.by_path.entry(keys(&module.package.path)).or_insert_with(|| named().collect());
                }
                _ => {}
            }
        }
    }
    schemas
}

impl Schemas {
    /// What holds for a rule.
    pub fn of(&self, info: &crate::compile::RuleInfo) -> Vec<&Named> {
        if self.by_path.is_empty() && self.by_package.is_empty() && self.by_rule.is_empty() {
            return Vec::new();
        }
        let package = info.path.get(..info.package).unwrap_or_default();
        let document = info.path.get(..info.ground).unwrap_or_default();
        let ancestors = (1..=package.len()).filter_map(|upto| self.by_path.get(package.get(..upto)?));
        let rule = Some((info.module, info.index)).filter(|_| info.else_depth == 0);
        ancestors
            .chain(self.by_package.get(package))
            .chain(self.by_path.get(document))
            .chain(rule.and_then(|rule| self.by_rule.get(&rule)))
            .flatten()
            .collect()
    }
}

/// A type with another one at a path below it.
pub(super) fn override_at(path: &[Term], had: &Type, of: &Type) -> Result<Type, String> {
    let mut below = Vec::with_capacity(path.len());
    for term in path {
        match constant(term) {
            Some(key) => below.push(json_key(key)),
            None => return Err("error getting key from value: var requires evaluation".to_owned()),
        }
    }
    // From the outside in: what is kept of each object on the way; then from the inside out.
    enum At {
        Had(Type),
        /// What is made new is open as the object is that it is made in.
        New(Option<(Type, Type)>),
    }
    struct Kept {
        members: Vec<(Value, Type)>,
        rest: Option<(Type, Type)>,
        key: Value,
    }
    let mut kept: Vec<Kept> = Vec::new();
    let mut at = At::Had(had.clone());
    for key in below {
        let (members, rest) = match at {
            At::New(rest) => (Vec::new(), rest),
            At::Had(had) => match had.unrolled() {
                Type::Object(object) => {
                    let rest = object.rest().map(|(key, value)| (key.clone(), value.clone()));
                    (object.fixed().to_vec(), rest)
                }
                _ => (Vec::new(), Some((Type::Any, Type::Any))),
            },
        };
        let found = members.binary_search_by(|(have, _)| have.cmp(&key)).ok();
        at = match found.and_then(|found| members.get(found)) {
            Some((_, next)) => At::Had(next.clone()),
            None => At::New(rest.clone()),
        };
        kept.push(Kept { members, rest, key });
    }
    Ok(kept.into_iter().rev().fold(of.clone(), |of, Kept { mut members, rest, key }| {
        match members.binary_search_by(|(have, _)| have.cmp(&key)) {
            Ok(found) => {
                if let Some(member) = members.get_mut(found) {
                    member.1 = of;
                }
            }
            Err(place) => members.insert(place, (key, of)),
        }
        Type::object(members, rest)
    }))
}
