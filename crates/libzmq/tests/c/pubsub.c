/* Publishing: topics, subscriptions as messages. */
#include "check.h"

int main (void)
{
    void *context = zmq_ctx_new ();
    void *xpub = made (context, ZMQ_XPUB), *sub = made (context, ZMQ_SUB);
    CHECK (zmq_bind (xpub, "inproc://pubsub") == 0 && zmq_connect (sub, "inproc://pubsub") == 0);
    REFUSED (zmq_send (sub, "no", 2, 0), ENOTSUP);
    REFUSED (zmq_setsockopt (xpub, ZMQ_CONNECT_TIMEOUT, "x", 1), EINVAL);
    CHECK (zmq_setsockopt (sub, ZMQ_SUBSCRIBE, "a", 1) == 0);
    CHECK (zmq_setsockopt (sub, ZMQ_SUBSCRIBE, "bc", 2) == 0);
    take (xpub, "\1a", 0);
    take (xpub, "\1bc", 0);
    const char *sent[] = {"a", "b", "bc", "bcd", "c", "ab"};
    for (int at = 0; at < 6; at++) {
        put (xpub, sent[at], ZMQ_SNDMORE);
        put (xpub, "body", 0);
    }
    const char *wanted[] = {"a", "bc", "bcd", "ab"};
    for (int at = 0; at < 4; at++) {
        take (sub, wanted[at], 1);
        take (sub, "body", 0);
    }
    CHECK (zmq_setsockopt (sub, ZMQ_UNSUBSCRIBE, "a", 1) == 0);
    char part[4];
    CHECK (zmq_recv (xpub, part, sizeof part, 0) == 2 && memcmp (part, "\0a", 2) == 0);
    put (xpub, "a", 0);
    REFUSED (zmq_recv (sub, NULL, 0, ZMQ_DONTWAIT), EAGAIN);

    void *pub = made (context, ZMQ_PUB);
    REFUSED (zmq_recv (pub, NULL, 0, 0), ENOTSUP);
    REFUSED (zmq_setsockopt (pub, ZMQ_SUBSCRIBE, "", 0), EINVAL);
    CHECK (zmq_close (pub) == 0 && zmq_close (xpub) == 0 && zmq_close (sub) == 0 && zmq_ctx_term (context) == 0);
    return 0;
}
