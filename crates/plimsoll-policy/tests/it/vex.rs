//! VEX documents in, statements out; and what they hide.

use plimsoll_model::*;
use plimsoll_policy::{Context, judge, read_vex};

use crate::cases::*;

const LIBSSL: &str = "pkg:deb/debian/libssl3";
const OPENSSL: &str = "pkg:deb/debian/openssl";

fn openvex(statements: &str) -> String {
    format!(
        r#"{{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"a","timestamp":"2026-01-01T00:00:00Z","version":1,"statements":[{statements}]}}"#
    )
}

fn judged(document: &str, subject: &Assessment) -> Verdict {
    let (vex, problems) = read_vex("v.json", document.as_bytes());
    assert_eq!(problems, []);
    let databases = [database(DatabaseKind::Index, Some("2026-11-20"))];
    let policy = entry("vulnerabilities: {deny: [{severity: \">=low\"}]}");
    judge(subject, &policy, &Context { databases: &databases, vex: &vex, ..Context::at(at("2026-11-21")) })
}

/// (product as JSON, hides a fault of openssl and libssl3 in docker.io/library/debian:12)
#[test]
fn statement_hides_only_what_its_products_mean() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let other = format!("sha256:{}", "cd".repeat(32));
    let product = |text: &str| format!(r#"{{"@id":"{text}"}}"#);
    let part = |text: &str, part: &str| format!(r#"{{"@id":"{text}","subcomponents":[{{"@id":"{part}"}}]}}"#);
    for (products, hides) in [
        (product(OPENSSL), true),
        (product(&format!("{OPENSSL}@3.0.9-1")), true),
        (product(&format!("{OPENSSL}@3.0.8-1")), false),
        (product(&format!("{OPENSSL}?distro=debian-12")), true),
        (product(&format!("{OPENSSL}?distro=debian-11")), false),
        (product(LIBSSL), false),
        (format!("{},{}", product(LIBSSL), product("pkg:deb/debian/zlib1g")), false),
        (product("pkg:deb/ubuntu/openssl"), false),
        (product("pkg:rpm/debian/openssl"), false),
        (product("docker.io/library/debian"), true),
        (product("debian:12"), true),
        (product("debian:11"), false),
        (product("gcr.io/library/debian"), false),
        (product(&digest), true),
        (product(&other), false),
        (product(&format!("debian@{digest}")), true),
        (product(&format!("debian@{other}")), false),
        (product(&format!("pkg:oci/debian@{digest}")), true),
        (product(&format!("pkg:oci/debian@{other}")), false),
        (product("pkg:oci/debian?repository_url=docker.io/library/debian"), true),
        (product("pkg:oci/debian?repository_url=docker.io/library"), true),
        (product("pkg:oci/debian?repository_url=ghcr.io/library"), false),
        (product("pkg:oci/debian?repository_url=docker.io/library&tag=11"), false),
        (product("pkg:docker/library/debian@12"), true),
        (product("pkg:docker/library/debian@11"), false),
        (part("docker.io/library/debian", OPENSSL), true),
        (part("docker.io/library/debian", LIBSSL), false),
        (part("docker.io/library/nginx", OPENSSL), false),
        (part("pkg:deb/debian/zlib1g", OPENSSL), true),
        (part("pkg:deb/debian/nginx", OPENSSL), false),
    ] {
        let mut subject = debian(vec![fault("CVE-2023-0001")]);
        subject.subject.digest = Some(digest.parse().unwrap());
        let document = openvex(&format!(
            r#"{{"vulnerability":{{"name":"CVE-2023-0001"}},"products":[{products}],"status":"not_affected","justification":"vulnerable_code_not_present"}}"#
        ));
        let found = judged(&document, &subject);
        assert_eq!(found.outcome == Outcome::Allowed, hides, "{products}");
        if hides {
            assert_eq!(found.hidden.len(), 1, "{products}");
            assert_eq!(found.hidden[0].by, HiddenBy::Vex);
            assert_eq!(found.hidden[0].reason, "v.json says not affected: vulnerable_code_not_present");
            assert_eq!(found.unused, [""; 0]);
        }
    }
}

#[test]
fn statements_of_several_binaries_together_cover_the_fault() {
    let of = |purl: &str| {
        format!(
            r#"{{"vulnerability":{{"name":"CVE-2023-0001"}},"products":[{{"@id":"{purl}"}}],"status":"not_affected","justification":"x"}}"#
        )
    };
    let mut subject = debian(vec![fault("CVE-2023-0001")]);
    subject.inventory.packages[1].name = "openssl-tool".into();
    let both = openvex(&format!("{},{}", of(LIBSSL), of("pkg:deb/debian/openssl-tool")));
    assert_eq!(judged(&both, &subject).outcome, Outcome::Allowed);
    assert_eq!(judged(&openvex(&of(LIBSSL)), &subject).outcome, Outcome::Denied);
}

#[test]
fn last_word_of_a_document_counts_and_affected_wins_between_documents() {
    let word = |status: &str, day: u8| {
        format!(
            r#"{{"vulnerability":{{"name":"CVE-2023-0001"}},"products":[{{"@id":"{OPENSSL}"}}],"status":"{status}","timestamp":"2026-02-{day:02}T00:00:00Z"}}"#
        )
    };
    let subject = debian(vec![fault("CVE-2023-0001")]);
    let outcome = |statements: &[String]| judged(&openvex(&statements.join(",")), &subject).outcome;
    assert_eq!(outcome(&[word("not_affected", 2), word("under_investigation", 1)]), Outcome::Allowed);
    assert_eq!(outcome(&[word("not_affected", 1), word("affected", 2)]), Outcome::Denied);
    assert_eq!(outcome(&[word("fixed", 2)]), Outcome::Allowed);
    assert_eq!(outcome(&[word("affected", 2)]), Outcome::Denied);
    assert_eq!(outcome(&[word("under_investigation", 2)]), Outcome::Denied);

    let (mut vex, _) = read_vex("a.json", openvex(&word("not_affected", 2)).as_bytes());
    vex.extend(read_vex("b.json", openvex(&word("affected", 1)).as_bytes()).0);
    let policy = entry("vulnerabilities: {deny: [{severity: high}]}");
    let found = judge(&subject, &policy, &Context { vex: &vex, ..Context::at(at("2026-11-21")) });
    assert_eq!(found.outcome, Outcome::Denied);
}

#[test]
fn statement_that_answers_nothing_here_is_reported() {
    let document = openvex(&format!(
        r#"{{"vulnerability":{{"name":"CVE-2020-1"}},"products":[{{"@id":"{OPENSSL}"}}],"status":"not_affected"}},
           {{"vulnerability":{{"name":"CVE-2020-2"}},"products":[{{"@id":"pkg:npm/left-pad"}}],"status":"not_affected"}}"#
    ));
    let found = judged(&document, &debian(vec![fault("CVE-2023-0001")]));
    assert_eq!(found.unused, ["the VEX statement on CVE-2020-1 in v.json answers nothing here"]);
}

#[test]
fn openvex_reads_both_versions_ids_and_aliases() {
    let old = r#"{"@context":"https://openvex.dev/ns","statements":[{"vulnerability":"CVE-2023-1","products":["pkg:apk/wolfi/git"],"subcomponents":["pkg:apk/wolfi/curl"],"status":"fixed"}]}"#;
    let (statements, problems) = read_vex("o.json", old.as_bytes());
    assert_eq!(problems, []);
    assert_eq!(statements[0].ids, ["CVE-2023-1"]);
    assert_eq!(statements[0].products, ["pkg:apk/wolfi/git"]);
    assert_eq!(statements[0].subcomponents, ["pkg:apk/wolfi/curl"]);
    let new = openvex(
        r#"{"vulnerability":{"@id":"https://nvd.nist.gov/vuln/detail/CVE-2023-2","name":"CVE-2023-2","aliases":["GHSA-x"]},"products":[{"@id":"id","identifiers":{"purl":"pkg:npm/a"}}],"status":"not_affected","justification":"component_not_present","impact_statement":"not shipped"}"#,
    );
    let (statements, _) = read_vex("o.json", new.as_bytes());
    assert_eq!(statements[0].ids, ["CVE-2023-2", "GHSA-x"]);
    assert_eq!(statements[0].products, ["pkg:npm/a"]);
    assert_eq!(statements[0].justification, "component_not_present: not shipped");
}

#[test]
fn product_that_any_image_could_be_is_not_used() {
    let (statements, problems) = read_vex(
        "o.json",
        openvex(r#"{"vulnerability":{"name":"CVE-2023-1"},"products":[{"@id":"pkg:oci/debian"}],"status":"fixed"}"#)
            .as_bytes(),
    );
    assert_eq!(statements, []);
    assert_eq!(
        problems[0].message,
        "use the statement on CVE-2023-1 for pkg:oci/debian: any image of that name would be meant; add its repository_url or digest"
    );
}

#[test]
fn letter_before_a_go_version_does_not_matter() {
    let mut subject = debian(vec![with(fault("CVE-2022-23628"), |m| m.packages = vec![3])]);
    let module = "github.com/open-policy-agent/opa";
    subject.inventory.packages.push(Package::new(Ecosystem::Go, "go-mod", module, "v0.35.0"));
    for (version, hides) in [("0.35.0", true), ("v0.35.0", true), ("0.35.1", false)] {
        let document = openvex(&format!(
            r#"{{"vulnerability":{{"@id":"CVE-2022-23628"}},"products":[{{"@id":"pkg:golang/{module}@{version}"}}],"status":"not_affected"}}"#
        ));
        assert_eq!(judged(&document, &subject).outcome == Outcome::Allowed, hides, "{version}");
    }
}

#[test]
fn csaf_reads_trees_relationships_and_flags() {
    let document = r#"{"document":{"category":"csaf_vex","csaf_version":"2.0"},
      "product_tree":{
        "full_product_names":[{"product_id":"IMG","name":"shop","product_identification_helper":{"purl":"pkg:oci/debian?repository_url=docker.io/library/debian"}}],
        "branches":[{"category":"vendor","name":"Debian","branches":[
          {"category":"product_version","name":"3.0","product":{"product_id":"SSL","name":"openssl","product_identification_helper":{"purl":"pkg:deb/debian/openssl"}}}]},
          {"category":"product_name","name":"RHEL","product":{"product_id":"RHEL","name":"RHEL","product_identification_helper":{"cpe":"cpe:/o:redhat"}}}],
        "relationships":[{"category":"default_component_of","full_product_name":{"product_id":"IMG:SSL","name":"x"},"product_reference":"SSL","relates_to_product_reference":"IMG"}]},
      "vulnerabilities":[{"cve":"CVE-2023-0001","ids":[{"system_name":"GHSA","text":"GHSA-x"}],
        "product_status":{"known_not_affected":["IMG:SSL"],"known_affected":["RHEL"]},
        "flags":[{"label":"vulnerable_code_not_in_execute_path","product_ids":["IMG:SSL"]},{"label":"other","product_ids":["RHEL"]}],
        "threats":[{"category":"impact","details":"never called","product_ids":["IMG:SSL"]}]}]}"#;
    let (statements, problems) = read_vex("c.json", document.as_bytes());
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0].ids, ["CVE-2023-0001", "GHSA-x"]);
    assert_eq!(statements[0].subcomponents, ["pkg:deb/debian/openssl"]);
    assert_eq!(statements[0].status, VexStatus::NotAffected);
    assert_eq!(statements[0].justification, "vulnerable_code_not_in_execute_path: never called");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("1 of 1 products: they have no package URL"), "{}", problems[0]);
    assert_eq!(problems[0].effect, ProblemEffect::Note);
    let policy = entry("vulnerabilities: {deny: [{severity: high}]}");
    let databases = [database(DatabaseKind::Index, None)];
    let context = Context { vex: &statements, databases: &databases, ..Context::at(at("2026-11-21")) };
    assert_eq!(judge(&debian(vec![fault("CVE-2023-0001")]), &policy, &context).outcome, Outcome::Allowed);
}

