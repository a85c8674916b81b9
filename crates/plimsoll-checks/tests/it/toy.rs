//! A toy builder: the rules' examples (a few Dockerfile instructions, or a manifest's `image:` line) to image facts.
//! It knows just the bases and commands that the examples use, and refuses the rest, so that no example can lie.

use plimsoll_model::{
    FileFact, FileFactKind, HistoryEntry, ImageConfig, Inventory, Layer, Location, Problem, ProblemKind, Subject,
    SubjectKind, WastedFile,
};

pub fn subject(name: &str) -> Subject {
    Subject {
        kind: SubjectKind::Image,
        name: name.to_owned(),
        reference: Some(name.parse().unwrap()),
        digest: None,
        index_digest: None,
        image_id: None,
        named_at: Vec::new(),
        namespace: None,
    }
}

/// What the example describes.
pub fn build(example: &str) -> (Inventory, Subject) {
    let mut subject = subject("registry.example.com/shop/web:1.4.2");
    let mut image = Inventory::default();
    let mut lines = example.lines();
    while let Some(line) = lines.next() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "image:" => subject = self::subject(rest),
            // Each stage starts anew: only the last one is the image.
            "FROM" => image = base(rest.split(' ').next().unwrap()),
            "USER" => config(&mut image).user = Some(rest.to_owned()),
            "CMD" => {}
            "VOLUME" => config(&mut image).volumes.push(rest.to_owned()),
            "HEALTHCHECK" => config(&mut image).healthcheck = vec!["CMD-SHELL".to_owned(), rest.to_owned()],
            "ADD" => copy(&mut image, line, rest, &mut lines),
            "ENV" => {
                config(&mut image).env.push(rest.to_owned());
                history(&mut image, line, true);
            }
            "COPY" => copy(&mut image, line, rest, &mut lines),
            "RUN" => run(&mut image, line, rest),
            other => panic!("the toy builder knows no {other}"),
        }
    }
    (image, subject)
}

fn config(image: &mut Inventory) -> &mut ImageConfig {
    image.config.as_mut().expect("FROM comes first")
}

fn history(image: &mut Inventory, line: &str, empty_layer: bool) -> usize {
    config(image).history.push(HistoryEntry {
        created_by: Some(line.to_owned()),
        empty_layer,
        ..HistoryEntry::default()
    });
    if !empty_layer {
        image.layers.push(Layer { created_by: Some(line.to_owned()), ..Layer::default() });
    }
    image.layers.len() - 1
}

fn fact(image: &mut Inventory, kind: FileFactKind, path: &str, mode: u32, size: u64, layer: usize) {
    image.files.push(FileFact { kind, location: Location::in_layer(path, layer), mode, size });
}

fn base(name: &str) -> Inventory {
    let mut image = Inventory { config: Some(ImageConfig::default()), ..Inventory::default() };
    let layer = history(&mut image, "ADD rootfs.tar /", false);
    grow(&mut image, layer, 20_000_000);
    let full_name = name.split_once('.').map_or(format!("docker.io/library/{name}"), |_| name.to_owned());
    config(&mut image).labels.insert("org.opencontainers.image.base.name".into(), full_name);
    if name.starts_with("debian:") {
        fact(&mut image, FileFactKind::Shell, "usr/bin/dash", 0o755, 100_000, layer);
        fact(&mut image, FileFactKind::PackageManager, "usr/bin/apt", 0o755, 20_000, layer);
        fact(&mut image, FileFactKind::Setuid, "usr/bin/su", 0o4755, 80_000, layer);
    } else {
        assert!(name.contains("distroless") || name.contains("python"), "the toy builder knows no base {name}");
    }
    if name == "debian:8" {
        image.problems.push(Problem::undecided(ProblemKind::EndOfLife, "debian 8 gets no more advisories"));
    }
    image
}

fn grow(image: &mut Inventory, layer: usize, size: u64) {
    image.layers[layer].unpacked_size += size;
    image.total_file_bytes += size;
}

