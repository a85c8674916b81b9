//! Writes the cases of the offline world to a folder, one folder each, for others to judge: `offline_world FOLDER`. Each has bundle.json,
//! trusted_root.json, artifact and expected.json (name, identity, issuer, whether it must be accepted, our code, what a peer can say). `offline_world --time` measures instead how long one verification takes, of this thread's time on a
//! processor; build it with `--release`. `offline_world --image SHA256 FOLDER` signs an image in both of cosign's forms and attests to it,
//! for whoever puts that into a registry: see `image`. `offline_world --notary FOLDER` writes envelopes of the Notary Project: the fuzzer's
//! seeds. `offline_world serve FOLDER` speaks as its services over HTTP on loopback, and
//! prints the address.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a program for checks stops at once")]

mod cases;
mod der;
mod image;
mod notary;
mod serve;
mod setup;
#[allow(dead_code, reason = "what makes a repository wrong is for tests")]
mod tuf;
mod world;

use std::fs;
use std::path::PathBuf;

use cases::{Peer, Who};
use plimsoll_trust::{
    Artifact, Bundle, Demand, Hash, Identity, Pattern, PublicKey, Signer, Subject, TrustMaterial, verify_bundle,
};
use serde_json::json;

/// How long this thread was on a processor, in nanoseconds: others' work on a busy machine is not counted.
fn on_processor() -> u64 {
    let schedule = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    schedule.split(' ').next().unwrap().parse().unwrap()
}

/// Reads and verifies the same bundle again and again.
fn time(name: &str) {
    const TIMES: u64 = 300;
    let case = cases::all().into_iter().find(|case| case.name == name).expect("a case");
    let bundle = case.made.bundle.to_string();
    let trust = TrustMaterial::from_json(case.made.trusted_root.to_string().as_bytes()).unwrap();
    let signer = match &case.made.key {
        Some(key) => Signer::Key(PublicKey::from_pem(key.as_bytes()).unwrap()),
        None => Signer::Keyless(vec![Identity::new(Pattern::exact(world::IDENTITY), Pattern::exact(world::ISSUER))]),
    };
    let demand = Demand::new(signer, Subject::Any);
    for artifact in
        [Artifact::Bytes(&case.made.artifact), Artifact::Digest(Hash::Sha256, world::sha256(&case.made.artifact))]
    {
        let before = on_processor();
        for _ in 0..TIMES {
            let bundle = Bundle::from_json(bundle.as_bytes()).unwrap();
            verify_bundle(&bundle, &artifact, &trust, &demand, jiff::Timestamp::UNIX_EPOCH).unwrap();
        }
        let each = (on_processor() - before) / TIMES / 1000;
        let how = if matches!(artifact, Artifact::Bytes(_)) { "bytes" } else { "digest" };
        println!("say: {name} by {how}: {each} us each");
        // The bound that is promised is five milliseconds.
        assert!(cfg!(debug_assertions) || each < 5000, "{each} us");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [option, digest, folder] = arguments.as_slice() {
        assert_eq!(option, "--image");
        return image::write(digest, &PathBuf::from(folder));
    }
    if let [option, folder] = arguments.as_slice()
        && option == "--notary"
    {
        return notary::write(&PathBuf::from(folder));
    }
    let argument = arguments.into_iter().next().expect("the folder to write to, or --time, or --image");
    if argument == "--time" {
        ["v1", "v1-dsse", "v2", "v1-with-timestamp"].into_iter().for_each(time);
        return;
    }
    if argument == "serve" {
        let folder = PathBuf::from(std::env::args().nth(2).expect("the folder for what a client needs to know"));
        fs::create_dir_all(&folder).unwrap();
        println!("{}", serve::start(&folder));
        // Until whoever started it ends it.
        loop {
            std::thread::park();
        }
    }
    let folder = PathBuf::from(argument);
    let cases = cases::all();
    for case in &cases {
        let place = folder.join(case.name);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("bundle.json"), case.made.bundle.to_string()).unwrap();
        fs::write(place.join("trusted_root.json"), case.made.trusted_root.to_string()).unwrap();
        fs::write(place.join("artifact"), &case.made.artifact).unwrap();
        if let Some(key) = &case.made.key {
            fs::write(place.join("key.pub"), key).unwrap();
        }
        let (identity, issuer) = match case.who {
            Who::Exact(identity, issuer) => (Some(identity), Some(issuer)),
            _ => (None, None),
        };
        let ours = case.judge(false);
        let expected = json!({
            "identity": identity,
            "issuer": issuer,
            "accept": case.expected.is_ok(),
            "code": case.expected.err().map(|reason| reason.code()),
            "ours": ours.err().map_or_else(|| "accepted".to_owned(), |refusal| refusal.to_string()),
            "peer": match case.peer {
                Peer::Agrees => "agrees",
                Peer::Unable => "unable",
                Peer::Differs(why) => why,
            },
        });
        fs::write(place.join("expected.json"), format!("{expected:#}\n")).unwrap();
    }
    println!("say: {} cases", cases.len());
}
