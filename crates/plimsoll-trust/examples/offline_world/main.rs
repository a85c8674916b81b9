//! Writes the cases of the offline world to a folder, one folder each, for others to judge: `offline_world FOLDER`. Each has bundle.json,
//! trusted_root.json, artifact and expected.json (name, identity, issuer, whether it must be accepted, our code, what a peer can say).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a program for checks stops at once")]

mod cases;
mod der;
mod setup;
mod world;

use std::fs;
use std::path::PathBuf;

use cases::{Peer, Who};
use serde_json::json;

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("the folder to write to"));
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
