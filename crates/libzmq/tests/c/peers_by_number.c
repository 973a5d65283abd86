/* Drafts of libzmq's, of which its stable library has none: types whose messages have one part, and peers by number. */
#define ZMQ_BUILD_DRAFT_API
#include "check.h"
#include "endpoints.h"

#include <errno.h>
#include <pthread.h>

static const int TYPES[] = {ZMQ_SERVER, ZMQ_CLIENT, ZMQ_GATHER, ZMQ_SCATTER, ZMQ_PEER, ZMQ_CHANNEL};

/* What every one of the types refuses. */
static void types (void *context)
{
    for (size_t at = 0; at < sizeof TYPES / sizeof *TYPES; at++) {
        void *socket = made (context, TYPES[at]);
        CHECK (get (socket, ZMQ_TYPE) == TYPES[at] && get (socket, ZMQ_THREAD_SAFE) == 1);
        int descriptor;
        size_t size = sizeof descriptor;
        REFUSED (zmq_getsockopt (socket, ZMQ_FD, &descriptor, &size), EINVAL);
        if (TYPES[at] != ZMQ_GATHER)
            REFUSED (zmq_send (socket, "x", 1, ZMQ_SNDMORE | ZMQ_DONTWAIT), EINVAL);
        if (TYPES[at] == ZMQ_SERVER || TYPES[at] == ZMQ_PEER) {
            REFUSED (zmq_send (socket, "x", 1, ZMQ_DONTWAIT), EHOSTUNREACH);
            REFUSED (zmq_disconnect_peer (socket, 1), EHOSTUNREACH);
            REFUSED (zmq_disconnect_peer (socket, 0), EHOSTUNREACH);
        } else {
            REFUSED (zmq_disconnect_peer (socket, 1), ENOTSUP);
        }
        if (TYPES[at] != ZMQ_PEER) {
            errno = 0;
            CHECK (zmq_connect_peer (socket, "inproc://none") == 0 && errno == ENOTSUP);
        }
        REFUSED (zmq_socket_get_peer_state (socket, "x", 1), ENOTSUP);
        CHECK (zmq_close (socket) == 0);
    }
    void *push = made (context, ZMQ_PUSH);
    CHECK (get (push, ZMQ_THREAD_SAFE) == 0);
    CHECK (zmq_close (push) == 0);
    errno = 0;
    CHECK (zmq_connect_peer (NULL, "inproc://none") == 0 && errno == ENOTSOCK);
    REFUSED (zmq_disconnect_peer (NULL, 1), ENOTSOCK);
}

static void messages (void)
{
    zmq_msg_t a, b;
    CHECK (zmq_msg_init_buffer (&a, "bytes", 5) == 0 && zmq_msg_init (&b) == 0);
    CHECK (zmq_msg_size (&a) == 5 && memcmp (zmq_msg_data (&a), "bytes", 5) == 0);
    CHECK (zmq_msg_routing_id (&a) == 0);
    REFUSED (zmq_msg_set_routing_id (&a, 0), EINVAL);
    CHECK (zmq_msg_set_routing_id (&a, 7) == 0 && zmq_msg_routing_id (&a) == 7);
    CHECK (zmq_msg_copy (&b, &a) == 0 && zmq_msg_routing_id (&b) == 7);
    CHECK (zmq_msg_set_routing_id (&b, 8) == 0);
    CHECK (zmq_msg_routing_id (&a) == 7 && zmq_msg_routing_id (&b) == 8);
    CHECK (zmq_msg_move (&b, &a) == 0 && zmq_msg_routing_id (&b) == 7 && zmq_msg_routing_id (&a) == 0);
    CHECK (zmq_msg_close (&a) == 0 && zmq_msg_close (&b) == 0);
    REFUSED (zmq_msg_set_routing_id (&a, 7), EFAULT);
    CHECK (zmq_msg_init_buffer (&a, NULL, 0) == 0 && zmq_msg_size (&a) == 0 && zmq_msg_close (&a) == 0);
}

