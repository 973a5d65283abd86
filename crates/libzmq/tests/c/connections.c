/* Connections that come, go, and come again. */
#include "endpoints.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* With ZMQ_IMMEDIATE there is a pipe only while a peer is connected. */
static void immediate (const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *pull = made (context, ZMQ_PULL);
    set (push, ZMQ_IMMEDIATE, 1);
    set (push, ZMQ_LINGER, 0);
    set (push, ZMQ_RECONNECT_IVL, 10);
    CHECK (zmq_connect (push, endpoint) == 0);
    REFUSED (zmq_send (push, "x", 1, ZMQ_DONTWAIT), EAGAIN);
    for (int round = 0; round < 3; round++) {
        CHECK (zmq_bind (pull, endpoint) == 0);
        put (push, "here", 0);
        take (pull, "here", 0);
        CHECK (zmq_close (pull) == 0);
        /* Messages that are sent before the socket notices the disconnect are lost. */
        while (zmq_send (push, "lost", 4, ZMQ_DONTWAIT) == 4)
            usleep (1000);
        CHECK (errno == EAGAIN && (get (push, ZMQ_EVENTS) & ZMQ_POLLOUT) == 0);
        pull = made (context, ZMQ_PULL);
    }
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
}

/* What came before the peer went can be received; nothing can be sent to it. */
static void gone (void)
{
    void *context = zmq_ctx_new ();
    void *one = made (context, ZMQ_DEALER), *other = made (context, ZMQ_DEALER);
    CHECK (zmq_bind (one, "inproc://gone") == 0 && zmq_connect (other, "inproc://gone") == 0);
    put (other, "before", 0);
    put (other, "it went", 0);
    CHECK (zmq_close (other) == 0);
    while (get (one, ZMQ_EVENTS) & ZMQ_POLLOUT)
        usleep (1000);
    REFUSED (zmq_send (one, "x", 1, ZMQ_DONTWAIT), EAGAIN);
    take (one, "before", 0);
    REFUSED (zmq_send (one, "x", 1, ZMQ_DONTWAIT), EAGAIN);
    take (one, "it went", 0);
    CHECK (zmq_close (one) == 0);

    void *router = made (context, ZMQ_ROUTER), *dealer = made (context, ZMQ_DEALER);
    set (router, ZMQ_ROUTER_MANDATORY, 1);
    CHECK (zmq_setsockopt (dealer, ZMQ_ROUTING_ID, "D", 1) == 0);
    CHECK (zmq_bind (router, "inproc://going") == 0 && zmq_connect (dealer, "inproc://going") == 0);
    put (dealer, "before", 0);
    take (router, "D", 1);
    take (router, "before", 0);
    put (dealer, "it went", 0);
    CHECK (zmq_close (dealer) == 0);
    while (zmq_send (router, "D", 1, ZMQ_SNDMORE | ZMQ_DONTWAIT) == 1) {
        put (router, "x", 0);
        usleep (1000);
    }
    CHECK (errno == EHOSTUNREACH);
    CHECK (zmq_close (router) == 0 && zmq_ctx_term (context) == 0);
}

/* Whether the messages of one that connected twice come from two peers. */
static int two_peers (int type, const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER), *socket = made (context, type);
    char bound[64], ids[2][8];
    int sizes[2];
    CHECK (zmq_bind (router, endpoint) == 0);
    last_endpoint (router, bound);
    CHECK (zmq_connect (socket, bound) == 0 && zmq_connect (socket, bound) == 0);
    for (int at = 0; at < 2; at++)
        put (socket, "x", 0);
    for (int at = 0; at < 2; at++) {
        sizes[at] = zmq_recv (router, ids[at], sizeof ids[at], 0);
        CHECK (sizes[at] == 5);
        take (router, "x", 0);
    }
    CHECK (zmq_close (router) == 0 && zmq_close (socket) == 0 && zmq_ctx_term (context) == 0);
    return memcmp (ids[0], ids[1], 5) != 0;
}

/* How often one gets a message that connected twice. */
static int copies (int binding, int connecting)
{
    void *context = zmq_ctx_new ();
    void *bound = made (context, binding), *connected = made (context, connecting);
    void *sub = binding == ZMQ_SUB ? bound : connected, *pub = binding == ZMQ_SUB ? connected : bound;
    char endpoint[64];
    CHECK (zmq_bind (bound, "tcp://127.0.0.1:*") == 0);
    last_endpoint (bound, endpoint);
    set (sub, ZMQ_RCVTIMEO, 10);
    CHECK (zmq_setsockopt (sub, ZMQ_SUBSCRIBE, "", 0) == 0);
    CHECK (zmq_connect (connected, endpoint) == 0 && zmq_connect (connected, endpoint) == 0);
    /* Until it has subscribed. */
    do
        put (pub, "are you there", 0);
    while (zmq_recv (sub, NULL, 0, 0) == -1);
    set (sub, ZMQ_RCVTIMEO, 300);
    while (zmq_recv (sub, NULL, 0, 0) != -1)
        ;
    put (pub, "x", 0);
    int count = 0;
    while (zmq_recv (sub, NULL, 0, 0) != -1)
        count++;
    CHECK (zmq_close (bound) == 0 && zmq_close (connected) == 0 && zmq_ctx_term (context) == 0);
    return count;
}

