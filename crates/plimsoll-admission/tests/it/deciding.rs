//! What is said of verdicts, word for word.

use plimsoll_admission::{Asked, Decision, Road, decide};
use plimsoll_model::loadline::Mode;
use plimsoll_model::{Effect, Outcome, Reason, ReasonCode, Verdict};
use serde_json::json;

use crate::{
    DIGEST, about, admission, allowed, answer, denied, image_review, pod, pod_of, read_value, reason, validated,
    verdict,
};

fn undecided(message: &str) -> Verdict {
    verdict(vec![reason(Effect::Undecided, ReasonCode::Problem, message)])
}

/// A verdict that its mode let through, as the policy makes it.
fn softened(mode: Mode, effect: Effect, message: &str) -> Verdict {
    let said = if mode == Mode::Warn { Effect::Warn } else { Effect::Info };
    let mut verdict = verdict(vec![
        reason(effect, ReasonCode::Vulnerability, message),
        reason(said, ReasonCode::Policy, "denied and runs all the same: policy `production` has `mode: …`"),
    ]);
    verdict.mode = mode;
    verdict.effective = Outcome::Allowed;
    verdict
}

#[test]
fn a_denial_names_each_container_its_image_and_why_in_one_line() {
    let review = validated(&admission(
        "",
        "Pod",
        pod(json!({
            "initContainers": [{"name": "setup", "image": "busybox"}],
            "containers": [{"name": "web", "image": "nginx:latest"}, {"name": "ok", "image": "fine:1"}],
            "volumes": [{"name": "model", "image": {"reference": "weights:2"}}]
        })),
        None,
    ));
    let by_image = |image: &str| match image {
        "nginx:latest" => denied("the tag `latest` is forbidden"),
        "busybox" => denied("no entry of policy `production` rules docker.io/library/busybox"),
        "weights:2" => undecided("layer 1 could not be read"),
        _ => allowed(),
    };
    let verdicts: Vec<Verdict> = review.images.iter().map(|i| by_image(&i.image)).collect();
    let answer = answer(&review, &verdicts);
    // Denied before undecided; within one the order of the object, whose keys the test's JSON sorts.
    assert_eq!(
        answer.message,
        "container \"web\" image nginx:latest: denied: the tag `latest` is forbidden; \
         init container \"setup\" image busybox: denied: no entry of policy `production` rules docker.io/library/busybox; \
         image volume \"model\" image weights:2: could not tell: layer 1 could not be read"
    );
    assert_eq!((answer.allowed, answer.code, answer.audit["outcome"].as_str()), (false, 403, "denied"));
}

#[test]
fn an_image_review_s_denial_has_no_containers_to_name() {
    let review = read_value(Road::ImagePolicy, &image_review(&["a:1", "b:1"])).unwrap();
    assert_eq!(answer(&review, &[denied("bad"), allowed()]).message, "image a:1: denied: bad");
}

#[test]
fn containers_that_share_an_image_are_named_together() {
    for (count, said) in [
        (2, "container \"c0\" and container \"c1\" image a: denied: bad"),
        (3, "container \"c0\", container \"c1\" and container \"c2\" image a: denied: bad"),
        (10_000, "container \"c0\", container \"c1\", container \"c2\" and 9997 more image a: denied: bad"),
    ] {
        let review = validated(&admission("", "Pod", pod_of(&vec!["a"; count]), None));
        assert_eq!(answer(&review, &[denied("bad")]).message, said);
    }
}

#[test]
fn the_strongest_reasons_are_said_and_the_rest_counted() {
    let review = read_value(Road::ImagePolicy, &image_review(&["a"])).unwrap();
    let reasons = [
        (Effect::Warn, "w"),
        (Effect::Undecided, "u1"),
        (Effect::Deny, "d1"),
        (Effect::Undecided, "u2"),
        (Effect::Deny, "d2"),
        (Effect::Info, "i"),
    ];
    let many = verdict(reasons.map(|(e, m)| reason(e, ReasonCode::Problem, m)).to_vec());
    assert_eq!(answer(&review, &[many]).message, "image a: denied: d1, and d2, and u1, and 1 more reason");
}