/* A message goes and its reply comes, however the two meet. */
static void talk (void *context, const char *where)
{
    char endpoint[64];
    void *bound = made (context, ZMQ_PEER), *peer = made (context, ZMQ_PEER);
    set (bound, ZMQ_RCVTIMEO, 20000);
    set (peer, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_bind (bound, where) == 0);
    last_endpoint (bound, endpoint);
    uint32_t id = zmq_connect_peer (peer, endpoint);
    CHECK (id != 0);
    zmq_msg_t msg;
    CHECK (zmq_msg_init_buffer (&msg, "x", 1) == 0 && zmq_msg_set_routing_id (&msg, id) == 0);
    CHECK (zmq_msg_send (&msg, peer, 0) == 1 && zmq_msg_routing_id (&msg) == 0);
    CHECK (zmq_msg_recv (&msg, bound, 0) == 1);
    uint32_t other = zmq_msg_routing_id (&msg);
    CHECK (other != 0 && zmq_msg_send (&msg, bound, 0) == 1);
    CHECK (zmq_msg_recv (&msg, peer, 0) == 1 && zmq_msg_routing_id (&msg) == id);
    CHECK (zmq_disconnect_peer (bound, other) == 0);
    CHECK (zmq_msg_set_routing_id (&msg, other) == 0);
    REFUSED (zmq_msg_send (&msg, bound, 0), EHOSTUNREACH);
    /* It is as it was. */
    CHECK (zmq_msg_size (&msg) == 1 && zmq_msg_routing_id (&msg) == other && zmq_msg_close (&msg) == 0);
    CHECK (zmq_close (bound) == 0 && zmq_close (peer) == 0);
}

static void states (void *context)
{
    void *router = made (context, ZMQ_ROUTER), *dealer = made (context, ZMQ_DEALER);
    set (router, ZMQ_SNDHWM, 1);
    set (dealer, ZMQ_RCVHWM, 1);
    CHECK (zmq_setsockopt (dealer, ZMQ_ROUTING_ID, "me", 2) == 0);
    CHECK (zmq_bind (router, "inproc://router") == 0 && zmq_connect (dealer, "inproc://router") == 0);
    REFUSED (zmq_socket_get_peer_state (router, "you", 3), EHOSTUNREACH);
    CHECK (zmq_socket_get_peer_state (router, "me", 2) == ZMQ_POLLOUT);
    for (int sent = 0; sent < 2; sent++)
        CHECK (zmq_send (router, "me", 2, ZMQ_SNDMORE) == 2 && zmq_send (router, "x", 1, 0) == 1);
    CHECK (zmq_socket_get_peer_state (router, "me", 2) == 0);
    CHECK (zmq_close (router) == 0 && zmq_close (dealer) == 0);
}

enum { THREADS = 4, CALLS = 2000 };

/* Requests and replies of several threads over one CLIENT: as many come back as were sent. */
static void *ask (void *client)
{
    char byte;
    for (int call = 0; call < CALLS; call++) {
        CHECK (zmq_send (client, "x", 1, 0) == 1);
        CHECK (zmq_recv (client, &byte, 1, 0) == 1);
    }
    return NULL;
}

static void *answer (void *server)
{
    zmq_msg_t msg;
    CHECK (zmq_msg_init (&msg) == 0);
    for (int call = 0; call < THREADS * CALLS / 2; call++)
        CHECK (zmq_msg_recv (&msg, server, 0) == 1 && zmq_msg_send (&msg, server, 0) == 1);
    CHECK (zmq_msg_close (&msg) == 0);
    return NULL;
}

static void threads (void *context)
{
    void *server = made (context, ZMQ_SERVER), *client = made (context, ZMQ_CLIENT);
    char endpoint[64];
    CHECK (zmq_bind (server, "ipc://*") == 0);
    last_endpoint (server, endpoint);
    CHECK (zmq_connect (client, endpoint) == 0);
    pthread_t all[THREADS + 2];
    for (int at = 0; at < THREADS + 2; at++)
        CHECK (pthread_create (&all[at], NULL, at < THREADS ? ask : answer, at < THREADS ? client : server) == 0);
    for (int at = 0; at < THREADS + 2; at++)
        CHECK (pthread_join (all[at], NULL) == 0);
    CHECK (zmq_close (server) == 0 && zmq_close (client) == 0);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    messages ();
    types (context);
    talk (context, "tcp://127.0.0.1:*");
    talk (context, "ipc://*");
    talk (context, "inproc://peer");
    states (context);
    threads (context);
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
