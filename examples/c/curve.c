/* A server that only known clients can talk to, and a client, encrypted by CURVE. See docs/security.md. */
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#define DOMAIN "example"

/* The public key of the only client that is known. A program would read it from a file. */
static char alice_public[41];

/* Sends a text as one part of a message. */
static int say (void *socket, const char *text, int flags)
{
    return zmq_send (socket, text, strlen (text), flags);
}

/* Judges the peers of all servers of the context by their keys (RFC 27), until the context ends. */
static void authenticator (void *handler)
{
    /* version, request id, domain, address, routing id, mechanism, and of CURVE the public key of the peer */
    enum { VERSION, ID, MECHANISM = 5, KEY, PARTS };
    char part[PARTS][256];
    int size[PARTS];
    for (;;) {
        int count = 0, more = 1;
        size_t more_size = sizeof more;
        for (; more; count++) {
            int at = count < PARTS ? count : PARTS - 1;
            size[at] = zmq_recv (handler, part[at], sizeof part[at], 0);
            if (size[at] < 0) {
                zmq_close (handler);
                return;
            }
            zmq_getsockopt (handler, ZMQ_RCVMORE, &more, &more_size);
        }
        char key[41] = "";
        if (count == PARTS && size[MECHANISM] == 5 && memcmp (part[MECHANISM], "CURVE", 5) == 0 && size[KEY] == 32)
            zmq_z85_encode (key, (const unsigned char *) part[KEY], 32);
        int known = *key && strcmp (key, alice_public) == 0;
        say (handler, "1.0", ZMQ_SNDMORE);
        zmq_send (handler, part[ID], size[ID], ZMQ_SNDMORE);
        say (handler, known ? "200" : "400", ZMQ_SNDMORE);
        say (handler, known ? "OK" : "unknown key", ZMQ_SNDMORE);
        say (handler, known ? "alice" : "", ZMQ_SNDMORE);
        say (handler, "", 0);
    }
}

int main (void)
{
    /* Each side makes its pair once, keeps the secret half, and gives the public half to the other. */
    char server_public[41], server_secret[41], alice_secret[41], endpoint[256], answer[64];
    if (zmq_curve_keypair (server_public, server_secret) || zmq_curve_keypair (alice_public, alice_secret))
        return 1;

    void *context = zmq_ctx_new (), *handler = zmq_socket (context, ZMQ_REP);
    if (zmq_bind (handler, "inproc://zeromq.zap.01"))
        return 1;
    void *thread = zmq_threadstart (authenticator, handler);

    void *server = zmq_socket (context, ZMQ_REP), *client = zmq_socket (context, ZMQ_REQ);
    int yes = 1, patience = 10000; /* ms */
    size_t endpoint_size = sizeof endpoint;
    zmq_setsockopt (server, ZMQ_CURVE_SERVER, &yes, sizeof yes);
    zmq_setsockopt (server, ZMQ_CURVE_SECRETKEY, server_secret, 41);
    zmq_setsockopt (server, ZMQ_ZAP_DOMAIN, DOMAIN, strlen (DOMAIN));
    zmq_setsockopt (server, ZMQ_RCVTIMEO, &patience, sizeof patience);
    if (zmq_bind (server, "tcp://127.0.0.1:*"))
        return 1;
    zmq_getsockopt (server, ZMQ_LAST_ENDPOINT, endpoint, &endpoint_size);

    zmq_setsockopt (client, ZMQ_CURVE_SERVERKEY, server_public, 41);
    zmq_setsockopt (client, ZMQ_CURVE_PUBLICKEY, alice_public, 41);
    zmq_setsockopt (client, ZMQ_CURVE_SECRETKEY, alice_secret, 41);
    if (zmq_connect (client, endpoint) || say (client, "Who am I?", 0) < 0)
        return 1;

    zmq_msg_t question;
    zmq_msg_init (&question);
    if (zmq_msg_recv (&question, server, 0) < 0)
        return 1;
    const char *user = zmq_msg_gets (&question, "User-Id");
    say (server, user ? user : "stranger", 0);
    zmq_msg_close (&question);
    int size = zmq_recv (client, answer, sizeof answer, 0);
    printf ("The server says: %.*s\n", size, answer);

    zmq_close (client);
    zmq_close (server);
    zmq_ctx_shutdown (context);
    zmq_threadclose (thread);
    return zmq_ctx_term (context);
}
