/* SPDX-License-Identifier: GPL-2.0-or-later */
/* console.c - the RFB server: the user VM's screen out, keys and pointer in */
#include "domr/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <neatvnc.h>

#include "domr/log.h"
#include "domr/pacer.h"
#include "domr/picture.h"
#include "domr/visitors.h"

/* Guessing: ten wrong passwords at once, then one attempt in two seconds. Right passwords wait as
 * well while somebody guesses; the server does not tell who asks. */
#define GUESS_PERIOD 2000000 /* µs */
#define GUESS_BURST 10

struct console {
    struct nvnc *server;
    const struct region *region;
    struct input *input;
    struct picture *picture;
    const struct console_events *events;
    void *data;

    const char *desktop_name;
    const char *password;
    struct pacer guesses;
    struct visitors visitors;
    uint32_t user_vm; /* enum region_user_vm, as the name says it */
    uint8_t leds;     /* enum keyboard_led */
};

static void on_log(const struct nvnc_log_data *meta, const char *message)
{
    switch (meta->level) {
    case NVNC_LOG_PANIC:
        log_error("the RFB server cannot go on: %s", message);
        abort();
    case NVNC_LOG_ERROR:
        log_error("RFB server: %s", message);
        break;
    case NVNC_LOG_WARNING:
        log_warning("RFB server: %s", message);
        break;
    default:
        log_info("%s", message);
        break;
    }
}

static struct console *console_of(const struct nvnc_client *client)
{
    return nvnc_get_userdata(nvnc_client_get_server(client));
}

static void on_code(struct nvnc_client *client, uint32_t code, bool pressed)
{
    struct console *console = console_of(client);

    if (!visitor_keys(client))
        return;
    input_code(console->input, visitor_keys(client), code, pressed);
    console->events->input(console->data);
}

static void on_keysym(struct nvnc_client *client, uint32_t keysym, bool pressed)
{
    struct console *console = console_of(client);

    if (!visitor_keys(client))
        return;
    input_keysym(console->input, visitor_keys(client), keysym, pressed);
    console->events->input(console->data);
}

static void on_pointer(struct nvnc_client *client, uint16_t x, uint16_t y,
                       enum nvnc_button_mask buttons)
{
    struct console *console = console_of(client);
    struct screen_geometry size = picture_size(console->picture);

    if (!visitor_keys(client))
        return;
    input_pointer(console->input, visitor_keys(client), x, y, (uint8_t)buttons, size.width,
                  size.height);
    console->events->input(console->data);
}

static void on_client_gone(struct nvnc_client *client)
{
    struct console *console = console_of(client);

    if (visitor_keys(client))
        input_remove_client(console->input, visitor_keys(client));
    visitors_leave(&console->visitors, client);
    console->events->clients(console->visitors.count, console->data);
    console->events->input(console->data);
}

static void tell_leds(const struct console *console, struct nvnc_client *client)
{
    unsigned bits = 0;

    if (console->leds & KEYBOARD_LED_NUM)
        bits |= NVNC_KEYBOARD_LED_NUM_LOCK;
    if (console->leds & KEYBOARD_LED_CAPS)
        bits |= NVNC_KEYBOARD_LED_CAPS_LOCK;
    if (console->leds & KEYBOARD_LED_SCROLL)
        bits |= NVNC_KEYBOARD_LED_SCROLL_LOCK;
    /* The type is an enum, and yet a set of its bits is meant.
     * NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange) */
    nvnc_client_set_led_state(client, bits);
}

static void on_client(struct nvnc_client *client)
{
    struct console *console = console_of(client);
    struct input_client *keys = input_add_client(console->input);

    if (!keys || visitors_enter(&console->visitors, client, keys, on_client_gone) < 0) {
        log_error("no memory for a client");
        if (keys)
            input_remove_client(console->input, keys);
        nvnc_client_close(client);
        return;
    }
    tell_leds(console, client);
    console->events->clients(console->visitors.count, console->data);
}

static const char *on_admit(struct nvnc *server)
{
    const struct console *console = nvnc_get_userdata(server);

    return visitors_admit(&console->visitors);
}

/* Takes a time that does not depend on where the texts differ. */
static bool same(const char *one, const char *other)
{
    size_t length = strlen(one);
    size_t other_length = strlen(other);
    unsigned char difference = length != other_length;

    for (size_t i = 0; i < other_length; i++)
        difference |= (unsigned char)(one[i < length ? i : 0] ^ other[i]);
    return difference == 0;
}

static bool on_auth(const char *user, const char *password, void *data)
{
    struct console *console = data;
    uint64_t now = pacer_now();

    if (now < pacer_next(&console->guesses)) {
        log_warning("a login was refused unseen, because too many failed before");
        return false;
    }
    if (same(console->password, password))
        return true;
    pacer_take(&console->guesses, now);
    log_warning("a login failed: wrong password");
    return false;
}

