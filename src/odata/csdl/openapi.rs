//! The service as OpenAPI 3.1 (OD-108): what can be asked of each set, and the types that come back.
//!
//! Derived from the same model as `$metadata`; an option stands here only where the set has it.

use super::facets;
use super::object::{Json, Object};
use crate::odata::edm::{Edm, EnumType, Model, Nav, Prop, Set, Structured};

/// The whole document; `root` is the service's address with its slash.
pub fn write(model: &Model, root: &str) -> String {
    let info = Object::new()
        .with("title", format!("{} reporting", model.schema.namespace))
        .with("version", model.schema_version())
        .with("description", "What OData can ask of it beyond this document is in $metadata.");
    let security = vec![Object::new().with("basic", NONE), Object::new().with("bearer", NONE)];
    let tags: Vec<Object> = model.sets().map(|set| described(Object::new().with("name", set.name), set.doc)).collect();
    Object::new()
        .with("openapi", "3.1.1")
        .with("info", info)
        .with("servers", vec![Object::new().with("url", root.trim_end_matches('/'))])
        .with("security", security)
        .with("tags", tags)
        .with("paths", paths(model))
        .with("components", components(model))
        .to_text()
}

const NONE: Json = Json::List(Vec::new());

fn described(mut object: Object, doc: &str) -> Object {
    if !doc.is_empty() {
        object.push("description", doc);
    }
    object
}

fn reference(to: &str) -> Object {
    Object::new().with("$ref", format!("#/components/{to}"))
}

fn of_type(name: &str) -> Object {
    Object::new().with("type", name)
}

fn paths(model: &Model) -> Object {
    let document = |summary: &str, media: &str| {
        let content = Object::new().with(media, Object::new());
        get(summary, None, Vec::new(), content)
    };
    let mut paths = Object::new()
        .with("/", document("The sets", "application/json"))
        .with("/$metadata", document("The model", "application/xml"));
    for set in model.sets() {
        let path = format!("/{}", set.name);
        let entity = format!("{path}({})", key_template(model, set));
        paths.push(path.clone(), get_set(model, set));
        paths.push(format!("{path}/$count"), count(set, &path));
        paths.push(format!("{path}/$query"), query(model, set));
        paths.push(entity.clone(), get_entity(model, set));
        for nav in model.navs(Structured::Entity(set.entity)) {
            paths.push(format!("{entity}/{}", nav.name), get_related(model, set, nav));
        }
    }
    paths
}

/// `{Id}`, or `'{Name}'` of a text, or several by their names.
fn key_template(model: &Model, set: &Set) -> String {
    let key: Vec<&Prop> = model.key(set.entity).collect();
    let value = |prop: &Prop| match prop.ty {
        Edm::String => format!("'{{{}}}'", prop.name),
        _ => format!("{{{}}}", prop.name),
    };
    match key.as_slice() {
        [only] => value(only),
        several => several.iter().map(|prop| format!("{}={}", prop.name, value(prop))).collect::<Vec<_>>().join(","),
    }
}

/// One way to ask, by GET.
fn get(summary: &str, set: Option<&Set>, parameters: Vec<Object>, content: Object) -> Object {
    Object::new().with("get", asked(summary, set, parameters, content))
}

fn asked(summary: &str, set: Option<&Set>, parameters: Vec<Object>, content: Object) -> Object {
    let mut operation = Object::new().with("summary", summary);
    if let Some(set) = set {
        operation.push("tags", vec![set.name]);
    }
    if !parameters.is_empty() {
        operation.push("parameters", parameters);
    }
    let good = Object::new().with("description", "What was asked for").with("content", content);
    operation.with("responses", Object::new().with("200", good).with("default", reference("responses/error")))
}

fn get_set(model: &Model, set: &Set) -> Object {
    get("A page of the set", Some(set), options(model, set, true), collection(model, set.entity.name))
}

fn count(set: &Set, path: &str) -> Object {
    let filter = option("$filter", "Which are counted", of_type("string"));
    let content = Object::new().with("text/plain", Object::new().with("schema", of_type("integer")));
    get(&format!("How many there are of {path}"), Some(set), vec![filter], content)
}

/// The same by POST, for options that no address can hold.
fn query(model: &Model, set: &Set) -> Object {
    let summary = "A page of the set, its options in the body as in an address";
    let text = Object::new().with("text/plain", Object::new().with("schema", of_type("string")));
    let body = Object::new().with("required", true).with("content", text);
    let content = collection(model, set.entity.name);
    Object::new().with("post", asked(summary, Some(set), Vec::new(), content).with("requestBody", body))
}

fn get_entity(model: &Model, set: &Set) -> Object {
    let mut parameters = keys(model, set);
    parameters.extend(options(model, set, false));
    let schema = schema_of(model, set.entity.name);
    get("One of the set", Some(set), parameters, Object::new().with("application/json", schema))
}

fn get_related(model: &Model, set: &Set, nav: &Nav) -> Object {
    let content = match nav.many {
        true => collection(model, nav.target.name),
        false => Object::new().with("application/json", schema_of(model, nav.target.name)),
    };
    let summary = if nav.doc.is_empty() { nav.name } else { nav.doc };
    get(summary, Some(set), keys(model, set), content)
}

fn keys(model: &Model, set: &Set) -> Vec<Object> {
    let parameter = |prop: &Prop| {
        let parameter = Object::new().with("name", prop.name).with("in", "path").with("required", true);
        described(parameter, prop.doc).with("schema", primitive(model, prop.ty))
    };
    model.key(set.entity).map(parameter).collect()
}

