//! A repository as The Update Framework has it, made here. In: files that it publishes. Out: what a mirror serves, by path; whoever
//! makes it wrong changes what it says before it is signed, or what is served after. Keys are thrown away.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::world::*;

pub const GOOD_UNTIL: &str = "2099-01-01T00:00:00Z";
/// What of it is signed, in the order in which one names the other.
const ORDER: [&str; 3] = ["targets", "snapshot", "timestamp"];

pub struct Repository {
    /// Who signs roots and targets: two of three have to.
    pub keys: Vec<Key>,
    /// Who signs snapshots and timestamps.
    pub online: Key,
    /// What each kind says.
    pub says: BTreeMap<&'static str, Value>,
    /// What a mirror serves.
    pub served: BTreeMap<String, Vec<u8>>,
}

/// The form that is signed, written once more for a check of the other.
pub fn canonical(value: &Value) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members: Vec<_> =
                members.iter().map(|(name, value)| format!("{}:{}", quoted(name), canonical(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

pub fn digest(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

/// A key as roots name it.
pub fn public(key: &Key) -> Value {
    json!({"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem("PUBLIC KEY", &key.spki())}})
}

pub fn id(key: &Value) -> String {
    digest(canonical(key).as_bytes())
}

/// What `says` says, signed by these.
pub fn signed(says: &Value, keys: &[&Key]) -> Vec<u8> {
    let text = canonical(says);
    let signatures: Vec<_> =
        keys.iter().map(|key| json!({"keyid": id(&public(key)), "sig": hex(&key.sign(text.as_bytes()))})).collect();
    json!({"signatures": signatures, "signed": says}).to_string().into_bytes()
}

fn meta(version: &Value, bytes: &[u8]) -> Value {
    json!({"version": version, "length": bytes.len(), "hashes": {"sha256": digest(bytes)}})
}

impl Repository {
    pub fn new(files: &[(&str, &[u8])]) -> Self {
        let keys: Vec<_> = (0..3).map(|_| Key::new()).collect();
        let online = Key::new();
        let says = |kind: &str, more: Value| {
            let mut says = json!({"_type": kind, "spec_version": "1.0", "version": 1, "expires": GOOD_UNTIL});
            says.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            says
        };
        let mut targets = json!({});
        let mut served = BTreeMap::new();
        for (name, bytes) in files {
            targets[*name] = json!({"length": bytes.len(), "hashes": {"sha256": digest(bytes)}});
            served.insert(format!("targets/{}.{name}", digest(bytes)), bytes.to_vec());
        }
        let says = BTreeMap::from([
            ("root", says("root", json!({"consistent_snapshot": true, "keys": {}, "roles": {}}))),
            ("targets", says("targets", json!({"targets": targets}))),
            ("snapshot", says("snapshot", json!({"meta": {}}))),
            ("timestamp", says("timestamp", json!({"meta": {}}))),
        ]);
        let mut repository = Self { keys, online, says, served };
        repository.name_keys();
        repository.publish_root();
        repository.publish();
        repository
    }

    /// Writes the keys that are had into what the root says.
    pub fn name_keys(&mut self) {
        let keys: Vec<Value> = self.keys.iter().chain([&self.online]).map(public).collect();
        let offline: Vec<String> = self.keys.iter().map(|key| id(&public(key))).collect();
        let online = json!({"keyids": [id(&public(&self.online))], "threshold": 1});
        let root = self.says.get_mut("root").unwrap();
        root["keys"] = keys.iter().map(|key| (id(key), key.clone())).collect::<serde_json::Map<_, _>>().into();
        let offline = json!({"keyids": offline, "threshold": 2});
        root["roles"] = json!({"root": offline, "targets": offline, "snapshot": online, "timestamp": online});
    }

    /// The root as it is said, signed by those who are had and these besides.
    pub fn root(&self, also: &[&Key]) -> Vec<u8> {
        signed(&self.says["root"], &self.keys.iter().chain(also.iter().copied()).collect::<Vec<_>>())
    }

    pub fn publish_root(&mut self) {
        self.publish_root_signed_by(&[]);
    }

    pub fn publish_root_signed_by(&mut self, also: &[&Key]) {
        let root = self.root(also);
        self.served.insert(format!("{}.root.json", self.says["root"]["version"]), root);
    }

    /// Signs all but the root, each naming the one before.
    pub fn publish(&mut self) {
        for (at, kind) in ORDER.into_iter().enumerate() {
            let keys = if kind == "targets" { self.keys.iter().collect() } else { vec![&self.online] };
            let bytes = signed(&self.says[kind], &keys);
            let version = self.says[kind]["version"].clone();
            if let Some(above) = ORDER.get(at + 1) {
                self.says.get_mut(above).unwrap()["meta"][format!("{kind}.json")] = meta(&version, &bytes);
            }
            let name = if kind == "timestamp" { "timestamp.json".to_owned() } else { format!("{version}.{kind}.json") };
            self.served.insert(name, bytes);
        }
    }

    /// Gives each kind of these its next version.
    pub fn next(&mut self, kinds: &[&'static str]) {
        for kind in kinds {
            let says = self.says.get_mut(kind).unwrap();
            says["version"] = (says["version"].as_u64().unwrap() + 1).into();
        }
    }

    /// Publishes another text under a name, as what comes next.
    pub fn replace(&mut self, name: &str, bytes: &[u8]) {
        self.says.get_mut("targets").unwrap()["targets"][name] =
            json!({"length": bytes.len(), "hashes": {"sha256": digest(bytes)}});
        self.served.insert(format!("targets/{}.{name}", digest(bytes)), bytes.to_vec());
        self.next(&ORDER);
        self.publish();
    }
}
