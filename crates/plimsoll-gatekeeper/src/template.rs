//! ConstraintTemplates. In: a document of v1, v1beta1 or v1alpha1. Out: a [`Template`]: the kind of its constraints, their
//! schema, and its compiled code; or why Gatekeeper refuses it.

use std::sync::{Arc, LazyLock};

use plimsoll_rego::ast::Language;
use plimsoll_rego::value::Value;

use crate::code::{CodeFault, CodeOptions, Rego, Written};
use crate::document::Document;
use crate::fault::{Fault, FaultKind};
use crate::json;
use crate::native::{Native, NativePolicy};
use crate::schema::{Schema, structural};

/// The one target there is.
pub const TARGET: &str = "admission.k8s.gatekeeper.sh";
pub const GROUP: &str = "templates.gatekeeper.sh";
/// The engines of code blocks.
pub const REGO: &str = "Rego";
pub const NATIVE: &str = "K8sNativeValidation";
const REFUSED: &str = "invalid ConstraintTemplate";

/// A template that is in force.
pub struct Template {
    pub name: Arc<str>,
    /// The kind of its constraints.
    pub kind: Arc<str>,
    /// Of whole constraints.
    pub schema: Schema,
    pub code: Code,
    /// Operations that it is asked for at admission; empty: all.
    pub operations: Vec<Arc<str>>,
}

/// What judges.
pub enum Code {
    Rego(Box<Rego>),
    Native(Arc<dyn NativePolicy>),
}

pub fn is_template(document: &Document) -> bool {
    document.group() == GROUP && document.kind() == "ConstraintTemplate"
}

struct Reader<'d> {
    document: &'d Document,
}

impl Reader<'_> {
    /// A fault at a path of the document.
    fn fault<T: AsRef<str>>(&self, message: impl Into<String>, path: &[T]) -> Fault {
        let fault = Fault::new(FaultKind::Template, message).of(self.document.subject());
        match self.document.place(path) {
            Some(place) => fault.at(place),
            None => fault,
        }
    }

    fn code_fault(&self, wrong: CodeFault) -> Fault {
        let fault = wrong.fault.of(self.document.subject());
        let place = wrong.place.and_then(|(path, row, column)| self.document.place_in_text(&path, row, column));
        match place.or_else(|| self.document.place(&["spec", "targets"])) {
            Some(place) => fault.at(place),
            None => fault,
        }
    }
}

impl Template {
    /// Whether its rules are the API server's own language.
    pub fn is_native(&self) -> bool {
        matches!(self.code, Code::Native(_))
    }

    /// Reads and compiles a template.
    ///
    /// # Errors
    /// The first thing that Gatekeeper would refuse it for.
    pub fn read(document: &Document, options: CodeOptions, native: Option<&dyn Native>) -> Result<Template, Fault> {
        let reader = Reader { document };
        let value = document.value();
        let legacy_by_default = match document.version() {
            "v1" => false,
            "v1beta1" | "v1alpha1" => true,
            other => {
                let message = format!(
                    "adding template: no kind \"ConstraintTemplate\" is registered for version \"{GROUP}/{other}\" in scheme"
                );
                let hint = format!("the versions are {GROUP}/v1, v1beta1 and v1alpha1");
                return Err(reader.fault(message, &["apiVersion"]).hint(hint));
            }
        };
        let targets = json::items(json::at(value, &["spec", "targets"]));
        let path = ["spec", "targets"];
        let [target] = targets else {
            let message = format!("{REFUSED}: must declare exactly one target");
            return Err(reader
                .fault(message, &path)
                .hint(format!("spec.targets is a list of one: `- target: {TARGET}`")));
        };
        let target_name = json::text(target, &["target"]);
        let target_path = ["spec", "targets", "0", "target"];
        if target_name.is_empty() {
            let message = format!("{REFUSED}: target name must not be empty");
            return Err(reader.fault(message, &target_path).hint(format!("write `target: {TARGET}`")));
        }
        let kind = json::text(value, &["spec", "crd", "spec", "names", "kind"]);
        let kind_path = ["spec", "crd", "spec", "names", "kind"];
        if kind.is_empty() {
            let message = format!("{REFUSED}: ConstraintTemplate {:?} does not specify CRD Kind", document.name());
            return Err(reader
                .fault(message, &kind_path)
                .hint("name the kind of its constraints: spec.crd.spec.names.kind"));
        }
        if document.name().to_lowercase() != kind.to_lowercase() {
            let message = format!(
                "{REFUSED}: the ConstraintTemplate's name {:?} is not equal to the lowercase of CRD's Kind: {:?}",
                document.name(),
                kind.to_lowercase()
            );
            return Err(reader.fault(message, &["metadata", "name"]).hint(format!("name it {}", kind.to_lowercase())));
        }
        if target_name != TARGET {
            let message = format!("{REFUSED}: target {target_name:?} not recognized, known targets [{TARGET}]");
            return Err(reader.fault(message, &target_path).hint(format!("the one target is {TARGET}")));
        }
        let schema = constraint_schema(&reader, value, legacy_by_default)?;
        let code = code(&reader, target, options, native)?;
        let operations = json::texts(json::field(target, "operations")).into_iter().map(Arc::from).collect();
        Ok(Template { name: document.name().into(), kind: kind.into(), schema, code, operations })
    }

