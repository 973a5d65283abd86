/* The I/O threads of a context, and its end. */
#include "endpoints.h"

#include <signal.h>
#include <sys/time.h>

enum { PEERS = 12 };

/* Many connections, in both directions, of sockets that may use these threads. */
static void served (int threads, uint64_t affinity)
{
    void *context = zmq_ctx_new ();
    CHECK (zmq_ctx_set (context, ZMQ_IO_THREADS, threads) == 0 && zmq_ctx_get (context, ZMQ_IO_THREADS) == threads);
    void *router = made (context, ZMQ_ROUTER), *dealers[PEERS];
    CHECK (zmq_setsockopt (router, ZMQ_AFFINITY, &affinity, sizeof affinity) == 0);
    char endpoint[64];
    CHECK (zmq_bind (router, "tcp://127.0.0.1:*") == 0);
    last_endpoint (router, endpoint);
    for (int at = 0; at < PEERS; at++) {
        dealers[at] = made (context, ZMQ_DEALER);
        CHECK (zmq_connect (dealers[at], endpoint) == 0);
    }
    for (int round = 0; round < 50; round++) {
        for (int at = 0; at < PEERS; at++)
            put (dealers[at], "question", 0);
        for (int at = 0; at < PEERS; at++) {
            char id[8];
            CHECK (zmq_recv (router, id, sizeof id, 0) == 5);
            take (router, "question", 0);
            CHECK (zmq_send (router, id, 5, ZMQ_SNDMORE) == 5);
            put (router, "answer", 0);
        }
        for (int at = 0; at < PEERS; at++)
            take (dealers[at], "answer", 0);
    }
    /* Its connections end with the listener, whichever thread has them. */
    CHECK (zmq_unbind (router, endpoint) == 0);
    CHECK (zmq_close (router) == 0);
    for (int at = 0; at < PEERS; at++)
        CHECK (zmq_close (dealers[at]) == 0);
    CHECK (zmq_ctx_term (context) == 0);
}

static void not_served (int threads, uint64_t affinity)
{
    void *context = zmq_ctx_new ();
    CHECK (zmq_ctx_set (context, ZMQ_IO_THREADS, threads) == 0);
    void *one = made (context, ZMQ_PAIR), *other = made (context, ZMQ_PAIR);
    uint64_t kept = 0;
    size_t size = sizeof kept;
    CHECK (zmq_setsockopt (one, ZMQ_AFFINITY, &affinity, sizeof affinity) == 0);
    CHECK (zmq_getsockopt (one, ZMQ_AFFINITY, &kept, &size) == 0 && kept == affinity);
    REFUSED (zmq_bind (one, "tcp://127.0.0.1:*"), EMTHREAD);
    REFUSED (zmq_connect (one, "tcp://127.0.0.1:1"), EMTHREAD);
    REFUSED (zmq_connect (one, "ipc://unused"), EMTHREAD);
    /* inproc needs no I/O thread. */
    CHECK (zmq_bind (one, "inproc://threads") == 0 && zmq_connect (other, "inproc://threads") == 0);
    put (one, "x", 0);
    take (other, "x", 0);
    CHECK (zmq_close (one) == 0 && zmq_close (other) == 0 && zmq_ctx_term (context) == 0);
}

static void handled (int number)
{
    (void) number;
}

/* A signal ends the wait for the end, which can be begun again. */
static void interrupted (void)
{
    struct sigaction action = {.sa_handler = handled};
    CHECK (sigaction (SIGALRM, &action, NULL) == 0);
    struct itimerval often = {{0, 10000}, {0, 10000}}, never = {{0, 0}, {0, 0}};
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH);
    char endpoint[64];
    free_tcp (endpoint);
    CHECK (zmq_connect (push, endpoint) == 0);
    put (push, "received after the end", 0);
    CHECK (setitimer (ITIMER_REAL, &often, NULL) == 0);
    /* A socket is open; then one has something to send. */
    for (int round = 0; round < 3; round++)
        REFUSED (zmq_ctx_term (context), EINTR);
    REFUSED (zmq_send (push, "x", 1, 0), ETERM);
    CHECK (setitimer (ITIMER_REAL, &never, NULL) == 0);
    CHECK (zmq_close (push) == 0);
    CHECK (setitimer (ITIMER_REAL, &often, NULL) == 0);
    for (int round = 0; round < 3; round++)
        REFUSED (zmq_ctx_term (context), EINTR);
    CHECK (setitimer (ITIMER_REAL, &never, NULL) == 0);

    /* A peer receives it, and the context ends. */
    void *other = zmq_ctx_new ();
    void *pull = made (other, ZMQ_PULL);
    CHECK (zmq_bind (pull, endpoint) == 0);
    take (pull, "received after the end", 0);
    CHECK (zmq_ctx_term (context) == 0);
    CHECK (zmq_close (pull) == 0 && zmq_ctx_term (other) == 0);
}

int main (void)
{
    served (1, 0);
    served (4, 0);
    served (4, 6);
    not_served (0, 0);
    not_served (2, 4);
    interrupted ();
    return 0;
}
