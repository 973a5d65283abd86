/* Names that are not UTF-8. */
#include "endpoints.h"

#define LATIN "caf\351"       /* in ISO 8859-1 */
#define UTF8 "caf\303\251"    /* the same in UTF-8 */
#define CUT "caf\303"         /* a part of that */

static void is_last (void *socket, const char *endpoint)
{
    char last[128];
    size_t size = sizeof last;
    CHECK (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, last, &size) == 0);
    CHECK (size == strlen (endpoint) + 1 && strcmp (last, endpoint) == 0);
}

/* Each name leads to the socket that is bound to these bytes, and no other. */
static void reached (const char *scheme)
{
    static const char *names[] = {LATIN, UTF8, CUT, "\377", "\302\200"};
    enum { COUNT = sizeof names / sizeof *names };
    void *context = zmq_ctx_new (), *bound[COUNT], *connected[COUNT];
    char endpoint[64];
    for (int at = 0; at < COUNT; at++) {
        snprintf (endpoint, sizeof endpoint, "%s%s", scheme, names[at]);
        bound[at] = made (context, ZMQ_PAIR);
        connected[at] = made (context, ZMQ_PAIR);
        set (bound[at], ZMQ_RCVTIMEO, 20000);
        CHECK (zmq_bind (bound[at], endpoint) == 0);
        is_last (bound[at], endpoint);
        CHECK (zmq_connect (connected[at], endpoint) == 0);
        is_last (connected[at], endpoint);
        put (connected[at], names[at], 0);
    }
    for (int at = 0; at < COUNT; at++) {
        take (bound[at], names[at], 0);
        snprintf (endpoint, sizeof endpoint, "%s%s", scheme, names[at]);
        REFUSED (zmq_unbind (bound[at], "inproc://none"), ENOENT);
        CHECK (zmq_disconnect (connected[at], endpoint) == 0);
        CHECK (zmq_unbind (bound[at], endpoint) == 0);
        REFUSED (zmq_unbind (bound[at], endpoint), ENOENT);
        CHECK (zmq_close (bound[at]) == 0 && zmq_close (connected[at]) == 0);
    }
    CHECK (zmq_ctx_term (context) == 0);
}

/* A monitor has such a name, and reports one. */
static void monitored (void)
{
    void *context = zmq_ctx_new ();
    void *socket = made (context, ZMQ_PAIR), *events = made (context, ZMQ_PAIR);
    const char *endpoint = "ipc://" LATIN ".ipc";
    set (events, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_socket_monitor (socket, "inproc://" LATIN, ZMQ_EVENT_LISTENING) == 0);
    CHECK (zmq_connect (events, "inproc://" LATIN) == 0);
    CHECK (zmq_bind (socket, endpoint) == 0);
    CHECK (zmq_recv (events, NULL, 0, 0) == 6);
    take (events, endpoint, 0);
    CHECK (zmq_close (socket) == 0 && zmq_close (events) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    reached ("inproc://");
    reached ("ipc://");
    reached ("ipc://@");
    monitored ();
    return 0;
}
