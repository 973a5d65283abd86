/* Sets each option of each socket type to each of many values, and prints the answer and what can be read then. Does the
 * same with options of contexts. The rows of two libraries are compared.
 *
 * The first line is the version of the library. Each other line is a row of five fields with tabs between them: socket
 * type, option, value, the answer, what is read. */
#include <zmq.h>

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct name
{
    int number;
    const char *name;
};

#define IS(number, name) {number, #name}
#define OF(name) {ZMQ_##name, #name}

/* An option that is not here is printed as its number. */
static const struct name options[] = {
  OF (AFFINITY), OF (ROUTING_ID), OF (SUBSCRIBE), OF (UNSUBSCRIBE), OF (RATE), OF (RECOVERY_IVL), OF (SNDBUF),
  OF (RCVBUF), OF (RCVMORE), OF (FD), OF (EVENTS), OF (TYPE), OF (LINGER), OF (RECONNECT_IVL), OF (BACKLOG),
  OF (RECONNECT_IVL_MAX), OF (MAXMSGSIZE), OF (SNDHWM), OF (RCVHWM), OF (MULTICAST_HOPS), OF (RCVTIMEO),
  OF (SNDTIMEO), IS (31, IPV4ONLY), OF (LAST_ENDPOINT), OF (ROUTER_MANDATORY), OF (TCP_KEEPALIVE),
  OF (TCP_KEEPALIVE_CNT), OF (TCP_KEEPALIVE_IDLE), OF (TCP_KEEPALIVE_INTVL), OF (TCP_ACCEPT_FILTER),
  OF (IMMEDIATE), OF (XPUB_VERBOSE), IS (41, ROUTER_RAW), OF (IPV6), OF (MECHANISM), OF (PLAIN_SERVER),
  OF (PLAIN_USERNAME), OF (PLAIN_PASSWORD), OF (CURVE_SERVER), OF (CURVE_PUBLICKEY), OF (CURVE_SECRETKEY),
  OF (CURVE_SERVERKEY), OF (PROBE_ROUTER), OF (REQ_CORRELATE), OF (REQ_RELAXED), OF (CONFLATE), OF (ZAP_DOMAIN),
  OF (ROUTER_HANDOVER), OF (TOS), OF (IPC_FILTER_PID), OF (IPC_FILTER_UID), OF (IPC_FILTER_GID),
  OF (CONNECT_ROUTING_ID), OF (GSSAPI_SERVER), OF (GSSAPI_PRINCIPAL), OF (GSSAPI_SERVICE_PRINCIPAL),
  OF (GSSAPI_PLAINTEXT), OF (HANDSHAKE_IVL), OF (SOCKS_PROXY), OF (XPUB_NODROP), OF (BLOCKY), OF (XPUB_MANUAL),
  OF (XPUB_WELCOME_MSG), OF (STREAM_NOTIFY), OF (INVERT_MATCHING), OF (HEARTBEAT_IVL), OF (HEARTBEAT_TTL),
  OF (HEARTBEAT_TIMEOUT), OF (XPUB_VERBOSER), OF (CONNECT_TIMEOUT), OF (TCP_MAXRT), OF (THREAD_SAFE),
  OF (MULTICAST_MAXTPDU), OF (VMCI_BUFFER_SIZE), OF (VMCI_BUFFER_MIN_SIZE), OF (VMCI_BUFFER_MAX_SIZE),
  OF (VMCI_CONNECT_TIMEOUT), OF (USE_FD), OF (GSSAPI_PRINCIPAL_NAMETYPE), OF (GSSAPI_SERVICE_PRINCIPAL_NAMETYPE),
  OF (BINDTODEVICE), IS (93, ZAP_ENFORCE_DOMAIN), IS (94, LOOPBACK_FASTPATH), IS (95, METADATA),
  IS (96, MULTICAST_LOOP), IS (98, XPUB_MANUAL_LAST_VALUE), IS (99, SOCKS_USERNAME),
  IS (100, SOCKS_PASSWORD), IS (108, ONLY_FIRST_SUBSCRIBE),
  IS (109, RECONNECT_STOP)};

