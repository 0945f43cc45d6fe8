/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "comigrate/answer.h"

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "comigrate/note.h"
#include "comigrate/settle.h"
#include "pair/client.h"
#include "pair/config.h"
#include "pair/rundir.h"

#define ANSWER_PAIR_MS 10000 /* for dmore-pair; it may be resuming, or ending, both VMs */
#define QUESTION_MS 30000    /* for another question */

/* What a question says; the texts are the message's. */
typedef struct {
    const char *id;
    const char *name;
    const char *word;
} Question;

static gboolean read_question(const LinkMessage *message, Question *question, GError **error)
{
    question->id = json_get_text(message->object, "id", NULL);
    question->name = json_get_text(message->object, "name", "");
    question->word = json_get_text(message->object, "word", "");
    if (note_id_check(question->id) && pair_name_check(question->name, NULL) &&
        (g_str_equal(question->word, note_word_name(NOTE_COMMIT)) ||
         g_str_equal(question->word, note_word_name(NOTE_ABORT)) ||
         g_str_equal(question->word, note_word_name(NOTE_RETIRE))))
        return TRUE;
    g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER,
                        "that is no question about a co-migration; are both hosts of the same "
                        "version?");
    return FALSE;
}

typedef struct {
    const Client *client;
    const Link *link;
} Asking;

static gboolean answered_or_forsaken(gpointer data)
{
    const Asking *asking = data;

    return client_is_done(asking->client) || link_lost(asking->link);
}

/* What the pair's dmore-pair says. One that has not read the question yet when the asker goes does
 * not heed it any more: it looks whether somebody waits.
 * Return: NULL when there is none or it does not answer.
 */
static JsonObject *ask_pair(const HostConfig *host, const Link *link, const Question *question)
{
    g_autoptr(GError) error = NULL;
    JsonObject *arguments = json_object_new();
    JsonObject *result = NULL;

    json_object_set_string_member(arguments, "id", question->id);
    json_object_set_string_member(arguments, "word", question->word);
    g_autoptr(Client) client =
        client_ask(host, question->name, "settle", arguments, NULL, NULL, &error);
    Asking asking = {client, link};
    if (client && await(answered_or_forsaken, &asking, ANSWER_PAIR_MS, NULL, "its answer", &error))
        result = client_wait(client, 0, &error);
    if (!result)
        g_message("nothing answers for %s: %s", question->name,
                  link_lost(link) ? "nobody waits for it any more" : error->message);
    return result;
}

/* What a crash has left of a pair that never ran here, in the run directory and in the notes. */
static gboolean remove_left_over(const HostConfig *host, Note *note, GError **error)
{
    /* A pair that is here is one of another co-migration, or of none. */
    return (rundir_is_claimed(host->run_dir, note->name) ||
            rundir_clean(host->run_dir, note->name, error)) &&
           note_remove(note, host->state_dir, FALSE, error);
}

static Answer answer_from_note(const HostConfig *host, const Question *question, Note *note)
{
    g_autoptr(GError) error = NULL;
    gboolean retire = g_str_equal(question->word, note_word_name(NOTE_RETIRE));
    Answer forgotten = retire ? ANSWER_RETIRED : ANSWER_ENDED;
    gboolean done = TRUE;

    if (!note)
        return forgotten;
    if (note->word == NOTE_COMMITTED && !retire)
        return ANSWER_RUNNING;
    if (note->word == NOTE_COMMITTED)
        done = note_remove(note, host->state_dir, FALSE, &error);
    else if (note->word == NOTE_INCOMING)
        done = remove_left_over(host, note, &error);
    if (done)
        return forgotten;
    g_warning("%s", error->message);
    return ANSWER_WAIT;
}

static Answer answer(const HostConfig *host, const Link *link, const Question *question)
{
    g_autoptr(JsonObject) said = ask_pair(host, link, question);
    g_autoptr(GError) error = NULL;

    /* One that lives but has come by another co-migration, or by none, says so. */
    Answer of_pair = said ? answer_from_name(json_get_text(said, "answer", NULL)) : ANSWERS;
    if (of_pair != ANSWERS)
        return of_pair;

    g_autoptr(Note) note = note_load(host->state_dir, question->id, &error);
    if (!note && !g_error_matches(error, DMORE_ERROR, DMORE_ERROR_NOT_FOUND)) {
        g_critical("%s", error->message);
        return ANSWER_WAIT;
    }
    /* A VM without a note is none of that co-migration: the note comes first. */
    if (!said && note && rundir_is_claimed(host->run_dir, note->name))
        return ANSWER_WAIT;
    return answer_from_note(host, question, note);
}

static gboolean answer_message(const HostConfig *host, Link *link, const LinkMessage *message,
                               GError **error)
{
    Question question;

    if (!read_question(message, &question, error))
        return FALSE;
    /* What was asked for then may be the opposite of what an operator has decided since. */
    if (link_lost(link)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER,
                    "%s has not waited for the answer to '%s'", link_peer(link), question.word);
        return FALSE;
    }
    Answer given = answer(host, link, &question);
    g_message("co-migration %s of %s: to '%s', %s is told '%s'", question.id, question.name,
              question.word, link_peer(link), answer_name(given));
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "answer", answer_name(given));
    return link_send(link, "settled", object, NULL, NULL, error);
}

void answer_questions(const HostConfig *host, Link *link, const LinkMessage *first)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LinkMessage) message = NULL;

    if (!answer_message(host, link, first, &error)) {
        g_message("%s", error->message);
        link_send_error(link, error);
        return;
    }
    while ((message = link_receive(link, "settle", QUESTION_MS, NULL, &error))) {
        gboolean answered = answer_message(host, link, message, &error);
        g_clear_pointer(&message, link_message_free);
        if (!answered)
            break;
    }
    if (!link_lost(link))
        link_send_error(link, error);
}
