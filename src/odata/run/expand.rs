//! Expansions with a statement of their own (OD-53, OD-54): what fills the holes of a level's text.
//!
//! In: the holes of a level's rows. Each child runs once for all of them; its rows are kept as text with holes of its own.
//! Out: the text of the level with its holes filled, into the sink. A row is written as often as it has parents.

use std::collections::HashMap;
use std::ops::Range;

use super::super::bound::Form;
use super::super::edm::{Edm, Entity};
use super::super::encode::json::{self, Hole, Steps};
use super::super::error::{Code, ODataError};
use super::super::plan::Child;
use super::{Run, RunError};
use crate::db::{Conn, Fields, Sink, Visit};
use crate::sql::value::Items;
use crate::sql::{Cell, Day, List, Type, Value};

/// The entities around the one that is being written, by table and row key: what a cycle leads back to.
pub(super) type Chain = Vec<(&'static str, i64)>;

/// A level as text with holes, and what fills them.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub owner: &'static Entity,
    pub children: &'a [Child],
    pub text: &'a [u8],
    pub holes: &'a [Hole],
    pub filled: &'a [Filled],
}

/// The rows of a child for all parents.
#[derive(Default)]
pub(super) struct Filled {
    text: Vec<u8>,
    holes: Vec<Hole>,
    groups: HashMap<i64, Group>,
    counts: HashMap<i64, i64>,
    /// Each row by itself, where cycles are cut.
    members: Vec<Member>,
    nested: Vec<Filled>,
}

/// One parent's members within the text.
struct Group {
    text: Range<usize>,
    /// Where its rows begin among `members`.
    first: usize,
    rows: u64,
    more: bool,
}

/// A row that is written in full or, where it closes a cycle, as a reference.
struct Member {
    row: Option<i64>,
    key: String,
    text: Range<usize>,
}

impl Run<'_> {
    /// Runs each child once for all parents that have a hole for it.
    pub(super) fn children(
        &self,
        children: &[Child],
        holes: &[Hole],
        conn: &mut Conn,
    ) -> Result<Vec<Filled>, RunError> {
        let mut all = Vec::with_capacity(children.len());
        for (n, child) in children.iter().enumerate() {
            let mut parents: Vec<i64> = holes.iter().filter(|h| h.child == n).filter_map(|h| h.key).collect();
            parents.sort_unstable();
            parents.dedup();
            all.push(if parents.is_empty() { Filled::default() } else { self.child(child, parents, conn)? });
        }
        Ok(all)
    }

    fn child(&self, child: &Child, parents: Vec<i64>, conn: &mut Conn) -> Result<Filled, RunError> {
        let parents = List::new(match child.nav.linked_by {
            Type::Day => Items::Days(parents.into_iter().filter_map(|day| Some(Day(day.try_into().ok()?))).collect()),
            _ => Items::Ints(parents),
        });
        let mut filled = Filled::default();
        if let Some(count) = child.count_statement(parents.clone()) {
            for row in conn.rows(&count, &count.types)? {
                match row.as_slice() {
                    [Value::Int64(parent), Value::Int64(n)] => filled.counts.insert(*parent, *n),
                    [Value::Day(parent), Value::Int64(n)] => filled.counts.insert(parent.0.into(), *n),
                    _ => None,
                };
            }
        }
        if child.has_members() {
            let steps = self.steps(&child.level, child.nav.target, false);
            let mut members = Members { child, steps: &steps, run: self, filled: &mut filled };
            conn.for_each(&child.statement(parents), &mut members)?;
            filled.nested = self.children(&child.level.children, &filled.holes, conn)?;
        }
        Ok(filled)
    }

    /// Copies a range of a level's text, filling its holes.
    pub(super) fn assemble(
        &self,
        level: Written,
        range: Range<usize>,
        chain: &mut Chain,
        sink: &mut Sink,
    ) -> Result<(), RunError> {
        let mut at = range.start;
        let first = level.holes.partition_point(|h| h.offset < range.start);
        for hole in level.holes[first..].iter().take_while(|h| h.offset <= range.end) {
            sink.buffer().extend_from_slice(&level.text[at..hole.offset]);
            at = hole.offset;
            self.fill(level, hole, chain, sink)?;
            sink.checkpoint()?;
        }
        sink.buffer().extend_from_slice(&level.text[at..range.end]);
        Ok(sink.checkpoint()?)
    }

    /// `"Nav@odata.count":2,"Nav":[…],"Nav@odata.nextLink":"…"`
    fn fill(&self, level: Written, hole: &Hole, chain: &mut Chain, sink: &mut Sink) -> Result<(), RunError> {
        let (child, filled) = (&level.children[hole.child], &level.filled[hole.child]);
        let name = child.nav.name;
        if child.is_counted() {
            let n = hole.key.and_then(|key| filled.counts.get(&key)).copied().unwrap_or(0);
            json::string(&format!("{name}{}", self.style.control("count")), sink.buffer());
            sink.buffer().push(b':');
            json::value(Cell::Int(n), Edm::Int64, self.style, sink.buffer());
        }
        if !child.has_members() {
            return Ok(());
        }
        if child.is_counted() {
            sink.buffer().push(b',');
        }
        json::string(name, sink.buffer());
        sink.buffer().push(b':');
        let group = hole.key.and_then(|key| filled.groups.get(&key));
        match (child.nav.many, group) {
            (true, Some(group)) => {
                sink.buffer().push(b'[');
                self.group(level, hole, group, chain, sink)?;
                sink.buffer().push(b']');
            }
            (true, None) => sink.buffer().extend_from_slice(b"[]"),
            (false, Some(group)) => self.group(level, hole, group, chain, sink)?,
            (false, None) => sink.buffer().extend_from_slice(b"null"),
        }
        if group.is_some_and(|g| g.more) {
            let skip = child.skipped().saturating_add(child.limit);
            let next = self.links.nested(level.owner, &hole.owner, &hole.path, child, skip);
            sink.buffer().push(b',');
            json::string(&format!("{name}{}", self.style.control("nextLink")), sink.buffer());
            sink.buffer().push(b':');
            json::string(&next, sink.buffer());
        }
        Ok(())
    }

    /// One parent's members.
    fn group(
        &self,
        level: Written,
        hole: &Hole,
        group: &Group,
        chain: &mut Chain,
        sink: &mut Sink,
    ) -> Result<(), RunError> {
        let (child, filled) = (&level.children[hole.child], &level.filled[hole.child]);
        let target = child.nav.target;
        if child.expansion.form == Form::References && self.links.set(target).is_none() {
            // No set holds it: it is found over its owner alone.
            self.reference(&self.links.related(level.owner, &hole.owner, &hole.path), sink);
            return Ok(());
        }
        let inner = Written {
            owner: target,
            children: &child.level.children,
            text: &filled.text,
            holes: &filled.holes,
            filled: &filled.nested,
        };
        if !child.expansion.cut {
            return self.assemble(inner, group.text.clone(), chain, sink);
        }
        let around = chain.len();
        chain.extend(hole.row.map(|row| (level.owner.table, row)));
        let count = usize::try_from(group.rows).unwrap_or(usize::MAX);
        for (n, member) in filled.members.iter().skip(group.first).take(count).enumerate() {
            if n > 0 {
                sink.buffer().push(b',');
            }
            let closes = member.row.is_some_and(|row| chain.contains(&(target.table, row)));
            match self.links.set(target).filter(|_| closes) {
                Some(set) => self.reference(&format!("{}{set}{}", self.style.root, member.key), sink),
                None => self.assemble(inner, member.text.clone(), chain, sink)?,
            }
        }
        chain.truncate(around);
        Ok(())
    }

    fn reference(&self, id: &str, sink: &mut Sink) {
        let out = sink.buffer();
        out.push(b'{');
        json::string(&self.style.control("id"), out);
        out.push(b':');
        json::string(id, out);
        out.push(b'}');
    }
}

