//! The properties of a machine that its figures depend on.

use std::fmt;
use std::fs;
use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::plan::cpu::{self, Pin};

/// The machine of a comparison, printed above its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// The name of the processor, if the kernel reports one.
    pub processor: Option<String>,
    /// The number of CPUs that this process may use.
    pub cpus: usize,
    /// The version of the kernel.
    pub kernel: String,
    /// The two CPUs of the rows that need two; `None` if there is only one.
    pub pair: Option<(usize, usize)>,
    /// The number of CPUs that other programs kept busy just now (0.5 is half of one).
    pub busy: f64,
}

/// How long the load of other programs is measured.
const GLANCE: Duration = Duration::from_millis(300);
/// The load above which a warning is printed, in CPUs.
const BUSY: f64 = 0.15;

impl Machine {
    /// This machine, with the CPUs of `pin` or of [`apart`](crate::apart). Takes a third of a second.
    ///
    /// # Errors
    ///
    /// [`Error::Cpu`] for a CPU that this process may not use, [`Error::Choice`] for [`Pin::None`].
    pub fn this(pin: Option<Pin>) -> Result<Machine, Error> {
        let pair = match pin {
            None => cpu::apart(),
            Some(Pin::Cpus(near, far)) => Some((near, far)),
            Some(Pin::None) => {
                return Err(Error::Choice {
                    what: "a comparison has pinned rows and others".to_owned(),
                    remedy: "name the two CPUs with --pin A,B, or leave --pin away".to_owned(),
                });
            }
        };
        pin.map_or(Ok(()), Pin::check)?;
        let release = rustix::system::uname()
            .release()
            .to_string_lossy()
            .into_owned();
        let version = release
            .split_once('-')
            .map_or(release.as_str(), |(version, _)| version);
        Ok(Machine {
            processor: fs::read_to_string("/proc/cpuinfo")
                .ok()
                .as_deref()
                .and_then(processor),
            cpus: cpu::allowed_cpus().len(),
            kernel: version.to_owned(),
            pair,
            busy: watch_others(),
        })
    }
}

/// The number of CPUs that are busy while this process sleeps; 0 if the kernel does not report it.
fn watch_others() -> f64 {
    let look = || times(&fs::read_to_string("/proc/stat").unwrap_or_default());
    let before = look();
    thread::sleep(GLANCE);
    let after = look();
    let (busy, idle) = (after.0 - before.0, after.1 - before.1);
    let share = busy / (busy + idle).max(1.0);
    share * thread::available_parallelism().map_or(1.0, |all| all.get() as f64)
}

/// The busy and the idle ticks of all CPUs in the text of /proc/stat. Ticks that a hypervisor gave to other guests
/// count as busy. Source: proc_stat(5).
fn times(stat: &str) -> (f64, f64) {
    let line = stat
        .lines()
        .find_map(|line| line.strip_prefix("cpu "))
        .unwrap_or_default();
    // user nice system idle iowait irq softirq steal; the ticks of guests are part of user
    let ticks = line
        .split_whitespace()
        .map(|word| word.parse().unwrap_or(0.0));
    let ticks: Vec<f64> = ticks.take(8).collect();
    let idle = ticks.iter().skip(3).take(2).sum();
    (ticks.iter().sum::<f64>() - idle, idle)
}

/// The name of the first processor in the text of /proc/cpuinfo.
fn processor(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processor = self.processor.as_deref().unwrap_or("unnamed processor");
        let plural = if self.cpus == 1 { "" } else { "s" };
        write!(
            f,
            "{processor}, {} CPU{plural} for this process, Linux {}",
            self.cpus, self.kernel
        )?;
        match self.pair {
            None => write!(
                f,
                "\nOnly one CPU may be used: all rows that need two are left out."
            ),
            Some((near, far)) if near == far => {
                write!(
                    f,
                    "\nCPU {near} twice is one CPU: all rows that need two are left out."
                )
            }
            Some((near, far)) if cpu::share_a_core(near, far) => write!(
                f,
                "\nCPU {near} and {far} are two threads of one core: rows of \"two cores\" are of two threads."
            ),
            Some(_) => Ok(()),
        }?;
        if self.busy > BUSY {
            write!(
                f,
                "\nOther programs keep {:.1} CPUs busy: figures will vary. Stop them and run this once more.",
                self.busy
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named_or_not() {
        let text = "processor\t: 0\nmodel name\t: A B @ 2 GHz\nprocessor\t: 1\n";
        assert_eq!(processor(text).as_deref(), Some("A B @ 2 GHz"));
        assert_eq!(processor("processor\t: 0\n"), None);
    }

    #[test]
    fn a_machine_with_one_cpu_says_so() {
        let machine = Machine {
            cpus: 1,
            pair: None,
            ..Machine::this(None).unwrap()
        };
        assert!(
            machine.to_string().contains("1 CPU for this process"),
            "{machine}"
        );
        assert!(machine.to_string().contains("left out"), "{machine}");
    }

    #[test]
    fn two_cpus_have_to_be_ours() {
        assert!(matches!(
            Machine::this(Some(Pin::None)),
            Err(Error::Choice { .. })
        ));
        assert!(matches!(
            Machine::this(Some(Pin::Cpus(0, 1023))),
            Err(Error::Cpu { .. })
        ));
    }

    #[test]
    fn a_busy_machine_is_told_from_an_idle_one() {
        let stat = "cpu  10 1 5 100 7 1 2 4 9 0\ncpu0 1 2 3 4\n";
        assert_eq!(times(stat), (23.0, 107.0));
        assert_eq!(times(""), (0.0, 0.0));
        let busy = |busy| {
            Machine {
                busy,
                ..Machine::this(None).unwrap()
            }
            .to_string()
        };
        assert!(busy(0.5).contains("0.5 CPUs busy") && !busy(0.0).contains("busy"));
    }
}
