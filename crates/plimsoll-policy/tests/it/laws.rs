//! What holds whatever the input.

use plimsoll_model::loadline::*;
use plimsoll_model::*;
use plimsoll_policy::{Context, Request, Standing, effective, judge, parse, restrict_registries, standing};
use proptest::prelude::*;

use crate::cases::*;

const DESIGN: &str = include_str!("../fixtures/loadline.yaml");

fn clauses() -> impl Strategy<Value = Vec<VulnerabilityClause>> {
    let clause = (
        proptest::option::of((0usize..5, any::<bool>())),
        proptest::option::of(any::<bool>()),
        proptest::option::of(1u64..100),
        proptest::option::of(any::<bool>()),
        proptest::option::of(0u8..=8),
        proptest::collection::vec("[A-Z]{3}-[0-9]{1,4}", 0..2),
    )
        .prop_map(|(severity, fix, grace, known_exploited, epss, ids)| {
            let fix = fix.map(|available| if available { FixTest::Available } else { FixTest::None });
            VulnerabilityClause {
                severity: severity.map(|(level, least)| {
                    let level = Severity::ALL[level];
                    if least { SeverityTest::AtLeast(level) } else { SeverityTest::Exactly(level) }
                }),
                fix,
                grace_seconds: grace.filter(|_| fix == Some(FixTest::Available)).map(|days| days * 86_400),
                known_exploited,
                epss: epss.map(|eighths| f64::from(eighths) / 8.0),
                ids,
            }
        })
        .prop_filter("a clause has a test", |c| *c != VulnerabilityClause::default());
    proptest::collection::vec(clause, 0..3)
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Enforce), Just(Mode::Warn), Just(Mode::Audit)]
}

fn entries() -> impl Strategy<Value = Vec<ImageEntry>> {
    let entry = (
        proptest::sample::subsequence(vec!["**", "docker.io/library/*", "gcr.io/**", "docker.io/**"], 1..3),
        proptest::option::of(Just("shop-*")),
        proptest::option::of(modes()),
        (clauses(), clauses()),
        proptest::option::of(prop_oneof![
            Just(TagRequirement::Digest),
            Just(TagRequirement::DigestOrVersion),
            Just(TagRequirement::Any)
        ]),
        proptest::option::weighted(
            0.2,
            "[ -~äß\\n\"\\\\#:]{1,20}".prop_filter("it says something", |t| !t.trim().is_empty()),
        ),
        proptest::option::of((1u64..5_000_000, any::<bool>(), any::<bool>())),
    )
        .prop_map(|(matches, namespace, mode, (deny, warn), require, refuse, size)| {
            let mut entry = ImageEntry {
                matches: matches.into_iter().map(str::to_owned).collect(),
                namespaces: namespace.into_iter().map(str::to_owned).collect(),
                mode,
                refuse,
                ..ImageEntry::default()
            };
            if entry.refuse.is_none() {
                entry.vulnerabilities = VulnerabilityRules { deny, warn };
                entry.tags.require = require;
                if let Some((size, denies, both)) = size {
                    let action = if denies { RuleAction::Deny } else { RuleAction::Warn };
                    let warn_from = (denies && both).then_some(size / 2);
                    entry
                        .footprint
                        .insert("image-too-large".into(), FootprintRule { action, threshold: Some(size), warn_from });
                }
            }
            entry
        });
    proptest::collection::vec(entry, 1..4).prop_map(|mut entries| {
        for (i, entry) in entries.iter_mut().enumerate() {
            entry.name = format!("entry-{i}");
        }
        entries
    })
}

fn policies() -> impl Strategy<Value = LoadLine> {
    let undecided = prop_oneof![Just(WhenUndecided::Deny), Just(WhenUndecided::Warn), Just(WhenUndecided::Allow)];
    let baseline = prop_oneof![
        Just(WhenBaselineOnly::Undecided),
        Just(WhenBaselineOnly::Deny),
        Just(WhenBaselineOnly::Warn),
        Just(WhenBaselineOnly::Allow)
    ];
    (modes(), undecided, baseline, proptest::option::of(1u64..10_000_000), entries()).prop_map(
        |(mode, undecided, baseline_only, max_age_seconds, images)| LoadLine {
            name: "law".into(),
            mode,
            undecided,
            data: DataRules { max_age_seconds, baseline_only, ..DataRules::default() },
            images,
            ..LoadLine::default()
        },
    )
}

