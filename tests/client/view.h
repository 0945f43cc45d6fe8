/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view.h - a connection to a VNC server and the picture that has come through it
 *
 * A thread of its own reads from the server, so that what the client sends never waits for a server
 * that is silent in the middle of an update. All functions are for the main thread; the callbacks
 * come in the main context.
 */
#ifndef DMORE_TESTS_CLIENT_VIEW_H
#define DMORE_TESTS_CLIENT_VIEW_H

#include "keys.h"

typedef struct View View;

typedef struct {
    const char *host;
    int port;
    const char *encodings; /* names, by preference: "tight zrle raw" */
    const char *user;      /* (nullable) */
    const char *password;  /* (nullable): none to give */
    const char
        *authority;    /* (nullable): PEM file with what the server's certificate is checked by */
    gboolean lossy;    /* accept JPEG */
    gboolean extended; /* send physical keys with keysyms when the server takes them */
} ViewOptions;

typedef struct {
    /* The picture has changed; @now in us (monotonic clock), when the update had been read. */
    void (*changed)(gint64 now, gpointer data);
    void (*resized)(int width, int height, gpointer data);
    void (*leds)(int state, gpointer data); /* bit 0 Scroll, 1 Num, 2 Caps */
    void (*named)(const char *name, gpointer data);
    void (*cut_text)(const char *text, gpointer data);
    void (*lost)(const char *why, gpointer data); /* once, and the last one */
} ViewEvents;

typedef struct {
    guint64 updates;    /* framebuffer updates */
    guint64 changes;    /* updates that changed a pixel */
    guint64 bytes;      /* received on the wire */
    gint64 longest_gap; /* us between two changes, the time since the last one included */
} ViewStatistics;

/* A place on the screen that is watched. */
typedef struct {
    int x, y, width, height;
    gint64 first;  /* us, monotonic: when the first update that changed it had been read; 0: none */
    gint64 last;   /* likewise */
    guint changes; /* updates that changed it */
} ViewSpot;

/* view_connect() - connect, authenticate, ask for the first picture; blocks
 * Return: NULL with what libvncclient said last.
 */
View *view_connect(const ViewOptions *options, const ViewEvents *events, gpointer data,
                   GError **error);

/* view_close() - end the connection */
void view_close(View *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(View, view_close)

/* The sending functions return FALSE when the connection is broken. */
gboolean view_key(View *view, const KeyEvent *event);
gboolean view_pointer(View *view, int x, int y, int buttons);
gboolean view_cut_text(View *view, const char *text);

/* view_refresh() - ask for all of the picture again */
gboolean view_refresh(View *view);

const char *view_name(View *view);
void view_size(View *view, int *width, int *height);
int view_local_port(View *view);
gboolean view_takes_extended_keys(View *view);

/* view_snapshot() - the picture between two updates as a binary PPM file */
GBytes *view_snapshot(View *view);

/* view_has_picture() - whether pixels have come since the connection or the last change of size */
gboolean view_has_picture(View *view);

/* view_watch() - watch these places from now on, and no others
 *
 * Each update is compared with the one before at these places. One that is not in the picture never
 * changes. A new size of the picture ends the watch.
 */
void view_watch(View *view, const ViewSpot *spots, guint n);

/* view_spots() - what has been seen at the watched places, in their order
 * @spots: receives as many as are watched; unchanged after the end of the watch
 */
void view_spots(View *view, ViewSpot *spots);

/* view_statistics() - since the connection, or since they were last reset */
void view_statistics(View *view, gboolean reset, ViewStatistics *statistics);

#endif
