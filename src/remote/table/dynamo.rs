//! A table of DynamoDB: items with a condition, lists by partition, batches.
//!
//! A value that is too large for one item is cut: its pieces are written first, then the item that names them, so
//! whoever reads finds all of it, or what was there before. The client tries again by itself; of a conditional put
//! whose first answer was lost the tag tells whose the item is.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{ReturnValue, WriteRequest};
use tokio::sync::OnceCell;

use super::clock::Clock;
use super::items::{self, BATCH, INLINE, PIECE, Spot};
use super::values::{Item, blob, bytes_of, delete_request, number, put_request, spotted, text};
use super::{Condition, Found};
use crate::aws::{self, Place, on_own_runtime};
use crate::model::RemoteSettings;
use crate::remote::branch::new_id;
use crate::remote::bucket::{Listed, Swapped};
use crate::remote::{Earnest, RemoteError, layout, shown_address};

/// How often is read what others replace meanwhile, and written what was not processed.
const TRIES: u32 = 10;
/// What an item is asked for where its bytes are not.
const KNOWN_OF: [&str; 4] = ["sk", "tag", "size", "at"];

/// A table.
#[derive(Debug, Clone)]
pub struct Table(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: RemoteSettings,
    /// As it was given.
    address: String,
    /// The remote's, for messages.
    url: String,
    name: String,
    /// What the partitions of this remote begin with.
    place: String,
    client: OnceCell<Client>,
    clock: Clock,
}

/// What stands in an item besides its bytes.
struct Head {
    tag: String,
    size: usize,
    at_ms: u64,
    bytes: Vec<u8>,
    pieces: usize,
}

impl Table {
    /// Names a table; makes no request. `address` is `dynamodb://table`.
    pub fn open(settings: &RemoteSettings, address: &str) -> Result<Self, RemoteError> {
        let url = shown_address(settings);
        let name = address.strip_prefix("dynamodb://").unwrap_or_default().trim_end_matches('/');
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(plain) {
            let problem = format!("`refs: {address}` names no table; `refs: dynamodb://table` does");
            return Err(RemoteError::Address { url, problem });
        }
        let place = url.trim_end_matches('/').to_owned();
        let (settings, name, address) = (settings.clone(), name.to_owned(), address.to_owned());
        let (client, clock) = (OnceCell::new(), Clock::new());
        Ok(Self(Arc::new(Inner { settings, address, url, name, place, client, clock })))
    }

    /// Returns its address, as it was given.
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// Returns what a key holds; absent where there is no such key.
    pub async fn read(&self, key: &str) -> Result<Option<Found>, RemoteError> {
        let (inner, key) = (Arc::clone(&self.0), key.to_owned());
        on_own_runtime(async move { inner.read(&key).await }).await?
    }

    /// Gives a key new bytes, where its condition holds.
    pub async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: Condition<'_>,
    ) -> Result<Swapped, RemoteError> {
        let (inner, key) = (Arc::clone(&self.0), key.to_owned());
        let (is_new, tag) = match condition {
            Condition::None => (false, None),
            Condition::New => (true, None),
            Condition::Tag(tag) => (false, Some(tag.to_owned())),
        };
        on_own_runtime(async move {
            let condition = match &tag {
                Some(tag) => Condition::Tag(tag),
                None if is_new => Condition::New,
                None => Condition::None,
            };
            inner.put(&key, bytes, condition).await
        })
        .await?
    }

    /// Returns the keys of a folder that are in the table; of all where it is empty.
    pub async fn list(&self, folder: &str) -> Result<Vec<Listed>, RemoteError> {
        let (inner, folder) = (Arc::clone(&self.0), folder.to_owned());
        on_own_runtime(async move { inner.list(&folder).await }).await?
    }

    /// Returns when a key was written, by the server's clock; absent where it is not there.
    pub async fn written_ms(&self, key: &str) -> Result<Option<u64>, RemoteError> {
        let (inner, key) = (Arc::clone(&self.0), key.to_owned());
        on_own_runtime(async move { Ok(inner.head(&key).await?.map(|head| head.at_ms)) }).await?
    }

    /// Removes keys; those that are not there are gone already.
    pub async fn remove(&self, keys: &[String]) -> Result<(), RemoteError> {
        let (inner, keys) = (Arc::clone(&self.0), keys.to_vec());
        on_own_runtime(async move { inner.remove(&keys).await }).await?
    }
}

