//! Work items that change their place: parent and iteration.
//!
//! In: an item and where it belongs now. Out: all that is kept of places, in the same transaction and for the items that it
//! concerns alone: the tree and its closure ([`tree::reparent`]), the budgets of the item and all below it, and of their
//! logs ([`assign::follow`]). Roll-ups are sums over the closure, so that they follow too. Type, state and titles play no
//! part in any of this.

use diesel::prelude::*;

use crate::db::tables::work_items;
use crate::db::{Hold, Tx};
use crate::domain::budgets::assign::{self, Moves};
use crate::domain::tree::{self, TreeError};
use crate::on;

/// Where an item belongs, by internal ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub parent: Option<i32>,
    pub iteration: Option<i32>,
}

/// The place of an item.
pub fn place(tx: &mut Tx<'_>, item: i32) -> Result<Place, TreeError> {
    let (parent, iteration) = on!(tx, c => work_items::table
        .find(item)
        .select((work_items::parent_id, work_items::iteration_id))
        .first(c))?;
    Ok(Place { parent, iteration })
}

/// Puts an item elsewhere, with all below it; gives the logs that change hands by it. A place that cannot be is refused
/// before anything is written.
pub fn put(tx: &mut Tx<'_>, item: i32, to: Place) -> Result<Moves, TreeError> {
    tx.must_hold(Hold::Exclusive)?;
    let from = place(tx, item)?;
    if from == to {
        return Ok(Moves::default());
    }
    tree::reparent(tx, item, to.parent)?;
    if from.iteration != to.iteration {
        on!(tx, c => diesel::update(work_items::table.find(item))
            .set(work_items::iteration_id.eq(to.iteration))
            .execute(c))?;
    }
    Ok(assign::follow(tx, item)?)
}
