/* Which bytes may be a routing id, and that messages find their way by it. */
#include "endpoints.h"

/* Receives a part, and expects these bytes. */
static void take_bytes (void *socket, const void *bytes, size_t len, int more)
{
    char part[300];
    int size = zmq_recv (socket, part, sizeof part, 0);
    CHECK (size == (int) len && memcmp (part, bytes, len) == 0);
    CHECK (get (socket, ZMQ_RCVMORE) == more);
}

/* A peer of this type and this id talks to a ROUTER that is bound, or connects to the peer. */
static void talks (const char *endpoint, int type, const void *id, size_t len, int router_binds)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER), *peer = made (context, type);
    char bound[64], part[300];
    set (router, ZMQ_RCVTIMEO, 20000);
    set (peer, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_setsockopt (peer, ZMQ_ROUTING_ID, id, len) == 0);
    size_t size = sizeof part;
    CHECK (zmq_getsockopt (peer, ZMQ_ROUTING_ID, part, &size) == 0 && size == len && memcmp (part, id, len) == 0);
    void *binds = router_binds ? router : peer, *connects = router_binds ? peer : router;
    CHECK (zmq_bind (binds, endpoint) == 0);
    last_endpoint (binds, bound);
    CHECK (zmq_connect (connects, bound) == 0);
    put (peer, "hello", 0);
    take_bytes (router, id, len, 1);
    if (type == ZMQ_REQ)
        take (router, "", 1);
    take (router, "hello", 0);
    CHECK (zmq_send (router, id, len, ZMQ_SNDMORE) == (int) len);
    if (type == ZMQ_REQ)
        put (router, "", ZMQ_SNDMORE);
    put (router, "back", 0);
    take (peer, "back", 0);
    CHECK (zmq_close (peer) == 0 && zmq_close (router) == 0 && zmq_ctx_term (context) == 0);
}

/* A ROUTER that has given an id does not give a peer the same one, and does not mistake one for the other. */
static void beside_one_that_was_made (const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER), *first = made (context, ZMQ_DEALER), *second = made (context, ZMQ_DEALER);
    char bound[64], id[5];
    set (router, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_bind (router, endpoint) == 0);
    last_endpoint (router, bound);
    CHECK (zmq_connect (first, bound) == 0);
    put (first, "first", 0);
    CHECK (zmq_recv (router, id, sizeof id, 0) == 5 && id[0] == 0);
    take (router, "first", 0);
    /* One that differs in its last byte, but not from the id that is made next. */
    id[4] ^= 0x40;
    CHECK (zmq_setsockopt (second, ZMQ_ROUTING_ID, id, sizeof id) == 0 && zmq_connect (second, bound) == 0);
    put (second, "second", 0);
    take_bytes (router, id, sizeof id, 1);
    take (router, "second", 0);
    CHECK (zmq_send (router, id, sizeof id, ZMQ_SNDMORE) == 5);
    put (router, "for the second", 0);
    take (second, "for the second", 0);
    id[4] ^= 0x40;
    CHECK (zmq_send (router, id, sizeof id, ZMQ_SNDMORE) == 5);
    put (router, "for the first", 0);
    take (first, "for the first", 0);
    CHECK (zmq_close (first) == 0 && zmq_close (second) == 0 && zmq_close (router) == 0);
    CHECK (zmq_ctx_term (context) == 0);
}

int main (void)
{
    static const struct
    {
        const char *bytes;
        size_t len;
    } ids[] = {{"\0", 1}, {"\0\0\0\7", 4}, {"\0made", 5}, {"\0\0\0\0\0\0\0\0", 8}, {"i\0j", 3}};
    const char *endpoints[] = {"inproc://ids", "ipc://ids", "tcp://127.0.0.1:*"};
    const int types[] = {ZMQ_DEALER, ZMQ_REQ};
    char longest[256] = "";
    for (int at = 0; at < 3; at++) {
        for (int type = 0; type < 2; type++)
            for (int binds = 0; binds < 2; binds++) {
                for (size_t id = 0; id < sizeof ids / sizeof *ids; id++)
                    talks (endpoints[at], types[type], ids[id].bytes, ids[id].len, binds);
                talks (endpoints[at], types[type], longest, 255, binds);
            }
        beside_one_that_was_made (endpoints[at]);
    }
    void *context = zmq_ctx_new (), *dealer = made (context, ZMQ_DEALER);
    REFUSED (zmq_setsockopt (dealer, ZMQ_ROUTING_ID, longest, 256), EINVAL);
    REFUSED (zmq_setsockopt (dealer, ZMQ_ROUTING_ID, longest, 0), EINVAL);
    CHECK (zmq_close (dealer) == 0 && zmq_ctx_term (context) == 0);
    return 0;
}
