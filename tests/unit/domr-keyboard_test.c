/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domr-keyboard_test.c - the keyboard: its reports, its queue, and the USB dialogue with a guest
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/input-event-codes.h>

#include "domr-guest.h"
#include "domr/keyboard.h"

#define A hid_usage(KEY_A)
#define SHIFT hid_usage(KEY_LEFTSHIFT)

struct bench {
    struct guest guest;
    struct keyboard keyboard;
    uint64_t now;
    int led_changes;
    uint8_t leds;
};

static void on_leds(uint8_t leds, void *data)
{
    struct bench *bench = data;

    bench->led_changes++;
    bench->leds = leds;
}

/* Let both sides talk until nobody has anything to say at this time. */
static uint64_t talk(struct bench *bench)
{
    uint64_t again;
    bool moved;

    do {
        moved = false;
        again = keyboard_run(&bench->keyboard, bench->now, &moved);
        guest_run(&bench->guest);
    } while (moved);
    return again;
}

static uint64_t listen_and_settle(struct bench *bench)
{
    guest_listen(&bench->guest);
    talk(bench);
    bench->now += SETTLED;
    return talk(bench);
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    bench->now = 1000000;
    guest_open(&bench->guest, REGION_STREAM_KEYBOARD);
    assert_int_equal(keyboard_open(&bench->keyboard, &bench->guest.region, on_leds, bench), 0);
    talk(bench);
    *state = bench;
    return 0;
}

static int setup_listening(void **state)
{
    struct bench *bench;

    setup(state);
    bench = *state;
    guest_configure(&bench->guest, 1);
    listen_and_settle(bench);
    bench->guest.n_reports = 0; /* the first tells that no key is down */
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    keyboard_close(&bench->keyboard);
    guest_close(&bench->guest);
    free(bench);
    return 0;
}

static void press(struct bench *bench, uint32_t code)
{
    keyboard_key(&bench->keyboard, hid_usage(code), true);
}

static void release(struct bench *bench, uint32_t code)
{
    keyboard_key(&bench->keyboard, hid_usage(code), false);
}

static void expect_report(const struct bench *bench, size_t index, const uint8_t expected[8])
{
    assert_true(index < bench->guest.n_reports);
    assert_memory_equal(bench->guest.reports[index], expected, 8);
}

/* Reports */

static void report_has_modifiers_and_keys_in_order(void **state)
{
    struct key_state keys = {0};
    uint8_t report[8];
    const uint8_t both[8] = {0x02 | 0x40, 0, 0x05, 0x04};
    const uint8_t one[8] = {0x40, 0, 0x04};

    key_state_set(&keys, SHIFT, true);
    key_state_set(&keys, hid_usage(KEY_RIGHTALT), true);
    key_state_set(&keys, hid_usage(KEY_B), true);
    key_state_set(&keys, A, true);
    key_state_report(&keys, report);
    assert_memory_equal(report, both, 8);

    key_state_set(&keys, hid_usage(KEY_B), false);
    key_state_set(&keys, SHIFT, false);
    key_state_report(&keys, report);
    assert_memory_equal(report, one, 8);
}

static void seventh_key_is_roll_over_until_one_is_released(void **state)
{
    struct key_state keys = {0};
    uint8_t report[8];
    const uint8_t six[8] = {0, 0, 4, 5, 6, 7, 8, 9};
    const uint8_t seven[8] = {0x02, 0, 1, 1, 1, 1, 1, 1};
    const uint8_t without_first[8] = {0x02, 0, 5, 6, 7, 8, 9, 10};

    for (uint8_t usage = 4; usage < 10; usage++)
        key_state_set(&keys, usage, true);
    key_state_report(&keys, report);
    assert_memory_equal(report, six, 8);
    key_state_set(&keys, 10, true);
    key_state_set(&keys, SHIFT, true);
    key_state_report(&keys, report);
    assert_memory_equal(report, seven, 8);
    key_state_set(&keys, 4, false);
    key_state_report(&keys, report);
    assert_memory_equal(report, without_first, 8);
}