/// Policies with ways around them: exemptions, a break-glass, a list of registries.
fn policies_with_doors() -> impl Strategy<Value = LoadLine> {
    let exempt = proptest::option::weighted(
        0.3,
        (proptest::option::of(Just("shop-a")), proptest::option::of(Just("docker.io/**")), any::<bool>()),
    );
    let glass = proptest::option::weighted(0.7, (any::<bool>(), prop_oneof![Just("*"), Just("shop-a")]));
    let registries = prop_oneof![Just(vec![]), Just(vec!["gcr.io"]), Just(vec!["docker.io"])];
    (policies(), exempt, glass, registries).prop_map(|(mut policy, exempt, glass, registries)| {
        if let Some((namespace, image, jane)) = exempt {
            policy.exempt.push(Exemption {
                namespaces: namespace.into_iter().map(str::to_owned).collect(),
                images: image.into_iter().map(str::to_owned).collect(),
                users: jane.then(|| "jane".to_owned()).into_iter().collect(),
                reason: "law".into(),
                ticket: None,
                until: None,
                place: Place::default(),
            });
        }
        policy.break_glass = glass.map(|(any, namespace)| BreakGlass {
            annotation: "*.image-policy.k8s.io/ticket-*".into(),
            value: "break-glass".into(),
            namespaces: vec![namespace.into()],
            groups: if any { BreakGlassGroups::Any } else { BreakGlassGroups::Named(vec!["oncall".into()]) },
            place: Place::default(),
        });
        restrict_registries(&mut policy, registries.into_iter().map(str::to_owned).collect()).unwrap();
        policy
    })
}

fn assessments() -> impl Strategy<Value = Assessment> {
    let matches = proptest::collection::vec(
        (
            0usize..5,
            0u8..3,
            proptest::option::of(0i64..60),
            any::<bool>(),
            proptest::option::of(0u8..=8),
            any::<bool>(),
        ),
        0..6,
    );
    let problems = proptest::collection::vec((any::<bool>(), 0usize..4), 0..3);
    (matches, problems, any::<bool>(), proptest::option::of(0u64..5_000_000)).prop_map(
        |(matches, problems, image, size)| {
            let matches = matches
                .into_iter()
                .enumerate()
                .map(|(i, (severity, state, fix_age, exploited, epss, unimportant))| {
                    with(fault(&format!("CVE-2023-{i:04}")), |m| {
                        m.severity = Severity::ALL[severity];
                        m.state = match state {
                            0 => MatchState::Affected,
                            1 => MatchState::NotAffected { reason: "fixed".into() },
                            _ => MatchState::Undecided { reason: "odd version".into() },
                        };
                        if let Some(days) = fix_age {
                            let since =
                                (days > 0).then(|| day("2026-11-21").saturating_sub(jiff::Span::new().days(days)));
                            m.fix = Fix::Available { versions: vec!["9".into()], since, since_source: None };
                        }
                        m.known_exploited =
                            exploited.then_some(KnownExploited { added: None, due: None, ransomware: false });
                        m.epss = epss.map(|e| Epss { score: f64::from(e) / 8.0, percentile: 0.5 });
                        m.unimportant = unimportant;
                    })
                })
                .collect();
            let mut assessment = debian(matches);
            if !image {
                assessment.subject.kind = SubjectKind::Filesystem;
                assessment.subject.reference = None;
            }
            let kinds =
                [ProblemKind::BrokenArchive, ProblemKind::NoData, ProblemKind::StaleData, ProblemKind::SeenNotRead];
            for (undecided, kind) in problems {
                let make = if undecided { Problem::undecided } else { Problem::note };
                assessment.problems.push(make(kinds[kind], "read it".to_owned()));
            }
            if let Some(size) = size {
                assessment.findings.push(Finding {
                    rule: "image-too-large".into(),
                    severity: Severity::Unknown,
                    message: "large".into(),
                    remedy: None,
                    locations: Vec::new(),
                    measure: Some(size),
                    fix: None,
                });
            }
            assessment
        },
    )
}

