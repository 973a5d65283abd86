/* What has no socket, or many: options of contexts, timers, Z85, vectors of parts, and a proxy that is steered. */
#include "endpoints.h"

#include <sys/uio.h>

static void contexts (void)
{
    void *context = zmq_ctx_new ();
    CHECK (zmq_ctx_get (context, ZMQ_IO_THREADS) == 1 && zmq_ctx_get (context, ZMQ_MAX_SOCKETS) == 1023);
    CHECK (zmq_ctx_get (context, ZMQ_BLOCKY) == 1 && zmq_ctx_get (context, ZMQ_IPV6) == 0);
    CHECK (zmq_ctx_get (context, ZMQ_MSG_T_SIZE) == 64 && zmq_ctx_get (context, ZMQ_SOCKET_LIMIT) == 65535);
    REFUSED (zmq_ctx_set (context, ZMQ_IO_THREADS, -1), EINVAL);
    REFUSED (zmq_ctx_set (context, 9999, 1), EINVAL);
    /* Sockets that are made from now on have it. */
    CHECK (zmq_ctx_set (context, ZMQ_IPV6, 1) == 0 && zmq_ctx_set (context, ZMQ_MAX_SOCKETS, 2) == 0);
    void *one = made (context, ZMQ_PAIR), *other = made (context, ZMQ_PAIR);
    CHECK (get (one, ZMQ_IPV6) == 1 && get (one, ZMQ_LINGER) == -1);
    CHECK (zmq_socket (context, ZMQ_PAIR) == NULL && errno == EMFILE);
    CHECK (zmq_close (other) == 0 && zmq_ctx_set (context, ZMQ_BLOCKY, 0) == 0);
    CHECK (zmq_close (one) == 0 && zmq_ctx_term (context) == 0);

    context = zmq_ctx_new ();
    CHECK (zmq_ctx_set (context, ZMQ_BLOCKY, 0) == 0);
    one = made (context, ZMQ_PUSH);
    CHECK (get (one, ZMQ_LINGER) == 0);
    CHECK (zmq_close (one) == 0 && zmq_ctx_term (context) == 0);
}

static void rung (int id, void *count)
{
    (void) id;
    ++*(int *) count;
}

static void timers (void)
{
    void *timers = zmq_timers_new ();
    int often = 0, seldom = 0;
    CHECK (timers && zmq_timers_timeout (timers) == -1 && zmq_timers_execute (timers) == 0);
    int one = zmq_timers_add (timers, 10, rung, &often), other = zmq_timers_add (timers, 100000, rung, &seldom);
    CHECK (one != -1 && other != -1 && one != other);
    CHECK (zmq_timers_timeout (timers) <= 10);
    while (often < 3) {
        zmq_poll (NULL, 0, zmq_timers_timeout (timers));
        CHECK (zmq_timers_execute (timers) == 0);
    }
    CHECK (seldom == 0 && zmq_timers_set_interval (timers, one, 50000) == 0 && zmq_timers_reset (timers, one) == 0);
    CHECK (zmq_timers_timeout (timers) > 10000);
    CHECK (zmq_timers_cancel (timers, one) == 0 && zmq_timers_cancel (timers, other) == 0);
    REFUSED (zmq_timers_cancel (timers, one), EINVAL);
    REFUSED (zmq_timers_reset (timers, 99), EINVAL);
    CHECK (zmq_timers_timeout (timers) == -1);
    CHECK (zmq_timers_destroy (&timers) == 0 && timers == NULL);
}

static void z85 (void)
{
    const uint8_t bytes[] = {0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b};
    char text[11];
    uint8_t back[8];
    CHECK (zmq_z85_encode (text, bytes, 8) == text && strcmp (text, "HelloWorld") == 0);
    CHECK (zmq_z85_decode (back, text) == back && memcmp (back, bytes, 8) == 0);
    CHECK (zmq_z85_encode (text, bytes, 7) == NULL && errno == EINVAL);
    CHECK (zmq_z85_decode (back, "Hell") == NULL && errno == EINVAL);
}

