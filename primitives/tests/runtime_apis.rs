//! One declaration, every view of it: a runtime with two APIs of its own beside the standard ones is
//! called natively and through the typed caller, and describes itself.

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed, v15::RuntimeMetadataV15};
use parity_scale_codec::{Decode, Encode};
use realm_primitives::{
    abi,
    api::{
        CallError, Core, CoreCaller, InvokeError, MetadataCaller, NativeDispatch, RuntimeApis, RuntimeCaller,
        SECTION_ENTRY_BYTES, section_bytes,
    },
    metadata::{self, OpaqueMetadata, STREAM_KEY_PREFIX},
    types::{F32, RuntimeError, RuntimeVersion, TokenEvent},
};

struct Runtime;

realm_primitives::runtime_version! {
    Runtime {
        spec_name: "test",
        impl_name: "test-impl",
        authoring_version: 1,
        spec_version: 7,
        impl_version: 2,
        transaction_version: 3,
        state_version: 4,
    }
}

realm_primitives::decl_runtime_apis! {
    /// Adds.
    ///
    /// Slowly.
    #[api_version(3)]
    pub trait SumApi {
        /// The sum of two numbers.
        fn sum(left: u32, r#type: u32) -> Result<u64, RuntimeError>;
        /// Counts to `limit`.
        #[stream(TokenEvent)]
        fn count(limit: u32) -> Result<u32, RuntimeError>;
    }

    trait EchoApi {
        fn echo(values: Vec<F32>) -> Vec<F32>;
    }
}

realm_primitives::impl_runtime_apis! {
    impl Core for Runtime {
        fn version() -> RuntimeVersion {
            Self::runtime_version()
        }

        fn migrate(_from_spec_version: u32) -> Result<(), RuntimeError> {
            Ok(())
        }
    }

    impl SumApi for Runtime {
        fn sum(left: u32, right: u32) -> Result<u64, RuntimeError> {
            Ok(u64::from(left) + u64::from(right))
        }

        fn count(limit: u32) -> Result<u32, RuntimeError> {
            Err(RuntimeError::Overloaded { position: limit })
        }
    }

    impl EchoApi for Runtime {
        fn echo(values: Vec<F32>) -> Vec<F32> {
            values
        }
    }
}

/// Carries typed calls to the native dispatcher.
struct Native;

impl RuntimeCaller for Native {
    type Error = InvokeError;

    async fn call(&self, function: &str, arguments: Vec<u8>) -> Result<Vec<u8>, InvokeError> {
        Runtime::dispatch(function, &arguments)
    }
}

/// The output of a future that never waits.
fn ready<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("the native caller does not wait"),
    }
}

fn decoded(opaque: &OpaqueMetadata) -> RuntimeMetadataV15 {
    match RuntimeMetadataPrefixed::decode(&mut opaque.0.as_slice()).expect("prefixed metadata").1 {
        RuntimeMetadata::V15(metadata) => metadata,
        other => panic!("V15, not {other:?}"),
    }
}

#[test]
fn typed_calls_reach_the_implementation() {
    let sum = SumApiCaller(Native);
    assert_eq!(ready(sum.sum(u32::MAX, 1)), Ok(Ok(1 << 32)));
    assert_eq!(ready(sum.count(9)), Ok(Err(RuntimeError::Overloaded { position: 9 })));
    assert_eq!(ready(EchoApiCaller(&Native).echo(vec![F32::from(0.5)])), Ok(vec![F32::from(0.5)]));
    assert_eq!(ready(CoreCaller(Native).version()).map(|version| version.spec_version), Ok(7));
    assert_eq!(ready(MetadataCaller(Native).metadata_versions()), Ok(vec![15]));
    assert_eq!(ready(MetadataCaller(Native).metadata_at_version(14)), Ok(None));
    assert_eq!(
        ready(MetadataCaller(Native).metadata_at_version(15)),
        ready(MetadataCaller(Native).metadata()).map(Some)
    );
}

#[test]
fn wrong_bytes_are_errors() {
    fn check(function: &str, arguments: &[u8], expected: &str) {
        let error = Runtime::dispatch(function, arguments).expect_err(function);
        assert!(error.to_string().contains(expected), "{error}");
    }
    check("SumApi_sum", &[1, 0, 0, 0, 2, 0, 0], "the arguments of SumApi_sum do not decode");
    check("SumApi_sum", &[1, 0, 0, 0, 2, 0, 0, 0, 0], "the arguments of SumApi_sum do not decode");
    check("SumApi_product", &[], "no function SumApi_product");
    // A vector that claims 2^30 - 1 entries and has none.
    check("EchoApi_echo", &[0xfe, 0xff, 0xff, 0xff], "do not decode");

    struct Garbled;
    impl RuntimeCaller for Garbled {
        type Error = std::convert::Infallible;
        async fn call(&self, _: &str, _: Vec<u8>) -> Result<Vec<u8>, Self::Error> {
            Ok(vec![0, 1])
        }
    }
    let error = ready(SumApiCaller(Garbled).sum(1, 2)).expect_err("two bytes are no u64");
    assert!(matches!(error, CallError::Answer { function: "SumApi_sum", .. }));
}

