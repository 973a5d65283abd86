/* Addresses of tcp in other forms than their own: mapped ones, names, and what an endpoint is unbound by. */
#include "endpoints.h"

static int has_ipv6;

static void *pair (void *context, int ipv6)
{
    void *socket = made (context, ZMQ_PAIR);
    set (socket, ZMQ_IPV6, ipv6);
    set (socket, ZMQ_LINGER, 0);
    set (socket, ZMQ_RCVTIMEO, 20000);
    return socket;
}

/* The port of an endpoint. */
static const char *port (const char *endpoint)
{
    return strrchr (endpoint, ':') + 1;
}

/* What is bound to one form is reached by the other. */
static void reached (int ipv6, const char *bound_to, const char *shown, const char *connected_to)
{
    void *context = zmq_ctx_new ();
    void *binds = pair (context, ipv6), *connects = pair (context, ipv6);
    char text[128], bound[64];
    snprintf (text, sizeof text, "tcp://%s:*", bound_to);
    CHECK (zmq_bind (binds, text) == 0);
    last_endpoint (binds, bound);
    snprintf (text, sizeof text, "tcp://%s:%s", shown, port (bound));
    CHECK (strcmp (text, bound) == 0);
    snprintf (text, sizeof text, "tcp://%s:%s", connected_to, port (bound));
    CHECK (zmq_connect (connects, text) == 0);
    put (connects, "hello", 0);
    take (binds, "hello", 0);
    put (binds, "back", 0);
    take (connects, "back", 0);
    CHECK (zmq_disconnect (connects, text) == 0);
    CHECK (zmq_close (binds) == 0 && zmq_close (connects) == 0 && zmq_ctx_term (context) == 0);
}

/* A bound endpoint can be unbound by each text that stands for its address. */
static void unbound (int ipv6, const char *bound_to, const char *by, int known)
{
    void *context = zmq_ctx_new ();
    void *socket = pair (context, ipv6);
    char text[128], bound[64];
    snprintf (text, sizeof text, "tcp://%s:*", bound_to);
    CHECK (zmq_bind (socket, text) == 0);
    last_endpoint (socket, bound);
    snprintf (text, sizeof text, "tcp://%s:%s", by, port (bound));
    if (known)
        CHECK (zmq_unbind (socket, text) == 0);
    REFUSED (zmq_unbind (socket, text), ENOENT);
    REFUSED (zmq_unbind (socket, "tcp://127.0.0.1"), ENOENT);
    REFUSED (zmq_unbind (socket, "inproc://none"), ENOENT);
    REFUSED (zmq_unbind (socket, "none"), EINVAL);
    REFUSED (zmq_disconnect (socket, ""), EINVAL);
    REFUSED (zmq_disconnect (socket, "pigeon://none"), EPROTONOSUPPORT);
    CHECK (zmq_close (socket) == 0 && zmq_ctx_term (context) == 0);
}

static void filters (int ipv6)
{
    void *context = zmq_ctx_new ();
    void *socket = pair (context, ipv6);
    const char *of_ipv6[] = {"::1", "[::1]", "::1/128", "fd00::/8", "::ffff:127.0.0.0/104"};
    for (size_t at = 0; at < sizeof of_ipv6 / sizeof *of_ipv6; at++) {
        int answer = zmq_setsockopt (socket, ZMQ_TCP_ACCEPT_FILTER, of_ipv6[at], strlen (of_ipv6[at]));
        CHECK (ipv6 ? answer == 0 : answer == -1 && errno == EINVAL);
    }
    CHECK (zmq_close (socket) == 0 && zmq_ctx_term (context) == 0);
}

/* A peer that a filter names is let in, whatever the family of the listener. */
static void let_in (int ipv6, const char *filter)
{
    void *context = zmq_ctx_new ();
    void *binds = pair (context, ipv6), *connects = pair (context, 0);
    char bound[64], text[128];
    CHECK (zmq_setsockopt (binds, ZMQ_TCP_ACCEPT_FILTER, filter, strlen (filter)) == 0);
    CHECK (zmq_bind (binds, "tcp://127.0.0.1:*") == 0);
    last_endpoint (binds, bound);
    snprintf (text, sizeof text, "tcp://127.0.0.1:%s", port (bound));
    CHECK (zmq_connect (connects, text) == 0);
    put (connects, "hello", 0);
    take (binds, "hello", 0);
    CHECK (zmq_close (binds) == 0 && zmq_close (connects) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    void *socket = pair (context, 1);
    has_ipv6 = zmq_bind (socket, "tcp://[::1]:*") == 0;
    CHECK (zmq_close (socket) == 0 && zmq_ctx_term (context) == 0);

    reached (0, "[::ffff:127.0.0.1]", "127.0.0.1", "127.0.0.1");
    reached (0, "127.0.0.1", "127.0.0.1", "[::ffff:127.0.0.1]");
    reached (0, "::ffff:127.0.0.1", "127.0.0.1", "::ffff:127.0.0.1");
    reached (0, "[::ffff:7f00:1]", "127.0.0.1", "127.0.0.1:0;[::ffff:127.0.0.1]");
    reached (0, "127.0.0.1", "127.0.0.1", "[::ffff:127.0.0.1]:0;127.0.0.1");
    reached (0, "127.1", "127.0.0.1", "localhost");
    unbound (0, "127.0.0.1", "127.0.0.1", 1);
    unbound (0, "127.0.0.1", "[::ffff:127.0.0.1]", 1);
    unbound (0, "[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]", 1);
    unbound (0, "127.0.0.1", "127.1", 1);
    unbound (0, "127.0.0.1", "localhost", 1);
    unbound (0, "*", "*", 0);
    unbound (0, "*", "127.0.0.1", 0);
    unbound (0, "lo", "lo", 0);
    filters (0);
    let_in (0, "::ffff:127.0.0.1");
    let_in (0, "127.0.0.0/8");
    if (!has_ipv6)
        return 0;
    reached (1, "127.0.0.1", "[::ffff:127.0.0.1]", "127.0.0.1");
    reached (1, "[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]", "127.0.0.1");
    reached (1, "::1", "[::1]", "[::1]");
    unbound (1, "127.0.0.1", "127.0.0.1", 1);
    unbound (1, "[::ffff:127.0.0.1]", "127.0.0.1", 1);
    unbound (1, "::1", "::1", 1);
    unbound (1, "::1", "127.0.0.1", 0);
    filters (1);
    let_in (1, "127.0.0.1");
    let_in (1, "127.0.0.0/8");
    let_in (1, "::ffff:127.0.0.1");
    return 0;
}
