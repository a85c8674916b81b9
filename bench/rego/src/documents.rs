//! What is decided over: reviews of about 5 KB and larger, made here, and the policies that decide.

use serde_json::{Value, json};

use crate::Task;

/// Gatekeeper's own question, in words that all of the engines know.
const ALLOWED_REPOS: &str = r#"package allowed

violation[{"msg": msg}] {
	container := input.review.object.spec.containers[_]
	not trusted(container.image)
	msg := sprintf("container <%v> has an image <%v> of no allowed repository", [container.name, container.image])
}

trusted(image) {
	startswith(image, input.parameters.repos[_])
}
"#;

const LOOKUP: &str = r#"package lookup

owner = data.images[input.image].owner
"#;

const CONSTRAINTS: &str = r#"package decide

violation[{"constraint": name, "msg": msg}] {
	constraint := data.constraints[name]
	container := input.review.object.spec.containers[_]
	not allowed(container.image, constraint.repos)
	msg := sprintf("%v is of no allowed repository", [container.image])
}

allowed(image, repos) {
	startswith(image, repos[_])
}
"#;

fn container(at: usize) -> Value {
    // Each tenth is of nobody's repository.
    let host = if at % 10 == 9 { "docker.io/library" } else { "registry.example.com/team" };
    json!({
        "name": format!("container-{at}"),
        "image": format!("{host}/service-{at}:1.{at}.0"),
        "ports": [{"containerPort": 8000 + at, "protocol": "TCP"}],
        "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "REGION", "value": "eu-west-1"}],
        "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": {"allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}},
    })
}

fn review(containers: usize) -> Value {
    let containers: Vec<Value> = (0..containers).map(container).collect();
    json!({
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "name": "web", "namespace": "shop", "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"]},
        "object": {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web", "namespace": "shop",
                "labels": {"app": "web", "tier": "front", "team": "shop"},
                "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8000"},
                "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
                    "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": {"f:app": {}, "f:tier": {}}}}}]},
            "spec": {"serviceAccountName": "web", "restartPolicy": "Always", "containers": containers,
                "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "conf", "configMap": {"name": "web"}}]},
        },
    })
}

fn allowed_repos(name: &str, containers: usize) -> Task {
    let input = json!({
        "review": review(containers),
        "parameters": {"repos": ["ghcr.io/example/", "quay.io/example/", "registry.example.com/"]},
    });
    Task {
        name: name.into(),
        module: ALLOWED_REPOS,
        rule: "data.allowed.violation",
        input: input.to_string(),
        data: "{}".into(),
    }
}

fn constraints(count: usize) -> Task {
    let constraint = |at: usize| {
        (
            format!("constraint-{at}"),
            json!({"repos": [format!("quay.io/{at}/"), "registry.example.com/", "docker.io/"]}),
        )
    };
    let all: serde_json::Map<String, Value> = (0..count).map(constraint).collect();
    Task {
        name: format!("{count} constraints over 10 containers"),
        module: CONSTRAINTS,
        rule: "data.decide.violation",
        input: json!({"review": review(10)}).to_string(),
        data: json!({"constraints": all}).to_string(),
    }
}

pub fn tasks() -> Vec<Task> {
    let images: serde_json::Map<String, Value> =
        (0..100_000).map(|at| (format!("image-{at}"), json!({"owner": format!("team-{}", at % 100)}))).collect();
    let mut tasks = vec![allowed_repos("allowed repositories, a review of 5 KB", 8)];
    tasks.push(Task {
        name: "a look-up in 100,000 objects".into(),
        module: LOOKUP,
        rule: "data.lookup.owner",
        input: json!({"image": "image-73123"}).to_string(),
        data: json!({"images": images}).to_string(),
    });
    tasks.extend(
        [10, 100, 1000].map(|count| allowed_repos(&format!("allowed repositories, {count} containers"), count)),
    );
    tasks.extend([10, 100, 1000].map(constraints));
    tasks
}
