//! What is asked of an API server to follow a kind. In: a kind. Out: where its objects are, all of them in pages, and the
//! changes since, line by line. Each answer is held to a bound, and none is believed that is of another kind.

use std::time::{Duration, Instant};

use reqwest::{Response, Url};
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::Wanted;
use super::objects::{Beyond, Kept, Read, read};
use crate::cluster::client::{Cluster, is_name, json};
use crate::cluster::error::ClusterError;

/// The resources of one group and version: the core's have some dozen kilobytes, a group may have hundreds of kinds.
const MAX_RESOURCES: usize = 4 << 20;
/// One page of a list.
const MAX_PAGE: usize = 32 << 20;
/// Objects of one page, and of one after a page that was too large: etcd takes no object above 1.5 MiB, and even with
/// managed fields such a page has room.
const PAGES: [usize; 3] = [500, 50, 5];
/// Pages of one list. A server that leads on and on ends here.
const MAX_PAGES: usize = 50_000;
/// One change: an object as above, and twice that for what is escaped.
pub(super) const MAX_LINE: usize = 6 << 20;
/// Signs of a place in the cluster's history, and of a page's mark.
const MAX_VERSION: usize = 128;
const MAX_CONTINUE: usize = 4 << 10;
/// How much longer than it was told to a watch may take to end.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Resources {
    resources: Option<Vec<Resource>>,
}

#[derive(Deserialize)]
struct Resource {
    name: Option<String>,
    kind: Option<String>,
    namespaced: Option<bool>,
    verbs: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    api_version: Option<String>,
    kind: Option<String>,
    metadata: Option<ListMeta>,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    #[serde(rename = "continue")]
    next: Option<String>,
    resource_version: Option<String>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    what: String,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct Outline {
    metadata: Option<ListMeta>,
    code: Option<u16>,
    message: Option<String>,
}

/// Where the objects of a kind are.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub namespaced: bool,
    path: String,
}

/// Why following stops for now.
#[derive(Debug)]
pub(super) enum Broken {
    /// The server no longer knows the changes since then: all is listed anew.
    Expired,
    Beyond(String),
    Error(ClusterError),
}

impl From<ClusterError> for Broken {
    fn from(error: ClusterError) -> Broken {
        match error {
            ClusterError::Status { status: 410, .. } => Broken::Expired,
            error => Broken::Error(error),
        }
    }
}

fn bad(wanted: &Wanted, why: impl Into<String>) -> Broken {
    Broken::Error(ClusterError::BadAnswer { what: wanted.to_string(), why: why.into() })
}

impl From<Beyond> for Broken {
    fn from(Beyond(why): Beyond) -> Broken {
        Broken::Beyond(why)
    }
}

/// Asks where a kind's objects are.
pub(super) async fn found(cluster: &Cluster, wanted: &Wanted) -> Result<Found, Broken> {
    let (group, version) = match wanted.api_version.split_once('/') {
        Some((group, version)) => (group, version),
        None => ("", wanted.api_version.as_str()),
    };
    let malformed =
        |why: &str| Broken::Error(ClusterError::Malformed { what: format!("the kind {wanted}"), why: why.to_owned() });
    if !is_name(version) || !(group.is_empty() || is_name(group)) {
        return Err(malformed("its apiVersion is none"));
    }
    let folder = if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
    let missing =
        || bad(wanted, "the cluster has no such kind: is its CustomResourceDefinition there, in that version?");
    let bytes =
        cluster.get(cluster.url(&folder)?, &format!("the kinds of {}", wanted.api_version), MAX_RESOURCES).await?;
    let resources: Resources = json("the kinds", bytes)?.ok_or_else(missing)?;
    let of_kind = |resource: &Resource| {
        let name = resource.name.as_deref().unwrap_or_default();
        resource.kind.as_deref() == Some(&*wanted.kind) && is_name(name)
    };
    let resource = resources.resources.into_iter().flatten().find(of_kind).ok_or_else(missing)?;
    let verbs = resource.verbs.unwrap_or_default();
    if !["list", "watch"].iter().all(|verb| verbs.iter().any(|have| have == verb)) {
        return Err(malformed("objects of it cannot be listed and watched"));
    }
    let name = resource.name.unwrap_or_default();
    let namespaced = resource.namespaced.unwrap_or(false);
    let path = match &wanted.namespace {
        Some(_) if !namespaced => return Err(malformed("its objects are in no namespace, and one was named")),
        Some(namespace) if !is_name(namespace) => return Err(malformed("its namespace is no name")),
        Some(namespace) => format!("{folder}/namespaces/{namespace}/{name}"),
        None => format!("{folder}/{name}"),
    };
    Ok(Found { namespaced, path })
}

