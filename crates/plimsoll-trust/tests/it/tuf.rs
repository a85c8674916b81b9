//! Repositories of The Update Framework in, what is believed of them out: each attack that the specification names (§1.5.2) by its name.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plimsoll_trust::tuf::{self, Failed, Fetched, First, Held, current, refresh};
use plimsoll_trust::{Reason, Refusal};
use serde_json::{Value, json};

use crate::repository::{Repository, canonical, digest, id, public, signed};
use crate::world::{Key, hex};

const FILE: &str = "trusted_root.json";
const TEXT: &[u8] = b"what is trusted";

fn repository() -> Repository {
    Repository::new(&[(FILE, TEXT), ("other.json", b"another file")])
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Goes through what is served, and notes what is asked for.
fn asked(
    served: &BTreeMap<String, Vec<u8>>,
    first: &[u8],
    held: Held<'_>,
    files: &[&str],
) -> (Result<Fetched, Refusal>, Vec<String>) {
    let mut paths = Vec::new();
    let fetched = refresh(first, held, files, now(), |path, _| {
        paths.push(path.to_owned());
        Ok::<_, ()>(served.get(path).cloned())
    });
    let fetched = fetched.map_err(|failed| match failed {
        Failed::Refused(refusal) => refusal,
        Failed::Fetch(()) => panic!("nothing fails to be fetched"),
    });
    (fetched, paths)
}

fn fetched(repository: &Repository, first: &[u8], held: Option<&Fetched>) -> Result<Fetched, Refusal> {
    asked(&repository.served, first, held.map(holding).unwrap_or_default(), &[FILE]).0
}

fn reason(repository: &Repository, first: &[u8], held: Option<&Fetched>) -> Reason {
    fetched(repository, first, held).unwrap_err().reason
}

fn holding(fetched: &Fetched) -> Held<'_> {
    Held {
        root: Some(&fetched.root),
        timestamp: Some(&fetched.timestamp),
        snapshot: Some(&fetched.snapshot),
        targets: Some(&fetched.targets),
    }
}

/// What one kind says, changed, and all of it signed again.
fn change(repository: &mut Repository, kind: &'static str, change: impl FnOnce(&mut Value)) {
    change(repository.says.get_mut(kind).unwrap());
    match kind {
        "root" => repository.publish_root(),
        _ => repository.publish(),
    }
}

#[test]
fn a_good_repository_is_gone_through_in_order_and_its_file_is_had() {
    let repository = repository();
    let first = repository.served["1.root.json"].clone();
    let (fetched, paths) = asked(&repository.served, &first, Held::default(), &[FILE, "missing.json"]);
    let fetched = fetched.unwrap();
    assert_eq!(fetched.files, [Some(TEXT.to_vec()), None]);
    assert_eq!((fetched.version, &fetched.root), (1, &first));
    let file = format!("targets/{}.{FILE}", digest(TEXT));
    assert_eq!(paths, ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json", &file]);
    // What is held serves by itself, for as long as it is good.
    current(holding(&fetched), FILE, TEXT, now()).unwrap();
    assert_eq!(current(holding(&fetched), FILE, b"else", now()).unwrap_err().reason, Reason::TargetMismatch);
    assert_eq!(current(holding(&fetched), "missing.json", TEXT, now()).unwrap_err().reason, Reason::TargetMissing);
    let later = "2099-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(current(holding(&fetched), FILE, TEXT, later).unwrap_err().reason, Reason::MetadataExpired);
    for name in ["root", "timestamp", "snapshot", "targets"] {
        let mut held = holding(&fetched);
        match name {
            "root" => held.root = None,
            "timestamp" => held.timestamp = None,
            "snapshot" => held.snapshot = None,
            _ => held.targets = None,
        }
        assert_eq!(current(held, FILE, TEXT, now()).unwrap_err().reason, Reason::MetadataMissing, "{name}");
    }
}

#[test]
fn a_repository_without_consistent_snapshots_has_names_without_versions() {
    let mut repository = repository();
    change(&mut repository, "root", |says| says["consistent_snapshot"] = false.into());
    for (name, plain) in [("1.snapshot.json", "snapshot.json"), ("1.targets.json", "targets.json")] {
        let bytes = repository.served.remove(name).unwrap();
        repository.served.insert(plain.into(), bytes);
    }
    repository.served.insert(format!("targets/{FILE}"), TEXT.to_vec());
    let first = repository.served["1.root.json"].clone();
    assert_eq!(fetched(&repository, &first, None).unwrap().files, [Some(TEXT.to_vec())]);
}

#[test]
fn roots_are_followed_one_by_one_and_keys_change_on_the_way() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    for _ in 0..5 {
        let old = std::mem::replace(&mut repository.keys, (0..3).map(|_| Key::new()).collect());
        repository.online = Key::new();
        repository.name_keys();
        repository.next(&["root"]);
        repository.publish_root_signed_by(&old.iter().collect::<Vec<_>>());
    }
    repository.publish();
    let now = fetched(&repository, &first, None).unwrap();
    assert_eq!((now.version, &now.root), (6, &repository.served["6.root.json"]));
    // One that is passed over: the next is not signed by those who are trusted.
    let fourth = repository.served["4.root.json"].clone();
    repository.served.insert("3.root.json".into(), fourth);
    assert_eq!(reason(&repository, &first, None), Reason::MetadataUnsigned);
}