/* Without another attempt, the end of a connection is the end of its endpoint. */
static void afresh (void)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER), *dealer = made (context, ZMQ_DEALER);
    char endpoint[64];
    set (dealer, ZMQ_RECONNECT_IVL, -1);
    CHECK (zmq_bind (router, "tcp://127.0.0.1:*") == 0);
    last_endpoint (router, endpoint);
    for (int round = 0; round < 3; round++) {
        CHECK (zmq_connect (dealer, endpoint) == 0);
        put (dealer, "x", 0);
        char id[8];
        CHECK (zmq_recv (router, id, sizeof id, 0) == 5);
        take (router, "x", 0);
        CHECK (zmq_close (router) == 0);
        while (get (dealer, ZMQ_EVENTS) & ZMQ_POLLOUT)
            usleep (1000);
        REFUSED (zmq_disconnect (dealer, endpoint), ENOENT);
        router = made (context, ZMQ_ROUTER);
        CHECK (zmq_bind (router, endpoint) == 0);
    }
    CHECK (zmq_close (router) == 0 && zmq_close (dealer) == 0 && zmq_ctx_term (context) == 0);
}

/* ZMQ_USE_FD: a listener that the program has made. */
static void descriptor (int listener, const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *rep = made (context, ZMQ_REP), *req = made (context, ZMQ_REQ);
    CHECK (get (rep, ZMQ_USE_FD) == -1);
    CHECK (listen (listener, 10) == 0);
    set (rep, ZMQ_USE_FD, listener);
    CHECK (zmq_bind (rep, endpoint) == 0 && zmq_connect (req, endpoint) == 0);
    put (req, "question", 0);
    take (rep, "question", 0);
    put (rep, "answer", 0);
    take (req, "answer", 0);
    CHECK (zmq_close (rep) == 0 && zmq_close (req) == 0 && zmq_ctx_term (context) == 0);
    /* It was handed over. */
    REFUSED (close (listener), EBADF);
}

static void descriptors (void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket (AF_INET, SOCK_STREAM, 0);
    CHECK (listener >= 0 && bind (listener, (struct sockaddr *) &address, size) == 0);
    CHECK (getsockname (listener, (struct sockaddr *) &address, &size) == 0);
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs (address.sin_port));
    descriptor (listener, endpoint);

    struct sockaddr_un place = {.sun_family = AF_UNIX, .sun_path = "given"};
    listener = socket (AF_UNIX, SOCK_STREAM, 0);
    CHECK (listener >= 0 && bind (listener, (struct sockaddr *) &place, sizeof place) == 0);
    descriptor (listener, "ipc://given");
    /* The path is not the socket's. */
    CHECK (unlink ("given") == 0);
}

/* With a listener its connections end at once, and do not linger. */
static void unbound (void)
{
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *pull = made (context, ZMQ_PULL);
    char endpoint[64], message[1000] = {0};
    set (push, ZMQ_SNDHWM, 0);
    set (pull, ZMQ_RCVHWM, 10);
    set (pull, ZMQ_RCVTIMEO, 500);
    CHECK (zmq_bind (push, "tcp://127.0.0.1:*") == 0);
    last_endpoint (push, endpoint);
    CHECK (zmq_connect (pull, endpoint) == 0);
    for (int sent = 0; sent < 20000; sent++)
        CHECK (zmq_send (push, message, sizeof message, 0) == sizeof message);
    CHECK (zmq_unbind (push, endpoint) == 0);
    REFUSED (zmq_unbind (push, endpoint), ENOENT);
    int received = 0;
    while (zmq_recv (pull, message, sizeof message, 0) == sizeof message)
        received++;
    CHECK (received < 20000);
    REFUSED (zmq_send (push, "x", 1, ZMQ_DONTWAIT), EAGAIN);
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
}

/* Marks that are changed while messages wait for a connection: how many then wait. */
static int marked (int before, int sent, int after)
{
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH);
    char endpoint[64];
    free_tcp (endpoint);
    set (push, ZMQ_LINGER, 0);
    set (push, ZMQ_SNDHWM, before);
    CHECK (zmq_connect (push, endpoint) == 0);
    int waiting = 0;
    for (; waiting < sent; waiting++)
        put (push, "x", ZMQ_DONTWAIT);
    set (push, ZMQ_SNDHWM, after);
    for (; zmq_send (push, "x", 1, ZMQ_DONTWAIT) == 1; waiting++)
        ;
    CHECK (errno == EAGAIN);
    CHECK (zmq_close (push) == 0 && zmq_ctx_term (context) == 0);
    return waiting;
}

int main (void)
{
    char tcp[64];
    free_tcp (tcp);
    immediate (tcp);
    immediate ("ipc://immediate");
    gone ();
    CHECK (!two_peers (ZMQ_DEALER, "tcp://127.0.0.1:*") && !two_peers (ZMQ_DEALER, "ipc://twice"));
    CHECK (two_peers (ZMQ_DEALER, "inproc://twice"));
    CHECK (copies (ZMQ_PUB, ZMQ_SUB) == 1 && copies (ZMQ_SUB, ZMQ_PUB) == 1);
    CHECK (copies (ZMQ_SUB, ZMQ_XPUB) == 2);
    afresh ();
    descriptors ();
    unbound ();
    CHECK (marked (5, 3, 8) == 8 && marked (8, 3, 5) == 5 && marked (8, 6, 5) == 6);
    return 0;
}
