/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view.c - a connection to a VNC server and the picture that has come through it
 *
 * Theory of operation
 *
 * libvncclient reads in a thread that holds the lock while it handles one message of the server. So
 * whoever holds the lock sees a picture between two updates. Sending does not take the lock: a
 * message is one small write, which the kernel does not interleave with those of another thread,
 * and libvncclient itself locks the TLS session.
 *
 * A server may send an update in which nothing differs. What counts as a change is a pixel: a
 * second copy of the picture is compared and brought up to date in the rectangles of each update.
 *
 * libvncclient announces ExtendedDesktopSize, and then ignores a new size from servers whose only
 * screen has the number 0, as the usual ones have it. The list of encodings is therefore sent by
 * this file, with the older DesktopSize.
 */
#include "view.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <linux/tcp.h>
#include <rfb/rfbclient.h>
#include <string.h>

#define ENCODING_LED_STATE (-261)    /* QEMU's; rfbproto, "QEMU LED State Pseudo-encoding" */
#define ENCODING_DESKTOP_NAME (-307) /* rfbproto, "DesktopName Pseudo-encoding" */
#define DESKTOP_NAME_MAX 4096

struct View {
    rfbClient *client;
    ViewEvents events;
    gpointer data;
    ViewOptions options;
    GThread *reader;
    gint closing; /* atomic */

    GMutex lock;  /* of what follows, and of the client's picture */
    guint8 *seen; /* the picture as of the last update; 4 bytes a pixel */
    int width;
    int height;
    gboolean has_picture;
    gboolean differs; /* a pixel has changed in the update being read */
    ViewStatistics statistics;
    guint64 bytes_before; /* received when the statistics began */
    gint64 last_change;   /* us */
    gboolean reported;    /* a report of a change is on its way to the main context */
    gint64 reported_at;
    GArray *spots;      /* ViewSpot */
    GPtrArray *at_spot; /* the pixels that each had after the last update */
};

static const char tag; /* its address marks our data in the client */

static View *view_of(rfbClient *client)
{
    return rfbClientGetClientData(client, (void *)&tag);
}

/* Reports to the main context */

typedef struct {
    View *view;
    enum {
        SAY_RESIZED,
        SAY_LEDS,
        SAY_NAMED,
        SAY_CUT_TEXT,
        SAY_LOST
    } what;
    int a;
    int b;
    char *text;
} Saying;

static gboolean on_saying(gpointer data)
{
    Saying *saying = data;
    View *view = saying->view;
    switch (saying->what) {
    case SAY_RESIZED:
        view->events.resized(saying->a, saying->b, view->data);
        break;
    case SAY_LEDS:
        view->events.leds(saying->a, view->data);
        break;
    case SAY_NAMED:
        view->events.named(saying->text, view->data);
        break;
    case SAY_CUT_TEXT:
        view->events.cut_text(saying->text, view->data);
        break;
    case SAY_LOST:
        view->events.lost(saying->text, view->data);
        break;
    }
    g_free(saying->text);
    g_free(saying);
    return G_SOURCE_REMOVE;
}

static void say(View *view, int what, int a, int b, char *text)
{
    Saying *saying = g_new0(Saying, 1);
    *saying = (Saying){.view = view, .what = what, .a = a, .b = b, .text = text};
    g_idle_add_full(G_PRIORITY_DEFAULT, on_saying, saying, NULL);
}

static gboolean on_changed(gpointer data)
{
    View *view = data;
    g_mutex_lock(&view->lock);
    gint64 at = view->reported_at;
    view->reported = FALSE;
    g_mutex_unlock(&view->lock);
    view->events.changed(at, view->data);
    return G_SOURCE_REMOVE;
}

/* libvncclient's callbacks, in the reader's thread with the lock held (or in view_connect()) */

static rfbBool on_size(rfbClient *client)
{
    View *view = view_of(client);
    gsize size = (gsize)client->width * (gsize)client->height * 4;
    g_free(client->frameBuffer);
    g_free(view->seen);
    client->frameBuffer = g_malloc0(size);
    view->seen = g_malloc0(size);
    view->width = client->width;
    view->height = client->height;
    view->has_picture = FALSE;
    /* The places were of another picture. */
    g_array_set_size(view->spots, 0);
    g_ptr_array_set_size(view->at_spot, 0);
    view->differs = TRUE;
    client->updateRect.x = client->updateRect.y = 0;
    client->updateRect.w = client->width;
    client->updateRect.h = client->height;
    say(view, SAY_RESIZED, client->width, client->height, NULL);
    return TRUE;
}

/* The fourth byte of a pixel has no meaning, and decoders leave different things there. */
static void blank_fourth(guint8 *pixels, gsize length)
{
    for (gsize i = 3; i < length; i += 4)
        pixels[i] = 0;
}

