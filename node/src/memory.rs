//! What this process has in memory.

/// Where the system tells what memory this process has.
const PROCESS_STATUS: &str = "/proc/self/status";
/// The line of it that counts what is resident, in KiB.
const RESIDENT: &str = "VmRSS:";

/// Bytes of this process that are resident, where the system is Linux.
pub fn resident_bytes() -> Option<u64> {
    read_resident(&std::fs::read_to_string(PROCESS_STATUS).ok()?)
}

fn read_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(RESIDENT))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_of_memory_is_read() {
        let check = |text, bytes| assert_eq!(read_resident(text), bytes, "{text}");
        check("Name:\trealm\nVmHWM:\t     300 kB\nVmRSS:\t     200 kB\nThreads:\t4\n", Some(200 * 1024));
        check("Name:\trealm\n", None);
        check("VmRSS:\t200 pages\n", None);
        assert_eq!(resident_bytes().is_some(), cfg!(target_os = "linux"));
    }
}
