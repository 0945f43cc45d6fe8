/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve.c - the console with all its parts, in one main loop
 *
 * Theory of operation
 *
 * Whatever happens - a kick, a client's message, the time a paced report was waiting for - ends in
 * look(): move what can be moved, and kick the host if bytes were. Looking is idempotent and cheap
 * when there is nothing to do, so nobody keeps track of what a kick was about. A kick that was
 * lost costs at most a second, because the clock looks too.
 */
#include "domr/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include <aml.h>

#include "domr/console.h"
#include "domr/kick.h"
#include "domr/listen.h"
#include "domr/log.h"
#include "domr/status.h"

#define SECOND 1000000 /* µs */

struct serve {
    const struct serve_options *options;
    struct region_status *status;
    struct kick *kick;
    struct console *console;
    int fd; /* of the listening socket; the console's */
    struct input input;
    struct keyboard keyboard;
    struct pointer pointer;
    struct aml_timer *timer;   /* for reports that wait for their time */
    struct aml_ticker *ticker; /* once a second */
    struct aml_signal *signals[3];
    size_t n_signals;
};

static void run_devices(struct serve *serve)
{
    bool moved = false;
    uint64_t now = pacer_now();
    uint64_t keyboard = keyboard_run(&serve->keyboard, now, &moved);
    uint64_t pointer = pointer_run(&serve->pointer, now, &moved);
    uint64_t again = keyboard < pointer ? keyboard : pointer;

    if (moved)
        kick_send(serve->kick);
    aml_stop(aml_get_default(), serve->timer);
    if (again != UINT64_MAX) {
        aml_set_duration(serve->timer, again > now ? again - now : 0);
        aml_start(aml_get_default(), serve->timer);
    }
}

static void on_input(void *data)
{
    run_devices(data);
}

static void on_timer(void *timer)
{
    run_devices(aml_get_userdata(timer));
}

static void look(void *data)
{
    struct serve *serve = data;

    run_devices(serve);
    console_look(serve->console);
}

static void on_second(void *ticker)
{
    struct serve *serve = aml_get_userdata(ticker);

    status_set_memory(serve->options->region);
    atomic_fetch_add(&serve->status->heartbeat, 1);
    look(serve);
    console_watch(serve->console);
    if (serve->options->watch_children)
        serve->options->watch_children();
    if (status_set_address(serve->options->region, serve->fd))
        kick_send(serve->kick);
}

static void on_leds(uint8_t leds, void *data)
{
    struct serve *serve = data;

    atomic_store(&serve->status->leds, leds);
    console_set_leds(serve->console, leds);
    kick_send(serve->kick);
}

static void on_clients(unsigned count, void *data)
{
    struct serve *serve = data;

    atomic_store(&serve->status->clients, count);
    kick_send(serve->kick);
}

static void on_child(void *signal)
{
    struct serve *serve = aml_get_userdata(signal);

    if (serve->options->watch_children)
        serve->options->watch_children();
}

static void on_end(void *signal)
{
    aml_exit(aml_get_default());
}

static const struct console_events console_events = {.input = on_input, .clients = on_clients};

static int watch_signal(struct serve *serve, int number, aml_callback_fn callback)
{
    struct aml_signal *handler = aml_signal_new(number, callback, serve, NULL);

    if (!handler)
        return -ENOMEM;
    serve->signals[serve->n_signals++] = handler;
    return aml_start(aml_get_default(), handler) < 0 ? -ENOMEM : 0;
}

static int open_parts(struct serve *serve)
{
    const struct serve_options *options = serve->options;

    serve->timer = aml_timer_new(SECOND, on_timer, serve, NULL);
    serve->ticker = aml_ticker_new(SECOND, on_second, serve, NULL);
    serve->kick = kick_open(options->kick, look, serve);
    if (!serve->timer || !serve->ticker || !serve->kick ||
        watch_signal(serve, SIGTERM, on_end) < 0 || watch_signal(serve, SIGINT, on_end) < 0 ||
        watch_signal(serve, SIGCHLD, on_child) < 0 ||
        keyboard_open(&serve->keyboard, options->region, on_leds, serve) < 0 ||
        pointer_open(&serve->pointer, options->region) < 0) {
        log_error("no memory for the main loop and the devices");
        return -ENOMEM;
    }
    input_init(&serve->input, &serve->keyboard, &serve->pointer, options->settings->keys,
               options->settings->n_keys);

    serve->fd = listen_open(options->listen, options->settings->port);
    if (serve->fd < 0)
        return serve->fd;
    status_set_memory(options->region); /* the console takes it for what clients may use */
    serve->console = console_open(serve->fd, options->region, options->settings, &serve->input,
                                  &console_events, serve);
    return serve->console ? 0 : -EIO;
}

static void close_parts(struct serve *serve)
{
    struct aml *aml = aml_get_default();

    if (serve->console)
        console_close(serve->console);
    if (serve->pointer.hid.parser)
        pointer_close(&serve->pointer);
    if (serve->keyboard.hid.parser)
        keyboard_close(&serve->keyboard);
    for (size_t i = 0; i < serve->n_signals; i++) {
        aml_stop(aml, serve->signals[i]);
        aml_unref(serve->signals[i]);
    }
    if (serve->kick)
        kick_close(serve->kick);
    if (serve->ticker) {
        aml_stop(aml, serve->ticker);
        aml_unref(serve->ticker);
    }
    if (serve->timer) {
        aml_stop(aml, serve->timer);
        aml_unref(serve->timer);
    }
    free(serve);
}

int serve(const struct serve_options *options)
{
    struct serve *serve = calloc(1, sizeof(*serve));
    int status;

    if (!serve) {
        log_error("no memory to serve a console");
        return -ENOMEM;
    }
    serve->options = options;
    serve->status = region_status(options->region);
    signal(SIGPIPE, SIG_IGN);
    status = open_parts(serve);
    if (status == 0) {
        status_set_address(options->region, serve->fd);
        status_set_state(options->region, REGION_STATE_READY, "");
        aml_start(aml_get_default(), serve->ticker);
        log_info("domr %s serves the console on %s", DMORE_VERSION, serve->status->address);
        look(serve);
        aml_run(aml_get_default());
    }
    close_parts(serve);
    return status;
}
