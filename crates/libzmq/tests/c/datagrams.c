/* Drafts of libzmq's, of which its stable library has none: RADIO, DISH and DGRAM over udp. */
#define ZMQ_BUILD_DRAFT_API
#include "check.h"
#include "endpoints.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void send_to (void *radio, const char *group, const char *text)
{
    zmq_msg_t msg;
    CHECK (zmq_msg_init_size (&msg, strlen (text)) == 0 && zmq_msg_set_group (&msg, group) == 0);
    memcpy (zmq_msg_data (&msg), text, strlen (text));
    CHECK (zmq_msg_send (&msg, radio, 0) == (int) strlen (text) && zmq_msg_close (&msg) == 0);
}

/* Sends a message of a group until it arrives. libzmq binds some time after the call, and datagrams may be lost. */
static void arrives (void *radio, void *dish, const char *group, const char *text)
{
    zmq_pollitem_t item = {dish, 0, ZMQ_POLLIN, 0};
    zmq_msg_t msg;
    for (int same = 0; !same;) {
        while (zmq_poll (&item, 1, 10) == 0) {
            send_to (radio, "Movies", "not joined");
            send_to (radio, group, text);
        }
        CHECK (zmq_msg_init (&msg) == 0 && zmq_msg_recv (&msg, dish, 0) >= 0 && !zmq_msg_more (&msg));
        CHECK (strcmp (zmq_msg_group (&msg), "Movies") != 0);
        same = strcmp (zmq_msg_group (&msg), group) == 0;
        CHECK (!same || memcmp (zmq_msg_data (&msg), text, strlen (text)) == 0);
        CHECK (zmq_msg_close (&msg) == 0);
    }
}

/* A udp port of the loopback that was free a moment ago. */
static int free_port (void)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    socklen_t size = sizeof own;
    int udp = socket (AF_INET, SOCK_DGRAM, 0);
    CHECK (bind (udp, (struct sockaddr *) &own, size) == 0);
    CHECK (getsockname (udp, (struct sockaddr *) &own, &size) == 0 && close (udp) == 0);
    return ntohs (own.sin_port);
}

static void refusals (void *context)
{
    void *radio = made (context, ZMQ_RADIO), *dish = made (context, ZMQ_DISH), *dgram = made (context, ZMQ_DGRAM);
    void *push = made (context, ZMQ_PUSH);
    CHECK (get (dgram, ZMQ_TYPE) == ZMQ_DGRAM && get (dgram, ZMQ_THREAD_SAFE) == 0);
    CHECK (get (radio, ZMQ_MULTICAST_HOPS) == 1 && get (radio, ZMQ_MULTICAST_LOOP) == 1);
    int zero = 0;
    REFUSED (zmq_setsockopt (radio, ZMQ_MULTICAST_HOPS, &zero, sizeof zero), EINVAL);
    REFUSED (zmq_bind (radio, "udp://*:5556"), ENOCOMPATPROTO);
    REFUSED (zmq_connect (dish, "udp://127.0.0.1:5556"), ENOCOMPATPROTO);
    REFUSED (zmq_connect (dgram, "udp://127.0.0.1:5556"), ENOCOMPATPROTO);
    REFUSED (zmq_bind (push, "udp://127.0.0.1:5556"), ENOCOMPATPROTO);
    REFUSED (zmq_connect (push, "udp://nonsense"), ENOCOMPATPROTO);
    REFUSED (zmq_unbind (push, "udp://127.0.0.1:5556"), ENOCOMPATPROTO);
    REFUSED (zmq_unbind (dish, "udp://127.0.0.1:5556"), ENOENT);
    REFUSED (zmq_bind (dish, "udp://"), EINVAL);
    REFUSED (zmq_bind (dish, "udp://127.0.0.1"), EINVAL);
    REFUSED (zmq_bind (dish, "udp://no interface:5556"), ENODEV);
    REFUSED (zmq_bind (dish, "udp://no interface;239.0.0.1:5556"), ENODEV);
    REFUSED (zmq_bind (dish, "udp://127.0.0.1;1.2.3.4:5556"), EINVAL);
    REFUSED (zmq_bind (dish, "udp://[::1]:5556"), ENODEV);
    REFUSED (zmq_connect (radio, "udp://127.0.0.1;1.2.3.4:5556"), EINVAL);
    REFUSED (zmq_connect (radio, "udp://*:5556"), EINVAL);
    REFUSED (zmq_connect (radio, "udp://127.0.0.1:*"), EINVAL);
    REFUSED (zmq_connect (radio, "udp://[::1]:5556"), EINVAL);
    set (dish, ZMQ_IPV6, 1);
    REFUSED (zmq_bind (dish, "udp://[::1];[ff01::1]:5556"), ENODEV);
    CHECK (zmq_close (radio) == 0 && zmq_close (dish) == 0 && zmq_close (dgram) == 0 && zmq_close (push) == 0);
}

