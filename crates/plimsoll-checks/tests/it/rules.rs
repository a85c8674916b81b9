//! Every rule finds its bad example and leaves its good one alone; the tables have the awkward cases.

use plimsoll_checks::{Facts, RULES, image};
use plimsoll_model::{
    FileFact, FileFactKind, Finding, HistoryEntry, ImageConfig, Inventory, Layer, Location, Severity, Subject,
    SubjectKind, WastedFile,
};

use crate::toy;

fn findings(inventory: &Inventory, subject: &Subject) -> Vec<Finding> {
    image::findings_of(&Facts { inventory, subject, problems: &[], at: None, known_variables: &[] }, &|_| true)
}

/// The faults that hold without a policy's threshold.
fn faults(example: &str) -> Vec<Finding> {
    let (inventory, subject) = toy::build(example);
    findings(&inventory, &subject).into_iter().filter(|finding| finding.holds(None)).collect()
}

#[test]
fn bad_examples_have_their_fault_and_good_ones_have_not() {
    for rule in RULES {
        let id = rule.info.id;
        let bad = faults(rule.info.bad);
        let finding = bad.iter().find(|finding| finding.rule == id);
        let finding = finding.unwrap_or_else(|| panic!("{id}: the bad example has not the fault: {bad:?}"));
        assert!(finding.severity > Severity::Unknown, "{id}");
        assert!(!finding.message.ends_with('.') && !finding.message.is_empty(), "{id}: {}", finding.message);
        assert!(finding.remedy.is_some(), "{id}");
        let good = faults(rule.info.good);
        assert!(good.iter().all(|finding| finding.rule != id), "{id}: the good example has the fault: {good:?}");
    }
}

#[test]
fn no_message_has_a_secret_whole() {
    for rule in RULES {
        for finding in faults(rule.info.bad) {
            assert!(!finding.message.contains("tK8-pq2.Vw9x"), "{}", finding.message);
        }
    }
}

#[test]
fn folders_and_sboms_have_no_footprint() {
    for kind in [SubjectKind::Filesystem, SubjectKind::Sbom] {
        let (mut inventory, mut subject) = toy::build("FROM debian:13\nRUN apt-get install -y gcc nginx postgresql");
        subject.kind = kind;
        subject.reference = None;
        inventory.config = None;
        inventory.layers.clear();
        assert_eq!(findings(&inventory, &subject), []);
    }
}

#[test]
fn many_files_make_one_finding() {
    let (mut inventory, subject) = toy::build("FROM gcr.io/distroless/static");
    for name in ["a", "b", "c", "d", "e"] {
        inventory.files.push(FileFact {
            kind: FileFactKind::Setuid,
            location: Location::in_layer(format!("usr/bin/{name}"), 0),
            mode: 0o4755,
            size: 1,
        });
    }
    let found: Vec<_> = findings(&inventory, &subject).into_iter().filter(|f| f.rule == "setuid-file").collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message, "5 setuid files: /usr/bin/a, /usr/bin/b, /usr/bin/c and 2 more");
    assert_eq!(found[0].locations.len(), 5);
}

#[test]
fn many_files_with_the_same_kind_of_secret_are_one_finding() {
    let (mut inventory, subject) = toy::build("FROM debian:13");
    for number in 0..7 {
        let path = format!("app/{number}.env");
        let text = format!("PASSWORD=tK8-pq2.Vw9x{number}\n");
        inventory.content_findings.extend(plimsoll_checks::secrets::inspect(&path, text.as_bytes()));
    }
    let netrc = "machine a login b password tK8-pq2.Vw9x\n";
    inventory.content_findings.extend(plimsoll_checks::secrets::inspect("root/.netrc", netrc.as_bytes()));
    let found: Vec<_> = findings(&inventory, &subject).into_iter().filter(|f| f.rule == "secret-in-image").collect();
    let messages: Vec<_> = found.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "/root/.netrc holds a login: tK8… (12 characters)",
            "7 files hold a password: /app/0.env, /app/1.env, /app/2.env and 4 more"
        ]
    );
    assert_eq!(found[1].locations.len(), 7);
}

#[test]
fn waste_is_laid_at_the_door_of_the_instruction_that_wrote_it() {
    let layer = |by: &str| Layer { created_by: Some(by.to_owned()), ..Layer::default() };
    let wasted = |path: &str, layer, hidden_by_layer, removed, size| WastedFile {
        location: Location::in_layer(path, layer),
        size,
        hidden_by_layer,
        removed,
    };
    let inventory = Inventory {
        config: Some(ImageConfig::default()),
        layers: vec![layer("COPY . /src # buildkit"), layer("RUN make"), layer("/bin/sh -c rm -rf /src")],
        wasted: vec![
            wasted("src/a", 0, 2, true, 3_000_000),
            wasted("src/b", 0, 2, true, 9_000_000),
            wasted("etc/x", 0, 1, false, 5),
        ],
        total_file_bytes: 48_000_020,
        ..Inventory::default()
    };
    let found = findings(&inventory, &toy::subject("web:1"));
    let waste = found.iter().find(|f| f.rule == "wasted-bytes").unwrap();
    assert_eq!(
        waste.message,
        "later layers hide 12.0 MB of 48.0 MB (efficiency 75 %): `COPY . /src` (layer 0) writes 12.0 MB that \
         `RUN rm -rf /src` (layer 2) removes, `COPY . /src` (layer 0) writes 5 bytes that `RUN make` (layer 1) writes again"
    );
    assert_eq!(waste.measure, Some(12_000_005));
    assert_eq!(waste.locations[0].path, "src/b");
}

