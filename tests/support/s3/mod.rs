//! An S3 server in memory: strict about conditions, with faults and a count of calls.
//!
//! ```text
//! store.rs     what is kept, and S3's own rules: conditions, ranges, parts. One lock, so conditions hold
//! faults.rs    what goes wrong on the way, by a seed
//! ```
//! The protocol, its errors and signatures are the crate `s3s`.

pub mod faults;
mod store;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use faults::{Fault, Faults};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kptn::model::RemoteSettings;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use store::Store;

use super::dynamo::{Dynamo, TABLE};
use tokio::net::TcpListener;

/// The only key that is let in.
pub const ACCESS_KEY: &str = "AKIATESTTESTTEST";
/// Its secret.
pub const SECRET_KEY: &str = "a-secret-that-no-log-may-hold";

/// A server; it goes when it is dropped.
pub struct S3 {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    store: Store,
    faults: Mutex<Faults>,
    calls: Mutex<BTreeMap<String, u64>>,
    table: Dynamo,
}

impl S3 {
    /// Starts one that has a bucket `bucket` and nothing in it. Its lists are short, so that pages must be turned.
    pub fn start() -> Self {
        Self::with_pages_of(50)
    }

    /// The same, with lists of at most so many keys.
    pub fn with_pages_of(keys: usize) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, keys)
    }

    /// The same, at an address of this machine that others may reach.
    pub fn at(address: Ipv4Addr, keys: usize) -> Self {
        let shared = Arc::new(Shared {
            store: Store::new("bucket", keys),
            faults: Mutex::default(),
            calls: Mutex::default(),
            table: Dynamo::default(),
        });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let of_server = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind((address, 0)).await.expect("a port");
                tell.send(listener.local_addr().expect("an address")).expect("the test waits");
                tokio::select! {
                    () = serve(listener, of_server) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = told.recv().expect("the server starts");
        Self { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Returns the address of the server.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the environment that lets a program in.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// Returns what `kptn.yaml` says of a remote there, as the library takes it; lets this process in.
    pub fn settings(&self, prefix: &str) -> RemoteSettings {
        static LET_IN: Once = Once::new();
        LET_IN.call_once(|| {
            for (name, value) in
                self.environment().into_iter().filter(|(name, _)| *name != "AWS_ENDPOINT_URL")
            {
                // SAFETY: once, before any client of this process reads its environment.
                unsafe { std::env::set_var(name, value) };
            }
        });
        RemoteSettings {
            url: format!("s3://bucket/{prefix}"),
            endpoint: Some(self.endpoint()),
            ..RemoteSettings::default()
        }
    }

    /// Returns what `kptn.yaml` says of a remote there whose branches are in the table at the same address.
    pub fn settings_with_table(&self, prefix: &str) -> RemoteSettings {
        RemoteSettings { refs: Some(format!("dynamodb://{TABLE}")), ..self.settings(prefix) }
    }

    /// Returns the table of DynamoDB at the same address.
    pub fn table(&self) -> &Dynamo {
        &self.shared.table
    }

    /// Has things go wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        *lock(&self.shared.faults) = faults;
    }

    /// Returns how many requests came by method and kind of key since the last time, as `GET packs`.
    pub fn take_calls(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut lock(&self.shared.calls))
    }

    /// Returns every key and its bytes, sorted.
    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        self.shared.store.all()
    }

    /// Puts a key there, or changes it, behind everyone's back.
    pub fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        self.shared.store.put_behind(key, bytes.into());
    }

    /// Removes a key behind everyone's back.
    pub fn remove(&self, key: &str) {
        self.shared.store.remove_behind(key);
    }

    /// Refuses everything that writes, as a reader's role does.
    pub fn make_read_only(&self, read_only: bool) {
        self.shared.store.make_read_only(read_only);
    }

    /// Puts the server's clock forward or back; requests are taken all the same.
    pub fn put_clock(&self, ahead: std::time::Duration, behind: std::time::Duration) {
        self.shared.store.put_clock(ahead, behind);
    }

    /// Refuses to delete, as the role of who pushes may.
    pub fn refuse_deletes(&self, refuse: bool) {
        self.shared.store.refuse_deletes(refuse);
    }

    /// Refuses everyone from the request after so many, as where a token expires.
    pub fn expire_after(&self, requests: u64) {
        lock(&self.shared.faults).expire_after(requests);
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut builder = S3ServiceBuilder::new(shared.store.clone());
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = builder.build();
    while let Ok((stream, _)) = listener.accept().await {
        let (shared, service) = (Arc::clone(&shared), service.clone());
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(Arc::clone(&shared), service.clone(), request));
            // A connection that ends early is what some faults are.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await,
            );
        });
    }
}

/// The answer, or a connection that is closed.
type Answered = Result<Response<s3s::Body>, Box<dyn std::error::Error + Send + Sync>>;

async fn answer(shared: Arc<Shared>, service: S3Service, request: Request<Incoming>) -> Answered {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    if let Some(target) = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        return shared.table.answer(target, parts.headers.contains_key("authorization"), &body);
    }
    count(&shared, &parts);
    let fault = lock(&shared.faults).next(&parts, body.len());
    let ask = || async {
        let request = Request::from_parts(parts.clone(), s3s::Body::from(body.clone()));
        service.call(request).await.map_err(|error| format!("{error:?}"))
    };
    match fault {
        None => Ok(ask().await?),
        Some(Fault::Refused { status, code }) => Ok(faults::refusal(status, code)),
        Some(Fault::Dropped) => Err("dropped".into()),
        Some(Fault::LostAnswer) => {
            ask().await?;
            Err("the answer is lost".into())
        }
        Some(Fault::Twice) => {
            ask().await?;
            Ok(ask().await?)
        }
        Some(Fault::Late) => {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            Ok(ask().await?)
        }
        Some(damage @ (Fault::Cut | Fault::Flipped)) => faults::damaged(ask().await?, damage).await,
    }
}

fn count(shared: &Shared, parts: &hyper::http::request::Parts) {
    let path = parts.uri.path().trim_start_matches('/');
    let query = parts.uri.query().unwrap_or_default();
    let kind = match path.split_once('/') {
        _ if query.contains("list-type") => "list".to_owned(),
        // `bucket/prefix/packs/…`: what the key is for.
        Some((_, key)) => {
            let kinds = ["refs", "history", "objects", "packs", "index", "gc", "runs"];
            let found = kinds.iter().find(|kind| key.split('/').any(|part| part == **kind));
            found.map_or_else(|| key.rsplit('/').next().unwrap_or(key).to_owned(), |kind| (*kind).to_owned())
        }
        None => "bucket".to_owned(),
    };
    *lock(&shared.calls).entry(format!("{} {kind}", parts.method)).or_default() += 1;
}
