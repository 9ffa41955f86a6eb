//! `schema/` holds `$metadata` of every version, so that a change of the model shows in review.

use std::path::Path;

use super::{document, model};

/// Of each file: the version, and whether its reader sees budgets.
const FILES: [(&str, &str, bool); 6] = [
    ("v3.0.xml", "v3.0", true),
    ("v3.1.xml", "v3.1", true),
    ("v3.2.xml", "v3.2", true),
    ("v3.3.xml", "v3.3", true),
    ("v4.0.xml", "v4.0", true),
    ("v4.0-without-budgets.xml", "v4.0", false),
];

#[test]
fn the_models_are_those_of_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let update = std::env::var_os("UPDATE_SCHEMA").is_some();
    for (file, segment, sees_budgets) in FILES {
        let path = folder.join(file);
        let actual = document(&model(segment, sees_budgets)) + "\n";
        if update {
            std::fs::write(&path, &actual).expect("the folder can be written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = actual.lines().zip(kept.lines()).find(|(a, b)| a != b);
        assert!(kept == actual, "schema/{file} is not what the model says (schema/README.md); first: {differs:?}");
    }
}
