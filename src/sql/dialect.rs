//! What the two back ends do differently with values: SQL types, binds on the way in, raw fields on the way out.
//!
//! Goes in: a [`Value`], a [`List`] or a raw field. Comes out: a bind of a diesel statement, or a borrowed [`Cell`];
//! reading a field allocates nothing. SQLite keeps Instant and Day as INTEGER and a Guid as a 16-byte BLOB; PostgreSQL
//! has `timestamptz`, `date` and `uuid`, whose binary forms are read and written here (PostgreSQL's protocol, *Formats*).

use std::io::Write;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::{AstPass, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, SqlType, Text};
use diesel::sqlite::{Sqlite, SqliteValue};

use super::value::{Cell, Day, Guid, Instant, Items, List, Type, Value};

/// SQL type of [`Instant`].
#[derive(Clone, Copy, Debug, Default, QueryId, SqlType)]
#[diesel(sqlite_type(name = "Long"), postgres_type(oid = 1184, array_oid = 1185))]
pub struct InstantType;

/// SQL type of [`Day`].
#[derive(Clone, Copy, Debug, Default, QueryId, SqlType)]
#[diesel(sqlite_type(name = "Integer"), postgres_type(oid = 1082, array_oid = 1182))]
pub struct DayType;

/// SQL type of [`Guid`].
#[derive(Clone, Copy, Debug, Default, QueryId, SqlType)]
#[diesel(sqlite_type(name = "Binary"), postgres_type(oid = 2950, array_oid = 2951))]
pub struct GuidType;

/// A back end as the renderer and the row reader see it.
pub trait Dialect: Backend + 'static {
    /// For the few places where the renderer must choose a spelling.
    const POSTGRES: bool;

    /// Writes a placeholder and binds the value; a null is bound with its type.
    fn bind<'b>(value: &'b Value, out: &mut AstPass<'_, 'b, Self>) -> QueryResult<()>;

    /// Writes `unnest($1)` or `json_each(?)`: the list's members as the column `value` of a table.
    fn members<'b>(list: &'b List, out: &mut AstPass<'_, 'b, Self>) -> QueryResult<()>;

    /// Writes ` = ANY($1)` or ` IN (SELECT value FROM json_each(?))`: one bind, however long the list. The operand
    /// stands before it.
    fn in_list<'b>(list: &'b List, out: &mut AstPass<'_, 'b, Self>) -> QueryResult<()>;

    /// Hands a raw field to `read`, as the type that the statement promises for its column.
    fn cell<R>(raw: Option<Self::RawValue<'_>>, ty: Type, read: impl FnOnce(Cell<'_>) -> R) -> deserialize::Result<R>;

    /// The type's name in a `CAST`.
    fn type_name(ty: Type) -> &'static str;
}

const NO_BOOL: &Option<bool> = &None;
const NO_INT32: &Option<i32> = &None;
const NO_INT64: &Option<i64> = &None;
const NO_DOUBLE: &Option<f64> = &None;
const NO_TEXT: &Option<String> = &None;
const NO_INSTANT: &Option<Instant> = &None;
const NO_DAY: &Option<Day> = &None;
const NO_GUID: &Option<Guid> = &None;

/// The same source for both back ends; a generic function would need a `HasSqlType` bound for each type.
macro_rules! push_value {
    ($value:expr, $out:expr) => {
        match $value {
            Value::Null(Type::Bool) => $out.push_bind_param::<Nullable<Bool>, _>(NO_BOOL),
            Value::Null(Type::Int32) => $out.push_bind_param::<Nullable<Integer>, _>(NO_INT32),
            Value::Null(Type::Int64) => $out.push_bind_param::<Nullable<BigInt>, _>(NO_INT64),
            Value::Null(Type::Double) => $out.push_bind_param::<Nullable<Double>, _>(NO_DOUBLE),
            Value::Null(Type::Text) => $out.push_bind_param::<Nullable<Text>, _>(NO_TEXT),
            Value::Null(Type::Instant) => $out.push_bind_param::<Nullable<InstantType>, _>(NO_INSTANT),
            Value::Null(Type::Day) => $out.push_bind_param::<Nullable<DayType>, _>(NO_DAY),
            Value::Null(Type::Guid) => $out.push_bind_param::<Nullable<GuidType>, _>(NO_GUID),
            Value::Bool(v) => $out.push_bind_param::<Bool, _>(v),
            Value::Int32(v) => $out.push_bind_param::<Integer, _>(v),
            Value::Int64(v) => $out.push_bind_param::<BigInt, _>(v),
            Value::Double(v) => $out.push_bind_param::<Double, _>(v),
            Value::Text(v) => $out.push_bind_param::<Text, _>(v.as_str()),
            Value::Instant(v) => $out.push_bind_param::<InstantType, _>(v),
            Value::Day(v) => $out.push_bind_param::<DayType, _>(v),
            Value::Guid(v) => $out.push_bind_param::<GuidType, _>(v),
        }
    };
}

