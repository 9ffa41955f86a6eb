// Documents of ours against what is published: CSDL XML against the OASIS XSD, CSDL JSON against the OASIS JSON schema,
// each XML document turned into JSON by the OASIS converter against our JSON, annotations against their vocabularies,
// OpenAPI documents against the schema of OpenAPI.
//
// node check.mjs MODULES FOLDER: FOLDER holds NAME.xml beside NAME.json, and *.openapi.json. Prints each fault; ends
// with 1 if there is one.

import { deepStrictEqual } from "node:assert";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, folder] = process.argv.slice(2).map((path) => resolve(path));
const require = createRequire(pathToFileURL(join(modules, "_")));
const schemas = join(modules, "odata-csdl", "schemas");
const { xml2json } = require("odata-csdl");
const { default: Ajv } = require("ajv");
const { validateXML } = await import(pathToFileURL(require.resolve("xmllint-wasm")));
const { Validator } = await import(pathToFileURL(require.resolve("@seriousme/openapi-schema-validator")));

const faults = [];
const names = readdirSync(folder).sort();
const text = (name) => readFileSync(join(folder, name), "utf8");

async function checkXml(name) {
  const schema = (file) => ({ fileName: file, contents: readFileSync(join(schemas, file), "utf8") });
  const { valid, errors } = await validateXML({
    xml: [{ fileName: name, contents: text(name) }],
    schema: [schema("edmx.xsd")],
    preload: [schema("edm.xsd")],
    initialMemoryPages: 256,
    maxMemoryPages: 2048,
  });
  if (!valid) faults.push(...errors.map((error) => `${name}: ${error.rawMessage}`));
}

const ajv = new Ajv({ strict: false, allErrors: true });
const csdl = ajv.compile(JSON.parse(readFileSync(join(schemas, "csdl.schema.json"), "utf8")));

function checkJson(name) {
  const document = JSON.parse(text(name));
  if (!csdl(document)) {
    faults.push(...csdl.errors.slice(0, 20).map((error) => `${name}: ${error.instancePath} ${error.message}`));
  }
  let fromXml;
  try {
    fromXml = xml2json(text(name.replace(/json$/, "xml")));
  } catch (error) {
    faults.push(`${name}: its XML cannot be turned into JSON: ${error.message}`);
    return;
  }
  // Each format refers to the vocabularies in its own.
  const references = Object.entries(fromXml.$Reference ?? {}).map(([uri, of]) => [uri.replace(/xml$/, "json"), of]);
  if (references.length) fromXml.$Reference = Object.fromEntries(references);
  try {
    deepStrictEqual(document, fromXml);
  } catch (difference) {
    faults.push(`${name} differs from its XML: ${difference.message}`);
  }
  checkVocabularies(name, document);
}

const vocabularies = {};
for (const name of ["Core", "Capabilities", "Aggregation"]) {
  const namespace = `Org.OData.${name}.V1`;
  const file = `@sap-ux/odata-vocabularies/dist/resources/${namespace}.js`;
  vocabularies[name] = require(join(modules, file)).default[namespace];
}

const definition = (qualified) => {
  const found = /^Org\.OData\.(\w+)\.V1\.(\w+)$/.exec(qualified);
  return found && vocabularies[found[1]]?.[found[2]];
};

function checkVocabularies(name, document) {
  for (const [namespace, schema] of Object.entries(document)) {
    if (namespace.startsWith("$")) continue;
    annotationsOf(`${name}: ${namespace}`, "Schema", schema);
    for (const [type, members] of Object.entries(schema)) {
      if (typeof members !== "object" || Array.isArray(members)) continue;
      annotationsOf(`${name}: ${type}`, members.$Kind, members);
      for (const [member, inner] of Object.entries(members)) {
        if (typeof inner !== "object" || /^[@$]/.test(member)) continue;
        const kind = members.$Kind === "EntityContainer" ? "EntitySet" : (inner.$Kind ?? "Property");
        annotationsOf(`${name}: ${type}/${member}`, kind, inner);
      }
    }
  }
}

function annotationsOf(place, kind, members) {
  for (const [key, value] of Object.entries(members)) {
    if (!key.startsWith("@")) continue;
    const [alias, term] = key.slice(1).split(".");
    const known = vocabularies[alias]?.[term];
    if (known?.$Kind !== "Term") {
      faults.push(`${place}: there is no term ${key}`);
      continue;
    }
    if (known.$AppliesTo && !known.$AppliesTo.includes(kind)) {
      faults.push(`${place}: ${key} does not apply to ${kind}, only to ${known.$AppliesTo}`);
    }
    checkValue(`${place} ${key}`, known, value);
  }
}

function checkValue(place, of, value) {
  if (of.$Collection && Array.isArray(value)) {
    value.forEach((member) => checkValue(place, { ...of, $Collection: false }, member));
    return;
  }
  const type = of.$Type ?? "Edm.String";
  const known = definition(type);
  const kinds = { "Edm.String": "string", "Edm.Boolean": "boolean", "Edm.Int32": "number", "Edm.Int64": "number" };
  const underlying = known?.$Kind === "TypeDefinition" ? known.$UnderlyingType : type;
  if (of.$Collection) {
    faults.push(`${place}: a collection is expected`);
  } else if (kinds[underlying]) {
    if (typeof value !== kinds[underlying]) faults.push(`${place}: ${JSON.stringify(value)} is no ${underlying}`);
  } else if (known?.$Kind === "EnumType") {
    for (const member of String(value).split(",")) {
      if (!(member in known)) faults.push(`${place}: ${member} is no member of ${type}`);
    }
  } else if (known?.$Kind === "ComplexType") {
    for (const [property, inner] of Object.entries(value)) {
      let owner = known;
      while (owner && !(property in owner)) owner = definition(owner.$BaseType);
      if (owner) checkValue(`${place}/${property}`, owner[property], inner);
      else faults.push(`${place}: ${type} has no property ${property}`);
    }
  } else {
    faults.push(`${place}: nobody checks a ${type}`);
  }
}

async function checkOpenApi(name) {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(JSON.parse(text(name)));
  if (!valid) faults.push(`${name}: ${JSON.stringify(errors, null, 1).slice(0, 4000)}`);
  else if (validator.version !== "3.1") faults.push(`${name}: is of OpenAPI ${validator.version}`);
}

for (const name of names) {
  if (name.endsWith(".xml")) await checkXml(name);
  else if (name.endsWith(".openapi.json")) await checkOpenApi(name);
  else if (name.endsWith(".json")) checkJson(name);
}
console.log(faults.length ? faults.join("\n") : `${names.length} documents hold`);
process.exitCode = faults.length ? 1 : 0;