/// Lists all objects, and says as of when: in the server's words, and the moment before it was asked.
pub(super) async fn list<T>(
    cluster: &Cluster,
    wanted: &Wanted,
    found: &Found,
    kept: &mut Kept<T>,
    make: &(impl Fn(Option<Json>) -> T + Sync),
) -> Result<(String, Instant), Broken> {
    let mut sizes = PAGES.iter();
    let mut size = sizes.next();
    'afresh: while let Some(limit) = size {
        kept.clear();
        let asked = Instant::now();
        let mut next: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut url = cluster.url(&found.path)?;
            url.query_pairs_mut().append_pair("limit", &limit.to_string());
            if let Some(next) = &next {
                url.query_pairs_mut().append_pair("continue", next);
            }
            let response = cluster.question(url)?.send().await.map_err(|error| cluster.unreachable(error))?;
            // A page that is too large is asked for in smaller ones.
            if response.status().as_u16() == 200 && response.content_length().is_some_and(|long| long > MAX_PAGE as u64)
            {
                size = sizes.next();
                continue 'afresh;
            }
            let bytes = match cluster.body(response, &wanted.to_string(), MAX_PAGE).await {
                Err(ClusterError::BadAnswer { .. }) => {
                    size = sizes.next();
                    continue 'afresh;
                }
                bytes => bytes?.ok_or_else(|| bad(wanted, "it answers 404 (not found)"))?,
            };
            let list: List<'_> =
                serde_json::from_slice(&bytes).map_err(|_| bad(wanted, "it is not the JSON that belongs there"))?;
            // A CustomResourceDefinition may name its lists otherwise than by the kind.
            if !list.kind.is_some_and(|kind| kind.ends_with("List")) {
                return Err(bad(wanted, "it is no list"));
            }
            if list.api_version.as_ref() != Some(&wanted.api_version) {
                return Err(bad(wanted, "the list is of another apiVersion"));
            }
            // Of nothing an API server writes `[]`.
            let Some(items) = list.items else { return Err(bad(wanted, "the list has no items")) };
            for raw in items {
                let object = read(raw, wanted, found.namespaced).map_err(|why| bad(wanted, why))?;
                kept.put(object, make)?;
            }
            let Some(metadata) = list.metadata else { return Err(bad(wanted, "the list has no metadata")) };
            next = metadata.next.filter(|next| !next.is_empty());
            if next.as_ref().is_some_and(|next| next.len() > MAX_CONTINUE) {
                return Err(bad(wanted, "the mark of the next page is too long"));
            }
            if next.is_none() {
                return version(metadata.resource_version)
                    .map(|version| (version, asked))
                    .ok_or_else(|| bad(wanted, "the list does not say as of when it is"));
            }
        }
        return Err(Broken::Beyond("the list does not end".into()));
    }
    Err(bad(wanted, "pages of few objects are too large"))
}

fn version(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty() && text.len() <= MAX_VERSION)
}

/// Changes as they come.
pub(super) struct Changes<'a> {
    wanted: &'a Wanted,
    found: &'a Found,
    cluster: &'a Cluster,
    response: Response,
    read: Vec<u8>,
    /// What was read of `read` already.
    at: usize,
    /// Up to where no line ends.
    looked: usize,
}

