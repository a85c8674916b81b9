//! Secrets where they should not be: in the environment, in arguments, in ConfigMaps and in the files themselves. No message
//! shows one whole.

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::pod::{called, first_key, short};
use super::{Check, Context, Rule};
use crate::manifest::object::{Container, Object, Workload, entry, span};
use crate::secrets;
use crate::source::{Found, Span};

pub const SECRET_IN_ENV: Rule = Rule {
    info: RuleInfo {
        id: "secret-in-env",
        severity: Severity::Low,
        aliases: &["SecretsAsEnvironmentVariables", "env-var-secret", "read-secret-from-env-var", "CKV_K8S_35"],
        opt_in: false,
        title: "A Secret is handed over as an environment variable",
        why: "Every process of the container inherits it, crash reports and debug pages print it, and it stays the same until \
              the container starts anew.",
        remedy: "mount the Secret as a volume and let the program read the file",
        bad: container!(
            "    env:\n    - name: PASSWORD\n      valueFrom:\n        secretKeyRef:\n          name: database\n          key: password\n"
        ),
        good: container!(
            "    volumeMounts:\n    - name: database\n      mountPath: /run/secrets/database\n      readOnly: true\n  volumes:\n  - name: database\n    secret:\n      secretName: database\n"
        ),
    },
    check: Check::Container(secret_in_env),
};

pub const LITERAL_IN_ENV: Rule = Rule {
    info: RuleInfo {
        id: "literal-secret-in-env",
        severity: Severity::High,
        aliases: &["sensitiveContainerEnvVar"],
        opt_in: false,
        title: "An environment variable's value is a secret",
        why: "Whoever may read the manifest, the repository or the pod has it.",
        remedy: "put it into a Secret that does not stand in the repository, and change it: it has been published",
        bad: container!("    env:\n    - name: DATABASE_PASSWORD\n      value: tK8-pq2.Vw9x\n"),
        good: container!("    env:\n    - name: DATABASE_PASSWORD_FILE\n      value: /run/secrets/database/password\n"),
    },
    check: Check::Container(literal_in_env),
};

pub const SECRET_IN_COMMAND: Rule = Rule {
    info: RuleInfo {
        id: "secret-in-command",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "A command line holds a secret",
        why: "Whoever may read the manifest, the pod or the node's process list has it.",
        remedy: "let the program read a mounted Secret, and change the secret: it has been published",
        bad: container!("    args: [\"--user=app\", \"--password=tK8-pq2.Vw9x\"]\n"),
        good: container!("    args: [\"--user=app\", \"--password-file=/run/secrets/password\"]\n"),
    },
    check: Check::Container(secret_in_command),
};

pub const SECRET_IN_CONFIG_MAP: Rule = Rule {
    info: RuleInfo {
        id: "secret-in-config-map",
        severity: Severity::High,
        aliases: &["sensitiveConfigmapContent", "KSV-0109", "KSV-01010"],
        opt_in: false,
        title: "A ConfigMap holds a secret",
        why: "ConfigMaps are readable by far more people and programs than Secrets, and are not encrypted at rest.",
        remedy: "move it to a Secret, and change it: it has been published",
        bad: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  DATABASE_PASSWORD: tK8-pq2.Vw9x\n",
        good: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  DATABASE_HOST: db.example.com\n",
    },
    check: Check::Object(secret_in_config_map),
};

pub const SECRET_IN_MANIFEST: Rule = Rule {
    info: RuleInfo {
        id: "secret-data-in-manifest",
        severity: Severity::Low,
        aliases: &[],
        opt_in: true,
        title: "A Secret stands in the file with its data",
        why: "Base64 is no encryption: whoever may read the file or the repository's history has it.",
        remedy: "seal it (SealedSecret, SOPS) or have it fetched from a vault (ExternalSecret)",
        bad: "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  password: tK8-pq2.Vw9x\n",
        good: "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata:\n  name: database\nspec:\n  dataFrom:\n  - extract:\n      key: database\n",
    },
    check: Check::Object(secret_in_manifest),
};

