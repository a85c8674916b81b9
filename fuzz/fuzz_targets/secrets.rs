//! Secrets in files, variables and commands. What is shown of one is never the secret itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::secrets;

fuzz_target!(|data: &[u8]| {
    for path in ["app/.env", "root/.aws/credentials", "app/config.yaml", "root/.docker/config.json", "root/.netrc"] {
        let findings = secrets::inspect(path, data);
        assert!(findings.len() <= data.len());
    }
    let [name, value] = plimsoll_fuzz::lines(data);
    let _ = secrets::in_variable(name, value);
    let _ = secrets::in_command(value);
    let _ = secrets::redact(value);
});
