//! A workbook that is sent while it is made.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use futures_util::{StreamExt, stream};

use super::call::Make;
use super::serve::stale;
use super::upload::attach;
use crate::auth::audit::{self, Entry};
use crate::db::{First, Hold, Lane};
use crate::domain::refusal::Refusal;
use crate::export::ExportError;
use crate::http::v1::XLSX;
use crate::http::{App, Problem, Reader};

/// A file of which the first bytes are there.
pub(super) struct Growing {
    name: String,
    first: First<ExportError>,
}

impl Growing {
    /// Makes the export ready, then reads its rows among those who read for long. What fails before the first bytes is an
    /// error as any other; what fails later breaks the file off.
    pub(super) async fn begin(app: &Data<App>, reader: &Reader, mut make: Make) -> Result<Growing, Refusal> {
        let holder = reader.clone();
        let ready = app.db.read(move |conn| if holder.still_holds(conn)? { make(conn) } else { Err(stale()) });
        let mut export = ready.await?;
        let name = export.file_name.clone();
        // AU-96.
        let entry = Entry::done("export", reader.caller().user_id, Some(name.clone()));
        let now = app.clock.now();
        let told = app.db.write(move |tx| {
            tx.hold(Hold::Shared)?;
            audit::write(tx, &entry, now)
        });
        told.await.map_err(Refusal::from)?;
        let (holder, shared) = (reader.clone(), app.clone());
        let first = app.db.stream(Lane::Bulk, move |conn, sink| {
            if !holder.still_holds(conn)? {
                return Err(ExportError::Refused(stale()));
            }
            let rows = export.write(conn, sink)?;
            shared.metrics.rows_written("workbook", rows);
            Ok(())
        });
        Ok(Growing { name, first: first.await? })
    }

    pub(super) fn reply(self) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        attach(&mut response, &self.name, XLSX);
        match self.first {
            First::Whole(bytes) => response.body(bytes),
            First::More(bytes, rest) => {
                let broken = |error| actix_web::Error::from(Problem::from(Refusal::from(error)));
                let rest = rest.map(move |chunk| chunk.map_err(broken));
                response.streaming(stream::once(async { Ok::<Bytes, actix_web::Error>(bytes) }).chain(rest))
            }
        }
    }
}