static void on_rectangle(rfbClient *client, int x, int y, int width, int height)
{
    View *view = view_of(client);
    if (x < 0 || y < 0 || x + width > view->width || y + height > view->height)
        return;                  /* libvncclient has refused it already */
    if (width > 0 && height > 0) /* else it is what a pseudo-encoding told */
        view->has_picture = TRUE;
    for (int row = y; row < y + height; row++) {
        gsize at = ((gsize)row * (gsize)view->width + (gsize)x) * 4;
        gsize length = (gsize)width * 4;
        blank_fourth(client->frameBuffer + at, length);
        if (memcmp(view->seen + at, client->frameBuffer + at, length) == 0)
            continue;
        memcpy(view->seen + at, client->frameBuffer + at, length);
        view->differs = TRUE;
    }
}

/* Whether a place is other than @pixels, which are brought up to date. */
static gboolean spot_differs(const View *view, const ViewSpot *spot, guint8 *pixels)
{
    gsize length = (gsize)spot->width * 4;
    gboolean differs = FALSE;
    for (int row = 0; row < spot->height; row++) {
        gsize at = ((gsize)(spot->y + row) * (gsize)view->width + (gsize)spot->x) * 4;
        guint8 *known = pixels + (gsize)row * length;
        if (memcmp(known, view->seen + at, length) == 0)
            continue;
        memcpy(known, view->seen + at, length);
        differs = TRUE;
    }
    return differs;
}

static void look_at_spots(View *view, gint64 now)
{
    for (guint i = 0; i < view->spots->len; i++) {
        ViewSpot *spot = &g_array_index(view->spots, ViewSpot, i);
        if (!spot_differs(view, spot, g_ptr_array_index(view->at_spot, i)))
            continue;
        spot->changes++;
        spot->last = now;
        if (!spot->first)
            spot->first = now;
    }
}

static void on_update_finished(rfbClient *client)
{
    View *view = view_of(client);
    gint64 now = g_get_monotonic_time();
    view->statistics.updates++;
    if (!view->differs)
        return;
    look_at_spots(view, now);
    view->differs = FALSE;
    view->statistics.changes++;
    view->statistics.longest_gap = MAX(view->statistics.longest_gap, now - view->last_change);
    view->last_change = now;
    if (view->reported)
        return; /* the main context has not looked yet: the first change is the one it waits for */
    view->reported = TRUE;
    view->reported_at = now;
    g_idle_add_full(G_PRIORITY_DEFAULT, on_changed, view, NULL);
}

static void on_cut_text(rfbClient *client, const char *text, int length)
{
    say(view_of(client), SAY_CUT_TEXT, 0, 0, g_strndup(text, (gsize)MAX(length, 0)));
}

static rfbBool on_other_encoding(rfbClient *client, rfbFramebufferUpdateRectHeader *rect)
{
    View *view = view_of(client);
    if ((gint32)rect->encoding == ENCODING_LED_STATE) {
        guint8 state;
        if (!ReadFromRFBServer(client, (char *)&state, 1))
            return FALSE;
        say(view, SAY_LEDS, state, 0, NULL);
        return TRUE;
    }
    if ((gint32)rect->encoding == ENCODING_DESKTOP_NAME) {
        guint32 length;
        if (!ReadFromRFBServer(client, (char *)&length, 4) || ntohl(length) > DESKTOP_NAME_MAX)
            return FALSE;
        g_autofree char *name = g_malloc0(ntohl(length) + 1);
        if (length && !ReadFromRFBServer(client, name, ntohl(length)))
            return FALSE;
        say(view, SAY_NAMED, 0, 0, g_steal_pointer(&name));
        return TRUE;
    }
    return FALSE;
}

/* libvncclient frees what these return with free(). */

static char *on_password(rfbClient *client)
{
    const char *password = view_of(client)->options.password;
    return password ? strdup(password) : NULL;
}

static rfbCredential *on_credential(rfbClient *client, int type)
{
    View *view = view_of(client);
    rfbCredential *credential = calloc(1, sizeof(*credential));
    if (type == rfbCredentialTypeX509 && view->options.authority) {
        credential->x509Credential.x509CACertFile = strdup(view->options.authority);
        return credential;
    }
    if (type == rfbCredentialTypeUser && view->options.password) {
        credential->userCredential.username = strdup(view->options.user ? view->options.user : "");
        credential->userCredential.password = strdup(view->options.password);
        return credential;
    }
    free(credential);
    return NULL;
}

/* What libvncclient says goes to standard error; the last line explains a failure. */
static char last_said[256];

static void on_log(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_vsnprintf(last_said, sizeof(last_said), format, arguments);
    va_end(arguments);
    g_strchomp(last_said);
    g_printerr("%s\n", last_said);
}

