//! What is written of a row → columns, and the tree of members over them.

use std::sync::Arc;

use super::super::bound::{Form, Options, Output, OutputItem, Step};
use super::super::edm::{Edm, Link, Nav, Value as Source};
use super::query::Page;
use super::scope::{Place, Planner};
use super::{Child, Field, Level, ObjectOf, Slot, Typing};
use crate::sql::functions::Function;
use crate::sql::{Direction, Expr, From, Late, Order, Select, Type};

/// Columns of a SELECT, each once.
#[derive(Default)]
pub(super) struct Columns {
    pub exprs: Vec<Expr>,
    pub types: Vec<Type>,
}

impl Columns {
    pub fn add(&mut self, expr: Expr, ty: Type) -> usize {
        if let Some(n) = self.exprs.iter().zip(&self.types).position(|(e, t)| *t == ty && *e == expr) {
            return n;
        }
        self.exprs.push(expr);
        self.types.push(ty);
        self.exprs.len() - 1
    }

    /// A value that is written and nothing else: what can be taken late is, from a column that others may share.
    pub fn slot(&mut self, expr: Expr, ty: Edm) -> Slot {
        if let Expr::Call(Function { late: Some(late), .. }, arguments) = &expr
            && let [argument] = arguments.as_slice()
        {
            return Slot { column: self.add(argument.clone(), Late::ARGUMENT), ty, late: Some(*late) };
        }
        Slot::of(self.add(expr, ty.sql()), ty)
    }
}

/// The columns, members and children of one level while they are gathered.
#[derive(Default)]
pub(super) struct Gathered {
    pub columns: Columns,
    pub children: Vec<Child>,
}

