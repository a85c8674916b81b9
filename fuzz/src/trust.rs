//! What the targets of signatures share: the trusted root, the artifact and the demands of the seeds.

use std::sync::OnceLock;

use jiff::Timestamp;
use plimsoll_trust::{Bundle, Demand, Identity, Pattern, PublicKey, Signer, Subject, TrustMaterial};

/// A seed whose log is of the first version, and gives the time.
pub const LOGGED: &str = include_str!("../seeds/bundle/v1.json");
/// One whose log is of the second, with a timestamp.
pub const STAMPED: &str = include_str!("../seeds/bundle/v2-cosigned.json");

/// A seed as a bundle.
pub fn bundle(seed: &str) -> Bundle {
    Bundle::from_json(seed.as_bytes()).expect("a seed is a bundle")
}

/// What the seeds sign.
pub const ARTIFACT: &[u8] = b"an artifact of the offline world\n";

/// The roots of all of the seeds in one.
pub fn root() -> &'static TrustMaterial {
    static ROOT: OnceLock<TrustMaterial> = OnceLock::new();
    ROOT.get_or_init(|| {
        TrustMaterial::from_json(include_bytes!("offline-world.json")).expect("the trusted root of the seeds is one")
    })
}

/// When it is asked.
pub fn now() -> Timestamp {
    Timestamp::from_second(1_767_225_660).expect("an instant")
}

/// The signer of the seeds by name, and by the key of one of the root's logs (which signs no artifact).
pub fn demands(subject: Subject) -> &'static [Demand] {
    static DEMANDS: OnceLock<Vec<Demand>> = OnceLock::new();
    DEMANDS.get_or_init(|| {
        let any = Pattern::glob("**").expect("a glob");
        let keyless = Signer::Keyless(vec![Identity::new(any.clone(), any)]);
        let key: PublicKey = root().logs[0].key.clone().expect("a key");
        [keyless, Signer::Key(key)].into_iter().map(|signer| Demand::new(signer, subject.clone())).collect()
    })
}
