//! What a sandbox costs: one call of a fresh instance, in microseconds, of a function that does
//! nothing and of the default runtime's `health_check`. Run with `cargo bench -p realm-node --bench sandbox`.

use parity_scale_codec::Encode;
use realm_engine::TenantKey;
use realm_host_functions::{
    HostLimits, NativeBudget,
    storage::{Store, StoreConfig},
};
use realm_node::executor::{CallSetup, Executor, ExecutorConfig, RuntimeCode, TenantResources};
use realm_primitives::{CallContext, H256, Prices, RuntimeVersion};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const CALLS: usize = 20_000;

fn main() {
    let executor = Executor::new(ExecutorConfig::default()).expect("an executor");
    let store = Store::in_memory(StoreConfig::default()).expect("a store");
    let tenant = Arc::new(TenantResources {
        key: TenantKey::new([0; 32]),
        weight: 1,
        model: None,
        embedding_model: None,
        storage: store.namespace("bench"),
        budget: NativeBudget::unlimited(),
        limits: HostLimits::default(),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let nothing = executor.compile(&nothing()).expect("the empty blob");
    let default = executor.compile(realm_runtime::WASM_BINARY).expect("the default blob");
    for (name, code, export) in [("nothing", &nothing, "f"), ("health_check", &default, "RealmApi_health_check")] {
        let mut times = runtime.block_on(measure(&executor, &tenant, code, export));
        times.sort();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1000.0;
        println!("{name}: p50 {:.1} us, p99 {:.1} us, over {} calls", at(0.5), at(0.99), times.len());
    }
}

async fn measure(
    executor: &Executor,
    tenant: &Arc<TenantResources>,
    code: &Arc<RuntimeCode>,
    export: &str,
) -> Vec<Duration> {
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let setup = setup(tenant.clone());
        let began = Instant::now();
        executor.call(code, export, &[], setup).await.result.expect("an answer");
        times.push(began.elapsed());
    }
    times
}

fn setup(tenant: Arc<TenantResources>) -> CallSetup {
    CallSetup {
        context: CallContext {
            tenant: "bench".into(),
            call_id: "bench".into(),
            seed: 0,
            deadline_ms: 10_000,
            streaming: false,
            connected: false,
            code_hash: H256::default(),
            prices: Prices::default(),
            max_tokens_limit: 1,
        },
        tenant,
        connection: None,
        events: None,
        deadline: Some(Instant::now() + Duration::from_secs(10)),
        tally: Arc::default(),
    }
}

/// A blob whose one function answers nothing.
fn nothing() -> Vec<u8> {
    let version = RuntimeVersion {
        spec_name: "bench".into(),
        impl_name: "bench".into(),
        authoring_version: 0,
        spec_version: 1,
        impl_version: 0,
        apis: Vec::new(),
        transaction_version: 0,
        state_version: 0,
    };
    let version: String = version.encode().iter().map(|byte| format!("\\{byte:02x}")).collect();
    let text = format!(
        r#"(module
            (memory (export "memory") 1)
            (func (export "realm_alloc") (param i32) (result i32) (i32.const 1024))
            (func (export "f") (param i32 i32) (result i64) (i64.const 0))
            (@custom "runtime_version" "{version}")
            (@custom "runtime_apis" ""))"#
    );
    wat::parse_str(text).expect("well-formed text")
}
