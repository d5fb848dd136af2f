#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| realm_fuzz::gguf_load(bytes));