fn too_much() -> ODataError {
    let message = "The related entities of one page are more than this server holds at once (odata.max_expanded_bytes). \
                   Ask for smaller pages with Prefer: maxpagesize, for fewer levels, or select less.";
    ODataError::new(Code::QueryTooComplex, message).in_option("$expand")
}

struct Members<'a> {
    child: &'a Child,
    steps: &'a Steps,
    run: &'a Run<'a>,
    filled: &'a mut Filled,
}

impl Visit for Members<'_> {
    type Error = RunError;

    fn row(&mut self, row: &impl Fields) -> Result<(), RunError> {
        let parent = row.read(self.child.parent, self.child.nav.linked_by, |cell| match cell {
            Cell::Int(n) => n,
            Cell::Day(day) => day.0.into(),
            _ => 0,
        })?;
        let filled = &mut *self.filled;
        let (here, first) = (filled.text.len(), filled.members.len());
        let group = filled.groups.entry(parent).or_insert(Group { text: here..here, first, rows: 0, more: false });
        if group.rows >= self.child.limit {
            group.more = self.child.paged;
            return Ok(());
        }
        if group.rows > 0 {
            filled.text.push(b',');
        }
        let (start, holes) = (filled.text.len(), filled.holes.len());
        self.steps.row(row, self.run.style, &mut filled.text, &mut filled.holes)?;
        let held = filled.text.len() - start + (filled.holes.len() - holes) * size_of::<Hole>();
        let room = self.run.room.get().checked_sub(held).ok_or_else(too_much)?;
        self.run.room.set(room);
        group.rows += 1;
        group.text.end = filled.text.len();
        if self.child.expansion.cut {
            let (own, key) = (self.steps.row_key(row)?, self.steps.key(row)?);
            filled.members.push(Member { row: own, key, text: start..group.text.end });
        }
        Ok(())
    }
}
