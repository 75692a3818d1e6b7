# tests/cuda/table.awk: of the kernels of a kernels.cu the emulator's table, as C:
#
#   awk -f tests/cuda/table.awk kernels.cu >table.h
#
# A kernel begins at a line's start, `KERNEL(threads) name(`; each parameter ends in its name.

function take(head,    threads, name, list, part, n, i, type, call, sizes) {
    gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", head)     # a comment may have stars: [5 * n][6]
    threads = name = list = head
    sub(/^KERNEL\(/, "", threads)
    sub(/\).*/, "", threads)
    sub(/^KERNEL\([^)]*\)[ \n]*/, "", name)
    sub(/[ \n]*\(.*/, "", name)
    sub(/^KERNEL\([^)]*\)[^(]*\(/, "", list)
    sub(/\)[ \n]*$/, "", list)
    gsub(/[ \n]+/, " ", list)
    n = split(list, part, ",")
    for (i = 1; i <= n; i++) {
        type = part[i]
        sub(/^ /, "", type)
        sub(/ *[A-Za-z_0-9]+ *$/, "", type)
        call = call (i > 1 ? ", " : "") "*(" type " *)arg[" i - 1 "]"
        sizes = sizes (i > 1 ? ", " : "") "sizeof(" type ")"
    }
    printf "static void emu_call_%s(void *const *arg) { %s(%s); }\n", name, name, call
    printf "static const unsigned char emu_bytes_%s[] = { %s };\n", name, sizes
    rows = rows sprintf("    { \"%s\", emu_call_%s, %s, %d, emu_bytes_%s },\n", name, name, threads, n, name)
}

/^KERNEL\(/ { head = ""; taking = 1 }
taking { head = head $0 "\n" }
taking && /\{/ { sub(/\{.*/, "", head); take(head); taking = 0 }

END {
    printf "static const emu_kernel emu_kernels[] = {\n%s    { 0 }\n};\n", rows
}