impl Dialect for Sqlite {
    const POSTGRES: bool = false;

    fn bind<'b>(value: &'b Value, out: &mut AstPass<'_, 'b, Self>) -> QueryResult<()> {
        push_value!(value, out)
    }

    fn members<'b>(list: &'b List, out: &mut AstPass<'_, 'b, Self>) -> QueryResult<()> {
        out.push_sql("json_each(");
        out.push_bind_param::<Text, _>(list.json.as_str())?;
        out.push_sql(")");
        Ok(())
    }

    /// `json_each` cannot carry the bytes of a GUID; they travel as hex.
    fn in_list<'b>(list: &'b List, out: &mut AstPass<'_, 'b, Self>) -> QueryResult<()> {
        out.push_sql(match list.items {
            Items::Guids(_) => " IN (SELECT unhex(value) FROM json_each(",
            _ => " IN (SELECT value FROM json_each(",
        });
        out.push_bind_param::<Text, _>(list.json.as_str())?;
        out.push_sql("))");
        Ok(())
    }

    fn cell<R>(
        raw: Option<SqliteValue<'_, '_, '_>>,
        ty: Type,
        read: impl FnOnce(Cell<'_>) -> R,
    ) -> deserialize::Result<R> {
        let Some(mut field) = raw else {
            return Ok(read(Cell::Null));
        };
        Ok(match ty {
            Type::Bool => read(Cell::Bool(field.read_long() != 0)),
            Type::Int32 | Type::Int64 => read(Cell::Int(field.read_long())),
            Type::Double => read(Cell::Double(field.read_double())),
            Type::Text => read(Cell::Text(field.read_text())),
            Type::Instant => read(Cell::Instant(Instant(field.read_long()))),
            Type::Day => read(Cell::Day(Day(field.read_integer()))),
            Type::Guid => {
                let guid = uuid::Uuid::from_slice(field.read_blob())?;
                read(Cell::Guid(Guid(guid)))
            }
        })
    }

    fn type_name(ty: Type) -> &'static str {
        match ty {
            Type::Bool | Type::Int32 | Type::Int64 | Type::Instant | Type::Day => "INTEGER",
            Type::Double => "REAL",
            Type::Text => "TEXT",
            Type::Guid => "BLOB",
        }
    }
}

impl Dialect for Pg {
    const POSTGRES: bool = true;

    fn bind<'b>(value: &'b Value, out: &mut AstPass<'_, 'b, Self>) -> QueryResult<()> {
        push_value!(value, out)
    }

    fn members<'b>(list: &'b List, out: &mut AstPass<'_, 'b, Self>) -> QueryResult<()> {
        out.push_sql("unnest(");
        array(list, out)?;
        out.push_sql(")");
        Ok(())
    }

    fn in_list<'b>(list: &'b List, out: &mut AstPass<'_, 'b, Self>) -> QueryResult<()> {
        out.push_sql(" = ANY(");
        array(list, out)?;
        out.push_sql(")");
        Ok(())
    }

    fn cell<R>(raw: Option<PgValue<'_>>, ty: Type, read: impl FnOnce(Cell<'_>) -> R) -> deserialize::Result<R> {
        let Some(field) = raw else {
            return Ok(read(Cell::Null));
        };
        let bytes = field.as_bytes();
        let cell = match ty {
            Type::Bool => Cell::Bool(fixed::<1>(bytes)?[0] != 0),
            Type::Int32 | Type::Int64 => Cell::Int(integer(bytes)?),
            Type::Double => Cell::Double(f64::from_be_bytes(fixed(bytes)?)),
            Type::Text => Cell::Text(std::str::from_utf8(bytes)?),
            Type::Instant => Cell::Instant(instant_from_pg(bytes)?),
            Type::Day => Cell::Day(day_from_pg(bytes)?),
            Type::Guid => Cell::Guid(Guid(uuid::Uuid::from_bytes(fixed(bytes)?))),
        };
        Ok(read(cell))
    }

    fn type_name(ty: Type) -> &'static str {
        match ty {
            Type::Bool => "boolean",
            Type::Int32 => "integer",
            Type::Int64 => "bigint",
            Type::Double => "double precision",
            Type::Text => "text",
            Type::Instant => "timestamptz",
            Type::Day => "date",
            Type::Guid => "uuid",
        }
    }
}

