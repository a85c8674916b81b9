//! Policies that look at the cluster: namespaces, parameters, `data.inventory`, through a stand-in that lists and watches.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::peer::Gate;
use super::{policy, review_of};

/// Path of a list, kind, and whether it is in namespaces.
const RESOURCES: [(&str, &str, &str, bool); 3] = [
    ("/api/v1", "namespaces", "Namespace", false),
    ("/api/v1", "configmaps", "ConfigMap", true),
    ("/apis/networking.k8s.io/v1", "ingresses", "Ingress", true),
];

/// An API server that lists and watches, and can be held.
struct Api {
    address: SocketAddr,
    inner: Arc<(Mutex<Inner>, Condvar)>,
}

#[derive(Default)]
struct Inner {
    version: u64,
    /// By resource, namespace and name.
    objects: BTreeMap<(String, String, String), Value>,
    /// Version, resource, namespace and event.
    events: Vec<(u64, String, String, Value)>,
    held: bool,
    forbidden: String,
    seen: Vec<String>,
}

impl Api {
    fn start() -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner: Arc<(Mutex<Inner>, Condvar)> = Arc::default();
        inner.0.lock().unwrap().version = 100;
        let all = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inner = Arc::clone(&all);
                std::thread::spawn(move || answer(stream, &inner));
            }
        });
        Api { address, inner }
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.inner.0.lock().unwrap());
        self.inner.1.notify_all();
    }

    fn put(&self, mut object: Value) {
        self.change(|inner| {
            inner.version += 1;
            object["metadata"]["resourceVersion"] = inner.version.to_string().into();
            inner.told("MODIFIED", &object);
            inner.objects.insert(key(&object), object);
        });
    }

    fn remove(&self, object: &Value) {
        self.change(|inner| {
            inner.version += 1;
            let mut object = inner.objects.remove(&key(object)).unwrap();
            object["metadata"]["resourceVersion"] = inner.version.to_string().into();
            inner.told("DELETED", &object);
        });
    }

    fn kubeconfig(&self, dir: &Path) {
        let text = format!(
            "current-context: a\ncontexts: [{{name: a, context: {{cluster: c}}}}]\nclusters: [{{name: c, cluster: {{server: \"http://{}\"}}}}]\n",
            self.address
        );
        std::fs::write(dir.join("kubeconfig"), text).unwrap();
    }

    fn gate(&self, more: &str, files: &[(&str, &str)]) -> Gate {
        let args = [
            "--policy",
            "{dir}/loadline.yaml",
            "--follow-cluster",
            "--kubeconfig",
            "{dir}/kubeconfig",
            "--cluster-stale",
            "10",
        ];
        Gate::start(&args, |dir, _| {
            self.kubeconfig(dir);
            for (name, text) in files {
                std::fs::write(dir.join(name), text).unwrap();
            }
            policy(dir, more);
        })
    }
}

impl Inner {
    fn told(&mut self, what: &str, object: &Value) {
        let (resource, namespace, _) = key(object);
        self.events.push((self.version, resource, namespace, json!({"type": what, "object": object})));
    }
}

fn key(object: &Value) -> (String, String, String) {
    let (_, resource, ..) = RESOURCES.iter().find(|(_, _, kind, _)| object["kind"] == *kind).unwrap();
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    ((*resource).to_owned(), text("namespace"), text("name"))
}

