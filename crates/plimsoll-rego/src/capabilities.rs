//! What a policy may use: builtin functions, keywords of the future, features of the language, hosts. In: OPA's capabilities
//! file (`opa capabilities --current`) or nothing. Out: a table that parser, compiler and evaluator ask. The default is all of
//! our builtins and no host at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use crate::ast::Language;
use crate::builtins;
use crate::parse::Features;
use crate::types::{Signature, Type};

/// A builtin function as the compiler sees it.
#[derive(Debug, Clone)]
pub struct Function {
    pub name: Arc<str>,
    /// Always a `Type::Function`.
    pub decl: Type,
    pub infix: Option<Arc<str>>,
    /// Gives several outputs for one input (`walk`).
    pub relation: bool,
    pub deprecated: bool,
    pub nondeterministic: bool,
}

impl Function {
    /// None for a variadic function, as in OPA, where no call of one is resolved by its arity.
    pub fn arity(&self) -> Option<usize> {
        match &self.decl {
            Type::Function(signature) if signature.variadic.is_none() => Some(signature.arity()),
            _ => None,
        }
    }

    /// `print` and its like give nothing back.
    pub fn is_void(&self) -> bool {
        matches!(&self.decl, Type::Function(signature) if signature.result.is_none())
    }
}

/// Why a capabilities file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapabilitiesError {
    #[error("read capabilities as JSON: {0}")]
    Json(String),
    #[error("read capabilities: {0}")]
    Shape(String),
}

/// See the module's words.
#[derive(Debug, Clone)]
pub struct Capabilities {
    functions: BTreeMap<Arc<str>, Function>,
    pub features: BTreeSet<String>,
    pub future_keywords: BTreeSet<String>,
    /// Hosts that may be reached; `None`: none was named, which in OPA means any and here means none.
    pub allow_net: Option<Vec<String>>,
}

const FEATURES: &[&str] = &[
    "keywords_in_refs",
    "rego_v1",
    "rego_v1_import",
    "rego_v2",
    "rego_v2_import",
    "rule_head_ref_string_prefixes",
    "rule_head_refs",
    "template_strings",
];

const KEYWORDS: &[&str] = &["and", "contains", "every", "if", "in", "not", "or"];

impl Default for Capabilities {
    fn default() -> Capabilities {
        Capabilities::for_language(Language::V1)
    }
}

impl Capabilities {
    /// Everything that this crate has, as OPA's defaults for a language: template strings are v1's.
    pub fn for_language(language: Language) -> Capabilities {
        let functions = builtins::FAMILIES.iter().flat_map(|family| family.iter()).map(|builtin| {
            let name: Arc<str> = builtin.name.into();
            let function = Function {
                name: name.clone(),
                decl: declared(builtin.signature),
                infix: builtin.infix.map(Into::into),
                relation: builtin.relation,
                deprecated: builtin.deprecated,
                nondeterministic: builtin.nondeterministic,
            };
            (name, function)
        });
        let has = |feature: &&&str| match language {
            Language::V1 => true,
            Language::V0 | Language::V0CompatV1 => **feature != "template_strings",
        };
        Capabilities {
            functions: functions.collect(),
            features: FEATURES.iter().filter(has).map(|feature| (*feature).to_owned()).collect(),
            future_keywords: KEYWORDS.iter().map(|keyword| (*keyword).to_owned()).collect(),
            allow_net: None,
        }
    }

    /// OPA's capabilities file.
    pub fn from_json(text: &str) -> Result<Capabilities, CapabilitiesError> {
        let json: Json = serde_json::from_str(text).map_err(|error| CapabilitiesError::Json(error.to_string()))?;
        let strings = |name: &str| -> Option<Vec<String>> {
            Some(json.get(name)?.as_array()?.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
        };
        let mut functions = BTreeMap::new();
        for item in json.get("builtins").and_then(Json::as_array).into_iter().flatten() {
            let name: Arc<str> = item
                .get("name")
                .and_then(Json::as_str)
                .ok_or_else(|| CapabilitiesError::Shape("a builtin has no name".into()))?
                .into();
            let decl = item.get("decl").map_or_else(
                || Err(CapabilitiesError::Shape(format!("builtin {name} has no declaration"))),
                |decl| {
                    Type::from_json(decl).map_err(|error| CapabilitiesError::Shape(format!("builtin {name}: {error}")))
                },
            )?;
            if !matches!(decl, Type::Function(_)) {
                return Err(CapabilitiesError::Shape(format!("builtin {name} is declared as no function")));
            }
            let flag = |key: &str| item.get(key).and_then(Json::as_bool).unwrap_or(false);
            let ours = builtins::named(&name);
            let function = Function {
                name: name.clone(),
                decl,
                infix: item.get("infix").and_then(Json::as_str).map(Into::into),
                relation: flag("relation"),
                deprecated: flag("deprecated") || ours.is_some_and(|builtin| builtin.deprecated),
                nondeterministic: flag("nondeterministic"),
            };
            functions.insert(name, function);
        }
        Ok(Capabilities {
            functions,
            features: strings("features").unwrap_or_default().into_iter().collect(),
            future_keywords: strings("future_keywords").unwrap_or_default().into_iter().collect(),
            allow_net: strings("allow_net"),
        })
    }

    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.get(name)
    }

