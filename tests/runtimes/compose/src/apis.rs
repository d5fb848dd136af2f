//! The runtime's functions.

use crate::llama;
use alloc::vec::Vec;
use realm_primitives::{
    F32, RuntimeError, RuntimeVersion,
    api::Core,
    host::inference::{self, Session},
};

struct Runtime;

realm_primitives::runtime_version! {
    Runtime {
        spec_name: "compose",
        impl_name: "realm-compose-runtime",
        authoring_version: 1,
        spec_version: 1,
        impl_version: 1,
        transaction_version: 1,
        state_version: 1,
    }
}

realm_primitives::decl_runtime_apis! {
    /// The same logits twice.
    pub trait ComposeApi {
        /// Logits after every token, by a forward pass composed of tensor operations.
        fn composed_logits(tokens: Vec<u32>) -> Result<Vec<F32>, RuntimeError>;
        /// Logits after every token, by the node's own forward pass.
        fn fused_logits(tokens: Vec<u32>) -> Result<Vec<F32>, RuntimeError>;
    }
}

realm_primitives::impl_runtime_apis! {
    impl Core for Runtime {
        fn version() -> RuntimeVersion {
            Runtime::runtime_version()
        }

        fn migrate(_from_spec_version: u32) -> Result<(), RuntimeError> {
            Ok(())
        }
    }

    impl ComposeApi for Runtime {
        fn composed_logits(tokens: Vec<u32>) -> Result<Vec<F32>, RuntimeError> {
            let facts = inference::model_info()?;
            let logits = llama::forward(&facts, &tokens)?;
            Ok(logits.read()?.into_iter().map(F32::from).collect())
        }

        fn fused_logits(tokens: Vec<u32>) -> Result<Vec<F32>, RuntimeError> {
            let vocabulary_length = inference::model_info()?.vocabulary_length;
            let logits = Session::open(&[])?.forward_all(&tokens)?;
            let mut rows = Vec::new();
            for row in 0..logits.rows()? {
                rows.extend(logits.read(row, vocabulary_length)?.into_iter().map(F32::from));
            }
            Ok(rows)
        }
    }
}
