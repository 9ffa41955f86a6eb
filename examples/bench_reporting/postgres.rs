//! The limit on PostgreSQL: tokio-postgres, the fields of its rows as the bytes that came.

use std::error::Error;
use std::pin::pin;
use std::rc::Rc;

use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, NoTls, RowStream, SimpleQueryMessage, Statement};

use super::json::{self, Row};
use super::limit::{CHUNK, Failure, Source};
use super::works::{Facts, WORKS, Work};

/// A connection and its statements, in the order of [`WORKS`].
pub struct Postgres {
    client: Client,
    statements: Vec<Statement>,
}

async fn connect(url: &str) -> Result<Client, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    actix_web::rt::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("limit: {error}");
        }
    });
    Ok(client)
}

/// Rows of a small query as text.
pub fn ask(url: &str, sql: &str) -> Result<Vec<Vec<String>>, Failure> {
    actix_web::rt::System::new().block_on(async {
        let mut rows = Vec::new();
        for message in connect(url).await?.simple_query(sql).await? {
            if let SimpleQueryMessage::Row(row) = message {
                rows.push((0..row.len()).map(|n| row.get(n).unwrap_or_default().to_owned()).collect());
            }
        }
        Ok(rows)
    })
}

impl Postgres {
    async fn start(&self, work: Work, parameter: i64) -> Result<RowStream, Failure> {
        let n = WORKS.iter().position(|w| *w == work).unwrap_or_default();
        let parameters: &[&(dyn ToSql + Sync)] =
            if matches!(work, Work::Page | Work::Ten) { &[&parameter] } else { &[] };
        Ok(self.client.query_raw(&self.statements[n], parameters.iter().copied()).await?)
    }
}

impl Source for Postgres {
    type Row<'a> = PostgresRow<'a>;

    async fn open(url: &str, facts: &Facts) -> Result<Postgres, Failure> {
        let client = connect(url).await?;
        let mut statements = Vec::new();
        for work in WORKS {
            statements.push(client.prepare(&work.sql(facts)).await?);
        }
        Ok(Postgres { client, statements })
    }

    async fn rows(&self, work: Work, parameter: i64, mut see: impl FnMut(&PostgresRow<'_>)) -> Result<(), Failure> {
        let mut rows = pin!(self.start(work, parameter).await?);
        while let Some(row) = rows.next().await {
            see(&PostgresRow(&row?));
        }
        Ok(())
    }

    async fn stream(self: Rc<Self>, work: Work) -> Result<impl Stream<Item = Result<Bytes, Failure>>, Failure> {
        // A finished result must not be asked again.
        let rows = Box::pin(self.start(work, 0).await?.fuse());
        let chunks = stream::try_unfold(rows, move |mut rows| async move {
            let mut out = Vec::with_capacity(CHUNK + CHUNK / 8);
            while out.len() < CHUNK {
                let Some(row) = rows.next().await else { break };
                json::write(work.shape(), &PostgresRow(&row?), &mut out);
                out.push(b'\n');
            }
            Ok::<_, Failure>((!out.is_empty()).then(|| (Bytes::from(out), rows)))
        });
        Ok(chunks)
    }
}

/// A row as it came.
pub struct PostgresRow<'a>(&'a tokio_postgres::Row);

/// A field, whatever its type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Raw<'a>, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl PostgresRow<'_> {
    fn bytes(&self, n: usize) -> &[u8] {
        self.0.get::<_, Option<Raw<'_>>>(n).map_or(&[], |raw| raw.0)
    }
}

/// Between 1970 and PostgreSQL's 2000.
const DAYS: i64 = 10_957;

impl Row for PostgresRow<'_> {
    fn is_null(&self, n: usize) -> bool {
        self.0.get::<_, Option<Raw<'_>>>(n).is_none()
    }

    fn int(&self, n: usize) -> i64 {
        let bytes = self.bytes(n);
        match bytes.len() {
            4 => i32::from_be_bytes(bytes.try_into().unwrap_or_default()).into(),
            _ => i64::from_be_bytes(bytes.try_into().unwrap_or_default()),
        }
    }

    fn flag(&self, n: usize) -> bool {
        self.bytes(n) == [1]
    }

    fn text(&self, n: usize) -> &str {
        std::str::from_utf8(self.bytes(n)).unwrap_or_default()
    }

    fn guid(&self, n: usize) -> [u8; 16] {
        self.bytes(n).try_into().unwrap_or_default()
    }

    fn instant(&self, n: usize) -> i64 {
        self.int(n) + DAYS * 86_400_000_000
    }

    fn day(&self, n: usize) -> i64 {
        self.int(n) + DAYS
    }

    fn double(&self, n: usize) -> f64 {
        f64::from_be_bytes(self.bytes(n).try_into().unwrap_or_default())
    }
}
