//! Gatekeeper's `Config` and SyncSets. In: documents of `config.gatekeeper.sh` and `syncset.gatekeeper.sh`. Out: which
//! namespaces a process leaves alone, and what is asked to be in the inventory.

use std::sync::Arc;

use plimsoll_rego::value::Value;

use crate::document::Document;
use crate::json;
use crate::matching::Glob;

pub const GROUP: &str = "config.gatekeeper.sh";
const SYNC_GROUP: &str = "syncset.gatekeeper.sh";

/// A kind whose objects are to be in the inventory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Synced {
    /// `v1`, `networking.k8s.io/v1`
    pub api_version: String,
    pub kind: String,
}

/// The kinds that a Config or SyncSet asks for; none of other documents.
pub fn synced(document: &Document) -> Vec<Synced> {
    let path: &[&str] = match (document.group(), document.kind()) {
        (GROUP, "Config") => &["spec", "sync", "syncOnly"],
        (SYNC_GROUP, "SyncSet") => &["spec", "gvks"],
        _ => return Vec::new(),
    };
    let one = |entry: &Value| {
        let text = |name| json::text(entry, &[name]);
        let api_version = match text("group") {
            "" => text("version").to_owned(),
            group => format!("{group}/{}", text("version")),
        };
        Synced { api_version, kind: text("kind").to_owned() }
    };
    json::items(json::at(document.value(), path)).iter().map(one).collect()
}

/// What a namespace may be left alone by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Process {
    Audit,
    Webhook,
    Sync,
    MutationWebhook,
}

impl Process {
    pub fn as_str(self) -> &'static str {
        match self {
            Process::Audit => "audit",
            Process::Webhook => "webhook",
            Process::Sync => "sync",
            Process::MutationWebhook => "mutation-webhook",
        }
    }
}

/// `spec.match` of the Config.
#[derive(Debug, Clone, Default)]
pub struct Exclusions {
    entries: Vec<(Vec<Arc<str>>, Vec<Glob>)>,
}

pub fn is_config(document: &Document) -> bool {
    document.group() == GROUP && document.kind() == "Config"
}

impl Exclusions {
    pub fn add(&mut self, document: &Document) {
        for entry in json::items(json::at(document.value(), &["spec", "match"])) {
            let processes = json::texts(json::field(entry, "processes")).into_iter().map(Arc::from).collect();
            let namespaces = json::texts(json::field(entry, "excludedNamespaces")).into_iter().map(Glob::new).collect();
            self.entries.push((processes, namespaces));
        }
    }

    /// Whether a process leaves a namespace alone.
    pub fn excludes(&self, process: Process, namespace: &str) -> bool {
        self.entries.iter().any(|(processes, globs)| {
            processes.iter().any(|name| &**name == "*" || &**name == process.as_str())
                && globs.iter().any(|glob| glob.matches(namespace))
        })
    }
}
