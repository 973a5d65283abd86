"""A stock socket that does what the lines of its standard input say, and answers each with one line.

Parts of messages are written in hexadecimal, an empty one as a dash. It ends with its standard input.
"""

import re
import select
import sys
import threading

import zmq
from zmq.utils.monitor import recv_monitor_message

PATIENCE = 20_000  # ms
PATTERN = bytes(range(251))  # as interop::pattern repeats it

# Without a buffer, so that select sees the lines that were not read.
lines = open(0, "rb", buffering=0)
context = zmq.Context()
socket = None
monitor = None
requests = []  # that the ZAP handler has got


def say(*words):
    print("@ringmq", *words, flush=True)


def parts(words):
    return [b"" if word == "-" else bytes.fromhex(word) for word in words]


def words(message):
    return [part.hex() or "-" for part in message]


def number(i):
    return i.to_bytes(8, "little")


# --- The socket


def do_open(kind):
    global socket
    socket = context.socket(getattr(zmq, kind))
    socket.RCVTIMEO = socket.SNDTIMEO = socket.LINGER = PATIENCE
    socket.RECONNECT_IVL = 20
    return ["open"]


def do_set(option, value):
    socket.setsockopt(getattr(zmq, option), int(value))
    return ["set"]


def do_set_bytes(option, value):
    socket.setsockopt(getattr(zmq, option), *parts([value]))
    return ["set"]


def do_bind(endpoint):
    socket.bind(endpoint)
    return [socket.LAST_ENDPOINT.rstrip(b"\0").decode()]


def do_connect(endpoint):
    socket.connect(endpoint)
    return ["connected"]


def do_close():
    """Closed, and what was sent has left."""
    global context
    if monitor is not None:
        do_unmonitor()
    socket.close()
    context.term()
    context = zmq.Context()
    return ["closed"]


# --- Messages


def do_send(*message):
    """A mandatory ROUTER that does not know the peer yet tries again."""
    for _ in range(PATIENCE):
        try:
            socket.send_multipart(parts(message))
            return ["sent"]
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
        socket.poll(1)
    return ["unreachable"]


def do_recv():
    return words(socket.recv_multipart())


def do_drain(patience="0"):
    """All that is there, or comes within so many milliseconds, with a comma between two messages."""
    heard = []
    while socket.poll(int(patience)):
        try:
            message = socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            # What was there was no request.
            continue
        heard += [","] * bool(heard) + words(message)
        if socket.type == zmq.REP:
            socket.send(b"")
    return heard or ["nothing"]


def do_try_send(patience, *message):
    """Sends the message if a peer has room within so many milliseconds."""
    if not socket.poll(int(patience), zmq.POLLOUT):
        return ["no room"]
    socket.send_multipart(parts(message))
    return ["sent"]


def do_mute():
    """Waits until no peer has room."""
    while socket.poll(0, zmq.POLLOUT):
        socket.poll(1)
    return ["mute"]


def do_repeat(*message):
    """Sends it every millisecond, until there is a line."""
    while not select.select([0], [], [], 0.001)[0]:
        socket.send_multipart(parts(message))
    return ["repeated"]


def do_nothing_within(ms):
    return ["something" if socket.poll(int(ms)) else "nothing"]


def do_send_numbers(first, end):
    for i in range(int(first), int(end)):
        socket.send(number(i))
    return ["sent"]


def do_recv_numbers(first, end):
    for i in range(int(first), int(end)):
        found = socket.recv()
        if found != number(i):
            return ["error", "expected", i, "not", found.hex()]
    return ["received"]


def do_send_pattern(size, count):
    """Messages of three parts: a number, the pattern, the number again."""
    pattern = (PATTERN * (int(size) // len(PATTERN) + 1))[: int(size)]
    for i in range(int(count)):
        socket.send_multipart([number(i), pattern, number(i)])
    return ["sent"]


def do_recv_pattern(size, count):
    pattern = (PATTERN * (int(size) // len(PATTERN) + 1))[: int(size)]
    for i in range(int(count)):
        if socket.recv_multipart() != [number(i), pattern, number(i)]:
            return ["error", "message", i, "is another"]
    return ["received"]


def do_recv_properties(*names):
    """Receives a message, and says what its first part tells of the connection."""
    frame = socket.recv_multipart(copy=False)[0]

    def value(name):
        try:
            return frame.get(name).encode().hex() or "-"
        except zmq.ZMQError as error:
            if error.errno != zmq.EINVAL:
                raise
            return "none"

    return [value(name) for name in names]


def do_carrier():
    """The path of the library, and whether this process has shared memory with its peer."""
    maps = open("/proc/self/maps").read()
    shared = "/memfd:ringmq-ring" in maps
    return [re.search(r"\S*/libzmq\S*", maps)[0], "shared" if shared else "zmtp"]


# --- Security


def serve_zap(handler, reply):
    try:
        while True:
            request = handler.recv_multipart()
            requests.append(request)
            if not reply:
                # The handler stops here and has answered no request.
                break
            handler.send_multipart([request[1] if word == "id" else parts([word])[0] for word in reply])
    except zmq.ContextTerminated:
        pass
    handler.close(linger=0)


def do_zap(*reply):
    """Serves ZAP, in a thread, until the socket is closed. The word "id" of a reply is the id of its request. Without a
    reply the handler ends with its first request."""
    handler = context.socket(zmq.REP)
    handler.bind("inproc://zeromq.zap.01")
    requests.clear()
    threading.Thread(target=serve_zap, args=(handler, reply), daemon=True).start()
    return ["serves"]


def do_zap_request():
    """The last request, without its id."""
    if not requests:
        return ["nothing"]
    version, _, *rest = requests[-1]
    return words([version, *rest])


# --- What becomes of connections


def do_monitor():
    global monitor
    monitor = socket.get_monitor_socket()
    return ["monitored"]


def do_unmonitor():
    global monitor
    socket.disable_monitor()
    monitor.close()
    monitor = None
    return ["unmonitored"]


def do_event(*names):
    """Waits for an event whose name begins with one of these."""
    seen = []
    while monitor.poll(PATIENCE):
        event = zmq.Event(recv_monitor_message(monitor)["event"])
        if event.name.startswith(names):
            return [event.name]
        seen.append(event.name)
    return ["error", "none of", *names, "but", *seen]


def do_next_event():
    if not monitor.poll(PATIENCE):
        return ["error", "no event"]
    return [zmq.Event(recv_monitor_message(monitor)["event"]).name]


def do_handshake():
    """The events until the first handshake has succeeded or failed, and why it has failed."""
    seen = []
    while monitor.poll(PATIENCE):
        event = recv_monitor_message(monitor)
        name = zmq.Event(event["event"]).name
        seen.append(name)
        if name.startswith("HANDSHAKE_FAILED"):
            return [*seen, event["value"]]
        if name.startswith("HANDSHAKE"):
            return seen
    return ["error", "no handshake after", *seen]


def do_no_event_within(name, ms):
    while monitor.poll(int(ms)):
        event = zmq.Event(recv_monitor_message(monitor)["event"])
        if event.name.startswith(name):
            return ["error", event.name]
    return ["none"]


say("ready")
while line := lines.readline():
    command, *arguments = line.decode().split()
    try:
        say(*globals()["do_" + command](*arguments))
    except zmq.ZMQError as error:
        say("error", command, error)
# Who leaves without a word to close is not waited for.
context.destroy(linger=0)
