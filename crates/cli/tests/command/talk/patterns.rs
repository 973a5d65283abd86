//! Each pattern, between two commands.

use super::{Talker, guard, ipc, run, runs};

#[test]
fn what_is_pushed_is_pulled() {
    let _guard = guard();
    for transport in ["ipc", "tcp"] {
        let at = match transport {
            "ipc" => ipc("push"),
            _ => "tcp://127.0.0.1:*".to_owned(),
        };
        let mut pull = Talker::start(&["pull", "--verbose", &at, "--count", "4"]);
        let at = pull.bound();
        let output = runs(&["push", &at], "one\ntwo\n\nlast");
        assert_eq!(output, "");
        assert_eq!(pull.rest(), "one\ntwo\n\nlast\n");
    }
}

#[test]
fn the_only_message_of_a_publisher_arrives() {
    let _guard = guard();
    // Whichever begins first, and whichever is bound.
    for (of_pub, of_sub) in [("--bind", "--connect"), ("--connect", "--bind")] {
        let at = ipc("pub");
        let sub = ["sub", of_sub, &at, "--count", "1", "--topic", "weather"];
        let early = Talker::start(&sub);
        let news = ["pub", of_pub, &at, "--topic", "weather", "-D", "sunny"];
        runs(&news, "");
        assert_eq!(early.rest(), "weather\tsunny\n");

        let at = ipc("pub");
        let publisher = Talker::start(&["pub", of_pub, &at, "-D", "late news"]);
        let sub = runs(&["sub", of_sub, &at, "--count", "1"], "");
        assert_eq!(sub, "late news\n");
        assert_eq!(publisher.rest(), "");
    }
}

#[test]
fn a_publisher_waits_for_all_subscribers() {
    let _guard = guard();
    let at = ipc("three");
    let news = ["pub", &at, "-D", "news", "--wait-peers", "3"];
    let publisher = Talker::start(&news);
    let subs: Vec<_> = (0..3)
        .map(|_| Talker::start(&["sub", &at, "-n", "1"]))
        .collect();
    for sub in subs {
        assert_eq!(sub.rest(), "news\n");
    }
    assert_eq!(publisher.rest(), "");
}

#[test]
fn nothing_of_a_long_stream_is_lost() {
    let _guard = guard();
    let at = ipc("stream");
    let lines: String = (0..30_000).map(|number| format!("{number}\n")).collect();
    let sub = std::thread::spawn({
        let at = at.clone();
        move || runs(&["sub", &at, "--count", "30000"], "")
    });
    runs(&["pub", &at], &lines);
    assert_eq!(sub.join().unwrap(), lines);
}

#[test]
fn topics_choose() {
    let _guard = guard();
    let at = ipc("topics");
    let sub = ["sub", &at, "--topic", "a", "--topic", "c", "--count", "2"];
    let sub = Talker::start(&sub);
    runs(&["pub", &at], "apple\nbanana\ncherry\n");
    assert_eq!(sub.rest(), "apple\ncherry\n");
}

#[test]
fn requests_have_replies() {
    let _guard = guard();
    let at = ipc("echo");
    let mut rep = Talker::start(&["rep", &at]);
    assert_eq!(runs(&["req", &at], "one\ntwo\n"), "one\ntwo\n");
    assert_eq!([rep.line(), rep.line()], ["one", "two"]);
    rep.kill();

    let at = ipc("fixed");
    let rep = Talker::start(&["rep", &at, "--data", "42", "--quiet", "--count", "3"]);
    let req = ["req", &at, "--data", "6 * 7", "--count", "3"];
    assert_eq!(runs(&req, ""), "42\n42\n42\n");
    assert_eq!(rep.rest(), "");
}

#[test]
fn a_command_answers() {
    let _guard = guard();
    let at = ipc("exec");
    let rep = ["rep", &at, "--quiet", "-n", "2", "--exec", "tr a-z A-Z"];
    let rep = Talker::start(&rep);
    assert_eq!(runs(&["req", &at], "hello\nworld\n"), "HELLO\nWORLD\n");
    assert_eq!(rep.rest(), "");

    // A command that fails answers with what it printed, and says so.
    let at = ipc("exec");
    let rep = Talker::start(&["rep", &at, "-q", "-n", "1", "--exec", "echo no; exit 7"]);
    assert_eq!(runs(&["req", &at, "-D", "x"], ""), "no\n");
    let output = rep.finish();
    assert!(output.status.success());
    assert!(crate::errors(&output).contains("exit status: 7"));
}

#[test]
fn two_pairs_talk_both_ways() {
    let _guard = guard();
    let at = ipc("pair");
    let mut one = Talker::start(&["pair", "--bind", &at]);
    let mut other = Talker::start(&["pair", &at]);
    for round in 0..3 {
        one.say(format!("question {round}\n"));
        assert_eq!(other.line(), format!("question {round}"));
        other.say(format!("answer {round}\n"));
        assert_eq!(one.line(), format!("answer {round}"));
    }
    // The end of the input leaves the other direction alone.
    one.end_input();
    other.say("still here\n");
    assert_eq!(one.line(), "still here");
    one.kill();
    other.kill();
}

#[test]
fn a_router_knows_its_dealers_by_their_ids() {
    let _guard = guard();
    let at = ipc("router");
    let mut router = Talker::start(&["router", &at]);
    let dealer = |id: &'static str| {
        let arguments = ["dealer", &at, "--id", id, "-D", "hello", "--count", "1"];
        Talker::start(&arguments)
    };
    let (alice, bob) = (dealer("alice"), dealer("bob"));
    let mut lines = [router.line(), router.line()];
    lines.sort();
    assert_eq!(lines, [r#""alice" "hello""#, r#""bob" "hello""#]);
    router.say("bob \"for bob\"\nalice for-alice\n");
    assert_eq!(alice.rest(), "for-alice\n");
    assert_eq!(bob.rest(), "for bob\n");
    router.say("carol hello\n");
    assert_eq!(router.error("no peer has the id "), "\"carol\"");
    router.kill();
}

#[test]
fn an_xpub_sees_subscriptions() {
    let _guard = guard();
    let at = ipc("xpub");
    let mut xpub = Talker::start(&["xpub", &at, "--format", "quoted"]);
    let xsub = ["xsub", &at, "--topic", "a", "--count", "1"];
    let xsub = Talker::start(&xsub);
    assert_eq!(xpub.line(), r#""\x01a""#);
    xpub.say("\"abc\"\n");
    assert_eq!(xsub.rest(), "abc\n");
    xpub.kill();
}

#[test]
fn several_endpoints_share_the_work() {
    let _guard = guard();
    let (one, other) = (ipc("one"), ipc("other"));
    let pulls = [&one, &other].map(|at| Talker::start(&["pull", at, "--count", "2"]));
    runs(&["push", &one, &other, "--wait-peers", "2"], "a\nb\nc\nd\n");
    let mut all: Vec<String> = pulls
        .into_iter()
        .flat_map(|pull| pull.rest().lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    all.sort();
    assert_eq!(all, ["a", "b", "c", "d"]);
}

#[test]
fn a_prefix_of_an_endpoint_decides() {
    let _guard = guard();
    let at = ipc("prefix");
    let push = Talker::start(&["push", &format!("@{at}"), "-D", "job"]);
    let pull = run(&["pull", &format!(">{at}"), "-n", "1"], "");
    assert_eq!(pull.stdout, b"job\n");
    assert_eq!(push.rest(), "");
}
