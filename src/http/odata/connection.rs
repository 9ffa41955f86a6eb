//! Files that open a feed in Power BI (`.pbids`) and in Excel (`.odc`) by one click (OD-109).
//!
//! They hold the public address alone: the program asks who is asking. In: an address. Out: the file's text.

use serde_json::json;

/// A Power BI data source file.
pub fn power_bi(address: &str) -> String {
    let details = json!({ "protocol": "odata", "address": { "url": address } });
    json!({ "version": "0.1", "connections": [{ "details": details, "options": {}, "mode": "Import" }] }).to_string()
}

/// An Office data connection: a query of Power Query's, and the table that it fills.
pub fn excel(name: &str, address: &str) -> String {
    let formula = format!("let Source = OData.Feed({}, null, [Implementation=\"2.0\"]) in Source", quoted(address));
    let mashup = format!(
        "<Mashup xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns=\"http://schemas.microsoft.com/DataMashup\"><Client>EXCEL</Client><Version>2.100.0.0</Version>\
         <MinVersion>2.21.0.0</MinVersion><Culture>en-US</Culture><SafeCombine>true</SafeCombine><Items><Query Name=\"{}\">\
         <Formula>{}</Formula><IsParameterQuery xsi:nil=\"true\" /><IsDirectQuery xsi:nil=\"true\" /></Query></Items></Mashup>",
        escaped(name),
        escaped(&formula),
    );
    let (name, mashup) = (escaped(name), escaped(&mashup));
    format!(
        "<html xmlns:o=\"urn:schemas-microsoft-com:office:office\" xmlns=\"http://www.w3.org/TR/REC-html40\">\r\n<head>\r\n\
         <meta http-equiv=\"Content-Type\" content=\"text/x-ms-odc; charset=utf-8\"/>\r\n\
         <meta name=\"ProgId\" content=\"ODC.Database\"/>\r\n<meta name=\"SourceType\" content=\"OLEDB\"/>\r\n\
         <title>{name}</title>\r\n\
         <xml id=\"docprops\"><o:DocumentProperties><o:Name>{name}</o:Name></o:DocumentProperties></xml>\r\n\
         <xml id=\"msodc\"><odc:OfficeDataConnection xmlns:odc=\"urn:schemas-microsoft-com:office:odc\">\r\n\
         <odc:PowerQueryConnection odc:Type=\"OLEDB\">\r\n\
         <odc:ConnectionString>Provider=Microsoft.Mashup.OleDb.1;Data Source=$Workbook$;Location={name};\
         Extended Properties=&quot;&quot;</odc:ConnectionString>\r\n\
         <odc:CommandType>SQL</odc:CommandType>\r\n<odc:CommandText>SELECT * FROM [{name}]</odc:CommandText>\r\n\
         </odc:PowerQueryConnection>\r\n<odc:PowerQueryMashupData>{mashup}</odc:PowerQueryMashupData>\r\n\
         </odc:OfficeDataConnection></xml>\r\n</head>\r\n<body></body>\r\n</html>\r\n"
    )
}

/// A text of the language M: `"` is doubled, and `#(` begins an escape.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace("#(", "#(#)(").replace('"', "\"\""))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a program reads back is the address, whatever is in it.
    #[test]
    fn addresses_come_out_as_they_went_in() {
        let address = "https://host/a\"b<c>&d#(e)/Worklogs";
        let read: serde_json::Value = serde_json::from_str(&power_bi(address)).unwrap();
        assert_eq!(read["connections"][0]["details"]["address"]["url"], address);
        let file = excel("Worklogs", address);
        let inside =
            file.split("<odc:PowerQueryMashupData>").nth(1).and_then(|rest| rest.split("</odc:").next()).unwrap();
        let mashup = quick_xml::escape::unescape(inside).unwrap().into_owned();
        let formula = mashup.split("<Formula>").nth(1).and_then(|rest| rest.split("</Formula>").next()).unwrap();
        let formula = quick_xml::escape::unescape(formula).unwrap().into_owned();
        let expected = "let Source = OData.Feed(\"https://host/a\"\"b<c>&d#(#)(e)/Worklogs\", null, [Implementation=\"2.0\"]) in Source";
        assert_eq!(formula, expected);
    }
}
