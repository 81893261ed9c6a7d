//! A [`Node`] as a serde deserializer that goes on after an error.
//!
//! `words` are ordinary serde structs (so that the JSON Schema can be derived
//! from them). Three things differ from reading them straight from YAML: a
//! field of type [`Given`] that does not fit is reported with its place and
//! left out, instead of ending the whole file; unknown fields are all reported,
//! with the nearest known name; and numbers may stand where text is wanted,
//! spelled as the user spelled them.

use std::cell::RefCell;

use serde::de::value::{BorrowedStrDeserializer, U128Deserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::misfit::{Misfit, either};
use super::node::{Key, Kind, Node, Scalar, shortened};
use super::older;
use super::report::Report;
use crate::model::Location;

/// The names by which the words' own types ask for more than serde knows of.
pub(super) const GIVEN: &str = "kptn::Given";
pub(super) const ONE_OR_MANY: &str = "kptn::OneOrMany";
pub(super) const SHAPED: &str = "kptn::Shaped";

/// Reads `node` as a `T`; what does not fit goes to `report`.
pub(super) fn read<'de, T: de::Deserialize<'de> + Default>(node: &'de Node, report: &mut Report) -> T {
    let sink = RefCell::new(report);
    let result = T::deserialize(Reader { node, sink: &sink });
    result.unwrap_or_else(|misfit| {
        misfit.tell(node.place, &mut sink.borrow_mut());
        T::default()
    })
}

/// Packs a place so that serde can carry it.
pub(super) fn unpack(packed: u128) -> Location {
    Location { line: (packed >> 64) as u32, column: (packed >> 32) as u32, length: packed as u32 }
}

fn pack(place: Location) -> u128 {
    u128::from(place.line) << 64 | u128::from(place.column) << 32 | u128::from(place.length)
}

type Sink<'s, 'r> = &'s RefCell<&'r mut Report>;

/// One node, to be read as whatever is asked for.
#[derive(Clone, Copy)]
struct Reader<'de, 's, 'r> {
    node: &'de Node,
    sink: Sink<'s, 'r>,
}

impl<'de, 's, 'r> Reader<'de, 's, 'r> {
    fn visit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::List(items) => visitor.visit_seq(Items { rest: items.iter(), sink: self.sink }),
            Kind::Map(entries) => visitor.visit_map(Entries::all(entries, self.sink)),
            Kind::Scalar { text, value } => match *value {
                Scalar::Text => visitor.visit_borrowed_str(text),
                Scalar::Bool(value) => visitor.visit_bool(value),
                Scalar::Signed(value) => visitor.visit_i64(value),
                Scalar::Unsigned(value) => visitor.visit_u64(value),
                Scalar::Float(value) => visitor.visit_f64(value),
            },
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'de, '_, '_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit(visitor).map_err(|misfit| misfit.or_at(self.node.place))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.node.text() {
            Some(text) => {
                visitor.visit_borrowed_str(text).map_err(|misfit: Misfit| misfit.or_at(self.node.place))
            }
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.node.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match (name, &self.node.kind) {
            (GIVEN, _) => visitor.visit_seq(GivenParts::Place(self)),
            (SHAPED, Kind::Scalar { text, .. }) => visitor.visit_borrowed_str(text),
            (ONE_OR_MANY | SHAPED, Kind::List(items)) => {
                for empty in items.iter().filter(|item| item.kind == Kind::Null) {
                    self.sink.borrow_mut().error(Some(empty.place), "an empty entry in a list");
                }
                visitor.visit_seq(Items { rest: items.iter(), sink: self.sink })
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match &self.node.kind {
            Kind::Map(entries) => visitor
                .visit_map(Entries {
                    rest: entries.iter(),
                    known: Some((name, fields)),
                    value: None,
                    sink: self.sink,
                })
                .map_err(|misfit| misfit.or_at(self.node.place)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let result = match self.node.text() {
            Some(text) => visitor.visit_enum(text.into_deserializer()),
            None => {
                let described = self.node.described();
                Err(de::Error::custom(format!("{} is needed, not {described}", either(variants))))
            }
        };
        result.map_err(|misfit: Misfit| misfit.or_at(self.node.place))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier
    }
}

/// The elements of a list.
struct Items<'de, 's, 'r> {
    rest: std::slice::Iter<'de, Node>,
    sink: Sink<'s, 'r>,
}

impl<'de> de::SeqAccess<'de> for Items<'de, '_, '_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        self.rest.next().map(|node| seed.deserialize(Reader { node, sink: self.sink })).transpose()
    }
}