    /// Whether its `operations` name an operation; one without any is asked about what the webhook's rules bring.
    pub fn names(&self, operation: &str) -> bool {
        self.operations.iter().any(|want| &**want == "*" || **want == *operation)
    }

    /// Whether it is asked for an operation at admission; what an object would make comes by none, and is always asked about.
    pub fn wants(&self, operation: &str) -> bool {
        operation.is_empty() || self.operations.is_empty() || self.names(operation)
    }
}

/// The schema of whole constraints, the template's own for their parameters.
fn constraint_schema(reader: &Reader<'_>, value: &Value, legacy_by_default: bool) -> Result<Schema, Fault> {
    let path = ["spec", "crd", "spec", "validation"];
    let validation = json::at(value, &path).filter(|value| !matches!(value, Value::Null));
    let legacy = match validation.and_then(|value| json::field(value, "legacySchema")) {
        Some(Value::Bool(legacy)) => *legacy,
        _ => legacy_by_default,
    };
    let schema_path = ["spec", "crd", "spec", "validation", "openAPIV3Schema"];
    let written = json::at(value, &schema_path).filter(|value| !matches!(value, Value::Null));
    let parameters = match written {
        Some(written) => Schema::read(written).map(Some),
        None => Ok(legacy.then(Schema::default)),
    };
    let parameters = parameters.and_then(|schema| match schema {
        Some(schema) if legacy => schema.legacy().map(Some),
        other => Ok(other),
    });
    let parameters = parameters.map_err(|why| {
        reader.fault(format!("adding template: {why}"), &schema_path).hint("mend the schema of the parameters")
    })?;
    let mut schema = frame();
    if let (Some(parameters), Some(spec)) = (parameters, schema.properties.get_mut("spec")) {
        spec.properties.insert("parameters".into(), parameters);
    }
    let wrong = structural(&schema, "spec.validation.openAPIV3Schema");
    if wrong.is_empty() {
        return Ok(schema);
    }
    let message = format!("{REFUSED}: {}", crate::aggregate(&wrong));
    let place: Vec<String> = schema_path.iter().map(|part| (*part).to_owned()).chain(schema_place(&wrong)).collect();
    let hint = match legacy {
        true => "the API server would not take this schema: mend it",
        false => {
            "templates.gatekeeper.sh/v1 wants a structural schema: every field with its type, every array with its items; `legacySchema: true` is laxer"
        }
    };
    Err(reader.fault(message, &place).hint(hint))
}

/// The fields that lead to the first error in the template's own schema.
fn schema_place(wrong: &[String]) -> Vec<String> {
    let first = wrong.first().map_or("", |line| line.split(": ").next().unwrap_or(""));
    let inner = first.split("properties[parameters]").nth(1).unwrap_or("");
    inner.split(['.', '[', ']']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The schema of every constraint but for its parameters, read once.
fn frame() -> Schema {
    static READ: LazyLock<Schema> = LazyLock::new(read_frame);
    READ.clone()
}

fn read_frame() -> Schema {
    const FRAME: &str = r#"{"type": "object", "properties": {
        "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 63}}},
        "status": {"x-kubernetes-preserve-unknown-fields": true},
        "spec": {"type": "object", "properties": {
            "enforcementAction": {"type": "string", "default": "deny"},
            "scopedEnforcementActions": {"type": "array", "items": {"type": "object", "properties": {
                "action": {"type": "string"},
                "enforcementPoints": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}}
            }}},
            "match": {"type": "object", "properties": {
                "source": {"type": "string", "enum": ["All", "Generated", "Original"]},
                "kinds": {"type": "array", "items": {"type": "object", "properties": {
                    "apiGroups": {"type": "array", "items": {"type": "string"}},
                    "kinds": {"type": "array", "items": {"type": "string"}}
                }}},
                "scope": {"type": "string"},
                "namespaces": {"type": "array", "items": {"type": "string", "pattern": "^\\*?[-:a-z0-9]*\\*?$"}},
                "excludedNamespaces": {"type": "array", "items": {"type": "string", "pattern": "^\\*?[-:a-z0-9]*\\*?$"}},
                "labelSelector": SELECTOR,
                "namespaceSelector": SELECTOR,
                "name": {"type": "string", "pattern": "^\\*?[-:a-z0-9]*\\*?$"}
            }}
        }}
    }}"#;
    const SELECTOR: &str = r#"{"type": "object", "properties": {
        "matchLabels": {"type": "object", "additionalProperties": {"type": "string"}},
        "matchExpressions": {"type": "array", "items": {"type": "object", "required": ["key", "operator"], "properties": {
            "key": {"type": "string"}, "operator": {"type": "string"}, "values": {"type": "array", "items": {"type": "string"}}
        }}}
    }}"#;
    let text = FRAME.replace("SELECTOR", SELECTOR);
    let value = Value::from_json(text.as_bytes()).unwrap_or(Value::Null);
    Schema::read(&value).unwrap_or_default()
}

