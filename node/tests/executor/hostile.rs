//! Wild numbers for every host function: each gets an error code, none traps, none harms the host.

use super::{
    guest::{Guest, Options},
    script::{Arg, Arg::*, SCRATCH, Script, raw_imports, script_blob},
};
use realm_primitives::abi::{HostErrorCode, HostErrorCode::*};
use std::sync::Arc;

const MEMORY_LEN: u32 = 4 << 16;

fn code(result: i64) -> Option<HostErrorCode> {
    u32::try_from(result.checked_neg()?).ok().and_then(HostErrorCode::from_code)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_wild_number_everywhere() {
    let guest = Guest::new();
    let blob = guest.compile(&script_blob());
    for wild in [u32::MAX, 0x8000_0000, 0x7fff_ffff, 0x1000_0000, MEMORY_LEN, MEMORY_LEN - 1] {
        let mut script = Script::new();
        let imports: Vec<_> = raw_imports().into_iter().filter(|import| !import.parameters.is_empty()).collect();
        for import in &imports {
            script.step(&import.name, &vec![Is(wild); import.parameters.len()]);
        }
        let played = script.play(&guest, &blob).await.unwrap();
        for (import, result) in imports.iter().zip(&played.results) {
            assert!(code(*result).is_some(), "{}({wild:#x}) answered {result}", import.name);
        }
        assert_eq!(played.usage.host_calls_total(), imports.len() as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pointers_outside_of_memory() {
    // Right numbers but for one pointer and its length.
    let cases: &[(&str, &[Option<u32>])] = &[
        ("log", &[Some(0), None, None]),
        ("get_tensor", &[None, None]),
        ("tokenize", &[None, None, Some(0)]),
        ("detokenize", &[None, None]),
        ("session_open", &[None, None]),
        ("sampler_open", &[None, None]),
        ("embed_pooled", &[None, None]),
        ("chat_tokens", &[None, None, Some(0)]),
        ("storage_get", &[Some(0), None, None]),
        ("storage_set", &[Some(0), None, None, Some(0), Some(1)]),
        ("storage_set", &[Some(0), Some(0), Some(1), None, None]),
        ("storage_clear", &[Some(0), None, None]),
        ("storage_next_key", &[Some(0), None, None]),
        ("storage_lock", &[Some(0), None, None]),
        ("crypto_hash", &[Some(0), None, None, Some(0)]),
        ("emit", &[None, None]),
    ];
    let guest = Guest::new();
    let blob = guest.compile(&script_blob());
    for (ptr, len) in [(MEMORY_LEN, 1), (MEMORY_LEN - 1, 2), (u32::MAX, 1), (u32::MAX - 7, 8), (1, u32::MAX)] {
        let mut script = Script::new();
        for (name, arguments) in cases {
            let mut wild = [ptr, len].into_iter();
            let arguments: Vec<Arg> =
                arguments.iter().map(|argument| Is(argument.or_else(|| wild.next()).unwrap())).collect();
            script.step(name, &arguments);
        }
        let played = script.play(&guest, &blob).await.unwrap();
        for ((name, _), result) in cases.iter().zip(played.results) {
            // A length beyond its limit is refused before it is laid on the memory.
            let expected = [Some(OutOfBounds), (len == u32::MAX).then_some(LimitExceeded)];
            assert!(expected.contains(&code(result)), "{name}({ptr:#x}, {len:#x}) answered {result}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn output_outside_of_memory_is_refused_and_not_lost() {
    let guest = Guest::new();
    let blob = guest.compile(&script_blob());
    let mut script = Script::new();
    let len = script.step("call_context", &[]);
    script.step("take", &[Is(MEMORY_LEN - 1), Of(len)]);
    script.step("take", &[Is(SCRATCH), Is(1)]);
    script.step("take", &[Is(SCRATCH), Of(len)]);
    script.step("take", &[Is(SCRATCH), Of(len)]);
    script.step("crypto_hash", &[Is(0), Is(0), Is(8), Is(MEMORY_LEN - 31)]);
    let results = script.play(&guest, &blob).await.unwrap().results;
    assert!(results[0] > 0);
    let codes: Vec<_> = results[1..].iter().map(|result| code(*result)).collect();
    let expected = [Some(OutOfBounds), Some(InvalidArgument), None, Some(InvalidArgument), Some(OutOfBounds)];
    assert_eq!(codes, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_and_forged_handles() {
    let guest = Guest::new();
    let blob = guest.compile(&script_blob());
    let mut script = Script::new();
    let (shape, rank) = (script.data(&2u32.to_le_bytes()).0, Is(1));
    let (data, data_len) = script.data(&[0, 0, 128, 63, 0, 0, 0, 64]);
    let tensor = script.step("tensor_new", &[shape, rank, data, data_len]);
    script.step("silu", &[Of(tensor)]);
    script.step("tensor_drop", &[Of(tensor)]);
    let first_bad = script.len();
    script.step("tensor_drop", &[Of(tensor)]);
    script.step("silu", &[Of(tensor)]);
    let again = script.step("tensor_new", &[shape, rank, data, data_len]);
    script.step("silu", &[Of(tensor)]);
    for handle in [0, 1, u32::MAX, 0x1000_0002, 0x2000_0000, 0x1fff_0000] {
        script.step("tensor_read", &[Is(handle), Is(SCRATCH), Is(8)]);
    }
    // A tensor's number is no session's, no logits' and no sampler's.
    for name in ["session_len", "session_drop", "logits_rows", "logits_drop", "sampler_drop", "detokenizer_finish"] {
        script.step(name, &[Of(again)]);
    }
    let results = script.play(&guest, &blob).await.unwrap().results;
    for (step, result) in results.iter().enumerate().skip(first_bad).filter(|(step, _)| *step != again as usize) {
        assert_eq!(code(*result), Some(BadHandle), "step {step}");
    }
    assert_ne!(results[tensor as usize], results[again as usize]);
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_of_another_call_are_not_there() {
    let guest = Arc::new(Guest::new());
    let blob = guest.compile(&script_blob());
    let (events, mut inbox) = realm_node::executor::event_queue(1, 1 << 20);
    let holder = {
        // Holds a tensor and waits: the first item is read, the second lies in the channel, the third waits.
        let (guest, blob) = (guest.clone(), blob.clone());
        tokio::spawn(async move {
            let mut script = Script::new();
            let shape = script.data(&1u32.to_le_bytes()).0;
            let (data, data_len) = script.data(&[0, 0, 128, 63]);
            script.step("tensor_new", &[shape, Is(1), data, data_len]);
            for _ in 0..3 {
                script.step("emit", &[data, data_len]);
            }
            let options = Options { events: Some(events), ..Options::default() };
            script.play_with(&guest, &blob, options).await.unwrap().results
        })
    };
    assert_eq!(&*inbox.recv().await.unwrap(), [0, 0, 128, 63]);
    // Every number that the other call could hold, tried while it holds it.
    let mut script = Script::new();
    for slot in 0..4 {
        script.step("tensor_read", &[Is(0x1000_0000 + slot), Is(SCRATCH), Is(4)]);
    }
    for result in script.play(&guest, &blob).await.unwrap().results {
        assert_eq!(code(result), Some(BadHandle));
    }
    while inbox.recv().await.is_some() {}
    let held = holder.await.unwrap();
    assert!(held[0] > 0 && held[1..] == [0, 0, 0], "{held:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_checked_before_anything_is_allocated() {
    let guest = Guest::new();
    let blob = guest.compile(&script_blob());
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut script = Script::new();
    let one = script.data(&words(&[1, 1])).0;
    let huge = script.data(&words(&[u32::MAX, u32::MAX, u32::MAX])).0;
    let empty = script.data(&words(&[0])).0;
    let float = script.data(&words(&[1f32.to_bits()])).0;
    let matrix = script.step("tensor_new", &[one, Is(2), float, Is(4)]);
    let mut expected = vec![None];
    let mut expect = |script: &mut Script, name: &str, arguments: &[Arg], code: HostErrorCode| {
        script.step(name, arguments);
        expected.push(Some(code));
    };
    expect(&mut script, "tensor_new", &[huge, Is(3), float, Is(4)], LimitExceeded);
    expect(&mut script, "tensor_new", &[huge, Is(100), float, Is(4)], LimitExceeded);
    expect(&mut script, "tensor_new", &[empty, Is(1), float, Is(0)], InvalidArgument);
    expect(&mut script, "tensor_new", &[one, Is(0), float, Is(4)], InvalidArgument);
    expect(&mut script, "tensor_new", &[one, Is(2), float, Is(3)], InvalidArgument);
    expect(&mut script, "repeat", &[Of(matrix), Is(0), Is(u32::MAX)], LimitExceeded);
    expect(&mut script, "repeat", &[Of(matrix), Is(2), Is(1)], InvalidArgument);
    expect(&mut script, "reshape", &[Of(matrix), huge, Is(3)], LimitExceeded);
    expect(&mut script, "narrow", &[Of(matrix), Is(0), Is(u32::MAX), Is(u32::MAX)], InvalidArgument);
    expect(&mut script, "narrow", &[Of(matrix), Is(0), Is(0), Is(0)], InvalidArgument);
    expect(&mut script, "transpose", &[Of(matrix), Is(0), Is(2)], InvalidArgument);
    expect(&mut script, "rope", &[Of(matrix), Is(0), Is(10000f32.to_bits()), Is(0)], InvalidArgument);
    expect(&mut script, "rms_norm", &[Of(matrix), Of(matrix), Is(0)], InvalidArgument);
    expect(&mut script, "candle_matmul", &[Of(matrix), Of(matrix), Is(2)], InvalidArgument);
    expect(&mut script, "storage_set", &[Is(0), one, Is(0), one, Is(1)], InvalidArgument);
    expect(&mut script, "storage_set", &[Is(0), one, Is(1025), one, Is(1)], LimitExceeded);
    expect(&mut script, "storage_set", &[Is(2), one, Is(1), one, Is(1)], InvalidArgument);
    expect(&mut script, "storage_get", &[Is(1), one, Is(1)], InvalidArgument);
    expect(&mut script, "crypto_hash", &[Is(4), one, Is(1), Is(SCRATCH)], InvalidArgument);
    expect(&mut script, "log", &[Is(4), one, Is(1)], InvalidArgument);
    expect(&mut script, "sampler_open", &[one, Is(2)], InvalidArgument);
    expect(&mut script, "get_tensor", &[one, Is(1)], ModelUnavailable);
    expect(&mut script, "memory64_load_layer", &[Is(0)], ModelUnavailable);
    expect(&mut script, "model_info", &[], ModelUnavailable);
    let results = script.play(&guest, &blob).await.unwrap().results;
    let codes: Vec<_> = results.iter().map(|result| code(*result)).collect();
    assert_eq!(codes, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_errors_text_names_the_numbers() {
    let guest = Guest::new();
    let blob = guest.compile(&script_blob());
    let mut script = Script::new();
    script.step("storage_get", &[Is(0), Is(MEMORY_LEN), Is(3)]);
    let len = script.step("error_message", &[]);
    script.step("take", &[Is(SCRATCH), Of(len)]);
    script.step("error_message", &[]);
    let played = script.play(&guest, &blob).await.unwrap();
    let text = String::from_utf8(played.scratch[..played.results[1] as usize].to_vec()).unwrap();
    assert_eq!(text, "3 bytes at 262144 do not lie in the guest's memory of 262144 bytes");
    assert_eq!(played.results[2..], [0, 0]);
}
