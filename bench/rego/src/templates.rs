//! The Rego of gatekeeper-library's templates.

use std::path::Path;

use plimsoll_yaml::Node;

use crate::Outcome;

pub struct Template {
    pub modules: Vec<(String, String)>,
    pub rule: String,
    pub v0: bool,
}

fn template(text: &str) -> Option<Template> {
    let (documents, _) = plimsoll_yaml::documents(text);
    let targets = documents.first()?.get("spec")?.get("targets")?;
    targets.items().iter().find_map(|target| {
        let engine = |code: &&std::sync::Arc<Node>| code.get("engine").and_then(|name| name.text()) == Some("Rego");
        let code = target.get("code").and_then(|list| list.items().iter().find(engine));
        let source = code.map_or(Some(target), |code| code.get("source"))?;
        let rego = source.get("rego")?.text()?;
        let package = rego.lines().find_map(|line| line.trim().strip_prefix("package "))?;
        let mut modules = vec![("template.rego".to_owned(), rego.to_owned())];
        let libs = source.get("libs").map(|list| list.items()).unwrap_or_default();
        let libs = libs.iter().filter_map(|lib| lib.text()).enumerate();
        modules.extend(libs.map(|(at, text)| (format!("lib-{at}.rego"), text.to_owned())));
        let v0 = source.get("version").and_then(|version| version.text()) != Some("v1");
        Some(Template { modules, rule: format!("data.{}.violation", package.trim()), v0 })
    })
}

fn below(folder: &Path, found: &mut Vec<Template>) -> Outcome<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            below(&path, found)?;
        } else if path.ends_with("template.yaml") {
            // A quoted text whose next line stands no deeper than its key is no YAML to this reader: set it apart.
            let text = std::fs::read_to_string(&path)?.replace("\n              to false.\"", " to false.\"");
            found.push(template(&text).ok_or_else(|| format!("{}: no Rego", path.display()))?);
        }
    }
    Ok(())
}

pub fn all(folder: &Path) -> Outcome<Vec<Template>> {
    let mut found = Vec::new();
    below(folder, &mut found)?;
    Ok(found)
}
