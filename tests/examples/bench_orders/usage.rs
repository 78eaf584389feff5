//! What the process has used, as Linux tells it.

use std::fs::read_to_string;
use std::ops::Sub;
use std::time::Duration;

/// Of `/proc/self/stat`, in Linux's fixed unit for programs.
const TICKS_A_SECOND: f64 = 100.0;

#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// In user and kernel mode, all threads.
    pub cpu: Duration,
    /// Bytes on their way to the disk: databases and log.
    pub written: u64,
}

impl Usage {
    /// `None` on other systems.
    pub fn now() -> Option<Usage> {
        let stat = read_to_string("/proc/self/stat").ok()?;
        // The second field is the program's name in brackets, which may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
        let io = read_to_string("/proc/self/io").ok()?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "))?;
        Some(Usage {
            cpu: Duration::from_secs_f64((ticks(11)? + ticks(12)?) / TICKS_A_SECOND),
            written: written.parse().ok()?,
        })
    }
}

impl Sub for Usage {
    type Output = Usage;

    fn sub(self, before: Usage) -> Usage {
        Usage {
            cpu: self.cpu.saturating_sub(before.cpu),
            written: self.written.saturating_sub(before.written),
        }
    }
}

/// Over the last minute.
pub fn load_average() -> Option<f64> {
    let text = read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}
