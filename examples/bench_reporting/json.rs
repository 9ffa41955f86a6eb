//! Rows as JSON, by hand: one function a shape, names and order fixed.

/// A row of either database. Columns are asked for in the type that the fixed SQL gives them.
pub trait Row {
    fn is_null(&self, n: usize) -> bool;
    fn int(&self, n: usize) -> i64;
    fn flag(&self, n: usize) -> bool;
    fn text(&self, n: usize) -> &str;
    fn guid(&self, n: usize) -> [u8; 16];
    /// Microseconds since 1970.
    fn instant(&self, n: usize) -> i64;
    /// Days since 1970.
    fn day(&self, n: usize) -> i64;
    fn double(&self, n: usize) -> f64;
}

/// What the rows of a query look like.
#[derive(Clone, Copy)]
pub enum Shape {
    Worklog,
    Expanded,
    Group,
    Total,
}

/// Appends a row.
pub fn write(shape: Shape, row: &impl Row, out: &mut Vec<u8>) {
    match shape {
        Shape::Worklog => worklog(row, out),
        Shape::Expanded => expanded(row, out),
        Shape::Group => group(row, out),
        Shape::Total => total(row, out),
    }
}

fn worklog(row: &impl Row, out: &mut Vec<u8>) {
    let mut w = Writer { row, out };
    w.guid("{\"Id\":", 0);
    w.guid(",\"UserId\":", 1);
    w.guid(",\"AddedByUserId\":", 2);
    w.guid(",\"BudgetId\":", 3);
    w.guid(",\"ActivityTypeId\":", 4);
    w.int(",\"WorkItemId\":", 5);
    w.instant(",\"Timestamp\":", 6);
    w.int(",\"PeriodLength\":", 7);
    w.text(",\"Comment\":", 8);
    w.instant(",\"EditedTimestamp\":", 9);
    w.instant(",\"CreatedTimestamp\":", 10);
    w.flag(",\"IsTracked\":", 11);
    w.flag(",\"IsManuallyEntered\":", 12);
    w.flag(",\"IsChanged\":", 13);
    w.flag(",\"IsTrackedExtended\":", 14);
    w.flag(",\"IsImported\":", 15);
    w.flag(",\"IsFromApi\":", 16);
    w.flag(",\"IsBillable\":", 17);
    w.int(",\"BillablePeriodLength\":", 18);
    w.person(",\"User\":", 1, 19);
    w.person(",\"AddedByUser\":", 2, 21);
    w.person(",\"EditedByUser\":", 23, 24);
    if w.open(",\"ActivityType\":", 4) {
        w.guid("\"Id\":", 4);
        w.text(",\"Color\":", 26);
        w.text(",\"Name\":", 27);
        w.out.push(b'}');
    }
    if w.open(",\"Budget\":", 3) {
        w.guid("\"Id\":", 3);
        w.text(",\"BudgetName\":", 28);
        w.out.push(b'}');
    }
    let (year, month, day) = civil(row.day(29));
    w.literal(",\"WorklogDate\":{\"Year\":");
    integer(year, w.out);
    w.literal(",\"Month\":");
    integer(month, w.out);
    w.literal(",\"Day\":");
    integer(day, w.out);
    w.day(",\"ShortDate\":", 29);
    w.literal("}}");
}

fn expanded(row: &impl Row, out: &mut Vec<u8>) {
    let mut w = Writer { row, out };
    w.guid("{\"Id\":", 0);
    w.instant(",\"Timestamp\":", 1);
    w.day(",\"Date\":", 2);
    w.int(",\"PeriodLength\":", 3);
    w.int(",\"BillablePeriodLength\":", 4);
    w.text(",\"Comment\":", 5);
    w.flag(",\"IsBillable\":", 6);
    w.instant(",\"CreatedTimestamp\":", 7);
    w.instant(",\"EditedTimestamp\":", 8);
    w.person(",\"User\":", 9, 10);
    if w.open(",\"WorkItem\":", 12) {
        w.int("\"WorkItemId\":", 12);
        w.text(",\"Title\":", 13);
        w.text(",\"WorkItemType\":", 14);
        w.text(",\"State\":", 15);
        w.text(",\"Reason\":", 16);
        w.int(",\"Priority\":", 17);
        w.double(",\"StoryPoints\":", 18);
        w.double(",\"OriginalEstimate\":", 19);
        w.int(",\"ParentWorkItemId\":", 20);
        w.instant(",\"CreatedDate\":", 21);
        w.instant(",\"ChangedDate\":", 22);
        w.flag(",\"HasChildren\":", 23);
        w.out.push(b'}');
    }
    w.out.push(b'}');
}

