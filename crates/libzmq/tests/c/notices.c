/* Messages about connections: hello, disconnect, hiccup, and those of a ROUTER; and other draft options. Debian's libzmq has
   none of them; one that is built with drafts does the same. */
#define ZMQ_BUILD_DRAFT_API
#include "check.h"
#include "endpoints.h"

#include <errno.h>

static void *context;

/* libzmq miscounts the messages in the pipe of a client that has lost a connection, and stops after half of the mark. */
enum { ROUNDS = 3000, ROUNDS_AGAIN = 100, LAST = 200 };

static void set_text (void *socket, int option, const char *text)
{
    CHECK (zmq_setsockopt (socket, option, text, strlen (text)) == 0);
}

/* Makes a socket with a receive timeout and a short reconnect interval. */
static void *patient (int type)
{
    void *socket = made (context, type);
    set (socket, ZMQ_RCVTIMEO, 20000);
    set (socket, ZMQ_RECONNECT_IVL, 1);
    return socket;
}

/* Receives this text at a server, and keeps what it needs to answer. */
static void from (void *server, zmq_msg_t *message, char id[32], const char *text)
{
    int type = get (server, ZMQ_TYPE);
    CHECK (zmq_msg_init (message) == 0);
    if (type == ZMQ_ROUTER) {
        int size = zmq_recv (server, id, 32, 0);
        CHECK (size > 0 && get (server, ZMQ_RCVMORE));
        id[31] = (char) size;
    }
    int size = zmq_msg_recv (message, server, 0);
    if (size != (int) strlen (text) || memcmp (zmq_msg_data (message), text, size) != 0)
        fprintf (stderr, "%.*s of %d instead of %s\n", size, (char *) zmq_msg_data (message), type, text);
    CHECK (size == (int) strlen (text) && memcmp (zmq_msg_data (message), text, size) == 0);
    CHECK (!get (server, ZMQ_RCVMORE));
}

static void answer (void *server, zmq_msg_t *message, const char id[32])
{
    if (get (server, ZMQ_TYPE) == ZMQ_ROUTER)
        CHECK (zmq_send (server, id, id[31], ZMQ_SNDMORE) == id[31]);
    int size = (int) zmq_msg_size (message);
    CHECK (zmq_msg_send (message, server, 0) == size);
}

static void nothing (void *socket)
{
    char byte[8];
    set (socket, ZMQ_RCVTIMEO, 50);
    REFUSED (zmq_recv (socket, byte, sizeof byte, 0), EAGAIN);
    set (socket, ZMQ_RCVTIMEO, 20000);
}

/* Sends a text as the client does: PEER sends to a number. */
static void to_server (void *client, uint32_t peer, const char *text)
{
    zmq_msg_t message;
    CHECK (zmq_msg_init_size (&message, strlen (text)) == 0);
    memcpy (zmq_msg_data (&message), text, strlen (text));
    if (peer)
        CHECK (zmq_msg_set_routing_id (&message, peer) == 0);
    CHECK (zmq_msg_send (&message, client, 0) == (int) strlen (text));
}

struct types
{
    int client, server;
};

static const struct types all[] = {{ZMQ_DEALER, ZMQ_ROUTER}, {ZMQ_CLIENT, ZMQ_SERVER}, {ZMQ_PEER, ZMQ_PEER}};

static void *client_at (int type, const char *endpoint, uint32_t *peer)
{
    void *client = patient (type);
    set_text (client, ZMQ_HELLO_MSG, "client");
    set_text (client, ZMQ_HICCUP_MSG, "lost");
    *peer = 0;
    if (type == ZMQ_PEER) {
        *peer = zmq_connect_peer (client, endpoint);
        CHECK (*peer);
    } else
        CHECK (zmq_connect (client, endpoint) == 0);
    return client;
}

static void *server_at (int type, const char *endpoint, int notify)
{
    void *server = patient (type);
    set_text (server, ZMQ_HELLO_MSG, "server");
    set_text (server, ZMQ_DISCONNECT_MSG, "gone");
    if (type == ZMQ_ROUTER)
        set (server, ZMQ_ROUTER_NOTIFY, notify);
    CHECK (zmq_bind (server, endpoint) == 0);
    return server;
}

/* Each side gets the other's hello before anything else, and once, however long the connection lasts and whatever carries
   it; the server gets the last word, once. */
