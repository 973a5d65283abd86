//! `ringmq hz` and `ringmq bw`.

use serde_json::Value;

use super::{Talker, guard, ipc, runs};

fn reports(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn rates_have_the_form_of_ros() {
    let _guard = guard();
    let at = ipc("hz");
    let ticker = Talker::start(&["pub", &at, "-D", "tick", "--interval", "2ms"]);
    let text = runs(&["hz", &at, "--interval", "300ms", "-n", "2"], "");
    let lines: Vec<&str> = text.lines().collect();
    // A report without two messages is possible, and has one line.
    let rate = lines
        .iter()
        .position(|line| line.starts_with("average rate: "));
    if let Some(rate) = rate {
        let spread = lines[rate + 1];
        for word in ["\tmin: ", "s max: ", "s std dev: ", "s window: "] {
            assert!(spread.contains(word), "{spread}");
        }
    }
    ticker.kill();
}

#[test]
fn topics_are_counted_by_themselves() {
    let _guard = guard();
    let at = ipc("topics");
    let xpub = ["xpub", &at, "--format", "raw"];
    let mut xpub = Talker::start(&xpub);
    let hz = [
        "hz", &at, "--topic", "a", "--topic", "b", "--json", "-i", "200ms",
    ];
    let mut hz = Talker::start(&hz);
    // Both subscriptions are there.
    assert_eq!([xpub.line(), xpub.line()], ["\u{1}a", "\u{1}b"]);
    xpub.say("a1\na2\nb1\nc1\na3\n");
    let (mut a, mut b) = (0, 0);
    while (a, b) != (3, 1) {
        for report in reports(&format!("{}\n{}", hz.line(), hz.line())) {
            let fresh = report["messages"].as_u64().unwrap();
            match report["topic"].as_str().unwrap() {
                "a" => a += fresh,
                _ => b += fresh,
            }
            if report["topic"] == "a" && fresh == 3 {
                assert!(report["rate"].as_f64().unwrap() > 0.0);
                assert_eq!(report["window"], 3);
                let gaps = ["min", "mean", "max"].map(|name| report[name].as_f64().unwrap());
                assert!(gaps.is_sorted(), "{report}");
            }
        }
        assert!(a <= 3 && b <= 1);
    }
    hz.kill();
    xpub.kill();
}

#[test]
fn bandwidth_counts_all_parts() {
    let _guard = guard();
    let at = ipc("bw");
    let words = ["--format", "json", "-D", r#"["12345", "67890"]"#];
    let ticker = Talker::start(&[&["pub", &at, "-i", "1ms"][..], &words].concat());
    let bw = ["bw", &at, "--json", "--window", "5", "-i", "500ms"];
    let mut bw = Talker::start(&bw);
    loop {
        let report = &reports(&bw.line())[0];
        if report["messages"].as_u64().unwrap() >= 5 {
            assert_eq!(report["window"], 5);
            for size in ["mean", "min", "max"] {
                assert_eq!(report[size], 10.0);
            }
            assert!(report["bytes_per_second"].as_f64().unwrap() > 0.0);
            assert_eq!(report["topic"], Value::Null);
            break;
        }
    }
    bw.kill();
    ticker.kill();
}

#[test]
fn silence_is_told() {
    let _guard = guard();
    let at = ipc("silent");
    let text = runs(&["hz", &at, "-i", "10ms", "-n", "2"], "");
    assert_eq!(text, "no new messages\nno new messages\n");
    let text = runs(&["bw", &at, "-i", "10ms", "-n", "1", "--json"], "");
    assert_eq!(reports(&text)[0]["bytes_per_second"], Value::Null);
    // A PULL counts, too.
    let at = ipc("pull");
    let push = Talker::start(&["push", &at, "-D", "x", "-n", "3"]);
    let bw = ["bw", &at, "--kind", "pull", "--json", "-i", "200ms"];
    let mut bw = Talker::start(&bw);
    let mut count = 0;
    while count < 3 {
        count += reports(&bw.line())[0]["messages"].as_u64().unwrap();
    }
    assert_eq!(push.rest(), "");
    bw.kill();
}
