//! The limit: an actix server that does nothing but these works. Fixed SQL, the bare driver, JSON by hand.

use actix_web::web::{self, Bytes, Data, Query};
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::Stream;
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use serde::Deserialize;

use super::json::Row;
use super::works::{Facts, Work};

pub type Failure = Box<dyn std::error::Error>;

/// Bytes of a chunk of a stream.
pub const CHUNK: usize = 64 * 1024;

/// A worker's own connection.
pub trait Source: Sized + 'static {
    async fn open(database: &str, facts: &Facts) -> Result<Self, Failure>;

    /// Hands each row to `see`.
    async fn rows(&self, work: Work, parameter: i64, see: impl FnMut(&Self::Row<'_>)) -> Result<(), Failure>;

    /// All rows, a line each.
    async fn stream(self: std::rc::Rc<Self>, work: Work)
    -> Result<impl Stream<Item = Result<Bytes, Failure>>, Failure>;

    type Row<'a>: Row;
}

#[derive(Deserialize)]
struct Parameter {
    n: Option<i64>,
}

/// Serves until it is killed.
pub async fn serve<S: Source>(database: String, facts: Facts, listen: &str) -> Result<(), Failure> {
    let factory = move || {
        let (database, facts) = (database.clone(), facts.clone());
        let mut app = App::new().data_factory(move || {
            let (database, facts) = (database.clone(), facts.clone());
            async move { S::open(&database, &facts).await.map(std::rc::Rc::new) }
        });
        app = app.route("/ready", web::get().to(HttpResponse::Ok));
        for work in super::works::WORKS {
            let answer = move |source: Data<std::rc::Rc<S>>, Query(parameter): Query<Parameter>| async move {
                let source = std::rc::Rc::clone(&source);
                answer(source, work, parameter.n.unwrap_or_default())
                    .await
                    .map_err(|e| actix_web::error::ErrorInternalServerError(e.to_string()))
            };
            app = app.route(&format!("/{work:?}"), web::get().to(answer));
        }
        app
    };
    HttpServer::new(factory).workers(2).bind(listen)?.run().await?;
    Ok(())
}

async fn answer<S: Source>(source: std::rc::Rc<S>, work: Work, parameter: i64) -> Result<HttpResponse, Failure> {
    match work {
        Work::Stream | Work::Rollup => Ok(HttpResponse::Ok().streaming(source.stream(work).await?)),
        Work::Sheet => Ok(HttpResponse::Ok().body(workbook(&*source).await?)),
        Work::Count => {
            let mut count = 0;
            source.rows(work, parameter, |row| count = row.int(0)).await?;
            Ok(HttpResponse::Ok().body(count.to_string()))
        }
        _ => {
            let mut body = Vec::with_capacity(CHUNK);
            body.extend_from_slice(b"{\"value\":[");
            let (mut first, mut last) = (true, 0);
            let see = |row: &S::Row<'_>| {
                if !std::mem::replace(&mut first, false) {
                    body.push(b',');
                }
                super::json::write(work.shape(), row, &mut body);
                if work == Work::Page {
                    last = row.int(super::works::ROW_KEY);
                }
            };
            source.rows(work, parameter, see).await?;
            body.push(b']');
            if work == Work::Page && !first {
                body.extend_from_slice(format!(",\"@odata.nextLink\":\"/Page?n={last}\"").as_bytes());
            }
            body.push(b'}');
            Ok(HttpResponse::Ok().content_type("application/json").body(body))
        }
    }
}

/// The bare loop: constant memory, the same columns, formats and deflate level as the server's files.
async fn workbook<S: Source>(source: &S) -> Result<Vec<u8>, Failure> {
    let mut book = Workbook::new();
    book.set_zip_compression_level(1);
    let sheet = book.add_worksheet_with_constant_memory()?;
    for (n, header) in HEADERS.iter().enumerate() {
        let column = n as u16;
        let format = match n {
            1 | 3 | 4 => "0",
            2 | 7 | 8 => "yyyy-mm-dd hh:mm:ss",
            _ => "General",
        };
        sheet.set_column_format(column, &Format::new().set_num_format(format))?;
        sheet.write_string(0, column, *header)?;
    }
    let (mut n, mut failed) = (0, None);
    let see = |row: &S::Row<'_>| {
        n += 1;
        if let Err(error) = sheet_row(sheet, n, row) {
            failed = Some(error);
        }
    };
    source.rows(Work::Sheet, 0, see).await?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(book.save_to_buffer()?),
    }
}

const HEADERS: [&str; 12] = [
    "Id",
    "WorkItemId",
    "Timestamp",
    "PeriodLength",
    "BillablePeriodLength",
    "IsBillable",
    "Comment",
    "CreatedTimestamp",
    "EditedTimestamp",
    "IsTracked",
    "IsImported",
    "IsFromApi",
];

fn sheet_row(sheet: &mut Worksheet, n: u32, row: &impl Row) -> Result<(), XlsxError> {
    for column in 0..HEADERS.len() as u16 {
        let c = usize::from(column);
        if row.is_null(c) {
            continue;
        }
        match c {
            0 => {
                let mut buffer = uuid::Uuid::encode_buffer();
                let id = uuid::Uuid::from_bytes(row.guid(c)).hyphenated().encode_lower(&mut buffer);
                sheet.write_string(n, column, &*id)?
            }
            2 | 7 | 8 => sheet.write_number(n, column, row.instant(c) as f64 / 86_400e6 + 25_569.0)?,
            6 => sheet.write_string(n, column, row.text(c))?,
            1 | 3 | 4 => sheet.write_number(n, column, row.int(c) as f64)?,
            _ => sheet.write_boolean(n, column, row.flag(c))?,
        };
    }
    Ok(())
}