static const struct name types[] = {OF (PAIR),   OF (PUB),  OF (SUB),  OF (REQ),  OF (REP),  OF (DEALER),
                                    OF (ROUTER), OF (PULL), OF (PUSH), OF (XPUB), OF (XSUB), OF (STREAM)};

static const struct name context_options[] = {
  OF (IO_THREADS), OF (MAX_SOCKETS), OF (SOCKET_LIMIT), OF (THREAD_SCHED_POLICY), OF (MAX_MSGSZ),
  OF (MSG_T_SIZE), OF (THREAD_AFFINITY_CPU_ADD), OF (THREAD_AFFINITY_CPU_REMOVE), OF (THREAD_NAME_PREFIX),
  IS (10, ZERO_COPY_RECV), OF (IPV6), OF (BLOCKY)};

static const struct name errors[] = {
  IS (EINVAL, EINVAL), IS (ENOTSUP, ENOTSUP), IS (EFAULT, EFAULT), IS (EAGAIN, EAGAIN), IS (ENOTSOCK, ENOTSOCK),
  IS (ENOMEM, ENOMEM), IS (EFSM, EFSM), IS (ENODEV, ENODEV)};

#define COUNT(of) (sizeof (of) / sizeof *(of))

static const char *name_of (const struct name *names, size_t count, int number)
{
    static char text[4][32];
    static int next;
    for (size_t at = 0; at < count; at++)
        if (names[at].number == number)
            return names[at].name;
    char *own = text[next++ % 4];
    snprintf (own, sizeof text[0], "%d", number);
    return own;
}

static const char *answer_of (int result)
{
    return result == 0 ? "ok" : name_of (errors, COUNT (errors), errno);
}

/* Values that are numbers are printed as such, others as a text or, where a byte is not printable, in hexadecimal. A
 * long one is shortened: its bytes are all the same. */
static void print_value (const char *value, size_t len)
{
    if (!value) {
        printf ("null");
        return;
    }
    int number;
    int64_t wide;
    if (len == sizeof number) {
        memcpy (&number, value, len);
        printf ("%d", number);
        return;
    }
    if (len == sizeof wide && memchr (value, 0, len)) {
        memcpy (&wide, value, len);
        printf ("%lldL", (long long) wide);
        return;
    }
    size_t same = 1;
    while (same < len && value[same] == value[0])
        same++;
    if (len > 4 && same == len) {
        printf ("%02x x %zu", (unsigned char) value[0], len);
        return;
    }
    int prints = 1;
    for (size_t at = 0; at < len; at++)
        prints = prints && value[at] >= ' ' && value[at] <= '~';
    if (prints && len > 32) {
        printf ("\"%.6s...%.2s\" of %zu", value, value + len - 2, len);
        return;
    }
    putchar (prints ? '"' : 'h');
    for (size_t at = 0; at < len; at++)
        printf (prints ? "%c" : "%02x", (unsigned char) value[at]);
    if (prints)
        putchar ('"');
}

/* The room for what is read. */
static const size_t rooms[] = {0, 1, 3, 4, 5, 7, 8, 9, 16, 31, 32, 33, 40, 41, 42, 255, 256, 300};

static void print_read (void *socket, int option)
{
    char last[1024] = "";
    for (size_t at = 0; at < COUNT (rooms); at++) {
        unsigned char found[300];
        char now[1024], *to = now;
        size_t room = rooms[at], size = room;
        memset (found, 0xaa, sizeof found);
        if (zmq_getsockopt (socket, option, found, &size) != 0)
            to += sprintf (to, "%s", answer_of (-1));
        else {
            if (option == ZMQ_FD && size == sizeof (int))
                to += sprintf (to, "descriptor");
            else
                for (size_t byte = 0; byte < size; byte++)
                    to += sprintf (to, "%02x", found[byte]);
            to += sprintf (to, "/%zu", size);
            /* What is behind it is zero or as it was. */
            for (size_t byte = size; byte < sizeof found; byte++)
                if (found[byte] != (byte < room ? 0 : 0xaa)) {
                    to += sprintf (to, "!");
                    break;
                }
        }
        *to = 0;
        /* The same as with the room before. */
        if (at > 0 && strcmp (now, last) == 0)
            continue;
        printf ("%s%zu:%s", at > 0 ? " " : "", room, now);
        strcpy (last, now);
    }
}

