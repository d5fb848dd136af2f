//! A blob that interprets a list of host calls. It is generated from the guest's own list of imports
//! (`primitives::host::raw`), so it also proves that the node offers exactly those.
//!
//! ```text
//!  arguments: steps u32 │ step: function u32, 8 x (kind u32, value u32) │ .. │ data
//!  kinds: 0 the value · 1 the result of an earlier step · 2 an offset into the data
//!  answer: results, 8 bytes each, in 8 KiB, then 4 KiB of scratch memory
//! ```

use super::{
    blob,
    guest::{Guest, Options},
};
use realm_node::executor::{CallError, CallUsage, RuntimeCode};
use std::{fmt::Write, sync::Arc};

const RAW: &str = include_str!("../../../primitives/src/host/raw.rs");
const PARAMETERS_MAX: usize = 8;
const STEP_BYTES: usize = 4 + PARAMETERS_MAX * 8;
const RESULTS_AT: usize = 0x1E000;
/// Where scripts let the host write: 4 KiB that come back with the answer.
pub const SCRATCH: u32 = 0x20000;
const SCRATCH_BYTES: usize = 4096;

/// An import as the guest declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawImport {
    pub module: String,
    pub name: String,
    /// `u32` or `f32`.
    pub parameters: Vec<String>,
}

/// The guest's list, read from its source.
pub fn raw_imports() -> Vec<RawImport> {
    let mut module = String::new();
    let mut imports = Vec::new();
    for line in RAW.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("#[link(wasm_import_module = \"") {
            module = rest.trim_end_matches("\")]").to_owned();
        } else if let Some(rest) = line.strip_prefix("pub fn ") {
            let (name, rest) = rest.split_once('(').unwrap();
            let (parameters, result) = rest.split_once(')').unwrap();
            assert_eq!(result, " -> i64;", "{line}");
            let parameters = parameters.split(", ").filter(|parameter| !parameter.is_empty());
            let parameters = parameters.map(|parameter| parameter.split_once(": ").unwrap().1.to_owned()).collect();
            imports.push(RawImport { module: module.clone(), name: name.to_owned(), parameters });
        }
    }
    imports
}

/// The interpreter.
pub fn script_blob() -> Vec<u8> {
    let raw = raw_imports();
    let (mut imports, mut wrappers, mut names) = (String::new(), String::new(), String::new());
    for RawImport { module, name, parameters } in &raw {
        let types: String = parameters.iter().map(|kind| if kind == "f32" { " f32" } else { " i32" }).collect();
        writeln!(imports, "(import \"{module}\" \"{name}\" (func ${name} (param{types}) (result i64)))").unwrap();
        let arguments: String = parameters.iter().enumerate().fold(String::new(), |text, (index, kind)| {
            let argument = format!("(local.get {index})");
            text + &if kind == "f32" { format!("(f32.reinterpret_i32 {argument})") } else { argument }
        });
        writeln!(wrappers, "(func $do_{name} (type $step) (call ${name} {arguments}))").unwrap();
        write!(names, " $do_{name}").unwrap();
    }
    let arguments: String =
        (0..PARAMETERS_MAX).map(|index| format!("(call $argument (local.get $step) (i32.const {index}))")).collect();
    let answer_len = SCRATCH as usize + SCRATCH_BYTES - RESULTS_AT;
    let fields = format!(
        r#"
        (type $step (func (param i32 i32 i32 i32 i32 i32 i32 i32) (result i64)))
        (table {count} funcref) (elem (i32.const 0){names})
        {wrappers}
        (global $data (mut i32) (i32.const 0))
        (func $argument (param $step i32) (param $index i32) (result i32)
            (local $kind i32) (local $value i32)
            (local.set $step (i32.add (local.get $step) (i32.mul (local.get $index) (i32.const 8))))
            (local.set $kind (i32.load offset=4 (local.get $step)))
            (local.set $value (i32.load offset=8 (local.get $step)))
            (if (i32.eq (local.get $kind) (i32.const 1))
                (then (return (i32.load offset={RESULTS_AT} (i32.mul (local.get $value) (i32.const 8))))))
            (if (i32.eq (local.get $kind) (i32.const 2))
                (then (return (i32.add (local.get $value) (global.get $data)))))
            (local.get $value))
        (func (export "script") (param $ptr i32) (param $len i32) (result i64)
            (local $index i32) (local $step i32)
            (global.set $data (i32.add (i32.add (local.get $ptr) (i32.const 4))
                (i32.mul (i32.load (local.get $ptr)) (i32.const {STEP_BYTES}))))
            (block $done (loop $more
                (br_if $done (i32.eq (local.get $index) (i32.load (local.get $ptr))))
                (local.set $step (i32.add (i32.add (local.get $ptr) (i32.const 4))
                    (i32.mul (local.get $index) (i32.const {STEP_BYTES}))))
                (i64.store offset={RESULTS_AT} (i32.mul (local.get $index) (i32.const 8))
                    (call_indirect (type $step) {arguments} (i32.load (local.get $step))))
                (local.set $index (i32.add (local.get $index) (i32.const 1)))
                (br $more)))
            (i64.const {answer}))
        (func (export "script_then_trap") (param i32 i32) (result i64)
            (drop (call $script (local.get 0) (local.get 1))) unreachable)
        "#,
        count = raw.len(),
        answer = ((answer_len as u64) << 32) | RESULTS_AT as u64,
    )
    .replace("(func (export \"script\")", "(func $script (export \"script\")");
    blob::blob(&imports, &fields)
}

