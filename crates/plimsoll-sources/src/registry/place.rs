//! Where answers send us. In: an address and what an answer says. Out: the next address, or why nobody goes there.

use reqwest::Url;

use crate::registry::answer;
use crate::registry::endpoint::is_loopback;
use crate::registry::error::RegistryError;

/// Places a request is sent on to. Cloud registries send on once or twice.
pub(crate) const MAX_REDIRECTS: usize = 8;

/// Where an answer sends us: never from HTTPS to HTTP, nor by HTTP to another machine.
pub(crate) fn next_place(host: &str, from: &Url, location: &str) -> Result<Url, RegistryError> {
    let refuse = |why| RegistryError::Redirect { host: host.to_owned(), to: answer::place(location), why };
    let mut next = from.join(location).map_err(|_| refuse("which is no address"))?;
    match (from.scheme(), next.scheme()) {
        (_, "https") => {}
        ("http", "http") => {
            let to = next.host_str().unwrap_or_default();
            if from.host_str() != Some(to) && !is_loopback(to) {
                return Err(refuse("which is plain HTTP on another host"));
            }
        }
        ("https", "http") => return Err(refuse("which is plain HTTP")),
        _ => return Err(refuse("which is neither HTTPS nor HTTP")),
    }
    // Names and passwords in an address would be sent as credentials. Clearing them cannot fail for these schemes.
    let _ = next.set_username("");
    let _ = next.set_password(None);
    Ok(next)
}

/// True when credentials for the one are for the other, too.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host_str() == b.host_str() && a.port_or_known_default() == b.port_or_known_default()
}
