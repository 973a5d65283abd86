/* What is refused, and with which error. */
#include "check.h"

static void endpoints (void *context)
{
    void *one = made (context, ZMQ_PAIR), *other = made (context, ZMQ_PAIR);
    CHECK (zmq_bind (one, "inproc://refusals") == 0);
    REFUSED (zmq_bind (other, "inproc://refusals"), EADDRINUSE);
    REFUSED (zmq_bind (one, "pigeon://refusals"), EPROTONOSUPPORT);
    REFUSED (zmq_bind (one, "refusals"), EINVAL);
    REFUSED (zmq_bind (one, "tcp://127.0.0.1"), EINVAL);
    REFUSED (zmq_connect (one, "tcp://127.0.0.1"), EINVAL);
    REFUSED (zmq_bind (one, "tcp://no.such.interface.invalid:5555"), ENODEV);
    REFUSED (zmq_unbind (one, "tcp://127.0.0.1:1"), ENOENT);
    char endpoint[256] = "ipc://";
    memset (endpoint + 6, 'x', 200);
    REFUSED (zmq_bind (one, endpoint), ENAMETOOLONG);
    CHECK (zmq_close (one) == 0 && zmq_close (other) == 0);
}

static void options (void *context)
{
    void *pair = made (context, ZMQ_PAIR);
    int value = -2;
    size_t size = sizeof value;
    REFUSED (zmq_setsockopt (pair, ZMQ_LINGER, &value, sizeof value), EINVAL);
    REFUSED (zmq_setsockopt (pair, ZMQ_SNDHWM, &value, sizeof value), EINVAL);
    REFUSED (zmq_setsockopt (pair, ZMQ_SNDHWM, &value, 1), EINVAL);
    REFUSED (zmq_setsockopt (pair, 9999, &value, sizeof value), EINVAL);
    REFUSED (zmq_getsockopt (pair, 9999, &value, &size), EINVAL);
    REFUSED (zmq_setsockopt (pair, ZMQ_ROUTING_ID, "", 0), EINVAL);
    CHECK (get (pair, ZMQ_TYPE) == ZMQ_PAIR && get (pair, ZMQ_LINGER) == -1 && get (pair, ZMQ_SNDHWM) == 1000);
    CHECK (get (pair, ZMQ_MECHANISM) == ZMQ_NULL && get (pair, ZMQ_THREAD_SAFE) == 0);
    CHECK (get (pair, ZMQ_HEARTBEAT_TIMEOUT) == -1 && get (pair, ZMQ_HANDSHAKE_IVL) == 30000);
    set (pair, ZMQ_RCVTIMEO, 10);
    REFUSED (zmq_recv (pair, NULL, 0, 0), EAGAIN);
    set (pair, ZMQ_SNDTIMEO, 10);
    REFUSED (zmq_send (pair, NULL, 0, 0), EAGAIN);
    CHECK (zmq_close (pair) == 0);
}

static void handles (void *context)
{
    char no_handle[64] = {0};
    REFUSED (zmq_close (NULL), ENOTSOCK);
    REFUSED (zmq_send (NULL, "x", 1, 0), ENOTSOCK);
    REFUSED (zmq_recv (context, NULL, 0, 0), ENOTSOCK);
    REFUSED (zmq_bind (no_handle, "inproc://x"), ENOTSOCK);
    REFUSED (zmq_ctx_term (NULL), EFAULT);
    REFUSED (zmq_ctx_shutdown (no_handle), EFAULT);
    REFUSED (zmq_ctx_get (context, 9999), EINVAL);
    CHECK (zmq_socket (NULL, ZMQ_PAIR) == NULL && errno == EFAULT);
    CHECK (zmq_socket (context, 99) == NULL && errno == EINVAL);
    REFUSED (zmq_poll (NULL, 1, 0), EFAULT);
    CHECK (zmq_poll (NULL, 0, 1) == 0);
    REFUSED (zmq_ctx_set (context, ZMQ_MAX_SOCKETS, 0), EINVAL);
}

static void ended (void)
{
    void *context = zmq_ctx_new ();
    void *pair = made (context, ZMQ_PAIR);
    CHECK (zmq_ctx_shutdown (context) == 0 && zmq_ctx_shutdown (context) == 0);
    REFUSED (zmq_recv (pair, NULL, 0, 0), ETERM);
    REFUSED (zmq_send (pair, NULL, 0, ZMQ_DONTWAIT), ETERM);
    REFUSED (zmq_bind (pair, "inproc://ended"), ETERM);
    CHECK (zmq_socket (context, ZMQ_PAIR) == NULL && errno == ETERM);
    CHECK (zmq_close (pair) == 0 && zmq_ctx_term (context) == 0);
    CHECK (strcmp (zmq_strerror (ETERM), "Context was terminated") == 0);
}

int main (void)
{
    int major, minor, patch;
    zmq_version (&major, &minor, &patch);
    CHECK (major == 4 && minor == 3);
    void *context = zmq_ctx_new ();
    endpoints (context);
    options (context);
    handles (context);
    CHECK (zmq_ctx_term (context) == 0);
    ended ();
    return 0;
}
