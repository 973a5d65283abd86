/* Whom a ROUTER knows, and what it does with messages for others. */
#include "endpoints.h"

static void *named (void *context, const char *id, const char *endpoint)
{
    void *dealer = made (context, ZMQ_DEALER);
    set (dealer, ZMQ_LINGER, 0);
    CHECK (zmq_setsockopt (dealer, ZMQ_ROUTING_ID, id, strlen (id)) == 0);
    CHECK (zmq_connect (dealer, endpoint) == 0);
    return dealer;
}

static void send_to (void *router, const char *id, const char *text)
{
    put (router, id, ZMQ_SNDMORE);
    put (router, text, 0);
}

static void heard (void *router, const char *id, const char *text)
{
    take (router, id, 1);
    take (router, text, 0);
}

/* A name that is taken stays with its peer; with HANDOVER the newcomer gets it. */
static void taken (const char *endpoint, int handover)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER);
    char bound[64];
    set (router, ZMQ_ROUTER_HANDOVER, handover);
    CHECK (zmq_bind (router, endpoint) == 0);
    last_endpoint (router, bound);
    void *first = named (context, "X", bound);
    put (first, "first", 0);
    heard (router, "X", "first");
    void *second = named (context, "X", bound);
    put (second, "second", 0);
    if (handover)
        heard (router, "X", "second");
    void *other = named (context, "Y", bound);
    put (other, "other", 0);
    heard (router, "Y", "other");
    send_to (router, "X", "whose");
    void *winner = handover ? second : first, *loser = handover ? first : second;
    take (winner, "whose", 0);
    REFUSED (zmq_recv (loser, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
    set (router, ZMQ_RCVTIMEO, 100);
    REFUSED (zmq_recv (router, NULL, 0, 0), EAGAIN);
    CHECK (zmq_close (first) == 0 && zmq_close (second) == 0 && zmq_close (other) == 0);
    CHECK (zmq_close (router) == 0 && zmq_ctx_term (context) == 0);
}

/* A message for an unknown peer is dropped, or refused if ZMQ_ROUTER_MANDATORY is set. */
static void unknown (void)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER);
    CHECK (zmq_bind (router, "inproc://routers") == 0);
    void *dealer = named (context, "D", "inproc://routers");
    put (dealer, "here", 0);
    heard (router, "D", "here");
    send_to (router, "unknown", "lost");
    set (router, ZMQ_ROUTER_MANDATORY, 1);
    REFUSED (zmq_send (router, "unknown", 7, ZMQ_SNDMORE), EHOSTUNREACH);
    /* Nothing has begun. */
    send_to (router, "D", "for you");
    take (dealer, "for you", 0);
    /* A name alone is no message. */
    put (router, "unknown", 0);
    put (router, "D", 0);
    REFUSED (zmq_recv (dealer, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
    CHECK (zmq_close (dealer) == 0 && zmq_close (router) == 0 && zmq_ctx_term (context) == 0);
}

/* At the mark of one peer: dropped, refused, or waited for; others are served. */
static void full (int mandatory)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER);
    set (router, ZMQ_SNDHWM, 2);
    set (router, ZMQ_ROUTER_MANDATORY, mandatory);
    set (router, ZMQ_SNDTIMEO, 20);
    CHECK (zmq_bind (router, "inproc://full") == 0);
    void *slow = made (context, ZMQ_DEALER), *other;
    set (slow, ZMQ_RCVHWM, 3);
    CHECK (zmq_setsockopt (slow, ZMQ_ROUTING_ID, "slow", 4) == 0 && zmq_connect (slow, "inproc://full") == 0);
    other = named (context, "other", "inproc://full");
    put (slow, "here", 0);
    heard (router, "slow", "here");
    put (other, "here", 0);
    heard (router, "other", "here");
    int sent = 0;
    for (; sent < 10 && zmq_send (router, "slow", 4, ZMQ_SNDMORE | ZMQ_DONTWAIT) == 4; sent++)
        put (router, "x", 0);
    CHECK (sent == (mandatory ? 5 : 10));
    if (mandatory) {
        REFUSED (zmq_send (router, "slow", 4, ZMQ_SNDMORE), EAGAIN);
        CHECK (get (router, ZMQ_EVENTS) == ZMQ_POLLOUT);
    }
    send_to (router, "other", "y");
    take (other, "y", 0);
    for (int at = 0; at < 5; at++)
        take (slow, "x", 0);
    REFUSED (zmq_recv (slow, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
    CHECK (zmq_close (slow) == 0 && zmq_close (other) == 0 && zmq_close (router) == 0 && zmq_ctx_term (context) == 0);
}

/* The name that the next peer has for us, whatever it calls itself. */
static void assigned (const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER), *dealer = made (context, ZMQ_DEALER);
    char bound[64];
    CHECK (zmq_setsockopt (dealer, ZMQ_ROUTING_ID, "own", 3) == 0);
    CHECK (zmq_bind (dealer, endpoint) == 0);
    last_endpoint (dealer, bound);
    CHECK (zmq_setsockopt (router, ZMQ_CONNECT_ROUTING_ID, "given", 5) == 0 && zmq_connect (router, bound) == 0);
    /* It may be named before it is there. */
    send_to (router, "given", "hello");
    take (dealer, "hello", 0);
    put (dealer, "back", 0);
    heard (router, "given", "back");
    CHECK (zmq_close (dealer) == 0 && zmq_close (router) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    const char *endpoints[] = {"ipc://routed", "tcp://127.0.0.1:*"};
    for (int at = 0; at < 2; at++) {
        taken (endpoints[at], 0);
        taken (endpoints[at], 1);
        assigned (endpoints[at]);
    }
    unknown ();
    full (0);
    full (1);
    return 0;
}
