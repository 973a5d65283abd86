/* A part that is longer than ZMQ_MAXMSGSIZE, and what is no reply to a REQ, end the connection over every transport. */
#include "check.h"

#include <time.h>

#define LIMIT 1000

static void rest (void)
{
    struct timespec moment = {0, 2000000};
    nanosleep (&moment, NULL);
}

/* The end of events of a socket that tell that a connection has ended. */
static void *watched (void *context, void *socket, const char *name)
{
    CHECK (zmq_socket_monitor (socket, name, ZMQ_EVENT_DISCONNECTED) == 0);
    void *events = made (context, ZMQ_PAIR);
    CHECK (zmq_connect (events, name) == 0);
    set (events, ZMQ_RCVTIMEO, 20000);
    return events;
}

static void expect_end (void *events)
{
    unsigned char first[6];
    char where[256];
    CHECK (zmq_recv (events, first, sizeof first, 0) == 6);
    CHECK (*(uint16_t *) first == ZMQ_EVENT_DISCONNECTED);
    CHECK (zmq_recv (events, where, sizeof where, 0) >= 0);
}

static void bind_and_connect (void *to, const char *where, void *from)
{
    char endpoint[256];
    size_t size = sizeof endpoint;
    CHECK (zmq_bind (to, where) == 0);
    CHECK (zmq_getsockopt (to, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    CHECK (zmq_connect (from, endpoint) == 0);
}

static void too_long (const char *where, int sends, int receives, int parts)
{
    static char large[100000], part[200000];
    void *context = zmq_ctx_new ();
    void *from = made (context, sends), *to = made (context, receives);
    int64_t limit = LIMIT;
    CHECK (zmq_setsockopt (to, ZMQ_MAXMSGSIZE, &limit, sizeof limit) == 0);
    set (to, ZMQ_RCVTIMEO, 20000);
    set (from, ZMQ_LINGER, 0);
    set (from, ZMQ_RECONNECT_IVL, 10);
    void *events = watched (context, to, "inproc://events");
    bind_and_connect (to, where, from);
    for (int round = 0; round < 30; round++) {
        CHECK (zmq_send (from, large, LIMIT, 0) == LIMIT);
        CHECK (zmq_recv (to, part, sizeof part, 0) == LIMIT);
        rest ();
    }
    if (parts)
        put (from, "key", ZMQ_SNDMORE);
    CHECK (zmq_send (from, large, LIMIT + 1, 0) == LIMIT + 1);
    /* It is neither told of nor received, and the connection ends. */
    set (to, ZMQ_RCVTIMEO, 0);
    set (events, ZMQ_RCVTIMEO, 0);
    unsigned char first[6];
    while (zmq_recv (events, first, sizeof first, 0) != 6) {
        zmq_pollitem_t item = {to, 0, ZMQ_POLLIN, 0};
        CHECK (zmq_poll (&item, 1, 5) == 0);
        REFUSED (zmq_recv (to, part, sizeof part, 0), EAGAIN);
    }
    CHECK (*(uint16_t *) first == ZMQ_EVENT_DISCONNECTED);
    /* The peer connects again, and what is short enough comes. */
    set (to, ZMQ_RCVTIMEO, 10);
    int size;
    do {
        zmq_send (from, "after", 5, ZMQ_DONTWAIT);
        size = zmq_recv (to, part, sizeof part, 0);
        CHECK (size == -1 || size == 5);
    } while (size == -1);
    CHECK (zmq_close (from) == 0 && zmq_close (to) == 0 && zmq_close (events) == 0 && zmq_ctx_term (context) == 0);
}

static void no_reply (const char *where)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER), *req = made (context, ZMQ_REQ);
    char part[64];
    set (req, ZMQ_RCVTIMEO, 20000);
    void *events = watched (context, req, "inproc://events");
    CHECK (zmq_setsockopt (req, ZMQ_ROUTING_ID, "me", 2) == 0);
    bind_and_connect (router, where, req);
    for (int round = 0; round < 30; round++) {
        put (req, "request", 0);
        take (router, "me", 1);
        take (router, "", 1);
        take (router, "request", 0);
        put (router, "me", ZMQ_SNDMORE);
        put (router, "", ZMQ_SNDMORE);
        put (router, "reply", 0);
        take (req, "reply", 0);
        rest ();
    }
    put (req, "request", 0);
    take (router, "me", 1);
    take (router, "", 1);
    take (router, "request", 0);
    put (router, "me", ZMQ_SNDMORE);
    put (router, "no reply", 0);
    set (req, ZMQ_RCVTIMEO, 100);
    REFUSED (zmq_recv (req, part, sizeof part, 0), EAGAIN);
    expect_end (events);
    set (req, ZMQ_LINGER, 0);
    set (router, ZMQ_LINGER, 0);
    CHECK (zmq_close (router) == 0 && zmq_close (req) == 0 && zmq_close (events) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    const char *places[] = {"tcp://127.0.0.1:*", "ipc://*"};
    for (int place = 0; place < 2; place++) {
        for (int parts = 0; parts < 2; parts++) {
            too_long (places[place], ZMQ_PUSH, ZMQ_PULL, parts);
            too_long (places[place], ZMQ_PAIR, ZMQ_PAIR, parts);
            too_long (places[place], ZMQ_DEALER, ZMQ_DEALER, parts);
        }
        no_reply (places[place]);
    }
    return 0;
}
