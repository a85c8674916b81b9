//! Bitnami's applications. In: the SPDX document that its images carry for each of them (`opt/bitnami/NAME/.spdx-NAME.spdx`).
//! Out: the application and what was built into it. What it does not do: take operating-system packages from it, which
//! their own database knows better.

use crate::reader::{Candidate, ReadInput, ReadOutput, Reader, Scope};
use crate::sboms::read_sbom;
use crate::text::unreadable;
use plimsoll_model::Ecosystem;

pub const READER: Reader = Reader {
    id: "bitnami",
    what: "Bitnami application",
    ecosystem: Ecosystem::Bitnami,
    scope: Scope::Image,
    wants: |file: &Candidate<'_>| {
        file.path.starts_with("opt/bitnami/") && file.name().starts_with(".spdx-") && file.name().ends_with(".spdx")
    },
    markers: &[],
    companion: None,
    max_size: 8 << 20,
    read: |input: &ReadInput<'_>| parse(input.bytes, input.path),
};

/// Packages of the document.
pub fn parse(bytes: &[u8], path: &str) -> ReadOutput {
    let sbom = match read_sbom(bytes, path) {
        Ok(sbom) => sbom,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            return ReadOutput::problem(unreadable("Bitnami's list of packages", format!("{error}{cause}")));
        }
    };
    let mut packages = sbom.inventory.packages;
    packages.retain(|package| !package.ecosystem.is_os());
    for package in &mut packages {
        READER.id.clone_into(&mut package.reader);
        // Layers of the document are not those of the image.
        package.location = Default::default();
    }
    let mut problems = sbom.inventory.problems;
    problems.retain(|problem| problem.kind != plimsoll_model::ProblemKind::UnknownDistro);
    ReadOutput { packages, problems }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn application_is_read_and_system_packages_are_left_out() {
        let text = br#"{"spdxVersion":"SPDX-2.3","packages":[
            {"SPDXID":"SPDXRef-a","name":"redis","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:bitnami/redis@7.2.0-1?arch=amd64"}]},
            {"SPDXID":"SPDXRef-b","name":"libc6","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:deb/debian/libc6@2.36"}]}]}"#;
        let out = parse(text, "opt/bitnami/redis/.spdx-redis.spdx");
        assert_eq!(
            out.packages.iter().map(|p| (p.id(), p.reader.clone())).collect::<Vec<_>>(),
            [("redis@7.2.0-1".into(), "bitnami".into())]
        );
        assert_eq!(parse(b"{", "x").problems.len(), 1);
    }
}
