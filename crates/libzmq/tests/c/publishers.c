/* Publishers that see subscriptions, in all the ways there are. */
#include "endpoints.h"

static void *context;

static void told (void *publisher, int on, const char *topic)
{
    char part[64];
    int size = zmq_recv (publisher, part, sizeof part, 0);
    CHECK (size == 1 + (int) strlen (topic) && part[0] == on && memcmp (part + 1, topic, size - 1) == 0);
}

static void nothing (void *socket)
{
    REFUSED (zmq_recv (socket, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
}

static void topic (void *subscriber, int option, const char *text)
{
    CHECK (zmq_setsockopt (subscriber, option, text, strlen (text)) == 0);
}

static void begin (void **publisher, void **one, void **other, int option)
{
    context = zmq_ctx_new ();
    *publisher = made (context, ZMQ_XPUB);
    *one = made (context, ZMQ_SUB);
    *other = made (context, ZMQ_SUB);
    if (option)
        set (*publisher, option, 1);
    CHECK (zmq_bind (*publisher, "inproc://publishers") == 0);
    CHECK (zmq_connect (*one, "inproc://publishers") == 0 && zmq_connect (*other, "inproc://publishers") == 0);
}

static void end (void *publisher, void *one, void *other)
{
    CHECK (zmq_close (publisher) == 0 && zmq_close (one) == 0 && zmq_close (other) == 0);
    CHECK (zmq_ctx_term (context) == 0);
}

/* Which of two equal subscriptions and unsubscriptions the publisher receives. */
static void verbose (int option)
{
    void *publisher, *one, *other;
    begin (&publisher, &one, &other, option);
    topic (one, ZMQ_SUBSCRIBE, "a");
    told (publisher, 1, "a");
    topic (other, ZMQ_SUBSCRIBE, "a");
    if (option)
        told (publisher, 1, "a");
    nothing (publisher);
    topic (one, ZMQ_UNSUBSCRIBE, "a");
    if (option == ZMQ_XPUB_VERBOSER)
        told (publisher, 0, "a");
    nothing (publisher);
    topic (other, ZMQ_UNSUBSCRIBE, "a");
    told (publisher, 0, "a");
    nothing (publisher);
    end (publisher, one, other);
}

/* The application says what a subscription means. */
static void manual (void)
{
    void *publisher, *one, *other;
    begin (&publisher, &one, &other, ZMQ_XPUB_MANUAL);
    topic (one, ZMQ_SUBSCRIBE, "a");
    told (publisher, 1, "a");
    topic (publisher, ZMQ_SUBSCRIBE, "xa");
    topic (one, ZMQ_SUBSCRIBE, "xa");
    told (publisher, 1, "xa");
    topic (other, ZMQ_SUBSCRIBE, "");
    told (publisher, 1, "");
    topic (publisher, ZMQ_SUBSCRIBE, "b");
    const char *sent[] = {"a", "xa", "b"};
    for (int at = 0; at < 3; at++)
        put (publisher, sent[at], 0);
    take (one, "xa", 0);
    nothing (one);
    take (other, "b", 0);
    nothing (other);
    topic (other, ZMQ_UNSUBSCRIBE, "");
    told (publisher, 0, "");
    put (publisher, "b", 0);
    topic (publisher, ZMQ_UNSUBSCRIBE, "b");
    put (publisher, "b", 0);
    nothing (other);
    end (publisher, one, other);
}

/* A subscriber gets the welcome first, if the welcome matches a topic of it. */
static void welcome (void)
{
    context = zmq_ctx_new ();
    void *publisher = made (context, ZMQ_XPUB), *subscriber = made (context, ZMQ_SUB), *other = made (context, ZMQ_SUB);
    CHECK (zmq_bind (publisher, "inproc://publishers") == 0);
    CHECK (zmq_setsockopt (publisher, ZMQ_XPUB_WELCOME_MSG, "W", 1) == 0);
    topic (subscriber, ZMQ_SUBSCRIBE, "W");
    topic (subscriber, ZMQ_SUBSCRIBE, "a");
    topic (other, ZMQ_SUBSCRIBE, "b");
    CHECK (zmq_connect (subscriber, "inproc://publishers") == 0);
    told (publisher, 1, "W");
    told (publisher, 1, "a");
    put (publisher, "a", 0);
    take (subscriber, "W", 0);
    take (subscriber, "a", 0);
    CHECK (zmq_setsockopt (publisher, ZMQ_XPUB_WELCOME_MSG, NULL, 0) == 0);
    CHECK (zmq_connect (other, "inproc://publishers") == 0);
    told (publisher, 1, "b");
    put (publisher, "b", 0);
    take (other, "b", 0);
    nothing (subscriber);
    end (publisher, subscriber, other);
}

/* Refused when one of two has no room, instead of lost. */
static void nodrop (void)
{
    context = zmq_ctx_new ();
    void *publisher = made (context, ZMQ_XPUB), *one = made (context, ZMQ_SUB), *other = made (context, ZMQ_SUB);
    set (publisher, ZMQ_XPUB_NODROP, 1);
    set (publisher, ZMQ_SNDHWM, 2);
    set (publisher, ZMQ_SNDTIMEO, 20);
    set (one, ZMQ_RCVHWM, 2);
    CHECK (zmq_bind (publisher, "inproc://publishers") == 0);
    topic (one, ZMQ_SUBSCRIBE, "");
    topic (other, ZMQ_SUBSCRIBE, "a");
    CHECK (zmq_connect (one, "inproc://publishers") == 0);
    told (publisher, 1, "");
    CHECK (zmq_connect (other, "inproc://publishers") == 0);
    told (publisher, 1, "a");
    int sent = 0;
    while (zmq_send (publisher, "a", 1, ZMQ_DONTWAIT) == 1)
        sent++;
    CHECK (errno == EAGAIN && sent == 4);
    REFUSED (zmq_send (publisher, "a", 1, 0), EAGAIN);
    for (int at = 0; at < sent; at++) {
        take (one, "a", 0);
        take (other, "a", 0);
    }
    /* A refused message reaches no subscriber. */
    nothing (one);
    nothing (other);
    put (publisher, "again", 0);
    take (one, "again", 0);
    take (other, "again", 0);
    end (publisher, one, other);
}

/* What does not match is sent, and received. */
static void inverted (void)
{
    context = zmq_ctx_new ();
    void *publisher = made (context, ZMQ_XPUB), *one = made (context, ZMQ_SUB), *other = made (context, ZMQ_SUB);
    void *sockets[] = {publisher, one, other};
    for (int at = 0; at < 3; at++)
        set (sockets[at], ZMQ_INVERT_MATCHING, 1);
    CHECK (zmq_bind (publisher, "inproc://publishers") == 0);
    CHECK (zmq_connect (one, "inproc://publishers") == 0 && zmq_connect (other, "inproc://publishers") == 0);
    topic (one, ZMQ_SUBSCRIBE, "a");
    told (publisher, 1, "a");
    topic (other, ZMQ_SUBSCRIBE, "b");
    topic (other, ZMQ_SUBSCRIBE, "c");
    told (publisher, 1, "b");
    told (publisher, 1, "c");
    const char *sent[] = {"a", "b", "c", "d"};
    for (int at = 0; at < 4; at++)
        put (publisher, sent[at], 0);
    take (one, "b", 0);
    take (one, "c", 0);
    take (one, "d", 0);
    nothing (one);
    take (other, "a", 0);
    take (other, "d", 0);
    nothing (other);
    end (publisher, one, other);
}

/* What an XSUB sends that is no subscription reaches the publisher; equal subscriptions are counted. */
static void upstream (const char *endpoint)
{
    context = zmq_ctx_new ();
    void *publisher = made (context, ZMQ_XPUB), *subscriber = made (context, ZMQ_XSUB), *other = made (context, ZMQ_SUB);
    char bound[64];
    CHECK (zmq_bind (publisher, endpoint) == 0);
    last_endpoint (publisher, bound);
    CHECK (zmq_connect (subscriber, bound) == 0);
    put (subscriber, "\1a", 0);
    told (publisher, 1, "a");
    put (subscriber, "no subscription", 0);
    take (publisher, "no subscription", 0);
    put (publisher, "ab", 0);
    take (subscriber, "ab", 0);
    topic (other, ZMQ_SUBSCRIBE, "z");
    topic (other, ZMQ_SUBSCRIBE, "z");
    CHECK (zmq_connect (other, bound) == 0);
    told (publisher, 1, "z");
    topic (other, ZMQ_UNSUBSCRIBE, "z");
    topic (other, ZMQ_SUBSCRIBE, "y");
    told (publisher, 1, "y");
    put (publisher, "z", 0);
    take (other, "z", 0);
    topic (other, ZMQ_UNSUBSCRIBE, "z");
    told (publisher, 0, "z");
    end (publisher, subscriber, other);
}

int main (void)
{
    verbose (0);
    verbose (ZMQ_XPUB_VERBOSE);
    verbose (ZMQ_XPUB_VERBOSER);
    manual ();
    welcome ();
    nodrop ();
    inverted ();
    upstream ("inproc://publishers");
    upstream ("ipc://published");
    upstream ("tcp://127.0.0.1:*");
    return 0;
}