fn answer(mut stream: TcpStream, (inner, changed): &(Mutex<Inner>, Condvar)) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap_or(0);
    let path = line.split_whitespace().nth(1).unwrap_or("").to_owned();
    while reader.read_line(&mut line).unwrap_or(0) > 2 {}
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let mut now = inner.lock().unwrap();
    now.seen.push(format!("{path}?{query}"));
    while now.held {
        now = changed.wait(now).unwrap();
    }
    let mut say = |status: u16, body: &Value| {
        let _ = write!(stream, "HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n{body}");
    };
    if RESOURCES.iter().any(|(folder, ..)| *folder == path) {
        let of = RESOURCES.iter().filter(|(folder, ..)| *folder == path);
        let resources: Vec<Value> = of.map(|(_, name, kind, namespaced)| json!({"name": name, "kind": kind, "namespaced": namespaced, "verbs": ["list", "watch"]})).collect();
        return say(200, &json!({"kind": "APIResourceList", "resources": resources}));
    }
    let mut parts = path.rsplit('/');
    let resource = parts.next().unwrap_or_default().to_owned();
    let space = parts.next().filter(|_| path.contains("/namespaces/")).map(str::to_owned);
    let here = |namespace: &str| space.as_ref().is_none_or(|space| space == namespace);
    if now.forbidden == resource {
        return say(403, &json!({"kind": "Status", "message": format!("{resource} is forbidden"), "code": 403}));
    }
    if !RESOURCES.iter().any(|(_, name, ..)| *name == resource) {
        return say(404, &json!({"kind": "Status", "code": 404}));
    }
    if !query.contains("watch=true") {
        let of = now.objects.iter().filter(|((of, namespace, _), _)| *of == resource && here(namespace));
        // Lists of built-in kinds leave the kind out.
        let items: Vec<Value> = of
            .map(|(_, object)| json!({"metadata": object["metadata"], "spec": object["spec"], "data": object["data"]}))
            .collect();
        let of = RESOURCES.iter().find(|(_, name, ..)| *name == resource).unwrap();
        let (version, kind) = (api_version(of.0), format!("{}List", of.2));
        let list = json!({"apiVersion": version, "kind": kind, "metadata": {"resourceVersion": now.version.to_string()}, "items": items});
        return say(200, &list);
    }
    let number = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.parse::<u64>().ok()).unwrap();
    let (mut since, end) =
        (number("resourceVersion="), Instant::now() + Duration::from_secs(number("timeoutSeconds=")));
    let _ = write!(stream, "HTTP/1.1 200 X\r\nConnection: close\r\n\r\n");
    while Instant::now() < end {
        if !now.held {
            let from = since;
            for (version, _, _, event) in now
                .events
                .iter()
                .filter(|(version, of, namespace, _)| *version > from && *of == resource && here(namespace))
            {
                since = *version;
                if writeln!(stream, "{event}").is_err() {
                    return;
                }
            }
        }
        (now, _) = changed.wait_timeout(now, Duration::from_millis(100)).unwrap();
    }
    while now.held {
        now = changed.wait(now).unwrap();
    }
}

fn api_version(folder: &str) -> &str {
    folder.trim_start_matches("/apis/").trim_start_matches("/api/")
}

fn object(kind: &str, name: &str, more: Value) -> Value {
    let (folder, _, _, namespaced) = RESOURCES.iter().find(|(_, _, own, _)| *own == kind).unwrap();
    let mut object = json!({"apiVersion": api_version(folder), "kind": kind, "metadata": {"name": name}});
    if *namespaced {
        object["metadata"]["namespace"] = "default".into();
    }
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

fn namespace(name: &str, labels: Value) -> Value {
    object("Namespace", name, json!({"metadata": {"name": name, "labels": labels}}))
}

fn ingress(name: &str, space: &str, host: &str) -> Value {
    object(
        "Ingress",
        name,
        json!({"metadata": {"name": name, "namespace": space}, "spec": {"rules": [{"host": host}]}}),
    )
}

fn parameters(most: &str) -> Value {
    object("ConfigMap", "limits", json!({"data": {"most": most}}))
}

/// Whether it is allowed, and the words.
fn asked(gate: &Gate, object: &Value, more: Value) -> (bool, String) {
    let (resource, ..) = key(object);
    let group = object["apiVersion"].as_str().unwrap().split_once('/').map_or("", |(group, _)| group);
    let mut request = json!({"resource": {"group": group, "version": "v1", "resource": resource}, "name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"]});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = gate.client().post("/validate", &review_of(object, &request).to_string()).json();
    let response = &answer["response"];
    (response["allowed"] == true, response["status"]["message"].as_str().unwrap_or_default().to_owned())
}

fn until(gate: &Gate, object: &Value, allowed: bool, words: &str) {
    let what = format!("allowed {allowed} with {words:?}");
    gate.wait(&what, |gate| {
        let (found, message) = asked(gate, object, json!({}));
        found == allowed && message.contains(words)
    });
}