impl Table {
    /// Removes pieces that no item names and that were written so long ago: puts that were cut off left them. Returns
    /// their sizes.
    pub async fn tidy(&self, least_ms: u64, earnest: Earnest) -> Result<Vec<u64>, RemoteError> {
        let inner = Arc::clone(&self.0);
        on_own_runtime(async move { inner.tidy(least_ms, earnest).await }).await?
    }
}

impl Inner {
    async fn client(&self) -> Result<&Client, RemoteError> {
        let made = self.client.get_or_init(async || self.make_client().await);
        Ok(made.await)
    }

    async fn make_client(&self) -> Client {
        let RemoteSettings { region, profile, endpoint, .. } = &self.settings;
        let place = Place { region: region.clone(), profile: profile.clone() };
        let config = aws::config(&place).await;
        let mut config = aws_sdk_dynamodb::config::Builder::from(&config).interceptor(self.clock.clone());
        // The bucket's, unless the environment has one for tables alone.
        if let Some(endpoint) = endpoint
            && std::env::var_os("AWS_ENDPOINT_URL_DYNAMODB").is_none()
        {
            config = config.endpoint_url(endpoint);
        }
        Client::from_conf(config.build())
    }

    async fn read(&self, key: &str) -> Result<Option<Found>, RemoteError> {
        for _ in 0..TRIES {
            let Some(Head { tag, size, bytes, pieces, .. }) = self.head(key).await? else { return Ok(None) };
            if pieces == 0 {
                return Ok(Some(Found { bytes, tag }));
            }
            let most = layout::read_most(key);
            if size as u64 > most {
                return Err(self.damaged(key, &format!("it has {size} bytes, and at most {most} are read")));
            }
            let start = items::piece_spot(&self.place, key, &tag, 0).sk;
            let start = start.trim_end_matches(|c: char| c.is_ascii_digit());
            let found = self.query(key, &items::pieces_of(&self.place), start, &["bytes"]).await?;
            let whole: Vec<u8> = found.iter().flat_map(|item| bytes_of(item, "bytes")).copied().collect();
            if whole.len() == size && found.len() == pieces {
                return Ok(Some(Found { bytes: whole, tag }));
            }
            // Somebody has just replaced it: the item names other pieces now.
        }
        Err(self.damaged(key, "some of its pieces are not there"))
    }

    async fn head(&self, key: &str) -> Result<Option<Head>, RemoteError> {
        let Spot { pk, sk } = self.spot(key)?;
        let request = self.client().await?.get_item().table_name(&self.name).consistent_read(true);
        let answer = request.key("pk", text(pk)).key("sk", text(sk)).send().await;
        let found = answer.map_err(|error| self.failed("read", key, error))?.item;
        found.map(|item| self.read_head(key, &item)).transpose()
    }

