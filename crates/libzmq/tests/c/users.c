/* The User-Id of messages: what a ZAP handler says, and none where no handler is asked. */
#include "endpoints.h"

static const char public_text[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
static const char secret_text[] = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";

static void text_option (void *socket, int option, const char *text)
{
    CHECK (zmq_setsockopt (socket, option, text, strlen (text)) == 0);
}

/* Both ends of a connection with this mechanism. The server has a domain, or none. */
static void secure (void *server, void *client, int mechanism, const char *domain)
{
    if (*domain)
        text_option (server, ZMQ_ZAP_DOMAIN, domain);
    if (mechanism == ZMQ_PLAIN) {
        set (server, ZMQ_PLAIN_SERVER, 1);
        text_option (client, ZMQ_PLAIN_USERNAME, "me");
        text_option (client, ZMQ_PLAIN_PASSWORD, "secret");
    }
    if (mechanism == ZMQ_CURVE) {
        set (server, ZMQ_CURVE_SERVER, 1);
        text_option (server, ZMQ_CURVE_SECRETKEY, secret_text);
        text_option (client, ZMQ_CURVE_SERVERKEY, public_text);
        text_option (client, ZMQ_CURVE_PUBLICKEY, public_text);
        text_option (client, ZMQ_CURVE_SECRETKEY, secret_text);
    }
}

/* Answers the next request with a status and a user. */
static void judge (void *handler, const char *mechanism, const char *status, const char *user)
{
    char part[64], id[64];
    take (handler, "1.0", 1);
    int id_size = zmq_recv (handler, id, sizeof id, 0);
    CHECK (id_size > 0);
    take (handler, "domain", 1);
    CHECK (zmq_recv (handler, part, sizeof part, 0) >= 0);
    take (handler, "", 1);
    CHECK (zmq_recv (handler, part, sizeof part, 0) == (int) strlen (mechanism));
    CHECK (memcmp (part, mechanism, strlen (mechanism)) == 0);
    while (get (handler, ZMQ_RCVMORE))
        CHECK (zmq_recv (handler, part, sizeof part, 0) >= 0);
    put (handler, "1.0", ZMQ_SNDMORE);
    CHECK (zmq_send (handler, id, id_size, ZMQ_SNDMORE) == id_size);
    put (handler, status, ZMQ_SNDMORE);
    put (handler, "text", ZMQ_SNDMORE);
    put (handler, user, ZMQ_SNDMORE);
    CHECK (zmq_send (handler, "\4Role\0\0\0\5admin", 14, 0) == 14);
}

/* The next message comes from this user, or from none. */
static void expect (void *socket, const char *user, const char *role)
{
    zmq_msg_t message;
    CHECK (zmq_msg_init (&message) == 0 && zmq_msg_recv (&message, socket, 0) == 5);
    const char *names[] = {"User-Id", "Role"}, *values[] = {user, role};
    for (int i = 0; i < 2; i++) {
        errno = 0;
        const char *found = zmq_msg_gets (&message, names[i]);
        CHECK (values[i] ? found && strcmp (found, values[i]) == 0 : !found && errno == EINVAL);
    }
    CHECK (zmq_msg_close (&message) == 0);
}

static void talk (int mechanism, const char *domain, const char *at, const char *user)
{
    char endpoint[64];
    void *context = zmq_ctx_new (), *handler = NULL;
    void *server = made (context, ZMQ_DEALER), *client = made (context, ZMQ_DEALER);
    secure (server, client, mechanism, domain);
    if (user) {
        handler = made (context, ZMQ_REP);
        CHECK (zmq_bind (handler, "inproc://zeromq.zap.01") == 0);
    }
    CHECK (zmq_bind (server, at) == 0);
    last_endpoint (server, endpoint);
    CHECK (zmq_connect (client, endpoint) == 0);
    put (client, "hello", 0);
    const char *names[] = {"NULL", "PLAIN", "CURVE"};
    if (user)
        judge (handler, names[mechanism], "200", user);
    expect (server, user, user ? "admin" : NULL);
    put (server, "reply", 0);
    expect (client, NULL, NULL);
    CHECK (zmq_close (server) == 0 && zmq_close (client) == 0);
    CHECK (!handler || zmq_close (handler) == 0);
    CHECK (zmq_ctx_term (context) == 0);
}

int main (void)
{
    const char *ends[] = {"tcp://127.0.0.1:*", "ipc://*"};
    for (int i = 0; i < 2; i++) {
        /* Nothing but a handler accepts PLAIN. */
        talk (ZMQ_NULL, "", ends[i], NULL);
        talk (ZMQ_NULL, "domain", ends[i], NULL);
        talk (ZMQ_CURVE, "", ends[i], NULL);
        talk (ZMQ_CURVE, "domain", ends[i], NULL);
        for (int mechanism = ZMQ_NULL; mechanism <= ZMQ_CURVE; mechanism++) {
            talk (mechanism, "domain", ends[i], "alice");
            talk (mechanism, "domain", ends[i], "");
        }
    }
    return 0;
}
