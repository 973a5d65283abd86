/* kill -9 of either side while large bodies are sent, held and closed: what was received stays whole until it is closed,
   and the next peer is served. ROUNDS in the environment says how often. */
#include "endpoints.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 10, WORDS_LEAST = 3000, WORDS_MORE = 30000, MARK = 20 };

static uint64_t random_word = 88172645463325252u;

static unsigned below (unsigned limit)
{
    random_word ^= random_word << 13, random_word ^= random_word >> 7, random_word ^= random_word << 17;
    return (unsigned) (random_word % limit);
}

/* --- Bodies: who sent it, which it is, and words that follow from both. */

static size_t words_of (uint64_t from, uint64_t number)
{
    return (size_t) (WORDS_LEAST + (from * 7919 + number * 104729) % WORDS_MORE);
}

static void make (zmq_msg_t *body, uint64_t from, uint64_t number)
{
    size_t words = words_of (from, number);
    CHECK (zmq_msg_init_size (body, words * 8) == 0);
    uint64_t *data = zmq_msg_data (body);
    data[0] = from, data[1] = number;
    for (size_t at = 2; at < words; at++)
        data[at] = from << 32 | number;
}

static uint64_t number_of (zmq_msg_t *body)
{
    const uint64_t *data = zmq_msg_data (body);
    size_t words = words_of (data[0], data[1]);
    CHECK (zmq_msg_size (body) == words * 8);
    for (size_t at = 2; at < words; at++)
        CHECK (data[at] == (data[0] << 32 | data[1]));
    return data[1];
}

static uint64_t sender_of (zmq_msg_t *body)
{
    return *(const uint64_t *) zmq_msg_data (body);
}

/* --- What a receiver holds. */

struct held {
    zmq_msg_t bodies[MOST];
    int count;
};

static void hold (struct held *held, zmq_msg_t *body)
{
    held->bodies[held->count++] = *body;
    while (held->count == MOST || (held->count > 0 && below (3) == 0)) {
        int at = (int) below ((unsigned) held->count);
        number_of (&held->bodies[at]);
        CHECK (zmq_msg_close (&held->bodies[at]) == 0);
        held->bodies[at] = held->bodies[--held->count];
    }
}

static void end (struct held *held)
{
    while (held->count > 0) {
        number_of (&held->bodies[--held->count]);
        CHECK (zmq_msg_close (&held->bodies[held->count]) == 0);
    }
}

static void *opened (void *context, int type, int binds, const char *endpoint)
{
    void *socket = made (context, type);
    set (socket, ZMQ_SNDHWM, MARK), set (socket, ZMQ_RCVHWM, MARK), set (socket, ZMQ_LINGER, 0);
    set (socket, ZMQ_RECONNECT_IVL, 1);
    CHECK ((binds ? zmq_bind (socket, endpoint) : zmq_connect (socket, endpoint)) == 0);
    return socket;
}

/* --- The victim: another program, for a child would have the descriptors of its parent. */

static int victim (char **args)
{
    int binds = atoi (args[2]), says = atoi (args[3]);
    uint64_t from = strtoull (args[4], NULL, 10);
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    random_word += from;
    void *context = zmq_ctx_new ();
    if (strcmp (args[1], "sends") == 0) {
        void *push = opened (context, ZMQ_PUSH, binds, args[5]);
        for (uint64_t number = 0;; number++) {
            zmq_msg_t body;
            make (&body, from, number);
            CHECK (zmq_msg_send (&body, push, 0) >= 0);
        }
    }
    void *pull = opened (context, ZMQ_PULL, binds, args[5]);
    static struct held held;
    for (int count = 0;; count++) {
        zmq_msg_t body;
        CHECK (zmq_msg_init (&body) == 0 && zmq_msg_recv (&body, pull, 0) >= 0);
        number_of (&body);
        hold (&held, &body);
        if (count == 20)
            CHECK (write (says, "r", 1) == 1);
    }
}

struct started {
    pid_t pid;
    int hears;
};

static struct started start (const char *what, int binds, uint64_t from, const char *endpoint)
{
    int ends[2];
    CHECK (pipe (ends) == 0);
    char bind[4], says[16], who[24];
    sprintf (bind, "%d", binds), sprintf (says, "%d", ends[1]), sprintf (who, "%llu", (unsigned long long) from);
    pid_t pid = fork ();
    CHECK (pid >= 0);
    if (pid == 0) {
        close (ends[0]);
        execl ("/proc/self/exe", "victim", what, bind, says, who, endpoint, (char *) NULL);
        _exit (1);
    }
    close (ends[1]);
    return (struct started){pid, ends[0]};
}

/* It had found nothing wrong. */
static void kill_it (struct started victim)
{
    struct timespec moment = {0, (long) below (2000000)};
    int status;
    nanosleep (&moment, NULL);
    CHECK (kill (victim.pid, SIGKILL) == 0 && waitpid (victim.pid, &status, 0) == victim.pid);
    CHECK (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
    close (victim.hears);
}

static void senders_die (int rounds, int victims_bind)
{
    const char *endpoint = victims_bind ? "ipc://dying-senders" : "ipc://senders";
    void *context = zmq_ctx_new ();
    void *pull = opened (context, ZMQ_PULL, !victims_bind, endpoint);
    static struct held held;
    for (int round = 0; round < rounds; round++) {
        struct started victim = start ("sends", victims_bind, (uint64_t) round, endpoint);
        uint64_t next = 0;
        for (int left = 1 + (int) below (30); left > 0;) {
            zmq_msg_t body;
            CHECK (zmq_msg_init (&body) == 0 && zmq_msg_recv (&body, pull, 0) >= 0);
            uint64_t number = number_of (&body);
            if (sender_of (&body) == (uint64_t) round) {
                CHECK (number == next);
                next++, left--;
            }
            hold (&held, &body);
        }
        kill_it (victim);
    }
    CHECK (zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
    end (&held);
}

static void receivers_die (int rounds, int victims_bind)
{
    const char *endpoint = victims_bind ? "ipc://dying-receivers" : "ipc://receivers";
    void *context = zmq_ctx_new ();
    void *push = opened (context, ZMQ_PUSH, !victims_bind, endpoint);
    uint64_t number = 0;
    for (int round = 0; round < rounds; round++) {
        struct started victim = start ("receives", victims_bind, (uint64_t) round, endpoint);
        zmq_pollitem_t items[] = {{push, 0, ZMQ_POLLOUT, 0}, {NULL, victim.hears, ZMQ_POLLIN, 0}};
        for (;;) {
            CHECK (zmq_poll (items, 2, -1) > 0);
            if (items[1].revents)
                break;
            zmq_msg_t body;
            if (!(items[0].revents & ZMQ_POLLOUT))
                continue;
            make (&body, 0, number);
            if (zmq_msg_send (&body, push, ZMQ_DONTWAIT) >= 0)
                number++;
            else
                CHECK (errno == EAGAIN && zmq_msg_close (&body) == 0);
        }
        char word;
        CHECK (read (victim.hears, &word, 1) == 1 && word == 'r');
        kill_it (victim);
    }
    CHECK (zmq_close (push) == 0 && zmq_ctx_term (context) == 0);
}

int main (int count, char **args)
{
    if (count > 1)
        return victim (args);
    const char *asked = getenv ("ROUNDS");
    int rounds = asked ? atoi (asked) : 8;
    for (int victims_bind = 0; victims_bind < 2; victims_bind++) {
        senders_die (rounds, victims_bind);
        receivers_die (rounds, victims_bind);
    }
    return 0;
}
