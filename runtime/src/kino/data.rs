//! Values of any type that can be serialised, as what tables and trees show.

use std::cmp::Ordering;
use std::fmt::{self, Display};

use serde_core::ser::{self, Serialize, Serializer};

/// A value without its type.
#[derive(Clone, PartialEq)]
pub(crate) enum Data {
    Nothing,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    /// A sequence, a tuple or a variant with fields that have no names.
    List(Option<&'static str>, Vec<Data>),
    Record(Record),
}

/// Values under names.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Record {
    /// The type or the variant; maps have none.
    pub(crate) name: Option<&'static str>,
    pub(crate) fields: Vec<(String, Data)>,
}

impl Data {
    /// What `value` serialises to; what is said about it, if it cannot be.
    pub(crate) fn of(value: &(impl Serialize + ?Sized)) -> Data {
        value.serialize(Reader).unwrap_or_else(|error| Data::Text(error.0))
    }

    /// The value on one line, as a reader wants it: texts without quotes.
    pub(crate) fn to_line(&self) -> String {
        match self {
            Data::Nothing => String::new(),
            Data::Text(text) => text.clone(),
            other => format!("{other:?}"),
        }
    }

    /// Numbers by their value, texts by their letters, and different kinds one after the other.
    pub(crate) fn order(&self, other: &Data) -> Ordering {
        match (self, other) {
            (Data::Int(a), Data::Int(b)) => a.cmp(b),
            (Data::Text(a), Data::Text(b)) => a.cmp(b),
            (Data::Bool(a), Data::Bool(b)) => a.cmp(b),
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => (self.rank().cmp(&other.rank())).then_with(|| self.to_line().cmp(&other.to_line())),
            },
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Data::Int(number) => Some(*number as f64),
            Data::Float(number) => Some(*number),
            _ => None,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Data::Nothing => 0,
            Data::Bool(_) => 1,
            Data::Int(_) | Data::Float(_) => 2,
            Data::Text(_) => 3,
            Data::List(..) | Data::Record(_) => 4,
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Data::Nothing => f.write_str("none"),
            Data::Bool(value) => write!(f, "{value}"),
            Data::Int(number) => write!(f, "{number}"),
            Data::Float(number) => write!(f, "{number}"),
            Data::Text(text) => write!(f, "{text:?}"),
            Data::List(None, items) => f.debug_list().entries(items).finish(),
            Data::List(Some(name), items) => items
                .iter()
                .fold(&mut f.debug_tuple(name), |f, item| f.field(item))
                .finish(),
            Data::Record(Record { name: None, fields }) => f
                .debug_map()
                .entries(fields.iter().map(|(key, value)| (Plain(key), value)))
                .finish(),
            Data::Record(Record {
                name: Some(name),
                fields,
            }) => {
                let mut shown = f.debug_struct(name);
                for (key, value) in fields {
                    shown.field(key, value);
                }
                shown.finish()
            }
        }
    }
}

/// A key without quotes.
struct Plain<'a>(&'a str);

impl fmt::Debug for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Why a value could not be serialised.
#[derive(Debug)]
pub(crate) struct Unreadable(String);

impl Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

impl ser::Error for Unreadable {
    fn custom<T: Display>(message: T) -> Unreadable {
        Unreadable(message.to_string())
    }
}

struct Reader;

/// Items of a sequence or fields of a record that come one by one.
#[derive(Default)]
pub(crate) struct Collecting {
    name: Option<&'static str>,
    items: Vec<Data>,
    fields: Vec<(String, Data)>,
}

impl Collecting {
    fn named(name: Option<&'static str>) -> Collecting {
        Collecting {
            name,
            ..Collecting::default()
        }
    }

    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Unreadable> {
        self.items.push(value.serialize(Reader)?);
        Ok(())
    }

