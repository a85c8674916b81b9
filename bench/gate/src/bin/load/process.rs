//! What the kernel has booked on processes: CPU time of this one and of the server beside it, and the server's memory.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

pub fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// User and system time of all threads, those that have ended included.
pub fn cpu(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks = cpu_ticks(&stat)?;
    Some(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

fn cpu_ticks(stat: &str) -> Option<u64> {
    // The name stands in parentheses and may hold anything; the fields after it begin with the third.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut field = || fields.next()?.parse::<u64>().ok();
    Some(field()? + field()?)
}

/// Resident and peak resident memory in KiB.
pub fn memory(pid: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = |name: &str| {
        let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_ascii_whitespace().next()?.parse().ok()
    };
    Some((line("VmRSS:")?, line("VmHWM:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_user_and_system_whatever_the_program_is_called() {
        assert_eq!(cpu_ticks("7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 12 30 0 0 20 0 3 0 500"), Some(42));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_memory_and_cpu_time() {
        let (now, peak) = memory(std::process::id()).unwrap();
        assert!(now > 0 && peak >= now);
        assert!(cpu(std::process::id()).is_some());
    }
}
