//! Cases of the standard on which we differ, by reason.

const KINDS: &str = "says which kind of property or operation a name is: only the model knows, so `bind` refuses it";
const LENIENT: &str = "refuses what does no harm: blanks around a value mean nothing to us";
const SPLIT: &str = "what stands behind `&` is an option of its own, and one without `$` is a custom option (OD-10)";
const DECODED: &str = "tells an encoded character from a plain one, but decoding comes first (OD-15)";
const TWICE: &str = "has the same option more than once, which OD-11 refuses";
const BY_NAME: &str = "is about the parameters of a transformation that we read by name only and answer with 501";

pub const CORE: &[(&str, &[&str])] = &[
    (
        KINDS,
        &[
            "$entity?$id=http://myservice/Customers('ALFKI')&$select=CompanyName,ContactName&$expand=Orders",
            "Model.Rejection",
            "Categories/TheBestProduct()",
            "Categories(1)/Address/$value",
            "Categories(1)/Thumbnail/$value",
            "Products(1)/Model.BestSellingProduct/Model.BestSellingProduct",
            "Model.Available",
        ],
    ),
    (LENIENT, &["$filter= true"]),
    (SPLIT, &["$search=more&more", "$skiptoken=Not&this"]),
    (DECODED, &["$search=#1", "$search=a;b", "$expand=Manager($search=a%3Bb)"]),
    (
        TWICE,
        &[
            "$format=json&$Format=atom&$format=xml&$format=text/html",
            "$format=JSON&$format=Atom&$format=XML&$format=text/html",
        ],
    ),
];

pub const AGGREGATION: &[(&str, &[&str])] = &[
    (
        KINDS,
        &[
            "$apply=aggregate(Sales/Amount sub Sales/Cost with sum as TotalAmount)",
            "$apply=aggregate(Amount as Total)",
            "$apply=aggregate(Amount)",
            "$apply=aggregate(Amount from Time with average as DailyAverage)",
            "$apply=groupby((Product/Price/Quantity))",
            "$apply=groupby((Product/Self.DigitalProduct))",
            "$apply=groupby((Sales/Product/Name))",
        ],
    ),
    (
        BY_NAME,
        &[
            "$apply=addnested(Products,addnested(Sales,filter(Amount gt 3) as FilteredSales) as Stuff,addnested(Suppliers,nest(Products)))",
            "$apply=join(ShipTo as Detail,identity)",
            "$apply=ancestors($root/SalesOrganizations,SalesOrgHierarchy,Sales(4711)/ID,identity)",
            "$apply=ancestors($root/SalesOrganizations,SalesOrgHierarchy,ID,filter(contains(Name,'East')), filter(contains(Name,'Central')), 2)",
        ],
    ),
];

/// Rules that no parser of ours reads, and why.
pub const FOREIGN: &[(&str, &[&str])] = &[
    ("context URLs are written here, never read: `od_75_context_urls`", &["context"]),
    (
        "values of payloads: nothing is written by OData here, so none is read",
        &["primitiveValue", "booleanValue", "enumValue"],
    ),
    ("is of answers, or of headers that no reader of this service has", &["header"]),
    ("a preference cannot fail: what is not understood is ignored (OD-114)", &["preference", "prefer"]),
    ("answers have no annotations to choose from (OD-184)", &["includeAnnotationsPreference"]),
    ("`$batch` is not built", &["request-id"]),
    ("a quoted text of JSON within a URL: is of complex literals, which are 501", &["stringInUrl"]),
];