#[test]
fn what_policies_in_other_languages_say_has_their_names_before_it() {
    let of = |effect, clause: &str, message: &str| Reason {
        clause: Some(clause.into()),
        ..reason(effect, ReasonCode::Ruling, message)
    };
    let deployment = |effect| {
        verdict(vec![
            of(effect, "policies[0]: K8sRequiredLabels/owner", "the label owner is missing"),
            of(Effect::Warn, "policies[1]: replicas/everywhere", "one replica is none"),
            of(Effect::Info, "policies[2]: data.kubernetes.admission.deny", "would be denied: it is late"),
            of(Effect::Info, "policies[0]: K8sRequiredLabels/team", "the label team is missing"),
            of(Effect::Undecided, "policies", "there was no time"),
        ])
    };
    let review = validated(&admission("", "Pod", pod_of(&["a"]), None));
    for (effect, message) in [
        (Effect::Deny, "Pod \"thing\": denied: [owner] the label owner is missing, and there was no time"),
        (Effect::Warn, "Pod \"thing\": could not tell: there was no time"),
    ] {
        let (image, object) = (allowed(), deployment(effect));
        let on = [(Asked::Image(&review.images[0]), &image), (Asked::Object, &object)];
        let decisions = on.map(|(on, verdict)| Decision { on, verdict, digest: None, retry_after: None });
        let answer = decide(&review, &decisions, &about());
        assert_eq!(answer.message, message);
        let warned = "Pod \"thing\": [replicas/everywhere] one replica is none".to_owned();
        assert!(answer.warnings.contains(&warned), "{:?}", answer.warnings);
        assert_eq!(
            answer.audit["remarks"],
            "Pod \"thing\": [data.kubernetes.admission.deny] would be denied: it is late; \
             Pod \"thing\": [team] the label team is missing"
        );
        assert_eq!(
            answer.audit["policies"],
            "policies; policies[0]: K8sRequiredLabels/owner; policies[0]: K8sRequiredLabels/team; \
             policies[1]: replicas/everywhere; policies[2]: data.kubernetes.admission.deny"
        );
    }
    let silent = decide(&review, &[], &about());
    assert!(!silent.audit.contains_key("remarks") && !silent.audit.contains_key("policies"));
}

#[test]
fn one_that_is_still_assessed_says_when_to_ask_again() {
    let review = read_value(Road::ImagePolicy, &image_review(&["a"])).unwrap();
    let verdict = undecided("not assessed in time");
    let decision =
        Decision { on: Asked::Image(&review.images[0]), verdict: &verdict, digest: None, retry_after: Some(7) };
    let answer = decide(&review, &[decision], &about());
    assert_eq!(answer.message, "image a: could not tell: not assessed in time (try again in 7 s)");
    assert_eq!((answer.allowed, answer.audit["outcome"].as_str()), (false, "undecided"));
}

#[test]
fn a_verdict_without_reasons_is_still_what_it_is() {
    let review = read_value(Road::ImagePolicy, &image_review(&["a"])).unwrap();
    let mut odd = allowed();
    odd.effective = Outcome::Undecided;
    assert_eq!(answer(&review, &[odd]).message, "image a: could not tell: no reason is given");
}

#[test]
fn an_image_that_nobody_judged_is_not_allowed() {
    let review = validated(&admission("", "Pod", pod_of(&["a", "b"]), None));
    let answer = answer(&review, &[allowed()]);
    assert_eq!((answer.allowed, answer.audit["outcome"].as_str()), (false, "undecided"));
    assert_eq!(answer.message, "container \"c1\" image b: could not tell: it was not judged");
    // One who pins asks only about what is to be pinned; the validating webhook asks about the rest.
    let mutating = read_value(Road::Mutate, &admission("", "Pod", pod_of(&["a", "b"]), None)).unwrap();
    assert!(crate::answer(&mutating, &[allowed()]).allowed);
}

#[test]
fn nothing_to_judge_is_allowed() {
    let review = validated(&admission("", "Pod", pod_of(&["a"]), Some(pod_of(&["a"]))));
    let answer = answer(&review, &[]);
    assert!(answer.allowed && answer.message.is_empty() && answer.warnings.is_empty());
    assert_eq!(answer.audit["unchanged"], "1");
}

