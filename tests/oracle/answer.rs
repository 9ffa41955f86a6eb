//! What a request must be answered with: options in the order of evaluation (OD-62), and what is written of each row.

use std::cmp::Ordering;

use super::apply;
use super::evaluate::{Base, Failure, Node, Object, Result, Risks, Row, Scope};
use super::expression::{Expr, Kind, Op};
use super::number;
use super::query::{Expand, Key, Options, Query};
use super::search::Search;
use super::value::{Type, Value};
use super::world::World;

#[derive(Debug)]
pub struct Answer {
    pub rows: std::result::Result<Rows, Failure>,
    /// Codes of the failures that may be met in parts that do not decide.
    pub risks: Vec<&'static str>,
}

#[derive(Debug)]
pub struct Rows {
    pub rows: Vec<Object>,
    pub count: Option<usize>,
}

pub fn answer(world: &World, query: &Query) -> Answer {
    let risks = Risks::default();
    note_constants(world, query, &risks);
    let rows = rows_of(world, query, &risks);
    Answer { rows, risks: risks.codes() }
}

/// Notes what fails whatever the rows are (OD-33): constants, a zero that is written as divisor, and a number too large to
/// become a Decimal among others.
fn note_constants(world: &World, query: &Query, risks: &Risks) {
    let nothing = Row::entity(query.set, 0);
    let scope = Scope::new(world, risks, &nothing);
    let is_zero = |expr: &Expr| matches!(&expr.kind, Kind::Literal(value, _) if value.equals(&Value::Int(0)));
    let is_large = |expr: &&Expr| matches!(&expr.kind, Kind::Literal(value, _) if number::is_large(value));
    for expr in query.expressions() {
        expr.walk(&mut |expr| match &expr.kind {
            Kind::Binary(Op::Div | Op::Mod, _, right) if is_zero(right) => risks.note(Failure::DivisionByZero),
            Kind::Binary(Op::DivBy, left, right) if left.ty == Type::Duration && is_zero(right) => {
                risks.note(Failure::DivisionByZero);
            }
            _ if expr.ty == Type::Decimal && expr.children().iter().any(is_large) => risks.note(Failure::Overflow),
            _ if expr.is_constant() => drop(scope.evaluate(expr)),
            _ => {}
        });
    }
}

fn rows_of(world: &World, query: &Query, risks: &Risks) -> Result<Rows> {
    let all = (0..world.sets[query.set].rows.len()).map(|row| Row::entity(query.set, row)).collect();
    let rows = apply::applied(world, risks, &query.apply, all)?;
    let evaluation = Evaluation { world, risks };
    evaluation.look_at_all(query.set, &query.options);
    let (rows, count) = evaluation.selected(rows, &query.options)?;
    let rows = rows.iter().map(|row| evaluation.written(row, &query.options)).collect::<Result<_>>()?;
    Ok(Rows { rows, count })
}

pub struct Evaluation<'w> {
    pub world: &'w World,
    pub risks: &'w Risks,
}

