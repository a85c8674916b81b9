//! `gator sync test`. In: templates that say what they must see of the cluster, SyncSets and a Config that ask for it, a
//! GVKManifest of what the cluster has. Out: what is missing.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_gatekeeper::{Document, config, json, template};
use plimsoll_rego::value::Value;

use super::{flags, print, read, say};
use crate::exit::Exit;

/// The annotation of templates.
const ANNOTATION: &str = "metadata.gatekeeper.sh/requires-sync-data";
/// Kinds that one template may name.
const MAX_KINDS: usize = 100_000;

type Gvk = (String, String, String);
/// Kinds of which one is enough.
type AnyOf = BTreeSet<Gvk>;

pub fn run(asked: &flags::SyncTest) -> Result<Exit, String> {
    let documents =
        read::sources(&asked.filename, &asked.image).map_err(|unread| format!("reading: {}", unread.all()))?;
    if documents.is_empty() {
        return Err("no input data identified".into());
    }
    let checking = |why: &str| Err(format!("checking: {why}"));
    let mut synced: BTreeSet<Gvk> = BTreeSet::new();
    let mut needs: BTreeMap<String, Vec<AnyOf>> = BTreeMap::new();
    let mut unread: BTreeMap<String, String> = BTreeMap::new();
    let (mut with_config, mut manifest) = (false, None);
    for document in &documents {
        let value = document.value();
        let is = |group: &str, kind: &str| document.group() == group && document.kind() == kind;
        if is("syncset.gatekeeper.sh", "SyncSet") {
            synced.extend(json::items(json::at(value, &["spec", "gvks"])).iter().map(gvk));
        } else if config::is_config(document) {
            if with_config {
                return checking("multiple configs found; Config is a singleton resource");
            }
            with_config = true;
            synced.extend(json::items(json::at(value, &["spec", "sync", "syncOnly"])).iter().map(gvk));
        } else if template::is_template(document) {
            match requirements(document) {
                Ok(found) => drop(needs.insert(document.name().to_owned(), found)),
                Err(why) => drop(unread.insert(document.name().to_owned(), why)),
            }
        } else if is("gvkmanifest.gatekeeper.sh", "GVKManifest") {
            if manifest.is_some() {
                return checking(
                    "multiple GVK manifests found; please provide one manifest enumerating the GVKs supported by the cluster",
                );
            }
            manifest = Some(supported(value));
        } else {
            let name = document.name();
            print(&format!(
                "skipping unstructured {name:?} because it is not a syncset, config, gvk manifest, or template\n"
            ))?;
        }
    }
    if !unread.is_empty() {
        let lines: String = unread.iter().map(|(name, why)| format!("{name}:\n{why}\n")).collect();
        return Err(format!("encountered errors parsing the following templates: \n{lines}"));
    }
    if manifest.is_none() {
        if !asked.force_omit_gvk_manifest {
            return checking(
                "no GVK manifest found; please provide a manifest enumerating the GVKs supported by the cluster",
            );
        }
        print(
            "ignoring absence of supported GVK manifest due to --force-omit-gvk-manifest flag; will assume all synced GVKs are supported by cluster\n",
        )?;
    }
    let there = |kind: &Gvk| {
        let has = manifest.as_ref().is_some_and(|manifest| manifest.contains(kind));
        synced.contains(kind) && (has || asked.force_omit_gvk_manifest)
    };
    let mut missing = String::new();
    for (name, list) in &needs {
        let unmet: Vec<&AnyOf> = list.iter().filter(|kinds| !kinds.iter().any(there)).collect();
        if !unmet.is_empty() {
            missing.push_str(&format!("{name}:\n{}\n", shown(&unmet)));
        }
    }
    if missing.is_empty() {
        return Ok(Exit::Allowed);
    }
    say(&format!("the following requirements were not met: \n{}", missing.trim_end()));
    Ok(Exit::Other(1))
}

fn gvk(value: &Value) -> Gvk {
    let text = |name: &str| json::text(value, &[name]).to_owned();
    (text("group"), text("version"), text("kind"))
}

fn supported(value: &Value) -> BTreeSet<Gvk> {
    let mut all = BTreeSet::new();
    for (group, versions) in json::entries(json::at(value, &["spec", "groups"])) {
        for (version, kinds) in json::entries(Some(versions)) {
            for kind in json::texts(Some(kinds)) {
                all.insert((group.to_owned(), version.to_owned(), kind.to_owned()));
            }
        }
    }
    all
}

fn requirements(document: &Document) -> Result<Vec<AnyOf>, String> {
    let Some(text) = json::at(document.value(), &["metadata", "annotations", ANNOTATION]).and_then(Value::as_str)
    else {
        return Ok(Vec::new());
    };
    let text = text.trim_matches(['\n', '"']);
    let (value, _) = Value::first_json(text.as_bytes(), &plimsoll_rego::value::JsonLimits::default())
        .map_err(|error| error.message)?;
    let Value::Array(_) = value else {
        return Err(format!(
            "json: cannot unmarshal {} into Go value of type parser.CompactSyncRequirements",
            value.type_name()
        ));
    };
    let mut all = Vec::new();
    let mut count = 0usize;
    for clauses in json::items(Some(&value)) {
        let mut kinds = AnyOf::new();
        for clause in json::items(Some(clauses)) {
            if let Some((name, _)) =
                json::entries(Some(clause)).find(|(name, _)| !matches!(*name, "groups" | "versions" | "kinds"))
            {
                return Err(format!("json: unknown field {name:?}"));
            }
            let list = |name: &str| json::texts(json::field(clause, name));
            for group in list("groups") {
                for version in list("versions") {
                    for kind in list("kinds") {
                        count += 1;
                        if count > MAX_KINDS {
                            return Err(format!("more than {MAX_KINDS} kinds are named"));
                        }
                        kinds.insert((group.to_owned(), version.to_owned(), kind.to_owned()));
                    }
                }
            }
        }
        all.push(kinds);
    }
    Ok(all)
}

/// What is missing, as gator lists it.
fn shown(unmet: &[&AnyOf]) -> String {
    let any_of = |kinds: &AnyOf| {
        let names = kinds.iter().map(|(group, version, kind)| format!("{group}/{version}:{kind}"));
        names.collect::<Vec<_>>().join(" OR ")
    };
    unmet.iter().map(|kinds| format!("- {}", any_of(kinds))).collect::<Vec<_>>().join("\n")
}
