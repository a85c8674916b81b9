//! Entries of transparency logs, of Rekor's versions 1 and 2. In: an entry as a bundle or an annotation holds it, and the logs. Out: that
//! a trusted log holds it, and the time that it vouches for. What an entry is of is `rekor_body`'s. It asks no log.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::checkpoint::Checkpoint;
use crate::dsse::encode;
use crate::json;
use crate::merkle;
use crate::public_key::{hex, unhex};
use crate::refusal::{Reason, Refusal, malformed};
use crate::trusted_root::{Log, TrustMaterial};

/// The body of an entry holds a certificate and a signature; with an attestation inside, some megabytes at most.
const MOST_BODY: usize = 16 << 20;

/// A proof that an entry is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Its place within its tree, which is not its place in the whole log.
    pub index: u64,
    /// The size of the tree.
    pub size: u64,
    /// Its root.
    pub root: [u8; 32],
    /// From the leaf to the root.
    pub hashes: Vec<[u8; 32]>,
    /// The log's word for size and root; early bundles have none.
    pub checkpoint: Option<String>,
}

/// An entry, not believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the whole log.
    pub index: u64,
    /// What its log is known by.
    pub log: Vec<u8>,
    /// Its kind, and the version of it.
    pub kind: (String, String),
    /// When the log says that it came, in seconds; version 2 does not say.
    pub integrated: Option<i64>,
    /// The log's signed promise to hold it (a signed entry timestamp).
    pub promise: Option<Vec<u8>>,
    /// The proof that it is there.
    pub proof: Option<Proof>,
    /// The entry itself, as the log holds it.
    pub body: Vec<u8>,
}

/// What an entry that was checked gives.
pub(crate) struct Logged<'a> {
    /// The logs of this id whose word for it is good: one, or several of one key for different times.
    pub logs: Vec<&'a Log>,
    /// The time that its log vouches for.
    pub time: Option<Timestamp>,
}

impl Entry {
    /// The entry in one element of a bundle's `tlogEntries`.
    pub(crate) fn from_value(value: &Value) -> Result<Self, Refusal> {
        let what = "an entry of a log";
        let number = |name| json::integer(value, name, what);
        let part = |name: &str| json::member(value, name).ok_or_else(|| malformed(format!("{what} has no {name:?}")));
        let kind = part("kindVersion")?;
        let body = json::bytes(value, "canonicalizedBody", what)?;
        if body.len() > MOST_BODY {
            return Err(Refusal::new(Reason::TooLarge, format!("{what} of more than {MOST_BODY} bytes")));
        }
        let promise = json::member(value, "inclusionPromise");
        Ok(Self {
            index: match json::member(value, "logIndex") {
                Some(_) => {
                    u64::try_from(number("logIndex")?).map_err(|_| malformed("an entry before the first of its log"))?
                }
                // protobuf leaves a zero out.
                None => 0,
            },
            log: json::bytes(part("logId")?, "keyId", what)?,
            kind: (json::text(kind, "kind", what)?.to_owned(), json::text(kind, "version", what)?.to_owned()),
            integrated: json::member(value, "integratedTime")
                .map(|_| number("integratedTime"))
                .transpose()?
                .filter(|&t| t != 0),
            promise: promise.map(|promise| json::bytes(promise, "signedEntryTimestamp", what)).transpose()?,
            proof: json::member(value, "inclusionProof").map(proof).transpose()?,
            body,
        })
    }