fn group(row: &impl Row, out: &mut Vec<u8>) {
    let mut w = Writer { row, out };
    w.guid("{\"UserId\":", 0);
    w.int(",\"WorkedOn\":{\"YearMonth\":", 1);
    w.int("},\"Seconds@odata.type\":\"#Int64\",\"Seconds\":", 2);
    w.out.push(b'}');
}

fn total(row: &impl Row, out: &mut Vec<u8>) {
    let mut w = Writer { row, out };
    w.int("{\"WorkItemId\":", 0);
    w.int(",\"TrackedTotal\":", 1);
    w.out.push(b'}');
}

struct Writer<'a, R> {
    row: &'a R,
    out: &'a mut Vec<u8>,
}

impl<R: Row> Writer<'_, R> {
    fn literal(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Writes the name; null and false where the column is null.
    fn there(&mut self, name: &str, n: usize) -> bool {
        self.literal(name);
        let null = self.row.is_null(n);
        if null {
            self.literal("null");
        }
        !null
    }

    fn open(&mut self, name: &str, n: usize) -> bool {
        let there = self.there(name, n);
        if there {
            self.out.push(b'{');
        }
        there
    }

    fn int(&mut self, name: &str, n: usize) {
        if self.there(name, n) {
            integer(self.row.int(n), self.out);
        }
    }

    fn double(&mut self, name: &str, n: usize) {
        if self.there(name, n) {
            let mut buffer = ryu::Buffer::new();
            let text = buffer.format(self.row.double(n));
            self.out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
        }
    }

    fn flag(&mut self, name: &str, n: usize) {
        if self.there(name, n) {
            self.literal(if self.row.flag(n) { "true" } else { "false" });
        }
    }

    fn text(&mut self, name: &str, n: usize) {
        if self.there(name, n) {
            string(self.row.text(n), self.out);
        }
    }

    fn guid(&mut self, name: &str, n: usize) {
        if self.there(name, n) {
            let mut buffer = uuid::Uuid::encode_buffer();
            self.out.push(b'"');
            let text = uuid::Uuid::from_bytes(self.row.guid(n)).hyphenated().encode_lower(&mut buffer);
            self.out.extend_from_slice(text.as_bytes());
            self.out.push(b'"');
        }
    }

    fn instant(&mut self, name: &str, n: usize) {
        if self.there(name, n) {
            let micros = self.row.instant(n);
            let seconds = micros.div_euclid(1_000_000);
            self.out.push(b'"');
            date(seconds.div_euclid(86_400), self.out);
            let second = seconds.rem_euclid(86_400);
            for (mark, value) in [(b'T', second / 3600), (b':', second / 60 % 60), (b':', second % 60)] {
                self.out.extend_from_slice(&[mark, b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]);
            }
            let fraction = micros.rem_euclid(1_000_000);
            if fraction != 0 {
                self.out.extend_from_slice(format!(".{fraction:06}").trim_end_matches('0').as_bytes());
            }
            self.out.extend_from_slice(b"Z\"");
        }
    }

    fn day(&mut self, name: &str, n: usize) {
        if self.there(name, n) {
            self.out.push(b'"');
            date(self.row.day(n), self.out);
            self.out.push(b'"');
        }
    }

    fn person(&mut self, name: &str, guid: usize, n: usize) {
        if self.open(name, guid) {
            self.guid("\"Id\":", guid);
            self.text(",\"Name\":", n);
            self.text(",\"Email\":", n + 1);
            self.out.push(b'}');
        }
    }
}

fn integer(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    let digit = |n: i64| b'0' + (n % 10) as u8;
    out.extend_from_slice(&[digit(year / 1000), digit(year / 100), digit(year / 10), digit(year), b'-']);
    out.extend_from_slice(&[digit(month / 10), digit(month), b'-', digit(day / 10), digit(day)]);
}

/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
pub fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + days.div_euclid(146_097) * 400 + i64::from(month <= 2), month, day)
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (n, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..n]);
        from = n + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}