fn code(reader: &Reader<'_>, target: &Value, options: CodeOptions, native: Option<&dyn Native>) -> Result<Code, Fault> {
    let front = ["spec", "targets", "0"];
    let path = |rest: &[&str]| front.iter().chain(rest).map(|part| (*part).to_owned()).collect::<Vec<String>>();
    let blocks = json::items(json::field(target, "code"));
    let block = |engine: &str| {
        let mut numbered = blocks.iter().enumerate();
        let (at, block) = numbered.find(|(_, block)| json::text(block, &["engine"]) == engine)?;
        Some((at, json::field(block, "source").cloned().unwrap_or(Value::Null)))
    };
    if let (Some((at, source)), Some(native)) = (block(NATIVE), native) {
        let at = at.to_string();
        return native.compile(&source).map(Code::Native).map_err(|wrong| {
            let inner: Vec<&str> = wrong.path.iter().map(String::as_str).collect();
            let place = path(&[&["code", at.as_str(), "source"], inner.as_slice()].concat());
            let fault = reader.fault(wrong.message, &place);
            match wrong.hint {
                Some(hint) => fault.hint(hint),
                None => fault,
            }
        });
    }
    // The old field wins over a block, as Gatekeeper converts it.
    let rego = json::text(target, &["rego"]);
    let written = if !rego.is_empty() {
        Written {
            rego: rego.to_owned(),
            libs: json::texts(json::field(target, "libs")).into_iter().map(str::to_owned).collect(),
            language: Language::V0,
            rego_path: path(&["rego"]),
            libs_path: path(&["libs"]),
        }
    } else if let Some((at, source)) = block(REGO) {
        let at = at.to_string();
        let place = path(&["code", &at, "source"]);
        let Some(rego) = json::field(&source, "rego") else {
            let message = "rego source missing required field: rego";
            return Err(reader.fault(message, &place).hint("a block of the engine Rego has source.rego"));
        };
        let Some(rego) = rego.as_str() else {
            let message = format!("{}: while extracting Rego source", accessor("rego", rego));
            return Err(reader.fault(message, &place).hint("source.rego is a text: begin it with `|`"));
        };
        let language = if json::text(&source, &["version"]) == "v1" { Language::V1 } else { Language::V0 };
        Written {
            rego: rego.to_owned(),
            libs: json::texts(json::field(&source, "libs")).into_iter().map(str::to_owned).collect(),
            language,
            rego_path: path(&["code", &at, "source", "rego"]),
            libs_path: path(&["code", &at, "source", "libs"]),
        }
    } else {
        let available = if native.is_some() { "K8sNativeValidation:1 Rego:2" } else { "Rego:1" };
        let message = format!(
            "no language driver is installed that handles this constraint template: available drivers: map[{available}], wanted \"\""
        );
        let hint = match block(NATIVE) {
            Some(_) => "it has only CEL, which is turned off: add a block of the engine Rego, or turn CEL on",
            None => "give the target `rego`, or a code block of the engine Rego or K8sNativeValidation",
        };
        return Err(reader.fault(message, &front).hint(hint));
    };
    Rego::compile(&written, options).map(|rego| Code::Rego(Box::new(rego))).map_err(|wrong| reader.code_fault(*wrong))
}

fn accessor(field: &str, value: &Value) -> String {
    format!(".{field} accessor error: {} is of the type {}, expected string", value.to_json(), value.type_name())
}