/* The list of encodings: what pixels come in by preference, then what else this client understands.
 */
static gboolean send_encodings(View *view)
{
    static const struct {
        const char *name;
        gint32 number;
    } known[] = {
        {"raw", rfbEncodingRaw},         {"copyrect", rfbEncodingCopyRect},
        {"hextile", rfbEncodingHextile}, {"zlib", rfbEncodingZlib},
        {"tight", rfbEncodingTight},     {"zrle", rfbEncodingZRLE},
    };
    static const gint32 others[] = {
        (gint32)rfbEncodingRichCursor,
        (gint32)rfbEncodingNewFBSize,
        (gint32)rfbEncodingLastRect,
        (gint32)rfbEncodingQemuExtendedKeyEvent,
        ENCODING_LED_STATE,
        ENCODING_DESKTOP_NAME,
    };
    struct {
        rfbSetEncodingsMsg head;
        guint32 numbers[32];
    } __attribute__((packed)) message = {.head.type = rfbSetEncodings};
    g_auto(GStrv) names = g_strsplit(view->options.encodings, " ", 16);
    guint16 n = 0;
    for (char **name = names; *name; name++) {
        for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
            if (strcmp(known[i].name, *name) == 0)
                message.numbers[n++] = htonl((guint32)known[i].number);
        }
    }
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        message.numbers[n++] = htonl((guint32)others[i]);
    if (view->options.lossy)
        message.numbers[n++] = htonl(rfbEncodingQualityLevel0 + 7);
    message.head.nEncodings = htons(n);
    return WriteToRFBServer(view->client, (char *)&message,
                            (unsigned int)(sizeof(message.head) + (gsize)n * 4));
}

static guint64 bytes_received(View *view)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);
    getsockopt(view->client->sock, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_bytes_received;
}

/* Whether the server has sent something. WaitForMessage() asks the socket; what came along with an
 * earlier message is in the client already, and no more may come for a long time. */
static int await_message(rfbClient *client)
{
    return client->buffered > 0 ? 1 : WaitForMessage(client, 200000);
}

static gpointer reader(gpointer data)
{
    View *view = data;
    while (!g_atomic_int_get(&view->closing)) {
        int ready = await_message(view->client);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        g_mutex_lock(&view->lock);
        gboolean good = ready > 0 && HandleRFBServerMessage(view->client);
        g_mutex_unlock(&view->lock);
        if (good)
            continue;
        if (!g_atomic_int_get(&view->closing))
            say(view, SAY_LOST, 0, 0, g_strdup(last_said));
        return NULL;
    }
    return NULL;
}

static void register_encodings(void)
{
    static int encodings[] = {ENCODING_LED_STATE, ENCODING_DESKTOP_NAME, 0};
    static rfbClientProtocolExtension extension = {
        .encodings = encodings,
        .handleEncoding = on_other_encoding,
    };
    static gboolean done;
    if (!done)
        rfbClientRegisterExtension(&extension);
    done = TRUE;
}

View *view_connect(const ViewOptions *options, const ViewEvents *events, gpointer data,
                   GError **error)
{
    rfbClientLog = on_log;
    rfbClientErr = on_log;
    register_encodings();

    View *view = g_new0(View, 1);
    view->options = *options;
    view->events = *events;
    view->data = data;
    view->last_change = g_get_monotonic_time();
    g_mutex_init(&view->lock);
    view->spots = g_array_new(FALSE, FALSE, sizeof(ViewSpot));
    view->at_spot = g_ptr_array_new_with_free_func(g_free);

    rfbClient *client = rfbGetClient(8, 3, 4);
    rfbClientSetClientData(client, (void *)&tag, view);
    free(client->serverHost);
    client->serverHost = strdup(options->host);
    client->serverPort = options->port;
    client->canHandleNewFBSize = TRUE;
    client->appData.encodingsString = options->encodings;
    client->appData.enableJPEG = options->lossy ? TRUE : FALSE;
    client->appData.useRemoteCursor = TRUE;
    client->MallocFrameBuffer = on_size;
    client->GotFrameBufferUpdate = on_rectangle;
    client->FinishedFrameBufferUpdate = on_update_finished;
    client->GotXCutText = on_cut_text;
    client->GetPassword = on_password;
    client->GetCredential = on_credential;
    /* Red, green and blue as the bytes of a PPM file stand, so that a picture is only copied out.
     */
    client->format.redShift = 0;
    client->format.greenShift = 8;
    client->format.blueShift = 16;
    view->client = client;
    if (!rfbInitClient(client, NULL, NULL)) {
        /* rfbInitClient() has freed the client. */
        view->client = NULL;
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s", last_said);
        view_close(view);
        return NULL;
    }
    if (!send_encodings(view)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s", last_said);
        view_close(view);
        return NULL;
    }
    view->reader = g_thread_new("reader", reader, view);
    return view;
}

