//! What a cluster gives us: kubeconfigs, pull secrets of both kinds, Secret objects. What cannot be read is told without
//! the bytes, for these are passwords.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_sources::PullSecret;
use plimsoll_sources::cluster::client::secret_object;
use plimsoll_sources::cluster::kubeconfig::kubeconfig;

fuzz_target!(|data: &[u8]| {
    if let Err(why) = kubeconfig(data, None) {
        assert!(!why.is_empty(), "a refusal without words");
    }
    for read in [PullSecret::from_docker_config_json(data), PullSecret::from_docker_cfg(data)] {
        match read {
            Ok(secret) => {
                assert!(secret.problems.iter().all(|problem| !problem.chars().any(char::is_control)));
                let _ = secret.matches("docker.io", "library/nginx") + secret.matches("[::1]:5000", "a/b");
            }
            Err(error) => assert!(error.to_string().len() < 200),
        }
    }
    let _ = secret_object(data);
});
