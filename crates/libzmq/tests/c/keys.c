/* Keys, what options of mechanisms do to each other, and an encrypted connection. */
#include "endpoints.h"

/* The pair of the manual's page on CURVE. */
static const char public_text[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
static const char secret_text[] = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";

static void texts (void)
{
    char public_key[41], secret_key[41], again[41];
    uint8_t bytes[32];
    CHECK (zmq_has ("curve") == 1);
    CHECK (zmq_curve_public (public_key, secret_text) == 0 && strcmp (public_key, public_text) == 0);
    CHECK (zmq_curve_keypair (public_key, secret_key) == 0);
    CHECK (strlen (public_key) == 40 && strlen (secret_key) == 40 && strcmp (public_key, secret_key) != 0);
    CHECK (zmq_curve_public (again, secret_key) == 0 && strcmp (again, public_key) == 0);
    CHECK (zmq_z85_decode (bytes, secret_key) == bytes && zmq_z85_encode (again, bytes, 32) == again);
    CHECK (strcmp (again, secret_key) == 0);
    CHECK (zmq_z85_encode (again, bytes, 0) == again && again[0] == 0);
    CHECK (zmq_z85_encode (again, bytes, 31) == NULL && errno == EINVAL);
    CHECK (zmq_z85_decode (bytes, "%nSc0") == bytes && zmq_z85_decode (bytes, "%nSc1") == NULL && errno == EINVAL);
    CHECK (zmq_z85_decode (bytes, "####~") == NULL && errno == EINVAL);
    CHECK (zmq_z85_decode (bytes, "1234") == NULL && errno == EINVAL);
    CHECK (zmq_z85_decode (bytes, "") == NULL && errno == EINVAL);
}

/* The last option decides. */
static void mechanisms (void *context)
{
    void *socket = made (context, ZMQ_DEALER);
    char text[41], found[41];
    size_t size = sizeof found;
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_NULL);
    set (socket, ZMQ_PLAIN_SERVER, 1);
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_PLAIN && get (socket, ZMQ_PLAIN_SERVER) == 1);
    CHECK (get (socket, ZMQ_CURVE_SERVER) == 0);
    CHECK (zmq_setsockopt (socket, ZMQ_PLAIN_USERNAME, "me", 2) == 0);
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_PLAIN && get (socket, ZMQ_PLAIN_SERVER) == 0);
    CHECK (zmq_setsockopt (socket, ZMQ_PLAIN_PASSWORD, NULL, 0) == 0 && get (socket, ZMQ_MECHANISM) == ZMQ_NULL);
    CHECK (zmq_getsockopt (socket, ZMQ_PLAIN_USERNAME, found, &size) == 0 && size == 3 && strcmp (found, "me") == 0);
    REFUSED (zmq_setsockopt (socket, ZMQ_CURVE_SERVERKEY, public_text, 39), EINVAL);
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_NULL);
    set (socket, ZMQ_CURVE_SERVER, 1);
    CHECK (zmq_setsockopt (socket, ZMQ_CURVE_SECRETKEY, secret_text, 41) == 0);
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_CURVE && get (socket, ZMQ_CURVE_SERVER) == 1);
    CHECK (zmq_setsockopt (socket, ZMQ_CURVE_SERVERKEY, public_text, 40) == 0);
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_CURVE && get (socket, ZMQ_CURVE_SERVER) == 0);
    size = sizeof text;
    CHECK (zmq_getsockopt (socket, ZMQ_CURVE_SERVERKEY, text, &size) == 0 && strcmp (text, public_text) == 0);
    size = 40;
    REFUSED (zmq_getsockopt (socket, ZMQ_CURVE_SERVERKEY, text, &size), EINVAL);
    uint8_t bytes[32], expected[32];
    size = sizeof bytes;
    CHECK (zmq_getsockopt (socket, ZMQ_CURVE_SECRETKEY, bytes, &size) == 0 && size == sizeof bytes);
    CHECK (zmq_z85_decode (expected, secret_text) && memcmp (bytes, expected, sizeof bytes) == 0);
    int mechanism = ZMQ_NULL;
    REFUSED (zmq_setsockopt (socket, ZMQ_MECHANISM, &mechanism, sizeof mechanism), EINVAL);
    set (socket, ZMQ_CURVE_SERVER, 0);
    CHECK (get (socket, ZMQ_MECHANISM) == ZMQ_NULL);
    CHECK (zmq_close (socket) == 0);
}

static void connection (void *context, const char *at)
{
    void *server = made (context, ZMQ_REP), *client = made (context, ZMQ_REQ);
    char public_key[41], secret_key[41], endpoint[64];
    set (server, ZMQ_CURVE_SERVER, 1);
    CHECK (zmq_setsockopt (server, ZMQ_CURVE_SECRETKEY, secret_text, 40) == 0);
    CHECK (zmq_bind (server, at) == 0);
    last_endpoint (server, endpoint);
    CHECK (zmq_curve_keypair (public_key, secret_key) == 0);
    CHECK (zmq_setsockopt (client, ZMQ_CURVE_SERVERKEY, public_text, 41) == 0);
    CHECK (zmq_setsockopt (client, ZMQ_CURVE_PUBLICKEY, public_key, 41) == 0);
    CHECK (zmq_setsockopt (client, ZMQ_CURVE_SECRETKEY, secret_key, 41) == 0);
    CHECK (zmq_connect (client, endpoint) == 0);
    put (client, "encrypted", 0);
    take (server, "encrypted", 0);
    put (server, "reply", 0);
    take (client, "reply", 0);
    CHECK (zmq_close (server) == 0 && zmq_close (client) == 0);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    texts ();
    mechanisms (context);
    connection (context, "tcp://127.0.0.1:*");
    connection (context, "ipc://*");
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
