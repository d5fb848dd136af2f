//! A runtime with a type of every shape, and its metadata.

#![allow(dead_code)] // Each test file uses its part.

use std::collections::{BTreeMap, BTreeSet};

use parity_scale_codec::{Compact, Decode, Encode};
use realm_metadata::Metadata;
use realm_primitives::{
    api::{Core, RuntimeApis},
    metadata,
    types::{
        ChatMessage, F32, GenerateOptions, GenerateResult, H256, Milli, NanoUsd, RuntimeError, RuntimeVersion,
        SignedMilli, TokenEvent,
    },
};
use scale_info::TypeInfo;
use serde_json::{Value, json};

/// Every shape of struct and enum.
#[derive(Clone, PartialEq, Debug, Encode, Decode, TypeInfo)]
pub enum Shapes {
    /// No fields.
    Nothing,
    /// One unnamed field.
    OneOf(u8),
    /// Two unnamed fields.
    Pair(u8, String),
    /// Named fields.
    Named {
        /// May be left out.
        left: Option<u32>,
        /// May not.
        right: bool,
    },
    /// Named fields that may all be left out.
    AllOptional {
        /// May be left out.
        left: Option<u32>,
    },
    HTTPError,
}

#[derive(Clone, PartialEq, Debug, Encode, Decode, TypeInfo)]
pub struct Empty;

#[derive(Clone, PartialEq, Debug, Encode, Decode, TypeInfo)]
pub struct Wrapper(pub Vec<u16>);

#[derive(Clone, PartialEq, Debug, Encode, Decode, TypeInfo)]
pub struct Two(pub u8, pub bool);

/// A value of every type that JSON is made of.
#[derive(Clone, PartialEq, Debug, Encode, Decode, TypeInfo)]
pub struct Everything {
    pub u8: u8,
    pub u16: u16,
    pub u32: u32,
    pub u64: u64,
    pub u128: u128,
    pub i8: i8,
    pub i16: i16,
    pub i32: i32,
    pub i64: i64,
    pub i128: i128,
    pub bool: bool,
    pub text: String,
    pub float: F32,
    pub milli: Milli,
    pub signed_milli: SignedMilli,
    pub dollars: NanoUsd,
    pub hash: H256,
    pub bytes: Vec<u8>,
    pub array: [u16; 3],
    pub byte_array: [u8; 4],
    pub tuple: (u8, String),
    pub unit: (),
    pub empty: Empty,
    pub wrapper: Wrapper,
    pub two: Two,
    pub option: Option<u32>,
    pub option_of_option: Option<Option<u32>>,
    pub option_of_unit: Option<()>,
    pub shapes: Vec<Shapes>,
    pub result: Result<u8, String>,
    #[codec(compact)]
    pub compact: u64,
    pub compact_wide: Compact<u128>,
    pub by_name: BTreeMap<String, u32>,
    pub by_number: BTreeMap<u32, bool>,
    pub set: BTreeSet<u16>,
    pub boxed: Box<Option<String>>,
}

/// A tree: a type that holds itself.
#[derive(Clone, PartialEq, Debug, Encode, Decode, TypeInfo)]
pub struct Tree {
    pub children: Vec<Tree>,
}

realm_primitives::decl_runtime_apis! {
    /// The functions that tests call.
    trait TestApi {
        /// Generates.
        ///
        /// In two paragraphs.
        fn generate(prompt: String, options: GenerateOptions) -> Result<GenerateResult, RuntimeError>;
        #[stream(TokenEvent)]
        fn chat(
            message: Option<String>,
            messages: Option<Vec<ChatMessage>>,
            conversation: Option<String>,
            options: GenerateOptions,
        ) -> Result<Vec<F32>, RuntimeError>;
        fn maybe(options: Option<GenerateOptions>) -> Option<GenerateOptions>;
        fn clash(seed: u64, options: GenerateOptions) -> Result<u64, Shapes>;
        fn everything(value: Everything) -> Everything;
        fn tree(tree: Tree) -> Tree;
        fn health_check() -> Result<bool, String>;
        fn units(values: Vec<()>) -> Vec<()>;
    }

    trait OtherApi {
        fn health_check() -> bool;
        fn only_here() -> bool;
        fn version() -> bool;
    }
}

pub struct Runtime;