#[test]
fn metadata_names_every_function() {
    let metadata = decoded(&metadata::opaque(Runtime::DECLARATIONS, &Runtime::runtime_version()));
    let functions: Vec<String> = metadata
        .apis
        .iter()
        .flat_map(|api| api.methods.iter().map(move |method| format!("{}_{}", api.name, method.name)))
        .collect();
    let expected = [
        "Core_version",
        "Core_migrate",
        "SumApi_sum",
        "SumApi_count",
        "EchoApi_echo",
        "Metadata_metadata",
        "Metadata_metadata_at_version",
        "Metadata_metadata_versions",
    ];
    assert_eq!(functions, expected);

    let sum = &metadata.apis[1];
    assert_eq!(sum.docs, ["Adds.", "", "Slowly."]);
    assert_eq!(sum.methods[0].docs, ["The sum of two numbers."]);
    let names: Vec<&str> = sum.methods[0].inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["left", "type"]);

    let stream = &metadata.custom.map[&format!("{STREAM_KEY_PREFIX}SumApi_count")];
    let item = metadata.types.resolve(stream.ty.id).expect("registered");
    assert_eq!(item.path.segments.last().map(String::as_str), Some("TokenEvent"));
    assert!(!item.docs.is_empty(), "doc comments of types are in the metadata");
}

#[test]
fn metadata_holds_what_stock_clients_look_for() {
    let metadata = decoded(&metadata::opaque(Runtime::DECLARATIONS, &Runtime::runtime_version()));
    let paths: Vec<String> = metadata.types.types.iter().map(|ty| ty.ty.path.segments.join("::")).collect();
    for path in ["sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic", "sp_runtime::DispatchError"] {
        assert!(paths.iter().any(|known| known == path), "{path}");
    }
    let storage = metadata.pallets[0].storage.as_ref().expect("storage");
    let entries: Vec<&str> = storage.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!((metadata.pallets[0].name.as_str(), entries), ("System", vec!["Events", "BlockHash"]));
    let version = &metadata.pallets[0].constants[0];
    assert_eq!((version.name.as_str(), &version.value), ("Version", &Runtime::runtime_version().encode()));
}

#[test]
fn ids_and_versions_are_substrates() {
    let apis = Runtime::runtime_version().apis;
    // The id that every Substrate chain lists for `Core`.
    assert_eq!(apis[0], ([0xdf, 0x6a, 0xcb, 0x68, 0x99, 0x07, 0x60, 0x9b], 4));
    assert_eq!(apis[1], (sp_crypto_hashing::blake2_64(b"SumApi"), 3));
    assert_eq!(apis[2].1, 1);
    assert_eq!(apis.len(), 4);

    let section: [u8; 4 * SECTION_ENTRY_BYTES] = section_bytes(Runtime::DECLARATIONS);
    let expected: Vec<u8> =
        apis.iter().flat_map(|(id, version)| [id.as_slice(), &version.to_le_bytes()].concat()).collect();
    assert_eq!(section.as_slice(), expected);
    assert_eq!((abi::VERSION_SECTION, abi::APIS_SECTION), ("runtime_version", "runtime_apis"));
}

#[test]
fn the_realm_apis_metadata_is_small() {
    use realm_primitives::api::{Metadata, RealmApi};
    // DECLARATION belongs to the trait; any implementor names it.
    struct Names;
    impl RealmApi for Names {
        fn generate(
            _: String,
            _: realm_primitives::GenerateOptions,
        ) -> Result<realm_primitives::GenerateResult, RuntimeError> {
            unreachable!("only described")
        }
        fn stream_generate(
            _: String,
            _: realm_primitives::GenerateOptions,
        ) -> Result<realm_primitives::GenerateResult, RuntimeError> {
            unreachable!("only described")
        }
        fn chat(
            _: Option<String>,
            _: Option<Vec<realm_primitives::ChatMessage>>,
            _: Option<String>,
            _: realm_primitives::GenerateOptions,
            _: Option<realm_primitives::WhenFull>,
        ) -> Result<realm_primitives::ChatResult, RuntimeError> {
            unreachable!("only described")
        }
        fn embed(_: String) -> Result<Vec<F32>, RuntimeError> {
            unreachable!("only described")
        }
        fn get_model_info() -> Result<realm_primitives::ModelInfo, RuntimeError> {
            unreachable!("only described")
        }
        fn health_check() -> Result<realm_primitives::HealthStatus, RuntimeError> {
            unreachable!("only described")
        }
    }
    let apis = [<Runtime as Core>::DECLARATION, <Runtime as Metadata>::DECLARATION, <Names as RealmApi>::DECLARATION];
    let bytes = metadata::opaque(&apis, &Runtime::runtime_version()).encode().len();
    assert!(bytes < 14 * 1024, "{bytes} bytes of metadata");
}
