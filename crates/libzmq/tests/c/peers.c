/* What a socket learns of its peers. */
#include "endpoints.h"

/* A publisher that sees subscriptions sees those end whose subscriber goes. */
static void vanished (const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *publisher = made (context, ZMQ_XPUB), *leaving = made (context, ZMQ_SUB), *staying = made (context, ZMQ_SUB);
    char bound[64];
    CHECK (zmq_bind (publisher, endpoint) == 0);
    last_endpoint (publisher, bound);
    CHECK (zmq_setsockopt (staying, ZMQ_SUBSCRIBE, "b", 1) == 0 && zmq_connect (staying, bound) == 0);
    take (publisher, "\1b", 0);
    CHECK (zmq_setsockopt (leaving, ZMQ_SUBSCRIBE, "a", 1) == 0 && zmq_connect (leaving, bound) == 0);
    take (publisher, "\1a", 0);
    /* Known already, and so not told. */
    CHECK (zmq_setsockopt (leaving, ZMQ_SUBSCRIBE, "b", 1) == 0);
    CHECK (zmq_setsockopt (leaving, ZMQ_SUBSCRIBE, "c", 1) == 0);
    take (publisher, "\1c", 0);
    CHECK (zmq_close (leaving) == 0);
    char one[4], other[4];
    CHECK (zmq_recv (publisher, one, sizeof one, 0) == 2 && zmq_recv (publisher, other, sizeof other, 0) == 2);
    CHECK (one[0] == 0 && other[0] == 0 && (one[1] == 'a' || one[1] == 'c') && other[1] == 'a' + 'c' - one[1]);
    CHECK (zmq_close (staying) == 0);
    CHECK (zmq_recv (publisher, one, sizeof one, 0) == 2 && memcmp (one, "\0b", 2) == 0);
    CHECK (zmq_close (publisher) == 0 && zmq_ctx_term (context) == 0);
}

/* Each part tells of the peer, and so does the routing id. */
static void properties (void)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER), *req = made (context, ZMQ_REQ);
    char bound[64];
    CHECK (zmq_bind (router, "tcp://127.0.0.1:*") == 0);
    last_endpoint (router, bound);
    CHECK (zmq_setsockopt (req, ZMQ_ROUTING_ID, "me", 2) == 0 && zmq_connect (req, bound) == 0);
    put (req, "first", ZMQ_SNDMORE);
    put (req, "second", 0);
    int source = 0;
    for (int part = 0; part < 4; part++) {
        zmq_msg_t message;
        CHECK (zmq_msg_init (&message) == 0 && zmq_msg_recv (&message, router, 0) >= 0);
        CHECK (zmq_msg_more (&message) == (part < 3));
        const char *peer = zmq_msg_gets (&message, "Peer-Address");
        CHECK (peer && strcmp (peer, "127.0.0.1") == 0);
        const char *type = zmq_msg_gets (&message, "Socket-Type");
        CHECK (type && strcmp (type, "REQ") == 0);
        const char *id = zmq_msg_gets (&message, "Identity");
        CHECK (id && strcmp (id, "me") == 0);
        CHECK (part == 0 || zmq_msg_get (&message, ZMQ_SRCFD) == source);
        source = zmq_msg_get (&message, ZMQ_SRCFD);
        CHECK (source > 0 && zmq_msg_close (&message) == 0);
    }
    CHECK (zmq_close (router) == 0 && zmq_close (req) == 0 && zmq_ctx_term (context) == 0);
}

/* A ROUTER that connects and probes is known, whether or not it does anything more. */
static void probed (const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *server = made (context, ZMQ_ROUTER), *client = made (context, ZMQ_ROUTER);
    char bound[64];
    CHECK (zmq_bind (server, endpoint) == 0);
    last_endpoint (server, bound);
    set (client, ZMQ_PROBE_ROUTER, 1);
    CHECK (zmq_setsockopt (client, ZMQ_ROUTING_ID, "X", 1) == 0 && zmq_connect (client, bound) == 0);
    take (server, "X", 1);
    take (server, "", 0);
    put (server, "X", ZMQ_SNDMORE);
    put (server, "hello", 0);
    char id[8];
    CHECK (zmq_recv (client, id, sizeof id, 0) == 5);
    take (client, "hello", 0);
    /* Once is enough. */
    CHECK (zmq_send (client, id, 5, ZMQ_SNDMORE) == 5);
    put (client, "back", 0);
    take (server, "X", 1);
    take (server, "back", 0);
    CHECK (zmq_close (server) == 0 && zmq_close (client) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    const char *endpoints[] = {"inproc://peers", "ipc://met", "tcp://127.0.0.1:*"};
    for (int at = 0; at < 3; at++) {
        vanished (endpoints[at]);
        probed (endpoints[at]);
    }
    properties ();
    return 0;
}
