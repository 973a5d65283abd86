"""Large messages by PUSH and PULL over ipc beside busy processes: ringmq in turn with the libzmq of the system.

    /usr/bin/python3 examples/python/large_messages.py target/release

The argument is a folder that holds `libzmq.so.5`, ringmq's; several folders are compared with each other. Each row is one
library: GB/s (the slowest run, the median), page faults and CPU time of sender and receiver (medians). Page faults and
CPU time depend less on other programs of the machine than GB/s do.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

STOCK = "stock"


def usage():
    """Page faults without a disk, and seconds of CPU, of this process."""
    now = resource.getrusage(resource.RUSAGE_SELF)
    return now.ru_minflt, now.ru_utime + now.ru_stime


def report(begun, before):
    after = usage()
    print(json.dumps([time.monotonic() - begun, after[0] - before[0], after[1] - before[1]]), flush=True)


def pull(endpoint, size, count, mark):
    import zmq

    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        socket.rcvhwm = mark
        socket.bind(endpoint)
        print("bound", flush=True)
        socket.recv()
        begun, before = time.monotonic(), usage()
        for _ in range(count):
            if len(socket.recv()) != size:
                sys.exit("a message of another length")
        report(begun, before)


def push(endpoint, size, count, mark):
    import zmq

    message = b"x" * size
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.sndhwm = mark
        socket.connect(endpoint)
        socket.send(b"begin")
        # The connection is under way by then.
        time.sleep(0.1)
        begun, before = time.monotonic(), usage()
        for _ in range(count):
            socket.send(message)
        report(begun, before)


def start(role, library, arguments):
    environment = dict(os.environ)
    environment.pop("LD_LIBRARY_PATH", None)
    if library != STOCK:
        environment["LD_LIBRARY_PATH"] = library
    # A session of its own, as another program is: the scheduler may share CPU time between sessions.
    return subprocess.Popen(
        [sys.executable, __file__, "--role", role, *map(str, arguments)],
        env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )


def run(library, size, count, mark):
    """GB/s, and what sender and receiver report."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = f"ipc://{folder}/socket", size, count, mark
        with start("pull", library, arguments) as receiver:
            if receiver.stdout.readline() != "bound\n":
                sys.exit(f"{library}: the receiver did not start")
            with start("push", library, arguments) as sender:
                received = json.loads(receiver.stdout.readline())
                sent = json.loads(sender.stdout.readline())
    return size * count / received[0] / 1e9, sent, received


def row(library, runs):
    rates = [rate for rate, _, _ in runs]
    median = lambda end, field: statistics.median(one[end][field] for one in runs)
    cells = [f"{min(rates):8.2f} {statistics.median(rates):8.2f}"]
    cells += [f"{median(end, 1):9,.0f} faults {median(end, 2):6.2f} s" for end in (1, 2)]
    print(f"  {library:24} {' | '.join(cells)}", flush=True)
    return rates


def number(text):
    units = {"K": 1 << 10, "M": 1 << 20}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


def measure(options):
    for size in options.sizes:
        for mark in options.marks:
            runs = {library: [] for library in [STOCK, *options.folders]}
            for _ in range(options.rounds):
                for library, done in runs.items():
                    done.append(run(library, size, max(1, options.bytes // size), mark))
            print(f"{size >> 10} KiB, marks of {mark}        slowest   median GB/s | sender | receiver")
            stock = statistics.median(row(STOCK, runs[STOCK]))
            for library in options.folders:
                slowest = min(row(library, runs[library]))
                print(f"    its slowest run is {slowest / stock:.2f} x the median of {STOCK}", flush=True)


def main():
    if sys.argv[1:2] == ["--role"]:
        role, endpoint, size, count, mark = sys.argv[2:]
        {"push": push, "pull": pull}[role](endpoint, int(size), int(count), int(mark))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=os.path.abspath, help="folders with a libzmq.so.5")
    parser.add_argument("--busy", type=int, default=2, help="busy processes beside (default: 2)")
    parser.add_argument("--rounds", type=int, default=10, help="runs of each library (default: 10)")
    parser.add_argument("--sizes", type=number, nargs="+", default=[64 << 10, 1 << 20, 4 << 20])
    parser.add_argument("--marks", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--bytes", type=number, default=1 << 30, help="bytes of a run (default: 1024M)")
    options = parser.parse_args()
    busy = [
        subprocess.Popen(["sh", "-c", "while :; do :; done"], start_new_session=True) for _ in range(options.busy)
    ]
    try:
        measure(options)
    finally:
        for process in busy:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
