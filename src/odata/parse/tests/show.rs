//! Trees as text, for comparison: operators in front, in parentheses; lists in brackets.

use crate::odata::syntax::*;

pub(super) fn names(names: &[Name]) -> String {
    join(names, "/", |name| name.text.clone())
}

fn join<T>(items: &[T], separator: &str, show: impl Fn(&T) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(separator)
}

pub(super) fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".into(),
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => value.to_string(),
        Literal::Decimal(text) => format!("{text}m"),
        Literal::Double(value) => format!("{value}d"),
        Literal::String(text) => format!("'{text}'"),
        Literal::Guid(guid) => guid.to_string(),
        Literal::Date(days) => format!("day {days}"),
        Literal::DateTimeOffset { micros, tenths } => format!("instant {micros}.{tenths}"),
        Literal::TimeOfDay(micros) => format!("time {micros}"),
        Literal::Duration(micros) => format!("duration {micros}"),
        Literal::Binary(bytes) => format!("binary {bytes:?}"),
        Literal::Enum { type_name, value } => format!("{type_name}'{value}'"),
        Literal::Geo(text) => format!("geo'{text}'"),
    }
}

pub(super) fn expr(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Literal(value) => literal(value),
        ExprKind::Alias(name) => format!("@{name}"),
        ExprKind::Path(p) => path(p),
        ExprKind::Unary(op, inner) => format!("({} {})", lower(op), expr(inner)),
        ExprKind::Binary(op, left, right) => format!("({} {} {})", lower(op), expr(left), expr(right)),
        ExprKind::Chain(op, operands) => format!("({} {})", lower(op), join(operands, " ", expr)),
        ExprKind::In(left, right) => format!("(in {} {})", expr(left), expr(right)),
        ExprKind::List(members) => format!("[{}]", join(members, " ", expr)),
        ExprKind::Call(name, parameters) if parameters.is_empty() => format!("({})", name.text),
        ExprKind::Call(name, parameters) => format!("({} {})", name.text, join(parameters, " ", expr)),
        ExprKind::Case(branches) => {
            format!("(case {})", join(branches, " ", |(when, then)| format!("{}:{}", expr(when), expr(then))))
        }
        ExprKind::Cast(subject, ty) => format!("(cast{} {})", of(subject), ty.text),
        ExprKind::IsOf(subject, ty) => format!("(isof{} {})", of(subject), ty.text),
        ExprKind::Object(members) => {
            format!("{{{}}}", join(members, " ", |(name, value)| format!("{name}:{}", expr(value))))
        }
        ExprKind::Named(name, value) => format!("{}={}", name.text, expr(value)),
    }
}

fn of(subject: &Option<Box<Expr>>) -> String {
    subject.as_ref().map(|e| format!(" {}", expr(e))).unwrap_or_default()
}

fn lower(op: &impl std::fmt::Debug) -> String {
    format!("{op:?}").to_lowercase()
}

fn path(path: &MemberPath) -> String {
    let root = match &path.root {
        PathRoot::Implicit => None,
        PathRoot::It => Some("$it".to_owned()),
        PathRoot::This => Some("$this".to_owned()),
        PathRoot::Root => Some("$root".to_owned()),
        PathRoot::These => Some("$these".to_owned()),
        PathRoot::Alias(name) => Some(format!("@{name}")),
    };
    let end = match &path.end {
        PathEnd::None => None,
        PathEnd::Count(inner) if **inner == Options::default() => Some("$count".to_owned()),
        PathEnd::Count(inner) => Some(format!("$count({})", options(inner))),
        PathEnd::Any(None) => Some("any()".to_owned()),
        PathEnd::Any(Some(inner)) => Some(format!("any({}:{})", inner.variable.text, expr(&inner.predicate))),
        PathEnd::All(inner) => Some(format!("all({}:{})", inner.variable.text, expr(&inner.predicate))),
        PathEnd::Aggregate(item) => Some(format!("aggregate({})", aggregate(item))),
        PathEnd::Other(name) => Some(format!("?{}", name.text)),
    };
    let middle = (!path.names.is_empty()).then(|| names(&path.names));
    [root, middle, end].into_iter().flatten().collect::<Vec<_>>().join("/")
}

pub(super) fn options(options: &Options) -> String {
    let mut shown = Vec::new();
    let mut add = |name: &str, value: Option<String>| shown.extend(value.map(|value| format!("{name}={value}")));
    add("filter", options.filter.as_ref().map(expr));
    add("select", options.select.as_deref().map(select));
    add("expand", options.expand.as_deref().map(expand));
    add("orderby", options.orderby.as_deref().map(orderby));
    add("top", options.top.map(|n| n.to_string()));
    add("skip", options.skip.map(|n| n.to_string()));
    add("count", options.count.map(|n| n.to_string()));
    add("apply", options.apply.as_deref().map(apply));
    add("compute", options.compute.as_deref().map(compute));
    add("search", options.search.as_ref().map(search));
    add("levels", options.levels.map(|levels| format!("{levels:?}")));
    add("skiptoken", options.skiptoken.clone());
    add("deltatoken", options.deltatoken.clone());
    add("format", options.format.clone());
    add("index", options.index.map(|n| n.to_string()));
    add("id", options.id.clone());
    add("schemaversion", options.schemaversion.clone());
    shown.extend(options.aliases.iter().map(|(name, value)| format!("@{name}={}", expr(value))));
    shown.extend(options.custom.iter().map(|(name, value)| format!("!{name}={value}")));
    shown.join(";")
}

