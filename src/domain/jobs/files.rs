//! Files of jobs, in the database: of two servers of a site one takes a file and the other may read it.
//!
//! In: pieces, each in a transaction of its own, so that a large file blocks nobody. Out: the same bytes. A file counts
//! once a job names it; what breaks off before is removed after a while.

use diesel::prelude::*;

use crate::db::tables::{job_files, jobs};
use crate::db::{AsConn, DbError, Tx};
use crate::on;
use crate::sql::{Guid, Instant};

/// Bytes of a piece.
pub const PIECE: usize = 256 * 1024;

/// Adds a piece.
pub fn add(tx: &mut Tx<'_>, file: Guid, piece: i32, content: &[u8], now: Instant) -> Result<(), DbError> {
    let row = (
        job_files::file_id.eq(file),
        job_files::piece.eq(piece),
        job_files::content.eq(content),
        job_files::created_at.eq(now),
    );
    on!(tx, c => diesel::insert_into(job_files::table).values(row).execute(c))?;
    Ok(())
}

/// A piece; none behind the last.
pub fn piece(conn: &mut impl AsConn, file: Guid, piece: i32) -> Result<Option<Vec<u8>>, DbError> {
    Ok(on!(conn, c => job_files::table.find((file, piece)).select(job_files::content).first(c).optional())?)
}

/// Removes a file.
pub fn remove(tx: &mut Tx<'_>, file: Guid) -> Result<(), DbError> {
    on!(tx, c => diesel::delete(job_files::table.filter(job_files::file_id.eq(file))).execute(c))?;
    Ok(())
}

/// Removes files of before this moment that no job names, or has under its own id.
pub(super) fn remove_orphans(tx: &mut Tx<'_>, before: Instant) -> Result<(), DbError> {
    let named = jobs::upload_id.eq(job_files::file_id.nullable()).or(jobs::report_id.eq(job_files::file_id.nullable()));
    let named =
        diesel::dsl::exists(jobs::table.filter(named.or(jobs::id.nullable().eq(job_files::file_id.nullable()))));
    let orphans = job_files::table.filter(job_files::created_at.lt(before)).filter(diesel::dsl::not(named));
    on!(tx, c => diesel::delete(orphans).execute(c))?;
    Ok(())
}