#[test]
fn a_root_is_signed_by_the_keys_before_it_and_by_its_own() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    let old = std::mem::replace(&mut repository.keys, (0..3).map(|_| Key::new()).collect());
    repository.name_keys();
    repository.next(&["root"]);
    repository.publish();
    let both: Vec<_> = old.iter().chain(&repository.keys).collect();
    // By the new keys alone, by the old ones alone, by one of two that have to.
    for keys in [&both[3..], &both[..3], &both[2..], &both[..4]] {
        let root = signed(&repository.says["root"], keys);
        repository.served.insert("2.root.json".into(), root);
        assert_eq!(reason(&repository, &first, None), Reason::MetadataUnsigned);
    }
    let root = signed(&repository.says["root"], &both[1..5]);
    repository.served.insert("2.root.json".into(), root);
    assert!(fetched(&repository, &first, None).is_ok());
}

#[test]
fn a_root_that_skips_a_version_or_goes_back_is_refused() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    for (version, reason) in [(3, Reason::MetadataMismatch), (1, Reason::MetadataRollback)] {
        repository.says.get_mut("root").unwrap()["version"] = version.into();
        let root = repository.root(&[]);
        repository.served.insert("2.root.json".into(), root);
        assert_eq!(fetched(&repository, &first, None).unwrap_err().reason, reason);
    }
}

#[test]
fn keys_that_were_given_up_lead_nobody_who_renewed_another_way() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    // Whoever has the first keys, and whatever the honest one did since.
    let mut forged = self::repository();
    forged.keys = std::mem::take(&mut repository.keys);
    let own = (0..3).map(|_| Key::new()).collect::<Vec<_>>();
    repository.keys = own;
    repository.name_keys();
    repository.next(&["root"]);
    repository.publish_root_signed_by(&forged.keys.iter().collect::<Vec<_>>());
    repository.publish();
    let held = fetched(&repository, &first, None).unwrap();
    let stolen = std::mem::replace(&mut forged.keys, (0..3).map(|_| Key::new()).collect());
    forged.name_keys();
    forged.next(&["root"]);
    forged.publish_root_signed_by(&stolen.iter().collect::<Vec<_>>());
    forged.publish();
    assert!(fetched(&forged, &first, None).is_ok(), "whoever begins with the first root cannot tell");
    assert_eq!(reason(&forged, &first, Some(&held)), Reason::MetadataMismatch);
}

