//! A Hugging Face folder that a test may change.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use realm_engine::{EngineConfig, LoadError, Model, Silent};
use serde_json::{Map, Value};
use tempfile::TempDir;

/// A copy of a fixture.
pub struct Folder {
    folder: TempDir,
}

impl Folder {
    pub fn of(fixture: &str) -> Self {
        let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/architectures").join(fixture);
        let folder = tempfile::tempdir().expect("a temporary folder");
        for entry in std::fs::read_dir(from).expect("the fixture is there") {
            let entry = entry.expect("it can be listed");
            if entry.path().is_file() {
                std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("copied");
            }
        }
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.path().join(file)).expect(file)
    }

    pub fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(file), bytes).expect(file);
    }

    pub fn remove(&self, file: &str) {
        std::fs::remove_file(self.path().join(file)).expect(file);
    }

    /// Changes a JSON file.
    pub fn edit(&self, file: &str, change: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_slice(&self.read(file)).expect(file);
        change(&mut value);
        self.write(file, value.to_string());
    }

    /// Changes a safetensors file.
    pub fn edit_weights(&self, file: &str, change: impl FnOnce(&mut Weights)) {
        let mut weights = Weights::parse(&self.read(file));
        change(&mut weights);
        self.write(file, weights.to_bytes());
    }

    pub fn load(&self) -> Result<Arc<Model>, LoadError> {
        let config = EngineConfig { threads: 1, kv_bytes_max: 1 << 20, ..EngineConfig::default() };
        Model::load(self.path(), &config, &Silent)
    }
}

/// A safetensors file in its two parts.
pub struct Weights {
    pub header: Map<String, Value>,
    pub data: Vec<u8>,
}

impl Weights {
    fn parse(bytes: &[u8]) -> Self {
        let (len, rest) = bytes.split_first_chunk().expect("a length");
        let (header, data) = rest.split_at(u64::from_le_bytes(*len) as usize);
        Self { header: serde_json::from_slice(header).expect("a header"), data: data.to_vec() }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let header = Value::Object(self.header.clone()).to_string();
        file(header.len() as u64, &header, &self.data)
    }

    /// Where a tensor lies.
    pub fn offsets(&self, name: &str) -> (usize, usize) {
        let offset = |at: usize| self.header[name]["data_offsets"][at].as_u64().expect("an offset") as usize;
        (offset(0), offset(1))
    }

    /// Puts a tensor behind the others.
    pub fn push(&mut self, name: &str, dtype: &str, shape: &[usize], bytes: &[u8]) {
        let start = self.data.len();
        self.data.extend_from_slice(bytes);
        let entry = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, self.data.len()] });
        self.header.insert(name.to_owned(), entry);
    }
}

/// The bytes of a safetensors file whose header is said to have `len` bytes.
pub fn file(len: u64, header: &str, data: &[u8]) -> Vec<u8> {
    [&len.to_le_bytes(), header.as_bytes(), data].concat()
}