/// `[--chmod=MODE] [--from=STAGE] SOURCE TARGET`; a source named `…-20MB.…` has that size; a here-document has its text.
fn copy(image: &mut Inventory, line: &str, rest: &str, lines: &mut std::str::Lines<'_>) {
    let layer = history(image, line, false);
    let words: Vec<&str> = rest.split(' ').collect();
    let [.., source, target] = words[..] else { panic!("COPY needs two words: {line}") };
    let target = target.trim_start_matches('/');
    let mode = words
        .iter()
        .find_map(|word| word.strip_prefix("--chmod="))
        .map_or(0o644, |m| u32::from_str_radix(m, 8).unwrap());
    let size = source
        .split_once("MB")
        .map_or(1000, |(before, _)| before.rsplit('-').next().unwrap().parse::<u64>().unwrap() * 1_000_000);
    grow(image, layer, size);
    let named = [
        ("root/.ssh/id_rsa", FileFactKind::CredentialFile),
        ("app/.git/HEAD", FileFactKind::Repository),
        ("app/Dockerfile", FileFactKind::ProjectFile),
    ];
    for (_, kind) in named.into_iter().filter(|(path, _)| *path == target) {
        fact(image, kind, target, mode, size, layer);
    }
    for (bit, kind) in
        [(0o4000, FileFactKind::Setuid), (0o2000, FileFactKind::Setgid), (0o002, FileFactKind::WorldWritable)]
    {
        if mode & bit != 0 {
            fact(image, kind, target, mode, size, layer);
        }
    }
    if source.starts_with("<<") {
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "EOF").collect();
        let text = text.join("\n");
        image.content_findings.extend(plimsoll_checks::secrets::inspect(target, text.as_bytes()));
        if plimsoll_checks::image::accounts::wants(target, text.len() as u64) {
            image.content_findings.extend(plimsoll_checks::image::accounts::inspect(target, text.as_bytes()));
        }
    }
}

fn run(image: &mut Inventory, line: &str, command: &str) {
    let layer = history(image, line, false);
    let cleaned = command.contains("rm -rf /var/lib/apt/lists");
    if cleaned {
        // What an earlier instruction left is hidden by this one.
        image.files.retain(|file| {
            let gone = file.kind == FileFactKind::PackageCache;
            if gone {
                let (location, size) = (file.location.clone(), file.size);
                image.wasted.push(WastedFile { location, size, hidden_by_layer: layer, removed: true });
            }
            !gone
        });
    }
    let command = command.strip_prefix("sudo ").unwrap_or(command);
    for part in command.split(" && ") {
        if part == "apt-get update" && !cleaned {
            fact(
                image,
                FileFactKind::PackageCache,
                "var/lib/apt/lists/deb.debian.org_main_Packages",
                0o644,
                9_000_000,
                layer,
            );
        } else if let Some(packages) = part.strip_prefix("apt-get install -y ") {
            for package in packages.split(' ') {
                match package {
                    "gcc" => fact(image, FileFactKind::BuildTool, "usr/bin/gcc", 0o755, 1_000_000, layer),
                    "nginx" => fact(image, FileFactKind::Service, "usr/sbin/nginx", 0o755, 1_000_000, layer),
                    "postgresql" => fact(
                        image,
                        FileFactKind::Service,
                        "usr/lib/postgresql/17/bin/postgres",
                        0o755,
                        9_000_000,
                        layer,
                    ),
                    "curl" => {}
                    other => panic!("the toy builder knows no package {other}"),
                }
            }
        } else if let Some(path) = part.strip_prefix("rm /") {
            let from =
                image.layers.iter().position(|l| l.created_by.as_deref().is_some_and(|made| made.ends_with(path)));
            let from = from.expect("what is removed was copied");
            let size = image.layers[from].unpacked_size;
            let location = Location::in_layer(path, from);
            image.wasted.push(WastedFile { location, size, hidden_by_layer: layer, removed: true });
        } else {
            assert!(
                part.contains("curl ") || part.starts_with("rm -rf ") || part.starts_with("apt-get "),
                "the toy builder cannot run {part}"
            );
        }
    }
}