static void *context;

static void row (struct name type, int option, const char *value, size_t len)
{
    void *socket;
    /* A closed socket counts until the library's thread has removed it. */
    while (!(socket = zmq_socket (context, type.number)))
        if (errno != EMFILE)
            exit (1);
    int linger = 0;
    zmq_setsockopt (socket, ZMQ_LINGER, &linger, sizeof linger);
    int result = zmq_setsockopt (socket, option, value, len);
    const char *answer = answer_of (result);
    printf ("%s\t%s\t", type.name, name_of (options, COUNT (options), option));
    print_value (value, len);
    printf ("\t%s\t", answer);
    print_read (socket, option);
    putchar ('\n');
    zmq_close (socket);
}

static void context_row (int option, int value)
{
    void *own = zmq_ctx_new ();
    int result = zmq_ctx_set (own, option, value);
    const char *answer = answer_of (result);
    printf ("context\t%s\t%d\t%s\t", name_of (context_options, COUNT (context_options), option), value, answer);
    int read = zmq_ctx_get (own, option);
    if (read == -1 && errno == EINVAL)
        printf ("EINVAL\n");
    else
        printf ("%d\n", read);
    zmq_ctx_term (own);
}

int main (void)
{
    static const int numbers[] = {INT_MIN, -101,  -100,  -99,     -3,      -2,     -1,   0,    1,
                                  2,       3,     4,     7,       8,       50,     99,   100,  255,
                                  256,     65535, 65536, 6553599, 6553600, 100000, INT_MAX};
    static const int64_t longs[] = {INT64_MIN, -5, -1, 0, 1, 5, INT64_MAX};
    static const struct
    {
        const char *text;
        size_t len;
    } texts[] = {{NULL, 0}, {"", 0}, {"", 1}, {"\1", 1}, {"a", 1}, {"\377", 1}, {"ab", 2}, {"abc", 3}, {"\377\376x", 3},
                 {"ab\0cd", 5}, {"\0abcd", 5}, {"lo", 3}, {"no-such-device", 14}, {"127.0.0.1", 9},
                 {"127.0.0.1/8", 11}, {"127.0.0.1/8", 12}, {"127.0.0.1/33", 12}, {"::1/128", 7}, {"[::1]", 5},
                 {"127.0.0.1:1080", 14}, {"X-a:b", 5}, {"X-:b", 4}, {"X-a:", 4}, {"x-a:bc", 6}, {"X-a=bc", 6},
                 {"Identity:x", 10}, {"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6", 40},
                 {"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6", 41}, {"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh~", 40}};
    static const size_t lens[] = {5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 39, 40, 41, 42, 254, 255, 256, 300};
    char filler[300], zeros[300] = {0};
    int major, minor, patch;
    zmq_version (&major, &minor, &patch);
    printf ("%d.%d.%d\n", major, minor, patch);
    memset (filler, 'f', sizeof filler);
    context = zmq_ctx_new ();
    for (size_t type = 0; type < COUNT (types); type++)
        for (int option = -1; option <= 130; option++) {
            /* Drafts that the stock library that is compared with was built without, or is too old for. */
            if (option == 97 || option == 101 || option == 102 || (option >= 110 && option <= 116))
                continue;
            for (size_t at = 0; at < COUNT (numbers); at++)
                row (types[type], option, (const char *) &numbers[at], sizeof *numbers);
            for (size_t at = 0; at < COUNT (longs); at++)
                row (types[type], option, (const char *) &longs[at], sizeof *longs);
            for (size_t at = 0; at < COUNT (texts); at++)
                row (types[type], option, texts[at].text, texts[at].len);
            for (size_t at = 0; at < COUNT (lens); at++) {
                row (types[type], option, filler, lens[at]);
                row (types[type], option, zeros, lens[at]);
            }
        }
    for (int option = -1; option <= 80; option++)
        for (size_t at = 0; at < COUNT (numbers); at++)
            context_row (option, numbers[at]);
    return zmq_ctx_term (context);
}
