//! The executor's limits. All memory is reserved once, at start; nothing grows with load.

use realm_work::guests::GuestConfig;
use std::{path::PathBuf, time::Duration};

/// How many instances there are and how big they may get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorConfig {
    /// Instances alive at once: calls running, those that wait in a host function included. Default 256.
    pub instances_max: u32,
    /// Calls that may wait for an instance. Default 1024.
    pub queue_len_max: usize,
    /// How long a call waits for an instance at most. Default 10 s.
    pub queue_wait_max: Duration,
    /// Bytes of a blob, uncompressed. Default 32 MiB.
    pub code_bytes_max: usize,
    /// Linear memory of an instance, in bytes; a tenant's limit may be less. Default 64 MiB.
    pub memory_bytes_max: usize,
    /// Tables of a blob. Default 4.
    pub tables_max: u32,
    /// Elements of a table. Default 16384.
    pub table_elements_max: usize,
    /// Stack of the guest, in bytes. Default 512 KiB.
    pub guest_stack_bytes_max: usize,
    /// Stack of the host functions below it, in bytes. Default 1536 KiB.
    pub host_stack_bytes: usize,
    /// Memory of a pool slot that stays resident between calls, in bytes: cleared by copying instead
    /// of by faulting pages in again. Default 256 KiB.
    pub keep_resident_bytes: usize,
    /// How often a running guest is looked at. Default 1 ms.
    pub epoch_interval: Duration,
    /// The threads that guests run on.
    pub guests: GuestConfig,
    /// The `realm` program, if blobs of upgrades are compiled in processes of their own; else threads of this one compile
    /// them. Default none; `realm serve` names itself.
    pub compile_program: Option<PathBuf>,
    /// Threads that compile the blob of an upgrade. Default half as many as the machine has processors, and at least one: a
    /// processor that nobody compiles on answers at once, and one that is compiled on often only at its next tick (4 ms).
    pub compile_threads: usize,
    /// How far whoever compiles blobs for upgrades steps back behind all others, as in `nice`, 0 to 19. Default 19.
    pub compile_niceness: u8,
    /// Memory that a process may have which compiles a blob, in bytes. Default 1 GiB.
    pub compile_memory_bytes_max: usize,
    /// Processor time that a process may take to compile a blob, in whole seconds. Default 60 s.
    pub compile_cpu_time_max: Duration,
    /// Where machine code of runtimes is kept between starts. Only the node's own user may write there. Default nowhere.
    pub compiled_dir: Option<PathBuf>,
}

impl Default for ExecutorConfig {
    fn default() -> Self {
        Self {
            instances_max: 256,
            queue_len_max: 1024,
            queue_wait_max: Duration::from_secs(10),
            code_bytes_max: 32 << 20,
            memory_bytes_max: 64 << 20,
            tables_max: 4,
            table_elements_max: 16_384,
            guest_stack_bytes_max: 512 << 10,
            host_stack_bytes: 1536 << 10,
            keep_resident_bytes: 256 << 10,
            epoch_interval: Duration::from_millis(1),
            guests: GuestConfig::default(),
            compile_program: None,
            compile_threads: std::thread::available_parallelism().map_or(1, |count| (count.get() / 2).max(1)),
            compile_niceness: 19,
            compile_memory_bytes_max: 1 << 30,
            compile_cpu_time_max: Duration::from_secs(60),
            compiled_dir: None,
        }
    }
}