/// The entries of a mapping; where its fields are known, those alone.
struct Entries<'de, 's, 'r> {
    rest: std::slice::Iter<'de, (Key, Node)>,
    known: Option<(&'static str, &'static [&'static str])>,
    value: Option<&'de Node>,
    sink: Sink<'s, 'r>,
}

impl<'de, 's, 'r> Entries<'de, 's, 'r> {
    fn all(entries: &'de [(Key, Node)], sink: Sink<'s, 'r>) -> Self {
        Self { rest: entries.iter(), known: None, value: None, sink }
    }

    /// Tells whether `key` is a field; else reports it.
    fn is_field(&self, key: &Key, node: &Node) -> bool {
        let Some((of, fields)) = self.known else { return true };
        if fields.contains(&key.text.as_str()) {
            return true;
        }
        let mut report = self.sink.borrow_mut();
        if older::take(of, key, node, &mut report) {
            return false;
        }
        let guess = report.guess(&key.text, fields.iter().copied());
        let hint = guess.unwrap_or_else(|| format!("the fields of {of} are {}", fields.join(", ")));
        report.error(Some(key.place), format!("unknown field `{}` in {of}", shortened(&key.text))).hint =
            Some(hint);
        false
    }
}

impl<'de> de::MapAccess<'de> for Entries<'de, '_, '_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        while let Some((key, node)) = self.rest.next() {
            if self.is_field(key, node) {
                self.value = Some(node);
                return seed.deserialize(KeyReader(key)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let node =
            self.value.take().ok_or_else(|| <Misfit as de::Error>::custom("a value without its key"))?;
        seed.deserialize(Reader { node, sink: self.sink })
    }
}

/// One key: its text, or its text with its place for a [`GIVEN`].
struct KeyReader<'de>(&'de Key);

impl<'de> Deserializer<'de> for KeyReader<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_borrowed_str(&self.0.text)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match name {
            GIVEN => visitor.visit_seq(GivenParts::KeyPlace(self.0)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// What a [`GIVEN`] is made of: a place, then a value where one fits.
enum GivenParts<'de, 's, 'r> {
    Place(Reader<'de, 's, 'r>),
    Value(Reader<'de, 's, 'r>),
    KeyPlace(&'de Key),
    KeyText(&'de Key),
    Done,
}

impl<'de> de::SeqAccess<'de> for GivenParts<'de, '_, '_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        match std::mem::replace(self, Self::Done) {
            Self::Place(reader) => {
                *self = Self::Value(reader);
                seed.deserialize(U128Deserializer::new(pack(reader.node.place))).map(Some)
            }
            Self::Value(reader) if reader.node.kind == Kind::Null => Ok(None),
            Self::Value(reader) => match seed.deserialize(reader) {
                Ok(value) => Ok(Some(value)),
                Err(misfit) => {
                    misfit.tell(reader.node.place, &mut reader.sink.borrow_mut());
                    Ok(None)
                }
            },
            Self::KeyPlace(key) => {
                *self = Self::KeyText(key);
                seed.deserialize(U128Deserializer::new(pack(key.place))).map(Some)
            }
            Self::KeyText(key) => seed.deserialize(BorrowedStrDeserializer::new(&key.text)).map(Some),
            Self::Done => Ok(None),
        }
    }
}