static void all_keys_may_be_down(void **state)
{
    struct key_state keys = {0};
    uint8_t report[8];
    const uint8_t none[8] = {0};

    for (unsigned usage = 1; usage < HID_USAGES; usage++)
        key_state_set(&keys, (uint8_t)usage, true);
    for (unsigned usage = 1; usage < HID_USAGES; usage++)
        key_state_set(&keys, (uint8_t)usage, true);
    for (unsigned usage = 1; usage < HID_USAGES; usage++)
        key_state_set(&keys, (uint8_t)usage, false);
    key_state_report(&keys, report);
    assert_memory_equal(report, none, 8);
    assert_int_equal(keys.n_keys, 0);
}

/* Every usage is found from one code only, or two codes would be one key. */
static void usages_are_unique(void **state)
{
    uint32_t code_of[HID_USAGES] = {0};

    for (uint32_t code = 1; code < KEY_CNT; code++) {
        uint8_t usage = hid_usage(code);

        if (usage != 0) {
            assert_int_equal(code_of[usage], 0);
            code_of[usage] = code;
        }
    }
    assert_int_equal(hid_usage(KEY_RO), 0x87);
    assert_int_equal(hid_usage(KEY_F24), 0x73);
    assert_int_equal(hid_usage(KEY_PAUSE), 0x48);
    assert_int_equal(hid_usage(UINT32_MAX), 0);
    assert_int_equal(hid_usage(0), 0);
}

/* The dialogue */

static void device_is_plugged_in_once_both_have_said_hello(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(bench->guest.connected, 1);
    assert_int_equal(bench->guest.connect.speed, usb_redir_speed_full);
    assert_int_equal(bench->guest.endpoints.type[17], usb_redir_type_interrupt);
    assert_int_equal(bench->guest.endpoints.interval[17], 1);
    assert_int_equal(bench->guest.n_reports, 0);
}

static void descriptors_agree_with_each_other(void **state)
{
    struct bench *bench = *state;
    const uint8_t *configuration = bench->guest.answer_bytes;
    uint16_t report_length;

    guest_ask(&bench->guest, 0x80, 6, 0x0100, 64);
    talk(bench);
    assert_int_equal(bench->guest.answer.status, usb_redir_success);
    assert_int_equal(bench->guest.answer.length, 18);

    guest_ask(&bench->guest, 0x80, 6, 0x0200, 9); /* as hosts do, the head first */
    talk(bench);
    assert_int_equal(bench->guest.answer.length, 9);
    guest_ask(&bench->guest, 0x80, 6, 0x0200, configuration[2]);
    talk(bench);
    assert_int_equal(bench->guest.answer.length, 9 + 9 + 9 + 7);
    assert_int_equal(configuration[9 + 5], 3); /* HID, boot, keyboard */
    assert_int_equal(configuration[9 + 6], 1);
    assert_int_equal(configuration[9 + 7], 1);
    report_length = (uint16_t)(configuration[18 + 7] | configuration[18 + 8] << 8);

    guest_ask(&bench->guest, 0x81, 6, 0x2200, 255);
    talk(bench);
    assert_int_equal(bench->guest.answer.length, report_length);

    guest_ask(&bench->guest, 0x80, 6, 0x0600, 10); /* a device qualifier, which it has not */
    talk(bench);
    assert_int_equal(bench->guest.answer.status, usb_redir_stall);
    assert_int_equal(bench->guest.answers, 5);
}

