/* Subscribers go on after the publisher, or the proxy in front of it, was replaced on the same ports (libzmq #2258,
 * #4057, #4063, #4064). libzmq 4.3.4 loses subscriptions when it connects again and there are nearly as many as
 * ZMQ_SNDHWM, 900 for one: it is tried with fewer. */
#include "endpoints.h"

#include <pthread.h>

/* How many topics: more than the mark of 1,000, unless the library drops those. */
static int many, channels;

static size_t topic_of (char *topic, int number)
{
    return (size_t) sprintf (topic, "topic %d.", number);
}

/* Binds to a port that a socket has just left. */
static void bind_again (void *socket, const char *endpoint)
{
    while (zmq_bind (socket, endpoint) == -1)
        CHECK (errno == EADDRINUSE);
}

static void subscribe (void *sub, int count)
{
    char topic[32];
    for (int number = 0; number < count; number++)
        CHECK (zmq_setsockopt (sub, ZMQ_SUBSCRIBE, topic, topic_of (topic, number)) == 0);
}

/* --- A publisher that is replaced gets every subscription once more. */

static void publisher (const char *endpoint)
{
    void *context = zmq_ctx_new ();
    char bound[64];
    void *sub = made (context, ZMQ_SUB);
    set (sub, ZMQ_RECONNECT_IVL, 10);
    subscribe (sub, many);
    snprintf (bound, sizeof bound, "%s", endpoint);
    for (int round = 0; round < 2; round++) {
        char *seen = calloc ((size_t) many, 1);
        void *xpub = made (context, ZMQ_XPUB);
        CHECK (seen);
        set (xpub, ZMQ_RCVHWM, 0);
        bind_again (xpub, bound);
        if (round == 0) {
            last_endpoint (xpub, bound);
            CHECK (zmq_connect (sub, bound) == 0);
        }
        /* A SUB sends its subscriptions again in one of its calls. */
        zmq_pollitem_t items[] = {{xpub, 0, ZMQ_POLLIN, 0}, {sub, 0, ZMQ_POLLIN, 0}};
        for (int left = many; left > 0; left--) {
            char message[32] = {0};
            int size, number = -1;
            while ((size = zmq_recv (xpub, message, sizeof message - 1, ZMQ_DONTWAIT)) == -1)
                CHECK (errno == EAGAIN && zmq_poll (items, 2, -1) == 1);
            CHECK (size > 1 && message[0] == 1 && sscanf (message + 1, "topic %d.", &number) == 1);
            CHECK (number >= 0 && number < many && !seen[number]);
            seen[number] = 1;
        }
        CHECK (zmq_close (xpub) == 0);
        free (seen);
    }
    CHECK (zmq_close (sub) == 0 && zmq_ctx_term (context) == 0);
}

/* --- A proxy that is replaced passes on messages of all topics. */

struct proxy
{
    void *front, *back, *control;
};

static void *forward (void *of)
{
    struct proxy *proxy = of;
    CHECK (zmq_proxy_steerable (proxy->front, proxy->back, NULL, proxy->control) == 0);
    CHECK (zmq_close (proxy->front) == 0 && zmq_close (proxy->back) == 0 && zmq_close (proxy->control) == 0);
    return NULL;
}

/* Publishes each topic until its message comes; what comes twice does no harm. */
static void publish_all (void *pub, void *sub)
{
    char *seen = calloc ((size_t) channels, 1);
    int left = channels;
    CHECK (seen);
    while (left > 0) {
        char topic[32];
        for (int number = 0, sent = 0; number < channels && sent < 500; number++)
            if (!seen[number]) {
                size_t size = topic_of (topic, number);
                CHECK (zmq_send (pub, topic, size, 0) == (int) size);
                sent++;
            }
        zmq_pollitem_t item = {sub, 0, ZMQ_POLLIN, 0};
        while (zmq_poll (&item, 1, 20) == 1) {
            char message[32] = {0};
            int number = -1;
            CHECK (zmq_recv (sub, message, sizeof message - 1, 0) > 0 && sscanf (message, "topic %d.", &number) == 1);
            CHECK (number >= 0 && number < channels);
            left -= !seen[number];
            seen[number] = 1;
        }
    }
    free (seen);
}

static void proxy (const char *in, const char *out)
{
    void *context = zmq_ctx_new ();
    void *pub = made (context, ZMQ_PUB), *sub = made (context, ZMQ_SUB);
    char ins[64], outs[64];
    snprintf (ins, sizeof ins, "%s", in);
    snprintf (outs, sizeof outs, "%s", out);
    set (pub, ZMQ_RECONNECT_IVL, 10);
    set (sub, ZMQ_RECONNECT_IVL, 10);
    set (pub, ZMQ_LINGER, 0);
    subscribe (sub, channels);
    for (int round = 0; round < 3; round++) {
        struct proxy proxy = {made (context, ZMQ_XSUB), made (context, ZMQ_XPUB), made (context, ZMQ_PAIR)};
        void *control = made (context, ZMQ_PAIR);
        pthread_t thread;
        set (proxy.back, ZMQ_LINGER, 0);
        bind_again (proxy.front, ins);
        bind_again (proxy.back, outs);
        /* libzmq frees the name of a socket that is closed in another thread, a little later. */
        char name[32];
        snprintf (name, sizeof name, "inproc://control %d", round);
        CHECK (zmq_bind (proxy.control, name) == 0 && zmq_connect (control, name) == 0);
        if (round == 0) {
            last_endpoint (proxy.front, ins);
            last_endpoint (proxy.back, outs);
            CHECK (zmq_connect (pub, ins) == 0 && zmq_connect (sub, outs) == 0);
        }
        CHECK (pthread_create (&thread, NULL, forward, &proxy) == 0);
        publish_all (pub, sub);
        put (control, "TERMINATE", 0);
        CHECK (pthread_join (thread, NULL) == 0 && zmq_close (control) == 0);
    }
    CHECK (zmq_close (pub) == 0 && zmq_close (sub) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    many = zmq_has ("ringmq") ? 100000 : 200;
    channels = zmq_has ("ringmq") ? 3000 : 200;
    publisher ("tcp://127.0.0.1:*");
    publisher ("ipc://restarts.ipc");
    proxy ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
    proxy ("ipc://restarts-in.ipc", "ipc://restarts-out.ipc");
    return 0;
}
