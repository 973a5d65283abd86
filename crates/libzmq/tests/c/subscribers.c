/* Subscriptions that exceed the high-water mark. libzmq drops them in silence. */
#include "endpoints.h"

#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

/* The default mark is 1,000. */
enum { TOPICS = 1500, MANY = 120000 };

static size_t topic_of (char *topic, int number)
{
    return (size_t) sprintf (topic, "topic %d", number);
}

/* Subscribes to topics, or cancels that; an XSUB by messages. */
static void subscribe (void *socket, int count, int on)
{
    for (int number = 0; number < count; number++) {
        char message[32];
        size_t size = 1 + topic_of (message + 1, number);
        message[0] = (char) on;
        if (get (socket, ZMQ_TYPE) == ZMQ_XSUB)
            CHECK (zmq_send (socket, message, size, 0) == (int) size);
        else
            CHECK (zmq_setsockopt (socket, on ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, message + 1, size - 1) == 0);
    }
}

/* Receives that each topic is subscribed to, or not any more, in whatever order. */
static void expect (void *xpub, int count, int on)
{
    char *seen = calloc ((size_t) count, 1);
    CHECK (seen);
    for (int left = count; left > 0; left--) {
        char message[32] = {0};
        int size = zmq_recv (xpub, message, sizeof message - 1, 0), number = -1;
        CHECK (size > 1 && message[0] == on && sscanf (message + 1, "topic %d", &number) == 1);
        CHECK (number >= 0 && number < count && !seen[number]);
        seen[number] = 1;
    }
    free (seen);
}

/* Before a connect, after one, and the ends of all. */
static void all_arrive (const char *endpoint, int type, int count, int manual)
{
    void *context = zmq_ctx_new ();
    char bound[64];
    void *early = made (context, type), *late = made (context, type), *xpub = made (context, ZMQ_XPUB);
    set (xpub, ZMQ_XPUB_MANUAL, manual);
    CHECK (zmq_bind (xpub, endpoint) == 0);
    last_endpoint (xpub, bound);
    subscribe (early, count, 1);
    CHECK (zmq_connect (early, bound) == 0);
    expect (xpub, count, 1);
    subscribe (early, count, 0);
    expect (xpub, count, 0);
    CHECK (zmq_connect (late, bound) == 0);
    subscribe (late, count, 1);
    expect (xpub, count, 1);
    if (manual) {
        /* The application subscribes the peer that asked last, to any topic. */
        CHECK (zmq_setsockopt (xpub, ZMQ_SUBSCRIBE, "manual", 6) == 0);
        CHECK (zmq_setsockopt (late, ZMQ_SUBSCRIBE, "manual", 6) == 0);
        put (xpub, "manual", 0);
        take (late, "manual", 0);
    }
    CHECK (zmq_close (early) == 0 && zmq_close (late) == 0 && zmq_close (xpub) == 0);
    CHECK (zmq_ctx_term (context) == 0);
}

/* A publisher that begins anew gets them again, without a further call of the subscriber than the one it waits in. */
static void after_a_restart (const char *endpoint, int type)
{
    void *context = zmq_ctx_new ();
    char bound[64], last[32];
    size_t size = topic_of (last, TOPICS - 1);
    void *sub = made (context, type);
    set (sub, ZMQ_RECONNECT_IVL, 10);
    subscribe (sub, TOPICS, 1);
    snprintf (bound, sizeof bound, "%s", endpoint);
    for (int round = 0; round < 3; round++) {
        void *pub = made (context, ZMQ_PUB);
        set (pub, ZMQ_LINGER, 0);
        while (zmq_bind (pub, bound) == -1)
            CHECK (errno == EADDRINUSE);
        last_endpoint (pub, bound);
        if (round == 0)
            CHECK (zmq_connect (sub, bound) == 0);
        zmq_pollitem_t item = {sub, 0, ZMQ_POLLIN, 0};
        do
            CHECK (zmq_send (pub, last, size, 0) == (int) size);
        while (zmq_poll (&item, 1, 10) == 0);
        char message[32];
        do
            CHECK (zmq_recv (sub, message, sizeof message, 0) == (int) size && memcmp (message, last, size) == 0);
        while (zmq_poll (&item, 1, 0) == 1);
        CHECK (zmq_close (pub) == 0);
    }
    CHECK (zmq_close (sub) == 0 && zmq_ctx_term (context) == 0);
}

