/* What libzmq leaves undefined, and we do not. */
#include "check.h"

#include <stdint.h>
#include <sys/socket.h>

static void *timers, *later;
static int ran;

static void count (int id, void *argument)
{
    (void) id, (void) argument;
    ran++;
}

/* Ends the set that it belongs to. What is made then may get the same handle. */
static void destroy (int id, void *argument)
{
    count (id, argument);
    CHECK (zmq_timers_destroy (&timers) == 0 && timers == NULL);
    later = zmq_timers_new ();
    CHECK (later && zmq_timers_add (later, 0, count, NULL) != -1);
}

/* A handler may do to its timers what it likes. */
static void steered_timers (void)
{
    timers = zmq_timers_new ();
    void *handle = timers;
    CHECK (zmq_timers_add (timers, 0, destroy, NULL) != -1 && zmq_timers_add (timers, 0, count, NULL) != -1);
    CHECK (zmq_timers_execute (handle) == 0 && ran == 1);
    CHECK (zmq_timers_execute (later) == 0 && ran == 2);
    CHECK (zmq_timers_destroy (&later) == 0);
    REFUSED (zmq_timers_execute (handle), EFAULT);

    /* One without an interval runs once in a call. */
    timers = zmq_timers_new ();
    CHECK (zmq_timers_add (timers, 0, count, NULL) == 1);
    CHECK (zmq_timers_execute (timers) == 0 && ran == 3 && zmq_timers_timeout (timers) == 0);
    CHECK (zmq_timers_execute (timers) == 0 && ran == 4);
    /* An interval that is longer than time never ends. */
    CHECK (zmq_timers_set_interval (timers, 1, SIZE_MAX) == 0 && zmq_timers_timeout (timers) > 1000000000);
    CHECK (zmq_timers_execute (timers) == 0 && ran == 4);
    CHECK (zmq_timers_destroy (&timers) == 0);
}

int main (void)
{
    steered_timers ();
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH);
    void *pull = made (context, ZMQ_PULL);
    CHECK (zmq_bind (pull, "inproc://misuse") == 0 && zmq_connect (push, "inproc://misuse") == 0);

    CHECK (zmq_close (pull) == 0);
    REFUSED (zmq_close (pull), ENOTSOCK);
    REFUSED (zmq_recv (pull, NULL, 0, 0), ENOTSOCK);
    REFUSED (zmq_msg_send (NULL, push, 0), EFAULT);
    REFUSED (zmq_send (push, NULL, 10, 0), EFAULT);
    CHECK (zmq_close (push) == 0 && zmq_ctx_term (context) == 0);
    REFUSED (zmq_ctx_term (context), EFAULT);
    REFUSED (zmq_ctx_set (context, ZMQ_IO_THREADS, 1), EFAULT);
    CHECK (zmq_socket (context, ZMQ_PAIR) == NULL && errno == EFAULT);

    /* What is not there says so. */
    context = zmq_ctx_new ();
    void *sub = made (context, ZMQ_SUB);
    int on = 1;
    REFUSED (zmq_setsockopt (sub, ZMQ_GSSAPI_SERVER, &on, sizeof on), EINVAL);
    set (sub, ZMQ_USE_FD, 9999);
    REFUSED (zmq_bind (sub, "tcp://127.0.0.1:*"), EBADF);
    int listener = socket (AF_INET, SOCK_STREAM, 0);
    CHECK (listener >= 0 && listen (listener, 1) == 0);
    set (sub, ZMQ_USE_FD, listener);
    REFUSED (zmq_bind (sub, "ipc://misuse"), EINVAL);
    set (sub, ZMQ_USE_FD, -1);
    CHECK (zmq_has ("gssapi") == 0 && zmq_has ("ipc") == 1);
    CHECK (zmq_close (sub) == 0 && zmq_ctx_term (context) == 0);
    return 0;
}