fn array<'b>(list: &'b List, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    match &list.items {
        Items::Ints(v) => out.push_bind_param::<Array<BigInt>, _>(v),
        Items::Doubles(v) => out.push_bind_param::<Array<Double>, _>(v),
        Items::Texts(v) => out.push_bind_param::<Array<Text>, _>(v),
        Items::Instants(v) => out.push_bind_param::<Array<InstantType>, _>(v),
        Items::Days(v) => out.push_bind_param::<Array<DayType>, _>(v),
        Items::Guids(v) => out.push_bind_param::<Array<GuidType>, _>(v),
    }
}

/// PostgreSQL counts from 2000-01-01.
const PG_EPOCH_DAYS: i32 = 10_957;
const PG_EPOCH_MICROS: i64 = PG_EPOCH_DAYS as i64 * 86_400_000_000;

fn fixed<const N: usize>(bytes: &[u8]) -> deserialize::Result<[u8; N]> {
    bytes.try_into().map_err(|_| format!("a field of {} bytes where {N} were due", bytes.len()).into())
}

fn integer(bytes: &[u8]) -> deserialize::Result<i64> {
    Ok(match bytes.len() {
        2 => i16::from_be_bytes(fixed(bytes)?).into(),
        4 => i32::from_be_bytes(fixed(bytes)?).into(),
        _ => i64::from_be_bytes(fixed(bytes)?),
    })
}

/// `infinity` has no place in an Instant; it and what else is out of range is an error of the data.
fn instant_from_pg(bytes: &[u8]) -> deserialize::Result<Instant> {
    let micros = i64::from_be_bytes(fixed(bytes)?);
    match micros.checked_add(PG_EPOCH_MICROS) {
        Some(micros) if micros != i64::MIN + PG_EPOCH_MICROS => Ok(Instant(micros)),
        _ => Err("a timestamptz out of range".into()),
    }
}

fn day_from_pg(bytes: &[u8]) -> deserialize::Result<Day> {
    let days = i32::from_be_bytes(fixed(bytes)?);
    match days.checked_add(PG_EPOCH_DAYS) {
        Some(day) if days != i32::MIN => Ok(Day(day)),
        _ => Err("a date out of range".into()),
    }
}

impl ToSql<InstantType, Sqlite> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0);
        Ok(IsNull::No)
    }
}

impl FromSql<InstantType, Sqlite> for Instant {
    fn from_sql(mut raw: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Instant(raw.read_long()))
    }
}

impl ToSql<DayType, Sqlite> for Day {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0);
        Ok(IsNull::No)
    }
}

impl FromSql<DayType, Sqlite> for Day {
    fn from_sql(mut raw: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Day(raw.read_integer()))
    }
}

impl ToSql<GuidType, Sqlite> for Guid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<GuidType, Sqlite> for Guid {
    fn from_sql(mut raw: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Guid(uuid::Uuid::from_slice(raw.read_blob())?))
    }
}

impl ToSql<InstantType, Pg> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let micros = self.0.checked_sub(PG_EPOCH_MICROS).ok_or("an instant out of range")?;
        out.write_all(&micros.to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<InstantType, Pg> for Instant {
    fn from_sql(raw: PgValue<'_>) -> deserialize::Result<Self> {
        instant_from_pg(raw.as_bytes())
    }
}

impl ToSql<DayType, Pg> for Day {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let days = self.0.checked_sub(PG_EPOCH_DAYS).ok_or("a date out of range")?;
        out.write_all(&days.to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<DayType, Pg> for Day {
    fn from_sql(raw: PgValue<'_>) -> deserialize::Result<Self> {
        day_from_pg(raw.as_bytes())
    }
}

impl ToSql<GuidType, Pg> for Guid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<GuidType, Pg> for Guid {
    fn from_sql(raw: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Guid(uuid::Uuid::from_bytes(fixed(raw.as_bytes())?)))
    }
}
