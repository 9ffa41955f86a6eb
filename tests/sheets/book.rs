//! Workbooks made part by part, so that each part can be wrong by itself.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// The parts of a zip, in their order.
#[derive(Clone)]
pub struct Book {
    parts: Vec<(String, Vec<u8>)>,
}

impl Book {
    /// A workbook of one sheet, whose rows are this XML.
    pub fn of_rows(rows: &str) -> Book {
        Book::of_sheet(&format!(r#"<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>"#))
    }

    pub fn of_sheet(sheet: &str) -> Book {
        let workbook = format!(
            r#"<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets><sheet name="Times" sheetId="1" r:id="rId1"/></sheets></workbook>"#
        );
        let relations = format!(
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#
        );
        let styles = format!(
            r#"<styleSheet xmlns="{MAIN}"><cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="20"/><xf numFmtId="46"/></cellXfs></styleSheet>"#
        );
        let root = format!(
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
        );
        let mut book = Book { parts: Vec::new() };
        for (name, text) in [
            ("[Content_Types].xml", "<Types/>"),
            ("_rels/.rels", &root),
            ("xl/workbook.xml", &workbook),
            ("xl/_rels/workbook.xml.rels", &relations),
            ("xl/styles.xml", &styles),
            ("xl/worksheets/sheet1.xml", sheet),
        ] {
            book = book.with(name, text);
        }
        book
    }

    /// An OpenDocument spreadsheet whose body is this XML.
    pub fn ods(table: &str) -> Book {
        let content = format!(
            r#"<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x"><office:body><office:spreadsheet>{table}</office:spreadsheet></office:body></office:document-content>"#
        );
        Book::of_parts(&[
            ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
            ("META-INF/manifest.xml", "<manifest:manifest/>"),
            ("content.xml", &content),
        ])
    }

    pub fn of_parts(parts: &[(&str, &str)]) -> Book {
        parts.iter().fold(Book { parts: Vec::new() }, |book, (name, text)| book.with(name, text))
    }

    /// With a part more, or another one of that name.
    pub fn with(mut self, name: &str, content: impl AsRef<[u8]>) -> Book {
        let content = content.as_ref().to_vec();
        match self.parts.iter_mut().find(|(part, _)| part == name) {
            Some((_, held)) => *held = content,
            None => self.parts.push((name.to_owned(), content)),
        }
        self
    }

    pub fn without(mut self, name: &str) -> Book {
        self.parts.retain(|(part, _)| part != name);
        self
    }

    pub fn zipped(&self) -> Vec<u8> {
        self.packed(CompressionMethod::Deflated)
    }

    pub fn packed(&self, method: CompressionMethod) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(method);
        for (name, content) in &self.parts {
            zip.start_file(name.as_str(), options).expect("a part");
            zip.write_all(content).expect("its content");
        }
        zip.finish().expect("a zip").into_inner()
    }
}

/// Rows of texts as XML, from row 1.
pub fn texts(rows: &[&[&str]]) -> String {
    let mut xml = String::new();
    for (row, cells) in rows.iter().enumerate() {
        xml.push_str(&format!(r#"<row r="{}">"#, row + 1));
        for (column, text) in cells.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            let name = timeledger::sheets::column_name(u16::try_from(column).expect("few columns"));
            xml.push_str(&format!(r#"<c r="{name}{}" t="inlineStr"><is><t>{text}</t></is></c>"#, row + 1));
        }
        xml.push_str("</row>");
    }
    xml
}

/// The offsets of a zip's directory entries.
fn directory(zip: &[u8]) -> Vec<usize> {
    (0..zip.len() - 4).filter(|at| zip[*at..].starts_with(b"PK\x01\x02")).collect()
}

/// The zip with numbers of a part changed in the directory: its unpacked size, or where it begins.
pub fn lie(mut zip: Vec<u8>, part: &str, size: Option<u32>, begins: Option<u32>) -> Vec<u8> {
    let entry = directory(&zip).into_iter().find(|at| zip[at + 46..].starts_with(part.as_bytes())).expect("the part");
    if let Some(size) = size {
        zip[entry + 24..entry + 28].copy_from_slice(&size.to_le_bytes());
    }
    if let Some(begins) = begins {
        zip[entry + 42..entry + 46].copy_from_slice(&begins.to_le_bytes());
    }
    zip
}

/// Every occurrence of a name replaced by another of the same length.
pub fn renamed(mut zip: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let found: Vec<usize> = (0..zip.len() - from.len()).filter(|at| zip[*at..].starts_with(from.as_bytes())).collect();
    for at in found {
        zip[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    zip
}

/// A compound file (MS-CFB) with one stream.
pub fn compound(stream: &str, content: &[u8]) -> Vec<u8> {
    const SECTOR: usize = 512;
    const FREE: u32 = 0xFFFF_FFFF;
    const END: u32 = 0xFFFF_FFFE;
    const FAT: u32 = 0xFFFF_FFFD;
    // A stream below 4096 bytes would lie in the small sectors.
    let mut content = content.to_vec();
    content.resize(content.len().max(4096).next_multiple_of(SECTOR), 0);
    let sectors = u32::try_from(content.len() / SECTOR).expect("small");
    let mut header = vec![0_u8; SECTOR];
    header[..8].copy_from_slice(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1");
    header[24..34].copy_from_slice(&[0x3E, 0, 3, 0, 0xFE, 0xFF, 9, 0, 6, 0]);
    header[44..48].copy_from_slice(&1_u32.to_le_bytes());
    header[48..52].copy_from_slice(&1_u32.to_le_bytes());
    header[56..60].copy_from_slice(&4096_u32.to_le_bytes());
    header[60..64].copy_from_slice(&END.to_le_bytes());
    header[68..72].copy_from_slice(&END.to_le_bytes());
    header[76..80].copy_from_slice(&0_u32.to_le_bytes());
    for at in 1..109 {
        header[76 + at * 4..80 + at * 4].copy_from_slice(&FREE.to_le_bytes());
    }
    let mut table: Vec<u32> = vec![FAT, END];
    table.extend((0..sectors).map(|n| if n + 1 == sectors { END } else { n + 3 }));
    table.resize(SECTOR / 4, FREE);
    let entry = |name: &str, kind: u8, start: u32, size: u32, child: u32| {
        let mut entry = vec![0_u8; 128];
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        entry[..name.len()].copy_from_slice(&name);
        entry[64..66].copy_from_slice(&u16::try_from(name.len() + 2).expect("short").to_le_bytes());
        entry[66] = kind;
        entry[67] = 1;
        for (at, id) in [(68, FREE), (72, FREE), (76, child)] {
            entry[at..at + 4].copy_from_slice(&id.to_le_bytes());
        }
        entry[116..120].copy_from_slice(&start.to_le_bytes());
        entry[120..124].copy_from_slice(&size.to_le_bytes());
        entry
    };
    let size = u32::try_from(content.len()).expect("small");
    let mut folder = entry("Root Entry", 5, END, 0, 1);
    folder.extend(entry(stream, 2, 2, size, FREE));
    folder.resize(SECTOR, 0);
    let table: Vec<u8> = table.into_iter().flat_map(u32::to_le_bytes).collect();
    [header, table, folder, content].concat()
}

/// Records of a workbook of Excel 97: `(kind, content)`.
pub fn records(records: &[(u16, &[u8])]) -> Vec<u8> {
    let record = |(kind, content): &(u16, &[u8])| {
        let length = u16::try_from(content.len()).expect("short");
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), content].concat()
    };
    records.iter().flat_map(record).collect()
}

/// A workbook of Excel 97 with one sheet: texts, and numbers with a format (0 none, 1 a date, 2 `[h]:mm:ss`).
pub fn excel_97(texts: &[(u16, u16, &str)], numbers: &[(u16, u16, u16, f64)]) -> Vec<u8> {
    let begin = [0, 6, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let format = |number: u16| [&[0, 0][..], &number.to_le_bytes(), &[0; 16]].concat();
    let [plain, date, span] = [0, 14, 46].map(format);
    let head = |sheet_at: u32| {
        let sheet = [&sheet_at.to_le_bytes()[..], &[0, 0, 1, 0], b"S"].concat();
        let parts: [(u16, &[u8]); 6] =
            [(0x0809, &begin), (0x00E0, &plain), (0x00E0, &date), (0x00E0, &span), (0x0085, &sheet), (0x000A, &[])];
        records(&parts)
    };
    let at = |row: u16, column: u16, format: u16| [row, column, format].map(u16::to_le_bytes).concat();
    let mut cells = Vec::new();
    for (row, column, text) in texts {
        let length = u16::try_from(text.len()).expect("short").to_le_bytes();
        cells.push((0x0204, [&at(*row, *column, 0)[..], &length, &[0], text.as_bytes()].concat()));
    }
    for (row, column, format, number) in numbers {
        cells.push((0x0203, [&at(*row, *column, *format)[..], &number.to_le_bytes()].concat()));
    }
    let mut sheet = records(&[(0x0809, &begin)]);
    cells.iter().for_each(|(kind, content)| sheet.extend(records(&[(*kind, content)])));
    sheet.extend(records(&[(0x000A, &[])]));
    let sheet_at = u32::try_from(head(0).len()).expect("short");
    compound("Workbook", &[head(sheet_at), sheet].concat())
}