#[test]
fn roots_without_end_are_refused() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    let mut paths = 0;
    let refused = refresh(&first, Held::default(), &[FILE], now(), |path, _| {
        paths += 1;
        repository.says.get_mut("root").unwrap()["version"] =
            path.split('.').next().unwrap().parse::<u64>().unwrap().into();
        Ok::<_, ()>(Some(repository.root(&[])))
    });
    assert!(matches!(refused, Err(Failed::Refused(refusal)) if refusal.reason == Reason::TooLarge));
    assert_eq!(paths, 257);
}

#[test]
fn rollback_of_the_root_is_refused() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    repository.next(&["root"]);
    repository.publish_root();
    let held = fetched(&repository, &first, None).unwrap();
    assert_eq!(held.version, 2);
    repository.served.remove("2.root.json");
    assert_eq!(reason(&repository, &first, Some(&held)), Reason::MetadataRollback);
}

#[test]
fn rollback_of_the_timestamp_is_refused() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    let old = repository.served.clone();
    repository.replace(FILE, b"newer");
    let held = fetched(&repository, &first, None).unwrap();
    repository.served = old;
    assert_eq!(reason(&repository, &first, Some(&held)), Reason::MetadataRollback);
    assert!(fetched(&repository, &first, None).is_ok(), "whoever has seen nothing cannot know");
}

#[test]
fn rollback_of_the_snapshot_is_refused() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    repository.replace(FILE, b"newer");
    let held = fetched(&repository, &first, None).unwrap();
    // A newer timestamp that names an older snapshot.
    repository.says.get_mut("snapshot").unwrap()["version"] = 1.into();
    repository.next(&["timestamp"]);
    repository.publish();
    assert_eq!(reason(&repository, &first, Some(&held)), Reason::MetadataRollback);
}

#[test]
fn rollback_of_the_targets_is_refused() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    repository.replace(FILE, b"newer");
    let held = fetched(&repository, &first, None).unwrap();
    repository.says.get_mut("targets").unwrap()["version"] = 1.into();
    repository.next(&["snapshot", "timestamp"]);
    repository.publish();
    assert_eq!(reason(&repository, &first, Some(&held)), Reason::MetadataRollback);
    // Even by whoever lost the snapshot.
    let partly = Held { snapshot: None, ..holding(&held) };
    assert_eq!(asked(&repository.served, &first, partly, &[FILE]).0.unwrap_err().reason, Reason::MetadataRollback);
    // And a snapshot that forgets what it said.
    let mut forgetful = self::repository();
    let first = forgetful.served["1.root.json"].clone();
    change(&mut forgetful, "snapshot", |says| says["meta"]["delegated.json"] = json!({"version": 1}));
    let held = fetched(&forgetful, &first, None).unwrap();
    forgetful.next(&["snapshot", "timestamp"]);
    change(&mut forgetful, "snapshot", |says| {
        says["meta"].as_object_mut().unwrap().retain(|name, _| name != "delegated.json")
    });
    assert_eq!(reason(&forgetful, &first, Some(&held)), Reason::MetadataRollback);
}

#[test]
fn a_repository_that_is_frozen_is_refused() {
    for kind in ["root", "timestamp", "snapshot", "targets"] {
        let mut repository = repository();
        change(&mut repository, kind, |says| says["expires"] = "2026-01-01T00:00:00Z".into());
        let first = repository.served["1.root.json"].clone();
        assert_eq!(reason(&repository, &first, None), Reason::MetadataExpired, "{kind}");
    }
    // An old root on the way may be over: the last one counts.
    let mut repository = repository();
    change(&mut repository, "root", |says| says["expires"] = "2020-01-01T00:00:00Z".into());
    let first = repository.served["1.root.json"].clone();
    repository.next(&["root"]);
    change(&mut repository, "root", |says| says["expires"] = "2027-01-01T00:00:00Z".into());
    assert_eq!(fetched(&repository, &first, None).unwrap().until, "2027-01-01T00:00:00Z".parse().unwrap());
}

