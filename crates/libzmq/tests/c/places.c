/* Where sockets are bound and connected, and how that ends. */
#include "endpoints.h"

#include <unistd.h>

static void *context;

static int is_last (void *socket, const char *endpoint)
{
    char last[64];
    last_endpoint (socket, last);
    return strcmp (last, endpoint) == 0;
}

/* ZMQ_LAST_ENDPOINT is the full endpoint; without one it is an empty string. */
static void last (void)
{
    void *socket = made (context, ZMQ_PULL);
    char wild[64], other[64];
    CHECK (is_last (socket, ""));
    CHECK (zmq_bind (socket, "tcp://127.0.0.1:*") == 0);
    last_endpoint (socket, wild);
    CHECK (strncmp (wild, "tcp://127.0.0.1:", 16) == 0 && wild[16] != '*' && wild[16] != '0');
    CHECK (zmq_bind (socket, "ipc://*") == 0);
    last_endpoint (socket, other);
    CHECK (strncmp (other, "ipc://", 6) == 0 && other[6] != '*');
    CHECK (zmq_bind (socket, "inproc://last") == 0 && is_last (socket, "inproc://last"));
    CHECK (zmq_connect (socket, "inproc://unused") == 0 && is_last (socket, "inproc://unused"));
    /* A place that was wild is left by the name that it got. */
    REFUSED (zmq_unbind (socket, "tcp://127.0.0.1:*"), ENOENT);
    CHECK (zmq_unbind (socket, wild) == 0 && zmq_unbind (socket, other) == 0);
    REFUSED (zmq_unbind (socket, wild), ENOENT);
    CHECK (zmq_unbind (socket, "inproc://last") == 0 && zmq_disconnect (socket, "inproc://unused") == 0);
    REFUSED (zmq_disconnect (socket, "inproc://unused"), ENOENT);
    CHECK (zmq_close (socket) == 0);
}

/* What was left can be taken, by libzmq as soon as its threads have left it, too. */
static void again (const char *endpoint)
{
    void *req = made (context, ZMQ_REQ);
    char bound[64];
    strcpy (bound, endpoint);
    set (req, ZMQ_RECONNECT_IVL, 10);
    for (int round = 0; round < 5; round++) {
        void *rep = made (context, ZMQ_REP);
        while (zmq_bind (rep, bound) != 0)
            CHECK (errno == EADDRINUSE && usleep (1000) == 0);
        last_endpoint (rep, bound);
        CHECK (zmq_connect (req, bound) == 0);
        put (req, "question", 0);
        take (rep, "question", 0);
        put (rep, "answer", 0);
        take (req, "answer", 0);
        CHECK (zmq_disconnect (req, bound) == 0);
        CHECK (round % 2 ? zmq_close (rep) == 0 : zmq_unbind (rep, bound) == 0 && zmq_close (rep) == 0);
    }
    CHECK (zmq_close (req) == 0);
}

/* A program may reserve a path by an empty file. */
static void reserved (void)
{
    char path[] = "reservedXXXXXX", endpoint[64];
    int file = mkstemp (path);
    CHECK (file >= 0 && close (file) == 0);
    sprintf (endpoint, "ipc://%s", path);
    void *socket = made (context, ZMQ_PULL);
    CHECK (zmq_bind (socket, endpoint) == 0 && zmq_close (socket) == 0);
    remove (path);
}

/* Once disconnected, messages go to those who are left, and those for the other are gone. */
static void left (void)
{
    void *push = made (context, ZMQ_PUSH), *one = made (context, ZMQ_PULL), *other = made (context, ZMQ_PULL);
    CHECK (zmq_bind (one, "inproc://one") == 0 && zmq_bind (other, "inproc://other") == 0);
    CHECK (zmq_connect (push, "inproc://one") == 0 && zmq_connect (push, "inproc://other") == 0);
    for (int at = 0; at < 4; at++)
        put (push, "x", 0);
    for (int at = 0; at < 2; at++) {
        take (one, "x", 0);
        take (other, "x", 0);
    }
    CHECK (zmq_disconnect (push, "inproc://one") == 0);
    for (int at = 0; at < 4; at++)
        put (push, "y", 0);
    for (int at = 0; at < 4; at++)
        take (other, "y", 0);
    REFUSED (zmq_recv (one, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
    CHECK (zmq_close (push) == 0 && zmq_close (one) == 0 && zmq_close (other) == 0);
}

/* An idle connection with heartbeats lives on. */
static void beating (const char *endpoint, const char *beats)
{
    void *one = made (context, ZMQ_PAIR), *other = made (context, ZMQ_PAIR), *monitor = made (context, ZMQ_PAIR);
    char bound[64];
    void *sockets[] = {one, other};
    for (int at = 0; at < 2; at++) {
        set (sockets[at], ZMQ_HEARTBEAT_IVL, 10);
        set (sockets[at], ZMQ_HEARTBEAT_TIMEOUT, 1000);
        set (sockets[at], ZMQ_HEARTBEAT_TTL, 1000);
        CHECK (get (sockets[at], ZMQ_HEARTBEAT_IVL) == 10 && get (sockets[at], ZMQ_HEARTBEAT_TTL) == 1000);
    }
    CHECK (zmq_bind (one, endpoint) == 0);
    last_endpoint (one, bound);
    CHECK (zmq_socket_monitor (other, beats, ZMQ_EVENT_DISCONNECTED) == 0);
    CHECK (zmq_connect (monitor, beats) == 0 && zmq_connect (other, bound) == 0);
    put (one, "hello", 0);
    take (other, "hello", 0);
    set (monitor, ZMQ_RCVTIMEO, 300);
    REFUSED (zmq_recv (monitor, NULL, 0, 0), EAGAIN);
    put (other, "still here", 0);
    take (one, "still here", 0);
    CHECK (zmq_socket_monitor (other, NULL, 0) == 0);
    CHECK (zmq_close (one) == 0 && zmq_close (other) == 0 && zmq_close (monitor) == 0);
}

/* IPv6, if it is asked for. */
static void six (void)
{
    void *rep = made (context, ZMQ_REP), *req = made (context, ZMQ_REQ);
    char bound[64];
    CHECK (get (rep, ZMQ_IPV6) == 0);
    set (rep, ZMQ_IPV6, 1);
    set (req, ZMQ_IPV6, 1);
    if (zmq_bind (rep, "tcp://[::1]:*") == 0) {
        last_endpoint (rep, bound);
        CHECK (strncmp (bound, "tcp://[::1]:", 12) == 0);
        CHECK (zmq_connect (req, bound) == 0);
        put (req, "question", 0);
        take (rep, "question", 0);
    } else
        fprintf (stderr, "not run: there is no IPv6\n");
    set (req, ZMQ_LINGER, 0);
    CHECK (zmq_close (rep) == 0 && zmq_close (req) == 0);
}

int main (void)
{
    context = zmq_ctx_new ();
    last ();
    again ("tcp://127.0.0.1:*");
    again ("ipc://place");
    reserved ();
    again ("inproc://place");
    left ();
    beating ("tcp://127.0.0.1:*", "inproc://tcp beats");
    beating ("ipc://beating", "inproc://ipc beats");
    six ();
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