    /// In the order of their names.
    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        self.functions.values()
    }

    /// Adds or replaces a function: builtins of the embedder's own.
    pub fn add(&mut self, function: Function) {
        self.functions.insert(function.name.clone(), function);
    }

    pub fn remove(&mut self, name: &str) {
        self.functions.remove(name);
    }

    /// OPA's capabilities file, with what this engine has.
    pub fn to_json(&self) -> String {
        let function = |function: &Function| {
            let mut entry = serde_json::Map::new();
            entry.insert("name".into(), Json::from(&*function.name));
            entry.insert("decl".into(), function.decl.to_json());
            entry.extend(function.infix.iter().map(|infix| ("infix".to_owned(), Json::from(&**infix))));
            for (name, value) in [
                ("relation", function.relation),
                ("deprecated", function.deprecated),
                ("nondeterministic", function.nondeterministic),
            ] {
                entry.extend(value.then(|| (name.to_owned(), Json::Bool(true))));
            }
            Json::Object(entry)
        };
        let mut file = serde_json::Map::new();
        file.insert("builtins".into(), self.functions.values().map(function).collect());
        file.insert("future_keywords".into(), self.future_keywords.iter().cloned().collect());
        file.insert("features".into(), self.features.iter().cloned().collect());
        file.extend(self.allow_net.iter().map(|hosts| ("allow_net".to_owned(), Json::from(hosts.clone()))));
        format!("{:#}\n", Json::Object(file))
    }

    /// What the parser is to know of them.
    pub fn parse_features(&self) -> Features {
        Features {
            keywords_in_refs: self.has_feature("keywords_in_refs"),
            template_strings: self.has_feature("template_strings"),
            rego_v1: self.has_feature("rego_v1"),
            rego_v1_import: self.has_feature("rego_v1_import"),
            rego_v2: self.has_feature("rego_v2"),
            rego_v2_import: self.has_feature("rego_v2_import"),
            future_keywords: Some(self.future_keywords.iter().cloned().collect()),
        }
    }

    pub fn has_feature(&self, feature: &str) -> bool {
        self.features.contains(feature)
    }
}

/// The type of a registry's signature; that all of them are well formed is for the registry's tests to say.
fn declared(signature: &str) -> Type {
    Type::function(Signature::parse(signature).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_file_gives_arity_voidness_and_relations() {
        let text = r#"{"builtins":[
            {"name":"walk","relation":true,"decl":{"type":"function","args":[{"type":"any"}],"result":{"type":"any"}}},
            {"name":"print","decl":{"type":"function","variadic":{"type":"any"}}}],
            "features":["rego_v1"],"future_keywords":["not"],"allow_net":[]}"#;
        let capabilities = Capabilities::from_json(text).unwrap();
        let walk = capabilities.function("walk").unwrap();
        assert_eq!((walk.arity(), walk.is_void(), walk.relation), (Some(1), false, true));
        let print = capabilities.function("print").unwrap();
        assert_eq!((print.arity(), print.is_void()), (None, true));
        assert!(capabilities.has_feature("rego_v1") && !capabilities.has_feature("rego_v2"));
        assert_eq!(capabilities.allow_net, Some(Vec::new()));
    }

    #[test]
    fn declaration_that_nests_without_end_is_refused() {
        let deep = "{\"type\":\"set\",\"of\":".repeat(100) + "{\"type\":\"any\"}" + &"}".repeat(100);
        let text = format!("{{\"builtins\":[{{\"name\":\"f\",\"decl\":{deep}}}]}}");
        assert!(matches!(Capabilities::from_json(&text), Err(CapabilitiesError::Shape(_))));
    }
}
