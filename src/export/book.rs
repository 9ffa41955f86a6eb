//! A workbook (ECMA-376) as a stream: cells in, bytes out, nothing kept but the sheet at hand's counters.
//!
//! rust_xlsxwriter makes the files of OData and of imports. It keeps something of each cell of a table and of each row of
//! an outline, which an export has as many of as there are logs; here rows leave as they come, and the first bytes before
//! the last row is read. Texts stand in their cells, so that no table of them grows.

use std::io::{self, Write};

use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

/// Rows that a sheet holds.
pub const SHEET_ROWS: u32 = 1_048_576;
/// Deflate's level: 1 takes less than half the time of the default 6, and a quarter more bytes.
const LEVEL: i64 = 1;
/// From so many cells on a sheet's entry is ZIP64, as it may pass 4 GiB: a cell has 32,767 characters at most, a usual one
/// 60 bytes.
const LARGE: u64 = 10_000_000;

/// How a cell's number is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    #[default]
    General,
    Whole,
    Hundredths,
    Day,
    Moment,
    /// Hours and minutes of a fraction of days.
    Span,
}

impl Look {
    const ALL: [Look; 6] = [Look::General, Look::Whole, Look::Hundredths, Look::Day, Look::Moment, Look::Span];

    fn code(self) -> &'static str {
        match self {
            Look::General => "General",
            Look::Whole => "0",
            Look::Hundredths => "0.00",
            Look::Day => "yyyy\\-mm\\-dd",
            Look::Moment => "yyyy\\-mm\\-dd\\ hh:mm",
            Look::Span => "[h]:mm",
        }
    }
}

/// What stands in a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    Empty,
    Number(f64),
    Bool(bool),
    /// Never a formula, whatever it begins with.
    Text(&'a str),
    /// A formula of ours with its value as of now.
    Formula(&'a str, f64),
}

/// A sheet before its rows.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    pub name: &'static str,
    /// The width of each column, in characters.
    pub widths: Vec<f64>,
    /// Its first row stays where it is.
    pub has_header: bool,
    /// Depth of the outline, at most 7.
    pub levels: u8,
    /// No fewer cells than it will have.
    pub cells: u64,
}

/// What is laid over the rows of a sheet, from its first row to the last.
#[derive(Clone, Copy, Debug)]
pub enum Over<'a> {
    Nothing,
    /// Buttons to filter by, down to this row, from 1.
    Filter(u32),
    /// An Excel table with these headers, which are those of the first row.
    Table(&'a [String]),
}

/// The workbook.
pub struct Book<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
    sheets: Vec<Written>,
    tables: usize,
    row: u32,
    columns: usize,
    text: Vec<u8>,
}

struct Written {
    name: &'static str,
    /// What its filter spans.
    filter: Option<String>,
    table: Option<usize>,
}

impl<W: Write> Book<W> {
    pub fn new(out: W) -> Book<W> {
        Book { zip: ZipWriter::new_stream(out), sheets: Vec::new(), tables: 0, row: 0, columns: 0, text: Vec::new() }
    }

    /// Begins a sheet, after the end of the one before.
    pub fn begin(&mut self, layout: &Layout) -> io::Result<()> {
        let number = self.sheets.len() + 1;
        self.start(&format!("xl/worksheets/sheet{number}.xml"), layout.cells > LARGE)?;
        self.sheets.push(Written { name: layout.name, filter: None, table: None });
        (self.row, self.columns) = (0, layout.widths.len());
        let out = &mut self.text;
        out.extend_from_slice(DECLARATION.as_bytes());
        write!(out, "<worksheet xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\">")?;
        out.extend_from_slice(b"<sheetViews><sheetView workbookViewId=\"0\"");
        out.extend_from_slice(if number == 1 { b" tabSelected=\"1\">" } else { b">" });
        if layout.has_header {
            out.extend_from_slice(
                b"<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>\
                  <selection pane=\"bottomLeft\"/>",
            );
        }
        out.extend_from_slice(b"</sheetView></sheetViews><sheetFormatPr defaultRowHeight=\"15\"");
        if layout.levels > 0 {
            write!(out, " outlineLevelRow=\"{}\"", layout.levels)?;
        }
        out.extend_from_slice(b"/><cols>");
        for (n, width) in (1..).zip(&layout.widths) {
            write!(out, "<col min=\"{n}\" max=\"{n}\" width=\"{width}\" customWidth=\"1\"/>")?;
        }
        out.extend_from_slice(b"</cols><sheetData>");
        self.flush()
    }

