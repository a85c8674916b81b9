//! The floor a gate is measured against: a bare axum server over rustls that reads a review, parses it and allows it.
//! In: any POST. Out: an answer of the protocol with the review's uid. It judges nothing and guards against nothing.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, body::Body};
use clap::Parser;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a gate must accept, so that both ends of the comparison read the same bodies.
const LARGEST_REVIEW: usize = 8 << 20;
/// The two cores that the aims are stated for.
const WORKERS: usize = 2;

type Failure = Box<dyn std::error::Error>;

/// A bare TLS server that allows every review.
///
/// Example: floor --cert server.pem --key server.key --port 11323
#[derive(Parser)]
struct Options {
    /// The certificate chain, PEM.
    #[arg(long)]
    cert: PathBuf,
    /// Its key, PEM.
    #[arg(long)]
    key: PathBuf,
    /// The port on 127.0.0.1.
    #[arg(long)]
    port: u16,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let acceptor = TlsAcceptor::from(Arc::new(server_config(&options.cert, &options.key)?));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    runtime.block_on(serve(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)), acceptor))
}

fn server_config(cert: &Path, key: &Path) -> Result<ServerConfig, Failure> {
    let chain = CertificateDer::pem_slice_iter(&fs::read(cert)?).collect::<Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(&fs::read(key)?)?)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

async fn serve(address: SocketAddr, acceptor: TlsAcceptor) -> Result<(), Failure> {
    let app: Router = Router::new()
        .route("/readyz", get(|| async { "ok\n" }))
        .fallback(review)
        .layer(DefaultBodyLimit::max(LARGEST_REVIEW));
    let service = TowerToHyperService::new(app);
    let listener = TcpListener::bind(address).await?;
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            // Out of file descriptors, say: connections that end will free some.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (acceptor, service) = (acceptor.clone(), service.clone());
        tokio::spawn(async move {
            // Answers are small: waiting to fill a segment would add some 40 ms to each.
            if socket.set_nodelay(true).is_err() {
                return;
            }
            // A client that goes away or speaks no TLS is the client's own failure: it counts it.
            if let Ok(stream) = acceptor.accept(socket).await {
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            }
        });
    }
}

async fn review(body: Bytes) -> Response<Body> {
    let Ok(review) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut answer = json!({"apiVersion": review["apiVersion"], "kind": review["kind"]});
    if review["kind"] == "ImageReview" {
        answer["status"] = json!({"allowed": true});
    } else {
        answer["response"] = json!({"uid": review["request"]["uid"], "allowed": true});
    }
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}