    fn field(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Unreadable> {
        self.fields.push((key.to_owned(), value.serialize(Reader)?));
        Ok(())
    }

    fn list(self) -> Result<Data, Unreadable> {
        Ok(Data::List(self.name, self.items))
    }

    fn record(self) -> Result<Data, Unreadable> {
        Ok(Data::Record(Record {
            name: self.name,
            fields: self.fields,
        }))
    }
}

macro_rules! scalars {
    ($($method:ident($type:ty) = $data:expr;)*) => {
        $(fn $method(self, value: $type) -> Result<Data, Unreadable> {
            Ok($data(value))
        })*
    };
}

/// Variants that have fields: they are known by their own name.
macro_rules! variants {
    ($($method:ident)*) => {
        $(fn $method(
            self,
            _: &'static str,
            _: u32,
            variant: &'static str,
            _: usize,
        ) -> Result<Collecting, Unreadable> {
            Ok(Collecting::named(Some(variant)))
        })*
    };
}

impl Serializer for Reader {
    type Ok = Data;
    type Error = Unreadable;
    type SerializeSeq = Collecting;
    type SerializeTuple = Collecting;
    type SerializeTupleStruct = Collecting;
    type SerializeTupleVariant = Collecting;
    type SerializeMap = Collecting;
    type SerializeStruct = Collecting;
    type SerializeStructVariant = Collecting;

    scalars! {
        serialize_bool(bool) = Data::Bool;
        serialize_i8(i8) = |n| Data::Int(i128::from(n));
        serialize_i16(i16) = |n| Data::Int(i128::from(n));
        serialize_i32(i32) = |n| Data::Int(i128::from(n));
        serialize_i64(i64) = |n| Data::Int(i128::from(n));
        serialize_i128(i128) = Data::Int;
        serialize_u8(u8) = |n| Data::Int(i128::from(n));
        serialize_u16(u16) = |n| Data::Int(i128::from(n));
        serialize_u32(u32) = |n| Data::Int(i128::from(n));
        serialize_u64(u64) = |n| Data::Int(i128::from(n));
        serialize_u128(u128) = |n: u128| n.try_into().map_or_else(|_| Data::Text(n.to_string()), Data::Int);
        // By its letters: 0.1 stays 0.1.
        serialize_f32(f32) = |n: f32| Data::Float(n.to_string().parse().unwrap_or(f64::from(n)));
        serialize_f64(f64) = Data::Float;
        serialize_char(char) = |letter: char| Data::Text(letter.to_string());
        serialize_str(&str) = |text: &str| Data::Text(text.to_owned());
        serialize_bytes(&[u8]) = |bytes: &[u8]| Data::Text(bytes.escape_ascii().to_string());
    }

    fn serialize_none(self) -> Result<Data, Unreadable> {
        Ok(Data::Nothing)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Data, Unreadable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Data, Unreadable> {
        Ok(Data::Nothing)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<Data, Unreadable> {
        Ok(Data::Text(name.to_owned()))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Data, Unreadable> {
        Ok(Data::Text(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Data, Unreadable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Data, Unreadable> {
        Ok(Data::List(Some(variant), vec![value.serialize(self)?]))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Collecting, Unreadable> {
        Ok(Collecting::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Collecting, Unreadable> {
        Ok(Collecting::default())
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Collecting, Unreadable> {
        Ok(Collecting::named(Some(name)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Collecting, Unreadable> {
        Ok(Collecting::default())
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Collecting, Unreadable> {
        Ok(Collecting::named(Some(name)))
    }

    variants! { serialize_tuple_variant serialize_struct_variant }
}

macro_rules! collects {
    ($($trait:ident, $method:ident;)*) => {
        $(impl ser::$trait for Collecting {
            type Ok = Data;
            type Error = Unreadable;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unreadable> {
                self.item(value)
            }

            fn end(self) -> Result<Data, Unreadable> {
                self.list()
            }
        })*
    };
}

collects! {
    SerializeSeq, serialize_element;
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
    SerializeTupleVariant, serialize_field;
}

macro_rules! collects_fields {
    ($($trait:ident)*) => {
        $(impl ser::$trait for Collecting {
            type Ok = Data;
            type Error = Unreadable;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Unreadable> {
                self.field(key, value)
            }

            fn end(self) -> Result<Data, Unreadable> {
                self.record()
            }
        })*
    };
}

collects_fields! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Collecting {
    type Ok = Data;
    type Error = Unreadable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unreadable> {
        self.item(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unreadable> {
        let key = self.items.pop().map(|key| key.to_line());
        self.field(&key.unwrap_or_default(), value)
    }

    fn end(mut self) -> Result<Data, Unreadable> {
        // Maps that hash have no order of their own, and what is shown must not differ from run to run.
        self.fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.record()
    }
}