/// One thing that a watch says.
pub(super) enum Change {
    There(Read, Option<String>),
    Gone(Read, Option<String>),
    /// All changes up to there were told.
    UpTo(String),
}

/// Asks for the changes since `since`, for a while.
pub(super) async fn watch<'a>(
    cluster: &'a Cluster,
    wanted: &'a Wanted,
    found: &'a Found,
    since: &str,
    time: Duration,
) -> Result<Changes<'a>, Broken> {
    let mut url: Url = cluster.url(&found.path)?;
    url.query_pairs_mut()
        .append_pair("watch", "true")
        .append_pair("allowWatchBookmarks", "true")
        .append_pair("resourceVersion", since)
        .append_pair("timeoutSeconds", &time.as_secs().max(1).to_string());
    let question = cluster.question(url)?.timeout(time + GRACE);
    let response = question.send().await.map_err(|error| cluster.unreachable(error))?;
    if response.status().as_u16() != 200 {
        // What is no error is no watch either.
        let what = format!("the changes of {wanted}");
        cluster.body(response, &what, 0).await?;
        return Err(bad(wanted, "it answers 404 (not found)"));
    }
    Ok(Changes { wanted, found, cluster, response, read: Vec::new(), at: 0, looked: 0 })
}

impl Changes<'_> {
    /// Whether a change has come already that was not asked for; lines of nothing are none.
    pub fn waits(&self) -> bool {
        self.read.get(self.at..).is_some_and(|rest| rest.trim_ascii_start().contains(&b'\n'))
    }

    /// The next change; none where the watch ended as it should.
    pub async fn next(&mut self) -> Result<Option<Change>, Broken> {
        loop {
            let from = self.at.max(self.looked);
            if let Some(end) = self.read.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
                let line = self.at..from + end;
                (self.at, self.looked) = (line.end + 1, 0);
                let line = self.read.get(line).unwrap_or_default();
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return change(self.wanted, self.found.namespaced, line).map(Some);
            }
            self.read.drain(..self.at);
            (self.at, self.looked) = (0, self.read.len());
            if self.read.len() > MAX_LINE {
                return Err(bad(self.wanted, "one change is too large"));
            }
            match self.response.chunk().await.map_err(|error| self.cluster.unreachable(error))? {
                Some(chunk) => self.read.extend_from_slice(&chunk),
                None if self.read.iter().all(u8::is_ascii_whitespace) => return Ok(None),
                None => return Err(bad(self.wanted, "the changes broke off")),
            }
        }
    }
}

/// What a line of a watch says.
pub(super) fn change(wanted: &Wanted, namespaced: bool, line: &[u8]) -> Result<Change, Broken> {
    let unread = || bad(wanted, "a change in it is not the JSON that belongs there");
    let event: Event<'_> = serde_json::from_slice(line).map_err(|_| unread())?;
    let outline: Outline = serde_json::from_str(event.object.get()).map_err(|_| unread())?;
    let since = version(outline.metadata.and_then(|metadata| metadata.resource_version));
    let object = || read(event.object, wanted, namespaced).map_err(|why| bad(wanted, why));
    match event.what.as_str() {
        "ADDED" | "MODIFIED" => Ok(Change::There(object()?, since)),
        "DELETED" => Ok(Change::Gone(object()?, since)),
        "BOOKMARK" => since.map(Change::UpTo).ok_or_else(unread),
        "ERROR" if outline.code == Some(410) => Err(Broken::Expired),
        "ERROR" => Err(Broken::Error(ClusterError::Status {
            what: format!("the changes of {wanted}"),
            status: outline.code.unwrap_or_default(),
            words: crate::registry::answer::shown(&outline.message.unwrap_or_default()),
        })),
        _ => Err(unread()),
    }
}