static void settings_are_kept_and_told(void **state)
{
    struct bench *bench = *state;

    guest_tell(&bench->guest, 0x21, 0x0b, 0, NULL, 0);      /* SET_PROTOCOL: boot */
    guest_tell(&bench->guest, 0x21, 0x0a, 0x7d00, NULL, 0); /* SET_IDLE: 500 ms */
    guest_ask(&bench->guest, 0xa1, 0x03, 0, 1);
    talk(bench);
    assert_int_equal(bench->guest.answer_bytes[0], 0);
    guest_ask(&bench->guest, 0xa1, 0x02, 0, 1);
    talk(bench);
    assert_int_equal(bench->guest.answer_bytes[0], 0x7d);

    guest_reset(&bench->guest);
    guest_ask(&bench->guest, 0xa1, 0x03, 0, 1);
    talk(bench);
    assert_int_equal(bench->guest.answer_bytes[0], 1);
}

static void unknown_configuration_is_refused(void **state)
{
    struct bench *bench = *state;

    guest_configure(&bench->guest, 7);
    talk(bench);
    assert_int_equal(bench->guest.configuration_status, usb_redir_stall);
    assert_int_equal(bench->guest.configuration, 0);
    guest_configure(&bench->guest, 1);
    talk(bench);
    assert_int_equal(bench->guest.configuration_status, usb_redir_success);
    assert_int_equal(bench->guest.configuration, 1);
}

static void led_report_is_passed_on_and_reset_clears_it(void **state)
{
    struct bench *bench = *state;
    uint8_t leds = 0xff;

    guest_tell(&bench->guest, 0x21, 0x09, 0x0200, &leds, 1);
    talk(bench);
    assert_int_equal(bench->leds, KEYBOARD_LED_NUM | KEYBOARD_LED_CAPS | KEYBOARD_LED_SCROLL);
    guest_tell(&bench->guest, 0x21, 0x09, 0x0200, &leds, 1);
    talk(bench);
    assert_int_equal(bench->led_changes, 1);
    guest_tell(&bench->guest, 0x21, 0x09, 0x0200, NULL, 0);
    talk(bench);
    assert_int_equal(bench->led_changes, 1);
    guest_reset(&bench->guest);
    talk(bench);
    assert_int_equal(bench->leds, 0);
}

static void keys_before_the_guest_listens_are_held(void **state)
{
    struct bench *bench = *state;
    const uint8_t none[8] = {0};
    const uint8_t a[8] = {0, 0, 4};

    press(bench, KEY_A);
    release(bench, KEY_A);
    talk(bench);
    assert_int_equal(bench->guest.n_reports, 0);
    guest_configure(&bench->guest, 1);
    guest_listen(&bench->guest);
    assert_int_equal(talk(bench), bench->now + SETTLED);
    assert_int_equal(bench->guest.receiving_status, usb_redir_success);
    assert_int_equal(bench->guest.n_reports, 1);
    bench->now += SETTLED;
    talk(bench);
    assert_int_equal(bench->guest.n_reports, 3); /* the state as it was, press, release */
    expect_report(bench, 0, none);
    expect_report(bench, 1, a);
    expect_report(bench, 2, none);
}

/* The guest takes so many µs from configuring the keyboard to listening; a key is waiting. */
static void listen_slowly(struct bench *bench, uint64_t taken)
{
    guest_configure(&bench->guest, 1);
    talk(bench);
    press(bench, KEY_A);
    bench->now += taken;
    guest_listen(&bench->guest);
}

/* What slows the guest down when it sets the keyboard up slows it down afterwards, too. */
static void slow_guest_is_given_as_long_again(void **state)
{
    struct bench *bench = *state;

    listen_slowly(bench, 1200000);
    assert_int_equal(talk(bench), bench->now + 1200000);
    bench->now += 1199999;
    talk(bench);
    assert_int_equal(bench->guest.n_reports, 1);
    bench->now++;
    talk(bench);
    assert_int_equal(bench->guest.n_reports, 2);

    /* Also when it listens anew, be it much later. */
    guest_stop_listening(&bench->guest);
    talk(bench);
    bench->now += 60000000;
    guest_listen(&bench->guest);
    release(bench, KEY_A);
    assert_int_equal(talk(bench), bench->now + 1200000);
}