static void one_connection (struct types types, const char *pattern, int late, int disconnects)
{
    char endpoint[64], id[32];
    uint32_t peer;
    int is_stream = strncmp (pattern, "inproc", 6) != 0, notifies = types.server == ZMQ_ROUTER && is_stream;
    void *server = NULL, *client = NULL;
    zmq_msg_t message;
    strcpy (endpoint, pattern);
    if (late)
        client = client_at (types.client, endpoint, &peer);
    server = server_at (types.server, endpoint, ZMQ_NOTIFY_CONNECT | ZMQ_NOTIFY_DISCONNECT);
    if (!late) {
        if (is_stream)
            last_endpoint (server, endpoint);
        client = client_at (types.client, endpoint, &peer);
    }
    to_server (client, peer, "early");
    take (client, "server", 0);
    if (notifies)
        from (server, &message, id, "");
    from (server, &message, id, "client");
    from (server, &message, id, "early");
    answer (server, &message, id);
    take (client, "early", 0);
    for (int round = 0; round < ROUNDS; round++) {
        to_server (client, peer, "ping");
        from (server, &message, id, "ping");
        answer (server, &message, id);
        take (client, "ping", 0);
    }
    for (int round = 0; round < LAST; round++)
        to_server (client, peer, "last");
    if (disconnects) {
        CHECK (zmq_disconnect (client, endpoint) == 0);
        /* libzmq ends the connection when the client is called. */
        nothing (client);
    } else
        CHECK (zmq_close (client) == 0);
    for (int round = 0; round < LAST; round++)
        from (server, &message, id, "last");
    if (notifies)
        from (server, &message, id, "");
    from (server, &message, id, "gone");
    nothing (server);
    if (disconnects)
        CHECK (zmq_close (client) == 0);
    CHECK (zmq_close (server) == 0);
}

/* A client that loses its connection hears it behind what the server has sent, and before the hello of the next one. */
static void lost (struct types types, const char *pattern)
{
    char endpoint[64], id[32];
    uint32_t peer;
    void *server = server_at (types.server, pattern, 0);
    last_endpoint (server, endpoint);
    void *client = client_at (types.client, endpoint, &peer);
    zmq_msg_t message;
    for (int server_number = 0; server_number < 3; server_number++) {
        take (client, "server", 0);
        from (server, &message, id, "client");
        for (int round = 0; round < ROUNDS_AGAIN; round++) {
            to_server (client, peer, "ping");
            from (server, &message, id, "ping");
            answer (server, &message, id);
            take (client, "ping", 0);
        }
        CHECK (zmq_close (server) == 0);
        take (client, "lost", 0);
        server = server_at (types.server, endpoint, 0);
    }
    take (client, "server", 0);
    from (server, &message, id, "client");
    CHECK (zmq_close (client) == 0);
    from (server, &message, id, "gone");
    CHECK (zmq_close (server) == 0);
}

/* Unset, and of other types: there is no message. */
static void without (void)
{
    void *pull = patient (ZMQ_PULL), *push = patient (ZMQ_PUSH);
    char endpoint[64];
    void *sockets[] = {pull, push};
    for (int at = 0; at < 2; at++) {
        set_text (sockets[at], ZMQ_DISCONNECT_MSG, "gone");
        set_text (sockets[at], ZMQ_HICCUP_MSG, "lost");
    }
    CHECK (zmq_bind (pull, "tcp://127.0.0.1:*") == 0);
    last_endpoint (pull, endpoint);
    CHECK (zmq_connect (push, endpoint) == 0);
    put (push, "word", 0);
    take (pull, "word", 0);
    CHECK (zmq_close (push) == 0);
    nothing (pull);
    CHECK (zmq_close (pull) == 0);

    void *server = server_at (ZMQ_ROUTER, "tcp://127.0.0.1:*", ZMQ_NOTIFY_DISCONNECT);
    CHECK (zmq_setsockopt (server, ZMQ_HELLO_MSG, NULL, 0) == 0);
    CHECK (zmq_setsockopt (server, ZMQ_DISCONNECT_MSG, "", 0) == 0);
    set (server, ZMQ_ROUTER_NOTIFY, 0);
    CHECK (zmq_bind (server, "tcp://127.0.0.1:*") == 0);
    last_endpoint (server, endpoint);
    void *client = patient (ZMQ_DEALER);
    CHECK (zmq_connect (client, endpoint) == 0);
    put (client, "word", 0);
    zmq_msg_t message;
    char id[32];
    from (server, &message, id, "word");
    answer (server, &message, id);
    take (client, "word", 0);
    CHECK (zmq_close (client) == 0);
    nothing (server);
    CHECK (zmq_close (server) == 0);
}

