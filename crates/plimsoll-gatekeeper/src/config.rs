//! Gatekeeper's `Config`. In: a document of `config.gatekeeper.sh`. Out: which namespaces a process leaves alone, and what it
//! asks to have in the inventory.

use std::sync::Arc;

use crate::document::Document;
use crate::json;
use crate::matching::Glob;

pub const GROUP: &str = "config.gatekeeper.sh";

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