static void *waits (void *sub)
{
    take (sub, "kept", 0);
    return NULL;
}

static void *polls (void *sub)
{
    zmq_pollitem_t item = {sub, 0, ZMQ_POLLIN, 0};
    CHECK (zmq_poll (&item, 1, -1) == 1);
    take (sub, "kept", 0);
    return NULL;
}

/* A subscriber that has changed its mind very often while no publisher read holds what it wanted last. */
static void after_many_changes (const char *endpoint, void *(*receive) (void *) )
{
    void *context = zmq_ctx_new ();
    char bound[64], message[64];
    void *sub = made (context, ZMQ_SUB), *xpub = made (context, ZMQ_XPUB);
    set (sub, ZMQ_SNDHWM, 10);
    set (sub, ZMQ_RECONNECT_IVL, 10);
    set (xpub, ZMQ_RCVHWM, 10);
    if (strncmp (endpoint, "tcp", 3) == 0)
        free_tcp (bound);
    else
        snprintf (bound, sizeof bound, "%s", endpoint);
    CHECK (zmq_connect (sub, bound) == 0);
    for (int round = 0; round < 10000; round++) {
        int size = sprintf (message, "round %d", round);
        CHECK (zmq_setsockopt (sub, ZMQ_SUBSCRIBE, message, (size_t) size) == 0);
        CHECK (zmq_setsockopt (sub, ZMQ_UNSUBSCRIBE, message, (size_t) size) == 0);
    }
    CHECK (zmq_setsockopt (sub, ZMQ_SUBSCRIBE, "kept", 4) == 0);
    pthread_t thread;
    CHECK (pthread_create (&thread, NULL, receive, sub) == 0);
    CHECK (zmq_bind (xpub, bound) == 0);
    int changes = 0;
    do {
        int size = zmq_recv (xpub, message, sizeof message - 1, 0);
        CHECK (size > 1);
        message[size] = 0;
        changes++;
    } while (strcmp (message, "\1kept") != 0);
    CHECK (changes < 100);
    put (xpub, "kept", 0);
    CHECK (pthread_join (thread, NULL) == 0);
    CHECK (zmq_close (sub) == 0 && zmq_close (xpub) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    const char *endpoints[] = {"tcp://127.0.0.1:*", "ipc://*", "inproc://all"};
    for (int at = 0; at < 3; at++) {
        /* Within a process the marks of both count together. */
        all_arrive (endpoints[at], ZMQ_SUB, 2 * TOPICS, 0);
        all_arrive (endpoints[at], ZMQ_XSUB, 2 * TOPICS, 0);
        all_arrive (endpoints[at], ZMQ_SUB, 2 * TOPICS, 1);
    }
    all_arrive (endpoints[0], ZMQ_SUB, MANY, 0);
    all_arrive (endpoints[1], ZMQ_XSUB, MANY, 0);
    const int types[] = {ZMQ_SUB, ZMQ_XSUB};
    for (int at = 0; at < 2; at++) {
        after_a_restart ("tcp://127.0.0.1:*", types[at]);
        after_a_restart ("ipc://restart", types[at]);
    }
    void *(*const ways[]) (void *) = {waits, polls};
    for (int at = 0; at < 2; at++) {
        after_many_changes ("tcp", ways[at]);
        after_many_changes ("ipc://changes", ways[at]);
        after_many_changes ("inproc://changes", ways[at]);
    }
    return 0;
}