static void options (void)
{
    void *router = made (context, ZMQ_ROUTER), *dealer = made (context, ZMQ_DEALER), *sub = made (context, ZMQ_SUB);
    int value = 4;
    char room[64];
    size_t size = sizeof room;
    REFUSED (zmq_setsockopt (router, ZMQ_ROUTER_NOTIFY, &value, sizeof value), EINVAL);
    value = 1;
    REFUSED (zmq_setsockopt (router, ZMQ_ROUTER_NOTIFY, &value, 1), EINVAL);
    REFUSED (zmq_setsockopt (dealer, ZMQ_ROUTER_NOTIFY, &value, sizeof value), EINVAL);
    CHECK (get (router, ZMQ_ROUTER_NOTIFY) == 0 && get (dealer, ZMQ_ROUTER_NOTIFY) == 0);
    int messages[] = {ZMQ_HELLO_MSG, ZMQ_DISCONNECT_MSG, ZMQ_HICCUP_MSG};
    for (int at = 0; at < 3; at++) {
        set_text (sub, messages[at], "of no use");
        REFUSED (zmq_getsockopt (router, messages[at], room, &size), EINVAL);
    }
    int batches[] = {ZMQ_IN_BATCH_SIZE, ZMQ_OUT_BATCH_SIZE};
    for (int at = 0; at < 2; at++) {
        CHECK (get (sub, batches[at]) == 8192);
        value = 0;
        REFUSED (zmq_setsockopt (sub, batches[at], &value, sizeof value), EINVAL);
        set (sub, batches[at], 1);
        CHECK (get (sub, batches[at]) == 1);
    }
    CHECK (get (sub, ZMQ_TOPICS_COUNT) == 0);
    set_text (sub, ZMQ_SUBSCRIBE, "a");
    set_text (sub, ZMQ_SUBSCRIBE, "");
    CHECK (get (sub, ZMQ_TOPICS_COUNT) == 2);
    REFUSED (zmq_setsockopt (sub, ZMQ_TOPICS_COUNT, &value, sizeof value), EINVAL);
    size = sizeof value;
    REFUSED (zmq_getsockopt (dealer, ZMQ_TOPICS_COUNT, room, &size), EINVAL);
    REFUSED (zmq_setsockopt (sub, ZMQ_NORM_MODE, &value, sizeof value), EINVAL);
    CHECK (zmq_close (router) == 0 && zmq_close (dealer) == 0 && zmq_close (sub) == 0);
}

/* Small batches, and large messages. */
static void batches (void)
{
    void *pull = patient (ZMQ_PULL), *push = patient (ZMQ_PUSH);
    void *sockets[] = {pull, push};
    for (int at = 0; at < 2; at++) {
        set (sockets[at], ZMQ_IN_BATCH_SIZE, 10);
        set (sockets[at], ZMQ_OUT_BATCH_SIZE, 10);
    }
    char endpoint[64], sent[300], received[300];
    memset (sent, 'x', sizeof sent);
    CHECK (zmq_bind (pull, "tcp://127.0.0.1:*") == 0);
    last_endpoint (pull, endpoint);
    CHECK (zmq_connect (push, endpoint) == 0);
    for (int size = 0; size < 300; size++)
        CHECK (zmq_send (push, sent, size, 0) == size);
    for (int size = 0; size < 300; size++)
        CHECK (zmq_recv (pull, received, sizeof received, 0) == size && memcmp (sent, received, size) == 0);
    CHECK (zmq_close (pull) == 0 && zmq_close (push) == 0);
}

int main (void)
{
    context = zmq_ctx_new ();
    options ();
    without ();
    batches ();
    for (size_t at = 0; at < sizeof all / sizeof *all; at++) {
        one_connection (all[at], "inproc://notices", 0, 0);
        one_connection (all[at], "inproc://late", 1, 0);
        one_connection (all[at], "inproc://left", 0, 1);
        one_connection (all[at], "tcp://127.0.0.1:*", 0, 0);
        one_connection (all[at], "tcp://127.0.0.1:*", 0, 1);
        one_connection (all[at], "ipc://notices.ipc", 0, 0);
        one_connection (all[at], "ipc://notices.ipc", 0, 1);
        lost (all[at], "tcp://127.0.0.1:*");
        lost (all[at], "ipc://notices.ipc");
    }
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
