//! Where the demonstration model is.

use std::path::{Path, PathBuf};

/// Its file.
const FILE: &str = "realm-demo.gguf";
/// Where it lies in the source tree that the node was built from.
const SOURCE_TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models");
/// Where it lies relative to the program.
const BESIDE_PROGRAM: [&str; 3] = ["", "models", "../share/realm"];

/// The demonstration model's file, if it is there: beside the program, else in the source tree.
pub fn demo_model_path() -> Option<PathBuf> {
    let program = std::env::current_exe().ok();
    let folder = program.as_deref().and_then(Path::parent);
    let beside = folder.into_iter().flat_map(|folder| BESIDE_PROGRAM.iter().map(|sub| folder.join(sub)));
    beside.chain([PathBuf::from(SOURCE_TREE)]).map(|folder| folder.join(FILE)).find(|file| file.is_file())
}
