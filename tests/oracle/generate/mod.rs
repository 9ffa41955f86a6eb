//! Requests made from the model: typed, so that nearly all are answered, and the same for the same seed.

mod expression;
mod names;
mod options;
mod truth;

use super::expression::{Expr, Kind};
use super::query::{Key, Query};
use super::value::{Decimal, Type, Value};
use super::world::World;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Filter,
    Orderby,
    Apply,
    Expand,
    Compute,
    Search,
}

pub struct Generator<'w> {
    world: &'w World,
    random: Random,
    /// Lambda variables so far, so that none hides another.
    variables: usize,
    /// Without what odatapy has not or has otherwise: `case`, conditions of a count, undeclared properties, searches.
    plain: bool,
}

impl<'w> Generator<'w> {
    pub fn new(world: &'w World, seed: u64) -> Generator<'w> {
        Generator { world, random: Random(seed), variables: 0, plain: false }
    }

    pub fn query(&mut self, topic: Topic) -> Query {
        match topic {
            Topic::Filter => self.filter_query(),
            Topic::Orderby => self.orderby_query(),
            Topic::Apply => self.apply_query(),
            Topic::Expand => self.expand_query(),
            Topic::Compute => self.compute_query(),
            Topic::Search => self.search_query(),
        }
    }

    /// A request whose answer does not hang on what the standard leaves to the service: how equals are ordered, and in
    /// which order `$apply` gives its rows.
    pub fn query_for_others(&mut self, topic: Topic) -> Query {
        self.plain = true;
        let mut query = self.query(topic);
        query.page = None;
        if query.apply.is_empty() {
            let set = &self.world.sets[query.set];
            let ty = set.props[set.prop(&set.key).expect("a key")].ty.clone();
            let expr = Expr::new(ty, Kind::Path(vec![set.key.clone()]));
            query.options.orderby.push(Key { expr, descending: false });
        } else {
            (query.options.top, query.options.skip) = (None, None);
        }
        query
    }

    /// A literal of the type: as often as not a value of some row.
    fn literal(&mut self, ty: &Type) -> Expr {
        if self.random.chance(1, 2)
            && let Some(value) = self.stored(ty)
        {
            return Expr::literal(value, ty.clone());
        }
        let of = |value: Value| Expr::literal(value, ty.clone());
        match ty {
            Type::Boolean => of(Value::Bool(self.random.chance(1, 2))),
            Type::Int32 => {
                of(Value::Int(self.random.pick(&[0, 1, -1, 2, 3, -7, 60, 3600, 2_147_483_647, -2_147_483_648])))
            }
            Type::Int64 => of(Value::Int(self.random.pick(&[99_999_999_999, -2_147_483_649, 9_007_199_254_740_993]))),
            Type::Decimal => {
                let text = self.random.pick(&["0.5", "-2.5", "1.0", "0.1", "1.25", "0.016667", "1000.000001", "0.0"]);
                of(Value::Decimal(Decimal::parse(text).expect("a decimal")))
            }
            Type::Double => of(Value::Double(self.random.pick(&[0.5, -2.5, 1e3, 0.1, 2.5, 1e15, -1e-3, 0.0]))),
            Type::String => of(Value::Text(self.random.pick(TEXTS).to_owned())),
            Type::Duration => {
                let micros: &[i64] = &[0, 1, 3_600_000_000, 86_400_000_000, -259_200_500_000, 31_536_000_000_000];
                of(Value::Duration(self.random.pick(micros)))
            }
            Type::TimeOfDay => of(Value::Time(self.random.pick(&[0, 28_800_500_000, 43_200_000_000, 86_399_999_999]))),
            Type::Date => of(Value::Date(self.random.pick(&[19_782, 19_723, 20_088, 20_089, 0]))),
            Type::DateTimeOffset => {
                let micros: &[i64] = &[1_709_164_800_000_000, 1_735_689_600_000_000, 1_735_689_599_999_999, 0];
                let expr = of(Value::Instant(self.random.pick(micros)));
                if self.random.chance(1, 3) { shifted(expr) } else { expr }
            }
            Type::Guid => of(Value::Guid("00000000-0000-4000-8000-000000000004".to_owned())),
            Type::Enum(name) => {
                let members = self.world.enums[name].clone();
                let member = members[self.random.below(members.len())].clone();
                // As a string too, where the type of its place tells the enumeration (OD-42).
                let short = self.random.chance(1, 2);
                let text = if short { format!("'{member}'") } else { format!("{name}'{member}'") };
                Expr::new(ty.clone(), Kind::Literal(Value::Member(member), text))
            }
        }
    }

    /// A value of this type that some row has.
    fn stored(&mut self, ty: &Type) -> Option<Value> {
        let set = &self.world.sets[self.random.below(self.world.sets.len())];
        let columns: Vec<usize> = (0..set.props.len()).filter(|prop| set.props[*prop].ty == *ty).collect();
        if columns.is_empty() || set.rows.is_empty() {
            return None;
        }
        let value = &set.rows[self.random.below(set.rows.len())][columns[self.random.below(columns.len())]];
        (!value.is_null()).then(|| value.clone())
    }
}

/// The same moment, written with another offset.
fn shifted(expr: Expr) -> Expr {
    let Kind::Literal(Value::Instant(micros), _) = expr.kind else { return expr };
    let local = super::calendar::instant_text(micros + 19_800_000_000);
    let text = format!("{}%2B05:30", local.trim_end_matches('Z'));
    Expr::new(expr.ty, Kind::Literal(Value::Instant(micros), text))
}

const TEXTS: &[&str] =
    &["", "a", "A", "e", "zero", "%", "_", "\\", " x ", "ß", "SS", "ä", "日本", "🎉", "O'N", "&", "+", "ς", "i", "1"];

/// SplitMix64: a sequence that is the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than the bound, which is not zero.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn chance(&mut self, of: usize, among: usize) -> bool {
        self.below(among) < of
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}
