/* High water marks. */
#include "check.h"

static int filled (void *socket)
{
    int sent = 0;
    while (sent < 10000 && zmq_send (socket, "x", 1, ZMQ_DONTWAIT) == 1)
        sent++;
    return sent;
}

/* What both sides let wait counts together. */
static void count (int sending, int receiving, int connect_first, int expected)
{
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *pull = made (context, ZMQ_PULL);
    set (push, ZMQ_SNDHWM, sending);
    set (pull, ZMQ_RCVHWM, receiving);
    if (connect_first)
        CHECK (zmq_connect (push, "inproc://marks") == 0);
    CHECK (zmq_bind (pull, "inproc://marks") == 0);
    if (!connect_first)
        CHECK (zmq_connect (push, "inproc://marks") == 0);
    CHECK (filled (push) == expected && errno == (expected < 10000 ? EAGAIN : errno));
    for (int at = 0; at < expected; at++)
        take (pull, "x", 0);
    REFUSED (zmq_recv (pull, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
}

/* A publisher drops, and never waits. */
static void dropped (void)
{
    void *context = zmq_ctx_new ();
    void *publisher = made (context, ZMQ_PUB), *subscriber = made (context, ZMQ_SUB);
    set (publisher, ZMQ_SNDHWM, 2);
    set (subscriber, ZMQ_RCVHWM, 3);
    CHECK (zmq_bind (publisher, "inproc://marks") == 0 && zmq_connect (subscriber, "inproc://marks") == 0);
    CHECK (zmq_setsockopt (subscriber, ZMQ_SUBSCRIBE, "", 0) == 0);
    CHECK (get (publisher, ZMQ_EVENTS) == ZMQ_POLLOUT);
    for (int at = 0; at < 100; at++)
        put (publisher, "x", 0);
    for (int at = 0; at < 5; at++)
        take (subscriber, "x", 0);
    REFUSED (zmq_recv (subscriber, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
    CHECK (zmq_close (publisher) == 0 && zmq_close (subscriber) == 0 && zmq_ctx_term (context) == 0);
}

/* Marks that change after a bind or a connect hold up no receiver that takes all: both ends count by the same ones. The
   sockets change them before the other end knows of them, and bind before they connect or after that. */
static void lowered (const char *endpoint, int sender_binds, int connect_first)
{
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *pull = made (context, ZMQ_PULL);
    void *binds = sender_binds ? push : pull, *connects = sender_binds ? pull : push;
    char bound[256];
    size_t size = sizeof bound;
    set (push, ZMQ_SNDTIMEO, 20000);
    if (connect_first)
        CHECK (zmq_connect (connects, endpoint) == 0);
    else
        CHECK (zmq_bind (binds, endpoint) == 0 && zmq_getsockopt (binds, ZMQ_LAST_ENDPOINT, bound, &size) == 0);
    set (push, ZMQ_SNDHWM, 3);
    set (pull, ZMQ_RCVHWM, 2);
    if (connect_first)
        CHECK (zmq_bind (binds, endpoint) == 0);
    else
        CHECK (zmq_connect (connects, bound) == 0);
    for (int at = 0; at < 3000; at++) {
        put (push, "x", 0);
        take (pull, "x", 0);
    }
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    count (2, 3, 0, 5);
    count (2, 3, 1, 5);
    count (1, 1, 0, 2);
    count (0, 3, 0, 10000);
    count (3, 0, 1, 10000);
    dropped ();
    for (int sender_binds = 0; sender_binds < 2; sender_binds++) {
        lowered ("inproc://marks", sender_binds, 0);
        lowered ("inproc://marks", sender_binds, 1);
        lowered ("ipc://*", sender_binds, 0);
        lowered ("tcp://127.0.0.1:*", sender_binds, 0);
    }
    return 0;
}
