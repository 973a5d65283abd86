/* What options do that libzmq takes, and that few programs set. */
#include "endpoints.h"

#define METADATA 95

/* A REP that probes says so to its peers. One that is mandatory replies as others do. */
static void reply (const char *endpoint, int rep_binds)
{
    void *context = zmq_ctx_new ();
    void *rep = made (context, ZMQ_REP), *dealer = made (context, ZMQ_DEALER);
    void *binds = rep_binds ? rep : dealer, *connects = rep_binds ? dealer : rep;
    char bound[64];
    zmq_pollitem_t probe = {dealer, 0, ZMQ_POLLIN, 0};
    set (rep, ZMQ_RCVTIMEO, 20000);
    set (dealer, ZMQ_RCVTIMEO, 20000);
    set (rep, ZMQ_ROUTER_MANDATORY, 1);
    set (rep, ZMQ_PROBE_ROUTER, 1);
    CHECK (zmq_bind (binds, endpoint) == 0);
    last_endpoint (binds, bound);
    CHECK (zmq_connect (connects, bound) == 0);
    /* It sees its peer in a call. */
    do
        REFUSED (zmq_recv (rep, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
    while (zmq_poll (&probe, 1, 1) == 0);
    take (dealer, "", 0);
    put (dealer, "", ZMQ_SNDMORE);
    put (dealer, "request", 0);
    take (rep, "request", 0);
    put (rep, "reply", 0);
    take (dealer, "", 1);
    take (dealer, "reply", 0);
    CHECK (zmq_close (rep) == 0 && zmq_close (dealer) == 0 && zmq_ctx_term (context) == 0);
}

/* The name that a ROUTER gives a peer is its own affair, and as long as it likes. */
static void long_name (const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER), *dealer = made (context, ZMQ_DEALER);
    char bound[64], name[300], found[301];
    memset (name, 'n', sizeof name);
    set (router, ZMQ_RCVTIMEO, 20000);
    set (dealer, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_bind (dealer, endpoint) == 0);
    last_endpoint (dealer, bound);
    CHECK (zmq_setsockopt (router, ZMQ_CONNECT_ROUTING_ID, name, sizeof name) == 0);
    CHECK (zmq_connect (router, bound) == 0);
    CHECK (zmq_send (router, name, sizeof name, ZMQ_SNDMORE) == sizeof name);
    put (router, "hello", 0);
    take (dealer, "hello", 0);
    put (dealer, "back", 0);
    CHECK (zmq_recv (router, found, sizeof found, 0) == sizeof name && memcmp (found, name, sizeof name) == 0);
    take (router, "back", 0);
    CHECK (zmq_close (dealer) == 0 && zmq_close (router) == 0 && zmq_ctx_term (context) == 0);
}

/* A property of the application is seen with each message that comes from another process. */
static void properties (const char *endpoint, int seen)
{
    void *context = zmq_ctx_new ();
    void *one = made (context, ZMQ_PAIR), *other = made (context, ZMQ_PAIR);
    char bound[64];
    zmq_msg_t msg;
    set (one, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_bind (one, endpoint) == 0);
    last_endpoint (one, bound);
    CHECK (zmq_setsockopt (other, METADATA, "X-hello:first", 13) == 0);
    CHECK (zmq_setsockopt (other, METADATA, "X-hello:second", 14) == 0);
    CHECK (zmq_setsockopt (other, METADATA, "X-other:a:b", 11) == 0);
    CHECK (zmq_connect (other, bound) == 0);
    for (int at = 0; at < 3; at++) {
        put (other, "message", 0);
        CHECK (zmq_msg_init (&msg) == 0 && zmq_msg_recv (&msg, one, 0) == 7);
        const char *hello = zmq_msg_gets (&msg, "X-hello"), *second = zmq_msg_gets (&msg, "X-other");
        CHECK (!seen == !hello && (!hello || strcmp (hello, "first") == 0));
        CHECK (!seen == !second && (!second || strcmp (second, "a:b") == 0));
        CHECK (!zmq_msg_gets (&msg, "X-none") && errno == EINVAL);
        CHECK (zmq_msg_close (&msg) == 0);
    }
    CHECK (zmq_close (one) == 0 && zmq_close (other) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    const char *endpoints[] = {"inproc://stored", "ipc://stored.ipc", "tcp://127.0.0.1:*"};
    for (int at = 0; at < 3; at++) {
        reply (endpoints[at], 0);
        reply (endpoints[at], 1);
        long_name (endpoints[at]);
        properties (endpoints[at], at > 0);
    }
    return 0;
}
