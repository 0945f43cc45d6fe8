/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "comigrate/settle.h"

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "comigrate/link.h"
#include "pair/presence.h"

#define CONNECT_MS 2000    /* so that a link that is back is found soon, whatever TCP waits for */
#define ANSWER_MS 15000    /* longer than the other side takes at most, ANSWER_PAIR_MS */
#define FIRST_PAUSE_MS 100 /* between two attempts; doubled each time */
#define LONGEST_PAUSE_MS 1600
#define TWICE_PAUSE_MS 30000 /* when an operator has to mend what he has decided wrongly */

static const char *const names[ANSWERS] = {
    [ANSWER_RUNNING] = "running",
    [ANSWER_ENDED] = "ended",
    [ANSWER_RETIRED] = "retired",
    [ANSWER_WAIT] = "wait",
};

/* What is settled, and with what. */
typedef struct {
    const HostConfig *host;
    Pair *pair; /* NULL when only the note is left */
    Note *note;
    Settlement *settlement;
    GCancellable *cancellable;
    gboolean alone; /* the note is all that there is: an operator may change it meanwhile */
    gboolean twice; /* the other host says that it runs what runs here */
} Run;

const char *answer_name(Answer answer)
{
    return names[answer];
}

Answer answer_from_name(const char *name)
{
    Answer answer = 0;

    while (answer < ANSWERS && g_strcmp0(names[answer], name) != 0)
        answer++;
    return answer;
}

void settlement_clear(Settlement *settlement)
{
    g_clear_pointer(&settlement->last, g_free);
}

static gboolean is_settled(const Run *run)
{
    return run->note->word == NOTE_NONE;
}

static void forget(Run *run)
{
    g_autoptr(GError) error = NULL;

    if (!note_remove(run->note, run->host->state_dir, FALSE, &error))
        g_critical("%s", error->message);
    run->note->word = NOTE_NONE;
}

/* The other host runs the pair. */
static void give_up_here(Run *run)
{
    g_message("%s runs on %s; what is left of it here ends", run->note->name, run->note->host);
    run->settlement->elsewhere = TRUE;
    if (run->pair)
        pair_end(run->pair);
    presence_remove(run->host->state_dir, run->note->name, run->note->uuid);
    note_decide(run->note, run->host->state_dir, NOTE_RETIRE);
}

/* The other host runs nothing, and has nothing. */
static void take_back(Run *run)
{
    g_autoptr(GError) error = NULL;
    Pair *pair = run->pair;

    if (!pair || vm_state(pair->user_vm) == VM_GONE) {
        g_critical("%s does not run on %s either: the user VM is lost", run->note->name,
                   run->note->host);
        run->settlement->lost = TRUE;
        forget(run);
        if (pair && !pair_show_end(pair, &error))
            g_warning("its console does not go on: %s", error->message);
        return;
    }
    g_message("%s does not run on %s; it goes on here", run->note->name, run->note->host);
    note_decide(run->note, run->host->state_dir, NOTE_ABORT);
    if (!pair_run_here(pair, &error))
        g_critical("the pair does not go on as it should: %s", error->message);
}

/* Return: FALSE when the answer decides nothing. */
static gboolean act(Run *run, Answer answer)
{
    switch (run->note->word) {
    case NOTE_COMMIT:
        if (answer == ANSWER_RUNNING)
            give_up_here(run);
        else if (answer == ANSWER_ENDED)
            take_back(run);
        break;
    case NOTE_ABORT:
        if (answer == ANSWER_ENDED)
            forget(run);
        if (answer == ANSWER_RUNNING && !run->twice)
            g_critical("%s was resolved to run on this host, but %s says that it has run there: "
                       "end one of the two, and look at its disks",
                       run->note->name, run->note->host);
        run->twice = answer == ANSWER_RUNNING;
        return answer == ANSWER_ENDED;
    case NOTE_RETIRE:
        if (answer == ANSWER_RETIRED)
            forget(run);
        return answer == ANSWER_RETIRED;
    default:
        g_assert_not_reached(); /* nothing to be settled by a source */
    }
    return answer == ANSWER_RUNNING || answer == ANSWER_ENDED;
}

/* No cancel ends it: a question that is on its way may be answered by running the pair there, so
 * whoever would decide otherwise here has to hear the answer first.
 */