static void nobody_is_given_longer_than_a_person_waits(void **state)
{
    struct bench *bench = *state;

    listen_slowly(bench, 60000000);
    assert_int_equal(talk(bench), bench->now + 3000000);
}

/* The reports that the guest threw away at its reset are made good by the state. */
static void state_is_told_again_when_the_guest_listens_again(void **state)
{
    struct bench *bench = *state;
    const uint8_t a[8] = {0, 0, 4};
    const uint8_t none[8] = {0};

    press(bench, KEY_A);
    talk(bench);
    expect_report(bench, 0, a);
    guest_stop_listening(&bench->guest);
    guest_reset(&bench->guest);
    talk(bench);
    bench->guest.n_reports = 0;
    guest_configure(&bench->guest, 1);
    talk(bench);
    assert_int_equal(bench->guest.n_reports, 0);
    listen_and_settle(bench);
    assert_int_equal(bench->guest.n_reports, 1);
    expect_report(bench, 0, a);
    release(bench, KEY_A);
    talk(bench);
    expect_report(bench, 1, none);
}

static void firmware_gets_held_keys_repeated(void **state)
{
    struct bench *bench = *state;
    uint64_t again;

    guest_tell(&bench->guest, 0x21, 0x0a, 0x0800, NULL, 0); /* SET_IDLE: 32 ms */
    assert_int_equal(talk(bench), UINT64_MAX);              /* no key, no repetition */
    press(bench, KEY_A);
    again = talk(bench);
    assert_int_equal(bench->guest.n_reports, 1);
    assert_int_equal(again, bench->now + 66000);
    bench->now = again;
    again = talk(bench);
    assert_int_equal(bench->guest.n_reports, 2);
    assert_memory_equal(bench->guest.reports[0], bench->guest.reports[1], 8);
    assert_int_equal(again, bench->now + 66000);
    release(bench, KEY_A);
    assert_int_equal(talk(bench), UINT64_MAX);
    assert_int_equal(bench->guest.n_reports, 3);
}

/* Pacing and the queue */

static void typing_is_immediate_and_pasting_is_paced(void **state)
{
    struct bench *bench = *state;
    uint64_t start = bench->now;
    uint64_t again;

    for (int i = 0; i < 500; i++) {
        press(bench, KEY_A);
        release(bench, KEY_A);
    }
    again = talk(bench);
    assert_int_equal(bench->guest.n_reports, 40);
    while (again != UINT64_MAX) {
        assert_true(again > bench->now);
        bench->now = again;
        again = talk(bench);
    }
    assert_int_equal(bench->guest.n_reports, 1000);
    assert_int_equal(bench->now - start, (1000 - 40) * 2500);
    bench->now += 1000000;
    press(bench, KEY_A);
    talk(bench);
    assert_int_equal(bench->guest.n_reports, 1001);
}

/* Nothing is dropped in halves: what a deaf guest reads in the end are whole strokes, and no key is
 * down. */
static void full_queue_drops_whole_strokes(void **state)
{
    struct bench *bench = *state;
    uint64_t again;
    size_t strokes = 0;

    press(bench, KEY_LEFTSHIFT);
    for (int i = 0; i < KEYBOARD_QUEUE; i++) {
        press(bench, KEY_A);
        release(bench, KEY_A);
    }
    assert_true(bench->keyboard.dropped > 0);
    release(bench, KEY_LEFTSHIFT);
    assert_true(bench->keyboard.waiting <= KEYBOARD_QUEUE);

    guest_configure(&bench->guest, 1);
    guest_listen(&bench->guest);
    do {
        again = talk(bench);
        bench->now = again;
        for (size_t i = 0; i < bench->guest.n_reports; i++)
            strokes += bench->guest.reports[i][2] != 0;
        if (again != UINT64_MAX)
            bench->guest.n_reports = 0;
    } while (again != UINT64_MAX);
    assert_true(strokes >= KEYBOARD_QUEUE / 2 - 2);
    assert_int_equal(bench->keyboard.dropped, 0);
    const uint8_t none[8] = {0};
    expect_report(bench, bench->guest.n_reports - 1, none);
}

