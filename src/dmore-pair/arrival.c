/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dmore-pair/arrival.h"

#include "base/error.h"
#include "comigrate/settle.h"

/* A request that is answered when it has turned out whether the pair is to be here. */
typedef struct {
    Request *request;
    Verdict wanted; /* by an operator; VERDICT_NONE: it is the source's question */
} Waiting;

struct Arrival {
    const HostConfig *host;
    GCancellable *cancellable;
    const Pair *pair; /* while it is coming */
    Note *note;       /* NULL: none is coming, none has come; owned once it has come */
    char *peer;
    gint64 since;
    Verdict verdict;
    GArray *waiting;
};

Arrival *arrival_new(const HostConfig *host, GCancellable *cancellable)
{
    Arrival *arrival = g_new0(Arrival, 1);

    arrival->host = host;
    arrival->cancellable = g_object_ref(cancellable);
    arrival->waiting = g_array_new(FALSE, FALSE, sizeof(Waiting));
    return arrival;
}

void arrival_begin(Arrival *arrival, const Pair *pair, Note *note, const char *peer)
{
    arrival->pair = pair;
    arrival->note = note;
    arrival->peer = g_strdup(peer);
    arrival->since = g_get_real_time() / G_USEC_PER_SEC;
}

const Verdict *arrival_verdict(const Arrival *arrival)
{
    return &arrival->verdict;
}

gboolean arrival_is_waiting(const Arrival *arrival)
{
    return arrival->pair && arrival->pair->state == PAIR_UNDECIDED;
}

void arrival_to_status(const Arrival *arrival, JsonObject *status)
{
    JsonObject *object = json_object_new();
    g_autoptr(GDateTime) since = g_date_time_new_from_unix_local(arrival->since);
    g_autofree char *time = g_date_time_format(since, "%F %T");
    const char *name = arrival->note->name;
    g_autofree char *words = g_strdup_printf(
        "%s came from %s at %s and is loaded here, paused: whether it is to run here only %s can "
        "tell, and it asks as soon as it can. If it will not, and surely does not run the pair, "
        "\"dmore resolve %s --here\" runs it here; if it is to run there, \"dmore down %s\" ends "
        "what is here",
        name, arrival->peer, time, arrival->peer, name, name);

    json_object_set_string_member(object, "role", "destination");
    json_object_set_string_member(object, "host", arrival->peer);
    json_object_set_int_member(object, "since", arrival->since);
    json_object_set_object_member(status, "undecided", object);
    json_object_set_string_member(status, "note", words);
}

static void say(Request *request, const char *answer)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "answer", answer);
    request_result(request, object);
}

static void wait_for_outcome(Arrival *arrival, Request *request, Verdict wanted)
{
    Waiting waiting = {request, wanted};

    g_array_append_val(arrival->waiting, waiting);
}

/* The source asks about a pair that has come. */
static void answer_for_good(Arrival *arrival, Request *request, gboolean retire)
{
    g_autoptr(GError) error = NULL;

    if (!retire) {
        say(request, answer_name(ANSWER_RUNNING));
    } else if (arrival->note->word == NOTE_NONE ||
               note_remove(arrival->note, arrival->host->state_dir, FALSE, &error)) {
        say(request, answer_name(ANSWER_RETIRED));
    } else {
        g_warning("%s", error->message);
        say(request, answer_name(ANSWER_WAIT));
    }
}

static gboolean is_coming(const Arrival *arrival)
{
    return arrival->pair && arrival->pair->state != PAIR_RUNNING;
}

/* No source says 'retire' of a pair that is coming: it has nothing any more, so this copy is not
 * ended for it. And of a pair that is left to another process that one will know. */
static gboolean nobody_can_tell(const Arrival *arrival, gboolean retire)
{
    return is_coming(arrival) && (retire || arrival->verdict == VERDICT_LEAVE);
}

void arrival_ask(Arrival *arrival, Request *request, const char *id, const char *word)
{
    gboolean retire = g_strcmp0(word, note_word_name(NOTE_RETIRE)) == 0;
    gboolean commit = g_strcmp0(word, note_word_name(NOTE_COMMIT)) == 0;

    if (!arrival->note || g_strcmp0(id, arrival->note->id) != 0) {
        say(request, "unknown");
    } else if (nobody_can_tell(arrival, retire)) {
        say(request, answer_name(ANSWER_WAIT));
    } else if (arrival_is_waiting(arrival)) {
        if (arrival->verdict == VERDICT_NONE)
            arrival->verdict = commit ? VERDICT_RUN : VERDICT_END;
        wait_for_outcome(arrival, request, VERDICT_NONE);
    } else if (is_coming(arrival)) {
        /* It asks anew, so its link is of no use any more. */
        g_cancellable_cancel(arrival->cancellable);
        wait_for_outcome(arrival, request, VERDICT_NONE);
    } else {
        answer_for_good(arrival, request, retire);
    }
}

void arrival_decide(Arrival *arrival, Request *request, Verdict verdict)
{
    if (arrival->verdict == VERDICT_NONE)
        arrival->verdict = verdict;
    if (request)
        wait_for_outcome(arrival, request, verdict);
}

/* A pair that has come without a commit is left, loaded, to the next dmore-pair. */
static Answer outcome_of(const Note *note)
{
    if (!note)
        return ANSWER_ENDED;
    return note->word == NOTE_INCOMING ? ANSWER_WAIT : ANSWER_RUNNING;
}

static void answer_outcome(const Waiting *waiting, Answer outcome)
{
    static const char *const reasons[ANSWERS] = {
        [ANSWER_RUNNING] = "the other host has decided meanwhile: the pair runs here",
        [ANSWER_ENDED] = "the pair cannot run here; its log tells why",
        [ANSWER_WAIT] = "this dmore-pair has been asked to end; say it again to the next one",
    };
    Answer wanted = waiting->wanted == VERDICT_RUN ? ANSWER_RUNNING : ANSWER_ENDED;

    if (waiting->wanted == VERDICT_NONE) {
        say(waiting->request, answer_name(outcome));
    } else if (outcome == wanted) {
        request_result(waiting->request, json_object_new());
    } else {
        g_autoptr(GError) error =
            g_error_new_literal(DMORE_ERROR, DMORE_ERROR_BUSY, reasons[outcome]);
        request_error(waiting->request, error);
    }
}

void arrival_end(Arrival *arrival, Note *note)
{
    for (guint i = 0; i < arrival->waiting->len; i++)
        answer_outcome(&g_array_index(arrival->waiting, Waiting, i), outcome_of(note));
    g_array_set_size(arrival->waiting, 0);
    arrival->pair = NULL;
    arrival->note = note;
}

void arrival_free(Arrival *arrival)
{
    if (!arrival->pair && arrival->note)
        note_free(arrival->note);
    g_array_unref(arrival->waiting);
    g_object_unref(arrival->cancellable);
    g_free(arrival->peer);
    g_free(arrival);
}
