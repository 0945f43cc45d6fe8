/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_test.c - records: what is written is read, and what is no record is refused
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "region/record.h"

static void bytes_are_as_specified(void **state)
{
    struct record_writer writer = {0};
    static const uint8_t expected[] = {
        0x01, 0x00, 0x00, 0x80, 0x03, 0, 0, 0, 'h',  'i',  0,    0,    0, 0, 0, 0, /* text */
        0x02, 0x00, 0x00, 0x00, 0x04, 0, 0, 0, 0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0, /* u32 */
        0x03, 0x00, 0x00, 0x00, 0x08, 0, 0, 0, 8,    7,    6,    5,    4, 3, 2, 1, /* u64 */
        0x04, 0x00, 0x00, 0x00, 0x00, 0, 0, 0,                                     /* empty */
    };

    assert_int_equal(record_put_text(&writer, RECORD_MANDATORY | 1, "hi"), 0);
    assert_int_equal(record_put_u32(&writer, 2, 0x12345678), 0);
    assert_int_equal(record_put_u64(&writer, 3, 0x0102030405060708), 0);
    assert_int_equal(record_put(&writer, 4, NULL, 0), 0);
    assert_int_equal(writer.size, sizeof(expected));
    assert_memory_equal(writer.bytes, expected, sizeof(expected));
    free(writer.bytes);
}

/* A writer that does not clear what it pads with sends old memory to another host. */
static void every_length_is_padded_with_zeroes_and_read_back(void **state)
{
    struct record_writer writer = {0};
    struct record_reader reader;
    struct record record;
    uint8_t data[40];

    memset(data, 0xaa, sizeof(data));
    for (uint32_t length = 0; length <= sizeof(data); length++) {
        size_t before = writer.size;

        assert_int_equal(record_put(&writer, 100 + length, data, length), 0);
        assert_int_equal(writer.size % 8, 0);
        for (size_t i = before + RECORD_HEADER_SIZE + length; i < writer.size; i++)
            assert_int_equal(writer.bytes[i], 0);
    }

    reader = (struct record_reader){writer.bytes, writer.size};
    for (uint32_t length = 0; length <= sizeof(data); length++) {
        assert_int_equal(record_next(&reader, &record), 1);
        assert_int_equal(record.type, 100 + length);
        assert_int_equal(record.length, length);
        assert_memory_equal(record.data, data, length);
    }
    assert_int_equal(record_next(&reader, &record), 0);
    assert_int_equal(record_next(&reader, &record), 0);
    free(writer.bytes);
}

static void every_truncation_is_refused(void **state)
{
    struct record_writer writer = {0};

    assert_int_equal(record_put_text(&writer, 1, "a text of some length"), 0);
    for (size_t size = 1; size < writer.size; size++) {
        /* A copy of just this size, so that the sanitizer sees a read behind its end. */
        uint8_t *cut = malloc(size);
        struct record_reader reader = {cut, size};
        struct record record = {.type = 77};

        memcpy(cut, writer.bytes, size);
        assert_int_equal(record_next(&reader, &record), -EPROTO);
        assert_int_equal(record.type, 77);
        free(cut);
    }
    free(writer.bytes);
}

static void length_that_lies_is_refused(void **state)
{
    static const uint32_t lies[] = {9, 16, 0x7fffffff, 0xfffffff8, 0xffffffff};
    uint8_t bytes[16] = {1};
    struct record record;

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct record_reader reader = {bytes, sizeof(bytes)};

        for (int byte = 0; byte < 4; byte++)
            bytes[4 + byte] = (uint8_t)(lies[i] >> (8 * byte));
        assert_int_equal(record_next(&reader, &record), -EPROTO);
    }
}

static void unknown_type_can_be_skipped_and_mandatory_is_told(void **state)
{
    struct record_writer writer = {0};
    struct record record;

    assert_int_equal(record_put_text(&writer, 4711, "what a newer writer says"), 0);
    assert_int_equal(record_put_u32(&writer, RECORD_MANDATORY | 4712, 5), 0);

    struct record_reader reader = {writer.bytes, writer.size};

    assert_int_equal(record_next(&reader, &record), 1);
    assert_false(record.type & RECORD_MANDATORY);
    assert_int_equal(record_next(&reader, &record), 1);
    assert_int_equal(record.type, RECORD_MANDATORY | 4712);
    assert_int_equal(record_next(&reader, &record), 0);
    free(writer.bytes);
}

static void number_of_another_length_is_refused(void **state)
{
    static const uint8_t data[16] = {1};
    uint32_t small = 77;
    uint64_t large = 77;

    for (uint32_t length = 0; length <= sizeof(data); length++) {
        struct record record = {.type = 1, .length = length, .data = data};

        assert_int_equal(record_u32(&record, &small), length == 4 ? 0 : -EPROTO);
        assert_int_equal(small, length < 4 ? 77 : 1);
        assert_int_equal(record_u64(&record, &large), length == 8 ? 0 : -EPROTO);
        assert_int_equal(large, length < 8 ? 77 : 1);
    }
}

static void numbers_are_read_back(void **state)
{
    static const uint8_t data[8] = {0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8};
    struct record record = {.type = 1, .length = 4, .data = data};
    uint32_t small;
    uint64_t large;

    assert_int_equal(record_u32(&record, &small), 0);
    assert_true(small == 0xf4f3f2f1);
    record.length = 8;
    assert_int_equal(record_u64(&record, &large), 0);
    assert_true(large == 0xf8f7f6f5f4f3f2f1);
}

static void text_ends_with_its_only_nul(void **state)
{
    struct {
        const char *bytes;
        uint32_t length;
        bool is_text;
    } cases[] = {
        {"", 0, false},    {"", 1, true},      {"abc", 4, true},
        {"abc", 3, false}, {"a\0b", 4, false}, {"ab\0", 4, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t *data = malloc(cases[i].length + 1);
        struct record record = {.type = 1, .length = cases[i].length, .data = data};

        memcpy(data, cases[i].bytes, cases[i].length);
        const char *text = record_text(&record);

        assert_int_equal(text != NULL, cases[i].is_text);
        if (text != NULL)
            assert_string_equal(text, cases[i].bytes);
        free(data);
    }
}

static void too_large_is_refused_and_changes_nothing(void **state)
{
#if SIZE_MAX > UINT32_MAX
    struct record_writer writer = {0};
    uint8_t byte = 0;

    assert_int_equal(record_put_u32(&writer, 1, 1), 0);
    size_t before = writer.size;

    assert_int_equal(record_put(&writer, 2, &byte, (size_t)UINT32_MAX + 1), -EOVERFLOW);
    assert_int_equal(writer.size, before);
    free(writer.bytes);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_as_specified),
        cmocka_unit_test(every_length_is_padded_with_zeroes_and_read_back),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(length_that_lies_is_refused),
        cmocka_unit_test(unknown_type_can_be_skipped_and_mandatory_is_told),
        cmocka_unit_test(number_of_another_length_is_refused),
        cmocka_unit_test(numbers_are_read_back),
        cmocka_unit_test(text_ends_with_its_only_nul),
        cmocka_unit_test(too_large_is_refused_and_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