    /// Begins the next row, at a level of the outline.
    pub fn begin_row(&mut self, level: u8) -> io::Result<Row<'_, W>> {
        self.row += 1;
        write!(self.text, "<row r=\"{}\"", self.row)?;
        if level > 0 {
            write!(self.text, " outlineLevel=\"{level}\"")?;
        }
        self.text.push(b'>');
        Ok(Row { book: self, column: 0, is_bold: false })
    }

    /// Writes the next row, at a level of the outline.
    pub fn row<'c>(
        &mut self,
        level: u8,
        is_bold: bool,
        cells: impl Iterator<Item = (Look, Cell<'c>)>,
    ) -> io::Result<()> {
        let mut row = Row { is_bold, ..self.begin_row(level)? };
        for (look, cell) in cells {
            row.cell(look, cell)?;
        }
        row.end()
    }

    /// The number of the row that was written last, from 1; 0 before the first.
    pub fn last_row(&self) -> u32 {
        self.row
    }

    /// Ends the sheet at hand.
    pub fn end(&mut self, over: Over<'_>) -> io::Result<()> {
        let Some(sheet) = self.sheets.last_mut() else { return Ok(()) };
        let out = &mut self.text;
        out.extend_from_slice(b"</sheetData>");
        let span = |rows: u32| format!("A1:{}{}", column(self.columns.saturating_sub(1)), rows.max(1));
        let mut table = None;
        match over {
            Over::Nothing => {}
            Over::Filter(last) => {
                write!(out, "<autoFilter ref=\"{}\"/>", span(last))?;
                sheet.filter = Some(format!("$A$1:${}${}", column(self.columns.saturating_sub(1)), last.max(1)));
            }
            Over::Table(headers) => {
                self.tables += 1;
                sheet.table = Some(self.tables);
                out.extend_from_slice(b"<tableParts count=\"1\"><tablePart r:id=\"rId1\"/></tableParts>");
                // A table has a row below its header, if an empty one.
                table = Some((span(self.row.max(2)), headers));
            }
        }
        out.extend_from_slice(b"</worksheet>");
        self.flush()?;
        if let Some((span, headers)) = table {
            self.table(&span, headers)?;
        }
        Ok(())
    }

    fn table(&mut self, span: &str, headers: &[String]) -> io::Result<()> {
        let (number, sheet) = (self.tables, self.sheets.len());
        let mut text = DECLARATION.as_bytes().to_vec();
        write!(
            text,
            "<table xmlns=\"{MAIN}\" id=\"{number}\" name=\"Table{number}\" displayName=\"Table{number}\" ref=\"{span}\" \
             totalsRowShown=\"0\"><autoFilter ref=\"{span}\"/><tableColumns count=\"{}\">",
            headers.len()
        )?;
        for (n, header) in (1..).zip(headers) {
            write!(text, "<tableColumn id=\"{n}\" name=\"")?;
            push_text(header, &mut text);
            text.extend_from_slice(b"\"/>");
        }
        text.extend_from_slice(
            b"</tableColumns><tableStyleInfo name=\"TableStyleMedium2\" showFirstColumn=\"0\" showLastColumn=\"0\" \
              showRowStripes=\"1\" showColumnStripes=\"0\"/></table>",
        );
        self.part(&format!("xl/tables/table{number}.xml"), &text)?;
        let relations = format!(
            "{DECLARATION}<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"rId1\" Type=\"{RELATIONS}/table\" \
             Target=\"../tables/table{number}.xml\"/></Relationships>"
        );
        self.part(&format!("xl/worksheets/_rels/sheet{sheet}.xml.rels"), relations.as_bytes())
    }

    /// Writes what stands around the sheets, and ends the file.
    pub fn finish(mut self) -> io::Result<()> {
        let (mut sheets, mut names, mut relations, mut types) =
            (String::new(), String::new(), String::new(), String::new());
        for (n, sheet) in self.sheets.iter().enumerate() {
            let (id, name) = (n + 1, sheet.name);
            sheets.push_str(&format!("<sheet name=\"{name}\" sheetId=\"{id}\" r:id=\"rId{id}\"/>"));
            if let Some(filter) = &sheet.filter {
                names.push_str(&format!(
                    "<definedName name=\"_xlnm._FilterDatabase\" localSheetId=\"{n}\" hidden=\"1\">'{name}'!{filter}\
                     </definedName>"
                ));
            }
            relations.push_str(&format!(
                "<Relationship Id=\"rId{id}\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet{id}.xml\"/>"
            ));
            types.push_str(&format!(
                "<Override PartName=\"/xl/worksheets/sheet{id}.xml\" ContentType=\"{SPREADSHEET}.worksheet+xml\"/>"
            ));
            if let Some(table) = sheet.table {
                types.push_str(&format!(
                    "<Override PartName=\"/xl/tables/table{table}.xml\" ContentType=\"{SPREADSHEET}.table+xml\"/>"
                ));
            }
        }
        if !names.is_empty() {
            names = format!("<definedNames>{names}</definedNames>");
        }
        let styles_id = self.sheets.len() + 1;
        let parts = [
            (
                "xl/workbook.xml",
                format!(
                    "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><bookViews><workbookView/></bookViews><sheets>\
                     {sheets}</sheets>{names}<calcPr fullCalcOnLoad=\"1\"/></workbook>"
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    "<Relationships xmlns=\"{PACKAGE}\">{relations}<Relationship Id=\"rId{styles_id}\" \
                     Type=\"{RELATIONS}/styles\" Target=\"styles.xml\"/></Relationships>"
                ),
            ),
            ("xl/styles.xml", styles()),
            (
                "_rels/.rels",
                format!(
                    "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"rId1\" Type=\"{RELATIONS}/officeDocument\" \
                     Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
            (
                "[Content_Types].xml",
                format!(
                    "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default \
                     Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
                     <Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" \
                     ContentType=\"{SPREADSHEET}.sheet.main+xml\"/><Override PartName=\"/xl/styles.xml\" \
                     ContentType=\"{SPREADSHEET}.styles+xml\"/>{types}</Types>"
                ),
            ),
        ];
        for (name, text) in parts {
            self.part(name, format!("{DECLARATION}{text}").as_bytes())?;
        }
        self.zip.finish()?;
        Ok(())
    }

    fn start(&mut self, name: &str, is_large: bool) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            .large_file(is_large);
        Ok(self.zip.start_file(name, options)?)
    }

    fn part(&mut self, name: &str, text: &[u8]) -> io::Result<()> {
        self.start(name, false)?;
        self.zip.write_all(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.zip.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }
}

/// A row that is being written.
pub struct Row<'b, W: Write> {
    book: &'b mut Book<W>,
    column: usize,
    is_bold: bool,
}

