/* Drafts of libzmq's, of which its stable library has none: RADIO and DISH. */
#define ZMQ_BUILD_DRAFT_API
#include "check.h"
#include "endpoints.h"

#include <errno.h>

static void send_to (void *radio, const char *group, const char *text)
{
    zmq_msg_t msg;
    CHECK (zmq_msg_init_buffer (&msg, text, strlen (text)) == 0 && zmq_msg_set_group (&msg, group) == 0);
    CHECK (zmq_msg_send (&msg, radio, 0) == (int) strlen (text) && zmq_msg_close (&msg) == 0);
}

/* Receives a message of this group; 0 if it has another text. */
static int next_is (void *dish, const char *group, const char *text)
{
    zmq_msg_t msg;
    CHECK (zmq_msg_init (&msg) == 0 && zmq_msg_recv (&msg, dish, 0) >= 0);
    CHECK (strcmp (zmq_msg_group (&msg), group) == 0 && !zmq_msg_more (&msg));
    int same = zmq_msg_size (&msg) == strlen (text) && memcmp (zmq_msg_data (&msg), text, strlen (text)) == 0;
    CHECK (zmq_msg_close (&msg) == 0);
    return same;
}

static void messages (void)
{
    zmq_msg_t a, b;
    char longest[257], shown[256];
    memset (longest, 'x', 256);
    longest[256] = 0;
    memset (shown, 'x', 255);
    shown[255] = 0;
    CHECK (zmq_msg_init (&a) == 0 && zmq_msg_init (&b) == 0);
    CHECK (strcmp (zmq_msg_group (&a), "") == 0);
    CHECK (zmq_msg_set_group (&a, "group") == 0 && strcmp (zmq_msg_group (&a), "group") == 0);
    CHECK (zmq_msg_copy (&b, &a) == 0 && zmq_msg_set_group (&a, longest) == 0);
    CHECK (strcmp (zmq_msg_group (&a), shown) == 0 && strcmp (zmq_msg_group (&b), "group") == 0);
    CHECK (zmq_msg_set_group (&a, "") == 0 && strcmp (zmq_msg_group (&a), "") == 0);
    CHECK (zmq_msg_close (&a) == 0 && zmq_msg_close (&b) == 0);
}

static void refusals (void *context)
{
    char longest[257];
    memset (longest, 'x', 256);
    longest[256] = 0;
    void *radio = made (context, ZMQ_RADIO), *dish = made (context, ZMQ_DISH);
    CHECK (get (radio, ZMQ_TYPE) == ZMQ_RADIO && get (dish, ZMQ_THREAD_SAFE) == 1 && get (dish, ZMQ_LINGER) == 0);
    REFUSED (zmq_leave (dish, "a"), EINVAL);
    CHECK (zmq_join (dish, "a") == 0);
    REFUSED (zmq_join (dish, "a"), EINVAL);
    REFUSED (zmq_join (dish, longest), EINVAL);
    CHECK (zmq_leave (dish, "a") == 0);
    REFUSED (zmq_join (radio, "a"), ENOTSUP);
    REFUSED (zmq_leave (radio, "a"), ENOTSUP);
    REFUSED (zmq_join (NULL, "a"), ENOTSOCK);
    REFUSED (zmq_send (radio, "x", 1, ZMQ_SNDMORE), EINVAL);
    REFUSED (zmq_send (dish, "x", 1, 0), ENOTSUP);
    char byte;
    REFUSED (zmq_recv (radio, &byte, 1, 0), ENOTSUP);
    CHECK (zmq_close (radio) == 0 && zmq_close (dish) == 0);
}

static void talk (void *context, const char *where)
{
    char endpoint[64];
    void *radio = made (context, ZMQ_RADIO), *dish = made (context, ZMQ_DISH);
    set (dish, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_bind (radio, where) == 0);
    last_endpoint (radio, endpoint);
    CHECK (zmq_join (dish, "Movies") == 0 && zmq_connect (dish, endpoint) == 0);
    /* What is sent before the radio knows of the group is dropped. */
    while (!(get (dish, ZMQ_EVENTS) & ZMQ_POLLIN))
        send_to (radio, "Movies", "early");
    /* A radio drops what a full pipe has no room for. */
    do {
        send_to (radio, "TV", "not joined");
        send_to (radio, "Movies", "Godfather");
    } while (!next_is (dish, "Movies", "Godfather"));
    CHECK (zmq_close (radio) == 0 && zmq_close (dish) == 0);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    messages ();
    refusals (context);
    talk (context, "tcp://127.0.0.1:*");
    talk (context, "ipc://*");
    talk (context, "inproc://radio");
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
