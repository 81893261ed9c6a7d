//! What the server keeps, and S3's rules about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use hyper::body::Bytes;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::lock;

/// One key's bytes.
#[derive(Clone)]
struct Kept {
    bytes: Bytes,
    tag: String,
    at: SystemTime,
}

#[derive(Default)]
struct Inside {
    keys: BTreeMap<String, Kept>,
    /// Parts by upload and number.
    uploads: BTreeMap<String, BTreeMap<i32, Bytes>>,
    counter: u64,
    read_only: bool,
    /// How many keys a list has at most.
    page: usize,
    no_deletes: bool,
    /// How far the server's clock is off.
    ahead: Duration,
    behind: Duration,
}

/// Shared by all requests; one lock, so that of two conditional writes one wins.
#[derive(Clone)]
pub struct Store {
    bucket: String,
    inside: Arc<Mutex<Inside>>,
}

impl Store {
    pub(super) fn new(bucket: &str, page: usize) -> Self {
        let inside = Inside { page, ..Inside::default() };
        Self { bucket: bucket.to_owned(), inside: Arc::new(Mutex::new(inside)) }
    }

    pub(super) fn all(&self) -> BTreeMap<String, Bytes> {
        lock(&self.inside).keys.iter().map(|(key, kept)| (key.clone(), kept.bytes.clone())).collect()
    }

    pub(super) fn put_behind(&self, key: &str, bytes: Bytes) {
        lock(&self.inside).put(key, bytes);
    }

    pub(super) fn remove_behind(&self, key: &str) {
        lock(&self.inside).keys.remove(key);
    }

    pub(super) fn make_read_only(&self, read_only: bool) {
        lock(&self.inside).read_only = read_only;
    }

    pub(super) fn refuse_deletes(&self, refuse: bool) {
        lock(&self.inside).no_deletes = refuse;
    }

    pub(super) fn put_clock(&self, ahead: Duration, behind: Duration) {
        let mut inside = lock(&self.inside);
        (inside.ahead, inside.behind) = (ahead, behind);
    }

    fn deletable(&self, bucket: &str) -> S3Result<()> {
        self.writable(bucket)?;
        if lock(&self.inside).no_deletes { Err(s3_error!(AccessDenied, "no deletes")) } else { Ok(()) }
    }

    fn there(&self, bucket: &str) -> S3Result<()> {
        if bucket == self.bucket { Ok(()) } else { Err(s3_error!(NoSuchBucket, "no such bucket")) }
    }

    fn writable(&self, bucket: &str) -> S3Result<()> {
        self.there(bucket)?;
        if lock(&self.inside).read_only { Err(s3_error!(AccessDenied, "a reader")) } else { Ok(()) }
    }
}

impl Inside {
    /// A tag tells bytes apart and nothing else, as S3's does.
    fn put(&mut self, key: &str, bytes: Bytes) -> String {
        let tag = blake3::hash(&bytes).to_hex()[..32].to_owned();
        self.keys.insert(
            key.to_owned(),
            Kept { bytes, tag: tag.clone(), at: SystemTime::now() + self.ahead - self.behind },
        );
        tag
    }

    fn meets(&self, key: &str, same: Option<&IfMatch>, none: Option<&IfNoneMatch>) -> S3Result<()> {
        let now = self.keys.get(key);
        if let Some(expected) = same {
            let Some(now) = now else { return Err(s3_error!(NoSuchKey, "no such key")) };
            if expected.as_etag().is_none_or(|tag| tag.value() != now.tag) {
                return Err(s3_error!(PreconditionFailed, "it holds something else"));
            }
        }
        if none.is_some_and(|none| none.is_any()) && now.is_some() {
            return Err(s3_error!(PreconditionFailed, "it is there"));
        }
        Ok(())
    }
}

async fn whole(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(body) = body else { return Ok(Bytes::new()) };
    let pieces: Vec<Bytes> = body.try_collect().await.map_err(|_| s3_error!(IncompleteBody, "cut off"))?;
    Ok(pieces.concat().into())
}

