//! A table of DynamoDB in memory: strict about conditions, sizes and batches, with faults.
//!
//! It knows the calls and expressions that kptn uses, and refuses all others, as well as what the real one refuses:
//! names that no expression uses, keys twice in a batch, items that are too large. One lock, so conditions hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use super::random::Random;
use super::s3::lock;

/// The only table.
pub const TABLE: &str = "kptn-refs";
/// An item has at most so many bytes.
const ITEM_MOST: usize = 400 * 1024;
/// A page has at most so many.
const PAGE_MOST: usize = 1024 * 1024;

/// A table, at the address of a server of S3.
#[derive(Default)]
pub struct Dynamo(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    /// By partition and place.
    items: BTreeMap<(String, String), Item>,
    random: Option<Random>,
    one_in: u64,
    left: u64,
}

type Item = Map<String, Value>;
/// The kind of an error, and what it says.
type Refusal = (&'static str, String);
/// The answer, or a connection that is closed.
type Answered = Result<Response<s3s::Body>, Box<dyn std::error::Error + Send + Sync>>;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Throttled,
    Failed,
    Dropped,
    LostAnswer,
    /// Of a batch the first half is done.
    InPart,
}

impl Dynamo {
    /// Returns the places of all items.
    pub fn places(&self) -> Vec<(String, String)> {
        lock(&self.0).items.keys().cloned().collect()
    }

    /// Puts a piece there that was written in 1970, behind everyone's back.
    pub fn plant(&self, pk: &str, sk: &str) {
        let of = |value: &str, kind: &str| json!({kind: value});
        let item = json!({"pk": of(pk, "S"), "sk": of(sk, "S"), "size": of("40", "N"), "at": of("0", "N")});
        let item = item.as_object().cloned().unwrap_or_default();
        lock(&self.0).items.insert((pk.to_owned(), sk.to_owned()), item);
    }

    /// One request in `one_in` goes wrong from now on, at most `most` of them.
    pub fn set_faults(&self, seed: u64, one_in: u64, most: u64) {
        let mut inside = lock(&self.0);
        (inside.random, inside.one_in, inside.left) = (Some(Random::new(seed)), one_in, most);
    }

    /// Answers a call.
    pub fn answer(&self, target: &str, is_signed: bool, body: &Bytes) -> Answered {
        let call = target.strip_prefix("DynamoDB_20120810.").unwrap_or_default();
        let body: Value = serde_json::from_slice(body)?;
        let mut inside = lock(&self.0);
        let fault = inside.next_fault();
        match fault {
            Some(Fault::Throttled) => return refused(400, "ThrottlingException", "slow down"),
            Some(Fault::Failed) => return refused(500, "InternalServerError", "sorry"),
            Some(Fault::Dropped) => return Err("dropped".into()),
            Some(Fault::LostAnswer | Fault::InPart) | None => {}
        }
        let done = match call {
            _ if !is_signed => Err(("MissingAuthenticationTokenException", "no signature".to_owned())),
            _ if table_of(&body) != TABLE => Err(("ResourceNotFoundException", "no such table".to_owned())),
            "GetItem" => inside.get(&body),
            "PutItem" => inside.put(&body),
            "Query" => inside.query(&body),
            "BatchWriteItem" => inside.batch(&body, fault == Some(Fault::InPart)),
            other => Err(("UnknownOperationException", other.to_owned())),
        };
        match done {
            _ if fault == Some(Fault::LostAnswer) => Err("the answer is lost".into()),
            Ok(answer) => said(200, &answer),
            Err((kind, message)) => refused(400, kind, &message),
        }
    }
}

fn refused(status: u16, kind: &str, message: &str) -> Answered {
    said(status, &json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"), "message": message}))
}

fn said(status: u16, body: &Value) -> Answered {
    let answer = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    Ok(answer.body(s3s::Body::from(body.to_string()))?)
}

fn table_of(body: &Value) -> &str {
    let named = body["TableName"].as_str();
    let in_batch = || Some(body["RequestItems"].as_object()?.keys().next()?.as_str());
    named.or_else(in_batch).unwrap_or_default()
}

fn invalid(message: impl ToString) -> Refusal {
    ("ValidationException", message.to_string())
}

fn place_of(item: &Value) -> Result<(String, String), Refusal> {
    let part = |name: &str| item[name]["S"].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Ok((part("pk").ok_or_else(|| invalid("pk"))?, part("sk").ok_or_else(|| invalid("sk"))?))
}

/// As it is counted there: names and values; binary comes as text that is a third longer.
fn size_of(item: &Item) -> usize {
    let of = |value: &Value| match (&value["S"], &value["N"], &value["B"]) {
        (Value::String(text), ..) | (_, Value::String(text), _) => text.len(),
        (.., Value::String(text)) => text.len() / 4 * 3,
        _ => 0,
    };
    item.iter().map(|(name, value)| name.len() + of(value)).sum()
}

/// Names and values that no expression uses are an error there.
fn all_used(body: &Value, expressions: &[&str]) -> Result<(), Refusal> {
    let text: String =
        expressions.iter().filter_map(|name| body[*name].as_str()).collect::<Vec<_>>().join(" ");
    for kind in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        for name in body[kind].as_object().into_iter().flat_map(Map::keys) {
            if !text.split(|c: char| !c.is_alphanumeric() && !"#:".contains(c)).any(|word| word == name) {
                return Err(invalid(format!("{name} is not used")));
            }
        }
    }
    Ok(())
}