#[test]
fn metadata_that_was_never_together_is_refused() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    let old = repository.served.clone();
    repository.replace(FILE, b"newer");
    for (name, from) in [("2.snapshot.json", "1.snapshot.json"), ("2.targets.json", "1.targets.json")] {
        let mut mixed = repository.served.clone();
        mixed.insert(name.into(), old[from].clone());
        let refused = asked(&mixed, &first, Held::default(), &[FILE]).0.unwrap_err();
        assert_eq!(refused.reason, Reason::MetadataMismatch, "{name}");
    }
    // Without a digest that names it, its version tells.
    repository.says.get_mut("snapshot").unwrap()["meta"]["targets.json"] = json!({"version": 3});
    let snapshot = signed(&repository.says["snapshot"], &[&repository.online]);
    repository.says.get_mut("timestamp").unwrap()["meta"]["snapshot.json"] = json!({"version": 2});
    let timestamp = signed(&repository.says["timestamp"], &[&repository.online]);
    let targets = repository.served["2.targets.json"].clone();
    for (name, bytes) in [("2.snapshot.json", snapshot), ("timestamp.json", timestamp), ("3.targets.json", targets)] {
        repository.served.insert(name.into(), bytes);
    }
    assert_eq!(reason(&repository, &first, None), Reason::MetadataMismatch);
}

#[test]
fn metadata_below_its_threshold_or_by_another_role_is_refused() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    let stranger = Key::new();
    let one = [&repository.keys[0]];
    for keys in [&one[..], &[&repository.online], &[&repository.keys[0], &stranger], &[]] {
        let targets = signed(&repository.says["targets"], keys);
        let mut changed = Repository {
            keys: vec![],
            online: Key::new(),
            says: repository.says.clone(),
            served: repository.served.clone(),
        };
        // What names it is signed as it should be.
        let meta = json!({"version": 1, "length": targets.len(), "hashes": {"sha256": digest(&targets)}});
        changed.says.get_mut("snapshot").unwrap()["meta"]["targets.json"] = meta;
        let snapshot = signed(&changed.says["snapshot"], &[&repository.online]);
        let meta = json!({"version": 1, "length": snapshot.len(), "hashes": {"sha256": digest(&snapshot)}});
        changed.says.get_mut("timestamp").unwrap()["meta"]["snapshot.json"] = meta;
        let timestamp = signed(&changed.says["timestamp"], &[&repository.online]);
        for (name, bytes) in [("1.targets.json", targets), ("1.snapshot.json", snapshot), ("timestamp.json", timestamp)]
        {
            changed.served.insert(name.into(), bytes);
        }
        assert_eq!(reason(&changed, &first, None), Reason::MetadataUnsigned);
    }
    // A timestamp by the keys of the targets.
    let timestamp = signed(&repository.says["timestamp"], &repository.keys.iter().collect::<Vec<_>>());
    repository.served.insert("timestamp.json".into(), timestamp);
    assert_eq!(reason(&repository, &first, None), Reason::MetadataUnsigned);
    // A threshold of nobody is none.
    let mut nobody = self::repository();
    change(&mut nobody, "root", |says| says["roles"]["timestamp"]["threshold"] = 0.into());
    let root = nobody.served["1.root.json"].clone();
    assert_eq!(reason(&nobody, &root, None), Reason::Malformed);
}