fn secret_in_env(container: &Container<'_>, _: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    for variable in container.at(&["env"]).map(|env| env.items()).unwrap_or_default() {
        let Some(from) = variable.get("valueFrom") else { continue };
        let Some(secret) = from.get("secretKeyRef").filter(|secret| !secret.is_null()) else { continue };
        let name = variable.get("name").and_then(|name| name.text()).unwrap_or_default();
        let from_name = secret.get("name").and_then(|name| name.text()).unwrap_or_default();
        let key = secret.get("key").and_then(|key| key.text()).unwrap_or_default();
        let message = format!(
            "{} gets `{}` of the Secret `{}` as the environment variable `{}`",
            called(container),
            short(key),
            short(from_name),
            short(name)
        );
        out.push(Found::new(&SECRET_IN_ENV.info, entry(from, "secretKeyRef"), message));
    }
    for source in container.at(&["envFrom"]).map(|from| from.items()).unwrap_or_default() {
        let Some(secret) = source.get("secretRef").filter(|secret| !secret.is_null()) else { continue };
        let name = secret.get("name").and_then(|name| name.text()).unwrap_or_default();
        let message = format!("{} gets the whole Secret `{}` as environment variables", called(container), short(name));
        out.push(Found::new(&SECRET_IN_ENV.info, entry(source, "secretRef"), message));
    }
}

fn literal_in_env(container: &Container<'_>, _: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    for variable in container.at(&["env"]).map(|env| env.items()).unwrap_or_default() {
        let name = variable.get("name").and_then(|name| name.text()).unwrap_or_default();
        let Some(value) = variable.get("value").and_then(|value| value.string()) else { continue };
        if let Some(secret) = secrets::in_variable(name, value) {
            let message =
                format!("the environment variable `{}` holds {}: {}", short(name), secret.what, secret.masked());
            out.push(Found::new(&LITERAL_IN_ENV.info, entry(variable, "value"), message).severity(secret.severity));
        }
    }
}

/// Where containers have command lines.
const COMMANDS: [&[&str]; 7] = [
    &["command"],
    &["args"],
    &["livenessProbe", "exec", "command"],
    &["readinessProbe", "exec", "command"],
    &["startupProbe", "exec", "command"],
    &["lifecycle", "postStart", "exec", "command"],
    &["lifecycle", "preStop", "exec", "command"],
];

fn secret_in_command(container: &Container<'_>, _: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    for path in COMMANDS {
        let items = container.at(path).map(|list| list.items()).unwrap_or_default();
        for (at, item) in items.iter().enumerate() {
            let Some(text) = item.string() else { continue };
            // The value of `--password` may be the next argument.
            let flag = at.checked_sub(1).and_then(|before| items[before].text()).filter(|flag| flag.starts_with('-'));
            let named = flag.filter(|flag| !flag.contains('=') && !text.starts_with('-'));
            let worst = secrets::in_command(text).into_iter().max_by_key(|secret| secret.severity);
            let worst = worst.or_else(|| secrets::in_variable(named?.trim_start_matches('-'), text));
            if let Some(secret) = worst {
                let message =
                    format!("an argument of {} holds {}: {}", called(container), secret.what, secret.masked());
                out.push(Found::new(&SECRET_IN_COMMAND.info, span(item), message).severity(secret.severity));
            }
        }
    }
}

fn is_kind(object: &Object, api_version: &str, kind: &str) -> bool {
    object.api_version == api_version && object.kind == kind
}

fn secret_in_config_map(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    if !is_kind(object, "v1", "ConfigMap") {
        return;
    }
    let Some(data) = object.at(&["data"]) else { return };
    for (key, value) in data.all_pairs() {
        let (Some(name), Some(text)) = (key.text(), value.string()) else { continue };
        let place = Span::new(key.start, value.end.max(key.end));
        let whole = secrets::in_variable(name, text).map(|secret| (secret.what, secret.masked(), secret.severity));
        if let Some((what, masked, severity)) = whole {
            let message = format!("`{}` holds {what}: {masked}", short(name));
            out.push(Found::new(&SECRET_IN_CONFIG_MAP.info, place, message).severity(severity));
            continue;
        }
        // A file of settings, as the key names it.
        if let Some(found) = secrets::inspect(name, text.as_bytes()).into_iter().max_by_key(|found| found.severity) {
            let what = secrets::kind_of(&found).unwrap_or("a secret").to_owned();
            let message = format!("the file `{}` holds {what}", short(name));
            out.push(Found::new(&SECRET_IN_CONFIG_MAP.info, place, message).severity(found.severity));
        }
    }
}

fn secret_in_manifest(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    // A service account's token is filled in by the cluster.
    if !is_kind(object, "v1", "Secret") {
        return;
    }
    for field in ["data", "stringData"] {
        let filled =
            |data: &&std::sync::Arc<Node>| data.all_pairs().into_iter().any(|(_, value)| value.string().is_some());
        if let Some(data) = object.at(&[field]).filter(filled) {
            let count = data.all_pairs().len();
            let message = format!("{} stands here with its data ({count})", short(&object.label()));
            let key = crate::manifest::object::key(&object.node, field);
            out.push(Found::new(
                &SECRET_IN_MANIFEST.info,
                key.map_or_else(|| first_key(data), |key| span(key)),
                message,
            ));
        }
    }
}