/// One argument of a step.
#[derive(Clone, Copy, Debug)]
pub enum Arg {
    /// The number itself.
    Is(u32),
    /// The result of an earlier step.
    Of(u32),
    /// An offset into the script's data.
    At(u32),
}

/// Host calls to make, and the bytes they point to.
#[derive(Clone, Debug, Default)]
pub struct Script {
    steps: Vec<(u32, Vec<Arg>)>,
    data: Vec<u8>,
}

/// What a script's host calls answered.
#[derive(Debug)]
pub struct Played {
    pub results: Vec<i64>,
    pub scratch: Vec<u8>,
    pub usage: CallUsage,
}

impl Script {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a host call; its result is that of the step with this number, counted from 0.
    pub fn step(&mut self, name: &str, arguments: &[Arg]) -> u32 {
        let function = raw_imports().iter().position(|import| import.name == name).unwrap_or_else(|| panic!("{name}"));
        self.steps.push((function as u32, arguments.to_vec()));
        self.steps.len() as u32 - 1
    }

    /// Adds bytes; gives where they are and how many.
    pub fn data(&mut self, bytes: &[u8]) -> (Arg, Arg) {
        let at = self.data.len() as u32;
        self.data.extend_from_slice(bytes);
        (Arg::At(at), Arg::Is(bytes.len() as u32))
    }

    pub fn len(&self) -> usize {
        self.steps.len()
    }

    pub fn encoded(&self) -> Vec<u8> {
        let mut bytes = (self.steps.len() as u32).to_le_bytes().to_vec();
        for (function, arguments) in &self.steps {
            bytes.extend(function.to_le_bytes());
            for index in 0..PARAMETERS_MAX {
                let (kind, value) = match arguments.get(index).copied().unwrap_or(Arg::Is(0)) {
                    Arg::Is(value) => (0u32, value),
                    Arg::Of(step) => (1, step),
                    Arg::At(offset) => (2, offset),
                };
                bytes.extend(kind.to_le_bytes());
                bytes.extend(value.to_le_bytes());
            }
        }
        bytes.extend(&self.data);
        bytes
    }

    /// Plays the script in one call.
    pub async fn play(&self, guest: &Guest, code: &Arc<RuntimeCode>) -> Result<Played, CallError> {
        self.play_with(guest, code, Options::default()).await
    }

    pub async fn play_with(
        &self,
        guest: &Guest,
        code: &Arc<RuntimeCode>,
        options: Options,
    ) -> Result<Played, CallError> {
        let outcome = guest.call_with(code, "script", &self.encoded(), options).await;
        let answer = outcome.result?;
        let (results, scratch) = answer.split_at(SCRATCH as usize - RESULTS_AT);
        let results = results.as_chunks::<8>().0.iter().map(|result| i64::from_le_bytes(*result)).take(self.len());
        Ok(Played { results: results.collect(), scratch: scratch.to_vec(), usage: outcome.usage })
    }
}