#[test]
fn cyclonedx_holds_within_its_main_component() {
    let document = |main: &str, affects: &str| {
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{{{main}}},
              "components":[{{"bom-ref":"ssl","name":"openssl","purl":"pkg:deb/debian/openssl"}}],
              "vulnerabilities":[{{"id":"CVE-2023-0001","references":[{{"id":"GHSA-x"}}],
                "analysis":{{"state":"not_affected","justification":"code_not_reachable","detail":"never called"}},"affects":[{affects}]}},
                {{"id":"CVE-2023-0009","affects":[{{"ref":"ssl"}}]}}]}}"#
        )
    };
    let image = r#""component":{"bom-ref":"main","type":"container","name":"debian","version":"12"}"#;
    let other = r#""component":{"bom-ref":"main","type":"container","name":"nginx","version":"1"}"#;
    let vague = r#""component":{"bom-ref":"main","type":"application","name":"shop"}"#;
    for (main, affects, statements, hides) in [
        ("", r#"{"ref":"ssl"}"#, 1, true),
        ("", r#"{"ref":"pkg:deb/debian/openssl@3.0.9-1"}"#, 1, true),
        ("", r#"{"ref":"urn:cdx:0-0/1#ssl"}"#, 1, true),
        ("", r#"{"ref":"ssl","versions":[{"version":"3.0.9-1"}]}"#, 1, true),
        ("", r#"{"ref":"ssl","versions":[{"version":"3.0.8-1"}]}"#, 1, false),
        ("", r#"{"ref":"ssl","versions":[{"range":"vers:deb/<3"}]}"#, 0, false),
        ("", r#"{"ref":"nowhere"}"#, 0, false),
        (image, r#"{"ref":"ssl"}"#, 1, true),
        (image, r#"{"ref":"main"}"#, 1, true),
        (other, r#"{"ref":"ssl"}"#, 1, false),
        (vague, r#"{"ref":"ssl"}"#, 0, false),
    ] {
        let (vex, problems) = read_vex("x.cdx.json", document(main, affects).as_bytes());
        assert_eq!(vex.len(), statements, "{main} {affects} {problems:?}");
        assert_eq!(problems.is_empty(), statements > 0, "{main} {affects}");
        let policy = entry("vulnerabilities: {deny: [{severity: high}]}");
        let databases = [database(DatabaseKind::Index, None)];
        let context = Context { vex: &vex, databases: &databases, ..Context::at(at("2026-11-21")) };
        let found = judge(&debian(vec![fault("CVE-2023-0001")]), &policy, &context);
        assert_eq!(found.outcome == Outcome::Allowed, hides, "{main} {affects}");
    }
}

#[test]
fn what_cannot_be_read_is_a_note_and_hides_nothing() {
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "{\"@context\":",
        "{\"@context\":\"https://openvex.dev\",\"statements\":[{\"status\":\"fine\"}]}",
        "{\"@context\":\"https://openvex.dev\",\"statements\":[{\"vulnerability\":\"CVE-1\",\"status\":\"fixed\"}]}",
        "{\"bomFormat\":\"CycloneDX\",\"vulnerabilities\":[{\"id\":\"CVE-1\",\"analysis\":{}}]}",
    ] {
        let (statements, problems) = read_vex("bad.json", text.as_bytes());
        assert_eq!(statements, [], "{text}");
        assert_eq!(problems.len(), 1, "{text}");
        assert!(problems.iter().all(|p| p.effect == ProblemEffect::Note));
    }
    assert_eq!(read_vex("deep.json", "[".repeat(100_000).as_bytes()).1.len(), 1);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = read_vex("x.json", &bytes);
    }
}