#[test]
fn one_key_counts_once_by_whatever_ids() {
    let mut repository = repository();
    // The same key under a second id, which is the digest of it with a member more.
    let mut second = public(&repository.keys[0]);
    second["x-owner"] = "somebody".into();
    let ids = [id(&public(&repository.keys[0])), id(&second)];
    let root = repository.says.get_mut("root").unwrap();
    root["keys"][&ids[1]] = second;
    root["roles"]["root"] = json!({"keyids": ids, "threshold": 2});
    let text = canonical(root);
    let mut signatures: Vec<_> =
        ids.iter().map(|id| json!({"keyid": id, "sig": hex(&repository.keys[0].sign(text.as_bytes()))})).collect();
    let make =
        |signatures: &[Value], says: &Value| json!({"signatures": signatures, "signed": says}).to_string().into_bytes();
    let first = make(&signatures, root);
    assert_eq!(reason(&repository, &first, None), Reason::MetadataUnsigned);
    // Nor does it by two signatures under one id, or an id that the role names twice.
    signatures[1]["keyid"] = ids[0].clone().into();
    let first = make(&signatures, &repository.says["root"]);
    assert_eq!(reason(&repository, &first, None), Reason::Malformed);
    change(&mut repository, "root", |says| says["roles"]["root"]["keyids"] = json!([ids[0], ids[0]]));
    assert_eq!(reason(&repository, &repository.served["1.root.json"], None), Reason::Malformed);
}

#[test]
fn a_key_that_is_named_by_another_digest_than_its_own_is_refused() {
    let mut repository = repository();
    let stranger = Key::new();
    let known = id(&public(&repository.online));
    change(&mut repository, "root", |says| says["keys"][&known] = public(&stranger));
    assert_eq!(reason(&repository, &repository.served["1.root.json"], None), Reason::KeyIdMismatch);
}

