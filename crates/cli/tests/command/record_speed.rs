//! How many messages `ringmq record` takes: a measurement, which `cargo test --release -- --ignored` runs.

use std::time::Instant;

use ringmq::{Context, Kind, SetOption};
use ringmq_testing::Scratch;

use crate::recordings::look;
use crate::{errors, ipc, ringmq};

/// A PUB sends 1 KiB as fast as the recorder takes it, over shared memory, into a file in memory.
#[test]
#[ignore = "a measurement"]
fn messages_in_a_second() {
    let scratch = Scratch::new();
    let memory = format!("/dev/shm/ringmq-speed-{}.mcap", std::process::id());
    for (file, more) in [
        (memory.clone(), &[][..]),
        (scratch.path("a.mcap"), &[]),
        (memory.clone(), &["--zstd"]),
    ] {
        for waits in [true, false] {
            const COUNT: u64 = 2_000_000;
            let endpoint = ipc("speed");
            let context = Context::new().unwrap();
            let mut news = context.socket(Kind::Xpub).unwrap();
            news.set(SetOption::XpubNodrop(waits)).unwrap();
            news.bind(&endpoint).unwrap();
            let arguments = [
                "record",
                &file,
                &endpoint,
                "--force",
                "--json",
                "--timeout",
                "2",
            ];
            let child = ringmq(&arguments).args(more).spawn().unwrap();
            news.recv().unwrap();
            // The connection moves to shared memory when it is a moment old.
            for _ in 0..20 {
                news.send("begin").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            let body: Vec<u8> = (0..1024_u32).map(|at| (at * at / 7) as u8).collect();
            let start = Instant::now();
            for _ in 0..COUNT {
                news.send_slice(&body).unwrap();
            }
            let sending = start.elapsed().as_secs_f64();
            let output = child.wait_with_output().unwrap();
            let numbers = String::from_utf8_lossy(&output.stdout);
            let rate = COUNT as f64 / sending;
            println!(
                "{file} {more:?} waits {waits}: {rate:.0}/s sent; {numbers}{}",
                errors(&output)
            );
            println!("{}", look("verify", &file).0);
        }
    }
    let _ = std::fs::remove_file(memory);
}