static void groups (void *context, const char *format)
{
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, format, free_port ());
    void *radio = made (context, ZMQ_RADIO), *dish = made (context, ZMQ_DISH);
    CHECK (zmq_join (dish, "TV") == 0 && zmq_bind (dish, endpoint) == 0);
    CHECK (zmq_connect (radio, endpoint) == 0);
    arrives (radio, dish, "TV", "Friends");
    CHECK (zmq_join (dish, "") == 0);
    arrives (radio, dish, "", "no group");
    CHECK (zmq_leave (dish, "TV") == 0);
    arrives (radio, dish, "", "no group");
    /* libzmq does not find what is bound by udp. */
    CHECK (zmq_unbind (dish, endpoint) == 0 || errno == ENOENT);
    CHECK (zmq_disconnect (radio, endpoint) == 0);
    REFUSED (zmq_disconnect (radio, endpoint), ENOENT);
    CHECK (zmq_close (radio) == 0 && zmq_close (dish) == 0);
}

static void dgrams (void *context)
{
    char one[64], other[64], address[64], text[64];
    snprintf (one, sizeof one, "udp://127.0.0.1:%d", free_port ());
    void *asks = made (context, ZMQ_DGRAM), *answers = made (context, ZMQ_DGRAM);
    set (asks, ZMQ_RCVTIMEO, 20000);
    set (answers, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_bind (answers, one) == 0);
    do
        snprintf (other, sizeof other, "udp://127.0.0.1:%d", free_port ());
    while (strcmp (one, other) == 0);
    CHECK (zmq_bind (asks, other) == 0);
    REFUSED (zmq_send (asks, "alone", 5, 0), EINVAL);
    put (asks, one + 6, ZMQ_SNDMORE);
    REFUSED (zmq_send (asks, "two", 3, ZMQ_SNDMORE), EINVAL);
    put (asks, "to itself, or nowhere", 0);
    /* libzmq binds some time after the call. */
    zmq_pollitem_t item = {answers, 0, ZMQ_POLLIN, 0};
    while (zmq_poll (&item, 1, 10) == 0) {
        put (asks, "nonsense", ZMQ_SNDMORE);
        put (asks, "dropped", 0);
        put (asks, one + 6, ZMQ_SNDMORE);
        put (asks, "question", 0);
    }
    int size = zmq_recv (answers, address, sizeof address, 0);
    /* The address ends with a NUL. */
    CHECK (size == (int) strlen (other) - 6 + 1 && strcmp (address, other + 6) == 0);
    CHECK (get (answers, ZMQ_RCVMORE) == 1);
    CHECK (zmq_recv (answers, text, sizeof text, 0) > 0 && get (answers, ZMQ_RCVMORE) == 0);
    CHECK (zmq_send (answers, address, size, ZMQ_SNDMORE) == size);
    put (answers, "answer", 0);
    CHECK (zmq_recv (asks, address, sizeof address, 0) > 0 && strcmp (address, one + 6) == 0);
    take (asks, "answer", 0);
    CHECK (zmq_close (asks) == 0 && zmq_close (answers) == 0);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    refusals (context);
    groups (context, "udp://127.0.0.1:%d");
    groups (context, "udp://127.0.0.1;239.255.77.5:%d");
    dgrams (context);
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
