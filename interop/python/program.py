"""A program that was written for libzmq, and has numbers go to another one and back.

program.py WAY OPENS ENDPOINT COUNT, where WAY is one of the functions below, and OPENS is bind or connect. At the end it
says which library it has used, and whether it has had shared memory of ringmq mapped.
"""

import asyncio
import re
import select
import sys

import zmq
import zmq.asyncio

PATIENCE = 20_000  # ms
WINDOW = 10  # messages under way at a time

way, opens, endpoint, count = sys.argv[1:]
COUNT = int(count)
sockets = []  # open until the end


def open_socket(kind, context):
    socket = context.socket(kind)
    socket.RCVTIMEO = socket.SNDTIMEO = socket.LINGER = PATIENCE
    socket.RECONNECT_IVL = 1
    getattr(socket, opens)(endpoint)
    sockets.append(socket)
    return socket


def message(i):
    return b"number %d" % i


# --- By calls that wait


def req():
    socket = open_socket(zmq.REQ, zmq.Context.instance())
    for i in range(COUNT):
        socket.send(message(i))
        assert socket.recv() == message(i)


def echo(kind=zmq.PAIR):
    socket = open_socket(kind, zmq.Context.instance())
    for i in range(COUNT):
        received = socket.recv()
        assert received == message(i)
        socket.send(received)


def rep():
    echo(zmq.REP)


# --- By ZMQ_FD, as a loop would


def watched(wait, begins):
    """Sends a window full, or what has come, and reads what there is whenever the descriptor is readable."""
    socket = open_socket(zmq.PAIR, zmq.Context.instance())
    sleep = wait(socket.FD)
    sent = received = 0
    while min(sent, received) < COUNT:
        most = min(received + WINDOW, COUNT) if begins else received
        events = socket.EVENTS
        if events & zmq.POLLIN:
            assert socket.recv(zmq.NOBLOCK) == message(received)
            received += 1
        elif events & zmq.POLLOUT and sent < most:
            socket.send(message(sent), zmq.NOBLOCK)
            sent += 1
        else:
            # Neither, by what was asked last: only now may it sleep.
            assert sleep(), f"{received} have come, {sent} were sent, and nothing was told"


def level_triggered(begins=True):
    def wait(fd):
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return lambda: poll.poll(PATIENCE)

    watched(wait, begins)


def edge_triggered(begins=True):
    def wait(fd):
        epoll = select.epoll()
        epoll.register(fd, select.EPOLLIN | select.EPOLLET)
        return lambda: epoll.poll(PATIENCE / 1000)

    watched(wait, begins)


def echo_level_triggered():
    level_triggered(begins=False)


def echo_edge_triggered():
    edge_triggered(begins=False)


# --- By asyncio


def by_asyncio():
    async def run():
        socket = open_socket(zmq.PAIR, zmq.asyncio.Context.instance())
        window = asyncio.Semaphore(WINDOW)

        async def send():
            for i in range(COUNT):
                await window.acquire()
                await socket.send(message(i))

        async def recv():
            for i in range(COUNT):
                assert await socket.recv() == message(i)
                window.release()

        await asyncio.wait_for(asyncio.gather(send(), recv()), PATIENCE / 1000)

    asyncio.run(run())


globals()[way]()
maps = open("/proc/self/maps").read()
library = re.search(r"\S*/libzmq\S*", maps)[0]
shared = "shared" if "/memfd:ringmq-ring" in maps else "zmtp"
print("\n@ringmq", library, shared, flush=True)
# The other one has not seen that yet.
sys.stdin.readline()