impl<W: Write> Row<'_, W> {
    /// Writes the next cell.
    pub fn cell(&mut self, look: Look, cell: Cell<'_>) -> io::Result<()> {
        let (n, row, out) = (self.column, self.book.row, &mut self.book.text);
        self.column += 1;
        if cell == Cell::Empty {
            return Ok(());
        }
        out.extend_from_slice(b"<c r=\"");
        push_column(n, out);
        write!(out, "{row}\"")?;
        match style(look, self.is_bold) {
            0 => {}
            style => write!(out, " s=\"{style}\"")?,
        }
        match cell {
            Cell::Empty => {}
            Cell::Number(number) => write!(out, "><v>{number}</v></c>")?,
            Cell::Bool(value) => write!(out, " t=\"b\"><v>{}</v></c>", u8::from(value))?,
            Cell::Text(text) => {
                out.extend_from_slice(b" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
                push_text(text, out);
                out.extend_from_slice(b"</t></is></c>");
            }
            Cell::Formula(formula, value) => {
                out.extend_from_slice(b"><f>");
                push_text(formula, out);
                write!(out, "</f><v>{value}</v></c>")?;
            }
        }
        Ok(())
    }

    pub fn end(self) -> io::Result<()> {
        self.book.text.extend_from_slice(b"</row>");
        if self.book.text.len() < HELD { Ok(()) } else { self.book.flush() }
    }
}

/// Bytes that are compressed at once.
const HELD: usize = 16 * 1024;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const SPREADSHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/// Number of a look among the cell formats.
fn style(look: Look, is_bold: bool) -> usize {
    let at = Look::ALL.iter().position(|other| *other == look).unwrap_or_default();
    2 * at + usize::from(is_bold)
}

