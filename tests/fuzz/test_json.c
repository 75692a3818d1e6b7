/* tests/fuzz/test_json.c: the JSON reader: it ends, with a reason or at the end, and strings
 * that it read can be quoted and read again. */
#define _DEFAULT_SOURCE
#include "runtime/json.h"
#include "tests/fuzz/files.h"

#define REPLAY_NAME "json"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/json", ""}
enum { REPLAY_MUTANTS = 400 };

static void must_quote(const rt_buf *text)
{
    rt_err e = {0};
    rt_buf quoted = {0};
    rt_json j;
    if (memchr(text->data, 0, (size_t)text->length))
        return;    /* what is quoted is a C string */
    must(rt_json_quote(&e, &quoted, text->data), "a string can be quoted");
    rt_json_open(&j, "quoted", quoted.data, quoted.length);
    must(rt_json_want(&e, &j, RT_JSON_STRING) && j.text.length == text->length &&
             !memcmp(j.text.data, text->data, (size_t)text->length),
         "a quoted string reads back");
    must(rt_json_want(&e, &j, RT_JSON_END), "a quoted string is one value");
    rt_json_close(&j);
    rt_buf_free(&quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rt_err e = {0};
    rt_json j;
    int64_t number;
    size_t tokens = 0;
    rt_json_open(&j, "fuzz", (const char *)data, (int64_t)size);
    do {
        if (!rt_json_next(&e, &j)) {
            must_explain(&e);
            break;
        }
        must(j.depth >= 0 && j.depth <= RT_JSON_DEPTH, "depth");
        must(++tokens <= 2 * size + 2, "every token takes a byte");
        if (j.kind == RT_JSON_NUMBER && rt_json_integer(NULL, &j, &number))
            must(number >= 0, "integers are not negative");
        if (j.kind == RT_JSON_STRING || j.kind == RT_JSON_KEY)
            must_quote(&j.text);
    } while (j.kind != RT_JSON_END);
    rt_json_close(&j);
    return 0;
}

#include "tests/fuzz/replay.h"
