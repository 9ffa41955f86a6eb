//! The tree of work items: who is above whom.
//!
//! In: items and their parents. Out: what the writers keep of it, in their transaction: `root_id`, `has_children` and
//! the closure `work_item_tree` with a row (x, x, 0) for each item. A cycle is refused with its path. [`reparent`] keeps
//! them for an item that moves and what is below it, [`recompute_all`] makes them anew.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::db::tables::{work_item_tree, work_items};
use crate::db::{DbError, Failure, Hold, Tx};
use crate::on;
use crate::sql::{Insert, Update, Value};

/// A chain of *n* items has n²/2 rows in the closure; no site plans this deep.
pub const MOST_LEVELS: usize = 1000;

/// Why items are no tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    #[error("work item {item} is there already")]
    Twice { item: i32 },
    #[error("no work item {parent}, the parent of {item}")]
    UnknownParent { item: i32, parent: i32 },
    /// From the item up to itself.
    #[error("work item {} would be its own ancestor: {}", .path[0], arrows(.path))]
    Cycle { path: Vec<i32> },
    #[error("work item {item} lies deeper than {MOST_LEVELS} levels")]
    TooDeep { item: i32 },
    #[error(transparent)]
    Database(#[from] DbError),
}

impl TreeError {
    /// The item at fault.
    pub fn item(&self) -> Option<i32> {
        match self {
            TreeError::Twice { item } | TreeError::UnknownParent { item, .. } | TreeError::TooDeep { item } => {
                Some(*item)
            }
            TreeError::Cycle { path } => path.first().copied(),
            TreeError::Database(_) => None,
        }
    }
}

impl From<diesel::result::Error> for TreeError {
    fn from(error: diesel::result::Error) -> TreeError {
        TreeError::Database(error.into())
    }
}

impl Failure for TreeError {
    fn database(&self) -> Option<&DbError> {
        match self {
            TreeError::Database(error) => Some(error),
            _ => None,
        }
    }
}

fn arrows(path: &[i32]) -> String {
    path.iter().map(i32::to_string).collect::<Vec<_>>().join(" → ")
}

/// Items by position; every parent is there and no path leads back.
#[derive(Clone, Debug, Default)]
pub struct Forest {
    items: Vec<Item>,
    positions: HashMap<i32, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    id: i32,
    parent: Option<usize>,
    has_children: bool,
}

/// A row of the closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descent {
    pub ancestor: i32,
    pub descendant: i32,
    pub depth: i32,
}

impl Forest {
    /// Of items and their parents, in any order.
    pub fn new(items: impl IntoIterator<Item = (i32, Option<i32>)>) -> Result<Forest, TreeError> {
        let given: Vec<(i32, Option<i32>)> = items.into_iter().collect();
        let mut positions = HashMap::with_capacity(given.len());
        for (position, (id, _)) in given.iter().enumerate() {
            if positions.insert(*id, position).is_some() {
                return Err(TreeError::Twice { item: *id });
            }
        }
        let mut forest = Forest { items: Vec::with_capacity(given.len()), positions };
        for (id, parent) in &given {
            let parent = match parent {
                Some(parent) => match forest.positions.get(parent) {
                    Some(position) => Some(*position),
                    None => return Err(TreeError::UnknownParent { item: *id, parent: *parent }),
                },
                None => None,
            };
            forest.items.push(Item { id: *id, parent, has_children: false });
        }
        forest.refuse_cycles()?;
        for position in 0..forest.items.len() {
            if let Some(parent) = forest.items[position].parent {
                forest.items[parent].has_children = true;
            }
        }
        Ok(forest)
    }

    /// Climbs from each item until known ground: a root, or an item whose depth is known. Each is climbed over once.
    fn refuse_cycles(&self) -> Result<(), TreeError> {
        const UNKNOWN: usize = usize::MAX;
        let mut levels = vec![UNKNOWN; self.items.len()];
        let mut climbed = vec![UNKNOWN; self.items.len()];
        for start in 0..self.items.len() {
            let mut path = Vec::new();
            let mut next = Some(start);
            let mut below = 0;
            while let Some(position) = next {
                if levels[position] != UNKNOWN {
                    below = levels[position];
                    break;
                }
                if climbed[position] == start {
                    return Err(TreeError::Cycle { path: self.cycle_from(position) });
                }
                climbed[position] = start;
                path.push(position);
                next = self.items[position].parent;
            }
            for position in path.into_iter().rev() {
                below += 1;
                levels[position] = below;
                if below > MOST_LEVELS {
                    return Err(TreeError::TooDeep { item: self.items[position].id });
                }
            }
        }
        Ok(())
    }