#[test]
fn name_that_was_written_counts_more_than_the_one_that_a_layout_knows() {
    let digest = "0123456789abcdef".repeat(4);
    for (written, known, missing) in [
        (format!("r.example.com/web:1@sha256:{digest}"), "r.example.com/web:1", false),
        ("r.example.com/web:1".to_owned(), "r.example.com/web:1", true),
        // A path that reads as an image name is not the name.
        (format!("folder/web@sha256:{digest}"), "r.example.com/web:1", true),
        ("./image".to_owned(), "r.example.com/web:1", true),
    ] {
        let (inventory, mut subject) = toy::build("FROM debian:13");
        subject.name = written;
        subject.reference = Some(known.parse().unwrap());
        let found = findings(&inventory, &subject);
        assert_eq!(found.iter().any(|f| f.rule == "digest-missing"), missing, "{}", subject.name);
    }
}

#[test]
fn sizes_are_measured_below_the_rules_own_limit() {
    let (inventory, subject) = toy::build("FROM gcr.io/distroless/static\nCOPY web-20MB.bin /web");
    let all = findings(&inventory, &subject);
    let size = all.iter().find(|f| f.rule == "image-too-large").unwrap();
    assert_eq!((size.severity, size.measure), (Severity::Unknown, Some(40_000_000)));
    assert!(size.holds(Some(40_000_000)) && !size.holds(None));
}

#[test]
fn bases_age_only_when_the_time_is_given() {
    let (mut inventory, subject) = toy::build("FROM debian:13");
    let at = |text: &str| Some(text.parse().unwrap());
    for (created, now, old) in [
        ("2024-01-02T00:00:00Z", at("2026-01-02T00:00:00Z"), true),
        ("2025-06-02T00:00:00Z", at("2026-01-02T00:00:00Z"), false),
        ("1970-01-01T00:00:00Z", at("2026-01-02T00:00:00Z"), false),
        ("no date", at("2026-01-02T00:00:00Z"), false),
        ("2024-01-02T00:00:00Z", None, false),
    ] {
        inventory.config.as_mut().unwrap().history[0].created = Some(created.into());
        let found = image::findings(&Facts {
            inventory: &inventory,
            subject: &subject,
            problems: &[],
            at: now,
            known_variables: &[],
        });
        assert_eq!(found.iter().any(|f| f.rule == "unmaintained-base"), old, "{created} {now:?}");
    }
}

#[test]
fn variable_is_not_found_again_in_the_history() {
    let found = faults("FROM debian:13\nENV DATABASE_PASSWORD=tK8-pq2.Vw9x");
    let ids: Vec<&str> = found.iter().map(|f| f.rule.as_str()).filter(|id| id.starts_with("secret")).collect();
    assert_eq!(ids, ["secret-in-env"]);
}

#[test]
fn variable_that_was_overwritten_stays_in_the_history() {
    let (mut inventory, subject) = toy::build("FROM debian:13\nENV DATABASE_PASSWORD=tK8-pq2.Vw9x");
    inventory.config.as_mut().unwrap().env = vec!["DATABASE_PASSWORD=".into()];
    let found = findings(&inventory, &subject);
    assert!(found.iter().any(|f| f.rule == "secret-in-history"), "{found:?}");
}

#[test]
fn build_argument_repeated_by_the_builder_is_one_finding() {
    let entry = |by: &str| HistoryEntry { created_by: Some(by.into()), ..HistoryEntry::default() };
    let config = ImageConfig {
        history: vec![
            entry("RUN |1 DEPLOY_TOKEN=Zk3vQ9xT7mWp2LbY8rNd /bin/sh -c make # buildkit"),
            entry("RUN |1 DEPLOY_TOKEN=Zk3vQ9xT7mWp2LbY8rNd /bin/sh -c make install # buildkit"),
        ],
        ..ImageConfig::default()
    };
    let inventory = Inventory { config: Some(config), ..Inventory::default() };
    let found: Vec<_> =
        findings(&inventory, &toy::subject("web:1")).into_iter().filter(|f| f.rule == "secret-in-history").collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].locations[0].layer, Some(0));
    assert!(!found[0].message.contains("Zk3vQ9xT7mWp2LbY8rNd"), "{}", found[0].message);
}