impl Evaluation<'_> {
    /// The rows that remain, in their order, and how many there are without `$skip` and `$top`.
    fn selected(&self, mut rows: Vec<Row>, options: &Options) -> Result<(Vec<Row>, Option<usize>)> {
        for computed in &options.compute {
            for row in &mut rows {
                let value = Scope::new(self.world, self.risks, row).evaluate(&computed.expr);
                row.computed.push((computed.alias.clone(), value));
            }
        }
        if let Some(search) = &options.search {
            rows.retain(|row| self.finds(search, row));
        }
        if let Some(filter) = &options.filter {
            // Every row is looked at, whichever fails.
            let kept: Vec<Result> =
                rows.iter().map(|row| Scope::new(self.world, self.risks, row).evaluate(filter)).collect();
            let kept = kept.into_iter().collect::<Result<Vec<_>>>()?;
            let mut kept = kept.iter().map(|value| *value == Value::Bool(true));
            rows.retain(|_| kept.next() == Some(true));
        }
        let count = rows.len();
        let rows = self.ordered(rows, &options.orderby)?;
        let rows = rows.into_iter().skip(options.skip.unwrap_or(0)).take(options.top.unwrap_or(usize::MAX)).collect();
        Ok((rows, options.count.then_some(count)))
    }

    pub fn finds(&self, search: &Search, row: &Row) -> bool {
        let Base::Entity { set, .. } = row.base else { panic!("only entities have texts") };
        search.finds(&Scope::new(self.world, self.risks, row), &self.world.sets[set].searched)
    }

    /// Rows come in their default order, which decides between equals whatever the direction.
    fn ordered(&self, rows: Vec<Row>, keys: &[Key]) -> Result<Vec<Row>> {
        if keys.is_empty() {
            return Ok(rows);
        }
        let mut keyed = Vec::with_capacity(rows.len());
        for row in rows {
            let scope = Scope::new(self.world, self.risks, &row);
            let values: Vec<Result> = keys.iter().map(|key| scope.evaluate(&key.expr)).collect();
            keyed.push((values, row));
        }
        let mut sorted = Vec::with_capacity(keyed.len());
        for (values, row) in keyed {
            sorted.push((values.into_iter().collect::<Result<Vec<Value>>>()?, row));
        }
        sorted.sort_by(|(a, _), (b, _)| {
            let each = keys.iter().zip(a.iter().zip(b)).map(|(key, (a, b))| {
                let order = self.world.order(&key.expr.ty, a, b);
                if key.descending { order.reverse() } else { order }
            });
            each.fold(Ordering::Equal, Ordering::then)
        });
        Ok(sorted.into_iter().map(|(_, row)| row).collect())
    }

    fn written(&self, row: &Row, options: &Options) -> Result<Object> {
        let selected = |name: &str| options.select.is_empty() || options.select.iter().any(|s| s == name || s == "*");
        let mut object = Object::new();
        match &row.base {
            Base::Derived(derived) => {
                object.extend(derived.iter().filter(|(name, _)| selected(name)).cloned());
            }
            Base::Entity { set, row } => {
                let set = &self.world.sets[*set];
                let all = set.props.iter().zip(&set.rows[*row]).filter(|(prop, _)| selected(&prop.name));
                object.extend(all.map(|(prop, value)| (prop.name.clone(), Node::Value(value.clone()))));
            }
        }
        for (name, value) in row.computed.iter().filter(|(name, _)| selected(name)) {
            object.push((name.clone(), Node::Value(value.clone()?)));
        }
        for expand in &options.expand {
            self.expanded(row, expand, &mut object)?;
        }
        Ok(object)
    }

    /// Notes what fails for any row of an expanded set: a database may look at the children of others first (OD-33).
    fn look_at_all(&self, set: usize, options: &Options) {
        for expand in &options.expand {
            let target = self.world.sets[set].nav(&expand.nav).expect("a navigation property").target;
            let own = Options { expand: Vec::new(), ..expand.options.clone() };
            if own.expressions().iter().any(|expr| expr.can_fail()) {
                let all = (0..self.world.sets[target].rows.len()).map(|row| Row::entity(target, row)).collect();
                let _ = self.selected(all, &own);
            }
            self.look_at_all(target, &expand.options);
        }
    }

    fn expanded(&self, row: &Row, expand: &Expand, object: &mut Object) -> Result<()> {
        let Base::Entity { set, row } = row.base else { panic!("only entities are expanded") };
        let nav = self.world.sets[set].nav(&expand.nav).expect("a navigation property");
        let members = nav.links[row].iter().map(|row| Row::entity(nav.target, *row)).collect();
        let (members, count) = self.selected(members, &expand.options)?;
        let deeper = expand.levels.filter(|levels| *levels > 1);
        let deeper = deeper.map(|levels| Expand { levels: Some(levels - 1), ..expand.clone() });
        let written = members.iter().map(|row| {
            let mut object = self.written(row, &expand.options)?;
            // The same again below each, with the same options.
            if let Some(deeper) = &deeper {
                self.expanded(row, deeper, &mut object)?;
            }
            Ok(object)
        });
        let mut written = written.collect::<Result<Vec<Object>>>()?;
        if let Some(count) = count {
            object.push((format!("{}@odata.count", nav.name), Node::Value(Value::Int(count as i64))));
        }
        let node = match (nav.many, written.pop()) {
            (true, last) => Node::Array(written.into_iter().chain(last).collect()),
            (false, Some(one)) => Node::Object(one),
            (false, None) => Node::Value(Value::Null),
        };
        object.push((nav.name.clone(), node));
        Ok(())
    }
}

impl World {
    /// The order of `$orderby`; members of an enumeration by their numbers, which are in the order of their declaration.
    pub fn order(&self, ty: &Type, a: &Value, b: &Value) -> Ordering {
        let number = |value: &Value| match (ty, value) {
            (Type::Enum(of), Value::Member(name)) => {
                let members = &self.enums[of];
                Value::Int(members.iter().position(|member| member == name).expect("a member") as i64)
            }
            (_, other) => other.clone(),
        };
        number(a).order(&number(b))
    }
}
