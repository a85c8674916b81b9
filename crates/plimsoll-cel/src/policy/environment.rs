//! What expressions of admission policies may name, with the types that the API server declares.

use crate::Environment;
use crate::types::Type;

/// Numbers of the variables, as they are declared.
pub(crate) const OBJECT: usize = 0;
pub(crate) const OLD_OBJECT: usize = 1;
pub(crate) const PARAMS: usize = 2;
pub(crate) const NAMESPACE: usize = 3;
pub(crate) const REQUEST: usize = 4;
pub(crate) const AUTHORIZER: usize = 5;
pub(crate) const RESOURCE_AUTHORIZER: usize = 6;

fn strings() -> Type {
    Type::list(Type::String)
}

/// `object`, `oldObject`, `namespaceObject`, `request`; `params` and `authorizer` where asked for. In the order of
/// `object, oldObject, params, namespaceObject, request, authorizer, authorizer.requestResource`: without params `params` cannot
/// be named, but its number stays taken.
pub fn admission_environment(params: bool, authorizer: bool) -> Environment {
    let object = |name: &str| Type::Object(name.into());
    let mut environment = Environment::new()
        .variable("object", Type::Dyn)
        .variable("oldObject", Type::Dyn)
        .variable(if params { "params" } else { "" }, Type::Dyn)
        .variable("namespaceObject", object("kubernetes.Namespace"))
        .variable("request", object("kubernetes.AdmissionRequest"));
    if authorizer {
        environment = environment
            .variable("authorizer", Type::Opaque("kubernetes.authorization.Authorizer"))
            .variable("authorizer.requestResource", Type::Opaque("kubernetes.authorization.ResourceCheck"));
    }
    let labels = || Type::map(Type::String, Type::String);
    let tables: [(&str, Vec<(&str, Type)>); 8] = [
        ("kubernetes.GroupVersionKind", ["group", "version", "kind"].map(|name| (name, Type::String)).into()),
        ("kubernetes.GroupVersionResource", ["group", "version", "resource"].map(|name| (name, Type::String)).into()),
        (
            "kubernetes.UserInfo",
            vec![
                ("username", Type::String),
                ("uid", Type::String),
                ("groups", strings()),
                ("extra", Type::map(Type::String, strings())),
            ],
        ),
        (
            "kubernetes.AdmissionRequest",
            vec![
                ("kind", object("kubernetes.GroupVersionKind")),
                ("resource", object("kubernetes.GroupVersionResource")),
                ("subResource", Type::String),
                ("requestKind", object("kubernetes.GroupVersionKind")),
                ("requestResource", object("kubernetes.GroupVersionResource")),
                ("requestSubResource", Type::String),
                ("name", Type::String),
                ("namespace", Type::String),
                ("operation", Type::String),
                ("userInfo", object("kubernetes.UserInfo")),
                ("dryRun", Type::Bool),
                ("options", Type::Dyn),
            ],
        ),
        (
            "kubernetes.Namespace",
            vec![
                ("metadata", object("kubernetes.NamespaceMetadata")),
                ("spec", object("kubernetes.NamespaceSpec")),
                ("status", object("kubernetes.NamespaceStatus")),
            ],
        ),
        ("kubernetes.NamespaceSpec", vec![("finalizers", strings())]),
        (
            "kubernetes.NamespaceStatus",
            vec![("conditions", Type::list(object("kubernetes.NamespaceCondition"))), ("phase", Type::String)],
        ),
        (
            "kubernetes.NamespaceMetadata",
            vec![
                ("name", Type::String),
                ("generateName", Type::String),
                ("namespace", Type::String),
                ("labels", labels()),
                ("annotations", labels()),
                ("UID", Type::String),
                ("creationTimestamp", Type::Timestamp),
                ("deletionGracePeriodSeconds", Type::Int),
                ("deletionTimestamp", Type::Timestamp),
                ("generation", Type::Int),
                ("resourceVersion", Type::String),
                ("finalizers", strings()),
            ],
        ),
    ];
    for (name, fields) in tables {
        for (field, of) in fields {
            environment.field(name, field, of);
        }
    }
    for (field, of) in [
        ("status", Type::String),
        ("type", Type::String),
        ("lastTransitionTime", Type::Timestamp),
        ("message", Type::String),
        ("reason", Type::String),
    ] {
        environment.field("kubernetes.NamespaceCondition", field, of);
    }
    environment
}

/// The variable whose fields are a policy's own, and its type.
pub(super) const VARIABLES: &str = "variables";
pub(super) const VARIABLES_TYPE: &str = "kubernetes.variables";

/// What others see of a variable's type: lists, maps and plain types stay, all else is dyn.
pub(super) fn field_type(of: &Type) -> Type {
    match of {
        Type::List(item) => Type::list(field_type(item)),
        Type::Map(pair) => Type::map(field_type(&pair.0), field_type(&pair.1)),
        Type::Bool
        | Type::Bytes
        | Type::Double
        | Type::Duration
        | Type::Int
        | Type::Null
        | Type::String
        | Type::Timestamp
        | Type::Uint => of.clone(),
        _ => Type::Dyn,
    }
}
