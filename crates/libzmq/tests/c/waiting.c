/* How long calls wait, and what is left when a socket closes; the descriptor that tells when to look. */
#include "endpoints.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

static long long now (void)
{
    struct timespec time;
    CHECK (clock_gettime (CLOCK_MONOTONIC, &time) == 0);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static void timeouts (void)
{
    void *context = zmq_ctx_new ();
    void *pair = made (context, ZMQ_PAIR);
    long long begin = now ();
    set (pair, ZMQ_RCVTIMEO, 50);
    REFUSED (zmq_recv (pair, NULL, 0, 0), EAGAIN);
    CHECK (now () - begin >= 49);
    begin = now ();
    set (pair, ZMQ_SNDTIMEO, 50);
    REFUSED (zmq_send (pair, "x", 1, 0), EAGAIN);
    CHECK (now () - begin >= 49);
    /* 0 is as DONTWAIT, and with DONTWAIT no time counts. */
    set (pair, ZMQ_RCVTIMEO, 0);
    REFUSED (zmq_recv (pair, NULL, 0, 0), EAGAIN);
    set (pair, ZMQ_RCVTIMEO, -1);
    REFUSED (zmq_recv (pair, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
    CHECK (zmq_close (pair) == 0 && zmq_ctx_term (context) == 0);
}

/* Credit comes back in steps of half of the mark. */
static void steps (int sending, int receiving)
{
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *pull = made (context, ZMQ_PULL);
    int mark = sending + receiving, step = (mark + 1) / 2;
    set (push, ZMQ_SNDHWM, sending);
    set (pull, ZMQ_RCVHWM, receiving);
    CHECK (zmq_bind (pull, "inproc://steps") == 0 && zmq_connect (push, "inproc://steps") == 0);
    for (int at = 0; at < mark; at++)
        put (push, "x", ZMQ_DONTWAIT);
    for (int taken = 1; taken <= step; taken++) {
        CHECK (get (push, ZMQ_EVENTS) == 0);
        take (pull, "x", 0);
    }
    CHECK (get (push, ZMQ_EVENTS) == ZMQ_POLLOUT);
    for (int at = 0; at < step; at++)
        put (push, "x", ZMQ_DONTWAIT);
    CHECK (get (push, ZMQ_EVENTS) == 0);
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
}

/* Returns how many of 10 messages arrive at a peer that binds only after the sender has closed. */
static int left (int linger, int wait)
{
    void *context = zmq_ctx_new (), *other = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *pull = made (other, ZMQ_PULL);
    char endpoint[64];
    free_tcp (endpoint);
    set (push, ZMQ_LINGER, linger);
    set (push, ZMQ_RECONNECT_IVL, 10);
    CHECK (zmq_connect (push, endpoint) == 0);
    for (int at = 0; at < 10; at++)
        put (push, "x", 0);
    CHECK (zmq_close (push) == 0);
    long long begin = now ();
    if (wait)
        CHECK (zmq_ctx_term (context) == 0);
    if (linger > 0)
        CHECK (now () - begin >= linger - 1);
    CHECK (zmq_bind (pull, endpoint) == 0);
    set (pull, ZMQ_RCVTIMEO, linger == -1 ? -1 : 200);
    int count = 0;
    for (; count < 10 && zmq_recv (pull, NULL, 0, 0) == 1; count++)
        ;
    if (!wait)
        CHECK (zmq_ctx_term (context) == 0);
    CHECK (zmq_close (pull) == 0 && zmq_ctx_term (other) == 0);
    return count;
}

static int readable (int descriptor, int timeout)
{
    struct pollfd item = {descriptor, POLLIN, 0};
    int ready = poll (&item, 1, timeout);
    CHECK (ready >= 0);
    return ready;
}

/* It says when to ask for events, not what there is. */
static void descriptor (const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *pull = made (context, ZMQ_PULL), *push = made (context, ZMQ_PUSH);
    char bound[64];
    CHECK (zmq_bind (pull, endpoint) == 0);
    last_endpoint (pull, bound);
    int watched = get (pull, ZMQ_FD);
    CHECK (zmq_connect (push, bound) == 0);
    for (int round = 0; round < 100; round++) {
        put (push, "x", 0);
        while ((get (pull, ZMQ_EVENTS) & ZMQ_POLLIN) == 0)
            CHECK (readable (watched, 20000) == 1);
        /* Whatever the descriptor says now, the message is there, and one is all there is. */
        take (pull, "x", 0);
        REFUSED (zmq_recv (pull, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
    }
    CHECK (get (pull, ZMQ_EVENTS) == 0 && readable (watched, 0) == 0);
    CHECK (get (pull, ZMQ_FD) == watched);
    CHECK (zmq_close (pull) == 0 && zmq_close (push) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    timeouts ();
    steps (2, 3);
    steps (1, 1);
    steps (100, 1);
    CHECK (left (0, 1) == 0 && left (50, 1) == 0 && left (-1, 0) == 10);
    descriptor ("inproc://waiting");
    descriptor ("ipc://awaited");
    descriptor ("tcp://127.0.0.1:*");
    return 0;
}