fn blob(bytes: Bytes) -> StreamingBlob {
    StreamingBlob::from(s3s::Body::from(bytes))
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        self.there(&input.bucket)?;
        let kept = lock(&self.inside).keys.get(&input.key).cloned();
        let kept = kept.ok_or_else(|| s3_error!(NoSuchKey, "no such key"))?;
        let size = kept.bytes.len() as u64;
        let (bytes, content_range) = match &input.range {
            None => (kept.bytes, None),
            Some(range) => {
                let part = range.check(size)?;
                let said = format!("bytes {}-{}/{size}", part.start, part.end - 1);
                let at = |n: u64| usize::try_from(n).expect("it fits");
                (kept.bytes.slice(at(part.start)..at(part.end)), Some(said))
            }
        };
        Ok(S3Response::new(GetObjectOutput {
            content_length: Some(i64::try_from(bytes.len()).expect("it fits")),
            body: Some(blob(bytes)),
            content_range,
            e_tag: Some(ETag::Strong(kept.tag)),
            last_modified: Some(kept.at.into()),
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        self.there(&input.bucket)?;
        let kept = lock(&self.inside).keys.get(&input.key).cloned();
        let kept = kept.ok_or_else(|| s3_error!(NoSuchKey, "no such key"))?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(i64::try_from(kept.bytes.len()).expect("it fits")),
            e_tag: Some(ETag::Strong(kept.tag)),
            last_modified: Some(kept.at.into()),
            ..HeadObjectOutput::default()
        }))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        self.writable(&input.bucket)?;
        let bytes = whole(input.body).await?;
        let mut inside = lock(&self.inside);
        inside.meets(&input.key, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let tag = inside.put(&input.key, bytes);
        Ok(S3Response::new(PutObjectOutput { e_tag: Some(ETag::Strong(tag)), ..PutObjectOutput::default() }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.deletable(&request.input.bucket)?;
        lock(&self.inside).keys.remove(&request.input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        self.deletable(&request.input.bucket)?;
        let mut inside = lock(&self.inside);
        let mut gone = Vec::new();
        for object in request.input.delete.objects {
            inside.keys.remove(&object.key);
            gone.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() });
        }
        Ok(S3Response::new(DeleteObjectsOutput { deleted: Some(gone), ..DeleteObjectsOutput::default() }))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.there(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        self.there(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.clone().or(input.start_after.clone()).unwrap_or_default();
        let inside = lock(&self.inside);
        let found = inside.keys.range(after.clone()..).filter(|(key, _)| **key > after);
        let found = found.skip_while(|(key, _)| !key.starts_with(&prefix));
        let found = found.take_while(|(key, _)| key.starts_with(&prefix));
        let mut page: Vec<_> = found.take(inside.page + 1).collect();
        let more = page.len() > inside.page;
        page.truncate(inside.page);
        let next = page.last().filter(|_| more).map(|(key, _)| (*key).clone());
        let mut folders = BTreeSet::new();
        let mut contents = Vec::new();
        for (key, kept) in page {
            let rest = &key[prefix.len()..];
            match input.delimiter.as_deref().and_then(|delimiter| rest.split_once(delimiter)) {
                Some((folder, _)) => drop(folders.insert(format!("{prefix}{folder}/"))),
                None => contents.push(Object {
                    key: Some(key.clone()),
                    size: Some(i64::try_from(kept.bytes.len()).expect("it fits")),
                    e_tag: Some(ETag::Strong(kept.tag.clone())),
                    last_modified: Some(kept.at.into()),
                    ..Object::default()
                }),
            }
        }
        let folders = folders.into_iter().map(|prefix| CommonPrefix { prefix: Some(prefix) }).collect();
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            key_count: Some(i32::try_from(contents.len()).expect("it fits")),
            contents: Some(contents),
            common_prefixes: Some(folders),
            is_truncated: Some(more),
            next_continuation_token: next,
            ..ListObjectsV2Output::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.writable(&request.input.bucket)?;
        let mut inside = lock(&self.inside);
        inside.counter += 1;
        let id = format!("upload-{}", inside.counter);
        inside.uploads.insert(id.clone(), BTreeMap::new());
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(request.input.bucket),
            key: Some(request.input.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        self.writable(&input.bucket)?;
        let bytes = whole(input.body).await?;
        let tag = blake3::hash(&bytes).to_hex()[..32].to_owned();
        let mut inside = lock(&self.inside);
        let upload = inside.uploads.get_mut(&input.upload_id);
        let upload = upload.ok_or_else(|| s3_error!(NoSuchUpload, "no such upload"))?;
        upload.insert(input.part_number, bytes);
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(tag)),
            ..UploadPartOutput::default()
        }))
    }

    /// All parts but the last have at least 5 MiB, or it is an error, as there.
    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        const LEAST: usize = 5 * 1024 * 1024;
        let input = request.input;
        self.writable(&input.bucket)?;
        let mut inside = lock(&self.inside);
        inside.meets(&input.key, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let parts = inside.uploads.get(&input.upload_id);
        let parts = parts.ok_or_else(|| s3_error!(NoSuchUpload, "no such upload"))?;
        let named = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let mut bytes = Vec::new();
        for (place, part) in named.iter().enumerate() {
            let found = part.part_number.and_then(|number| parts.get(&number));
            let found = found.ok_or_else(|| s3_error!(InvalidPart, "no such part"))?;
            if place + 1 < named.len() && found.len() < LEAST {
                return Err(s3_error!(EntityTooSmall, "a part is too small"));
            }
            bytes.extend_from_slice(found);
        }
        let tag = inside.put(&input.key, bytes.into());
        inside.uploads.remove(&input.upload_id);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(tag)),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        lock(&self.inside).uploads.remove(&request.input.upload_id);
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