/* A host that does not take the stream makes the queue grow, not the parser's memory, nor what its
 * hypervisor gets at once when it does: of 2000 reports of 28 bytes it would drop some. */
static void unread_ring_holds_reports_back(void **state)
{
    struct bench *bench = *state;
    bool moved = false;

    for (int i = 0; i < 10000; i++) {
        press(bench, KEY_A);
        release(bench, KEY_A);
        bench->now += 10000;
        keyboard_run(&bench->keyboard, bench->now, &moved);
    }
    assert_true(bench->keyboard.waiting > 10000);
    assert_in_range(ring_fill(&bench->guest.in), 28, 500 * 28);
    assert_true(usbredirparser_has_data_to_write(bench->keyboard.hid.parser) <= 1);
    bench->now += 10000;
    while (bench->keyboard.waiting > 0) {
        bench->guest.n_reports = 0;
        guest_run(&bench->guest);
        bench->now += 10000;
        keyboard_run(&bench->keyboard, bench->now, &moved);
    }
    assert_int_equal(bench->keyboard.sent.n_keys, 0);
}

/* Nor do the answers to one that asks and asks: it is not read any more. */
static void answers_that_are_not_taken_do_not_pile_up(void **state)
{
    struct bench *bench = *state;
    bool moved = false;

    for (int i = 0; i < 20000; i++) {
        usbredirparser_send_get_configuration(bench->guest.parser, (uint64_t)i);
        usbredirparser_do_write(bench->guest.parser);
        keyboard_run(&bench->keyboard, bench->now, &moved);
    }
    assert_true(usbredirparser_has_data_to_write(bench->keyboard.hid.parser) <= 2);
    assert_true(usbredirparser_has_data_to_write(bench->guest.parser) > 1000);
    bench->guest.configuration = -1;
    while (usbredirparser_has_data_to_write(bench->guest.parser) > 0)
        talk(bench);
    assert_int_equal(bench->guest.configuration, 1);
}

static void hostile_index_silences_the_device(void **state)
{
    struct bench *bench = *state;
    bool moved = false;

    atomic_store(&bench->guest.out.shared->head, bench->guest.out.own + RING_CAPACITY + 1);
    press(bench, KEY_A);
    assert_int_equal(keyboard_run(&bench->keyboard, bench->now, &moved), UINT64_MAX);
    assert_true(bench->keyboard.hid.broken);
    moved = false;
    keyboard_run(&bench->keyboard, bench->now, &moved);
    assert_false(moved);
}

static void garbage_does_no_harm(void **state)
{
    struct bench *bench = *state;
    uint32_t seed = 1;

    for (int round = 0; round < 200; round++) {
        uint8_t bytes[256];
        bool moved = false;

        for (size_t i = 0; i < sizeof(bytes); i++) {
            seed = seed * 1103515245 + 12345;
            bytes[i] = i % 16 < 12 && i % 4 != 0 ? 0 : (uint8_t)(seed >> 24);
        }
        ring_write(&bench->guest.out, bytes, sizeof(bytes));
        press(bench, KEY_A);
        release(bench, KEY_A);
        keyboard_run(&bench->keyboard, bench->now, &moved);
    }
    assert_int_equal(ring_fill(&bench->keyboard.hid.in), 0);
}

/* A stream that begins anew */

/* What the old guest leaves: it has set an LED, holds A, has said half a word, and does not listen
 * to what is typed then. */
