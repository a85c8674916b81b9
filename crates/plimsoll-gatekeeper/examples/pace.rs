//! How fast a set loads and judges: `pace [TEMPLATES] [CONSTRAINTS] [ROUNDS] [ONE IN]`, by default 50, 200, 2,000 and 4.
//!
//! Templates of five shapes; of the constraints one in so many is for Pods and holds, the others are for other kinds. The review is
//! a Pod of 5 KB, read anew in each round, as a gate would.

use std::time::{Duration, Instant};

use plimsoll_gatekeeper::{Document, Options, Review, Set, Source, Words};
use plimsoll_rego::value::Value;

const RULES: [&str; 5] = [
    "container := input.review.object.spec.containers[_]\n        not startswith(container.image, input.parameters.text)",
    "not input.review.object.metadata.labels[input.parameters.text]",
    "container := input.review.object.spec.containers[_]\n        not container.resources.limits.memory",
    "input.review.object.spec.hostNetwork",
    "container := input.review.object.spec.containers[_]\n        container.securityContext.privileged",
];

fn template(at: usize) -> String {
    let rule = RULES[at % RULES.len()];
    format!(
        "---\napiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {{name: pace{at}}}\nspec:\n  crd: {{spec: {{names: {{kind: Pace{at}}}, validation: {{openAPIV3Schema: {{type: object, properties: {{text: {{type: string}}}}}}}}}}}}\n  targets:\n  - target: admission.k8s.gatekeeper.sh\n    rego: |\n      package pace{at}\n      violation[{{\"msg\": msg}}] {{\n        {rule}\n        msg := sprintf(\"broken: %v\", [input.parameters.text])\n      }}\n"
    )
}

fn constraint(at: usize, templates: usize, one_in: usize) -> String {
    let kind = if at.is_multiple_of(one_in) { "Pod" } else { ["Service", "Ingress", "Deployment"][at % 3] };
    // No two constraints of one template have the same parameters, as long as there are no more than four.
    let turn = at / templates % 4;
    let labels = ["app", "pod-template-hash", "team", "tier"];
    let text = if at % templates % RULES.len() == 1 { labels[turn] } else { &"registry.example/"[..17 - turn] };
    format!(
        "---\napiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Pace{}\nmetadata: {{name: c{at}}}\nspec: {{match: {{kinds: [{{apiGroups: ['*'], kinds: [{kind}]}}], excludedNamespaces: [kube-system]}}, parameters: {{text: {text}}}}}\n",
        at % templates
    )
}

fn request() -> String {
    let container = |at: usize| {
        let environment: Vec<String> =
            (0..18).map(|n| format!("{{\"name\": \"VARIABLE_{n}\", \"value\": \"some value of it {n}\"}}")).collect();
        format!(
            "{{\"name\": \"c{at}\", \"image\": \"registry.example/team/app:{at}\", \"env\": [{}], \"resources\": {{\"limits\": {{\"memory\": \"1Gi\", \"cpu\": \"1\"}}}}, \"securityContext\": {{\"privileged\": false, \"runAsNonRoot\": true}}, \"ports\": [{{\"containerPort\": 8080}}]}}",
            environment.join(", ")
        )
    };
    let containers: Vec<String> = (0..4).map(container).collect();
    format!(
        "{{\"uid\": \"1\", \"kind\": {{\"group\": \"\", \"version\": \"v1\", \"kind\": \"Pod\"}}, \"operation\": \"CREATE\", \"name\": \"web\", \"namespace\": \"shop\", \"userInfo\": {{\"username\": \"ann\"}}, \"object\": {{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {{\"name\": \"web\", \"namespace\": \"shop\", \"labels\": {{\"app\": \"web\", \"pod-template-hash\": \"a\", \"team\": \"a\", \"tier\": \"a\"}}}}, \"spec\": {{\"containers\": [{}]}}}}}}",
        containers.join(", ")
    )
}

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let get = |at: usize, default| numbers.get(at).copied().unwrap_or(default);
    let (templates, constraints, rounds) = (get(0, 50).max(1), get(1, 200), get(2, 2000).max(1));
    let one_in = get(3, 4).max(1);
    let mut text: String = (0..templates).map(template).collect();
    text.extend((0..constraints).map(|at| constraint(at, templates, one_in)));
    let began = Instant::now();
    let documents = Document::read("pace.yaml", &text, Words::Kubernetes).expect("the text is YAML");
    let read = began.elapsed();
    let set = Set::load(&documents, &Options::default()).map_err(|faults| faults[0].to_string()).expect("it loads");
    let loaded = began.elapsed();
    let request = request();
    let mut times: Vec<Duration> = Vec::with_capacity(rounds);
    let mut said = 0;
    for _ in 0..rounds {
        let began = Instant::now();
        let value = Value::from_json(request.as_bytes()).expect("the request is JSON");
        let review = Review::of_request(&value, Source::Original).expect("it holds an object");
        said += set.review(&review).len();
        times.push(began.elapsed());
    }
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    println!(
        "{templates} templates, {constraints} constraints, of which {} are asked: read in {read:?}, loaded in {:?}; a review of {} bytes: p50 {:?}, p99 {:?}, most {:?}; {said} violations",
        constraints.div_ceil(one_in),
        loaded - read,
        request.len(),
        at(50),
        at(99),
        at(100)
    );
}
