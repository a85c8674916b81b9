//! Faults in conftest's words. In: faults of loading and compiling. Out: texts, with conftest's own flags in our advice.

use crate::rego::fault::{self, Fault};

/// Our advice names OPA's flags; here the same is called otherwise.
fn advised(text: String) -> String {
    text.replace("--v0-compatible reads it as it is", "--rego-version v0 reads it as it is")
        .replace("`opa fmt --v0-v1 -w`", "`plimsoll opa fmt --v0-v1 -w`")
}

/// What went wrong while files were read.
pub fn loading(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| advised(fault.text())).collect();
    match lines.len() {
        1 => format!("1 error occurred during loading: {}", lines.concat()),
        count => format!("{count} errors occurred during loading:\n{}", lines.join("\n")),
    }
}

/// What the compiler refused.
pub fn compiling(faults: &[Fault]) -> String {
    advised(fault::text(faults))
}
