//! OD-107, OD-108: our documents against the published schemas and vocabularies, of every version and for every reader;
//! `tests/schemas/check.mjs` does it, on Node.
//!
//! Also that XML and JSON carry the same model: the converter of OASIS turns the one into the other.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use timeledger::odata::csdl::{Protocol, json, openapi, xml};
use timeledger::odata::limits::Limits;

use super::models;

/// Where `tests/run` installs what `tests/schemas/package.json` lists.
fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/node/node_modules")
}

#[test]
fn our_documents_are_what_the_published_schemas_want() {
    if !modules().exists() {
        // Not `eprintln!`, whose text a passing test keeps to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: the published schemas, for {} is missing", modules().display());
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: String, text: String| std::fs::write(folder.path().join(name), text).expect("a document");
    let limits = Limits::default();
    for (segment, sees_budgets, model) in models() {
        let reader = if sees_budgets { "" } else { "-without-budgets" };
        let openapi = openapi::write(&model, "https://host/api/odata/v4.0/");
        write(format!("{segment}{reader}.openapi.json"), openapi);
        for protocol in [Protocol::V4_0, Protocol::V4_01] {
            let name = format!("{segment}{reader}-for-{}", protocol.name());
            write(format!("{name}.xml"), xml::write(&model, protocol, &limits));
            write(format!("{name}.json"), json::write(&model, protocol, &limits));
        }
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/check.mjs");
    let output = Command::new("node")
        .arg(program)
        .arg(modules())
        .arg(folder.path())
        .output()
        .expect("node, which tests/run installs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
