/* Messages of several parts, over all transports. */
#include "check.h"

static void over (const char *where)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER), *dealer = made (context, ZMQ_DEALER);
    char endpoint[256];
    size_t size = sizeof endpoint;
    CHECK (zmq_setsockopt (dealer, ZMQ_ROUTING_ID, "me", 2) == 0);
    CHECK (zmq_bind (router, where) == 0);
    CHECK (zmq_getsockopt (router, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0 && size == strlen (endpoint) + 1);
    CHECK (zmq_connect (dealer, endpoint) == 0);
    for (int round = 0; round < 100; round++) {
        put (dealer, "one", ZMQ_SNDMORE);
        put (dealer, "", ZMQ_SNDMORE);
        put (dealer, "a text that is too long to be held within a frame", 0);
        take (router, "me", 1);
        take (router, "one", 1);
        take (router, "", 1);
        take (router, "a text that is too long to be held within a frame", 0);
        put (router, "me", ZMQ_SNDMORE);
        put (router, "two", 0);
        put (router, "unknown", ZMQ_SNDMORE);
        put (router, "is dropped", 0);
        take (dealer, "two", 0);
    }
    /* What does not fit is cut off, and counted. */
    char part[2];
    put (dealer, "long", 0);
    take (router, "me", 1);
    CHECK (zmq_recv (router, part, 2, 0) == 4 && memcmp (part, "lo", 2) == 0);
    CHECK (zmq_close (dealer) == 0 && zmq_close (router) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    over ("inproc://multipart");
    over ("tcp://127.0.0.1:*");
    over ("ipc://*");
    return 0;
}
