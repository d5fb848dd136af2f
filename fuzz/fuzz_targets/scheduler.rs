//! Any order of events at the scheduler: no block leaked or shared wrongly, no sequence starved, every bound kept.
#![no_main]

use libfuzzer_sys::fuzz_target;
use realm_engine::fuzzing::drive_scheduler;

fuzz_target!(|bytes: &[u8]| {
    let Some((&size, mut choices)) = bytes.split_first() else { return };
    // From hardly more than one context to room for all; a tenant's bound likewise.
    let blocks = 13 + u32::from(size >> 4) * 4;
    drive_scheduler(&mut choices, blocks, 13 + u32::from(size & 15) * 3);
});