static void leave(struct bench *bench)
{
    uint8_t leds = KEYBOARD_LED_CAPS;

    guest_tell(&bench->guest, 0x21, 0x09, 0x0200, &leds, 1);
    press(bench, KEY_A);
    talk(bench);
    assert_int_equal(bench->leds, KEYBOARD_LED_CAPS);
    guest_stop_listening(&bench->guest);
    talk(bench);
    press(bench, KEY_B);
    release(bench, KEY_B);
    press(bench, KEY_C);
    assert_int_equal(ring_write(&bench->guest.out, "half", 4), 4);
}

static void begin_anew(struct bench *bench)
{
    struct region *region = &bench->guest.region;
    bool moved = false;

    atomic_fetch_add(&region_notice(region)->generations[REGION_STREAM_KEYBOARD], 1);
    keyboard_run(&bench->keyboard, bench->now, &moved);
    assert_true(moved);
    assert_int_equal(
        atomic_load(&region_status(region)->streams[REGION_STREAM_KEYBOARD].generation), 1);
    guest_replace(&bench->guest, REGION_STREAM_KEYBOARD);
    talk(bench);
    assert_int_equal(bench->guest.connected, 2);
    assert_int_equal(bench->leds, 0);
    assert_false(hid_device_listening(&bench->keyboard.hid));
    guest_configure(&bench->guest, 1);
    listen_and_settle(bench);
}

static void another_machine_gets_what_is_held_and_not_what_waited(void **state)
{
    struct bench *bench = *state;
    const uint8_t held[8] = {0, 0, 0x04, 0x06};
    const uint8_t none[8] = {0};

    leave(bench);
    atomic_store(&region_notice(&bench->guest.region)->user_vm, REGION_USER_VM_CRASHED);
    begin_anew(bench);
    assert_int_equal(bench->guest.n_reports, 1);
    expect_report(bench, 0, held);
    release(bench, KEY_A);
    release(bench, KEY_C);
    talk(bench);
    assert_int_equal(bench->guest.n_reports, 3);
    expect_report(bench, 2, none);
}

static void the_same_machine_gets_what_waited(void **state)
{
    struct bench *bench = *state;
    const uint8_t before[8] = {0, 0, 0x04};
    const uint8_t after[8] = {0, 0, 0x04, 0x06};

    leave(bench);
    begin_anew(bench);
    assert_int_equal(bench->guest.n_reports, 4);
    expect_report(bench, 0, before);
    expect_report(bench, 3, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_has_modifiers_and_keys_in_order),
        cmocka_unit_test(seventh_key_is_roll_over_until_one_is_released),
        cmocka_unit_test(all_keys_may_be_down),
        cmocka_unit_test(usages_are_unique),
        cmocka_unit_test_setup_teardown(device_is_plugged_in_once_both_have_said_hello, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(descriptors_agree_with_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(settings_are_kept_and_told, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_configuration_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(led_report_is_passed_on_and_reset_clears_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(keys_before_the_guest_listens_are_held, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_guest_is_given_as_long_again, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_is_given_longer_than_a_person_waits, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(state_is_told_again_when_the_guest_listens_again,
                                        setup_listening, teardown),
        cmocka_unit_test_setup_teardown(firmware_gets_held_keys_repeated, setup_listening,
                                        teardown),
        cmocka_unit_test_setup_teardown(typing_is_immediate_and_pasting_is_paced, setup_listening,
                                        teardown),
        cmocka_unit_test_setup_teardown(full_queue_drops_whole_strokes, setup, teardown),
        cmocka_unit_test_setup_teardown(unread_ring_holds_reports_back, setup_listening, teardown),
        cmocka_unit_test_setup_teardown(answers_that_are_not_taken_do_not_pile_up, setup_listening,
                                        teardown),
        cmocka_unit_test_setup_teardown(hostile_index_silences_the_device, setup_listening,
                                        teardown),
        cmocka_unit_test_setup_teardown(garbage_does_no_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(another_machine_gets_what_is_held_and_not_what_waited,
                                        setup_listening, teardown),
        cmocka_unit_test_setup_teardown(the_same_machine_gets_what_waited, setup_listening,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