realm_primitives::impl_runtime_apis! {
    impl Core for Runtime {
        fn version() -> RuntimeVersion {
            unreachable!("only described")
        }

        fn migrate(_: u32) -> Result<(), RuntimeError> {
            unreachable!("only described")
        }
    }

    impl TestApi for Runtime {
        fn generate(_: String, _: GenerateOptions) -> Result<GenerateResult, RuntimeError> {
            unreachable!("only described")
        }

        fn chat(
            _: Option<String>,
            _: Option<Vec<ChatMessage>>,
            _: Option<String>,
            _: GenerateOptions,
        ) -> Result<Vec<F32>, RuntimeError> {
            unreachable!("only described")
        }

        fn maybe(options: Option<GenerateOptions>) -> Option<GenerateOptions> {
            options
        }

        fn clash(seed: u64, _: GenerateOptions) -> Result<u64, Shapes> {
            Ok(seed)
        }

        fn everything(value: Everything) -> Everything {
            value
        }

        fn tree(tree: Tree) -> Tree {
            tree
        }

        fn health_check() -> Result<bool, String> {
            Ok(true)
        }

        fn units(values: Vec<()>) -> Vec<()> {
            values
        }
    }

    impl OtherApi for Runtime {
        fn health_check() -> bool {
            true
        }

        fn only_here() -> bool {
            true
        }

        fn version() -> bool {
            true
        }
    }
}

/// The version of [`Runtime`].
pub fn test_version() -> RuntimeVersion {
    RuntimeVersion {
        spec_name: "test".into(),
        impl_name: "test".into(),
        authoring_version: 1,
        spec_version: 7,
        impl_version: 1,
        apis: Runtime::api_versions(),
        transaction_version: 1,
        state_version: 1,
    }
}

/// The metadata of [`Runtime`].
pub fn test_metadata() -> Metadata {
    Metadata::decode(&metadata::opaque(Runtime::DECLARATIONS, &test_version()).0)
        .expect("the macros make good metadata")
}

/// [`everything`] in JSON, as the node gives it.
pub fn everything_json() -> Value {
    json!({
        "u8": 255, "u16": 65535, "u32": 4294967295u32, "u64": "18446744073709551615",
        "u128": "340282366920938463463374607431768211455",
        "i8": -128, "i16": -32768, "i32": -2147483648, "i64": "-9223372036854775808",
        "i128": "-170141183460469231731687303715884105728",
        "bool": true, "text": "Hallo", "float": 0.1, "milli": 0.7, "signed_milli": -0.7, "dollars": 0.000000042,
        "hash": "0x0101010101010101010101010101010101010101010101010101010101010101",
        "bytes": "0x0001ff", "array": [1, 2, 3], "byte_array": "0x01020304", "tuple": [1, "two"],
        "unit": null, "empty": null, "wrapper": [1, 2], "two": [1, true],
        "option": 5, "option_of_option": {"some": null}, "option_of_unit": {"some": null},
        "shapes": ["nothing", {"one_of": 7}, {"pair": [1, "x"]}, {"named": {"left": null, "right": true}},
                   {"all_optional": {"left": null}}, "http_error"],
        "result": {"ok": 5}, "compact": 300, "compact_wide": "1267650600228229401496703205376",
        "by_name": {"a": 1, "b": 2}, "by_number": [[1, true], [2, false]], "set": [1, 2], "boxed": "x",
    })
}

/// A value with something in every field.
pub fn everything() -> Everything {
    Everything {
        u8: u8::MAX,
        u16: u16::MAX,
        u32: u32::MAX,
        u64: u64::MAX,
        u128: u128::MAX,
        i8: i8::MIN,
        i16: i16::MIN,
        i32: i32::MIN,
        i64: i64::MIN,
        i128: i128::MIN,
        bool: true,
        text: "Hallo".into(),
        float: F32::from(0.1),
        milli: Milli(700),
        signed_milli: SignedMilli(-700),
        dollars: NanoUsd(42),
        hash: H256([1; 32]),
        bytes: vec![0, 1, 255],
        array: [1, 2, 3],
        byte_array: [1, 2, 3, 4],
        tuple: (1, "two".into()),
        unit: (),
        empty: Empty,
        wrapper: Wrapper(vec![1, 2]),
        two: Two(1, true),
        option: Some(5),
        option_of_option: Some(None),
        option_of_unit: Some(()),
        shapes: vec![
            Shapes::Nothing,
            Shapes::OneOf(7),
            Shapes::Pair(1, "x".into()),
            Shapes::Named { left: None, right: true },
            Shapes::AllOptional { left: None },
            Shapes::HTTPError,
        ],
        result: Ok(5),
        compact: 300,
        compact_wide: Compact(1 << 100),
        by_name: [("a".into(), 1), ("b".into(), 2)].into(),
        by_number: [(1, true), (2, false)].into(),
        set: [1, 2].into(),
        boxed: Box::new(Some("x".into())),
    }
}