/// The system options, and those of the schema's own.
fn options(model: &Model, set: &Set, many: bool) -> Vec<Object> {
    let text = || of_type("string");
    let number = || of_type("integer").with("minimum", 0);
    let mut found = vec![option("$select", "Properties to read, with commas between", text())];
    if model.navs(Structured::Entity(set.entity)).next().is_some() {
        found.push(option("$expand", "Related entities to read as well", text()));
    }
    if !many {
        return found;
    }
    found.extend([
        option("$filter", "A condition on the rows", text()),
        option("$orderby", "An order, with commas between", text()),
        option("$top", "At most so many rows", number()),
        option("$skip", "Without so many at the beginning", number()),
        option("$count", "Whether to say how many there are", of_type("boolean")),
        option("$compute", "Values to compute, each with its name", text()),
        option("$apply", "Groups and sums", text()),
        option("$format", "json, xlsx, csv or ndjson", text()),
    ]);
    if model.searched(set.entity).next().is_some() {
        found.push(option("$search", "Words and phrases to find", text()));
    }
    let own = model.schema.parameters.iter();
    found.extend(own.map(|known| option(known.name, "An option of this service", text())));
    found
}

fn option(name: &str, doc: &str, schema: Object) -> Object {
    Object::new().with("name", name).with("in", "query").with("description", doc).with("schema", schema)
}

fn schema_of(model: &Model, name: &str) -> Object {
    Object::new().with("schema", reference(&format!("schemas/{}", model.qualified(name))))
}

fn collection(model: &Model, name: &str) -> Object {
    let rows = of_type("array").with("items", reference(&format!("schemas/{}", model.qualified(name))));
    let members = Object::new()
        .with("@odata.context", of_type("string"))
        .with("@odata.count", of_type("integer"))
        .with("value", rows)
        .with("@odata.nextLink", of_type("string"));
    let page = Object::new().with("schema", of_type("object").with("properties", members));
    let file = Object::new;
    Object::new()
        .with("application/json", page)
        .with("text/csv", file())
        .with("application/x-ndjson", file())
        .with("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", file())
}

fn components(model: &Model) -> Object {
    let types = model.types();
    let mut schemas = Object::new();
    for entity in &types.entities {
        schemas.push(model.qualified(entity.name), structured(model, Structured::Entity(entity), entity.doc));
    }
    for complex in &types.complexes {
        schemas.push(model.qualified(complex.name), structured(model, Structured::Complex(complex), ""));
    }
    for ty in &types.enums {
        schemas.push(model.type_name(Edm::Enum(ty)), enumeration(ty));
    }
    let told = Object::new().with("code", of_type("string")).with("message", of_type("string"));
    let error = of_type("object").with("properties", told);
    let envelope = of_type("object").with("properties", Object::new().with("error", error));
    let content = Object::new().with("application/json", Object::new().with("schema", envelope));
    let error = Object::new().with("description", "What is wrong, and where").with("content", content);
    let scheme = |name: &str| Object::new().with("type", "http").with("scheme", name);
    let basic = scheme("basic").with("description", "Any user name, an API token as password");
    Object::new()
        .with("schemas", schemas)
        .with("responses", Object::new().with("error", error))
        .with("securitySchemes", Object::new().with("basic", basic).with("bearer", scheme("bearer")))
}

fn structured(model: &Model, of: Structured, doc: &str) -> Object {
    let mut properties = Object::new();
    for prop in model.props(of) {
        properties.push(prop.name, described(property(model, prop), prop.doc));
    }
    for complex in model.complexes(of) {
        let ty = reference(&format!("schemas/{}", model.qualified(complex.ty.name)));
        properties.push(complex.name, described(or_null(ty, complex.nullable), complex.doc));
    }
    for nav in model.navs(of) {
        let target = reference(&format!("schemas/{}", model.qualified(nav.target.name)));
        let ty = if nav.many { of_type("array").with("items", target) } else { or_null(target, nav.nullable) };
        properties.push(nav.name, described(ty, nav.doc));
    }
    described(of_type("object"), doc).with("properties", properties)
}

fn property(model: &Model, prop: &Prop) -> Object {
    let mut schema = primitive(model, prop.ty);
    for (facet, value) in facets::facets(model, prop) {
        if facet == "MaxLength" {
            schema.push("maxLength", value);
        }
    }
    or_null(schema, prop.nullable)
}

fn or_null(schema: Object, nullable: bool) -> Object {
    if nullable { Object::new().with("anyOf", vec![schema, of_type("null")]) } else { schema }
}

fn enumeration(ty: &EnumType) -> Object {
    of_type("string").with("enum", ty.members.iter().map(|(name, _)| *name).collect::<Vec<_>>())
}

/// As JSON writes the type (OD-74).
fn primitive(model: &Model, ty: Edm) -> Object {
    let (name, format) = match ty {
        Edm::Enum(_) => return reference(&format!("schemas/{}", model.type_name(ty))),
        Edm::Untyped => return Object::new(),
        Edm::Boolean => return of_type("boolean"),
        Edm::String => return of_type("string"),
        Edm::Double => {
            let beyond = Object::new().with("enum", vec!["INF", "-INF", "NaN"]);
            return Object::new().with("anyOf", vec![of_type("number").with("format", "double"), beyond]);
        }
        Edm::Int32 => ("integer", "int32"),
        Edm::Int64 => ("integer", "int64"),
        Edm::Decimal { .. } => ("number", "decimal"),
        Edm::Guid => ("string", "uuid"),
        Edm::Date => ("string", "date"),
        Edm::TimeOfDay => ("string", "time"),
        Edm::DateTimeOffset => ("string", "date-time"),
        Edm::Duration => ("string", "duration"),
    };
    of_type(name).with("format", format)
}
