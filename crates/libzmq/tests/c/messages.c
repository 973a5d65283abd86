/* Messages: sizes, sharing, memory of the caller's. */
#include "check.h"

static void freed (void *data, void *hint)
{
    (void) data;
    zmq_atomic_counter_inc (hint);
}

static void sizes (void)
{
    size_t sizes[] = {0, 1, 33, 45, 46, 64, 1000, 100000};
    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        zmq_msg_t one, other;
        CHECK (zmq_msg_init_size (&one, sizes[at]) == 0);
        CHECK (zmq_msg_size (&one) == sizes[at]);
        memset (zmq_msg_data (&one), 7, sizes[at]);
        CHECK (zmq_msg_init (&other) == 0 && zmq_msg_copy (&other, &one) == 0);
        CHECK (zmq_msg_size (&other) == sizes[at]);
        CHECK (memcmp (zmq_msg_data (&other), zmq_msg_data (&one), sizes[at]) == 0);
        CHECK (zmq_msg_close (&one) == 0);
        CHECK (zmq_msg_init (&one) == 0 && zmq_msg_move (&one, &other) == 0);
        CHECK (zmq_msg_size (&one) == sizes[at] && zmq_msg_size (&other) == 0);
        CHECK (zmq_msg_close (&one) == 0 && zmq_msg_close (&other) == 0);
    }
}

static void lent (void)
{
    static char data[100];
    void *count = zmq_atomic_counter_new ();
    zmq_msg_t one, other;
    CHECK (zmq_msg_init_data (&one, data, sizeof data, freed, count) == 0);
    CHECK (zmq_msg_data (&one) == data);
    CHECK (zmq_msg_init (&other) == 0 && zmq_msg_copy (&other, &one) == 0);
    CHECK (zmq_msg_get (&one, ZMQ_SHARED) == 1);
    CHECK (zmq_msg_close (&one) == 0);
    CHECK (zmq_atomic_counter_value (count) == 0);
    CHECK (zmq_msg_close (&other) == 0);
    CHECK (zmq_atomic_counter_value (count) == 1);
    zmq_atomic_counter_destroy (&count);
    CHECK (count == NULL);

    CHECK (zmq_msg_init_data (&one, data, sizeof data, NULL, NULL) == 0);
    CHECK (zmq_msg_data (&one) == data && zmq_msg_get (&one, ZMQ_SHARED) == 1);
    CHECK (zmq_msg_close (&one) == 0);
}

static void refused (void)
{
    zmq_msg_t msg;
    CHECK (zmq_msg_init (&msg) == 0);
    REFUSED (zmq_msg_get (&msg, 99), EINVAL);
    REFUSED (zmq_msg_set (&msg, ZMQ_MORE, 1), EINVAL);
    CHECK (zmq_msg_gets (&msg, "Socket-Type") == NULL && errno == EINVAL);
    CHECK (zmq_msg_close (&msg) == 0);
    REFUSED (zmq_msg_close (&msg), EFAULT);
}

static void handed_on (void)
{
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *pull = made (context, ZMQ_PULL);
    CHECK (zmq_bind (pull, "inproc://messages") == 0 && zmq_connect (push, "inproc://messages") == 0);
    zmq_msg_t msg;
    CHECK (zmq_msg_init_size (&msg, 500) == 0);
    memset (zmq_msg_data (&msg), 3, 500);
    CHECK (zmq_msg_send (&msg, push, ZMQ_SNDMORE) == 500);
    CHECK (zmq_msg_size (&msg) == 0);
    CHECK (zmq_msg_send (&msg, push, 0) == 0);
    CHECK (zmq_msg_recv (&msg, pull, 0) == 500 && zmq_msg_more (&msg) == 1);
    CHECK (((char *) zmq_msg_data (&msg))[499] == 3);
    CHECK (zmq_msg_recv (&msg, pull, 0) == 0 && zmq_msg_more (&msg) == 0);
    CHECK (zmq_msg_close (&msg) == 0);
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    sizes ();
    lent ();
    refused ();
    handed_on ();
    return 0;
}
