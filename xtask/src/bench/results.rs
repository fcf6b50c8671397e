//! The figures of the last measurement, and their section in `benches/RESULTS.md`.

use std::fmt::Write as _;

use anyhow::Result;

use super::{
    overhead::{Run, median},
    waiting::WINDOW,
};
use crate::results_file::{self, Machine};

const SECTION: &str = "overhead";
const COMMAND: &str = "cargo xtask bench overhead";

/// All figures of one measurement.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) runs: Vec<Run>,
    pub(super) rss_idle: f64,
    pub(super) rss_busy: f64,
    pub(super) requests_one: usize,
    pub(super) requests_many: usize,
    pub(super) machine: Machine,
}

impl Results {
    /// The last line of the command.
    pub(super) fn line(&self) -> String {
        let middle = |part: fn(&Run) -> f64| median(self.runs.iter().map(part));
        format!(
            "post_to_ready_ms={:.0} helm_ms={:.0} workload_ms={:.0} overhead_ms={:.0} rss_idle_mib={:.1} \
             rss_busy_mib={:.1} waiting_requests_20_over_1={:.2}",
            middle(|run| run.post_to_ready),
            middle(|run| run.helm),
            middle(|run| run.workload),
            middle(|run| run.overhead),
            self.rss_idle,
            self.rss_busy,
            self.ratio()
        )
    }

    #[expect(clippy::cast_precision_loss, reason = "a window has some hundreds of requests at most")]
    fn ratio(&self) -> f64 {
        self.requests_many as f64 / self.requests_one as f64
    }

    fn section(&self) -> String {
        let Machine { cores, memory_gib, kubernetes, helm, date } = &self.machine;
        let mut text = format!(
            "## Overhead of the control plane\n\n`cargo xtask bench overhead` on {date}: {cores} cores, {memory_gib} \
             GiB, the local cluster (Kubernetes {kubernetes}, Helm {helm}) on the same machine, optimised build, SQLite.\n\n\
             An independent watcher stamps POST, Helm's start and exit (process table, every 2 ms), the last workload \
             ready and the setup job complete (the API server's watches), and READY (the event stream). \
             Overhead = POST to READY − Helm − (Helm's exit to the last of these ready).\n\n\
             | run | POST to READY, ms | Helm, ms | workloads, ms | overhead, ms |\n|---|---|---|---|---|\n"
        );
        for (number, run) in self.runs.iter().enumerate() {
            let Run { post_to_ready, helm, workload, overhead } = run;
            let _ =
                writeln!(text, "| {} | {post_to_ready:.0} | {helm:.0} | {workload:.0} | {overhead:.0} |", number + 1);
        }
        let middle = |part: fn(&Run) -> f64| median(self.runs.iter().map(part));
        let _ = writeln!(
            text,
            "| median | {:.0} | {:.0} | {:.0} | {:.0} |\n",
            middle(|run| run.post_to_ready),
            middle(|run| run.helm),
            middle(|run| run.workload),
            middle(|run| run.overhead)
        );
        let _ = writeln!(
            text,
            "Resident memory of `store-http`: {:.1} MiB idle after these runs, {:.1} MiB at most while five stores were brought up \
             at once.\n\nRequests to the API server in {} s, Helm's apart, from its audit log: {} while one store waited, {} while \
             twenty did ({:.2} times as many).",
            self.rss_idle,
            self.rss_busy,
            WINDOW.as_secs(),
            self.requests_one,
            self.requests_many,
            self.ratio()
        );
        text
    }
}

/// Replaces the section in the file, or appends it.
pub(super) fn write(results: &Results) -> Result<()> {
    results_file::write(SECTION, COMMAND, &results.section())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let run = |overhead: f64| Run { post_to_ready: 1000.0 + overhead, helm: 300.0, workload: 700.0, overhead };
        let machine =
            Machine { cores: 2, memory_gib: 24, kubernetes: "v1".into(), helm: "v4".into(), date: "2000-01-01".into() };
        Results {
            runs: vec![run(50.0), run(70.0), run(60.0)],
            rss_idle: 20.0,
            rss_busy: 30.0,
            requests_one: 20,
            requests_many: 21,
            machine,
        }
    }

    #[test]
    fn the_last_line_has_every_figure() {
        let expected = "post_to_ready_ms=1060 helm_ms=300 workload_ms=700 overhead_ms=60 rss_idle_mib=20.0 \
                        rss_busy_mib=30.0 waiting_requests_20_over_1=1.05";
        assert_eq!(results().line(), expected);
    }
}
