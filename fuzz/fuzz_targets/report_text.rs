//! Text of an image on its way to people: made safe, and rendered in every format.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use plimsoll_model::{
    Assessment, Ecosystem, Inventory, Outcome, Package, PolicyInfo, Problem, ProblemKind, Report, Subject, SubjectKind,
    ToolInfo,
};
use plimsoll_report::{FORMATS, RenderOptions, safe};

fuzz_target!(|data: &[u8]| {
    let [name, version, message] = plimsoll_fuzz::lines(data);
    let shown = safe(plimsoll_fuzz::text(data));
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    assert_eq!(safe(&shown), shown, "made safe twice is made safe once");

    let mut package = Package::new(Ecosystem::Npm, "fuzz", name, version);
    package.licenses = vec![message.to_owned()];
    package.location.path = name.to_owned();
    let subject = Subject {
        kind: SubjectKind::Image,
        name: name.to_owned(),
        reference: None,
        digest: None,
        index_digest: None,
        image_id: None,
        named_at: Vec::new(),
        namespace: None,
    };
    let assessment = Assessment {
        subject,
        inventory: Inventory { packages: vec![package], ..Inventory::default() },
        matches: Vec::new(),
        findings: Vec::new(),
        coverage: Vec::new(),
        workload: None,
        signatures: None,
        rulings: Vec::new(),
        problems: vec![Problem::undecided(ProblemKind::UnreadableMetadata, message).with_hint(version)],
        verdict: None,
    };
    let report = Report {
        schema_version: plimsoll_report::SCHEMA_VERSION,
        tool: ToolInfo { name: "plimsoll".into(), version: "0".into() },
        at: Timestamp::UNIX_EPOCH,
        policy: PolicyInfo { name: name.to_owned(), digest: String::new(), files: Vec::new() },
        databases: Vec::new(),
        assessments: vec![assessment],
        problems: Vec::new(),
        outcome: Outcome::Undecided,
    };
    for format in FORMATS {
        let rendered = (format.render)(&report, &RenderOptions::default());
        let text = String::from_utf8(rendered.unwrap_or_default()).expect("every format is text");
        let odd = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(odd, None, "{} lets {odd:?} through", format.name);
    }
});
