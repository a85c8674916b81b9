//! Shows what a cluster says about pulling, to prove a peer by hand:
//! `cargo run -p plimsoll-sources --example cluster -- KUBECONFIG NAMESPACE [SECRET …] [--image NAME]`.
//! The pod's credentials (its own secrets, or the default service account's), the images that run, an image's digest.

use std::path::Path;
use std::process::ExitCode;

use plimsoll_sources::{Access, Cluster, SourceOptions, Sources};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (plain, image) = match arguments.iter().position(|argument| argument == "--image") {
        Some(at) => (&arguments[..at], arguments.get(at + 1)),
        None => (&arguments[..], None),
    };
    let [kubeconfig, namespace, secrets @ ..] = plain else {
        eprintln!("usage: cluster KUBECONFIG NAMESPACE [SECRET …] [--image NAME]");
        return ExitCode::from(64);
    };
    let shown = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(show(kubeconfig, namespace, secrets, image)));
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("could not {}", plimsoll_sources::error::chain(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

async fn show(
    kubeconfig: &str,
    namespace: &str,
    secrets: &[String],
    image: Option<&String>,
) -> Result<(), Box<dyn std::error::Error>> {
    let access = Access::from_kubeconfig(Path::new(kubeconfig), None)?;
    println!("{access:?}");
    let cluster = Cluster::new(&access)?;
    let own = cluster.pod_credentials(namespace, None, secrets).await;
    println!("  secrets   {:?}", own.secrets);
    for problem in &own.problems {
        println!("  problem   {problem}");
    }
    match cluster.images().await {
        Ok(running) => {
            println!("  running   {} images{}", running.images.len(), if running.complete { "" } else { " and more" });
            for image in running.images.iter().take(20) {
                println!("            {} {} {:?}", image.namespace, image.image, image.pull_secrets);
            }
        }
        Err(error) => println!("  running   could not {}", plimsoll_sources::error::chain(&error)),
    }
    if let Some(name) = image {
        let sources = Sources::new(&SourceOptions::default())?.with_credentials(&own.secrets);
        println!("  digest    {}", sources.resolve_async(&name.parse()?).await?.digest);
    }
    Ok(())
}
