//! A blob that passed every check: compiled, linked, and ready to be instantiated in microseconds.

use super::{config::ExecutorConfig, error::CodeError};
use parity_scale_codec::DecodeAll;
use realm_host_functions::{CallState, HostFunction};
use realm_primitives::{
    H256, RuntimeVersion,
    abi::{ALLOC_EXPORT, APIS_SECTION, MEMORY_EXPORT, VERSION_SECTION},
};
use std::{collections::HashMap, sync::Arc};
use wasmparser::{Parser, Payload};
use wasmtime::{Engine, ExternType, InstancePre, Linker, Module, ModuleExport, ValType};

/// Bytes of one entry of the section of APIs: an 8-byte id and a version as u32 LE.
const API_ENTRY_BYTES: usize = 12;

/// A runtime that the node can call.
pub struct RuntimeCode {
    /// blake2-256 of the blob.
    pub hash: H256,
    /// The version from the blob's section, with the APIs from theirs.
    pub version: RuntimeVersion,
    /// The blob, uncompressed.
    pub code: Arc<[u8]>,
    /// Names of the functions it exports, in the blob's order.
    pub exports: Vec<String>,
    pub(super) instance_pre: InstancePre<CallState>,
    pub(super) functions: HashMap<String, ModuleExport>,
    pub(super) memory: ModuleExport,
    pub(super) alloc: ModuleExport,
}

impl std::fmt::Debug for RuntimeCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeCode").field("hash", &self.hash).field("version", &self.version).finish_non_exhaustive()
    }
}

impl RuntimeCode {
    /// Checks and compiles, cheap checks first, so that a bad blob costs little. `module` is asked for the machine code of a
    /// blob that is valid.
    pub(super) fn compile(
        engine: &Engine,
        linker: &Linker<CallState>,
        config: &ExecutorConfig,
        code: &[u8],
        module: impl FnOnce() -> Result<Module, CodeError>,
    ) -> Result<Self, CodeError> {
        let version = inspect(config, code)?;
        Module::validate(engine, code).map_err(|error| CodeError::NotWasm(format!("{error:#}")))?;
        let module = module()?;
        let instance_pre =
            linker.instantiate_pre(&module).map_err(|error| CodeError::ImportType(format!("{error:#}")))?;
        check_memory(&module, config.memory_bytes_max as u64)?;
        check_alloc(&module)?;
        let functions = api_functions(&module);
        let export = |name| module.get_export_index(name).ok_or(missing(name, "that the module has"));
        Ok(Self {
            hash: H256(sp_crypto_hashing::blake2_256(code)),
            version,
            code: code.into(),
            exports: functions.iter().map(|(name, _)| name.clone()).collect(),
            memory: export(MEMORY_EXPORT)?,
            alloc: export(ALLOC_EXPORT)?,
            functions: functions.into_iter().collect(),
            instance_pre,
        })
    }
}

/// The checks that cost little, and the version that passed them.
pub(super) fn inspect(config: &ExecutorConfig, code: &[u8]) -> Result<RuntimeVersion, CodeError> {
    if code.len() > config.code_bytes_max {
        return Err(CodeError::TooLarge { len: code.len(), limit: config.code_bytes_max });
    }
    let sections = Sections::read(code)?;
    if sections.start {
        return Err(CodeError::StartFunction);
    }
    if !sections.unknown_imports.is_empty() {
        return Err(CodeError::UnknownImports { names: sections.unknown_imports });
    }
    version(&sections)
}

/// What of a blob is read without compiling it.
#[derive(Default)]
struct Sections<'a> {
    version: Option<&'a [u8]>,
    apis: Option<&'a [u8]>,
    unknown_imports: Vec<String>,
    start: bool,
}

impl<'a> Sections<'a> {
    fn read(code: &'a [u8]) -> Result<Self, CodeError> {
        let not_wasm = |error: wasmparser::BinaryReaderError| CodeError::NotWasm(error.to_string());
        let mut sections = Self::default();
        for payload in Parser::new(0).parse_all(code) {
            match payload.map_err(not_wasm)? {
                Payload::CustomSection(section) if section.name() == VERSION_SECTION => {
                    sections.version = Some(section.data());
                }
                Payload::CustomSection(section) if section.name() == APIS_SECTION => {
                    sections.apis = Some(section.data());
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.map_err(not_wasm)?;
                        if HostFunction::find(import.module, import.name).is_none() {
                            sections.unknown_imports.push(format!("{}.{}", import.module, import.name));
                        }
                    }
                }
                Payload::StartSection { .. } => sections.start = true,
                _ => {}
            }
        }
        Ok(sections)
    }
}

fn version(sections: &Sections<'_>) -> Result<RuntimeVersion, CodeError> {
    let section = sections.version.ok_or(CodeError::MissingSection { name: VERSION_SECTION })?;
    let mut version = RuntimeVersion::decode_all(&mut &*section)
        .map_err(|error| CodeError::BadSection { name: VERSION_SECTION, why: error.to_string() })?;
    let section = sections.apis.ok_or(CodeError::MissingSection { name: APIS_SECTION })?;
    let (entries, rest) = section.as_chunks::<API_ENTRY_BYTES>();
    if !rest.is_empty() {
        let why = format!("{} bytes are not a whole number of {API_ENTRY_BYTES}-byte entries", section.len());
        return Err(CodeError::BadSection { name: APIS_SECTION, why });
    }
    version.apis = entries
        .iter()
        .map(|[a, b, c, d, e, f, g, h, version @ ..]| ([*a, *b, *c, *d, *e, *f, *g, *h], u32::from_le_bytes(*version)))
        .collect();
    Ok(version)
}

fn missing(name: &'static str, expected: &'static str) -> CodeError {
    CodeError::MissingExport { name, expected }
}

fn check_memory(module: &Module, limit: u64) -> Result<(), CodeError> {
    let Some(ExternType::Memory(memory)) = module.get_export(MEMORY_EXPORT) else {
        return Err(missing(MEMORY_EXPORT, "memory"));
    };
    let bytes = memory.minimum().saturating_mul(memory.page_size());
    if bytes > limit { Err(CodeError::MemoryTooLarge { bytes, limit }) } else { Ok(()) }
}

fn check_alloc(module: &Module) -> Result<(), CodeError> {
    match module.get_export(ALLOC_EXPORT) {
        Some(ExternType::Func(function)) if has_type(&function, 1, ValType::is_i32) => Ok(()),
        _ => Err(missing(ALLOC_EXPORT, "(i32) -> i32")),
    }
}

/// The exported functions that can be called from outside: `(i32, i32) -> i64`.
fn api_functions(module: &Module) -> Vec<(String, ModuleExport)> {
    module
        .exports()
        .filter(|export| matches!(export.ty(), ExternType::Func(function) if has_type(&function, 2, ValType::is_i64)))
        .filter_map(|export| Some((export.name().to_owned(), module.get_export_index(export.name())?)))
        .collect()
}

/// Whether a function takes so many i32 and gives one value of a type.
fn has_type(function: &wasmtime::FuncType, parameters: usize, is_result: fn(&ValType) -> bool) -> bool {
    let mut results = function.results();
    function.params().len() == parameters
        && function.params().all(|parameter| parameter.is_i32())
        && results.len() == 1
        && results.next().is_some_and(|result| is_result(&result))
}
