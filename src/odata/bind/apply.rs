//! `$apply` (Data Aggregation §3): `filter`, `groupby`, `aggregate` in sequence. Each step sees what the last one left.

use std::sync::Arc;

use super::super::bound::{
    AggregatePart, Aggregation, Derived, DerivedField, DerivedKind, Expr, Grouping, Kind, Method, Shape, Step,
    Transformation,
};
use super::super::edm::{Edm, Member, Nav, Prop, Structured};
use super::super::error::{Code, ODataError, Result};
use super::super::syntax::{self, AggregateItem, AggregateKind, GroupItem, Name, TransformationKind};
use super::row::Found;
use super::{Binder, Row, nearest};

/// `$count` and `countdistinct` are decimals without a fraction (OD-81).
const COUNT: Edm = Edm::Decimal { precision: 19, scale: 0 };

impl Binder<'_> {
    /// Binds the steps and leaves the row in the shape that they make.
    pub(super) fn apply(&mut self, steps: &[syntax::Transformation]) -> Result<Vec<Transformation>> {
        let mut bound = Vec::with_capacity(steps.len());
        for step in steps {
            if !matches!(step.kind, TransformationKind::Identity) {
                bound.push(self.transformation(step)?);
            }
        }
        Ok(bound)
    }

    fn transformation(&mut self, step: &syntax::Transformation) -> Result<Transformation> {
        let absent = |what: &str| Err(ODataError::not_implemented(format!("{what} in $apply")).at(step.span.start));
        match &step.kind {
            TransformationKind::Filter(filter) => Ok(Transformation::Filter(self.condition(filter)?)),
            TransformationKind::Aggregate(items) => {
                let mut shape = Derived::default();
                let aggregation = self.aggregation(items, &mut shape)?;
                self.leave(shape)?;
                Ok(Transformation::Aggregate(aggregation))
            }
            TransformationKind::GroupBy { by, then } => self.group_by(by, then),
            TransformationKind::Search(search) => Ok(Transformation::Filter(self.search(search)?)),
            TransformationKind::Compute(_) => absent("compute"),
            TransformationKind::Orderby(_) => absent("orderby"),
            TransformationKind::Skip(_) => absent("skip"),
            TransformationKind::Top(_) => absent("top"),
            TransformationKind::Concat(_) => absent("concat"),
            TransformationKind::Rank { name, .. } => absent(name),
            TransformationKind::Other(name) => absent(&name.text),
            TransformationKind::Identity => absent("identity"),
        }
    }

    /// What follows sees the new shape.
    fn leave(&mut self, shape: Derived) -> Result<()> {
        let columns = self.environment.limits.columns;
        if shape.columns > columns {
            let message = format!("The result has more than {columns} columns (odata.max_columns).");
            return Err(ODataError::new(Code::QueryTooComplex, message));
        }
        if let Some(row) = self.rows.last_mut() {
            row.shape = Shape::Derived(Arc::new(shape));
        }
        Ok(())
    }

    fn group_by(&mut self, by: &[GroupItem], then: &[syntax::Transformation]) -> Result<Transformation> {
        let mut shape = Derived::default();
        let mut groupings = Vec::new();
        for item in by {
            match item {
                GroupItem::Path(names) => self.grouping(names, &mut shape, &mut groupings)?,
                GroupItem::Rollup(_) => return Err(ODataError::not_implemented("rollup in $apply")),
                GroupItem::Recursive(name) => {
                    return Err(ODataError::not_implemented("rolluprecursive in $apply").at(name.span.start));
                }
            }
        }
        let aggregation = match then {
            [] => None,
            [syntax::Transformation { kind: TransformationKind::Aggregate(items), .. }] => {
                Some(self.aggregation(items, &mut shape)?)
            }
            [other, ..] => {
                let message = "A transformation other than one aggregate() inside groupby";
                return Err(ODataError::not_implemented(message).at(other.span.start));
            }
        };
        self.leave(shape)?;
        Ok(Transformation::GroupBy { by: groupings, then: aggregation })
    }

    fn grouping(&mut self, names: &[Name], shape: &mut Derived, groupings: &mut Vec<Grouping>) -> Result<()> {
        let position = names.first().map_or(0, |n| n.span.start);
        let row = self.row()?.clone();
        match self.walk(&row, names, position)? {
            Found::Value(value) => {
                let source = if let Kind::Prop { prop, .. } = &value.kind { Some(*prop) } else { None };
                let spelled = self.spelled(&row, names);
                self.add_grouping(&spelled, value, source, None, shape, groupings)
            }
            Found::Structure(structure) => {
                let path = self.spelled(&row, names);
                let nav = match structure.steps.last() {
                    Some(Step::Nav(nav)) => Some(*nav),
                    _ => None,
                };
                let props: Vec<&'static Prop> = match (nav, structure.of) {
                    // A navigation is grouped by its key (contract §3.6).
                    (Some(nav), _) => self.model.key(nav.target).collect(),
                    (None, of) => self.model.props(of).collect(),
                };
                for prop in props {
                    let value = super::row::property(structure.var, structure.steps.clone(), prop, structure.nullable);
                    let full: Vec<Arc<str>> = path.iter().cloned().chain([Arc::from(prop.name)]).collect();
                    self.add_grouping(&full, value, Some(prop), nav, shape, groupings)?;
                }
                Ok(())
            }
            Found::Many(collection) => {
                let message = format!("{} is a collection, and groups are made by single values.", collection.nav.name);
                Err(ODataError::new(Code::TypeMismatch, message).at(position))
            }
        }
    }

    /// The path as the model spells it.
    fn spelled(&self, row: &Row, names: &[Name]) -> Vec<Arc<str>> {
        let mut of = match &row.shape {
            Shape::Entity(entity) => Some(Structured::Entity(entity)),
            Shape::Complex(complex) => Some(Structured::Complex(complex)),
            Shape::Derived(_) => None,
        };
        names
            .iter()
            .map(|name| {
                let member = of.and_then(|of| self.model.member(of, &name.text));
                let spelled = member.map_or_else(|| Arc::from(name.text.as_str()), |m| Arc::from(m.name()));
                of = match member {
                    Some(Member::Complex(complex)) => Some(Structured::Complex(complex.ty)),
                    Some(Member::Nav(nav)) => Some(Structured::Entity(nav.target)),
                    _ => None,
                };
                spelled
            })
            .collect()
    }

    fn add_grouping(
        &self,
        path: &[Arc<str>],
        value: Expr,
        source: Option<&'static Prop>,
        nav: Option<&'static Nav>,
        shape: &mut Derived,
        groupings: &mut Vec<Grouping>,
    ) -> Result<()> {
        let kind = DerivedKind::Value {
            column: shape.columns,
            ty: value.ty,
            nullable: value.nullable,
            range: value.range,
            source,
        };
        if place(&mut shape.fields, path, kind, nav) {
            shape.columns += 1;
            groupings.push(Grouping { value });
        }
        Ok(())
    }

    fn aggregation(&mut self, items: &[AggregateItem], shape: &mut Derived) -> Result<Aggregation> {
        let parts = items.iter().map(|item| self.aggregate_part(item, shape)).collect::<Result<_>>()?;
        Ok(Aggregation { parts })
    }

    fn aggregate_part(&mut self, item: &AggregateItem, shape: &mut Derived) -> Result<AggregatePart> {
        let position = item.span.start;
        if !item.from.is_empty() {
            return Err(ODataError::not_implemented("`from` in aggregate()").at(position));
        }
        let (method, operand) = match &item.kind {
            AggregateKind::Count(path) if path.is_empty() => (Method::Count, None),
            AggregateKind::Count(_) => {
                return Err(ODataError::not_implemented("A path before $count in aggregate()").at(position));
            }
            AggregateKind::Custom(names) => return Err(self.no_custom_aggregate(names, position)),
            AggregateKind::Method { expr, method } => {
                let (method, operand) = (method_named(method)?, self.aggregated(expr)?);
                let sums = matches!(method, Method::Sum | Method::Average);
                // A null is no number yet, and a database adds up numbers.
                let null = sums && operand.ty == Edm::Untyped;
                let operand = if null { super::promote::to(operand, Edm::Double)? } else { operand };
                (method, Some(operand))
            }
        };
        let alias = item.alias.as_ref().ok_or_else(|| {
            ODataError::new(Code::SyntaxError, "Name the result: `… with sum as Total`.").at(position)
        })?;
        let ty = result_type(method, operand.as_ref()).map_err(|e| e.at(position))?;
        let nullable = !matches!(method, Method::Count | Method::CountDistinct);
        let range = match (method, &operand) {
            (Method::Min | Method::Max, Some(operand)) => operand.range,
            _ => ty.is_integer().then_some((i64::MIN.into(), i64::MAX.into())),
        };
        if shape.fields.iter().any(|f| *f.name == *alias.text) {
            let message = format!("The result has two properties named {}; choose another alias.", alias.text);
            return Err(ODataError::new(Code::InvalidValue, message).at(alias.span.start));
        }
        let kind = DerivedKind::Value { column: shape.columns, ty, nullable, range, source: None };
        shape.fields.push(DerivedField { name: Arc::from(alias.text.as_str()), kind });
        shape.columns += 1;
        Ok(AggregatePart { method, operand, ty })
    }

    /// The aggregated expression; a collection on the way is another feature (OD-92).
    fn aggregated(&mut self, expr: &syntax::Expr) -> Result<Expr> {
        if let syntax::ExprKind::Path(path) = &expr.kind
            && let (Some(first), syntax::PathEnd::None) = (path.names.first(), &path.end)
            && let Shape::Entity(entity) = &self.row()?.shape
            && let Some(Member::Nav(nav)) = self.model.member(Structured::Entity(entity), &first.text)
            && nav.many
        {
            let message = "Aggregation along a collection";
            return Err(ODataError::not_implemented(message).at(expr.span.start));
        }
        let value = self.value(expr)?;
        // A literal of more digits than a column holds is refused here.
        let ty = value.ty;
        super::promote::to(value, ty).map_err(|e| e.at(expr.span.start))
    }

    fn no_custom_aggregate(&self, names: &[Name], position: usize) -> ODataError {
        let name = names.last().map_or("", |n| n.text.as_str());
        let message = format!("There is no custom aggregate {name}; write `{name} with sum as …` or another method.");
        ODataError::new(Code::UnknownProperty, message).at(position)
    }
}