impl Planner<'_> {
    pub(super) fn fields(&mut self, place: Place, output: &Output, page: &Page, out: &mut Gathered) -> Vec<Field> {
        output.items.iter().map(|item| self.field_of(place, item, page, out)).collect()
    }

    fn field_of(&mut self, place: Place, item: &OutputItem, page: &Page, out: &mut Gathered) -> Field {
        match item {
            OutputItem::Prop(prop) => {
                let slot = out.columns.slot(self.prop_at(place, prop), prop.ty);
                Field::Value { name: Arc::from(prop.name), slot, typing: Typing::Declared }
            }
            OutputItem::Dynamic(field) => {
                let open = place.entity.and_then(|e| e.open.map(|open| (open, e.row)));
                let expr = match open {
                    Some((open, row)) => self.at(place).field(open, row, field),
                    None => Expr::Null(field.ty.sql()),
                };
                let slot = out.columns.slot(expr, field.ty);
                Field::Value { name: Arc::from(field.name.as_str()), slot, typing: Typing::Dynamic }
            }
            OutputItem::Complex(complex, inner) => {
                let step = Step::Complex(complex);
                let there = self.step(place, step);
                let presence = if complex.nullable { self.presence(there, &[step]) } else { None };
                let presence = presence.map(|column| out.columns.add(column, Type::Int32));
                let fields = self.fields(there, inner, page, out);
                Field::Object {
                    name: Arc::from(complex.name),
                    presence,
                    fields,
                    of: ObjectOf::Complex(complex.ty.name),
                }
            }
            OutputItem::One(nav, inner) => {
                let step = Step::Nav(nav);
                let there = self.step(place, step);
                let presence = self.presence(there, &[step]).map(|column| out.columns.add(column, Type::Int32));
                let fields = self.fields(there, inner, page, out);
                Field::Object { name: Arc::from(nav.name), presence, fields, of: ObjectOf::Entity(nav.target) }
            }
            OutputItem::Apart(nav, options) => {
                let from = match nav.link {
                    Link::Direct { from, .. } | Link::Via { from, .. } => from,
                };
                let key = out.columns.add(place.alias.col(from), nav.linked_by);
                let child = self.child(nav, options, page);
                out.children.push(child);
                Field::Apart { name: nav.name, child: out.children.len() - 1, key }
            }
            OutputItem::Computed { name, var, expr } => {
                let old = self.set_place(*var, place);
                let value = self.value(expr);
                self.restore_place(*var, old);
                let slot = out.columns.slot(value, expr.ty);
                Field::Value { name: name.clone(), slot, typing: Typing::Computed }
            }
            OutputItem::Column { name, index, ty, dynamic } => {
                let slot = out.columns.slot(place.alias.output(*index), *ty);
                let typing = if *dynamic { Typing::Dynamic } else { Typing::Declared };
                Field::Value { name: name.clone(), slot, typing }
            }
            OutputItem::Object { name, presence, items } => {
                let fields: Vec<Field> = items.iter().map(|item| self.field_of(place, item, page, out)).collect();
                // The key of the grouped navigation is among the fields.
                let presence = presence.and_then(|n| {
                    let key = place.alias.output(n);
                    out.columns.exprs.iter().position(|e| *e == key)
                });
                Field::Object { name: name.clone(), presence, fields, of: ObjectOf::Derived }
            }
            OutputItem::Grouped { nav, key, source, output } => {
                let there = self.grouped(place, nav, *key, source.value);
                let presence = out.columns.add(there.alias.col(nav.target.row), Type::Int32);
                let fields = self.fields(there, output, page, out);
                let of = ObjectOf::Entity(nav.target);
                Field::Object { name: Arc::from(nav.name), presence: Some(presence), fields, of }
            }
        }
    }

    /// The row of a navigation that was grouped by its key.
    fn grouped(&mut self, place: Place, nav: &'static Nav, key: usize, source: Source) -> Place {
        let column = match source {
            Source::Column(name) => name,
            Source::Expr(_) => nav.target.row,
        };
        let alias = self
            .at(place)
            .join_on(nav.name, nav.target.table, |at, target| target.col(column).eq(at.alias().output(key)));
        Place { alias, entity: Some(nav.target), ..place }
    }

    /// The statement of an expansion; its parents' keys come when they are known.
    fn child(&self, nav: &'static Nav, options: &Options, page: &Page) -> Child {
        let mut planner = Planner::new(self.context);
        let scope = planner.open_scope();
        let scan = planner.scan(nav.target.table);
        let place = Place { scope, alias: scan.alias(), entity: Some(nav.target) };
        planner.set_place(0, place);
        let mut select = Select::from(From::Scan(scan));
        let link = planner.near(nav, place, &mut select);
        let between = std::mem::take(&mut select.joins);
        if let Some(rows) = nav.target.rows {
            let condition = rows(&mut planner.at(place));
            select.filter.push(condition);
        }
        if let Some(filter) = &options.filter {
            let condition = planner.predicate(filter);
            select.filter.push(condition);
        }
        // What is joined so far narrows; what order and columns join does not change the count.
        let narrowing = between.len() + planner.joins().len();
        let order = planner.total_order(nav.target, &options.orderby, place);
        let ordering = between.len() + planner.joins().len();
        let mut gathered = Gathered::default();
        let fields = planner.fields(place, &options.output, page, &mut gathered);
        let expansion = options.expansion.clone();
        let reference = expansion.form == Form::References;
        let key = planner.key_columns(nav.target, place, page.links || reference || expansion.cut, &mut gathered);
        let row = planner.row_column(nav.target, place, expansion.cut, &mut gathered);
        let parent = gathered.columns.add(link.clone(), nav.linked_by);
        let mut joins = planner.close_scope();
        joins.splice(0..0, between);
        select.joins = joins;
        let counted = options.count.then(|| Select {
            columns: vec![link.clone(), Expr::count()],
            joins: select.joins[..narrowing].to_vec(),
            group: vec![Expr::Int(1)],
            ..select.clone()
        });
        let first = (nav.many && nav.target.ordered_by_row).then(|| {
            let members = Select { joins: select.joins[..ordering].to_vec(), ..select.clone() };
            planner.first_of_each(nav.target, place, members, &link, &order)
        });
        select.columns = std::mem::take(&mut gathered.columns.exprs);
        let page_size = page.nested;
        let limit = options.top.map_or(page_size, |top| top.min(page_size));
        let paged = options.top.is_none_or(|top| top > page_size);
        let Gathered { columns, children } = gathered;
        let level = Level { select, types: columns.types, fields, children, key, row, reference };
        let skip = options.skip.unwrap_or(0);
        Child { nav, level, parent, link, order, skip, limit, top: options.top, paged, counted, first, expansion }
    }

    /// The key properties, where links of this level's entities may be written.
    pub(super) fn key_columns(
        &mut self,
        entity: &'static super::Entity,
        place: Place,
        needed: bool,
        out: &mut Gathered,
    ) -> Vec<(usize, Edm)> {
        let needed = needed || !out.children.is_empty();
        if !needed || place.entity.is_none() {
            return Vec::new();
        }
        let props =
            entity.key.iter().filter_map(|name| entity.props.iter().copied().flatten().find(|p| p.name == *name));
        props.map(|prop| (out.columns.add(self.prop_at(place, prop), prop.ty.sql()), prop.ty)).collect()
    }

    /// The row key, where a cycle may have to be cut at this level or below it.
    pub(super) fn row_column(
        &mut self,
        entity: &'static super::Entity,
        place: Place,
        needed: bool,
        out: &mut Gathered,
    ) -> Option<usize> {
        let needed = needed || out.children.iter().any(|child| child.expansion.cut);
        // The calendar's is narrower than the others'.
        needed.then(|| out.columns.add(place.alias.col(entity.row).cast(Type::Int64), Type::Int64))
    }

    /// The asked order, ended by what makes it total.
    pub(super) fn total_order(
        &mut self,
        entity: &'static super::Entity,
        items: &[super::super::bound::OrderItem],
        place: Place,
    ) -> Vec<Order> {
        let mut order: Vec<Order> = items
            .iter()
            .map(|item| Order {
                by: self.value(&item.expr),
                direction: if item.descending { Direction::Desc } else { Direction::Asc },
                nullable: item.expr.nullable,
            })
            .collect();
        let key = |by| Order { by, direction: Direction::Asc, nullable: false };
        if entity.ordered_by_row {
            order.push(key(place.alias.col(entity.row)));
            return order;
        }
        for name in entity.key {
            if let Some(prop) = entity.props.iter().copied().flatten().find(|p| p.name == *name) {
                let by = self.prop_at(place, prop);
                if !order.iter().any(|o| o.by == by) {
                    order.push(key(by));
                }
            }
        }
        order
    }
}