    /// The entry in the annotation `dev.sigstore.cosign/bundle` of an image's signature: its promise, and no proof.
    ///
    /// # Errors
    /// `malformed`, `too-large`.
    pub fn from_annotation(text: &[u8]) -> Result<Self, Refusal> {
        let what = "the entry of a log in an annotation";
        let value = json::parse(text, what)?;
        let payload = json::member(&value, "Payload").ok_or_else(|| malformed(format!("{what} has no \"Payload\"")))?;
        // Some writers have the entry as a text here, and some have other things that mean nothing.
        let body = json::bytes(payload, "body", what)?;
        let read = json::parse(&body, what)?;
        let log = json::text(payload, "logID", what)?;
        let log =
            unhex(log).ok_or_else(|| malformed(format!("{what} has a \"logID\" that is not in hexadecimal digits")))?;
        Ok(Self {
            index: u64::try_from(json::integer(payload, "logIndex", what)?)
                .map_err(|_| malformed("an entry before the first"))?,
            log,
            kind: (json::text(&read, "kind", what)?.to_owned(), json::text(&read, "apiVersion", what)?.to_owned()),
            integrated: Some(json::integer(payload, "integratedTime", what)?),
            promise: Some(json::bytes(&value, "SignedEntryTimestamp", what)?),
            proof: None,
            body,
        })
    }

    /// It as the annotation `dev.sigstore.cosign/bundle` has it; none where the log gave no promise, on which that form rests.
    pub fn to_annotation(&self) -> Option<String> {
        let (promise, time) = (self.promise.as_ref()?, self.integrated?);
        Some(format!(
            r#"{{"SignedEntryTimestamp":"{}","Payload":{{"body":"{}","integratedTime":{time},"logIndex":{},"logID":"{}"}}}}"#,
            encode(promise),
            encode(&self.body),
            self.index,
            hex(&self.log)
        ))
    }

    /// It as a bundle has it.
    pub(crate) fn to_value(&self) -> Value {
        let mut value = json!({
            "logIndex": self.index.to_string(),
            "logId": {"keyId": encode(&self.log)},
            "kindVersion": {"kind": self.kind.0, "version": self.kind.1},
            "canonicalizedBody": encode(&self.body),
        });
        if let Some(time) = self.integrated {
            value["integratedTime"] = time.to_string().into();
        }
        if let Some(promise) = &self.promise {
            value["inclusionPromise"] = json!({"signedEntryTimestamp": encode(promise)});
        }
        if let Some(proof) = &self.proof {
            value["inclusionProof"] = json!({
                "logIndex": proof.index.to_string(),
                "rootHash": encode(&proof.root),
                "treeSize": proof.size.to_string(),
                "hashes": proof.hashes.iter().map(|h| encode(h)).collect::<Vec<_>>(),
            });
            if let Some(checkpoint) = &proof.checkpoint {
                value["inclusionProof"]["checkpoint"] = json!({"envelope": checkpoint});
            }
        }
        value
    }

    /// Whether its log is of the second version, which gives no times and no promises.
    pub(crate) fn is_v2(&self) -> bool {
        self.kind.1 == "0.0.2" && self.kind.0 != "intoto"
    }