void view_close(View *view)
{
    if (!view)
        return;
    g_atomic_int_set(&view->closing, 1);
    if (view->reader) {
        /* A reader in the middle of a message ends with the connection, not with the rest of it. */
        shutdown(view->client->sock, SHUT_RDWR);
        g_thread_join(view->reader);
    }
    if (view->client) {
        g_clear_pointer(&view->client->frameBuffer, g_free);
        rfbClientCleanup(view->client);
    }
    g_mutex_clear(&view->lock);
    g_array_unref(view->spots);
    g_ptr_array_unref(view->at_spot);
    g_free(view->seen);
    g_free(view);
}

gboolean view_key(View *view, const KeyEvent *event)
{
    rfbBool down = event->down ? TRUE : FALSE;
    if (view->options.extended && event->number &&
        SupportsClient2Server(view->client, rfbQemuEvent))
        return SendExtendedKeyEvent(view->client, event->keysym, event->number, down);
    return SendKeyEvent(view->client, event->keysym, down);
}

gboolean view_pointer(View *view, int x, int y, int buttons)
{
    return SendPointerEvent(view->client, x, y, buttons);
}

gboolean view_cut_text(View *view, const char *text)
{
    return SendClientCutText(view->client, (char *)text, (int)strlen(text));
}

gboolean view_refresh(View *view)
{
    int width;
    int height;
    view_size(view, &width, &height);
    return SendFramebufferUpdateRequest(view->client, 0, 0, width, height, FALSE);
}

const char *view_name(View *view)
{
    return view->client->desktopName;
}

void view_size(View *view, int *width, int *height)
{
    g_mutex_lock(&view->lock);
    *width = view->width;
    *height = view->height;
    g_mutex_unlock(&view->lock);
}

int view_local_port(View *view)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    getsockname(view->client->sock, (struct sockaddr *)&address, &size);
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

gboolean view_takes_extended_keys(View *view)
{
    return SupportsClient2Server(view->client, rfbQemuEvent);
}

GBytes *view_snapshot(View *view)
{
    g_mutex_lock(&view->lock);
    GByteArray *file = g_byte_array_new();
    g_autofree char *head = g_strdup_printf("P6\n%d %d\n255\n", view->width, view->height);
    gsize pixels = (gsize)view->width * (gsize)view->height;
    gsize at = strlen(head);
    g_byte_array_append(file, (const guint8 *)head, (guint)at);
    g_byte_array_set_size(file, (guint)(at + pixels * 3));
    for (gsize i = 0; i < pixels; i++)
        memcpy(file->data + at + i * 3, view->client->frameBuffer + i * 4, 3);
    g_mutex_unlock(&view->lock);
    return g_byte_array_free_to_bytes(file);
}

gboolean view_has_picture(View *view)
{
    g_mutex_lock(&view->lock);
    gboolean has_picture = view->has_picture;
    g_mutex_unlock(&view->lock);
    return has_picture;
}

void view_watch(View *view, const ViewSpot *spots, guint n)
{
    g_mutex_lock(&view->lock);
    g_array_set_size(view->spots, 0);
    g_ptr_array_set_size(view->at_spot, 0);
    for (guint i = 0; i < n; i++) {
        ViewSpot spot = spots[i];
        spot.first = 0;
        spot.last = 0;
        spot.changes = 0;
        if (spot.x < 0 || spot.y < 0 || spot.x + spot.width > view->width ||
            spot.y + spot.height > view->height)
            spot.width = spot.height = 0;
        g_array_append_val(view->spots, spot);
        g_ptr_array_add(view->at_spot, g_malloc0((gsize)spot.width * (gsize)spot.height * 4));
        spot_differs(view, &spot, g_ptr_array_index(view->at_spot, i));
    }
    g_mutex_unlock(&view->lock);
}

void view_spots(View *view, ViewSpot *spots)
{
    g_mutex_lock(&view->lock);
    memcpy(spots, view->spots->data, view->spots->len * sizeof(ViewSpot));
    g_mutex_unlock(&view->lock);
}

void view_statistics(View *view, gboolean reset, ViewStatistics *statistics)
{
    gint64 now = g_get_monotonic_time();
    g_mutex_lock(&view->lock);
    *statistics = view->statistics;
    statistics->bytes = bytes_received(view) - view->bytes_before;
    statistics->longest_gap = MAX(statistics->longest_gap, now - view->last_change);
    if (reset) {
        view->statistics = (ViewStatistics){0};
        view->bytes_before += statistics->bytes;
        view->last_change = now;
    }
    g_mutex_unlock(&view->lock);
}
