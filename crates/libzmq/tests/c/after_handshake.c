/* What monitors report when a peer breaks the protocol after the handshake. */
#include "endpoints.h"
#include "events.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes of the longest frame here. */
#define FRAME 1024

static void *named (void *context, void *socket, int events)
{
    static int number;
    char name[32];
    snprintf (name, sizeof name, "inproc://monitor-%d", number++);
    return monitored (context, socket, name, events);
}

/* A listening socket of the kernel's. */
static int listening (char endpoint[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket (AF_INET, SOCK_STREAM, 0);
    CHECK (bind (listener, (struct sockaddr *) &address, sizeof address) == 0 && listen (listener, 8) == 0);
    CHECK (getsockname (listener, (struct sockaddr *) &address, &size) == 0);
    snprintf (endpoint, 64, "tcp://127.0.0.1:%d", ntohs (address.sin_port));
    return listener;
}

static int connected (const char *endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    address.sin_port = htons (atoi (strrchr (endpoint, ':') + 1));
    int peer = socket (AF_INET, SOCK_STREAM, 0);
    CHECK (connect (peer, (struct sockaddr *) &address, sizeof address) == 0);
    return peer;
}

static void hear (int from, unsigned char *bytes, ssize_t size)
{
    CHECK (recv (from, bytes, size, MSG_WAITALL) == size);
}

static void say (int to, const void *bytes, ssize_t size)
{
    CHECK (send (to, bytes, size, MSG_NOSIGNAL) == size);
}

static void pass (int from, int to, ssize_t size)
{
    unsigned char bytes[64];
    hear (from, bytes, size);
    say (to, bytes, size);
}

/* Reads a frame with its head. Returns the size of both. */
static ssize_t frame (int from, unsigned char bytes[FRAME])
{
    hear (from, bytes, 2);
    size_t head = 2, size = bytes[1];
    if (bytes[0] & 2) {
        head = 9;
        hear (from, bytes + 2, 7);
        CHECK (!bytes[1] && !bytes[2] && !bytes[3] && !bytes[4] && !bytes[5] && !bytes[6]);
        size = bytes[7] << 8 | bytes[8];
    }
    CHECK (head + size <= FRAME);
    hear (from, bytes + head, size);
    return head + size;
}

static void pass_frame (int from, int to)
{
    unsigned char bytes[FRAME];
    ssize_t size = frame (from, bytes);
    say (to, bytes, size);
}

/* The last event of a connection is DISCONNECTED: only what comes with the close of the socket follows. */
static void ends (void *socket, void *reader, const char *listens)
{
    set (socket, ZMQ_LINGER, 0);
    CHECK (zmq_close (socket) == 0);
    if (listens)
        event (reader, ZMQ_EVENT_CLOSED, listens);
    event (reader, ZMQ_EVENT_MONITOR_STOPPED, "");
    CHECK (zmq_close (reader) == 0);
}

/* How the frame of a message is changed on its way. */
enum change { FLIPPED, REPEATED, RENAMED, CUT, CUT_IN_NAME };

static const uint32_t reported[] = {
    [FLIPPED] = ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC,
    [REPEATED] = ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE,
    [RENAMED] = ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND,
    [CUT] = ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE,
    [CUT_IN_NAME] = ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED,
};

static void change_frame (enum change change, int from, int to)
{
    unsigned char bytes[FRAME];
    ssize_t size = frame (from, bytes);
    switch (change) {
        case FLIPPED:
            bytes[size - 1] ^= 1;
            break;
        case REPEATED:
            say (to, bytes, size);
            break;
        case RENAMED:
            bytes[4] ^= 1;
            break;
        case CUT:
        case CUT_IN_NAME:
            bytes[1] = change == CUT ? 32 : 7;
            size = 2 + bytes[1];
            break;
    }
    say (to, bytes, size);
}

/* A client and a server of CURVE, and this program between them, which changes a frame to the one or the other. The failure and
   the end are looked for one at a time (`failure`): a monitor of libzmq that takes the first event may spoil the errno by
   which libzmq would end the connection. */
static void between (void *context, enum change change, int to_server, int failure)
{
    char public_key[41], secret_key[41], bound[64], relayed[64];
    CHECK (zmq_curve_keypair (public_key, secret_key) == 0);
    void *server = made (context, ZMQ_DEALER), *client = made (context, ZMQ_DEALER);
    set (server, ZMQ_CURVE_SERVER, 1);
    CHECK (zmq_setsockopt (server, ZMQ_CURVE_SECRETKEY, secret_key, 41) == 0);
    CHECK (zmq_setsockopt (client, ZMQ_CURVE_SERVERKEY, public_key, 41) == 0);
    CHECK (zmq_curve_keypair (public_key, secret_key) == 0);
    CHECK (zmq_setsockopt (client, ZMQ_CURVE_PUBLICKEY, public_key, 41) == 0);
    CHECK (zmq_setsockopt (client, ZMQ_CURVE_SECRETKEY, secret_key, 41) == 0);
    int events = ZMQ_EVENT_ALL & ~(failure ? ZMQ_EVENT_DISCONNECTED : ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL);
    void *of_server = named (context, server, events), *of_client = named (context, client, events);
    CHECK (zmq_bind (server, "tcp://127.0.0.1:*") == 0);
    last_endpoint (server, bound);
    int listener = listening (relayed);
    CHECK (zmq_connect (client, relayed) == 0);
    int near = accept (listener, NULL, NULL), far = connected (bound);
    /* A greeting goes on when some of the other one has come: its signature, its version. */
    const ssize_t pieces[] = {10, 1, 53};
    for (int at = 0; at < 3; at++) {
        pass (near, far, pieces[at]);
        pass (far, near, pieces[at]);
    }
    /* HELLO and WELCOME, INITIATE and READY. */
    for (int at = 0; at < 2; at++) {
        pass_frame (near, far);
        pass_frame (far, near);
    }
    event (of_server, ZMQ_EVENT_LISTENING, bound);
    event (of_server, ZMQ_EVENT_ACCEPTED, bound);
    event (of_server, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, bound);
    event (of_client, ZMQ_EVENT_CONNECT_DELAYED, relayed);
    event (of_client, ZMQ_EVENT_CONNECTED, relayed);
    event (of_client, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, relayed);

    void *from = to_server ? client : server, *to = to_server ? server : client;
    int source = to_server ? near : far, target = to_server ? far : near;
    put (from, "good", 0);
    pass_frame (source, target);
    take (to, "good", 0);
    put (from, "changed", 0);
    change_frame (change, source, target);
    if (change == REPEATED)
        take (to, "changed", 0);
    void *reader = to_server ? of_server : of_client;
    const char *endpoint = to_server ? bound : relayed;
    if (failure)
        CHECK (event (reader, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, endpoint) == reported[change]);
    else
        event (reader, ZMQ_EVENT_DISCONNECTED, endpoint);
    char byte;
    CHECK (zmq_recv (to, &byte, 1, ZMQ_DONTWAIT) == -1 && errno == EAGAIN);
    CHECK (close (near) == 0 && close (far) == 0 && close (listener) == 0);
    if (!failure) {
        /* The other one sees that the connection ends. A client that has ended it does not connect again. */
        if (to_server)
            event (of_client, ZMQ_EVENT_DISCONNECTED, relayed);
        else {
            ends (client, of_client, NULL);
            event (of_server, ZMQ_EVENT_DISCONNECTED, bound);
        }
        ends (server, of_server, bound);
        if (!to_server)
            return;
    } else
        closed (server, of_server);
    closed (client, of_client);
}

/* A socket without a mechanism, and this program as its peer, which is silent or sends a frame that is too long. No failed
   handshake is reported. */
static void clear (void *context, int silent)
{
    char endpoint[64];
    void *server = made (context, ZMQ_DEALER);
    if (silent) {
        set (server, ZMQ_HEARTBEAT_IVL, 50);
        set (server, ZMQ_HEARTBEAT_TIMEOUT, 100);
    } else {
        int64_t most = 100;
        CHECK (zmq_setsockopt (server, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0);
    }
    void *reader = named (context, server, ZMQ_EVENT_ALL);
    CHECK (zmq_bind (server, "tcp://127.0.0.1:*") == 0);
    last_endpoint (server, endpoint);
    event (reader, ZMQ_EVENT_LISTENING, endpoint);
    int peer = connected (endpoint);
    const unsigned char greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    const char ready[] = "\4\34\5READY\13Socket-Type\0\0\0\6DEALER";
    unsigned char heard[FRAME];
    say (peer, greeting, sizeof greeting);
    hear (peer, heard, 64);
    (void) frame (peer, heard);
    say (peer, ready, sizeof ready - 1);
    event (reader, ZMQ_EVENT_ACCEPTED, endpoint);
    event (reader, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, endpoint);
    unsigned char too_long[2 + 101] = {0, 101};
    if (!silent)
        say (peer, too_long, sizeof too_long);
    event (reader, ZMQ_EVENT_DISCONNECTED, endpoint);
    CHECK (close (peer) == 0);
    ends (server, reader, endpoint);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    for (enum change change = FLIPPED; change <= CUT_IN_NAME; change++) {
        for (int to_server = 0; to_server < 2; to_server++) {
            between (context, change, to_server, 0);
            between (context, change, to_server, 1);
        }
    }
    clear (context, 0);
    clear (context, 1);
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
