//! Choosing a page's rows first and reading them afterwards.
//!
//! A page in an order of the client's own is chosen by row keys, and its rows are looked up then: an index can answer the
//! choice alone, and what is sorted are keys, not whole rows with all that is joined to them. Where much is joined, the
//! page comes first in any order: PostgreSQL arranges few tables at a time and would join all rows before it counts off
//! the page. Where an index hands out the rows in their order already, it would only be a second walk.

use super::super::bound::Query;
use super::super::edm::Entity;
use super::First;
use super::fields::Gathered;
use super::query::Page;
use super::scope::{Context, Place, Planner};
use crate::sql::{Alias, Compare, Each, Expr, From, Guard, Join, JoinKind, Order, Select};

/// Joins that PostgreSQL still arranges together with the table that they start from (`join_collapse_limit`).
const ARRANGED: usize = 7;

/// The column that is unique in every table that has it.
const UNIQUE: &str = "guid";

impl Planner<'_> {
    /// Whether the page that `chosen` describes is better chosen by its keys. Not where a sum decides which rows they
    /// are: it would be made twice.
    pub(super) fn pays_to_look_up(
        &self,
        query: &Query,
        chosen: &Select,
        order: &[Order],
        context: Context,
        page: &Page,
    ) -> bool {
        let entity = query.resource.entity;
        let ordered = !query.options.orderby.is_empty();
        query.resource.hops.is_empty()
            && chosen.limit.is_some()
            && !self.joins().iter().any(is_sum)
            && (reads_much(query, context, page)
                || ordered && entity.ordered_by_row && !self.comes_in_order(entity, chosen, order))
    }

    /// Whether the filter holds to one value a column within which an index is in this order.
    fn comes_in_order(&self, entity: &'static Entity, chosen: &Select, order: &[Order]) -> bool {
        let From::Scan(scan) = &chosen.from else { return false };
        let Some(Expr::Column(of, first)) = order.first().map(|o| &o.by) else { return false };
        let mut held = Vec::new();
        for condition in &chosen.filter {
            self.held(condition, scan.alias(), &mut held);
        }
        if let Guard::Where(condition) = scan.guard() {
            self.held(condition, scan.alias(), &mut held);
        }
        *of == scan.alias() && entity.indexed.iter().any(|(within, by)| by == first && held.contains(within))
    }

    /// Columns of `scan` that a condition holds to one value.
    fn held(&self, condition: &Expr, scan: Alias, out: &mut Vec<&'static str>) {
        match condition {
            Expr::And(parts) => parts.iter().for_each(|part| self.held(part, scan, out)),
            Expr::Compare(Compare::Eq, left, right) if matches!(**right, Expr::Bind(_) | Expr::Scalar(_)) => {
                if let Expr::Column(at, name) = **left
                    && at == scan
                {
                    out.push(name);
                }
            }
            _ => {}
        }
    }

    /// A condition on rows in which what names another row by its [`UNIQUE`] column asks for that row's key instead.
    /// Then an index over the referring column answers it, together with a range and in order; through the join,
    /// PostgreSQL would learn the key only while it runs, and plan for any.
    pub(super) fn seek(&mut self, condition: Expr) -> Expr {
        match condition {
            Expr::And(parts) => Expr::And(parts.into_iter().map(|part| self.seek(part)).collect()),
            Expr::Compare(Compare::Eq, left, right) if matches!(*right, Expr::Bind(_)) => match self.referred(&left) {
                Some((from, table, to)) => {
                    let scan = self.scan(table);
                    let row = scan.alias();
                    let mut key = Select::from(From::Scan(scan)).filter(row.col(UNIQUE).eq(*right));
                    key.columns = vec![row.col(to)];
                    from.eq(Expr::Scalar(Box::new(key)))
                }
                None => Expr::Compare(Compare::Eq, left, right),
            },
            other => other,
        }
    }

    /// Of the unique column of a joined row: the column that refers to the row, its table, and the key referred to.
    fn referred(&self, column: &Expr) -> Option<(Expr, &'static str, &'static str)> {
        let Expr::Column(at, UNIQUE) = column else { return None };
        let join = self.joins().iter().find(|join| join.with.alias() == *at && join.kind == JoinKind::Left)?;
        match (&join.with, &join.on) {
            (From::Scan(scan), Expr::Compare(Compare::Eq, from, to)) => match (&**from, &**to) {
                (Expr::Column(..), Expr::Column(of, to)) if of == at => Some(((**from).clone(), scan.table(), to)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The row keys of the first members of a parent, to be cut where an expansion is.
    pub(super) fn first_of_each(
        &mut self,
        entity: &'static Entity,
        place: Place,
        members: Select,
        link: &Expr,
        order: &[Order],
    ) -> First {
        let of = self.names.fresh();
        let row = place.alias.col(entity.row);
        let mut keys = members.filter(link.clone().eq(Each::member(of)));
        keys.columns = vec![row.clone()];
        keys.order = order.to_vec();
        let in_order = match (link, order.first().map(|o| &o.by)) {
            (Expr::Column(_, within), Some(Expr::Column(_, by))) => entity.indexed.contains(&(*within, *by)),
            _ => false,
        };
        if !in_order {
            keys = self.unordered_first(keys);
        }
        First { row, of, keys }
    }

    /// Finds the rows and orders them then. Otherwise PostgreSQL would walk an index in the asked order until enough of
    /// them are found, and where there are few, through the whole table.
    fn unordered_first(&mut self, mut keys: Select) -> Select {
        let alias = self.names.fresh();
        let order = std::mem::take(&mut keys.order);
        let ordered = |(n, o): (usize, &Order)| Order { by: alias.output(n + 1), ..o.clone() };
        let order_by = order.iter().enumerate().map(ordered).collect();
        keys.columns.extend(order.into_iter().map(|o| o.by));
        // The database may not look through it.
        keys.offset = Some(0);
        let mut all = Select::from(From::Select(Box::new(keys), alias));
        all.columns = vec![alias.output(0)];
        all.order = order_by;
        all
    }

    /// The rows that `chosen` names, to be read.
    pub(super) fn look_up(&mut self, entity: &'static Entity, chosen: Select, place: Place) -> (Select, Place) {
        let chosen = self.finish(chosen, vec![place.alias.col(entity.row)]);
        let page = self.names.fresh();
        let scope = self.open_scope();
        let scan = self.scan(entity.table);
        let place = Place { scope, alias: scan.alias(), entity: Some(entity) };
        self.set_place(0, place);
        let on = place.alias.col(entity.row).eq(page.output(0));
        let mut select = Select::from(From::Select(Box::new(chosen), page));
        select.joins.push(Join { kind: JoinKind::Inner, with: From::Scan(scan), on });
        (select, place)
    }
}

/// Whether a row takes sums over other rows, or more tables than are arranged together.
fn reads_much(query: &Query, context: Context, page: &Page) -> bool {
    let entity = query.resource.entity;
    let mut planner = Planner::new(context);
    let scope = planner.open_scope();
    let scan = planner.scan(entity.table);
    let place = Place { scope, alias: scan.alias(), entity: Some(entity) };
    planner.set_place(0, place);
    planner.fields(place, &query.options.output, page, &mut Gathered::default());
    planner.joins().len() > ARRANGED || planner.joins().iter().any(is_sum)
}

fn is_sum(join: &Join) -> bool {
    matches!(join.with, From::Select(..))
}