/* neatvnc takes keys from files only. Domain R's /tmp is memory; nobody else is there. */
static int write_key(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t length = strlen(text);
    bool written;

    if (fd < 0) {
        log_error("cannot write %s: %s", path, strerror(errno));
        return -EIO;
    }
    written = write(fd, text, length) == (ssize_t)length;
    close(fd);
    if (!written)
        log_error("cannot write all of %s", path);
    return written ? 0 : -EIO;
}

static int load_keys(struct nvnc *server, const struct settings *settings, const char *directory)
{
    char key[64];
    char certificate[64];
    int status = 0;

    snprintf(key, sizeof(key), "%s/key", directory);
    snprintf(certificate, sizeof(certificate), "%s/certificate", directory);
    if (settings->tls_key) {
        if (write_key(key, settings->tls_key) < 0 ||
            write_key(certificate, settings->tls_certificate) < 0)
            status = -EIO;
        else if (nvnc_set_tls_creds(server, key, certificate) < 0) {
            log_error("the TLS key and certificate in the settings cannot be used");
            status = -EINVAL;
        }
    }
    if (status == 0 && settings->rsa_key) {
        if (write_key(key, settings->rsa_key) < 0)
            status = -EIO;
        else if (nvnc_set_rsa_creds(server, key) < 0) {
            log_error("the RSA key in the settings cannot be used; it has to be PKCS#1 in PEM");
            status = -EINVAL;
        }
    }
    unlink(key);
    unlink(certificate);
    return status;
}

static int require_password(struct console *console, const struct settings *settings)
{
    char directory[] = "/tmp/domr-XXXXXX";
    int status;

    if (!mkdtemp(directory)) {
        log_error("cannot make a directory in /tmp: %s", strerror(errno));
        return -EIO;
    }
    status = load_keys(console->server, settings, directory);
    rmdir(directory);
    if (status < 0)
        return status;
    console->password = settings->password;
    return nvnc_enable_auth(console->server, NVNC_AUTH_REQUIRE_AUTH | NVNC_AUTH_REQUIRE_ENCRYPTION,
                            on_auth, console);
}

/* The name that viewers show in their title; those that understand RFB's pseudo-encoding
 * DesktopName hear of a change, the others see it when they connect. The picture stays what the
 * user VM's was. */
static void take_notice(struct console *console)
{
    static const char *const states[] = {
        [REGION_USER_VM_RUNNING] = "",
        [REGION_USER_VM_PAUSED] = " (paused)",
        [REGION_USER_VM_OFF] = " (powered off)",
        [REGION_USER_VM_CRASHED] = " (crashed)",
    };
    uint32_t user_vm = atomic_load(&region_notice(console->region)->user_vm);
    char name[256];

    if (user_vm == console->user_vm)
        return;
    console->user_vm = user_vm;
    snprintf(name, sizeof(name), "%s%s", console->desktop_name,
             user_vm < sizeof(states) / sizeof(states[0]) ? states[user_vm] : "");
    nvnc_set_name(console->server, name);
}

void console_look(struct console *console)
{
    picture_look(console->picture);
    console->visitors.size = picture_size(console->picture);
    take_notice(console);
}

struct console *console_open(int fd, const struct region *region, const struct settings *settings,
                             struct input *input, const struct console_events *events, void *data)
{
    struct console *console = calloc(1, sizeof(*console));

    nvnc_set_log_level(NVNC_LOG_INFO);
    nvnc_set_log_fn(on_log);
    if (console)
        console->server = nvnc_open_from_fd(fd);
    if (!console || !console->server) {
        log_error("cannot start the RFB server: %s", strerror(errno));
        free(console);
        return NULL;
    }
    console->region = region;
    console->input = input;
    console->events = events;
    console->data = data;
    console->visitors.memory = region_status(region)->memory_free;
    console->desktop_name = settings->desktop_name;
    console->user_vm = UINT32_MAX;
    console->guesses = (struct pacer){.period = GUESS_PERIOD, .burst = GUESS_BURST};

    nvnc_set_userdata(console->server, console, NULL);
    nvnc_set_key_code_fn(console->server, on_code);
    nvnc_set_key_fn(console->server, on_keysym);
    nvnc_set_pointer_fn(console->server, on_pointer);
    nvnc_set_new_client_fn(console->server, on_client);
    nvnc_set_admit_fn(console->server, on_admit);
    console->picture = picture_new(console->server, region);
    if (!console->picture)
        log_error("no memory for the picture of the screen");
    if (!console->picture ||
        (settings->auth == SETTING_AUTH_PASSWORD && require_password(console, settings) < 0)) {
        console_close(console);
        return NULL;
    }
    take_notice(console);
    return console;
}

void console_watch(struct console *console)
{
    visitors_watch(&console->visitors, console->server);
}

void console_close(struct console *console)
{
    nvnc_close(console->server);
    if (console->picture)
        picture_free(console->picture);
    free(console);
}

void console_set_leds(struct console *console, uint8_t leds)
{
    console->leds = leds;
    for (struct nvnc_client *client = nvnc_client_first(console->server); client;
         client = nvnc_client_next(client))
        tell_leds(console, client);
}
