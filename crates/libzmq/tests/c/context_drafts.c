/* Options of contexts that are texts, and threads whose scheduling the kernel refuses; libzmq aborts at that. */
#define ZMQ_BUILD_DRAFT_API
#include "scheduling.h"

/* The threads run, and carry messages. */
static void refused (void)
{
    void *context = zmq_ctx_new ();
    CHECK (zmq_ctx_set_ext (context, ZMQ_THREAD_NAME_PREFIX, "feeds", 5) == 0);
    CHECK (zmq_ctx_set (context, ZMQ_THREAD_SCHED_POLICY, 4711) == 0);
    CHECK (zmq_ctx_set (context, ZMQ_THREAD_PRIORITY, 1000) == 0);
    CHECK (zmq_ctx_set (context, ZMQ_THREAD_AFFINITY_CPU_ADD, 0x7fffffff) == 0);
    void *pull = made (context, ZMQ_PULL), *push = made (context, ZMQ_PUSH);
    char endpoint[64];
    size_t size = sizeof endpoint;
    CHECK (zmq_bind (pull, "tcp://127.0.0.1:*") == 0);
    CHECK (zmq_getsockopt (pull, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    CHECK (zmq_connect (push, endpoint) == 0);
    put (push, "served", 0);
    take (pull, "served", 0);
    await_thread ("feeds/", -1, SCHED_OTHER);
    CHECK (zmq_close (pull) == 0 && zmq_close (push) == 0 && zmq_ctx_term (context) == 0);
}

static void texts (void)
{
    void *context = zmq_ctx_new ();
    char found[32];
    size_t size = sizeof found;
    /* One of the size of a number is a number. */
    int number = 12;
    CHECK (zmq_ctx_set_ext (context, ZMQ_IO_THREADS, &number, sizeof number) == 0);
    CHECK (zmq_ctx_get (context, ZMQ_IO_THREADS) == 12);
    size = sizeof number;
    CHECK (zmq_ctx_get_ext (context, ZMQ_IO_THREADS, &number, &size) == 0 && number == 12);
    size = sizeof found;
    REFUSED (zmq_ctx_get_ext (context, ZMQ_IO_THREADS, found, &size), EINVAL);
    REFUSED (zmq_ctx_set_ext (context, ZMQ_IO_THREADS, "12", 2), EINVAL);
    REFUSED (zmq_ctx_set_ext (context, ZMQ_THREAD_NAME_PREFIX, "", 0), EINVAL);
    REFUSED (zmq_ctx_set_ext (context, ZMQ_THREAD_NAME_PREFIX, "seventeen letters", 17), EINVAL);
    REFUSED (zmq_ctx_set_ext (context, ZMQ_THREAD_NAME_PREFIX, NULL, 5), EINVAL);
    REFUSED (zmq_ctx_set_ext (NULL, ZMQ_IO_THREADS, &number, sizeof number), EFAULT);
    CHECK (zmq_ctx_set_ext (context, ZMQ_THREAD_NAME_PREFIX, "sixteen letters.", 16) == 0);
    memset (found, '?', sizeof found);
    CHECK (zmq_ctx_get_ext (context, ZMQ_THREAD_NAME_PREFIX, found, &size) == 0 && size == sizeof found);
    CHECK (memcmp (found, "sixteen letters.?", 17) == 0);
    size = 15;
    REFUSED (zmq_ctx_get_ext (context, ZMQ_THREAD_NAME_PREFIX, found, &size), EINVAL);
    REFUSED (zmq_ctx_get_ext (context, ZMQ_THREAD_NAME_PREFIX, found, NULL), EFAULT);
    CHECK (zmq_ctx_get (context, ZMQ_THREAD_NAME_PREFIX) == 0);
    CHECK (zmq_ctx_set_ext (context, ZMQ_THREAD_NAME_PREFIX, "-42nd", 5) == 0);
    CHECK (zmq_ctx_get (context, ZMQ_THREAD_NAME_PREFIX) == -42);
    CHECK (zmq_ctx_term (context) == 0);
}

static void copies (void)
{
    zmq_msg_t msg;
    char data[100];
    memset (data, 'd', sizeof data);
    CHECK (zmq_msg_init_buffer (&msg, data, sizeof data) == 0);
    memset (data, 'x', sizeof data);
    CHECK (zmq_msg_size (&msg) == sizeof data && *(char *) zmq_msg_data (&msg) == 'd');
    CHECK (zmq_msg_close (&msg) == 0);
    CHECK (zmq_msg_init_buffer (&msg, NULL, 0) == 0 && zmq_msg_size (&msg) == 0 && zmq_msg_close (&msg) == 0);
}

int main (void)
{
    texts ();
    refused ();
    copies ();
    return 0;
}