    /// The bytes that its promise is over: JSON with members in order and no spaces.
    pub(crate) fn promised(&self) -> Vec<u8> {
        format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
            encode(&self.body),
            self.integrated.unwrap_or(0),
            hex(&self.log),
            self.index
        )
        .into_bytes()
    }

    /// Whether a trusted log holds it. `proven` asks for a proof with the log's checkpoint; without, a promise is enough, where the
    /// log gives promises.
    pub(crate) fn check<'a>(&self, trust: &'a TrustMaterial, proven: bool) -> Result<Logged<'a>, Refusal> {
        let known: Vec<&Log> = trust.logs.iter().filter(|log| log.id == self.log && log.key.is_some()).collect();
        if known.is_empty() {
            return Err(Refusal::new(
                Reason::LogUnknown,
                format!("an entry of a log that is not trusted, {}", hex(&self.log)),
            ));
        }
        // Whoever made the entry chose its kind: one without promises needs the proof, wherever it is kept.
        let v2 = self.is_v2();
        let proven = proven || v2;
        if proven && self.proof.is_none() {
            return Err(Refusal::new(Reason::InclusionMissing, "an entry of a log without the proof that it is there"));
        }
        if !proven && self.promise.is_none() {
            return Err(Refusal::new(Reason::PromiseMissing, "an entry of a log without its signed promise"));
        }
        // Each log of this id is tried: one key may stand in the root once for each time in which it was good.
        let mut refusal = None;
        let mut logs = Vec::new();
        for log in known {
            match self.check_with(log, proven, v2) {
                Ok(()) => logs.push(log),
                Err(why) => refusal = Some(why),
            }
        }
        if let (true, Some(why)) = (logs.is_empty(), refusal) {
            return Err(why);
        }
        let time = match (self.integrated, &self.promise) {
            (Some(seconds), Some(_)) if !v2 => {
                let time = Timestamp::from_second(seconds).ok().filter(|_| seconds > 0);
                Some(time.ok_or_else(|| malformed("an entry of a log that came at no time"))?)
            }
            _ => None,
        };
        Ok(Logged { logs, time })
    }

    fn check_with(&self, log: &Log, proven: bool, v2: bool) -> Result<(), Refusal> {
        let Some(key) = &log.key else { return Err(malformed("a log without a key")) };
        if let (Some(promise), false) = (&self.promise, v2) {
            key.verify(&self.promised(), promise).map_err(|_| {
                Refusal::new(Reason::PromiseInvalid, "the promise of a log is not the log's over this entry")
            })?;
        }
        let Some(proof) = &self.proof else { return Ok(()) };
        if merkle::root(merkle::leaf(&self.body), proof.index, proof.size, &proof.hashes)? != proof.root {
            return Err(Refusal::new(
                Reason::InclusionInvalid,
                "the proof of inclusion does not lead from this entry to its root",
            ));
        }
        let Some(note) = &proof.checkpoint else {
            if proven {
                return Err(Refusal::new(
                    Reason::CheckpointUnsigned,
                    "a proof of inclusion without its log's checkpoint",
                ));
            }
            return Ok(());
        };
        let checkpoint = Checkpoint::read(note)?;
        let hint = log.id.first_chunk::<4>().copied().unwrap_or_default();
        if v2 {
            if !log.is_origin(checkpoint.origin) {
                let why = format!("a checkpoint of {:?}, and the log is at {:?}", checkpoint.origin, log.base_url);
                return Err(Refusal::new(Reason::CheckpointOrigin, why));
            }
            checkpoint.signed_by(key, hint, |name| name == checkpoint.origin)?;
        } else {
            // The origin has the tree's number behind the name; both are what the operator set.
            let origin = checkpoint.origin;
            checkpoint.signed_by(key, hint, |name| {
                origin.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" - "))
            })?;
        }
        if checkpoint.root != proof.root || checkpoint.size != proof.size {
            return Err(Refusal::new(
                Reason::CheckpointMismatch,
                "the log's checkpoint is of another root or size than the proof",
            ));
        }
        Ok(())
    }
}

fn proof(value: &Value) -> Result<Proof, Refusal> {
    let what = "a proof of inclusion";
    let unsigned = |name| match json::member(value, name) {
        None => Ok(0),
        Some(_) => u64::try_from(json::integer(value, name, what)?)
            .map_err(|_| malformed(format!("{what} with a negative number"))),
    };
    let hash = |bytes: Vec<u8>| {
        <[u8; 32]>::try_from(bytes).map_err(|_| malformed(format!("{what} with a hash that has not 32 bytes")))
    };
    let hashes = match json::member(value, "hashes") {
        None => &Vec::new(),
        Some(list) => list.as_array().ok_or_else(|| malformed(format!("{what} without a list of hashes")))?,
    };
    let hashes = hashes.iter().map(|item| {
        let text = item.as_str().ok_or_else(|| malformed(format!("{what} with a hash that is no text")))?;
        hash(json::base64(text, "a hash")?)
    });
    let checkpoint =
        json::member(value, "checkpoint").map(|c| json::text(c, "envelope", "a checkpoint").map(str::to_owned));
    Ok(Proof {
        index: unsigned("logIndex")?,
        size: unsigned("treeSize")?,
        root: hash(json::bytes(value, "rootHash", what)?)?,
        hashes: hashes.collect::<Result<_, _>>()?,
        checkpoint: checkpoint.transpose()?,
    })
}