fn styles() -> String {
    /// The first number that is not Excel's own.
    const OWN: usize = 164;
    let (mut formats, mut cells) = (String::new(), String::new());
    for (n, look) in Look::ALL.into_iter().enumerate() {
        let id = if look == Look::General { 0 } else { OWN + n };
        formats.push_str(&format!("<numFmt numFmtId=\"{}\" formatCode=\"{}\"/>", OWN + n, look.code()));
        for font in 0..=1 {
            cells.push_str(&format!(
                "<xf numFmtId=\"{id}\" fontId=\"{font}\" fillId=\"0\" borderId=\"0\" xfId=\"0\" \
                 applyNumberFormat=\"1\" applyFont=\"1\"/>"
            ));
        }
    }
    let font = |bold: &str| format!("<font>{bold}<sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font>");
    format!(
        "<styleSheet xmlns=\"{MAIN}\"><numFmts count=\"{}\">{formats}</numFmts><fonts count=\"2\">{}{}</fonts><fills \
         count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill>\
         </fills><borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs \
         count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs><cellXfs \
         count=\"{}\">{cells}</cellXfs><cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/>\
         </cellStyles></styleSheet>",
        Look::ALL.len(),
        font(""),
        font("<b/>"),
        2 * Look::ALL.len()
    )
}

/// The letters of a column, from 0.
pub fn column(n: usize) -> String {
    let mut letters = Vec::new();
    push_column(n, &mut letters);
    String::from_utf8_lossy(&letters).into_owned()
}

fn push_column(n: usize, out: &mut Vec<u8>) {
    if n >= 26 {
        push_column(n / 26 - 1, out);
    }
    out.push(b'A' + u8::try_from(n % 26).unwrap_or_default());
}

/// A text as XML. What XML has no way to write stands as `_x0001_` (ECMA-376 part 1, §22.9.2.19), and what looks like that
/// is kept from being read so.
fn push_text(text: &str, out: &mut Vec<u8>) {
    for (at, letter) in text.char_indices() {
        match letter {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            '\t' | '\n' => out.push(letter as u8),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                out.extend_from_slice(format!("_x{:04X}_", letter as u32).as_bytes());
            }
            '_' if is_escape(&text.as_bytes()[at..]) => out.extend_from_slice(b"_x005F_"),
            _ => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn is_escape(text: &[u8]) -> bool {
    matches!(text, [b'_', b'x', digits @ .., ] if digits.len() >= 5
        && digits[..4].iter().all(u8::is_ascii_hexdigit) && digits[4] == b'_')
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};

    use super::*;

    #[test]
    fn columns_have_letters() {
        for (n, letters) in [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(column(n), letters);
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut file = Vec::new();
        let mut book = Book::new(&mut file);
        let widths = vec![10.0; 5];
        book.begin(&Layout { name: "One", widths, has_header: true, levels: 1, cells: 10 }).unwrap();
        let texts = [" <a> & \"b\" ", "=1+1", "a\u{1}b\rc\nd", "_x0041_ _x_ _xZZZZ_", "Größe 🕑"];
        book.row(0, true, texts.iter().map(|text| (Look::General, Cell::Text(text)))).unwrap();
        let cells = [
            Cell::Number(1.5),
            Cell::Empty,
            Cell::Bool(true),
            Cell::Formula("SUBTOTAL(9,A2:A2)", 0.1),
            Cell::Number(-0.0),
        ];
        book.row(1, false, cells.into_iter().map(|cell| (Look::Whole, cell))).unwrap();
        assert_eq!(book.last_row(), 2);
        book.end(Over::Filter(2)).unwrap();
        book.begin(&Layout { name: "Two", widths: vec![8.0], ..Layout::default() }).unwrap();
        book.end(Over::Table(&["A & B".to_owned()])).unwrap();
        book.finish().unwrap();
        let mut read: Xlsx<_> = open_workbook_from_rs(Cursor::new(&file)).expect("a workbook");
        assert_eq!(read.sheet_names(), ["One", "Two"]);
        let range = read.worksheet_range("One").expect("the sheet");
        let rows: Vec<Vec<Data>> = range.rows().map(<[Data]>::to_vec).collect();
        let text = |text: &str| Data::String(text.to_owned());
        // calamine leaves escapes of control characters as they are.
        assert_eq!((&rows[0][0], &rows[0][1], &rows[0][4]), (&text(texts[0]), &text(texts[1]), &text(texts[4])));
        assert_eq!((&rows[1][0], &rows[1][1]), (&Data::Float(1.5), &Data::Empty));
        assert_eq!((&rows[1][2], &rows[1][3]), (&Data::Bool(true), &Data::Float(0.1)));
    }
}