    fn cycle_from(&self, start: usize) -> Vec<i32> {
        let mut path = vec![self.items[start].id];
        let mut next = self.items[start].parent;
        while let Some(position) = next {
            path.push(self.items[position].id);
            if position == start {
                break;
            }
            next = self.items[position].parent;
        }
        path
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn contains(&self, id: i32) -> bool {
        self.positions.contains_key(&id)
    }

    /// Every item, in the order given.
    pub fn ids(&self) -> impl Iterator<Item = i32> {
        self.items.iter().map(|item| item.id)
    }

    /// The item and its ancestors, nearest first.
    pub fn upward(&self, id: i32) -> impl Iterator<Item = i32> {
        let start = self.positions.get(&id).copied();
        std::iter::successors(start, |position| self.items[*position].parent).map(|position| self.items[position].id)
    }

    /// The topmost ancestor: the item itself if it has none.
    pub fn root(&self, id: i32) -> i32 {
        self.upward(id).last().unwrap_or(id)
    }

    pub fn has_children(&self, id: i32) -> bool {
        self.positions.get(&id).is_some_and(|position| self.items[*position].has_children)
    }

    /// The closure.
    pub fn descents(&self) -> impl Iterator<Item = Descent> {
        self.ids().flat_map(|descendant| {
            (0..).zip(self.upward(descendant)).map(move |(depth, ancestor)| Descent { ancestor, descendant, depth })
        })
    }

    /// Adds the closure's rows. They must not be there.
    pub fn insert_descents(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let mut insert = Insert::into("work_item_tree", CLOSURE);
        for descent in self.descents() {
            insert.rows.push(vec![
                Value::Int32(descent.ancestor),
                Value::Int32(descent.descendant),
                Value::Int32(descent.depth),
            ]);
            if insert.rows.len() == BATCH {
                tx.insert(&insert)?;
                insert.rows.clear();
            }
        }
        tx.insert(&insert)
    }
}

const CLOSURE: &[&str] = &["ancestor_id", "descendant_id", "depth"];

/// Rows held at once.
const BATCH: usize = 20_000;

/// Makes the whole tree anew from `work_items.parent_id`.
pub fn recompute_all(tx: &mut Tx<'_>) -> Result<Forest, TreeError> {
    type Row = (i32, Option<i32>, i32, bool);
    let rows: Vec<Row> = on!(tx, c => work_items::table
        .select((work_items::id, work_items::parent_id, work_items::root_id, work_items::has_children))
        .order(work_items::id)
        .load(c))?;
    let forest = Forest::new(rows.iter().map(|(id, parent, ..)| (*id, *parent)))?;
    let mut update = Update { table: "work_items", key: "id", columns: &["root_id", "has_children"], rows: Vec::new() };
    for (id, _, root, has_children) in rows {
        let is = (forest.root(id), forest.has_children(id));
        if (root, has_children) != is {
            update.rows.push(vec![Value::Int32(id), Value::Int32(is.0), Value::Bool(is.1)]);
        }
    }
    tx.update(&update)?;
    on!(tx, c => diesel::delete(work_item_tree::table).execute(c))?;
    forest.insert_descents(tx)?;
    Ok(forest)
}

/// Ids of one statement.
const CHUNK: usize = 10_000;

/// Puts an item, with all below it, under another parent, or under none. The budgets that come with it are
/// [`work_items::put`](super::work_items::put)'s.
pub fn reparent(tx: &mut Tx<'_>, item: i32, parent: Option<i32>) -> Result<(), TreeError> {
    tx.must_hold(Hold::Exclusive)?;
    let before: Option<i32> = on!(tx, c => work_items::table.find(item).select(work_items::parent_id).first(c))?;
    if before == parent {
        return Ok(());
    }
    let below: Vec<(i32, i32)> = on!(tx, c => work_item_tree::table
        .filter(work_item_tree::ancestor_id.eq(item))
        .select((work_item_tree::descendant_id, work_item_tree::depth))
        .load(c))?;
    let left = above(tx, item)?;
    let joined = match parent {
        Some(parent) => above(tx, parent)?,
        None => Vec::new(),
    };
    if let Some(parent) = parent.filter(|_| joined.is_empty()) {
        return Err(TreeError::UnknownParent { item, parent });
    }
    if let Some(at) = joined.iter().position(|ancestor| *ancestor == item) {
        return Err(TreeError::Cycle { path: [item].into_iter().chain(joined.into_iter().take(at + 1)).collect() });
    }
    for (descendant, depth) in &below {
        if joined.len() + usize::try_from(*depth).unwrap_or(usize::MAX) >= MOST_LEVELS {
            return Err(TreeError::TooDeep { item: *descendant });
        }
    }
    let ids: Vec<i32> = below.iter().map(|(descendant, _)| *descendant).collect();
    let root = joined.last().copied().unwrap_or(item);
    for ids in ids.chunks(CHUNK) {
        on!(tx, c => diesel::delete(work_item_tree::table
            .filter(work_item_tree::descendant_id.eq_any(ids))
            .filter(work_item_tree::ancestor_id.eq_any(left.get(1..).unwrap_or_default())))
        .execute(c))?;
        on!(tx, c => diesel::update(work_items::table.filter(work_items::id.eq_any(ids)))
            .set(work_items::root_id.eq(root))
            .execute(c))?;
    }
    let mut insert = Insert::into("work_item_tree", CLOSURE);
    for (descendant, depth) in below {
        for (distance, ancestor) in (1..).zip(&joined) {
            insert.rows.push(vec![Value::Int32(*ancestor), Value::Int32(descendant), Value::Int32(depth + distance)]);
        }
    }
    tx.insert(&insert)?;
    on!(tx, c => diesel::update(work_items::table.find(item)).set(work_items::parent_id.eq(parent)).execute(c))?;
    for parent in [before, parent].into_iter().flatten() {
        let children: i64 =
            on!(tx, c => work_items::table.filter(work_items::parent_id.eq(parent)).count().get_result(c))?;
        on!(tx, c => diesel::update(work_items::table.find(parent))
            .set(work_items::has_children.eq(children > 0))
            .execute(c))?;
    }
    Ok(())
}

/// The item and all above it, nearest first; nothing where it is not there.
fn above(tx: &mut Tx<'_>, item: i32) -> Result<Vec<i32>, DbError> {
    Ok(on!(tx, c => work_item_tree::table
        .filter(work_item_tree::descendant_id.eq(item))
        .order(work_item_tree::depth)
        .select(work_item_tree::ancestor_id)
        .load(c))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forest(items: &[(i32, i32)]) -> Result<Forest, TreeError> {
        Forest::new(items.iter().map(|(id, parent)| (*id, (*parent != 0).then_some(*parent))))
    }

    #[test]
    fn roots_children_and_closure() {
        // A child before its parent is fine.
        let forest = forest(&[(3, 2), (1, 0), (2, 1), (4, 1), (9, 0)]).expect("a tree");
        for (id, root, has_children, upward) in [
            (1, 1, true, vec![1]),
            (2, 1, true, vec![2, 1]),
            (3, 1, false, vec![3, 2, 1]),
            (4, 1, false, vec![4, 1]),
            (9, 9, false, vec![9]),
        ] {
            assert_eq!((forest.root(id), forest.has_children(id)), (root, has_children), "{id}");
            assert_eq!(forest.upward(id).collect::<Vec<_>>(), upward, "{id}");
        }
        let closure: Vec<_> = forest.descents().map(|d| (d.ancestor, d.descendant, d.depth)).collect();
        assert_eq!(
            closure,
            [(3, 3, 0), (2, 3, 1), (1, 3, 2), (1, 1, 0), (2, 2, 0), (1, 2, 1), (4, 4, 0), (1, 4, 1), (9, 9, 0)]
        );
    }

    #[test]
    fn what_is_no_tree() {
        for (items, item, said) in [
            (vec![(1, 1)], 1, "work item 1 would be its own ancestor: 1 → 1"),
            (vec![(5, 1), (1, 2), (2, 3), (3, 1)], 1, "work item 1 would be its own ancestor: 1 → 2 → 3 → 1"),
            (vec![(1, 7)], 1, "no work item 7, the parent of 1"),
            (vec![(1, 0), (1, 0)], 1, "work item 1 is there already"),
        ] {
            let error = forest(&items).expect_err(said);
            assert_eq!((error.to_string(), error.item()), (said.to_owned(), Some(item)));
        }
    }

    #[test]
    fn a_chain_has_an_end() {
        let chain = |length: i32| (1..=length).map(|id| (id, (id > 1).then_some(id - 1)));
        assert!(Forest::new(chain(1000)).is_ok());
        assert!(Forest::new(chain(1001).collect::<Vec<_>>().into_iter().rev()).is_err());
    }
}