#[test]
fn keys_are_read_in_each_form_and_others_are_not_counted() {
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    let ed25519 = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let point = Key::new();
    for (key, good) in [
        (
            json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": hex(ed25519.public_key().as_ref())}}),
            true,
        ),
        (json!({"keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": {"public": "-----BEGIN"}}), false),
    ] {
        let mut repository = repository();
        let name = id(&key);
        change(&mut repository, "root", |says| {
            says["keys"][&name] = key.clone();
            says["roles"]["timestamp"] = json!({"keyids": [name], "threshold": 1});
        });
        let says = &repository.says["timestamp"];
        let signature = hex(ed25519.sign(canonical(says).as_bytes()).as_ref());
        let timestamp = json!({"signatures": [{"keyid": name, "sig": signature}], "signed": says});
        repository.served.insert("timestamp.json".into(), timestamp.to_string().into_bytes());
        let judged = fetched(&repository, &repository.served["1.root.json"], None);
        assert_eq!(judged.is_ok(), good, "{judged:?}");
        assert!(good || judged.unwrap_err().message.contains("kinds that are not supported"));
    }
    // A point as digits, as old roots have it; and what is no point at all.
    let digits = hex(&point.spki()[26..]);
    for (public, good) in [(digits.as_str(), true), ("04", false), ("zz", false), (&digits[..128], false)] {
        let mut repository = repository();
        let key =
            json!({"keytype": "ecdsa-sha2-nistp256", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": public}});
        let name = id(&key);
        change(&mut repository, "root", |says| says["keys"][name] = key);
        let judged = fetched(&repository, &repository.served["1.root.json"], None);
        assert_eq!(judged.map_err(|refusal| refusal.reason).err(), (!good).then_some(Reason::Malformed), "{public}");
    }
}

#[test]
fn data_without_end_is_refused() {
    let repository = repository();
    let first = repository.served["1.root.json"].clone();
    let file = format!("targets/{}.{FILE}", digest(TEXT));
    let length = |name: &str| repository.served[name].len();
    for (name, bound, reason) in [
        ("2.root.json", 512_000, Reason::TooLarge),
        ("timestamp.json", 16_384, Reason::TooLarge),
        // What is named with its length is not asked for beyond it.
        ("1.snapshot.json", length("1.snapshot.json"), Reason::MetadataMismatch),
        ("1.targets.json", length("1.targets.json"), Reason::MetadataMismatch),
        (&file, TEXT.len(), Reason::TargetMismatch),
    ] {
        let mut most = 0;
        let refused = refresh(&first, Held::default(), &[FILE], now(), |path, limit| {
            if path != name {
                return Ok::<_, ()>(repository.served.get(path).cloned());
            }
            most = limit;
            Ok(Some(vec![b' '; limit + 1]))
        });
        assert!(matches!(refused, Err(Failed::Refused(refusal)) if refusal.reason == reason), "{name}");
        assert_eq!(most, bound, "{name}");
    }
    // Where no length is named, what the kind may have bounds it.
    let mut unnamed = self::repository();
    unnamed.says.get_mut("timestamp").unwrap()["meta"]["snapshot.json"] = json!({"version": 1});
    let timestamp = signed(&unnamed.says["timestamp"], &[&unnamed.online]);
    unnamed.served.insert("timestamp.json".into(), timestamp);
    unnamed.served.insert("1.snapshot.json".into(), vec![b' '; 2_000_001]);
    assert_eq!(reason(&unnamed, &unnamed.served["1.root.json"], None), Reason::TooLarge);
    // A file that is said to be larger than any that is asked for.
    let mut large = self::repository();
    change(&mut large, "targets", |says| says["targets"][FILE]["length"] = json!(u64::MAX));
    assert_eq!(reason(&large, &large.served["1.root.json"], None), Reason::TooLarge);
}

#[test]
fn files_that_nobody_signed_are_refused() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    for bytes in [&b"what is TRUSTED"[..], b"what is truste"] {
        repository.served.insert(format!("targets/{}.{FILE}", digest(TEXT)), bytes.to_vec());
        assert_eq!(reason(&repository, &first, None), Reason::TargetMismatch);
    }
    repository.served.remove(&format!("targets/{}.{FILE}", digest(TEXT)));
    assert_eq!(reason(&repository, &first, None), Reason::MetadataMissing);
}

#[test]
fn names_that_lead_out_of_the_folder_are_never_asked_for() {
    let mut repository = repository();
    for name in ["../../evil", "/etc/passwd", "a/b", "..", ".hidden", "a\\b", "a\0", ""] {
        change(&mut repository, "targets", |says| says["targets"][name] = says["targets"][FILE].clone());
        let first = repository.served["1.root.json"].clone();
        let (refused, paths) = asked(&repository.served, &first, Held::default(), &[name]);
        assert_eq!(refused.unwrap_err().reason, Reason::Unsupported, "{name:?}");
        assert!(paths.iter().all(|path| !path.contains("targets/")), "{paths:?}");
    }
    // They are no hindrance to whoever asks for others.
    assert!(fetched(&repository, &repository.served["1.root.json"], None).is_ok());
}

#[test]
fn files_that_others_are_delegated_are_refused_by_name() {
    let mut repository = repository();
    change(&mut repository, "targets", |says| says["delegations"] = json!({"keys": {}, "roles": []}));
    let first = repository.served["1.root.json"].clone();
    assert!(fetched(&repository, &first, None).is_ok(), "what is listed at first is had");
    let refused = asked(&repository.served, &first, Held::default(), &["delegated.json"]).0.unwrap_err();
    assert_eq!((refused.reason, refused.message.contains("delegated.json")), (Reason::Unsupported, true));
}

#[test]
fn a_version_that_nobody_can_outrun_is_forgotten_with_the_keys_that_gave_it() {
    let mut repository = repository();
    let first = repository.served["1.root.json"].clone();
    let good = (repository.says["timestamp"].clone(), repository.says["snapshot"].clone());
    for kind in ["timestamp", "snapshot"] {
        repository.says.get_mut(kind).unwrap()["version"] = (u64::MAX).into();
    }
    repository.publish();
    let held = fetched(&repository, &first, None).unwrap();
    // With its keys, its versions stand.
    repository.says.insert("timestamp", good.0);
    repository.says.insert("snapshot", good.1);
    repository.next(&["timestamp", "snapshot"]);
    repository.publish();
    assert_eq!(reason(&repository, &first, Some(&held)), Reason::MetadataRollback);
    // New keys, a new count.
    repository.online = Key::new();
    repository.name_keys();
    repository.next(&["root"]);
    repository.publish_root();
    repository.publish();
    assert_eq!(fetched(&repository, &first, Some(&held)).unwrap().version, 2);
    // A root of the last version has none after it.
    let mut last = self::repository();
    change(&mut last, "root", |says| says["version"] = u64::MAX.into());
    let root = last.root(&[]);
    assert_eq!(reason(&last, &root, None), Reason::TooLarge);
}

#[test]
fn what_is_held_and_rotten_is_as_if_it_had_never_been() {
    let repository = repository();
    let first = repository.served["1.root.json"].clone();
    let held = Held { root: Some(b"{}"), timestamp: Some(b""), snapshot: Some(&first), targets: Some(b"[") };
    assert!(asked(&repository.served, &first, held, &[FILE]).0.is_ok());
}

#[test]
fn metadata_is_of_its_own_kind_and_of_a_specification_that_is_known() {
    for (kind, at, value, reason) in [
        ("timestamp", "_type", json!("snapshot"), Reason::MetadataMismatch),
        ("snapshot", "_type", json!("timestamp"), Reason::MetadataMismatch),
        ("targets", "_type", json!("root"), Reason::MetadataMismatch),
        ("root", "spec_version", json!("2.0.0"), Reason::Unsupported),
        ("root", "spec_version", json!("10"), Reason::Unsupported),
        ("timestamp", "version", json!(0), Reason::Malformed),
        ("timestamp", "version", json!(1.5), Reason::Malformed),
        ("timestamp", "version", json!(-1), Reason::Malformed),
        ("timestamp", "expires", json!("never"), Reason::Malformed),
        ("snapshot", "meta", json!({"other.json": {}}), Reason::Malformed),
        ("targets", "targets", json!({FILE: {"length": 1}}), Reason::Malformed),
        ("targets", "targets", json!({FILE: {"length": 1, "hashes": {}}}), Reason::Malformed),
        ("targets", "targets", json!({FILE: {"length": 1, "hashes": {"md5": "00"}}}), Reason::Unsupported),
        ("targets", "targets", json!({FILE: {"length": 1, "hashes": {"sha256": "00"}}}), Reason::Malformed),
    ] {
        let mut repository = repository();
        // A snapshot's own version is written again with what names it.
        change(&mut repository, kind, |says| says[at] = value.clone());
        let first = repository.served["1.root.json"].clone();
        assert_eq!(fetched(&repository, &first, None).unwrap_err().reason, reason, "{kind} {at} {value}");
    }
}

#[test]
fn the_roots_that_are_built_in_follow_those_of_other_clients() {
    for (First { mirror, root }, before, version) in [
        (tuf::PRODUCTION, &include_bytes!("../tuf/sigstore-14.root.json")[..], 15),
        (tuf::STAGING, include_bytes!("../tuf/sigstage-13.root.json"), 14),
    ] {
        let next = format!("{version}.root.json");
        // Its own keys signed it, as did those of the root before it: the way ends where there is no timestamp.
        let mut paths = Vec::new();
        let ended = refresh(before, Held::default(), &[FILE], now(), |path, _| {
            paths.push(path.to_owned());
            Ok::<_, ()>((path == next).then(|| root.as_bytes().to_vec()))
        });
        assert!(
            matches!(ended, Err(Failed::Refused(refusal)) if refusal.reason == Reason::MetadataMissing),
            "{mirror}"
        );
        assert_eq!(paths, [next, format!("{}.root.json", version + 1), "timestamp.json".into()]);
        // One sign of it changed, and nobody signed it.
        let changed = root.replacen("\"consistent_snapshot\": true", "\"consistent_snapshot\": false", 1);
        assert_ne!(changed, root);
        let refused = refresh(changed.as_bytes(), Held::default(), &[FILE], now(), |_, _| Ok::<_, ()>(None));
        assert!(
            matches!(refused, Err(Failed::Refused(refusal)) if refusal.reason == Reason::MetadataUnsigned),
            "{mirror}"
        );
    }
}