pub(super) fn orderby(items: &[OrderItem]) -> String {
    join(items, ",", |item| format!("{}{}", expr(&item.expr), if item.descending { " desc" } else { "" }))
}

pub(super) fn compute(items: &[ComputeItem]) -> String {
    join(items, ",", |item| format!("{} as {}", expr(&item.expr), item.alias.text))
}

pub(super) fn select(items: &[SelectItem]) -> String {
    join(items, ",", |item| {
        let path = match &item.path {
            SelectPath::Star => "*".to_owned(),
            SelectPath::Operations(name) => format!("op {}", name.text),
            SelectPath::Names(path) => names(path),
        };
        with_options(path, &item.options)
    })
}

pub(super) fn expand(items: &[ExpandItem]) -> String {
    join(items, ",", |item| {
        let path = match &item.path {
            ExpandPath::Star => "*".to_owned(),
            ExpandPath::Names(path) => names(path),
        };
        let suffix = match item.suffix {
            ExpandSuffix::None => "",
            ExpandSuffix::Ref => "/$ref",
            ExpandSuffix::Count => "/$count",
        };
        with_options(path + suffix, &item.options)
    })
}

fn with_options(path: String, inner: &Options) -> String {
    if *inner == Options::default() { path } else { format!("{path}({})", options(inner)) }
}

pub(super) fn search(tree: &Search) -> String {
    match tree {
        Search::Term(text) => text.clone(),
        Search::Phrase(text) => format!("\"{text}\""),
        Search::Not(inner) => format!("(not {})", search(inner)),
        Search::And(operands) => format!("(and {})", join(operands, " ", search)),
        Search::Or(operands) => format!("(or {})", join(operands, " ", search)),
    }
}

pub(super) fn apply(steps: &[Transformation]) -> String {
    join(steps, "/", |step| match &step.kind {
        TransformationKind::Filter(condition) => format!("filter({})", expr(condition)),
        TransformationKind::Search(tree) => format!("search({})", search(tree)),
        TransformationKind::Compute(items) => format!("compute({})", compute(items)),
        TransformationKind::Orderby(items) => format!("orderby({})", orderby(items)),
        TransformationKind::Skip(n) => format!("skip({n})"),
        TransformationKind::Top(n) => format!("top({n})"),
        TransformationKind::Identity => "identity".to_owned(),
        TransformationKind::Aggregate(items) => format!("aggregate({})", join(items, ",", aggregate)),
        TransformationKind::GroupBy { by, then } => format!("groupby([{}] {})", join(by, " ", group), apply(then)),
        TransformationKind::Concat(branches) => format!("concat({})", join(branches, ",", |steps| apply(steps))),
        TransformationKind::Rank { name, amount, by } => format!("{name}({},{})", expr(amount), expr(by)),
        TransformationKind::Other(name) => format!("?{}", name.text),
    })
}

fn group(item: &GroupItem) -> String {
    match item {
        GroupItem::Path(path) => names(path),
        GroupItem::Rollup(levels) => format!("rollup({})", join(levels, ",", |path| names(path))),
        GroupItem::Recursive(name) => format!("?{}", name.text),
    }
}

fn aggregate(item: &AggregateItem) -> String {
    let mut shown = match &item.kind {
        AggregateKind::Count(path) if path.is_empty() => "$count".to_owned(),
        AggregateKind::Count(path) => format!("{}/$count", names(path)),
        AggregateKind::Method { expr: of, method } => format!("{} with {}", expr(of), method.text),
        AggregateKind::Custom(path) => names(path),
    };
    for from in &item.from {
        shown += &format!(" from {}", join(&from.paths, ",", |path| names(path)));
        shown += &from.method.as_ref().map(|method| format!(" with {}", method.text)).unwrap_or_default();
    }
    shown + &item.alias.as_ref().map(|alias| format!(" as {}", alias.text)).unwrap_or_default()
}

fn key(parts: &[KeyPart]) -> String {
    let part = |part: &KeyPart| match &part.name {
        Some(name) => format!("{}={}", name.text, expr(&part.value)),
        None => expr(&part.value),
    };
    format!("({})", join(parts, ",", part))
}

pub(super) fn segments(path: &Path) -> String {
    join(&path.segments, "/", |segment| match segment {
        Segment::Name(name) => name.text.clone(),
        Segment::Keyed(name, parts) => format!("{}{}", name.text, key(parts)),
        Segment::Filter(condition) => format!("$filter({})", expr(condition)),
        Segment::Key(parts) => key(parts),
        Segment::Crossjoin(sets) => format!("$crossjoin({})", names(sets)),
        other => format!("${}", lower(other)),
    })
}