/// Puts a value at the end of its path; false if it is there already.
fn place(fields: &mut Vec<DerivedField>, path: &[Arc<str>], kind: DerivedKind, nav: Option<&'static Nav>) -> bool {
    let Some((name, rest)) = path.split_first() else { return false };
    let found = fields.iter().position(|f| f.name == *name);
    if rest.is_empty() {
        if found.is_none() {
            fields.push(DerivedField { name: name.clone(), kind });
        }
        return found.is_none();
    }
    let index = found.unwrap_or_else(|| {
        let nav = if rest.len() == 1 { nav } else { None };
        fields.push(DerivedField { name: name.clone(), kind: DerivedKind::Object { fields: Vec::new(), nav } });
        fields.len() - 1
    });
    match &mut fields[index].kind {
        DerivedKind::Object { fields, .. } => place(fields, rest, kind, nav),
        DerivedKind::Value { .. } => false,
    }
}

fn method_named(name: &Name) -> Result<Method> {
    const METHODS: [(&str, Method); 5] = [
        ("sum", Method::Sum),
        ("min", Method::Min),
        ("max", Method::Max),
        ("average", Method::Average),
        ("countdistinct", Method::CountDistinct),
    ];
    if let Some((_, method)) = METHODS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name.text)) {
        return Ok(*method);
    }
    if name.text.contains('.') {
        return Err(ODataError::not_implemented(format!("The method {}", name.text)).at(name.span.start));
    }
    let near = nearest(&name.text, METHODS.iter().map(|(known, _)| (*known).to_owned()));
    let hint = near.map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
    let message = format!("There is no aggregation method {}.{hint}", name.text);
    Err(ODataError::new(Code::UnknownFunction, message).at(name.span.start))
}

/// OD-81.
fn result_type(method: Method, operand: Option<&Expr>) -> Result<Edm> {
    let Some(operand) = operand else { return Ok(COUNT) };
    let ty = operand.ty;
    match method {
        Method::Count | Method::CountDistinct => Ok(COUNT),
        Method::Min | Method::Max if matches!(ty, Edm::Boolean | Edm::Guid) => {
            let message = format!("min and max need values with an order, and {} has none.", ty.name());
            Err(ODataError::new(Code::TypeMismatch, message))
        }
        Method::Min | Method::Max => Ok(ty),
        Method::Sum | Method::Average if !(ty.is_number() || ty == Edm::Duration || ty == Edm::Untyped) => {
            let message = format!("sum and average need numbers, and this is an {}.", ty.name());
            Err(ODataError::new(Code::TypeMismatch, message))
        }
        Method::Sum if ty.is_integer() => Ok(Edm::Int64),
        Method::Sum => Ok(ty),
        Method::Average if ty == Edm::Duration => Ok(ty),
        Method::Average => Ok(Edm::Double),
    }
}
