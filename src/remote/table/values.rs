//! Items and values as the client takes them.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, WriteRequest};

use super::items::Spot;

/// One item.
pub type Item = HashMap<String, AttributeValue>;

/// Returns text as a table takes it.
pub fn text(value: String) -> AttributeValue {
    AttributeValue::S(value)
}

/// Returns a number as a table takes it.
pub fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Returns bytes as a table takes them.
pub fn blob(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// Returns the bytes that an item has under a name; none where it has not.
pub fn bytes_of<'i>(item: &'i Item, name: &str) -> &'i [u8] {
    item.get(name).and_then(|value| value.as_b().ok()).map_or(&[], |bytes| bytes.as_ref())
}

/// Returns an item that has everything but its bytes.
pub fn spotted(at: Spot, size: usize, at_ms: u64) -> Item {
    let Spot { pk, sk } = at;
    let all = [("pk", text(pk)), ("sk", text(sk)), ("size", number(size)), ("at", number(at_ms))];
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Returns what writes an item.
pub fn put_request(item: Item) -> WriteRequest {
    let put = PutRequest::builder().set_item(Some(item)).build();
    WriteRequest::builder().set_put_request(put.ok()).build()
}

/// Returns what removes an item.
pub fn delete_request(Spot { pk, sk }: Spot) -> WriteRequest {
    let delete = DeleteRequest::builder().key("pk", text(pk)).key("sk", text(sk)).build();
    WriteRequest::builder().set_delete_request(delete.ok()).build()
}
