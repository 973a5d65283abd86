/* A mark of 0 loses nothing, and a small one holds the sender back, between sockets of two connections (libzmq #4394,
 * #4529). */
#include "endpoints.h"

#include <stdlib.h>

/* --- A mark of 0. */

enum { COUNT = 50000 };

/* Nothing is received before everything is sent. */
static void loses_nothing (const char *endpoint, int from, int to)
{
    void *context = zmq_ctx_new ();
    void *sends = made (context, from), *receives = made (context, to);
    char bound[64], part[256] = {0};
    set (sends, ZMQ_SNDHWM, 0);
    set (receives, ZMQ_RCVHWM, 0);
    set (sends, ZMQ_LINGER, 0);
    if (to == ZMQ_SUB)
        CHECK (zmq_setsockopt (receives, ZMQ_SUBSCRIBE, "", 0) == 0);
    CHECK (zmq_bind (sends, endpoint) == 0);
    last_endpoint (sends, bound);
    CHECK (zmq_connect (receives, bound) == 0);
    /* A message that arrives says that the subscription has. */
    zmq_pollitem_t item = {receives, 0, ZMQ_POLLIN, 0};
    do
        put (sends, "probe", 0);
    while (zmq_poll (&item, 1, 10) == 0);
    for (int number = 0; number < COUNT; number++) {
        memcpy (part, &number, sizeof number);
        CHECK (zmq_send (sends, part, sizeof part, 0) == sizeof part);
    }
    int size;
    do {
        size = zmq_recv (receives, part, sizeof part, 0);
        CHECK (size == 5 || size == sizeof part);
    } while (size == 5);
    for (int number = 0; number < COUNT; number++) {
        int found;
        memcpy (&found, part, sizeof found);
        if (found != number) {
            fprintf (stderr, "%s: %d instead of %d\n", endpoint, found, number);
            exit (1);
        }
        if (number + 1 < COUNT)
            CHECK (zmq_recv (receives, part, sizeof part, 0) == sizeof part);
    }
    CHECK (zmq_close (sends) == 0 && zmq_close (receives) == 0 && zmq_ctx_term (context) == 0);
}

/* --- A mark of 10, and small buffers of the kernel. */

enum { BUFFER = 32 << 10, MOST = 1 << 20 };

/* Sends until no message was taken for a fifth of a second. */
static int fill (void *push, char *part, size_t size, int from)
{
    zmq_pollitem_t item = {push, 0, ZMQ_POLLOUT, 0};
    while (zmq_poll (&item, 1, 200) == 1) {
        memcpy (part, &from, sizeof from);
        if (zmq_send (push, part, size, ZMQ_DONTWAIT) == -1)
            CHECK (errno == EAGAIN);
        else
            from++;
    }
    return from;
}

static void pushes_back (size_t size, int push_binds)
{
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *pull = made (context, ZMQ_PULL);
    void *binds = push_binds ? push : pull, *connects = push_binds ? pull : push;
    char bound[64], *part = calloc (size, 1);
    CHECK (part);
    set (push, ZMQ_SNDHWM, 10);
    set (push, ZMQ_SNDBUF, BUFFER);
    set (pull, ZMQ_RCVHWM, 10);
    set (pull, ZMQ_RCVBUF, BUFFER);
    CHECK (zmq_bind (binds, "tcp://127.0.0.1:*") == 0);
    last_endpoint (binds, bound);
    CHECK (zmq_connect (connects, bound) == 0);
    int sent = 0, received = 0;
    while (sent == 0)
        sent = fill (push, part, size, 0);
    printf ("%zu bytes: %d messages\n", size, sent);
    /* Two marks of messages, what is in the kernel, and what both libraries have read ahead. */
    CHECK (sent < 30 + (int) (MOST / size));
    /* It goes on when there is room, and in order. */
    while (received < sent) {
        int found;
        CHECK (zmq_recv (pull, part, size, 0) == (int) size);
        memcpy (&found, part, sizeof found);
        CHECK (found == received);
        received++;
        zmq_pollitem_t item = {push, 0, ZMQ_POLLOUT, 0};
        if (received < 2000 && zmq_poll (&item, 1, 0) == 1) {
            memcpy (part, &sent, sizeof sent);
            sent += zmq_send (push, part, size, ZMQ_DONTWAIT) == (int) size;
        }
    }
    free (part);
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    const char *endpoints[] = {"tcp://127.0.0.1:*", "ipc://unlimited.ipc"};
    for (int at = 0; at < 2; at++) {
        loses_nothing (endpoints[at], ZMQ_PUB, ZMQ_SUB);
        loses_nothing (endpoints[at], ZMQ_PUSH, ZMQ_PULL);
    }
    for (int binds = 0; binds < 2; binds++) {
        pushes_back (32, binds);
        pushes_back (64 << 10, binds);
    }
    return 0;
}