const UNIQUE_HOST: &str = r#"apiVersion: config.gatekeeper.sh/v1alpha1
kind: Config
metadata: {name: config, namespace: gatekeeper-system}
spec:
  match: [{excludedNamespaces: [playground], processes: [sync]}]
  sync: {syncOnly: [{group: networking.k8s.io, version: v1, kind: Ingress}]}
---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: uniquehost}
spec:
  crd: {spec: {names: {kind: UniqueHost}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package uniquehost
      violation[{"msg": msg}] {
        host := input.review.object.spec.rules[_].host
        other := data.inventory.namespace[ns][_]["Ingress"][name]
        other.spec.rules[_].host == host
        not same(ns, name)
        msg := sprintf("the host %v is %v/%v's", [host, ns, name])
      }
      same(ns, name) { ns == input.review.namespace; name == input.review.name }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: UniqueHost
metadata: {name: everywhere}
spec: {match: {kinds: [{apiGroups: [networking.k8s.io], kinds: [Ingress]}]}}
---
"#;

const SELECTED: &str = r#"apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: frozen}
spec:
  crd: {spec: {names: {kind: Frozen}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package frozen
      violation[{"msg": msg}] { msg := sprintf("%v is frozen", [input.review.namespaceObject.metadata.labels.env]) }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Frozen
metadata: {name: prod}
spec: {match: {kinds: [{apiGroups: [""], kinds: [ConfigMap]}], namespaceSelector: {matchLabels: {env: prod}}}}
---
"#;

fn vap(spec: &str, binding: &str) -> String {
    format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: few}}
spec:
  matchConstraints: {{resourceRules: [{{apiGroups: [\"\"], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}}]}}
  {spec}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: all}}
spec: {{policyName: few, validationActions: [Deny]{binding}}}
---
"
    )
}

fn few_keys(param: &str) -> String {
    let spec = "paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: object.data.size() <= int(params.data.most), messageExpression: \"'at most ' + params.data.most\"}]";
    vap(spec, &format!(", paramRef: {{{param}}}"))
}

#[test]
fn an_inventory_is_what_the_cluster_has_and_never_empty_for_not_knowing() {
    let api = Api::start();
    api.change(|inner| inner.held = true);
    let gate = api.gate("policies: [{gatekeeper: set.yaml}]", &[("set.yaml", UNIQUE_HOST)]);
    let mine = ingress("mine", "default", "a.example.com");
    let (allowed, message) = asked(&gate, &mine, json!({}));
    assert!(!allowed && message.contains("not listed yet"), "{message}");
    let ready = gate.client().get("/readyz");
    assert_eq!(ready.status, 503, "the first lists are waited for");
    api.change(|inner| inner.held = false);
    gate.wait("ready", |gate| gate.client().get("/readyz").status == 200);
    assert_eq!(asked(&gate, &mine, json!({})), (true, String::new()), "what is listed is seen before it is ready");
    assert!(
        gate.client()
            .get("/metrics")
            .body
            .contains("plimsoll_cluster_known{kind=\"Ingress of networking.k8s.io/v1\"} 1")
    );

    let theirs = ingress("theirs", "shop", "a.example.com");
    api.put(theirs.clone());
    until(&gate, &mine, false, "the host a.example.com is shop/theirs's");
    // The Config leaves this namespace out of the inventory.
    api.put(ingress("theirs", "playground", "a.example.com"));
    api.put(ingress("mine", "default", "a.example.com"));
    api.remove(&theirs);
    until(&gate, &mine, true, "");
    // Nothing else is asked for.
    let seen = api.inner.0.lock().unwrap().seen.clone();
    assert!(seen.iter().all(|path| path.starts_with("/apis/networking.k8s.io/v1")), "{seen:?}");

    // An API server that says nothing more: what it said counts for its time, and then nothing does.
    api.put(theirs);
    until(&gate, &mine, false, "shop/theirs");
    api.change(|inner| inner.held = true);
    let began = Instant::now();
    assert!(asked(&gate, &ingress("mine", "default", "b.example.com"), json!({})).0);
    let other = ingress("mine", "default", "b.example.com");
    until(&gate, &other, false, "last heard of");
    assert!(began.elapsed() > Duration::from_secs(5), "it is believed for a while: {:?}", began.elapsed());
    let (allowed, message) = asked(&gate, &mine, json!({}));
    assert!(!allowed && message.contains("last heard of") && !message.contains("shop/theirs"), "{message}");
    assert!(gate.client().get("/readyz").body.contains("unknown: Ingress of networking.k8s.io/v1"));
    assert!(
        gate.client()
            .get("/metrics")
            .body
            .contains("plimsoll_cluster_known{kind=\"Ingress of networking.k8s.io/v1\"} 0")
    );
    gate.wait("told", |gate| gate.log().contains("could not tell"));
    api.change(|inner| inner.held = false);
    until(&gate, &other, true, "");
    until(&gate, &mine, false, "shop/theirs");
}

#[test]
fn parameters_are_the_clusters_as_they_are_now() {
    let api = Api::start();
    let by_name = few_keys("name: limits, namespace: default, parameterNotFoundAction: Deny");
    let gate = api.gate("policies: [{cel: set.yaml}]", &[("set.yaml", &by_name)]);
    let two = object("ConfigMap", "mine", json!({"data": {"a": "1", "b": "2"}}));
    until(&gate, &two, false, "no params found for policy binding with `Deny` parameterNotFoundAction");
    api.put(parameters("1"));
    until(&gate, &two, false, "at most 1");
    api.put(parameters("2"));
    until(&gate, &two, true, "");
    // One namespace is named: no other is asked for.
    let seen = api.inner.0.lock().unwrap().seen.clone();
    assert!(seen.iter().skip(1).all(|path| path.starts_with("/api/v1/namespaces/default/configmaps?")), "{seen:?}");

    // Other policies may look elsewhere: they are in force when their lists are there.
    let mut labelled = parameters("1");
    labelled["metadata"] = json!({"name": "other", "namespace": "shop", "labels": {"for": "policies"}});
    api.put(labelled.clone());
    let by_label =
        few_keys("selector: {matchLabels: {for: policies}}, namespace: shop, parameterNotFoundAction: Allow");
    std::fs::write(gate.path("set.yaml"), &by_label).unwrap();
    gate.signal("-HUP");
    until(&gate, &two, false, "at most 1");
    api.remove(&labelled);
    until(&gate, &two, true, "");

    // What the files hold of a name counts before the cluster's.
    let pinned =
        by_name + "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: limits, namespace: default}\ndata: {most: '0'}\n";
    std::fs::write(gate.path("set.yaml"), pinned).unwrap();
    gate.signal("-HUP");
    until(&gate, &two, false, "at most 0");
}

#[test]
fn labels_of_namespaces_are_the_clusters_as_they_are_now() {
    let api = Api::start();
    api.put(namespace("default", json!({"env": "test"})));
    let cel = vap(
        "validations: [{expression: \"namespaceObject.metadata.labels.env != 'locked'\", message: it is locked}]",
        ", matchResources: {namespaceSelector: {matchExpressions: [{key: env, operator: NotIn, values: [skipped]}]}}",
    );
    let gate = api.gate(
        "policies: [{gatekeeper: gatekeeper.yaml}, {cel: cel.yaml}]",
        &[("gatekeeper.yaml", SELECTED), ("cel.yaml", &cel)],
    );
    let mine = object("ConfigMap", "mine", json!({"data": {}}));
    until(&gate, &mine, true, "");
    for (env, allowed, words) in [
        ("prod", false, "prod is frozen"),
        ("locked", false, "it is locked"),
        ("skipped", true, ""),
        ("test", true, ""),
    ] {
        api.put(namespace("default", json!({"env": env})));
        until(&gate, &mine, allowed, words);
    }
    // One that nobody knows of is not one without labels.
    let mut elsewhere = mine.clone();
    elsewhere["metadata"]["namespace"] = "new".into();
    let (allowed, message) = asked(&gate, &elsewhere, json!({}));
    assert!(!allowed && message.contains("missing Namespace") && message.contains("no namespace"), "{message}");
    api.put(namespace("new", json!({"env": "test"})));
    until(&gate, &elsewhere, true, "");
    // The one that is told of while something in it is asked about is waited for.
    let mut newer = mine.clone();
    newer["metadata"]["namespace"] = "newer".into();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            api.put(namespace("newer", json!({"env": "test"})));
        });
        assert_eq!(asked(&gate, &newer, json!({})), (true, String::new()));
    });
    // Who makes a namespace does not wait for it.
    let began = Instant::now();
    let made = namespace("newest", json!({}));
    assert!(asked(&gate, &made, json!({"namespace": "newest"})).0);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    // Deletions are held to its labels, too.
    api.put(namespace("new", json!({"env": "prod"})));
    until(&gate, &elsewhere, false, "prod is frozen");
    let (allowed, message) =
        asked(&gate, &elsewhere, json!({"operation": "DELETE", "object": null, "oldObject": elsewhere}));
    assert!(!allowed && message.contains("prod is frozen"), "{message}");
}

#[test]
fn what_may_not_be_listed_keeps_only_those_from_an_answer_that_look_at_it() {
    let api = Api::start();
    api.put(namespace("default", json!({"env": "prod"})));
    api.change(|inner| inner.forbidden = "ingresses".into());
    let set = UNIQUE_HOST.to_owned() + SELECTED;
    let gate = api.gate("policies: [{gatekeeper: set.yaml}]", &[("set.yaml", &set)]);
    until(&gate, &object("ConfigMap", "mine", json!({})), false, "prod is frozen");
    let (allowed, message) = asked(&gate, &ingress("mine", "default", "a"), json!({}));
    assert!(!allowed && message.contains("403") && message.contains("ingresses is forbidden"), "{message}");
    // It is ready, and says what is missing.
    gate.wait("ready", |gate| gate.client().get("/readyz").status == 200);
    let page = gate.client().get("/readyz").body;
    assert!(page.contains("cluster Namespace of v1: 1 objects") && page.contains("ingresses is forbidden"), "{page}");
    api.change(|inner| inner.forbidden = String::new());
    until(&gate, &ingress("mine", "default", "a"), true, "");
}

#[test]
fn objects_of_files_are_not_all_there_is_where_nothing_is_synced() {
    let api = Api::start();
    let sync = "  sync: {syncOnly: [{group: networking.k8s.io, version: v1, kind: Ingress}]}\n";
    let files = UNIQUE_HOST.replace(sync, "") + &ingress("theirs", "shop", "a.example.com").to_string();
    let gate = api.gate("policies: [{gatekeeper: set.yaml}]", &[("set.yaml", &files)]);
    until(&gate, &ingress("mine", "default", "a.example.com"), false, "shop/theirs");
    until(&gate, &ingress("mine", "default", "b.example.com"), false, "not known here");
}

#[test]
fn mutators_wait_for_a_new_namespace_and_say_why_they_do_not_know_it() {
    let api = Api::start();
    let set = r#"apiVersion: mutations.gatekeeper.sh/v1
kind: AssignMetadata
metadata: {name: mark}
spec:
  location: metadata.labels.mark
  match: {namespaceSelector: {matchLabels: {env: test}}}
  parameters: {assign: {value: seen}}
"#;
    let gate = api.gate("policies: [{gatekeeper: set.yaml}]", &[("set.yaml", set)]);
    gate.wait("ready", |gate| gate.client().get("/readyz").status == 200);
    let mut mine = object("ConfigMap", "mine", json!({"data": {}}));
    let mutated = |object: &Value| {
        let request = json!({"resource": {"group": "", "version": "v1", "resource": "configmaps"}, "name": "mine", "namespace": object["metadata"]["namespace"]});
        gate.client().post("/mutate", &review_of(object, &request).to_string()).json()["response"].clone()
    };
    mine["metadata"]["namespace"] = "newer".into();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            api.put(namespace("newer", json!({"env": "test"})));
        });
        let response = mutated(&mine);
        assert!(response["allowed"] == true && response["patch"].is_string(), "{response}");
    });
    // Nobody hears of namespaces any more.
    api.change(|inner| inner.held = true);
    gate.wait("told", |_| {
        let response = mutated(&mine);
        let words = response["status"]["message"].as_str().unwrap_or_default();
        response["allowed"] == false && words.contains("last heard of")
    });
}
