/* Prints what each option of each socket type answers to each of many values, and what can be asked for then. The
 * answers of two libraries are compared. */
#include "check.h"

#include <limits.h>

/* What differs on purpose (docs/libzmq.md): GSSAPI, which is not there and cannot be set; raw sockets;
 * options that libzmq 4.3.4 does not have; descriptors, whose numbers say nothing. */
static int differs (int option, const void *value, size_t len)
{
    switch (option) {
        case ZMQ_GSSAPI_SERVER:
        case ZMQ_GSSAPI_PLAINTEXT:
        case 41: /* ZMQ_ROUTER_RAW */
            return len == sizeof (int) && *(const int *) value != 0;
        case ZMQ_TCP_ACCEPT_FILTER:
            /* The number of an address, with NULs behind it. */
            return len == sizeof (int) && *(const int *) value == '2';
        case ZMQ_GSSAPI_PRINCIPAL:
        case ZMQ_GSSAPI_SERVICE_PRINCIPAL:
        case 112: /* ZMQ_PRIORITY */
        case 113: /* ZMQ_BUSY_POLL */
        case 115: /* ZMQ_XSUB_VERBOSE_UNSUBSCRIBE */
        case ZMQ_FD:
            return 1;
    }
    return 0;
}

static void bytes (const char *what, const unsigned char *of, size_t len)
{
    printf (" %s:%zu=", what, len);
    for (size_t at = 0; at < len; at++)
        printf ("%02x", of[at]);
}

static void *context;

static void answers (int type, int option, const void *value, size_t len)
{
    if (differs (option, value, len))
        return;
    static const size_t rooms[] = {0, 1, 3, 4, 5, 8, 32, 40, 41, 256, 300};
    void *socket;
    /* libzmq closes sockets later. */
    while (!(socket = zmq_socket (context, type)))
        CHECK (errno == EMFILE);
    int answer = zmq_setsockopt (socket, option, value, len);
    printf ("type %d, option %d,", type, option);
    if (value)
        bytes ("value", value, len);
    printf (": %d", answer == 0 ? 0 : errno);
    for (size_t at = 0; at < sizeof rooms / sizeof *rooms; at++) {
        unsigned char found[300] = {0};
        size_t size = rooms[at];
        if (zmq_getsockopt (socket, option, found, &size) == 0)
            bytes ("", found, size);
        else
            printf (" %d", errno);
    }
    printf ("\n");
    set (socket, ZMQ_LINGER, 0);
    CHECK (zmq_close (socket) == 0);
}

int main (void)
{
    static const int numbers[] = {INT_MIN, -100, -99, -3, -2, -1, 0, 1, 2, 3, 7, 8, 50, 99, 100, 256, 6553599, 6553600, INT_MAX};
    static const int64_t longs[] = {-5, -1, 5};
    static const struct
    {
        const char *text;
        size_t len;
    } texts[] = {{NULL, 0}, {"", 0}, {"", 1}, {"ab", 2}, {"ab\0cd", 5}, {"\0abcd", 5}, {"\377\376x", 3},
                 {"127.0.0.1/8", 11}, {"127.0.0.1/8", 12}, {"X-a:b", 5}, {"X-:b", 4}, {"X-a:", 4}, {"x-a:bc", 6}, {"X-a=bc", 6},
                 {"Identity:x", 10}};
    static const size_t lens[] = {15, 16, 17, 31, 32, 40, 41, 255, 256, 300};
    char filler[300];
    memset (filler, 'f', sizeof filler);
    context = zmq_ctx_new ();
    for (int type = ZMQ_PAIR; type <= ZMQ_XSUB; type++)
        for (int option = 0; option <= 120; option++) {
            for (size_t at = 0; at < sizeof numbers / sizeof *numbers; at++)
                answers (type, option, &numbers[at], sizeof *numbers);
            for (size_t at = 0; at < sizeof longs / sizeof *longs; at++)
                answers (type, option, &longs[at], sizeof *longs);
            for (size_t at = 0; at < sizeof texts / sizeof *texts; at++)
                answers (type, option, texts[at].text, texts[at].len);
            for (size_t at = 0; at < sizeof lens / sizeof *lens; at++)
                answers (type, option, filler, lens[at]);
        }
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