fn rules_of_history(made: &str) -> Vec<String> {
    let entry = |by: &str| HistoryEntry { created_by: Some(by.into()), ..HistoryEntry::default() };
    let history = vec![entry("ADD rootfs.tar / # buildkit"), entry(made)];
    let config =
        ImageConfig { history, healthcheck: vec!["CMD".into()], user: Some("1".into()), ..ImageConfig::default() };
    let inventory = Inventory { config: Some(config), ..Inventory::default() };
    let found = findings(&inventory, &toy::subject("web:1"));
    found.into_iter().map(|f| f.rule).filter(|rule| rule != "digest-missing" && rule != "wasted-bytes").collect()
}

#[test]
fn history_is_read_word_by_word() {
    for (made, rules) in [
        ("RUN /bin/sh -c sudo make # buildkit", &["sudo-in-build"][..]),
        ("/bin/sh -c set -e; sudo -u app make", &["sudo-in-build"]),
        // What others take for sudo, an update alone or a dist-upgrade because the letters are there.
        ("RUN /bin/sh -c apt-get update && apt-get install -y sudo # buildkit", &[]),
        ("RUN /bin/sh -c echo 'run sudo apt-get dist-upgrade' > /etc/motd # buildkit", &[]),
        ("COPY sudo /usr/bin/sudo # buildkit", &[]),
        ("ENV NOTE=apt-get update && sudo", &[]),
        ("RUN /bin/sh -c apt-get update # buildkit", &["update-instruction-alone"]),
        ("RUN /bin/sh -c apt-get update && /setup.sh # buildkit", &[]),
        ("RUN |1 X=y /bin/sh -c apk update; apk add curl # buildkit", &[]),
        ("RUN /bin/sh -c apt-get update && apt-get -y dist-upgrade # buildkit", &["dist-upgrade"]),
        ("RUN /bin/sh -c do-dist-upgrade --apt-get dist-upgrade # buildkit", &[]),
        ("/bin/sh -c #(nop) ADD file:abc in /app ", &["add-instruction"]),
        ("RUN /bin/sh -c echo ADD file in buildkit # buildkit", &[]),
    ] {
        assert_eq!(rules_of_history(made), rules, "{made}");
    }
}

#[test]
fn hidden_lists_of_accounts_let_nobody_in() {
    let (mut inventory, subject) =
        toy::build("FROM gcr.io/distroless/static\nCOPY <<EOF /etc/shadow\nroot::1:::::\nEOF");
    let told =
        |inventory: &Inventory| findings(inventory, &subject).iter().filter(|f| f.rule == "empty-password").count();
    for found in &mut inventory.content_findings {
        found.locations.iter_mut().for_each(|place| place.layer = Some(1));
    }
    assert_eq!(told(&inventory), 1);
    let location = Location::in_layer("etc/shadow", 1);
    inventory.wasted.push(WastedFile { location, size: 13, hidden_by_layer: 2, removed: false });
    assert_eq!(told(&inventory), 0);
}

#[test]
fn rules_that_must_be_asked_for_are_silent_otherwise() {
    let (inventory, subject) = toy::build("FROM debian:13\nCMD [\"/app/web\"]");
    let facts = Facts { inventory: &inventory, subject: &subject, problems: &[], at: None, known_variables: &[] };
    assert!(image::findings(&facts).iter().all(|finding| finding.rule != "healthcheck-missing"));
    assert!(image::findings_of(&facts, &|_| true).iter().any(|finding| finding.rule == "healthcheck-missing"));
}

#[test]
fn variable_that_somebody_knows_is_no_secret() {
    let example = "FROM debian:13\nENV DATABASE_PASSWORD=tK8-pq2.Vw9x";
    let (mut inventory, subject) = toy::build(example);
    let known = ["DATABASE_PASSWORD".to_owned()];
    for env in [inventory.config.clone().unwrap().env, Vec::new()] {
        inventory.config.as_mut().unwrap().env = env;
        let facts =
            Facts { inventory: &inventory, subject: &subject, problems: &[], at: None, known_variables: &known };
        assert!(image::findings(&facts).iter().all(|finding| !finding.rule.starts_with("secret-in")));
    }
}

#[test]
fn credential_file_whose_secret_was_found_is_told_once() {
    let (mut inventory, subject) = toy::build("FROM debian:13\nCOPY id_rsa /root/.ssh/id_rsa");
    assert!(findings(&inventory, &subject).iter().any(|f| f.rule == "credential-file"));
    let mut secret = findings(&inventory, &subject).remove(0);
    secret.rule = "secret-in-image".into();
    secret.locations = vec![Location::in_layer("root/.ssh/id_rsa", 1)];
    inventory.content_findings.push(secret);
    assert!(findings(&inventory, &subject).iter().all(|f| f.rule != "credential-file"));
}
