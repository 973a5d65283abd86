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

/* The ids of the timers that ran, in their order. */
static int ran[8], ran_count;

static void note (int id, void *argument)
{
    (void) argument;
    CHECK (ran_count < 8);
    ran[ran_count++] = id;
}

static void wait_until_due (void *timers)
{
    while (zmq_timers_timeout (timers) > 0)
        zmq_poll (NULL, 0, zmq_timers_timeout (timers));
}

/* A timer that was cancelled can be reset for as long as no call has come to it, and does not run. */
static void cancelled_timers (void)
{
    void *timers = zmq_timers_new ();
    int first = zmq_timers_add (timers, 100000, note, NULL), second = zmq_timers_add (timers, 200000, note, NULL);
    int third = zmq_timers_add (timers, 300000, note, NULL);
    CHECK (first != -1 && second != -1 && third != -1);
    CHECK (zmq_timers_cancel (timers, second) == 0);
    REFUSED (zmq_timers_cancel (timers, second), EINVAL);
    /* The first is in front of it: no call comes to the second. */
    CHECK (zmq_timers_timeout (timers) > 50000 && zmq_timers_execute (timers) == 0);
    CHECK (zmq_timers_reset (timers, second) == 0 && zmq_timers_set_interval (timers, second, 1) == 0);
    REFUSED (zmq_timers_cancel (timers, second), EINVAL);
    /* Now it is in front, and a call comes to it. */
    long left = zmq_timers_timeout (timers);
    CHECK (left > 50000 && left <= 100000);
    REFUSED (zmq_timers_reset (timers, second), EINVAL);
    REFUSED (zmq_timers_set_interval (timers, second, 1), EINVAL);
    REFUSED (zmq_timers_cancel (timers, second), EINVAL);
    /* The same by an execute, behind one that runs. */
    CHECK (zmq_timers_set_interval (timers, first, 5) == 0 && zmq_timers_cancel (timers, third) == 0);
    wait_until_due (timers);
    CHECK (zmq_timers_reset (timers, third) == 0 && ran_count == 0);
    CHECK (zmq_timers_execute (timers) == 0 && ran_count == 1 && ran[0] == first);
    CHECK (zmq_timers_cancel (timers, first) == 0 && zmq_timers_reset (timers, first) == 0);
    CHECK (zmq_timers_timeout (timers) == -1);
    REFUSED (zmq_timers_reset (timers, first), EINVAL);
    REFUSED (zmq_timers_reset (timers, third), EINVAL);
    CHECK (zmq_timers_destroy (&timers) == 0);
    ran_count = 0;
}

static void *own_timers;
static int victim;

static void cancel_victim (int id, void *argument)
{
    note (id, argument);
    CHECK (zmq_timers_cancel (own_timers, victim) == 0);
}

static void cancel_itself (int id, void *argument)
{
    note (id, argument);
    CHECK (zmq_timers_cancel (own_timers, id) == 0);
}

/* They run in the order in which they are due, and those that are due together in the order in which they were set. A
   handler may cancel its own timer, and others. */
static void order_of_timers (void)
{
    own_timers = zmq_timers_new ();
    int late = zmq_timers_add (own_timers, 20, cancel_itself, NULL), early = zmq_timers_add (own_timers, 10, cancel_victim, NULL);
    victim = zmq_timers_add (own_timers, 15, note, NULL);
    int last = zmq_timers_add (own_timers, 25, cancel_itself, NULL);
    CHECK (late != -1 && early != -1 && victim != -1 && last != -1);
    zmq_poll (NULL, 0, 40);
    CHECK (zmq_timers_execute (own_timers) == 0);
    CHECK (ran_count == 3 && ran[0] == early && ran[1] == late && ran[2] == last);
    CHECK (zmq_timers_cancel (own_timers, early) == 0 && zmq_timers_timeout (own_timers) == -1);
    CHECK (zmq_timers_destroy (&own_timers) == 0);
    ran_count = 0;
}

enum { MANY = 200000 };

/* Twice as many timers take twice as long, not four times: all of this takes less than a second, or minutes. */
static void many_timers (void)
{
    void *timers = zmq_timers_new ();
    int run = 0;
    CHECK (zmq_timers_add (timers, 1000000, rung, &run) != -1);
    for (int at = 0; at < MANY; at++) {
        CHECK (zmq_timers_add (timers, 1 + at % 7, rung, &run) != -1);
        CHECK (zmq_timers_timeout (timers) <= 7);
    }
    zmq_poll (NULL, 0, 10);
    CHECK (zmq_timers_execute (timers) == 0 && run == MANY);
    CHECK (zmq_timers_destroy (&timers) == 0);
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
 * libzmq 4.3.4 counts messages; later versions and ours count parts. 4.3.4 also captures the commands. */
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
    cancelled_timers ();
    order_of_timers ();
    many_timers ();
    z85 ();
    vectors ();
    proxies ();
    return 0;
}