static void vectors (void)
{
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *pull = made (context, ZMQ_PULL);
    CHECK (zmq_bind (pull, "inproc://vectors") == 0 && zmq_connect (push, "inproc://vectors") == 0);
    struct iovec sent[] = {{"a", 1}, {"", 0}, {"bcd", 3}}, received[5];
    CHECK (zmq_sendiov (push, sent, 3, ZMQ_SNDMORE) >= 0);
    size_t count = 5;
    CHECK (zmq_recviov (pull, received, &count, 0) >= 0 && count == 3);
    for (size_t at = 0; at < 3; at++) {
        CHECK (received[at].iov_len == sent[at].iov_len);
        CHECK (memcmp (received[at].iov_base, sent[at].iov_base, sent[at].iov_len) == 0);
        free (received[at].iov_base);
    }
    CHECK (get (pull, ZMQ_RCVMORE) == 0);
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
}

static void *context;

static void steered (void *nothing)
{
    (void) nothing;
    void *front = made (context, ZMQ_PULL), *back = made (context, ZMQ_PUSH);
    void *capture = made (context, ZMQ_PUSH), *control = made (context, ZMQ_PAIR);
    CHECK (zmq_bind (front, "inproc://front") == 0 && zmq_bind (back, "inproc://back") == 0);
    CHECK (zmq_bind (capture, "inproc://capture") == 0 && zmq_connect (control, "inproc://control") == 0);
    CHECK (zmq_proxy_steerable (front, back, capture, control) == 0);
    CHECK (zmq_close (front) == 0 && zmq_close (back) == 0 && zmq_close (capture) == 0 && zmq_close (control) == 0);
}

/* Messages and bytes that went in at the front and out at the back. */
static void counted (void *control, uint64_t messages, uint64_t bytes)
{
    uint64_t expected[8] = {messages, bytes, 0, 0, 0, 0, messages, bytes}, number;
    put (control, "STATISTICS", 0);
    for (int at = 0; at < 8; at++) {
        CHECK (zmq_recv (control, &number, sizeof number, 0) == sizeof number && number == expected[at]);
        CHECK (get (control, ZMQ_RCVMORE) == (at < 7));
    }
}

/* What is paused waits, what goes through is captured, and what went through is counted. Here a message has one part:
 * libzmq 4.3.4 counts messages, later ones and ours parts. Also it captures what it is told, which later ones do not. */
static void proxies (void)
{
    context = zmq_ctx_new ();
    void *control = made (context, ZMQ_PAIR), *push = made (context, ZMQ_PUSH);
    void *pull = made (context, ZMQ_PULL), *captured = made (context, ZMQ_PULL);
    CHECK (zmq_bind (control, "inproc://control") == 0);
    CHECK (zmq_connect (push, "inproc://front") == 0 && zmq_connect (pull, "inproc://back") == 0);
    CHECK (zmq_connect (captured, "inproc://capture") == 0);
    void *thread = zmq_threadstart (steered, NULL);
    put (push, "message", 0);
    take (pull, "message", 0);
    take (captured, "message", 0);
    put (control, "PAUSE", 0);
    counted (control, 1, 7);
    put (push, "later", 0);
    set (pull, ZMQ_RCVTIMEO, 50);
    REFUSED (zmq_recv (pull, NULL, 0, 0), EAGAIN);
    set (pull, ZMQ_RCVTIMEO, -1);
    put (control, "RESUME", 0);
    take (pull, "later", 0);
    counted (control, 2, 12);
    put (control, "TERMINATE", 0);
    zmq_threadclose (thread);
    CHECK (zmq_close (control) == 0 && zmq_close (push) == 0 && zmq_close (pull) == 0 && zmq_close (captured) == 0);
    CHECK (zmq_ctx_term (context) == 0);
}

int main (void)
{
    contexts ();
    timers ();
    z85 ();
    vectors ();
    proxies ();
    return 0;
}
