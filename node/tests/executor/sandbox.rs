//! One call at a time in its sandbox: what it may use, and what of it is left.

use super::{
    blob::{ALLOC, blob, raw, sections},
    guest::{Guest, Options, executor_config},
};
use realm_host_functions::HostLimits;
use realm_node::executor::{CallError, ExecutorConfig};
use std::{sync::Arc, time::Duration};

const FIELDS: &str = r#"
    (data (i32.const 8) "hello")
    (func (export "hello") (param i32 i32) (result i64) (i64.const 0x500000008))
    (func (export "echo") (param i32 i32) (result i64)
        (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32))))
    (func (export "spin") (param i32 i32) (result i64) (loop $more (br $more)) unreachable)
    (func (export "spin_once") (param i32 i32) (result i64)
        (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
        (i64.const 0x400000040))
    (func $deeper (param i32) (result i32) (i32.add (call $deeper (local.get 0)) (i32.const 1)))
    (func (export "recurse") (param i32 i32) (result i64) (i64.extend_i32_u (call $deeper (i32.const 0))))
    (func (export "eat") (param i32 i32) (result i64)
        (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable)
    (func (export "grow_and_go_on") (param i32 i32) (result i64)
        (drop (memory.grow (i32.const 60000))) (i64.const 0x500000008))
    (func (export "divide") (param i32 i32) (result i64) (i64.div_u (i64.const 1) (i64.const 0)))
    (func (export "wild_answer") (param i32 i32) (result i64) (i64.const 0x10_fffffff8))
    (func (export "endless_answer") (param i32 i32) (result i64) (i64.const 0x7fffffff_00000000))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_answers_and_is_counted() {
    let guest = Guest::new();
    let code = guest.compile(&blob("", FIELDS));
    let outcome = guest.call(&code, "hello", &[]).await;
    assert_eq!(outcome.result.unwrap(), b"hello");
    assert_eq!(outcome.usage.memory_bytes, 4 << 16);
    assert_eq!(guest.call(&code, "echo", b"some bytes").await.result.unwrap(), b"some bytes");
    assert_eq!(guest.call(&code, "echo", &[]).await.result.unwrap(), b"");
    let stats = guest.executor.stats();
    assert_eq!((stats.calls(), stats.instances_created(), stats.instances_alive(), stats.traps()), (3, 3, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_has_fresh_memory() {
    let guest = Guest::new();
    let code = guest.compile(&blob("", FIELDS));
    for _ in 0..3 * executor_config().instances_max {
        assert_eq!(guest.call(&code, "spin_once", &[]).await.result.unwrap(), 1u32.to_le_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_has_a_name() {
    let guest = Guest::with_limits(HostLimits { answer_bytes_max: 1 << 16, ..HostLimits::default() });
    let code = guest.compile(&blob("", FIELDS));
    let check = async |export: &str, expected: fn(&CallError) -> bool| {
        let error = guest.error(&code, export).await;
        assert!(expected(&error), "{export}: {error:?}");
    };
    check("nothing", |error| matches!(error, CallError::NoSuchFunction { name } if name == "nothing")).await;
    check("realm_alloc", |error| matches!(error, CallError::NoSuchFunction { .. })).await;
    check("divide", |error| matches!(error, CallError::Trap { message } if message.contains("divide by zero"))).await;
    check("recurse", |error| matches!(error, CallError::StackOverflow)).await;
    check("eat", |error| matches!(error, CallError::MemoryLimit { limit, .. } if *limit == 16 << 20)).await;
    check("wild_answer", |error| matches!(error, CallError::BadPointer(_))).await;
    check("endless_answer", |error| matches!(error, CallError::AnswerTooLarge { limit, .. } if *limit == 1 << 16))
        .await;
    // Refused growth is the guest's to handle.
    assert_eq!(guest.call(&code, "grow_and_go_on", &[]).await.result.unwrap(), b"hello");
    guest.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wild_allocator_harms_nobody() {
    let guest = Guest::new();
    let sections = sections();
    for answer in ["(i32.const -8)", "(i32.const 65533)", "unreachable"] {
        let code = raw(&format!(
            "(module (memory (export \"memory\") 1) {sections}
                (func (export \"realm_alloc\") (param i32) (result i32) {answer})
                (func (export \"f\") (param i32 i32) (result i64) (i64.const 0)))"
        ));
        let code = guest.compile(&code);
        let result = guest.call(&code, "f", b"arguments").await.result;
        assert!(matches!(result, Err(CallError::BadPointer(_) | CallError::Trap { .. })), "{answer}: {result:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_do_not_grow_past_their_cap() {
    let config = ExecutorConfig { table_elements_max: 100, ..executor_config() };
    let guest = Guest::with(config, HostLimits::default(), None);
    let code = guest.compile(&blob(
        "",
        r#"(table $table 10 funcref)
           (func (export "grow") (param i32 i32) (result i64)
               (i32.store (i32.const 0) (table.grow $table (ref.null func) (i32.const 50)))
               (i32.store (i32.const 4) (table.grow $table (ref.null func) (i32.const 50)))
               (i64.const 0x800000000))"#,
    ));
    let answer = guest.call(&code, "grow", &[]).await.result.unwrap();
    assert_eq!(answer, [10, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
}

#[tokio::test]
async fn a_guest_that_loops_is_stopped_and_others_go_on() {
    let guest = Guest::new();
    let code = guest.compile(&blob("", FIELDS));
    let options = Options { deadline: Some(Duration::from_millis(300)), ..Options::default() };
    let mut spinning = std::pin::pin!(guest.call_with(&code, "spin", &[], options));
    // One thread, even one task, runs both: answers come only because the looping guest yields.
    let mut answered = 0;
    let outcome = loop {
        tokio::select! {
            outcome = &mut spinning => break outcome,
            outcome = guest.call(&code, "hello", &[]) => {
                outcome.result.unwrap();
                answered += 1;
            }
        }
    };
    assert!(answered > 0);
    assert!(matches!(outcome.result, Err(CallError::DeadlineExceeded(_))), "{:?}", outcome.result);
    assert!(outcome.usage.cpu_time > Duration::ZERO);
    guest.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_without_a_deadline_is_stopped_by_its_processor_time() {
    let limits = HostLimits { cpu_time_max: Duration::from_millis(50), ..HostLimits::default() };
    let guest = Guest::with_limits(limits.clone());
    let code = guest.compile(&blob("", FIELDS));
    let outcome = guest.call(&code, "spin", &[]).await;
    assert!(matches!(outcome.result, Err(CallError::GuestCpuExceeded(max)) if max == limits.cpu_time_max));
    assert!(outcome.usage.cpu_time >= limits.cpu_time_max);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_gives_its_place_back() {
    let config = ExecutorConfig { instances_max: 1, queue_wait_max: Duration::from_secs(60), ..executor_config() };
    let guest = Arc::new(Guest::with(config, HostLimits::default(), None));
    let code = guest.compile(&blob("", FIELDS));
    for _ in 0..3 {
        let spinning = {
            let (guest, code) = (guest.clone(), code.clone());
            tokio::spawn(async move { guest.call(&code, "spin", &[]).await })
        };
        while guest.executor.stats().instances_alive() == 0 {
            tokio::task::yield_now().await;
        }
        spinning.abort();
        assert_eq!(guest.call(&code, "hello", &[]).await.result.unwrap(), b"hello");
        assert!(spinning.await.unwrap_err().is_cancelled());
    }
    guest.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pool_queues_and_then_refuses() {
    let config = ExecutorConfig {
        instances_max: 1,
        queue_len_max: 1,
        queue_wait_max: Duration::from_millis(20),
        ..executor_config()
    };
    let guest = Arc::new(Guest::with(config, HostLimits::default(), None));
    let code = guest.compile(&blob("", FIELDS));
    let spinning = {
        let (guest, code) = (guest.clone(), code.clone());
        tokio::spawn(async move { guest.call(&code, "spin", &[]).await })
    };
    while guest.executor.stats().instances_alive() == 0 {
        tokio::task::yield_now().await;
    }
    let (first, second) = tokio::join!(guest.call(&code, "hello", &[]), guest.call(&code, "hello", &[]));
    let mut positions: Vec<usize> = [first, second]
        .into_iter()
        .map(|outcome| match outcome.result {
            Err(CallError::Overloaded { position, instances_max: 1 }) => position,
            other => panic!("{other:?}"),
        })
        .collect();
    positions.sort();
    assert_eq!(positions, [1, 2]);
    assert_eq!(guest.executor.stats().refused(), 2);
    spinning.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panics_text_reaches_the_caller() {
    let import = r#"(import "realm_context_v1" "log" (func $log (param i32 i32 i32) (result i64)))"#;
    let code = raw(&format!(
        r#"(module {import} (memory (export "memory") 2) {ALLOC} {}
            (data (i32.const 0) "panicked at 'boo'")
            (func (export "panic") (param i32 i32) (result i64)
                (drop (call $log (i32.const 0) (i32.const 0) (i32.const 17))) unreachable))"#,
        sections()
    ));
    let guest = Guest::new();
    match guest.error(&guest.compile(&code), "panic").await {
        CallError::Trap { message } => assert!(message.starts_with("panicked at 'boo'"), "{message}"),
        other => panic!("{other:?}"),
    }
}
