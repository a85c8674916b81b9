//! Shows what a name or path resolves to: `cargo run -p plimsoll-sources --example resolve -- NAME|PATH …`.
//! `--from docker|containerd|input`, `--platform OS/ARCH`, `--ca FILE`, `--mirror A=B` as the commands have them.
//! Reads every layer and checks it, so that it also proves a peer by hand.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use plimsoll_model::{Algorithm, Platform};
use plimsoll_sources::hash::Hasher;
use plimsoll_sources::{Engine, InputOptions, ResolvedImage, SourceError, SourceOptions, Sources, open_input};

fn main() -> ExitCode {
    let mut options = SourceOptions::default();
    let (mut from, mut platform, mut names) = (String::new(), None, vec![]);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        match argument.as_str() {
            "--from" => from = value(),
            "--platform" => platform = Platform::parse(&value()),
            "--ca" => options.ca.push(value().into()),
            "--plain-http" => options.plain_http.push(value()),
            "--cache-dir" => options.cache_dir = Some(value().into()),
            "--mirror" => match value().parse() {
                Ok(rule) => options.mirrors.push(rule),
                Err(why) => return fail(&why),
            },
            name => names.push(name.to_owned()),
        }
    }
    for name in names {
        let image = match from.as_str() {
            "input" => {
                open_input(Path::new(&name), &InputOptions { platform: platform.clone(), ..InputOptions::default() })
            }
            "docker" => Sources::new(&options)
                .and_then(|sources| sources.open_engine(&Engine::Docker { socket: None }, &name, platform.as_ref())),
            "containerd" => Sources::new(&options).and_then(|sources| {
                sources.open_engine(&Engine::Containerd { socket: None, namespace: None }, &name, platform.as_ref())
            }),
            _ => Sources::new(&options).and_then(|sources| sources.open_image(&name, platform.as_ref())),
        };
        match image {
            Ok(image) => show(&name, &image),
            Err(error) => return explain(&error),
        }
    }
    ExitCode::SUCCESS
}

fn show(name: &str, image: &ResolvedImage) {
    let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
    println!("{name}\n  reference {}", text(&image.reference.as_ref().map(ToString::to_string)));
    println!("  digest    {}", text(&image.digest.as_ref().map(ToString::to_string)));
    println!("  id        {}", text(&image.image_id.as_ref().map(ToString::to_string)));
    println!("  tags      {:?} {:?}", image.repo_tags, image.repo_digests);
    for layer in &image.layers {
        let facts = &layer.layer;
        let wanted = facts.digest.as_ref().or(facts.diff_id.as_ref());
        match (layer.open)().and_then(|mut reader| {
            let mut hash = Hasher::new(wanted.map_or(Algorithm::Sha256, plimsoll_model::Digest::algorithm));
            let mut buffer = vec![0; 128 << 10];
            loop {
                match reader.read(&mut buffer)? {
                    0 => return Ok(hash.finish()),
                    count => hash.update(&buffer[..count]),
                }
            }
        }) {
            Ok(found) => println!(
                "  layer     {found} {} bytes, {}",
                facts.size,
                if wanted == Some(&found) { "right" } else { "WRONG" }
            ),
            Err(error) => println!("  layer     could not be read: {error}"),
        }
    }
    for problem in &image.problems {
        println!("  problem   {problem}");
    }
}

fn explain(error: &SourceError) -> ExitCode {
    let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    fail(&format!("could not {}{hint}", plimsoll_sources::error::chain(error)))
}

fn fail(words: &str) -> ExitCode {
    eprintln!("{words}");
    ExitCode::from(2)
}