static gboolean ask(Run *run, Link *link, Answer *answer, GError **error)
{
    const Note *note = run->note;
    JsonObject *question = json_object_new();

    json_object_set_string_member(question, "id", note->id);
    json_object_set_string_member(question, "name", note->name);
    json_object_set_string_member(question, "uuid", note->uuid);
    json_object_set_string_member(question, "word", note_word_name(note->word));
    if (!link_send(link, "settle", question, NULL, NULL, error))
        return FALSE;
    g_autoptr(LinkMessage) message = link_receive(link, "settled", ANSWER_MS, NULL, error);
    if (!message)
        return FALSE;
    *answer = answer_from_name(json_get_text(message->object, "answer", NULL));
    if (*answer != ANSWERS)
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER,
                "%s gives an answer that this release does not know; are both hosts of the same "
                "version?",
                link_peer(link));
    return FALSE;
}

/* An operator may have written another word meanwhile. */
static void reload(Run *run)
{
    if (!run->alone)
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(Note) note = note_load(run->host->state_dir, run->note->id, &error);

    if (note)
        run->note->word = note->word;
    else if (g_error_matches(error, DMORE_ERROR, DMORE_ERROR_NOT_FOUND))
        run->note->word = NOTE_NONE;
}

/* One attempt: a connection, and over it as many questions as lead on. */
static gboolean attempt(Run *run, GError **error)
{
    const Note *note = run->note;
    g_autoptr(Link) link =
        link_connect(note->host, note->port, run->host->key, CONNECT_MS, run->cancellable, error);
    Answer answer = ANSWER_WAIT;

    if (!link)
        return FALSE;
    /* That may have taken long, and what is asked has to be what holds now. */
    reload(run);
    while (!is_settled(run)) {
        NoteWord asked = note->word;

        if (!ask(run, link, &answer, error))
            return FALSE;
        reload(run);
        if (note->word != asked)
            continue; /* the answer is to a question that nobody has any more */
        g_message("settling %s: to '%s', %s answers '%s'", note->name, note_word_name(note->word),
                  note->host, answer_name(answer));
        if (act(run, answer))
            continue;
        if (run->twice)
            g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER, "%s says that it runs %s, too",
                        note->host, note->name);
        else
            g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER,
                        "%s cannot tell yet: a VM is there, and nothing that answers for it",
                        note->host);
        return FALSE;
    }
    return TRUE;
}

static void tell(Run *run, const GError *error)
{
    Settlement *settlement = run->settlement;

    if (g_strcmp0(settlement->last, error->message) == 0)
        return;
    g_message("settling %s: %s; it will be asked again until it answers", run->note->name,
              error->message);
    g_free(settlement->last);
    settlement->last = g_strdup(error->message);
}

/* Whether nobody but a cancel ends it: as long as the VMs here wait for the outcome, or for a note
 * alone as long as that is there.
 */
static gboolean goes_on(const Run *run)
{
    return run->pair ? run->note->word == NOTE_COMMIT : !is_settled(run);
}

static gboolean settle(Run *run, GError **error)
{
    int pause_ms = FIRST_PAUSE_MS;

    if (!run->settlement->since_us)
        run->settlement->since_us = g_get_monotonic_time();
    while (goes_on(run)) {
        g_autoptr(GError) failure = NULL;
        run->settlement->attempts++;
        if (attempt(run, &failure) || !goes_on(run))
            break;
        if (!g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_CANCELLED))
            tell(run, failure);
        if (!await_ms(run->twice ? TWICE_PAUSE_MS : pause_ms, run->cancellable, error))
            return FALSE;
        pause_ms = MIN(2 * pause_ms, LONGEST_PAUSE_MS);
        reload(run);
    }
    return TRUE;
}

gboolean settle_pair(Pair *pair, Note *note, Settlement *settlement, GCancellable *cancellable,
                     GError **error)
{
    Run run = {.host = pair->host,
               .pair = pair,
               .note = note,
               .settlement = settlement,
               .cancellable = cancellable};

    return settle(&run, error);
}

gboolean settle_note(const HostConfig *host, Note *note, Settlement *settlement,
                     GCancellable *cancellable, GError **error)
{
    Run run = {.host = host,
               .note = note,
               .settlement = settlement,
               .cancellable = cancellable,
               .alone = TRUE};

    return settle(&run, error);
}

gboolean settle_note_once(const HostConfig *host, Note *note, GCancellable *cancellable,
                          GError **error)
{
    g_auto(Settlement) settlement = {0};
    Run run = {.host = host, .note = note, .settlement = &settlement, .cancellable = cancellable};

    return attempt(&run, error);
}