#[test]
fn names_from_outside_can_neither_break_the_line_nor_pose_as_our_words() {
    let spec = json!({"containers": [
        {"name": "a\n\u{1b}[2J\" image fine: allowed", "image": "x: allowed; container \"b\"\u{202e}"},
        {"name": "n".repeat(500), "image": format!("registry/{}:1", "i".repeat(500))},
    ]});
    let review = validated(&admission("", "Pod", pod(spec), None));
    let message = answer(&review, &[denied("why\r\nnot\u{200b}"), denied(&"r".repeat(1000))]).message;
    let (first, second) = message.split_once("; container \"nnn").unwrap();
    assert_eq!(
        first,
        "container \"a\\n\\u{1b}[2J\\\" image fine: allowed\" image \"x: allowed; container \\\"b\\\"\\u{202e}\": \
         denied: why\\r\\nnot\\u{200b}"
    );
    assert!(second.contains("n…n") && second.contains("i…i") && second.ends_with("r…"), "{second}");
    assert!(second.len() < 650, "{}", second.len());
}

#[test]
fn a_message_stays_short_and_says_how_many_it_leaves_out() {
    let names: Vec<String> = (0..256).map(|i| format!("registry.example.com/team/image-{i}:1")).collect();
    let review =
        read_value(Road::ImagePolicy, &image_review(&names.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
    let verdicts: Vec<Verdict> = (0..256).map(|_| denied("has CVE-2024-0001, fixed in 1.2.3")).collect();
    let message = answer(&review, &verdicts).message;
    assert!(message.len() <= 2048 && message.len() > 1900, "{}", message.len());
    assert!(message.contains("; and ") && message.ends_with(" more images"), "{message}");
    let wide = denied(&"漢".repeat(5000));
    let review = read_value(Road::ImagePolicy, &image_review(&["a", "b"])).unwrap();
    let many = verdict(vec![wide.reasons[0].clone(); 3]);
    let message = answer(&review, &[many.clone(), many]).message;
    assert!(message.len() <= 2048 && message.ends_with("…; and 1 more image"), "{message}");
}

#[test]
fn warnings_of_all_images_are_shown_once_each() {
    let review = validated(&admission("", "Pod", pod_of(&["a", "b"]), None));
    let warned = |message: &str| verdict(vec![reason(Effect::Warn, ReasonCode::Footprint, message)]);
    let answer = answer(&review, &[warned("runs as root"), warned("has a shell")]);
    assert!(answer.allowed);
    assert_eq!(answer.warnings, ["image a: runs as root", "image b: has a shell"]);
}

#[test]
fn what_a_warning_mode_lets_in_is_said_as_warnings() {
    let review = validated(&admission("", "Pod", pod_of(&["a"]), None));
    let answer = answer(&review, &[softened(Mode::Warn, Effect::Deny, "has CVE-2024-0001")]);
    assert!(answer.allowed);
    assert_eq!(
        answer.warnings,
        [
            "image a: would be denied: has CVE-2024-0001",
            "image a: denied and runs all the same: policy `production` has `mode: …`"
        ]
    );
    assert_eq!(answer.audit["denied"], "container \"c0\" image a: denied: has CVE-2024-0001");
    assert_eq!(answer.audit["outcome"], "allowed");
}

#[test]
fn what_could_not_be_told_and_runs_is_said_apart() {
    let review = validated(&admission("", "Pod", pod_of(&["a"]), None));
    let answer = answer(&review, &[softened(Mode::Warn, Effect::Undecided, "layer 1 could not be read")]);
    assert_eq!(answer.warnings[0], "image a: could not tell: layer 1 could not be read");
    assert_eq!(answer.audit["undecided"], "container \"c0\" image a: could not tell: layer 1 could not be read");
    assert!(!answer.audit.contains_key("denied"));
}

#[test]
fn a_policy_that_lets_in_what_cannot_be_told_says_so_to_the_log_alone() {
    let review = validated(&admission("", "Pod", pod_of(&["a"]), None));
    let mut verdict = undecided("layer 1 could not be read");
    verdict.effective = Outcome::Allowed;
    verdict.reasons.push(reason(Effect::Info, ReasonCode::Policy, "it could not be told, and runs all the same"));
    let answer = answer(&review, &[verdict]);
    assert!(answer.allowed && answer.warnings.is_empty());
    assert_eq!(answer.audit["undecided"], "container \"c0\" image a: could not tell: layer 1 could not be read");
}

#[test]
fn an_auditing_mode_is_silent_to_the_user_and_not_to_the_log() {
    let review = validated(&admission("", "Pod", pod_of(&["a"]), None));
    let mut verdict = softened(Mode::Audit, Effect::Deny, "has CVE-2024-0001");
    verdict.reasons.push(reason(Effect::Warn, ReasonCode::Footprint, "has a shell"));
    let answer = answer(&review, &[verdict]);
    assert!(answer.allowed && answer.warnings.is_empty());
    assert_eq!(answer.audit["denied"], "container \"c0\" image a: denied: has CVE-2024-0001");
}

#[test]
fn many_or_long_warnings_stay_within_what_the_api_server_shows() {
    let review = validated(&admission("", "Pod", pod_of(&["a"]), None));
    for (count, length) in [(1, 10_000), (15, 10), (16, 10), (17, 300), (1000, 300), (40, 5)] {
        let reasons = (0..count)
            .map(|i| reason(Effect::Warn, ReasonCode::Footprint, &format!("{i} {}", "ü".repeat(length))))
            .collect();
        let warnings = answer(&review, &[verdict(reasons)]).warnings;
        assert!(warnings.len() <= 16 && warnings.iter().all(|w| w.chars().count() <= 256), "{count} {length}");
        assert!(warnings.iter().map(|w| w.chars().count()).sum::<usize>() <= 4096);
        let shown = warnings.iter().filter(|w| w.starts_with("image ")).count();
        if shown < count {
            let rest = count - shown;
            assert_eq!(
                *warnings.last().unwrap(),
                format!("and {rest} more warning{}", if rest == 1 { "" } else { "s" })
            );
        }
    }
}

#[test]
fn the_audit_log_is_told_what_the_decision_rests_on() {
    let review = validated(&admission("", "Pod", pod_of(&["a:1", "b:2"]), None));
    let verdicts = [
        verdict(vec![reason(Effect::Warn, ReasonCode::BreakGlass, "break-glass by ticket-1234\n")]),
        verdict(vec![reason(Effect::Info, ReasonCode::Exempt, "exempt from judgement: bootstrap")]),
    ];
    let decisions: Vec<Decision<'_>> = review
        .images
        .iter()
        .zip(&verdicts)
        .map(|(image, verdict)| Decision {
            on: Asked::Image(image),
            verdict,
            digest: (image.image == "a:1").then_some(DIGEST),

            retry_after: None,
        })
        .collect();
    let answer = decide(&review, &decisions, &about());
    let audit: Vec<_> = answer.audit.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let images = format!("a:1={DIGEST}; b:2");
    assert_eq!(
        audit,
        [
            ("break-glass", "break-glass by ticket-1234\\n"),
            ("databases", "plimsoll.index@sha256:bb, baseline"),
            ("exempt", "exempt from judgement: bootstrap"),
            ("images", images.as_str()),
            ("outcome", "allowed"),
            ("policy", "production@sha256:aa"),
            ("verdict", "sha256:cc"),
        ]
    );
    assert_eq!(answer.warnings, ["image a:1: break-glass by ticket-1234\\n"]);
}

#[test]
fn an_image_review_s_warnings_go_to_the_log() {
    let review = read_value(Road::ImagePolicy, &image_review(&["a"])).unwrap();
    let answer = answer(&review, &[verdict(vec![reason(Effect::Warn, ReasonCode::Footprint, "has a shell")])]);
    assert_eq!(answer.audit["warnings"], "image a: has a shell");
}

#[test]
fn object_is_judged_beside_its_images_and_named_by_its_kind() {
    let review = validated(&admission(
        "apps",
        "Deployment",
        json!({"metadata": {"name": "web"}, "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "a"}]}}}}),
        None,
    ));
    let allowed_image = allowed();
    let denied = verdict(vec![reason(Effect::Deny, ReasonCode::Workload, "privileged: container web has every right")]);
    let mut decisions: Vec<Decision<'_>> = review
        .images
        .iter()
        .map(|image| Decision { on: Asked::Image(image), verdict: &allowed_image, digest: None, retry_after: None })
        .collect();
    decisions.push(Decision { on: Asked::Object, verdict: &denied, digest: None, retry_after: None });
    let answer = decide(&review, &decisions, &about());
    assert!(!answer.allowed);
    assert_eq!(answer.message, "Deployment.apps \"thing\": denied: privileged: container web has every right");
    let warned = verdict(vec![reason(Effect::Warn, ReasonCode::Workload, "no memory limit")]);
    decisions.last_mut().unwrap().verdict = &warned;
    let answer = decide(&review, &decisions, &about());
    assert_eq!(
        (answer.allowed, answer.warnings),
        (true, vec!["Deployment.apps \"thing\": no memory limit".to_owned()])
    );
}