proptest! {
    #[test]
    fn nothing_turns_undecided_into_allowed(mut policy in policies(), assessment in assessments(), namespace in proptest::option::of("shop-[a-c]")) {
        policy.undecided = WhenUndecided::Deny;
        policy.mode = Mode::Enforce;
        for entry in &mut policy.images {
            entry.mode = None;
        }
        let namespace = namespace.as_deref();
        let undecided = assessment.problems.iter().any(|p| p.effect == ProblemEffect::Undecided);
        let verdict = judge(&assessment, &policy, &Context { namespace, ..Context::at(at("2026-11-21")) });
        if undecided {
            prop_assert_ne!(verdict.outcome, Outcome::Allowed);
            prop_assert_ne!(verdict.effective, Outcome::Allowed);
        }
        prop_assert_eq!(verdict.outcome, verdict.effective);
    }

    #[test]
    fn softening_changes_what_happens_and_never_the_outcome(policy in policies(), assessment in assessments()) {
        let mut strict = policy.clone();
        strict.mode = Mode::Enforce;
        strict.undecided = WhenUndecided::Deny;
        for entry in &mut strict.images {
            entry.mode = None;
        }
        let context = Context::at(at("2026-11-21"));
        let soft = judge(&assessment, &policy, &context);
        let hard = judge(&assessment, &strict, &context);
        prop_assert_eq!(soft.outcome, hard.outcome);
        prop_assert!(soft.effective <= hard.effective);
    }

    #[test]
    fn one_more_fault_or_problem_never_weakens_the_outcome(policy in policies(), assessment in assessments(), severity in 0usize..5) {
        let context = Context::at(at("2026-11-21"));
        let before = judge(&assessment, &policy, &context).outcome;
        let mut worse = assessment.clone();
        worse.matches.push(with(fault("CVE-2024-0001"), |m| m.severity = Severity::ALL[severity]));
        prop_assert!(judge(&worse, &policy, &context).outcome >= before);
        let mut worse = assessment;
        worse.problems.push(Problem::undecided(ProblemKind::LimitReached, "read it all"));
        prop_assert!(judge(&worse, &policy, &context).outcome >= before);
    }

    #[test]
    fn look_into_an_image_changes_nothing_but_where_standing_says_so(
        policy in policies_with_doors(),
        one in assessments(),
        other in assessments(),
        name in prop_oneof![Just(None), Just(Some("nginx:1")), Just(Some("gcr.io/a/b@sha256:1111111111111111111111111111111111111111111111111111111111111111"))],
        namespace in proptest::option::of("shop-[ab]"),
        who in proptest::option::of((any::<bool>(), any::<bool>(), any::<bool>())),
    ) {
        let reference: Option<ImageReference> = name.map(|name| name.parse().unwrap());
        let groups: Vec<String> = who.filter(|(_, oncall, _)| *oncall).map(|_| "oncall".to_owned()).into_iter().collect();
        let mark = ("a.image-policy.k8s.io/ticket-1".to_owned(), "break-glass".to_owned());
        let annotations = who.filter(|(_, _, marked)| *marked).map(|_| mark).into_iter().collect();
        let request = who.map(|(jane, _, _)| Request { user: jane.then_some("jane"), groups: &groups, annotations: &annotations });
        let context = Context { namespace: namespace.as_deref(), request: request.as_ref(), ..Context::at(at("2026-11-21")) };
        let mut unseen = image("x");
        unseen.problems = vec![Problem::undecided(ProblemKind::NotExamined, "look into x: nobody asked for it")];
        let verdicts = [one, other, unseen].map(|mut assessment| {
            assessment.subject.kind = SubjectKind::Image;
            assessment.subject.reference.clone_from(&reference);
            judge(&assessment, &policy, &context)
        });
        let [one, other, unseen] = &verdicts;
        let broken = |v: &Verdict| v.reasons.iter().any(|r| r.code == ReasonCode::BreakGlass);
        match standing(reference.as_ref(), &policy, &context) {
            Standing::Judged { pin } => {
                prop_assert!(verdicts.iter().all(|v| v.ruled_by.is_some() && !broken(v)));
                prop_assert!(!pin);
                // Nobody's look is no leave to run.
                prop_assert!(unseen.effective != Outcome::Allowed || unseen.mode != Mode::Enforce);
            }
            standing => {
                prop_assert_eq!(one.effective, other.effective);
                prop_assert_eq!(one.effective, unseen.effective);
                let code = |code: ReasonCode| verdicts.iter().all(|v| v.reasons.iter().any(|r| r.code == code));
                let told = match standing {
                    Standing::Exempt => code(ReasonCode::Exempt) && one.effective == Outcome::Allowed,
                    Standing::Refused => code(ReasonCode::Refused),
                    Standing::NoEntry => code(ReasonCode::NoEntry),
                    Standing::BreakGlass => one.effective == Outcome::Allowed && broken(unseen),
                    Standing::Judged { .. } => false,
                };
                prop_assert!(told, "{:?} {:?}", standing, verdicts);
            }
        }
    }

    #[test]
    fn reasons_stand_strongest_first_and_point_at_what_is_there(policy in policies(), assessment in assessments()) {
        let verdict = judge(&assessment, &policy, &Context::at(at("2026-11-21")));
        prop_assert!(verdict.reasons.windows(2).all(|w| w[0].effect >= w[1].effect));
        for reason in &verdict.reasons {
            prop_assert!(reason.matches.iter().all(|i| *i < assessment.matches.len()));
            prop_assert!(reason.findings.iter().all(|i| *i < assessment.findings.len()));
            prop_assert!(reason.problems.iter().all(|i| *i < assessment.problems.len()));
            // A refusal has the policy's own words, full stop and all.
            prop_assert!(!reason.message.ends_with('.') || reason.code == ReasonCode::Refused);
            prop_assert!(!reason.message.is_empty());
        }
        let denied: Vec<usize> = verdict.reasons.iter().filter(|r| r.effect > Effect::Info).flat_map(|r| r.matches.clone()).collect();
        prop_assert!(verdict.hidden.iter().filter_map(|h| h.r#match).all(|i| !denied.contains(&i)), "what is hidden is not counted");
        prop_assert_eq!(&verdict, &judge(&assessment, &policy, &Context::at(at("2026-11-21"))));
    }

    #[test]
    fn effective_policy_reads_back(policy in policies()) {
        let shown = effective(&policy);
        let mut again = parse("p.yaml", shown.as_bytes(), &KNOWN).map_err(|e| TestCaseError::fail(format!("{e}\n{shown}")))?;
        again.files.clear();
        again.digest.clear();
        for entry in &mut again.images {
            entry.place = Place::default();
        }
        prop_assert_eq!(again, policy);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Err(error) = parse("p.yaml", &bytes, &KNOWN) {
            prop_assert!(!error.faults.is_empty());
            let _ = error.to_string();
        }
    }

    #[test]
    fn damaged_document_is_read_or_refused(at in 0usize..1500, drop in 0usize..20, insert in "[ -~\\n\\t*&|>{}\\[\\]:'\"]{0,6}") {
        let chars: Vec<char> = DESIGN.chars().collect();
        let at = at.min(chars.len());
        let end = (at + drop).min(chars.len());
        let text: String = chars[..at].iter().copied().chain(insert.chars()).chain(chars[end..].iter().copied()).collect();
        if let Err(error) = parse("p.yaml", text.as_bytes(), &KNOWN) {
            prop_assert!(!error.faults.is_empty());
            let _ = error.to_string();
        }
    }
}