impl Inside {
    fn next_fault(&mut self) -> Option<Fault> {
        let one_in = self.one_in;
        let random = self.random.as_mut().filter(|_| self.left > 0)?;
        if random.below(one_in) != 0 {
            return None;
        }
        self.left -= 1;
        let all = [Fault::Throttled, Fault::Failed, Fault::Dropped, Fault::LostAnswer, Fault::InPart];
        Some(all[random.below(5) as usize])
    }

    fn get(&self, body: &Value) -> Result<Value, Refusal> {
        if body["ConsistentRead"] != true {
            return Err(invalid("kptn must read what was written last"));
        }
        let found = self.items.get(&place_of(&body["Key"])?);
        Ok(found.map_or(json!({}), |item| json!({"Item": item})))
    }

    fn put(&mut self, body: &Value) -> Result<Value, Refusal> {
        all_used(body, &["ConditionExpression"])?;
        let (place, item) = checked(&body["Item"])?;
        let old = self.items.get(&place).cloned();
        let names = &body["ExpressionAttributeNames"];
        let holds = match body["ConditionExpression"].as_str() {
            None => true,
            Some("attribute_not_exists(#tag)") if names["#tag"] == "tag" => old.is_none(),
            Some("#tag = :tag") if names["#tag"] == "tag" => old
                .as_ref()
                .is_some_and(|old| old.get("tag") == Some(&body["ExpressionAttributeValues"][":tag"])),
            Some(other) => return Err(invalid(other)),
        };
        if !holds {
            return Err(("ConditionalCheckFailedException", "the conditional request failed".to_owned()));
        }
        self.items.insert(place, item);
        Ok(old
            .filter(|_| body["ReturnValues"] == "ALL_OLD")
            .map_or(json!({}), |old| json!({"Attributes": old})))
    }

    fn query(&self, body: &Value) -> Result<Value, Refusal> {
        all_used(body, &["KeyConditionExpression", "ProjectionExpression"])?;
        let value = |name: &str| body["ExpressionAttributeValues"][name]["S"].as_str();
        let (pk, start) = match body["KeyConditionExpression"].as_str() {
            Some("pk = :pk") => (value(":pk"), Some("")),
            Some("pk = :pk AND begins_with(sk, :start)") => (value(":pk"), value(":start")),
            other => return Err(invalid(format!("{other:?}"))),
        };
        let (Some(pk), Some(start)) = (pk, start) else { return Err(invalid("no values")) };
        let wanted: BTreeSet<&str> =
            body["ProjectionExpression"].as_str().map_or_else(BTreeSet::new, |names| {
                names.split(", ").filter_map(|name| body["ExpressionAttributeNames"][name].as_str()).collect()
            });
        let after = body.get("ExclusiveStartKey").map(place_of).transpose()?;
        let from = after.clone().unwrap_or_else(|| (pk.to_owned(), String::new()));
        let (mut items, mut size, mut last) = (Vec::new(), 0, None);
        for (place, item) in self.items.range(from..).take_while(|(place, _)| place.0 == pk) {
            if after.as_ref() == Some(place) || !place.1.starts_with(start) {
                continue;
            }
            size += size_of(item);
            let shown = item.iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name.as_str()));
            items.push(shown.map(|(name, value)| (name.clone(), value.clone())).collect::<Item>());
            if size >= PAGE_MOST {
                last = Some(json!({"pk": {"S": place.0}, "sk": {"S": place.1}}));
                break;
            }
        }
        let mut answer = json!({"Count": items.len(), "ScannedCount": items.len(), "Items": items});
        if let Some(last) = last {
            answer["LastEvaluatedKey"] = last;
        }
        Ok(answer)
    }

    fn batch(&mut self, body: &Value, in_part: bool) -> Result<Value, Refusal> {
        let all = body["RequestItems"][TABLE].as_array().ok_or_else(|| invalid("no requests"))?;
        if all.is_empty() || all.len() > 25 {
            return Err(invalid(format!("{} requests", all.len())));
        }
        let mut changes = Vec::new();
        for one in all {
            changes.push(match (one.get("PutRequest"), one.get("DeleteRequest")) {
                (Some(put), None) => checked(&put["Item"]).map(|(place, item)| (place, Some(item)))?,
                (None, Some(delete)) => (place_of(&delete["Key"])?, None),
                _ => return Err(invalid("neither put nor delete")),
            });
        }
        if changes.iter().map(|(place, _)| place).collect::<BTreeSet<_>>().len() < changes.len() {
            return Err(invalid("the same key twice"));
        }
        let done = if in_part { all.len() / 2 } else { all.len() };
        for (place, item) in changes.into_iter().take(done) {
            match item {
                Some(item) => drop(self.items.insert(place, item)),
                None => drop(self.items.remove(&place)),
            }
        }
        let left = &all[done..];
        Ok(json!({"UnprocessedItems": if left.is_empty() { json!({}) } else { json!({TABLE: left}) }}))
    }
}

fn checked(item: &Value) -> Result<((String, String), Item), Refusal> {
    let place = place_of(item)?;
    let item = item.as_object().cloned().unwrap_or_default();
    match size_of(&item) {
        size if size > ITEM_MOST => Err(invalid(format!("an item of {size} bytes"))),
        _ => Ok((place, item)),
    }
}