    fn read_head(&self, key: &str, item: &Item) -> Result<Head, RemoteError> {
        let number = |name: &str| item.get(name)?.as_n().ok()?.parse::<u64>().ok();
        let read = || {
            Some(Head {
                tag: item.get("tag")?.as_s().ok()?.clone(),
                size: usize::try_from(number("size")?).ok()?,
                at_ms: number("at")?,
                bytes: bytes_of(item, "bytes").to_vec(),
                pieces: usize::try_from(number("pieces").unwrap_or(0)).ok()?,
            })
        };
        read().ok_or_else(|| self.damaged(key, "its item is not what kptn writes"))
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition<'_>) -> Result<Swapped, RemoteError> {
        let Spot { pk, sk } = self.spot(key)?;
        let tag = new_id();
        let at_ms = self.now_ms(key).await?;
        let pieces = if bytes.len() > INLINE { bytes.chunks(PIECE).collect() } else { Vec::new() };
        let write = |(number, piece): (usize, &&[u8])| {
            let at = items::piece_spot(&self.place, key, &tag, number);
            let item = spotted(at, piece.len(), at_ms);
            put_request(item.into_iter().chain([("bytes".to_owned(), blob(piece))]).collect())
        };
        self.batch(key, pieces.iter().enumerate().map(write).collect()).await?;
        let mut item = spotted(Spot { pk, sk }, bytes.len(), at_ms);
        item.insert("tag".to_owned(), text(tag.clone()));
        match pieces.len() {
            0 => item.insert("bytes".to_owned(), blob(&bytes)),
            count => item.insert("pieces".to_owned(), number(count)),
        };
        let request = self.client().await?.put_item().table_name(&self.name).set_item(Some(item));
        let request = request.return_values(ReturnValue::AllOld);
        let request = match condition {
            Condition::None => request,
            Condition::New => request
                .condition_expression("attribute_not_exists(#tag)")
                .expression_attribute_names("#tag", "tag"),
            Condition::Tag(expected) => request
                .condition_expression("#tag = :tag")
                .expression_attribute_names("#tag", "tag")
                .expression_attribute_values(":tag", text(expected.to_owned())),
        };
        match request.send().await {
            Ok(answer) => {
                let old = answer.attributes.and_then(|item| self.read_head(key, &item).ok());
                // Tried twice, the second one comes after our own.
                if let Some(old) = old.filter(|old| old.tag != tag) {
                    self.remove_pieces(key, &old.tag, old.pieces).await?;
                }
                Ok(Swapped::Yes)
            }
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => {
                // Perhaps a first answer was lost, and that is our own.
                if self.head(key).await?.is_some_and(|head| head.tag == tag) {
                    return Ok(Swapped::Yes);
                }
                self.remove_pieces(key, &tag, pieces.len()).await?;
                Ok(Swapped::No)
            }
            Err(error) => Err(self.failed("write", key, error)),
        }
    }

    /// The time by the server's clock: where nothing was answered yet, it is asked for anything.
    async fn now_ms(&self, key: &str) -> Result<u64, RemoteError> {
        if let Some(now_ms) = self.clock.now_ms() {
            return Ok(now_ms);
        }
        self.head(key).await?;
        self.clock.now_ms().ok_or_else(|| self.damaged(key, "the table does not say what time it is"))
    }

    async fn list(&self, folder: &str) -> Result<Vec<Listed>, RemoteError> {
        let mut listed = Vec::new();
        for (kind, start) in items::ranges(folder) {
            let pk = format!("{}/{kind}", self.place);
            for item in self.query(folder, &pk, &start, &KNOWN_OF).await? {
                let rest = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
                let key = format!("{kind}/{rest}");
                let Head { size, at_ms, .. } = self.read_head(&key, &item)?;
                listed.push(Listed { key, size: size as u64, at_ms });
            }
        }
        Ok(listed)
    }

    /// Returns the items of a partition whose place begins in some way, page by page, in order.
    async fn query(
        &self,
        key: &str,
        pk: &str,
        start: &str,
        wanted: &[&str],
    ) -> Result<Vec<Item>, RemoteError> {
        let names: Vec<String> = wanted.iter().map(|name| format!("#{name}")).collect();
        let mut request = self.client().await?.query().table_name(&self.name).consistent_read(true);
        for name in wanted {
            request = request.expression_attribute_names(format!("#{name}"), *name);
        }
        request = request.projection_expression(names.join(", "));
        request = request.expression_attribute_values(":pk", text(pk.to_owned()));
        request = match start {
            "" => request.key_condition_expression("pk = :pk"),
            start => request
                .key_condition_expression("pk = :pk AND begins_with(sk, :start)")
                .expression_attribute_values(":start", text(start.to_owned())),
        };
        let pages = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        pages.await.map_err(|error| self.failed("list", key, error))
    }

    async fn remove(&self, keys: &[String]) -> Result<(), RemoteError> {
        let keys: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
        let first = keys.first().copied().unwrap_or_default();
        let spots = keys.iter().filter_map(|key| items::spot(&self.place, key));
        self.batch(first, spots.map(delete_request).collect()).await?;
        // Those that have pieces are few; they lie together.
        let all: Vec<&str> = keys.iter().copied().collect();
        let pk = items::pieces_of(&self.place);
        let found = self.query(first, &pk, items::common_start(&all), &["sk"]).await?;
        let of_ours = |item: &Item| {
            let sk = item.get("sk")?.as_s().ok()?;
            let (key, _) = items::read_piece(sk)?;
            keys.contains(key).then(|| delete_request(Spot { pk: pk.clone(), sk: sk.clone() }))
        };
        self.batch(first, found.iter().filter_map(of_ours).collect()).await
    }

    async fn tidy(&self, least_ms: u64, earnest: Earnest) -> Result<Vec<u64>, RemoteError> {
        let pk = items::pieces_of(&self.place);
        let all = self.query("pieces", &pk, "", &["sk", "size", "at"]).await?;
        let now_ms = self.now_ms("pieces").await?;
        let (mut named, mut sizes, mut goes) = (HashMap::new(), Vec::new(), Vec::new());
        for item in &all {
            let number = |name: &str| item.get(name)?.as_n().ok()?.parse::<u64>().ok();
            let sk = item.get("sk").and_then(|sk| sk.as_s().ok());
            let (Some(sk), Some(at_ms), Some(size)) = (sk, number("at"), number("size")) else { continue };
            let Some((key, tag)) = items::read_piece(sk) else { continue };
            if now_ms.saturating_sub(at_ms) < least_ms || layout::in_table(key).is_none() {
                continue;
            }
            if !named.contains_key(key) {
                named.insert(key, self.head(key).await?.map(|head| head.tag));
            }
            if named.get(key).and_then(Option::as_deref) != Some(tag) {
                sizes.push(size);
                goes.push(delete_request(Spot { pk: pk.clone(), sk: sk.clone() }));
            }
        }
        if earnest == Earnest::Yes {
            self.batch("pieces", goes).await?;
        }
        Ok(sizes)
    }

    async fn remove_pieces(&self, key: &str, tag: &str, count: usize) -> Result<(), RemoteError> {
        let spots = (0..count).map(|number| items::piece_spot(&self.place, key, tag, number));
        self.batch(key, spots.map(delete_request).collect()).await
    }

    /// Writes and deletes some at a time; what the table had no room for is tried again.
    async fn batch(&self, key: &str, all: Vec<WriteRequest>) -> Result<(), RemoteError> {
        for some in all.chunks(BATCH) {
            let mut left = some.to_vec();
            let mut tries = 0;
            while !left.is_empty() {
                if tries > 0 {
                    tokio::time::sleep(Duration::from_millis(25 << tries)).await;
                }
                if tries == TRIES {
                    return Err(self.damaged(key, "the table is too busy to write it"));
                }
                tries += 1;
                let request = self.client().await?.batch_write_item().request_items(&self.name, left);
                let answer = request.send().await.map_err(|error| self.failed("write", key, error))?;
                let mut unprocessed = answer.unprocessed_items.unwrap_or_default();
                left = unprocessed.remove(&self.name).unwrap_or_default();
            }
        }
        Ok(())
    }

    fn spot(&self, key: &str) -> Result<Spot, RemoteError> {
        items::spot(&self.place, key).ok_or_else(|| self.damaged(key, "keys of its kind are in no table"))
    }

    fn damaged(&self, key: &str, problem: &str) -> RemoteError {
        RemoteError::Damaged { url: self.url.clone(), key: key.to_owned(), problem: problem.to_owned() }
    }

    fn failed<E>(&self, action: &'static str, key: &str, error: SdkError<E>) -> RemoteError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let (url, key) = (self.url.clone(), key.to_owned());
        let code = error.code().unwrap_or_default().to_owned();
        let said = std::io::Error::other(DisplayErrorContext(&error).to_string());
        let source = Box::new(object_store::Error::Generic { store: "DynamoDB", source: Box::new(said) });
        match code.as_str() {
            "ResourceNotFoundException" => {
                let problem = format!("there is no table `{}` for its `refs`", self.name);
                RemoteError::Address { url, problem }
            }
            "AccessDeniedException" | "UnrecognizedClientException" | "InvalidSignatureException" => {
                RemoteError::Denied { url, action, source }
            }
            "ExpiredTokenException" => RemoteError::Expired { url, source },
            _ => RemoteError::Request { url, action, key, source },
        }
    }
}
